#!/bin/sh
# shellcheck disable=SC2016,SC2317 # dollars of jq; functions that wait_for calls
test_title='a request of Claude Code that is held for longer than a minute goes on when it is approved'
BB_SOURCE=${BB_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
. "$BB_SOURCE/t/lib/tap.sh"
. "$BB_SOURCE/t/lib/certificate.sh"

agents=$BB_BUILD/agents/claude
if ! [ -x "$agents/node_modules/.bin/claude" ]; then
	mkdir -p "$agents"
	check 'Claude Code comes from npm' npm install --prefix "$agents" --no-audit --no-fund @anthropic-ai/claude-code
fi
PATH=$agents/node_modules/.bin:$PATH
export PATH

# The model has the agent's shell send a token. What goes to the model itself is another thing: bb-routes(5).
value="gh""p_$(printf '%s%s%s' x9K2mQ7vR4tB 1nW8cJ5hL3pZ 6yD0sFgA2eUi)"
make_certificate ca api.anthropic.com
mkfifo ready ready-docs
/usr/bin/python3 "$BB_SOURCE/t/lib/anthropic.py" --cert ca/api.anthropic.com.pem --key ca/api.anthropic.com.key \
	--record asked --command "curl -sS -w '%{http_code}' -d note=$value http://docs.test/echo" --final 'The token was used.' >ready &
at_exit "kill $!"
read -r port <ready
"$BB_BUILD/bench/origin" --ca "$PWD/docs-ca" --record docs >ready-docs &
at_exit "kill $!"
read -r docs_port _ <ready-docs

mkdir -p home/bottles home/agents home/contrib/claude project
cp -R "$BB_SOURCE/providers/claude/." home/contrib/claude/
/usr/bin/python3 - "$port" "$PWD/ca/ca.pem" <<-'END'
	import sys, yaml
	path = "home/contrib/claude/provider.yaml"
	with open(path) as f:
	    provider = yaml.safe_load(f)
	host = provider["token"]["host"]
	routes = [r for r in provider.get("routes", []) if r["host"] != host]
	routes.append({"host": host, "upstream": {"connect": "127.0.0.1:" + sys.argv[1], "ca_file": sys.argv[2]}})
	provider["routes"] = routes
	with open(path, "w") as f:
	    yaml.safe_dump(provider, f)
END
printf -- '---\nagent_provider: {template: claude, auth_token: CLAUDE_TOKEN}\negress: {routes: [{host: docs.test, upstream: {connect: "127.0.0.1:%s"}}]}\n---\n' "$docs_port" >home/bottles/work.md
chmod 600 home/bottles/work.md
printf -- '---\nbottle: work\n---\nYou use tokens.\n' >home/agents/user.md
token=sk-ant-oat01-real-$(openssl rand -hex 24)
export BOT_BOTTLE_HOME="$PWD/home"
(cd project && CLAUDE_TOKEN=$token timeout 400 bb start user --cwd --yes --headless --prompt "use the token $value") >said 2>errors </dev/null &
bottle=$!
at_exit "kill $bottle"

check 'what it sends is held, and the operator asked' bb supervise wait --timeout 200 --json
cp out pending
is "$(jq -r '.proposals | map(.tool) | join(" ")' pending)" egress-token-allow 'with one question'
id=$(jq -r '.proposals[0].id' pending)
sleep 70 # the waiting is what is tested
check 'after more than a minute it waits still' kill -0 "$bottle"
is "$(grep -cF "$value" docs)" 0 'and the token has not arrived'
is "$(bb supervise list --json | jq -r '.proposals | map(.id) | join(" ")')" "$id" 'nor was the operator asked again'
check 'it is approved' bb supervise approve "$id" --reason 'a token for tests'
wait "$bottle"
is $? 0 'the agent ends well'
[ -s said ] || sed 's/^/#   /' errors
like "$(cat said)" 'The token was used\.' 'and says what the model said'
is "$(jq -rs 'map(select(.target == "/echo").body.length) | join(",")' docs)" "$(printf 'note=%s' "$value" | wc -c | tr -d ' ')" \
	'the token has arrived once'
like "$(jq -r '.results[]' asked)" '200$' 'which the model was told'
is "$(jq -rs 'map(select(.component == "approve")) | length' home/audit/*.jsonl)" 1 'one decision is in the audit log'
check_status 1 'and the token is not in it' grep -qF "$value" home/audit/*.jsonl
done_testing
