#!/bin/sh
# shellcheck disable=SC2016 # texts with dollars are meant
test_title='bb start: options, picker, preflight, question, hand-over to the launcher'
# shellcheck source=t/lib/tap.sh
. "$(dirname "$0")/lib/tap.sh"

# An installation like the real one but for a launcher that records what it is given.
mkdir -p inst/bin tmp home/agents home/bottles project/.bot-bottle/agents
cp -R "$BB_BUILD/libexec" inst/libexec
ln -s "$BB_BUILD/share" inst/share
for program in "$BB_BUILD"/bin/bb-*; do
	case $program in *bb-launch-*) ;; *) ln -s "$program" inst/bin/ ;; esac
done
cp "$BB_BUILD/bin/bb" inst/bin/bb
cat >inst/bin/bb-launch-native <<END
#!/bin/sh
cd '$PWD' || exit 99
cat "\$3" >plan.json
echo "\$*" >arguments
ls -l /proc/self/fd | sed -n 's,.* \([0-9]*\) -> .*/tmp/bb\..*,\1,p' >descriptors
find tmp -mindepth 1 >left
[ ! -e die ] || kill -9 \$\$
[ ! -e wait ] || { touch waiting; while [ -e wait ]; do kill -0 \$\$; done; }
exit "\$(cat status)"
END
chmod 755 inst/bin/bb-launch-native
echo 0 >status
export TMPDIR="$PWD/tmp" BOT_BOTTLE_HOME="$PWD/home"
unset EXAMPLE_TOKEN NO_COLOR
bb=$PWD/inst/bin/bb

cat >home/bottles/base.md <<'END'
---
agent_provider: {template: shell}
supervise: false
---
END
cat >home/bottles/web.md <<'END'
---
extends: base
env: {GREETING: hello, KEY: "${EXAMPLE_TOKEN}"}
egress:
  routes:
    - host: api.example.com
      auth: {scheme: Bearer, token_ref: EXAMPLE_TOKEN}
---
END
printf -- '---\nbottle: base\n---\nBe brief.\n' >home/agents/hello.md
printf -- '---\nbottle: web\n---\n' >home/agents/fetcher.md
printf -- '---\nbottle: nowhere\n---\n' >home/agents/lost.md
printf -- '---\nbottle: base\n---\nOf the repository.\n' >project/.bot-bottle/agents/hello.md
printf -- '---\nbottle: base\n---\nShipped.\n' >project/.bot-bottle/agents/shipped.md
chmod 600 home/bottles/*.md

# at_terminal SCRIPT COMMAND...: a person at a terminal does what SCRIPT says; shown is what they saw.
at_terminal() {
	printf '%s\n' "$1" >script
	shift
	python3 "$BB_SOURCE/t/lib/terminal.py" script "$@" >shown 2>err
}

# plan QUERY: a value of the plan that the launcher got.
plan() {
	jq -r "$1" plan.json
}

# nothing_launched NAME
nothing_launched() {
	is "$(ls plan.json 2>/dev/null)" '' "$1: nothing was launched"
	is "$(ls -A tmp)" '' "$1: no file is left"
	rm -f plan.json
}

# --- hand-over ---

check_status 0 'an agent is started without a question' setsid "$bb" start hello --yes
is "$(cat arguments)" 'run --plan /dev/fd/3' 'the plan is handed over on a descriptor'
is "$(cat left)" '' 'and no file is left when the launcher begins'
is "$(cat descriptors)" 3 'which is the only one that is open to a file of ours'
is "$(plan '.kind, .agent, .backend')" 'plan
hello
native' 'it is a plan for this agent and backend'
is "$(cat out)" '' 'standard output is the agent'"'"'s'
like "$(cat err)" '^agent     hello ' 'the preflight is on standard error'
like "$(plan .identity)" '^hello-[a-z0-9]{5}$' 'the identity is the name and five characters'
first=$(plan .identity)
check_status 0 'a second start' setsid "$bb" start hello -y
unlike "$(plan .identity)" "^$first\$" 'has another identity'
like "$(plan .started_at)" '^20[0-9-]{8}T[0-9:]{8}Z$' 'and a time'
for status in 1 7 100 111 143 255; do
	echo $status >status
	check_status $status "status $status of the launcher is that of the start" setsid "$bb" start hello --yes
done
echo 0 >status

# --- what goes into the plan ---

export EXAMPLE_TOKEN=planted-value-4711
check_status 0 'an agent with a credential' setsid "$bb" start fetcher --yes -x
unlike "$(cat plan.json arguments err)" planted-value 'the value is nowhere'
is "$(plan '.secrets[] | select(.name | startswith("canary:") | not) | [.name, .host] | join(" ")')" \
	'token:EXAMPLE_TOKEN EXAMPLE_TOKEN
env:KEY EXAMPLE_TOKEN' 'its names are'
is "$(plan '[.secrets[].name | select(test("^canary:[A-Z]+_[A-Z]+_SECRET$"))] | length')" 1 '... and that of the canary'
like "$(cat err)" '^\+ bb-parse agent fetcher$' '-x shows the parser'
like "$(cat err)" '^\+ bb-plan --identity fetcher-.* --host-has EXAMPLE_TOKEN' '-x shows the planner'
like "$(cat err)" '^\+ bb-launch-native run --plan' '-x shows the launcher'
like "$(cat err)" '^egress    api.example.com:443 \[auth:Bearer\]' 'the preflight shows the route'
like "$(cat err)" '^env       .*GREETING' 'and the variables'
unlike "$(cat err)" '=hello|: hello' 'without their values'
unset EXAMPLE_TOKEN
rm -f plan.json
check_status 100 'a credential that is not set' setsid "$bb" start fetcher --yes
like "$(cat err)" "^bb-plan: not set on this host: 'EXAMPLE_TOKEN' for egress.routes\[0\] \(.*/web.md:" \
	'is named with its place'
