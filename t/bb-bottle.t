#!/bin/sh
# shellcheck disable=SC2016,SC2094,SC2317 # a script in quotes; functions that wait_for calls
test_title='with a real bottle: bb list and bb logs show it, its proxy survives being killed, bb cleanup leaves it alone'
. "$(dirname "$0")/lib/tap.sh"

BOT_BOTTLE_HOME=$PWD/home
export BOT_BOTTLE_HOME
chmod 755 .
mkdir -m 700 home home/agents home/bottles
printf '%s\n' --- 'egress: {log: blocks, routes: [{host: a.example}]}' 'agent_provider: {template: shell}' \
	--- >home/bottles/b.md
printf '%s\n' --- 'bottle: b' --- 'Ask.' >home/agents/web.md
chmod 600 home/bottles/b.md home/agents/web.md

# Over and over, a request that the proxy itself answers with 403, inside TLS that only the bottle's CA can vouch for.
prompt='while :; do curl -sS -m 5 -o /dev/null -w "answer %{http_code}\n" https://a.example:444/ 2>&1 || echo "no answer"; sleep 0.1; done'
bb start web --yes --label 'The Bottle' --headless --prompt "$prompt" >said 2>errors </dev/null &
bottle=$!
at_exit "kill $bottle; wait $bottle"
state=home/state/the-bottle
answers() {
	[ "$(grep -c '^answer 403$' said)" -ge "$1" ]
}
wait_for answers 2 || tap_show errors
check 'the agent is answered by the proxy' answers 2

check 'bb list' bb list
is "$(sed 's/ *[^ ]*$//' out)" "$(printf '%s\n' 'BACKEND  IDENTITY    AGENT  LABEL       DAEMONS' \
	'native   the-bottle  web    The Bottle  egress,supervise')" '... shows the bottle'
check 'bb logs' bb logs the-bottle --event refuse --host a.example -n 1
like "$(cat out)" "^[0-9:]{8} egress refuse GET a.example:444/ port 444 of 'a.example' is not permitted" \
	'... shows the refusal'
check 'bb doctor' bb doctor --json
check 'bb cleanup' bb cleanup --yes
is "$(cat err)" 'bb-cleanup: nothing to remove' '... does not touch what runs'
check '... and the bottle has its state' test -s "$state/metadata.json"

# --- its proxy is killed ---

cp "$state/egress/ca.pem" before.pem
check 'the sidecar is well' bb-sidecar health --dir "$state"
# The pid that it knows is that of its own namespace; the same process out here is its child.
sidecar=$(pgrep -f "^[^ ]*bb-sidecar .*--dir $PWD/$state( |\$)" | tail -n 1)
proxy=$(pgrep -P "$sidecar" -f bb-egress)
check 'its proxy runs' kill -9 "$proxy"
restarted() {
	bb-sidecar health --dir "$state" >health && [ "$(jq '.daemons[0].restarts' health)" -eq 1 ]
}
wait_for restarted
check 'a proxy that was killed is started again' restarted
seen=$(grep -c '^answer 403$' said)
wait_for answers $((seen + 3))
check 'the agent is answered again, in TLS of the same CA' answers $((seen + 3))
check '... whose certificate is unchanged' cmp before.pem "$state/egress/ca.pem"
is "$(sort -u said | grep -v -e '^answer 403$' -e '^answer 000$' -e '^no answer$' -e '^curl: ')" '' \
	'at no moment was anything answered by anyone else'
check 'bb logs' bb logs the-bottle --daemon sidecar --event died
like "$(cat out)" 'sidecar died egress status=137 again_in_ms=' '... shows the death'
like "$(cat "$state"/logs/sidecar.log)" "^\[sidecar\] 'egress' was killed by signal 9; until it runs again, what needs it is refused" \
	'... and says what it meant'

kill -TERM "$bottle"
wait "$bottle"
check 'afterwards' bb list
is "$(cat err)" 'bb-list: no active bottles' '... there is no bottle'
is "$(pgrep -f "^[^ ]*bb-sidecar .*--dir $PWD/$state( |\$)")" '' '... and no sidecar'

done_testing
