#!/bin/sh
test_title='the git gate: secrets of the corpus in every place where a push can carry them'
# shellcheck source=t/lib/tap.sh
. "$(dirname "$0")/lib/tap.sh"

samples=$BB_CORPORA/secrets/samples.jsonl
if [ ! -r "$samples" ]; then
	skip 'hidden secrets' "the corpus '$samples' is not there"
	done_testing
fi
rules=$BB_SOURCE/rules/tokens.yaml
check 'secrets are hidden' python3 "$BB_SOURCE/t/lib/hide.py" "$samples" repo.git 6
cp out cases
is "$(cut -d ' ' -f 1 cases | sort -u | wc -l)" 28 'in as many places'
is "$(cut -d ' ' -f 2 cases | sort -u | wc -l)" 7 'six secrets, and a harmless word'

# judge OLD NEW REF: print what the gate says; return its status.
judge() {
	bb-gitgate check --tags --rules "$rules" repo.git "$@" >said 2>err
}

for place in $(cut -d ' ' -f 1 cases | sort -u); do
	missed='' shown='' spoken=''
	while read -r at rule old new ref; do
		[ "$at" = "$place" ] || continue
		status=0
		judge "$old" "$new" "$ref" || status=$?
		if [ "$rule" = none ]; then
			[ "$status" -eq 0 ] || spoken="$status $(cat said err)"
			continue
		fi
		if [ "$status" -ne 1 ] || ! grep -q ': [a-z0-9-]* in ' said; then
			missed="$missed $rule"
		fi
		if grep -qFf "repo.git/$rule.secret" said err; then
			shown="$shown $rule"
		fi
	done <cases
	is "$missed" '' "$place: each is found"
	is "$shown" '' '... and not shown'
	is "$spoken" '' '... and a harmless word there is not'
done
done_testing
