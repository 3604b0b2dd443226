"""
Pushes bytes of our own making over git://, as no git client would.

usage: push-raw.py PORT REPO ATTACK REF

Prints what the server says; exit status 0 when it reports "ok" for the ref, else 1.
"""
import hashlib, socket, struct, sys, zlib

port, repo, attack, ref = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
COMMIT, TREE, BLOB, OFS_DELTA, REF_DELTA = 1, 2, 3, 6, 7


def identity(kind, data):
    return hashlib.sha1(f"{kind} {len(data)}\0".encode() + data).digest()


def head(kind, size):
    """Type and size of an object in a pack."""
    byte, out = kind << 4 | size & 15, bytearray()
    size >>= 4
    while size:
        out.append(byte | 128)
        byte, size = size & 127, size >> 7
    return bytes(out) + bytes([byte])


def varint(n):
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes(out) + bytes([n])


def offset(n):
    out = [n & 127]
    while n := n >> 7:
        n -= 1
        out.insert(0, n & 127 | 128)
    return bytes(out)


class Pack:
    def __init__(self):
        self.body, self.count = b"", 0

    def add(self, kind, data, extra=b""):
        at = 12 + len(self.body)
        self.body += head(kind, len(data)) + extra + zlib.compress(data)
        self.count += 1
        return at

    def bytes(self, count=None):
        out = b"PACK" + struct.pack(">II", 2, self.count if count is None else count) + self.body
        return out + hashlib.sha1(out).digest()


def history(pack, blob_id, name=b"file", mode=b"100644"):
    """A tree with one entry and a commit of it."""
    tree = mode + b" " + name + b"\0" + blob_id
    pack.add(TREE, tree)
    who = b"A <a@example.org> 1700000000 +0000"
    commit = b"tree " + identity("tree", tree).hex().encode() + b"\nauthor " + who + b"\ncommitter " + who + b"\n\nm\n"
    pack.add(COMMIT, commit)
    return identity("commit", commit)


def copies(size, piece, times):
    """A delta that copies the first piece bytes of a base of that size so many times."""
    copy = bytes([0x80 | 0x10 | 0x20 | 0x40, piece & 255, piece >> 8 & 255, piece >> 16])
    return varint(size) + varint(piece * times) + copy * times


pack, garbage = Pack(), None
if attack == "clean":
    pack.add(BLOB, b"clean\n")
    new = history(pack, identity("blob", b"clean\n"))
elif attack == "bomb":
    # 60 KiB, of which a delta makes 60 MiB, of which another makes 600 MiB
    base = bytes(60 << 10)
    first = pack.add(BLOB, base)
    delta = copies(len(base), len(base), 1024)
    second = 12 + len(pack.body)
    pack.add(OFS_DELTA, delta, offset(second - first))
    large = len(base) * 1024
    third = 12 + len(pack.body)
    pack.add(OFS_DELTA, copies(large, 0xffffff, large // 0xffffff * 10), offset(third - second))
    new = history(pack, identity("blob", base))
elif attack == "thin":
    pack.add(REF_DELTA, copies(5, 5, 1), b"\x11" * 20)
    new = history(pack, b"\x22" * 20)
elif attack == "missing":
    new = history(pack, b"\x22" * 20)
elif attack in ("garbage", "truncated", "checksum", "count", "empty"):
    pack.add(BLOB, b"x\n")
    new = history(pack, identity("blob", b"x\n"))
    good = pack.bytes()
    garbage = {"garbage": b"PACK" + bytes(range(256)) * 64, "truncated": good[:len(good) // 2],
               "checksum": good[:-1] + bytes([good[-1] ^ 1]), "count": pack.bytes(1 << 30), "empty": b""}[attack]
elif attack == "dot-git":
    pack.add(BLOB, b"[core]\n\thooksPath = .\n")
    new = history(pack, identity("blob", b"[core]\n\thooksPath = .\n"), b".git")
elif attack == "slash":
    pack.add(BLOB, b"x\n")
    new = history(pack, identity("blob", b"x\n"), b"../../outside")
else:
    sys.exit("unknown attack")

s = socket.create_connection(("127.0.0.1", port))
s.settimeout(120)
request = f"git-receive-pack /{repo}\0host=127.0.0.1\0".encode()
s.sendall(f"{len(request) + 4:04x}".encode() + request)
shown = b""
while not shown.endswith(b"0000"):
    more = s.recv(65536)
    if not more:
        sys.exit("hung up")
    shown += more
line = f"{'0' * 40} {new.hex()} {ref}\0report-status".encode()
answer = b""
try:
    s.sendall(f"{len(line) + 4:04x}".encode() + line + b"0000" + (pack.bytes() if garbage is None else garbage))
    s.shutdown(socket.SHUT_WR)
    while more := s.recv(65536):
        answer += more
except OSError as e:
    print(e)
print(answer.decode("latin1"))
sys.exit(0 if f"ok {ref}".encode() in answer else 1)
