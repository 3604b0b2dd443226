#!/bin/sh
# bb-scan: what it reads, what it says, and that it does not say the secret.
set -eu
test_title="bb-scan: what it reads, what it says, and that it does not say the secret"
. "$BB_SOURCE/t/lib/tap.sh"

dir=$(mktemp -d "${TMPDIR:-/tmp}/bb-scan.XXXXXX")
trap 'rm -rf "$dir"' EXIT
cd "$dir"
# A token of the classic kind, made up here so that no scanner trips over this file.
body=8sKq2Lw9Zx4Vb7Nm1Qr5Ty3Uo6Pi0AsDfGh2
token=$(printf 'gh%s_%s' p "$body")

# run STATUS DESCRIPTION COMMAND...: its output is in out and err.
run() {
	want=$1 what=$2
	shift 2
	got=0
	"$@" >out 2>err </dev/null || got=$?
	is "$got" "$want" "$what: status $want"
}

mkdir -p tree/sub tree/.git
printf 'one\n  key: %s\n' "$token" >tree/sub/file
cp tree/sub/file tree/.git/file
printf 'nothing here\n' >tree/clean
ln -s ../tree tree/loop

run 0 "a clean file" bb-scan tree/clean
is "$(cat out)" "" "and says nothing"
run 1 "a directory with a token" bb-scan tree
is "$(grep -c github-pat out)" 1 "it is found once: not in .git, and no link is followed"
is "$(grep -c '^tree/sub/file:2:8: github-pat: GitHub personal' out)" 1 "with its file, line and column"
is "$(cat out err | grep -c "$body" || :)" 0 "the secret is not shown"
printf 'curl -H "X-Token: %s" -u me:%s http://x\n' "$token" "$token" >two
run 1 "a match around two secrets" bb-scan --format json two
is "$(grep -c "$body" out || :)" 0 "shows neither"
run 1 "with --show" bb-scan --show tree/sub/file
is "$(grep -c ": github-pat: $token" out)" 1 "it is"

got=0
bb-scan tree/sub/file >/dev/null || got=$?
is "$got" 1 "output to a device: status 1"
got=0
bb-scan - <tree/sub/file >out || got=$?
is "$got" 1 "standard input"
got=0
{ head -c 3000000 /dev/zero | tr '\0' '\n'; cat tree/sub/file; } | bb-scan --format json - >out || got=$?
is "$got" 1 "a long stream"
is "$(jq -r '.[] | select(.RuleID == "github-pat") | "\(.StartLine) \(.StartColumn) \(.EndLine) \(.EndColumn) \(.Secret) \(.File) \(.Fingerprint)"' out)" \
	"3000002 8 3000002 47 REDACTED - -:github-pat:3000002" "is reported in gitleaks' words"
run 0 "nothing found as JSON" bb-scan --format json tree/clean
is "$(jq -c . out)" "[]" "is an empty list"

printf 'key: %s # gitleaks:allow\n' "$token" >allowed
run 0 "a line that is allowed" bb-scan allowed
run 1 "with --no-allow it is not" bb-scan --no-allow allowed

printf 'rules:\n  - {id: mine, description: ours, token: "acme_[0-9]{8}", keywords: [acme_]}\n' >mine.yaml
echo 'acme_12345678' >acme
run 0 "unknown to the rules" bb-scan acme
run 1 "known to rules of one's own" bb-scan --rules mine.yaml acme
is "$(cat out)" "acme:1:1: mine: ours" "which is named"

printf 'rules:\n  - {id: mine}\n' >bad.yaml
run 100 "rules that are wrong" bb-scan --rules bad.yaml acme
run 100 "a format that is none" bb-scan --format xml acme
run 100 "no operand" bb-scan
run 111 "a file that is not there" bb-scan none
is "$(grep -c "unable to read 'none': No such file or directory" err)" 1 "is named"
run 1 "what is found counts more than what is missing" bb-scan none tree
name=$(printf 'e\033[31m')
cp tree/sub/file "$name"
run 1 "a name with an escape sequence" bb-scan "$name"
is "$(tr -d '\n\040-\176' <out | wc -c)" 0 "is escaped"

done_testing
