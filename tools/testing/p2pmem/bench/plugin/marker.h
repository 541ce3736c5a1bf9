/* SPDX-License-Identifier: GPL-2.0-only */
/* Markers in the guest for the plugin count.so: long nops, whose displacement is a number. */
#ifndef P2PMEM_MARKER_H
#define P2PMEM_MARKER_H

#define MARKER		0x70326d00	/* above the number of a marker */
#define MARKER_BEGIN	1		/* instructions of all CPUs are counted from here */
#define MARKER_END	2
#define MARKER_ENTER	3		/* accesses of this CPU are recorded from here */
#define MARKER_LEAVE	4
#define MARKER_DUMP	5

#define MARKER_TEXT_(x)	#x
#define MARKER_TEXT(x)	MARKER_TEXT_(x)
/* nopl MARKER + number(%rax, %rax, 1) */
#define marker(number)								\
({										\
	asm volatile(".byte 0x0f, 0x1f, 0x84, 0x00\n\t.long "			\
		     MARKER_TEXT(MARKER) " + " MARKER_TEXT(number) ::: "memory");	\
})

#endif /* P2PMEM_MARKER_H */
