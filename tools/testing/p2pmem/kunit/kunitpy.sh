#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# kunitpy.sh BUILD NAME KUNITCONFIG [ARGUMENT...]: the kernel's own kunit.py on the grafted source
#
# KUNITCONFIG is relative to the source. Objects and the log of the run (test.log) stay in
# BUILD/kernels/KVER/NAME, so that a second run takes seconds. Arguments go to "kunit.py run".
#
# The last lines are kunit.py's, and so is the exit status.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
[ $# -ge 3 ] || { echo "usage: $0 BUILD NAME KUNITCONFIG [ARGUMENT...]" >&2; exit 2; }
build=$(cd "$1" && pwd)
src=$("$here/../kernels/source.sh" "$build")
out=${src%/source}/$2
config=$3
shift 3
mkdir -p "$out"
exec 9>"$out.lock"
flock 9

# nothing is written to the source, and no make above this one has a say
unset MAKEFLAGS MFLAGS MAKELEVEL
export PYTHONDONTWRITEBYTECODE=1
cd "$src"
exec python3 tools/testing/kunit/kunit.py run --kunitconfig="$config" --build_dir="$out" --jobs="$(nproc)" "$@"
