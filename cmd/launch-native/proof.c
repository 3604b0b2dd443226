#include "proof.h"

#include <errno.h>
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "alloc.h"
#include "daemons.h"
#include "fd.h"
#include "hatch.h"
#include "loop.h"
#include "probe.h"
#include "root.h"

/* What must not be there, and what only Landlock protects. */
static void add_paths(struct doc *probe, const struct state *s)
{
	struct doc *hidden = doc_put(probe, "hidden", doc_new_array());
	struct doc *unwritable = doc_put(probe, "unwritable", doc_new_array());

	doc_append_str(hidden, s->dir);
	doc_append_str(hidden, "/etc/shadow");
	doc_append_str(hidden, "/etc/sudoers");
	doc_append_str(hidden, "/sys/fs/cgroup");
	doc_append_str(unwritable, ROOT_MARKER);
}

/* The host's namespaces, of which the bottle may have none. */
static void add_namespaces(struct doc *probe)
{
	static const char *const types[] = { "cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts" };
	struct doc *namespaces = doc_put(probe, "namespaces", doc_new_object());

	for (size_t i = 0; i < COUNT_OF(types); i++) {
		AUTO_FREE char *path = alloc_format("/proc/self/ns/%s", types[i]);
		char text[64];
		ssize_t n = readlink(path, text, sizeof(text));

		if (n > 0)
			doc_put_slice(namespaces, types[i], slice_of(text, (size_t)n));
	}
}

struct doc *proof_probe(const struct plan *p, const struct state *s)
{
	struct doc *probe = probe_new(p, "native");

	add_paths(probe, s);
	add_namespaces(probe);
	return probe;
}

/* Send the probe and the pipe for the verdict in. */
static bool send_probe(int hatch, const struct doc *probe, int verdict, struct error *e)
{
	AUTO_FD file = memfd_create("probe", MFD_CLOEXEC);
	struct hatch_message m = { .kind = HATCH_PROVE, .n_fds = 2, .fds = { file, verdict } };

	if (file < 0 || !doc_write(probe, file, e) || lseek(file, 0, SEEK_SET) < 0)
		return error_sys(e, "unable to make a memory file");
	return hatch_send(hatch, &m, e);
}

/* Read until the end, the deadline, or the end of the sidecar, without which there is nothing to prove. */
static bool read_verdict(int fd, int sidecar, const struct state *s, struct buf *text, struct error *e)
{
	int64_t deadline = loop_clock() + PROOF_MS;
	struct pollfd p[2] = { { fd, POLLIN, 0 }, { sidecar, POLLIN, 0 } };

	for (;;) {
		int64_t left = deadline - loop_clock();
		ssize_t n;

		if (left <= 0)
			return error_set(e, STATUS_WORLD, "bb-prove gives no verdict within %d seconds",
					 PROOF_MS / 1000);
		if (poll(p, 2, (int)left) <= 0)
			continue;
		if (p[1].revents)
			return daemons_explain(s, e);
		buf_reserve(text, 4096);
		n = read(fd, text->ptr + text->len, text->cap - text->len - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_sys(e, "unable to read the verdict of bb-prove");
		if (n == 0)
			return true;
		text->len += (size_t)n;
		if (text->len > PROOF_VERDICT_MAX)
			return error_set(e, STATUS_WORLD, "the verdict of bb-prove is larger than %u bytes",
					 PROOF_VERDICT_MAX);
	}
}

bool proof_demand(int hatch, const struct plan *p, const struct state *s, int sidecar, struct error *e)
{
	AUTO_DOC *probe = proof_probe(p, s);
	struct hatch_message m;
	AUTO_BUF text = BUF_INIT;
	AUTO_FD out = -1;
	AUTO_FD in = -1;
	int ends[2];

	if (!fd_pipe(ends, e))
		return false;
	out = ends[0];
	in = ends[1];
	if (!send_probe(hatch, probe, in, e))
		return false;
	fd_close(&in);
	return read_verdict(out, sidecar, s, &text, e) && hatch_expect(hatch, HATCH_PROVED, 0, &m, e) &&
	       probe_judge(buf_slice(&text), m.value, e);
}
