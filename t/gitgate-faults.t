#!/bin/sh
# shellcheck disable=SC2016
test_title='bb-gitgate: whatever fails, a push is taken whole or not at all, and the client reads why'
# shellcheck source=t/lib/tap.sh
. "$(dirname "$0")/lib/tap.sh"
# shellcheck source=t/lib/remote.sh
. "$BB_SOURCE/t/lib/remote.sh"

remote_start
remote_repo app
gate_config app
gate_start
check 'a clone' as_client git clone -q "$gate_git/app.git" work
token=ghp_$(printf 'zK3vQ9xT7mB2%s' 'nR5wL8cJ4hF6gD1sYpUaEo0b')

refs() {
	git -C remote/app.git for-each-ref
}

connections() {
	grep -c 'Connection from' sshd/log
}

commit() {
	echo "$1" >"work/$1"
	git -C work add -A
	git -C work commit -q -m "$1"
}

# hook TEXT: what the remote does with a push.
hook() {
	printf '#!/bin/sh\n%s\n' "$1" >hook.new
	chmod +x hook.new
	mv hook.new remote/app.git/hooks/pre-receive
}

# untouched NAME: the remote has what it had before.
untouched() {
	is "$(refs)" "$before" "$1"
}

# --- the remote dies in the middle ---
commit one
before=$(refs)
hook 'kill -9 $PPID'
check_status 1 'the remote dies in the middle of a push' as_client git -C work push -q origin HEAD:main HEAD:other
like "$(cat err)" 'remote: git-gate: refused: unable to push to the remote: ' '... the client reads why'
untouched '... nothing has changed'
rm remote/app.git/hooks/pre-receive

# --- after a failure, too, a push that is refused is none of the remote's business ---
heard=$(connections)
git -C work checkout -q -b dirty
echo "$token" >work/dirty
git -C work add -A
git -C work commit -q -m dirty
check_status 1 'a refused push after a failed one' as_client git -C work push -q origin dirty
like "$(cat err)" 'refused refs/heads/dirty: github-pat in dirty:1' '... the client reads why'
is "$(connections)" "$heard" '... and the remote is not called'
git -C work checkout -q -
check 'the push goes through once the remote is well' as_client git -C work push -q origin HEAD:main HEAD:other
is "$(git -C remote/app.git rev-parse main other | sort -u)" "$(git -C work rev-parse HEAD)" '... with all its refs'

# --- the remote cannot be read ---
git -C seed-app commit -q --allow-empty -m 'from elsewhere'
git -C seed-app push -q "$PWD/remote/app.git" HEAD:elsewhere
object=$(git -C seed-app rev-parse HEAD | sed 's,^..,remote/app.git/objects/&/,')
mv "$object" aside
check_status 128 'a remote that lacks an object' as_client git clone -q "$gate_git/app.git" never
like "$(cat err)" "remote error: git-gate: unable to read the remote of 'app'" \
	'... the client reads why, and gets no old data'
mv aside "$object"
check 'once it is well' as_client git clone -q "$gate_git/app.git" again

# --- the remote is slow ---
commit slow
before=$(refs)
mkfifo go
hook ": >'$PWD/reached'; read -r x <'$PWD/go'; exit 0"
as_client git -C work push -q origin HEAD:slow 2>said &
client=$!
wait_for test -e reached
check 'while a slow remote thinks, the client waits' kill -0 "$client"
untouched '... nothing has changed'
: >go
wait "$client"
is "$?" 0 '... and when it is done, so is the client'
is "$(git -C remote/app.git rev-parse slow)" "$(git -C work rev-parse HEAD)" '... the push has arrived'
rm -f reached go remote/app.git/hooks/pre-receive

# --- one of several refs is not taken ---
before=$(refs)
printf '#!/bin/sh\n[ "$1" != refs/heads/two ] || { echo "not this one" >&2; exit 1; }\n' >remote/app.git/hooks/update
chmod +x remote/app.git/hooks/update
check_status 1 'the remote takes one of two refs and not the other' as_client git -C work push -q origin HEAD:three HEAD:two
like "$(cat err)" 'git-gate: refused: the remote refused: .*refs/heads/two' '... the client reads which'
like "$(cat err)" 'remote: .*not this one' '... and why'
untouched '... neither has changed'
rm remote/app.git/hooks/update

# --- two at once ---
for n in 1 2; do
	as_client git clone -q "$gate_git/app.git" "client-$n"
	echo "$n" >"client-$n/by-$n"
	git -C "client-$n" add -A
	git -C "client-$n" commit -q -m "by $n"
done
# both: push each clone to its branch at the same time; the statuses, sorted, in $both.
both() {
	as_client git -C client-1 push -q origin "HEAD:$1" 2>err-1 &
	first=$!
	as_client git -C client-2 push -q origin "HEAD:$2" 2>err-2 &
	second=$!
	wait "$first"
	one=$?
	wait "$second"
	both=$(printf '%s\n' "$one" "$?" | sort | xargs)
}
both left right
is "$both" '0 0' 'two pushes at once, of two branches'
is "$(git -C remote/app.git rev-parse left right)" "$(git -C client-1 rev-parse HEAD; git -C client-2 rev-parse HEAD)" \
	'... both have arrived'
both contested contested
is "$both" '0 1' 'two pushes at once, of one branch: one is taken'
like "$(cat err-1 err-2)" 'fetch first|cannot lock ref|stale info|non-fast-forward|rewrites history|failed to update' \
	'... and the other client reads why'
