# SPDX-License-Identifier: GPL-2.0-only
# Files: include/trace/events/p2pmem.h
#
# The source of a string is named where it is declared, and here once more where it is copied.
/^TRACE_EVENT\(/ { split("", source) }
match($0, /__string\([a-z_]+, .*\)[ \t]*$/) {
	text = substr($0, RSTART + 9, RLENGTH - 9)
	sub(/\)[ \t]*$/, "", text)
	name = text
	sub(/,.*/, "", name)
	sub(/[^,]*, */, "", text)
	source[name] = text
}
match($0, /__assign_str\([a-z_]+\);/) {
	name = substr($0, RSTART + 13, RLENGTH - 15)
	if (name in source)
		$0 = substr($0, 1, RSTART - 1) "__assign_str(" name ", " source[name] ");" substr($0, RSTART + RLENGTH)
}
{ print }
