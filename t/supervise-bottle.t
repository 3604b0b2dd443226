#!/bin/sh
# shellcheck disable=SC2016 # the bottle's dollars
test_title='an agent in a real bottle asks its operator, and reads the answer'
# shellcheck source=t/lib/tap.sh
. "$(dirname "$0")/lib/tap.sh"

if ! bb-launch-native check >out 2>err; then
	skip 'a real bottle' "$(grep -h fail out err | head -n 1)"
	done_testing
fi
mkdir -p home/agents home/bottles project
export BOT_BOTTLE_HOME="$PWD/home"
printf -- '---\nagent_provider: {template: shell}\negress:\n  routes: [{host: a.test}]\n---\n' >home/bottles/box.md
printf -- '---\nagent_provider: {template: shell}\nsupervise: false\n---\n' >home/bottles/closed.md
chmod 600 home/bottles/*.md
printf -- '---\nbottle: box\n---\nBe brief.\n' >home/agents/asker.md

# What the agent has to speak MCP with: open a session, call a tool, and print the text of its result.
cat >project/mcp <<'END'
post() {
	curl -sS --max-time 300 -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' "$@" http://supervise:9100/
}
open_session() {
	post -D head -o /dev/null -d '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}'
	session=$(tr -d '\r' <head | sed -n 's/^[Mm]cp-[Ss]ession-[Ii]d: //p')
}
call() {
	jq -nc --arg name "$1" --argjson arguments "$2" \
		'{jsonrpc: "2.0", id: 2, method: "tools/call", params: {name: $name, arguments: $arguments}}' >body
	post -H "Mcp-Session-Id: $session" --data-binary @body >answer || return
	sed 's/^data: //' answer | jq -Rr 'fromjson? | select(.result).result.content[].text'
}
open_session
wish=$(jq -nc '{routes_yaml: "routes: [{host: a.test}, {host: b.test}]", justification: "b.test has the docs"}')
END

# start SCRIPT [OPTION]...: run a bottle with that script in the background; output in ./said.
start() {
	script=$1
	shift
	(cd project && exec bb start asker --cwd --yes --headless "$@" --prompt ". ./mcp; $script") >said 2>errors \
		</dev/null &
	bottle=$!
	at_exit "kill $bottle"
}

# ended 'NAME': the bottle ends well.
ended() {
	wait "$bottle"
	is $? 0 "$1"
	[ -s said ] || sed 's/^/#   /' errors
}

proposed() {
	ls home/state/*/queue/*.proposal.json
}

# answered STATUS NOTES: the operator's side, with the one proposal that there is.
answered() {
	/usr/bin/python3 - "$BB_SOURCE/t/lib" "$(proposed)" "$@" <<-'END'
		import os, sys
		sys.path.insert(0, sys.argv[1])
		import mcp
		queue, name = os.path.split(sys.argv[2])
		mcp.answer(queue, name.split('.')[0], *sys.argv[3:])
	END
}

# --- a question, its answer ---

export SUPERVISE_RESPONSE_TIMEOUT_SECONDS=300 # far above what a busy machine needs

start 'curl -s http://b.test/; call list-egress-routes "{}"; call egress-block "$wish"; find / -xdev -name "*.proposal.json" 2>/dev/null'
wait_for proposed
check 'the question arrives in the queue outside' proposed
cp "$(proposed)" proposal
is "$(jq -r '[.kind, .tool, .proposed_file, .justification] | join("|")' proposal)" \
	'proposal|egress-block|routes: [{host: a.test}, {host: b.test}]|b.test has the docs' \
	'with all that the agent wrote'
is "$(jq -r .bottle_slug proposal)" "$(ls home/state)" 'from this bottle'
is "$(jq -r .current_file_hash proposal)" "$(sha256sum <"$(echo home/state/*/egress/routes.yaml)" | cut -d ' ' -f 1)" \
	'about the routes in force'
is "$(stat -c %a home/state/*/queue "$(proposed)" | tr '\n' ' ')" '700 600 ' 'which nobody else can read'
check 'it is answered' answered rejected 'use a.test instead'
ended 'the agent goes on'
like "$(head -n 1 said)" "'b.test' is in no route of this bottle; ask for it with the tool 'egress-block'" \
	'the refusal said how to ask'
like "$(cat said)" '"host": *"a.test"' 'the routes in force were shown'
like "$(cat said)" '^Rejected: ' 'the decision was read'
like "$(cat said)" 'The operator says: use a.test instead' 'with its reason'
unlike "$(cat said)" 'proposal.json' 'the queue is nowhere in the bottle'
is "$(ls home/state)" '' 'and gone with it'

# --- the daemon dies while the agent waits ---

daemon() {
	pgrep -f "bb-supervise --queue $PWD/home/state/"
}
died() {
	! kill -0 "$pid"
}
start 'until call allow "$wish"; do :; done'
wait_for proposed
cp "$(proposed)" proposal
pid=$(daemon)
kill -9 "$pid"
wait_for died
wait_for daemon
check 'the question outlives the daemon' cmp proposal "$(proposed)"
answered approved
ended 'and the agent, asking again in its old session'
like "$(cat said)" '^Approved: ' 'reads the answer to it'

# --- nobody answers; nobody is there ---

export SUPERVISE_RESPONSE_TIMEOUT_SECONDS=1
start 'call allow "$wish"'
ended 'an operator who is away'
like "$(cat said)" '^Still pending, id [0-9a-f-]{36}: ' 'leaves the question pending'
unset SUPERVISE_RESPONSE_TIMEOUT_SECONDS
start 'curl -s http://b.test/; getent hosts supervise || echo unknown; curl -s --noproxy "*" http://127.0.0.1:9100/ || echo refused' --bottle closed
ended 'a bottle without supervise'
is "$(grep -c -x -e unknown -e refused said)" 2 'has neither its name nor its port'
like "$(head -n 1 said)" "'b.test' is in no route of this bottle; only the operator can change the routes" \
	'and refusals name no tool'
done_testing
