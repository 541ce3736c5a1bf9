#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# e2e-reset.sh: a drive whose CMB is the provider is reset while the target is in use. The CMB
# serves a namespace of the same drive, and one of another drive. Each reset drains first; the
# host sees no error, the data is right, and the CMB is lent again afterwards. Topology:
# one-switch.

# shellcheck source=tools/testing/p2pmem/rig/guest/lib.sh
. /lib/p2pmem.sh
# shellcheck source=tools/testing/p2pmem/rig/guest/e2e.sh
. /lib/e2e.sh

NQN=nqn.2026-01.test:reset

e2e_start || bail "the guest cannot be set up"
cmb=$(nvme_bdf cmb0) ctrl=$(nvme_ctrl cmb0)
published=/sys/bus/pci/devices/$cmb/p2pmem/published
e2e_export $NQN 1 "$(nvme_disk cmb0)" "$cmb" || bail "the drive on its own CMB"
e2e_export $NQN 2 "$(nvme_disk plain0)" "$cmb" || bail "the other drive on that CMB"
e2e_port 0 || bail "port"
own=$(e2e_connect $NQN) || bail "connect"
other=$(nvme_host_disk $NQN 2) || bail "second disk"
log_mark
check "the drive's own CMB is used" e2e_peer_grows $NQN "$own" 1
check "by the other drive too" e2e_peer_grows $NQN "$other" 2

for n in 1 2 3; do
	fio_load "$own" 5
	sleep 1
	check "reset $n during I/O of the drive itself" \
		bounded 40 write_attr "/sys/class/nvme/$ctrl/reset_controller" 1
	check "reset $n: lent again" wait_for 10 grep -q 1 "$published"
	check "reset $n: used again" wait_for 10 e2e_peer_grows $NQN "$own" 1
	fio_done "reset $n: data is right"
done
fio_load "$other" 5
sleep 1
check "reset during I/O of the other drive" \
	bounded 40 write_attr "/sys/class/nvme/$ctrl/reset_controller" 1
check "lent again" wait_for 10 grep -q 1 "$published"
fio_done "data of the other drive is right"
check "used again by the other drive" wait_for 10 e2e_peer_grows $NQN "$other" 2
check "the host saw no error" no_host_errors
e2e_stop
done_testing
