#!/bin/sh
test_title='bb-parse: each key of a bottle, with the right and the wrong value'
. "$(dirname "$0")/lib/tap.sh"
. "$BB_SOURCE/t/lib/manifest.sh"

agent a
key='AAAAC3NzaC1lZDI1NTE5AAAAIDummyDummyDummyDummyDummyDummyDummyDummyDu'

# with YAML: a bottle of the shell provider that says YAML as well.
with() {
	printf 'agent_provider: {template: shell}\n%s' "$1"
}

# --- the smallest one, and its defaults ---

right 'a bottle needs nothing: it is of the provider claude' '{}' \
	'[.agent_provider, .env, .git_gate, .egress, .supervise, .limits]' \
	'[{"template":"claude","forward_host_credentials":false,"settings":{}},[],{"user":{},"repos":[]},{"log":"blocks","routes":[]},true,null]'
wrong 'front matter without a key is not one' '' '2:1: empty; write {} for a mapping without keys'
wrong 'a list is no bottle' '- a' '2:1: not a mapping; write '"'key: value'"' lines'

# --- extends (folding: parse-fold.t) ---

wrong 'extends: a number' "$(with 'extends: 7')" \
	"3:10: bottle 'b': extends: found the number 7, wanted a name; put it in quotes"
wrong 'extends: no name' "$(with 'extends: Base')" \
	"3:10: bottle 'b': extends: found the string 'Base', wanted a name: lower-case letters, digits and '-', a letter first"
wrong 'extends: an empty list' "$(with 'extends: []')" \
	"3:10: bottle 'b': extends: found an empty list, wanted a name or a list of names"
wrong 'extends: a mapping' "$(with 'extends: {a: b}')" \
	"3:10: bottle 'b': extends: found a mapping, wanted a name or a list of names"
wrong 'extends: a path' "$(with 'extends: ../agents/a')" \
	"3:10: bottle 'b': extends: found the string '../agents/a', wanted a name: lower-case letters, digits and '-', a letter first"

# --- env ---

right 'env: a literal' "$(with 'env: {A: text}')" '.env' '[{"source":"literal","value":"text","name":"A"}]'
right 'env: values are strings, as they are written' \
	"$(with "env: {A: 8080, B: 0755, C: true, D: yes, E: 1e3, F: 1.50, G: ''}")" '[.env[].value]' \
	'["8080","0755","true","yes","1e3","1.50",""]'
right 'env: a secret that is asked for' "$(with 'env: {A: "?the PIN", B: "?"}')" '.env' \
	'[{"source":"prompt","prompt":"the PIN","name":"A"},{"source":"prompt","prompt":"B","name":"B"}]'
# shellcheck disable=SC2016 # ${} is the manifest's
right 'env: a variable of the host' "$(with 'env: {A: "${HOST_1}"}')" '.env' \
	'[{"source":"host","host":"HOST_1","name":"A"}]'
# shellcheck disable=SC2016
right 'env: nothing else is interpolated' "$(with 'env: {A: "x${HOST}", B: "${HOST}x", C: "${}", D: "${a-b}", E: $HOST, F: " ${HOST}"}')" \
	'[.env[] | [.source, .value]] | unique' \
	'[["literal"," ${HOST}"],["literal","$HOST"],["literal","${HOST}x"],["literal","${a-b}"],["literal","${}"],["literal","x${HOST}"]]'
# shellcheck disable=SC2016
right 'env: and that is told' "$(with 'env: {A: "x${HOST}"}')" '.warnings[0].text' \
	"\"bottle 'b': env.A: taken as it is written: only a value that is exactly '\${NAME}' is copied from the host\""
right 'env: a value of several lines' "$(with 'env:
  A: |
    one
    two')" '.env[0].value' '"one\ntwo\n"'
wrong 'env: a list' "$(with 'env: [A]')" "3:6: bottle 'b': env: found a list, wanted a mapping of names to strings"
wrong 'env: no value' "$(with 'env: {A: }')" \
	"3:10: bottle 'b': env.A: found nothing, wanted a string; write '' for an empty one"
