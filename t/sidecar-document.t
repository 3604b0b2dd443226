#!/bin/sh
# shellcheck disable=SC2016 # jq and sh in quotes
test_title='bb-sidecar refuses options and documents that are not exactly right, before anything runs'
. "$(dirname "$0")/lib/tap.sh"

# A good document, from which each case departs by a jq expression.
cat >good.json <<'END'
{"kind":"sidecar","v":1,"daemons":[
 {"name":"one","program":"/bin/sh",
  "args":["-c","echo started >>started; echo >&6; exec sleep 60","one","{listener:web}","{keep:ca}","{secrets}","{ready}","{dir}/f"],
  "listeners":[{"name":"web","port":18080}],"secrets":["token:a"],"keep":["ca"],"env":["EXTRA"],
  "files":[{"path":"f","mode":"0600","content":"x"}],"reload":true}]}
END
printf '7:token:a,3:abc,' >secrets

# run_document FILE OPTION...: run it with the secrets, on a loopback of its own, with readiness on ./ready.
run_document() {
	document=$1
	shift
	rm -rf dir ready
	timeout -k 5 20 unshare -rn sh -c 'ip link set lo up && exec "$@" 3<"$0" 4<secrets 5>ready' "$document" \
		bb-sidecar --document 3 --secrets 4 --ready 5 --dir dir "$@"
}

# refuses EXPRESSION ERROR: the document changed by EXPRESSION is refused with exactly that error.
refuses() {
	jq -c "$1" good.json >document.json
	check_status 100 "$1" run_document document.json --bind 127.0.0.1
	is "$(cat err)" "bb-sidecar: $2" '... is refused for that reason'
	check_status 1 '... and nothing was started' test -e dir/one/started
}

# --- the good one, so that what follows fails for its own reason alone ---

run_document good.json --bind 127.0.0.1 >out 2>err </dev/null &
sidecar=$!
at_exit "kill $sidecar"
tries=0
while ! [ -s ready ] && [ "$tries" -lt 500 ]; do
	tries=$((tries + 1))
	sleep 0.02
done
check 'the document without a change becomes ready' test -s ready
kill "$sidecar" 2>/dev/null
wait "$sidecar"
check 'and has started its daemon' test -s dir/one/started

# --- kind and keys ---

refuses '.kind = "plan"' "the sidecar document: kind is 'plan', wanted 'sidecar'"
refuses '.v = 2' 'the sidecar document: version is 2, wanted 1'
refuses '.demons = []' "'sidecar' has the unknown key 'demons'"
refuses 'del(.daemons)' "'sidecar' lacks the key 'daemons'"
refuses '.daemons = {}' "'sidecar.daemons' is not a list"
refuses '.daemons = []' "'sidecar.daemons' has 0 entries, wanted 1 to 16"
refuses '.daemons = [range(17) as $i | .daemons[0]]' "'sidecar.daemons' has 17 entries, wanted 1 to 16"
refuses '.daemons[0] = "x"' "'sidecar.daemons[0]' is not an object"
refuses '.daemons[0].restart = true' "'sidecar.daemons[0]' has the unknown key 'restart'"
refuses 'del(.daemons[0].name)' "'sidecar.daemons[0]' lacks the key 'name'"
refuses 'del(.daemons[0].program)' "'sidecar.daemons[0]' lacks the key 'program'"
refuses '.daemons[0].reload = "yes"' "'sidecar.daemons[0].reload' is not true or false"
for key in args listeners secrets keep files env; do
	refuses ".daemons[0].$key = 1" "'sidecar.daemons[0].$key' is not a list"
done
for key in args secrets keep env; do
	refuses ".daemons[0].$key = [1]" "'sidecar.daemons[0].${key}[0]' is not a string"
done

# --- names ---

for name in '' . .. a/b A 'a b' -a a_b a.b "$(printf '%033d' 0)"; do
	refuses ".daemons[0].name = \"$name\"" "'sidecar.daemons[0].name' is '$name', which cannot name a daemon"
done
refuses '.daemons += .daemons' "two daemons are called 'one'"
refuses '.daemons += [.daemons[0] | .name = "two"]' "two listeners are called 'web'"
refuses '.daemons[0].listeners[0].name = "a/b"' \
	"'sidecar.daemons[0].listeners[0].name' is 'a/b', which cannot name a listener"
