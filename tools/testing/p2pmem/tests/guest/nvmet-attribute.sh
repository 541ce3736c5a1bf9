#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# nvmet-attribute.sh: the namespace attribute p2pmem and the group p2pmem_stats of the NVMe
# target: all valid values, invalid ones with their errno and one line in the log, enabling a
# namespace with each, the counters for rdma, tcp, loop and files, and removing and adding the
# provider. Topology: nvmet-attribute.topo.

# shellcheck source=tools/testing/p2pmem/rig/guest/lib.sh
. /lib/p2pmem.sh

NQN=nqn.2026-01.test:attribute
STATS="acs-egress acs-redirect bad-range cpu-integrity dma-mask encrypted-guest fallbacks
host-bridge inline_bytes map-failed mixed-list no-dma-device no-memory no-provider not-a-client
not-a-drive not-a-provider not-pci not-verified own-queues payload-size peer_bytes pool-full
provider-revoked quota registration-size split-command stacked swiotlb-forced system_bytes tag-size untrusted
verify-failed"
ns=/sys/kernel/config/nvmet/subsystems/$NQN/namespaces/1
attr=$ns/p2pmem

# put VALUE with printf's escapes: by dd, whose write() is one and which says its errno
put()
{
	printf '%b' "$1" >/run/value
	dd if=/run/value of="$attr" bs=8k
}

counter()
{
	cat "$ns/p2pmem_stats/$1"
}

# legal VALUE SHOWN NAME
legal()
{
	check "$3 is taken" put "$1"
	is "$(cat "$attr")" "$2" "$3 reads as $2"
}

# illegal VALUE ERRNO-TEXT NAME: refused, the old value stays, one line says why
illegal()
{
	illegal_old=$(cat "$attr")
	log_mark
	refuses "$3: $2" "$2" put "$1"
	is "$(cat "$attr")" "$illegal_old" "$3: the old value stays"
	is "$(log_lines | grep -c 'nvmet: nsid')" 1 "$3: one line in the log"
}

ns_enable()
{
	echo "$1" >/run/value
	dd if=/run/value of="$ns/enable" bs=8k
}

# quietly, where a failure shows in what follows
ns_on()
{
	ns_enable 1 2>/dev/null
}

# the log's lines since log_mark
log_lines()
{
	dmesg | awk -v mark="${log_stamp:-}" 'seen; index($0, mark) { seen = 1 }'
}

said()
{
	log_lines | grep -E -q -- "$1"
}

# a fresh namespace: DEVICE [VALUE]
fresh()
{
	[ ! -d "$ns" ] || nvmet_remove_namespace $NQN 1
	# what is counted here is counted to the byte
	nvmet_namespace $NQN 1 "$1" enable=0 "p2pmem=${2:-0}" p2pmem_verify=off
}

# the same of a file; tmpfs of older kernels has no direct I/O
fresh_file()
{
	fresh /dev/shm/file "$1"
	dd if=/dev/shm/file of=/dev/null bs=4k count=1 iflag=direct 2>/dev/null || echo 1 >"$ns/buffered_io"
}

# all reasons but those named are zero
only_reasons()
{
	for f in $STATS; do
		case " $* *_bytes fallbacks " in *" $f "*) continue ;; esac
		case $f in *_bytes | fallbacks) continue ;; esac
		[ "$(counter "$f")" = 0 ] || echo "$f=$(counter "$f")"
	done
}

# bytes that the disk of the host moved, partition scan and all
moved()
{
	awk '{ print ($3 + $7) * 512 }' "/sys/block/${1#/dev/}/stat"
}

load_modules nvme nvmet nvme-fabrics p2pmem_bar brd:rd_nr=1:rd_size=16384 || bail "modules"
near=$(pci_at 04.0/00.0/02.0/00.0)
far=$(pci_at 05.0/00.0)
wait_for 20 nvme_ctrl plain0 || bail "no drive"
wait_for 20 nvme_ctrl cmb0 || bail "no drive"
drive=$(nvme_disk plain0)
drive_bdf=$(nvme_bdf plain0)
cmb_bdf=$(nvme_bdf cmb0)
pci_bind "$near" p2pmem-bar || bail "card"
pci_bind "$far" p2pmem-bar || bail "card"
nvmet_subsystem $NQN
mkdir "$ns" || bail "namespace"

