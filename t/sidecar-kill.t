#!/bin/sh
# shellcheck disable=SC2016,SC2086,SC2094,SC2317 # a script in quotes, a list of names, a directory and a file
test_title='bb-sidecar: daemons killed at random moments are all back, with what they kept, and nothing is left at the end'
. "$(dirname "$0")/lib/tap.sh"

# ROUNDS of killing each of eight daemons once, in a random order and without waiting for the one before.
rounds=${BB_KILL_ROUNDS:-4}
daemons='a b c d e f g h'

# A life appends to its kept file and to its log, has a child, and may be killed at any of these points.
life='printf . >>"/proc/self/fd/$2"; sleep 1000 & echo "life $$"; cat "/proc/self/fd/$3" >secret; echo >&"$1"; wait'
for name in $daemons; do
	jq -cn --arg name "$name" --arg life "$life" '{name: $name, program: "/bin/sh", keep: ["k"], secrets: [$name],
		args: ["-c", $life, $name, "{ready}", "{keep:k}", "{secrets}"]}'
	printf '1:%s,2:s%s,' "$name" "$name" >>secrets
done | jq -cs '{kind: "sidecar", v: 1, daemons: .}' >document.json
bb-sidecar --document 3 --secrets 4 --dir dir 3<document.json 4<secrets >log 2>errors </dev/null &
sidecar=$!
at_exit "kill -9 $sidecar"
check 'all daemons are ready' wait_for bb-sidecar health --dir dir

seed=${BB_SEED:-$(date +%s)}
echo "# BB_SEED=$seed BB_KILL_ROUNDS=$rounds"
kills=0
round=0
while [ "$round" -lt "$rounds" ]; do
	round=$((round + 1))
	bb-sidecar health --dir dir >health
	for name in $(printf '%s\n' $daemons | awk -v seed="$seed$round" 'BEGIN { srand(seed) } { print rand(), $0 }' |
		sort | cut -d ' ' -f 2); do
		pid=$(jq --arg name "$name" '.daemons[] | select(.name == $name).pid // empty' health)
		if [ -n "$pid" ] && kill -9 "$pid" 2>/dev/null; then
			kills=$((kills + 1))
		fi
	done
done
check "after $kills kills all daemons are ready again" wait_for bb-sidecar health --dir dir
is "$(grep -c '"event":"died"' log)" "$kills" 'each death was seen'
bb-sidecar health --dir dir >health
is "$(jq '[.daemons[].restarts] | add' health)" "$kills" '... and repaired once'
for name in $daemons; do
	is "$(cat "dir/$name/secret")" "1:$name,2:s$name," "'$name' has its own secret"
	pid=$(jq --arg name "$name" '.daemons[] | select(.name == $name).pid' health)
	lives=$(wc -c <"/proc/$pid/fd/3")
	check "... and the memory of its $lives lives" test "$lives" -eq "$(grep -c "^\[$name\] life" log)"
done
kill -TERM "$sidecar"
wait "$sidecar"
is "$?" 0 'the end'
is "$(sed -n 's/^\[[a-h]\] life //p' log | while read -r pid; do grep -l '^State:.[^ZX]' "/proc/$pid/status" 2>/dev/null; done)" '' \
	'nothing that ever lived is left'

done_testing
