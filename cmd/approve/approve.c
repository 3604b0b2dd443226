/*
 * bb-approve: the operator's side of the queue. What agents ask for is listed,
 * shown and decided here; nothing else answers them.
 */
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "audit.h"
#include "decide.h"
#include "file.h"
#include "notify.h"
#include "program.h"
#include "routes.h"
#include "save.h"
#include "screen.h"
#include "show.h"
#include "state.h"

#define LINE_WIDTH 200 /* bytes of a line of a list */

struct options {
	char *home; /* owned */
	const char *bottle, *reason, *file, *seen, *notify;
	uint64_t timeout; /* seconds; 0: none */
	bool json, save, once;
};

static const struct option_def list_defs[] = {
	{ "bottle", 'b', "IDENTITY", "only of this bottle" },
	{ "home", 0, "DIR", "bot-bottle's directory (BOT_BOTTLE_HOME, or ~/.bot-bottle)" },
	{ "json", 0, NULL, "print a document" },
	{ .name = NULL },
};
static const struct option_def show_defs[] = {
	{ "home", 0, "DIR", "bot-bottle's directory (BOT_BOTTLE_HOME, or ~/.bot-bottle)" },
	{ "json", 0, NULL, "print a document" },
	{ .name = NULL },
};
static const struct option_def approve_defs[] = {
	{ "reason", 'r', "TEXT", "why; it is told to whoever asked, and recorded" },
	{ "file", 'f', "FILE", "put these routes in force instead of the proposed ones" },
	{ "shown", 0, "DIGEST", "decide only if all is as it was when 'show' printed this" },
	{ "save", 0, NULL, "print what to write into the bottle's file to have it in every bottle" },
	{ "home", 0, "DIR", "bot-bottle's directory (BOT_BOTTLE_HOME, or ~/.bot-bottle)" },
	{ .name = NULL },
};
static const struct option_def reject_defs[] = {
	{ "reason", 'r', "TEXT", "why; it is told to whoever asked, and recorded" },
	{ "shown", 0, "DIGEST", "decide only if all is as it was when 'show' printed this" },
	{ "home", 0, "DIR", "bot-bottle's directory (BOT_BOTTLE_HOME, or ~/.bot-bottle)" },
	{ .name = NULL },
};
static const struct option_def wait_defs[] = {
	{ "bottle", 'b', "IDENTITY", "only of this bottle" },
	{ "timeout", 0, "SECONDS", "wait no longer; then exit 1" },
	{ "notify", 0, "COMMAND", "run this for each proposal that comes, and go on waiting" },
	{ "home", 0, "DIR", "bot-bottle's directory (BOT_BOTTLE_HOME, or ~/.bot-bottle)" },
	{ "json", 0, NULL, "print a document" },
	{ .name = NULL },
};
static const struct option_def main_defs[] = {
	{ "once", 0, NULL, "print what is pending and exit: the same as 'list'" },
	{ "notify", 0, "COMMAND", "run this for each proposal that comes while the screen is open" },
	{ "json", 0, NULL, "print a document" },
	{ "home", 0, "DIR", "bot-bottle's directory (BOT_BOTTLE_HOME, or ~/.bot-bottle)" },
	{ .name = NULL },
};

static bool take_option(void *options, const char *name, const char *arg, struct error *e)
{
	struct options *o = options;

	if (strcmp(name, "home") == 0) {
		free(o->home);
		o->home = alloc_copy(arg, strlen(arg));
	} else if (strcmp(name, "timeout") == 0) {
		if (!slice_to_u64(slice_str(arg), &o->timeout) || o->timeout == 0 || o->timeout > NOTIFY_TIMEOUT_MAX)
			return error_set(e, STATUS_CALLER, "'--timeout' is '%s', wanted 1 to %d seconds", arg,
					 NOTIFY_TIMEOUT_MAX);
	} else if (strcmp(name, "json") == 0) {
		o->json = true;
	} else if (strcmp(name, "save") == 0) {
		o->save = true;
	} else if (strcmp(name, "once") == 0) {
		o->once = true;
	} else if (strcmp(name, "shown") == 0) {
		if (strlen(arg) < 16 || strlen(arg) >= DIGEST_HEX || strspn(arg, "0123456789abcdef") != strlen(arg))
			return error_set(e, STATUS_CALLER,
					 "'--shown' is '%s', wanted the digest that 'show' has printed", arg);
		o->seen = arg;
	} else {
		*(strcmp(name, "bottle") == 0	? &o->bottle
		  : strcmp(name, "reason") == 0 ? &o->reason
		  : strcmp(name, "file") == 0	? &o->file
						: &o->notify) = arg;
	}
	return true;
}

