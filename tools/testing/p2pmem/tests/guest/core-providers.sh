#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Providers: lending by p2pmem-bar and by a driver, its attributes, and all invalid inputs. A
# refusal must return an errno, log one line with the device and the reason, and leave nothing
# behind. Topology: topologies/core.

set -u
. /lib/p2pmem.sh
. /lib/tool.sh

M=1048576
load_modules p2pmem-bar p2pmem_tool || bail "modules"
card=$(pci_cards 1) small=$(pci_cards 2) drive=$(pci_drives 1) adapter=$(pci_adapters 1)
start=$(pci_bar_start "$card" 2)
cat /proc/iomem >/run/iomem
must client "$adapter"

untouched()
{
	cat /proc/iomem >/run/iomem.now
	cmp -s /run/iomem /run/iomem.now && [ ! -e "/sys/bus/pci/devices/$1/p2pmem" ]
}

# refused NAME BDF ERRNO REGEX PARAMETER...: binding to p2pmem-bar must fail with that error
refused()
{
	ref_name=$1 ref_bdf=$2 ref_err=$3 ref_re=$4
	shift 4
	log_mark
	bar_params "$@" || bail "parameters $*"
	bind_to "$ref_bdf" p2pmem-bar
	is "$bind_err" "$ref_err" "$ref_name: errno"
	lines_are "$ref_bdf" "$ref_re" "$ref_name: one line that says why"
	check "$ref_name: leaves nothing behind" untouched "$ref_bdf"
	is "$(pci_driver "$ref_bdf")" "" "$ref_name: not bound"
	bar_params
}

# no_param NAME=VALUE: must be refused with one log line, and keep the old value
no_param()
{
	np_file=/sys/module/p2pmem_bar/parameters/${1%%=*}
	np_before=$(cat "$np_file")
	log_mark
	refuses "parameter $1 is refused" "Invalid argument" write_attr "$np_file" "${1#*=}"
	is "$(log_since | grep -c "p2pmem-bar: .*${1%%=*}")" 1 "parameter $1: one line that says why"
	is "$(cat "$np_file")" "$np_before" "parameter $1: unchanged"
}

# no_add NAME ERRNO REGEX BDF BAR SIZE OFFSET KIND: pci_p2pmem_add_resource() must fail so
no_add()
{
	na_name=$1 na_err=$2 na_re=$3
	shift 3
	log_mark
	errno_is "$na_err" "$na_name: errno" add "$@"
	lines_are "$1" "$na_re" "$na_name: one line that says why"
}

# --- a whole BAR ---------------------------------------------------------------------
log_mark
bind_to "$card" p2pmem-bar
is "$bind_err" ok "a card is bound"
is "$(lent_size "$card")" $((64 * M)) "size is the size of the BAR"
is "$(lent_available "$card")" $((64 * M)) "all memory is available"
is "$(lent_published "$card")" 1 "the card is published"
lines_are "$card" "registered 0x4000000 bytes of BAR 2 at 0x0*$(printf %x "$start") as peer-to-peer memory" "it says what it lends"
must find "$adapter"
is "$(r)" "$card" "the card is found"
must publish "$card" 0
is "$(lent_published "$card")" 0 "published is 0 after the driver unpublished it"
errno_is ENODEV "an unpublished provider is not found" find "$adapter"
must is "$card"
is "$(r)" 0 "an unpublished provider is not reported as one"
must publish "$card" 1
is "$(lent_published "$card")" 1 "the card is published again"
must alloc "$card" 5000
is "$(lent_available "$card")" $((64 * M - 8192)) "an allocation reduces available by whole pages"
put_back "$id"
is "$(lent_available "$card")" $((64 * M)) "freeing increases available again"
refuses "a bound function cannot be bound again" "busy" write_attr /sys/bus/pci/drivers/p2pmem-bar/bind "$card"
pci_unbind "$card"
check "unbinding leaves nothing behind" untouched "$card"

# --- parts of a BAR, trimmed ---------------------------------------------------------
# parameters, size lent, offset of the first byte, number of messages about trimming
while read -r params size first trims; do
	log_mark
	# shellcheck disable=SC2046	# one word a parameter
	bar_params $(echo "$params" | tr , ' ')
	bind_to "$card" p2pmem-bar
	is "$bind_err" ok "$params: bound"
	is "$(lent_size "$card")" $((size * M)) "$params: lends $size MiB"
	is "$(lines "$card" "registering only")" "$trims" "$params: says so when it trims"
	must sgl "$card" $((size * M))
	is "$(r | sed -n 's/.* phys //p' | sort | head -n 1)" "$(printf '0x%x' $((start + first * M)))" \
		"$params: first byte is right"
	put_back "$id"
	pci_unbind "$card"
	check "$params: unbound" untouched "$card"
