#!/bin/sh
# shellcheck disable=SC2016,SC2317 # dollars of others; functions that wait_for calls
test_title='bb supervise on a terminal: list, page, decisions, hostile text, sizes, a thousand proposals'
. "$(dirname "$0")/lib/tap.sh"
. "$BB_SOURCE/t/lib/proposals.sh"

export BOT_BOTTLE_HOME="$PWD/home" TMPDIR="$PWD" EDITOR='sed -i s/b.test/c.test/'
unset VISUAL TMUX
terminal() {
	tmux -S "$PWD/tmux" -f /dev/null "$@"
}
# open_screen COLUMNS LINES: start the program there; what it writes to the terminal goes to ./bytes as well.
open_screen() {
	rm -f ended
	terminal new-session -d -x "$1" -y "$2" "read -r go; $BB_BUILD/bin/bb supervise; echo \$? >ended"
	terminal pipe-pane 'cat >>bytes'
	terminal send-keys Enter
}
shows() {
	terminal capture-pane -p | grep -Eq -- "$1"
}
# sees 'PATTERN' 'NAME': the screen shows it before long.
sees() {
	if wait_for shows "$1"; then
		tap_result 0 "$2"
	else
		tap_result 1 "$2"
		echo "# want a match of: $1"
		terminal capture-pane -p | sed 's/^/#  got: /'
	fi
}
keys() {
	terminal send-keys "$@"
}

make_bottle
start_bottle
at_exit 'tmux -S "$tap_directory/tmux" kill-server'
printf 'routes:\n  - host: a.test\n  - host: b.test\n' >second
ask allow second 'the first one'
open_screen 100 24
sees '^bb supervise  1 pending  \?: help' 'the list'
sees "^  12345678  web-1  allow  2026-01-31T12:01:00.000Z .* the first one" '... has what is pending'
ask egress-block second 'another one'
sees '^\* 2468acf0  web-1  egress-block .* another one' 'what comes later is marked as new'

# --- a page, an approval ---

keys Enter
sees '^    \+ allows every method to b\.test' 'the page says what would change'
sees '^        as in GET https://b\.test/bb-example' '... with an example'
sees '^    the first one' '... and why'
keys a
sees '^approve: reason, or enter:' 'a asks for a reason'
keys Escape
sees '^approve aborted' '... escape gives it up'
check_status 1 '... nothing is answered' test -e "$queue/$id.response.json"
keys a
sees '^approve: reason, or enter:' 'once more'
keys -l 'fine'
keys Enter
sees '^approved 12345678' 'it is approved'
id=12345678-0000-4000-8000-000000000001
is "$(answer '[.status, .notes]')" '["approved","fine"]' '... and answered'
is "$(digest "$inforce")" "$(digest second)" '... the routes are in force'
sees '^bb supervise  1 pending' 'the other one is still there'
archive

# --- reject, modify, and what has changed meanwhile ---

restore
ask allow second 'a third one'
third=$id
sees '^\* 369d0368 .* a third one' 'the next one'
keys G Enter
sees '^proposal  369d0368' 'its page'
printf 'routes:\n  - host: x.test\n' >"$inforce.new" && mv "$inforce.new" "$inforce"
keys a
sees '^approve: reason' 'meanwhile the routes have changed'
keys Enter
sees 'have changed since it was shown' '... so the approval is void'
check_status 1 '... and nothing is answered' test -e "$queue/$third.response.json"
restore
keys q
sees '^bb supervise  ' 'q goes back'
keys Enter
sees '^proposal  369d0368' 'looked at again'
keys m
sees '^approve these routes: reason' 'm: after the editor one is asked'
sees 'allows every method to c\.test' '... about what the edited routes would change'
keys Enter
sees '^modified 369d0368' 'it is approved as modified'
is "$(answer '[.status, (.final_file | test("c.test"))]')" '["modified",true]' '... and answered with these routes'
archive
restore
ask gitleaks-allow second 'a fixture'
sees '^\* 48d159e0 ' 'a finding of the gate'
keys G Enter
sees '^proposal  48d159e0' 'its page'
keys m
sees "a proposal of 'gitleaks-allow' cannot be modified" 'it cannot be modified'
keys a
sees '^approve: reason:' 'it can be approved'
keys Enter
sees '^approve aborted \(empty reason\)' '... but not without a reason'
keys r
sees '^reject: reason:' 'or rejected'
keys -l 'no'
keys Enter
sees '^rejected 48d159e0' '... with one'
is "$(answer '[.status, .notes]')" '["rejected","no"]' '... that is answered'
archive

