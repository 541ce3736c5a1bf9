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
#define SHARE_DISK	"p2pmem-kunit2"	/* block device of drive2 */
#define SHARE_OTHER	"nqn.2014-08.kunit:p2pmem-other"

/**
 * struct share_host - a host that is connected, or that connects and leaves in a work item
 * @work: connects or disconnects the host
 * @s: the target
 * @subsysnqn: the subsystem
 * @adapter: DMA device of the adapter
 * @ctrl: controller of the host, or NULL
 * @sq: submission queue
 * @cq: completion queue
 * @over: @work has ended
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
 * @host: additional hosts
 * @ns: additional namespaces
 * @nr_ns: number of entries in @ns
 * @other: another subsystem, or NULL
 * @link: link of @other to the port
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

static void share_store(struct share *s, struct nvmet_ns *ns, const char *value)
{
	strscpy(s->b->page, value, PAGE_SIZE);
	KUNIT_ASSERT_GT(s->b->test, nvmet_ns_attr_p2pmem.store(&ns->group.cg_item, s->b->page,
							       strlen(value)), 0);
}

/* Add an enabled namespace with @value in its attribute p2pmem */
static struct nvmet_ns *share_ns(struct share *s, struct nvmet_subsys *subsys, u32 nsid,
				 const char *disk, const char *value)
{
	struct nvmet_ns *ns = bench_new_ns(s->b, subsys, nsid, disk);

	s->ns[s->nr_ns++] = ns;
	share_store(s, ns, value);
	KUNIT_ASSERT_EQ(s->b->test, bench_ns_enable(ns), 0);
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

/* A target whose namespace names the card as provider; its host is connected */
static struct share *share_ready(struct kunit *test)
{
	struct share *s = kunit_kzalloc(test, sizeof(*s), GFP_KERNEL);
	struct nvmet_bench *b = bench_build(test);
	int i;

	KUNIT_ASSERT_NOT_NULL(test, s);
	s->b = b;
	/* Removed after the namespaces that have it open */
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

/* Add another subsystem, whose namespace has the same drive and names the card */
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
	list_add(&s->link.entry, &b->port->subsystems);
	share_ns(s, s->other, BENCH_NSID, BENCH_DISK, pci_name(b->card));
}

static struct nvmet_p2pmem_share *share_of(struct nvmet_ctrl *ctrl, u32 nsid)
{
	struct nvmet_p2pmem_path *path;

	guard(mutex)(&ctrl->subsys->lock);
	path = radix_tree_lookup(&ctrl->p2p_ns_map, nsid);
	return path ? path->share : NULL;
}

/* Return the grant that requests of a path use */
static struct pci_p2pmem_grant *share_grant(struct nvmet_ctrl *ctrl, u32 nsid)
{
	struct nvmet_p2pmem_path *path;

	guard(mutex)(&ctrl->subsys->lock);
	path = radix_tree_lookup(&ctrl->p2p_ns_map, nsid);
	return path ? nvmet_p2pmem_path_grant(path) : NULL;
}

/* Expect the number of a provider's grants that have not ended, and of all their users */
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

/* Any number of hosts and namespaces share one grant, until the last of them leaves */
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
	/* The path that created the share may leave before others. */
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

	/* The next path creates a new grant. */
	bench_connect(b, b->nic, NVMF_TRTYPE_RDMA);
	share_expect(s, b->card, 1, SHARE_NS);
}

/* Paths that differ in adapter, drive or provider have separate grants */
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

/* The number of users selects between equal providers, not the number of grants */
static void users_are_spread(struct kunit *test)
{
	struct share *s = share_ready(test);
	struct nvmet_bench *b = s->b;
	int i;

	bench_disconnect(b);
	nvmet_ns_disable(b->ns);
	share_store(s, b->ns, "1");
	KUNIT_ASSERT_EQ(test, bench_enable(b), 0);
	bench_connect(b, b->nic, NVMF_TRTYPE_RDMA);
	for (i = 0; i < 3; i++)
		share_connect(s, i, b->nic);
	share_expect(s, b->card, 1, 2);
	share_expect(s, b->card2, 1, 2);
	/* Two paths of one provider leave: it has one grant and two users less. */
	bench_disconnect(b);
	share_leave(&s->host[1].work);
	share_connect(s, 3, b->nic);
	share_connect(s, 1, b->nic);
	share_expect(s, b->card, 1, 2);
	share_expect(s, b->card2, 1, 2);
}

