// SPDX-License-Identifier: GPL-2.0-only
/*
 * hold FILE BYTES: maps peer-to-peer memory of the file p2pmem/allocate, touches every page, says
 * "held", and waits for a signal.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	size_t size = argc == 3 ? strtoull(argv[2], NULL, 10) : 0, i;
	int fd = size ? open(argv[1], O_RDWR | O_CLOEXEC) : -1;
	char *at;

	if (fd < 0) {
		perror("hold FILE BYTES");
		return 1;
	}
	at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	for (i = 0; i < size; i += 4096)
		__atomic_store_n(at + i, 1, __ATOMIC_RELAXED);
	puts("held");
	fflush(stdout);
	for (;;)
		pause();
}
