#!/usr/bin/python3
"""Every limit of bb-egress: at it all is well, one past it is a refusal.

Times are those of a clock that this test turns; it stands still in between.
"""
import gzip
import os
import resource
import socket
import ssl
import subprocess
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib.wire import EGRESS, LIMIT, Bench, Clock, Connection, answer, get, wait_for  # noqa: E402

SECOND, MINUTE = 1000, 60000
CONNECTIONS, FIELDS, HEAD = 1024, 100, 65536
held, release = {}, threading.Event()


def serve(c):
    """An origin that answers by path; /held... waits until the test says more."""
    while True:
        try:
            head = c.head()
        except (EOFError, OSError):
            return
        path = head.split(' ')[1]
        if 'content-length' in head.lower() and '/held' not in path:
            c.exactly(int(head.lower().split('content-length: ')[1].split('\r')[0]))
        if path.startswith('/held'):
            held[path] = c
            release.wait(LIMIT * 4)
            return
        if path.startswith('/later'):
            held[path] = c
            release.wait(LIMIT * 4)
            c.send(answer(b'later'))
        elif path.startswith('/head/'):
            size, fields = (int(x) for x in path.split('/')[2:])
            lines = ['HTTP/1.1 200 OK', 'Content-Length: 2'] + ['X-%d: y' % i for i in range(fields - 2)]
            used = sum(len(x) + 2 for x in lines) + len('X-Pad: \r\n\r\n')
            c.send(('\r\n'.join(lines + ['X-Pad: ' + 'p' * max(size - used, 0)]) + '\r\n\r\nok').encode())
        elif path.startswith('/interim/'):
            c.send(b'HTTP/1.1 103 Early Hints\r\n\r\n' * int(path.split('/')[2]) + answer(b'ok'))
        elif path.startswith('/coded'):
            packed = gzip.compress(b'decoded ' * 100)
            c.send(('HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n' % len(packed)).encode() + packed[:-1])
            held[path] = c
            release.wait(LIMIT * 4)
            c.send(packed[-1:])
        else:
            try:
                c.send(answer(head.encode() if path == '/echo' else b'ok'))
            except OSError:
                return


def readable(c):
    """Has something come, if only the end?"""
    c.sock.settimeout(0)
    try:
        c.more()
        return True
    except (BlockingIOError, ssl.SSLWantReadError):
        return bool(c.buffer)
    except OSError:
        return True
    finally:
        c.sock.settimeout(LIMIT)


def request_head(size, fields):
    """A GET of exactly so many bytes and fields, as the proxy writes it, too."""
    lines = ['GET /echo HTTP/1.1', 'Host: a.test'] + ['X-%d: y' % i for i in range(fields - 2)]
    used = sum(len(x) + 2 for x in lines) + len('X-Pad: \r\n\r\n')
    return ('\r\n'.join(lines + ['X-Pad: ' + 'p' * (size - used)]) + '\r\n\r\n').encode()


def stuck():
    """A listener whose kernel does not answer any more: its backlog is full."""
    listener = socket.socket()
    listener.bind(('127.0.0.1', 0))
    listener.listen(0)
    fill = [socket.socket() for _ in range(4)]
    for s in fill:
        s.setblocking(False)
        s.connect_ex(listener.getsockname())
    return listener, fill


