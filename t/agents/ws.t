#!/bin/sh
test_title='the npm package ws, both ends of a WebSocket through bb-egress'
BB_SOURCE=${BB_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
. "$BB_SOURCE/t/lib/tap.sh"
. "$BB_SOURCE/t/lib/certificate.sh"

packages=$BB_BUILD/agents/ws
if ! [ -d "$packages/node_modules/ws" ]; then
	mkdir -p "$packages"
	check 'ws comes from npm' npm install --prefix "$packages" --no-audit --no-fund ws https-proxy-agent
fi
ln -s "$packages/node_modules" node_modules
make_certificate ca ws.test

# --- an origin that echoes and would compress, and says what it was offered ---

cat >origin.mjs <<'END'
import { WebSocketServer } from 'ws'
import { createServer } from 'node:https'
import { readFileSync } from 'node:fs'

const read = name => readFileSync(`ca/ws.test.${name}`)
const server = createServer({ cert: read('pem'), key: read('key') })
new WebSocketServer({ server, perMessageDeflate: true }).on('connection', (socket, request) => {
	console.log(`offered: ${request.headers['sec-websocket-extensions']}`)
	socket.on('message', (data, binary) => socket.send(data, { binary }))
	socket.on('close', code => console.log(`closed: ${code}`))
})
server.listen(0, '127.0.0.1', () => console.log(server.address().port))
END
node origin.mjs >origin.log 2>&1 &
at_exit "kill $!"
check 'an origin runs' wait_for grep -q '^[0-9][0-9]*$' origin.log
echo "routes: [{host: ws.test, upstream: {connect: \"127.0.0.1:$(head -n 1 origin.log)\", ca_file: $PWD/ca/ca.pem}}]" \
	>routes.yaml
bb-egress --routes routes.yaml --listen 127.0.0.1:0 --state state >egress.log 2>&1 &
at_exit "kill $!"
check 'the proxy runs' wait_for grep -q '"event":"start"' egress.log

# --- a client ---

cat >client.mjs <<'END'
import { WebSocket } from 'ws'
import { HttpsProxyAgent } from 'https-proxy-agent'
import { readFileSync } from 'node:fs'

const socket = new WebSocket('wss://ws.test/x', {
	agent: new HttpsProxyAgent(process.env.HTTPS_PROXY),
	ca: readFileSync(process.env.NODE_EXTRA_CA_CERTS), perMessageDeflate: true,
})
const long = Buffer.from('lorem ipsum '.repeat(80000))
socket.on('open', () => { socket.send('hello'); socket.ping('p'); socket.send(long) })
socket.on('pong', data => console.log(`pong ${data}`))
socket.on('message', (data, binary) => {
	console.log(binary ? `binary ${data.equals(long)}` : `text ${data}`)
	if (binary)
		socket.close(1000, 'done')
})
socket.on('close', (code, reason) => console.log(`close ${code} ${reason} [${socket.extensions}]`))
socket.on('error', error => console.log(`error ${error.message}`))
END
eval "$(bb-egress env --state state)"
check 'a client comes to its end' timeout 60 node client.mjs
is "$(sort out)" "$(printf 'binary true\nclose 1000 done []\npong p\ntext hello')" \
	'... with all messages, a pong, and a close; without compression'
check 'the origin heard the close' wait_for grep -q '^closed: 1000$' origin.log
like "$(cat origin.log)" '^offered: undefined$' '... and no offer of compression'

done_testing
