# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# nvme.sh: drives, the NVMe target in configfs, the NVMe over Fabrics host, file systems and
# the network device that they use.

nvmet=/sys/kernel/config/nvmet

# nvme_ctrl SERIAL: prints nvme0 etc.; nvme_disk SERIAL [NSID]: /dev/nvme0n1 etc.; nvme_bdf SERIAL
nvme_ctrl()
{
	for c in /sys/class/nvme/nvme*; do
		[ -e "$c/serial" ] || continue
		[ "$(tr -d ' ' <"$c/serial")" != "$1" ] || { echo "${c##*/}"; return 0; }
	done
	return 1
}

nvme_disk()
{
	nvme_c=$(nvme_ctrl "$1") || return 1
	[ -b "/dev/${nvme_c}n${2:-1}" ] && echo "/dev/${nvme_c}n${2:-1}"
}

nvme_bdf()
{
	nvme_c=$(nvme_ctrl "$1") || return 1
	cat "/sys/class/nvme/$nvme_c/address"
}

# snapshot_hides FILE: no serial number of a drive and no address of an interface is in a snapshot of this machine
snapshot_hides()
{
	cat /sys/class/nvme/nvme*/serial /sys/class/net/*/address | tr -d ' ' | grep -v -E '^(00:)*00$|^$' | sort -u >/run/secrets
	compare "$(wc -l </run/secrets)" -ge 2 "serial numbers and addresses of this machine: $(tr '\n' ' ' </run/secrets)"
	is "$(grep -i -F -f /run/secrets "$1")" "" "none of them is in $1"
	is "$(tr -d ':' </run/secrets | grep -E '^[0-9a-f]{12}$' >/run/plain; grep -i -F -f /run/plain "$1")" "" \
		"nor an address without its colons"
}

# net_setup [ADDRESS/BITS]: creates a dummy network device with that address (10.0.0.1/24), because
# rdma_cm does not support the loopback device
net_setup()
{
	modprobe dummy numdummies=0
	ip link add p2pnet0 type dummy && ip addr add "${1:-10.0.0.1/24}" dev p2pnet0 && ip link set p2pnet0 up
}

net_remove()
{
	[ ! -e /sys/class/net/p2pnet0 ] || ip link del p2pnet0
}

# nvmet_subsystem NQN: creates a subsystem that any host may connect to
nvmet_subsystem()
{
	mkdir "$nvmet/subsystems/$1" && echo 1 >"$nvmet/subsystems/$1/attr_allow_any_host"
}

# nvmet_namespace NQN NSID DEVICE [ATTRIBUTE=VALUE...]: creates a namespace, sets its attributes and
# enables it, except with enable=0
nvmet_namespace()
{
	nvmet_ns=$nvmet/subsystems/$1/namespaces/$2
	mkdir -p "$nvmet_ns" || return 1
	printf '%s' "$3" >"$nvmet_ns/device_path" || return 1
	shift 3
	nvmet_enable=1
	for a; do
		case $a in
		enable=*)	nvmet_enable=${a#enable=} ;;
		*)		printf '%s' "${a#*=}" >"$nvmet_ns/${a%%=*}" || return 1 ;;
		esac
	done
	[ "$nvmet_enable" = 0 ] || echo 1 >"$nvmet_ns/enable"
}

# nvmet_port ID TYPE [ADDRESS [SERVICE [INLINE_BYTES]]]: TYPE is rdma, tcp or loop
nvmet_port()
{
	nvmet_p=$nvmet/ports/$1
	mkdir "$nvmet_p" || return 1
	echo "$2" >"$nvmet_p/addr_trtype" || return 1
	[ "$2" != loop ] || return 0
	echo ipv4 >"$nvmet_p/addr_adrfam"
	echo "${3:-10.0.0.1}" >"$nvmet_p/addr_traddr"
	echo "${4:-4420}" >"$nvmet_p/addr_trsvcid"
	[ -z "${5:-}" ] || echo "$5" >"$nvmet_p/param_inline_data_size"
}

# nvmet_link ID NQN: exports the subsystem on the port; the first link opens the port
nvmet_link()
{
	ln -s "$nvmet/subsystems/$2" "$nvmet/ports/$1/subsystems/$2"
}

nvmet_unlink()
{
	rm "$nvmet/ports/$1/subsystems/$2"
}

nvmet_remove_namespace()
{
	echo 0 >"$nvmet/subsystems/$1/namespaces/$2/enable" && rmdir "$nvmet/subsystems/$1/namespaces/$2"
}

nvmet_remove_subsystem()
{
	for n in "$nvmet/subsystems/$1/namespaces"/*; do
		[ ! -d "$n" ] || nvmet_remove_namespace "$1" "${n##*/}" || return 1
	done
	rmdir "$nvmet/subsystems/$1"
}

