// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: p2pmem_tool: cost of peer memory per request
 *
 * Floor 2.
 *
 *	speed P C1 C2 ROUNDS LEN [FILL]   memory under a grant for both clients, mapped for C1;
 *				     before, a part of the pool is allocated: FILL percent of
 *				     its pages at random, or every second page for "odd"
 *	hot P C1 C2 ROUNDS LEN WHAT  one step of it alone, for counting instructions from
 *				     outside: grant, run, list, map
 *
 * Prints the ticks of the cycle counter for each step, the minimum of all rounds:
 * "alloc", "lookup" (the cached verdict of a pair), "map", "unmap", "free", "run" (a run
 * allocated and freed), "list" (the same of a list without a grant), "all", the minimum of the
 * sum of the first five, "find" (a provider for C1), "kind" (of a list of LEN bytes in system
 * memory), and "check" (the same of a list that may be mixed). Under QEMU's -icount shift=0 a tick
 * is an executed instruction. The cost of reading the counter is subtracted from each step.
 *
 * The lookup is not exported. It is called through its address, which a kprobe finds;
 * the indirect call is included.
 */
#include <linux/prandom.h>
#include <linux/rcupdate.h>
#include <linux/scatterlist.h>
#include <linux/timex.h>
#include "symbol.h"
#include "tool.h"

struct p2pmem_provider;
struct p2pmem_path;

enum {
	SPEED_ALLOC, SPEED_LOOKUP, SPEED_MAP, SPEED_UNMAP, SPEED_FREE, SPEED_RUN, SPEED_LIST,
	SPEED_ALL, SPEED_FIND, SPEED_KIND, SPEED_CHECK, SPEED_NR
};

static const char * const speed_names[] = { "alloc", "lookup", "map", "unmap", "free", "run",
					     "list", "all", "find", "kind", "check" };

/**
 * struct speed - state of a measurement
 * @pdev: provider
 * @provider: the core's structure for it
 * @grant: for both clients
 * @lookup: the core's function to look up a pair
 * @least: fewest ticks of each step
 * @refused: there was no run of that length
 * @sg: of one step alone: a list that is allocated all the time
 * @nents: its number of entries
 * @held: pages that are allocated meanwhile
 * @nr_held: how many
 */
struct speed {
	struct pci_dev *pdev;
	struct p2pmem_provider *provider;
	struct pci_p2pmem_grant *grant;
	struct p2pmem_path *(*lookup)(struct p2pmem_provider *p, struct device *client);
	u64 least[SPEED_NR];
	bool refused;
	struct scatterlist *sg;
	unsigned int nents;
	void **held;
	size_t nr_held;
};

/* Frees what speed_fill() left allocated. */
static void speed_unfill(struct speed *s)
{
	while (s->nr_held)
		pci_p2pmem_free(s->held[--s->nr_held], PAGE_SIZE);
	kvfree(s->held);
	s->held = NULL;
}

/* Allocates all pages in turn, mixes them, and frees the first that are too many. */
static int speed_fill(struct speed *s, const char *fill)
{
	size_t max = SZ_4G / PAGE_SIZE, n, keep, other;
	bool odd = !strcmp(fill, "odd");
	unsigned int percent = 0;
	struct rnd_state rnd;

	if (!odd && (kstrtouint(fill, 10, &percent) || percent > 100))
		return -EINVAL;
	s->held = kvmalloc_array(max, sizeof(*s->held), GFP_KERNEL);
	if (!s->held)
		return -ENOMEM;
	while (s->nr_held < max) {
		s->held[s->nr_held] = pci_p2pmem_alloc(s->pdev, PAGE_SIZE, GFP_KERNEL);
		if (!s->held[s->nr_held])
			break;
		s->nr_held++;
		cond_resched();
	}
	prandom_seed_state(&rnd, 15);
	keep = s->nr_held * percent / 100;
	for (n = s->nr_held; n > 1; n--) {
		other = prandom_u32_state(&rnd) % n;
		swap(s->held[n - 1], s->held[other]);
	}
	for (n = 0; n < s->nr_held && s->nr_held > keep;) {
		if (odd && (unsigned long)s->held[n] & PAGE_SIZE) {
			n++;
			continue;
		}
		pci_p2pmem_free(s->held[n], PAGE_SIZE);
		s->held[n] = s->held[--s->nr_held];
	}
	return 0;
}

