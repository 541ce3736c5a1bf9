// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: reading the PCI functions of a machine
 *
 * Floor 5.
 *
 * The hierarchy is that of the kernel: the path of a function's directory below sys/devices. A
 * captured tree without links has only configuration space to say who is above whom.
 */
#include <ctype.h>
#include <errno.h>
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>

#include "evaluate.h"
#include "machine.h"

#define DEVICES		"sys/bus/pci/devices"
#define SPACE		4096
#define HEADER		64
#define PCIE_SIZE	0x3c	/* of the capability, version 2 */
#define ACS_SIZE	8	/* without its egress control vector */
#define MAX_FUNCTIONS	65536

/* Flags of a line in the file resource: include/linux/ioport.h */
#define RESOURCE_MEM		0x200
#define RESOURCE_PREFETCH	0x2000
#define RESOURCE_DISABLED	0x10000000
#define RESOURCE_UNSET		0x20000000

/* "DDDD:BB:DD.F", of which the domain may have up to eight digits */
static bool parse_name(const char *s, struct function *f)
{
	unsigned int domain, bus, device, number;
	int end = 0;

	if (sscanf(s, "%8x:%2x:%2x.%1x%n", &domain, &bus, &device, &number, &end) != 4 ||
	    s[end] || strlen(s) >= sizeof(f->name) || device > 31 || number > 7 || *s == '+' ||
	    *s == '-' || isspace((unsigned char)*s))
		return false;
	f->domain = domain;
	f->bus = bus;
	f->device = device;
	f->number = number;
	snprintf(f->name, sizeof(f->name), "%04x:%02x:%02x.%x", domain, bus, device, number);
	return !strcmp(f->name, s);
}

static void found(const char *name, void *arg)
{
	struct machine *m = arg;
	struct function *f;

	if (m->nr == MAX_FUNCTIONS) {
		machine_broken(m, name, "too many PCI functions: this one is ignored");
		return;
	}
	f = arena_alloc(m->arena, sizeof(*f));
	if (!parse_name(name, f)) {
		machine_broken(m, name, "not the address of a PCI function");
		return;
	}
	arena_room(m->arena, m->function, m->nr, m->room);
	m->function[m->nr++] = f;
}

static int by_name(const void *a, const void *b)
{
	return name_order((*(struct function * const *)a)->name,
			  (*(struct function * const *)b)->name);
}

static void read_resources(struct machine *m, const struct place *dir, struct function *f)
{
	uint64_t start, end, flags;
	char text[1024], *line = text;
	int i;

	if (place_read(m->tree, dir, "resource", text, sizeof(text)) < 0)
		return;
	for (i = 0; i < NR_BARS; i++) {
		char *next = strchr(line, '\n'), *more;

		start = strtoull(line, &more, 16);
		end = strtoull(more, &more, 16);
		flags = strtoull(more, &more, 16);
		if (!next || more != next || end < start) {
			machine_broken(m, dir->path, "a line of resource is not three numbers");
			return;
		}
		line = next + 1;
		/* Windows of bridges come later in the file. */
		if (!end)
			continue;
		if (flags & (RESOURCE_UNSET | RESOURCE_DISABLED)) {
			f->bar[i].unset = flags & RESOURCE_MEM ? end - start + 1 : 0;
			continue;
		}
		f->bar[i].start = start;
		f->bar[i].size = end - start + 1;
		f->bar[i].memory = flags & RESOURCE_MEM;
		f->bar[i].prefetch = flags & RESOURCE_PREFETCH;
	}
}

static void read_group(struct machine *m, const struct place *dir, struct function *f,
		       const struct function *last)
{
	char target[TREE_PATH], path[64], type[32];
	uint64_t group;

	f->group = -1;
	f->translation = TRANSLATION_NONE;
	if (place_link(m->tree, dir, "iommu_group", target, sizeof(target)) < 0)
		return;
	f->translation = TRANSLATION_UNKNOWN;
	if (!parse_u64(base_name(target), 10, INT32_MAX, &group))
		return;
	f->group = group;
	/* Functions of a group often follow each other. */
	if (last && last->group == f->group) {
		f->translation = last->translation;
		return;
	}
	snprintf(path, sizeof(path), "sys/kernel/iommu_groups/%d/type", f->group);
	if (!read_line(m, NULL, path, type, sizeof(type)))
		return;
	if (starts_with(type, "DMA"))
		f->translation = TRANSLATION_DMA;
	else if (!strcmp(type, "identity"))
		f->translation = TRANSLATION_NONE;
	else
		f->translation = TRANSLATION_USER;
}

