#!/bin/sh
test_title='bb-egress check and bb-egress routes: what the proxy would decide, and why'
. "$(dirname "$0")/lib/tap.sh"

cat >routes.yaml <<'END'
routes:
  - host: api.example.com
    auth: {scheme: Bearer, token_env: EXAMPLE_TOKEN}
    matches:
      - paths: [{value: /v1}, {type: regex, value: "/x[0-9]+"}]
        methods: [get, POST]
      - paths: [{value: /h}]
        headers: [{name: X-Team, value: blue}]
  - host: "*.cdn.example.com"
    ports: [443, 8443]
    max_body: 1000
  - host: git.example.com
    git: {fetch: true}
  - host: 127.0.0.1
  - host: 10.0.0.7
    allow_private: true
  - host: 169.254.169.254
    allow_private: true
  - host: inside.example.com
    upstream: {connect: "127.0.0.1:8443"}
END

# decides STATUS 'TEXT' 'METHOD URL' [OPTION...]: the exit status and a part of what is said.
decides() {
	decides_status=$1 decides_text=$2
	shift 2
	check_status "$decides_status" "$*: exit $decides_status" bb-egress check --routes routes.yaml "$@"
	like "$(cat out)" "$decides_text" "... $decides_text"
	is "$(wc -l <out)$(cat err)" 1 '... in one line'
}

decides 0 "^allowed by the route for 'api.example.com', with its credential in 'authorization'$" \
	'POST https://api.example.com/v1/x?q=1'
decides 0 "^allowed by the route for 'api.example.com'" 'GET https://API.example.com:443/x12'
decides 1 "^refused with 403 by the rule 'paths': the route for 'api.example.com'" 'GET https://api.example.com/v2'
decides 1 "403 by the rule 'methods'.*'DELETE'" 'DELETE https://api.example.com/v1'
decides 1 "403 by the rule 'headers'" 'GET https://api.example.com/h'
decides 1 "403 by the rule 'headers'" 'GET https://api.example.com/h' -H 'x-team: red'
decides 0 '^allowed' 'GET https://api.example.com/h' -H 'x-team: blue' --header 'Accept: */*'
decides 1 "403 by the rule 'credential': .*x-api-key" 'GET https://api.example.com/v1' -H 'x-api-key: mine'
decides 1 "403 by the rule 'credential'" 'GET https://api.example.com/v1?access_token=mine'
decides 0 '^allowed' 'GET https://api.example.com/v1' -H 'Authorization: Bearer mine'
decides 1 "403 by the rule 'plain-http'" 'GET http://api.example.com/v1'
decides 1 "403 by the rule 'host': 'example.com'" 'GET https://example.com/'
decides 1 "403 by the rule 'host'" 'GET https://cdn.example.com/'
decides 0 "route for '\*.cdn.example.com'$" 'GET https://a.b.cdn.example.com:8443/'
decides 1 "403 by the rule 'port'" 'GET https://a.cdn.example.com:444/'
decides 0 '^allowed' 'PUT https://a.cdn.example.com/' -H 'Content-Length: 1000'
decides 1 "413 by the rule 'max-body'" 'PUT https://a.cdn.example.com/' -H 'Content-Length: 1001'
decides 1 "400 by the rule 'path'" 'GET https://git.example.com/a/%2e%2e/b'
decides 1 "400 by the rule 'framing'" 'GET https://git.example.com/' -H 'Content-Length: +1'
decides 1 "400 by the rule 'target'" 'GET https://git.example.com/#fragment'
decides 1 "400 by the rule 'target'" 'GET ftp://git.example.com/'
decides 1 "421 by the rule 'authority'" 'GET https://git.example.com/' -H 'Host: api.example.com'
decides 1 "403 by the rule 'git" 'POST https://git.example.com/r.git/git-receive-pack'
decides 0 '^allowed' 'POST https://git.example.com/r.git/git-upload-pack'
decides 0 '^allowed: the proxy answers it itself$' 'GET http://_egress.local/allowlist'
decides 1 "404 by the rule 'introspection'" 'GET http://_egress.local/x'
decides 1 "405 by the rule 'introspection'" 'POST http://_egress.local/allowlist'
decides 1 "403 by the rule 'address': .*loopback.*allow_private" 'GET https://127.0.0.1/'
decides 0 '^allowed' 'GET https://10.0.0.7/'
decides 1 "403 by the rule 'address': .*169" 'GET https://169.254.169.254/'
decides 0 '^allowed' 'GET https://inside.example.com/'
decides 1 "400 by the rule 'target'" 'CONNECT git.example.com:443'
decides 1 "400 by the rule 'framing'" "GET https://git.example.com/$(printf '\033')[31m"

