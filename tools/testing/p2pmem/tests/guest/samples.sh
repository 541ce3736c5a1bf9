#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# samples.sh: tests the sample drivers of the documentation together. The copier uses memory of
# the card, falls back without it, and uses it again after the card is bound again, and after a
# suspend. Every copy is compared. Topology: samples.

# shellcheck source=tools/testing/p2pmem/rig/guest/lib.sh
. /lib/p2pmem.sh

P=/sys/module/p2pmem_copier/parameters
card=$(pci_cards 1)
S=/sys/bus/pci/devices/$card/p2pmem

# copies NAME: makes one copy, sets $peer and $system to the increments of the counters
copies()
{
	peer=$(cat $P/peer_bytes) system=$(cat $P/system_bytes)
	check "$1: a copy arrives unchanged" write_attr $P/copy 2048
	peer=$(($(cat $P/peer_bytes) - peer)) system=$(($(cat $P/system_bytes) - system))
}

# peer_again: makes a copy, succeeds if peer memory was used
peer_again()
{
	was=$(cat $P/peer_bytes)
	write_attr $P/copy 512 && [ $(($(cat $P/peer_bytes) - was)) = 512 ]
}

# proofs N: succeeds if N paths are proved
proofs()
{
	[ "$(grep -c " proved " /sys/kernel/debug/p2pmem/paths)" = "$1" ]
}

load_modules p2pmem-card p2pmem-engine:dma_bits=32 || bail "modules"
one=$(pci_at 04.0/00.0/01.0/00.0) two=$(pci_at 04.0/00.0/02.0/00.0/00.0)
is "$(pci_driver "$card")" p2pmem-card "the card has its driver"
is "$(pci_driver "$one") $(pci_driver "$two")" "p2pmem-engine p2pmem-engine" "the engines have theirs"
is "$(cat "$S/size") $(cat "$S/published")" "$((64 << 20)) 1" "the card provides its BAR"
refuses "a copier without engines is refused" "No such device" \
	modprobe p2pmem-copier from=0000:ff:1f.7 to="$two"
log_mark
refuses "so is one with bytes that a terminal obeys" "No such device" \
	modprobe p2pmem-copier from="$(printf 'x\033[7m')" to="$two"
check "the log has them escaped" log_has 'no PCI device at from=x\\e\[7m or to='
is "$(log_since | grep -c "$(printf '\033')")" 0 "and not as they are"
check "the copier can be loaded" modprobe p2pmem-copier from="$one" to="$two" || bail "no copier"

# --- peer memory: proved, then used ------------------------------------------------------
check "peer memory is used" wait_for 20 peer_again
copies "peer memory"
is "$peer $system" "2048 0" "all bytes were in the card's memory"
is "$(cat "$S/available")" "$((64 << 20))" "all memory of the card is freed"
check "both engines proved their paths to the card" proofs 2
refuses "no copy beyond the buffer" "Invalid argument" write_attr $P/copy 2049

# --- an administrator requests a new test -------------------------------------------------
check "the pairs are tested again" write_attr "$S/rescan" 1
check "both engines prove their paths again" wait_for 20 proofs 2
copies "after the new test"
is "$peer $system" "2048 0" "all bytes were in the card's memory"

# --- another mapping, without a refusal: the grant is replaced -------------------------------
bridges=/sys/module/p2pdma/parameters/host_bridges
port=$(basename "$(dirname "$(readlink -f "/sys/bus/pci/devices/$two")")")
check "the host bridge may be used" write_attr $bridges +1b36:000c
setpci -s "$port" ECAP_ACS+6.w=0004
check "the pairs are evaluated" write_attr "$S/rescan" 1
check "peer memory is used through the host bridge" wait_for 20 peer_again
check "mappings can be made to fail" modprobe p2pmem_fail every=1
copies "mappings fail"
is "$peer $system" "0 2048" "system memory was used"
like "$(cat $P/fallbacks)" "map-failed 1" "the reason is counted"
check "mappings work again" rmmod p2pmem_fail
check "peer memory is used again" peer_again
setpci -s "$port" ECAP_ACS+6.w=0000
check "the host bridge may not be used" write_attr $bridges -1b36:000c
check "the pairs are evaluated again" write_attr "$S/rescan" 1
check "peer memory is used below the switch" wait_for 20 peer_again

# --- without the card ----------------------------------------------------------------------
check "the card is unbound" bounded 60 pci_unbind "$card"
copies "without the card"
is "$peer $system" "0 2048" "system memory was used"
like "$(cat $P/fallbacks)" "^(no-provider|provider-revoked) " "the reason is counted"
check "the card is bound again" pci_bind "$card" p2pmem-card
check "peer memory is used again" wait_for 20 peer_again

# --- suspend and resume ------------------------------------------------------------------
# suspends devices and resumes them at once, without the phases that restore bridges
suspend()
{
	echo devices >/sys/power/pm_test
	bounded 60 write_attr /sys/power/state freeze
	suspended=$?
	echo none >/sys/power/pm_test
	return $suspended
}

grep -q devices /sys/power/pm_test || bail "the kernel has no pm_test"
log_mark
check "suspend and resume" suspend
is "$(cat "$S/published")" 1 "the card is published after resume"
check "peer memory is used after resume" wait_for 20 peer_again
copies "after resume"
is "$peer $system" "2048 0" "all bytes were in the card's memory"

# --- a card that does not respond after it: its port has no secondary bus --------------------
port=$(pci_at 04.0/00.0/00.0)
bus=$(setpci -s "$port" SECONDARY_BUS)
setpci -s "$port" SECONDARY_BUS=00
check "suspend and resume without a response" suspend
is "$(cat "$S/published")" 0 "a card that does not respond stays revoked"
check "the log says so" log_has "$card: no response, peer-to-peer memory stays revoked"
copies "without a response"
is "$peer $system" "0 2048" "system memory was used"
setpci -s "$port" SECONDARY_BUS="$bus"
check "suspend and resume with a response" suspend
is "$(cat "$S/published")" 1 "the card is published again"
check "peer memory is used once more" wait_for 20 peer_again

# --- removal of an engine, then of the modules ---------------------------------------------
check "an engine is unbound" bounded 60 pci_unbind "$one"
refuses "no copy without it" "No such device" write_attr $P/copy 512
check "it is bound again" pci_bind "$one" p2pmem-engine
check "it uses peer memory" wait_for 20 peer_again
check "the copier can be unloaded" bounded 60 rmmod p2pmem_copier
is "$(cat "$S/available")" "$((64 << 20))" "no memory is in use"
check "the engine can be unloaded" bounded 60 rmmod p2pmem_engine
check "the card driver can be unloaded" bounded 60 rmmod p2pmem_card
done_testing
