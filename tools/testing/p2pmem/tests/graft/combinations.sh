#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Builds the grafted kernel with core and consumers on, off and as modules, and each patch of the
# series. Prints TAP, and the sizes of ib_core, nvme and nvmet. For "make check-full".
#
# combinations.sh BUILD_DIR
#
#   core       y  y  y  m  m  m  n  n  n     W=1: no warning in a file of ours, or in one that the
#   consumers  y  m  n  m  n  y  y  m  n     graft changes and that was without before
#
# consumers: ib_core, nvme and nvmet. m beside y is what Kconfig must refuse; it is built, too. All of
# them link: vmlinux, and modpost for modules. Then one hook at a time off; the suites in; the kernel
# before the graft; and patch by patch.
#
# The kernel is a small one: kernels/base.config, base-amd64.config and consumers.config without what has
# no part in this. Objects stay in BUILD_DIR/objects: a second run builds what has changed. The project's
# build directory is $BUILD (build), after "make modules". JOBS: how many compilers at a time (all processors).
# Exit status: 0 all passed, 1 a test failed, 2 wrong call.
set -eu

# shellcheck source=tools/testing/p2pmem/tests/host.sh
. "$(dirname "$0")/../host.sh"
src=$work/src objects=$work/objects
jobs=${JOBS:-$(nproc)}
LC_ALL=C
export LC_ALL
# shellcheck disable=SC1091
. "$top/tools/testing/p2pmem/tests/graft/tree.sh"

# of these: what has no part in this
unused='EXT4_FS|BLK_DEV_(LOOP|RAM|NULL_BLK|INITRD)|RDMA_[A-Z]+|NVME_(TCP|RDMA|FABRICS)|NVME_TARGET_(TCP|LOOP)'
unused="$unused|IO_URING|DUMMY|UIO|HOTPLUG_PCI(_PCIE)?|PCIEPORTBUS|DETECT_HUNG_TASK|SOFTLOCKUP_DETECTOR"
unused="$unused|DYNAMIC_DEBUG|DEBUG_[A-Z_]+|ACPI|NUMA|TTY|UNIX98_PTYS|SERIAL_[A-Z0-9_]+|KALLSYMS_ALL|RTC_CLASS"
unused="$unused|INFINIBAND_USER_ACCESS|PACKET|AIO|EPOLL|EVENTFD|SIGNALFD|TIMERFD|SYSVIPC|MAGIC_SYSRQ|WERROR"
unused="$unused|DEVTMPFS[A-Z_]*|TMPFS|PROC_[A-Z_]+|BINFMT_SCRIPT|KUNIT_DEBUGFS|CRYPTO_CRC32|NR_CPUS"
# what differs from one build to the next
set_here='PCI_P2P[A-Z_]+|INFINIBAND[A-Z_]*|NVME_CORE|BLK_DEV_NVME|NVME_TARGET[A-Z_]*|NVME_MULTIPATH|CONFIGFS_FS'

# kernel_make ARGUMENT...
kernel_make()
{
	nice make -C "$src" O="$objects" -j"$jobs" W=1 "$@" </dev/null
}

# config CORE CONSUMERS [LINE...]: the lines come last, and win
config()
{
	core=$1 consumers=$2
	shift 2
	{
		grep -hEv "^(# )?CONFIG_($unused|$set_here)[= ]" \
			"$top/tools/testing/p2pmem/kernels/base.config" \
			"$top/tools/testing/p2pmem/kernels/base-amd64.config" "$top/tools/testing/p2pmem/kernels/consumers.config"
		# selects what p2pdma needs of vmlinux, so that this is in it without p2pdma
		echo CONFIG_X86_MCE=y
		echo CONFIG_CONFIGFS_FS=y
		for o in INFINIBAND INFINIBAND_ADDR_TRANS NVME_CORE BLK_DEV_NVME NVME_TARGET NVME_TARGET_RDMA; do
			value=$consumers
			case $o$consumers in INFINIBAND_ADDR_TRANSm) value=y ;; esac
			echo "CONFIG_$o=$value"
		done
		for o in PCI_P2PMEM PCI_P2PMEM_BAR; do
			echo "CONFIG_$o=$core"
		done
		for o in RDMA NVME NVMET; do
			case " $* " in *"CONFIG_PCI_P2PMEM_$o="*) ;; *) echo "CONFIG_PCI_P2PMEM_$o=y" ;; esac
		done
		for line in "$@"; do echo "$line"; done
	} | sed 's/^CONFIG_\([A-Z0-9_]*\)=n$/# CONFIG_\1 is not set/' >"$work/wanted.config"
	mkdir -p "$objects"
	KCONFIG_ALLCONFIG=$work/wanted.config kernel_make -s allnoconfig >"$work/log" 2>&1 || { cat "$work/log"; return 1; }
}