/**
 * struct share_revoke - a revocation by a thread that is killed, so that it does not wait
 * @provider: the provider
 * @done: completed when the revocation has returned
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
	/* Not freed if the thread does not end, which still uses it then. */
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

/* All controllers that use a grant with memory in use are ended, and no others */
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
	KUNIT_EXPECT_TRUE_MSG(test, share_failed(b->ctrl), "its requests use the memory");
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

/* A path keeps the grant of a provider that left until all its memory is freed */
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
				"it leaves while another path's memory is in use");
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

/* A share created before a reset of the provider is not joined, although it is in use */
static void earlier_life_is_not_joined(struct kunit *test)
{
	struct share *s = share_ready(test);
	struct nvmet_bench *b = s->b;
	struct nvmet_p2pmem_share *old = share_of(b->ctrl, BENCH_NSID);
	struct pci_p2pmem_grant *grant;
	int i;

	share_other(s);
	s->host[0].subsysnqn = SHARE_OTHER;
	/* The lock keeps the paths of this subsystem unchanged. */
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
				"both grants are of the same registration");
	share_expect(s, b->card, 1, 2);
}

/*
 * Even without self-tests, a grant whose memory is now mapped by another route is replaced,
 * because no memory can be allocated from it.
 */
static void route_that_changes(struct kunit *test)
{
	struct share *s = share_ready(test);
	struct nvmet_bench *b = s->b;
	struct pci_p2pmem_grant *old = share_grant(b->ctrl, BENCH_NSID);
	struct pci_p2pmem_verdict now;

	kit_allow(test, BENCH_ROOT_PORT);
	fabric_set_acs_ctrl(b->f, "dn3", PCI_ACS_RR);
	pci_p2pmem_verdict(b->card, b->drive, KTIME_MAX, &now);
	KUNIT_ASSERT_EQ(test, now.mapping, PCI_P2PMEM_MAP_HOST_BRIDGE);
	/* A path that is created before the others are re-evaluated does not join. */
	share_connect(s, 0, b->nic);
	KUNIT_EXPECT_PTR_NE(test, share_grant(s->host[0].ctrl, BENCH_NSID), old);
	KUNIT_EXPECT_TRUE_MSG(test, bench_settles(b, b->card), "requests use system memory");
	share_expect(s, b->card, 1, 2);
}

/* Wait until a lock is held for so long that its holder must be waiting */
static bool share_stuck(struct mutex *lock)
{
	int i, held = 0;

	for (i = 0; i < 2000 && held < 20; i++) {
		held = mutex_is_locked(lock) ? held + 1 : 0;
		usleep_range(1000, 2000);
	}
	return held == 20;
}

/* One of three paths leaves while the evict callback walks the list of paths */
static void path_leaves_while_evict_runs(struct kunit *test)
{
	struct share *s = share_ready(test);
	struct nvmet_bench *b = s->b;
	struct p2pmem_provider *p = kit_provider(b->card);
	struct nvmet_p2pmem_share *share = share_of(b->ctrl, BENCH_NSID);
	struct share_revoke *revoke;
	struct nvmet_ctrl *ctrl;
	struct bench_req *r;

	share_connect(s, 0, b->nic);
	share_connect(s, 1, b->nic);
	ctrl = s->host[1].ctrl;
	r = bench_start(b, nvme_cmd_read, SZ_8K, b->nic);
	KUNIT_ASSERT_PTR_EQ(test, r->req.p2p_dev, b->card);
	KUNIT_EXPECT_EQ(test, bench_execute(b, r), NVME_SC_SUCCESS);
	/* The callback waits at the leaving controller, and then reads its next list entry. */
	mutex_lock(&ctrl->lock);
	revoke = share_revoke(test, b->card);
	KUNIT_EXPECT_TRUE(test, share_stuck(&share->lock));
	KUNIT_EXPECT_TRUE(test, mutex_is_locked(&p->lock));
	share_start(s, 1, share_leave);
	msleep(50);
	KUNIT_EXPECT_FALSE_MSG(test, READ_ONCE(s->host[1].over), "it did not wait");
	mutex_unlock(&ctrl->lock);
	flush_work(&s->host[1].work);
	share_revoked(test, revoke);
	KUNIT_EXPECT_TRUE(test, share_failed(b->ctrl));
	KUNIT_EXPECT_TRUE(test, share_failed(s->host[0].ctrl));
	share_expect(s, b->card, 1, 2);
	bench_free(r);
}

