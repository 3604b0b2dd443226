#!/usr/bin/python3
"""What bb-egress accepts, other implementations read alike: requests as node and Python do, responses as Python does.

Requests and responses are grown at random from good and doubtful parts. Where the
proxy passes one, what it wrote and what it was sent must mean the same to the
others; what it refuses, they may read as they like. BB_DIFFERENTIAL is how many
of each (400), BB_SEED where to begin (1).
"""
import http.client
import http.server
import io
import json
import os
import random
import socket
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib.wire import LIMIT, Bench, wait_for  # noqa: E402

COUNT = int(os.environ.get('BB_DIFFERENTIAL', '400'))
SEED = int(os.environ.get('BB_SEED', '1'))
HOP = {'connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade',
       'content-length', 'host', 'expect'}

# Two servers that tell of each request they read, on standard output, before they answer it.
NODE = r'''
const http = require('http')
const ports = []
for (const name of ['direct', 'proxied']) {
	const server = http.createServer((request, response) => {
		const pieces = []
		request.on('data', (piece) => pieces.push(piece))
		request.on('end', () => {
			console.log(JSON.stringify({ name, method: request.method, url: request.url,
				fields: request.rawHeaders,
				body: Buffer.concat(pieces).toString('hex') }))
			response.end('ok')
		})
	})
	server.on('clientError', (error, socket) => {
		console.log(JSON.stringify({ name, error: error.code }))
		socket.destroy()
	})
	server.keepAliveTimeout = 0
	server.listen(0, '127.0.0.1', () => {
		ports[name === 'direct' ? 0 : 1] = server.address().port
		if (ports[0] && ports[1]) console.log(JSON.stringify(ports))
	})
}
'''


class Reader(http.server.BaseHTTPRequestHandler):
    """Python's reading of a request's head."""

    def __init__(self, data):
        self.rfile, self.wfile = io.BytesIO(data), io.BytesIO()
        self.client_address, self.good = ('', 0), False
        self.raw_requestline = self.rfile.readline(65537)
        self.good = bool(self.raw_requestline) and self.parse_request()

    def log_message(self, *args):
        pass


class Stream:
    def __init__(self, data):
        self.data = data

    def makefile(self, _):
        return io.BytesIO(self.data)


def python_response(data):
    """Status and body as http.client reads them, or None."""
    try:
        response = http.client.HTTPResponse(Stream(data))
        response.begin()
        return response.status, response.read()
    except (http.client.HTTPException, ValueError, OSError):
        return None


def doubtful(chance, good, bad):
    """Mostly one of the good ones."""
    return chance.choice(bad) if chance.random() < 0.12 else chance.choice(good)


def framing(chance, body):
    """Fields about the body, and the body as they say, or nearly."""
    length = 'Content-Length: %d' % len(body)
    chunks = b''
    at = 0
    while at < len(body):
        n = chance.randrange(1, len(body) - at + 1)
        size = doubtful(chance, ['%x', '%X', '0%x'], ['%x ', '+%x', '0x%x', '%x;a=b', '%x;"', '%x\t', '-%x']) % n
        chunks += size.encode() + doubtful(chance, [b'\r\n'],
                                           [b'\n', b'\r', b'\r\r\n']) + body[at:at +
                                                                             n] + doubtful(chance, [b'\r\n'],
                                                                                           [b'\n', b'', b' \r\n'])
        at += n
    chunks += doubtful(chance, [b'0\r\n\r\n', b'0\r\nT: x\r\n\r\n'], [b'0\r\n', b'0\n\n', b'00;x\r\n\r\n',
                                                                      b'0\r\nContent-Length: 3\r\n\r\n', b''])
    kind = chance.randrange(10)
    if kind < 4:
        return [length], body
    if kind < 8:
        return [doubtful(chance, ['Transfer-Encoding: chunked', 'transfer-encoding: Chunked'],
                         ['Transfer-Encoding: xchunked', 'Transfer-Encoding: identity, chunked',
                          'Transfer-Encoding: chunked, chunked',
                          'Transfer-Encoding:\tchunked', 'Transfer-Encoding : chunked', 'Transfer-Encoding: "chunked"',
                          'Transfer-Encoding: gzip'])], chunks
    return chance.choice([[length, 'Transfer-Encoding: chunked'], [length, length], [length, 'Content-Length: 0'],
                          ['Content-Length: +%d' % len(body)], ['Content-Length: %d, %d' % (len(body), len(body))],
                          ['Content-Length: 0%d' % len(body)],
                          ['Content-Length : %d' % len(body)], ['Content-Length: %d ' % len(body)],
                          ['Content-Length:%d' % len(body)]]), body