# value OPTION: y, m or n
value()
{
	sed -n "s/^CONFIG_$1=//p" "$objects/.config" | grep . || echo n
}

# are OPTION=VALUE...: as the configuration has become
are()
{
	wrong=0
	for o; do
		[ "$(value "${o%=*}")" = "${o#*=}" ] || { echo "${o%=*} is $(value "${o%=*}"), not ${o#*=}"; wrong=1; }
	done
	return $wrong
}

# warnings LOG: those of files of ours and of those that the graft changes, without line numbers
warnings()
{
	sed "s|$src/||g; s|\.\./src/||g" "$1" | grep -E '(warning|WARNING|error):|added to multiple modules' |
		sed -E 's/^([^: ]+):[0-9]+(:[0-9]+)?:/\1:/' |
		awk -F : 'NR == FNR { ours[$1] = 1; next } $1 in ours || /p2pmem|p2pdma/' "$work/files" - | sort -u
}

# build LOG TARGET...: and remember its warnings
build()
{
	log=$work/$1.log
	shift
	kernel_make "$@" >"$log" 2>&1 || { grep -E 'error|undefined' "$log"; tail -n 20 "$log"; return 1; }
	warnings "$log" >>"$work/warnings"
}

# what the compiler said in any build, but for what it says before the graft, too
quiet()
{
	[ -e "$work/ungrafted.log" ] || return 1
	warnings "$work/ungrafted.log" >"$work/warnings.before"
	sort -u "$work/warnings" | comm -23 - "$work/warnings.before" >"$work/warnings.new"
	cat "$work/warnings.new"
	[ ! -s "$work/warnings.new" ]
}

# symbols FILE NAME...: all of these are in it
symbols()
{
	file=$objects/$1
	shift
	nm "$file" >"$work/nm" || return 1
	for s; do
		grep -q " $s\$" "$work/nm" || { echo "$file has no $s"; return 1; }
	done
}

# depends MODULE ON yes|no
depends()
{
	list=",$(modinfo -F depends "$objects/$1" 2>&1),"
	case $list in *,$2,*) found=yes ;; *) found=no ;; esac
	[ $found = "$3" ] || { echo "$1 depends on \"$list\": $2 is expected: $3"; return 1; }
}

# combination CORE CONSUMERS
combination()
{
	find "$objects/drivers" -name '*.ko' -delete 2>/dev/null || :
	config "$1" "$2" || return 1
	hook=n
	case $1$2 in ym | yy | mm) hook=y ;; esac
	are PCI_P2PMEM="$1" PCI_P2PMEM_BAR="$1" INFINIBAND="$2" BLK_DEV_NVME="$2" NVME_TARGET="$2" NVME_TARGET_RDMA="$2" \
		PCI_P2PMEM_RDMA=$hook PCI_P2PMEM_NVME=$hook PCI_P2PMEM_NVMET=$hook || return 1
	build "core-$1-consumers-$2" vmlinux modules || return 1
	case $1 in
	y) symbols vmlinux p2pmem_find pci_p2pmem_map_sg ;;
	m) [ -f "$objects/drivers/pci/p2pdma/p2pdma.ko" ] && [ -f "$objects/drivers/pci/p2pdma/p2pmem-bar.ko" ] ;;
	n) [ ! -e "$objects/drivers/pci/p2pdma/p2pdma.ko" ] ;;
	esac || return 1
	case $1$2 in
	yy) symbols vmlinux rdma_rw_map_sgtable nvme_p2pmem_map_cmb nvmet_p2pmem_alloc ;;
	ym) symbols drivers/nvme/host/nvme.ko nvme_p2pmem_map_cmb && symbols drivers/infiniband/core/ib_core.ko rdma_rw_map_sgtable &&
		symbols drivers/nvme/target/nvmet.ko nvmet_p2pmem_alloc && depends drivers/nvme/host/nvme.ko p2pdma no ;;
	mm) depends drivers/nvme/host/nvme.ko p2pdma yes && depends drivers/infiniband/core/ib_core.ko p2pdma yes &&
		depends drivers/nvme/target/nvmet.ko p2pdma yes ;;
	nm) depends drivers/nvme/host/nvme.ko p2pdma no && depends drivers/infiniband/core/ib_core.ko p2pdma no &&
		depends drivers/nvme/target/nvmet.ko p2pdma no ;;
	esac
}

