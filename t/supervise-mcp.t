#!/usr/bin/python3
"""bb-supervise: MCP over streamable HTTP, spoken well and badly."""
import json
import os
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib.mcp import Desk  # noqa: E402

INIT = {'jsonrpc': '2.0', 'id': 0, 'method': 'initialize', 'params': {'protocolVersion': '2025-06-18'}}
PING = {'jsonrpc': '2.0', 'id': 1, 'method': 'ping'}


def text_of(message):
    return message['result']['content'][0]['text']


def last(messages):
    """The answer, be it alone or at the end of a stream: an answer that comes at once needs no stream."""
    return messages[-1] if isinstance(messages, list) else messages


def code_of(message):
    return message['error']['code']


def sessions(d):
    for version in ('2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25'):
        status, head, m = d.post(dict(INIT, params={'protocolVersion': version}))
        d.is_((status, m['result']['protocolVersion']), (200, version), 'version %s is spoken' % version)
    status, head, m = d.post(dict(INIT, params={'protocolVersion': '1999-01-01'}))
    d.is_(m['result']['protocolVersion'], '2025-11-25', 'of an unknown version: the newest')
    d.is_(m['result']['serverInfo']['name'], 'bot-bottle-supervise', 'it says who it is')
    d.ok('tools' in m['result']['capabilities'], 'and that it has tools')
    sid = d.initialize()
    d.ok(sid and sid.isascii() and sid.isprintable(), 'a session has an id')
    d.is_(d.post({'jsonrpc': '2.0', 'method': 'notifications/initialized'}, session=sid)[0], 202,
          'a notification is accepted')
    status, head, m = d.post(PING, session=sid)
    d.is_((status, m), (200, {'jsonrpc': '2.0', 'id': 1, 'result': {}}), 'a ping is answered')
    status, head, m = d.post(PING, session=sid, fields=['MCP-Protocol-Version: 2025-06-18'])
    d.is_(status, 200, 'also with a version')
    d.is_(d.post(PING, session=sid, fields=['MCP-Protocol-Version: 1999-01-01'])[0], 400,
          'not with one that is unknown')
    d.is_(d.post(PING)[0], 200, 'a ping needs no session')
    status, head, m = d.post({'jsonrpc': '2.0', 'id': 2, 'method': 'tools/list'})
    d.is_((status, code_of(m)), (400, -32600), 'tools do')
    d.is_(d.post(PING, session='x' * 67)[0], 404, 'an id that we did not give is unknown')
    forged = '3' + sid[1:] if sid[0] != '3' else '2' + sid[1:]
    d.is_(d.post(PING, session=forged)[0], 404, 'so is one of ours with another version')
    d.is_(d.request(method='DELETE', session=sid)[0], 204, 'a session is ended')
    d.is_(d.post(PING, session=sid)[0], 404, 'and is unknown then')
    d.is_(d.request(method='DELETE')[0], 400, 'DELETE without one is wrong')
    status, head, body = d.request(method='GET', accept='text/event-stream')
    d.ok(status == 405 and 'Allow: POST, DELETE' in head, 'there is no stream of the server: 405', head)
    status, head, m = d.post({'jsonrpc': '2.0', 'id': 'probe', 'method': 'server/discover'},
                             fields=['MCP-Protocol-Version: 2026-07-28', 'Mcp-Method: server/discover'])
    d.is_((m['id'], code_of(m)), ('probe', -32601), 'server/discover is answered so that a client falls back')
    s = d.connect()
    for _ in range(3):
        body = json.dumps(PING).encode()
        s.sendall(d.head(length=len(body)) + body)
        d.is_(d.response(s)[0], 200, 'one connection serves several requests')
    s.sendall(d.head(fields=['Transfer-Encoding: chunked']) + b'5\r\n' + body[:5] + b'\r\n')
    s.sendall(b'%x\r\n' % (len(body) - 5) + body[5:] + b'\r\n0\r\n\r\n')
    d.is_(d.response(s)[0], 200, 'also a chunked one in pieces')
    s.close()
    d.is_(d.post(PING, path='/mcp')[0], 200, '/mcp is the same place')
    d.is_(d.post(PING, path='http://supervise:9100/mcp')[0], 200, 'so is its absolute form')
    d.is_(d.request(PING, length=len(json.dumps(PING)), fields=['Expect: 100-continue'])[0], 100,
          'a client that waits for 100 gets it')


