#!/bin/sh
test_title='bb-parse: bottles that extend others, agents over bottles, and where each value came from'
. "$(dirname "$0")/lib/tap.sh"
. "$BB_SOURCE/t/lib/manifest.sh"

# get JQ: that part of the last document.
get() {
	jq -c "$1" out
}

# fails: the last manifest_of failed; its status.
resolve() {
	status=0
	manifest_of "$@" || status=$?
}

shell='agent_provider: {template: shell}'
agent a

# --- the order ---

bottle base "$shell"
bottle left 'extends: base'
bottle right 'extends: base'
bottle b 'extends: [left, right]'
resolve a
is "$(get .bottles)" '["base","left","right","b"]' 'parents come first, left to right, each once: a diamond is fine'
is "$(get .agent_provider.template)" '"shell"' 'what a grandparent says holds'

bottle b 'extends: [right, left]'
resolve a
is "$(get .bottles)" '["base","right","left","b"]' 'in the order of the list'

resolve a --bottle left --bottle right
is "$(get .bottles)" '["base","left","right"]' \
	'several bottles at start fold like parents, instead of the one the agent names'
resolve --bottle right a -b left
is "$(get .bottles)" '["base","right","left"]' 'options may stand before and behind the name'
resolve a --bottle left --bottle left
is "$(get .bottles)" '["base","left"]' 'the same twice is once'

# --- env ---

bottle base "$shell
env: {A: base, B: base, C: base}"
bottle left 'extends: base
env: {B: left, D: left}'
bottle b 'extends: left
env: {C: b, E: "?"}'
resolve a
is "$(get '[.env[] | [.name, .value]]')" '[["A","base"],["B","left"],["C","b"],["D","left"],["E",null]]' \
	'env is a union, the child wins'
is "$(get '.origins | [."env.A", ."env.B", ."env.C", ."env.D"]')" \
	"[\"$home/bottles/base.md:3\",\"$home/bottles/left.md:3\",\"$home/bottles/b.md:3\",\"$home/bottles/left.md:3\"]" \
	'each value knows its file and line'

# --- git-gate ---

bottle base "$shell
git-gate:
  user: {name: Base, email: base@example.org}
  repos:
    app: {url: 'ssh://h.example/a', push: {force: true}}
    lib: {url: 'https://h.example/l'}"
bottle b 'extends: base
git-gate:
  user: {name: Child, email: ""}
  repos:
    app: {key: {provider: static, path: /k}, push: {tags: true}}
    own.git: {url: "https://h.example/o"}'
resolve a
is "$(get .git_gate.user)" '{"name":"Child","email":"base@example.org"}' 'user: per field, what is not empty wins'
is "$(get '[.git_gate.repos[] | [.name, .url, .key.path, .push]]')" \
	'[["app","ssh://h.example/a","/k",{"tags":true}],["lib","https://h.example/l",null,null],["own.git","https://h.example/o",null,null]]' \
	'repos: a union by name, the child wins field by field'
is "$(get '.origins | [."git_gate.user.name", ."git_gate.user.email", ."git_gate.repos.app", ."git_gate.repos.app.url", ."git_gate.repos.app.key.path", ."git_gate.repos.own.git.url"]')" \
	"[\"$home/bottles/b.md:4\",\"$home/bottles/base.md:4\",\"$home/bottles/base.md:6\",\"$home/bottles/base.md:6\",\"$home/bottles/b.md:6\",\"$home/bottles/b.md:7\"]" \
	'each field has its own origin'

agent a 'bottle: b
git-gate: {user: {email: agent@example.org}}'
resolve a
is "$(get .git_gate.user)" '{"name":"Child","email":"agent@example.org"}' \
	"an agent's identity goes over its bottle's, field by field"
is "$(get '.origins."git_gate.user.email"')" "\"$home/agents/a.md:3\"" 'with its origin'
agent a

# --- egress ---

bottle base "$shell
egress:
  log: full
  routes:
  - host: one.example
  - host: two.example
    ports: [1]"
bottle b 'extends: base
egress:
  routes:
  - host: three.example
  - host: TWO.example
    ports: [2]'
