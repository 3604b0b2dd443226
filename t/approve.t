#!/bin/sh
# shellcheck disable=SC2016,SC2317 # jq's dollars; functions that wait_for calls
test_title='bb supervise: list, show, approve, reject; what fails on the way leaves everything as it was'
. "$(dirname "$0")/lib/tap.sh"
. "$BB_SOURCE/t/lib/proposals.sh"

bb=$BB_BUILD/bin/bb
export BOT_BOTTLE_HOME="$PWD/home"
# shown: the digest that goes with $id now.
shown() {
	"$bb" supervise show --json "$id" | jq -r .shown
}
# recorded FILTER: of the last entry of the audit log.
recorded() {
	tail -n 1 "$BOT_BOTTLE_HOME/audit/web-1.jsonl" | jq -c "$1"
}
# unchanged NAME: nothing has happened to $id, the routes are those of ./first.
unchanged() {
	check_status 1 "$1: no answer" test -e "$queue/$id.response.json"
	is "$(digest "$inforce") $(in_force)" "$(digest first) $(digest first)" \
		"$1: the routes are as they were, on disk and in force"
	is "$("$bb" supervise list --json | jq --arg id "$id" '[.proposals[] | select(.id == $id)] | length')" 1 \
		"$1: the proposal is pending"
}
# in_force: the digest of what bb-egress goes by, as it says.
in_force() {
	bb-sidecar reload --dir "$state" | jq -r .sha256
}

printf 'routes:\n  - host: a.test\n  - host: b.test\n' >second
printf 'routes:\n  - host: c.test\n' >third
make_bottle

check 'nothing is pending' "$bb" supervise list
is "$(cat out)" '' '... which is said with nothing'
check '... in a document' "$bb" supervise --once --json
is "$(cat out)" '{"kind":"proposals","v":1,"proposals":[],"unshown":0,"damaged":0}' '... of its kind'
start_bottle

# --- looking ---

ask allow second 'please'
first_id=$id
check 'one that was asked' "$bb" supervise
like "$(cat out)" "^$(echo "$id" | cut -c1-8)  web-1  allow  2026-01-31T12:01:00.000Z  .*please\$" '... is listed'
check 'show' "$bb" supervise show "$id"
like "$(cat out)" '^proposal  '"$id"'$' '... by its whole id'
check 'show, by the beginning of the id' "$bb" supervise show "$(echo "$id" | cut -c1-8)"
is "$(sed -n '/^what it would/,/^$/p' out)" 'what it would change:
    + allows every method to b.test
        as in GET https://b.test/bb-example' '... says what would change, with a request that shows it'
is "$("$bb" supervise show --json "$id" | jq -c '(.difference[] | [.kind, .example]), .untold')" \
	'["grants","GET https://b.test/bb-example HTTP/1.1"]
0' '... in the document as well'
check_status 1 '... which bb-egress refuses by the routes in force' bb-egress check --routes first 'GET https://b.test/bb-example'
check '... and permits by those proposed' bb-egress check --routes second 'GET https://b.test/bb-example'
check 'show' "$bb" supervise show "$id"
like "$(cat out)" "^bb supervise approve $id --shown $(shown | cut -c1-16)\$" '... says how to approve just that'
check_status 1 'one that is not there' "$bb" supervise show 00000000
check_status 100 'too little of an id' "$bb" supervise show 123
check_status 100 'show without an id' "$bb" supervise show
check_status 100 'an unknown command' "$bb" supervise shwo
check_status 100 'an unknown option' "$bb" supervise list --jsn

# --- approve ---

check 'approve' "$bb" supervise approve "$id" --reason 'fine by me' --shown "$(shown)"
is "$(cat out)" "approved $id" '... says so'
is "$(digest "$inforce") $(in_force)" "$(digest second) $(digest second)" '... the routes are in force'
is "$(answer '[.status, .notes, .final_file, .proposal_hash]')" \
	"$(jq -nc --rawfile f second --arg h "$(digest "$queue/$id.proposal.json")" '["approved", "fine by me", $f, $h]')" \
	'... whoever asked is answered, about the bytes that were shown'