static unsigned int dword(const unsigned char *c)
{
	return c[0] | c[1] << 8 | c[2] << 16 | (unsigned int)c[3] << 24;
}

/* The header of each capability up to PCI Express, and all of that one; false without it */
static bool read_pcie(struct bytes *b)
{
	unsigned int at = b->data[PCI_CAPABILITY_LIST] & ~3, turn;

	for (turn = 0; at >= 0x40 && turn < 48; turn++) {
		if (bytes_read(b, at, 4) < 4)
			return false;
		if (b->data[at] == PCI_CAP_ID_EXP)
			return bytes_read(b, at, PCIE_SIZE) >= 0x14;
		at = b->data[at + 1] & ~3;
	}
	return false;
}

/* The same of extended capabilities up to Access Control Services */
static void read_acs(struct bytes *b)
{
	unsigned int at = 0x100, turn, bits;

	for (turn = 0; at >= 0x100 && turn < 1024; turn++) {
		if (bytes_read(b, at, 4) < 4)
			return;
		if (PCI_EXT_CAP_ID(dword(b->data + at)) == PCI_EXT_CAP_ID_ACS) {
			/* and no byte of what is behind it: that may be a serial number */
			if (bytes_read(b, at, ACS_SIZE) < ACS_SIZE ||
			    !(b->data[at + 4] & PCI_ACS_EC))
				return;
			bits = b->data[at + 5] ? b->data[at + 5] : 256;
			bytes_read(b, at + ACS_SIZE, (bits + 31) / 32 * 4);
			return;
		}
		at = PCI_EXT_CAP_NEXT(dword(b->data + at));
	}
}

/* A virtual function has no ids in its registers, but a type of header. */
static bool all_ones(const unsigned char *c)
{
	return c[PCI_VENDOR_ID] == 0xff && c[PCI_VENDOR_ID + 1] == 0xff &&
	       c[PCI_HEADER_TYPE] == 0xff;
}

/*
 * Only what is looked at: each register is a transaction, or an exit from a guest. Without root
 * there are 64 bytes.
 */
static void read_config(struct machine *m, const struct place *dir, struct function *f)
{
	struct bytes b;
	int ret;

	f->config = arena_alloc(m->arena, SPACE);
	ret = bytes_open(m->tree, dir, "config", &b, f->config);
	if (ret == -ENOENT)
		machine_broken(m, dir->path, "it has no file config");
	else if (ret)
		machine_missing(m, "sys/bus/pci/devices/*/config", -ret, "configuration space");
	if (ret)
		return;
	if (bytes_read(&b, 0, HEADER) == HEADER) {
		f->config_len = HEADER;
		f->silent = all_ones(f->config);
		if (!f->silent && b.size > HEADER && bytes_read(&b, HEADER, 4) == 4) {
			f->config_len = b.size;
			if (read_pcie(&b))
				read_acs(&b);
		}
	} else {
		machine_broken(m, dir->path, "config has fewer than 64 bytes");
	}
	bytes_close(m->tree, dir, "config", &b, f->config_len);
	if (!f->silent)
		return;
	memset(f->config, 0, HEADER);
	f->config_len = 0;
}

static void read_ids(struct machine *m, const struct place *dir, struct function *f)
{
	const unsigned char *c = f->config;
	uint64_t n;

	f->vendor = c[0] | c[1] << 8;
	f->id = c[2] | c[3] << 8;
	f->class = dword(c + 8) >> 8;
	/* Registers of virtual functions do not have them; the kernel knows. */
	if (f->config_len && f->vendor != 0xffff)
		return;
	if (read_number(m, dir, "vendor", 16, 0xffff, &n))
		f->vendor = n;
	if (read_number(m, dir, "device", 16, 0xffff, &n))
		f->id = n;
	if (read_number(m, dir, "class", 16, 0xffffff, &n))
		f->class = n;
}

