// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: p2pmem_tool: memory, grants and references
 *
 * Floor 2.
 *
 *	alloc P SIZE [zero]      allocate one run of pooled memory
 *	own P SIZE               allocate one run for the provider's own driver
 *	sgl P LEN [zero]         allocate a scatterlist of pooled memory
 *	grant P|any NAME C...    create a grant; with NAME "auto" it frees its lists on eviction
 *	gsgl N LEN               allocate a scatterlist under grant N
 *	verify N C               run the self-test of client C of grant N
 *	info N                   print usable, idle and callbacks of a grant, callbacks of a client
 *	lost-list N              print if the contents of list N may be lost
 *	pin P BAR OFFSET SIZE    take references, as a driver with its own allocator does
 *	hold N PAGE              take a reference on that page of memory N by get_page()
 */
#include "tool.h"

static void tool_print_segments(struct scatterlist *sgl, unsigned int nents)
{
	struct scatterlist *sg;
	unsigned int i;

	tool_print("nents %u\n", nents);
	for_each_sg(sgl, sg, nents, i)
		tool_print("seg %#llx %u phys %#llx\n",
			   (u64)pci_p2pmem_bus_addr(sg_virt(sg)), sg->length,
			   (u64)sg_phys(sg));
}

static gfp_t tool_gfp(int argc, char **argv, int at)
{
	return GFP_KERNEL | (argc > at && !strcmp(argv[at], "zero") ? __GFP_ZERO : 0);
}

static void tool_run_release(struct tool_obj *o)
{
	pci_p2pmem_free(o->addr, o->size);
}

const struct tool_type tool_run_type = { "run", tool_run_release };

static void tool_own_release(struct tool_obj *o)
{
	pci_p2pmem_free_own(o->pdev, o->addr, o->size);
}

static const struct tool_type tool_own_type = { "own", tool_own_release };

static int tool_alloc(const struct tool_type *type, int argc, char **argv)
{
	struct tool_obj *o = tool_obj_make(type);
	u64 size;
	int ret = -ENXIO;

	if (!o)
		return -ENOMEM;
	o->pdev = tool_pci(argv[0]);
	if (!o->pdev)
		goto drop;
	ret = tool_bytes(argv[1], &size);
	if (ret)
		goto drop;
	o->size = size;
	if (type == &tool_own_type)
		o->addr = pci_p2pmem_alloc_own(o->pdev, size);
	else
		o->addr = pci_p2pmem_alloc(o->pdev, size, tool_gfp(argc, argv, 2));
	ret = -ENOMEM;
	if (!o->addr)
		goto drop;
	tool_obj_add(o);
	tool_print("seg %#llx %zu phys %#llx\n", (u64)pci_p2pmem_bus_addr(o->addr),
		   o->size, (u64)virt_to_phys(o->addr));
	return 0;

drop:
	tool_obj_drop(o);
	return ret;
}

static int tool_cmd_alloc(int argc, char **argv)
{
	return tool_alloc(&tool_run_type, argc, argv);
}

static int tool_cmd_own(int argc, char **argv)
{
	return tool_alloc(&tool_own_type, argc, argv);
}

static void tool_grant_release(struct tool_obj *o)
{
	pci_p2pmem_grant_end(o->grant);
}

static const struct tool_type tool_grant_type = { "grant", tool_grant_release };

static void tool_sgl_release(struct tool_obj *o)
{
	pci_p2pmem_sgl_free(o->sg);
}

static bool tool_sgl_depends_on(const struct tool_obj *o, const struct tool_obj *of)
{
	return of->type == &tool_grant_type && o->grant == of->grant;
}

const struct tool_type tool_sgl_type = { "sgl", tool_sgl_release, tool_sgl_depends_on };

static int tool_cmd_sgl(int argc, char **argv)
{
	struct tool_obj *o = tool_obj_make(&tool_sgl_type);
	u64 size;
	int ret = -ENXIO;

	if (!o)
		return -ENOMEM;
	o->pdev = tool_pci(argv[0]);
	if (!o->pdev)
		goto drop;
	ret = tool_bytes(argv[1], &size) ?: size > U32_MAX ? -ERANGE : 0;
	if (ret)
		goto drop;
	o->size = size;
	o->sg = pci_p2pmem_sgl_alloc(o->pdev, &o->nents, size, tool_gfp(argc, argv, 2));
	ret = -ENOMEM;
	if (!o->sg)
		goto drop;
	tool_obj_add(o);
	tool_print_segments(o->sg, o->nents);
	return 0;

drop:
	tool_obj_drop(o);
	return ret;
}

