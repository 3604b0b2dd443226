#!/bin/sh
# shellcheck disable=SC2016,SC2317 # scripts for others in quotes; functions that wait_for calls
test_title='bb-sidecar: readiness, what reaches whom, deaths and restarts, signals, output, the end'
. "$(dirname "$0")/lib/tap.sh"

# daemon NAME SCRIPT [JSON]: print one entry of a document: sh -c SCRIPT, with further members.
daemon() {
	jq -cn --arg name "$1" --arg script "$2" \
		"{name: \$name, program: \"/bin/sh\", args: [\"-c\", \$script, \$name]} * (${3:-{\}})
		| .args += (.more // []) | del(.more)"
}

# document ENTRY...: write them as document.json
document() {
	printf '%s\n' "$@" | jq -cs '{kind: "sidecar", v: 1, daemons: .}' >document.json
}

# start OPTION...: run bb-sidecar on document.json and secrets; returns when ready, fails when it ended instead.
# Its output is in ./log and ./errors, its pid in $sidecar, its directory is ./dir.
start() {
	rm -rf dir log errors
	bb-sidecar --document 3 --secrets 4 --dir dir --grace 5 "$@" \
		3<document.json 4<secrets >log 2>errors </dev/null &
	sidecar=$!
	at_exit "kill -9 $sidecar"
	wait_for_ready
}
wait_for_ready() {
	wait_for sh -c "grep -q '\"event\":\"ready\"}' log || ! kill -0 $sidecar"
	grep -q '"event":"ready"}' log
}

# stop SIGNAL: end it; $? is its status.
stop() {
	kill -s "$1" "$sidecar"
	wait "$sidecar"
}

# runs PID: true while it runs; one that only waits for being reaped by whoever does that here does not.
runs() {
	grep -q '^State:.[^ZX]' "/proc/$1/status" 2>/dev/null || return 1
}

# pid_of NAME: of a daemon, as the sidecar says.
pid_of() {
	bb-sidecar health --dir dir | jq -r --arg name "$1" '.daemons[] | select(.name == $name).pid // empty'
}
state_is() {
	[ "$(bb-sidecar health --dir dir | jq -r --arg name "$1" '.daemons[] | select(.name == $name).state')" = "$2" ]
}

# The ready descriptor is the last of those from 3 on; scripts get it as an argument.
ready='{more: ["{ready}"]}'
sleeper='echo >&"$1"; exec sleep 1000'
printf '7:token:a,5:alpha,7:token:b,4:beta,' >secrets

# --- readiness ---

document "$(daemon slow 'printf + >&"$1"; read -r go <../../gate; echo >&"$1"; exec sleep 1000' "$ready")" \
	"$(daemon fast "$sleeper" "$ready")"
mkfifo gate
rm -rf dir && mkfifo ready
bb-sidecar --document 3 --dir dir --ready 5 3<document.json 5>ready >log 2>errors &
sidecar=$!
at_exit "kill -9 $sidecar"
exec 6<ready
wait_for state_is fast ready
check 'a fast daemon is ready' state_is fast ready
check 'a slow one is starting' state_is slow starting
check_status 1 'health says no while one is starting' bb-sidecar health --dir dir
is "$(jq -r '.kind, .v, .ready' out | tr '\n' ' ')" 'health 1 false ' '... in a document'
is "$(dd bs=1 count=1 <&6 2>/dev/null)" '+' 'that its files are there is passed on while it is starting'
echo go >gate
is "$(od -An -c <&6 | tr -d ' ')" '\n' 'the ready descriptor gets exactly one newline, then its end'
exec 6<&-
check 'health says yes when all are ready' bb-sidecar health --dir dir
is "$(jq -c '[.daemons[] | .name, .state, .restarts, (.pid | type)]' out)" \
	'["slow","ready",0,"number","fast","ready",0,"number"]' \
	'... and how each is'
check_status 111 'a second sidecar in the same directory' sh -c 'bb-sidecar --document 3 --dir dir 3<document.json'
like "$(cat err)" "another sidecar runs in 'dir'" '... is refused'
kill -TERM "$sidecar"
wait "$sidecar"
is "$?" 0 'TERM ends it with the status of its daemons, their death by our TERM being none'
check_status 1 'and nothing of it is left in its directory but the daemons'\'' own' test -e dir/health.sock
check_status 111 'asking one that does not run' bb-sidecar health --dir dir
check_status 111 'asking in a directory that is not there' bb-sidecar health --dir nowhere

# --- a start that fails, fails as a whole ---

document "$(daemon good "$sleeper" "$ready")" "$(daemon bad 'exit 100' "$ready")"
start
wait "$sidecar"
is "$?" 100 'a daemon that ends before it is ready ends the start with its status'
like "$(cat errors)" "^\[sidecar\] 'bad' ended with status 100 before it was ready; the start is given up$" \
	'... which is said'
document "$(daemon good "$sleeper" "$ready")" "$(daemon quitter 'exit 0' "$ready")"
start
wait "$sidecar"
is "$?" 111 'one that ends with 0 is no success either'
document "$(daemon good "$sleeper" "$ready")" "$(daemon gone x | jq -c '.program = "/nonexistent/daemon"')"
start
wait "$sidecar"
is "$?" 127 'a program that is missing'
like "$(cat errors)" "^\[sidecar\] unable to start 'gone': unable to run '/nonexistent/daemon': No such file" \
	'... is named'
: >plain && document "$(daemon gone x | jq -c --arg p "$PWD/plain" '.program = $p')"
start
wait "$sidecar"
is "$?" 126 'a program that cannot be run'
document "$(daemon gone x | jq -c '.program = "bb-no-such-daemon"')"
cp /bin/true bb-no-such-daemon
PATH=$PWD:$PATH start
wait "$sidecar"
is "$?" 127 'a program is not looked for in PATH'
like "$(cat errors)" "unable to run '$BB_BUILD/bin/bb-no-such-daemon'" '... but beside bb-sidecar'
document "$(daemon late 'exec sleep 1000' "$ready")"
start --ready-within 1
wait "$sidecar"
is "$?" 111 'a daemon that is not ready in time'
like "$(cat errors)" "^\[sidecar\] 'late' is not ready after 1000 ms and is killed$" '... is killed'
document "$(daemon one "$sleeper" "$ready")" "$(daemon two 'exit 3')"
rm -rf dir
BOT_BOTTLE_SIDECAR_DAEMONS=one start
is "$?" 0 'a daemon that is not in BOT_BOTTLE_SIDECAR_DAEMONS is not started'
is "$(bb-sidecar health --dir dir | jq -c '[.daemons[].name]')" '["one"]' '... and not counted'
stop TERM

# --- what reaches whom ---

probe='env >environ; cat "/proc/self/fd/$2" >secrets; tr "\0" "\n" <"/proc/$$/cmdline" >cmdline
	pwd >where; cat f >copy; echo >&"$1"; exec sleep 1000'
members='{more: ["{ready}", "{secrets}", "{dir}"], files: [{path: "f", mode: "0644", content: "content\n"}, {path: "g", content: ""}]}'
document "$(daemon a "$probe" "$members * {secrets: [\"token:a\"], env: [\"WANTED\", \"NOT_SET\"]}")" \
	"$(daemon b "$probe" "$members * {secrets: [\"token:b\"]}")"
TOKEN_OF_THE_HOST=hostage WANTED=wanted start
is "$?" 0 'two daemons with a secret each'
is "$(cat dir/a/secrets)" '7:token:a,5:alpha,' 'one gets its secret'
is "$(cat dir/b/secrets)" '7:token:b,4:beta,' 'the other its own'
unlike "$(cat dir/a/environ dir/b/environ)" 'hostage|alpha|beta' \
	"neither the host's environment nor a secret is in theirs"
like "$(cat dir/a/environ)" '^WANTED=wanted$' 'a variable that the document lists is'
unlike "$(cat dir/b/environ)" '^WANTED=' '... for that daemon only'
unlike "$(cat dir/a/cmdline dir/b/cmdline)" 'alpha|beta' 'no secret is in an argument'
like "$(cat dir/a/cmdline)" "^$PWD/dir/a$" 'the directory of the daemon is'
is "$(cat dir/a/where)" "$PWD/dir/a" '... and its working directory'
is "$(cat dir/a/copy)" content 'files are there before the start'
is "$(stat -c '%a %n' dir dir/a dir/a/f dir/a/g | tr '\n' ' ')" '700 dir 700 dir/a 644 dir/a/f 600 dir/a/g ' \
	'with their modes'
wait_for sh -c "grep -qx sleep /proc/$(pid_of a)/comm"
ls -l "/proc/$(pid_of a)/fd" >fds
is "$(grep -c ' -> ' fds)" 5 'a daemon has its descriptors'
is "$(sed -n 's/.* \([0-9]*\) -> .*/\1/p' fds | sort -n | tr '\n' ' ')" '0 1 2 3 4 ' '... and no others'
like "$(cat fds)" ' 0 -> /dev/null$' '... and nothing to read'
if [ "$(id -u)" -eq 0 ]; then
	is "$(tr '\0' '\n' <"/proc/$sidecar/environ" | grep -c alpha)" 0 \
		'no secret is in the environment of the sidecar'
fi
is "$(ps -o args= -p "$sidecar" | grep -c alpha)" 0 '... nor in its arguments'
is "$(grep -rl -e alpha -e beta dir log errors | sort | tr '\n' ' ')" 'dir/a/secrets dir/b/secrets ' \
	'... nor in any file that the daemons did not write themselves'
is "$(awk '/^NoNewPrivs/ { print $2 }' "/proc/$sidecar/status")" 1 'the sidecar cannot gain privileges'
is "$(awk '/core file/ { print $5, $6 }' "/proc/$sidecar/limits")" '0 0' '... or dump core'
if [ "$(id -u)" -ne 0 ]; then
	check_status 1 '... and its memory is not for others of its user' test -r "/proc/$sidecar/mem"
fi
stop TERM

# --- a death, and what survives it ---

life='n=$(cat count 2>/dev/null || echo 0); n=$((n + 1)); echo $n >count
	cat "/proc/self/fd/$3" >kept.$n; [ $n -gt 1 ] || printf key >"/proc/self/fd/$3"
	cat "/proc/self/fd/$2" >secrets.$n; cat f >f.$n; echo changed >f
	sleep 1000 & echo $! >child; echo >&"$1"; wait'
document "$(daemon a "$life" '{more: ["{ready}", "{secrets}", "{keep:ca}"], keep: ["ca"], secrets: ["token:a"],
	files: [{path: "f", content: "first\n"}]}')" "$(daemon b "$sleeper" "$ready")"
start
is "$?" 0 'a daemon that keeps something'
first=$(pid_of a)
other=$(pid_of b)
child=$(cat dir/a/child)
kill -9 "$first"
wait_for test -s dir/a/f.2
wait_for state_is a ready
check 'a daemon that was killed is started again and becomes ready' state_is a ready
second=$(pid_of a)
check_status 1 '... as another process' test "$first" = "$second"
is "$(pid_of b)" "$other" '... while the other daemon stays as it is'
check_status 1 'what the first life had started is gone' runs "$child"
is "$(cat dir/a/kept.1)$(cat dir/a/kept.2)" key 'the memory file is kept, and rewound'
is "$(cat dir/a/secrets.2)" '7:token:a,5:alpha,' 'the secrets are there again'
is "$(cat dir/a/f.1 dir/a/f.2 | tr '\n' ' ')" 'first changed ' 'a file that changed is not put back'
like "$(cat errors)" "^\[sidecar\] 'a' was killed by signal 9; .* is refused; next start in [0-9]+ ms$" \
	'the operator reads what happened'
like "$(cat errors)" "^\[sidecar\] 'a' is ready again$" '... and that it is over'
is "$(sed -n 's/^\[sidecar\] //p' log | jq -r 'select(.event == "died") | "\(.daemon) \(.status) \(.again_in_ms <= 100)"')" \
	'a 137 true' '... and the log has it as JSON'
is "$(bb-sidecar health --dir dir | jq -c '.daemons[0] | [.restarts, .last_status]')" '[1,137]' '... and health, too'
stop TERM
is "$?" 0 'the last lives of the daemons make the status, not the earlier ones'

# --- back-off ---

document "$(daemon a 'if [ -e ready ]; then date +%s%N >>starts; exit 7; fi; : >ready; echo >&"$1"; read -r go <../../gate; exit 7' "$ready")"
start
echo go >gate
wait_for sh -c '[ "$(grep -c "\"died\"" log)" -ge 5 ]'
is "$(sed -n 's/^\[sidecar\] //p' log | jq -r 'select(.event == "died") | .again_in_ms / 100 | ceil' | head -n 5 |
	tr '\n' ' ')" '1 2 4 8 16 ' \
	'each start waits twice as long as the one before'
