# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# unload.sh: take every module out of the guest's kernel again, users before what they use.

# Those whose order is no matter of reference counts come first; the rest follows as
# counts permit, until nothing more goes.
unload_first="p2pmem_tool p2pmem_copier p2pmem_engine nvme_rdma nvme_tcp nvme_loop nvmet_rdma nvmet_tcp nvmet_fc p2pmem_rnic rdma_rxe siw
	rdma_ucm rdma_cm nvmet nvme p2pmem_bar"

module_loaded()
{
	grep -q "^$1 " /proc/modules
}

# Says what stays, and fails, when a module of ours, or one that uses it, does not go.
unload_all()
{
	for m in $unload_first; do
		module_loaded "$m" || continue
		bounded 90 rmmod "$m" && continue
		# a reference may still be on its way back, RCU and work queues being what they are
		sleep 2
		bounded 90 rmmod "$m" && continue
		echo "$m stays: $(grep "^$m " /proc/modules)"
	done
	# the rest is the distribution's: no need to wait for slow grace periods
	echo 1 >/sys/kernel/rcu_expedited
	rounds=0
	while [ $rounds -lt 4 ]; do
		before=$(wc -l </proc/modules)
		awk '$3 == 0 { print $1 }' /proc/modules >/run/unused
		# shellcheck disable=SC2046	# one word a module is meant
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
	echo "modules cannot be removed:$stays"
	return 1
}
