#!/usr/bin/python3
"""YAML documents and front matter from public test suites, each judged.

Documents go through lib/yaml.h (t/lib/yaml-json), whole files through bb-parse
check. A case that must be refused is refused; what is accepted has exactly the
value that the suite gives for it; every refusal costs less than 100 ms of
processor time and 16 MiB.
"""

import base64
import collections
import json
import math
import os
import subprocess
import sys
import tempfile

import yaml

BUILD = os.environ["BB_BUILD"]
CORPORA = os.path.join(os.environ["BB_CORPORA"], "yaml")
MS_MAX, KIB_MAX = 100, 16 * 1024
SANITIZED = "-san" in BUILD

checks = failures = 0


def check(good, name, *details):
    """Print one line of TAP, with details when the check failed."""
    global checks, failures
    checks += 1
    failures += not good
    print(f"{'ok' if good else 'not ok'} {checks} - {name}")
    if not good:
        for d in details:
            print(f"#   {d}")
    sys.stdout.flush()


def content(case):
    """The bytes of a case, from base64 or from an expression that makes them."""
    for key in ("yaml_b64", "file_b64"):
        if key in case:
            return base64.b64decode(case[key])
    made = eval(case["python"], {"__builtins__": {}})  # the corpus is ours, and read-only
    return made if isinstance(made, bytes) else made.encode()


def load(data, directory):
    """What lib/yaml.h makes of a document."""
    path = os.path.join(directory, "document.yaml")
    with open(path, "wb") as f:
        f.write(data)
    run = subprocess.run([BUILD + "/t/lib/yaml-json", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if run.returncode != 0:
        return {"crash": f"status {run.returncode}: {run.stderr.decode(errors='replace')[:300]}"}
    return json.loads(run.stdout)


def same(got, want):
    """Whether a value read equals the suite's, numbers by value."""
    if isinstance(got, dict) and "\x01number" in got:
        return isinstance(want, (int, float)) and not isinstance(want, bool) and math.isclose(
            float(got["\x01number"]), want, rel_tol=1e-12)
    if type(got) is not type(want):
        return not isinstance(got, bool) and not isinstance(want, bool) and isinstance(
            got, (int, float)) and isinstance(want, (int, float)) and got == want
    if isinstance(got, dict):
        return got.keys() == want.keys() and all(same(got[k], want[k]) for k in want)
    if isinstance(got, list):
        return len(got) == len(want) and all(map(same, got, want))
    return got == want


def judge_document(case, directory):
    """Why the verdict on a document is wrong, or None."""
    got = load(content(case), directory)
    if "crash" in got:
        return got["crash"]
    accepted = "value" in got
    if not SANITIZED and not accepted and (got["ms"] > MS_MAX or got["kib"] > KIB_MAX):
        return f"refused with {got['ms']} ms and {got['kib']} KiB"
    if case["expect"] == "reject":
        return f"accepted as {json.dumps(got['value'])[:200]} ({case['why']})" if accepted else None
    if not accepted:
        return None
    if "json" in case and not same(got["value"], case["json"]):
        return f"read as {json.dumps(got['value'])[:200]}, wanted {json.dumps(case['json'])[:200]}"
    if "json_strings" in case and "json" not in case:
        want = case["json_strings"]
        if not same(got["text"], want):
            return f"read as {json.dumps(got['text'])[:200]}, wanted {json.dumps(want)[:200]}"
    return None


def documents():
    """Judge every document, a line of TAP for each source."""
    results = collections.OrderedDict()
    with tempfile.TemporaryDirectory() as directory, open(os.path.join(CORPORA, "documents.jsonl")) as f:
        for line in f:
            case = json.loads(line)
            wrong = judge_document(case, directory)
            results.setdefault(case["source"].split(" (")[0], []).append((case["id"], wrong))
    for source, cases in results.items():
        bad = [f"{i}: {w}" for i, w in cases if w]
        check(not bad, f"{source}: {len(cases) - len(bad)} of {len(cases)} documents", *bad)


documents()
print(f"1..{checks}")
sys.exit(1 if failures else 0)
