#!/usr/bin/python3
"""Whatever breaks, bb-egress passes nothing unjudged, hangs nowhere, and says so.

Its processes are killed and stopped in every state of a connection; origins and
clients stall, reset, lie and send garbage; descriptors, memory and the log run out.
"""
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib.wire import EGRESS, LIMIT, Bench, Clock, answer, get, wait_for  # noqa: E402

MINUTE = 60000
HALF = b'half of it '
with open(EGRESS, 'rb') as program:
    sanitized = b'__asan_init' in program.read()
arrived = []             # every byte that any origin has got
at_origin = {}           # path: connection of a request that waits for the test
ROLES = ('front', 'upstream', 'signer')


def listen(c):
    """Record what comes, until the connection ends, however long the test takes."""
    c.sock.settimeout(None)
    try:
        while c.buffer or c.more():
            arrived.append(c.buffer)
            c.buffer = b''
    except OSError:
        pass


def serve(c):
    while True:
        try:
            head = c.head()
        except (EOFError, OSError):
            return
        arrived.append(head.encode())
        path = head.split(' ')[1]
        at_origin[path] = c
        if path == '/half':
            c.send(b'HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 1000\r\n\r\nonly a part')
        elif path == '/half-head':
            c.send(b'HTTP/1.1 200 OK\r\nContent-Le')
        elif path not in ('/silent', '/upload'):
            c.send(answer(b'ok'))
            continue
        listen(c)
        return


