/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DOC: one model of a machine, as far as peer-to-peer is concerned
 *
 * Readers fill it from a tree (tree.h), commands read it. What could not be read is NULL, 0 or
 * -1, as said; why it could not is in &machine.missing where it matters.
 */
#ifndef _P2PMEM_MACHINE_H
#define _P2PMEM_MACHINE_H

#include "tree.h"

#define NR_BARS		6

enum kernel_kind {
	KERNEL_UNKNOWN,
	KERNEL_P2PMEM,		/* the module p2pdma is loaded */
	KERNEL_UPSTREAM,	/* CONFIG_PCI_P2PDMA=y */
	KERNEL_NEITHER,
};

enum role {
	ROLE_OTHER,
	ROLE_BRIDGE,
	ROLE_DRIVE,
	ROLE_RDMA,
	ROLE_NET,
	ROLE_GPU,
	ROLE_ACCELERATOR,
	ROLE_MEMORY,
	ROLE_STORAGE,
};

enum translation {
	TRANSLATION_UNKNOWN,
	TRANSLATION_NONE,	/* no IOMMU, or an identity domain */
	TRANSLATION_DMA,	/* an I/O virtual address for each mapping */
	TRANSLATION_USER,	/* VFIO or iommufd has the domain */
};

struct function;

/**
 * struct names - names of one kind that a function has
 * @nr: how many
 * @room: of @name
 * @name: they
 */
struct names {
	unsigned int nr, room;
	char **name;
};

/**
 * struct pcie_link - a PCIe link, by its registers
 * @speed: 1 for 2.5 GT/s up to 6 for 64 GT/s; 0 when it is down or not known
 * @width: lanes
 */
struct pcie_link {
	unsigned int speed;
	unsigned int width;
};

struct bar {
	uint64_t start;
	uint64_t size;		/* 0: there is none */
	uint64_t unset;		/* bytes of one that has no address; its @size is 0 */
	uint64_t bus;		/* what the register says, CPU address otherwise */
	bool memory;
	bool prefetch;
};

/**
 * struct region - a range that a provider lends
 * @bar: of this BAR
 * @offset: bytes into it
 * @size: bytes
 * @kind: "pool", "driver", "registers"
 */
struct region {
	int bar;
	uint64_t offset;
	uint64_t size;
	const char *kind;
};

/**
 * struct provider - what a function lends
 * @function: whose
 * @size: bytes of the pool
 * @available: bytes of it that are free
 * @published: offered to all
 * @upstream: the kernel's own P2PDMA made it
 * @state: "live", ...; NULL when it could not be read
 * @quota: bytes of each client, 0 for none
 * @regions: how many
 * @room: of @region
 * @region: they; guessed when @exact is false
 * @exact: @region is the kernel's word
 */
struct provider {
	struct function *function;
	uint64_t size;
	uint64_t available;
	bool published;
	bool upstream;
	const char *state;
	uint64_t quota;
	unsigned int regions, room;
	struct region *region;
	bool exact;
};

/**
 * struct root_bus - the bus below a host bridge
 * @domain: of PCI
 * @bus: its number
 * @node: NUMA node, -1 for not known
 * @first: the function on it with the lowest number
 */
struct root_bus {
	uint32_t domain;
	uint8_t bus;
	int node;
	struct function *first;
};

