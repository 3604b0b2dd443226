#!/usr/bin/python3
"""YAML documents and front matter from public test suites, each judged.

Documents and front matter go through lib/yaml.h and lib/front.h (t/lib/yaml-json),
whole files through bb-parse check as well. A case that must be refused is
refused; what is accepted has exactly the value that the suite gives for it; a
refusal costs less than 100 ms of processor time and 16 MiB. Where PyYAML reads
an accepted document as well, it reads the same.
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


loaded = {}  # what was asked before


def load(data, directory, *options):
    """What lib/yaml.h makes of a document."""
    if (data, options) not in loaded:
        loaded[data, options] = run_loader(data, directory, *options)
    return loaded[data, options]


def run_loader(data, directory, *options):
    """The same, with a process of its own."""
    path = os.path.join(directory, "document.yaml")
    with open(path, "wb") as f:
        f.write(data)
    run = subprocess.run([BUILD + "/t/lib/yaml-json", *options, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
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


def texts(value):
    """Every scalar as YAML 1.1 readers write it, to compare with what was written."""
    if isinstance(value, dict):
        return {str(k): texts(v) for k, v in value.items()}
    if isinstance(value, list):
        return [texts(v) for v in value]
    return value if isinstance(value, str) else None


def same_strings(got, want):
    """Whether two trees have the same form, and the same text wherever want has a string."""
    if isinstance(want, dict):
        return isinstance(got, dict) and got.keys() == want.keys() and all(same_strings(got[k], want[k]) for k in want)
    if isinstance(want, list):
        return isinstance(got, list) and len(got) == len(want) and all(map(same_strings, got, want))
    return not isinstance(got, (dict, list)) and (want is None or got == want)


def parse_file(data, directory):
    """Status and messages of bb-parse on a whole file as an agent."""
    path = os.path.join(directory, "home", "agents", "a.md")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)
    environment = {**os.environ, "BOT_BOTTLE_HOME": os.path.join(directory, "home")}
    run = subprocess.run([BUILD + "/bin/bb-parse", "check", path], env=environment, cwd=directory,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return run.returncode, run.stderr.decode(errors="replace")


def judge_file(case, directory):
    """Why the verdict on a file is wrong, or None; and whether its front matter was read."""
    data = content(case)
    got = load(data, directory, "--front")
    status, messages = parse_file(data, directory)
    if "crash" in got:
        return got["crash"], False
    if status not in (0, 100):
        return f"bb-parse ended with {status}: {messages[:200]}", False
    accepted = "value" in got
    if case["expect"] == "reject" and status != 100:
        return f"bb-parse accepted it ({case['note']})", accepted
    if case["expect"] == "accept" and not accepted:
        return f"refused: {got['problems'][:2]}", accepted
    if accepted and "meta" in case and not same_strings(got["text"], texts(case["meta"])):
        return f"read as {json.dumps(got['text'])[:200]}, wanted {json.dumps(case['meta'])[:200]}", accepted
    return None, accepted


def files():
    """Judge every file with front matter, a line of TAP for each source and expectation."""
    results = collections.OrderedDict()
    with tempfile.TemporaryDirectory() as directory, open(os.path.join(CORPORA, "front_matter.jsonl")) as f:
        for line in f:
            case = json.loads(line)
            wrong, accepted = judge_file(case, directory)
            key = (case["source"].split(" (")[0].split(",")[0], case["expect"])
            results.setdefault(key, []).append((case["id"], wrong, accepted))
    for (source, expect), cases in results.items():
        bad = [f"{i}: {w}" for i, w, _ in cases if w]
        read = sum(a for _, _, a in cases)
        check(not bad, f"{source}, {expect}: {len(cases) - len(bad)} of {len(cases)} files ({read} read)", *bad)


def monsters():
    """Files of up to 1 MiB that are made to be slow or large, and whether they are YAML of ours."""
    mib = (1 << 20) - 16
    return {
        "brackets": (False, "a: " + "[" * (mib - 8)),
        "braces": (False, "a: " + "{" * (mib - 8)),
        "dashes": (False, "a:\n  " + "- " * (mib // 2 - 8)),
        "question marks": (False, "? " * (mib // 2)),
        "colons": (False, "a: " + ": " * (mib // 2 - 8)),
        "nested mappings": (False, "\n".join("  " * i + f"k{i}:" for i in range(700))),
        "list items": (False, "a:\n" + "- b\n" * (mib // 4 - 8)),
        "flow items": (False, "a: [" + "a," * (mib // 2 - 8) + "]"),
        "flow lines": (False, "a: [" + "\n a," * (mib // 4 - 8) + "]"),
        "pairs in a list": (False, "a: [" + "b: c," * (mib // 5 - 8) + "]"),
        "empty mappings": (False, "a: [" + "{}," * (mib // 3 - 8) + "]"),
        "quotes": (False, "a: [" + "''," * (mib // 3 - 8) + "]"),
        "one key again and again": (False, "a: 1\n" * (mib // 5)),
        "too many keys": (False, "".join(f"k{i}: 1\n" for i in range(90000))),
        "block scalars": (False, "a:\n" + "- |\n\n" * (mib // 5 - 8)),
        "blank lines longer than the text": (False, "a: |\n" + "   \n" * (mib // 4 - 8) + " x"),
        "anchors": (False, "a: [" + "&a b," * (mib // 5 - 8) + "]"),
        "tags": (False, "a: [" + "!a b," * (mib // 5 - 8) + "]"),
        "explicit keys": (False, "? a\n: b\n" * (mib // 7)),
        "documents": (False, "---\na: 1\n" * (mib // 9)),
        "byte order marks": (False, "a: " + "\ufeff" * (mib // 3 - 8)),
        "an open quote": (False, 'a: "' + "x\n " * (mib // 3 - 8)),
        "no UTF-8": (False, b"a: " + b"\xff" * (mib - 8)),
        "no UTF-8 at the end": (False, b"a: " + b"x" * (mib - 8) + b"\xff"),
        "a byte too many": (False, "#" * (1 << 20) + "\n"),
        "1 MiB": (True, "a: 1\n#" + "x" * ((1 << 20) - 6)),
        "a long plain text": (True, "a: " + "x" * (mib - 8)),
        "plain lines": (True, "a: " + "x\n " * (mib // 3 - 8)),
        "a long quoted text": (True, 'a: "' + "x" * (mib - 8) + '"'),
        "escapes": (True, 'a: "' + "\\L" * (mib // 2 - 8) + '"'),
        "a block of lines": (True, "a: |\n" + " x\n" * (mib // 3 - 8)),
        "comments": (True, "#x\n" * (mib // 3 - 8) + "a: 1"),
        "empty lines": (True, "\n" * (mib - 8) + "a: 1"),
        "many keys": (True, "".join(f"k{i}: 1\n" for i in range(60000))),
        "long keys": (True, "".join("k" * 1000 + f"{i}: 1\n" for i in range(1000))),
    }


def limits():
    """Every monster is judged in little time and memory."""
    with tempfile.TemporaryDirectory() as directory:
        for name, (good, text) in monsters().items():
            got = load(text if isinstance(text, bytes) else text.encode(), directory)
            right = "crash" not in got and ("value" in got) == good
            cheap = SANITIZED or (right and got["ms"] <= MS_MAX * (2 if good else 1) and got["kib"] <= KIB_MAX)
            check(right and cheap, f"{'accepted' if good else 'refused'} in time and memory: {name}", str(got)[:200])


class Strings(yaml.BaseLoader):
    """PyYAML with every scalar a string."""


def differential():
    """What we accept PyYAML reads as well, and as the same."""
    compared, bad = 0, []
    with tempfile.TemporaryDirectory() as directory:
        for name, key in (("documents.jsonl", "yaml_b64"), ("front_matter.jsonl", "file_b64")):
            with open(os.path.join(CORPORA, name)) as f:
                for case in map(json.loads, f):
                    if key not in case:
                        continue
                    data = content(case)
                    got = load(data, directory, *(["--front"] if key == "file_b64" else []))
                    if "value" not in got:
                        continue
                    if key == "file_b64":
                        data = data.decode("utf-8-sig").replace("\r\n", "\n").split("\n", 1)[1]
                        data = data[:data.index("\n---")] if not data.startswith("---") else ""
                    compared += 1
                    try:
                        theirs = yaml.load(data, Loader=Strings)
                    except yaml.YAMLError as e:
                        bad.append(f"{case['id']}: PyYAML refuses: {str(e)[:200]!r}")
                        continue
                    if theirs != got["text"]:
                        bad.append(f"{case['id']}: PyYAML reads {theirs!r}, we {got['text']!r}"[:300])
    check(not bad, f"PyYAML reads {compared - len(bad)} of {compared} accepted documents as we do", *bad)


documents()
files()
limits()
differential()
print(f"1..{checks}")
sys.exit(1 if failures else 0)