nothing_launched 'unset'
EXAMPLE_TOKEN=''
export EXAMPLE_TOKEN
check_status 0 'a credential that is set but empty is set' setsid "$bb" start fetcher --yes
unset EXAMPLE_TOKEN

mkdir -p 'odd $(touch hit) "dir'
(cd 'odd $(touch hit) "dir' && setsid "$bb" start hello --yes --cwd >../out 2>../err)
is "$?" 0 'the current directory'
is "$(plan '.cwd, .bottle.workspace.source')" "$PWD/odd \$(touch hit) \"dir
$PWD/odd \$(touch hit) \"dir" 'is the workspace, whatever its name'
ln -s project link
(cd link && setsid "$bb" start hello --yes --cwd >../out 2>../err)
is "$(plan .cwd)" "$PWD/project" 'by its own name, not that of a link'
(cd project && setsid "$bb" start shipped --yes >../out 2>../err)
is "$? $(plan '.cwd, .agent' | tr '\n' ' ')" '0 null shipped ' 'an agent of the repository, without the directory'
(cd project && setsid "$bb" start hello --yes >../out 2>../err)
is "$(plan '.bottle.env[] | select(.name == "BOT_BOTTLE_PROMPT").value')" 'Be brief.' \
	'of one name, that of the home is meant'
like "$(cat err)" '^warning: .*hello' 'with a warning in the preflight'
is "$(grep -c 'warning: .*hello' err)" 1 'once'
(cd project && setsid "$bb" start ./hello --yes >../out 2>../err)
is "$(plan '.bottle.env[] | select(.name == "BOT_BOTTLE_PROMPT").value')" 'Of the repository.' \
	'but ./NAME is that of the repository'
like "$(plan .identity)" '^hello-[a-z0-9]{5}$' 'whose identity has no dot or slash'

export EXAMPLE_TOKEN=x
check_status 0 'two bottles' setsid "$bb" start hello --bottle base --bottle=web --yes
is "$(plan '.bottles | join(" ")')" 'base web' 'replace the one of the agent, in order'
unset EXAMPLE_TOKEN
check_status 0 'a label' setsid "$bb" start hello --yes --label '  My -- Big Läbel! ' --color bright-red
is "$(plan '.identity, "<" + .label + ">", .color')" 'my-big-l-bel
<  My -- Big Läbel! >
bright-red' 'gives the identity, and is kept with the colour'
check_status 0 'a long label' setsid "$bb" start hello --yes --label "$(printf '%0100d' 5)"
is "$(plan '.identity | length')" 50 'is cut'
check_status 0 'headless' setsid "$bb" start hello --yes --headless --prompt 'echo "$HOME" {prompt}
two' --
is "$(plan '.bottle.tty, .bottle.argv[-1]')" 'false
echo "$HOME" {prompt}
two' 'hands the prompt over as it is'
TERM='x;y' check_status 0 'an odd TERM' setsid "$bb" start hello --yes
is "$(plan '.bottle.env[] | select(.name == "TERM").value')" xterm-256color 'is not handed on'
TERM=screen check_status 0 'a TERM' setsid "$bb" start hello --yes
is "$(plan '.bottle.env[] | select(.name == "TERM").value')" screen 'is'

# --- what nothing comes of ---

