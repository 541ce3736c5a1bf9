// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: state of the core in debugfs
 *
 * Floor 9.
 *
 * Tables with a header line and a line for each provider, region, grant or pair,
 * for people and scripts. See Documentation/ABI/testing/debugfs-p2pmem. Reading
 * changes nothing: it evaluates no pair and stores no verdict.
 *
 * Tables are written under p2pmem_mutex: a provider or client that is found in its
 * register, and its pairs, exist until its line is written, because removal takes that
 * mutex before it drops them. If a table does not fit into a buffer, seq_file calls the
 * function again with a larger one.
 *
 * Nobody depends on these files: where there is no debugfs, nothing is missing.
 */
#include <kunit/visibility.h>
#include <linux/debugfs.h>
#include <linux/seq_file.h>
#include <linux/timekeeping.h>
#include "p2pdma.h"

static struct dentry *p2pmem_debugfs;

static const char *p2pmem_state_name(struct p2pmem_provider *p)
{
	static const char * const names[] = {
		[P2PMEM_LIVE] = "live",
		[P2PMEM_DRAINING] = "draining",
		[P2PMEM_LOST] = "lost",
		[P2PMEM_ABANDONED] = "abandoned",
	};

	return names[READ_ONCE(p->state)];
}

static void p2pmem_show_provider(struct p2pmem_provider *p, void *m)
{
	seq_printf(m, "%s %d %s %zu %zu %ld %ld %lu\n", pci_name(p->pdev),
		   READ_ONCE(p->published) && p2pmem_pool_size(p->pool), p2pmem_state_name(p),
		   p2pmem_pool_size(p->pool), p2pmem_pool_available(p->pool),
		   atomic_long_read(&p->own), atomic_long_read(&p->pins), READ_ONCE(p->quota));
}

VISIBLE_IF_KUNIT int p2pmem_providers_show(struct seq_file *m, void *unused)
{
	seq_puts(m, "provider published state size available own pins quota\n");
	p2pmem_for_each_provider(p2pmem_show_provider, m);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(p2pmem_providers);

static void p2pmem_show_regions(struct p2pmem_provider *p, void *m)
{
	static const char * const kinds[] = {
		[PCI_P2PMEM_POOL] = "pool",
		[PCI_P2PMEM_DRIVER] = "driver",
		[PCI_P2PMEM_REGISTERS] = "registers",
	};
	struct p2pmem_region *r;

	guard(rcu)();
	list_for_each_entry_rcu(r, &p->regions, node)
		seq_printf(m, "%s %d %#llx %zu %s %#llx\n", pci_name(p->pdev), r->bar,
			   r->offset, r->size, kinds[r->kind], r->phys + r->bus_offset);
}

VISIBLE_IF_KUNIT int p2pmem_regions_show(struct seq_file *m, void *unused)
{
	seq_puts(m, "provider bar offset size kind bus_address\n");
	p2pmem_for_each_provider(p2pmem_show_regions, m);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(p2pmem_regions);

static void p2pmem_show_grants(struct p2pmem_provider *p, void *m)
{
	p2pmem_grants_show(p, m);
}

VISIBLE_IF_KUNIT int p2pmem_grants_file_show(struct seq_file *m, void *unused)
{
	seq_puts(m, "provider clients bytes ended users name\n");
	p2pmem_for_each_provider(p2pmem_show_grants, m);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(p2pmem_grants_file);

static void p2pmem_show_path(struct p2pmem_provider *p, struct device *client, void *m)
{
	static const char * const mappings[] = {
		[PCI_P2PMEM_MAP_NONE] = "none",
		[PCI_P2PMEM_MAP_BUS_ADDR] = "bus",
		[PCI_P2PMEM_MAP_HOST_BRIDGE] = "host",
	};
	static const char * const proofs[] = {
		[PCI_P2PMEM_UNTRIED] = "untried",
		[PCI_P2PMEM_PROVED] = "proved",
		[PCI_P2PMEM_UNPROVED] = "unproved",
		[PCI_P2PMEM_DISPROVED] = "disproved",
	};
	struct p2pmem_pair *pair = p2pmem_pair_find(p, client);
	struct pci_p2pmem_verdict v;

	p2pmem_verdict(p, client, 0, &v);
	seq_printf(m, "%s %s %s %s %d %s %s %d ", v.provider, v.client,
		   p2pmem_token(v.reason), mappings[v.mapping], v.distance,
		   *v.at ? v.at : "-", proofs[v.proof], v.by_admin);
	if (pair && pair->made)
		seq_printf(m, "%lld %d %d\n",
			   ktime_divns(ktime_sub(ktime_get(), READ_ONCE(pair->made)),
				       NSEC_PER_SEC),
			   !READ_ONCE(pair->stale), atomic_read(&pair->grants));
	else
		seq_puts(m, "- 0 0\n");
}

VISIBLE_IF_KUNIT int p2pmem_paths_show(struct seq_file *m, void *unused)
{
	seq_puts(m, "provider client reason mapping distance at proof by_admin age current grants\n");
	p2pmem_for_each_pair(p2pmem_show_path, m);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(p2pmem_paths);

static void p2pmem_show_counters(struct p2pmem_provider *p, struct device *client, void *m)
{
	struct p2pmem_pair *pair = p2pmem_pair_find(p, client);
	struct p2pmem_pair_count sum;
	unsigned long failures;
	bool any = false;
	int r;

	if (!pair)
		return;
	p2pmem_pair_sum(pair, &sum);
	seq_printf(m, "%s %s %llu %llu %llu %ld %ld ", pci_name(p->pdev), dev_name(client),
		   sum.maps, sum.unmaps, sum.bytes, p2pmem_pair_used(pair),
		   p2pmem_pair_peak(pair));
	for (r = 0; r < PCI_P2PMEM_NR_REASONS; r++) {
		failures = atomic_long_read(&pair->failures[r]);
		if (!failures)
			continue;
		seq_printf(m, "%s%s=%lu", any ? "," : "", p2pmem_token(r), failures);
		any = true;
	}
	seq_puts(m, any ? "\n" : "-\n");
}

VISIBLE_IF_KUNIT int p2pmem_counters_show(struct seq_file *m, void *unused)
{
	seq_puts(m, "provider client maps unmaps bytes in_use peak failures\n");
	p2pmem_for_each_pair(p2pmem_show_counters, m);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(p2pmem_counters);

static int p2pmem_policy_file_show(struct seq_file *m, void *unused)
{
	seq_puts(m, "origin entry\n");
	p2pmem_policy_show(m);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(p2pmem_policy_file);

/**
 * p2pmem_debugfs_init() - create the files
 *
 * Context: Module init.
 */
void p2pmem_debugfs_init(void)
{
	struct dentry *dir = debugfs_create_dir("p2pmem", NULL);

	p2pmem_debugfs = dir;
	debugfs_create_file("providers", 0400, dir, NULL, &p2pmem_providers_fops);
	debugfs_create_file("regions", 0400, dir, NULL, &p2pmem_regions_fops);
	debugfs_create_file("grants", 0400, dir, NULL, &p2pmem_grants_file_fops);
	debugfs_create_file("paths", 0400, dir, NULL, &p2pmem_paths_fops);
	debugfs_create_file("counters", 0400, dir, NULL, &p2pmem_counters_fops);
	debugfs_create_file("policy", 0400, dir, NULL, &p2pmem_policy_file_fops);
}

/**
 * p2pmem_debugfs_exit() - remove the files
 *
 * Context: Module exit, waits for readers.
 */
void p2pmem_debugfs_exit(void)
{
	debugfs_remove_recursive(p2pmem_debugfs);
}