like "$(grep refusing log | head -n 1)" '"daemon":"a"' 'a daemon that is down for long is said to refuse'
stop INT
is "$?" 7 'INT ends it, too, while a daemon waits'

# --- signals ---

reloader='trap "echo hup >>hups" HUP; echo >&"$1"; while :; do sleep 1000 & wait $!; done'
document "$(daemon a "$reloader" "$ready * {reload: true}")" "$(daemon b "$reloader" "$ready")"
start
kill -HUP "$sidecar"
wait_for test -s dir/a/hups
is "$(cat dir/a/hups)" hup 'HUP reaches the daemon that wants it'
check_status 1 '... and no other' test -e dir/b/hups
kill -9 "$(pid_of a)"
wait_for grep -q 'ready again' errors
kill -HUP "$sidecar"
wait_for sh -c '[ "$(grep -c hup dir/a/hups)" -eq 2 ]'
is "$(grep -c hup dir/a/hups)" 2 '... also in its second life'
stop TERM
is "$?" 0 'a death by our own TERM is none'

document "$(daemon a 'trap "echo hup >hups" HUP; if [ -e once ]; then : >starting; read -r go <../../gate; else : >once; fi
	echo >&"$1"; while :; do sleep 1000 & wait $!; done' "$ready * {reload: true}")"
