// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: p2pmem-copier, a sample orchestrator
 *
 * Copies data from one p2pmem-engine to another. The data is in peer-to-peer memory on
 * its way where possible and in system memory otherwise; both are counted. Every copy is
 * compared with what was sent.
 *
 *   modprobe p2pmem-copier from=0000:04:00.0 to=0000:05:00.0
 *   echo 2048 > /sys/module/p2pmem_copier/parameters/copy
 *   cat /sys/module/p2pmem_copier/parameters/peer_bytes
 */
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/pci-p2pmem.h>
#include <linux/random.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include "engine.h"

#define COPIER_RETRY	(5 * HZ)

static char *from, *to;
module_param(from, charp, 0444);
MODULE_PARM_DESC(from, "PCI address of the engine to read from");
module_param(to, charp, 0444);
MODULE_PARM_DESC(to, "PCI address of the engine to write to");

static struct copier {
	struct device *clients[2];		/* referenced */
	struct pci_p2pmem_grant __rcu *grant;	/* NULL: system memory is used */
	struct mutex lock;			/* serializes changes of grant, guards stopping */
	bool stopping;
	struct delayed_work update_work;
	struct notifier_block nb;
	enum pci_p2pmem_reason reason;		/* why there is no grant */
	atomic_long_t peer_bytes;
	atomic_long_t system_bytes;
	atomic_long_t fallbacks[PCI_P2PMEM_NR_REASONS];
} copier = {
	.lock = __MUTEX_INITIALIZER(copier.lock),
};

/* Callbacks and notifiers run under locks of the core: they only queue work. */
static void copier_revoke(struct pci_p2pmem_grant *grant)
{
	struct copier *c = pci_p2pmem_grant_priv(grant);

	mod_delayed_work(system_wq, &c->update_work, 0);
}

/*
 * An orchestrator that holds memory for long ends its users here. A copy holds memory for
 * one transfer, which the engine's time limit ends.
 */
static void copier_evict(struct pci_p2pmem_grant *grant) { }

static const struct pci_p2pmem_grant_ops copier_grant_ops = {
	.revoke = copier_revoke,
	.evict = copier_evict,
};

/* A provider or a client appeared, or the verdict of a pair changed. */
static int copier_event(struct notifier_block *nb, unsigned long event, void *data)
{
	struct copier *c = container_of(nb, struct copier, nb);

	mod_delayed_work(system_wq, &c->update_work, 0);
	return NOTIFY_OK;
}

static void copier_end_grant(struct copier *c)
{
	struct pci_p2pmem_grant *grant;

	grant = rcu_replace_pointer(c->grant, NULL, lockdep_is_held(&c->lock));
	if (grant)
		pci_p2pmem_grant_end(grant);
}

/* Have both pairs proved by real DMA; 0, or an errno with the reason in @why. */
static int copier_verify(struct copier *c, struct pci_p2pmem_grant *grant,
			 struct pci_p2pmem_verdict *why)
{
	int i, ret = 0;

	for (i = 0; !ret && i < ARRAY_SIZE(c->clients); i++)
		ret = pci_p2pmem_grant_verify(grant, c->clients[i], NULL, why);
	return ret;
}

/* Whether the results of copier_verify() exist: the core drops them when they are outdated */
static bool copier_verified(struct copier *c, struct pci_p2pmem_grant *grant)
{
	struct pci_p2pmem_verdict v;
	int i;

	for (i = 0; i < ARRAY_SIZE(c->clients); i++) {
		pci_p2pmem_verdict(pci_p2pmem_grant_provider(grant), c->clients[i], 0, &v);
		if (v.proof == PCI_P2PMEM_UNTRIED)
			return false;
	}
	return true;
}

/* The best provider for both engines, and a grant of it; NULL or an error pointer if none is */
static struct pci_p2pmem_grant *copier_grant(struct copier *c, struct pci_p2pmem_verdict *why)
{
	ktime_t since = ktime_get();
	struct pci_p2pmem_grant *grant;
	struct pci_dev *provider;

	provider = pci_p2pmem_choose_provider(NULL, PCI_P2PMEM_NEAREST, c->clients,
					      ARRAY_SIZE(c->clients), since, why);
	if (!provider)
		return NULL;
	grant = pci_p2pmem_grant_create(provider, c->clients, ARRAY_SIZE(c->clients), since,
					&copier_grant_ops, c, "p2pmem-copier", why);
	pci_dev_put(provider);
	return grant;
}

