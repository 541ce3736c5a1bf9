# SPDX-License-Identifier: GPL-2.0-only
# complete.zsh DIRECTORY: reads command lines, one each, and prints what an interactive zsh makes of each at the
# key Tab, between < and >. DIRECTORY has the completion.
zmodload zsh/zpty || exit 1
zpty shell TERM=dumb PS1= zsh -f -i || exit 1

# until TEXT comes; what came is in $reply
await()
{
	reply=
	local part
	repeat 400; do
		if zpty -r -t shell part; then
			reply+=$part
			[[ $reply != *$1* ]] || return 0
		else
			sleep 0.02
		fi
	done
	return 1
}

zpty -w shell "unsetopt zle_bracketed_paste prompt_cr prompt_sp; fpath=($1 \$fpath); autoload -Uz compinit; compinit -u -D"
zpty -w shell 'zstyle ":completion:*" list-prompt ""; LISTMAX=10000; setopt no_list_beep; stty -echo'
# Tab completes; Ctrl-Y says what the line is, and begins another one
zpty -w shell 'say() { print -rn -- "<$BUFFER>"; BUFFER=; zle .redisplay }; zle -N say; bindkey "^Y" say; bindkey "^I" expand-or-complete'
zpty -w shell 'print ready$((40 + 2))'
await ready42 || exit 1
while IFS= read -r line; do
	zpty -wn shell "$line"$'\t\x19'
	await '>' || exit 1
	print -r -- "${${reply##*<}%%>*}"
done
