#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Tests tools/packaging/install.sh on a copy of the distribution's modules below BUILD_DIR: the
# modules that depmod and modprobe select after installing and uninstalling, signatures, and that
# failures change nothing. Prints TAP.
#
# run.sh BUILD_DIR
#
# The project's build directory is $BUILD (build), after "make modules".
# Exit status: 0 all passed, 1 a test failed, 2 usage error.
set -eu

# shellcheck source=tools/testing/p2pmem/tests/host.sh
. "$(dirname "$0")/../host.sh"
script=$top/tools/packaging/install.sh
DESTDIR=$work/root
export DESTDIR
lib=$DESTDIR/lib/modules/$KVER

# refuses NAME TEXT COMMAND...: COMMAND must fail with TEXT and change nothing
refuses()
{
	name=$1 text=$2
	shift 2
	tree >"$work/before"
	if "$@" >"$work/out" 2>&1; then
		not_ok "$name: refused"
		return
	fi
	tree >"$work/after"
	if ! grep -q "$text" "$work/out"; then
		not_ok "$name: reports \"$text\""
	elif ! cmp -s "$work/before" "$work/after"; then
		not_ok "$name: changes nothing"
	else
		ok "$name"
	fi
}

# says NAME PATTERN COMMAND...: COMMAND must fail with a line that matches
says()
{
	name=$1 text=$2
	shift 2
	if "$@" >"$work/out" 2>&1; then
		not_ok "$name: succeeds"
	elif grep -q "$text" "$work/out"; then
		ok "$name"
	else
		not_ok "$name: prints \"$text\""
	fi
}

# prints checksums of all files below lib/modules, except modules of the distribution
tree()
{
	(cd "$DESTDIR/lib/modules" && find . -path './*/kernel' -prune -o -type f -print | LC_ALL=C sort |
		xargs -r sha256sum)
}

from()
{
	modinfo -b "$DESTDIR" -k "$KVER" -n "$1"
}

ours()
{
	for m in p2pdma p2pmem-bar ib_core nvme nvmet nvmet-rdma; do
		case $(from "$m") in */updates/p2pmem/$m.ko | */updates/p2pmem-b/$m.ko) ;; *) echo "$m: $(from "$m")"; return 1 ;; esac
	done
}