wrong 'env: null' "$(with 'env: {A: ~}')" "3:10: bottle 'b': env.A: found null, wanted a string; write '' for an empty one"
wrong 'env: a list as value' "$(with 'env: {A: [x]}')" "3:10: bottle 'b': env.A: found a list, wanted a string"
for name in 1A A-B 'A B' 'A.B' 'Ä'; do
	wrong "env: '$name' is no name" "$(with "env: {\"$name\": x}")" \
		"3:7: bottle 'b': env: found the name '$name', wanted letters, digits and '_', and no digit first"
done
for name in HTTP_PROXY https_proxy NO_PROXY ALL_PROXY PATH HOME SSL_CERT_FILE NODE_EXTRA_CA_CERTS CURL_CA_BUNDLE \
	REQUESTS_CA_BUNDLE GIT_SSL_CAINFO PIP_CERT CARGO_HTTP_CAINFO CODEX_CA_CERTIFICATE NODE_USE_ENV_PROXY \
	LD_PRELOAD; do
	wrong "env: $name is the launcher's" "$(with "env: {$name: x}")" \
		"3:7: bottle 'b': env: found the name '$name', wanted another one: the launcher sets this itself"
done

# --- agent_provider ---

right 'template: a built-in' 'agent_provider: {template: claude}' \
	'[.agent_provider.template, .provider.name, .provider.origin]' \
	'["claude","claude","built-in"]'
wrong 'template: unknown, with what is near' 'agent_provider: {template: clade}' \
	"2:28: agent_provider.template: found 'clade', wanted a provider (did you mean 'claude'?): one of $(known_providers), or a plug-in in '$home/contrib'"
wrong 'template: no name' 'agent_provider: {template: ../x}' \
	"2:28: bottle 'b': agent_provider.template: found the string '../x', wanted a name: lower-case letters, digits and '-', a letter first"
wrong 'template: a list' 'agent_provider: {template: [claude]}' \
	"2:28: bottle 'b': agent_provider.template: found a list, wanted a name"
wrong 'agent_provider: a string' 'agent_provider: claude' \
	"2:17: bottle 'b': agent_provider: found the string 'claude', wanted a mapping"
right 'auth_token: a variable of the host' 'agent_provider: {auth_token: CLAUDE_TOKEN}' '.agent_provider.auth_token' \
	'"CLAUDE_TOKEN"'
wrong 'auth_token: a pasted token is not shown' 'agent_provider: {auth_token: sk-ant-oat01-secret}' \
	"2:30: bottle 'b': agent_provider.auth_token: found another text (not shown), wanted the name of an environment variable: letters, digits and '_', and no digit first"
wrong 'auth_token: only where the provider has a slot' 'agent_provider: {template: shell, auth_token: T}' \
	"2:47: agent_provider.auth_token: found it, but provider 'shell' has no token slot; remove it, or give a route 'auth'"
right 'forward_host_credentials: false' 'agent_provider: {forward_host_credentials: false}' \
	'.agent_provider.forward_host_credentials' 'false'
wrong 'forward_host_credentials: no boolean' 'agent_provider: {forward_host_credentials: on}' \
	"2:44: bottle 'b': agent_provider.forward_host_credentials: found the string 'on', wanted true or false"
wrong 'forward_host_credentials: only where the provider can' 'agent_provider: {forward_host_credentials: true}' \
	"2:44: agent_provider.forward_host_credentials: found true, but provider 'claude' does not support it; remove it"
wrong 'settings: only what the provider declares' 'agent_provider: {template: shell, settings: {url: x}}' \
	"2:51: agent_provider.settings has unknown key 'url'; provider 'shell' declares: none"
wrong 'settings: a mapping' 'agent_provider: {settings: [x]}' \
	"2:28: bottle 'b': agent_provider.settings: found a list, wanted a mapping"
wrong 'settings: no lists in it' 'agent_provider: {settings: {x: []}}' \
	"2:32: bottle 'b': agent_provider.settings.x: found a list, wanted a string, a number, true or false"
