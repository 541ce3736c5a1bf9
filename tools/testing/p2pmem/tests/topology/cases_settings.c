// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: drawn cases: payload sizes and tags
 *
 * All cases use this hierarchy; sizes are given with each case:
 *
 *   HB -- RP -- USP -+- DSP0 -- P
 *                    `- DSP1 -- C
 */
#include "cases.h"

#define S128	SIZES(128, 512)
#define S256	SIZES(256, 512)
#define S512	SIZES(512, 512)
#define LONG	.tags_10bit = true
#define TAKES	.completes_tags_10bit = true
#define COMMA	,
#define REDIRECTS	ACS(RR) COMMA

const struct route_case cases_settings[] = {
/* P 256 -- DSP0 256 .. DSP1 256 -- C 256 */
{
	"sizes_are_equal",
	SWITCH_P(CLOSED, S256, S256, S256, S256),
	SWITCH_C(CLOSED, S256, S256, S256, S256),
	.want = { BUS_ADDR(4) },
},
/* P 128 -- DSP0 512 .. DSP1 512 -- C 512	writes of 512 bytes are too large for P */
{
	"writes_too_large_for_the_provider",
	SWITCH_P(CLOSED, S128, S512, S512, S512),
	SWITCH_C(CLOSED, S512, S512, S512, S512),
	.want = { REFUSED(PAYLOAD_SIZE, 4), AT_PROVIDER(0) },
},
/* P 512 -- DSP0 512 .. DSP1 512 -- C 128	completions of 512 bytes are too large for C */
{
	"completions_too_large_for_the_client",
	SWITCH_P(CLOSED, S512, S512, S512, S512),
	SWITCH_C(CLOSED, S128, S512, S512, S512),
	.want = { REFUSED(PAYLOAD_SIZE, 4), AT_CLIENT(0) },
},
/* the same, but C reads at most 128 bytes */
{
	"completions_limited_by_the_read_request",
	SWITCH_P(CLOSED, S512, S512, S512, S512),
	SWITCH_C(CLOSED, SIZES(128, 128), S512, S512, S512),
	.want = { BUS_ADDR(4) },
},
/* P 256 -- DSP0 128 .. DSP1 256 -- C 256 */
{
	"port_of_the_provider_too_small",
	SWITCH_P(CLOSED, S256, S128, S256, S256),
	SWITCH_C(CLOSED, S256, S256, S256, S256),
	.want = { REFUSED(PAYLOAD_SIZE, 4), AT_PROVIDER(1) },
},
/* P 256 -- DSP0 256 .. DSP1 128 -- C 256 */
{
	"port_of_the_client_too_small",
	SWITCH_P(CLOSED, S256, S256, S256, S256),
	SWITCH_C(CLOSED, S256, S128, S256, S256),
	.want = { REFUSED(PAYLOAD_SIZE, 4), AT_CLIENT(1) },
},
/* USP and RP 128: no packet passes them */
{
	"common_bridge_may_be_small",
	SWITCH_P(CLOSED, S256, S256, S128, S128),
	SWITCH_C(CLOSED, S256, S256, S128, S128),
	.want = { BUS_ADDR(4) },
},
/* DSP0 redirects to a host bridge that forwards, which may split packets */
{
	"size_through_a_host_bridge_does_not_matter",
	SWITCH_P(ALLOWED, S128, REDIRECTS S512, S512, S512),
	SWITCH_C(ALLOWED, S512, S512, S512, S512),
	.want = { THROUGH_HOST(4), MASKS(2, 0) },
},
/* DSP0 redirects and the host bridge does not forward: this is the reported reason */
{
	"redirect_is_reported_before_sizes",
	SWITCH_P(CLOSED, S128, REDIRECTS S512, S512, S512),
	SWITCH_C(CLOSED, S512, S512, S512, S512),
	.want = { REFUSED(ACS_REDIRECT, 4), AT_PROVIDER(1), MASKS(2, 0) },
},
/* C sends requests with 10-bit tags, which P cannot complete */
{
	"tags_that_the_provider_does_not_complete",
	SWITCH_P(CLOSED, S256, S256, S256, S256),
	SWITCH_C(CLOSED, S256 COMMA LONG, S256, S256, S256),
	.want = { REFUSED(TAG_SIZE, 4), AT_CLIENT(0) },
},
{
	"tags_that_the_provider_completes",
	SWITCH_P(CLOSED, S256 COMMA TAKES, S256, S256, S256),
	SWITCH_C(CLOSED, S256 COMMA LONG, S256, S256, S256),
	.want = { BUS_ADDR(4) },
},
/* P sends requests with 10-bit tags, but none to its own memory */
{
	"tags_of_the_provider_do_not_matter",
	SWITCH_P(CLOSED, S256 COMMA LONG, S256, S256, S256),
	SWITCH_C(CLOSED, S256, S256, S256, S256),
	.want = { BUS_ADDR(4) },
},
/* a host bridge forwards the request with its tag */
{
	"tags_through_a_host_bridge",
	SWITCH_P(ALLOWED, S256, REDIRECTS S256, S256, S256),
	SWITCH_C(ALLOWED, S256 COMMA LONG, S256, S256, S256),
	.want = { REFUSED(TAG_SIZE, 4), AT_CLIENT(0), MASKS(2, 0) },
},
/* RP -- P = C, whose packets do not leave the function */
{
	"settings_of_the_same_function",
	.provider = { CLOSED, CHAIN({ EP(1, 0, 0), S128, LONG }, { ROOT(0, 1, 1), S128 }) },
	.client = { CLOSED, CHAIN({ EP(1, 0, 0), S128, LONG }, { ROOT(0, 1, 1), S128 }) },
	.want = { BUS_ADDR(0) },
},
/*
 *   RP -- USP 512 -+- DSP0 512 -- P 128
 *                  `- DSP1 512 -- BR 512 -- C	BR sends C's writes
 */
{
	"a_conventional_client_sends_as_its_bridge",
	SWITCH_P(CLOSED, S128, S512, S512, S512),
	.client = { CLOSED, CHAIN({ EP(5, 0, 0) }, { PCI(4, 0), S512 }, { DOWN(2, 1, 1), S512 },
				  { UP(1, 0), S512 }, { ROOT(0, 1, 1), S512 }) },
	.want = { REFUSED(PAYLOAD_SIZE, 5), AT_PROVIDER(0) },
},
/*
 *   RP 128 -- BR 128 -+- P	one conventional bus
 *                     `- C
 */
{
	"nothing_on_a_conventional_bus_matters",
	.provider = { CLOSED, CHAIN({ EP(2, 0, 0) }, { PCI(1, 0), S128 }, { ROOT(0, 1, 1), S512 }) },
	.client = { CLOSED, CHAIN({ EP(2, 1, 0) }, { PCI(1, 0), S128 }, { ROOT(0, 1, 1), S512 }) },
	.want = { BUS_ADDR(2) },
},
};

const unsigned int nr_cases_settings = ARRAY_SIZE(cases_settings);
