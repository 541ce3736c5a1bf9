#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# kunitpy.sh BUILD NAME KUNITCONFIG [ARGUMENT...]: run the kernel's kunit.py on the grafted source
#
# KUNITCONFIG is relative to the source. Objects and the log of the run (test.log) stay in
# BUILD/kernels/KVER/NAME, so that a second run takes seconds. Arguments go to "kunit.py run".
#
# The last lines and the exit status are those of kunit.py.

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

# write nothing to the source, and ignore the settings of a calling make
unset MAKEFLAGS MFLAGS MAKELEVEL
export PYTHONDONTWRITEBYTECODE=1
cd "$src"
exec python3 tools/testing/kunit/kunit.py run --kunitconfig="$config" --build_dir="$out" --jobs="$(nproc)" "$@"
