#!/bin/sh
test_title='bb doctor: each thing that may be missing is named, with what to do, and no value is shown'
. "$(dirname "$0")/lib/tap.sh"
. "$BB_SOURCE/t/lib/fronts.sh"

version=$("$BB_BUILD/bin/bb" version | sed 's/.* //')

# --- an installation in which all is well ---

stand_in bb-launch-native <<END
#!/bin/sh
[ "\$1" = --version ] && exec echo 'bb-launch-native (bot-bottle) $version'
[ "\$*" = 'check --json' ] || exit 100
cat '$PWD/check.json'
END
stand_in bb-parse <<END
#!/bin/sh
case "\$*" in
--version) echo 'bb-parse (bot-bottle) $version' ;;
check) cat '$PWD/problems' >&2; exit "\$(cat '$PWD/verdict')" ;;
'list --json') cat '$PWD/list.json' ;;
'agent '*) cat "$PWD/agent-\$2.json" ;;
*) exit 100 ;;
esac
END
echo '{"kind":"check","v":1,"backend":"native","results":[{"level":"ok","name":"landlock","text":"Landlock"}]}' \
	>check.json
well() {
	: >problems
	echo 0 >verdict
	echo '{"kind":"list","v":1,"agents":[{"name":"web","scope":"home","path":"/h"}],"bottles":[]}' >list.json
	echo '{"kind":"manifest","v":1,"env":[],"egress":{"routes":[]},"provider":{},"agent_provider":{},"git_gate":{"repos":[]}}' >agent-web.json
}
well
check 'all is well' bb doctor
is "$(awk '{ print $1 }' out | sort -u)" ok '... on every line'
for text in "all programs are of version $version" 'jq is installed' 'git is installed' 'native: Landlock' \
	'the clock says' 'GiB are free' \
	"'$BOT_BOTTLE_HOME' is yours alone" 'the manifests are right'; do
	like "$(cat out)" "^ok   .*$text" "... $text"
done
check 'bb doctor --json' bb doctor --json
is "$(jq -c '[.kind, .v, (.results | map(.level) | unique)]' out)" '["doctor",1,["ok"]]' '... is a document'
is "$(jq -r '.results[] | select(.name == "native.landlock") | .text' out)" 'native: Landlock' \
	'... with names for scripts'
is "$(cat err)" '' '... and nothing else'

# complains LEVEL STATUS TEXT [REMEDY]: what bb doctor says, in both forms.
complains() {
	check_status "$2" "$3" bb doctor
	like "$(cat out)" "^$1 +.*$3" "... is said: $1"
	if [ -n "${4-}" ]; then
		like "$(grep -E -A 1 -- "$3" out)" "^       .*$4" '... with what to do'
	fi
	check_status "$2" '... as JSON' bb doctor --json
	is "$(jq --arg level "$1" --arg text "$3" '[.results[] | select(.level == $level and (.text | test($text)))] | length > 0' out)" true \
		'... too'
}

# --- the machine ---

cat >check.json <<'END'
{"kind":"check","v":1,"backend":"native","results":[
 {"level":"ok","name":"a","text":"first"},
 {"level":"warn","name":"b","text":"second is weak","remedy":"strengthen it"},
 {"level":"fail","name":"c","text":"third\u001b[2J\nok   forged","remedy":"sysctl\tx"}]}
END
complains warn 1 'native: second is weak' 'strengthen it'
complains fail 1 'native: third' 'sysctl'
unlike "$(cat out)" '[^ -~]' 'what a launcher says is escaped'
bb doctor >out
unlike "$(cat out)" '^ok +forged' '... and cannot forge a line'
echo '{"kind":"check","v":1,"backend":"native","results":[{"level":"good","name":"a","text":"x"}]}' >check.json
complains fail 1 "native: 'good' is no result" 'install'
echo '{"kind":"check"' >check.json
complains fail 1 "the launcher of 'native' does not work" 'bb-launch-native check'
echo '{"kind":"check","v":1,"backend":"native","results":[]}' >check.json
mv "$installation/bin/bb-launch-native" launcher
complains fail 1 'no launcher is installed' 'install bot-bottle again'
mv launcher "$installation/bin/bb-launch-native"

stand_in bb-old <<'END'
#!/bin/sh
echo 'bb-old (bot-bottle) 0.0.0'
END
complains fail 1 "not of version $version: bb-old" 'install bot-bottle again'
rm "$installation/bin/bb-old"

touch -d '+2 days' "$installation/libexec/bot-bottle/terminal.sh"
complains fail 1 'which is before this installation was made' 'set the clock'
touch "$installation/libexec/bot-bottle/terminal.sh"

mkdir tools
for tool in awk date df env find grep head printenv readlink rm mktemp sed sort tail tr wc cat chmod sh dirname id \
	stat; do
	ln -s "$(command -v "$tool")" "tools/$tool"
