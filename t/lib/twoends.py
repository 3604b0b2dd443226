"""
The two ends of bb-egress for tests that look at bytes: an origin that records
all that reaches it, a client that sends what it is told to, the proxy between.

    with Wire([{"host": "a.test"}]) as w:
        w.tunnel("a.test:443", b"GET / HTTP/1.1\\r\\nHost: a.test\\r\\n\\r\\n")
        w.arrived()     what the origin got since the last time: requests, and partial ones

Every route gets "upstream" with the origin's address and authority. The origin
speaks TLS or plain HTTP, whichever comes, answers every request with 200, and
runs in one thread that answers only after it has read all that is there: when
the answer to a later request is here, everything earlier has been recorded.
"""
import contextlib
import hashlib
import json
import os
import re
import selectors
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading

TIMEOUT = 20  # seconds that nothing here takes unless something is wrong


class Request:
    """A request that arrived whole."""

    def __init__(self, method, target, version, fields, body):
        self.method, self.target, self.version, self.fields, self.body = method, target, version, fields, body
        self.close = False  # an answer sets it to end the connection behind itself
        self.sha256 = hashlib.sha256(body).hexdigest()

    def field(self, name):
        """Values of a header, in order."""
        return [v for k, v in self.fields if k.lower() == name.lower()]

    def __repr__(self):
        return "%s %s (%d bytes)" % (self.method, self.target, len(self.body))


def parse_request(data):
    """Take a whole request off data: (Request, rest), or None while it is not whole. Reads what bb-egress writes."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    lines = data[:end].decode("latin-1").split("\r\n")
    method, target, version = lines[0].split(" ")
    fields = [tuple(line.split(": ", 1)) for line in lines[1:]]
    rest = data[end + 4:]
    given = {k.lower(): v for k, v in fields}
    if given.get("transfer-encoding") == "chunked":
        body = b""
        while True:
            line = rest.find(b"\r\n")
            if line < 0:
                return None
            size = int(rest[:line], 16)
            if len(rest) < line + 2 + size + 2:
                return None
            body += rest[line + 2:line + 2 + size]
            rest = rest[line + 2 + size + 2:]
            if size == 0:
                break
    else:
        size = int(given.get("content-length", "0"))
        if len(rest) < size:
            return None
        body, rest = rest[:size], rest[size:]
    return Request(method, target, version, fields, body), rest


class Connection:
    """One connection to the origin."""

    def __init__(self, sock):
        self.sock, self.data, self.secure, self.sniffed, self.continued = sock, b"", None, False, False
        self.out, self.closing = b"", False


class Origin(threading.Thread):
    """Records; see above. answer, when set, makes the answer's bytes from a Request (None: keep silent)."""

    def __init__(self, certificate, key, answer=None, address=("127.0.0.1", 0)):
        super().__init__(daemon=True)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.listener = socket.create_server(address, family=family, backlog=128)
        self.listener.setblocking(False)
        self.port = self.listener.getsockname()[1]
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.lock = threading.Lock()
        self.requests, self.partial, self.connections, self.accepted = [], [], {}, 0
        self.answer = answer
        self.stopping = False

    def take(self):
        """What has arrived since the last call: requests, and pieces of requests that are not whole."""
        with self.lock:
            requests, self.requests = self.requests, []
            partial, self.partial = self.partial, []
            partial += [c.data for c in self.connections.values() if c.data]
            return requests, partial

    def run(self):
        while not self.stopping:
            events = self.selector.select(0.2)
            with self.lock:
                for key, _ in events:
                    if key.fileobj is self.listener:
                        self.accept()
                    else:
                        self.read(self.connections[key.fileobj])
                for c in list(self.connections.values()):
                    self.write(c)
        for c in list(self.connections.values()):
            c.sock.close()
        self.listener.close()

    def accept(self):
        with contextlib.suppress(BlockingIOError):
            while True:
                sock, _ = self.listener.accept()
                sock.setblocking(False)
                self.accepted += 1
                c = Connection(sock)
                self.connections[sock] = c
                self.selector.register(sock, selectors.EVENT_READ)

    def drop(self, c):
        if c.data:
            self.partial.append(c.data)
        for key, value in list(self.connections.items()):
            if value is c:
                self.selector.unregister(key)
                del self.connections[key]
        c.sock.close()

    def sniff(self, c):
        """TLS or not; false while nothing is there to tell from."""
        first = c.sock.recv(1, socket.MSG_PEEK)
        if first == b"\x16":
            self.selector.unregister(c.sock)
            del self.connections[c.sock]
            c.sock = self.context.wrap_socket(c.sock, server_side=True, do_handshake_on_connect=False)
            c.sock.setblocking(False)
            self.connections[c.sock] = c
            self.selector.register(c.sock, selectors.EVENT_READ)
            c.secure = False
        c.sniffed = True

    def read(self, c):
        try:
            if not c.sniffed:
                self.sniff(c)
            if c.secure is False:
                c.sock.do_handshake()
                c.secure = True
            while True:
                piece = c.sock.recv(65536)
                if not piece:
                    self.drop(c)
                    return
                c.data += piece
                self.parse(c)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except OSError:
            self.drop(c)

    def parse(self, c):
        while c.data:
            if not c.continued and b"\r\n\r\n" in c.data and re.search(rb"\r\nexpect:", c.data.split(b"\r\n\r\n")[0],
                                                                       re.I):
                c.out += b"HTTP/1.1 100 Continue\r\n\r\n"
                c.continued = True
            got = parse_request(c.data)
            if not got:
                return
            request, c.data = got
            c.continued = False
            request.secure = bool(c.secure)
            self.requests.append(request)
            if self.answer:
                c.out += self.answer(request) or b""
                c.closing = c.closing or request.close
            else:
                c.out += b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + (b"" if request.method == "HEAD" else b"ok")

    def write(self, c):
        try:
            while c.out:
                c.out = c.out[c.sock.send(c.out):]
            if c.closing:
                self.drop(c)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except OSError:
            self.drop(c)