/* Runs with interrupts off, because interrupts would be counted as well. */
static int speed_round(struct speed *s, struct device *client, u32 len)
{
	u64 begin[SPEED_ALL], end[SPEED_ALL], none, all = 0;
	struct scatterlist *sg, *list;
	unsigned int nents, n;
	unsigned long flags;
	void *run;
	int i, mapped = 0;

	local_irq_save(flags);
	none = get_cycles();
	none = get_cycles() - none;

	begin[SPEED_ALLOC] = get_cycles();
	sg = pci_p2pmem_grant_sgl_alloc(s->grant, &nents, len, GFP_ATOMIC, NULL);
	end[SPEED_ALLOC] = get_cycles();
	if (IS_ERR(sg)) {
		local_irq_restore(flags);
		return PTR_ERR(sg);
	}
	rcu_read_lock();
	begin[SPEED_LOOKUP] = get_cycles();
	s->lookup(s->provider, client);
	end[SPEED_LOOKUP] = get_cycles();
	rcu_read_unlock();

	begin[SPEED_MAP] = get_cycles();
	mapped = pci_p2pmem_map_sg(client, sg, nents, DMA_FROM_DEVICE);
	end[SPEED_MAP] = get_cycles();

	begin[SPEED_UNMAP] = get_cycles();
	if (mapped > 0)
		pci_p2pmem_unmap_sg(client, sg, nents, DMA_FROM_DEVICE);
	end[SPEED_UNMAP] = get_cycles();

	begin[SPEED_FREE] = get_cycles();
	pci_p2pmem_sgl_free(sg);
	end[SPEED_FREE] = get_cycles();

	/* A run for nobody, and back */
	begin[SPEED_RUN] = get_cycles();
	run = pci_p2pmem_alloc(s->pdev, len, GFP_ATOMIC);
	if (run)
		pci_p2pmem_free(run, len);
	end[SPEED_RUN] = get_cycles();
	if (!run)
		s->refused = true;

	/* A list without a grant, and back */
	begin[SPEED_LIST] = get_cycles();
	list = pci_p2pmem_sgl_alloc(s->pdev, &n, len, GFP_ATOMIC);
	if (list)
		pci_p2pmem_sgl_free(list);
	end[SPEED_LIST] = get_cycles();
	local_irq_restore(flags);
	if (mapped < 0)
		return mapped;

	for (i = 0; i < SPEED_ALL; i++) {
		if (i < SPEED_RUN)
			all += end[i] - begin[i] - none;
		s->least[i] = min(s->least[i], end[i] - begin[i] - none);
	}
	s->least[SPEED_ALL] = min(s->least[SPEED_ALL], all);
	return 0;
}

/* What is independent of the pool: the choice of a provider, and a list in system memory */
static int speed_other(struct speed *s, struct device *client, unsigned int rounds, u32 len)
{
	struct pci_dev *found;
	struct scatterlist *sg;
	u64 begin, end, none;
	unsigned long flags;
	unsigned int nents;
	int kind = 0;

	sg = sgl_alloc(len, GFP_KERNEL, &nents);
	if (!sg)
		return -ENOMEM;
	while (rounds--) {
		local_irq_save(flags);
		none = get_cycles();
		none = get_cycles() - none;
		begin = get_cycles();
		kind |= pci_p2pmem_sg_kind(sg, nents);
		end = get_cycles();
		s->least[SPEED_KIND] = min(s->least[SPEED_KIND], end - begin - none);
		begin = get_cycles();
		kind |= pci_p2pmem_sg_check(sg, nents);
		end = get_cycles();
		local_irq_restore(flags);
		s->least[SPEED_CHECK] = min(s->least[SPEED_CHECK], end - begin - none);
		/* It may sleep. Interrupts are counted in some rounds, but not in all. */
		begin = get_cycles();
		found = pci_p2pmem_find_provider(&client, 1);
		end = get_cycles();
		pci_dev_put(found);
		s->least[SPEED_FIND] = min(s->least[SPEED_FIND], end - begin - none);
	}
	sgl_free(sg);
	return kind || !found ? -EINVAL : 0;
}

static int speed_run(struct speed *s, struct device *dev[2], unsigned int rounds, u32 len)
{
	struct p2pmem_provider *(*find)(struct pci_dev *pdev) = symbol_address("p2pmem_find");
	struct pci_p2pmem_verdict why;
	int i, ret = 0;

	s->lookup = symbol_address("p2pmem_pair_find");
	if (!find || !s->lookup)
		return -ENOENT;
	/* The grant has a reference on the provider. */
	s->grant = pci_p2pmem_grant_create(s->pdev, dev, 2, KTIME_MAX, NULL, NULL,
					   "speed", &why);
	if (IS_ERR(s->grant))
		return PTR_ERR(s->grant);
	rcu_read_lock();
	s->provider = find(s->pdev);
	rcu_read_unlock();
	memset(s->least, 0xff, sizeof(s->least));
	for (i = 0; !ret && i < rounds; i++) {
		ret = speed_round(s, dev[0], len);
		cond_resched();
	}
	pci_p2pmem_grant_end(s->grant);
	if (!ret)
		ret = speed_other(s, dev[0], min(rounds, 100U), len);
	for (i = 0; !ret && i < SPEED_NR; i++)
		if (i != SPEED_RUN || !s->refused)
			tool_print("%s %llu\n", speed_names[i], s->least[i]);
	return ret;
}