/* The operands of a command. */
struct operands {
	char **list;
	int count;
};

/* Print a document; it may hold an agent's text, and standard output may be a terminal. */
static bool print_document(const struct doc *d, struct error *e)
{
	AUTO_BUF json = BUF_INIT, ascii = BUF_INIT;

	doc_format(d, false, &json);
	doc_ascii(buf_slice(&json), &ascii);
	puts(buf_str(&ascii));
	return program_flush(e);
}

static bool print_inbox(const struct inbox *b, bool json, struct error *e)
{
	AUTO_BUF text = BUF_INIT;

	if (json) {
		AUTO_DOC *d = show_list_document(b);

		return print_document(d, e);
	}
	for (size_t i = 0; i < b->count; i++) {
		AUTO_BUF line = BUF_INIT;

		show_line(&b->list[i], LINE_WIDTH, &line);
		puts(buf_str(&line));
	}
	if (b->trouble.status != STATUS_YES)
		program_warn("%s", b->trouble.text);
	show_rest(b, &text);
	fputs(buf_str(&text), stdout);
	return program_flush(e);
}

static bool run_list(struct options *o, const struct operands *operands, struct error *e)
{
	AUTO_INBOX b = INBOX_INIT;

	(void)operands;
	return inbox_load(&b, o->home, o->bottle, e) && print_inbox(&b, o->json, e);
}

static bool run_show(struct options *o, const struct operands *operands, struct error *e)
{
	AUTO_INBOX b = INBOX_INIT;
	AUTO_BUF text = BUF_INIT;
	const struct item *i;

	if (!inbox_load_begins(&b, o->home, operands->list[0], e) || !(i = inbox_find(&b, operands->list[0], e)))
		return false;
	if (o->json) {
		AUTO_DOC *d = show_item_document(i, e);

		return d && print_document(d, e);
	}
	if (!show_item(i, &text, e))
		return false;
	fputs(buf_str(&text), stdout);
	return program_flush(e);
}

/* Print what to write into the bottle's file. */
static bool propose_saving(const struct options *o, const struct item *i, struct slice before, struct slice after)
{
	AUTO_PROBLEMS problems = PROBLEMS_INIT;
	AUTO_DOC *old = NULL, *new = NULL;
	AUTO_BUF text = BUF_INIT;

	if (!routes_load(before, "routes", ROUTES_BOTTLE, &old, &problems, NULL) ||
	    !routes_load(after, "routes", ROUTES_BOTTLE, &new, &problems, NULL))
		return false;
	save_propose(old, new, o->home, i->bottle, &text);
	fputs(buf_str(&text), stdout);
	return true;
}

/* Approve or reject. */
static bool run_decision(struct options *o, const char *id, bool approve, struct error *e)
{
	struct ruling ruling = { .approve = approve, .reason = slice_trim(slice_str(o->reason), " \t\r\n") };
	AUTO_INBOX b = INBOX_INIT;
	AUTO_BUF routes = BUF_INIT, file = BUF_INIT;
	enum queue_status status;
	char seen[DIGEST_HEX];
	const struct item *i;

	if (!inbox_load_begins(&b, o->home, id, e) || !(i = inbox_find(&b, id, e)) || !item_routes(i, &routes, e) ||
	    (o->file && !file_read(o->file, QUEUE_FILE_MAX, &file, e)))
		return false;
	item_seen(i, buf_slice(&routes), seen);
	if (o->seen && !slice_starts(slice_str(seen), slice_str(o->seen)))
		return error_set(e, STATUS_NO,
				 "proposal %.8s or the routes in force have changed since it was shown; look again",
				 i->proposal.id);
	ruling.seen = seen;
	ruling.file = o->file ? &file : NULL;
	if (!decide(o->home, i, &ruling, &status, e))
		return false;
	printf("%s %s\n", queue_status_names[status], i->proposal.id);
	if (o->save && queue_tool_is_routes(i->proposal.tool))
		propose_saving(o, i, buf_slice(&routes),
			       o->file ? buf_slice(&file) : doc_get_str(i->proposal.doc, "proposed_file"));
	return program_flush(e);
}

static bool run_approve(struct options *o, const struct operands *operands, struct error *e)
{
	return run_decision(o, operands->list[0], true, e);
}

static bool run_reject(struct options *o, const struct operands *operands, struct error *e)
{
	return run_decision(o, operands->list[0], false, e);
}