def make_certificates(directory, names):
    """An authority and one certificate for all names: paths of the authority, the certificate, the key."""
    san = ",".join(("IP:" if re.fullmatch(r"[0-9.]+|.*:.*", n) else "DNS:") + n for n in names)
    ext = os.path.join(directory, "ext")
    with open(ext, "w") as f:
        f.write("subjectAltName=%s\nbasicConstraints=critical,CA:FALSE\n" % san)
    commands = [
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test "
        "-addext keyUsage=critical,keyCertSign -keyout ca.key -out ca.pem",
        "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=origin -keyout origin.key -out origin.csr",
        "x509 -req -in origin.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out origin.pem",
    ]
    for c in commands:
        subprocess.run(["openssl"] + c.split(), cwd=directory, check=True, capture_output=True)
    return [os.path.join(directory, n) for n in ("ca.pem", "origin.pem", "origin.key")]


class Wire:
    """An origin, bb-egress with these routes, and a client."""

    def __init__(self, routes, names=None, options=(), environment=None, answer=None, upstream=True):
        self.routes, self.options, self.environment, self.upstream = routes, options, environment or {}, upstream
        self.directory = tempfile.mkdtemp(prefix="bb-wire.")
        os.chmod(self.directory, 0o755)  # the role that reads the authority is another user
        names = names or [r["host"] for r in routes]
        self.authority, certificate, key = make_certificates(self.directory, names + ["barrier.test"])
        self.certificate, self.key = certificate, key
        self.origin = Origin(certificate, key, answer)
        self.barriers = None

    def __enter__(self):
        self.origin.start()
        routes = [dict(r) for r in self.routes]
        if self.upstream:
            for r in routes:
                r.setdefault("upstream", {"connect": "127.0.0.1:%d" % self.origin.port, "ca_file": self.authority})
        routes.append({"host": "barrier.test", "upstream": {"connect": "127.0.0.1:%d" % self.origin.port}})
        path = os.path.join(self.directory, "routes.yaml")
        with open(path, "w") as f:
            json.dump({"routes": routes}, f)
        listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = listener.getsockname()[1]
        ready, ready_end = os.pipe()
        state = os.path.join(self.directory, "state")
        os.mkdir(state, 0o700)
        self.log = open(os.path.join(self.directory, "log"), "w+")
        self.proxy = subprocess.Popen(
            [os.path.join(os.environ["BB_BUILD"], "bin", "bb-egress"), "--routes", path, "--listener",
             str(listener.fileno()),
             "--state", state, "--ready", str(ready_end), *self.options,
             *([] if self.upstream else ["--trust", self.authority])],
            pass_fds=[listener.fileno(), ready_end], stdout=self.log, stderr=self.log,
            env={**os.environ, **self.environment})
        os.close(ready_end)
        listener.close()
        with open(ready, "rb") as f:
            said = f.readline()
        if not said.endswith(b"\n"):
            raise RuntimeError("bb-egress did not start: " + self.logged())
        self.client_context = ssl.create_default_context(cafile=os.path.join(state, "ca.pem"))
        self.client_context.check_hostname = False
        return self

    def __exit__(self, *_):
        if self.barriers:
            self.barriers.close()
        self.proxy.terminate()
        self.status = self.proxy.wait(TIMEOUT)
        self.origin.stopping = True
        self.origin.join(TIMEOUT)
        self.log.close()
        shutil.rmtree(self.directory)

    def logged(self):
        """What bb-egress has written so far."""
        with open(self.log.name) as f:
            return f.read()

    def connect(self):
        s = socket.create_connection(("127.0.0.1", self.port), TIMEOUT)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return s

    def barrier(self):
        """Return when all that was sent before has been dealt with and recorded."""
        if not self.barriers:
            self.barriers = self.connect()
        self.barriers.sendall(b"GET http://barrier.test/ HTTP/1.1\r\nHost: barrier.test\r\n\r\n")
        got = b""
        while not got.endswith(b"ok"):
            piece = self.barriers.recv(4096)
            if not piece:
                raise RuntimeError("the barrier connection ended: %r" % got)
            got += piece

    def arrived(self):
        """Requests and pieces that reached the origin since the last call."""
        self.barrier()
        requests, partial = self.origin.take()
        return [r for r in requests if dict(r.fields).get("Host") != "barrier.test"], partial

    def talk(self, sock, data, step=0):
        """Send, in pieces of step bytes if given, end our side, and return what comes until the end."""
        try:
            for at in range(0, len(data), step or max(len(data), 1)):
                sock.sendall(data[at:at + (step or len(data))])
        except OSError:
            pass  # refused before the end: what was answered is still there
        with contextlib.suppress(OSError):
            socket.socket.shutdown(sock, socket.SHUT_WR)
        return self.drain(sock)

    def drain(self, sock):
        got = b""
        try:
            while True:
                piece = sock.recv(65536)
                if not piece:
                    break
                got += piece
        except TimeoutError:
            got += b"[no end]"
        except OSError:
            pass
        sock.close()
        return got

    def plain(self, data, step=0):
        """Send bytes to the proxy as they are."""
        return self.talk(self.connect(), data, step)

    def open_tunnel(self, authority, sni=None, alpn=None, request=None):
        """CONNECT and the handshake: the TLS socket, or (None, answer) when there is none."""
        s = self.connect()
        s.sendall(request or b"CONNECT " + authority.encode() + b" HTTP/1.1\r\nHost: " +
                  authority.encode() + b"\r\n\r\n")
        head = b""
        while b"\r\n\r\n" not in head:
            piece = s.recv(4096)
            if not piece:
                s.close()
                return None, head
            head += piece
        if not head.startswith(b"HTTP/1.1 200"):
            s.close()
            return None, head
        context = self.client_context
        if alpn:
            context = ssl.create_default_context(cafile=os.path.join(self.directory, "state", "ca.pem"))
            context.check_hostname = False
            context.set_alpn_protocols(alpn)
        try:
            return context.wrap_socket(s, server_hostname=sni, suppress_ragged_eofs=True), head
        except (OSError, ValueError) as e:
            s.close()
            return None, ("TLS: %s" % e).encode()

    def tunnel(self, authority, data, sni=None, step=0):
        """Send bytes inside CONNECT and TLS; sni defaults to the authority's name, False sends none."""
        if sni is None:
            sni = authority.rpartition(":")[0].strip("[]")
        s, answer = self.open_tunnel(authority, sni or None)
        return self.talk(s, data, step) if s else answer


