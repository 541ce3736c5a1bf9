// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: decides by the results of self-tests whether a path is used
 *
 * Floor 2.
 *
 * A grant means that drive and adapter should reach the provider. Before requests use its
 * memory, both pairs are proved by real DMA (p2pmem-test.c). A pair that was proved since its
 * last change is not tested again: the path uses the grant at once. The namespace's attribute
 * p2pmem_verify defines which results are accepted, see nvmet_p2pmem_rule(). A path that is
 * refused has a reason, as in all other cases.
 */
#include <linux/module.h>
#include "p2pmem-priv.h"

/* The mode of a path; "auto" depends on whether the path needs an administrator's entry */
static enum nvmet_p2pmem_mode nvmet_p2pmem_mode(struct nvmet_p2pmem_path *path,
						const struct pci_p2pmem_verdict *v)
{
	struct nvmet_p2pmem_ns *rec = nvmet_p2pmem_record(path->ns);
	int i;

	if (rec->verify != NVMET_P2PMEM_AUTO)
		return rec->verify;
	for (i = 0; i < NVMET_P2PMEM_PAIRS; i++)
		if (v[i].by_admin || v[i].in_guest)
			return NVMET_P2PMEM_REQUIRE;
	return NVMET_P2PMEM_WARN;
}

/* Whether the core has stored a result of a pair: one that is local to a namespace is not */
static bool nvmet_p2pmem_is_stored(struct nvmet_p2pmem_share *share, int pair)
{
	struct device *client[NVMET_P2PMEM_PAIRS] = { share->drive, share->adapter };
	struct pci_p2pmem_verdict v;

	pci_p2pmem_verdict(share->provider, client[pair], 0, &v);
	return v.proof != PCI_P2PMEM_UNTRIED;
}

/**
 * nvmet_p2pmem_rule() - decide by the results of the self-tests
 * @path: the path
 * @v: verdicts of both pairs
 * @o: returns in @why why the path is refused, or which pair is not proved; in @trust, the
 *	proof, its note, and which results are stored
 *
 * Every mode refuses a pair that moved wrong data. "require" accepts proved pairs only, "warn"
 * also accepts pairs that could not be proved, "off" also accepts pairs that were not tested.
 *
 * Context: Process context, path->ctrl->subsys->lock held.
 * Return: NVMET_P2PMEM_USE or NVMET_P2PMEM_REFUSE.
 */
enum nvmet_p2pmem_ruling nvmet_p2pmem_rule(struct nvmet_p2pmem_path *path,
					   const struct pci_p2pmem_verdict *v,
					   struct nvmet_p2pmem_outcome *o)
{
	enum nvmet_p2pmem_mode mode = nvmet_p2pmem_mode(path, v);
	const struct pci_p2pmem_verdict *open = NULL;
	int i;

	for (i = 0; i < NVMET_P2PMEM_PAIRS; i++) {
		if (v[i].reason) {
			o->why = v[i];
			return NVMET_P2PMEM_REFUSE;
		}
		if (v[i].proof != PCI_P2PMEM_PROVED && !open)
			open = &v[i];
		o->trust.requests[i] = v[i].requests;
	}
	o->trust.note[0] = '\0';
	o->trust.stored = 0;
	o->trust.proof = PCI_P2PMEM_UNTRIED;
	if (mode == NVMET_P2PMEM_OFF)
		return NVMET_P2PMEM_USE;
	/* A proof is always stored. If it was dropped since the test, that is found later. */
	for (i = 0; i < NVMET_P2PMEM_PAIRS; i++)
		if (v[i].proof == PCI_P2PMEM_PROVED || nvmet_p2pmem_is_stored(path->share, i))
			o->trust.stored |= BIT(i);
	o->trust.proof = PCI_P2PMEM_PROVED;
	if (!open)
		return NVMET_P2PMEM_USE;

	o->trust.proof = PCI_P2PMEM_UNPROVED;
	scnprintf(o->trust.note, sizeof(o->trust.note), "%s: %s", open->client, open->note);
	o->why = *open;
	o->why.reason = PCI_P2PMEM_NOT_VERIFIED;
	return mode == NVMET_P2PMEM_REQUIRE ? NVMET_P2PMEM_REFUSE : NVMET_P2PMEM_USE;
}

/**
 * nvmet_p2pmem_is_short() - whether a reason means that the provider has no free memory
 * @reason: the reason
 *
 * Context: Any.
 * Return: true for a full pool, memory used by the provider's own queues, and a quota.
 */
