"""A person at a terminal, for tests:

    python3 terminal.py SCRIPT COMMAND...

runs COMMAND as the leader of a session whose terminal is a new one, does what the lines of
the file SCRIPT say, then waits for the command's end. What the terminal showed goes to
standard output; the exit status is the command's, 128 + signal, or 99 with a line on standard
error when a step failed. Every step is bounded by 20 seconds.

    expect REGEX    wait until what was shown since the last match matches
    send TEXT       type TEXT; Python's escapes hold, so a line ends with \\n
    echo on|off     wait until the terminal echoes, or does not
    hangup          take the terminal away
"""
import codecs
import os
import pty
import re
import select
import signal
import sys
import termios
import time

LIMIT = 20


class Failed(Exception):
    pass


class Terminal:
    def __init__(self, argv):
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            try:
                os.execvp(argv[0], argv)
            finally:
                os._exit(127)
        self.shown = b""
        self.seen = 0

    def read(self, until):
        """Take in what is shown; False at the deadline or when nothing can come any more."""
        if self.master is None:
            return False
        ready, _, _ = select.select([self.master], [], [], max(0, until - time.monotonic()))
        if not ready:
            return False
        try:
            some = os.read(self.master, 65536)
        except OSError:
            some = b""
        self.shown += some
        return bool(some)

    def expect(self, pattern):
        until = time.monotonic() + LIMIT
        while True:
            found = re.search(pattern.encode(), self.shown[self.seen:])
            if found:
                self.seen += found.end()
                return
            if not self.read(until):
                raise Failed("nothing like '%s' was shown after %r" % (pattern, self.shown[self.seen:]))

    def send(self, text):
        os.write(self.master, codecs.decode(text, "unicode_escape").encode("latin-1"))

    def echo(self, want):
        until = time.monotonic() + LIMIT
        while bool(termios.tcgetattr(self.master)[3] & termios.ECHO) != (want == "on"):
            if time.monotonic() > until:
                raise Failed("echo did not go " + want)
            select.select([], [], [], 0.01)

    def hangup(self):
        os.close(self.master)
        self.master = None

    def finish(self):
        """Wait for the end and return the status."""
        until = time.monotonic() + LIMIT
        while True:
            more = self.read(min(until, time.monotonic() + 0.05))
            done, status = os.waitpid(self.pid, os.WNOHANG)
            if done:
                while more and self.read(time.monotonic()):
                    pass
                return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
            if time.monotonic() > until:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                raise Failed("the command did not end after %r" % self.shown[self.seen:])
            if not more:
                select.select([], [], [], 0.01)


def main():
    terminal = Terminal(sys.argv[2:])
    try:
        with open(sys.argv[1]) as script:
            for line in script:
                verb, _, rest = line.rstrip("\n").partition(" ")
                if verb:
                    getattr(terminal, verb)(*([rest] if rest else []))
        status = terminal.finish()
    except Failed as failed:
        print("terminal.py: %s" % failed, file=sys.stderr)
        status = 99
        try:
            os.kill(terminal.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    sys.stdout.buffer.write(terminal.shown)
    sys.stdout.flush()
    sys.exit(status)


main()
