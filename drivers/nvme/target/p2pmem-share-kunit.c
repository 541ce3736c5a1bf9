// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: KUnit: grants that paths of the NVMe target share
 *
 * How many grants there are for how many paths, who is notified when a provider leaves, and
 * what happens when paths join and leave meanwhile. All cases: the hierarchy of
 * p2pmem-bench-kunit.c, with more hosts, namespaces and subsystems.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "../../pci/p2pdma/p2pdma.h"
#include "../../pci/p2pdma/tests/logged.h"
#include "p2pmem-kunit.h"

#define SHARE_HOSTS	4
#define SHARE_NS	4
#define SHARE_DISK	"p2pmem-kunit2"	/* of the function drive2 */
#define SHARE_OTHER	"nqn.2014-08.kunit:p2pmem-other"

/**
 * struct share_host - a host that is connected, or connects and leaves in a work item
 * @work: does it
 * @s: the whole
 * @subsysnqn: the subsystem
 * @adapter: DMA device of the adapter
 * @ctrl: its controller, or NULL
 * @sq: its queue
 * @cq: ditto
 * @over: the work has ended
 */
struct share_host {
	struct work_struct work;
	struct share *s;
	const char *subsysnqn;
	struct device *adapter;
	struct nvmet_ctrl *ctrl;
	struct nvmet_sq sq;
	struct nvmet_cq cq;
	bool over;
};

/**
 * struct share - a target with more hosts and namespaces
 * @b: the target
 * @host: more hosts than that of @b
 * @ns: more namespaces than that of @b
 * @nr_ns: how many of @ns there are
 * @other: another subsystem, or NULL
 * @link: @other at the port
 */
struct share {
	struct nvmet_bench *b;
	struct share_host host[SHARE_HOSTS];
	struct nvmet_ns *ns[SHARE_NS];
	int nr_ns;
	struct nvmet_subsys *other;
	struct nvmet_subsys_link link;
};

static void share_join(struct work_struct *work)
{
	struct share_host *h = container_of(work, struct share_host, work);

	h->ctrl = bench_new_ctrl(h->s->b, h->subsysnqn, h->adapter, &h->sq, &h->cq);
	WRITE_ONCE(h->over, true);
}

static void share_leave(struct work_struct *work)
{
	struct share_host *h = container_of(work, struct share_host, work);

	h->ctrl = NULL;
	nvmet_sq_destroy(&h->sq);
	WRITE_ONCE(h->over, true);
}

static void share_exit(void *data)
{
	struct share *s = data;
	int i;

	for (i = 0; i < SHARE_HOSTS; i++) {
		flush_work(&s->host[i].work);
		if (s->host[i].ctrl)
			nvmet_sq_destroy(&s->host[i].sq);
	}
	bench_disconnect(s->b);
	for (i = 0; i < s->nr_ns; i++)
		nvmet_ns_free(s->ns[i]);
	if (!s->other)
		return;
	list_del(&s->link.entry);
	nvmet_subsys_put(s->other);
}

static void share_ask(struct share *s, struct nvmet_ns *ns, const char *wish)
{
	strscpy(s->b->page, wish, PAGE_SIZE);
	KUNIT_ASSERT_GT(s->b->test, nvmet_ns_attr_p2pmem.store(&ns->group.cg_item, s->b->page,
							       strlen(wish)), 0);
}

/* One more namespace that asks for @wish */
static struct nvmet_ns *share_ns(struct share *s, struct nvmet_subsys *subsys, u32 nsid,
				 const char *disk, const char *wish)
{
	struct nvmet_ns *ns = bench_new_ns(s->b, subsys, nsid, disk);

	s->ns[s->nr_ns++] = ns;
	share_ask(s, ns, wish);
	KUNIT_ASSERT_EQ(s->b->test, nvmet_ns_enable(ns), 0);
	return ns;
}

static void share_connect(struct share *s, int i, struct device *adapter)
{
	s->host[i].adapter = adapter;
	share_join(&s->host[i].work);
	KUNIT_ASSERT_NOT_NULL(s->b->test, s->host[i].ctrl);
}

