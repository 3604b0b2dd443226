#!/bin/sh
# shellcheck disable=SC2016
test_title='bb-gitgate: real git, a real sshd; what is clean arrives, what is not changes nothing'
# shellcheck source=t/lib/tap.sh
. "$(dirname "$0")/lib/tap.sh"
# shellcheck source=t/lib/remote.sh
. "$BB_SOURCE/t/lib/remote.sh"

remote_start
remote_repo app
remote_repo open
remote_repo nokey
remote_repo wrong
ssh-keygen -q -t ed25519 -N '' -C '' -f other
gate_config app . open '.push = {force: true, delete: true, tags: true, branches: ["agent/*", "main"]}' nokey \
	'del(.host_key)' \
	wrong ".host_key = \"$(cut -d ' ' -f 1,2 other.pub)\""
gate_start
is "$gate_said" '' 'the gate is ready'

# refs NAME: what a remote has, to the byte.
refs() {
	git -C "remote/$1.git" for-each-ref
	find "remote/$1.git" -type f -exec sha256sum {} + | sort
}

# --- fetching ---
for base in "$gate_git" "$gate_http"; do
	name=clone-${base%%:*}
	check "clone over ${base%%:*}" as_client git clone -q "$base/app.git" "$name"
	is "$(git -C "$name" rev-parse HEAD)" "$(git -C remote/app.git rev-parse main)" 'is the remote'
	check 'ls-remote' as_client git ls-remote "$base/app.git"
	is "$(cat out)" "$(git ls-remote remote/app.git)" 'shows the same as the remote directly'
	check 'with the first protocol too' as_client git -c protocol.version=0 ls-remote "$base/app.git"
	is "$(cat out)" "$(git ls-remote remote/app.git)" '... the same'
	check 'a shallow clone' as_client git clone -q --depth 1 "$base/app.git" "shallow-$name"
	check 'a partial clone' as_client git clone -q --filter=blob:none "$base/app" "partial-$name"
	check_status 128 'a repository that is not listed' as_client git ls-remote "$base/nope.git"
	like "$(cat err)" "remote error: git-gate: there is no repository 'nope' here; there is: app, open, nokey, wrong" '... with those that are'
	check_status 128 'no host key is pinned' as_client git ls-remote "$base/nokey.git"
	like "$(cat err)" "git-gate: 'nokey' cannot be reached: its 'host_key' is not in the manifest" \
		'... and the client reads why'
	check_status 128 'another host key is pinned' as_client git ls-remote "$base/wrong.git"
	like "$(cat err)" "git-gate: unable to read the remote of 'wrong': the host's key is not the one that the manifest pins" '... and the client reads why'
done
git -C seed-app commit -q --allow-empty -m 'from elsewhere'
git -C seed-app push -q "$PWD/remote/app.git" HEAD:main
check 'a pull gets what came meanwhile' as_client git -C clone-git pull -q
is "$(git -C clone-git rev-parse HEAD)" "$(git -C remote/app.git rev-parse main)" 'as it is at the remote'

# --- pushing what is clean ---
commit() {
	git -C "$1" add -A
	git -C "$1" commit -q --allow-empty -m "${2:-change}"
}
for base in "$gate_git" "$gate_http"; do
	git -C clone-git remote set-url origin "$base/app.git"
	echo "over $base" >clone-git/file
	commit clone-git
	check "push over ${base%%:*}" as_client git -C clone-git push -q origin HEAD:main
	is "$(git -C remote/app.git rev-parse main)" "$(git -C clone-git rev-parse HEAD)" 'has arrived'
	check 'and a new branch' as_client git -C clone-git push -q origin "HEAD:topic-${base%%:*}"
done
check 'a fetch finds the mirror right' as_client git -C clone-http fetch -q
is "$(git -C clone-http rev-parse origin/main)" "$(git -C remote/app.git rev-parse main)" 'as the remote'

