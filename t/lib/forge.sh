# A stand-in of a forge's API for deploy keys, and an sshd that obeys it. Read after remote.sh and remote_start.
#
#	forge_start     $forge is its address; ./forge-token holds its token, ./forge-log its requests; the
#	                repository team/app at sshd is ./remote/app.git, for keys that were registered alone
#	forge_mode MODE what it does from now on: see forge.py; '' for all going well
#	forge_keys      how many keys are registered
# shellcheck shell=sh disable=SC2154,SC2034

# shellcheck source=t/lib/certificate.sh
. "$BB_SOURCE/t/lib/certificate.sh"

forge_start() {
	make_certificate tls localhost
	od -An -N 20 -tx1 /dev/urandom | tr -d ' \n' | tr 0-9a-f g-v >forge-token
	cat >serve <<-END
		#!/bin/sh
		case \$SSH_ORIGINAL_COMMAND in
		"git-upload-pack '/team/app.git'") exec git upload-pack $PWD/remote/app.git ;;
		"git-receive-pack '/team/app.git'") exec git receive-pack $PWD/remote/app.git ;;
		esac
		echo "no such repository: \$SSH_ORIGINAL_COMMAND" >&2
		exit 1
	END
	chmod +x serve
	: >forge-log
	python3 "$BB_SOURCE/t/lib/forge.py" tls/localhost.pem tls/localhost.key forge-token sshd/authorized forge-log \
		forge-port 2>>forge.err &
	at_exit "kill $!"
	wait_for test -e forge-port
	forge=https://localhost:$(cat forge-port)
	SSL_CERT_FILE=$PWD/tls/ca.pem
	export SSL_CERT_FILE
}

forge_mode() {
	printf '%s' "$1" >mode
}

forge_keys() {
	grep -c . sshd/authorized
}
