#include "bottle.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"
#include "alloc.h"
#include "device.h"
#include "fd.h"
#include "harden.h"
#include "hatch.h"
#include "landlock.h"
#include "provision.h"
#include "root.h"
#include "sabotage.h"
#include "spawn.h"

extern char **environ;

#define TRUST_MAX (16u << 20) /* bytes of the bundle: a host's roots have a quarter of one */

/* What the first process holds while it works. */
struct inside {
	const struct bottle *b;
	struct filter *filter;
	struct agent agent;
	int master, slave; /* the agent's terminal, or -1 */
	int children;      /* signalfd for SIGCHLD */
	pid_t pid;      /* the agent's */
};

/* The launcher's environment and arguments are not for here, not even in memory: /proc/1/cmdline shows them. */
static void wipe_origins(char **argv)
{
	for (char **v = environ; *v; v++)
		alloc_wipe(*v, strlen(*v));
	environ = NULL;
	for (; *argv; argv++)
		alloc_wipe(*argv, strlen(*argv));
	prctl(PR_SET_NAME, "bottle", 0, 0, 0);
}

/* Keep three standard descriptors on /dev/null, the hatch and the cargo's trees; close all else. */
static bool close_inherited(const struct bottle *b, struct error *e)
{
	AUTO_FD null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int keep[512], n = 0;

	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0)
		return error_sys(e, "unable to open '/dev/null'");
	fd_close(&null);
	keep[n++] = b->hatch;
	for (size_t i = 0; i < b->cargo->n; i++)
		if (b->cargo->items[i].tree >= 0 && n < (int)COUNT_OF(keep))
			keep[n++] = b->cargo->items[i].tree;
	for (int fd = 3, next; fd >= 0; fd = next) {
		next = -1;
		for (int i = 0; i < n; i++)
			if (keep[i] >= fd && (next < 0 || keep[i] < next))
				next = keep[i];
		if (next != fd && syscall(SYS_close_range, fd, next < 0 ? ~0u : (unsigned)next - 1, 0) < 0)
			return error_sys(e, "unable to close inherited descriptors");
		if (next >= 0)
			next++;
	}
	return true;
}

/* Die with the launcher, also when it has died meanwhile. */
static bool tie_to_launcher(int hatch, struct error *e)
{
	struct pollfd p = { hatch, 0, 0 };

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return error_sys(e, "unable to tie the bottle to its launcher");
	if (poll(&p, 1, 0) > 0 && p.revents & POLLHUP)
		return error_set(e, STATUS_WORLD, "the launcher is gone");
	return true;
}

/* Take part in the namespaces as the agent's user, and be able to write to one's own /proc until hardened. */
static bool enter(const struct bottle *b, struct error *e)
{
	struct hatch_message m;

	if (!close_inherited(b, e) || !hatch_expect(b->hatch, HATCH_MAPPED, 0, &m, e) ||
	    !namespaces_enter(&b->ids, b->plan->hostname, e))
		return false;
	if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0)
		return error_sys(e, "unable to become dumpable");
	return tie_to_launcher(b->hatch, e);
}

/* Make the services' sockets and hand them out. */
static bool hand_out_listeners(const struct bottle *b, struct error *e)
{
	struct plan_listener listeners[PLAN_LISTENERS_MAX];
	struct hatch_message m = { .kind = HATCH_LISTENERS };
	bool ok = true;

	m.n_fds = plan_listeners(b->plan, listeners);
	for (size_t i = 0; i < m.n_fds; i++)
		m.fds[i] = -1;
	for (size_t i = 0; ok && i < m.n_fds; i++) {
		m.fds[i] = namespaces_listen(listeners[i].port, e);
		ok = m.fds[i] >= 0;
	}
	ok = ok && hatch_send(b->hatch, &m, e);
	for (size_t i = 0; i < m.n_fds; i++)
		fd_close(&m.fds[i]);
	return ok;
}

/* What TRUST brings: certificates and the agent's secrets. */
struct goods {
	struct buf ca, bundle;
	struct secret_set secrets;
};

static void goods_release(struct goods *g)
{
	buf_release(&g->ca);
	buf_release(&g->bundle);
	secret_set_release(&g->secrets);
}

