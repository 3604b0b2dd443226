#include <inttypes.h>
#include <string.h>

#include "alloc.h"
#include "cmd/plan/plan.h"
#include "escape.h"

/* Where the text goes and how it is emphasised. */
struct page {
	struct buf *out;
	bool colour;
};

/* Begin a line: its heading in bold, padded; an empty heading goes on below the last one. */
static void heading(const struct page *page, const char *text)
{
	buf_add_format(page->out, "%s%-10s%s", page->colour ? "\033[1m" : "", text, page->colour ? "\033[0m" : "");
}

/* Append foreign text as one safe line. */
static void text(const struct page *page, const char *s)
{
	escape_line(page->out, slice_str(s));
}

/* A whole line of heading and text. */
static void line(const struct page *page, const char *name, const char *s)
{
	heading(page, name);
	text(page, s);
	buf_add_char(page->out, '\n');
}

/* The strings of a list with something between them, or "none". */
static void words(const struct page *page, const char *name, const struct doc *list, const char *between)
{
	heading(page, name);
	for (size_t i = 0; i < doc_count(list); i++) {
		if (i)
			buf_add_str(page->out, between);
		text(page, doc_cstr(doc_at(list, i)));
	}
	buf_add_str(page->out, doc_count(list) ? "\n" : "none\n");
}

/* What a backend keeps apart and what it does not; a name that is new here says nothing. */
static const char *containment(const char *backend, bool in_image)
{
	static const struct {
		const char *backend, *text;
	} texts[] = {
		{ "native", "namespaces of its own, no network but the proxy; shares the host's kernel and its /usr, "
			    "read-only" },
		{ "docker", "containers of a Docker engine, no network but the proxy; shares the host's kernel, not "
			    "its files" },
		{ "macos-container", "a virtual machine of its own on a host-only network; a kernel of its own" },
		{ "smolmachines", "a micro virtual machine; a kernel of its own; its proxy runs in a container" },
	};

	if (in_image && strcmp(backend, "native") == 0)
		return "namespaces of its own, no network but the proxy; shares the host's kernel, not its files";
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		if (strcmp(texts[i].backend, backend) == 0)
			return texts[i].text;
	return "see its manual for what it contains";
}

/* "agent" and "backend": who runs where. */
static void show_head(const struct page *page, const struct doc *plan, const struct doc *agent, bool in_image)
{
	const char *backend = doc_get_cstr(plan, "backend"), *cwd = doc_get_cstr(plan, "cwd");
	AUTO_FREE char *from = alloc_format("%s (%s, from the %s)", doc_get_cstr(agent, "name"),
					    doc_get_cstr(agent, "path"), doc_get_cstr(agent, "scope"));
	AUTO_FREE char *where = alloc_format("%s: %s", backend, containment(backend, in_image));
	AUTO_FREE char *copy = cwd ? alloc_format("a copy of %s", cwd) : alloc_format("none");

	line(page, "agent", from);
	words(page, "bottles", doc_get(plan, "bottles"), " > ");
	line(page, "identity", doc_get_cstr(plan, "identity"));
	line(page, "provider", doc_get_cstr(doc_get(plan, "preflight"), "provider"));
	line(page, "backend", where);
	line(page, "workspace", copy);
}

/* " detector,detector" of one direction, unless it is the default. */
static void show_detectors(const struct page *page, const char *direction, const struct doc *detectors)
{
	if (doc_type_of(detectors) == DOC_STR && slice_eq(doc_str(detectors), SLICE("default")))
		return;
	buf_add_format(page->out, "  %s scan:", direction);
	if (doc_type_of(detectors) == DOC_STR) {
		buf_add_char(page->out, ' ');
		text(page, doc_cstr(detectors));
	}
	for (size_t i = 0; i < doc_count(detectors); i++) {
		buf_add_str(page->out, i ? "," : " ");
		text(page, doc_cstr(doc_at(detectors, i)));
	}
}

