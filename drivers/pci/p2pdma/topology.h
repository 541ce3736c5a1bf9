/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * DOC: topology: distance and reachability on plain nodes
 *
 * What topology.c works on. Nothing here knows struct pci_dev or any kernel
 * header but <linux/types.h>: route.c fills these from the running machine, tests
 * and tools fill them from anything else.
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
 * enum p2pmem_node_type - what a node is, as far as routing cares
 * @P2PMEM_NODE_ENDPOINT: a function that is no bridge
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
 * struct p2pmem_node - one PCI function on the way to the host bridge
 * @id: domain << 16 | bus << 8 | device << 3 | function (a domain may have more
 *	than 16 bits); the same id is the
 *	same function
 * @type: what it is
 * @multifunction: its device has several functions
 * @has_acs: it has an ACS capability; the fields below are 0 otherwise
 * @acs_ctrl: ACS control word (PCI_ACS_* bits, same positions as in the
 *	specification: 0x04 request redirect, 0x08 completion redirect,
 *	0x20 egress control)
 * @port: port number of a port (Link Capabilities bits 31:24), function number
 *	of an end point: what an egress vector is indexed by
 * @egress_bits: number of valid bits in @egress (the specification's 0 is 256
 *	here)
 * @egress: the egress control vector, a set bit blocks
 * @payload: Max_Payload_Size as it is set, bytes; 0 without a PCIe capability
 * @read_request: Max_Read_Request_Size as it is set, bytes
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
 * @by_admin: @allowed only because an administrator says so; not for the route,
 *	but for who shows it
 * @by_admin_across: @allowed_across ditto
 */
struct p2pmem_host {
	u32 id;
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
 * struct p2pmem_route - what topology.c finds out
 * @reason: PCI_P2PMEM_OK, HOST_BRIDGE, ACS_REDIRECT, ACS_EGRESS, PAYLOAD_SIZE or
 *	TAG_SIZE
 * @bus_addr: the pair can use bus addresses (only where @reason is OK)
 * @distance: hops, see struct pci_p2pmem_verdict
 * @at: the node at fault, NULL where it is the host bridge
 * @provider_acs: bit i: node i of the provider's chain redirects (i < 64)
 * @client_acs: ditto of the client's chain
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
