#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The scripts of boot/ themselves, without a virtual machine: in a copy, where boot.py is a script that prints a
# report, and what fetches kernels and images ends with a given status. Prints TAP.
#
# run.sh BUILD_DIR
set -eu

# shellcheck source=tools/testing/p2pmem/tests/host.sh
. "$(dirname "$0")/../host.sh"
tests=$top/tools/testing/p2pmem
copy=$work/copy/tools/testing/p2pmem
rm -rf "${work:?}/copy" "${work:?}/bin" "${work:?}/build"
mkdir -p "$copy/tests" "$copy/rig" "$work/bin" "$work/build"
cp -r "$tests/boot" "$copy/"
cp "$tests/tests/tap.sh" "$copy/tests/"

# stub FILE: a script with the text of standard input
stub()
{
	cat >"$1"
	chmod +x "$1"
}

stub "$copy/boot/boot.py" <<-'END'
	#!/bin/sh
	cat "$REPORT"
	exit "$STATUS"
END
stub "$copy/boot/one-step.sh" <<-'END'
	#!/bin/bash
	set -u
	here=$(cd "$(dirname "$0")" && pwd)
	. "$here/lib.sh"
	kvers=(older newer)
	step one install /nowhere
	echo "1..$n"
	[ $failed = 0 ]
END

# the kernel of a lane: the newer one, except in boot/NAME/older
stub "$copy/rig/kernel.sh" <<-'END'
	#!/bin/sh
	echo "kernel: the archive cannot be reached" >&2
	[ "${KERNEL_STATUS:-0}" = 0 ] || exit "$KERNEL_STATUS"
	mkdir -p "$1/kernel"
	case $1 in */older) v=6.12.1 ;; *) v=6.12.2 ;; esac
	echo "KVER=$v-amd64" >"$1/kernel/env"
	echo "$v-1" >"$1/kernel/version"
END
stub "$copy/boot/image.sh" <<-'END'
	#!/bin/sh
	echo "image: the package lists cannot be fetched" >&2
	exit "${IMAGE_STATUS:-0}"
END
stub "$copy/rig/deps.sh" <<-'END'
	#!/bin/sh
END
stub "$work/bin/apt-get" <<-'END'
	#!/bin/sh
	exit 100
END
stub "$work/bin/id" <<-'END'
	#!/bin/sh
	echo "${USER_ID:-0}"
END

# runs SCRIPT: runs it, its output is in "said"; sets status
runs()
{
	status=0
	env PATH="$work/bin:$PATH" BUILD="$work/build" "$copy/boot/$1" "$work/inner" debian13 >"$work/said" 2>&1 || status=$?
}

# failures NUMBER: so many lines "not ok", and a status that says so; each line has its number, and the plan is right
failures()
{
	cat "$work/said"
	echo "status $status, $1 failures wanted"
	[ "$(grep -c '^not ok ' "$work/said")" = "$1" ] && [ "$status" = "$(($1 > 0))" ] &&
		awk '/^(not )?ok / { if (($1 == "ok" ? $2 : $3) != ++seen) exit 1 } /^1\.\./ { plan = substr($1, 4) } END { exit plan != seen + 0 }' "$work/said"
}

# step NAME FAILURES STATUS: boot.py prints standard input and ends with STATUS
step()
{
	cat >"$work/report"
	export REPORT="$work/report" STATUS="$3"
	runs one-step.sh
	check "step: $1" failures "$2"
}

step "all planned checks pass" 0 0 <<-'END'
	booted 6.12
	plan 2
	ok - a
	data size 5
	ok - b
	end 0
	# said by the step
	# 6.12: 60 s
END
step "one fails" 1 1 <<-'END'
	booted 6.12
	plan 2
	ok - a
	not ok - b
	# why
	end 0
	# 6.12: 60 s
END
step "the script is not there, and only the status of boot.py says so" 1 1 <<-'END'
	booted 6.12
	end 127
	# 6.12: 60 s
END
step "it ends half way" 2 1 <<-'END'
	booted 6.12
	plan 3
	ok - a
	end 2
	# ./step.sh: 9: Syntax error: "fi" unexpected
	# 6.12: 60 s
	not ok - boot: the step ended with status 2
END
step "boot.py ends with 1 after checks that passed" 1 1 <<-'END'
	booted 6.12
	plan 1
	ok - a
	end 0
	# 6.12: 60 s
END
step "fewer checks than planned, and nothing else is wrong" 1 0 <<-'END'
	booted 6.12
	plan 3
	ok - a
	end 0
	# 6.12: 60 s
END
step "more checks than planned" 1 0 <<-'END'
	booted 6.12
	plan 1
	ok - a
	ok - b
	end 0
	# 6.12: 60 s
END
step "no plan" 1 0 <<-'END'
	booted 6.12
	ok - a
	end 0
	# 6.12: 60 s
END
step "boot.py fails before the boot" 1 1 <<-'END'
	Traceback (most recent call last):
	FileNotFoundError: [Errno 2] No such file or directory
END
step "the power is cut in a step without checks" 0 0 <<-'END'
	booted 6.12
	plan 0
	data begin
	# 6.12: 60 s
END

# skipped REASON: one check, which is skipped with this reason, and nothing failed
skipped()
{
	cat "$work/said"
	echo "status $status"
	[ "$status" = 0 ] && [ "$(wc -l <"$work/said")" = 2 ] && grep -qx "ok 1 - debian13 # SKIP .*$1.*" "$work/said" &&
		grep -qx 1..1 "$work/said"
}

# bails REASON: nothing was checked, and nothing skipped
bails()
{
	cat "$work/said"
	echo "status $status"
	[ "$status" = 1 ] && ! grep -q "^ok" "$work/said" && grep -q "^Bail out! .*$1" "$work/said"
}

