#!/bin/sh
# shellcheck disable=SC2016,SC2317 # dollars of others; functions that wait_for calls
test_title='--notify: the command is told of each proposal once, and nothing that an agent wrote gets to it'
. "$(dirname "$0")/lib/tap.sh"
. "$BB_SOURCE/t/lib/proposals.sh"

bb=$BB_BUILD/bin/bb
export BOT_BOTTLE_HOME="$PWD/home" TMPDIR="$PWD"
unset TMUX
# lines FILE N: it has at least so many.
lines() {
	[ "$(wc -l <"$1")" -ge "$2" ]
}
terminal() {
	tmux -S "$PWD/tmux" -f /dev/null "$@"
}

make_bottle
mkdir -p "$queue/processed" "${inforce%/*}" && chmod 700 "$queue" "$queue/processed" "${inforce%/*}"
cp first "$inforce"

# Each text would leave a file behind, if a shell read it; "mark" is how it is looked for.
mark=hostile4711
for text in '$(touch "$OWNED")' '`touch "$OWNED"`' "'; touch \"\$OWNED\"; '" '"; touch "$OWNED"; "' \
	"$(printf '\ntouch "$OWNED"\n')" '$OWNED'; do
	printf 'routes:\n  - host: a.test # %s %s\n' "$mark" "$(printf %s "$text" | tr -d '\n')" >wish
	ask allow wish "$mark $text"
	# What the agent has no hand in either, but a queue that was broken into could say.
	jq --arg text "$mark $text" '.bottle_slug = $text' "$queue/$id.proposal.json" >"$queue/.asked"
	mv "$queue/.asked" "$queue/$id.proposal.json"
done
cp "$queue/$id.proposal.json" "$queue/\$(touch owned).proposal.json"
cp "$queue/$id.proposal.json" "$queue/$id;touch owned;.proposal.json"
jq '.tool = "$(touch owned)"' "$queue/$id.proposal.json" >"$queue/11111111-0000-4000-8000-000000000001.proposal.json"
cat >told.sh <<'END'
echo "$# $1 $2 $3" >>told
{ env; echo; tr '\0' '\n' </proc/$$/cmdline; cat; } >>everything 2>&1
ls /proc/self/fd >>descriptors
END
OWNED=$PWD/owned
export OWNED

# told PROGRAM: what it was told is the ids, and nothing else has got through.
told() {
	is "$(sort -u told)" "$(for f in "$queue"/*.proposal.json; do basename "$f" .proposal.json; done |
		grep -E '^[0-9a-f]{8}-0000-4000-8000-[0-9a-f]{12}$' | grep -v ^1111 | sed 's/^/3 web-1 allow /' |
		sort)" "$1: bottle, tool and id, three words"
	is "$(sort told | uniq -d)" '' '... of each once'
	is "$(grep -c "$mark" everything)" 0 '... nothing an agent wrote is in argument, environment or input'
	check_status 1 '... and no shell has read it' test -e owned
	is "$(grep -c . everything | awk '{ print ($1 > 0) }')" 1 '... as what was looked through shows'
	is "$(sort -un descriptors | tr '\n' ' ')" '0 1 2 3 ' '... it inherits no descriptor (3 is what ls reads)'
	rm told everything descriptors
}

check_status 1 'wait tells of what is there, until its time is over' "$bb" supervise wait --timeout 1 \
	--notify "$(cat told.sh)"
told wait
is "$("$bb" supervise list --json | jq -c '[(.proposals | length), .damaged]')" '[6,1]' \
	'what has no proper tool is unreadable, what has no proper name is nothing'

# A command that fails ends nothing; the one for the next proposal runs as well.
check_status 1 'a command that fails' "$bb" supervise wait --timeout 1 --notify 'echo "$3" >>failed; exit 3'
is "$(wc -l <failed)" 6 '... is run for each, all the same'
check_status 1 'a command that is killed' "$bb" supervise wait --timeout 1 --notify 'echo "$3" >>killed; kill -KILL $$'
is "$(wc -l <killed)" 6 '... too'

# The screen tells of what comes while it is open; what the command prints stays off it.
mv "$queue"/*.proposal.json "$queue/processed/"
terminal new-session -d -x 100 -y 24 "$bb supervise --notify 'echo \"\$3\" >>arrived; echo printed; echo printed >&2'"
at_exit 'tmux -S "$tap_directory/tmux" kill-server'
wait_for sh -c 'tmux -S "$PWD/tmux" capture-pane -p | grep -q "0 pending"'
: >arrived
ask allow wish "$mark \$(touch owned)"
wait_for lines arrived 1
ask allow first "$mark"
wait_for lines arrived 2
is "$(tail -n 1 arrived)" "$id" 'the screen tells of what comes, one after the other'
wait_for sh -c 'tmux -S "$PWD/tmux" capture-pane -p | grep -q "2 pending"'
is "$(terminal capture-pane -p | grep -c printed)" 0 '... and shows nothing of what the command prints'
check_status 1 '... nor has a shell read a justification' test -e owned
done_testing
