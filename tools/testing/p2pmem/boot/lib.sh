# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# For the tests of this directory, which are called with a directory for their files and the name of a
# distribution (debian12, debian13). Source it first; it sets
#
#   top      the project                      BUILD  its build directory
#   work     the test's directory             distro the name
#   kvers    the releases OLDER and NEWER     debs   an array: OLDER's and NEWER's directory of packages
#   modules  the names of ours               n failed  number of checks, and of failed checks

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../../../.." && pwd)
if [ $# != 2 ]; then
	echo "usage: $0 BUILD_DIR debian12|debian13" >&2
	exit 2
fi
distro=$2
# shellcheck source=tools/testing/p2pmem/tests/tap.sh
. "$top/tools/testing/p2pmem/tests/tap.sh"
[ "$(id -u)" = 0 ] || skip_all "$distro" "needs root to make a system"
BUILD=$(cd "${BUILD:-$top/build}" && pwd)
mkdir -p "$1"
work=$(cd "$1" && pwd -P)
boot=$BUILD/boot/$distro
mkdir -p "$boot"
export BUILD
modules="p2pdma p2pmem-bar ib_core nvme nvmet nvmet-rdma"
# of kernels of the distribution, whichever the caller has
unset KVER KDIR KSRC KIMAGE KPATH KARCH KCROSS RELEASE

bail()
{
	echo "Bail out! $*"
	exit 1
}

# need WHAT COMMAND...: what a test needs before its first check, and what the archive may lack. Skips the test if
# COMMAND ends with status 3, and ends it if COMMAND fails otherwise
need()
{
	local what=$1 status=0 said
	shift
	"$@" >"$work/out" 2>&1 || status=$?
	[ $status != 0 ] || return 0
	said=$(grep -E '^(kernel|toolchain|image): ' "$work/out" | tail -n 1)
	[ $status != 3 ] || skip_all "$distro" "$what: ${said:-cannot be fetched}"
	sed 's/^/# /' "$work/out"
	bail "$what: ${said:-status $status}"
}

# number NAME: numbers the lines of a system's report, read from standard input. Sets planned and made: how many checks
# the step means to make, and how many it made
number()
{
	local line
	planned='' made=0
	while IFS= read -r line; do
		case $line in
		"plan "*)	planned=${line#plan } ;;
		"ok - "*)	ok "$1: ${line#ok - }"; made=$((made + 1)) ;;
		# of boot.py, about the boot
		"not ok - boot: "*) not_ok "$1: ${line#not ok - }" "" ;;
		"not ok - "*)	not_ok "$1: ${line#not ok - }" ""; made=$((made + 1)) ;;
		"# "*)		echo "$line" ;;
		*)		echo "# $line" ;;
		esac
	done
}

