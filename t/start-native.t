#!/bin/sh
# shellcheck disable=SC2016 # the bottle's dollars
test_title='bb start on this machine: a real bottle from a manifest to its end'
# shellcheck source=t/lib/tap.sh
. "$(dirname "$0")/lib/tap.sh"

mkdir -p home/agents home/bottles project tmp
export BOT_BOTTLE_HOME="$PWD/home" TMPDIR="$PWD/tmp"
cat >home/bottles/box.md <<'END'
---
agent_provider: {template: shell}
supervise: false
env:
  GREETING: hello
  KEY: "${BB_TEST_KEY}"
egress:
  routes:
    - host: api.example.com
      auth: {scheme: Bearer, token_ref: BB_TEST_TOKEN}
---
END
chmod 600 home/bottles/box.md
printf -- '---\nbottle: box\n---\nBe brief.\n' >home/agents/hello.md
echo 'the only copy' >project/precious
export BB_TEST_KEY=key-4711 BB_TEST_TOKEN=token-4711

if ! bb-launch-native check >out 2>err; then
	skip 'a real bottle' "$(grep -h fail out err | head -n 1)"
	done_testing
fi

# headless STATUS 'NAME' COMMAND [OPTION]...: a bottle whose agent runs COMMAND ends with STATUS.
headless() {
	status=$1 name=$2 command=$3
	shift 3
	(cd project && bb start hello --yes --headless --prompt "$command" "$@") >out 2>err </dev/null
	is "$?" "$status" "$name"
}

headless 0 'an agent runs' 'echo "$GREETING $KEY $BOT_BOTTLE_PROMPT"; id -un; pwd'
is "$(cat out)" 'hello key-4711 Be brief.
node
/home/node' 'with its variables and prompt, as its user, at home'
is "$(ls -A home/state tmp)" 'home/state:

tmp:' 'and leaves nothing'
headless 0 'it works on a copy' 'pwd; cat precious; rm precious; ls' --cwd
is "$(cat out; cat project/precious)" '/home/node/workspace
the only copy
the only copy' 'the directory is as it was'
headless 0 'nothing of the host is in its environment' 'env'
unlike "$(cat out)" 'BB_TEST|BOT_BOTTLE_HOME|token-4711' 'not the token either'
headless 7 'its status is that of the start' 'exit 7'
like "$(cat err)" "the state of 'hello-[a-z0-9]{5}' is kept in '$PWD/home/state/hello-" 'whose state is kept, and where'
is "$(find home/state -mindepth 1 -maxdepth 1 | wc -l)" 1 'there'
unlike "$(cat home/state/*/plan.json home/state/*/metadata.json)" '4711' 'without a secret'
headless 137 'a signal is 128 and its number' 'kill -KILL $$'
headless 0 'a label is its identity' 'hostname' --label 'My Bottle'
is "$(cat out)" my-bottle 'and its host name'

# Two of one label: the second is refused while the first is there.
mkfifo started
(cd project && exec bb start hello --yes --headless --label twin --prompt 'echo up; read end' <../started) >first \
	2>/dev/null &
twin=$!
at_exit "kill $twin"
exec 5>started
tries=0
until grep -q up first || [ $tries -ge 600 ]; do
	kill -0 $twin || break
	tries=$((tries + 1))
	python3 -c 'import select; select.select([], [], [], 0.05)'
done
is "$(cat first)" up 'the first of a label runs'
headless 100 'a second of that label is refused' true --label Twin
like "$(cat err)" "^bb-launch-native: .*twin" 'by name'
echo >&5
exec 5>&-
wait $twin
is $? 0 'the first is unharmed'

printf '%s\n' 'expect start it\? \[y/N\] $' 'send y\n' 'expect \$ ?$' 'send tty; echo $((40 + 2))\n' \
	'expect /dev/pts/[0-9]+\r\n42' \
	'send exit 3\n' >script
(cd project && python3 "$BB_SOURCE/t/lib/terminal.py" ../script bb start hello >../shown 2>../err)
is "$? $(cat err)" '3 ' 'on a terminal it is asked for, attached and ended'

done_testing
