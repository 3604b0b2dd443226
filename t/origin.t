#!/bin/sh
test_title='origin and load, the two ends of tests and measurements, are honest'
. "$(dirname "$0")/lib/tap.sh"

origin=$BB_BUILD/bench/origin
load=$BB_BUILD/bench/load

mkdir root && echo 'a file' >root/file && mkfifo ready
"$origin" --ca ca --record arrived --root root --udp >ready &
at_exit "kill $!"
read -r plain tls <ready

get() {
	curl -sS --cacert ca/ca.pem --connect-to "api.example:443:127.0.0.1:$tls" "$@"
}
# shellcheck disable=SC2317 # an argument of check
run() {
	"$load" --ca ca/ca.pem --connect "127.0.0.1:$tls" "$@"
}

is "$(wc -c <arrived)" 0 'nothing is on record before anything arrives'
check 'any name gets a certificate that verifies' get -o body https://api.example/bytes/100000
is "$(wc -c <body)" 100000 'and as many bytes as asked for'
check 'the same bytes come in chunks' get -o chunked 'https://api.example/chunked/100000?size=777'
check 'with the same contents' cmp body chunked
check 'a body of unknown length is repeated' sh -c "curl -sS --cacert ca/ca.pem \
	--connect-to api.example:443:127.0.0.1:$tls -T - https://api.example/echo <body | cmp - body"
check 'and one announced with 100-continue' sh -c "curl -sS --cacert ca/ca.pem -H 'Expect: 100-continue' \
	--connect-to api.example:443:127.0.0.1:$tls --data-binary @body https://api.example/echo | cmp - body"
is "$(get -o /dev/null -w '%{http_code}' https://api.example/status/503)" 503 'a status is the one asked for'
is "$(get -o /dev/null -w '%{http_code}' https://api.example/nothing)" 404 'what is not there is not found'
is "$(get https://api.example/file)" 'a file' 'files below --root are served'
is "$(get -o /dev/null -w '%{http_code}' --path-as-is https://api.example/../arrived)" 404 'and none above it'
is "$(get -o /dev/null -w '%{redirect_url}' 'https://api.example/redirect?to=http://other.example/')" \
	http://other.example/ 'a redirect goes where it was told to'
check_status 56 'a connection is reset on request' get https://api.example/close
check_status 18 'an answer is cut on request' get https://api.example/truncate/100
is "$(get 'https://api.example/sse?n=3&ms=1' | grep -c '^data: {"n":[012],"at":[0-9]*}$')" 3 \
	'three events are three events'
is "$(curl -sS "http://127.0.0.1:$plain/headers" | jq -r .host)" "127.0.0.1:$plain" 'plain HTTP is served too'
check_status 60 'another authority does not verify' curl -sS --connect-to "api.example:443:127.0.0.1:$tls" \
	https://api.example/

is "$(jq -r 'select(.target == "/echo") | .body.sha256' arrived | sort -u)" "$(sha256sum <body | cut -d' ' -f1)" \
	'the record has the digest of what was sent'
is "$(jq -r 'select(.target == "/file") | .sni + " " + .host' arrived)" 'api.example api.example' \
	'the record has both names'
wait_for grep -q handshake-failed arrived
is "$(jq -r 'select(.event == "handshake-failed") | .tls' arrived | head -n 1)" true 'and handshakes that failed'
/usr/bin/python3 -c \
	"import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'a datagram', ('127.0.0.1', $plain))"
wait_for grep -q datagram arrived
is "$(jq -r 'select(.event == "datagram") | .bytes' arrived)" 'a datagram' 'and datagrams'

check 'load finds all answers right' run --requests 50 --connections 4 --expect 3000 https://api.example/bytes/3000
is "$(jq -c '[.requests, .errors, .latency_ns.count]' out)" '[50,0,50]' 'and says how many'
check 'with bodies' run --requests 5 --post 200000 --expect 2 https://api.example/bytes/2
is "$(jq -s 'map(select(.body.length == 200000)) | length' arrived)" 5 'which arrive in whole'
check 'with a connection for each' run --requests 5 --fresh --expect 3 https://api.example/bytes/3
is "$(jq .handshake_ns.count out)" 5 'and a handshake for each'
check 'with events' run --requests 1 --events 'https://api.example/sse?n=5&ms=1'
is "$(jq .event_delay_ns.count out)" 5 'each of which is timed'
check_status 1 'a shorter answer is an error' run --requests 1 --expect 5 https://api.example/bytes/4
is "$(jq -r .first_error out)" 'answer has another length than expected' 'that is named'
check_status 1 'an answer of other bytes is an error' run --requests 1 --expect 7 https://api.example/file
is "$(jq -r .first_error out)" 'answer has other bytes than expected' 'that is named'
check_status 1 'a status other than 200 is an error' run --requests 1 https://api.example/status/404
check_status 1 'a cut answer is an error' run --requests 1 https://api.example/truncate/100
check_status 1 'an answer that does not come is an error' run --requests 1 --limit 100 \
	'https://api.example/slow?ms=5000'
check_status 1 'a certificate of another authority is an error' "$load" --requests 1 --connect "127.0.0.1:$tls" \
	https://api.example/
check_status 100 'no URL is a wrong call' "$load"
check_status 100 'nor is another scheme a URL' "$load" ftp://x/
check_status 111 'certificates that are not there' "$load" --ca nowhere https://api.example/
check_status 100 'an origin needs an identity' "$origin"
check_status 111 'and a port that is free' "$origin" --ca ca --http "$plain"
done_testing
