#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# intree.sh graft|ungraft KSRC: add p2pmem to the kernel source tree KSRC, or remove it
#
# graft copies the overlay (the files that git tracks below drivers/, include/ and
# Documentation/), references it in Kconfig, Makefile, MAINTAINERS and the tables of contents,
# and runs graft.sh to patch the consumers. It works on a copy and verifies the result; KSRC is
# changed only if everything succeeded. A second run updates KSRC, or changes nothing.
#
# ungraft restores every byte. Both fail if one of the files was changed by somebody else.
#
#   KSRC/.p2pmem-graft/manifest   lines "added|changed SHA256 PATH" and "dir PATH"
#   KSRC/.p2pmem-graft/orig/      the original contents of the changed files
#   KSRC/.p2pmem-graft.undo/      undo journal, exists while files are being replaced. If a
#                                 run was interrupted, the next one rolls it back first.
#
# Files are replaced and never written in place, so hard links to them keep their contents.
# Modification times are not restored, so that make notices the change.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
overlay='drivers include Documentation'
# files that hooks.sh and graft.sh change or read
hooked='MAINTAINERS drivers/pci/Kconfig drivers/pci/Makefile Documentation/PCI/index.rst
	Documentation/admin-guide/index.rst'
consumers='drivers/infiniband/core drivers/nvme/host drivers/nvme/target'
abi=Documentation/ABI

say() { printf 'graft: %s\n' "$*"; }
complain() { printf 'graft: error: %s\n' "$*" >&2; }
die() { complain "$@"; exit 1; }

usage() {
	printf 'usage: %s graft|ungraft KSRC\n' "$(basename "$0")" >&2
	exit 2
}

sum() { sha256sum <"$1" | cut -c1-64; }

our_files() {
	# shellcheck disable=SC2086	# one word a folder is meant
	"$here/files.sh" $overlay
}

# Fails if a file of the manifest differs from what the graft wrote; names all of them
untouched() {
	bad=0
	while read -r what hash path; do
		case $what in added | changed) ;; *) continue ;; esac
		if [ ! -f "$ksrc/$path" ]; then
			complain "$ksrc/$path was removed since the graft"
		elif [ "$(sum "$ksrc/$path")" != "$hash" ]; then
			complain "$ksrc/$path was changed since the graft"
		else
			continue
		fi
		bad=1
	done <"$record/manifest"
	[ $bad = 0 ] ||
		die "nothing in $ksrc was changed: save your changes as a patch, restore these files, and try again"
}

# put FILE PATH: replaces KSRC/PATH atomically
put() {
	rm -f "$ksrc/$2.p2pmem-new" &&
		cp --preserve=mode "$1" "$ksrc/$2.p2pmem-new" &&
		mv -f "$ksrc/$2.p2pmem-new" "$ksrc/$2"
}

# Rolls back an interrupted change from its journal
rollback() {
	if [ -e "$undo/ready" ]; then
		while read -r what path; do
			[ "$what" = dir ] || rm -f "$ksrc/$path.p2pmem-new"
			case $what in
			existed) cmp -s "$undo/files/$path" "$ksrc/$path" || put "$undo/files/$path" "$path" || return 1 ;;
			none) rm -f "$ksrc/$path" ;;
			esac
		done <"$undo/ops"
		sed -n 's/^dir //p' "$undo/ops" | LC_ALL=C sort -r | while read -r d; do
			[ ! -d "$ksrc/$d" ] || rmdir "$ksrc/$d" 2>/dev/null || :
		done
		if [ -d "$undo/record" ]; then
			rm -rf "$record"
			mv "$undo/record" "$record" || return 1
		elif [ -e "$undo/fresh" ]; then
			rm -rf "$record"
		fi
	fi
	rm -rf "$undo"
}

# shellcheck disable=SC2317	# called by the trap
ended() {
	status=$?
	trap '' HUP INT TERM
	if [ $status != 0 ] && [ -d "$undo" ]; then
		if rollback; then
			complain "rolled back: $ksrc is as it was before"
		else
			complain "cannot roll back: make $ksrc writable and run this command again, it will use $undo"
		fi
	fi
	rm -rf "$tmp" "$ksrc/.p2pmem-graft.new"
	exit $status
}