static void share_start(struct share *s, int i, work_func_t what)
{
	struct share_host *h = &s->host[i];

	h->over = false;
	INIT_WORK(&h->work, what);
	queue_work(system_unbound_wq, &h->work);
}

/* A target whose namespace asks for the card; its host is connected */
static struct share *share_ready(struct kunit *test)
{
	struct share *s = kunit_kzalloc(test, sizeof(*s), GFP_KERNEL);
	struct nvmet_bench *b = bench_build(test);
	int i;

	KUNIT_ASSERT_NOT_NULL(test, s);
	s->b = b;
	/* Goes after the namespaces that have it open */
	bench_new_disk(b, &fabric_pdev(b->f, "drive2")->dev, SHARE_DISK);
	for (i = 0; i < SHARE_HOSTS; i++) {
		s->host[i].s = s;
		s->host[i].subsysnqn = b->subsysnqn;
		s->host[i].adapter = b->nic;
		INIT_WORK(&s->host[i].work, share_join);
	}
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, share_exit, s), 0);
	bench_clients(b);
	KUNIT_ASSERT_GT(test, bench_store(b, pci_name(b->card)), 0);
	KUNIT_ASSERT_EQ(test, bench_enable(b), 0);
	bench_connect(b, b->nic, NVMF_TRTYPE_RDMA);
	return s;
}

/* Another subsystem, with a namespace of the same drive that asks for the card */
static void share_other(struct share *s)
{
	struct nvmet_bench *b = s->b;

	s->other = nvmet_subsys_alloc(SHARE_OTHER, NVME_NQN_NVME);
	if (IS_ERR(s->other)) {
		s->other = NULL;
		KUNIT_FAIL_AND_ABORT(b->test, "no subsystem");
	}
	s->other->allow_any_host = true;
	s->link.subsys = s->other;
	list_add(&s->link.entry, &b->port.subsystems);
	share_ns(s, s->other, BENCH_NSID, BENCH_DISK, pci_name(b->card));
}

static struct nvmet_p2pmem_share *share_of(struct nvmet_ctrl *ctrl, u32 nsid)
{
	struct nvmet_p2pmem_path *path;

	guard(mutex)(&ctrl->subsys->lock);
	path = radix_tree_lookup(&ctrl->p2p_ns_map, nsid);
	return path ? path->share : NULL;
}

/* What requests of a path see */
static struct pci_p2pmem_grant *share_grant(struct nvmet_ctrl *ctrl, u32 nsid)
{
	struct nvmet_p2pmem_path *path;

	guard(mutex)(&ctrl->subsys->lock);
	path = radix_tree_lookup(&ctrl->p2p_ns_map, nsid);
	return path ? nvmet_p2pmem_path_grant(path) : NULL;
}

/* Grants of a provider that have not ended, and the users of all of them */
static void share_expect(struct share *s, struct pci_dev *provider, int grants, int users)
{
	struct p2pmem_provider *p = kit_provider(provider);
	struct pci_p2pmem_grant *g;
	int n = 0;

	KUNIT_ASSERT_NOT_NULL(s->b->test, p);
	mutex_lock(&p->lock);
	list_for_each_entry(g, &p->grants, node)
		n += !!g->ops;
	mutex_unlock(&p->lock);
	KUNIT_EXPECT_EQ_MSG(s->b->test, n, grants, "grants");
	KUNIT_EXPECT_EQ_MSG(s->b->test, READ_ONCE(p->users), users, "users");
}

static bool share_failed(struct nvmet_ctrl *ctrl)
{
	return READ_ONCE(ctrl->csts) & NVME_CSTS_CFS;
}

