// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: docs: compare the table of reasons in the documentation to the one in the code
 *
 * People search for tokens, so the documentation must have every row of
 * PCI_P2PMEM_REASONS, word for word and in the same order. Line breaks do not matter.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"

static const struct {
	const char *token;
	const char *err;
	const char *text;
	const char *remedy;
} reasons[] = {
#define REASON(sym, token, err, text, remedy)	\
	[PCI_P2PMEM_##sym] = { token, #err, text, remedy },
	PCI_P2PMEM_REASONS(REASON)
#undef REASON
};

/* Read a whole file and replace all white space by single blanks; NULL on error */
static char *read_collapsed(const char *path)
{
	FILE *file = fopen(path, "r");
	size_t size = 0, room = 65536;
	char *text = malloc(room);
	int c;

	while (file && text && size < room - 1 && (c = fgetc(file)) != EOF) {
		if (!isspace(c))
			text[size++] = c;
		else if (size && text[size - 1] != ' ')
			text[size++] = ' ';
	}
	if (text)
		text[size] = '\0';
	if (file) {
		fclose(file);
		return text;
	}
	free(text);
	return NULL;
}

unsigned int docs_count(void)
{
	return ARRAY_SIZE(reasons);
}

void docs_run(const char *rst)
{
	char *text = read_collapsed(rst);
	const char *at = text, *found;
	char row[512];
	unsigned int i;

	if (!text)
		tap_note("cannot read %s", rst);
	for (i = 0; i < ARRAY_SIZE(reasons); i++) {
		snprintf(row, sizeof(row), "* - ``%s`` - %s - %s - %s ", reasons[i].token,
			 reasons[i].err, reasons[i].text, reasons[i].remedy);
		found = at ? strstr(at, row) : NULL;
		if (found)
			at = found;
		else
			tap_note("missing, or not in the order of the header: %s", row);
		tap_result(found, "docs: %s is in the table", reasons[i].token);
	}
	free(text);
}
