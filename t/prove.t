#!/bin/sh
test_title='bb-prove: each check can fail, each check can hold, nothing is harmed'
. "$(dirname "$0")/lib/tap.sh"

# Networks of our own: a default route into nothing is a way out that harms nobody.
if [ "$(id -u)" -eq 0 ]; then
	enter='unshare --net --mount --uts --ipc --pid --fork --kill-child'
else
	enter='unshare --map-root-user --net --mount --uts --ipc --pid --fork --kill-child'
fi

# --- the command ---

check 'there is a help' bb-prove --help
like "$(cat out)" '^usage: bb-prove' 'it begins with the usage'
check 'the checks can be listed' bb-prove --list
listed=$(awk '{ print $1 }' out | sort)
check 'the list is a document too' bb-prove --list --json
is "$(jq -r '.checks[].name' out | sort)" "$listed" 'both lists have the same names'
is "$(jq -r '.kind, .v' out | tr '\n' ' ')" 'checks 1 ' 'the document says what it is'
is "$(jq -r '.checks[] | select(.layer == "" or .tries == "") | .name' out)" '' \
	'each check has a layer and a description'
is "$(printf '%s\n' "$listed" | uniq -d)" '' 'no name is there twice'
check_status 100 'an unknown option is refused' bb-prove --lists
check_status 100 'an operand is refused' bb-prove probe.json

# --- the probe document ---

namespaces=$(for type in cgroup ipc mnt net pid time user uts; do
	printf '"%s":"%s",' "$type" "$(readlink "/proc/self/ns/$type")"
done)
cat >probe.json <<END
{"kind":"probe","v":1,"backend":"native","unlisted":"unlisted.invalid","services":[],"host_addresses":["192.0.2.7"],
 "env":["PATH"],"hidden":[],"namespaces":{${namespaces%,}}}
END

# with FILTER: the probe document, changed.
with() {
	jq -c "$1" probe.json
}

# refuses FILTER PATTERN NAME: the changed document is the caller's fault, and the error says why.
refuses() {
	with "$1" >bad.json
	bb-prove <bad.json >out 2>err
	is "$?" 100 "$3"
	like "$(cat err)" "$2" 'the error says so'
	is "$(cat out)" '' 'there is no verdict'
}

: >empty.json
bb-prove <empty.json >out 2>err
is "$?" 100 'an empty document is refused'
refuses '.kind = "plan"' "kind is 'plan'" 'another kind is refused'
refuses '.v = 2' 'version is 2' 'another version is refused'
refuses '.proxies = 1' "unknown key 'proxies'" 'an unknown key is refused'
refuses 'del(.env)' "lacks the key 'env'" 'a missing key is refused'
refuses '.env = [1]' 'env\[0\].*wrong type' 'a wrong type in a list is refused'
refuses '.host_addresses = ["host.example"]' "'host.example' is not an IP address" 'a name is no address'
refuses '.addresses = [{"address":"192.0.2.1","port":0}]' "'0' is not a port" 'port 0 is refused'
refuses '.addresses = [{"address":"192.0.2.1"}]' "lacks the key 'port'" 'an endpoint without port is refused'
refuses '.proxy = {"address":"egress","port":9099}' "'egress' is not an IP address" 'a proxy needs an address'
refuses 'del(.unlisted) | .proxy = {"address":"127.0.0.1","port":9099}' 'no unlisted name' \
	'a proxy needs a name to refuse'
refuses '.unlisted = "a b"' "'a b' is not a host name" 'a name with a space is refused'
refuses '.listed = "a\r\nb"' 'is not a host name' 'a name with a line end is refused'
refuses '.services = [{"name":"x","ports":["9099"]}]' 'ports\[0\].*wrong type' 'a port must be a number'
refuses '.namespaces.nett = "x"' "unknown key 'nett'" 'an unknown namespace is refused'

# --- where nothing holds ---

# Judge by VERDICT: names of checks that have a result, one a line.
having() {
	jq -r --arg r "$1" '.checks[] | select(.result == $r) | .name' verdict.json | sort
}
result_of() {
	jq -r --arg n "$1" '.checks[] | select(.name == $n) | .result' verdict.json
}
detail_of() {
	jq -r --arg n "$1" '.checks[] | select(.name == $n) | .detail' verdict.json
}

# prove FILTER COMMAND...: the verdict on what COMMAND (ending in bb-prove) runs in.
prove() {
	with "$1" >asked.json
	shift
	"$@" <asked.json >verdict.json 2>explained
}