def batches(d):
    new, old = d.initialize('2025-06-18'), d.initialize('2025-03-26')
    pair = [PING, {'jsonrpc': '2.0', 'method': 'notifications/x'}, dict(PING, id=2)]
    status, head, m = d.post(pair, session=old)
    d.is_((status, [a['id'] for a in m]), (200, [1, 2]), 'a batch is answered where the version has them')
    status, head, m = d.post(pair, session=new)
    d.is_((status, code_of(m)), (400, -32600), 'and refused where it has not')
    d.is_(d.post([], session=old)[0], 400, 'an empty batch is wrong')
    d.is_(len(d.post([PING] * 16, session=old)[2]), 16, '16 messages are the most')
    d.is_(d.post([PING] * 17, session=old)[0], 400, '17 are too many')
    status, head, m = d.post([INIT, PING], session=old)
    d.is_((code_of(m[0]), m[1]['result']), (-32600, {}), 'initialize is not for a batch')
    status, head, m = d.post([{'jsonrpc': '2.0', 'method': 'x'}] * 3, session=old)
    d.is_((status, m), (202, None), 'a batch of notifications has no answer')
    status, head, m = d.post([1, PING], session=old)
    d.is_((code_of(m[0]), m[1]['id']), (-32600, 1), 'what is no message has an error, the rest an answer')


def tools(d):
    sid = d.initialize()
    status, head, m = d.post({'jsonrpc': '2.0', 'id': 1, 'method': 'tools/list', 'params': {}}, session=sid)
    names = [t['name'] for t in m['result']['tools']]
    d.is_(names, ['allow', 'egress-block', 'list-egress-routes'], 'the tools')
    for t in m['result']['tools']:
        d.is_((t['inputSchema']['type'], bool(t['description'])), ('object', True), '%s is described' % t['name'])
    d.is_(json.loads(text_of(d.call(sid, 'list-egress-routes')[2])), {'routes': [{'host': 'a.test'}]},
          'the routes in force')
    d.is_(code_of(d.call(sid, 'rm -rf')[2]), -32602, 'an unknown tool')
    d.is_(code_of(d.post({'jsonrpc': '2.0', 'id': 1, 'method': 'resources/list'}, session=sid)[2]), -32601,
          'an unknown method')
    for arguments, word in (({}, 'missing'), ({'routes_yaml': 5, 'justification': 'x'}, 'routes_yaml'),
                            ({'routes_yaml': 'routes: []'}, 'justification'),
                            ({'routes_yaml': 'routes: []', 'justification': ' \n'}, 'empty'),
                            ({'routes_yaml': 'routes: []', 'justification': 'x' * 4097}, '4096'),
                            ({'routes_yaml': 'x' * (256 * 1024 + 1), 'justification': 'x'}, '262144'),
                            ({'routes_yaml': 'routes: [{host: "b test"}]', 'justification': 'x'}, 'host'),
                            ({'routes_yaml': 'routes: [{host: b.test, hosts: 1}]', 'justification': 'x'}, 'hosts'),
                            ({'routes_yaml': '{"a": &a [*a]}', 'justification': 'x'}, 'load'),
                            ({'routes_yaml': 'routes: [{host: b.test, matches: [{paths: [{type: regex, value: "('
                              + '\u00e9' * 600 + '"}]}]}]', 'justification': 'x'}, 'regular expression')):
        m = d.call(sid, 'allow', arguments)[2]
        d.ok(m['result']['isError'] and word in text_of(m), 'wrong arguments are told: %s' % word, m)
    d.is_(d.pending(), [], 'and nobody was asked')
    m = d.ask(sid, '{"routes": [{"host": "A.test."}]}')[2]
    d.ok('in force already' in text_of(m) and not m['result']['isError'], 'what is in force needs no question', m)
    d.is_(d.pending(), [], 'so there is none')