nvmet_remove_port()
{
	rmdir "$nvmet/ports/$1"
}

nvmet_remove_all()
{
	[ -d "$nvmet" ] || return 0
	nvmet_rc=0
	for l in "$nvmet"/ports/*/subsystems/*; do
		[ ! -L "$l" ] || rm "$l" || nvmet_rc=1
	done
	for l in "$nvmet"/subsystems/*/allowed_hosts/*; do
		[ ! -L "$l" ] || rm "$l" || nvmet_rc=1
	done
	for l in "$nvmet"/ports/*; do
		[ ! -d "$l" ] || rmdir "$l" || nvmet_rc=1
	done
	for l in "$nvmet"/subsystems/*; do
		[ ! -d "$l" ] || nvmet_remove_subsystem "${l##*/}" || nvmet_rc=1
	done
	for l in "$nvmet"/hosts/*; do
		[ ! -d "$l" ] || rmdir "$l" || nvmet_rc=1
	done
	return $nvmet_rc
}

# nvme_connect TYPE NQN [ADDRESS [SERVICE [NVME_CLI_OPTION...]]]
nvme_connect()
{
	nvme_type=$1 nvme_nqn=$2 nvme_addr=${3:-10.0.0.1} nvme_svc=${4:-4420}
	if [ $# -gt 4 ]; then shift 4; else shift $#; fi
	if [ "$nvme_type" = loop ]; then
		nvme connect -t loop -n "$nvme_nqn" "$@"
	else
		nvme connect -t "$nvme_type" -a "$nvme_addr" -s "$nvme_svc" -n "$nvme_nqn" "$@"
	fi
}

# nvme_host_disk NQN [NSID [N]]: waits for the block device of the N-th (first) connection, prints it
nvme_host_disk()
{
	wait_for 20 nvme_host_disk_now "$@" && nvme_host_disk_now "$@"
}

nvme_host_disk_now()
{
	for c in /sys/class/nvme/nvme*; do
		[ "$(cat "$c/transport" 2>/dev/null)" != pcie ] || continue
		[ "$(cat "$c/subsysnqn" 2>/dev/null)" = "$1" ] || continue
		for n in "$c"/nvme*n*; do
			[ "$(cat "$n/nsid" 2>/dev/null)" = "${2:-1}" ] && [ -b "/dev/${n##*/}" ] && echo "/dev/${n##*/}"
		done
	done | sed -n "${3:-1}p" | grep .
}

nvme_disconnect()
{
	nvme disconnect -n "$1"
}

nvme_disconnect_all()
{
	ls /sys/class/nvme-fabrics/ctl/nvme* >/dev/null 2>&1 || return 0
	nvme disconnect-all
}

# unmount_all: unmounts all block devices
unmount_all()
{
	unmount_rc=0
	awk '$1 ~ /^\/dev\// { print $2 }' /proc/mounts | sort -r >/run/mounted
	while read -r m; do
		umount "$m" || unmount_rc=1
	done </run/mounted
	return $unmount_rc
}

# drop_caches: so that the next read comes from the device
drop_caches()
{
	sync
	echo 3 >/proc/sys/vm/drop_caches
}

# checksum FILE [BYTES]: SHA-256 of a file's or device's first bytes
checksum()
{
	if [ -n "${2:-}" ]; then
		head -c "$2" "$1" | sha256sum
	else
		sha256sum <"$1"
	fi | cut -d' ' -f1
}
