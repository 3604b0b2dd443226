#!/usr/bin/python3
"""bb-egress behind another proxy: CONNECT, authentication, the origin verified as ever, and every way it can fail."""
import base64
import os
import socket
import subprocess
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib.wire import EGRESS, LIMIT, Bench, Connection, answer, get  # noqa: E402

PASSWORD = 'the:password of-the-company'
asked = []  # heads that the other proxy got
seen = []   # heads that the origin got


def serve(c):
    while True:
        try:
            head = c.head()
        except EOFError:
            return
        seen.append(head)
        c.send(answer(b'from the origin'))


def pump(a, b):
    try:
        while True:
            data = a.recv(65536)
            if not data:
                break
            b.sendall(data)
    except OSError:
        pass
    try:
        b.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def relay(targets, behave):
    """A proxy that knows CONNECT alone, and for each host and port where that is."""
    def handle(c):
        head = c.head()
        asked.append(head)
        name = head.split(' ')[1]
        if name in behave:
            behave[name](c)
            return
        port = targets.get(name)
        if not port:
            c.send(b'HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno\n')
            return
        far = socket.create_connection(('127.0.0.1', port))
        c.send(b'HTTP/1.1 200 Connection established\r\nVia: 1.1 company\r\n\r\n')
        t = threading.Thread(target=pump, args=(far, c.sock), daemon=True)
        t.start()
        pump(c.sock, far)
        t.join(LIMIT)
        far.close()
    return handle


def slowly(c):
    for byte in b'HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n':
        c.send(bytes([byte]))


