#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# intree.sh graft|ungraft KSRC: put p2pmem into the kernel source tree KSRC, or take it out
#
# graft copies the overlay (what git tracks below drivers/, include/ and Documentation/),
# hooks it into Kconfig, Makefile, MAINTAINERS and the tables of contents, and lets graft.sh
# patch the consumers. All of that is done and verified on a copy; KSRC changes only after it
# has worked. Done again, it brings KSRC up to date, or changes nothing.
#
# ungraft puts every byte back. Both refuse when somebody else has changed one of the files.
#
#   KSRC/.p2pmem-graft/manifest   lines "added|changed SHA256 PATH" and "dir PATH"
#   KSRC/.p2pmem-graft/orig/      the files that were changed, as they had been
#   KSRC/.p2pmem-graft.undo/      while files are being replaced: what undoes it. The next
#                                 run does so when one did not get to its end.
#
# Files are replaced and never written in place, so hard links to them keep their contents.
# Times are not restored: make must see that a file is another one.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
overlay='drivers include Documentation'
# what hooks.sh and graft.sh change or read
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
	if git -C "$top" rev-parse --git-dir >/dev/null 2>&1; then
		# shellcheck disable=SC2086	# one word a folder is meant
		git -C "$top" ls-files -- $overlay
	else
		# shellcheck disable=SC2086
		(cd "$top" && find $overlay -type f \( ! -name '.*' -o -name .kunitconfig \))
	fi | while read -r f; do
		[ ! -f "$top/$f" ] || echo "$f"
	done | LC_ALL=C sort
}

# The manifest's files that are not as the graft left them: refused, all of them named
untouched() {
	bad=0
	while read -r what hash path; do
		case $what in added | changed) ;; *) continue ;; esac
		if [ ! -f "$ksrc/$path" ]; then
			complain "$ksrc/$path is gone since the graft"
		elif [ "$(sum "$ksrc/$path")" != "$hash" ]; then
			complain "$ksrc/$path was changed since the graft"
		else
			continue
		fi
		bad=1
	done <"$record/manifest"
	[ $bad = 0 ] ||
		die "nothing in $ksrc was changed: keep what is yours as a patch, put these files back, and try again"
}

# put FILE PATH: replaces KSRC/PATH in one step
put() {
	rm -f "$ksrc/$2.p2pmem-new" &&
		cp --preserve=mode "$1" "$ksrc/$2.p2pmem-new" &&
		mv -f "$ksrc/$2.p2pmem-new" "$ksrc/$2"
}

# Undoes an unfinished change from its journal
rollback() {
	if [ -e "$undo/ready" ]; then
		while read -r what path; do
			[ "$what" = dir ] || rm -f "$ksrc/$path.p2pmem-new"
			case $what in
			had) cmp -s "$undo/files/$path" "$ksrc/$path" || put "$undo/files/$path" "$path" || return 1 ;;
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
			complain "what had been changed in $ksrc is as it was before"
		else
			complain "$undo holds what undoes the change: run this command again once $ksrc can be written"
		fi
	fi
	rm -rf "$tmp" "$ksrc/.p2pmem-graft.new"
	exit $status
}

# commit WANT RECORD: files from WANT for every "put PATH" of $tmp/ops, none for "del PATH";
# then RECORD (none: empty) takes the place of the record
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
			echo "had $path" >>"$undo/ops.new"
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
	rm "$undo/ready"		# from here on it is done
	rm -rf "$undo"
}

# original PATH: where the file as it was before any graft is
original() {
	if [ -f "$record/orig/$1" ]; then
		echo "$record/orig/$1"
	else
		echo "$ksrc/$1"
	fi
}

# was WHAT PATH: what the record says of it
was() {
	[ -e "$record/manifest" ] &&
		awk -v what="$1" -v path="$2" '$1 == what && $NF == path { found = 1 } END { exit !found }' "$record/manifest"
}

# take FILE: its original into the copy
take() {
	mkdir -p "$want/$(dirname "$1")"
	cp --preserve=mode "$(original "$1")" "$want/$1"
}

