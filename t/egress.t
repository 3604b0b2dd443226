#!/usr/bin/python3
"""bb-egress as a program: options, credentials, introspection, reload, log."""
import json
import os
import re
import signal
import socket
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib.wire import EGRESS, LIMIT, Bench, answer, get, wait_for  # noqa: E402

TOKEN = 'a-token-that-nobody-else-has'
seen = []


def serve(c):
    while True:
        try:
            head = c.head()
        except EOFError:
            return
        seen.append(head)
        if head.startswith('GET /reflect'):
            word = re.search('(?:Bearer|Basic) (.*)\r', head).group(1)
            first, second = word[:9], word[9:]
            c.send(('HTTP/1.1 200 OK\r\nX-Echo: <%s>\r\nTransfer-Encoding: chunked\r\n\r\n' % word).encode())
            for piece in ('once ' + word + ' ', first, second + word + first[:5], ' ' + first, second[:-1] + '!',
                          'end ' + first):
                c.send(b'%x\r\n%s\r\n' % (len(piece), piece.encode()))
            c.send(b'0\r\n\r\n')
            continue
        c.send(answer(b'\x1b[31mred\n', 'X-Api-Key: from-the-origin'))


def netstring(text):
    return b'%d:%s,' % (len(text), text)


with Bench('bb-egress as a program: options, credentials, introspection, reload, log') as b:
    def start(*argv, **more):
        """Run to its end: status and what it said."""
        done = subprocess.run([EGRESS] + list(argv), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=LIMIT,
                              cwd=b.directory, **more)
        return done.returncode, done.stderr.strip()

    def refused(status, part, name, *argv, **more):
        got = start(*argv, **more)
        b.check(got[0] == status and part in got[1] and got[1].count('\n') <= 1, name)
        print('# %d: %s' % got)

    origin = b.origin(serve, 'a.test')
    routes = os.path.join(b.directory, 'r.yaml')
    with open(routes, 'w') as f:
        f.write('routes: []\n')
    state = os.path.join(b.directory, 'state')
    fine = ['--routes', routes, '--listen', '127.0.0.1:0', '--state', state]

    # options
    b.same(start('--help')[0], 0, '--help')
    refused(100, '--routes', 'no routes file', '--listen', '127.0.0.1:0', '--state', state)
    refused(100, '--listen', 'nowhere to listen', '--routes', routes, '--state', state)
    refused(100, '--state', 'nowhere to keep the authority', '--routes', routes, '--listen', '127.0.0.1:0')
    refused(100, 'exclude', 'two places for it', *fine, '--ca-store', '0')
    refused(100, 'operand', 'an operand', *fine, 'x')
    for bad in ('127.0.0.1', 'localhost:80', '127.0.0.1:65536', '127.0.0.1:x', '::1:80', '[::1]:', ':80', '1.2.3:80',
                '[::1:80'):
        refused(100, bad, 'an address that is none: ' + bad, '--routes', routes, '--state', state, '--listen', bad)
    taken = socket.create_server(('127.0.0.1', 0))
    refused(100, 'in use', 'an address in use', '--routes', routes, '--state', state, '--listen',
            '127.0.0.1:%d' % taken.getsockname()[1])
    refused(100, 'descriptor', 'a listener that is not open', *fine, '--listener', '77')
    refused(100, 'not a listening socket', 'a listener that does not listen', *fine, '--listener', '0')
    refused(100, 'loud', 'an unknown level', *fine, '--log-level', 'loud')
    for bad in ('0', '17', '-1', 'x'):
        refused(100, 'workers', 'a number of workers that is none: ' + bad, *fine, '--workers', bad)
    refused(100, 'listeners', 'too many listeners', *(fine + ['--listen', '127.0.0.1:0'] * 8))
    refused(111, 'No such file', 'no routes file there', '--routes', 'nothing', '--listen', '127.0.0.1:0', '--state',
            state)
    refused(111, 'nothing', 'nothing to trust there', *fine, '--trust', os.path.join(b.directory, 'nothing'))
    refused(100, 'people', 'a role is not for people', 'front')
    refused(111, 'running', 'env without a running proxy', 'env', '--state', b.directory)
    refused(100, '--state', 'env without a directory', 'env')
    for text, part in (('routes:\n  - hosst: a.test\n', 'hosst'), ('routes:\n  - host: "a b"\n', 'r.yaml:2'),
                       ('', 'r.yaml'),
                       ('routes:\n  - host: a.test\n    auth: {scheme: Bearer, token_ref: x}\n', 'token_ref')):
        with open(routes, 'w') as f:
            f.write(text)
        refused(100, part, 'routes that are none: %r' % text, *fine)
    with open(routes, 'w') as f:
        f.write('routes: [{host: "*.s3.amazonaws.com"}]\n')
    refused(100, 'anybody', 'a wildcard over the hosts of strangers', *fine)
    with open(routes, 'w') as f:
        f.write('routes: [{host: a.test, auth: {scheme: Bearer, token_env: NOT_SET}}]\n')
    refused(100, 'NOT_SET', 'a credential that is not set', *fine)
    with open(routes, 'w') as f:
        f.write('routes: [{host: a.test, upstream: {connect: "127.0.0.1:1", ca_file: %s}}]\n' % routes)
    refused(100, 'no certificate', 'a ca_file without a certificate', *fine)
    with open(routes, 'w') as f:
        f.write('routes: [{host: a.test, upstream: {connect: "127.0.0.1:1", ca_file: %s/none}}]\n' % b.directory)
    refused(100, 'No such file', 'a ca_file that is not there', *fine)
    with open(routes, 'w') as f:
        f.write('routes: []\n')
    os.makedirs(state, exist_ok=True)
    with open(os.path.join(state, 'ca.key'), 'w') as f:
        f.write('not a key\n')
    refused(111, 'authority', 'a store that is none', *fine)
    os.unlink(os.path.join(state, 'ca.key'))

    # credentials, in every form, and what else is in the log
    auth = [
        ('bearer', {'scheme': 'Bearer', 'token_env': 'BB_T'}, 'authorization: Bearer ' + TOKEN),
        ('token', {'scheme': 'token', 'token_env': 'BB_T'}, 'authorization: token ' + TOKEN),
        ('header', {'header': 'X-Api-Key', 'token_env': 'BB_T'}, 'x-api-key: ' + TOKEN),
        ('basic', {'scheme': 'basic', 'user': 'me', 'token_env': 'BB_T'},
         'authorization: Basic bWU6YS10b2tlbi10aGF0LW5vYm9keS1lbHNlLWhhcw=='),
    ]
    table = [b.route(n + '.test', origin, auth=a) for n, a, _ in auth]
    for r in table:
        r['upstream'] = {'connect': '127.0.0.1:%d' % origin.port, 'ca_file': b.authority()}
    origin.context = b.certificate(*[n + '.test' for n in ('bearer', 'token', 'header', 'basic', 'empty', 'newline',
                                                           'open', 'none', 'slot')])
    table.append(b.route('empty.test', origin, auth={'scheme': 'Bearer', 'token_env': 'BB_EMPTY'}))
    table.append(b.route('newline.test', origin, auth={'scheme': 'Bearer', 'token_env': 'BB_NEWLINE'}))
    table.append(b.route('open.test', origin, matches=[{'paths': [{'value': '/api'}], 'methods': ['GET']}]))
    env = {'BB_T': TOKEN + '\n', 'BB_EMPTY': '', 'BB_NEWLINE': 'x\r\nX-Evil: 1'}
    proxy = b.egress(table, args=['--log-level', 'full'], env=env)

    def ask(host, path='/', *fields, **more):
        c = b.tunnel(proxy, host)
        c.send(get(path, host, *fields, **more))
        return c.response()

    for name, _, want in auth:
        head, body = ask(name + '.test', '/', 'Authorization: Bearer placeholder', 'X-Api-Key: mine' if name == 'header'
                         else 'X-A: 1')
        b.like(head, ' 200 ', 'a route with %s is served' % name)
        b.like(seen[-1].lower(), want.lower(), '... and the origin gets the credential')
        b.check('placeholder' not in seen[-1] and 'mine' not in seen[-1], '... instead of what the client sent')
    count = len(seen)
    head, body = ask('empty.test')
    b.check(' 403 ' in head and b'empty' in body, 'an empty credential is 403')
    head, body = ask('newline.test')
    b.check(' 403 ' in head and b'Evil' not in body, 'one that would be two header lines is 403')
    head, body = ask('bearer.test', '/', 'X-Api-Key: attackers-own')
    b.check(' 403 ' in head and b'attackers-own' not in body, 'a credential of the client on such a route is 403')
    c = b.plain(proxy)
    c.send(get('http://bearer.test/', 'bearer.test'))
    b.like(c.response()[0], ' 403 ', 'a credential never goes over plain http')
    b.same(len(seen), count, '... and none of these reached the origin')
    c.send(get('https://bearer.test/', 'bearer.test'))
    b.like(c.response()[0], ' 200 ', 'a https URL in the clear is sent on over TLS')

    for host, word in (('bearer.test', TOKEN), ('basic.test', auth[3][2].split(' ')[2])):
        head, body = ask(host, '/reflect')
        mask, first = '*' * len(word), word[:9]
        b.like(head, 'X-Echo: <%s>\r\n' % mask, 'a credential that comes back in a header is masked: ' + host)
        # without its last digit, the basic scheme's word still has all of the token in it
        short = word[:-1] if host == 'bearer.test' else word[:4] + '*' * 37 + word[41:-1]
        b.same(body.decode(), 'once ' + mask + ' ' + mask + mask + first[:5] + ' ' + short + '!end ' + first,
               '... and in the body, however it is cut, with nothing else changed')

    # refusals, in both forms
    head, body = ask('none.test', '/secret-path?key=secret-value')
    b.check(' 403 ' in head and 'Content-Type: text/plain; charset=utf-8' in head and body.count(b'\n') == 1,
            'a refusal is a line of text')
    for field in ('Accept: application/json', 'Content-Type: application/json; charset=utf-8',
                  'Accept: text/html, application/problem+json'):
        head, body = ask('none.test', '/', field)
        error = json.loads(body)['error']
        b.check('Content-Type: application/json' in head and error['type'] == 'egress_host'
                and 'none.test' in error['message'],
                'or JSON, with ' + field)
    head, body = ask('open.test', '/other')
    b.check(' 403 ' in head and b'open.test' in body, 'a path that does not match is refused, naming the route')
    head, body = ask('open.test', '/api', method='POST')
    b.check(' 403 ' in head and b'POST' in body, '... and a method')
    head, body = ask('open.test', '/api/../x')
    b.like(head, ' 400 ', '... and a path that could be another')
    c = b.tunnel(proxy, 'none.test')
    c.send(get('/', 'none.test', method='HEAD') + get('/', 'none.test'))
    b.check(' 403 ' in c.response(bodyless=True)[0] and ' 403 ' in c.response()[0], 'a refused HEAD has no body')

    # introspection
    c = b.plain(proxy)
    c.send(get('http://_egress.local/allowlist', '_egress.local'))
    head, body = c.response()
    shown = json.loads(body)
    b.check(' 200 ' in head and [r['host'] for r in shown['routes']] == [r['host'] for r in table],
            'the allowlist shows the routes')
    b.same(shown['routes'][6]['matches'][0]['methods'], ['GET'], '... with the keys of the file')
    b.check(TOKEN.encode() not in body, '... and no credential')
    c.send(get('/allowlist', '_egress.local'))
    b.same(c.response()[1], body, '... also to one who asks the proxy as a server')
    c.send(get('http://_egress.local/allowlist', '_egress.local', method='HEAD'))
    b.like(c.response(bodyless=True)[0], 'Content-Length: %d' % len(body), '... its length to HEAD')
    for path, method, want in (('/', 'GET', 404), ('/allowlist/x', 'GET', 404), ('/allowlist', 'PUT', 405)):
        c.send(get('http://_egress.local' + path, '_egress.local', 'Content-Length: 1', method=method, body=b'x'))
        b.like(c.response()[0], ' %d ' % want, '%s %s is %d' % (method, path, want))

    # the log; main writes it as it comes, so that the last lines may come after the answer
    wait_for(lambda: [x.get('path') for x in proxy.lines('refuse')][-1:] == ['/allowlist'])
    text = open(proxy.log_file).read()
    b.check(TOKEN not in text and 'attackers-own' not in text and 'secret-value' not in text
            and 'placeholder' not in text,
            'the full log has no credential, and no query')
    b.check('\x1b' not in text and '\\\\x1B[31mred\\\\n' in text, 'what origins send is escaped in it')
    b.same({line['event'] for line in proxy.lines()}, {'start', 'request', 'response', 'body', 'end', 'refuse'},
           'it has all its events')
    line = [x for x in proxy.lines('refuse') if x.get('path') == '/secret-path'][0]
    b.same((line['status'], line['rule'], line['host'], line['port'], line['method']),
           (403, 'host', 'none.test', 443, 'GET'),
           'a refusal says what was refused, and why')
    b.same({'time', 'id', 'reason', 'bytes', 'duration'} - set(line), set(), '... when, and what it cost')
    first = proxy.lines('start')[0]
    b.check(first['listen'] == '%s:%d' % proxy.address and first['routes'] == 7
            and first['detectors'] == 'token_patterns known_secrets entropy naive_injection_detection',
            'the start is in it')

    # levels
    quiet = b.egress(table, args=['--log-level', 'off'], env=env)
    blocks = b.egress(table, env=env)
    for p in (quiet, blocks):
        proxy, kept = p, proxy
        ask('none.test')
        ask('bearer.test')
        proxy = kept
    blocks.await_lines('refuse', 1)
    b.same([x['event'] for x in quiet.lines()], ['start'], 'the level off has the start only')
    b.same([x['event'] for x in blocks.lines()], ['start', 'refuse'], 'the level blocks has refusals, too')

    # reload
    kept = b.tunnel(proxy, 'bearer.test')
    kept.send(get('/', 'bearer.test'))
    kept.response()
    line = proxy.reload(table + [b.route('none.test', origin)])
    b.same((line['ok'], line['routes']), (True, 8), 'SIGHUP takes new routes')
    b.like(ask('none.test')[0], ' 200 ', '... which let through what they refused')
    with open(proxy.routes_file, 'w') as f:
        f.write('routes: [{host: nowhere.test, colour: blue}]\n')
    line = proxy.reload()
    b.check(line['ok'] is False and 'colour' in line['reason'],
            'a file that does not load is not taken, and the log says why')
    b.like(open(proxy.log_file + '.err').read(), 'stay as they were', '... and standard error')
    b.like(ask('none.test')[0], ' 200 ', '... while the old routes stay')
    os.unlink(proxy.routes_file)
    b.same(proxy.reload()['ok'], False, 'nor is one that is gone')
    broken = b.route('none.test', origin)
    broken['upstream']['ca_file'] = proxy.log_file
    line = proxy.reload([broken])
    b.check(line['ok'] is False and 'no certificate' in line['reason'], 'nor a ca_file that holds none')
    broken['upstream']['ca_file'] = '/etc/ssl/certs/ca-certificates.crt'
    line = proxy.reload([broken])
    b.check(line['ok'] is False and 'denied' in line['reason'], 'nor one where main cannot read any more')
    line = proxy.reload([b.route('bearer.test', origin, auth={'scheme': 'Bearer', 'token_env': 'HOME'})])
    b.same((line['ok'], line.get('missing')), (True, 'HOME'), 'a new slot is named as missing')
    kept.send(get('/', 'bearer.test'))
    head, body = kept.response()
    b.check(' 403 ' in head and b'not given' in body, '... and its route is 403, also on a connection of before')
    for n in range(50):
        line = proxy.reload(table[n % 2:])
    b.same(line['routes'], 6, 'fifty reloads later the last file is in force')
    b.like(ask('token.test')[0], ' 200 ', '... and requests pass')

    # env
    got = subprocess.run(['sh', '-c', 'eval "$("$0" env --state "$1")"; curl -sS -o /dev/null -w "%{http_code}" https://token.test/',
                          EGRESS, proxy.state], capture_output=True, text=True)
    b.same((got.stdout, got.stderr), ('200', ''), 'what env prints sends curl through the proxy')

    # beside a bottle: secrets, a kept store, a listener
    listener = socket.create_server(('127.0.0.1', 0))
    with open(os.path.join(b.directory, 'beside.yaml'), 'w') as f:
        json.dump({'routes': [b.route('slot.test', origin, auth={'scheme': 'Bearer', 'token_ref': 'token:x'})]}, f)
    store = os.memfd_create('store', 0)

    def beside():
        secrets = os.memfd_create('secrets', 0)
        os.write(secrets, netstring(b'token:x') + netstring(TOKEN.encode()))
        ready, theirs = os.pipe()
        p = subprocess.Popen([EGRESS, '--routes', 'beside.yaml', '--listener', str(listener.fileno()), '--ca-store',
                              str(store),
                              '--ca-cert', 'beside.pem', '--secrets', str(secrets), '--ready', str(theirs), '--workers',
                              '2'],
                             pass_fds=[listener.fileno(), store, secrets, theirs], cwd=b.directory,
                             stdout=subprocess.DEVNULL)
        os.close(theirs)
        os.close(secrets)
        with open(ready, 'rb') as f:
            said = f.readline()
        return p, said, open(os.path.join(b.directory, 'beside.pem')).read()

    def through():
        return subprocess.run(['curl', '-sS', '-o', '/dev/null', '-w', '%{http_code}', '--cacert', 'beside.pem',
                               '--proxy',
                               'http://127.0.0.1:%d' % listener.getsockname()[1], 'https://slot.test/'],
                               cwd=b.directory,
                              capture_output=True, text=True).stdout

    p, said, pem = beside()
    b.same(said, b'+\n', 'beside a bottle it says that its certificate is there, and when it is ready')
    b.same(through(), '200', '... takes the listener')
    b.like(seen[-1].lower(), 'bearer ' + TOKEN, '... and the slot')
    p.send_signal(signal.SIGINT)
    b.same(p.wait(LIMIT), 0, 'SIGINT ends it with 0')
    p, said, again = beside()
    b.same(again, pem, 'the next one uses the same authority')
    b.same(through(), '200', '... and works, with two workers as before')
    p.terminate()
    p.wait(LIMIT)
