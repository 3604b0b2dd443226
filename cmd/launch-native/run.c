#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alloc.h"
#include "bottle.h"
#include "certificates.h"
#include "cgroup.h"
#include "daemons.h"
#include "deploykeys.h"
#include "fd.h"
#include "hatch.h"
#include "limits.h"
#include "obtain.h"
#include "program.h"
#include "proof.h"
#include "record.h"
#include "relay.h"
#include "rootfs.h"
#include "snapshot.h"
#include "spawn.h"
#include "timing.h"
#include "unpack.h"

/* Everything that a run holds; what is not there is -1, 0 or empty. */
struct run {
	const struct run_options *o;
	struct plan plan;
	struct state state;
	struct ids ids;
	struct cargo cargo;
	struct rootfs rootfs;
	struct terminal terminal;
	struct secret_set secrets;
	struct deploy_keys keys;
	struct daemons daemons;
	struct cgroup cgroup;
	struct audit audit;
	struct timing timing;
	pid_t bottle;
	int hatch, signals;
	int listeners[PLAN_LISTENERS_MAX];
	size_t n_listeners;
	int master;
	int input, output, errors; /* our ends of the agent's pipes */
};

/* Read the plan from its file. */
static bool read_plan(struct run *r, struct error *e)
{
	AUTO_FD fd = strcmp(r->o->plan, "-") == 0 ? dup(STDIN_FILENO) : open(r->o->plan, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return error_sys(e, "unable to read the plan '%s'", r->o->plan);
	if (!plan_read(fd, &r->plan, e))
		return false;
	if (strcmp(doc_get_cstr(r->plan.doc, "backend"), "native") != 0)
		return error_set(e, STATUS_CALLER, "the plan is for the backend '%s', not for 'native'",
				 doc_get_cstr(r->plan.doc, "backend"));
	return limits_check(&r->plan, e);
}

/* A terminal where the plan wants one; root leaves the groups that it has beside its own. */
static bool prepare_process(struct run *r, struct error *e)
{
	umask(022);
	if (r->ids.root && setgroups(0, NULL) < 0)
		return error_sys(e, "unable to leave the groups");
	if (r->plan.tty && !terminal_present())
		return error_set(e, STATUS_CALLER, "standard input and output are not a terminal; use --headless");
	if (r->plan.tty && !terminal_open(&r->terminal, e))
		return false;
	r->signals = relay_signals(e);
	return r->signals >= 0;
}

/* The directory of the upper layers belongs to the agent's user outside and is closed to everyone else. */
static bool make_disk(const struct run *r, struct error *e)
{
	AUTO_FREE char *disk = state_path(&r->state, "overlay");

	if (mkdir(disk, 0700) < 0 && errno != EEXIST)
		return error_sys(e, "unable to make '%s'", disk);
	if (r->ids.root && chown(disk, r->ids.outside_uid, r->ids.outside_gid) < 0)
		return error_sys(e, "unable to hand over '%s'", disk);
	return true;
}

/* An empty directory of the agent's for one upper layer. */
static bool make_layer(const struct run *r, const char *disk, const char *name, struct error *e)
{
	AUTO_FREE char *dir = alloc_format("%s/%s", disk, name);

	if (mkdir(dir, 0755) < 0 || (r->ids.root && lchown(dir, r->ids.outside_uid, r->ids.outside_gid) < 0))
		return error_sys(e, "unable to make '%s'", dir);
	return true;
}

/* Put what a snapshot holds where the agent will write. */
static bool restore_snapshot(const struct run *r, struct error *e)
{
	static const struct unpack_limits limits = { UNPACK_BYTES_MAX, UNPACK_FILES_MAX };
	AUTO_FREE char *disk = state_path(&r->state, "overlay");
	AUTO_DOC *snapshot = NULL;
	AUTO_FD archive = -1;

	if (!r->o->snapshot)
		return true;
	snapshot = snapshot_read(r->plan.home, r->o->snapshot, e);
	archive = snapshot ? snapshot_open(r->plan.home, r->o->snapshot, snapshot, e) : -1;
	return archive >= 0 && make_layer(r, disk, "upper", e) && make_layer(r, disk, "workspace", e) &&
	       (unpack_layer(archive, disk, r->ids.root ? r->ids.outside_uid : 0, &limits, e) ||
		error_wrap(e, "the snapshot '%s'", r->o->snapshot));
}

/* bb-prove is mounted where the bottle can run it. */
static bool list_cargo(struct run *r, struct error *e)
{
	if (!rootfs_find(r->plan.home, &r->rootfs, e) || !cargo_list(&r->cargo, &r->plan, &r->state, r->rootfs.dir, e))
		return false;
	cargo_add_program(&r->cargo, r->o->programs, "bb-prove", BOTTLE_PROVE);
	return !r->ids.root || cargo_open(&r->cargo, &r->ids, e);
}

/* Fork the bottle's first process and map its ids. */
static bool fork_bottle(struct run *r, struct error *e)
{
	struct bottle b = { .plan = &r->plan, .ids = r->ids, .cargo = &r->cargo, .tty = r->plan.tty,
			    .argv = r->o->argv };
	int ends[2];

	if (!fd_socketpair(SOCK_SEQPACKET, ends, e))
		return false;
	r->bottle = namespaces_fork(r->cgroup.group, e);
	if (r->bottle == 0) {
		close(ends[0]);
		b.hatch = ends[1];
		bottle_main(&b);
	}
	close(ends[1]);
	r->hatch = ends[0];
	return r->bottle > 0 && namespaces_map(r->bottle, &r->ids, e) && hatch_say(r->hatch, HATCH_MAPPED, 0, e);
}

/* Take the sockets that the bottle has made. */
static bool take_listeners(struct run *r, struct error *e)
{
	struct plan_listener listeners[PLAN_LISTENERS_MAX];
	size_t n = plan_listeners(&r->plan, listeners);
	struct hatch_message m;

	if (!hatch_expect(r->hatch, HATCH_LISTENERS, n, &m, e))
		return false;
	memcpy(r->listeners, m.fds, n * sizeof(m.fds[0]));
	r->n_listeners = n;
	return true;
}

/* What is written down about the bottle. */
static bool write_state(const struct run *r, struct error *e)
{
	static const char *const copied[] = { "identity", "agent", "bottles", "cwd",
					      "backend",  "label", "color",   "started_at" };
	AUTO_DOC *metadata = doc_new("metadata", 1);

	for (size_t i = 0; i < COUNT_OF(copied); i++) {
		const struct doc *value = doc_get(r->plan.doc, copied[i]);

		if (value)
			doc_put(metadata, copied[i], doc_copy(value));
	}
	return state_write(&r->state, "metadata.json", metadata, e) &&
	       state_write(&r->state, "plan.json", r->plan.doc, e);
}

/* A memory file with these bytes. Returns -1 with an error. */
static int memory_file(const char *name, struct slice bytes, struct error *e)
{
	AUTO_FD fd = memfd_create(name, MFD_CLOEXEC);

	if (fd < 0) {
		error_sys(e, "unable to make a memory file");
		return -1;
	}
	if (!fd_write_all(fd, bytes, name, e) || lseek(fd, 0, SEEK_SET) < 0)
		return -1;
	return fd_steal(&fd);
}

/* The secrets that the agent's environment names: what it is meant to have. Returns -1 with an error. */
static int agent_secrets(const struct run *r, struct error *e)
{
	const struct doc *env = doc_get(r->plan.bottle, "env");
	const char *names[SECRET_COUNT_MAX];
	size_t n = 0;

	for (size_t i = 0; i < doc_count(env); i++) {
		const char *name = doc_get_cstr(doc_at(env, i), "secret");
		bool listed = !name;

		for (size_t k = 0; k < n && !listed; k++)
			listed = strcmp(names[k], name) == 0;
		if (!listed && n < SECRET_COUNT_MAX)
			names[n++] = name;
	}
	return secret_set_memfd(&r->secrets, names, n, e);
}

/* Give the bottle its certificates and the agent's secrets. */
static bool send_trust(struct run *r, struct error *e)
{
	struct hatch_message m = { .kind = HATCH_TRUST, .n_fds = 3 };
	AUTO_BUF bundle = BUF_INIT;
	AUTO_BUF ca = BUF_INIT;
	AUTO_FD ca_file = -1;
	AUTO_FD bundle_file = -1;
	AUTO_FD secrets = -1;

	if (!certificates_read(&r->plan, &r->state, &ca, &bundle, e))
		return false;
	ca_file = memory_file("ca", buf_slice(&ca), e);
	bundle_file = ca_file < 0 ? -1 : memory_file("bundle", buf_slice(&bundle), e);
	secrets = bundle_file < 0 ? -1 : agent_secrets(r, e);
	if (secrets < 0)
		return false;
	m.fds[0] = ca_file;
	m.fds[1] = bundle_file;
	m.fds[2] = secrets;
	return hatch_send(r->hatch, &m, e);
}

/*
 * Start bottle and sidecar, which build themselves side by side, and join them: the bottle's files need
 * the proxy's certificate, and the last thing that bb-prove tries needs its answers. The record comes
 * behind the fork, so that the bottle's first process never has the key that signs it.
 */
static bool raise_bottle(struct run *r, struct error *e)
{
	struct hatch_message m;

	if (!fork_bottle(r, e) || !record_start(&r->audit, &r->plan, r->o->resume, e) ||
	    !obtain_secrets(r->plan.secrets, &r->secrets, e) || !take_listeners(r, e))
		return false;
	timing_mark(&r->timing, "namespaces");
	if (!deploy_keys_make(&r->keys, &r->plan, r->o->programs, &r->secrets, e))
		return false;
	if (!daemons_start(&r->daemons, r->o->programs, &r->plan, &r->state, &r->secrets, r->listeners, e))
		return false;
	for (size_t i = 0; i < r->n_listeners; i++)
		fd_close(&r->listeners[i]);
	r->n_listeners = 0;
	if (!write_state(r, e))
		return false;
	timing_mark(&r->timing, "state");
	if (!daemons_wait(&r->daemons, DAEMONS_CERTIFIED, &r->state, e))
		return false;
	timing_mark(&r->timing, "certificate");
	if (!send_trust(r, e) || !hatch_expect(r->hatch, HATCH_BUILT, r->plan.tty ? 1 : 0, &m, e))
		return false;
	r->master = r->plan.tty ? m.fds[0] : -1;
	timing_mark(&r->timing, "built");
	if (!proof_demand(r->hatch, &r->plan, &r->state, r->daemons.handle, e))
		return false;
	timing_mark(&r->timing, "proved");
	if (!daemons_wait(&r->daemons, DAEMONS_READY, &r->state, e))
		return false;
	timing_mark(&r->timing, "sidecar");
	return r->master < 0 || fd_set_nonblocking(r->master, true, e);
}

/* Pipes for an agent without a terminal. */
static bool make_pipes(struct run *r, struct hatch_message *m, struct error *e)
{
	int ends[2];

	for (int i = 0; i < 3; i++) {
		if (!fd_pipe(ends, e))
			return false;
		m->fds[i] = ends[i == 0 ? 0 : 1];
		m->n_fds++;
		*(i == 0 ? &r->input : i == 1 ? &r->output : &r->errors) = ends[i == 0 ? 1 : 0];
		if (!fd_set_nonblocking(ends[i == 0 ? 1 : 0], true, e))
			return false;
	}
	return true;
}

/* A setup command or the provider's check has ended: go on, warn or refuse. */
static bool judge_command(const struct run *r, const struct hatch_message *m, struct error *e)
{
	const struct doc *setup = doc_at(doc_get(r->plan.bottle, "setup"), (size_t)(m->index < 0 ? 0 : m->index));
	const struct doc *argv = m->index < 0 ? doc_get(r->plan.bottle, "verify") : doc_get(setup, "argv");
	bool fatal = m->index >= 0 && slice_eq(doc_get_str(setup, "on_failure"), SLICE("fail"));
	const char *name = doc_cstr(doc_at(argv, 0));

	if (m->value == 0)
		return true;
	if (m->value < 0)
		error_set(e, STATUS_WORLD, "the command '%s' in the bottle failed: %s", name ? name : "?",
			  m->error.text);
	else
		error_set(e, STATUS_WORLD, "the command '%s' in the bottle failed with status %d: %s",
			  name ? name : "?", m->value, m->error.text);
	if (fatal)
		return false;
	program_warn("%s", e->text);
	*e = (struct error)ERROR_INIT;
	return true;
}

/* Say the word and wait until the agent runs; setup commands report on the way. */
static bool start_agent(struct run *r, struct error *e)
{
	struct hatch_message start = { .kind = HATCH_START }, m;
	bool ok = r->plan.tty || make_pipes(r, &start, e);

	ok = ok && hatch_send(r->hatch, &start, e);
	for (size_t i = 0; i < start.n_fds; i++)
		fd_close(&start.fds[i]);
	while (ok) {
		ok = hatch_receive(r->hatch, &m, e);
		for (size_t i = 0; ok && i < m.n_fds; i++)
			fd_close(&m.fds[i]);
		if (ok && m.kind == HATCH_STARTED)
			return true;
		ok = ok && (m.kind != HATCH_SETUP || judge_command(r, &m, e));
	}
	return false;
}

/* The agent's time. */
static bool attend(struct run *r, int *status, struct error *e)
{
	struct relay relay = { .hatch = r->hatch, .sidecar = r->daemons.handle, .master = r->master, .input = r->input,
			       .output = r->output, .errors = r->errors, .bottle = r->bottle,
				       .wall_ms = limits_wall(&r->plan),
			       .signals = r->signals, .terminal = r->plan.tty ? &r->terminal : NULL };

	r->input = r->output = r->errors = -1; /* the relay's now */
	return relay_run(&relay, status, e) == RELAY_EXITED;
}

/* The control group goes with the last process; what the kernel did for its limit is said. */
static void remove_group(struct run *r)
{
	unsigned long killed = cgroup_killed(&r->cgroup);

	if (killed)
		program_warn("the memory that 'limits.memory' gives was used up; processes that were ended for it: %lu",
			     killed);
	cgroup_remove(&r->cgroup);
}

/* End everything that still runs, in reverse order of its making. Idempotent. */
static void tear_down(struct run *r)
{
	fd_close(&r->hatch); /* what the first process waits for, if it is still there */
	if (r->bottle > 0) {
		kill(r->bottle, SIGKILL);
		while (waitpid(r->bottle, NULL, 0) < 0 && errno == EINTR)
			;
	}
	r->bottle = 0;
	terminal_close(&r->terminal);
	remove_group(r);
	daemons_end(&r->daemons);
	for (size_t i = 0; i < r->n_listeners; i++)
		fd_close(&r->listeners[i]);
	r->n_listeners = 0;
	fd_close(&r->master);
	fd_close(&r->input);
	fd_close(&r->output);
	fd_close(&r->errors);
}

/* What becomes of the state: kept for a resume when the agent failed or someone wants it kept, else gone. */
static bool settle_state(struct run *r, bool started, int code, struct error *e)
{
	if (r->state.lock < 0 || state_is_kept(&r->state))
		return true;
	if (started && code != 0)
		return state_preserve(&r->state, STATE_FAILED, e);
	if (!started && r->o->resume)
		return true; /* as it was */
	return state_remove(&r->state, e);
}

static void release(struct run *r)
{
	tear_down(r);
	fd_close(&r->signals);
	cargo_release(&r->cargo);
	rootfs_release(&r->rootfs);
	secret_set_release(&r->secrets);
	audit_release(&r->audit);
	state_release(&r->state);
	plan_release(&r->plan);
}

/* From the plan to the agent's end. */
static bool live(struct run *r, bool *started, int *status, struct error *e)
{
	if (!read_plan(r, e))
		return false;
	r->ids = ids_for(r->plan.uid, r->plan.gid);
	timing_mark(&r->timing, "plan");
	if (!prepare_process(r, e) || !state_create(&r->state, r->plan.home, r->plan.identity, r->o->resume, e) ||
	    !make_disk(r, e) || !restore_snapshot(r, e) || !list_cargo(r, e) ||
	    !cgroup_make(&r->cgroup, &r->plan, &r->state, e) || !raise_bottle(r, e) ||
	    !cgroup_start(&r->cgroup, &r->plan, e) || !start_agent(r, e))
		return false;
	*started = true;
	timing_mark(&r->timing, "agent");
	timing_print(&r->timing);
	return attend(r, status, e);
}

bool run_bottle(const struct run_options *o, int *code, struct error *e)
{
	struct run r = { .o = o, .state = STATE_INIT, .cargo = CARGO_INIT, .rootfs = ROOTFS_INIT,
			 .terminal = TERMINAL_INIT,
			 .secrets = SECRET_SET_INIT, .keys = DEPLOY_KEYS_INIT, .daemons = DAEMONS_INIT,
				 .cgroup = CGROUP_INIT,
			 .audit = AUDIT_INIT, .hatch = -1, .signals = -1, .master = -1, .input = -1, .output = -1,
			 .errors = -1 };
	struct error late = ERROR_INIT;
	bool started = false;
	int status = 0;
	bool ok;

	timing_start(&r.timing, o->timing);
	ok = live(&r, &started, &status, e);
	*code = ok ? spawn_exit_code(status) : (int)e->status;
	tear_down(&r);
	if (!record_end(&r.audit, *code, ok ? NULL : e->text, &late))
		program_warn("the end of the bottle is not in its audit log: %s", late.text);
	deploy_keys_revoke(&r.keys);
	if (!settle_state(&r, started, *code, &late))
		program_warn("%s", late.text);
	else if (started && *code != 0)
		program_warn("the state of '%s' is kept in '%s'", r.plan.identity, r.state.dir);
	release(&r);
	return ok;
}
