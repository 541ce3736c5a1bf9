# SPDX-License-Identifier: GPL-2.0-only
#
# For series.sh: a Makefile without the objects and options that no patch has added yet.
#
#   awk -v dir=DIR -v ours=FILE -v files=FILE -v symbols=FILE -v have=FILE -f makefile.awk MAKEFILE
#
# ours: all files of p2pmem; files: those that exist by now; symbols, have: the same for options
#
# An object is removed if its source is a file of p2pmem that does not exist yet, or if it is
# composite and none of its parts exists. A line is removed if it has no object left, or uses an
# option that does not exist yet. All other lines are not changed.

BEGIN {
	while ((getline line < ours) > 0) our[line] = 1
	while ((getline line < files) > 0) there[line] = 1
	while ((getline line < symbols) > 0) option[line] = 1
	while ((getline line < have) > 0) known[line] = 1
}

# joins continued lines, and keeps the original ones in verbatim[]
{
	raw = raw == "" ? $0 : raw "\n" $0
	logical = logical $0
	if (sub(/\\$/, " ", logical))
		next
	text[++n] = logical
	verbatim[n] = raw
	logical = raw = ""
}

function unknown_option(s,    name) {
	while (match(s, /CONFIG_[A-Z0-9_]+/)) {
		name = substr(s, RSTART + 7, RLENGTH - 7)
		if ((name in option) && !(name in known))
			return 1
		s = substr(s, RSTART + RLENGTH)
	}
	return 0
}

function missing(object,    source, base) {
	base = object
	sub(/\.o$/, "", base)
	source = dir "/" base ".c"
	if (source in our)
		return !(source in there)
	return (base in parts) && !(base in left)
}

# the line with existing objects only, wrapped if it is too long
function shorten(i,    words, count, k, out, line, kept) {
	match(text[i], /^[^:+=]*[:+]=[ \t]*/)
	line = substr(text[i], 1, RLENGTH)
	count = split(substr(text[i], RLENGTH + 1), words, /[ \t]+/)
	out = ""
	kept = 0
	for (k = 1; k <= count; k++) {
		if (words[k] == "" || (words[k] ~ /\.o$/ && missing(words[k])))
			continue
		if (kept && length(line) + length(words[k]) > 76) {
			out = out line " \\\n"
			line = "\t\t   " words[k]
		} else {
			line = line (kept ? " " : "") words[k]
		}
		kept++
	}
	return kept ? out line : ""
}

function has_missing(s,    words, count, k) {
	count = split(s, words, /[ \t]+/)
	for (k = 1; k <= count; k++)
		if (words[k] ~ /\.o$/ && missing(words[k]))
			return 1
	return 0
}

END {
	# composite objects
	for (i = 1; i <= n; i++) {
		if (text[i] !~ /^[A-Za-z0-9_-]+-(y|objs|\$\([^=]*\))[ \t]*[:+]=/)
			continue
		base = text[i]
		sub(/-(y|objs|\$\([^=]*\))[ \t]*[:+]=.*/, "", base)
		if (base == "obj")
			continue
		parts[base] = 1
		if (!unknown_option(text[i]) && shorten(i) != "")
			left[base] = 1
	}
	for (i = 1; i <= n; i++) {
		out = verbatim[i]
		if (text[i] ~ /^[A-Za-z0-9_.-]+(\$\([^=]*\))?[ \t]*[:+]=/) {
			if (unknown_option(text[i]))
				out = ""
			else if (has_missing(text[i]))
				out = shorten(i)
			if (out == "") {
				gone = 1
				continue
			}
		}
		if (out == "" && (gone && last == "")) {
			continue
		}
		lines[++m] = out
		last = out
		if (out != "")
			gone = 0
	}
	while (m && gone && lines[m] == "")
		m--
	for (i = 1; i <= m; i++)
		print lines[i]
}
