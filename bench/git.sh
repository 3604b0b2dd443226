#!/bin/sh
# Measure the git gate next to the same commands on the bare repository, over the
# same sshd, in one run: a push of BENCH_COMMITS commits (50 MB for 1,000), one of a
# single commit, a fetch with nothing new; what the judge looks at in a second; memory
# of the gate's processes by the size of a push. See bench/README.
set -u
test_title='bench: the git gate'
BB_SOURCE=${BB_SOURCE:-$(cd "$(dirname "$0")/.." && pwd)}
# shellcheck source=t/lib/tap.sh
. "$BB_SOURCE/t/lib/tap.sh"
# shellcheck source=t/lib/remote.sh
. "$BB_SOURCE/t/lib/remote.sh"

commits=${BENCH_COMMITS:-1000}
remote_start
remote_repo app
url=$(remote_url app)
gate_config app
gate_start
echo "[127.0.0.1]:$ssh_port $host_key" >known
GIT_SSH_COMMAND="ssh -F none -i $PWD/key -o IdentitiesOnly=yes -o UserKnownHostsFile=$PWD/known"
export GIT_SSH_COMMAND
as_client git clone -q "$url" work

now_ms() {
	echo $(($(date +%s%N) / 1000000))
}
# timed NAME COMMAND...: its milliseconds; ends the run when it fails.
timed() {
	timed_name=$1
	shift
	began=$(now_ms)
	if ! as_client "$@" >out 2>err; then
		echo "bench: $timed_name failed: $(tail -n 1 err)" >&2
		exit 1
	fi
	ms=$(($(now_ms) - began))
}
# What the gate consists of while a push passes through it.
processes='bb-gitgate|git-receive-pack|index-pack|send-pack|unpack-objects'

# peak: the most memory (RSS, MiB) that the gate's processes had together, seen every 20 ms until ./stop is there.
peak() {
	most=0
	while ! [ -e stop ]; do
		sum=0
		for process in $(pgrep -g 0 -f "$processes" 2>/dev/null); do
			kib=$(awk '/^VmRSS/ { print $2 }' "/proc/$process/status" 2>/dev/null)
			sum=$((sum + ${kib:-0}))
		done
		[ "$sum" -le "$most" ] || most=$sum
		sleep 0.02
	done
	echo $((most / 1024)) >peak
}

# Text of source code's kind: words, numbers, punctuation; 50 KB a commit, of which nothing is a secret.
python3 - "$commits" >history <<'END'
import random, sys
r = random.Random(1)
words = [''.join(r.choice('abcdefghijklmnopqrstuvwxyz_') for _ in range(r.randint(2, 11))) for _ in range(4000)]
for n in range(int(sys.argv[1])):
    text = '\n'.join('\t' * r.randint(0, 3) + ' '.join(r.choice(words) for _ in range(8)) +
                     '(%d);' % r.randint(0, 9999) for _ in range(800))[:50000]
    print('commit refs/heads/bench\ncommitter A <a@example.org> %d +0000\ndata 6\nchange' % (n + 1))
    if not n:
        print('from refs/remotes/origin/main')
    print('M 100644 inline src/file-%d.c\ndata %d\n%s\n' % (n % 97, len(text), text))
END
git -C work fast-import --quiet <history
bytes=$(git -C work rev-list --objects origin/main..bench | cut -d ' ' -f 1 |
	git -C work cat-file --batch-check='%(objectsize)' | awk '{ sum += $1 } END { print sum }')

timed 'the push, directly' git -C work push -q "$url" bench:direct
direct=$ms
git -C remote/app.git update-ref -d refs/heads/direct
git -C remote/app.git gc -q --prune=now
timed 'the push, through the gate' git -C work push -q "$gate_git/app.git" bench:gate
gate=$ms
began=$(now_ms)
bb-gitgate check --rules "$BB_SOURCE/rules/tokens.yaml" work \
	"$(git -C work rev-parse origin/main)" "$(git -C work rev-parse bench)" refs/heads/x
scan=$(($(now_ms) - began))
git -C work checkout -q bench
for n in 1 2 3 4 5; do
	echo "$n" >>work/one && git -C work add one && git -C work commit -q -m one
	timed 'one commit, directly' git -C work push -q "$url" HEAD:direct
	echo "$ms" >>one-direct
	timed 'one commit, through the gate' git -C work push -q "$gate_git/app.git" HEAD:gate
	echo "$ms" >>one-gate
	timed 'nothing new, directly' git -C work fetch -q "$url"
	echo "$ms" >>fetch-direct
	timed 'nothing new, through the gate' git -C work fetch -q "$gate_git/app.git"
	echo "$ms" >>fetch-gate
done
median() {
	sort -n "$1" | sed -n 3p
}
# row LABEL DIRECT GATE
row() {
	awk -v l="$1" -v d="$2" -v g="$3" 'BEGIN { printf "%-44s %9d %9d %8.2fx\n", l, d, g, d ? g / d : 0 }'
}
printf '%-44s %9s %9s %9s\n' 'git, ms' directly gate ratio
row "push of $commits commits ($((bytes / 1000000)) MB of objects)" "$direct" "$gate"
row '  without the time of the scan alone' "$direct" $((gate - scan))
row 'push of one commit, median of 5' "$(median one-direct)" "$(median one-gate)"
row 'fetch with nothing new, median of 5' "$(median fetch-direct)" "$(median fetch-gate)"
awk -v b="$bytes" -v ms="$scan" 'BEGIN {
	printf "\nthe scan alone: %d ms, %.1f MB/s of objects\n\n", ms, b / 1000 / ms }'
for mib in 1 10 50; do
	head -c $((mib << 20)) /dev/urandom | base64 >work/blob
	git -C work add blob && git -C work commit -q -m "$mib MiB"
	rm -f stop
	peak &
	watcher=$!
	timed "a push of $mib MiB" git -C work push -q "$gate_git/app.git" "HEAD:blob-$mib"
	: >stop
	wait "$watcher"
	printf 'memory of all processes of a push of %2d MiB, at most %5d MiB\n' "$mib" "$(cat peak)"
done
gate_stop
