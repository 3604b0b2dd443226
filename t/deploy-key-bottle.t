#!/bin/sh
# shellcheck disable=SC2016 # the bottle's dollars
test_title='deploy keys of a manifest: made at a forge when a bottle starts, used by its gate alone, revoked whatever ends it'
# shellcheck source=t/lib/tap.sh
. "$(dirname "$0")/lib/tap.sh"
# shellcheck source=t/lib/remote.sh
. "$BB_SOURCE/t/lib/remote.sh"
# shellcheck source=t/lib/forge.sh
. "$BB_SOURCE/t/lib/forge.sh"

if ! bb-launch-native check >out 2>err; then
	skip 'a real bottle' "$(grep -h fail out err | head -n 1)"
	done_testing
fi
remote_start
remote_repo app
forge_start
url=ssh://$(id -un)@127.0.0.1:$ssh_port/team/app.git
mkdir -p home/agents home/bottles project tmp
export BOT_BOTTLE_HOME="$PWD/home" TMPDIR="$PWD/tmp"
records=$BOT_BOTTLE_HOME/deploy-keys
FORGE_TOKEN=$(cat forge-token)
export FORGE_TOKEN

# bottle PROVIDER [REMOTE]: its one remote, or two.
bottle() {
	{
		printf -- '---\nagent_provider: {template: shell}\nsupervise: false\ngit-gate:\n  user: {name: Robo, email: robo@example.org}\n  repos:\n'
		printf '    app:\n      url: %s\n      host_key: "127.0.0.1 %s"\n      key: {provider: %s, forge_token_env: FORGE_TOKEN, forge_url: "%s"}\n' \
			"$url" "$host_key" "$1" "$forge"
		if [ $# -gt 1 ]; then
			printf '    %s:\n      url: %s\n      host_key: "127.0.0.1 %s"\n      key: {provider: %s, forge_token_env: FORGE_TOKEN, forge_url: "%s"}\n' \
				"$2" "${url%app.git}$2.git" "$host_key" "$1" "$forge"
		fi
		echo ---
	} >home/bottles/box.md
	chmod 600 home/bottles/box.md
}
printf -- '---\nbottle: box\n---\nBe brief.\n' >home/agents/hello.md

# start COMMAND [OPTION]...: the agent runs COMMAND in a bottle of the label "box".
start() {
	start_command=$1
	shift
	(cd project && bb start hello --label box --yes --headless --prompt "$start_command" "$@")
}

# in_bottle STATUS 'NAME' COMMAND: such a bottle ends with STATUS; output in ./out and ./err.
in_bottle() {
	start "$3" >out 2>err </dev/null
	is "$?" "$1" "$2"
}

# --- the way of a key ---
for provider in gitea github; do
	bottle $provider
	: >forge-log
	: >look # the forge looks at who knows its token, at each request
	in_bottle 0 "$provider: clone and push by the URL of the remote" \
		"git clone -q $url app && cd app && git commit -q --allow-empty -m $provider &&
		git push -q origin HEAD:refs/heads/$provider && ls -la /proc/*/fd 2>/dev/null | grep -c deploy-key
		env; cat /proc/*/environ ~/.ssh/*; true"
	rm look
	is "$(git -C remote/app.git log -1 --format='%an %s' $provider)" "Robo $provider" '... the push has arrived'
	is "$(sed 's,/[0-9]* , N ,; s,.*/keys,keys,' forge-log | xargs)" 'keys 201 keys N 204' \
		'... one key was made and revoked'
	like "$(head -n 1 forge-log)" "^POST $([ $provider = gitea ] && echo /api/v1)/repos/team/app/keys 201" \
		'... by the API of that forge'
	is "$(forge_keys) $(ls "$records")" '0 ' '... nothing of it is left'
	like "$(cat look-found)" '^bb-launch-nativ$' '... seen from the forge, the launcher has the token'
	unlike "$(cat look-found)" 'bb-deploy-key|bb-gitgate|bb-sidecar|bb-prove|^git|^ssh' \
		'... and no program that it has started, in environment or arguments'
	unlike "$(cat out)" "PRIVATE KEY|$FORGE_TOKEN" '... nor is anything of it in the bottle'
	rm look-found
done

# While it runs: where the private key is not.
start 'echo up >~/up; while :; do sleep 1; done' >out 2>err </dev/null &
launcher=$!
at_exit "kill $launcher"
wait_for sh -c 'find home/state -name up | grep -q .'
is "$(forge_keys)" 1 'while a bottle runs, its key is at the forge'
is "$(jq -r .title "$records/box.app.json")" 'bot-bottle box/app' '... and recorded'
is "$(grep -rl 'OPENSSH PRIVATE KEY' home tmp project 2>/dev/null)" '' '... the private key is in no file'
is "$(grep -rlF "$FORGE_TOKEN" home tmp project 2>/dev/null)" '' '... nor is the token'

# --- ended by a signal ---
launching=$(pgrep -P "$launcher" -x bb-launch-nativ || echo "$launcher")
kill -TERM "$launching"
wait "$launcher"
is "$?" 143 'a bottle that is ended by a signal'
is "$(forge_keys) $(ls "$records")" '0 ' '... its key is revoked'

# --- killed ---
rm -rf home/state
start 'echo up >~/up; while :; do sleep 1; done' >out 2>err </dev/null &
launcher=$!
at_exit "kill $launcher"
wait_for sh -c 'find home/state -name up | grep -q .'
launching=$(pgrep -P "$launcher" -x bb-launch-nativ || echo "$launcher")
check 'cleanup leaves the key of a bottle that runs alone' bb cleanup --yes
is "$(forge_keys)" 1 '... it is there'
kill -9 "$launching"
wait "$launcher" 2>/dev/null
wait_for flock -n "$(find home/state -name lock)" true
is "$(forge_keys) $(ls "$records")" '1 box.app.json' 'a launcher that is killed cannot revoke its key'
check 'bb cleanup shows it' bb cleanup --dry-run
like "$(cat out)" 'forge +deploy-key +box\.app ' '... with what else is left'
forge_mode kept
check_status 111 'a forge that does not revoke: bb cleanup fails' bb cleanup --yes
like "$(cat err)" "unable to revoke the deploy key 'bot-bottle box/app'; it still opens the repository: .*403" \
	'... loudly'
forge_mode ''
check_status 111 'bb cleanup without the token' env -u FORGE_TOKEN bb cleanup --yes
like "$(cat err)" "the forge's token is wanted in the host variable 'FORGE_TOKEN', which is not set" \
	'... names the variable'
is "$(forge_keys)" 1 '... the key is there still'
check 'bb cleanup with it' bb cleanup --yes
is "$(forge_keys) $(ls "$records")" '0 ' '... revokes it'

# --- killed, and started again before any cleanup ---
printf '{"kind":"deploy-key","v":1,"provider":"github","keys":"%s/repos/team/app/keys","title":"bot-bottle box/app","key":"%s","variable":"FORGE_TOKEN"}' \
	"$forge" "$(cut -d ' ' -f 1,2 key.pub)" >"$records/box.app.json"
rm -rf home/state
in_bottle 0 'the next start under the same identity revokes what was recorded' 'true'
is "$(forge_keys) $(ls "$records")" '0 ' '... and its own key after it'

# --- a forge that says no ---
curl -sf --cacert tls/ca.pem -H "Authorization: Bearer $FORGE_TOKEN" -H 'Content-Type: application/json' \
	"$forge/repos/team/app/keys" \
	-d "$(jq -n --arg key "$(cut -d ' ' -f 1,2 key.pub)" '{title: "bot-bottle box/app", key: $key, read_only: false}')" -o foreign
in_bottle 111 'a title that is in use' 'touch ~/ran'
like "$(cat err)" "^bb-deploy-key: a deploy key called 'bot-bottle box/app' is refused" '... is named'
like "$(cat err)" "^bb-launch-native: unable to make a deploy key for 'app'" '... no bottle starts'
is "$(forge_keys) $(ls "$records")" '1 ' '... the key of that title is left alone'
curl -sf --cacert tls/ca.pem -X DELETE -H "Authorization: Bearer $FORGE_TOKEN" \
	"$forge/repos/team/app/keys/$(jq .id foreign)"
bottle github nope
: >forge-log
in_bottle 111 'a second key that cannot be made' 'true'
like "$(cat err)" "^bb-launch-native: unable to make a deploy key for 'nope'" '... no bottle starts'
is "$(forge_keys) $(ls "$records")" '0 ' '... and the first is revoked'
bottle github
forge_mode 500
in_bottle 111 'a forge that fails' 'true'
forge_mode ''
bb cleanup --yes >/dev/null 2>&1
is "$(forge_keys) $(ls "$records")" '0 ' '... leaves nothing that a cleanup does not remove'

# --- a forge that does not revoke ---
forge_mode kept
in_bottle 7 'a forge that does not revoke: the status is that of the agent' 'exit 7'
like "$(cat err)" "warning: the deploy key for 'app' still opens its repository; 'bb cleanup' tries again" \
	'... it is told'
is "$(forge_keys) $(ls "$records")" '1 box.app.json' '... and recorded'
forge_mode ''
check 'bb cleanup' bb cleanup --yes
is "$(forge_keys) $(ls "$records")" '0 ' '... tries again'

# --- before anything is made ---
: >forge-log
check 'what a start would do' sh -c 'cd project && bb start hello --yes --dry-run'
like "$(cat out err)" "a key that may write to the remote 'app' is made with the token in 'FORGE_TOKEN' and revoked after the end" '... is shown'
unset FORGE_TOKEN
in_bottle 100 'a token that is not set' 'true'
like "$(cat err)" "not set on this host: 'FORGE_TOKEN' for git_gate.repos.app" '... is told with its place'
is "$(cat forge-log)" '' '... and the forge is not asked'
is "$(cat forge.err)" '' 'the stand-in has no complaint'
done_testing
