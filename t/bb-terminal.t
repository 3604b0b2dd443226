#!/bin/sh
# shellcheck disable=SC2016 # scripts of front ends in quotes
test_title='what the front ends share: escaping, questions, options, places, the end'
. "$(dirname "$0")/lib/tap.sh"
. "$BB_SOURCE/t/lib/fronts.sh"

# front SCRIPT: make "bb try" of it.
front() {
	printf '%s\n' '#!/bin/sh' '# bb-try: for the test' 'set -eu' 'bb_name=bb-try' '. "${0%/*}/terminal.sh"' "$1" \
		>"$installation/libexec/bot-bottle/bb-try"
	chmod +x "$installation/libexec/bot-bottle/bb-try"
}

# --- escaping: the same as lib/escape.c, character by character ---

python3 -c '
import json
ranges = [(1, 0x3400), (0xA000, 0xA010), (0xD7F0, 0xD800), (0xE000, 0xE010), (0xF8F0, 0x10000),
          (0x1D100, 0x1D200), (0x1F600, 0x1F610), (0xDFFF0, 0xE1010), (0x10FFF0, 0x110000)]
text = "".join(chr(c) + "x" for a, b in ranges for c in range(a, b))
open("characters", "wb").write(text.encode())
open("characters.json", "w").write(json.dumps(text))'
"$BB_BUILD/t/lib/escape" <characters >by_c
jq -L "$installation/libexec/bot-bottle" -j 'include "safe"; safe' characters.json >by_jq
check 'safe.jq escapes what lib/escape.c does' cmp by_jq by_c
jq -L "$installation/libexec/bot-bottle" -j 'include "safe"; gsub("\\\\"; "") | shown' characters.json >shown_by_jq
tr -d '\134' <characters | "$BB_BUILD/t/lib/escape" >shown_by_c
check '... and so does "shown", but for the backslash' cmp shown_by_jq shown_by_c
is "$(printf '"a\\\\b"' | jq -L "$installation/libexec/bot-bottle" -r 'include "safe"; shown')" 'a\b' \
	'... which it leaves alone'

front 'say "$@"'
for text in 'plain text' "it's" 'a\b' "$(printf '\033[31m')" "$(printf 'line\nline')" 'ümlaut' \
	"$(printf '\342\200\256x')"; do
	bb try "$text" 2>err
	is "$(cat err)" "bb-try: $(printf %s "$text" | "$BB_BUILD/t/lib/escape")" "say '$(printf %s "$text" |
		"$BB_BUILD/t/lib/escape")'"
done
bb try "$(printf '\377\033[1m')" 2>err
unlike "$(sed 's/\xEF\xBF\xBD//g' err)" '[^ -~]' 'bytes that are no text do not reach the terminal either'
mkdir tools
for tool in cat tr sed; do
	ln -s "$(command -v $tool)" "tools/$tool"
done
front "PATH=$PWD/tools; say \"\$@\""
bb try "$(printf '\033[31m\303\274')" 2>err
is "$(cat err)" 'bb-try: ?[31m??' 'without jq less is shown, not more'

# --- statuses ---

front 'die "no $1"'
check_status 100 'die' bb try x
is "$(cat err)" 'bb-try: no x' '... says why'
front 'die_world "no $1"'
check_status 111 'die_world' bb try x
front 'usage_error "no $1"'
check_status 100 'usage_error' bb try x
is "$(cat err)" "bb-try: no x; try 'bb try --help'" '... points to the help'
front 'warn "no $1"'
check 'warn' bb try x
is "$(cat err)" 'bb-try: warning: no x' '... goes on'
front 'need sh no-such-program'
check_status 111 'need' bb try
is "$(cat err)" "bb-try: unable to find 'no-such-program'; please install it" '... names what is missing'

# --- questions ---

front 'if confirm "sure?"; then echo "<yes>"; else echo "<no>"; fi'
for answer in y Y yes YES; do
	on_terminal "$answer
" "$installation/bin/bb" try
	like "$(cat out)" '<yes>' "confirm: '$answer' is yes"
done
for answer in '' n N no Yes 'y ' yy; do
	on_terminal "$answer
" "$installation/bin/bb" try
	like "$(cat out)" '<no>' "confirm: '$answer' is no"
done
on_terminal "$(printf '\004')" "$installation/bin/bb" try
like "$(cat out)" '<no>' 'confirm: the end of the input is no'
on_terminal 'y
' "$installation/bin/bb" try '</dev/null >file 2>&1'
is "$(cat file)" '<yes>' 'confirm asks the terminal, wherever standard input and output go'
check_status 111 'without a terminal' setsid -w "$installation/bin/bb" try
is "$(cat err)" "bb-try: unable to ask 'sure? [y/N]': there is no terminal" '... that is said'
front 'ask "name? "; printf "<%s>\n" "$answer"'
on_terminal '  a\tb "$(id)" * 
' "$installation/bin/bb" try
like "$(cat out)" '<  a\\tb "\$\(id\)" \* >' 'ask takes the line as it is'

# --- options ---

front 'option_value "$@"; printf "%s %s\n" "$value" "$used"'
check 'a value after the option' bb try --x 'a b'
is "$(cat out)" 'a b 2' '... is two words'
check 'a value joined to the option' bb try '--x=a=b'
is "$(cat out)" 'a=b 1' '... is one'
check 'an empty value' bb try --x ''
is "$(cat out)" ' 2' '... is a value'
check_status 100 'no value' bb try --x
is "$(cat err)" "bb-try: option '--x' needs an argument; try 'bb try --help'" '... is an error'

# --- names ---

front 'is_identity "$1"'
for word in a web-1 1 a--b; do
	check "'$word' is an identity" bb try "$word"
done
for word in '' - -a a- a/b . .. A 'a b' "$(printf '%0129d' 0)"; do
	check_status 1 "'$word' is not" bb try "$word"
done
front 'find_home; printf "%s\n" "$home"'
check 'a home' env -u BOT_BOTTLE_HOME HOME=/h "$installation/bin/bb" try
is "$(cat out)" /h/.bot-bottle '... is below HOME'
check 'another' env BOT_BOTTLE_HOME=/b HOME=/h "$installation/bin/bb" try
is "$(cat out)" /b '... is what BOT_BOTTLE_HOME says'
front 'backends'
check 'no launcher' bb try
is "$(cat out)" '' '... no backend'
for name in native docker macos-container smolmachines other; do
	printf '#!/bin/sh\n' | stand_in "bb-launch-$name"
done
check 'launchers' bb try
is "$(tr '\n' ' ' <out)" 'macos-container native smolmachines docker ' \
	'... are listed by preference, unknown ones not at all'

# --- the end ---

front 'make_private
	at_end() { echo ended >>end; }
	printf "%s\n" "$private" >place
	stat -c %a "$private" >mode
	case $1 in
	exit) exit 7 ;;
	fail) false ;;
	*) kill -s "$1" $$ ;;
	esac'
for case in exit:7 fail:1 HUP:129 INT:130 TERM:143; do
	rm -f end
	check_status "${case#*:}" "the end by ${case%:*}" bb try "${case%:*}"
	is "$(cat end)" ended '... runs at_end once'
	check_status 1 '... and removes the private directory' test -e "$(cat place)"
	is "$(cat mode)" 700 '... which was private'
done
check_status 111 'no place for it' env TMPDIR="$PWD/nowhere" "$installation/bin/bb" try exit
like "$(cat err)" "^bb-try: unable to make a directory in '.*/nowhere'$" '... is said'

done_testing
