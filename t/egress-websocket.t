#!/usr/bin/python3
"""WebSocket through bb-egress: the handshake, frames both ways, what is refused, what does not leave."""
import base64
import hashlib
import json
import os
import struct
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import mcp  # noqa: E402
from lib.wire import LIMIT, Bench, answer, get, wait_for  # noqa: E402

TOKEN = 'a-credential-that-nobody-else-has'
SECRET = 'ghp_' + 'Zx81' + ''.join(chr(97 + (i * 7) % 26)
                                   for i in range(32))  # made here, so that no scanner trips over it
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
seen = []       # heads that the origin got
got = []        # messages that it got
closes = []     # codes with which its connections were closed
frames_in = []  # (opcode, fin, length) as they came
pinging = threading.Event()  # the origin is to send a ping
pongs = []      # what came back


def frame(opcode, payload=b'', fin=True, mask=b'\x37\xfa\x21\x3d', bits=0):
    head = bytes([(0x80 if fin else 0) | bits | opcode])
    flag = 0x80 if mask else 0
    if len(payload) < 126:
        head += bytes([flag | len(payload)])
    elif len(payload) < 65536:
        head += bytes([flag | 126]) + struct.pack('>H', len(payload))
    else:
        head += bytes([flag | 127]) + struct.pack('>Q', len(payload))
    if mask:
        payload = mask_with(mask, payload)
    return head + (mask or b'') + payload


