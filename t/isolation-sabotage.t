#!/bin/sh
test_title='a bottle with one layer left out is not started, and the layer is named'
. "$(dirname "$0")/lib/tap.sh"
. "$BB_SOURCE/t/lib/bottle.sh"

# without USER LAYER WHAT: leave it out; the agent must not run, and WHAT has to be in the reason.
without() {
	make_plan "$1" one ".bottle.argv = [\"echo\", \"the agent runs\"] | .sidecar.daemons[0].listeners[0].port = $port | .bottle.services[0].ports = [$port]"
	check_status 111 "$1: without '$2' nothing starts" as "$1" BB_SABOTAGE="$2" \
		BB_SABOTAGE_PROGRAMS="$BB_BUILD/bin" \
		"$BB_BUILD/t/lib/bb-launch-sabotaged" run --plan "$PWD/$1/one.plan"
	is "$(cat out)" '' "$1: ... the agent has not run"
	like "$(cat err)" "the bottle does not hold: layer '$3'" "$1: ... and the reason is named"
	is "$(leftovers "$1")" '' "$1: ... and nothing is left"
}

for user in $users; do
	# Without a network namespace the port is one of the host: take one that is free, for each user
	# another, because connections linger.
	port=$(/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	make_plan "$user" one '.bottle.argv = ["echo", "the agent runs"]'
	check "$user: with everything in place it starts" as "$user" BB_SABOTAGE= BB_SABOTAGE_PROGRAMS="$BB_BUILD/bin" \
		"$BB_BUILD/t/lib/bb-launch-sabotaged" run --plan "$PWD/$user/one.plan"
	is "$(cat out)" 'the agent runs' "$user: ... and the agent runs"
	without "$user" network 'network namespace'
	without "$user" ipc 'ipc namespace'
	without "$user" uts 'uts namespace'
	without "$user" cgroup 'cgroup namespace'
	without "$user" clocks 'time namespace'
	without "$user" capabilities capabilities
	without "$user" privileges 'no new privileges'
	without "$user" seccomp seccomp
	without "$user" landlock landlock
	without "$user" limits limits
	without "$user" proc proc
	without "$user" mounts mounts
	without "$user" hidden mounts
	without "$user" descriptors descriptors
	without "$user" environment environment
	if [ -e /dev/autofs ]; then
		without "$user" devices devices
	else
		skip "$user: without devices" 'this machine has no /dev/autofs'
	fi

	# The proxy is a layer, too: one that lets everything pass does not.
	# shellcheck disable=SC2016
	make_plan "$user" one '.bottle.argv = ["echo", "the agent runs"] |
		.sidecar.daemons[0].files[0].content = ({routes: [{host: .probe.unlisted}]} | tostring)'
	check_status 111 "$user: with a proxy that lets an unlisted name pass nothing starts" run_plan "$user" one
	like "$(cat err)" "the bottle does not hold: layer 'proxy'" "$user: ... and the reason is named"

	# A bb-prove that does not answer, lies or is not there.
	mkdir -p bin
	ln -sf "$BB_BUILD/bin/bb-sidecar" "$BB_BUILD/bin/bb-egress" bin/
	for answer in 'exit 0' 'exit 1' 'echo "{"' \
		'echo "{\"kind\":\"verdict\",\"v\":1,\"holds\":true,\"checks\":[]}"; exit 1' \
		'echo "{\"kind\":\"verdict\",\"v\":1,\"holds\":false,\"checks\":[]}"' 'kill -9 $$'; do
		printf '#!/bin/sh\n%s\n' "$answer" >bin/bb-prove
		chmod 755 bin bin/bb-prove
		make_plan "$user" one '.bottle.argv = ["echo", "the agent runs"]'
		check_status 111 "$user: a bb-prove that says '$answer' lets nothing start" as "$user" BB_SABOTAGE= \
			BB_SABOTAGE_PROGRAMS="$PWD/bin" "$BB_BUILD/t/lib/bb-launch-sabotaged" run \
			--plan "$PWD/$user/one.plan"
		is "$(cat out)" '' "$user: ... not the agent"
	done
	rm bin/bb-prove
	check_status 111 "$user: without bb-prove nothing starts" as "$user" BB_SABOTAGE= \
		BB_SABOTAGE_PROGRAMS="$PWD/bin" \
		"$BB_BUILD/t/lib/bb-launch-sabotaged" run --plan "$PWD/$user/one.plan"
	is "$(leftovers "$user")" '' "$user: ... and nothing is left"
done

# The launcher that is installed knows no sabotage.
make_plan "${users%% *}" one '.bottle.argv = ["echo", "the agent runs"]'
check 'the real launcher leaves nothing out' as "${users%% *}" BB_SABOTAGE=seccomp bb-launch-native run \
	--plan "$PWD/${users%% *}/one.plan"
check_status 1 '... and does not have the word' grep -q SABOTAGE "$BB_BUILD/bin/bb-launch-native"

done_testing
