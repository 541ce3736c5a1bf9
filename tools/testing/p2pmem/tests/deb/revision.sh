# SPDX-License-Identifier: GPL-2.0-only
#
# For inside.sh, while the modules are installed: a revision of the image, IMAGE.1, which has the same release and
# another nvme-core. Modules of before would be loaded beside it.
# shellcheck shell=sh disable=SC2154	# KVER, IMAGE and the functions are those of inside.sh

# silent COMMAND...: it succeeds, and says nothing of revisions
silent()
{
	"$@" >/debs/said 2>&1 || { cat /debs/said; return 1; }
	cat /debs/said
	! grep "another revision" /debs/said
}

# running COMMAND...: while this kernel runs
running()
{
	printf '#!/bin/sh\necho %s\n' "$KVER" >/usr/local/bin/uname
	chmod +x /usr/local/bin/uname
	"$@"
	running_status=$?
	rm /usr/local/bin/uname
	return $running_status
}

postinst=/var/lib/dpkg/info/p2pmem-modules-$KVER.postinst
check "a revision of the image: one line names the remedy" \
	one_line "the image of $KVER is another revision .* install p2pmem-modules-$KVER for version $IMAGE.1 " dpkg -i /debs/revised-image.deb
check "the distribution's modules are used, by the initramfs too" distribution
check "nothing of the set is left" test -z "$(find "/lib/modules/$KVER/updates" /lib/modules/.p2pmem* 2>/dev/null)"
for how in "status $KVER" boot; do
	# shellcheck disable=SC2086	# words are meant
	check "p2pmem-modules $how says so" \
		running refused "p2pmem-modules-$KVER is installed but not used, the image .* another revision .*: install p2pmem-modules-$KVER" \
		p2pmem-modules $how
done
check "the same revision once more: the line of a kernel without modules" one_line "is installed but not used" dpkg -i /debs/revised-image.deb
check "the modules are not put beside it by force" \
	refused "these modules are for version $IMAGE of linux-image-$KVER, and $IMAGE.1 is installed: install" sh "$postinst" configure
check "nor by a removal that fails" says "these modules are for version $IMAGE of" sh "$postinst" abort-remove
check "the distribution's modules are used" distribution
check "the modules for this revision" silent dpkg -i /debs/revised-modules.deb
check "our modules are used, by the initramfs too" ours
check "p2pmem-modules finds nothing wrong" p2pmem-modules status "$KVER"
check "image and modules of another revision in one run" \
	silent dpkg -i "/debs/linux-image-$KVER.deb" /debs/modules-higher.deb
check "our modules are used, by the initramfs too" ours
check "p2pmem-modules finds nothing wrong" p2pmem-modules status "$KVER"

# the files of the image alone, without a hook
core=$(echo "/lib/modules/$KVER/kernel/drivers/nvme/host/nvme-core.ko"*)
cp -p "$core" /debs/core
echo >>"$core"
for how in "status $KVER" boot; do
	# shellcheck disable=SC2086	# as above
	check "another nvme-core: p2pmem-modules $how says so" \
		running refused "image of kernel $KVER is another revision than .* were built for: install p2pmem-modules-$KVER" p2pmem-modules $how
done
mv /debs/core "$core"
check "the one of before: it finds nothing wrong" p2pmem-modules status "$KVER"

# what hooks before the initramfs do when they cannot
mount --bind "/lib/modules/$KVER" "/lib/modules/$KVER"
mount -o remount,bind,ro "/lib/modules/$KVER"
echo >/debs/core
mount --bind /debs/core "$core"
check "a set that cannot be removed: the hook fails" refused "rolled back" /etc/kernel/postinst.d/00-p2pmem "$KVER"
umount "$core" "/lib/modules/$KVER"
rm /debs/core
check "our modules are used" ours

# a set of before there were sums
rm "/lib/modules/$KVER/updates"/p2pmem*/image
check "a set without sums: a revision of the image" silent dpkg -i /debs/revised-image.deb
check "it is left as it is" ours
check "and nothing is said of it" p2pmem-modules status "$KVER"

# without the package of the modules, beside that of the tools
check "the modules are purged" dpkg --purge "p2pmem-modules-$KVER" p2pmem-modules
check "and the hook of all these packages" test ! -e /etc/kernel/postinst.d/00-p2pmem
check "install.sh" "$by_hand" install
check "our modules are used" ours
check "the image of before: one line names the remedy" \
	one_line "the image of $KVER is another revision .* run make modules RELEASE=newest, then install.sh install" dpkg -i "/debs/linux-image-$KVER.deb"
check "the distribution's modules are used, by the initramfs too" distribution
mkdir -p /debs/tree/build/kernel
echo "KVER=$KVER" >/debs/tree/build/kernel/env
echo "$IMAGE.1" >/debs/tree/build/kernel/version
check "install.sh refuses what was built for another revision" \
	refused "were built for version $IMAGE.1 of linux-image-$KVER, and $IMAGE is installed: run \"make modules" "$by_hand" install
echo "$IMAGE" >/debs/tree/build/kernel/version
check "and installs for this one" "$by_hand" install
check "our modules are used" ours
check "and removes them" "$by_hand" uninstall
check "and its hook" test ! -e /etc/kernel/postinst.d/00-p2pmem-local
rm -r /debs/tree/build/kernel
check "the packages again" dpkg -i --force-depends /debs/modules-higher.deb "$meta"
check "our modules are used" ours
