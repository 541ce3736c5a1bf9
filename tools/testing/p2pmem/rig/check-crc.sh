#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# check-crc.sh BUILT DISTRIBUTION: compare two Module.symvers files.
#
# The distribution's other modules can be loaded with our rebuilt ones only if each exported
# symbol has the same version as in the distribution. A new include that completes a structure
# is enough to change a version, even if no structure changes.

set -eu

awk -F '\t' -v built="$1" -v distribution="$2" '
function base(path) { sub(/.*\//, "", path); return path }

FILENAME == distribution { crc[$2] = $1; owner[$2] = base($3); versions += $1 !~ /^0x0+$/; next }

{
	module = base($3)
	rebuilt[module] = 1
	seen[$2] = 1
	exports++
	if (!($2 in crc))
		next
	if (owner[$2] != module)
		complain($2, "is exported by " module " and by the distribution in " owner[$2] \
			 ": give ours another name")
	else if (crc[$2] != $1)
		complain($2, "has CRC " $1 " in the rebuilt " module ", " crc[$2] " in the distribution: " \
			 "a header that a hook or our header includes completes a type that was incomplete; " \
			 "move that include into a file of its own (compare with genksyms -d)")
	else
		same++
}

function complain(symbol, text) { print "check-crc: " symbol " " text; bad++ }

END {
	for (symbol in crc)
		if (owner[symbol] in rebuilt && !(symbol in seen))
			complain(symbol, "of the distribution is missing in the rebuilt " owner[symbol] \
				 ": the graft or the build lost it")
	if (!exports) {
		print "check-crc: " built " has no exports: nothing was built"
		bad++
	}
	if (!bad && !versions)
		printf "check-crc: this kernel has no versions of symbols; of %d exports none is missing, %d are new\n", \
			same, exports - same
	else if (!bad)
		printf "check-crc: %d exports of the distribution unchanged, %d new\n", same, exports - same
	exit bad != 0
}' "$2" "$1"
