#!/bin/sh
# shellcheck disable=SC2016
test_title='bb-gitgate: findings that a line excuses wait for a person, whose answer is for those bytes alone'
# shellcheck source=t/lib/tap.sh
. "$(dirname "$0")/lib/tap.sh"
# shellcheck source=t/lib/remote.sh
. "$BB_SOURCE/t/lib/remote.sh"

remote_start
remote_repo app
gate_config app
gate_start --queue queue --bottle box-1234
is "$gate_said" '' 'the gate is ready'
is "$(stat -c %a queue)" 700 'the queue is for the operator alone'
check 'a clone' as_client git clone -q "$gate_git/app.git" work
token=ghp_$(printf 'zK3vQ9xT7mB2%s' 'nR5wL8cJ4hF6gD1sYpUaEo0b')

# excuse FILE [LINE]...: commit a file with these lines and one that holds a token and excuses itself.
excuse() {
	file=$1
	shift
	printf '%s\n' "$@" "key = $token # gitleaks:allow" >"work/$file"
	git -C work add -A
	git -C work commit -q -m "$file"
}

# push ARGUMENT...: push in the background; what the client reads is in ./said.
push() {
	git -C work push -q "$@" >said 2>&1 </dev/null &
	client=$!
}

# proposed: a proposal is waiting; its id is $id.
proposed() {
	id=$(find queue -maxdepth 1 -name '*.proposal.json' | sed 's,.*/,,; s,\.proposal\.json,,')
	[ -n "$id" ]
}

# answer STATUS NOTES [HASH]: as the operator's side does.
answer() {
	hash=${3:-$(sha256sum "queue/$id.proposal.json" | cut -d ' ' -f 1)}
	jq -n --arg id "$id" --arg status "$1" --arg notes "$2" --arg hash "$hash" '{kind: "response", v: 1, id: $id,
		status: $status, notes: $notes, final_file: "", decided_at: "2026-01-31T12:00:00Z", proposal_hash: $hash}' >answer.json
	mv answer.json "queue/$id.response.json"
}

# ends STATUS NAME: the push ends with it.
ends() {
	wait "$client"
	is "$?" "$1" "$2"
}

has() {
	git -C remote/app.git rev-parse -q --verify "refs/heads/$1"
}

# asks: the proposal of the push is there.
asks() {
	wait_for proposed
	check 'a person is asked' proposed
}

for base in "$gate_git" "$gate_http"; do
	scheme=${base%%:*}
	git -C work remote set-url origin "$base/app.git"
	excuse "doc-$scheme" one "$scheme"
	push origin "HEAD:$scheme"
	asks
	jq -r .proposed_file "queue/$id.proposal.json" >file
	is "$(jq -r '[.bottle_slug, .tool] | join(" ")' "queue/$id.proposal.json")" 'box-1234 gitleaks-allow' \
		'... of this bottle'
	is "$(jq -r '.repo, (.findings[] | .ref, .place, .line, .rule, .commit, .object)' file)" "app
refs/heads/$scheme
doc-$scheme:3
3
github-pat
$(git -C work rev-parse HEAD)
$(git -C work rev-parse "HEAD:doc-$scheme")" '... about this line of this object'
	is "$(jq -r '.findings[].excerpt' file)" 'key = [REDACTED] # gitleaks:allow' '... without the secret'
	unlike "$(cat queue/*.json)" "$token" '... anywhere'
	wait_for grep -q 'waiting up to 300 seconds' said
	like "$(cat said)" "remote: git-gate: 1 suppressed finding: waiting up to 300 seconds for the operator \(proposal $id\)" 'the client reads that it waits'
	is "$(has "$scheme")" '' 'nothing has arrived yet'
	answer approved 'an example'
	ends 0 'approved: the push goes on'
	is "$(has "$scheme")" "$(git -C work rev-parse HEAD)" '... and has arrived'
	is "$(find queue -maxdepth 1 -name '*.json' | wc -l) $(find queue/processed -name "*$id*" | wc -l)" '0 2' \
		'... question and answer are put away'
done

push origin HEAD:again
ends 0 'the same objects on another branch'
is "$(has again)" "$(git -C work rev-parse HEAD)" '... need no second approval'

excuse doc-git one two three
push origin HEAD:moved
asks
answer rejected 'not in here'
ends 1 'other bytes, and a person who says no'
like "$(cat said)" 'git-gate: refused: the operator has rejected the suppressed findings: not in here' \
	'... the client reads why'
is "$(has moved)" '' '... nothing has arrived'

push origin HEAD:moved
asks
answer approved 'of something else' "$(printf 'other bytes' | sha256sum | cut -d ' ' -f 1)"
ends 1 'an answer to other bytes'
like "$(cat said)" 'git-gate: refused: the answer to proposal [0-9a-f-]* is void: it was given to other bytes' \
	'... is none'
