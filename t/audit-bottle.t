#!/bin/sh
# shellcheck disable=SC2016,SC2317 # the bottle's dollars; functions that wait_for calls
test_title='audit: start, refusals, crash, reload, end and remains of a real bottle are in its log, which holds'
. "$(dirname "$0")/lib/tap.sh"
. "$BB_SOURCE/t/lib/bottle.sh"

if ! bb-launch-native check >out 2>err; then
	skip 'a real bottle' "$(grep -h fail out err | head -n 1)"
	done_testing
fi

# entries USER ID FILTER: what jq's FILTER makes of the log's entries, in an array.
entries() {
	jq -cs "$3" "$1/home/audit/$2.jsonl"
}
# has USER ID FILTER: true when the filter is.
has() {
	[ "$(entries "$@")" = true ]
}
# count USER ID EVENT N: at least N entries of the event, written COMPONENT/EVENT.
count() {
	has "$1" "$2" "[.[] | select(\"\\(.component)/\\(.event)\" == \"$3\")] | length >= $4"
}
# holds USER ID: bb-audit says that the log is what was written.
holds() {
	as "$1" bb-audit verify "$2"
}

# sidecar_of USER ID: the process; ended USER ID: true when there is none any more.
sidecar_of() {
	pgrep -f "bb-sidecar .*--dir $PWD/$1/home/state/$2"
}
ended() {
	! sidecar_of "$@"
}

# What the agent asks for looks like an entry of a log, ends its line, and leads a terminal.
forged='printf "GET http://a.test/\"},\"event\":\"approved\" HTTP/1.1\r\nHost: a.test\r\n\r\n" >r1
printf "GET http://a.test/%%0a{\"event\":\"approved\",\"component\":\"approve\"} HTTP/1.1\r\nHost: a.test\r\n\r\n" >r2
printf "GET http://a.test/\n{\"event\":\"approved\",\"component\":\"approve\"}\n HTTP/1.1\r\nHost: a.test\r\n\r\n" >r3
printf "GET http://a.test/\033]0;owned\007\342\200\256 HTTP/1.1\r\nHost: a.test\r\n\r\n" >r4
for r in r1 r2 r3 r4; do
	python3 -c "
import os, re, socket, sys
host, port = re.match(\"http://([^:/]+):([0-9]+)\", os.environ[\"HTTP_PROXY\"]).groups()
s = socket.create_connection((host, int(port)))
s.sendall(open(\"$r\", \"rb\").read())
print(s.recv(4096).split(b\" \")[1].decode())"
done'

for user in $users; do
	mkfifo "$user/go" && chmod 666 "$user/go"
	make_plan "$user" live '.bottle.argv = ["sh", "-c", $ARGS.positional[0]] |
		.sidecar.daemons[0].args[-1] = "blocks"' \
		"cd /tmp; echo up; read go; curl -s -o body -w '%{http_code}\n' http://elsewhere.test/; $forged; echo asked; read go; exit 3"
	run_plan "$user" live <"$user/go" >"$user/said" 2>"$user/errors" &
	bottle=$!
	at_exit "kill $bottle"
	exec 5>"$user/go"
	wait_for grep -q up "$user/said"
	is "$(entries "$user" live '[.[0] | .component, .event, .seq, .identity, (.hashes.plan | length), .detail.agent, .detail.backend]')" \
		'["launcher","start",1,"live",64,"hello","native"]' \
		"$user: the first entry says what was started, and by which plan"
	check '... the daemons are ready' count "$user" live sidecar/ready 2
	check '... the log holds while the bottle runs' holds "$user" live

	echo >&5
	wait_for grep -q asked "$user/said"
	is "$(sed -n 2p "$user/said")" 403 '... the agent is refused'
	wait_for has "$user" live 'any(.event == "refuse" and .detail.host == "elsewhere.test")'
	is "$(entries "$user" live '[.[] | select(.detail.host == "elsewhere.test") | .component, .event, .detail.rule]')" \
		'["egress","refuse","host"]' '... and that is recorded'
	is "$(sed -n 3,6p "$user/said" | grep -c '^40[03]$')" 4 '... what pretends to be entries is refused'
	wait_for count "$user" live egress/refuse 5
	check '... its refusals are entries' count "$user" live egress/refuse 5
	check '... but no entry that it wrote' has "$user" live 'all(.component != "approve" and .event != "approved")'
	is "$(LC_ALL=C grep -c '[^ -~]' "$user/home/audit/live.jsonl")" 0 \
		'... and no byte of it that a terminal would obey'

	sidecar=$(sidecar_of "$user" live)
	kill -KILL "$(pgrep -P "$sidecar" -x bb-egress)"
	wait_for count "$user" live sidecar/ready 3
	is "$(entries "$user" live '[.[] | select(.event == "died") | .component, .detail.daemon, .detail.status]')" \
		'["sidecar","egress",137]' '... a crash of a daemon is recorded'
	wait_for as "$user" bb-sidecar health --dir "$PWD/$user/home/state/live"
	kill -HUP "$sidecar"
	wait_for count "$user" live egress/reload 1
	is "$(entries "$user" live '[.[] | select(.event == "reload") | .component, .detail.ok]')" \
		'["sidecar",null,"egress",true]' '... and a reload, by whoever passed it on and who did it'

	echo >&5
	exec 5>&-
	wait "$bottle"
	is "$?" 3 "$user: the agent ends"
	is "$(entries "$user" live '[.[-1] | .component, .event, .detail.status]')" '["launcher","end",3]' \
		'... which is the last entry'
	check '... the log holds' holds "$user" live
	check '... says the second verifier, too' "$BB_SOURCE/t/lib/verify-audit" "$user/home/audit/live.jsonl" \
		"$user/home/audit/key.pub"
	sed 's/"status":3/"status":0/' "$user/home/audit/live.jsonl" >"$user/changed"
	cat "$user/changed" >"$user/home/audit/live.jsonl"
	check_status 1 '... and not when the end is another' holds "$user" live

	# A start that fails, one whose record cannot be written, one that is killed.
	make_plan "$user" fails '.secrets += [{"name": "token:X", "source": "host", "host": "BB_NOT_SET"}]'
	run_plan "$user" fails </dev/null >out 2>err
	is "$?" 100 "$user: a bottle that cannot start"
	is "$(entries "$user" fails '[.[-1] | .component, .event, .detail.status, (.detail.reason | test("BB_NOT_SET"))]')" \
		'["launcher","failed",100,true]' '... is recorded with the reason'
	run_shell "$user" killed 'echo up; sleep 1000' >"$user/killed" 2>/dev/null &
	bottle=$!
	wait_for grep -q up "$user/killed"
	kill -KILL "$(pgrep -f "bb-launch-native run --plan $PWD/$user/killed.plan")"
	wait "$bottle"
	wait_for ended "$user" killed
	check "$user: a cleanup removes what was killed" as "$user" bb-launch-native cleanup
	is "$(entries "$user" killed '[.[-1] | .component, .event]')" '["launcher","removed"]' \
		'... and says so in the log'
	check '... which holds' holds "$user" killed

	mv "$user/home/audit" "$user/home/before" && echo >"$user/home/audit"
	run_shell "$user" unrecorded 'echo ran' >out 2>err
	is "$?" 100 "$user: a bottle whose record cannot be written does not start"
	like "$(cat err)" "^bb-launch-native: .*$user/home/audit" '... and why'
	is "$(cat out)" '' '... its agent has not run'
	is "$(leftovers "$user" | grep unrecorded)" '' '... nothing is left of it'
done

done_testing
