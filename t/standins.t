#!/bin/sh
test_title='the stand-ins of other servers behave as their clients expect'
. "$(dirname "$0")/lib/tap.sh"
. "$BB_SOURCE/t/lib/certificate.sh"

check 'a certificate is made' make_certificate ca api.anthropic.com
check 'and another of the same authority' make_certificate ca git.example
check 'which verifies' openssl verify -x509_strict -CAfile ca/ca.pem ca/git.example.pem

mkfifo ready
/usr/bin/python3 "$BB_SOURCE/t/lib/anthropic.py" --cert ca/api.anthropic.com.pem --key ca/api.anthropic.com.key \
	--record asked --command 'echo it' --final 'That was it.' >ready &
at_exit "kill $!"
read -r port <ready

ask() {
	curl -sS --cacert ca/ca.pem --connect-to "api.anthropic.com:443:127.0.0.1:$port" -H 'Authorization: Bearer T' \
		--data "$1" 'https://api.anthropic.com/v1/messages?beta=true'
}
tools='"tools":[{"name":"Bash"}]'
is "$(ask "{\"model\":\"m\",$tools,\"messages\":[{\"role\":\"user\",\"content\":\"do\"}]}" |
	jq -r '.stop_reason + " " + .content[1].input.command')" 'tool_use echo it' \
	'a first message is answered with the command'
is "$(ask "{\"stream\":true,\"model\":\"m\",$tools,\"messages\":[]}" | sed -n 's/^data: //p' |
	jq -rj 'select(.type == "content_block_delta") | .delta.partial_json // empty' | jq -r .command)" 'echo it' \
	'also as a stream'
result='{"role":"user","content":[{"type":"tool_result","tool_use_id":"x","content":[{"type":"text","text":"saw this"}]}]}'
is "$(ask "{\"model\":\"m\",$tools,\"messages\":[$result]}" | jq -r '.content[0].text')" 'That was it.' \
	'a result ends the turn'
is "$(jq -r '.results[]' asked)" 'saw this' 'and is on record'
is "$(jq -r '.credentials.authorization[0]' asked | sort -u)" 'Bearer T' 'as are the credentials'
is "$(ask '{"model":"m","messages":[]}' | jq -r .stop_reason)" end_turn 'without a tool there is a text'
is "$(curl -sS -o /dev/null -w '%{http_code}' --cacert ca/ca.pem --connect-to "api.anthropic.com:443:127.0.0.1:$port" \
	https://api.anthropic.com/api/claude_code/settings)" 404 'what Claude Code can do without is not there'

export GIT_CONFIG_NOSYSTEM=1 HOME="$PWD" GIT_AUTHOR_NAME=n GIT_AUTHOR_EMAIL=e GIT_COMMITTER_NAME=n GIT_COMMITTER_EMAIL=e
git init -q --bare repos/some.git
git -C repos/some.git config http.receivepack true
git init -q first && echo text >first/file && git -C first add . && git -C first commit -qm first
git -C first push -q ../repos/some.git HEAD:refs/heads/main
git -C repos/some.git symbolic-ref HEAD refs/heads/main
/usr/bin/python3 "$BB_SOURCE/t/lib/githttp.py" --cert ca/git.example.pem --key ca/git.example.key --root "$PWD/repos" \
	--record fetched >ready &
at_exit "kill $!"
read -r port <ready
export GIT_SSL_CAINFO="$PWD/ca/ca.pem"
resolve="http.curloptResolve=git.example:$port:127.0.0.1"
check 'git clones from the stand-in' git -c "$resolve" clone -q "https://git.example:$port/some.git" copy
is "$(cat copy/file)" text 'and has the files'
echo more >copy/file && git -C copy commit -qam second
check 'and pushes to it' git -C copy -c "$resolve" push -q origin HEAD:refs/heads/other
is "$(git -C repos/some.git log -1 --format=%s other)" second 'what arrived is what was pushed'
is "$(jq -r .method fetched | sort -u | tr '\n' ' ')" 'GET POST ' 'the requests are on record'
done_testing
