# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# e2e.sh: for end-to-end tests with initiator and target in one guest, connected by the test
# adapter. Source it after lib.sh.
#
#   e2e_start                    sets up modules, network, drives and adapter
#   e2e_export NQN NSID DISK VALUE [ATTRIBUTE=VALUE...]   creates a namespace with p2pmem=VALUE
#   e2e_port [INLINE_BYTES]      creates port 1 on 10.0.0.1 for all subsystems
#   e2e_connect NQN [OPTION...]  connects, waits for the self-tests and prints the host's disk
#
# Until the self-test of a path has ended, its data is in system memory and counted as
# not-verified. A test that counts exact bytes exports with p2pmem_verify=off.

e2e_stats=/sys/kernel/config/nvmet/subsystems

# e2e_start: sets up everything for a target, and waits for the drives. $rnic_parameters are the
# module parameters of the adapter.
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

# stat_of NQN NSID FILE: prints a counter of a namespace
stat_of()
{
	cat "$e2e_stats/$1/namespaces/$2/p2pmem_stats/$3"
}

# stat_all NQN NSID: prints the bytes of all Reads and Writes that a namespace has counted
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

# e2e_provider NQN NSID: prints provider, reason and proof of its controllers, without their numbers
e2e_provider()
{
	sed 's/^[0-9]* //' "$e2e_stats/$1/namespaces/$2/p2pmem_stats/provider"
}

# e2e_settled NQN: succeeds if no self-test of its namespaces is running or about to start
e2e_settled()
{
	for e2e_ns in "$e2e_stats/$1"/namespaces/*; do
		[ "$(cat "$e2e_ns/enable") $(cat "$e2e_ns/p2pmem")" != "1 0" ] || continue
		[ "$(cat "$e2e_ns/enable")" = 1 ] || continue
		case $(cat "$e2e_ns/p2pmem_stats/provider") in '' | *testing*) return 1 ;; esac
	done
}

# e2e_reconfigure NQN NSID ATTRIBUTE=VALUE...: changes attributes of a namespace; the host stays connected
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

# e2e_watch_tests: starts tracing self-tests in $e2e_trace; e2e_tests: prints how many have run
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

# e2e_connect NQN [NVME_CLI_OPTION...]: connects with a longer Keep Alive timeout than the default of
# 5 s. Queues of the target share completion queues: while one of them waits for the reset of a
# drive, which takes seconds on an emulated CPU with checkers, Keep Alive waits as well.
e2e_connect()
{
	e2e_nqn=$1
	shift
	nvme_connect rdma "$e2e_nqn" 10.0.0.1 4420 --keep-alive-tmo=60 "$@" >/dev/null &&
		nvme_host_disk "$e2e_nqn" && wait_for 60 e2e_settled "$e2e_nqn"
}

# host_bytes DISK: prints the bytes that the initiator's disk has read and written
host_bytes()
{
	awk '{ print ($3 + $7) * 512 }' "/sys/block/${1#/dev/}/stat"
}

# fio_verify DISK FIO_OPTION...: writes and reads back. Every 512 bytes begin with a header with their
# offset and a CRC of the rest, which detects blocks that were swapped within one command, too
# (verify_pattern=%o has only the offset of the command). e2e-swap tests that a swap is detected.
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

# fio_load DISK SECONDS FIO_OPTION...: the same in the background for a time, already writing when
# this returns; fio_done waits for it
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

# succeeds when fio has written something: its start takes seconds on a busy host
fio_runs()
{
	[ "$(host_bytes "$fio_disk")" -gt $((fio_before + 1048576)) ]
}

# fio_done NAME: a test that the load ended without an error and verified all that it wrote
fio_done()
{
	ended "$fio_pid" "$1"
	[ "$ended_rc" = 0 ] || diag "$(tail -n 5 /run/fio.load)"
}

# ended PID NAME: a test that a background command succeeds. Do not use check for this: it runs
# commands in a subshell, which cannot wait for the child.
ended()
{
	ended_rc=0
	wait "$1" || ended_rc=$?
	is $ended_rc 0 "$2"
}

# host_errors [DISK]: of the log on stdin, prints the lines in which the initiator reports that a
# request to DISK (nvme1n1; any, if missing) failed for whatever status, or a reconnect
# shellcheck disable=SC2120	# tests/runner.sh passes one
host_errors()
{
	grep -E "error, dev ${1:-nvme[^,]*},|nvme nvme[0-9]+: (reconnecting|starting error recovery)|timeout"
}

# no_host_errors: succeeds if the initiator logged neither an error nor a reconnect since log_mark. The
# target's own drives report a loss of peer memory as an error of the transport, and the host repeats the
# command.
no_host_errors()
{
	e2e_own=$(grep -l pcie /sys/class/nvme/*/transport | sed 's#.*/\(nvme[0-9]*\)/.*#\1#' | tr '\n' '|')
	# shellcheck disable=SC2119
	! log_since | host_errors | grep -v -E "recoverable transport error, dev (${e2e_own}none)n[0-9]+,"
}

# e2e_peer_grows NQN DISK NSID: succeeds if a read of DISK goes through peer memory
e2e_peer_grows()
{
	e2e_was=$(stat_of "$1" "$3" peer_bytes)
	dd if="$2" of=/dev/null bs=64k count=4 iflag=direct 2>/dev/null &&
		[ "$(stat_of "$1" "$3" peer_bytes)" -gt "$e2e_was" ]
}

# e2e_counters NAME NQN NSID CARD DRIVE ADAPTER: prints all counters for the rig's traced.py, in lines
# "NAME.OWNER.COUNTER NUMBER..."; for the core's mappings of the card they are
# "NAME.pair.CLIENT BYTES MAPS UNMAPS IN_USE"
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

# e2e_gate N [TIMEOUT_MS]: makes each adapter hold the next N transfers to or from peer memory in
# flight; 0 releases all. e2e_held: succeeds if one is held now.
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
