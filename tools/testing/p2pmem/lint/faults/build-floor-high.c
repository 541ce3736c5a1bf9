// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: on a floor above the others, to which only calls go down
 *
 * Floor 2.
 */
#include "build-floor.h"
#include "build-floor-high.h"
#include "build-floor-none.h"

int fault_floor_high(void)
{
	return fault_floor_low() + fault_floor_beside();
}