static void read_function(struct machine *m, struct function *f, const struct place *dir,
			  const struct function *last)
{
	char line[256];
	uint64_t n;

	f->node = -1;
	f->group = -1;
	f->identity = place_identity(dir);
	read_config(m, dir, f);
	read_ids(m, dir, f);
	f->bridge = f->class >> 8 == 0x0604;
	/* Bridges neither lend nor do DMA: the rest is of no use. */
	if (f->bridge)
		return;
	if (read_line(m, dir, "numa_node", line, sizeof(line)) && parse_u64(line, 10, 4095, &n))
		f->node = n;
	if (read_number(m, dir, "dma_mask_bits", 10, 64, &n))
		f->dma_bits = n;
	if (read_line(m, dir, "removable", line, sizeof(line)))
		f->removable = !strcmp(line, "removable");
	if (place_link(m->tree, dir, "driver", line, sizeof(line)) > 0)
		f->driver = printable(arena_strdup(m->arena, base_name(line)));
	if (place_link(m->tree, dir, "physfn", line, sizeof(line)) > 0)
		f->physfn = (void *)arena_strdup(m->arena, base_name(line));
	read_resources(m, dir, f);
	read_group(m, dir, f, last);
}

static struct root_bus *root_at(struct machine *m, uint32_t domain, uint8_t bus)
{
	struct root_bus *r;
	unsigned int i;

	for (i = 0; i < m->nr_roots; i++)
		if (m->root[i]->domain == domain && m->root[i]->bus == bus)
			return m->root[i];
	r = arena_alloc(m->arena, sizeof(*r));
	r->domain = domain;
	r->bus = bus;
	r->node = -1;
	arena_room(m->arena, m->root, m->nr_roots, m->room_roots);
	m->root[m->nr_roots++] = r;
	return r;
}

/* "pci0000:00" of a path */
static bool parse_root(const char *s, size_t len, uint32_t *domain, uint8_t *bus)
{
	unsigned int d, b;
	int end = 0;
	char text[24];

	if (len >= sizeof(text))
		return false;
	memcpy(text, s, len);
	text[len] = '\0';
	if (sscanf(text, "pci%8x:%2x%n", &d, &b, &end) != 2 || text[end])
		return false;
	*domain = d;
	*bus = b;
	return true;
}

/* The last host bridge on the way, and the last bridge */
static void place_by_path(struct machine *m, struct function *f, const char *path)
{
	struct function *up = NULL;
	const char *end;
	uint32_t domain;
	char name[24];
	uint8_t bus;

	for (; *path; path = *end ? end + 1 : end) {
		end = path + strcspn(path, "/");
		if (parse_root(path, end - path, &domain, &bus)) {
			f->root = root_at(m, domain, bus);
			up = NULL;
		} else if ((size_t)(end - path) < sizeof(name)) {
			memcpy(name, path, end - path);
			name[end - path] = '\0';
			if (strcmp(name, f->name) && machine_at(m, name))
				up = machine_at(m, name);
		}
	}
	f->up = up;
}

/* By the bus numbers that bridges have in their registers */
static void place_by_buses(struct machine *m, struct function *f, struct function **bridge,
			   unsigned int bridges)
{
	struct function *b;
	unsigned int i;

	for (i = 0; i < bridges; i++) {
		b = bridge[i];
		if (b != f && !b->silent && b->domain == f->domain && b->config_len >= 64 &&
		    b->bus != f->bus && b->config[0x19] == f->bus)
			f->up = b;
	}
	if (!f->up)
		f->root = root_at(m, f->domain, f->bus);
}