done <<-E2
	size=4M 4 0 0
	offset=32M 32 32 0
	offset=8M,size=8M,bar=2 8 8 0
	size=3M 2 0 1
	offset=1M,size=3M 2 2 1
	offset=61M 2 62 1
	size=0x200000 2 0 0
	offset=2049K,size=4M 2 4 1
E2
bar_params

# --- kinds, several ranges and several BARs ------------------------------------------
bar_params bar=0 kind=registers
bind_to "$card" p2pmem-bar
is "$bind_err" ok "registers of 256 bytes are lent"
is "$(lent_size "$card")" 0 "registers are not in a pool"
errno_is ENOMEM "registers cannot be allocated" alloc "$card" 4096
errno_is ENODEV "registers are not found as a provider" find "$adapter"
pci_unbind "$card"
bar_params kind=driver
bind_to "$card" p2pmem-bar
is "$bind_err" ok "memory that its driver allocates is lent"
is "$(lent_size "$card")" 0 "memory of a driver's allocator is not in a pool"
errno_is ENOMEM "the core cannot allocate it" alloc "$card" 4096
errno_is ok "the driver can pin a page of it" pin "$card" 2 4096 4096
pin=$id
errno_is EINVAL "a pin beyond the end is refused" pin "$card" 2 $((63 * M)) $((2 * M))
errno_is EINVAL "a pin of size 0 is refused" pin "$card" 2 0 0
errno_is EINVAL "a pin within a page is refused" pin "$card" 2 100 4096
errno_is EINVAL "a pin where nothing is lent is refused" pin "$card" 0 0 4096
errno_is ENODEV "a pin without a provider is refused" pin "$small" 2 0 4096
put_back "$pin"
pci_unbind "$card"

bar_params size=4M
bind_to "$card" p2pmem-bar
errno_is ok "a second range of the BAR" add "$card" 2 8M 8M pool
errno_is ok "a third range of another kind" add "$card" 2 4M 32M driver
errno_is ok "registers in another BAR" add "$card" 0 64 128 registers
is "$(lent_size "$card")" $((12 * M)) "size is the sum of the pooled ranges"
must sgl "$card" 12M
is "$(lent_available "$card")" 0 "a list can use all ranges"
compare "$(r nents)" -ge 2 "the list has several entries"
put_back "$id"
while read -r bar size offset want; do
	must is "$card" "$bar" "$size" "$offset"
	is "$(r)" "$want" "is lent: BAR $bar, $size at $offset: $want"
done <<-E2
	2 4M 0 1
	2 8M 8M 1
	2 4M 32M 1
	2 4M 8M 0
	2 4M 16M 0
	0 64 128 1
	0 64 0 0
	0 0 0 0
	7 4M 0 0
	1 4M 0 0
E2
no_add "the same range twice" EEXIST "cannot register 0x400000 bytes at 0x0 of BAR 2: .*registered already" "$card" 2 4M 0 pool
no_add "an overlap at the beginning" EEXIST "registered already" "$card" 2 4M 2M pool
no_add "an overlap at the end" EEXIST "registered already" "$card" 2 4M 6M pool
no_add "a range around another" EEXIST "registered already" "$card" 2 0 16M driver
no_add "registers inside memory" EEXIST "registered already" "$card" 2 4096 9M registers
no_add "registers twice" EEXIST "registered already" "$card" 0 16 180 registers
no_add "a kind that there is not" EINVAL "cannot register memory of kind 3" "$card" 2 4M 48M 3
no_add "a negative kind" EINVAL "cannot register memory of kind" "$card" 2 4M 48M -1
no_add "a negative BAR" EINVAL "cannot register BAR -5: BARs are numbered 0 to 5" "$card" -5 4M 0 pool
no_add "BAR 6" EINVAL "cannot register BAR 6: BARs are numbered 0 to 5" "$card" 6 4M 0 pool
no_add "an absent BAR" EINVAL "cannot register BAR 4: it does not exist" "$card" 4 0 0 pool
no_add "the upper half of a BAR of 64 bits" EINVAL "cannot register BAR 3: it does not exist" "$card" 3 0 0 pool
no_add "beyond the end" EINVAL "cannot register 0x400000 bytes at 0x3d00000 of BAR 2: the BAR has only 0x4000000" "$card" 2 4M 61M pool
no_add "from the end" EINVAL "the BAR has only 0x4000000 bytes" "$card" 2 0 64M pool
no_add "an offset that wraps" EINVAL "the BAR has only" "$card" 2 4M 18446744073709551615 pool
no_add "a size that wraps" EINVAL "the BAR has only" "$card" 2 18446744073709551615 48M pool
no_add "less than a block" EINVAL "the range contains no aligned block" "$card" 2 1M 48M pool
no_add "a range without a whole block" EINVAL "the range contains no aligned block" "$card" 2 2M 49M pool
is "$(lent_size "$card")" $((12 * M)) "refused ranges do not change the size"
pci_unbind "$card"
check "several ranges: nothing is left behind" untouched "$card"
bar_params

