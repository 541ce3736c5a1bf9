#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# series.sh KSRC OUT: write the changes of "make graft" to the kernel KSRC as a series of patches
#
# KSRC is a clean git work tree; it is only read. The series is based on its HEAD. OUT
# receives 0000-cover-letter.txt and 0001-*.patch etc., for git am.
#
# The directory series/ describes the series: one file per patch, in the order of the file
# names. Each consists of a comment, the message, a line "---", and the contents of the patch:
#
#   file PATTERN    files of p2pmem. A plain name must exist. A pattern may match nothing; it
#                   skips files that another patch names or an earlier pattern matches
#   hook PATH       a file of the kernel that the graft changes
#   config PATTERN  options in drivers/pci/p2pdma/Kconfig
#   stub PATH TEXT  a line of the private header, until a patch adds PATH
#
# Kconfig, the Makefiles, private headers and MAINTAINERS grow with the patches (series/*.awk).
# The script fails unless exactly one patch has each file and option of the graft, and unless
# the written patches, applied to HEAD, leave the same tree as the graft.
#
# Author and Signed-off-by are git's user of this repository or else of KSRC.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
series=$here/series
title='PCI PEER-TO-PEER MEMORY (P2PMEM)'
kconfig=drivers/pci/p2pdma/Kconfig
# files of the kernel that the graft reads
wanted='MAINTAINERS Makefile drivers/pci/Kconfig drivers/pci/Makefile Documentation/PCI/index.rst
	Documentation/admin-guide/index.rst drivers/infiniband/core drivers/nvme/host
	drivers/nvme/target Documentation/ABI'
# those that show what interfaces it has
wanted="$wanted $(sed -n 's/^ \* Tree: *\(include[^ ]*\) .*/\1/p' "$top"/tools/compat/probes/*.c | sort -u | tr '\n' ' ')"
LC_ALL=C
export LC_ALL

say() { printf 'patches: %s\n' "$*"; }
complain() { printf 'patches: error: %s\n' "$*" >&2; }
die() { complain "$@"; exit 1; }

# git in KSRC, read-only
there() { git --no-optional-locks -C "$ksrc" "$@"; }

# git in the repository of the series, independent of the user's configuration
ours() { GIT_DIR=$tmp/git GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 git "$@"; }

