// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: suite p2pmem-verify: self-tests of pairs in the core
 *
 * Calls of the clients' operations, their results, and clients, providers or second
 * callers that are added or removed during a test.
 */
#include <kunit/static_stub.h>
#include <trace/events/p2pmem.h>
#include "../registry.h"
#include "lendkit.h"
#include "mapkit.h"

/*
 * All cases (mapkit_switch):
 *
 *	host -- rp -- up -+- dn0 -- card    lends BAR 2
 *	                  +- dn1 -- nic     client, registered once more with an operation
 *	                  `- dn2 -- card2
 */

/**
 * struct prover - a driver with a self-test
 * @k: the hierarchy
 * @client: its registration
 * @grant: what the test is of
 * @says: its result
 * @moves: bytes that it reports
 * @calls: number of its calls
 * @what: argument of the last call
 * @memory: bytes that it could allocate under the grant
 * @local: its result is not about the pair
 * @meanwhile: function to call during the test
 * @hold: the test does not end before this is completed
 * @ret: return value of the test
 * @why: verdict that the test returned
 */
struct prover {
	struct mapkit k;
	struct pci_p2pmem_client *client;
	struct pci_p2pmem_grant *grant;
	enum pci_p2pmem_proof says;
	size_t moves;
	bool local;
	int calls;
	void *what;
	int memory;
	void (*meanwhile)(struct prover *v);
	struct completion *hold;
	int ret;
	struct pci_p2pmem_verdict why;
};

static enum pci_p2pmem_proof prover_verify(struct pci_p2pmem_client *client,
					   struct pci_p2pmem_grant *grant, void *what,
					   struct pci_p2pmem_test *test)
{
	struct prover *v = pci_p2pmem_client_priv(client);
	struct scatterlist *sgl;
	unsigned int nents;

	v->what = what;
	sgl = pci_p2pmem_grant_sgl_alloc(grant, &nents, PAGE_SIZE, GFP_KERNEL, NULL);
	v->memory = PTR_ERR_OR_ZERO(sgl);
	scnprintf(test->note, PCI_P2PMEM_NOTE, "answer %d", v->says);
	test->bytes = v->moves;
	test->local = v->local;
	WRITE_ONCE(v->calls, v->calls + 1);
	if (v->meanwhile)
		v->meanwhile(v);
	if (v->hold)
		wait_for_completion_timeout(v->hold, LEND_SECONDS * HZ);
	if (!v->memory)
		pci_p2pmem_sgl_free(sgl);
	return v->says;
}

static const struct pci_p2pmem_client_ops prover_ops = {
	.verify = prover_verify,
};

static void prover_exit(void *data)
{
	struct prover *v = data;

	pci_p2pmem_unregister_client(v->client);
}

static void prover_register(struct kunit *test, struct prover *v)
{
	v->client = pci_p2pmem_register_client(v->k.nic, &prover_ops, v);
	KUNIT_ASSERT_FALSE(test, IS_ERR(v->client));
}

static struct prover *prover(struct kunit *test)
{
	struct prover *v = kunit_kzalloc(test, sizeof(*v), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, v);
	mapkit_build(test, &v->k, mapkit_switch, MAPKIT_LOW);
	prover_register(test, v);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, prover_exit, v), 0);
	v->grant = mapkit_grant(test, &v->k);
	v->says = PCI_P2PMEM_PROVED;
	return v;
}

/* For lend_start() too */
static void prover_start_verify(void *data)
{
	struct prover *v = data;

	v->ret = pci_p2pmem_grant_verify(v->grant, v->k.nic, v, &v->why);
}

static int verify_pair(struct prover *v)
{
	prover_start_verify(v);
	return v->ret;
}

static enum pci_p2pmem_proof known(struct prover *v)
{
	struct pci_p2pmem_verdict verdict;

	pci_p2pmem_verdict(v->k.card, v->k.nic, 0, &verdict);
	return verdict.proof;
}

/* A client without a verify operation is unproved, which is not an error. */
static void client_without_an_operation(struct kunit *test)
{
	struct pci_p2pmem_verdict why;
	struct pci_p2pmem_grant *g;
	struct mapkit k;

	mapkit_build(test, &k, mapkit_switch, MAPKIT_LOW);
	g = mapkit_grant(test, &k);
	KUNIT_EXPECT_EQ(test, pci_p2pmem_grant_verify(g, k.nic, NULL, &why), 0);
	KUNIT_EXPECT_EQ(test, why.proof, PCI_P2PMEM_UNPROVED);
	KUNIT_EXPECT_STRNEQ_MSG(test, why.note, "", "no reason in the note");
	KUNIT_EXPECT_EQ(test, why.reason, PCI_P2PMEM_OK);
	KUNIT_EXPECT_EQ_MSG(test, pci_p2pmem_grant_verify(g, &k.card->dev, NULL, &why), -EINVAL,
			    "a device that is no client of the grant");
	KUNIT_EXPECT_EQ(test, why.proof, PCI_P2PMEM_UNTRIED);
}

