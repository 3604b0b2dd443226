#!/bin/sh
# shellcheck disable=SC2016
test_title='bb-gitgate: gitleaks as a second opinion, by a stand-in of that name; nothing of the pushed tree configures it'
# shellcheck source=t/lib/tap.sh
. "$(dirname "$0")/lib/tap.sh"
# shellcheck source=t/lib/remote.sh
. "$BB_SOURCE/t/lib/remote.sh"

remote_start
remote_repo app
gate_config app
jq '.scanner = "both"' gate.json >both.json
mv both.json gate.json

# --- asked for and not there ---
mkdir bin
programs=$PATH
# shellcheck disable=SC2086 # PATH without the directories that hold a gitleaks
without=$(IFS=:; for d in $programs; do [ -x "$d/gitleaks" ] || printf '%s:' "$d"; done)
check_status 100 'a gate that wants gitleaks where there is none' env PATH="$without" bb-gitgate serve --config gate.json --dir gate \
	--git "127.0.0.1:$(free_port)" --rules "$BB_SOURCE/rules/tokens.yaml" --secrets 4 4<secrets
like "$(cat err)" "^bb-gitgate: 'gitleaks' is not installed, and the manifest wants it \(git-gate.scanner\); install it" '... is refused, naming it'
jq '.scanner = "trufflehog"' gate.json >other.json
check_status 100 'another scanner' bb-gitgate serve --config other.json --dir gate --git "127.0.0.1:$(free_port)" --secrets 4 4<secrets
like "$(cat err)" "'git-gate.scanner' is 'trufflehog'; wanted own, gitleaks or both" '... is none'

# stand_in: the rest of standard input is what gitleaks does;
# $source is the directory and $report the file that it was given.
stand_in() {
	{
		printf '#!/bin/sh\nkey=%s\n' "$PWD/key"
		cat <<-'END'
			[ "$1 $2" = 'detect --no-git' ] || { echo "called as: $*" >&2; exit 1; }
			while [ $# -gt 0 ]; do
				case $1 in
				--source) source=$2 ;;
				--report-path) report=$2 ;;
				esac
				shift
			done
		END
		cat
	} >bin/gitleaks.new
	chmod +x bin/gitleaks.new
	mv bin/gitleaks.new bin/gitleaks
}
# It finds "LEAK", in files that are named by ids alone, and can reach nothing else.
finder() {
	stand_in <<'SCRIPT'
for f in "$source"/* "$source"/.[!.]*; do
	case ${f##*/} in '*' | '.[!.]*') continue ;; esac
	printf '%s' "${f##*/}" | grep -Eqx '[0-9a-f]{40}' || { echo "a file named ${f##*/}" >&2; exit 1; }
done
if cat "$key" >/dev/null 2>&1 || cat "$source/../../../gate.json" >/dev/null 2>&1; then echo 'the jail is open' >&2; exit 1; fi
if env | grep -qi -e gitleaks_config -e secret; then echo 'an environment' >&2; exit 1; fi
grep -rn LEAK "$source" | awk -F: '
	BEGIN { printf "[" }
	{ printf "%s{\"RuleID\":\"stand-in\",\"File\":\"%s\",\"StartLine\":%d,\"Entropy\":3.5,\"Secret\":\"REDACTED\"}", n++ ? "," : "", $1, $2 }
	END { print "]" }' >"$report"
grep -q stand-in "$report" || exit 0
exit 7
SCRIPT
}
finder
PATH=$PWD/bin:$PATH
export PATH
gate_start --queue queue --bottle box-1
is "$gate_said" '' 'with it the gate starts'
check 'a clone' as_client git clone -q "$gate_git/app.git" work

tries=0
refs() {
	git -C remote/app.git for-each-ref
}
commit() {
	mkdir -p "work/$(dirname "$1")"
	printf '%s\n' "$2" >"work/$1"
	git -C work add -A
	git -C work commit -q -m "${3:-change}"
}
# refused NAME PATTERN: a push of HEAD changes nothing, and the client reads why.
refused() {
	before=$(refs)
	tries=$((tries + 1))
	check_status 1 "$1" as_client git -C work push -q origin "HEAD:refs/heads/try-$tries"
	like "$(cat err)" "$2" '... is refused, and the client reads why'
	is "$(refs)" "$before" '... the remote is as before'
}
back() {
	git -C work reset -q --hard origin/main
}