echo 'FROM scratch' >"$home/bottles/Dockerfile"
right 'dockerfile: beside the bottle' 'agent_provider: {dockerfile: Dockerfile}' '.agent_provider.dockerfile' \
	"\"$home/bottles/Dockerfile\""
right 'dockerfile: absolute' "agent_provider: {dockerfile: $home/bottles/Dockerfile}" '.agent_provider.dockerfile' \
	"\"$home/bottles/Dockerfile\""
cp "$home/bottles/Dockerfile" "$HOME/D"
right 'dockerfile: below the home directory' 'agent_provider: {dockerfile: ~/D}' '.agent_provider.dockerfile' \
	"\"$HOME/D\""
wrong 'dockerfile: it must be there' 'agent_provider: {dockerfile: /nowhere/D}' \
	"2:30: agent_provider.dockerfile: found '/nowhere/D', wanted a file"
wrong 'unknown key in agent_provider' 'agent_provider: {templat: shell}' \
	"2:18: bottle 'b': agent_provider has unknown key 'templat' (did you mean 'template'?); allowed: template, dockerfile, auth_token, forward_host_credentials, settings"

# --- git-gate ---

right 'user: both' "$(with 'git-gate: {user: {name: Robo, email: r@example.org}}')" '.git_gate.user' \
	'{"name":"Robo","email":"r@example.org"}'
right 'user: one of them' "$(with "git-gate: {user: {name: '', email: r@example.org}}")" '.git_gate.user' \
	'{"email":"r@example.org"}'
wrong 'user: neither' "$(with "git-gate: {user: {name: ''}}")" \
	"3:18: bottle 'b': git-gate.user: found neither name nor email, wanted one of them at least"
wrong 'user: two lines' "$(with 'git-gate: {user: {name: "a\nb"}}')" \
	"3:25: bottle 'b': git-gate.user.name: found the string 'a\\nb', wanted one line of text: it holds a line break or a control character"
wrong 'user: a number' "$(with 'git-gate: {user: {name: 12}}')" \
	"3:25: bottle 'b': git-gate.user.name: found the number 12, wanted one line of text; put it in quotes"
wrong 'user: unknown key' "$(with 'git-gate: {user: {mail: a}}')" \
	"3:19: bottle 'b': git-gate.user has unknown key 'mail' (did you mean 'email'?); allowed: name, email"

# repo YAML: a bottle with the remote "app".
repo() {
	with "git-gate: {repos: {app: {$1}}}"
}
right 'repos: an ssh URL, taken apart' \
	"$(repo "url: 'ssh://git@git.example.org:2222/team/app.git', host_key: 'git.example.org ssh-ed25519 $key', key: {provider: static, path: ~/.ssh/k}")" \
	'.git_gate.repos[0] | del(.host_key)' \
	'{"name":"app","url":"ssh://git@git.example.org:2222/team/app.git","scheme":"ssh","user":"git","host":"git.example.org","port":2222,"path":"/team/app.git","key":{"provider":"static","path":"'"$HOME"'/.ssh/k"}}'
right 'repos: the form of scp' "$(repo "url: 'git@git.example.org:team/app.git'")" \
	'.git_gate.repos[0] | [.scheme, .user, .host, .port, .path]' \
	'["ssh","git","git.example.org",22,"team/app.git"]'
right 'repos: https' "$(repo "url: 'https://git.example.org/app.git', auth: {token_ref: T}")" \
	'.git_gate.repos[0] | [.scheme, .user, .host, .port, .path, .auth]' \
	'["https",null,"git.example.org",443,"/app.git",{"token_ref":"T"}]'
right 'repos: an ssh remote without key is told' "$(repo "url: 'ssh://h.example/a.git'")" '[.warnings[].text]' \
	'["git-gate.repos.app has no '"'key'"': fetch and push will be refused","git-gate.repos.app has no '"'host_key'"': fetch and push will be refused"]'
right 'repos: a forge makes the key' "$(repo "url: 'ssh://h.example/a', key: {provider: gitea, forge_token_env: GITEA_TOKEN}")" \
	'.git_gate.repos[0].key' '{"provider":"gitea","forge_token_env":"GITEA_TOKEN"}'
