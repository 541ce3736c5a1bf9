#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# refuse.sh BUILD_DIR [full]: what another kernel can lack. Each is one line that says what is missing and what
# to do, and leaves nothing half made. Builds no modules. Without "full" only what takes seconds: names,
# versions, compilers. Prints TAP.
set -eu

full=${2:-}
set -- "$1"
# shellcheck source=tools/testing/p2pmem/tests/host.sh
. "$(dirname "$0")/../host.sh"
rig=$top/tools/testing/p2pmem/rig
headers=$KDIR source=$KSRC
unset KERNEL KDIR KSRC KIMAGE KVER KPATH
other=$work/tmp/other

# refused NAME TEXT COMMAND...: fails with one line of its own on standard error, which says TEXT
refused()
{
	name=$1 text=$2 status=0
	shift 2
	"$@" >"$work/tmp/progress" 2>"$work/tmp/said" || status=$?
	cat "$work/tmp/progress" "$work/tmp/said" >"$work/out"
	if [ $status = 0 ]; then
		not_ok "$name: refused"
	elif ! grep -Fq -e "$text" "$work/tmp/said"; then
		not_ok "$name: says \"$text\""
	elif [ "$(grep -c '^\(kernel\|compat\|toolchain\|check-layout\|graft: error\): ' "$work/tmp/said")" != 1 ]; then
		not_ok "$name: in one line"
	else
		ok "$name"
	fi
}

# nothing of a kernel is found in the directory that was used
nothing()
{
	[ ! -e "$other/kernel/env" ]
}

kernel()
{
	rm -rf "$other"
	mkdir -p "$other"
	env SHARED_BUILD="$other" "$@" "$rig/kernel.sh" "$other"
}

# every kernel that KERNEL= can name has a smoke in make check, all tests of guests in make check-full, and there the
# packages of sources, which are built on amd64
tested()
{
	lists=$top/tools/testing/p2pmem/tests
	sed 's/#.*//' "$rig/kernels" | awk 'NF { print $1, $2 }' | while read -r k arch; do
		grep -q "^smoke-${k}[[:space:]].*smoke\.sh .*${k}\$" "$lists/list" || echo "no smoke-$k in list"
		grep -q "^check-${k}[[:space:]].*smoke\.sh .*$k full\$" "$lists/list-full" || echo "no check-$k in list-full"
		[ "$arch" != amd64 ] || grep -q "^deb-sources-${k}[[:space:]].*other\.sh .*$k deb/sources\.sh\$" "$lists/list-full" ||
			echo "no deb-sources-$k in list-full"
	done >"$work/tmp/untested"
	cat "$work/tmp/untested"
	[ ! -s "$work/tmp/untested" ]
}

check "make check runs each kernel" tested
refused "a name that there is not" "KERNEL=plan9 is none of" kernel KERNEL=plan9
check "... and nothing was made" nothing
# headers and a source by hand
mkdir -p "$work/tmp/source/drivers/nvme/host"
cp "$source/drivers/nvme/host/pci.c" "$work/tmp/source/drivers/nvme/host/"
sed 's/^SUBLEVEL = .*/SUBLEVEL = 1/' "$source/Makefile" >"$work/tmp/source/Makefile"
refused "headers and source of different versions" "give headers and source of one version" \
	kernel KDIR="$headers" KSRC="$work/tmp/source"
check "... and nothing was made" nothing
sed 's/^EXTRAVERSION =.*/EXTRAVERSION = -rc5/' "$source/Makefile" >"$work/tmp/source/Makefile"
refused "headers of a release and a source of its candidate" "give headers and source of one version" \
	kernel KDIR="$headers" KSRC="$work/tmp/source"
check "... and nothing was made" nothing
refused "headers without Module.symvers" "has no Module.symvers" kernel KDIR="$work/tmp/source" KSRC="$source"
refused "no source" "is not a kernel source" kernel KDIR="$headers" KSRC="$work/tmp"

# headers of a compiler that is nowhere
cp -rs "$headers" "$work/tmp/headers"
rm "$work/tmp/headers/.kernelvariables"
sed 's/gcc-[0-9]*/gcc-99/' "$headers/.kernelvariables" >"$work/tmp/headers/.kernelvariables"
refused "headers of another compiler" "was built with gcc-99" kernel KDIR="$work/tmp/headers" KSRC="$source"
check "... and nothing was made" nothing