# alone HOOK MODULE: that hook off, the others on
alone()
{
	config m m "CONFIG_PCI_P2PMEM_$1=n" || return 1
	are PCI_P2PMEM=m "PCI_P2PMEM_$1=n" || return 1
	[ "$(grep -c '^CONFIG_PCI_P2PMEM_\(RDMA\|NVME\|NVMET\)=y' "$objects/.config")" = 2 ] || return 1
	build "without-$1" vmlinux modules || return 1
	for m in drivers/nvme/host/nvme.ko drivers/infiniband/core/ib_core.ko drivers/nvme/target/nvmet.ko; do
		if [ "$m" = "$2" ]; then want=no; else want=yes; fi
		depends "$m" p2pdma $want || return 1
	done
}

suites()
{
	config m m CONFIG_PCI_P2PMEM_KUNIT_TEST=y || return 1
	are PCI_P2PMEM_KUNIT_TEST=y || return 1
	build suites vmlinux modules || return 1
	nm "$objects/drivers/pci/p2pdma/p2pdma.ko" | grep -q ' fabric_'
}

parts='drivers/infiniband/core/ib_core drivers/nvme/host/nvme drivers/nvme/target/nvmet'

sizes() # FILE: "part text data"
{
	for p in $parts; do
		size "$objects/$p.o" | awk -v p="$p" 'NR == 2 { print p, $1, $2 }'
	done >"$1"
}

# the kernel before the graft, with the files that the graft changes as new as can be
ungrafted()
{
	mv "$src" "$work/src.graft"
	cp -al "$pristine" "$work/src.new"
	while read -r f; do
		cp --remove-destination --preserve=mode "$pristine/$f" "$work/src.new/$f"
	done <"$work/changed"
	mv "$work/src.new" "$src"
	config n m || return 1
	find "$objects/drivers" -name '*.ko' -delete
	# shellcheck disable=SC2086	# one word a module is meant
	kernel_make $modules_of_parts >"$work/ungrafted.log" 2>&1 || { tail -n 30 "$work/ungrafted.log"; return 1; }
	sizes "$work/sizes.ungrafted"
}
modules_of_parts='lib/dim/dimlib.ko drivers/infiniband/core/ib_core.ko drivers/infiniband/core/ib_cm.ko drivers/infiniband/core/iw_cm.ko
	drivers/infiniband/core/rdma_cm.ko drivers/nvme/host/nvme-core.ko drivers/nvme/host/nvme.ko
	drivers/nvme/target/nvmet.ko drivers/nvme/target/nvmet-rdma.ko'

# size_of PART: the text of ib_core, whose hooks are what stood there, the same as ungrafted; nvme and
# nvmet, which lose what served P2PDMA, no more
size_of()
{
	part=drivers/$1
	before=$(awk -v p="$part" '$1 == p { print $2, $3 }' "$work/sizes.ungrafted")
	after=$(awk -v p="$part" '$1 == p { print $2, $3 }' "$work/sizes.off")
	echo "# ${part##*/}: text and data ungrafted $before, grafted with the option off $after" | tee -a "$work/figures"
	[ -n "$before" ] && [ -n "$after" ] || return 1
	case $part in */ib_core) [ "${after% *}" -eq "${before% *}" ] || return 1 ;; esac
	[ "${after% *}" -le "${before% *}" ] && [ "${after#* }" -le "${before#* }" ]
}

