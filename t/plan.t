#!/bin/sh
test_title='bb-plan: golden plans, purity, refusals, documents that are not manifests'
# shellcheck source=t/lib/tap.sh
. "$(dirname "$0")/lib/tap.sh"

cases=$BB_SOURCE/t/plan
nonce=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f

# plan OPTION...: run bb-plan on standard input with what every plan needs.
plan() {
	bb-plan --identity demo-ab12c --nonce "$nonce" --started-at 2026-01-31T12:00:00Z --backend native \
		--home /home/me/.bot-bottle "$@"
}

# plan_file NAME FILE [OPTION]...: plan a manifest with the arguments of golden case NAME.
plan_file() {
	arguments=$cases/$1.args
	manifest=$2
	shift 2
	while IFS= read -r line; do
		set -- "$@" "$line"
	done <"$arguments"
	plan "$@" <"$manifest"
}

# refused STATUS 'NAME' 'PATTERN' CASE FILTER [OPTION]...: a golden case changed by jq's FILTER is refused so.
refused() {
	want=$1 name=$2 pattern=$3 base=$4
	jq "$5" "$cases/$base.manifest.json" >changed || exit 1
	shift 5
	plan_file "$base" changed "$@" >out 2>err
	is "$? $(wc -l <err)" "$want 1" "$name: status $want and one line"
	like "$(cat err)" "^bb-plan: $pattern" "$name: says so"
	is "$(cat out)" '' "$name: writes no plan"
}

# planned 'NAME' CASE FILTER QUERY WANT [OPTION]...: what jq's QUERY gives of the plan of a changed case.
planned() {
	name=$1 base=$2 query=$4 result=$5
	jq "$3" "$cases/$base.manifest.json" >changed || exit 1
	shift 5
	plan_file "$base" changed "$@" >plan.json 2>err
	is "$?$(cat err)" 0 "$name: planned"
	is "$(jq -r "$query" plan.json)" "$result" "$name"
}

# --- golden ---

for case in shell web claude headless plugin file-prompt; do
	plan_file "$case" "$cases/$case.manifest.json" >plan.json 2>err
	is "$?$(cat err)" 0 "$case: planned without a word"
	is "$(jq . plan.json)" "$(cat "$cases/$case.plan.json")" "$case: the golden plan"
	is "$(wc -l <plan.json)" 1 "$case: on one line"
done

for case in shell web claude; do
	plan_file "$case" "$cases/$case.manifest.json" --preflight text >plan.json 2>err
	is "$?" 0 "$case: planned with a preflight"
	is "$(cat err)" "$(cat "$cases/$case.preflight")" "$case: the golden preflight"
	is "$(jq . plan.json)" "$(cat "$cases/$case.plan.json")" "$case: the plan is the same"
done
plan_file web "$cases/web.manifest.json" --preflight colour >plan.json 2>err
is "$?" 0 'planned with a preflight in colour'
is "$(sed 's/\x1b\[[0-9]*m//g' err)" "$(cat "$cases/web.preflight")" 'which says the same'
check_status 1 'and is coloured' cmp -s err "$cases/web.preflight"
jq '.agent.path = "/a\u001b]0;owned\u0007\nb" | .warnings[0].text = "w\u202e\u009b2J" | .agent.prompt = "\u001b[2J"' \
	"$cases/web.manifest.json" >changed
plan_file web changed --preflight text >plan.json 2>err
is "$? $(wc -l <err)" "0 $(wc -l <"$cases/web.preflight")" 'foreign text cannot add a line'
is "$(LC_ALL=C tr -d ' -~\n\303\251' <err | wc -c)" 0 'nor bring a control character'
like "$(cat err)" '/a\\x1B\]0;owned\\x07\\nb' 'it is shown instead'

# --- purity ---

plan_file claude "$cases/claude.manifest.json" >first
(
	cd / && export HOME=/nowhere TZ=Asia/Tokyo LC_ALL=tr_TR.UTF-8 CLAUDE_TOKEN=planted BOT_BOTTLE_HOME=/x
	plan_file claude "$cases/claude.manifest.json"
) >second
check 'the same input gives the same bytes, whatever the directory and environment' cmp first second

