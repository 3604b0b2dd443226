# terminal.sh: what the front ends share. Not run but read, by its place beside them:
#
#	#!/bin/sh
#	# bb-example: what it does in one line, for "bb --help"
#	set -eu
#	bb_name=bb-example
#	# shellcheck source=terminal.sh
#	. "${0%/*}/terminal.sh"
#
# After that:
#	bb_libexec bb_bin bb_share   directories of this installation, absolute
#	bb_version                   of bot-bottle
#	PATH                         begins with bb_bin; relative elements are gone, so that nothing in
#	                             the current directory, often a repository of strangers, is run
#	umask                        077: what front ends write is for their user only
#
# Texts follow the house rule: lower case, subject quoted, what to do next. They are made
# safe for the terminal here, so callers pass file names and the like as they are.
# Functions named die end the program: 100 is the caller's fault, 111 the world's.
# shellcheck shell=sh disable=SC2034,SC2154

unset CDPATH ENV BASH_ENV IFS
umask 077
# Nothing of these may come from the environment.
private='' trace='' answer='' value='' used=0

if [ "$bb_name" != bb ]; then
	bb_libexec=$(cd -P -- "${0%/*}" && pwd)
fi
bb_bin=${bb_libexec%/libexec/bot-bottle}/bin
bb_share=${bb_libexec%/libexec/bot-bottle}/share/bot-bottle
bb_version='@VERSION@'

# clean_path: PATH with bb_bin in front and without elements that are relative or empty.
clean_path() {
	cleaned=$bb_bin
	rest=${PATH-}:
	while [ -n "$rest" ]; do
		element=${rest%%:*}
		rest=${rest#*:}
		case $element in
		"$bb_bin") ;;
		/*) cleaned=$cleaned:$element ;;
		esac
	done
	PATH=$cleaned
	export PATH
}
clean_path

# --- saying things ---

# printable TEXT: TEXT as one line that a terminal may be given.
printable() {
	case $1 in
	*[!\ -~]* | *\\*) ;;
	*)
		printf '%s' "$1"
		return
		;;
	esac
	if command -v jq >/dev/null 2>&1; then
		printf '%s' "$1" | jq -L "$bb_libexec" -Rrs 'include "safe"; safe' | tr -d '\n'
	else
		printf '%s' "$1" | LC_ALL=C tr -c ' -~' '?'
	fi
}

# say TEXT...: one line on standard error, with the program's name.
say() {
	printf '%s: %s\n' "$bb_name" "$(printable "$*")" >&2
}

# warn TEXT...
warn() {
	say "warning: $*"
}

# die TEXT...: the caller's fault.
die() {
	say "$*"
	exit 100
}

# die_world TEXT...: the world's fault.
die_world() {
	say "$*"
	exit 111
}

# usage_error TEXT...: die with a pointer to the help text.
usage_error() {
	die "$*; try '${bb_help:-$(printf '%s' "$bb_name" | sed 's/^bb-/bb /') --help}'"
}

# colours FD: set bold dim red green yellow blue reset for text on that descriptor, empty when
# it is no terminal, or NO_COLOR or a dumb TERM asks for none.
colours() {
	bold='' dim='' red='' green='' yellow='' blue='' reset=''
	if [ -n "${NO_COLOR-}" ] || [ "${TERM:-dumb}" = dumb ] || ! [ -t "$1" ]; then
		return 0
	fi
	escape=$(printf '\033')
	bold="${escape}[1m" dim="${escape}[2m" red="${escape}[31m" green="${escape}[32m"
	yellow="${escape}[33m" blue="${escape}[34m" reset="${escape}[0m"
}

# --- options ---

# option_value "$@": the argument of the option in $1, either joined by "=" or the next word;
# sets $value, and $used to the number of words to shift.
option_value() {
	case $1 in
	--*=*)
		value=${1#*=}
		used=1
		;;
	*)
		[ $# -ge 2 ] || usage_error "option '$1' needs an argument"
		value=$2
		used=2
		;;
	esac
}

# --- asking, on the terminal and nowhere else ---

# ask TEXT: show TEXT, read one line into $answer. False at end of file. No terminal: dies.
ask() {
	answer=
	if ! (: <>/dev/tty) 2>/dev/null; then
		die_world "unable to ask '$(printf '%s' "$1" | sed 's/[[:space:]]*$//')': there is no terminal"
	fi
	printf '%s' "$1" >/dev/tty
	if ! IFS= read -r answer </dev/tty; then
		printf '\n' >/dev/tty
		return 1
	fi
}

# confirm TEXT: true after y, Y, yes or YES; false after anything else.
confirm() {
	ask "$1 [y/N] " || return 1
	case $answer in
	y | Y | yes | YES) return 0 ;;
	esac
	return 1
}

# --- places and programs ---

# find_home: set $home to where the operator's files are. Need not exist.
find_home() {
	home=${BOT_BOTTLE_HOME:-${HOME:+$HOME/.bot-bottle}}
	case $home in
	'') die "neither HOME nor BOT_BOTTLE_HOME is set" ;;
	/*) ;;
	*) die "BOT_BOTTLE_HOME is '$home': please give an absolute path" ;;
	esac
}

# need PROGRAM...: die unless each can be run.
need() {
	for needed in "$@"; do
		command -v "$needed" >/dev/null 2>&1 || die_world "unable to find '$needed'; please install it"
	done
}

# backends: names of the launchers that are installed, in the order in which they are preferred.
backends() {
	for backend in macos-container native smolmachines docker; do
		[ -x "$bb_bin/bb-launch-$backend" ] && printf '%s\n' "$backend"
	done
	return 0
}

# is_identity WORD: true for what may name a bottle's state: a slug, never a path or an option.
is_identity() {
	case $1 in
	'' | -* | *- | *[!a-z0-9-]*) return 1 ;;
	esac
	[ ${#1} -le 128 ]
}

# make_private: set $private to a new directory that is removed at the end. A front end that has
# more to put in order at its end defines a function at_end; it runs first, once, also after
# HUP, INT and TERM.
make_private() {
	private=$(mktemp -d "${TMPDIR:-/tmp}/bb.XXXXXX") || die_world "unable to make a directory in '${TMPDIR:-/tmp}'"
	catch_end
}

# catch_end: run at_end, if there is one, however the front end ends.
catch_end() {
	trap leave EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
}

at_end() {
	:
}

leave() {
	left_with=$?
	trap - EXIT HUP INT TERM
	at_end || left_with=111
	if [ -n "$private" ]; then
		rm -rf -- "$private"
	fi
	exit "$left_with"
}

# run COMMAND...: run it; with $trace set, show it first.
run() {
	if [ -n "$trace" ]; then
		printf '+ %s\n' "$(printable "$*")" >&2
	fi
	"$@"
}
