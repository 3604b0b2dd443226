#!/usr/bin/env python3
"""
Ways out through a permitted host: a real git that pushes over https, every
spelling of a push, LFS, and a clone where fetching is not permitted. What counts
is the repository, and what its server was asked.
"""
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.environ["BB_SOURCE"], "t", "lib"))
from twoends import Tap, Wire, make_certificates  # noqa: E402

PUSHES = [
    "POST /some.git/git-receive-pack", "POST /some.git/git%2Dreceive%2dpack", "POST /some.git/%67it-receive-pack",
    "POST /some.git//git-receive-pack", "POST /some.git/git-receive-pack/", "POST /some.git/git-receive-pack?x",
    "POST /some.git%2fgit-receive-pack", "POST /some.git/git-receive-pack;x", "POST /some.git/GIT-RECEIVE-PACK",
    "POST /some.git/x/../git-receive-pack", "POST /some.git/./git-receive-pack", "POST /some.git/git%252dreceive-pack",
    "POST /some.git\\git-receive-pack", "POST /some.git/git-receive-pack%00", "POST /some.git/git-receive-pack#x",
    "PUT /some.git/git-receive-pack", "post /some.git/git-receive-pack",
    "GET /some.git/info/refs?service=git-receive-pack",
    "GET /some.git/info/refs?service=git%2dreceive%2Dpack", "GET /some.git/info/refs?a=b&service=git-receive-pack",
    "GET /some.git/info/refs?service=git-upload-pack&service=git-receive-pack",
    "GET /some.git/info/refs/?service=git-receive-pack",
    "GET /some.git/info%2frefs?service=git-receive-pack", "GET /some.git/%69nfo/refs?%73ervice=git-receive-pack",
    "POST /some.git/info/lfs/objects/batch", "PUT /some.git/info/lfs/objects/1234", "POST /some.git/info%2flfs/locks",
]


class Git:
    """A directory with a repository, its server, and clients that go through the proxy."""

    def __init__(self, directory):
        self.directory = directory
        self.environment = {"PATH": os.environ["PATH"], "HOME": directory, "GIT_CONFIG_NOSYSTEM": "1",
                            "GIT_TERMINAL_PROMPT": "0",
                            "GIT_AUTHOR_NAME": "n", "GIT_AUTHOR_EMAIL": "e", "GIT_COMMITTER_NAME": "n",
                            "GIT_COMMITTER_EMAIL": "e"}
        self("init", "-q", "--bare", "-b", "main", "repos/some.git")
        self("-C", "repos/some.git", "config", "http.receivepack", "true")
        self("init", "-q", "-b", "main", "first")
        self("-C", "first", "commit", "-q", "--allow-empty", "-m", "first")
        self("-C", "first", "push", "-q", "../repos/some.git", "main")

    def __call__(self, *arguments, wrong=False):
        p = subprocess.run(["git", *arguments], cwd=self.directory, env=self.environment, capture_output=True,
                           text=True, check=False)
        if p.returncode and not wrong:
            raise RuntimeError("git %s: %s" % (" ".join(arguments), p.stderr))
        return p

    def serve(self, certificate, key):
        ready, end = os.pipe()
        self.record = os.path.join(self.directory, "asked")
        self.server = subprocess.Popen(
            [sys.executable, os.path.join(os.environ["BB_SOURCE"], "t", "lib", "githttp.py"), "--cert", certificate,
             "--key", key,
             "--root", os.path.join(self.directory, "repos"), "--record", self.record, "--ready", str(end)],
            pass_fds=[end], stderr=subprocess.DEVNULL)
        os.close(end)
        with os.fdopen(ready) as f:
            return int(f.readline())

    def asked(self):
        """What the server was asked since the last call."""
        if not os.path.exists(self.record):
            return []
        with open(self.record, encoding="utf-8") as f:
            lines = [json.loads(line) for line in f]
        os.unlink(self.record)
        return ["%s %s" % (line["method"], line["target"]) for line in lines]

    def head(self):
        return self("-C", "repos/some.git", "rev-parse", "main").stdout


def test_clone_and_push(tap, w, git):
    git.environment.update(https_proxy="http://127.0.0.1:%d" % w.port,
                           GIT_SSL_CAINFO=os.path.join(w.directory, "state", "ca.pem"))
    p = git("clone", "-q", "https://git.test/some.git", "clone", wrong=True)
    tap.ok(p.returncode == 0 and git.asked(), "a clone passes where fetching is permitted", p.stderr)
    git("-C", "clone", "commit", "-q", "--allow-empty", "-m", "secret")
    before = git.head()
    for url in ("https://git.test/some.git", "https://git.test//some.git", "https://GIT.test:443/some.git/",
                "https://git.test/%73ome.git"):
        p = git("-C", "clone", "push", url, "main", wrong=True)
        asked = git.asked()
        tap.ok(p.returncode == 128 and "403" in p.stderr and git.head() == before
               and not [a for a in asked if "receive-pack" in a],
               "git push to %s is refused" % url, (p.returncode, p.stderr, asked))
    p = git("clone", "-q", "https://nofetch.test/some.git", "other", wrong=True)
    tap.ok(p.returncode == 128 and "403" in p.stderr and git.asked() == [],
           "a clone is refused where fetching is not permitted", p.stderr)


def test_spellings(tap, w, git):
    before = git.head()
    for line in PUSHES:
        data = ("%s HTTP/1.1\r\nHost: git.test\r\nContent-Length: 4\r\n\r\n0000" % line).encode()
        answer = w.tunnel("git.test:443", data)
        w.barrier()
        asked = git.asked()
        tap.ok(asked == [] and answer.startswith((b"HTTP/1.1 403 ", b"HTTP/1.1 400 ")), "%s: refused" % line,
               (answer, asked))
    tap.same(git.head(), before, "the repository is as it was")


def main():
    tap = Tap(__doc__.strip().splitlines()[0])
    with tempfile.TemporaryDirectory(prefix="bb-drains.") as directory:
        authority, certificate, key = make_certificates(directory, ["git.test", "nofetch.test"])
        os.chmod(directory, 0o755)
        git = Git(directory)
        upstream = {"connect": "127.0.0.1:%d" % git.serve(certificate, key), "ca_file": authority}
        try:
            with Wire([{"host": "git.test", "git": {"fetch": True}, "upstream": upstream},
                       {"host": "nofetch.test", "upstream": upstream}]) as w:
                test_clone_and_push(tap, w, git)
                test_spellings(tap, w, git)
        finally:
            git.server.terminate()
            git.server.wait()
    tap.same(w.status, 0, "bb-egress ended in order")
    tap.done()


main()
