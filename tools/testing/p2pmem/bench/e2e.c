// SPDX-License-Identifier: GPL-2.0-only
/*
 * The only program of a guest "e2e" of "make bench": NVMe over RDMA from host to target in one
 * guest, through the test adapter. Namespace 1 of the target has its data in system memory,
 * namespace 2 in the card's BAR; both are the same drive.
 *
 * Counts I/O between markers of the plugin (plugin/marker.h) and prints, in the order of the
 * counts, "bench-io|OPERATION|MEMORY|BYTES|CPUS|IOS|MARK". MARK, if it is not 0, is written to I/O
 * port 0x92 before the count, and MARK + 1 after it: QEMU's trace of addresses has both.
 * "bench-text|MODULE|SECTION|ADDRESS" are addresses of functions.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "plugin/marker.h"
#include "text.h"

#define NVMET		"/sys/kernel/config/nvmet/"
#define DEPTH		8
#define PAGE		4096
#define MOST		(128 << 10)
#define RANGE		(32 << 20)	/* of the drive, for each CPU */
#define STEP		5		/* adjacent I/Os would be merged into one command */
#define CPUS		2
#define TESTS		6
#define IOS_4K		1024	/* a CPU */
#define IOS_128K	128

/* Samples are more where less is to be seen: 4 KiB cost nearly the same in both memories. */
static const struct test {
	const char *name;
	int write, scattered, bytes, ios, samples;
} tests[TESTS] = {
	{ "e2e Read", 0, 0, PAGE, IOS_4K, 25 },
	{ "e2e Write", 1, 0, PAGE, IOS_4K, 25 },
	{ "e2e Read", 0, 0, MOST, IOS_128K, 7 },
	{ "e2e Write", 1, 0, MOST, IOS_128K, 7 },
	{ "e2e Read, scattered", 0, 1, MOST, IOS_128K, 7 },
	{ "e2e Write, scattered", 1, 1, MOST, IOS_128K, 7 },
};

/* One sample, for the process of a CPU. */
struct job {
	int test, peer;
};

struct worker {
	int ask[2], done[2];
};

static struct worker workers[CPUS];
static char disks[2][32];

static void stop(const char *what)
{
	printf("bench-end|%s|%d\n", what, errno);
	fflush(stdout);
	reboot(RB_AUTOBOOT);
	_exit(1);
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		stop(path);
	close(fd);
}

static void directory(const char *path)
{
	if (mkdir(path, 0755))
		stop(path);
}

static int is_module(const struct dirent *entry)
{
	return !!strstr(entry->d_name, ".ko");
}

static void load_all(void)
{
	struct dirent **names;
	int i, nr, fd;

	if (chdir("/modules"))
		stop("/modules");
	nr = scandir(".", &names, is_module, alphasort);
	for (i = 0; i < nr; i++) {
		const char *name = names[i]->d_name;

		fd = open(name, O_RDONLY | O_CLOEXEC);
		if (syscall(SYS_finit_module, fd, strstr(name, "bench") ? "what=lend" : "", 0))
			stop(name);
		close(fd);
		print_text(name);
	}
}

static void network(void)
{
	struct ifreq request = { .ifr_name = "dummy0" };
	struct sockaddr_in *addr = (struct sockaddr_in *)&request.ifr_addr;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	addr->sin_family = AF_INET;
	inet_pton(AF_INET, "10.0.0.1", &addr->sin_addr);
	if (fd < 0 || ioctl(fd, SIOCSIFADDR, &request))
		stop("address");
	inet_pton(AF_INET, "255.255.255.0", &addr->sin_addr);
	if (ioctl(fd, SIOCSIFNETMASK, &request))
		stop("netmask");
	request.ifr_flags = IFF_UP | IFF_RUNNING;
	if (ioctl(fd, SIOCSIFFLAGS, &request))
		stop("up");
	close(fd);
}

/* The address of QEMU's ivshmem, whose BAR 2 is lent. */
static void find_card(char *name, size_t size)
{
	DIR *dir = opendir("/sys/bus/pci/devices");
	struct dirent *entry;
	char path[320], text[16];
	FILE *f;

	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/device", entry->d_name);
		f = fopen(path, "r");
		if (!f)
			continue;
		if (fgets(text, sizeof(text), f) && !strncmp(text, "0x1110", 6)) {
			snprintf(name, size, "%s", entry->d_name);
			fclose(f);
			closedir(dir);
			return;
		}
		fclose(f);
	}
	stop("card");
}

