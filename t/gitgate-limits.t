#!/bin/sh
test_title='bb-gitgate: its limits, at each and one past it; large requests of real clients, odd things of a remote'
# shellcheck source=t/lib/tap.sh
. "$(dirname "$0")/lib/tap.sh"
# shellcheck source=t/lib/remote.sh
. "$BB_SOURCE/t/lib/remote.sh"

remote_start
remote_repo app
git -C remote/app.git config receive.advertisePushOptions true
printf '#!/bin/sh\nenv | grep -c "^GIT_PUSH_OPTION_[0-9]" >%s/options\n' "$PWD" >remote/app.git/hooks/pre-receive
chmod +x remote/app.git/hooks/pre-receive
gate_config app
gate_start
check 'a clone' as_client git clone -q "$gate_http/app.git" work

# with_options N BYTES: push a new commit with N push options of BYTES each; the remote's hook counts them.
with_options() {
	git -C work commit -q --allow-empty -m "$1 $2"
	option=$(head -c "$2" /dev/zero | tr '\0' x)
	set -- "$1"
	while [ "$1" -gt 0 ]; do
		first=$(($1 - 1))
		shift
		set -- "$first" "$@" -o "$option"
	done
	shift
	as_client git -C work push -q "$@" origin HEAD:refs/heads/options
}
check 'PUSH_OPTIONS_MAX push options' with_options 32 10
is "$(cat options)" 32 '... all of them reach the remote'
check_status 1 'one more' with_options 33 10
like "$(cat err)" 'more than 32 push options \(PUSH_OPTIONS_MAX\)' '... is refused by name'
check 'one of PUSH_OPTION_BYTES_MAX bytes' with_options 1 4096
check_status 1 'one byte more' with_options 1 4097
like "$(cat err)" 'longer than 4096 bytes \(PUSH_OPTION_BYTES_MAX\)' '... is refused by name'
rm remote/app.git/hooks/pre-receive

# within NAME: a push of HEAD arrives. beyond NAME PATTERN: it does not, the client reads the limit's name, and
# nothing has changed.
tries=0
within() {
	tries=$((tries + 1))
	check "$1" as_client git -C work push -q origin "HEAD:refs/heads/try-$tries"
	is "$(git -C remote/app.git rev-parse "try-$tries")" "$(git -C work rev-parse HEAD)" '... arrives'
}
beyond() {
	tries=$((tries + 1))
	before=$(git -C remote/app.git for-each-ref)
	check_status 1 "$1" as_client git -C work push -q origin "HEAD:refs/heads/try-$tries"
	like "$(cat err)" "$2" '... is refused by name'
	is "$(git -C remote/app.git for-each-ref)" "$before" '... and nothing has changed'
}
back() {
	git -C work checkout -q -f origin/main
	git -C work clean -qfdx
}

# A list of this length is sorted in other memory than a short one.
n=0
while [ $n -lt 1500 ]; do
	n=$((n + 1))
	printf 'commit refs/heads/long\ncommitter A <a@example.org> %d +0000\ndata 4\nlong\nM 100644 inline f\ndata 5\n%04d\n\n' "$n" "$n"
done | git -C work fast-import --quiet
git -C work checkout -q -f long
within 'a push of 4,500 objects'
back

# Deeper than TREE_DEPTH_MAX a path is no longer told whole; what is there is found all the same.
token=ghp_$(printf 'zK3vQ9xT7mB2%s' 'nR5wL8cJ4hF6gD1sYpUaEo0b')
printf 'blob\nmark :1\ndata 40\n%s\ncommit refs/heads/deep\ncommitter A <a@example.org> 1 +0000\ndata 4\ndeep\nM 100644 :1 %sf\n' \
	"$token" "$(printf 'd/%.0s' $(seq 1001))" | git -C work fast-import --quiet
