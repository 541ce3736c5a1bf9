# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
# The boot after a power cut: the system is up, and one set of modules is whole, on the disk and in the
# initramfs. The next run of the same command comes to its end.
. ./lib.sh
plan 6

# whole: all modules that modprobe would load are of one set, are there, and depend on nothing that is not
whole()
{
	if distribution "$running"; then
		echo "distribution"
	elif ours "$running"; then
		echo "ours"
	else
		echo "neither"
		return 1
	fi
	for m in ib_core nvme nvmet nvmet-rdma; do
		modprobe --show-depends "$m" | awk '$1 == "insmod" { print $2 }'
	done | sort -u >files
	while read -r f; do
		[ -s "$f" ] || { echo "$f is not there"; return 1; }
	done <files
	# the kernel takes all of them together with what is loaded, unless that is of the other set
	sets=$(grep -o 'updates/p2pmem[^/]*' files | sort -u | wc -l)
	[ "$sets" -le 1 ]
}

check "an nvme driver carries the root file system" sh -c '[ -e /sys/module/nvme ] && findmnt -no SOURCE / | grep -q "^/dev/nvme"'
check "one set of modules is whole" whole
sed 's/^/# /' log >&3
if [ -e "/usr/lib/p2pmem/$running" ]; then
	check "dpkg comes to its end" sh -c 'dpkg --configure -a; sh ./command'
else
	check "the next run comes to its end" sh ./command
fi
check "modprobe would load ours" ours "$running"
check "the initramfs has our nvme" in_initramfs "$running" updates/p2pmem
is "$(find "/lib/modules/$running/updates" -name nvme.ko | wc -l) $(find /lib/modules -maxdepth 1 -name '.p2pmem*' | wc -l)" "1 0" "nothing of the interrupted run is left"
