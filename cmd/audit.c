/* bb-audit: read audit logs and tell whether they are what was written. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "alloc.h"
#include "audit.h"
#include "digest.h"
#include "escape.h"
#include "fd.h"
#include "file.h"
#include "program.h"
#include "state.h"

#define EVENTS_MAX 32	/* names of events that are asked for at once */
#define KEY_MAX 4096	/* bytes of a public key in PEM */

struct options {
	const char *home, *key, *component, *since;
	const char *events[EVENTS_MAX];
	size_t n_events;
	bool json;
};

static const struct option_def show_defs[] = {
	{ "event", 'e', "NAME", "only this event, as refuse, start, decision; may be repeated" },
	{ "component", 'c', "NAME", "only what this component wrote, as egress, approve, launcher" },
	{ "since", 0, "TIME", "only from this time on, as 2026-01-31 or 2026-01-31T12:00" },
	{ "key", 0, "FILE", "check against this public key, not the one that lies beside the logs" },
	{ "home", 0, "DIR", "bot-bottle's directory (BOT_BOTTLE_HOME, or ~/.bot-bottle)" },
	{ "json", 0, NULL, "the entries as they were written, one object a line" },
	{ .name = NULL },
};
static const struct option_def verify_defs[] = {
	{ "key", 0, "FILE", "check against this public key, not the one that lies beside the logs" },
	{ "home", 0, "DIR", "bot-bottle's directory (BOT_BOTTLE_HOME, or ~/.bot-bottle)" },
	{ "json", 0, NULL, "print a document" },
	{ .name = NULL },
};
static const struct option_def home_defs[] = {
	{ "home", 0, "DIR", "bot-bottle's directory (BOT_BOTTLE_HOME, or ~/.bot-bottle)" },
	{ .name = NULL },
};

static bool take_option(void *options, const char *name, const char *arg, struct error *e)
{
	struct options *o = options;

	if (strcmp(name, "event") == 0) {
		if (o->n_events == EVENTS_MAX)
			return error_set(e, STATUS_CALLER, "more than %d events", EVENTS_MAX);
		o->events[o->n_events++] = arg;
	} else if (strcmp(name, "component") == 0) {
		o->component = arg;
	} else if (strcmp(name, "since") == 0) {
		if (strspn(arg, "0123456789-T:.Z") != strlen(arg) || strlen(arg) < 4)
			return error_set(e, STATUS_CALLER, "'--since' is '%s', wanted a time like 2026-01-31T12:00",
					 arg);
		o->since = arg;
	} else if (strcmp(name, "key") == 0) {
		o->key = arg;
	} else if (strcmp(name, "home") == 0) {
		o->home = arg;
	} else {
		o->json = true;
	}
	return true;
}

/* --- what is judged by what --- */

/* The directory that holds the audit logs' directory; the caller frees it. */
static char *find_home(const struct options *o, struct error *e)
{
	return o->home ? alloc_copy(o->home, strlen(o->home)) : state_home(e);
}

/* The key that heads have to be signed with. NULL with an error. */
static struct signature_key *read_key(const struct options *o, const char *home, struct error *e)
{
	AUTO_FREE char *path = o->key ? alloc_copy(o->key, strlen(o->key)) : audit_key_path(home, true);
	struct signature_key *key;
	AUTO_BUF pem = BUF_INIT;

	if (!file_read(path, KEY_MAX, &pem, e))
		return NULL;
	key = signature_load_public(buf_slice(&pem), e);
	if (!key)
		error_wrap(e, "unable to use the key '%s'", path);
	return key;
}

/* Path of the log that an operand names: an identity, or a file. NULL with an error; the caller frees it. */
static char *log_of(const char *home, const char *operand, struct error *e)
{
	bool is_path = strchr(operand, '/') != NULL;
	AUTO_FREE char *path = is_path ? alloc_copy(operand, strlen(operand)) : audit_path(home, operand);

	if (!is_path && !state_is_identity(slice_str(operand)))
		error_set(e, STATUS_CALLER, "'%s' is not the identity of a bottle", operand);
	else if (access(path, F_OK) < 0 && errno == ENOENT)
		error_set(e, STATUS_CALLER, "there is no audit log '%s'; 'bb audit verify' names those there are",
			  operand);
	else
		return STEAL(path);
	return NULL;
}

/* --- show --- */

/* Is it asked for? */
static bool is_wanted(const struct options *o, const struct doc *entry)
{
	bool listed = o->n_events == 0;

	for (size_t i = 0; i < o->n_events; i++)
		listed = listed || slice_eq(doc_get_str(entry, "event"), slice_str(o->events[i]));
	return listed && (!o->component || slice_eq(doc_get_str(entry, "component"), slice_str(o->component))) &&
	       (!o->since || strcmp(doc_get_cstr(entry, "time"), o->since) >= 0);
}