cat >open.sh <<'END'
set -eu
mount -t tmpfs none /run
ip link set lo up
ip route add default dev lo
ip -6 route add default dev lo
ip link add type veth
namespaces=$(for type in cgroup ipc mnt net pid time user uts; do
	printf '"%s":"%s",' "$type" "$(readlink "/proc/self/ns/$type")"
done)
jq -c ".namespaces = {${namespaces%,}}" <asked.json >here.json
cat /proc/self/mountinfo >mounts.before
status=0
TOKEN=s3cret FOO=bar python3 open.py bb-prove <here.json >verdict.json 2>explained || status=$?
cat /proc/self/mountinfo >mounts.after
exit "$status"
END
# What a careless launcher leaves behind: a listener, a socket, a process, a descriptor.
cat >open.py <<'END'
import os, socket, subprocess, sys
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen()
helper = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
docker = socket.socket(socket.AF_UNIX)
docker.bind("/run/docker.sock")
docker.listen()
outside = socket.socket(socket.AF_UNIX)
outside.bind("\0bb-prove-test")
outside.listen()
os.dup2(os.open("/", os.O_RDONLY), 9)
os.set_inheritable(9, True)
sys.exit(os.spawnvp(os.P_WAIT, sys.argv[1], sys.argv[1:]))
END
mkdir only-landlock
with '.hidden = ["'"$PWD"'/only-landlock"] | .unwritable = ["'"$PWD"'/only-landlock"] | .abstract = ["bb-prove-test"]
	| .placeholders = [{"name":"TOKEN","value":"placeholder"}] | .env += ["TOKEN"]' >asked.json

# clock: the time of day, less what has gone by.
clock() {
	awk -v now="$(date +%s)" '{ printf "%d\n", now - $1 }' /proc/uptime
}
clock >clock.before
hostname >hostname.before
$enter --mount-proc sh open.sh >out 2>err
is "$?" 1 'a machine that is no bottle does not hold'
is "$(jq -r '.kind, .v, .holds' verdict.json | tr '\n' ' ')" 'verdict 1 false ' 'the verdict says so'
is "$(jq -r '.checks[].name' verdict.json | sort)" "$listed" 'every check of the list was reported'

# Checks that hold here for lack of what they try: a kernel without modules, kexec or a 32-bit entry; no proxy; no
# terminal.
absent='^(foreign-abi|module|kexec|terminal|proxy-(host|port|address|tunnel))$'
# Checks that root has to be the machine's own for.
roots='^(bpf|reboot|clock|kernel-log|admin|setid|devices|proc|read-only|identity|perf|raw)$'
held=$(having held | grep -Ev "$absent")
[ "$(id -u)" -eq 0 ] || held=$(printf '%s\n' "$held" | grep -Ev "$roots")
is "$held" '' 'every check can fail'
# Where nothing forbids them, sockets make the kernel ask a program for a module, which a slow machine is too slow for.
is "$(jq -r '.checks[] | select(.result == "unknown" and (.detail | test(": no answer in ") | not)) | .name' verdict.json)" \
	'' 'no check is left unknown'
like "$(detail_of tcp)" '1\.1\.1\.1 port 443: a packet left' 'a packet without an answer has left'
like "$(detail_of neighbours)" 'listener on port|@bb-prove-test' 'a stranger on loopback is named'
like "$(detail_of descriptors)" '^descriptor [0-9]+ is' 'a descriptor is named'
like "$(detail_of environment)" "FOO' is not allowed|does not hold its placeholder|is not allowed" 'a variable is named'
unlike "$(cat verdict.json explained)" 's3cret' 'no value of a variable is shown'
for layer in 'network namespace' resolver seccomp capabilities 'no new privileges' 'user namespace' 'mount namespace' \
	'pid namespace' 'ipc namespace' 'uts namespace' 'cgroup namespace' 'time namespace' proc mounts descriptors \
	environment landlock limits; do
	like "$(cat explained)" "^bb-prove: the layer '$layer' does not hold: " "the layer '$layer' is named"
done
is "$(sort explained | cut -d: -f1-2 | uniq -d)" '' 'each layer is named once'

# --- and nothing is harmed ---

is "$(diff mounts.before mounts.after)" '' 'the mounts are as they were'
is "$(hostname)" "$(cat hostname.before)" 'the host has its name'
is "$(find /tmp -maxdepth 1 -name '.bot-bottle-probe-*')" '' 'no file is left behind'
is "$(find only-landlock -type f)" '' 'nothing was written'
moved=$(($(clock) - $(cat clock.before)))
check 'the clock was not moved' test "${moved#-}" -lt 60

# --- single layers ---

with '.addresses = [{"address":"203.0.113.9","port":8443}]' >asked.json
$enter sh -c 'ip link set lo up && exec bb-prove <asked.json' >verdict.json 2>explained
is "$?" 1 'a network namespace alone is no bottle'
for name in tcp udp ipv6 metadata host interfaces resolver network-namespace; do
	is "$(result_of $name)" held "without a route: $name holds"
done
is "$(detail_of host)" 'no address answered' 'the host is out of reach'

