#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Tests tools/graft/series.sh (make patches) on a small git tree. Builds no kernel: combinations.sh
# tests that each patch builds. Prints TAP.
#
# series.sh BUILD_DIR
#
# The project's build directory is $BUILD (build), after "make modules".
# Exit status: 0 all passed, 1 a test failed, 2 usage error.
set -eu

# shellcheck source=tools/testing/p2pmem/tests/host.sh
. "$(dirname "$0")/../host.sh"
rm -rf "${work:?}/home"
mkdir -p "$work/home"
orig=$work/orig kernel=$work/kernel out=$work/patches
# shellcheck disable=SC1091
. "$top/tools/testing/p2pmem/tests/graft/tree.sh"

# the signer, and settings of git that break patches unless the script overrides them
HOME=$work/home
unset XDG_CONFIG_HOME GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL EMAIL
GIT_CONFIG_NOSYSTEM=1
export HOME GIT_CONFIG_NOSYSTEM
signer='Ada Example <ada@host.example>'
git config --global user.name 'Ada Example'
git config --global user.email ada@host.example
git config --global init.defaultBranch main
git config --global safe.directory '*'
git config --global diff.noprefix true
git config --global format.subjectPrefix 'NO PATCH'
git config --global core.autocrlf true

# fingerprint of a tree: names, times, modes and sizes, including .git
snapshot()
{
	(cd "$1" && find . -printf '%p %T@ %C@ %m %s\n' | LC_ALL=C sort)
}

# refuses NAME TEXT COMMAND...: COMMAND must fail with TEXT and leave the kernel and OUT unchanged
refuses()
{
	name=$1 text=$2
	shift 2
	snapshot "$kernel" >"$work/before"
	snapshot "$out" >>"$work/before"
	if "$@" >"$work/out" 2>&1; then
		not_ok "$name: fails"
	elif cp "$work/out" "$work/said" && ! grep -Fq -e "$text" "$work/said"; then
		not_ok "$name: reports \"$text\""
	elif ! { snapshot "$kernel"; snapshot "$out"; } | diff "$work/before" - >"$work/out"; then
		not_ok "$name: changes nothing"
	else
		ok "$name"
	fi
}

makes()
{
	rm -rf "$out"
	mkdir -p "$out"
	snapshot "$kernel" >"$work/before"
	make -s -C "$work/project" patches BUILD="$BUILD" KSRC="$kernel" OUT="$out" || return 1
	[ "$(find "$out" -name '[0-9]*.patch' | wc -l)" = "$(find "$work/project/tools/graft/series" -name '[0-9]*' | wc -l)" ]
}

untouched()
{
	snapshot "$kernel" | diff "$work/before" - && git -C "$kernel" status --porcelain | diff /dev/null -
}

again()
{
	cp -r "$out" "$work/first"
	"$work/project/tools/graft/series.sh" "$kernel" "$out" && diff -r "$work/first" "$out"
	rc=$?
	rm -rf "$work/first"
	return $rc
}

# prints the number of the patch that adds or changes a file
patch_of()
{
	grep -l "^diff --git a/$1 " "$out"/*.patch | head -n 1 | sed 's|.*/||; s/-.*//'
}

order()
{
	last=0
	for f in include/linux/pci-p2pmem.h drivers/pci/p2pdma/Makefile drivers/pci/p2pdma/topology.c \
		drivers/pci/p2pdma/map.c drivers/pci/p2pdma/sysfs.c drivers/nvme/host/pci.c \
		drivers/infiniband/core/rw.c drivers/nvme/target/rdma.c Documentation/PCI/index.rst \
		drivers/pci/p2pdma/tests/fabric.h; do
		this=$(patch_of "$f")
		[ -n "$this" ] || { echo "no patch has $f"; return 1; }
		[ "$this" -gt "$last" ] || { echo "$f is in $this, after $last"; return 1; }
		last=$this
	done
}

