#!/bin/sh
# shellcheck disable=SC2016 # the bottle's dollars
test_title='bb commit on a Docker engine: what an agent wrote becomes an image without ours, and a new bottle begins with it'
# shellcheck source=t/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
# shellcheck source=t/lib/docker.sh
. "$BB_SOURCE/t/lib/docker.sh"

committed() {
	docker image ls --quiet --filter "label=bot-bottle.snapshot.home=$home"
}
at_exit 'docker image ls --quiet --filter "label=bot-bottle.snapshot.home=$home" | sort -u | xargs -r docker rmi --force'
mkdir project
echo 'the only copy' >project/precious
echo 'not needed' >project/removed
printf 'umlaut\n' >"project/$(printf 'na\303\257ve')"
routes <<END
- host: one.example.com
- host: two.example.com
END

cat >work.py <<'END'
import os, signal
os.chdir(os.path.expanduser("~"))
open("note", "w").write("written\n")
os.link("note", "second-name")
os.link(".bashrc", "of-the-image")
os.remove(".profile")
os.symlink("/etc/passwd", "link")
os.mkfifo("fifo")
open(b"odd\n\xff name", "w").write("odd\n")
open("na\u00efve", "w").write("umlaut\n")
open(".wh.note", "w").write("a whiteout\n")
open("tool", "w").write("#!/bin/sh\necho runs\n")
os.chmod("tool", 0o6755)
os.makedirs("a/" * 100 + "deep")
os.utime("tool", (1000000000, 1000000000))
w = os.path.join(os.environ["HOME"], "workspace")
open(w + "/precious", "a").write("more\n")
os.remove(w + "/removed")
for place in "/tmp", "/var/tmp":
    open(place + "/gone", "w").write("gone\n")
print("ready", flush=True)
signal.pause()
END
start() {
	(cd project && exec bb start tester --backend docker --yes --headless --cwd --label "$1" --prompt "exec python3 -c '$(cat ../work.py)'" >../said 2>../err </dev/null) &
	running=$!
	at_exit "kill $running"
	wait_for grep -q ready said
}
check 'an agent works' start kept
check 'it is committed' bb commit --name one kept
cp err told
check '... as the only one that runs, too, under its own name' bb commit
cp out commands
like "$(cat out)" '^kept: [0-9]+ files, [0-9]+ bytes, sha256:[0-9a-f]{64}$' 'what it is'
is "$(jq -r .sha256 home/snapshots/one/snapshot.json)" "$(jq -r .sha256 home/snapshots/kept/snapshot.json)" 'the same state has the same digest'
is "$(docker inspect --format '{{.State.Status}}' bot-bottle-kept)" running 'the bottle goes on'
is "$(docker image inspect --format '{{.Id}}' bot-bottle-committed-one)" "$(jq -r .image home/snapshots/one/snapshot.json)" 'the image has the name of the snapshot'
like "$(bb list snapshots)" '^one +tester +docker +sha256:' 'it is listed'
like "$(cat told)" "^bb-commit: warning: '.*wh.note': it is left out" 'a name that a layer cannot hold is told'

# What is in the image, by the engine's own words.
docker image save bot-bottle-committed-one >saved.tar
mkdir saved
tar -xf saved.tar -C saved
layer=$(jq -r '.[0].Layers[-1]' saved/manifest.json)
tar --warning=no-unknown-keyword -tf "saved/$layer" >names
like "$(cat names)" '^home/node/note$' 'the files of the agent are in its last layer'
unlike "$(cat names)" '^(etc|opt|run|tmp|var/tmp|dev|proc)(/|$)|fifo|\.wh\.note' 'without what is provided anew, memory, pipes and whiteouts of the agent'\''s'
is "$(grep -c '\.wh\.' names)" 1 'one file of the image was removed'
is "$(tar --warning=no-unknown-keyword -tvf "saved/$layer" | grep -cE '^.{3}[sS]|^.{6}[sS]|^[bcp]')" 0 'no set-id bit, no device'
is "$(grep -raclF -e "$BB_TEST_KEY" -e "$BB_TEST_TOKEN" -e 'Be brief.' saved | wc -l | tr -d ' ')" 0 'no secret and no prompt is in the image'
is "$(docker image inspect bot-bottle-committed-one | grep -cF -e "$BB_TEST_KEY" -e "$BB_TEST_TOKEN")" 0 'nor in its description'

kill "$running"
wait "$running"
is $? 143 'the bottle had gone on until it was ended'
check 'what it leaves is removed' sh -c 'rm -rf home/state/kept'
check 'cleaning up' bb cleanup --yes
is "$(committed | sort -u | wc -l | tr -d ' ')" 2 'keeps the images of both snapshots'

# Another bottle begins with it; less is allowed now.
routes <<END
- host: two.example.com
END
cat >look.sh <<'END'
cd ~
cat workspace/precious second-name workspace/na*ve
ls workspace
test note -ef second-name && echo linked
test .bashrc -ef of-the-image && echo linked too
test -e .profile || echo removed
readlink link
test -e fifo || echo no pipe
./tool
stat -c "%a %U %Y" tool
cat "$(printf "odd\n\377 name")" na*ve
test -d "$(printf "a/%.0s" $(seq 100))deep" && echo deep
test -e /tmp/gone || test -e /var/tmp/gone || echo no tmp
curl -s -o /dev/null -w "%{http_code}\n" https://one.example.com/
END
cat >want <<'END'
the only copy
more
written
umlaut
naïve
precious
linked
linked too
removed
/etc/passwd
no pipe
runs
755 node 1000000000
odd
umlaut
deep
no tmp
403
END
bb resume one --yes --headless --prompt "$(cat look.sh)" >out 2>err </dev/null
is "$? $(cat out)" "0 $(cat want)" 'the agent finds everything, and the policy is that of now'
is "$(leftovers)" '' 'nothing of the bottle is left'
is "$(cat project/precious)" 'the only copy' 'the directory is as it was'

