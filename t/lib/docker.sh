# Bottles on a Docker engine. Read after tap.sh; run by t/docker/with-engine.
#
# Gives $home with an agent "tester" in a bottle "box", whose routes are those of ./routes, or nothing; a recipe of the
# agent's image that needs no network; $host, an address of this machine that a container can reach.
#
#	routes <<END                 the routes of the bottle, in YAML
#	bottle STATUS 'NAME' COMMAND [OPTION]...
#	                             an agent runs COMMAND in a bottle, which ends with STATUS; output in out and err
#	start_origin NAME            a server at $host whose record is NAME.arrived; sets $plain and $tls to its ports
#	arrived NAME FILTER          what that record says, by jq
#	leftovers                    what of bottles is still there, one a line: nothing, if all is well
# shellcheck shell=sh disable=SC2034,SC2154

if ! docker version >/dev/null 2>&1; then
	skip "$test_title" "no Docker engine answers; 'make test-docker' brings one"
	done_testing
fi

home=$PWD/home
mkdir -p home/agents home/bottles image tmp
export BOT_BOTTLE_HOME="$home" TMPDIR="$PWD/tmp"

cat >image/Dockerfile <<'END'
ARG BASE
FROM ${BASE}
RUN useradd --uid 1000 --user-group --create-home --shell /bin/bash node
END
printf -- '---\nbottle: box\n---\nBe brief.\n' >home/agents/tester.md

# A network with nobody in it, for the address that the host has there.
lan=bb-test-lan-$$
docker network create "$lan" >/dev/null
at_exit "docker network rm $lan"
host=$(docker network inspect "$lan" | jq -r '.[0].IPAM.Config[0].Gateway')

write_bottle() {
	{
		printf -- '---\nagent_provider: {template: shell, dockerfile: "%s/image/Dockerfile"}\nsupervise: false\n' "$PWD"
		printf 'env:\n  GREETING: hello\n  KEY: "${BB_TEST_KEY}"\n'
		cat "$@"
		echo ---
	} >home/bottles/box.md
	chmod 600 home/bottles/box.md
}
BB_TEST_KEY=key-$(openssl rand -hex 16)
BB_TEST_TOKEN=token-$(openssl rand -hex 16)
export BB_TEST_KEY BB_TEST_TOKEN
write_bottle /dev/null

routes() {
	{
		echo 'egress:'
		echo '  routes:'
		sed 's/^/    /'
	} >routes.yaml
	write_bottle routes.yaml
}

bottle() {
	bottle_status=$1
	bottle_name=$2
	bottle_command=$3
	shift 3
	bb start tester --backend docker --yes --headless --prompt "$bottle_command" "$@" >out 2>err </dev/null
	bottle_got=$?
	is "$bottle_got" "$bottle_status" "$bottle_name"
	[ "$bottle_got" -eq "$bottle_status" ] || tap_show err
}

start_origin() {
	mkfifo "$1.ready"
	"$BB_BUILD/bench/origin" --bind "$host" --ca "$PWD/ca" --record "$PWD/$1.arrived" --udp >"$1.ready" &
	at_exit "kill $!"
	read -r plain tls <"$1.ready"
}

arrived() {
	jq -rs "$2" "$1.arrived"
}

leftovers() {
	find "$home/state" -mindepth 1 2>/dev/null
	docker ps --all --filter "label=bot-bottle.home=$home" --format '{{.Names}}'
	docker network ls --filter "label=bot-bottle.home=$home" --format '{{.Name}}'
	docker volume ls --filter "label=bot-bottle.home=$home" --format '{{.Name}}'
}
at_exit 'BOT_BOTTLE_HOME=$home bb-launch-docker cleanup'
