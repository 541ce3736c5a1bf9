#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# graft.sh TREE [PART...]: add the hooks of p2pmem to kernel sources
#
# TREE contains drivers/infiniband/core, drivers/nvme/host and drivers/nvme/target
# of a kernel (a whole tree, or a build copy of these directories) and already has
# the files of this repository. PART is rdma, nvme or nvmet; the default is all of
# them.
#
# The hooks are semantic patches (*.cocci in this directory). The file "sites" lists
# the places that they must change. The script checks them before and after: a
# missing or a new site is an error that names the site, and TREE is not changed
# then. A tree that has the hooks already is not changed either.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
PARTS='rdma nvme nvmet'

# What shows that a file uses upstream's P2PDMA. Identifiers of dma_map_ops and of the
# block layer are not listed: they evaluate to false without P2PDMA and may stay.
UPSTREAM='\b(pci_p2pdma_(add_resource|distance\w*|enable_\w+|state)|is_pci_p2pdma_page|pci_(alloc|free)_p2pmem|pci_has_p2pmem|pci_p2pmem_(find|find_many|alloc_sgl|free_sgl|virt_to_bus|publish)|ib_dma_pci_p2p_dma_supported|blk_queue_pci_p2pdma|CONFIG_PCI_P2PDMA)\b|<linux/pci-p2pdma\.h>'

say() { printf 'graft: %s\n' "$*"; }
die() { printf 'graft: error: %s\n' "$*" >&2; exit 1; }

usage() {
	printf 'usage: %s TREE [rdma|nvme|nvmet]...\n' "$(basename "$0")" >&2
	exit 2
}

folder() { # PART
	case $1 in
	rdma) echo drivers/infiniband/core ;;
	nvme) echo drivers/nvme/host ;;
	nvmet) echo drivers/nvme/target ;;
	esac
}

ours() { # PART DIR: names of our own files in DIR
	case $1 in
	rdma) (cd "$2" && ls rw_p2pmem*.[ch]) ;;
	*) (cd "$2" && ls p2pmem*.[ch]) ;;
	esac 2>/dev/null
}

patches() { # PART: lines of "semantic-patch file"
	case $1 in
	rdma) printf '%s\n' 'rdma-rw rw.c' 'rdma-device device.c' ;;
	nvme) printf '%s\n' 'nvme-pci pci.c' ;;
	nvmet) printf '%s\n' 'nvmet-core core.c' 'nvmet-configfs configfs.c' \
		'nvmet-bdev io-cmd-bdev.c' 'nvmet-file io-cmd-file.c' 'nvmet-zns zns.c' \
		'nvmet-rdma rdma.c' ;;
	esac
}

makefile_target() { # PART
	case $1 in
	rdma) echo "ib_core-\$(CONFIG_PCI_P2PMEM_RDMA)" ;;
	nvme) echo "nvme-\$(CONFIG_PCI_P2PMEM_NVME)" ;;
	nvmet) echo "nvmet-\$(CONFIG_PCI_P2PMEM_NVMET)" ;;
	esac
}

# Prefix of the files that belong to another module than the rest of their directory
extra_files() { # PART
	[ "$1" != nvmet ] || echo p2pmem-rdma
}

extra_target() { # PART
	[ "$1" != nvmet ] || echo "nvmet-rdma-\$(CONFIG_PCI_P2PMEM_NVMET)"
}

# A suite is part of the module that it tests if both options are set.
suite_target() { # PART
	# shellcheck disable=SC2016	# make's dollars
	makefile_target "$1" |
		sed 's/\$(\(.*\))$/$(and $(\1),$(CONFIG_PCI_P2PMEM_KUNIT_TEST))/'
}

makefile_anchor() { # PART: the new line is inserted after the last line with this prefix
	case $1 in
	rdma) echo "ib_core-\$(CONFIG_" ;;
	nvme) echo 'nvme-y' ;;
	nvmet) echo "nvmet-\$(CONFIG_" ;;
	esac
}