# What an origin may send instead of a response, each on a connection of its own, and what the client sees of it.
BAD = {
    'nothing': (b'', 502),
    'garbage': (os.urandom(200).replace(b'\n', b'x'), 502),
    'one line of garbage': (b'hello, I am no web server\r\n\r\n', 502),
    'a response of HTTP/0.9': (b'<html>hello</html>', 502),
    'a response of HTTP/2': (b'HTTP/2 200\r\ncontent-length: 2\r\n\r\nok', 502),
    'a head that stops': (b'HTTP/1.1 200 OK\r\nContent-Length: 2', 502),
    'a status without number': (b'HTTP/1.1 OK\r\n\r\n', 502),
    'two lengths': (b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok', 502),
    'a length and chunks': (b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n', 502),
    'a negative length': (b'HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok', 502),
    'a length past 64 bits': (b'HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551616\r\n\r\nok', 502),
    'chunks twice': (b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n', 502),
    'a NUL in a field': (b'HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 2\r\n\r\nok', 502),
    'a folded field': (b'HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nok', 502),
    'fields without end': (b'HTTP/1.1 200 OK\r\n' + b'X: y\r\n' * 20000, 502),
    'a field without end': (b'HTTP/1.1 200 OK\r\nX: ' + b'y' * 100000, 502),
    'a switch of protocols': (b'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n', 502),
    'less than it said': (b'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nok', 'cut'),
    'a chunk that stops': (b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nok', 'cut'),
    'chunks without the last': (b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n', 'cut'),
    'a chunk size that is none': (b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nok\r\n0\r\n\r\n', 'cut'),
    'a chunk size past 64 bits': (b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000000\r\nok',
                                  'cut'),
    'a chunk size without end': (b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n' + b'0' * 100000, 'cut'),
    'a chunk longer than its size': (b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nokay\r\n0\r\n\r\n',
                                     'cut'),
    'trailers without end': (b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n' + b'X: y\r\n' * 20000,
                             'cut'),
}


def bad(c):
    what = c.head().split(' ')[1][1:].replace('-', ' ')
    at_origin[what] = c
    try:
        c.send(BAD[what][0])
    except OSError:
        pass


def follow(c):
    """Answers, and at once sends a second response that nobody has asked for."""
    c.head()
    c.send(answer(b'first') + answer(b'planted'))
    try:
        c.head()
        c.send(answer(b'second'))
    except (EOFError, OSError):
        pass


def later(c):
    """Answers, and sends that second response when the connection is idle."""
    c.head()
    c.send(answer(b'first'))
    sent_later.wait(LIMIT)
    try:
        c.send(answer(b'planted'))
        idle_sent.set()
        c.head()
        c.send(answer(b'second'))
    except (EOFError, OSError):
        idle_sent.set()


def lives(pid):
    """Is there a process that is not merely waiting to be reaped by whoever inherited it?"""
    try:
        with open('/proc/%d/stat' % pid) as f:
            return f.read().rsplit(')', 1)[1].split()[0] != 'Z'
    except OSError:
        return False


sent_later, idle_sent = threading.Event(), threading.Event()


class Faults(Bench):
    def start(self):
        self.tls, self.clear, self.bad = self.origin(serve, 'a.test'), self.origin(serve), self.origin(bad)
        self.mute = socket.create_server(('127.0.0.1', 0))
        self.routes = [self.route('a.test', self.tls), self.route('p.test', self.clear),
                       self.route('bad.test', self.bad),
                       self.route('follow.test', self.origin(follow)), self.route('later.test', self.origin(later)),
                       {'host': 'mute.test', 'upstream': {'connect': '127.0.0.1:%d' % self.mute.getsockname()[1]}}]
        self.proxy = self.egress(self.routes)

    def works(self, name):
        c = self.tunnel(self.proxy, 'a.test')
        c.send(get('/fine', 'a.test'))
        self.same(c.response()[1], b'ok', name)

    def whole(self, c):
        """Did a whole response come?"""
        try:
            c.response()
            return True
        except (EOFError, OSError):
            return False

    # --- the states of a connection, each made by a function that returns it ---

    def fresh(self):
        c = self.plain(self.proxy)
        c.send(b'GET http://p.te')
        return c

    def tunnelled(self):
        return self.connect(self.proxy, 'a.test:443')

    def shaking(self):
        c = self.connect(self.proxy, 'a.test:443')
        c.send(b'\x16\x03\x01\x02\x00\x01')
        return c

    def half_head(self):
        c = self.tunnel(self.proxy, 'a.test')
        c.send(b'GET /never HTTP/1.1\r\nHost: a.te')
        return c

    def waiting(self, path, host='a.test', body=None):
        c = self.tunnel(self.proxy, host)
        at_origin.pop(path, None)
        fields = ['Content-Length: %d' % body[0]] if body else []
        c.send(get(path, host, *fields, method='POST' if body else 'GET', body=body[1] if body else b''))
        assert wait_for(lambda: path in at_origin)
        return c

    def silent(self):
        return self.waiting('/silent')

    def uploading(self):
        c = self.waiting('/upload', body=(1000000, HALF * 20000))
        assert wait_for(lambda: HALF in b''.join(arrived))
        return c

    def downloading(self):
        c = self.waiting('/half')
        c.head()
        c.exactly(len(b'only a part'))
        return c

    def answering(self):
        return self.waiting('/half-head')

    def securing(self):
        c = self.tunnel(self.proxy, 'mute.test')
        c.send(get('/', 'mute.test'))
        self.muted, _ = self.mute.accept()
        return c

    def idle(self):
        c = self.tunnel(self.proxy, 'a.test')
        c.send(get('/idle', 'a.test'))
        c.response()
        return c

    def states(self):
        return (self.fresh, self.tunnelled, self.shaking, self.half_head, self.securing, self.silent, self.uploading,
                self.answering,
                self.downloading, self.idle)

    def killed(self):
        """Each process, killed in each state."""
        for state in self.states():
            good, wrong = 0, []
            for role in ROLES:
                del arrived[:]
                c = state()
                before = len(b''.join(arrived))
                end = at_origin.get({'silent': '/silent', 'uploading': '/upload', 'downloading': '/half',
                                     'answering': '/half-head'}.get(state.__name__))
                roles = self.proxy.roles()
                os.kill(roles[role], signal.SIGKILL)
                found = {
                    'no whole answer comes': not self.whole(c),
                    'the connection ends': c.ended(),
                    'the program ends with 111': self.proxy.process.wait(LIMIT) == 111,
                    'none of its processes is left': bool(wait_for(lambda: not any(lives(p) for p in roles.values()))),
                    'the connection to the origin ends': end is None or bool(wait_for(lambda: end.sock.fileno() < 0)),
                    'the origin gets nothing but what was judged': not b''.join(arrived)[before:].strip(HALF),
                    'it says which one it was': 'the %s was ended by signal 9' %
                    role in open(self.proxy.log_file + '.err').read(),
                }
                wrong += ['%s killed: %s' % (role, k) for k, v in found.items() if not v]
                self.proxy.start()
                good += not wrong
            self.same(wrong, [], 'each of three processes killed, %s: both ends are closed, nothing passes' %
                      state.__name__)
        self.works('after all of that the next start works')

    def stopped(self):
        """A process that does not go on is waited for no longer than a silent origin."""
        clock = Clock(self.directory)
        os.chmod(self.directory, 0o755)
        kept, self.proxy = self.proxy, self.egress(self.routes, ['--log-level', 'full'], program=clock.program)
        upstream = self.proxy.roles()['upstream']
        self.works('with a clock that we turn')
        os.kill(upstream, signal.SIGSTOP)
        c = self.tunnel(self.proxy, 'a.test')
        del arrived[:]
        c.send(get('/stopped', 'a.test'))
        d = self.plain(self.proxy)
        d.send(get('http://no.test/', 'no.test'))
        self.like(d.response()[0], ' 403 ', 'while the upstream is stopped a refusal is made')
        self.proxy.await_lines('request', 2)  # or it is still unread when the clock turns, and no request to answer
        clock.turn(15 * MINUTE)
        self.like(c.response()[0], ' 504 ', '... and what waits for it is 504 after 15 min')
        d = self.plain(self.proxy)
        d.send(get('http://no.test/', 'no.test'))
        d.response()  # by now it was told to forget the request
        os.kill(upstream, signal.SIGCONT)
        self.works('... when it goes on, so does everything')
        self.check(b'/stopped' not in b''.join(arrived), '... and what was given up did not reach the origin')
        signer = self.proxy.roles()['signer']
        os.kill(signer, signal.SIGSTOP)
        c = self.connect(self.proxy, 'new.test:443')
        c.send(bytes.fromhex('16030100') + b'\x05hello')
        hello = self.connect(self.proxy, 'other-new.test:443')
        thread = threading.Thread(target=self.shake, args=(hello,))
        thread.start()
        self.works('while the signer is stopped, what it has made serves')
        clock.turn(MINUTE // 2)
        thread.join(LIMIT)
        self.same(hello.failed, True, '... and a handshake that needs it ends after 30 s')
        os.kill(signer, signal.SIGCONT)
        self.works('... when it goes on, so does everything')
        self.same(self.proxy.stop(), 0, '... to the end')
        self.proxy = kept

    def shake(self, c):
        try:
            c.sock = self.proxy.trust.wrap_socket(c.sock, server_hostname='other-new.test')
            c.failed = False
        except OSError:
            c.failed = True

    # --- the other ends ---

    def origins(self):
        for what, (_, want) in BAD.items():
            at_origin.pop(what, None)
            c = self.plain(self.proxy)
            c.send(get('http://bad.test/' + what.replace(' ', '-'), 'bad.test'))
            try:
                head = c.head()
            except EOFError:
                head = ''
            if want == 502:
                self.same((head[9:12], c.body(head) != b''), ('502', True), 'an origin that sends %s: 502' % what)
                c.send(get('http://p.test/', 'p.test'))
                self.same(c.response()[1], b'ok', '... and the client goes on')
            else:
                try:
                    c.body(head)
                    cut = False
                except (EOFError, OSError):
                    cut = True
                self.check(' 200 ' in head and cut, 'an origin that sends %s: the client sees that it is not whole' %
                           what)
            self.check(wait_for(lambda: at_origin[what].sock.fileno() < 0),
                       '... and the connection to the origin is not used again')
        for host in ('follow.test', 'later.test'):
            c = self.plain(self.proxy)
            c.send(get('http://%s/' % host, host))
            self.same(c.response()[1], b'first', '%s answers' % host)
            sent_later.set()
            if host == 'later.test':
                idle_sent.wait(LIMIT)
            d = self.plain(self.proxy)
            d.send(get('http://%s/' % host, host))
            self.same(d.response()[1], b'first',
                      '... and a response that nobody has asked for is not the answer to the next request')
        self.check(self.proxy.process.poll() is None, 'nothing died of that')

    def clients(self):
        """A client that goes away takes along what it has begun."""
        for state in self.states():
            c = state()
            end = at_origin.get({'silent': '/silent', 'uploading': '/upload', 'downloading': '/half',
                                 'answering': '/half-head'}.get(state.__name__))
            c.reset()
            self.check(end is None or wait_for(lambda: end.sock.fileno() < 0),
                       'a client that resets, %s, leaves nothing at the origin' % state.__name__)
        for name, data in (('garbage', os.urandom(300)), ('NUL', bytes(1000)),
                           ('TLS', bytes.fromhex('160301000568656c6c6f')),
                           ('HTTP/2', b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), ('SOCKS', b'\5\1\0'),
                           ('no end of line', b'x' * 70000)):
            c = self.plain(self.proxy)
            try:
                c.send(data)
                c.sock.shutdown(socket.SHUT_WR)
                got = c.rest()
            except OSError:
                got = b''
            self.check(not got or got.startswith(b'HTTP/1.1 400 ') or got == b'\0\0\0\4\0\0\0\0\0',
                       'a client that sends %s gets 400 or the end' % name)
        del arrived[:]
        self.works('nothing died of that')
        self.same(b''.join(arrived).count(b'GET'), 1, '... and no origin has heard of any of it')

    # --- what runs out ---

    def limited(self, limit):
        """A proxy that is started with a limit of the shell's ulimit."""
        wrapper = os.path.join(self.directory, 'limited')
        with open(wrapper, 'w') as f:
            f.write('#!/bin/sh\nulimit %s && exec %s "$@"\n' % (limit, EGRESS))
        os.chmod(wrapper, 0o755)
        return self.egress(self.routes, program=wrapper)

    def descriptors(self):
        kept, self.proxy = self.proxy, self.limited('-n 32')
        many = []
        for _ in range(40):
            c = self.plain(self.proxy)
            c.send(get('http://p.test/silent', 'p.test'))
            many.append(c)
        wait_for(lambda: self.clear.connections >= 15)
        late = self.plain(self.proxy)
        late.send(get('http://p.test/', 'p.test'))
        self.check(all(lives(p) for p in self.proxy.roles().values()),
                   'more clients than descriptors: all processes live')
        for c in many:
            c.reset()
        self.same(late.response()[1], b'ok', '... and when some are gone, the others are served')
        self.same((self.proxy.stop(), open(self.proxy.log_file + '.err').read()), (0, ''), '... without a complaint')
        self.proxy = kept

    def memory(self):
        if sanitized:
            self.skip('a proxy without memory ends', 'sanitizers reserve more than any limit')
            return
        sizes = []
        for pid in self.proxy.roles().values():
            with open('/proc/%d/status' % pid) as f:
                sizes.append(int([x for x in f if x.startswith('VmPeak')][0].split()[1]))
        kept, self.proxy = self.proxy, self.limited('-v %d' % (max(sizes) + (24 << 10)))
        self.works('a proxy with little memory works')
        del arrived[:]
        c = self.half_head()
        many = []
        for i in range(1000):  # each costs memory; sooner or later there is none
            try:
                d = self.plain(self.proxy)
                d.send(b'GET http://p.test/never HTTP/1.1\r\nHost: p.test\r\nX: ' + b'y' * 65000)
                many.append(d)
            except OSError:
                break
        self.same(self.proxy.process.wait(LIMIT), 111, '... and without it ends')
        self.like(open(self.proxy.log_file + '.err').read(), 'memory', '... saying so')
        self.check(not self.whole(c) and not any(self.whole(d) for d in many), '... nobody gets an answer')
        self.same(arrived, [], '... and no origin anything')
        self.proxy = kept

    def log(self):
        """A proxy that cannot write its log does not go on without."""
        with open('/dev/full', 'w') as full:
            got = subprocess.run([EGRESS, '--routes', self.proxy.routes_file, '--listen', '127.0.0.1:0', '--state',
                                  self.proxy.state],
                                 stdout=full, stderr=subprocess.PIPE, text=True, timeout=LIMIT)
        self.check(got.returncode == 111 and 'the log' in got.stderr, 'with a full disk there is no start: %s' %
                   got.stderr.strip())
        ours, theirs = os.pipe()
        ready, said = os.pipe()
        state = os.path.join(self.directory, 'piped')
        p = subprocess.Popen([EGRESS, '--routes', self.proxy.routes_file, '--listen', '127.0.0.1:0', '--state', state,
                              '--ready', str(said)],
                             stdout=theirs, stderr=subprocess.PIPE, text=True, pass_fds=[said])
        os.close(theirs)
        os.close(said)
        with open(ready, 'rb') as f:
            f.readline()
        os.close(ours)
        host, port = open(os.path.join(state, 'address')).read().strip().rsplit(':', 1)
        kept, self.proxy.address = self.proxy.address, (host, int(port))
        c = self.plain(self.proxy)
        c.send(get('http://no.test/', 'no.test'))
        self.same(p.wait(LIMIT), 111, 'one whose log breaks later ends')
        self.like(p.stderr.read(), 'the log', '... saying so')
        self.proxy.address = kept

    # --- reload ---

    def reload(self):
        """Routes change, or do not, a hundred times under load."""
        stop, seen, odd = threading.Event(), set(), []

        def hammer():
            while not stop.is_set():
                try:
                    c = self.plain(self.proxy)
                    for _ in range(20):
                        c.send(get('http://p.test/x', 'p.test'))
                        head, body = c.response()
                        seen.add(head[9:12])
                        if (head[9:12], body) != ('200', b'ok') and ' 403 ' not in head:
                            odd.append((head, body))
                    c.close()
                except Exception as e:
                    odd.append(repr(e))

        long = self.downloading()
        threads = [threading.Thread(target=hammer) for _ in range(4)]
        for t in threads:
            t.start()
        without = [r for r in self.routes if r['host'] != 'p.test']
        results = []
        for i in range(60):
            results.append(self.proxy.reload(without if i % 3 == 1 else self.routes if i % 3 == 0
                                             else [{'host': 'p.test', 'nonsense': 1}])['ok'])
        stop.set()
        for t in threads:
            t.join(LIMIT)
        self.same(results, [True, True, False] * 20, 'a reload under load works 60 times, but where the file is broken')
        self.same((sorted(seen), odd), (['200', '403'], []), '... and each answer is by one of the routes')
        c = self.plain(self.proxy)
        c.send(get('http://p.test/', 'p.test'))
        self.like(c.response()[0], ' 403 ', 'a broken file leaves the routes before it in force')
        at_origin['/half'].send(b'x' * (1000 - len(b'only a part')))
        self.same(len(long.exactly(1000 - len(b'only a part'))), 1000 - len(b'only a part'),
                  'a response under way goes on through all of that')
        self.proxy.reload(self.routes)

    # --- the time of day ---

    def date(self):
        clock = Clock(self.directory)
        os.chmod(self.directory, 0o755)
        kept, self.proxy = self.proxy, None
        day = 24 * 3600
        for off, want, name in ((0, '200', 'right'), (day - 60, '200', 'almost a day ahead'),
                                (-40 * day, '502', '40 days behind'),
                                (40 * day, '502', '40 days ahead')):
            clock.date(off)
            self.proxy = self.egress(self.routes, program=clock.program)
            if abs(off) < day:
                c = self.tunnel(self.proxy, 'a.test')
            else:  # a certificate of such a clock is not valid for us
                c = self.connect(self.proxy, 'a.test:443')
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
                c.sock = context.wrap_socket(c.sock, server_hostname='a.test')
            c.send(get('/', 'a.test'))
            head, body = c.response()
            self.same(head[9:12], want, 'with a clock that is %s: %s' % (name, body.decode().strip()))
            self.proxy.stop()
        self.proxy = kept


with Faults('whatever breaks, bb-egress passes nothing unjudged, hangs nowhere, and says so') as b:
    b.start()
    b.killed()
    b.stopped()
    b.origins()
    b.clients()
    b.descriptors()
    b.memory()
    b.log()
    b.reload()
    b.date()
    b.same((b.proxy.process.poll(), [x for x in open(b.proxy.log_file + '.err').read().split('\n') if x
                                     and 'stay as they were' not in x]),
           (None, []), 'nothing died and nothing complained but of the broken files')
    b.same(b.proxy.stop(), 0, 'SIGTERM ends it with 0')
