// SPDX-License-Identifier: GPL-2.0-only
/* Wrong on purpose: what the command's own Makefile lets pass, and the lint of user space does not. */
#include <stdlib.h>
#include <string.h>

int fault_no_prototype(int a)			/* lint: user-warnings */ /* lint: user-sparse */
{
	if (a > 1) {
		int a = 2;			/* lint: user-warnings */

		return a;
	}
	return 0;
}

unsigned int *fault_pointer;			/* lint: user-sparse */

static char *fault_leak(const char *s)
{
	char *copy = malloc(4), *other;

	if (!copy)
		return NULL;
	other = realloc(copy, 8);
	if (*s)
		return other;
	free(copy);				/* lint: cppcheck */ /* lint: user-warnings */
	return copy;				/* lint: cppcheck */
}

int main(int argc, char **argv)
{
	(void)argc;
	return !fault_leak(argv[0]) + !fault_pointer + fault_no_prototype(1);
}
