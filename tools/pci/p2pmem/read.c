// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: reading files of one value
 *
 * Floor 4.
 */
#include <string.h>

#include "machine.h"

bool read_line(struct machine *m, const struct place *at, const char *path, char *buf, size_t len)
{
	if (place_read(m->tree, at, path, buf, len) < 0)
		return false;
	buf[strcspn(buf, "\n")] = '\0';
	trim(buf);
	return true;
}

bool read_number(struct machine *m, const struct place *at, const char *path, int base,
		 uint64_t max, uint64_t *value)
{
	char line[64], full[TREE_PATH + 64];

	if (!read_line(m, at, path, line, sizeof(line)))
		return false;
	if (parse_u64(line, base, max, value))
		return true;
	snprintf(full, sizeof(full), "%s/%s", at ? at->path : "", path);
	machine_broken(m, full, "not a number");
	return false;
}
