# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# For the steps, which run in the booted system with this file and others beside them; "vars" has
# what the test knows: OLDER and NEWER, the releases of two kernels. Descriptor 3 is the report.

# shellcheck disable=SC1091
. ./vars
running=$(uname -r)
nvmet=/sys/kernel/config/nvmet
NQN=nqn.2026-01.test:boot
MODULES="p2pdma p2pmem-bar ib_core nvme nvmet nvmet-rdma"

say()
{
	echo "$*" >&3
}

# plan NUMBER: how many checks this step makes
plan()
{
	say "plan $1"
}

# check NAME COMMAND...
check()
{
	name=$1
	shift
	if "$@" >/run/step/log 2>&1; then
		say "ok - $name"
	else
		say "not ok - $name"
		tail -n 12 /run/step/log | sed 's/^/# /' >&3
	fi
}

# is GOT WANTED NAME
is()
{
	if [ "$1" = "$2" ]; then
		say "ok - $3"
	else
		say "not ok - $3"
		printf 'got    %s\nwanted %s\n' "$1" "$2" | sed 's/^/# /' >&3
	fi
}

# wait_for SECONDS COMMAND...
wait_for()
{
	wait_end=$(($(date +%s) + $1))
	shift
	until "$@"; do
		[ "$(date +%s)" -lt $wait_end ] || return 1
		sleep 0.5
	done
}

# file_of MODULE [RELEASE]: what modprobe would load
file_of()
{
	modinfo -k "${2:-$running}" -n "$1"
}

# loaded MODULE PATTERN: the loaded module is the file that modprobe would load, and that matches
loaded()
{
	loaded_file=$(file_of "$1")
	echo "file $loaded_file $(modinfo -F srcversion "$loaded_file"), loaded $(cat "/sys/module/$(echo "$1" | tr - _)/srcversion")"
	# shellcheck disable=SC2254	# a pattern is meant
	case $loaded_file in
	$2) ;;
	*) return 1 ;;
	esac
	[ "$(cat "/sys/module/$(echo "$1" | tr - _)/srcversion")" = "$(modinfo -F srcversion "$loaded_file")" ]
}

# carries_root PATTERN: the driver of the root file system's disk is a file that matches
carries_root()
{
	root_disk=$(findmnt -no SOURCE /)
	echo "root is $root_disk"
	case $root_disk in
	/dev/nvme*) ;;
	*) return 1 ;;
	esac
	[ "$(readlink -f "/sys/class/block/${root_disk#/dev/}/../device/driver" | sed 's,.*/,,')" = nvme ] ||
		[ -e "/sys/bus/pci/drivers/nvme/$(pci_of root0)" ] || return 1
	loaded nvme "$1"
}

# all six modules that modprobe would load for RELEASE are ours
ours()
{
	for m in $MODULES; do
		case $(file_of "$m" "$1") in
		*/updates/p2pmem/"$m".ko | */updates/p2pmem-b/"$m".ko) ;;
		*) echo "$m: $(file_of "$m" "$1")"; return 1 ;;
		esac
	done
}