/* Create a grant where there is none; replace one that can no longer be used. */
static void copier_update(struct work_struct *work)
{
	struct copier *c = container_of(work, struct copier, update_work.work);
	struct pci_p2pmem_verdict why = {};
	struct pci_p2pmem_grant *grant;
	int ret;

	guard(mutex)(&c->lock);
	if (c->stopping)
		return;
	grant = rcu_dereference_protected(c->grant, lockdep_is_held(&c->lock));
	if (grant && pci_p2pmem_grant_usable(grant)) {
		if (pci_p2pmem_grant_verdict(grant, &why) && copier_verified(c, grant))
			return;
		/* Refused, or to be proved again. Memory that is in use stays mapped. */
		copier_end_grant(c);
	} else if (grant) {
		/* Revoked. Keep the grant for evict until all memory is returned. */
		if (!pci_p2pmem_grant_idle(grant)) {
			mod_delayed_work(system_wq, &c->update_work, HZ);
			return;
		}
		copier_end_grant(c);
	}

	grant = copier_grant(c, &why);
	if (IS_ERR_OR_NULL(grant)) {
		WRITE_ONCE(c->reason, why.reason);
		if (why.reason == PCI_P2PMEM_NO_MEMORY)
			mod_delayed_work(system_wq, &c->update_work, COPIER_RETRY);
		return;
	}
	ret = copier_verify(c, grant, &why);
	if (ret) {
		WRITE_ONCE(c->reason, why.reason ?: PCI_P2PMEM_NOT_VERIFIED);
		pci_p2pmem_grant_end(grant);
		/* Nothing could be shown this time: try again later. */
		if (ret == -EAGAIN)
			mod_delayed_work(system_wq, &c->update_work, COPIER_RETRY);
		return;
	}
	rcu_assign_pointer(c->grant, grant);
}

/* Allocate peer memory, or return NULL and the reason. */
static struct scatterlist *copier_peer_alloc(struct copier *c, u32 length,
					     unsigned int *nents,
					     enum pci_p2pmem_reason *reason)
{
	struct pci_p2pmem_grant *grant;
	struct scatterlist *sgl;

	scoped_guard(rcu) {
		*reason = READ_ONCE(c->reason);
		grant = rcu_dereference(c->grant);
		if (!grant || !pci_p2pmem_grant_tryget(grant))
			return NULL;
	}
	sgl = pci_p2pmem_grant_sgl_alloc(grant, nents, length, GFP_KERNEL, reason);
	pci_p2pmem_grant_put(grant);	/* the list holds a reference of its own */
	return IS_ERR(sgl) ? NULL : sgl;
}

/* From the buffer of one engine through @sgl into that of the other */
static int copier_move(struct copier *c, struct scatterlist *sgl, unsigned int nents)
{
	return p2pmem_engine_move(c->clients[0], sgl, nents, DMA_FROM_DEVICE) ?:
	       p2pmem_engine_move(c->clients[1], sgl, nents, DMA_TO_DEVICE);
}

/*
 * Whether a copy through peer memory has to be repeated with system memory, after its transfers
 * and before success is reported: the source still has the data. Set the reason.
 */
static bool copier_repeats(struct scatterlist *sgl, int error, enum pci_p2pmem_reason *reason)
{
	/* The provider is gone with the data, even if the transfers succeeded. */
	if (pci_p2pmem_sgl_lost(sgl))
		error = -ENODEV;
	switch (error) {
	case -EIO:		/* the IOMMU */
		*reason = PCI_P2PMEM_MAP_FAILED;
		return true;
	case -EXDEV:		/* the driver of an engine has reduced its mask */
		*reason = PCI_P2PMEM_DMA_MASK;
		return true;
	case -ENODEV:
		*reason = PCI_P2PMEM_REVOKED;
		return true;
	}
	return false;
}

static int copier_copy(struct copier *c, u32 length)
{
	enum pci_p2pmem_reason reason;
	struct scatterlist *sgl;
	unsigned int nents;
	bool repeat;
	int ret;

	sgl = copier_peer_alloc(c, length, &nents, &reason);
	if (sgl) {
		ret = copier_move(c, sgl, nents);
		repeat = copier_repeats(sgl, ret, &reason);
		pci_p2pmem_sgl_free(sgl);
		if (!repeat) {
			if (!ret)
				atomic_long_add(length, &c->peer_bytes);
			return ret;
		}
	}

	atomic_long_inc(&c->fallbacks[reason]);
	sgl = sgl_alloc(length, GFP_KERNEL, &nents);
	if (!sgl)
		return -ENOMEM;
	ret = copier_move(c, sgl, nents);
	if (!ret)
		atomic_long_add(length, &c->system_bytes);
	sgl_free(sgl);
	return ret;
}