# sites_of FILE COPY before|after [quiet]: succeeds if the counts of FILE's sites are
# those of a kernel without (before) or with (after) the hooks; names those that differ.
# Lines of functions that the graft deletes are not counted before.
sites_of() {
	awk -F '[|]' -v name="$1" -v when="$3" -v quiet="${4-}" '
	function trim(s) { gsub(/^[ \t]+|[ \t]+$/, "", s); return s }
	function bad(text) {
		failed = 1
		if (!quiet)
			print "graft: error: " name ": " text > "/dev/stderr"
	}
	NR == FNR {
		if (/^#/ || trim($2) != name)
			next
		if (NF == 3)
			gone[trim($3)] = 1
		if (NF != 7)
			next
		text[++n] = trim($3); before[n] = $4; after[n] = $5
		hook[n] = trim($6); hooks[n] = $7
		where[n] = "in"
		if (text[n] ~ /^@/) {
			inside[n] = substr(text[n], 2, index(text[n], " ") - 2)
			text[n] = substr(text[n], index(text[n], " ") + 1)
			where[n] = "in " inside[n] "(), in"
		}
		next
	}
	# the function whose body or head this is
	/^[A-Za-z_].*[(]/ && !/;[ \t]*$/ {
		fn = $0
		sub(/[(].*/, "", fn)
		sub(/.*[ *]/, "", fn)
		head = 1
	}
	# a function that goes has its first line only
	when == "after" || !(fn in gone) || head {
		for (i = 1; i <= n; i++) {
			if (inside[i] != "" && inside[i] != fn)
				continue
			have[i] += index($0, text[i]) > 0
			hooked[i] += index($0, hook[i]) > 0
		}
	}
	{ head = 0 }
	/^}/ || /^[^ \t].*;[ \t]*$/ { fn = "" }
	END {
		if (!n)
			bad("the file tools/graft/sites lists no site of it")
		for (i = 1; i <= n; i++) {
			# kernels differ: each has the same position in all lists of numbers
			many = split(when == "before" ? before[i] : after[i], want, ",")
			split(hooks[i], hooks_of, ",")
			right = 0
			for (k = 1; k <= many; k++) {
				if (have[i] + 0 == want[k] + 0 &&
				    (when == "before" || hooked[i] + 0 == hooks_of[k] + 0))
					right++
				else if (many > 1)
					unfit[k] = unfit[k] " " text[i]
			}
			lists += many > 1
			places = many > places ? many : places
			if (right)
				continue
			if (when == "before" || have[i] + 0 != want[1] + 0)
				bad("\"" text[i] "\" found " where[i] " " have[i] + 0 " lines, expected " \
				    trim(when == "before" ? before[i] : after[i]) ": a site is " \
				    (have[i] < want[1] + 0 ? "missing" : (when == "before" ? "new" : "left")))
			else
				bad("at \"" text[i] "\": the hook \"" hook[i] "\" found " where[i] " " hooked[i] + 0 \
				    " lines, expected " trim(hooks[i]))
		}
		for (k = 1; k <= places; k++)
			fits += unfit[k] == ""
		if (lists && !fits && !failed)
			bad("these sites are of no one kernel that is known:" unfit[1])
		exit failed
	}' "$here/sites" "$2"
}

# Removes #ifdef blocks that have become empty, and white space in empty lines
tidy() {
	awk '/^[ \t]+$/ { $0 = "" }
	held && /^#endif/ { held = 0; gone = 1; next }
	held { print cond; held = 0 }
	/^#ifdef CONFIG_PCI_P2PDMA$/ { cond = $0; held = 1; next }
	gone && $0 == "" && last == "" { gone = 0; next }
	{ gone = 0; print; last = $0 }
	END { if (held) print cond }' "$1"
}

# Patches the copy of one file; prints "changed" or "same"
patch_file() { # SEMANTIC-PATCH FILE
	if sites_of "$2" "$work/$2" after quiet; then
		echo same
		return
	fi
	if ! sites_of "$2" "$work/$2" before; then
		grep -q 'p2pmem\.h"' "$work/$2" &&
			printf 'graft: error: %s has hooks of another version: use a fresh copy of the kernel source\n' "$2" >&2
		return 1
	fi
	if ! spatch --very-quiet --no-includes --macro-file "$here/macros.h" --sp-file "$here/$1.cocci" \
	    "$work/$2" -o "$tmp/out.c" >"$tmp/log" 2>&1 || [ ! -s "$tmp/out.c" ]; then
		cat "$tmp/log" >&2
		printf 'graft: error: %s: semantic patch %s.cocci failed\n' "$2" "$1" >&2
		return 1
	fi
	tidy "$tmp/out.c" >"$tmp/tidy.c"
	# spatch adds consecutive empty lines: squeeze them unless the kernel's file has some
	if cat -s "$work/$2" | cmp -s - "$work/$2"; then
		cat -s "$tmp/tidy.c" >"$tmp/out.c"
		cat "$tmp/out.c" >"$tmp/tidy.c"
	fi
	cat "$tmp/tidy.c" >"$work/$2"
	rm -f "$tmp/out.c"
	sites_of "$2" "$work/$2" after || return 1
	echo changed
}

patch_makefile() { # PART FILE
	target=$(makefile_target "$1")
	suite=$(suite_target "$1")
	extra=$(extra_files "$1") extra_target=$(extra_target "$1")
	sources=$(ours "$1" "$tree/$(dirname "$2")" | sed -n '/[-_]kunit\.c$/d; s/\.c$/.o/p')
	objects=$(echo "$sources" | grep -v "^${extra:-none}" | tr '\n' ' ')
	line="$target += ${objects% }"
	objects=$(echo "$sources" | grep "^${extra:-none}" | tr '\n' ' ')
	[ -z "$objects" ] || line="$line\\n$extra_target += ${objects% }"
	objects=$(ours "$1" "$tree/$(dirname "$2")" | sed -n 's/\([-_]kunit\)\.c$/\1.o/p' | tr '\n' ' ')
	[ -z "$objects" ] || line="$line\\n$suite += ${objects% }"
	if ! awk -v line="$line" -v target="$target" -v suite="$suite" \
	    -v extra="${extra_target:-none}" -v anchor="$(makefile_anchor "$1")" '
		index($0, target) == 1 || index($0, suite) == 1 || index($0, extra) == 1 { next }
		{ text[++n] = $0 }
		index($0, anchor) == 1 && !/\\$/ { at = n }
		END {
			if (!at)
				exit 1
			for (i = 1; i <= n; i++) {
				print text[i]
				if (i == at)
					print line
			}
		}' "$work/$2" >"$tmp/makefile"; then
		printf 'graft: error: %s: no line begins with "%s"\n' "$2" "$(makefile_anchor "$1")" >&2
		return 1
	fi
	if cmp -s "$tmp/makefile" "$work/$2"; then
		echo same
		return
	fi
	cat "$tmp/makefile" >"$work/$2"
	echo changed
}

[ $# -ge 1 ] || usage
tree=$1
shift
[ $# -gt 0 ] && PARTS=$*
[ -d "$tree" ] || die "$tree is not a directory"
command -v spatch >/dev/null || die 'spatch not found: install coccinelle'

for part in $PARTS; do
	dir=$(folder "$part")
	[ -n "$dir" ] || usage
	[ -d "$tree/$dir" ] || die "$tree has no $dir"
	ours "$part" "$tree/$dir" >/dev/null ||
		die "$tree/$dir has no p2pmem files: copy those of this repository into the tree first"
done

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
work=$tmp/tree
: >"$tmp/changed"
: >"$tmp/errors"
failed=0

# Ends with the errors, the last of which has the remedy: one line if there is one
refuse() {
	sed '$d' "$tmp/errors" >&2
	die "$(tail -n 1 "$tmp/errors" | sed 's/^graft: error: //'); nothing in $tree was changed: use a" \
		"kernel that tools/graft/known lists, or bring the patches and sites of tools/graft to this source"
}

copy_original() { # FILE
	[ -f "$tree/$1" ] || die "$tree/$1 is missing"
	mkdir -p "$work/$(dirname "$1")"
	cp -p "$tree/$1" "$work/$1"
}

for part in $PARTS; do
	dir=$(folder "$part")
	patches "$part" >"$tmp/patches"
	while read -r cocci file; do
		copy_original "$dir/$file"
		if ! verdict=$(patch_file "$cocci" "$dir/$file" 2>>"$tmp/errors"); then
			failed=1
			: >"$work/$dir/$file"	# its errors are known already
		elif [ "$verdict" = changed ]; then
			echo "$dir/$file" >>"$tmp/changed"
		fi
	done <"$tmp/patches"

	copy_original "$dir/Makefile"
	if ! verdict=$(patch_makefile "$part" "$dir/Makefile" 2>>"$tmp/errors"); then
		failed=1
	elif [ "$verdict" = changed ]; then
		echo "$dir/Makefile" >>"$tmp/changed"
	fi

	# No use of upstream's P2PDMA may be left, including files without a semantic patch.
	for f in "$tree/$dir"/*.[ch]; do
		name=$(basename "$f")
		case $name in p2pmem* | rw_p2pmem*) continue ;; esac
		# users of upstream's P2PDMA for themselves, in kernels that have it
		case $dir/$name in */core/uverbs_std_types_dmabuf.c | */host/rdma.c) continue ;; esac
		[ -f "$work/$dir/$name" ] && f=$work/$dir/$name
		if left=$(grep -nE -e "$UPSTREAM" "$f"); then
			failed=1
			printf '%s\n' "$left" | sed "s|^|graft: error: use of upstream's P2PDMA left in $dir/$name:|" >>"$tmp/errors"
		fi
	done
done
[ "$failed" = 0 ] || refuse

# Everything succeeded: write each new file next to the old one, then rename all of them.
while read -r f; do
	cp -p "$work/$f" "$tree/$f.graft" || {
		while read -r g; do rm -f "$tree/$g.graft"; done <"$tmp/changed"
		die "cannot write in $tree: nothing was changed"
	}
done <"$tmp/changed"
while read -r f; do
	mv -f "$tree/$f.graft" "$tree/$f"
done <"$tmp/changed"

for part in $PARTS; do
	say "$part: $(grep -c "^$part " "$here/sites") sites checked, $(grep -c "^$(folder "$part")/" "$tmp/changed" || true) files changed"
done
