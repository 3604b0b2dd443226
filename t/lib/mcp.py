"""A bb-supervise to talk to, byte by byte, and the queue behind it.

    from lib.mcp import Desk
    with Desk('what this is about') as d:
        sid = d.initialize()
        status, head, body = d.post({...}, session=sid)
        d.answer(d.pending()[0], 'approved')         as the operator would

Everything that waits has a bound; nothing sleeps to let time pass.
"""
import fcntl
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

LIMIT = 30
BUILD = os.environ.get('BB_BUILD') or os.path.join(os.path.dirname(__file__), '..', '..', 'build')


def pending(queue):
    """Ids that wait. An asker puts away question and answer one after the other, so its lock is held for the look."""
    if not os.path.exists(queue + '/lock'):
        return []
    with open(queue + '/lock') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        names = os.listdir(queue)
    return [n[:36] for n in names if n.endswith('.proposal.json') and n[:36] + '.response.json' not in names]


def answer(queue, id, status, notes='', file='', hash=None):
    """Answer a proposal as the operator's side does: its own bytes by their hash, whole under its name."""
    with open('%s/%s.proposal.json' % (queue, id), 'rb') as f:
        real = hashlib.sha256(f.read()).hexdigest()
    text = json.dumps({'kind': 'response', 'v': 1, 'id': id, 'status': status, 'notes': notes, 'final_file': file,
                       'decided_at': '2026-01-01T00:00:00.000Z', 'proposal_hash': hash or real})
    with open(queue + '/.answer', 'w') as f:
        f.write(text)
    os.rename(queue + '/.answer', '%s/%s.response.json' % (queue, id))