resolve a
is "$(get '[.egress.log, .egress.routes[] | if type == "object" then [.host, .ports] else . end]')" \
	'["full",["one.example",null],["three.example",null],["two.example",[2]]]' \
	'routes are put together, parents first, and a later entry of a host replaces the earlier'
is "$(get .warnings)" "[{\"at\":\"$home/bottles/base.md:7\",\"text\":\"the route to 'two.example' is replaced by a later one for that host\"}]" \
	'which is noted, at the entry that is gone'
is "$(get '.origins | [."egress.routes[0]", ."egress.routes[1]", ."egress.routes[2]", ."egress.routes[2].host", ."egress.log", ."egress.routes[3]"]')" \
	"[\"$home/bottles/base.md:6\",\"$home/bottles/b.md:5\",\"$home/bottles/b.md:6\",\"$home/bottles/b.md:6\",\"$home/bottles/base.md:4\",null]" \
	'origins follow the routes to their new places'

bottle b "$shell
egress: {routes: [{host: x.y}, {host: X.Y., ports: [9]}]}"
resolve a
is "$(get '[.egress.routes[] | [.host, .ports]]')" '[["x.y",[9]]]' 'the same holds within one file'

# --- what a child replaces as a whole ---

bottle base "agent_provider: {template: claude, auth_token: T}
supervise: false
limits: {memory: 1g, pids: 9}
egress: {log: 2}"
bottle b 'extends: base'
resolve a
is "$(get '[.agent_provider.auth_token, .supervise, .limits, .egress.log]')" \
	'["T",false,{"memory":1073741824,"pids":9},"full"]' \
	'a child that says nothing inherits'
bottle b 'extends: base
agent_provider: {template: shell}
supervise: true
limits: {wall: 1h}
egress: {log: 0}'
resolve a
is "$(get '[.agent_provider, .supervise, .limits, .egress.log]')" \
	'[{"template":"shell","forward_host_credentials":false,"settings":{}},true,{"wall":3600},"off"]' \
	'one that says something replaces the whole of it'
is "$(get '.origins | [."limits.memory", ."limits.wall", .supervise]')" \
	"[null,\"$home/bottles/b.md:5\",\"$home/bottles/b.md:4\"]" \
	'and with it its origins'

# --- chains that do not work ---

bottle b 'extends: b'
resolve a
refused 'a bottle cannot extend itself' "$home/bottles/b.md" \
	"2:10: bottle 'b': extends: a bottle cannot extend itself: b -> b"
bottle x 'extends: y'
bottle y 'extends: z'
bottle z 'extends: x'
bottle b 'extends: x'
resolve a
refused 'a cycle is shown as the chain it is' "$home/bottles/z.md" \
	"2:10: bottle 'z': extends: a bottle cannot extend itself: x -> y -> z -> x"
bottle b 'extends: [bse, nothing-like-it]'
bottle base "$shell"
resolve a
refused 'a parent that does not exist is named, with what is near' "$home/bottles/b.md" \
	"2:11: bottle 'b': extends: found 'bse', wanted a bottle in '$home/bottles' (did you mean 'base'?)" \
	"2:16: bottle 'b': extends: found 'nothing-like-it', wanted a bottle in '$home/bottles'"
resolve a --bottle bse
is "$status" 100 'a bottle of the command line that does not exist is an error'
is "$(cat err)" "bb-parse: $home/bottles: --bottle: found 'bse', wanted a bottle in '$home/bottles' (did you mean 'base'?)" 'that names it'

bottle left 'egres: {}'
bottle right 'supervise: 1'
bottle b 'extends: [left, right]
limits: {pids: 0}'
resolve a
is "$(sed 's/:[^:]*: bottle.*//' err | sort)" \
	"$(for f in "b.md:3" "left.md:2" "right.md:2"; do echo "bb-parse: $home/bottles/$f"; done)" \
	'problems of all files of a chain are told at once'

i=0
bottle c64 "$shell"
while [ $i -lt 64 ]; do
	bottle "c$i" "extends: c$((i + 1))"
	i=$((i + 1))
