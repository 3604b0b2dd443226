#!/usr/bin/python3
"""The log of bb-egress is what bb-egress(1) says: each member of each event, its type, its limit; and the recipes for jq."""
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib.wire import Bench, answer, get  # noqa: E402

MANUAL = os.path.join(os.environ.get('BB_SOURCE') or os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'),
                      'cmd', 'egress', 'bb-egress.1')
SECRET = 'ghp_' + 'Zx81' + ''.join(chr(97 + (i * 7) % 26)
                                   for i in range(32))  # made here, so that no scanner trips over it
TYPES = {'text': str, 'number': int, 'boolean': bool, 'list': list}


def serve(c):
    while True:
        head = c.head()
        if 'Content-Length' in head:
            c.body(head)
        if head.startswith('GET /breaks'):
            c.send(b'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort')
            return
        c.send(answer(b'x' * 100000 if head.startswith('GET /long') else b'body', 'X-Long: ' + 'y' * 3000))


def schema():
    """What the manual says: {event: {member: (type, may be absent)}}."""
    text = open(MANUAL).read()
    rows = re.findall(r'^\.It (\w+) Ta (\w+) Ta ("[^"]*"|\S+) Ta .*$', text, re.M)
    found = {}
    for name, kind, events in rows:
        for event in events.strip('"').split(' '):
            found.setdefault(event.rstrip('?'), {})[name] = (TYPES[kind], event.endswith('?'))
    common = found.pop('all')
    return {event: dict(common, **members) for event, members in found.items()}


with Bench('the log of bb-egress is what its manual says') as b:
    origin = b.origin(serve, 'a.test')
    origin.context = b.certificate('a.test', 'redact.test')
    table = [b.route('a.test', origin, dlp={'outbound_on_match': 'block'}),
             b.route('redact.test', origin, dlp={'outbound_on_match': 'redact'},
                     auth={'scheme': 'Bearer', 'token_env': 'BB_T'})]
    proxy = b.egress(table, args=['--log-level', 'full', '--upstream-proxy', 'http://127.0.0.1:1'],
                     env={'BB_T': 'a-token-of-some-length'})
    want = schema()
    b.same(set(want), {'start', 'reload', 'refuse', 'dlp', 'request', 'response', 'body', 'end'},
           'the manual has every event')

    def ask(path, host='a.test', *fields, **more):
        c = b.tunnel(proxy, host)
        c.send(get(path, host, *fields, **more))
        try:
            return c.response()
        except (EOFError, OSError):
            return None, None

    ask('/')
    ask('/long')
    ask('/breaks')
    ask('/', 'none.test')
    ask('/' + 'p' * 5000)
    ask('/post', 'a.test', 'Content-Length: 5', method='POST', body=b'hello')
    ask('/?q=' + SECRET)
    ask('/', 'redact.test', 'X-Note: my ' + SECRET + ' ok')
    c = b.plain(proxy)
    c.send(b'nonsense\r\n\r\n')
    c.response()
    proxy.reload()
    proxy.reload(table + [b.route('more.test', origin, auth={'scheme': 'Bearer', 'token_env': 'NOT_GIVEN'})])
    with open(proxy.routes_file, 'w') as f:
        f.write('routes: 1\n')
    proxy.reload()

    proxy.await_lines('end', 6)
    lines = proxy.lines()
    b.same({line['event'] for line in lines}, set(want), 'every event of the manual is in the log')
    wrong, present = [], {event: set() for event in want}
    for line in lines:
        members = want[line['event']]
        present[line['event']] |= set(line)
        for name, value in line.items():
            if name not in members or type(value) is not members[name][0]:
                wrong.append((line['event'], name, value))
        wrong += [(line['event'], name, 'absent') for name in members if name not in line and not members[name][1]]
    b.same(wrong, [], 'every member is in the manual, of the type that it says, and there unless it says otherwise')
    never = sorted((e, name) for e in want for name in set(want[e]) - present[e])
    b.same(never, [('dlp', 'limit'), ('start', 'missing')],
           'every member of the manual is in the log, but two that did not come up')
    b.check(all(re.fullmatch(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z', line['time']) for line in lines),
            'times are as it says')
    b.check(all(re.fullmatch(r'0-\d+', line['id']) for line in lines if 'id' in line), 'ids are as it says')
    paths = [line['path'] for line in lines if line.get('path', '').startswith('/ppp')]
    b.check(paths and all(len(p) == 2048 and p.endswith('...') or len(p) == 2048 for p in paths),
            'a long path is cut at 2,048 bytes')
    longest = max(len(h) for line in proxy.lines('response') for h in line['headers'])
    b.same(longest, 1024, 'a long header at 1,024')
    bodies = [line for line in proxy.lines('body') if line['of'] == 'response' and line['offset'] > 0]
    b.same(max(line['offset'] + len(line['text']) for line in bodies), 65536, 'a long body at 64 KiB')
    b.check(max(len(line['text']) for line in proxy.lines('body')) == 8192, '... in pieces of 8 KiB')
    b.same([line['whole'] for line in proxy.lines('end')].count(False), 1, 'one response was not whole')

    # the recipes
    block = [part for part in re.findall(r'\.Bd -literal -offset indent\n(.*?)\.Ed', open(MANUAL).read(), re.S)
             if 'jq -r' in part][0]
    block = block.replace('\\e', '\\')
    shown = subprocess.run(['sh', '-eu', '-c', block], cwd=proxy.directory, capture_output=True, text=True)
    b.same((shown.returncode, shown.stderr), (0, ''), 'the recipes for jq work')
    b.like(shown.stdout, 'host none.test\n', '... and count refusals')
    b.check('\nnone.test\n' in shown.stdout, '... show which hosts are missing')
    b.check('"kind":"github-pat"' in shown.stdout and SECRET not in shown.stdout, '... and what the detectors found')
