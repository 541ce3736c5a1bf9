# SPDX-License-Identifier: GPL-2.0-only
#
# archive.sh: packages of any of Debian's suites, without a trace in the machine's own apt. To be sourced.
#
#   archive_open DIR ARCHITECTURE SUITE...   from now on these suites, with packages of ARCHITECTURE and, for
#                                            programs that run here, NAME:ARCHITECTURE of this machine;
#                                            their lists are in DIR
#   archive_own                              from now on the machine's own lists
#   archive_update                           fetch the lists that are open
#   archive_cache ARGUMENT...                apt-cache
#   archive_fetch DIR NAME=VERSION...        the packages' files into DIR (VERSION is optional)
#   archive_fetch_newest DIR NAME...         the same; where the lists name files that have left the archive,
#                                            with new lists
#
# Programs speak English from then on: what apt says is read.
#
# The mirror is the one that the machine uses for Debian, security updates come from the one that it uses
# for those; MIRROR= and SECURITY= in the environment win.

# shellcheck shell=sh

archive_conf=
export LC_ALL=C

# archive_site NAME: this machine's mirror of Debian's archive "debian" or "debian-security", or a default
archive_site()
{
	# shellcheck disable=SC2016	# apt expands these
	apt-get indextargets --format '$(REPO_URI) $(ORIGIN) $(CODENAME)' 'Created-By: Packages' 2>/dev/null |
		awk -v site="$1" '
			$1 ~ /^cdrom:/ || $2 != "Debian" { next }
			($3 ~ /-security$/) == (site ~ /-security$/) { sub(/\/$/, "", $1); print $1; exit }' |
		grep . || echo "http://deb.debian.org/$1"
}

archive_own()
{
	archive_conf=
}

archive_open()
{
	archive_dir=$1
	archive_arch=$2
	shift 2
	mkdir -p "$archive_dir/lists/partial" "$archive_dir/archives/partial" "$archive_dir/parts"
	archive_dir=$(cd "$archive_dir" && pwd)
	: >"$archive_dir/status"
	main=${MIRROR:-$(archive_site debian)}
	security=${SECURITY:-$(archive_site debian-security)}
	for suite; do
		case $suite in
		*-security)	echo "deb $security $suite main" ;;
		*)		echo "deb $main $suite main" ;;
		esac
	done >"$archive_dir/sources.list.new"
	# lists of other suites are none of these
	cmp -s "$archive_dir/sources.list.new" "$archive_dir/sources.list" || rm -f "$archive_dir/updated"
	mv "$archive_dir/sources.list.new" "$archive_dir/sources.list"
	own=$(dpkg --print-architecture)
	[ "$own" != "$archive_arch" ] || own=
	cat >"$archive_dir/apt.conf" <<-END
		Dir::State "$archive_dir";
		Dir::State::Lists "$archive_dir/lists";
		Dir::State::status "$archive_dir/status";
		Dir::Cache "$archive_dir";
		APT::Default-Release "";
		Dir::Etc::SourceList "$archive_dir/sources.list";
		Dir::Etc::SourceParts "$archive_dir/parts";
		Dir::Etc::Preferences "$archive_dir/preferences";
		Dir::Etc::PreferencesParts "$archive_dir/parts";
		APT::Architecture "$archive_arch";
		APT::Architectures { "$archive_arch";${own:+ "$own";} };
		APT::Sandbox::User "root";
		Acquire::Retries "3";
		Acquire::Languages "none";
	END
	archive_conf=$archive_dir/apt.conf
}

archive_update()
{
	if [ -z "$archive_conf" ]; then
		if [ "$(id -u)" = 0 ]; then apt-get -q update; else sudo apt-get -q update; fi
		return
	fi
	archive_dir=${archive_conf%/*}
	rm -f "$archive_dir/updated"
	if ! archive_update_lists; then
		# of a mirror that is not updated any more. Its signature is valid, and so are kernels of some weeks ago
		grep -q 'Release file for .* is expired' "$archive_dir/update.log" || return 1
		sed -n 's/.*Release file for \([^ ]*\) is expired (\([^)]*\)).*/archive: the mirror is not up to date: \1 has expired (\2)/p' \
			"$archive_dir/update.log" >&2
		archive_update_lists -o Acquire::Check-Valid-Until=false || return 1
	fi
	: >"$archive_dir/updated"
}

archive_update_lists()
{
	# apt takes an archive that it cannot reach for a warning, and lists that another run fetches for an error
	flock "$archive_dir/lock" apt-get -c "$archive_conf" -qq -o APT::Update::Error-Mode=any "$@" update >"$archive_dir/update.log" 2>&1
}

# lists that are older than a day, or not there
archive_stale()
{
	[ -n "$archive_conf" ] && [ -z "$(find "$archive_dir/updated" -mmin -1440 2>/dev/null)" ]
}

archive_cache()
{
	# shellcheck disable=SC2086	# two words or none
	apt-cache ${archive_conf:+-c "$archive_conf"} "$@"
}

archive_fetch()
{
	to=$1
	shift
	(cd "$to" && apt-get ${archive_conf:+-c "$archive_conf"} -qq -o APT::Sandbox::User=root \
		-o Acquire::Retries=3 download "$@")
}

archive_fetch_newest()
{
	archive_fetch "$@" || { archive_update >&2 && archive_fetch "$@"; }
}
