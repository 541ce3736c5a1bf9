#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The command p2pmem beside the kernel: for every pair of this topology "topo" and "path" say what the
# kernel says, before and after changes of the policy and of ACS words; a snapshot says the same as the
# machine; nvmet set, save and restore. The kernel parameter command.entry=ID is the id of the root ports.
# /extra/p2pmem is the command.

# shellcheck source=tools/testing/p2pmem/rig/guest/lib.sh
. /lib/p2pmem.sh
# shellcheck source=tools/testing/p2pmem/rig/guest/e2e.sh
. /lib/e2e.sh
# shellcheck source=tools/testing/p2pmem/rig/guest/tool.sh
. /lib/tool.sh

p2pmem=/extra/p2pmem
policy=/sys/module/p2pdma/parameters/host_bridges
NQN=nqn.2026-01.test:command
sub=/sys/kernel/config/nvmet/subsystems/$NQN

# kernel_pairs: "PROVIDER CLIENT REASON MAPPING DISTANCE AT BY_ADMIN" of each, in order
kernel_pairs()
{
	awk 'NR == 1 { for (i = 1; i <= NF; i++) c[$i] = i; next }
	{ print $c["provider"], $c["client"], $c["reason"], $c["mapping"], $c["distance"], $c["at"], $c["by_admin"] }' \
		/sys/kernel/debug/p2pmem/paths | sort
}

# verdicts DEPTH: the same from JSON, of members that are indented by so many blanks
verdicts()
{
	awk -v depth="$1" '
	function value(line) {
		sub(/^[^:]*: /, "", line); sub(/,$/, "", line); gsub(/"/, "", line)
		return line == "null" ? "-" : line
	}
	match($0, /^ */) && RLENGTH == depth && match($0, /"[a-z_]+"/) {
		key = substr($0, RSTART + 1, RLENGTH - 2)
		v[key] = value($0)
	}
	key == "remedy" && v["label"] != "" {
		how = v["permission"]
		print v["provider"], v["client"], v["reason"], how == "direct" ? "bus" : how == "refused" ? "none" :
			how == "unknown" ? "unknown" : "host", v["distance"], v["at"], how == "administrator" ? 1 : 0
		key = ""
		split("", v)
	}'
}

topo_pairs()
{
	$p2pmem --json topo | verdicts 6 | sort
}

# of those that the kernel has, only
path_pairs()
{
	kernel_pairs | while read -r provider client _; do
		$p2pmem --json path "$provider" "$client" | verdicts 4
	done | sort
}

# compare_all WHEN
compare_all()
{
	kernel_pairs >/run/kernel
	kernel_pairs | while read -r provider client _; do echo "$provider $client "; done >/run/wanted
	topo_pairs | grep -F -f /run/wanted >/run/topo
	path_pairs >/run/path
	nr=$(wc -l </run/kernel)
	compare "$nr" -ge 2 "$1: the kernel has $nr pairs"
	is "$(cat /run/topo)" "$(cat /run/kernel)" "$1: topo says what the kernel says"
	is "$(cat /run/path)" "$(cat /run/kernel)" "$1: path says what the kernel says"
	is "$($p2pmem check | grep -c kernel-differs)" 0 "$1: check finds no difference"
}

# statuses: path's exit status of each pair
statuses()
{
	while read -r provider client reason _; do
		$p2pmem path -q "$provider" "$client"
		rc=$?
		case $reason,$rc in ok,0 | [!o]*,3) ;; *) echo "$provider $client $reason: $rc" ;; esac
	done </run/kernel
}

# the port with ACS of this topology: request redirect on, then off
change_acs()
{
	for port in $(cd /sys/bus/pci/devices && echo *); do
		setpci -s "$port" ECAP_ACS+6.w >/dev/null 2>&1 || continue
		[ "$(cat "/sys/bus/pci/devices/$port/class")" = 0x060400 ] || continue
		for value in 001d 0000; do
			setpci -s "$port" "ECAP_ACS+6.w=$value" || return 1
			for f in /sys/bus/pci/devices/*/p2pmem/rescan; do echo 1 >"$f"; done
			compare_all "ACS of $port is $value"
			# an adapter below this port, where there is one, is refused or not
			case $behind,$value in
			"$port"/*,001d)	like "$(cat /run/kernel)" " acs-redirect .* $port " "ACS of $port keeps ${behind#*/} away" ;;
			"$port"/*,0000)	is "$(grep -c acs-redirect /run/kernel)" 0 "without ACS it is not" ;;
			esac
		done
	done
}

e2e_start || bail "the guest cannot be set up"
for card in $(pci_cards); do pci_bind "$card" p2pmem-bar || bail "$card does not lend"; done
# "PORT/ADAPTER": an adapter without a driver is a client, too: in one topology it is below a port with ACS
behind=
for adapter in $(pci_adapters); do
	[ ! -e "/sys/bus/pci/devices/$adapter/driver" ] || continue
	load_modules p2pmem_tool || bail "modules"
	t client "$adapter" || bail "$adapter is no client: $tool_err"
	behind=$(basename "$(dirname "$(readlink -f "/sys/bus/pci/devices/$adapter")")")/$adapter
	diag "$adapter has no driver and is a client"
done
compare_all "at first"
is "$(statuses)" "" "path -q: 0 where the kernel allows, 3 where it refuses"
is "$($p2pmem list | grep -c -F "$(pci_cards 1)")" 1 "list has the card"
is "$($p2pmem --json list | grep -c '"published": true')" "$(grep -l 1 /sys/bus/pci/devices/*/p2pmem/published | wc -l)" \
	"list has every provider"

