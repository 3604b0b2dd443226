#!/usr/bin/env python3
"""
Every path, URL and authority of the url corpus against a running bb-egress,
judged by what reached the origin: nothing, or exactly what was sent.
"""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.environ["BB_SOURCE"], "t", "lib"))
from twoends import Tap, Wire, corpus  # noqa: E402


def route(host, port, methods, prefix):
    """A row of the corpus' route_table.json in the words of a routes file."""
    return {"host": host, "ports": [port],
            "matches": [{"paths": [{"type": "prefix", "value": prefix}], "methods": methods}]}


ROUTES = [
    route("api.allowed.test", 443, ["GET", "POST"], "/v1/"),
    route("files.allowed.test", 80, ["GET", "HEAD"], "/public/"),
    route("example.com", 443, ["GET"], "/"),
]


def head(case, target, host):
    """The request's head."""
    lines = ["%s %s HTTP/1.1" % (case["method"], target)]
    lines += ["Host: " + h for h in case.get("hosts", [host])]
    lines += ["%s: %s" % (name, value) for name, value in case.get("headers", [])]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def send(w, case):
    """Send a case as its kind says; the answer."""
    if case["kind"] == "absolute-url":
        host = re.sub(r"^[^/?#]*://", "", case["target"])
        return w.plain(head(case, case["target"], re.split(r"[/?#]", host)[0]))
    if case["method"] == "CONNECT":
        return w.tunnel(case["connect"], head({"method": "GET"}, "/v1/", case["connect"]), sni=False)
    return w.tunnel(case["connect"], head(case, case["target"], case.get("host")), sni=case["sni"])


def sent_target(case):
    """The target that the origin must get when the case passes."""
    if case["method"] == "CONNECT":
        return "/v1/"
    target = re.sub(r"^[a-zA-Z]+://[^/?#]*", "", case["target"])
    return target if target.startswith("/") else "/" + target


def judge(case, requests, partial, answer):
    """What is wrong with the outcome, or None."""
    if b"[no end]" in answer:
        return "the connection stays open"
    if partial:
        return "a piece of a request arrived"
    if case["expect"] == "deny":
        return "it arrived" if requests else None
    if case["expect"] == "either" and not requests:
        return None if re.match(rb"HTTP/1.1 4\d\d ", answer) else "neither passed nor refused"
    if len(requests) != 1:
        return "%d requests arrived" % len(requests)
    got = requests[0]
    if got.method != ("GET" if case["method"] == "CONNECT" else case["method"]) or got.target != sent_target(case):
        return "it arrived changed"
    if got.field("Proxy-Authorization"):
        return "the proxy's own header was passed on"
    if got.field("Host") not in (["api.allowed.test"], ["files.allowed.test"], ["example.com"]):
        return "with another Host: %s" % got.field("Host")
    return None


def main():
    tap = Tap(__doc__.strip().splitlines()[0])
    cases = corpus("url/route_cases.jsonl")
    if cases is None:
        tap.skip("the corpus", "BB_CORPORA names no directory")
        tap.done()
    wrong = {"MUST": 0, "STRICT": 0, "POLICY": 0}
    passed = 0
    with Wire(ROUTES) as w:
        for case in cases:
            answer = send(w, case)
            requests, partial = w.arrived()
            passed += len(requests)
            why = judge(case, requests, partial, answer)
            if why:
                wrong[case["level"]] += 1
                print("# %s %s: wanted %s (%s): %s: %s %s, answered %r" % (
                    case["level"], case["id"], case["expect"], case["why"], why,
                    case.get("target", case.get("connect")),
                    requests, answer[:150]))
    for level, n in wrong.items():
        tap.same(n, 0, "no %s failure" % level)
    print("# %d of %d passed" % (passed, len(cases)))
    tap.ok(len(cases) >= 1200, "the corpus is the whole one")
    tap.same(w.status, 0, "bb-egress ended in order")
    tap.done()


main()