# --- attacks: the remote stays as it is, to the byte, and hears of nothing ---
token=ghp_$(printf 'zK3vQ9xT7mB2%s' 'nR5wL8cJ4hF6gD1sYpUaEo0b')
connections() {
	grep -c 'Connection from' sshd/log
}
# refused 'NAME' PATTERN GIT-ARGUMENT...: a push that is refused, with a line that matches.
refused() {
	name=$1 pattern=$2
	shift 2
	before=$(refs app) heard=$(connections)
	check_status 1 "$name is refused" as_client git -C clone-git "$@"
	like "$(cat err)" "$pattern" '... and the client reads why'
	unlike "$(grep remote: err)" "$token" '... without the secret'
	is "$(refs app)" "$before" '... and the remote is as before'
	is "$(connections)" "$heard" '... and was not even called'
}
base=$(git -C clone-git rev-parse HEAD)
again() {
	git -C clone-git checkout -q -f -B work "$base"
	git -C clone-git clean -qfdx
}

again
mkdir -p clone-git/config
printf 'a\nb\ntoken = %s\n' "$token" >clone-git/config/dev.env
commit clone-git
refused 'a secret in a file' "remote: git-gate: refused refs/heads/work: github-pat in config/dev.env:3 \(commit [0-9a-f]{7}\)" push origin work
git -C clone-git rm -qf config/dev.env
commit clone-git
refused 'a secret added and removed again' 'github-pat in config/dev.env:3' push origin work

again
printf '%s # gitleaks:allow\n' "$token" >clone-git/x
printf '[allowlist]\npaths = [".*"]\n' >clone-git/.gitleaks.toml
commit clone-git
refused 'an inline allow, and configuration in the tree' 'git-gate: refused' push origin work

again
printf 'binary\0\1\2%s\n' "$token" >clone-git/picture.png
commit clone-git
refused 'a secret in a file with the name of a picture' 'github-pat in picture.png' push origin work

again
commit clone-git "message with $token"
refused 'a secret in a message' 'github-pat in the commit message \(commit' push origin work

again
git -C clone-git -c user.name="$token" commit -q --allow-empty -m x
refused 'a secret in an author' "github-pat in the commit's header" push origin work

again
: >"clone-git/$token"
commit clone-git
refused 'a secret in a file name' 'github-pat in a file name' push origin work

again
refused 'a secret in a ref name' "refused the push: github-pat in a ref's name" push origin "work:refs/heads/$token"

again
refused 'a secret in a push option' 'github-pat in a push option' push -o "$token" origin work

again
printf '[submodule "s"]\n\tpath = s\n\turl = https://user:%s@example.org/s\n' "$token" >clone-git/.gitmodules
commit clone-git
refused 'a secret in the URL of a submodule' 'github-pat in .gitmodules:3' push origin work

again
git -C clone-git checkout -q -b side
echo side >clone-git/side
commit clone-git
git -C clone-git checkout -q work
echo work >clone-git/work
commit clone-git
git -C clone-git merge -q --no-commit --no-ff side >/dev/null 2>&1
echo "$token" >clone-git/only-here
commit clone-git merge
refused 'a secret that only a merge brings' 'github-pat in only-here:1' push origin work

again
git -C clone-git checkout -q --orphan lonely
echo "$token" >clone-git/lonely
commit clone-git
refused 'a secret in a history of its own' 'github-pat in lonely:1' push origin lonely

again
git -C clone-git notes add -m "$token" "$base"
refused 'notes' 'ref-policy: only branches' push origin refs/notes/commits
refused 'notes as a branch' 'github-pat in [0-9a-f]{40}:1' push origin refs/notes/commits:refs/heads/n
refused 'a change of the pull requests' 'ref-policy: only branches' push origin work:refs/pull/1/head
refused 'a mirror push' 'ref-policy' push --mirror origin
git -C clone-git tag -a -m "$token" v1
refused 'a tag' 'ref-policy: a tag' push origin v1
refused 'a deletion' 'ref-policy: a deletion' push origin :topic-git
git -C clone-git commit -q --amend --allow-empty -m 'another history'
refused 'a rewritten history' 'ref-policy: a push that rewrites history' push -f origin HEAD:main
again
echo clean >clone-git/clean
commit clone-git
git -C clone-git branch -q -f dirty
git -C clone-git checkout -q dirty
echo "$token" >clone-git/dirty
commit clone-git
refused 'two refs of which one is clean' 'refused refs/heads/dirty: github-pat in dirty:1' push origin work:clean dirty

