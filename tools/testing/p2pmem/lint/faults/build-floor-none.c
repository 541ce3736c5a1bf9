// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: wrong on purpose: on no floor, since this is not the form of the line: Floor 1.
 */
#include "build-floor.h"

int fault_floor_none(void)
{
	return fault_floor_high();
}
