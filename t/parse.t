#!/bin/sh
test_title='bb-parse: commands, where files are looked for, whom they must belong to, providers'
. "$(dirname "$0")/lib/tap.sh"
. "$BB_SOURCE/t/lib/manifest.sh"

# get JQ: that part of the last document.
get() {
	jq -c "$1" out
}

# resolve ARGUMENT...: bb-parse agent; its status in $status.
resolve() {
	status=0
	manifest_of "$@" || status=$?
}

# call ARGUMENT...: bb-parse; its status in $status.
call() {
	status=0
	bb-parse "$@" >out 2>err </dev/null || status=$?
}

# told 'NAME' STATUS 'LINE'...: the last call ended so, with exactly these lines on standard error.
told() {
	told_name=$1
	told_status=$2
	shift 2
	: >want
	for line; do printf 'bb-parse: %s\n' "$line" >>want; done
	is "$status $(cat err)" "$told_status $(cat want)" "$told_name"
}

shell='agent_provider: {template: shell}'
bottle b "$shell"
agent a

# --- how it is called ---

call
told 'no command' 100 "wanted a command: agent, list, check, schema or provider; try 'bb-parse --help'"
call agents
told 'an unknown command' 100 "unknown command 'agents'; try 'bb-parse --help'"
call agent
told 'agent without a name' 100 "'agent' needs a name; try 'bb-parse --help'"
call agent a b
told 'agent with two' 100 "'agent' has no use for 'b'; try 'bb-parse --help'"
call provider
told 'provider without a name' 100 "'provider' needs a name; try 'bb-parse --help'"
call list x
told 'list with an operand' 100 "'list' has no use for 'x'; try 'bb-parse --help'"
call list --bottle b
told 'list --bottle' 100 "'list' has no option '--bottle'; try 'bb-parse --help'"
call agent a --json
told 'agent --json' 100 "'agent' has no option '--json'; try 'bb-parse --help'"
call agent a --bottle ../x
told 'a bottle that is no name' 100 "'../x' is not the name of a bottle; try 'bb-parse --help'"
call agent a --bottle
told 'an option without its argument' 100 "option '--bottle' needs an argument; try 'bb-parse --help'"
call agent a --wrong
told 'an unknown option' 100 "unknown option '--wrong'; try 'bb-parse --help'"
set --
while [ $# -lt 130 ]; do set -- "$@" --bottle b; done
call agent a "$@"
told 'more bottles than a chain may have' 100 "more than 64 bottles; try 'bb-parse --help'"
while [ $# -lt 300 ]; do set -- "$@" x; done
call check "$@"
told 'more operands than fit' 100 "more than 64 bottles; try 'bb-parse --help'"
set --
while [ $# -lt 257 ]; do set -- "$@" x.yaml; done
call check "$@"
told 'more files than fit' 100 "more than 256 operands; try 'bb-parse --help'"
check '--help' bb-parse --help
like "$(cat out)" '^usage: bb-parse agent NAME' 'says how it is called'
check '--version' bb-parse --version
is "$(cut -d ' ' -f 1-2 out)" 'bb-parse (bot-bottle)' 'names the program'
call agent a
is "$status $(wc -l <out) $(cat err)" '0 1 ' 'one document, and nothing else'
if [ -c /dev/full ]; then
	status=0
	bb-parse agent a >/dev/full 2>err || status=$?
	told 'a document that cannot be written' 111 'unable to write standard output: No space left on device'
fi
(
	unset HOME BOT_BOTTLE_HOME
	status=0
	bb-parse list >out 2>err || status=$?
	echo "$status" >status
)
status=$(cat status)
told 'no home at all' 100 'HOME is not set; set it, or BOT_BOTTLE_HOME'

status=0
BOT_BOTTLE_HOME=$PWD/$(printf 'h\344') bb-parse list >out 2>err || status=$?
told 'a home whose path is not UTF-8' 100 "the path '$PWD/h\\xE4' is not UTF-8; use another directory"

# --- names ---

call agent A
told 'a name in capitals' 100 "A: not the name of an agent: lower-case letters, digits and '-', a letter first"
call agent ../a
told 'a path' 100 "../a: not the name of an agent: lower-case letters, digits and '-', a letter first"
call agent ''
told 'an empty name' 100 ": not the name of an agent: lower-case letters, digits and '-', a letter first"
call agent aa
told 'an agent that is not there, with what is near' 100 "$home/agents: there is no agent 'aa' (did you mean 'a'?)"
call agent zzzzz
told 'an agent that is not there' 100 "$home/agents: there is no agent 'zzzzz'; 'bb list agents' shows those there are"
call agent "$(printf 'x\033[2J')"
told 'what is foreign is escaped' 100 "x\\x1B[2J: not the name of an agent: lower-case letters, digits and '-', a letter first"

# --- the repository ---

mkdir -p repo/.bot-bottle/agents repo/.bot-bottle/bottles
cd repo || exit 1
repo=$PWD
printf -- '---\nbottle: b\n---\nof the repository\n' >.bot-bottle/agents/mine.md
resolve mine
is "$(get '[.agent.scope, .agent.path, .agent.prompt]')" \
	"[\"repository\",\"$repo/.bot-bottle/agents/mine.md\",\"of the repository\"]" \
	'a repository can ship an agent'
is "$(get '[.warnings[] | [.at, .text]]')" \
	"[[\"$repo/.bot-bottle/bottles\",\"ignored: a repository can ship agents, never bottles; those are in '$home/bottles'\"]]" \
	'its bottles are warned about'
printf -- '---\nenv: {STOLEN: "?"}\n---\n' >.bot-bottle/bottles/b.md
printf -- '---\n%s\n---\n' "$shell" >.bot-bottle/bottles/theirs.md
resolve mine
is "$(get '[.bottles, .env]')" '[["b"],[]]' 'and contribute nothing'
printf -- '---\nbottle: theirs\n---\n' >.bot-bottle/agents/mine.md
resolve mine
told 'not even where home has none of that name' 100 \
	"warning: $repo/.bot-bottle/bottles: ignored: a repository can ship agents, never bottles; those are in '$home/bottles'" \
	"$repo/.bot-bottle/agents/mine.md:2:9: agent 'mine': bottle: found 'theirs', wanted a bottle in '$home/bottles'"
rm -r .bot-bottle/bottles
printf -- '---\nbottle: b\n---\ntheirs\n' >.bot-bottle/agents/a.md
resolve a
is "$(get '[.agent.scope, .agent.prompt, .warnings[0].at, .warnings[0].text]')" \
	"[\"home\",\"prompt\",\"$repo/.bot-bottle/agents/a.md\",\"not used: '$home/agents/a.md' has that name and goes first; './a' names this one\"]" \
	'home goes before the repository, with a warning'
resolve ./a
is "$(get '[.agent.name, .agent.scope, .agent.prompt, .warnings]')" '["a","repository","theirs",[]]' \
	"'./a' names the repository's"
resolve ./b
told "'./b' does not fall back to home" 100 "$repo/.bot-bottle/agents: there is no agent 'b' (did you mean 'a'?)"

call list
is "$(tr -s ' ' <out)" "agent a home $home/agents/a.md
agent ./a repository $repo/.bot-bottle/agents/a.md
agent mine repository $repo/.bot-bottle/agents/mine.md
bottle b home $home/bottles/b.md" 'list: names with their origin'
call list --json
is "$(get '[.kind, .v, (.agents[] | [.name, .scope, .path]), (.bottles[] | [.name, .scope, .path])]')" \
	"[\"list\",1,[\"a\",\"home\",\"$home/agents/a.md\"],[\"./a\",\"repository\",\"$repo/.bot-bottle/agents/a.md\"],[\"mine\",\"repository\",\"$repo/.bot-bottle/agents/mine.md\"],[\"b\",\"home\",\"$home/bottles/b.md\"]]" \
	'list --json: the same as a document'
echo 'broken' >"$home/agents/broken.md"
call list
is "$status" 0 'listing reads no contents'
resolve a
is "$status" 0 'one broken file does not block another agent'
rm "$home/agents/broken.md"
touch "$home/bottles/Base.md" "$home/bottles/.hidden.md" "$home/bottles/notes.txt" "$home/agents/1st.md"
call list
told 'stems that are no names are skipped with a warning' 0 \
	"warning: $home/agents/1st.md: skipped: the name before '.md' must be lower-case letters, digits and '-', a letter first, at most 64" \
	"warning: $home/bottles/Base.md: skipped: the name before '.md' must be lower-case letters, digits and '-', a letter first, at most 64"
rm "$home/bottles/Base.md" "$home/agents/1st.md"

# A repository cannot lead out of itself.
mkdir elsewhere && mv .bot-bottle/agents elsewhere/agents
ln -s ../elsewhere/agents .bot-bottle/agents
resolve mine
told 'agents/ of a repository may not be a link' 100 \
	"$repo/.bot-bottle/agents: unable to read: not a directory, or a symbolic link, which is not followed here"
rm .bot-bottle/agents && mv elsewhere/agents .bot-bottle/agents && mv .bot-bottle real && ln -s real .bot-bottle
resolve mine
is "$status" 100 'nor may .bot-bottle itself'
rm .bot-bottle && mv real .bot-bottle
echo secret >"$HOME/secret.md"
ln -s "$HOME/secret.md" .bot-bottle/agents/leak.md
resolve leak
told 'nor an agent: what it points to is not read' 100 \
	"$repo/.bot-bottle/agents/leak.md: a symbolic link that leaves its directory, which is not followed; copy the file"
unlike "$(cat out err)" 'secret$' 'not a word of it'
printf -- '---\nbottle: b\n---\n' >.bot-bottle/agents/mine.md
cd .. || exit 1

# The operator's home as current directory is no repository.
mkdir -p "$HOME/.bot-bottle/agents" "$HOME/.bot-bottle/bottles"
cp "$home/agents/a.md" "$HOME/.bot-bottle/agents/"
cp "$home/bottles/b.md" "$HOME/.bot-bottle/bottles/"
(
	unset BOT_BOTTLE_HOME
	cd "$HOME" && bb-parse agent a
) >out 2>err
is "$(get '[.agent.scope, .agent.path, .warnings]') $(cat err)" "[\"home\",\"$HOME/.bot-bottle/agents/a.md\",[]] " \
	'in the home directory .bot-bottle is the home and no repository'

# --- whom files belong to ---

ln -s a.md "$home/agents/link.md"
resolve link
is "$status" 0 'a link to another name in its directory is followed'
ln -s loop2.md "$home/agents/loop1.md" && ln -s loop1.md "$home/agents/loop2.md"
resolve loop1
told 'a loop of links is not' 100 \
	"$home/agents/loop1.md: a symbolic link that leaves its directory, which is not followed; copy the file"
rm "$home/agents/loop1.md" "$home/agents/loop2.md"
mkdir "$home/agents/dir.md" && mkfifo "$home/agents/pipe.md"
resolve dir
told 'a directory is no agent' 100 "$home/agents/dir.md: not a regular file"
resolve pipe
told 'a pipe is none, and is not waited for' 100 "$home/agents/pipe.md: not a regular file"
rmdir "$home/agents/dir.md" && rm "$home/agents/pipe.md"
for mode in 664 646 666; do
	chmod $mode "$home/bottles/b.md"
	resolve a
	told "a bottle of mode $mode is refused, with what to run" 100 \
		"$home/bottles/b.md: writable by others, who could redirect credentials; run: chmod go-w '$home/bottles/b.md'"
done
chmod 644 "$home/bottles/b.md"
chmod 775 "$home/bottles"
resolve a
told 'so is a directory in which others can write' 100 \
	"$home/bottles: the directory is writable by others, who could redirect credentials; run: chmod go-w '$home/bottles'"
chmod 755 "$home/bottles"
chmod 664 "$home/agents/a.md"
resolve a
is "$status" 0 'an agent may be writable by a group: it holds no credential'
chmod 644 "$home/agents/a.md"
if [ "$(id -u)" -eq 0 ]; then
	chown 12345 "$home/bottles/b.md"
	resolve a
	told 'a bottle of another user is refused' 100 \
		"$home/bottles/b.md: owned by user 12345, wanted you (0) or root; run: chown 0 '$home/bottles/b.md'"
	chown 0 "$home/bottles/b.md"
	chown 12345 "$home/agents/a.md"
	resolve a
	told 'so is an agent' 100 "$home/agents/a.md: owned by user 12345, wanted you (0) or root; run: chown 0 '$home/agents/a.md'"
	chown 0 "$home/agents/a.md"
	chmod 600 "$home/bottles/b.md"
	chmod 711 .
	status=0
	setpriv --reuid 65534 --clear-groups "$BB_BUILD/bin/bb-parse" agent a >out 2>err || status=$?
	told 'a file that may not be read' 100 "$home/bottles/b.md: unable to read: Permission denied"
	chmod 644 "$home/bottles/b.md"
	status=0
	setpriv --reuid 65534 --clear-groups "$BB_BUILD/bin/bb-parse" agent a >out 2>err || status=$?
	is "$status" 0 "files of root are fine for a user"
else
	skip 'files of another user' 'only root can make them'
fi
head -c 1048577 /dev/zero | tr '\0' ' ' >"$home/agents/big.md"
resolve big
told 'a file over 1 MiB is refused' 100 "$home/agents/big.md: larger than 1048576 bytes"
rm "$home/agents/big.md"

# --- check ---

call check
is "$status $(grep -v provider out)" "0 ok    bottle b
ok    agent a
ok    agent link" 'check: everything there is'
bottle wrong 'supervise: x'
agent wrong 'bottle: wrong'
agent none 'skills: []'
call check
told 'each problem is told once' 100 "$home/bottles/wrong.md:2:12: bottle 'wrong': supervise: found the string 'x', wanted true or false"
is "$(grep -v provider out)" "ok    bottle b
wrong bottle wrong
ok    agent a
ok    agent link
ok    agent none
wrong agent wrong" 'an agent without a bottle is no mistake'
call check "$home/agents/a.md" "$home/bottles/b.md"
is "$status $(cat out)" "0 ok    agent a
ok    bottle b" 'check FILE'
call check "$home/bottles/wrong.md"
is "$status" 100 'check FILE of a wrong one'
(cd "$home/bottles" && bb-parse check b.md) >out 2>err
is "$(cat out err)" 'ok    bottle b' 'a relative FILE'
call check "$home/bottles/absent.md"
told 'check FILE that is not there' 100 "$home/bottles: bottle: found 'absent', wanted a bottle in '$home/bottles'"
call check "$home/agents/absent.md"
told 'of an agent' 100 "$home/agents: there is no agent 'absent'; 'bb list agents' shows those there are"
call check "$home/bottles/Bad.md"
told 'check FILE with another stem' 100 \
	"$home/bottles/Bad.md: the name before '.md' must be lower-case letters, digits and '-', a letter first"
call check "$home/x.txt"
told 'check FILE of what is none of ours' 100 \
	"unable to tell what '$home/x.txt' is: wanted a '.md' file in a directory 'bottles' or 'agents', 'provider.yaml', or a routes file '.yaml'"
mkdir -p other/bottles other/agents
cp "$home/bottles/b.md" other/bottles/there.md
printf -- '---\nbottle: there\n---\n' >other/agents/there.md
call check other/agents/there.md
is "$status $(cat out err)" '0 ok    agent there' 'check FILE of another home, with the bottles of that one'
(cd repo && bb-parse check .bot-bottle/agents/mine.md) >out 2>err
is "$(cat out err)" 'ok    agent ./mine' 'check FILE of a repository, with the bottles of home'
mkdir repo/.bot-bottle/bottles
(cd repo && bb-parse check .bot-bottle/bottles/x.md) >out 2>err
is "$?" 100 'a bottle of a repository is refused'
rm -r repo/.bot-bottle/bottles
printf 'routes:\n- host: a.b\n  auth: {scheme: Bearer, token_env: T}\n' >routes.yaml
call check routes.yaml
is "$status $(cat out err)" '0 ok    routes routes.yaml' 'check FILE of routes'
echo 'routes: [{host: 7}]' >routes.yaml
call check routes.yaml
told 'that are wrong' 100 "routes.yaml:1:17: routes[0].host: found the number 7, wanted a host name; put it in quotes"
call check absent.yaml
told 'that are not there' 111 "unable to read 'absent.yaml': No such file or directory"
rm "$home/bottles/wrong.md" "$home/agents/wrong.md" "$home/agents/none.md"

# --- configuration of versions that are no more ---

for directory in "$home" "$HOME" .; do
	echo '{}' >"$directory/bot-bottle.json"
	resolve a
	told "$(basename "$directory")/bot-bottle.json is an error that says what replaced it" 100 \
		"$directory/bot-bottle.json: not read any more: each bottle is a file '$home/bottles/NAME.md', each agent '$home/agents/NAME.md'; move its contents there and remove it"
	rm "$directory/bot-bottle.json"
done
call check bot-bottle.json
is "$status" 100 'check bot-bottle.json'

# --- providers ---

for name in claude shell; do
	call provider $name
	is "$status $(get '[.kind, .v, .name, .path, .origin]')" \
		"0 [\"provider\",1,\"$name\",\"$(readlink -f "$BB_SOURCE/providers/$name")\",\"built-in\"]" \
		"provider $name: its document"
done
call provider shel
told 'a provider that is not there' 100 \
	"$home: provider: found 'shel', wanted a provider (did you mean 'shell'?): one of $(known_providers), or a plug-in in '$home/contrib'"
call provider ../shell
is "$status" 100 'a provider by a path'

# own YAML: the operator's own provider "own".
own() {
	mkdir -p "$home/contrib/own"
	printf '%s\n' "$1" >"$home/contrib/own/provider.yaml"
	call provider own
}
own 'command: own
args: [--x, "1"]
resume_args: [-r]
headless: [-p, "{prompt}"]
prompt: {form: flag-file, flag: --system, file: /home/node/p.txt}
skills_dir: /home/node/.own/skills
env: {OWN_MODE: "1", N: 2}
hidden_env: [OWN_TOKEN]
files: [{path: /home/node/.own.json, mode: 0600, template: "{placeholder}"}, {path: /x, template: ""}]
routes: [{host: API.own.example}]
token: {name: own, host: api.own.example, header: x-api-key, placeholder: "p-{random}", env: OWN_TOKEN}
forward_host_credentials: true
settings: {url: {type: string, required: true}, size: {type: integer}, fast: {type: boolean}}
mcp: [own, mcp, "{url}"]
verify: [own, --version]
needs: [own, git]'
is "$status $(get 'del(.path)')" '0 {"kind":"provider","v":1,"name":"own","origin":"contrib","command":"own","args":["--x","1"],"resume_args":["-r"],"headless":["-p","{prompt}"],"prompt":{"form":"flag-file","flag":"--system","file":"/home/node/p.txt"},"skills_dir":"/home/node/.own/skills","env":{"OWN_MODE":"1","N":"2"},"hidden_env":["OWN_TOKEN"],"files":[{"path":"/home/node/.own.json","mode":"0600","template":"{placeholder}"},{"path":"/x","template":""}],"routes":[{"host":"api.own.example"}],"token":{"name":"own","host":"api.own.example","header":"x-api-key","placeholder":"p-{random}","env":"OWN_TOKEN"},"forward_host_credentials":true,"settings":{"url":{"type":"string","required":true},"size":{"type":"integer"},"fast":{"type":"boolean"}},"mcp":["own","mcp","{url}"],"verify":["own","--version"],"needs":["own","git"]}' \
	"an operator's own provider, with every key"

bottle b 'agent_provider: {template: own, auth_token: T, forward_host_credentials: true, settings: {url: "http://x", size: 3, fast: true}}'
resolve a
is "$(get '[.agent_provider, .provider.name]')" \
	'[{"template":"own","auth_token":"T","forward_host_credentials":true,"settings":{"url":"http://x","size":3,"fast":true}},"own"]' \
	'settings that the provider declares'
bottle b 'agent_provider: {template: own, settings: {urll: x, size: three, fast: 1}}'
resolve a
told 'settings that it does not, of another type, or missing' 100 \
	"$home/bottles/b.md:2:50: agent_provider.settings has unknown key 'urll'; provider 'own' declares: url, size, fast" \
	"$home/bottles/b.md:2:59: agent_provider.settings.size: found another type, wanted an integer" \
	"$home/bottles/b.md:2:72: agent_provider.settings.fast: found another type, wanted a boolean" \
	"$home/bottles/b.md:2:33: agent_provider.settings.url: found nothing, wanted a string, which provider 'own' needs"

# bad 'NAME' 'YAML' 'LINE:COLUMN: TEXT': a provider.yaml that is refused.
bad() {
	own "$2"
	told "$1" 100 "$home/contrib/own/provider.yaml:$3"
}
bad 'no command' 'args: []' "1:1: provider 'own': command: found nothing, wanted one line of text"
bad 'an unknown key' 'command: x
comand: y' "2:1: provider 'own' has unknown key 'comand' (did you mean 'command'?); allowed: command, args, resume_args, headless, prompt, skills_dir, env, hidden_env, files, routes, token, forward_host_credentials, settings, mcp, verify, image, needs"
bad 'an argument that is a number' 'command: x
args: [1]' "2:8: provider 'own': args[0]: found the number 1, wanted one line of text; put it in quotes"
bad 'headless without a place for the prompt' 'command: x
headless: [-p]' "2:11: provider 'own': headless: found no '{prompt}', wanted it where the text goes"
bad 'an unknown form of prompt' 'command: x
prompt: {form: mail}' "2:16: provider 'own': prompt.form: found the string 'mail', wanted one of flag-file, flag-text, file, env"
bad 'a form that lacks something' 'command: x
prompt: {form: flag-file, file: /p}' "2:9: provider 'own': prompt.flag: found nothing, wanted it for the form 'flag-file'"
bad 'a relative path' 'command: x
skills_dir: skills' "2:13: provider 'own': skills_dir: found the string 'skills', wanted a path: an absolute path inside the bottle"
bad 'a path that climbs' 'command: x
files: [{path: /home/../etc, template: x}]' \
	"2:16: provider 'own': files[0].path: found the string '/home/../etc', wanted a path: no '..' element"
bad 'a mode that is none' 'command: x
files: [{path: /x, mode: 999, template: x}]' \
	"2:26: provider 'own': files[0].mode: found the number 999, wanted permissions: four octal digits, like 0600"
bad 'a variable of the launcher' 'command: x
env: {HTTP_PROXY: x}' "2:7: provider 'own': env: found the name 'HTTP_PROXY', wanted another one: the launcher sets this itself"
bad 'a token for many hosts' 'command: x
token: {name: t, host: "*.example.com", scheme: Bearer, placeholder: x}' \
	"2:24: provider 'own': token.host: found the string '*.example.com', wanted a host: one host: a token goes to no other"
bad 'a token with two ways' 'command: x
token: {name: t, host: a.b, scheme: Bearer, header: x, placeholder: x}' \
	"2:37: provider 'own': token.scheme: found both, wanted one of scheme and header"
bad 'a token with none' 'command: x
token: {name: t, host: a.b, placeholder: x}' \
	"2:8: provider 'own': token.scheme: found neither, wanted one of scheme and header"
bad 'a program with a path' 'command: x
needs: [/bin/sh]' "2:9: provider 'own': needs[0]: found the string '/bin/sh', wanted a name: a name without '/', not beginning with '.' or '-'"
bad 'a setting of no type' 'command: x
settings: {a: {type: list}}' "2:22: provider 'own': settings.a.type: found the string 'list', wanted one of string, integer, boolean"
bad 'a route that is wrong' 'command: x
routes: [{host: x, prots: [1]}]' "2:20: provider 'own': routes[0] has unknown key 'prots' (did you mean 'ports'?); allowed: host, ports, auth, matches, dlp, git, upstream, allow_private, max_body"
own 'command: x
image: Dockerfile'
told 'an image without its recipe' 100 "$home/contrib/own/provider.yaml: image: found 'Dockerfile', wanted a file beside provider.yaml"
echo 'FROM scratch' >"$home/contrib/own/Dockerfile"
own 'command: x
image: Dockerfile'
is "$status" 0 'an image with it'
chmod 666 "$home/contrib/own/provider.yaml"
call provider own
told 'a provider that others can write is refused' 100 \
	"$home/contrib/own/provider.yaml: writable by others, who could redirect credentials; run: chmod go-w '$home/contrib/own/provider.yaml'"
chmod 644 "$home/contrib/own/provider.yaml"
call check "$home/contrib/own/provider.yaml"
is "$status $(cat out)" "0 ok    provider $home/contrib/own/provider.yaml" 'check provider.yaml'
mv "$home/contrib/own" "$home/contrib/shell"
bottle b "$shell"
resolve a
is "$(get '[.provider.origin, (.warnings[] | [.at, .text])]')" \
	"[\"contrib\",[\"$home/contrib/shell\",\"used instead of the built-in provider 'shell'\"]]" \
	"an operator's provider goes before the built-in of its name, with a note"
mv "$home/contrib/shell" "$home/elsewhere" && ln -s ../elsewhere "$home/contrib/shell"
resolve a
told 'a provider that is a link is refused' 100 \
	"$home/contrib/shell: unable to read: not a directory, or a symbolic link, which is not followed here"
rm -r "$home/contrib"
call provider shell --providers "$PWD/none"
told '--providers: another directory of built-in ones' 100 \
	"$home: provider: found 'shell', wanted a provider: one of none, or a plug-in in '$home/contrib'"

done_testing
