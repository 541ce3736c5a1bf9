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

result() # STATUS TEXT
{
	n=$((n + 1))
	if [ "$1" = 0 ]; then
		echo "ok $n - $2"
	else
		failed=$((failed + 1))
		echo "not ok $n - $2"
	fi
}

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

tail_of()
{
	grep -v -E '^#[0-9]+[[:space:]]' "$1" | tail -n 40 | sed 's/^/# /'
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

log=$build/fuzz.log
status=0
# shellcheck disable=SC2086
timeout -k 10 $((seconds + 120)) "$build/fuzz" $common -max_total_time="$seconds" \
	-artifact_prefix="$build/crashes/" "$build/corpus" "$build/seeds" "$build/crashes" >"$log" 2>&1 || status=$?
runs=$(sed -n 's/^stat::number_of_executed_units: //p' "$log" | tail -n 1)
found=$(sed -n "s,.*Test unit written to ,,p" "$log" | tail -n 1)
if [ $status != 0 ]; then
	tail_of "$log"
	[ -z "$found" ] || echo "# again: $build/fuzz $found"
	result 1 "$seconds s of fuzzing: ${runs:-no} executions, status $status${found:+, $found}"
elif [ "${runs:-0}" -lt $min_runs ]; then
	result 1 "$seconds s of fuzzing: only ${runs:-0} executions, expected $min_runs"
else
	result 0 "$seconds s of fuzzing: $runs executions, 0 crashes"
fi

for fault in "$here"/faults/*.sed; do
	name=$(basename "$fault" .sed)
	dir=$build/fault-$name
	rm -rf "$dir/found"
	mkdir "$dir/found"
	begin=$(date +%s)
	status=0
	# shellcheck disable=SC2086
	timeout -k 10 $((fault_seconds + 60)) "$dir/fuzz" $common -max_total_time=$fault_seconds \
		-artifact_prefix="$dir/found/" -timeout=2 "$dir/found" "$build/seeds" >"$dir/fuzz.log" 2>&1 || status=$?
	took=$(($(date +%s) - begin))
	input=$(find "$dir/found" -name 'crash-*' -o -name 'timeout-*' | head -n 1)
	if [ $status = 0 ] || [ -z "$input" ]; then
		tail_of "$dir/fuzz.log"
		result 1 "fault $name: not found in $took s (status $status)"
	elif ! "$build/fuzz" "$input" >"$dir/true.log" 2>&1; then
		tail_of "$dir/true.log"
		result 1 "fault $name: the input that found it fails without it, too"
	else
		result 0 "fault $name: found in $took s"
	fi
done
echo "1..$n"
[ $failed = 0 ]
