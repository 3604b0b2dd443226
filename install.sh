#!/bin/sh
# Install bot-bottle from a clone or a release tarball: build, then install to a
# prefix. Root is asked for (sudo) only for what needs it: missing packages, and
# a prefix that the caller cannot write.
set -eu
case $0 in */*) cd "${0%/*}" ;; esac

usage() {
	cat <<-'END'
	usage: ./install.sh [--prefix DIR] [--no-deps]
	build and install bot-bottle

	options:
	  --prefix DIR   install below DIR (/usr/local; $HOME/.local needs no root)
	  --no-deps      do not look for missing packages
	  --help         show this text
	END
}

fail() {
	printf 'install: %s\n' "$1" >&2
	exit "$2"
}

prefix=/usr/local
deps=true
while [ $# -gt 0 ]; do
	case $1 in
	--prefix)
		[ $# -ge 2 ] || fail "'--prefix' needs a directory" 100
		prefix=$2
		shift
		;;
	--prefix=*) prefix=${1#*=} ;;
	--no-deps) deps=false ;;
	--help)
		usage
		exit
		;;
	*) fail "unknown argument '$1'; try './install.sh --help'" 100 ;;
	esac
	shift
done
case $prefix in
/*) ;;
*) fail "'--prefix' wants an absolute path, not '$prefix'" 100 ;;
esac

command -v make >/dev/null 2>&1 || fail "unable to find 'make'; on Debian: apt-get install make" 111
if $deps; then
	make -s deps || fail "packages are missing, see above; './install.sh --no-deps' goes on without them" 111
fi
make -s PREFIX="$prefix" || fail 'the build failed, see above' 111

# The nearest directory that exists says whether the prefix can be written.
nearest=$prefix
while ! [ -e "$nearest" ]; do
	nearest=$(dirname "$nearest")
done
as_root=
if ! [ -w "$nearest" ]; then
	command -v sudo >/dev/null 2>&1 || fail \
		"'$nearest' cannot be written and there is no sudo; try --prefix \"\$HOME/.local\"" 111
	echo "install: '$nearest' needs root"
	as_root=sudo
fi
$as_root make -s PREFIX="$prefix" install || fail "unable to install to '$prefix'" 111

echo "installed to $prefix"
case :$PATH: in
*":$prefix/bin:"*) ;;
*) echo "put '$prefix/bin' into PATH to call bb by its name" ;;
esac