def mask_with(mask, payload):
    n = len(payload)
    stream = int.from_bytes((mask * (n // 4 + 1))[:n], 'big')
    return (int.from_bytes(payload, 'big') ^ stream).to_bytes(n, 'big')


def read_frame(c):
    first, second = c.exactly(2)
    n = second & 127
    if n == 126:
        n = struct.unpack('>H', c.exactly(2))[0]
    elif n == 127:
        n = struct.unpack('>Q', c.exactly(8))[0]
    mask = c.exactly(4) if second & 128 else b''
    payload = c.exactly(n)
    return first & 15, bool(first & 128), bool(mask), mask_with(mask, payload) if mask else payload


def read_message(c, frames=None):
    """A whole message, or a control frame."""
    whole, kind = b'', 0
    while True:
        opcode, fin, masked, payload = read_frame(c)
        if frames is not None:
            frames.append((opcode, fin, masked, len(payload)))
        if opcode & 8:
            return opcode, payload
        kind, whole = opcode or kind, whole + payload
        if fin:
            return kind, whole


def accept_of(head):
    key = [line.split(':', 1)[1].strip() for line in head.split('\r\n')
           if line.lower().startswith('sec-websocket-key:')][0]
    return base64.b64encode(hashlib.sha1((key + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').encode()).digest()).decode()


def switch(head, *more, accept=None):
    lines = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade',
             'Sec-WebSocket-Accept: ' + (accept or accept_of(head))] + list(more)
    return ('\r\n'.join(lines) + '\r\n\r\n').encode()


def serve(c):
    """An origin that echoes; the path says what else it does."""
    head = c.head()
    seen.append(head)
    path = head.split(' ')[1]
    if path == '/no':
        c.send(answer(b'not here', status='403 Forbidden'))
        head = c.head()
        seen.append(head)
        c.send(answer(b'plain'))
        return
    if path.startswith('/bad'):
        c.send({
            '/bad/accept': switch(head, accept=accept_of('Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==')),
            '/bad/none': b'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
            '/bad/other': switch(head).replace(b'Upgrade: websocket', b'Upgrade: h2c'),
            '/bad/extension': switch(head, 'Sec-WebSocket-Extensions: permessage-deflate'),
            '/bad/protocol': switch(head, 'Sec-WebSocket-Protocol: other'),
        }[path])
        c.ended()
        return
    c.send(switch(head, *(['Sec-WebSocket-Protocol: two'] if path == '/protocol' else [])))
    if path.startswith('/says/'):
        c.send(bytes.fromhex(path[6:]))
    if path == '/gone':
        return
    if path == '/reflect':
        c.send(frame(TEXT, b'it was ' + TOKEN[:9].encode(), fin=False, mask=b'') + frame(PING, TOKEN.encode(),
                                                                                         mask=b'') +
               frame(0, TOKEN[9:].encode() + b', really', mask=b'') + frame(TEXT, base64.b64encode(TOKEN.encode()),
                                                                            mask=b''))
    if path == '/ping':
        pinging.wait(LIMIT)
        c.send(frame(PING, b'are you there', mask=b''))
    if path == '/flood':
        for i in range(64):
            c.send(frame(BINARY, bytes([i]) * 65536, mask=b''))
    frames = []
    try:
        while True:
            opcode, payload = read_message(c, frames)
            if opcode == CLOSE:
                closes.append(payload[:2])
                c.send(frame(CLOSE, payload[:2], mask=b''))
                return
            if opcode == PING:
                c.send(frame(PONG, payload, mask=b''))
            elif opcode == PONG:
                pongs.append(payload)
            else:
                got.append(payload)
                frames_in.extend(frames)
                frames.clear()
                c.send(frame(opcode, payload, mask=b''))
    except EOFError:
        closes.append(None)


def upgrade(path='/', host='a.test', *fields, **more):
    wanted = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: ' + KEY]
    return get(path, host, *(list(fields) or wanted), **more)


with Bench('WebSocket through bb-egress') as b:
    origin = b.origin(serve, 'a.test')
    origin.context = b.certificate('a.test', 'key.test', 'small.test', 'dlp.test', 'redact.test')
    proxy = b.egress([b.route('a.test', origin),
                      b.route('key.test', origin, auth={'scheme': 'Bearer', 'token_env': 'BB_T'},
                              dlp={'outbound_detectors': False}),
                      b.route('small.test', origin, max_body=1000),
                      b.route('dlp.test', origin, dlp={'outbound_on_match': 'block'}),
                      b.route('redact.test', origin, dlp={'outbound_on_match': 'redact'})],
                     args=['--log-level', 'full'], env={'BB_T': TOKEN})

    def socket(path='/', host='a.test', *fields):
        c = b.tunnel(proxy, host)
        base = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: ' + KEY]
        c.send(get(path, host, *(base + list(fields))))
        c.opening = c.head()
        return c

    # the handshake
    c = socket('/protocol', 'a.test', 'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits',
               'Sec-WebSocket-Protocol: one, two', 'Origin: https://a.test')
    b.like(c.opening, 'HTTP/1.1 101 ', 'an upgrade is relayed')
    b.check('Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n' in c.opening
            and 'Connection: Upgrade\r\n' in c.opening and
            'Upgrade: websocket\r\n' in c.opening and 'Sec-WebSocket-Protocol: two\r\n' in c.opening,
            '... with what the client checks')
    b.check('xtensions' not in seen[-1] and 'Origin: https://a.test\r\n' in seen[-1]
            and 'Sec-WebSocket-Protocol: one, two\r\n' in seen[-1],
            '... and without the offer of compression')

    # messages
    for name, payload in (('text', 'text, é €'.encode()), ('an empty message', b''), ('125 bytes', b'x' * 125),
                          ('126 bytes', b'y' * 126),
                          ('65,535 bytes', b'z' * 65535), ('64 KiB', b'w' * 65536)):
        c.send(frame(TEXT, payload))
        b.check(read_message(c) == (TEXT, payload), name + ' goes there and back')
        b.check(got[-1] == payload and [f[:3] for f in frames_in[-1:]] == [(TEXT, True, True)],
                '... in one masked frame')
    big = os.urandom(3 << 20)
    c.send(frame(BINARY, big))
    frames = []
    b.check(read_message(c, frames) == (BINARY, big) and got[-1] == big, '3 MiB go there and back')
    b.check(len(frames) > 1 and not frames[0][1] and frames[-1][1] and not any(f[2] for f in frames),
            '... in several frames')
    c.send(b''.join([frame(TEXT, b'a', fin=False), frame(PING, b'in between'), frame(0, b'', fin=False),
                     frame(0, b'b')]))
    b.same(sorted([read_message(c), read_message(c)]), [(TEXT, b'ab'), (PONG, b'in between')],
           'fragments become a message, with a ping in between')
    for byte in frame(TEXT, b'drop by drop'):
        c.send(bytes([byte]))
    b.same(read_message(c), (TEXT, b'drop by drop'), 'a frame that comes byte by byte')
    c.send(b''.join(frame(TEXT, b'%d' % i) for i in range(1000)))
    b.check([read_message(c)[1] for _ in range(1000)] == [b'%d' % i for i in range(1000)],
            'a thousand small messages at once, in order')
    c.send(b''.join(frame(PING, b'%d' % i) for i in range(1000)))
    b.check([read_message(c)[1] for _ in range(1000)] == [b'%d' % i for i in range(1000)], '... and a thousand pings')
    c.send(frame(CLOSE, b'\x03\xe8bye') + frame(TEXT, b'too late'))
    b.same(read_message(c), (CLOSE, b'\x03\xe8'), 'a close goes there and back')
    b.check(c.ended() and closes[-1] == b'\x03\xe8' and got[-1] != b'too late', '... and that is the end')

    c = socket('/flood')
    data = [read_message(c) for _ in range(64)]
    b.check(all(m == (BINARY, bytes([i]) * 65536) for i, m in enumerate(data)),
            '4 MiB from the origin, of which nothing was asked')
    c.send(frame(TEXT, b'still here'))
    b.same(read_message(c), (TEXT, b'still here'), '... and it goes on')
    c.close()
    b.check(wait_for(lambda: closes[-1:] == [None]), 'a client that goes is gone for the origin, too')

    # what a client must not send
    def violates(name, data, code, host='a.test'):
        c = socket('/', host)
        before = len(got)
        c.send(data)
        opcode, payload = read_message(c)
        b.check((opcode, payload[:2]) == (CLOSE, struct.pack('>H', code)) and len(payload) > 2,
                '%s: closed with %d' % (name, code))
        b.check(c.ended(), '... by us')
        b.check(wait_for(lambda: closes[-1:] == [None]) and len(got) == before, '... and the origin got no message')
        closes.clear()

    closes.clear()
    violates('an unmasked frame', frame(TEXT, b'x', mask=b''), 1002)
    violates('a compressed frame', frame(TEXT, b'x', bits=0x40), 1002)
    violates('an unknown opcode', frame(3, b'x'), 1002)
    violates('a control frame in fragments', frame(PING, b'x', fin=False), 1002)
    violates('a long control frame', frame(PING, b'x' * 126), 1002)
    violates('a continuation of nothing', frame(0, b'x'), 1002)
    violates('a length that is not the shortest', b'\x82\xfe\x00\x01\0\0\0\0x', 1002)
    violates('text that is not UTF-8', frame(TEXT, b'\xff'), 1007)
    violates('bytes that are no frames', b'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n', 1002)
    violates('a message of more than 64 MiB', b'\x82\xff' + struct.pack('>Q', (64 << 20) + 1) + b'\0\0\0\0', 1009)
    violates('a message above max_body', frame(TEXT, b'x' * 1001), 1009, 'small.test')
    c = socket('/', 'small.test')
    c.send(frame(TEXT, b'x' * 1000) + frame(TEXT, b'y' * 1000))
    b.check(read_message(c)[1] == b'x' * 1000 and read_message(c)[1] == b'y' * 1000, 'max_body is for each message')
    c.send(frame(CLOSE))
    c.rest()

    # what an origin must not send
    for name, data, code in (('a masked frame', frame(TEXT, b'x'), 1002),
                             ('a compressed frame', frame(TEXT, b'x', bits=0x40, mask=b''), 1002),
                             ('text that is not UTF-8', frame(TEXT, b'\xff', mask=b''), 1007)):
        c = socket('/says/' + data.hex())
        opcode, payload = read_message(c)
        b.check((opcode, payload[:2]) == (CLOSE, struct.pack('>H', code)), 'the origin sends %s: %d' % (name, code))
        b.check(c.ended() and wait_for(lambda: [x for x in proxy.lines('refuse') if x['status'] == 502 and
                                                x.get('path') == '/says/' + data.hex()]), '... the end, and in the log')
    c = socket('/gone')
    b.check(c.ended(), 'an origin that goes without a word ends the connection')
    for path, word in (('accept', 'Accept'), ('none', 'Accept'), ('other', 'WebSocket'), ('extension', 'extension'),
                       ('protocol', 'subprotocol')):
        c = socket('/bad/' + path)
        b.check(' 502 ' in c.opening and word in c.body(c.opening).decode(), 'a 101 that is no answer (%s) is 502' %
                path)

    # the credential
    c = socket('/reflect', 'key.test', 'Authorization: Bearer placeholder')
    b.like(seen[-1].lower(), 'authorization: bearer ' + TOKEN, 'the credential goes into the upgrade')
    b.check('placeholder' not in seen[-1], '... instead of the placeholder')
    said = [read_message(c) for _ in range(3)]
    b.same([m[1] for m in said if b'it was' in m[1]], [b'it was ' + b'*' * len(TOKEN) + b', really'],
           'what the origin sends back of it is masked, over fragments')
    b.same([m[1] for m in said if m[0] == PING], [b'*' * len(TOKEN)], '... in a ping')
    b.check(base64.b64encode(TOKEN.encode())[:16] not in b''.join(m[1] for m in said), '... and in base64')
    c.close()

    # what must not leave
    for name, data in (('in a message', frame(TEXT, b'my key: ' + SECRET.encode() + b' ok')),
                       ('over fragments', frame(TEXT, b'my key: ' + SECRET[:9].encode(), fin=False) +
                        frame(0, SECRET[9:].encode() + b' ok')),
                       ('in base64', frame(BINARY, base64.b64encode(b'key ' + SECRET.encode() + b' end'))),
                       ('in a ping', frame(PING, b'key ' + SECRET.encode())),
                       ('behind 200,000 bytes', frame(TEXT, b'lorem ipsum ' * 20000 + SECRET.encode() + b' dolor')),
                       ('in a close', frame(CLOSE, b'\x03\xe8key ' + SECRET.encode()))):
        closes.clear()
        before = len(got)
        c = socket('/', 'dlp.test')
        c.send(data)
        opcode, payload = read_message(c)
        b.check((opcode, payload[:2]) == (CLOSE, b'\x03\xf0') and b'secret' in payload,
                'a token %s: closed with 1008, saying why' % name)
        b.check(SECRET.encode() not in payload and c.ended(), '... and not the token')
        b.check(wait_for(lambda: closes[-1:] == [None]) and len(got) == before, '... and the origin got no message')
    c = socket('/', 'redact.test')
    c.send(frame(TEXT, b'my key: ' + SECRET.encode() + b' ok') + frame(TEXT, b'clean'))
    said = [read_message(c), read_message(c)]
    b.check(b'REDACTED' in said[0][1] and SECRET.encode() not in said[0][1] and said[1] == (TEXT, b'clean'),
            'or it is taken out')
    c.send(frame(CLOSE))
    c.rest()
    line = [x for x in proxy.lines('refuse') if x['rule'] == 'dlp'][-1]
    b.same((line['status'], line['host']), (403, 'dlp.test'), 'the log has what was refused')
    b.check(SECRET not in open(proxy.log_file).read() and TOKEN not in open(proxy.log_file).read(), '... and no secret')

    # what must not leave without the operator
    queue = os.path.join(b.directory, 'queue')
    asking = b.egress([b.route('a.test', origin)], ['--queue', queue, '--bottle', 'dev-x1'])

    def pending():
        return [n[:36] for n in os.listdir(queue) if n.endswith('.proposal.json')]

    def question():
        """The one that waits: its id and what it says."""
        wait_for(pending)
        with open('%s/%s.proposal.json' % (queue, pending()[0])) as f:
            return pending()[0], json.loads(json.load(f)['proposed_file'])

    def settle(*how):
        mcp.answer(queue, question()[0], *how)
        wait_for(lambda: not pending())

    def held(pieces, path='/'):
        """A WebSocket on which these fragments of one message were sent, and a message behind it."""
        c = b.tunnel(asking, 'a.test')
        c.send(upgrade(path))
        assert ' 101 ' in c.head()
        c.send(b''.join(frame(0 if i else TEXT, p, fin=i == len(pieces) - 1) for i, p in enumerate(pieces)) +
               frame(TEXT, b'behind'))
        return c

    def secret(n):
        return (SECRET[:-2] + '%02d' % n).encode()

    def around(n, before, after):
        return [before + b'key: ' + secret(n)[:9], secret(n)[9:] + b' ok' + after]

    for n, name, pieces in ((1, 'a message', [b''.join(around(1, b'my ', b''))]),
                            (2, 'a message in fragments', around(2, b'', b'') + [b'more']),
                            (3, 'a message of 300,000 bytes',
                             around(3, b'lorem ipsum ' * 20000, b'dolor sit ' * 6000))):
        del got[:]
        c = held(pieces)
        said = question()[1]
        b.same({k: said[k] for k in ('host', 'place', 'kind')}, {'host': 'a.test', 'place': 'message',
                                                                 'kind': 'github-pat'},
               name + ' with a token is held, and asked for')
        b.check('key: [REDACTED:' in said['context'] and not got, '... without the token; the origin has no message')
        settle('approved')
        b.same((read_message(c), read_message(c)), ((TEXT, b''.join(pieces)), (TEXT, b'behind')),
               '... approved: all of it arrives, then the next')
        c.send(frame(TEXT, b'once more ' + secret(n)))
        b.same((read_message(c)[1], pending()), (b'once more ' + secret(n), []), '... and is not asked for again')
        c.close()
    del got[:]
    c = held([b'a ' + secret(4) + b' b ' + secret(5)])
    first = question()[0]
    mcp.answer(queue, first, 'approved')
    wait_for(lambda: pending() and pending()[0] != first)
    b.same(got, [], 'two tokens in one message are two questions')
    settle('rejected', 'not that one')
    opcode, payload = read_message(c)
    b.check((opcode, payload[:2]) == (CLOSE, b'\x03\xf0') and b'not that one' in payload and c.ended(),
            '... rejected: closed with 1008 and the reason')
    b.same(got, [], '... and no message has arrived, nor the one behind it')
    c = held(around(6, b'', b''), '/ping')
    question()
    pinging.set()
    b.check(wait_for(lambda: pongs == [b'are you there']), 'an origin that pings meanwhile is answered')
    settle('approved')
    b.same(sorted(read_message(c) for _ in range(3))[:2], [(TEXT, b'behind'), (TEXT, b''.join(around(6, b'', b'')))],
           '... and gets the messages in the end')
    c.close()

    # what is not an upgrade that can be relayed
    version = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 8', 'Sec-WebSocket-Key: ' + KEY]
    key = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: ']
    for name, fields, more, want in (
            ('version 8', version, {}, 426), ('two versions', version + ['Sec-WebSocket-Version: 13'], {}, 426),
            ('two protocols', ['Connection: Upgrade', 'Upgrade: h2c, websocket'] + version[2:], {}, 426),
            ('no key', key[:3], {}, 400), ('a short key', key[:3] + [key[3] + 'c2hvcnQ='], {}, 400),
            ('two keys', key[:3] + [key[3] + KEY] * 2, {}, 400), ('a POST', key[:3] + [key[3] + KEY],
                                                                  {'method': 'POST'}, 400),
            ('a body', key[:3] + [key[3] + KEY, 'Content-Length: 1'], {'body': b'x'}, 400)):
        count = len(seen)
        c = b.tunnel(proxy, 'a.test')
        c.send(get('/', 'a.test', *fields, **more))
        head, body = c.response()
        b.check(' %d ' % want in head and len(seen) == count, '%s is %d at once' % (name, want))
        if want == 426:
            b.like(head, 'Sec-WebSocket-Version: 13\r\n', '... which names the version')
    c = b.tunnel(proxy, 'a.test')
    c.send(upgrade('/no') + get('/next', 'a.test'))
    b.same(c.response()[1], b'not here', 'an origin that does not want to says so itself')
    b.same(c.response()[1], b'plain', '... and the connection goes on with the next request')
    c = b.tunnel(proxy, 'no.test')
    c.send(upgrade('/', 'no.test') + get('/', 'no.test'))
    b.check(' 403 ' in c.response()[0] and ' 403 ' in c.response()[0], 'an upgrade to a host without a route is 403')

    # side by side, and the end
    many = [socket() for _ in range(50)]
    threads = [threading.Thread(target=lambda s=s, i=i: s.send(frame(TEXT, b'number %d, ' % i * 500))) for i,
               s in enumerate(many)]
    for t in threads:
        t.start()
    b.same([i for i, s in enumerate(many) if read_message(s)[1] != b'number %d, ' % i * 500], [], 'fifty at once')
    line = proxy.reload([b.route('a.test', origin)])
    many[0].send(frame(TEXT, b'after the reload'))
    b.check(line['ok'] and read_message(many[0])[1] == b'after the reload', 'a reload leaves them alone')
    for s in many:
        s.close()
    b.check(wait_for(lambda: len([1 for x in closes if x is None]) >= 50), 'and all of them end')