right 'repos: what a push may do' "$(repo "url: 'https://h.example/a', push: {branches: ['agent/*', main], force: true, delete: false, tags: true}")" \
	'.git_gate.repos[0].push' '{"branches":["agent/*","main"],"force":true,"delete":false,"tags":true}'
wrong 'repos: no URL' "$(repo 'push: {force: true}')" \
	"3:20: git-gate.repos.app.url: found nothing, wanted the URL of a git remote"
wrong 'repos: a name with a slash' "$(with 'git-gate: {repos: {a/b: {}}}')" \
	"3:20: bottle 'b': git-gate.repos: found the name 'a/b', wanted letters, digits and . _ -, at most 100"
wrong 'repos: the name ..' "$(with 'git-gate: {repos: {..: {}}}')" \
	"3:20: bottle 'b': git-gate.repos: found the name '..', wanted letters, digits and . _ -, at most 100"

# bad_url URL 'WHY': a URL that no remote has; it is not shown, since it may hold a password.
bad_url() {
	wrong "url: '$1'" "$(repo "url: \"$1\"")" \
		"3:31: bottle 'b': git-gate.repos.app.url: found another text (not shown), wanted the URL of a git remote: $2"
}
bad_url 'ssh://git:pw@h.example/a' 'a password in a URL ends up in logs; remove it'
bad_url 'https://user:pw@h.example/a' 'a password in a URL ends up in logs; remove it'
bad_url 'ssh://-oProxyCommand=x/a' 'a host that is neither a name of letters, digits and hyphens nor a canonical address'
bad_url 'ssh://-u@h.example/a' "the user is empty or begins with '-'"
bad_url 'h.example:-x' "the path begins with '-'"
bad_url 'ssh://h.example' 'the path of the repository is missing'
bad_url 'git://h.example/a' 'the scheme must be ssh or https: others send the repository in the clear'
bad_url 'file:///etc' 'the scheme must be ssh or https: others send the repository in the clear'
bad_url 'ext::sh -c x' 'it holds a space or a control character'
bad_url '/srv/git/a' 'a path of this host is no remote'
bad_url 'ssh://h.example/a\tb' 'it holds a space or a control character'
bad_url 'nothing' 'neither a URL nor HOST:PATH'
wrong 'host_key: of another host' "$(repo "url: 'ssh://h.example/a', host_key: 'other.example ssh-ed25519 $key'")" \
	"3:62: git-gate.repos.app.host_key: found the key of another host, wanted that of 'h.example'"
right 'host_key: with the port, as known_hosts has it' \
	"$(repo "url: 'ssh://h.example:2222/a', host_key: '[h.example]:2222 ssh-ed25519 $key'")" \
	'.git_gate.repos[0].port' '2222'
wrong 'host_key: no key' "$(repo "url: 'ssh://h.example/a', host_key: 'h.example ssh-ed25519 ???'")" \
	"3:62: bottle 'b': git-gate.repos.app.host_key: found the string 'h.example ssh-ed25519 ???', wanted a host key: the key is not base64"
wrong 'host_key: an unknown type' "$(repo "url: 'ssh://h.example/a', host_key: 'h.example dsa $key'")" \
	"3:62: bottle 'b': git-gate.repos.app.host_key: found the string 'h.example dsa $(printf %s "$key" |
	cut -c 1-43)...', wanted a host key: the type of the key is unknown; take the line that ssh-keyscan prints"
right 'scanner: gitleaks as well' "$(with 'git-gate: {scanner: both}')" '.git_gate.scanner' '"both"'
wrong 'scanner: another one' "$(with 'git-gate: {scanner: gitleak}')" \
	"3:21: bottle 'b': git-gate.scanner: found the string 'gitleak', wanted one of own, gitleaks, both (did you mean 'gitleaks'?)"
wrong 'key: with https' "$(repo "url: 'https://h.example/a', key: {provider: static, path: /k}")" \
	"3:54: git-gate.repos.app.key: found with an https URL, which takes 'auth'; remove it"
wrong 'auth: with ssh' "$(repo "url: 'ssh://h.example/a', auth: {token_ref: T}")" \
	"3:52: git-gate.repos.app.auth: found with an ssh URL, which takes 'key'; remove it"
