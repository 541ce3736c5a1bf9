#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Tests run-tests.sh itself: its counts, last line and exit status, for tests that pass, fail,
# skip, bail out or print nothing. Prints TAP.
#
# runner.sh BUILD_DIR

set -eu

here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
dir=$(cd "$1" && pwd)
count=0 bad=0
# what selects results of the run that this is a test of
unset FRESH KEEP

# fake NAME TEXT STATUS: a host test
fake()
{
	printf '#!/bin/sh\ncat <<E2\n%s\nE2\nexit %s\n' "$2" "$3" >"$dir/$1.sh"
	chmod +x "$dir/$1.sh"
}

fake good "ok 1 - a
ok 2 - b
1..2" 0
fake wrong "1..3
ok 1 - a
not ok 2 - it is wrong
# three is not four
ok 3 - c" 1
fake status "ok 1 - a
1..1" 3
fake short "1..3
ok 1 - a" 0
fake unplanned "ok 1 - a" 0
fake silent "" 0
fake twice "1..1
ok 1 - a
1..1" 0
fake order "ok 1 - a
ok 1 - once more, and b never
1..2" 0
fake prose "okay, says a program that the test ran
1..1" 0
fake bail "ok 1 - a
Bail out! no more" 1
fake skip "ok 1 - a
ok 2 - b # SKIP there is none
1..2" 0
fake skipsilent "ok 1 - a
ok 2 - b # SKIP
1..2" 0
fake skiponly "ok 1 - b # SKIP there is none
1..1" 0

# ended: whether the run called $name ended with the wanted status and last line
ended()
{
	count=$((count + 1))
	last=$(tail -n 1 "$dir/out")
	if [ "$status" = "$want_status" ] && [ "$last" = "$want_last" ]; then
		echo "ok $count - $name"
	else
		bad=1
		echo "not ok $count - $name: status $status, last line '$last', wanted $want_status, '$want_last'"
		sed 's/^/# /' "$dir/out"
	fi
}

# runs NAME STATUS LAST-LINE FAKE...
runs()
{
	name=$1 want_status=$2 want_last=$3
	shift 3
	for f; do
		echo "$f host $dir/$f.sh"
	done >"$dir/list"
	status=0
	LIST=$dir/list BUILD=$dir/b TESTS=${select:-} "$here/../run-tests.sh" >"$dir/out" 2>&1 || status=$?
	ended
}

runs "all pass" 0 "2 passed, 0 failed" good
runs "one fails" 1 "4 passed, 1 failed" good wrong
runs "all ok, but a bad exit status" 1 "3 passed, 1 failed" good status
runs "fewer than planned" 1 "1 passed, 1 failed" short
runs "no plan" 1 "1 passed, 1 failed" unplanned
runs "silence" 1 "0 passed, 1 failed" silent
runs "two plans" 1 "1 passed, 1 failed" twice
runs "a duplicate number" 1 "2 passed, 1 failed" order
runs "a word that begins like a result" 1 "0 passed, 1 failed" prose
runs "bailing out" 1 "1 passed, 1 failed" bail
runs "a skip with a reason" 0 "1 passed, 0 failed, 1 skipped" skip
runs "a skip without a reason" 1 "1 passed, 1 failed" skipsilent
runs "only a skip" 1 "0 passed, 0 failed, 1 skipped" skiponly
runs "a script that does not exist" 1 "2 passed, 1 failed" good nowhere
select="go*"
runs "only selected tests" 0 "2 passed, 0 failed" good wrong
select="nothing"
runs "an empty selection" 1 "0 passed, 0 failed" good
select=
runs "two tests with one name" 2 "run-tests: $dir/list: two tests are called good" good good
runs "a failure to explain" 1 "2 passed, 1 failed" wrong
count=$((count + 1))
if grep -q 'wrong: *three is not four' "$dir/out"; then
	echo "ok $count - the summary has the message of a failed test"
else
	bad=1
	echo "not ok $count - the summary has no message of a failed test"
fi

# Tests of packages and of install.sh have nothing to test where KDIR= has no image, nor where it is of no package
rm -rf "$dir/none" "$dir/nopackage"
mkdir -p "$dir/none/kernel" "$dir/nopackage/kernel"
printf 'KVER=none\nKDIR=/none\nKSRC=/none\nKIMAGE=\n' >"$dir/none/kernel/env"
printf 'KVER=none\nKDIR=/none\nKSRC=/none\nKIMAGE=/none\n' >"$dir/nopackage/kernel/env"

# lacks NAME WANTED-SKIPS SCRIPT...: each is skipped in $build, with its reason
lacks()
{
	name=$1 want_status=0 want_last="2 passed, 0 failed, $2 skipped" status=0
	shift 2
	{
		echo "good host $dir/good.sh"
		for f; do echo "$f host $here/$f.sh"; done | sed 's,/,-,'
	} >"$dir/list"
	LIST=$dir/list BUILD=$build TESTS='' "$here/../run-tests.sh" >"$dir/out" 2>&1 || status=$?
	ended
}

