# An installation of its own for tests of the front ends: bb, the front ends and bb-json are the
# real ones, everything else is a stand-in that the test writes. Read after tap.sh.
#
#	stand_in NAME          the rest of standard input becomes the program NAME of the installation
#	bb ...                 runs its bb
#	on_terminal TEXT COMMAND...  runs COMMAND on a terminal of its own with TEXT typed, output in ./out
# shellcheck shell=sh disable=SC2154

installation=$PWD/installation
mkdir -p "$installation/bin" "$installation/share/bot-bottle" home
cp -R "$BB_BUILD/libexec" "$installation/libexec"
cp "$BB_BUILD/bin/bb" "$installation/bin/bb"
ln -s "$BB_BUILD/bin/bb-json" "$installation/bin/bb-json"
BOT_BOTTLE_HOME=$PWD/home
export BOT_BOTTLE_HOME
chmod 700 home

stand_in() {
	cat >"$installation/bin/$1"
	chmod +x "$installation/bin/$1"
}

bb() {
	"$installation/bin/bb" "$@"
}

# The terminal's echo is off so that only what COMMAND writes is in ./out.
on_terminal() {
	typed=$1
	shift
	printf '%s' "$typed" >typed
	printf '%s\n' "$*" >command.sh
	TERM=xterm script -qec 'stty -echo -opost; exec sh ./command.sh' /dev/null <typed >out 2>err
}
