#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# nvmet-export.sh: tools/packaging/nvmet-export exports the lines of its file, with peer memory; a line
# that cannot be exported leaves no objects behind and does not stop the others; one whose provider is
# refused is exported without peer memory, and fails; stop removes all exports. Topology: one-switch.

# shellcheck source=tools/testing/p2pmem/rig/guest/lib.sh
. /lib/p2pmem.sh
# shellcheck source=tools/testing/p2pmem/rig/guest/e2e.sh
. /lib/e2e.sh

NQN=nqn.2026-01.test:export
export NVMET_EXPORT_CONF=/run/export.conf P2PMEM_COMMAND=/extra/p2pmem
run=/extra/nvmet-export

e2e_start || bail "the guest cannot be set up"
card=$(pci_cards 1)
pci_bind "$card" p2pmem-bar || bail "the card is no provider"
refuses "without a file, start fails" "cannot be read" $run start
cat >$NVMET_EXPORT_CONF <<END
# comment
$NQN $(nvme_disk plain0) $card require 10.0.0.1 any

$NQN-half $(nvme_disk plain0) 1
$NQN-none /dev/none 1 auto 10.0.0.1 any
$NQN-nowhere $(nvme_disk plain0) 0 auto 10.9.9.9 any
END
N=/sys/kernel/config/nvmet
# a port of another transport at the same address
nvmet_port 1 tcp 10.0.0.1 4420
refuses "lines that cannot be exported are reported" "six fields are needed: $NQN-half" $run start
refuses "the same for a second start, which does not change existing exports" "$NQN exists already" $run start
refuses "a missing device is reported" "$NQN-none is not exported" $run start
refuses "an address that no adapter has is reported" "$NQN-nowhere is not exported" $run start
is "$(cd $N/ports && echo *)" "1 2" "one port is created, and none for an address that no adapter has"
is "$(cat $N/ports/2/addr_trtype)$(ls $N/ports/1/subsystems)" rdma "an RDMA port is used, not the port of the other transport"
is "$(ls $N/subsystems)" "$NQN" "only the valid line is exported"
is "$(cat $N/subsystems/$NQN/namespaces/1/p2pmem) $(cat $N/subsystems/$NQN/namespaces/1/p2pmem_verify)" \
	"$card require" "with its provider and its mode"
disk=$(e2e_connect $NQN) || bail "connect"
check "data is right" fio_verify "$disk" --rw=randwrite --bs=64k --iodepth=8 --size=2m
compare "$(stat_of $NQN 1 peer_bytes)" -gt 0 "data was in the card's memory"
nvme disconnect -n $NQN >/dev/null
sed -i '/half/d; /none/d; /nowhere/d' $NVMET_EXPORT_CONF
check "stop" $run stop
is "$(ls $N/subsystems)$(ls $N/ports)" 1 "only the other transport's port is left"
echo "$NQN $(nvme_disk plain0) 1 auto 10.0.0.1 $(cat /etc/nvme/hostnqn 2>/dev/null || echo nqn.2026-01.test:h)" >$NVMET_EXPORT_CONF
check "for one host" $run start
is "$(find $N/subsystems/$NQN/allowed_hosts -type l | wc -l) $(cat $N/subsystems/$NQN/attr_allow_any_host)" "1 0" \
	"only that host is allowed"
check "stop again" $run stop
echo "$NQN $(nvme_disk plain0) $(nvme_bdf plain0) auto 10.0.0.1 any" >$NVMET_EXPORT_CONF
allow 'nsid 1 of .*'
refuses "a provider that lends nothing is reported" "namespace 1 of $NQN uses system memory: its provider" $run start
is "$(cat $N/subsystems/$NQN/namespaces/1/p2pmem) $(cat $N/subsystems/$NQN/namespaces/1/enable)" "0 1" \
	"its device is exported without peer memory"
check "stop once more" $run stop
refuses "without the command p2pmem, start fails" "is not installed" env P2PMEM_COMMAND=/none $run start
e2e_stop
done_testing