nonce=${nonce%1f}20
plan_file claude "$cases/claude.manifest.json" >third
nonce=${nonce%20}1f
check_status 1 'another nonce gives another plan' cmp -s first third
is "$(jq -n --slurpfile a first --slurpfile b third '
	def calm: walk(if type == "string"
		then gsub("sk-ant-oat01-[A-Za-z0-9]{32}"; "P") | gsub("probe-[a-z0-9]{16}"; "Q") | gsub("[A-Z]+_[A-Z]+_SECRET"; "C") else . end);
	($a[0] | calm) == ($b[0] | calm)')" true \
		'in which nothing but the placeholder, the probe and the name of the canary differs'

if grep -q __asan_init "$BB_BUILD/bin/bb-plan"; then
	skip 'no file is looked at but the libraries' 'the sanitizers look at files of their own'
elif strace -o trace true 2>err; then
	strace -f -o trace bb-plan --identity demo-ab12c --nonce "$nonce" --started-at 2026-01-31T12:00:00Z \
		--backend native --home /home/me/.bot-bottle --cwd / --host-has CLAUDE_TOKEN \
		--program claude=/opt/claude <"$cases/claude.manifest.json" >out 2>err
	is "$?$(cat err)" 0 'planned under strace'
	sed 's/^[0-9]* *//' trace >calls
	sed '/^read(0,/,$d' calls >before
	sed -n '/^read(0,/,$p' calls >after
	like "$(cat after)" '^read\(0,' 'the trace shows the manifest being read'
	is "$(grep -vE '^(execve|getrandom|read|pread64)\(' before |
		sed -n 's/^[a-z0-9]*(\(AT_FDCWD, \)\{0,1\}"\([^"]*\)".*/\2/p' |
		grep -vE '^(/etc/ld\.so\.(cache|preload)|(/usr)?/lib[^ ]*/lib[a-z0-9.+_-]*\.so[0-9.]*)$')" '' \
		'before that no path is named but the loader names its own'
	is "$(sed 's/(.*//' before | grep -E '^(socket|connect|clock_|gettimeofday|time$|getpid|getuid|getcwd|uname|sysinfo)')" '' \
		'no network, clock or question about the host'
	is "$(sed 's/(.*//' after | grep -vE '^(read|write|brk|mmap|munmap|mremap|madvise|futex|exit_group|\+\+\+.*)$')" '' \
		'after it: reads, writes, memory, the end'
	is "$(grep -c '^write(1,' after)" 1 'the plan is written in one piece'
else
	skip 'no file is looked at but the libraries' "strace cannot trace here: $(head -n 1 err)"
fi

# --- what cannot be given is refused ---

bb-plan --identity x --nonce "$nonce" --started-at 2026-01-31T12:00:00Z --backend native --home /h \
	<"$cases/web.manifest.json" >out 2>err
is "$?" 100 'host variables that are not set are refused'
like "$(cat err)" "^bb-plan: not set on this host: 'EXAMPLE_TOKEN' for egress.routes\[0\] \(/home/.*web.md:9\), \
'EXAMPLE_TOKEN' for egress.routes\[3\], 'MY_API_KEY' for env.API_KEY \(/home/.*web.md:5\); set it and start again$" \
	'all of them at once, with where they are asked for'
plan --host-has EXAMPLE_TOKEN <"$cases/web.manifest.json" >out 2>err
is "$?" 100 'nor is a single one forgiven'
like "$(cat err)" "not set on this host: 'MY_API_KEY' for env.API_KEY" 'which is named alone'
plan --program claude=/x <"$cases/claude.manifest.json" >out 2>err
is "$?" 100 'a token variable that is not set is refused'
like "$(cat err)" "'CLAUDE_TOKEN' for agent_provider.auth_token" 'as what it is for'

made='.git_gate.repos = [{"name": "app", "url": "ssh://git@git.example.org/team/app.git", "host": "git.example.org", "port": 22,
	"host_key": "git.example.org ssh-ed25519 AAAA", "key": {"provider": "gitea", "forge_token_env": "T"}}]'
