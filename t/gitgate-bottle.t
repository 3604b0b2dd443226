#!/bin/sh
# shellcheck disable=SC2016 # the bottle's dollars
test_title='the git gate in a real bottle: an unmodified git, the remote by its own URL'
# shellcheck source=t/lib/tap.sh
. "$(dirname "$0")/lib/tap.sh"
# shellcheck source=t/lib/remote.sh
. "$BB_SOURCE/t/lib/remote.sh"

if ! bb-launch-native check >out 2>err; then
	skip 'a real bottle' "$(grep -h fail out err | head -n 1)"
	done_testing
fi
remote_start
remote_repo app
url=$(remote_url app)
mkdir -p home/agents home/bottles project tmp
export BOT_BOTTLE_HOME="$PWD/home" TMPDIR="$PWD/tmp"
GATE_TEST_KEY=$(od -An -N 24 -tx1 /dev/urandom | tr -d ' \n' | tr 0-9a-f g-v)
export GATE_TEST_KEY
cat >home/bottles/box.md <<END
---
agent_provider: {template: shell}
env: {API_KEY: "\${GATE_TEST_KEY}"}
supervise: false
git-gate:
  user: {name: Robo, email: robo@example.org}
  repos:
    app:
      url: $url
      host_key: "127.0.0.1 $host_key"
      key: {provider: static, path: $PWD/key}
---
END
chmod 600 home/bottles/box.md
printf -- '---\nbottle: box\n---\nBe brief.\n' >home/agents/hello.md

# in_bottle STATUS 'NAME' COMMAND: a bottle whose agent runs COMMAND ends with STATUS; output in ./out and ./err.
in_bottle() {
	(cd project && bb start hello --yes --headless --prompt "$3") >out 2>err </dev/null
	is "$?" "$1" "$2"
}

in_bottle 0 'clone, commit and push by the URL of the remote' "git clone -q $url app && cd app && cat README &&
	echo more >more && git add more && git commit -q -m 'from the bottle' && git push -q origin main && git ls-remote $url main"
is "$(head -n 1 out)" 'this is app' 'the clone is the remote'
is "$(git -C remote/app.git log -1 --format='%an <%ae> %s' main)" 'Robo <robo@example.org> from the bottle' \
	'the push has arrived, by its author'
is "$(tail -n 1 out | cut -f 1)" "$(git -C remote/app.git rev-parse main)" 'ls-remote shows it'
token=ghp_$(printf 'zK3vQ9xT7mB2%s' 'nR5wL8cJ4hF6gD1sYpUaEo0b')
before=$(git -C remote/app.git for-each-ref)
in_bottle 1 'a secret' "git clone -q $url app && cd app && echo $token >k && git add k && git commit -q -m k && git push -q origin main"
like "$(cat out err)" 'remote: git-gate: refused refs/heads/main: github-pat in k:1' \
	'is refused, and the agent reads why'
is "$(git -C remote/app.git for-each-ref)" "$before" 'the remote is as before'
in_bottle 1 'a secret of its environment, in base64' \
	"git clone -q $url app && cd app && printenv API_KEY | base64 >k && git add k &&
	git commit -q -m k && git push -q origin main"
like "$(cat out err)" 'remote: git-gate: refused refs/heads/main: known-secret in k:1' 'is refused, too'
is "$(git -C remote/app.git for-each-ref)" "$before" 'the remote is as before'
sed -i 's/^supervise: false$/supervise: true/' home/bottles/box.md
export SUPERVISE_GITLEAKS_ALLOW_TIMEOUT_SECONDS=1
in_bottle 1 'one that its line excuses' "git clone -q $url app && cd app && echo '$token # gitleaks:allow' >k && git add k &&
	git commit -q -m k && git push -q origin main"
like "$(cat out err)" 'remote: git-gate: 1 suppressed finding: waiting up to 1 seconds for the operator' \
	'waits for the operator'
like "$(cat out err)" 'remote: git-gate: refused: .* nobody has given it within 1 seconds' '... whose silence is no yes'
in_bottle 0 'all that the agent can see' 'env; cat /proc/*/environ; cat ~/.gitconfig; ls -a ~/.ssh; true'
unlike "$(cat out)" "$(sed -n 2p key)|SSH_AUTH_SOCK" 'has nothing of the key'
sed -i '/host_key/d' home/bottles/box.md
check 'a remote without a host key' sh -c 'cd project && bb start hello --yes --dry-run'
like "$(cat out err)" "remote 'app' has no 'host_key', so nobody can tell who answers: fetch and push are refused" \
	'... is pointed at before the start'
chmod 644 key
in_bottle 100 'a key that others may read' true
like "$(cat err)" "others may read '$PWD/key'; run: chmod 600" 'is refused, with the remedy'
done_testing
