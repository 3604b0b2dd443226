# A bottle that nobody lives in, whose agent asks: a state directory, its sidecar with a real bb-egress, a queue.
# Read after tap.sh.
#
#	make_bottle                    $BOT_BOTTLE_HOME/state/web-1 with the routes of ./first, made if need be;
#	sets state, queue, inforce
#	start_bottle, stop_bottle      its sidecar
#	ask TOOL FILE [JUSTIFICATION]  put a proposal, as an asker would; $id is its id
#	ask_as ID TIME TOOL FILE [JUSTIFICATION]
#	                               the same with an id and a time that are given
#	answer FILTER                  of what was answered to $id, by jq
#	archive                        the asker has read the answers
#	restore                        the routes of ./first are in the file again, without a reload
#	digest FILE                    its SHA-256
# shellcheck shell=sh disable=SC2016,SC2034

make_bottle() {
	state=$BOT_BOTTLE_HOME/state/web-1
	queue=$state/queue
	inforce=$state/egress/routes.yaml
	asked=0
	[ -e first ] || printf 'routes:\n  - host: a.test\n' >first
	mkdir -p "$state" && chmod 700 "$BOT_BOTTLE_HOME" "$BOT_BOTTLE_HOME/state" "$state"
	jq -n --rawfile routes first '{kind: "sidecar", v: 1, daemons: [{name: "egress", program: "bb-egress", reload: true,
		args: ["--routes", "{dir}/routes.yaml", "--ca-store", "{keep:ca}", "--secrets", "{secrets}", "--listen", "127.0.0.1:0",
		"--ready", "{ready}"], keep: ["ca"], secrets: [], files: [{path: "routes.yaml", mode: "0600", content: $routes}]}]}' \
		>document.json
	echo '{"kind":"plan","v":1,"bottles":["base","web"]}' >"$state/plan.json"
	echo '{"kind":"metadata","v":1}' >"$state/metadata.json"
}
start_bottle() {
	bb-sidecar --document 3 --dir "$state" 3<document.json >log 2>errors </dev/null &
	sidecar=$!
	at_exit "kill $sidecar"
	wait_for grep -q '"event":"ready"}' log
}
stop_bottle() {
	kill "$sidecar"
	wait "$sidecar"
}
ask() {
	asked=$((asked + 1))
	ask_as "$(printf '%08x-0000-4000-8000-%012x' $((asked * 305419896 % 4294967296)) "$asked")" \
		"$(printf '2026-01-31T12:%02d:00.000Z' "$asked")" "$@"
}
ask_as() {
	id=$1
	mkdir -p "$queue/processed" && chmod 700 "$queue" "$queue/processed"
	jq -n --arg id "$id" --arg time "$2" --arg tool "$3" --rawfile file "$4" --arg why "${5-I need it.}" \
		--arg hash "$(digest "$inforce")" \
		'{kind: "proposal", v: 1, id: $id, bottle_slug: "web-1", tool: $tool, proposed_file: $file, justification: $why,
		arrival_timestamp: $time, current_file_hash: $hash}' >"$queue/.asked"
	mv "$queue/.asked" "$queue/$id.proposal.json"
}
answer() {
	jq -c "$1" "$queue/$id.response.json"
}
archive() {
	mv "$queue"/*.json "$queue/processed/"
}
restore() {
	cp first "$inforce.new" && mv "$inforce.new" "$inforce"
}
digest() {
	sha256sum "$1" | cut -d' ' -f1
}
