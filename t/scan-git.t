#!/bin/sh
# bb-scan git: what commits bring, once, and what is staged; reports that others read.
set -eu
test_title="bb-scan git: what commits bring, once, and what is staged; reports that others read"
. "$BB_SOURCE/t/lib/tap.sh"

dir=$(mktemp -d "${TMPDIR:-/tmp}/bb-scan-git.XXXXXX")
trap 'rm -rf "$dir"' EXIT
cd "$dir"
# Tokens of the classic kind, made up here so that no scanner trips over this file.
body1=8sKq2Lw9Zx4Vb7Nm1Qr5Ty3Uo6Pi0AsDfGh2
body2=2hGfDsA0iP6oU3yT5rQ1mN7bV4xZ9wL2qKs8
body3=Zx4Vb7Nm1Qr5Ty3Uo6Pi0AsDfGh28sKq2Lw9
token() { printf 'gh%s_%s' p "$1"; }
export HOME="$dir" GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME='Ann Author' GIT_AUTHOR_EMAIL=ann@example.test \
	GIT_COMMITTER_NAME=Carl GIT_COMMITTER_EMAIL=carl@example.test GIT_AUTHOR_DATE='2026-03-04T05:06:07Z'

# run STATUS DESCRIPTION COMMAND...: its output is in out and err.
run() {
	want=$1 what=$2
	shift 2
	got=0
	"$@" >"$dir/out" 2>"$dir/err" </dev/null || got=$?
	is "$got" "$want" "$what: status $want"
}
found() { awk '{ print $2, $3 }' "$dir/out" | tr '\n' ' '; }

git init -q -b main repo
cd repo
run 0 "a repository without a commit" bb-scan git
run 0 "and nothing staged" bb-scan git --staged
printf 'clean\n' >one
git add one
git commit -qm first
first=$(git rev-parse HEAD)
printf 'a\nval: %s\n' "$(token $body1)" >two
git add two
run 1 "a token that is staged" bb-scan git --staged
is "$(cut -d: -f1-4 "$dir/out")" "two:2:6: github-pat" "is found in the index"
git commit -qm second
second=$(git rev-parse HEAD)
run 0 "committed, it is staged no more" bb-scan git --staged
git mv two three
git commit -qm 'renamed, not changed'
git rm -q three
git commit -qm 'removed'
run 1 "a token that was removed later" bb-scan git
is "$(cut -d: -f1-4 "$dir/out")" "$(echo "$second" | cut -c1-12) two:2:6: github-pat" \
	"is found once, in the commit that brought it"
run 0 "a range behind it" bb-scan git --range "$second..HEAD~1"
run 1 "a range that holds it" bb-scan git --range "$first..HEAD"
run 0 "one revision before it" bb-scan git --range "$first"
run 1 "one revision behind it" bb-scan git --range HEAD
run 100 "a range of nobody" bb-scan git --range nobody..HEAD
is "$(grep -c "range 'nobody..HEAD': not in this repository" "$dir/err")" 1 "is named"

# Messages, merges, other refs.
git commit -q --allow-empty -m "oops, $(token $body2)"
git checkout -q -b side "$first"
printf '%s\n' "$(token $body3)" >side
git add side
git commit -qm side
git checkout -q main
git merge -q --no-ff -m merged side
run 1 "all refs" bb-scan git
is "$(grep -c 'commit message:1:7: github-pat' "$dir/out")" 1 "a message is looked at"
is "$(grep -c ' side:1:1: ' "$dir/out")" 1 "what a merge takes over is told once"
is "$(grep -c "^$(git rev-parse side | cut -c1-12) side:" "$dir/out")" 1 "as its own commit's"
is "$(wc -l <"$dir/out" | tr -d ' ')" 3 "and nothing else"
is "$(cat "$dir/out" "$dir/err" | grep -c -e $body1 -e $body2 -e $body3 || :)" 0 "no output shows a secret"

# Reports.
run 1 "JSON" bb-scan git --format json
is "$(jq -r '.[] | select(.File == "two") | "\(.Author) \(.Email) \(.Date) \(.Message) \(.Fingerprint)"' "$dir/out")" \
	"Ann Author ann@example.test 2026-03-04T05:06:07Z REDACTED $second:two:github-pat:2" \
	"has gitleaks' words about the commit"