static bool receive_goods(int hatch, struct goods *g, struct error *e)
{
	struct hatch_message m;
	bool ok;

	if (!hatch_expect(hatch, HATCH_TRUST, 3, &m, e))
		return false;
	ok = fd_read_all(m.fds[0], TRUST_MAX, "the CA", &g->ca, e) &&
	     fd_read_all(m.fds[1], TRUST_MAX, "the bundle", &g->bundle, e) && secret_set_read(m.fds[2], &g->secrets, e);
	for (size_t i = 0; i < m.n_fds; i++)
		fd_close(&m.fds[i]);
	return ok;
}

/* A session of its own and, with a terminal, that terminal in control of it. */
static bool take_session(struct inside *in, struct error *e)
{
	if (setsid() < 0)
		return error_sys(e, "unable to make a session in the bottle");
	if (!in->b->tty)
		return true;
	if (!device_terminal(&in->master, &in->slave, e))
		return false;
	return ioctl(in->slave, TIOCSCTTY, 0) == 0 || error_sys(e, "unable to take the bottle's terminal");
}

/* All that can be done while the sidecar starts: root file system, files, terminal. */
static bool build(struct inside *in, int *trust, struct error *e)
{
	const struct bottle *b = in->b;

	if (!cargo_open(b->cargo, &b->ids, e) || !root_begin(e) || !root_enter(b->plan, b->cargo, trust, e) ||
	    !provision(b->plan, b->cargo, e))
		return false;
	cargo_release(b->cargo);
	if (!sabotaged("landlock") && !sabotaged("privileges")) { /* the latter is what Landlock stands on */
		in->agent.landlock = landlock_ruleset(b->plan, e);
		if (in->agent.landlock < 0)
			return false;
	}
	in->filter = filter_make(e);
	return in->filter && take_session(in, e);
}

/* The rest, with what the launcher brings: certificates, the agent's secrets; and confinement. */
static bool complete(struct inside *in, int trust, struct error *e)
{
	__attribute__((cleanup(goods_release))) struct goods goods = { BUF_INIT, BUF_INIT, SECRET_SET_INIT };

	return receive_goods(in->b->hatch, &goods, e) &&
	       root_trust(trust, in->b->plan, buf_slice(&goods.ca), buf_slice(&goods.bundle), e) &&
	       agent_prepare(&in->agent, &goods.secrets, e) && harden(in->b->plan, in->filter, e);
}