# the small git tree that the series is made for
series()
{
	rm -rf "$work/git" "$work/patches"
	mkdir -p "$work/git"
	(cd "$pristine" && cp -r --parents MAINTAINERS Makefile drivers/pci/Kconfig drivers/pci/Makefile \
		Documentation/PCI/index.rst Documentation/admin-guide/index.rst Documentation/ABI \
		drivers/infiniband/core drivers/nvme/host drivers/nvme/target "$work/git")
	commit_all "$work/git"
	GIT_AUTHOR_NAME=test GIT_AUTHOR_EMAIL=test@host.example \
		"$work/project/tools/graft/series.sh" "$work/git" "$work/patches"
}

# patch FILE: applied, then built with the options that there are
patch()
{
	GIT_CEILING_DIRECTORIES=$work git -C "$src" apply "$1" || return 1
	parts_now=$modules_of_parts
	# with a new option the kernel has what this selects
	if grep -q '^+config ' "$1"; then
		config m m CONFIG_PCI_P2PMEM_KUNIT_TEST=y || return 1
		# by itself: beside vmlinux, modules would be checked one by one, without each other
		build step vmlinux || return 1
	fi
	if [ -f "$src/drivers/pci/p2pdma/Kconfig" ]; then
		are PCI_P2PMEM=m || return 1
		parts_now="$parts_now drivers/pci/p2pdma/p2pdma.ko"
		[ ! -f "$src/drivers/pci/p2pdma/bar.c" ] || parts_now="$parts_now drivers/pci/p2pdma/p2pmem-bar.ko"
	fi
	# shellcheck disable=SC2086	# one word a module is meant
	build step $parts_now
}

# what the last patch leaves is the graft
complete()
{
	sed 's/ .*//' "$work/files" | while read -r f; do
		cmp "$src/$f" "$work/src.graft/$f" || exit 1
	done
}

printf '# %s\n' "the whole source of the kernel"
pristine=$("$top/tools/graft/source.sh" "$BUILD" 2>"$work/log") || { sed 's/^/# /' "$work/log"; echo "Bail out! there is no kernel source"; exit 1; }
rm -rf "$src" "$work/src.graft" "$work/src.new" "$work/figures"
cp -al "$pristine" "$src"
project project
"$work/project/tools/graft/intree.sh" graft "$src" >"$work/log" 2>&1 || { sed 's/^/# /' "$work/log"; echo "Bail out! the graft failed"; exit 1; }
awk '$1 == "changed" { print $3 }' "$src/.p2pmem-graft/manifest" >"$work/changed"
awk '$1 == "added" || $1 == "changed" { print $3 }' "$src/.p2pmem-graft/manifest" >"$work/files"
: >"$work/warnings"

for c in 'm m' 'y m' 'y y' 'y n' 'm n' 'm y'; do
	# shellcheck disable=SC2086	# two words are meant
	check "core ${c% *}, consumers ${c#* }" combination $c
done
check "core m, RDMA's hook off" alone RDMA drivers/infiniband/core/ib_core.ko
check "core m, the drive's hook off" alone NVME drivers/nvme/host/nvme.ko
check "core m, the target's hook off" alone NVMET drivers/nvme/target/nvmet.ko
check "core m, with the suites" suites
for c in 'n y' 'n n' 'n m'; do
	# shellcheck disable=SC2086	# two words are meant
	check "core ${c% *}, consumers ${c#* }" combination $c
done
sizes "$work/sizes.off"
check "the kernel before the graft" ungrafted
for p in infiniband/core/ib_core nvme/host/nvme nvme/target/nvmet; do
	check "option off, ${p##*/}: no larger than before the graft" size_of $p
done
check "a series of patches" series
for f in "$work"/patches/*.patch; do
	check "builds after $(basename "$f")" patch "$f"
done
check "the last patch leaves the graft" complete
check "no warning in a file of ours or of the graft in any build" quiet
rm -rf "$src"
mv "$work/src.graft" "$src"
[ ! -s "$work/figures" ] || cat "$work/figures"
echo "1..$n"
[ $failed = 0 ]