winner=$(git -C remote/app.git rev-parse contested)
like "$(git -C client-1 rev-parse HEAD) $(git -C client-2 rev-parse HEAD)" "$winner" \
	'... the branch is as one of them pushed it'

# --- the gate is killed ---
killed() {
	kill -9 "$gate_pid"
	wait "$gate_pid" 2>/dev/null
}

# pushing: push in the background to a remote that waits; returns once the remote has the push in hand.
pushing() {
	rm -f reached go
	mkfifo go
	hook ": >'$PWD/reached'; read -r x <'$PWD/go'; exit 0"
	git -C work push -q origin "HEAD:$1" "HEAD:$1-too" 2>said &
	client=$!
	wait_for test -e reached
}

commit two
before=$(refs)
pushing held
killed
wait "$client"
check 'the gate is killed while the remote has the push in hand' test "$?" -ne 0
like "$(cat said)" 'remote|hung up|failed|error' '... the client reads that it failed'
: >go & # the remote's hook ends, whoever waits for it
opener=$!
wait_for test -z "$(pgrep -f "$PWD/remote/app.git" || :)"
kill "$opener" 2>/dev/null
rm -f remote/app.git/hooks/pre-receive
is "$(git -C remote/app.git for-each-ref --format='%(refname)' 'refs/heads/held*' | wc -l | tr 1 x)" \
	"$(git -C remote/app.git for-each-ref --format='%(refname)' 'refs/heads/held*' | wc -l)" \
	'... the remote has all of it or nothing'
gate_start
git -C work remote set-url origin "$gate_git/app.git"
is "$(find gate/push gate/judged -mindepth 1)" '' 'nothing of it is left when the gate starts anew'
check 'the next fetch' as_client git -C work fetch -q
check 'and the next push' as_client git -C work push -q origin HEAD:held HEAD:held-too
is "$(git -C remote/app.git rev-parse held held-too | sort -u)" "$(git -C work rev-parse HEAD)" \
	'... all of it has arrived'

# A client that has sent half of its pack.
commit three
before=$(refs)
cat >half.py <<'END'
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
request = "git-receive-pack /app.git\0host=127.0.0.1\0"
s.sendall(f"{len(request) + 4:04x}{request}".encode())
shown = b""
while not shown.endswith(b"0000"):
    more = s.recv(65536)
    if not more:
        sys.exit("the gate has hung up")
    shown += more
line = f"{'0' * 40} {sys.argv[2]} refs/heads/half\0report-status\n"
s.sendall(f"{len(line) + 4:04x}{line}0000PACK\0\0\0\2\0\0\0\3".encode("latin1"))
open("sent", "w").close()
try:
    while s.recv(65536):
        pass
except ConnectionError:
    pass
open("closed", "w").close()
END
python3 half.py "$gate_git_port" "$(git -C work rev-parse HEAD)" &
at_exit "kill $!"
wait_for test -e sent
killed
wait_for test -e closed
check 'the gate is killed while it receives: the client is not left waiting' test -e closed
untouched '... nothing has changed'

# --- a remote that takes the connection and says nothing: ssh's ConnectTimeout ---
python3 - >silent.port <<'END' &
import socket, sys
s = socket.create_server(("127.0.0.1", 0))
print(s.getsockname()[1], flush=True)
held = []
while True:
    held.append(s.accept())
END
at_exit "kill $!"
wait_for test -s silent.port
cp gate.json well.json
jq --arg port ":$(cat silent.port)/" '.repos[0].url |= sub(":[0-9]+/"; $port)' well.json >gate.json
rm -rf gate
gate_start
check_status 128 'a remote that says nothing' as_client git ls-remote "$gate_git/app.git"
like "$(cat err)" "remote error: git-gate: unable to read the remote of 'app': .*(timed out|did not answer)" '... the client reads why'
gate_stop
mv well.json gate.json
rm -rf gate

# --- no space ---
mkdir small
if unshare -rm mount -t tmpfs -o size=6m none small 2>err; then
	gate_git_port=$(free_port)
	mkfifo small.ready
	unshare -rm sh -c 'mount -t tmpfs -o size=6m none "$1" && shift && exec "$@"' sh small \
		bb-gitgate serve --config gate.json --dir small/gate --git "127.0.0.1:$gate_git_port" \
		--rules "$BB_SOURCE/rules/tokens.yaml" --secrets 4 --ready 5 >>gate.log 2>>small.err 4<secrets \
		5>small.ready </dev/null &
	small_pid=$!
	at_exit "kill $small_pid"
	is "$(cat small.ready)" '' 'a gate with little space'
	git -C work remote set-url origin "git://127.0.0.1:$gate_git_port/app.git"
	check 'a push that fits' as_client git -C work push -q origin HEAD:fits
	before=$(refs)
	head -c 8000000 /dev/urandom >work/large
	git -C work add large
	git -C work commit -q -m large
	check_status 1 'a push that does not' as_client git -C work push -q origin HEAD:large
	like "$(cat err)" 'No space left on device|unpack|unable to' '... the client reads why'
	untouched '... nothing has changed'
	git -C work reset -q --hard HEAD~1
	commit four
	check 'the next one that fits' as_client git -C work push -q origin HEAD:fits
	kill "$small_pid"
	wait "$small_pid"
else
	skip 'a full disk' "no mount in a user namespace here: $(head -n 1 err)"
fi
done_testing
