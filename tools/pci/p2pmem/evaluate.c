// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: the verdict of a pair, by the kernel's own files
 *
 * Floor 6.
 *
 * Makes a struct pci_dev of each function of the model, and the policy of what the machine says
 * of it; walk.c, route.c, hostbridge.c and topology.c do the rest. What the kernel reads from
 * the hardware, kernel.h reads from the model.
 */
#include "kernel.h"
#include "../../../drivers/pci/p2pdma/topology.h"
#undef ARRAY_SIZE
#include "evaluate.h"

struct evaluator {
	struct machine *m;
	struct pci_dev *dev;		/* by function's index */
	struct pci_bus *bus;
	struct pci_host_bridge *host;
	struct device_driver *driver;
	struct p2pmem_provider *provider;
	struct kernel_pair **pair;	/* in the order of provider and client */
	unsigned int nr_pairs;
};

/* --- from the model to what the kernel has --- */

/* "swiotlb=force", "swiotlb=65536,force" */
static bool forced_bounce(const struct machine *m)
{
	const char *at = m->cmdline ? strstr(m->cmdline, "swiotlb=") : NULL;
	size_t len;

	for (at = at ? at + strlen("swiotlb=") : NULL; at;
	     at = at[len] == ',' ? at + len + 1 : NULL) {
		len = strcspn(at, ", ");
		if (len == strlen("force") && starts_with(at, "force"))
			return true;
	}
	return false;
}

static void make_device(struct evaluator *j, struct function *f)
{
	struct pci_dev *p = &j->dev[f->index];
	struct machine *m = j->m;
	unsigned int i;

	for (i = 0; m->root[i] != f->root; i++)
		;
	*p = (struct pci_dev){
		.dev.name = f->name,
		.dev.force_bounce = forced_bounce(m),
		.bus = &j->bus[i],
		.up = f->up ? &j->dev[f->up->index] : NULL,
		.physfn = f->physfn ? &j->dev[f->physfn->index] : NULL,
		.config = f->config,
		.config_len = f->config_len,
		.vendor = f->vendor,
		.device = f->id,
		.class = f->class,
		.devfn = PCI_DEVFN(f->device, f->number),
		.number = f->bus,
		.acs_cap = f->acs_cap,
		.pcie_cap = f->pcie_cap,
		.pcie_type = f->pcie_type,
		.bridge = f->bridge,
		.multifunction = f->multifunction,
		.is_virtfn = f->physfn,
		.untrusted = f->removable,
	};
	if (f->translation == TRANSLATION_DMA || f->translation == TRANSLATION_USER)
		p->dev.domain.type = __IOMMU_DOMAIN_PAGING;
	if (f->driver) {
		j->driver[f->index].name = f->driver;
		p->dev.driver = &j->driver[f->index];
	}
}

static void make_provider(struct evaluator *j, struct function *f)
{
	struct p2pmem_provider *p = &j->provider[f->index];
	struct provider none = {}, *lent = f->provider ? f->provider : &none;
	struct region guess = {};
	struct p2pmem_region *r;
	struct bar *bar;
	unsigned int i;
	u64 end;

	p->pdev = &j->dev[f->index];
	p->regions.next = &p->regions;
	p->regions.prev = &p->regions;
	if (!lent->regions) {
		/* what it would lend */
		bar = function_memory_bar(f, &guess.bar);
		if (!bar)
			return;
		guess.size = bar->size;
		guess.kind = "pool";
		lent = &none;
		none.region = &guess;
		none.regions = 1;
	}
	for (i = 0; i < lent->regions; i++) {
		bar = &f->bar[lent->region[i].bar];
		r = arena_alloc(j->m->arena, sizeof(*r));
		r->bar = lent->region[i].bar;
		r->offset = lent->region[i].offset;
		r->phys = bar->start + r->offset;
		r->size = lent->region[i].size;
		r->bus_offset = bar->bus - bar->start;
		r->kind = strcmp(lent->region[i].kind, "registers") ? PCI_P2PMEM_POOL :
								    PCI_P2PMEM_REGISTERS;
		r->node.next = &p->regions;
		r->node.prev = p->regions.prev;
		p->regions.prev->next = &r->node;
		p->regions.prev = &r->node;
		if (r->kind == PCI_P2PMEM_REGISTERS)
			continue;
		end = r->phys + r->size - 1;
		p->phys_end = max(p->phys_end, end);
		p->bus_end = max(p->bus_end, end + r->bus_offset);
	}
}

static int by_pair(const void *a, const void *b)
{
	const struct kernel_pair *one = *(struct kernel_pair * const *)a;
	const struct kernel_pair *two = *(struct kernel_pair * const *)b;

	if (one->provider != two->provider)
		return one->provider->index < two->provider->index ? -1 : 1;
	if (one->function != two->function)
		return one->function->index < two->function->index ? -1 : 1;
	return 0;
}

