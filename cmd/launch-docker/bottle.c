#include "bottle.h"

#include <errno.h>

#include "alloc.h"
#include "cmd/launch-native/probe.h"
#include "container.h"
#include "fd.h"
#include "loop.h"
#include "program.h"
#include "provision.h"

/* --- the container --- */

/* Names of the services, all of them on the loopback interface. */
static void add_hosts(struct doc *host, const struct plan *p)
{
	const struct doc *services = doc_get(p->bottle, "services");
	struct doc *list = doc_put(host, "ExtraHosts", doc_new_array());

	for (size_t i = 0; i < doc_count(services); i++) {
		AUTO_FREE char *entry = alloc_format("%s:127.0.0.1", doc_get_cstr(doc_at(services, i), "name"));

		doc_append_str(list, entry);
	}
}

/*
 * What of the kernel's own files is covered. The engine's list of these is replaced by one that is set, so it is in
 * here (up to its version 28), and behind it what says what the host is and how it was started.
 */
static void add_masks(struct doc *host)
{
	static const char *const masked[] = {
		"/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
		"/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats",
		"/sys/devices/virtual/powercap",
		"/sys/firmware",
		"/proc/cmdline",          "/proc/kallsyms",         "/proc/kmsg",             "/proc/kpagecount",
		"/proc/kpageflags",       "/proc/modules",          "/proc/pagetypeinfo",     "/proc/partitions",
		"/proc/slabinfo",         "/proc/vmallocinfo",      "/sys/kernel/debug",      "/sys/kernel/notes",
		"/sys/kernel/security",   "/sys/kernel/tracing",    "/sys/kernel/vmcoreinfo",
	};
	static const char *const read_only[] = { "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
						 "/proc/sysrq-trigger" };
	struct doc *list = doc_put(host, "MaskedPaths", doc_new_array());

	for (size_t i = 0; i < COUNT_OF(masked); i++)
		doc_append_str(list, masked[i]);
	list = doc_put(host, "ReadonlyPaths", doc_new_array());
	for (size_t i = 0; i < COUNT_OF(read_only); i++)
		doc_append_str(list, read_only[i]);
}

/* "1.5" processors as the engine counts them, in billionths; 0 when it is no such number. */
static int64_t nano_cpus(struct slice text)
{
	struct slice whole = slice_cut(&text, '.');
	uint64_t n = 0, part = 0;

	if (!slice_to_u64(whole, &n) || n > 100000 || text.len > 9 || (text.len && !slice_to_u64(text, &part)))
		return 0;
	for (size_t i = text.len; i < 9; i++)
		part *= 10;
	return (int64_t)(n * 1000000000u + part);
}

/* The manifest's limits, as far as the engine enforces them. */
static bool add_limits(struct doc *host, const struct plan *p, struct error *e)
{
	int64_t pids = doc_get_int(p->limits, "pids");
	int64_t cpus = nano_cpus(doc_get_str(p->limits, "cpus"));

	if (doc_get(p->limits, "cpus") && cpus <= 0)
		return error_set(e, STATUS_CALLER, "'limits.cpus' is not a number of processors");
	doc_put_int(host, "PidsLimit", pids ? pids + 1 : BOTTLE_PIDS); /* one is the first process */
	if (doc_get(p->limits, "memory")) {
		doc_put_int(host, "Memory", doc_get_int(p->limits, "memory"));
		doc_put_int(host, "MemorySwap", doc_get_int(p->limits, "memory"));
	}
	if (cpus)
		doc_put_int(host, "NanoCpus", cpus);
	if (doc_get(p->limits, "disk")) {
		AUTO_FREE char *size = alloc_format("%lld", (long long)doc_get_int(p->limits, "disk"));

		doc_put_str(doc_put(host, "StorageOpt", doc_new_object()), "size", size);
	}
	return true;
}

/* The door, to knock at. */
static void add_door(struct doc *host, const struct plan *p)
{
	AUTO_FREE char *volume = part_name(PART_VOLUME, p->identity);
	struct doc *m = doc_append(doc_put(host, "Mounts", doc_new_array()), doc_new_object());

	doc_put_str(m, "Type", "volume");
	doc_put_str(m, "Source", volume);
	doc_put_str(m, "Target", DOOR_DIR);
	doc_put_bool(m, "ReadOnly", true);
}

bool bottle_create(struct engine *en, const char *image, const char *programs, const struct plan *p, bool restored,
		   struct error *e)
{
	AUTO_FREE char *name = part_name(PART_AGENT, p->identity);
	AUTO_FREE char *user = alloc_format("%u:%u", p->uid, p->gid);
	struct doc *host = doc_new_object();
	AUTO_DOC *body = container_new(image, user, part_labels(p->identity, p->home), host);

