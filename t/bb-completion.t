#!/bin/sh
test_title='completion of bb in bash'
. "$(dirname "$0")/lib/tap.sh"

BOT_BOTTLE_HOME=$PWD/home
export BOT_BOTTLE_HOME
umask 077
mkdir -p home/agents home/bottles home/state home/state/web-1 "home/state/\$(touch hit)" 'home/state/a b'
printf '%s\n' --- 'bottle: base' --- >home/agents/web.md
printf '%s\n' --- --- >home/bottles/base.md

# completes 'WORD WORD...' 'WANT': what the last of the words (which may end in a space) is completed to.
completes() {
	cat >ask.bash <<END
. "$BB_SOURCE/sh/completion/bb.bash"
COMP_WORDS=($1)
[[ '$1' == *' ' ]] && COMP_WORDS+=('')
COMP_CWORD=\$((\${#COMP_WORDS[@]} - 1))
_bb
printf '%s ' "\${COMPREPLY[@]}"
END
	is "$(bash ask.bash)" "$2" "'$1'"
}
completes 'bb li' 'list '
completes 'bb vers' 'version '
completes 'bb list s' 'snapshots '
completes 'bb start ' 'web '
completes 'bb start --bottle ' 'base '
completes 'bb start --color bright-m' 'bright-magenta '
completes 'bb start --dry' '--dry-run '
completes 'bb cleanup --y' '--yes '
completes 'bb logs ' 'web-1 '
completes 'bb help termi' ' '
completes 'bb help docum' 'documents '
completes 'bb nonsense ' ' '
check_status 1 'no name of a file was run' test -e hit
check_status 1 '... anywhere' test -e home/state/hit

done_testing