/* Whatever the number of hosts and namespaces: one grant, until the last of them leaves */
static void one_grant_for_all_paths(struct kunit *test)
{
	struct share *s = share_ready(test);
	struct nvmet_bench *b = s->b;
	struct pci_p2pmem_grant *grant = share_grant(b->ctrl, BENCH_NSID);
	int i, n;

	KUNIT_ASSERT_NOT_NULL(test, grant);
	share_expect(s, b->card, 1, 1);
	for (i = 0; i < SHARE_HOSTS; i++)
		share_connect(s, i, b->nic);
	share_expect(s, b->card, 1, 1 + SHARE_HOSTS);
	for (n = 0; n < SHARE_NS; n++)
		share_ns(s, b->subsys, BENCH_NSID + 1 + n, BENCH_DISK, pci_name(b->card));
	share_expect(s, b->card, 1, (1 + SHARE_HOSTS) * (1 + SHARE_NS));
	for (i = 0; i < SHARE_HOSTS; i++)
		for (n = 0; n <= SHARE_NS; n++)
			KUNIT_EXPECT_PTR_EQ(test, share_grant(s->host[i].ctrl, BENCH_NSID + n),
					    grant);
	KUNIT_EXPECT_PTR_EQ(test, bench_io(b, nvme_cmd_read, SZ_8K), b->card);

	nvmet_ns_disable(s->ns[0]);
	share_expect(s, b->card, 1, (1 + SHARE_HOSTS) * SHARE_NS);
	for (i = 1; i < SHARE_HOSTS; i++)
		share_leave(&s->host[i].work);
	share_expect(s, b->card, 1, 2 * SHARE_NS);
	/* The first path of all may leave before others. */
	bench_disconnect(b);
	share_expect(s, b->card, 1, SHARE_NS);
	KUNIT_EXPECT_PTR_EQ(test, share_grant(s->host[0].ctrl, BENCH_NSID), grant);
	KUNIT_ASSERT_TRUE(test, pci_p2pmem_grant_tryget(grant));
	KUNIT_EXPECT_TRUE(test, pci_p2pmem_grant_usable(grant));
	share_leave(&s->host[0].work);
	KUNIT_EXPECT_FALSE_MSG(test, pci_p2pmem_grant_tryget(grant), "it outlives its users");
	pci_p2pmem_grant_put(grant);
	share_expect(s, b->card, 0, 0);
	KUNIT_EXPECT_TRUE(test, nvmet_p2pmem_no_shares());

	/* And a new one after it */
	bench_connect(b, b->nic, NVMF_TRTYPE_RDMA);
	share_expect(s, b->card, 1, SHARE_NS);
}

/* Another adapter, another drive, another provider: a grant each */
static void what_is_not_shared(struct kunit *test)
{
	struct share *s = share_ready(test);
	struct nvmet_bench *b = s->b;
	struct device *nic2 = kit_client(test, b->f, "nic2");
	struct device *drive2 = kit_client(test, b->f, "drive2");
	struct pci_p2pmem_grant *grant[5];
	int i, j;

	share_ns(s, b->subsys, 2, SHARE_DISK, pci_name(b->card));
	share_ns(s, b->subsys, 3, BENCH_DISK, pci_name(b->card2));
	share_connect(s, 0, nic2);
	grant[0] = share_grant(b->ctrl, 1);
	grant[1] = share_grant(b->ctrl, 2);
	grant[2] = share_grant(b->ctrl, 3);
	grant[3] = share_grant(s->host[0].ctrl, 1);
	grant[4] = share_grant(s->host[0].ctrl, 2);
	for (i = 0; i < ARRAY_SIZE(grant); i++) {
		KUNIT_ASSERT_NOT_NULL(test, grant[i]);
		for (j = 0; j < i; j++)
			KUNIT_EXPECT_PTR_NE_MSG(test, grant[i], grant[j], "%d and %d", i, j);
		KUNIT_EXPECT_NOT_NULL(test, p2pmem_grant_link(grant[i], i < 3 ? b->nic : nic2));
		KUNIT_EXPECT_NOT_NULL(test, p2pmem_grant_link(grant[i], i == 1 || i == 4 ?
							      drive2 : b->drive));
		KUNIT_EXPECT_PTR_EQ(test, pci_p2pmem_grant_provider(grant[i]),
				    i == 2 ? b->card2 : b->card);
	}
	share_expect(s, b->card, 4, 4);
	share_expect(s, b->card2, 2, 2);
}

