# SPDX-License-Identifier: GPL-2.0-only
#
# For inside.sh, while the modules are installed: a system with dracut in the place of initramfs-tools. At any step, the
# initramfs in use is a whole one.
# shellcheck shell=sh disable=SC2154	# KVER and the functions are those of inside.sh

initrd=/boot/initrd.img-$KVER
mv /usr/sbin/update-initramfs /debs/
# As Debian's: it copies over the initramfs in use, and deletes it where that fails. /debs/dracut says what befalls it.
cat >/usr/sbin/dracut <<'END'
#!/bin/sh
o= k=
while [ $# -gt 0 ]; do
	case $1 in
	--kver) k=$2; shift ;;
	-*) ;;
	*) if [ -z "$o" ]; then o=$1; else k=$1; fi ;;
	esac
	shift
done
o=${o:-/boot/initrd.img-$k}
f=$(modinfo -k "$k" -n nvme 2>/dev/null)
case $f in */updates/p2pmem/* | */updates/p2pmem-b/*) w=ours ;; */kernel/*) w=distribution ;; *) w="$f" ;; esac
echo "$o" >>/debs/renewed
{ echo "$w"; yes '#' | head -c 1m; } >/debs/initrd
case $(cat /debs/dracut) in
cut) head -c 2 /debs/initrd >"$o"; kill -KILL $PPID; exit 1 ;;
fails) head -c 2 /debs/initrd >"$o"; echo "dracut: no" >&2; exit 1 ;;
empty) : >"$o"; exit 0 ;;
esac
cp /debs/initrd "$o" || { rm -f "$o"; exit 1; }
END
chmod +x /usr/sbin/dracut

# whole WORD: the initramfs in use, and no other file
whole()
{
	ls /boot
	grep -x "$1" "$initrd" && [ ! -e "$initrd.new" ]
}

# with WORD COMMAND...: the command, while this befalls dracut
with()
{
	echo "$1" >/debs/dracut
	shift
	"$@"
}

# killed COMMAND...: it fails, without a rollback
killed()
{
	if "$@" >/debs/said 2>&1; then cat /debs/said; return 1; fi
	cat /debs/said
	! grep "rolled back" /debs/said
}

# left KIB: a small /boot with room for this, and our initramfs
left()
{
	full_boot && truncate -s "-$1k" /boot/filler && df -k /boot
}

echo distribution >"$initrd"
check "dracut: the modules are installed" with works dpkg -i --force-depends /debs/modules-higher.deb
check "our modules are used, by the initramfs too" ours
check "which took the place of the one in use" whole ours
echo ours >"$initrd"
for how in fails empty; do
	check "dracut, $how: the installation is rolled back" refused "a step failed .*, rolled back" \
		with $how dpkg -i --force-depends /debs/modules-higher.deb
	check "dracut, $how: the initramfs is the one of before" whole ours
	check "dracut, $how: our modules are used" ours
	check "dracut, $how: the next run completes it" with works dpkg --configure --force-depends -a
	check "dracut, $how: with an initramfs" whole ours
done
check "dracut, killed with the installation" killed with cut dpkg -i --force-depends /debs/modules-higher.deb
check "the initramfs in use is the one of before" grep -x ours "$initrd"
check "the next run completes it" with works dpkg --configure --force-depends -a
check "and leaves no other file" whole ours

check "/boot with little room" left 512
check "dracut, no room for its file: a removal says so and succeeds" \
	says "the initramfs of $KVER cannot be renewed .* it boots, with p2pmem's modules; .* dracut --force $initrd.new $KVER && mv $initrd.new $initrd\$" \
	with works dpkg --remove --force-depends "p2pmem-modules-$KVER"
check "it boots" whole ours
check "the distribution's modules are used, after a boot with that initramfs" half_distribution
umount /boot
check "the modules again" with works dpkg -i --force-depends /debs/modules-higher.deb
check "/boot is full" left 0
: >/debs/renewed
check "dracut, no room: one line says so" \
	says "no space: /boot has 0 MiB free, another initramfs of $KVER needs 1 MiB" with works dpkg --remove --force-depends "p2pmem-modules-$KVER"
check "it was not called" empty /debs/renewed
check "it boots" whole ours
umount /boot
check "the modules once more" with works dpkg -i --force-depends /debs/modules-higher.deb
mkdir -p "/lib/modules/$KVER/updates/dkms" /run/depmod.d
cp /debs/ib_core.ko "/lib/modules/$KVER/updates/dkms/"
echo "search updates/dkms updates built-in" >/run/depmod.d/rival.conf
depmod "$KVER"
check "p2pmem-modules says how to renew it" refused "replaces p2pmem's ib_core: .* run depmod -a $KVER and dracut --force $initrd.new $KVER && mv" \
	p2pmem-modules status "$KVER"
rm -r "/lib/modules/$KVER/updates/dkms" /run/depmod.d
depmod "$KVER"
check "dracut: they are removed" with works dpkg --remove --force-depends "p2pmem-modules-$KVER"
check "the distribution's modules are used, by the initramfs too" distribution
check "which is the only one" whole distribution
rm /usr/sbin/dracut /debs/renewed
mv /debs/update-initramfs /usr/sbin/
check "and once more" dpkg -i --force-depends /debs/modules-higher.deb
check "our modules are used" ours