# --- help, filter ---

keys '?'
sees '^arrows, j, k' '? shows the keys'
keys q /
sees '^/' '/ asks for a text'
keys -l 'nobody has this'
keys Enter
sees "with 'nobody has this'" 'a filter'
keys / C-h C-h C-h C-h C-h C-h C-h C-h C-h C-h C-h C-h C-h C-h C-h Enter
wait_for sh -c '! tmux -S "$PWD/tmux" capture-pane -p | grep -q nobody'
check '... can be taken away' sh -c '! tmux -S "$PWD/tmux" capture-pane -p | grep -q nobody'

# --- hostile text, sizes ---

hostile=$(printf 'start\033]0;owned\007\033[2J\302\2332J\342\200\256\344\270\255\342\200\213end\nnext')
printf 'routes:\n  - host: a.test # %s\n' "$(printf '%s' "$hostile" | tr -d '\n')" >hostile
ask allow hostile "$hostile"
sees 'start\\x1B\]0;owned' 'hostile text is shown escaped'
keys G Enter
sees '\\u\{202E\}' '... on its page as well'
for size in 20x6 5x2 1x1 200x50 100x24; do
	terminal resize-window -x "${size%x*}" -y "${size#*x}"
	keys j k
done
sees '^proposal  [0-9a-f]{8}' 'after a resize to one column and back the page is whole'
keys q
terminal resize-window -x 20 -y 6
sees '^bb supervise  .{5,6}$' 'twenty columns have the beginning of the list'
terminal resize-window -x 100 -y 24
sees '^bb supervise  [0-9]+ pending  \?: help' '... and back'
is "$(LC_ALL=C tr -d '\000-\177' <bytes | wc -c)" 0 'no byte beyond ASCII has reached the terminal'
is "$(LC_ALL=C grep -c "$(printf '\033[]P_^X]')" bytes)" 0 '... and no string that leads it'

# --- a thousand ---

archive
python3 - "$BOT_BOTTLE_HOME/state" <<'END'
import json, os, sys
for b in range(20):
    d = f"{sys.argv[1]}/many-{b:02}/queue"
    os.makedirs(d + "/processed", 0o700)
    os.chmod(d, 0o700)
    for n in range(50):
        id = f"{b:08x}-0000-4000-8000-{n:012x}"
        with open(f"{d}/{id}.proposal.json", "w") as f:
            json.dump({"kind": "proposal", "v": 1, "id": id, "bottle_slug": f"many-{b:02}", "tool": "allow", "proposed_file": "routes: []",
                       "justification": f"number {b}-{n}", "arrival_timestamp": f"2026-02-01T{b:02}:{n:02}:00.000Z",
                       "current_file_hash": ""}, f)
END
sees '^bb supervise  1000 pending' 'a thousand are counted'
keys G
sees '^. 00000013  many-19 .* number 19-49' 'the last one is found by a key'
keys g
sees '^. 00000000  many-00 .* number 0-0' '... and the first'
keys /
sees '^/' 'a filter'
keys -l '7-31'
keys Enter
sees "with '7-31'" '... finds'
sees '^. 00000007  many-07 .* number 7-31' '... one of them'
keys q
wait_for test -s ended
is "$(cat ended)" 0 'q leaves'
stop_bottle
done_testing
