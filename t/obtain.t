#!/bin/sh
test_title='secrets: from host variables and from the terminal, which is left as it was'
# shellcheck source=t/lib/tap.sh
. "$(dirname "$0")/lib/tap.sh"

obtain=$BB_BUILD/t/lib/obtain

# at_terminal SCRIPT COMMAND...: a person at a terminal does what SCRIPT says; shown is what they saw.
at_terminal() {
	printf '%s\n' "$1" >script
	shift
	python3 "$BB_SOURCE/t/lib/terminal.py" script "$@" >shown 2>err
}

# --- host variables ---

export ONE=first TWO='two
lines' EMPTY=
echo '[{"name":"token:a","source":"host","host":"ONE"},{"name":"env:B","source":"host","host":"TWO"},
	{"name":"env:C","source":"host","host":"EMPTY"}]' >list
check_status 0 'three variables are obtained' sh -c "'$obtain' <list"
is "$(cat out)" '7:token:a,5:first,5:env:B,9:two
lines,5:env:C,0:,' 'with every byte, the empty one too'
echo '[{"name":"token:a","source":"host","host":"ABSENT"},{"name":"env:P","source":"prompt","prompt":"PIN"}]' >list
check_status 100 'a variable that is not set is refused before anyone is asked' setsid sh -c "'$obtain' <list"
is "$(cat err)" "bot-bottle: the host variable 'ABSENT' is not set, and the secret 'token:a' needs it" 'by name'
echo '[{"name":"a","source":"random","random":"30"}]' >list
check_status 0 'a value is made up' sh -c "'$obtain' <list"
like "$(cat out)" '^1:a,40:[A-Za-z0-9+/]{40},$' '... of thirty bytes in base64'
cp out first
check_status 0 'again' sh -c "'$obtain' <list"
check_status 1 '... another one' cmp -s first out
for count in 0 65 x ''; do
	echo '[{"name":"a","source":"random","random":"'"$count"'"}]' >list
	check_status 100 "not of '$count' bytes" sh -c "'$obtain' <list"
done
echo '[{"name":"a","source":"file"}]' >list
check_status 100 'an unknown source is refused' sh -c "'$obtain' <list"
echo '[{"name":"a","source":"host","host":"ONE","x":1}]' >list
check_status 100 'an unknown key is refused' sh -c "'$obtain' <list"
echo '[{"name":"a","source":"host","host":"ONE"},{"name":"a","source":"host","host":"ONE"}]' >list
check_status 100 'one name twice is refused' sh -c "'$obtain' <list"
unlike "$(cat err)" first 'without its value'

# --- the terminal ---

echo '[{"name":"env:P","source":"prompt","prompt":"PIN of \u001b]0;x\u0007the card"},{"name":"env:Q","source":"prompt","prompt":""}]' >list
at_terminal 'expect PIN of \\x1B\]0;x\\x07the card: $
echo off
send hunter2\n
expect Q: $
echo off
send correct horse \xc3\xa9\n' sh -c "'$obtain' <list >got; stty -a | grep -o -w -e echo -e -echo >after"
is "$? $(cat err)" '0 ' 'two answers are typed'
is "$(cat got)" '5:env:P,7:hunter2,5:env:Q,16:correct horse é,' 'and obtained'
unlike "$(cat shown)" 'hunter2|horse' 'the terminal did not show them'
is "$(cat after)" echo 'and echoes again afterwards'

echo '[{"name":"env:P","source":"prompt","prompt":"PIN"}]' >list
at_terminal 'expect PIN: $
send \n' sh -c "'$obtain' <list 2>&1"
is $? 100 'an empty answer is refused'
like "$(cat shown)" "unable to obtain the secret 'env:P': the answer is empty" 'by name'
at_terminal 'expect PIN: $
send \x04' sh -c "'$obtain' <list 2>&1"
is $? 100 'so is an end of input'
long=$(printf '%04090d' 0)
at_terminal "expect PIN: \$
send ${long}123\\n" sh -c "'$obtain' <list >got 2>&1"
is "$? $(wc -c <got)" "0 $((8 + 5 + 4093 + 1))" 'a line of 4,093 bytes is obtained'
at_terminal "expect PIN: \$
send ${long}12345678\\n" sh -c "'$obtain' <list 2>&1"
is $? 100 'one that the terminal would cut is refused'
like "$(cat shown)" 'longer than a terminal line \(4094 bytes\)' 'by the limit'

# interrupted NAME KEY STATUS: the key ends the program and the terminal echoes again.
interrupted() {
	at_terminal "expect PIN: \$
echo off
send half$2
expect ended
echo on
send x\\n" sh -c "trap : INT QUIT; ulimit -c 0; (trap - INT QUIT; exec '$obtain' <list); s=\$?; stty -a | grep -o -w -e -echo; echo ended; read x; exit \$s"
	is "$?" "$3" "$1: the program died of the signal"
	is "$(cat err)" '' "$1: the terminal echoes again"
	unlike "$(cat shown)" half "$1: nothing was shown"
}
interrupted 'interrupt' '\x03' 130
interrupted 'quit' '\x1c' 131

# Stopped and continued, in a shell with job control.
at_terminal "expect [#\$] \$
send $obtain <list >got\\n
expect PIN: \$
echo off
send wrong\\x1a
expect Stopped
echo on
send fg\\n
expect PIN: \$
echo off
send right\\n
expect [#\$] \$
echo on
send exit\\n" bash --norc --noediting -i
is "$? $(cat err)" '0 ' 'stopped, the terminal echoes; continued, the question is asked again'
is "$(cat got)" '5:env:P,5:right,' 'and the half answer is forgotten'
unlike "$(cat shown)" 'wrong|right' 'neither was shown'

at_terminal 'expect PIN: $
hangup' sh -c "'$obtain' <list >got 2>&1; echo \$? >status"
is "$(test -e status && cat status || echo killed)" killed 'without its terminal everything ends'
unlike "$(cat got)" '^[0-9]+:env:P' 'and nothing was obtained'

check_status 111 'without a terminal there is no question' setsid sh -c "'$obtain' <list"
like "$(cat err)" "unable to obtain the secret 'env:P': there is no terminal to ask on" 'and the error says so'

done_testing