static void wait_for(const char *path)
{
	int i;

	for (i = 0; i < 600; i++) {
		if (!access(path, F_OK))
			return;
		usleep(100000);
	}
	stop(path);
}

/* The host's disks by the number of their namespace: the kernel scans namespaces in any order. */
static void find_disks(void)
{
	char path[64], text[16];
	int i, nsid;
	FILE *f;

	for (i = 1; i <= 2; i++) {
		snprintf(path, sizeof(path), "/dev/nvme1n%d", i);
		wait_for(path);
		snprintf(path, sizeof(path), "/sys/block/nvme1n%d/nsid", i);
		f = fopen(path, "r");
		if (!f || !fgets(text, sizeof(text), f))
			stop(path);
		fclose(f);
		nsid = atoi(text);
		if (nsid < 1 || nsid > 2)
			stop(path);
		snprintf(disks[nsid - 1], sizeof(disks[0]), "/dev/nvme1n%d", i);
	}
}

static void attribute(int nsid, const char *name, const char *text)
{
	char path[160];

	snprintf(path, sizeof(path), NVMET "subsystems/bench/namespaces/%d/%s", nsid, name);
	/* p2pmem tests a path before it uses it, P2PDMA does not */
	if (!strcmp(name, "p2pmem_verify") && access(path, F_OK))
		return;
	put(path, text);
}

static void export(int nsid, const char *memory)
{
	char path[160];

	snprintf(path, sizeof(path), NVMET "subsystems/bench/namespaces/%d", nsid);
	directory(path);
	attribute(nsid, "device_path", "/dev/nvme0n1");
	attribute(nsid, "p2pmem_verify", "off");
	attribute(nsid, "p2pmem", memory);
	attribute(nsid, "enable", "1");
}

static void connect_target(void)
{
	char card[256];

	find_card(card, sizeof(card));
	wait_for("/dev/nvme0n1");
	directory(NVMET "subsystems/bench");
	put(NVMET "subsystems/bench/attr_allow_any_host", "1");
	export(1, "0");
	export(2, card);
	directory(NVMET "ports/1");
	put(NVMET "ports/1/addr_trtype", "rdma");
	put(NVMET "ports/1/addr_adrfam", "ipv4");
	put(NVMET "ports/1/addr_traddr", "10.0.0.1");
	put(NVMET "ports/1/addr_trsvcid", "4420");
	put(NVMET "ports/1/param_inline_data_size", "0");
	if (symlink(NVMET "subsystems/bench", NVMET "ports/1/subsystems/bench"))
		stop("link");
	put("/dev/nvme-fabrics",
	    "transport=rdma,traddr=10.0.0.1,trsvcid=4420,nqn=bench,keep_alive_tmo=0");
	find_disks();
}

/* Does all I/O of a sample with a constant number of requests in flight. */
static void run(aio_context_t context, int disk, const struct test *t, char *memory, int cpu)
{
	static struct iocb requests[DEPTH];
	struct iocb *list[DEPTH];
	struct io_event events[DEPTH];
	int started = 0, ended = 0, i, j, nr;
	long long offset = 0;

	for (i = 0; i < DEPTH; i++) {
		struct iocb *r = &requests[i];

		memset(r, 0, sizeof(*r));
		r->aio_fildes = disk;
		r->aio_data = i;
		r->aio_buf = (unsigned long)memory + i * MOST;
		r->aio_nbytes = t->bytes;
		r->aio_lio_opcode = t->write ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD;
		list[i] = r;
	}
	nr = DEPTH;
	while (ended < t->ios) {
		for (i = 0; i < nr; i++) {
			list[i]->aio_offset = (long long)cpu * RANGE + offset;
			offset = (offset + STEP * t->bytes) % RANGE;
		}
		if (nr && syscall(SYS_io_submit, context, nr, list) != nr)
			stop("submit");
		started += nr;
		nr = syscall(SYS_io_getevents, context, 1, DEPTH, events, NULL);
		if (nr < 1)
			stop("events");
		ended += nr;
		for (i = 0, j = 0; i < nr; i++) {
			if (events[i].res != t->bytes) {
				errno = -events[i].res;
				stop("I/O");
			}
			if (started + j < t->ios)
				list[j++] = &requests[events[i].data];
		}
		nr = j;
	}
}