build=$dir/none
lacks "no image: tests that need one are skipped" 4 deb/run deb/sources install/run install/power
build=$dir/nopackage
lacks "no package of the image: tests of packages are skipped" 2 deb/run deb/sources

# exports NAME WANTED [WORD...]: which of the Makefile's variables of a kernel a test gets from "make WORD..."
exports()
{
	name=$1 wanted=$2
	shift 2
	count=$((count + 1))
	printf 'include Makefile\nexported:\n\t@env | sed -n "s/^\\(KERNEL\\|RELEASE\\|KDIR\\|KSRC\\|KIMAGE\\)=.*/\\1/p" | sort\n' >"$dir/exported.mk"
	got=$(cd "$here/../../../.." && env -u KERNEL -u RELEASE -u KDIR -u KSRC -u KIMAGE -u MAKEFLAGS -u MAKELEVEL \
		"$@" make -s --no-print-directory -f "$dir/exported.mk" exported BUILD="$dir/b" | paste -sd ' ')
	if [ "$got" = "$wanted" ]; then
		echo "ok $count - $name"
	else
		bad=1
		echo "not ok $count - $name: '$got', wanted '$wanted'"
	fi
}

exports "no variable of a kernel is exported empty, or a test's own kernel would be that of all scripts it calls" ""
exports "nor one that is set to nothing" "" KDIR= KERNEL=
exports "those of another kernel are" "KDIR KSRC" KDIR=/a KSRC=/b

# Results kept from a stopped run: "once" writes a line each time that it runs.
printf '#!/bin/sh\necho ran >>%s/ran\nprintf "ok 1 - a\\n1..1\\n"\n' "$dir" >"$dir/once.sh"
chmod +x "$dir/once.sh"
rm -rf "$dir/b/k" "$dir/ran"
mkdir -p "$dir/b/kernel"
echo KVER=one >"$dir/b/kernel/env"

# kept NAME TIMES STATUS LAST-LINE FAKE...: like runs, with KEEP; "once" must have run TIMES times
kept()
{
	times=$2
	name=$1
	shift 2
	KEEP=k
	export KEEP
	runs "$name" "$@"
	unset KEEP
	count=$((count + 1))
	found=$(wc -l <"$dir/ran")
	if [ "$found" -eq "$times" ]; then
		echo "ok $count - ... after $times runs of the passing test"
	else
		bad=1
		echo "not ok $count - ... after $found runs of the passing test, not $times"
	fi
}

kept "with KEEP, the first time" 1 1 "3 passed, 1 failed" once wrong
kept "passed tests are counted and not run again, failed ones are run" 1 1 "3 passed, 1 failed" once wrong
fake wrong "1..1
ok 1 - it is right" 0
kept "until it passes" 1 0 "2 passed, 0 failed" once wrong
echo KVER=two >"$dir/b/kernel/env"
kept "another kernel" 2 0 "2 passed, 0 failed" once wrong
FRESH=1
export FRESH
kept "FRESH=1" 3 0 "2 passed, 0 failed" once wrong
unset FRESH
runs "without KEEP everything runs" 0 "2 passed, 0 failed" once wrong
fake wrong "1..3
ok 1 - a
not ok 2 - it is wrong
# three is not four
ok 3 - c" 1

# A kernel that the archive lacks, or that cannot be reached; it skips the tests of that kernel and no others. All is
# in a copy, where kernels/build.sh is a script.
copy=$dir/copy/tools/testing/p2pmem
rm -rf "$dir/copy" "$dir/b/k" "$dir/ran"
mkdir -p "$copy/kernels" "$copy/tests/guest" "$copy/rig/topologies"
cp "$here/../run-tests.sh" "$copy/"
git init -q "$dir/copy"
: >"$copy/rig/topologies/one.topo"
# what a guest would report
cat >"$copy/rig/vm.py" <<'E2'
import json, os, pathlib
vm = pathlib.Path(os.environ["BUILD"]) / "vm" / os.environ["NAME"]
vm.mkdir(parents=True)
tap = {"passed": 1, "failed": 0, "skipped": 0, "failures": [], "skips": []}
(vm / "report.json").write_text(json.dumps({"tap": tap, "reasons": []}))
E2
printf 'host host %s/once.sh\nguest one a.sh LANE=far\nother one a.sh LANE=near\n' "$dir" >"$dir/list"

