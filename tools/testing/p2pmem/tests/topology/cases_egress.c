// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: drawn cases: ACS egress control and its vector
 *
 * In SWITCH_P and SWITCH_C the downstream port of the provider has port number 0,
 * that of the client 1.
 */
#include "cases.h"

const struct route_case cases_egress[] = {
/*
 *   RP -- USP -+- DSP0 [vector] -- P	port 0
 *              `- DSP1 ----------- C	port 1
 */
{
	"vector_blocks_the_client_s_port",
	SWITCH_P(CLOSED, NONE, EGRESS(EC, 8, 0x2), NONE, NONE),
	SWITCH_C(CLOSED, NONE, NONE, NONE, NONE),
	.want = { REFUSED(ACS_EGRESS, 4), AT_PROVIDER(1) },
},
{
	"vector_blocks_every_other_port",
	SWITCH_P(CLOSED, NONE, EGRESS(EC, 8, 0xfd), NONE, NONE),
	SWITCH_C(CLOSED, NONE, NONE, NONE, NONE),
	.want = { BUS_ADDR(4) },
},
{
	"vector_is_too_short",
	SWITCH_P(CLOSED, NONE, EGRESS(EC, 1, 0), NONE, NONE),
	SWITCH_C(CLOSED, NONE, NONE, NONE, NONE),
	.want = { REFUSED(ACS_EGRESS, 4), AT_PROVIDER(1) },
},
{
	"vector_just_long_enough",
	SWITCH_P(CLOSED, NONE, EGRESS(EC, 2, 0xfffffffc), NONE, NONE),
	SWITCH_C(CLOSED, NONE, NONE, NONE, NONE),
	.want = { BUS_ADDR(4) },
},
{
	"vector_but_egress_control_off",
	SWITCH_P(CLOSED, NONE, EGRESS(0, 8, 0xff), NONE, NONE),
	SWITCH_C(CLOSED, NONE, NONE, NONE, NONE),
	.want = { BUS_ADDR(4) },
},
{
	"host_allowed_does_not_help_egress",
	SWITCH_P(ALLOWED, NONE, EGRESS(EC, 8, 0x2), NONE, NONE),
	SWITCH_C(ALLOWED, NONE, NONE, NONE, NONE),
	.want = { REFUSED(ACS_EGRESS, 4), AT_PROVIDER(1) },
},
/*
 *   RP -- USP -+- DSP0 ----------- P	port 0
 *              `- DSP1 [vector] -- C	port 1
 */
{
	"vector_blocks_the_provider_s_port",
	SWITCH_P(CLOSED, NONE, NONE, NONE, NONE),
	SWITCH_C(CLOSED, NONE, EGRESS(EC, 8, 0x1), NONE, NONE),
	.want = { REFUSED(ACS_EGRESS, 4), AT_CLIENT(1) },
},
{
	"both_vectors_block",
	SWITCH_P(CLOSED, NONE, EGRESS(EC, 8, 0xff), NONE, NONE),
	SWITCH_C(CLOSED, NONE, EGRESS(EC, 8, 0xff), NONE, NONE),
	.want = { REFUSED(ACS_EGRESS, 4), AT_PROVIDER(1) },
},
/*
 *   RP -- USP -+- DSP0 [vector + request redirect] -- P
 *              `- DSP1 ------------------------------ C
 */
{
	"request_redirect_lifts_the_block",
	SWITCH_P(CLOSED, NONE, EGRESS(EC | RR, 8, 0x2), NONE, NONE),
	SWITCH_C(CLOSED, NONE, NONE, NONE, NONE),
	.want = { REFUSED(ACS_REDIRECT, 4), AT_PROVIDER(1), MASKS(0x2, 0) },
},
{
	"request_redirect_lifts_the_block_host_allowed",
	SWITCH_P(ALLOWED, NONE, EGRESS(EC | RR, 8, 0x2), NONE, NONE),
	SWITCH_C(ALLOWED, NONE, NONE, NONE, NONE),
	.want = { THROUGH_HOST(4), MASKS(0x2, 0) },
},
{
	"completion_redirect_does_not_lift_the_block",
	SWITCH_P(ALLOWED, NONE, EGRESS(EC | CR, 8, 0x2), NONE, NONE),
	SWITCH_C(ALLOWED, NONE, NONE, NONE, NONE),
	.want = { REFUSED(ACS_EGRESS, 4), AT_PROVIDER(1), MASKS(0x2, 0) },
},
{
	"redirect_at_one_end_block_at_the_other",
	SWITCH_P(ALLOWED, NONE, EGRESS(EC | RR, 8, 0x2), NONE, NONE),
	SWITCH_C(ALLOWED, NONE, EGRESS(EC, 8, 0x1), NONE, NONE),
	.want = { REFUSED(ACS_EGRESS, 4), AT_CLIENT(1), MASKS(0x2, 0) },
},
/*
 *   RP -- USP -+- DSP0 [vector] -- P [request redirect]
 *              `- DSP1 ----------- C
 */
{
	"egress_wins_over_redirect_below_it",
	SWITCH_P(CLOSED, MULTI_ACS(RR), EGRESS(EC, 8, 0x2), NONE, NONE),
	SWITCH_C(CLOSED, NONE, NONE, NONE, NONE),
	.want = { REFUSED(ACS_EGRESS, 4), AT_PROVIDER(1), MASKS(0x1, 0) },
},
/*
 *   RP [vector] -- USP [vector] -+- DSP0 -- P [vector]
 *                                `- DSP1 -- C
 */
{
	"vector_elsewhere_does_not_matter",
	SWITCH_P(CLOSED, MULTI_EGRESS(EC, 8, 0xff), NONE, EGRESS(EC, 8, 0xff),
		 EGRESS(EC, 8, 0xff)),
	SWITCH_C(CLOSED, NONE, NONE, EGRESS(EC, 8, 0xff), EGRESS(EC, 8, 0xff)),
	.want = { BUS_ADDR(4) },
},
/*
 *   RP -- USP -+- DSP0 -- USP' --- DSP0' [vector] -- P
 *              `- DSP1 -- C
 */
{
	"vector_of_a_nested_port_does_not_matter",
	.provider = { CLOSED, CHAIN({ EP(6, 0, 0) }, { DOWN(5, 0, 0), EGRESS(EC, 8, 0xff) },
				    { UP(3, 0), EGRESS(EC, 8, 0xff) }, { DOWN(2, 0, 0) },
				    { UP(1, 0) }, { ROOT(0, 1, 1) }) },
	SWITCH_C(CLOSED, NONE, NONE, NONE, NONE),
	.want = { BUS_ADDR(6) },
},
/*
 *   RP -- USP -+- P = DSP0 [vector]	the port is the provider
 *              `- DSP1 -- C
 */
{
	"turning_port_is_the_provider",
	.provider = { CLOSED, CHAIN({ DOWN(2, 0, 0), EGRESS(EC, 8, 0x2) }, { UP(1, 0) },
				    { ROOT(0, 1, 1) }) },
	SWITCH_C(CLOSED, NONE, NONE, NONE, NONE),
	.want = { REFUSED(ACS_EGRESS, 3), AT_PROVIDER(0) },
},
/*
 *   RP -- P = USP --- DSP [vector] -- C	no request turns
 */
{
	"one_end_above_the_other_has_no_turn",
	.provider = { CLOSED, CHAIN({ UP(1, 0) }, { ROOT(0, 1, 1) }) },
	.client = { CLOSED, CHAIN({ EP(3, 0, 0) }, { DOWN(2, 0, 0), EGRESS(EC, 8, 0xff) },
				  { UP(1, 0) }, { ROOT(0, 1, 1) }) },
	.want = { BUS_ADDR(2) },
},
/*
 *   RP -- USP -+- DSP0 [vector] -- P	port 0
 *              `- DSP7 ----------- C	port numbers at the edges of words
 */
#define FAR_PORT(num)								\
	.client = { CLOSED, CHAIN({ EP(4, 0, 0) }, { DOWN(2, 7, num) },		\
				  { UP(1, 0) }, { ROOT(0, 1, 1) }) }
{
	"port_31_set",
	SWITCH_P(CLOSED, NONE, EGRESS(EC, 256, 0x80000000), NONE, NONE),
	FAR_PORT(31),
	.want = { REFUSED(ACS_EGRESS, 4), AT_PROVIDER(1) },
},
{
	"port_32_clear_beside_31_set",
	SWITCH_P(CLOSED, NONE, EGRESS(EC, 256, 0x80000000, 0xfffffffe), NONE, NONE),
	FAR_PORT(32),
	.want = { BUS_ADDR(4) },
},
{
	"port_32_set",
	SWITCH_P(CLOSED, NONE, EGRESS(EC, 256, 0, 0x1), NONE, NONE),
	FAR_PORT(32),
	.want = { REFUSED(ACS_EGRESS, 4), AT_PROVIDER(1) },
},
{
	"port_255_set",
	SWITCH_P(CLOSED, NONE, EGRESS(EC, 256, 0, 0, 0, 0, 0, 0, 0, 0x80000000), NONE, NONE),
	FAR_PORT(255),
	.want = { REFUSED(ACS_EGRESS, 4), AT_PROVIDER(1) },
},
{
	"port_255_clear",
	SWITCH_P(CLOSED, NONE, EGRESS(EC, 256, 0, 0, 0, 0, 0, 0, 0, 0x7fffffff), NONE, NONE),
	FAR_PORT(255),
	.want = { BUS_ADDR(4) },
},
{
	"port_255_vector_of_255",
	SWITCH_P(CLOSED, NONE, EGRESS(EC, 255, 0), NONE, NONE),
	FAR_PORT(255),
	.want = { REFUSED(ACS_EGRESS, 4), AT_PROVIDER(1) },
},
{
	"vector_of_no_bits",
	SWITCH_P(CLOSED, NONE, EGRESS(EC, 0, 0), NONE, NONE),
	FAR_PORT(0),
	.want = { REFUSED(ACS_EGRESS, 4), AT_PROVIDER(1) },
},
/*
 *   RP -+- P [vector]	01:00.0
 *       `- C		01:00.5
 */
#define FUNCTION_P(...)								\
	.provider = { CLOSED, CHAIN({ EP(1, 0, 0), __VA_ARGS__ }, { ROOT(0, 1, 1) }) }
#define FUNCTION_C(...)								\
	.client = { CLOSED, CHAIN({ EP(1, 0, 5), __VA_ARGS__ }, { ROOT(0, 1, 1) }) }
{
	"function_vector_blocks",
	FUNCTION_P(MULTI_EGRESS(EC, 8, 0x20)),
	FUNCTION_C(MULTI),
	.want = { REFUSED(ACS_EGRESS, 2), AT_PROVIDER(0) },
},
{
	"function_vector_blocks_every_other_function",
	FUNCTION_P(MULTI_EGRESS(EC, 8, 0xdf)),
	FUNCTION_C(MULTI),
	.want = { BUS_ADDR(2) },
},
{
	"function_vector_of_the_client_blocks",
	FUNCTION_P(MULTI),
	FUNCTION_C(MULTI_EGRESS(EC, 8, 0x1)),
	.want = { REFUSED(ACS_EGRESS, 2), AT_CLIENT(0) },
},
/*
 *   RP -+- P [vector]	01:00.0
 *       `- C		01:0b.4, with ARI function 92
 */
#define ARI_C(...)								\
	.client = { CLOSED, CHAIN({ EP(1, 11, 4), __VA_ARGS__ }, { ROOT(0, 1, 1) }) }
{
	"function_92_vector_blocks",
	FUNCTION_P(MULTI_EGRESS(EC, 128, 0, 0, 0x10000000)),
	ARI_C(MULTI),
	.want = { REFUSED(ACS_EGRESS, 2), AT_PROVIDER(0) },
},
{
	"function_92_vector_blocks_every_other_function",
	FUNCTION_P(MULTI_EGRESS(EC, 128, 0xffffffff, 0xffffffff, 0xefffffff, 0xffffffff)),
	ARI_C(MULTI),
	.want = { BUS_ADDR(2) },
},
{
	"function_92_blocks_function_0",
	FUNCTION_P(MULTI),
	ARI_C(MULTI_EGRESS(EC, 128, 0x1)),
	.want = { REFUSED(ACS_EGRESS, 2), AT_CLIENT(0) },
},
{
	"function_92_beyond_the_vector",
	FUNCTION_P(MULTI_EGRESS(EC, 8, 0)),
	ARI_C(MULTI),
	.want = { REFUSED(ACS_EGRESS, 2), AT_PROVIDER(0) },
},
{
	"function_92_redirects_though_its_header_has_one_function",
	FUNCTION_P(MULTI),
	ARI_C(ACS(RR)),
	.want = { REFUSED(ACS_REDIRECT, 2), AT_CLIENT(0), MASKS(0, 0x1) },
},
/*
 *   RP -+- P [vector]	01:00.0
 *       `- C		02:00.1, a virtual function of the same device: 257
 */
{
	"function_257_beyond_the_vector",
	FUNCTION_P(MULTI_EGRESS(EC, 256, 0)),
	.client = { CLOSED, CHAIN({ EP(2, 0, 1), MULTI }, { ROOT(0, 1, 1) }) },
	.want = { REFUSED(ACS_EGRESS, 2), AT_PROVIDER(0) },
},
{
	"function_257_has_no_bit_for_a_bus_before",
	FUNCTION_P(MULTI),
	.client = { CLOSED, CHAIN({ EP(2, 0, 1), MULTI_EGRESS(EC, 256, 0) }, { ROOT(0, 1, 1) }) },
	.want = { REFUSED(ACS_EGRESS, 2), AT_CLIENT(0) },
},
/*
 *   RP -- PCIe-to-PCI bridge -+- P [vector]	01:00.0
 *                             `- C		01:0b.4
 */
{
	"other_device_on_a_conventional_bus_has_no_bit",
	.provider = { CLOSED, CHAIN({ EP(2, 0, 0), MULTI_EGRESS(EC, 256, 0xffffffff,
				    0xffffffff, 0xffffffff) }, { PCI(1, 0) }, { ROOT(0, 1, 1) }) },
	.client = { CLOSED, CHAIN({ EP(2, 11, 4), MULTI }, { PCI(1, 0) }, { ROOT(0, 1, 1) }) },
	.want = { BUS_ADDR(2) },
},
{
	"function_vector_with_request_redirect",
	FUNCTION_P(MULTI_EGRESS(EC | RR, 8, 0x20)),
	FUNCTION_C(MULTI),
	.want = { REFUSED(ACS_REDIRECT, 2), AT_PROVIDER(0), MASKS(0x1, 0) },
},
{
	"function_vector_without_the_header_bit",
	FUNCTION_P(EGRESS(EC, 8, 0x20)),
	FUNCTION_C(),
	.want = { REFUSED(ACS_EGRESS, 2), AT_PROVIDER(0) },
},
/*
 *   BR -+- P [vector]	02:00.0
 *       `- C		02:01.0	another device on the same bus
 */
{
	"function_vector_is_not_for_other_devices",
	.provider = { CLOSED, CHAIN({ EP(2, 0, 0), MULTI_EGRESS(EC, 8, 0xff) }, { PCI(0, 1) }) },
	.client = { CLOSED, CHAIN({ EP(2, 1, 0), MULTI }, { PCI(0, 1) }) },
	.want = { BUS_ADDR(2) },
},
/*
 *   RP -- USP -+- DSP0 [vector] -- P	02:00.0, port 8
 *              `- DSP1 ----------- C	02:00.1, port 9: ports of the same device
 *					are indexed by port number
 */
#define ONE_DEVICE_PORTS(vector)						\
	.provider = { CLOSED, CHAIN({ EP(3, 0, 0) },				\
				    { DOWN(2, 0, 8), MULTI_EGRESS(EC, 16, vector) }, \
				    { UP(1, 0) }, { ROOT(0, 1, 1) }) },		\
	.client = { CLOSED, CHAIN({ EP(4, 0, 0) },				\
				  { .id = BDF(2, 0, 1), .type = P2PMEM_NODE_DOWNSTREAM, \
				    .port = 9, MULTI },				\
				  { UP(1, 0) }, { ROOT(0, 1, 1) }) }
{
	"ports_of_one_device_bit_of_the_port",
	ONE_DEVICE_PORTS(0x200),
	.want = { REFUSED(ACS_EGRESS, 4), AT_PROVIDER(1) },
},
{
	"ports_of_one_device_bit_of_the_function",
	ONE_DEVICE_PORTS(0x2),
	.want = { BUS_ADDR(4) },
},
/*
 *   RP -+- USP --- DSP -- C	01:00.0, port 6
 *       `- P [vector]		01:00.1: indexed by function number, 0
 */
#define BESIDE_UPSTREAM(vector)							\
	.provider = { CLOSED, CHAIN({ EP(1, 0, 1), MULTI_EGRESS(EC, 8, vector) }, \
				    { ROOT(0, 1, 1) }) },			\
	.client = { CLOSED, CHAIN({ EP(3, 0, 0) }, { DOWN(2, 0, 0) },		\
				  { UP(1, 6), MULTI }, { ROOT(0, 1, 1) }) }
{
	"function_beside_upstream_port_bit_of_the_function",
	BESIDE_UPSTREAM(0x1),
	.want = { REFUSED(ACS_EGRESS, 4), AT_PROVIDER(0) },
},
{
	"function_beside_upstream_port_bit_of_the_port",
	BESIDE_UPSTREAM(0x40),
	.want = { BUS_ADDR(4) },
},
/*
 *   RP -- USP -+- BR [vector] -- P	only downstream and root ports have a vector
 *              `- DSP1 --------- C
 */
{
	"vector_of_a_conventional_bridge_does_not_matter",
	.provider = { CLOSED, CHAIN({ EP(3, 0, 0) }, { PCI(2, 0), EGRESS(EC, 8, 0xff) },
				    { UP(1, 0) }, { ROOT(0, 1, 1) }) },
	SWITCH_C(CLOSED, NONE, NONE, NONE, NONE),
	.want = { BUS_ADDR(4) },
},
/*
 *   RP -+- USP [vector] --- DSP -- C	01:00.0
 *       `- P				01:00.1
 */
{
	"vector_of_an_upstream_port_does_not_matter",
	.provider = { CLOSED, CHAIN({ EP(1, 0, 1), MULTI }, { ROOT(0, 1, 1) }) },
	.client = { CLOSED, CHAIN({ EP(3, 0, 0) }, { DOWN(2, 0, 0) },
				  { UP(1, 0), MULTI_EGRESS(EC, 8, 0xff) }, { ROOT(0, 1, 1) }) },
	.want = { BUS_ADDR(4) },
},
/*
 *   BR -+- RP [vector] -- P	port 3
 *       `- C			01:02.0, indexed by its function number
 */
{
	"vector_of_a_root_port",
	.provider = { CLOSED, CHAIN({ EP(2, 0, 0) }, { ROOT(1, 1, 3), EGRESS(EC, 8, 0x1) },
				    { PCI(0, 1) }) },
	.client = { CLOSED, CHAIN({ EP(1, 2, 0) }, { PCI(0, 1) }) },
	.want = { REFUSED(ACS_EGRESS, 3), AT_PROVIDER(1) },
},
/*
 *   HB -+- RP1 [vector] -- P
 *       `- RP2 [vector] -- C	no common bridge
 */
{
	"vectors_of_two_root_ports_are_ignored",
	.provider = { ALLOWED, CHAIN({ EP(1, 0, 0) }, { ROOT(0, 1, 1), EGRESS(EC, 8, 0xff) }) },
	.client = { ALLOWED, CHAIN({ EP(2, 0, 0) }, { ROOT(0, 2, 2), EGRESS(EC, 8, 0xff) }) },
	.want = { THROUGH_HOST(4) },
},
};

const unsigned int nr_cases_egress = ARRAY_SIZE(cases_egress);