/* The last path leaves during the evict callback: the share is freed after the callback */
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

/* Paths of two subsystems are created concurrently: one creates the share that both use */
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

/* Each allocation fails once while a share is created or joined: no leak */
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
	/* Path, share, grant, and three allocations of the grant */
	KUNIT_EXPECT_GT(test, failed, 5);
	KUNIT_EXPECT_TRUE(test, bench_settles(b, b->card));
	for (i = 0; i < 200 && !share_grant(ctrl[1], BENCH_NSID); i++)
		msleep(20);
	share_expect(s, b->card, 1, 2);
}

/* A namespace whose named provider is not published does not affect the others' share */
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

/* Wait until the log has the line of a path */
static bool share_logged(struct nvmet_ctrl *ctrl, u32 nsid)
{
	bool logged = false;
	int i;

	for (i = 0; i < 200 && !logged; i++) {
		msleep(20);
		mutex_lock(&ctrl->subsys->lock);
		logged = share_path(ctrl, nsid)->logged == NVMET_P2PMEM_PEER;
		mutex_unlock(&ctrl->subsys->lock);
	}
	return logged;
}

/* Enabling a namespace re-evaluates the paths of this namespace only */
static void enabling_evaluates_one_namespace(struct kunit *test)
{
	struct share *s = share_ready(test);
	struct nvmet_bench *b = s->b;

	KUNIT_ASSERT_TRUE(test, share_logged(b->ctrl, BENCH_NSID));
	msleep(100);
	/* A re-evaluation of this path would log the line again. */
	mutex_lock(&b->subsys->lock);
	share_path(b->ctrl, BENCH_NSID)->logged = NVMET_P2PMEM_NEW;
	mutex_unlock(&b->subsys->lock);
	share_ns(s, b->subsys, BENCH_NSID + 1, BENCH_DISK, pci_name(b->card));
	KUNIT_EXPECT_TRUE(test, share_logged(b->ctrl, BENCH_NSID + 1));
	mutex_lock(&b->subsys->lock);
	KUNIT_EXPECT_EQ(test, share_path(b->ctrl, BENCH_NSID)->logged, NVMET_P2PMEM_NEW);
	mutex_unlock(&b->subsys->lock);
	nvmet_p2pmem_rescan(0);
	KUNIT_EXPECT_TRUE(test, share_logged(b->ctrl, BENCH_NSID));

	/* A subsystem whose lock was contended is re-evaluated soon. */
	mutex_lock(&b->subsys->lock);
	share_path(b->ctrl, BENCH_NSID)->logged = NVMET_P2PMEM_NEW;
	nvmet_p2pmem_rescan(0);
	msleep(100);
	mutex_unlock(&b->subsys->lock);
	KUNIT_EXPECT_TRUE(test, share_logged(b->ctrl, BENCH_NSID));
}

/* The named function is unplugged, and another one is plugged in at its address */
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
	KUNIT_CASE(enabling_evaluates_one_namespace),
	{}
};

static struct kunit_suite nvmet_share_suite = {
	.name = "p2pmem-nvmet-share",
	.test_cases = nvmet_share_cases,
};

kunit_test_suite(nvmet_share_suite);
