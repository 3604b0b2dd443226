#!/bin/sh
test_title='the demo holds, says so when it does not, and leaves nothing behind'
. "$(dirname "$0")/lib/tap.sh"

mkdir temporary
export TMPDIR="$PWD/temporary" NO_COLOR=1

check 'every expectation of the demo holds' "$BB_SOURCE/examples/demo/run"
like "$(cat out)" '^([0-9]+) of \1 as they should be\. [0-9]+ ms' 'as its last line says'
unlike "$(cat out)" '^ NOT ' 'and no line is marked'
is "$(ls -A temporary)" '' 'nothing is left in the directory for temporary files'

# The same with a hole in the routes: every path of the API is open, and the request for one more arrives.
cp -R "$BB_SOURCE/examples/demo" holed
sed -e '/matches:/d' -e '/methods:/d' -e '/paths:/d' "$BB_SOURCE/examples/demo/bottle.md" >holed/bottle.md
check_status 1 'a bottle with a hole fails the demo' env BB_SOURCE="$BB_SOURCE" BB_BUILD="$BB_BUILD" holed/run
like "$(cat out)" '^ NOT +asked the API for another path' 'and the line about the hole is marked'
like "$(cat out)" '^ NOT +asked you for one more path' 'as is the one about a path that has to be asked for'
is "$(grep -c '^ NOT ' out)" 2 'and only those'

# A bottle that cannot be made is another thing than one that does not hold.
echo 'not a manifest' >holed/bottle.md
check_status 111 'a bottle that does not start is said to be so' env BB_SOURCE="$BB_SOURCE" BB_BUILD="$BB_BUILD" holed/run
like "$(cat err)" 'the bottle did not run' 'in words'
is "$(ls -A temporary)" '' 'and nothing is left then, either'
done_testing
