#!/bin/sh
test_title='bb-gitgate: its limits, at each and one past it; large requests of real clients, odd things of a remote'
# shellcheck source=t/lib/tap.sh
. "$(dirname "$0")/lib/tap.sh"
# shellcheck source=t/lib/remote.sh
. "$BB_SOURCE/t/lib/remote.sh"

remote_start
remote_repo app
git -C remote/app.git config receive.advertisePushOptions true
printf '#!/bin/sh\nenv | grep -c "^GIT_PUSH_OPTION_[0-9]" >%s/options\n' "$PWD" >remote/app.git/hooks/pre-receive
chmod +x remote/app.git/hooks/pre-receive
gate_config app
gate_start
check 'a clone' as_client git clone -q "$gate_http/app.git" work

# with_options N BYTES: push a new commit with N push options of BYTES each; the remote's hook counts them.
with_options() {
	git -C work commit -q --allow-empty -m "$1 $2"
	option=$(head -c "$2" /dev/zero | tr '\0' x)
	set -- "$1"
	while [ "$1" -gt 0 ]; do
		first=$(($1 - 1))
		shift
		set -- "$first" "$@" -o "$option"
	done
	shift
	as_client git -C work push -q "$@" origin HEAD:refs/heads/options
}
check 'PUSH_OPTIONS_MAX push options' with_options 32 10
is "$(cat options)" 32 '... all of them reach the remote'
check_status 1 'one more' with_options 33 10
like "$(cat err)" 'more than 32 push options \(PUSH_OPTIONS_MAX\)' '... is refused by name'
check 'one of PUSH_OPTION_BYTES_MAX bytes' with_options 1 4096
check_status 1 'one byte more' with_options 1 4097
like "$(cat err)" 'longer than 4096 bytes \(PUSH_OPTION_BYTES_MAX\)' '... is refused by name'
rm remote/app.git/hooks/pre-receive

# A client that wants much at once sends a large request, which git compresses.
n=0
while [ $n -lt 100 ]; do
	n=$((n + 1))
	printf 'commit refs/heads/news/%d\ncommitter A <a@example.org> %d +0000\ndata 5\nnews\n\n' "$n" $((1700000000 + n))
done | git -C remote/app.git fast-import --quiet
check 'a fetch with a large request' env GIT_TRACE_CURL="$PWD/trace" GIT_TRACE_CURL_NO_DATA=1 HOME="$PWD" GIT_CONFIG_GLOBAL="$PWD/gitconfig" \
	git -c protocol.version=0 -C work fetch -q origin
like "$(grep 'Send header: Content' trace)" 'Content-Encoding: gzip' '... which the client has compressed'
is "$(git -C work for-each-ref --format='%(objectname)' refs/remotes/origin/news)" \
	"$(git -C remote/app.git for-each-ref --format='%(objectname)' refs/heads/news)" '... brings the news'

# What a remote has beside branches is of no effect on what clients get.
secret=$(git -C seed-app hash-object -w --stdin </etc/hostname)
good=$(git -C remote/app.git rev-parse "main:README")
git -C seed-app push -q "$PWD/remote/app.git" "$secret:refs/replace/$good"
check 'a clone of a remote with replaced objects' as_client git clone -q "$gate_git/app.git" replaced
is "$(cat replaced/README)" 'this is app' '... has the real ones'
mkdir alternate
git init -q --bare alternate/objects.git
echo "$PWD/alternate/objects.git/objects" >remote/app.git/objects/info/alternates
check 'a remote with alternates' as_client git ls-remote "$gate_git/app.git"
is "$(find gate -name alternates -path '*repos*')" '' '... which the mirror does not take over'
rm remote/app.git/objects/info/alternates

# The gate's copy is read with the gate's own configuration, whatever stands in a pushed tree.
printf '[core]\n\tfsmonitor = touch %s/ran\n\tsshCommand = touch %s/ran\n' "$PWD" "$PWD" >work/config
printf '* filter=x diff=x\n' >work/.gitattributes
mkdir -p work/objects work/refs
echo x >work/objects/keep
echo 'ref: refs/heads/main' >work/HEAD
git -C work add -A
git -C work commit -q -m 'a tree that looks like a repository'
check 'a tree that looks like a bare repository' as_client git -C work push -q origin HEAD:refs/heads/looks
check_status 1 '... runs nothing' test -e ran
gate_stop
is "$(cat gate.err)" '' 'nothing was said'
done_testing
