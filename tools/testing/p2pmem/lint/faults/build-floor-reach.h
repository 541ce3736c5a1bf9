/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DOC: wrong on purpose: its code calls fault_floor_high() from below
 *
 * Floor 1.
 */
#ifndef BUILD_FLOOR_REACH_H
#define BUILD_FLOOR_REACH_H

#include "build-floor.h"

static inline int fault_floor_reach(void)
{
	return fault_floor_low() +
	       fault_floor_high();		/* lint: floors */
}

#endif
