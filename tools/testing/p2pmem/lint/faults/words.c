// SPDX-License-Identifier: GPL-2.0-only
/* Wrong on purpose: words that lint/words has. */

/* The pairs are judged anew. */			/* lint: words */
/* @client: ditto */					/* lint: words */
/* Whoever holds memory waits. */			/* lint: words */
/* The log tells so. */					/* lint: words */
/* No memory is to be had. */				/* lint: words */
/* The memory that is out stays. */			/* lint: words */
/* The last page came back. */				/* lint: words */
/* A user gives memory back. */				/* lint: words */
/* A resume is taken back. */				/* lint: words */
/* The memory was taken under a grant. */		/* lint: words */
/* A caller asks again. */				/* lint: words */
static const char fault_value[] = "%s cannot be: give %s\n";	/* lint: words */
static const char fault_lend[] = "cannot lend BAR %d\n";	/* lint: words */
/* Its contents are as good as lost. */			/* lint: words */
/* The function that stands for a host bridge */	/* lint: words */
/* A suite can put an IOMMU here. */			/* lint: words */
/* Two verdicts are others now. */			/* lint: words */
/* A bad entry is left out. */				/* lint: words */
/* The module lets go of its pages. */			/* lint: words */
/* A verdict in words */				/* lint: words */

/* this is as it must be: code is not text, and "told" alone may be right */
int fault_words(int anew, int ditto)
{
	return anew + ditto + sizeof(fault_value) + sizeof(fault_lend);
}
