# SPDX-License-Identifier: GPL-2.0-only
#
# For tests by libFuzzer: TAP, a run of the fuzzer, and the proof that it finds a fault. The caller
# sets build (its directory, with the program "fuzz"), common (options) and starts at n=0 failed=0.

# shellcheck shell=sh disable=SC2154

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

# executions LOG: prints the number of executions
executions()
{
	sed -n 's/^stat::number_of_executed_units: //p' "$1" | tail -n 1
}

# prints the end of a log, without progress lines
tail_of()
{
	grep -v -E '^#[0-9]+[[:space:]]' "$1" | tail -n 40 | sed 's/^/# /'
}

# fuzz SECONDS MIN_RUNS DIRECTORY...: starts with the inputs of these; fails after fewer runs
fuzz()
{
	fuzz_seconds=$1 fuzz_min=$2
	shift 2
	log=$build/fuzz.log
	status=0
	# shellcheck disable=SC2086	# one word an option
	timeout -k 10 $((fuzz_seconds + 120)) "$build/fuzz" $common -max_total_time="$fuzz_seconds" \
		-artifact_prefix="$build/crashes/" "$@" >"$log" 2>&1 || status=$?
	runs=$(executions "$log")
	if [ $status != 0 ]; then
		tail_of "$log"
		found=$(sed -n "s,.*Test unit written to ,,p" "$log" | tail -n 1)
		[ -z "$found" ] || echo "# again: $build/fuzz $found"
		result 1 "$fuzz_seconds s of fuzzing: ${runs:-no} executions, status $status${found:+, $found}"
	elif [ "${runs:-0}" -lt "$fuzz_min" ]; then
		result 1 "$fuzz_seconds s of fuzzing: only ${runs:-0} executions, expected $fuzz_min"
	else
		result 0 "$fuzz_seconds s of fuzzing: $runs executions, 0 crashes"
	fi
}

# find_fault NAME SECONDS [ARGUMENT...]: the fuzzer in $build/fault-NAME, which has that fault, finds
# it, and the input that shows it passes without the fault. Inputs that show it are named crash-*,
# or as the pattern $shown_by says
find_fault()
{
	fault=$1 fuzz_seconds=$2
	shift 2
	dir=$build/fault-$fault
	rm -rf "$dir/found"
	mkdir "$dir/found"
	begin=$(date +%s)
	status=0
	# shellcheck disable=SC2086	# one word an option
	timeout -k 10 $((fuzz_seconds + 60)) "$dir/fuzz" $common -max_total_time="$fuzz_seconds" \
		-artifact_prefix="$dir/found/" "$@" >"$dir/fuzz.log" 2>&1 || status=$?
	took=$(($(date +%s) - begin))
	input=$(find "$dir/found" -name 'crash-*' -o -name "${shown_by:-crash-*}" | head -n 1)
	if [ $status = 0 ] || [ -z "$input" ]; then
		tail_of "$dir/fuzz.log"
		result 1 "fault $fault: not found in $took s (status $status)"
	elif ! "$build/fuzz" "$input" >"$dir/true.log" 2>&1; then
		tail_of "$dir/true.log"
		echo "# again: $build/fuzz $input"
		result 1 "fault $fault: its input fails without the fault, too"
	else
		result 0 "fault $fault: found in $took s, $(executions "$dir/fuzz.log") executions"
	fi
}