start
kill -9 "$(pid_of a)"
wait_for test -e dir/a/starting
kill -HUP "$sidecar"
wait_for grep -q '"reload"' log
check_status 1 'HUP does not reach a daemon that is starting' test -e dir/a/hups
echo go >gate
wait_for test -e dir/a/hups
check '... but comes when it is ready' test -e dir/a/hups
stop TERM

document "$(daemon stubborn 'trap "echo asked >asked" TERM; sleep 1000 & echo $! >child; echo >&"$1"; while :; do wait; done' "$ready")" \
	"$(daemon polite 'trap "exit 5" TERM; echo >&"$1"; while :; do sleep 1000 & wait $!; done' "$ready")"
start --grace 1
child=$(cat dir/stubborn/child)
before=$(date +%s%N)
stop TERM
is "$?" 137 'a daemon that does not end is killed after the grace'
took=$((($(date +%s%N) - before) / 1000000))
check "... not before ($took ms)" test "$took" -ge 1000
check '... and not much later' test "$took" -lt 4000
check '... after it was asked' test -s dir/stubborn/asked
check_status 1 '... with what it had started' runs "$child"
like "$(cat log)" '"event":"kill","daemon":"stubborn"' '... which the log says'
unlike "$(cat log)" '"event":"kill","daemon":"polite"' '... of that one only'