# Who signs: taken from git's configuration or the environment, never guessed
identity() {
	for dir in "$top" "$ksrc"; do
		if ident=$(git -C "$dir" -c user.useConfigOnly=true var GIT_AUTHOR_IDENT 2>/dev/null); then
			GIT_AUTHOR_NAME=${ident%% <*}
			GIT_AUTHOR_EMAIL=${ident#*<}
			GIT_AUTHOR_EMAIL=${GIT_AUTHOR_EMAIL%%>*}
			return
		fi
	done
	die 'no author for the patches: run git config --global user.name NAME, and the same for user.email'
}

check_tree() {
	top_of=$(there rev-parse --show-toplevel 2>"$tmp/err") || {
		! grep -q 'dubious ownership' "$tmp/err" ||
			die "$ksrc belongs to another user: run git config --global --add safe.directory $ksrc"
		top_of=
	}
	[ "$top_of" = "$ksrc" ] ||
		die "$ksrc is not a git work tree: use a clone of the kernel, or run there: git init && git add -A && git commit"
	head=$(there rev-parse --verify --quiet 'HEAD^{commit}') ||
		die "$ksrc has no commit to base the series on: run git add -A && git commit there"
	[ ! -d "$ksrc/.p2pmem-graft" ] ||
		die "$ksrc has the graft: run make ungraft KSRC=$ksrc first, or use another clone"
	there status --porcelain --untracked-files=no >"$tmp/dirty"
	[ ! -s "$tmp/dirty" ] ||
		die "$ksrc has uncommitted changes ($(sed 's/^...//' "$tmp/dirty" | head -n 3 | tr '\n' ' ')...): run git commit or git stash there"
}

# Creates the repository of the series, which borrows the objects of KSRC
make_repository() {
	git init -q --bare --template= \
		--object-format="$(there rev-parse --show-object-format)" "$tmp/git"
	mkdir -p "$tmp/git/objects/info"
	there rev-parse --path-format=absolute --git-path objects >"$tmp/git/objects/info/alternates"
	shallow=$(there rev-parse --path-format=absolute --git-path shallow)
	[ ! -f "$shallow" ] || cp "$shallow" "$tmp/git/shallow"
}

# Checks out the files of HEAD that the graft reads, and grafts them
graft() {
	overlay=$(git -C "$top" ls-files -- drivers include Documentation 2>/dev/null) || overlay=
	ours read-tree "$head"
	# shellcheck disable=SC2086	# one word a path is meant
	ours ls-files -z -- $wanted $overlay >"$tmp/wanted"
	mkdir "$tmp/tree"
	ours --work-tree="$tmp/tree" checkout-index -q -z --stdin <"$tmp/wanted"
	"$here/intree.sh" graft "$tmp/tree" >"$tmp/graft.log" 2>&1 || {
		sed -n "s|$tmp/tree|$ksrc|g; s/^graft: error: /patches: error: the graft: /p" "$tmp/graft.log" >&2
		exit 1
	}
	manifest=$tmp/tree/.p2pmem-graft/manifest
	awk '$1 == "added" { print $3 }' "$manifest" | sort >"$tmp/ours"
	awk '$1 == "changed" { print $3 }' "$manifest" | sort >"$tmp/changed"
	sed -n 's/^\(menu\)\{0,1\}config //p' "$tmp/tree/$kconfig" >"$tmp/symbols"
	while read -r f; do
		[ ! -e "$ksrc/$f" ] || die "$ksrc/$f exists and is not from the graft: remove it"
	done <"$tmp/ours"
}

# claims NAME WHAT: prints the arguments of the lines WHAT of a patch
claims() { sed '1,/^---$/d' "$series/$1" | sed -n "s/^$2 //p"; }

# Which patch has what: lines "WHAT PATCH THING" in $tmp/claims
assign() {
	: >"$tmp/claims"
	: >"$tmp/stubs.all"
	bad=0
	for name in $patches; do
		claims "$name" file >"$tmp/patterns"
		while read -r pattern; do
			found=0 what=file
			case $pattern in *[*?[]*) found=1 what=maybe ;; esac
			while read -r f; do
				# shellcheck disable=SC2254	# a pattern is meant
				case $f in $pattern) ;; *) continue ;; esac
				found=1
				echo "$what $name $f"
			done <"$tmp/ours" >>"$tmp/claims"
			[ $found = 1 ] || { complain "series/$name: no file matches $pattern"; bad=1; }
		done <"$tmp/patterns"
		claims "$name" hook | sed "s|^|hook $name |" >>"$tmp/claims"
		claims "$name" config >"$tmp/patterns"
		while read -r pattern; do
			while read -r symbol; do
				# shellcheck disable=SC2254	# a pattern is meant
				case $symbol in $pattern) echo "config $name $symbol" ;; esac
			done <"$tmp/symbols"
		done <"$tmp/patterns" >>"$tmp/claims"
		claims "$name" stub | sed 's/ /	/' >>"$tmp/stubs.all"
		sed '1,/^---$/d' "$series/$name" | grep -v '^#\|^\(file\|hook\|config\|stub\) [^ ]' |
			sed "s|^|patches: error: series/$name: |" >"$tmp/other"
		[ ! -s "$tmp/other" ] || { cat "$tmp/other" >&2; bad=1; }
	done
	# the first matching pattern counts, unless a patch names the file
	awk '$1 == "maybe" { if (!($3 in first)) { first[$3] = $2; order[++n] = $3 }; next }
		$1 == "file" { named[$3] = 1 }
		{ print }
		END { for (i = 1; i <= n; i++) if (!(order[i] in named)) print "file", first[order[i]], order[i] }' \
		"$tmp/claims" >"$tmp/claims.new"
	mv "$tmp/claims.new" "$tmp/claims"
	once file "$tmp/ours" 'file' || bad=1
	once hook "$tmp/changed" 'file of the kernel' || bad=1
	once config "$tmp/symbols" 'option' || bad=1
	# a stub replaces a function that a header there declares; its first line may be only the type
	while IFS='	' read -r path text; do
		case $text in *\(*) ;; *) continue ;; esac
		function=$(printf '%s\n' "$text" | sed -n 's|^\([^(]*[ *]\)\{0,1\}\([a-z0-9_]*\)(.*|\2|p')
		if ! grep -Fqx "$path" "$tmp/ours" || [ -z "$function" ] ||
		    ! grep -q "[ *]$function(" "$tmp/tree/${path%/*}"/*.h; then
			complain "the stub \"$text\" matches no declaration for $path"
			bad=1
		fi
	done <"$tmp/stubs.all"
	[ $bad = 0 ] || die "tools/graft/series does not match the graft: see tools/graft/README.rst"
}

# once WHAT LIST NAME: fails unless the patches claim each line of LIST exactly once, and no more
once() {
	awk -v what="$1" -v name="$3" '
	NR == FNR { want[$0] = 1; next }
	$1 == what {
		if (!($3 in want))
			bad("series/" $2 ": the graft has no " name " " $3)
		else if ($3 in by)
			bad("two patches of the series have the " name " " $3 ": " by[$3] ", " $2)
		by[$3] = $2
	}
	function bad(text) { failed = 1; print "patches: error: " text > "/dev/stderr" }
	END {
		for (thing in want)
			if (!(thing in by))
				bad("no patch of the series has the " name " " thing ": add it to a file in tools/graft/series")
		exit failed
	}' "$2" "$tmp/claims"
}

# render PATH: prints its contents after the patches so far, see $tmp/files and $tmp/configs
render() {
	dir=${1%/*}
	case $1 in
	"$kconfig")
		awk -v symbols="$tmp/symbols" -v have="$tmp/configs" -f "$series/kconfig.awk" "$tmp/tree/$1" ;;
	*/Makefile)
		awk -v dir="$dir" -v ours="$tmp/ours" -v files="$tmp/files" -v symbols="$tmp/symbols" \
			-v have="$tmp/configs" -f "$series/makefile.awk" "$tmp/tree/$1" ;;
	MAINTAINERS)
		awk -v title="$title" -v ours="$tmp/ours" -v files="$tmp/files" -f "$series/maintainers.awk" "$tmp/tree/$1" ;;
	*.h)
		awk -v dir="$dir" -v ours="$tmp/ours" -v files="$tmp/files" -v stubs="$tmp/stubs" \
			-f "$series/header.awk" "$tmp/tree/$1" ;;
	*)
		cat "$tmp/tree/$1" ;;
	esac
}

