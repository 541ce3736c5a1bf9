#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Kills tools/packaging/install.sh before each of its commands that change a directory in use, as loss of power
# would, on a copy of a system: the modules and the index that modprobe reads are those from before
# or those from after, all six, and the next run succeeds. Also a file system that is too small.
# Prints TAP.
#
# power.sh BUILD_DIR
set -eu

# shellcheck source=tools/testing/p2pmem/tests/host.sh
. "$(dirname "$0")/../host.sh"
script=$top/tools/packaging/install.sh
DESTDIR=$work/root
export DESTDIR KVER
lib=$DESTDIR/lib/modules/$KVER
modules="p2pdma p2pmem-bar ib_core nvme nvmet nvmet-rdma"
[ -n "$KIMAGE" ] || skip_all install-power "KIMAGE is not set: no modules of the distribution to install beside"

# a system with few modules
fresh()
{
	rm -rf "$DESTDIR"
	mkdir -p "$lib/kernel/drivers/infiniband" "$DESTDIR/usr/local/bin"
	cp -r "$KIMAGE/lib/modules/$KVER/kernel/drivers/nvme" "$lib/kernel/drivers/"
	cp -r "$KIMAGE/lib/modules/$KVER/kernel/drivers/infiniband/core" "$lib/kernel/drivers/infiniband/"
	cp "$KIMAGE/lib/modules/$KVER"/modules.builtin* "$KIMAGE/lib/modules/$KVER/modules.order" "$lib/"
	depmod -b "$DESTDIR" "$KVER"
}

# a second build, whose modules are other files
mkdir -p "$work/second/stock/$KVER" "$work/first/stock/$KVER"
rm -rf "$work/first/stock/$KVER/modules" "$work/second/stock/$KVER/modules"
mkdir "$work/first/stock/$KVER/modules" "$work/second/stock/$KVER/modules"
for m in $modules; do
	cp "$BUILD/stock/$KVER/modules/$m.ko" "$work/first/stock/$KVER/modules/"
	objcopy --add-section .p2pmem_second="$0" "$BUILD/stock/$KVER/modules/$m.ko" \
		"$work/second/stock/$KVER/modules/$m.ko"
done

# Commands that count themselves and kill the script instead of running, when it is their turn
rm -rf "${work:?}/bin"
mkdir -p "$work/bin"
for c in mv rm rmdir mkdir ln install sync depmod touch; do
	cat >"$work/bin/$c" <<-END
		#!/bin/sh
		n=\$((\$(cat "$work/count") + 1))
		echo \$n >"$work/count"
		echo "$c \$*" >>"$work/steps"
		[ \$n != "\$KILL_AT" ] || { kill -KILL \$PPID; kill -KILL \$\$; }
		exec $(command -v $c) "\$@"
	END
	chmod +x "$work/bin/$c"
done

# killed N COMMAND...: runs it, and kills it before its step N; succeeds if it came to its end
killed()
{
	echo 0 >"$work/count"
	: >"$work/steps"
	at=$1
	shift
	env PATH="$work/bin:$PATH" KILL_AT="$at" "$@" >"$work/out" 2>&1
}

