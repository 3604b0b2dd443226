#!/bin/sh
test_title='bb-json: the shell reads typed values of exactly one document'
# shellcheck source=t/lib/tap.sh
. "$(dirname "$0")/lib/tap.sh"

cat >doc <<'END'
{"kind": "thing", "v": 3, "name": "a b", "n": -5, "big": 9007199254740993, "yes": true, "no": false, "nothing": null,
 "real": 1.5, "empty": "", "lines": "a\nb", "escape": "\u001b[2J", "c1": "x\u009by", "list": ["p", "q", 7, false],
 "none": [], "objects": [{"x": "1"}, {"y": "2"}, {"x": "3", "deep": [{"z": true}, {"z": false}]}], "dots": {"a.b": {"c": "found"}},
 "mixed": ["ok", {"o": 1}], "evil": ["fine", "two\nlines"], "$(date)": "name"}
END

# gives 'NAME' STATUS 'OUTPUT' WORD...: bb-json WORD... on doc.
gives() {
	name=$1 status=$2 output=$3
	shift 3
	bb-json "$@" <doc >out 2>err
	is "$?" "$status" "$name: status $status"
	is "$(cat out)" "$output" "$name: output"
	case $status in
	0 | 1) is "$(grep -vc 'kind\|version' err)" 0 "$name: no complaint" ;;
	*) is "$(wc -l <err) $(grep -c '^bb-json: ' err)" '1 1' "$name: one line says why" ;;
	esac
}

gives 'a string' 0 'a b' get name
gives 'a string by its type' 0 'a b' get name --type string
gives 'an option before the path' 0 'a b' get --type string name
gives 'a negative number' 0 -5 get n --type int
gives 'a number that a double cannot hold' 0 9007199254740993 get big
gives 'true' 0 true get yes --type bool
gives 'false is a value, not a no' 0 false get no
gives 'an empty string' 0 '' get empty
gives 'an absent member' 1 '' get absent
gives 'null is absent' 1 '' get nothing
gives 'a member of an absent member' 1 '' get absent.more[3].still
gives 'a member of a string' 1 '' get name.x
gives 'a default for the absent' 0 'or this' get absent --default 'or this'
gives 'no default for the present' 0 'a b' get name --default x
gives 'a string is no int' 100 '' get name --type int
gives 'an int is no string' 100 '' get n --type string
gives 'a bool is no int' 100 '' get yes --type int
gives 'a fraction is none of them' 100 '' get real
gives 'a list is none of them' 100 '' get list
gives 'an object is none of them' 100 '' get dots
gives 'a default does not hide a wrong type' 100 '' get list --default x
gives 'two lines' 100 '' get lines
gives 'two lines, when asked for' 0 'a
b' get lines --raw
gives 'an escape sequence' 100 '' get escape
gives 'an eight-bit control' 100 '' get c1
is "$(bb-json get lines --raw <doc | od -An -c | tr -s ' ')" ' a \n b' 'raw adds no newline'
gives 'an element' 0 q get 'list[1]'
gives 'an element past the end' 1 '' get 'list[9]'
gives 'a quoted key' 0 found get 'dots["a.b"].c'
# shellcheck disable=SC2016 # that is the point
gives 'a key that a shell would run' 0 name get '$(date)'

gives 'a list' 0 'p
q
7
false' list list
gives 'an empty list is there' 0 '' list none
gives 'an absent list' 1 '' list absent
gives 'members of elements' 0 '1
3' list 'objects[].x'
gives 'all the way down' 0 'true
false' list 'objects[].deep[].z' --type bool
gives 'several lists' 0 'p
q
7
false
1
3' list list absent 'objects[].x'
gives 'several absent lists' 1 '' list absent gone
gives 'options between paths' 0 '1
a b' list 'objects[0].x' --type string name
gives 'seventeen lists' 100 '' list a a a a a a a a a a a a a a a a a
gives 'a list with an object' 100 '' list mixed
gives 'a list with a line break prints nothing' 100 '' list evil
gives 'a list of strings only' 100 '' list list --type string
gives 'an object is no list' 100 '' list dots
gives 'a scalar as a list of one' 0 'a b' list name
is "$(bb-json list evil --null <doc | tr '\000\n' '|+')" 'fine|two+lines|' 'ended by NUL any string can be listed'

