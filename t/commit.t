#!/bin/sh
# shellcheck disable=SC2016 # the bottle's dollars
test_title='bb commit: what an agent wrote, kept while it goes on, and a new bottle that begins with it'
# shellcheck source=t/lib/tap.sh
. "$(dirname "$0")/lib/tap.sh"

mkdir -p home/agents home/bottles project tmp
export BOT_BOTTLE_HOME="$PWD/home" TMPDIR="$PWD/tmp"

bottle() {
	printf -- '---\nagent_provider: {template: shell}\nsupervise: false\negress: {routes: [%s]}\n---\n' "$1" \
		>home/bottles/box.md
	chmod 600 home/bottles/box.md
}
bottle '{host: one.example.com}, {host: two.example.com}'
printf -- '---\nbottle: box\n---\nBe brief.\n' >home/agents/hello.md
echo 'the only copy' >project/precious
echo 'not needed' >project/removed

check_status 100 'there is nothing to commit' bb commit
like "$(cat err)" '^bb-commit: no bottle runs' 'it says so'
check_status 100 'nor a bottle of a name' bb commit nobody
check_status 100 'a path is no name' bb commit --name ../x
is "$(ls -A home)" "$(printf 'agents\nbottles')" 'and nothing was made'

if ! bb-launch-native check >out 2>err; then
	skip 'a real bottle' "$(grep -h fail out err | head -n 1)"
	done_testing
fi

cat >work.py <<'END'
import os, signal
os.chdir(os.path.expanduser("~"))
open("note", "w").write("written\n")
os.link("note", "second-name")
os.symlink("/etc/passwd", "link")
os.mkfifo("fifo")
open(b"odd\n\xff name", "w").write("odd\n")
with open("sparse", "wb") as f:
    f.truncate(1 << 34)
    f.seek(1 << 33)
    f.write(b"in the middle")
open("tool", "w").write("#!/bin/sh\necho runs\n")
os.chmod("tool", 0o6755)
os.setxattr("note", b"user.mark", b"4711")
os.makedirs("a/" * 100 + "deep")
os.utime("tool", (1000000000, 1000000000))
w = os.path.join(os.environ["HOME"], "workspace")
open(w + "/precious", "a").write("more\n")
os.remove(w + "/removed")
open("/tmp/gone", "w").write("gone\n")
open("ready", "w").close()
signal.pause()
END
(cd project && exec bb start hello --yes --headless --cwd --label kept --prompt "exec python3 -c '$(cat ../work.py)'" \
	>../run.out 2>../run.err </dev/null) &
running=$!
at_exit "kill $running"
check 'an agent works' wait_for test -e home/state/kept/overlay/upper/home/node/ready
check 'it is committed' bb commit --name one kept
check '... as the only one that runs, too, under its own name' bb commit
like "$(cat out)" '^kept: [0-9]+ files, [0-9]+ bytes, sha256:[0-9a-f]{64}$' 'what it is'
cp out commands
is "$(jq -r .sha256 home/snapshots/one/snapshot.json)" "$(jq -r .sha256 home/snapshots/kept/snapshot.json)" \
	'the same state has the same digest'
is "$(cd home/snapshots/one && sha256sum -- *.tar.zst | sed 's/ .*//')" \
	"$(jq -r .sha256 home/snapshots/one/snapshot.json)" 'which is that of the archive'