rm -f plan.json
check_status 0 'a dry run' setsid "$bb" start hello --dry-run
like "$(cat err)" '^agent     hello ' 'shows the preflight'
is "$(cat out)" '' 'and no document'
check_status 0 'a dry run with the plan' setsid "$bb" start hello --dry-run --json
mv out document
check 'which is one' sh -c 'bb-json check --kind plan --v 1 <document'
nothing_launched 'dry run'

# wrong STATUS 'NAME' 'PATTERN' WORD...: bb start WORD... ends with STATUS and a line like PATTERN.
wrong() {
	status=$1 name=$2 pattern=$3
	shift 3
	setsid "$bb" start "$@" >out 2>err </dev/null
	is "$?" "$status" "$name: status $status"
	like "$(cat err)" "$pattern" "$name: says so"
	nothing_launched "$name"
}
wrong 100 'an unknown option' "^bb-start: unknown option '--frob'; try 'bb start --help'" hello --frob
wrong 100 'an argument too much' "unexpected argument 'two'" hello two
wrong 100 'an argument behind -- and one before' "unexpected argument 'hello'" hello -- hello
wrong 100 'an argument too much behind --' "unexpected argument 'two'" -- hello two
wrong 100 'an option without its value' "option '--label' needs an argument" hello --label
wrong 100 'a prompt without headless' "'--prompt' goes with '--headless' only" hello --prompt x
wrong 100 'headless without a prompt' "'--headless' needs '--prompt TEXT'" hello --headless
wrong 100 'json without a dry run' "'--json' goes with '--dry-run' only" hello --json
wrong 100 'an unknown colour' "unknown colour 'mauve'" hello --color mauve
wrong 100 'a label of nothing' "'--label' wants a letter or digit in it, not '---'" hello --label ---
wrong 100 'a label with an escape sequence' "'--label' wants at most 128 bytes of printable" hello \
	--label "$(printf 'a\033[2J')"
unlike "$(cat err)" "$(printf '\033')" 'which is not sent to the terminal'
wrong 100 'a bottle that is a path' "'--bottle' wants the name of a bottle, not '../x'" hello --bottle ../x
wrong 100 'an agent that is a path' "'\.\./hello' is not the name of an agent" ../hello
wrong 100 'an agent that is an option' "'-x' is not the name of an agent" -- -x
wrong 100 'an agent that is not there' "^bb-parse: .*nobody" nobody --yes
wrong 100 'a bottle that is not there' "^bb-parse: .*nowhere" lost --yes
wrong 100 'an unknown backend' "unknown backend 'fridge'; installed: native" hello --backend fridge --yes
wrong 100 'a backend that is a path' "unknown backend '../bin/bb-launch-native'" hello \
	--backend ../bin/bb-launch-native --yes
BOT_BOTTLE_BACKEND=fridge wrong 100 'an unknown backend in the environment' "unknown backend 'fridge'" hello --yes
BOT_BOTTLE_HOME=relative wrong 100 'a relative home' "BOT_BOTTLE_HOME is 'relative': please give an absolute path" \
	hello --yes
wrong 111 'no terminal to ask on' 'there is no terminal to ask on; .* --yes' hello
wrong 111 'no terminal to choose on' 'there is no terminal to choose on; name the agent' --yes
BOT_BOTTLE_BACKEND=fridge check_status 0 'the option counts more than the environment' setsid "$bb" start hello \
	--backend native --yes
rm -f plan.json
check 'help' "$bb" start --help
like "$(cat out)" '^usage: bb start' 'shows the usage'

# What lies in the current directory or in relative elements of PATH is not run.
mkdir -p trap
for program in bb-parse bb-plan bb-json jq sed od bb-launch-native; do
	printf '#!/bin/sh\ntouch %s/sprung\nexit 0\n' "$PWD" >"trap/$program"
	chmod 755 "trap/$program"
done
(cd trap && PATH=.::$PATH setsid "$bb" start hello --yes >../out 2>../err)
is "$? $(ls sprung 2>/dev/null)" '0 ' 'programs of the current directory are not run'

# --- the question ---

for answer in y Y yes YES; do
	rm -f plan.json
	at_terminal "expect start it\\? \\[y/N\\] \$
send $answer\\n" "$bb" start hello
	is "$? $(cat err)" '0 ' "'$answer' starts it"
	is "$(plan .agent)" hello "'$answer': the launcher got the plan"
done
rm -f plan.json
for answer in n N '' no yess 'y n' Yes 1; do
	at_terminal "expect start it\\? \\[y/N\\] \$
send $answer\\n
expect aborted by user" "$bb" start hello
	is "$? $(cat err)" '0 ' "'$answer' does not start it, and that is no error"
	nothing_launched "'$answer'"
