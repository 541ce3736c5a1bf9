/* SPDX-License-Identifier: GPL-2.0-only */
/* DOC: wrong on purpose: a header on no floor */
#ifndef BUILD_FLOOR_NONE_H
#define BUILD_FLOOR_NONE_H

int fault_floor_none(void);

#endif