# all of them are the distribution's, as far as that has them
distribution()
{
	for m in ib_core nvme nvmet nvmet-rdma; do
		case $(file_of "$m" "$1") in
		*/kernel/drivers/*) ;;
		*) echo "$m: $(file_of "$m" "$1")"; return 1 ;;
		esac
	done
	! file_of p2pdma "$1"
}

# initramfs_of RELEASE: the file of nvme in it
initramfs_of()
{
	lsinitramfs "/boot/initrd.img-$1" | grep '/nvme\.ko'
}

# in_initramfs RELEASE PATTERN: one nvme driver, whose path matches
in_initramfs()
{
	initramfs_of "$1" >/run/step/found
	cat /run/step/found
	[ "$(grep -c . /run/step/found)" = 1 ] && grep -q "$2" /run/step/found
}

# set_of MODULE FILE: the set that a file is of: "before" or "after", whose sums the file "sets" has in lines SET SUM
# MODULE, the distribution's, which has neither p2pdma nor p2pmem-bar, or else "neither"
set_of()
{
	case $1,$2 in
	*,*/kernel/* | p2pdma, | p2pmem-bar,)
		echo distribution
		return
		;;
	esac
	[ -s "$2" ] || { echo neither; return; }
	set_sum=$(sha256sum <"$2" | cut -d ' ' -f 1)
	awk -v sum="$set_sum" -v module="$1" '
		$2 == sum && $3 == module { print $1; found = 1; exit }
		END { if (!found) print "neither" }' sets
}

# one_set: of lines MODULE FILE, all files are of the set of before, the distribution's if "sets" has no other, or all
# are of the set of after
one_set()
{
	while read -r one_module one_file; do
		echo "$(set_of "$one_module" "$one_file") $one_module $one_file"
	done >one
	cat one
	case $(cut -d ' ' -f 1 one | sort -u | tr '\n' ' ') in
	"after " | "before ") ;;
	"distribution ") ! grep -q '^before ' sets ;;
	*) return 1 ;;
	esac
}

# chosen RELEASE: lines MODULE FILE for one_set, of what modprobe would load
chosen()
{
	for m in $MODULES; do
		echo "$m $(file_of "$m" "$1" 2>/dev/null)"
	done
}

# in_image RELEASE: the same, of what is in the initramfs. The distribution's is large, and not unpacked for its names
in_image()
{
	lsinitramfs "/boot/initrd.img-$1" >listed || return 1
	rm -rf unpacked
	! grep -q updates/p2pmem listed || unmkinitramfs "/boot/initrd.img-$1" unpacked || return 1
	for m in $MODULES; do
		grep "/$m\.ko" listed | while read -r image_file; do
			[ ! -d unpacked ] || image_file=$(find unpacked -path "*/${image_file#/}")
			echo "$m $image_file"
		done
	done
}

# pci_of SERIAL: the function of a drive
pci_of()
{
	for c in /sys/class/nvme/nvme*; do
		[ "$(cat "$c/transport")" = pcie ] && [ "$(tr -d ' ' <"$c/serial")" = "$1" ] &&
			cat "$c/address"
	done
	return 0
}

# disk_of SERIAL: /dev/nvmeXn1
disk_of()
{
	for c in /sys/class/nvme/nvme*; do
		if [ "$(cat "$c/transport")" = pcie ] && [ "$(tr -d ' ' <"$c/serial")" = "$1" ]; then
			for d in "$c"/nvme*n1; do echo "/dev/${d##*/}"; done
		fi
	done
}

# the memory card
card()
{
	lspci -D -d 1af4:1110 | cut -d ' ' -f 1
}

# units that have failed
failed_units()
{
	systemctl --failed --no-legend --plain | awk '{ print $1 }' | sort | tr '\n' ' '
}

# lines of a unit's output since this boot
said_by()
{
	journalctl -b -o cat -u "$1" --no-pager | grep -v '^\(Starting\|Started\|Finished\|Failed to start\|Stopp\|Deactivated\|'"$1"': \)'
}

# counter NAME: of namespace 1
counter()
{
	cat "$nvmet/subsystems/$NQN/namespaces/1/p2pmem_stats/$1"
}

# the disk of a connection by transport $1
host_disk()
{
	for c in /sys/class/nvme/nvme*; do
		[ "$(cat "$c/transport")" = "$1" ] || continue
		for n in "$c"/nvme*n1; do
			[ ! -b "/dev/${n##*/}" ] || { echo "/dev/${n##*/}"; return 0; }
		done
	done
	return 1
}

# through TRANSPORT ADDRESS: 2 MiB written by a local host through the target, read back, and compared
through()
{
	nvme connect -t "$1" -a "$2" -s 4420 -n $NQN --keep-alive-tmo=60 || return 1
	wait_for 30 host_disk "$1" || return 1
	through_disk=$(host_disk "$1")
	# the self-test of the path is first
	sleep 5
	head -c 2097152 /dev/urandom >/run/step/data
	dd if=/run/step/data of="$through_disk" bs=64k oflag=direct &&
		dd if="$through_disk" of=/run/step/back bs=64k count=32 iflag=direct &&
		cmp /run/step/data /run/step/back
	through_status=$?
	nvme disconnect -n $NQN
	return $through_status
}

# more_than_moved: the counter of peer memory has grown by what was written and read
peer_io()
{
	before=$(counter peer_bytes)
	through rdma 10.0.0.1 || return 1
	after=$(counter peer_bytes)
	echo "peer_bytes $before $after, system_bytes $(counter system_bytes), provider $(counter provider)"
	say "data peer_bytes $((after - before))"
	[ $((after - before)) -ge 4194304 ]
}

# newer_serves: five checks of a boot of the newer kernel with our modules, of which nothing is wrong
newer_serves()
{
	is "$running" "$NEWER" "the newer kernel is running"
	check "our nvme carries the root file system" carries_root '*/updates/p2pmem*/nvme.ko'
	is "$(failed_units)" "" "no unit has failed"
	is "$(said_by p2pmem-boot.service)" "" "the check at boot has nothing to say"
	modprobe nvme-rdma
	check "the restored target uses peer memory" peer_io
}
