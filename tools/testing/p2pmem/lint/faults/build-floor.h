/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files on floors offer each other. */
#ifndef BUILD_FLOOR_H
#define BUILD_FLOOR_H

#include <linux/kernel.h>

extern int (*fault_floor_ops[])(void);

int fault_floor_high(void);
int fault_floor_beside(void);
int fault_floor_low(void);
int fault_floor_none(void);

#endif
