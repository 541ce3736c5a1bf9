#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Fuzzes drivers/pci/p2pdma/topology.c in user space: libFuzzer, the address and undefined
# behaviour sanitizers, and the oracle of ../topology. Prints TAP.
#
# run.sh BUILD_DIR [SECONDS]		default 60
#
# SEED=N in the environment changes the run. The fuzzer keeps interesting inputs in
# BUILD_DIR/corpus, and the next run starts with them. An input that fails is kept in
# BUILD_DIR/crashes and repeated by every run; the script prints the command to repeat it.
#
# In addition, the inputs must reach nearly all lines of topology.c (gcov), and the fuzzer must
# find each of the faults in faults/ without a corpus.
#
# Exit status: 0 all passed, 1 a test or the build failed, 2 usage error.
set -eu

min_runs=10000		# fewer runs are a failure
min_lines=95		# percent of topology.c
fault_seconds=120	# a fault is found in less than 10, on an idle machine

if [ $# -lt 1 ] || [ $# -gt 2 ] || [ -z "$1" ]; then
	echo "usage: $0 BUILD_DIR [SECONDS]" >&2
	exit 2
fi
seconds=${2:-60}
case $seconds in
"" | *[!0-9]* | 0) echo "run.sh: invalid SECONDS=$seconds, expected a number of seconds" >&2; exit 2 ;;
esac

here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
build=$(cd "$1" && pwd)
seed=${SEED:-1}
n=0 failed=0
common="-seed=$seed -max_len=1024 -timeout=10 -print_final_stats=1"

# shellcheck source=tools/testing/p2pmem/tests/fuzz/lib.sh
. "$here/lib.sh"

if ! make -s -f "$here/Makefile" O="$build" >"$build/build.log" 2>&1; then
	sed 's/^/# /' "$build/build.log"
	echo "Bail out! the fuzzing target does not build"
	exit 1
fi
echo "TAP version 13"
set --
for fault in "$here"/faults/*.sed; do
	set -- "$@" "$(basename "$fault" .sed)"
done
echo "1..$((3 + $#))"

mkdir -p "$build/corpus" "$build/crashes"
rm -rf "$build/seeds.d"
mkdir "$build/seeds.d"
status=0
"$build/seeds" "$build/seeds.d" >"$build/seeds.log" 2>&1 || status=$?
[ $status = 0 ] || sed 's/^/# /' "$build/seeds.log"
result $status "seeds: $(tail -n 1 "$build/seeds.log")"

# a single process, because the machine may have a single CPU
fuzz "$seconds" $min_runs "$build/corpus" "$build/seeds.d" "$build/crashes"

# measure the coverage of the corpus with gcov
rm -f "$build"/plain/*.gcda
lines='' status=0
"$build/replay" "$build/seeds.d" "$build/corpus" >"$build/replay.log" 2>&1 || status=$?
if [ $status = 0 ]; then
	(cd "$build/plain" && gcov covered.o) >"$build/gcov.log" 2>&1 || :
	lines=$(awk '/^File .*\/topology\.c/ { here = 1 }
		here && /^Lines executed:/ { sub(/.*executed:/, ""); print; exit }' "$build/gcov.log")
fi
percent=${lines%%\%*}
inputs=$(sed -n 's/ inputs$//p' "$build/replay.log")
if [ -z "$lines" ]; then
	tail -n 20 "$build/replay.log" | sed 's/^/# /'
	result 1 "coverage: none (status $status)"
else
	status=0
	awk -v have="$percent" -v want=$min_lines 'BEGIN { exit have + 0 < want }' || status=1
	[ $status = 0 ] || grep '#####:' "$build/plain/topology.c.gcov" | sed 's/^/# /'
	result $status "coverage: $inputs inputs reach $lines lines of topology.c (wanted: $min_lines%)"
fi

# Prove that the fuzzer finds faults without a corpus, and that the input which shows a fault passes
# without the fault.
for fault; do
	find_fault "$fault" $fault_seconds
done

[ $failed = 0 ]