wrong 'key: unknown provider' "$(repo "url: 'ssh://h.example/a', key: {provider: gitlab}")" \
	"3:68: bottle 'b': git-gate.repos.app.key.provider: found the string 'gitlab', wanted one of static, gitea, github (did you mean 'gitea'?)"
wrong 'key: static without a path' "$(repo "url: 'ssh://h.example/a', key: {provider: static}")" \
	"3:57: bottle 'b': git-gate.repos.app.key.path: found nothing, wanted the file of the private key for the key provider 'static'"
wrong 'key: a relative path' "$(repo "url: 'ssh://h.example/a', key: {provider: static, path: k}")" \
	"3:82: bottle 'b': git-gate.repos.app.key.path: found the string 'k', wanted a file: an absolute path, or one that begins with ~/"
right 'repos: a forge that is elsewhere' "$(repo "url: 'ssh://h.example/a', key: {provider: gitea, forge_token_env: T, forge_url: 'https://f.example:3000/git'}")" \
	'.git_gate.repos[0].key.forge_url' '"https://f.example:3000/git"'
wrong 'key: a forge without TLS' "$(repo "url: 'ssh://h.example/a', key: {provider: gitea, forge_token_env: T, forge_url: 'http://f.example'}")" \
	"3:106: bottle 'b': git-gate.repos.app.key.forge_url: found the string 'http://f.example', wanted the address of a forge: https://HOST[:PORT][/PATH]"
wrong 'key: a forge for a file' "$(repo "url: 'ssh://h.example/a', key: {provider: static, path: /k, forge_url: 'https://f.example'}")" \
	"3:97: bottle 'b': git-gate.repos.app.key.forge_url: found with the key provider 'static', which has no use for it; remove it"
wrong 'key: a path for a forge' "$(repo "url: 'ssh://h.example/a', key: {provider: github, path: /k, forge_token_env: T}")" \
	"3:82: bottle 'b': git-gate.repos.app.key.path: found with the key provider 'github', which has no use for it; remove it"
for branch in 'refs/heads/x' '*x' 'a..b' '-x' 'x/' 'a b' 'x.lock'; do
	bottle b "$(repo "url: 'https://h.example/a', push: {branches: ['$branch']}")"
	status=0
	manifest_of a || status=$?
	is "$status" 100 "push: '$branch' is no branch"
	like "$(cat err)" "^bb-parse: $home/bottles/b.md:3:[0-9]+: bottle 'b': git-gate.repos.app.push.branches\[0\]: found the string '.*', wanted a branch: " \
		'and that is said'
done

# --- egress (its routes: routes.c) ---

right 'log: the numbers' "$(with 'egress: {log: 0}')" '.egress.log' '"off"'
right 'log: 1' "$(with 'egress: {log: 1}')" '.egress.log' '"blocks"'
right 'log: 2' "$(with 'egress: {log: 2}')" '.egress.log' '"full"'
right 'log: the word off is a string, no boolean' "$(with 'egress: {log: off}')" '.egress.log' '"off"'
right 'log: blocks' "$(with 'egress: {log: blocks}')" '.egress.log' '"blocks"'
right 'log: full' "$(with 'egress: {log: full}')" '.egress.log' '"full"'
wrong 'log: 3' "$(with 'egress: {log: 3}')" \
	"3:15: bottle 'b': egress.log: found the number 3, wanted 0, 1 or 2 (or off, blocks, full)"
wrong 'log: false' "$(with 'egress: {log: false}')" \
	"3:15: bottle 'b': egress.log: found false, wanted one of off, blocks, full"
right 'routes: kept in normal form' "$(with 'egress: {routes: [{host: API.example.com., ports: [8443]}]}')" \
	'.egress.routes' \
	'[{"host":"api.example.com","ports":[8443]}]'
right 'routes: a file of the user' "$(with 'egress: {routes: [{host: a.b, upstream: {ca_file: ~/ca.pem}}]}')" \
	'.egress.routes[0].upstream.ca_file' "\"$HOME/ca.pem\""