# headers that do not name it, but were configured with it
rm "$work/tmp/headers/.kernelvariables" "$work/tmp/headers/include/config/auto.conf"

# configured GCC_VERSION [SED]: auto.conf, with another compiler
configured()
{
	sed -e "s/^CONFIG_GCC_VERSION=.*/CONFIG_GCC_VERSION=$1/" -e "${2:-}" "$headers/include/config/auto.conf" \
		>"$work/tmp/headers/include/config/auto.conf"
}

# calls WANTED: what the build would call by the name gcc
calls()
{
	path=$(sed -n 's/^KPATH=//p' "$other/kernel/env")
	echo "KPATH=$path"
	[ "$(PATH=${path:+$path:}$PATH gcc -dumpversion)" = "$1" ]
}

configured 990100
refused "configured with another compiler" "was built with gcc-99" kernel KDIR="$work/tmp/headers" KSRC="$source"
check "... and nothing was made" nothing
configured 0 's/^CONFIG_CC_IS_GCC=.*/CONFIG_CC_IS_CLANG=y/; s/^CONFIG_CC_VERSION_TEXT=.*/CONFIG_CC_VERSION_TEXT="Debian clang version 19.1.7 (3)"/'
refused "configured with clang" "was built with Debian clang version 19.1.7 (3), and gcc builds these modules: give headers" \
	kernel KDIR="$work/tmp/headers" KSRC="$source"
check "... and nothing was made" nothing
# a machine with two compilers
mkdir -p "$work/tmp/bin"
for c in gcc-98 x86_64-linux-gnu-gcc-98; do
	printf '#!/bin/sh\necho 98\n' >"$work/tmp/bin/$c"
	chmod +x "$work/tmp/bin/$c"
done
configured 980300
check "configured with a compiler that is not this machine's first" \
	kernel KDIR="$work/tmp/headers" KSRC="$source" PATH="$work/tmp/bin:$PATH"
check "... which is used" calls 98
configured "$(gcc -dumpversion | cut -d . -f 1)0000"
check "configured with this machine's own" kernel KDIR="$work/tmp/headers" KSRC="$source"
check "... which is used" calls "$(gcc -dumpversion)"

# a smoke whose kernel, modules and demo are scripts: the release 7.9.1 has what $1 prints for its check.log, an
# earlier one was compared
smoke_compares()
{
	copy=$work/tmp/copy
	rm -rf "$copy"
	tests=$copy/tools/testing/p2pmem/tests
	mkdir -p "$tests/kernels" "$tests/../rig" "$tests/../demo" "$copy/build/kernel" "$copy/build/lanes/other/stock/7.9.0" \
		"$copy/build/lanes/other/stock/7.9.1" "$copy/build/lanes/other/kernel"
	cp "$(dirname "$0")/smoke.sh" "$tests/kernels/"
	cp "$(dirname "$0")/../host.sh" "$(dirname "$0")/../tap.sh" "$tests/"
	for s in rig/kernel rig/modules demo/demo; do
		printf '#!/bin/sh\n' >"$tests/../$s.sh"
		chmod +x "$tests/../$s.sh"
	done
	cp "$BUILD/kernel/env" "$copy/build/kernel/"
	echo KVER=7.9.1 >"$copy/build/lanes/other/kernel/env"
	echo "check-crc: 249 exports" >"$copy/build/lanes/other/stock/7.9.0/check.log"
	echo "$1" >"$copy/build/lanes/other/stock/7.9.1/check.log"
	env BUILD="$copy/build" "$tests/kernels/smoke.sh" "$work/tmp/smoke" other >"$work/tmp/smoke.log" 2>&1 || :
	cat "$work/tmp/smoke.log"
	grep -q "^${2}ok 3 - other: that was compared" "$work/tmp/smoke.log"
}

