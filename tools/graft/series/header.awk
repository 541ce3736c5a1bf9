# SPDX-License-Identifier: GPL-2.0-only
#
# For series.sh: a private header without the sections of files that no patch has added yet.
#
#   awk -v dir=DIR -v ours=FILE -v files=FILE -v stubs=FILE -f header.awk HEADER
#
# ours: all files of p2pmem; files: those that exist by now; stubs: lines "PATH<tab>text"
#
# A section begins with "/* name.c */" and ends with an empty line. Until name.c exists, the
# section contains its stubs only, or is left out if there are none.

BEGIN {
	FS = "\t"
	while ((getline line < ours) > 0) our[line] = 1
	while ((getline line < files) > 0) there[line] = 1
	while ((getline line < stubs) > 0) {
		path = line
		sub(/\t.*/, "", path)
		sub(/^[^\t]*\t/, "", line)
		stub[path] = stub[path] line "\n"
	}
}

function comes_later(name) {
	return ((dir "/" name) in our) && !((dir "/" name) in there)
}

/^\/\* [a-z0-9-]+\.c \*\/$/ {
	name = $0
	gsub(/^\/\* | \*\/$/, "", name)
	if (comes_later(name)) {
		skip = 1
		if ((dir "/" name) in stub) {
			print
			printf "%s", stub[dir "/" name]
			print ""
		}
	}
}
!skip { print }
/^$/ { skip = 0 }
