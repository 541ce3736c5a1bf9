// SPDX-License-Identifier: GPL-2.0-only
/* Wrong on purpose: -1 where an errno belongs. */
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/types.h>

int fault_plain(int a)
{
	if (a)
		return -1;			/* lint: errno */
	return 0;
}

int fault_late(int a)
{
	int ret = 0;

	if (a)
		ret = -1;			/* lint: errno */
	return ret;
}

int fault_choice(int a)
{
	return a ? -1 : 0;			/* lint: errno */
}

void *fault_pointer(void)
{
	return ERR_PTR(-1);			/* lint: errno */
}

/* this is as it must be: an index that is none yet */
int fault_index(const int *nr, int wanted)
{
	int i, at = -1;

	for (i = 0; i < 4; i++)
		if (nr[i] == wanted)
			at = i;
	return at < 0 ? -ENOENT : nr[at];
}