before=$(git -C remote/app.git for-each-ref)
check_status 1 'a secret below more than TREE_DEPTH_MAX directories' as_client git -C work push -q origin deep:refs/heads/deep
like "$(cat err)" 'refused refs/heads/deep: github-pat in d/d/' '... is found'
is "$(git -C remote/app.git for-each-ref)" "$before" '... and nothing has changed'
head -c 104857600 /dev/zero >work/large
git -C work add -A
git -C work commit -q -m large
within 'a file of PUSH_OBJECT_MAX bytes'
printf x >>work/large
git -C work commit -q -a -m larger
beyond 'one byte more' 'PUSH_OBJECT_MAX'
back
n=0
while [ $n -lt 60 ]; do
	n=$((n + 1))
	echo "$n $token" >"work/secret-$n"
done
git -C work add -A
git -C work commit -q -m secrets
beyond 'sixty secrets' 'github-pat in secret-1:1'
is "$(grep -c 'remote: git-gate: refused refs/heads' err)" 50 '... PUSH_FINDINGS_MAX of which are told'
back
n=0
while [ $n -lt 2000 ]; do
	n=$((n + 1))
	echo "create refs/heads/flood/$n HEAD"
done >flood
git -C work update-ref --stdin <flood
before=$(git -C remote/app.git for-each-ref)
check_status 1 'two thousand refs in one push' as_client git -C work push -q origin 'refs/heads/flood/*'
like "$(cat err)" 'PUSH_REFS_MAX|PUSH_REQUEST_MAX' '... are refused by name'
is "$(git -C remote/app.git for-each-ref)" "$before" '... and nothing has changed'
sed 's/create/delete/; s/ HEAD$//' flood | git -C work update-ref --stdin

# Connections: those beyond CONNECTIONS_MAX wait for one that ends.
cat >hold.py <<'END'
import socket, sys
held = [socket.create_connection(("127.0.0.1", int(sys.argv[1]))) for _ in range(32)]
open("held", "w").close()
sys.stdin.readline()
held.pop().close()
sys.stdin.readline()
END
mkfifo hold
python3 hold.py "$gate_git_port" <hold &
exec 8>hold
at_exit "kill $!"
wait_for test -e held
served() {
	pgrep -P "$gate_pid" | wc -l
}
# the stewards, and ssh-agent
wait_for sh -c "[ \"\$(pgrep -P $gate_pid | wc -l)\" -eq 33 ]"
is "$(served)" 33 'CONNECTIONS_MAX clients that say nothing are held'
as_client git ls-remote "$gate_git/app.git" main >late 2>&1 &
late=$!
wait_for sh -c "ss -tnH state established '( dport = :$gate_git_port )' | awk 'END { exit NR < 33 }'"
is "$(served) $(cat late)" '33 ' '... one more waits'
echo >&8
wait "$late"
is "$?" 0 '... until one of them has gone'
exec 8>&-

# The document and the listeners.
jq '.repos = [range(64) as $n | .repos[0] | .name = "r\($n)"]' gate.json >many.json
jq '.repos = [range(65) as $n | .repos[0] | .name = "r\($n)"]' gate.json >more.json
check_status 100 'more than REPOS_MAX repositories' bb-gitgate serve --config more.json --dir many --git 127.0.0.1:0
like "$(cat err)" "'git-gate.repos' has more than 64 entries" '... are refused'
check_status 100 'as many, of which the keys are missing' bb-gitgate serve --config many.json --dir many --git 127.0.0.1:0 \
	--rules "$BB_SOURCE/rules/tokens.yaml"
like "$(cat err)" "the key of 'r0' .* was not handed over" '... are read'
check_status 100 'more than LISTENERS_MAX listeners' bb-gitgate serve --config gate.json --dir many --git 127.0.0.1:0 --git 127.0.0.1:0 \
	--git 127.0.0.1:0 --git 127.0.0.1:0 --git 127.0.0.1:0
like "$(cat err)" 'more than 4 listeners of one protocol' '... are refused'

# A body that is small until it is decoded.
cat >bomb.py <<'END'
import gzip, http.client, sys
body = gzip.compress(bytes(64 << 20)) + gzip.compress(bytes(600 << 20))
c = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=60)
c.request("POST", "/app.git/git-" + sys.argv[2], body,
          {"Content-Type": f"application/x-git-{sys.argv[2]}-request", "Content-Encoding": "gzip"})
