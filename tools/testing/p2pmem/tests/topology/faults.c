// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: faults: wrong variants of the code under test that the comparison must detect
 *
 * Each variant has one fault: some change the result, others change the nodes before
 * the call, as a wrong rule would read them. If a variant is not detected, then the
 * comparison with the oracle does not test that rule.
 */
#include <stdlib.h>
#include <string.h>

#include "test.h"

/* Enough trees to detect every fault with any seed */
#define FAULT_TREES	4000

/* Faults in the result */

static void wrong_reason(const struct p2pmem_chain *p, const struct p2pmem_chain *c,
			 struct p2pmem_route *r)
{
	p2pmem_topology_route(p, c, r);
	if (r->reason == PCI_P2PMEM_ACS_EGRESS)
		r->reason = PCI_P2PMEM_ACS_REDIRECT;
}

static void wrong_bus_addr(const struct p2pmem_chain *p, const struct p2pmem_chain *c,
			   struct p2pmem_route *r)
{
	p2pmem_topology_route(p, c, r);
	r->bus_addr = r->reason == PCI_P2PMEM_OK;
}

static void wrong_distance(const struct p2pmem_chain *p, const struct p2pmem_chain *c,
			   struct p2pmem_route *r)
{
	p2pmem_topology_route(p, c, r);
	if (r->distance > 10)
		r->distance--;
}

static void wrong_at(const struct p2pmem_chain *p, const struct p2pmem_chain *c,
		     struct p2pmem_route *r)
{
	p2pmem_topology_route(p, c, r);
	if (r->reason == PCI_P2PMEM_ACS_REDIRECT && r->client_acs)
		r->at = &c->node[__builtin_ctzll(r->client_acs)];
}

static void wrong_provider_mask(const struct p2pmem_chain *p, const struct p2pmem_chain *c,
				struct p2pmem_route *r)
{
	p2pmem_topology_route(p, c, r);
	r->provider_acs &= -r->provider_acs;
}

static void wrong_client_mask(const struct p2pmem_chain *p, const struct p2pmem_chain *c,
			      struct p2pmem_route *r)
{
	p2pmem_topology_route(p, c, r);
	r->client_acs &= ~1ull;
}

static void egress_depends_on_the_host(const struct p2pmem_chain *p, const struct p2pmem_chain *c,
				       struct p2pmem_route *r)
{
	p2pmem_topology_route(p, c, r);
	if (r->reason == PCI_P2PMEM_ACS_EGRESS && p->host.allowed) {
		r->reason = PCI_P2PMEM_OK;
		r->at = NULL;
	}
}

static void redirect_names_no_host(const struct p2pmem_chain *p, const struct p2pmem_chain *c,
				   struct p2pmem_route *r)
{
	p2pmem_topology_route(p, c, r);
	if (r->reason == PCI_P2PMEM_ACS_REDIRECT && r->provider_acs && r->client_acs)
		r->reason = PCI_P2PMEM_HOST_BRIDGE;
}

/* Faults in the nodes */

static void copy_chain(struct p2pmem_chain *to, const struct p2pmem_chain *from)
{
	*to = *from;
	to->node = calloc(from->nr, sizeof(*to->node));
	if (!to->node)
		abort();
	memcpy(to->node, from->node, from->nr * sizeof(*to->node));
}

static void move_at(struct p2pmem_route *r, const struct p2pmem_chain *from,
		    const struct p2pmem_chain *to)
{
	unsigned int i;

	for (i = 0; i < from->nr; i++) {
		if (r->at == &from->node[i]) {
			r->at = &to->node[i];
			return;
		}
	}
}

