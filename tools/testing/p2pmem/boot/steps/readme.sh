# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# For the steps of readme-test.sh: the directory readme has the README's blocks of commands.

# questions of apt are answered by the reader
echo 'APT::Get::Assume-Yes "true";' >/etc/apt/apt.conf.d/90-yes
NQN=nqn.2026-01.org.example:disk

# pasted NAME [SED]: runs a block; with what the text says to replace, and what SED changes
pasted()
{
	sed -e 's,nvme-MODEL_SERIAL,nvme-QEMU_NVMe_Ctrl_plain0,' -e "${2:-}" "readme/$1" >block && [ -s block ] || return 1
	cat block
	sh -e ./block </dev/null
}

# moves_data: 2 MiB to the connected disk and back
moves_data()
{
	wait_for 30 host_disk rdma || return 1
	data_disk=$(host_disk rdma)
	# the self-test of the path is first
	sleep 5
	head -c 2097152 /dev/urandom >data
	dd if=data of="$data_disk" bs=64k oflag=direct && dd if="$data_disk" of=back bs=64k count=32 iflag=direct && cmp data back
}

# The section "Check", in what it prints: peer bytes and no others; one provider, which the namespace, whose attribute
# is 1, and the kernel's log name
checked()
{
	pasted check-1 >said 2>&1
	cat said
	used=$(grep -Eo '[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]' "$nvmet/subsystems/$NQN/namespaces/1/p2pmem_stats/provider" | sort -u)
	echo "used: $used"
	[ "$(echo "$used" | grep -c .)" = 1 ] && [ -d "/sys/bus/pci/devices/$used/p2pmem" ] &&
		grep -Eq '^peer_bytes:[0-9]{7}' said && ! grep -q '^system_bytes:' said &&
		grep -q "using peer-to-peer memory of .*$used" said
}