wrong 'routes: a mapping' "$(with 'egress: {routes: {host: a}}')" \
	"3:18: bottle 'b': egress.routes: found a mapping, wanted a list of at most 10000 routes"
wrong 'routes: a problem has its path' "$(with 'egress: {routes: [{host: a.b}, {host: x, ports: [0]}]}')" \
	"3:50: bottle 'b': egress.routes[1].ports[0]: found the number 0, wanted a port from 1 to 65535"
wrong 'routes: a wildcard over strangers is refused before the start' \
	"$(with "egress: {routes: [{host: '*.co.uk'}]}")" \
	"3:26: bottle 'b': egress.routes[0].host: found the string '*.co.uk', wanted a host name: it is a public suffix, below which anybody can have a host; name the hosts"

# --- supervise ---

right 'supervise: true is the default' "$(with '{}' | head -n 1)" '.supervise' 'true'
right 'supervise: false' "$(with 'supervise: false')" '.supervise' 'false'
right 'supervise: TRUE' "$(with 'supervise: TRUE')" '.supervise' 'true'
for value in yes no on off 1 "'true'" ''; do
	bottle b "$(with "supervise: $value")"
	status=0
	manifest_of a || status=$?
	is "$status" 100 "supervise: <$value> is no boolean"
	like "$(cat err)" "3:[0-9]+: bottle 'b': supervise: found .*, wanted true or false$" 'and that is said'
done

# --- limits ---

right 'limits: all, in base units' "$(with 'limits: {memory: 4g, cpus: 1.5, pids: 512, disk: 512MiB, wall: 1h30m}')" \
	'.limits' \
	'{"memory":4294967296,"cpus":"1.5","pids":512,"disk":536870912,"wall":5400}'
right 'limits: each alone' "$(with 'limits: {wall: 90s}')" '.limits' '{"wall":90}'
right 'limits: bytes, quoted numbers, days' "$(with "limits: {memory: 16777216, cpus: '2', disk: 1 tb, wall: 2d}")" \
	'.limits' \
	'{"memory":16777216,"cpus":"2","disk":1099511627776,"wall":172800}'

# bad_limit YAML COLUMN FOUND WANTED
bad_limit() {
	wrong "limits: $1" "$(with "limits: {$1}")" "3:$2: bottle 'b': limits.${1%%:*}: found $3, wanted $4"
}
size='a size of at least 16m with its unit, like 512m or 4g'
bad_limit 'memory: 4' 18 'the number 4' "$size"
bad_limit 'memory: 4x' 18 "the string '4x'" "$size"
bad_limit 'memory: 1.5g' 18 "the string '1.5g'" "$size"
bad_limit 'memory: -4g' 18 "the string '-4g'" "$size"
bad_limit 'memory: 9999999t' 18 "the string '9999999t'" "$size"
bad_limit 'memory: g' 18 "the string 'g'" "$size"
bad_limit 'memory: true' 18 true "$size"
bad_limit 'memory: [4g]' 18 'a list' "$size"
bad_limit 'memory: ' 18 nothing "$size"
bad_limit 'disk: 1m' 16 "the string '1m'" 'a size of at least 16m with its unit, like 512m or 10g'
cpus='a number of processors, like 2 or 1.5, at most 1024'
bad_limit 'cpus: 0' 16 'the number 0' "$cpus"
bad_limit 'cpus: 1025' 16 'the number 1025' "$cpus"
bad_limit 'cpus: 1.2345' 16 'the number 1.2345' "$cpus"
bad_limit 'cpus: 1.' 16 'the number 1.' "$cpus"
bad_limit 'cpus: two' 16 "the string 'two'" "$cpus"
bad_limit 'pids: 0' 16 'the number 0' 'a number of processes from 1 to 4194304'
bad_limit 'pids: 4194305' 16 'the number 4194305' 'a number of processes from 1 to 4194304'
bad_limit 'pids: many' 16 "the string 'many'" 'a number of processes from 1 to 4194304'
wall='a time with its unit, like 90s, 30m, 1h30m or 2d, at most 366d'
bad_limit 'wall: 30' 16 'the number 30' "$wall"
bad_limit 'wall: 0s' 16 "the string '0s'" "$wall"
bad_limit 'wall: 367d' 16 "the string '367d'" "$wall"
bad_limit 'wall: 5 minutes' 16 "the string '5 minutes'" "$wall"
wrong 'limits: unknown key' "$(with 'limits: {ram: 4g}')" \
	"3:10: bottle 'b': limits has unknown key 'ram'; allowed: memory, cpus, pids, disk, wall"

