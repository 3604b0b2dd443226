#!/bin/sh
test_title='a native bottle: what the agent has, what it has not, and what is left of it'
. "$(dirname "$0")/lib/tap.sh"
. "$BB_SOURCE/t/lib/bottle.sh"

# in_bottle USER SCRIPT [FILTER]: run it, with nothing kept of the one before; output in ./out and ./err, status in
# $status.
in_bottle() {
	status=0
	rm -rf "$1/home/state/one"
	run_shell "$1" one "$2" "${3:-.}" >out 2>err || status=$?
}

for user in $users; do
	# --- who the agent is ---
	in_bottle "$user" 'id -un; id -u; id -g; id -G; hostname; pwd; cat /etc/hostname /.bottle; ps -o pid= -p 1 | tr -d " "; ls /proc/self/fd'
	is "$status $(tr '\n' ' ' <out)" '0 node 1000 1000 1000 one /home/node one one1 0 1 2 3 ' \
		"$user: the agent is node, alone, with three descriptors"
	is "$(cat err)" '' "$user: ... and nothing is said"
	is "$(leftovers "$user")" '' "$user: ... and nothing is left"

	# --- environment: exactly the plan's ---
	in_bottle "$user" 'env -0 | tr "\n\0" " \n" | grep -v ^PWD= | sort'
	canary=$(jq -r '.bottle.env[] | select(has("secret")) | .name' "$user/one.plan")
	is "$(sed -n "s/^$canary=[A-Za-z0-9+\/]\{40\}$/a canary/p" out)" 'a canary' \
		"$user: the one secret of the environment is the canary"
	sed -i "/^$canary=/d" out
	jq -r '.bottle.env[] | select(has("value")) | .name + "=" + .value' "$user/one.plan" | sort >want
	is "$(cat out)" "$(cat want)" "$user: the environment is the plan's, all of it and nothing else"
	in_bottle "$user" 'cat /proc/1/environ | tr "\0" "\n"; tr "\0" "\n" </proc/1/cmdline | grep .'
	is "$(cat out)" '' "$user: the first process shows no variable and no argument"

	# --- certificates ---
	in_bottle "$user" 'cat /etc/bot-bottle/ca.pem; (: >/etc/ssl/certs/x) 2>&1; ls -l /etc/ssl/certs >&2
		cd /etc/ssl/certs && openssl x509 -hash -noout -in bot-bottle.pem &&
			openssl verify -CApath . "$(readlink ./*.0)"'
	is "$(grep -c 'BEGIN CERTIFICATE' out)" 1 "$user: the proxy's CA is there"
	like "$(cat out)" 'Read-only file system' "$user: ... where the agent cannot change it"
	like "$(cat out)" '^bot-bottle.pem: OK$' "$user: ... and OpenSSL finds it in the system's directory"

	# --- privileges ---
	in_bottle "$user" 'grep -E "^(Cap...|NoNewPrivs|Seccomp):" /proc/self/status | tr "\t\n" "  "; ulimit -c; bash -c "ulimit -u"'
	like "$(cat out)" 'CapInh: 0+ CapPrm: 0+ CapEff: 0+ CapBnd: 0+ CapAmb: 0+ NoNewPrivs: 1 Seccomp: 2 0$' \
		"$user: no capability, no new privileges, a filter, no core files"
	is "$(sed -n '2p' out)" 4096 "$user: processes are limited"
	in_bottle "$user" 'su -c id 2>&1; echo $?; unshare -U true 2>&1; echo $?; mount -t tmpfs none /tmp 2>&1; echo $?; cat /proc/1/maps 2>&1; kill -9 1 2>&1; cut -d" " -f4 /proc/1/stat'
	unlike "$(cat out)" 'uid=0' "$user: a set-id program gives nothing"
	like "$(cat out)" 'unshare failed: Operation not permitted' "$user: no namespace of its own"
	unlike "$(cat out)" 'r-xp' "$user: no looking into the first process"

	# --- file system ---
	in_bottle "$user" 'for p in /x /etc/x /usr/x /opt/x /proc/sys/kernel/core_pattern /etc/hosts \
		/etc/ssl/certs/ca-certificates.crt; do
		if (: >$p) 2>/dev/null; then echo "$p"; fi; done
		for p in "$HOME" /tmp /run /var/tmp /dev/shm; do echo x >$p/x && cat $p/x && rm $p/x || echo "no $p"; done'
	is "$(tr '\n' ' ' <out)" 'x x x x x ' "$user: the agent writes its home and the places for temporary files only"
	in_bottle "$user" 'ls -A / | tr "\n" " "; ls /home /root /mnt /srv /media /sys /boot 2>/dev/null; ls /dev | tr "\n" " "'
	unlike "$(cat out)" '(^| )(boot|mnt|root|srv|sys|media)( |$)' "$user: nothing else of the host is there"
	like "$(cat out)" '^fd full null ptmx pts random shm stderr stdin stdout tty urandom zero $' \
		"$user: six devices and what belongs to them"
	in_bottle "$user" "ls -d '$PWD' '$BB_SOURCE/Makefile' 2>/dev/null; cat /etc/passwd /etc/hosts | grep -c ."
	is "$(cat out)" 6 "$user: its own /etc, and no path of ours"
	in_bottle "$user" 'awk "\$2 !~ \"^/(proc|dev)\" && \$4 !~ /nosuid/ || \$4 !~ /nodev/ && \$2 !~ \"^/dev/\"" /proc/mounts'
	is "$(cat out)" '' "$user: every mount is nosuid, and only /dev has devices"
	in_bottle "$user" 'cat /proc/cmdline /proc/kallsyms /proc/modules /proc/keys /proc/partitions 2>/dev/null | wc -c; cut -d. -f1 /proc/uptime'
	is "$(head -n 1 out)" 0 "$user: /proc does not tell about the host"
	check "$user: ... nor when it was started" test "$(tail -n 1 out)" -lt 60

	in_bottle "$user" 'grep -c -e bb-prove /proc/self/mountinfo; ls -d /etc/apt/apt.conf.d'
	is "$(tr '\n' ' ' <out)" '0 /etc/apt/apt.conf.d ' "$user: the mounts do not tell where bot-bottle is installed"

	# --- network ---
	in_bottle "$user" 'ls /sys/class/net 2>/dev/null; tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d " "; tail -n +2 /proc/net/route | wc -l; getent hosts egress example.com'
	is "$(tr -s ' \n' '  ' <out)" 'lo 0 127.0.0.1 egress ' \
		"$user: one interface, no route, no names but the services"
	in_bottle "$user" 'curl -s -o /dev/null -w "%{http_code}" http://unlisted.example.com/; python3 -c "
