/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DOC: what the kernel's files need to be compiled here
 *
 * topology.c, walk.c, route.c, hostbridge.c, policy.c, facts.c, parse.c, reason.c and explain.c
 * of drivers/pci/p2pdma are compiled into the command as they are, so that its verdicts are the
 * kernel's. This header replaces those of the kernel, and the private p2pdma.h: a struct
 * pci_dev here is a function of the model, its configuration space the bytes that were read.
 * evaluate.c makes them.
 */
#ifndef _P2PMEM_KERNEL_H
#define _P2PMEM_KERNEL_H

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/pci_regs.h>

/* Suites are what else needs a policy that can be reset. */
#define CONFIG_KUNIT		1
#define CONFIG_PCI_P2PMEM	1
#define IS_ENABLED(option)	(option)

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int16_t s16;
typedef int64_t s64, ktime_t, time64_t;
typedef uint64_t phys_addr_t, dma_addr_t, pci_bus_addr_t;
typedef unsigned int gfp_t;
#define U16_MAX			UINT16_MAX
#define U32_MAX			UINT32_MAX
#define U64_MAX			UINT64_MAX
#define GFP_KERNEL		0
#define BIT(n)			(1UL << (n))
#define BIT_ULL(n)		(1ULL << (n))
#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))
#define DIV_ROUND_UP(n, d)	(((n) + (d) - 1) / (d))
#define FIELD_GET(mask, val)	(((val) & (mask)) / ((mask) & -(mask)))
#define max(a, b)		((a) > (b) ? (a) : (b))
#define min_t(t, a, b)		((t)(a) < (t)(b) ? (t)(a) : (t)(b))
#define READ_ONCE(x)		(x)
#define __init
#define __percpu
#define __rcu
#define likely(x)		(x)
#define unlikely(x)		(x)

/* One process, one thread: nothing is locked, nothing is freed under anyone. */
struct mutex { int unused; };
struct range { u64 start, end; };
struct work_struct;
#define DEFINE_MUTEX(name)	struct mutex name
#define guard(kind)		guard_##kind
#define guard_rcu()		do { } while (0)
#define guard_mutex(lock)	do { } while (0)
#define scoped_guard(kind, lock) if (1)
#define RCU_INITIALIZER(p)	(p)
#define rcu_dereference(p)	(p)
#define rcu_dereference_protected(p, c) (p)
#define rcu_assign_pointer(p, v) ((p) = (v))
#define synchronize_rcu()	do { } while (0)
#define lockdep_is_held(lock)	1
#define EXPORT_SYMBOL_GPL(symbol) extern int unused_export
#define KUNIT_STATIC_STUB_REDIRECT(fn, ...) return command_##fn(__VA_ARGS__)
#define VISIBLE_IF_KUNIT

/* The log of the kernel that read the policy has its lines. */
#define pr_err(...)		command_ignore(__VA_ARGS__)
#define pr_crit(...)		command_ignore(__VA_ARGS__)
#define pr_info(...)		command_ignore(__VA_ARGS__)
static inline void command_ignore(const char *format, ...) { (void)format; }
struct task { char comm[16]; };
static struct task command_task __attribute__((unused));
#define current			(&command_task)
#define task_pid_nr(task)	0
#define current_uid()		0
#define from_kuid_munged(ns, uid) 0

struct kernel_param;
struct kernel_param_ops {
	int (*set)(const char *val, const struct kernel_param *kp);
	int (*get)(char *buf, const struct kernel_param *kp);
};
#define module_param_cb(name, ops, arg, mode)	\
	static const struct kernel_param_ops *unused_param_##name __attribute__((unused)) = ops
#define MODULE_PARM_DESC(name, text) extern int unused_export
#define PAGE_SIZE		4096
struct seq_file;
#define seq_printf(m, ...)	((void)(m))
#define seq_puts(m, text)	((void)(m))

#define PCI_VENDOR_ID_INTEL	0x8086
#define PCI_VENDOR_ID_NVIDIA	0x10de
#define PCI_CLASS_STORAGE_EXPRESS 0x010802
#define PCI_BASE_CLASS_STORAGE		0x01
#define PCI_DEVFN(slot, fn)	(((slot) & 0x1f) << 3 | ((fn) & 7))
#define PCI_SLOT(devfn)		((devfn) >> 3 & 0x1f)
#define PCI_FUNC(devfn)		((devfn) & 7)
#define PCI_BUS_NUM(id)		((id) >> 8 & 0xff)

static inline int fls64(u64 n)
{
	return n ? 64 - __builtin_clzll(n) : 0;
}

/* Not checked as printf(): the kernel prints u64 as long long */
int scnprintf(char *buf, size_t len, const char *format, ...);
int kstrtoint(const char *s, unsigned int base, int *n);
int kstrtoull(const char *s, unsigned int base, u64 *n);
int kstrtou8(const char *s, unsigned int base, u8 *n);
int hex_to_bin(unsigned char c);
void strscpy(char *to, const char *from, size_t len);
#define kcalloc(n, size, gfp)	command_nodes((n) * (size))
#define kfree(p)		((void)(p))
void *command_nodes(size_t size);