# a tree that is older than what is grafted
mkdir -p "$work/tmp/old/drivers/nvme/target"
sed '/bdev_file/d' "$source/drivers/nvme/target/nvmet.h" >"$work/tmp/old/drivers/nvme/target/nvmet.h"
refused "a tree of before 6.12" "the tree is too old" "$top/tools/compat/tree.sh" "$work/tmp/old.h" "$work/tmp/old"

# our files, where there is no repository, or git refuses to read that of another owner
unowned()
{
	rm -rf "$work/tmp/unowned"
	mkdir -p "$work/tmp/unowned/tools/graft"
	cp "$top/tools/graft/files.sh" "$work/tmp/unowned/tools/graft/"
	(cd "$top" && tools/graft/files.sh drivers include) >"$work/tmp/files"
	(cd "$top" && xargs -d '\n' cp --parents -t "$work/tmp/unowned" <"$work/tmp/files")
	GIT_CEILING_DIRECTORIES=$work/tmp "$work/tmp/unowned/tools/graft/files.sh" drivers include | diff "$work/tmp/files" -
}

check "the files of a project without git are found" unowned

check "a smoke of modules that were compared" smoke_compares "check-layout: 12 structures" ""
check "... of modules that were not, beside an earlier release" smoke_compares "" "not "

if [ -z "$full" ]; then
	echo "1..$n"
	[ $failed = 0 ]
	exit
fi

refused "no network" "cannot be fetched: is there a network" \
	kernel KERNEL=debian-backports MIRROR=http://127.0.0.1:9/debian SECURITY=http://127.0.0.1:9/debian-security
check "... and nothing was made" nothing

# an archive that has no source any more: lists without one
mkdir -p "$work/tmp/archive/dists"
(
	cd "$work/tmp/archive/dists"
	for s in trixie trixie-backports; do
		mkdir -p $s/main/binary-amd64
		: >$s/main/binary-amd64/Packages
		sum=$(sha256sum <$s/main/binary-amd64/Packages | cut -d' ' -f1)
		printf 'Suite: %s\nCodename: %s\nArchitectures: amd64\nComponents: main\nDate: %s\nSHA256:\n %s 0 main/binary-amd64/Packages\n' \
			$s $s "$(date -Ru | sed 's/+0000/UTC/')" "$sum" >$s/Release
	done
)
refused "no linux-source in the archive" "has its source left the archive" \
	kernel KERNEL=debian-backports MIRROR="[trusted=yes] file:$work/tmp/archive" SECURITY="[trusted=yes] file:$work/tmp/archive"
check "... and nothing was made" nothing

# smoke ASSIGNMENT...: what make check does then
smoke()
{
	rm -rf "$other"
	mkdir -p "$other/kernel"
	cp "$BUILD/kernel/env" "$other/kernel/"
	env BUILD="$other" "$@" "$(dirname "$0")/smoke.sh" "$work/tmp/smoke" debian-backports >"$work/tmp/smoke.log" 2>&1
	status=$?
	cat "$work/tmp/smoke.log"
	return $status
}

# skipped REASON ASSIGNMENT...
skipped()
{
	text=$1
	shift
	smoke "$@" && [ "$(grep -c '^ok ' "$work/tmp/smoke.log")" = 1 ] &&
		grep -q "^ok 1 - debian-backports # SKIP .*$text" "$work/tmp/smoke.log"
}

check "make check skips a kernel without a network" skipped "cannot be fetched: is there a network" \
	MIRROR=http://127.0.0.1:9/debian
check "... one without a source in the archive" skipped "has its source left the archive" \
	MIRROR="[trusted=yes] file:$work/tmp/archive"
check "... and all others when KERNEL= selects one" skipped "plan9 is selected" KERNEL=plan9
# a package that the archive lists and has not
printf 'Package: linux-%s\nVersion: 7.9-1\nArchitecture: amd64\nDepends: linux-kbuild-7.9\nDescription: none\nFilename: none\nSize: 1\nSHA256: %064d\n\n' \
	source-7.9 0 kbuild-7.9 0 headers-7.9.0+t-amd64 0 image-7.9.0+t-amd64 0 \
	>"$work/tmp/archive/dists/trixie/main/binary-amd64/Packages"