# enter PATH: adds it to the index
enter() {
	case $1 in
	"$kconfig" | */Makefile | *.h | MAINTAINERS)
		render "$1" >"$tmp/blob"
		id=$(ours hash-object -w --no-filters "$tmp/blob") ;;
	*)
		id=$(ours hash-object -w --no-filters "$tmp/tree/$1") ;;
	esac
	mode=$(ours ls-files -s -- "$1" | cut -c1-6)
	if [ -z "$mode" ]; then
		mode=100644
		[ ! -x "$tmp/tree/$1" ] || mode=100755
	fi
	printf '%s %s 0\t%s\n' "$mode" "$id" "$1" >>"$tmp/index"
}

message() { # NAME: the message without the comment, signed off
	sed '/^---$/,$d' "$series/$1" | awk 'begun || !/^(#|$)/ { begun = 1; print }'
	printf '\nSigned-off-by: %s <%s>\n' "$GIT_AUTHOR_NAME" "$GIT_AUTHOR_EMAIL"
}

commit() { # commits each patch on top of the one before, the first on HEAD
	: >"$tmp/files"
	: >"$tmp/hooks"
	: >"$tmp/configs"
	: >"$tmp/stubs"
	tip=$head
	for name in $patches; do
		awk -v name="$name" '$1 == "file" && $2 == name { print $3 }' "$tmp/claims" >>"$tmp/files"
		awk -v name="$name" '$1 == "hook" && $2 == name { print $3 }' "$tmp/claims" >>"$tmp/hooks"
		awk -v name="$name" '$1 == "config" && $2 == name { print $3 }' "$tmp/claims" >>"$tmp/configs"
		claims "$name" stub | sed 's/ /	/' >>"$tmp/stubs"
		: >"$tmp/index"
		# new files, and those that grow with every patch
		{
			awk -v name="$name" '$2 == name && $1 != "config" { print $3 }' "$tmp/claims"
			grep -h '\(/Kconfig\|/Makefile\|\.h\|^MAINTAINERS\)$' "$tmp/files" "$tmp/hooks"
		} | sort -u >"$tmp/enter"
		while read -r f; do
			enter "$f"
		done <"$tmp/enter"
		ours update-index --index-info <"$tmp/index"
		tree=$(ours write-tree)
		[ "$tree" != "$(ours rev-parse "$tip^{tree}")" ] ||
			die "series/$name: the patch is empty"
		tip=$(message "$name" | ours commit-tree -p "$tip" "$tree")
	done
	# compare with the graft, byte for byte
	ours ls-tree -r "$tip" | awk -F '\t' '{ split($1, f, " "); print f[3], $2 }' >"$tmp/result"
	cat "$tmp/ours" "$tmp/changed" >"$tmp/all"
	while read -r f; do
		echo "$(ours hash-object --no-filters "$tmp/tree/$f") $f"
	done <"$tmp/all" | awk 'NR == FNR { want[$2] = $1; next }
		($2 in want) && want[$2] == $1 { delete want[$2] }
		END { for (f in want) print f }' - "$tmp/result" >"$tmp/differ"
	[ ! -s "$tmp/differ" ] ||
		die "after the last patch these files differ from the graft: $(tr '\n' ' ' <"$tmp/differ")"
}