refused 100 'a deploy key without its token' "not set on this host: 'T' for git_gate.repos.app" shell "$made"
jq "$made | .git_gate.repos[0].key.forge_url = \"https://forge.example:3000\"" "$cases/shell.manifest.json" >changed
check 'a deploy key' plan_file shell changed --host-has T
is "$(jq -c '.deploy_keys, (.sidecar.daemons[] | select(.name == "git-gate") | .secrets | map(select(startswith("git-key")))),
	(.secrets | map(select(.name | startswith("git-key"))))' out)" \
	'[{"secret":"git-key:app","repo":"app","provider":"gitea","url":"ssh://git@git.example.org/team/app.git","forge":"https://forge.example:3000","title":"bot-bottle demo-ab12c/app","variable":"T"}]
["git-key:app"]
[]' '... is made by the launcher for the gate'
jq "$made | .git_gate.scanner = \"both\"" "$cases/shell.manifest.json" >changed
check 'a second scanner' plan_file shell changed --host-has T
is "$(jq -r '.sidecar.daemons[] | select(.name == "git-gate") | .files[].content | fromjson | .scanner' out)" both \
	'... is what the gate is told'
refused 100 'a deploy key without a variable' "'manifest.git_gate.repos\[0\].key' lacks the key 'forge_token_env'" \
	shell \
	"$made | del(.git_gate.repos[0].key.forge_token_env)"
refused 100 'a key without a file' "'manifest.git_gate.repos\[0\].key' lacks the key 'path'" shell \
	"$made | .git_gate.repos[0].key.provider = \"static\""
refused 100 'a key of an unknown forge' "'manifest.git_gate.repos\[0\].key.provider' is 'svn', which makes no keys" \
	shell \
	"$made | .git_gate.repos[0].key.provider = \"svn\""
refused 100 'a token for a provider without a slot' \
	"agent_provider.auth_token is set \(/b.md:2\), but provider 'shell' declares no token slot" shell \
	'.agent_provider.auth_token = "T" | .origins["agent_provider.auth_token"] = "/b.md:2"'
refused 100 'host credentials, provider without support' \
	"agent_provider.forward_host_credentials is true, but provider 'shell' does not support it; use" shell \
	'.agent_provider.forward_host_credentials = true'
refused 100 'host credentials, provider with support' \
	"agent_provider.forward_host_credentials is true, but this version has no reader" shell \
	'.agent_provider.forward_host_credentials = true | .provider.forward_host_credentials = true'
plan --host-has PI_TOKEN --program pi=/usr/local/bin/pi <"$cases/plugin.manifest.json" >out 2>err
is "$?" 111 'a program that the provider needs and the host has not is refused'
like "$(cat err)" "^bb-plan: unable to find the program 'node', which provider 'pi' needs; install it" 'by name'
check 'unless the image brings it' plan_file plugin "$cases/plugin.manifest.json" --in-image
plan_file shell "$cases/shell.manifest.json" --preflight text --in-image >plan.json 2>err
like "$(grep '^backend ' err)" "shares the host's kernel, not its files" \
	'whose files are then not said to be the host'"'"'s'
jq '.provider.routes[0].auth = {"scheme": "Bearer", "token_ref": "OTHER"}' "$cases/plugin.manifest.json" >changed
plan_file plugin changed >out 2>err
is "$?" 100 'whose variable has to be set, too'
like "$(cat err)" "'OTHER' for provider.routes\[0\]" 'as the provider'"'"'s'
refused 100 'headless for a provider that cannot' "provider 'own' cannot run headless" file-prompt . \
	--headless --prompt x
for name in HTTP_PROXY https_proxy NO_PROXY SSL_CERT_FILE NODE_EXTRA_CA_CERTS GIT_SSL_CAINFO HOME USER; do
	refused 100 "env.$name" "env.$name is set by the launcher; give your variable another name" shell \
		'.env = [{"name": "'$name'", "source": "literal", "value": "x"}]'
done
refused 100 'a variable in the place of the placeholder' 'env.CLAUDE_CODE_OAUTH_TOKEN would replace the placeholder' \
	claude '.env = [{"name": "CLAUDE_CODE_OAUTH_TOKEN", "source": "literal", "value": "x"}]'
