#!/bin/sh
test_title='bb logs: what daemons wrote, for people without anything raw, and as JSON'
. "$(dirname "$0")/lib/tap.sh"
. "$BB_SOURCE/t/lib/fronts.sh"

log=home/state/web-1/logs/sidecar.log
mkdir -p home/state/web-1/logs
cat >$log <<'END'
[sidecar] {"time":"2026-11-24T05:54:41.432Z","event":"start","daemon":"egress","pid":17}
[egress] {"time":"2026-11-24T05:54:42.100Z","event":"request","id":"0-1","host":"A.example","port":443,"method":"GET","path":"/x"}
[egress] {"time":"2026-11-24T05:54:42.200Z","event":"response","id":"0-1","status":200}
[egress] {"time":"2026-11-24T05:54:42.300Z","event":"refuse","id":"0-2","status":403,"rule":"no-route","reason":"no route to 'b.example'","host":"b.example","port":443,"method":"GET","path":"/\u001b[31m\u202e\u009b\\x1B"}
[egress] {"time":"2026-11-24T05:54:42.400Z","event":"end","id":"0-1","status":200}
[egress] words on \x1B standard error
[sidecar] {"time":"2026-11-24T05:54:43.432Z","event":"died","daemon":"egress","status":139,"again_in_ms":100}
END

check 'bb logs' bb logs web-1
is "$(cat out)" "$(cat <<'END'
05:54:41 sidecar start egress pid=17
05:54:42 egress request GET A.example:443/x id=0-1
05:54:42 egress response id=0-1 status=200
05:54:42 egress refuse GET b.example:443/\x1B[31m\u{202E}\u{9B}\x1B no route to 'b.example' id=0-2 status=403 rule=no-route
05:54:42 egress end id=0-1 status=200
egress words on \x1B standard error
05:54:43 sidecar died egress status=139 again_in_ms=100
END
)" '... is for people, and shows escapes as text'
check 'bb logs --json' bb logs --json web-1
is "$(wc -l <out)" 7 '... is one object a line'
check '... each of them JSON' jq -es 'all(type == "object" and has("daemon"))' out
check 'bb logs --json' bb logs --json web-1
is "$(jq -cs '.[0], .[5]' out)" "$(printf '%s\n' \
	'{"daemon":"sidecar","of":"egress","time":"2026-11-24T05:54:41.432Z","event":"start","pid":17}' \
	'{"daemon":"egress","text":"words on \\x1B standard error"}')" '... with the daemon in it'
check_status 1 '... in ASCII without control characters' grep -q '[^ -~]' out

# --- filters ---

events() {
	sed 's/^[0-9:]* *[a-z]* //; s/ .*//' out | tr '\n' ' '
}
check 'bb logs --event' bb logs --event refuse --event=died web-1
is "$(events)" 'refuse died ' '... shows these events only'
check 'bb logs --host' bb logs --host a.example web-1
is "$(events)" 'request response end ' '... shows a request and what follows from it'
check 'bb logs --host' bb logs --host nowhere.example web-1
is "$(cat out)" '' '... may show nothing'
check 'bb logs --daemon' bb logs --daemon sidecar web-1
is "$(events)" 'start died ' '... shows one daemon'
check 'bb logs --since' bb logs --since 2026-11-24T05:54:42 web-1
is "$(wc -l <out)" 6 '... begins at a time'
check 'bb logs --since' bb logs --since=2026-11-24T05:54:43Z web-1
is "$(events)" 'died ' '... shown as the log has it'
check 'bb logs --since' bb logs --since 2026-11-25 web-1
is "$(cat out)" '' '... or on a day'
printf '[egress] {"time":"%s","event":"new"}\n[egress] more of it\n' "$(date -u +%Y-%m-%dT%H:%M:%S.000Z)" >>$log
for ago in 100s 10m 2h 1d; do
	check 'bb logs --since' bb logs --since $ago web-1
	is "$(tail -n 2 out | cut -d ' ' -f 2-)" "$(printf 'egress new\nmore of it')" "... or $ago ago"
done
bb logs --since 10m web-1 >out
is "$(wc -l <out)" 2 '... and no line before that'
sed -i '8,$d' $log
check 'bb logs -n' bb logs -n 2 web-1
is "$(wc -l <out)" 2 '... begins before the end'
check 'bb logs --lines=0' bb logs --lines=0 web-1
is "$(cat out)" '' '... or at it'