# --- the lifeline ---

document "$(daemon a "$sleeper" "$ready")"
mkfifo line
rm -rf dir log
bb-sidecar --document 3 --dir dir --lifeline 6 3<document.json 6<line >log 2>errors </dev/null &
sidecar=$!
at_exit "kill -9 $sidecar"
exec 7>line
wait_for_ready
echo bytes mean nothing >&7
check 'a lifeline that is held keeps it running' bb-sidecar health --dir dir
exec 7>&-
wait "$sidecar"
is "$?" 0 'the end of the lifeline ends it'
like "$(cat log)" '"event":"stop","reason":"lifeline"' '... and is named as the reason'

# --- output ---

document "$(daemon a 'printf "\173\"a\":\"\\\\n\"\175\nsecond\npart"; printf "\033[31mred\a\\\\\n" >&2; printf " end\n"; printf "tail" >&2
	echo >&"$1"; exec sleep 1000' "$ready")" \
	"$(daemon b 'head -c 1400000 /dev/zero | tr "\0" x; echo; printf "raw\001\n"; echo done; echo >&"$1"; exec sleep 1000' "$ready")"
start
wait_for grep -q '^\[b\] done$' log
stop TERM
is "$(grep '^\[a\]' log)" "$(printf '%s\n' '[a] {"a":"\n"}' '[a] second' '[a] part end')" \
	'lines get a prefix; JSON is passed on as it is'
# shellcheck disable=SC1003
is "$(grep '^\[a\]' errors)" "$(printf '%s\n' '[a] \x1B[31mred\x07\\' '[a] tail')" \
	'text is escaped, and a last line without its newline is not lost'
is "$(grep '^\[b\]' log | cut -c 1-8 | tr '\n' ' ')" '[b] xxxx [b] ...  [b] ...  [b] raw\ [b] done ' \
	'an over-long line is split and marked'
