#!/bin/sh
test_title='bb-gitgate: the secrets of the bottle are not pushed, in any form, nor the keys of the gate itself'
# shellcheck source=t/lib/tap.sh
. "$(dirname "$0")/lib/tap.sh"
# shellcheck source=t/lib/remote.sh
. "$BB_SOURCE/t/lib/remote.sh"

remote_start
remote_repo app
gate_config app
secret=$(od -An -N 24 -tx1 /dev/urandom | tr -d ' \n' | tr 0-9a-f g-v)
printf '11:env:API_KEY,%d:%s,' "${#secret}" "$secret" >>secrets
gate_start
check 'a clone' as_client git clone -q "$gate_git/app.git" work

# commit NAME: a commit on a branch of that name with what the function put there.
commit() {
	git -C work add -A
	git -C work commit -q --allow-empty -m "${2:-$1}"
}

# refused NAME PATTERN: a push of HEAD is refused with a line that matches; nothing is shown, nothing arrives.
refused() {
	before=$(git -C remote/app.git for-each-ref)
	check_status 1 "$1" as_client git -C work push -q origin "HEAD:refs/heads/x"
	like "$(cat err)" "$2" '... the client reads why'
	unlike "$(cat err)" "$secret" '... without the secret'
	is "$(git -C remote/app.git for-each-ref)" "$before" '... nothing has arrived'
	git -C work reset -q --hard origin/main
}

printf 'a\nb\nc = %s\n' "$secret" >work/plain
commit plain
refused 'as it is' 'known-secret in plain:3'
printf 'c = %s # gitleaks:allow\n' "$secret" >work/excused
commit excused
refused 'with a comment that excuses it' 'known-secret in excused:1'
printf '%s' "$secret" | base64 >work/base64
commit base64
refused 'in base64' 'known-secret in base64:1'
printf 'key: %s' "$secret" | gzip | base64 >work/packed
commit packed
refused 'in gzip in base64' 'known-secret in packed'
printf 'key: %s' "$secret" >key.txt
python3 -c 'import zipfile; zipfile.ZipFile("work/a.zip", "w", zipfile.ZIP_DEFLATED).write("key.txt")'
commit zip
refused 'in a zip archive' 'known-secret in a.zip'
printf '%s' "$secret" | rev >work/reversed
commit reversed
refused 'backwards' 'known-secret in reversed:1'
printf '%s' "$secret" | sed 's/./&-/g' >work/spread
commit spread
refused 'with something between its characters' 'known-secret in spread:1'
commit message "the key is $secret"
refused 'in a message' 'known-secret in the commit message'
: >"work/$secret"
commit name
refused 'in a name' 'known-secret in a file name'
cp key work/id
commit key
refused "the gate's own key" '(known-secret|private-key) in id'
base64 -w 0 key >work/id
commit key
refused "the gate's own key, coded" '(known-secret|private-key) in id:1'
printf 'nothing of interest\n' >work/clean
commit clean
check 'what holds none of them' as_client git -C work push -q origin HEAD:refs/heads/x
gate_stop
is "$(cat gate.err)" '' 'nothing else was said'
unlike "$(cat gate.log)" "$secret" 'the log has no secret'
is "$(grep -rlF "$secret" gate)" '' 'nor has any file of the gate'
done_testing
