#!/bin/sh
# shellcheck disable=SC2016 # jq's dollars
test_title='a reload is confirmed: for these bytes, by the daemon that has read them, or not at all'
. "$(dirname "$0")/lib/tap.sh"

# routes HOST...: a routes file with them.
routes() {
	echo 'routes:'
	for host; do echo "  - host: $host"; done
}
# put FILE: it replaces the routes file in one step; $hash is its digest.
put() {
	cp "$1" dir/egress/new
	mv dir/egress/new dir/egress/routes.yaml
	hash=$(sha256sum "$1" | cut -d' ' -f1)
}

routes a.test >first
jq -n --rawfile routes first '{kind: "sidecar", v: 1, daemons: [{name: "egress", program: "bb-egress", reload: true,
	args: ["--routes", "{dir}/routes.yaml", "--state", "{dir}/state", "--listen", "127.0.0.1:0", "--ready", "{ready}"],
	files: [{path: "routes.yaml", content: $routes}]}]}' >document.json
mkdir -p dir/egress/state && chmod 700 dir dir/egress dir/egress/state
bb-sidecar --document 3 --dir dir 3<document.json >log 2>errors </dev/null &
sidecar=$!
at_exit "kill $sidecar"
wait_for grep -q '"event":"ready"}' log

check_status 100 'a digest has 64 digits' bb-sidecar reload --dir dir --sha256 abc
check_status 100 'and a directory is needed' bb-sidecar reload
check_status 111 'without a sidecar nobody answers' bb-sidecar reload --dir .
like "$(cat err)" "unable to ask the sidecar in '\\.'; is the bottle running\\?: No such file" '... which is said'

routes a.test b.test >second
put second
check 'new routes are confirmed' bb-sidecar reload --dir dir --sha256 "$hash"
is "$(jq -c '[.kind, .v, .daemon, .event, .ok, .sha256]' out)" "[\"reload\",1,\"egress\",\"reload\",true,\"$hash\"]" \
	'... with their digest'
check 'a reload without a digest' bb-sidecar reload --dir dir
is "$(jq -r .sha256 out)" "$hash" '... is answered with that of what was read'
echo 'routes: [{host: "a b"}]' >third
put third
check_status 1 'routes that do not load are refused' bb-sidecar reload --dir dir --sha256 "$hash"
is "$(jq -c '[.ok, .sha256]' out)" "[false,\"$hash\"]" '... those, no others'
like "$(cat err)" "^bb-sidecar: the reload failed: .*routes.yaml:1:.*'a b'" '... with the reason'

# A confirmation of other bytes is none. Whoever waits is served when the right ones come.
routes wanted.test >wanted
want=$(sha256sum wanted | cut -d' ' -f1)
put second
bb-sidecar reload --dir dir --sha256 "$want" >waited 2>&1 </dev/null &
waiting=$!
check 'meanwhile another one reloads' bb-sidecar reload --dir dir --sha256 "$hash"
is "$(cat waited)" '' 'the confirmation of other bytes does not end the waiting'
put wanted
kill -HUP "$sidecar"
wait "$waiting"
is "$? $(jq -r .sha256 waited)" "0 $want" '... that of the right ones does, whoever asked for it'

# A daemon that is down reads the file when it starts.
routes after.test >after
put after
kill -KILL "$(bb-sidecar health --dir dir | jq '.daemons[0].pid')"
check 'while the daemon is down' bb-sidecar reload --dir dir --sha256 "$hash"
is "$(jq -r .sha256 out)" "$hash" '... its next start confirms'
routes never.test >never
check_status 111 'bytes that are not there are not confirmed' bb-sidecar reload --dir dir --sha256 "$(sha256sum never |
	cut -d' ' -f1)"
like "$(cat err)" 'no daemon of the bottle has confirmed the reload in 15 seconds' '... after 15 seconds'

# More than can wait at once: the rest is turned away, and the sidecar works on.
python3 - <<'END' >turned
import os, select, socket
os.chdir("dir")
held = []
for _ in range(40):
    s = socket.socket(socket.AF_UNIX)
    s.connect("reload.sock")
    held.append(s)
def ended(s):
    while True:
        select.select([s], [], [], 60)
        if not s.recv(65536):
            return True
turned = 0
while turned < 32:
    for s in select.select(held, [], [], 60)[0]:
        if not s.recv(65536):
            held.remove(s)
            turned += 1
print(turned, len(held))
END
is "$(cat turned)" '32 8' 'of forty at once eight are kept'
check '... and room is there again when they are gone' wait_for bb-sidecar reload --dir dir
if [ "$(id -u)" -eq 0 ]; then
	chmod 755 . dir && chmod 666 dir/reload.sock
	check_status 111 'another user is not served' setpriv --reuid 47111 --regid 47111 \
		--clear-groups "$BB_BUILD/bin/bb-sidecar" reload --dir dir
	like "$(cat err)" 'does not take requests of this user|Permission denied' '... and told'
else
	skip 'another user is not served' 'needs root to be another user'
fi
kill -TERM "$sidecar"
wait "$sidecar"
check_status 1 'the socket is gone with the sidecar' test -e dir/reload.sock
done_testing