refused 100 'a slot with the name of the provider'"'"'s' \
	"egress.routes\[1\].auth.token_ref is 'anthropic', the name of" \
	claude '.egress.routes[1].auth = {"scheme": "Bearer", "token_ref": "anthropic"}' --host-has anthropic
refused 100 'a line break in the git name' 'git-gate.user.name holds a control character' shell \
	'.git_gate.user.name = "a\n[core]\n\tsshCommand = x"'
refused 100 'a control character in the git address' 'git-gate.user.email holds a control character' shell \
	'.git_gate.user.email = "a\u007f"'
refused 100 'a provider file with a relative path' \
	"'manifest.provider.files\[0\].path' is 'x', wanted an absolute path" \
	file-prompt '.provider.files[0].path = "x"'
refused 100 'a provider file that climbs' "'manifest.provider.files\[0\].path' is '/home/node/../x', wanted" \
	file-prompt '.provider.files[0].path = "/home/node/../x"'

# --- what the manifest may say, one thing at a time ---

planned 'a literal may replace what is not owned' shell \
	'.env = [{"name": "TERM", "source": "literal", "value": "dumb"}]' \
	'[.bottle.env[] | select(.name == "TERM").value] | join(" ")' dumb
planned 'the provider cannot move the proxy' plugin . \
	'[.bottle.env[] | select(.name == "HTTPS_PROXY").value] | join(" ")' \
	'http://egress:9099'
planned 'no variable is there twice' web . '[.bottle.env[].name] | length - (unique | length)' 0
planned 'no secret has a value' web . '[.bottle.env[] | select(has("secret") and has("value"))] | length' 0
planned 'an empty prompt leaves no argument and no file' claude '.agent.prompt = ""' \
	'[.bottle.argv[], .bottle.files[].path] | map(select(test("prompt"))) | length' 0
planned 'the log level reaches bb-egress' claude '.egress.log = "blocks"' '.sidecar.daemons[0].args[-1]' blocks
planned 'without a level refusals are logged, so that the audit log has them' claude 'del(.egress.log)' \
	'.sidecar.daemons[0].args[-1]' blocks
planned 'a manifest without limits has none' shell . '.bottle.limits | length' 0
planned 'supervise: its daemon and its name' claude . '[.sidecar.daemons[].name, .bottle.services[].name] | join(" ")' \
	'egress supervise egress supervise'
planned 'supervise: the agent is told, and a failure of that is a warning' claude . \
	'.bottle.setup[] | [.argv[-1], .on_failure] | join(" ")' \
	'{"type": "http", "url": "http://supervise:9100/", "timeout": 600000} warn'
planned 'supervise: a provider without a command for that is told nothing' web . '.bottle.setup | length' 0
planned 'supervise: refusals say how to ask' claude . '.sidecar.daemons[0].args | index("--queue") != null' true
planned 'supervise false: none of it' claude '.supervise = false' \
	'[([.sidecar.daemons[].name, .bottle.services[].name] | join(" ")), (.bottle.setup | length), (.sidecar.daemons[0].args | index("--queue")), .preflight.supervise, ([.bottle.files[].content | select(test("9100"))] | length)] | map(tostring) | join("/")' \
	'egress egress/0/null/false/0'
planned 'a provider route may have a token of its own' plugin \
	'.provider.routes[0].auth = {"scheme": "Bearer", "token_ref": "PI_TOKEN"}' \
	'.secrets | map(.name) | join(" ")' 'token:models token:PI_TOKEN canary:WAREHOUSE_WEBHOOK_SECRET'
planned 'a token route that the provider has not is made' plugin . \
	'.sidecar.daemons[0].files[0].content | fromjson | .routes[] | select(.host == "api.example.net").auth | tojson' \
	'{"header":"x-api-key","token_ref":"token:models","placeholder":"pk-F155OPwalbEY65YL29cNm65QA16BEw1p"}'
planned 'the canary gives way to a variable of its name' web \
	'.env += [{"name": "WAREHOUSE_WEBHOOK_SECRET", "source": "literal", "value": "x"}]' \
	'.bottle.env[] | select(.secret // "" | startswith("canary:")) | .name' ANALYTICS_WEBHOOK_SECRET
