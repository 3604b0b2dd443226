"""A bb-egress of which one role was taken over and does what a test tells it (egress/orders.h)."""
import os
import re
import shutil
import struct

from lib.wire import BUILD, LIMIT, Bench, wait_for

# The numbers of the messages, from the header that lists them.
TYPE = {}
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'cmd', 'egress', 'message.h')) as f:
    number = 0
    for name, value in re.findall(r'^\tMESSAGE_([A-Z_]+)(?: = (\d+))?,', f.read(), re.M):
        number = int(value) if value else number + 1
        TYPE[name] = number
NAME = {v: k for k, v in TYPE.items()}


def message(kind, stream, body=b''):
    return struct.pack('=III', len(body), TYPE.get(kind, kind), stream) + body


def request(stream, host, head, port=443, scheme=1, kind=0):
    return message('REQUEST', stream, struct.pack('=HBBH', port, scheme, kind, len(host)) + host + head)


def plain(path, host, *fields, method='GET'):
    return '\r\n'.join(['%s %s HTTP/1.1' % (method, path), 'Host: ' + host] + list(fields)).encode() + b'\r\n\r\n'


class Escaped(Bench):
    def take_over(self, role):
        """The program in which that role takes orders: give it to egress()."""
        self.program = os.path.join(self.directory, 'bb-egress-' + role)
        shutil.copy(os.path.join(BUILD, 't', 'lib', 'bb-egress-escaped-' + role), self.program)
        with open(self.program + '.orders', 'wb') as f:
            f.truncate(4 + (1 << 20))
        self.orders = open(self.program + '.orders', 'r+b', buffering=0)
        os.chmod(self.directory, 0o755)
        self.number = 0

    def again(self):
        """Start afresh what has ended."""
        self.number = 0
        os.pwrite(self.orders.fileno(), bytes(4), 0)
        self.proxy.process.wait(LIMIT)
        self.proxy.start()

    def order(self, line):
        self.number += 1
        os.pwrite(self.orders.fileno(), line.encode() + b'\0', 4)
        os.pwrite(self.orders.fileno(), struct.pack('=i', self.number), 0)

    def said(self):
        with open(self.proxy.log_file + '.err') as f:
            return f.read().split('\n')[:-1]

    def told(self, peer, since=0):
        """Messages that the role got from a peer: type, stream, body."""
        got = [x.split(' ') for x in self.said()[since:] if x.startswith(peer + ' ')]
        return [(NAME[int(x[1])], int(x[2]), bytes.fromhex(x[3])) for x in got]

    def tell(self, peer, *messages, times=1):
        """Have it send messages; the end of the role is an end of that, too."""
        self.order(('repeat %d ' % times if times > 1 else '') + 'send %s %s' % (peer, b''.join(messages).hex()))
        wait_for(lambda: self.proxy.process.poll() is not None or 'done %d' % self.number in self.said())

    def refused(self, role, name, arg=''):
        """A call has to end the role, and all with it, or to be refused."""
        before = len(self.said())
        self.order('call %s %s' % (name, arg % self.proxy.roles() if '%(' in arg else arg))

        def result():
            said = self.said()[before:]
            back = [x for x in said if x.startswith('call %s ' % name)]
            return back[-1].split(' ')[2] if back else 'ended' if self.proxy.process.poll() is not None else None
        got = wait_for(result)
        what = 'what the %s asks of the kernel (%s)' % (role,
                                                        ' '.join((name,
                                                                  arg.replace('%(', '').replace(')d', ''))).strip())
        if got != 'ended':
            self.same(got, '-1', what + ' is refused')
            return
        said = '\n'.join(self.said())
        self.check(self.proxy.process.wait(LIMIT) == 111 and 'the %s was ended by signal 31' % role in said,
                   what + ' ends it')
        self.again()
