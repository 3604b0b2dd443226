#!/bin/sh
# shellcheck disable=SC2016 # the bottle's dollars
test_title='an engine that refuses, breaks off, is slow, or goes away: the start says so, and nothing stays behind'
# shellcheck source=t/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
# shellcheck source=t/lib/docker.sh
. "$BB_SOURCE/t/lib/docker.sh"

bottle 0 'the images are there' true
bb start tester --backend docker --headless --prompt 'echo up; exec sleep 1000' --dry-run --json >plan.json 2>/dev/null
engine=${DOCKER_HOST:-unix:///var/run/docker.sock}
engine=${engine#unix://}

# faulty KIND CALL: an engine that fails at one call, at ./engine.sock
faulty() {
	rm -f engine.sock calls
	python3 "$BB_SOURCE/t/lib/enginefaults.py" engine.sock "$engine" "$1" "$2" >calls &
	relay=$!
	at_exit "kill $relay"
	wait_for grep -q ready calls
}

# cleaned: nothing is left, at the latest after a cleanup. What the engine was asked for may come a moment later.
cleaned() {
	[ -z "$(leftovers)" ] || { bb-launch-docker cleanup >cleanup.out 2>&1 && [ -z "$(leftovers)" ]; }
}

# Each call on the way to the agent, once.
while read -r kind call; do
	faulty "$kind" "$call"
	env DOCKER_HOST="unix://$PWD/engine.sock" bb-launch-docker run --plan plan.json >out 2>err </dev/null
	is "$? $(grep -c failed calls)" '111 1' "'$call': $kind ends the start"
	is "$(grep -vc '^bb-launch-docker: warning: ' err)" 1 '... with one line'
	case $kind in
	refuse) like "$(cat err)" '^bb-launch-docker: .*(refuses .*no space left on device|refuses to attach)' '... in the words of the engine' ;;
	cut) like "$(cat err)" '^bb-launch-docker: .*([Ee]ngine|ended)' '... that says who broke off' ;;
	esac
	kill $relay
	wait $relay 2>/dev/null
	check '... nothing stays' wait_for cleaned
done <<'END'
cut GET /_ping
refuse GET /images/bot-bottle-agent
cut POST /volumes/create
refuse POST /networks/create
cut POST /containers/create.*sidecars
refuse POST /containers/create.*sidecars
cut POST /containers/bot-bottle-sidecars-.*/attach
refuse POST /containers/bot-bottle-sidecars-.*/start
cut POST /containers/create\?name=bot-bottle-tester
refuse PUT /containers/.*/archive
cut PUT /containers/.*/archive
refuse POST /containers/bot-bottle-tester-[^/]*/attach
cut POST /containers/bot-bottle-tester-[^/]*/start
END

# Removing fails: it is said, and done later.
for call in 'DELETE /containers/bot-bottle-tester-[^/]*$' 'DELETE /networks' 'DELETE /volumes'; do
	jq '.bottle.argv = ["true"]' plan.json >short.json
	# The first of these calls looks for remnants before the start; the relay lets it pass.
	faulty refuse "$call"
	env DOCKER_HOST="unix://$PWD/engine.sock" bb-launch-docker run --plan short.json >out 2>err </dev/null
	status=$?
	kill $relay
	wait $relay 2>/dev/null
	is "$status $(grep -c failed calls)" '111 1' "'$call': what cannot be cleared away prevents the start"
	check '... nothing stays' wait_for cleaned
done

faulty slow 'POST /containers/bot-bottle-tester-[^/]*/start'
jq '.bottle.argv = ["echo", "late"]' plan.json >short.json
env DOCKER_HOST="unix://$PWD/engine.sock" bb-launch-docker run --plan short.json >out 2>err </dev/null
is "$? $(cat out)" '0 late' 'a slow engine is waited for'
is "$(leftovers)" '' 'with nothing left'
kill $relay
wait $relay 2>/dev/null

# It goes away while the agent works.
faulty cut NEVER
env DOCKER_HOST="unix://$PWD/engine.sock" bb-launch-docker run --plan plan.json >said 2>err </dev/null &
launcher=$!
at_exit "kill $launcher"
check 'a bottle runs' wait_for grep -q up said
kill $relay
wait $relay 2>/dev/null
wait $launcher
is $? 111 'an engine that goes away ends the bottle'
like "$(cat err)" '^bb-launch-docker: (the (bottle|sidecar) ended|unable to (read|write))' 'which is said'
rm -rf home/state # which is kept, as the agent did not end well
check 'and nothing stays' wait_for cleaned

# There is none.
check_status 111 'no engine' env DOCKER_HOST="unix://$PWD/nowhere.sock" bb-launch-docker run --plan plan.json
like "$(cat err)" "^bb-launch-docker: unable to reach the Docker engine at '.*nowhere.sock'; start it, join the group" 'says what to do'
check_status 100 'an engine elsewhere' env DOCKER_HOST=tcp://192.0.2.1:2375 bb-launch-docker run --plan plan.json
like "$(cat err)" 'is not on a Unix socket of this machine' 'is refused'

# A context is where the engine is.
mkdir -p config/contexts/meta/"$(printf here | sha256sum | cut -d' ' -f1)"
printf '{"Name":"here","Metadata":{},"Endpoints":{"docker":{"Host":"unix://%s"}}}' "$engine" \
	>config/contexts/meta/"$(printf here | sha256sum | cut -d' ' -f1)"/meta.json
check 'a context of the environment' env -u DOCKER_HOST DOCKER_CONFIG="$PWD/config" DOCKER_CONTEXT=here bb-launch-docker run --plan short.json
is "$(cat out)" late 'is used'
echo '{"currentContext":"here"}' >config/config.json
check 'the context in use' env -u DOCKER_HOST DOCKER_CONFIG="$PWD/config" bb-launch-docker run --plan short.json
is "$(cat out)" late 'as well'
check_status 100 'one that there is not' env -u DOCKER_HOST DOCKER_CONFIG="$PWD/config" DOCKER_CONTEXT=there bb-launch-docker run --plan short.json
like "$(cat err)" "there is no Docker context 'there'" 'is refused'

# No build.
printf 'ARG BASE\nFROM ${BASE}\nRUN echo no such package >&2; exit 3\n' >image/Dockerfile
check_status 111 'a recipe that fails' bb start tester --backend docker --yes --headless --prompt true
like "$(cat err)" "no such package" 'shows why'
like "$(cat err)" "^bb-launch-docker: while building 'Dockerfile': the engine is unable to build" 'and is named'
is "$(leftovers)" '' 'nothing stays'
done_testing
