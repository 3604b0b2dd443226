#!/usr/bin/python3
"""bb-supervise with the official conformance suite, both official TypeScript clients and the inspector."""
import json
import os
import platform
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib.mcp import BUILD, Desk  # noqa: E402

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PACKAGES = ['conformance', 'sdk', 'client', 'inspector']


def install(name, *packages):
    """A directory with these packages from npm, kept between runs."""
    directory = os.path.join(os.path.abspath(BUILD), 'agents', name)
    if not all(os.path.isdir(os.path.join(directory, 'node_modules', p if p[0] == '@' else p.split('@')[0]))
               for p in packages):
        os.makedirs(directory, exist_ok=True)
        subprocess.run(['npm', 'install', '--prefix', directory, '--no-audit', '--no-fund', *packages], check=True,
                       stdout=sys.stderr)
    return directory


machine = {'x86_64': 'x64', 'aarch64': 'arm64'}[platform.machine()]
node = install('node', 'node-linux-%s@24' % machine) + '/node_modules/node-linux-%s/bin/node' % machine
packages = install('mcp', *('@modelcontextprotocol/' + p for p in PACKAGES))
environment = dict(os.environ, PATH=os.path.dirname(node) + ':' + os.environ['PATH'])


def run(*argv):
    return subprocess.run([node, *argv], capture_output=True, text=True, env=environment, timeout=180,
                          stdin=subprocess.DEVNULL)


def program(name):
    return os.path.realpath(packages + '/node_modules/.bin/' + name)


with Desk('the official conformance suite, clients and inspector of MCP', timeout=120) as d:
    url = 'http://127.0.0.1:%d/mcp' % d.port
    for scenario in ('server-initialize', 'ping', 'tools-list', 'dns-rebinding-protection'):
        p = run(program('conformance'), 'server', '--url', url, '--scenario', scenario)
        d.ok(p.returncode == 0 and ', 0 failed, 0 warnings' in p.stdout, 'conformance: ' + scenario,
             p.stdout + p.stderr)

    for name in ('sdk', 'client'):
        routes = 'routes: [{host: a.test}, {host: %s.test}]' % name
        p = subprocess.Popen([node, HERE + '/lib/mcp-client.mjs', name, packages, url, routes], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True, env=environment, stdin=subprocess.DEVNULL)
        id = d.wait_pending()
        d.is_(d.proposal(id)['proposed_file'], routes, '@modelcontextprotocol/%s: its question arrives' % name)
        p.stderr.readline()  # a sign of life; an answer that is there at once needs none
        d.answer(id, 'approved', 'for the test')
        out, err = p.communicate(timeout=180)
        if not d.ok(p.returncode == 0, '... it ends well', err):
            continue
        said = json.loads(out)
        d.is_((said['server'], said['tools']),
              ('bot-bottle-supervise', ['allow', 'egress-block', 'list-egress-routes']), '... it has the tools')
        d.ok(not said['result'].get('isError') and said['result']['content'][0]['text'].startswith('Approved'),
             '... and the answer', said)
        d.ok(said['progress'] >= 1, '... after a sign of life', said)

    p = run(program('mcp-inspector'), '--cli', url, '--transport', 'http', '--method', 'tools/list')
    d.ok(p.returncode == 0 and [t['name'] for t in json.loads(p.stdout)['tools']] == ['allow', 'egress-block',
                                                                                      'list-egress-routes'],
         'the inspector lists the tools', p.stdout + p.stderr)
    p = run(program('mcp-inspector'), '--cli', url, '--transport', 'http', '--method', 'tools/call', '--tool-name',
            'list-egress-routes')
    d.ok(p.returncode == 0 and 'a.test' in p.stdout, 'and calls one', p.stdout + p.stderr)
    d.is_(d.said(), '', 'the server had nothing to complain about')