/**
 * struct function - a PCI function
 * @name: its address, as the kernel writes it
 * @domain: of the address
 * @bus: of the address
 * @device: of the address
 * @number: of the function in its device
 * @index: among all functions
 * @vendor: PCI vendor id
 * @id: PCI device id
 * @class: class code, with programming interface
 * @up: the bridge above, NULL on a root bus
 * @physfn: the physical function of a virtual one
 * @root: the root bus at the top
 * @config: configuration space, 4096 bytes, of which those are 0 that were not read
 * @config_len: how much of it can be read; 64 without root, 0 when nothing could be
 * @whole: all that is looked at could be read
 * @silent: it does not answer: its configuration space reads all ones
 * @bridge: it is one
 * @multifunction: as the kernel sees it
 * @pcie_cap: offset of the PCI Express capability, 0 for none
 * @acs_cap: offset of the Access Control Services capability, 0 for none
 * @pcie_type: PCI_EXP_TYPE_*, -1 when it is no PCIe function, or not known
 * @acs_ctrl: control word of @acs_cap
 * @link: as it is
 * @max_link: as it could be
 * @mps: Max_Payload_Size as it is set, 0 without the capability
 * @mps_max: what it could be
 * @mrrs: Max_Read_Request_Size
 * @bar: its BARs
 * @node: NUMA node, -1 for not known
 * @group: number of its IOMMU group, -1 for none
 * @translation: what becomes of its DMA addresses
 * @dma_bits: of the DMA mask, 0 when not known
 * @removable: in an external slot
 * @driver: that is bound, NULL for none
 * @role: what it is for
 * @nvme: its NVMe controllers
 * @blocks: its block devices
 * @rdma: its RDMA devices
 * @nets: its network interfaces
 * @cmb_known: the next two could be read
 * @cmbloc: register CMBLOC of an NVMe drive
 * @cmbsz: register CMBSZ
 * @provider: what it lends, NULL for nothing
 * @could_lend: it has memory that a driver could lend
 * @abandoned: memory that it lent was in use when its driver was unbound: none until reboot
 * @identity: another one once another device is at this address
 * @peak: most bytes that are known to have been in use at once; p2pmem stat's
 */
struct function {
	char name[20];		/* a domain has up to eight digits */
	uint32_t domain;
	uint8_t bus, device, number;
	unsigned int index;
	uint16_t vendor, id;
	uint32_t class;
	struct function *up;
	struct function *physfn;
	struct root_bus *root;
	unsigned char *config;
	unsigned int config_len;
	bool whole;
	bool silent;
	bool bridge;
	bool multifunction;
	int pcie_cap;
	int acs_cap;
	int pcie_type;
	uint16_t acs_ctrl;
	struct pcie_link link, max_link;
	unsigned int mps, mps_max, mrrs;
	struct bar bar[NR_BARS];
	int node;
	int group;
	enum translation translation;
	unsigned int dma_bits;
	bool removable;
	const char *driver;
	enum role role;
	struct names nvme, blocks, rdma, nets;
	bool cmb_known;
	uint32_t cmbloc, cmbsz;
	struct provider *provider;
	bool could_lend;
	bool abandoned;
	uint64_t identity;
	uint64_t peak;
};

/* What the kernel says of a pair: columns of debugfs */
struct kernel_pair {
	struct function *provider;
	const char *client;
	struct function *function;
	const char *reason, *mapping, *at, *proof;
	int distance;
	bool by_admin;
	bool counted;
	uint64_t maps, unmaps, bytes, in_use, peak;
	const char *failures;
};

/* A controller that uses a namespace, as p2pmem_stats/provider says */
struct use {
	const char *controller, *provider, *reason, *proof;
	bool by_admin;
};

struct counter {
	const char *name;
	uint64_t value;
};

/* Names and values are what configfs has, byte by byte */
struct nvmet_namespace {
	const char *subsystem, *nsid, *device;
	bool enabled;
	bool attributes;	/* this kernel has those of p2pmem */
	const char *p2pmem, *prefer, *verify;
	bool counted;
	uint64_t peer, system, inlined, fallbacks;
	unsigned int nr_reasons, room_reasons;
	struct counter *reason;
	unsigned int nr_uses, room_uses;
	struct use *use;
};

#define MISSING_NAMESPACES	"namespaces of the NVMe target"

/* Something that could not be read */
struct missing {
	const char *what;	/* what it would have shown */
	const char *path;
	int error;
};

/* A file that is there and says nothing that can be */
struct broken {
	const char *path;
	const char *what;
};

/*
 * The model. Memory is allocated from @arena; what does not change is in @fixed after the first
 * machine_refresh().
 */
