/* SPDX-License-Identifier: GPL-2.0-only */
/* Before it had a header of its own */
#include <linux/string_helpers.h>