# git am on the tree must leave the same files and modes as the graft
am()
{
	rm -rf "$work/am" "$work/grafted"
	cp -a "$kernel" "$work/am"
	cp -a "$kernel" "$work/grafted"
	git -C "$work/am" am -q "$out"/*.patch || return 1
	"$work/project/tools/graft/intree.sh" graft "$work/grafted" || return 1
	rm -r "$work/grafted/.p2pmem-graft"
	[ -z "$(git -C "$work/am" status --porcelain)" ] || return 1
	diff -r --exclude=.git "$work/am" "$work/grafted" || return 1
	for t in am grafted; do
		(cd "$work/$t" && find . -path ./.git -prune -o -type f -perm -100 -print | LC_ALL=C sort) >"$work/modes.$t"
	done
	diff "$work/modes.am" "$work/modes.grafted"
}

signed()
{
	git -C "$work/am" log --format='%an <%ae>|%(trailers:key=Signed-off-by,valueonly,separator=%x2C)|%s' \
		"$(git -C "$kernel" rev-parse HEAD)..HEAD" >"$work/signed"
	cat "$work/signed"
	[ "$(grep -c . "$work/signed")" = "$(find "$out" -name '[0-9]*.patch' | wc -l)" ] || return 1
	! grep -Fv "$signer|$signer|" "$work/signed"
}

# every message has a body with lines of at most 75 characters, and subjects are unique
messages()
{
	for f in "$out"/*.patch; do
		git mailinfo "$work/body" /dev/null <"$f" >"$work/info" || return 1
		sed '/^Signed-off-by:/d' "$work/body" | awk -v f="$f" 'length > 75 { print f ": " $0; bad = 1 }
			NF { lines++ } END { if (lines < 2) print f ": no body"; exit bad || lines < 2 }' || return 1
		sed -n 's/^Subject: //p' "$work/info"
	done | sort >"$work/subjects"
	[ "$(wc -l <"$work/subjects")" = "$(sort -u "$work/subjects" | wc -l)" ]
}

# after each patch: every object has a source, every source is built, and MAINTAINERS covers
# every file
steps()
{
	rm -rf "$work/steps"
	cp -a "$kernel" "$work/steps"
	for f in "$out"/*.patch; do
		git -C "$work/steps" am -q "$f" || return 1
		(cd "$work/steps" && step) || { echo "after $(basename "$f")"; return 1; }
	done
}

step()
{
	bad=0
	for dir in drivers/pci/p2pdma drivers/nvme/host drivers/nvme/target drivers/infiniband/core; do
		[ -f "$dir/Makefile" ] || continue
		make -s -f "$top/tools/testing/p2pmem/tests/graft/objects.mk" dir="$dir" options="$(options)" >"$work/objects" || return 1
		while read -r object; do
			[ -f "$dir/${object%.o}.c" ] || { echo "$dir/$object has no source"; bad=1; }
		done <"$work/objects"
		for source in "$dir"/*.c; do
			git diff --quiet "$base" HEAD -- "$source" && continue
			grep -Fqx "$(basename "${source%.c}").o" "$work/objects" ||
				git cat-file -e "$base:$source" 2>/dev/null || { echo "$source is not built"; bad=1; }
		done
	done
	git diff --name-only --diff-filter=A "$base" HEAD | while read -r f; do
		awk -v f="$f" '/^PCI PEER-TO-PEER MEMORY/ { entry = 1 } /^$/ { entry = 0 }
		entry && sub(/^F:\t/, "") {
			re = $0
			gsub(/[.]/, "\\.", re)
			gsub(/\*/, "[^/]*", re)
			if (f ~ "^" re (re ~ /\/$/ ? "" : "$"))
				found = 1
		}
		END { exit !found }' MAINTAINERS || { echo "MAINTAINERS has no entry for $f"; exit 1; }
	done || bad=1
	return $bad
}

# the options that exist by now, as make variables
options()
{
	[ ! -f drivers/pci/p2pdma/Kconfig ] || sed -n 's/^config \(.*\)/CONFIG_\1=y/p' drivers/pci/p2pdma/Kconfig | tr '\n' ' '
}