is "$(grep '^\[b\]' log | sed -n 's/^\[b\] //; s/^\.\.\. //; s/ \.\.\.$//; /^x*$/p' | tr -d '\n' | wc -c)" 1400000 \
	'... and nothing of it is lost'
like "$(cat log)" '^\[b\] raw\\u0001$' 'a raw control byte becomes the escape that JSON has for it'

# A reader that does not read: the daemon waits, the sidecar does not.
document "$(daemon a 'echo >&"$1"; i=0; while [ $i -lt 4000 ]; do echo "$i 0123456789012345678901234567890123456789012345678901234567890"; i=$((i+1)); done
	: >written; exec sleep 1000' "$ready")"
rm -rf dir
mkfifo pipe
bb-sidecar --document 3 --dir dir --grace 1 3<document.json >pipe 2>errors </dev/null &
sidecar=$!
at_exit "kill -9 $sidecar"
exec 8<pipe
wait_for state_is a ready
check 'with a reader that does not read, health is answered' bb-sidecar health --dir dir
check_status 1 '... and the daemon is held back' test -e dir/a/written
cat <&8 >log &
reader=$!
exec 8<&-
wait_for test -e dir/a/written
check '... until the reader reads' test -e dir/a/written
stop TERM
wait "$reader"
is "$(grep -c '^\[a\] [0-9]* 0123' log)" 4000 '... and no line is lost'
bb-sidecar --document 3 --dir dir 3<document.json >/dev/full 2>errors </dev/null &
sidecar=$!
at_exit "kill -9 $sidecar"
wait_for state_is a ready
check 'a full disk does not end it' state_is a ready
stop TERM

# --- the end of the sidecar itself ---

document "$(daemon a 'echo $$ >pid; echo >&"$1"; exec sleep 1000' "$ready")"
start
a=$(pid_of a)
kill -9 "$sidecar"
wait "$sidecar"
is "$?" 137 'the sidecar is killed'
wait_for sh -c "! grep -q '^State:.[^ZX]' /proc/$a/status"
check_status 1 'its daemons die with it' runs "$a"
start
is "$?" 0 'the next one starts in the same directory'
stop TERM

# As process 1 of a pid namespace, as in a container.
document "$(daemon a '(sleep 1000 & exec setsid sleep 1001) & sh -c "sleep 0 & exec sleep 0"; echo >&"$1"; exec sleep 1000' "$ready")"
rm -rf dir log
unshare -r --pid --fork --mount-proc --kill-child bb-sidecar --document 3 --secrets 4 --dir dir --grace 5 \
	3<document.json 4<secrets >log 2>errors </dev/null &
outer=$!
at_exit "kill -9 $outer"
sidecar=$outer
wait_for_ready
inner=$(pgrep -P "$outer")
is "$(awk '/^NSpid/ { print $NF }' "/proc/$inner/status")" 1 'as process 1'
namespace=$(stat -L -c %i "/proc/$inner/ns/pid")
in_namespace() {
	for p in /proc/[0-9]*; do
		[ "$(stat -L -c %i "$p/ns/pid" 2>/dev/null)" = "$namespace" ] && printf '%s\n' "${p#/proc/}"
	done
}
zombies() {
	for p in $(in_namespace); do
		grep -q '^State:.Z' "/proc/$p/status" 2>/dev/null && return 0
	done
	return 1
}
wait_for sh -c "pgrep -f 'sleep 1001'"
check_status 1 'orphans are reaped' zombies
check_status 0 'orphans that run are left alone' test "$(in_namespace | wc -l)" -ge 4
kill -TERM "$inner"
wait "$outer"
is "$?" 0 'TERM ends it'
is "$(in_namespace)" '' '... with the orphans'

rm -f log
unshare -r --pid --fork --mount-proc --kill-child bb-sidecar --document 3 --secrets 4 --dir dir \
	3<document.json 4<secrets >log 2>errors </dev/null &
outer=$!
at_exit "kill -9 $outer"
sidecar=$outer
wait_for_ready
inner=$(pgrep -P "$outer")
namespace=$(stat -L -c %i "/proc/$inner/ns/pid")
kill -9 "$inner"
wait "$outer" # its status depends on the version of unshare(1)
is "$(in_namespace)" '' '... everything in its namespace is gone'

done_testing
