#!/bin/sh
test_title='bb cleanup: one plan over all backends, one question, and no more than that removed'
. "$(dirname "$0")/lib/tap.sh"
. "$BB_SOURCE/t/lib/fronts.sh"

# A launcher that notes how it was asked, and has something to remove as long as ./NAME.remains exists.
launcher() {
	stand_in "bb-launch-$1" <<END
#!/bin/sh
echo "\$*" >>'$PWD/$1.asked'
dry=false items=
case \$* in *--dry-run*) dry=true ;; esac
if [ -e '$PWD/$1.remains' ]; then
	items='{"type":"state","name":"old\\u001b[31m","path":"/home/state/old"}'
	\$dry || rm '$PWD/$1.remains'
fi
printf '{"kind":"cleanup","v":1,"backend":"$1","dry_run":%s,"items":[%s]}' "\$dry" "\$items"
END
}
launcher native
launcher docker
remain() {
	rm -f native.asked docker.asked
	: >native.remains
	: >docker.remains
}

check 'nothing to remove' bb cleanup
is "$(cat out)$(cat err)" 'bb-cleanup: nothing to remove' '... is said'
is "$(cat native.asked docker.asked)" "$(printf '%s\n' 'cleanup --json --dry-run' 'cleanup --json --dry-run')" \
	'... after asking only'

remain
check 'bb cleanup --dry-run' bb cleanup --dry-run
is "$(cat out)" "$(printf '%s\n' 'BACKEND  TYPE   NAME         PATH' 'native   state  old\x1B[31m  /home/state/old' \
	'docker   state  old\x1B[31m  /home/state/old')" '... shows one plan'
check '... and removes nothing' test -e native.remains
check 'bb cleanup --dry-run --json' bb cleanup --dry-run --json
is "$(jq -c '[.kind, .dry_run, (.items | map(.backend))]' out)" '["cleanup",true,["native","docker"]]' \
	'... is a document'

remain
check 'bb cleanup --yes' bb cleanup --yes
check_status 1 '... removes' test -e native.remains
check_status 1 '... from every backend' test -e docker.remains
is "$(cat native.asked)" "$(printf '%s\n' 'cleanup --json --dry-run' 'cleanup --json')" '... each being asked once'
remain
check 'bb cleanup -y --json' bb cleanup -y --json
is "$(jq -c '[.dry_run, (.items | length)]' out)" '[false,2]' '... says what was removed'

# --- the question ---

for answer in y Y yes YES; do
	remain
	on_terminal "$answer
" "$installation/bin/bb" cleanup
	is "$?" 0 "the answer '$answer'"
	like "$(cat out)" 'remove these\? \[y/N\] ' '... to the question'
	check_status 1 '... removes' test -e native.remains
done
for answer in n '' no yess ' y' "$(printf '\004')"; do
	remain
	on_terminal "$answer
" "$installation/bin/bb" cleanup
	is "$?" 0 "the answer '$(printf %s "$answer" | tr '\004' '^')'"
	like "$(cat out)" 'bb-cleanup: aborted by user' '... aborts'
	check '... and removes nothing' test -e native.remains
done
remain
check_status 111 'without a terminal' setsid -w "$installation/bin/bb" cleanup
like "$(cat err)" "unable to ask 'remove these\? \[y/N\]': there is no terminal" '... nothing is removed'
check '... nothing at all' test -e native.remains

# --- a backend that fails ---

printf '#!/bin/sh\nexit 111\n' | stand_in bb-launch-docker
remain
check_status 111 'a backend that fails' bb cleanup --yes
like "$(cat err)" "backend 'docker' did not answer 'cleanup'" '... is named'
check_status 1 '... and does not keep the others from being cleaned up' test -e native.remains

for words in '--force' 'all' '--yes=1'; do
	check_status 100 "bb cleanup $words" bb cleanup "$words"
	like "$(cat err)" "try 'bb cleanup --help'$" '... points to the help'
done

done_testing