# ---- the files

is "$(cat "$attr")" 0 "off by default"
is "$(find "$ns/p2pmem_stats" -type f -exec basename {} \; | sort | tr '\n' ' ')" \
	"$(for f in $STATS provider reset; do echo "$f"; done | sort | tr '\n' ' ')" "p2pmem_stats has a file for each reason"
is "$(for f in $STATS; do counter "$f"; done | sort -u)" 0 "every counter begins at 0"
is "$(counter provider)" "" "no controller, no provider"
is "$(cat "$ns/p2pmem_verify")" auto "the self-test is auto by default"
is "$(cat "$ns/p2pmem_prefer")" nearest "the nearest provider by default"
refuses "counters are read-only" 'ermission denied' sh -c "echo 1 >$ns/p2pmem_stats/fallbacks"
refuses "p2pmem_stats cannot be removed" 'not permitted' rmdir "$ns/p2pmem_stats"
refuses "nothing can be made in p2pmem_stats" 'not permitted' mkdir "$ns/p2pmem_stats/x"

# ---- legal values

legal 1 1 "1"
legal '0\n' 0 "0 and a newline"
legal '1\n' 1 "1 and a newline"
legal yes 1 "yes"
legal off 0 "off"
legal 'Y\n' 1 "Y and a newline"
legal 0 0 "0"
legal "$near" "$near" "the address of a card"
legal "$near\n" "$near" "an address and a newline"
legal "$(echo "$near" | tr a-f A-F)" "$near" "an address in capitals"
legal "$far" "$far" "the address of another card"
legal "$cmb_bdf" "$cmb_bdf" "the address of a drive with a CMB"

# ---- illegal values