/* Memory of one large page, or of pages of which no two have adjacent physical addresses. */
static char *allocate(int scattered)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | (scattered ? 0 : MAP_HUGETLB | MAP_POPULATE);
	char *memory = mmap(NULL, DEPTH * MOST * 2, PROT_READ | PROT_WRITE, flags, -1, 0);
	int i;

	if (memory == MAP_FAILED)
		stop("memory");
	/* adjacent pages are allocated one after the other: each half gets every second one */
	for (i = 0; i < DEPTH * MOST; i += PAGE) {
		memory[i] = 1;
		memory[i + DEPTH * MOST] = 1;
	}
	return memory;
}

static void work(int cpu)
{
	aio_context_t context = 0;
	const struct test *t;
	struct job job;
	cpu_set_t set;
	char *memory[2];
	int fds[2];

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		stop("affinity");
	memory[0] = allocate(0);
	memory[1] = allocate(1);
	fds[0] = open(disks[0], O_RDWR | O_DIRECT | O_CLOEXEC);
	fds[1] = open(disks[1], O_RDWR | O_DIRECT | O_CLOEXEC);
	if (fds[0] < 0 || fds[1] < 0 || syscall(SYS_io_setup, DEPTH, &context))
		stop("disks");
	while (read(workers[cpu].ask[0], &job, sizeof(job)) == sizeof(job)) {
		t = &tests[job.test];
		run(context, fds[job.peer], t, memory[t->scattered], cpu);
		if (write(workers[cpu].done[1], &job, sizeof(job)) != sizeof(job))
			stop("done");
	}
	_exit(0);
}

static void sample(const struct job *job, int cpus)
{
	struct job done;
	int i;

	for (i = 0; i < cpus; i++)
		if (write(workers[i].ask[1], job, sizeof(*job)) != sizeof(*job))
			stop("ask");
	for (i = 0; i < cpus; i++)
		if (read(workers[i].done[0], &done, sizeof(done)) != sizeof(done))
			stop("done");
}

static void mark(int number)
{
	/* bit 0 would reset the machine, bit 1 is address line 20 */
	if (number)
		outb(number << 2 | 2, 0x92);
}

static void measure(int cpus)
{
	struct job job;
	int i, number = 0, at;

	for (job.test = 0; job.test < TESTS; job.test++) {
		const struct test *t = &tests[job.test];

		for (i = 0; i <= t->samples; i++) {
			for (job.peer = 0; job.peer < 2; job.peer++) {
				if (!i) {
					sample(&job, cpus);
					continue;
				}
				at = i == 1 ? (number += 2) : 0;
				mark(at);
				marker(MARKER_BEGIN);
				sample(&job, cpus);
				marker(MARKER_END);
				mark(at ? at + 1 : 0);
				printf("bench-io|%s|%s|%d|%d|%d|%d\n", t->name,
				       job.peer ? "peer" : "system", t->bytes, cpus,
				       t->ios * cpus, at);
				fflush(stdout);
			}
		}
	}
}

int main(void)
{
	int cpus = sysconf(_SC_NPROCESSORS_ONLN) > 1 ? 2 : 1, i;

	if (mount("proc", "/proc", "proc", 0, "") || mount("sysfs", "/sys", "sysfs", 0, "") ||
	    mount("devtmpfs", "/dev", "devtmpfs", 0, ""))
		stop("mount");
	if (ioperm(0x92, 1, 1))
		stop("port");
	load_all();
	if (mount("configfs", "/sys/kernel/config", "configfs", 0, ""))
		stop("configfs");
	network();
	connect_target();
	for (i = 0; i < cpus; i++) {
		if (pipe(workers[i].ask) || pipe(workers[i].done))
			stop("pipe");
		if (!fork())
			work(i);
	}
	measure(cpus);
	errno = 0;
	stop("e2e");
}
