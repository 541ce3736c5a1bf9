/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * DOC: trace events of PCI peer-to-peer memory
 *
 * Events for allocating and freeing, mapping and unmapping of peer memory, for verdicts
 * of pairs, fallbacks of an orchestrator to system memory, self-tests, and revocation and
 * resume of providers. An unknown name is "-". Reasons are those of
 * <linux/pci-p2pmem-reason.h>.
 *
 * Arguments are values that the caller has anyway: anything that has to be looked up or
 * computed for an event is done in its TP_fast_assign(), or only if the event is enabled.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM p2pmem

#if !defined(_TRACE_P2PMEM_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_P2PMEM_H

#include <linux/pci-p2pmem.h>
#include <linux/string_helpers.h>
#include <linux/tracepoint.h>

#define P2PMEM_TRACE_ENUM(sym, ...) TRACE_DEFINE_ENUM(PCI_P2PMEM_##sym);
#define P2PMEM_TRACE_ROW(sym, token, ...) , { PCI_P2PMEM_##sym, token }

PCI_P2PMEM_REASONS(P2PMEM_TRACE_ENUM)
TRACE_DEFINE_ENUM(PCI_P2PMEM_NR_REASONS);
TRACE_DEFINE_ENUM(PCI_P2PMEM_MAP_NONE);
TRACE_DEFINE_ENUM(PCI_P2PMEM_MAP_BUS_ADDR);
TRACE_DEFINE_ENUM(PCI_P2PMEM_MAP_HOST_BRIDGE);
TRACE_DEFINE_ENUM(PCI_P2PMEM_UNTRIED);
TRACE_DEFINE_ENUM(PCI_P2PMEM_PROVED);
TRACE_DEFINE_ENUM(PCI_P2PMEM_UNPROVED);
TRACE_DEFINE_ENUM(PCI_P2PMEM_DISPROVED);

#define p2pmem_show_reason(reason)						\
	__print_symbolic(reason, { PCI_P2PMEM_NR_REASONS, "unknown" }		\
			 PCI_P2PMEM_REASONS(P2PMEM_TRACE_ROW))

#define p2pmem_show_mapping(mapping)						\
	__print_symbolic(mapping, { PCI_P2PMEM_MAP_NONE, "none" },		\
			 { PCI_P2PMEM_MAP_BUS_ADDR, "bus" },			\
			 { PCI_P2PMEM_MAP_HOST_BRIDGE, "host" })

#define p2pmem_show_proof(proof)						\
	__print_symbolic(proof, { PCI_P2PMEM_UNTRIED, "untried" },		\
			 { PCI_P2PMEM_PROVED, "proved" },			\
			 { PCI_P2PMEM_UNPROVED, "unproved" },			\
			 { PCI_P2PMEM_DISPROVED, "disproved" })

/* Text from outside, an NQN for example: escaped as in the log of grants. Returns its length. */
#define p2pmem_trace_escape(text, buf, size)					\
	string_escape_str(text, buf, size, ESCAPE_NAP | ESCAPE_HEX, NULL)

/**
 * p2pmem_alloc - allocation of peer memory succeeded or failed, once for each call
 * @provider: the providing function
 * @grant: the grant it was allocated under, or NULL
 * @bytes: bytes asked for
 * @reason: PCI_P2PMEM_OK, or why it failed
 */
TRACE_EVENT(p2pmem_alloc,
	TP_PROTO(struct pci_dev *provider, struct pci_p2pmem_grant *grant,
		 size_t bytes, enum pci_p2pmem_reason reason),
	TP_ARGS(provider, grant, bytes, reason),
	TP_STRUCT__entry(
		__string(provider, pci_name(provider))
		__array(char, client, 64)
		__field(size_t, bytes)
		__field(int, reason)
	),
	TP_fast_assign(
		__assign_str(provider);
		p2pmem_grant_clients(grant, __entry->client, sizeof(__entry->client));
		__entry->bytes = bytes;
		__entry->reason = reason;
	),
	TP_printk("provider=%s client=%s bytes=%zu reason=%s", __get_str(provider),
		  __entry->client, __entry->bytes, p2pmem_show_reason(__entry->reason))
);