sed -i "/main.binary/d" "$work/tmp/archive/dists/trixie/Release"
(
	cd "$work/tmp/archive/dists/trixie"
	echo " $(sha256sum <main/binary-amd64/Packages | cut -d' ' -f1) $(wc -c <main/binary-amd64/Packages) main/binary-amd64/Packages" >>Release
)
check "... and one whose package cannot be downloaded" skipped "apt cannot download linux-image-7.9.0+t-amd64=7.9-1" \
	MIRROR="[trusted=yes] file:$work/tmp/archive"

# a missing interface without a replacement
mkdir -p "$work/tmp/compat"
cp -r "$top/tools/compat/." "$work/tmp/compat/"
sed -i 's/dma_map_resource(/dma_map_of_another_kernel(/' "$work/tmp/compat/probes/dma_map_resource.c"
mkdir -p "$work/tmp/probe"
sed -i 's/gen_pool_add_owner(/gen_pool_of_another_kernel(/' "$work/tmp/compat/probes/gen_pool.c"
refused "interfaces are missing" "this kernel lacks: dma_map_of_another_kernel()" \
	"$work/tmp/compat/probe.sh" "$headers" "$source" "$work/tmp/probe/work" "$work/tmp/probe/compat.h"
check "... the other one, and what to do" \
	grep -q "; genalloc with owners (since 5.3). Use a kernel with CONFIG_GENERIC_ALLOCATOR" "$work/tmp/said"
check "... and there is no list of what is there" test ! -e "$work/tmp/probe/compat.h"
cp "$top/tools/compat/probes/gen_pool.c" "$work/tmp/compat/probes/"
sed -i '/Since:/a\ * Instead: something' "$work/tmp/compat/probes/dma_map_resource.c"
check "... and with something in its stead it is none" \
	"$work/tmp/compat/probe.sh" "$headers" "$source" "$work/tmp/probe/work" "$work/tmp/probe/compat.h"
check "... and the list says so" sh -c "! grep -q DMA_MAP_RESOURCE '$work/tmp/probe/compat.h' && grep -q HAVE_PAGE_FREE '$work/tmp/probe/compat.h'"

# a compiler that is killed at one of them
cc=$(sed -n 's/.*[ =)]\(gcc-[0-9]*\)\( .*\)\{0,1\}$/\1/p' "$headers/.kernelvariables" | head -n 1)
mkdir -p "$work/tmp/killed"
for c in "$cc" "x86_64-linux-gnu-$cc"; do
	cat >"$work/tmp/killed/$c" <<-END
		#!/bin/sh
		case "\$*" in *pcim_request_region.c) kill -KILL \$\$ ;; esac
		exec $(PATH=${KPATH:+$KPATH:}$PATH command -v "$c") "\$@"
	END
	chmod +x "$work/tmp/killed/$c"
done
rm -rf "$work/tmp/probe"
mkdir -p "$work/tmp/probe"
refused "a compiler that is killed" "probes/pcim_request_region.c cannot be tried" env PATH="$work/tmp/killed:$PATH" \
	"$top/tools/compat/probe.sh" "$headers" "$source" "$work/tmp/probe/work" "$work/tmp/probe/compat.h"
check "... and there is no list of what is there" test ! -e "$work/tmp/probe/compat.h"

# a change of our files that has nothing to change any more
mkdir -p "$work/tmp/ours/include/trace/events"
sed 's/__assign_str/__assign_another/' "$top/include/trace/events/p2pmem.h" >"$work/tmp/ours/include/trace/events/p2pmem.h"
refused "a rewrite for old text" "changes nothing in the files that it names" \
	"$top/tools/compat/rewrite.sh" "$work/tmp/ours" /dev/null

