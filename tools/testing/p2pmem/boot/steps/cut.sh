# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
# Installs the packages while each command that changes a directory in use reports itself first, so that the
# test can cut the power there. "command" has what is run.
. ./lib.sh
plan 0

mkdir bin
for c in mv sync depmod update-initramfs rm; do
	cat >bin/$c <<-END
		#!/bin/sh
		echo "data before $c \$*" >/dev/ttyS1
		exec $(command -v $c) "\$@"
	END
	chmod +x bin/$c
done
say "data begin"
PATH=$PWD/bin:$PATH sh -x ./command
say "data done"
# written out by the kernel, not by an orderly end
sleep 600
