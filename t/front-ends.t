#!/bin/sh
# shellcheck disable=SC2016 # texts with dollars are meant
test_title='bb info, init and edit'
# shellcheck source=t/lib/tap.sh
. "$(dirname "$0")/lib/tap.sh"

mkdir -p home/agents home/bottles project/.bot-bottle/agents tmp
export BOT_BOTTLE_HOME="$PWD/home" TMPDIR="$PWD/tmp" HOME="$PWD"
unset VISUAL EDITOR KEY TOKEN
cat >.gitconfig <<'END'
[user]
	name = A \"quoted\" Person
	email = person@example.org
END
cat >home/bottles/web.md <<'END'
---
agent_provider: {template: shell}
env:
  GREETING: hello
  KEY: "${KEY}"
  PIN: "?the PIN"
git-gate:
  user: {name: Robo}
egress:
  routes:
    - host: api.example.com
      auth: {scheme: Bearer, token_ref: TOKEN}
      matches:
        - methods: [GET]
          paths: [{value: /v1}]
limits: {pids: 99}
---
END
chmod 600 home/bottles/web.md
printf -- '---\nbottle: web\n---\nBe brief.\nAnd kind.\n' >home/agents/hello.md
printf -- '---\nbottle: web\ngit-gate:\n  user: {email: "a@b.example"}\n---\nBi \342\200\256 di\n' \
	>project/.bot-bottle/agents/shipped.md

# at_terminal SCRIPT COMMAND...: a person at a terminal does what SCRIPT says; shown is what they saw.
at_terminal() {
	printf '%s\n' "$1" >script
	shift
	python3 "$BB_SOURCE/t/lib/terminal.py" script "$@" >shown 2>err
}

# refused STATUS 'NAME' 'PATTERN' WORD...: bb WORD... ends so.
refused() {
	status=$1 name=$2 pattern=$3
	shift 3
	setsid bb "$@" >out 2>err </dev/null
	is "$?" "$status" "$name: status $status"
	like "$(cat err)" "$pattern" "$name: says so"
}

# --- info ---

TOKEN=planted-4711
export TOKEN
check 'an agent is shown' bb info hello
cp out page
file=$PWD/home/bottles/web.md
like "$(cat page)" '^agent +hello \(home\)$' 'its name and scope'
like "$(cat page)" '^prompt +Be brief\. \.\.\.$' 'the first line of its prompt'
like "$(cat page)" "^env +GREETING: hello  \\($file:4" 'a literal with its place'
like "$(cat page)" "^env +KEY: from \\\$KEY \\(not set\\)  \\($file:5" 'a host variable that is not set'
like "$(cat page)" "^env +PIN: asked for: the PIN  \\($file:6" 'a question'
like "$(cat page)" "^git name +Robo  \\($file:8" 'the git name'
like "$(cat page)" "^route +api.example.com \\[Bearer from \\\$TOKEN\\] GET /v1  \\($file:11" \
	'a route with credential, match and place'
like "$(cat page)" "^limit +pids 99  \\($file:" 'a limit'
like "$(cat page)" '^supervise +true$' 'a default without a place'
like "$(cat page)" '^note: ' 'what the start would say'
unlike "$(cat page)" planted 'no value of a variable'
check 'as a document' bb info hello --json
mv out document
check 'which is the manifest' sh -c 'bb-json check --kind manifest --v 1 <document'
(cd project && bb info shipped >../page 2>../err)
is "$?" 0 'an agent of the repository is shown'
like "$(cat page)" '^prompt +Bi .u.202E. di$' 'without what would turn its text round'
like "$(cat page)" '^git email +a@b.example  \(.*/shipped.md:' 'its own identity with its place'
cat >home/bottles/gate.md <<'END'
---
agent_provider: {template: shell}
git-gate:
  repos:
    app: {url: "ssh://git@git.example.org/app.git", key: {provider: gitea, forge_token_env: T}}
