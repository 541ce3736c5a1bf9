# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# kcsan.sh: runs kunit.sh (in EXTRA_FILES) on a kernel that detects data races; none may be ours. The
# kernel itself has some, in its ticks and timers. A report counts if one of its two accesses was
# made by a module, or by a function that a module called. Not so if the other one is the scheduler's look at
# a task's flags: memalloc_noio_save(), which is inline, writes those of its own task, as the kernel does everywhere.

. /lib/p2pmem.sh

# reports [LOG...]: "ours TITLE" or "kernel TITLE" for each. What an interrupt came upon made no access.
reports()
{
	awk '
	function end()
	{
		if (title ~ / kthread_is_per_cpu( |$)/)
			module = 0
		if (title != "")
			print (module ? "ours" : "kernel") " " title
		title = ""
	}
	{ sub(/^\[ *[0-9.]+\] ?/, "") }
	/BUG: KCSAN:/			{ end(); title = $0; module = 0; next }
	/^==========/			{ end(); next }
	/ (by (task|interrupt)|on cpu) .*:$/ { interrupted = 0; next }
	/^ *asm_/			{ interrupted = 1; next }
	/ \[[a-z0-9_]+\]$/		{ if (!interrupted) module = 1 }
	END				{ end() }' "$@"
}

[ -w /sys/kernel/debug/kcsan ] || mount -t debugfs none /sys/kernel/debug || bail "there is no debugfs"
[ -w /sys/kernel/debug/kcsan ] || bail "this kernel does not look for data races"

# that reports are distinguished
reports >/run/known <<'E2'
[    1.000000] BUG: KCSAN: data-race in timer / tick
[    1.000000] read to 0xffff888036a1eb58 of 8 bytes by interrupt on cpu 1:
[    1.000000]  timer+0x5b/0xb0
[    1.000000]  asm_sysvec_apic_timer_interrupt+0x16/0x20
[    1.000000]  fabric_host_remove+0x1aa/0x290 [p2pdma]
[    1.000000]
[    1.000000] write to 0xffff888036a1eb58 of 8 bytes by task 7 on cpu 0:
[    1.000000]  tick+0x5b/0xb0
[    1.000000] ==================================================================
[    2.000000] BUG: KCSAN: data-race in list_add / pool_free
[    2.000000] read to 0xffff888036a1eb58 of 8 bytes by interrupt on cpu 1:
[    2.000000]  list_add+0x5b/0xb0
[    2.000000]  asm_sysvec_apic_timer_interrupt+0x16/0x20
[    2.000000]
[    2.000000] write to 0xffff888036a1eb58 of 8 bytes by task 7 on cpu 0:
[    2.000000]  list_add+0x5b/0xb0
[    2.000000]  pool_free+0x5b/0xb0 [p2pdma]
[    2.000000] ==================================================================
[    3.000000] BUG: KCSAN: data-race in kthread_is_per_cpu / pairs_update [p2pdma]
[    3.000000] read to 0xffff8880031be02c of 4 bytes by interrupt on cpu 0:
[    3.000000]  kthread_is_per_cpu+0x26/0x60
[    3.000000]  asm_sysvec_call_function_single+0x16/0x20
[    3.000000]
[    3.000000] write to 0xffff8880031be02c of 4 bytes by task 128 on cpu 2:
[    3.000000]  pairs_update+0x4d/0x1a0 [p2pdma]
[    3.000000] ==================================================================
E2
n=1
if [ "$(cat /run/known)" = "kernel BUG: KCSAN: data-race in timer / tick
ours BUG: KCSAN: data-race in list_add / pool_free
kernel BUG: KCSAN: data-race in kthread_is_per_cpu / pairs_update [p2pdma]" ]; then
	echo "ok 1 - two races of the kernel's own and one of ours"
else
	sed 's/^/# /' /run/known
	echo "not ok 1 - two races of the kernel's own and one of ours"
fi

# That this kernel finds one: p2pmem_race has it on purpose. Looked for at every tenth access and for
# longer than else, as its two threads take turns on a machine of few processors.
kcsan=/sys/module/kcsan/parameters
skip=$(cat $kcsan/skip_watch) delay=$(cat $kcsan/udelay_task)
echo 10 >$kcsan/skip_watch
echo 2000 >$kcsan/udelay_task
modprobe p2pmem_race || bail "modprobe p2pmem_race failed"
modprobe -r p2pmem_race || bail "p2pmem_race does not go"
echo "$skip" >$kcsan/skip_watch
echo "$delay" >$kcsan/udelay_task
n=$((n + 1))
dmesg >/run/log
if reports /run/log | grep -q '^ours .* race_add \[p2pmem_race\] / race_add \[p2pmem_race\]$'; then
	echo "ok $n - the race of p2pmem_race is found, and is ours"
else
	reports /run/log | sed 's/^/# /'
	echo "not ok $n - the race of p2pmem_race is found, and is ours"
fi

# A race that the kernel means to have when we call it: genalloc searches its bitmap without a lock and
# takes the bits with cmpxchg.
for f in _find_next_bit _find_next_zero_bit; do
	echo "!$f" >/sys/kernel/debug/kcsan || bail "KCSAN does not know $f"
done

# the suites, and the end of the modules, too
sh /extra/kunit.sh >/run/suites || echo "not ok 0 - the suites' script failed" >>/run/suites
modprobe -r p2pdma || echo "not ok 0 - the module does not go" >>/run/suites
echo off >/sys/kernel/debug/kcsan
while read -r line; do
	case $line in
	1..*)		continue ;;
	"ok "*)		n=$((n + 1)); line="ok $n ${line#ok * }" ;;
	"not ok "*)	n=$((n + 1)); line="not ok $n ${line#not ok * }" ;;
	esac
	echo "$line"
done </run/suites

dmesg >/run/log
allow 'BUG: KCSAN: data-race in .*\[p2pmem_race\]'
reports /run/log | grep -v '\[p2pmem_race\]' >/run/reports
while read -r whose title; do
	[ "$whose" = ours ] || allow "$(echo "$title" | sed 's/[][().*+?^${}|\\]/\\&/g')"
done </run/reports
n=$((n + 1))
found=$(grep -c '^ours' /run/reports)
echo "# $(grep -c '^kernel' /run/reports) reports of the kernel's own"
if [ "$found" = 0 ]; then
	echo "ok $n - no data race of ours"
else
	grep '^ours' /run/reports | sed 's/^/# /'
	echo "not ok $n - $found data races of ours"
fi
echo "1..$n"
