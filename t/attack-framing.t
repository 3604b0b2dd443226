#!/usr/bin/env python3
"""
Framing attacks from both sides: requests that two readers would read in two
ways, names that differ between the layers, protocols that are not HTTP/1.1, and
an origin that answers with the same tricks. Checked at the other end.
"""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.environ["BB_SOURCE"], "t", "lib"))
from twoends import Tap, Wire  # noqa: E402

ROUTES = [
    {"host": "a.test"},
    {"host": "b.test"},
    {"host": "get.test", "matches": [{"methods": ["GET"]}]},
    {"host": "key.test", "auth": {"scheme": "Bearer", "token_env": "TOKEN"}},
]
SECRET = "tok-0123456789-real"


def statuses(answer):
    """The statuses of all responses in what a client got."""
    return [int(s) for s in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)]


def request(host="a.test", line="GET / HTTP/1.1", *fields, body=b""):
    return "\r\n".join([line, "Host: " + host, *fields, "", ""]).encode("latin-1") + body


def test_names_that_differ(tap, w):
    cases = [
        ("SNI of another listed host", "a.test:443", "b.test", request("a.test"), 421),
        ("SNI of an unlisted host", "a.test:443", "evil.test", request("a.test"), 421),
        ("Host of another listed host", "a.test:443", "a.test", request("b.test"), 421),
        ("Host of an unlisted host", "a.test:443", "a.test", request("evil.test"), 421),
        ("Host with another port", "a.test:443", "a.test", request("a.test:8443"), 421),
        ("SNI and Host against the CONNECT", "evil.test:443", "a.test", request("a.test"), 421),
        ("CONNECT of an unlisted host", "evil.test:443", "evil.test", request("evil.test"), 403),
        ("an absolute target of another host", "a.test:443", "a.test",
         request("a.test", "GET https://b.test/ HTTP/1.1"), 421),
        ("an absolute target of another scheme", "a.test:443", "a.test",
         request("a.test", "GET http://a.test/ HTTP/1.1"), 421),
        ("two Hosts", "a.test:443", "a.test", request("a.test", "GET / HTTP/1.1", "Host: b.test"), 400),
        ("no Host", "a.test:443", "a.test", b"GET / HTTP/1.1\r\n\r\n", 400),
        ("no Host in HTTP/1.0", "a.test:443", "a.test", b"GET / HTTP/1.0\r\n\r\n", 400),
        ("X-Forwarded-Host does not matter", "a.test:443", "a.test",
         request("b.test", "GET / HTTP/1.1", "X-Forwarded-Host: a.test"), 421),
    ]
    for name, authority, sni, data, want in cases:
        answer = w.tunnel(authority, data, sni)
        tap.ok(w.arrived() == ([], []) and statuses(answer)[:1] == [want], "%s: %d" % (name, want), answer)
    answer = w.plain(b"GET http://a.test/ HTTP/1.1\r\nHost: b.test\r\n\r\n")
    tap.ok(w.arrived() == ([], []) and statuses(answer) == [421], "an absolute target and another Host, plain: 421",
           answer)


def test_later_requests(tap, w):
    answer = w.tunnel("a.test:443", request("a.test", "GET /1 HTTP/1.1") + request("b.test", "GET /2 HTTP/1.1") +
                      request("a.test", "GET /3 HTTP/1.1", "Connection: close"))
    requests, _ = w.arrived()
    tap.ok([r.target for r in requests] == ["/1", "/3"] and statuses(answer) == [200, 421, 200],
           "the second request of a connection is judged for itself", (requests, answer))
    tap.ok({r.field("Host")[0] for r in requests} == {"a.test"}, "and only the right host is reached")
    answer = w.tunnel("a.test:443", request("a.test", "POST /1 HTTP/1.1", "Content-Length: 2", body=b"xx") +
                      request("a.test", "POST /2 HTTP/1.1", "Content-Length: 2", "Transfer-Encoding: chunked",
                              body=b"0\r\n\r\n") +
                      request("a.test", "GET /3 HTTP/1.1"))
    requests, partial = w.arrived()
    tap.ok([r.target for r in requests] == ["/1"] and not partial and statuses(answer) == [200, 400],
           "behind an ambiguous request nothing is read", (requests, answer))


