#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# build.sh BUILD NAME: build the grafted kernel NAME for tests. Its configuration is base.config,
# base-ARCHITECTURE.config, NAME.config, and consumers.config if NAME.config says "with consumers.config".
# The architecture is amd64 unless NAME.config says "# for ARCHITECTURE". For another one than this
# machine's, KERNEL=ARCHITECTURE is fetched to BUILD/lanes/ARCHITECTURE, for its compiler and its package lists.
#
#   BUILD/kernels/KVER/source       its source, see source.sh
#   BUILD/kernels/KVER/NAME/        objects, and build.log
#   BUILD/lanes/NAME/               a build directory for the rig (make vm BUILD=BUILD/lanes/NAME):
#     kernel/env                    paths of this kernel and its image; for another architecture also apt-conf,
#                                   the package lists of the guest's programs
#     image/                        boot/vmlinuz, lib/modules; with an ib_core without the graft
#     stock/RELEASE/modules/        the modules with the graft, and those for tests
#     stock/RELEASE/rig-nvme/       nvme.ko for virtual machines, see rig/rig-nvme.sh
#
# Does nothing if no input changed. Objects are kept, so that only changed files are rebuilt. Exit status: 0;
# 3 if the archive lacks a package or cannot be reached; 1 otherwise.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../../../.." && pwd)
rig=$top/tools/testing/p2pmem/rig
[ $# = 2 ] || { echo "usage: $0 BUILD NAME" >&2; exit 2; }
build=$(cd "$1" && pwd)
name=$2
jobs=$(nproc)

die()
{
	echo "kernels: $*" >&2
	exit 1
}

# a kernel of the archive, as it is distributed
if grep -q "^${name}[[:space:]]" "$rig/kernels"; then
	mkdir -p "$build/lanes/$name"
	KERNEL=$name SHARED_BUILD=${SHARED_BUILD:-$build} "$rig/kernel.sh" "$build/lanes/$name"
	exec "$rig/modules.sh" "$build/lanes/$name"
fi
[ -e "$here/$name.config" ] || die "unknown kernel $name, expected one of: $(cd "$here" && echo *.config | sed 's/\.config//g; s/base[-a-z0-9]* *//g; s/consumers *//')"
# shellcheck disable=SC1091
. "$build/kernel/env"
dir=$build/kernels/$KVER
out=$dir/$name
lane=$build/lanes/$name
arch=$(sed -n 's/^# for \(amd64\|arm64\), .*/\1/p' "$here/$name.config")
arch=${arch:-amd64} cross=
other=$build/lanes/$arch
log=$out/build.log
mkdir -p "$out" "$lane"
exec 8>"$out/lock"
flock 8

# checksums of our files that this kernel depends on, and the version of its source
inputs()
{
	(
		cd "$top"
		git ls-files -- drivers include tools/graft tools/testing/p2pmem/rnic tools/testing/p2pmem/tool |
			while read -r f; do [ ! -f "$f" ] || sha256sum "$f"; done
		sha256sum "$here/$name.config" "$here/base.config" "$here/base-$arch.config" "$here/consumers.config" "$here"/*.sh "$rig/rig-nvme.sh" "$rig"/*.cocci
		cat "$build/kernel/env" "$build/kernel/version" 2>/dev/null
		[ -z "$cross" ] || cat "$other/kernel/env"
	)
}

# succeeds if the kernel has NVMe and RDMA
consumers()
{
	grep -q '^#.* with consumers\.config' "$here/$name.config"
}

mkdir -p "$lane/kernel"

# of_other NAME: the value of NAME in KERNEL=ARCHITECTURE's kernel/env
of_other()
{
	sed -n "s/^$1=//p" "$other/kernel/env"
}

# The kernel's Makefile calls gcc, Debian's headers call the compiler with its version. What selects the rig's
# kernel must not select this one.
if [ "$arch" != "$(dpkg --print-architecture)" ]; then
	env -u KVER -u KDIR -u KSRC -u KIMAGE -u KPATH -u KARCH -u KCROSS -u RELEASE KERNEL="$arch" \
		SHARED_BUILD="${SHARED_BUILD:-$build}" "$rig/kernel.sh" "$other"
	[ "$(of_other KARCH)" = "$arch" ] || die "$other is no kernel for $arch: remove it"
	cp "$other/kernel/apt-conf" "$lane/kernel/"
	path=$(of_other KPATH) cross=$(of_other KCROSS)
	PATH=$out/bin${path:+:$path}:$PATH
	export ARCH="$arch" CROSS_COMPILE="$cross"
	gcc=$(sed -n 's/.*[ =)]\(gcc-[0-9]*\).*/\1/p' "$(of_other KDIR)/.kernelvariables" | head -n 1)
	mkdir -p "$out/bin"
	rm -f "$out/bin/${cross}gcc"
	ln -s "$(command -v "$cross${gcc:-gcc}")" "$out/bin/${cross}gcc" || die "$cross${gcc:-gcc} is not installed"
fi

want=$(inputs | sha256sum | cut -c1-32)
[ "$(cat "$lane/built" 2>/dev/null)" != "$want" ] || exit 0
rm -f "$lane/built"
case $arch in
amd64)	target=bzImage image=arch/x86/boot/bzImage ;;
arm64)	target=Image image=arch/arm64/boot/Image ;;
esac
src=$("$here/source.sh" "$build")

# Checkers do not check each other: KASAN leaves out lockdep and what makes stack traces. With this and what
# source.sh changes, kunit-map-to-verdict executes 75 instead of 170 thousand million instructions.
checkers=
for o in lockdep spinlock_debug debugobjects unwind_frame stacktrace extable; do
	checkers="$checkers KASAN_SANITIZE_$o.o=n UBSAN_SANITIZE_$o.o=n"
done

# kernel_make ARGUMENT...: prints a line of progress for every 100 objects, and errors
kernel_make()
{
	rm -f "$out/rc"
	# shellcheck disable=SC2086	# words are meant
	{ make -C "$src" O="$out" -j"$jobs" $checkers "$@" 2>&1 || echo $? >"$out/rc"; } | tee -a "$log" |
		awk -v name="$name" '
		/^ +(CC|AS|LD|AR|MODPOST|GEN|HOSTCC|VDSO|CALL|SYNC|UPD|DESC|STRIP|INSTALL|OBJCOPY)/ {
			if (++n % 100 == 0) { print "kernels: " name ": " n " steps"; fflush() }
			next
		}
		/error|warning|Error/ { print; fflush() }'
	[ ! -e "$out/rc" ] || die "the build of $name failed (whole log: $log)"
}

# checksum of the wanted configuration, and of the Kconfig files that changed since
wanted_sum()
{
	{
		cat "$out/wanted.config"
		find "$src" -name 'Kconfig*' -newer "$out/.config" 2>/dev/null
	} | sha256sum
}

configure()
{
	cat "$here/base.config" "$here/base-$arch.config" "$here/$name.config" >"$out/wanted.config"
	! consumers || cat "$here/consumers.config" >>"$out/wanted.config"
	[ ! -e "$out/.config" ] || [ "$(cat "$out/wanted.sum" 2>/dev/null)" != "$(wanted_sum)" ] || return 0
	KCONFIG_ALLCONFIG=$out/wanted.config kernel_make allnoconfig
	grep -E '^(CONFIG_|# CONFIG_)' "$out/wanted.config" | while read -r line; do
		grep -Fqx "$line" "$out/.config" || echo "$line"
	done >"$out/lost.config"
	[ ! -s "$out/lost.config" ] ||
		die "Kconfig rejects options of $name.config, correct them: $(tr '\n' ' ' <"$out/lost.config")"
	wanted_sum >"$out/wanted.sum"
}

# external DIRECTORY [ARGUMENT...]: build modules outside the tree for this kernel
external()
{
	ext=$1
	shift
	make -C "$src" O="$out" M="$ext" -j"$jobs" KCFLAGS=-Werror "$@" modules >>"$log" 2>&1 || {
		tail -n 20 "$log"
		die "the build of $ext failed (whole log: $log)"
	}
}

# builds the only module of the rig that needs neither NVMe nor RDMA
race()
{
	mkdir -p "$out/beside/race"
	cp "$top/tools/testing/p2pmem/tool/race.c" "$out/beside/race/"
	printf 'obj-m := p2pmem_race.o\np2pmem_race-y := race.o\n' >"$out/beside/race/Kbuild"
	external "$out/beside/race"
	cp "$out/beside/race/p2pmem_race.ko" "$modules/"
}

# builds the rig's own modules, and ib_core without hooks
beside()
{
	for d in rnic tool; do
		mkdir -p "$out/beside/$d"
		rsync -rl --checksum "$top/tools/testing/p2pmem/$d/" "$out/beside/$d/"
		external "$out/beside/$d"
		cp "$out/beside/$d"/*.ko "$modules/"
	done
	mkdir -p "$out/beside/ib_core"
	rsync -rl --checksum "$KSRC/drivers/infiniband/core/" "$out/beside/ib_core/"
	{
		echo "include \$(src)/Makefile"
		echo "obj-y :="
		echo "obj-m := ib_core.o"
	} >"$out/beside/ib_core/Kbuild"
	external "$out/beside/ib_core"
	cp "$out/beside/ib_core/ib_core.ko" "$lane/image/lib/modules/$release/kernel/drivers/infiniband/core/"
}

rig_nvme()
{
	stock=$lane/stock/$release
	mkdir -p "$stock/tree/drivers/nvme" "$stock/rig-nvme"
	ln -sfn "$src/include" "$stock/tree/include"
	ln -sfn "$src/drivers/nvme/host" "$stock/tree/drivers/nvme/host"
	rm -f "$stock/tree/Module.symvers"
	# empty: all symbols are in the Module.symvers of the kernel itself
	: >"$stock/tree/Module.symvers"
	: >"$stock/tree/Kbuild"
	: >"$stock/compat.h"
	mkdir -p "$stock/tree/compat"
	: >"$stock/tree/compat/adapt.h"
	KDIR=$out KSRC=$KSRC KCROSS=$cross "$rig/rig-nvme.sh" "$stock"
}

echo "kernels: building $name, which takes some minutes the first time"
: >"$log"
configure
kernel_make "$target" modules
release=$(cat "$out/include/config/kernel.release")
rm -rf "$lane/image"
mkdir -p "$lane/image/boot"
cp "$out/$image" "$lane/image/boot/vmlinuz-$release"
kernel_make INSTALL_MOD_PATH="$lane/image" INSTALL_MOD_STRIP=--strip-debug modules_install
modules=$lane/stock/$release/modules
rm -rf "$modules"
mkdir -p "$modules"
cp "$lane/image/lib/modules/$release/kernel/drivers/pci/p2pdma"/*.ko "$modules/"
if consumers; then
	for m in infiniband/core/ib_core nvme/host/nvme nvme/target/nvmet nvme/target/nvmet-rdma; do
		cp "$lane/image/lib/modules/$release/kernel/drivers/$m.ko" "$modules/"
	done
	beside
	rig_nvme
else
	race
fi
printf 'KVER=%s\nKDIR=%s\nKSRC=%s\nKIMAGE=%s\nKPATH=%s\nKARCH=%s\nKCROSS=%s\n' "$release" "$out" "$src" \
	"$lane/image" "${path:-}" "$arch" "$cross" >"$lane/kernel/env"
echo "$want" >"$lane/kernel/version"
echo "$want" >"$lane/built"
echo "kernels: $name is $release, in $lane"
