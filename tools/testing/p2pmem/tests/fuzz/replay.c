// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: run the target on files, without the fuzzer
 *
 * replay DIRECTORY... runs every file of the directories. Used to measure coverage with
 * gcov, without the branches that sanitizers add to topology.c.
 */
#include <dirent.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>

#include "input.h"

int fuzz_one(const u8 *data, size_t size);

static unsigned int replay(const char *dir)
{
	static u8 data[INPUT_MAX + 1];
	char path[PATH_MAX];
	struct dirent *entry;
	unsigned int n = 0;
	FILE *file;
	DIR *d;

	d = opendir(dir);
	if (!d)
		return 0;
	while ((entry = readdir(d))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
		file = fopen(path, "rb");
		if (!file)
			continue;
		fuzz_one(data, fread(data, 1, sizeof(data), file));
		fclose(file);
		n++;
	}
	closedir(d);
	return n;
}

int main(int argc, char **argv)
{
	unsigned int n = 0;
	int i;

	for (i = 1; i < argc; i++)
		n += replay(argv[i]);
	printf("%u inputs\n", n);
	return !n;
}
