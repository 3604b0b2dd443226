#!/usr/bin/env python3
"""
Names and addresses that a hostile agent tries: look-alikes, odd spellings,
literals, names that resolve inwards, rebinding. In a network of its own, where
loopback, private, metadata and "public" addresses all have a listener, which
is where the checks are made, as they are at the name server.
"""
import os
import sys

sys.path.insert(0, os.path.join(os.environ["BB_SOURCE"], "t", "lib"))
from twoends import Names, Origin, Tap, Wire, own_network  # noqa: E402

PUBLIC, OTHER_PUBLIC = "93.184.216.34", "93.184.216.35"
INSIDE = ["127.0.0.1", "10.0.0.1", "169.254.169.254", "100.64.0.1", "192.168.1.1", "::1", "fd00::1", "64:ff9b::a00:1",
          "2002:a00:1::1"]
METADATA = "169.254.169.254"

NAMES = {
    "good.test": [[PUBLIC]],
    "private-ok.test": [["10.0.0.1"]],
    "metadata.test": [[METADATA]],
    "rebinding.test": [[PUBLIC], ["127.0.0.1"]],
    "mixed.test": [["10.0.0.1", PUBLIC, "127.0.0.1"]],
    "redirecting.test": [[OTHER_PUBLIC]],
    "mapped.test": [["::ffff:10.0.0.1"]],
    "nothing.test": [[]],
    "evil.test": [[PUBLIC]],
    "notgood.test": [[PUBLIC]],
    "good.test.evil.tld": [[PUBLIC]],
    "xgood.test": [[PUBLIC]],
    "sub.good.test": [[PUBLIC]],
}
NAMES.update({"inside%d.test" % i: [[a]] for i, a in enumerate(INSIDE)})

ROUTES = [{"host": h, "ports": [80, 443]} for h in
          ["good.test", "metadata.test", "rebinding.test", "mixed.test", "redirecting.test", "mapped.test",
           "nothing.test",
           "127.0.0.1", "::1"] + ["inside%d.test" % i for i in range(len(INSIDE))]]
ROUTES += [{"host": "private-ok.test", "ports": [80], "allow_private": True},
           {"host": "metadata-ok.test", "ports": [80], "allow_private": True}]
NAMES["metadata-ok.test"] = [[METADATA]]

# Spellings of hosts that are no host, or another: none may be looked up or reach anyone.
SPELLINGS = [
    "evil.test", "notgood.test", "xgood.test", "sub.good.test", "good.test.evil.tld", "good.test.", "good..test",
    ".good.test",
    "good.test%2eevil.test", "good%2etest", "g%6fod.test", "user@good.test", "good.test@evil.test",
    "good.test:80@evil.test",
    "good.test%00.evil.test", "good.test\x00.evil.test", "good_x.test", "_good.test", "-good.test", "g\u00f6od.test",
    "g\u043e\u043ed.test", "\uff47ood.test", "good\u3002test", "good.test\\.evil.test", "good.test;evil.test",
    "good.test,evil.test",
    "a." * 127 + "b", ("a" * 63 + ".") * 3 + "a" * 62, "a" * 64 + ".test", "[good.test]", "good.test:080", "good.test:",
    "good.test:8080", "good.test:0",
    "good.test:65616", "secret-0123456789.evil.test", "localhost", "ip6-localhost", "",
    "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.1", "127.0.1", "0", "0.0.0.0", "127.0.0.1.", "127.0.0.01",
    "10.0.0.1",
    "169.254.169.254", "2852039166", "0xa9fea9fe", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]",
    "[fd00::1]", "[::]",
    "[fe80::1%25lo]", "[fe80::1%lo]", "[::1%lo]", "[64:ff9b::127.0.0.1]", "[2002:7f00:1::1]", "::1",
]


def plain(w, host, path="/"):
    """A request through the proxy for a host as it is spelled; the answer."""
    return w.plain(b"GET http://" + host.encode() + path.encode() + b" HTTP/1.1\r\nHost: " + host.encode() +
                   b"\r\n\r\n")


class Ends:
    """Listeners on every address."""

    def __init__(self, w):
        def answer(request):
            if request.field("Host") == ["redirecting.test"]:
                return b"HTTP/1.1 302 Found\r\nLocation: http://%s/latest\r\nContent-Length: 0\r\n\r\n" % METADATA.encode()
            request.close = request.field("Host") == ["rebinding.test"]  # so that the next one needs another look
            return b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

        self.public = [self.listen(w, (a, p), answer) for a in (PUBLIC, OTHER_PUBLIC) for p in (80, 443, 8080)]
        self.inside = [self.listen(w, (a, p), answer) for a in INSIDE for p in (80, 443, 8080)]

    @staticmethod
    def listen(w, address, answer):
        o = Origin(w.certificate, w.key, answer, address)
        o.name = address[0]
        o.start()
        return o

    def reached(self, ends):
        """Addresses that were connected to since the last call."""
        got = [o.name for o in ends if o.accepted]
        for o in ends:
            o.accepted = 0
        return got