static void sort_pairs(struct evaluator *j)
{
	struct machine *m = j->m;
	unsigned int i;

	j->pair = arena_alloc(m->arena, (m->nr_pairs + 1) * sizeof(*j->pair));
	for (i = 0; i < m->nr_pairs; i++)
		if (m->pair[i].function && m->pair[i].reason)
			j->pair[j->nr_pairs++] = &m->pair[i];
	if (j->nr_pairs)
		qsort(j->pair, j->nr_pairs, sizeof(*j->pair), by_pair);
}

static void be_present(struct evaluator *j)
{
	command_kernel = (struct command_kernel){ .m = j->m, .bus = j->bus, .host = j->host };
}

struct evaluator *evaluator_open(struct machine *m)
{
	struct evaluator *j = arena_alloc(m->arena, sizeof(*j));
	unsigned int i;

	j->m = m;
	j->dev = arena_alloc(m->arena, (m->nr + 1) * sizeof(*j->dev));
	j->provider = arena_alloc(m->arena, (m->nr + 1) * sizeof(*j->provider));
	j->driver = arena_alloc(m->arena, (m->nr + 1) * sizeof(*j->driver));
	j->bus = arena_alloc(m->arena, (m->nr_roots + 1) * sizeof(*j->bus));
	j->host = arena_alloc(m->arena, (m->nr_roots + 1) * sizeof(*j->host));
	for (i = 0; i < m->nr_roots; i++) {
		j->host[i].bus = &j->bus[i];
		j->bus[i].domain = m->root[i]->domain;
		j->bus[i].number = m->root[i]->bus;
		j->bus[i].devices.next = &j->bus[i].devices;
	}
	for (i = 0; i < m->nr; i++)
		make_device(j, m->function[i]);
	for (i = 0; i < m->nr_roots; i++)
		if (m->root[i]->first)
			j->bus[i].devices.next = &j->dev[m->root[i]->first->index].bus_list;
	sort_pairs(j);
	be_present(j);
	p2pmem_policy_reset();
	if (m->host_bridges)
		p2pmem_policy_load(m->host_bridges);
	return j;
}

/* --- a pair --- */

static const struct kernel_pair *find_pair(const struct evaluator *j, struct function *provider,
					   struct function *client)
{
	struct kernel_pair key = { .provider = provider, .function = client }, *at = &key;
	struct kernel_pair **found;

	if (!j->nr_pairs)
		return NULL;
	found = bsearch(&at, j->pair, j->nr_pairs, sizeof(*j->pair), by_pair);
	return found ? *found : NULL;
}

/* Whether registers of all functions on the way could be read */
static bool way_known(struct function *f)
{
	for (; f; f = function_up(f))
		if (!f->whole)
			return false;
	return true;
}

static enum permission permission_of(const struct pci_p2pmem_verdict *v)
{
	if (v->reason)
		return REFUSED;
	if (v->mapping == PCI_P2PMEM_MAP_BUS_ADDR)
		return ALLOWED_DIRECT;
	return v->by_admin ? ALLOWED_ADMIN : ALLOWED_HOST;
}

static u64 client_limit(const struct function *f, const struct kernel_pair *kernel)
{
	/* Without a driver the mask is what each function begins with. */
	if (!f->dma_bits || f->dma_bits >= 64 || (!f->driver && !kernel))
		return U64_MAX;
	return (1ULL << f->dma_bits) - 1;
}

static void evaluate_raw(struct evaluator *j, struct function *provider, struct function *client,
			 struct pci_p2pmem_verdict *v, const struct kernel_pair *kernel,
			 bool *known)
{
	struct p2pmem_provider *p = &j->provider[provider->index];
	int ret;

	be_present(j);
	if (!p->pdev)
		make_provider(j, provider);
	ret = p2pmem_route_evaluate(p, &j->dev[client->index].dev, v, NULL);
	v->limit = client_limit(client, kernel);
	if (!ret && !v->reason && v->needed > v->limit)
		v->reason = PCI_P2PMEM_DMA_MASK;
	*known = !ret;
}

static bool decided_without_registers(enum pci_p2pmem_reason reason)
{
	return reason == PCI_P2PMEM_HOST_BRIDGE || reason == PCI_P2PMEM_UNTRUSTED ||
	       reason == PCI_P2PMEM_SWIOTLB || reason == PCI_P2PMEM_ENCRYPTED;
}

static bool kernel_agrees(const struct verdict *v, const char *mapping)
{
	const struct kernel_pair *k = v->kernel;

	/* A state that passes is no other opinion of the way. */
	if (!strcmp(k->reason, "provider-revoked") || !strcmp(k->reason, "verify-failed") ||
	    !strcmp(k->reason, "not-a-client"))
		return true;
	return !strcmp(k->reason, reason_token(v->reason)) && !strcmp(k->mapping, mapping);
}

