#!/bin/sh
# shellcheck disable=SC2016 # the bottle's dollars
test_title='a launcher that is killed at any point: its containers end by themselves, the rest is cleaned up'
# shellcheck source=t/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
# shellcheck source=t/lib/docker.sh
. "$BB_SOURCE/t/lib/docker.sh"

# What must stay: a container whose name is like ours, and one that belongs to another home.
docker create --name "bot-bottle-foreign-$$" "$BOT_BOTTLE_DOCKER_BASE" true >/dev/null
docker create --name "bot-bottle-other-$$" --label bot-bottle.identity=other --label bot-bottle.home=/elsewhere \
	"$BOT_BOTTLE_DOCKER_BASE" true >/dev/null
at_exit "docker rm bot-bottle-foreign-$$ bot-bottle-other-$$"

bottle 0 'the images are there' true
bb start tester --backend docker --headless --prompt 'echo up; exec sleep 1000' --dry-run --json >plan.json 2>/dev/null

containers() {
	docker ps --all --quiet --filter "label=bot-bottle.home=$home"
}
no_containers() {
	[ -z "$(containers)" ]
}

# Killed with the agent at work: nobody is there to remove the containers, and they go.
bb-launch-docker run --plan plan.json >said 2>err </dev/null &
launcher=$!
at_exit "kill -9 $launcher"
check 'a bottle runs' wait_for grep -q up said
is "$(containers | wc -l | tr -d ' ')" 2 'in two containers'
bb-launch-docker cleanup >out 2>err
is "$? $(cat out)" '0 ' 'which cleanup does not touch'
is "$(containers | wc -l | tr -d ' ')" 2 'they are still there'
kill -9 $launcher
check 'the launcher killed, both containers end and are gone' wait_for no_containers
bb-launch-docker cleanup --dry-run >out 2>err
is "$? $(sed 's/ .*//' out | sort | tr '\n' ' ')" '0 network state volume ' 'the rest is found'
is "$(leftovers | wc -l | tr -d ' ' | sed 's/^[1-9].*/some/')" some 'and not touched by a dry run'
check 'bb cleanup removes it' bb cleanup --yes
is "$(leftovers)" '' 'all of it'

# Killed at any moment of the start: whatever is there is found. What the engine was asked for by the one who died
# may come into being a moment later, and is for the next cleanup.
cleaned() {
	bb-launch-docker cleanup >out 2>err || tap_show err
	left=$(leftovers)
	[ -z "$left" ]
}
rounds=${BB_KILL_ROUNDS:-12}
round=0
while [ $round -lt "$rounds" ]; do
	bb-launch-docker run --plan plan.json >/dev/null 2>&1 </dev/null &
	launcher=$!
	python3 -c "import time; time.sleep($round * 2.0 / $rounds)"
	kill -9 $launcher
	wait $launcher 2>/dev/null
	wait_for cleaned || break
	round=$((round + 1))
done
is "$round $(leftovers)" "$rounds " "killed $rounds times during its start: nothing is left"

# The next start of the same identity does not need a cleanup.
bb-launch-docker run --plan plan.json >said 2>err </dev/null &
launcher=$!
wait_for grep -q up said
kill -9 $launcher
jq '.bottle.argv = ["echo", "again"]' plan.json >again.json
check 'the next start of the same name clears the way' bb-launch-docker run --plan again.json
is "$(cat out)" again 'and runs'
is "$(leftovers)" '' 'with nothing left of either'

# TERM is not a death: the agent gets it.
jq '.bottle.argv = ["sh", "-c", "trap \"echo told; exit 5\" TERM; echo up; while :; do sleep 0.1; done"]' plan.json \
	>told.json
bb-launch-docker run --plan told.json >said 2>err </dev/null &
launcher=$!
wait_for grep -q up said
kill -TERM $launcher
wait $launcher
is "$? $(tr '\n' ' ' <said)" '5 up told ' 'TERM goes to the agent, whose end is the launcher'\''s'
rm -rf home/state

is "$(docker ps --all --quiet --filter "name=bot-bottle-foreign-$$" --filter "name=bot-bottle-other-$$" | wc -l |
	tr -d ' ')" 2 \
	'foreign containers are untouched'
done_testing
