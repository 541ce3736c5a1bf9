#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Fuzzes what the command p2pmem reads: snapshots, and configuration space (fuzz.c), by libFuzzer
# under the address and undefined behaviour sanitizers. Prints TAP.
#
# fuzz.sh BUILD_DIR [SECONDS]		60 seconds if not said
#
# What was found worth keeping is in BUILD_DIR/corpus, and the next run starts with it. An input that
# shows an error is kept in BUILD_DIR/crashes and is tried again by every run. Besides, from the
# machines of machines/, the fuzzer must find each of the faults in faults/, of which the second line says what
# file it is for.
#
# Exit status: 0 all passed, 1 a test failed or the build did, 2 wrong call.
set -eu

min_runs=1000		# a run with fewer has not fuzzed
fault_seconds=60

if [ $# -lt 1 ] || [ $# -gt 2 ] || [ -z "$1" ]; then
	echo "usage: $0 BUILD_DIR [SECONDS]" >&2
	exit 2
fi
seconds=${2:-60}
case $seconds in
"" | *[!0-9]* | 0) echo "fuzz.sh: SECONDS=$seconds is no number of seconds" >&2; exit 2 ;;
esac

here=$(cd "$(dirname "$0")" && pwd)
command=$(cd "$here/../../../../pci/p2pmem" && pwd)
mkdir -p "$1"
build=$(cd "$1" && pwd)
san="-fsanitize=address,undefined -fno-sanitize-recover=all"
common="-seed=${SEED:-1} -max_len=65536 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -close_fd_mask=3"
n=0 failed=0
shown_by="timeout-*"	# the reader may also hang

# shellcheck source=tools/testing/p2pmem/tests/fuzz/lib.sh
. "$here/../fuzz/lib.sh"

# link DIRECTORY OBJECT...: the fuzzer there
link()
{
	dir=$1
	shift
	# shellcheck disable=SC2086	# one word an option
	${CLANG:-clang} -O1 -g -D_GNU_SOURCE $san -fsanitize=fuzzer -I "$build/objects/include" -o "$dir/fuzz" \
		"$here/fuzz.c" "$@" -lpci -ljson-c
}

build_all()
{
	make -s -C "$command" O="$build/objects" CC="${CLANG:-clang}" strict=-w \
		CFLAGS="-O1 -g $san -fsanitize=fuzzer-no-link" objects || return 1
	objects=$(find "$build/objects" -name '*.o' ! -name main.o | sort)
	# shellcheck disable=SC2086
	link "$build" $objects || return 1
	for fault in "$here"/faults/*.sed; do
		name=$(basename "$fault" .sed)
		source=$(sed -n '2s/^# //p' "$fault")
		mkdir -p "$build/fault-$name"
		sed -f "$fault" "$command/$source" >"$build/fault-$name/$source"
		! cmp -s "$build/fault-$name/$source" "$command/$source" || { echo "$fault: changes nothing any more"; return 1; }
		# shellcheck disable=SC2086
		${CLANG:-clang} -std=gnu11 -O1 -g -w -D_GNU_SOURCE $san -fsanitize=fuzzer-no-link -I "$build/objects/include" \
			-I "$command" -c -o "$build/fault-$name/fault.o" "$build/fault-$name/$source" || return 1
		# shellcheck disable=SC2046	# one word a file
		link "$build/fault-$name" $(echo "$objects" | grep -v "/own/${source%.c}\.o$") "$build/fault-$name/fault.o" || return 1
	done
}

if ! build_all >"$build/build.log" 2>&1; then
	sed 's/^/# /' "$build/build.log"
	echo "Bail out! the fuzzing target does not build"
	exit 1
fi
echo "TAP version 13"
mkdir -p "$build/corpus" "$build/crashes"
rm -rf "$build/seeds"
python3 -B "$here/seeds.py" "$build/seeds"

fuzz "$seconds" $min_runs "$build/corpus" "$build/seeds" "$build/crashes"
for file in "$here"/faults/*.sed; do
	name=$(basename "$file" .sed)
	find_fault "$name" $fault_seconds -timeout=2 "$build/fault-$name/found" "$build/seeds"
done
echo "1..$n"
[ $failed = 0 ]