refuses '.daemons[0].keep[0] = "a/b"' "'sidecar.daemons[0].keep[0]' is 'a/b', which cannot name a memory file"

# --- program and arguments ---

refuses '.daemons[0].program = ""' "'sidecar.daemons[0].program' is '', wanted a plain name or an absolute path"
refuses '.daemons[0].program = "../sh"' "'sidecar.daemons[0].program' is '../sh', wanted a plain name or an absolute path"
for word in '{listener:other}' '{listener:}' '{listener}' '{keep:other}' '{secret}' '{}' '{' '{dir' '{ready:x}' \
	'{{dir}}'; do
	refuses ".daemons[0].args += [\"a$word\"]" \
		"'sidecar.daemons[0].args' has 'a$word', which names nothing that the daemon is given"
done
refuses '.daemons[0].args -= ["{listener:web}"]' "'sidecar.daemons[0].args' does not take the listener 'web'"
refuses '.daemons[0].args -= ["{keep:ca}"]' "'sidecar.daemons[0].args' does not take what is kept as 'ca'"
refuses '.daemons[0].args -= ["{secrets}"]' "'sidecar.daemons[0].args' does not take the secrets"
refuses '.daemons[0].args = [range(257) | tostring]' "'sidecar.daemons[0].args' has more than 256 entries"

# --- listeners, secrets, files ---

for port in 0 -1 65536; do
	refuses ".daemons[0].listeners[0].port = $port" \
		"'sidecar.daemons[0].listeners[0].port' is $port, wanted 1 to 65535"
done
refuses '.daemons[0].listeners[0].port = "80"' "'sidecar.daemons[0].listeners[0].port' is not a whole number"
refuses '.daemons[0].listeners[0].fd = 3' "'sidecar.daemons[0].listeners[0]' has the unknown key 'fd'"
refuses '.daemons[0].listeners = [range(9) | {name: "w\(.)", port: 80}]' \
	"'sidecar.daemons[0].listeners' has more than 8 entries"
refuses '.daemons[0].keep = [range(9) | "k\(.)"]' "'sidecar.daemons[0].keep' has more than 8 entries"
refuses '.daemons[0].secrets += ["token:b"]' "'one' needs the secret 'token:b', which was not handed over"
for path in '' . .. .x a/b /a; do
	refuses ".daemons[0].files[0].path = \"$path\"" \
		"'sidecar.daemons[0].files[0].path' is '$path', wanted a plain file name"
done
for mode in 600 4755 rw; do
	refuses ".daemons[0].files[0].mode = \"$mode\"" \
		"'sidecar.daemons[0].files[0].mode' is '$mode', wanted 0400, 0600, 0644, 0700 or 0755"
done
refuses 'del(.daemons[0].files[0].content)' "'sidecar.daemons[0].files[0]' lacks the key 'content'"
refuses '.daemons[0].files[0].owner = 1' "'sidecar.daemons[0].files[0]' has the unknown key 'owner'"
refuses '.daemons[0].files = [range(65) | {path: "f\(.)", content: ""}]' \
	"'sidecar.daemons[0].files' has more than 64 entries"

# --- not a document at all ---

: >document.json
check_status 100 'an empty document' run_document document.json --bind 127.0.0.1
is "$(cat err)" 'bb-sidecar: the sidecar document is empty' '... is said to be empty'
printf '%s{}' "$(cat good.json)" >document.json
check_status 100 'bytes after the document' run_document document.json --bind 127.0.0.1
sed 's/"v":1/"v":1,"v":1/' good.json >document.json
check_status 100 'a key twice' run_document document.json --bind 127.0.0.1
printf '7:token:a,4:abc,' >bad
cp secrets good-secrets && cp bad secrets
check_status 100 'secrets that are not netstrings' run_document good.json --bind 127.0.0.1
is "$(cat err)" 'bb-sidecar: the secrets are not pairs of netstrings' '... are refused without showing them'
cp good-secrets secrets

# --- options ---