assemble() {
	want=$tmp/want
	mkdir "$want"
	our_files >"$tmp/ours"
	[ -s "$tmp/ours" ] || die "$top has no files to put into a kernel"
	bad=0
	for f in $hooked; do
		[ -f "$ksrc/$f" ] || { complain "$ksrc/$f is missing"; bad=1; continue; }
		take "$f"
	done
	for d in $consumers; do
		[ -d "$ksrc/$d" ] || { complain "$ksrc/$d is missing"; bad=1; continue; }
		for f in "$ksrc/$d"/*.[ch] "$ksrc/$d/Makefile"; do
			f=${f#"$ksrc/"}
			[ ! -f "$ksrc/$f" ] || was added "$f" || take "$f"
		done
	done
	[ -d "$ksrc/$abi" ] || { complain "$ksrc/$abi is missing"; bad=1; }
	while read -r f; do
		if [ -e "$ksrc/$f" ] && ! was added "$f"; then
			complain "$ksrc/$f is there already, and not from this command: take a fresh copy of the kernel source"
			bad=1
		fi
	done <"$tmp/ours"
	[ $bad = 0 ] || die "nothing in $ksrc was changed"

	while read -r f; do
		mkdir -p "$want/$(dirname "$f")"
		cp --preserve=mode "$top/$f" "$want/$f"
	done <"$tmp/ours"
	# entries of the kernel's that say what ours say
	sed -n 's/^What:[ \t]*//p' "$want/$abi"/*/* | LC_ALL=C sort -u >"$tmp/what"
	grep -rlFf "$tmp/what" "$ksrc/$abi" | while read -r f; do
		f=${f#"$ksrc/"}
		was added "$f" || grep -Fqx "$f" "$tmp/ours" || echo "$f"
	done >"$tmp/abi"
	# those of a grafted tree do not match any more
	[ ! -d "$record/orig/$abi" ] || (cd "$record/orig" && find "$abi" -type f) >>"$tmp/abi"
	LC_ALL=C sort -u "$tmp/abi" >"$tmp/abi.files"
	while read -r f; do take "$f"; done <"$tmp/abi.files"

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
	# files that were ours and are no more
	[ ! -e "$record/manifest" ] || awk '$1 == "added" { print $3 }' "$record/manifest" | while read -r f; do
		[ -f "$want/$f" ] || echo "del $f"
	done >>"$tmp/ops"
	# folders that exist for our files only
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
		say "$ksrc has it already, as it is here: nothing was changed"
		return
	fi
	commit "$want" "$tmp/record"
	# what is there now is what the record says
	untouched
	sed 's/, [0-9]* files changed$//' "$tmp/graft.log"
	say "$ksrc: $(grep -c ^added "$record/manifest") files are ours, $(grep -c ^changed "$record/manifest") of the kernel's are changed; $(wc -l <"$tmp/ops") written now"
	say "next: make menuconfig there (PCI_P2PDMA off, PCI_P2PMEM on); back: make ungraft KSRC=$ksrc"
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
			say "$ksrc/$d stays: it holds files that are not from the graft (of a build?)"
	done <"$tmp/dirs"
	say "$ksrc: $(grep -c ^del "$tmp/ops") files removed, $(grep -c ^put "$tmp/ops") as they had been"
}

[ $# = 2 ] || usage
case $1 in graft | ungraft) ;; *) usage ;; esac
[ -d "$2" ] || die "$2 is no folder: give a kernel source tree, KSRC=DIR"
ksrc=$(cd "$2" && pwd)
[ -f "$ksrc/MAINTAINERS" ] || die "$ksrc is no kernel source tree"
[ "$ksrc" != "$top" ] || die "$ksrc is this repository"
[ -w "$ksrc" ] || die "$ksrc cannot be written"
record=$ksrc/.p2pmem-graft
undo=$ksrc/.p2pmem-graft.undo

exec 9<"$ksrc"
flock -n 9 || die "$ksrc: another graft is at work there"
tmp=$(mktemp -d)
trap ended EXIT
trap 'exit 1' HUP INT TERM
if [ -d "$undo" ]; then
	say "$ksrc: an earlier run did not get to its end; undoing what it did"
	rollback || die "cannot undo it: $undo holds the files"
fi
"$1"
