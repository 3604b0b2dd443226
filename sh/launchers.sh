# launchers.sh: asking the launchers of all backends the same thing. Read after terminal.sh.
# shellcheck shell=sh disable=SC2034,SC2154

# ask_launchers VERB KIND [OPTION]...: run "bb-launch-BACKEND VERB --json" of every backend that is
# installed and leave the answers, checked to be documents of KIND, in $private/VERB.BACKEND; backends
# that answered are in $answered, one a line. One that fails is warned about and sets $unanswered.
# A status of 1 is an answer: a well-formed no.
ask_launchers() {
	ask_verb=$1
	ask_kind=$2
	shift 2
	answered='' unanswered=''
	for ask_backend in $(backends); do
		ask_file=$private/$ask_verb.$ask_backend
		ask_status=0
		run "$bb_bin/bb-launch-$ask_backend" "$ask_verb" --json "$@" >"$ask_file" || ask_status=$?
		if [ "$ask_status" -le 1 ] && bb-json check --kind "$ask_kind" --v 1 <"$ask_file"; then
			answered="$answered$ask_backend
"
		else
			warn "backend '$ask_backend' did not answer '$ask_verb' (status $ask_status)"
			unanswered=$ask_backend
		fi
	done
}

# answers VERB: the documents that ask_launchers has left, one after the other.
answers() {
	for answer_backend in $answered; do
		cat "$private/$1.$answer_backend"
	done
}