/* Equal providers are chosen by their users, not by their grants. */
static void users_are_spread(struct kunit *test)
{
	struct share *s = share_ready(test);
	struct nvmet_bench *b = s->b;
	int i;

	bench_disconnect(b);
	nvmet_ns_disable(b->ns);
	share_ask(s, b->ns, "1");
	KUNIT_ASSERT_EQ(test, bench_enable(b), 0);
	bench_connect(b, b->nic, NVMF_TRTYPE_RDMA);
	for (i = 0; i < 3; i++)
		share_connect(s, i, b->nic);
	share_expect(s, b->card, 1, 2);
	share_expect(s, b->card2, 1, 2);
	/* Both of one of them leave: it has a grant less, and two users less. */
	bench_disconnect(b);
	share_leave(&s->host[1].work);
	share_connect(s, 3, b->nic);
	share_connect(s, 1, b->nic);
	share_expect(s, b->card, 1, 2);
	share_expect(s, b->card2, 1, 2);
}

/**
 * struct share_revoke - a revocation by a thread that is killed: it waits for nothing
 * @provider: the provider
 * @done: it has returned
 */
struct share_revoke {
	struct pci_dev *provider;
	struct completion done;
};

static int share_revoke_thread(void *data)
{
	struct share_revoke *r = data;

	allow_signal(SIGKILL);
	send_sig(SIGKILL, current, 1);
	pci_p2pmem_revoke(r->provider);
	complete(&r->done);
	return 0;
}

static struct share_revoke *share_revoke(struct kunit *test, struct pci_dev *provider)
{
	/* Stays when the thread does not end, which then is what has to be examined. */
	struct share_revoke *r = kzalloc(sizeof(*r), GFP_KERNEL);
	struct task_struct *task;

	KUNIT_ASSERT_NOT_NULL(test, r);
	r->provider = provider;
	init_completion(&r->done);
	task = kthread_run(share_revoke_thread, r, "p2pmem-kunit");
	if (IS_ERR(task)) {
		kfree(r);
		KUNIT_FAIL_AND_ABORT(test, "no thread");
		return NULL;
	}
	return r;
}

static void share_revoked(struct kunit *test, struct share_revoke *r)
{
	KUNIT_ASSERT_NE_MSG(test, 0UL, wait_for_completion_timeout(&r->done, 20 * HZ),
			    "the revocation does not end");
	kfree(r);
}

/* All who use the grant of which memory is out end, and nobody else */
static void evict_reaches_all_users(struct kunit *test)
{
	struct logged *l = logged_begin(test, "evicting nvmet ");
	struct share *s = share_ready(test);
	struct nvmet_bench *b = s->b;
	struct device *nic2 = kit_client(test, b->f, "nic2");
	struct bench_req *r;
	char want[768];

	share_other(s);
	share_connect(s, 0, b->nic);
	s->host[1].subsysnqn = SHARE_OTHER;
	share_connect(s, 1, b->nic);
	share_connect(s, 2, nic2);
	share_expect(s, b->card, 2, 4);
	r = bench_start(b, nvme_cmd_read, SZ_8K, b->nic);
	KUNIT_ASSERT_PTR_EQ(test, r->req.p2p_dev, b->card);
	share_revoked(test, share_revoke(test, b->card));
	KUNIT_EXPECT_TRUE_MSG(test, share_failed(b->ctrl), "whose memory it is");
	KUNIT_EXPECT_TRUE_MSG(test, share_failed(s->host[0].ctrl), "another host");
	KUNIT_EXPECT_TRUE_MSG(test, share_failed(s->host[1].ctrl), "of another subsystem");
	KUNIT_EXPECT_FALSE_MSG(test, share_failed(s->host[2].ctrl), "another adapter's");
	snprintf(want, sizeof(want),
		 "evicting nvmet subsystem %s host %s nsid 1 and 2 more, 8192 bytes",
		 b->subsysnqn, b->hostnqn);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(logged_line(l, 5), want), "%s", l->last);
	KUNIT_EXPECT_EQ(test, bench_execute(b, r), NVME_SC_INTERNAL_PATH_ERROR);
	bench_free(r);
}

