#!/bin/sh
test_title='examples: every one loads, and a start of each can be planned'
# shellcheck source=t/lib/tap.sh
. "$(dirname "$0")/lib/tap.sh"

cp -R "$BB_SOURCE/examples" home
chmod -R go-w home
export BOT_BOTTLE_HOME="$PWD/home"
export CLAUDE_TOKEN=planted-1 GITHUB_TOKEN=planted-2 METRICS_KEY=planted-3 REPORT_RECIPIENT=planted-4

check 'all of them load' bb-parse check
for file in home/agents/*.md; do
	agent=$(basename "$file" .md)
	check "$agent: the manifest resolves" bb-parse agent "$agent"
	check "$agent: its settings are shown" bb info "$agent"
	check_status 0 "$agent: a start is planned" env BOT_BOTTLE_ROOTFS=/ bb start "$agent" --dry-run --json
	mv out plan.json
	check "$agent: the plan is one" sh -c 'bb-json check --kind plan --v 1 <plan.json'
	unlike "$(cat plan.json err)" planted "$agent: without a value of a variable"
	jq -r '.sidecar.daemons[] | select(.name == "egress").files[].content' plan.json >routes.yaml
	check "$agent: its routes are YAML and JSON" python3 -c 'import json, yaml
assert json.load(open("routes.yaml")) == yaml.safe_load(open("routes.yaml"))'
done
for file in home/bottles/*.md; do
	is "$(grep -rl "\(bottle\|extends\): $(basename "$file" .md)\$" home | head -n 1 | wc -l)" 1 \
		"$file is used by another example"
done
# The service of the proxy alone: its command starts, but for where things are.
mkdir etc
echo 'routes: [{host: example.com}]' >etc/routes.yaml
command=$(sed -n '/^ExecStart=/,/[^\\]$/p' "$BB_SOURCE/examples/bb-egress.service" |
	sed "s/^ExecStart=//; s/\\\\$//; s,/usr/local/bin/,,; s,/etc/bb-egress,$PWD/etc,
		s,/var/lib/bb-egress,$PWD/state,; s,:9099,:0,")
# shellcheck disable=SC2086 # words, as systemd splits them
$command >egress.log 2>&1 &
at_exit "kill $!"
check 'bb-egress.service: its command starts' wait_for grep -q '"event":"start"' egress.log
check 'bb-egress.service: the state has the names that its comment says' ls state/ca.pem state/bundle.pem \
	state/address state/ca.key
done_testing