/* Each route on a line: host:ports [auth:scheme]. */
static void show_routes(const struct page *page, const struct doc *routes)
{
	for (size_t i = 0; i < doc_count(routes); i++) {
		const struct doc *r = doc_at(routes, i), *ports = doc_get(r, "ports"),
				 *detectors = doc_get(r, "detectors");

		heading(page, i ? "" : "egress");
		text(page, doc_get_cstr(r, "host"));
		for (size_t j = 0; j < doc_count(ports); j++)
			buf_add_format(page->out, "%c%" PRId64, j ? ',' : ':', doc_int(doc_at(ports, j)));
		if (doc_get(r, "auth")) {
			buf_add_str(page->out, " [auth:");
			text(page, doc_get_cstr(r, "auth"));
			buf_add_char(page->out, ']');
		}
		if (slice_eq(doc_get_str(r, "from"), SLICE("provider")))
			buf_add_str(page->out, "  (the provider's)");
		show_detectors(page, "outbound", doc_get(detectors, "outbound"));
		show_detectors(page, "inbound", doc_get(detectors, "inbound"));
		buf_add_char(page->out, '\n');
	}
	if (!doc_count(routes))
		line(page, "egress", "nothing: every request is refused");
}

/* Name, address and where they are from. */
static void show_git(const struct page *page, const struct doc *user)
{
	const char *name = doc_get_cstr(user, "name"), *email = doc_get_cstr(user, "email"),
		   *origin = doc_get_cstr(user, "origin");
	AUTO_FREE char *address = email ? alloc_format("<%s>", email) : alloc_copy("", 0);
	AUTO_FREE char *from = origin ? alloc_format(" (%s)", origin) : alloc_copy("", 0);
	AUTO_FREE char *all = alloc_format("%s%s%s%s", name ? name : "", name && email ? " " : "", address, from);

	line(page, "git", user ? all : "no identity");
}

/* A size in the largest unit that leaves no rest. */
static void add_size(struct buf *out, int64_t bytes)
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB" };
	size_t unit = 0;

	while (unit + 1 < COUNT_OF(units) && bytes && bytes % 1024 == 0) {
		bytes /= 1024;
		unit++;
	}
	buf_add_format(out, "%" PRId64 " %s", bytes, units[unit]);
}

/* The limits that are set. */
static void show_limits(const struct page *page, const struct doc *limits)
{
	static const char *const names[] = { "memory", "disk", "cpus", "pids", "wall" };
	AUTO_BUF all = BUF_INIT;

	for (size_t i = 0; i < COUNT_OF(names); i++) {
		const struct doc *limit = doc_get(limits, names[i]);

		if (!limit)
			continue;
		buf_add_format(&all, "%s%s ", all.len ? ", " : "", names[i]);
		if (i < 2)
			add_size(&all, doc_int(limit));
		else if (doc_type_of(limit) == DOC_STR)
			buf_add_slice(&all, doc_str(limit));
		else
			buf_add_format(&all, "%" PRId64 "%s", doc_int(limit),
				       strcmp(names[i], "wall") == 0 ? " s" : "");
	}
	line(page, "limits", all.len ? buf_str(&all) : "none");
}

/* Warnings stand out. */
static void show_notes(const struct page *page, const struct doc *notes)
{
	for (size_t i = 0; i < doc_count(notes); i++) {
		const char *level = doc_get_cstr(doc_at(notes, i), "level");
		bool warning = strcmp(level, "warning") == 0;

		buf_add_format(page->out, "%s%s:%s ", page->colour ? warning ? "\033[33m" : "\033[2m" : "", level,
			       page->colour ? "\033[0m" : "");
		text(page, doc_get_cstr(doc_at(notes, i), "text"));
		buf_add_char(page->out, '\n');
	}
}

void preflight_show(const struct planner *p, const struct doc *plan, bool colour, struct buf *out)
{
	const struct doc *preflight = doc_get(plan, "preflight");
	const struct page page = { out, colour };

	show_head(&page, plan, doc_get(p->manifest, "agent"), p->options->in_image);
	show_routes(&page, doc_get(preflight, "routes"));
	words(&page, "env", doc_get(preflight, "env"), " ");
	words(&page, "skills", doc_get(preflight, "skills"), " ");
	words(&page, "remotes", doc_get(preflight, "remotes"), " ");
	show_git(&page, doc_get(preflight, "git_user"));
	line(&page, "supervise",
	     doc_get_bool(preflight, "supervise") ? "the agent may ask for other routes; you decide"
						  : "no: what the routes do not permit stays refused");
	show_limits(&page, doc_get(doc_get(plan, "bottle"), "limits"));
	show_notes(&page, doc_get(plan, "notes"));
}