/* A path keeps a grant of a provider that left until all memory is back, and then gets another. */
static void paths_follow_their_provider(struct kunit *test)
{
	struct share *s = share_ready(test);
	struct nvmet_bench *b = s->b;
	struct nvmet_p2pmem_share *old = share_of(b->ctrl, BENCH_NSID);
	struct bench_req *r;
	int i;

	share_connect(s, 0, b->nic);
	r = bench_start(b, nvme_cmd_read, SZ_8K, b->nic);
	KUNIT_ASSERT_PTR_EQ(test, r->req.p2p_dev, b->card);
	pci_p2pmem_lost(b->card);
	pci_p2pmem_resume(b->card);
	msleep(200);
	KUNIT_EXPECT_PTR_EQ_MSG(test, share_of(s->host[0].ctrl, BENCH_NSID), old,
				"it leaves while memory of another is out");
	KUNIT_EXPECT_EQ(test, bench_execute(b, r), NVME_SC_INTERNAL_PATH_ERROR);
	bench_free(r);
	KUNIT_EXPECT_TRUE(test, bench_settles(b, b->card));
	for (i = 0; i < 200 && !share_grant(s->host[0].ctrl, BENCH_NSID); i++)
		msleep(20);
	KUNIT_EXPECT_PTR_EQ(test, share_grant(s->host[0].ctrl, BENCH_NSID),
			    share_grant(b->ctrl, BENCH_NSID));
	KUNIT_EXPECT_TRUE(test, pci_p2pmem_grant_usable(share_grant(b->ctrl, BENCH_NSID)));
	share_expect(s, b->card, 1, 2);
}

/* A share of an earlier life of the provider is not joined, although it is still in use. */
static void earlier_life_is_not_joined(struct kunit *test)
{
	struct share *s = share_ready(test);
	struct nvmet_bench *b = s->b;
	struct nvmet_p2pmem_share *old = share_of(b->ctrl, BENCH_NSID);
	struct pci_p2pmem_grant *grant;
	int i;

	share_other(s);
	s->host[0].subsysnqn = SHARE_OTHER;
	/* The paths of this subsystem cannot be changed meanwhile. */
	mutex_lock(&b->subsys->lock);
	pci_p2pmem_lost(b->card);
	pci_p2pmem_resume(b->card);
	share_start(s, 0, share_join);
	for (i = 0; i < 500 && !READ_ONCE(s->host[0].over); i++)
		msleep(20);
	mutex_unlock(&b->subsys->lock);
	KUNIT_ASSERT_NOT_NULL(test, s->host[0].ctrl);
	KUNIT_EXPECT_PTR_NE(test, share_of(s->host[0].ctrl, BENCH_NSID), old);
	grant = share_grant(s->host[0].ctrl, BENCH_NSID);
	KUNIT_EXPECT_TRUE(test, grant && pci_p2pmem_grant_usable(grant));
	KUNIT_EXPECT_TRUE(test, bench_settles(b, b->card));
	KUNIT_EXPECT_PTR_EQ_MSG(test, share_grant(b->ctrl, BENCH_NSID), grant,
				"both are in the same life now");
	share_expect(s, b->card, 1, 2);
}

/*
 * Without self-tests too, a grant whose memory is mapped by another route now is replaced:
 * nothing can be allocated under it.
 */
static void route_that_changes(struct kunit *test)
{
	struct share *s = share_ready(test);
	struct nvmet_bench *b = s->b;
	struct pci_p2pmem_grant *old = share_grant(b->ctrl, BENCH_NSID);
	struct pci_p2pmem_verdict now;

	kit_allow(test, BENCH_ROOT_PORT);
	fabric_set_acs_ctrl(b->f, "dn3", PCI_ACS_RR);
	pci_p2pmem_verdict_update(b->card, b->drive, &now);
	KUNIT_ASSERT_EQ(test, now.mapping, PCI_P2PMEM_MAP_HOST_BRIDGE);
	/* A path that comes before the others have been examined does not join. */
	share_connect(s, 0, b->nic);
	KUNIT_EXPECT_PTR_NE(test, share_grant(s->host[0].ctrl, BENCH_NSID), old);
	KUNIT_EXPECT_TRUE_MSG(test, bench_settles(b, b->card), "requests get nothing");
	share_expect(s, b->card, 1, 2);
}

