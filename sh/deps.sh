#!/bin/sh
# Install the Debian packages named as operands that are missing: as root, or
# with sudo; otherwise say what to run. A name whose program is already here by
# other means (a newer nodejs with its own npm, say) is not installed over it.
set -eu

missing=
for package in "$@"; do
	case $package in
	npm | nodejs | clang) command -v "$(echo "$package" | sed 's/^nodejs$/node/')" >/dev/null 2>&1 && continue ;;
	esac
	case $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true) in
	installed) ;;
	*) missing="$missing $package" ;;
	esac
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
	echo "deps: please install the equivalents of:$missing" >&2
	exit 1
fi
if [ "$(id -u)" -eq 0 ]; then
	as_root=
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
	as_root=sudo
else
	printf 'deps: packages are missing; please run this as root and try again:\n\n  %s%s\n\n' \
		'apt-get update && apt-get install -y --no-install-recommends' "$missing" >&2
	exit 1
fi
echo "deps: installing$missing"
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # a list of package names
$as_root apt-get -q -q update && $as_root apt-get -q -q install -y --no-install-recommends $missing >/dev/null
