# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# unload.sh: unload all modules of the guest's kernel, users before the modules that they use.

# Modules whose order does not follow from reference counts come first. The rest is unloaded
# as their counts become zero.
unload_first="p2pmem_tool p2pmem_copier p2pmem_engine nvme_rdma nvme_tcp nvme_loop nvmet_rdma nvmet_tcp nvmet_fc p2pmem_rnic rdma_rxe siw
	rdma_ucm rdma_cm nvmet nvme p2pmem_bar"

module_loaded()
{
	grep -q "^$1 " /proc/modules
}

# Fails, and prints the modules, if one of ours or a user of it cannot be unloaded.
unload_all()
{
	for m in $unload_first; do
		module_loaded "$m" || continue
		bounded 90 rmmod "$m" && continue
		# RCU callbacks or work items may still have to drop a reference
		sleep 2
		bounded 90 rmmod "$m" && continue
		echo "cannot unload $m: $(grep "^$m " /proc/modules)"
	done
	# the rest is the distribution's: no need to wait for slow grace periods
	echo 1 >/sys/kernel/rcu_expedited
	rounds=0
	while [ $rounds -lt 4 ]; do
		before=$(wc -l </proc/modules)
		awk '$3 == 0 { print $1 }' /proc/modules >/run/unused
		# shellcheck disable=SC2046	# split into one word per module
		bounded 90 rmmod $(cat /run/unused) >/dev/null 2>&1
		[ "$(wc -l </proc/modules)" -lt "$before" ] && continue
		rounds=$((rounds + 1))
		sleep 0.3
	done
	stays=
	while read -r m; do
		grep -q -x -s "$m" /run/stays && continue
		module_loaded "$m" && stays="$stays $m"
	done </lib/modules/p2pmem.list
	[ -z "$stays" ] && return
	grep -E "^($(echo "${stays# }" | tr ' ' '|')) " /proc/modules
	echo "cannot unload modules:$stays"
	return 1
}
