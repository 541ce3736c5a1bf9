// SPDX-License-Identifier: GPL-2.0-only
/*
 * Needs: __assign_str() with the name of the field alone
 * Since: 6.10
 * Instead: rewrite/assign_str_one.awk names the source again.
 * Remedy: None is needed.
 */

#define CREATE_TRACE_POINTS
#include "trace_probe.h"
