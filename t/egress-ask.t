#!/usr/bin/python3
"""What must not leave without the operator: the request is held, the operator asked, the answer holds for that value and host."""
import base64
import glob
import gzip
import json
import os
import random
import subprocess
import sys
import zlib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import mcp  # noqa: E402
from lib.wire import EGRESS, Bench, answer, get, wait_for  # noqa: E402

random.seed(11)
LETTERS = 'ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789'


def make(n):
    return ''.join(random.choice(LETTERS) for _ in range(n))


def token():
    return 'gh' + 'p_' + make(36)


SECRET = make(28)  # a credential of the proxy
arrived = []       # every byte that came to the origin, by connection


def record(c):
    """Keeps all bytes that come, answers each request that is whole."""
    bytes_of = bytearray()
    arrived.append(bytes_of)
    receive = c.more

    def more():
        before = len(c.buffer)
        going = receive()
        bytes_of.extend(c.buffer[before:])
        return going
    c.more = more
    while True:
        head = c.head()
        body = c.body(head) if 'ontent-' in head or 'chunked' in head else b''
        c.send(answer(b'%d:' % len(body) + body))


def seen(secret):
    return any(secret[i:i + 12].encode() in bytes(a) for a in arrived for i in range(len(secret) - 12))


def times(secret):
    return sum(bytes(a).count(secret.encode()) for a in arrived)


def post(body, *fields):
    return get('/up', 'a.test', 'Content-Length: %d' % len(body), *fields, method='POST', body=body)


def chunked(pieces):
    framed = b''.join(b'%x\r\n%s\r\n' % (len(x), x) for x in pieces) + b'0\r\n\r\n'
    return get('/up', 'a.test', 'Transfer-Encoding: chunked', method='POST', body=framed)