is "$(stat -c %a "$inforce")" 600 '... the routes are for the operator alone'
is "$(recorded '[.component, .event, .action, .notes, .justification, .detail.id, .detail.tool]')" \
	"[\"approve\",\"decision\",\"approved\",\"fine by me\",\"please\",\"$id\",\"allow\"]" '... and it is recorded'
is "$(recorded '[.hashes.before, .hashes.after]')" "[\"$(digest first)\",\"$(digest second)\"]" \
	'... with the digests before and after'
tail -n 1 home/audit/web-1.jsonl | jq -rj .difference >difference
cp first patched && patch -s patched <difference
is "$(digest patched)" "$(digest second)" '... and a difference that patch(1) takes'
is "$("$bb" supervise)" '' '... it is pending no more'
check_status 1 'a second time' "$bb" supervise approve "$first_id"
archive

ask egress-block third
check 'approve --file' "$bb" supervise approve "$id" --file first --save
is "$(answer '[.status, .final_file]')" "$(jq -nc --rawfile f first '["modified", $f]')" \
	'... is an answer with other routes'
is "$(in_force)" "$(digest first)" '... which are in force'
like "$(sed -n 2p out)" "^# .* put this into $PWD/home/bottles/web.md:\$" '... --save names the file to edit'
is "$(sed 1,2d out)" 'egress:
  routes:' '... nothing of it when nothing is new'
archive
cat >slots <<'END'
routes:
  - host: a.test
  - host: d.test
    auth: {scheme: Bearer, token_ref: "token:D_TOKEN"}
END
ask allow slots
check 'approve --save' "$bb" supervise approve "$id" --save
sed 1,2d out >saved
is "$(python3 -c 'import sys, yaml; print(yaml.safe_load(sys.stdin))' <saved)" \
	"{'egress': {'routes': [{'host': 'd.test', 'auth': {'scheme': 'Bearer', 'token_ref': 'D_TOKEN'}}]}}" \
	'... in the words of a manifest'
archive
restore

# --- reject ---

ask allow second
check_status 100 'reject without a reason' "$bb" supervise reject "$id"
like "$(cat err)" 'reject aborted \(empty reason\)' '... is none'
unchanged 'a rejection without a reason'
check 'reject' "$bb" supervise reject "$id" --reason 'no need'
is "$(answer '[.status, .notes, .final_file]')" '["rejected","no need",""]' '... tells why'
is "$(in_force)" "$(digest first)" '... the routes stay'
is "$(recorded '[.action, .notes]')" '["rejected","no need"]' '... and it is recorded'
archive

# --- what is not about routes ---

echo 'generic-api-key in k:1' >finding
for tool in gitleaks-allow egress-token-allow; do
	ask "$tool" finding
	check_status 100 "$tool: approve without a reason" "$bb" supervise approve "$id" --reason '  '
	like "$(cat err)" 'approve aborted \(empty reason\)' '... is aborted'
	check_status 100 "$tool: approve --file" "$bb" supervise approve "$id" --reason r --file first
	like "$(cat err)" "a proposal of '$tool' cannot be modified" '... is refused'
	unchanged "$tool"
	check "$tool: approve" "$bb" supervise approve "$id" --reason 'a fixture'
	is "$(answer '[.status, .notes, .final_file]')" '["approved","a fixture",""]' '... is answered'
	is "$(recorded '[.action, .detail.subject]')" '["approved","generic-api-key in k:1\n"]' \
		'... and recorded with what it is about'
	archive
done

# --- what changed meanwhile ---

ask allow second
seen=$(shown)
cp third "$inforce.new" && mv "$inforce.new" "$inforce"
check_status 1 'the routes have changed since it was shown' "$bb" supervise approve "$id" --shown "$seen"
like "$(cat err)" 'have changed since it was shown' '... so nothing is done'
like "$("$bb" supervise show "$id")" '^warning   the routes in force have changed since it was asked' \
	'... and show warns'
