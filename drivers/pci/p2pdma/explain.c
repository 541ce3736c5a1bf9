// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: text of a verdict with an exact remedy
 *
 * Floor 6.
 *
 * reason.c formats a verdict by itself. If the caller has the two devices, the remedy is
 * made exact here: text that can be pasted. The devices are only read, in their current
 * state, and no result is stored.
 */
#include <linux/module.h>
#include "p2pdma.h"

/**
 * pci_p2pmem_reason_token() - the stable name of a reason
 * @reason: the reason
 *
 * Context: Any.
 * Return: the token, as used in the log, sysfs and tools.
 */
const char *pci_p2pmem_reason_token(enum pci_p2pmem_reason reason)
{
	return p2pmem_token(reason);
}
EXPORT_SYMBOL_GPL(pci_p2pmem_reason_token);

/* The parameter that changes the list of host bridges at run time */
#define P2PMEM_POLICY_FILE	"/sys/module/p2pdma/parameters/host_bridges"

/*
 * The entries of the list of host bridges that would allow the pair. Printed completely or
 * not at all: a truncated command is worse than none.
 */
static int p2pmem_remedy_entries(char *buf, size_t len, struct pci_dev *provider,
				 struct pci_dev *client)
{
	static const char before[] =
		", or allow the host bridge if its vendor says that it forwards them: echo ";
	static const char after[] = " > " P2PMEM_POLICY_FILE;
	char entries[2 * P2PMEM_ENTRY_TEXT];

	if (p2pmem_path_entries(provider, client, entries, sizeof(entries)) <= 0 ||
	    strlen(before) + strlen(entries) + strlen(after) >= len)
		return 0;
	return scnprintf(buf, len, "%s%s%s", before, entries, after);
}

/* The module that has to be replaced by the one built with p2pmem */
static int p2pmem_remedy_driver(char *buf, size_t len, struct device *client)
{
	struct device_driver *driver;
	unsigned int class;

	/* Not the driver of a parent, which may be freed if @client is removed. */
	if (!dev_is_pci(client))
		return 0;
	driver = READ_ONCE(client->driver);
	class = to_pci_dev(client)->class;
	if (class >> 16 == PCI_BASE_CLASS_STORAGE && class != PCI_CLASS_STORAGE_EXPRESS)
		return scnprintf(buf, len,
				 ": there is none for this storage, which is never a client; export an NVMe drive");
	if (!driver)
		return scnprintf(buf, len, ": no driver is bound to it");
	if (class == PCI_CLASS_STORAGE_EXPRESS)
		return scnprintf(buf, len, ": %s", driver->name);
	return scnprintf(buf, len, ": %s, or ib_core if it is an RDMA adapter",
			 driver->name);
}

/*
 * Possible causes if a self-test disproved an allowed path. Below a switch only the devices
 * and the switch itself remain.
 */
static int p2pmem_remedy_unsound(char *buf, size_t len, struct pci_dev *provider,
				 struct device *client, const struct pci_p2pmem_verdict *verdict)
{
	const char *text = ": move both devices to slots below one PCIe switch";

	if (verdict->by_admin)
		text = ": remove the entry that allows its host bridge from " P2PMEM_POLICY_FILE
			", or put both devices below one PCIe switch";
	else if (!provider || !client || p2pmem_path_is_direct(provider, to_pci_dev(client)))
		text = ": choose another provider";
	else if (p2pmem_client_translates(client))
		text = ": the client's IOMMU may block its requests, boot with iommu=pt";
	return scnprintf(buf, len, "%s", text);
}

/**
 * pci_p2pmem_explain() - format a verdict as text
 * @buf: returns one line without a newline
 * @len: bytes in @buf; PCI_P2PMEM_TEXT is enough
 * @provider: the providing function, NULL for the one that @verdict names
 * @client: DMA device, NULL for the one that @verdict names
 * @verdict: the verdict
 *
 * The text names both ends, the reason, the device at fault and the remedy. With both
 * devices the remedy is exact: the boot parameter, the value to write, the module to load.
 * The caller holds the devices.
 *
 * Context: Process context, reads configuration space.
 * Return: number of bytes.
 */
int pci_p2pmem_explain(char *buf, size_t len, struct pci_dev *provider,
		       struct device *client, const struct pci_p2pmem_verdict *verdict)
{
	enum pci_p2pmem_reason reason = verdict->reason;
	bool pair = provider && client && dev_is_pci(client);
	int n = p2pmem_explain_text(buf, len, provider ? pci_name(provider) : "",
				    client ? dev_name(client) : "", verdict);

	if (reason == PCI_P2PMEM_ACS_REDIRECT && pair)
		n += max(0, p2pmem_path_acs_list(provider, to_pci_dev(client), buf + n,
						 len - n));
	else if (reason == PCI_P2PMEM_ACS_REDIRECT)
		n += scnprintf(buf + n, len - n, "%s", verdict->at);
	if ((reason == PCI_P2PMEM_ACS_REDIRECT || reason == PCI_P2PMEM_HOST_BRIDGE) && pair)
		n += p2pmem_remedy_entries(buf + n, len - n, provider, to_pci_dev(client));
	if (reason == PCI_P2PMEM_NOT_A_CLIENT && client)
		n += p2pmem_remedy_driver(buf + n, len - n, client);
	if (reason == PCI_P2PMEM_VERIFY_FAILED)
		n += p2pmem_remedy_unsound(buf + n, len - n, provider, pair ? client : NULL,
					   verdict);
	return n;
}
EXPORT_SYMBOL_GPL(pci_p2pmem_explain);
