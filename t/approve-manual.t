#!/bin/sh
# shellcheck disable=SC2016,SC2317 # jq's dollars; functions that wait_for calls
test_title='the screens of the manual are what bb supervise shows'
. "$(dirname "$0")/lib/tap.sh"
. "$BB_SOURCE/t/lib/proposals.sh"

export BOT_BOTTLE_HOME="$PWD/home" TMPDIR="$PWD"
unset TMUX
manual=$BB_SOURCE/cmd/approve/bb-approve.1
columns=70 lines=24

terminal() {
	tmux -S "$PWD/tmux" -f /dev/null "$@"
}
# in_manual N: the N-th screen of the manual.
in_manual() {
	sed -n '/^\.Ss The screen/,/^\.Sh/p' "$manual" |
		awk -v n="$1" '/^\.Ed/ { on = 0 } on { print } /^\.Bd -literal/ { on = ++count == n }' |
		sed 's/\\e/\\/g'
}
# captured N: as much from the end of the screen as the manual has: all, or the last line alone.
captured() {
	if [ "$(in_manual "$1" | wc -l)" -eq 1 ]; then
		terminal capture-pane -p | sed 's/ *$//' | tail -n 1
	else
		terminal capture-pane -p | sed 's/ *$//'
	fi
}
same() {
	[ "$(captured "$1")" = "$(in_manual "$1")" ] # trailing empty lines are no part of $()
}
# is_screen N 'NAME': the screen becomes the N-th of the manual.
is_screen() {
	wait_for same "$1"
	is "$(captured "$1")" "$(in_manual "$1")" "$2"
}

printf 'routes:\n  - host: pypi.org\n' >first
make_bottle
start_bottle
: >"$state/lock"
exec 9<"$state/lock"
flock 9 # as the launcher of a bottle that runs
at_exit 'tmux -S "$tap_directory/tmux" kill-server'
cat >second <<'END'
routes:
  - host: pypi.org
  - host: api.example.com
    matches:
      - methods: [GET, POST]
        paths: [{value: /v1}]
END
printf 'routes:\n  - host: pypi.org\n  - host: files.pythonhosted.org\n' >third
printf '{\n  "host": "api.example.com",\n  "method": "POST",\n  "path": "/v1/notes",\n  "kind": "github-pat",\n  "place": "body",\n  "context": "key=[REDACTED:github-pat]",\n  "value": "5be1f0d2a44c7a10"\n}\n' >finding

is "$(sed -n '/^\.Ss The screen/,/^\.Sh/p' "$manual" | grep -c '^\.Bd')" 4 'the manual has four screens'
ask_as 1234abcd-52f0-4a3e-9d77-3f0b8a0c1e55 2026-01-31T12:01:00.000Z allow second 'I need the API'
terminal new-session -d -x "$columns" -y "$lines" "$BB_BUILD/bin/bb supervise"
wait_for sh -c 'tmux -S "$PWD/tmux" capture-pane -p | grep -q "1 pending"'
ask_as 9f02c4e1-0c77-4d0b-8a52-6d1f0e9b7a31 2026-01-31T12:02:07.000Z egress-block third 'pip fails'
is_screen 1 'the list'
terminal send-keys Enter
is_screen 2 'the page of a proposal'
terminal send-keys a
terminal send-keys -l 'for the report'
is_screen 3 'a reason that is being typed'
terminal send-keys Enter
wait_for sh -c 'tmux -S "$PWD/tmux" capture-pane -p | grep -q "^approved 1234abcd"'
ask_as c04d11e7-9b1f-4e6c-8f0a-27d9f4ab6603 2026-01-31T12:03:30.000Z egress-token-allow finding \
	'A request holds this. It is held for at most 290 seconds.'
terminal send-keys G
wait_for sh -c 'tmux -S "$PWD/tmux" capture-pane -p | grep -q c04d11e7'
terminal send-keys G Enter
is_screen 4 'the page of a finding'
terminal send-keys q q
stop_bottle
done_testing