prove . setpriv --no-new-privs bb-prove
is "$(result_of privileges)" held 'no new privileges: the flag is seen'
prove . env -i "$(command -v bb-prove)"
is "$(result_of environment)" held 'an empty environment holds'
prove . env -i PATH=/bin "$(command -v bb-prove)"
is "$(result_of environment)" held 'an allowed variable holds'
prove . env -i PATH=/bin LD_X= "$(command -v bb-prove)"
is "$(result_of environment)" open 'a variable that is not allowed does not'
token='.env = ["TOKEN"] | .placeholders = [{"name":"TOKEN","value":"placeholder"}]'
prove "$token" env -i TOKEN=placeholder "$(command -v bb-prove)"
is "$(result_of environment)" held 'a placeholder holds'
prove "$token" env -i TOKEN=sk-real "$(command -v bb-prove)"
is "$(result_of environment)" open 'a token does not'
unlike "$(cat verdict.json explained)" 'sk-real' 'and is not shown'
prove '.namespaces = {}' bb-prove
is "$(result_of pid-namespace)" unknown 'a namespace that is not named is unknown'
like "$(cat explained)" "the layer 'pid namespace' does not hold" 'and unknown does not hold'
prove '.backend = "docker"' bb-prove
is "$(jq -r '.checks[].name' verdict.json | sort)" "$(bb-prove --list | awk '$0 !~ / native / { print $1 }' | sort)" \
	'another backend owes what --list says'
prove . prlimit --core=0 --nproc=4000 bb-prove
is "$(result_of limits)" held 'limits hold where they are set'
script -qec 'bb-prove <probe.json >verdict.json 2>explained' /dev/null >out 2>&1 </dev/null
is "$(result_of terminal)" open 'a terminal does not hold'
prove '.addresses = [range(200) | {"address":"127.0.0.1","port":1}]' bb-prove
like "$(detail_of tcp)" 'connected|a packet left|more than' 'more addresses than can be tried do not hold'
mkdir unwritable && chmod 500 unwritable
if [ "$(id -u)" -eq 0 ]; then
	skip 'what cannot be written holds' 'root writes everywhere'
else
	prove '.unwritable = ["'"$PWD"'/unwritable"]' bb-prove
	is "$(result_of landlock-files)" held 'what cannot be written holds'
fi
prove '.unwritable = ["'"$PWD"'/nothing"]' bb-prove
is "$(result_of landlock-files)" unknown 'a path that is not there proves nothing'
bb-prove <probe.json >/dev/full 2>err
is "$?" 111 'a verdict that cannot be written is the fault of the world'

# --- the proxy ---

# Stand-ins: one that lets everything through, and others that do as they are told.
cat >proxy.py <<'END'
import os, socket, sys, threading
mode, port_file = sys.argv[1:]
def answer(client, status, extra=b""):
    client.sendall(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n" + extra)
def serve(client):
    head = client.recv(4096)
    tunnel = head.startswith(b"CONNECT")
    if mode == "silent":
        client.recv(1)
    elif mode == "refuse" and not tunnel:
        answer(client, b"403 Forbidden")
    elif mode == "strict":
        answer(client, b"403 Forbidden")
    elif mode == "search":
        answer(client, b"502 Bad Gateway")
    elif mode == "garbage":
        client.sendall(b"SSH-2.0-stand-in\r\n")
    elif mode == "close":
        pass
    else:
        answer(client, b"200 OK")
        if tunnel and client.recv(4096) and mode == "open":
            answer(client, b"200 OK")
        elif tunnel:
            answer(client, b"400 Bad Request")
    client.close()
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen()
with open(port_file, "w") as ready:
    ready.write("%d\n" % listener.getsockname()[1])
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
END

# ask MODE FILTER: the verdict with a proxy of that mode.
ask() {
	mkfifo "port.$1"
	python3 proxy.py "$1" "port.$1" &
	proxy=$!
	at_exit "kill $proxy"
	read -r port <"port.$1"
	prove ".proxy = {\"address\":\"127.0.0.1\",\"port\":$port} | .listed = \"listed.example\"" bb-prove
	kill "$proxy"
	rm "port.$1"
	for name in proxy-host proxy-port proxy-address proxy-tunnel; do
		result_of "$name"
	done | tr '\n' ' '
}

is "$(ask refuse)" 'held held held held ' 'a proxy that refuses holds'
is "$(ask strict)" 'held held held held ' 'so does one that refuses the CONNECT'
is "$(ask open)" 'open open open open ' 'one that lets everything through does not'
is "$(ask search)" 'open open open open ' 'nor one that went looking'
is "$(ask garbage)" 'open open open open ' 'nor one that does not speak HTTP'
is "$(ask silent)" 'unknown unknown unknown unknown ' 'one that does not answer proves nothing'
is "$(ask close)" 'unknown unknown unknown unknown ' 'nor one that closes'
prove '.proxy = {"address":"127.0.0.1","port":1}' bb-prove
is "$(result_of proxy-host)" unknown 'nor one that is not there'

done_testing
