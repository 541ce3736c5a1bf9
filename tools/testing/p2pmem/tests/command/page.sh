#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The man page, the help and the completions of the command p2pmem: their form, and that they name all
# commands and options. Prints TAP.
#
# page.sh BUILD_DIR
#
# Exit status: 0 all passed, 1 a test failed, 2 wrong call.
set -eu

# shellcheck source=tools/testing/p2pmem/tests/host.sh
. "$(dirname "$0")/../host.sh"
here=$top/tools/testing/p2pmem/tests/command
command=$top/tools/pci/p2pmem
page=$command/p2pmem.8
bash_file=$command/completions/p2pmem.bash
commands="list topo path stat check nvmet snapshot"

# the options that main.c takes
options()
{
	sed -n 's/^	{ "\([a-z]*\)", .*/\1/p' "$command/main.c"
}

lint_page()
{
	mandoc -T lint -W warning "$page" || return 1
	man -l --warnings=w -E UTF-8 -Tutf8 -Z "$page" >/dev/null 2>"$work/warnings" || return 1
	cat "$work/warnings"
	! grep -q . "$work/warnings"
}

# a page with an error is found
lint_is_awake()
{
	{ cat "$page"; echo ".Sh"; echo ".Xyz"; } >"$work/wrong.8"
	! mandoc -T lint -W warning "$work/wrong.8"
}

names_all() # FILE
{
	[ -n "$(options)" ] || return 1
	for o in $(options); do
		grep -q -e "-$o" "$1" || { echo "$1 does not name --$o"; return 1; }
	done
	for c in $commands; do
		grep -q -w "$c" "$1" || { echo "$1 does not name $c"; return 1; }
	done
}

has_examples()
{
	mandoc -T utf8 "$page" | col -b | sed -n '/^EXAMPLES/,/^SEE ALSO/p' >"$work/examples"
	for c in $commands; do
		grep -q -E "[#$] p2pmem .*$c" "$work/examples" || { echo "no example of $c"; return 1; }
	done
}

# examples that only look are run, on a captured machine
examples_work()
{
	python3 -B "$here/machine.py" "$here/machines/two-sockets" >"$work/machine.txt" || return 1
	sed -n 's/^[[:space:]]*[#$] p2pmem \(.*\)/\1/p' "$work/examples" | grep -v -E 'nvmet|--watch|snapshot' | sed 's/ > .*//; s/ && .*//; s/--from [^ ]*//' \
		>"$work/lines"
	[ "$(wc -l <"$work/lines")" -ge 6 ] || return 1
	while read -r line; do
		status=0
		# shellcheck disable=SC2086	# words are meant
		"$build/p2pmem" --from "$work/machine.txt" $line >/dev/null || status=$?
		case $status in 0 | 3) ;; *) echo "$line: $status"; return 1 ;; esac
	done <"$work/lines"
}

