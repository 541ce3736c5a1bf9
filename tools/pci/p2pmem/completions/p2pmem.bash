# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# bash completion of p2pmem: /usr/share/bash-completion/completions/p2pmem

# addresses of functions, with and without domain 0, and names of drives, adapters and interfaces
_p2pmem_devices()
{
	local f
	for f in /sys/bus/pci/devices/* /sys/class/nvme/* /sys/class/infiniband/*; do
		[ ! -e "$f" ] || echo "${f##*/}"
	done
	for f in /sys/class/net/*/device; do
		[ ! -e "$f" ] || basename "$(dirname "$f")"
	done
}

_p2pmem_nvmet()
{
	local subsystems=/sys/kernel/config/nvmet/subsystems f
	for f in "$subsystems"/$1; do
		[ ! -e "$f" ] || echo "${f##*/}"
	done
}

_p2pmem()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local commands="list topo path stat check nvmet snapshot"
	local options="--from --json --color --help --version" words=() i list="" command="" skip="" files="" arguments=()

	# addresses have colons, at which bash breaks words
	if declare -F _get_comp_words_by_ref >/dev/null; then
		local cword
		_get_comp_words_by_ref -n : cur prev words cword
	else
		words=("${COMP_WORDS[@]}")
		local cword=$COMP_CWORD
	fi
	for ((i = 1; i < cword; i++)); do
		if [ -n "$skip" ]; then
			skip=
			continue
		fi
		case ${words[i]} in
		--from | --color | --watch | --count | --wait) skip=1 ;;
		-*) ;;
		*) if [ -z "$command" ]; then command=${words[i]}; else arguments+=("${words[i]}"); fi ;;
		esac
	done
	COMPREPLY=()
	case $prev in
	--from)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
		;;
	--color)
		mapfile -t COMPREPLY < <(compgen -W "always never auto" -- "$cur")
		return
		;;
	--watch | --count | --wait)
		return
		;;
	esac
	case $command in
	"")	list=$commands ;;
	topo)	list="" options+=" --tree --dot --svg" ;;
	path)	list=$([ ${#arguments[@]} -ge 2 ] || _p2pmem_devices) options+=" -q --quiet" ;;
	stat)	list="" options+=" --watch --count" ;;
	nvmet)
		[[ ${arguments[0]:-} != set ]] || options+=" --force"
		[[ ${arguments[0]:-} != restore ]] || options+=" --force --wait"
		case ${arguments[0]:-}:${#arguments[@]} in
		:0)		list="show set save restore" ;;
		set:1)		list=$(_p2pmem_nvmet '*') ;;
		set:2)		list=$(_p2pmem_nvmet "${arguments[1]}/namespaces/*") ;;
		set:3)		list="auto off $(_p2pmem_devices)" ;;
		save:1 | restore:1)	list="" files=1 ;;
		*)		list="" ;;
		esac
		;;
	snapshot)	list="" files=1 ;;
	*)	list="" ;;
	esac
	if [[ $cur = -* ]]; then
		list=$options
	elif [ -n "$files" ]; then
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
	fi
	mapfile -t COMPREPLY < <(compgen -W "$list" -- "$cur")
	if declare -F __ltrim_colon_completions >/dev/null; then
		__ltrim_colon_completions "$cur"
	fi
}
complete -F _p2pmem p2pmem