/* For each result: return value, stored proof, and that the operation is called once */
static void result_of_the_operation(struct kunit *test)
{
	static const struct {
		enum pci_p2pmem_proof says;
		int ret;
		enum pci_p2pmem_proof proof;
		enum pci_p2pmem_proof kept;
		enum pci_p2pmem_reason reason;
		int calls;
	} t[] = {
		{ PCI_P2PMEM_PROVED, 0, PCI_P2PMEM_PROVED, PCI_P2PMEM_PROVED, PCI_P2PMEM_OK, 1 },
		{ PCI_P2PMEM_UNPROVED, 0, PCI_P2PMEM_UNPROVED, PCI_P2PMEM_UNPROVED,
		  PCI_P2PMEM_OK, 1 },
		{ PCI_P2PMEM_UNTRIED, -EAGAIN, PCI_P2PMEM_UNPROVED, PCI_P2PMEM_UNTRIED,
		  PCI_P2PMEM_OK, 2 },
		{ PCI_P2PMEM_DISPROVED, -EXDEV, PCI_P2PMEM_DISPROVED, PCI_P2PMEM_DISPROVED,
		  PCI_P2PMEM_VERIFY_FAILED, 1 },
	};
	struct prover *v = prover(test);
	char note[PCI_P2PMEM_NOTE];
	int i, n;

	KUNIT_EXPECT_EQ(test, known(v), PCI_P2PMEM_UNTRIED);
	for (i = 0; i < ARRAY_SIZE(t); i++) {
		kit_reevaluate();
		v->says = t[i].says;
		v->calls = 0;
		scnprintf(note, sizeof(note), "answer %d", t[i].says);
		for (n = 0; n < 2; n++) {
			KUNIT_EXPECT_EQ_MSG(test, verify_pair(v), t[i].ret, "answer %d", t[i].says);
			KUNIT_EXPECT_EQ(test, v->why.proof, t[i].proof);
			KUNIT_EXPECT_EQ(test, v->why.reason, t[i].reason);
			KUNIT_EXPECT_STREQ(test, v->why.note, note);
			KUNIT_EXPECT_EQ(test, known(v), t[i].kept);
		}
		KUNIT_EXPECT_EQ_MSG(test, v->calls, t[i].calls, "answer %d", t[i].says);
		KUNIT_EXPECT_EQ_MSG(test, v->memory, 0, "no memory of the grant");
		KUNIT_EXPECT_PTR_EQ(test, v->what, (void *)v);
	}
	KUNIT_EXPECT_TRUE(test, p2pmem_is_idle(kit_provider(v->k.card)));
}

/* The last arguments of the trace event, and the number of events */
struct verify_event {
	struct device *client;
	size_t bytes;
	enum pci_p2pmem_proof proof;
	int seen;
};

static void verify_probe(void *data, struct pci_dev *provider, struct device *client,
			 size_t bytes, enum pci_p2pmem_proof proof, enum pci_p2pmem_reason reason)
{
	struct verify_event *e = data;

	*e = (struct verify_event){ client, bytes, proof, e->seen + 1 };
}

/* Two drivers of one device: the event has the sum of bytes and the common result. */
static void contents_of_the_event(struct kunit *test)
{
	struct prover *v, *second = kunit_kzalloc(test, sizeof(*v), GFP_KERNEL);
	struct verify_event event = { };
	int ret;

	if (!IS_ENABLED(CONFIG_TRACEPOINTS))
		kunit_skip(test, "the kernel has no trace events");
	v = prover(test);
	KUNIT_ASSERT_NOT_NULL(test, second);
	second->k = v->k;
	second->says = PCI_P2PMEM_UNPROVED;
	second->moves = SZ_4K;
	v->moves = 3 * 512;
	prover_register(test, second);

	ret = register_trace_p2pmem_verify(verify_probe, &event);
	if (!ret) {
		ret = verify_pair(v);
		unregister_trace_p2pmem_verify(verify_probe, &event);
		tracepoint_synchronize_unregister();
	}
	pci_p2pmem_unregister_client(second->client);
	KUNIT_EXPECT_EQ(test, ret, 0);
	KUNIT_EXPECT_EQ(test, second->calls, 1);
	KUNIT_EXPECT_EQ(test, event.seen, 1);
	KUNIT_EXPECT_PTR_EQ(test, event.client, v->k.nic);
	KUNIT_EXPECT_EQ(test, event.bytes, SZ_4K + 3 * 512);
	KUNIT_EXPECT_EQ(test, event.proof, v->why.proof);
}

static void request_a_new_test(struct prover *v)
{
	kit_forget(kit_provider(v->k.card));
}

