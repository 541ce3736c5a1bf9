#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# rewrite.sh TREE HEADER: bring our own files in TREE to the interface of the kernel that HEADER (of
# probe.sh) describes, where adapt.h cannot
#
# For an interface that is missing, rewrite/NAME.* changes the files that its second comment line
# names, as a semantic patch, with sed or with awk. "Adds: FILE TEXT" is for a rule whose loss nothing that
# compiles would show: afterwards FILE has a line with TEXT. add/NAME.c is a file more;
# add-when-there/NAME.* is one for an interface that is there. A change that changes
# nothing in all of its files is out of date, and an error.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
tree=$1 header=$2

die()
{
	echo "compat: $*" >&2
	exit 1
}

have()
{
	grep -q "^#define P2PMEM_HAVE_$(echo "$1" | tr '[:lower:]' '[:upper:]') " "$header"
}

for script in "$here"/rewrite/*; do
	name=$(basename "$script")
	! have "${name%.*}" || continue
	changed='' found=
	files=$(sed -n 's,^\(#\|//\) Files: *,,p' "$script")
	for f in $files; do
		[ -f "$tree/$f" ] || continue
		found=yes
		cp "$tree/$f" "$tree/$f.was"
		case $name in
		*.cocci)
			spatch --very-quiet --no-includes --in-place --sp-file "$script" "$tree/$f" >"$tree/.rewrite.log" 2>&1 ||
				die "$f: rewrite/$name failed: $(tail -n 3 "$tree/.rewrite.log")" ;;
		*.sed)	sed -f "$script" "$tree/$f.was" >"$tree/$f" ;;
		*.awk)	awk -f "$script" "$tree/$f.was" >"$tree/$f" ;;
		esac
		cmp -s "$tree/$f" "$tree/$f.was" || changed=yes
		rm "$tree/$f.was"
	done
	sed -n 's,^\(#\|//\) Adds: *,,p' "$script" | while read -r f text; do
		[ ! -f "$tree/$f" ] || grep -Fq -e "$text" "$tree/$f" ||
			die "rewrite/$name does not add \"$text\" to $f: what it is for is written otherwise now"
	done
	# a kernel tree has no files of the rig
	[ -n "$changed" ] || [ -z "$found" ] || die "rewrite/$name changes nothing in the files that it names: what it is for is written otherwise now"
done
rm -f "$tree/.rewrite.log"

# add SOURCE yes|no: whether the file is one of TREE
add()
{
	f=$tree/$(sed -n 's/^ \* File: *//p' "$1")
	if [ "$2" = no ]; then
		rm -f "$f"
	else
		# a file of a kernel does not name itself
		sed '/^ \* File: /,/^ \*$/d' "$1" >"$f.new"
		if cmp -s "$f.new" "$f"; then rm "$f.new"; else mv "$f.new" "$f"; fi
	fi
}

for source in "$here"/add/* "$here"/add-when-there/*; do
	# the package for DKMS has none
	[ -e "$source" ] || continue
	name=$(basename "$source")
	name=${name%.*}
	case $source in
	*/add/*)	if have "$name"; then add "$source" no; else add "$source" yes; fi ;;
	*)		if have "$name"; then add "$source" yes; else add "$source" no; fi ;;
	esac
done
