"""What tests of the proxy's wire need: a bb-egress of their own, origins that do
exactly what they are told, clients that send exactly the bytes they are given.

    from lib.wire import *          (t/ is in sys.path of a test that is run from there)
    with Bench('what this is about') as b:
        origin = b.origin(handler)           handler(Connection) for each connection, in a thread
        proxy = b.egress([route(...)])       a running bb-egress --state
        c = b.tunnel(proxy, 'a.test')        TLS inside a CONNECT
        c.send(b'GET / HTTP/1.1\\r\\nHost: a.test\\r\\n\\r\\n')
        head, body = c.response()

Everything that waits has a bound (LIMIT); nothing sleeps to let time pass.
"""
import json
import os
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading

LIMIT = 30
BUILD = os.environ.get('BB_BUILD') or os.path.join(os.path.dirname(__file__), '..', '..', 'build')
EGRESS = os.path.join(BUILD, 'bin', 'bb-egress')


class Connection:
    """One end of a connection, read with a buffer."""

    def __init__(self, sock):
        self.sock = sock
        self.sock.settimeout(LIMIT)
        self.buffer = b''

    def send(self, data):
        self.sock.sendall(data)

    def more(self):
        data = self.sock.recv(65536)
        self.buffer += data
        return bool(data)

    def until(self, mark):
        while mark not in self.buffer:
            if not self.more():
                raise EOFError('end of stream before %r, after %r' % (mark, self.buffer[-200:]))
        at = self.buffer.index(mark) + len(mark)
        data, self.buffer = self.buffer[:at], self.buffer[at:]
        return data

    def exactly(self, n):
        while len(self.buffer) < n:
            if not self.more():
                raise EOFError('end of stream, %d of %d bytes' % (len(self.buffer), n))
        data, self.buffer = self.buffer[:n], self.buffer[n:]
        return data

    def rest(self):
        """All up to the end; a reset or a missing close_notify raises."""
        while self.more():
            pass
        data, self.buffer = self.buffer, b''
        return data

    def head(self):
        return self.until(b'\r\n\r\n').decode('latin-1')

    def body(self, head, bodyless=False):
        fields = {}
        for line in head.split('\r\n')[1:]:
            if ':' in line:
                name, value = line.split(':', 1)
                fields[name.lower()] = value.strip()
        status = head.split(' ', 2)[1]
        if bodyless or status in ('204', '304') or status.startswith('1'):
            return b''
        if fields.get('transfer-encoding') == 'chunked':
            data = b''
            while True:
                size = int(self.until(b'\r\n')[:-2], 16)
                data += self.exactly(size)
                assert self.exactly(2) == b'\r\n'
                if size == 0:
                    return data
        if 'content-length' in fields:
            return self.exactly(int(fields['content-length']))
        return self.rest()

    def response(self, bodyless=False):
        head = self.head()
        return head, self.body(head, bodyless)

    def ended(self):
        """True when the peer has closed, in whatever way."""
        try:
            return self.buffer == b'' and not self.more()
        except (ConnectionError, ssl.SSLError):
            return True

    def close(self):
        self.sock.close()

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')
        self.sock.close()


