#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# build.sh BUILD NAME: build the grafted kernel NAME for tests. Its configuration is base.config,
# base-ARCHITECTURE.config and NAME.config. A line "# this is KEY WORD, KEY WORD..." of NAME.config says
#
#   of KERNEL        it is made from KERNEL (rig/kernels), which is fetched to BUILD/lanes/KERNEL: its source, if that
#                    is another version than the rig's own, its architecture, and for another one than this
#                    machine's, its compiler and package lists
#   like OTHER       OTHER.config comes before NAME.config
#   with consumers   consumers.config comes last
#
# "# gone: OPTION..." names options of the other files that Kconfig of that source cannot set any more.
#
#   BUILD/kernels/KVER/source       its source, see source.sh; of another version BUILD/lanes/KERNEL/kernels/KVER/source
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

# says KEY: prints the word after KEY in the line "# this is" of NAME.config
says()
{
	sed -n 's/^# this is //p' "$here/$name.config" | tr , '\n' | sed -n "s/^ *$1 //p"
}

of=$(says of) like=$(says like) arch=amd64 cross=
of_build=$build other=$build/lanes/$of
lane=$build/lanes/$name

# of_other NAME: the value of NAME in the kernel/env of the kernel that this one is made from
of_other()
{
	sed -n "s/^$1=//p" "$other/kernel/env"
}

# what selects the rig's kernel must not select this one
if [ -n "$of" ]; then
	mkdir -p "$other"
	env -u KVER -u KDIR -u KSRC -u KIMAGE -u KPATH -u KARCH -u KCROSS -u RELEASE KERNEL="$of" \
		SHARED_BUILD="${SHARED_BUILD:-$build}" "$rig/kernel.sh" "$other"
	arch=$(of_other KARCH)
	[ "$arch" = "$(sed -n "s/^${of}[[:space:]]*\([^[:space:]]*\).*/\1/p" "$rig/kernels")" ] ||
		die "$other is no kernel $of: remove it"
	cmp -s "$other/kernel/version" "$build/kernel/version" || of_build=$other
fi

KVER=$(sed -n 's/^KVER=//p' "$of_build/kernel/env")
KSRC=$(sed -n 's/^KSRC=//p' "$of_build/kernel/env")
out=$build/kernels/$KVER/$name
log=$out/build.log
configs=
for c in base "base-$arch" $like "$name" $(says with); do
	configs="$configs $here/$c.config"
done
mkdir -p "$out" "$lane/kernel"
exec 8>"$out/lock"
flock 8

# checksums of our files that this kernel depends on, and the version of its source
inputs()
{
	(
		cd "$top"
		files=$(tools/graft/files.sh drivers include tools/graft tools/compat tools/testing/p2pmem/rnic tools/testing/p2pmem/tool)
		echo "$files" | xargs -d '\n' sha256sum
		# shellcheck disable=SC2086	# words are meant
		sha256sum $configs "$here"/*.sh "$rig/rig-nvme.sh" "$rig"/*.cocci
		cat "$of_build/kernel/env" "$of_build/kernel/version" 2>/dev/null
		[ -z "$cross" ] || cat "$other/kernel/env"
	)
}

# The kernel's Makefile calls gcc, Debian's headers call the compiler with its version.
if [ "$arch" != "$(dpkg --print-architecture)" ]; then
	cp "$other/kernel/apt-conf" "$lane/kernel/"
	path=$(of_other KPATH) cross=$(of_other KCROSS)
	PATH=$out/bin${path:+:$path}:$PATH
	export ARCH="$arch" CROSS_COMPILE="$cross"
	gcc=$(sed -n 's/.*[ =)]\(gcc-[0-9]*\).*/\1/p' "$(of_other KDIR)/.kernelvariables" | head -n 1)
	mkdir -p "$out/bin"
	rm -f "$out/bin/${cross}gcc"
	ln -s "$(command -v "$cross${gcc:-gcc}")" "$out/bin/${cross}gcc" || die "$cross${gcc:-gcc} is not installed"
fi

inputs >"$out/inputs"
want=$(sha256sum <"$out/inputs" | cut -c1-32)
[ "$(cat "$lane/built" 2>/dev/null)" != "$want" ] || exit 0
rm -f "$lane/built"
case $arch in
amd64)	target=bzImage image=arch/x86/boot/bzImage ;;
arm64)	target=Image image=arch/arm64/boot/Image ;;
esac
src=$("$here/source.sh" "$of_build")

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
	gone=$(sed -n 's/^# gone: //p' "$here/$name.config" | tr ' ' '|')
	# shellcheck disable=SC2086	# words are meant
	cat $configs | grep -Ev "^CONFIG_(${gone:-NONE})=" >"$out/wanted.config"
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

# Copies the rig's own modules, and brings them to the interface of a newer source. Nothing else has to be
# there, but for directories of files that are added.
stage_beside()
{
	stage=$out/beside/stage
	mkdir -p "$stage/tools/testing/p2pmem" "$stage/drivers/nvme/host" "$stage/drivers/infiniband/core"
	rsync -rl --checksum --delete "$top/tools/testing/p2pmem/rnic" "$top/tools/testing/p2pmem/tool" "$stage/tools/testing/p2pmem/"
	[ "$of_build" != "$build" ] || return 0
	"$top/tools/compat/probe.sh" "$out" "$KSRC" "$out/beside/probes" "$out/beside/compat.h"
	"$top/tools/compat/rewrite.sh" "$stage" "$out/beside/compat.h"
}

# builds the rig's own modules, and ib_core without hooks
beside()
{
	stage_beside
	for d in rnic tool; do
		mkdir -p "$out/beside/$d"
		rsync -rl --checksum "$stage/tools/testing/p2pmem/$d/" "$out/beside/$d/"
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
if [ -n "$(says with)" ]; then
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
