#!/bin/sh
# shellcheck disable=SC2016 # dollars of jq
test_title='Claude Code in a bottle is refused, asks its operator, is approved from another terminal, and goes on'
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

# --- the model's script: try, ask, try again ---

# Its tools of MCP are told to the model only when it looks for them. What it proposes is written when the bottle is
# there.
get='curl -sS -w "%{http_code}\n" http://docs.test/bytes/20'
jq -n --arg get "$get" --arg wish "$PWD/wish" '[
	{name: "Bash", input: {command: $get, description: "Get the docs"}},
	{name: "ToolSearch", input: {query: "select:mcp__supervise__egress-block"}},
	{name: "mcp__supervise__egress-block", input_file: $wish},
	{name: "Bash", input: {command: $get, description: "Get the docs again"}}]' >steps
make_certificate ca api.anthropic.com
mkfifo ready ready-docs
/usr/bin/python3 "$BB_SOURCE/t/lib/anthropic.py" --cert ca/api.anthropic.com.pem --key ca/api.anthropic.com.key \
	--record asked --steps steps --final 'I have the docs.' >ready &
at_exit "kill $!"
read -r port <ready
"$BB_BUILD/bench/origin" --ca "$PWD/docs-ca" --record docs >ready-docs &
at_exit "kill $!"
read -r docs_port _ <ready-docs

# --- the bottle: provider claude as it is, but for where its host is ---

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
printf -- '---\nagent_provider: {template: claude, auth_token: CLAUDE_TOKEN}\n---\n' >home/bottles/work.md
chmod 600 home/bottles/work.md
printf -- '---\nbottle: work\n---\nYou read docs.\n' >home/agents/reader.md
token=sk-ant-oat01-real-$(openssl rand -hex 24)
export BOT_BOTTLE_HOME="$PWD/home"
(cd project && CLAUDE_TOKEN=$token SUPERVISE_RESPONSE_TIMEOUT_SECONDS=300 timeout 300 \
	bb start reader --cwd --yes --headless --prompt 'read the docs') >said 2>errors </dev/null &
bottle=$!
at_exit "kill $bottle"

# --- another terminal ---

in_force() {
	jq -e .routes home/state/*/egress/routes.yaml
}
wait_for in_force
jq --arg port "$docs_port" '.routes += [{host: "docs.test", upstream: {connect: ("127.0.0.1:" + $port)}}]
	| {routes_yaml: tojson, justification: "I was refused, and need the docs"}' home/state/*/egress/routes.yaml \
		>wish.new
mv wish.new wish
check 'its question comes' bb supervise wait --timeout 200 --json
cp out pending
is "$(jq -r '.proposals | map(.tool) | join(" ")' pending)" egress-block 'by the tool for after a refusal'
id=$(jq -r '.proposals[0].id' pending)
check 'it is shown' bb supervise show "$id"
like "$(cat out)" 'docs\.test' 'with the host that it would open'
is "$(cat docs)" '' 'nothing has arrived there so far'
check 'it is approved' bb supervise approve "$id" --reason 'docs are fine'
wait "$bottle"
is $? 0 'the agent ends well'
[ -s said ] || sed 's/^/#   /' errors
like "$(cat said)" 'I have the docs\.' 'and says what the model said'

# --- both ends ---

jq -r '.results[]' asked >seen
like "$(cat seen)" "'docs.test' is in no route of this bottle; ask for it with the tool 'egress-block'" \
	'the model read the refusal, and how to ask'
like "$(cat seen)" '^Approved: ' 'the approval'
like "$(cat seen)" 'The operator says: docs are fine' 'and its reason'
like "$(cat seen)" '200$' 'and after it what it wanted'
is "$(jq -rs 'map(select(.target == "/bytes/20")) | length' docs)" 1 'which arrived once'
unlike "$(cat errors)" 'mcp' 'registering the server gave no warning'
is "$(jq -r 'select(.target | startswith("/v1/messages")) | .credentials.authorization | join(",")' asked | sort -u)" \
	"Bearer $token" \
	'the credential of the provider outlived the change of routes'
done_testing