/* Fill the source, copy, read the destination and compare. */
static int copier_copy_checked(struct copier *c, u8 *sent, u8 *received, u32 length)
{
	struct scatterlist sg;
	int ret;

	get_random_bytes(sent, length);
	sg_init_one(&sg, sent, length);
	ret = p2pmem_engine_move(c->clients[0], &sg, 1, DMA_TO_DEVICE) ?:
	      copier_copy(c, length);
	if (ret)
		return ret;
	sg_init_one(&sg, received, length);
	ret = p2pmem_engine_move(c->clients[1], &sg, 1, DMA_FROM_DEVICE);
	if (!ret && memcmp(sent, received, length))
		ret = -EIO;
	return ret;
}

static int copier_set_copy(const char *val, const struct kernel_param *kp)
{
	u32 length;
	int ret = kstrtou32(val, 0, &length);
	u8 *buf;

	if (ret)
		return ret;
	if (!length || length > ENGINE_BYTES || !copier.clients[1])
		return -EINVAL;
	buf = kzalloc(2 * ENGINE_BYTES, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	ret = copier_copy_checked(&copier, buf, buf + ENGINE_BYTES, length);
	kfree(buf);
	return ret;
}

static const struct kernel_param_ops copier_copy_ops = { .set = copier_set_copy };
module_param_cb(copy, &copier_copy_ops, NULL, 0200);
MODULE_PARM_DESC(copy, "copy this many bytes, at most 2048, and compare");

static int copier_get_bytes(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%ld\n", atomic_long_read((atomic_long_t *)kp->arg));
}

static const struct kernel_param_ops copier_bytes_ops = { .get = copier_get_bytes };
module_param_cb(peer_bytes, &copier_bytes_ops, &copier.peer_bytes, 0444);
MODULE_PARM_DESC(peer_bytes, "bytes copied through peer-to-peer memory");
module_param_cb(system_bytes, &copier_bytes_ops, &copier.system_bytes, 0444);
MODULE_PARM_DESC(system_bytes, "bytes copied through system memory");

static int copier_get_fallbacks(char *buf, const struct kernel_param *kp)
{
	int i, len = 0;

	for (i = 0; i < PCI_P2PMEM_NR_REASONS; i++)
		if (atomic_long_read(&copier.fallbacks[i]))
			len += sysfs_emit_at(buf, len, "%s %ld\n", pci_p2pmem_reason_token(i),
					     atomic_long_read(&copier.fallbacks[i]));
	return len;
}

static const struct kernel_param_ops copier_fallbacks_ops = { .get = copier_get_fallbacks };
module_param_cb(fallbacks, &copier_fallbacks_ops, NULL, 0444);
MODULE_PARM_DESC(fallbacks, "copies that used system memory, by reason");

static struct device *copier_find(const char *address)
{
	unsigned int domain, bus, slot, func;
	struct pci_dev *pdev;

	if (!address || sscanf(address, "%x:%x:%x.%x", &domain, &bus, &slot, &func) != 4)
		return NULL;
	pdev = pci_get_domain_bus_and_slot(domain, bus, PCI_DEVFN(slot, func));
	return pdev ? &pdev->dev : NULL;
}

static void copier_put_clients(struct copier *c)
{
	put_device(c->clients[0]);
	put_device(c->clients[1]);
	memset(c->clients, 0, sizeof(c->clients));
}

static int __init copier_init(void)
{
	struct copier *c = &copier;
	int ret;

	c->reason = PCI_P2PMEM_NO_PROVIDER;
	INIT_DELAYED_WORK(&c->update_work, copier_update);
	c->nb.notifier_call = copier_event;
	c->clients[0] = copier_find(from);
	c->clients[1] = copier_find(to);
	if (!c->clients[0] || !c->clients[1]) {
		pr_err("p2pmem-copier: no PCI device at from=%*pE or to=%*pE\n",
		       from ? (int)strlen(from) : 0, from, to ? (int)strlen(to) : 0, to);
		copier_put_clients(c);
		return -ENODEV;
	}
	ret = pci_p2pmem_register_notifier(&c->nb);
	if (ret)
		copier_put_clients(c);
	else
		mod_delayed_work(system_wq, &c->update_work, 0);
	return ret;
}
module_init(copier_init);

static void __exit copier_exit(void)
{
	struct copier *c = &copier;

	pci_p2pmem_unregister_notifier(&c->nb);
	scoped_guard(mutex, &c->lock) {
		c->stopping = true;
		copier_end_grant(c);
	}
	/* Nothing queues the work any more: no notifier, and no callback of an ended grant. */
	cancel_delayed_work_sync(&c->update_work);
	copier_put_clients(c);
}
module_exit(copier_exit);

MODULE_DESCRIPTION("PCI peer-to-peer memory: a sample orchestrator");
MODULE_LICENSE("GPL");
