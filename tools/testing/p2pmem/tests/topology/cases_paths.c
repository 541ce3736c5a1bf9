// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: drawn cases: distances and host bridges, without ACS
 */
#include "cases.h"

const struct route_case cases_paths[] = {
/*
 *   RP -- P = C
 */
{
	"same_function",
	.provider = { CLOSED, CHAIN({ EP(1, 0, 0) }, { ROOT(0, 1, 1) }) },
	.client = { CLOSED, CHAIN({ EP(1, 0, 0) }, { ROOT(0, 1, 1) }) },
	.want = { BUS_ADDR(0) },
},
/*
 *   HB -- P = C		no bridge above, and all ACS bits set
 */
{
	"same_function_on_the_root_bus",
	.provider = { CLOSED, CHAIN({ EP(0, 4, 0), MULTI, ACS(RR | CR | EC) }) },
	.client = { CLOSED, CHAIN({ EP(0, 4, 0), MULTI, ACS(RR | CR | EC) }) },
	.want = { BUS_ADDR(0) },
},
/*
 *   RP -+- P	01:00.0
 *       `- C	01:00.1
 */
{
	"same_device",
	.provider = { CLOSED, CHAIN({ EP(1, 0, 0), MULTI }, { ROOT(0, 1, 1) }) },
	.client = { CLOSED, CHAIN({ EP(1, 0, 1), MULTI }, { ROOT(0, 1, 1) }) },
	.want = { BUS_ADDR(2) },
},
/*
 *   RP -- USP -+- DSP0 -- P
 *              `- DSP1 -- C
 */
{
	"one_switch",
	.provider = { CLOSED, CHAIN({ EP(3, 0, 0) }, { DOWN(2, 0, 0) }, { UP(1, 0) },
				    { ROOT(0, 1, 1) }) },
	.client = { CLOSED, CHAIN({ EP(4, 0, 0) }, { DOWN(2, 1, 1) }, { UP(1, 0) },
				  { ROOT(0, 1, 1) }) },
	.want = { BUS_ADDR(4) },
},
/*
 *   RP -- USP -+- DSP0 -- USP' -+- DSP0' -- P
 *              |                `- DSP1'
 *              `- DSP1 -- C
 */
{
	"nested_switch_provider_below",
	.provider = { CLOSED, CHAIN({ EP(6, 0, 0) }, { DOWN(5, 0, 0) }, { UP(3, 0) },
				    { DOWN(2, 0, 0) }, { UP(1, 0) }, { ROOT(0, 1, 1) }) },
	.client = { CLOSED, CHAIN({ EP(4, 0, 0) }, { DOWN(2, 1, 1) }, { UP(1, 0) },
				  { ROOT(0, 1, 1) }) },
	.want = { BUS_ADDR(6) },
},
/*
 *   RP -- USP -+- DSP0 -- USP' -+- DSP0' -- P
 *              |                `- DSP1' -- C	requests turn at the lower switch
 *              `- DSP1
 */
{
	"nested_switch_both_below",
	.provider = { CLOSED, CHAIN({ EP(6, 0, 0) }, { DOWN(5, 0, 0) }, { UP(3, 0) },
				    { DOWN(2, 0, 0) }, { UP(1, 0) }, { ROOT(0, 1, 1) }) },
	.client = { CLOSED, CHAIN({ EP(7, 0, 0) }, { DOWN(5, 1, 1) }, { UP(3, 0) },
				  { DOWN(2, 0, 0) }, { UP(1, 0) }, { ROOT(0, 1, 1) }) },
	.want = { BUS_ADDR(4) },
},
/*
 *   RP -- USP -+- DSP0 -- USP' --- DSP0' -- P
 *              `- DSP1 -- USP" --- DSP0" -- C
 */
{
	"two_switches_below_a_third",
	.provider = { CLOSED, CHAIN({ EP(6, 0, 0) }, { DOWN(5, 0, 0) }, { UP(3, 0) },
				    { DOWN(2, 0, 0) }, { UP(1, 0) }, { ROOT(0, 1, 1) }) },
	.client = { CLOSED, CHAIN({ EP(8, 0, 0) }, { DOWN(7, 0, 0) }, { UP(4, 0) },
				  { DOWN(2, 1, 1) }, { UP(1, 0) }, { ROOT(0, 1, 1) }) },
	.want = { BUS_ADDR(8) },
},
/*
 *   RP -- BR -+- P	02:01.0
 *             `- C	02:02.0
 */
{
	"conventional_bus",
	.provider = { CLOSED, CHAIN({ EP(2, 1, 0) }, { PCI(1, 0) }, { ROOT(0, 1, 1) }) },
	.client = { CLOSED, CHAIN({ EP(2, 2, 0) }, { PCI(1, 0) }, { ROOT(0, 1, 1) }) },
	.want = { BUS_ADDR(2) },
},
/*
 *   RP -- USP -+- DSP0 -- P
 *              `- DSP1 -- BR -- C
 */
{
	"conventional_bridge_below_a_switch",
	.provider = { CLOSED, CHAIN({ EP(3, 0, 0) }, { DOWN(2, 0, 0) }, { UP(1, 0) },
				    { ROOT(0, 1, 1) }) },
	.client = { CLOSED, CHAIN({ EP(5, 1, 0) }, { PCI(4, 0) }, { DOWN(2, 1, 1) },
				  { UP(1, 0) }, { ROOT(0, 1, 1) }) },
	.want = { BUS_ADDR(5) },
},
/*
 *   RP -- P = USP --- DSP -- C	a switch that is the provider
 */
{
	"provider_is_a_bridge_above",
	.provider = { CLOSED, CHAIN({ UP(1, 0) }, { ROOT(0, 1, 1) }) },
	.client = { CLOSED, CHAIN({ EP(3, 0, 0) }, { DOWN(2, 0, 0) }, { UP(1, 0) },
				  { ROOT(0, 1, 1) }) },
	.want = { BUS_ADDR(2) },
},
/*
 *   C = RP -- P
 */
{
	"client_is_the_port_above",
	.provider = { CLOSED, CHAIN({ EP(1, 0, 0) }, { ROOT(0, 1, 1) }) },
	.client = { CLOSED, CHAIN({ ROOT(0, 1, 1) }) },
	.want = { BUS_ADDR(1) },
},
/*
 *   RP -- USP -+- P = DSP0
 *              `- C = DSP1
 */
{
	"two_ports_of_one_switch",
	.provider = { CLOSED, CHAIN({ DOWN(2, 0, 0) }, { UP(1, 0) }, { ROOT(0, 1, 1) }) },
	.client = { CLOSED, CHAIN({ DOWN(2, 1, 1) }, { UP(1, 0) }, { ROOT(0, 1, 1) }) },
	.want = { BUS_ADDR(2) },
},
/*
 *   RP -+- USP --- DSP -- C
 *       `- P	01:00.1, a function of the switch's own device
 */
{
	"function_beside_the_upstream_port",
	.provider = { CLOSED, CHAIN({ EP(1, 0, 1), MULTI }, { ROOT(0, 1, 1) }) },
	.client = { CLOSED, CHAIN({ EP(3, 0, 0) }, { DOWN(2, 0, 0) }, { UP(1, 0), MULTI },
				  { ROOT(0, 1, 1) }) },
	.want = { BUS_ADDR(4) },
},
/*
 *   HB -+- RP1 -- P
 *       `- RP2 -- C
 */
{
	"two_root_ports_refused",
	.provider = { CLOSED, CHAIN({ EP(1, 0, 0) }, { ROOT(0, 1, 1) }) },
	.client = { CLOSED, CHAIN({ EP(2, 0, 0) }, { ROOT(0, 2, 2) }) },
	.want = { REFUSED(HOST_BRIDGE, 4) },
},
{
	"two_root_ports_allowed",
	.provider = { ALLOWED, CHAIN({ EP(1, 0, 0) }, { ROOT(0, 1, 1) }) },
	.client = { ALLOWED, CHAIN({ EP(2, 0, 0) }, { ROOT(0, 2, 2) }) },
	.want = { THROUGH_HOST(4) },
},
{
	"two_root_ports_allowed_across_is_not_within",
	.provider = { HOST(0, false, true), CHAIN({ EP(1, 0, 0) }, { ROOT(0, 1, 1) }) },
	.client = { HOST(0, false, true), CHAIN({ EP(2, 0, 0) }, { ROOT(0, 2, 2) }) },
	.want = { REFUSED(HOST_BRIDGE, 4) },
},
/*
 *   HB -+- RP1 -- P
 *       `- RP2 -- USP --- DSP -- C
 */
{
	"two_root_ports_unequal_depth",
	.provider = { ALLOWED, CHAIN({ EP(1, 0, 0) }, { ROOT(0, 1, 1) }) },
	.client = { ALLOWED, CHAIN({ EP(4, 0, 0) }, { DOWN(3, 0, 0) }, { UP(2, 0) },
				   { ROOT(0, 2, 2) }) },
	.want = { THROUGH_HOST(6) },
},
/*
 *   HB -+- P	00:04.0
 *       `- C	00:04.1	no bridge above: the host bridge decides even within one device
 */
{
	"root_bus_same_device_refused",
	.provider = { CLOSED, CHAIN({ EP(0, 4, 0), MULTI }) },
	.client = { CLOSED, CHAIN({ EP(0, 4, 1), MULTI }) },
	.want = { REFUSED(HOST_BRIDGE, 2) },
},
{
	"root_bus_same_device_allowed",
	.provider = { ALLOWED, CHAIN({ EP(0, 4, 0), MULTI }) },
	.client = { ALLOWED, CHAIN({ EP(0, 4, 1), MULTI }) },
	.want = { THROUGH_HOST(2) },
},
/*
 *   HB0 -- RP -- P
 *   HB1 -- RP -- C
 */
{
	"two_hosts_refused",
	.provider = { HOST(0, true, false), CHAIN({ EP(1, 0, 0) }, { ROOT(0, 1, 1) }) },
	.client = { HOST(1, true, false), CHAIN({ EP(0x81, 0, 0) }, { ROOT(0x80, 1, 1) }) },
	.want = { REFUSED(HOST_BRIDGE, 4) },
},
{
	"two_hosts_only_the_provider_s_allowed",
	.provider = { HOST(0, true, true), CHAIN({ EP(1, 0, 0) }, { ROOT(0, 1, 1) }) },
	.client = { HOST(1, true, false), CHAIN({ EP(0x81, 0, 0) }, { ROOT(0x80, 1, 1) }) },
	.want = { REFUSED(HOST_BRIDGE, 4) },
},
{
	"two_hosts_only_the_client_s_allowed",
	.provider = { HOST(0, true, false), CHAIN({ EP(1, 0, 0) }, { ROOT(0, 1, 1) }) },
	.client = { HOST(1, true, true), CHAIN({ EP(0x81, 0, 0) }, { ROOT(0x80, 1, 1) }) },
	.want = { REFUSED(HOST_BRIDGE, 4) },
},
{
	"two_hosts_both_allowed",
	.provider = { HOST(0, false, true), CHAIN({ EP(1, 0, 0) }, { ROOT(0, 1, 1) }) },
	.client = { HOST(1, false, true), CHAIN({ EP(0x81, 0, 0) }, { ROOT(0x80, 1, 1) }) },
	.want = { THROUGH_HOST(4) },
},
/*
 *   HB0 -- RP 0000:00:01.0 -- P 0000:01:00.0
 *   HB1 -- RP 10000:00:01.0 -- C 10000:01:00.0	equal except for the domain
 */
{
	"two_domains_same_numbers",
	.provider = { HOST(0, true, false), CHAIN({ EP(1, 0, 0) }, { ROOT(0, 1, 1) }) },
	.client = { HOST(1, true, false),
		    CHAIN({ .id = 0x10000ULL << 16 | BDF(1, 0, 0) },
			  { .id = 0x10000ULL << 16 | BDF(0, 1, 0), .port = 1,
			    .type = P2PMEM_NODE_ROOT_PORT }) },
	.want = { REFUSED(HOST_BRIDGE, 4) },
},
/*
 *   HB and empty chains: must not crash
 */
{
	"no_provider_chain",
	.provider = { ALLOWED },
	.client = { ALLOWED, CHAIN({ EP(1, 0, 0) }, { ROOT(0, 1, 1) }) },
	.want = { REFUSED(HOST_BRIDGE, -1) },
},
{
	"no_client_chain",
	.provider = { ALLOWED, CHAIN({ EP(1, 0, 0) }, { ROOT(0, 1, 1) }) },
	.client = { ALLOWED },
	.want = { REFUSED(HOST_BRIDGE, -1) },
},
{
	"no_chain",
	.provider = { ALLOWED },
	.client = { ALLOWED },
	.want = { REFUSED(HOST_BRIDGE, -1) },
},
};

const unsigned int nr_cases_paths = ARRAY_SIZE(cases_paths);