/* Call the code under test with changed copies of the nodes, and translate @at back */
static void route_changed(const struct p2pmem_chain *p, const struct p2pmem_chain *c,
			  struct p2pmem_route *r,
			  void (*change)(struct p2pmem_chain *p, struct p2pmem_chain *c))
{
	struct p2pmem_chain p2, c2;

	copy_chain(&p2, p);
	copy_chain(&c2, c);
	change(&p2, &c2);
	p2pmem_topology_route(&p2, &c2, r);
	move_at(r, &p2, p);
	move_at(r, &c2, c);
	free(p2.node);
	free(c2.node);
}

static void each_node(struct p2pmem_chain *p, struct p2pmem_chain *c,
		      void (*change)(struct p2pmem_node *node))
{
	unsigned int i;

	for (i = 0; i < p->nr; i++)
		change(&p->node[i]);
	for (i = 0; i < c->nr; i++)
		change(&c->node[i]);
}

/* Define a variant that changes each node, or one that changes the chains */
#define NODE_FAULT(name)							\
static void name##_chains(struct p2pmem_chain *p, struct p2pmem_chain *c)	\
{										\
	each_node(p, c, name##_node);						\
}										\
CHAIN_FAULT(name)
#define CHAIN_FAULT(name)							\
static void name(const struct p2pmem_chain *p, const struct p2pmem_chain *c,	\
		 struct p2pmem_route *r)					\
{										\
	route_changed(p, c, r, name##_chains);					\
}

static void no_request_redirect_node(struct p2pmem_node *node)
{
	node->acs_ctrl &= ~0x04;
}

NODE_FAULT(no_request_redirect)

static void no_completion_redirect_node(struct p2pmem_node *node)
{
	node->acs_ctrl &= ~0x08;
}

NODE_FAULT(no_completion_redirect)

static void no_egress_control_node(struct p2pmem_node *node)
{
	node->acs_ctrl &= ~0x20;
}

NODE_FAULT(no_egress_control)

static void capability_ignored_node(struct p2pmem_node *node)
{
	node->has_acs = true;
}

NODE_FAULT(capability_ignored)

static void single_functions_count_node(struct p2pmem_node *node)
{
	node->multifunction = true;
}

NODE_FAULT(single_functions_count)

static void no_function_counts_node(struct p2pmem_node *node)
{
	if (node->type == P2PMEM_NODE_ENDPOINT)
		node->acs_ctrl = 0;
}

NODE_FAULT(no_function_counts)

static void short_vector_is_open_node(struct p2pmem_node *node)
{
	unsigned int i;

	for (i = node->egress_bits; i < 256; i++)
		node->egress[i / 32] &= ~(1u << i % 32);
	node->egress_bits = 256;
}

NODE_FAULT(short_vector_is_open)

static void vector_off_by_one_node(struct p2pmem_node *node)
{
	node->port++;
}

NODE_FAULT(vector_off_by_one)

static void vector_of_32_bits_node(struct p2pmem_node *node)
{
	unsigned int w;

	for (w = 1; w < P2PMEM_EGRESS_WORDS; w++)
		node->egress[w] = node->egress[0];
}

NODE_FAULT(vector_of_32_bits)

static void upstream_has_egress_node(struct p2pmem_node *node)
{
	if (node->type == P2PMEM_NODE_UPSTREAM)
		node->type = P2PMEM_NODE_DOWNSTREAM;
}

NODE_FAULT(upstream_has_egress)

static void bridges_have_no_acs_node(struct p2pmem_node *node)
{
	if (node->type == P2PMEM_NODE_BRIDGE)
		node->has_acs = false;
}

NODE_FAULT(bridges_have_no_acs)

static void domain_is_dropped_node(struct p2pmem_node *node)
{
	node->id = (u32)node->id;
}

NODE_FAULT(domain_is_dropped)

static void hosts_are_one_chains(struct p2pmem_chain *p, struct p2pmem_chain *c)
{
	c->host.id = p->host.id;
}

CHAIN_FAULT(hosts_are_one)

static void one_host_suffices_chains(struct p2pmem_chain *p, struct p2pmem_chain *c)
{
	if (p->host.id != c->host.id)
		c->host.allowed_across = p->host.allowed_across;
}

CHAIN_FAULT(one_host_suffices)

static void hosts_always_forward_chains(struct p2pmem_chain *p, struct p2pmem_chain *c)
{
	p->host.allowed = true;
	c->host.allowed = true;
}

CHAIN_FAULT(hosts_always_forward)

static void stops_one_early_chains(struct p2pmem_chain *p, struct p2pmem_chain *c)
{
	if (p->nr > 1 && c->nr > 1) {
		p->nr--;
		c->nr--;
	}
}

CHAIN_FAULT(stops_one_early)

static void common_bridge_counts_chains(struct p2pmem_chain *p, struct p2pmem_chain *c)
{
	unsigned int i, j;

	for (i = 1; i < p->nr; i++) {
		for (j = 0; j < c->nr; j++) {
			if (p->node[i].id != c->node[j].id)
				continue;
			p->node[i - 1].has_acs |= p->node[i].has_acs;
			if (p->node[i].has_acs)
				p->node[i - 1].acs_ctrl |= p->node[i].acs_ctrl & 0x0c;
			return;
		}
	}
}

CHAIN_FAULT(common_bridge_counts)

static void ends_have_no_tags_node(struct p2pmem_node *node)
{
	node->tags_10bit = false;
}

NODE_FAULT(ends_have_no_tags)

static void ports_accept_any_size_node(struct p2pmem_node *node)
{
	if (node->type != P2PMEM_NODE_ENDPOINT && node->payload)
		node->payload = 4096;
}

NODE_FAULT(ports_accept_any_size)

static void completions_are_not_limited_node(struct p2pmem_node *node)
{
	node->read_request = 4096;
}

NODE_FAULT(completions_are_not_limited)

static void completions_have_no_size_node(struct p2pmem_node *node)
{
	node->read_request = 0;
}

NODE_FAULT(completions_have_no_size)

static void writes_have_no_size_chains(struct p2pmem_chain *p, struct p2pmem_chain *c)
{
	if (p->nr && c->node[0].payload > 128)
		c->node[0].payload = 128;
}

CHAIN_FAULT(writes_have_no_size)

static const struct {
	const char *name;
	route_fn fn;
} faults[] = {
#define FAULT(name)	{ #name, name }
	FAULT(wrong_reason),
	FAULT(wrong_bus_addr),
	FAULT(wrong_distance),
	FAULT(wrong_at),
	FAULT(wrong_provider_mask),
	FAULT(wrong_client_mask),
	FAULT(egress_depends_on_the_host),
	FAULT(redirect_names_no_host),
	FAULT(no_request_redirect),
	FAULT(no_completion_redirect),
	FAULT(no_egress_control),
	FAULT(capability_ignored),
	FAULT(single_functions_count),
	FAULT(no_function_counts),
	FAULT(short_vector_is_open),
	FAULT(vector_off_by_one),
	FAULT(vector_of_32_bits),
	FAULT(upstream_has_egress),
	FAULT(bridges_have_no_acs),
	FAULT(domain_is_dropped),
	FAULT(hosts_are_one),
	FAULT(one_host_suffices),
	FAULT(hosts_always_forward),
	FAULT(stops_one_early),
	FAULT(common_bridge_counts),
	FAULT(ends_have_no_tags),
	FAULT(ports_accept_any_size),
	FAULT(completions_are_not_limited),
	FAULT(completions_have_no_size),
	FAULT(writes_have_no_size),
};

unsigned int faults_count(void)
{
	return ARRAY_SIZE(faults);
}

void faults_run(unsigned long long seed)
{
	unsigned int i, wrong;

	for (i = 0; i < ARRAY_SIZE(faults); i++) {
		wrong = random_mismatches(faults[i].fn, seed, FAULT_TREES);
		tap_result(wrong, "faults: %s: detected %u times", faults[i].name, wrong);
	}
}