	doc_append_str(doc_put(body, "Entrypoint", doc_new_array()), PROVISION_PROGRAMS "/bb-inside");
	doc_put(body, "Cmd", doc_new_array());
	doc_put_str(body, "WorkingDir", "/");
	doc_put_str(body, "Hostname", p->hostname);
	doc_put_str(host, "NetworkMode", "none");
	doc_append_str(doc_put(host, "Dns", doc_new_array()),
		       "127.0.0.1"); /* instead of the host's: nobody listens there */
	doc_append_str(doc_put(host, "DnsSearch", doc_new_array()), ".");
	add_hosts(host, p);
	add_masks(host);
	add_door(host, p);
	return add_limits(host, p, e) && container_create(en, name, body, e) &&
	       provision(en, name, programs, p, restored, e);
}

/* --- frames --- */

bool bottle_say(struct bottle *b, enum frame_kind kind, struct slice payload, struct error *e)
{
	bool ok;

	buf_truncate(&b->out, 0);
	frame_put(&b->out, kind, payload);
	ok = stream_send(&b->stream, buf_slice(&b->out), e);
	if (kind == FRAME_SECRETS)
		buf_wipe(&b->out);
	return ok;
}

/* What the inside says when it gives up. */
static bool take_failure(struct slice payload, struct error *e)
{
	int status = STATUS_WORLD;

	if (!frame_number(&payload, &status))
		return error_set(e, STATUS_WORLD, "the bottle failed");
	if (status != STATUS_CALLER && status != STATUS_NOTFOUND && status != STATUS_NOEXEC)
		status = STATUS_WORLD;
	return error_set(e, (enum status)status, "%.*s", SLICE_ARG(slice_sub(payload, 0, ERROR_TEXT_MAX - 1)));
}

bool bottle_next(struct bottle *b, struct frame *f, struct error *e)
{
	int whole = frame_peek(buf_slice(&b->stream.output), f);

	if (whole > 0 && f->kind != FRAME_FAILED)
		return true;
	if (whole > 0)
		return take_failure(f->payload, e);
	if (whole < 0)
		return error_set(e, STATUS_WORLD, "the bottle's first process is not understood");
	if (b->stream.ended)
		return error_set(e, STATUS_WORLD, "the bottle ended: %.*s",
				 SLICE_ARG(slice_sub(slice_trim(buf_slice(&b->stream.errors), "\r\n"), 0,
						     ERROR_TEXT_MAX / 2)));
	return false;
}

void bottle_drop(struct bottle *b, const struct frame *f)
{
	buf_consume(&b->stream.output, FRAME_HEAD + f->payload.len);
}

/* Wait for a frame of this kind. */
static bool expect(struct bottle *b, enum frame_kind kind, struct frame *f, int64_t ms, const char *what,
		   struct error *e)
{
	int64_t deadline = loop_clock() + ms;

	while (!bottle_next(b, f, e)) {
		if (e->status != STATUS_YES)
			return false;
		if (stream_fill_until(&b->stream, deadline, e))
			continue;
		return e->status == STATUS_YES ? error_set(e, STATUS_WORLD, "%s takes longer than %lld seconds", what,
							   (long long)ms / 1000)
					       : false;
	}
	return f->kind == kind ||
	       error_set(e, STATUS_WORLD, "the bottle's first process says '%c' where '%c' was due", f->kind, kind);
}

/* --- its life until the agent runs --- */

/* The secrets that the agent's environment names: what it is meant to have. */
static bool send_secrets(struct bottle *b, const struct plan *p, const struct secret_set *secrets, struct error *e)
{
	const struct doc *env = doc_get(p->bottle, "env");
	const char *names[SECRET_COUNT_MAX];
	struct buf text = BUF_INIT;
	AUTO_FD file = -1;
	size_t n = 0;
	bool ok;

	for (size_t i = 0; i < doc_count(env); i++) {
		const char *name = doc_get_cstr(doc_at(env, i), "secret");
		bool listed = !name;

		for (size_t k = 0; k < n && !listed; k++)
			listed = strcmp(names[k], name) == 0;
		if (!listed && n < SECRET_COUNT_MAX)
			names[n++] = name;
	}
	file = secret_set_memfd(secrets, names, n, e);
	ok = file >= 0 && fd_read_all(file, FRAME_MAX, "the agent's secrets", &text, e) &&
	     bottle_say(b, FRAME_SECRETS, buf_slice(&text), e);
	buf_wipe(&text);
	return ok;
}

