#!/bin/sh
# The real clients of t/clients.t, with a node from npm whose fetch knows the proxy of the environment.
BB_SOURCE=${BB_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
BB_BUILD=${BB_BUILD:-$BB_SOURCE/build}
. "$BB_SOURCE/t/lib/node.sh"
export BB_NODE
exec sh "$BB_SOURCE/t/clients.t"
