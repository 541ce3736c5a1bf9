/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * DOC: shared by the suites about providers
 *
 * Peer memory that is freed when the test ends, concurrent tasks, a task with a fatal
 * signal, and the accounting of a provider. Waits have time limits, after which the
 * test fails.
 */
#ifndef _P2PMEM_TESTS_LENDKIT_H
#define _P2PMEM_TESTS_LENDKIT_H

#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/iopoll.h>
#include <linux/notifier.h>

#include "../p2pdma.h"
#include "fabric.h"
#include "kit.h"

/**
 * struct lend_hold - memory in use
 * @pdev: provider
 * @addr: kernel address
 * @size: bytes
 */
struct lend_hold {
	struct pci_dev *pdev;
	void *addr;
	size_t size;
};

/* Allocates memory; lend_free() or the end of the test frees it */
struct lend_hold *lend_alloc(struct kunit *test, struct pci_dev *pdev, size_t size);
void lend_free(struct kunit *test, struct lend_hold *hold);
/* Take a reference on one of its pages, and drop it by put_page(), at the latest at the end */
struct page *lend_ref(struct kunit *test, struct lend_hold *hold, size_t at);
void lend_unref(struct kunit *test, struct page *page);

/* Bytes in use of a provider's pool, and its size in bytes */
size_t lend_used(struct pci_dev *pdev);
size_t lend_size(struct pci_dev *pdev);
/* Whether a provider is removed completely: no entry, no group in sysfs */
bool lend_is_removed(struct pci_dev *pdev);
bool lend_has_group(struct pci_dev *pdev);
/* Reads a number from a file of the group; -1 without such a file */
long lend_sysfs(struct pci_dev *pdev, const char *file);
/* Writes to it with the attribute of @whose; returns the result of store() */
int lend_sysfs_write(struct pci_dev *pdev, struct pci_dev *whose, const char *file,
		     const char *text);
/*
 * Access to peer memory by the CPU, for tests only: fill it with a byte, and count the
 * words with other contents. Skips the test if no RAM is behind the BARs.
 */
void lend_fill(struct kunit *test, void *addr, size_t size, u8 byte);
size_t lend_differing(void *addr, size_t size, u8 byte);

/**
 * struct lend_task - a concurrent task
 * @fn: its function
 * @arg: argument of @fn
 * @task: the task
 * @over: @fn has returned
 */
struct lend_task {
	void (*fn)(void *arg);
	void *arg;
	struct task_struct *task;
	struct completion over;
};

struct lend_task *lend_start(struct kunit *test, void (*fn)(void *arg), void *arg);
bool lend_is_over(struct lend_task *t);
void lend_join(struct kunit *test, struct lend_task *t);

/* pci_p2pmem_revoke() for lend_start() */
void lend_revoke(void *pdev);

/* Between the two calls this task has a fatal signal, so killable waits return at once */
void lend_die(void);
void lend_live(void);

/* Counts calls of a notifier until the test ends */
struct lend_events {
	struct notifier_block nb;
	atomic_t providers;
	atomic_t clients;
	atomic_t policies;
	void *last;
};

struct lend_events *lend_listen(struct kunit *test);

/* Waits for @cond and returns whether it became true */
#define LEND_SECONDS	20
#define lend_wait(cond)								\
	({									\
		bool _came;							\
										\
		!read_poll_timeout((bool), _came, _came, 1000,			\
				   LEND_SECONDS * USEC_PER_SEC, false, cond);	\
	})

#endif /* _P2PMEM_TESTS_LENDKIT_H */