tar --zstd -tf home/snapshots/one/*.tar.zst >names 2>err
unlike "$(cat names)" '/tmp/|fifo|^upper/etc|\.bottle' 'without what is provided anew, memory and pipes'
check 'the sparse file is small' test "$(stat -c %s home/snapshots/one/*.tar.zst)" -lt 4000000
like "$(bb list snapshots)" '^one +hello +native +sha256:' 'it is listed'
kill "$running"
wait "$running"
is $? 143 'the bottle had gone on until it was ended'
check 'what it leaves is kept, and removed here' sh -c 'chmod -R u+rwX home/state/kept && rm -rf home/state/kept'

# Another bottle begins with it; less is allowed now.
bottle '{host: two.example.com}'
look='cd ~; cat workspace/precious second-name; ls workspace; test note -ef second-name && echo linked; readlink link
test -e fifo || echo no pipe; ./tool
stat -c "%a %U %Y" tool; stat -c %s sparse; tail -c +8589934593 sparse | head -c 13; echo
cat "$(printf "odd\n\377 name")"; test -d "$(printf "a/%.0s" $(seq 100))deep" && echo deep; test -e /tmp/gone || echo no tmp
python3 -c "import os; print(os.getxattr(\"note\", \"user.mark\").decode())"
curl -s -o /dev/null -w "%{http_code}\n" https://one.example.com/'
cat >want <<'END'
the only copy
more
written
precious
linked
/etc/passwd
no pipe
runs
755 node 1000000000
17179869184
in the middle
odd
deep
no tmp
4711
403
END
bb resume one --yes --headless --prompt "$look" >out 2>err </dev/null
is "$? $(cat out)" "0 $(cat want)" 'the agent finds everything, and the policy is that of now'
is "$(cat project/precious) $(ls project)" "the only copy $(printf 'precious\nremoved')" 'the directory is as it was'
is "$(ls -A home/state)" '' 'nothing of the bottle is left'
check 'cleaning up' bb cleanup --yes
check 'keeps the snapshot' test -f home/snapshots/one/snapshot.json

# The commands that were printed, with an ssh that stays here.
mkdir -p bin there/.bot-bottle
cp -R home/agents home/bottles there/.bot-bottle
printf '#!/bin/sh\n[ "$1" != -t ] || shift\nshift\ncd "%s/there" && unset BOT_BOTTLE_HOME && HOME=$PWD exec sh -c "$*"\n' "$PWD" >bin/ssh
chmod +x bin/ssh
sed -n 's/^take it.*: *tar/tar/p' commands >take
check 'the snapshot is taken along' env PATH="$PWD/bin:$PATH" sh take
check 'it begins a bottle there' sh -c "$(sed -n 's/^and go.*: *ssh/bin\/ssh/p' commands) --yes --headless --prompt \"'cat ~/note'\""
is "$(cat out)" written 'with its files'

# What was changed since is refused.
archive=$(echo there/.bot-bottle/snapshots/kept/*.tar.zst)
printf x >>"$archive"
HOME=$PWD/there BOT_BOTTLE_HOME='' bb resume kept --yes --headless --prompt true >out 2>err </dev/null
is $? 100 'a changed archive is refused'
like "$(cat err)" 'is not what was committed' 'by its digest'

# Secrets need a word.
secret="gh""p_$(printf '%s%s%s' x9K2mQ7vR4tB 1nW8cJ5hL3pZ 6yD0sFgA2eUi)"
bb start hello --yes --headless --label leak --prompt "echo token $secret >~/leak; exit 3" >out 2>err </dev/null
is $? 3 'a bottle that has ended badly is kept'
check_status 1 'a secret in it is found' bb commit leak
like "$(cat err)" "^bb-commit: warning: 'upper/home/node/leak', byte [0-9]+: " 'by its place'
unlike "$(cat out err)" "$secret" 'but not told'
check_status 1 'nothing was committed' test -e home/snapshots/leak
check 'unless it is meant' bb commit leak --json --force
is "$(jq -c '[.kind, .findings > 0]' out)" '["snapshot",true]' 'which is noted'

# A process that dies leaves a draft, which the next one removes.
for ms in 1 3 10 20 40; do
	timeout -s KILL "0.0$ms" bb commit --force --name dead leak >out 2>err
	if [ -e home/snapshots/dead ]; then
		check 'a snapshot that is there is whole' \
			sh -c 'test "$(cd home/snapshots/dead && sha256sum -- *.zst | cut -c 1-64)" = "$(jq -r .sha256 home/snapshots/dead/snapshot.json)"'
	fi
done
mkdir home/snapshots/.draft-left
check 'cleaning up finds it' bb cleanup --yes --json
like "$(cat out)" '"type":"draft","name":".draft-left"' 'and says so'
is "$(find home/snapshots -name '.draft*')" '' 'no draft is left'
is "$(ls -A tmp)" '' 'nor a temporary file'
done_testing
