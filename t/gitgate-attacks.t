#!/bin/sh
# shellcheck disable=SC2016
test_title='bb-gitgate: packs, refs and requests that no git client makes; the remote stays as it is, to the byte'
#
# What a hostile agent tries with git, and where it is tried:
#
#	inline allow, configuration in the tree   gitgate.t, gitgate-approval.t, gitgate-gitleaks.t
#	encoded or archived secret                gitgate-hidden.t; known ones: gitgate-known.t
#	message, author, tag, ref name, file
#	name, push option, submodule, note        gitgate.t, gitgate-hidden.t
#	pointer of LFS                            gitgate-hidden.t; a clean one: gitgate-use.t
#	added and removed, merge only, orphan     gitgate.t
#	shallow clone                             here
#	replace refs, grafts, alternates          gitgate-limits.t
#	delta bomb, thin and malformed packs      here
#	many refs, deep trees, large objects,
#	gzip bodies, many connections             gitgate-limits.t; PUSH_REFS_MAX: here
#	force, delete, tag, refs/pull, mirror     gitgate.t
#	odd ref and repository names              here
#	approval of one push used for another     gitgate-approval.t
#	hooks and configuration in a repository   here, gitgate-limits.t
#	failures at any point                     gitgate-faults.t
# shellcheck source=t/lib/tap.sh
. "$(dirname "$0")/lib/tap.sh"
# shellcheck source=t/lib/remote.sh
. "$BB_SOURCE/t/lib/remote.sh"

remote_start
remote_repo app
gate_config app
gate_start
check 'a clone' as_client git clone -q "$gate_git/app.git" work
git -C work commit -q --allow-empty -m next

# remote: all that the remote is.
remote() {
	find remote/app.git -type f -exec sha256sum {} + | sort
}

connections() {
	grep -c 'Connection from' sshd/log
}

# raw ATTACK REF
raw() {
	python3 "$BB_SOURCE/t/lib/push-raw.py" "$gate_git_port" app.git "$@"
}

# no_harm NAME: the remote is as before, and was not called.
no_harm() {
	is "$(remote)" "$before" "$1: the remote is as before"
	is "$(connections)" "$heard" '... and was not called'
}

check 'a push by hand that is well formed' raw clean refs/heads/by-hand
is "$(git -C remote/app.git show refs/heads/by-hand:file)" clean '... arrives'

before=$(remote) heard=$(connections)
for attack in garbage truncated checksum count empty thin missing dot-git slash bomb; do
	check_status 1 "a pack: $attack" raw "$attack" refs/heads/attack
	unlike "$(cat out)" 'unpack ok.*ok refs' '... is not taken'
	no_harm "$attack"
done
for ref in refs/heads/-x refs/heads/a..b refs/heads/.x refs/heads/x.lock 'refs/heads/a b' \
	refs/replace/1111111111111111111111111111111111111111 \
	refs/pull/1/head refs/notes/commits refs/stash refs/remotes/origin/main HEAD refs/heads/../../config \
	'refs/heads/@{x}' refs/for/main; do
	check_status 1 "the ref '$ref'" raw clean "$ref"
done
no_harm 'odd refs'
for repo in ../app.git app.git/../app.git --upload-pack=id .git ''; do
	check_status 128 "the repository '$repo'" as_client git ls-remote "$gate_git/$repo"
done
no_harm 'odd repositories'

# PUSH_REFS_MAX, and one more
n=0
while [ "$n" -lt 257 ]; do
	n=$((n + 1))
	printf 'create refs/heads/many/%d HEAD\n' "$n"
done | git -C work update-ref --stdin
check_status 1 'one ref too many' as_client git -C work push -q origin 'refs/heads/many/*'
like "$(cat err)" 'more than 256 refs in one push \(PUSH_REFS_MAX\)' '... the client reads why'
no_harm 'too many refs'
git -C work branch -q -D many/257
check 'as many as may be' as_client git -C work push -q origin 'refs/heads/many/*'
is "$(git -C remote/app.git for-each-ref refs/heads/many | wc -l)" 256 '... arrive'

# What a repository brings along is of no effect in the gate's copy.
printf '#!/bin/sh\n: >"%s/ran"\n' "$PWD" >hook
chmod +x hook
for hook in pre-receive update post-receive post-update reference-transaction pre-push post-checkout; do
	cp hook "work/.git/hooks/$hook"
done
mkdir -p work/hooks
cp hook work/hooks/pre-receive
git -C work add hooks
git -C work commit -q -m 'hooks in the tree'
rm -f work/.git/hooks/* ran
check 'hooks in a tree' as_client git -C work push -q origin HEAD:hooks
check_status 1 'are files like others' test -e ran

# A client that has no history beyond its last commit.
check 'a shallow clone' as_client git clone -q --depth 1 "$gate_http/app.git" shallow
echo "ghp_$(printf 'zK3vQ9xT7mB2%s' 'nR5wL8cJ4hF6gD1sYpUaEo0b')" >shallow/secret
git -C shallow add -A
git -C shallow commit -q -m secret
before=$(remote) heard=$(connections)
check_status 1 'a secret pushed from a shallow clone' as_client git -C shallow push -q origin HEAD:shallow
like "$(cat err)" 'refused refs/heads/shallow: github-pat in secret:1' '... is found'
no_harm 'a shallow clone'
git -C shallow reset -q --hard HEAD~1
git -C shallow commit -q --allow-empty -m clean
check 'what is clean in it' as_client git -C shallow push -q origin HEAD:shallow
is "$(git -C remote/app.git rev-parse shallow)" "$(git -C shallow rev-parse HEAD)" '... arrives'

check 'a clean push after all that' as_client git -C work push -q origin HEAD:after
gate_stop
is "$?" 0 'the gate has lived through it'
is "$(cat gate.err)" '' 'nothing was said'
done_testing
