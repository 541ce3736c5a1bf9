# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# complete.bash FILE WORD...: what bash would complete the last WORD to, one a line, after bash-completion's
# own functions (BASH_COMPLETION=file) if it is there
[ -z "${BASH_COMPLETION:-}" ] || . "$BASH_COMPLETION"
. "$1"
shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_POINT=${#COMP_LINE} COMP_TYPE=9
_p2pmem
printf '%s\n' "${COMPREPLY[@]}"
