#!/bin/sh
# shellcheck disable=SC2016 # the bottle's dollars
test_title='bb start --backend docker: a real bottle from a manifest to its end'
# shellcheck source=t/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
# shellcheck source=t/lib/docker.sh
. "$BB_SOURCE/t/lib/docker.sh"

start_origin api
api_port=$tls
start_origin evil
evil_port=$plain
routes <<END
- host: api.example.com
  auth: {scheme: Bearer, token_ref: BB_TEST_TOKEN}
  upstream: {connect: "$host:$api_port", ca_file: "$PWD/ca/ca.pem"}
END

bottle 0 'an agent runs' 'echo "$GREETING $KEY $BOT_BOTTLE_PROMPT"; id -un; pwd; hostname'
is "$(cat out)" "hello $BB_TEST_KEY Be brief.
node
/home/node
$(sed -n 's/^identity  //p' err)" 'with its variables and prompt, as its user, at home'
is "$(leftovers)" '' 'and leaves nothing'
is "$(ls -A tmp)" '' 'no temporary file either'

bottle 0 'what a route allows is reached' 'curl -sS -o /dev/null -w "%{http_code}" -H "Authorization: Bearer made-up" https://api.example.com/bytes/20'
is "$(cat out)" 200 'by the bottle'
is "$(arrived api '[.[] | select(.target == "/bytes/20") | .headers[] | select(.[0] | ascii_downcase == "authorization") | .[1]] | join(",")')" \
	"Bearer $BB_TEST_TOKEN" 'and the credential that arrives is the real one'
bottle 0 'it is nowhere inside' 'env; cat /proc/*/environ; cat /proc/1/cmdline; grep -rs "$(echo '"$(printf %s "$BB_TEST_TOKEN" | tail -c 20)"')" /etc /opt /run /tmp /home || :'
unlike "$(tr '\0' '\n' <out | grep -av '^BOT_BOTTLE_PROMPT')" "$(printf %s "$BB_TEST_TOKEN" | head -c 20)" \
	'not in an environment, not in a file'

bottle 0 'what no route lists is refused' 'curl -sS -o answer -w "%{http_code} " https://evil.example.net/; cat answer'
like "$(cat out)" "^403 'evil.example.net' is in no route" 'by name'
bottle 0 'and nothing is reached directly' "for port in $evil_port $api_port; do
	(exec 3<>/dev/tcp/$host/\$port) 2>/dev/null && echo connected
	(echo x >/dev/udp/$host/\$port) 2>/dev/null && echo sent
done; curl --noproxy '*' -sS --max-time 5 http://$host:$evil_port/ ; cat /sys/class/net/*/address; true"
is "$(cat out)" '00:00:00:00:00:00' 'there is a loopback interface and no other'
is "$(wc -c <evil.arrived | tr -d ' ')" 0 'nothing has arrived at the attacker'

mkdir -p project
echo 'the only copy' >project/precious
(cd project && bb start tester --backend docker \
	--yes --headless --cwd --prompt 'pwd; cat precious; rm precious; ls -A; id -u' >../out 2>../err </dev/null)
is "$? $(cat out)" '0 /home/node/workspace
the only copy
1000' 'the workspace is a copy'
is "$(cat project/precious)" 'the only copy' 'the directory is as it was'

bottle 7 'its status is that of the start' 'exit 7'
like "$(cat err)" "the state of 'tester-[a-z0-9]{5}' is kept" 'whose state is kept'
unlike "$(cat home/state/*/plan.json home/state/*/metadata.json)" "$BB_TEST_KEY|$BB_TEST_TOKEN" 'without a secret'
identity=$(ls home/state)
check_status 100 'it cannot be gone on with' bb resume "$identity" --yes --headless --prompt true
like "$(cat err)" "^bb-launch-docker: '$identity' cannot go on" 'and is told why'
rm -rf home/state
bottle 137 'a signal is 128 and its number' 'kill -KILL $$'
rm -rf home/state
printf 'one\ntwo\n' >input
bb start tester --backend docker --yes --headless --prompt 'cat; echo done >&2' >out 2>err <input
is "$? $(cat out)" '0 one
two' 'standard input is the agent'\''s'
like "$(cat err)" '^done$' 'and so is standard error'
# What an agent says at once comes in one read with the news of its start; what is left of that read is not forgotten
# while the agent is silent.
rounds=0
while [ $rounds -lt 6 ]; do
	mkfifo held
	bb start tester --backend docker --yes --headless --prompt 'echo at once; read end' >said 2>err <held &
	bottle=$!
	exec 5>held
	wait_for grep -q 'at once' said || break
	echo >&5
	exec 5>&-
	wait $bottle || break
	rm held
	rounds=$((rounds + 1))
done
is $rounds 6 'what an agent says at once is seen at once'
exec 5>&-
bottle 0 'a megabyte comes out whole' 'head -c 1000000 /dev/zero | tr "\0" x'
is "$(wc -c <out | tr -d ' ')" 1000000 'every byte'
head -c 1000000 /dev/zero | tr '\0' y >input
bb start tester --backend docker --yes --headless --prompt 'sha256sum' >out 2>err <input
is "$? $(cut -d' ' -f1 out)" "0 $(sha256sum <input | cut -d' ' -f1)" 'and goes in whole'
is "$(leftovers)" '' 'nothing is left of all these'

for provider in shell claude; do
	printf -- '---\nagent_provider: {template: %s}\n---\n' "$provider" >home/bottles/plain.md
	chmod 600 home/bottles/plain.md
	bb start tester --bottle plain --backend docker --dry-run --json >out 2>err
	check "the provider $provider has a recipe of its image" test -f "$(jq -r .bottle.image.dockerfile out)"
done

printf '%s\n' 'expect start it\? \[y/N\] $' 'send y\n' 'expect \$ ?$' 'send tty; stty size; echo $((40 + 2))\n' \
	'expect /dev/pts/[0-9]+\r\n[0-9]+ [0-9]+\r\n42' \
	'send exit 3\n' >script
python3 "$BB_SOURCE/t/lib/terminal.py" script bb start tester --backend docker >shown 2>err
is "$? $(cat err)" '3 ' 'on a terminal it is asked for, attached and ended'

done_testing