# step NAME SCRIPT IMAGE [OPTION... -- FILE...]: boots IMAGE, which runs steps/SCRIPT.sh. A step that ends before all
# checks that it has planned is a failure, and so is a boot without a step.
step()
{
	local name=$1 script=$2 image=$3 options=() status=0 before=$failed
	shift 3
	while [ $# != 0 ] && [ "$1" != -- ]; do options+=("$1"); shift; done
	[ $# = 0 ] || shift
	printf '%s\n' "OLDER=${kvers[0]}" "NEWER=${kvers[1]}" >"$work/vars"
	"$here/boot.py" "${options[@]}" "$image" "$work/$name" "$here/steps/$script.sh" \
		"$here/steps/lib.sh" "$work/vars" "$@" >"$work/$name.report" 2>&1 || status=$?
	number "$name" <"$work/$name.report"
	[ "$planned" = "$made" ] || not_ok "$name: all planned checks were made" <(echo "planned ${planned:-none}, made $made")
	# what has failed is said already
	[ $status = 0 ] || [ "$failed" != "$before" ] ||
		not_ok "$name: boot.py succeeds" <(echo "status $status"; tail -n 20 "$work/$name.report")
}

# release_of_version CONF VERSION: the release whose headers have this version; CONF is that of apt, or "own"
release_of_version()
{
	local conf=$1 version=$2
	[ "$conf" != own ] || conf=/dev/null
	apt-cache -c "$conf" pkgnames linux-headers- | grep -E -- '^linux-headers-[0-9.]+[-+].*-amd64$' | grep -Ev -- '-(cloud|rt)-amd64$' |
		xargs apt-cache -c "$conf" madison |
		awk -F '|' -v want="$version" '{ gsub(/ /, "") } $2 == want { sub(/^linux-headers-/, "", $1); print $1; exit }'
}

# kernel DIR [RELEASE]: fetches it, with its source
kernel()
{
	env SHARED_BUILD="$BUILD" KERNEL="$distro" ${2:+RELEASE="$2"} "$top/tools/testing/p2pmem/rig/kernel.sh" "$1"
}

# all versions of sources that the archive has
list_sources()
{
	"$top/tools/testing/p2pmem/rig/kernel.sh" "$BUILD" --sources >"$work/sources"
}

# Sets kvers and lanes, the build directories: the newest release, which "make modules" uses, and the newest
# before it whose source the archive has. Both are fetched.
find_releases()
{
	local lane=$BUILD own now line
	# shellcheck disable=SC1091
	own=$(. /etc/os-release && echo "$ID$VERSION_ID")
	[ "$distro" = "$own" ] || lane=$BUILD/lanes/$distro
	lanes=("$boot/older" "$lane")
	need "a kernel of $distro" kernel "$lane"
	kvers=("" "$(sed -n 's/^KVER=//p' "$lane/kernel/env")")
	now=$(cat "$lane/kernel/version")
	if [ -e "${lanes[0]}/kernel/version" ] && [ "$(cat "${lanes[0]}/kernel/version")" != "$now" ]; then
		kvers[0]=$(sed -n 's/^KVER=//p' "${lanes[0]}/kernel/env")
	else
		need "versions of sources" list_sources
		line=$(awk -v d="$distro" '$1 == d { print $3, $4 }' "$work/sources" |
			{ cat; echo "$now -"; } | sort -V | grep -B 1 -F "$now " | awk '$1 != "'"$now"'" { print; exit }')
		[ -n "$line" ] || bail "the archive has no source of a kernel before $now"
		kvers[0]=$(release_of_version "${line#* }" "${line% *}")
		[ -n "${kvers[0]}" ] || bail "the archive has no headers of ${line% *}"
	fi
	need "the kernel ${kvers[0]}" kernel "${lanes[0]}" "${kvers[0]}"
}

# base_image: with the packages that making it needs; skips the test like need
base_image()
{
	"$top/tools/testing/p2pmem/rig/deps.sh" debootstrap e2fsprogs >/dev/null || bail "debootstrap cannot be installed"
	need "an image of $distro" "$here/image.sh" "$distro" "$boot" "${kvers[0]}"
}

# build_packages: those of both releases, in debs, two directories
build_packages()
{
	local i
	debs=("$work/debs/older" "$work/debs/newer")
	rm -rf "$work/debs"
	for i in 0 1; do
		env SHARED_BUILD="$BUILD" BUILD="${lanes[i]}" KERNEL="$distro" RELEASE="${kvers[i]}" \
			"$top/tools/packaging/deb.sh" "${lanes[i]}" "${debs[i]}" || return 1
		rm -rf "${debs[i]}"/work "${debs[i]}"/p2pmem-source-* "${debs[i]}"/p2pmem-headers-* "${debs[i]}"/p2pmem-dkms_*
	done
}

# clone: in $work/tree, what install.sh needs of a clone after "make modules" for OLDER
clone()
{
	rm -rf "$work/tree"
	mkdir -p "$work/tree/tools" "$work/tree/build/stock/${kvers[0]}/modules"
	cp -r "$top/tools/packaging" "$work/tree/tools/"
	for m in $modules; do
		cp "${lanes[0]}/stock/${kvers[0]}/modules/$m.ko" "$work/tree/build/stock/${kvers[0]}/modules/" || return 1
	done
}

# image_package: downloads the newer kernel's image, once; status 3 if the archive cannot be reached
image_package()
{
	local conf
	conf=$(cat "${lanes[1]}/kernel/apt-conf")
	image=$(echo "$boot/linux-image-${kvers[1]}"_*.deb)
	[ ! -e "$image" ] || return 0
	rm -f "$boot"/linux-image-*.deb
	(cd "$boot" && apt-get ${conf:+-c "$conf"} -qq -o APT::Sandbox::User=root download \
		"linux-image-${kvers[1]}=$(cat "${lanes[1]}/kernel/version")") || return 3
	image=$(echo "$boot/linux-image-${kvers[1]}"_*.deb)
	[ -e "$image" ]
}
