// SPDX-License-Identifier: GPL-2.0-only
/* Wrong on purpose: words that lint/words has. */

/* The pairs are evaluated anew. */			/* lint: words */
/* @client: ditto */					/* lint: words */
/* Whoever holds memory waits. */			/* lint: words */
/* The holder is told. */				/* lint: words */
/* The log tells which. */				/* lint: words */
/* Notifiers get the news. */				/* lint: words */
static int fault_wish;					/* lint: words */
/* The pair is judged. */				/* lint: words */
static int fault_take_run;				/* lint: words */
/* The notifier hears of it. */				/* lint: words */
/* No memory was asked for. */				/* lint: words */
/* No memory is to be had. */				/* lint: words */
/* A grant looks again. */				/* lint: words */
/* The memory that is out stays. */			/* lint: words */
/* The last page came back. */				/* lint: words */
/* A user gives memory back. */				/* lint: words */
/* A user gives peer memory back. */			/* lint: words */
/* A resume is taken back. */				/* lint: words */
/* The memory was taken under a grant. */		/* lint: words */
/* The provider lost its peer-to-peer memory. */	/* lint: words */
/* A drain ends users of memory. */			/* lint: words */
static const char fault_value[] = "%s cannot be: give %s\n";	/* lint: words */
static const char fault_lend[] = "cannot lend BAR %d\n";	/* lint: words */
/* Its contents are as good as lost. */			/* lint: words */
/* The function that stands for a host bridge */	/* lint: words */
/* A suite can put an IOMMU here. */			/* lint: words */
/* Two verdicts are others now. */			/* lint: words */
/* -EDQUOT when that were more than the quota */	/* lint: words */
/* A grant is used no more. */				/* lint: words */
/* A bad entry is left out. */				/* lint: words */
/* The module lets go of its pages. */			/* lint: words */
/* A verdict in words */				/* lint: words */
/* A flag for who waits for memory */			/* lint: words */
/* It may end; who ends it frees it. */		/* lint: words */
/* Who frees a page sees it. */				/* lint: words */

/* this is as it must be: parts of words, and words that code has for another reason */
int fault_words(int teller, int intake)
{
	return teller + intake + sizeof(fault_value) + sizeof(fault_lend);
}
