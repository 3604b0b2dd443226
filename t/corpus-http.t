#!/usr/bin/env python3
"""
Every request stream of the http corpus against a running bb-egress, inside
CONNECT and TLS and in absolute form, judged by what reached the origin.
"""
import base64
import os
import re
import sys

sys.path.insert(0, os.path.join(os.environ["BB_SOURCE"], "t", "lib"))
from twoends import Tap, Wire, corpus  # noqa: E402

# The grammar alone: with detectors on, a body in a Content-Encoding that nobody can decode is refused (t/egress-dlp.t).
PLAIN = {"dlp": {"outbound_detectors": False, "inbound_detectors": False}}
ROUTES = [{"host": "allowed.test", **PLAIN}, {"host": "example.com", **PLAIN},
          {"host": "::1", "ports": [8080], **PLAIN}]


def absolute(stream, listed):
    """The stream with the first target, and those of later listed requests, in absolute form."""
    stream = re.sub(rb"\A([!-~]+) /", rb"\1 http://allowed.test/", stream)
    at = 1
    for r in listed[1:]:
        line = ("%s %s " % (r["method"], r["target"])).encode("latin-1")
        at = stream.find(line, at)
        if at < 0:
            break
        space = at + len(r["method"]) + 1
        stream = stream[:space] + b"http://allowed.test" + stream[space:]
        at = space
    return stream


def same_target(got, want):
    """Compare a target with a listed one, which may be absolute, or cut: 'BEGINNING...(LENGTH bytes)'."""
    want = re.sub(r"^https?://[^/?]*", "", want) or "/"
    cut = re.match(r"(.*)\.\.\.\((\d+) bytes\)$", want)
    return got.startswith(cut[1]) and len(got) == int(cut[2]) if cut else got == want


def as_listed(requests, listed):
    """Are these requests the first ones of the list?"""
    return len(requests) <= len(listed) and all(
        g.method == w["method"] and same_target(g.target, w["target"]) and len(g.body) == w["body_len"] and
        g.sha256 == w["body_sha256"] for g, w in zip(requests, listed))


def judge(expect, requests, partial, answer):
    """What is wrong with the outcome, or None."""
    listed = [r for r in expect["requests"] if r["method"] != "CONNECT"]
    statuses = re.findall(rb"HTTP/1.1 (\d{3}) (?!Connection established)", answer)
    if b"[no end]" in answer:
        return "the connection stays open"
    if not as_listed(requests, listed):
        return "other requests than the listed ones arrived"
    if partial and expect["verdict"] == "reject":
        return "a piece of a refused request arrived"
    if statuses.count(b"200") != len(requests):
        return "%d answers for %d requests" % (statuses.count(b"200"), len(requests))
    if expect["verdict"] == "accept" and (len(requests) != len(listed) or b"400" in statuses):
        return "not all requests arrived, or more was answered"
    if expect["verdict"] == "either" and len(requests) != len(listed) and not statuses and listed:
        return "neither passed nor refused"
    if expect["verdict"] == "reject" and len(requests) > expect["accept_before"]:
        return "a refused request arrived"
    return None


def run(w, tap, cases, name, send):
    """One way of sending, all cases."""
    wrong = {"MUST": 0, "STRICT": 0, "POLICY": 0}
    for case in cases:
        stream = base64.b64decode(case["b64"])
        answer = send(case, stream)
        if answer is None:
            continue
        requests, partial = w.arrived()
        why = judge(case["expect"], requests, partial, answer)
        if why:
            wrong[case["expect"]["level"]] += 1
            print("# %s %s (%s): %s: arrived %s %s, answered %r" % (
                case["expect"]["level"], case["id"], case["expect"]["verdict"], why, requests,
                [p[:80] for p in partial],
                answer[:100]))
    for level, n in wrong.items():
        tap.same(n, 0, "%s: no %s failure" % (name, level))


def main():
    tap = Tap(__doc__.strip().splitlines()[0])
    cases = corpus("http/requests.jsonl")
    if cases is None:
        tap.skip("the corpus", "BB_CORPORA names no directory")
        tap.done()
    with Wire(ROUTES) as w:
        def in_tunnel(case, stream):
            # What names its own authority is for the plain connection.
            first = stream.split(b"\r\n")[0]
            if re.match(rb"[!-~]+ (http|CONNECT|\[)", first) or stream.startswith(b"CONNECT "):
                return w.plain(stream)
            return w.tunnel("allowed.test:443", stream)

        run(w, tap, cases, "in a tunnel", in_tunnel)
        run(w, tap, cases, "in absolute form", lambda case,
            stream: w.plain(absolute(stream, case["expect"]["requests"])))
    tap.ok(len(cases) >= 700, "the corpus is the whole one")
    tap.same(w.status, 0, "bb-egress ended in order")
    tap.done()


main()
