#!/usr/bin/python3
"""Real clients of the proxy alone: resumed and chunked downloads, a large clone, scoped packages, a WebSocket, some that know HTTP/2 alone."""
import base64
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tarfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib.wire import Bench, answer, wait_for  # noqa: E402

# preface, settings, a ping, the begin of a request
PRIOR_KNOWLEDGE = (b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' + b'\0\0\0\4\0\0\0\0\0' + b'\0\0\x08\6\0\0\0\0\0' + b'12345678' +
                   b'\0\0\1\1\5\0\0\0\3' + b'\x82')
GRPC = '''
import grpc, sys
try:
    grpc.secure_channel('files.test:443', grpc.ssl_channel_credentials(open(sys.argv[1], 'rb').read())).unary_unary('/x/y')(b'', timeout=30)
except grpc.RpcError as e:
    print(e.code(), e.details())
'''
ECHO = '''
import sys, websocket
w = websocket.create_connection('wss://files.test/echo', timeout=30, sslopt={'ca_certs': sys.argv[1]})
w.send('hello')
print(w.recv())
w.close()
'''
DATA = os.urandom(5 << 20)
MEGABYTES = 100
seen = []


def package():
    """A package of npm that says where it was."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode='w:gz') as t:
        for name, text in (('package.json', '{"name":"@scope/name","version":"1.2.3","main":"index.js"}'),
                           ('index.js', 'module.exports = 7\n')):
            info = tarfile.TarInfo('package/' + name)
            info.size = len(text)
            t.addfile(info, io.BytesIO(text.encode()))
    return out.getvalue()


TARBALL = package()
DOCUMENT = json.dumps({'name': '@scope/name', 'dist-tags': {'latest': '1.2.3'}, 'versions': {'1.2.3': {
    'name': '@scope/name', 'version': '1.2.3', 'dist': {
        'tarball': 'https://npm.test/@scope/name/-/name-1.2.3.tgz',
        'integrity': 'sha512-' + base64.b64encode(hashlib.sha512(TARBALL).digest()).decode()}}}}).encode()


def serve(c):
    while True:
        head = c.head()
        seen.append(head)
        path = head.split(' ')[1]
        ranges = [line for line in head.split('\r\n') if line.lower().startswith('range: bytes=')]
        if path == '/cut' and not ranges:
            c.send(b'HTTP/1.1 200 OK\r\nAccept-Ranges: bytes\r\nContent-Length: %d\r\n\r\n' % len(DATA) +
                   DATA[:2000000])
            return
        if path in ('/cut', '/whole') and ranges:
            first, last = ranges[0].split('=')[1].split('-')
            part = DATA[int(first):int(last) + 1 if last else len(DATA)]
            c.send(answer(part, 'Content-Range: bytes %s-%d/%d' % (first, int(first) + len(part) - 1, len(DATA)),
                          status='206 Partial Content'))
        elif path == '/chunked':
            c.send(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
            for i in range(0, len(DATA), 9999):
                c.send(b'%x\r\n%s\r\n' % (len(DATA[i:i + 9999]), DATA[i:i + 9999]))
            c.send(b'0\r\n\r\n')
        elif path == '/echo':
            key = re.search(r'(?i)\r\nsec-websocket-key: (\S+)', head).group(1)
            accept = base64.b64encode(hashlib.sha1((key + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').encode()).digest()).decode()
            c.send(('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n' % accept).encode())
            while True:
                opcode, length = c.exactly(2)
                mask = c.exactly(4)
                c.send(bytes([opcode, length & 127]) +
                       bytes(x ^ mask[i % 4] for i, x in enumerate(c.exactly(length & 127))))
                if opcode & 15 == 8:
                    return
        elif path.lower().startswith('/@scope%2fname'):
            c.send(answer(DOCUMENT, 'Content-Type: application/json'))
        elif path == '/@scope/name/-/name-1.2.3.tgz':
            c.send(answer(TARBALL))
        else:
            c.send(answer(b'not found', status='404 Not Found'))


with Bench('real clients of the proxy alone') as b:
    origin = b.origin(serve, 'npm.test')
    origin.context = b.certificate('npm.test', 'files.test')
    home = os.path.join(b.directory, 'home')
    os.makedirs(home)
    base = {'HOME': home, 'PATH': os.environ['PATH'], 'GIT_CONFIG_NOSYSTEM': '1', 'LC_ALL': 'C',
            'GIT_AUTHOR_NAME': 'n', 'GIT_AUTHOR_EMAIL': 'e', 'GIT_COMMITTER_NAME': 'n', 'GIT_COMMITTER_EMAIL': 'e'}

    # a large repository, and git's own server of it
    def quiet(*argv, cwd=home):
        subprocess.run(argv, check=True, cwd=cwd, env=base, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    quiet('git', 'init', '-q', 'large')
    large = os.path.join(home, 'large')
    for key, value in (('core.compression', '0'), ('core.bigFileThreshold', '1m'), ('pack.compression', '0')):
        quiet('git', 'config', key, value, cwd=large)
    with open(os.path.join(large, 'data'), 'wb') as f:
        for _ in range(MEGABYTES):
            f.write(os.urandom(1 << 20))
    quiet('git', 'add', '.', cwd=large)
    quiet('git', 'commit', '-q', '-m', 'large', cwd=large)
    quiet('git', 'clone', '-q', '--bare', 'large', 'large.git')
    b.certificate('git.test')
    cert = os.path.join(b.directory, 'cert-git.test-30-True')
    here = os.path.dirname(os.path.abspath(__file__))
    server = subprocess.Popen([sys.executable, os.path.join(here, 'lib', 'githttp.py'), '--cert', cert + '.pem',
                               '--key', cert + '.key',
                               '--root', home, '--record', os.path.join(b.directory, 'fetched')],
                               stdout=subprocess.PIPE, text=True, env=base)
    port = int(server.stdout.readline())

    proxy = b.egress([b.route('files.test', origin), b.route('npm.test', origin, matches=[
                         {'paths': [{'value': '/@scope%2fname'}, {'value': '/@scope/name'}], 'methods': ['GET']}]),
                      {'host': 'git.test', 'git': {'fetch': True}, 'upstream': {'connect': '127.0.0.1:%d' % port,
                                                                                'ca_file': b.authority()}}])
    variables = subprocess.run(['bb-egress', 'env', '--state', proxy.state], capture_output=True, text=True).stdout
    env = dict(base, **dict(line[len('export '):].replace("'", '').split('=', 1) for line in variables.splitlines()))

    def run(*argv):
        done = subprocess.run(argv, cwd=home, env=env, capture_output=True, timeout=120)
        return done.returncode, done.stdout + done.stderr

    def same(name, want, what):
        path = os.path.join(home, name)
        b.check(os.path.exists(path) and open(path, 'rb').read() == want, what)

    # curl
    status, said = run('curl', '-sS', '-o', 'cut', 'https://files.test/cut')
    b.check(status in (18, 56), 'a download that breaks off breaks off for curl: %d' % status)
    have = os.path.getsize(os.path.join(home, 'cut'))
    b.same(run('curl', '-sS', '-C', '-', '-o', 'cut', 'https://files.test/cut')[0], 0, 'curl -C - resumes it')
    same('cut', DATA, '... to the whole')
    b.like(seen[-1].lower(), 'range: bytes=%d-\r\n' % have, '... from where it was')
    b.same(run('curl', '-sS', '-r', '1000-1999', '-o', 'range', 'https://files.test/whole')[0], 0, 'curl with a range')
    same('range', DATA[1000:2000], '... gets it')
    b.same(run('curl', '-sS', '-o', 'chunked', 'https://files.test/chunked')[0], 0, 'a chunked download')
    same('chunked', DATA, '... is whole')

    # a client that knows HTTP/2 alone
    status, said = run('curl', '-sS', '--http2', '-r', '0-9', '-o', 'both', 'https://files.test/whole')
    b.same(status, 0, 'a client that would like HTTP/2 gets HTTP/1.1')
    tls = b.connect(proxy, 'files.test:443')
    proxy.trust.set_alpn_protocols(['h2'])
    tls.sock = proxy.trust.wrap_socket(tls.sock, server_hostname='files.test')
    for piece in (PRIOR_KNOWLEDGE[:20], PRIOR_KNOWLEDGE[20:30], PRIOR_KNOWLEDGE[30:]):
        tls.send(piece)
    b.same(tls.exactly(9), b'\0\0\0\4\0\0\0\0\0', 'one that knows nothing else is answered in it')
    length = int.from_bytes(tls.exactly(3), 'big')
    b.same(tls.exactly(6), b'\1\5\0\0\0\3', '... on the stream of its request')
    fields = tls.exactly(length)
    b.check(b'\7:status\x03505' in fields and b'use HTTP/1.1' in fields, '... with 505, and in words')
    length = int.from_bytes(tls.exactly(3), 'big')
    b.same(tls.exactly(6), b'\7\0\0\0\0\0', '... and with the end of the connection')
    payload = tls.exactly(length)
    b.same(payload[:8], b'\0\0\0\3\0\0\0\x0d', '... with the error HTTP_1_1_REQUIRED')
    b.check(b'use HTTP/1.1' in payload and tls.ended(), '... and in words')
    b.check(wait_for(lambda: any(x['rule'] == 'http2' for x in proxy.lines('refuse'))), '... which the log has, too')

    status, said = run('/usr/bin/python3', '-c', GRPC, os.path.join(proxy.state, 'ca.pem'))
    b.check(status == 0 and said == b'StatusCode.UNIMPLEMENTED HTTP/2 is not served here; use HTTP/1.1\n', 'a client of gRPC is told in words') or print('#', status, said.decode())
    c = b.connect(proxy, 'files.test:443')
    c.send(PRIOR_KNOWLEDGE)
    b.like(c.rest().decode(), 'only TLS may follow', 'one that begins with HTTP/2 without TLS is told, too')
    c = b.tunnel(proxy, 'files.test')
    c.send(PRIOR_KNOWLEDGE)
    b.like(c.rest().decode('latin-1'), 'use HTTP/1.1', '... and one that does so inside TLS without asking')
    b.same([x for x in seen if 'HTTP/2' in x or 'PRI' in x], [], '... and nothing of it reaches an origin')
    c = b.tunnel(proxy, 'files.test')
    try:
        c.send(PRIOR_KNOWLEDGE[:33] + b'\0\xff\xff\0\0\0\0\0\1' * 40000)
        c.send(bytes(4 << 20))
        c.rest()
        ended = True
    except OSError as e:
        ended = not isinstance(e, TimeoutError)
    b.check(ended, 'one that sends frames without end, and no request, comes to its end')

    # a client of WebSocket
    status, said = run('/usr/bin/python3', '-c', ECHO, os.path.join(proxy.state, 'ca.pem'))
    b.same((status, said), (0, b'hello\n'), 'a client of WebSocket has its answer')

    # npm
    with open(os.path.join(home, '.npmrc'), 'w') as f:
        f.write('@scope:registry=https://npm.test/\nfund=false\naudit=false\nfetch-retries=0\nupdate-notifier=false\n')
    with open(os.path.join(home, 'package.json'), 'w') as f:
        f.write('{"name":"x","version":"1.0.0"}')
    env['NPM_CONFIG_GLOBALCONFIG'] = os.path.join(home, 'none')  # this machine may have its own mind about certificates
    status, said = run('npm', 'install', '@scope/name')
    b.check(status == 0, 'npm installs a scoped package') or print('#', said.decode())
    b.check(any(x.lower().startswith('get /@scope%2fname ') for x in seen), '... whose name it asks for with %2f')
    same('node_modules/@scope/name/index.js', b'module.exports = 7\n', '... and has it')

    # git
    status, said = run('git', 'clone', '-q', 'https://git.test/large.git', 'cloned')
    b.check(status == 0, 'git clones %d MB' % MEGABYTES) or print('#', said.decode())
    b.same(subprocess.run(['cmp', os.path.join(large, 'data'), os.path.join(home, 'cloned', 'data')]).returncode, 0,
           '... all of it')
    server.terminate()
    server.wait()