/**
 * p2pmem_free - peer memory was freed
 * @provider: the providing function
 * @grant: the grant it was allocated under, or NULL
 * @bytes: bytes that were asked for
 */
TRACE_EVENT(p2pmem_free,
	TP_PROTO(struct pci_dev *provider, struct pci_p2pmem_grant *grant, size_t bytes),
	TP_ARGS(provider, grant, bytes),
	TP_STRUCT__entry(
		__string(provider, pci_name(provider))
		__array(char, client, 64)
		__field(size_t, bytes)
	),
	TP_fast_assign(
		__assign_str(provider);
		p2pmem_grant_clients(grant, __entry->client, sizeof(__entry->client));
		__entry->bytes = bytes;
	),
	TP_printk("provider=%s client=%s bytes=%zu", __get_str(provider), __entry->client,
		  __entry->bytes)
);

/**
 * p2pmem_map - peer memory was mapped for a client, or refused
 * @provider: the providing function, or NULL where none is known
 * @client: the DMA device, or NULL
 * @bytes: bytes of the list or range
 * @mapping: how it was mapped; none if it was refused
 * @reason: PCI_P2PMEM_OK, or why it was refused
 */
TRACE_EVENT(p2pmem_map,
	TP_PROTO(struct pci_dev *provider, struct device *client, size_t bytes,
		 enum pci_p2pmem_mapping mapping, enum pci_p2pmem_reason reason),
	TP_ARGS(provider, client, bytes, mapping, reason),
	TP_STRUCT__entry(
		__string(provider, provider ? pci_name(provider) : "-")
		__string(client, client ? dev_name(client) : "-")
		__field(size_t, bytes)
		__field(int, mapping)
		__field(int, reason)
	),
	TP_fast_assign(
		__assign_str(provider);
		__assign_str(client);
		__entry->bytes = bytes;
		__entry->mapping = mapping;
		__entry->reason = reason;
	),
	TP_printk("provider=%s client=%s bytes=%zu mapping=%s reason=%s",
		  __get_str(provider), __get_str(client), __entry->bytes,
		  p2pmem_show_mapping(__entry->mapping),
		  p2pmem_show_reason(__entry->reason))
);

/**
 * p2pmem_unmap - a mapping was undone
 * @provider: the providing function
 * @client: the DMA device
 * @bytes: bytes of the list or range
 * @mapping: how it had been mapped
 */
TRACE_EVENT(p2pmem_unmap,
	TP_PROTO(struct pci_dev *provider, struct device *client, size_t bytes,
		 enum pci_p2pmem_mapping mapping),
	TP_ARGS(provider, client, bytes, mapping),
	TP_STRUCT__entry(
		__string(provider, pci_name(provider))
		__string(client, dev_name(client))
		__field(size_t, bytes)
		__field(int, mapping)
	),
	TP_fast_assign(
		__assign_str(provider);
		__assign_str(client);
		__entry->bytes = bytes;
		__entry->mapping = mapping;
	),
	TP_printk("provider=%s client=%s bytes=%zu mapping=%s", __get_str(provider),
		  __get_str(client), __entry->bytes, p2pmem_show_mapping(__entry->mapping))
);

/**
 * p2pmem_verdict - the verdict of a pair was made, or changed
 * @verdict: the new verdict
 */
TRACE_EVENT(p2pmem_verdict,
	TP_PROTO(const struct pci_p2pmem_verdict *verdict),
	TP_ARGS(verdict),
	TP_STRUCT__entry(
		__string(provider, verdict->provider)
		__string(client, verdict->client)
		__string(at, *verdict->at ? verdict->at : "-")
		__field(int, reason)
		__field(int, mapping)
		__field(int, distance)
		__field(bool, by_admin)
	),
	TP_fast_assign(
		__assign_str(provider);
		__assign_str(client);
		__assign_str(at);
		__entry->reason = verdict->reason;
		__entry->mapping = verdict->mapping;
		__entry->distance = verdict->distance;
		__entry->by_admin = verdict->by_admin;
	),
	TP_printk("provider=%s client=%s reason=%s mapping=%s distance=%d at=%s by_admin=%d",
		  __get_str(provider), __get_str(client),
		  p2pmem_show_reason(__entry->reason),
		  p2pmem_show_mapping(__entry->mapping), __entry->distance,
		  __get_str(at), __entry->by_admin)
);