planned 'bb-egress gets tokens and what else must not leave' web . '.sidecar.daemons[0].secrets | join(" ")' \
	'token:EXAMPLE_TOKEN env:API_KEY env:PIN host:CORP_KEY canary:WAREHOUSE_WEBHOOK_SECRET' --sensitive CORP_KEY
refused 100 'a sensitive variable has the name of one' ".*wants the name of a variable" web . --sensitive 'A B'
planned 'the probe asks for no wildcard and no odd port' web '.egress.routes |= [.[3], .[2]]' '.probe | has("listed")' \
	false
planned 'hidden variables stay out of the preflight' claude . '.preflight.env | index("CLAUDE_CODE_OAUTH_TOKEN")' null
planned 'a route may name the detector that only warns' claude \
	'.egress.routes[1].dlp.outbound_detectors = ["entropy"]' \
	'[.notes[] | select(.text | test("entropy"))] | length' 0
planned 'an empty list asks for nothing' claude '.egress.routes[1].dlp.outbound_detectors = []' \
	'[.notes[] | select(.text | test("detector"))] | length' 0
planned 'json quoting holds against what a label may be' file-prompt '.agent.prompt = "a\"b\\c\nd"' \
	'.bottle.files[1].content | split("\n")[3]' 'prompt = "a\"b\\c\nd"'
python3 -c 'import json, sys, yaml
plan = json.load(open(sys.argv[1]))
text = plan["sidecar"]["daemons"][0]["files"][0]["content"]
assert json.loads(text) == yaml.safe_load(text)' "$cases/web.plan.json"
is "$?" 0 'the routes file is the same read as JSON and as YAML'

# --- documents that are not manifests ---

refused 100 'another kind' "the manifest document: kind is 'plan', wanted 'manifest'" shell '.kind = "plan"'
refused 100 'another version' 'the manifest document: version is 2, wanted 1' shell '.v = 2'
refused 100 'no kind' 'the manifest document: not a document' shell 'del(.kind)'
for path in agent provider agent_provider git_gate egress; do
	refused 100 "an unknown key in $path" "'manifest.$path' has the unknown key 'egres'" web ".$path.egres = 1"
	refused 100 "no $path" "'manifest' lacks the key '$path'" web "del(.$path)"
	refused 100 "$path of another type" "'manifest.$path' is not an object" web ".$path = \"x\""
done
refused 100 'an unknown key at the top' "'manifest' has the unknown key 'egres'" web '.egres = 1'
refused 100 'an unknown key of a route' "'manifest.egress.routes\[1\]' has the unknown key 'role'" web \
	'.egress.routes[1].role = "x"'
refused 100 'an unknown key of a match' "'manifest.egress.routes\[0\].matches\[0\]' has the unknown key 'path'" web \
	'.egress.routes[0].matches[0].path = "x"'
refused 100 'an unknown key of a provider route' "'manifest.provider.routes\[0\]' has the unknown key 'x'" claude \
	'.provider.routes[0].x = 1'
refused 100 'a route without a host' "'manifest.egress.routes\[1\]' lacks the key 'host'" web \
	'del(.egress.routes[1].host)'
refused 100 'a port that is a string' "'manifest.egress.routes.ports\[0\]' is not a whole number" web \
	'.egress.routes[2].ports = ["x"]'
refused 100 'a detector that is a number' "'manifest.egress.routes.outbound_detectors\[0\]' is not a string" web \
	'.egress.routes[2].dlp.outbound_detectors = [1]'
refused 100 'a bottle that is a number' "'manifest.bottles\[0\]' is not a string" web '.bottles = [1]'
refused 100 'a route that is a string' "'manifest.egress.routes\[0\]' is not an object" web '.egress.routes = ["x"]'
refused 100 'a provider variable that is a number' "'manifest.provider.env.A' is not a string" claude \
	'.provider.env.A = 1'
refused 100 'an argument that is a number' "'manifest.provider.args\[0\]' is not a string" claude '.provider.args = [1]'
refused 100 'an unknown source' "'manifest.env\[0\].source' is 'file', wanted literal, host or prompt" web \
	'.env[0].source = "file"'
refused 100 'a source without its member' "'manifest.env\[1\]' lacks the key 'host'" web 'del(.env[1].host)'
refused 100 'an unknown form of prompt' "'manifest.provider.prompt.form' is 'x', which is none of ours" web \
	'.provider.prompt.form = "x"'
