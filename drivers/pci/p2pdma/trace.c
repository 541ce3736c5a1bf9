// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: definition of the trace events
 *
 * See include/trace/events/p2pmem.h. Other modules emit the events that are exported here.
 */
#include "p2pdma.h"

#define CREATE_TRACE_POINTS
#include <trace/events/p2pmem.h>

EXPORT_TRACEPOINT_SYMBOL_GPL(p2pmem_fallback);
