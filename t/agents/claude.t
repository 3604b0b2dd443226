#!/bin/sh
test_title='Claude Code works in a bottle and never holds the token'
BB_SOURCE=${BB_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
. "$BB_SOURCE/t/lib/tap.sh"
. "$BB_SOURCE/t/lib/certificate.sh"

# --- the real agent, kept between runs ---

agents=$BB_BUILD/agents/claude
if ! [ -x "$agents/node_modules/.bin/claude" ]; then
	mkdir -p "$agents"
	check 'Claude Code comes from npm' npm install --prefix "$agents" --no-audit --no-fund @anthropic-ai/claude-code
fi
PATH=$agents/node_modules/.bin:$PATH
export PATH
like "$(claude --version 2>&1)" '^[0-9]+\.[0-9]+\.[0-9]+ ' 'it starts outside'

# --- a stand-in of its API ---

# What the model asks the agent's shell to do: write, and look for credentials everywhere. What it finds goes to the
# model, so it leaves out the canary, which may go nowhere. It waits in the middle, so that its memory can be read
# from outside.
# shellcheck disable=SC2016 # for the shell in the bottle
command='echo made >made.txt; echo changed >>notes.txt; curl -sS https://api.anthropic.com/hold; {
env; cat made.txt notes.txt;
for f in /proc/[0-9]*/environ /proc/[0-9]*/cmdline; do tr "\0" "\n" <$f; done 2>/dev/null;
find / -xdev -user "$(id -un)" -type f -size -200k -exec cat {} + 2>/dev/null | grep -a -e token -e sk-ant; } |
grep -av _SECRET='
make_certificate ca api.anthropic.com
mkfifo ready
/usr/bin/python3 "$BB_SOURCE/t/lib/anthropic.py" --cert ca/api.anthropic.com.pem --key ca/api.anthropic.com.key \
	--record asked --command "$command" --final 'The file is made.' --release "$PWD/release" >ready &
at_exit "kill $!"
read -r port <ready

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
printf -- '---\nagent_provider: {template: claude, auth_token: CLAUDE_TOKEN}\nsupervise: false\n---\n' \
	>home/bottles/work.md
chmod 600 home/bottles/work.md
printf -- '---\nbottle: work\n---\nYou make files.\n' >home/agents/maker.md
echo 'notes of a person' >project/notes.txt
token=sk-ant-oat01-real-$(openssl rand -hex 24)
export BOT_BOTTLE_HOME="$PWD/home"

# --- run it; look at its memory while it waits ---

(cd project && CLAUDE_TOKEN=$token timeout 150 bb start maker --cwd --yes --headless --prompt 'make the file') \
	>said 2>errors </dev/null &
bottle=$!
at_exit "kill $bottle"
waiting() {
	[ -e asked ] && jq -e 'select(.target == "/hold")' asked
}
tries=0
until waiting >/dev/null 2>&1 || ! kill -0 "$bottle" 2>/dev/null || [ "$tries" -gt 2000 ]; do
	tries=$((tries + 1))
	sleep 0.05
done
check 'the agent got as far as its shell' waiting
# The placeholder begins like the real token: what comes after that is searched for, and to see
# that the search finds anything, what they share.
printf '%s\n' "${token#sk-ant-oat01-}" >secret
memory=$(printf '%s\n' "$(cat secret)" sk-ant-oat01- |
	/usr/bin/python3 "$BB_SOURCE/t/lib/memory.py" "$bottle" claude 2>memory-errors)
touch release
wait "$bottle"
is $? 0 'the agent ends well'
[ -s said ] || sed 's/^/#   /' errors
like "$(cat said)" 'The file is made\.' 'and says what the model said'
# shellcheck disable=SC2086 # three numbers
set -- $memory
if [ "${1:-0}" -eq 0 ]; then
	skip 'its memory has no token' 'reading the memory of a bottle from outside needs root'
else
	is "$2" 0 "the memory of its $1 processes has no token"
	check 'but has the placeholder' [ "$3" -gt 0 ]
fi

# --- both ends ---

is "$(jq -r 'select(.target | startswith("/v1/messages")) | .credentials.authorization | join(",")' asked | sort -u)" \
	"Bearer $token" 'every call of the API came with the real token, and only that'
is "$(jq -r '.credentials."x-api-key" // empty | join(",")' asked)" '' 'and no other credential'
jq -r '.results[]' asked >seen
like "$(cat seen)" 'sk-ant-oat01-' 'the agent has a placeholder'
is "$(grep -cxE 'made|changed|notes of a person' seen)" 3 'it has made and changed files in its copy'
unlike "$(cat seen)" "$(cat secret)" 'and has not found the token in any environment, argument or file'
unlike "$(cat said errors)" "$(cat secret)" 'nor is it on the terminal'
is "$(cat project/notes.txt; ls project)" "notes of a person
notes.txt" 'the files of the host are as they were'
check_status 1 'nothing that was kept has the token' grep -rqaF "$(cat secret)" home
is "$(ls home/state 2>/dev/null)" '' 'and nothing was kept'
done_testing
