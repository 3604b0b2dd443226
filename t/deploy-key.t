#!/bin/sh
test_title='bb-deploy-key: made at a forge, recorded before it is asked, revoked whatever has happened'
# shellcheck source=t/lib/tap.sh
. "$(dirname "$0")/lib/tap.sh"
# shellcheck source=t/lib/remote.sh
. "$BB_SOURCE/t/lib/remote.sh"
# shellcheck source=t/lib/forge.sh
. "$BB_SOURCE/t/lib/forge.sh"

remote_start
remote_repo app
forge_start
export BOT_BOTTLE_HOME="$PWD/home"
records=$BOT_BOTTLE_HOME/deploy-keys
url=ssh://$(id -un)@127.0.0.1:$ssh_port/team/app.git

# make_key PROVIDER [OPTION]...: the token comes on a descriptor.
make_key() {
	provider=$1
	shift
	bb-deploy-key make --provider "$provider" --url "$url" --forge "$forge" --title 'bot-bottle box-1/app' \
		--variable FORGE_TOKEN \
		--record "$records/box-1.app.json" --token 3 "$@" 3<forge-token
}
revoke_key() {
	bb-deploy-key revoke --token 3 "$records/box-1.app.json" 3<forge-token
}

# --- the way of a key ---
for provider in gitea github; do
	api=/api/v1
	[ $provider = gitea ] || api=
	: >forge-log
	check "$provider: a key is made" make_key $provider
	mv out made && chmod 600 made
	is "$(cat forge-log)" "POST $api/repos/team/app/keys 201" '... with one request'
	check '... it is a private key of ssh' ssh-keygen -y -f made
	is "$(cat out)" "$(jq -r .key "$records/box-1.app.json")" '... whose public half is recorded'
	is "$(jq -r '[.kind, .v, .provider, .title, .variable] | join(" ")' "$records/box-1.app.json")" \
		"deploy-key 1 $provider bot-bottle box-1/app FORGE_TOKEN" '... with what revoking takes'
	is "$(stat -c '%a' "$records" "$records/box-1.app.json" | xargs)" '700 600' '... for the operator alone'
	is "$(grep -rlF -f forge-token "$records")$(grep -rlF "$(sed -n 2p made)" "$records")" '' \
		'... and nothing secret'
	check '... it opens the repository' env \
		GIT_SSH_COMMAND="ssh -F none -i $PWD/made -o IdentitiesOnly=yes -o StrictHostKeyChecking=no \
		-o UserKnownHostsFile=$PWD/known" git -C seed-app push -q "$url" \
		"$(git -C remote/app.git rev-parse main):refs/heads/by-$provider"
	check "$provider: revoked" revoke_key
	is "$(tail -n 1 forge-log | sed 's,/[0-9]* , N ,')" "DELETE $api/repos/team/app/keys N 204" \
		'... with one request'
	is "$(forge_keys) $(ls "$records")" '0 ' '... gone, with its record'
	check_status 128 '... and opens nothing any more' env \
		GIT_SSH_COMMAND="ssh -F none -i $PWD/made -o IdentitiesOnly=yes -o BatchMode=yes \
		-o UserKnownHostsFile=$PWD/known" git ls-remote "$url"
done
check 'revoking what has no record' revoke_key

# --- a new start of the same bottle ---
check 'a key is made' make_key gitea
mv out made
check 'and once more: the one of a start that was killed is revoked first' make_key gitea
is "$(cmp -s out made; echo $?) $(forge_keys)" '1 1' '... there is one, another one'
revoke_key

# --- what the forge refuses ---
# refused NAME PATTERN [PROVIDER]
refused() {
	check_status 111 "$1" make_key "${3:-gitea}"
	is "$(cat out)" '' '... no key is printed'
	like "$(cat err)" "^bb-deploy-key: $2" '... the reason is told'
	unlike "$(cat err)" "$(cat forge-token)" '... without the token'
}
check 'a title that is in use' make_key gitea --record other.json
refused '... is refused' "a deploy key called 'bot-bottle box-1/app' is refused; revoke one of that name there: .* answers 422: Key title has been used"
is "$(ls "$records")" '' '... and nothing is recorded'
bb-deploy-key revoke --token 3 other.json 3<forge-token
for status in 401 403 404; do
	forge_mode $status
	refused "status $status" "'$forge/api/v1/repos/team/app/keys' answers $status: as told"
	is "$(ls "$records")" '' '... nothing was made, nothing is recorded'
done
forge_mode ''
echo wrong >wrong-token
check_status 111 'a wrong token' bb-deploy-key make --provider gitea --url "$url" --forge "$forge" --title t \
	--variable V --record r.json --token 3 3<wrong-token