struct machine {
	struct arena *arena;
	struct arena *fixed;
	struct tree *tree;
	uint64_t inventory;	/* what read_inventory() said before it was read; stat's */
	int pci_error;		/* why no function could be read, 0 when they could */
	unsigned int nr, room;
	struct function **function;
	unsigned int nr_roots, room_roots;
	struct root_bus **root;
	unsigned int nr_providers, room_providers;
	struct provider **provider;
	unsigned int nr_pairs, room_pairs;
	struct kernel_pair *pair;
	unsigned int nr_namespaces, room_namespaces;
	struct nvmet_namespace *ns;
	unsigned int nr_missing, room_missing;
	struct missing *missing;
	unsigned int nr_broken, room_broken;
	struct broken *broken;
	/* the same of what machine_refresh() does not read again */
	unsigned int kept_missing, kept_broken;
	struct missing *missing_kept;
	struct broken *broken_kept;

	enum kernel_kind kernel;
	const char *release;
	const char *cmdline;
	const char *cpu_vendor;
	unsigned int cpu_family, cpu_model;
	bool in_guest;
	bool encrypted;
	const char *host_bridges;	/* parameter of p2pdma, NULL when it is not loaded */
	bool pairs_known;		/* debugfs could be read */
	bool nvmet;			/* the target is loaded */
	struct names holders;		/* modules that use p2pdma */
	bool holders_known;		/* false where p2pdma is built in */
	struct names loaded;		/* of those that matter */
	struct names installed;		/* kernels with modules of p2pmem */
	int use_cmb_sqes;		/* parameter of nvme; -1 not known */
	int multipath;
};

struct machine *machine_read(struct tree *t);
/*
 * Counters again: providers, pairs, namespaces. Memory that was allocated since the last
 * time is freed: a watch may run for weeks.
 */
void machine_refresh(struct machine *m);
/* Another number once devices came, went or were replaced: machine_read() is needed */
uint64_t read_inventory(struct tree *t);
void machine_free(struct machine *m);

void machine_missing(struct machine *m, const char *path, int error, const char *what);
void machine_broken(struct machine *m, const char *path, const char *what);
/* Orders the addresses of functions as numbers, the domain first; as strcmp() */
int name_order(const char *a, const char *b);
struct function *machine_at(const struct machine *m, const char *name);

/* Whether the kernel was booted with an option of pci=, "pci=realloc" for example */
bool machine_booted_with(const struct machine *m, const char *option);
bool names_have(const struct names *n, const char *name);
void names_add(struct machine *m, struct names *n, const char *name);
/* Whether memory can be lent or may be used by DMA at all: no bridge */
bool function_is_end(const struct function *f);
bool function_is_client(const struct function *f);
const char *role_name(enum role role);
/* The name that people know it by: nvme0, mlx5_0, eth0; its address otherwise */
const char *function_alias(const struct function *f);
struct bar *function_memory_bar(struct function *f, int *number);
/* True if the largest memory BAR, @number, has no address, and nothing else is lent */
bool function_lacks_address(struct function *f, int *number);
/* By CMBLOC and CMBSZ; false when there is no controller memory buffer, or it is not known */
bool function_cmb(const struct function *f, int *bar, uint64_t *offset, uint64_t *size);

/* config.c: what registers say */
struct registers;
struct registers *registers_open(bool names);
void registers_close(struct registers *r);
void registers_decode(struct registers *r, struct function *f);
const char *registers_name(struct registers *r, const struct function *f, char *buf, size_t len);
const char *link_speed(unsigned int speed);

/* The parts of machine_read() */
void read_functions(struct machine *m);
void read_names(struct machine *m);
void read_host(struct machine *m);
void read_lent(struct machine *m);
void read_kernel(struct machine *m);
void read_nvmet(struct machine *m);
/* What changes of a namespace; false when it is gone */
bool read_namespace_again(struct machine *m, struct nvmet_namespace *ns);
/* A file of one line; false when it is not there */
bool read_line(struct machine *m, const struct place *at, const char *path, char *buf, size_t len);
bool read_number(struct machine *m, const struct place *at, const char *path, int base,
		 uint64_t max, uint64_t *value);

#endif /* _P2PMEM_MACHINE_H */