distribution()
{
	for m in ib_core nvme nvmet nvmet-rdma; do
		case $(from "$m") in */kernel/drivers/*) ;; *) echo "$m: $(from "$m")"; return 1 ;; esac
	done
	! from p2pdma 2>/dev/null
}

# prints the modules that would be loaded, in order
loads()
{
	modprobe -d "$DESTDIR" -S "$KVER" --show-depends "$1"
}

# succeeds if a dependency is loaded before its user, and both are our modules
needs()
{
	loads "$1" | sed 's,/p2pmem-b/,/p2pmem/,' | awk -v user="/updates/p2pmem/$1.ko" -v dep="/updates/p2pmem/$2.ko" '
		index($2, dep) { d = NR } index($2, user) { u = NR } { print }
		END { exit !(d && u && d < u) }'
}

set_dir()
{
	dirname "$(from nvme)"
}

no_tests_modules()
{
	find "$lib/updates" -type f ! -name image
	[ "$(find "$lib/updates" -type f ! -name image | wc -l)" = 6 ]
}

# The hook of a later kernel, below DESTDIR: one line says that it has no modules
later_kernel()
{
	mkdir -p "$DESTDIR/lib/modules/9.9.999+deb99-amd64/kernel"
	sed "s, \(/usr/\|/lib/\), $DESTDIR\1,g; s,^/usr/,$DESTDIR&," "$DESTDIR/etc/kernel/postinst.d/p2pmem-local" >"$work/hook"
	ROOT=$DESTDIR sh "$work/hook" 9.9.999+deb99-amd64 >"$work/hooked" 2>&1
	rm -r "$DESTDIR/lib/modules/9.9.999+deb99-amd64"
	cat "$work/hooked"
	[ "$(grep -c "kernel 9.9.999+deb99-amd64 has no p2pmem modules .* or boot $KVER" "$work/hooked")" = 1 ]
}

# The boot check is not conditioned on the absence of what it runs
boot_check()
{
	file=$(sed -n 's/^ConditionPathExists=!//p' "$DESTDIR/etc/systemd/system/p2pmem-boot-local.service")
	echo "$file"
	[ -n "$file" ] && [ ! -e "$DESTDIR$file" ]
}

# readable: all that was installed, and the index, for users
readable()
{
	find "$DESTDIR/etc" "$DESTDIR/usr" "$lib/updates" "$lib"/modules.* -type d ! -perm -005 -print \
		-o -type f ! -perm -004 -print >"$work/unreadable" 2>/dev/null || :
	cat "$work/unreadable"
	[ ! -s "$work/unreadable" ]
}

fresh()
{
	rm -rf "$DESTDIR"
	mkdir -p "$lib"
	# those of the distribution's 4,000 modules that use or resemble ours
	for d in drivers/nvme drivers/infiniband drivers/block drivers/net/ethernet/mellanox net/rds \
		drivers/target lib crypto arch; do
		[ ! -d "$KIMAGE/lib/modules/$KVER/kernel/$d" ] || {
			mkdir -p "$lib/kernel/$d"
			cp -r "$KIMAGE/lib/modules/$KVER/kernel/$d/." "$lib/kernel/$d/"
		}
	done
	cp "$KIMAGE/lib/modules/$KVER"/modules.* "$lib/"
	depmod -a -b "$DESTDIR" "$KVER"
}

: >"$work/out"
[ -n "$KIMAGE" ] || skip_all install "KIMAGE is not set: no modules of the distribution to install beside"
fresh
check "before: modprobe selects the distribution's modules" distribution
check "uninstall without an installation" "$script" uninstall
refuses "an unknown command" "usage\|install.sh install" "$script" remove
refuses "no command" "install.sh install" "$script"
refuses "a kernel that is not installed" "install the package linux-image-1.2.3-none" env KVER=1.2.3-none "$script" install
refuses "no build" "kernel release unknown" env -u KVER BUILD="$work/none" "$script" install
refuses "nothing built for this kernel" 'run "make modules RELEASE=' env BUILD="$work/none" KVER="$KVER" "$script" install

mkdir -p "$work/other/stock/$KVER" "$work/other/kernel"
rm -rf "$work/other/stock/$KVER/modules"
cp -r "$BUILD/stock/$KVER/modules" "$work/other/stock/$KVER/modules"
sed "s/vermagic=$KVER /vermagic=9.9.999+deb99-amd64 /" "$BUILD/stock/$KVER/modules/nvme.ko" \
	>"$work/other/stock/$KVER/modules/nvme.ko"
refuses "a module for another kernel" "was built for" env BUILD="$work/other" KVER="$KVER" "$script" install


# the clone has built for another release since
rm -rf "$work/other/stock/$KVER/modules"
cp -r "$BUILD/stock/$KVER/modules" "$work/other/stock/$KVER/modules"
echo KVER=9.9.999+deb99-amd64 >"$work/other/kernel/env"
refuses "the release that was built for last is not installed" "install the package linux-image-9.9.999+deb99-amd64" env -u KVER BUILD="$work/other" "$script" install
check "a named release, of a clone that built for another one since" env BUILD="$work/other" KVER="$KVER" "$script" install
check "its modules are taken" ours
check "and removed by name" env BUILD="$work/other" KVER="$KVER" "$script" uninstall
check "the distribution's are taken again" distribution

mkdir -p "$lib/updates/dkms"
cp "$BUILD/stock/$KVER/modules/ib_core.ko" "$lib/updates/dkms/"
refuses "a vendor's ib_core in updates/" "replaces ib_core already" "$script" install
depmod -b "$DESTDIR" "$KVER"
says "status names it for a kernel without a set" "updates/dkms/ib_core.ko, of no package .*, replaces ib_core of kernel $KVER: .* remove" \
	"$script" status
rm -rf "$lib/updates"
depmod -b "$DESTDIR" "$KVER"
mkdir -p "$DESTDIR/var/lib/dpkg/info" "$DESTDIR/var/lib/dpkg/updates"
printf '%s\n' "Package: p2pmem-dkms" "Status: install ok installed" "Architecture: all" "Version: 1" \
	"Maintainer: none <none@example.org>" "Description: none" >"$DESTDIR/var/lib/dpkg/status"
refuses "beside p2pmem-dkms" "run apt remove p2pmem-dkms first" "$script" install
rm -r "${DESTDIR:?}/var"

# p2pmem-dkms's two modules, and no set of six
check_modules()
{
	ROOT=$DESTDIR "$top/tools/packaging/p2pmem-modules" "$@"
}

mkdir -p "$lib/updates/dkms" "$DESTDIR/usr/src/p2pmem-1.0"
: >"$DESTDIR/usr/src/p2pmem-1.0/dkms.conf"
says "p2pmem-dkms alone, not built: what to look at" "p2pmem-dkms is installed, and not built for it; dkms status" check_modules kernel "$KVER"
cp "$BUILD/stock/$KVER/modules/p2pdma.ko" "$BUILD/stock/$KVER/modules/p2pmem-bar.ko" "$lib/updates/dkms/"
depmod -b "$DESTDIR" "$KVER"
check "p2pmem-dkms alone, built: nothing is wrong" check_modules kernel "$KVER"
check "and it says nothing" test -z "$(check_modules kernel "$KVER")"
check "status says what these are for" sh -c "'$script' status | grep 'p2pmem-dkms.s: exports go through system memory'"
mkdir -p "$DESTDIR/lib/modules/9.9.999+deb99-amd64/kernel" "$DESTDIR/lib/modules/9.9.999+deb99-amd64/updates/p2pmem"
: >"$DESTDIR/lib/modules/9.9.999+deb99-amd64/updates/p2pmem/nvme.ko"
says "p2pmem-dkms beside another kernel's six modules" "has no p2pmem modules .* or boot 9.9.999" check_modules kernel "$KVER"
rm -r "$DESTDIR/lib/modules/9.9.999+deb99-amd64" "$lib/updates" "$DESTDIR/usr/src"
depmod -b "$DESTDIR" "$KVER"

# other search lines of depmod, which nothing sees before
mkdir -p "$work/depmod"
cat >"$work/depmod/depmod" <<END
#!/bin/sh
exec $(command -v depmod) -C "$work/search.conf" "\$@"
END
chmod +x "$work/depmod/depmod"
mkdir -p "$lib/vendor"
cp "$BUILD/stock/$KVER/modules/ib_core.ko" "$lib/vendor/"
printf 'search vendor updates built-in\n' >"$work/search.conf"
refuses "a vendor's ib_core elsewhere: its name and what to do" \
	"modprobe would load $lib/vendor/ib_core.ko for ib_core, not the module of p2pmem: remove the package" env PATH="$work/depmod:$PATH" "$script" install
rm -r "$lib/vendor"
printf 'search built-in updates\n' >"$work/search.conf"
refuses "the distribution's modules are preferred" "would load $lib/kernel/.*: check the search lines" \
	env PATH="$work/depmod:$PATH" "$script" install
rm -r "$work/depmod" "$work/search.conf"

check "the command builds" make -s -C "$top/tools/pci/p2pmem" O="$BUILD/command"
check "install" "$script" install
check "the command is installed" "$DESTDIR/usr/local/bin/p2pmem" --version
check "after: modprobe selects our modules" ours
check "the check of the modules is installed" env ROOT="$DESTDIR" "$DESTDIR/usr/local/bin/p2pmem-modules" status "$KVER"
check "it runs at boot" sh -c "grep -qx 'ExecStart=/usr/local/bin/p2pmem-modules boot' '$DESTDIR/etc/systemd/system/multi-user.target.wants/p2pmem-boot-local.service'"
check "and when a kernel is installed" later_kernel
rm -f "$DESTDIR/etc/systemd/system/multi-user.target.wants/p2pmem-boot-local.service"
check "nvme loads p2pdma" needs nvme p2pdma
check "nvmet-rdma loads nvmet" needs nvmet-rdma nvmet
check "nvmet-rdma loads ib_core" needs nvmet-rdma ib_core
check "p2pmem-bar loads p2pdma" needs p2pmem-bar p2pdma
check "a driver of the distribution loads our ib_core" sh -c "modprobe -d '$DESTDIR' -S '$KVER' --show-depends rdma_cm | grep updates/p2pmem/ib_core"
check "no module of the tests is installed" no_tests_modules
check "status lists them" sh -c "'$script' status | grep -c updates/p2pmem | grep -qx 6"
check "install again" "$script" install
check "a check that was disabled stays so" test ! -e "$DESTDIR/etc/systemd/system/multi-user.target.wants/p2pmem-boot-local.service"
check "install again: modprobe selects our modules" ours
check "and only one set is left" no_tests_modules
check "install a third time" "$script" install
check "and only one set is left" no_tests_modules

# root by su, and users, have no sbin, where depmod and modinfo are
check "install without sbin in PATH" env PATH=/usr/bin:/bin "$script" install
check "modprobe selects our modules" ours
check "status without sbin in PATH" sh -c "PATH=/usr/bin:/bin '$script' status | grep -c updates/p2pmem | grep -qx 6"
check "uninstall without sbin in PATH" env PATH=/usr/bin:/bin "$script" uninstall
check "modprobe selects the distribution's modules" distribution
check "nothing of ours is left" test ! -e "$lib/updates"
check "install again" "$script" install

# without_kmod FUNCTION: a function of exchange.sh where no tool of kmod is found
mkdir -p "$work/poor"
for t in rm mv sync grep sed head mkdir; do ln -sf "$(command -v $t)" "$work/poor/$t"; done
cat >"$work/poor.sh" <<END
modules="p2pdma p2pmem-bar ib_core nvme nvmet nvmet-rdma" root=$DESTDIR kver=$KVER
say() { echo "\$*"; }
die() { echo "\$*" >&2; exit 1; }
. "$top/tools/packaging/exchange.sh"
exchange_paths
PATH=$work/poor
leftovers
END
refuses "no kmod: the set in use is not taken for a leftover" "install the package kmod" sh "$work/poor.sh"
check "modprobe still selects our modules" ours
rm -r "$work/poor" "$work/poor.sh"

# a vendor's module that arrives later, and a kernel without p2pmem
mkdir -p "$lib/updates/a" "$DESTDIR/lib/modules/9.9.999+deb99-amd64/kernel"
cp "$BUILD/stock/$KVER/modules/ib_core.ko" "$lib/updates/a/"
printf 'search updates/a updates built-in\n' >"$work/search.conf"
depmod -C "$work/search.conf" -b "$DESTDIR" "$KVER"
says "status names a file that replaces one of ours" "updates/a/ib_core.ko, of no package .* replaces p2pmem's ib_core: remove" \
	"$script" status
rm -rf "$lib/updates/a" "$work/search.conf"
says "status after the rival is deleted without depmod" "depmod -a $KVER" "$script" status
depmod -b "$DESTDIR" "$KVER"
says "status of a kernel without p2pmem" "kernel 9.9.999+deb99-amd64 has no p2pmem modules .* or boot $KVER" \
	env KVER=9.9.999+deb99-amd64 "$script" status
rm -r "$DESTDIR/lib/modules/9.9.999+deb99-amd64"
check "status finds nothing wrong" "$script" status

# a step that fails
tree >"$work/before"
mkdir -p "$work/bin"
cat >"$work/bin/depmod" <<END
#!/bin/sh
# fails the first time, works when the change is undone
if [ ! -e "$work/failed-once" ]; then : >"$work/failed-once"; echo "depmod: no" >&2; exit 1; fi
exec $(command -v depmod) "\$@"
END
chmod +x "$work/bin/depmod"
rm -f "$work/failed-once"
refuses "depmod fails while installing: rolled back" "as it was before" env PATH="$work/bin:$PATH" "$script" install
check "modprobe still selects our modules" ours
rm -f "$work/failed-once"
refuses "depmod fails while uninstalling: rolled back" "as it was before" env PATH="$work/bin:$PATH" "$script" uninstall
check "modprobe still selects our modules" ours

# another run, and another program
mkdir -p "$DESTDIR/lib/modules/.p2pmem-$KVER.new"
check "a usage error leaves alone what another run writes" sh -c "! '$script' remove 2>/dev/null && [ -d '$DESTDIR/lib/modules/.p2pmem-$KVER.new' ]"
for what in install uninstall; do
	refuses "another run holds the lock: $what" "another run of install.sh or of dpkg" \
		flock "$lib" env P2PMEM_LOCK_WAIT=0 "$script" $what
done
cat >"$work/bin/depmod" <<END
#!/bin/sh
# another program installs a module while the first index is written
$(command -v depmod) "\$@" || exit
[ ! -e "$work/failed-once" ] || exit 0
: >"$work/failed-once"
mkdir -p "$lib/updates/dkms"
cp "$BUILD/stock/$KVER/modules/p2pmem_rnic.ko" "$lib/updates/dkms/"
exec $(command -v depmod) -b "$DESTDIR" "$KVER"
END
rm -f "$work/failed-once"
check "dkms installs a module meanwhile" env PATH="$work/bin:$PATH" "$script" install
check "modprobe selects our modules" ours
check "and the module of dkms" test "$(from p2pmem_rnic)" = "$lib/updates/dkms/p2pmem_rnic.ko"
rm -r "$lib/updates/dkms"
depmod -b "$DESTDIR" "$KVER"

# the new index is in use, and there is no room for another one
cat >"$work/bin/depmod" <<END
#!/bin/sh
# the second one fails, which is that of a rollback, and no later one
echo >>"$work/depmods"
[ "\$(grep -c '' "$work/depmods")" != 2 ] || { echo "depmod: no space" >&2; exit 1; }
exec $(command -v depmod) "\$@"
END
cat >"$work/bin/sync" <<END
#!/bin/sh
# fails once when the index has been exchanged
[ "\$*" != "$lib" ] || [ -e "$work/failed-once" ] || { : >"$work/failed-once"; echo "sync: no" >&2; exit 1; }
exec $(command -v sync) "\$@"
END
chmod +x "$work/bin/sync"
for what in install uninstall; do
	rm -f "$work/failed-once" "$work/depmods"
	refuses "no room for the index of a rollback: $what" "as it was before" env PATH="$work/bin:$PATH" "$script" $what
	check "modprobe still selects our modules" ours
	check "and they are there" test -s "$(from nvme)"
done
cat >"$work/bin/mv" <<END
#!/bin/sh
# no way back from the new index
case "\$1" in *.was/*) echo "mv: no" >&2; exit 1 ;; esac
exec $(command -v mv) "\$@"
END
chmod +x "$work/bin/mv"
rm -f "$work/failed-once" "$work/depmods"
says "a rollback that fails: says what is used" "so did the rollback: modprobe loads $lib/updates/p2pmem.*/nvme.ko" \
	env PATH="$work/bin:$PATH" "$script" install
check "modprobe selects our modules" ours
check "and they are there" test -s "$(from nvme)"
rm "$work/bin/mv" "$work/bin/sync"
cat >"$work/bin/depmod" <<END
#!/bin/sh
if [ ! -e "$work/failed-once" ]; then : >"$work/failed-once"; echo "depmod: no" >&2; exit 1; fi
exec $(command -v depmod) "\$@"
END
check "installed once more" "$script" install

other=$DESTDIR/lib/modules/9.9.999+deb99-amd64
mkdir -p "$other/updates/p2pmem" "$other/kernel" "$DESTDIR/usr/lib/p2pmem"
check "uninstall, while another kernel has p2pmem" "$script" uninstall
check "and the command stays" test -x "$DESTDIR/usr/local/bin/p2pmem"
rmdir "$other/kernel"
check "uninstall when that kernel has gone, and its set has not" "$script" uninstall
check "and the command is gone" sh -c "! ls -d '$DESTDIR'/usr/local/bin/p2pmem* '$DESTDIR'/etc/kernel/postinst.d/p2pmem* 2>/dev/null"
check "install beside that set" "$script" install
check "and uninstall" "$script" uninstall
check "and the command is gone again" test ! -e "$DESTDIR/usr/local/bin/p2pmem"
check "install beside another kernel's package" "$script" install
mkdir -p "$other/kernel" "$DESTDIR/usr/lib/p2pmem/${other##*/}"
: >"$DESTDIR/usr/lib/p2pmem/${other##*/}/nvme.ko"
check "and uninstall" "$script" uninstall
check "and the command is gone, too" test ! -e "$DESTDIR/usr/local/bin/p2pmem"
rm -r "$other" "$DESTDIR/usr/lib/p2pmem"
check "install once more" "$script" install
check "uninstall" "$script" uninstall
check "and the check" test -z "$(find "$DESTDIR/etc" "$DESTDIR/usr" -name '*p2pmem*' ! -type d)"
check "and the command is gone" test ! -e "$DESTDIR/usr/local/bin/p2pmem"
check "after uninstalling, modprobe selects the distribution's modules" distribution
check "no directory is left" test ! -e "$lib/updates"
rm -f "$work/failed-once"
refuses "depmod fails at the first installation: rolled back" "as it was before" env PATH="$work/bin:$PATH" "$script" install
check "modprobe selects the distribution's modules" distribution

# another program's depmod names the new set, and then the installation fails
for tries in 1 5; do
	cat >"$work/bin/depmod" <<-END
		#!/bin/sh
		$(command -v depmod) "\$@" || exit
		[ ! -e "$work/failed-once" ] || exit 0
		[ $tries = 5 ] || : >"$work/failed-once"
		$(command -v depmod) -b "$DESTDIR" "$KVER"
		[ $tries = 5 ] || { echo "depmod: no" >&2; exit 1; }
	END
	rm -f "$work/failed-once"
	refuses "depmod by another program, $tries times: rolled back" "as it was before" env PATH="$work/bin:$PATH" "$script" install
	check "modules.dep names the distribution's modules" sh -c "! grep -m 1 updates/ '$lib/modules.dep' && test -s '$(from nvme)'"
done

# the package p2pmem has files of the same names below /usr
check "install below /usr" env PREFIX=/usr "$script" install
check "the check runs at boot" boot_check
check "and when a kernel is installed" later_kernel
rm "$DESTDIR/usr/bin/p2pmem-modules"
check "install below /usr again" env PREFIX=/usr "$script" install
check "the check is there again" test -x "$DESTDIR/usr/bin/p2pmem-modules"
check "uninstall below /usr" env PREFIX=/usr "$script" uninstall
check "and nothing is left there" test -z "$(find "$DESTDIR/etc" "$DESTDIR/usr" -name '*p2pmem*' ! -type d)"
mkdir -p "$DESTDIR/var/lib/dpkg/info" "$DESTDIR/var/lib/dpkg/updates" "$DESTDIR/lib/systemd/system"
printf '%s\n' "Package: p2pmem" "Status: install ok installed" "Architecture: amd64" "Version: 1" \
	"Maintainer: none <none@example.org>" "Description: none" >"$DESTDIR/var/lib/dpkg/status"
echo 1 >"$DESTDIR/var/lib/dpkg/info/format"
for f in bin/p2pmem bin/p2pmem-modules; do
	echo "the package's" >"$DESTDIR/usr/$f"
	echo "/usr/$f" >>"$DESTDIR/var/lib/dpkg/info/p2pmem.list"
done
: >"$DESTDIR/lib/systemd/system/p2pmem-boot.service"
check "install below /usr beside the package" env PREFIX=/usr "$script" install
check "no second check, but the hook for these modules" \
	test "$(find "$DESTDIR/etc" -name '*p2pmem*' ! -type d)" = "$DESTDIR/etc/kernel/postinst.d/00-p2pmem-local"
check "uninstall below /usr beside the package" env PREFIX=/usr "$script" uninstall
check "and not even that" test -z "$(find "$DESTDIR/etc" -name '*p2pmem*' ! -type d)"
check "and the package's files stay" test "$(cat "$DESTDIR/usr/bin/p2pmem" "$DESTDIR/usr/bin/p2pmem-modules" | grep -c "the package's")" = 2
rm -r "${DESTDIR:?}/var" "$DESTDIR/lib/systemd" "${DESTDIR:?}/usr/bin"

# root's files are not for others
rm -rf "${DESTDIR:?}/etc" "${DESTDIR:?}/usr"
check "install with umask 077" sh -c "umask 077; exec '$script' install"
check "users can read all of it" readable
check "uninstall with umask 077" sh -c "umask 077; exec '$script' uninstall"
check "users can read the index" readable

refuses "a key without a certificate" "cannot be read" env SIGN_KEY=/dev/null "$script" install
refuses "a certificate without a key" "cannot be read" env SIGN_CERT=/dev/null "$script" install
check "a key to sign with" openssl req -new -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=p2pmem test" \
	-outform DER -keyout "$work/key.pem" -out "$work/cert.der"
check "install, signed" env SIGN_KEY="$work/key.pem" SIGN_CERT="$work/cert.der" "$script" install
for m in p2pdma p2pmem-bar ib_core nvme nvmet nvmet-rdma; do
	check "$m has the signature" sh -c "modinfo -F signer '$(set_dir)/$m.ko' | grep -qx 'p2pmem test'"
done
refuses "an invalid key" "cannot sign" env SIGN_KEY=/dev/null SIGN_CERT="$work/cert.der" "$script" install
check "the signed modules are still installed" sh -c "modinfo -F signer '$(set_dir)/nvme.ko' | grep -qx 'p2pmem test'"

check "no temporary directory is left" sh -c "! ls -d '$DESTDIR'/lib/modules/.p2pmem* 2>/dev/null"
rm -rf "$DESTDIR" "$work/other"
echo "1..$n"
[ $failed = 0 ]