# runs the kernel's checkpatch on the patches, with the same exceptions as for the files
style()
{
	# checkpatch prints nothing for a clean patch
	for f in "$out"/*.patch; do
		perl "$KSRC/scripts/checkpatch.pl" --no-tree --strict --terse --show-types --showfile "$f" >"$work/style.one" 2>&1 ||
			grep -q '^total: ' "$work/style.one" || { cat "$work/style.one" >&2; return 1; }
		cat "$work/style.one"
	done >"$work/style"
	PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$top/tools/testing/p2pmem/lint python3 - "$work/style" <<-'E2'
	import re, sys
	from project import Exceptions, Finding
	accepted = Exceptions()
	bad = []
	for line in open(sys.argv[1]):
	    found = re.match(r"(?:#?\d+: )?(?:FILE: )?([^:\s]+):\d+: [A-Z]+:([A-Z_]+: .*)", line)
	    if not found:
	        if re.search(r"ERROR|WARNING|CHECK", line):
	            bad.append(line)
	        continue
	    # "series": what only checkpatch of a newer kernel says
	    if not any(accepted.allow(Finding(found[1], 0, rule, found[2])) for rule in ("checkpatch", "series")):
	        bad.append(line)
	sys.stdout.writelines(bad)
	sys.exit(bool(bad))
	E2
}

cover()
{
	letter=$out/0000-cover-letter.txt
	head -n 60 "$letter"
	! grep -n '\*\*\*\|@[A-Z]*@' "$letter" || return 1
	grep -q "^base-commit: $base\$" "$letter" && grep -q 'PCI_P2PDMA' "$letter" &&
		grep -q '^Subject: \[PATCH 00/' "$letter" && grep -q "$(echo "$base" | cut -c1-12)" "$letter" || return 1
	! awk 'length > 75 && !/^ .* \| / && !/^From|^Subject/' "$letter" | grep .
}

[ -f "$KSRC/drivers/nvme/host/pci.c" ] || { echo "Bail out! $KSRC has no drivers/nvme: run \"make modules\" first"; exit 1; }
plant
rm -rf "$kernel"
cp -a "$orig" "$kernel"
commit_all "$kernel"
base=$(git -C "$kernel" rev-parse HEAD)
project project

check "the series has one patch per file of tools/graft/series" makes
[ $failed = 0 ] || { echo "Bail out! there is no series"; exit 1; }
check "the kernel's work tree and its .git are unchanged" untouched
check "order: interface, core, topology, mapping, sysfs, nvme, RDMA, nvmet, documentation, tests" order
check "git am leaves the same tree as make graft" am
check "author and Signed-off-by are those of the user" signed
check "messages have a body and unique subjects" messages
check "after each patch: objects have sources, sources are built, MAINTAINERS covers the files" steps
check "checkpatch --strict" style
check "cover letter" cover
check "a second run makes identical patches" again

refuses "no KSRC" "no kernel given" "$work/project/tools/graft/series.sh" "" "$out"
refuses "KSRC is no git tree" "is not a git work tree" "$work/project/tools/graft/series.sh" "$orig" "$out"
refuses "KSRC is a directory of a git tree" "is not a git work tree" "$work/project/tools/graft/series.sh" "$kernel/drivers" "$out"
refuses "OUT in KSRC" "which must not be written" "$work/project/tools/graft/series.sh" "$kernel" "$kernel/drivers"
mkdir -p "$work/empty"
git -C "$work/empty" init -q
refuses "no commit" "has no commit" "$work/project/tools/graft/series.sh" "$work/empty" "$out"
echo '/* mine */' >>"$kernel/drivers/nvme/host/pci.c"
refuses "an uncommitted change" "drivers/nvme/host/pci.c" "$work/project/tools/graft/series.sh" "$kernel" "$out"
git -C "$kernel" checkout -q -- drivers/nvme/host/pci.c
mkdir "$kernel/drivers/pci/p2pdma"
one=$(cd "$top" && git ls-files 'drivers/pci/p2pdma/*.c' | head -n 1)
echo 'mine' >"$kernel/$one"
refuses "a file in the way" "$one exists and is not from the graft" "$work/project/tools/graft/series.sh" "$kernel" "$out"
rm -r "$kernel/drivers/pci/p2pdma"
"$work/project/tools/graft/intree.sh" graft "$kernel" >/dev/null
refuses "KSRC has the graft" "make ungraft" "$work/project/tools/graft/series.sh" "$kernel" "$out"
"$work/project/tools/graft/intree.sh" ungraft "$kernel" >/dev/null
sed -i 's/ib_dma_pci_p2p_dma_supported/ib_dma_of_another_kernel/' "$kernel/drivers/nvme/target/rdma.c"
git -C "$kernel" commit -q -a -m "another kernel"
refuses "a site of the consumers is missing" "drivers/nvme/target/rdma.c" "$work/project/tools/graft/series.sh" "$kernel" "$out"
git -C "$kernel" reset -q --hard HEAD~1
git config --global --unset user.email
refuses "no author configured" "user.email" "$work/project/tools/graft/series.sh" "$kernel" "$out"
git config --global user.email ada@host.example

# a copy of the project whose tools/graft/series does not match: all errors are reported at once
rm -rf "$work/misfit"
cp -a "$work/project" "$work/misfit"
list=$work/misfit/tools/graft/series
echo '/* SPDX-License-Identifier: GPL-2.0-only */' >"$work/misfit/drivers/pci/p2pdma/forgotten.h"
git -C "$work/misfit" add -A
printf '\nconfig PCI_P2PMEM_NEW\n\tbool "new"\n' >>"$work/misfit/drivers/pci/p2pdma/Kconfig"
sed -i '/^hook drivers.nvme.target.rdma.c$/d' "$list"/*nvmet*
# three patches that add a file of the core
core='drivers/pci/p2pdma/[a-z]*\.c'
# shellcheck disable=SC2046	# one word a patch is meant
set -- $(grep -l "^file $core\$" "$list"/* | head -n 3)
brings() { sed -n "s|^file \($core\)\$|\1|p" "$1" | head -n 1; }
first=$(brings "$1") second=$(brings "$2") third=$(brings "$3")
sed -i "s|^---\$|&\nfile drivers/pci/p2pdma/gone.c\nfile $first|" "$2"
sed -i "s|^---\$|&\nstub $second static inline void p2pmem_revoke_ctx(void) { }|" "$1"
sed -i "s|^---\$|&\nfiles $third|" "$3"
refuses "tools/graft/series does not match the graft" "does not match" "$list/../series.sh" "$kernel" "$out"
cp "$work/said" "$work/misfits"
said() { grep -F -e "$1" "$work/misfits"; }
check "... reports a new file that no patch has" said "no patch of the series has the file drivers/pci/p2pdma/forgotten.h"
check "... reports a new option that no patch has" said "no patch of the series has the option PCI_P2PMEM_NEW"
check "... reports a file of the kernel that no patch has" said "has the file of the kernel drivers/nvme/target/rdma.c"
check "... reports a file that does not exist" said "no file matches drivers/pci/p2pdma/gone.c"
check "... reports a file in two patches" said "have the file $first: ${1##*/}, ${2##*/}"
check "... reports a stub without a declaration" said "p2pmem_revoke_ctx"
check "... reports an unknown line" said "${3##*/}: files $third"
echo "1..$n"
[ $failed = 0 ]
