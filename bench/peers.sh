# The ways to the origin that are measured: each start_NAME sets what load needs.
#
#	subject_options   options of load: where to dial and whom to trust
#	subject_pid       process whose tree is the subject, or empty
#
# They use $work (a directory), $host, $tls (the origin's port) and $token, start
# processes in the background and hand each to begin_process. All of them let
# $host through, refuse others, intercept TLS, and put a credential into each
# request; none scans more than its own table below says.
# shellcheck shell=sh disable=SC2034,SC2154

# A port that was free a moment ago, for programs that cannot choose one and tell.
free_port() {
	/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# wait_until SECONDS COMMAND...: try until it succeeds; status 1 at the end of the time.
wait_until() {
	wait_end=$(($(date +%s) + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$(date +%s)" -le "$wait_end" ] || return 1
	done
}

# Whether a request gets through the subject.
answers() {
	# shellcheck disable=SC2086 # a list of options
	"$load" $subject_options --requests 1 --limit 5000 --expect 2 "$url/bytes/2" >"$work/answer" 2>&1
}

have_direct() { :; }
start_direct() {
	subject_pid=
	subject_options="--ca $work/ca/ca.pem --connect 127.0.0.1:$tls"
}

have_egress() {
	[ -x "$BB_BUILD/bin/bb-egress" ]
}
start_egress() {
	mkdir -p "$work/egress"
	cat >"$work/egress/routes.yaml" <<-END
		routes:
		  - host: $host
		    ports: [$tls]
		    auth: {scheme: Bearer, token_env: BENCH_TOKEN}
		    upstream: {connect: "127.0.0.1:$tls", ca_file: $work/ca/ca.pem}
	END
	subject_port=$(free_port)
	# shellcheck disable=SC2086 # a list of options
	BENCH_TOKEN=$token "$BB_BUILD/bin/bb-egress" --routes "$work/egress/routes.yaml" \
		--listen "127.0.0.1:$subject_port" \
		--state "$work/egress/state" ${BENCH_EGRESS_OPTIONS:-} >"$work/egress/log" 2>&1 &
	begin_process $!
	subject_pid=$!
	subject_options="--ca $work/egress/state/ca.pem --proxy 127.0.0.1:$subject_port"
	wait_until 10 answers
}

have_mitmdump() {
	command -v mitmdump >/dev/null
}
start_mitmdump() {
	mkdir -p "$work/mitm"
	subject_port=$(free_port)
	PEER_HOST=$host PEER_DIAL="127.0.0.1:$tls" PEER_TOKEN=$token mitmdump -q --listen-host 127.0.0.1 \
		--listen-port "$subject_port" --set "confdir=$work/mitm" \
		--set "ssl_verify_upstream_trusted_ca=$work/ca/ca.pem" \
		--set connection_strategy=lazy --set http2=false --set flow_detail=0 -s "$BB_SOURCE/bench/mitm.py" \
		>"$work/mitm/log" 2>&1 &
	begin_process $!
	subject_pid=$!
	subject_options="--ca $work/mitm/mitmproxy-ca-cert.pem --proxy 127.0.0.1:$subject_port"
	wait_until 30 answers
}

squid_program=$(command -v squid || echo /usr/sbin/squid)
have_squid() {
	[ -x "$squid_program" ] && [ -x /usr/lib/squid/security_file_certgen ]
}
start_squid() {
	mkdir -p "$work/squid"
	subject_port=$(free_port)
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj '/CN=squid' \
		-addext keyUsage=critical,keyCertSign -keyout "$work/squid/ca.key" -out "$work/squid/ca.pem" 2>/dev/null
	cat "$work/squid/ca.key" >>"$work/squid/ca.pem"
	echo "127.0.0.1 $host" >"$work/squid/hosts"
	cat >"$work/squid/conf" <<-END
		http_port 127.0.0.1:$subject_port ssl-bump tls-cert=$work/squid/ca.pem generate-host-certificates=on
		sslcrtd_program /usr/lib/squid/security_file_certgen -s $work/squid/db -M 4MB
		sslcrtd_children 2
		ssl_bump bump all
		tls_outgoing_options cafile=$work/ca/ca.pem
		hosts_file $work/squid/hosts
		acl listed dstdomain $host
		http_access allow listed
		http_access deny all
		request_header_access Authorization deny all
		request_header_add Authorization "Bearer $token"
		cache deny all
		cache_mem 0
		access_log none
		cache_log $work/squid/log
		cache_store_log none
		pid_filename none
		coredump_dir $work/squid
		shutdown_lifetime 0 seconds
		pinger_enable off
		netdb_filename none
		workers 1
	END
	/usr/lib/squid/security_file_certgen -c -s "$work/squid/db" -M 4MB >/dev/null 2>&1
	[ "$(id -u)" -ne 0 ] || chown -R proxy "$work/squid"
	"$squid_program" -N -n bench -f "$work/squid/conf" >"$work/squid/out" 2>&1 &
	begin_process $!
	subject_pid=$!
	subject_options="--ca $work/squid/ca.pem --proxy 127.0.0.1:$subject_port"
	wait_until 30 answers
}