# all of them as they are written, one after the other, on a machine that is made up: its /sys in the place of this
# one's, a copy of /etc, and an empty /run
all_examples_work()
{
	[ "$(id -u)" = 0 ] || { echo "only root can put a directory in the place of /sys"; return 0; }
	rm -rf "$work/examples.d"
	mkdir -p "$work/examples.d/run" "$work/examples.d/etc" "$work/examples.d/lock"
	sed 's/^ns .*:a 1 .*/ns nqn.2026-01.org.example:disk 1 \/dev\/nvme0n1 0 auto 0 0 0/; /^ns .*:a 2/d; /^use /d' \
		"$here/machines/two-sockets" >"$work/examples.d/machine"
	python3 -B -c "import sys; sys.path.insert(0, sys.argv[1]); import machine, run
with open(sys.argv[3] + '.txt', 'w', encoding='utf-8') as f: machine.load(sys.argv[2]).write(f)
run.unpack(sys.argv[3] + '.txt', run.Path(sys.argv[3]))" "$here" "$work/examples.d/machine" "$work/examples.d/root" || return 1
	cp -a /etc/. "$work/examples.d/etc/" && rm -rf "$work/examples.d/etc/nvmet" && mkdir "$work/examples.d/etc/nvmet" || return 1
	sed -n 's/^[[:space:]]*[#$] \(p2pmem .*\)/\1/p' "$work/examples" >"$work/all"
	unshare -m sh -c "mount --bind '$work/examples.d/root/sys' /sys && mount --bind '$work/examples.d/etc' /etc &&
		mount --bind '$work/examples.d/lock' /run &&
		cd '$work/examples.d/run' && PATH='$build':\$PATH && . '$here/examples.sh'" <"$work/all" || return 1
	[ -s "$work/examples.d/run/machine.txt" ] && grep -q '<svg' "$work/examples.d/run/topology.svg" &&
		grep -q '"nqn.2026-01.org.example:disk"' "$work/examples.d/etc/nvmet/p2pmem.json" &&
		grep -q 1 "$work"/examples.d/root/sys/kernel/config/nvmet/subsystems/*:disk/namespaces/1/p2pmem
}

helps()
{
	"$build/p2pmem" --help >"$work/help" && names_all "$work/help"
}

# completes WORDS...: what the last of them is completed to
completes()
{
	bash "$here/complete.bash" "$bash_file" p2pmem "$@" | tee "$work/completed"
}

bash_completes()
{
	completes "" | grep -qx topo && completes to | grep -qx topo && ! completes to | grep -qx list &&
		completes topo --t | grep -qx -e --tree && completes --color n | grep -qx never &&
		completes nvmet se | grep -qx set && completes stat --w | grep -qx -e --watch &&
		! completes list --tree | grep -q . && completes --color=n | grep -qx never && completes --from = "$page" to | grep -qx topo &&
		completes "--from=${page%.8}" | grep -qx "$page" && completes --from = "${page%.8}" | grep -qx "$page"
}

# what every command has, and what it has of its own
common="--color --from --help --json --version"
own_options()
{
	cat <<-'EOF'
	list:
	topo:--dot --svg --tree
	path:--quiet
	stat:--count --watch
	check:
	nvmet:
	nvmet show:
	nvmet set:--force
	nvmet save:
	nvmet restore:--force --wait
	snapshot:
	EOF
}

# each command is completed to its options, and to no other
bash_options()
{
	own_options | while IFS=: read -r c own; do
		# shellcheck disable=SC2086	# words are meant
		is=$(completes $c -- | sort | tr '\n' ' ')
		# shellcheck disable=SC2086
		want=$(printf '%s\n' $common $own | sort | tr '\n' ' ')
		[ "$is" = "$want" ] || { echo "$c: '$is', not '$want'"; exit 1; }
	done
}

# the same of zsh: each option without its last letter is completed for its command, and stays as it is for all others
zsh_options()
{
	: >"$work/zsh.in"
	: >"$work/zsh.want"
	own_options | while IFS=: read -r c own; do
		for o in $(options); do
			echo "p2pmem $c --${o%?}" >>"$work/zsh.in"
			case " $common $own " in
			*" --$o "*)
				case $o in
				from | color | watch | count | wait)	echo "p2pmem $c --$o=" ;;
				*)					echo "p2pmem $c --$o " ;;
				esac
				;;
			*)		echo "p2pmem $c --${o%?}" ;;
			esac >>"$work/zsh.want"
		done
	done
	printf '%s\n' 'p2pmem to' 'p2pmem --color nev' 'p2pmem --color=nev' "p2pmem --from=$work/zsh.w" \
		"p2pmem --from=$work/zsh.want to" 'p2pmem nvmet sa' 'p2pmem nvmet set nqn 1 aut' \
		"p2pmem nvmet restore --wait 5 $work/zsh.w" >>"$work/zsh.in"
	printf '%s\n' 'p2pmem topo ' 'p2pmem --color never ' 'p2pmem --color=never ' "p2pmem --from=$work/zsh.want " \
		"p2pmem --from=$work/zsh.want topo " 'p2pmem nvmet save ' 'p2pmem nvmet set nqn 1 auto ' \
		"p2pmem nvmet restore --wait 5 $work/zsh.want " >>"$work/zsh.want"
	zsh -f "$here/complete.zsh" "$command/completions" <"$work/zsh.in" >"$work/zsh.is" || return 1
	[ "$(wc -l <"$work/zsh.in")" -gt 100 ] && diff -u "$work/zsh.want" "$work/zsh.is"
}

# with the functions of the package, addresses with colons are completed, too
bash_completes_devices()
{
	export BASH_COMPLETION=/usr/share/bash-completion/bash_completion
	first=$(cd /sys/bus/pci/devices && echo * | cut -d' ' -f1)
	[ "$first" != "*" ] || { echo "this machine has no PCI functions"; return 0; }
	completes path "" | grep -q "$first" && bash_completes
}

# a /sys whose names a shell would run: nothing is run, and what is put into the line is quoted
completes_any_name()
{
	rm -rf "$work/names"
	mkdir -p "$work/names/zsh" "$work/names/sys/bus/pci/devices/\$(touch pwned)" "$work/names/sys/class/net/\`touch pwned\`/device" \
		"$work/names/sys/kernel/config/nvmet/subsystems/nqn.\$(touch pwned)/namespaces/1"
	sed "s|/sys/|$work/names/sys/|g" "$bash_file" >"$work/names/p2pmem.bash"
	sed "s|/sys/|$work/names/sys/|g" "$command/completions/_p2pmem" >"$work/names/zsh/_p2pmem"
	cd "$work/names" || return 1
	# shellcheck disable=SC2016	# what is not expanded is meant
	{
		bash "$here/complete.bash" ./p2pmem.bash p2pmem path ""
		bash "$here/complete.bash" ./p2pmem.bash p2pmem path '$(to'
		bash "$here/complete.bash" ./p2pmem.bash p2pmem nvmet set nqn
		bash "$here/complete.bash" ./p2pmem.bash p2pmem nvmet set 'nqn.$(touch pwned)' ""
		printf '%s\n' 'p2pmem path \$' 'p2pmem nvmet set nqn.' 'p2pmem nvmet set nqn.\$\(touch\ pwned\) ' |
			zsh -f "$here/complete.zsh" "$work/names/zsh"
	} >completed
	cat completed
	cd "$top" && ! ls "$work/names/pwned" && ! grep -F "\$(" "$work/names/completed" &&
		[ "$(grep -c -F '\$\(touch\ pwned\)' "$work/names/completed")" -ge 6 ]
}

zsh_reads()
{
	zsh -n "$command/completions/_p2pmem" && names_all "$command/completions/_p2pmem" &&
		zsh -f -c "fpath=($command/completions \$fpath); autoload -Uz compinit; compinit -u -D; [[ \$_comps[p2pmem] = _p2pmem ]]"
}

install_all()
{
	rm -rf "$work/root"
	make -s -C "$command" O="$build" DESTDIR="$work/root" PREFIX=/usr install || return 1
	for f in bin/p2pmem share/man/man8/p2pmem.8 share/bash-completion/completions/p2pmem \
		share/zsh/vendor-completions/_p2pmem share/p2pmem/schema.json; do
		[ -s "$work/root/usr/$f" ] || { echo "$f is missing"; return 1; }
	done
	"$work/root/usr/bin/p2pmem" --version && make -s -C "$command" O="$build" DESTDIR="$work/root" PREFIX=/usr uninstall &&
		! find "$work/root" -type f | grep .
}

build=$work/build
check "the command builds" make -s -C "$command" O="$build"
check "man page: mandoc and man have nothing to say" lint_page
check "man page: an error would be found" lint_is_awake
check "man page: names every command and option" names_all "$page"
check "man page: an example for every command" has_examples
check "man page: the examples work" examples_work
check "man page: all examples work one after the other" all_examples_work
check "--help names every command and option" helps
check "bash completion: names every command and option" names_all "$bash_file"
check "bash completion" bash_completes
check "bash completion: the options of each command" bash_options
check "bash completion: devices, with the functions of bash-completion" bash_completes_devices
check "zsh completion: it is read, and names every command and option" zsh_reads
check "zsh completion: the options of each command" zsh_options
check "completion: names of devices and subsystems are not run" completes_any_name
check "it is installed, and uninstalled" install_all
echo "1..$n"
[ $failed = 0 ]
