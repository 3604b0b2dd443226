# Tests of bb-parse: a home of the test's own, and what one bottle or agent in it
# is read as. Source it after tap.sh. The agent "a" runs in the bottle "b".
#
#	bottle NAME [YAML]   write a bottle; agent NAME [YAML] [BODY] an agent
#	right 'NAME' 'YAML' 'JQ' 'WANT'   the bottle b with YAML is accepted, and the
#	                     document has WANT (compact JSON) at JQ
#	wrong 'NAME' 'YAML' 'LINE:COLUMN: TEXT'...   it is refused with exactly these
#	                     problems (behind "bb-parse: FILE:"), nothing on standard output
# shellcheck shell=sh

home=$PWD/home
BOT_BOTTLE_HOME=$home
BOT_BOTTLE_SKILLS_DIR=$PWD/skills
HOME=$PWD/user
export BOT_BOTTLE_HOME BOT_BOTTLE_SKILLS_DIR HOME
mkdir -p "$home/bottles" "$home/agents" "$HOME" "$BOT_BOTTLE_SKILLS_DIR"
umask 022

bottle() {
	printf -- '---\n%s\n---\nnote\n' "${2-agent_provider: {template: shell\}}" >"$home/bottles/$1.md"
}

agent() {
	printf -- '---\n%s\n---\n%s\n' "${2-bottle: b}" "${3-prompt}" >"$home/agents/$1.md"
}

# manifest_of NAME ARGUMENT...: the manifest document in ./out, messages in ./err.
manifest_of() {
	bb-parse agent "$@" >out 2>err
}

right() {
	bottle b "$2"
	if manifest_of a; then
		is "$(jq -c "$3" out)" "$4" "$1"
	else
		tap_result 1 "$1"
		tap_show err
	fi
}

# refused 'NAME' FILE 'PROBLEM'...: the last manifest_of (status in $status) told exactly these.
refused() {
	refused_name=$1
	refused_file=$2
	shift 2
	: >want
	for problem; do
		printf 'bb-parse: %s:%s\n' "$refused_file" "$problem" >>want
	done
	grep -v '^bb-parse: warning: ' err >got || :
	if [ "$status" -eq 100 ] && [ ! -s out ] && cmp -s want got; then
		tap_result 0 "$refused_name"
	else
		tap_result 1 "$refused_name"
		echo "# status $status, wanted 100"
		diff want got | sed 's/^/#   /'
		tap_show out
	fi
}

wrong() {
	wrong_name=$1
	bottle b "$2"
	shift 2
	status=0
	manifest_of a || status=$?
	refused "$wrong_name" "$home/bottles/b.md" "$@"
}

# known_providers: the names of the built-in ones, as messages list them.
known_providers() (
	cd "$BB_SOURCE/providers" || exit 1
	between=
	for provider in */; do
		printf '%s%s' "$between" "${provider%/}"
		between=', '
	done
)
