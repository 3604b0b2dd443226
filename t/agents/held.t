#!/bin/sh
# The clients of t/egress-held.t, held almost as long as they can be, with a node whose fetch knows the proxy of the
# environment: none of them gives up before the proxy does. Takes ten minutes.
BB_SOURCE=${BB_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
BB_BUILD=${BB_BUILD:-$BB_SOURCE/build}
. "$BB_SOURCE/t/lib/node.sh"
export BB_NODE BB_HELD_SECONDS=285
exec /usr/bin/python3 "$BB_SOURCE/t/egress-held.t"
