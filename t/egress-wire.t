#!/usr/bin/python3
"""bb-egress on the wire: HTTP/1.1 on both legs, byte for byte."""
import os
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib.wire import Bench, answer, get, wait_for  # noqa: E402


def b_follows(head):
    return 'content-length:' in head.lower() or 'transfer-encoding:' in head.lower()


def request(c):
    """Read one request, its body too: head and body."""
    head = c.head()
    body = c.body('x 200 x\r\n' + head.split('\r\n', 1)[1]) if b_follows(head) else b''
    return head, body


seen = []


def serve(c):
    """An origin that answers by path, on one connection for as long as it may."""
    while True:
        try:
            head, body = request(c)
        except EOFError:
            return
        seen.append((head, body))
        method, path = head.split(' ')[:2]
        if path == '/echo':
            c.send(answer(body))
        elif path == '/chunked':
            c.send(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n'
                   b'5;a=b\r\nhello\r\n6\r\n world\r\n0\r\nX-T: 1\r\n\r\n')
        elif path == '/close':
            c.send(b'HTTP/1.1 200 OK\r\n\r\nuntil the end')
            return
        elif path == '/early':
            c.send(answer(b'early'))
            return
        elif path == '/204':
            c.send(b'HTTP/1.1 204 No Content\r\n\r\n')
        elif path == '/304':
            c.send(b'HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\n\r\n')
        elif path == '/103':
            c.send(b'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n' + answer(b'after hints'))
        elif path == '/hop':
            c.send(answer(b'', 'Connection: close, X-Secret-Hop', 'X-Secret-Hop: 1', 'Alt-Svc: h3=":443"',
                          'Keep-Alive: timeout=9',
                          'X-Kept: 1'))
            return
        elif path == '/bad':
            c.send(b'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab')
            return
        elif path == '/101':
            c.send(b'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n')
            return
        elif path == '/informs':
            c.send(b'HTTP/1.1 102 Processing\r\n\r\n' * 100 + answer(b'never'))
        elif path == '/truncate':
            c.send(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this')
            return
        elif path == '/cut':
            c.send(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n')
            return
        elif path == '/once':
            c.send(answer(b'once'))
            return
        elif method == 'HEAD':
            c.send(b'HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n')
        else:
            c.send(answer(path.encode()))


def early(c):
    """Answers as soon as it has the head, and reads no body."""
    c.head()
    c.send(answer(b'early', 'Connection: close', status='413 Content Too Large'))
    held.wait(30)


def expecting(c):
    """Asks for the body as Expect wants it, then echoes it."""
    head = c.head()
    assert 'expect: 100-continue' in head.lower()
    c.send(b'HTTP/1.1 100 Continue\r\n\r\n')
    c.send(answer(c.body('x 200 x\r\n' + head.split('\r\n', 1)[1])))


def refusing(c):
    c.head()
    c.send(answer(b'no', status='403 Forbidden'))


def events(c):
    """One event when the head came, the next only when the client has said that it saw it."""
    c.head()
    c.send(b'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n')
    arrived.wait(30)
    c.send(b'data: 2\n\n')


held, arrived = threading.Event(), threading.Event()

with Bench('bb-egress on the wire: HTTP/1.1 on both legs, byte for byte') as b:
    origin = b.origin(serve, 'a.test')
    plain = b.origin(serve)
    one = [b.origin(h) for h in (early, expecting, refusing, events)]
    proxy = b.egress([b.route('a.test', origin), b.route('p.test', plain, max_body=1000)] +
                     [b.route(n + '.test', o) for n, o in zip(('early', 'expect', 'refuse', 'events'), one)])

    # keep-alive and reuse
    c = b.tunnel(proxy, 'a.test')
    b.same(c.sock.selected_alpn_protocol(), None, 'a client that offers no ALPN gets none')
    for i in range(5):
        c.send(get('/%d' % i, 'a.test'))
        b.same(c.response()[1], b'/%d' % i, 'request %d on one connection is answered' % i)
    b.same(origin.connections, 1, 'all five went to the origin on one connection')
    d = b.tunnel(proxy, 'a.test')
    d.send(get('/d', 'a.test'))
    d.response()
    b.same(origin.connections, 1, 'another client uses the connection that is kept')
    head = seen[0][0]
    b.same(head, 'GET /0 HTTP/1.1\r\nHost: a.test\r\n\r\n', 'the origin gets the request as we write it')

    # pipelining
    c.send(b''.join(get('/p%d' % i, 'a.test') for i in range(20)))
    b.same([c.response()[1] for i in range(20)], [b'/p%d' % i for i in range(20)],
           'pipelined requests are answered in order')
    c.send(get('/echo', 'a.test', 'Content-Length: 5', method='POST', body=b'12345') + get('/next', 'a.test'))
    b.same([c.response()[1], c.response()[1]], [b'12345', b'/next'], 'a request behind a body is found')

    # bodies
    c.send(get('/echo', 'a.test', 'Transfer-Encoding: chunked', method='POST',
               body=b'3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nT: 1\r\n\r\n'))
    b.same(c.response()[1], b'abcde', 'a chunked request arrives')
    b.check('chunked' in seen[-1][0] and 'T: 1' not in seen[-1][0], '... as chunks, its trailer dropped')
    c.send(get('/chunked', 'a.test'))
    head, body = c.response()
    b.same(body, b'hello world', 'a chunked response arrives')
    b.check('railer' not in head and c.buffer == b'', '... without trailer')
    c.send(get('/close', 'a.test'))
    head, body = c.response()
    b.same(('chunked' in head, body), (True, b'until the end'), 'a response that ends with its connection gets chunks')
    c.send(get('/204', 'a.test') + get('/304', 'a.test') + get('/h', 'a.test', method='HEAD') + get('/after', 'a.test'))
    b.like(c.response()[0], 'HTTP/1.1 204 ', 'a 204 has no body')
    b.like(c.response()[0], 'Content-Length: 77', 'a 304 has none, whatever its length says')
    b.like(c.response(bodyless=True)[0], 'Content-Length: 12345', 'HEAD says the length')
    b.same(c.response()[1], b'/after', 'and the connection goes on')
    c.send(get('/103', 'a.test'))
    b.same((c.response()[0].split('\r\n')[0], c.response()[1]), ('HTTP/1.1 103 Early Hints', b'after hints'),
           'interim responses are passed on')
    c.send(get('/hop', 'a.test'))
    head = c.response()[0]
    b.check('X-Kept: 1' in head and not any(x in head for x in ('Hop', 'Alt-Svc', 'Keep-Alive', 'Connection')),
            'fields of one connection and Alt-Svc do not pass')
    c.send(get('/x', 'a.test', 'Connection: X-Mine', 'X-Mine: 1', 'Proxy-Connection: keep-alive', 'Keep-Alive: 5',
               'TE: trailers',
               'Proxy-Authorization: Basic eHg6eHg=', 'X-Other: 2'))
    c.response()
    b.same(seen[-1][0], 'GET /x HTTP/1.1\r\nHost: a.test\r\nX-Other: 2\r\n\r\n', 'nor those of the client')
    c.send(get('/bye', 'a.test', 'Connection: close'))
    head, body = c.response()
    b.check(body == b'/bye' and 'Connection: close' in head and c.ended(), 'Connection: close closes')

    # HTTP/1.0 and the absolute form
    c = b.plain(proxy)
    c.send(b'GET http://p.test/chunked HTTP/1.0\r\nHost: p.test\r\n\r\n')
    head = c.head()
    b.check('chunked' not in head and c.rest() == b'hello world', 'a client of HTTP/1.0 gets no chunks, but an end')
    c = b.plain(proxy)
    c.send(b'GET http://p.test/one HTTP/1.0\r\nHost: p.test\r\nConnection: keep-alive\r\n\r\n')
    head, body = c.response()
    b.check('Connection: keep-alive' in head and body == b'/one', 'one that asks for it is kept')
    c.send(b'GET http://p.test/two HTTP/1.1\r\nHost: p.test\r\n\r\n')
    b.same(c.response()[1], b'/two', '... and may go on')
    b.like(seen[-1][0], 'GET /two HTTP/1.1\r\nHost: p.test\r\n', 'the origin of a plain request gets the origin form')
    c = b.plain(proxy)
    c.send(b'GET http://p.test/half HTTP/1.1\r\nHost: p.test\r\n\r\n')
    c.sock.shutdown(1)
    b.same(c.response()[1], b'/half', 'a client that has closed its half gets its answer')
    c = b.plain(proxy)
    c.send(b'CONNECT a.test:443 HTTP/1.0\r\n\r\n')
    b.like(c.head(), ' 200 ', 'a CONNECT of HTTP/1.0 without Host is accepted')

    # broken responses
    for path, rule in (('/bad', 'two lengths'), ('/101', 'another protocol'), ('/informs', 'interim ones without end')):
        c = b.tunnel(proxy, 'a.test')
        c.send(get(path, 'a.test'))
        head = 'HTTP/1.1 102 '
        while head.startswith('HTTP/1.1 102 '):
            head, body = c.response()
        b.like(head, 'HTTP/1.1 502 ', 'a response with %s is 502' % rule)
        c.send(get('/ok', 'a.test'))
        b.same(c.response()[1], b'/ok', '... and the connection goes on')
    for path in ('/truncate', '/cut'):
        c = b.tunnel(proxy, 'a.test')
        c.send(get(path, 'a.test'))
        try:
            c.response()
            whole = True
        except (EOFError, OSError):
            whole = False
        b.check(not whole, 'a response that breaks off (%s) does for the client, too' % path)
    c = b.plain(proxy)
    c.send(b'GET http://p.test/cut HTTP/1.0\r\nHost: p.test\r\n\r\n')
    try:
        c.response()
        whole = True
    except (EOFError, OSError):
        whole = False
    b.check(not whole, '... even where only a reset can show it')

    # stale connections
    c = b.tunnel(proxy, 'a.test')
    c.send(get('/once', 'a.test'))
    c.response()
    c.send(get('/again', 'a.test'))
    b.same(c.response()[1], b'/again', 'a kept connection that the origin has closed is replaced')

    # early answers, expectations
    c = b.plain(proxy)
    c.send(b'POST http://early.test/ HTTP/1.1\r\nHost: early.test\r\nContent-Length: 100000000\r\n\r\nonly a part')
    head, body = c.response()
    b.check(head.startswith('HTTP/1.1 413 ') and body == b'early' and c.ended(),
            'an answer before the body is passed on')
    held.set()
    c = b.plain(proxy)
    c.send(b'POST http://expect.test/ HTTP/1.1\r\nHost: expect.test\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n')
    b.like(c.head(), 'HTTP/1.1 100 ', "the origin's 100 reaches a client that waits for it")
    c.send(b'body')
    b.same(c.response()[1], b'body', '... and its body the origin')
    c = b.plain(proxy)
    c.send(b'POST http://refuse.test/ HTTP/1.1\r\nHost: refuse.test\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n')
    head, body = c.response()
    b.check(' 403 ' in head and body == b'no' and c.ended(), 'a final answer instead of 100 ends the connection')
    c = b.plain(proxy)
    c.send(b'GET http://events.test/ HTTP/1.1\r\nHost: events.test\r\n\r\n')
    c.head()
    first = c.until(b'\n\n')
    arrived.set()
    b.check(b'data: 1' in first and b'data: 2' in c.until(b'\n\n'), 'each event arrives before the next is made')

    # refusals and what follows them
    c = b.tunnel(proxy, 'a.test')
    c.send(get('/', 'b.test'))
    b.like(c.response()[0], 'HTTP/1.1 421 ', 'another Host inside the tunnel is 421')
    c.send(get('/', 'a.test:444'))
    b.like(c.response()[0], 'HTTP/1.1 421 ', 'and another port')
    c.send(get('https://b.test/', 'b.test'))
    b.like(c.response()[0], 'HTTP/1.1 421 ', 'and another URL')
    c.send(get('/fine', 'a.test'))
    b.same(c.response()[1], b'/fine', 'the right one passes after that')
    before = len(seen)
    c.send(get('/', 'b.test', 'Content-Length: 70000', method='POST', body=b'x' * 70000) + get('/fine', 'a.test'))
    b.like(c.response()[0], ' 421 ', 'a refused body is read away')
    b.same((c.response()[1], len(seen) - before), (b'/fine', 1), '... and the next request served')
    c.send(get('/', 'b.test', 'Content-Length: 9000000', method='POST'))
    head = c.response()[0]
    b.check('Connection: close' in head and c.ended(), 'one that is too long ends the connection')
    c = b.tunnel(proxy, 'a.test')
    c.send(b'GET / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n')
    head = c.response()[0]
    b.check(' 400 ' in head and 'Connection: close' in head and c.ended(), 'two framings are 400 and the end')
    c = b.tunnel(proxy, 'a.test')
    c.send(get('/echo', 'a.test', 'Transfer-Encoding: chunked', method='POST', body=b'5\r\nhelloX'))
    head = c.response()[0]
    b.check(' 400 ' in head and c.ended(), 'a chunk without its end is 400 and the end')
    c = b.plain(proxy)
    c.send(b'POST http://p.test/ HTTP/1.1\r\nHost: p.test\r\nContent-Length: 1001\r\n\r\n' + b'x' * 1001)
    b.like(c.response()[0], ' 413 ', 'a body longer than max_body is 413')
    c.send(b'POST http://p.test/echo HTTP/1.1\r\nHost: p.test\r\nTransfer-Encoding: chunked\r\n\r\n3E8\r\n' +
           b'x' * 1000 +
           b'\r\n1\r\nx\r\n0\r\n\r\n')
    b.like(c.response()[0], ' 413 ', '... also when its length was not declared')
    c = b.plain(proxy)
    c.send(b'POST http://p.test/echo HTTP/1.1\r\nHost: p.test\r\nContent-Length: 1000\r\n\r\n' + b'x' * 1000)
    b.same(len(c.response()[1]), 1000, 'one of exactly max_body passes')
    c = b.tunnel(proxy, 'a.test')
    c.send(get('/', 'a.test', 'Upgrade: websocket', 'Connection: Upgrade'))
    head = c.response()[0]
    b.check(' 426 ' in head, 'an upgrade to WebSocket that names no version is 426 at once')
    c.send(get('/h2c', 'a.test', 'Upgrade: h2c', 'Connection: Upgrade, HTTP2-Settings', 'HTTP2-Settings: x'))
    b.same(c.response()[1], b'/h2c', 'another upgrade is not offered to the origin')
    b.check('pgrade' not in seen[-1][0] and 'HTTP2' not in seen[-1][0], '... and nothing of it is sent')

    # what must not follow a CONNECT, and what no request is
    c = b.connect(proxy, 'a.test:443')
    c.send(get('/', 'a.test'))
    head, body = c.response()
    b.check(' 400 ' in head and b'TLS' in body and c.ended(), 'plain HTTP after a CONNECT is refused')
    c = b.plain(proxy)
    c.send(b'CONNECT user@a.test:443 HTTP/1.1\r\nHost: a.test\r\n\r\n')
    b.check(' 400 ' in c.response()[0] and c.ended(), 'a malformed CONNECT is 400')
    c = b.plain(proxy)
    c.send(b'CONNECT a.test:443 HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\n\r\nabc')
    b.check(' 400 ' in c.response()[0] and c.ended(), 'a CONNECT with a body is 400')
    c = b.plain(proxy)
    c.send(b'\x16\x03\x01\x00\x05hello')
    b.check(' 400 ' in c.response()[0] and c.ended(), 'TLS to the proxy itself is 400')
    c = b.plain(proxy)
    c.send(b'GET / HTTP/1.1\r\nHost: p.test\r\n\r\n')
    b.check(' 400 ' in c.response()[0] and c.ended(), 'a request for the proxy itself is 400')
    c = b.plain(proxy)
    for byte in b'GET http://p.test/slowly HTTP/1.1\r\nHost: p.test\r\n\r\n':
        c.send(bytes([byte]))
    b.same(c.response()[1], b'/slowly', 'a head that comes byte by byte is a head')
    c = b.plain(proxy)
    try:
        c.send(b'GET http://p.test/ HTTP/1.1\r\nHost: p.test\r\n' + b'X: ' + b'y' * 70000)
    except OSError:
        pass
    b.like(c.response()[0], ' 400 ', 'a head without end is 400')

    # a client that goes away takes its request along
    gone = threading.Event()

    def endless(conn):
        conn.head()
        conn.send(b'HTTP/1.1 200 OK\r\n\r\n')
        try:
            while True:
                conn.send(b'x' * 65536)
        except OSError:
            gone.set()

    stream = b.origin(endless)
    proxy.reload([b.route('s.test', stream)])
    c = b.plain(proxy)
    c.send(b'GET http://s.test/ HTTP/1.1\r\nHost: s.test\r\n\r\n')
    c.head()
    c.reset()
    b.check(gone.wait(30), 'a client that resets takes the origin connection along')

    b.same((proxy.process.poll(), open(proxy.log_file + '.err').read()), (None, ''),
           'nothing died and nothing complained')
    b.same(proxy.stop(), 0, 'SIGTERM ends it with 0')