class Names(threading.Thread):
    """
    A name server on 127.0.0.1:53 of a network namespace of our own. table maps a
    name to the list of its answers, each a list of addresses: the first query of a
    type gets the first that has one of that type, later ones the next, the last again and again.
    """

    def __init__(self, table):
        super().__init__(daemon=True)
        self.table, self.asked = {k: list(v) for k, v in table.items()}, []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 53))

    def run(self):
        while True:
            query, peer = self.socket.recvfrom(4096)
            labels, at = [], 12
            while query[at]:
                labels.append(query[at + 1:at + 1 + query[at]].decode("latin-1"))
                at += 1 + query[at]
            question = query[12:at + 5]
            kind = int.from_bytes(query[at + 1:at + 3], "big")
            name = ".".join(labels).lower()
            self.asked.append(name)
            records = [a for a in self.addresses(name, kind) if (":" in a) == (kind == 28)]
            answer = query[:2] + (b"\x81\x80" if name in self.table else b"\x81\x83") + b"\0\1"
            answer += len(records).to_bytes(2, "big") + b"\0\0\0\0" + question
            for a in records:
                data = socket.inet_pton(socket.AF_INET6 if ":" in a else socket.AF_INET, a)
                answer += b"\xc0\x0c" + kind.to_bytes(2, "big") + b"\0\1\0\0\0\0" + len(data).to_bytes(2, "big") + data
            self.socket.sendto(answer, peer)

    def addresses(self, name, kind):
        turns = self.table.get(name)
        if kind not in (1, 28) or not turns:
            return []
        return turns.pop(0) if kind == 1 and len(turns) > 1 else turns[0]