done
check_status 1 'without jq and git' env PATH="$PWD/tools" "$installation/bin/bb" doctor
like "$(cat out)" '^fail jq is not installed' '... the lack of jq is named'
like "$(cat out)" '^fail git is not installed' '... and that of git'
like "$(cat out)" '^warn man is not installed' '... man is only missed'
like "$(cat out)" '^fail what the backends need cannot be read without jq' '... and what follows from it is said'
like "$(cat out)" '^ok   the manifests are right' '... the rest is checked all the same'

# --- the home ---

chmod 770 home
complains fail 1 "others may write to '$BOT_BOTTLE_HOME'" 'chmod go-w'
chmod 700 home
mkdir -m 702 home/bottles
complains fail 1 "others may write to '$BOT_BOTTLE_HOME/bottles'" 'chmod go-w'
chmod 700 home/bottles
mkdir -m 755 home/state
complains warn 0 "others may look into '$BOT_BOTTLE_HOME/state'" 'chmod 700'
chmod 700 home/state
if [ "$(id -u)" -eq 0 ]; then
	chown 12345 home
	complains fail 1 "'$BOT_BOTTLE_HOME' does not belong to you" 'chown'
	chown 0 home
fi
real=$BOT_BOTTLE_HOME
BOT_BOTTLE_HOME=$PWD/none/yet
complains warn 0 "'$BOT_BOTTLE_HOME' does not exist yet" 'bb init'
BOT_BOTTLE_HOME=$real

# --- the manifests ---

echo 100 >verdict
printf 'bb-parse: /h/bottles/b.md:3:1: unknown key\n%s\n' "$(printf 'bb-parse: \033[31mred')" >problems
complains fail 1 'the manifests are not right' 'bb-parse check'
complains fail 1 '/h/bottles/b.md:3:1: unknown key'
unlike "$(jq -r '.results[].text' out)" '[^ -~]' '... escaped'
seq 1 100 | sed 's/^/bb-parse: problem /' >problems
bb doctor >out
is "$(grep -c 'problem' out)" 20 'many problems are not all repeated'
well
echo '{"kind":"list","v":1,"agents":[],"bottles":[]}' >list.json
complains warn 0 'there is no agent yet' 'bb init'

# --- what agents need ---

echo '{"kind":"list","v":1,"agents":[{"name":"web"},{"name":"api"},{"name":"broken"}],"bottles":[]}' >list.json
cat >agent-web.json <<'END'
{"kind":"manifest","v":1,"env":[{"name":"A","source":"literal","value":"NOT_ASKED"},{"name":"B","source":"host","host":"T_SET"}],
 "egress":{"routes":[{"host":"h"},{"host":"i","auth":{"scheme":"Bearer","token_ref":"T_MISSING"}}]},
 "agent_provider":{"auth_token":"T_EMPTY"},"provider":{"needs":["sh","no-such-agent"]},
 "git_gate":{"repos":[{"name":"r","key":{"provider":"gitea","forge_token_env":"T_END"}},{"name":"s","auth":{"token_ref":"T_START"}}]}}
END
cat >agent-api.json <<'END'
{"kind":"manifest","v":1,"egress":{"routes":[{"host":"i","auth":{"scheme":"Bearer","token_ref":"T_MISSING"}},
 {"host":"j","auth":{"token_ref":"T_LINES"}},{"host":"k","auth":{"token_ref":"T; echo injected"}}]}}
END
T_SET=sesame T_EMPTY='' T_END='sesame ' T_START='	sesame' T_LINES=$(printf 'sesame\n\nx')
export T_SET T_EMPTY T_END T_START T_LINES
complains warn 0 'T_MISSING is not set; needed by: (web, api|api, web)' 'export it'
complains warn 0 'T_EMPTY is empty; needed by: web' 'set it'
complains warn 0 'the value of T_END begins or ends with white space' 'line end'
complains warn 0 'the value of T_START begins or ends with white space'
complains warn 0 'the value of T_LINES begins or ends with white space'
complains ok 0 'T_SET is set'
complains ok 0 'the agent program sh is installed'
complains warn 0 'the agent program no-such-agent is not in PATH; needed by: web' 'install it'
bb doctor >out 2>&1
unlike "$(cat out)" 'sesame|NOT_ASKED' 'no value is shown'
unlike "$(cat out)" '^injected' 'a name that is none is passed over'

# --- usage ---

for word in --jsno all --json=1; do
	check_status 100 "bb doctor $word" bb doctor "$word"
	like "$(cat err)" "try 'bb doctor --help'$" '... points to the help'
done
check_status 100 'no home' env -u HOME -u BOT_BOTTLE_HOME "$installation/bin/bb" doctor

# --- the real ones ---

bb-launch-native check --json >check.json
check 'the real launcher answers in the same form' sh -c 'bb-json check --kind check <check.json'

done_testing