void evaluate_pair(struct evaluator *j, struct function *provider, struct function *client,
		   struct verdict *v)
{
	static const char * const mapping[] = {
		[PCI_P2PMEM_MAP_NONE] = "none",
		[PCI_P2PMEM_MAP_BUS_ADDR] = "bus",
		[PCI_P2PMEM_MAP_HOST_BRIDGE] = "host",
	};
	const struct kernel_pair *kernel = find_pair(j, provider, client);
	struct pci_p2pmem_verdict raw;
	unsigned int a, b;
	bool known;
	int bar;

	*v = (struct verdict){ .provider = provider, .client = client, .kernel = kernel };
	evaluate_raw(j, provider, client, &raw, kernel, &known);
	v->reason = raw.reason;
	v->distance = raw.distance;
	v->needed = raw.needed;
	v->limit = raw.limit;
	snprintf(v->at, sizeof(v->at), "%s", raw.at);
	v->permission = permission_of(&raw);
	v->known = known && (decided_without_registers(raw.reason) ||
			     (way_known(provider) && way_known(client)));
	if (provider == client)
		v->relation = RELATION_SELF;
	else if (common_bridge(provider, client, &a, &b))
		v->relation = a <= 2 && b <= 2 ? RELATION_PIX : RELATION_PXB;
	else if (provider->root == client->root)
		v->relation = RELATION_PHB;
	else if (provider->node == client->node)
		v->relation = RELATION_NODE;
	else
		v->relation = RELATION_SYS;
	if (!v->known)
		v->permission = NOT_KNOWN;
	if (function_lacks_address(provider, &bar)) {
		v->permission = REFUSED;
		v->reason = PCI_P2PMEM_NOT_A_PROVIDER;
		*v->at = '\0';
	}
	if (!kernel)
		return;
	v->differs = v->known &&
		!kernel_agrees(v, mapping[raw.reason ? PCI_P2PMEM_MAP_NONE : raw.mapping]);
	v->proof = kernel->proof;
	if (!strcmp(kernel->proof, "disproved")) {
		v->permission = REFUSED;
		v->reason = PCI_P2PMEM_VERIFY_FAILED;
	}
}

void evaluate_explain(struct evaluator *j, const struct verdict *v, char *buf, size_t len)
{
	struct pci_p2pmem_verdict raw;
	bool known;

	evaluate_raw(j, v->provider, v->client, &raw, v->kernel, &known);
	if (v->reason == PCI_P2PMEM_VERIFY_FAILED || v->reason == PCI_P2PMEM_NOT_A_PROVIDER)
		raw.reason = v->reason;
	pci_p2pmem_explain(buf, len, &j->dev[v->provider->index], &j->dev[v->client->index].dev,
			   &raw);
	printable(buf);
}

void evaluate_remedy(struct evaluator *j, const struct verdict *v, char *buf, size_t len)
{
	struct pci_dev *a = &j->dev[v->provider->index], *b = &j->dev[v->client->index];
	char entries[2 * P2PMEM_ENTRY_TEXT] = "";
	int n;

	*buf = '\0';
	be_present(j);
	switch (v->reason) {
	case PCI_P2PMEM_ACS_REDIRECT:
		n = snprintf(buf, len, "pci=disable_acs_redir=");
		if (p2pmem_path_acs_list(a, b, buf + n, len - n) <= 0)
			*buf = '\0';
		break;
	case PCI_P2PMEM_HOST_BRIDGE:
		if (j->m->kernel == KERNEL_P2PMEM &&
		    p2pmem_path_entries(a, b, entries, sizeof(entries)) > 0)
			snprintf(buf, len, "echo %s > /sys/module/p2pdma/parameters/host_bridges",
				 entries);
		break;
	case PCI_P2PMEM_ACS_EGRESS:
		/* bit 5 of the control word */
		snprintf(buf, len, "setpci -s %s ECAP_ACS+6.w=0:0020", v->at);
		break;
	case PCI_P2PMEM_NOT_A_PROVIDER:
		snprintf(buf, len, "pci=realloc");
		break;
	case PCI_P2PMEM_PAYLOAD_SIZE:
		snprintf(buf, len, "pci=pcie_bus_peer2peer");
		break;
	default:
		break;
	}
	if (machine_booted_with(j->m, buf))
		*buf = '\0';
}

void evaluate_host(struct evaluator *j, struct function *f, struct forwards *forwards)
{
	struct p2pmem_host h = {};
	struct function *top = f;

	while (function_up(top))
		top = function_up(top);
	be_present(j);
	p2pmem_host_evaluate(p2pmem_host_function(command_host(j->dev[f->index].bus)),
			     &j->dev[top->index], &h);
	*forwards = (struct forwards){
		.within = h.allowed,
		.across = h.allowed_across,
		.by_admin = h.by_admin || h.by_admin_across,
	};
}
