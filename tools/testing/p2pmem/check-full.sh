#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# check-full.sh: "make check-full": run tests/list and tests/list-full, and all tests of guests a
# second time on the debug kernel. A stopped run continues; FRESH=1 starts over (KEEP in
# run-tests.sh). The last lines and the exit status are those of run-tests.sh.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
export LIST="$here/tests/list $here/tests/list-full" AGAIN=debug COVERAGE=1 KEEP=check-full
exec "$here/run-tests.sh"
