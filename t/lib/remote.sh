# A git remote behind a real sshd on loopback, and a gate in front of it. Read after tap.sh.
#
#	remote_start                 sshd as the current user on a free port of $ssh_address, which is 127.0.0.1 unless
#	                             it was set before: $ssh_port; a key: ./key;
#	                             its host key: $host_key; bare repositories below ./remote
#	remote_repo NAME             make ./remote/NAME.git with one commit on main
#	remote_url NAME              the URL of that repository
#	gate_config NAME [JQ]...     write ./gate.json with these repositories (and JQ applied to each)
#	gate_start [OPTION]...       run bb-gitgate on it: $gate_git and $gate_http are its base URLs, $gate_pid
#	gate_stop
#	as_client COMMAND...         with a git that has no configuration but the person's name
# shellcheck shell=sh disable=SC2154,SC2034

sshd=$(command -v sshd || echo /usr/sbin/sshd)
if [ ! -x "$sshd" ]; then
	skip 'a git remote' 'sshd is not installed'
	done_testing
fi

if ! getent passwd "$(id -u)" >/dev/null; then
	skip 'a git remote' 'ssh runs only for users with an account, and this one has none'
	done_testing
fi

# free_port: a port of loopback that is free right now.
free_port() {
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

as_client() {
	env -u GIT_DIR HOME="$PWD" GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL="$PWD/gitconfig" GIT_TERMINAL_PROMPT=0 "$@"
}

ssh_address=${ssh_address:-127.0.0.1}
printf '[user]\n\tname = A\n\temail = a@example.org\n[init]\n\tdefaultBranch = main\n[advice]\n\tdetachedHead = false\n' >gitconfig
export GIT_CONFIG_GLOBAL="$PWD/gitconfig" GIT_CONFIG_NOSYSTEM=1 HOME="$PWD"

remote_start() {
	ssh_port=$(free_port)
	mkdir -p remote sshd
	ssh-keygen -q -t ed25519 -N '' -C '' -f key
	ssh-keygen -q -t ed25519 -N '' -C '' -f sshd/host
	cp key.pub sshd/authorized
	host_key=$(cut -d ' ' -f 1,2 sshd/host.pub)
	cat >sshd/config <<-END
		Port $ssh_port
		ListenAddress $ssh_address
		HostKey $PWD/sshd/host
		AuthorizedKeysFile $PWD/sshd/authorized
		PidFile none
		StrictModes no
		UsePAM no
		PasswordAuthentication no
		PermitRootLogin yes
		AcceptEnv GIT_PROTOCOL
		LogLevel VERBOSE
	END
	# Privilege separation wants its directory when sshd runs as root.
	[ "$(id -u)" -ne 0 ] || mkdir -p /run/sshd
	"$sshd" -D -e -f sshd/config 2>sshd/log &
	sshd_pid=$!
	at_exit "kill $sshd_pid"
	wait_for grep -q 'Server listening' sshd/log
}

remote_repo() {
	git init -q --bare "remote/$1.git"
	git init -q "seed-$1"
	echo "this is $1" >"seed-$1/README"
	git -C "seed-$1" add README
	git -C "seed-$1" commit -q -m "begin $1"
	git -C "seed-$1" push -q "$PWD/remote/$1.git" HEAD:refs/heads/main
}

remote_url() {
	echo "ssh://$(id -un)@$ssh_address:$ssh_port$PWD/remote/$1.git"
}

# gate_config NAME [JQ]...: each with the jq filter that follows it, or '.'
gate_config() {
	: >repos.jsonl
	while [ $# -gt 0 ]; do
		jq -cn --arg name "$1" --arg url "$(remote_url "$1")" --arg host "$host_key" \
			'{name: $name, url: $url, host_key: $host, key: ("git-key:" + $name)} | '"${2:-.}" >>repos.jsonl
		shift
		[ $# -eq 0 ] || shift
	done
	jq -cs '{kind: "git-gate", v: 1, repos: .}' repos.jsonl >gate.json
	python3 - <<-'END' >secrets
		import json
		out = b""
		key = open("key", "rb").read()
		for repo in json.load(open("gate.json"))["repos"]:
		    if "key" in repo:
		        name = repo["key"].encode()
		        out += b"%d:%s,%d:%s," % (len(name), name, len(key), key)
		open("/dev/stdout", "wb").write(out)
	END
}

gate_start() {
	gate_git_port=$(free_port)
	gate_http_port=$(free_port)
	mkfifo gate.ready
	bb-gitgate serve --config gate.json --dir gate --git "127.0.0.1:$gate_git_port" \
		--http "127.0.0.1:$gate_http_port" \
		--rules "$BB_SOURCE/rules/tokens.yaml" --secrets 4 --ready 5 "$@" >>gate.log 2>>gate.err 4<secrets \
		5>gate.ready </dev/null &
	gate_pid=$!
	at_exit "kill $gate_pid"
	gate_said=$(cat gate.ready)
	rm gate.ready
	gate_git=git://127.0.0.1:$gate_git_port
	gate_http=http://127.0.0.1:$gate_http_port
}

gate_stop() {
	kill "$gate_pid"
	wait "$gate_pid"
}
