#!/bin/sh
test_title='bb list: bottles of all backends, what manifests describe, snapshots; as a table and as JSON'
. "$(dirname "$0")/lib/tap.sh"
. "$BB_SOURCE/t/lib/fronts.sh"

# --- active ---

check_status 0 'without a launcher' bb list
is "$(cat err)" 'bb-list: no active bottles' '... there is no bottle'
is "$(cat out)" '' '... on standard error'
check 'as JSON' bb list --json
is "$(cat out)" '{"kind":"list","v":1,"what":"active","bottles":[]}' '... an empty list'

then=$(date -u -d '-2 hours -5 minutes' +%Y-%m-%dT%H:%M:%SZ)
stand_in bb-launch-native <<END
#!/bin/sh
printf '%s\n' "\$*" >asked
cat <<'JSON'
{"kind":"active","v":1,"backend":"native","bottles":[
 {"identity":"late-1","agent":"late","started_at":"2099-01-01T00:00:00Z","daemons":["egress","git-gate"]},
 {"identity":"web-x","agent":"web","label":"a\u001b[2J\u202eb\nc","color":"red","started_at":"$then","daemons":[]}]}
JSON
END
check 'one backend' bb list active
is "$(cat asked)" 'list --json' '... is asked for its list'
is "$(cat out)" "$(printf '%s\n' \
	'BACKEND  IDENTITY  AGENT  LABEL                 DAEMONS          UPTIME' \
	'native   web-x     web    a\x1B[2J\u{202E}b\nc                   2h05m' \
	'native   late-1    late   -                     egress,git-gate  0s')" \
	'... in a table, oldest first, with nothing raw'
check 'as JSON' bb list --json
is "$(jq -c '.bottles | map([.backend, .identity, .label])' out)" \
	'[["native","web-x","a\u001b[2J‮b\nc"],["native","late-1",null]]' \
	'... with all that they say'
check_status 1 '... in ASCII' grep -q '[^ -~]' out

stand_in bb-launch-docker <<'END'
#!/bin/sh
echo '{"kind":"active","v":1,"backend":"docker","bottles":[{"identity":"d","agent":"d","started_at":"2020-01-01T00:00:00Z"}]}'
END
check 'two backends' bb list
is "$(awk '{ print $1 }' out | tr '\n' ' ')" 'BACKEND docker native native ' '... in one table'

# launchers that are not right: the answer is not used, the others are shown, the status says so.
for answer in '' '{' '{"kind":"other","v":1}' '{"kind":"active","v":2,"bottles":[]}' '{"kind":"active","v":1} {}' \
	'{"kind":"active","kind":"active","v":1,"bottles":[]}'; do
	printf '#!/bin/sh\ncat <<%s\n%s\n%s\n' "'END'" "$answer" END | stand_in bb-launch-docker
	check_status 111 "an answer of '$answer'" bb list
	like "$(cat err)" "^bb-list: warning: backend 'docker' did not answer 'list' \(status 0\)$" \
		'... is warned about'
	is "$(awk '{ print $1 }' out | tr '\n' ' ')" 'BACKEND native native ' '... and the others are shown'
done
printf '#!/bin/sh\nexit 111\n' | stand_in bb-launch-docker
check_status 111 'a launcher that fails' bb list
like "$(cat err)" 'status 111' '... is warned about'
check 'bb list -x' bb list -x agents --help
rm "$installation/bin/bb-launch-docker"
check 'bb list -x' bb list -x
is "$(cat err)" "+ $installation/bin/bb-launch-native list --json" '... shows what is run'

# --- agents and bottles ---

stand_in bb-parse <<'END'
#!/bin/sh
[ "$*" = 'list --json' ] || exit 100
echo '{"kind":"list","v":1,"agents":[{"name":"web","scope":"home","path":"/h/agents/web.md"}],"bottles":[]}'
END
check 'bb list agents' bb list agents
is "$(cat out)" "$(printf '%s\n' 'NAME  SCOPE  FILE' 'web   home   /h/agents/web.md')" '... is what bb-parse lists'
check 'bb list agents --json' bb list --json agents
is "$(cat out)" '{"kind":"list","v":1,"what":"agents","agents":[{"name":"web","scope":"home","path":"/h/agents/web.md"}]}' '... as a document'
check 'bb list bottles' bb list bottles
is "$(cat err)" 'bb-list: no bottles' '... may be none'
printf '#!/bin/sh\nexit 100\n' | stand_in bb-parse
check_status 100 'bb-parse refuses' bb list agents

# --- snapshots ---

mkdir -p home/state/kept-1 home/state/plain-2 home/state/broken-3 home/state/BAD elsewhere
metadata() {
	echo "{\"kind\":\"metadata\",\"v\":1,\"identity\":\"$1\",\"agent\":\"a\",\"backend\":\"native\",\"started_at\":\"2026-01-01T00:00:00Z\"$2}"
}
metadata kept-1 ',"image":"img"' >home/state/kept-1/metadata.json
metadata plain-2 '' >home/state/plain-2/metadata.json
metadata BAD ',"image":"img"' >home/state/BAD/metadata.json
echo '{' >home/state/broken-3/metadata.json
metadata linked ',"image":"img"' >elsewhere/metadata.json
ln -s ../../elsewhere home/state/linked
mkfifo home/state/plain-2/fifo && mkdir home/state/fifo-4 && mkfifo home/state/fifo-4/metadata.json
check 'bb list snapshots' bb list snapshots
is "$(awk '{ print $1 }' out | tr '\n' ' ')" 'IDENTITY kept-1 ' \
	'... are the states with an image; links, odd names and others are passed over'
like "$(cat err)" "^bb-list: warning: ignoring '.*/state/broken-3/metadata.json'$" '... and a broken one is named'
BOT_BOTTLE_HOME=$PWD/nowhere
check 'a home that does not exist' bb list snapshots
is "$(cat err)" 'bb-list: no snapshots' '... has none'
BOT_BOTTLE_HOME=relative
check_status 100 'a home that is relative' bb list snapshots
like "$(cat err)" "^bb-list: BOT_BOTTLE_HOME is 'relative': please give an absolute path$" '... is refused'
unset BOT_BOTTLE_HOME
HOME='' check_status 100 'no home at all' env -u HOME "$installation/bin/bb" list snapshots
is "$(cat err)" 'bb-list: neither HOME nor BOT_BOTTLE_HOME is set' '... is refused'

# --- usage ---

for words in '--jso' 'things' 'active agents' '-- active agents' '--json=1'; do
	# shellcheck disable=SC2086
	check_status 100 "bb list $words" bb list $words
	like "$(cat err)" "try 'bb list --help'$" '... points to the help'
done

done_testing
