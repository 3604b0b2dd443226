"""
Hides secrets of the corpus in the places of a git repository where a push can carry them.

usage: hide.py SAMPLES REPO COUNT

Makes the repository REPO (bare) and prints one line a case: PLACE RULE OLD NEW REF.
The secret of a case is in the file REPO/RULE.secret; each place has a case of rule
"none" as well, which is the same with a harmless word.
"""
import base64, gzip, io, json, re, subprocess, sys, tarfile, tempfile, zipfile

samples, repo, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
ZERO = "0" * 40
WHO = "A <a@example.org> 1700000000 +0000"


def choose():
    """Secrets that need no words around them to be one: those that bb-scan finds alone."""
    found = {}
    with tempfile.TemporaryDirectory() as d:
        for line in open(samples):
            s = json.loads(line)
            secret = base64.b64decode(s.get("secret_b64", ""))
            if s["positive"] and re.fullmatch(rb"[A-Za-z0-9_-]{20,80}", secret) and s["rule"] not in found:
                found[s["rule"]] = secret
                open(f"{d}/{s['rule']}", "wb").write(secret + b"\n")
        report = subprocess.run(["bb-scan", "--format", "json", d], stdout=subprocess.PIPE).stdout
        alone = {f["File"].rsplit("/", 1)[1] for f in json.loads(report) if not f["RuleID"].startswith("generic")}
    rules = sorted(alone)
    step = max(1, len(rules) // count)
    return [(r, found[r]) for r in rules[::step]][:count]


def tar(name, data):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as t:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        t.addfile(info, io.BytesIO(data))
    return out.getvalue()


def archive(name, data):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("first.txt", "nothing to see here\n" * 20)
        z.writestr(name, data)
        z.writestr("last.txt", "and nothing here\n" * 20)
    return out.getvalue()


def packed(data):
    return gzip.compress(data, mtime=0)


# What a file holds, by place.
contents = {
    "blob": lambda t: t,
    "binary": lambda t: bytes(range(256)) + t + bytes(range(255, -1, -1)),
    "zip": lambda t: archive("a.env", t),
    "zip-in-zip": lambda t: archive("b.zip", archive("a.env", t)),
    "gzip": packed,
    "tar": lambda t: tar("a.env", t),
    "tar-gz": lambda t: packed(tar("a.env", t)),
    "base64": lambda t: b"data: " + base64.b64encode(t) + b"\n",
    "base64-lines": lambda t: base64.encodebytes(b"some lines in front of it, " * 5 + t),
    "base64-gzip": lambda t: b'{"d":"' + base64.b64encode(packed(t)) + b'"}\n',
    "hex": lambda t: t.hex().encode() + b"\n",
    "utf-16": lambda t: t.decode().encode("utf-16"),
    "utf-16-be": lambda t: t.decode().encode("utf-16-be"),
    "lfs-pointer": lambda t: b"version https://git-lfs.github.com/spec/v1\next-0-" + t.replace(b"\n", b"") +
    b" sha256:" + b"0" * 64 + b"\noid sha256:" + b"0" * 64 + b"\nsize 3\n",
}


class Import:
    """A stream for git fast-import."""

    def __init__(self):
        self.out = bytearray()
        self.marks = 0
        self.cases = []

    def data(self, data):
        self.out += b"data %d\n" % len(data) + data + b"\n"

    def commit(self, ref, files=(), message=b"m", parents=(), author=WHO, committer=WHO):
        """files: (path, mode, content), content None to delete, or an id for a submodule."""
        self.marks += 1
        out = f"commit {ref}\nmark :{self.marks}\nauthor {author}\ncommitter {committer}\n"
        self.out += out.encode()
        self.data(message)
        for i, parent in enumerate(parents):
            self.out += f"{'merge' if i else 'from'} :{parent}\n".encode()
        for path, mode, content in files:
            if content is None:
                self.out += b"D " + path + b"\n"
            elif mode == "160000":
                self.out += b"M 160000 " + content + b" " + path + b"\n"
            else:
                self.out += b"M " + mode.encode() + b" inline " + path + b"\n"
                self.data(content)
        self.out += b"\n"
        return self.marks

    def tag(self, name, target, message=b"t", tagger=WHO):
        self.out += f"tag {name}\nfrom :{target}\ntagger {tagger}\n".encode()
        self.data(message)

    def case(self, place, rule, old, ref):
        self.cases.append((place, rule, old, ref))


def hide(i, rule, secret):
    """Every place, for one secret."""
    text, word = b"value: " + secret + b"\n", secret.decode()
    n = 0

    def branch(place, old=None, **how):
        nonlocal n
        n += 1
        ref = f"refs/heads/{rule}-{n}" if rule != "none" else f"refs/heads/n{n}"
        mark = i.commit(ref, **how)
        i.case(place, rule, old, ref)
        return mark

    base = i.commit("refs/base/" + rule, files=[(b"README", "100644", b"read me\n")])
    for place, content in contents.items():
        branch(place, files=[(b"a/deep/directory/file.bin", "100644", content(text))])
    branch("file-name", files=[(b"d/" + secret, "100644", b"x\n")])
    branch("directory-name", files=[(secret + b"/x", "100644", b"x\n")])
    branch("link-target", files=[(b"l", "120000", b"/srv/" + secret)])
    branch("commit-message", message=b"subject\n\n" + text)
    branch("author-name", author=f"{word} <a@example.org> 1700000000 +0000")
    branch("committer-email", committer=f"A <{word}@example.org> 1700000000 +0000")
    branch("submodule-url", files=[(b".gitmodules", "100644",
                                    b'[submodule "s"]\n\tpath = s\n\turl = https://example.org/' + secret + b"/s\n"),
                                   (b"s", "160000", b"1" * 40)])
    branch("note", files=[(b"1" * 40, "100644", text)])
    side = i.commit(f"refs/side/{rule}", files=[(b"side", "100644", b"s\n")], parents=[base])
    branch("merge-only", parents=[base, side], files=[(b"only-here", "100644", text)])
    first = i.commit(f"refs/first/{rule}", files=[(b"for-a-while", "100644", text)], parents=[base])
    branch("added-then-removed", parents=[first], files=[(b"for-a-while", "100644", None)])
    branch("picture", files=[(b"picture.png", "100644", b"\x89PNG\r\n\x1a\n" + text)])
    name = rule if rule != "none" else "n"
    i.tag(f"{name}-message", base, message=text)
    i.case("tag-message", rule, None, f"refs/tags/{name}-message")
    i.tag(f"{name}-tagger", base, tagger=f"{word} <a@example.org> 1700000000 +0000")
    i.case("tagger", rule, None, f"refs/tags/{name}-tagger")
    ref = f"refs/heads/{word}"
    i.commit(ref, files=[(b"x", "100644", b"x\n")])
    i.case("ref-name", rule, None, ref)


i = Import()
chosen = choose()
for rule, secret in chosen + [("none", b"harmless-word")]:
    hide(i, rule, secret)
subprocess.run(["git", "init", "-q", "--bare", repo], check=True)
subprocess.run(["git", "-C", repo, "fast-import", "--quiet"], input=bytes(i.out), check=True)
for rule, secret in chosen:
    open(f"{repo}/{rule}.secret", "wb").write(secret + b"\n")
ids = dict(line.split()[::-1] for line in subprocess.run(
    ["git", "-C", repo, "for-each-ref", "--format=%(objectname) %(refname)"],
    stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines())
for place, rule, old, ref in i.cases:
    print(place, rule, old or ZERO, ids[ref], ref)
