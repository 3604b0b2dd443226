#!/usr/bin/python3
"""Names that bb-egress resolves, and those that it does not: in a network namespace with a name server of our own."""
import os
import socket
import struct
import subprocess
import sys
import threading

TITLE = 'names that bb-egress resolves, and those that it does not'

if os.environ.get('BB_INSIDE') != '1':
    # A namespace of our own, with a name server that only we reach; as an ordinary user with a user namespace around
    # it.
    probe = ['unshare', '--net', '--mount'] + ([] if os.geteuid() == 0 else ['--map-root-user'])
    if subprocess.run(probe + ['true'], capture_output=True).returncode != 0:
        print('1..0 # SKIP no network namespace can be made here')
        sys.exit(0)
    os.execvpe('unshare', probe + [os.path.abspath(__file__)], dict(os.environ, BB_INSIDE='1'))

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib.wire import Bench, Clock, answer, get, run, wait_for  # noqa: E402

asked = []
zone = {  # name: addresses for A, for AAAA, whether it must be asked over TCP
    'one.test': (['127.0.0.1'], [], False),
    'six.test': ([], ['::1'], False),
    'both.test': (['127.0.0.1'], ['::1'], False),
    'second.test': (['127.0.0.9', '127.0.0.1'], [], False),
    'large.test': (['127.0.0.1'], [], True),
    'mixed.test': (['127.0.0.1', '203.0.113.1'], [], False),
    'meta.test': (['169.254.169.254'], [], False),
    'mapped.test': ([], ['::ffff:10.0.0.1'], False),
    'none.test': ([], [], False),
    'stuck.test': (['127.0.0.8', '127.0.0.1'], [], False),
    'mute.test': (None, None, False),
}


def reply(query, tcp):
    """A response of the zone to one query, by RFC 1035 §4."""
    at, labels = 12, []
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode())
        at += 1 + query[at]
    name, kind = '.'.join(labels).lower(), struct.unpack('>H', query[at + 1:at + 3])[0]
    asked.append(name)
    question = query[12:at + 5]
    if name not in zone:
        return query[:2] + struct.pack('>HHHHH', 0x8183, 1, 0, 0, 0) + question
    v4, v6, large = zone[name]
    if v4 is None:
        return None  # of this one we say nothing
    if large and not tcp:
        return query[:2] + struct.pack('>HHHHH', 0x8380, 1, 0, 0, 0) + question
    records = [socket.inet_pton(socket.AF_INET, a) for a in v4] if kind == 1 else \
        [socket.inet_pton(socket.AF_INET6, a) for a in v6] if kind == 28 else []
    body = b''.join(b'\xc0\x0c' + struct.pack('>HHIH', kind, 1, 60, len(r)) + r for r in records)
    return query[:2] + struct.pack('>HHHHH', 0x8180, 1, len(records), 0, 0) + question + body


def serve_udp(sock):
    while True:
        query, peer = sock.recvfrom(4096)
        out = reply(query, False)
        if out:
            sock.sendto(out, peer)


def serve_tcp(listener):
    while True:
        sock, _ = listener.accept()
        data = sock.recv(4096)
        while len(data) >= 2 and len(data) >= 2 + struct.unpack('>H', data[:2])[0]:
            n = 2 + struct.unpack('>H', data[:2])[0]
            out = reply(data[2:n], True)
            sock.sendall(struct.pack('>H', len(out)) + out)
            data = data[n:] or sock.recv(4096)


def serve(c):
    while True:
        try:
            head = c.head()
        except EOFError:
            return
        c.send(answer(head.encode()))