# --- what a manifest allows ---
check 'a repository that allows more' as_client git clone -q "$gate_http/open.git" open
for branch in agent/a main; do
	git -C open commit -q --allow-empty -m "$branch"
	check "branch $branch" as_client git -C open push -q origin "HEAD:$branch"
done
check_status 1 'a branch that is not listed' as_client git -C open push -q origin HEAD:other
like "$(cat err)" 'ref-policy: a branch that the manifest does not list' '... with the reason'
git -C open tag -a -m one v1
check 'a tag' as_client git -C open push -q origin v1
git -C open commit -q --amend --allow-empty -m rewritten
check 'a rewritten history' as_client git -C open push -q -f origin HEAD:agent/a
check 'a deletion' as_client git -C open push -q origin :agent/a
is "$(git -C remote/open.git for-each-ref --format='%(refname)')" 'refs/heads/main
refs/tags/v1' 'the remote has what was pushed'
git -C open tag -f -a -m "$token" v2 >/dev/null
check_status 1 'a secret in a tag' as_client git -C open push -q origin v2
like "$(cat err)" "refs/tags/v2: github-pat in the tag's message" '... is found'

# --- the remote says no, or is not there: all or nothing ---
printf '#!/bin/sh\n[ "$1" != refs/heads/no ] || { echo never; exit 1; }\n' >remote/open.git/hooks/update
chmod +x remote/open.git/hooks/update
git -C open commit -q --allow-empty -m more
before=$(git -C remote/open.git for-each-ref)
check_status 1 'the remote refuses' as_client git -C open push -q origin HEAD:agent/x HEAD:main HEAD:no
is "$(git -C remote/open.git for-each-ref)" "$before" 'nothing has changed'
git -C seed-open commit -q --allow-empty -m elsewhere
git -C seed-open push -q "$PWD/remote/open.git" HEAD:agent/raced
before=$(git -C remote/open.git for-each-ref)
check_status 1 'a branch that someone else has made meanwhile' as_client git -C open push -q origin HEAD:agent/raced
is "$(git -C remote/open.git for-each-ref)" "$before" 'is not overwritten'
like "$(cat err)" 'git-gate: refused: the remote has changed meanwhile; fetch first' 'and the client reads why'
kill "$sshd_pid"
wait "$sshd_pid"
check_status 128 'the remote is not there: fetch' as_client git -C open fetch origin
like "$(cat err)" "remote error: git-gate: unable to read the remote of 'open': .*(refused|closed)" \
	'... with the reason, never stale data'
check_status 1 'the remote is not there: push' as_client git -C open push -q origin HEAD:agent/late
like "$(cat err)" 'remote: git-gate: refused: unable to push to the remote: .*(refused|closed)' '... with the reason'

# --- nothing of the key, nothing left ---
secret=$(sed -n 2p key)
is "$(grep -rlF "$secret" gate gate.log gate.err /proc/"$gate_pid"/environ 2>/dev/null)" '' \
	'the private key is in no file of the gate'
wait_for sh -c '[ -z "$(find gate/push gate/judged -mindepth 1)" ]'
gate_stop
is "$?" 0 'the gate ends when told'
is "$(ls gate/push gate/judged)" 'gate/judged:

gate/push:' 'and nothing of a push is left'
is "$(cat gate.err)" '' 'nothing was said'

# --- check: the same verdict from a shell ---
zero=0000000000000000000000000000000000000000
check 'check: clean' bb-gitgate check --rules "$BB_SOURCE/rules/tokens.yaml" clone-git "$zero" "$base" refs/heads/x
check_status 1 'check: not' bb-gitgate check --rules "$BB_SOURCE/rules/tokens.yaml" clone-git "$base" \
	"$(git -C clone-git rev-parse dirty)" refs/heads/x
like "$(cat out)" '^refused refs/heads/x: github-pat in dirty:1 \(commit [0-9a-f]{7}\)$' 'with the same text'
check_status 1 'check: a tag' bb-gitgate check --rules "$BB_SOURCE/rules/tokens.yaml" clone-git "$zero" "$base" \
	refs/tags/x
check 'check: one that is allowed' bb-gitgate check --tags --rules "$BB_SOURCE/rules/tokens.yaml" clone-git "$zero" \
	"$base" refs/tags/x
check_status 100 'check: usage' bb-gitgate check clone-git
done_testing