/* A disproved pair is refused for all users; memory in use under a grant is lost. */
static void disproved_pair_is_refused(struct kunit *test)
{
	static const struct mapkit_piece one[] = { { 0, SZ_4K } };
	enum pci_p2pmem_reason reason;
	struct scatterlist *out;
	unsigned int nents;
	struct prover *v = prover(test);
	struct mapkit_memory *m = mapkit_alloc(test, v->k.card, SZ_4K);
	struct scatterlist *sgl = mapkit_list(test, m->addr, one, 1);
	struct pci_p2pmem_verdict why;
	char text[320];

	out = pci_p2pmem_grant_sgl_alloc(v->grant, &nents, SZ_4K, GFP_KERNEL, NULL);
	KUNIT_ASSERT_FALSE(test, IS_ERR(out));
	KUNIT_EXPECT_FALSE(test, pci_p2pmem_sgl_lost(out));
	v->says = PCI_P2PMEM_DISPROVED;
	KUNIT_EXPECT_EQ(test, verify_pair(v), -EXDEV);
	KUNIT_EXPECT_EQ(test,
			PTR_ERR(pci_p2pmem_grant_create(v->k.card, &v->k.nic, 1, KTIME_MAX, NULL,
							NULL, "kunit", &why)), -EXDEV);
	KUNIT_EXPECT_EQ(test, why.reason, PCI_P2PMEM_VERIFY_FAILED);
	KUNIT_EXPECT_EQ(test, why.mapping, PCI_P2PMEM_MAP_NONE);
	KUNIT_EXPECT_NULL_MSG(test, pci_p2pmem_find_provider(&v->k.nic, 1), "it was chosen");
	pci_p2pmem_explain(text, sizeof(text), v->k.card, v->k.nic, &why);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(text, "verify-failed"), "%s", text);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(text, "(answer 3)"), "%s", text);

	KUNIT_EXPECT_TRUE_MSG(test, pci_p2pmem_sgl_lost(out),
			      "memory in use does not count as lost");
	KUNIT_EXPECT_EQ(test, pci_p2pmem_map_sg(v->k.nic, out, nents, DMA_TO_DEVICE), -EXDEV);
	KUNIT_EXPECT_EQ_MSG(test, -EXDEV,
			    PTR_ERR(pci_p2pmem_grant_sgl_alloc(v->grant, &nents, SZ_4K,
							       GFP_KERNEL, &reason)),
			    "memory was allocated for a disproved pair");
	KUNIT_EXPECT_EQ(test, reason, PCI_P2PMEM_VERIFY_FAILED);
	KUNIT_EXPECT_EQ_MSG(test, pci_p2pmem_map_sg(v->k.nic, sgl, 1, DMA_TO_DEVICE), -EXDEV,
			    "it was mapped without a grant");
	pci_p2pmem_sgl_free(out);

	/* The pair may be tested again, but the grant remains unusable. */
	request_a_new_test(v);
	pci_p2pmem_verdict(v->k.card, v->k.nic, 0, &why);
	KUNIT_EXPECT_EQ(test, why.reason, PCI_P2PMEM_OK);
	pci_p2pmem_grant_verdict(v->grant, &why);
	KUNIT_EXPECT_EQ_MSG(test, why.reason, PCI_P2PMEM_VERIFY_FAILED,
			    "a grant with lost memory is usable");
	KUNIT_EXPECT_EQ(test, why.mapping, PCI_P2PMEM_MAP_NONE);
	mapkit_grant_end(test, v->grant);

	v->grant = mapkit_grant(test, &v->k);
	v->says = PCI_P2PMEM_PROVED;
	KUNIT_EXPECT_EQ_MSG(test, verify_pair(v), 0, "not tested again on request");
	KUNIT_EXPECT_EQ(test, v->calls, 2);
}

/*
 * A disproof stays after events elsewhere, after a reset, and if a route is removed and
 * restored. It is dropped if the pair's own route changes.
 */
static void disproof_stays(struct kunit *test)
{
	struct prover *v = prover(test);
	struct p2pmem_provider *p = kit_provider(v->k.card);
	struct pci_p2pmem_verdict why;

	v->says = PCI_P2PMEM_DISPROVED;
	KUNIT_EXPECT_EQ(test, verify_pair(v), -EXDEV);
	mapkit_grant_end(test, v->grant);
	kit_reevaluate();
	KUNIT_EXPECT_EQ_MSG(test, known(v), PCI_P2PMEM_DISPROVED, "an event elsewhere");
	kit_client(test, v->k.f, "card2");
	KUNIT_EXPECT_EQ_MSG(test, known(v), PCI_P2PMEM_DISPROVED, "another client");
	pci_p2pmem_lost(v->k.card);
	pci_p2pmem_resume(v->k.card);
	KUNIT_EXPECT_EQ_MSG(test, known(v), PCI_P2PMEM_DISPROVED, "a reset");
	p2pmem_pairs_update(p, v->k.nic, P2PMEM_FORGET_OUTDATED, NULL);
	pci_p2pmem_verdict(v->k.card, v->k.nic, 0, &why);
	KUNIT_EXPECT_EQ(test, why.reason, PCI_P2PMEM_VERIFY_FAILED);
	scoped_guard(p2pmem_mutex)
		p2pmem_pairs_drop(p, v->k.nic);
	kit_reevaluate();
	KUNIT_EXPECT_EQ_MSG(test, known(v), PCI_P2PMEM_DISPROVED, "the client registers again");
	pci_p2pmem_verdict(v->k.card, v->k.nic, 0, &why);
	KUNIT_EXPECT_EQ(test, why.reason, PCI_P2PMEM_VERIFY_FAILED);
	KUNIT_EXPECT_STREQ(test, why.note, "answer 3");
	fabric_set_acs_ctrl(v->k.f, "dn1", PCI_ACS_RR);
	kit_reevaluate();
	KUNIT_EXPECT_EQ_MSG(test, known(v), PCI_P2PMEM_UNTRIED, "the pair has another route");
	fabric_set_acs_ctrl(v->k.f, "dn1", 0);
	kit_reevaluate();
	KUNIT_EXPECT_EQ_MSG(test, known(v), PCI_P2PMEM_DISPROVED, "the route is back");
	kit_forget(p);
	KUNIT_EXPECT_EQ_MSG(test, known(v), PCI_P2PMEM_UNTRIED, "a new test was requested");
	kit_reevaluate();
	KUNIT_EXPECT_EQ_MSG(test, known(v), PCI_P2PMEM_UNTRIED, "and nothing is recalled");
}

