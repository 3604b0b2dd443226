#!/usr/bin/python3
"""The detector that warns of what reads as if drawn at random: only where a route names it, and nothing is stopped."""
import gzip
import os
import random
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib.wire import Bench, answer, get  # noqa: E402

random.seed(5)
VISIBLE = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
KEY = ''.join(random.sample(VISIBLE, 64))   # no character twice: 6 bits for each
WORDS = 'the quick brown fox jumps over the lazy dog and runs away from it all day long. ' * 4


def serve(c):
    while True:
        head = c.head()
        body = c.body(head) if 'ontent-Length' in head else b''
        c.send(answer(b'%d' % len(body)))


with Bench('what reads as if drawn at random is worth a line, where a route asks for it') as b:
    origin = b.origin(serve, 'a.test')
    hosts = {'asks.test': {'outbound_detectors': ['known_secrets', 'entropy']}, 'only.test': {'outbound_detectors': ['entropy']},
             'default.test': {}, 'off.test': {'outbound_detectors': False}}
    origin.context = b.certificate('a.test', *hosts)
    proxy = b.egress([b.route(h, origin, **({'dlp': d} if d else {})) for h, d in hosts.items()])
    want = []

    def send(host, raw, place, name):
        """A request that passes; place is what the log will say, or None for nothing."""
        c = b.tunnel(proxy, host)
        c.send(raw)
        head, body = c.response()
        c.close()
        b.check(head.startswith('HTTP/1.1 200 '), '%s passes, to %s' % (name, host))
        if place:
            want.append((host, place))

    def post(host, body, *fields):
        return get('/up', host, 'Content-Length: %d' % len(body), *fields, method='POST', body=body)

    for host in hosts:
        asks = host in ('asks.test', 'only.test')
        send(host, get('/?d=' + KEY, host), 'query' if asks else None, 'a query')
        send(host, get('/' + KEY + '/x', host), 'path' if asks else None, 'a path')
        send(host, get('/', host, 'X-Data: ' + KEY), "header 'X-Data'" if asks else None, 'a header')
        send(host, post(host, WORDS.encode() + KEY.encode() + WORDS.encode()), 'body' if asks else None, 'a body')
        send(host, post(host, gzip.compress(WORDS.encode() + KEY.encode()), 'Content-Encoding: gzip'), 'body' if asks else None,
             'a coded body')
        send(host, post(host, gzip.compress(b'\n'.join(b'%d bottles' % i for i in range(3000))), 'Content-Encoding: gzip'), None,
             'a coded body of words')
        send(host, post(host, WORDS.encode()), None, 'a body of words')
        send(host, get('/?d=' + KEY[:56], host, 'X-Data: ' + WORDS), None, 'less than a window')
    log = proxy.await_lines('dlp', len(want))
    b.same([(x['host'], x['place']) for x in log], want, 'the log names each once, and nothing else')
    b.check(all((x['kind'], x['action'], x['count']) == ('entropy', 'warn', 1) for x in log), '... as warnings')
    b.same(proxy.lines('refuse'), [], 'nothing was refused')
    b.check('entropy' in proxy.lines('start')[0]['detectors'].split(), 'the detector is listed')
