#!/bin/sh
test_title='real clients work in a bottle without special options, and are refused with a reason'
. "$(dirname "$0")/lib/tap.sh"
. "$BB_SOURCE/t/lib/certificate.sh"

# --- what the clients ask for, and who has it ---

mkdir -p root/repo root/simple/bbdemo root/packages package ready.d
(
	echo '{"name":"bb-demo","version":"1.0.0","main":"index.js"}' >package/package.json
	echo 'module.exports = 1' >package/index.js
	tar -czf root/packages/bb-demo-1.0.0.tgz package
)
integrity=$(openssl dgst -sha512 -binary root/packages/bb-demo-1.0.0.tgz | base64 -w 0)
printf '{"name":"bb-demo","dist-tags":{"latest":"1.0.0"},"versions":{"1.0.0":{"name":"bb-demo","version":"1.0.0","dist":{%s,%s}}}}' \
	'"tarball":"https://registry.npmjs.org/packages/bb-demo-1.0.0.tgz"' "\"integrity\":\"sha512-$integrity\"" \
	>root/bb-demo
/usr/bin/python3 - <<-'END'
	import zipfile
	with zipfile.ZipFile("root/packages/bbdemo-1.0-py3-none-any.whl", "w") as z:
	    z.writestr("bbdemo.py", "x = 1\n")
	    z.writestr("bbdemo-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: bbdemo\nVersion: 1.0\n")
	    z.writestr("bbdemo-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
	    z.writestr("bbdemo-1.0.dist-info/RECORD", "")
END
echo '<a href="/packages/bbdemo-1.0-py3-none-any.whl">bbdemo-1.0-py3-none-any.whl</a>' >root/simple/bbdemo/index.html
printf 'Package: nothing\nVersion: 1\nArchitecture: all\nMaintainer: n <n@example.com>\nDescription: nothing\nFilename: ./nothing.deb\nSize: 1\nSHA256: %064d\n\n' 0 >root/repo/Packages
printf 'Suite: test\nCodename: test\nDate: %s\nArchitectures: all\nSHA256:\n %s %s Packages\n' \
	"$(LC_ALL=C date -u -R)" \
	"$(sha256sum <root/repo/Packages | cut -d' ' -f1)" "$(wc -c <root/repo/Packages)" >root/repo/Release

mkfifo ready
"$BB_BUILD/bench/origin" --ca ca --record arrived --root root >ready &
at_exit "kill $!"
read -r plain tls <ready

(
	export GIT_CONFIG_NOSYSTEM=1 HOME="$PWD" GIT_AUTHOR_NAME=n GIT_AUTHOR_EMAIL=e GIT_COMMITTER_NAME=n \
		GIT_COMMITTER_EMAIL=e
	git init -q --bare repos/some.git && git init -q first && echo text >first/file && git -C first add . &&
		git -C first commit -qm first && git -C first push -q ../repos/some.git HEAD:refs/heads/main &&
		git -C repos/some.git symbolic-ref HEAD refs/heads/main
)
make_certificate ca git.example.com
/usr/bin/python3 "$BB_SOURCE/t/lib/githttp.py" --cert ca/git.example.com.pem --key ca/git.example.com.key \
	--root "$PWD/repos" \
	--record fetched >ready &
at_exit "kill $!"
read -r git_port <ready

# --- the bottle ---

mkdir -p home/bottles home/agents project
{
	printf -- '---\nagent_provider: {template: shell}\nsupervise: false\negress:\n  routes:\n'
	for host in files.example.com registry.npmjs.org pypi.org; do
		echo "    - {host: $host, upstream: {connect: \"127.0.0.1:$tls\", ca_file: $PWD/ca/ca.pem}}"
	done
	echo "    - {host: plain.example.com, upstream: {connect: \"127.0.0.1:$plain\"}}"
	echo "    - {host: git.example.com, git: {fetch: true}, upstream: {connect: \"127.0.0.1:$git_port\", ca_file: $PWD/ca/ca.pem}}"
	echo '---'
} >home/bottles/clients.md
chmod 600 home/bottles/clients.md
printf -- '---\nbottle: clients\n---\n' >home/agents/clients.md
export BOT_BOTTLE_HOME="$PWD/home"
cp "$BB_SOURCE/t/lib/clients" project/clients
if [ -n "${BB_NODE-}" ]; then
	mkdir project/bin && cp "$BB_NODE" project/bin/node
	node=$("$BB_NODE" --version)
else
	node=$(node --version 2>/dev/null || echo no node)
fi

# in_bottle listed|unlisted: run all clients; what they say is in ./said.
# shellcheck disable=SC2317 # an argument of check
in_bottle() {
	(cd project && timeout 300 bb start clients --cwd --yes --headless --prompt "bash ./clients $1") >said \
		2>errors </dev/null
}
status_of() {
	awk -F '\t' -v name="$1" '$1 == name { print $2 }' said
}
output_of() {
	awk -F '\t' -v name="$1" '$1 == name { print $3 }' said | base64 -d
}
# arrived FILTER: how many requests on the record of origin satisfy a jq condition.
arrived() {
	jq -s "map(select(.event == \"request\") | select($1)) | length" arrived
}

# works NAME CONDITION: the client succeeded, and its request is on the record.
works() {
	if [ -z "$(status_of "$1")" ]; then
		skip "$1 works" "${3:-it is not installed}"
		return
	fi
	is "$(status_of "$1")" 0 "$1 works"
	[ "$(status_of "$1")" = 0 ] || output_of "$1" | sed 's/^/#   /'
	[ "$(arrived "$2")" -gt 0 ]
	tap_result $? "$1: its request arrived"
}

check 'the bottle runs the clients' in_bottle listed
[ -s said ] || sed 's/^/#   /' errors
works curl '.host == "files.example.com" and (.headers[] | .[0] == "User-Agent" and (.[1] | startswith("curl")))'
works curl-upload ".body.sha256 == \"$(sha256sum </usr/bin/env | cut -d' ' -f1)\""
works curl-plain '.host == "plain.example.com" and .tls == false'
works wget '.headers[] | .[0] == "User-Agent" and (.[1] | startswith("Wget"))'
works python '.headers[] | .[0] == "User-Agent" and (.[1] | startswith("Python-urllib"))'
is "$(output_of python)" 1000 'python: all bytes came'
works npm '.target == "/packages/bb-demo-1.0.0.tgz"'
works pip '.target == "/packages/bbdemo-1.0-py3-none-any.whl"'
works node '.headers[] | (.[0] | ascii_downcase) == "user-agent" and .[1] == "node"' \
	"its fetch knows no proxy before 22.21, this is $node; test-agents has another"
works apt-https '.tls and (.headers[] | .[0] == "User-Agent" and (.[1] | startswith("Debian APT")))'
works apt-http '.tls == false and (.headers[] | .[0] == "User-Agent" and (.[1] | startswith("Debian APT")))'
works apt-update-https '.tls and .target == "/repo/Packages"'
works apt-update-http '.tls == false and (.target | startswith("/repo/"))'
is "$(status_of git)" 0 'git clones'
is "$(jq -r '.method + " " + .target' fetched | sort -u | tr '\n' ' ')" \
	'GET /some.git/info/refs?service=git-upload-pack POST /some.git/git-upload-pack ' 'git: its requests arrived'
is "$(status_of openssl)" 0 'openssl s_client verifies the certificate through the proxy'
like "$(output_of openssl)" 'Verification: OK' 'and says so'

: >arrived
: >fetched
check 'the bottle runs them again, for hosts that are not listed' in_bottle unlisted
is "$(wc -c <arrived) $(wc -c <fetched)" '0 0' 'nothing arrived, not even a connection'

# refused NAME PATTERN: the client failed, and what it printed has the reason.
refused() {
	if [ -z "$(status_of "$1")" ]; then
		skip "$1 is refused" "${3:-it is not installed}"
		return
	fi
	[ "$(status_of "$1")" -ne 0 ] && [ "$(status_of "$1")" -ne 124 ]
	tap_result $? "$1 is refused, not left waiting"
	like "$(output_of "$1")" "$2" "$1 says why"
}
refused curl 'files.unlisted.example'
refused curl-upload 'files.unlisted.example'
refused curl-plain 'plain.unlisted.example'
refused wget '403'
refused git '403'
refused python '403 .*files.unlisted.example'
refused npm '403'
refused pip '403|No matching distribution'
refused node 'files.unlisted.example' "its fetch knows no proxy before 22.21, this is $node; test-agents has another"
refused apt-https '403'
refused apt-http '403'
refused apt-update-https '403'
refused apt-update-http '403'
is "$(status_of openssl)" 0 'a tunnel is accepted, so that the refusal is an answer and not a dead line'
done_testing
