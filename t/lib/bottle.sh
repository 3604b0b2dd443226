# Bottles of their own for tests of the native launcher. Read after tap.sh.
#
# Everything is done as each of $users: root, if the tests run as root, and an ordinary user, who
# needs no name. Each has a directory, $PWD/USER, with the bot-bottle home in USER/home.
#
#	as USER COMMAND...           run as that user, with a clean environment
#	make_plan USER IDENTITY [FILTER [ARG]...]
#	                             write the plan document USER/IDENTITY.plan: that of the provider
#	                             "shell", without a terminal, changed by the jq FILTER; ARGs are $ARGS
#	run_plan USER IDENTITY [OPTION]...
#	                             run it; standard input is the caller's
#	run_shell USER IDENTITY SCRIPT [FILTER]
#	                             make a plan whose agent is sh -c SCRIPT and run it
#	leftovers USER               what of bottles is still there, one a line: nothing, if all is well
# shellcheck shell=sh disable=SC2154

ordinary=47111
if [ "$(id -u)" -eq 0 ]; then
	users="root $ordinary"
else
	users=$(id -u)
fi
chmod 755 .

# A build that only root may look into (a clone below /root) can be tested by root only.
if [ "$(id -u)" -eq 0 ] && ! setpriv --reuid "$ordinary" --regid "$ordinary" --clear-groups test \
	-x "$BB_BUILD/bin/bb-launch-native"; then
	users=root
fi

for user in $users; do
	mkdir -p "$user/home"
	[ "$user" != "$ordinary" ] || chown -R "$ordinary:$ordinary" "$user"
done

as() {
	as_user=$1
	shift
	if [ "$as_user" = "$ordinary" ]; then
		set -- setpriv --reuid "$ordinary" --regid "$ordinary" --clear-groups env "$@"
	fi
	env -i PATH="$BB_BUILD/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" HOME="$PWD/$as_user" \
		TERM=xterm \
		BOT_BOTTLE_HOME="$PWD/$as_user/home" OF_THE_HOST=value "$@"
}

make_plan() {
	plan_user=$1
	plan_identity=$2
	plan_filter=${3:-.}
	shift 2
	[ $# -eq 0 ] || shift
	bb-plan --identity "$plan_identity" --nonce "$(printf '%064d' 7)" --started-at 2026-01-31T12:00:00Z \
		--backend native \
		--home "$PWD/$plan_user/home" <"$BB_SOURCE/t/plan/shell.manifest.json" |
		jq ".bottle.tty = false | $plan_filter" --args "$@" >"$plan_user/$plan_identity.plan"
}

run_plan() {
	run_user=$1
	run_identity=$2
	shift 2
	as "$run_user" bb-launch-native run --plan "$PWD/$run_user/$run_identity.plan" "$@"
}

run_shell() {
	# shellcheck disable=SC2016
	make_plan "$1" "$2" '.bottle.argv = ["sh", "-c", $ARGS.positional[0]] | '"${4:-.}" "$3"
	run_plan "$1" "$2" </dev/null
}

no_process() {
	! pgrep -f "$1"
}

leftovers() {
	find "$1/home/state" -mindepth 1 2>/dev/null
	grep -s "$PWD" /proc/mounts
	# Every process that has the test's directory in its arguments or belongs to a bottle of it. One that was killed
	# may take a moment to go on a busy machine.
	wait_for no_process "$PWD/$1/" || pgrep -a -f "$PWD/$1/" || :
}
