# SPDX-License-Identifier: GPL-2.0-only
#
# logscan.awk: read the kernel's log and print lines of
#   problem TEXT            a log line that no test may cause
#   allowed COUNT REGEX     an entry of the allow-list, and the number of problems it excused
# -v allow=FILE names the allow-list with one extended regular expression per line, written
# by the test with "allow REGEX". An entry that matches the begin of a splat excuses all of it.
# init passes only lines that contain one of logscan.words.

BEGIN {
	while ((getline line < allow) > 0)
		if (line != "" && !(line in count)) {
			entry[++entries] = line
			count[line] = 0
		}
	bad = "WARNING:|BUG[: ]|Oops|KASAN|UBSAN|general protection|unable to handle|possible recursive" \
	      "|possible circular|inconsistent lock|refcount_t|(^|[^a-z_])[Ll]eak(s|ed|ing)?([^a-z_]|$)" \
	      "|I/O tag .* timeout|I/O .* QID .* timeout|Call Trace:|blocked for more than|stall on CPU" \
	      "|detected stall|soft lockup|hard LOCKUP|list_(add|del) corruption|sleeping function" \
	      "|Unknown symbol|disagrees about version|invalid opcode|Bad page|Bad rss|double free|DMA-API:"
	good = "data leak possible|kmemleak: Kernel memory leak detector|DMA-API: (preallocated [0-9]+ debug entries|debugging enabled by)"
}

/cut here/	{ excused = 0 }
/end trace/	{ excused = 0 }

$0 ~ bad && $0 !~ good {
	text = $0
	sub(/^\[ *[0-9.]+\] */, "", text)
	for (i = 1; i <= entries; i++)
		if (text ~ entry[i]) {
			count[entry[i]]++
			excused = 1
			next
		}
	if (excused && text ~ /Call Trace:/)
		next
	if (++problems <= 20)
		print "problem " text
}

END {
	for (i = 1; i <= entries; i++)
		print "allowed " count[entry[i]] " " entry[i]
	if (problems > 20)
		print "problem and " problems - 20 " more lines"
}
