#!/usr/bin/python3
"""What an origin sends back of a credential is masked, in every spelling, place, coding and split."""
import base64
import binascii
import gzip
import html
import json
import os
import quopri
import re
import socket
import subprocess
import sys
import threading
import urllib.parse
import zlib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib.wire import Bench, get, wait_for  # noqa: E402

TOKEN = 'tk-' + 'Zm9yIG5vb25l/else+0.%7'
USER = 'some one'
asked = []
sse = threading.Event()


def spellings(word):
    raw = word.encode()
    found = {
        'raw': raw, 'upper case': raw.upper(), 'reversed': raw[::-1],
        'percent': urllib.parse.quote(word, '').encode(),
        'percent twice': urllib.parse.quote(urllib.parse.quote(word, ''), '').encode(),
        'percent of all': b''.join(b'%%%02x' % c for c in raw),
        'JSON': json.dumps(word).replace('/', '\\/').encode(), 'JSON escapes': b''.join(b'\\u%04x' % c for c in raw),
        'JSON in JSON': json.dumps(json.dumps('<' + word + '>').replace('/', '\\u002f')).encode(),
        'HTML': html.escape(word).encode(), 'HTML decimal': b''.join(b'&#%d;' % c for c in raw),
        'HTML hexadecimal': b''.join(b'&#x%X;' % c for c in raw),
        'quoted-printable': quopri.encodestring(raw * 5), 'hex': binascii.hexlify(raw),
        'HEX': binascii.hexlify(raw).upper(),
        'hex with colons': binascii.hexlify(raw, ':'), 'hex in C': b', '.join(b'0x%02x' % c for c in raw),
        'UTF-16': word.encode('utf-16'), 'UTF-16 big end': word.encode('utf-16-be'), 'base32': base64.b32encode(raw),
        'base64url': base64.urlsafe_b64encode(raw), 'base64 reversed': base64.b64encode(raw)[::-1],
        'base64 in lines': base64.encodebytes(raw * 4),
    }
    for n in range(3):
        found['base64 behind %d' % n] = base64.b64encode(b'\xff\xfe'[:n] + raw + b'.')
        found['base64 of JSON behind %d' % n] = base64.b64encode(b'x' * n + json.dumps({'t': word}).encode())
    for n in range(5):
        found['base32 behind %d' % n] = base64.b32encode(b'y' * n + raw)
    return found


def remains(word, text):
    """Any form of the word, or six characters of one, in what came."""
    flat = text.replace(b'\r', b'').replace(b'\n', b'').lower()
    for name, form in spellings(word).items():
        form = form.lower().replace(b'\r', b'').replace(b'\n', b'')
        size = 60 if form.startswith((b'&#', b'\\u',
                                      b'%')) or name == 'hex in C' else 20  # bytes that are a few characters
        for i in range(0, len(form) - size):
            if form[i:i + size] in flat and b'*' not in form[i:i + size] and len(set(form[i:i + size])) > 4:
                return name + ': ' + repr(form[i:i + size])
    return None


def coded(name, body):
    if name == 'gzip':
        return gzip.compress(body)
    if name == 'deflate':
        return zlib.compress(body)
    if name == 'raw':
        return zlib.compress(body)[2:-4]
    if name == 'zstd':
        return subprocess.run(['zstd', '-qc'], input=body, stdout=subprocess.PIPE, check=True).stdout
    if name == 'br':
        script = 'const z=require("zlib");process.stdout.write(z.brotliCompressSync(require("fs").readFileSync(0)))'
        return subprocess.run(['node', '-e', script], input=body, stdout=subprocess.PIPE, check=True).stdout
    return body


bodies = {}  # by path: (fields, body, bytes of a chunk or 0)


def serve(c):
    c.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while True:
        try:
            head = c.head()
        except EOFError:
            return
        asked.append(head)
        path = head.split(' ')[1]
        if path == '/sse':
            z = zlib.compressobj(9, zlib.DEFLATED, 31)
            c.send(b'HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n')
            for i in range(3):
                data = z.compress(b'data: %d\n\n' % i) + z.flush(zlib.Z_SYNC_FLUSH)
                c.send(b'%x\r\n%s\r\n' % (len(data), data))
                sse.wait(20)
                sse.clear()
            data = z.flush()
            c.send(b'%x\r\n%s\r\n0\r\n\r\n' % (len(data), data))
            continue
        fields, body, step = bodies[path]
        status = b'206 Partial Content' if path == '/part' else b'200 OK'
        lines = [b'HTTP/1.1 ' + status] + fields + [b'Transfer-Encoding: chunked' if step else b'Content-Length: %d' %
                                                    len(body)]
        c.send(b'\r\n'.join(lines) + b'\r\n\r\n')
        if head.startswith('HEAD'):
            continue
        if not step:
            c.send(body)
            continue
        for i in range(0, len(body), step):
            c.send(b'%x\r\n%s\r\n' % (len(body[i:i + step]), body[i:i + step]))
        c.send(b'0\r\n\r\n')


