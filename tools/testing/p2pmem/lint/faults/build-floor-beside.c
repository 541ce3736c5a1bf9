// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: wrong on purpose: takes the address of a function of its own floor
 *
 * Floor 1.
 */
#include "build-floor.h"

int (*fault_floor_ops[])(void) = {
	fault_floor_low,			/* lint: floors */
};

int fault_floor_beside(void)
{
	return ARRAY_SIZE(fault_floor_ops);
}
