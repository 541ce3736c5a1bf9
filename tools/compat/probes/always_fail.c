// SPDX-License-Identifier: GPL-2.0-only
/*
 * Needs: nothing: this must not compile
 * Since: never
 * Remedy: None.
 */

#error "as it must"
