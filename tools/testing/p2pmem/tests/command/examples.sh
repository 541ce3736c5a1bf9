# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# Runs the lines of standard input, one after the other, as page.sh calls it; a watch for some seconds. Fails
# at the first one that does, or that complains.
while IFS= read -r line; do
	status=0
	case $line in
	*--watch*)	line="timeout -s INT 3 $line" ;;
	esac
	sh -c "$line" </dev/null >out 2>err || status=$?
	case $line:$status in
	*:0 | *check*:3 | *" path "*:3 | timeout*:124) ;;
	*)	echo "$line: exit status $status"; cat out err; exit 1 ;;
	esac
	[ -s out ] || case $line in *" > "* | *" set "* | *" save" | *snapshot*) ;; *) echo "$line: says nothing"; exit 1 ;; esac
	[ ! -s err ] || { echo "$line: complains"; cat err; exit 1; }
done