/* Plugs a card with this device id, 0 for the default, in the place of one that was unplugged. */
static void prover_plug_card(struct kunit *test, struct prover *v, u16 device)
{
	struct fabric_node card[2] = {};
	int i;

	for (i = 0; mapkit_switch[i].type; i++)
		if (!strcmp(mapkit_switch[i].name, "card"))
			card[0] = mapkit_switch[i];
	card[0].device = device;
	fabric_plug(v->k.f, card);
	v->k.card = kit_lend(test, v->k.f, "card");
	kit_reevaluate();
}

/* A card that is removed and added is as guilty as before, another model is not. */
static void disproof_stays_over_hotplug(struct kunit *test)
{
	struct prover *v = prover(test);

	v->says = PCI_P2PMEM_DISPROVED;
	KUNIT_EXPECT_EQ(test, verify_pair(v), -EXDEV);
	mapkit_grant_end(test, v->grant);
	fabric_unplug(v->k.f, "card");
	prover_plug_card(test, v, 0);
	KUNIT_EXPECT_EQ_MSG(test, known(v), PCI_P2PMEM_DISPROVED, "the same model");
	fabric_unplug(v->k.f, "card");
	prover_plug_card(test, v, 0x77);
	KUNIT_EXPECT_EQ_MSG(test, known(v), PCI_P2PMEM_UNTRIED, "another model");
	fabric_unplug(v->k.f, "card");
	prover_plug_card(test, v, 0);
	KUNIT_EXPECT_EQ_MSG(test, known(v), PCI_P2PMEM_DISPROVED, "the first model again");
	kit_forget(kit_provider(v->k.card));
	KUNIT_EXPECT_EQ_MSG(test, known(v), PCI_P2PMEM_UNTRIED, "a new test was requested");
}

/* Each id of a model, at both ends */
static void disproof_is_of_two_models(struct kunit *test)
{
	struct prover *v = prover(test);
	struct pci_dev *card = v->k.card, *nic = to_pci_dev(v->k.nic);
	u16 *id[] = {
		&card->vendor, &card->device, &card->subsystem_vendor, &card->subsystem_device,
		&nic->vendor, &nic->device, &nic->subsystem_vendor, &nic->subsystem_device,
	};
	int i;

	v->says = PCI_P2PMEM_DISPROVED;
	KUNIT_EXPECT_EQ(test, verify_pair(v), -EXDEV);
	for (i = 0; i < ARRAY_SIZE(id); i++) {
		*id[i] ^= 1;
		kit_reevaluate();
		KUNIT_EXPECT_EQ_MSG(test, known(v), PCI_P2PMEM_UNTRIED, "id %d", i);
		*id[i] ^= 1;
		kit_reevaluate();
		KUNIT_EXPECT_EQ_MSG(test, known(v), PCI_P2PMEM_DISPROVED, "id %d", i);
	}
}

/* Users that depend on a result are notified when it is dropped: the verdict may be the same. */
static void dropped_result_is_notified(struct kunit *test)
{
	static const enum pci_p2pmem_proof says[] = { PCI_P2PMEM_PROVED, PCI_P2PMEM_UNPROVED };
	struct prover *v = prover(test);
	struct lend_events *e = lend_listen(test);
	int i;

	for (i = 0; i < ARRAY_SIZE(says); i++) {
		v->says = says[i];
		KUNIT_EXPECT_EQ(test, verify_pair(v), 0);
		KUNIT_EXPECT_EQ(test, known(v), says[i]);
		p2pmem_pairs_hotplug_event();
		KUNIT_EXPECT_TRUE(test, lend_wait(atomic_read(&e->policies) > i));
		KUNIT_EXPECT_EQ(test, known(v), PCI_P2PMEM_UNTRIED);
		msleep(20);
		KUNIT_EXPECT_EQ(test, atomic_read(&e->policies), i + 1);
		/* There was none: nothing is lost. */
		p2pmem_pairs_hotplug_event();
		msleep(100);
		KUNIT_EXPECT_EQ(test, atomic_read(&e->policies), i + 1);
	}
}

static bool hangs(struct pci_p2pmem_grant *grant)
{
	return false;
}

/* Wrong data shows nothing about the path if the provider does not keep any. */
static void provider_that_hangs(struct kunit *test)
{
	struct prover *v = prover(test);

	KUNIT_EXPECT_TRUE(test, p2pmem_responds(v->grant));
	kunit_activate_static_stub(test, p2pmem_responds, hangs);
	KUNIT_EXPECT_EQ_MSG(test, verify_pair(v), 0, "proved: nobody asks");
	request_a_new_test(v);
	v->says = PCI_P2PMEM_DISPROVED;
	KUNIT_EXPECT_EQ(test, verify_pair(v), -EAGAIN);
	KUNIT_EXPECT_STREQ(test, v->why.note,
			   "the provider's memory does not keep what the CPU writes");
	KUNIT_EXPECT_EQ(test, known(v), PCI_P2PMEM_UNTRIED);
	kit_reevaluate();
	KUNIT_EXPECT_EQ_MSG(test, known(v), PCI_P2PMEM_UNTRIED, "it is remembered");
	kunit_deactivate_static_stub(test, p2pmem_responds);
	KUNIT_EXPECT_EQ(test, verify_pair(v), -EXDEV);
	KUNIT_EXPECT_EQ(test, known(v), PCI_P2PMEM_DISPROVED);
}