is "$(grep -c -e $body1 -e $body2 -e $body3 "$dir/out" || :)" 0 "and no secret, nor a message that may hold one"
cp "$dir/out" ../base.json
run 1 "with --show" bb-scan git --format json --show
is "$(jq -r '.[] | select(.File == "two") | .Message' "$dir/out")" second "the message is there"
is "$(grep -c $body1 "$dir/out")" 1 "and the secret"
run 0 "all of it is in the baseline" bb-scan git --baseline ../base.json
jq 'map(select(.File != "two"))' ../base.json >../less.json
run 1 "one is not" bb-scan git --baseline ../less.json
is "$(wc -l <"$dir/out" | tr -d ' ')" 1 "and only that is told"
echo '{}' >../bad.json
run 100 "a baseline that is no list" bb-scan git --baseline ../bad.json
run 1 "SARIF" bb-scan git --format sarif
is "$(jq -r '.version, (.runs | length), (.runs[0].tool.driver | .name, (.rules[].id)), (.runs[0].results | length)' "$dir/out" | tr '\n' ' ')" \
	"2.1.0 1 bb-scan github-pat 3 " "names version, tool, rules and results"
is "$(jq -r '.runs[0].results[] | select(.locations[0].physicalLocation.artifactLocation.uri == "two") | .ruleId, .level, (.locations[0].physicalLocation.region | .startLine, .startColumn, .endLine, .endColumn)' "$dir/out" | tr '\n' ' ')" \
	"github-pat error 2 6 2 46 " "with their places, the end behind the last column"
is "$(grep -c -e $body1 -e $body2 -e $body3 "$dir/out" || :)" 0 "and no secret"

# Where the repository is.
mkdir -p deep/er
run 1 "a directory inside of it" bb-scan git deep/er
git worktree add -q --detach ../tree main
run 1 "a worktree" bb-scan git ../tree
git clone -q --shared . ../shared
run 1 "objects that are borrowed" bb-scan git ../shared
git clone -q --bare . ../bare.git
run 1 "a bare one" bb-scan git ../bare.git
run 100 "no repository" bb-scan git /
run 111 "no directory" bb-scan git nowhere
run 100 "range and staged" bb-scan git --range HEAD --staged
run 100 "two directories" bb-scan git . deep

# Hostile ones: what a repository says is never run, and a damaged one is no silence.
cat >>.git/config <<EOF
[core]
	fsmonitor = touch $dir/ran
	sshCommand = touch $dir/ran
	hooksPath = $dir/hooks
[diff]
	external = touch $dir/ran
[filter "evil"]
	smudge = touch $dir/ran
	clean = touch $dir/ran
EOF
echo '* filter=evil diff=evil' >.git/info/attributes
run 1 "a repository with a hostile configuration" bb-scan git
run 0 "also staged" bb-scan git --staged
is "$(ls "$dir/ran" 2>/dev/null || echo not)" not "nothing of it ran"
blob=$(git rev-parse "$second:two")
rm -f ".git/objects/$(echo "$blob" | cut -c1-2)/$(echo "$blob" | cut -c3-)"
run 1 "a blob that is missing" bb-scan git
is "$(grep -c "unable to read 'two'" "$dir/err")" 1 "is named"
run 111 "and alone it is no clean history" bb-scan git --range "$first..$second"

# Secrets that are known.
cd "$dir"
MY_SECRET=corr3ct-horse-b4ttery
export MY_SECRET
{ echo one; printf 'x %s y\n' "$(printf %s "$MY_SECRET" | base64)"; } >encoded
run 0 "unknown to the rules" bb-scan encoded
run 1 "known by its value" bb-scan --known-env MY_SECRET encoded
is "$(cat out)" "encoded:2:3: known-secret: value of the variable MY_SECRET" \
	"it is found in base64, and named by its variable"
run 100 "a variable that is not set" bb-scan --known-env NOT_SET encoded
SHORT=abc1234 run 100 "one that is too short" bb-scan --known-env SHORT encoded
SHORT=abc12345 run 0 "one that is just long enough" bb-scan --known-env SHORT encoded

done_testing