def own_network(addresses):
    """
    Go on as root of network and mount namespaces of our own, where these addresses
    are the machine's and the name server is 127.0.0.1. False where that is not permitted.
    """
    if "BB_OWN_NETWORK" not in os.environ:
        command = ["unshare", "--map-root-user", "--net", "--mount", "true"]
        if subprocess.run(command, capture_output=True).returncode:
            return False
        os.environ["BB_OWN_NETWORK"] = "1"
        os.execvp("unshare", command[:-1] + [sys.executable, os.path.abspath(sys.argv[0]), *sys.argv[1:]])
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for a in addresses:
        subprocess.run(["ip", "address", "add", a, "dev", "lo", *(["nodad"] if ":" in a else [])], check=True)
    with tempfile.NamedTemporaryFile("w", prefix="bb-resolv.", delete=False) as f:
        f.write("nameserver 127.0.0.1\n")
    os.chmod(f.name, 0o644)
    subprocess.run(["mount", "--bind", f.name, os.path.realpath("/etc/resolv.conf")], check=True)
    os.unlink(f.name)
    return True


class Tap:
    """TAP, for tests in Python."""

    def __init__(self, title):
        self.count = self.failed = 0
        print("# " + title)

    def ok(self, good, name, why=""):
        self.count += 1
        self.failed += not good
        print("%sok %d - %s" % ("" if good else "not ", self.count, name))
        if not good and why:
            print("\n".join("# " + line for line in str(why).splitlines()))
        return good

    def same(self, got, want, name):
        return self.ok(got == want, name, " got: %r\nwant: %r" % (got, want))

    def skip(self, name, reason):
        self.count += 1
        print("ok %d - %s # SKIP %s" % (self.count, name, reason))

    def done(self):
        print("1..%d" % self.count)
        raise SystemExit(1 if self.failed else 0)


def corpus(name):
    """The lines of a corpus, or None when there are none."""
    path = os.path.join(os.environ.get("BB_CORPORA", ""), name)
    if not os.path.isdir(os.environ.get("BB_CORPORA", "")):
        return None
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f]
