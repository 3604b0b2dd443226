#!/usr/bin/python3
"""An origin that does not prove who it is gets nothing: every fault of a certificate, by name.

Each row is an origin with one thing wrong. The client is told which, and the origin,
which answers anyone who gets through, has not had a byte of a request.
"""
import os
import ssl
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib.wire import Bench, answer, get  # noqa: E402

SERVER = 'basicConstraints=critical,CA:FALSE\nextendedKeyUsage=serverAuth'
AUTHORITY = 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign'
CURVE = ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256']
arrived = []


def serve(c):
    while True:
        try:
            arrived.append(c.head())
        except EOFError:
            return
        c.send(answer(b'ok'))


class Certificates(Bench):
    def run(self, *argv):
        got = subprocess.run(argv, cwd=self.directory, capture_output=True, text=True)
        assert got.returncode == 0, got.stderr

    def request(self, name, subject, key=CURVE):
        self.run('openssl', 'req', '-newkey', *key, '-nodes', '-subj', subject, '-keyout', name + '.key', '-out',
                 name + '.csr')

    def make(self, name, issuer, extensions, subject='/CN=server', key=CURVE, dates=('-30 days', '+30 days'),
             md='sha256'):
        """A certificate NAME.pem, signed by ISSUER (its own key, when that is NAME)."""
        self.request(name, subject, key)
        with open(os.path.join(self.directory, name + '.cnf'), 'w') as f:
            f.write('[ca]\ndefault_ca=d\n[d]\ndatabase=%s.db\nnew_certs_dir=.\nrand_serial=yes\npolicy=p\nunique_subject=no\n'
                    '[p]\ncommonName=supplied\n[x]\nsubjectKeyIdentifier=hash\n%s\n' % (name, extensions))
        open(os.path.join(self.directory, name + '.db'), 'w').close()
        when = [subprocess.run(['date', '-u', '-d', d, '+%Y%m%d%H%M%SZ'], capture_output=True, text=True).stdout.strip()
                for d in dates]
        signer = ['-selfsign', '-keyfile', name + '.key'] if issuer == name else ['-cert', issuer + '.pem', '-keyfile',
                                                                                  issuer + '.key']
        self.run('openssl', 'ca', '-batch', '-notext', '-config', name + '.cnf', '-extensions', 'x', '-md', md,
                 '-startdate', when[0],
                 '-enddate', when[1], '-in', name + '.csr', '-out', name + '.pem', *signer)

    def origin_with(self, name, *chain):
        """An origin that shows NAME.pem and the certificates of the chain."""
        shown = os.path.join(self.directory, name + '.shown')
        with open(shown, 'w') as out:
            for part in (name,) + chain:
                with open(os.path.join(self.directory, part + '.pem')) as f:
                    out.write(f.read())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_ciphers('ALL:@SECLEVEL=0')  # it would show anything
        context.load_cert_chain(shown, os.path.join(self.directory, name + '.key'))
        return self.origin(serve, context=context)

    def route(self, host, origin, trust='root'):
        return {'host': host, 'upstream': {'connect': '127.0.0.1:%d' % origin.port,
                                           'ca_file': os.path.join(self.directory, trust + '.pem')}}