bdf=${near#0000:}
inval='nvalid argument'
nodev='o such device'
illegal '\n' "$inval" "a newline only"
illegal 2 "$inval" "2"
illegal -1 "$inval" "-1"
illegal 00 "$inval" "00"
illegal 01 "$inval" "01"
illegal 10 "$inval" "10"
illegal ' 1' "$inval" "a blank before"
illegal '1 ' "$inval" "a blank after"
illegal '1\n\n' "$inval" "two newlines"
illegal '1\0000' "$inval" "a zero byte"
illegal auto "$inval" "auto"
illegal 0x1 "$inval" "0x1"
illegal o "$inval" "o"
illegal any "$inval" "any"
illegal "$bdf" "$inval" "no domain"
illegal "000:$bdf" "$inval" "a short domain"
illegal "00000:$bdf" "$inval" "a domain with a zero too many"
illegal "100000000:$bdf" "$inval" "a domain beyond 32 bits"
illegal "ffffffff:$bdf" "$inval" "a negative domain"
illegal "0000:100:00.0" "$inval" "a bus beyond ff"
illegal "0000:3:00.0" "$inval" "a short bus"
illegal "0000:03:20.0" "$inval" "a device beyond 1f"
illegal "0000:03:0.0" "$inval" "a short device"
illegal "0000:03:00.8" "$inval" "a function beyond 7"
illegal "0000:03:00" "$inval" "no function"
illegal "0000:03:00.00" "$inval" "a long function"
illegal "0000:0g:00.0" "$inval" "not hexadecimal"
illegal "0000-03-00.0" "$inval" "wrong separators"
illegal "0000:03:00:0" "$inval" "a colon for the dot"
illegal "$near " "$inval" "an address and a blank"
illegal "$near\n\n" "$inval" "an address and two newlines"
illegal "${near}x" "$inval" "an address and more"
illegal "$(head -c 4000 /dev/zero | tr '\0' 1)" "$inval" "4000 bytes"
illegal "0000:ff:1f.7" "$nodev" "an absent device"
illegal "10000:00:00.0" "$nodev" "an absent domain of five digits"
illegal "7fffffff:ff:1f.7" "$nodev" "the highest domain"
illegal "$drive_bdf" "$nodev" "a drive without a CMB"
illegal "0000:00:00.0" "$nodev" "the host bridge"
pci_unbind "$near"
illegal "$near" "$nodev" "a card that lends no more"
pci_bind "$near" p2pmem-bar || bail "card"

attr=$ns/p2pmem_prefer
for value in most-free same-node nearest; do
	legal $value $value "p2pmem_prefer $value"
	legal "$value\n" $value "p2pmem_prefer $value and a newline"
done
for value in '\n' near most_free 0 ' nearest' 'nearest\n\n' 'nearest\0000'; do
	illegal "$value" "$inval" "p2pmem_prefer '$value'"
done
attr=$ns/p2pmem

# ---- enabling

for value in 0 1 "$near"; do
	fresh "$drive" "$value"
	check "enabled with $value" ns_enable 1
	for new in 0 1 "$near" nonsense; do
		illegal "$new" 'usy' "$new while enabled with $value"
	done
	attr=$ns/p2pmem_prefer
	illegal most-free 'usy' "p2pmem_prefer while enabled with $value"
	attr=$ns/p2pmem
	check "disabled with $value" ns_enable 0
	legal 0 0 "0 after that"
done

fresh "$drive" "$far"
log_mark
refuses "a provider that cannot reach the drive: EXDEV" 'nvalid cross-device link' ns_enable 1
check "the log names both ends and the reason" said "$drive_bdf.*$far.*host-bridge"
is "$(cat "$ns/enable")" 0 "it stays disabled"
is "$(cat "$attr")" "$far" "it keeps its value"
legal 1 1 "1 after the refusal"
check "enabled with 1" ns_enable 1

fresh "$drive" "$near"
pci_unbind "$near"
refuses "a provider that went before: ENODEV" "$nodev" ns_enable 1
pci_bind "$near" p2pmem-bar || bail "card"
check "a provider that is back can be enabled" ns_enable 1

fresh /dev/ram0 "$near"
refuses "a block device that is no drive, with an address: EOPNOTSUPP" 'ot supported' ns_enable 1
legal 1 1 "1 for a block device that is no drive"
check "a block device that is no drive, with 1" ns_enable 1

truncate -s 16M /dev/shm/file
fresh_file "$near"
log_mark
refuses "a file with an address: EINVAL" "$inval" ns_enable 1
check "the log says so" said "backed by a file"
legal 1 1 "1 for a file"
check "a file with 1" ns_enable 1

# ---- what is counted, by transport

net_setup
modprobe p2pmem_rnic netdev=p2pnet0 || bail "adapter"
adapter=$(pci_adapters 1)
load_modules nvmet-rdma nvme-rdma nvmet-tcp nvme-tcp || bail "modules"
nvmet_port 1 rdma 10.0.0.1 4420 0
nvmet_port 2 tcp 10.0.0.1 4421
loop=
if have_module nvme-loop; then
	load_modules nvme-loop || bail "modules"
	nvmet_port 3 loop
	loop="3 loop 0"
else
	skip "loop" "this kernel has no nvme-loop"
fi
nvmet_port 4 rdma 10.0.0.1 4422
dd if=/dev/urandom of=/dev/shm/data bs=64k count=64 status=none
want=$(checksum /dev/shm/data)

# traffic PORT TYPE SERVICE: connect, write 4 MiB, read them back, disconnect; leaves in
# $hostbytes what the host's disk moved
traffic()
{
	nvmet_link "$1" $NQN
	nvme_connect "$2" $NQN 10.0.0.1 "$3" >/dev/null || { echo "no connection"; return 1; }
	disk=$(nvme_host_disk $NQN) || return 1
	traffic_io || return 1
	wait_for 10 quiet "$disk"
	hostbytes=$(moved "$disk")
	nvme_disconnect $NQN >/dev/null
	nvmet_unlink "$1" $NQN
}

traffic_io()
{
	dd if=/dev/shm/data of="$disk" bs=64k oflag=direct status=none || return 1
	dd if="$disk" of=/dev/shm/back bs=64k count=64 iflag=direct status=none || return 1
	[ "$(checksum /dev/shm/back)" = "$want" ] || { echo "data differ"; return 1; }
}

# nothing is moved any more
quiet()
{
	quiet_before=$(moved "$1")
	sleep 0.5
	[ "$(moved "$1")" = "$quiet_before" ]
}

sum()
{
	echo $(($(counter peer_bytes) + $(counter inline_bytes) + $(counter system_bytes)))
}

# counted NAME: all that the host moved was counted
counted()
{
	is "$(sum)" "$hostbytes" "$1: peer, inline and system bytes add up to all bytes"
}

fresh "$drive" "$near"
ns_on
log_mark
if traffic 1 rdma 4420; then ok "rdma, a named provider: data"; else not_ok "rdma, a named provider: data"; fi
counted "rdma, a named provider"
is "$(counter peer_bytes)" "$hostbytes" "rdma, a named provider: all in peer memory"
is "$(counter fallbacks)" 0 "rdma, a named provider: no fallback"
is "$(log_lines | grep -c "using peer-to-peer memory of $near for nsid 1 of controller")" 1 \
	"rdma, a named provider: one line in the log"

fresh "$drive" 1
ns_on
if traffic 4 rdma 4422; then ok "rdma, inline data allowed: data"; else not_ok "rdma, inline data allowed: data"; fi
counted "rdma, inline data allowed"
is "$(counter fallbacks)" 0 "rdma, inline data allowed: no fallback"
compare "$(counter peer_bytes)" -ge $((8 * 1024 * 1024)) "rdma, inline data allowed: large requests in peer memory"

fresh "$drive" 0
ns_on
if traffic 1 rdma 4420; then ok "rdma, off: data"; else not_ok "rdma, off: data"; fi
counted "rdma, off"
is "$(counter system_bytes)" "$hostbytes" "rdma, off: all in system memory"
is "$(counter fallbacks)" 0 "rdma, off: no fallback is counted"

for t in "2 tcp 4421" "$loop"; do
	[ -n "$t" ] || continue
	# shellcheck disable=SC2086
	set -- $t
	for value in 0 1 "$near"; do
		fresh "$drive" "$value"
		ns_on
		if traffic "$1" "$2" "$3"; then ok "$2, p2pmem $value: data"; else not_ok "$2, p2pmem $value: data"; fi
		counted "$2, p2pmem $value"
		is "$(counter peer_bytes)" 0 "$2, p2pmem $value: no peer memory"
		is "$(only_reasons no-dma-device)" "" "$2, p2pmem $value: no other reason"
		is "$(counter fallbacks)" "$(counter no-dma-device)" "$2, p2pmem $value: fallbacks are the sum"
		if [ "$value" = 0 ]; then
			is "$(counter fallbacks)" 0 "$2, p2pmem 0: no fallback is counted"
		else
			compare "$(counter fallbacks)" -gt 0 "$2, p2pmem $value: fallbacks are counted"
		fi
	done
done

# what the log says of the path, without time and subsystem
refusal()
{
	log_lines | sed -n 's/.*nvmet: using system memory for //p'
}

fresh_file 1
log_mark
uevent env >/run/uevents 2>&1 &
listener=$!
ns_on
if traffic 1 rdma 4420; then ok "a file over rdma: data"; else not_ok "a file over rdma: data"; fi
counted "a file over rdma"
is "$(counter peer_bytes)" 0 "a file over rdma: no peer memory"
is "$(only_reasons not-a-drive)" "" "a file over rdma: no other reason"
compare "$(counter not-a-drive)" -gt 0 "a file over rdma: fallbacks are counted"
is "$(log_lines | grep -c 'using system memory instead of peer-to-peer memory')" 1 "a file over rdma: one warning"
is "$(refusal)" "nsid 1 of controller 1 (/dev/shm/file, adapter $adapter): \
not-a-drive: the namespace is backed by a file; export a block device" "a file over rdma: reason and remedy, once"
check "a file over rdma: a uevent" wait_for 10 grep -q "P2PMEM_REASON=not-a-drive" /run/uevents
kill $listener 2>/dev/null
is "$(awk -F/ '/^DEVPATH=/ { at = $NF } /^P2PMEM_EVENT=fallback/ { print at }' /run/uevents)" "$adapter" "a file over rdma: it is the adapter's"

fresh /dev/ram0 1
log_mark
ns_on
if traffic 1 rdma 4420; then ok "no drive over rdma: data"; else not_ok "no drive over rdma: data"; fi
compare "$(counter stacked)" -gt 0 "no drive over rdma: fallbacks are counted"
is "$(only_reasons stacked)" "" "no drive over rdma: no other reason"
is "$(refusal)" "nsid 1 of controller 1 (/dev/ram0, adapter $adapter): ram0 and (no provider): stacked: \
the block device is stacked or multipath, not a drive itself; export the drive below it, and load nvme_core with \
multipath=N" "no drive over rdma: reason and remedy, once"

# ---- a provider that goes and comes back, one that comes later; the host stays connected

fresh "$drive" "$near"
ns_on
nvmet_link 1 $NQN
nvme_connect rdma $NQN >/dev/null || bail "no connection"
disk=$(nvme_host_disk $NQN) || bail "no disk"
check "before the provider goes: data" traffic_io
is "$(counter fallbacks)" 0 "before the provider goes: no fallback"
log_mark
pci_unbind "$near"
check "without the provider: data" traffic_io
before=$(counter fallbacks)
compare "$before" -gt 0 "without the provider: fallbacks are counted"
is "$(only_reasons provider-revoked not-a-provider)" "" "without the provider: the reason is right"
check "without the provider: said in the log" wait_for 5 said "using system memory for nsid 1 of controller"
pci_bind "$near" p2pmem-bar || bail "card"
check "with the provider again: said in the log" wait_for 5 said "using peer-to-peer memory of $near"
before=$(counter fallbacks)
peer=$(counter peer_bytes)
check "with the provider again: data" traffic_io
is "$(counter fallbacks)" "$before" "with the provider again: no fallback"
is "$(($(counter peer_bytes) - peer))" $((8 * 1024 * 1024)) "with the provider again: all in peer memory"

# another function at the same address
pci_remove "$near"
check "with the function removed: data" traffic_io
log_mark
pci_rescan
wait_for 5 test -d "/sys/bus/pci/devices/$near" || bail "the card does not come back"
pci_bind "$near" p2pmem-bar || bail "card"
check "with a new function at the address: said in the log" wait_for 5 said "using peer-to-peer memory of $near"
peer=$(counter peer_bytes)
check "with a new function at the address: data" traffic_io
is "$(($(counter peer_bytes) - peer))" $((8 * 1024 * 1024)) "with a new function at the address: all in peer memory"

# disabled and enabled below a host that is connected
ns_enable 0
check "another value while the host is connected" put 0
ns_on
# the disk may be away, and dd would make a file of its name
traffic_again()
{
	disk=$(nvme_host_disk $NQN) && [ -b "$disk" ] && traffic_io
}
check "enabled again: data" wait_for 20 traffic_again
peer=$(counter peer_bytes)
traffic_io
is "$(counter peer_bytes)" "$peer" "enabled again with 0: no peer memory"

# a directory that goes while a file in it is open
exec 5<"$ns/p2pmem_stats/fallbacks"
nvme_disconnect $NQN >/dev/null
nvmet_unlink 1 $NQN
check "removed with a counter open" nvmet_remove_namespace $NQN 1
refuses "that counter says nothing any more" . cat <&5
exec 5<&-

i=0
while [ $i -lt 50 ]; do
	fresh "$drive" 1 || break
	ns_on || break
	i=$((i + 1))
done
is $i 50 "created, enabled and removed 50 times"

done_testing
