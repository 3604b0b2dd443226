#!/usr/bin/python3
"""A known secret in pieces: the one that would make it one does not arrive. Checked at the origin's end."""
import base64
import gzip
import hashlib
import json
import os
import random
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib.wire import Bench, answer, get  # noqa: E402

random.seed(11)
LETTERS = 'ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789'
HOSTS = ['one.test', 'two.test', 'three.test']
arrived = []    # what origins got, by connection


def make(n):
    return ''.join(random.choice(LETTERS) for _ in range(n))


def record(c):
    """Keeps all that comes; answers each request that is whole, and takes a WebSocket as far as it goes."""
    got = bytearray()
    arrived.append(got)
    receive = c.more

    def more():
        before = len(c.buffer)
        going = receive()
        got.extend(c.buffer[before:])
        return going
    c.more = more
    while True:
        head = c.head()
        if 'pgrade: websocket' in head:
            c.send(websocket.switch(head))
            while True:
                got.extend(websocket.read_message(c)[1])
        body = c.body(head) if 'ontent-' in head or 'chunked' in head else b''
        got.extend(body)
        c.send(answer(b'thank you'))


def seen(piece):
    return any(piece.encode() in bytes(a) for a in arrived)


def post(host, body, *fields):
    return get('/up', host, 'Content-Length: %d' % len(body), *fields, method='POST', body=body)


class Frames:
    """As much of RFC 6455 as this test needs."""
    @staticmethod
    def switch(head):
        key = [line.split(':', 1)[1].strip() for line in head.split('\r\n')
               if line.lower().startswith('sec-websocket-key:')][0]
        accept = base64.b64encode(hashlib.sha1((key +
                                                '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').encode()).digest()).decode()
        return ('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n' %
                accept).encode()

    @staticmethod
    def message(text):
        return bytes([0x81, 0x80 | len(text)]) + bytes(4) + text

    @staticmethod
    def read_message(c):
        first, second = c.exactly(2)
        n = second & 127
        if n == 126:
            n = struct.unpack('>H', c.exactly(2))[0]
        mask = c.exactly(4) if second & 128 else bytes(4)
        return first & 15, bytes(x ^ mask[i % 4] for i, x in enumerate(c.exactly(n)))


websocket = Frames

