#!/bin/sh
# shellcheck disable=SC2016 # the bottle's dollars
test_title='no secret is in what a Docker engine shows or keeps of a bottle'
# shellcheck source=t/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
# shellcheck source=t/lib/docker.sh
. "$BB_SOURCE/t/lib/docker.sh"

routes <<END
- host: api.example.com
  auth: {scheme: Bearer, token_ref: BB_TEST_TOKEN}
END

bottle 0 'the images are there' true
mkfifo input
bb start tester --backend docker --yes --headless --label planted \
	--prompt 'echo up; read end; printf %s "$KEY" | wc -c' >said 2>err <input &
bottle=$!
exec 5>input
at_exit "kill $bottle"
check 'a bottle with two secrets runs' wait_for grep -q up said

# Everything that the engine tells of it, and everything on disk.
for c in bot-bottle-planted bot-bottle-sidecars-planted; do
	docker inspect "$c"
	docker logs "$c" 2>&1
	docker top "$c" -eo pid,args
	docker diff "$c"
	docker history --no-trunc "$(docker inspect --format '{{.Image}}' "$c")"
	docker export "$c" | tr '\0' '\n'
done >shown 2>&1
docker network inspect bot-bottle-egress-planted >>shown
docker volume inspect bot-bottle-door-planted >>shown
cat home/state/planted/*.json home/state/planted/logs/* home/audit/* >>shown 2>/dev/null
find home/state/planted -type f -exec cat {} + >>shown 2>/dev/null
like "$(grep -a '"Image"' shown)" 'bot-bottle-agent' 'what is searched is there'

# variants VALUE: it and what it looks like in encodings, one a line; for base64 the part that does not depend on
# what stands before.
variants() {
	printf '%s\n' "$1"
	printf '%s' "$1" | od -An -v -tx1 | tr -d ' \n' && echo
	printf '%s' "$1" | od -An -v -tx1 | tr -d ' \n' | tr a-f A-F && echo
	for before in '' x xx; do
		printf '%s%s' "$before" "$1" | base64 -w 0 | cut -c 5-40
	done
	printf '%s' "$1" | rev && echo
}
for value in "$BB_TEST_KEY" "$BB_TEST_TOKEN"; do
	variants "$value" >patterns
	is "$(wc -l <patterns | tr -d ' ')" 7 "the planted ${value%%-*} in seven forms"
	is "$(grep -acFf patterns shown)" 0 'is in none of it'
done
echo "$BB_TEST_KEY" >>shown
is "$(grep -acFf patterns shown) $(variants "$BB_TEST_KEY" | grep -c .)" '0 7' 'the search is one for the other value'
variants "$BB_TEST_KEY" >patterns
is "$(grep -acFf patterns shown)" 1 'and finds what is there'

echo >&5
exec 5>&-
wait $bottle
is "$? $(tail -n 1 said)" "0 ${#BB_TEST_KEY}" 'the agent had its own all the time'
is "$(leftovers)" '' 'nothing is left'
done_testing
