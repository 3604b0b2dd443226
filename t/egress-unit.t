#!/usr/bin/python3
"""examples/bb-egress.service: systemd takes it, it closes what it can, and every system call of bb-egress passes its filter."""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib.wire import EGRESS, LIMIT, Bench, answer, get  # noqa: E402

SOURCE = os.environ.get('BB_SOURCE') or os.path.join(os.path.dirname(os.path.abspath(__file__)), '..')


def systemd(*argv):
    done = subprocess.run(('systemd-analyze', '--no-pager') + argv, capture_output=True, text=True, timeout=LIMIT)
    return done.returncode, done.stdout + done.stderr


def calls(words, sets):
    """The system calls that a SystemCallFilter names."""
    found = set()
    for word in words:
        found |= calls(sets[word], sets) if word.startswith('@') else {word}
    return found


def serve(c):
    while True:
        c.head()
        c.send(answer(b'ok'))


with Bench('examples/bb-egress.service: systemd takes it, and its filter has room for bb-egress') as b, \
        open(os.path.join(SOURCE, 'examples', 'bb-egress.service')) as f:
    unit = f.read()
    here = os.path.join(b.directory, 'bb-egress.service')
    with open(here, 'w') as f:
        f.write(unit.replace('/usr/local/bin/bb-egress', EGRESS))
    b.same(systemd('verify', '--man=no', here), (0, ''), 'systemd has nothing to say against it')
    with open(here + '.service', 'w') as f:
        f.write(unit.replace('RestrictNamespaces', 'RestrictNamespace').replace('/usr/local/bin/bb-egress', EGRESS))
    b.like(systemd('verify', '--man=no', here + '.service')[1], 'RestrictNamespace', '... and has against one with a wrong word')
    status, said = systemd('security', '--offline=true', '--threshold=20', here)
    b.same(status, 0, 'it is exposed to less than 2.0 of 10: %s' % said.split('\n')[-2 if said.endswith('\n') else -1].encode('ascii', 'replace').decode())

    # all that bb-egress does: start, serve on both schemes, refuse, reload, end
    sets = {}
    for block in systemd('syscall-filter')[1].split('\n\n'):
        lines = [line.strip() for line in re.sub(r'\x1b\[[0-9;]*m', '', block).split('\n') if line.strip()]
        if lines and lines[0].startswith('@'):
            sets[lines[0]] = [x for x in lines[1:] if not x.startswith('#')]
    allowed = calls(re.search(r'^SystemCallFilter=(.*)$', unit, re.M).group(1).split(), sets)
    b.check(len(allowed) > 200 and 'epoll_wait' in allowed and 'ptrace' not in allowed, 'its filter is understood: %d calls' % len(allowed))
    traced = os.path.join(b.directory, 'traced')
    with open(traced, 'w') as f:
        f.write('#!/bin/sh\nexec strace -D -f -qq -e signal=none -o %s/trace %s "$@"\n' % (b.directory, EGRESS))
    os.chmod(traced, 0o755)
    secure, clear = b.origin(serve, 'a.test'), b.origin(serve)
    routes = [b.route('a.test', secure, auth={'scheme': 'Bearer', 'token_env': 'BB_T'}), b.route('b.test', clear, ports=[80]), {'host': 'localhost'}]
    proxy = b.egress(routes, env={'BB_T': 'planted-' + os.urandom(12).hex()}, program=traced)
    c = b.tunnel(proxy, 'a.test')
    c.send(get('/', 'a.test'))
    b.same(c.response()[1], b'ok', 'under strace it serves over TLS')
    c = b.plain(proxy)
    c.send(get('http://b.test/', 'b.test'))
    b.same(c.response()[1], b'ok', '... and in the clear')
    c.send(get('http://localhost/', 'localhost'))
    b.like(c.response()[0], ' 403 ', '... looks up a name')
    c.send(get('http://evil.test/', 'evil.test'))
    b.like(c.response()[0], ' 403 ', '... refuses')
    b.same(proxy.reload(routes[1:])['ok'], True, '... takes new routes')
    b.same(proxy.stop(), 0, '... and ends')
    with open(os.path.join(b.directory, 'trace')) as f:
        made = set(re.findall(r'^\d+ +([a-z0-9_]+)\(', f.read(), re.M))
    b.check(made >= {'landlock_restrict_self', 'epoll_wait', 'sendto'}, 'strace has seen it: %d calls' % len(made))
    b.same(sorted(made - allowed), [], 'every one of them passes the filter of the unit')
