#include "sidecar.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "container.h"
#include "fd.h"
#include "file.h"
#include "loop.h"

#define SECRETS_MAX (24u << 20) /* bytes of all secrets as text */

unsigned sidecar_uid(void)
{
	return geteuid() ? (unsigned)geteuid() : SIDECAR_USER;
}

/* Add a directory or file of the host. */
static void add_bind(struct doc *mounts, const char *path, const char *target, bool read_only)
{
	struct doc *m = doc_append(mounts, doc_new_object());

	doc_put_str(m, "Type", "bind");
	doc_put_str(m, "Source", path);
	doc_put_str(m, "Target", target);
	doc_put_bool(m, "ReadOnly", read_only);
}

/* Certificates that routes trust instead of the system's are files of the host. */
static void add_trust(struct doc *mounts, const struct plan *p)
{
	const struct doc *daemons = doc_get(p->sidecar, "daemons");

	for (size_t i = 0; i < doc_count(daemons); i++) {
		const struct doc *files = doc_get(doc_at(daemons, i), "files");

		for (size_t k = 0; k < doc_count(files); k++) {
			struct error ignored = ERROR_INIT;
			AUTO_DOC *content = doc_parse(doc_get_str(doc_at(files, k), "content"), &ignored);
			const struct doc *routes =
				doc_type_of(content) == DOC_OBJECT ? doc_get(content, "routes") : NULL;

			for (size_t r = 0; r < doc_count(routes); r++) {
				const char *file = doc_get_cstr(doc_get(doc_at(routes, r), "upstream"), "ca_file");

				if (file && *file == '/')
					add_bind(mounts, file, file, true);
			}
		}
	}
}

/* The door is where the agent's container hands its sockets over. */
static void add_door(struct doc *mounts, const char *identity)
{
	AUTO_FREE char *volume = part_name(PART_VOLUME, identity);
	struct doc *m = doc_append(mounts, doc_new_object());

	doc_put_str(m, "Type", "volume");
	doc_put_str(m, "Source", volume);
	doc_put_str(m, "Target", DOOR_DIR);
}

/* What the engine is asked for. */
static struct doc *describe(const char *image, const struct plan *p, const struct state *state)
{
	AUTO_FREE char *user = alloc_format("%u:%u", sidecar_uid(), sidecar_uid());
	struct doc *host = doc_new_object();
	struct doc *body = container_new(image, user, part_labels(p->identity, p->home), host);
	const char *const words[] = { "--stdin", "--dir", state->dir, "--door", DOOR_SOCKET };
	const char *subset = getenv("BOT_BOTTLE_SIDECAR_DAEMONS");
	AUTO_FREE char *network = part_name(PART_NETWORK, p->identity);
	AUTO_FREE char *passwd = state_path(state, "passwd");
	struct doc *command = doc_put(body, "Cmd", doc_new_array());
	struct doc *env = doc_put(body, "Env", doc_new_array());
	struct doc *mounts = doc_put(host, "Mounts", doc_new_array());

	doc_append_str(doc_put(body, "Entrypoint", doc_new_array()), "/usr/local/bin/bb-sidecar");
	for (size_t i = 0; i < COUNT_OF(words); i++)
		doc_append_str(command, words[i]);
	doc_append_str(env, "HOME=/tmp");
	if (subset && *subset) {
		AUTO_FREE char *text = alloc_format("BOT_BOTTLE_SIDECAR_DAEMONS=%s", subset);

		doc_append_str(env, text);
	}
	doc_put_str(body, "WorkingDir", "/");
	doc_put_str(body, "Hostname", "sidecar");
	doc_put_str(host, "NetworkMode", network);
	doc_put_bool(host, "ReadonlyRootfs", true);
	doc_put_int(host, "PidsLimit", SIDECAR_PIDS);
	doc_put_int(host, "Memory", SIDECAR_MEMORY);
	doc_put_str(doc_put(host, "Tmpfs", doc_new_object()), "/tmp", "rw,nosuid,nodev,noexec,size=64m,mode=1777");
	add_bind(mounts, state->dir, state->dir, false);
	add_bind(mounts, passwd, "/etc/passwd", true);
	add_trust(mounts, p);
	add_door(mounts, p->identity);
	return body;
}