# lanes NAME STATUS WANTED-STATUS LAST-LINE: the kernel "far" ends with STATUS
lanes()
{
	name=$1 want_status=$3 want_last=$4 status=0
	# shellcheck disable=SC2016	# the script expands it
	printf '#!/bin/sh\n[ $2 = far ] || exit 0\necho "kernel: fetching"\necho "kernel: far cannot be fetched" >&2\nexit %s\n' \
		"$2" >"$copy/kernels/build.sh"
	chmod +x "$copy/kernels/build.sh"
	LIST=$dir/list BUILD=$dir/b TESTS='' KEEP=k "$copy/run-tests.sh" >"$dir/out" 2>&1 || status=$?
	ended
}

lanes "a kernel that cannot be reached: its tests are skipped" 3 0 "2 passed, 0 failed, 1 skipped"
count=$((count + 1))
if grep -q "^  guest: .*# SKIP kernel: far cannot be fetched" "$dir/out"; then
	echo "ok $count - ... with the reason"
else
	bad=1
	echo "not ok $count - ... with the reason"
fi
lanes "a kernel that cannot be built ends the run" 1 2 \
	"run-tests: cannot build the kernel far that some of the tests need (see above)"
lanes "the next time it is there: a skip is not kept" 0 0 "3 passed, 0 failed"

# order NAME AGAIN WANTED: what would run of two lists, the second of which is $dir/list2
order()
{
	count=$((count + 1))
	got=$(LIST="$dir/list $dir/list2" BUILD=$dir/b TESTS='' AGAIN=$2 GUESTS=${guests:-} DRY=1 "$here/../run-tests.sh" |
		awk '{ printf "%s ", $1 } END { print "" }')
	if [ "$got" = "$3 " ]; then
		echo "ok $count - $1"
	else
		bad=1
		echo "not ok $count - $1: '$got', wanted '$3 '"
	fi
}

cat >"$dir/list" <<'E2'
one	one-switch	x.sh APPEND="a b"
here	host		x.sh
inside	guests		x.sh
two	one-switch	x.sh AGAIN=no
debug-one one-switch	x.sh LANE=debug
three	one-switch	x.sh	# not least
E2
printf 'again\nfour one-switch x.sh\nwait\nlast host x.sh\n' >"$dir/list2"
order "tests to run again replace the line in a list, once" debug \
	"one here inside two debug-one three debug-three debug-four four wait last"
order "no tests to run again" "" "one here inside two debug-one three four wait last"
sed -i /again/d "$dir/list2"
order "tests to run again follow the lists" debug "one here inside two debug-one three four wait last debug-three debug-four"
guests=1
order "guests only, by scripts of this machine, too" "" "one inside two three four wait"

# alone NAME SCRIPT WORD: the rows of list-full with SCRIPT and WORD, at least two, each have a line "wait" between them
alone()
{
	count=$((count + 1))
	if LIST=$here/list-full BUILD=$dir/b TESTS='' DRY=1 "$here/../run-tests.sh" | awk -v script="$2" -v word="$3" '
		$1 == "wait" { here = "" }
		index($3, script) == 1 && index($0 " ", " " word " ") {
			seen++
			if (here != "") { print "# " $1 " runs beside " here; beside = 1 }
			here = $1
		}
		END { exit beside || seen < 2 }' >"$dir/out"; then
		echo "ok $count - $1"
	else
		bad=1
		echo "not ok $count - $1"
		cat "$dir/out"
	fi
}

guests=
alone "all tests of guests run on one kernel at a time" kernels/smoke.sh full
alone "one test of real boots at a time: they share the older kernel" ../boot/ host

# The guests' host_errors detects a failed request of every status in block/blk-core.c.
# shellcheck source=tools/testing/p2pmem/rig/guest/e2e.sh
. "$here/../rig/guest/e2e.sh"

# host_error WANTED LINE [DISK]: whether the line is reported
host_error()
{
	count=$((count + 1))
	got=no
	[ -z "$(echo "[   31.400000] $2" | host_errors ${3:+"$3"})" ] || got=yes
	if [ "$got" = "$1" ]; then
		echo "ok $count - host error: $1: ${2%%, sector*}"
	else
		bad=1
		echo "not ok $count - host error, $1 expected: $2"
	fi
}

rest=", sector 8 op 0x1:(WRITE) flags 0x8800 phys_seg 1 prio class 2"
for status in I/O "critical target" "critical medium" "critical space allocation" "recoverable transport" \
	      "reservation conflict" protection "operation not supported" "device offline" invalid; do
	host_error yes "$status error, dev nvme3n1$rest"
done
host_error yes "nvme nvme3: reconnecting in 10 seconds"
host_error yes "critical target error, dev nvme3n1$rest" nvme3n1
host_error no "critical target error, dev nvme3n10$rest" nvme3n1
host_error no "I/O error, dev loop0$rest"
host_error no "nvme nvme3: creating 2 I/O queues."
echo "1..$count"
exit $bad