# Moved to another machine, which is this one after the image was lost.
mkdir -p bin there/.bot-bottle
cp -R home/agents home/bottles there/.bot-bottle
printf '#!/bin/sh\nshift\ncd "%s/there" && unset BOT_BOTTLE_HOME && HOME=$PWD exec sh -c "$*"\n' "$PWD" >bin/ssh
printf '#!/bin/sh\ncase $1 in load) exec cat >"%s/image.tar" ;; esac\nexec "%s" "$@"\n' "$PWD" "$(command -v docker)" >bin/docker
chmod +x bin/ssh bin/docker
sed -n 's/^take i.*: *\(tar\|docker\)/\1/p' commands >take
is "$(wc -l <take | tr -d ' ')" 2 'two commands are printed'
check 'the snapshot is taken along' env PATH="$PWD/bin:$PATH" sh -e take
docker rmi bot-bottle-committed-kept >/dev/null
bb resume kept --yes --headless --prompt true >out 2>err </dev/null
is $? 100 'without its image it cannot go on'
like "$(cat err)" "does not have the image of the snapshot 'kept'" 'which is said'
docker load --quiet <image.tar >/dev/null
check 'it begins a bottle there' env -u BOT_BOTTLE_HOME HOME="$PWD/there" bb resume kept --yes --headless --prompt 'cat ~/note'
is "$(cat out)" written 'with its files'

# A snapshot that is replaced or removed takes its image with it.
rm -r home/snapshots/kept
check 'a snapshot is removed by hand' bb cleanup --yes --json
like "$(cat out)" '"type":"image","name":"bot-bottle-committed-kept"' 'its image goes with the next cleanup'
first=$(jq -r .image home/snapshots/one/snapshot.json)
bb resume one --yes --headless --prompt 'echo more >>~/note; echo ready; sleep 1000' >said 2>err </dev/null &
running=$!
at_exit "kill $running"
wait_for grep -q ready said
identity=$(docker ps --filter "label=bot-bottle.home=$home" --format '{{.Label "bot-bottle.identity"}}' | head -n 1)
check 'a bottle that was begun with a snapshot is committed again' bb commit --name one "$identity"
unlike "$(jq -r .image home/snapshots/one/snapshot.json)" "$first" 'as another image'
kill "$running"
wait "$running"
rm -rf home/state
check 'cleaning up removes the one that was replaced' bb cleanup --yes
is "$(committed)" "$(docker image inspect --format '{{.Id}}' bot-bottle-committed-one | cut -c 8-19)" 'and keeps the other'
bb resume one --yes --headless --prompt 'cat ~/note' >out 2>err </dev/null
is "$? $(cat out)" '0 written
more' 'which goes on'

# Nothing but what the launcher provides.
bb start tester --backend docker --yes --headless --label same --prompt 'echo ready; exec sleep 1000' >said 2>err </dev/null &
running=$!
at_exit "kill $running"
wait_for grep -q ready said
check 'a bottle in which nothing was written is committed' bb commit same
kill "$running"
wait "$running"
rm -rf home/state
check 'and resumed' bb resume same --yes --headless --prompt true

# Secrets need a word.
secret="gh""p_$(printf '%s%s%s' x9K2mQ7vR4tB 1nW8cJ5hL3pZ 6yD0sFgA2eUi)"
bb start tester --backend docker --yes --headless --label leak --prompt "echo token $secret >~/leak; echo ready; sleep 1000" >said 2>err </dev/null &
running=$!
at_exit "kill $running"
wait_for grep -q ready said
check_status 1 'a secret in it is found' bb commit leak
like "$(cat err)" "^bb-commit: warning: 'home/node/leak', byte [0-9]+: " 'by its place'
unlike "$(cat out err)" "$secret" 'but not told'
check_status 1 'nothing was committed' docker image inspect bot-bottle-committed-leak
check 'unless it is meant' bb commit leak --json --force
is "$(jq -c '[.kind, .backend, .findings > 0]' out)" '["snapshot","docker",true]' 'which is noted'

# A process that dies on the way leaves nothing that the next cleanup does not find, and the bottle goes on.
for ms in 05 10 20 40 80; do
	timeout -s TERM "0.$ms" bb commit --force --name dead leak >out 2>err
done
check 'after five that were ended on the way the bottle runs' test "$(docker inspect --format '{{.State.Status}}' bot-bottle-leak)" = running
kill "$running"
wait "$running"
rm -rf home/state
check 'cleaning up' bb cleanup --yes
is "$(find home/snapshots -name '.draft*')" '' 'no draft is left'
if [ -e home/snapshots/dead ]; then
	check 'a snapshot that is there is whole' docker image inspect "$(jq -r .image home/snapshots/dead/snapshot.json)"
else
	check_status 1 'nor an image' docker image inspect bot-bottle-committed-dead
fi
is "$(ls -A tmp)" '' 'nor a temporary file'
done_testing
