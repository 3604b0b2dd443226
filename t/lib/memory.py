#!/usr/bin/env python3
"""Look for texts in the memory of a bottle's processes, from outside.

usage: memory.py ROOT-PID COMMAND < TEXTS, one a line

Looks at all descendants of ROOT-PID that share a PID namespace with the one
whose name begins with COMMAND. Prints how many processes it could read, and for
each text how many of them hold it; status 0 when it could read at least one.
"""
import os
import sys


def processes():
    """All (pid, parent, name) of now."""
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as f:
                stat = f.read()
        except OSError:
            continue
        name = stat[stat.index("(") + 1:stat.rindex(")")]
        yield int(entry), int(stat[stat.rindex(")") + 2:].split()[1]), name


def descendants(root):
    table = list(processes())
    family, grown = {root}, True
    while grown:
        new = {pid for pid, parent, _ in table if parent in family} - family
        family |= new
        grown = bool(new)
    return [(pid, name) for pid, _, name in table if pid in family]


def namespace(pid):
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")
    except OSError:
        return None


def held(pid, texts):
    """The texts that a process's readable memory has; None when it may not be read."""
    found = set()
    longest = max(len(t) for t in texts)
    try:
        with open(f"/proc/{pid}/maps", encoding="utf-8") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
            for line in maps:
                fields = line.split()
                if "r" not in fields[1] or fields[-1] in ("[vvar]", "[vsyscall]"):
                    continue
                start, end = (int(x, 16) for x in fields[0].split("-"))
                tail = b""
                while start < end:
                    try:
                        memory.seek(start)
                        piece = memory.read(min(end - start, 8 << 20))
                    except (OSError, ValueError, OverflowError):
                        break  # pages that are not there
                    if not piece:
                        break
                    found |= {t for t in texts if t in tail + piece}
                    tail = piece[-longest:]
                    start += len(piece)
    except OSError:
        return None
    return found


def main():
    root, command = int(sys.argv[1]), sys.argv[2]
    texts = sys.stdin.buffer.read().split(b"\n")[:-1]
    family = descendants(root)
    inside = {namespace(pid) for pid, name in family if name.startswith(command)} - {None, namespace(os.getpid())}
    verdicts = [held(pid, texts) for pid, _ in family if namespace(pid) in inside]
    read = [v for v in verdicts if v is not None]
    print(len(read), *[sum(t in v for v in read) for t in texts])
    return 0 if read else 1


if __name__ == "__main__":
    sys.exit(main())
