// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: counting and logging of refusals
 *
 * Floor 7.
 *
 * A request may be refused in any context, and is counted there. The log line names the
 * ports at fault and a remedy that can be pasted; a work item writes it, because that
 * reads configuration space.
 */
#define pr_fmt(fmt) "p2pdma: " fmt

#include <linux/ratelimit.h>
#include <linux/slab.h>
#include <trace/events/p2pmem.h>
#include "p2pdma.h"

static void p2pmem_log_worker(struct work_struct *work);
static DECLARE_WORK(p2pmem_log_work, p2pmem_log_worker);

/* Logs refusals of a pair that have not been logged yet, with an exact remedy. */
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
		p2pmem_pair_verdict(pair, &v, NULL);
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
 * p2pmem_refuse_pair() - count a refused mapping and schedule its log line
 * @pair: the pair
 * @bytes: payload
 * @reason: reason of the refusal
 *
 * Each reason is logged once until the verdict changes.
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
 * p2pmem_refuse() - count and log a refused mapping that may have no pair
 * @provider: the providing function, NULL if it is not known
 * @client: DMA device, or NULL
 * @bytes: payload
 * @reason: reason of the refusal
 *
 * Without a pair the refusal is not counted, and the log is rate-limited.
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
		/* None of the reasons used here makes this read configuration space. */
		pci_p2pmem_explain(text, sizeof(text), provider, client, &v);
		pr_warn("cannot map peer-to-peer memory: %s\n", text);
	}
	return p2pmem_errno(reason);
}

/**
 * p2pmem_refuse_exit() - stop the work that logs refusals
 *
 * Context: Module exit.
 */
void p2pmem_refuse_exit(void)
{
	cancel_work_sync(&p2pmem_log_work);
}
