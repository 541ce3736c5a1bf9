# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# tool.sh: calls of the core's API through the module p2pmem_tool (its main.c has examples), and
# cards as providers. Source it after lib.sh.

tool_dir=/sys/kernel/debug/p2pmem_tool

# t COMMAND...: one call of the API. Prints nothing; sets $tool_err to the name of the errno or
# "ok", and $id to the number of the new object. Fails if the call failed.
t()
{
	id=
	# only shell builtins, because processes are slow here
	if tool_text=$( { echo "$*" >$tool_dir/command; } 2>&1); then
		tool_err=ok
		read -r tool_key tool_value <$tool_dir/result || tool_key=
		# shellcheck disable=SC2034	# for the caller
		[ "$tool_key" != id ] || id=$tool_value
		return 0
	fi
	case $tool_text in
	*"Invalid argument"*)		tool_err=EINVAL ;;
	*"No such device or address"*)	tool_err=ENXIO ;;
	*"No such device"*)		tool_err=ENODEV ;;
	*"Cannot allocate memory"*)	tool_err=ENOMEM ;;
	*"Invalid cross-device link"*)	tool_err=EXDEV ;;
	*"Operation not supported"*)	tool_err=EOPNOTSUPP ;;
	*"File exists"*)		tool_err=EEXIST ;;
	*"resource busy"*)		tool_err=EBUSY ;;
	*"result not representable"* | *"Numerical result"*)	tool_err=ERANGE ;;
	*"No such file"*)		tool_err=ENOENT ;;
	*"needs cleaning"*)		tool_err=EUCLEAN ;;
	*"temporarily unavailable"*)	tool_err=EAGAIN ;;
	*)				tool_err=${tool_text##*: } ;;
	esac
	return 1
}

# r [KEY]: prints the result of the last call, or the rest of its first line that begins with KEY
r()
{
	if [ $# = 0 ]; then
		cat $tool_dir/result
	else
		sed -n "/^$1 /{s///p;q}" $tool_dir/result
	fi
}

# errno_is WANTED NAME COMMAND...: the call must return that errno or "ok"
errno_is()
{
	errno_want=$1 errno_name=$2
	shift 2
	t "$@" || :
	is "$tool_err" "$errno_want" "$errno_name"
}

# must COMMAND...: a call that must succeed, and is not counted as a test
must()
{
	t "$@" || bail "p2pmem_tool: '$*' failed with $tool_err"
}

# lend BDF: binds p2pmem-bar, with its current parameters
lend()
{
	pci_bind "$1" p2pmem-bar
}

# sysfs attributes of a provider
lent_size()
{
	cat "/sys/bus/pci/devices/$1/p2pmem/size"
}

lent_available()
{
	cat "/sys/bus/pci/devices/$1/p2pmem/available"
}

lent_published()
{
	cat "/sys/bus/pci/devices/$1/p2pmem/published"
}

# lines BDF [REGEX]: prints the number of log lines of that function since log_mark, except those
# of the kernel's driver and PCI code
lines()
{
	lines_counts "$1" "${2:-.}"
	echo "$lines_match"
}

lines_counts()
{
	# shellcheck disable=SC2154	# by log_mark
	dmesg | LINES_RE=$2 awk -v stamp="$log_stamp" -v bdf=" $1: " '
	index($0, stamp)	{ all = match_ = 0; on = 1; next }
	!on || !index($0, bdf)	{ next }
	/probe (with driver .* failed|of .* failed)|enabling device|reserve/	{ next }
	{ all++ }
	$0 ~ ENVIRON["LINES_RE"]	{ match_++ }
	END { print all + 0, match_ + 0 }' >/run/lines
	read -r lines_all lines_match </run/lines
}

# lines_are BDF REGEX NAME: that function must have exactly one log line since log_mark, and it must match
lines_are()
{
	lines_counts "$1" "$2"
	if [ "$lines_all $lines_match" = "1 1" ]; then
		ok "$3"
	else
		not_ok "$3" "wanted one line with '$2', got: $(log_since | grep -F " $1: ")"
	fi
}

# bind_to BDF DRIVER: sets $bind_err to the error of binding it, or "ok"
bind_to()
{
	pci_unbind "$1"
	echo "$2" >"/sys/bus/pci/devices/$1/driver_override"
	# shellcheck disable=SC2034	# for the caller
	if bind_text=$( { echo "$1" >"/sys/bus/pci/drivers/$2/bind"; } 2>&1); then
		bind_err=ok
	else
		bind_err=${bind_text##*: }
	fi
}

# bar_params [NAME=VALUE...]: sets parameters of p2pmem-bar, and the others to their defaults
bar_params()
{
	for bar_p in bar=-1 offset=0 size=0 kind=pool "$@"; do
		echo "${bar_p#*=}" >"/sys/module/p2pmem_bar/parameters/${bar_p%%=*}" || return 1
	done
}

# put_back N...: let go of them
put_back()
{
	must free "$@"
}
