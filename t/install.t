#!/bin/sh
test_title='install.sh and make install: a tree that works from where it is'
# shellcheck source=t/lib/tap.sh
. "$(dirname "$0")/lib/tap.sh"

case $BB_BUILD in
"$BB_SOURCE"/*) ;;
*)
	skip 'installing' 'the build is not below the sources'
	done_testing
	;;
esac
make="make -s -C $BB_SOURCE O=${BB_BUILD#"$BB_SOURCE"/}"

# shellcheck disable=SC2086 # a command and its words
check 'make install to a staging directory' $make install DESTDIR="$PWD/stage" PREFIX=/usr
check 'its bb runs from there' "$PWD/stage/usr/bin/bb" --version
like "$(cat out)" '^bot-bottle [0-9]' 'and says its version'
for program in "$BB_BUILD"/bin/*; do
	[ -x "stage/usr/bin/${program##*/}" ] || echo "${program##*/}"
done >missing
is "$(cat missing)" '' 'every program is there'
is "$(find stage/usr/libexec/bot-bottle -name 'deps.sh' -o -name man)" '' 'nothing of the build is'
is "$(find stage -type l)" '' 'no link leads back to the sources'
find stage -name '*.[157]' | sed 's,.*/,,; s/\.[157]$//' | sort >pages
is "$(for program in "$BB_BUILD"/bin/*; do grep -qx "${program##*/}" pages || echo "${program##*/}"; done)" '' \
	'every program has its manual'
mkdir -p home/agents home/bottles
printf -- '---\nagent_provider: {template: shell}\n---\n' >home/bottles/b.md
printf -- '---\nbottle: b\n---\n' >home/agents/a.md
chmod 600 home/bottles/b.md
check 'an installed bb start finds its providers' env PATH=/usr/bin:/bin BOT_BOTTLE_HOME="$PWD/home" \
	"$PWD/stage/usr/bin/bb" start a --dry-run
ln -s "$PWD/stage/usr/bin/bb" linked
check 'also through a link' env PATH=/usr/bin:/bin BOT_BOTTLE_HOME="$PWD/home" ./linked start a --dry-run

check_status 100 'install.sh refuses a relative prefix' "$BB_SOURCE/install.sh" --prefix relative
like "$(cat err)" "wants an absolute path, not 'relative'" 'and says so'
check_status 100 'and an unknown argument' "$BB_SOURCE/install.sh" --frob
check_status 100 'and a prefix that is missing' "$BB_SOURCE/install.sh" --prefix
check 'it has a help text' "$BB_SOURCE/install.sh" --help
check_status 111 'without make it says what to install' env PATH=/nowhere /bin/sh "$BB_SOURCE/install.sh" --no-deps

done_testing
