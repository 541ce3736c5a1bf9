#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# fast.sh BUILD [ARGUMENT...]: "make kunit-fast": run the suites that need no PCI device under UML
#
# UML runs the kernel as a program. The options are in drivers/pci/p2pdma/tests/uml.kunitconfig.
# Arguments go to "kunit.py run": 'p2pmem-parse*' chooses suites, --raw_output shows the log.

set -eu

[ $# -ge 1 ] || { echo "usage: $0 BUILD [ARGUMENT...]" >&2; exit 2; }
build=$1
shift
exec "$(dirname "$0")/kunitpy.sh" "$build" uml drivers/pci/p2pdma/tests/uml.kunitconfig --timeout=300 "$@"
