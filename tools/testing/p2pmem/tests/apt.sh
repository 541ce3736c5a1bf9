# SPDX-License-Identifier: GPL-2.0-only
#
# For tests that need a package of Debian's unstable suite: an apt with separate lists, of this
# machine's mirror, which installs nothing. Source it after host.sh.

# shellcheck shell=sh disable=SC2154	# work is of host.sh

# the mirror of Debian that this machine's apt uses
mirror()
{
	# shellcheck disable=SC2016	# apt expands these
	apt-get indextargets --format '$(REPO_URI) $(ORIGIN) $(CODENAME)' 'Created-By: Packages' |
		awk '$2 == "Debian" && $3 !~ /security/ { print $1; exit }' | grep .
}

# unstable OVERRIDE COMMAND...: runs it in $apt, a new directory, with APT_CONFIG set and the lists
# updated. OVERRIDE is what to set on a machine without a mirror.
unstable()
{
	override=$1
	shift
	apt=$work/tmp/apt
	mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
	from=$(mirror) || { echo "apt of this machine has no mirror of Debian: $override"; return 1; }
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $from unstable main" >"$apt/list"
	cat >"$apt/conf" <<-EOF
		Dir::Etc::sourcelist "$apt/list";
		Dir::Etc::sourceparts "-";
		Dir::State::lists "$apt/lists";
		Dir::Cache "$apt/cache";
		Acquire::Languages "none";
		Acquire::Retries "3";
		APT::Sandbox::User "root";
	EOF
	(
		cd "$apt" || exit 1
		APT_CONFIG=$apt/conf
		export APT_CONFIG
		apt-get -q update && "$@"
	)
}