entry=$(tr ' ' '\n' </proc/cmdline | sed -n 's/^command\.entry=//p')
for word in "+$entry" "+$entry/across" "-$entry" -built-in +built-in; do
	echo "$word" >$policy || bail "policy $word"
	compare_all "policy $word"
done
change_acs

check "snapshot" $p2pmem snapshot /run/snapshot
for c in "topo" "topo --tree" "check" "--json topo" "--json list"; do
	# shellcheck disable=SC2086
	is "$($p2pmem --from /run/snapshot $c)" "$($p2pmem $c)" "a snapshot says the same: $c"
done
snapshot_hides /run/snapshot
put_file /run/snapshot
$p2pmem topo >/run/topo.txt
put_file /run/topo.txt

# namespaces of the target
card=$(pci_cards 1)
disk=$(nvme_disk plain0)
if [ -n "$disk" ] && [ "$(cat "/sys/bus/pci/devices/$card/p2pmem/published")" = 1 ]; then
	e2e_export $NQN 1 "$disk" 0 || bail "namespace"
	check "nvmet set auto" $p2pmem nvmet set $NQN 1 auto
	is "$(cat $sub/namespaces/1/p2pmem $sub/namespaces/1/enable | tr '\n' ' ')" "1 1 " "it is set, and enabled again"
	refuses "nvmet set to what lends nothing" "lends no memory" $p2pmem nvmet set $NQN 1 "$(nvme_bdf plain0)"
	refuses "nvmet set of no namespace" "no namespace 7" $p2pmem nvmet set $NQN 7 auto
	allow 'nsid 1 of .*'
	if $p2pmem path -q "$card" "$(nvme_bdf plain0)"; then
		check "nvmet set to the card" $p2pmem nvmet set $NQN 1 "$card"
		is "$(cat $sub/namespaces/1/p2pmem)" "$card" "it is set to the card"
	else
		refuses "nvmet set to a card that does not reach the drive" "cannot be set" $p2pmem nvmet set $NQN 1 "$card"
		is "$(cat $sub/namespaces/1/p2pmem $sub/namespaces/1/enable | tr '\n' ' ')" "1 1 " "the namespace is as it was"
	fi
	was=$(cat $sub/namespaces/1/p2pmem)
	check "nvmet save" $p2pmem nvmet save /run/saved.json
	$p2pmem nvmet set $NQN 1 off
	is "$(cat $sub/namespaces/1/p2pmem)" 0 "it is off"
	check "nvmet restore" $p2pmem nvmet restore /run/saved.json
	is "$(cat $sub/namespaces/1/p2pmem $sub/namespaces/1/enable | tr '\n' ' ')" "$was 1 " "it is as it was saved"
	# a provider that is refused does not take the disk away
	sed "s/\"p2pmem\": *\"[^\"]*\"/\"p2pmem\": \"$(nvme_bdf plain0)\"/" /run/saved.json >/run/refused.json
	refuses "nvmet restore of a provider that lends nothing" "namespace 1 of $NQN uses system memory: its provider" \
		$p2pmem nvmet restore --wait 1 /run/refused.json
	is "$(cat $sub/namespaces/1/p2pmem $sub/namespaces/1/enable | tr '\n' ' ')" "0 1 " "it is enabled without peer memory"
	$p2pmem --json nvmet restore - </run/saved.json >/run/done.json
	like "$(cat /run/done.json)" '"failed": 0' "nvmet restore of standard input, as JSON"
	is "$(cat $sub/namespaces/1/p2pmem $sub/namespaces/1/enable | tr '\n' ' ')" "$was 1 " "it is as it was saved once more"
	echo nonsense >/run/bad.json
	refuses "nvmet restore of another file" "no file of" $p2pmem nvmet restore /run/bad.json
	like "$($p2pmem nvmet)" "^$NQN +1 +$disk +yes " "nvmet shows it"
	nvmet_remove_all
fi
[ ! -d $tool_dir ] || rmmod p2pmem_tool
for f in "$card" $(pci_cards 2); do pci_release "$f"; done
done_testing