static int speed_hot_round(struct speed *s, struct device *client, u32 len, char what)
{
	struct scatterlist *sg = NULL;
	unsigned int nents;
	void *run;
	int n;

	switch (what) {
	case 'g':
		sg = pci_p2pmem_grant_sgl_alloc(s->grant, &nents, len, GFP_ATOMIC, NULL);
		if (IS_ERR(sg))
			return PTR_ERR(sg);
		break;
	case 'l':
		sg = pci_p2pmem_sgl_alloc(s->pdev, &nents, len, GFP_ATOMIC);
		if (!sg)
			return -ENOMEM;
		break;
	case 'r':
		run = pci_p2pmem_alloc(s->pdev, len, GFP_ATOMIC);
		if (!run)
			return -ENOMEM;
		pci_p2pmem_free(run, len);
		return 0;
	default:
		n = pci_p2pmem_map_sg(client, s->sg, s->nents, DMA_FROM_DEVICE);
		if (n < 0)
			return n;
		pci_p2pmem_unmap_sg(client, s->sg, s->nents, DMA_FROM_DEVICE);
		return 0;
	}
	pci_p2pmem_sgl_free(sg);
	return 0;
}

static int speed_hot(struct speed *s, struct device *dev[2], unsigned int rounds, u32 len,
		     char what)
{
	struct pci_p2pmem_verdict why;
	unsigned long flags;
	int i, ret = 0;

	s->grant = pci_p2pmem_grant_create(s->pdev, dev, 2, KTIME_MAX, NULL, NULL,
					   "hot", &why);
	if (IS_ERR(s->grant))
		return PTR_ERR(s->grant);
	s->sg = pci_p2pmem_grant_sgl_alloc(s->grant, &s->nents, len, GFP_KERNEL, NULL);
	if (IS_ERR(s->sg)) {
		pci_p2pmem_grant_end(s->grant);
		return PTR_ERR(s->sg);
	}
	for (i = 0; !ret && i < rounds; i++) {
		local_irq_save(flags);
		ret = speed_hot_round(s, dev[0], len, what);
		local_irq_restore(flags);
	}
	pci_p2pmem_sgl_free(s->sg);
	pci_p2pmem_grant_end(s->grant);
	return ret;
}

/* Arguments of both commands: P C1 C2 ROUNDS LEN; speed_release() undoes it in any case. */
static int speed_parse(struct speed *s, struct device **dev, char **argv, unsigned int *rounds,
		       u64 *len)
{
	s->pdev = tool_pci(argv[0]);
	if (!s->pdev || tool_device(argv[1], &dev[0]) || tool_device(argv[2], &dev[1]))
		return -ENXIO;
	return kstrtouint(argv[3], 10, rounds) ?: tool_bytes(argv[4], len);
}

static void speed_release(struct speed *s, struct device **dev)
{
	put_device(dev[0]);
	put_device(dev[1]);
	pci_dev_put(s->pdev);
}

static int tool_cmd_hot(int argc, char **argv)
{
	struct device *dev[2] = {};
	struct speed s = {};
	unsigned int rounds;
	u64 len;
	int ret;

	ret = speed_parse(&s, dev, argv, &rounds, &len);
	if (!ret)
		ret = speed_hot(&s, dev, rounds, len, argv[5][0]);
	speed_release(&s, dev);
	return ret;
}

static int tool_cmd_speed(int argc, char **argv)
{
	struct device *dev[2] = {};
	struct speed s = {};
	unsigned int rounds;
	u64 len;
	int ret;

	ret = speed_parse(&s, dev, argv, &rounds, &len);
	if (!ret && argc == 6)
		ret = speed_fill(&s, argv[5]);
	if (!ret)
		ret = speed_run(&s, dev, rounds, len);
	speed_unfill(&s);
	speed_release(&s, dev);
	return ret;
}

const struct tool_command tool_speed_commands[] = {
	{ "speed", "P C1 C2 ROUNDS LEN [FILL]", 5, 6, tool_cmd_speed },
	{ "hot", "P C1 C2 ROUNDS LEN WHAT", 6, 6, tool_cmd_hot },
	{}
};