/* Until a lock is held for so long that its holder waits for something */
static bool share_stuck(struct mutex *lock)
{
	int i, held = 0;

	for (i = 0; i < 2000 && held < 20; i++) {
		held = mutex_is_locked(lock) ? held + 1 : 0;
		usleep_range(1000, 2000);
	}
	return held == 20;
}

/* One of three leaves while they are evicted: the walk goes on over a list that is whole. */
static void path_leaves_while_evict_runs(struct kunit *test)
{
	struct share *s = share_ready(test);
	struct nvmet_bench *b = s->b;
	struct p2pmem_provider *p = kit_provider(b->card);
	struct nvmet_p2pmem_share *share = share_of(b->ctrl, BENCH_NSID);
	struct share_revoke *revoke;
	struct bench_req *r;

	share_connect(s, 0, b->nic);
	share_connect(s, 1, b->nic);
	r = bench_start(b, nvme_cmd_read, SZ_8K, b->nic);
	KUNIT_ASSERT_PTR_EQ(test, r->req.p2p_dev, b->card);
	KUNIT_EXPECT_EQ(test, bench_execute(b, r), NVME_SC_SUCCESS);
	/* The walk waits at the controller of the first host: the second one leaves. */
	mutex_lock(&s->host[0].ctrl->lock);
	revoke = share_revoke(test, b->card);
	KUNIT_EXPECT_TRUE(test, share_stuck(&share->lock));
	KUNIT_EXPECT_TRUE(test, mutex_is_locked(&p->lock));
	share_start(s, 1, share_leave);
	msleep(50);
	KUNIT_EXPECT_FALSE_MSG(test, READ_ONCE(s->host[1].over), "it did not wait");
	mutex_unlock(&s->host[0].ctrl->lock);
	flush_work(&s->host[1].work);
	share_revoked(test, revoke);
	KUNIT_EXPECT_TRUE(test, share_failed(b->ctrl));
	KUNIT_EXPECT_TRUE(test, share_failed(s->host[0].ctrl));
	share_expect(s, b->card, 1, 2);
	bench_free(r);
}

/* The last one leaves while it is evicted: the share goes after the callback. */
static void last_path_leaves_while_evict_runs(struct kunit *test)
{
	struct share *s = share_ready(test);
	struct nvmet_bench *b = s->b;
	struct p2pmem_provider *p = kit_provider(b->card);
	struct nvmet_p2pmem_share *share;
	struct share_revoke *revoke;
	struct bench_req *r;

	share_connect(s, 0, b->nic);
	share = share_of(b->ctrl, BENCH_NSID);
	r = bench_start(b, nvme_cmd_read, SZ_8K, b->nic);
	KUNIT_ASSERT_PTR_EQ(test, r->req.p2p_dev, b->card);
	KUNIT_EXPECT_EQ(test, bench_execute(b, r), NVME_SC_SUCCESS);
	bench_disconnect(b);
	mutex_lock(&share->lock);
	revoke = share_revoke(test, b->card);
	KUNIT_EXPECT_TRUE(test, share_stuck(&p->lock));
	share_start(s, 0, share_leave);
	msleep(50);
	KUNIT_EXPECT_FALSE_MSG(test, READ_ONCE(s->host[0].over), "it did not wait");
	mutex_unlock(&share->lock);
	flush_work(&s->host[0].work);
	share_revoked(test, revoke);
	share_expect(s, b->card, 0, 0);
	KUNIT_EXPECT_TRUE(test, nvmet_p2pmem_no_shares());
	bench_free(r);
	KUNIT_EXPECT_EQ(test, kit_available(b->card), BENCH_LENT);
}

