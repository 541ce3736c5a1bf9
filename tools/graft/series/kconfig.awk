# SPDX-License-Identifier: GPL-2.0-only
#
# For series.sh: a Kconfig file without the options that no patch has added yet.
#
#   awk -v symbols=FILE -v have=FILE -f kconfig.awk KCONFIG
#
# symbols: all options of p2pmem, one per line; have: those that exist by now

BEGIN {
	while ((getline line < symbols) > 0) ours[line] = 1
	while ((getline line < have) > 0) there[line] = 1
}
/^(menu)?config / { drop = ($2 in ours) && !($2 in there) }
/^(menu|endmenu|if|endif|choice|endchoice|source|comment)( |$)/ { drop = 0 }
drop { next }
# print blank lines only before text, so that none are left at the end
/^$/ { blank++; next }
{
	for (; blank > 0; blank--)
		print ""
	print
}
