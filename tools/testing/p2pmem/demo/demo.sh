#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# demo.sh: an NVMe over Fabrics target whose payload stays in a provider's BAR memory, proved
# by the addresses in QEMU's traces. "make demo" calls it after "make modules".
#
# There are two parallel runs: in "p2p" the namespace's p2pmem is the provider's address, in
# "control" it is 0. Each has two boots: in the first, real files are written to the drive through
# the target and read again, in the second, the drive is mounted without a target.
#
#   BUILD/demo/report.json        the results
#   BUILD/demo/{p2p,control}.trace  QEMU's traces of the first boots
#   BUILD/demo/*.console          consoles of the guests
#   BUILD/demo/report.txt         the printed report
#
# SMALL=1: a sixteenth of the files and no control, a quick test of a kernel. The exit status
# is 0 only if all checks pass.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
rig=$here/../rig
mkdir -p "${BUILD:-build}/demo"
build=$(cd "${BUILD:-build}" && pwd)
out=$build/demo
pids=

# shellcheck disable=SC2317	# called by trap
stop()
{
	# each is a subshell of this script; vm.py ends its QEMU on SIGTERM
	for p in $pids; do
		[ ! -e "$out/$p.vm.pid" ] || kill "$(cat "$out/$p.vm.pid")" 2>/dev/null || :
	done
	exit 130
}

# boot RUN NAME SCRIPT TRACE CPUS: runs one boot; the output of vm.py goes to RUN.log
boot()
{
	env -u STOCK -u TRACE_EVENTS -u DISK_SIZE -u ICOUNT \
		BUILD="$build" TOPO="$here/demo.topo" RUN="$here/guest/$3" NAME="$2" TRACE="$4" SMP="$5" \
		MEM=1G TIMEOUT=240 DISK0="$out/$1.raw" DISK1="$out/payload.img" EXTRA_FILES="$out/payload.sha256" \
		APPEND="p2pmem.demo=$1" python3 "$rig/vm.py" >>"$out/$1.log" 2>&1 &
	echo $! >"$out/$1.vm.pid"
	rc=0
	wait $! || rc=$?
	rm -f "$out/$1.vm.pid"
	cp "$build/vm/$2/console.log" "$out/${2#demo-}.console" 2>/dev/null || :
	return $rc
}

run()
{
	: >"$out/$1.log"
	rm -f "$out/$1.raw"
	truncate -s 256M "$out/$1.raw"
	boot "$1" "demo-$1" serve.sh 1 2 || return
	ln -f "$build/vm/demo-$1/trace.log" "$out/$1.trace"
	boot "$1" "demo-$1-second-boot" verify.sh 0 1
}

exec 9>"$out/.lock"
flock -n 9 || { echo "demo: another make demo is running in $out" >&2; exit 2; }
# remove all results of earlier runs
rm -f "$out"/report.* "$out"/*.trace "$out"/*.console "$out"/*.log "$out"/*.vm.pid
rm -rf "$build/vm/demo-p2p" "$build/vm/demo-control" "$build/vm/demo-p2p-second-boot" \
	"$build/vm/demo-control-second-boot"

"$here/payload.py" "$out"
runs="p2p control"
[ -z "${SMALL:-}" ] || runs=p2p
echo "demo: booting each of these guests twice: $runs (p2p: with p2pmem, control: without it)"
trap stop INT TERM HUP
pids=$runs
# children of this shell must not hold the lock
run p2p 9>&- &
p2p=$!
control=
[ "$runs" = p2p ] || { run control 9>&- & control=$!; }
failed=
wait $p2p || failed="$failed p2p"
[ -z "$control" ] || wait "$control" || failed="$failed control"
trap - INT TERM HUP

for r in $failed; do
	echo "demo: FAILED: a guest of the run \"$r\" did not pass:"
	sed 's/^/  /' "$out/$r.log"
done
rc=0
# shellcheck disable=SC2086	# one word a run is meant
python3 "$here/report.py" "$build" $runs || rc=1
[ -z "$failed" ] || rc=1
if [ $rc = 0 ]; then
	rm -f "$out"/*.raw	# the images of the drives
	echo "demo: all checks passed; results are in $out/report.json, traces and consoles in the same directory"
else
	echo "demo: FAILED; traces, consoles and the drives are in $out"
fi
exit $rc