/* Two paths of two subsystems come at once: one of them creates what both use. */
static void path_comes_while_another_creates(struct kunit *test)
{
	struct share *s = share_ready(test);
	struct nvmet_bench *b = s->b;
	struct p2pmem_provider *p = kit_provider(b->card);

	bench_disconnect(b);
	share_other(s);
	share_expect(s, b->card, 0, 0);
	s->host[1].subsysnqn = SHARE_OTHER;
	mutex_lock(&p->lock);
	share_start(s, 0, share_join);
	share_start(s, 1, share_join);
	msleep(100);
	KUNIT_EXPECT_FALSE(test, READ_ONCE(s->host[0].over));
	KUNIT_EXPECT_FALSE(test, READ_ONCE(s->host[1].over));
	mutex_unlock(&p->lock);
	flush_work(&s->host[0].work);
	flush_work(&s->host[1].work);
	KUNIT_ASSERT_NOT_NULL(test, s->host[0].ctrl);
	KUNIT_ASSERT_NOT_NULL(test, s->host[1].ctrl);
	KUNIT_EXPECT_NOT_NULL(test, share_grant(s->host[0].ctrl, BENCH_NSID));
	KUNIT_EXPECT_PTR_EQ(test, share_grant(s->host[0].ctrl, BENCH_NSID),
			    share_grant(s->host[1].ctrl, BENCH_NSID));
	share_expect(s, b->card, 1, 2);
}

/* Wherever memory is short when a share is created or joined, nothing is left behind. */
static void share_without_memory(struct kunit *test)
{
	struct share *s = share_ready(test);
	struct nvmet_bench *b = s->b;
	struct nvmet_ctrl *ctrl[2];
	unsigned int n, have, failed = 0;
	bool reached;
	int i;

	fault_require(test);
	share_connect(s, 0, b->nic);
	ctrl[0] = b->ctrl;
	ctrl[1] = s->host[0].ctrl;
	for (n = 1; n < FAULT_STEPS; n++) {
		mutex_lock(&b->subsys->lock);
		for (i = 0; i < 2; i++)
			nvmet_p2pmem_detach(ctrl[i], b->ns);
		share_expect(s, b->card, 0, 0);
		fault_arm(n);
		for (i = 0; i < 2; i++)
			nvmet_p2pmem_attach(ctrl[i], b->ns);
		reached = fault_disarm();
		for (have = 0, i = 0; i < 2; i++) {
			struct nvmet_p2pmem_path *path =
				radix_tree_lookup(&ctrl[i]->p2p_ns_map, BENCH_NSID);

			have += path && path->share;
			KUNIT_EXPECT_EQ(test, path && path->share,
					path && nvmet_p2pmem_path_grant(path));
		}
		share_expect(s, b->card, !!have, have);
		mutex_unlock(&b->subsys->lock);
		failed += have < 2;
		if (!reached)
			break;
	}
	/* path, share, grant, its three allocations */
	KUNIT_EXPECT_GT(test, failed, 5);
	KUNIT_EXPECT_TRUE(test, bench_settles(b, b->card));
	for (i = 0; i < 200 && !share_grant(ctrl[1], BENCH_NSID); i++)
		msleep(20);
	share_expect(s, b->card, 1, 2);
}

/* A namespace that is not allowed to have a share of its own does not disturb that of others. */
static void named_provider_that_is_not_published(struct kunit *test)
{
	struct share *s = share_ready(test);
	struct nvmet_bench *b = s->b;

	pci_p2pmem_set_published(b->card, false);
	share_connect(s, 0, b->nic);
	KUNIT_EXPECT_NULL(test, share_of(s->host[0].ctrl, BENCH_NSID));
	share_expect(s, b->card, 1, 1);
	KUNIT_EXPECT_PTR_EQ(test, bench_io(b, nvme_cmd_read, SZ_4K), b->card);
	pci_p2pmem_set_published(b->card, true);
}

static struct nvmet_p2pmem_path *share_path(struct nvmet_ctrl *ctrl, u32 nsid)
{
	lockdep_assert_held(&ctrl->subsys->lock);
	return radix_tree_lookup(&ctrl->p2p_ns_map, nsid);
}

/* Waits for a path's line in the log */
static bool share_told(struct nvmet_ctrl *ctrl, u32 nsid)
{
	bool told = false;
	int i;

	for (i = 0; i < 200 && !told; i++) {
		msleep(20);
		mutex_lock(&ctrl->subsys->lock);
		told = share_path(ctrl, nsid)->told == NVMET_P2PMEM_PEER;
		mutex_unlock(&ctrl->subsys->lock);
	}
	return told;
}