commit docs/clean 'nothing here'
commit .gitleaks.toml '[allowlist]'
commit .gitleaksignore 'everything'
check 'what neither finds fault with' as_client git -C work push -q origin HEAD:work
is "$(git -C remote/app.git rev-parse work)" "$(git -C work rev-parse HEAD)" '... arrives'
back
commit docs/found "$(printf 'one\ntwo\na LEAK')"
refused 'what gitleaks alone finds' 'remote: git-gate: refused refs/heads/try-[0-9]+: gitleaks:stand-in in docs/found:3 \(commit [0-9a-f]{7}\)'
git -C work rm -q docs/found
git -C work commit -q -m gone
refused '... and that is removed again' 'gitleaks:stand-in in docs/found:3'
back
commit docs/clean 'nothing' 'a LEAK in a message'
refused 'what it finds in a message' 'gitleaks:stand-in in the commit \(commit [0-9a-f]{7}\)'
back
token=ghp_$(printf 'zK3vQ9xT7mB2%s' 'nR5wL8cJ4hF6gD1sYpUaEo0b')
commit docs/own "$token"
refused 'what the own scanner alone finds' 'refused refs/heads/try-[0-9]+: github-pat in docs/own:1'

# --- a line that excuses itself ---
back
commit docs/excused 'a LEAK # gitleaks:allow'
as_client git -C work push -q origin HEAD:excused >said 2>&1 </dev/null &
client=$!
wait_for sh -c 'ls queue/*.proposal.json'
is "$(jq -r .proposed_file queue/*.proposal.json | jq -r '.findings[] | [.rule, .place] | join(" ")')" 'gitleaks:stand-in docs/excused:1' \
	'what its line excuses is a question to a person'
id=$(basename queue/*.proposal.json .proposal.json)
jq -n --arg id "$id" --arg hash "$(sha256sum "queue/$id.proposal.json" | cut -d ' ' -f 1)" '{kind: "response", v: 1, id: $id,
	status: "approved", notes: "an example", final_file: "", decided_at: "2026-01-31T12:00:00Z", proposal_hash: $hash}' >answer.json
mv answer.json "queue/$id.response.json"
wait "$client"
is "$?" 0 '... whose approval lets it pass'
is "$(git -C remote/app.git rev-parse excused)" "$(git -C work rev-parse HEAD)" '... and it arrives'

# --- a gitleaks that fails or lies ---
back
commit docs/clean 'all is well'
fails() {
	stand_in
	refused "$1" "git-gate: refused.*$2"
}
fails 'a gitleaks that fails' 'gitleaks has failed with status 1: out of order' <<'END'
echo 'out of order' >&2
exit 1
END
fails 'one that is killed' 'gitleaks has failed with status 137' <<'END'
kill -9 $$
END
fails 'one without a report' 'gitleaks has left no report' <<'END'
exit 0
END
fails 'one whose report is a link' 'gitleaks has left no report' <<'END'
ln -s "$key" "$report"
exit 0
END
fails 'one whose report is not JSON' 'the push could not be judged' <<'END'
echo '[' >"$report"
exit 0
END
fails 'one whose report is something else' 'the report of gitleaks is not what its exit status says' <<'END'
echo '{}' >"$report"
exit 0
END
fails 'one that finds nothing and says otherwise' 'the report of gitleaks is not what its exit status says' <<'END'
echo '[]' >"$report"
exit 7
END
fails 'one that finds something and says otherwise' 'the report of gitleaks is not what its exit status says' <<'END'
echo '[{"RuleID":"x","File":"y","StartLine":1}]' >"$report"
exit 0
END
fails 'one that reports what is not there' 'gitleaks reports what is no object of this push' <<'END'
echo '[{"RuleID":"x","File":"y","StartLine":1}]' >"$report"
exit 7
END
finder
check 'and once it is well' as_client git -C work push -q origin HEAD:well
wait_for sh -c '[ -z "$(find gate/push gate/judged -mindepth 1)" ]'
gate_stop
is "$(ls gate/push gate/judged)" 'gate/judged:

gate/push:' 'nothing is left of all that'
is "$(cat gate.err)" '' 'nothing was said'
done_testing
