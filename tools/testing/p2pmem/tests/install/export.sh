#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# How tools/packaging/nvmet-export reads its file: comments, blanks, a last line without an end. A directory
# is in the place of configfs; guest/nvmet-export.sh exports drives. Prints TAP.
#
# export.sh BUILD_DIR
set -eu

# shellcheck source=tools/testing/p2pmem/tests/host.sh
. "$(dirname "$0")/../host.sh"
nvmet=$work/nvmet

mkdir -p "$work/bin"
sed "s,^nvmet=.*,nvmet=$nvmet," "$top/tools/packaging/nvmet-export" >"$work/nvmet-export"
# directories come with others in them, as those of configfs
cat >"$work/bin/mkdir" <<END
#!/bin/sh
for d; do
	$(command -v mkdir) -p "\$d" "\$d/subsystems" "\$d/allowed_hosts"
done
END
printf '#!/bin/sh\nexit 0\n' >"$work/bin/modprobe"
# the memory is set by the command, which reads JSON
printf '#!/bin/sh\ncat >>%s/restored\n' "$work" >"$work/bin/p2pmem"
chmod +x "$work/bin"/* "$work/nvmet-export"

# exports WANTED: the file on standard input exports these subsystems, and nothing is wrong
exports()
{
	cat >"$work/conf"
	rm -rf "$nvmet" "$work/restored"
	mkdir -p "$nvmet/subsystems" "$nvmet/ports"
	env PATH="$work/bin:$PATH" NVMET_EXPORT_CONF="$work/conf" "$work/nvmet-export" start || return 1
	ls "$nvmet/subsystems"
	[ "$(cd "$nvmet/subsystems" && echo *)" = "$1" ]
}

# device_of NQN DEVICE: that subsystem exports this device
device_of()
{
	cat "$nvmet/subsystems/$1/namespaces/1/device_path"
	[ "$(cat "$nvmet/subsystems/$1/namespaces/1/device_path")" = "$2" ]
}

: >"$work/out"
printf 'a /dev/a 1 auto 10.0.0.1 any\nb /dev/b 1 auto 10.0.0.1 any\n' >"$work/in"
check "two lines" exports "a b" <"$work/in"
printf 'a /dev/a 1 auto 10.0.0.1 any\nb /dev/b 1 auto 10.0.0.1 any' >"$work/in"
check "the last one without an end" exports "a b" <"$work/in"
check "has its device" device_of b /dev/b
printf '# one\n\n  # two\n a /dev/a#1 1 auto 10.0.0.1 any # three\nb\t/dev/b 1 auto 10.0.0.1 any\t#four\n#five' >"$work/in"
check "comments" exports "a b" <"$work/in"
check "one begins with a field only" device_of a "/dev/a#1"
printf 'a /dev/a 1 auto 10.0.0.1 # any\n' >"$work/in"
exports a <"$work/in" >"$work/said" 2>&1 || :
check "a comment is no field" grep -q "six fields are needed: a /dev/a 1 auto 10.0.0.1" "$work/said"
printf 'a /dev/a 1 auto 10.0.0.1 any' >"$work/in"
check "one line without an end" exports a <"$work/in"
rm -rf "$nvmet"
echo "1..$n"
[ $failed = 0 ]