/* A namespace that is enabled has the work look at its own paths, not at those of all others. */
static void enabling_looks_at_one_namespace(struct kunit *test)
{
	struct share *s = share_ready(test);
	struct nvmet_bench *b = s->b;

	KUNIT_ASSERT_TRUE(test, share_told(b->ctrl, BENCH_NSID));
	msleep(100);
	/* Whoever looks at this path writes the line again. */
	mutex_lock(&b->subsys->lock);
	share_path(b->ctrl, BENCH_NSID)->told = NVMET_P2PMEM_NEW;
	mutex_unlock(&b->subsys->lock);
	share_ns(s, b->subsys, BENCH_NSID + 1, BENCH_DISK, pci_name(b->card));
	KUNIT_EXPECT_TRUE(test, share_told(b->ctrl, BENCH_NSID + 1));
	mutex_lock(&b->subsys->lock);
	KUNIT_EXPECT_EQ(test, share_path(b->ctrl, BENCH_NSID)->told, NVMET_P2PMEM_NEW);
	mutex_unlock(&b->subsys->lock);
	nvmet_p2pmem_rescan(0);
	KUNIT_EXPECT_TRUE(test, share_told(b->ctrl, BENCH_NSID));

	/* What could not be looked at, because its lock was taken, is looked at soon. */
	mutex_lock(&b->subsys->lock);
	share_path(b->ctrl, BENCH_NSID)->told = NVMET_P2PMEM_NEW;
	nvmet_p2pmem_rescan(0);
	msleep(100);
	mutex_unlock(&b->subsys->lock);
	KUNIT_EXPECT_TRUE(test, share_told(b->ctrl, BENCH_NSID));
}

/* The named function is pulled out, and another one comes to its address. */
static void named_provider_that_is_replaced(struct kunit *test)
{
	static const struct fabric_node another[] = {
		{ .name = "another", .type = FABRIC_ENDPOINT, .parent = "dn0",
		  .bar = { [2] = { .size = BENCH_LENT, .flags = FABRIC_BAR_64 } } },
		{ }
	};
	struct share *s = share_ready(test);
	struct nvmet_bench *b = s->b;
	struct pci_dev *old = pci_dev_get(b->card);

	KUNIT_EXPECT_PTR_EQ(test, bench_io(b, nvme_cmd_read, SZ_4K), old);
	fabric_unplug(b->f, "card");
	KUNIT_EXPECT_TRUE(test, bench_settles(b, NULL));
	share_connect(s, 0, b->nic);
	KUNIT_EXPECT_NULL(test, share_of(s->host[0].ctrl, BENCH_NSID));
	fabric_plug(b->f, another);
	b->card = kit_lend(test, b->f, "another");
	KUNIT_EXPECT_PTR_NE(test, b->card, old);
	KUNIT_EXPECT_STREQ(test, pci_name(b->card), pci_name(old));
	KUNIT_EXPECT_TRUE(test, bench_settles(b, b->card));
	share_connect(s, 1, b->nic);
	KUNIT_EXPECT_NOT_NULL(test, share_grant(s->host[1].ctrl, BENCH_NSID));
	pci_dev_put(old);
}

static struct kunit_case nvmet_share_cases[] = {
	KUNIT_CASE(one_grant_for_all_paths),
	KUNIT_CASE(what_is_not_shared),
	KUNIT_CASE(users_are_spread),
	KUNIT_CASE(evict_reaches_all_users),
	KUNIT_CASE(paths_follow_their_provider),
	KUNIT_CASE(earlier_life_is_not_joined),
	KUNIT_CASE(route_that_changes),
	KUNIT_CASE(path_leaves_while_evict_runs),
	KUNIT_CASE(last_path_leaves_while_evict_runs),
	KUNIT_CASE(path_comes_while_another_creates),
	KUNIT_CASE(share_without_memory),
	KUNIT_CASE(named_provider_that_is_not_published),
	KUNIT_CASE(named_provider_that_is_replaced),
	KUNIT_CASE(enabling_looks_at_one_namespace),
	{}
};

static struct kunit_suite nvmet_share_suite = {
	.name = "p2pmem-nvmet-share",
	.test_cases = nvmet_share_cases,
};

kunit_test_suite(nvmet_share_suite);