# the document
bb-egress check --json --routes routes.yaml 'POST https://api.example.com/v1' -H 'Authorization: Bearer mine' >d.json
is $? 0 'a decision as a document'
bb-json --kind egress-decision --v 1 check <d.json
is $? 0 '... of its kind'
is "$(jq -c 'del(.kind, .v)' d.json)" '{"allowed":true,"scheme":"https","host":"api.example.com","port":443,"method":"POST","path":"/v1","route":"api.example.com","index":0,"removed":["Authorization"],"credential":"authorization"}' '... that says what would go where, with what'
bb-egress check --json --routes routes.yaml 'DELETE https://api.example.com/v1' >d.json
is $? 1 'a refusal as a document has the same exit status'
is "$(jq -c '[.allowed, .status, .rule, .route, .index]' d.json)" '[false,403,"methods","api.example.com",0]' \
	'... and says why'
bb-egress check --json --routes routes.yaml 'GET nothing' >d.json
is "$(jq -c 'keys' d.json)" '["allowed","kind","reason","rule","status","v"]' '... or what little is known'

# mistakes
check_status 100 'no request' bb-egress check --routes routes.yaml
check_status 100 'a URL without a method' bb-egress check --routes routes.yaml https://api.example.com/
check_status 100 'a request in pieces' bb-egress check --routes routes.yaml 'GET https://api.example.com/' and more
check_status 100 'a URL with a space' bb-egress check --routes routes.yaml 'GET https://api.example.com/ HTTP/1.1'
check_status 100 'no routes' bb-egress check 'GET https://api.example.com/'
check_status 100 'a header that is none' bb-egress check --routes routes.yaml 'GET https://api.example.com/' -H nothing
check_status 100 'a header that is two' bb-egress check --routes routes.yaml 'GET https://api.example.com/' -H "a: b
c: d"
check_status 100 'an unknown option' bb-egress check --routes routes.yaml --verbose 'GET https://api.example.com/'
check_status 111 'a routes file that is not there' bb-egress check --routes none.yaml 'GET https://api.example.com/'
echo 'routes: [{host: a.test, colour: blue}]' >bad.yaml
check_status 100 'a routes file that is wrong' bb-egress check --routes bad.yaml 'GET https://a.test/'
like "$(cat err)" 'bad.yaml:1:.*colour' '... which says where'
check_status 0 'check --help' bb-egress check --help

# routes
check 'the routes for people' bb-egress routes --routes routes.yaml
is "$(wc -l <out)" 7 '... one on a line'
like "$(cat out)" '^api.example.com credential Bearer from EXAMPLE_TOKEN matching methods GET,POST paths /v1,/x\[0-9\]\+ or paths /h headers$' '... with what they permit'
like "$(cat out)" '^\*.cdn.example.com ports 443,8443 max-body 1000$' '... and where'
check 'the routes as a document' bb-egress routes --json --routes routes.yaml
cp out again.yaml
is "$(jq -r '.routes[0].matches[0].methods[0]' again.yaml)" GET '... in the form that is compared'
bb-egress routes --json --routes again.yaml >twice.yaml
check '... which is a routes file itself, and the same' cmp again.yaml twice.yaml
check_status 100 'routes without a file' bb-egress routes
check_status 100 'routes with an operand' bb-egress routes --routes routes.yaml x
check_status 100 'routes of a wrong file' bb-egress routes --routes bad.yaml

done_testing
