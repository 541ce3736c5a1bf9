# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# lib.sh: functions for guest scripts, installed as /lib/p2pmem.sh. A test begins with
# ". /lib/p2pmem.sh"; README.rst lists all functions. This file has TAP output, waiting, modules
# and reports to the host; pci.sh has PCI functions, nvme.sh NVMe and its target.

tap_count=0
tap_failed=0

plan()
{
	echo "1..$1"
}

# prints the plan after the last test; returns the exit status of the script
done_testing()
{
	echo "1..$tap_count"
	[ $tap_failed = 0 ]
}

ok()
{
	tap_count=$((tap_count + 1))
	echo "ok $tap_count - $*"
}

# not_ok NAME [WHY...]
not_ok()
{
	tap_count=$((tap_count + 1))
	tap_failed=$((tap_failed + 1))
	echo "not ok $tap_count - $1"
	shift
	[ $# = 0 ] || diag "$*"
	return 0
}

# skip NAME REASON: the reason is mandatory
skip()
{
	if [ -z "${2:-}" ]; then
		not_ok "$1" "skipped without a reason"
		return
	fi
	tap_count=$((tap_count + 1))
	echo "ok $tap_count - $1 # SKIP $2"
}

diag()
{
	echo "$*" | sed 's/^/# /'
}

bail()
{
	echo "Bail out! $*"
	exit 1
}

# is GOT WANTED NAME
is()
{
	if [ "$1" = "$2" ]; then
		ok "$3"
	else
		not_ok "$3" "got '$1', wanted '$2'"
	fi
}

# isnt GOT UNWANTED NAME: GOT must differ from UNWANTED and must not be empty
isnt()
{
	if [ -n "$1" ] && [ "$1" != "$2" ]; then
		ok "$3"
	else
		not_ok "$3" "got '$1', wanted anything else"
	fi
}

# compare GOT OPERATOR WANTED NAME: with an operator of test, -ge or -lt etc.
compare()
{
	# shellcheck disable=SC1073,SC1072,SC1009
	if test "${1:-none}" "$2" "$3" 2>/dev/null; then
		ok "$4"
	else
		not_ok "$4" "got '$1', wanted $2 $3"
	fi
}

# like TEXT REGEX NAME
like()
{
	if echo "$1" | grep -E -q -- "$2"; then
		ok "$3"
	else
		not_ok "$3" "got '$1', wanted a match of '$2'"
	fi
}

# check NAME COMMAND...: the command must succeed
check()
{
	check_name=$1
	shift
	if check_out=$("$@" 2>&1); then
		ok "$check_name"
	else
		not_ok "$check_name" "$* failed: $check_out"
	fi
}

# refuses NAME REGEX COMMAND...: the command must fail with output that matches
refuses()
{
	check_name=$1 check_re=$2
	shift 2
	if check_out=$("$@" 2>&1); then
		not_ok "$check_name" "$* succeeded, expected it to fail"
	elif echo "$check_out" | grep -E -q -- "$check_re"; then
		ok "$check_name"
	else
		not_ok "$check_name" "$* failed with '$check_out', wanted a match of '$check_re'"
	fi
}

# write_attr FILE VALUE: one write(); prints the text of errno on failure
write_attr()
{
	# dd, because the shell's printf fails silently; an empty value is written as an empty line
	if [ -n "$2" ]; then printf '%s' "$2"; else echo; fi | dd of="$1" bs=65536 conv=notrunc status=none
}

# bounded SECONDS COMMAND...: runs the command with a time limit and returns its exit status, or
# 124 on timeout. It returns even if the command cannot be killed.
bounded()
{
	bounded_left=$(($1 * 20))
	shift
	bounded_file=$(mktemp /run/bounded.XXXXXX)
	(
		bounded_rc=0
		"$@" || bounded_rc=$?
		echo $bounded_rc >"$bounded_file.rc"
	) &
	bounded_pid=$!
	while [ ! -s "$bounded_file.rc" ]; do
		if [ $bounded_left -le 0 ]; then
			kill -9 $bounded_pid 2>/dev/null
			echo "timeout: '$*'" >&2
			return 124
		fi
		sleep 0.05
		bounded_left=$((bounded_left - 1))
	done
	wait $bounded_pid 2>/dev/null
	set -- "$(cat "$bounded_file.rc")"
	rm -f "$bounded_file" "$bounded_file.rc"
	return "$1"
}

# wait_for SECONDS COMMAND...: repeats the command until it succeeds; fails on timeout
wait_for()
{
	wait_left=$(($1 * 5))
	shift
	until "$@" >/dev/null 2>&1; do
		if [ $wait_left -le 0 ]; then
			echo "timeout waiting for: $*" >&2
			return 1
		fi
		sleep 0.2
		wait_left=$((wait_left - 1))
	done
}

# load_modules NAME[:ARGUMENT...]...: fails at the first module that cannot be loaded
load_modules()
{
	for load_m; do
		load_args=$(echo "$load_m" | sed -n 's/^[^:]*://p' | tr : ' ')
		# shellcheck disable=SC2086
		if ! modprobe "${load_m%%:*}" $load_args; then
			echo "cannot load module ${load_m%%:*}: $(dmesg | tail -n 3)" >&2
			return 1
		fi
	done
}

have_module()
{
	# the shell's own modinfo succeeds for any name
	find "/lib/modules/$(uname -r)" -name '*.ko' | sed 's,.*/,,; s,\.ko$,,' | tr - _ |
		grep -qx "$(echo "$1" | tr - _)"
}

# is_ours NAME: succeeds if the guest has our build of the module
is_ours()
{
	modinfo -F filename "$1" 2>/dev/null | grep -q /updates/
}

# allow REGEX: accept these lines in the kernel's log, which the test causes on purpose
allow()
{
	echo "$1" >>/run/allow
}

# stays MODULE: the test makes it impossible to unload the module, on purpose
stays()
{
	echo "$1" >>/run/stays
}

# log_mark: marks the kernel's log; log_since: prints it since the mark; log_has REGEX: greps that
log_mark()
{
	log_stamp="p2pmem-log-mark-$$-$(awk '{ print $1 }' /proc/uptime)"
	echo on >/proc/sys/kernel/printk_devkmsg
	echo "<7>$log_stamp" >/dev/kmsg
}

log_since()
{
	dmesg | sed "1,/${log_stamp:-^}/d"
}

log_has()
{
	log_since | grep -E -q -- "$1"
}

# report KEY VALUE: adds to "data" of report.json, as an integer if possible
report()
{
	echo "data $*" >/dev/ttyS1
}

# put_file FILE [NAME]: sends it to the host as build/vm/<name>/files/NAME; for some megabytes at most
put_file()
{
	(
		flock 9
		{
			echo "file ${2:-$(basename "$1")}"
			gzip -c "$1" | base64
			echo "end $(sha256sum <"$1" | cut -d' ' -f1)"
		} >/dev/ttyS2
	) 9>/run/put_file.lock
}

# trace_mark N (1 to 63): adds a mark to the host's trace.log, in order with the accesses there. The
# mark is a write to port 0x92, whose upper bits have no meaning on this machine, or where there is no such
# port, to the interrupt line of the host bridge, which has no interrupt.
trace_mark()
{
	trace_to=/dev/port trace_at=146
	[ "$(uname -m)" = x86_64 ] || trace_to=/sys/bus/pci/devices/0000:00:00.0/config trace_at=60
	# shellcheck disable=SC2059
	printf "\\$(printf %o $((($1 << 2) | 2)))" | dd of=$trace_to bs=1 seek=$trace_at conv=notrunc status=none
}

. /lib/pci.sh
. /lib/nvme.sh

# Takes down everything that these functions have set up
teardown()
{
	nvme_disconnect_all
	unmount_all
	nvmet_remove_all
	net_remove
}