with Bench(TITLE) as b:
    run('ip', 'link', 'set', 'lo', 'up')
    config = os.path.join(b.directory, 'resolv.conf')
    with open(config, 'w') as f:
        f.write('nameserver 127.0.0.1\nsearch search.example\noptions ndots:3\n')
    run('mount', '--bind', config, os.path.realpath('/etc/resolv.conf'))
    udp = socket.socket(type=socket.SOCK_DGRAM)
    udp.bind(('127.0.0.1', 53))
    tcp = socket.create_server(('127.0.0.1', 53))
    threading.Thread(target=serve_udp, args=(udp,), daemon=True).start()
    threading.Thread(target=serve_tcp, args=(tcp,), daemon=True).start()

    origin = b.origin(serve)
    six = b.origin(serve)
    six.listener.close()
    six.listener = socket.create_server(('::1', origin.port), family=socket.AF_INET6)
    threading.Thread(target=six.accept, daemon=True).start()
    routes = [{'host': n, 'ports': [origin.port], 'allow_private': n != 'mapped.test'} for n in zone]
    routes += [{'host': 'gone.test', 'ports': [origin.port], 'allow_private': True}]
    routes += [{'host': '*.deep.test', 'ports': [origin.port], 'allow_private': True}]
    proxy = b.egress(routes)

    def ask(host):
        c = b.plain(proxy)
        name = '%s:%d' % (host, origin.port)
        c.send(get('http://%s/' % name, name))
        head, body = c.response()
        return int(head.split(' ')[1]), body.decode()

    b.same(asked, [], 'nothing is asked before there is a request')
    b.same(ask('one.test')[0], 200, 'a name is resolved and dialled')
    b.same(set(asked), {'one.test'}, '... and nothing else was asked: no search list')
    b.same(ask('six.test')[0], 200, 'so is one with an IPv6 address only')
    b.same(six.connections, 1, '... which was dialled')
    b.same(ask('both.test')[0], 200, 'and one with both')
    b.same(ask('second.test')[0], 200, 'where the first address does not answer, the next does')
    b.same(ask('large.test')[0], 200, 'an answer that is too large for a datagram comes over TCP')
    for host, part in (('mixed.test', 'documentation'), ('meta.test', 'metadata'), ('mapped.test', 'private')):
        before = origin.connections
        code, body = ask(host)
        b.check(code == 403 and part in body, '%s is refused' % host)
        b.same(origin.connections, before, '... and not dialled')
        print('# %d %s' % (code, body.strip()))
    code, body = ask('none.test')
    b.check(code == 502 and 'none.test' in body, 'a name without address is 502')
    print('# ' + body.strip())
    code, body = ask('gone.test')
    b.check(code == 502 and 'gone.test' in body, 'so is one that does not exist')
    print('# ' + body.strip())
    before = list(asked)
    for host in ('unlisted.test', 'c2VjcmV0.evil.test', 'one.test.evil.test', 'xone.test', 'deep.test'):
        b.same(ask(host)[0], 403, '%s is in no route' % host)
    b.same(asked, before, '... and was not asked for')
    b.same(ask('x.deep.test')[0], 502, 'a name below a wildcard is asked for')
    b.check(not any('search.example' in n for n in asked), 'no name was ever completed')
    b.same((proxy.process.poll(), open(proxy.log_file + '.err').read()), (None, ''),
           'nothing died and nothing complained')

    # how long it takes that something does not answer, by a clock that we turn
    full = socket.socket()
    full.bind(('127.0.0.8', origin.port))
    full.listen(0)
    fill = [socket.socket() for _ in range(4)]
    for s in fill:
        s.setblocking(False)
        s.connect_ex(full.getsockname())
    clock = Clock(b.directory)
    os.chmod(b.directory, 0o755)
    proxy = b.egress(routes, program=clock.program)

    def begin(host):
        before = len(asked)
        c = b.plain(proxy)
        c.send(get('http://%s:%d/' % (host, origin.port), '%s:%d' % (host, origin.port)))
        wait_for(lambda: host in asked[before:])
        ask('one.test')  # by then the answer was taken as well
        return c

    before = origin.connections
    c = begin('stuck.test')
    clock.turn(2999)
    ask('one.test')
    b.same(origin.connections, before + 1, 'an address that does not answer is waited for')
    clock.turn(1)
    b.check(' 200 ' in c.response()[0], '... for 3 s, then the next is tried')
    c = begin('mute.test')
    clock.turn(10000)
    head, body = c.response()
    b.check(head.split(' ')[1] in ('502', '504') and b'resol' in body, 'a name server is waited for 10 s at most: %s' %
            body.decode().strip())
