#!/bin/sh
# shellcheck disable=SC2030,SC2031 # PATH is changed for one command on purpose
test_title='bb finds commands, suggests, opens manuals, and trusts nothing of the current directory'
. "$(dirname "$0")/lib/tap.sh"

bb=$BB_BUILD/bin/bb
version=$(sed -n 's/^VERSION *= *//p' "$BB_SOURCE/Makefile")

# --- dispatch ---

check_status 100 'bb without a command is a usage error' "$bb"
like "$(cat err)" '^usage: bb COMMAND' '... that shows the usage'
check 'bb --help' "$bb" --help
like "$(cat out)" '^  version +show the version' '... lists commands with what they are for'
unlike "$(sed -n '/^commands:/,/^$/p' out)" '^  [a-z]+ *$' '... each of them'
is "$(cat err)" '' '... on standard output'
check 'bb --version' "$bb" --version
is "$(cat out)" "bot-bottle $version" '... says the version of the Makefile'

check_status 100 'an unknown command' "$bb" verison
is "$(cat err)" "bb: unknown command 'verison' (did you mean 'version'?); try 'bb --help'" '... gets the nearest one'
check_status 100 'a beginning of a command' "$bb" vers
like "$(cat err)" "did you mean 'version'" '... gets the whole one'
check_status 100 'a word like no command' "$bb" frobnicate
is "$(cat err)" "bb: unknown command 'frobnicate'; try 'bb --help'" '... gets no suggestion'
check_status 100 'an unknown option' "$bb" --frob version
is "$(cat err)" "bb: unknown option '--frob'; try 'bb --help'" '... is named'
for word in ../../bin/bb /bin/sh 'a b' '*' . .. 'version/'; do
	check_status 100 "'$word' is not a command" "$bb" "$word"
done
check_status 100 'a command with an escape sequence' "$bb" "$(printf 'x\033[31m\ny')"
is "$(cat err)" "bb: unknown command 'x\\x1B[31m\\ny'; try 'bb --help'" '... is escaped'

# --- where bb stands ---

mkdir elsewhere 'with space' && ln -s "$bb" elsewhere/b
check 'bb by a link of another name' elsewhere/b version
(PATH=$PWD/elsewhere:$PATH && export PATH && b version) >out 2>err
is "$(cat out)" "bot-bottle $version" '... and found in PATH'
cp -R "$BB_BUILD/libexec" 'with space/' && mkdir 'with space/bin' && cp "$bb" 'with space/bin/'
check 'bb in a directory with a space' 'with space/bin/bb' version
rm 'with space/libexec/bot-bottle/terminal.sh'
check_status 111 'bb without its library' 'with space/bin/bb' version
like "$(cat err)" "^bb: unable to find '.*/terminal.sh'; please install" '... says what is missing'

# --- a hostile current directory ---

for tool in jq sed awk man readlink sort tr printf grep bb-version; do
	printf '#!/bin/sh\necho %s >>"%s/trapped"\nexit 0\n' "$tool" "$PWD" >"$tool" && chmod +x "$tool"
done
(PATH=.::$PATH:. && export PATH && "$bb" --help && "$bb" version --json; "$bb" nonsense) >out 2>err </dev/null
(PATH=:$PATH && export PATH && "$bb" version --all) >>out 2>>err </dev/null
check_status 1 'programs of the current directory are not run, whatever PATH says' test -e trapped
for poison in "bb_libexec=$PWD" "bb_bin=$PWD" "private=$PWD/elsewhere" trace=1 CDPATH="$PWD" IFS=b; do
	check "the environment cannot set ${poison%%=*}" env "$poison" "$bb" version
	is "$(cat out)$(cat err)" "bot-bottle $version" '... which changes nothing'
done
check 'and nothing was removed' test -d elsewhere

# --- version ---

check 'bb version --json' "$bb" version --json
is "$(jq -r '.kind, .v, .version' out | tr '\n' ' ')" "version 1 $version " '... is a document'
programs=0
for program in "$BB_BUILD"/bin/bb-*; do
	[ -x "$program" ] && programs=$((programs + 1))
done
is "$(jq '.programs | length' out)" "$programs" '... with every program'
is "$(jq -r '.programs | to_entries[] | select(.value != $v) | .key' --arg v "$version" out)" '' \
	'... all of one version'
check 'bb version --all' "$bb" version --all
is "$(wc -l <out)" "$((programs + 1))" '... lists them, too'
check_status 100 'bb version with a wrong option' "$bb" version --jsno
check_status 100 'bb version with an argument' "$bb" version 1

# --- help ---

check 'bb help' env MANPAGER=cat PAGER=cat "$bb" help
like "$(cat out)" 'run coding agents in bottles' '... is the manual of bb'
check 'bb help --list' "$bb" help --list
like "$(cat out)" '^bb$' '... lists topics'
mv out topics
while read -r topic; do
	check "bb help $topic" env MANPAGER=cat "$bb" help "$topic"
done <topics
for word in nothing ../man1/bb 'a b' '*' /etc/passwd; do
	check_status 100 "there is no manual on '$word'" "$bb" help "$word"
	like "$(cat err)" "bb-help: there is no manual on .*'bb help --list'" '... and what to do is said'
done
check 'bb help supervise' env MANPAGER=cat "$bb" help supervise
like "$(cat out)" 'bb-approve' '... is the operator'\''s page'
check 'bb help bb-supervise' env MANPAGER=cat "$bb" help bb-supervise
like "$(cat out)" 'bb-supervise .* let an agent ask' '... the daemon'\''s'
check_status 100 'bb help with two topics' "$bb" help bb bb
check_status 100 'bb help with a wrong option' "$bb" help --frob
PATH=/nonexistent "$BB_BUILD/bin/bb" help >out 2>err </dev/null
is "$?" 111 'without man'
like "$(cat err)" "unable to find 'man'" '... its lack is named'

# --- every front end ---

for front in "$BB_BUILD"/libexec/bot-bottle/bb-*; do
	name=${front##*/}
	check "$name --help" "$front" --help
	like "$(head -n 1 out)" "^usage: bb ${name#bb-}" '... shows its usage'
	check_status 100 "$name with an unknown option" "$front" --no-such-option
	like "$(cat err)" "^$name: .*--no-such-option.*'bb ${name#bb-} --help'" '... names it and the help'
done

done_testing
