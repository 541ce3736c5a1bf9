#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Compares the documentation to the code. Prints TAP. The form of all files is checked by
# ../../lint.
#
# run.sh BUILD_DIR [ONLY]
#
# ONLY: a shell pattern; checks whose names do not match are skipped.
# The project's build directory is $BUILD (default: build); "make modules" must have run, because
# the scripts of the kernel source (kernel-doc) are there.
# Exit status: 0 all passed, 1 a test failed, 2 usage error.
set -eu

if [ $# -lt 1 ] || [ $# -gt 2 ] || [ -z "$1" ]; then
	echo "usage: $0 BUILD_DIR [ONLY]" >&2
	exit 2
fi

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../../../../.." && pwd)
BUILD=$(cd "${BUILD:-$top/build}" && pwd)
mkdir -p "$1"
work=$(cd "$1" && pwd)
only=${2:-*}
# shellcheck disable=SC1091
. "$BUILD/kernel/env"
scripts=$KSRC/scripts
n=0 failed=0
cd "$top"

# check NAME COMMAND...
check()
{
	name=$1
	shift
	# shellcheck disable=SC2254	# a pattern is meant
	case $name in $only) ;; *) return 0 ;; esac
	n=$((n + 1))
	if "$@" >"$work/out" 2>&1; then
		echo "ok $n - $name"
	else
		failed=$((failed + 1))
		echo "not ok $n - $name"
		head -n 60 "$work/out" | sed 's/^/# /'
	fi
}

# Build all pages in one call, as a kernel tree does, and with them the pages that are not part of
# the kernel tree. Paths of included files are those of the kernel tree.
sphinx_pages()
{
	rm -rf "$work/sphinx"
	mkdir -p "$work/sphinx/tree"
	cp -r Documentation "$work/sphinx/tree/"
	ln -s "$top/drivers" "$top/include" "$top/tools" "$work/sphinx/tree/"
	mkdir "$work/sphinx/tree/Documentation/testing"
	cp tools/testing/p2pmem/*.rst "$work/sphinx/tree/Documentation/testing/"
	printf '%s\n' 'p2pmem' '======' '' '.. toctree::' '   :glob:' '' '   PCI/p2pmem/index' \
		'   admin-guide/*' '   testing/*' >"$work/sphinx/tree/Documentation/index.rst"
	SOURCES=$top KERNEL_DOC=$scripts/kernel-doc LC_ALL=C.UTF-8 sphinx-build -q -W --keep-going -E \
		-c "$here/sphinx" -b "${1:-html}" -d "$work/sphinx/doctrees" "$work/sphinx/tree/Documentation" \
		"$work/sphinx/out" || return 1
	[ "$(find "$work/sphinx/out" -name '*.html' | wc -l)" -ge 8 ]
}

# The same call must report faults: a page with a wrong directive, and one that is in no toctree
sphinx_faults()
{
	[ -d "$work/sphinx/tree" ] || return 1
	printf '%s\n' 'Wrong' '=====' '' '.. kernel-doc:: include/linux/pci-p2pmem.h' \
		'   :identifiers: pci_p2pmem_is_not_there' >"$work/sphinx/tree/Documentation/PCI/p2pmem/wrong.rst"
	if SOURCES=$top KERNEL_DOC=$scripts/kernel-doc LC_ALL=C.UTF-8 sphinx-build -q -W --keep-going \
		-c "$here/sphinx" -b html -d "$work/sphinx/doctrees" "$work/sphinx/tree/Documentation" \
		"$work/sphinx/out" >"$work/faults" 2>&1; then
		return 1
	fi
	cat "$work/faults"
	grep -q "kernel-doc of include/linux/pci-p2pmem.h" "$work/faults" && grep -q "toctree" "$work/faults"
}

# options SYMBOLS: prints the values that conf sets for our options if these symbols exist. conf
# writes to its working directory.
options()
{
	rm -rf "$work/kconfig"
	mkdir -p "$work/kconfig"
	{
		echo 'config MODULES'
		echo '	def_bool y'
		echo '	modules'
		printf '%b' "$1"
		echo 'source "Kconfig"'
	} >"$work/kconfig/Kconfig.beside"
	(cd "$work/kconfig" && srctree=$top KCONFIG_CONFIG=.config \
		"$KDIR/scripts/kconfig/conf" --allmodconfig Kconfig.beside) || return 1
	[ -s "$work/kconfig/.config" ]
}

# symbol NAME VALUE...: with printf's escapes
symbol()
{
	printf 'config %s\\n\\t%s\\n' "$1" "$2"
}

stock=$(symbol PCI 'def_bool y'; symbol 64BIT 'def_bool y'; symbol ZONE_DEVICE 'def_bool y'
	symbol GENERIC_ALLOCATOR 'bool'; symbol NEED_SG_DMA_FLAGS 'bool'; symbol NEED_SG_DMA_LENGTH 'bool'; symbol INFINIBAND 'def_tristate m'
	symbol BLK_DEV_NVME 'def_tristate m'; symbol NVME_TARGET 'def_tristate m')

kconfig_stock()
{
	options "$stock$(symbol PCI_P2PDMA "def_bool n")" || return 1
	cat "$work/kconfig/.config"
	for s in PCI_P2PMEM=m PCI_P2PMEM_BAR=m PCI_P2PMEM_RDMA=y PCI_P2PMEM_NVME=y PCI_P2PMEM_NVMET=y \
		GENERIC_ALLOCATOR=y NEED_SG_DMA_FLAGS=y NEED_SG_DMA_LENGTH=y; do
		grep -qx "CONFIG_$s" "$work/kconfig/.config" || { echo "not $s"; return 1; }
	done
}

kconfig_p2pdma()
{
	options "$stock$(symbol PCI_P2PDMA "def_bool y")" || return 1
	! grep P2PMEM "$work/kconfig/.config"
}

[ -r "$scripts/kernel-doc" ] || { echo "Bail out! $scripts has no kernel-doc: run \"make modules\" first"; exit 1; }
git rev-parse --git-dir >/dev/null 2>&1 || { echo "Bail out! not a git clone: the list of the project's files is unknown"; exit 1; }

check "names in kernel-doc directives exist, and every export is documented" "$here/rst.py" directives "$scripts/kernel-doc"
check "referenced pages and files exist" "$here/rst.py" references
check "Sphinx builds every page without a warning" sphinx_pages
check "Sphinx warns about wrong pages" sphinx_faults
check "the picture matches its description" "$here/picture.sh" check
check "the command builds" make -s -C tools/pci/p2pmem O="$work/command"
check "what is shown of the command is what it writes" "$here/session.sh" check "$work/command/p2pmem"
check "code in pages is included from files that are built" "$here/rst.py" examples
check "exports, enums and trace events have kernel-doc" "$here/rst.py" complete "$scripts/kernel-doc"
check "log lines in pages match the sources" "$here/rst.py" quotes
check "every attribute and parameter has an ABI entry" "$here/tree.py" abi
check "README.md: targets, links" "$here/tree.py" readme
check "README.md: commands" "$here/tree.py" shell
check "the guide has every reason" "$here/tree.py" guide
check "the guide has every host bridge of the built-in list" "$here/tree.py" bridges
check "Kconfig: all parts are modules with a stock kernel" kconfig_stock
check "Kconfig: no part is available with PCI_P2PDMA" kconfig_p2pdma
echo "1..$n"
[ $failed = 0 ] && [ $n != 0 ]