def test_odd_requests(tap, w):
    cases = [
        ("lower-case method where methods are listed", request("get.test", "get / HTTP/1.1"), 403),
        ("TRACE", request("get.test", "TRACE / HTTP/1.1"), 403),
        ("an override of the method", request("get.test", "GET / HTTP/1.1", "X-HTTP-Method-Override: DELETE"), 403),
        ("CONNECT inside", b"CONNECT b.test:443 HTTP/1.1\r\nHost: b.test:443\r\n\r\n", 400),
        ("a head without end", b"GET / HTTP/1.1\r\nHost: a.test\r\n" + b"X: " + b"y" * 70000, 400),
        ("fields without end", b"GET / HTTP/1.1\r\nHost: a.test\r\n" + b"X: y\r\n" * 200, 400),
        ("a WebSocket of another version", request("a.test", "GET / HTTP/1.1", "Connection: Upgrade",
                                                   "Upgrade: websocket", "Sec-WebSocket-Version: 12",
                                "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="), 426),
        ("hop-by-hop abuse", request("a.test", "GET / HTTP/1.1", "Connection: close, Authorization",
                                     "Authorization: x"), 400),
    ]
    for name, data, want in cases:
        host = "get.test" if b"get.test" in data else "a.test"
        answer = w.tunnel(host + ":443", data)
        tap.ok(w.arrived() == ([], []) and statuses(answer)[:1] == [want], "%s: %d" % (name, want), answer)
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0" + b"\0\0\1\1\5\0\0\0\1\x82"
    for name, answer in (("in clear", w.plain(preface)), ("in TLS", w.tunnel("a.test:443", preface))):
        tap.ok(w.arrived() == ([], []) and b"\x00\x00\x00\x0dHTTP/2 is not served here; use HTTP/1.1" in answer,
               "HTTP/2 %s is told to use HTTP/1.1" % name, answer)


def test_not_tls(tap, w):
    for name, data in (("SSH", b"SSH-2.0-OpenSSH_9.2\r\n"), ("HTTP", request()), ("noise", bytes(range(200, 256)) * 20),
                       ("a broken ClientHello", b"\x16\x03\x01\x40\x00" + b"\x01" * 300)):
        s = w.connect()
        s.sendall(b"CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n")
        answer = w.talk(s, data)
        tap.ok(w.arrived() == ([], []) and b" 200 OK" not in answer and b"[no end]" not in answer,
               "%s behind a CONNECT: nobody is reached" % name, answer)
    s, _ = w.open_tunnel("a.test:443", "a.test", alpn=["h2", "http/1.1"])
    tap.same(s.selected_alpn_protocol(), "http/1.1", "a client that offers h2 gets HTTP/1.1")
    s.close()


def test_what_is_not_passed_on(tap, w):
    w.tunnel("a.test:443", request(
        "a.test", "GET /x%41?q HTTP/1.1", "Connection: x-mine, keep-alive, Upgrade", "X-Mine: 1", "Upgrade: h2c",
        "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA", "Keep-Alive: 5", "Proxy-Authorization: Basic eDp5",
        "Proxy-Connection: close", "TE: trailers",
        "Trailer: X-T", "Accept: */*", "X-Kept: \t v  w "))
    requests, _ = w.arrived()
    got = requests[0] if requests else None
    tap.ok(got and got.target == "/x%41?q", "a path is passed on as it is spelled", requests)
    tap.same([k for k, _ in got.fields], ["Host", "Accept", "X-Kept"],
             "and of the headers, those that are for the origin")
    tap.same(got.field("X-Kept"), ["v  w"], "without the blanks around their values")
    w.tunnel("a.test:443", request("a.test", "POST / HTTP/1.1", "Transfer-Encoding: chunked", "Trailer: X-T",
                                   body=b"5;ext=1\r\nhello\r\n1\r\n!\r\n0\r\nX-T: evil\r\n\r\n"))
    requests, _ = w.arrived()
    tap.ok(requests and requests[0].body == b"hello!" and "evil" not in str(requests[0].fields),
           "chunks arrive, extensions and trailers do not", requests)
    w.tunnel("key.test:443", request("key.test", "GET / HTTP/1.1", "Authorization: Bearer theirs",
                                     "Cookie: session=theirs"))
    requests, _ = w.arrived()
    tap.ok(requests and requests[0].field("Authorization") == ["Bearer " + SECRET]
           and "theirs" not in str(requests[0].fields),
           "a credential of theirs is replaced by ours", requests and requests[0].fields)
    for cookie, want in (("session=theirs", []), ("session=ours", ["session=ours"]),
                         ("a=b; session=ours; c", ["session=ours"])):
        w.tunnel("key.test:443", request("key.test", "GET / HTTP/1.1", "Cookie: " + cookie))
        requests, _ = w.arrived()
        tap.ok(requests and requests[0].field("Cookie") == want, "of the cookies %r, what the origin has set passes" %
               cookie, requests)
        w.tunnel("key.test:443", request("key.test", "GET /login HTTP/1.1"))
        w.arrived()
    for line, field in (("GET /?api_key=theirs HTTP/1.1", "A: b"), ("GET / HTTP/1.1", "X-Api-Key: theirs")):
        answer = w.tunnel("key.test:443", request("key.test", line, field))
        tap.ok(w.arrived() == ([], []) and statuses(answer) == [403] and b"theirs" not in answer,
               "another credential beside it: 403 (%s)" % line, answer)
    answer = w.plain(b"GET http://key.test/ HTTP/1.1\r\nHost: key.test\r\n\r\n")
    tap.ok(w.arrived() == ([], []) and statuses(answer) == [403], "a route with a credential in clear: 403", answer)


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
FORGED = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"