/* Until something is pending; or for ever, when each is told of. */
static bool run_wait(struct options *o, const struct operands *operands, struct error *e)
{
	int64_t deadline = o->timeout ? watch_clock() + (int64_t)o->timeout * 1000 : INT64_MAX;
	AUTO_NOTIFIED known = NOTIFIED_INIT;

	(void)operands;
	for (;;) {
		AUTO_INBOX b = INBOX_INIT;

		if (!inbox_load(&b, o->home, o->bottle, e))
			return false;
		if (o->notify && !notify_new(&known, &b, o->notify, false, NULL, e))
			return false;
		if (!o->notify && b.count)
			return print_inbox(&b, o->json, e);
		if (watch_clock() >= deadline)
			return error_set(e, STATUS_NO, "nothing %s pending", o->notify ? "more is" : "is");
		poll(NULL, 0, WATCH_POLL_MS); /* bottles come and go, so there is no one directory to watch */
	}
}

struct command {
	const char *name;
	const char *purpose, *usage;
	const struct option_def *options;
	int operands;
	bool (*run)(struct options *o, const struct operands *operands, struct error *e);
};

static const struct command commands[] = {
	{ "list", "what is pending, oldest first", "list [--json] [--bottle IDENTITY]", list_defs, 0, run_list },
	{ "show", "all of one proposal, and what it would change", "show [--json] ID", show_defs, 1, run_show },
	{ "approve", "put what a proposal asks for in force",
	  "approve ID [--reason TEXT] [--file FILE] [--shown DIGEST] [--save]",
	  approve_defs, 1, run_approve },
	{ "reject", "refuse a proposal", "reject ID --reason TEXT [--shown DIGEST]", reject_defs, 1, run_reject },
	{ "wait", "wait until something is pending", "wait [--timeout SECONDS] [--notify COMMAND] [--bottle IDENTITY]",
	  wait_defs, 0,
	  run_wait },
};

static const struct program main_program = {
	"bb-approve",
	"decide what agents ask for",
	"[--notify COMMAND]\n       bb-approve {list | show | approve | reject | wait} [OPTION]... [ID]\n       "
	"bb-approve --once [--json]",
	main_defs,
};

/* Options may stand before and behind the id. */
static bool take_operands(const struct program *p, int argc, char **argv, struct options *o, struct operands *operands)
{
	int at = program_start(p, argc, argv, take_option, o);

	while (at < argc) {
		operands->list[operands->count++] = argv[at];
		argc -= at;
		argv += at;
		at = program_start(p, argc, argv, take_option, o);
	}
	return true;
}

/* Find the home, and what the library needs. */
static bool prepare(struct options *o, struct error *e)
{
	umask(077);
	document_seed();
	digest_init();
	if (!o->home)
		o->home = state_home(e);
	return o->home && (!o->bottle || state_is_identity(slice_str(o->bottle)) ||
			   error_set(e, STATUS_CALLER, "'%s' is not the identity of a bottle", o->bottle));
}

static int run_command(const struct command *c, int argc, char **argv)
{
	const struct program program = { "bb-approve", c->purpose, c->usage, c->options };
	AUTO_FREE char **list = alloc_zero((size_t)argc + 1, sizeof(*list));
	struct operands operands = { list, 0 };
	struct options o = { .home = NULL };
	struct error e = ERROR_INIT;
	bool ok;

	take_operands(&program, argc, argv, &o, &operands);
	if (operands.count != c->operands)
		return program_usage(operands.count < c->operands ? "which proposal? say its id"
								  : "too many arguments");
	ok = prepare(&o, &e) && c->run(&o, &operands, &e);
	free(o.home);
	return ok ? STATUS_YES : program_fail(&e);
}

/* Without a command: the screen, where there is a terminal to show it on. */
static int run_plain(int argc, char **argv)
{
	const struct operands none = { NULL, 0 };
	struct options o = { .home = NULL };
	struct error e = ERROR_INIT;
	int at = program_start(&main_program, argc, argv, take_option, &o);
	bool ok;

	if (at < argc)
		return program_usage("unknown command '%s'", argv[at]);
	ok = prepare(&o, &e) && (o.once || o.json || !isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) ?
					 run_list(&o, &none, &e) : screen_run(o.home, o.notify, &e));
	free(o.home);
	return ok ? STATUS_YES : program_fail(&e);
}

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < COUNT_OF(commands); i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return run_command(&commands[i], argc - 1, argv + 1);
	return run_plain(argc, argv);
}
