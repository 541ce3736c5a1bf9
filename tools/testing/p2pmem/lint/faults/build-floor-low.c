// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: wrong on purpose: fault_floor_high() is called from below
 *
 * Floor 1.
 */
#include "build-floor.h"

int fault_floor_low(void)
{
	return fault_floor_high();		/* lint: floors */
}
