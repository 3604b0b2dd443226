# Certificates for servers of tests that are not origin.
#
#	make_certificate DIR NAME    DIR/NAME.pem and DIR/NAME.key, issued by the
#	                             authority DIR/ca.pem that is made when absent
#
# shellcheck shell=sh

make_certificate() {
	mkdir -p "$1" || return 1
	if ! [ -e "$1/ca.pem" ]; then
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 \
			-subj '/CN=test authority' \
			-addext keyUsage=critical,keyCertSign -keyout "$1/ca.key" -out "$1/ca.pem" 2>/dev/null ||
			return 1
	fi
	printf 'subjectAltName=DNS:%s\nbasicConstraints=critical,CA:FALSE\nauthorityKeyIdentifier=keyid\n' "$2" \
		>"$1/$2.ext"
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$2" -keyout "$1/$2.key" \
		-out "$1/$2.csr" \
		2>/dev/null &&
		openssl x509 -req -in "$1/$2.csr" -CA "$1/ca.pem" -CAkey "$1/ca.key" -CAcreateserial -days 30 \
			-extfile "$1/$2.ext" -out "$1/$2.pem" 2>/dev/null
}
