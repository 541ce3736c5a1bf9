// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: the fuzzing target: snapshots and configuration space
 *
 * An input that begins like a snapshot is one. Any other is the configuration space of three
 * functions, a bridge and two below it, one after the other, each after its size in units of 16
 * bytes. Every command then looks at the machine. What is always so is checked: JSON can be read
 * again, and a snapshot of the machine is the same machine.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../../../pci/p2pmem/command.h"

#define FUNCTIONS	3

/* libFuzzer calls it */
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static const char * const dirs[FUNCTIONS] = {
	"pci0000:00/0000:00:01.0",
	"pci0000:00/0000:00:01.0/0000:01:00.0",
	"pci0000:00/0000:00:01.0/0000:01:00.1",
};

static void fail(const char *what)
{
	fprintf(stderr, "p2pmem: %s\n", what);
	abort();
}

static char *make_snapshot(const unsigned char *data, size_t size, size_t *len)
{
	size_t i, k, n;
	char *text;
	FILE *out = open_memstream(&text, len);

	fputs("p2pmem snapshot 1\nF proc/cpuinfo\n vendor_id\t: AuthenticAMD\n cpu family\t: 25\n model\t: 1\n"
	      "F sys/module/p2pdma/parameters/host_bridges\n +8086:1234\n", out);
	for (i = 0; i < FUNCTIONS; i++) {
		fprintf(out, "L sys/bus/pci/devices/%s\n ../../../devices/%s\n",
			base_name(dirs[i]), dirs[i]);
		fprintf(out, "F sys/devices/%s/p2pmem/size\n 2097152\n", dirs[i]);
		n = size ? *data * 16 : 0;
		data += !!size;
		size -= !!size;
		if (n > size)
			n = size;
		if (!n)
			continue;
		fprintf(out, "X sys/devices/%s/config\n 4096\n 00:", dirs[i]);
		for (k = 0; k < n; k++)
			fprintf(out, " %02x", data[k]);
		fputc('\n', out);
		data += n;
		size -= n;
	}
	fclose(out);
	return text;
}

static void read_again(const char *text)
{
	struct json_object *o = json_tokener_parse(text);

	if (!o)
		fail("a command wrote JSON that cannot be read");
	json_object_put(o);
}

static void all_commands(struct machine *m, bool json)
{
	const struct options once = {}, tree = { .tree = true }, dot = { .dot = true };
	struct context c = { .m = m, .json = json, .width = 80 };
	char *text = NULL;
	unsigned int i;
	size_t len;

	c.j = evaluator_open(m);
	for (i = 0; i < 8; i++) {
		c.out = open_memstream(&text, &len);
		switch (i) {
		case 0:
			command_list(&c);
			break;
		case 1:
			command_topo(&c, &once);
			break;
		case 2:
			command_topo(&c, &tree);
			break;
		case 3:
			if (!json)
				command_topo(&c, &dot);
			break;
		case 4:
			command_stat(&c, &once);
			break;
		case 5:
			command_check(&c);
			break;
		case 6:
			command_nvmet(&c, &once, 0, NULL);
			break;
		case 7:
			if (m->nr)
				command_path(&c, &once, m->function[0]->name,
					     m->function[m->nr - 1]->name);
			break;
		}
		fclose(c.out);
		if (json && len)
			read_again(text);
		free(text);
	}
	if (c.names)
		registers_close(c.names);
}

static void same_machine(struct machine *a, struct machine *b)
{
	struct evaluator *j[2] = { evaluator_open(a), evaluator_open(b) };
	struct verdict v[2];
	unsigned int i, k;

	if (a->nr != b->nr || a->nr_providers != b->nr_providers || a->kernel != b->kernel)
		fail("a snapshot of a snapshot is another machine");
	for (i = 0; i < a->nr && i < 8; i++)
		for (k = 0; k < a->nr && k < 8; k++) {
			j[0] = evaluator_open(a);
			evaluate_pair(j[0], a->function[i], a->function[k], &v[0]);
			j[1] = evaluator_open(b);
			evaluate_pair(j[1], b->function[i], b->function[k], &v[1]);
			if (v[0].reason != v[1].reason || v[0].distance != v[1].distance ||
			    v[0].permission != v[1].permission)
				fail("a snapshot of a snapshot has another verdict");
		}
}

static void run_on_snapshot(const char *text, size_t size)
{
	struct machine *m, *again;
	struct tree *t, *u;
	char error[512], *copy = NULL;
	size_t len;
	FILE *out;

	t = tree_parse("input", text, size, error, sizeof(error));
	if (!t) {
		if (!*error || strchr(error, '\n'))
			fail("not one line says what is wrong");
		return;
	}
	tree_record(t);
	m = machine_read(t);
	all_commands(m, false);
	all_commands(m, true);
	out = open_memstream(&copy, &len);
	tree_write(t, out, NULL);
	fclose(out);
	u = tree_parse("copy", copy, len, error, sizeof(error));
	if (!u)
		fail(error);
	again = machine_read(u);
	same_machine(m, again);
	machine_free(again);
	tree_close(u);
	free(copy);
	machine_free(m);
	tree_close(t);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	static bool quiet;
	size_t len;
	char *text;

	if (!quiet) {
		/* Names take most of the time, and complaints are no output here. */
		setenv("P2PMEM_PCI_IDS", "/dev/null", 1);
		freopen("/dev/null", "w", stdout);
		quiet = true;
	}
	if (size > 6 && !memcmp(data, "p2pmem", 6)) {
		run_on_snapshot((const char *)data, size);
		return 0;
	}
	text = make_snapshot(data, size, &len);
	run_on_snapshot(text, len);
	free(text);
	return 0;
}
