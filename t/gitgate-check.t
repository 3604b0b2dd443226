#!/bin/sh
test_title='bb-gitgate check: the verdict on a push from a shell, its exit statuses and its document'
# shellcheck source=t/lib/tap.sh
. "$(dirname "$0")/lib/tap.sh"

export HOME="$PWD" GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL="$PWD/gitconfig"
printf '[user]\n\tname = A\n\temail = a@example.org\n[init]\n\tdefaultBranch = main\n' >gitconfig
rules=$BB_SOURCE/rules/tokens.yaml
zero=0000000000000000000000000000000000000000
token=ghp_$(printf 'zK3vQ9xT7mB2%s' 'nR5wL8cJ4hF6gD1sYpUaEo0b')

# commit FILE TEXT: a commit with this file; its id is $last.
commit() {
	printf '%s\n' "$2" >"repo/$1"
	git -C repo add -A
	git -C repo commit -q -m "$1"
	last=$(git -C repo rev-parse HEAD)
}
git init -q repo
commit clean hello
clean=$last
commit dirty "key = $token"
dirty=$last
git -C repo reset -q --hard "$clean"
commit excused "key = $token # gitleaks:allow"
excused=$last
git -C repo reset -q --hard "$clean"
commit more 'nothing here'
more=$last
git -C repo reset -q --hard "$clean"
commit other 'another way'
other=$last

# judge ARGUMENT...
judge() {
	bb-gitgate check --rules "$rules" "$@"
}

# --- 0 and 1 ---
check 'a clean commit passes' judge repo "$clean" "$more" refs/heads/x
is "$(cat out)$(cat err)" '' '... without a word'
check_status 1 'one with a secret does not' judge repo "$clean" "$dirty" refs/heads/x
like "$(cat out)" "^refused refs/heads/x: github-pat in dirty:1 \(commit $(echo "$dirty" | cut -c 1-7)\)$" \
	'... for this reason'
unlike "$(cat out err)" "$token" '... which does not show it'
check_status 1 'nor one that its line excuses: nobody is asked here' judge repo "$clean" "$excused" refs/heads/x
like "$(cat out)" 'github-pat in excused:1' '... for this reason'
check_status 1 'a rewritten history' judge repo "$more" "$other" refs/heads/x
like "$(cat out)" 'ref-policy: a push that rewrites history' '... is against the policy'
check '... unless it is allowed' judge --force repo "$more" "$other" refs/heads/x
check_status 1 'a deletion' judge repo "$more" "$zero" refs/heads/x
check '... unless it is allowed' judge --delete repo "$more" "$zero" refs/heads/x
check_status 1 'a tag' judge repo "$zero" "$more" refs/tags/x
check '... unless it is allowed' judge --tags repo "$zero" "$more" refs/tags/x
check_status 1 'a branch that is not listed' judge --branch 'agent/*' --branch main repo "$zero" "$more" refs/heads/x
check '... one that is' judge --branch 'agent/*' --branch main repo "$zero" "$more" refs/heads/agent/x
check_status 1 'an object that is not there' judge repo "$zero" 1111111111111111111111111111111111111111 refs/heads/x
check 'a bare repository' sh -c "git clone -q --bare repo bare.git && bb-gitgate check --rules '$rules' bare.git $clean $other refs/heads/x"

# What is in the tree, the configuration or the refs of the repository changes nothing.
printf '[allowlist]\npaths = [".*"]\n' >repo/.gitleaks.toml
git -C repo config core.fsmonitor "touch $PWD/ran"
git -C repo replace "$dirty" "$more"
mkdir -p repo/.git/info
echo "$dirty $clean" >repo/.git/info/grafts
check_status 1 'a replaced commit is read as it is' judge repo "$clean" "$dirty" refs/heads/x
check_status 1 '... and nothing of the configuration was run' test -e ran
git -C repo config --unset core.fsmonitor
rm repo/.git/info/grafts

# --- the document ---
check_status 1 'as a document' judge --json repo "$clean" "$dirty" refs/heads/x
is "$(jq -c '[.kind, .v, (.problems | length), .suppressed, .problems[0].rule, .problems[0].ref, .problems[0].place, .problems[0].commit, .problems[0].line]' out)" \
	"[\"verdict\",1,1,[],\"github-pat\",\"refs/heads/x\",\"dirty:1\",\"$dirty\",1]" \
	'... with all that the line says'
unlike "$(cat out)" "$token" '... and no secret'
check_status 1 'an excused one' judge --json repo "$clean" "$excused" refs/heads/x
is "$(jq -c '[(.problems | length), (.suppressed | length)]' out)" '[0,1]' '... is listed as such'
check 'a clean one' judge --json repo "$clean" "$more" refs/heads/x
is "$(jq -c '[.problems, .suppressed, .objects]' out)" '[[],[],3]' \
	'... has no problems: a commit, a tree and a blob were read'
commit "$(printf 'right\342\200\256left')" "key = $token"
check_status 1 'a name that a terminal would turn around' judge --json repo "$other" "$last" refs/heads/x
is "$(LC_ALL=C tr -d '\n -~' <out)" '' '... is escaped'
like "$(cat out)" 'right\\u202eleft' '... like this'

# --- 100 and 111 ---
check_status 100 'no operands' judge
check_status 100 'one too few' judge repo "$clean" "$more"
check_status 100 'one too many' judge repo "$clean" "$more" refs/heads/x y
check_status 100 'no rules' bb-gitgate check repo "$clean" "$more" refs/heads/x
check_status 100 'an unknown option' judge --frob repo "$clean" "$more" refs/heads/x
check_status 100 'what is no id' judge repo "$clean" HEAD refs/heads/x
check_status 100 'what is no ref' judge repo "$clean" "$more" x
printf 'rules: 7\n' >bad.yaml
check_status 100 'rules that are none' bb-gitgate check --rules bad.yaml repo "$clean" "$more" refs/heads/x
check_status 111 'a repository that is not there' judge nowhere "$clean" "$more" refs/heads/x
like "$(cat err)" "^bb-gitgate: unable to read 'nowhere/objects': No such file" '... is told'
check_status 111 'rules that are not there' bb-gitgate check --rules nowhere repo "$clean" "$more" refs/heads/x
check_status 111 'a full disk' sh -c "bb-gitgate check --rules '$rules' repo $clean $dirty refs/heads/x >/dev/full"
check_status 111 '... for the document, too' \
	sh -c "bb-gitgate check --json --rules '$rules' repo $clean $dirty refs/heads/x >/dev/full"
done_testing
