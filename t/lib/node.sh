# BB_NODE: a node from npm, kept between runs, whose fetch knows the proxy of the environment.
# shellcheck shell=sh

package=node-linux-$(uname -m | sed 's/x86_64/x64/; s/aarch64/arm64/')
agents=$BB_BUILD/agents/node
BB_NODE=$agents/node_modules/$package/bin/node
if ! [ -x "$BB_NODE" ]; then
	mkdir -p "$agents" && npm install --prefix "$agents" --no-audit --no-fund "$package@24" | sed 's/^/# /' || exit 1
fi
