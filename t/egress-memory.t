#!/usr/bin/python3
"""bb-egress gives back what a flood needed, and keeps nothing of a request: no memory, no descriptor.

BB_LEAK_REQUESTS is how many requests are looked at (20000; a million take some minutes).
"""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib.wire import BUILD, EGRESS, Bench, wait_for  # noqa: E402

REQUESTS = int(os.environ.get('BB_LEAK_REQUESTS', '20000'))
HOST = 'many.test'
with open(EGRESS, 'rb') as program:
    sanitized = b'__asan_init' in program.read()
# KiB a role may have after a flood beyond what it began with: the few kept connections and fragments
FLOOD_MORE = 3 << 10
MANY_MORE = 512        # KiB, after many requests, beyond what it had after fewer


def private(pid):
    """KiB of a process that nobody shares."""
    with open('/proc/%d/status' % pid) as f:
        return int([x for x in f if x.startswith('RssAnon')][0].split()[1])


def descriptors(pid):
    return len(os.listdir('/proc/%d/fd' % pid))


def load(*options):
    """Put load on the proxy: how many requests went well, how many did not."""
    got = subprocess.run([os.path.join(BUILD, 'bench', 'load'), '--ca', os.path.join(proxy.state, 'ca.pem'),
                          '--proxy', '%s:%d' % proxy.address, *options, 'https://%s:%s/bytes/1024' % (HOST, tls)],
                         capture_output=True, text=True)
    figures = json.loads(got.stdout)
    return figures['requests'], figures['errors']


with Bench('bb-egress gives back what a flood needed, and keeps nothing of a request') as b:
    origin = subprocess.Popen([os.path.join(BUILD, 'bench', 'origin'), '--ca', os.path.join(b.directory, 'ca')],
                              stdout=subprocess.PIPE, text=True)
    try:
        plain, tls = origin.stdout.readline().split()
        os.chmod(b.directory, 0o755)
        proxy = b.egress([{'host': HOST, 'ports': [int(tls)], 'auth': {'scheme': 'Bearer', 'token_env': 'BB_T'},
                           'upstream': {'connect': '127.0.0.1:' + tls, 'ca_file': os.path.join(b.directory, 'ca',
                                                                                               'ca.pem')}}],
                         env={'BB_T': 'planted-' + os.urandom(12).hex()})
        roles = proxy.roles()
        b.same(load('--requests', '200', '--expect', '1024'), (200, 0), 'it is warm')
        before = {name: private(pid) for name, pid in roles.items()}

        def lean(base, more):
            """Has every role given back all but so much?"""
            return all(private(pid) - base[name] < more for name, pid in roles.items())

        b.same(load('--connections', '256', '--requests', '10000', '--expect', '1024'), (10000, 0),
               '256 clients at once are served')
        print('# KiB before %s, right after 256 clients %s' % (before, {n: private(p) for n, p in roles.items()}))
        if sanitized:
            b.skip('what they needed is given back when they are gone', 'sanitizers keep what was freed')
        else:
            b.check(wait_for(lambda: lean(before, FLOOD_MORE)), 'what they needed is given back when they are gone')
        print('# KiB after that %s' % {n: private(p) for n, p in roles.items()})

        if os.geteuid() == 0:
            few = wait_for(lambda: descriptors(roles['front']) < 20 and {n: descriptors(p) for n, p in roles.items()})
            b.check(few, 'the front has no descriptor left of them: %s' % few)
            b.check(wait_for(lambda: descriptors(roles['upstream']) < 30),
                    '... the upstream those of a few kept connections')

        # one half of the requests on kept connections, one on fresh ones, then the same again
        def half():
            return load('--connections', '16', '--requests', str(REQUESTS // 2), '--expect', '1024'), \
                load('--connections', '16', '--fresh', '--requests', str(REQUESTS // 20), '--expect', '1024')

        def whole(got):
            """All went well; connections that are opened side by side may make a few more than was asked for."""
            (kept, bad), (fresh, worse) = got
            return kept >= REQUESTS // 2 and fresh >= REQUESTS // 20 and not bad and not worse

        b.check(whole(half()), '%d requests on kept connections and %d on fresh ones' % (REQUESTS // 2, REQUESTS // 20))
        wait_for(lambda: lean(before, FLOOD_MORE) or sanitized)
        after = {name: private(pid) for name, pid in roles.items()}
        b.check(whole(half()), '... and as many again')
        if not sanitized:
            b.check(wait_for(lambda: lean(after, MANY_MORE)), '... cost no memory')
        print('# KiB %s, then %s' % (after, {n: private(p) for n, p in roles.items()}))
        b.same((proxy.process.poll(), open(proxy.log_file + '.err').read()), (None, ''),
               'nothing died and nothing complained')
    finally:
        origin.terminate()
        origin.wait()
