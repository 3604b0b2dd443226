#!/bin/sh
# shellcheck disable=SC2016 # jq and the bottle expand in there, not this sh
test_title='limits.memory and limits.cpus: held to in a delegated control group, refused elsewhere'
. "$(dirname "$0")/lib/tap.sh"
. "$BB_SOURCE/t/lib/bottle.sh"

# plan USER LIMITS SCRIPT: a plan whose agent is sh -c SCRIPT, with these limits.
plan() {
	rm -rf "$1/home/state/one"
	make_plan "$1" one '.bottle.argv = ["sh", "-c", $ARGS.positional[0]] | .bottle.limits = '"$2" "$3"
}
# enter GROUP USER COMMAND...: run it as that user, first in a control group, as "systemd-run --scope" would.
# With $become set to "exec" it takes the place of the (sub)shell.
become=
enter() {
	group=$1 user=$2
	shift 2
	set -- env -i PATH="$PATH" HOME="$PWD/$user" BOT_BOTTLE_HOME="$PWD/$user/home" "$@"
	if [ "$user" = "$ordinary" ]; then
		set -- setpriv --reuid "$ordinary" --regid "$ordinary" --clear-groups "$@"
	fi
	$become sh -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$group" "$@"
}

# --- a limit that is nonsense, or that nothing can hold to ---

user=${users%% *}
plan "$user" '{disk: 20000000}' 'echo ran'
check_status 100 'limits.disk is refused' run_plan "$user" one
like "$(cat err)" "cannot hold to 'limits.disk': .*BOT_BOTTLE_HOME on a file system of its own" '... with the remedy'

# --- where control groups are not delegated ---

for user in $users; do
	[ "$user" != root ] || [ "$(stat -fc %T /sys/fs/cgroup)" != cgroup2fs ] ||
		continue # root may divide every group
	for limit in 'memory: 50000000' 'cpus: "1"'; do
		plan "$user" "{$limit}" 'echo ran'
		check_status 111 "$user: '$limit' is refused" run_plan "$user" one
		is "$(cat out)" '' "$user: ... before the start"
		like "$(cat err)" 'control group.*systemd-run --user --scope -p Delegate=yes bb start' \
			"$user: ... with the remedy"
		is "$(leftovers "$user")" '' "$user: ... and nothing is left"
	done
	as "$user" bb-launch-native check >out 2>err
	like "$(cat out)" '^warn limits: .*control group' "$user: the check says so"
	is "$(grep -o 'Delegate=yes bb start' out | wc -l)" 1 "$user: ... with the remedy, once"
done

# --- where they are ---

top=/sys/fs/cgroup/bot-bottle-test-$$
if [ "$(stat -fc %T /sys/fs/cgroup)" != cgroup2fs ] || ! mkdir "$top" 2>/dev/null; then
	skip 'limits in a delegated group' 'this machine has no control groups of version 2 that the test may divide (make test-kernel has)'
	done_testing
fi
at_exit "rmdir '$top'"/*/*/ "'$top'"/*/ "'$top'"
echo '+memory +cpu' >/sys/fs/cgroup/cgroup.subtree_control
echo '+memory +cpu' >"$top/cgroup.subtree_control"

# delegate USER: a new group, $here, as each start with systemd-run gets one.
number=0
delegate() {
	number=$((number + 1))
	here=$top/$number
	mkdir "$here"
	[ "$1" = root ] || chown "$1" "$here" "$here/cgroup.procs" "$here/cgroup.subtree_control" "$here/cgroup.threads"
}

for user in $users; do
	delegate "$user"
	check "$user: a delegated group is noticed" enter "$here" "$user" bb-launch-native check
	like "$(cat out)" '^ok +limits: ' "$user: ... and said"

	plan "$user" '{memory: 60000000, cpus: "0.2"}' 'cat /proc/self/cgroup; ls /sys 2>&1 | wc -l; python3 -c "
import time
wall, used = time.perf_counter(), time.process_time()
while time.perf_counter() - wall < 3: pass
print((time.process_time() - used) / 3 < 0.5)"'
	check "$user: a bottle with limits runs" enter "$here" "$user" bb-launch-native run --plan "$PWD/$user/one.plan"
	is "$(tr '\n' ' ' <out)" '0::/ 1 True ' \
		"$user: ... in a group of its own that it cannot see, at a fifth of a processor (and a margin)"
	is "$(ls -d "$here"/*/ | sed 's,.*/\(.*\)/$,\1,')" bot-bottle-host "$user: ... which is gone with it"
	is "$(leftovers "$user")" '' "$user: ... like all else"

	delegate "$user"
	plan "$user" '{memory: 60000000}' 'python3 -c "x = b\"x\" * 200000000; print(len(x))"; echo $?; exec dd if=/dev/zero of=/dev/shm/x bs=1M count=100 2>/dev/null'
	# The file stays when its writer is ended: nothing can be run behind it, and the kernel may go on to end the
	# bottle's first process, which is no end of an agent but of its world.
	status=0
	enter "$here" "$user" bb-launch-native run --plan "$PWD/$user/one.plan" >out 2>err || status=$?
	like "$(tr '\n' ' ' <out)$status" '^137 (137|111)$' \
		"$user: more memory than the limit is not to be had, nor by way of a file in memory"
	like "$(cat err)" "warning: the memory that 'limits.memory' gives was used up" "$user: ... and it is said"
	rm -rf "$user/home/state/one" # kept, since its agent failed

	# Others in the group: what is not the launcher's alone is not divided.
	delegate "$user"
	mkfifo hold
	sh -c 'echo $$ >"$0/cgroup.procs"; exec cat hold' "$here" &
	other=$!
	exec 5>hold
	plan "$user" '{memory: 60000000}' 'echo ran'
	check_status 111 "$user: a group with other processes in it is not divided" \
		enter "$here" "$user" bb-launch-native run --plan "$PWD/$user/one.plan"
	exec 5>&-
	wait "$other"
	rm hold
	like "$(cat err)" "other processes than bot-bottle's are in its control group" "$user: ... and it is said"

	# A launcher that is killed.
	delegate "$user"
	mkfifo said
	plan "$user" '{memory: 60000000}' 'echo ready; exec sleep 1000'
	(become='exec' && enter "$here" "$user" bb-launch-native run --plan "$PWD/$user/one.plan" >said 2>/dev/null) &
	launcher=$!
	at_exit "kill -9 $launcher"
	read -r line <said
	is "$line" ready "$user: a bottle runs"
	check "$user: ... in its group" test -d "$here/bot-bottle-one"
	kill -9 "$launcher"
	wait "$launcher" 2>/dev/null
	rm said
	# The kernel ends the bottle's processes and the sidecar's; the group can go when they have.
	tries=0
	while pgrep -f "$PWD/$user/" >/dev/null && [ $tries -lt 1200 ]; do
		tries=$((tries + 1))
		python3 -c 'import select; select.select([], [], [], 0.05)'
	done
	check "$user: ... whose rest is removed after its launcher was killed" as "$user" bb-launch-native cleanup
	check_status 1 "$user: ... with the group" test -d "$here/bot-bottle-one"
	is "$(leftovers "$user")" '' "$user: ... and the state"
done

done_testing