restore
jq '.proposed_file = "routes:\n  - host: evil.test\n"' "$queue/$id.proposal.json" >changed
mv changed "$queue/$id.proposal.json"
check_status 1 'the proposal has changed since it was shown' "$bb" supervise approve "$id" --shown "$seen"
unchanged 'other bytes'

# Two operators at once: one decides, the other is told that it is decided.
cp "$queue/$id.proposal.json" keep.json
for n in 1 2 3 4; do
	"$bb" supervise approve "$id" --reason "operator $n" >"said.$n" 2>&1
	echo "$?" >"status.$n"
done &
"$bb" supervise reject "$id" --reason 'operator 5' >said.5 2>&1
echo "$?" >status.5
wait $!
is "$(sort status.[1-5] | tr '\n' ' ')" '0 1 1 1 1 ' 'of five decisions at once one holds'
is "$(jq -s '[.[] | select(.detail.id == "'"$id"'")] | length' home/audit/web-1.jsonl)" 1 '... one is recorded'
winner=$(grep -l '^0' status.[1-5] | cut -d. -f2)
is "$(answer .notes)" "\"operator $winner\"" '... and answered'
archive
restore

# --- what fails ---

printf 'routes:\n  - host: "a b"\n' >broken
ask allow second
check_status 100 'a file that does not load' "$bb" supervise approve "$id" --file broken
unchanged 'a file that does not load'
printf 'routes:\n  - host: a.test\n    upstream: {connect: "a.test:443", ca_file: /not/there.pem}\n' >unusable
check_status 111 'routes that bb-egress refuses' "$bb" supervise approve "$id" --file unusable
like "$(cat err)" 'bb-approve: apply failed: .*not/there.pem' '... apply failed'
unchanged 'routes that bb-egress refuses'
mkdir kept && mv home/audit/* kept/ && rmdir home/audit && echo >home/audit
check_status 100 'an audit log that cannot be opened' "$bb" supervise approve "$id"
unchanged 'an audit log that cannot be opened'
rm home/audit && mkdir -m 700 home/audit && mv kept/* home/audit/
# The answer has no room: a directory has its name, which no other writer would make.
mkdir "$queue/$id.response.json.d" "$queue/.new"
check_status 111 'an answer that cannot be written' "$bb" supervise approve "$id"
like "$(cat err)" 'bb-approve: apply failed: unable to write to the queue' '... apply failed'
rmdir "$queue/.new" "$queue/$id.response.json.d"
unchanged 'an answer that cannot be written'
stop_bottle
check_status 111 'a bottle that does not run' "$bb" supervise approve "$id"
like "$(cat err)" 'apply failed: unable to ask the sidecar .*is the bottle running\?' '... apply failed'
is "$(digest "$inforce")" "$(digest first)" '... the old routes are back'
check_status 1 '... and nothing is answered' test -e "$queue/$id.response.json"
start_bottle
: >"$queue/.half" && printf '{"kind":"prop' >"$queue/11111111-0000-4000-8000-000000000001.proposal.json"
ln -s /etc/passwd "$queue/22222222-0000-4000-8000-000000000001.proposal.json"
check 'half a proposal, and a link' "$bb" supervise list --json
is "$(jq -c '[(.proposals | length), .damaged]' out)" '[1,2]' '... hide nothing and are counted'
rm "$queue"/11111111* "$queue"/22222222*
mkdir -p home/state/bad-1/queue && chmod 777 home/state/bad-1/queue
check 'a queue that others may write' "$bb" supervise list
like "$(cat out)" "^$(echo "$id" | cut -c1-8)  web-1" '... hides no other'
like "$(cat err)" "the queue '.*/bad-1/queue' is open to others" '... and is told of'
rm -r home/state/bad-1

# --- hostile text ---

