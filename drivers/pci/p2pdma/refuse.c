// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: what is refused is counted and logged
 *
 * Floor 7.
 *
 * A request may be refused in any context. It is counted there; the line for the log,
 * which names the ports at fault and a remedy that can be pasted, reads configuration
 * space and is made by a work item.
 */
#define pr_fmt(fmt) "p2pdma: " fmt

#include <linux/ratelimit.h>
#include <linux/slab.h>
#include <trace/events/p2pmem.h>
#include "p2pdma.h"

static void p2pmem_log_worker(struct work_struct *work);
static DECLARE_WORK(p2pmem_log_work, p2pmem_log_worker);

/* Logs what was refused to a pair since the last time, with a remedy that is exact. */
static void p2pmem_log_pair(struct p2pmem_provider *p, struct device *client, void *text)
{
	struct p2pmem_pair *pair = p2pmem_pair_find(p, client);
	struct pci_p2pmem_verdict v;
	unsigned long reasons;
	unsigned int r;

	if (!pair)
		return;
	reasons = xchg(&pair->unlogged, 0);
	for_each_set_bit(r, &reasons, PCI_P2PMEM_NR_REASONS) {
		p2pmem_pair_verdict(pair, &v);
		if (v.reason != r)
			v = (struct pci_p2pmem_verdict){ .reason = r, .distance = -1 };
		if (text)
			pci_p2pmem_explain(text, PCI_P2PMEM_TEXT, p->pdev, client, &v);
		pr_warn("cannot map peer-to-peer memory: %s\n",
			text ? (char *)text : p2pmem_token(r));
	}
}

static void p2pmem_log_worker(struct work_struct *work)
{
	char *text = kmalloc(PCI_P2PMEM_TEXT, GFP_KERNEL);

	p2pmem_for_each_pair(p2pmem_log_pair, text);
	kfree(text);
}

/**
 * p2pmem_refuse_pair() - count a refused mapping and have it logged
 * @pair: the pair
 * @bytes: payload
 * @reason: why
 *
 * The log has each reason once until the verdict changes.
 *
 * Context: Any but NMI.
 * Return: the errno of the reason.
 */
int p2pmem_refuse_pair(struct p2pmem_pair *pair, size_t bytes, enum pci_p2pmem_reason reason)
{
	p2pmem_pair_failed(pair, reason);
	trace_p2pmem_map(pair->provider->pdev, pair->client, bytes, PCI_P2PMEM_MAP_NONE, reason);
	if (!test_and_set_bit(reason, &pair->logged)) {
		set_bit(reason, &pair->unlogged);
		queue_work(p2pmem_wq, &p2pmem_log_work);
	}
	return p2pmem_errno(reason);
}

/**
 * p2pmem_refuse() - the same, where there may be no pair to count it
 * @provider: the providing function, NULL where it is not known
 * @client: DMA device, or NULL
 * @bytes: payload
 * @reason: why
 *
 * Without a pair the log has it now and then.
 *
 * Context: Any but NMI.
 * Return: the errno of the reason.
 */
int p2pmem_refuse(struct pci_dev *provider, struct device *client, size_t bytes,
		  enum pci_p2pmem_reason reason)
{
	static DEFINE_RATELIMIT_STATE(limit, DEFAULT_RATELIMIT_INTERVAL, 1);
	const struct pci_p2pmem_verdict v = { .reason = reason, .distance = -1 };
	struct p2pmem_provider *p;
	struct p2pmem_pair *pair;
	char text[384];

	guard(rcu)();
	p = provider ? p2pmem_find(provider) : NULL;
	pair = p && client ? p2pmem_pair_find(p, client) : NULL;
	if (pair)
		return p2pmem_refuse_pair(pair, bytes, reason);
	trace_p2pmem_map(provider, client, bytes, PCI_P2PMEM_MAP_NONE, reason);
	if (__ratelimit(&limit)) {
		/* Of these reasons none makes it read configuration space. */
		pci_p2pmem_explain(text, sizeof(text), provider, client, &v);
		pr_warn("cannot map peer-to-peer memory: %s\n", text);
	}
	return p2pmem_errno(reason);
}

/**
 * p2pmem_refuse_exit() - nothing is logged any more
 *
 * Context: Module exit.
 */
void p2pmem_refuse_exit(void)
{
	cancel_work_sync(&p2pmem_log_work);
}
