#!/bin/sh
# The clients of t/egress-held.t with a node whose fetch knows the proxy of the environment. With BB_LONG=1 they are
# held almost as long as they can be, and none of them gives up before the proxy does; that takes ten minutes.
BB_SOURCE=${BB_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
BB_BUILD=${BB_BUILD:-$BB_SOURCE/build}
. "$BB_SOURCE/t/lib/node.sh"
BB_HELD_SECONDS=$([ "${BB_LONG:-}" ] && echo 285 || echo 20)
export BB_NODE BB_HELD_SECONDS
exec /usr/bin/python3 "$BB_SOURCE/t/egress-held.t"
