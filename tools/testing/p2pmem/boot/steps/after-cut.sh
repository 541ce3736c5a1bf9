# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
# The boot after a power cut: the system is up, and one set of modules is whole, on the disk and in the
# initramfs. The next run of the same command comes to its end, and leaves the set of after in both.
. ./lib.sh
plan 10

# whole: all modules that modprobe would load are of one set, are there, and depend on nothing that is not
whole()
{
	chosen "$running" | one_set || return 1
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

# the initramfs has nvme once, and all of ours in it are of one set
whole_image()
{
	in_image "$running" >image
	[ "$(grep -c '^nvme ' image)" = 1 ] && one_set <image
}

# all_after LINES: all of the lines that one_set wants are of the set of after
all_after()
{
	one_set <"$1" && ! grep -v '^after ' one
}

check "an nvme driver carries the root file system" sh -c '[ -e /sys/module/nvme ] && findmnt -no SOURCE / | grep -q "^/dev/nvme"'
check "one set of modules is whole" whole
sed 's/^/# /' log >&3
check "the kernel loads nvmet and nvmet-rdma of it" modprobe -a nvmet nvmet-rdma
check "the initramfs has the modules of one set" whole_image
sed 's/^/# /' log >&3
if [ -e "/usr/lib/p2pmem/$running" ]; then
	check "dpkg comes to its end" sh -c 'dpkg --configure -a; sh ./command'
else
	check "the next run comes to its end" sh ./command
fi
# shellcheck disable=SC2016	# dpkg-query expands it
is "$(dpkg-query -W -f '${db:Status-Abbrev} ${Package} ${Version}\n' 'p2pmem*' | grep -v '^un' | sort)" "$(cat states)" \
	"dpkg has the packages of after, whole, or none"
chosen "$running" >disk
check "modprobe would load the new set" all_after disk
in_image "$running" >image
check "the initramfs has one nvme" test "$(grep -c '^nvme ' image)" = 1
check "and ours are of the new set" all_after image
is "$(find "/lib/modules/$running/updates" -name nvme.ko | wc -l) $(find /lib/modules -maxdepth 1 -name '.p2pmem*' | wc -l)" "1 0" "nothing of the interrupted run is left"