import socket
s=socket.socket(); s.bind((\"127.0.0.1\",0)); s.listen(); c=socket.create_connection(s.getsockname()); print(\" local\")"'
	is "$(cat out)" '403 local' "$user: the proxy answers, and servers of the agent's own can be reached"

	# --- files of the plan ---
	mkdir -p skill/sub
	echo text >skill/sub/file
	ln -sf sub/file skill/link
	printf '#!/bin/sh\n' >skill/run
	chmod 755 skill/run
	[ "$user" != "$ordinary" ] || chmod -R a+rX skill
	# shellcheck disable=SC2016
	in_bottle "$user" 'stat -c "%n %a %U" .cfg/deep/file skills/x/sub/file skills/x/run; cat .cfg/deep/file skills/x/link' \
		".bottle.files = [{path: \"/home/node/.cfg/deep/file\", mode: \"0600\", content: \"inside\\n\"}] |
		.bottle.copies = [{source: \"$PWD/skill\", target: \"/home/node/skills/x\"}]"
	is "$(cat out)" "$(printf '%s\n' '.cfg/deep/file 600 node' 'skills/x/sub/file 644 node' 'skills/x/run 755 node' inside text)" \
		"$user: files and skills are there, and the agent's"

	# --- the workspace is a copy ---
	rm -rf work
	mkdir -p work/sub
	echo theirs >work/file
	echo theirs >work/sub/file
	ln -s /etc/passwd work/link
	[ "$user" = root ] || chown -hR "$user:$user" work 2>/dev/null || :
	find work -printf '%p %s %m %l %T@\n' | sort >before
	workspace=".bottle.workspace = {source: \"$PWD/work\", target: \"/home/node/workspace\"} | .bottle.workdir = \"/home/node/workspace\""
	in_bottle "$user" 'pwd; cat file; echo ours >file; cat file; rm -r sub; echo new >new; chmod 777 file; ls; exit 7' "$workspace"
	is "$status $(tr '\n' ' ' <out)" '7 /home/node/workspace theirs ours file link new ' \
		"$user: the agent changes the workspace"
	like "$(cat err)" "the state of 'one' is kept in '$PWD/$user/home/state/one'" \
		"$user: after a failure the state is kept"
	find work -printf '%p %s %m %l %T@\n' | sort >after
	check "$user: ... and the host's directory is as it was" diff before after
	is "$(stat -c %a "$user/home/state/one")" 700 "$user: ... for nobody else"
	is "$(jq -r '.kind, .identity, .backend' "$user/home/state/one/metadata.json" | tr '\n' ' ')" \
		'metadata one native ' "$user: ... with its metadata"
	check "$user: cleanup keeps it, too" as "$user" bb-launch-native cleanup
	is "$(cat out)" '' "$user: ... and says nothing"
	status=0
	run_shell "$user" one true "$workspace" >out 2>err || status=$?
	is "$status" 100 "$user: another bottle of that name is refused"
	like "$(cat err)" "the state of an earlier bottle named 'one' is kept" "$user: ... with the reason"
	status=0
	# shellcheck disable=SC2016
	make_plan "$user" one '.bottle.argv = ["sh", "-c", $ARGS.positional[0]] | '"$workspace" 'cat file new; ls'
	run_plan "$user" one --resume </dev/null >out 2>err || status=$?
	is "$status $(tr '\n' ' ' <out)" '0 ours new file link new ' "$user: a resumed one goes on where it was"
	is "$(leftovers "$user")" '' "$user: ... and is gone when all is well"
	if [ "$user" = root ]; then
		chown -R 4711:4712 work
		in_bottle root 'stat -c "%U %G" file; echo more >>file; cat file' "$workspace"
		is "$(tr '\n' ' ' <out)" 'node node theirs more ' \
			'root: files of another owner are the agent'\''s in its copy'
		is "$(cat work/file) $(stat -c %u work/file)" 'theirs 4711' 'root: ... and theirs outside'
		chown -R root:root work
	fi

	# --- set-up commands ---
	in_bottle "$user" 'cat made' '.bottle.setup = [{argv: ["sh", "-c", "echo made >made"], on_failure: "fail"}]'
	is "$status $(cat out)" '0 made' "$user: set-up commands run before the agent"
	in_bottle "$user" 'cat made' '.bottle.setup = [{argv: ["sh", "-c", "echo made >made; sleep 1000 &"], on_failure: "fail"}]'
	is "$(cat out)" made "$user: ... which may leave something in the background"
	make_plan "$user" one '.bottle.argv = ["true"] | .bottle.setup = [{argv: ["sleep", "1000"], on_failure: "fail"}]'
	check_status 111 "$user: a command before the agent that does not end is ended" as "$user" \
		BB_SABOTAGE=patience \
		BB_SABOTAGE_PROGRAMS="$BB_BUILD/bin" "$BB_BUILD/t/lib/bb-launch-sabotaged" run \
		--plan "$PWD/$user/one.plan"
	like "$(cat err)" "the command 'sleep' in the bottle failed: it has not ended within" \
		"$user: ... and it is said"
	is "$(leftovers "$user")" '' "$user: ... and nothing is left"
	in_bottle "$user" 'echo ran' '.bottle.setup = [{argv: ["sh", "-c", "echo why; exit 3"], on_failure: "warn"}]'
	is "$status $(cat out)" '0 ran' "$user: one that fails and may is passed over"
	like "$(cat err)" "warning: the command 'sh' in the bottle failed with status 3: why" \
		"$user: ... with a warning"
	in_bottle "$user" 'echo ran' '.bottle.setup = [{argv: ["sh", "-c", "echo why; exit 3"], on_failure: "fail"}]'
	is "$status $(cat out)" '111 ' "$user: one that must not fail and does ends the start"
	is "$(leftovers "$user")" '' "$user: ... with nothing left"

	# --- programs from elsewhere ---
	mkdir -p lib/node_modules/tool/bin lib/node_modules/dependency
	printf '#!/bin/sh\ncat "$(dirname "$(readlink -f "$0")")/../../dependency/text"\n' \
		>lib/node_modules/tool/bin/tool
	echo helped >lib/node_modules/dependency/text
	chmod 755 lib/node_modules/tool/bin/tool
	chmod -R a+rX lib
	in_bottle "$user" 'tool; command -v tool; : >>/opt/tool/node_modules/tool/bin/tool' \
		".bottle.programs = [{name: \"tool\", path: \"$PWD/lib/node_modules/tool/bin/tool\"}]"
	is "$(tr '\n' ' ' <out)" 'helped /home/node/.local/bin/tool ' \
		"$user: a program comes along with the modules that it needs"
	in_bottle "$user" 'true' '.bottle.programs = [{name: "tool", path: "/nonexistent/tool"}]'
	is "$status" 111 "$user: one that does not exist ends the start"
	like "$(cat err)" "unable to find the program 'tool' at '/nonexistent/tool'" "$user: ... and is named"

	# --- two at a time ---
	make_plan "$user" first '.bottle.argv = ["sh", "-c", "read x; hostname; ls /tmp; echo end"]'
	mkfifo hold
	run_plan "$user" first <hold >first.out 2>&1 &
	first=$!
	exec 9>hold
	rm hold
	until as "$user" bb-launch-native list | grep -q first; do :; done
	in_bottle "$user" 'hostname; touch /tmp/of-one; ps -e -o comm= >/run/seen; sort -u /run/seen'
	is "$status $(tr -s '\n' ' ' <out)" '0 one bottle ps sh ' "$user: a second bottle sees nothing of the first"
	as "$user" bb-launch-native list --json >active
	is "$(jq -c '[.kind, .backend, .bottles[0].identity, .bottles[0].daemons, (.bottles | length)]' active)" \
		'["active","native","first",["egress"],1]' \
		"$user: the first one is listed, with its daemons"
	status=0
	run_plan "$user" first </dev/null >out 2>err || status=$?
	is "$status" 100 "$user: its name is taken"
	like "$(cat err)" "a bottle named 'first' is running" "$user: ... which is said"
	as "$user" bb-launch-native cleanup >out
	is "$(cat out)" '' "$user: cleanup does not touch it"
	echo >&9
	exec 9>&-
	wait "$first"
	is "$? $(tr '\n' ' ' <first.out)" '0 first end ' "$user: it ends as it should"
	is "$(leftovers "$user")" '' "$user: ... with nothing left"
done

done_testing