r = c.getresponse()
print(r.status, len(r.read()) < 65536)
END
for service in upload-pack receive-pack; do
	python3 bomb.py "$gate_http_port" "$service" >out 2>err
	unlike "$(cat out)" 'False' "a gzip bomb for $service is of no use"
done
is "$(git -C remote/app.git for-each-ref)" "$before" '... and changes nothing'

# A client that wants much at once sends a large request, which git compresses.
n=0
while [ $n -lt 100 ]; do
	n=$((n + 1))
	printf 'commit refs/heads/news/%d\ncommitter A <a@example.org> %d +0000\ndata 5\nnews\n\n' "$n" \
		$((1700000000 + n))
done | git -C remote/app.git fast-import --quiet
check 'a fetch with a large request' env GIT_TRACE_CURL="$PWD/trace" GIT_TRACE_CURL_NO_DATA=1 HOME="$PWD" \
	GIT_CONFIG_GLOBAL="$PWD/gitconfig" \
	git -c protocol.version=0 -C work fetch -q origin
like "$(grep 'Send header: Content' trace)" 'Content-Encoding: gzip' '... which the client has compressed'
is "$(git -C work for-each-ref --format='%(objectname)' refs/remotes/origin/news)" \
	"$(git -C remote/app.git for-each-ref --format='%(objectname)' refs/heads/news)" '... brings the news'

# A remote with many branches.
sed "s/HEAD/$(git -C remote/app.git rev-parse main)/" flood | git -C remote/app.git update-ref --stdin
git -C remote/app.git pack-refs --all
check 'a remote with two thousand branches' as_client git ls-remote "$gate_http/app.git"
is "$(grep -c flood out)" 2000 '... is shown as it is'
git -C work commit -q --allow-empty -m 'one of many'
within 'a push to it'
sed 's/create/delete/; s/ HEAD$//' flood | git -C remote/app.git update-ref --stdin

# What a client tells its own git about its history does not make it another one.
git -C work checkout -q -B real origin/main
echo one >work/one && git -C work add one && git -C work commit -q -m one
git -C work replace --graft HEAD
git -C work rev-parse HEAD >work/.git/info/grafts
within 'a client with replaced and grafted commits'
is "$(git -C remote/app.git rev-list --count "try-$tries")" 2 '... pushes the real ones'
is "$(git -C remote/app.git for-each-ref refs/replace)" '' '... and no replacement'
rm work/.git/info/grafts
git -C work replace -d "$(git -C work replace -l | head -n 1)" >/dev/null

# What a remote has beside branches is of no effect on what clients get.
secret=$(git -C seed-app hash-object -w --stdin </etc/hostname)
good=$(git -C remote/app.git rev-parse "main:README")
git -C seed-app push -q "$PWD/remote/app.git" "$secret:refs/replace/$good"
check 'a clone of a remote with replaced objects' as_client git clone -q "$gate_git/app.git" replaced
is "$(cat replaced/README)" 'this is app' '... has the real ones'
mkdir alternate
git init -q --bare alternate/objects.git
echo "$PWD/alternate/objects.git/objects" >remote/app.git/objects/info/alternates
check 'a remote with alternates' as_client git ls-remote "$gate_git/app.git"
is "$(find gate -name alternates -path '*repos*')" '' '... which the mirror does not take over'
rm remote/app.git/objects/info/alternates

# The gate's copy is read with the gate's own configuration, whatever stands in a pushed tree.
printf '[core]\n\tfsmonitor = touch %s/ran\n\tsshCommand = touch %s/ran\n' "$PWD" "$PWD" >work/config
printf '* filter=x diff=x\n' >work/.gitattributes
mkdir -p work/objects work/refs
echo x >work/objects/keep
echo 'ref: refs/heads/main' >work/HEAD
git -C work add -A
git -C work commit -q -m 'a tree that looks like a repository'
check 'a tree that looks like a bare repository' as_client git -C work push -q origin HEAD:refs/heads/looks
check_status 1 '... runs nothing' test -e ran
gate_stop
is "$(cat gate.err)" '' 'nothing was said'
done_testing
