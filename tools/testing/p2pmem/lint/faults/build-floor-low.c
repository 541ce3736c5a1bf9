// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: wrong on purpose: fault_floor_high() is called from below, and a header of above is included
 *
 * Floor 1.
 */
#include "build-floor.h"
#include "build-floor-high.h"		/* lint: floors */
#include "build-floor-reach.h"

int fault_floor_low(void)
{
	return fault_floor_high();		/* lint: floors */
}
