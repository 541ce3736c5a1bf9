#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# fast.sh BUILD [ARGUMENT...]: "make kunit-fast": the suites of what needs no PCI device, under UML
#
# The kernel's own kunit.py builds a kernel that is a program, from the grafted source, and runs
# it; the options are in drivers/pci/p2pdma/tests/uml.kunitconfig. Objects stay in
# BUILD/kernels/KVER/uml, so that a second run takes seconds. Arguments go to "kunit.py run":
# 'p2pmem-parse*' chooses suites, --raw_output shows the log.
#
# The last lines are kunit.py's, and so is the exit status.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
[ $# -ge 1 ] || { echo "usage: $0 BUILD [ARGUMENT...]" >&2; exit 2; }
build=$(cd "$1" && pwd)
shift
src=$("$here/../kernels/source.sh" "$build")
out=${src%/source}/uml
mkdir -p "$out"
exec 9>"$out.lock"
flock 9

# nothing is written to the source, and no make above this one has a say
unset MAKEFLAGS MFLAGS MAKELEVEL
export PYTHONDONTWRITEBYTECODE=1
cd "$src"
exec python3 tools/testing/kunit/kunit.py run --kunitconfig=drivers/pci/p2pdma/tests/uml.kunitconfig \
	--build_dir="$out" --jobs="$(nproc)" --timeout=300 "$@"