usage() {
	want=$1
	shift
	check_status 100 "bb-sidecar $*" bb-sidecar "$@"
	is "$(cat err)" "bb-sidecar: $want; try 'bb-sidecar --help'" '... is a usage error'
}
usage "option '--dir' is missing"
usage "option '--document' is missing" --dir dir
usage "unexpected argument 'x'" --dir dir x
usage "unknown option '--frob'" --frob
usage "option '--dir' needs an argument" --dir
for option in document secrets ready lifeline; do
	usage "'--$option': '77' is not the number of an open descriptor" "--$option" 77
	usage "'--$option': '' is not the number of an open descriptor" "--$option" ''
done
usage "'--listener' is 'web', wanted NAME=FD" --listener web
usage "'--listener' is '=3', wanted NAME=FD" --listener =3
usage "'--listener': '77' is not the number of an open descriptor" --listener web=77
usage "the listener 'web' is given twice" --listener web=0 --listener web=0
usage "'--grace' is 'x', wanted 0 to 3600 seconds" --grace x
usage "'--grace' is '-1', wanted 0 to 3600 seconds" --grace -1
usage "'--ready-within' is '3601', wanted 0 to 3600 seconds" --ready-within 3601
usage "option '--dir' is missing" health
check 'bb-sidecar --help' bb-sidecar --help
like "$(cat out)" '^usage: bb-sidecar \{--document FD [|] --stdin\} --dir DIR' '... shows the usage'
check 'bb-sidecar health --help' bb-sidecar health --help

check_status 100 'no socket for a listener' run_document good.json
is "$(cat err)" "bb-sidecar: no socket for the listener 'web'; give '--listener web=FD' or '--bind'" \
	'... says how to give one'
check_status 100 'an address that is a name' run_document good.json --bind localhost
is "$(cat err)" "bb-sidecar: 'localhost' is not a numeric address" '... is refused'
check_status 111 'an address of others' run_document good.json --bind 192.0.2.1
is "$(cat err)" "bb-sidecar: unable to listen on '192.0.2.1' port 18080 for 'web': Cannot assign requested address" \
	'... cannot be bound'
check_status 100 'a listener of nobody' run_document good.json --bind 127.0.0.1 --listener other=0
is "$(cat err)" "bb-sidecar: no daemon has a listener 'other'" '... is refused'
check_status 100 'a listener that does not listen' run_document good.json --listener web=4
is "$(cat err)" "bb-sidecar: the listener 'web' (descriptor 4) is not a listening socket" '... is refused'

# --- the subset ---

jq -c '.daemons += [.daemons[0] | .name = "two" | .listeners[0].name = "web2" | .args[3] = "{listener:web2}"]' \
	good.json >two.json
BOT_BOTTLE_SIDECAR_DAEMONS=one,three bb-sidecar --document 3 --dir dir 3<two.json >out 2>err
is "$?" 100 'a subset with a name that the document does not have'
is "$(cat err)" "bb-sidecar: BOT_BOTTLE_SIDECAR_DAEMONS names 'three', which is not in the document" '... is refused'
BOT_BOTTLE_SIDECAR_DAEMONS=, bb-sidecar --document 3 --dir dir 3<two.json >out 2>err
is "$(cat err)" 'bb-sidecar: BOT_BOTTLE_SIDECAR_DAEMONS leaves no daemon to run' 'a subset of none is refused'

# --- directories ---

mkdir open && chmod 777 open
check_status 100 'a directory that others may write to' sh -c 'bb-sidecar --document 3 --dir open 3<good.json'
is "$(cat err)" "bb-sidecar: others may write to 'open'; wanted a directory of this user, mode 0700" '... is refused'
: >file
check_status 100 'a directory that is a file' sh -c 'bb-sidecar --document 3 --dir file 3<good.json'
mkdir -m 700 linked elsewhere && ln -s ../elsewhere linked/one
jq -c '.daemons[0] |= (.listeners = [] | .args -= ["{listener:web}"])' good.json >unbound.json
check_status 111 "a daemon's directory that is a symbolic link" sh -c \
	'bb-sidecar --document 3 --secrets 4 --dir linked 3<unbound.json 4<secrets'
like "$(cat err)" "^bb-sidecar: unable to use '.*/linked/one': not a directory of this user; remove it" '... is refused'
is "$(ls elsewhere)" '' '... and nothing was written through it'

done_testing