/**
 * p2pmem_fallback - a request uses system memory in place of peer memory
 * @provider: the provider that could not be used; NULL without a grant
 * @client: the DMA device, or NULL
 * @user: whose request it is, in the orchestrator's words: the NVMe target's subsystem
 * @nsid: which namespace of it the request is for
 * @bytes: payload of the request
 * @reason: why
 */
TRACE_EVENT(p2pmem_fallback,
	TP_PROTO(struct pci_dev *provider, struct device *client, const char *user,
		 u32 nsid, size_t bytes, enum pci_p2pmem_reason reason),
	TP_ARGS(provider, client, user, nsid, bytes, reason),
	TP_STRUCT__entry(
		__string(provider, provider ? pci_name(provider) : "-")
		__string(client, client ? dev_name(client) : "-")
		__dynamic_array(char, user, p2pmem_trace_escape(user, NULL, 0) + 1)
		__field(u32, nsid)
		__field(size_t, bytes)
		__field(int, reason)
	),
	TP_fast_assign(
		__assign_str(provider);
		__assign_str(client);
		__get_str(user)[p2pmem_trace_escape(user, __get_str(user),
						    __get_dynamic_array_len(user))] = '\0';
		__entry->nsid = nsid;
		__entry->bytes = bytes;
		__entry->reason = reason;
	),
	TP_printk("provider=%s client=%s user=%s nsid=%u bytes=%zu reason=%s",
		  __get_str(provider), __get_str(client), __get_str(user), __entry->nsid,
		  __entry->bytes, p2pmem_show_reason(__entry->reason))
);

/**
 * p2pmem_verify - the self-test of a pair ended
 * @provider: the providing function
 * @client: the DMA device
 * @bytes: payload that the test moved
 * @proof: what it has shown
 * @reason: PCI_P2PMEM_OK, or why the pair is refused
 */
TRACE_EVENT(p2pmem_verify,
	TP_PROTO(struct pci_dev *provider, struct device *client, size_t bytes,
		 enum pci_p2pmem_proof proof, enum pci_p2pmem_reason reason),
	TP_ARGS(provider, client, bytes, proof, reason),
	TP_STRUCT__entry(
		__string(provider, pci_name(provider))
		__string(client, dev_name(client))
		__field(size_t, bytes)
		__field(int, proof)
		__field(int, reason)
	),
	TP_fast_assign(
		__assign_str(provider);
		__assign_str(client);
		__entry->bytes = bytes;
		__entry->proof = proof;
		__entry->reason = reason;
	),
	TP_printk("provider=%s client=%s bytes=%zu proof=%s reason=%s", __get_str(provider),
		  __get_str(client), __entry->bytes, p2pmem_show_proof(__entry->proof),
		  p2pmem_show_reason(__entry->reason))
);

/**
 * p2pmem_revoke - a provider stopped or resumed lending
 * @provider: the providing function
 * @what: "revoked", "lost" or "resumed"
 * @bytes: bytes in use at that moment, without those of the provider's own driver
 * @reason: PCI_P2PMEM_OK, or why it does not lend
 */
TRACE_EVENT(p2pmem_revoke,
	TP_PROTO(struct pci_dev *provider, const char *what, long bytes,
		 enum pci_p2pmem_reason reason),
	TP_ARGS(provider, what, bytes, reason),
	TP_STRUCT__entry(
		__string(provider, pci_name(provider))
		__string(what, what)
		__field(long, bytes)
		__field(int, reason)
	),
	TP_fast_assign(
		__assign_str(provider);
		__assign_str(what);
		__entry->bytes = bytes;
		__entry->reason = reason;
	),
	TP_printk("provider=%s what=%s bytes=%ld reason=%s", __get_str(provider),
		  __get_str(what), __entry->bytes, p2pmem_show_reason(__entry->reason))
);

#endif /* _TRACE_P2PMEM_H */

#include <trace/define_trace.h>