gives 'names of members' 0 'a.b' keys dots
gives 'names of a list' 100 '' keys list
gives 'names of the absent' 1 '' keys absent
gives 'a count of elements' 0 4 count list
gives 'a count of members' 0 1 count dots
gives 'a count of all' 0 20 count .
gives 'a count of a string' 100 '' count name
gives 'existence' 0 '' exists 'objects[2].deep'
gives 'existence of false' 0 '' exists no
gives 'absence' 1 '' exists 'objects[0].deep'
gives 'null does not exist' 1 '' exists nothing
gives 'existence in any element' 0 '' exists 'objects[].deep'

gives 'a document' 0 '' check
gives 'of this kind and version' 0 '' check --kind thing --v 3
gives 'of another kind' 1 '' check --kind other --v 3
gives 'of another version' 1 '' check --kind thing --v 1
gives 'a kind on the way' 0 'a b' get name --kind thing --v 3
gives 'another kind on the way' 100 '' get name --kind plan --v 3
gives 'version 1 is meant when none is given' 100 '' get name --kind thing

gives 'no verb' 100 ''
gives 'an unknown verb' 100 '' frob x
gives 'no path' 100 '' get
gives 'a path too much' 100 '' get name n
gives 'a path for check' 100 '' check name
gives 'several values for get' 100 '' get 'objects[].x'
gives 'several objects for keys' 100 '' keys 'objects[]'
gives 'an unknown type' 100 '' get name --type real
gives 'an unknown option' 100 '' get name --frob
gives 'an option without its argument' 100 '' get name --type
gives 'a version that is none' 100 '' check --v x
for path in '' .name 'name.' 'a..b' 'a[' 'a[x]' 'a[-1]' 'a[1' 'a["x]' 'a["x"' 'a]' 'a"b' 'a[99999999999999999999]' \
	"$(printf 'a.%.0s' 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32)b"; do
	gives "the path '$path'" 100 '' get "$path"
done

# text 'NAME' 'PATTERN': standard input is refused by every verb.
text() {
	cat >doc
	for verb in 'get name' 'list name' 'exists name' check; do
		# shellcheck disable=SC2086 # words
		bb-json $verb <doc >out 2>err
		is "$?" 100 "$1: $verb: status 100"
		like "$(cat err)" "$2" "$1: $verb: says so"
		is "$(cat out)" '' "$1: $verb: no output"
	done
}
: | text 'nothing' 'the document is empty'
printf ' \n' | text 'white space' 'the document: line'
printf '{"name":"a"} {"name":"b"}' | text 'two documents' 'the document: line 1, column'
printf '{"name":"a"}x' | text 'trailing bytes' 'the document: line 1, column'
printf '{"name":"a","name":"b"}' | text 'a name twice' 'the document: line 1'
printf '{"name":"a"' | text 'half a document' 'the document: line'
printf '{"name":"\377"}' | text 'bytes that are no UTF-8' 'the document: line 1'
printf '{"name":"a\\u0000"}' | text 'a NUL inside' 'the document: line 1'
printf '\357\273\277{"name":"a"}' | text 'a byte order mark' 'the document: line 1'
awk 'BEGIN { for (i = 0; i < 65; i++) printf "["; for (i = 0; i < 65; i++) printf "]" }' |
	text 'a deep one' 'nested deeper than 64'
bb-json get x <&- >out 2>err
is "$?" 111 'a closed standard input is the world'"'"'s fault'
echo '{"name":"a"}' | bb-json get name >/dev/full 2>err
is "$?" 111 'a full disk is not a success'
echo 5 >doc
gives 'a bare number is the document' 0 5 get .
echo '[1]' >doc
gives 'a list is no document of ours' 1 '' check
check 'help is not an error' bb-json --help
check 'nor is it behind a verb' bb-json get --help

done_testing
