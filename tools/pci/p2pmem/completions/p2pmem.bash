# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# bash completion of p2pmem: /usr/share/bash-completion/completions/p2pmem

# addresses of functions, with and without domain 0, and names of drives, adapters and interfaces
_p2pmem_devices()
{
	local f
	for f in /sys/bus/pci/devices/* /sys/class/nvme/* /sys/class/infiniband/*; do
		[ ! -e "$f" ] || printf '%s\n' "${f##*/}"
	done
	for f in /sys/class/net/*/device; do
		f=${f%/device}
		[ ! -e "$f" ] || printf '%s\n' "${f##*/}"
	done
}

# _p2pmem_nvmet [SUBSYSTEM]: subsystems of the target, or the namespaces of one
_p2pmem_nvmet()
{
	local directory=/sys/kernel/config/nvmet/subsystems${1:+/$1/namespaces} f
	for f in "$directory"/*; do
		[ ! -e "$f" ] || printf '%s\n' "${f##*/}"
	done
}

# _p2pmem_words CUR WORD...: those that begin with CUR. Names of devices and subsystems are anybody's, and
# compgen -W would run $(...) in them: they are compared, and quoted for the command line.
_p2pmem_words()
{
	local cur=$1 word
	shift
	for word; do
		[[ $word != "$cur"* ]] || COMPREPLY+=("$(printf %q "$word")")
	done
}

_p2pmem_files()
{
	# the names are quoted where they are put into the line
	compopt -o filenames 2>/dev/null
	mapfile -t COMPREPLY < <(compgen -f -- "$1")
}

_p2pmem()
{
	local cur=${COMP_WORDS[COMP_CWORD]} words=("${COMP_WORDS[@]}") cword=$COMP_CWORD prev="" word
	local list=() options=(--from --json --color --help --version) i command="" skip="" files="" arguments=()

	# addresses have colons and options equals signs, at which bash breaks words
	if declare -F _get_comp_words_by_ref >/dev/null; then
		_get_comp_words_by_ref -n := cur words cword
	fi
	COMPREPLY=()
	for ((i = 1; i <= cword; i++)); do
		word=${words[i]}
		# --from=FILE in one word or in three: as --from FILE
		if [ "$word" = = ] && [[ $prev = --* ]]; then
			word=
			[ "$i" = "$cword" ] || continue
		elif [[ $word = --*=* ]]; then
			prev=${word%%=*} skip=1
			word=${word#*=}
		fi
		if [ "$i" = "$cword" ]; then
			cur=$word
			break
		fi
		if [ -n "$skip" ]; then
			skip=
		else
			case $word in
			--from | --color | --watch | --count | --wait) skip=1 ;;
			-*) ;;
			*) if [ -z "$command" ]; then command=$word; else arguments+=("$word"); fi ;;
			esac
		fi
		prev=$word
	done
	if [ -n "$skip" ]; then
		case $prev in
		--from)		_p2pmem_files "$cur" ;;
		--color)	_p2pmem_words "$cur" always never auto ;;
		esac
		return
	fi
	case $command in
	"")	list=(list topo path stat check nvmet snapshot) ;;
	topo)	options+=(--tree --dot --svg) ;;
	path)
		options+=(-q --quiet)
		[ ${#arguments[@]} -ge 2 ] || mapfile -t list < <(_p2pmem_devices)
		;;
	stat)	options+=(--watch --count) ;;
	nvmet)
		[[ ${arguments[0]:-} != set ]] || options+=(--force)
		[[ ${arguments[0]:-} != restore ]] || options+=(--force --wait)
		case ${arguments[0]:-}:${#arguments[@]} in
		:0)		list=(show set save restore) ;;
		set:1)		mapfile -t list < <(_p2pmem_nvmet) ;;
		set:2)		mapfile -t list < <(_p2pmem_nvmet "${arguments[1]}") ;;
		set:3)		mapfile -t list < <(printf '%s\n' auto off && _p2pmem_devices) ;;
		save:1 | restore:1)	files=1 ;;
		esac
		;;
	snapshot)	files=1 ;;
	esac
	if [[ $cur = -* ]]; then
		_p2pmem_words "$cur" "${options[@]}"
	elif [ -n "$files" ]; then
		_p2pmem_files "$cur"
	else
		_p2pmem_words "$cur" "${list[@]}"
	fi
	if declare -F __ltrim_colon_completions >/dev/null; then
		__ltrim_colon_completions "$cur"
	fi
}
complete -F _p2pmem p2pmem
