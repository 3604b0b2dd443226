#!/bin/sh
# shellcheck disable=SC2016 # the bottle's dollars
test_title='bb resume: a bottle whose agent failed goes on, under the policy of now'
# shellcheck source=t/lib/tap.sh
. "$(dirname "$0")/lib/tap.sh"

mkdir -p home/agents home/bottles project tmp
export BOT_BOTTLE_HOME="$PWD/home" TMPDIR="$PWD/tmp"

# bottle ROUTES: what the bottle may reach.
bottle() {
	printf -- '---\nagent_provider: {template: shell}\nsupervise: false\nenv: {GREETING: %s}\negress: {routes: [%s]}\n---\n' "$1" "$2" >home/bottles/box.md
	chmod 600 home/bottles/box.md
}
bottle first '{host: one.example.com}, {host: two.example.com}'
printf -- '---\nbottle: box\n---\nBe brief.\n' >home/agents/hello.md
echo 'the only copy' >project/precious

check_status 100 'an identity is needed' bb resume
like "$(cat err)" "^bb-resume: the identity of a bottle is missing; try 'bb resume --help'" 'and asked for'
check_status 100 'a path is none' bb resume ../x
check_status 100 'nor are two' bb resume a b
check_status 100 'an unknown option is one' bb resume --cwd a
check_status 100 'what is not there cannot go on' bb resume nobody --yes
like "$(cat err)" "^bb-start: there is no bottle 'nobody' to go on with" 'by name'
check_status 100 'bb start resumes nothing else' bb start --resume nobody --label x
check 'bb resume --help' bb resume --help
like "$(cat out)" '^usage: bb resume' 'shows the usage'

if ! bb-launch-native check >out 2>err; then
	skip 'a real bottle' "$(grep -h fail out err | head -n 1)"
	done_testing
fi

# The first life ends badly.
(cd project && bb start hello --yes --headless --cwd --label kept \
	--prompt 'echo more >>precious; echo note >~/note; exit 7' >../out 2>../err </dev/null)
is $? 7 'an agent fails'
check 'its state is there' test -f home/state/kept/metadata.json

# The second, with less allowed.
bottle second '{host: two.example.com}'
check 'a dry run shows what is in force now' bb resume kept --dry-run --json --headless --prompt true
is "$(jq -c '[.identity, .label, [.preflight.routes[].host]]' out)" '["kept","kept",["two.example.com"]]' \
	'under the same identity'
is "$(jq -r .cwd out)" "$PWD/project" 'on the same directory'
bb resume kept --yes --headless --prompt 'cat precious ~/note; echo $GREETING; curl -s -o /dev/null -w "%{http_code}\n" https://one.example.com/; exit 8' >out 2>err </dev/null
is "$? $(tr '\n' ' ' <out)" '8 the only copy more note second 403 ' \
	'it finds its files, and what is no longer allowed is refused'
is "$(cat project/precious)" 'the only copy' 'the directory is as it was'

# Good ends remove it.
check 'it ends well' bb resume kept --yes --headless --prompt true
is "$(ls -A home/state)" '' 'and leaves nothing'
check_status 100 'after which there is nothing to go on with' bb resume kept --yes --headless --prompt true
is "$(ls -A tmp)" '' 'no temporary file is left'
done_testing
