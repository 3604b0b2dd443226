#!/bin/sh
test_title='bb-launch-native: every option, every wrong plan, and ends that are not the usual one'
. "$(dirname "$0")/lib/tap.sh"
. "$BB_SOURCE/t/lib/bottle.sh"

user=${users##* } # the ordinary one where there is one

# refused STATUS 'NAME' PATTERN FILTER: the plan, changed, is refused for a reason, with nothing left.
refused() {
	make_plan "$user" one ".bottle.argv = [\"true\"] | $4"
	check_status "$1" "$2" run_plan "$user" one
	like "$(cat err)" "^bb-launch-native: .*$3" '... and says why'
	is "$(wc -l <err) $(leftovers "$user")" '1 ' '... in one line, with nothing left'
}

# --- usage ---
for words in '' 'fly' '--frobnicate' 'run' 'run --plan' 'run --plan x y' 'run --what' 'list --plan x' 'list x' 'cleanup x' 'check x' 'check --dry-run'; do
	# shellcheck disable=SC2086
	check_status 100 "usage: '$words'" as "$user" bb-launch-native $words
	is "$(wc -l <err) $(wc -c <out)" '1 0' '... one line'
done
for words in '--help' 'run --help' 'list --help' 'cleanup --help' 'check --help' '--version' 'run --version'; do
	# shellcheck disable=SC2086
	check "'$words'" as "$user" bb-launch-native $words
done
check_status 100 'a home that is not absolute' as "$user" BOT_BOTTLE_HOME=home bb-launch-native list
check_status 100 'no home at all' as "$user" BOT_BOTTLE_HOME= HOME= bb-launch-native list
check 'a home that does not exist' as "$user" BOT_BOTTLE_HOME="$PWD/none" bb-launch-native list --json
is "$(cat out)" '{"kind":"active","v":1,"backend":"native","bottles":[]}' '... has no bottle'
check '... and nothing to clean up' as "$user" BOT_BOTTLE_HOME="$PWD/none" bb-launch-native cleanup --json
is "$(cat out)" '{"kind":"cleanup","v":1,"backend":"native","dry_run":false,"items":[]}' '... as a document'
check_status 1 '... and is not made' test -e none

# --- check ---
for one in $users; do
	check "$one: this machine can run bottles" as "$one" bb-launch-native check --json
	is "$(jq -c '[.kind, .v, .backend, ([.results[] | select(.level == "fail")] | length)]' out)" '["check",1,"native",0]' '... as a document'
	is "$(jq -r '[.results[].name] | sort | join(" ")' out | sed 's/idmapped-mounts //')" \
		'devpts landlock limits mount-api namespaces overlay proc seccomp time-namespaces tmpfs user-namespaces' '... about each feature'
	is "$(find "$one/home" -name '.bb-check*')" '' '... which leaves nothing'
done
# A machine that has no user namespaces to give: a user namespace whose own limit is none.
if [ "$user" != root ]; then
	# shellcheck disable=SC2016
	no_namespaces='echo 0 >/proc/sys/user/max_user_namespaces; exec "$@"'
	check_status 1 'a machine without user namespaces is found out' as "$user" unshare -Ur sh -c "$no_namespaces" sh \
		bb-launch-native check
	like "$(cat out)" '^fail user-namespaces: unable to make a user namespace|^fail user-namespaces: unable to make namespaces: No space left on device' '... by name'
	like "$(cat out)" 'user.max_user_namespaces' '... with the remedy'
	make_plan "$user" one '.bottle.argv = ["true"]'
	check_status 111 '... and nothing is started on it' as "$user" unshare -Ur sh -c "$no_namespaces" sh \
		bb-launch-native run --plan "$PWD/$user/one.plan"
	like "$(cat err)" 'the bottle needs user namespaces: set the sysctls user.max_user_namespaces' '... with the same words'
	is "$(leftovers "$user")" '' '... and nothing left'
fi

# --- plans ---
check_status 111 'a plan that is not there' as "$user" bb-launch-native run --plan "$PWD/none.plan"
for text in '' '{' '[]' '{"kind":"manifest","v":1}' '{"kind":"plan","v":2}' '{"kind":"plan","v":1}'; do
	printf '%s' "$text" >"$user/text.plan"
	check_status 100 "a plan that is '$text'" as "$user" bb-launch-native run --plan "$PWD/$user/text.plan"
done
make_plan "$user" one '.bottle.argv = ["echo", "from stdin"]'
as "$user" bb-launch-native run --plan - <"$user/one.plan" >out 2>err
is "$? $(cat out)" '0 from stdin' 'a plan may come from standard input'
refused 100 'an unknown key' "unknown key 'x'" '.x = 1'
refused 100 'an unknown key of the bottle' "unknown key 'x'" '.bottle.x = 1'
refused 100 'another backend' "for the backend 'docker'" '.backend = "docker"'
refused 100 'an identity that is a path' "cannot name a bottle" '.identity = "../x"'
refused 100 'root as the agent' 'must not be root' '.bottle.user.uid = 0'
refused 100 'a user id out of range' 'must not be root' '.bottle.user.uid = 4294967296'
refused 100 'a host name that is too long' 'not a host name' '.bottle.hostname = "x" * 65'
refused 100 'no command' "'bottle.argv' is empty" '.bottle.argv = []'
refused 100 'a command that is a number' "'bottle.argv\[0\]' is not a string" '.bottle.argv = [1]'
refused 100 'a path that goes up' 'plain absolute path' '.bottle.files = [{path: "/home/node/../x", mode: "0600", content: ""}]'
refused 100 'a path that is relative' 'not an absolute path' '.bottle.files = [{path: "x", mode: "0600", content: ""}]'
refused 100 'a mode that is none' "'rw' is not a mode" '.bottle.files = [{path: "/home/node/x", mode: "rw", content: ""}]'
refused 100 'a set-id mode' "'4755' is not a mode" '.bottle.files = [{path: "/home/node/x", mode: "4755", content: ""}]'
refused 100 'a variable with two values' 'neither or both' '.bottle.env += [{name: "X", value: "1", secret: "env:X"}]'
refused 100 'a variable without a name' 'no usable name' '.bottle.env += [{name: "A=B", value: "1"}]'
refused 100 'a variable with a secret that is not there' 'env:X' '.bottle.env += [{name: "X", secret: "env:X"}]'
refused 100 'a secret that the host does not have' 'NOT_SET' '.secrets = [{name: "env:X", source: "host", host: "NOT_SET"}]'
refused 100 'disk' "'limits.disk'" '.bottle.limits = {disk: 1000000}'
refused 100 'no time at all' "'limits.wall'" '.bottle.limits = {wall: 0}'
refused 100 'no processes at all' "'limits.pids'" '.bottle.limits = {pids: 0}'
refused 111 'a workspace that is not there' "unable to take '/nonexistent' into the bottle: No such file" \
	'.bottle.workspace = {source: "/nonexistent", target: "/home/node/workspace"}'
ln -s "$user" way
mkdir -p "$user/home/state"
for source in "$PWD/$user" "$PWD/way" "$PWD/$user/home" "$PWD/way/home/state"; do
	refused 100 "a workspace that shows what belongs to all bottles: '${source#"$PWD"}'" \
		"the workspace '.*' (holds|lies in) '.*/home', where the keys and records of all bottles are" \
		".bottle.workspace = {source: \"$source\", target: \"/home/node/workspace\"}"
done
refused 111 'a skill that is not there' '/nonexistent' '.bottle.copies = [{source: "/nonexistent", target: "/home/node/x"}]'
refused 127 'a program that is not in the bottle' "'no-such-program' is not in the bottle: install it below /usr" '.bottle.argv = ["no-such-program"]'
refused 126 'a program that cannot be run' "unable to run '/etc/hosts': Permission denied" '.bottle.argv = ["/etc/hosts"]'
refused 111 'a sidecar that does not start' 'the sidecar ended: .*unexpected operand' '.sidecar.daemons[0].args += ["unlisted"]'
refused 111 'a daemon that does not exist' 'the sidecar ended: .*no-such-daemon' '.sidecar.daemons[0].program = "no-such-daemon"'
refused 100 'more listeners than there may be' 'more than 12 listeners' \
	'.sidecar.daemons[0].listeners = [range(1; 14) | {name: "egress.\(.)", port: (. + 9000)}]'
refused 100 'a port that is none' 'not a name and a port' '.sidecar.daemons[0].listeners[0].port = 65536'
refused 111 'the same port twice' 'unable to listen on port 9099' '.sidecar.daemons[0].listeners += [{name: "egress.2", port: 9099}]'

# --- streams, statuses, signals ---
run() {
	make_plan "$user" one ".bottle.argv = [\"sh\", \"-c\", \$ARGS.positional[0]] | ${2:-.}" "$1"
	rm -rf "$user/home/state/one"
}
for code in 0 1 2 100 111 126 127 128 255; do
	run "exit $code"
	check_status "$code" "an agent that exits with $code" run_plan "$user" one
done
for signal in TERM KILL SEGV ABRT HUP PIPE; do
	# shellcheck disable=SC2016
	run 'kill -'"$signal"' $$; exit 77'
	check_status "$(($(kill -l "$signal" 2>/dev/null || bash -c "kill -l $signal") + 128))" "an agent that dies of $signal" run_plan "$user" one
done
run 'cat; echo error >&2'
head -c 3000000 /dev/urandom >big
run_plan "$user" one <big >out 2>err
is "$? $(cmp big out && cat err)" '0 error' 'standard input, output and error are passed on, whole and apart'
run 'readlink /proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 | sed s/.[0-9].*//'
run_plan "$user" one <big >out 2>err
is "$(sort -u out)" 'pipe:' '... by pipes: no file of the host is opened'
run 'yes'
run_plan "$user" one <big 2>err | head -c 1000 | tail -c 2 >out
is "$(cat out)" y 'a reader that goes away does not hang it'
run 'sleep 1000 & echo started'
run_plan "$user" one </dev/null >out 2>err
is "$? $(cat out)" '0 started' 'what the agent leaves running does not hold up the end'

# Who ends the launcher ends the agent, with its status.
mkfifo told
for signal in TERM INT HUP; do
	run "trap 'echo got $signal; exit 5' $signal; echo ready; while :; do read -r x || sleep 1000 & wait; done"
	run_plan "$user" one <big >told 2>err &
	launcher=$!
	{ read -r _ && pkill -"$signal" -P "$launcher" -f "run --plan $PWD/$user/one.plan" || kill -"$signal" "$launcher"; cat; } <told >out
	status=0
	wait "$launcher" || status=$?
	is "$status $(cat out)" "5 got $signal" "$signal is passed on to the agent, whose status counts"
done
run 'sleep 1000' '.bottle.limits = {wall: 1}'
check_status 143 'when its time is over the agent is ended' run_plan "$user" one
like "$(cat err)" "warning: the agent has had the 1 seconds that 'limits.wall' gives it" '... and it is said'
run 'python3 -c "
import subprocess
n = 0
try:
    while n < 60:
        subprocess.Popen([\"sleep\", \"1000\"])
        n += 1
except BlockingIOError:
    pass
print(n)"' '.bottle.limits = {pids: 32}'
run_plan "$user" one >out 2>err </dev/null
is "$(cat out)" 30 'limits.pids bounds the processes' # the shell and python3 are two

# --- another root file system ---
run true
check_status 111 'a root file system that is not there' as "$user" BOT_BOTTLE_ROOTFS=/nonexistent bb-launch-native run --plan "$PWD/$user/one.plan"
like "$(cat err)" "unable to find the root file system '/nonexistent' of BOT_BOTTLE_ROOTFS" '... is named'

run true
check_status 100 'nor the host itself' as "$user" BOT_BOTTLE_ROOTFS=/ bb-launch-native run --plan "$PWD/$user/one.plan"
like "$(cat err)" "holds '$PWD/$user/home' and perhaps more of yours" '... which would show everything'

# root_says BASE SCRIPT: what the script prints in a bottle with that root file system.
root_says() {
	rm -rf "$user/home/state/one"
	make_plan "$user" one '.bottle.argv = ["sh", "-c", $ARGS.positional[0]]' "$2"
	as "$user" BOT_BOTTLE_ROOTFS="$1" bb-launch-native run --plan "$PWD/$user/one.plan" 2>err </dev/null | tr '\n' ' '
}
mkdir -p base/bin base/usr/bin base/usr/share base/etc
cp "$(command -v busybox)" base/bin/busybox
for name in sh ls cat id echo; do ln -s busybox base/bin/$name; done
echo one >base/usr/share/which
echo theirs >base/etc/passwd
echo theirs >base/etc/shadow
echo theirs >base/etc/os-release
chmod 4755 base/bin/busybox
look='cat /usr/share/which; ls -d /bin/busybox /usr/bin/env /etc/hosts; id -u; echo x >/usr/share/new'
is "$(root_says "$PWD/base" "$look")" 'one /bin/busybox /etc/hosts 1000 ' 'a directory is the root file system, and only that'
like "$(cat err)" '/usr/share/new' '... which the agent cannot change'
is "$(root_says "$PWD/base" 'cat /etc/os-release; grep -c theirs /etc/passwd; ls /etc/shadow')" 'theirs 0 ' \
	'... with what tells about it in /etc, but no users of its own'

tar -cf base.tar -C base .
is "$(root_says "$PWD/base.tar" "$look")" "one /bin/busybox /etc/hosts 1000 " 'an archive as well'
unpacked() { ls "$user/home/rootfs"; }
is "$(unpacked | wc -l)" 2 '... which is unpacked in the home'
check '... without set-id bits' test ! -u "$user/home/rootfs/$(unpacked | head -n 1)/bin/busybox"
before=$(unpacked)
touch "$user/home/rootfs/$(unpacked | head -n 1)/usr/share/mark"
like "$(root_says "$PWD/base.tar" 'ls /usr/share')" 'mark' '... once'
is "$(unpacked)" "$before" '... whose result is used again'
echo two >base/usr/share/which
tar -czf base.tar -C base .
is "$(root_says "$PWD/base.tar" 'cat /usr/share/which; ls /usr/share')" 'two which ' '... and anew when it has changed'
is "$(unpacked | wc -l)" 2 '... in place of the old one'

# In use by a bottle, it is left alone.
mkfifo hold
make_plan "$user" two '.bottle.argv = ["sh", "-c", "echo up; read x; cat /usr/share/which"]'
as "$user" BOT_BOTTLE_ROOTFS="$PWD/base.tar" bb-launch-native run --plan "$PWD/$user/two.plan" <hold >two.out 2>&1 &
exec 9>hold
wait_for grep -q up two.out
is "$(as "$user" bb-launch-native cleanup)" '' 'cleanup leaves what a bottle uses'
echo >&9
exec 9>&-
wait $!
is "$(tr '\n' ' ' <two.out)" 'up two ' '... which goes on with it'
like "$(as "$user" bb-launch-native cleanup --dry-run --json | jq -r '.items[] | .type + " " + .path')" "^rootfs $PWD/$user/home/rootfs/" 'when none does it is shown'
as "$user" bb-launch-native cleanup >out
is "$(unpacked)" '' '... and removed'

printf 'no archive' >base.tar
is "$(root_says "$PWD/base.tar" true)" '' 'what is no archive is no root file system'
like "$(cat err)" "the root file system '.*base.tar' of BOT_BOTTLE_ROOTFS: unable to read the archive: " '... which is said'
python3 -c 'import tarfile, io
t = tarfile.open("base.tar", "w")
i = tarfile.TarInfo("../../escaped"); i.size = 1; t.addfile(i, io.BytesIO(b"x"))'
is "$(root_says "$PWD/base.tar" true)" '' 'nor an archive that leads out'
like "$(cat err)" "a name that leads out of it: '\.\./\.\./escaped'" '... which is said'
is "$(find . -name escaped) $(unpacked | grep -v lock)" ' ' '... with nothing left'
as "$user" bb-launch-native cleanup >out
rm -rf "$user/home/rootfs"

# --- time ---
run true
check '--timing' run_plan "$user" one --timing
is "$(jq -r '.kind + " " + ([.stages[].name] | join(" ")) + " " + ([.stages[].ms] | . == sort | tostring)' err)" \
	'timing plan namespaces state certificate built proved sidecar agent true' '... tells how long each stage took'
is "$(leftovers "$user")" '' 'nothing is left of all this'

done_testing
