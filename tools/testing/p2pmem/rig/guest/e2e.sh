# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# e2e.sh: an initiator and a target in one guest, over the test adapter, for end-to-end
# tests. Source it after lib.sh.
#
#   e2e_start                    modules, network, drives, adapter
#   e2e_export NQN NSID DISK VALUE [ATTRIBUTE=VALUE...]   a namespace with p2pmem=VALUE
#   e2e_port [INLINE_BYTES]      port 1 on 10.0.0.1, all subsystems
#   e2e_connect NQN [OPTION...]  prints the host's disk, once it is known what its data goes
#                                through
#
# Until the self-test of a path has ended its data is in system memory, counted as not-verified:
# a test that counts to the byte exports with p2pmem_verify=off.

e2e_stats=/sys/kernel/config/nvmet/subsystems

# e2e_start: all that a target needs; drives settle before it returns. $rnic_parameters go to
# the adapter.
e2e_start()
{
	load_modules p2pdma p2pmem-bar nvme nvmet-rdma nvme-rdma || return 1
	net_setup || return 1
	# shellcheck disable=SC2086
	modprobe p2pmem_rnic ${rnic_parameters:-} || return 1
	wait_for 20 e2e_drives_there
}

e2e_drives_there()
{
	e2e_seen=0
	for e2e_ns in /sys/class/nvme/nvme*/nvme*n1; do
		[ ! -e "$e2e_ns" ] || e2e_seen=$((e2e_seen + 1))
	done
	[ $e2e_seen -ge "$(pci_drives | wc -l)" ]
}

# stat NQN NSID FILE: a counter of a namespace
stat_of()
{
	cat "$e2e_stats/$1/namespaces/$2/p2pmem_stats/$3"
}

# all bytes of Reads and Writes that a namespace has counted
stat_all()
{
	echo $(($(stat_of "$1" "$2" peer_bytes) + $(stat_of "$1" "$2" inline_bytes) +
		$(stat_of "$1" "$2" system_bytes)))
}

e2e_export()
{
	e2e_nqn=$1 e2e_nsid=$2 e2e_disk=$3 e2e_value=$4
	shift 4
	[ -d "$e2e_stats/$e2e_nqn" ] || nvmet_subsystem "$e2e_nqn" || return 1
	nvmet_namespace "$e2e_nqn" "$e2e_nsid" "$e2e_disk" p2pmem="$e2e_value" "$@"
}

# e2e_provider NQN NSID: what its controllers use: provider, reason, proof; without their numbers
e2e_provider()
{
	sed 's/^[0-9]* //' "$e2e_stats/$1/namespaces/$2/p2pmem_stats/provider"
}

# e2e_settled NQN: no self-test of a namespace is under way or about to begin
e2e_settled()
{
	for e2e_ns in "$e2e_stats/$1"/namespaces/*; do
		[ "$(cat "$e2e_ns/enable") $(cat "$e2e_ns/p2pmem")" != "1 0" ] || continue
		[ "$(cat "$e2e_ns/enable")" = 1 ] || continue
		case $(cat "$e2e_ns/p2pmem_stats/provider") in '' | *testing*) return 1 ;; esac
	done
}

# e2e_reconfigure NQN NSID ATTRIBUTE=VALUE...: other values for a namespace, the host stays connected
e2e_reconfigure()
{
	e2e_nqn=$1 e2e_ns=$e2e_stats/$1/namespaces/$2
	shift 2
	echo 0 >"$e2e_ns/enable"
	for e2e_a; do
		echo "${e2e_a#*=}" >"$e2e_ns/${e2e_a%%=*}" || return 1
	done
	echo 1 >"$e2e_ns/enable" && wait_for 60 e2e_settled "$e2e_nqn"
}

# e2e_watch_tests: trace events of self-tests from now on, in $e2e_trace; e2e_tests: how many
e2e_trace=/sys/kernel/tracing/trace

e2e_watch_tests()
{
	[ -e $e2e_trace ] || mount -t tracefs none "${e2e_trace%/*}" || return 1
	echo 1 >"${e2e_trace%/*}/events/p2pmem/p2pmem_verify/enable"
}

e2e_tests()
{
	grep -c 'p2pmem_verify: ' $e2e_trace
}

e2e_port()
{
	nvmet_port 1 rdma 10.0.0.1 4420 "${1:-0}" || return 1
	for l in "$e2e_stats"/*; do
		nvmet_link 1 "${l##*/}" || return 1
	done
}

# e2e_connect NQN [NVME_CLI_OPTION...]: with time for Keep Alive. Queues of the target share
# completion queues: while one of them waits for a drive that is reset, which takes seconds
# on an emulated CPU with checks, Keep Alive waits too, and 5 s are the default.
e2e_connect()
{
	e2e_nqn=$1
	shift
	nvme_connect rdma "$e2e_nqn" 10.0.0.1 4420 --keep-alive-tmo=60 "$@" >/dev/null &&
		nvme_host_disk "$e2e_nqn" && wait_for 60 e2e_settled "$e2e_nqn"
}

