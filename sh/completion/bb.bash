# Completion of bb for bash (and for zsh after "autoload -U bashcompinit && bashcompinit").
# Everything comes from bb itself, so that this does not have to know its commands.
# shellcheck shell=bash

# _bb_directories NAME: the names that are kept in a directory of the operator's home.
_bb_directories() {
	(cd "${BOT_BOTTLE_HOME:-$HOME/.bot-bottle}/$1" 2>/dev/null &&
		printf '%s\n' */ | sed -n 's,^\([A-Za-z0-9._-]*\)/$,\1,p')
}

# _bb_words: what may stand at the place that is completed, given the words before it.
_bb_words() {
	local command=$1 previous=$2
	case $previous in
	--bottle)
		bb parse list --json 2>/dev/null | bb json list 'bottles[].name' 2>/dev/null
		return
		;;
	--backend)
		echo native docker macos-container smolmachines
		return
		;;
	--color)
		echo {,bright-}{black,red,green,yellow,blue,magenta,cyan,white}
		return
		;;
	esac
	case $command in
	start | info | edit) bb parse list --json 2>/dev/null | bb json list 'agents[].name' 2>/dev/null ;;
	logs | audit | commit) _bb_directories state ;;
	resume) _bb_directories state; _bb_directories snapshots ;;
	list) echo active agents bottles snapshots ;;
	help) bb help --list 2>/dev/null ;;
	esac
}

_bb() {
	local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]} words
	if [ "$COMP_CWORD" -eq 1 ]; then
		words=$(bb --help 2>/dev/null | sed -n '/^commands:/,/^$/s/^  \([a-z]*\) .*/\1/p')
	elif [[ $word == -* ]]; then
		words=$(bb "$command" --help 2>/dev/null | grep -oE -e '--[a-z][a-z-]*' | sort -u)
	else
		words=$(_bb_words "$command" "$previous")
	fi
	COMPREPLY=()
	while IFS= read -r words; do
		COMPREPLY+=("$words")
	done < <(compgen -W "$words" -- "$word")
}

complete -F _bb bb
