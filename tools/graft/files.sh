#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# files.sh DIR...: print the names of our files below these directories of the project, one a line: those that git
# knows, or all where there is no repository or git refuses to read it (of another owner).

set -eu

cd "$(dirname "$0")/../.."
if git rev-parse --git-dir >/dev/null 2>&1; then
	names=$(git ls-files -- "$@")
else
	names=$(find "$@" -type f \( ! -name '.*' -o -name .kunitconfig \))
fi
[ -n "$names" ] || { echo "files: there is none below $*" >&2; exit 1; }
# a file that was removed and not committed yet
echo "$names" | LC_ALL=C sort | while read -r f; do
	[ ! -f "$f" ] || echo "$f"
done