done
at_terminal "expect start it
send \\x04
expect aborted by user" "$bb" start hello
is "$? $(cat err)" '0 ' 'nor does an end of input'
at_terminal "expect start it
send \\x03" "$bb" start hello
is "$? $(cat err)" '130 ' 'an interrupt ends it'
nothing_launched 'interrupt'
at_terminal "expect start it
send y\\n" sh -c "'$bb' start hello </dev/null >out 2>preflight"
is "$? $(cat err)" '0 ' 'the question is asked on the terminal, whatever the standard descriptors are'
is "$(plan .agent)" hello 'and answered there'
like "$(cat preflight)" '^agent     hello' 'the preflight is on standard error'
unlike "$(cat preflight)" "$(printf '\033')" 'not coloured in a file'
NO_COLOR=1 at_terminal "expect start it
send n\\n" "$bb" start hello
unlike "$(cat shown)" "$(printf '\033')" 'nor with NO_COLOR'
TERM=xterm at_terminal "expect start it
send n\\n" "$bb" start hello
like "$(cat shown)" "$(printf '\033')\[1magent" 'but on a terminal'

# --- the picker ---

# picks 'NAME' AGENT TYPED...: what is typed chooses AGENT.
picks() {
	name=$1 chosen=$2
	shift 2
	steps=
	for typed in "$@"; do
		steps="${steps}expect nothing to stop\\): \$
send $typed\\n
"
	done
	rm -f plan.json
	(cd project && TERM=dumb at_terminal "${steps}expect start it
send y\\n" "$bb" start && cp shown err ..)
	is "$? $(cat err)" '0 ' "$name: started"
	is "$(plan .agent)" "$chosen" "$name: chosen"
}
export EXAMPLE_TOKEN=x
picks 'a number' fetcher 1
picks 'part of a name' fetcher etch
picks 'a name among others that contain it' hello hello
picks 'parts until one is left' shipped h 0 99 nothing-like-it ship
picks 'a pattern is no pattern' fetcher '.*' fetch
picks 'numbers of what is shown' hello hel 1
unset EXAMPLE_TOKEN
rm -f plan.json
at_terminal 'expect nothing to stop
send \n
expect aborted by user' "$bb" start
is "$? $(cat err)" '0 ' 'an empty line stops'
nothing_launched 'stopped'
mkdir empty
BOT_BOTTLE_HOME=$PWD/empty at_terminal 'expect there is no agent yet; .bb init. makes one' "$bb" start
is "$? $(cat err)" '100 ' 'without agents there is nothing to choose'
BOT_BOTTLE_HOME=$PWD/missing at_terminal 'expect there is no agent yet; .bb init. makes one' "$bb" start
is "$? $(cat err)" '100 ' 'nor without a home'

# --- title and tint ---

escape=$(printf '\033')
bell=$(printf '\007')
at_terminal "expect \\x1b\\[23;0t\\x1b\\]111\\x07
send \\n" sh -c "'$bb' start hello --yes --label 'My Bottle' --color blue; read x </dev/tty"
is "$(grep -c . err)" 0 'title and tint are put back at the end'
like "$(cat shown)" "${escape}\\[22;0t${escape}\\]0;My Bottle${bell}" 'after the title was set'
like "$(cat shown)" "${escape}\\]11;#0a122b${bell}" 'and the tint'
touch die
at_terminal "expect \\x1b\\[23;0t\\x1b\\]111\\x07
send \\n" sh -c "'$bb' start hello --yes --label 'My Bottle' --color blue; read x </dev/tty"
rm -f die
is "$(grep -c . err)" 0 'also when the launcher is killed'
at_terminal "expect \\x1b\\]111\\x07
send \\n" sh -c "'$bb' start hello --yes --color red; read x </dev/tty"
is "$(grep -c . err)" 0 'a colour alone'
unlike "$(cat shown)" "${escape}\\]0;" 'sets no title'
at_terminal "expect agent" "$bb" start hello --yes --headless --prompt x --label L --color red
unlike "$(cat shown)" "${escape}\\](0|11);" 'headless leaves the terminal alone'
at_terminal "expect agent" "$bb" start hello --yes
unlike "$(cat shown)" "${escape}\\]" 'so does a start without label and colour'
is "$(ls -A tmp)" '' 'no file is left by any of them'

# --- signals reach the launcher, which has taken the place of bb start ---

touch wait
setsid "$bb" start hello --yes >out 2>err </dev/null &
started=$!
at_exit "kill $started"
until [ -e waiting ]; do kill -0 $started || break; done
kill -TERM $started
wait $started
is $? 143 'TERM ends the launcher, and with it the start'
rm -f wait waiting

done_testing
