#!/bin/sh
test_title='bb-gitgate: remotes by https: a real nginx with git-http-backend, a token that only the gate has'
# shellcheck source=t/lib/tap.sh
. "$(dirname "$0")/lib/tap.sh"
# shellcheck source=t/lib/remote.sh
. "$BB_SOURCE/t/lib/remote.sh"
# shellcheck source=t/lib/https.sh
. "$BB_SOURCE/t/lib/https.sh"

# A password is all that the server asks for, so the token needs no known form.
od -An -N 24 -tx1 /dev/urandom | tr -d ' \n' | tr 0-9a-f g-v >token
https_start robot token
mkdir -p remote
remote_repo app
git -C remote/app.git config receive.advertisePushOptions true
git -C remote/app.git config http.receivepack true

# entry NAME PATH [JQ]: one repository of the gate's configuration.
entry() {
	jq -cn --arg name "$1" --arg url "$2" \
		'{name: $name, url: $url, auth: {user: "robot", token: "git-token:T"}} | '"${3:-.}"
}
{
	entry app "$(https_url app)"
	entry wrongtoken "$(https_url app)" '.auth.token = "git-token:U"'
	entry wronguser "$(https_url app)" '.auth.user = "nobody"'
	entry notoken "$(https_url app)" 'del(.auth)'
	entry wrongname "https://127.0.0.1:$https_port/app.git"
	entry moved "$(https_url moved/app)"
	entry away "$(https_url away/app)"
	entry down "$(https_url down/app)"
	entry denied "$(https_url denied/app)"
	entry torn "$(https_url torn/app)"
	entry absent "$(https_url absent)"
	entry nobody "https://localhost:$(free_port)/app.git"
} | jq -s '{kind: "git-gate", v: 1, repos: .}' >gate.json
printf '11:git-token:T,%d:%s,11:git-token:U,5:wrong,' "$(wc -c <token)" "$(cat token)" >secrets
export SSL_CERT_FILE="$PWD/tls/ca.pem"
gate_start
is "$gate_said" '' 'the gate is ready'

# --- what works ---
for base in "$gate_git" "$gate_http"; do
	check "clone over ${base%%:*}" as_client git clone -q "$base/app.git" "${base%%:*}"
	is "$(git -C "${base%%:*}" rev-parse HEAD)" "$(git -C remote/app.git rev-parse main)" '... is the remote'
	check '... ls-remote' as_client git ls-remote "$base/app.git"
	is "$(cat out)" "$(git ls-remote remote/app.git)" '... shows the same as the remote directly'
	git -C "${base%%:*}" commit -q --allow-empty -m "over $base"
	check '... a push' as_client git -C "${base%%:*}" push -q origin "HEAD:refs/heads/by-${base%%:*}"
	is "$(git -C remote/app.git rev-parse "by-${base%%:*}")" "$(git -C "${base%%:*}" rev-parse HEAD)" \
		'... has arrived'
done
check 'a fetch' as_client git -C git fetch -q
is "$(git -C git rev-parse origin/by-http)" "$(git -C http rev-parse HEAD)" '... brings it'
printf '#!/bin/sh\nenv | grep ^GIT_PUSH_OPTION >%s/options\ncat %s/go >/dev/null\n' "$PWD" "$PWD" \
	>remote/app.git/hooks/pre-receive
chmod +x remote/app.git/hooks/pre-receive
mkfifo go

# --- where the token is not, seen while a push is under way ---
head -c 3000000 /dev/urandom >git/large # more than one request's buffer of git's, so that it goes in chunks
git -C git add large
git -C git commit -q -m large
as_client git -C git push -q -o ci.skip origin HEAD:refs/heads/large >said 2>&1 &
client=$!
wait_for test -s options
# shellcheck disable=SC2016
is "$(grep -lF -f token /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null)" '' \
	'the token is in no command line and no environment'