bool nvmet_p2pmem_is_short(enum pci_p2pmem_reason reason)
{
	return reason == PCI_P2PMEM_POOL_FULL || reason == PCI_P2PMEM_OWN_QUEUES ||
		reason == PCI_P2PMEM_QUOTA;
}

/**
 * nvmet_p2pmem_address() - PCI address of a grant's provider, which may be unplugged
 * @grant: the grant
 *
 * Context: Process context; the caller holds a reference to the grant.
 * Return: domain, bus, device and function as one number.
 */
u64 nvmet_p2pmem_address(struct pci_p2pmem_grant *grant)
{
	struct pci_dev *provider = pci_p2pmem_grant_provider(grant);

	return (u64)pci_domain_nr(provider->bus) << 16 | pci_dev_id(provider);
}

/**
 * nvmet_p2pmem_evaluate() - decide whether a path uses, tests or refuses a new grant
 * @path: the path
 * @grant: the grant
 * @drive: DMA device of the drive
 * @o: as for nvmet_p2pmem_rule()
 *
 * Context: Process context, path->ctrl->subsys->lock held.
 * Return: use the grant now, test it now, test it later, or refuse it.
 */
enum nvmet_p2pmem_ruling nvmet_p2pmem_evaluate(struct nvmet_p2pmem_path *path,
					       struct pci_p2pmem_grant *grant,
					       struct device *drive,
					       struct nvmet_p2pmem_outcome *o)
{
	struct device *client[NVMET_P2PMEM_PAIRS] = { drive, path->ctrl->p2p_client };
	struct pci_p2pmem_verdict v[NVMET_P2PMEM_PAIRS];
	bool untried = false;
	int i;

	for (i = 0; i < NVMET_P2PMEM_PAIRS; i++) {
		pci_p2pmem_verdict(pci_p2pmem_grant_provider(grant), client[i], 0, &v[i]);
		untried |= v[i].proof == PCI_P2PMEM_UNTRIED;
	}
	if (!untried || nvmet_p2pmem_mode(path, v) == NVMET_P2PMEM_OFF)
		return nvmet_p2pmem_rule(path, v, o);
	if (!path->tries || path->tried != nvmet_p2pmem_address(grant) ||
	    time_after_eq(jiffies, path->retry))
		return NVMET_P2PMEM_TEST;
	/* Report the reason of the last test until the next one. */
	o->why.reason = nvmet_p2pmem_is_short(path->reason) ? path->reason :
							      PCI_P2PMEM_NOT_VERIFIED;
	nvmet_p2pmem_rescan(path->retry - jiffies);
	return NVMET_P2PMEM_WAIT;
}

/**
 * nvmet_p2pmem_still_trusted() - whether the results that a grant in use needs still exist
 * @path: the path
 * @grant: grant of the path
 * @drive: DMA device of the drive
 *
 * The core drops a result if the route may have changed, or if an administrator requests a new
 * test. Then the path is tested again in every mode but "off", even if its state did not change.
 * A result that the core never stored, because it is local to a namespace, is not missed; only an
 * administrator's request makes it be found again.
 *
 * Context: Process context, path->ctrl->subsys->lock held.
 * Return: false if a stored result was dropped, or if the mode requires a proof and one of the
 * pairs is not proved.
 */
bool nvmet_p2pmem_still_trusted(struct nvmet_p2pmem_path *path, struct pci_p2pmem_grant *grant,
				struct device *drive)
{
	struct device *client[NVMET_P2PMEM_PAIRS] = { drive, path->ctrl->p2p_client };
	struct pci_p2pmem_verdict v[NVMET_P2PMEM_PAIRS];
	bool proved = true, requested = false;
	enum nvmet_p2pmem_mode mode;
	int i;

	for (i = 0; i < NVMET_P2PMEM_PAIRS; i++) {
		pci_p2pmem_verdict(pci_p2pmem_grant_provider(grant), client[i], 0, &v[i]);
		if (v[i].proof == PCI_P2PMEM_UNTRIED && path->trust.stored & BIT(i))
			return false;
		proved &= v[i].proof == PCI_P2PMEM_PROVED;
		requested |= v[i].requests != path->trust.requests[i];
	}
	mode = nvmet_p2pmem_mode(path, v);
	if (requested && mode != NVMET_P2PMEM_OFF)
		return false;
	return proved || mode != NVMET_P2PMEM_REQUIRE;
}
