// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: drawn cases: ACS request and completion redirect
 */
#include "cases.h"

/* The bits of ACS control that do not affect the route of requests */
#define OTHER_BITS	(SV | TB | UF | DT)

const struct route_case cases_acs[] = {
/*
 *   RP -- USP -+- DSP0 [here] -- P
 *              `- DSP1 --------- C
 */
{
	"request_redirect_at_the_provider_s_port",
	SWITCH_P(CLOSED, NONE, ACS(RR), NONE, NONE),
	SWITCH_C(CLOSED, NONE, NONE, NONE, NONE),
	.want = { REFUSED(ACS_REDIRECT, 4), AT_PROVIDER(1), MASKS(0x2, 0) },
},
{
	"completion_redirect_at_the_provider_s_port",
	SWITCH_P(CLOSED, NONE, ACS(CR), NONE, NONE),
	SWITCH_C(CLOSED, NONE, NONE, NONE, NONE),
	.want = { REFUSED(ACS_REDIRECT, 4), AT_PROVIDER(1), MASKS(0x2, 0) },
},
{
	"no_other_acs_bit_redirects",
	SWITCH_P(CLOSED, NONE, ACS(OTHER_BITS), NONE, NONE),
	SWITCH_C(CLOSED, NONE, ACS(OTHER_BITS), NONE, NONE),
	.want = { BUS_ADDR(4) },
},
{
	"control_word_without_the_capability",
	SWITCH_P(CLOSED, NONE, .acs_ctrl = RR | CR | EC, NONE, NONE),
	SWITCH_C(CLOSED, NONE, NONE, NONE, NONE),
	.want = { BUS_ADDR(4) },
},
/*
 *   RP -- USP -+- DSP0 --------- P
 *              `- DSP1 [here] -- C
 */
{
	"request_redirect_at_the_client_s_port",
	SWITCH_P(CLOSED, NONE, NONE, NONE, NONE),
	SWITCH_C(CLOSED, NONE, ACS(RR), NONE, NONE),
	.want = { REFUSED(ACS_REDIRECT, 4), AT_CLIENT(1), MASKS(0, 0x2) },
},
{
	"completion_redirect_at_the_client_s_port",
	SWITCH_P(CLOSED, NONE, NONE, NONE, NONE),
	SWITCH_C(CLOSED, NONE, ACS(CR), NONE, NONE),
	.want = { REFUSED(ACS_REDIRECT, 4), AT_CLIENT(1), MASKS(0, 0x2) },
},
/*
 *   RP -- USP -+- DSP0 [here] -- P
 *              `- DSP1 [here] -- C	both are recorded, the provider's port is named
 */
{
	"redirect_at_both_ports",
	SWITCH_P(CLOSED, NONE, ACS(CR), NONE, NONE),
	SWITCH_C(CLOSED, NONE, ACS(RR), NONE, NONE),
	.want = { REFUSED(ACS_REDIRECT, 4), AT_PROVIDER(1), MASKS(0x2, 0x2) },
},
{
	"redirect_at_both_ports_host_allowed",
	SWITCH_P(ALLOWED, NONE, ACS(RR), NONE, NONE),
	SWITCH_C(ALLOWED, NONE, ACS(RR), NONE, NONE),
	.want = { THROUGH_HOST(4), MASKS(0x2, 0x2) },
},
{
	"redirect_host_allowed_across_only",
	SWITCH_P(HOST(0, false, true), NONE, ACS(RR), NONE, NONE),
	SWITCH_C(HOST(0, false, true), NONE, NONE, NONE, NONE),
	.want = { REFUSED(ACS_REDIRECT, 4), AT_PROVIDER(1), MASKS(0x2, 0) },
},
/*
 *   RP [here] -- USP [here] -+- DSP0 -- P
 *                            `- DSP1 -- C	at and above the common bridge
 */
{
	"common_bridge_does_not_count",
	SWITCH_P(CLOSED, NONE, NONE, ACS(RR | CR), NONE),
	SWITCH_C(CLOSED, NONE, NONE, ACS(RR | CR), NONE),
	.want = { BUS_ADDR(4) },
},
{
	"above_the_common_bridge_does_not_count",
	SWITCH_P(CLOSED, NONE, NONE, NONE, ACS(RR | CR)),
	SWITCH_C(CLOSED, NONE, NONE, NONE, ACS(RR | CR)),
	.want = { BUS_ADDR(4) },
},
/*
 *   RP -- USP -+- DSP0 -- P [here]
 *              `- DSP1 -- C [here]
 */
{
	"single_function_end_points_do_not_count",
	SWITCH_P(CLOSED, ACS(RR | CR), NONE, NONE, NONE),
	SWITCH_C(CLOSED, ACS(RR | CR), NONE, NONE, NONE),
	.want = { BUS_ADDR(4) },
},
{
	"request_redirect_at_a_multifunction_provider",
	SWITCH_P(CLOSED, MULTI_ACS(RR), NONE, NONE, NONE),
	SWITCH_C(CLOSED, NONE, NONE, NONE, NONE),
	.want = { REFUSED(ACS_REDIRECT, 4), AT_PROVIDER(0), MASKS(0x1, 0) },
},
{
	"completion_redirect_at_a_multifunction_client",
	SWITCH_P(CLOSED, NONE, NONE, NONE, NONE),
	SWITCH_C(CLOSED, MULTI_ACS(CR), NONE, NONE, NONE),
	.want = { REFUSED(ACS_REDIRECT, 4), AT_CLIENT(0), MASKS(0, 0x1) },
},
{
	"first_redirecting_node_from_the_function_upward",
	SWITCH_P(CLOSED, MULTI_ACS(CR), ACS(RR), NONE, NONE),
	SWITCH_C(CLOSED, MULTI_ACS(RR), ACS(CR), NONE, NONE),
	.want = { REFUSED(ACS_REDIRECT, 4), AT_PROVIDER(0), MASKS(0x3, 0x3) },
},
{
	"first_redirecting_node_of_the_client_from_the_function_upward",
	SWITCH_P(CLOSED, NONE, NONE, NONE, NONE),
	SWITCH_C(CLOSED, MULTI_ACS(RR), ACS(CR), NONE, NONE),
	.want = { REFUSED(ACS_REDIRECT, 4), AT_CLIENT(0), MASKS(0, 0x3) },
},
/*
 *   RP [here] -+- P	01:00.0, the root port is the common bridge
 *              `- C	01:00.1
 */
{
	"root_port_common_to_two_functions",
	.provider = { CLOSED, CHAIN({ EP(1, 0, 0), MULTI }, { ROOT(0, 1, 1), ACS(RR | CR) }) },
	.client = { CLOSED, CHAIN({ EP(1, 0, 1), MULTI }, { ROOT(0, 1, 1), ACS(RR | CR) }) },
	.want = { BUS_ADDR(2) },
},
/*
 *   RP -+- P [here]	01:00.0
 *       `- C		01:00.1
 */
{
	"redirect_between_two_functions_of_one_device",
	.provider = { CLOSED, CHAIN({ EP(1, 0, 0), MULTI, ACS(RR) }, { ROOT(0, 1, 1) }) },
	.client = { CLOSED, CHAIN({ EP(1, 0, 1), MULTI }, { ROOT(0, 1, 1) }) },
	.want = { REFUSED(ACS_REDIRECT, 2), AT_PROVIDER(0), MASKS(0x1, 0) },
},
{
	"redirect_between_two_functions_without_the_header_bit",
	.provider = { CLOSED, CHAIN({ EP(1, 0, 2), ACS(RR) }, { ROOT(0, 1, 1) }) },
	.client = { CLOSED, CHAIN({ EP(1, 0, 3) }, { ROOT(0, 1, 1) }) },
	.want = { REFUSED(ACS_REDIRECT, 2), AT_PROVIDER(0), MASKS(0x1, 0) },
},
/*
 *   BR -+- P [here]	02:00.0
 *       `- C [here]	02:01.0	two devices, directly below the common bridge
 */
{
	"single_function_neighbours_do_not_count",
	.provider = { CLOSED, CHAIN({ EP(2, 0, 0), ACS(RR | CR) }, { PCI(0, 1) }) },
	.client = { CLOSED, CHAIN({ EP(2, 1, 0), ACS(RR | CR) }, { PCI(0, 1) }) },
	.want = { BUS_ADDR(2) },
},
/*
 *   RP -- USP -+- DSP0 -- USP' [here] -- DSP0' [here] -- P
 *              `- DSP1 -- C
 */
{
	"redirect_at_a_nested_upstream_port",
	.provider = { CLOSED, CHAIN({ EP(6, 0, 0) }, { DOWN(5, 0, 0) }, { UP(3, 0), ACS(RR) },
				    { DOWN(2, 0, 0) }, { UP(1, 0) }, { ROOT(0, 1, 1) }) },
	SWITCH_C(CLOSED, NONE, NONE, NONE, NONE),
	.want = { REFUSED(ACS_REDIRECT, 6), AT_PROVIDER(2), MASKS(0x4, 0) },
},
{
	"redirect_at_a_nested_downstream_port",
	.provider = { CLOSED, CHAIN({ EP(6, 0, 0) }, { DOWN(5, 0, 0), ACS(CR) }, { UP(3, 0) },
				    { DOWN(2, 0, 0) }, { UP(1, 0) }, { ROOT(0, 1, 1) }) },
	SWITCH_C(CLOSED, NONE, NONE, NONE, NONE),
	.want = { REFUSED(ACS_REDIRECT, 6), AT_PROVIDER(1), MASKS(0x2, 0) },
},
/*
 *   RP -- USP -+- DSP0 -- P
 *              `- DSP1 -- BR [here] -- C
 */
{
	"redirect_at_a_conventional_bridge",
	SWITCH_P(CLOSED, NONE, NONE, NONE, NONE),
	.client = { CLOSED, CHAIN({ EP(5, 1, 0) }, { PCI(4, 0), ACS(CR) }, { DOWN(2, 1, 1) },
				  { UP(1, 0) }, { ROOT(0, 1, 1) }) },
	.want = { REFUSED(ACS_REDIRECT, 5), AT_CLIENT(1), MASKS(0, 0x2) },
},
/*
 *   BR -+- RP [here] -- P	a root port below a bridge: only virtual machines
 *       `- C			have it
 */
{
	"redirect_at_a_root_port_below_the_common_bridge",
	.provider = { CLOSED, CHAIN({ EP(2, 0, 0) }, { ROOT(1, 1, 1), ACS(RR) }, { PCI(0, 1) }) },
	.client = { CLOSED, CHAIN({ EP(1, 2, 0) }, { PCI(0, 1) }) },
	.want = { REFUSED(ACS_REDIRECT, 3), AT_PROVIDER(1), MASKS(0x2, 0) },
},
/*
 *   RP -- P = USP [here] --- DSP [here] -- C
 */
{
	"provider_above_its_own_bits_do_not_count",
	.provider = { CLOSED, CHAIN({ UP(1, 0), ACS(RR | CR) }, { ROOT(0, 1, 1) }) },
	.client = { CLOSED, CHAIN({ EP(3, 0, 0) }, { DOWN(2, 0, 0) }, { UP(1, 0), ACS(RR | CR) },
				  { ROOT(0, 1, 1) }) },
	.want = { BUS_ADDR(2) },
},
{
	"provider_above_redirect_between",
	.provider = { CLOSED, CHAIN({ UP(1, 0) }, { ROOT(0, 1, 1) }) },
	.client = { CLOSED, CHAIN({ EP(3, 0, 0) }, { DOWN(2, 0, 0), ACS(RR) }, { UP(1, 0) },
				  { ROOT(0, 1, 1) }) },
	.want = { REFUSED(ACS_REDIRECT, 2), AT_CLIENT(1), MASKS(0, 0x2) },
},
/*
 *   HB -+- RP1 [here] -- P
 *       `- RP2 [here] -- C	no common bridge: the host bridge decides anyway
 */
{
	"two_root_ports_with_redirect_refused",
	.provider = { CLOSED, CHAIN({ EP(1, 0, 0), MULTI_ACS(RR) }, { ROOT(0, 1, 1), ACS(RR) }) },
	.client = { CLOSED, CHAIN({ EP(2, 0, 0) }, { ROOT(0, 2, 2), ACS(RR) }) },
	.want = { REFUSED(HOST_BRIDGE, 4) },
},
{
	"two_root_ports_with_redirect_allowed",
	.provider = { ALLOWED, CHAIN({ EP(1, 0, 0), MULTI_ACS(RR) }, { ROOT(0, 1, 1), ACS(RR) }) },
	.client = { ALLOWED, CHAIN({ EP(2, 0, 0) }, { ROOT(0, 2, 2), ACS(RR) }) },
	.want = { THROUGH_HOST(4) },
},
};

const unsigned int nr_cases_acs = ARRAY_SIZE(cases_acs);