# --- unknown keys and old spellings ---

wrong 'an unknown key names what is near and what is allowed' "$(with 'egres: {}')" \
	"3:1: bottle 'b' has unknown key 'egres' (did you mean 'egress'?); allowed: extends, env, agent_provider, git-gate, egress, supervise, limits"
wrong 'a key in other letters' "$(with 'eɡress: {}')" \
	"3:1: bottle 'b' has unknown key 'eɡress' (did you mean 'egress'?); allowed: extends, env, agent_provider, git-gate, egress, supervise, limits"
wrong 'a key with nothing near it' "$(with 'zzzzzz: 1')" \
	"3:1: bottle 'b' has unknown key 'zzzzzz'; allowed: extends, env, agent_provider, git-gate, egress, supervise, limits"

# old YAML LINE:COLUMN PATH KEY 'WHAT TO WRITE'
old() {
	wrong "old spelling: $1" "$(with "$1")" "3:$2: bottle 'b': ${3:+$3: }key '$4' is not used here: $5"
}
old 'git: {}' 1 '' git "remotes are declared in 'git-gate.repos'"
old 'git_user: {}' 1 '' git_user "write 'git-gate: {user: {name: NAME, email: EMAIL}}'"
old 'ssh: {}' 1 '' ssh "ssh remotes are declared in 'git-gate.repos', with 'key' and 'host_key'"
old 'runtime: runsc' 1 '' runtime 'the backend is chosen at start: bb start --backend NAME'
old 'cred_proxy: {}' 1 '' cred_proxy "credentials are given to a route: 'egress.routes[].auth'"
old 'egress_proxy: {}' 1 '' egress_proxy "the key is 'egress', with 'routes'"
old 'pipelock: {}' 1 '' pipelock "what is looked for is said per route: 'egress.routes[].dlp'"
old 'egress: {allowlist: []}' 10 egress allowlist "write one entry for each host under 'routes': '- host: NAME'"
old 'egress: {routes: [{host: a.b, path_allowlist: []}]}' 31 'egress.routes[0]' path_allowlist \
	"write 'matches: [{paths: [{type: prefix, value: /PATH}]}]'"
old 'egress: {routes: [{host: a.b, role: ~}]}' 31 'egress.routes[0]' role 'the word is reserved; remove it'
old 'git-gate: {repos: {app: {identity: /k}}}' 26 git-gate.repos.app identity \
	"write 'key: {provider: static, path: FILE}'"
old 'git-gate: {repos: {app: {provisioned_key: {}}}}' 26 git-gate.repos.app provisioned_key \
	"write 'key: {provider: gitea, forge_token_env: NAME}'"
old 'bottle: x' 1 '' bottle "an agent's file has it; a bottle holds what agents share"
old 'skills: [x]' 1 '' skills "an agent's file has it; a bottle holds what agents share"

# --- all problems of a load at once ---

wrong 'every problem is told, in the order of the file' 'extends: 1
env: {PATH: x}
egres: {}
supervise: maybe
limits: {pids: 0}' \
	"2:10: bottle 'b': extends: found the number 1, wanted a name; put it in quotes" \
	"3:7: bottle 'b': env: found the name 'PATH', wanted another one: the launcher sets this itself" \
	"4:1: bottle 'b' has unknown key 'egres' (did you mean 'egress'?); allowed: extends, env, agent_provider, git-gate, egress, supervise, limits" \
	"5:12: bottle 'b': supervise: found the string 'maybe', wanted true or false" \
	"6:16: bottle 'b': limits.pids: found the number 0, wanted a number of processes from 1 to 4194304"

done_testing
