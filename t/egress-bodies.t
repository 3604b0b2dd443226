#!/usr/bin/python3
"""Bodies stream through bb-egress in constant memory, however slow the other side."""
import os
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib.wire import EGRESS, Bench, answer, get, wait_for  # noqa: E402

SIZE = 100 << 20
PIECE = bytes(range(256)) * 256
with open(EGRESS, 'rb') as program:
    sanitized = b'__asan_init' in program.read()
MOST = 2048 << 10 if sanitized else 6 << 10  # KiB that a process may grow by; sanitizers keep what was freed
go = threading.Event()
taken = []


def stalled_sender(c):
    """Sends as fast as it may."""
    c.head()
    c.send(b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n' % SIZE)
    for _ in range(SIZE // len(PIECE)):
        c.send(PIECE)


def stalled_reader(c):
    """Reads only when it is told to."""
    c.head()
    go.wait(60)
    left, total = SIZE, 0
    c.buffer, data = b'', c.buffer
    while left:
        if data:
            total += len(data)
            left -= len(data)
        data = c.sock.recv(1 << 18) if left else b''
        if left and not data:
            break
    taken.append(total)
    c.send(answer(b'%d' % total))


def peak(pids):
    found = []
    for pid in pids:
        with open('/proc/%d/status' % pid) as f:
            found.append(int([x for x in f if x.startswith('VmHWM')][0].split()[1]))
    return found


def settle(read):
    """Wait until a figure has stopped to grow."""
    last = [None, 0]

    def still():
        now = read()
        last[1] = last[1] + 1 if now == last[0] else 0
        last[0] = now
        return last[1] > 20
    wait_for(still)
    return last[0]


with Bench('bodies stream through bb-egress in constant memory, however slow the other side') as b:
    down, up = b.origin(stalled_sender, 'down.test'), b.origin(stalled_reader, 'up.test')
    proxy = b.egress([b.route('down.test', down), b.route('up.test', up)])
    pids = list(proxy.roles().values()) + [proxy.process.pid]

    small = b.origin(lambda c: (c.head(), c.send(answer(b'warm'))), 'small.test')
    proxy.reload([b.route('down.test', down), b.route('up.test', up), b.route('small.test', small)])
    c = b.tunnel(proxy, 'small.test')
    c.send(get('/', 'small.test'))
    c.response()
    before = peak(pids)

    c = b.tunnel(proxy, 'down.test')
    c.send(get('/', 'down.test'))
    c.head()
    settle(lambda: peak(pids))
    b.check(all(x - y < MOST for x, y in zip(peak(pids), before)),
            'a client that does not read stops a response of 100 MB')
    got, right = len(c.buffer), c.buffer == (PIECE * 2)[:len(c.buffer)]
    while got < SIZE:
        data = c.sock.recv(1 << 18)
        if not data:
            break
        at = got % len(PIECE)
        right = right and data == (PIECE * (len(data) // len(PIECE) + 2))[at:at + len(data)]
        got += len(data)
    b.check(got == SIZE and right, '... which arrives whole once it reads')
    print('# peak of memory, KiB: before %s, after %s' % (before, peak(pids)))
    b.check(all(x - y < MOST for x, y in zip(peak(pids), before)), '... in constant memory')

    sent = [0]

    def upload():
        d.send(get('/', 'up.test', 'Content-Length: %d' % SIZE, method='POST'))
        for _ in range(SIZE // len(PIECE)):
            d.send(PIECE)
            sent[0] += len(PIECE)

    d = b.tunnel(proxy, 'up.test')
    thread = threading.Thread(target=upload, daemon=True)
    thread.start()
    stopped = settle(lambda: sent[0])
    b.check(0 < stopped < SIZE // 2, 'an origin that does not read stops a request of 100 MB')
    go.set()
    thread.join(120)
    b.same((d.response()[1], taken), (b'%d' % SIZE, [SIZE]), '... which arrives whole once it reads')
    print('# stopped at %d bytes; peak of memory, KiB: %s' % (stopped, peak(pids)))
    b.check(all(x - y < MOST for x, y in zip(peak(pids), before)), '... in constant memory')

    # many at once
    tunnels = [b.tunnel(proxy, 'small.test') for _ in range(100)]
    for t in tunnels:
        t.send(get('/', 'small.test'))
    b.check(all(t.response()[1] == b'warm' for t in tunnels), 'a hundred clients are served side by side')
    b.same((proxy.process.poll(), open(proxy.log_file + '.err').read()), (None, ''),
           'nothing died and nothing complained')
