# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# lib.sh: what guest scripts share. It is /lib/p2pmem.sh there. A test begins with ". /lib/p2pmem.sh"; README.rst
# lists every function. This file holds TAP output, waiting, modules and the talk to
# the host; PCI functions stand in pci.sh, NVMe and its target in nvme.sh.

tap_count=0
tap_failed=0

plan()
{
	echo "1..$1"
}

# plan after the last test, for tests that count as they go; the exit status to end with
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

# skip NAME REASON: the reason is not optional
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

# isnt GOT UNWANTED NAME: something, and not that; what could not be read is nothing
isnt()
{
	if [ -n "$1" ] && [ "$1" != "$2" ]; then
		ok "$3"
	else
		not_ok "$3" "got '$1', which it must not be"
	fi
}

# compare GOT OPERATOR WANTED NAME, operators of test: -ge -lt ...
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

# check NAME COMMAND...: the command succeeds
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

# refuses NAME REGEX COMMAND...: the command fails and says what matches
refuses()
{
	check_name=$1 check_re=$2
	shift 2
	if check_out=$("$@" 2>&1); then
		not_ok "$check_name" "$* succeeded, and must not"
	elif echo "$check_out" | grep -E -q -- "$check_re"; then
		ok "$check_name"
	else
		not_ok "$check_name" "$* failed, but said '$check_out', wanted '$check_re'"
	fi
}

# write_attr FILE VALUE: write as one write(), errors on stderr as text of errno
write_attr()
{
	# dd, because the shell's printf fails without a word; an empty value is an empty line
	if [ -n "$2" ]; then printf '%s' "$2"; else echo; fi | dd of="$1" bs=65536 conv=notrunc status=none
}

# bounded SECONDS COMMAND...: its exit status; 124 when it did not end. Even a command that
# cannot be killed does not hang the caller.
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
			echo "'$*' did not end in time" >&2
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

# wait_for SECONDS COMMAND...: until it succeeds; says so when it never does
wait_for()
{
	wait_left=$(($1 * 5))
	shift
	until "$@" >/dev/null 2>&1; do
		if [ $wait_left -le 0 ]; then
			echo "waited in vain for: $*" >&2
			return 1
		fi
		sleep 0.2
		wait_left=$((wait_left - 1))
	done
}

# load_modules NAME[:ARGUMENT...]...: fails at the first that does not load
load_modules()
{
	for load_m; do
		load_args=$(echo "$load_m" | sed -n 's/^[^:]*://p' | tr : ' ')
		# shellcheck disable=SC2086
		if ! modprobe "${load_m%%:*}" $load_args; then
			echo "module ${load_m%%:*} does not load: $(dmesg | tail -n 3)" >&2
			return 1
		fi
	done
}

have_module()
{
	modinfo -F filename "$1" >/dev/null 2>&1
}

# is_ours NAME: the guest has our build of it
is_ours()
{
	modinfo -F filename "$1" 2>/dev/null | grep -q /updates/
}

# allow REGEX: lines of the kernel's log that this test causes on purpose
allow()
{
	echo "$1" >>/run/allow
}

# stays MODULE: this test makes it impossible to unload, on purpose
stays()
{
	echo "$1" >>/run/stays
}

# log_mark: from here on; log_since: the kernel's log since the last mark; log_has REGEX: in that
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

# report KEY VALUE: into "data" of report.json, as an integer when it is one
report()
{
	echo "data $*" >/dev/ttyS1
}

# put_file FILE [NAME]: to the host, build/vm/<name>/files/NAME. For megabytes, not for more.
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

# trace_mark N (1 to 63): a line of its own in the host's trace.log, between the accesses before
# and after it. It is a write to port 0x92, whose upper bits mean nothing on this machine.
trace_mark()
{
	# shellcheck disable=SC2059
	printf "\\$(printf %o $((($1 << 2) | 2)))" | dd of=/dev/port bs=1 seek=146 conv=notrunc status=none
}

. /lib/pci.sh
. /lib/nvme.sh

# Everything that tests set up by these functions, down again
teardown()
{
	nvme_disconnect_all
	unmount_all
	nvmet_remove_all
	net_remove
}
