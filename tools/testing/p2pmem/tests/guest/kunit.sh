# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# kunit.sh: load the modules with suites, which runs the suites, and print their cases as TAP.
# Boot with kunit.enable=1; kunit.filter_glob= selects suites. p2pmem.suites= is the minimum number
# of suites that must run, p2pmem.modules= lists the modules to load (p2pdma,nvmet,ib_core).

. /lib/p2pmem.sh

[ -d /sys/kernel/debug/kunit ] || mount -t debugfs none /sys/kernel/debug 2>/dev/null
# The kernel fails only allocations that may not sleep, unless told otherwise. Those of its own
# debugging come when its stores run low, so a walk over every allocation would miss one then.
f=/sys/kernel/debug/failslab
if [ -d $f ]; then
	echo N >$f/ignore-gfp-wait
	echo 0 >$f/verbose
	for c in /sys/kernel/slab/*/failslab; do
		case $c in */debug_objects_cache/*|*/kmemleak_object/*) continue ;; esac
		echo 1 >"$c" || bail "$c cannot be set"
	done
	echo Y >$f/cache-filter
fi

# modprobe waits uninterruptibly for a whole case; KUnit itself ends one after 300 s
sysctl -q -w kernel.hung_task_timeout_secs=300

modules=$(tr ' ' '\n' </proc/cmdline | sed -n 's/^p2pmem\.modules=//p' | tr , ' ')
for m in ${modules:-p2pdma}; do
	modprobe "$m" || bail "modprobe $m failed"
done

n=0 suites=0
for results in /sys/kernel/debug/kunit/*/results; do
	[ -e "$results" ] || continue
	suite=${results%/results}
	suite=${suite##*/}
	# 4 blanks before a case, 8 before one of its parameters
	cases=$(grep -a -E '^    (not )?ok [0-9]+ ' "$results" | sed 's/^    //')
	[ -n "$cases" ] || grep -q '^not ok' "$results" || continue
	suites=$((suites + 1))
	# what was expected stands in the lines below, up to the next remark or result
	awk '/^ *#/ { on = /(FAILED|EXPECT|ASSERT)/ } /^ *(not )?ok / { on = /^        not ok/ }
	     on { print "# " $0 }' "$results"
	: >/run/cases
	[ -z "$cases" ] || echo "$cases" >/run/cases
	while read -r line; do
		n=$((n + 1))
		word=ok
		case $line in "not ok"*) word="not ok"; line=${line#not } ;; esac
		line=${line#ok * }
		echo "$word $n - $suite.$line"
	done </run/cases
	# a suite can fail beside its cases: its set-up, its end, or a case that never ended
	planned=$(sed -n 's/^    1\.\.\([0-9]*\)$/\1/p' "$results" | head -n 1)
	if grep -q '^not ok' "$results" || [ "$(wc -l </run/cases)" != "${planned:-0}" ]; then
		n=$((n + 1))
		echo "not ok $n - $suite: $(wc -l </run/cases) of ${planned:-no} cases; the suite: $(grep -E '^(not )?ok ' "$results")"
	fi
done
wanted=$(tr ' ' '\n' </proc/cmdline | sed -n 's/^p2pmem\.suites=//p')
n=$((n + 1))
if [ $suites -ge "${wanted:-1}" ]; then
	echo "ok $n - $suites suites ran"
else
	echo "not ok $n - $suites suites ran, of ${wanted:-1}"
fi

# what gcov counted, for the host: a tar of the files as the kernel names them
if [ -d /sys/kernel/debug/gcov ] && grep -q p2pmem.coverage=1 /proc/cmdline; then
	(cd /sys/kernel/debug/gcov && find . -name '*.gcda') >/run/gcda
	mkdir -p /run/gcov
	while read -r f; do
		# debugfs files say they are empty, and tar would believe it
		mkdir -p "/run/gcov/$(dirname "$f")"
		cat "/sys/kernel/debug/gcov/$f" >"/run/gcov/$f"
	done </run/gcda
	(cd /run/gcov && tar -cf /run/gcda.tar .) && put_file /run/gcda.tar
fi
echo "1..$n"
