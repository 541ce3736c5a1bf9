#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# check-full.sh: "make check-full": tests/list and tests/list-full, and every guest's test once
# more on the debug kernel. A run that was stopped goes on where it was; FRESH=1 begins anew (KEEP in
# run-tests.sh). Ends as run-tests.sh does.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
export LIST="$here/tests/list $here/tests/list-full" AGAIN=debug COVERAGE=1 KEEP=check-full
exec "$here/run-tests.sh"