def fields(chance):
    return [doubtful(chance, ['X-A: b', 'Accept: */*', 'x-b:c', 'X-C: ', 'X-D:\td e\t', 'Cookie: a=b', 'X-E: \xe9'],
                     ['X-F : g', ' X-G: h', 'X-H: i\rj', 'X-I: k\x00', 'X-J: l\n m', 'X-K: l\r\n m', 'X(L): m', ': n',
                      'X-M', 'X-N: o\x01', 'X-N: \x7f'])
            for _ in range(chance.randrange(4))]


def grow_request(chance):
    method = doubtful(chance, ['GET', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'],
                      ['get', 'GE T', 'G\x00T', 'TRACE', 'PRI', 'M-SEARCH', ''])
    target = doubtful(chance, ['/', '/a/b?c=d', '/%7Euser', '/a;b', '/?', '/a%2fb', '//x'],
                      ['/a b', '/a\tb', '/../b', '/%2e%2e/b', '/a#b', '/\\', '/a\x00', '/\xff', '*', '?x', ''])
    version = doubtful(chance, ['HTTP/1.1'], ['HTTP/1.0', 'HTTP/1.2', 'HTTP/2.0', 'http/1.1', 'HTTP/1.10', 'HTTP/01.1',
                                              ''])
    lines = fields(chance)
    data = b''
    if method not in ('GET', 'DELETE', 'OPTIONS') or chance.random() < 0.1:
        more, data = framing(chance, bytes(chance.randrange(97, 123) for _ in range(chance.randrange(1, 40))))
        lines += more
    chance.shuffle(lines)
    lines.insert(0, doubtful(chance, ['Host: d.test'], ['Host:d.test:80', 'Host: D.TEST', 'Host: e.test',
                                                        'Host : d.test', 'Host: d.test\r\nHost: d.test', 'X: y']))
    space = doubtful(chance, [' '], ['  ', '\t'])
    end = doubtful(chance, ['\r\n'], ['\n', '\r\r\n'])
    head = end.join([method + space + 'http://d.test' + target + ' ' + version] + lines) + end + end
    return head.encode('latin-1') + data


def grow_response(chance):
    version = doubtful(chance, ['HTTP/1.1', 'HTTP/1.0'], ['HTTP/1.2', 'HTTP/2', 'http/1.1', 'ICY', ''])
    status = doubtful(chance, ['200', '404', '500', '204', '304'], ['99', '600', '2000', '20', '+200', '2 0', '',
                                                                    '20x'])
    reason = doubtful(chance, [' OK', ' ', ' Not so'], ['', ' \x00', '\tOK', ' \xe9'])
    lines = fields(chance)
    data = b''
    if status not in ('204', '304'):
        more, data = framing(chance, bytes(chance.randrange(97, 123) for _ in range(chance.randrange(1, 40))))
        lines += more if chance.random() < 0.9 else []
    chance.shuffle(lines)
    end = doubtful(chance, ['\r\n'], ['\n'])
    return (end.join([version + ' ' + status + reason] + lines) + end + end).encode('latin-1') + data


def exchange(address, data):
    """Send bytes, then the end; what comes back."""
    with socket.create_connection(address, LIMIT) as s:
        got = b''
        try:
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)
            while True:
                more = s.recv(65536)
                if not more:
                    break
                got += more
        except OSError:
            pass
        return got


def origin_form(url):
    """A URL of ours as an origin gets it; one without path has the path '/', RFC 9112 section 3.2.1."""
    rest = url.replace('http://d.test', '', 1)
    return rest if rest.startswith('/') else '/' + rest