/* Another provider is chosen before one that hangs, in each order, until it works again. */
static void provider_that_hangs_is_last(struct kunit *test)
{
	static const enum pci_p2pmem_prefer prefer[] = {
		PCI_P2PMEM_NEAREST, PCI_P2PMEM_MOST_FREE, PCI_P2PMEM_SAME_NODE,
	};
	struct prover *v = prover(test);
	int back, i;

	/* It has less memory. */
	KUNIT_ASSERT_EQ(test, kit_add(test, v->k.f, "card2", 2, SZ_2M, 0, PCI_P2PMEM_POOL), 0);
	pci_p2pmem_set_published(fabric_pdev(v->k.f, "card2"), true);
	for (back = 0; back < 2; back++) {
		for (i = 0; i < ARRAY_SIZE(prefer); i++)
			kit_expect_preferred(test, v->k.f, v->k.nic, prefer[i], "card");
		v->says = PCI_P2PMEM_DISPROVED;
		kunit_activate_static_stub(test, p2pmem_responds, hangs);
		KUNIT_EXPECT_EQ(test, verify_pair(v), -EAGAIN);
		for (i = 0; i < ARRAY_SIZE(prefer); i++)
			kit_expect_preferred(test, v->k.f, v->k.nic, prefer[i], "card2");
		kunit_deactivate_static_stub(test, p2pmem_responds);
		if (!back) {
			v->says = PCI_P2PMEM_PROVED;
			KUNIT_EXPECT_EQ(test, verify_pair(v), 0);
			request_a_new_test(v);
		} else {
			pci_p2pmem_lost(v->k.card);
			pci_p2pmem_resume(v->k.card);
			kit_expect_preferred(test, v->k.f, v->k.nic, prefer[0], "card");
		}
	}
}

/* Fills the memory for disproofs, and two more */
static void prover_remember(struct kunit *test, struct prover *v)
{
	u64 address = kit_provider(v->k.card)->address, sig;
	struct p2pmem_disproof *d;

	for (sig = 1; sig <= 258; sig++) {
		d = p2pmem_disproof_alloc();
		KUNIT_ASSERT_NOT_NULL(test, d);
		d = p2pmem_disproof_remember(d, address, v->k.nic, sig, PCI_P2PMEM_MAP_BUS_ADDR,
					     "no");
		p2pmem_disproof_drop(d);
	}
}

/* Memory for disproofs is bounded: of more than 256 the oldest one goes, and no other. */
static void oldest_disproof_goes(struct kunit *test)
{
	struct prover *v = prover(test);
	u64 address = kit_provider(v->k.card)->address;
	char note[PCI_P2PMEM_NOTE];
	u64 sig;

	prover_remember(test, v);
	for (sig = 1; sig <= 258; sig++)
		KUNIT_EXPECT_EQ_MSG(test, sig > 2,
				    p2pmem_disproof_recall(address, v->k.nic, sig,
							   PCI_P2PMEM_MAP_BUS_ADDR, note),
				    "number %llu of 258", sig);
	p2pmem_disproofs_of(address);
	for (sig = 1; sig <= 258; sig++)
		KUNIT_EXPECT_FALSE_MSG(test, p2pmem_disproof_recall(address, v->k.nic, sig,
								    PCI_P2PMEM_MAP_BUS_ADDR, note),
				       "number %llu is not forgotten", sig);
}

/* A pair that exists keeps its disproof, also when that is not among the 256 any more. */
static void disproof_of_a_pair_outlives_its_memory(struct kunit *test)
{
	struct prover *v = prover(test);

	v->says = PCI_P2PMEM_DISPROVED;
	KUNIT_EXPECT_EQ(test, verify_pair(v), -EXDEV);
	prover_remember(test, v);
	kit_reevaluate();
	KUNIT_EXPECT_EQ_MSG(test, known(v), PCI_P2PMEM_DISPROVED, "an event elsewhere");
	pci_p2pmem_lost(v->k.card);
	pci_p2pmem_resume(v->k.card);
	kit_reevaluate();
	KUNIT_EXPECT_EQ_MSG(test, known(v), PCI_P2PMEM_DISPROVED, "a reset");
	kit_forget(kit_provider(v->k.card));
	KUNIT_EXPECT_EQ_MSG(test, known(v), PCI_P2PMEM_UNTRIED, "a new test was requested");
}