class Desk:
    def __init__(self, title, timeout=2, routes='routes: [{host: a.test}]\n', bottle='dev-x1', dir=None):
        print('# ' + title)
        self.count = self.failed = 0
        self.timeout, self.bottle = timeout, bottle
        self.given = dir
        self.dir = dir or tempfile.mkdtemp(prefix='bb-mcp.', dir=os.environ.get('TMPDIR', '/tmp'))
        os.mkdir(self.dir + '/egress')
        self.routes = self.dir + '/egress/routes.yaml'
        with open(self.routes, 'w') as f:
            f.write(routes)
        self.queue = self.dir + '/queue'
        self.key = os.open(self.dir + '/key', os.O_RDWR | os.O_CREAT, 0o600)
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port = self.listener.getsockname()[1]
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *error):
        self.stop()
        if not self.given:
            shutil.rmtree(self.dir)
        if error[0]:
            return
        print('1..%d' % self.count)
        sys.stdout.flush()
        if self.failed:
            sys.exit(1)

    # --- the server ---

    def start(self):
        ready, told = os.pipe()
        self.err = open(self.dir + '/err', 'a')
        self.process = subprocess.Popen(
            [BUILD + '/bin/bb-supervise', '--listener', str(self.listener.fileno()), '--queue', self.queue,
             '--routes', self.routes, '--bottle', self.bottle, '--response-timeout', str(self.timeout),
             '--session-key', str(self.key), '--ready', str(told)],
            pass_fds=[self.listener.fileno(), self.key, told], stdin=subprocess.DEVNULL, stderr=self.err,
            env=dict(os.environ, ASAN_OPTIONS='quarantine_size_mb=1'))  # or what was freed counts as used, 256 MB of it
        os.close(told)
        if os.read(ready, 1) != b'\n':
            raise SystemExit('Bail out! bb-supervise did not start: ' + self.said())
        os.close(ready)

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.err.close()

    def said(self):
        with open(self.dir + '/err') as f:
            return f.read()

    def alive(self):
        return self.process.poll() is None

    # --- talking to it ---

    def connect(self):
        return socket.create_connection(('127.0.0.1', self.port), LIMIT)

    def raw(self, data, sock=None):
        """Send bytes; everything up to the end of the stream, or of one response when the connection is the caller's."""
        s = sock or self.connect()
        try:
            s.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass
        if sock:
            return b''
        got = b''
        try:
            s.shutdown(socket.SHUT_WR)
            while True:
                piece = s.recv(65536)
                if not piece:
                    break
                got += piece
        except (ConnectionResetError, OSError):
            pass
        s.close()
        return got

    def head(self, method='POST', path='/', session=None, host='supervise:9100',
             accept='application/json, text/event-stream',
             kind='application/json', length=None, fields=()):
        lines = ['%s %s HTTP/1.1' % (method, path)]
        for name, value in (('Host', host), ('Accept', accept), ('Content-Type', kind), ('Mcp-Session-Id', session),
                            ('Content-Length', length)):
            if value is not None:
                lines.append('%s: %s' % (name, value))
        return ('\r\n'.join(lines + list(fields)) + '\r\n\r\n').encode()

    def request(self, body=b'', **how):
        """One request on a connection of its own: status, head, body (chunks joined, as it is)."""
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        s = self.connect()
        if 'length' not in how:
            how['length'] = len(body) if body else None
        try:
            s.sendall(self.head(**how) + body)
        except (BrokenPipeError, ConnectionResetError):
            pass
        try:
            return self.response(s)
        finally:
            s.close()

    def response(self, s, buffer=b''):
        def more():
            nonlocal buffer
            try:
                piece = s.recv(65536)
            except ConnectionResetError:
                piece = b''
            buffer += piece
            return bool(piece)
        while b'\r\n\r\n' not in buffer:
            if not more():
                return 0, '', buffer
        head, buffer = buffer.split(b'\r\n\r\n', 1)
        head = head.decode()
        status = int(head.split(' ')[1])
        low = head.lower()
        if 'transfer-encoding: chunked' in low:
            body = b''
            while True:
                while b'\r\n' not in buffer:
                    if not more():
                        return status, head, body
                size, buffer = buffer.split(b'\r\n', 1)
                size = int(size, 16)
                while len(buffer) < size + 2:
                    if not more():
                        return status, head, body
                body += buffer[:size]
                buffer = buffer[size + 2:]
                if size == 0:
                    return status, head, body
        size = 0
        for line in low.split('\r\n'):
            if line.startswith('content-length:'):
                size = int(line.split(':')[1])
        while len(buffer) < size and more():
            pass
        return status, head, buffer[:size]

    def post(self, message, **how):
        """The same with the body as JSON: of an event stream, a list of its messages; comments are None."""
        status, head, body = self.request(message, **how)
        if 'text/event-stream' in head:
            events = []
            for event in body.decode().split('\n\n'):
                data = [line[6:] for line in event.split('\n') if line.startswith('data: ')]
                if data:
                    events.append(json.loads(data[0]))
                elif event.startswith(':'):
                    events.append(None)
            return status, head, events
        return status, head, json.loads(body) if body else None

    def initialize(self, version='2025-11-25'):
        status, head, _ = self.post({'jsonrpc': '2.0', 'id': 0, 'method': 'initialize', 'params': {
            'protocolVersion': version, 'capabilities': {}, 'clientInfo': {'name': 'test', 'version': '1'}}})
        for line in head.split('\r\n'):
            if line.lower().startswith('mcp-session-id:'):
                return line.split(':', 1)[1].strip()
        return None

    def call(self, sid, name, arguments=None, id=1, token=None, **how):
        params = {'name': name, 'arguments': arguments or {}}
        if token is not None:
            params['_meta'] = {'progressToken': token}
        return self.post({'jsonrpc': '2.0', 'id': id, 'method': 'tools/call', 'params': params}, session=sid, **how)

    def ask(self, sid, routes, why='because', tool='allow', **how):
        return self.call(sid, tool, {'routes_yaml': routes, 'justification': why}, **how)

    # --- the operator's side ---

    def pending(self):
        return pending(self.queue)

    def wait_pending(self):
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            if self.pending():
                return self.pending()[0]
            time.sleep(0.01)
        raise SystemExit('Bail out! no proposal has come')

    def proposal(self, id):
        with open('%s/%s.proposal.json' % (self.queue, id)) as f:
            return json.load(f)

    def answer(self, id, status, notes='', file='', hash=None):
        answer(self.queue, id, status, notes, file, hash)

    # --- TAP ---

    def ok(self, good, name, why=''):
        self.count += 1
        print('%sok %d - %s' % ('' if good else 'not ', self.count, name))
        if not good:
            self.failed += 1
            for line in str(why).split('\n')[:20]:
                print('#   ' + line)
        sys.stdout.flush()
        return good

    def is_(self, got, want, name):
        return self.ok(got == want, name, ' got: %r\nwant: %r' % (got, want))
