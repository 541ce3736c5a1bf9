# SPDX-License-Identifier: GPL-2.0-only
#
# For series.sh: a Kconfig file without the options that no patch has added yet.
#
#   awk -v symbols=FILE -v have=FILE -f kconfig.awk KCONFIG
#
# symbols: every option of ours, one a line; have: those that are there by now

BEGIN {
	while ((getline line < symbols) > 0) ours[line] = 1
	while ((getline line < have) > 0) there[line] = 1
}
/^(menu)?config / { drop = ($2 in ours) && !($2 in there) }
/^(menu|endmenu|if|endif|choice|endchoice|source|comment)( |$)/ { drop = 0 }
drop { next }
# blank lines wait for the text after them: none are left at the end
/^$/ { blank++; next }
{
	for (; blank > 0; blank--)
		print ""
	print
}
