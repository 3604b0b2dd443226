#!/bin/sh
# shellcheck disable=SC2016,SC2317 # dollars of others; functions that check calls
test_title='bb-commit in trouble: at once, killed, on a full disk, below a directory with a quote; no bottle has to run'
. "$(dirname "$0")/lib/tap.sh"

home="$PWD/it's a \$home" # a name that a shell would take apart
export BOT_BOTTLE_HOME="$home"
snapshots=$home/snapshots
state=$home/state/kept
upper=$state/overlay/upper/home/node

# What a bottle leaves whose agent has failed.
mkdir -p "$upper" "$state/overlay/workspace" && chmod 700 "$home" "$home/state" "$state"
echo '{"kind":"metadata","v":1,"identity":"kept","agent":"hello","bottles":["box"],"backend":"native"}' >"$state/metadata.json"
echo '{"kind":"plan","v":1,"bottle":{"user":{"name":"node","uid":1000,"gid":1000},"files":[],"copies":[]},
	"workspace":{"target":"/home/node/workspace"}}' >"$state/plan.json"
: >"$state/.preserve"
: >"$state/lock"
echo 'a note' >"$upper/note"

# whole NAME: the snapshot is there, with the one archive that it names and that has its digest.
whole() {
	(cd "$snapshots/$1" && [ "$(sha256sum -- *.tar.zst | cut -d' ' -f1)" = "$(jq -r .sha256 snapshot.json)" ] &&
		[ "$(echo *)" = "$(jq -r .sha256 snapshot.json).tar.zst snapshot.json" ])
}
left() {
	find "$1" -mindepth 1 -maxdepth 1 -name '.*'
}

# --- the commands that it prints ---

check 'what a bottle has left is committed' bb-commit kept
sed -n 's/^take it.*: *tar/tar/p' out >take
check 'as a whole' whole kept
mkdir bin there
printf '#!/bin/sh\nshift\ncd "%s/there" && exec sh -c "$*"\n' "$PWD" >bin/ssh
chmod +x bin/ssh
check 'the command that takes it along holds below a directory with a quote, a space and a dollar' env PATH="$PWD/bin:$PATH" sh take
is "$(ls there/.bot-bottle/snapshots/kept)" "$(ls "$snapshots/kept")" 'and has taken it'

# --- several at once ---

for n in 1 2 3 4 5 6; do
	{
		[ "$n" -ne 3 ] || echo 'another note' >"$upper/note"
		bb-commit kept >"said.$n" 2>&1
		echo $? >"status.$n"
	} &
done
wait
is "$(sort status.* | uniq -c | tr -s ' ')" ' 6 0' 'six commits of one name at once are all made'
check 'the last of them is there, whole' whole kept
is "$(left "$snapshots")" '' 'with nothing beside it'

# --- killed at any moment ---

head -c 8000000 /dev/urandom >"$upper/large"
check 'a commit that takes a while' bb-commit kept
torn=0
for ms in 001 002 003 005 008 012 016 020 025 030 035 040 045 050 060 070 080 090 100 120 140 160 200 250; do
	echo "$ms" >"$upper/note"
	timeout -s KILL "0.$ms" bb-commit kept >out 2>err
	whole kept || torn=$((torn + 1))
done
is "$torn" 0 'killed at any moment it leaves the snapshot of before or the new one, whole'
check 'the next one' bb-commit kept
check 'is whole' whole kept
is "$(left "$snapshots")" '' 'and has cleared away what the dead have left'

# --- a full disk ---

cat >full.sh <<'END'
mkdir "$BOT_BOTTLE_HOME/snapshots.full" && mount -t tmpfs -o size=1m,mode=700 none "$BOT_BOTTLE_HOME/snapshots" || exit 99
bb-commit kept >full.out 2>full.err
echo "$?" >full.status
ls -A "$BOT_BOTTLE_HOME/snapshots" >full.left
rm "$1/large"
bb-commit kept >full.out 2>>full.err
echo "$?" >>full.status
END
if unshare --user --map-root-user --mount true 2>err; then
	check 'a disk of one megabyte, for eight' unshare --user --map-root-user --mount sh full.sh "$upper"
	is "$(tr '\n' ' ' <full.status)" '111 0 ' 'a commit for which there is no room fails; one for which there is goes well'
	like "$(cat full.err)" '^bb-commit: .*No space left on device' 'the first says why'
	is "$(cat full.left)" '' 'and leaves nothing'
	check 'the snapshot on the other disk is as it was' whole kept
else
	skip 'a full disk' "no user namespace: $(cat err)"
fi
done_testing
