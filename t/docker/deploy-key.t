#!/bin/sh
test_title='the git gate beside a container: a remote by its own URL, with a key that a forge makes and revokes'
# shellcheck source=t/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
# shellcheck source=t/lib/docker.sh
. "$BB_SOURCE/t/lib/docker.sh"
ssh_address=$host
# shellcheck source=t/lib/remote.sh
. "$BB_SOURCE/t/lib/remote.sh"
# shellcheck source=t/lib/forge.sh
. "$BB_SOURCE/t/lib/forge.sh"

remote_start
remote_repo app
forge_start
url=ssh://$(id -un)@$host:$ssh_port/team/app.git
FORGE_TOKEN=$(cat forge-token)
export FORGE_TOKEN
cat >git.yaml <<END
git-gate:
  user: {name: Robo, email: robo@example.org}
  repos:
    app:
      url: $url
      host_key: "$host $host_key"
      key: {provider: gitea, forge_token_env: FORGE_TOKEN, forge_url: "$forge"}
END
write_bottle git.yaml
bottle 0 'clone and push by the URL of the remote' \
	"git clone -q $url app && cd app && git commit -q --allow-empty -m docker &&
	git push -q origin HEAD:refs/heads/docker; status=\$?
	env; cat /proc/*/environ ~/.ssh/* 2>/dev/null; exit \$status"
is "$(git -C remote/app.git log -1 --format='%an %s' docker)" 'Robo docker' '... the push has arrived'
unlike "$(cat out)" "PRIVATE KEY|$FORGE_TOKEN" '... nothing of key or token is in the bottle'
is "$(sed 's,/[0-9]* , N ,; s,.*/keys,keys,' forge-log | xargs)" 'keys 201 keys N 204' \
	'... one key was made and revoked'
is "$(forge_keys) $(ls home/deploy-keys)" '0 ' '... nothing of it is left'
bottle 3 'a bottle whose agent fails' 'exit 3'
is "$(forge_keys) $(ls home/deploy-keys)" '0 ' '... its key is revoked, too'
forge_mode 403
before=$(leftovers)
bottle 111 'a forge that says no' 'true'
like "$(cat err)" "^bb-launch-docker: unable to make a deploy key for 'app'" '... no bottle starts'
is "$(leftovers)" "$before" '... and nothing of it is left'
done_testing
