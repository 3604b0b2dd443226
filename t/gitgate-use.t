#!/bin/sh
# shellcheck disable=SC2016 # the bottle's dollars
test_title='the git gate in use: what a developer does, in a bottle and with the remote directly, and the outcome compared'
# shellcheck source=t/lib/tap.sh
. "$(dirname "$0")/lib/tap.sh"
# shellcheck source=t/lib/remote.sh
. "$BB_SOURCE/t/lib/remote.sh"

if ! bb-launch-native check >out 2>err; then
	skip 'a real bottle' "$(grep -h fail out err | head -n 1)"
	done_testing
fi
remote_start
for name in lib app other; do remote_repo $name; done
app=$(remote_url app) lib=$(remote_url lib) other=$(remote_url other)
git -C remote/app.git config receive.advertisePushOptions true
git -C remote/app.git config uploadpack.allowFilter true
git -C remote/app.git config uploadpack.allowAnySHA1InWant true
printf '#!/bin/sh\nenv | grep "^GIT_PUSH_OPTION_" | sort >>%s/options\n' "$PWD" >remote/app.git/hooks/pre-receive
chmod +x remote/app.git/hooks/pre-receive
# A history with branches, tags and a submodule whose remote is declared.
(
	cd seed-app || exit 1
	for n in 1 2 3 4 5; do
		echo "$n" >"file-$n"
		git add -A && git commit -q -m "change $n"
	done
	git tag light HEAD~1
	git tag -a -m 'a version' v1 HEAD~2
	git -c protocol.file.allow=always submodule --quiet add -b main "$PWD/../remote/lib.git" lib
	git config -f .gitmodules submodule.lib.url "$lib"
	git add -A && git commit -q -m 'a submodule'
	git push -q ../remote/app.git HEAD:main HEAD~3:refs/heads/old light v1
)
cp -a remote pristine

# What is done, with the same dates and names on both sides, so that equal histories have equal ids.
cat >work.sh <<'END'
set -u
export GIT_AUTHOR_DATE='1700000000 +0000' GIT_COMMITTER_DATE='1700000000 +0000'
git config --global init.defaultBranch main
mkdir -p /tmp/use && cd /tmp/use || exit 1
# step NAME COMMAND...: its status, and what it writes on standard output.
step() {
	step_name=$1
	shift
	"$@" >out 2>err
	echo "$step_name: $?"
	cat out
}
step 'ls-remote' git ls-remote "$app"
step 'ls-remote of tags' git ls-remote --tags --refs "$app"
step 'ls-remote of the default branch' git ls-remote --symref "$app" HEAD
step 'clone' git clone -q "$app" work
step 'history' git -C work log --all --format='%H %D'
step 'tags' git -C work tag -n
step 'clone with submodules' git clone -q --recurse-submodules "$app" recursed
step 'file of the submodule' cat recursed/lib/README
step 'clone of a branch alone' git clone -q --single-branch -b old "$app" single
step 'its refs' git -C single for-each-ref
step 'shallow clone' git clone -q --depth 1 "$app" shallow
step 'its commits' git -C shallow rev-list --count HEAD
step 'deepen' git -C shallow fetch -q --deepen 2
step 'its commits' git -C shallow rev-list --count HEAD
step 'the whole of it' git -C shallow fetch -q --unshallow
step 'its commits' git -C shallow rev-list --count HEAD
step 'partial clone' git clone -q --filter=blob:none --no-checkout "$app" partial
step 'has no blobs' sh -c 'git -C partial rev-list --objects --all --missing=print | grep -c "^?"'
step 'fetches them when they are wanted' git -C partial checkout -q main
step 'files' git -C partial ls-files -s
step 'clone without trees' git clone -q --filter=tree:0 "$app" treeless
step 'bare clone' git clone -q --bare "$app" bare.git
step 'mirror clone' git clone -q --mirror "$app" mirror.git
step 'its refs' git -C mirror.git for-each-ref
step 'fetch of one tag' git -C single fetch -q origin tag v1
step 'fetch of an object by its id' git -C single fetch -q origin "$(git -C work rev-parse main~1)"
cd work || exit 1
step 'new branch' git checkout -q -b agent/one
echo more >more
printf 'version https://git-lfs.github.com/spec/v1\noid sha256:%064d\nsize 12345\n' 7 >large.bin
echo 'large.bin filter=lfs -text' >.gitattributes
git -c filter.lfs.clean= -c filter.lfs.process= -c filter.lfs.required=false add -A
step 'commit' git commit -q -m 'more, and a pointer of LFS'
step 'push' git push -q origin agent/one
step 'upstream' git push -q -u origin agent/one
step 'status' git status -sb
step 'dry run' git push -q --dry-run origin agent/one:refs/heads/agent/never
step 'options' git push -q -o ci.skip -o 'a b' origin agent/one:refs/heads/agent/options
step 'two at once' git push -q --atomic origin agent/one:refs/heads/agent/a agent/one~1:refs/heads/agent/b
step 'all branches' git push -q --all origin
git tag -a -m 'a second' v2
step 'a tag' git push -q origin v2
git commit -q --amend -m 'amended'
step 'rewritten, not forced' git push -q origin agent/one
step 'rewritten, with a lease' git push -q --force-with-lease origin agent/one
step 'deletion' git push -q origin :refs/heads/agent/b
step 'porcelain' sh -c 'git push --porcelain origin agent/one | grep -v ^To'
cd ..
git -C single fetch -q origin '+refs/heads/*:refs/remotes/origin/*'
step 'another clone sees it' git -C single for-each-ref
git -C single checkout -q -b theirs origin/agent/one
git -C single commit -q --allow-empty -m theirs
step 'another clone pushes' git -C single push -q origin theirs:refs/heads/agent/one
step 'pull' git -C work pull -q --ff-only origin agent/one
step 'history' git -C work log --format=%H
git -C work commit -q --allow-empty -m mine
git -C single commit -q --allow-empty -m 'theirs again'
git -C single push -q origin theirs:refs/heads/agent/one
step 'push to what has changed meanwhile' git -C work push -q origin agent/one
step 'prune' git -C work fetch -q --prune origin
step 'whole' git -C work fsck --strict --no-dangling
cd / && rm -rf /tmp/use
END

