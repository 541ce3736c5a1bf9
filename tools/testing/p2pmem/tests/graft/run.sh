#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Tests tools/graft/intree.sh (make graft, make ungraft) on a small tree below BUILD_DIR. It has
# the consumers' directories of the distribution's source, and the relevant lines of the other
# files that the graft changes. Builds no kernel. Prints TAP.
#
# run.sh BUILD_DIR
#
# The project's build directory is $BUILD (build), after "make modules".
# Exit status: 0 all passed, 1 a test failed, 2 usage error.
set -eu

# shellcheck source=tools/testing/p2pmem/tests/host.sh
. "$(dirname "$0")/../host.sh"
script=$top/tools/graft/intree.sh
orig=$work/orig tree=$work/tree
# one of our files
one=$(cd "$top" && git ls-files 'drivers/pci/p2pdma/*.c' | head -n 1)
# shellcheck disable=SC1091
. "$top/tools/testing/p2pmem/tests/graft/tree.sh"

# refuses NAME TEXT COMMAND...: COMMAND must fail with TEXT and change nothing
refuses()
{
	name=$1 text=$2
	shift 2
	rm -rf "$work/before"
	cp -a "$tree" "$work/before"
	if "$@" >"$work/out" 2>&1; then
		not_ok "$name: fails"
	elif ! grep -Fq "$text" "$work/out"; then
		not_ok "$name: reports \"$text\""
	elif ! diff -r "$work/before" "$tree" >"$work/out"; then
		not_ok "$name: changes nothing"
	else
		ok "$name"
	fi
}

# an ungrafted tree, hard-linked to a copy as users with several trees do
fresh()
{
	rm -rf "$tree" "$work/links"
	cp -a "$orig" "$work/links"
	cp -al "$work/links" "$tree"
}

# the same tree with the graft of the first test
grafted()
{
	rm -rf "$tree"
	cp -a "$work/grafted" "$tree"
}

same()
{
	diff -r "$orig" "$tree"
}

# compares modes, which diff -r ignores
modes()
{
	(cd "$orig" && find . -type f -printf '%m %p\n' | LC_ALL=C sort) >"$work/modes"
	(cd "$tree" && find . -type f -printf '%m %p\n' | LC_ALL=C sort) | diff "$work/modes" -
}

has()
{
	grep -Fq -e "$2" "$tree/$1" || { echo "$1 lacks: $2"; return 1; }
}

hooks_are_there()
{
	has drivers/pci/Makefile 'obj-y				+= p2pdma/' || return 1
	has drivers/pci/Kconfig 'source "drivers/pci/p2pdma/Kconfig"' &&
	has drivers/nvme/host/Makefile 'CONFIG_PCI_P2PMEM_NVME' &&
	has drivers/nvme/host/pci.c nvme_p2pmem_map_cmb &&
	has Documentation/PCI/index.rst '   p2pmem/index' &&
	has Documentation/admin-guide/index.rst '   p2pmem' &&
	has MAINTAINERS 'PCI PEER-TO-PEER MEMORY (P2PMEM)' || return 1
	git -C "$top" ls-files -- drivers include Documentation | while read -r f; do
		cmp "$top/$f" "$tree/$f" || exit 1
	done
}

abi_is_unique()
{
	has Documentation/ABI/testing/sysfs-bus-pci p2pmem/allocate &&
	has Documentation/ABI/testing/sysfs-bus-pci devices/.../both &&
	has Documentation/ABI/testing/sysfs-bus-pci 'Text of reset.' || return 1
	! grep 'Text of p2pmem/size' "$tree/Documentation/ABI/testing/sysfs-bus-pci" || return 1
	cat "$tree"/Documentation/ABI/*/* | sed -n 's/^What:[ \t]*//p' | sort | uniq -d >"$work/twice"
	cat "$work/twice"
	[ ! -s "$work/twice" ] || return 1
	perl "$KSRC/scripts/get_abi.pl" validate --dir "$tree/Documentation/ABI" >"$work/abi" 2>&1 || :
	! grep -i 'p2pmem\|defined .* times' "$work/abi"
}

# a second graft reports that, and changes not even a modification time
twice()
{
	find "$tree" -printf '%p %T@ %C@\n' | sort >"$work/times"
	"$script" graft "$tree" >"$work/twice" || return 1
	grep 'nothing was changed' "$work/twice" || return 1
	find "$tree" -printf '%p %T@ %C@\n' | sort | diff "$work/times" -
}

# hard links to the files of a tree keep their contents
links()
{
	diff -r "$orig" "$work/links"
}