# host_bytes DISK: bytes that the initiator's disk read and wrote, by its own count
host_bytes()
{
	awk '{ print ($3 + $7) * 512 }' "/sys/block/${1#/dev/}/stat"
}

# fio_verify DISK FIO_OPTION...: writes, then reads back; each 512 bytes begin with a header that has
# their own offset and a CRC of the rest, so that blocks exchanged within one command are found too.
# verify_pattern=%o has the offset of the command only. e2e-swap proves that an exchange is found.
fio_verify()
{
	fio_disk=$1
	shift
	fio --name="${fio_disk#/dev/}" --filename="$fio_disk" --direct=1 --ioengine=libaio \
	    --verify=crc32c --verify_interval=512 --verify_fatal=1 \
	    --verify_state_save=0 --do_verify=1 --randrepeat=1 --allow_file_create=0 \
	    --minimal "$@" >/run/fio.out 2>&1
	fio_rc=$?
	[ $fio_rc = 0 ] || tail -n 5 /run/fio.out
	return $fio_rc
}

# fio_load DISK SECONDS FIO_OPTION...: the same in the background for a while, under way when
# this returns; fio_done waits
fio_load()
{
	fio_disk=$1 fio_seconds=$2
	shift 2
	fio --name=load --filename="$fio_disk" --direct=1 --ioengine=libaio --rw=randwrite \
	    --bs=64k --iodepth=16 --size=16m --time_based --runtime="$fio_seconds" \
	    --verify=crc32c --verify_interval=512 --verify_fatal=1 \
	    --verify_state_save=0 --do_verify=1 --verify_backlog=64 --allow_file_create=0 --minimal "$@" \
	    >/run/fio.load 2>&1 &
	fio_pid=$!
	fio_before=$(host_bytes "$fio_disk")
	wait_for 30 fio_runs
}

# it has written something: starting takes seconds on a busy host
fio_runs()
{
	[ "$(host_bytes "$fio_disk")" -gt $((fio_before + 1048576)) ]
}

# fio_done NAME: a test: the load ended without an error, all that it wrote was found again
fio_done()
{
	ended "$fio_pid" "$1"
	[ "$ended_rc" = 0 ] || diag "$(tail -n 5 /run/fio.load)"
}

# ended PID NAME: a test: a command in the background ends with success. Not by check, which
# runs a command in a shell of its own, that has no such child.
ended()
{
	ended_rc=0
	wait "$1" || ended_rc=$?
	is $ended_rc 0 "$2"
}

# no_host_errors: the initiator saw neither an error nor a reconnect since log_mark
no_host_errors()
{
	! log_since | grep -E 'I/O error|nvme nvme[0-9]+: (reconnecting|starting error recovery)|timeout'
}

# e2e_peer_grows NQN DISK NSID: a read of DISK goes through peer memory
e2e_peer_grows()
{
	e2e_was=$(stat_of "$1" "$3" peer_bytes)
	dd if="$2" of=/dev/null bs=64k count=4 iflag=direct 2>/dev/null &&
		[ "$(stat_of "$1" "$3" peer_bytes)" -gt "$e2e_was" ]
}

# e2e_counters NAME NQN NSID CARD DRIVE ADAPTER: all that is counted of it, for the rig's
# traced.py: "NAME.WHOSE.WHAT NUMBER..." a line; of what the core mapped of the card for each it is
# "NAME.pair.WHOSE BYTES MAPS UNMAPS IN_USE"
e2e_counters()
{
	for e2e_f in "$e2e_stats/$2/namespaces/$3/p2pmem_stats"/*; do
		case ${e2e_f##*/} in provider | reset) continue ;; esac
		echo "$1.nvmet.${e2e_f##*/} $(cat "$e2e_f")"
	done
	e2e_f=$(ls "/sys/bus/pci/devices/$6/infiniband") || return 1
	sed "s/^/$1.adapter./" "/sys/kernel/debug/p2pmem_rnic/$e2e_f/stats"
	awk -v name="$1" -v card="$4" -v drive="$5" -v adapter="$6" '
	NR == 1		{ for (i = 1; i <= NF; i++) c[$i] = i; next }
	$1 != card	{ next }
	{
		who = $2 == drive ? "drive" : $2 == adapter ? "adapter" : "other"
		print name ".pair." who, $c["bytes"], $c["maps"], $c["unmaps"], $c["in_use"]
	}' /sys/kernel/debug/p2pmem/counters
}

# e2e_gate N [TIMEOUT_MS]: each adapter holds the next N transfers to or from peer memory in
# flight; 0 lets all go. e2e_held: one is held now.
e2e_gate()
{
	for e2e_g in /sys/kernel/debug/p2pmem_rnic/rnic*; do
		echo peer >"$e2e_g/hold_filter"
		[ -z "${2:-}" ] || echo "$2" >"$e2e_g/hold_timeout_ms"
		echo "$1" >"$e2e_g/hold"
	done
}

e2e_held()
{
	grep -q '^[1-9]' /sys/kernel/debug/p2pmem_rnic/rnic*/held
}

e2e_stop()
{
	nvme_disconnect_all >/dev/null
	nvmet_remove_all
}
