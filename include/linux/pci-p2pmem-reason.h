/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * DOC: reasons of PCI peer-to-peer memory
 *
 * The table of all reasons for a verdict of a (provider, client) pair. Each has a token,
 * which is the same in the log, in sysfs and configfs file names and in every tool,
 * one sentence of text, one remedy, and the errno that an API returns for it.
 *
 * Plain C without other headers, so that user space can compile it unchanged.
 * Tokens are ABI: add at the end, never rename.
 */
#ifndef _LINUX_PCI_P2PMEM_REASON_H
#define _LINUX_PCI_P2PMEM_REASON_H

/* X(symbol, token, errno without its sign, text, remedy) */
#define PCI_P2PMEM_REASONS(X)						\
	X(OK, "ok", 0,							\
	  "peer-to-peer is possible",					\
	  "none needed")						\
	X(NOT_A_CLIENT, "not-a-client", EOPNOTSUPP,			\
	  "the driver of the client has not registered it",		\
	  "load the driver that was built with p2pmem")			\
	X(NO_DMA_DEVICE, "no-dma-device", EOPNOTSUPP,			\
	  "the client moves data with the CPU and has no DMA device",	\
	  "use an adapter with a DMA engine of its own")		\
	X(NOT_PCI, "not-pci", EXDEV,					\
	  "the client is not a PCI function",				\
	  "use a PCI client")						\
	X(NO_PROVIDER, "no-provider", ENODEV,				\
	  "no published provider can serve these clients",		\
	  "load the driver of a provider, or bind a memory card to p2pmem-bar") \
	X(NOT_A_PROVIDER, "not-a-provider", ENODEV,			\
	  "the device provides no published memory",			\
	  "choose a device whose p2pmem/published is 1 in sysfs")	\
	X(REVOKED, "provider-revoked", ENODEV,				\
	  "the provider is being removed or reset",			\
	  "wait until it is back, or choose another provider")		\
	X(HOST_BRIDGE, "host-bridge", EXDEV,				\
	  "the only path leads through a host bridge that is not known to forward peer-to-peer requests", \
	  "put both devices below one PCIe switch")			\
	X(ACS_REDIRECT, "acs-redirect", EXDEV,				\
	  "ACS redirects requests between them to a host bridge that is not known to forward them", \
	  "boot with pci=disable_acs_redir=")				\
	X(ACS_EGRESS, "acs-egress", EXDEV,				\
	  "ACS egress control blocks requests between them",		\
	  "clear P2P Egress Control at this port, or its bit in the egress vector") \
	X(DMA_MASK, "dma-mask", EXDEV,					\
	  "the client cannot address all of the provider's memory", \
	  "place the provider's BAR below that limit")			\
	X(SWIOTLB, "swiotlb-forced", EXDEV,				\
	  "bounce buffers are forced for the client",			\
	  "boot without swiotlb=force")					\
	X(UNTRUSTED, "untrusted", EXDEV,				\
	  "one of the two devices is untrusted",				\
	  "use a device in an internal slot")				\
	X(ENCRYPTED, "encrypted-guest", EXDEV,				\
	  "this guest's memory is encrypted",			\
	  "none: peer-to-peer traffic is not encrypted")		\
	X(MIXED_LIST, "mixed-list", EINVAL,				\
	  "the scatterlist mixes providers, or peer and system memory",	\
	  "build one list per provider")				\
	X(POOL_FULL, "pool-full", ENOMEM,				\
	  "the provider has no free memory",				\
	  "provide a larger range, or lower the queue depth")		\
	X(MAP_FAILED, "map-failed", EIO,				\
	  "the IOMMU could not map the provider's memory for the client", \
	  "check the log for messages of the IOMMU driver")			\
	X(CPU_INTEGRITY, "cpu-integrity", EOPNOTSUPP,			\
	  "the CPU computes protection information over this drive's data", \
	  "format the drive without protection information")		\
	X(STACKED, "stacked", EOPNOTSUPP,				\
	  "the block device is stacked or multipath, not a drive itself", \
	  "export the drive below it, and load nvme_core with multipath=N") \
	X(NOT_A_DRIVE, "not-a-drive", EOPNOTSUPP,			\
	  "the namespace is backed by a file",				\
	  "export a block device")					\
	X(BAD_RANGE, "bad-range", EINVAL,				\
	  "the range is not within one registered region",		\
	  "use a range within one registered with pci_p2pmem_add_resource()") \
	X(QUOTA, "quota", EDQUOT,					\
	  "the client has used up its quota of the provider's memory", \
	  "raise the provider's p2pmem/quota, or lower the queue depth") \
	X(VERIFY_FAILED, "verify-failed", EXDEV,			\
	  "a self-test with real DMA found wrong data on this path",	\
	  "do not use this path") \
	X(NOT_VERIFIED, "not-verified", EXDEV,				\
	  "the path has not passed the self-test that is required before its use", \
	  "write warn to the namespace's p2pmem_verify") \
	X(NO_MEMORY, "no-memory", ENOMEM,			\
	  "the kernel cannot allocate the memory to track this path", \
	  "free memory; the kernel retries automatically") \
	X(PAYLOAD_SIZE, "payload-size", EXDEV,			\
	  "a Max_Payload_Size on the path is too small for the other end's packets", \
	  "boot with pci=pcie_bus_peer2peer") \
	X(TAG_SIZE, "tag-size", EXDEV,			\
	  "one device sends requests with 10-bit tags, which the other cannot complete", \
	  "disable 10-Bit Tag Requester Enable in the firmware setup") \
	X(OWN_QUEUES, "own-queues", ENOMEM,			\
	  "the provider's own driver uses its memory for submission queues", \
	  "load nvme with use_cmb_sqes=0") \
	X(SPLIT_COMMAND, "split-command", EOPNOTSUPP,			\
	  "the drive supports no command with data in its own memory and metadata elsewhere", \
	  "choose another provider, or format the drive without metadata") \
	X(REGISTRATION_SIZE, "registration-size", EINVAL,		\
	  "a piece of the memory is longer than the adapter can register", \
	  "lower max_sectors_kb of the disk at the host")

/**
 * enum pci_p2pmem_reason - why peer-to-peer is possible or not
 * @PCI_P2PMEM_OK: zero; every other value is a refusal. The table above has the text of
 *	each value.
 * @PCI_P2PMEM_NR_REASONS: number of reasons
 */
enum pci_p2pmem_reason {
#define PCI_P2PMEM_REASON_SYM(sym, token, err, text, remedy) PCI_P2PMEM_##sym,
	PCI_P2PMEM_REASONS(PCI_P2PMEM_REASON_SYM)
#undef PCI_P2PMEM_REASON_SYM
	PCI_P2PMEM_NR_REASONS
};

#endif /* _LINUX_PCI_P2PMEM_REASON_H */