# Prints which modules modprobe uses: distribution, first, second, or what is wrong
state()
{
	word=
	for m in $modules; do
		file=$(modinfo -b "$DESTDIR" -k "$KVER" -n "$m" 2>/dev/null) || file=
		case $file in
		'')	s=distribution ;;	# p2pdma and p2pmem-bar
		*/kernel/*) s=distribution ;;
		*)
			if cmp -s "$file" "$work/first/stock/$KVER/modules/$m.ko"; then s=first
			elif cmp -s "$file" "$work/second/stock/$KVER/modules/$m.ko"; then s=second
			else s="broken:$m:$file"; fi
			;;
		esac
		[ -z "$file" ] || [ -s "$file" ] || s="missing:$file"
		case $word in
		'' | "$s") word=$s ;;
		*) word="mixed:$word,$m:$s"; break ;;
		esac
	done
	# what modprobe would insert is there
	for m in nvme nvmet-rdma; do
		modprobe -d "$DESTDIR" -S "$KVER" --show-depends "$m" 2>/dev/null | awk '$1 == "insmod" { print $2 }' |
			while read -r f; do [ -s "$f" ] || echo " $m needs the missing $f"; done
	done >"$work/lost"
	while IFS=: read -r f _; do
		[ -s "$lib/$f" ] || echo " modules.dep names the missing $f"
	done <"$lib/modules.dep" >>"$work/lost"
	echo "$word$(head -n 1 "$work/lost")"
}

# The next run leaves no command behind, and renews the initramfs if there was anything to remove
removed_whole()
{
	# the hook leaves the command, and the initramfs to others
	[ "$what" != "another image" ] || return 0
	[ ! -e "$DESTDIR/usr/local/bin/p2pmem" ] || return 1
	[ -z "$undone" ] || grep -q "initramfs" "$work/again"
}

# each_step NAME BEFORE AFTER COMMAND...: from the system in $work/start, which is in state BEFORE
each_step()
{
	what=$1 before=$2 after=$3
	shift 3
	at=0 steps=0 seen=
	: >"$work/bad"
	while :; do
		at=$((at + 1))
		rm -rf "$DESTDIR"
		cp -al "$work/start" "$DESTDIR"
		if killed $at "$@"; then
			break
		fi
		steps=$((steps + 1))
		step=$(tail -n 1 "$work/steps")
		is=$(state)
		case $is in
		"$before" | "$after") seen="$seen $is" ;;
		*) echo "killed before step $at ($step): $is" >>"$work/bad" ;;
		esac
		undone=$(find "$DESTDIR/lib/modules" "$DESTDIR/usr" -name 'p2pmem' -o -name 'p2pmem-b' -o -name '.p2pmem*.removal')
		# and the next run does what this one did not
		if ! "$@" >"$work/again" 2>&1; then
			echo "killed before step $at ($step): the next run fails: $(tail -n 1 "$work/again")" >>"$work/bad"
		elif [ "$(state)" != "$after" ]; then
			echo "killed before step $at ($step): after the next run: $(state)" >>"$work/bad"
		elif [ "$(find "$DESTDIR/lib/modules" -name '.p2pmem*' -o -name 'p2pmem*' -path '*/updates/*' -type d | wc -l)" -gt 1 ]; then
			echo "killed before step $at ($step): leftovers after the next run" >>"$work/bad"
		elif [ "$after" = distribution ] && ! removed_whole; then
			echo "killed before step $at ($step): the next run leaves some: $(tail -n 1 "$work/again")" >>"$work/bad"
		fi
		[ "$at" -lt 200 ] || { echo "200 steps and no end" >>"$work/bad"; break; }
	done
	[ "$(state)" = "$after" ] || echo "not killed: $(state)" >>"$work/bad"
	cp "$work/bad" "$work/out"
	echo "# $what: killed at $steps steps: $(echo "$seen" | tr ' ' '\n' | sort | uniq -c | awk 'NF > 1 { printf "%s %d times ", $2, $1 }')"
	check "$what: killed at each step, one state or the other" test ! -s "$work/bad"
	case $seen in *" $before"*) s=yes ;; *) s=no ;; esac
	check "$what: some were before and there were steps ($steps)" test $s$((steps > 10)) = yes1
	# the new modules are on the disk before the index that names them is
	check "$what: written out before the index is renamed" sync_first "$after"
}

sync_first()
{
	cat "$work/steps"
	awk -v modules="$([ "$1" = distribution ] && echo no || echo yes)" '
		/^sync .*nvme\.ko/ { files = NR }
		/^sync .*modules\.dep\.bin/ { indices = NR }
		/^mv .*modules\.dep\.bin / { renamed = NR }
		/^mv .*\/updates\/p2pmem/ { gone = NR }
		END { exit !(renamed && indices && indices < renamed && (modules == "no" || files && files < renamed)) }' "$work/steps"
}

: >"$work/out"
unset SIGN_KEY SIGN_CERT
fresh
rm -rf "$work/start"
cp -a "$DESTDIR" "$work/start"
check "before" test "$(state)" = distribution
each_step "first installation" distribution first env BUILD="$work/first" "$script" install
rm -rf "$work/start"
cp -a "$DESTDIR" "$work/start"
each_step "another build" first second env BUILD="$work/second" "$script" install
[ -e "$work/start/usr/local/bin/p2pmem" ] || echo "command" >"$work/start/usr/local/bin/p2pmem"
each_step "removal" first distribution "$script" uninstall

# the hook that install.sh has installed, when the image is another revision
sed "s,^root=\$,root=$DESTDIR," "$work/start/etc/kernel/postinst.d/00-p2pmem-local" >"$work/hook"
core=$work/start/lib/modules/$KVER/kernel/drivers/nvme/host/nvme-core.ko
if [ -e "$core.xz" ]; then xz -df "$core.xz"; else objcopy --add-section .p2pmem_revision="$0" "$core"; fi
# as the image's own script does first
depmod -b "$work/start" "$KVER"
each_step "another image" first distribution sh "$work/hook" "$KVER"

# the harness itself: an installation by simple copies is found out
cat >"$work/careless.sh" <<END
rm -rf "$lib/updates/p2pmem"
mkdir -p "$lib/updates/p2pmem"
for m in $modules; do
	install -m 644 "$work/second/stock/$KVER/modules/\$m.ko" "$lib/updates/p2pmem/"
done
depmod -b "$DESTDIR" "$KVER"
END
found=0
for at in 2 5; do
	rm -rf "$DESTDIR"
	cp -al "$work/start" "$DESTDIR"
	killed $at sh "$work/careless.sh" || :
	case $(state) in first | second) ;; *) found=$((found + 1)) ;; esac
done
check "control: a careless installation is found out" test $found = 2

# no space: one line, and nothing changes
if unshare -rm true 2>/dev/null; then
	rm -rf "$DESTDIR"
	mkdir -p "$DESTDIR"
	cat >"$work/small.sh" <<-END
		mount -t tmpfs -o size=\$((\$(du -sk "$work/start" | cut -f 1) + 2048))k none "$DESTDIR" || exit 9
		cp -a "$work/start/." "$DESTDIR/"
		(cd "$DESTDIR" && find . -type f -exec sha256sum {} + | sort) >"$work/before"
		BUILD="$work/second" "$script" install >"$work/said" 2>&1 && exit 8
		(cd "$DESTDIR" && find . -type f -exec sha256sum {} + | sort) >"$work/after"
		cmp "$work/before" "$work/after"
	END
	check "no space: fails and changes nothing" unshare -rm sh "$work/small.sh"
	check "no space: one line with the remedy" sh -c "cat '$work/said'; grep -c . '$work/said' | grep -qx 1 && grep -q 'no space: .* MiB free, .* make room' '$work/said'"
else
	ok "no space # SKIP no mount namespace without root"
fi
rm -rf "$DESTDIR" "$work/start" "$work/first" "$work/second"
echo "1..$n"
[ $failed = 0 ]