static inline bool strstarts(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

struct list_head { struct list_head *next, *prev; };
#define container_of(p, type, member) ((type *)((char *)(p) - offsetof(type, member)))
#define list_first_entry_or_null(head, type, member)	\
	((head)->next != (head) ? container_of((head)->next, type, member) : NULL)
#define list_for_each_entry_rcu(pos, head, member)				\
	for (pos = container_of((head)->next, __typeof__(*pos), member);	\
	     &pos->member != (head);						\
	     pos = container_of(pos->member.next, __typeof__(*pos), member))

struct iommu_domain { unsigned int type; };
#define __IOMMU_DOMAIN_PAGING	1
struct device_driver { const char *name; };
/* sysfs does not show it */
struct bus_dma_region {
	u64 cpu_start;
	u64 dma_start;
	u64 size;
};
struct device {
	struct device *parent;
	struct device_driver *driver;
	const char *name;
	struct iommu_domain domain;
	const struct bus_dma_region *dma_range_map;
	bool force_bounce;
};
struct machine;
struct pci_dev;
struct pci_bus {
	struct list_head devices;
	u32 domain;
	u8 number;
};
struct pci_host_bridge { struct pci_bus *bus; };
struct pci_dev {
	struct list_head bus_list;
	struct device dev;
	struct pci_bus *bus;
	struct pci_host_bridge *host;
	struct pci_dev *up;
	struct pci_dev *physfn;
	const unsigned char *config;
	unsigned int config_len;
	u16 vendor, device;
	u16 subsystem_vendor, subsystem_device;		/* of signatures, which no command uses */
	u32 class;
	u8 devfn, number;
	u16 acs_cap, pcie_cap;
	int pcie_type;
	bool bridge;
	bool multifunction, is_virtfn, untrusted;
};
#define to_pci_dev(d)		container_of(d, struct pci_dev, dev)
#define dev_is_pci(d)		((void)(d), true)
#define dev_name(d)		((d)->name)
#define pci_name(p)		((p)->dev.name)
#define pci_is_bridge(p)	((p)->bridge)
#define pci_is_pcie(p)		((p)->pcie_cap != 0)
#define pci_pcie_type(p)	((p)->pcie_type)
#define pci_physfn(p)		((p)->physfn ? (p)->physfn : (p))
#define pci_domain_nr(b)	((b)->domain)
#define pci_dev_id(p)		((p)->number << 8 | (p)->devfn)
#define pci_upstream_bridge(p)	(pci_physfn(p)->up)
#define pci_find_host_bridge(b)	command_host(b)
/* Of functions on root buses, the first ones are known; nothing is removed */
#define for_each_pci_dev(d)	while (((d) = command_next_root_function(d)))
#define pci_dev_put(p)		((void)(p))
struct pci_dev *command_next_root_function(struct pci_dev *after);
struct pci_dev *pci_get_domain_bus_and_slot(int domain, unsigned int number, unsigned int devfn);
/* The machine that is evaluated: the kernel has one only, too */
extern struct command_kernel {
	const struct machine *m;
	struct pci_bus *bus;
	struct pci_host_bridge *host;
} command_kernel;
struct pci_host_bridge *command_host(struct pci_bus *bus);
int pci_read_config_word(struct pci_dev *pdev, int where, u16 *val);
int pci_read_config_dword(struct pci_dev *pdev, int where, u32 *val);
int pcie_capability_read_word(struct pci_dev *pdev, int reg, u16 *val);
int pcie_capability_read_dword(struct pci_dev *pdev, int reg, u32 *val);
#define iommu_get_domain_for_dev(d) (&(d)->domain)
#define is_swiotlb_force_bounce(d) ((d)->force_bounce)
#define CC_ATTR_GUEST_MEM_ENCRYPT 0
#define cc_platform_has(attr)	false

/* What the public header needs beside */
struct page;
struct scatterlist;
struct notifier_block;
enum dma_data_direction { DMA_BIDIRECTIONAL };
#define DECLARE_STATIC_KEY_FALSE(key) extern bool key
#define static_branch_unlikely(key) (*(key))
#define is_zone_device_page(page) ((void)(page), false)
#define sg_page(sg)		((struct page *)(sg))

#include <linux/pci-p2pmem.h>

/* Of p2pdma.h, whose place this takes: what the files that are compiled here use */
#define _P2PMEM_P2PDMA_H
#include "../../../drivers/pci/p2pdma/parse.h"

#define P2PMEM_POLICY_MAX	64

struct p2pmem_chain;
struct p2pmem_host;
struct workqueue_struct;
struct p2pmem_region {
	struct list_head node;
	enum pci_p2pmem_kind kind;
	int bar;
	u64 offset;
	phys_addr_t phys;
	size_t size;
	u64 bus_offset;
};

struct p2pmem_provider {
	struct pci_dev *pdev;
	struct list_head regions;
	u64 bus_end;
	u64 phys_end;
};

/* What they have for each other. As of a system: of most there is no type here. */
enum p2pmem_state;
enum p2pmem_forget;
#include <floors.h>
bool p2pmem_is_client(struct device *dev);

/* What suites put in the place of the machine's, the command does */
void command_p2pmem_cpu_id(struct p2pmem_entry *cpu);
bool command_p2pmem_in_guest(void);
bool command_p2pmem_client_translates(struct device *client);
bool command_p2pmem_guest_encrypted(void);

#endif /* _P2PMEM_KERNEL_H */