/* Children announce themselves through a descriptor. */
static bool watch_children(struct inside *in, struct error *e)
{
	sigset_t set;

	sigfillset(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	in->children = signalfd(-1, &set, SFD_CLOEXEC);
	return in->children >= 0 || error_sys(e, "unable to watch processes");
}

/* From bare namespaces to a bottle that stands. */
static bool rise(struct inside *in, struct error *e)
{
	AUTO_FD trust = -1;

	return enter(in->b, e) && watch_children(in, e) && hand_out_listeners(in->b, e) && build(in, &trust, e) &&
	       complete(in, trust, e);
}

/* Tell the launcher that all stands, and give it its end of the terminal. */
static bool report_built(struct inside *in, struct error *e)
{
	struct hatch_message m = { .kind = HATCH_BUILT, .n_fds = in->b->tty ? 1 : 0, .fds = { in->master } };
	bool ok = hatch_send(in->b->hatch, &m, e);

	fd_close(&in->master);
	return ok;
}

/* Let bb-prove try to get out. The launcher judges. */
static bool run_prove(struct inside *in, struct error *e)
{
	struct hatch_message m;
	int code;

	if (!hatch_expect(in->b->hatch, HATCH_PROVE, 2, &m, e))
		return false;
	code = agent_prove(&in->agent, BOTTLE_PROVE, m.fds[0], m.fds[1], e);
	fd_close(&m.fds[0]);
	fd_close(&m.fds[1]);
	return code >= 0 ? hatch_say(in->b->hatch, HATCH_PROVED, code, e) : error_wrap(e, "bb-prove");
}

/* Run one command before the agent; its last words go with the report. */
static bool run_command(struct inside *in, const struct doc *argv, int index, struct error *e)
{
	struct hatch_message m = { .kind = HATCH_SETUP, .index = index };
	AUTO_BUF output = BUF_INIT;

	m.value = agent_run(&in->agent, argv, in->children, &output, &m.error);
	if (m.value >= 0) {
		struct slice text = slice_trim(buf_slice(&output), " \r\n\t");

		if (text.len > ERROR_TEXT_MAX / 2)
			text = slice_sub(text, text.len - ERROR_TEXT_MAX / 2, text.len);
		error_set(&m.error, STATUS_YES, "%.*s", SLICE_ARG(text));
	}
	return hatch_send(in->b->hatch, &m, e);
}

/* The commands of the plan, the provider's own check last (index -1). */
static bool run_commands(struct inside *in, struct error *e)
{
	const struct doc *setup = doc_get(in->b->plan->bottle, "setup");
	const struct doc *verify = doc_get(in->b->plan->bottle, "verify");

	for (size_t i = 0; i < doc_count(setup); i++)
		if (!run_command(in, doc_get(doc_at(setup, i), "argv"), (int)i, e))
			return false;
	return !verify || run_command(in, verify, -1, e);
}

/* Wait for the word, then start the agent. */
static bool start_agent(struct inside *in, struct error *e)
{
	struct hatch_message m;

	if (!hatch_expect(in->b->hatch, HATCH_START, in->b->tty ? 0 : 3, &m, e))
		return false;
	in->pid = agent_start(&in->agent, in->slave, m.fds, e);
	for (size_t i = 0; i < m.n_fds; i++)
		fd_close(&m.fds[i]);
	fd_close(&in->slave);
	agent_release(&in->agent);
	return in->pid > 0 && hatch_say(in->b->hatch, HATCH_STARTED, 0, e);
}

/* Collect the dead and the stopped. True when the agent is among the dead, with its wait status. */
static bool collect(struct inside *in, int *status)
{
	struct error ignored = ERROR_INIT;
	bool ended = false;
	pid_t pid;
	int s;

	while ((pid = waitpid(-1, &s, WNOHANG | WUNTRACED)) > 0) {
		if (pid != in->pid)
			continue;
		if (WIFSTOPPED(s)) {
			hatch_say(in->b->hatch, HATCH_STOPPED, WSTOPSIG(s), &ignored);
		} else {
			*status = s;
			ended = true;
		}
	}
	return ended;
}

/* Do what the launcher says; false when it has nothing more to say. */
static bool obey(struct inside *in)
{
	struct error e = ERROR_INIT;
	struct hatch_message m;

	if (!hatch_receive(in->b->hatch, &m, &e))
		return false;
	if (m.kind == HATCH_SIGNAL && m.value > 0 && m.value < NSIG)
		kill(-in->pid, m.value);
	if (m.kind == HATCH_CONTINUE || (m.kind == HATCH_SIGNAL && m.value != SIGCONT))
		kill(-in->pid, SIGCONT); /* a stopped process takes no other signal */
	return true;
}

/* Watch the agent to its end. Returns its wait status; -1 when the launcher has gone. */
static int watch(struct inside *in)
{
	struct pollfd p[2] = { { in->children, POLLIN, 0 }, { in->b->hatch, POLLIN, 0 } };
	struct signalfd_siginfo info;
	int status;

	for (;;) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return -1;
		if (p[0].revents & POLLIN && read(in->children, &info, sizeof(info)) < 0)
			return -1;
		if (collect(in, &status))
			return status;
		if (p[1].revents && !obey(in))
			return -1;
	}
}

/* End everything else, so that nothing holds the terminal or the pipes any more. */
static void end_all(void)
{
	kill(-1, SIGKILL);
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
}

/* From the go-ahead to the agent's end. */
static bool live(struct inside *in, struct error *e)
{
	struct hatch_message last;
	struct error gone = ERROR_INIT;
	int status;

	if (!run_prove(in, e) || !run_commands(in, e) || !start_agent(in, e))
		return false;
	status = watch(in);
	end_all();
	if (status < 0 || !hatch_say(in->b->hatch, HATCH_EXITED, status, e))
		return true;
	while (hatch_receive(in->b->hatch, &last, &gone)) /* until the launcher has read all that was written */
		;
	return true;
}

void bottle_main(const struct bottle *b)
{
	struct inside in = { .b = b, .agent = { .plan = b->plan }, .master = -1, .slave = -1, .children = -1 };
	struct error e = ERROR_INIT;

	wipe_origins(b->argv);
	if (rise(&in, &e) && report_built(&in, &e) && live(&in, &e))
		_exit(0);
	if (e.text[0]) {
		struct hatch_message m = { .kind = HATCH_FAILED, .error = e };
		struct error gone = ERROR_INIT;

		hatch_send(b->hatch, &m, &gone);
	}
	end_all();
	_exit(STATUS_WORLD);
}
