#!/usr/bin/python3
"""What a request carries is looked through before any of it leaves: checked at the origin's end."""
import base64
import gzip
import json
import os
import random
import subprocess
import sys
import urllib.parse
import zlib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib.wire import Bench, answer, get, wait_for  # noqa: E402

random.seed(7)
LETTERS = 'ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789'


def make(n):
    return ''.join(random.choice(LETTERS) for _ in range(n))


SECRET = make(28)                        # a credential of the proxy: known, of no published shape
CORP = make(30)                          # a variable of the host that no route uses
OTHER = make(30)                         # and one that is nobody's business
TOKEN = 'gh' + 'p_' + make(36)           # of a published shape: nobody told the proxy about it
arrived = []                             # every byte that came to the origin, by connection


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


def pieces(secret):
    return [secret[i:i + 12].encode() for i in range(0, len(secret) - 12)]


def tool(argv, data):
    return subprocess.run(argv, input=data, stdout=subprocess.PIPE, check=True).stdout


def seen(secret):
    """Has any connection of the origin seen a part of the secret?"""
    return any(p in bytes(a) for a in arrived for p in pieces(secret))


with Bench('what a request carries is looked through before any of it leaves') as b:
    origin = b.origin(record, 'a.test')
    hosts = {'ask.test': {}, 'block.test': {'outbound_on_match': 'block'},
             'redact.test': {'outbound_on_match': 'redact'},
             'off.test': {'outbound_detectors': False}, 'tokens.test': {'outbound_detectors': ['token_patterns']},
             'known.test': {'outbound_detectors': ['known_secrets']}}
    origin.context = b.certificate('a.test', 'auth.test', *hosts)
    routes = [b.route(h, origin, **({'dlp': d} if d else {})) for h, d in hosts.items()]
    routes.append(b.route('auth.test', origin, auth={'scheme': 'Bearer', 'token_env': 'BB_TEST_TOKEN'}))
    proxy = b.egress(routes, env={'BB_TEST_TOKEN': SECRET, 'BOT_BOTTLE_SENSITIVE_PREFIXES': 'NONE_,CORP_',
                                  'CORP_KEY': CORP,
                                  'OTHER_KEY': OTHER})

    def ask(host, *args, **more):
        c = b.tunnel(proxy, host)
        c.send(get(*args, **more) if args else more['raw'])
        return c, c.response()

    c, (head, body) = ask('ask.test', '/plain?q=1', 'ask.test', 'X-Note: nothing')
    b.check(head.startswith('HTTP/1.1 200 '), 'what holds nothing passes')

    # --- everywhere in a head ---
    for name, secret in (('a known secret', SECRET), ('a token', TOKEN)):
        places = {
            'path': ('path', get('/x/' + secret, 'ask.test')),
            'query': ('query', get('/x?a=1&t=' + secret + '&b=2', 'ask.test')),
            'header': ("header 'X-Note'", get('/', 'ask.test', 'X-Note: see ' + secret)),
            'name of a header': ('name of a header', get('/', 'ask.test', secret + ': 1')),
            'cookie': ("header 'Cookie'", get('/', 'ask.test', 'Cookie: a=' + secret)),
            'authorization': ("header 'Authorization'", get('/', 'ask.test', 'Authorization: Basic ' + base64.b64encode(
                b'me:' + secret.encode()).decode())),
            'base64 in the query': ('query', get('/x?t=' + base64.b64encode(secret.encode()).decode().replace('=', ''),
                                                 'ask.test')),
            'percent in the path': ('path', get('/' + ''.join('%%%02x' % ord(x) for x in secret), 'ask.test')),
        }
        for place, (said, request) in places.items():
            c, (head, body) = ask('ask.test', raw=request)
            b.check(head.startswith('HTTP/1.1 403 ') and said.encode() in body and secret.encode() not in body
                    and not seen(secret),
                    '%s in the %s does not leave' % (name, place))
            if not head.startswith('HTTP/1.1 403'):
                print('#', head.split('\r\n')[0], body[:200])
        c.send(get('/again', 'ask.test'))
        b.check(c.response()[0].startswith('HTTP/1.1 200 '), '... and the connection goes on')
    c, (head, body) = ask('ask.test', raw=get('/', 'ask.test', method=TOKEN[:30].replace('_', '-')))
    b.check(not head.startswith('HTTP/1.1 5'), 'a method is looked at')
    c, (head, body) = ask('ask.test', raw=get('/', 'ask.test', method=SECRET))
    b.check(head.startswith('HTTP/1.1 403 ') and b'method' in body and not seen(SECRET), 'nor in a method')
    c, (head, body) = ask('auth.test', '/', 'auth.test', 'X-Note: ' + SECRET)
    b.check(head.startswith('HTTP/1.1 403 '), 'nor to the host that it is for, other than as its credential')
    c, (head, body) = ask('auth.test', '/', 'auth.test')
    b.check(head.startswith('HTTP/1.1 200 ') and any(SECRET.encode() in a for a in arrived), 'which it gets')
    arrived.clear()

    # --- bodies ---
    secret = SECRET

    def post(host, body, *fields, chunks=None):
        if chunks is None:
            return get('/up', host, 'Content-Length: %d' % len(body), *fields, method='POST', body=body)
        framed = b''.join(b'%x\r\n%s\r\n' % (len(x), x) for x in chunks if x) + b'0\r\n\r\n'
        return get('/up', host, 'Transfer-Encoding: chunked', *fields, method='POST', body=framed)

    bodies = {
        'text': secret.encode(),
        'JSON': json.dumps({'a': [1, {'note': 'so ' + secret}]}).encode(),
        'a form': b'a=1&b=' + urllib.parse.quote('<' + secret + '>').encode(),
        'multipart': b'--x\r\nContent-Disposition: form-data; name="f"\r\n\r\n' + secret.encode() + b'\r\n--x--\r\n',
        'base64': base64.b64encode(b'padding' * 50 + secret.encode() + b'padding' * 50),
        'a large body': b'line of text\n' * 20000 + secret.encode() + b'line of text\n' * 20000,
        'the end of a large body': b'line of text\n' * 20000 + secret.encode(),
        'the last sixteen bytes': b'line of text\n' * 100 + secret[:16].encode(),
    }
    for name, body in bodies.items():
        for host in ('ask.test', 'block.test'):
            c, (head, said) = ask(host, raw=post(host, body))
            b.check(head.startswith('HTTP/1.1 403 ') and b'body' in said and not seen(secret),
                    'in %s, to %s' % (name, host))
    c, (head, said) = ask('ask.test', raw=post('ask.test', b'a' * 300000))
    b.check(head.startswith('HTTP/1.1 200 ') and said == b'300000:' + b'a' * 300000,
            'a body that holds nothing arrives whole')
    for at in range(1, len(secret)):
        text = b'see ' + secret.encode() + b' there'
        c, (head, said) = ask('ask.test', raw=post('ask.test', text, chunks=[text[:4 + at], text[4 + at:]]))
        if not head.startswith('HTTP/1.1 403 ') or seen(secret):
            b.check(False, 'cut at %d' % at)
    b.check(not seen(secret), 'in chunks, cut at every byte')
    c, (head, said) = ask('ask.test', raw=post('ask.test', secret.encode(),
                                               chunks=[bytes([x]) for x in secret.encode()]))
    b.check(head.startswith('HTTP/1.1 403 ') and not seen(secret), 'in chunks of one byte')

    # a sender that waits: the origin has the first part, and never a whole request
    c = b.tunnel(proxy, 'block.test')
    arrived.clear()
    c.send(get('/up', 'block.test', 'Content-Length: 100000', method='POST', body=b'beginning\n' * 5000))
    wait_for(lambda: any(b'beginning' in a for a in arrived))
    c.send(secret.encode()[:14])
    c.send(secret.encode()[14:] + b'\n' * 49972)
    head, said = c.response()
    b.check(head.startswith('HTTP/1.1 403 ') and not seen(secret) and all(len(a) < 60000 for a in arrived
                                                                          if b'beginning' in a),
            'a request that was begun is broken off')
    c.send(get('/next', 'block.test'))
    b.check(c.response()[0].startswith('HTTP/1.1 200 '), '... and the connection of the client goes on')
    c = b.tunnel(proxy, 'ask.test')
    c.send(get('/1', 'ask.test') + post('ask.test', secret.encode()) + get('/3', 'ask.test'))
    b.same([c.response()[0].split(' ')[1] for _ in range(3)], ['200', '403', '200'],
           'one of three requests sent at once')
    c = b.tunnel(proxy, 'ask.test')
    c.send(get('/', 'ask.test', 'Content-Length: %d' % len(secret), 'Expect: 100-continue', method='POST',
               body=secret.encode()))
    b.check(c.response()[0].startswith('HTTP/1.1 403 ') and not seen(secret), 'with Expect: 100-continue')

    # --- codings ---
    # neither half compresses, so that what was sent shows how far it got
    noise, more = (base64.b85encode(os.urandom(60000)) for _ in range(2))
    text = noise + b' see ' + secret.encode() + b' ' + more
    brotli = 'const z=require("zlib");process.stdout.write(z.brotliCompressSync(require("fs").readFileSync(0)))'
    packers = {'gzip': lambda x: gzip.compress(x, mtime=0), 'deflate': zlib.compress,
               'br': lambda x: tool(['node', '-e', brotli], x),
               'zstd': lambda x: tool(['zstd', '-q', '-c'], x),
               'gzip, zstd': lambda x: tool(['zstd', '-q', '-c'], gzip.compress(x, mtime=0))}
    # a block of zstd is decoded when it is whole: what came of it says something to whoever waits for no end
    packed = tool(['zstd', '-q', '-c'], secret.encode() + b' ' + noise)
    c = b.tunnel(proxy, 'ask.test')
    c.send(get('/up', 'ask.test', 'Content-Length: %d' % len(packed), 'Content-Encoding: zstd', 'X-Case: waits', method='POST'))
    c.send(packed[:-500])
    for _ in range(3):  # the front is through with what came before it
        ask('ask.test', '/meanwhile', 'ask.test')
    got = b''.join(bytes(a).split(b'\r\n\r\n', 1)[-1] for a in arrived if b'X-Case: waits' in bytes(a))
    b.same(len(got), 0, 'nothing of a block that is not whole is sent on')
    c.send(packed[-500:])
    b.check(c.response()[0].startswith('HTTP/1.1 403 '), '... which is refused when it is')
    large = b''.join(base64.b85encode(os.urandom(60000)) for _ in range(30))
    for coding, body in (('zstd', packers['zstd'](large)), ('gzip, zstd', packers['gzip, zstd'](large)),
                         ('zstd, zstd', packers['zstd'](packers['zstd'](large))), ('br', packers['br'](large))):
        c, (head, said) = ask('ask.test', raw=post('ask.test', body, 'Content-Encoding: ' + coding))
        b.check(head.startswith('HTTP/1.1 200 ') and said.split(b':', 1)[1] == body, 'a large body passes: ' + coding)
    for coding, pack in packers.items():
        field = 'Content-Encoding: ' + coding
        packed, harmless = pack(text), pack(noise)
        arrived.clear()
        c, (head, said) = ask('ask.test', raw=post('ask.test', packed, field, 'X-Case: found'))
        # only of this request: what was left of one before may still come
        got = b''.join(bytes(a).split(b'\r\n\r\n', 1)[-1] for a in arrived if b'X-Case: found' in bytes(a))
        b.check(head.startswith('HTTP/1.1 403 ') and b'known-secret' in said and len(got) < len(packed) // 2 + 2000,
                '%s: found, %d of %d bytes were sent on' % (coding, len(got), len(packed)))
        c, (head, said) = ask('ask.test', raw=post('ask.test', harmless, field))
        b.check(head.startswith('HTTP/1.1 200 ') and said.split(b':', 1)[1] == harmless,
                '... and what holds nothing arrives as it was')
        c, (head, said) = ask('ask.test', raw=post('ask.test', harmless[:-3], field))
        b.check(head.startswith('HTTP/1.1 403 '), '... a body that is cut short is refused')
        c, (head, said) = ask('redact.test', raw=post('redact.test', packed, field))
        b.check(head.startswith('HTTP/1.1 403 '), '... and one out of which something would have to be taken')
    c, (head, said) = ask('ask.test', raw=post('ask.test', b'xxx', 'Content-Encoding: compress'))
    b.check(head.startswith('HTTP/1.1 403 ') and b"'compress'" in said, 'a coding that cannot be taken off is refused')
    c, (head, said) = ask('off.test', raw=post('off.test', b'xxx', 'Content-Encoding: compress'))
    b.check(head.startswith('HTTP/1.1 200 '), '... unless nothing is looked for')
    c, (head, said) = ask('ask.test', raw=post('ask.test', gzip.compress(bytes(100 << 20), 1),
                                               'Content-Encoding: gzip'))
    b.check(head.startswith('HTTP/1.1 403 ') and b'cannot be looked through' in said, 'a bomb is refused')

    # --- redacted ---
    arrived.clear()
    c, (head, said) = ask('redact.test', '/x?t=' + TOKEN + '&u=1', 'redact.test', 'X-Note: a ' + secret + ' b')
    got = wait_for(lambda: [bytes(a) for a in arrived if b'X-Note: a [' in bytes(a)]) or [b'']
    got = got[0]
    b.check(head.startswith('HTTP/1.1 200 ') and b'X-Note: a [REDACTED:known-secret] b\r\n' in got and
            b'/x?t=%5BREDACTED:github-pat%5D&u=1 ' in got and not seen(secret) and not seen(TOKEN),
            'redacted in a header and the query')
    body = b'{"a": "' + secret.encode() + b'", "b": "' + TOKEN.encode() + b'"}'
    want = b'{"a": "[REDACTED:known-secret]", "b": "[REDACTED:github-pat]"}'
    c, (head, said) = ask('redact.test', raw=post('redact.test', body))
    b.same(said, b'%d:' % len(want) + want, 'redacted in a body, with its length')
    b.check(any(b'Content-Length: %d\r\n' % len(want) in bytes(a) for a in arrived), '... as the origin is told')
    c, (head, said) = ask('redact.test', raw=post('redact.test', body, chunks=[bytes([x]) for x in body]))
    b.same(said, b'%d:' % len(want) + want, 'redacted in a body of chunks')
    large = b'line of text\n' * 150000
    c, (head, said) = ask('redact.test', raw=post('redact.test', large + body + large))
    b.check(said == b'%d:' % (2 * len(large) + len(want)) + large + want + large and not seen(secret)
            and not seen(TOKEN),
            'redacted in a body of 4 MB')
    c, (head, said) = ask('redact.test', '/x/' + secret, 'redact.test')
    b.check(head.startswith('HTTP/1.1 403 ') and not seen(secret), 'a path is not redacted but refused')

    for text, status in ((CORP, '403'), (OTHER, '200')):
        c, (head, said) = ask('ask.test', '/', 'ask.test', 'X-Note: ' + text)
        b.same(head.split(' ')[1], status, 'variables of the host by the prefixes of their names: ' + status)

    # --- switched off ---
    arrived.clear()
    for host, leaves in (('off.test', (True, True)), ('tokens.test', (True, False)), ('known.test', (False, True))):
        for text, may in zip((SECRET, TOKEN), leaves):
            c, (head, said) = ask(host, '/', host, 'X-Note: ' + text)
            b.same(head.split(' ')[1], '200' if may else '403',
                   '%s %s' % (host, 'lets it pass' if may else 'refuses it'))

    # --- what is said about it ---
    lines = proxy.lines('dlp')
    b.check(any(x['kind'] == 'github-pat' and x['place'] == 'path' and x['action'] == 'refuse' for x in lines) and any(
        x['kind'] == 'known-secret' and x['place'] == "header 'X-Note'" and x['action'] == 'redact' for x in lines),
        'the log has kind and place')
    with open(proxy.log_file) as f:
        log = f.read()
    b.check(not any(p.decode() in log for s in (SECRET, TOKEN) for p in pieces(s)),
            'and never a value, in no path, host or reason')
    b.same((proxy.process.poll(), open(proxy.log_file + '.err').read()), (None, ''),
           'nothing died and nothing complained')
