# SPDX-License-Identifier: GPL-2.0-only
#
# For series.sh: MAINTAINERS with the patterns of the files that exist by now.
#
#   awk -v title=TITLE -v ours=FILE -v files=FILE -f maintainers.awk MAINTAINERS
#
# ours: all files of p2pmem; files: those that exist by now
#
# A pattern of the entry TITLE is printed once all of its files exist. Before that its files
# are listed one by one, so that each patch adds the lines of its own files.

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

# sorted by byte values, as checkpatch requires
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
