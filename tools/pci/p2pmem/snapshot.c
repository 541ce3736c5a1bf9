// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: p2pmem snapshot: what everything is made from, in a file
 *
 * Floor 9.
 *
 * What was read of the machine, and nothing else; of configuration space that is the header and two
 * capabilities, which have no serial number. What identifies it is taken out: names below
 * /dev/disk/by-id, interfaces whose names are MAC addresses, words of the kernel's command line
 * that are not about PCI.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"

/* Words that decide something here */
static void clean_cmdline(char *line)
{
	static const char * const keep[] = {
		"pci=", "iommu", "amd_iommu", "intel_iommu", "swiotlb", "nvme.", "nvme_core.",
		"p2pdma.",
		"pcie_", "vfio", "module_blacklist=", "modprobe.blacklist=",
	};
	char *copy = strdup(line), *word, *rest = NULL;
	unsigned int i;

	*line = '\0';
	for (word = copy ? strtok_r(copy, " \n", &rest) : NULL; word;
	     word = strtok_r(NULL, " \n", &rest))
		for (i = 0; i < ARRAY_SIZE(keep); i++)
			if (starts_with(word, keep[i])) {
				strcat(strcat(line, *line ? " " : ""), word);
				break;
			}
	strcat(line, "\n");
	free(copy);
}

static bool is_mac(const char *s)
{
	return strspn(s, "0123456789abcdefABCDEF") >= 12;
}

/* enx001122334455, rocex...: the address of the interface, or an adapter's GUID, is its name */
static bool hides_interface(const char *path)
{
	static const char * const kinds[] = {
		"/enx", "/wlx", "/wwx", "/ibx", "/slx", "/rocex", "/iwx", "/opax", "/usnicx",
	};
	const char *at;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		for (at = strstr(path, kinds[i]); at; at = strstr(at + 1, kinds[i]))
			if (is_mac(at + strlen(kinds[i])))
				return true;
	return false;
}

/* The first number in a path that is long enough to be of one device only, as a WWN is */
static char *unique_number(char *s)
{
	for (; *s; s++)
		if (is_mac(s))
			return s;
	return NULL;
}

/*
 * Of a device that is named by what is unique about it, what kind of name it was stays: all from
 * the first component with such a name is removed.
 */
static void clean_device(char *data)
{
	static const char by[] = "/dev/disk/by-";
	char *number = unique_number(data), *at = strstr(data, by), *slash;

	slash = at ? strchr(at + strlen(by), '/') : NULL;
	if (number && (!slash || number < slash)) {
		while (number > data && number[-1] != '/')
			number--;
		strcpy(number, "removed\n");
	} else if (slash) {
		strcpy(slash, "/removed\n");
	}
}

static bool clean(const char *path, char *data, size_t *size)
{
	const char *name = base_name(path);
	char *end;

	if (hides_interface(path))
		return false;
	if (!strcmp(path, "proc/cmdline")) {
		clean_cmdline(data);
	} else if (!strcmp(path, "proc/cpuinfo")) {
		/* Processors are alike. */
		end = strstr(data, "\n\n");
		if (end)
			end[1] = '\0';
	} else if (!strcmp(name, "device_path")) {
		clean_device(data);
	} else {
		return true;
	}
	*size = strlen(data);
	return true;
}

/* Half a snapshot is none; what is no file, as /dev/full, stays. */
static void remove_half(const char *file)
{
	struct stat st;

	if (!lstat(file, &st) && S_ISREG(st.st_mode))
		unlink(file);
}

int command_snapshot(struct context *c, const char *file)
{
	bool to_stdout = !strcmp(file, "-");
	FILE *out = to_stdout ? c->out : fopen(file, "we");
	int ret;

	if (to_stdout && c->json) {
		complain("a snapshot on standard output is no JSON: name a file");
		return USAGE;
	}
	if (!out) {
		complain("%s: %s", file, strerror(errno));
		return FAILED;
	}
	ret = tree_write(c->m->tree, out, clean);
	if (!to_stdout && fclose(out) && ret >= 0)
		ret = -errno;
	if (ret < 0) {
		complain("%s: %s", file, strerror(-ret));
		remove_half(to_stdout ? "" : file);
		return FAILED;
	}
	if (c->json)
		return json_done(c, "snapshot", file, ret, 0);
	if (!to_stdout)
		say_missing(c);
	return DONE;
}
