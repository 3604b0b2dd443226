#!/bin/sh
test_title='a bottle on a terminal: its own, of the right size, with job control; the user'\''s is put back after any end'
. "$(dirname "$0")/lib/tap.sh"
. "$BB_SOURCE/t/lib/bottle.sh"

# A person with an interactive shell on a terminal that answers questions as xterm does. Prints TAP lines without
# numbers.
cat >person.py <<'END'
import fcntl, os, pty, re, select, signal, struct, sys, termios, time

user, plan, launcher = sys.argv[1:4]
become = sys.argv[4:]

def check(good, what, why=""):
    print(("ok" if good else "not ok") + f" - {user}: {what}")
    if not good:
        print("# " + repr(why)[-600:])
    sys.stdout.flush()

class Shell:
    """bash -i, in whose session everything runs."""
    def __init__(self):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(PS1="host> ", TERM="xterm")
            os.execvp("bash", ["bash", "--norc", "--noprofile", "--noediting", "-i"])
        self.out, self.seen = b"", 0
        self.size(40, 100)

    def size(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def send(self, text):
        os.write(self.fd, text.encode())

    def expect(self, pattern, limit=20):
        until = time.monotonic() + limit
        while True:
            found = re.search(pattern.encode(), self.out[self.seen:])
            if found:
                self.seen += found.end()
                return True
            left = until - time.monotonic()
            ready = select.select([self.fd], [], [], max(0, left))[0]
            if not ready:
                return False
            try:
                some = os.read(self.fd, 65536)
            except OSError:
                return False
            self.out += some
            for asked in re.findall(rb"\x1b\[(6n|c)", some):
                self.send("\x1b[7;7R" if asked == b"6n" else "\x1b[?62;22c")

    def must(self, pattern):
        if not self.expect(pattern):
            check(False, f"'{pattern}' is shown", self.out)

    def settings(self):
        return termios.tcgetattr(self.fd)

    def prompt(self, command, pattern):
        self.send(command + "\n")
        return self.expect(pattern)

def launcher_of(plan):
    """The launcher and the terminal's guard: the two with the plan's name in their arguments."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                words = f.read().split(b"\0")
            with open(f"/proc/{pid}/stat") as f:
                parent = int(f.read().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
        if plan.encode() in words and words[0].endswith(b"bb-launch-native"):
            found.append((int(pid), parent))
    pids = [p for p, _ in found]
    main = [p for p, parent in found if parent not in pids]
    return main[0], [p for p in pids if p != main[0]]

def sane(before, now):
    return before[:4] == now[:4]

s = Shell()
s.must("host> ")
before = s.settings()
start = " ".join(become + [launcher, "run", "--plan", plan])

def enter():
    s.send("rm -rf \"$BOT_BOTTLE_HOME\"/state/one\n")
    s.must("host> ")
    s.send(start + "\n")
    return s.expect("agent> ")

def gone(pid):
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.01)
    return False

check(enter(), "the agent has a terminal", s.out)
check(s.prompt("stty size", "\n40 100\r"), "... of the size of the user's", s.out)
s.must("agent> ")
s.size(33, 77)
check(s.prompt("while [ \"$(stty size)\" != '33 77' ]; do :; done; stty size", "\n33 77\r"), "... and it follows", s.out)
s.must("agent> ")
check(s.prompt("tty; readlink /proc/self/fd/0", "\n/dev/pts/0\r\n/dev/pts/0\r"), "... and it is the bottle's own", s.out)
s.must("agent> ")
s.send("sh -c 'echo now$((1 + 1)); exec sleep 1000'\n")
s.must("now2\r\n")
s.send("\x03")
check(s.expect("agent> "), "^C ends what the agent runs", s.out)
s.send("sh -c 'echo now$((2 + 2)); exec cat'\n")
s.must("now4\r\n")
s.send("hello\n")
s.must("hello\r\nhello\r\n")
s.send("\x1a")
check(s.expect("Stopped") and s.expect("agent> "), "^Z stops it in the agent's own shell", s.out)
# A shell that still has the stopped job in its books would refuse to exit.
s.send("kill -KILL %1; while kill -0 %1; do :; done 2>/dev/null\n")
s.must("agent> ")
s.send("printf '\\033]52;c;aGVsbG8=\\a\\033]0;title\\a\\033_Ga=T,t=f;L2V0Yw==\\033\\\\\\033[31mred\\n'; echo over$((1 + 1))\n")
check(s.expect("over2"), "the agent writes escape sequences", s.out)
tail = s.out[-400:]
check(b"\x1b]0;title\x07" in tail and b"\x1b[31mred" in tail, "... the harmless ones arrive", tail)
check(b"\x1b]52" not in tail and b"\x1b_" not in tail, "... the clipboard and files are out of reach", tail)
s.must("agent> ")

# The agent stops: the launcher stops as well, as a job of the user's shell.
s.send("kill -STOP $$\n")
check(s.expect("Stopped") and s.expect("host> "), "when the agent stops, so does the launcher", s.out)
check(sane(before, s.settings()), "... and the user's terminal is as it was", s.settings())
s.send("fg\n")
check(s.prompt("echo again$((1 + 1))", "again2"), "fg continues both", s.out)
s.must("agent> ")

# Someone stops the launcher.
main, guards = launcher_of(plan)
check(len(guards) == 1, "one guard watches over the terminal", guards)
os.kill(main, signal.SIGTSTP)
check(s.expect("Stopped") and s.expect("host> ") and sane(before, s.settings()), "TSTP stops the launcher, terminal put back", s.out)
s.send("fg\n")
check(s.prompt("echo again$((2 + 2))", "again4"), "... and fg continues it", s.out)
s.must("agent> ")

# Questions to the terminal with the last breath: the answers are not typed into the user's shell.
s.send("printf '\\033[6n\\033[6n'; exit 3\n")
s.must("host> ")
s.send("echo status=$?\n")
check(s.expect("status=3\r"), "the exit status is the agent's", s.out)
check(b"7;7R" not in s.out[s.out.rindex(b"\x1b[?25h"):], "... and late answers of the terminal are not typed into the shell", s.out[-300:])
check(sane(before, s.settings()), "... and the terminal is as it was", s.settings())
s.must("host> ")

enter()
s.send("kill -KILL $$\n")
s.must("host> ")
s.send("echo status=$?\n")
check(s.expect("status=137\r"), "an agent that dies of a signal gives 128 and its number", s.out)
s.must("host> ")

# Deaths.
enter()
main, guards = launcher_of(plan)
os.kill(main, signal.SIGKILL)
check(s.expect("Killed") and s.expect("host> "), "the launcher dies of KILL", s.out)
check(gone(guards[0]) and sane(before, s.settings()), "... and the guard puts the terminal back", s.settings())
s.send("\n")
s.must("host> ")
enter()
main, guards = launcher_of(plan)
os.kill(guards[0], signal.SIGKILL)
s.send("exit\n")
check(s.expect("host> ") and sane(before, s.settings()), "without its guard the launcher puts it back itself", s.settings())
enter()
main, guards = launcher_of(plan)
with open(f"/proc/{main}/task/{main}/children") as f:
    others = [int(p) for p in f.read().split() if int(p) not in guards]
os.kill(others[0], signal.SIGKILL)
check(s.expect("host> "), "the bottle's first process dies of KILL: the launcher ends", s.out)
s.send("echo status=$?\n")
check(s.expect("status=111\r") and sane(before, s.settings()), "... with 111 and the terminal put back", s.out)
s.must("host> ")
enter()
main, guards = launcher_of(plan)
with open(f"/proc/{main}/task/{main}/children") as f:
    others = [int(p) for p in f.read().split() if int(p) not in guards]
os.kill(others[1], signal.SIGKILL)
check(s.expect("the sidecar ended") and s.expect("host> ") and sane(before, s.settings()), "so it does when the sidecar dies", s.out)
enter()
s.send("trap 'exit 9' TERM; echo trapped$((1 + 1))\n")
s.must("trapped2\r\nagent> ")
main, guards = launcher_of(plan)
os.kill(main, signal.SIGTERM)
s.must("host> ")
s.send("echo status=$?\n")
check(s.expect("status=9\r"), "TERM is passed on to the agent", s.out[-300:])
s.must("host> ")
enter()
main, guards = launcher_of(plan)
os.kill(main, signal.SIGTERM)
os.kill(main, signal.SIGTERM)
s.must("host> ")
s.send("echo status=$?\n")
check(s.expect("status=137\r"), "... which is killed after a second one", s.out[-300:])
END

for user in $users; do
	make_plan "$user" one '.bottle.tty = true | .bottle.argv = ["bash", "--norc", "--noprofile", "--noediting", "-i"] |
		.bottle.env += [{name: "PS1", value: "agent> "}]'
	become=
	[ "$user" != "$ordinary" ] || become="setpriv --reuid $ordinary --regid $ordinary --clear-groups"
	# shellcheck disable=SC2086
	BOT_BOTTLE_HOME=$PWD/$user/home /usr/bin/python3 person.py "$user" "$PWD/$user/one.plan" \
		"$BB_BUILD/bin/bb-launch-native" $become >lines 2>err
	is "$?$(cat err)" 0 "$user: the person gets to the end"
	while read -r line; do
		case $line in
		'ok - '*) tap_result 0 "${line#ok - }" ;;
		'not ok - '*) tap_result 1 "${line#not ok - }" ;;
		*) echo "$line" ;;
		esac
	done <lines
	check_status 100 "$user: without a terminal a plan that wants one is refused" run_plan "$user" one
	like "$(cat err)" 'not a terminal; use --headless' "$user: ... and says what to do"
	rm -rf "$user/home/state/one"
	as "$user" bb-launch-native cleanup >out 2>&1
	is "$(leftovers "$user")" '' "$user: nothing is left"
done

done_testing
