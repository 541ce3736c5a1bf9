/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DOC: the code of build-floor-high.c that others have inline
 *
 * Floor 2.
 */
#ifndef BUILD_FLOOR_HIGH_H
#define BUILD_FLOOR_HIGH_H

#include "build-floor.h"

static inline int fault_floor_inline(void)
{
	return fault_floor_high() + fault_floor_low();
}

#endif
