/* SPDX-License-Identifier: GPL-2.0-only */
/* For the programs of guests: prints where functions of a module are, for counted.py. */
#ifndef P2PMEM_BENCH_TEXT_H
#define P2PMEM_BENCH_TEXT_H

#include <stdio.h>
#include <string.h>

static void print_section(const char *file, const char *section)
{
	char name[64], path[160], text[32] = "";
	const char *start = strchr(file, '-') + 1;
	FILE *f;
	int i;

	snprintf(name, sizeof(name), "%.*s", (int)(strlen(start) - 3), start);
	for (i = 0; name[i]; i++)
		if (name[i] == '-')
			name[i] = '_';
	snprintf(path, sizeof(path), "/sys/module/%s/sections/%s", name, section);
	f = fopen(path, "r");
	if (!f)
		return;
	if (fgets(text, sizeof(text), f))
		printf("bench-text|%s|%s|%.18s\n", file, section, text);
	fclose(f);
}

/* @file: "NN-MODULE.ko", a module that is loaded; /sys must be mounted. */
static inline void print_text(const char *file)
{
	print_section(file, ".text");
	print_section(file, ".text.unlikely");
}

#endif /* P2PMEM_BENCH_TEXT_H */