write() { # writes the patches, and verifies that they make the same tree as the commits
	mkdir "$tmp/out"
	ours format-patch -q --cover-letter --base="$head" --no-signature --no-renames \
		-o "$tmp/out" "$head..$tip"
	release=$(awk -F ' *= *' '/^(VERSION|PATCHLEVEL|SUBLEVEL) =/ { s = s (s == "" ? "" : ".") $2 } END { print s }' \
		"$tmp/tree/Makefile" 2>/dev/null) || release=
	[ -n "$release" ] || release='unknown release'
	subject=$(sed -n '/^#/d; /./{p;q;}' "$series/cover-letter")
	sed '/^#/d' "$series/cover-letter" | sed '1,/./d' | sed '1,/./{/^$/d}' | sed "s/@RELEASE@/$release/; s/@BASE@/$(echo "$head" | cut -c1-12)/" >"$tmp/blurb"
	SUBJECT=$subject awk -v blurb="$tmp/blurb" '
	/^\*\*\* BLURB HERE \*\*\*$/ { while ((getline line < blurb) > 0) print line; next }
	{ if (i = index($0, "*** SUBJECT HERE ***")) $0 = substr($0, 1, i - 1) ENVIRON["SUBJECT"]; print }' \
		"$tmp/out/0000-cover-letter.patch" >"$tmp/out/0000-cover-letter.txt"
	rm "$tmp/out/0000-cover-letter.patch"

	GIT_INDEX_FILE=$tmp/applied
	export GIT_INDEX_FILE
	ours read-tree "$head"
	for f in "$tmp"/out/*.patch; do
		ours apply --cached --whitespace=error-all "$f" || die "$(basename "$f") does not apply"
	done
	[ "$(ours write-tree)" = "$(ours rev-parse "$tip^{tree}")" ] ||
		die 'the written patches, applied to HEAD, do not make the tree of the graft'
	unset GIT_INDEX_FILE
}

if [ $# != 2 ]; then
	printf 'usage: %s KSRC OUT\n' "$(basename "$0")" >&2
	exit 2
fi
[ -n "$1" ] || die 'no kernel given: set KSRC= to a git work tree of one'
[ -d "$1" ] || die "$1 is not a directory: set KSRC= to a git work tree of the kernel"
ksrc=$(cd "$1" && pwd -P)
mkdir -p "$2"
out=$(cd "$2" && pwd -P)
case $out/ in "$ksrc"/*) die "$out is inside $ksrc, which must not be written: set OUT= to another directory" ;; esac
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE
command -v spatch >/dev/null || die 'spatch not found: install coccinelle'

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
patches=$(cd "$series" && echo [0-9]*)
check_tree
identity
# reproducible: the same tree and the same sources give the same patches
GIT_AUTHOR_DATE=$(git -C "$top" log -1 --format=%cI 2>/dev/null) || GIT_AUTHOR_DATE=$(date -uIseconds)
GIT_COMMITTER_NAME=$GIT_AUTHOR_NAME GIT_COMMITTER_EMAIL=$GIT_AUTHOR_EMAIL GIT_COMMITTER_DATE=$GIT_AUTHOR_DATE
export GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_AUTHOR_DATE GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL GIT_COMMITTER_DATE
make_repository
graft
assign
commit
write
rm -f "$out"/[0-9][0-9][0-9][0-9]-*.patch "$out/0000-cover-letter.txt"
mv "$tmp"/out/* "$out/"
say "$(find "$out" -maxdepth 1 -name '[0-9]*.patch' | wc -l) patches and a cover letter in $out, for $(echo "$head" | cut -c1-12) of $ksrc (Linux $release)"
say "next: run git am $out/*.patch there, or send them: git send-email $out/0*"