/* Append " name=value". */
static bool add_member(void *ctx, const char *name, const struct doc *value)
{
	AUTO_BUF text = BUF_INIT;
	struct buf *out = ctx;

	buf_add_char(out, ' ');
	escape_line(out, slice_str(name));
	buf_add_char(out, '=');
	if (doc_type_of(value) == DOC_STR)
		buf_add_slice(&text, doc_str(value));
	else
		doc_format(value, false, &text);
	escape_line(out, buf_slice(&text));
	return true;
}

/* Append a text under its name, a line of it on a line of its own. */
static void add_text(struct buf *out, const char *name, struct slice text)
{
	text = slice_trim(text, "\n");
	if (!text.len)
		return;
	buf_add_format(out, "    %s:\n", name);
	while (text.len) {
		buf_add_str(out, "        ");
		escape_line(out, slice_cut(&text, '\n'));
		buf_add_char(out, '\n');
	}
}

/* Print one entry. */
static bool show_entry(void *ctx, const struct doc *entry, struct slice line, struct error *e)
{
	const struct options *o = ctx;
	AUTO_BUF out = BUF_INIT;

	if (!is_wanted(o, entry))
		return true;
	if (o->json) {
		buf_add_slice(&out, line);
		buf_add_char(&out, '\n');
	} else {
		escape_line(&out, doc_get_str(entry, "time"));
		buf_add_format(&out, " %s %s", doc_get_cstr(entry, "component"), doc_get_cstr(entry, "event"));
		if (doc_get(entry, "action")) {
			buf_add_char(&out, ' ');
			escape_line(&out, doc_get_str(entry, "action"));
		}
		doc_each(doc_get(entry, "detail"), add_member, &out);
		doc_each(doc_get(entry, "hashes"), add_member, &out);
		buf_add_char(&out, '\n');
		add_text(&out, "justification", doc_get_str(entry, "justification"));
		add_text(&out, "notes", doc_get_str(entry, "notes"));
		add_text(&out, "difference", doc_get_str(entry, "difference"));
	}
	return fd_write_all(STDOUT_FILENO, buf_slice(&out), "standard output", e);
}

/* show LOG: its entries, as far as they hold. */
static bool show(struct options *o, const char *home, char **operands, int n, bool *good, struct error *e)
{
	struct signature_key *key = NULL;
	AUTO_FREE char *file = NULL;
	struct chain_walk w;
	bool ok;

	if (n != 1)
		return error_set(e, STATUS_CALLER, "say whose log: show IDENTITY");
	file = log_of(home, operands[0], e);
	key = file ? read_key(o, home, e) : NULL;
	if (!key)
		return false;
	ok = audit_verify(file, key, show_entry, o, &w, e);
	signature_release(key);
	if (!ok && e->status == STATUS_NO)
		error_wrap(e, "'%s' does not hold", file);
	*good = ok;
	return ok;
}

/* --- verify --- */

struct verdicts {
	const struct options *o;
	const struct signature_key *key;
	struct doc *logs;
	bool holds;
};

/* Append a member whose text is of foreign origin. */
static void put_text(struct doc *d, const char *name, const char *text)
{
	AUTO_BUF safe = BUF_INIT;

	escape_line(&safe, slice_str(text));
	doc_put_slice(d, name, buf_slice(&safe));
}

/* Judge one log and say so. False only when it could not be judged. */
static bool verify_one(struct verdicts *v, const char *file, struct error *e)
{
	struct error problem = ERROR_INIT;
	AUTO_BUF text = BUF_INIT;
	struct chain_walk w;
	bool holds = audit_verify(file, v->key, NULL, NULL, &w, &problem);
	struct doc *log;

	if (!holds && problem.status != STATUS_NO) {
		*e = problem;
		return false;
	}
	v->holds = v->holds && holds;
	log = doc_append(v->logs, doc_new_object());
	put_text(log, "file", file);
	doc_put_bool(log, "holds", holds);
	doc_put_int(log, "entries", (int64_t)w.at.seq);
	doc_put_int(log, "repairs", (int64_t)w.repairs);
	if (!holds)
		put_text(log, "problem", problem.text);
	if (v->o->json)
		return true;
	escape_line(&text, slice_str(file));
	buf_add_format(&text, ": %s, %" PRIu64 " %s", holds ? "holds" : "DOES NOT HOLD", w.at.seq,
		       w.at.seq == 1 ? "entry" : "entries");
	if (w.repairs)
		buf_add_format(&text, ", %" PRIu64 " of them about repairs", w.repairs);
	if (!holds) {
		buf_add_str(&text, " before this: ");
		escape_line(&text, slice_str(problem.text));
	}
	buf_add_char(&text, '\n');
	return fd_write_all(STDOUT_FILENO, buf_slice(&text), "standard output", e);
}

/* Names in the directory that are those of logs. */
static int is_log(const struct dirent *entry)
{
	struct slice name = slice_str(entry->d_name);

	return slice_ends(name, SLICE(".jsonl")) && state_is_identity(slice_sub(name, 0, name.len - strlen(".jsonl")));
}

