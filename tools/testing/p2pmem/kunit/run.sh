#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# run.sh: "make kunit": run the suites on the debug kernel, then report coverage of the core
#
# Variables are those of run-tests.sh. TESTS="kunit-path" runs these only, without coverage.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../../../.." && pwd)
build=$(cd "${BUILD:-$top/build}" && pwd)

if [ -n "${TESTS:-}" ]; then
	exec "$here/../run-tests.sh"
fi
COVERAGE=1 TESTS='kunit-*' "$here/../run-tests.sh"
BUILD=$build "$here/coverage.sh"
