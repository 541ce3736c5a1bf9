# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
# The first boot with Secure Boot: what the kernel would not load is not installed, what it would is.
. ./lib.sh
plan 14

# refused TEXT COMMAND...: the command fails, says TEXT in one line, and nothing has changed
refused()
{
	refused_text=$1
	shift
	! "$@" >said 2>&1 || return 1
	cat said
	[ "$(grep -c "$refused_text" said)" = 1 ] && distribution "$running" && in_initramfs "$running" kernel/drivers/nvme
}

# the kernel itself refuses a module of a set
kernel_refuses()
{
	modprobe -a libcrc32c configfs 2>/dev/null
	! insmod "$1" 2>said || return 1
	cat said
	grep -Eq "Key was rejected|Operation not permitted|Required key not available" said
}

is "$(mokutil --sb-state 2>&1)" "SecureBoot enabled" "Secure Boot is on"
is "$(grep -o '\[[a-z]*\]' /sys/kernel/security/lockdown)" "[integrity]" "the kernel is locked down"
check "the distribution's nvme carries the root file system" carries_root '*/kernel/drivers/nvme/*'
check "the kernel refuses a module without a signature" kernel_refuses tree/build/stock/"$running"/modules/p2pdma.ko
export KVER="$running"
check "a package without signatures is refused" refused "Secure Boot is on and these modules are not signed" dpkg -i unsigned.deb
check "one signed with a key that is not enrolled is refused" refused "the key of these modules is not enrolled" dpkg -i other.deb
check "install.sh refuses without a key" refused "Secure Boot is on, the kernel would reject unsigned modules" tree/tools/packaging/install.sh install
check "install.sh refuses a key that is not enrolled" refused "the key of these modules is not enrolled" \
	env SIGN_KEY=tree/other.key SIGN_CERT=tree/other.der tree/tools/packaging/install.sh install
cp tree/build/stock/"$running"/modules/p2pdma.ko other.ko
check "a module is signed with a key that is not enrolled" tree/sign-file sha256 tree/other.key tree/other.der other.ko
is "$(modinfo -F signer ./other.ko)" "p2pmem test other" "it has that signature"
check "and so does the kernel" kernel_refuses other.ko
# shellcheck disable=SC2016	# the other shell expands it
check "one signed with an enrolled key is installed" sh -c 'dpkg --purge p2pmem-modules-$KVER; apt-get install -y ./ours.deb ./p2pmem_*.deb'
check "modprobe would load ours" ours "$running"
check "the initramfs has our nvme" in_initramfs "$running" updates/p2pmem
echo 'SUBSYSTEM=="pci", ATTR{vendor}=="0x1af4", ATTR{device}=="0x1110", ENV{P2PMEM_BAR}="1"' >/etc/udev/rules.d/50-card.rules