# an older overlay in the tree is updated, and ungraft still removes everything
update()
{
	grafted
	was=$tree/$one record=$tree/.p2pmem-graft/manifest
	echo '/* old version */' >"$was"
	echo 'removed since' >"$tree/drivers/pci/p2pdma/gone.c"
	sed -i "s|^added .* $one|added $(sha256sum <"$was" | cut -c1-64) $one|" "$record"
	echo "added $(sha256sum <"$tree/drivers/pci/p2pdma/gone.c" | cut -c1-64) drivers/pci/p2pdma/gone.c" >>"$record"
	"$script" graft "$tree" || return 1
	cmp "$top/$one" "$was" || return 1
	[ ! -e "$tree/drivers/pci/p2pdma/gone.c" ] || return 1
	"$script" ungraft "$tree" && same
}

# killed COMMAND: kills it at the third last file; the next run must roll back
killed()
{
	mkdir -p "$work/bin"
	cat >"$work/bin/mv" <<-'E2'
	#!/bin/sh
	case $* in *target/rdma.c.p2pmem-new*) kill -9 $PPID; exit 1 ;; esac
	PATH=${PATH#*:}
	exec mv "$@"
	E2
	chmod +x "$work/bin/mv"
	PATH=$work/bin:$PATH "$script" "$1" "$tree" && return 1
	[ -d "$tree/.p2pmem-graft.undo" ]
}

killed_graft()
{
	fresh
	killed graft || return 1
	! same >/dev/null || return 1
	"$script" ungraft "$tree" && same
}

killed_ungraft()
{
	grafted
	killed ungraft || return 1
	! diff -r "$work/grafted" "$tree" >/dev/null || return 1
	"$script" graft "$tree" && diff -r "$work/grafted" "$tree"
}

# anchor FILE LINE: without that line the graft must fail and name both
anchor()
{
	fresh
	rm "$tree/$1"
	grep -Fvx -e "$2" "$orig/$1" >"$tree/$1"
	refuses "an anchor is missing in $1" "$1: the anchor \"$2\"" "$script" graft "$tree"
}

[ -f "$KSRC/drivers/nvme/host/pci.c" ] || { echo "Bail out! $KSRC has no drivers/nvme: run \"make modules\" first"; exit 1; }
plant
fresh
check "graft" "$script" graft "$tree"
check "every hook and every file of p2pmem exists" hooks_are_there
check "ABI entries are unique" abi_is_unique
check "hard links keep their contents" links
rm -rf "$work/grafted"
cp -a "$tree" "$work/grafted"
check "a second graft changes nothing" twice

echo '/* mine */' >>"$tree/drivers/nvme/host/pci.c"
refuses "ungraft fails if a file of the kernel was changed since" "drivers/nvme/host/pci.c was changed since" "$script" ungraft "$tree"
refuses "graft fails if a file of the kernel was changed since" "drivers/nvme/host/pci.c was changed since" "$script" graft "$tree"
sed -i '$d' "$tree/drivers/nvme/host/pci.c"
mv "$tree/$one" "$work/one.c"
refuses "ungraft fails if a file of p2pmem was removed" "$one was removed" "$script" ungraft "$tree"
mv "$work/one.c" "$tree/$one"
check "ungraft" "$script" ungraft "$tree"
check "ungraft restores every byte" same
check "ungraft restores every mode" modes
check "ungraft of a tree without a graft" "$script" ungraft "$tree"
check "graft updates an older graft" update

anchor drivers/pci/Kconfig 'config PCI_P2PDMA'
# shellcheck disable=SC2016	# make's dollars
anchor drivers/pci/Makefile 'obj-$(CONFIG_PCI_P2PDMA)	+= p2pdma.o'
anchor MAINTAINERS 'PCI PEER-TO-PEER DMA (P2PDMA)'
anchor Documentation/PCI/index.rst '   boot-interrupts'
anchor Documentation/admin-guide/index.rst '   parport'
fresh
sed -i 's/ib_dma_pci_p2p_dma_supported/ib_dma_of_another_kernel/' "$tree/drivers/nvme/target/rdma.c"
refuses "a site of the consumers is missing" "drivers/nvme/target/rdma.c" "$script" graft "$tree"
fresh
rm "$tree/MAINTAINERS"
refuses "not a kernel tree" "is not a kernel source tree" "$script" graft "$tree"
fresh
mkdir "$tree/drivers/pci/p2pdma"
echo mine >"$tree/$one"
refuses "a file of p2pmem exists already" "$one exists already" "$script" graft "$tree"

# a directory in place of a temporary file makes the graft fail at one of the last files
fresh
mkdir -p "$tree/drivers/nvme/target/rdma.c.p2pmem-new/in-the-way"
refuses "a failure half way is rolled back" "cannot write" "$script" graft "$tree"
check "graft killed half way: the next run rolls it back" killed_graft
check "ungraft killed half way: the next run rolls it back" killed_ungraft
echo "1..$n"
[ $failed = 0 ]
