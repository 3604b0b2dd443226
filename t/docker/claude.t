#!/bin/sh
test_title='Claude Code works in a bottle on a Docker engine and never holds the token'
# shellcheck source=t/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
# shellcheck source=t/lib/docker.sh
. "$BB_SOURCE/t/lib/docker.sh"
# shellcheck source=t/lib/certificate.sh
. "$BB_SOURCE/t/lib/certificate.sh"

claude=$(readlink -f "$BB_BUILD/agents/claude/node_modules/.bin/claude")
if ! [ -x "$claude" ]; then
	skip "$test_title" "Claude Code is not here; 'make test-agents' brings it from npm"
	done_testing
fi

# --- a stand-in of its API ---

# What the model asks the agent's shell to do: write, and look for credentials everywhere. It waits in the middle, so
# that its memory can be read from outside.
# shellcheck disable=SC2016 # for the shell in the bottle
command='echo made >made.txt; echo changed >>notes.txt; curl -sS https://api.anthropic.com/hold; {
env; cat made.txt notes.txt;
for f in /proc/[0-9]*/environ /proc/[0-9]*/cmdline; do tr "\0" "\n" <$f; done 2>/dev/null;
find / -xdev -user "$(id -un)" -type f -size -200k -exec cat {} + 2>/dev/null | grep -a -e token -e sk-ant; } |
grep -av _SECRET='
make_certificate ca api.anthropic.com
mkfifo ready
python3 "$BB_SOURCE/t/lib/anthropic.py" --bind "$host" --cert ca/api.anthropic.com.pem --key ca/api.anthropic.com.key \
	--record asked --command "$command" --final 'The file is made.' --release "$PWD/release" >ready &
at_exit "kill $!"
read -r port <ready

# --- the bottle: provider claude as it is, but for where its host is and how its program comes into the image ---

mkdir -p home/contrib/claude project agent
cp -R "$BB_SOURCE/providers/claude/." home/contrib/claude/
/usr/bin/python3 - "$host:$port" "$PWD/ca/ca.pem" <<-'END'
	import sys, yaml
	path = "home/contrib/claude/provider.yaml"
	with open(path) as f:
	    provider = yaml.safe_load(f)
	host = provider["token"]["host"]
	routes = [r for r in provider.get("routes", []) if r["host"] != host]
	routes.append({"host": host, "upstream": {"connect": sys.argv[1], "ca_file": sys.argv[2]}})
	provider["routes"] = routes
	with open(path, "w") as f:
	    yaml.safe_dump(provider, f)
END
ln "$claude" agent/claude 2>/dev/null || cp "$claude" agent/claude
# shellcheck disable=SC2016 # the recipe's dollars
printf 'ARG BASE\nFROM ${BASE}\nCOPY claude /usr/local/bin/claude\nRUN useradd --uid 1000 --user-group --create-home --shell /bin/bash node\n' >agent/Dockerfile
printf -- '---\nagent_provider: {template: claude, auth_token: CLAUDE_TOKEN, dockerfile: "%s/agent/Dockerfile"}\nsupervise: false\n---\n' "$PWD" >home/bottles/work.md
chmod 600 home/bottles/work.md
printf -- '---\nbottle: work\n---\nYou make files.\n' >home/agents/maker.md
echo 'notes of a person' >project/notes.txt
token=sk-ant-oat01-real-$(openssl rand -hex 24)

# --- run it; look at its memory while it waits ---

(cd project && CLAUDE_TOKEN=$token bb start maker --backend docker --cwd --yes --headless --label work \
	--prompt 'make the file' >../said 2>../errors </dev/null) &
bottle=$!
at_exit "kill $bottle"
waiting() {
	! kill -0 "$bottle" 2>/dev/null || jq -e 'select(.target == "/hold")' asked
}
wait_for waiting
check 'the agent got as far as its shell' grep -q '"/hold"' asked
inspected=$(docker inspect bot-bottle-work bot-bottle-sidecars-work)
# The placeholder begins like the real token: what comes after that is searched for, and to see that the search finds
# anything, what they share.
printf '%s\n' "${token#sk-ant-oat01-}" >secret
memory=$(printf '%s\n' "$(cat secret)" sk-ant-oat01- |
	python3 "$BB_SOURCE/t/lib/memory.py" "$(docker inspect --format '{{.State.Pid}}' bot-bottle-work)" claude 2>memory-errors)
touch release
wait "$bottle"
is $? 0 'the agent ends well'
[ -s said ] || tap_show errors
like "$(cat said)" 'The file is made\.' 'and says what the model said'
# shellcheck disable=SC2086 # three numbers
set -- $memory
if [ "${1:-0}" -eq 0 ]; then
	skip 'its memory has no token' 'reading the memory of a container needs root, and an engine on this machine'
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
unlike "$inspected" "$(cat secret)" 'nor in what the engine tells'
is "$(cat project/notes.txt; ls project)" "notes of a person
notes.txt" 'the files of the host are as they were'
is "$(leftovers)" '' 'and nothing was kept'
done_testing
