# SPDX-License-Identifier: GPL-2.0-only
#
# For series.sh: a private header without what no patch has added yet.
#
#   awk -v dir=DIR -v ours=FILE -v files=FILE -v stubs=FILE -f header.awk HEADER
#
# ours: every file of ours; files: those that are there by now; stubs: lines "PATH<tab>text"
#
# The sections that begin with "/* name.c */" and end with an empty line grow. While name.c is
# not there, its stubs stand in that section; without any there is no section.

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