done
resolve a --bottle c1
is "$status" 0 'a chain of 64 bottles is fine'
resolve a --bottle c0
is "$status" 100 'one of 65 is not'
like "$(cat err)" "c63.md:2:10: bottle 'c63': extends: more than 64 bottles in one chain$" 'and that is said'

# --- agents ---

bottle b "$shell"
agent a 'skills: []'
resolve a
refused 'an agent without a bottle needs one from the command line' "$home/agents/a.md" \
	"2:1: agent 'a': bottle: found nothing, wanted the name of one here, or --bottle NAME"
resolve a --bottle b
is "$(get .bottles)" '["b"]' 'and is fine with it'
agent a 'bottle: bb'
resolve a
refused 'an agent whose bottle does not exist' "$home/agents/a.md" \
	"2:9: agent 'a': bottle: found 'bb', wanted a bottle in '$home/bottles' (did you mean 'b'?)"
agent a 'bottle: [b]'
resolve a
refused 'bottle: a list' "$home/agents/a.md" "2:9: agent 'a': bottle: found a list, wanted a name"

mkdir -p "$BOT_BOTTLE_SKILLS_DIR/review" "$BOT_BOTTLE_SKILLS_DIR/2nd"
agent a 'bottle: b
skills: [review, 2nd]'
resolve a
is "$(get .agent.skills)" "[{\"name\":\"review\",\"path\":\"$BOT_BOTTLE_SKILLS_DIR/review\"},{\"name\":\"2nd\",\"path\":\"$BOT_BOTTLE_SKILLS_DIR/2nd\"}]" \
	'skills are found on the host'
is "$(get '.origins."agent.skills[1]"')" "\"$home/agents/a.md:3\"" 'and have origins'
agent a 'bottle: b
skills: [review, missing, ../bottles, -x, Review, 7]'
resolve a
refused 'skills that are no names' "$home/agents/a.md" \
	"3:27: agent 'a': skills[2]: found the string '../bottles', wanted the name of a skill: lower-case letters, digits and '-', not '-' first" \
	"3:39: agent 'a': skills[3]: found the string '-x', wanted the name of a skill: lower-case letters, digits and '-', not '-' first" \
	"3:43: agent 'a': skills[4]: found the string 'Review', wanted the name of a skill: lower-case letters, digits and '-', not '-' first" \
	"3:51: agent 'a': skills[5]: found the number 7, wanted the name of a skill; put it in quotes"
agent a 'bottle: b
skills: [review, missing]'
resolve a
refused 'a skill that the host does not have' "$home/agents/a.md" \
	"3:18: agent 'a': skills[1]: found 'missing', wanted a directory of that name in '$BOT_BOTTLE_SKILLS_DIR'"
mkdir -p "$HOME/.claude/skills/mine"
agent a 'bottle: b
skills: [mine]'
(
	unset BOT_BOTTLE_SKILLS_DIR
	manifest_of a
)
is "$(get '.agent.skills[0].path')" "\"$HOME/.claude/skills/mine\"" \
	"without BOT_BOTTLE_SKILLS_DIR they are below the user's home"

agent a 'bottle: b
name: other
description: [any, thing]
model: opus
color: {a: b}
memory: ~'
resolve a
is "$status" 0 'keys of other programs are accepted and ignored'
is "$(get .agent.name)" '"a"' "the file's name is the agent's"

# misplaced KEY: a key that only a bottle may have, in an agent.
misplaced() {
	agent a "bottle: b
$1: $2"
	resolve a
	refused "an agent has no '$1'" "$home/agents/a.md" \
		"3:1: agent 'a': key '$1' is not used here: only a bottle may set it: move it to the bottle's file"
}
misplaced env '{A: b}'
misplaced egress '{routes: []}'
misplaced agent_provider '{}'
misplaced supervise false
misplaced limits '{}'
misplaced extends base
agent a 'bottle: b
git-gate: {repos: {app: {url: x}}}'
resolve a
refused 'nor remotes' "$home/agents/a.md" \
	"3:12: agent 'a': git-gate: key 'repos' is not used here: only a bottle may set it: move it to the bottle's file"