/* What an evaluation that fails was to forget is forgotten, too. */
static void results_and_a_failed_evaluation(struct kunit *test)
{
	struct prover *v = prover(test);
	struct p2pmem_provider *p = kit_provider(v->k.card);
	int acs = fabric_pdev(v->k.f, "dn1")->acs_cap + PCI_ACS_CTRL;

	KUNIT_EXPECT_EQ(test, verify_pair(v), 0);
	fabric_blink(v->k.f, "dn1", acs, 0);
	p2pmem_pairs_update(p, v->k.nic, P2PMEM_FORGET_OUTDATED, NULL);
	KUNIT_EXPECT_EQ_MSG(test, known(v), PCI_P2PMEM_PROVED, "nothing has happened");
	fabric_blink(v->k.f, "dn1", acs, 0);
	kit_reevaluate();
	KUNIT_EXPECT_EQ_MSG(test, known(v), PCI_P2PMEM_UNTRIED, "at once");
	p2pmem_pairs_update(p, v->k.nic, P2PMEM_FORGET_OUTDATED, NULL);
	KUNIT_EXPECT_EQ_MSG(test, known(v), PCI_P2PMEM_UNTRIED, "the same route");

	v->says = PCI_P2PMEM_DISPROVED;
	KUNIT_EXPECT_EQ(test, verify_pair(v), -EXDEV);
	fabric_blink(v->k.f, "dn1", acs, 0);
	kit_forget(p);
	KUNIT_EXPECT_EQ_MSG(test, known(v), PCI_P2PMEM_DISPROVED, "until the route is known");
	p2pmem_pairs_update(p, v->k.nic, P2PMEM_FORGET_OUTDATED, NULL);
	KUNIT_EXPECT_EQ_MSG(test, known(v), PCI_P2PMEM_UNTRIED, "as an administrator requested");
}

/* A new grant evaluates the topology again, and drops the proof of a different route. */
static void proof_is_of_the_pair_as_it_is(struct kunit *test)
{
	struct pci_p2pmem_verdict why;
	struct prover *v = prover(test);
	struct pci_p2pmem_grant *g;

	KUNIT_EXPECT_EQ(test, verify_pair(v), 0);
	g = mapkit_grant(test, &v->k);
	KUNIT_EXPECT_EQ_MSG(test, known(v), PCI_P2PMEM_PROVED, "no change");
	mapkit_grant_end(test, g);

	/* written without the kernel's knowledge, so there is no event */
	fabric_set_acs_ctrl(v->k.f, "dn1", PCI_ACS_RR);
	KUNIT_EXPECT_EQ(test,
			PTR_ERR(pci_p2pmem_grant_create(v->k.card, &v->k.nic, 1, KTIME_MAX, NULL,
							NULL, "kunit", &why)), -EXDEV);
	KUNIT_EXPECT_EQ(test, why.reason, PCI_P2PMEM_ACS_REDIRECT);
	KUNIT_EXPECT_EQ(test, why.proof, PCI_P2PMEM_UNTRIED);
	KUNIT_EXPECT_EQ_MSG(test, verify_pair(v), -EXDEV, "a refused pair was tested");
	KUNIT_EXPECT_EQ(test, v->calls, 1);
	fabric_set_acs_ctrl(v->k.f, "dn1", 0);
	g = mapkit_grant(test, &v->k);
	KUNIT_EXPECT_EQ_MSG(test, known(v), PCI_P2PMEM_UNTRIED,
			    "the proof of another path");
	KUNIT_EXPECT_EQ(test, verify_pair(v), 0);
	KUNIT_EXPECT_EQ(test, v->calls, 2);
}

static void change_once(struct prover *v)
{
	v->meanwhile = NULL;
	kit_reevaluate();
}

static void change_always(struct prover *v)
{
	kit_reevaluate();
}

/* A pair that changes during its test is tested again, a few times. */
static void pair_that_changes_meanwhile(struct kunit *test)
{
	struct prover *v = prover(test);

	v->meanwhile = change_once;
	KUNIT_EXPECT_EQ(test, verify_pair(v), 0);
	KUNIT_EXPECT_EQ(test, v->calls, 2);
	KUNIT_EXPECT_EQ(test, known(v), PCI_P2PMEM_PROVED);

	kit_reevaluate();
	v->calls = 0;
	v->meanwhile = change_always;
	KUNIT_EXPECT_EQ(test, verify_pair(v), -EAGAIN);
	KUNIT_EXPECT_EQ(test, v->why.proof, PCI_P2PMEM_UNPROVED);
	KUNIT_EXPECT_EQ(test, v->calls, 3);
	KUNIT_EXPECT_EQ(test, known(v), PCI_P2PMEM_UNTRIED);
}

static void lose_card(struct prover *v)
{
	pci_p2pmem_lost(v->k.card);
}

/* Wrong data in memory that is being withdrawn proves nothing about the path. */
static void provider_removed_during_test(struct kunit *test)
{
	struct prover *v = prover(test);

	v->says = PCI_P2PMEM_DISPROVED;
	v->meanwhile = lose_card;
	KUNIT_EXPECT_EQ(test, verify_pair(v), -ENODEV);
	KUNIT_EXPECT_EQ(test, v->why.reason, PCI_P2PMEM_REVOKED);
	pci_p2pmem_resume(v->k.card);
	KUNIT_EXPECT_EQ(test, known(v), PCI_P2PMEM_UNTRIED);
	v->meanwhile = NULL;
	v->says = PCI_P2PMEM_PROVED;
	KUNIT_EXPECT_EQ_MSG(test, verify_pair(v), -ENODEV, "the grant is older than the loss");
	v->grant = mapkit_grant(test, &v->k);
	KUNIT_EXPECT_EQ(test, verify_pair(v), 0);
	KUNIT_EXPECT_EQ(test, v->why.proof, PCI_P2PMEM_PROVED);
}