with Certificates('an origin that does not prove who it is gets nothing') as b:
    def san(names):
        return SERVER + '\nsubjectAltName=' + names

    b.make('root', 'root', AUTHORITY, '/CN=root')
    b.make('foreign', 'foreign', AUTHORITY, '/CN=foreign root')
    b.make('middle', 'root', AUTHORITY, '/CN=middle')
    b.make('late', 'root', AUTHORITY, '/CN=expired middle', dates=('-30 days', '-1 day'))
    b.make('narrow', 'root', AUTHORITY + '\nnameConstraints=critical,permitted;DNS:elsewhere.test', '/CN=narrow')
    b.make('leafy', 'root', san('DNS:leafy.test'), '/CN=no authority')

    # host, issuer, extensions, what is shown beside it, what the client reads, and what makes the certificate odd
    table = [
        ('expired.test', 'root', san('DNS:expired.test'), (), 'expired', {'dates': ('-30 days', '-1 day')}),
        ('early.test', 'root', san('DNS:early.test'), (), 'not yet valid', {'dates': ('+1 day', '+30 days')}),
        ('wrong.test', 'root', san('DNS:other.test'), (), 'ostname mismatch', {}),
        ('self.test', 'self.test', san('DNS:self.test'), (), 'self-signed', {}),
        ('stranger.test', 'foreign', san('DNS:stranger.test'), (), 'issuer', {}),
        ('chain.test', 'foreign', san('DNS:chain.test'), ('foreign',), 'self-signed certificate in certificate chain',
         {}),
        ('missing.test', 'middle', san('DNS:missing.test'), (), 'issuer', {}),
        ('late.test', 'late', san('DNS:late.test'), ('late',), 'expired', {}),
        ('narrow.test', 'narrow', san('DNS:narrow.test'), ('narrow',), 'permitted subtree', {}),
        ('leafy2.test', 'leafy', san('DNS:leafy2.test'), ('leafy',), 'CA', {}),
        ('a.b.wild.test', 'root', san('DNS:*.wild.test'), (), 'ostname mismatch', {}),
        ('top.test', 'root', san('DNS:*.test'), (), 'ostname mismatch', {}),
        ('wild2.test', 'root', san('DNS:*.wild2.test'), (), 'ostname mismatch', {}),
        ('part.test', 'root', san('DNS:p*t.test'), (), 'ostname mismatch', {}),
        ('127.0.0.1', 'root', san('DNS:127.0.0.1'), (), 'IP address mismatch', {}),
        ('common.test', 'root', SERVER, (), 'ostname mismatch', {'subject': '/CN=common.test'}),
        ('client.test', 'root', san('DNS:client.test').replace('serverAuth', 'clientAuth'), (), 'purpose', {}),
        ('weak.test', 'root', san('DNS:weak.test'), (), 'too weak', {'key': ['rsa:1024']}),
        ('hash.test', 'root', san('DNS:hash.test'), (), 'too weak', {'md': 'sha1'}),
    ]
    good = [('good.test', 'root', san('DNS:good.test'), (), {}),
            ('whole.test', 'middle', san('DNS:whole.test'), ('middle',), {}),
            ('a.wild.test', 'root', san('DNS:*.wild.test'), (), {}),
            ('::1', 'root', san('IP:::1'), (), {})]
    routes, origins = [], {}
    for host, issuer, extensions, chain, _, odd in table:
        b.make(host, issuer, extensions, **odd)
        origins[host] = b.origin_with(host, *chain)
        routes.append(b.route(host, origins[host]))
    for host, issuer, extensions, chain, odd in good:
        name = host.replace(':', '-')
        b.make(name, issuer, extensions, **odd)
        routes.append(b.route(host, b.origin_with(name, *chain)))
    proxy = b.egress(routes)

    def ask(host):
        shown = '[%s]' % host if ':' in host else host
        c = b.connect(proxy, shown + ':443')
        c.sock = proxy.trust.wrap_socket(c.sock, server_hostname=host)
        c.send(get('/', shown))
        head, body = c.response()
        return head.split(' ')[1], body.decode().strip()

    for host, _, _, _, _ in good:
        b.same(ask(host), ('200', 'ok'), '%s proves who it is, and is served' % host)
    served = list(arrived)
    for host, issuer, extensions, chain, why, odd in table:
        status, said = ask(host)
        b.check(status == '502' and why in said, '%s: 502, %s' % (host, said))
    b.same(arrived, served, '... and none of them has got a byte of a request')
    b.same((proxy.process.poll(), open(proxy.log_file + '.err').read()), (None, ''),
           'nothing died and nothing complained')