/* Where the links of a captured tree are wrong, a function may be above itself. */
static void break_circles(struct machine *m)
{
	struct function *f, *slow, *fast;
	unsigned int i, steps;

	for (i = 0; i < m->nr; i++) {
		f = m->function[i];
		slow = f;
		for (fast = f->up; fast && fast->up; fast = fast->up->up, slow = slow->up) {
			if (fast != slow && fast->up != slow)
				continue;
			machine_broken(m, f->name, "it is above itself");
			slow->up = NULL;
			break;
		}
	}
	/* Now each way up by bridges ends. A virtual function's leads by its physical one. */
	for (i = 0; i < m->nr; i++) {
		f = m->function[i];
		slow = f->physfn ? function_up(f) : NULL;
		for (steps = 0; slow && slow != f && steps < m->nr; steps++)
			slow = function_up(slow);
		if (slow == f) {
			machine_broken(m, f->name, "its physical function is below it");
			f->physfn = NULL;
		}
	}
	for (i = 0; i < m->nr; i++) {
		for (f = m->function[i]; f->up; f = f->up)
			if (!f->root && f->up->root)
				f->root = f->up->root;
		if (!f->root)
			f->root = root_at(m, f->domain, f->bus);
		m->function[i]->root = f->root;
	}
}

static void finish_roots(struct machine *m)
{
	struct function *f;
	unsigned int i;

	for (i = 0; i < m->nr; i++) {
		f = m->function[i];
		f->index = i;
		if (f->root->node < 0)
			f->root->node = f->node;
		if (!f->up && !f->physfn && !f->root->first && f->bus == f->root->bus)
			f->root->first = f;
	}
}

/* Opens the directory of a function; @path returns it, from the root of the tree */
static int open_function(struct machine *m, const char *name, struct place *dir, char *path,
			 bool *linked)
{
	char link[TREE_PATH], from[64];
	int n;

	snprintf(from, sizeof(from), DEVICES "/%s", name);
	n = place_link(m->tree, NULL, from, link, sizeof(link));
	*linked = n > 0;
	if (n <= 0 || !follow_link(DEVICES, link, path, TREE_PATH))
		snprintf(path, TREE_PATH, "%s", from);
	return place_open(m->tree, NULL, path, dir);
}

void read_functions(struct machine *m)
{
	char **path;
	struct registers *r;
	struct place dir;
	struct function *f, **bridge;
	unsigned int i, good = 0, bridges = 0;
	bool linked;
	int ret;

	ret = place_list(m->tree, NULL, DEVICES, found, m);
	m->pci_error = -ret;
	if (m->nr)
		qsort(m->function, m->nr, sizeof(*m->function), by_name);
	path = arena_alloc(m->arena, (m->nr + 1) * sizeof(*path));
	r = registers_open(false);
	for (i = 0; i < m->nr; i++) {
		f = m->function[i];
		if (good && !strcmp(f->name, m->function[good - 1]->name))
			continue;
		path[good] = arena_alloc(m->arena, TREE_PATH);
		if (open_function(m, f->name, &dir, path[good], &linked)) {
			machine_broken(m, path[good], "the directory of a function is missing");
			continue;
		}
		read_function(m, f, &dir, good ? m->function[good - 1] : NULL);
		place_close(&dir);
		registers_decode(r, f);
		if (!linked)
			path[good] = NULL;
		m->function[good++] = f;
	}
	registers_close(r);
	m->nr = good;
	for (i = 0; i < m->nr; i++) {
		f = m->function[i];
		if (f->physfn)
			f->physfn = machine_at(m, (const char *)f->physfn);
		if (f->physfn == f)
			f->physfn = NULL;
		if (f->physfn && f->physfn->silent) {
			f->silent = true;
			f->whole = false;
		}
	}
	bridge = arena_alloc(m->arena, (m->nr + 1) * sizeof(*bridge));
	for (i = 0; i < m->nr; i++)
		if (m->function[i]->bridge)
			bridge[bridges++] = m->function[i];
	for (i = 0; i < m->nr; i++) {
		if (path[i])
			place_by_path(m, m->function[i], path[i]);
		else
			place_by_buses(m, m->function[i], bridge, bridges);
	}
	break_circles(m);
	finish_roots(m);
}