---
END
chmod 600 home/bottles/gate.md
check 'an agent that cannot start is shown, too' bb info hello --bottle gate
like "$(cat out)" "^warning: cannot start: not set on this host: 'T' for git_gate.repos.app" 'with the reason'
refused 100 'no agent' "which agent\\? 'bb list agents' shows them; try 'bb info --help'" info
refused 100 'an agent that is not there' '^bb-parse: .*nobody' info nobody
refused 100 'an agent that is a path' "'\.\./x' is not the name of an agent" info ../x
refused 100 'two agents' "unexpected argument 'two'" info hello two
refused 100 'a bottle that is a path' "'--bottle' wants the name of a bottle" info hello --bottle ../x
refused 100 'an unknown option' "unknown option '--frob'" info hello --frob
check 'help' bb info --help
is "$(ls -A tmp)" '' 'no file is left'

# --- init ---

export BOT_BOTTLE_HOME="$PWD/fresh"
check 'an agent is made without a question' setsid bb init coder --yes --host registry.npmjs.org --host '*.example.com'
is "$(find fresh -type f | sort | tr '\n' ' ')" 'fresh/agents/coder.md fresh/bottles/coder.md ' 'and its bottle'
is "$(stat -c %a fresh/agents/coder.md fresh/bottles/coder.md | tr '\n' ' ')" '600 600 ' 'for their owner only'
check 'both load' bb-parse check
bb-parse agent coder >document
is "$(jq -r '.agent_provider.auth_token, .provider.name, (.egress.routes | map(.host) | join(" "))' document)" \
	'CLAUDE_TOKEN
claude
registry.npmjs.org *.example.com' 'and say what was asked for'
is "$(jq -r '.git_gate.user | .name, .email' document)" 'A "quoted" Person
person@example.org' 'with the identity of git, quotes and all'
cp -R fresh before
refused 100 'an agent that exists' "'.*/fresh/agents/coder.md' exists; 'bb edit coder' changes it" init coder --yes
check 'another agent in the same bottle' setsid bb init second --bottle coder --yes --host other.example
like "$(cat err)" 'using the bottle that exists' 'uses it as it is'
check 'nothing that was there has changed' sh -c 'cmp before/bottles/coder.md fresh/bottles/coder.md &&
	cmp before/agents/coder.md fresh/agents/coder.md'
is "$(bb-parse agent second | jq -r '.bottles[0]')" coder 'the agent names it'
ln -s /nowhere fresh/agents/dangling.md
refused 100 'a name whose link leads nowhere' 'exists' init dangling --yes
refused 100 'a provider that is not there' 'bb-parse: .*fridge' init third --provider fridge --yes
is "$(ls fresh/agents/third.md fresh/bottles/third.md 2>/dev/null)" '' 'nothing is written that would not load'
refused 100 'a token instead of its variable' "'--token' wants the name of a variable, not its value" init x \
	--token sk-ant-4711 --yes
unlike "$(cat err)" 4711 'which is not repeated'
refused 100 'a host that is an address of a page' "'--host' wants a host name, not 'https://x/'" init x \
	--host https://x/ --yes
refused 100 'a host with YAML in it' "'--host' wants a host name" init x --host 'a"
b' --yes
refused 100 'a bad agent' "'Coder' cannot name an agent" init Coder --yes
refused 100 'a bad bottle' "'--bottle' wants a name" init x --bottle ../y --yes
refused 100 'two agents' "unexpected argument 'y'" init x y --yes
refused 100 'an unknown option' "unknown option '--frob'" init --frob
refused 111 'no terminal' 'there is no terminal' init
check 'a shell without a token' setsid bb init plain --provider shell --git-name '' --git-email '' --yes
is "$(bb-parse agent plain | jq -c '.agent_provider.template, .egress.routes, (.git_gate.user // {})')" '"shell"
[]
{}' 'has none'

