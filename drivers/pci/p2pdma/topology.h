/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * DOC: topology: distance and reachability on plain nodes
 *
 * Floor 0.
 *
 * The data structures of topology.c. They depend on no struct pci_dev and no kernel
 * header but <linux/types.h>: walk.c fills them from the running machine, tests
 * and tools fill them from other sources.
 */
#ifndef _P2PMEM_TOPOLOGY_H
#define _P2PMEM_TOPOLOGY_H

#ifdef __KERNEL__
#include <linux/stddef.h>
#include <linux/types.h>
#else
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
#endif
#include <linux/pci-p2pmem-reason.h>

/* Egress control vector: at most 256 bits (PCIe Base Specification, ACS extended capability) */
#define P2PMEM_EGRESS_WORDS	8

/**
 * enum p2pmem_node_type - type of a node for routing
 * @P2PMEM_NODE_ENDPOINT: a function that is not a bridge
 * @P2PMEM_NODE_ROOT_PORT: PCIe root port
 * @P2PMEM_NODE_UPSTREAM: upstream port of a PCIe switch
 * @P2PMEM_NODE_DOWNSTREAM: downstream port of a PCIe switch
 * @P2PMEM_NODE_BRIDGE: any other bridge, to or from conventional PCI
 */
enum p2pmem_node_type {
	P2PMEM_NODE_ENDPOINT,
	P2PMEM_NODE_ROOT_PORT,
	P2PMEM_NODE_UPSTREAM,
	P2PMEM_NODE_DOWNSTREAM,
	P2PMEM_NODE_BRIDGE,
};

/**
 * struct p2pmem_node - one PCI function on the path to the host bridge
 * @id: domain << 16 | bus << 8 | device << 3 | function (a domain may have more
 *	than 16 bits); equal ids are the same function
 * @type: type of the function
 * @multifunction: its device has several functions
 * @has_acs: it has an ACS capability; the fields below are 0 otherwise
 * @acs_ctrl: ACS control word (PCI_ACS_* bits, same positions as in the
 *	specification: 0x04 request redirect, 0x08 completion redirect,
 *	0x20 egress control)
 * @port: port number of a port (Link Capabilities bits 31:24), function number
 *	of an end point: the index into an egress vector
 * @egress_bits: number of valid bits in @egress (the specification's 0 is 256
 *	here)
 * @egress: the egress control vector, a set bit blocks
 * @payload: configured Max_Payload_Size, bytes; 0 without a PCIe capability
 * @read_request: configured Max_Read_Request_Size, bytes
 * @tags_10bit: 10-Bit Tag Requester Enable is set
 * @completes_tags_10bit: 10-Bit Tag Completer Supported
 */
struct p2pmem_node {
	u64 id;
	enum p2pmem_node_type type;
	bool multifunction;
	bool has_acs;
	u16 acs_ctrl;
	u8 port;
	u16 egress_bits;
	u32 egress[P2PMEM_EGRESS_WORDS];
	u16 payload;
	u16 read_request;
	bool tags_10bit;
	bool completes_tags_10bit;
};

/**
 * struct p2pmem_host - the host bridge at the top of a chain
 * @id: unique among host bridges
 * @allowed: forwards peer-to-peer requests between its own root ports
 * @allowed_across: forwards them from and to other host bridges too
 * @by_admin: @allowed only by an administrator's entry; does not affect the route
 * @by_admin_across: @allowed_across only by an administrator's entry
 */
struct p2pmem_host {
	u64 id;
	bool allowed;
	bool allowed_across;
	bool by_admin;
	bool by_admin_across;
};

/**
 * struct p2pmem_chain - a function and every bridge above it
 * @host: host bridge at the top
 * @nr: number of nodes, at least 1
 * @node: the function first, then its upstream bridge, and so on up to the root
 *	bus
 */
struct p2pmem_chain {
	struct p2pmem_host host;
	unsigned int nr;
	struct p2pmem_node *node;
};

/**
 * struct p2pmem_route - result of p2pmem_topology_route()
 * @reason: PCI_P2PMEM_OK, HOST_BRIDGE, ACS_REDIRECT, ACS_EGRESS, PAYLOAD_SIZE or
 *	TAG_SIZE
 * @bus_addr: the pair can use bus addresses (only if @reason is OK)
 * @distance: hops, see struct pci_p2pmem_verdict
 * @at: the node at fault, NULL if it is the host bridge
 * @provider_acs: bit i: node i of the provider's chain redirects (i < 64)
 * @client_acs: bit i: node i of the client's chain redirects (i < 64)
 *
 * With @reason OK and @bus_addr false, the path leads through an allowed host
 * bridge.
 */
struct p2pmem_route {
	enum pci_p2pmem_reason reason;
	bool bus_addr;
	int distance;
	const struct p2pmem_node *at;
	u64 provider_acs;
	u64 client_acs;
};

void p2pmem_topology_route(const struct p2pmem_chain *provider,
			   const struct p2pmem_chain *client,
			   struct p2pmem_route *route);

#endif /* _P2PMEM_TOPOLOGY_H */
