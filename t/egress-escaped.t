#!/usr/bin/python3
"""A front that was taken over has no key, no credential, no file and no way around the routes.

BB_FUZZ_MESSAGES is how many times messages at random are tried (150).
What it asks of the kernel ends it; what it asks of its peers is judged by them as
if a stranger had asked. Looked at where it would arrive: at origins and in files.
"""
import os
import random
import socket
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib.escaped import NAME, TYPE, Escaped, message, plain, request  # noqa: E402
from lib.wire import LIMIT, answer, wait_for  # noqa: E402

TOKEN = 'planted-' + os.urandom(12).hex()
FUZZ = int(os.environ.get('BB_FUZZ_MESSAGES', '150'))
arrived = []


def serve(c):
    while True:
        try:
            head = c.head()
        except (EOFError, OSError):
            return
        arrived.append(head)
        c.send(answer(b'ok'))


class EscapedFront(Escaped):
    """A proxy whose front does what it is told."""

    def begin(self):
        self.take_over('front')
        self.listed, self.other = self.origin(serve, 'listed.test'), self.origin(serve)
        self.silent = socket.create_server(('127.0.0.1', 0))  # it never answers: what is for it waits
        self.routes = [
            self.route('listed.test', self.listed, auth={'scheme': 'Bearer', 'token_env': 'BB_T'},
                       matches=[{'paths': [{'value': '/allowed'}], 'methods': ['GET', 'POST']}]),
            self.route('other.test', self.other, ports=[80]),
            {'host': 'silent.test', 'upstream': {'connect': '127.0.0.1:%d' % self.silent.getsockname()[1],
                                                 'ca_file': self.authority()}},
        ]
        self.proxy = self.egress(self.routes, env={'BB_T': TOKEN}, program=self.program)

    def send(self, peer, *messages):
        """Send messages; what comes back until the peer has said something final about the last of them, or everything has ended."""
        before = len(self.said())
        self.order('send %s %s' % (peer, b''.join(messages).hex()))
        last = {'LEAF', 'NO_LEAF'} if peer == 'signer' else {'FAIL', 'ABORT', 'END'}

        def done():
            got = [x.split(' ') for x in self.said()[before:] if x.startswith(peer + ' ')]
            got = [(NAME[int(x[1])], bytes.fromhex(x[3])) for x in got]
            return got if got and got[-1][0] in last else [('GONE',
                                                            b'')] if self.proxy.process.poll() is not None else None
        return wait_for(done)

    # --- the kernel ---

    def kernel(self, foreign):
        self.order('call getpid')
        self.check(wait_for(lambda: any(x.startswith('call getpid ') for x in self.said())),
                   'a front that was taken over does as it is told')
        marker = os.path.join(self.directory, 'made')
        calls = [('open', os.path.join(self.proxy.state, 'ca.key')), ('open', '/etc/passwd'),
                 ('open', '/proc/self/environ'), ('create', marker),
                 ('exec', '/bin/sh'), ('fork', ''), ('kill', '%(signer)d'), ('ptrace', '%(upstream)d'),
                 ('ptrace', '%(signer)d'),
                 ('read-memory', '%(upstream)d'), ('take-descriptor', '%(signer)d'), ('socket', ''), ('raw', ''),
                 ('netlink', ''), ('pair', ''),
                 ('connect', str(foreign.getsockname()[1])), ('bpf', ''), ('io_uring', ''), ('unshare', ''),
                 ('memfd', '')]
        for name, arg in calls:
            self.order('call %s %s' % (name, arg % self.proxy.roles() if '%(' in arg else arg))
            status = self.proxy.process.wait(LIMIT)
            said = '\n'.join(self.said())
            self.check(status == 111 and 'the front was ended by signal 31' in said and 'call ' + name not in said,
                       'what it asks of the kernel (%s) ends it' %
                       ' '.join((name, os.path.basename(arg).strip('%()d'))))
            self.again()
        self.check(not os.path.exists(marker), 'no file was made')
        foreign.setblocking(False)
        try:
            foreign.accept()
            dialled = True
        except BlockingIOError:
            dialled = False
        self.check(not dialled, '... and nobody dialled')

    # --- the signer ---

    def signer(self):
        kind, der = self.send('signer', message('SIGN', 1, b'any.test'))[-1]
        pem = os.path.join(self.directory, 'leaf.der')
        with open(pem, 'wb') as f:
            f.write(der)
        text = os.popen('openssl x509 -inform DER -noout -text -in %s' % pem).read()
        self.check(kind == 'LEAF' and 'DNS:any.test' in text and 'CA:FALSE' in text,
                   'the signer makes a leaf for a name, that is no authority')
        for name in (b'', b'*', b'*.test', b'a b.test', b'a.test\0.evil.test', b'a.test,DNS:b.test', b'a..test',
                     b'-a.test', b'a' * 64 + b'.test',
                     b'.'.join([b'a' * 60] * 5), b'\xc3\xa9.test', b'a.test\n', b'0x7f.1', b'/CN=x'):
            kind, why = self.send('signer', message('SIGN', 2, name))[-1]
            self.same(kind, 'NO_LEAF', 'it makes none for %r: %s' % (name, why.decode('latin-1')))
        for what, data in (('a second key', message('KEY', 0, b'x' * 91)),
                           ('a message without meaning', message(99, 0, b'x')),
                           ('a message too long', struct.pack('=III', 1 << 20, TYPE['SIGN'], 0)),
                           ('a message of the upstream', message('RESPONSE', 0)),
                           ('a request', request(1, b'listed.test', plain('/allowed', 'listed.test')))):
            self.same(self.send('signer', data), [('GONE', b'')], 'the signer that gets %s ends, and all with it' %
                      what)
            self.same(self.proxy.process.wait(LIMIT), 111, '... with 111')
            self.again()

    # --- the upstream ---

    def upstream(self):
        def ask(*args, **more):
            return self.send('upstream', request(1 << 10, *args, **more), message('END', 1 << 10))

        got = ask(b'listed.test', plain('/allowed', 'listed.test'))
        self.same([x[0] for x in got], ['RESPONSE', 'BODY', 'END'], 'the upstream does what the routes allow')
        self.check('Bearer ' + TOKEN in arrived[-1] and not any(TOKEN.encode() in x[1] for x in got),
                   '... with the credential, which the front does not see')
        before = list(arrived)
        other = self.other.connections
        for what, host, head, more in (
                ('an unlisted host', b'evil.test', plain('/', 'evil.test'), {}),
                ('an address', b'127.0.0.1', plain('/', '127.0.0.1'), {'kind': 1}),
                ('an address that is called a name', b'127.0.0.1', plain('/', '127.0.0.1'), {}),
                ('another port', b'listed.test', plain('/allowed', 'listed.test:%d' % self.other.port),
                 {'port': self.other.port}),
                ('port 0', b'listed.test', plain('/allowed', 'listed.test:0'), {'port': 0}),
                ('another path', b'listed.test', plain('/secret', 'listed.test'), {}),
                ('a path that climbs', b'listed.test', plain('/allowed/../secret', 'listed.test'), {}),
                ('a path that climbs in disguise', b'listed.test', plain('/allowed/%2e%2e/secret', 'listed.test'), {}),
                ('another method', b'listed.test', plain('/allowed', 'listed.test', method='DELETE'), {}),
                ('a push', b'other.test', plain('http://other.test/x/git-receive-pack', 'other.test',
                                                'Content-Length: 0', method='POST'), {'scheme': 0, 'port': 80}),
                ('a credential in the clear', b'listed.test', plain('http://listed.test/allowed', 'listed.test'),
                 {'scheme': 0, 'port': 80}),
                ('another Host', b'listed.test', plain('/allowed', 'evil.test'), {}),
                ('another URL', b'listed.test', plain('https://evil.test/allowed', 'evil.test'), {}),
                ('another host than its head says', b'evil.test', plain('/allowed', 'listed.test'), {}),
                ('a credential of its own', b'listed.test',
                 plain('/allowed', 'listed.test', 'X-Api-Key: sk-attackers-own'), {}),
                ('a CONNECT', b'listed.test', b'CONNECT listed.test:443 HTTP/1.1\r\nHost: listed.test:443\r\n\r\n',
                 {})):
            got = ask(host, head, **more)
            self.check(got[-1][0] in ('FAIL', 'GONE'), 'a request with %s: %s' % (what, got[-1][1][4:].decode('latin-1')
                                                                                  or 'the upstream ends'))
            if got[-1][0] == 'GONE':
                self.again()
        self.same(arrived, before, 'nothing of that reached an origin')
        self.same(self.other.connections, other, '... and nobody was dialled')
        ask(b'listed.test', plain('/allowed', 'listed.test', 'Authorization: Bearer attackers-own', 'Cookie: a=b'))
        self.check('attackers-own' not in arrived[-1] and 'a=b' not in arrived[-1],
                   'its own Authorization and cookies are replaced')
        ask(b'other.test', plain('http://other.test/', 'other.test'), scheme=0, port=80)
        self.check(TOKEN not in arrived[-1] and 'GET / HTTP/1.1\r\nHost: other.test' in arrived[-1],
                   'the credential of one route does not go to another')

        good = plain('/allowed', 'listed.test', 'Content-Length: 5', method='POST')
        before = list(arrived)
        for what, data in (
                ('a message without meaning', request(1 << 10, b'listed.test', good) + message(99, 1 << 10)),
                ('a message of the signer', request(1 << 10, b'listed.test', good) + message('SIGN', 1 << 10, b'x')),
                ('a response', request(1 << 10, b'listed.test', good) + message('RESPONSE', 1 << 10, b'x')),
                ('a message too long', struct.pack('=III', 0xffffffff, TYPE['REQUEST'], 1)),
                ('a short request', message('REQUEST', 1 << 10, b'x')),
                ('a host longer than its message', message('REQUEST', 1 << 10, struct.pack('=HBBH', 443, 1, 0, 60000) +
                                                           b'x')),
                ('a scheme that is none', request(1 << 10, b'listed.test', good, scheme=7)),
                ('a kind of host that is none', request(1 << 10, b'listed.test', good, kind=77)),
                ('a head that is none', request(1 << 10, b'listed.test', b'\xff' * 100)),
                ('two heads', request(1 << 10, b'listed.test', good + good)),
                ('two framings', request(1 << 10, b'listed.test', plain('/allowed', 'listed.test', 'Content-Length: 5',
                                                                        'Transfer-Encoding: chunked'))),
                ('two requests in one place', request(1 << 10, b'listed.test', good) * 2),
                ('more body than was said', request(1 << 10, b'listed.test', good) + message('BODY', 1 << 10,
                                                                                             b'123456')),
                ('a body that ends early', request(1 << 10, b'listed.test', good) + message('BODY', 1 << 10, b'123') +
                 message('END', 1 << 10)),
                ('a body where there is none', request(1 << 10, b'listed.test', plain('/allowed', 'listed.test')) +
                 message('BODY', 1 << 10, b'x')),
                ('more body than there is credit',
                 request(1 << 10, b'silent.test', plain('/', 'silent.test', 'Transfer-Encoding: chunked')) +
                 message('BODY', 1 << 10, b'x' * 65536) * 3),
                ('more credit than there is', request(1 << 10, b'listed.test', good) + message('CREDIT', 1 << 10,
                                                                                               b'\xff' * 4)),
                ('two ends', request(1 << 10, b'listed.test', good) + message('BODY', 1 << 10, b'12345') +
                 message('END', 1 << 10) * 2)):
            got = self.send('upstream', data)
            self.same(got, [('GONE', b'')], 'the upstream that gets %s ends, and all with it' % what)
            self.like('\n'.join(self.said()), 'the front sent what it must not', '... saying so')
            self.again()
        self.same([x for x in arrived[len(before):] if 'POST /allowed' not in x and 'GET /allowed' not in x], [],
                  'and no origin got what it must not')

    def fuzz(self):
        """Messages at random, grown from good ones: a peer may end, by its own word, and nothing else."""
        seed = random.randrange(1 << 30)
        chance = random.Random(seed)
        print('# seed %d' % seed)
        before, ended, wrong = len(arrived), 0, []
        good = [request(1 << 10, b'listed.test', plain('/allowed', 'listed.test')), message('END', 1 << 10),
                message('CANCEL', 1 << 10),
                request(2 << 10, b'listed.test', plain('/allowed', 'listed.test', 'Content-Length: 5', method='POST')),
                message('BODY', 2 << 10, b'12345'),
                message('CREDIT', 1 << 10, b'\1\0\0\0'), request(3 << 10, b'evil.test', plain('/', 'evil.test')),
                message('FRAME', 1 << 10, b'\1\1x')]
        for _ in range(FUZZ):
            data = bytearray(b''.join(chance.choice(good) for _ in range(chance.randrange(1, 6))))
            for _ in range(chance.randrange(0, 4)):
                data[chance.randrange(len(data))] = chance.randrange(256)
            self.order('send %s %s' % ('signer' if chance.randrange(5) == 0 else 'upstream', bytes(data).hex()))
            wait_for(lambda: self.proxy.process.poll() is not None or 'done %d' % self.number in self.said())
            if self.proxy.process.poll() is not None:
                ended += 1
                said = [x for x in self.said() if not x.startswith(('upstream ', 'signer ', 'done '))]
                if not any('sent what it must not' in x for x in said) or 'signal' in '\n'.join(said):
                    wrong.append((bytes(data), said))
                self.again()
        self.same(wrong, [], '%d times messages at random: %d times a peer has ended by its own word, never otherwise' %
                  (FUZZ, ended))
        self.same([x for x in arrived[before:] if x.split(' ')[1].split('?')[0].split('/')[1] != 'allowed'], [],
                  '... and no origin got what no route allows')


with EscapedFront('a front that was taken over has no key, no credential, no file and no way around the routes') as b:
    b.begin()
    foreign = socket.create_server(('127.0.0.1', 0))
    b.kernel(foreign)
    b.signer()
    b.upstream()
    b.fuzz()
    foreign.close()
