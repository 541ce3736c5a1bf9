#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# bare/run.sh: run the project's commands on a minimal Debian: debootstrap's minimal variant with
# gcc, make and git. Prints TAP.
#
#   run.sh BUILD_DIR [--suite SUITE] [TARGET...]     targets of make, by default demo and check; of
#                                                    Debian 12 (bookworm), or trixie for Debian 13
#
# The script clones the committed state into the new system, where each target must succeed. This
# fails if rig/packages lacks a package that a command needs, whatever this machine has installed.
# Kernels and modules are built from scratch there, which takes about an hour.
#
#   LIMIT=7200        time limit in seconds
#   TESTS="docs ..."  run only these tests of make check
#   MIRROR= SECURITY= Debian's archives (http://deb.debian.org/debian and debian-security)
#
# Needs root. Mounts and processes are in namespaces of their own, which end with this script; the
# new system is removed at the end. Logs are kept: BUILD_DIR/TARGET.log, and after a failure the
# logs of "make check" in BUILD_DIR/TARGET.check.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../../../../.." && pwd)
given="gcc make git"
mirror=${MIRROR:-http://deb.debian.org/debian}
security=${SECURITY:-http://deb.debian.org/debian-security}

die()
{
	echo "Bail out! $*"
	exit 1
}

if [ "${1:-}" != --inside ]; then
	[ $# -ge 1 ] || die "usage: run.sh BUILD_DIR [--suite SUITE] [TARGET...]"
	if [ "$(id -u)" != 0 ]; then
		echo "ok 1 - bare # SKIP needs root to make a system of its own"
		echo "1..1"
		exit 0
	fi
	mkdir -p "$1"
	dir=$(cd "$1" && pwd)
	shift
	suite=bookworm
	if [ "${1:-}" = --suite ]; then
		suite=${2:?}
		shift 2
	fi
	[ $# != 0 ] || set -- demo check
	root=$dir/root
	trap 'rm -rf --one-file-system "${root:?}"' EXIT
	rm -rf --one-file-system "$root"
	# in the background, so that a signal is taken at once; what runs inside ends with its first process
	unshare --mount --pid --fork --kill-child --mount-proc "$here/run.sh" --inside "$dir" "$suite" "$@" &
	inside=$!
	trap 'kill -KILL $inside 2>/dev/null; exit 143' TERM
	trap 'kill -KILL $inside 2>/dev/null; exit 130' INT
	status=0
	wait $inside || status=$?
	exit $status
fi

shift
dir=$1 suite=$2
root=$dir/root
shift 2
echo "1..$(($# + 2))"
count=0 bad=0
end=$(($(date +%s) + ${LIMIT:-7200}))

# result STATUS WHAT [LOG]
result()
{
	count=$((count + 1))
	if [ "$1" = 0 ]; then
		echo "ok $count - $2"
		return
	fi
	bad=1
	echo "not ok $count - $2"
	[ -z "${3:-}" ] || tail -n 40 "$3" | sed 's/^/# /'
}

# seconds that are left; never 0, which timeout takes for no limit
left()
{
	now=$(date +%s)
	[ "$now" -lt "$end" ] && echo $((end - now)) || echo 1
}

# inside COMMAND...: in the new system, with nothing of this one's environment but the proxy
inside()
{
	timeout -k 10 "$(left)" env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		HOME=/root LC_ALL=C.UTF-8 ${http_proxy:+http_proxy="$http_proxy"} \
		${TESTS:+TESTS="$TESTS"} chroot "$root" "$@" </dev/null
}

# Devices that builds and tests need beside those of debian_settle
make_dev()
{
	: >"$root/dev/tty"
	mount --bind /dev/tty "$root/dev/tty"
	mkdir "$root/dev/shm" "$root/dev/pts"
	mount -t tmpfs shm "$root/dev/shm"
	mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
	ln -s pts/ptmx "$root/dev/ptmx"
	ln -s fd/0 "$root/dev/stdin"
	ln -s fd/1 "$root/dev/stdout"
	ln -s fd/2 "$root/dev/stderr"
}

# shellcheck source=tools/testing/p2pmem/rig/debian.sh
. "$here/../../rig/debian.sh"

make_system()
{
	timeout -k 10 "$(left)" debootstrap --variant=minbase --include="$(echo "$given" | tr ' ' ,)" "$suite" "$root" "$mirror" || return 1
	# the root of a machine is a mount point; "unshare --mount" needs that
	mount --bind "$root" "$root"
	debian_settle "$root" "$suite" "$mirror" "$security"
	make_dev
	# no hard links: the new system's files are its own
	git -c safe.directory='*' clone -q --no-hardlinks "$top" "$root/root/p2pmem"
}

status=0
command -v debootstrap >/dev/null || die "debootstrap is not installed: run \"make deps\""
make_system >"$dir/system.log" 2>&1 || status=$?
result $status "a minimal Debian ($suite) with $given" "$dir/system.log"
[ $status = 0 ] || exit 1

# The proof is worth nothing when the system has more than it says: of the packages that the project
# names, only what those three bring along may be there.
want=$(sed 's/#.*//' "$here/../../rig/packages" | awk 'NF { print $1 }')
# shellcheck disable=SC2016,SC2086	# one word a package is meant; dpkg-query expands the rest
missing=$(for p in $want; do
	# names of several suites
	for name in $(echo "$p" | tr '|' ' '); do
		inside dpkg-query -W -f '${db:Status-Status}\n' "$name" 2>/dev/null
	done | grep -qx installed || echo "$p"
done)
status=0
for p in coccinelle qemu-system-x86 python3 fio; do
	echo "$missing" | grep -qx "$p" || status=1
done
result $status "it lacks what make deps installs"
echo "# to be installed there: $(echo "$missing" | tr '\n' ' ')"
[ -z "$(git -c safe.directory='*' -C "$top" status --porcelain 2>/dev/null)" ] ||
	echo "# changes that are not committed are not tested"

for target; do
	begin=$(date +%s)
	status=0
	inside make --no-print-directory -C /root/p2pmem "$target" >"$dir/$target.log" 2>&1 || status=$?
	# what counts tests must have counted some
	if [ $status = 0 ] && [ "$target" = check ]; then
		tail -n 1 "$dir/$target.log" | grep -Eq '^[1-9][0-9]* passed, 0 failed(, [0-9]+ skipped)?$' || status=1
	fi
	if [ $status != 0 ] && [ -d "$root/root/p2pmem/build/check" ]; then
		rm -rf "$dir/$target.check"
		cp -r "$root/root/p2pmem/build/check" "$dir/$target.check"
	fi
	[ $status != 124 ] || echo "bare: not done after ${LIMIT:-7200} s" >>"$dir/$target.log"
	result $status "make $target ($(($(date +%s) - begin)) s)" "$dir/$target.log"
done
exit $bad