# commit WANT RECORD: copies a file from WANT for each "put PATH" of $tmp/ops and removes the
# file of each "del PATH"; then replaces the record by RECORD (removes it if RECORD is empty)
commit() {
	mkdir -p "$undo/files"
	: >"$undo/ops.new"
	while read -r what path; do
		if [ "$what" = put ]; then
			d=$(dirname "$path")
			while [ ! -d "$ksrc/$d" ]; do
				grep -Fqx "dir $d" "$undo/ops.new" || echo "dir $d" >>"$undo/ops.new"
				d=$(dirname "$d")
			done
		fi
		if [ -f "$ksrc/$path" ]; then
			mkdir -p "$undo/files/$(dirname "$path")"
			cp -p "$ksrc/$path" "$undo/files/$path"
			echo "existed $path" >>"$undo/ops.new"
		else
			echo "none $path" >>"$undo/ops.new"
		fi
	done <"$tmp/ops"
	mv "$undo/ops.new" "$undo/ops"
	[ -d "$record" ] || : >"$undo/fresh"
	: >"$undo/ready"

	while read -r what path; do
		if [ "$what" = put ]; then
			mkdir -p "$ksrc/$(dirname "$path")" && put "$1/$path" "$path"
		else
			rm "$ksrc/$path"
		fi || die "cannot write $ksrc/$path"
	done <"$tmp/ops"

	if [ -n "$2" ]; then
		rm -rf "$record.new"
		cp -r "$2" "$record.new" || die "cannot write $record"
	fi
	[ ! -d "$record" ] || mv "$record" "$undo/record"
	[ -z "$2" ] || mv "$record.new" "$record"
	rm "$undo/ready"		# committed
	rm -rf "$undo"
}

# original PATH: prints the location of the file as it was before any graft
original() {
	if [ -f "$record/orig/$1" ]; then
		echo "$record/orig/$1"
	else
		echo "$ksrc/$1"
	fi
}

# was WHAT PATH: succeeds if the record has a line of PATH with WHAT (added or changed)
was() {
	[ -e "$record/manifest" ] &&
		awk -v what="$1" -v path="$2" '$1 == what && $NF == path { found = 1 } END { exit !found }' "$record/manifest"
}

# copy_original FILE: copies the original of FILE to the copy
copy_original() {
	mkdir -p "$want/$(dirname "$1")"
	cp --preserve=mode "$(original "$1")" "$want/$1"
}

