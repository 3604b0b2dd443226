#!/bin/sh
test_title='bb-inside: the conversation with the first process of a container'
# shellcheck source=t/lib/tap.sh
. "$(dirname "$0")/lib/tap.sh"

# In a pid namespace of its own, as an ordinary user in it: there it ends nobody else's processes.
cat >talk.py <<'END'
import json, os, struct, subprocess, sys

NAMESPACES = ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--pid", "--fork", "--kill-child"]

def frame(kind, payload=b""):
    return kind + struct.pack(">I", len(payload)) + payload

class Inside:
    def __init__(self, **document):
        self.process = subprocess.Popen(NAMESPACES + ["bb-inside"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if document is not None:
            whole = {"kind": "inside", "v": 1, "workdir": "/", "tty": False, "ports": [], "door": "/nowhere",
                     "env": [{"name": "PATH", "value": "/usr/bin:/bin"}, {"name": "KEY", "secret": "k"}], **document}
            self.say(b"B", json.dumps(whole).encode())
            self.say(b"S", b"1:k,5:value,")

    def say(self, kind, payload=b""):
        self.process.stdin.write(frame(kind, payload))
        self.process.stdin.flush()

    def hear(self):
        head = self.process.stdout.read(5)
        if len(head) < 5:
            return None
        return head[:1].decode() + ":" + self.process.stdout.read(struct.unpack(">I", head[1:])[0]).decode()

    def rest(self):
        heard = []
        while (one := self.hear()) is not None:
            heard.append(one)
        return heard, self.process.wait()
END
cat >run.py <<'END'
from talk import Inside
import sys

inside = Inside(argv=["sh", "-c", "echo $KEY; read x; echo got $x >&2; exit 3"], setup=[{"argv": ["sh", "-c", "echo last words; exit 4"], "on_failure": "warn"}])
print(inside.hear())
inside.say(b"G")
print(repr(inside.hear()))
inside.say(b"G")
inside.say(b"I", b"line\n")
heard, status = inside.rest()
for kind in "AOETX":
    print("".join(h for h in heard if h[0] == kind).strip())
print(status)
END
cat >terminal.py <<'END'
from talk import Inside
inside = Inside(argv=["sh", "-c", "read go; stty size; kill -KILL $$"], tty=True)
inside.hear()
inside.say(b"W", b"31 97")
inside.say(b"G")
inside.say(b"I", b"go\n")
heard, status = inside.rest()
print("31 97" in "".join(heard), heard[-1], status)
END
cat >broken.py <<'END'
import subprocess, sys
from talk import NAMESPACES, frame, Inside
def run(text):
    done = subprocess.run(NAMESPACES + ["bb-inside"], input=text, stdout=subprocess.PIPE)
    print(done.returncode, done.stdout[done.stdout.rindex(b"F") + 5:].decode().replace("\n", " "))
run(b"")
run(b"no frame")
run(frame(b"G"))
run(frame(b"B", b'{"kind":"inside","v":1}'))
run(frame(b"B", b'{"kind":"inside","v":1,"argv":[],"env":[],"workdir":"/","tty":false,"ports":[],"door":"/x","more":1}'))
run(frame(b"B", b'{"kind":"inside","v":1,"argv":["true"],"env":[],"workdir":"/","tty":false,"ports":[],"door":"/x"}') + frame(b"S") + frame(b"Z"))
inside = Inside(argv=["sleep", "1000"])
inside.hear()
inside.say(b"G")
print(inside.hear())
inside.process.stdin.close()
print(inside.rest())
inside = Inside(argv=["sleep", "1000"])
inside.hear()
inside.say(b"G")
inside.hear()
try:
    for _ in range(6):
        inside.say(b"I", b"x" * 65536)
except BrokenPipeError:
    pass
print(inside.rest()[1])
END

check_status 100 'it does not run but as the first process' bb-inside
like "$(cat err out)" 'for the first process of a container' 'in words'
if ! setpriv --version >/dev/null 2>&1 || ! unshare --user --map-user=1000 --map-group=1000 --pid --fork true \
	2>/dev/null; then
	skip 'the rest' 'this machine permits no user namespaces'
	done_testing
fi
check_status 100 'nor as root' unshare --user --map-root-user --pid --fork --kill-child bb-inside
like "$(cat err out)" 'for an ordinary user' 'in words'

check 'a whole life' timeout 60 python3 run.py
is "$(cat out)" "D:
'C:0 4\\nlast words'
A:
O:value
E:got line
T:5
X:768
0" 'setup, start, input, output, end'
check 'a life with a terminal' timeout 60 python3 terminal.py
is "$(cat out)" 'True X:9 0' 'whose size is what was said'
check 'broken conversations' timeout 60 python3 broken.py
is "$(cat out)" "111 111 the launcher is gone
100 100 standard input is no sequence of frames
100 100 a frame 'G' came where 'B' was due
100 100 'inside' lacks the key 'argv'
100 100 'inside' has the unknown key 'more'
100 100 a frame 'Z' came where a probe was due
A:
([], 0)
100" 'end in words, and so does the agent'
done_testing