refused 100 'a form without its member' "'manifest.provider.prompt' lacks the key 'env'" web 'del(.provider.prompt.env)'
refused 100 'a limit of another type' "'manifest.limits.memory' is not a whole number" claude '.limits.memory = "4g"'
refused 100 'a remote that is a string' "'manifest.git_gate.repos\[0\]' is not an object" web '.git_gate.repos = ["x"]'

# text 'NAME' 'PATTERN': standard input, which is no document, is refused.
text() {
	plan >out 2>err
	is "$? $(wc -l <err)" '100 1' "$1: status 100 and one line"
	like "$(cat err)" "^bb-plan: $2" "$1: says so"
}
: | text 'nothing' 'the manifest document is empty'
cat "$cases/shell.manifest.json" "$cases/shell.manifest.json" | text 'two documents' 'the manifest document: line'
printf '{"kind":"manifest","v":1,"v":1}' | text 'a key twice' 'the manifest document: line 1'
head -c 300 "$cases/shell.manifest.json" | text 'half a document' 'the manifest document: line'
echo '[]' | text 'a list' 'the manifest document: not a document'
plan <&- >out 2>err
is "$?" 111 'a closed standard input is the world'"'"'s fault'
plan_file shell "$cases/shell.manifest.json" >/dev/full 2>err
is "$?" 111 'a full disk is not a success'

# --- options ---

# option 'NAME' 'PATTERN' OPTION...: a wrong option ends with 100 and a line.
option() {
	name=$1 pattern=$2
	shift 2
	bb-plan "$@" <"$cases/shell.manifest.json" >out 2>err
	is "$? $(wc -l <err)" '100 1' "$name: status 100 and one line"
	like "$(cat err)" "^bb-plan: $pattern.*; try 'bb-plan --help'$" "$name: says so"
}
need="--identity a --nonce $nonce --started-at 2026-01-31T12:00:00Z --backend native --home /h"
for missing in identity nonce started-at backend home; do
	# shellcheck disable=SC2046 # words without spaces
	option "no --$missing" "'--$missing' is missing" $(echo "$need" | sed "s|--$missing [^ ]*||")
done
for identity in '' A a_b a/b .. -a a- "$(printf '%064d' 1)" 'a
b'; do
	option "identity '$identity'" "'--identity' wants a slug" --identity "$identity"
done
option 'a short nonce' "'--nonce' wants 64 hexadecimal digits" --nonce 00
option 'a nonce of other letters' "'--nonce' wants 64 hexadecimal digits" --nonce "$(printf '%064d' 0 | tr 0 g)"
option 'a time of other form' "'--started-at' wants a time like" --started-at '2026-01-31 12:00:00'
option 'a relative home' "'--home' wants an absolute path" --home h
option 'a relative directory' "'--cwd' wants an absolute path" --cwd .
option 'a directory that is no UTF-8' "'--cwd' wants an absolute path" --cwd "$(printf '/\377')"
option 'an unknown colour' "'--color' wants black, red" --color mauve
option 'an empty label' "'--label' wants at most 128" --label ''
option 'a label with an escape' "'--label' wants at most 128" --label "$(printf 'a\033]0;x')"
option 'a program without a path' "'--program' wants NAME=/path" --program claude
option 'a program with a relative path' "'--program' wants NAME=/path" --program claude=bin/claude
option 'an unknown form' "'--preflight' wants text or colour" --preflight html
option 'an option that is none' "unknown option '--frob'" --frob
option 'an option without its argument' "option '--label' needs an argument" --label
# shellcheck disable=SC2086 # words without spaces
option 'headless without a prompt' "'--headless' needs '--prompt TEXT'" $need --headless
# shellcheck disable=SC2086 # words without spaces
option 'a prompt without headless' "'--prompt' goes with '--headless' only" $need --prompt x
# shellcheck disable=SC2086 # words without spaces
option 'an operand' "unexpected operand 'x'" $need x
check 'help is not an error' bb-plan --help
like "$(cat out)" '^usage: bb-plan --identity ID' 'and shows the usage'

done_testing
