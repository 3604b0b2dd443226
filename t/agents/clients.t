#!/bin/sh
# The real clients of t/clients.t, with a node from npm whose fetch knows the proxy of the environment.
BB_SOURCE=${BB_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
BB_BUILD=${BB_BUILD:-$BB_SOURCE/build}

package=node-linux-$(uname -m | sed 's/x86_64/x64/; s/aarch64/arm64/')
agents=$BB_BUILD/agents/node
BB_NODE=$agents/node_modules/$package/bin/node
if ! [ -x "$BB_NODE" ]; then
	mkdir -p "$agents" && npm install --prefix "$agents" --no-audit --no-fund "$package@24" | sed 's/^/# /' || exit 1
fi
export BB_NODE
exec sh "$BB_SOURCE/t/clients.t"
