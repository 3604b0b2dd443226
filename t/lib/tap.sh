# TAP for tests in shell. A test begins with
#
#	#!/bin/sh
#	test_title='what this file is about'
#	. "$(dirname "$0")/lib/tap.sh"
#
# and ends with done_testing. It runs in a directory of its own that is removed
# at the end; $BB_BUILD and $BB_SOURCE say where the programs and the sources are.
# Processes that it starts in the background are added with "at_exit 'kill PID'".
#
#	check 'NAME' COMMAND...          passes when COMMAND exits 0
#	check_status N 'NAME' COMMAND... passes when COMMAND exits exactly N
#	is 'GOT' 'WANT' 'NAME'           passes when the strings are equal
#	like 'TEXT' 'PATTERN' 'NAME'     passes when a line matches the grep -E pattern
#	unlike 'TEXT' 'PATTERN' 'NAME'
#	skip 'NAME' 'REASON'             a check that this machine cannot make
#	wait_for COMMAND...              polls until COMMAND exits 0; fails after a minute
#
# check and check_status leave the output of COMMAND in ./out and ./err.
# shellcheck shell=sh disable=SC2034,SC2154

set -u
export LC_ALL=C

BB_SOURCE=${BB_SOURCE:-$(cd "$(dirname "$0")/.." && pwd)}
BB_BUILD=${BB_BUILD:-$BB_SOURCE/build}
BB_CORPORA=${BB_CORPORA:-$BB_SOURCE/../shared/corpora}
PATH=$BB_BUILD/bin:$PATH
export BB_SOURCE BB_BUILD BB_CORPORA PATH
unset BOT_BOTTLE_HOME BOT_BOTTLE_BACKEND HTTP_PROXY HTTPS_PROXY http_proxy https_proxy NO_PROXY no_proxy

tap_cleanup=
tap_directory=$(mktemp -d "${TMPDIR:-/tmp}/bb-test.XXXXXX")
tap_counts=$tap_directory.counts # in a file, so that a check in a subshell or behind a pipe counts as well
echo 0 0 >"$tap_counts"

at_exit() {
	tap_cleanup="$1; $tap_cleanup"
}

tap_end() {
	tap_status=$?
	trap - EXIT
	eval "$tap_cleanup" >/dev/null 2>&1 || :
	cd / && chmod -R u+rwX "$tap_directory" 2>/dev/null
	rm -rf "$tap_directory" "$tap_counts"
	exit "$tap_status"
}
trap tap_end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

cd "$tap_directory" || exit 1
echo "# ${test_title:?}"

# tap_result STATUS NAME: print one line of TAP.
tap_result() {
	read -r tap_count tap_failed <"$tap_counts"
	tap_count=$((tap_count + 1))
	if [ "$1" -eq 0 ]; then
		printf '%s\n' "ok $tap_count - $2"
	else
		tap_failed=$((tap_failed + 1))
		printf '%s\n' "not ok $tap_count - $2"
	fi
	echo "$tap_count $tap_failed" >"$tap_counts"
}

tap_show() {
	sed 's/^/#   /' "$1" | head -n 40
}

check_status() {
	tap_want=$1
	tap_name=$2
	shift 2
	"$@" >out 2>err </dev/null
	tap_got=$?
	if [ "$tap_got" -eq "$tap_want" ]; then
		tap_result 0 "$tap_name"
	else
		tap_result 1 "$tap_name"
		echo "# status $tap_got, wanted $tap_want, of: $*"
		tap_show out
		tap_show err
	fi
}

check() {
	check_status 0 "$@"
}

is() {
	if [ "$1" = "$2" ]; then
		tap_result 0 "$3"
	else
		tap_result 1 "$3"
		printf '%s\n' "$1" | sed 's/^/#  got: /'
		printf '%s\n' "$2" | sed 's/^/# want: /'
	fi
}

like() {
	if printf '%s\n' "$1" | grep -Eq -- "$2"; then
		tap_result 0 "$3"
	else
		tap_result 1 "$3"
		printf '%s\n' "$1" | head -n 40 | sed 's/^/#  got: /'
		echo "# want a match of: $2"
	fi
}

unlike() {
	if printf '%s\n' "$1" | grep -Eq -- "$2"; then
		tap_result 1 "$3"
		printf '%s\n' "$1" | grep -E -- "$2" | head -n 10 | sed 's/^/#  got: /'
		echo "# want no match of: $2"
	else
		tap_result 0 "$3"
	fi
}

# The limit is far above what a busy machine needs: it bounds a failure, it is not part of what is tested.
wait_for() {
	tap_tries=2400
	until "$@" >/dev/null 2>&1; do
		tap_tries=$((tap_tries - 1))
		[ "$tap_tries" -gt 0 ] || return 1
		sleep 0.025
	done
}

skip() {
	tap_result 0 "$1 # SKIP $2"
}

done_testing() {
	read -r tap_count tap_failed <"$tap_counts"
	echo "1..$tap_count"
	[ "$tap_failed" -eq 0 ]
	exit
}