# --- colour ---

on_terminal '' "$installation/bin/bb" logs web-1
like "$(cat out)" "$(printf '\033')\\[31mrefuse" 'on a terminal a refusal is red'
unlike "$(sed "s/$(printf '\033')\\[[0-9]*m//g" out)" '[^ -~]' '... and nothing else but colour is raw'
on_terminal '' NO_COLOR=1 "$installation/bin/bb" logs web-1
unlike "$(cat out)" '[^ -~]' 'NO_COLOR turns that off'
on_terminal '' TERM=dumb "$installation/bin/bb" logs web-1
unlike "$(cat out)" '[^ -~]' '... so does a dumb terminal'

# --- lines that are not right ---

mkdir -p home/state/odd/logs
{
	printf 'no prefix\n[egress] [1,2]\n[egress] "text"\n[egress] {"a":1} {"b":2}\n[egress] {"event":7,"time":{"a":1},"host":["\\u001b"],"id":5,"daemon":[1]}\n'
	printf '[e\033] {"event":"x"}\n[egress] \033]0;title\007 \377\376 \302\233 {\n\n[egress] {"\\u001b[1m":"\\u202e"}\n[egress] cut'
} >home/state/odd/logs/sidecar.log
check 'a log of odd lines' bb logs odd
is "$(wc -l <out)" 10 '... is shown whole'
unlike "$(sed 's/\xEF\xBF\xBD//g' out)" '[^ -~]' '... with nothing raw but the replacement character'
like "$(cat out)" '^egress \\x1B\]0;title\\x07 .* \\u\{9B\} \{$' '... escaped'
like "$(cat out)" '^egress \\x1B\[1m=\\u\{202E\}$' '... names of members, too'
like "$(cat out)" '^egress \{"a":1\} \{"b":2\}$' '... two objects on a line are text'
check 'the same as JSON' bb logs --json odd
is "$(jq -es 'map(type) | unique[]' out)" '"object"' '... is objects only'
check 'and filtered' bb logs --host x --event y odd

# --- follow ---

mkfifo shown
PATH=$installation/bin:$PATH
timeout 30 "$installation/bin/bb" logs -f -n 1 web-1 >shown 2>err &
follower=$!
at_exit "kill $follower"
exec 7<shown
read -r line <&7
like "$line" 'sidecar died' 'bb logs -f begins at the end'
echo '[egress] {"event":"later"}' >>$log
read -r line <&7
is "$line" 'egress later' '... and goes on'
kill "$follower"
exec 7<&-
wait "$follower"

# --- which bottle ---

check_status 100 'without an identity' bb logs
like "$(cat err)" '^bb-logs: which bottle\? there are: odd web-1 ' '... says which there are'
check_status 100 'an identity without a log' bb logs other
like "$(cat err)" "^bb-logs: there is no log of 'other'; there are: odd web-1" '... says which there are'
for word in ../web-1 web-1/logs . .. -x 'a b' '*' WEB web-; do
	check_status 100 "'$word' is no identity" bb logs -- "$word"
done
mkdir -p elsewhere/logs home/state/link-3/logs && echo secret >elsewhere/logs/sidecar.log
ln -s ../../elsewhere home/state/link-1
mkdir home/state/link-2 && ln -s ../../../elsewhere/logs home/state/link-2/logs
ln -s ../../../../elsewhere/logs/sidecar.log home/state/link-3/logs/sidecar.log
for n in 1 2 3; do
	check_status 111 'a symbolic link in the state' bb logs "link-$n"
	like "$(cat err)" "is a symbolic link; it is not followed" '... is not followed'
	is "$(cat out)" '' '... and nothing is shown'
done
for words in '--since yesterday web-1' '--since 10 web-1' '--since 2026-1-1 web-1' '--lines x web-1' \
	'--lines -1 web-1' '-n 123456789 web-1' '--frob' 'web-1 odd' '-- web-1 odd' '--host'; do
	# shellcheck disable=SC2086
	check_status 100 "bb logs $words" bb logs $words
	like "$(cat err)" "try 'bb logs --help'$" '... points to the help'
done
if [ "$(id -u)" -ne 0 ]; then
	chmod 000 $log
	check_status 111 'a log that cannot be read' bb logs web-1
fi

done_testing