for key in git git_user ssh runtime cred_proxy egress_proxy pipelock; do
	agent a "bottle: b
$key: x"
	resolve a
	is "$status" 100 "old spelling in an agent: $key"
	like "$(cat err)" "a.md:3:1: agent 'a': key '$key' is not used here: " 'says what replaced it'
done
agent a 'bottle: b
skill: [x]'
resolve a
refused 'an unknown key of an agent' "$home/agents/a.md" \
	"3:1: agent 'a' has unknown key 'skill' (did you mean 'skills'?); allowed: bottle, skills, git-gate, name, description, model, color, memory"
bottle b 'supervise: x'
resolve a
is "$(wc -l <err)" 2 'problems of an agent and of its bottle are told at once'
bottle b "$shell"

# --- the prompt ---

body=$(printf '\n\n  You are  a coder.\n\n---\nnot: front matter\n---\nEnd.\t\n\n.')
agent a 'bottle: b' "${body%.}"
resolve a
is "$(get .agent.prompt)" '"You are  a coder.\n\n---\nnot: front matter\n---\nEnd."' \
	'the stripped body is the prompt, whatever it holds'
agent a 'bottle: b' ''
resolve a
is "$(get .agent.prompt)" '""' 'it may be empty'
printf -- '---\r\nbottle: b\r\n---\r\nOne\r\ntwo\r\n' >"$home/agents/a.md"
resolve a
is "$(get .agent.prompt)" '"One\ntwo"' 'CRLF is a line end'
printf '\357\273\277---\nbottle: b\n---\nx' >"$home/agents/a.md"
resolve a
is "$(get .agent.prompt)" '"x"' 'a byte order mark at the start is skipped'
printf -- '---\nbottle: b\n---' >"$home/agents/a.md"
resolve a
is "$status" 0 'the end of the front matter may be the end of the file'
printf -- '---\nbottle: b\n--- \t\nx\n' >"$home/agents/a.md"
resolve a
is "$status" 0 'blanks behind a delimiter are fine'

# bad_file 'NAME' 'BYTES' 'PROBLEM': a file that is none of ours.
bad_file() {
	# shellcheck disable=SC2059 # the bytes are a format on purpose
	printf -- "$2" >"$home/agents/a.md"
	resolve a
	refused "$1" "$home/agents/a.md" "$3"
}
bad_file 'no front matter' 'bottle: b\n' "1:1: found no front matter, wanted '---' as the first line"
bad_file 'an empty file' '' "1:1: found no front matter, wanted '---' as the first line"
bad_file 'a blank line first' '\n---\nbottle: b\n---\n' "1:1: found no front matter, wanted '---' as the first line"
bad_file 'four dashes' '----\nbottle: b\n---\n' "1:1: found no front matter, wanted '---' as the first line"
bad_file 'no end' '---\nbottle: b\n' "1:1: the front matter that begins here has no end, wanted a line '---'"
bad_file 'an end in a comment' '---\nbottle: b\n--- # x\n' \
	"1:1: the front matter that begins here has no end, wanted a line '---'"
bad_file 'a control character in the body' '---\nbottle: b\n---\nx\033[2Jy\n' '4:2: a control character; remove it'
bad_file 'a NUL' '---\nbottle: b\n---\nx\000y\n' '4:2: a control character; remove it'
bad_file 'a bare carriage return' '---\nbottle: b\n---\nab\rc\n' \
	'4:3: a carriage return without a line feed; use LF or CRLF line ends'
bad_file 'bytes that are not UTF-8' '---\nbottle: b\n---\nab\377\n' '4:3: not UTF-8; save the file in that encoding'
bad_file 'Latin-1 in the front matter' '---\nbottle: b\nname: \344\n---\n' \
	'3:7: not UTF-8; save the file in that encoding'
bad_file 'a tab as indentation' '---\nbottle: b\nskills:\n\t- x\n---\n' '4:1: a tab as indentation; use spaces'
bad_file 'a key twice' '---\nbottle: b\n"b\\u006fttle": c\n---\n' \
	"3:1: the key 'bottle' is given twice, first in line 2; keep one"

done_testing
