#!/usr/bin/python3
"""bb-egress and who is who: certificates on both sides, names, addresses."""
import os
import socket
import ssl
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib.wire import Bench, Connection, answer, get, run, wait_for  # noqa: E402


def serve(c):
    while True:
        try:
            head = c.head()
        except EOFError:
            return
        c.send(answer(head.encode()))


def status(c, host, path='/', *fields):
    c.send(get(path, host, *fields))
    head, body = c.response()
    return int(head.split(' ')[1]), body.decode()


with Bench('bb-egress and who is who: certificates on both sides, names, addresses') as b:
    good = b.origin(serve, 'good.test')
    expired = b.origin(serve, context=b.certificate('expired.test', days='-1'))
    other = b.origin(serve, 'other.test')
    own = b.origin(serve, context=b.certificate('own.test', issuer=False))
    clear = b.origin(serve)
    hasty = b.origin(lambda c: c.send(answer(b'I speak first')))
    dead = b.origin(serve)
    dead.close()
    mute = socket.create_server(('127.0.0.1', 0))
    routes = [
        b.route('good.test', good),
        b.route('expired.test', expired),
        b.route('wrong.test', other),
        b.route('own.test', own),
        {'host': 'untrusted.test', 'upstream': {'connect': '127.0.0.1:%d' % good.port}},
        {'host': 'clear.test', 'upstream': {'connect': '127.0.0.1:%d' % hasty.port}, 'ports': [80, 443]},
        b.route('dead.test', dead),
        {'host': 'localhost', 'ports': [80, clear.port]},
        {'host': '127.0.0.1', 'ports': [clear.port]},
        {'host': '::1', 'ports': [clear.port]},
        {'host': '169.254.169.254', 'ports': [80], 'allow_private': True},
        {'host': '10.255.255.1', 'ports': [80]},
        {'host': '*.wild.test', 'upstream': {'connect': '127.0.0.1:%d' % hasty.port}},
    ]
    proxy = b.egress(routes)

    # our certificates
    c = b.tunnel(proxy, 'good.test')
    b.same(status(c, 'good.test')[0], 200, 'a strict client accepts the certificate')
    leaf = os.path.join(b.directory, 'leaf.pem')
    with open(leaf, 'w') as f:
        f.write(ssl.DER_cert_to_PEM_cert(c.sock.getpeercert(True)))
    ca = os.path.join(proxy.state, 'ca.pem')
    verdict = subprocess.run(['openssl', 'verify', '-x509_strict', '-purpose', 'sslserver', '-verify_hostname',
                              'good.test',
                              '-CAfile', ca, leaf], capture_output=True, text=True)
    b.same((verdict.returncode, verdict.stdout), (0, leaf + ': OK\n'), 'so does openssl verify -x509_strict')
    verdict = subprocess.run(['openssl', 'verify', '-x509_strict', '-CAfile', ca, ca], capture_output=True, text=True)
    b.same(verdict.returncode, 0, '... for the authority itself, too')

    def text(pem, *what):
        return subprocess.run(['openssl', 'x509', '-in', pem, '-noout'] + list(what), capture_output=True,
                              text=True).stdout

    extensions = text(leaf, '-ext', 'basicConstraints,keyUsage,extendedKeyUsage,subjectAltName,subjectKeyIdentifier,'
                      'authorityKeyIdentifier')
    for want in ('Basic Constraints: critical', 'CA:FALSE', 'Key Usage: critical', 'Digital Signature',
                 'TLS Web Server Authentication', 'DNS:good.test', 'Subject Key Identifier',
                 'Authority Key Identifier'):
        b.like(extensions, want, 'the leaf has ' + want)
    extensions = text(ca, '-ext', 'basicConstraints,keyUsage,subjectKeyIdentifier')
    for want in ('Basic Constraints: critical', 'CA:TRUE, pathlen:0', 'Key Usage: critical', 'Certificate Sign',
                 'Subject Key Identifier'):
        b.like(extensions, want, 'the authority has ' + want)
    b.same(subprocess.run(['openssl', 'x509', '-in', leaf, '-noout', '-checkend', str(80 * 86400)],
                          capture_output=True).returncode, 0, 'the leaf is valid for a while')
    serial = text(leaf, '-serial')
    d = b.tunnel(proxy, 'dead.test')
    with open(leaf, 'w') as f:
        f.write(ssl.DER_cert_to_PEM_cert(d.sock.getpeercert(True)))
    b.check(text(leaf, '-serial') != serial and len(serial) > 30, 'serial numbers are long and differ')
    long = '.'.join(['a' * 60] * 4) + '.test'
    b.same(status(b.tunnel(proxy, long), long)[0], 403, 'a name of 249 bytes gets a certificate and a refusal')
    for host, shown in (('127.0.0.1', '127.0.0.1'), ('::1', '[::1]')):
        c = b.connect(proxy, '%s:%d' % (shown, clear.port))
        c.sock = proxy.trust.wrap_socket(c.sock, server_hostname=host)
        b.same(status(c, '%s:%d' % (shown, clear.port))[0], 403, 'an address (%s) gets one for an address' % host)
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = ssl.create_default_context(cafile=ca)
        context.minimum_version = context.maximum_version = version
        context.set_alpn_protocols(['h2', 'http/1.1'])
        c = b.connect(proxy, 'good.test:443')
        c.sock = context.wrap_socket(c.sock, server_hostname='good.test')
        b.same((status(c, 'good.test')[0], c.sock.selected_alpn_protocol()), (200, 'http/1.1'),
               version.name + ' works, as http/1.1')
    old = subprocess.run(['openssl', 's_client', '-proxy', '%s:%d' % proxy.address, '-connect', 'good.test:443',
                          '-tls1_1',
                          '-cipher', 'ALL@SECLEVEL=0', '-CAfile', ca], stdin=subprocess.DEVNULL, capture_output=True)
    b.check(old.returncode != 0, 'TLS 1.1 does not')

    # names that must agree
    for sni in ('other.test', 'good.test.other.test', 'xgood.test'):
        c = b.tunnel(proxy, 'good.test', sni=sni)
        b.same(status(c, 'good.test')[0], 421, 'CONNECT good.test with the TLS name %s is 421' % sni)
        b.same(status(c, sni)[0], 421, '... whatever the Host says')
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(ca)
    c = b.connect(proxy, 'good.test:443')
    c.sock = context.wrap_socket(c.sock)
    b.same(status(c, 'good.test')[0], 200, 'no TLS name at all is accepted')
    c = b.connect(proxy, 'GOOD.Test:443')
    c.sock = proxy.trust.wrap_socket(c.sock, server_hostname='good.test')
    b.same(status(c, 'Good.TEST')[0], 200, 'case does not matter')

    # sessions: a ticket of one name is no way to another
    context = ssl.create_default_context(cafile=ca)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    c = b.connect(proxy, 'good.test:443')
    c.sock = context.wrap_socket(c.sock, server_hostname='good.test')
    status(c, 'good.test')
    session = c.sock.session
    c = b.connect(proxy, 'clear.test:443')
    c.sock = context.wrap_socket(c.sock, server_hostname='good.test', session=session)
    b.same(status(c, 'clear.test')[0], 421, 'a resumed session is judged by the name it asks for')

    # the origin's certificate
    for host, why in (('expired.test', 'expired'), ('wrong.test', 'ostname mismatch'), ('own.test', 'self-signed'),
                      ('untrusted.test', 'issuer'), ('clear.test', 'TLS handshake')):
        c = b.tunnel(proxy, host)
        code, body = status(c, host)
        b.check(code == 502 and why in body, '%s: 502, naming %s' % (host, why))
        print('# ' + body.strip())
    b.check(wait_for(lambda: all(o.errors for o in (expired, other, own))), '... and no request went to any of them')
    code, body = status(b.tunnel(proxy, 'dead.test'), 'dead.test')
    b.check(code == 502 and 'refused' in body, 'an origin that is down is 502')
    print('# ' + body.strip())
    code, body = status(b.tunnel(proxy, 'a.wild.test'), 'a.wild.test')
    b.same(code, 502, 'a host below a wildcard is dialled')
    b.same(status(b.tunnel(proxy, 'wild.test'), 'wild.test')[0], 403, 'the wildcard itself is not')

    # addresses
    before = clear.connections
    c = b.plain(proxy)
    for host, what in (('localhost:%d' % clear.port, 'loopback'), ('127.0.0.1:%d' % clear.port, 'loopback'),
                       ('[::1]:%d' % clear.port, 'loopback'), ('169.254.169.254', 'metadata'),
                       ('10.255.255.1', 'private')):
        c.send(get('http://%s/' % host, host))
        head, body = c.response()
        b.check(' 403 ' in head and what.encode() in body, '%s is refused as %s' % (host, what))
        print('# ' + body.decode().strip())
    b.same(clear.connections, before, '... and nothing was dialled')
    b.check(wait_for(lambda: any(x['rule'] == 'address' and x['host'] == 'localhost' for x in proxy.lines('refuse'))),
            'the log has the rule')
    routes[7]['allow_private'] = routes[8]['allow_private'] = True
    b.same(proxy.reload(routes)['ok'], True, 'with allow_private for two of them')
    for host, want in (('localhost:%d' % clear.port, ' 200 '), ('127.0.0.1:%d' % clear.port, ' 200 '),
                       ('[::1]:%d' % clear.port, ' 403 '), ('169.254.169.254', ' 403 ')):
        c.send(get('http://%s/' % host, host))
        b.like(c.response()[0], want, '%s is%s' % (host, want))
    c.send(get('http://no-such-name.invalid/', 'no-such-name.invalid'))
    b.like(c.response()[0], ' 403 ', 'a name in no route is 403, not a failed resolution')

    b.same((proxy.process.poll(), open(proxy.log_file + '.err').read()), (None, ''),
           'nothing died and nothing complained')
    mute.close()