with Bench('what must not leave without the operator is asked for') as b:
    origin = b.origin(record, 'a.test')
    origin.context = b.certificate('a.test', 'b.test', 'block.test', 'auth.test')
    routes = [b.route('a.test', origin), b.route('b.test', origin),
              b.route('block.test', origin, dlp={'outbound_on_match': 'block'}),
              b.route('auth.test', origin, auth={'scheme': 'Bearer', 'token_env': 'BB_TEST_TOKEN'})]
    queue = os.path.join(b.directory, 'queue')
    permits = os.open(os.path.join(b.directory, 'permits'), os.O_RDWR | os.O_CREAT, 0o600)
    args = ['--queue', queue, '--bottle', 'dev-x1', '--permits', str(permits)]
    proxy = b.egress(routes, args, env={'BB_TEST_TOKEN': SECRET}, fds=[permits])

    def pending(at=None):
        return mcp.pending(at or queue)

    def asked():
        """The one question that waits: its id, its text, what it says."""
        wait_for(pending)
        id = pending()[0]
        with open('%s/%s.proposal.json' % (queue, id)) as f:
            text = f.read()
        return id, text, json.loads(json.loads(text)['proposed_file'])

    def send(raw, host='a.test'):
        c = b.tunnel(proxy, host)
        c.send(raw)
        return c

    def decided(c, *how, **more):
        """The answer to what c waits for, and then what c gets."""
        mcp.answer(queue, asked()[0], *how, **more)
        return c.response()

    def status(head):
        return int(head.split(' ')[1])

    # --- a head ---
    secret = token()
    c = send(get('/v1/x?q=1', 'a.test', 'X-Note: see ' + secret + ' there'))
    id, text, said = asked()
    b.same({k: v for k, v in said.items() if k != 'value'},
           {'host': 'a.test', 'method': 'GET', 'path': '/v1/x', 'kind': 'github-pat', 'place': "header 'X-Note'",
            'context': 'see [REDACTED:github-pat] there'}, 'the question says where what goes')
    whole = json.loads(text)
    b.same((whole['tool'], whole['bottle_slug']), ('egress-token-allow', 'dev-x1'), 'by its kind, from this bottle')
    b.check(not any(secret[i:i + 8] in text for i in range(len(secret) - 8)) and len(said['value']) == 16,
            'and names the value by a digest alone')
    b.check(not seen(secret), 'nothing has arrived meanwhile')
    mcp.answer(queue, id, 'approved', hash='0' * 64)
    wait_for(lambda: not os.path.exists('%s/%s.response.json' % (queue, id)))
    b.same(pending(), [id], 'an answer to other bytes is none')
    head, body = decided(c, 'approved', 'it is a test token')
    b.check(status(head) == 200 and seen(secret), 'approved: the request goes on, unchanged')
    c.send(get('/again', 'a.test', 'X-Other: ' + secret))
    b.same((status(c.response()[0]), pending()), (200, []), 'the same value to the same host is not asked for again')
    c.send(post(b'{"t": "' + base64.b64encode(secret.encode()) + b'"}'))
    b.same((status(c.response()[0]), pending()), (200, []), 'in no place and no encoding')
    before = times(secret)
    c = send(get('/', 'b.test', 'X-Note: ' + secret), 'b.test')
    head, body = decided(c, 'rejected', 'not \x1b[31m there')
    b.check(status(head) == 403 and b'the operator has rejected it: not ?[31m there' in body
            and times(secret) == before,
            'to another host it is, and a rejection is a 403 with its reason')
    c.send(get('/', 'b.test', 'X-Note: ' + secret))
    head, body = decided(c, 'rejected')
    b.same(status(head), 403, 'which is asked for again when it is tried again')
    c.send(get('/', 'b.test'))
    b.same(status(c.response()[0]), 200, 'the connection goes on')

    one, two = token(), token()
    c = send(get('/?a=' + one, 'a.test', 'X-Note: ' + two) + get('/behind', 'a.test'))
    first = asked()
    mcp.answer(queue, first[0], 'approved')
    wait_for(lambda: pending() and pending()[0] != first[0])
    second = asked()
    b.same((first[2]['place'], second[2]['place']), ('query', "header 'X-Note'"), 'two values are two questions')
    head, body = decided(c, 'approved')
    b.check(status(head) == 200 and seen(one) and seen(two), 'and pass when both are approved')
    b.same(status(c.response()[0]), 200, 'the request behind waited for its turn')

    # --- a body ---
    secret = token()
    large = b'line of text\n' * 30000
    body = large + b'key=' + secret.encode() + b'\n' + large
    c = send(post(body))
    id, text, said = asked()
    b.check(said['place'] == 'body' and 'key=[REDACTED:' in said['context'] and secret[4:16] not in text
            and not seen(secret),
            'a body is held where something stands in it')
    head, got = decided(c, 'approved')
    b.check(status(head) == 200 and got == b'%d:' % len(body) + body,
            'approved: all of it arrives, unchanged, though two rules match')
    secret = token()
    c = send(chunked([b'a ' * 500, secret[:9].encode(), secret[9:].encode(), b' b' * 500]))
    head, got = decided(c, 'rejected', 'no')
    b.check(status(head) == 403 and b'rejected it: no' in got and not seen(secret), 'rejected: none of it does')
    one, two = token(), token()
    text = b'a=' + one.encode() + b'\nb=' + two.encode() + b'\nc=' + one.encode() + b'\n'
    c = send(post(text))
    first = asked()[0]
    mcp.answer(queue, first, 'approved')
    wait_for(lambda: pending() and pending()[0] != first)
    head, got = decided(c, 'approved')
    b.same((status(head), got), (200, b'%d:' % len(text) + text),
           'two values in a body, one of them twice, are two questions')
    c = send(get('/', 'a.test', 'X-Note: ' + base64.b64encode(b'me:' + SECRET.encode()).decode()))
    id, text, said = asked()
    b.check(said['kind'] == 'known-secret' and SECRET[:8] not in text
            and base64.b64encode(b'me:' + SECRET.encode()).decode()[:12] not in text,
            'a known secret in an encoding is asked for, and not shown')
    head, got = decided(c, 'rejected')
    b.check(status(head) == 403 and not any(base64.b64encode(b'me:' + SECRET.encode()) in bytes(a) for a in arrived),
            'rejected: it stays')

    # --- a coded body: what it decodes to is asked for, what came goes on ---
    def coded(name, data, host='a.test'):
        return send(get('/up', host, 'Content-Encoding: ' + name, 'Content-Length: %d' % len(data), method='POST',
                        body=data), host)

    filler = b''.join(b'%d lines of text\n' % i for i in range(200000))
    for name, encode, around in (('gzip', gzip.compress, b'short '), ('deflate', zlib.compress, b'longer ' * 3000),
                                 ('gzip', gzip.compress, filler)):
        secret = token()
        data = encode(around + b'key=' + secret.encode() + b'\n' + around)
        c = coded(name, data)
        id, text, said = asked()
        what = 'a body in %s, of %d bytes' % (name, len(data))
        b.check(said['place'] == 'body' and 'key=[REDACTED:' in said['context'] and secret[4:16] not in text,
                what + ', is held')
        b.check(not any(data[-16:] in bytes(a) for a in arrived), '... its end has not arrived')
        head, got = decided(c, 'approved')
        b.check(status(head) == 200 and got == b'%d:' % len(data) + data, '... approved: it arrives as it came')
        c.send(post(secret.encode()))
        b.same((status(c.response()[0]), pending()), (200, []), '... and the value may go as it is')
    one, two = token(), token()
    data = gzip.compress(b'a=' + one.encode() + b'\nb=' + two.encode() + b'\n')
    c = coded('gzip', data)
    first = asked()[0]
    mcp.answer(queue, first, 'approved')
    wait_for(lambda: pending() and pending()[0] != first)
    head, got = decided(c, 'rejected', 'no')
    b.check(status(head) == 403 and b'rejected it: no' in got and not any(data[-16:] in bytes(a) for a in arrived),
            'two values in one are two questions; rejected, it does not arrive')
    c = coded('gzip', gzip.compress(b'{"s": "' + SECRET.encode() + b'"}'))
    head, got = c.response()
    b.check(status(head) == 403 and b'cannot be asked' in got and not pending(),
            'a known secret in one is refused, saying that nobody can be asked')
    c = coded('gzip', gzip.compress(token().encode() + b'\n' + filler)[:-3])
    b.same((status(decided(c, 'approved')[0])), 403, 'a yes to a body that turns out broken lets nothing go')

    # --- what changes meanwhile ---
    secret = token()
    c = send(get('/', 'a.test', 'X-Note: ' + secret))
    id = asked()[0]
    c.sock.close()
    mcp.answer(queue, id, 'approved')
    wait_for(lambda: not glob.glob(queue + '/*.proposal.json'))
    c = send(get('/', 'a.test', 'X-Note: ' + secret))
    b.same((status(c.response()[0]), pending()), (200, []), 'an approval counts though its client has gone')
    proxy.stop()
    proxy.start()
    c = send(get('/', 'a.test', 'X-Note: ' + secret))
    b.same((status(c.response()[0]), pending()), (200, []), 'and after a restart')
    with open(os.path.join(b.directory, 'permits'), 'rb') as f:
        b.check(secret.encode()[4:16] not in f.read(), 'for which no value is kept')
    secret = token()
    c = send(get('/', 'a.test', 'X-Note: ' + secret))
    id = asked()[0]
    proxy.stop()
    mcp.answer(queue, id, 'approved')
    proxy.start()
    c = send(get('/', 'a.test', 'X-Note: ' + secret))
    b.same(status(c.response()[0]), 200, 'an answer that came while nobody waited is found')
    secret = token()
    c = send(get('/', 'b.test', 'X-Note: ' + secret), 'b.test')
    asked()
    proxy.reload([r for r in routes if r['host'] != 'b.test'])
    head, body = decided(c, 'approved')
    b.check(status(head) == 403 and b'in no route' in body and not seen(secret),
            'a request whose route went away meanwhile is refused')
    proxy.reload(routes)

    # --- nobody answers; too many; not here ---
    c = send(get('/', 'block.test', 'X-Note: ' + token()), 'block.test')
    b.same((status(c.response()[0]), pending()), (403, []), 'a route that blocks does not ask')
    many = [send(get('/', 'a.test', 'X-Note: ' + token())) for _ in range(30)]
    wait_for(lambda: len(pending()) > 10)
    b.check(len(pending()) <= 20, 'a flood of values makes 20 questions at most')
    proxy.stop()
    late = os.path.join(b.directory, 'late')
    proxy = b.egress(routes, ['--queue', late, '--bottle', 'dev-x2'],
                     env={'BB_TEST_TOKEN': SECRET, 'EGRESS_TOKEN_ALLOW_TIMEOUT_SECONDS': '1'})
    many = [send(get('/', 'a.test', 'X-Note: ' + token())) for _ in range(30)]
    said = [c.response() for c in many]
    b.same({status(head) for head, _ in said}, {403}, 'without an answer all are refused')
    b.check(any(b'the operator has not answered within 1 seconds' in body for _, body in said), 'saying so')
    b.check(any(b'try again' in body for _, body in said), 'and those beyond 20 when to try again')
    b.same(pending(late), [], 'questions that nobody waits for are withdrawn')
    c = send(get('/', 'a.test'))
    b.same(status(c.response()[0]), 200, 'and the proxy goes on')
    b.check({'ask', 'permit', 'deny'} >= {x['action'] for x in proxy.lines('dlp')} - {'refuse'},
            'the log has what was asked')
    with open(proxy.log_file + '.err') as f:
        b.same((proxy.process.poll(), f.read()), (None, ''), 'nothing died and nothing complained')
    for bad in (['--queue', 'relative', '--bottle', 'a'], ['--queue', '/q'], ['--queue', '/q', '--bottle', 'A/B']):
        p = subprocess.run([EGRESS, '--routes', proxy.routes_file, '--listen', '127.0.0.1:0', '--state',
                            b.directory + '/s'] + bad,
                           capture_output=True)
        b.same(p.returncode, 100, 'refused: ' + ' '.join(bad))