export BOT_BOTTLE_HOME="$PWD/home" TMPDIR="$PWD/tmp"
mkdir -p home/agents home/bottles project tmp direct
repo() {
	printf '    %s:\n      url: %s\n      host_key: "127.0.0.1 %s"\n      key: {provider: static, path: %s/key}\n      push: {tags: true, force: true, delete: true}\n' \
		"$1" "$2" "$host_key" "$PWD"
}
{
	printf -- '---\nagent_provider: {template: shell}\nsupervise: false\ngit-gate:\n  user: {name: Robo, email: robo@example.org}\n  repos:\n'
	repo app "$app"
	repo lib "$lib"
	echo ---
} >home/bottles/box.md
chmod 600 home/bottles/box.md
printf -- '---\nbottle: box\n---\nBe brief.\n' >home/agents/hello.md

# --- directly, then in a bottle ---
echo "127.0.0.1 $host_key" | sed "s/^127.0.0.1/[127.0.0.1]:$ssh_port/" >known
printf '[user]\n\tname = Robo\n\temail = robo@example.org\n' >direct/.gitconfig
sed "s,/tmp/use,$PWD/direct/use,g" work.sh >direct/work.sh
: >options
env HOME="$PWD/direct" GIT_CONFIG_GLOBAL="$PWD/direct/.gitconfig" app="$app" lib="$lib" \
	GIT_SSH_COMMAND="ssh -F none -i $PWD/key -o IdentitiesOnly=yes -o UserKnownHostsFile=$PWD/known" \
	sh direct/work.sh >direct.out 2>direct.err </dev/null
git -C remote/app.git for-each-ref >direct.refs
mv options direct.options
rm -rf remote
cp -a pristine remote
: >options
(cd project && bb start hello --yes --headless --prompt "app=$app lib=$lib; $(cat ../work.sh)") >bottle.out 2>bottle.err </dev/null
is "$?" 0 'a bottle in which all of that is done'
git -C remote/app.git for-each-ref >bottle.refs

# outcome FILE: a line for each step: its name, status and output.
outcome() {
	awk '/^[a-z][^:]*: [0-9]+$/ { if (n++) print ""; printf "%d %s", n, $0; next } { printf " | %s", $0 } END { print "" }' "$1"
}
outcome direct.out >direct.steps
outcome bottle.out >bottle.steps
is "$(wc -l <bottle.steps)" "$(grep -c "^step '" work.sh)" 'every step was done'
steps=$(wc -l <direct.steps)
n=0
while [ "$n" -lt "$steps" ]; do
	n=$((n + 1))
	is "$(sed -n "${n}p" bottle.steps)" "$(sed -n "${n}p" direct.steps)" "$(sed -n "${n}p" direct.steps | cut -d '|' -f 1 | cut -c 1-70)"
done
is "$(grep -c ': 0' direct.steps)" $((steps - 2)) 'all but the two that must fail went well'
is "$(cat bottle.refs)" "$(cat direct.refs)" 'the remote is the same after both'
is "$(cat options)" "$(cat direct.options)" 'and has heard the same push options'
like "$(cat options)" '^GIT_PUSH_OPTION_0=ci.skip$' '... which are those of the client'

# --- a submodule of a remote that is not declared ---
git -C seed-app config -f .gitmodules submodule.lib.url "$other"
git -C seed-app commit -q -a -m 'another remote'
git -C seed-app push -q "$PWD/remote/app.git" HEAD:undeclared
heard=$(grep -c 'Connection from' sshd/log)
(cd project && bb start hello --yes --headless --prompt "git clone -q --recurse-submodules -b undeclared $app app") >out 2>err </dev/null
is "$?" 1 'a submodule of a remote that is not declared is not fetched'
like "$(cat out err)" "clone of '$other' into submodule path .* failed" '... the agent reads which'
is "$(grep -a -c "git-upload-pack '$PWD/remote/other.git'" sshd/log)" 0 '... and that remote was not asked'
check '... though the others were' test "$(grep -c 'Connection from' sshd/log)" -gt "$heard"

# --- a large repository ---
if [ "${BB_LONG:-}" ]; then
	for n in 1 2 3 4; do head -c 50000000 /dev/urandom >"seed-lib/blob-$n"; done
	git -C seed-lib add -A
	git -C seed-lib commit -q -m large
	git -C seed-lib push -q "$PWD/remote/lib.git" HEAD:main
	(cd project && bb start hello --yes --headless --prompt "
		git clone -q $lib lib && cd lib && git rev-parse HEAD &&
		sha256sum blob-* && git commit -q --allow-empty -m more && git push -q origin HEAD:more") \
		>out 2>err </dev/null
	is "$?" 0 'a repository of 200 MB is cloned, and pushed to'
	is "$(cat out)" "$(git -C seed-lib rev-parse HEAD; cd seed-lib && sha256sum blob-*)" '... it is the same'
	is "$(git -C remote/lib.git log -1 --format=%s more)" 'more' '... and the push has arrived'
else
	skip 'a repository of 200 MB' 'takes a minute; BB_LONG=1 does it'
fi
done_testing
