#!/bin/sh
# shellcheck disable=SC2016,SC2317 # programs in quotes; functions that wait_for calls
test_title='bb-sidecar holds the listeners: inherited or bound, across deaths, queued or refused, never served by others'
. "$(dirname "$0")/lib/tap.sh"

# All of it happens in a network namespace of its own.
if [ "${1-}" != inside ]; then
	unshare -rn sh -c 'ip link set lo up && exec sh "$0" inside' "$BB_SOURCE/t/sidecar-listeners.t"
	exit
fi

# serve.py LISTENER READY NAME: answer each connection with NAME; with ./mute, become ready only when it is gone;
# with ./broken, end at once.
cat >serve.py <<'END'
import os, socket, sys, time
if os.path.exists("broken"):
    sys.exit(9)
while os.path.exists("mute"):
    time.sleep(0.01)
listener = socket.socket(fileno=int(sys.argv[1]))
os.write(int(sys.argv[2]), b"\n")
while True:
    connection, peer = listener.accept()
    connection.sendall(sys.argv[3].encode() + b"\n")
    connection.close()
END
# ask.py PORT SECONDS: print what a connection is answered, or why not.
cat >ask.py <<'END'
import socket, sys
try:
    host = sys.argv[3] if len(sys.argv) > 3 else "127.0.0.1"
    s = socket.create_connection((host, int(sys.argv[1])), timeout=float(sys.argv[2]))
    print(s.recv(100).decode().strip() or "closed")
except ConnectionResetError: print("reset")
except ConnectionRefusedError: print("refused")
except TimeoutError: print("silence")
END
# give.py PORT... -- COMMAND...: run COMMAND with listening sockets from descriptor 7 on.
cat >give.py <<'END'
import os, socket, sys
cut = sys.argv.index("--")
for i, port in enumerate(sys.argv[1:cut]):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", int(port)))
    s.listen(16)
    os.dup2(s.detach(), 7 + i)
os.execvp(sys.argv[cut + 1], sys.argv[cut + 1:])
END
cat >document.json <<END
{"kind":"sidecar","v":1,"daemons":[
 {"name":"web","program":"/usr/bin/python3","args":["$PWD/serve.py","{listener:web}","{ready}","web"],"listeners":[{"name":"web","port":8001}]},
 {"name":"git","program":"/usr/bin/python3","args":["$PWD/serve.py","{listener:git.2}","{ready}","git","{listener:git}"],
  "listeners":[{"name":"git","port":8002},{"name":"git.2","port":8003}]}]}
END
health() {
	bb-sidecar health --dir dir
}
state_is() {
	[ "$(health | jq -r --arg name "$1" '.daemons[] | select(.name == $name).state')" = "$2" ]
}
ask() {
	python3 ask.py "$@"
}
start() {
	rm -rf dir log
	"$@" 3<document.json >log 2>errors </dev/null &
	sidecar=$!
	at_exit "kill -9 $sidecar"
	wait_for sh -c "bb-sidecar health --dir dir || ! kill -0 $sidecar"
}

# --- bound ---

start bb-sidecar --document 3 --dir dir --bind 127.0.0.1
check 'daemons with bound listeners become ready' health
is "$(ask 8001 5) $(ask 8003 5)" 'web git' '... and each has its own'
is "$(ask 8001 5 127.0.0.2)" refused '... on that address only'
kill -TERM "$sidecar"
wait "$sidecar"
is "$(ask 8001 5)" refused 'after the end the port is closed'
start bb-sidecar --document 3 --dir dir --bind ::1
is "$(ask 8001 5 ::1)" web 'an IPv6 address'
kill -TERM "$sidecar"
wait "$sidecar"

# --- inherited ---

start python3 give.py 9001 9002 9003 -- bb-sidecar --document 3 --dir dir --listener web=7 --listener git=8 \
	--listener git.2=9
is "$(ask 9001 5) $(ask 9003 5)" 'web git' 'inherited listeners'
is "$(ask 8001 5)" refused '... make the port of the document a mere name'

# --- down for a moment: a connection waits ---

: >dir/web/mute
kill -9 "$(health | jq '.daemons[0].pid')"
wait_for state_is web starting
ask 9001 20 >answer &
asker=$!
wait_for sh -c "ss -Hltn 'sport = 9001' | awk '{ exit !(\$2 > 0) }'"
is "$(ss -Hltn 'sport = 9001' | awk '{ print $2 }')" 1 'while its daemon starts again, a connection waits'
is "$(ask 9003 5)" git '... the other daemon serves on'
rm dir/web/mute
wait "$asker"
is "$(cat answer)" web '... and is served by the next life'

# --- down for long: a connection is reset ---

: >dir/web/broken
kill -9 "$(health | jq '.daemons[0].pid')"
wait_for grep -q '"event":"refusing","daemon":"web"' log
is "$(ask 9001 2)" reset 'a daemon that stays down: a connection is reset at once'
is "$(ask 9003 5)" git '... the other daemon serves on'
is "$(health | jq -c '[.ready, .daemons[0].last_status]')" '[false,9]' '... and health says it'
rm dir/web/broken
wait_for state_is web ready
is "$(ask 9001 5)" web 'when it is back, it serves'
is "$(awk '/^flags/ { print $2 }' "/proc/$(health | jq '.daemons[0].pid')/fdinfo/3")" 02 \
	'... with its socket in the mode in which it was given'

# --- the end while a daemon is down and others hold the listener, too ---

: >dir/web/broken
kill -9 "$(health | jq '.daemons[0].pid')"
wait_for sh -c '[ "$(bb-sidecar health --dir dir | jq ".daemons[0] | .last_status == 9 and .state == \"waiting\"")" = true ]'
kill -TERM "$sidecar"
wait "$sidecar"
is "$?" 9 'the end while a daemon is down'
is "$(ask 9001 5)" refused '... closes its port'

# --- an address that is taken ---

start python3 give.py 8003 -- bb-sidecar --document 3 --dir dir2 --bind 127.0.0.1
wait "$sidecar"
is "$?" 111 'a port that is taken'
like "$(cat errors)" "^bb-sidecar: unable to listen on '127.0.0.1' port 8003 for 'git.2': Address already in use$" \
	'... is named'

# --- a subset ---

start env BOT_BOTTLE_SIDECAR_DAEMONS=web python3 give.py 9001 9003 -- bb-sidecar --document 3 --dir dir \
	--listener web=7 --listener git.2=8
is "$(ask 9001 5)" web 'a subset serves'
is "$(ask 9003 5)" refused '... and the listener of a daemon that is left out is closed'
kill -TERM "$sidecar"
wait "$sidecar"

done_testing
