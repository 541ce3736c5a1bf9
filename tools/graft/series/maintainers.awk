# SPDX-License-Identifier: GPL-2.0-only
#
# For series.sh: MAINTAINERS with the patterns of those files that are there by now.
#
#   awk -v title=TITLE -v ours=FILE -v files=FILE -f maintainers.awk MAINTAINERS
#
# ours: every file of ours; files: those that are there by now
#
# A pattern of the entry TITLE stands when all of its files are there. Before that the
# files stand one by one, so that each patch brings the lines of what it adds.

BEGIN {
	while ((getline line < ours) > 0) our[line] = 1
	while ((getline line < files) > 0) there[line] = 1
}

function regex(pattern) {
	gsub(/[.+()\[\]{}^$|]/, "\\\\&", pattern)
	gsub(/\*/, "[^/]*", pattern)
	gsub(/\?/, "[^/]", pattern)
	return "^" pattern (pattern ~ /\/$/ ? "" : "$")
}

# in the order of bytes, as checkpatch wants it
function put(    i, j, swap) {
	for (i = 2; i <= n; i++)
		for (j = i; j > 1 && entries[j] < entries[j - 1]; j--) {
			swap = entries[j]
			entries[j] = entries[j - 1]
			entries[j - 1] = swap
		}
	for (i = 1; i <= n; i++)
		if (i == 1 || entries[i] != entries[i - 1])
			print "F:\t" entries[i]
	n = 0
}

$0 == title { entry = 1 }
entry && /^F:\t/ {
	pattern = substr($0, 4)
	re = regex(pattern)
	all = some = 0
	for (f in our)
		if (f ~ re) {
			all++
			if (f in there)
				some++
		}
	if (all == some && all)
		entries[++n] = pattern
	else
		for (f in there)
			if (f ~ re)
				entries[++n] = f
	next
}
entry && /^$/ { put(); entry = 0 }
{ print }