# ... and one rule of several
rm -rf "$work/tmp/ours"
mkdir -p "$work/tmp/ours/drivers/pci/p2pdma" "$work/tmp/ours/drivers/nvme/host"
cp "$top/drivers/pci/p2pdma/pages.c" "$work/tmp/ours/drivers/pci/p2pdma/"
cp "$top/drivers/nvme/host/p2pmem.h" "$work/tmp/ours/drivers/nvme/host/"
sed 's/^\tkind &= ~flags;/\tkind = kind \& ~flags;/' "$top/drivers/pci/p2pdma/lend.c" >"$work/tmp/ours/drivers/pci/p2pdma/lend.c"
grep '^#define P2PMEM_HAVE_' "$BUILD/stock/$(sed -n 's/^KVER=//p' "$BUILD/kernel/env")/compat.h" | grep -v P2PDMA_OFF >"$work/tmp/beside.h"
refused "a rule of a rewrite for old text" "does not add \"if (rcu_access_pointer(pdev->p2pdma)) {\"" \
	"$top/tools/compat/rewrite.sh" "$work/tmp/ours" "$work/tmp/beside.h"

# a site that moved: out of the function that is meant, and inside one that goes as a whole
grafted()
{
	rm -rf "$work/tmp/graft"
	mkdir -p "$work/tmp/graft/drivers/nvme" "$work/tmp/graft/drivers/infiniband"
	cp -r "$source/drivers/nvme/host" "$source/drivers/nvme/target" "$work/tmp/graft/drivers/nvme/"
	cp -r "$source/drivers/infiniband/core" "$work/tmp/graft/drivers/infiniband/"
	for d in drivers/nvme/host drivers/nvme/target drivers/infiniband/core; do
		cp "$top/$d"/*p2pmem* "$work/tmp/graft/$d/"
	done
	sed -i "$2" "$work/tmp/graft/$1"
	sums >"$work/tmp/ungrafted"
	"$top/tools/graft/graft.sh" "$work/tmp/graft"
}

# sums: of all files there
sums()
{
	(cd "$work/tmp/graft" && find . -type f -exec sha256sum {} + | LC_ALL=C sort -k 2)
}

unchanged()
{
	sums | diff "$work/tmp/ungrafted" -
}

refused "a site moved to another function" "in nvme_remove(), in 0 lines, expected 1" grafted drivers/nvme/host/pci.c \
	'/^static void nvme_remove(/,/^}/s/nvme_free_host_mem(dev)/nvme_free_other(dev)/; /^static void nvme_async_probe(/,$!b'
check "... and what to do" grep -q "was changed: use a kernel that tools/graft/known lists, or bring" "$work/tmp/said"
check "... and nothing was changed" unchanged
check "a line more in a function that goes" grafted drivers/nvme/host/pci.c \
	'/^static void nvme_map_cmb(/,/^}/s/^	bar_size = .*/&\n	(void)memremap_compat_align();/'
refused "sites of no one kernel" "these sites are of no one kernel" grafted drivers/nvme/host/pci.c \
	's/rc == -EREMOTEIO/rc == -EREMOTE/'
check "... and nothing was changed" unchanged

# structures that lie elsewhere than in the distribution's modules
lane=$BUILD/lanes/debian-backports
if [ -e "$lane/kernel/env" ]; then
	layout()
	{
		# shellcheck disable=SC1091
		. "$lane/kernel/env"
		[ -z "$KPATH" ] || PATH=$KPATH:$PATH
		export KVER KDIR KSRC KIMAGE PATH
		out=$lane/stock/$KVER
		rm -rf "$work/tmp/layout"
		mkdir -p "$work/tmp/layout/tree/drivers"
		ln -s "$out/tree/include" "$out/tree/compat" "$out/tree/compat.h" "$out/tree/Kbuild" "$work/tmp/layout/tree/"
		cp -r "$out/tree/drivers/nvme" "$work/tmp/layout/tree/drivers/"
		sed -i "$1" "$work/tmp/layout/tree/drivers/nvme/host/nvme.h"
		"$rig/check-layout.sh" "$work/tmp/layout"
	}
	check "a kernel without versions of symbols: its structures are compared" layout ''
	check "... those that the kernel uses itself, too" grep -q 'sizeof(struct ib_device) ==' "$work/tmp/layout/layout/rdma.c"
	refused "a member more in a structure that is shared" "struct nvme_ctrl has another size" layout 's/^struct nvme_ctrl {/&\n	long of_another_version;/'
else
	n=$((n + 1))
	echo "ok $n - structures are compared # SKIP debian-backports was not built yet: smoke-debian-backports does it"
fi
echo "1..$n"
[ $failed = 0 ]
