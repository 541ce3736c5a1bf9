# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# leaks.sh: checks for what a test must not leave behind. Each function prints one line per
# leak. Checks that are added here apply to every test.

# Starts kmemleak where available: only allocations from now on count
leaks_begin()
{
	[ -e /sys/kernel/debug/kmemleak ] || return 0
	echo scan=off >/sys/kernel/debug/kmemleak
	echo clear >/sys/kernel/debug/kmemleak
}

# Prints unreferenced objects with the stacks of their allocation. kmemleak reports an object
# if it is 5 s old and two consecutive scans found no reference.
leaks_of_memory()
{
	[ -e /sys/kernel/debug/kmemleak ] || return 0
	sleep 6
	echo scan >/sys/kernel/debug/kmemleak
	echo scan >/sys/kernel/debug/kmemleak
	cat /sys/kernel/debug/kmemleak >/run/kmemleak
	awk '
	/^unreferenced object/	{ if (text) print text; text = "unreferenced " $3 " " $4 " " $5; frames = 0 }
	/^ *\[</	{ if (frames++ < 8) text = text " < " $NF }
	END			{ if (text) print text }' /run/kmemleak | head -n 10
}

# Runs after the teardown, with our modules still loaded
leaks_while_loaded()
{
	:
}

# Runs after all modules were unloaded
leaks_after_unload()
{
	leaks_of_memory
	# our caches are destroyed with the module (the guest boots with slab_nomerge)
	awk '$1 ~ /p2pmem|p2pdma|rnic/ { print "slab cache " $1 " is still there, " $2 " objects" }' /proc/slabinfo
	for d in p2pdma p2pmem_bar p2pmem_rnic; do
		grep -q -x -s "$d" /run/stays || [ ! -e "/sys/module/$d" ] || echo "module $d is still in sysfs"
	done
	for d in p2pmem pci-p2pmem p2pdma; do
		grep -q -x -s p2pdma /run/stays || [ ! -e "/sys/kernel/debug/$d" ] || echo "debugfs has $d after unload"
	done
	for d in /sys/bus/pci/devices/*/p2pmem; do
		[ ! -e "$d" ] || echo "sysfs still has $d"
	done
	# claims on BARs, and their ZONE_DEVICE mappings
	grep -E 'p2pmem|p2pdma' /proc/iomem | sed 's/^ */resource still claimed: /'
	grep -E 'p2pmem|p2pdma|rnic' /proc/interrupts | sed 's/^ */interrupt still claimed: /'
	lsmod | awk 'NR > 1 && $1 ~ /p2pmem|p2pdma/ { print $1 }' | while read -r m; do
		grep -q -x -s "$m" /run/stays || echo "module $m is still loaded"
	done
	return 0
}