with Bench('bb-egress behind another proxy') as b:
    origin = b.origin(serve, 'a.test')
    wrong = b.origin(serve, 'other.test')
    plain = b.origin(serve)
    direct = b.origin(serve, 'direct.test')
    targets = {'a.test:443': origin.port, 'a.test:8443': origin.port, 'wrong.test:443': wrong.port,
               'plain.test:80': plain.port,
               '93.184.216.34:80': plain.port}
    behave = {
        'closes.test:443': lambda c: None,
        'garbage.test:443': lambda c: c.send(b'SSH-2.0-proxy\r\n\r\n'),
        'more.test:443': lambda c: c.send(b'HTTP/1.1 200 OK\r\n\r\nmore'),
        'slow.test:443': slowly,
        'endless.test:443': lambda c: c.send(b'HTTP/1.1 200 OK\r\n' + b'X: y\r\n' * 20000),
    }
    company = b.origin(relay(targets, behave))
    trust = b.authority()

    def route(host, **more):
        return dict({'host': host}, **more)

    table = [route('a.test', ports=[443, 8443], upstream={'ca_file': trust},
                   auth={'scheme': 'Bearer', 'token_env': 'BB_T'}),
             route('wrong.test', upstream={'ca_file': trust}), route('plain.test'), route('refused.test'),
             route('93.184.216.34'), route('127.0.0.1'), b.route('direct.test', direct)] + \
        [route(name.split(':')[0]) for name in behave]

    def egress(url, password=None):
        args, fds = ['--upstream-proxy', url], []
        if password is not None:
            ours, theirs = os.pipe()
            os.write(theirs, password)
            os.close(theirs)
            args, fds = args + ['--upstream-proxy-password', str(ours)], [ours]
        proxy = b.egress(table, args=args, env={'BB_T': 'a-token-of-the-origin'}, fds=fds)
        for fd in fds:
            os.close(fd)
        return proxy

    at = '127.0.0.1:%d' % company.port
    proxy = egress('http://me@%s/' % at, PASSWORD.encode() + b'\n')

    def ask(host, port=443, via=None):
        c = b.tunnel(via or proxy, host, port)
        c.send(get('/', '%s:%d' % (host, port) if port != 443 else host))
        return c.response()

    head, body = ask('a.test')
    b.check(' 200 ' in head and body == b'from the origin', 'a request goes through the other proxy')
    want = base64.b64encode(b'me:' + PASSWORD.encode()).decode()
    b.same(asked[-1], 'CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\nProxy-Authorization: Basic %s\r\n\r\n' % want,
           '... which is asked for the host by its name, with user and password')
    b.check('Proxy-Authorization' not in seen[-1] and 'a-token-of-the-origin' in seen[-1],
            '... and the origin gets its credential, and not that')
    count = len(asked)
    ask('a.test')
    b.same(len(asked), count, 'a connection is kept for the next request')
    b.like(ask('a.test', 8443)[0], ' 200 ', 'another port')
    b.like(asked[-1], 'CONNECT a.test:8443 ', '... is asked for')
    head, body = ask('wrong.test')
    b.check(' 502 ' in head and b'did not prove' in body,
            'an origin with the wrong name is not believed, whoever connects to it')
    c = b.plain(proxy)
    c.send(get('http://plain.test/', 'plain.test'))
    b.check(' 200 ' in c.response()[0] and asked[-1].startswith('CONNECT plain.test:80 '),
            'plain http goes by CONNECT, too')
    b.like(ask('direct.test')[0], ' 200 ', "a route with 'connect'")
    b.check(not any('direct' in head for head in asked), '... goes there directly')
    count = len(asked)
    head, body = ask('none.test')
    b.check(' 403 ' in head and len(asked) == count,
            'a host without a route is refused before the other proxy hears of it')
    c = b.plain(proxy)
    c.send(get('http://127.0.0.1/', '127.0.0.1'))
    b.check(' 403 ' in c.response()[0] and len(asked) == count, '... and so is an address that is not public')
    c.send(get('http://93.184.216.34/', '93.184.216.34'))
    b.check(' 200 ' in c.response()[0] and asked[-1].startswith('CONNECT 93.184.216.34:80 '),
            'a public address is asked for as one')

    for host, word in (('refused.test', b'403'), ('slow.test', b'407'), ('closes.test', b'without an answer'),
                       ('garbage.test', b'malformed'),
                       ('more.test', b'behind its end'), ('endless.test', b'malformed')):
        head, body = ask(host)
        b.check(' 502 ' in head and b'upstream proxy' in body and word in body, '%s: 502, %s' % (host, word.decode()))
    log = open(proxy.log_file).read()
    b.check(PASSWORD not in log and want not in log, 'the password is not in the log')
    b.same(proxy.lines('start')[0]['upstream_proxy'], 'http://me@%s/' % at, '... which says which proxy there is')
    def shown(part):
        try:
            with open('/proc/%d/%s' % (proxy.process.pid, part), 'rb') as f:
                return f.read()
        except PermissionError:  # an ordinary user cannot look into a process that is not dumpable
            return b''
    environment = shown('cmdline') + shown('environ')
    b.check(PASSWORD.encode() not in environment, 'nor in arguments or environment')

    quiet = egress('http://' + at)
    b.like(ask('a.test', via=quiet)[0], ' 200 ', 'without a user')
    b.check('Authorization' not in asked[-1], '... nothing is authenticated')
    user = egress('http://me@' + at)
    ask('a.test', via=user)
    b.like(asked[-1], 'Proxy-Authorization: Basic bWU6\r\n', 'a user without a password has an empty one')
    closed = socket.create_server(('127.0.0.1', 0))
    nowhere = egress('http://127.0.0.1:%d' % closed.getsockname()[1])
    closed.close()
    head, body = ask('a.test', via=nowhere)
    b.check(' 502 ' in head and b'unable to reach the proxy' in body, 'another proxy that is not there is 502')

    # mistakes
    routes = os.path.join(b.directory, 'r.yaml')
    with open(routes, 'w') as f:
        f.write('routes: []\n')

    def refused(part, *args, password=None):
        done = subprocess.run([EGRESS, '--routes', routes, '--listen', '127.0.0.1:0', '--state',
                               os.path.join(b.directory, 's')] + list(args),
                              input=password or b'', capture_output=True, timeout=LIMIT)
        b.check(done.returncode == 100 and part in done.stderr and done.stderr.count(b'\n') == 1,
                '%s: %s' % (' '.join(args), part.decode()))

    for url in ('proxy:3128', 'https://proxy:3128', 'socks5://proxy:1080', ''):
        refused(b'http://[USER@]HOST:PORT', '--upstream-proxy', url)
    refused(b'without a port', '--upstream-proxy', 'http://proxy')
    refused(b'a_b', '--upstream-proxy', 'http://a_b:1')
    refused(b'user is empty', '--upstream-proxy', 'http://@proxy:1')
    refused(b'where others can see it', '--upstream-proxy', 'http://me:word@proxy:1')
    refused(b'no user', '--upstream-proxy', 'http://proxy:1', '--upstream-proxy-password', '0', password=b'x')
    refused(b'without a proxy', '--upstream-proxy-password', '0', password=b'x')
    refused(b'1024', '--upstream-proxy', 'http://me@proxy:1', '--upstream-proxy-password', '0', password=b'x' * 1025)