/* Of the plan only what runs inside, and nothing of the host. */
static struct doc *orders(const struct plan *p)
{
	static const char *const copied[] = { "argv", "env", "workdir", "tty", "setup", "verify" };
	struct plan_listener listeners[PLAN_LISTENERS_MAX];
	struct doc *d = doc_new("inside", 1), *ports;
	size_t n = plan_listeners(p, listeners);

	for (size_t i = 0; i < COUNT_OF(copied); i++)
		if (doc_get(p->bottle, copied[i]))
			doc_put(d, copied[i], doc_copy(doc_get(p->bottle, copied[i])));
	ports = doc_put(d, "ports", doc_new_array());
	for (size_t i = 0; i < n; i++)
		doc_append(ports, doc_new_int(listeners[i].port));
	doc_put_str(d, "door", DOOR_SOCKET);
	return d;
}

bool bottle_start(struct bottle *b, struct engine *en, const struct plan *p, const struct secret_set *secrets,
		  struct error *e)
{
	AUTO_FREE char *name = part_name(PART_AGENT, p->identity);
	AUTO_DOC *document = orders(p);
	AUTO_BUF text = BUF_INIT;

	doc_format(document, false, &text);
	return stream_open(&b->stream, en, name, e) && container_start(en, name, e) &&
	       bottle_say(b, FRAME_BOTTLE, buf_slice(&text), e) && send_secrets(b, p, secrets, e);
}

bool bottle_wait(struct bottle *b, struct error *e)
{
	struct frame f;

	if (!expect(b, FRAME_STANDS, &f, BOTTLE_STANDS_MS, "the bottle's start", e))
		return false;
	bottle_drop(b, &f);
	return true;
}

bool bottle_trust(struct engine *en, const struct plan *p, const struct state *s, struct error *e)
{
	AUTO_FREE char *name = part_name(PART_AGENT, p->identity);

	return provision_trust(en, name, p, s, e);
}

bool bottle_prove(struct bottle *b, const struct plan *p, const struct state *s, struct error *e)
{
	AUTO_DOC *probe = provision_probe(p, s);
	AUTO_BUF text = BUF_INIT;
	struct frame f;
	int code;
	bool ok;

	doc_format(probe, false, &text);
	if (!bottle_say(b, FRAME_PROBE, buf_slice(&text), e) ||
	    !expect(b, FRAME_VERDICT, &f, BOTTLE_PROOF_MS, "bb-prove", e))
		return false;
	ok = frame_number(&f.payload, &code) ? probe_judge(f.payload, code, e)
					     : probe_judge(SLICE(""), STATUS_WORLD, e);
	buf_truncate(&b->stream.output, 0); /* nothing else is under way */
	return ok;
}

/* A setup command or the provider's check has ended: go on, warn or refuse. */
static bool judge_command(const struct plan *p, struct slice payload, struct error *e)
{
	int index, code;
	const struct doc *setup, *argv;
	const char *name;
	bool fatal;

	if (!frame_number(&payload, &index) || !frame_number(&payload, &code))
		return error_set(e, STATUS_WORLD, "the bottle's first process is not understood");
	if (code == 0)
		return true;
	setup = doc_at(doc_get(p->bottle, "setup"), (size_t)(index < 0 ? 0 : index));
	argv = index < 0 ? doc_get(p->bottle, "verify") : doc_get(setup, "argv");
	fatal = index < 0 || slice_eq(doc_get_str(setup, "on_failure"), SLICE("fail"));
	name = doc_cstr(doc_at(argv, 0));
	error_set(e, STATUS_WORLD, "the command '%s' in the bottle failed with status %d: %.*s", name ? name : "?",
		  code, SLICE_ARG(slice_sub(payload, 0, ERROR_TEXT_MAX / 2)));
	if (fatal)
		return false;
	program_warn("%s", e->text);
	*e = (struct error)ERROR_INIT;
	return true;
}

bool bottle_go(struct bottle *b, const struct plan *p, struct error *e)
{
	size_t commands = doc_count(doc_get(p->bottle, "setup")) + (doc_get(p->bottle, "verify") ? 1 : 0);
	struct frame f;

	for (size_t i = 0; i < commands; i++) {
		if (!bottle_say(b, FRAME_GO, SLICE(""), e) ||
		    !expect(b, FRAME_COMMAND, &f, BOTTLE_COMMAND_MS, "a command in the bottle", e) ||
		    !judge_command(p, f.payload, e))
			return false;
		bottle_drop(b, &f);
	}
	if (!bottle_say(b, FRAME_GO, SLICE(""), e) ||
	    !expect(b, FRAME_STARTED, &f, BOTTLE_STANDS_MS, "the agent's start", e))
		return false;
	bottle_drop(b, &f);
	return true;
}

void bottle_end(struct bottle *b)
{
	stream_close(&b->stream);
	buf_wipe(&b->out);
}