/* Judge every log there is. */
static bool verify_all(struct verdicts *v, const char *home, struct error *e)
{
	AUTO_FREE char *dir = alloc_format("%s/audit", home);
	struct dirent **names = NULL;
	int n = scandir(dir, &names, is_log, alphasort);
	bool ok = true;

	if (n < 0 && errno != ENOENT)
		return error_sys(e, "unable to read '%s'", dir);
	for (int i = 0; i < n; i++) {
		AUTO_FREE char *file = alloc_format("%s/%s", dir, names[i]->d_name);

		ok = ok && verify_one(v, file, e);
		free(names[i]);
	}
	free(names);
	return ok;
}

/* verify [LOG]...: do they hold? */
static bool verify(struct options *o, const char *home, char **operands, int n, bool *good, struct error *e)
{
	AUTO_DOC *d = doc_new("audit", 1);
	struct verdicts v = { o, NULL, doc_put(d, "logs", doc_new_array()), true };
	AUTO_FREE char *dir = alloc_format("%s/audit", home);
	struct signature_key *key = NULL;
	bool ok = true;

	if (n > 0 || access(dir, F_OK) == 0 || errno != ENOENT) {
		v.key = key = read_key(o, home, e);
		ok = key && (n > 0 || verify_all(&v, home, e));
		for (int i = 0; ok && i < n; i++) {
			AUTO_FREE char *file = log_of(home, operands[i], e);

			ok = file && verify_one(&v, file, e);
		}
		signature_release(key);
	}
	if (!ok)
		return false;
	doc_put_bool(d, "holds", v.holds);
	*good = v.holds;
	return !o->json || doc_write(d, STDOUT_FILENO, e);
}

/* --- repair, key --- */

/* repair LOG: make good what a writer that died has left. */
static bool repair(struct options *o, const char *home, char **operands, int n, bool *good, struct error *e)
{
	AUTO_FREE char *file = NULL;
	AUTO_AUDIT a = AUDIT_INIT;

	(void)o;
	if (n != 1)
		return error_set(e, STATUS_CALLER, "say whose log: repair IDENTITY");
	file = log_of(home, operands[0], e);
	*good = file && audit_open(&a, file, e) && audit_repair(&a, e);
	return *good;
}

/* key: the public key, for whoever verifies elsewhere. */
static bool print_key(struct options *o, const char *home, char **operands, int n, bool *good, struct error *e)
{
	struct signature_key *key;
	AUTO_BUF pem = BUF_INIT;

	if (n > 0)
		return error_set(e, STATUS_CALLER, "unexpected operand '%s'", operands[0]);
	key = read_key(o, home, e);
	if (!key)
		return false;
	signature_store_public(key, &pem);
	signature_release(key);
	*good = true;
	return fd_write_all(STDOUT_FILENO, buf_slice(&pem), "standard output", e);
}

/* --- commands --- */

struct command {
	const char *name;
	bool (*run)(struct options *o, const char *home, char **operands, int n, bool *good, struct error *e);
	struct program program;
};

static const struct command commands[] = {
	{ "show", show, { "bb-audit", "show what was decided about a bottle", "show [OPTION]... IDENTITY|FILE",
			  show_defs } },
	{ "verify", verify, { "bb-audit", "tell whether logs are what was written; status 1: not all are",
			      "verify [OPTION]... [IDENTITY|FILE]...", verify_defs } },
	{ "repair", repair, { "bb-audit", "make good what a writer that died has left", "repair [OPTION] IDENTITY|FILE",
			      home_defs } },
	{ "key", print_key, { "bb-audit", "print the public key, to verify logs elsewhere", "key [OPTION]",
			      home_defs } },
};

static const struct program program = {
	"bb-audit",
	"read audit logs and tell whether they are what was written",
	"show [OPTION]... IDENTITY|FILE\n"
	"       bb-audit verify [OPTION]... [IDENTITY|FILE]...\n"
	"       bb-audit repair [OPTION] IDENTITY|FILE\n"
	"       bb-audit key [OPTION]",
	(const struct option_def[]){ { .name = NULL } },
};

int main(int argc, char **argv)
{
	struct options o = { .home = NULL };
	struct error e = ERROR_INIT;
	AUTO_FREE char *home = NULL;
	const struct command *c = NULL;
	bool good = false;
	int first = program_start(&program, argc, argv, take_option, &o), used;

	for (size_t i = 0; first < argc && i < COUNT_OF(commands); i++)
		if (strcmp(commands[i].name, argv[first]) == 0)
			c = &commands[i];
	if (!c)
		return first < argc ? program_usage("unknown command '%s'", argv[first])
				    : program_usage("a command is missing");
	document_seed();
	digest_init();
	argc -= first;
	argv += first;
	used = program_start(&c->program, argc, argv, take_option, &o);
	home = find_home(&o, &e);
	if (!home || !c->run(&o, home, argv + used, argc - used, &good, &e))
		return program_fail(&e);
	return good ? STATUS_YES : STATUS_NO;
}
