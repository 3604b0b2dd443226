#!/bin/sh
# shellcheck disable=SC2016 # jq expands in there, not sh
test_title='a hostile agent takes all there is, and does not end when it should'
. "$(dirname "$0")/lib/tap.sh"
. "$BB_SOURCE/t/lib/bottle.sh"

# Take until refused, with a bound of the test's own above the bottle's; print what was got.
cat >processes.py <<'END'
import os, signal
count = 0
try:
    while count < 500:
        if os.fork() == 0:
            while True:
                signal.pause()
        count += 1
    print("no end")
except OSError:
    print(count <= 40)
END
cat >descriptors.py <<'END'
import os
held = []
try:
    while len(held) < 200000:
        held.append(os.open("/dev/null", os.O_RDONLY))
    print("no end")
except OSError:
    print(len(held) <= 65536)
END
# Sizes in MiB above the bottle's: /run has 64, /dev/shm 256.
cat >memory.py <<'END'
import os
for path, most in (("/run/full", 64), ("/dev/shm/full", 256)):
    block, size = b"\0" * (1 << 20), 0
    with open(path, "wb", buffering=0) as f:
        try:
            while size < 2 * most:
                size += f.write(block) >> 20
            print("no end")
        except OSError:
            print(path, size <= most)
    os.unlink(path)
count = 0
os.mkdir("/run/many")
try:
    while count < 400000:
        os.close(os.open("/run/many/%d" % count, os.O_CREAT | os.O_WRONLY))
        count += 1
    print("no end")
except OSError:
    print("inodes", count <= 262144)
END

for user in $users; do
	make_plan "$user" one '.bottle.argv = ["python3", "-c", $ARGS.positional[0]] | .bottle.limits = {pids: 40}' \
		"$(cat processes.py)"
	check "$user: a fork bomb ends" run_plan "$user" one
	is "$(cat out)" True "$user: ... at the limit"
	is "$(leftovers "$user")" '' "$user: ... and leaves nothing"

	make_plan "$user" one '.bottle.argv = ["python3", "-c", $ARGS.positional[0]]' "$(cat descriptors.py)"
	check "$user: an agent that opens files for ever ends" run_plan "$user" one
	is "$(cat out)" True "$user: ... at the limit"

	make_plan "$user" one '.bottle.argv = ["python3", "-c", $ARGS.positional[0]]' "$(cat memory.py)"
	check "$user: one that fills the memory of its file systems ends" run_plan "$user" one
	is "$(tr '\n' ' ' <out)" '/run/full True /dev/shm/full True inodes True ' "$user: ... at the limits"

	# Three generations of daemons that hold standard output and ignore every signal, and never stop writing.
	check_status 3 "$user: an agent ends although its children do not" run_shell "$user" one '
		trap "" HUP INT TERM
		for generation in 1 2 3; do
			setsid sh -c "trap \"\" HUP INT TERM; (while :; do echo late; done) &" &
		done
		read -r first </dev/null
		exit 3'
	rm -f "$user/home/state/one/.preserve"
	check "$user: ... its state is swept" as "$user" bb-launch-native cleanup
	is "$(leftovers "$user")" '' "$user: ... and nothing of them is left"

	# An agent that does not end at all is given its time.
	make_plan "$user" one '.bottle.argv = ["sh", "-c", "trap \"\" HUP INT TERM; while :; do :; done"] | .bottle.limits = {wall: 1}'
	check_status 137 "$user: an agent without end is ended" run_plan "$user" one
	like "$(cat err)" "the agent has had the 1 seconds that .limits.wall. gives it" "$user: ... which is said"
	rm -f "$user/home/state/one/.preserve"
	check "$user: ... its state is swept, too" as "$user" bb-launch-native cleanup
	is "$(leftovers "$user")" '' "$user: ... nothing is left"

	# Output without end does not grow the launcher: the reader decides.
	run_shell "$user" one 'yes | head -c 50000000' 2>err | head -c 10 >out
	is "$(tr -d '\n' <out)" yyyyy "$user: output without end stops with its reader"
	rm -f "$user/home/state/one/.preserve"
	check "$user: ... and nothing stays" as "$user" bb-launch-native cleanup
	is "$(leftovers "$user")" '' "$user: ... at all"
done

done_testing