assemble() {
	want=$tmp/want
	mkdir "$want"
	our_files >"$tmp/ours"
	[ -s "$tmp/ours" ] || die "no files of p2pmem found below $top"
	bad=0
	for f in $hooked; do
		[ -f "$ksrc/$f" ] || { complain "$ksrc/$f is missing"; bad=1; continue; }
		copy_original "$f"
	done
	for d in $consumers; do
		[ -d "$ksrc/$d" ] || { complain "$ksrc/$d is missing"; bad=1; continue; }
		for f in "$ksrc/$d"/*.[ch] "$ksrc/$d/Makefile"; do
			f=${f#"$ksrc/"}
			[ ! -f "$ksrc/$f" ] || was added "$f" || copy_original "$f"
		done
	done
	[ -d "$ksrc/$abi" ] || { complain "$ksrc/$abi is missing"; bad=1; }
	while read -r f; do
		if [ -e "$ksrc/$f" ] && ! was added "$f"; then
			complain "$ksrc/$f exists already and was not added by this command: use a fresh copy of the kernel source"
			bad=1
		fi
	done <"$tmp/ours"
	[ $bad = 0 ] || die "nothing in $ksrc was changed"

	while read -r f; do
		mkdir -p "$want/$(dirname "$f")"
		cp --preserve=mode "$top/$f" "$want/$f"
	done <"$tmp/ours"
	# ABI files of the kernel that have entries of the same names as ours
	sed -n 's/^What:[ \t]*//p' "$want/$abi"/*/* | LC_ALL=C sort -u >"$tmp/what"
	grep -rlFf "$tmp/what" "$ksrc/$abi" | while read -r f; do
		f=${f#"$ksrc/"}
		was added "$f" || grep -Fqx "$f" "$tmp/ours" || echo "$f"
	done >"$tmp/abi"
	# in a tree that has the graft these no longer match
	[ ! -d "$record/orig/$abi" ] || (cd "$record/orig" && find "$abi" -type f) >>"$tmp/abi"
	LC_ALL=C sort -u "$tmp/abi" >"$tmp/abi.files"
	while read -r f; do copy_original "$f"; done <"$tmp/abi.files"

	# to the interface of this kernel, which is the consumers' and that of its headers
	compat=$here/../compat
	"$compat/tree.sh" "$tmp/compat.h" "$want" "$ksrc" || die "nothing in $ksrc was changed"
	"$compat/rewrite.sh" "$want" "$tmp/compat.h" || die "nothing in $ksrc was changed"
	sed -n 's/^ \* File: *//p' "$compat"/add*/* | while read -r f; do
		[ ! -e "$want/$f" ] || echo "$f"
	done >"$tmp/more"
	while read -r f; do
		[ ! -e "$ksrc/$f" ] || was added "$f" ||
			die "$ksrc/$f exists already and was not added by this command: nothing was changed"
	done <"$tmp/more"
	cat "$tmp/more" >>"$tmp/ours"

	"$here/hooks.sh" "$want" "$top/MAINTAINERS" "$tmp/what" "$tmp/abi.files" ||
		die "nothing in $ksrc was changed"
	"$here/graft.sh" "$want" >"$tmp/graft.log" 2>"$tmp/graft.err" || {
		sed "s|$want|$ksrc|g" "$tmp/graft.err" >&2
		exit 1
	}
}

graft() {
	[ ! -d "$record" ] || untouched
	assemble
	mkdir "$tmp/record"
	: >"$tmp/ops"
	(cd "$want" && find . -type f) | sed 's|^\./||' | LC_ALL=C sort >"$tmp/files"
	while read -r f; do
		if grep -Fqx "$f" "$tmp/ours"; then
			echo "added $(sum "$want/$f") $f"
		elif ! cmp -s "$(original "$f")" "$want/$f"; then
			echo "changed $(sum "$want/$f") $f"
			mkdir -p "$tmp/record/orig/$(dirname "$f")"
			cp -p "$(original "$f")" "$tmp/record/orig/$f"
		fi
		[ -f "$ksrc/$f" ] && cmp -s "$ksrc/$f" "$want/$f" || echo "put $f" >>"$tmp/ops"
	done <"$tmp/files" >"$tmp/record/manifest"
	# files that an earlier version added and this one does not have
	[ ! -e "$record/manifest" ] || awk '$1 == "added" { print $3 }' "$record/manifest" | while read -r f; do
		[ -f "$want/$f" ] || echo "del $f"
	done >>"$tmp/ops"
	# directories that exist for our files only
	{
		[ ! -e "$record/manifest" ] || sed -n 's/^dir //p' "$record/manifest"
		while read -r f; do
			d=$(dirname "$f")
			while [ ! -d "$ksrc/$d" ]; do
				echo "$d"
				d=$(dirname "$d")
			done
		done <"$tmp/ours"
	} | LC_ALL=C sort -u | sed 's/^/dir /' >>"$tmp/record/manifest"

	if [ ! -s "$tmp/ops" ]; then
		say "$ksrc is up to date: nothing was changed"
		return
	fi
	commit "$want" "$tmp/record"
	# verify that the files are what the record says
	untouched
	sed 's/, [0-9]* files changed$//' "$tmp/graft.log"
	say "$ksrc: $(grep -c ^added "$record/manifest") files of p2pmem, $(grep -c ^changed "$record/manifest") changed files of the kernel; $(wc -l <"$tmp/ops") written by this run"
	say "next: run make menuconfig there (PCI_P2PDMA off, PCI_P2PMEM on); to undo: make ungraft KSRC=$ksrc"
}

ungraft() {
	if [ ! -d "$record" ]; then
		say "$ksrc has no graft: nothing was changed"
		return
	fi
	untouched
	while read -r what _ path; do
		case $what in
		added) echo "del $path" ;;
		changed)
			[ -f "$record/orig/$path" ] || die "$record/orig/$path is missing: nothing was changed"
			echo "put $path"
			;;
		esac
	done <"$record/manifest" >"$tmp/ops"
	sed -n 's/^dir //p' "$record/manifest" | LC_ALL=C sort -r >"$tmp/dirs"
	cp -r "$record/orig" "$tmp/orig"
	commit "$tmp/orig" ''
	while read -r d; do
		[ ! -d "$ksrc/$d" ] || rmdir "$ksrc/$d" 2>/dev/null ||
			say "kept $ksrc/$d: it contains files that are not from the graft (of a build?)"
	done <"$tmp/dirs"
	say "$ksrc: $(grep -c ^del "$tmp/ops") files removed, $(grep -c ^put "$tmp/ops") restored"
}

[ $# = 2 ] || usage
case $1 in graft | ungraft) ;; *) usage ;; esac
[ -d "$2" ] || die "$2 is not a directory: set KSRC= to a kernel source tree"
ksrc=$(cd "$2" && pwd)
[ -f "$ksrc/MAINTAINERS" ] || die "$ksrc is not a kernel source tree (no MAINTAINERS)"
[ "$ksrc" != "$top" ] || die "$ksrc is this repository: set KSRC= to a kernel source tree"
[ -w "$ksrc" ] || die "$ksrc is not writable"
record=$ksrc/.p2pmem-graft
undo=$ksrc/.p2pmem-graft.undo

exec 9<"$ksrc"
flock -n 9 || die "another graft is running on $ksrc: wait until it ends"
tmp=$(mktemp -d)
trap ended EXIT
trap 'exit 1' HUP INT TERM
if [ -d "$undo" ]; then
	say "$ksrc: an earlier run was interrupted, rolling it back"
	rollback || die "cannot roll back: the original files are in $undo"
fi
"$1"
