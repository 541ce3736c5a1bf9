# SPDX-License-Identifier: GPL-2.0-only
#
# Runs in a copy of the system, see run.sh: /debs has the packages. Prints "ok TEXT" and "not_ok TEXT",
# then what failed after "#", and "end".
# shellcheck shell=sh

export DEBIAN_FRONTEND=noninteractive PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
unset TMPDIR
cd / || exit 1

check()
{
	name=$1
	shift
	if "$@" >/debs/log 2>&1; then
		echo "ok $name"
	else
		echo "not_ok $name"
		tail -n 12 /debs/log | sed 's/^/# /'
	fi
}

# says PATTERN COMMAND...: one line of the output matches
says()
{
	pattern=$1
	shift
	"$@" >/debs/said 2>&1
	cat /debs/said
	[ "$(grep -c "$pattern" /debs/said)" = 1 ]
}

# refused PATTERN COMMAND...: and it fails
refused()
{
	pattern=$1
	shift
	if "$@" >/debs/said 2>&1; then cat /debs/said; return 1; fi
	cat /debs/said
	[ "$(grep -c "$pattern" /debs/said)" = 1 ]
}

# one_line PATTERN COMMAND...: it succeeds, and of what p2pmem says one line matches, and there is no other
one_line()
{
	pattern=$1
	shift
	"$@" >/debs/said 2>&1 || { cat /debs/said; return 1; }
	cat /debs/said
	grep -c "$pattern" /debs/said | grep -qx 1 && [ "$(grep -c '^p2pmem' /debs/said)" = 1 ]
}

# empty FILE: shows it and fails if there is anything in it
empty()
{
	cat "$1"
	[ ! -s "$1" ]
}

# empty_directory DIRECTORY: there is no file in it, or it does not exist
empty_directory()
{
	find "$1" -type f >/debs/found 2>/dev/null
	empty /debs/found
}

from()
{
	modinfo -k "$KVER" -n "$1"
}

ours()
{
	for m in $MODULES; do
		case $(from "$m") in */updates/p2pmem/$m.ko | */updates/p2pmem-b/$m.ko) ;; *) echo "$m: $(from "$m")"; return 1 ;; esac
	done
	grep -x "ours" "/boot/initrd.img-$KVER"
}

