/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * DOC: what the suites on lending have in common
 *
 * Peer memory that goes back when the test ends, tasks beside the test, a task that
 * is being killed, and the books of a provider. Waits are bounded: a test that waits
 * in vain fails.
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
 * @pdev: whose it is
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
/* A reference on one more page of it, dropped by put_page() when the test ends or by this */
struct page *lend_ref(struct kunit *test, struct lend_hold *hold, size_t at);
void lend_unref(struct kunit *test, struct page *page);

/* Bytes in use of a provider's pool, and its size in bytes */
size_t lend_used(struct pci_dev *pdev);
size_t lend_size(struct pci_dev *pdev);
/* Whether nothing is left of a provider: no entry, no group in sysfs */
bool lend_is_removed(struct pci_dev *pdev);
bool lend_has_group(struct pci_dev *pdev);
/* What a file of the group says, as a number; -1 without such a file */
long lend_sysfs(struct pci_dev *pdev, const char *file);
/* Writes to it, as if the file that @whose has were the function's; what store() returns */
int lend_sysfs_write(struct pci_dev *pdev, struct pci_dev *whose, const char *file,
		     const char *text);
/*
 * The CPU in peer memory, which nobody but these tests needs: fills it with a byte, and
 * counts the words that are not made of it. Skips where no RAM is behind the BARs.
 */
void lend_fill(struct kunit *test, void *addr, size_t size, u8 byte);
size_t lend_differing(void *addr, size_t size, u8 byte);

/**
 * struct lend_task - something that runs beside the test
 * @fn: what
 * @arg: for @fn
 * @task: the task
 * @over: it has returned
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

/* Between the two this task has been killed: it waits for nothing that can be killed */
void lend_die(void);
void lend_live(void);

/* What came from the notifier, until the test ends */
struct lend_events {
	struct notifier_block nb;
	atomic_t providers;
	atomic_t clients;
	atomic_t policies;
	void *last;
};

struct lend_events *lend_listen(struct kunit *test);

/* Waits for @cond and says whether it came */
#define LEND_SECONDS	20
#define lend_wait(cond)								\
	({									\
		bool _came;							\
										\
		!read_poll_timeout((bool), _came, _came, 1000,			\
				   LEND_SECONDS * USEC_PER_SEC, false, cond);	\
	})

#endif /* _P2PMEM_TESTS_LENDKIT_H */