class Limits(Bench):
    def start(self, *args):
        self.tls = self.origin(serve, 'a.test')
        self.clear = self.origin(serve)
        self.mute = socket.create_server(('127.0.0.1', 0))
        self.stuck, self.fill = stuck()
        self.routes = [
            self.route('a.test', self.tls), self.route('p.test', self.clear), self.route('q.test', self.origin(serve)),
            {'host': 'mute.test', 'upstream': {'connect': '127.0.0.1:%d' % self.mute.getsockname()[1]}},
            {'host': 'stuck.test', 'upstream': {'connect': '127.0.0.1:%d' % self.stuck.getsockname()[1]}},
            self.route('auth.test', self.origin(serve, 'auth.test'), auth={'scheme': 'Bearer', 'token_env': 'BB_T'}),
        ]
        self.clock = Clock(self.directory)
        os.chmod(self.directory, 0o755)
        self.proxy = self.egress(self.routes, args, program=self.clock.program,
                                 env={'BB_T': 'planted-' + os.urandom(12).hex()})

    def ask(self, path, host='p.test'):
        c = self.plain(self.proxy)
        c.send(get('http://%s%s' % (host, path), host))
        return c

    def settle(self):
        """Return when both sides of the proxy have seen what time it is: a request went through both."""
        c = self.ask('/settle', 'q.test')
        assert c.response()[1] == b'ok'
        c.close()

    def until(self, c, time, name):
        """Nothing happens on a connection until exactly this much time has gone by."""
        self.settle()  # it is accepted, and what was sent is read
        self.clock.turn(time - 1)
        self.settle()
        self.check(not readable(c), '%s: one millisecond before, all is as it was' % name)
        self.clock.turn(1)

    # --- bytes and counts ---

    def heads(self):
        for size, fields, want in ((HEAD, 10, ' 200 '), (HEAD + 1, 10, ' 400 '), (5000, FIELDS, ' 200 '),
                                   (5000, FIELDS + 1, ' 400 ')):
            c = self.tunnel(self.proxy, 'a.test')
            sent = request_head(size, fields)
            c.send(sent)
            head, body = c.response()
            self.like(head.split('\r\n')[0], want, 'a request head of %d bytes and %d fields:%s' % (size, fields, want))
            if want == ' 200 ':
                self.same(body, sent, '... and the origin got every byte of it')
        for size, fields, want in ((HEAD, 10, ' 200 '), (HEAD + 1, 10, ' 502 '), (5000, FIELDS, ' 200 '),
                                   (5000, FIELDS + 1, ' 502 ')):
            c = self.ask('/head/%d/%d' % (size, fields))
            self.like(c.response()[0].split('\r\n')[0], want, 'a response head of %d bytes and %d fields:%s' %
                      (size, fields, want))
        for count, want in ((16, ' 200 '), (17, ' 502 ')):
            c = self.ask('/interim/%d' % count)
            head = ' 103 '
            while ' 103 ' in head:
                head = c.response()[0]
            self.like(head.split('\r\n')[0], want, '%d interim responses:%s' % (count, want))

    def drained(self):
        for size, stays in ((1 << 20, True), ((1 << 20) + 1, False)):
            c = self.plain(self.proxy)
            c.send(get('http://no.test/', 'no.test', 'Content-Length: %d' % size, method='POST'))
            head = c.response()[0]
            self.same('Connection: close' in head, not stays, 'of a refused body %d bytes are read away: %s' %
                      (size, stays))
            if stays:
                c.send(b'x' * size + get('http://p.test/', 'p.test'))
                self.same(c.response()[1], b'ok', '... and the connection goes on')
        c = self.plain(self.proxy)
        c.send(get('http://no.test/', 'no.test', 'Transfer-Encoding: chunked', method='POST'))
        c.response()
        c.send(b'100000\r\n' + b'x' * (1 << 20) + b'\r\n0\r\n\r\n' + get('http://p.test/', 'p.test'))
        self.same(c.response()[1], b'ok', 'so are 1 MiB of chunks')
        c = self.plain(self.proxy)
        c.send(get('http://no.test/', 'no.test', 'Transfer-Encoding: chunked', method='POST'))
        c.response()
        try:
            c.send(b'100001\r\n' + b'x' * ((1 << 20) + 1) + b'\r\n0\r\n\r\n' + get('http://p.test/', 'p.test'))
        except OSError:
            pass
        self.check(c.ended(), '... and one byte more ends the connection')

    def answers(self):
        """A client that asks and asks, and takes no answer."""
        c = self.plain(self.proxy)
        one = get('http://no.test/', 'no.test', 'X: ' + 'y' * 300)
        many, most, sent, waits = one * 1000, 64 << 20, 0, 0
        c.sock.settimeout(0)
        while waits < 20 and sent < most:
            try:
                sent += c.sock.send(many[sent % len(one):])
                waits = 0
            except BlockingIOError:
                self.settle()
                waits += 1
        c.sock.settimeout(LIMIT)
        self.check(sent < most, 'of a client that takes no answers no more is read: after %d KiB of requests' %
                   (sent >> 10))
        rest = one[sent % len(one):] if sent % len(one) else b''
        sender = threading.Thread(target=c.send, args=(rest + get('http://p.test/', 'p.test'),))
        sender.start()
        refused = sum(' 403 ' in c.response()[0] for _ in range((sent + len(rest)) // len(one)))
        self.same(refused, (sent + len(rest)) // len(one), '... when it takes them, each of its %d requests has one' %
                  refused)
        self.same(c.response()[1], b'ok', '... and the connection goes on')
        sender.join(LIMIT)
        c.close()

    def connections(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard < 2 * CONNECTIONS:
            self.skip('the last connection is served', 'this test may not open enough descriptors')
            return
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        many = [self.plain(self.proxy) for _ in range(CONNECTIONS - 1)]
        last = self.ask('/')
        self.same(last.response()[1], b'ok', 'connection %d is served' % CONNECTIONS)
        more = self.ask('/')
        for _ in range(10):
            last.send(get('http://p.test/', 'p.test'))
            last.response()
        self.check(not readable(more), '... and one more waits')
        many.pop().close()
        self.same(more.response()[1], b'ok', '... until another one is closed')
        for c in many + [last, more]:
            c.close()

    def kept(self):
        """Connections to origins that are kept, and for how long."""
        origin = self.origin(serve)
        self.proxy.reload(self.routes + [self.route('k.test', origin)])
        release.clear()
        held.clear()
        clients = [self.ask('/later%d' % i, 'k.test') for i in range(257)]
        self.check(wait_for(lambda: len(held) == 257), '257 requests are at one origin')
        ends = list(held.values())
        release.set()
        self.same({c.response()[1] for c in clients}, {b'later'}, '... and all are answered')
        for c in clients:
            c.close()
        closed = lambda: sum(c.sock.fileno() < 0 for c in ends)  # noqa: E731
        self.settle()
        wait_for(lambda: closed() >= 2)
        self.settle()
        self.same(closed(), 2, '256 connections are kept: 255 of those, and one to another origin')
        self.clock.turn(2 * SECOND - 1)
        self.settle()
        self.same(closed(), 2, '... for two seconds')
        self.clock.turn(2 * SECOND)
        wait_for(lambda: closed() >= 250)
        self.settle()
        self.same(closed(), 250, '... and then 8')
        self.clock.turn(55 * SECOND)
        self.check(wait_for(lambda: closed() == 257), '... until they were not used for 55 s')

    def origin_idle(self):
        origin = self.origin(serve)
        self.proxy.reload(self.routes + [self.route('k.test', origin)])
        for time, want in ((0, 1), (55 * SECOND - 1, 1), (55 * SECOND, 2)):
            self.clock.turn(time)
            self.settle()
            c = self.ask('/', 'k.test')
            c.response()
            c.close()
            self.same(origin.connections, want, '%d ms after its last use a connection is %s' %
                      (time, 'used' if want == 1 else 'gone'))

    def decoding(self):
        release.clear()
        held.clear()
        clients = []
        for i in range(64):
            c = self.tunnel(self.proxy, 'auth.test')
            c.send(get('/coded%d' % i, 'auth.test', 'Accept-Encoding: gzip'))
            clients.append(c)
        heads = [c.head() for c in clients]
        self.same({h.split('\r\n')[0] for h in heads}, {'HTTP/1.1 200 OK'}, '64 coded responses are decoded at once')
        c = self.tunnel(self.proxy, 'auth.test')
        c.send(get('/coded-more', 'auth.test', 'Accept-Encoding: gzip'))
        self.like(c.response()[0], ' 502 ', '... the one after them is refused')
        release.set()
        self.same({c.body(h) for c, h in zip(clients, heads)}, {b'decoded ' * 100}, '... and they come to their end')

    def certificates(self):
        def handshake(i):
            c = self.connect(self.proxy, 'n%d.test:443' % i)
            try:
                c.sock = self.proxy.trust.wrap_socket(c.sock, server_hostname='n%d.test' % i)
                c.close()
                return True
            except (OSError, ssl.SSLError):
                return False

        self.clock.turn(MINUTE)
        self.same(sum(handshake(i) for i in range(256)), 256, '256 certificates are made at once')
        self.same(handshake(256), False, '... the one after them is not')
        self.check(wait_for(lambda: any('too many new hosts' in x['reason'] for x in self.proxy.lines('refuse'))),
                   '... and the log says why')
        self.same(handshake(0), True, 'those that were made are kept')
        self.clock.turn(49)
        self.same(handshake(256), False, '49 ms later there is none yet')
        self.clock.turn(1)
        self.same((handshake(256), handshake(257)), (True, False), '... at 50 ms there is one')
        self.clock.turn(50)
        self.same((handshake(257), handshake(258)), (True, False), '... and the next 50 ms later')
        self.clock.turn(MINUTE)
        self.same(sum(handshake(i) for i in range(1000, 1256)), 256, 'after a while there are 256 again')
        self.clock.turn(1)
        self.same((handshake(1000), handshake(1255)), (True, True), '... which are kept')
        self.clock.turn(49)
        self.same(handshake(1256), True, '... until there is one more')
        self.same((handshake(1000), handshake(1255)), (True, True),
                  '... for which none of those goes that were used last')
        self.check(sum(handshake(i) for i in range(1001, 1255)) < 254, '... but another one')

    # --- times ---

    def client_times(self):
        c = self.plain(self.proxy)
        self.until(c, 30 * SECOND, 'a connection on which nothing comes')
        self.check(c.ended(), '... after 30 s it is closed')
        c = self.plain(self.proxy)
        c.send(b'GET http://p.test/ HTTP/1.1\r\n')
        self.settle()
        for _ in range(29):
            self.clock.turn(SECOND)
            self.settle()
            c.send(b'X')
        self.until(c, SECOND, 'a head of which a byte comes each second')
        self.check(c.ended(), '... after 30 s it is closed')
        c = self.connect(self.proxy, 'a.test:443')
        self.until(c, 30 * SECOND, 'a CONNECT without TLS')
        self.check(c.ended(), '... after 30 s it is closed')
        c = self.connect(self.proxy, 'a.test:443')
        c.send(b'\x16\x03\x01\x02\x00')
        self.until(c, 30 * SECOND, 'the first bytes of a TLS handshake')
        self.check(c.ended(), '... after 30 s it is closed')
        c = self.ask('/')
        c.response()
        self.until(c, 300 * SECOND, 'a connection after its request')
        self.check(c.ended(), '... after 300 s it is closed')
        c = self.ask('/')
        c.response()
        self.settle()
        self.clock.turn(299 * SECOND)
        self.settle()
        c.send(b'GET http://p.test/ HTTP/1.1\r\n')
        self.settle()
        self.until(c, 30 * SECOND, 'the head of a later request')
        self.check(c.ended(), '... has its own 30 s')

    def origin_times(self):
        for host, scheme, name in (('stuck.test', 'http', 'an origin that is not there'),
                                   ('mute.test', 'https', 'an origin without handshake')):
            c = self.ask('/', host) if scheme == 'http' else self.tunnel(self.proxy, host)
            if scheme == 'https':
                c.send(get('/', host))
                accepted = self.mute.accept()  # and kept
            self.settle()
            self.until(c, 10 * SECOND, name)
            head, body = c.response()
            self.check(' 504 ' in head and b'in time' in body, '... after 10 s that is said: %s' %
                       body.decode().strip())
            if scheme == 'https':
                accepted[0].close()

    def silence(self):
        release.clear()
        c = self.ask('/held1')
        wait_for(lambda: '/held1' in held)
        self.until(c, 15 * MINUTE, 'a request without answer')
        head, body = c.response()
        self.like(head, ' 504 ', '... after 15 min it is refused')
        c = self.ask('/held2')
        wait_for(lambda: '/held2' in held)
        self.clock.turn(14 * MINUTE)
        held['/held2'].send(b'HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 3\r\n\r\na')
        c.head()
        self.same(c.exactly(1), b'a', 'what begins to come after 14 min does come')
        self.settle()
        self.clock.turn(14 * MINUTE)
        held['/held2'].send(b'b')
        self.same(c.exactly(1), b'b', '... and what comes 14 min later')
        self.settle()
        self.until(c, 15 * MINUTE, 'a response that stops')
        try:
            rest = c.exactly(1)
        except (EOFError, OSError):
            rest = b''
        self.same(rest, b'', '... after 15 min it breaks off')
        c = self.plain(self.proxy)
        c.send(b'POST http://p.test/held3 HTTP/1.1\r\nHost: p.test\r\nContent-Length: 10\r\n\r\n12345')
        wait_for(lambda: '/held3' in held)
        self.settle()
        self.until(c, 15 * MINUTE, 'a request that stops')
        self.like(c.response()[0], ' 504 ', '... after 15 min it is refused')
        self.clock.turn(15 * MINUTE)
        self.check(c.ended(), '... and if the rest does not come then either, that is the end')
        release.set()

    def linger(self):
        c = self.ask('/')
        c.response()
        c.send(get('http://p.test/', 'p.test', 'Connection: close'))
        c.response()
        self.check(c.ended(), 'a connection that is done with ends')
        self.clock.turn(2 * SECOND - 1)
        self.settle()
        c.send(b'x')
        self.settle()
        c.send(b'x')
        self.check(True, '... what the client still sends is read for 2 s')
        self.clock.turn(1)

        def broken():
            try:
                c.send(b'x')
            except OSError:
                return True
        self.check(wait_for(broken), '... and not for longer')


def starts(*args, **more):
    """How a start with these arguments ends, when it does not go on for ever."""
    got = subprocess.run([EGRESS, *args], capture_output=True, text=True, stdin=subprocess.DEVNULL, **more)
    return got.returncode, got.stderr


with Limits('every limit of bb-egress: at it all is well, one past it is a refusal') as b:
    b.start()
    b.heads()
    b.drained()
    b.answers()
    b.certificates()
    b.client_times()
    b.origin_times()
    b.silence()
    b.linger()
    b.origin_idle()
    b.kept()
    b.decoding()
    b.connections()
    b.same((b.proxy.process.poll(), open(b.proxy.log_file + '.err').read()), (None, ''),
           'nothing died and nothing complained')
    b.same(b.proxy.stop(), 0, 'SIGTERM ends it with 0')

    # what is given at the start
    state = ['--state', os.path.join(b.directory, 'state')]
    routes = os.path.join(b.directory, 'routes.yaml')
    with open(routes, 'w') as f:
        f.write('{"routes": []}')
    status, said = starts('--routes', routes, *state, '--listen', '127.0.0.1:0', '--workers', '17')
    b.check(status == 100 and '16' in said, '17 workers are refused')
    status, said = starts('--routes', routes, *state, *['--listen', '127.0.0.1:0'] * 9)
    b.check(status == 100 and '8' in said, '9 listeners are refused')
    most = b.egress([], ['--workers', '16'] + ['--listen', '127.0.0.1:0'] * 7)
    b.check(len(most.lines('start')[0]['listen'].split(' ')) == 8 and most.lines('start')[0]['workers'] == 16,
            '16 workers with 8 listeners run')
    b.same(most.stop(), 0, '... and end')

    def trusted(count, size):
        """A start with so many ca_files of so many bytes each."""
        with open(b.authority(), 'rb') as f:
            pem = f.read()
        path = os.path.join(b.directory, 'padded.pem')
        with open(path, 'wb') as f:
            f.write(b'#' * (size - len(pem) - 1) + b'\n' + pem)
        try:
            proxy = b.egress([{'host': 'h%d.test' % i, 'upstream': {'connect': '127.0.0.1:1', 'ca_file': path}}
                              for i in range(count)])
        except RuntimeError as e:
            return str(e)
        return proxy.stop()

    b.same(trusted(1, 1 << 20), 0, 'a ca_file of 1 MiB is read')
    b.like(trusted(1, (1 << 20) + 1), 'padded.pem', '... one of a byte more is refused')
    b.same(trusted(256, 2000), 0, '256 of them are')
    b.like(trusted(257, 2000), '256', '... one more is refused')

    # what the log shows
    origin = b.origin(serve)
    full = b.egress([b.route('p.test', origin)], ['--log-level', 'full'])
    for size in (2048, 2049):
        c = b.plain(full)
        path = '/' + 'p' * (size - 1)
        c.send(get('http://no.test' + path, 'no.test'))
        c.response()
        shown = full.await_lines('refuse', size - 2047)[-1]['path']
        b.same(shown == path, size == 2048, 'a path of %d bytes is shown whole: %s' % (size, size == 2048))
    c = b.plain(full)
    for count, size in enumerate((65536, 65537)):
        c.send(get('http://p.test/', 'p.test', 'Content-Length: %d' % size, method='POST', body=b'z' * size))
        c.response()
        one = full.await_lines('request', count + 1)[-1]['id']
        wait_for(lambda: any(x['id'] == one for x in full.lines('end')))
        shown = sum(len(x['text']) for x in full.lines('body') if x['id'] == one and x['of'] == 'request')
        b.same(shown, 65536, 'of a body of %d bytes 65536 are shown' % size)
    b.same(full.stop(), 0, 'SIGTERM ends that one, too')