"$bb" supervise reject "$id" --reason seen >/dev/null && archive
hostile=$(printf 'a\033[2Jb\302\2332Jc\342\200\256d\ne\rf\007g\342\200\213h')
printf 'routes:\n  - host: a.test # %s\n' "$hostile" >hostile
ask allow hostile "$hostile"
for command in list "show $id" "list --json" "show --json $id"; do
	# shellcheck disable=SC2086 # two words
	check "$command" "$bb" supervise $command
	is "$(LC_ALL=C tr -d '\n' <out | LC_ALL=C tr -d ' -~' | wc -c)" 0 "$command: nothing but visible ASCII"
done
"$bb" supervise show "$id" >out
like "$(cat out)" 'a\\x1B\[2Jb\\u\{9B\}2Jc\\u\{202E\}d$' '... but what was there is shown'

# --- wait ---

check 'wait, when something is pending' "$bb" supervise wait
like "$(cat out)" "^$(echo "$id" | cut -c1-8)" '... shows it'
"$bb" supervise reject "$id" --reason seen >/dev/null && archive
check_status 1 'wait, when nothing comes' "$bb" supervise wait --timeout 1
"$bb" supervise wait >waited 2>&1 &
waiting=$!
ask allow second 'later'
wait "$waiting"
is "$? $(cut -c1-8 waited)" "0 $(echo "$id" | cut -c1-8)" 'wait ends when something comes'
"$bb" supervise wait --notify 'echo "$1 $2 $3" >>told' >/dev/null 2>&1 &
waiting=$!
at_exit "kill $waiting"
wait_for test -s told
ask allow third
wait_for sh -c '[ "$(wc -l <told)" -eq 2 ]'
kill "$waiting"
wait "$waiting" 2>/dev/null
is "$(wc -l <told) $(tail -n 1 told)" "2 web-1 allow $id" 'with --notify each is told of, once'

# --- a flood: the queue of one bottle filled by whatever got around its limits ---

python3 - "$BOT_BOTTLE_HOME/state/flood-1/queue" <<'END'
import json, os, sys
os.makedirs(sys.argv[1] + "/processed", 0o700)
os.chmod(sys.argv[1], 0o700)
for n in range(10000):
    id = f"f100d000-0000-4000-8000-{n:012x}"
    with open(f"{sys.argv[1]}/{id}.proposal.json", "w") as f:
        json.dump({"kind": "proposal", "v": 1, "id": id, "bottle_slug": "flood-1", "tool": "allow", "proposed_file": "routes: []",
                   "justification": "x" * 2000, "arrival_timestamp": "2026-01-01T00:00:00.000Z", "current_file_hash": ""}, f)
END
check 'ten thousand proposals of one bottle' "$bb" supervise list --json
is "$(jq -c '[(.proposals | map(select(.bottle == "flood-1")) | length), .unshown]' out)" '[64,9936]' \
	'... are counted, and 64 of them read'
is "$(jq -r '.proposals[] | select(.bottle == "web-1").id' out | tail -n 1)" "$id" '... that of another bottle is there'
check '... and can be decided' "$bb" supervise reject "$id" --reason 'found it'
mkdir "$BOT_BOTTLE_HOME/state/flood-1/egress" && echo 'routes: []' >"$BOT_BOTTLE_HOME/state/flood-1/egress/routes.yaml"
last=$(printf 'f100d000-0000-4000-8000-%012x' 9999)
check 'one far behind is shown by its id' "$bb" supervise show "$last" --json
is "$(jq -r .proposal.id out)" "$last" '... and no other'
check '... and is decided' "$bb" supervise reject "$last" --reason 'too many'
is "$(jq -r .status "$BOT_BOTTLE_HOME/state/flood-1/queue/$last.response.json")" rejected '... alone'
check_status 1 '... once' "$bb" supervise reject "$last" --reason 'too many'
check_status 100 'first digits of several' "$bb" supervise show f100d000
like "$(cat err)" "several proposals begin with 'f100d000'; give more of the id" '... are too few'
rm -r "$BOT_BOTTLE_HOME/state/flood-1"

check 'the audit log holds' "$bb" audit verify web-1
stop_bottle
done_testing