is "$(grep -rlF -f token gate gate.json gate.log gate.err 2>/dev/null)" '' '... and in no file of the gate'
is "$(grep -rlF "$(printf 'robot:%s' "$(cat token)" | base64 -w 0)" gate 2>/dev/null)" '' '... nor is its encoded form'
: >go
wait "$client"
is "$?" 0 'a large push with an option'
is "$(git -C remote/app.git rev-parse large)" "$(git -C git rev-parse HEAD)" '... has arrived'
like "$(cat options)" '^GIT_PUSH_OPTION_0=ci\.skip$' '... with the option'
rm remote/app.git/hooks/pre-receive

# --- what is refused, and how the client reads why ---
cannot() {
	check_status 128 "$2: fetch" as_client git ls-remote "$gate_git/$1.git"
	like "$(cat err)" "remote error: git-gate: unable to read the remote of '$1': $3" '... the client reads why'
	unlike "$(cat err)" "$(cat token)" '... without the token'
}
cannot wrongtoken 'a wrong token' 'the remote did not accept the token'
cannot wronguser 'a wrong user' 'the remote did not accept the token'
cannot notoken 'no token at all' 'the remote asks for a token'
cannot wrongname 'a certificate for another name' '.*certificate subject name .*does not match target host name'
cannot down 'a server that fails' '.*returned error: 503'
cannot denied 'a server that forbids' '.*returned error: 403'
cannot torn 'an answer that ends in the middle' '.'
cannot absent 'a repository that is not there' '.*not found'
cannot nobody 'a server that is not there' '.*(refused|Failed to connect)'
heard=$(https_requests)
cannot moved 'a redirection on the same host' 'it redirects elsewhere'
is "$(https_requests)" "$((heard + 1))" '... it was not followed'
cannot away 'a redirection to another host' 'it redirects elsewhere'
is "$(cat nginx/access-other)" '' '... which nobody has asked anything'

# --- a push that is refused makes no request; one that the remote refuses changes nothing ---
secret=ghp_$(printf 'zK3vQ9xT7mB2%s' 'nR5wL8cJ4hF6gD1sYpUaEo0b')
heard=$(https_requests) before=$(git -C remote/app.git for-each-ref)
echo "$secret" >git/secret
git -C git add secret
git -C git commit -q -m secret
check_status 1 'a push with a secret' as_client git -C git push -q origin HEAD:refs/heads/secret
like "$(cat err)" 'refused refs/heads/secret: github-pat in secret:1' '... is refused'
is "$(https_requests)" "$heard" '... without a request to the remote'
git -C git reset -q --hard HEAD~1
check_status 1 'the gate'"'"'s own token in base64' \
	sh -c 'base64 token >git/t && git -C git add t && git -C git commit -q -m t && exec git -C git push -q origin HEAD:refs/heads/t'
like "$(cat err)" 'known-secret in t:1' '... is refused'
git -C git reset -q --hard HEAD~1
git -C remote/app.git config receive.denyNonFastForwards true
printf '#!/bin/sh\necho "not today" >&2\nexit 1\n' >remote/app.git/hooks/pre-receive
chmod +x remote/app.git/hooks/pre-receive
git -C git commit -q --allow-empty -m more
check_status 1 'a push that the remote refuses' as_client git -C git push -q origin HEAD:refs/heads/more \
	HEAD:refs/heads/more-too
like "$(cat err)" 'git-gate: refused: the remote refused: .*not today' '... the client reads its reason'
is "$(git -C remote/app.git for-each-ref)" "$before" '... nothing has changed'
gate_stop
is "$?" 0 'the gate ends when told'
is "$(cat gate.err)" '' 'nothing was said'
gate_start
check 'and starts anew' as_client git ls-remote "$gate_git/app.git"
gate_stop

# --- certificates of nobody that is trusted ---
unset SSL_CERT_FILE
gate_start
cannot app 'a certificate of an unknown authority' '.*certificate'
gate_stop
done_testing
