#!/bin/sh
test_title='bb audit: shows what was decided, says whether the record holds; a second verifier agrees'
. "$(dirname "$0")/lib/tap.sh"

bb=$BB_BUILD/bin/bb
write=$BB_BUILD/t/lib/audit-write
second=$BB_SOURCE/t/lib/verify-audit
export BOT_BOTTLE_HOME="$PWD/home"
logs=home/audit

# --- nothing yet ---

check 'without any log' "$bb" audit
is "$(cat out)" '' '... there is nothing to say'
check 'as JSON' "$bb" audit --json
is "$(cat out)" '{"kind":"audit","v":1,"logs":[],"holds":true}' '... a document'
check_status 100 'a log that is not there' "$bb" audit web-1
like "$(cat err)" "there is no audit log 'web-1'" '... is said to be so'
check_status 111 'without a log there is no key' "$bb" audit key

# --- show ---

umask 022
"$write" home web-1 start
"$write" home web-1 decision 'I need
api.example.com' "$(printf 'fine\033[2J \342\200\256 \302\233')"
"$write" home web-1 refuse
is "$(stat -c %a $logs $logs/key $logs/web-1.jsonl $logs/web-1.head | tr '\n' ' ')" '700 600 600 600 ' \
	'nobody else may read it'
check 'bb audit IDENTITY' "$bb" audit web-1
is "$(sed 's/^[0-9][0-9TZ:.-]* //' out)" "$(cat <<'END'
test start tested host=a.test
test decision tested host=a.test
    justification:
        I need
        api.example.com
    notes:
        fine\x1B[2J \u{202E} \u{9B}
test refuse tested host=a.test
END
)" '... is for people, and shows escapes as text'
check 'bb audit --json IDENTITY' "$bb" audit --json web-1
is "$(cat out)" "$(cat $logs/web-1.jsonl)" '... is the log as it was written'
check '... each entry an object' jq -es 'length == 3 and all(.component == "test")' $logs/web-1.jsonl
check 'bb audit --event' "$bb" audit --event refuse --event start web-1
is "$(cut -d' ' -f3 out | tr '\n' ' ')" 'start refuse ' '... shows these events only'
check 'bb audit --component' "$bb" audit --component egress web-1
is "$(cat out)" '' '... shows one component'
check 'bb audit --since' "$bb" audit --since 2999-01-01 web-1
is "$(cat out)" '' '... leaves out what was before'
check 'bb audit --since' "$bb" audit --since 2000-01-01T00:00 web-1
is "$(grep -c tested out)" 3 '... and not what was after'
check_status 100 'a time that is none' "$bb" audit --since yesterday web-1

# --- verify, and a second opinion ---

# both NAME STATUS: the two verifiers say the same.
both() {
	check_status "$2" "$1" "$bb" audit verify web-1
	check_status "$2" '... says the second verifier, too' "$second" $logs/web-1.jsonl $logs/key.pub
}

both 'the log as it was written holds' 0
is "$("$bb" audit verify)" "$PWD/$logs/web-1.jsonl: holds, 3 entries" 'in words'
check_status 0 'the public key is printed' "$bb" audit key
mv out printed.pub
check 'as openssl reads it' openssl pkey -pubin -in printed.pub -noout
cp -R $logs kept
restore() {
	cp kept/web-1.jsonl kept/web-1.head $logs/
}

sed -i 's/"refuse"/"permit"/' $logs/web-1.jsonl
both 'a changed word' 1
like "$("$bb" audit verify)" 'DOES NOT HOLD, 2 entries before this: entry 3: it was changed' '... in words'
is "$("$bb" audit verify --json | jq -c '[.holds, .logs[0].holds, .logs[0].entries]')" '[false,false,2]' '... as JSON'
check_status 1 '... shown as far as it holds' "$bb" audit web-1
is "$(grep -c tested out)" 2 '... and no further'
like "$(cat err)" "web-1.jsonl' does not hold: entry 3: it was changed" '... with the reason'
restore
sed -i 2d $logs/web-1.jsonl
both 'a dropped entry' 1
restore
sed -i '$d' $logs/web-1.jsonl
both 'a shortened log' 1
restore
sed -i '$p' $logs/web-1.jsonl
both 'a doubled entry' 1
restore
printf x >>$logs/web-1.jsonl
both 'bytes behind the end' 1
restore
: >$logs/web-1.jsonl
both 'an emptied log' 1
restore
rm $logs/web-1.head
both 'no head' 1
restore
sed -i 's/"seq":3/"seq":2/' $logs/web-1.head
both 'a changed head' 1
restore
cp $logs/web-1.jsonl $logs/other-1.jsonl
cp $logs/web-1.head $logs/other-1.head
check_status 1 'the log of one bottle under the name of another' "$bb" audit verify other-1
check_status 1 '... says the second verifier, too' "$second" $logs/other-1.jsonl $logs/key.pub
check_status 1 'one that does not hold is enough' "$bb" audit verify
is "$(wc -l <out)" 2 '... all are looked at'
rm $logs/other-1.*
openssl genpkey -algorithm ed25519 2>/dev/null | openssl pkey -pubout >other.pub
check_status 1 'another key' "$bb" audit verify --key other.pub
check_status 1 '... says the second verifier, too' "$second" $logs/web-1.jsonl other.pub
openssl ecparam -genkey -name prime256v1 -noout | openssl pkey -pubout >wrong.pub
check_status 100 'a key of another kind' "$bb" audit verify --key wrong.pub

# Random changes: the verdicts agree. lib/chain.h is put to 10^5 of them in t/audit.c.
check 'changes at random places' python3 - "$bb" "$second" $logs <<'END'
import random, subprocess, sys
bb, second, logs = sys.argv[1:]
log = logs + '/web-1.jsonl'
original = open(log, 'rb').read()
chance = random.Random(7)
for turn in range(60):
    text = bytearray(original)
    at = chance.randrange(len(text))
    kind = turn % 4
    if kind == 0:
        text[at] ^= 1 << chance.randrange(8)
    elif kind == 1:
        del text[at:at + chance.randrange(1, 200)]
    elif kind == 2:
        text[at:at] = bytes(text[at:at + chance.randrange(1, 200)])
    else:
        text = text[:at]
    open(log, 'wb').write(bytes(text))
    verdicts = [subprocess.run(command, stdout=subprocess.DEVNULL).returncode
                for command in ([bb, 'audit', 'verify', 'web-1'], [second, log, logs + '/key.pub'])]
    if verdicts != [1, 1] and bytes(text) != original:
        sys.exit('turn %d: %s' % (turn, verdicts))
open(log, 'wb').write(original)
END
both 'and what was there before holds again' 0

# --- repair ---

head -c 100 $logs/web-1.jsonl | tail -c 50 >>$logs/web-1.jsonl
both 'half an entry, as a crash leaves it' 1
check 'is repaired' "$bb" audit repair web-1
both 'holds then' 0
like "$("$bb" audit verify)" 'holds, 4 entries, 1 of them about repairs$' 'and does not hide it'
like "$("$bb" audit web-1)" 'audit repaired bytes=50 sha256=[0-9a-f]{64} text=' 'what was cut off is kept'
check 'nothing is repaired twice' "$bb" audit repair web-1
like "$("$bb" audit verify)" 'holds, 4 entries' 'or without need'

# --- usage ---

for words in 'show' 'show a b' 'repair' 'key x' 'verify ../x' 'verify -- --x' 'show A' 'web-1 web-1' '--frob' \
	'show web-1 --event'; do
	# shellcheck disable=SC2086
	check_status 100 "bb audit $words" "$bb" audit $words
done
check_status 100 'bb-audit alone' bb-audit
check_status 100 'an unknown command' bb-audit frob
check_status 100 'a file of another name' "$bb" audit verify ./other.pub
check_status 0 'bb audit --help' "$bb" audit --help
ln -s web-1.jsonl $logs/link-1.jsonl
check_status 111 'a link is not followed' "$bb" audit verify link-1
rm $logs/link-1.jsonl
mkfifo $logs/pipe-1.jsonl
check_status 111 'nor a pipe waited for' "$bb" audit verify pipe-1
rm $logs/pipe-1.jsonl
check_status 111 'standard output that is full' sh -c '"$0" audit web-1 >/dev/full' "$bb"

done_testing