bind_to "$drive" p2pmem_tool
is "$bind_err" ok "a function with two BARs of memory"
log_mark
no_add "the first range is a bad one" EINVAL "the range contains no aligned block" "$drive" 2 1M 0 pool
check "the refused range registers nothing" untouched "$drive"
errno_is ok "lend one BAR" add "$drive" 2 0 0 pool
is "$(lent_published "$drive")" 0 "a driver's memory is not published by default"
errno_is ok "lend the other BAR" add "$drive" 4 0 0 pool
is "$(lent_size "$drive")" $((32 * M)) "both BARs are in the pool"
errno_is ENOMEM "no run spans two BARs" alloc "$drive" 17M
must sgl "$drive" 32M
compare "$(r nents)" -ge 2 "a list spans two BARs"
is "$(lent_available "$drive")" 0 "the list uses all memory"
put_back "$id"
pci_unbind "$drive"
check "two BARs: nothing is left behind" untouched "$drive"

# --- bad input to p2pmem-bar ---------------------------------------------------------
refused "bar=1, which is absent" "$card" "Invalid argument" "cannot register BAR 1: it does not exist or has no address" bar=1
refused "an I/O BAR" "$adapter" "Invalid argument" "cannot register BAR 0: it is an I/O port range; choose a memory BAR" bar=0
refused "a size beyond the BAR" "$card" "Invalid argument" "the BAR has only 0x4000000 bytes" size=65M
refused "an offset beyond the BAR" "$card" "Invalid argument" "the BAR has only 0x4000000 bytes" offset=64M
refused "a huge offset" "$card" "Invalid argument" "the BAR has only 0x4000000 bytes" offset=17179869183G
refused "size and offset beyond the BAR" "$card" "Invalid argument" "the BAR has only 0x4000000 bytes" offset=32M size=33M
refused "less than a block" "$card" "Invalid argument" "the range contains no aligned block of 0x200000" size=1M
refused "a BAR smaller than a block" "$adapter" "Invalid argument" "the range contains no aligned block of 0x200000" bar=2
must claim "$card" 2
claim=$id
cat /proc/iomem >/run/iomem
refused "a BAR that is claimed" "$card" "Device or resource busy" "cannot register BAR 2: another driver has claimed it" bar=2
put_back "$claim"
cat /proc/iomem >/run/iomem
for p in bar=-5 bar=-2 bar=6 bar=abc bar= bar=99999999999 bar=2.5 size=-1 size=abc size=4X size= "size=4M 4M" \
	size=18446744073709551616 size=17179869184G offset=-1 offset=x offset=16777216T0 \
	kind=ram kind= kind=pools kind=0; do
	no_param "$p"
done
refuses "an absent device is not bound" "No such device" write_attr /sys/bus/pci/drivers/p2pmem-bar/bind 0000:7f:1f.7
refuses "an invalid address is not bound" "No such device" write_attr /sys/bus/pci/drivers/p2pmem-bar/bind nonsense
log_mark
errno_is ok "lost for a function that is no provider has no effect" lost "$small"
errno_is ok "revoke for a function that is no provider has no effect" revoke "$small"
errno_is ok "resume for a function that is no provider has no effect" resume "$small"
is "$(lines "$small")" 0 "and says nothing"

# --- insmod with bad parameters ------------------------------------------------------
rmmod p2pmem_bar
for p in bar=abc bar=6 size=-1 kind=ram; do
	refuses "insmod with $p fails" "Invalid (argument|parameters)" modprobe p2pmem-bar "$p"
done
check "insmod with valid parameters" modprobe p2pmem-bar bar=2 size=4M offset=4M kind=pool
bind_to "$card" p2pmem-bar
is "$(lent_size "$card")" $((4 * M)) "the parameters take effect"
rmmod p2pmem_tool p2pmem_bar p2pdma
check "unloading all modules leaves nothing behind" untouched "$card"
done_testing
