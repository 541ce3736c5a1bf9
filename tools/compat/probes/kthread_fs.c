// SPDX-License-Identifier: GPL-2.0-only
/*
 * Needs: threads of the kernel that see the file systems of user space
 * Since: 2.6, until 7.2
 * Instead: rewrite/kthread_fs.sed opens what suites name by a path as the first process sees it.
 * Tree: include/linux/fs_struct.h !define scoped_with_init_fs
 * Remedy: None is needed.
 */

#include <linux/fs_struct.h>

#ifdef scoped_with_init_fs
#error "such a thread has an empty one"
#endif
