#!/bin/sh
# shellcheck disable=SC2016 # jq's dollars
test_title='the demo holds, says so when it does not, leaves nothing behind, and each decision of it is in the audit log'
. "$(dirname "$0")/lib/tap.sh"

mkdir temporary
export TMPDIR="$PWD/temporary" NO_COLOR=1

mkdir kept
check 'every expectation of the demo holds' "$BB_SOURCE/examples/demo/run" --keep kept
like "$(cat out)" '^([0-9]+) of \1 as they should be\. [0-9]+ ms' 'as its last line says'
unlike "$(cat out)" '^ NOT ' 'and no line is marked'
is "$(ls -A temporary)" '' 'nothing is left in the directory for temporary files'

# --- its audit log against what the agent saw and the operator did ---

log=$(echo kept/audit/*.jsonl)
# entries FILTER: what jq makes of the array of all entries; one value on a line.
entries() {
	jq -cs "$1" "$log"
}
check 'the log of the run holds' env BOT_BOTTLE_HOME="$PWD/kept" bb-audit verify "$(basename "$log" .jsonl)"
check 'the second verifier says so, too' "$BB_SOURCE/t/lib/verify-audit" "$log" kept/audit/key.pub
is "$(cat out)" "$(wc -l <"$log")" 'about as many entries'

# Up to the first question every refusal is one of the bottle's proof; the agent's first two requests pass.
agents='.[([.[].event] | index("dlp")):]'
is "$(awk -F '\t' '$2 ~ /^403/ { print $1 }' kept/said | tr '\n' ' ')" \
	'key body unlisted path before port loopback metadata ' \
	'the agent was refused eight times'
is "$(entries "$agents | .[] | select(.event == \"refuse\").detail | [.status, .rule, .host, .method, .path]" |
	sed 's/,"127[^]]*//')" \
	'[403,"dlp","api.example.com","GET","/bytes/21"]
[403,"dlp","api.example.com","POST","/bytes/21"]
[403,"host","evil.example.net","GET","/"]
[403,"paths","api.example.com","GET","/admin"]
[403,"paths","api.example.com","GET","/status/204"]
[403,"port","api.example.com","GET","/bytes/20"]
[403,"address"]
[403,"address","169.254.169.254","GET","/latest/meta-data/"]' \
	'each of these refusals is an entry, in this order, and there is no other'
is "$(entries 'map(select(.event == "refuse" and .detail.host == "evil.example.net").detail.port)')" '[443]' \
	'with the port'
is "$(entries 'map(select(.event == "dlp").detail.action)')" '["ask","refuse","refuse"]' \
	'the secret that was asked about, and those that were refused, are entries'
is "$(entries '.[] | select(.component == "approve") | .action + " " + .detail.id' | tr -d '"')" "$(cat kept/decided)" \
	'what the operator decided, in the order of deciding'
is "$(entries 'map(select(.component == "approve") | [.action, .detail.tool, .notes])')" \
	'[["rejected","egress-token-allow","it stays here"],["approved","egress-block","only the status"]]' \
	'about what, and why'
is "$(entries 'map(select(.event == "reload") | [.component, .detail.ok])')" '[["sidecar",null],["egress",true]]' \
	'one reload, confirmed'
is "$(entries '(map(select(.event == "reload" and .component == "egress").detail.sha256)) == (map(select(.action == "approved").hashes.after))')" \
	true '... of the very bytes that were approved'
is "$(entries '[.[0], .[-1]] | map([.component, .event])')" '[["launcher","start"],["launcher","end"]]' \
	'the start is the first entry, the end the last'
is "$(entries 'map(select(.component == "sidecar" and (.event | IN("start", "ready", "stop", "died"))) | [.event, .detail.daemon // "all"] | join(" ")) | sort')" \
	'["died egress","died supervise","ready all","ready egress","ready supervise","start egress","start supervise","stop all"]' \
	'start, readiness and end of each daemon are entries'
is "$(entries 'map(.component + "/" + .event) | unique')" \
	'["approve/decision","egress/dlp","egress/refuse","egress/reload","egress/start","launcher/end","launcher/start","sidecar/died","sidecar/ready","sidecar/reload","sidecar/start","sidecar/stop"]' \
	'there is nothing else in it'

# --- what a demo that fails says ---

check_status 100 'an operand that is none' "$BB_SOURCE/examples/demo/run" --keep nowhere
# The same with a hole in the routes: every path of the API is open, and the request for one more arrives.
cp -R "$BB_SOURCE/examples/demo" holed
sed -e '/matches:/d' -e '/methods:/d' -e '/paths:/d' "$BB_SOURCE/examples/demo/bottle.md" >holed/bottle.md
check_status 1 'a bottle with a hole fails the demo' env BB_SOURCE="$BB_SOURCE" BB_BUILD="$BB_BUILD" holed/run
like "$(cat out)" '^ NOT +asked the API for another path' 'and the line about the hole is marked'
like "$(cat out)" '^ NOT +asked you for one more path' 'as is the one about a path that has to be asked for'
is "$(grep -c '^ NOT ' out)" 2 'and only those'

# A bottle that cannot be made is another thing than one that does not hold.
echo 'not a manifest' >holed/bottle.md
check_status 111 'a bottle that does not start is said to be so' env BB_SOURCE="$BB_SOURCE" BB_BUILD="$BB_BUILD" \
	holed/run
like "$(cat err)" 'the bottle did not run' 'in words'
is "$(ls -A temporary)" '' 'and nothing is left then, either'
done_testing