def waiting(d):
    sid = d.initialize()
    status, head, events = d.ask(sid, 'routes: [{host: b.test}]', 'I need b\x1b[31m', token='t1')
    d.ok('text/event-stream' in head, 'a call that waits answers with a stream')
    d.ok(None in events, 'with comments')
    progress = [e['params'] for e in events if e and e.get('method') == 'notifications/progress']
    d.ok(progress and all(p['progressToken'] == 't1' for p in progress), 'and progress for the token', events)
    d.ok('Still pending' in text_of(events[-1]), 'and says at the end that it is pending', events[-1])
    id = d.pending()[0]
    p = d.proposal(id)
    d.is_((p['tool'], p['bottle_slug'], p['proposed_file'], p['justification']),
          ('allow', 'dev-x1', 'routes: [{host: b.test}]', 'I need b\x1b[31m'), 'the proposal holds what was asked')
    status, head, m = d.ask(sid, 'routes: [{host: b.test}]', accept='application/json')
    d.ok('application/json' in head and id in text_of(m), 'without a stream it is one answer, about the same proposal',
         m)
    d.is_(len(d.pending()), 1, 'it was not asked twice')

    result = {}

    def ask(name, tool, routes, **how):
        result[name] = d.ask(sid, routes, tool=tool, **how)
    d.answer(id, 'rejected', 'no b here')
    m = d.ask(sid, 'routes: [{host: b.test}]')[2]
    d.ok('Rejected' in text_of(m) and 'no b here' in text_of(m), 'an answer given meanwhile is there at once', m)
    d.is_(os.path.exists('%s/processed/%s.response.json' % (d.queue, id)), True, 'and was archived')

    for status_word, word, file in (('approved', 'Approved', ''), ('modified', 'c2.test', 'routes: [{host: c2.test}]')):
        t = threading.Thread(target=ask, args=(status_word, 'egress-block', 'routes: [{host: %s.test}]' % status_word))
        t.start()
        id = d.wait_pending()
        d.is_(d.proposal(id)['tool'], 'egress-block', 'asked after a refusal')
        d.answer(id, status_word, 'go', file)
        t.join()
        d.ok(word in text_of(last(result[status_word][2])), 'the waiting call is told: %s' % status_word,
             result[status_word])

    t = threading.Thread(target=ask, args=('void', 'allow', 'routes: [{host: v.test}]'))
    t.start()
    id = d.wait_pending()
    d.answer(id, 'approved', hash='0' * 64)
    t.join()
    d.ok('Still pending' in text_of(last(result['void'][2])), 'an approval of other bytes is none', result['void'])
    d.answer(id, 'approved')
    d.ok('Approved' in text_of(d.ask(sid, 'routes: [{host: v.test}]')[2]), 'the question stood')

    t = threading.Thread(target=ask, args=('cancelled', 'allow', 'routes: [{host: x.test}]'), kwargs={'id': 'c-1'})
    t.start()
    d.wait_pending()
    d.post({'jsonrpc': '2.0', 'method': 'notifications/cancelled', 'params': {'requestId': 'c-1'}},
           session=d.initialize())
    d.ok(t.is_alive(), 'a cancellation in another session is for another call')
    d.is_(d.post({'jsonrpc': '2.0', 'method': 'notifications/cancelled', 'params': {'requestId': 'c-1'}},
                 session=sid)[0], 202,
          'a cancellation is accepted')
    t.join()
    d.is_([e for e in result['cancelled'][2] if e], [], 'the call has no answer then')
    old = d.initialize('2025-03-26')
    batch = [{'jsonrpc': '2.0', 'id': i, 'method': 'tools/call', 'params': {
        'name': 'allow', 'arguments': {'routes_yaml': 'routes: [{host: x.test}]', 'justification': 'x'}}}
        for i in range(3)]
    status, head, m = d.post(batch + [PING], session=old, accept='application/json')
    d.is_(sorted(a['id'] for a in m), [0, 1, 1, 2], 'the calls of a batch wait together')


def restarted(d):
    sid = d.initialize()
    s = d.connect()
    body = json.dumps({'jsonrpc': '2.0', 'id': 1, 'method': 'tools/call', 'params': {'name': 'allow', 'arguments': {
        'routes_yaml': 'routes: [{host: restarted.test}]', 'justification': 'x'}}}).encode()
    before = set(d.pending())
    s.sendall(d.head(session=sid, length=len(body)) + body)
    while not set(d.pending()) - before:
        pass
    d.stop()
    d.start()
    id = (set(d.pending()) - before).pop()
    d.answer(id, 'approved')
    d.ok('Approved' in text_of(d.ask(sid, 'routes: [{host: restarted.test}]')[2]),
         'after a restart in the middle session and question are still known')


with Desk('bb-supervise: MCP over streamable HTTP, spoken well and badly') as d:
    sessions(d)
    batches(d)
    tools(d)
    waiting(d)
    restarted(d)