with Bench('a known secret in pieces: the one that would make it one does not arrive') as b:
    origin = b.origin(record, 'a.test')
    origin.context = b.certificate('a.test', 'off.test', '*.data.test', *HOSTS)
    routes = [b.route(h, origin) for h in HOSTS] + [b.route('*.data.test', origin)]
    routes.append(b.route('off.test', origin, dlp={'outbound_detectors': ['token_patterns']}))
    secrets = {'SPREAD_%d' % i: make(40) for i in range(40)}
    secrets['SPREAD_LOWER'] = make(40).lower()
    proxy = b.egress(routes, args=('--workers', '2'), env=dict(secrets, BOT_BOTTLE_SENSITIVE_PREFIXES='SPREAD_'))
    fresh = iter(sorted(v for k, v in secrets.items() if k != 'SPREAD_LOWER'))

    def send(host, raw):
        """One request on a connection of its own, which any of the two fronts gets; its status."""
        c = b.tunnel(proxy, host)
        c.send(raw)
        head, body = c.response()
        c.close()
        return head.split(' ')[1]

    def attack(name, request, size=8):
        """Pieces of a secret that nobody has seen, one a request, until it is refused. request(i, piece) is (host, bytes)."""
        secret = next(fresh)
        pieces = [secret[i:i + size] for i in range(0, len(secret), size)]
        statuses = []
        for i, piece in enumerate(pieces):
            send('three.test', get('/v1/models?limit=3', 'three.test',
                                   'User-Agent: something/1.0'))  # what an agent does meanwhile
            statuses.append(send(*request(i, piece)))
            if statuses[-1] != '200':
                break
        whole = -(-16 // size)
        good = statuses == ['200'] * (whole - 1) + ['403'] and seen(pieces[0]) and not seen(pieces[whole - 1])
        if not good:
            print('#', statuses, [seen(p) for p in pieces])
        again = send(*request(whole - 1, pieces[whole - 1]))
        b.check(good and again == '403' and not seen(pieces[whole - 1]), name)

    one = HOSTS[0]
    attack('a parameter', lambda i, p: (one, get('/?n=%d&d=%s' % (i, p), one)))
    attack('a parameter, to other hosts in turn', lambda i,
           p: (HOSTS[i % 2], get('/?n=%d&d=%s' % (i, p), HOSTS[i % 2])))
    attack('pieces of 5', lambda i, p: (one, get('/?n=%d&d=%s' % (i, p), one)), size=5)
    attack('a segment of the path', lambda i, p: (one, get('/%d/%s' % (i, p), one)))
    attack('a header', lambda i, p: (one, get('/', one, 'X-Note: ' + p)))
    attack('a header of another name each time, in its number in the query', lambda i,
           p: (one, get('/?part%d=%s' % (i, p), one)))
    attack('a cookie', lambda i, p: (one, get('/', one, 'Cookie: sid=%d; data=%s' % (i, p))))
    attack('a body', lambda i, p: (one, post(one, p.encode())))
    attack('a body of JSON', lambda i, p: (one, post(one, json.dumps({'n': i, 'data': p}).encode())))
    attack('a body of JSON, compressed', lambda i,
           p: (one, post(one, gzip.compress(json.dumps({'n': i, 'data': p}).encode(), 0),
                                                                  'Content-Encoding: gzip')))  # stored, so that it can be seen
    attack('a form', lambda i, p: (one, post(one, b'n=%d&data=%s' % (i, p.encode()))))
    attack('by turns in query, header and body', lambda i, p: [
        (one, get('/?data=' + p, one)), (one, get('/', one, 'data: ' + p)),
        (one, post(one, b'data=' + p.encode()))][i % 3], size=6)

    # --- a label of the host name, which has no capital letters ---
    p = [secrets['SPREAD_LOWER'][i:i + 8] for i in range(0, 40, 8)]
    b.same([send(h, get('/', h)) for h in (x + '.data.test' for x in p[:2])], ['200', '403'], 'labels of a host name')
    b.check(seen(p[0]) and not seen(p[1]), '... of which the second does not arrive')

    # --- one request ---
    secret = next(fresh)
    p = [secret[i:i + 8] for i in range(0, 40, 8)]
    b.same(send(one, get('/', one, *['X-%d: %s' % (i, x) for i, x in enumerate(p)])), '403', 'headers of one request')
    b.same(send(one, get('/?' + '&'.join('k%d=%s' % (i, x) for i, x in enumerate(p)), one)), '403',
           'parameters of one request')
    b.same(send(one, post(one, json.dumps({'k%d' % i: x for i, x in enumerate(p)}).encode())), '403',
           'strings of one body')
    b.check(not any(seen(x) for x in p), '... of which nothing arrives')

    # --- messages ---
    secret = next(fresh)
    p = [secret[i:i + 8] for i in range(0, 40, 8)]
    c = b.tunnel(proxy, one)
    c.send(get('/socket', one, 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13',
               'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='))
    b.check(c.head().startswith('HTTP/1.1 101'), 'a WebSocket')
    c.send(b''.join(websocket.message(json.dumps({'n': i, 'd': x}).encode()) for i, x in enumerate(p)))
    c.rest()
    b.check(not any(seen(x) for x in p[1:]), '... is closed before the second piece arrives')

    # --- a slow body: what of it makes the secret whole stays behind ---
    secret = next(fresh)
    b.same(send(one, post(one, secret[:12].encode())), '200', 'the first piece in a body')
    c = b.tunnel(proxy, one)
    c.send(get('/slow', one, 'Content-Length: 12', method='POST'))
    for x in secret[12:24]:
        c.send(x.encode())
    b.same(c.response()[0].split(' ')[1], '403', 'the second, byte by byte')
    b.check(all(bytes(a).endswith(b'\r\n\r\n') for a in arrived if b'/slow' in bytes(a)),
            '... of which nothing arrives')

    # --- who may ---
    secret = next(fresh)
    b.same([send('off.test', get('/?d=' + secret[i:i + 8], 'off.test')) for i in (0, 8, 16)], ['200'] * 3,
           'a route that does not look for known secrets')
    log = proxy.await_lines('dlp', 28)
    b.check(any(x['kind'] == 'known-secret' and x['place'] == "header 'X-Note'" for x in log) and
            any(x['place'] == 'query' for x in log) and any(x['place'] == 'body' for x in log), 'the log says where')
    b.same((proxy.process.poll(), open(proxy.log_file + '.err').read()), (None, ''),
           'nothing died and nothing complained')
