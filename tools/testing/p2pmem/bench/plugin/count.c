// SPDX-License-Identifier: GPL-2.0-only
/*
 * count.so: a plugin of QEMU that counts between markers of the guest
 *
 *   -plugin count.so,out=FILE             executed instructions, by block of code
 *   -plugin count.so,out=FILE,lines=on    accessed cache lines, by CPU
 *
 * Markers are long nops (marker.h). Between MARKER_BEGIN and MARKER_END, instructions of all CPUs
 * are counted. The end writes "begin NUMBER", a line "block ADDRESS INSTRUCTIONS" for each block
 * of code that was executed, with the instructions that were executed in it, and "end TOTAL".
 *
 * With lines=on, each CPU records its accesses between MARKER_ENTER and MARKER_LEAVE. MARKER_DUMP
 * writes "begin NUMBER", a line "line ADDRESS READERS WRITERS LOCKERS CODE LOCKED" for each line
 * of 64 bytes, and "end ROUNDS". READERS, WRITERS and LOCKERS are bit masks of CPUs, CODE the
 * address of the last instruction that accessed the line with a lock, and LOCKED the number of
 * such accesses.
 *
 * It needs "-accel tcg,thread=single": nothing here is protected against other threads.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "api.h"
#include "marker.h"

#define EXPORT		__attribute__((visibility("default")))
#define LINE		64
#define CPUS		8
#define BIT(nr)		(1U << (nr))
#define BUCKETS		BIT(16)

struct block {
	uint64_t addr, insns, runs;
	struct block *next;
};

struct line {
	uint64_t addr, code, locked;
	unsigned int readers, writers, lockers;
	struct line *next;
};

static struct block *blocks[BUCKETS];
static struct line *lines[BUCKETS];
static unsigned int number, rounds;
static bool of_lines, inside[CPUS];
static FILE *out;

EXPORT int qemu_plugin_version = 1;

static unsigned int bucket(uint64_t key)
{
	return key * 0x9e3779b97f4a7c15ULL >> 48;
}

static void *zeroed(size_t size)
{
	void *p = calloc(1, size);

	if (!p)
		abort();
	return p;
}

/* The same address may be translated again, with another length: that is another block. */
static struct block *block_find(uint64_t addr, uint64_t insns)
{
	struct block **head = &blocks[bucket(addr)], *b;

	for (b = *head; b; b = b->next)
		if (b->addr == addr && b->insns == insns)
			return b;
	b = zeroed(sizeof(*b));
	b->addr = addr;
	b->insns = insns;
	b->next = *head;
	*head = b;
	return b;
}

static void blocks_begin(void)
{
	struct block *b;
	unsigned int i;

	for (i = 0; i < BUCKETS; i++)
		for (b = blocks[i]; b; b = b->next)
			b->runs = 0;
}

static void blocks_end(void)
{
	uint64_t total = 0;
	struct block *b;
	unsigned int i;

	fprintf(out, "begin %u\n", number++);
	for (i = 0; i < BUCKETS; i++)
		for (b = blocks[i]; b; b = b->next)
			if (b->runs) {
				fprintf(out, "block %llx %llu\n", (unsigned long long)b->addr,
					(unsigned long long)(b->runs * b->insns));
				total += b->runs * b->insns;
			}
	fprintf(out, "end %llu\n", (unsigned long long)total);
	fflush(out);
}

static struct line *line_find(uint64_t addr)
{
	struct line **head = &lines[bucket(addr)], *l;

	for (l = *head; l; l = l->next)
		if (l->addr == addr)
			return l;
	l = zeroed(sizeof(*l));
	l->addr = addr;
	l->next = *head;
	*head = l;
	return l;
}

static void lines_dump(void)
{
	struct line *l, *next;
	unsigned int i;

	fprintf(out, "begin %u\n", number++);
	for (i = 0; i < BUCKETS; i++) {
		for (l = lines[i]; l; l = next) {
			fprintf(out, "line %llx %x %x %x %llx %llu\n", (unsigned long long)l->addr,
				l->readers, l->writers, l->lockers, (unsigned long long)l->code,
				(unsigned long long)l->locked);
			next = l->next;
			free(l);
		}
		lines[i] = NULL;
	}
	fprintf(out, "end %u\n", rounds);
	fflush(out);
	rounds = 0;
}

static void marked(unsigned int cpu, void *data)
{
	switch ((uintptr_t)data) {
	case MARKER_BEGIN:
		blocks_begin();
		break;
	case MARKER_END:
		blocks_end();
		break;
	case MARKER_ENTER:
		inside[cpu % CPUS] = true;
		rounds++;
		break;
	case MARKER_LEAVE:
		inside[cpu % CPUS] = false;
		break;
	case MARKER_DUMP:
		lines_dump();
		break;
	}
}

/* @data: the address of the instruction if it locks the line, or NULL */
static void accessed(unsigned int cpu, qemu_plugin_meminfo_t info, uint64_t addr, void *data)
{
	unsigned int mask = BIT(cpu % CPUS);
	struct line *l;

	if (!inside[cpu % CPUS])
		return;
	l = line_find(addr & ~(uint64_t)(LINE - 1));
	if (!qemu_plugin_mem_is_store(info)) {
		l->readers |= mask;
		return;
	}
	l->writers |= mask;
	if (data) {
		l->lockers |= mask;
		l->code = (uintptr_t)data;
		l->locked++;
	}
}

/* The number of a marker, or 0. */
static unsigned int insn_marker(const unsigned char *code, size_t size)
{
	static const unsigned char nop[] = { 0x0f, 0x1f, 0x84, 0x00 };
	uint32_t imm;

	if (size != 8 || memcmp(code, nop, sizeof(nop)))
		return 0;
	memcpy(&imm, code + sizeof(nop), sizeof(imm));
	return (imm & ~0xffU) == MARKER ? imm & 0xff : 0;
}

/* Whether an instruction has the lock prefix, or is an exchange with memory, which needs none. */
static bool insn_locked(const unsigned char *code, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++) {
		switch (code[i]) {
		case 0xf0:
			return true;
		case 0x26: case 0x2e: case 0x36: case 0x3e: case 0x64: case 0x65: case 0x66:
		case 0xf2: case 0xf3: case 0x40 ... 0x4f:
			continue;
		case 0x86: case 0x87:
			return i + 1 < size && code[i + 1] >> 6 != 3;
		default:
			return false;
		}
	}
	return false;
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t nr = qemu_plugin_tb_n_insns(tb), i;
	struct block *b = block_find(qemu_plugin_tb_vaddr(tb), nr);

	if (!of_lines)
		qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64, &b->runs,
							 1);
	for (i = 0; i < nr; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		const unsigned char *code = qemu_plugin_insn_data(insn);
		size_t size = qemu_plugin_insn_size(insn);
		uintptr_t marker = insn_marker(code, size), locked;

		if (marker)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, marked, QEMU_PLUGIN_CB_NO_REGS,
							       (void *)marker);
		if (!of_lines)
			continue;
		locked = insn_locked(code, size) ? qemu_plugin_insn_vaddr(insn) : 0;
		qemu_plugin_register_vcpu_mem_cb(insn, accessed, QEMU_PLUGIN_CB_NO_REGS,
						 QEMU_PLUGIN_MEM_RW, (void *)locked);
	}
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
	int i;

	for (i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "out=", 4))
			out = fopen(argv[i] + 4, "w");
		else if (!strcmp(argv[i], "lines=on"))
			of_lines = true;
	}
	if (!out)
		return -1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
