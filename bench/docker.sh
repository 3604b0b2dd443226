#!/bin/sh
# Measure bottles on a Docker engine next to what the engine does by itself, in one run; print a table. The engine
# has to answer: t/docker/with-engine bench/docker.sh.
#
#	BENCH_ROUNDS=7        of each start, one after the other in turn; the median counts
#
# Exit status: 0, or 111 when something could not be started.
set -eu
export LC_ALL=C

BB_SOURCE=${BB_SOURCE:-$(cd "$(dirname "$0")/.." && pwd)}
BB_BUILD=${BB_BUILD:-$BB_SOURCE/build}
PATH=$BB_BUILD/bin:$PATH
rounds=${BENCH_ROUNDS:-7}
work=$(mktemp -d "${TMPDIR:-/tmp}/bb-bench.XXXXXX")
one=bb-bench-one-$$ two=bb-bench-two-$$
bottle=

# shellcheck disable=SC2317 # called by the trap
finish() {
	status=$?
	trap - EXIT
	[ -z "$bottle" ] || { kill "$bottle" && wait "$bottle"; } 2>/dev/null || :
	docker rm --force "$one" >/dev/null 2>&1 || :
	docker network rm "$one" "$two" >/dev/null 2>&1 || :
	docker image ls --quiet --filter "label=bot-bottle.snapshot.home=$work/home" |
		sort -u | xargs -r docker rmi --force >/dev/null 2>&1 || :
	rm -rf "$work"
	exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

now() {
	date +%s%N
}

# median FILE
median() {
	sort -n "$1" | sed -n "$(((rounds + 1) / 2))p"
}

# took NAME BEGAN ENDED: note a time in milliseconds.
took() {
	echo $((($3 - $2) / 1000000)) >>"$work/$1"
}

# by_hand: what compose does for two containers and two networks.
by_hand() {
	docker network create --internal "$one" >/dev/null
	docker network create "$two" >/dev/null
	docker run --detach --name "$one" --network "$two" "$image" sleep 60 >/dev/null
	docker network connect "$one" "$one"
	docker run --rm --network "$one" "$image" date +%s%N
	docker rm --force "$one" >/dev/null
	docker network rm "$one" "$two" >/dev/null
}

# start_bottle LABEL COMMAND: one that stays, and says when it began.
start_bottle() {
	bb start clock --backend docker --yes --headless --label "$1" --prompt "$2; echo began; exec sleep 1000" \
		>"$work/said" 2>"$work/errors" </dev/null &
	bottle=$!
	tries=2400
	until grep -q began "$work/said"; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || { tail -n 1 "$work/errors" >&2; exit 111; }
		sleep 0.025
	done
}

end_bottle() {
	kill "$bottle"
	wait "$bottle" || :
	bottle=
	rm -rf "$work/home/state"
}

cd "$work"
mkdir -p home/agents home/bottles image
export BOT_BOTTLE_HOME="$work/home"
printf 'ARG BASE=debian:bookworm-slim\nFROM ${BASE}\n%s\n' \
	'RUN id node >/dev/null 2>&1 || useradd --uid 1000 --user-group --create-home --shell /bin/bash node' \
	>image/Dockerfile
printf -- '---\nagent_provider: {template: shell, dockerfile: "%s/image/Dockerfile"}\n%s\n---\n' "$work" \
	'supervise: false
egress: {routes: [{host: api.example.com}]}' >home/bottles/box.md
chmod 600 home/bottles/box.md
printf -- '---\nbottle: box\n---\nBe brief.\n' >home/agents/clock.md
bb start clock --backend docker --yes --headless --prompt true >said 2>errors </dev/null || {
	tail -n 1 errors >&2
	exit 111
}
image=$(docker image ls --format '{{.Repository}}:{{.Tag}}' --filter label=bot-bottle.image |
	grep -m 1 '^bot-bottle-agent:')

round=0
while [ $round -lt "$rounds" ]; do
	began=$(now)
	took run "$began" "$(docker run --rm "$image" date +%s%N)"
	began=$(now)
	took hand "$began" "$(by_hand)"
	began=$(now)
	took bottle "$began" \
		"$(bb start clock --backend docker --yes --headless --prompt 'date +%s%N' 2>/dev/null </dev/null)"
	round=$((round + 1))
done
run=$(median run)
printf '\nto the first instruction, ms (median of %s)\n' "$rounds"
for name in run hand bottle; do
	case $name in
	run) label='docker run, one container' ;;
	hand) label='two containers, two networks, by docker' ;;
	bottle) label='bb start --backend docker, bb-prove included' ;;
	esac
	printf '  %-46s %6s  %5s x\n' "$label" "$(median $name)" \
		"$(awk -v a="$(median $name)" -v b="$run" 'BEGIN { printf "%.2f", a / b }')"
done

start_bottle idle true
printf '\nmemory of the idle sidecar, MiB\n'
docker top bot-bottle-sidecars-idle -eo pid | tail -n +2 >pids
while read -r pid; do
	awk '/^Pss:/ { p = $2 } /^Rss:/ { r = $2 } END { print p, r }' "/proc/$pid/smaps_rollup"
done <pids | awk '{ p += $1; r += $2 }
	END { printf "  proportional share %.1f, resident %.1f, of %d processes\n", p / 1024, r / 1024, NR }'
printf '  as the engine counts it: %s\n' "$(docker stats --no-stream --format '{{.MemUsage}}' bot-bottle-sidecars-idle)"
end_bottle

printf '\ncommit and resume by size of the change, ms\n'
for mb in 1 10 100; do
	start_bottle "size-$mb" "head -c ${mb}000000 /dev/urandom >~/data"
	began=$(now)
	bb commit --force --name "size-$mb" "size-$mb" >committed 2>errors || { tail -n 1 errors >&2; exit 111; }
	ended=$(now)
	end_bottle
	began_again=$(now)
	resumed=$(bb resume "size-$mb" --yes --headless --prompt 'date +%s%N' 2>/dev/null </dev/null)
	printf '  %4s MB: commit %6s, resume %6s, layer %10s bytes\n' "$mb" \
		$(((ended - began) / 1000000)) $(((resumed - began_again) / 1000000)) \
		"$(bb-json get size <"home/snapshots/size-$mb/snapshot.json")"
done

printf '\nsizes of images\n'
for name in "$image" "${BOT_BOTTLE_SIDECAR_IMAGE:-}" "${BOT_BOTTLE_DOCKER_BASE:-}"; do
	[ -z "$name" ] || docker image ls --format '  {{.Repository}}: {{.Size}}' "$name"
done
