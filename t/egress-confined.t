#!/usr/bin/python3
"""The processes of bb-egress have what they need and nothing else."""
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib.wire import LIMIT, Bench, answer, get, wait_for  # noqa: E402

TOKEN = 'planted-' + os.urandom(12).hex()


def serve(c):
    while True:
        try:
            c.head()
        except EOFError:
            return
        c.send(answer(b'ok'))


def status(pid):
    with open('/proc/%d/status' % pid) as f:
        return dict(line.rstrip('\n').split(':\t', 1) for line in f if ':\t' in line)


def memory_has(pid, needle):
    """Search every readable mapping of a process."""
    with open('/proc/%d/maps' % pid) as maps, open('/proc/%d/mem' % pid, 'rb', 0) as mem:
        for line in maps:
            span, rights = line.split()[:2]
            if 'r' not in rights or line.rstrip().endswith(('[vvar]', '[vsyscall]', '[vvar_vclock]')):
                continue
            start, end = (int(x, 16) for x in span.split('-'))
            if end - start > 1 << 36:
                continue  # the marks of AddressSanitizer: terabytes reserved, without a byte of the program
            try:
                mem.seek(start)
                if needle in mem.read(end - start):
                    return True
            except OSError:
                continue
    return False


def secret_number(key):
    """The private number of a key, as it lies in memory: big endian, and in the words of a bignum."""
    text = subprocess.run(['openssl', 'pkey', '-in', key, '-noout', '-text'], capture_output=True, text=True).stdout
    digits = text.split('priv:')[1].split('pub:')[0]
    number = bytes.fromhex(''.join(digits.split()).replace(':', ''))[-32:]
    return number, number[::-1]


with Bench('the processes of bb-egress have what they need and nothing else') as b:
    origin = b.origin(serve, 'a.test')
    proxy = b.egress([b.route('a.test', origin, auth={'scheme': 'Bearer', 'token_env': 'BB_T'})], env={'BB_T': TOKEN})
    c = b.tunnel(proxy, 'a.test')
    c.send(get('/', 'a.test'))
    b.like(c.response()[0], ' 200 ', 'a request passes')
    roles = proxy.roles()
    b.same(set(roles), {'signer', 'upstream', 'front'}, 'there are three roles')
    everyone = dict(roles, main=proxy.process.pid)

    for name, pid in everyone.items():
        s = status(pid)
        b.same((s['Seccomp'], s['NoNewPrivs']), ('2', '1'), '%s has a filter of system calls and no new privileges' %
               name)
        b.same([s[k] for k in ('CapPrm', 'CapEff', 'CapInh', 'CapAmb')], ['0' * 16] * 4, '%s has no capability' % name)
        core = [x for x in open('/proc/%d/limits' % pid) if x.startswith('Max core file size')][0]
        b.same(core.split()[4:6], ['0', '0'], '%s leaves no core file' % name)
        if os.geteuid() == 0:
            b.same(os.stat('/proc/%d/environ' % pid).st_uid, 0, '%s is not dumpable: its /proc files are not its own' %
                   name)
            environ = open('/proc/%d/environ' % pid, 'rb').read()
            b.check(TOKEN.encode() not in environ, '%s has no credential in its environment' % name)
            if name != 'main':
                b.same(environ, b'', '... or anything else')
                b.check(s['Uid'].split('\t')[0] not in ('0', ''), '... and another user')
        b.check(TOKEN.encode() not in open('/proc/%d/cmdline' % pid, 'rb').read(), '%s has none in its arguments' %
                name)
    if os.geteuid() == 0:
        b.same(len({status(p)['Uid'] for p in everyone.values()}), 4, 'no two of them are the same user')

        def files(pid):
            return sorted(os.readlink('/proc/%d/fd/%s' % (pid, n)).split(':')[0]
                          for n in os.listdir('/proc/%d/fd' % pid))

        for name in roles:
            kinds = set(files(roles[name])) - {'socket', 'anon_inode', '/dev/null'}
            kinds -= {os.readlink('/proc/self/fd/2'), proxy.log_file + '.err'}
            b.same(kinds, set(), '%s holds no file' % name)

        # who has what in memory
        with open('/proc/%d/exe' % everyone['main'], 'rb') as f:
            sanitized = b'__asan_init' in f.read()
        for name, pid in everyone.items():
            if sanitized and name == 'main':
                continue  # AddressSanitizer keeps a copy of the first environment, where a stand-alone proxy finds it
            b.same(memory_has(pid, TOKEN.encode()), name == 'upstream', 'the credential is%s in the memory of %s' %
                   ('' if name == 'upstream' else ' not', name))
        forms = secret_number(os.path.join(proxy.state, 'ca.key'))
        for name, pid in everyone.items():
            b.same(any(memory_has(pid, f) for f in forms), name == 'signer',
                   "the authority's key is%s in the memory of %s" %
                   ('' if name == 'signer' else ' not', name))
    else:
        for name, pid in everyone.items():
            try:
                open('/proc/%d/mem' % pid, 'rb').close()
                readable = True
            except OSError:
                readable = False
            b.check(not readable, 'the memory of %s cannot be read by its own user' % name)
    b.same(os.stat(os.path.join(proxy.state, 'ca.key')).st_mode & 0o777, 0o600, "the key file is its owner's")

    # one dies, all end, and the next start goes on
    pem = open(os.path.join(proxy.state, 'ca.pem')).read()
    for name in ('front', 'upstream', 'signer'):
        roles = proxy.roles()
        os.kill(roles[name], signal.SIGKILL)
        b.same(proxy.process.wait(LIMIT), 111, 'when the %s is killed, all end with 111' % name)
        b.like(open(proxy.log_file + '.err').read(), 'the %s was ended by signal 9' % name, '... saying so')
        b.check(wait_for(lambda: not any(os.path.exists('/proc/%d' % p) for p in roles.values())),
                '... and none is left')
        proxy.start()
        b.same(open(os.path.join(proxy.state, 'ca.pem')).read(), pem, '... the next start has the same authority')
        c = b.tunnel(proxy, 'a.test')
        c.send(get('/', 'a.test'))
        b.like(c.response()[0], ' 200 ', '... and works')
    roles = proxy.roles()
    proxy.process.kill()
    proxy.process.wait(LIMIT)
    b.check(wait_for(lambda: not any(os.path.exists('/proc/%d' % p) for p in roles.values())),
            'when main is killed, none is left')