# What the origin says: (answer, does it close behind it, what the client must see).
HOSTILE = {
    "/two-lengths": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", False, 502),
    "/both": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", False, 502),
    "/coding": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", False, 502),
    "/bare-lf": (b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", True, 502),
    "/fold": (b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nok", False, 502),
    "/nul": (b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 2\r\n\r\nok", False, 502),
    "/space": (b"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok", False, 502),
    "/version": (b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok", False, 502),
    "/http09": (b"<html>hello</html>", True, 502),
    "/status": (b"HTTP/1.1 99 OK\r\nContent-Length: 2\r\n\r\nok", False, 502),
    "/silent": (b"", True, 502),
    "/half-head": (b"HTTP/1.1 200 OK\r\nContent-Le", True, 502),
    "/fields": (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n", True, 502),
    "/endless-head": (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 300000, True, 502),
    "/endless-interim": (b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 20000, True, 502),
    "/switch": (b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nraw", False,
                502),
}


def hostile_answer(r):
    """The hostile origin."""
    if r.target in HOSTILE:
        answer, r.close, _ = HOSTILE[r.target]
        return answer
    if r.target == "/extra" or r.target == "/extra-head":
        return (OK if r.method != "HEAD" else b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n") + FORGED
    if r.target == "/no-content":
        return b"HTTP/1.1 204 No Content\r\nContent-Length: 6\r\n\r\nforged" + FORGED
    if r.target == "/short":
        r.close = True
        return b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nok"
    if r.target == "/cut-chunks":
        r.close = True
        return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n"
    if r.target == "/bad-chunks":
        return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0x1\r\n!\r\n0\r\n\r\n" + FORGED
    if r.target == "/login":
        return b"HTTP/1.1 200 OK\r\nSet-Cookie: session=ours; HttpOnly\r\nContent-Length: 2\r\n\r\nok"
    if r.target == "/hop":
        return (b"HTTP/1.1 200 OK\r\nConnection: x-mine\r\nX-Mine: 1\r\nAlt-Svc: h3=\":443\"\r\nKeep-Alive: 9\r\n"
                b"Proxy-Authenticate: Basic\r\nX-Kept: 1\r\nContent-Length: 2\r\n\r\nok")
    return OK if r.method != "HEAD" else b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"


def test_hostile_answers(tap, w):
    for path, (_, _, want) in HOSTILE.items():
        answer = w.tunnel("a.test:443", request("a.test", "GET %s HTTP/1.1" % path))
        final = [s for s in statuses(answer) if s >= 200]
        tap.ok(final == [want] and b"[no end]" not in answer, "the origin's %s: %d" % (path[1:], want),
               (final, answer[:300]))
    w.arrived()


def test_responses_that_do_not_end(tap, w):
    for path in ("/short", "/cut-chunks", "/bad-chunks"):
        answer = w.tunnel("a.test:443", request("a.test", "GET %s HTTP/1.1" % path) + request("a.test",
                                                                                              "GET /next HTTP/1.1"))
        whole = answer.endswith(b"0\r\n\r\n") or b"forged" in answer or len(statuses(answer)) > 1
        tap.ok(statuses(answer)[:1] in ([200], [502]) and not whole, "the origin's %s is seen to be broken" % path[1:],
               answer)
    w.arrived()


def test_response_smuggling(tap, w):
    for path, method in (("/extra", "GET"), ("/extra-head", "HEAD"), ("/no-content", "GET")):
        answer = w.tunnel("a.test:443", request("a.test", "%s %s HTTP/1.1" % (method, path)) +
                          request("a.test", "GET /next HTTP/1.1"))
        again = w.tunnel("a.test:443", request("a.test", "GET /again HTTP/1.1"))
        tap.ok(b"forged" not in answer + again and again.endswith(b"ok"),
               "what follows an answer (%s) is nobody's answer" % path[1:], (answer, again))
    answer = w.tunnel("a.test:443", request("a.test", "GET /hop HTTP/1.1"))
    tap.ok(answer.endswith(b"ok") and b"X-Kept" in answer and
           not re.search(rb"x-mine|alt-svc|keep-alive|proxy-authenticate", answer, re.I),
           "hop-by-hop fields and Alt-Svc stay behind", answer)
    w.arrived()


def main():
    tap = Tap(__doc__.strip().splitlines()[0])
    with Wire(ROUTES, environment={"TOKEN": SECRET}, answer=hostile_answer) as w:
        test_names_that_differ(tap, w)
        test_later_requests(tap, w)
        test_odd_requests(tap, w)
        test_not_tls(tap, w)
        test_what_is_not_passed_on(tap, w)
        test_hostile_answers(tap, w)
        test_responses_that_do_not_end(tap, w)
        test_response_smuggling(tap, w)
        tap.ok(SECRET not in w.logged(), "the credential is in no log")
    tap.same(w.status, 0, "bb-egress ended in order")
    tap.done()


main()
