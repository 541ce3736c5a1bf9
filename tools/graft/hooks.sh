#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# hooks.sh TREE MAINTAINERS WHAT ABI-FILES: reference our files in a kernel tree (for intree.sh)
#
# TREE          copy of the files to change
# MAINTAINERS   that of this project; its F: lines of files in a kernel tree become our entry
# WHAT          a file with the names of all our ABI entries
# ABI-FILES     a file with the paths of the kernel's ABI files that may have the same entries
#
# Each place is found by a line of the kernel's file, its anchor. A missing anchor is an error
# that names file and anchor; the script reports all missing anchors before it fails.
#
# ABI entries: get_abi.pl requires exactly one for each file of sysfs. Upstream's P2PDMA has
# three names in common with p2pmem, and a kernel never has both. The kernel's entries for these
# names are removed and ours, which describe more, are kept. Upstream's fourth name, "allocate",
# does not exist in p2pmem; its entry is kept.
set -eu

tree=$1 maintainers=$2 what=$3 abi_files=$4
failed=0

# insert FILE ANCHOR TEXT before|after|STOP: insert TEXT before or after the only line that equals
# ANCHOR, or before the first line after it that begins with STOP
insert() {
	if ! ANCHOR=$2 TEXT=$3 awk -v where="$4" '
		BEGIN { anchor = ENVIRON["ANCHOR"]; text = ENVIRON["TEXT"] }
		wait && index($0, where) == 1 { print text; wait = 0; done++ }
		$0 == anchor && where == "before" { print text; done++ }
		{ print }
		$0 == anchor && where == "after" { print text; done++ }
		$0 == anchor && where != "before" && where != "after" { wait = 1 }
		END { exit done != 1 }' "$tree/$1" >"$tree/$1.new"; then
		rm "$tree/$1.new"
		printf 'graft: error: %s: the anchor "%s" was not found exactly once%s\n' "$1" "$2" \
			"$(case $4 in before | after) ;; *) echo ", with \"$4\" after it" ;; esac)" >&2
		failed=1
		return
	fi
	cat "$tree/$1.new" >"$tree/$1"
	rm "$tree/$1.new"
}

tab=$(printf '\t')
insert drivers/pci/Kconfig 'config PCI_P2PDMA' 'source "drivers/pci/p2pdma/Kconfig"
' 'config '
# obj-y: one of the options builds tests without the rest
# shellcheck disable=SC2016	# the anchor has this dollar
insert drivers/pci/Makefile "obj-\$(CONFIG_PCI_P2PDMA)$tab+= p2pdma.o" \
	"obj-y$tab$tab$tab$tab+= p2pdma/" after
insert Documentation/PCI/index.rst '   boot-interrupts' '   p2pmem/index' after
insert Documentation/admin-guide/index.rst '   parport' '   p2pmem' before

entry=$(awk -F '\t' '
	/^L:\t/ && !list { list = $0 }
	/^F:\t(drivers|include|Documentation)\// { print }
	END { if (list) print "0" list; print "1S:\tMaintained" }' "$maintainers" | LC_ALL=C sort -u | sed 's/^[01]//')
insert MAINTAINERS 'PCI PEER-TO-PEER DMA (P2PDMA)' "PCI PEER-TO-PEER MEMORY (P2PMEM)
$entry
" 'PCI '

while read -r f; do
	awk -v list="$what" '
	# a block: lines "What:" and their description
	function flush() {
		if (!held || names)
			printf "%s", block
		block = ""; names = held = 0; said = 0
	}
	BEGIN { while ((getline line < list) > 0) ours[line] = 1 }
	/^What:/ {
		if (said)
			flush()
		name = $0
		sub(/^What:[ \t]*/, "", name)
		held = 1
		if (!(name in ours)) {
			names++
			block = block $0 "\n"
		}
		next
	}
	{ said = 1; block = block $0 "\n" }
	END { flush() }' "$tree/$f" >"$tree/$f.new"
	cat "$tree/$f.new" >"$tree/$f"
	rm "$tree/$f.new"
done <"$abi_files"

# Each file pattern of our entry must match a file
printf '%s\n' "$entry" | sed -n 's/^F:\t//p' >"$tree/.patterns"
while read -r pattern; do
	# shellcheck disable=SC2086	# a pattern is meant
	set -- "$tree"/$pattern
	[ -e "$1" ] || {
		printf 'graft: error: MAINTAINERS: no file matches "%s"\n' "$pattern" >&2
		failed=1
	}
done <"$tree/.patterns"
rm "$tree/.patterns"
exit $failed
