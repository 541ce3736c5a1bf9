# SPDX-License-Identifier: GPL-2.0-only
#
# For the tests in this directory: a small kernel tree to graft, and copies. Source this after
# ../host.sh, with "orig" set to the directory of the tree.

# shellcheck shell=sh disable=SC2154	# set by the script that sources this

# complete directories of the consumers; of the other files only the relevant lines
plant()
{
	rm -rf "$orig"
	mkdir -p "$orig/drivers/nvme" "$orig/drivers/infiniband" "$orig/drivers/pci" "$orig/include/linux" \
		"$orig/Documentation/PCI" "$orig/Documentation/admin-guide" "$orig/Documentation/ABI/testing"
	cp -r "$KSRC/drivers/nvme/host" "$KSRC/drivers/nvme/target" "$orig/drivers/nvme/"
	cp -r "$KSRC/drivers/infiniband/core" "$orig/drivers/infiniband/"
	# headers that show the interface of the kernel
	common=$(sed -n 's,^include \(.*\)/Makefile$,\1,p' "$KDIR/Makefile")
	sed -n 's/^ \* Tree: *\(include[^ ]*\) .*/\1/p' "$top"/tools/compat/probes/*.c | sort -u | while read -r h; do
		cp "${common:-$KDIR}/$h" "$orig/$h"
	done
	chmod 640 "$orig/drivers/nvme/host/pci.c"
	printf 'if PCI\n\nconfig PCI_P2PDMA\n\tbool "one"\n\nconfig PCI_LABEL\n\tdef_bool y\n\nendif\n' >"$orig/drivers/pci/Kconfig"
	# shellcheck disable=SC2016	# make's dollars
	printf 'obj-$(CONFIG_PCI_ECAM)\t+= ecam.o\nobj-$(CONFIG_PCI_P2PDMA)\t+= p2pdma.o\nobj-y\t+= last.o\n' \
		>"$orig/drivers/pci/Makefile"
	printf '   :maxdepth: 2\n\n   pci\n   boot-interrupts\n' >"$orig/Documentation/PCI/index.rst"
	printf '   numastat\n   parport\n   pm/index\n' >"$orig/Documentation/admin-guide/index.rst"
	printf '%s\n' 'PCI PEER-TO-PEER DMA (P2PDMA)' 'S:	Supported' 'F:	drivers/pci/p2pdma.c' '' \
		'PCI POWER CONTROL' 'S:	Maintained' >"$orig/MAINTAINERS"
	# "both" shares its entry with a name of ours, so the entry must be kept
	for names in reset p2pmem/size 'p2pmem/published both' p2pmem/allocate; do
		for name in $names; do
			printf 'What:\t\t/sys/bus/pci/devices/.../%s\n' "$name"
		done
		printf 'Date:\t\tMay 2020\nContact:\tsomebody@host.example\nDescription:\n\t\tText of %s.\n\n' "$names"
	done >"$orig/Documentation/ABI/testing/sysfs-bus-pci"
}

# commit_all DIR: commits all files there, byte for byte
commit_all()
{
	git -C "$1" init -q
	git -C "$1" config core.autocrlf false
	git -C "$1" add -Af
	GIT_AUTHOR_NAME=test GIT_AUTHOR_EMAIL=test@host.example GIT_COMMITTER_NAME=test GIT_COMMITTER_EMAIL=test@host.example \
		git -C "$1" commit -q -m "as it is"
}

# copies what the series needs of this project, so that edits during the test have no effect
project()
{
	rm -rf "${work:?}/$1"
	mkdir -p "$work/$1"
	(cd "$top" && git ls-files -- drivers include Documentation tools/graft tools/compat MAINTAINERS Makefile | while read -r f; do
		[ ! -e "$f" ] || cp --parents "$f" "$work/$1"
	done)
	commit_all "$work/$1"
}
