// SPDX-License-Identifier: GPL-2.0-only
/*
 * The only program of a guest of "make bench": loads the modules in the order of their names,
 * prints what the first of two costs, and ends. The kernel's parameter bench= is passed to the
 * last module.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <x86intrin.h>
#include "text.h"

static int is_module(const struct dirent *entry)
{
	return !!strstr(entry->d_name, ".ko");
}

static void load(const char *name, const char *parameters, int print)
{
	unsigned long long begin, cost;
	int fd = open(name, O_RDONLY | O_CLOEXEC);

	begin = __rdtsc();
	if (syscall(SYS_finit_module, fd, parameters, 0)) {
		printf("bench-end|%s|%d\n", name, errno);
		return;
	}
	cost = __rdtsc() - begin;
	if (print)
		printf("bench|insmod|0|0|0|%llu\n", cost);
	print_text(name);
	close(fd);
}

int main(void)
{
	const char *what = getenv("bench");
	struct dirent **names;
	char parameters[64];
	int i, nr;

	snprintf(parameters, sizeof(parameters), "what=%s", what ? what : "lend");
	if (mount("sysfs", "/sys", "sysfs", 0, ""))
		printf("bench-end|/sys|%d\n", errno);
	if (chdir("/modules") == 0) {
		nr = scandir(".", &names, is_module, alphasort);
		for (i = 0; i < nr; i++)
			load(names[i]->d_name, i == nr - 1 ? parameters : "", i != nr - 1);
	}
	fflush(stdout);
	sync();
	reboot(RB_AUTOBOOT);
	return 1;
}