def shown(record):
    """What matters of a request that node has read."""
    names = record['fields'][::2]
    pairs = sorted((n.lower(), v.strip()) for n, v in zip(names, record['fields'][1::2]) if n.lower() not in HOP)
    return record['method'], origin_form(record['url']), pairs, record['body']


class Differential(Bench):
    def begin(self):
        script = os.path.join(self.directory, 'servers.js')
        with open(script, 'w') as f:
            f.write(NODE)
        self.out = open(os.path.join(self.directory, 'records'), 'w+')
        self.node = subprocess.Popen(['node', script], stdout=self.out, stdin=subprocess.DEVNULL)
        self.read = 0
        self.direct, self.proxied = wait_for(lambda: next(iter(self.records()), None))
        self.served = None
        self.origin_of_responses = self.origin(self.serve)
        self.proxy = self.egress([{'host': 'd.test', 'ports': [80],
                                   'upstream': {'connect': '127.0.0.1:%d' % self.proxied}},
                                  self.route('r.test', self.origin_of_responses)])

    def records(self):
        """What the servers have told since the last time."""
        with open(self.out.name, 'rb') as f:
            f.seek(self.read)
            text = f.read()
        text = text[:text.rfind(b'\n') + 1]
        self.read += len(text)
        told = [json.loads(line) for line in text.split(b'\n') if line]
        # a connection that merely ended, which may be told late, is not a reading of anything
        return [x for x in told if not isinstance(x, dict) or x.get('error') not in ('ECONNRESET',
                                                                                     'HPE_INVALID_EOF_STATE')]

    def told_of(self, name):
        return [x for x in self.records() if x['name'] == name]

    def serve(self, c):
        c.head()
        c.send(self.served)

    def requests(self):
        chance = random.Random(SEED)
        passed, odd = 0, []
        for _ in range(COUNT):
            data = grow_request(chance)
            exchange(self.proxy.address, data)
            ours = self.told_of('proxied')
            exchange(('127.0.0.1', self.direct), data)
            theirs = self.told_of('direct')
            if not ours:
                continue  # refused: nothing reached the origin
            passed += 1
            if any('error' in x for x in ours):
                if not any('error' in x for x in theirs):
                    odd.append((data, 'node cannot read what the proxy wrote', ours))
                continue
            read = [shown(x) for x in ours]
            node = [shown(x) for x in theirs if 'error' not in x]
            if node and read != node[:len(read)]:
                odd.append((data, read, node))
            python = Reader(data)
            if python.good and (python.command, origin_form(python.path)) != read[0][:2]:
                odd.append((data, read, (python.command, python.path)))
        for case in odd[:5]:
            print('# %r\n#   %r\n#   %r' % case)
        self.same(len(odd), 0, 'of %d requests %d pass, which all read alike' % (COUNT, passed))
        self.check(COUNT // 10 < passed < COUNT, '... which is neither none nor all')

    def responses(self):
        chance = random.Random(SEED)
        passed, odd = 0, []
        for _ in range(COUNT):
            self.served = grow_response(chance)
            got = python_response(exchange(self.proxy.address,
                                           b'GET http://r.test/ HTTP/1.1\r\nHost: r.test\r\nConnection: close\r\n\r\n'))
            if got is None or got[0] == 502:
                continue  # refused, or broken off
            passed += 1
            theirs = python_response(self.served)
            if theirs is not None and got != theirs:
                odd.append((self.served, got, theirs))
        for case in odd[:5]:
            print('# %r\n#   %r\n#   %r' % case)
        self.same(len(odd), 0, 'of %d responses %d pass, which all read alike' % (COUNT, passed))
        self.check(COUNT // 10 < passed < COUNT, '... which is neither none nor all')


with Differential('what bb-egress accepts, other implementations read alike') as b:
    b.begin()
    try:
        b.requests()
        b.responses()
    finally:
        b.node.terminate()
        b.node.wait(LIMIT)
    b.same((b.proxy.process.poll(), open(b.proxy.log_file + '.err').read()), (None, ''),
           'nothing died and nothing complained')
