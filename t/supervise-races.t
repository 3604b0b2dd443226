#!/usr/bin/python3
"""Questions and answers that meet at the wrong moment: nothing is approved that was not shown, no question is lost."""
import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib.mcp import BUILD, LIMIT, Desk  # noqa: E402

FLOOD = 10000
ROUNDS = 8
APPROVE = os.path.join(os.path.abspath(BUILD), 'bin', 'bb-approve')

# A disk of its own, which can be filled and made read-only; the mount is gone with the process.
if 'BB_RACES_ALONE' not in os.environ:
    alone = subprocess.run(['unshare', '--user', '--map-root-user', '--mount', 'true'], stderr=subprocess.DEVNULL).returncode == 0
    os.environ['BB_RACES_ALONE'] = 'yes' if alone else 'no'
    if alone:
        os.execvp('unshare', ['unshare', '--user', '--map-root-user', '--mount', sys.executable, os.path.abspath(__file__)])


class Home:
    """A home with one bottle, whose agent asks through a Desk."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix='bb-races.', dir=os.environ.get('TMPDIR', '/tmp'))
        self.state = self.path + '/state/dev-x1'
        os.makedirs(self.state, 0o700)
        for name, text in (('plan', '{"kind":"plan","v":1,"bottles":["base"]}'), ('metadata', '{"kind":"metadata","v":1}')):
            with open('%s/%s.json' % (self.state, name), 'w') as f:
                f.write(text)

    def start(self, *words):
        return subprocess.Popen([APPROVE, *words, '--home', self.path], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, *words):
        p = self.start(*words)
        out, err = p.communicate(timeout=LIMIT)
        return p.returncode, out, err

    def list(self):
        return json.loads(self.run('list', '--json')[1])

    def shown(self, id):
        return json.loads(self.run('show', '--json', id)[1])['shown']


def text_of(m):
    m = m[-1] if isinstance(m, list) else m
    return m['result']['content'][0]['text']


def wish(name):
    return 'routes: [{host: a.test}, {host: %s.test}]' % name


def asked(d, sid, name):
    """Ask, without waiting for the operator; the id."""
    before = set(d.pending())
    d.ask(sid, wish(name))
    return (set(d.pending()) - before).pop()


def unanswered(d, id):
    return id in d.pending()


def displayed(d, home, sid):
    id = asked(d, sid, 'shown')
    seen = home.shown(id)
    path = '%s/%s.proposal.json' % (d.queue, id)
    with open(path) as f:
        real = f.read()
    with open(path, 'w') as f:
        f.write(real.replace('shown.test', 'other.test'))
    status, _, err = home.run('reject', id, '--reason', 'x', '--shown', seen)
    d.ok(status == 1 and 'changed since it was shown' in err and unanswered(d, id), 'the proposal changed after it was displayed: nothing is decided', err)
    with open(path, 'w') as f:
        f.write(real)
    with open(d.routes) as f:
        routes = f.read()
    with open(d.routes, 'w') as f:
        f.write('routes: [{host: else.test}]\n')
    status, _, err = home.run('reject', id, '--reason', 'x', '--shown', seen)
    d.ok(status == 1 and 'changed since it was shown' in err and unanswered(d, id), 'the routes changed after it was displayed: nothing is decided', err)
    with open(d.routes, 'w') as f:
        f.write(routes)
    d.is_(home.run('reject', id, '--reason', 'seen', '--shown', seen)[0], 0, 'what is as it was displayed is decided')
    d.ok('seen' in text_of(d.ask(sid, wish('shown'))[2]), '... and told')


def operators(d, home, sid):
    good, said = 0, []
    for n in range(ROUNDS):
        id = asked(d, sid, 'both%d' % n)
        both = [home.start('reject', id, '--reason', 'by %d' % k) for k in (1, 2)]
        for p in both:
            said.append(p.communicate(timeout=LIMIT)[1])
        winners = [k for k, p in enumerate(both, 1) if p.returncode == 0]
        with open('%s/%s.response.json' % (d.queue, id)) as f:
            notes = json.load(f)['notes']
        good += len(winners) == 1 and sorted(p.returncode for p in both) == [0, 1] and notes == 'by %d' % winners[0]
        d.ask(sid, wish('both%d' % n))  # the answer is read
    d.ok(good == ROUNDS, 'two operators at the same time, %d times: one decides, the other is told' % ROUNDS, (good, said))
    with open(home.path + '/audit/dev-x1.jsonl') as f:
        decided = [json.loads(line)['detail']['id'] for line in f]
    d.is_(len(decided), len(set(decided)), '... and each decision is recorded once')


def other_bytes(d, sid):
    id = asked(d, sid, 'bytes')
    d.answer(id, 'approved', hash='0' * 64)
    d.ok('Still pending' in text_of(d.ask(sid, wish('bytes'))[2]) and unanswered(d, id), 'an answer for other bytes is none, and the question stands')
    d.answer(id, 'rejected', 'no')
    d.ok('Rejected' in text_of(d.ask(sid, wish('bytes'))[2]), '... until its own comes')


def restarts(d, sid):
    id = asked(d, sid, 'restart')
    d.stop()
    d.answer(id, 'rejected', 'while it was down')
    d.start()
    d.ok('while it was down' in text_of(d.ask(sid, wish('restart'))[2]), 'the daemon was restarted meanwhile: the answer is found')


def halves(d, home, sid):
    id = asked(d, sid, 'whole')
    other = '11111111-0000-4000-8000-000000000001'
    with open('%s/%s.proposal.json' % (d.queue, id)) as f:
        text = f.read()
    for n in range(0, len(text) - 2, 37):
        with open('%s/%s.proposal.json' % (d.queue, other), 'w') as f:
            f.write(text[:n])
        listed = home.list()
        if [p['id'] for p in listed['proposals']] != [id] or listed['damaged'] != 1:
            break
    else:
        n = None
    d.is_(n, None, 'a proposal that is written as far as any byte is counted, not shown')
    os.unlink('%s/%s.proposal.json' % (d.queue, other))
    with open(d.queue + '/.new', 'w') as f:
        f.write(text[:50])
    second = asked(d, sid, 'second')
    d.ok(not os.path.exists(d.queue + '/.new') and unanswered(d, second), 'what a dead writer has left is cleared away by the next')
    with open('%s/%s.response.json' % (d.queue, id), 'w') as f:
        f.write('{"kind": "response", "v": 1, "status": "approved"')
    d.ok('Still pending' in text_of(d.ask(sid, wish('whole'))[2]) and unanswered(d, id), 'half an answer is none, and the question stands')
    for one in (id, second):
        d.is_(home.run('reject', one, '--reason', 'done')[0], 0, '... and can be decided')
    d.ask(sid, wish('whole'))
    d.ask(sid, wish('second'))


def disk(d, home, sid):
    if os.environ['BB_RACES_ALONE'] != 'yes':
        for name in ('a full disk', 'a read-only queue'):
            d.ok(True, name + ' # SKIP it needs a user namespace with a mount of its own')
        return
    kept = asked(d, sid, 'kept')
    with open(d.queue + '/fill', 'wb', buffering=0) as f:
        try:
            while f.write(b'x' * 4096):
                pass
        except OSError:
            pass
    m = d.ask(sid, wish('full'))[2]
    d.ok(m['result']['isError'] and d.pending() == [kept], 'the disk is full: the agent is told, what was asked before stays', m)
    status, _, err = home.run('reject', kept, '--reason', 'x')
    d.ok(status == 111 and unanswered(d, kept), '... an answer that cannot be written is not given', (status, err))
    os.unlink(d.queue + '/fill')
    subprocess.run(['mount', '-o', 'remount,bind,ro', d.queue], check=True)
    m = d.ask(sid, wish('full'))[2]
    d.ok(m['result']['isError'] and home.list()['proposals'][0]['id'] == kept, 'the queue is read-only: the agent is told, what was asked before is shown', m)
    d.ok(home.run('reject', kept, '--reason', 'x')[0] in (100, 111), '... and not decided')
    subprocess.run(['mount', '-o', 'remount,bind,rw', d.queue], check=True)
    late = asked(d, sid, 'full')
    for one in (kept, late):
        d.is_(home.run('reject', one, '--reason', 'room again')[0], 0, '... when there is room again, all goes on')
    d.ask(sid, wish('kept'))
    d.ask(sid, wish('full'))


def flood(d, home, sid):
    meant = asked(d, sid, 'meant')
    with open('/proc/%d/status' % d.process.pid) as f:
        before = next(int(line.split()[1]) for line in f if line.startswith('VmRSS'))

    def send(part):
        s = d.connect()
        for i in range(part, FLOOD, 4):
            b = json.dumps({'jsonrpc': '2.0', 'id': i, 'method': 'tools/call', 'params': {'name': 'allow', 'arguments': {
                'routes_yaml': wish('f%d' % i), 'justification': 'x' * 1000}}}).encode()
            s.sendall(d.head(session=sid, length=len(b)) + b)
            d.response(s)
        s.close()
    senders = [threading.Thread(target=send, args=(part,)) for part in range(4)]
    for t in senders:
        t.start()
    for t in senders:
        t.join()
    d.ok(len(d.pending()) <= 20 and len(os.listdir(d.queue)) < 40, 'a flood of %d proposals makes few files' % FLOOD, os.listdir(d.queue))
    with open('/proc/%d/status' % d.process.pid) as f:
        after = next(int(line.split()[1]) for line in f if line.startswith('VmRSS'))
    d.ok(after < before + 4096, '... takes no memory', (before, after))
    listed = home.list()
    d.ok(listed['proposals'][0]['id'] == meant and len(listed['proposals']) <= 20, '... leaves a list that can be read, with the one that was meant first', listed)
    d.is_(home.run('reject', meant, '--reason', 'found')[0], 0, '... which is decided')
    d.ok(d.alive(), '... and the server lives')


def remove(home):
    subprocess.run(['umount', '--recursive', '--lazy', home.path], stderr=subprocess.DEVNULL)
    shutil.rmtree(home.path, ignore_errors=True)


home = Home()
atexit.register(remove, home)
if os.environ['BB_RACES_ALONE'] == 'yes':
    shutil.move(home.state, home.path + '.state')
    subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=2m,mode=700', 'none', home.path], check=True)
    os.mkdir(home.path + '/state', 0o700)
    shutil.move(home.path + '.state', home.state)
    os.mkdir(home.state + '/queue', 0o700)
    subprocess.run(['mount', '--bind', home.state + '/queue', home.state + '/queue'], check=True)
with Desk('questions and answers that meet at the wrong moment', timeout=0, dir=home.state) as d:
    sid = d.initialize()
    displayed(d, home, sid)
    operators(d, home, sid)
    other_bytes(d, sid)
    restarts(d, sid)
    d.stop()
    os.unlink(d.queue + '/bucket')  # its rate is not what is tested here
    d.start()
    halves(d, home, sid)
    disk(d, home, sid)
    flood(d, home, sid)
    d.is_(subprocess.run([os.path.join(os.path.abspath(BUILD), 'bin', 'bb-audit'), 'verify', 'dev-x1'], stdout=subprocess.DEVNULL,
                         env=dict(os.environ, BOT_BOTTLE_HOME=home.path)).returncode, 0, 'and the audit log holds')