/* ssh, with which the git gate reaches remotes, runs for nobody without an account. */
static bool write_account(const struct state *s, struct error *e)
{
	AUTO_FREE char *path = state_path(s, "passwd");
	AUTO_BUF text = BUF_INIT;

	buf_add_format(&text, "sidecar:x:%u:%u::/tmp:/usr/sbin/nologin\n", sidecar_uid(), sidecar_uid());
	return file_replace(path, buf_slice(&text), 0644, e);
}

/* Open the log of this run. Returns -1 with an error. */
static int open_log(const struct state *s, struct error *e)
{
	AUTO_FREE char *dir = state_path(s, "logs");
	AUTO_FREE char *path = state_path(s, "logs/sidecar.log");
	int fd;

	if (mkdir(dir, 0700) < 0 && errno != EEXIST) {
		error_sys(e, "unable to make '%s'", dir);
		return -1;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		error_sys(e, "unable to open '%s'", path);
	return fd;
}

/* The secrets that the daemons name, each once, as text in a buffer that the caller wipes. */
static bool collect_secrets(const struct plan *p, const struct secret_set *secrets, struct buf *text, struct error *e)
{
	const struct doc *daemons = doc_get(p->sidecar, "daemons");
	const char *names[SECRET_COUNT_MAX];
	AUTO_FD file = -1;
	size_t n = 0;

	for (size_t i = 0; i < doc_count(daemons); i++) {
		const struct doc *list = doc_get(doc_at(daemons, i), "secrets");

		for (size_t j = 0; j < doc_count(list) && n < SECRET_COUNT_MAX; j++) {
			const char *name = doc_cstr(doc_at(list, j));
			bool known = !name;

			for (size_t k = 0; k < n && !known; k++)
				known = strcmp(names[k], name) == 0;
			if (!known)
				names[n++] = name;
		}
	}
	file = secret_set_memfd(secrets, names, n, e);
	return file >= 0 && fd_read_all(file, SECRETS_MAX, "the secrets", text, e);
}

/* Document and secrets, each as a netstring. */
static bool deliver(struct sidecar *s, const struct plan *p, const struct secret_set *secrets, struct error *e)
{
	AUTO_BUF document = BUF_INIT;
	struct buf values = BUF_INIT, message = BUF_INIT;
	bool ok = collect_secrets(p, secrets, &values, e);

	doc_format(p->sidecar, false, &document);
	buf_reserve(&message, document.len + values.len + 64); /* so that no copy of a secret stays behind */
	buf_add_format(&message, "%zu:", document.len);
	buf_add_slice(&message, buf_slice(&document));
	buf_add_format(&message, ",%zu:", values.len);
	buf_add_slice(&message, buf_slice(&values));
	buf_add_char(&message, ',');
	ok = ok && stream_send(&s->stream, buf_slice(&message), e);
	buf_wipe(&values);
	buf_wipe(&message);
	return ok;
}

bool sidecar_start(struct sidecar *s, struct engine *en, const char *image, const struct plan *p,
		   const struct state *state, struct error *e)
{
	AUTO_FREE char *name = part_name(PART_SIDECAR, p->identity);
	AUTO_DOC *body = describe(image, p, state);

	s->log = open_log(state, e);
	if (s->log < 0 || !write_account(state, e) || !container_create(en, name, body, e) ||
	    !stream_open(&s->stream, en, name, e))
		return false;
	s->starting = container_start_ask(en, name, e);
	return s->starting >= 0;
}

bool sidecar_deliver(struct sidecar *s, struct engine *en, const struct plan *p, const struct secret_set *secrets,
		     struct error *e)
{
	AUTO_FREE char *name = part_name(PART_SIDECAR, p->identity);

	s->started = container_start_answer(en, &s->starting, name, e);
	return s->started && deliver(s, p, secrets, e);
}

/* A line of the sidecar's own that says all daemons are ready? */
static bool says_ready(struct slice line)
{
	static const struct slice own = { "[sidecar] ", 10 };
	struct error ignored = ERROR_INIT;
	AUTO_DOC *event = slice_starts(line, own) ? doc_parse(slice_sub(line, own.len, line.len), &ignored) : NULL;

	return doc_type_of(event) == DOC_OBJECT && slice_eq(doc_get_str(event, "event"), SLICE("ready")) &&
	       !doc_get(event, "daemon");
}

/* "[NAME] JSON": what a daemon, or the sidecar, has written on its standard output is an entry of it. */
static void record(const struct sidecar *s, struct slice line)
{
	struct slice rest = line;
	struct slice name = slice_cut(&rest, ']');
	AUTO_FREE char *daemon = NULL;

	if (!s->audit || !slice_starts(name, SLICE("[")) || !rest.len || rest.ptr[0] != ' ')
		return;
	daemon = alloc_copy(name.ptr + 1, name.len - 1);
	audit_add_line(s->audit, daemon, slice_sub(rest, 1, rest.len));
}

/* Take the whole lines off one of its streams: into the log, and note what matters. */
static bool take_lines(struct sidecar *s, struct buf *text, bool errors, struct error *e)
{
	size_t end = 0, next;

	while ((next = slice_find(slice_sub(buf_slice(text), end, text->len), '\n')) != SLICE_NONE) {
		struct slice line = slice_sub(buf_slice(text), end, end + next);

		if (!errors && says_ready(line))
			s->ready = true;
		if (!errors)
			record(s, line);
		if (errors && line.len && (!s->last[0] || !slice_starts(line, SLICE("[sidecar]"))))
			snprintf(s->last, sizeof(s->last), "%.*s", SLICE_ARG(line));
		end += next + 1;
	}
	if (end && !fd_write_all(s->log, slice_sub(buf_slice(text), 0, end), "the sidecar's log", e))
		return false;
	buf_consume(text, end);
	return true;
}

bool sidecar_hear(struct sidecar *s, struct error *e)
{
	if (!take_lines(s, &s->stream.errors, true, e) || !take_lines(s, &s->stream.output, false, e) ||
	    (s->audit && !audit_commit(s->audit, e)))
		return false;
	if (!s->stream.ended)
		return true;
	return error_set(e, STATUS_WORLD, "the sidecar ended%s%s", s->last[0] ? ": " : " without a word", s->last);
}

bool sidecar_wait(struct sidecar *s, struct error *e)
{
	int64_t deadline = loop_clock() + SIDECAR_READY_MS;

	while (!s->ready) {
		if (!stream_fill_until(&s->stream, deadline, e)) {
			if (e->status == STATUS_YES)
				error_set(e, STATUS_WORLD, "the sidecar is not ready after %d seconds",
					  SIDECAR_READY_MS / 1000);
			return false;
		}
		if (!sidecar_hear(s, e))
			return false;
	}
	return true;
}

void sidecar_end(struct sidecar *s)
{
	int64_t deadline = loop_clock() + SIDECAR_END_MS;
	struct error ignored = ERROR_INIT;

	fd_close(&s->starting);
	if (s->stream.fd >= 0)
		shutdown(s->stream.fd, SHUT_WR);
	while (s->started && s->stream.fd >= 0 && !s->stream.ended && stream_fill_until(&s->stream, deadline, &ignored))
		if (s->log < 0 || !sidecar_hear(s, &ignored))
			break;
	stream_close(&s->stream);
	fd_close(&s->log);
}