/* A reset that ends when the memory of the test is freed */
static void reset_card_once(struct prover *v)
{
	pci_p2pmem_lost(v->k.card);
	pci_p2pmem_resume(v->k.card);
	v->meanwhile = NULL;
}

/* The same after a resume; the pair must be proved again. */
static void provider_that_is_reset_meanwhile(struct kunit *test)
{
	struct prover *v = prover(test);

	v->meanwhile = reset_card_once;
	KUNIT_EXPECT_EQ(test, verify_pair(v), -ENODEV);
	mapkit_settle();
	KUNIT_EXPECT_TRUE(test, pci_p2pmem_is_provider(v->k.card));
	KUNIT_EXPECT_EQ_MSG(test, known(v), PCI_P2PMEM_UNTRIED,
			    "the result is older than the reset");
	v->grant = mapkit_grant(test, &v->k);
	KUNIT_EXPECT_EQ(test, verify_pair(v), 0);
	KUNIT_EXPECT_EQ(test, v->calls, 2);
	KUNIT_EXPECT_EQ(test, known(v), PCI_P2PMEM_PROVED);
	reset_card_once(v);
	KUNIT_EXPECT_EQ(test, known(v), PCI_P2PMEM_UNTRIED);
}

/* A result that is not about the pair is returned, and not stored in it. */
static void answer_about_something_else(struct kunit *test)
{
	struct prover *v = prover(test);

	v->local = true;
	v->says = PCI_P2PMEM_UNPROVED;
	KUNIT_EXPECT_EQ(test, verify_pair(v), 0);
	KUNIT_EXPECT_EQ(test, v->why.proof, PCI_P2PMEM_UNPROVED);
	KUNIT_EXPECT_STREQ(test, v->why.note, "answer 2");
	KUNIT_EXPECT_EQ(test, known(v), PCI_P2PMEM_UNTRIED);
	v->says = PCI_P2PMEM_DISPROVED;
	KUNIT_EXPECT_EQ(test, verify_pair(v), -EXDEV);
	KUNIT_EXPECT_EQ_MSG(test, known(v), PCI_P2PMEM_DISPROVED, "a disproof is always stored");
	KUNIT_EXPECT_EQ(test, mapkit_count(v->k.card, v->k.nic).failures[PCI_P2PMEM_VERIFY_FAILED],
			1);
}

static void revoke_waits_for_the_test(struct kunit *test)
{
	DECLARE_COMPLETION_ONSTACK(go);
	struct prover *v = prover(test);
	struct mapkit_revoke *r;
	struct lend_task *t;

	v->hold = &go;
	t = lend_start(test, prover_start_verify, v);
	KUNIT_EXPECT_TRUE(test, lend_wait(READ_ONCE(v->calls)));
	r = mapkit_revoke(test, v->k.card);
	KUNIT_EXPECT_TRUE(test, lend_wait(!p2pmem_is_live(kit_provider(v->k.card))));
	msleep(50);
	KUNIT_EXPECT_FALSE_MSG(test, mapkit_revoked(r), "memory of the test is in use");
	complete_all(&go);
	lend_join(test, t);
	mapkit_revoke_join(test, r);
	KUNIT_EXPECT_EQ(test, v->ret, -ENODEV);
}

static void unregister(void *data)
{
	struct prover *v = data;

	pci_p2pmem_unregister_client(v->client);
}

/* Removing a driver waits for its running operation. */
static void registration_stays_under_a_test(struct kunit *test)
{
	DECLARE_COMPLETION_ONSTACK(go);
	struct prover *v = prover(test);
	struct lend_task *t, *u;

	v->hold = &go;
	t = lend_start(test, prover_start_verify, v);
	KUNIT_EXPECT_TRUE(test, lend_wait(READ_ONCE(v->calls)));
	u = lend_start(test, unregister, v);
	msleep(100);
	KUNIT_EXPECT_FALSE_MSG(test, lend_is_over(u), "its driver did not wait");
	KUNIT_EXPECT_FALSE(test, lend_is_over(t));
	complete_all(&go);
	lend_join(test, u);
	lend_join(test, t);
	/* The end of the registration is a change, and no client is left to test again. */
	KUNIT_EXPECT_EQ(test, v->ret, 0);
	KUNIT_EXPECT_EQ(test, v->why.proof, PCI_P2PMEM_UNPROVED);
	KUNIT_EXPECT_EQ(test, v->calls, 1);
	v->hold = NULL;
	prover_register(test, v);
	KUNIT_EXPECT_EQ(test, verify_pair(v), 0);
	KUNIT_EXPECT_EQ(test, v->why.proof, PCI_P2PMEM_PROVED);
}