like "$(cat err)" 'answers 401: Bad credentials; check the token and what it may do' '... is told'
printf '%s' "https://127.0.0.1:$(free_port)" >away
forge_mode away
refused 'a redirection' '.* answers 307: .*it redirects elsewhere, where the token must not follow'

# --- what is not known to be refused ---
forge_mode lost
: >forge-log
refused 'a connection that ends after the key was made' 'unable to reach'
is "$(forge_keys) $(ls "$records")" '0 ' '... the key is found by its public half and revoked'
like "$(cat forge-log)" '^GET .*/keys\?limit=50&page=1 200' '... in the list of keys'
forge_mode 500
refused 'a forge that fails' '.*answers 500'
like "$(cat err)" "warning: unable to tell whether the deploy key 'bot-bottle box-1/app' is there: .*'bb cleanup' tries again" '... and again when asked: that is loud'
is "$(ls "$records")" box-1.app.json '... the record stays'
forge_mode ''
check '... for the next attempt' revoke_key
is "$(ls "$records")" '' '... which ends it'

# --- revoking that fails ---
check 'a key' make_key gitea
forge_mode kept
check_status 111 'a forge that does not revoke' revoke_key
like "$(cat err)" "unable to revoke the deploy key 'bot-bottle box-1/app'; it still opens the repository: .* answers 403: Must have admin rights" '... is told loudly'
is "$(forge_keys) $(ls "$records")" '1 box-1.app.json' '... and stays recorded'
forge_mode 404
check 'a key that someone else has revoked' revoke_key
is "$(ls "$records")" '' '... is fine'
forge_mode ''

# --- cleanup ---
check 'a key of a bottle that was killed' make_key gitea --record "$records/box-2.my.app.json" --title two
check 'and one of a bottle that runs' make_key gitea --record "$records/box-3.app.json" --title three
mkdir -p home/state/box-3
: >home/state/box-3/lock
flock -F home/state/box-3/lock sleep 1000 >/dev/null 2>&1 &
at_exit "kill $!"
wait_for sh -c '! flock -n home/state/box-3/lock true'
check 'cleanup shows what it would do' bb-deploy-key cleanup --dry-run --json
is "$(jq -c . out)" "{\"kind\":\"cleanup\",\"v\":1,\"backend\":\"forge\",\"dry_run\":true,\"items\":[{\"type\":\"deploy-key\",\"name\":\"box-2.my.app\",\"path\":\"$records/box-2.my.app.json\"}]}" \
	'... the one of the dead bottle'
check_status 100 'cleanup without the token' bb-deploy-key cleanup
like "$(cat err)" "the forge's token is wanted in the host variable 'FORGE_TOKEN', which is not set" \
	'... names the variable'
is "$(find "$records" -name '*.json' | wc -l)" 2 '... and forgets nothing'
FORGE_TOKEN=$(cat forge-token)
export FORGE_TOKEN
check 'cleanup with it' bb-deploy-key cleanup
is "$(cat out) $(ls "$records")" 'box-2.my.app box-3.app.json' '... the dead one is revoked, the other left alone'
# the running bottle's, and the one that the forge had said it does not have
is "$(forge_keys)" 2 '... at the forge, too'

# --- usage ---
check_status 100 'no command' bb-deploy-key
check_status 100 'an unknown command' bb-deploy-key frob
check_status 100 'too few options' bb-deploy-key make --provider gitea
check_status 100 'another forge' make_key svn
check_status 100 'a remote that is no repository of a forge' make_key gitea --url "ssh://h.example/just-one"
like "$(cat err)" 'names no OWNER/REPOSITORY' '... is told'
for bad in "ssh://h.example/a/b/c" "ssh://h.example/../b" "ssh://h.example/a/b%2fc"; do
	check_status 100 "... nor is '$bad'" make_key gitea --url "$bad"
done
for bad in http://localhost 'https://a@b' 'https://h/../x' 'https://h?x' 'https:///x'; do
	check_status 100 "the address '$bad' is none" make_key gitea --forge "$bad"
done
printf 'a\nb' >two-lines
check_status 100 'a token of two lines' bb-deploy-key make --provider gitea --url "$url" --forge "$forge" --title t \
	--variable V --record r.json --token 3 3<two-lines
echo '{"kind":"deploy-key","v":1,"provider":"gitea","keys":"http://x/","title":"t","key":"k","variable":"V"}' >bad.json
check_status 100 'a record with another address' bb-deploy-key revoke bad.json
is "$(cat forge.err)" '' 'the stand-in has no complaint'
done_testing
