// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: p2pmem_fail, fault injection: mappings that fail or should fail, a CMB that has moved
 *
 * Floor 0.
 *
 * A probe at the entry of dma_map_resource() returns DMA_MAPPING_ERROR for calls from
 * p2pdma, as an IOMMU without address space or memory does.
 *
 *   every=N     every N-th of those calls fails; 0: none
 *   burst=N     so many calls fail each time, one after the other: a driver may try a request
 *               again at once
 *   client=BDF  only calls for this device fail; empty: for all devices
 *   calls, failed  number of calls while every was set, and how many of them failed
 *
 * A second probe, at the entry of pci_p2pmem_is_lent(), makes that function return false, as it
 * does for the driver of a drive whose CMB has changed over a reset.
 *
 *   moved=1        every call returns false
 *   moved_answers  number of those calls
 *
 * A third, at the entry of dma_map_sgtable(), makes calls from p2pdma succeed: so would a DMA API
 * that does not refuse our pages to drivers that do not know us.
 *
 *   accepts=1  every such call returns 0, without a mapping
 *   accepted   number of those calls
 */
#include <linux/dma-mapping.h>
#include <linux/kallsyms.h>
#include <linux/kprobes.h>
#include <linux/linkage.h>
#include <linux/module.h>

static unsigned int every;
module_param(every, uint, 0644);
MODULE_PARM_DESC(every, "let each N-th mapping fail, 0: none");

static unsigned int burst = 1;
module_param(burst, uint, 0644);
MODULE_PARM_DESC(burst, "how many mappings fail each time");

static char client[32];
module_param_string(client, client, sizeof(client), 0644);
MODULE_PARM_DESC(client, "device whose mappings fail, empty: all");

static unsigned int calls;
module_param(calls, uint, 0644);
MODULE_PARM_DESC(calls, "number of mappings while every was set");

static unsigned int failed;
module_param(failed, uint, 0644);
MODULE_PARM_DESC(failed, "number of mappings that failed");

static bool moved;
module_param(moved, bool, 0644);
MODULE_PARM_DESC(moved, "report that memory is not where it was registered");

static unsigned int moved_answers;
module_param(moved_answers, uint, 0444);
MODULE_PARM_DESC(moved_answers, "calls that returned false because of moved");

static bool accepts;
module_param(accepts, bool, 0644);
MODULE_PARM_DESC(accepts, "the DMA API does not refuse memory of p2pdma");

static unsigned int accepted;
module_param(accepted, uint, 0444);
MODULE_PARM_DESC(accepted, "calls that succeeded because of accepts");

static DEFINE_RAW_SPINLOCK(lock);	/* calls, failed, accepted, symbol */
static char symbol[KSYM_SYMBOL_LEN];

#ifdef CONFIG_X86
/* The probe redirects a skipped call to this; the result is already set */
asmlinkage void p2pmem_fail_return(void);
asm(".pushsection .text\n"
	".type p2pmem_fail_return, @function\n"
	"p2pmem_fail_return:\n"
	ASM_ENDBR
	ASM_RET
	".size p2pmem_fail_return, .-p2pmem_fail_return\n"
	".popsection\n");

static unsigned long fail_caller(struct pt_regs *regs)
{
	return *(unsigned long *)kernel_stack_pointer(regs);
}

static void fail_return(struct pt_regs *regs)
{
	instruction_pointer_set(regs, (unsigned long)p2pmem_fail_return);
}
#else
/* The return address is in a register */
static unsigned long fail_caller(struct pt_regs *regs)
{
	return procedure_link_pointer(regs);
}

static void fail_return(struct pt_regs *regs)
{
	instruction_pointer_set(regs, procedure_link_pointer(regs));
}
#endif

/* Lets the function return @value without being run; returns what a pre_handler then has to */
static int skip_call(struct pt_regs *regs, unsigned long value)
{
	regs_set_return_value(regs, value);
	fail_return(regs);
	return 1;
}

static bool selected(struct device *dev)
{
	size_t len = strcspn(client, "\n");

	return !len || (strlen(dev_name(dev)) == len && !strncmp(dev_name(dev), client, len));
}

/* Whether p2pdma has called the function at whose entry @regs are */
static bool called_by_p2pdma(struct pt_regs *regs)
{
	lockdep_assert_held(&lock);
	sprint_symbol(symbol, fail_caller(regs));
	return strstr(symbol, "[p2pdma]");
}

static int entry(struct kprobe *probe, struct pt_regs *regs)
{
	unsigned int n = READ_ONCE(every);
	unsigned long flags;
	bool hit = false;

	if (!n || !selected((struct device *)regs_get_kernel_argument(regs, 0)))
		return 0;
	raw_spin_lock_irqsave(&lock, flags);
	if (called_by_p2pdma(regs)) {
		hit = calls++ % n + READ_ONCE(burst) >= n;
		failed += hit;
	}
	raw_spin_unlock_irqrestore(&lock, flags);
	if (!hit)
		return 0;
	return skip_call(regs, DMA_MAPPING_ERROR);
}

/* A probe that has a post_handler is not optimized into a jump, which could not skip the call */
static void unused(struct kprobe *probe, struct pt_regs *regs, unsigned long flags)
{
}

static struct kprobe probe = {
	.symbol_name	= "dma_map_resource",
	.pre_handler	= entry,
	.post_handler	= unused,
};

/* One reset at a time calls it, so the counter needs no lock. */
static int moved_entry(struct kprobe *probe, struct pt_regs *regs)
{
	if (!READ_ONCE(moved))
		return 0;
	moved_answers++;
	return skip_call(regs, false);
}

static struct kprobe moved_probe = {
	.symbol_name	= "pci_p2pmem_is_lent",
	.pre_handler	= moved_entry,
	.post_handler	= unused,
};

static int sgtable_entry(struct kprobe *probe, struct pt_regs *regs)
{
	unsigned long flags;
	bool hit;

	if (!READ_ONCE(accepts))
		return 0;
	raw_spin_lock_irqsave(&lock, flags);
	hit = called_by_p2pdma(regs);
	accepted += hit;
	raw_spin_unlock_irqrestore(&lock, flags);
	if (!hit)
		return 0;
	return skip_call(regs, 0);
}

static struct kprobe sgtable_probe = {
	.symbol_name	= "dma_map_sgtable",
	.pre_handler	= sgtable_entry,
	.post_handler	= unused,
};

static struct kprobe *probes[] = { &probe, &moved_probe, &sgtable_probe };

static int __init p2pmem_fail_init(void)
{
	return register_kprobes(probes, ARRAY_SIZE(probes));
}
module_init(p2pmem_fail_init);

static void __exit p2pmem_fail_exit(void)
{
	unregister_kprobes(probes, ARRAY_SIZE(probes));
}
module_exit(p2pmem_fail_exit);

MODULE_DESCRIPTION("Failing mappings for tests of PCI peer-to-peer memory");
MODULE_LICENSE("GPL");
