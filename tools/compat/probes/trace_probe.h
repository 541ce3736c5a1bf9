/* SPDX-License-Identifier: GPL-2.0-only */
/* An event for assign_str_one.c, which is a trace header's only user */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM p2pmem_probe

#if !defined(_TRACE_P2PMEM_PROBE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_P2PMEM_PROBE_H

#include <linux/tracepoint.h>

TRACE_EVENT(p2pmem_probe,
	TP_PROTO(const char *name),
	TP_ARGS(name),
	TP_STRUCT__entry(__string(name, name)),
	TP_fast_assign(__assign_str(name);),
	TP_printk("%s", __get_str(name))
);

#endif
#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace_probe
#include <trace/define_trace.h>
