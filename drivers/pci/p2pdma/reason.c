// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: token, errno and text of a reason
 *
 * Floor 0.
 *
 * The table of reasons and its accessors. Needs no device and no provider, allocates
 * nothing and takes no lock.
 */
#include <linux/bitops.h>
#include <linux/kernel.h>
#include "p2pdma.h"

static const struct {
	const char *token;
	const char *text;
	const char *remedy;
	int error;
} p2pmem_reasons[] = {
#define P2PMEM_REASON_ROW(sym, _token, _err, _text, _remedy)		\
	[PCI_P2PMEM_##sym] = {						\
		.token = _token, .text = _text, .remedy = _remedy,	\
		.error = _err },
	PCI_P2PMEM_REASONS(P2PMEM_REASON_ROW)
};

/**
 * p2pmem_errno() - the error that an API returns for a reason
 * @reason: the reason
 *
 * Return: 0 or a negative errno.
 */
int p2pmem_errno(enum pci_p2pmem_reason reason)
{
	return -p2pmem_reasons[reason].error;
}

/**
 * p2pmem_token() - the stable name of a reason
 * @reason: the reason
 *
 * Context: Any.
 * Return: the token, as used in the log, sysfs and tools.
 */
const char *p2pmem_token(enum pci_p2pmem_reason reason)
{
	if (reason >= PCI_P2PMEM_NR_REASONS)
		return "unknown";
	return p2pmem_reasons[reason].token;
}

/**
 * p2pmem_explain_text() - format a verdict as text
 * @buf: returns one line without a newline
 * @len: bytes in @buf
 * @lender: name of the provider, empty for the one that @verdict names
 * @borrower: name of the client, empty for the one that @verdict names
 * @verdict: the verdict
 *
 * The text ends with the remedy; the caller appends the functions that it applies to.
 *
 * Context: Any.
 * Return: number of bytes, less than @len unless that is 0.
 */
int p2pmem_explain_text(char *buf, size_t len, const char *lender, const char *borrower,
			const struct pci_p2pmem_verdict *verdict)
{
	enum pci_p2pmem_reason reason = verdict->reason;
	int n;

	if (!*lender)
		lender = verdict->provider;
	if (!*borrower)
		borrower = verdict->client;
	if (reason >= PCI_P2PMEM_NR_REASONS)
		return scnprintf(buf, len, "unknown reason %d", reason);
	/* Without either end (a namespace without a drive) the caller names the object. */
	n = 0;
	if (*borrower || *lender)
		n = scnprintf(buf, len, "%s and %s: ",
			      *borrower ? borrower : "(no DMA device)",
			      *lender ? lender : "(no provider)");
	n += scnprintf(buf + n, len - n, "%s: %s", p2pmem_reasons[reason].token,
		       p2pmem_reasons[reason].text);
	if (verdict->by_admin)
		n += scnprintf(buf + n, len - n,
			       " through a host bridge that the administrator allowed");
	else if (verdict->in_guest)
		n += scnprintf(buf + n, len - n,
			       " through a host bridge that may be a virtual machine's");
	if (verdict->at[0])
		n += scnprintf(buf + n, len - n, " at %s", verdict->at);
	if (reason == PCI_P2PMEM_DMA_MASK && verdict->needed)
		n += scnprintf(buf + n, len - n,
			       ": BAR %d [%#llx-%#llx] exceeds the client's %d-bit DMA mask",
			       verdict->bar, verdict->base, verdict->needed,
			       fls64(verdict->limit));
	if (verdict->note[0])
		n += scnprintf(buf + n, len - n, " (%s)", verdict->note);
	n += scnprintf(buf + n, len - n, "; %s", p2pmem_reasons[reason].remedy);
	return n;
}
