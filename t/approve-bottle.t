#!/bin/sh
# shellcheck disable=SC2016,SC2317 # the bottle's dollars; functions that wait_for calls
test_title='an agent is refused, asks, is approved by its operator, and goes on; the record has all of it'
# shellcheck source=t/lib/tap.sh
. "$(dirname "$0")/lib/tap.sh"

if ! bb-launch-native check >out 2>err; then
	skip 'a real bottle' "$(grep -h fail out err | head -n 1)"
	done_testing
fi
bb=$BB_BUILD/bin/bb
export BOT_BOTTLE_HOME="$PWD/home" SUPERVISE_RESPONSE_TIMEOUT_SECONDS=300
mkdir -p home/agents home/bottles project
printf -- '---\nagent_provider: {template: shell}\negress:\n  routes: [{host: a.test}]\n---\n' >home/bottles/box.md
chmod 600 home/bottles/box.md
printf -- '---\nbottle: box\n---\nBe brief.\n' >home/agents/asker.md

# The other end, and its record.
mkfifo ready
"$BB_BUILD/bench/origin" --ca "$PWD/ca" --record "$PWD/arrived" >ready &
at_exit "kill $!"
read -r plain _ <ready

# What the agent does: it tries, asks with egress-block, and tries again; twice.
jq -n --arg routes "routes: [{host: a.test}, {host: b.test, upstream: {connect: '127.0.0.1:$plain'}, matches: [{methods: [GET]}]}]" \
	'{jsonrpc: "2.0", id: 2, method: "tools/call", params: {name: "egress-block",
	arguments: {routes_yaml: $routes, justification: "b.test has the docs"}}}' >project/wish
jq '.params.arguments.routes_yaml = "routes: [{host: a.test}, {host: c.test}]"' project/wish >project/other
cat >project/work <<'END'
post() {
	curl -sS --max-time 300 -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' "$@" http://supervise:9100/
}
try() {
	curl -s -o /dev/null -w "$1 %{http_code}\n" "$2"
}
ask() {
	post -H "Mcp-Session-Id: $session" --data-binary "@$1" | sed 's/^data: //' | jq -Rr 'fromjson? | select(.result).result.content[].text'
}
try before http://b.test/bytes/5
post -D head -o /dev/null -d '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}'
session=$(tr -d '\r' <head | sed -n 's/^[Mm]cp-[Ss]ession-[Ii]d: //p')
ask wish
try after http://b.test/bytes/6
curl -s -o /dev/null -w 'post %{http_code}\n' -d x http://b.test/bytes/7
ask other
try other http://c.test/
END

(cd project && exec "$bb" start asker --cwd --yes --headless --prompt '. ./work') >said 2>errors </dev/null &
bottle=$!
at_exit "kill $bottle"

# pending: sets id to the one that waits.
pending() {
	id=$("$bb" supervise list --json | jq -r '.proposals[0].id // empty')
	[ -n "$id" ]
}
wait_for pending
"$bb" supervise show "$id" >shown
is "$(sed -n '/^what it would/,/^$/p' shown)" 'what it would change:
    + allows GET to b.test
        as in GET https://b.test/bb-example
    + requests to b.test go to 127.0.0.1:'"$plain" 'the operator reads what it would change'
like "$(cat shown)" '^    b\.test has the docs$' '... and why'
check 'it is approved' "$bb" supervise approve "$id" --reason 'docs are fine' \
	--shown "$("$bb" supervise show --json "$id" | jq -r .shown)"
first=$id
wait_for pending
check 'the next one is another' test "$id" != "$first"
check '... and rejected' "$bb" supervise reject "$id" --reason 'not that one'
wait "$bottle"
is $? 0 'the agent goes on to its end'
is "$(grep -E '^(before|after|post|other) ' said)" 'before 403
after 200
post 403
other 403' 'it could do what was approved, after that, and nothing else'
like "$(cat said)" '^Approved: the proposed routes are in force now\.' '... was told of the approval'
like "$(cat said)" 'The operator says: not that one' '... and of the rejection, with the reason'
is "$(jq -rs '[.[] | select(.target) | "\(.method) \(.target)"] | join(",")' arrived)" 'GET /bytes/6' \
	'at the other end just that has arrived'
is "$(ls home/state)" '' 'nothing of the bottle is left'

# --- the record ---

log=$(echo home/audit/*.jsonl)
check 'the record holds' "$bb" audit verify
# Whoever decides writes for itself, so that only what follows from one another has its order.
decisions=$(jq -rs '[.[] | select(.event == "start" and .component == "launcher" or .event == "decision"
	or (.event == "refuse" and (.detail.host | test("^[bc].test")))
	or (.event == "reload" and .component == "egress") or .event == "end") | "\(.component) \(.action // .detail.rule // .event)"] | .[]' "$log")
is "$(echo "$decisions" | sort)" 'approve approved
approve rejected
egress host
egress host
egress methods
egress reload
launcher end
launcher start' 'every decision is in it'
is "$(echo "$decisions" | grep -E 'launcher|reload|approved' | tr '\n' ' ')" \
	'launcher start egress reload approve approved launcher end ' \
	'... the approval behind the reload that it waited for'
is "$(jq -rs '[.[] | select(.event == "decision") | "\(.notes)|\(.justification)"] | .[]' "$log")" \
	'docs are fine|b.test has the docs
not that one|b.test has the docs' '... with the words of both sides'
like "$(jq -rs '.[] | select(.action == "approved").difference' "$log")" '^\+.*b\.test' '... and the difference'
done_testing