# kernels of an earlier run
"$copy/rig/kernel.sh" "$work/build/boot/debian13/older" 2>/dev/null
for s in life power secure readme-test; do
	export USER_ID=1000
	runs $s.sh
	check "$s: skipped without root" skipped "needs root"
	export USER_ID=0 KERNEL_STATUS=3
	runs $s.sh
	check "$s: skipped without a kernel" skipped "kernel: the archive cannot be reached"
	export KERNEL_STATUS=1
	runs $s.sh
	check "$s: not if fetching it fails otherwise" bails "kernel: the archive cannot be reached"
	export KERNEL_STATUS=0 IMAGE_STATUS=3
	runs $s.sh
	check "$s: skipped without an image" skipped "image: the package lists cannot be fetched"
	export IMAGE_STATUS=1
	runs $s.sh
	check "$s: not if making it fails otherwise" bails "image: the package lists cannot be fetched"
	unset KERNEL_STATUS IMAGE_STATUS USER_ID
done

runs life.sh
check "life: skipped without the newer kernel's package" skipped "the newer kernel's image package: cannot be fetched"

# one line "plan" in each script that runs as a step
planned()
{
	for f in "$tests"/boot/steps/*.sh; do
		# for others to source
		case ${f##*/} in lib.sh | readme.sh) continue ;; esac
		[ "$(grep -c '^plan [0-9]*$' "$f")" = 1 ] || echo "$f"
	done >"$work/unplanned"
	cat "$work/unplanned"
	[ ! -s "$work/unplanned" ]
}
check "each step has a plan" planned

# taken STATUS NAME: whether one_set takes the lines MODULE FILE of sets/lines for one set; before and after are
# directories with a file for each module, whose sums "sets" has
taken()
{
	status=0
	sh -c '. "$1" && one_set <lines' sh "$tests/boot/steps/lib.sh" >"$work/said" 2>&1 || status=$?
	echo "status $status" >>"$work/said"
	check "a set: $2" said "status $1"
}

said()
{
	cat "$work/said"
	grep -qx "$1" "$work/said"
}

# of SET MODULE...: lines for one_set, the first ones
# and SET MODULE...: the next ones
of()
{
	: >lines
	and "$@"
}

and()
{
	dir=$1
	shift
	for m; do
		echo "$m $dir/$m.ko" >>lines
	done
}

rm -rf "$work/sets"
mkdir -p "$work/sets/before" "$work/sets/after" "$work/sets/other"
cd "$work/sets"
printf 'OLDER=a\nNEWER=b\n' >vars
for s in before after other; do
	for m in p2pdma p2pmem-bar ib_core nvme nvmet nvmet-rdma; do
		echo "$m of $s" >$s/$m.ko
		[ $s = other ] || echo "$s $(sha256sum <$s/$m.ko | cut -d ' ' -f 1) $m" >>sets
	done
done
: >other/nvme.ko
of before p2pdma p2pmem-bar ib_core nvme nvmet nvmet-rdma
taken 0 "that of before"
of after p2pdma p2pmem-bar ib_core nvme nvmet nvmet-rdma
taken 0 "that of after"
of before p2pdma p2pmem-bar ib_core nvme
and after nvmet nvmet-rdma
taken 1 "not four files of one and two of the other"
of after p2pdma p2pmem-bar ib_core nvmet nvmet-rdma
and other nvme
taken 1 "not with an empty file"
of after p2pdma ib_core nvme nvmet nvmet-rdma
and other p2pmem-bar
taken 1 "not with a file of neither"
of after p2pdma p2pmem-bar nvme nvmet nvmet-rdma
echo "ib_core" >>lines
taken 1 "not if modprobe does not know one of them"
of after p2pdma p2pmem-bar nvme nvmet nvmet-rdma
and /lib/kernel/drivers ib_core
taken 1 "not with one of the distribution's"
of /lib/kernel/drivers ib_core nvme nvmet nvmet-rdma
printf 'p2pdma\np2pmem-bar\n' >>lines
taken 1 "not the distribution's, where that of before is ours"
sed -i /^before/d sets
taken 0 "the distribution's, where it is that of before"
of before p2pdma p2pmem-bar ib_core nvme nvmet nvmet-rdma
taken 1 "not one that no sums are of"
: >lines
taken 1 "not nothing"
cd "$top"

# ended TEXT WANTED: what boot.py says about a system that reported TEXT and ended
ended()
{
	python3 -B - "$tests/boot" "$work" "$1" "$2" <<-'END'
		import sys
		from pathlib import Path
		from types import SimpleNamespace
		sys.path.insert(0, sys.argv[1])
		import boot
		out = Path(sys.argv[2])
		log = out / "report.log"
		log.unlink(missing_ok=True)
		reason = boot.run(["sh", "-c", f"printf '{sys.argv[3]}' >'{log}'"], out,
		                  SimpleNamespace(timeout=60, cut=[], image=""), boot.Report(log))
		print(f"said '{reason}', wanted '{sys.argv[4]}'")
		sys.exit(str(reason) != sys.argv[4])
	END
}
check "boot.py: a step that came to its end" ended 'booted 6.12\nplan 1\nok - a\nend 0\n' None
check "boot.py: one that ended with another status" ended 'booted 6.12\nend 127\n' "the step ended with status 127"
check "boot.py: one that did not end" ended 'booted 6.12\nplan 1\nok - a\n' "the system ended without the end of its step"
rm -rf "$work/copy" "$work/sets" "$work/inner" "$work/build"
echo "1..$n"
[ $failed = 0 ]
