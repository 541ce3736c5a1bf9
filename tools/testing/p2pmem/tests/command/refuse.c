// SPDX-License-Identifier: GPL-2.0-only
/*
 * Preloaded into the command: files of a made-up configfs behave as the kernel's. What is written
 * replaces what was there, the value $REFUSE is refused with ENODEV, and the first $REFUSE_ENABLE
 * attempts to enable a namespace fail. To disable one takes $SLOW_DISABLE seconds, as the kernel
 * waits for its requests, and no signal ends that wait. Each write is a line in the file $WRITES.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void note(const char *path, const void *data, size_t len)
{
	FILE *file = getenv("WRITES") ? fopen(getenv("WRITES"), "ae") : NULL;

	if (!file)
		return;
	fprintf(file, "%s %.*s\n", strrchr(path, '/') + 1, (int)len, (const char *)data);
	fclose(file);
}

static void wait_slowly(void)
{
	struct timespec left = { .tv_sec = atoi(getenv("SLOW_DISABLE")) };

	while (nanosleep(&left, &left) && errno == EINTR)
		;
}

ssize_t write(int fd, const void *data, size_t len)
{
	const char *refused = getenv("REFUSE"), *times = getenv("REFUSE_ENABLE");
	static int enables;
	char name[64] = "", path[1024] = "";
	struct stat st;

	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	if (readlink(name, path, sizeof(path) - 1) > 0 && strstr(path, "/nvmet/")) {
		note(path, data, len);
		if (refused && strlen(refused) == len && !memcmp(refused, data, len)) {
			errno = ENODEV;
			return -1;
		}
		if (times && strstr(path, "/enable") && len == 1 && !memcmp(data, "1", 1) &&
		    enables++ < atoi(times)) {
			errno = EINVAL;
			return -1;
		}
		if (!fstat(fd, &st) && S_ISREG(st.st_mode) && ftruncate(fd, 0))
			return -1;
		len = syscall(SYS_write, fd, data, len);
		if (getenv("SLOW_DISABLE") && strstr(path, "/enable") && !memcmp(data, "0", 1))
			wait_slowly();
		return len;
	}
	return syscall(SYS_write, fd, data, len);
}