is "$(has moved)" '' '... nothing has arrived'
rm -f queue/*.json

push origin HEAD:moved
asks
echo '{"kind": "response", "v": 1, "status": "approved"' >answer.json
mv answer.json "queue/$id.response.json"
ends 1 'a malformed answer'
like "$(cat said)" 'git-gate: refused: the answer to proposal [0-9a-f-]* is void' '... is none'
is "$(has moved)" '' '... nothing has arrived'
rm -f queue/*.json

git -C work remote set-url origin "$gate_git/app.git"
push origin HEAD:moved
asks
check 'the client goes away' kill "$client"
wait_for test ! -e "queue/$id.proposal.json"
check 'and the question with it' test ! -e "queue/$id.proposal.json"
is "$(has moved)" '' '... nothing has arrived'

printf 'other = %s\n' "$token" >>work/doc-git
git -C work commit -q -a -m 'not excused'
push origin HEAD:moved
ends 1 'beside one that is not excused'
like "$(cat said)" 'refused refs/heads/moved: github-pat in doc-git:5' '... nobody is asked'
is "$(find queue -maxdepth 1 -name '*.json')" '' '... there is no proposal'

git -C work reset -q --hard HEAD~1
printf 'data = %s # gitleaks:allow\n' "$(printf 'x = %s # gitleaks:allow' "$token" | base64 -w 0)" >work/coded
git -C work add coded
git -C work commit -q -m coded
push origin HEAD:coded
ends 1 'what is encoded cannot be excused: nobody has read it'
like "$(cat said)" 'github-pat in coded:1 \(base64\)' '... the client reads why'

other=ghp_$(printf 'nR5wL8cJ4hF6%s' 'gD1sYpUaEo0bzK3vQ9xT7mB2')
git -C work reset -q --hard HEAD~1
printf 'a = %s; b = %s # gitleaks:allow\n' "$token" "$other" >work/two
git -C work add two
git -C work commit -q -m two
push origin HEAD:two
asks
unlike "$(cat queue/*.json)" "$token|$other" 'two secrets on one line: neither is shown with the other'
answer rejected ''
ends 1 'rejected without a word'
is "$(jq -r 'select(.event == "ask") | .status' gate.log | sort | uniq -c | awk '{ print $2 "=" $1 }' | xargs)" \
	'approved=2 asked=7 rejected=2 void=2 withdrawn=1' 'all of it is in the log'
git -C work reset -q --hard HEAD~1
excuse late 'not taken at first'
printf '#!/bin/sh\nexit 1\n' >remote/app.git/hooks/update
chmod +x remote/app.git/hooks/update
push origin HEAD:late
asks
answer approved 'an example'
ends 1 'the remote does not take what was approved'
rm remote/app.git/hooks/update
# Without a byte for that long, something between client and gate might take the connection for dead.
excuse patient 'somebody who takes time'
GIT_TRACE_PACKET="$PWD/trace" git -C work push -q origin HEAD:patient >said 2>&1 </dev/null &
client=$!
asks
alive() {
	[ "$(grep -c 'sideband< .*\\1$\|sideband< *$' trace)" -ge "$1" ]
}
wait_for alive 2
check 'a client that waits hears from the gate every few seconds' alive 2
if [ "${BB_LONG:-}" ]; then
	sleep 270
	check '... also after four and a half minutes' alive 50
else
	skip '... also after four and a half minutes' 'takes five minutes; BB_LONG=1 does it'
fi
answer approved 'at last'
ends 0 '... until a person has answered'
is "$(has patient)" "$(git -C work rev-parse HEAD)" '... and the push arrives'
gate_stop
export SUPERVISE_GITLEAKS_ALLOW_TIMEOUT_SECONDS=1
gate_start --queue queue --bottle box-1234
git -C work remote set-url origin "$gate_git/app.git"
push origin HEAD:late
ends 0 'what was approved stays so when the gate starts anew'
excuse doc-git four five
push origin HEAD:moved
ends 1 'a person who does not answer'
like "$(cat said)" 'nobody has given it within 1 seconds; push again' '... is no yes'
is "$(find queue -maxdepth 1 -name '*.json')" '' '... and is asked no longer'
chmod 777 queue
push origin HEAD:moved
ends 1 'a queue that others may write'
like "$(cat said)" 'git-gate: refused: ' '... is none'
chmod 700 queue
gate_stop
export SUPERVISE_GITLEAKS_ALLOW_TIMEOUT_SECONDS=901
check_status 100 'a time limit beyond the limit (ASK_SECONDS_MAX)' bb-gitgate serve --config gate.json --dir gate \
	--git 127.0.0.1:0 --rules "$BB_SOURCE/rules/tokens.yaml"
unset SUPERVISE_GITLEAKS_ALLOW_TIMEOUT_SECONDS
check_status 100 'a queue without a bottle' bb-gitgate serve --config gate.json --dir gate --git 127.0.0.1:0 \
	--queue queue --rules "$BB_SOURCE/rules/tokens.yaml"
is "$(cat gate.err)" '' 'nothing else was said'
done_testing