at_terminal 'expect name of the agent \[coder\]: $
send Bad Name\n
expect that cannot be it
expect name of the agent
send asked\n
expect name of its bottle \[asked\]: $
send \n
expect kind of agent.* \[claude\]: $
send \n
expect variable of yours that holds its token \[CLAUDE_TOKEN\]: $
send MY_TOKEN\n
expect hosts that it may reach
send pypi.org files.example.com\n
expect name on its commits \[A "quoted" Person\]: $
send \n
expect address on its commits
send me@example.net\n
expect auth_token: MY_TOKEN
expect bottle: asked
expect write this\? \[y/N\] $
send y\n
expect start it with: bb start asked --cwd' bb init
is "$? $(cat err)" '0 ' 'the questions are asked and answered'
is "$(bb-parse agent asked | jq -r '.agent_provider.auth_token, .git_gate.user.email, (.egress.routes | map(.host) | join(" "))')" \
	'MY_TOKEN
me@example.net
pypi.org files.example.com' 'and what was answered is written'
at_terminal 'expect write this
send n\n
expect aborted by user' bb init no --bottle no --provider shell --host x.example --git-name '' --git-email ''
is "$? $(cat err)" '0 ' 'a no at the end'
is "$(ls fresh/agents/no.md fresh/bottles/no.md 2>/dev/null)" '' 'writes nothing'
at_terminal 'expect name of its bottle
send \x04
expect stopped; nothing was written' bb init eof
is "$? $(cat err)" '100 ' 'nor does an end of input'
is "$(ls -A tmp)" '' 'no file is left'

# --- edit ---

export BOT_BOTTLE_HOME="$PWD/home"
cat >editor <<'END'
#!/bin/sh
echo "$@" >>edited
for file in "$@"; do :; done
printf -- '%b' "$(sed -n 1p lines)" >"$file"
sed -i 1d lines
END
chmod 755 editor
good='---\nbottle: web\n---\nNew.\n'
bad='---\nbotle: web\n---\n'
printf '%s\n' "$good" >lines
EDITOR=./editor check 'an agent is edited' setsid bb edit hello
is "$(cat home/agents/hello.md)" "$(printf '%b' "$good")" 'in its own file'
printf '%s\n' "$good" >lines
rm -f edited
EDITOR=false VISUAL='./editor --wait' check 'VISUAL counts more, and may have arguments' setsid bb edit hello
is "$(cat edited)" "--wait $PWD/home/agents/hello.md" 'before the file'
printf '%s\n' "$bad" >lines
export EDITOR=./editor
refused 100 'an error without a terminal' "hello.md.*unknown key 'botle' \\(did you mean 'bottle'" edit hello
like "$(cat err)" "'.*/hello.md' was left as it is and does not load" 'is said to be there'
printf '%s\n' "$bad" "$good" >lines
at_terminal 'expect botle
expect open it again\? \[y/N\] $
send y\n' bb edit hello
is "$? $(cat err)" '0 ' 'an error is offered again and mended'
is "$(cat home/agents/hello.md)" "$(printf '%b' "$good")" 'in the second attempt'
printf '%s\n' "$bad" >lines
at_terminal 'expect open it again
send n\n
expect does not load' bb edit hello
is "$? $(cat err)" '100 ' 'or left'
printf '%s\n' '---\nagent_provider: {template: shell}\n---\n' >lines
check 'a bottle is edited' setsid bb edit --bottle web
is "$(stat -c %a home/bottles/web.md)" 600 'and keeps its mode'
(cd project && cp ../editor . && printf '%s\n' "$good" >lines && setsid bb edit shipped 2>../err)
is "$?" 0 'an agent of the repository is edited'
(cd project && printf '%s\n' "$good" >lines && setsid bb edit ./shipped 2>../err)
is "$?" 0 'also by ./NAME'
EDITOR=false refused 111 'an editor that fails' "the editor 'false' failed" edit --bottle web
refused 100 'an agent that is not there' "there is no agent 'nobody' .* 'bb init' makes" edit nobody
refused 100 'a bottle that is not there' "there is no bottle 'nobody'" edit --bottle nobody
refused 100 'a bottle of the repository' 'a directory ships agents, never bottles' edit --bottle ./x
refused 100 'a path' "'\.\./x' is not the name of" edit ../x
refused 100 'nothing' 'which agent or bottle' edit
refused 100 'both' 'give either an agent or a bottle' edit hello --bottle web
refused 100 'two' "unexpected argument 'two'" edit hello two
refused 100 'an unknown option' "unknown option '--frob'" edit --frob

done_testing
