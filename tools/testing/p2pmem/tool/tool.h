/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DOC: private header of p2pmem_tool
 *
 * Everything that a command allocates or references is an object with a number.
 * Objects are freed by that number, or all at unload, the newest first.
 */
#ifndef _P2PMEM_TOOL_H
#define _P2PMEM_TOOL_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/pci-p2pmem.h>
#include <linux/scatterlist.h>
#include <linux/workqueue.h>

struct tool_obj;

/**
 * struct tool_type - a kind of object
 * @name: as printed
 * @release: frees the contents of the object; called with tool_lock held
 * @depends_on: whether @o was allocated for @of, which frees it on request ("auto"); or NULL
 */
struct tool_type {
	const char *name;
	void (*release)(struct tool_obj *o);
	bool (*depends_on)(const struct tool_obj *o, const struct tool_obj *of);
};

/**
 * struct tool_obj - an object of a command
 * @node: entry in the list of all, newest first, guarded by tool_lock
 * @id: its number
 * @type: its type
 * @pdev: provider or function, referenced, or NULL
 * @dev: client, referenced, or NULL
 * @addr: memory: kernel address
 * @size: memory: bytes
 * @sg: memory: its list, NULL for a single run; mapping: the mapped list
 * @table: mapping: owns @sg
 * @nents: entries of @sg
 * @dir: mapping: direction
 * @page: held page
 * @region: mapped range
 * @grant: grant, also of memory that was allocated under one
 * @client: registration
 * @mapping: foreign pages
 * @bar: claimed BAR
 * @auto_free: free its memory when a callback requests that
 * @called: a callback ran, see tool_work()
 * @revokes: number of calls of the revoke callback
 * @evicts: number of calls of the evict callback
 */
struct tool_obj {
	struct list_head node;
	int id;
	const struct tool_type *type;
	struct pci_dev *pdev;
	struct device *dev;
	void *addr;
	size_t size;
	struct scatterlist *sg;
	struct sg_table table;
	unsigned int nents;
	enum dma_data_direction dir;
	struct page *page;
	struct pci_p2pmem_mapping_region region;
	struct pci_p2pmem_grant *grant;
	struct pci_p2pmem_client *client;
	void *mapping;
	int bar;
	bool auto_free;
	atomic_t called;
	atomic_t revokes;
	atomic_t evicts;
};

/**
 * struct tool_command - a command
 * @name: its first word
 * @args: its arguments, for error messages
 * @min: minimum number of arguments
 * @max: maximum number of arguments
 * @run: executes it, with the arguments; returns 0 or a negative errno
 * @waits: it may wait for memory, so it runs without tool_lock and prints nothing
 */
struct tool_command {
	const char *name;
	const char *args;
	int min;
	int max;
	int (*run)(int argc, char **argv);
	bool waits;
};

extern const struct tool_command tool_who_commands[];
extern const struct tool_command tool_memory_commands[];
extern const struct tool_command tool_list_commands[];
extern const struct tool_command tool_driver_commands[];
extern const struct tool_command tool_stress_commands[];
extern const struct tool_command tool_speed_commands[];
extern const struct tool_command tool_beside_commands[];

/* obj.c */
extern struct mutex tool_lock;
__printf(1, 2) void tool_print(const char *fmt, ...);
struct tool_obj *tool_obj_make(const struct tool_type *type);
void tool_obj_add(struct tool_obj *o);
void tool_obj_drop(struct tool_obj *o);
struct tool_obj *tool_obj_find(const char *word, const struct tool_type *type);
struct page *tool_obj_page(const struct tool_obj *o);
struct tool_obj *tool_obj_next(struct tool_obj *o);
void tool_obj_free(struct tool_obj *o);
void tool_kick(void);
struct pci_dev *tool_pci(const char *word);
int tool_bytes(const char *word, u64 *bytes);
int tool_direction(const char *word, enum dma_data_direction *dir);
void tool_result_clear(void);
ssize_t tool_result_read(char __user *buf, size_t len, loff_t *ppos);
int tool_obj_init(void);
void tool_obj_free_all(void);
void tool_obj_exit(void);

/* who.c */
extern const struct tool_type tool_client_type;
int tool_who_init(void);
void tool_who_exit(void);
int tool_device(const char *word, struct device **dev);

/* memory.c */
extern const struct tool_type tool_run_type, tool_sgl_type;

/* driver.c */
int tool_driver_init(void);
void tool_driver_exit(void);

#endif /* _P2PMEM_TOOL_H */
