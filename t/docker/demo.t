#!/bin/sh
test_title='the demo holds on a Docker engine, too'
# shellcheck source=t/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
# shellcheck source=t/lib/docker.sh
. "$BB_SOURCE/t/lib/docker.sh"

mkdir temporary
unset BOT_BOTTLE_HOME
export TMPDIR="$PWD/temporary" NO_COLOR=1 BACKEND=docker
docker network ls --quiet | sort >before
check 'every expectation of the demo holds' "$BB_SOURCE/examples/demo/run"
like "$(cat out)" '^([0-9]+) of \1 as they should be\. [0-9]+ ms' 'as its last line says'
unlike "$(cat out)" '^ NOT ' 'and no line is marked'
is "$(ls -A temporary)" '' 'nothing is left in the directory for temporary files'
is "$(docker network ls --quiet | sort)" "$(cat before)" 'nor a network'
check_status 111 'another backend is refused' env BACKEND=nothing "$BB_SOURCE/examples/demo/run"
like "$(cat err)" "^demo: unknown backend 'nothing'" 'by name'
done_testing