distribution()
{
	for m in ib_core nvme nvmet nvmet-rdma; do
		case $(from "$m") in */kernel/drivers/*) ;; *) echo "$m: $(from "$m")"; return 1 ;; esac
	done
	! from p2pdma || return 1
	grep -x "distribution" "/boot/initrd.img-$KVER"
}

# files that packages may leave
files()
{
	find /etc /usr/lib/modprobe.d /usr/lib/p2pmem /var/lib/p2pmem /usr/lib/udev /usr/lib/systemd /usr/sbin /usr/bin /usr/src /usr/share/doc \
		/usr/share/man/man8 /lib/modules /var/lib/systemd /run/depmod.d ! -type d ! -name 'modules.*' \
		! -path '/etc/ld.so.cache' 2>/dev/null | grep -v "/lib/modules/$NEXT/" | LC_ALL=C sort
	ls -d "/lib/modules/$KVER/updates" 2>/dev/null
}

installed()
{
	dpkg-query -W -f '${db:Status-Status} ${Version}\n' "$1" 2>/dev/null
}

# an initramfs has what modprobe prefers when it is made; a script in the place of the program
cat >/usr/sbin/update-initramfs <<'END'
#!/bin/sh
while [ $# -gt 0 ]; do case $1 in -k) k=$2 ;; esac; shift; done
[ -n "$k" ] && [ "$k" != all ] || exit 0
f=$(modinfo -k "$k" -n nvme 2>/dev/null)
# a file that has gone is none
[ -s "$f" ] || f=none
case $f in */updates/p2pmem/* | */updates/p2pmem-b/*) w=ours ;; */kernel/*) w=distribution ;; *) w="$f" ;; esac
echo "$k" >>/debs/renewed
echo "$w" >/boot/initrd.img-$k.new && mv /boot/initrd.img-$k.new /boot/initrd.img-$k
END
chmod +x /usr/sbin/update-initramfs
# as Debian's
mkdir -p /etc/kernel/postinst.d
# shellcheck disable=SC2016	# the hook expands it
printf '#!/bin/sh\nexec update-initramfs -c -k "$1"\n' >/etc/kernel/postinst.d/initramfs-tools
chmod +x /etc/kernel/postinst.d/initramfs-tools
rm -rf "/lib/modules/$KVER" "/lib/modules/$NEXT"
mkdir -p /lib/modules
dpkg --purge p2pmem p2pmem-modules p2pmem-dkms >/dev/null 2>&1
release=$(echo /debs/p2pmem-modules-"$KVER"_*.deb)
meta=$(echo /debs/p2pmem-modules_*.deb)
tools=$(echo /debs/p2pmem_*.deb)

check "an image, and no package of ours" dpkg -i "/debs/linux-image-$KVER.deb"
check "the distribution's modules are used" distribution
files >/debs/before

# a kernel that would refuse them
mkdir -p /sys/firmware/efi/efivars
printf '\006\000\000\000\001' >/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c
check "Secure Boot: unsigned modules are refused, in one line" refused "$KVER: Secure Boot is on and these modules are not signed" dpkg -i "$release"
check "Secure Boot: nothing is installed" test "$(installed "p2pmem-modules-$KVER" | cut -d ' ' -f 1)" != installed
# mokutil_says TEXT: of every key
mokutil_says()
{
	# shellcheck disable=SC2016	# the script expands it
	printf '#!/bin/sh\necho "$2 %s"\n' "$1" >/usr/local/bin/mokutil
	chmod +x /usr/local/bin/mokutil
}

mokutil_says "is not enrolled"
check "Secure Boot: a key that is not enrolled is refused" refused "is not enrolled: mokutil --import" sh -c 'dpkg -i /debs/signed/*.deb'
check "Secure Boot: mokutil can read the key" openssl x509 -inform DER -in /var/lib/p2pmem-key.der -noout
mokutil_says "is already in the enrollment request"
check "Secure Boot: a key that waits for a confirmation is refused" refused "not enrolled yet: reboot and confirm it" sh -c 'dpkg -i /debs/signed/*.deb'
mokutil_says "is already in MokListX"
check "Secure Boot: a key that is blocked is refused" refused "does not say that the key .* is enrolled (.* MokListX)" sh -c 'dpkg -i /debs/signed/*.deb'
cat >/usr/local/bin/mokutil <<'END'
#!/bin/sh
cmp -s "$2" /var/lib/p2pmem-key.der && echo "$2 is already enrolled"
END
check "Secure Boot: signed modules are installed" sh -c 'dpkg -i /debs/signed/*.deb'
check "Secure Boot: with their signature" sh -c "modinfo -F signer -k $KVER nvme | grep -qx 'p2pmem test'"
check "Secure Boot: the key is not kept" test ! -e /var/lib/p2pmem-key.der
: >/var/lib/p2pmem-key.der
check "and purged" dpkg --purge "p2pmem-modules-$KVER"
check "with the key that was kept to be enrolled" test ! -e /var/lib/p2pmem-key.der
# where shim does not validate, the kernel loads all modules
printf '\006\000\000\000\000' >/sys/firmware/efi/efivars/MokSBStateRT-605dab50-e046-4300-abb6-3dd810dd8b23
check "Secure Boot, shim validates: unsigned modules are refused" \
	refused "Secure Boot is on and these modules are not signed" dpkg -i "$release"
printf '\007\000\000\000\001' >/sys/firmware/efi/efivars/MokSBStateRT-605dab50-e046-4300-abb6-3dd810dd8b23
check "Secure Boot, a variable that is not shim's: the same" \
	refused "Secure Boot is on and these modules are not signed" dpkg -i "$release"
printf '\006\000\000\000\001' >/sys/firmware/efi/efivars/MokSBStateRT-605dab50-e046-4300-abb6-3dd810dd8b23
check "Secure Boot, shim does not validate: unsigned modules are installed" dpkg -i "$release"
check "and purged" dpkg --purge "p2pmem-modules-$KVER"
rm -f /sys/firmware/efi/efivars/* /usr/local/bin/mokutil
# a variable of another vendor
printf '\006\000\000\000\001' >/sys/firmware/efi/efivars/SecureBoot-00000000-0000-0000-0000-000000000000
check "Secure Boot, a variable of another name: unsigned modules are installed" dpkg -i "$release"
check "and purged" dpkg --purge "p2pmem-modules-$KVER"
rm -f /sys/firmware/efi/efivars/*
for how in "$release" /debs/signed/*.deb; do
	check "EFI without efivars and lockdown: refused in one line, with the remedy" \
		refused "Secure Boot may be on .*: mount -t efivarfs efivarfs /sys/firmware/efi/efivars, then install again" dpkg -i "$how"
done
check "by install.sh, too" refused "Secure Boot may be on .*: mount -t efivarfs" /debs/tree/tools/packaging/install.sh install
check "and nothing is installed" empty_directory "/lib/modules/$KVER/updates"
# the same without Secure Boot
mkdir -p /sys/module/module/parameters /sys/kernel/security
echo Y >/sys/module/module/parameters/sig_enforce
check "sig_enforce: unsigned modules are refused" refused "runs with module.sig_enforce=1 and these modules are not signed" dpkg -i "$release"
echo N >/sys/module/module/parameters/sig_enforce
echo "none [integrity] confidentiality" >/sys/kernel/security/lockdown
check "lockdown: unsigned modules are refused" refused "is locked down (lockdown=) and these modules are not signed" dpkg -i "$release"
echo "[none] integrity confidentiality" >/sys/kernel/security/lockdown
rm /sys/kernel/security/lockdown
mv /sys/firmware/efi /sys/firmware/none
check "no EFI, no lockdown: unsigned modules are installed" dpkg -i "$release"
check "and purged" dpkg --purge "p2pmem-modules-$KVER"
check "the distribution's modules are used again" distribution

mkdir -p "/lib/modules/$KVER/updates/p2pmem"
cp "/lib/modules/$KVER/kernel/drivers/nvme/host"/nvme.ko* "/lib/modules/$KVER/updates/p2pmem/nvme.ko"
check "modules that were installed by hand are not overwritten" refused "was installed by hand: run install.sh uninstall" dpkg -i "$release"
rm -r "/lib/modules/$KVER/updates"
dpkg --purge "p2pmem-modules-$KVER" >/dev/null 2>&1

# install.sh, without a directory that it is to install below
by_hand=/debs/tree/tools/packaging/install.sh
mount -t tmpfs -o size=3m none /boot
echo kernel >"/boot/vmlinuz-$KVER"
yes | head -c 1m >"/boot/initrd.img-$KVER"
check "install.sh, no space in /boot: one line" \
	refused "no space: /boot has .* MiB free, another initramfs of $KVER needs .* MiB" "$by_hand" install
check "and nothing is installed" test ! -e "/lib/modules/$KVER/updates"
mount -o remount,size=8m /boot
yes | head -c 3m >"/boot/initrd.img-$KVER.new"
check "install.sh, with room but for what an interrupted run has left" "$by_hand" install
check "our modules are used" ours
check "and the file has gone" test ! -e "/boot/initrd.img-$KVER.new"
check "and removes them" "$by_hand" uninstall
mount -o remount,size=3m /boot
yes | head -c 1m >"/boot/initrd.img-$KVER"
check "install.sh, INITRAMFS=no: it needs no room" env INITRAMFS=no "$by_hand" install
check "and removes its set" env INITRAMFS=no "$by_hand" uninstall
umount /boot
check "install.sh with room" "$by_hand" install
check "our modules are used" ours
check "another revision of the image: one line names the remedy" one_line "the image of $KVER is another revision .* run make modules RELEASE=newest, then install.sh install" \
	dpkg -i /debs/revised-image.deb
check "the distribution's modules are used, by the initramfs too" distribution
check "the image of before" dpkg -i "/debs/linux-image-$KVER.deb"
check "install.sh once more" "$by_hand" install
check "our modules are used" ours
check "the same revision of the image" dpkg -i "/debs/linux-image-$KVER.deb"
check "our modules are used, by the initramfs too" ours
check "and removes them" "$by_hand" uninstall
check "the distribution's modules are used" distribution

mkdir -p "/lib/modules/$KVER/updates/dkms"
cp /debs/ib_core.ko "/lib/modules/$KVER/updates/dkms/"
check "a rival is refused, in one line" refused "updates/dkms/ib_core.ko replaces ib_core already: remove the package" dpkg -i "$release"
check "a rival: nothing is half installed" test "$(installed "p2pmem-modules-$KVER" | cut -d ' ' -f 1)" != half-installed
rm -r "/lib/modules/$KVER/updates"

# the same modules by hand, and those of DKMS
mkdir -p "/lib/modules/$KVER/updates/p2pmem-b"
: >"/lib/modules/$KVER/updates/p2pmem-b/nvme.ko"
check "p2pmem-dkms is refused beside modules that were installed by hand" \
	refused "would replace two of the six modules in .*p2pmem-b: do without p2pmem-dkms, or remove" dpkg -i --force-depends /debs/p2pmem-dkms_*.deb
# dkms_preinst OPERATION: what the package does first
dkms_preinst()
{
	dpkg-deb -I /debs/p2pmem-dkms_*.deb preinst | sh -s "$@"
}

check "but upgraded" dkms_preinst upgrade 1
rm -r "/lib/modules/$KVER/updates"
mkdir -p "/lib/modules/$NEXT/updates/p2pmem"
: >"/lib/modules/$NEXT/updates/p2pmem/nvme.ko"
check "and installed beside those of a kernel that has gone" dkms_preinst install
rm -r "/lib/modules/$NEXT"

check "install" dpkg -i "$release" "$meta" "$tools"
check "our modules are used, by the initramfs too" ours
check "the command runs" p2pmem --version
check "submission queues stay in RAM" sh -c "modprobe -c | grep -qx 'options nvme use_cmb_sqes=0'"
check "p2pmem-modules finds nothing wrong" p2pmem-modules status "$KVER"
check "and is in a user's PATH" env PATH=/usr/bin:/bin p2pmem-modules status "$KVER"
check "the check at boot is enabled" test -L /etc/systemd/system/multi-user.target.wants/p2pmem-boot.service
check "and exports are not" test ! -e /etc/systemd/system/multi-user.target.wants/nvmet-export.service
if command -v systemd-analyze >/dev/null; then
	check "the units are valid" systemd-analyze verify --man=no /lib/systemd/system/p2pmem-boot.service /lib/systemd/system/nvmet-export.service
else
	echo "ok the units are valid # SKIP this machine has no systemd-analyze"
fi
check "install.sh leaves a package's modules alone" test "$(dpkg-query -S "/usr/lib/p2pmem/$KVER/nvme.ko")" = "p2pmem-modules-$KVER: /usr/lib/p2pmem/$KVER/nvme.ko"

# a new kernel
check "a new kernel: one line when it is installed" says "kernel $NEXT has no p2pmem modules .* install p2pmem-modules-$NEXT, .* or boot $KVER" \
	dpkg -i "/debs/linux-image-$NEXT.deb"
printf '#!/bin/sh\necho %s\n' "$NEXT" >/usr/local/bin/uname
chmod +x /usr/local/bin/uname
check "a new kernel: one line at boot" refused "kernel $NEXT has no p2pmem modules" p2pmem-modules boot
check "a new kernel: its initramfs has the distribution's driver" grep -qx distribution "/boot/initrd.img-$NEXT"
printf '#!/bin/sh\necho %s\n' "$KVER" >/usr/local/bin/uname
check "the old kernel: silence at boot" p2pmem-modules boot
check "and it is silent" test ! -s /debs/log

# rivals
mkdir -p "/lib/modules/$KVER/updates/dkms" /run/depmod.d
cp /debs/ib_core.ko "/lib/modules/$KVER/updates/dkms/"
echo "search updates/dkms updates built-in" >/run/depmod.d/rival.conf
depmod "$KVER"
check "a rival is named at boot" refused "updates/dkms/ib_core.ko, of no package .*, replaces p2pmem's ib_core" p2pmem-modules boot
rm -r "/lib/modules/$KVER/updates/dkms" /run/depmod.d/rival.conf
rmdir /run/depmod.d
depmod "$KVER"
rm /usr/local/bin/uname

# upgrades
mount -t tmpfs -o size=3m none /boot
cp "/debs/linux-image-$KVER.deb" /boot/filler
echo ours >"/boot/initrd.img-$KVER"
was=$(installed "p2pmem-modules-$KVER")
check "no space in /boot: one line" refused "no space: /boot has .* MiB free, the initramfs of this kernel needs" dpkg -i /debs/modules-higher.deb
check "no space in /boot: nothing is half installed" test "$(installed "p2pmem-modules-$KVER")" = "$was"
check "and our modules are used" ours
umount /boot
# modprobe prefers updates/
mkdir "/lib/modules/$KVER/extra"
cp /debs/ib_core.ko "/lib/modules/$KVER/extra/"
depmod "$KVER"
check "a rival that came later and is not used: upgrade" dpkg -i --force-depends /debs/modules-higher.deb
rm -r "/lib/modules/$KVER/extra"
depmod "$KVER"
check "is the new version" test "$(installed "p2pmem-modules-$KVER")" = "$was.1"
check "our modules are used" ours
check "the old set has gone" test "$(find "/lib/modules/$KVER" -name 'p2pmem*' -type d | wc -l) $(find /lib/modules -name '.p2pmem*' | wc -l)" = "1 0"
check "six files" test "$(find "/lib/modules/$KVER/updates" -type f ! -name image | wc -l)" = 6

# removal where there is no room, which removing a kernel is to make
full_boot()
{
	mount -t tmpfs -o size=3m none /boot
	echo kernel >"/boot/vmlinuz-$KVER"
	echo ours >"/boot/initrd.img-$KVER"
	# a copy of a system may have no devices
	! yes >/boot/filler
	df -Pk /boot
	[ "$(df -Pk /boot | awk 'END { print $4 }')" = 0 ]
}

# the whole set is there in the initramfs of before
half_distribution()
{
	case $(from nvme) in */kernel/drivers/*) ;; *) from nvme; return 1 ;; esac
	grep -x ours "/boot/initrd.img-$KVER"
}

# where there is no initramfs in /boot
small_modules()
{
	mkdir -p "/lib/modules/$KVER" /debs/boot
	mount -t tmpfs -o size=1m none "/lib/modules/$KVER" && mount --bind /debs/boot /boot || return 1
	refused "no space: /lib/modules/$KVER has 1 MiB free, another set of modules needs 8 MiB" \
		dpkg -i --force-depends /debs/modules-higher.deb
	small_status=$?
	umount /boot
	umount "/lib/modules/$KVER"
	rmdir "/lib/modules/$KVER"
	return $small_status
}

check "/boot is full" full_boot
check "a removal that fails needs no room to be undone" sh "/var/lib/dpkg/info/p2pmem-modules-$KVER.postinst" abort-remove
check "and leaves our modules in use" ours
check "no space in /boot: a removal says so and succeeds" says "the initramfs of $KVER cannot be renewed .* it boots, with p2pmem's modules" \
	dpkg --remove --force-depends "p2pmem-modules-$KVER"
check "it is removed" test "$(installed "p2pmem-modules-$KVER" | cut -d ' ' -f 1)" = config-files
check "the distribution's modules are used, after a boot with that initramfs" half_distribution
check "and can be removed with its kernel, too" dpkg --remove --force-depends "linux-image-$KVER"
umount /boot
check "image and modules are installed again" dpkg -i --force-depends "/debs/linux-image-$KVER.deb" /debs/modules-higher.deb
check "our modules are used" ours
# shellcheck source=tools/testing/p2pmem/tests/deb/initramfs.sh
. /debs/initramfs.sh
echo "linux-image-$KVER deinstall" | dpkg --set-selections
printf '#!/bin/sh\necho %s\n' "$KVER" >/usr/local/bin/uname
chmod +x /usr/local/bin/uname
check "removal before that of the running image, which may be refused" dpkg --remove --force-depends "p2pmem-modules-$KVER"
rm /usr/local/bin/uname
check "its initramfs has the distribution's driver" distribution
check "the modules again" dpkg -i --force-depends /debs/modules-higher.deb
: >/debs/renewed
check "removal together with the image" dpkg --remove --force-depends "p2pmem-modules-$KVER"
check "no initramfs is made for a kernel that leaves" empty /debs/renewed
echo "linux-image-$KVER install" | dpkg --set-selections
check "once more" dpkg -i --force-depends /debs/modules-higher.deb
check "the image goes first, and the index with it" dpkg --remove --force-depends "linux-image-$KVER"
check "then the modules" dpkg --remove --force-depends "p2pmem-modules-$KVER"
check "nothing of either is left" test -z "$(find "/lib/modules/$KVER" /lib/modules/.p2pmem* 2>/dev/null)"

# image and modules in one run, as apt upgrade installs them: the initramfs is made and renewed, beside
# that of another kernel
mount -t tmpfs -o size=8m none /boot
yes | head -c 3m >/boot/initrd.img-of-another
check "no space in /boot for image and modules: one line" \
	refused "no space: /boot has .* MiB free, the initramfs of this kernel needs 10 MiB" \
	dpkg -i --force-depends "/debs/linux-image-$KVER.deb" /debs/modules-higher.deb
check "the modules are not installed" \
	test "$(installed "p2pmem-modules-$KVER" | cut -d ' ' -f 1)" != installed
check "and its initramfs has the distribution's driver" distribution
rm "/boot/initrd.img-$KVER"
mount -o remount,size=16m /boot
yes | head -c 1m >/boot/filler
yes | head -c 7m >"/boot/initrd.img-$KVER.new"
check "with room for both, but for what an interrupted run has left: image and modules in one run" \
	dpkg -i --force-depends "/debs/linux-image-$KVER.deb" /debs/modules-higher.deb
check "our modules are used" ours
check "removed again" dpkg --remove --force-depends "linux-image-$KVER" "p2pmem-modules-$KVER"
rm -f /boot/filler
check "with room for both: image and modules in one run" \
	dpkg -i --force-depends "/debs/linux-image-$KVER.deb" /debs/modules-higher.deb
check "our modules are used" ours
umount /boot
check "removed again" dpkg --remove --force-depends "linux-image-$KVER" "p2pmem-modules-$KVER"

# the file system of the modules is looked at without an image, too
check "the room for modules is looked at" small_modules
check "the image again" dpkg -i "/debs/linux-image-$KVER.deb"
check "and once more" dpkg -i --force-depends /debs/modules-higher.deb
# shellcheck source=tools/testing/p2pmem/tests/deb/dracut.sh
. /debs/dracut.sh
# shellcheck source=tools/testing/p2pmem/tests/deb/revision.sh
. /debs/revision.sh

# a running system: what the scripts of the tools' package would start and stop
mkdir -p /run/systemd/system
cat >/usr/local/bin/deb-systemd-invoke <<'END'
#!/bin/sh
echo "$*" >>/debs/invoked
END
chmod +x /usr/local/bin/deb-systemd-invoke
: >/debs/invoked
check "upgrade of the tools" dpkg -i /debs/tools-higher.deb
check "an upgrade of the tools stops no unit" empty /debs/invoked
check "removal of the tools" dpkg --remove p2pmem
check "the removal stops the exports" grep -qx "stop nvmet-export.service" /debs/invoked
check "the tools are installed again" dpkg -i "$tools"
rm -rf /run/systemd /usr/local/bin/deb-systemd-invoke

# the moment before the files go
sed -i 's,^exit 0$,,' "/var/lib/dpkg/info/p2pmem-modules-$KVER.prerm"
check "removal: before a file goes" sh "/var/lib/dpkg/info/p2pmem-modules-$KVER.prerm" remove
check "the distribution's modules are in use already" distribution
check "purge" dpkg --purge p2pmem-modules "p2pmem-modules-$KVER" p2pmem
check "the distribution's modules are used" distribution
files >/debs/after
check "nothing is left" diff /debs/before /debs/after

# shellcheck source=tools/testing/p2pmem/tests/deb/autoremove.sh
. /debs/autoremove.sh

# kernels that p2pmem-dkms is not tested on: it neither builds there nor stops what installs them
if command -v dkms >/dev/null; then
	mkdir -p "/lib/modules/$NEXT/build/include"
	# shellcheck disable=SC2016	# as above
	printf '#!/bin/sh\n[ "$1" != -r ] || { echo %s; exit; }\nexec /usr/bin/uname "$@"\n' "$NEXT" >/usr/local/bin/uname
	chmod +x /usr/local/bin/uname
	check "p2pmem-dkms is installed where such a kernel runs" dpkg -i --force-depends /debs/p2pmem-dkms_*.deb
	check "and knows the tested kernels" sh -c ". /usr/src/p2pmem-*/dkms.conf && echo '$KVER' | grep -E \"\$BUILD_EXCLUSIVE_KERNEL\""
	check "such a kernel is installed" /etc/kernel/postinst.d/dkms "$NEXT"
	check "such a kernel runs" dkms autoinstall
	check "nothing was built" empty_directory "/lib/modules/$NEXT/updates"
	# a tested kernel is built for, which fails: there are no headers
	mkdir -p "/lib/modules/$KVER/build/include"
	check "control: a tested kernel" refused "Bad return status for module build on kernel: $KVER" /etc/kernel/postinst.d/dkms "$KVER"
	rm -rf "/lib/modules/$NEXT/build" "/lib/modules/$KVER/build" /usr/local/bin/uname
	check "and purged" dpkg --purge p2pmem-dkms
else
	echo "ok p2pmem-dkms # SKIP this machine has no dkms"
fi
echo end
