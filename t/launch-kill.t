#!/bin/sh
test_title='kill -9 of any of our processes at any moment leaves nothing behind after a cleanup'
. "$(dirname "$0")/lib/tap.sh"
. "$BB_SOURCE/t/lib/bottle.sh"

# How many bottles are killed, over all users: BB_KILLS, 20 if it is not set.
kills=${BB_KILLS:-20}

# The processes of one bottle in the order of their making: launcher, first process of the bottle,
# sidecar, egress and its parts, agent. One that is there is picked at random, after a random time:
# the moments before it exists are the start, those after are the life of the bottle.
cat >killer.py <<'END'
import os, random, signal, subprocess, sys, time

def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as f:
            return [int(p) for p in f.read().split()]
    except OSError:
        return []

def family(pid):
    found = [pid]
    for p in found:
        found += children(p)
    return found

def name(pid):
    try:
        with open(f"/proc/{pid}/comm") as f:
            return f.read().strip()
    except OSError:
        return "gone"

def state(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0]
    except OSError:
        return "gone"

random.seed(int(sys.argv[1]))
wait = random.uniform(0, 0.25)
p = subprocess.Popen(sys.argv[2:], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
time.sleep(wait)
# "env" and "setpriv" become the launcher: they are the same process.
members = family(p.pid)
victim = random.choice(members)
print(f"{name(victim)} after {wait * 1000:.0f} ms", end="")
try:
    os.kill(victim, signal.SIGKILL)
except ProcessLookupError:
    print(" (gone already)", end="")
print()
# The agent waits for the end of its input: what is not killed by that death ends now.
p.stdin.close()
try:
    p.wait(30)
except subprocess.TimeoutExpired:
    print("the launcher is still there after 30 seconds")
    sys.exit(1)
deadline = time.monotonic() + 20
while time.monotonic() < deadline:
    left = [m for m in members if state(m) not in ("gone", "Z")]
    if not left:
        sys.exit(0)
    time.sleep(0.01)
print("still there:", " ".join(f"{m} ({name(m)})" for m in left))
sys.exit(1)
END

n=0
while [ "$n" -lt "$kills" ]; do
	for user in $users; do
		n=$((n + 1))
		make_plan "$user" "kill-$n" '.bottle.argv = ["sh", "-c", "sleep 1000 & cat"]'
		# shellcheck disable=SC2046 # a prefix of words, or none
		/usr/bin/python3 killer.py "$n" env -i PATH="$BB_BUILD/bin:/usr/bin:/bin" HOME="$PWD/$user" \
			$([ "$user" != "$ordinary" ] ||
			echo "setpriv --reuid $ordinary --regid $ordinary --clear-groups") \
			"$BB_BUILD/bin/bb-launch-native" run --plan "$PWD/$user/kill-$n.plan" >told 2>&1
		tap_result $? "$user: all end, with $(cat told)"
		# What a failed agent leaves on purpose is not a remnant.
		find "$user/home/state" -name .preserve -exec dirname {} \; 2>/dev/null |
			while read -r kept; do rm -rf "$kept"; done
		as "$user" bb-launch-native cleanup >out 2>err
		is "$? $(cat err)$(leftovers "$user")" '0 ' "$user: ... and nothing is left after a cleanup"
	done
done

# A reload that is asked for at any moment of the start: the sidecar is the first process of its own namespace, which
# no signal reaches before there is a handler for it, and holds back what comes before a daemon is ready.
cat >reload.py <<'END'
import os, signal, subprocess, sys

def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as f:
            return [int(p) for p in f.read().split()]
    except OSError:
        return []

p = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
sent = 0
os.set_blocking(p.stdout.fileno(), False)
answer = b""
while p.poll() is None and not answer:
    answer = p.stdout.read() or b""
    for sidecar in children(p.pid)[1:]:  # behind the first process of the bottle
        try:
            os.kill(sidecar, signal.SIGHUP)
            sent += 1
        except ProcessLookupError:
            pass
p.stdin.close()
print(p.wait(), answer.decode().strip(), "signals" if sent > 1 else "no signal")
END
for user in $users; do
	make_plan "$user" reload '.bottle.argv = ["sh", "-c", "echo up; cat"]'
	# shellcheck disable=SC2046 # a prefix of words, or none
	is "$(/usr/bin/python3 reload.py env -i PATH="$BB_BUILD/bin:/usr/bin:/bin" HOME="$PWD/$user" \
		$([ "$user" != "$ordinary" ] || echo "setpriv --reuid $ordinary --regid $ordinary --clear-groups") \
		"$BB_BUILD/bin/bb-launch-native" run --plan "$PWD/$user/reload.plan" 2>err)" \
		'0 up signals' "$user: HUP to the sidecar, over and over from its first moment on, does no harm"
done

# Nothing in other places either: no namespace that outlives its processes, nothing in /tmp.
is "$(find /tmp /dev/shm -maxdepth 1 -newer killer.py -name '.bb-*' 2>/dev/null)" '' 'nothing is left elsewhere'

done_testing
