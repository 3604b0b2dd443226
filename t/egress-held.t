#!/usr/bin/python3
"""Real clients whose requests are held for the operator: they wait, and get what was decided.

BB_HELD_SECONDS: how long they are held before anything is decided; 0 by default. BB_NODE: a node whose fetch knows
the proxy of the environment. t/agents/held.t gives both.
"""
import json
import os
import random
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import mcp, wire  # noqa: E402
from lib.wire import Bench, answer, wait_for  # noqa: E402

SECONDS = int(os.environ.get('BB_HELD_SECONDS', '0'))
wire.LIMIT = SECONDS + 60
NODE = os.environ.get('BB_NODE', 'node')
LETTERS = 'ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789'
random.seed(12)

URLLIB = '''
import sys, urllib.error, urllib.request
try:
    print(urllib.request.urlopen(urllib.request.Request(sys.argv[1], sys.argv[2].encode())).read().decode())
except urllib.error.HTTPError as e:
    sys.exit("%d %s" % (e.code, e.read().decode()))
'''
REQUESTS = '''
import sys, requests
r = requests.post(sys.argv[1], data=sys.argv[2])
print(r.text) if r.ok else sys.exit("%d %s" % (r.status_code, r.text))
'''
FETCH = '''
const [url, body] = process.argv.slice(1)
fetch(url, {method: "POST", body}).then(async r => { const text = await r.text()
    if (r.ok) console.log(text); else { console.error(r.status, text); process.exit(1) } })
'''
CLIENTS = {
    'curl': lambda url, body, ca: ['curl', '-sS', '--fail-with-body', '-d', body, url],
    'wget': lambda url, body, ca: ['wget', '-q', '-O-', '--content-on-error', '--post-data=' + body, '--ca-certificate=' + ca, url],
    'python urllib': lambda url, body, ca: ['/usr/bin/python3', '-c', URLLIB, url, body],
    'python requests': lambda url, body, ca: ['/usr/bin/python3', '-c', REQUESTS, url, body],
    'node fetch': lambda url, body, ca: [NODE, '-e', FETCH, url, body],
}
arrived, targets = [], []


def token():
    return 'gh' + 'p_' + ''.join(random.choice(LETTERS) for _ in range(36))


def record(c):
    """Say back how many bytes came."""
    while True:
        head = c.head()
        body = c.body(head)
        arrived.append(body.decode())
        targets.append(head.split(' ')[1])
        c.send(answer(b'%d bytes came' % len(body)))


def knows_proxy(node):
    """Does its fetch look at HTTPS_PROXY? Since 22.21."""
    try:
        said = subprocess.run([node, '--version'], capture_output=True, text=True).stdout.strip().lstrip('v')
        return [int(n) for n in said.split('.')[:2]] >= [22, 21], said
    except (OSError, ValueError):
        return False, 'none'


with Bench('clients whose requests are held for the operator get what was decided') as b:
    able, version = knows_proxy(NODE)
    if not able:
        del CLIENTS['node fetch']
        b.skip('node fetch', 'its fetch knows no proxy before 22.21, this is %s; test-agents has another' % version)
    origin = b.origin(record, 'a.test')
    queue = os.path.join(b.directory, 'queue')

    def start(*seconds):
        env = {'EGRESS_TOKEN_ALLOW_TIMEOUT_SECONDS': str(seconds[0])} if seconds else {}
        return b.egress([b.route('a.test', origin)], ['--queue', queue, '--bottle', 'dev-x1'], env=env)

    def environment(proxy):
        """What a bottle tells its clients, and nothing of this machine's."""
        said = subprocess.run([wire.EGRESS, 'env', '--state', proxy.state], capture_output=True, text=True).stdout
        told = dict(line[len('export '):].replace("'", '').split('=', 1) for line in said.splitlines())
        return dict(told, HOME=b.directory, PATH=os.environ['PATH'], LC_ALL='C')

    def pending():
        """Ids of the questions by the path of the request."""
        found = {}
        for id in mcp.pending(queue):
            with open('%s/%s.proposal.json' % (queue, id)) as f:
                found[json.loads(json.load(f)['proposed_file'])['path']] = id
        return found

    def run(proxy, what):
        """All clients at once, each with a secret and a path of its own."""
        started = {}
        for name, argv in CLIENTS.items():
            path = '/%s/%s' % (what, name.replace(' ', '-'))
            body = 'note=' + token()
            p = subprocess.Popen(argv('https://a.test' + path, body, proxy.state + '/ca.pem'), env=environment(proxy), stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            started[path] = name, body, p
        return started

    def ended(p):
        out, err = p.communicate(timeout=wire.LIMIT)
        return p.returncode, out + err

    proxy = start()
    for decision, reason in (('approved', ''), ('rejected', 'not this one')):
        clients = run(proxy, decision)
        b.check(wait_for(lambda: set(pending()) == set(clients)), '%s: all of them are held, each with a question' % decision)
        time.sleep(SECONDS)  # the waiting is what is tested
        b.same([name for name, _, p in clients.values() if p.poll() is not None], [], '... and none of them has given up after %d s' % SECONDS)
        before = list(arrived)
        b.check(not any(body in before for _, body, _ in clients.values()), '... nothing of them has arrived')
        questions = pending()
        for path in reversed(list(clients)):
            name, body, p = clients[path]
            mcp.answer(queue, questions[path], decision, reason)
            status, said = ended(p)
            if decision == 'approved':
                b.same((status, said.strip()), (0, '%d bytes came' % len(body)), '%s goes on' % name)
            else:
                b.check(status != 0 and 'the operator has rejected it: not this one' in said, '%s is told of the rejection' % name) or print('#', said)
        want = 1 if decision == 'approved' else 0
        b.same([arrived.count(body) for _, body, _ in clients.values()], [want] * len(clients), '... each arrived %s' % ('once' if want else 'never'))
    proxy.stop()

    proxy = start(1)
    clients = run(proxy, 'unanswered')
    for name, body, p in clients.values():
        status, said = ended(p)
        b.check(status != 0 and 'the operator has not answered within 1 seconds' in said, '%s is told that nobody has answered' % name) or print('#', said)
    b.check(not any(body in arrived for _, body, _ in clients.values()), '... and nothing has arrived')

    # One that gives up: what is decided later does not send what nobody waits for; the next try passes.
    proxy.stop()
    proxy = start()
    for place, argv in (('a body', lambda value: ['-d', 'note=' + value]), ('a header', lambda value: ['-d', 'x', '-H', 'X-Note: ' + value])):
        path, value = '/impatient/' + place[2:], token()
        argv = ['curl', '-sS', *argv(value), 'https://a.test' + path]
        p = subprocess.run(argv + ['-m', '1'], env=environment(proxy), capture_output=True)
        b.same(p.returncode, 28, '%s: a client that waits no longer has timed out' % place)
        id = wait_for(lambda: pending().get(path))
        mcp.answer(queue, id, 'approved')
        b.check(wait_for(lambda: not os.path.exists('%s/%s.proposal.json' % (queue, id))), '... the answer is read')
        p = subprocess.run(argv, env=environment(proxy), capture_output=True)
        b.same((p.returncode, pending()), (0, {}), '... the next try passes')
        b.same(targets.count(path), 1, '... and is the only one that has arrived')
