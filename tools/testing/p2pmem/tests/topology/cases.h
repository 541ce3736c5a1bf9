/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DOC: notation of the drawn cases
 *
 * A case has two chains, each from a function up to its root bus, and the expected
 * result, derived by hand from the drawing above the case. In the drawings RP is a
 * root port, USP and DSP are the upstream and downstream ports of a switch, BR is
 * a bridge to conventional PCI, HB is a host bridge, P is the provider and C is
 * the client.
 */
#ifndef _TOPOLOGY_CASES_H
#define _TOPOLOGY_CASES_H

#include "test.h"

/**
 * struct wanted - expected result of a case; like struct p2pmem_route except for @at
 * @at: index + 1 in the provider's chain, or -(index + 1) in the client's chain; 0: none
 */
struct wanted {
	enum pci_p2pmem_reason reason;
	bool bus_addr;
	int distance;
	int at;
	u64 provider_acs;
	u64 client_acs;
};

struct route_case {
	const char *name;
	struct p2pmem_chain provider;
	struct p2pmem_chain client;
	struct wanted want;
};

/* ACS control bits, named as in the specification */
#define SV	0x01
#define TB	0x02
#define RR	0x04
#define CR	0x08
#define UF	0x10
#define EC	0x20
#define DT	0x40

#define BDF(bus, dev, fn)	((bus) << 8 | (dev) << 3 | (fn))

/* Nodes: { EP(...), MULTI, ACS(RR) }; table.c assigns the numbers of end points */
#define EP(bus, dev, fn)	.type = P2PMEM_NODE_ENDPOINT, .id = BDF(bus, dev, fn)
#define ROOT(bus, dev, num)	.type = P2PMEM_NODE_ROOT_PORT, .id = BDF(bus, dev, 0), .port = (num)
#define UP(bus, num)		.type = P2PMEM_NODE_UPSTREAM, .id = BDF(bus, 0, 0), .port = (num)
#define DOWN(bus, dev, num)	.type = P2PMEM_NODE_DOWNSTREAM, .id = BDF(bus, dev, 0), \
				.port = (num)
#define PCI(bus, dev)		.type = P2PMEM_NODE_BRIDGE, .id = BDF(bus, dev, 0)
#define MULTI			.multifunction = true
#define ACS(ctrl)		.has_acs = true, .acs_ctrl = (ctrl)
#define MULTI_ACS(ctrl)		.multifunction = true, ACS(ctrl)
/* ACS control and an egress vector; the first argument is its number of valid bits */
#define EGRESS(ctrl, bits, ...)	ACS(ctrl), .egress_bits = (bits), .egress = { __VA_ARGS__ }
#define MULTI_EGRESS(...)	.multifunction = true, EGRESS(__VA_ARGS__)
/* Max_Payload_Size and Max_Read_Request_Size in bytes */
#define SIZES(mps, mrrs)	.payload = (mps), .read_request = (mrrs)
#define NONE

#define CHAIN(...)								\
	.nr = sizeof((struct p2pmem_node[]){ __VA_ARGS__ }) / sizeof(struct p2pmem_node), \
	.node = (struct p2pmem_node[]){ __VA_ARGS__ }

/*
 * HB -- RP -- USP -+- DSP0 -- P
 *                  `- DSP1 -- C	the arguments are extra fields of the nodes
 */
#define SWITCH_P(host, p, dsp, usp, rp)						\
	.provider = { host, CHAIN({ EP(3, 0, 0), p }, { DOWN(2, 0, 0), dsp },	\
				  { UP(1, 0), usp }, { ROOT(0, 1, 1), rp }) }
#define SWITCH_C(host, c, dsp, usp, rp)						\
	.client = { host, CHAIN({ EP(4, 0, 0), c }, { DOWN(2, 1, 1), dsp },	\
				{ UP(1, 0), usp }, { ROOT(0, 1, 1), rp }) }

/* Host bridges: whether they forward between their ports, and to other host bridges */
#define HOST(num, in, ac)	.host = { .id = (num), .allowed = (in), .allowed_across = (ac) }
#define CLOSED			HOST(0, false, false)
#define ALLOWED			HOST(0, true, false)

/* Expected results */
#define BUS_ADDR(hops)		.reason = PCI_P2PMEM_OK, .bus_addr = true, .distance = (hops)
#define THROUGH_HOST(hops)	.reason = PCI_P2PMEM_OK, .distance = (hops)
#define REFUSED(why, hops)	.reason = PCI_P2PMEM_##why, .distance = (hops)
#define AT_PROVIDER(i)		.at = (i) + 1
#define AT_CLIENT(i)		.at = -(i) - 1
#define MASKS(p, c)		.provider_acs = (p), .client_acs = (c)

extern const struct route_case cases_paths[], cases_acs[], cases_egress[], cases_settings[];
extern const unsigned int nr_cases_paths, nr_cases_acs, nr_cases_egress, nr_cases_settings;

#endif /* _TOPOLOGY_CASES_H */
