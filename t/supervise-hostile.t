#!/usr/bin/python3
"""bb-supervise against an agent that speaks badly: the right errors, and it lives."""
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib.mcp import Desk  # noqa: E402

PING = {'jsonrpc': '2.0', 'id': 1, 'method': 'ping'}


def code_of(message):
    return message['error']['code']


def heads(d):
    body = json.dumps(PING).encode()
    for name, want, how in (
            ('a foreign Host', 403, dict(host='evil.test')),
            ('a Host with tricks', 403, dict(host='supervise@evil.test')),
            ('a Host that only begins like ours', 403, dict(host='supervise.evil.test')),
            ('no Host', 400, dict(host=None)),
            ('our name on another port', 200, dict(host='localhost:1')),
            ('our address', 200, dict(host='127.0.0.1:9100')),
            ('a foreign Origin', 403, dict(fields=['Origin: http://evil.test'])),
            ('Origin null', 403, dict(fields=['Origin: null'])),
            ('our Origin', 200, dict(fields=['Origin: http://localhost:9100'])),
            ('another path', 404, dict(path='/etc/passwd')), ('a path with dots', 404, dict(path='/../mcp')),
            ('another proxy\'s target', 403, dict(path='http://evil.test/')),
            ('a form', 415, dict(kind='application/x-www-form-urlencoded')), ('text', 415, dict(kind='text/plain')),
            ('no type', 415, dict(kind=None)), ('a coded body', 415, dict(fields=['Content-Encoding: gzip'])),
            ('a type with parameters', 200, dict(kind='application/json; charset=utf-8')),
            ('an Accept of images', 406, dict(accept='image/png')), ('any Accept', 200, dict(accept='*/*')),
            ('no Accept', 200, dict(accept=None)), ('PUT', 405, dict(method='PUT')),
            ('TRACE', 405, dict(method='TRACE')),
            ('a method in lower case', 405, dict(method='post')),
            ('two lengths', 400, dict(fields=['Content-Length: 4'])),
            ('length and chunks', 400, dict(fields=['Transfer-Encoding: chunked']))):
        d.is_(d.request(body, **how)[0], want, '%s: %d' % (name, want))


def messages(d):
    sid = d.initialize()
    for name, data, code in (
            ('no JSON', b'{', -32700), ('nothing', b' ', -32700), ('two values', b'{}{}', -32700),
            ('bad UTF-8', b'"\xff"', -32700),
            ('a doubled key', b'{"jsonrpc":"2.0","jsonrpc":"2.0","id":1,"method":"ping"}', -32700),
            ('a NUL', b'{"jsonrpc":"2.0","id":"\\u0000","method":"ping"}', -32700), ('depth', b'[' * 100000, -32700),
            ('a huge number', b'{"jsonrpc":"2.0","id":' + b'9' * 400 + b',"method":"ping"}', -32700),
            ('a number', b'5', -32600), ('an empty object', b'{}', -32600), ('JSON-RPC 1', b'{"id":1,"method":"ping"}',
                                                                             -32600),
            ('id null', b'{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600),
            ('an id that is a list', b'{"jsonrpc":"2.0","id":[1],"method":"ping"}', -32600),
            ('a method that is a number', b'{"jsonrpc":"2.0","id":1,"method":1}', -32600)):
        status, head, m = d.post(data, session=sid)
        d.is_((status, code_of(m)), (400, code), '%s: %d' % (name, code))
    m = d.post({'jsonrpc': '2.0', 'id': 1, 'method': 'ping', 'params': [1]}, session=sid)[2]
    d.is_(code_of(m), -32602, 'params that are a list: -32602')
    d.is_(d.post({'jsonrpc': '2.0', 'id': 1, 'result': {}}, session=sid)[0], 202, 'a response to nothing is accepted')


def sizes(d):
    sid = d.initialize()
    body = json.dumps(PING).encode()
    d.is_(d.request(b' ' * ((1 << 20) - len(body)) + body, session=sid)[0], 200, 'a body of 1 MiB is read')
    d.is_(d.request(b' ' * ((1 << 20) + 1 - len(body)) + body, session=sid)[0], 413, 'one byte more is not')
    d.is_(d.request(b'', session=sid, length=10 ** 30)[0], 400, 'nor a length beyond numbers')
    chunk = b'10000\r\n' + b' ' * 65536 + b'\r\n'
    s = d.connect()
    d.raw(d.head(fields=['Transfer-Encoding: chunked']) + chunk * 17, s)
    d.is_(d.response(s)[0], 413, 'nor chunks without end')
    s.close()
    d.is_(d.request(b'x' * 70000, fields=['X: ' + 'y' * 70000])[0], 400, 'a head without end')
    for data in (b'\x16\x03\x01\x02\x00\x01\x00', b'GET / HTTP/1.1\nHost: supervise\n\n', b'\r\n' * 100, b'\x00' * 1000,
                 b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', b'POST / HTTP/1.1\r\nHost: supervise\r\n X: folded\r\n\r\n'):
        d.ok(d.raw(data).startswith(b'HTTP/1.1 400'), 'bytes that are no request: %r' % data[:20])
    d.is_(d.raw(b'GET'), b'', 'half a request and gone')


def floods(d):
    sid = d.initialize()
    many = [d.connect() for _ in range(100)]
    for s in many:
        s.sendall(b'POST / HTTP/1.1\r\nHost: sup')
    for s in many:
        s.close()
    d.is_(d.post(PING)[0], 200, 'a hundred connections with half a request leave room for another')
    many = []
    for i in range(40):
        s = d.connect()
        b = json.dumps({'jsonrpc': '2.0', 'id': i, 'method': 'tools/call', 'params': {'name': 'allow', 'arguments': {
            'routes_yaml': 'routes: [{host: flood%d.test}]' % i, 'justification': 'x'},
            '_meta': {'progressToken': i}}}).encode()
        s.sendall(d.head(session=sid, length=len(b)) + b)
        many.append(s)
    d.ok(len(d.pending()) <= 20, 'a flood of calls makes 20 proposals at most')
    said = [d.response(s)[2].decode() for s in many]
    d.ok(any('try again' in t for t in said), 'the others are told when to try again')
    for s in many:
        s.close()


with Desk('bb-supervise against an agent that speaks badly', timeout=1) as d:
    heads(d)
    messages(d)
    sizes(d)
    floods(d)
    d.ok(d.alive(), 'the server lives', d.said())
    d.is_(d.said(), '', 'and had nothing to complain about')