class Origin:
    """A listener on loopback whose handler is called with each Connection, in a thread of its own."""

    def __init__(self, handler, context=None):
        self.handler, self.context = handler, context
        self.connections = 0
        self.errors = []
        self.listener = socket.create_server(('127.0.0.1', 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        try:
            sock.settimeout(LIMIT)
            if self.context:
                sock = self.context.wrap_socket(sock, server_side=True)
            self.handler(Connection(sock))
            if self.context:
                sock.unwrap()
        except (OSError, EOFError) as e:
            self.errors.append(repr(e))
        finally:
            sock.close()

    def close(self):
        if self.listener.fileno() >= 0:
            self.listener.shutdown(socket.SHUT_RDWR)  # or the thread in accept() keeps it listening
            self.listener.close()


def run(*argv):
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Clock:
    """A bb-egress whose time stands still until it is turned (egress/clock.c): give it to Bench.egress."""

    def __init__(self, directory):
        self.program = os.path.join(directory, 'bb-egress-clock')
        shutil.copy(os.path.join(BUILD, 't', 'lib', 'bb-egress-clock'), self.program)
        with open(self.program + '.clock', 'wb') as f:
            f.write(bytes(16))
        self.file = open(self.program + '.clock', 'r+b', buffering=0)
        self.now = 1000000
        self.turn(0)

    def turn(self, milliseconds):
        self.now += milliseconds
        os.pwrite(self.file.fileno(), struct.pack('=q', self.now), 0)

    def date(self, seconds):
        """Let the time of day be off by so much."""
        os.pwrite(self.file.fileno(), struct.pack('=q', seconds), 8)


class Proxy:
    def __init__(self, bench, routes, args, env, name, program, fds):
        self.fds = list(fds)
        self.program = program
        self.directory = os.path.join(bench.directory, name)
        os.makedirs(self.directory, exist_ok=True)
        self.routes_file = os.path.join(self.directory, 'routes.yaml')
        self.log_file = os.path.join(self.directory, 'log')
        self.state = os.path.join(self.directory, 'state')
        self.write_routes(routes)
        self.args, self.env = list(args), dict(os.environ, **(env or {}))
        self.start()

    def write_routes(self, routes):
        with open(self.routes_file + '.new', 'w') as f:
            json.dump({'routes': routes}, f)
        os.rename(self.routes_file + '.new', self.routes_file)

    def start(self):
        ready, theirs = os.pipe()
        argv = [self.program, '--routes', self.routes_file, '--listen', '127.0.0.1:0', '--state', self.state,
                '--ready', str(theirs), '--rules', os.path.join(BUILD, 'share', 'bot-bottle', 'rules', 'tokens.yaml'),
                '--phrases', os.path.join(BUILD, 'share', 'bot-bottle', 'rules', 'injection.yaml')] + self.args
        with open(self.log_file, 'w') as log, open(self.log_file + '.err', 'w') as err:
            self.process = subprocess.Popen(argv, stdout=log, stderr=err, env=self.env, pass_fds=[theirs] + self.fds)
        os.close(theirs)
        with open(ready, 'rb') as f:
            said = f.readline()
        if not said.endswith(b'\n'):
            self.process.wait(LIMIT)
            raise RuntimeError('bb-egress did not start: ' + open(self.log_file + '.err').read())
        with open(os.path.join(self.state, 'address')) as f:
            host, port = f.read().strip().rsplit(':', 1)
        self.address = (host, int(port))
        self.trust = ssl.create_default_context(cafile=os.path.join(self.state, 'ca.pem'))
        self.trust.verify_flags |= ssl.VERIFY_X509_STRICT

    def roles(self):
        """Process ids by role."""
        found = {}
        with open('/proc/%d/task/%d/children' % (self.process.pid, self.process.pid)) as f:
            for pid in f.read().split():
                with open('/proc/%s/cmdline' % pid) as c:
                    found[c.read().split('\0')[1]] = int(pid)
        return found

    def lines(self, event=None):
        with open(self.log_file) as f:
            # the last one may not be whole
            lines = [json.loads(line) for line in f.read().rpartition('\n')[0].splitlines()]
        return [line for line in lines if event is None or line['event'] == event]

    def await_lines(self, event, count):
        """A line is on its way when an answer is sent, but may be written later: never look for it without waiting."""
        return wait_for(lambda: (lambda got: got if len(got) >= count else None)(self.lines(event)))

    def reload(self, routes=None):
        if routes is not None:
            self.write_routes(routes)
        before = len(self.lines('reload'))
        self.process.send_signal(signal.SIGHUP)
        return self.await_lines('reload', before + 1)[-1]

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(LIMIT)


def wait_for(condition):
    """Poll until the condition gives something, at most LIMIT seconds."""
    pause = threading.Event()
    for _ in range(LIMIT * 100):
        got = condition()
        if got:
            return got
        pause.wait(0.01)
    return None


class Bench:
    def __init__(self, title):
        self.title = title
        self.count = self.failed = 0
        self.things = []

    def __enter__(self):
        print('# ' + self.title)
        self.directory = tempfile.mkdtemp(prefix='bb-test.')
        return self

    def __exit__(self, kind, value, trace):
        if kind:
            self.check(False, 'the test came to its end')
            import traceback
            for line in traceback.format_exception(kind, value, trace):
                print('# ' + line.rstrip().replace('\n', '\n# '))
        for thing in reversed(self.things):
            thing.stop() if isinstance(thing, Proxy) else thing.close()
        shutil.rmtree(self.directory, ignore_errors=True)
        print('1..%d' % self.count)
        sys.stdout.flush()
        os._exit(1 if self.failed else 0)

    def check(self, good, name):
        self.count += 1
        self.failed += not good
        print('%sok %d - %s' % ('' if good else 'not ', self.count, name))
        sys.stdout.flush()
        return good

    def same(self, got, want, name):
        if not self.check(got == want, name):
            print('#  got: %r\n# want: %r' % (got, want))

    def like(self, got, part, name):
        if not self.check(part in got, name):
            print('#  got: %r\n# want: %r in it' % (got, part))

    def skip(self, name, why):
        self.count += 1
        print('ok %d - %s # SKIP %s' % (self.count, name, why))

    # --- parts ---

    def authority(self):
        """A test authority, made when first asked for: its certificate's path."""
        pem = os.path.join(self.directory, 'ca.pem')
        if not os.path.exists(pem):
            run('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days',
                '30',
                '-subj', '/CN=test authority', '-addext', 'keyUsage=critical,keyCertSign', '-keyout',
                os.path.join(self.directory, 'ca.key'), '-out', pem)
        return pem

    def certificate(self, name, *more, days='30', issuer=True):
        """A server certificate for the names; days may be negative; without issuer it is self-signed."""
        self.authority()
        base = os.path.join(self.directory, 'cert-%s-%s-%s' % (name, days, issuer))
        extensions = base + '.ext'
        with open(extensions, 'w') as f:
            f.write('subjectAltName=%s\nbasicConstraints=critical,CA:FALSE\n' % ','.join('DNS:' + n
                                                                                         for n in (name,) + more))
        run('openssl', 'req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=' + name,
            '-keyout', base + '.key', '-out', base + '.csr')
        sign = ['-CA', os.path.join(self.directory, 'ca.pem'), '-CAkey', os.path.join(self.directory, 'ca.key'),
                '-CAcreateserial'] if issuer else ['-signkey', base + '.key']
        run('openssl', 'x509', '-req', '-in', base + '.csr', '-days', days, '-extfile', extensions, '-out',
            base + '.pem',
            *sign)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(base + '.pem', base + '.key')
        return context

    def origin(self, handler, name=None, context=None):
        """With a name, over TLS with a certificate for it."""
        if name and not context:
            context = self.certificate(name)
        origin = Origin(handler, context)
        self.things.append(origin)
        return origin

    def route(self, host, origin, **more):
        upstream = {'connect': '127.0.0.1:%d' % origin.port}
        if origin.context:
            upstream['ca_file'] = self.authority()
        return dict({'host': host, 'upstream': upstream}, **more)

    def egress(self, routes, args=(), env=None, program=EGRESS, fds=()):
        proxy = Proxy(self, routes, args, env, 'egress%d' % len(self.things), program, fds)
        self.things.append(proxy)
        return proxy

    def plain(self, proxy):
        return Connection(socket.create_connection(proxy.address, LIMIT))

    def connect(self, proxy, authority):
        c = self.plain(proxy)
        c.send(('CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n' % (authority, authority)).encode())
        head = c.head()
        assert head.startswith('HTTP/1.1 200 '), head
        return c

    def tunnel(self, proxy, host, port=443, sni=None):
        c = self.connect(proxy, '%s:%d' % (host, port))
        c.sock = proxy.trust.wrap_socket(c.sock, server_hostname=sni or host, suppress_ragged_eofs=False)
        return c


def get(path, host, *fields, method='GET', body=b''):
    lines = ['%s %s HTTP/1.1' % (method, path), 'Host: ' + host] + list(fields)
    return '\r\n'.join(lines).encode() + b'\r\n\r\n' + body


def answer(body, *fields, status='200 OK'):
    lines = ['HTTP/1.1 ' + status, 'Content-Length: %d' % len(body)] + list(fields)
    return '\r\n'.join(lines).encode() + b'\r\n\r\n' + body