/* Of two concurrent callers one runs the test, and both get the result. */
static void two_at_a_time(struct kunit *test)
{
	struct prover *v = prover(test), *w = kunit_kzalloc(test, sizeof(*w), GFP_KERNEL);
	DECLARE_COMPLETION_ONSTACK(go);
	struct pci_p2pmem_verdict why;
	struct lend_task *t, *u;

	KUNIT_ASSERT_NOT_NULL(test, w);
	w->k = v->k;
	w->grant = v->grant;
	v->hold = &go;
	t = lend_start(test, prover_start_verify, v);
	KUNIT_EXPECT_TRUE(test, lend_wait(READ_ONCE(v->calls)));
	u = lend_start(test, prover_start_verify, w);
	lend_die();
	KUNIT_EXPECT_EQ(test, pci_p2pmem_grant_verify(v->grant, v->k.nic, NULL, &why), -EINTR);
	lend_live();
	KUNIT_EXPECT_FALSE(test, lend_is_over(u));
	complete_all(&go);
	lend_join(test, t);
	lend_join(test, u);
	KUNIT_EXPECT_EQ(test, v->ret, 0);
	KUNIT_EXPECT_EQ(test, w->ret, 0);
	KUNIT_EXPECT_EQ(test, w->why.proof, PCI_P2PMEM_PROVED);
	KUNIT_EXPECT_EQ_MSG(test, v->calls, 1, "tested twice");
}

/* Several drivers of one device: the worst result counts; no result does not count. */
static void several_registrations(struct kunit *test)
{
	static const struct {
		enum pci_p2pmem_proof a, b;
		int ret;
		enum pci_p2pmem_proof proof;
	} t[] = {
		{ PCI_P2PMEM_PROVED, PCI_P2PMEM_PROVED, 0, PCI_P2PMEM_PROVED },
		{ PCI_P2PMEM_PROVED, PCI_P2PMEM_UNPROVED, 0, PCI_P2PMEM_PROVED },
		{ PCI_P2PMEM_PROVED, PCI_P2PMEM_UNTRIED, 0, PCI_P2PMEM_PROVED },
		{ PCI_P2PMEM_UNPROVED, PCI_P2PMEM_UNPROVED, 0, PCI_P2PMEM_UNPROVED },
		{ PCI_P2PMEM_UNPROVED, PCI_P2PMEM_UNTRIED, -EAGAIN, PCI_P2PMEM_UNPROVED },
		{ PCI_P2PMEM_PROVED, PCI_P2PMEM_DISPROVED, -EXDEV, PCI_P2PMEM_DISPROVED },
		{ PCI_P2PMEM_UNTRIED, PCI_P2PMEM_DISPROVED, -EXDEV, PCI_P2PMEM_DISPROVED },
	};
	struct prover *v = prover(test), *w = kunit_kzalloc(test, sizeof(*w), GFP_KERNEL);
	int i, n;

	KUNIT_ASSERT_NOT_NULL(test, w);
	w->k = v->k;
	prover_register(test, w);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, prover_exit, w), 0);
	for (i = 0; i < ARRAY_SIZE(t); i++) {
		for (n = 0; n < 2; n++) {
			kit_reevaluate();
			v->says = n ? t[i].a : t[i].b;
			w->says = n ? t[i].b : t[i].a;
			KUNIT_EXPECT_EQ_MSG(test, verify_pair(v), t[i].ret, "%d and %d", v->says,
					    w->says);
			KUNIT_EXPECT_EQ_MSG(test, v->why.proof, t[i].proof, "%d and %d", v->says,
					    w->says);
		}
	}
	KUNIT_EXPECT_EQ(test, v->calls, w->calls);
}

/* After the end of a grant no memory can be allocated for a test. */
static void grant_that_ended(struct kunit *test)
{
	struct prover *v = prover(test);

	KUNIT_ASSERT_TRUE(test, pci_p2pmem_grant_tryget(v->grant));
	mapkit_grant_end(test, v->grant);
	v->says = PCI_P2PMEM_UNTRIED;
	KUNIT_EXPECT_EQ(test, verify_pair(v), -EAGAIN);
	KUNIT_EXPECT_EQ(test, v->memory, -ENODEV);
	pci_p2pmem_grant_put(v->grant);
	mapkit_settle();
}

static struct kunit_case verify_cases[] = {
	KUNIT_CASE(client_without_an_operation),
	KUNIT_CASE(result_of_the_operation),
	KUNIT_CASE(contents_of_the_event),
	KUNIT_CASE(disproved_pair_is_refused),
	KUNIT_CASE(disproof_stays),
	KUNIT_CASE(disproof_stays_over_hotplug),
	KUNIT_CASE(disproof_is_of_two_models),
	KUNIT_CASE(oldest_disproof_goes),
	KUNIT_CASE(disproof_of_a_pair_outlives_its_memory),
	KUNIT_CASE(provider_that_hangs),
	KUNIT_CASE(provider_that_hangs_is_last),
	KUNIT_CASE(dropped_result_is_notified),
	KUNIT_CASE(results_and_a_failed_evaluation),
	KUNIT_CASE(proof_is_of_the_pair_as_it_is),
	KUNIT_CASE(pair_that_changes_meanwhile),
	KUNIT_CASE(provider_removed_during_test),
	KUNIT_CASE(provider_that_is_reset_meanwhile),
	KUNIT_CASE(answer_about_something_else),
	KUNIT_CASE(revoke_waits_for_the_test),
	KUNIT_CASE(registration_stays_under_a_test),
	KUNIT_CASE(two_at_a_time),
	KUNIT_CASE(several_registrations),
	KUNIT_CASE(grant_that_ended),
	{ }
};

static struct kunit_suite verify_suite = {
	.name = "p2pmem-verify",
	.test_cases = verify_cases,
};

kunit_test_suite(verify_suite);