static void tool_grant_revoked(struct pci_p2pmem_grant *grant)
{
	struct tool_obj *o = pci_p2pmem_grant_priv(grant);

	atomic_inc(&o->revokes);
}

static void tool_grant_evicted(struct pci_p2pmem_grant *grant)
{
	struct tool_obj *o = pci_p2pmem_grant_priv(grant);

	atomic_inc(&o->evicts);
	atomic_set(&o->called, 1);
	tool_kick();
}

static const struct pci_p2pmem_grant_ops tool_grant_ops = {
	.revoke = tool_grant_revoked,
	.evict = tool_grant_evicted,
};

static int tool_cmd_grant(int argc, char **argv)
{
	struct tool_obj *o = tool_obj_make(&tool_grant_type);
	struct pci_p2pmem_verdict why;
	struct device *dev[16];
	int i, ret = -ENXIO, nr = 0;
	ktime_t since = ktime_get();
	char text[PCI_P2PMEM_TEXT];

	if (!o)
		return -ENOMEM;
	if (strcmp(argv[0], "any")) {
		o->pdev = tool_pci(argv[0]);
		if (!o->pdev)
			goto drop;
	}
	for (; nr < argc - 2; nr++) {
		ret = tool_device(argv[nr + 2], &dev[nr]);
		if (ret)
			goto put;
	}
	o->auto_free = !strcmp(argv[1], "auto");
	if (!o->pdev)
		o->pdev = pci_p2pmem_choose_provider(NULL, PCI_P2PMEM_NEAREST, dev, nr, since,
						     &why);
	if (o->pdev)
		o->grant = pci_p2pmem_grant_create(o->pdev, dev, nr, since, &tool_grant_ops, o,
						   argv[1], &why);
	else
		o->grant = ERR_PTR(-ENODEV);
	ret = PTR_ERR_OR_ZERO(o->grant);
	if (!ret) {
		tool_obj_add(o);
		tool_print("provider %s\n", pci_name(o->pdev));
	} else {
		pci_p2pmem_explain(text, sizeof(text), o->pdev, nr ? dev[0] : NULL, &why);
		tool_print("reason %s\ntext %s\n", pci_p2pmem_reason_token(why.reason), text);
	}
put:
	for (i = 0; i < nr; i++)
		put_device(dev[i]);
	if (!ret)
		return 0;
drop:
	tool_obj_drop(o);
	return ret;
}

static int tool_cmd_gsgl(int argc, char **argv)
{
	struct tool_obj *of = tool_obj_find(argv[0], &tool_grant_type);
	struct tool_obj *o;
	u64 size;
	int ret;

	if (!of)
		return -ENOENT;
	ret = tool_bytes(argv[1], &size) ?: size > U32_MAX ? -ERANGE : 0;
	if (ret)
		return ret;
	o = tool_obj_make(&tool_sgl_type);
	if (!o)
		return -ENOMEM;
	o->pdev = pci_dev_get(of->pdev);
	o->grant = of->grant;
	o->size = size;
	o->sg = pci_p2pmem_grant_sgl_alloc(of->grant, &o->nents, size, GFP_KERNEL, NULL);
	if (IS_ERR(o->sg)) {
		ret = PTR_ERR(o->sg);
		tool_obj_drop(o);
		return ret;
	}
	tool_obj_add(o);
	tool_print_segments(o->sg, o->nents);
	return 0;
}

static int tool_cmd_info(int argc, char **argv)
{
	struct tool_obj *o = tool_obj_find(argv[0], NULL);

	if (!o)
		return -ENOENT;
	if (o->type == &tool_grant_type)
		tool_print("usable %d\nidle %d\n", pci_p2pmem_grant_usable(o->grant),
			   pci_p2pmem_grant_idle(o->grant));
	tool_print("revokes %d\nevicts %d\n", atomic_read(&o->revokes),
		   atomic_read(&o->evicts));
	return 0;
}