def test_spellings(tap, w, names, ends):
    for host in SPELLINGS:
        shown = host if len(host) < 40 else host[:30] + "... (%d)" % len(host)
        for way, answer in (("plain", plain(w, host)),
                            ("tunnel", w.tunnel(host if ":" in host[-6:] else host + ":443", (
                "GET / HTTP/1.1\r\nHost: %s\r\n\r\n" % host).encode(), sni=False))):
            w.barrier()
            tap.ok(ends.reached(ends.public) == [] and ends.reached(ends.inside) == []
                   and not answer.startswith(b"HTTP/1.1 200 OK"),
                   "%s, %r: nobody is reached" % (way, shown), answer)
    tap.same(names.asked, [], "and no name was ever looked up")


def test_controls(tap, w, names, ends):
    answer = plain(w, "good.test")
    tap.ok(answer.endswith(b"ok") and ends.reached(ends.public) == [PUBLIC], "a listed name is reached", answer)
    answer = plain(w, "GOOD.Test")
    tap.ok(answer.endswith(b"ok"), "in any case", answer)
    answer = w.tunnel("good.test:443", b"GET / HTTP/1.1\r\nHost: good.test\r\n\r\n")
    tap.ok(answer.endswith(b"ok"), "and through a tunnel", answer)
    tap.ok(set(names.asked) == {"good.test"}, "that name was looked up", names.asked)
    answer = plain(w, "private-ok.test")
    tap.ok(answer.endswith(b"ok") and ends.reached(ends.inside) == ["10.0.0.1"],
           "a private address where the route permits it", answer)
    ends.reached(ends.public)


def refused_address(tap, w, ends, host, why):
    answer = plain(w, host)
    w.barrier()
    tap.ok(ends.reached(ends.inside) == [] and answer.startswith((b"HTTP/1.1 403", b"HTTP/1.1 502")), why, answer)


def test_addresses(tap, w, ends):
    for i, address in enumerate(INSIDE):
        refused_address(tap, w, ends, "inside%d.test" % i, "a listed name that resolves to %s: refused" % address)
    refused_address(tap, w, ends, "mapped.test", "one that resolves to a mapped address: refused")
    refused_address(tap, w, ends, "metadata.test", "one that resolves to the metadata service: refused")
    refused_address(tap, w, ends, "metadata-ok.test", "even where private addresses are permitted")
    refused_address(tap, w, ends, "127.0.0.1", "a listed literal of loopback, without allow_private: refused")
    refused_address(tap, w, ends, "[::1]", "and of IPv6")
    refused_address(tap, w, ends, "nothing.test", "a name without an address: refused")
    tap.same(ends.reached(ends.public), [], "and nobody else was reached instead")


def test_mixed_and_rebinding(tap, w, names, ends):
    answer = plain(w, "mixed.test")
    w.barrier()
    tap.ok(ends.reached(ends.inside) == [], "mixed answers never lead inside", answer)
    ends.reached(ends.public)
    names.asked.clear()
    answers = [plain(w, "rebinding.test") for _ in range(5)]
    w.barrier()
    tap.ok(answers[0].endswith(b"ok") and names.asked.count("rebinding.test") > 2, "a name is looked up again",
           names.asked)
    tap.ok(ends.reached(ends.inside) == [], "a name that moves inside after the first look is not followed there",
           answers)
    ends.reached(ends.public)
    answer = plain(w, "redirecting.test")
    w.barrier()
    tap.ok(b"302 Found" in answer and ends.reached(ends.inside) == [], "a redirect inside is given back, not followed",
           answer)


def main():
    alone = own_network([a for a in [PUBLIC, OTHER_PUBLIC] + INSIDE if a not in ("127.0.0.1", "::1")])
    tap = Tap(__doc__.strip().splitlines()[0])
    if not alone:
        tap.skip("names and addresses", "this user may not have a network of its own")
        tap.done()
    names = Names(NAMES)
    names.start()
    with Wire(ROUTES, names=["good.test"], upstream=False) as w:
        ends = Ends(w)
        test_spellings(tap, w, names, ends)
        test_controls(tap, w, names, ends)
        test_addresses(tap, w, ends)
        test_mixed_and_rebinding(tap, w, names, ends)
    tap.same(w.status, 0, "bb-egress ended in order")
    tap.done()


main()