with Bench('what an origin sends back of a credential is masked, in every spelling, place, coding and split') as b:
    origin = b.origin(serve, 'a.test')
    proxy = b.egress([b.route('a.test', origin, auth={'scheme': 'basic', 'user': USER, 'token_env': 'T'}),
                      b.route('b.test', b.origin(serve, 'b.test'), dlp={'inbound_detectors': False})], env={'T': TOKEN})
    c = b.tunnel(proxy, 'a.test')
    pair = base64.b64encode((USER + ':' + TOKEN).encode()).decode()

    def ask(path, *fields, method='GET'):
        c.send(get(path, 'a.test', *fields, method=method))
        return c.response(bodyless=method == 'HEAD')

    # every spelling, of the token and of what the basic scheme makes of it, in bodies of every split and in heads
    for what, word in (('the token', TOKEN), ('the pair in base64', pair)):
        for name, form in spellings(word).items():
            failed = []
            for step in (0, 1, 3, 50):
                bodies['/x'] = ([], b'before <' + form + b'> after ' + form, step)
                head, body = ask('/x')
                left = remains(word, body)
                if left or len(body) != len(bodies['/x'][1]) or not body.startswith(b'before') or b'> after ' not in body:
                    failed.append((step, left, body))
            if b'\n' not in form and b'\0' not in form:
                bodies['/x'] = ([b'X-Echo: a' + form + b'b', b'Location: /?t=' + form, b'Set-Cookie: t=' + form], b'',
                                0)
                head, body = ask('/x')
                if remains(word, head.encode('latin-1')) or head.count('\r\n') != 6:
                    failed.append(('head', head))
            b.same(failed, [], '%s, %s' % (what, name))

    # inside of content codings, asked for or not
    text = b''.join(b'{"line": %d, "auth": "%s"}\n' % (i, pair.encode()) for i in range(4000))
    for name in ('gzip', 'deflate', 'raw', 'br', 'zstd'):
        for step in (0, 1 << 14, 13):
            bodies['/c'] = ([b'Content-Encoding: ' + (b'deflate' if name == 'raw' else name.encode()), b'ETag: "one"',
                             b'Content-Digest: sha-256=:00=:', b'Accept-Ranges: bytes'], coded(name, text), step)
            head, body = ask('/c', 'Accept-Encoding: gzip;q=1.0, compress, br;q=0.5, zstd;q=0, deflate')
            # where the decoder's pieces end, a few characters may have passed
            masked = re.sub(rb'"([A-Za-z0-9+/]{0,3})(\*+)"', lambda m: b'"' + b'*' * len(m.group(0)[1:-1]) + b'"', body)
            good = masked == text.replace(pair.encode(), b'*' * len(pair)) and 'ncoding: chunked' in head
            b.check(good and 'Content-Encoding' not in head and 'igest' not in head and 'Ranges' not in head
                    and 'W/"one"' in head,
                    '%s in pieces of %d comes decoded, masked, and with a head that says so' % (name, step))
    b.like(asked[-1], '\r\nAccept-Encoding: gzip, br, deflate\r\n',
           'the origin is asked for what can be decoded of what the client takes')
    head, body = ask('/c', 'Accept-Encoding: gzip', method='HEAD')
    b.check('Content-Encoding' not in head and 'Content-Length' not in head, 'HEAD has the same fields')
    b.like(asked[-1], '\r\nAccept-Encoding: gzip\r\n', 'and asks alike')
    bodies['/n'] = ([], b'plain', 0)
    ask('/n')
    b.like(asked[-1], '\r\nAccept-Encoding: identity\r\n', 'a client that asks for no coding gets none')
    ask('/n', 'Accept-Encoding: gzip', 'Range: bytes=3-')
    b.like(asked[-1], '\r\nAccept-Encoding: identity\r\n', 'nor does one that asks for a part')

    # large: more decoded than the window, from little
    big = b'0123456789abcdef' * 400000
    bodies['/big'] = ([b'Content-Encoding: gzip'], coded('gzip', big), 0)
    b.check(ask('/big', 'Accept-Encoding: gzip')[1] == big, '6 MB from 20 KB come whole')

    # a stream that is flushed keeps its timing
    c.send(get('/sse', 'a.test', 'Accept-Encoding: gzip'))
    c.head()
    for i in range(3):
        got = c.until(b'data: %d\n\n' % i)
        sse.set()
    c.until(b'0\r\n\r\n')
    b.check(True, 'events in gzip come one by one')

    # what cannot be looked into
    bodies['/u'] = ([b'Content-Encoding: compress'], b'x', 0)
    head, body = ask('/u')
    b.same((head[9:12], b"'compress'" in body), ('502', True), 'an unknown coding is refused by name')
    c = b.tunnel(proxy, 'a.test')
    bodies['/part'] = ([b'Content-Encoding: gzip', b'Content-Range: bytes 0-9/90'], coded('gzip', text)[:10], 0)
    b.same(ask('/part')[0][9:12], '502', 'a part of a coded body is refused')
    c = b.tunnel(proxy, 'a.test')
    bodies['/e'] = ([b'Content-Encoding: gzip'], b'', 0)
    b.same(ask('/e')[1], b'', 'no bytes are no bytes')
    for name, body in (('cut', coded('gzip', text)[:-1]), ('followed', coded('gzip', text) + b'x'), ('other', text)):
        c = b.tunnel(proxy, 'a.test')
        bodies['/bad'] = ([b'Content-Encoding: gzip'], body, 0)
        c.send(get('/bad', 'a.test'))
        c.head()
        try:
            c.until(b'\r\n0\r\n\r\n')
            whole = True
        except Exception:
            whole = False
        b.check(not whole, 'a coded body that is %s breaks off' % name)
    b.check(wait_for(lambda: 'malformed gzip data' in proxy.lines()[-1].get('reason', '')), 'and the log says why')

    # other routes: as it was sent
    c = b.tunnel(proxy, 'b.test')
    bodies['/c'] = ([b'Content-Encoding: gzip', b'ETag: "one"'], coded('gzip', text), 0)
    c.send(get('/c', 'b.test', 'Accept-Encoding: gzip, compress'))
    head, body = c.response()
    b.check(body == bodies['/c'][1] and 'ETag: "one"' in head,
            'a route on which nobody looks passes coded bodies as they are')
    b.like(asked[-1], '\r\nAccept-Encoding: gzip, compress\r\n', 'and what the client accepts')