static int tool_cmd_verify(int argc, char **argv)
{
	static const char * const proofs[] = { "untried", "proved", "unproved", "disproved" };
	struct tool_obj *o = tool_obj_find(argv[0], &tool_grant_type);
	struct pci_p2pmem_verdict v;
	struct device *dev;
	int ret;

	if (!o)
		return -ENOENT;
	ret = tool_device(argv[1], &dev);
	if (ret)
		return ret;
	ret = pci_p2pmem_grant_verify(o->grant, dev, NULL, &v);
	tool_print("proof %s\nreason %s\nnote %s\n", proofs[v.proof],
		   pci_p2pmem_reason_token(v.reason), v.note);
	put_device(dev);
	return ret;
}

static int tool_cmd_lost_list(int argc, char **argv)
{
	struct tool_obj *o = tool_obj_find(argv[0], &tool_sgl_type);

	if (!o)
		return -ENOENT;
	tool_print("%d\n", pci_p2pmem_sgl_lost(o->sg));
	return 0;
}

static void tool_pin_release(struct tool_obj *o)
{
	pci_p2pmem_unpin(o->addr, o->size);
}

static const struct tool_type tool_pin_type = { "pin", tool_pin_release };

/* Without a region there, an address in RAM is used as an invalid argument. */
static int tool_cmd_pin(int argc, char **argv)
{
	struct tool_obj *o = tool_obj_make(&tool_pin_type);
	u64 offset, size;
	int bar, ret = -ENXIO;

	if (!o)
		return -ENOMEM;
	o->pdev = tool_pci(argv[0]);
	if (!o->pdev)
		goto drop;
	ret = kstrtoint(argv[1], 10, &bar) ?: tool_bytes(argv[2], &offset) ?:
	      tool_bytes(argv[3], &size);
	if (ret)
		goto drop;
	o->size = size;
	o->addr = pci_p2pmem_region_addr(o->pdev, bar, offset);
	ret = pci_p2pmem_pin(o->pdev, o->addr ?: page_address(ZERO_PAGE(0)), size);
	if (ret)
		goto drop;
	tool_obj_add(o);
	tool_print("phys %#llx\n", (u64)virt_to_phys(o->addr));
	return 0;

drop:
	tool_obj_drop(o);
	return ret;
}

static void tool_hold_release(struct tool_obj *o)
{
	put_page(o->page);
}

static const struct tool_type tool_hold_type = { "hold", tool_hold_release };

static int tool_cmd_hold(int argc, char **argv)
{
	struct tool_obj *of = tool_obj_find(argv[0], NULL), *o;
	unsigned int page;

	if (!of || (!of->addr && !of->sg) || of->table.sgl)
		return -ENOENT;
	if (kstrtouint(argv[1], 10, &page) ||
	    page >= DIV_ROUND_UP(of->addr ? of->size : of->sg->length, PAGE_SIZE))
		return -ERANGE;
	o = tool_obj_make(&tool_hold_type);
	if (!o)
		return -ENOMEM;
	o->pdev = pci_dev_get(of->pdev);
	o->page = tool_obj_page(of) + page;
	get_page(o->page);
	tool_obj_add(o);
	tool_print("phys %#llx\n", (u64)page_to_phys(o->page));
	return 0;
}

const struct tool_command tool_memory_commands[] = {
	{ "alloc", "P SIZE [zero]", 2, 3, tool_cmd_alloc },
	{ "own", "P SIZE", 2, 2, tool_cmd_own },
	{ "sgl", "P LEN [zero]", 2, 3, tool_cmd_sgl },
	{ "grant", "P|any NAME [C...]", 2, 18, tool_cmd_grant },
	{ "gsgl", "N LEN", 2, 2, tool_cmd_gsgl },
	{ "info", "N", 1, 1, tool_cmd_info },
	{ "verify", "N C", 2, 2, tool_cmd_verify },
	{ "lost-list", "N", 1, 1, tool_cmd_lost_list },
	{ "pin", "P BAR OFFSET SIZE", 4, 4, tool_cmd_pin },
	{ "hold", "N PAGE", 2, 2, tool_cmd_hold },
	{}
};
