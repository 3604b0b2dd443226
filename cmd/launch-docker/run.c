#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "audit.h"
#include "bottle.h"
#include "cmd/launch-native/deploykeys.h"
#include "cmd/launch-native/record.h"
#include "cmd/launch-native/terminal.h"
#include "cmd/launch-native/timing.h"
#include "container.h"
#include "fd.h"
#include "image.h"
#include "obtain.h"
#include "program.h"
#include "relay.h"
#include "sidecar.h"
#include "spawn.h"

/* Everything that a run holds; what is not there is -1, 0 or empty. */
struct run {
	const struct run_options *o;
	struct plan plan;
	struct state state;
	struct audit audit;
	struct engine engine;
	struct terminal terminal;
	struct secret_set secrets;
	struct deploy_keys keys;
	struct sidecar sidecar;
	struct bottle bottle;
	struct timing timing;
	char *agent_image, *sidecar_image;
	int signals;
	bool made[PARTS]; /* what is to be removed */
};

/* Read the plan from its file. */
static bool read_plan(struct run *r, struct error *e)
{
	AUTO_FD fd = strcmp(r->o->plan, "-") == 0 ? dup(STDIN_FILENO) : open(r->o->plan, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return error_sys(e, "unable to read the plan '%s'", r->o->plan);
	if (!plan_read(fd, &r->plan, e))
		return false;
	if (strcmp(doc_get_cstr(r->plan.doc, "backend"), "docker") != 0)
		return error_set(e, STATUS_CALLER, "the plan is for the backend '%s', not for 'docker'",
				 doc_get_cstr(r->plan.doc, "backend"));
	if (r->o->resume)
		return error_set(e, STATUS_CALLER, "'%s' cannot go on: what its agent wrote went with its container; "
						   "'bb commit' keeps it before",
				 r->plan.identity);
	if (r->plan.tty && !terminal_present())
		return error_set(e, STATUS_CALLER, "standard input and output are not a terminal; use --headless");
	return true;
}

/* The state directory; the sidecar, which keeps its files there, is another user when the operator is root. */
static bool make_state(struct run *r, struct error *e)
{
	if (!state_create(&r->state, r->plan.home, r->plan.identity, r->o->resume, e))
		return false;
	return geteuid() != 0 || chown(r->state.dir, sidecar_uid(), sidecar_uid()) == 0 ||
	       error_sys(e, "unable to hand over '%s'", r->state.dir);
}

/* What a dead launcher has left under this identity. Whoever holds the state directory owns it. */
static bool remove_remnants(struct run *r, struct error *e)
{
	for (enum part p = PART_AGENT; p < PARTS; p++) {
		AUTO_FREE char *name = part_name(p, r->plan.identity);

		if (!part_remove(&r->engine, p, name, e))
			return false;
	}
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

/* All that takes long and changes nothing: the images. A signal simply ends it. */
static bool prepare(struct run *r, struct error *e)
{
	if (!engine_open(&r->engine, e) || !engine_call(&r->engine, "GET", "/_ping", NULL, NULL, e))
		return false;
	r->agent_image = r->o->snapshot ? image_snapshot(&r->engine, r->plan.home, r->o->snapshot, e) :
					  image_agent(&r->engine, &r->plan, e);
	r->sidecar_image = r->agent_image ? image_sidecar(&r->engine, r->o->programs, e) : NULL;
	timing_mark(&r->timing, "images");
	return r->sidecar_image && make_state(r, e) && remove_remnants(r, e) &&
	       record_start(&r->audit, &r->plan, r->o->resume, e) && write_state(r, e) &&
	       obtain_secrets(r->plan.secrets, &r->secrets, e) &&
	       deploy_keys_make(&r->keys, &r->plan, r->o->programs, &r->secrets, e);
}

/* The network and the sidecar's container, unless nothing is served: then nothing can be reached. */
static bool raise_sidecar(struct run *r, struct error *e)
{
	AUTO_FREE char *network = part_name(PART_NETWORK, r->plan.identity);

	if (!doc_count(doc_get(r->plan.sidecar, "daemons")))
		return true;
	r->made[PART_NETWORK] = true;
	if (!network_create(&r->engine, network, part_labels(r->plan.identity, r->plan.home), e))
		return false;
	timing_mark(&r->timing, "network");
	r->made[PART_SIDECAR] = true;
	r->sidecar.audit = &r->audit;
	return sidecar_start(&r->sidecar, &r->engine, r->sidecar_image, &r->plan, &r->state, e);
}

/* Sidecar and bottle; the one waits for the other's sockets. The bottle is made while the engine starts the sidecar. */
static bool raise_bottle(struct run *r, struct error *e)
{
	AUTO_FREE char *volume = part_name(PART_VOLUME, r->plan.identity);

	r->made[PART_VOLUME] = true;
	if (!volume_create(&r->engine, volume, sidecar_uid(), part_labels(r->plan.identity, r->plan.home), e) ||
	    !raise_sidecar(r, e))
		return false;
	timing_mark(&r->timing, "sidecar");
	r->made[PART_AGENT] = true;
	if (!bottle_create(&r->engine, r->agent_image, r->o->programs, &r->plan, r->o->snapshot != NULL, e))
		return false;
	timing_mark(&r->timing, "created");
	if (r->sidecar.starting >= 0 && !sidecar_deliver(&r->sidecar, &r->engine, &r->plan, &r->secrets, e))
		return false;
	timing_mark(&r->timing, "delivered");
	if (!bottle_start(&r->bottle, &r->engine, &r->plan, &r->secrets, e) || !bottle_wait(&r->bottle, e))
		return false;
	timing_mark(&r->timing, "stands");
	return r->sidecar.stream.fd < 0 || sidecar_wait(&r->sidecar, e);
}

/* Certificates, proof, agent. */
static bool start_agent(struct run *r, struct error *e)
{
	timing_mark(&r->timing, "ready");
	if (!bottle_trust(&r->engine, &r->plan, &r->state, e))
		return false;
	timing_mark(&r->timing, "trust");
	if (!bottle_prove(&r->bottle, &r->plan, &r->state, e))
		return false;
	timing_mark(&r->timing, "proved");
	return (!r->plan.tty || relay_size(&r->bottle, &r->terminal, e)) && bottle_go(&r->bottle, &r->plan, e);
}

/* The agent's time. */
static bool attend(struct run *r, int *status, struct error *e)
{
	struct relay relay = { .bottle = &r->bottle, .sidecar = &r->sidecar, .wall_ms = doc_get_int(r->plan.limits,
												    "wall") * 1000,
			       .signals = r->signals, .terminal = r->plan.tty ? &r->terminal : NULL };

	return relay_run(&relay, status, e);
}

/* End and remove everything, in reverse order of its making. Idempotent. */
static void tear_down(struct run *r)
{
	bottle_end(&r->bottle);
	terminal_close(&r->terminal);
	for (enum part p = PART_AGENT; p < PARTS; p++) {
		AUTO_FREE char *name = part_name(p, r->plan.identity ? r->plan.identity : "");
		struct error e = ERROR_INIT;

		if (p == PART_SIDECAR)
			sidecar_end(&r->sidecar);
		if (r->made[p] && !part_remove(&r->engine, p, name, &e))
			program_warn("%s; 'bb cleanup' tries again", e.text);
		r->made[p] = false;
	}
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
	fd_close(&r->signals);
	secret_set_release(&r->secrets);
	audit_release(&r->audit);
	state_release(&r->state);
	engine_close(&r->engine);
	plan_release(&r->plan);
	free(STEAL(r->agent_image));
	free(STEAL(r->sidecar_image));
}

/* From the plan to the agent's end. */
static bool live(struct run *r, bool *started, int *status, struct error *e)
{
	if (!read_plan(r, e) || !prepare(r, e))
		return false;
	r->signals = relay_signals(e);
	if (r->signals < 0 || (r->plan.tty && !terminal_open(&r->terminal, e)) || !raise_bottle(r, e) ||
	    !start_agent(r, e))
		return false;
	*started = true;
	timing_mark(&r->timing, "agent");
	timing_print(&r->timing);
	return attend(r, status, e);
}

bool run_bottle(const struct run_options *o, int *code, struct error *e)
{
	struct run r = { .o = o, .state = STATE_INIT, .audit = AUDIT_INIT, .engine = ENGINE_INIT,
			 .terminal = TERMINAL_INIT,
			 .secrets = SECRET_SET_INIT, .keys = DEPLOY_KEYS_INIT, .sidecar = SIDECAR_INIT,
				 .bottle = BOTTLE_INIT, .signals = -1 };
	struct error late = ERROR_INIT;
	bool started = false;
	int status = 0;
	bool ok;

	umask(022);
	timing_start(&r.timing, o->timing);
	ok = live(&r, &started, &status, e);
	*code = ok ? spawn_exit_code(status) : (int)e->status;
	tear_down(&r);
	if (!record_end(&r.audit, *code, ok ? NULL : e->text, &late))
		program_warn("%s", late.text);
	late = (struct error)ERROR_INIT;
	deploy_keys_revoke(&r.keys);
	if (!settle_state(&r, started, *code, &late))
		program_warn("%s", late.text);
	else if (started && *code != 0)
		program_warn("the state of '%s' is kept in '%s'", r.plan.identity, r.state.dir);
	release(&r);
	return ok;
}
