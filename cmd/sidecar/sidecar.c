/*
 * bb-sidecar: start the daemons of one bottle from a document and keep them running.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "delivery.h"
#include "digest.h"
#include "fd.h"
#include "file.h"
#include "health.h"
#include "listener.h"
#include "program.h"
#include "warden.h"

#define GRACE_SECONDS	8
#define READY_SECONDS	20
#define SECONDS_MAX	3600
#define SUBSET_VARIABLE "BOT_BOTTLE_SIDECAR_DAEMONS"
#define INHERITED_MAX	(DAEMONS_MAX * LISTENERS_MAX)

struct inherited {
	char *name;
	int fd;
};

struct options {
	const char *dir;
	const char *bind;
	const char *audit;
	const char *door;
	bool input;
	int document, secrets, ready, lifeline;
	int64_t grace_ms, ready_ms;
	struct inherited listeners[INHERITED_MAX];
	size_t n_listeners;
};

static const struct option_def option_defs[] = {
	{ "document", 0, "FD", "descriptor to read the sidecar document from" },
	{ "secrets", 0, "FD", "descriptor to read the secrets from" },
	{ "stdin", 0, NULL, "document and secrets come on standard input, which then is the lifeline" },
	{ "dir", 0, "DIR", "directory of the daemons' directories and the health socket" },
	{ "listener", 0, "NAME=FD", "an inherited listening socket; may be repeated" },
	{ "bind", 0, "ADDRESS", "bind the listeners that are not inherited to this address" },
	{ "audit", 0, "FILE", "the bottle's audit log, HOME/audit/IDENTITY.jsonl" },
	{ "door", 0, "PATH", "take the listeners from whoever first connects to a socket there" },
	{ "ready", 0, "FD", "gets one newline when all daemons are ready, before it a '+' for each that has written "
			    "its files" },
	{ "lifeline", 0, "FD", "end when this descriptor reaches its end of file" },
	{ "grace", 0, "SECONDS", "from TERM to KILL at the end (8)" },
	{ "ready-within", 0, "SECONDS", "time for a daemon to become ready (20)" },
	{ NULL, 0, NULL, NULL },
};

static const struct program program = {
	"bb-sidecar",
	"start the daemons of a bottle from a document and keep them running",
	"{--document FD | --stdin} --dir DIR [OPTION]...\n       bb-sidecar health --dir DIR\n"
	"       bb-sidecar reload --dir DIR [--sha256 HEX]",
	option_defs,
};

static const struct option_def health_defs[] = {
	{ "dir", 0, "DIR", "directory that the sidecar was started with" },
	{ NULL, 0, NULL, NULL },
};

static const struct program health_program = {
	"bb-sidecar",
	"ask a running sidecar how its daemons are",
	"health --dir DIR",
	health_defs,
};

/* What "reload" is asked for. */
struct reload_options {
	const char *dir, *sha256;
};

static const struct option_def reload_defs[] = {
	{ "dir", 0, "DIR", "directory that the sidecar was started with" },
	{ "sha256", 0, "HEX", "digest of the file that has to be in force" },
	{ NULL, 0, NULL, NULL },
};

static const struct program reload_program = {
	"bb-sidecar",
	"have the daemons read their files again, and say what came of it",
	"reload --dir DIR [--sha256 HEX]",
	reload_defs,
};

#define AUTO_OPTIONS __attribute__((cleanup(options_release))) struct options

static void options_release(struct options *o)
{
	for (size_t i = 0; i < o->n_listeners; i++)
		free(o->listeners[i].name);
}

/* Parse a number of seconds into milliseconds. */
static bool take_seconds(const char *name, const char *arg, int64_t *ms, struct error *e)
{
	uint64_t v;

	if (!slice_to_u64(slice_str(arg), &v) || v > SECONDS_MAX)
		return error_set(e, STATUS_CALLER, "'--%s' is '%s', wanted 0 to %d seconds", name, arg, SECONDS_MAX);
	*ms = (int64_t)v * 1000;
	return true;
}

/* Parse NAME=FD. */
static bool take_listener(struct options *o, const char *arg, struct error *e)
{
	const char *equals = strchr(arg, '=');
	struct inherited *l = &o->listeners[o->n_listeners];

	if (!equals || equals == arg)
		return error_set(e, STATUS_CALLER, "'--listener' is '%s', wanted NAME=FD", arg);
	if (o->n_listeners == INHERITED_MAX)
		return error_set(e, STATUS_CALLER, "more than %d listeners", INHERITED_MAX);
	if (!fd_parse(equals + 1, &l->fd, e))
		return error_wrap(e, "'--listener'");
	l->name = alloc_copy(arg, (size_t)(equals - arg));
	for (size_t i = 0; i < o->n_listeners; i++)
		if (strcmp(o->listeners[i].name, l->name) == 0)
			return error_set(e, STATUS_CALLER, "the listener '%s' is given twice", l->name);
	o->n_listeners++;
	return true;
}

static bool take_option(void *ctx, const char *name, const char *arg, struct error *e)
{
	struct options *o = ctx;
	int *fd = strcmp(name, "document") == 0	  ? &o->document
		  : strcmp(name, "secrets") == 0  ? &o->secrets
		  : strcmp(name, "ready") == 0	  ? &o->ready
		  : strcmp(name, "lifeline") == 0 ? &o->lifeline
						  : NULL;

	if (fd)
		return fd_parse(arg, fd, e) || error_wrap(e, "'--%s'", name);
	if (strcmp(name, "listener") == 0)
		return take_listener(o, arg, e);
	if (strcmp(name, "grace") == 0)
		return take_seconds(name, arg, &o->grace_ms, e);
	if (strcmp(name, "ready-within") == 0)
		return take_seconds(name, arg, &o->ready_ms, e);
	if (strcmp(name, "bind") == 0)
		o->bind = arg;
	else if (strcmp(name, "audit") == 0)
		o->audit = arg;
	else if (strcmp(name, "door") == 0)
		o->door = arg;
	else if (strcmp(name, "stdin") == 0)
		o->input = true;
	else
		o->dir = arg;
	return true;
}

static bool take_health_option(void *ctx, const char *name, const char *arg, struct error *e)
{
	(void)name;
	(void)e;
	*(const char **)ctx = arg;
	return true;
}

static bool take_reload_option(void *ctx, const char *name, const char *arg, struct error *e)
{
	struct reload_options *o = ctx;

	if (strcmp(name, "dir") == 0)
		o->dir = arg;
	else if (strlen(arg) != DIGEST_HEX - 1 || strspn(arg, "0123456789abcdef") != DIGEST_HEX - 1)
		return error_set(e, STATUS_CALLER, "'--sha256' is '%s', wanted 64 hexadecimal digits", arg);
	else
		o->sha256 = arg;
	return true;
}

/*
 * Confinement. The sidecar has to run programs, which may have to give up root
 * themselves, so what can be taken away is small: privileges cannot be gained,
 * memory cannot be read by others of the same user, nothing dumps core.
 */
static bool confine(struct error *e)
{
	static const struct rlimit none = { 0, 0 };

	umask(077);
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    setrlimit(RLIMIT_CORE, &none) < 0)
		return error_sys(e, "unable to give up privileges");
	return true;
}

/* Make the directory, enter it and hold it for this sidecar alone. Returns the lock. */
static int enter_directory(const char *dir, char **absolute, struct error *e)
{
	AUTO_FD lock = -1;
	struct stat st;

	if (!file_make_dirs(dir, 0700, e))
		return -1;
	lock = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lock < 0 || fstat(lock, &st) < 0 || fchdir(lock) < 0) {
		error_sys(e, "unable to use the directory '%s'", dir);
		return -1;
	}
	if (st.st_uid != geteuid() || (st.st_mode & 022)) {
		error_set(e, STATUS_CALLER, "others may write to '%s'; wanted a directory of this user, mode 0700",
			  dir);
		return -1;
	}
	if (flock(lock, LOCK_EX | LOCK_NB) < 0) {
		if (errno == EWOULDBLOCK)
			error_set(e, STATUS_WORLD, "another sidecar runs in '%s'", dir);
		else
			error_sys(e, "unable to lock '%s'", dir);
		return -1;
	}
	*absolute = getcwd(NULL, 0);
	if (!*absolute) {
		error_sys(e, "unable to use the directory '%s'", dir);
		return -1;
	}
	return fd_steal(&lock);
}

/* The directory of this program: where the daemons' programs are. Returns memory of the caller's. */
static char *own_directory(struct error *e)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path));
	char *slash;

	if (n <= 0 || n == (ssize_t)sizeof(path)) {
		error_sys(e, "unable to find the directory of this program");
		return NULL;
	}
	path[n] = '\0';
	slash = strrchr(path, '/');
	return alloc_copy(path, (size_t)(slash - path));
}

/* Keep of the secrets only those that a daemon gets; one that is missing is an error. */
static bool take_secrets(int fd, const struct roster *r, struct secret_set *kept, struct error *e)
{
	AUTO_SECRETS all = SECRET_SET_INIT;

	if (fd >= 0 && !secret_set_read(fd, &all, e))
		return false;
	for (size_t i = 0; i < r->count; i++) {
		for (size_t k = 0; k < r->list[i].n_secrets; k++) {
			const char *name = r->list[i].secrets[k];
			struct slice value, known;

			if (!secret_set_find(&all, name, &value))
				return error_set(e, STATUS_CALLER,
						 "'%s' needs the secret '%s', which was not handed over",
						 r->list[i].name, name);
			if (!secret_set_find(kept, name, &known) && !secret_set_add(kept, name, value, e))
				return false;
		}
	}
	return true;
}

/* Take all listeners through the door: from then on they are inherited ones. */
static bool take_from_door(struct options *o, const struct roster *r, struct error *e)
{
	const char *names[INHERITED_MAX];
	int fds[FD_PASS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < r->count; i++)
		for (size_t k = 0; k < r->list[i].n_listeners; k++)
			names[n++] = r->list[i].listeners[k].name;
	if (n > FD_PASS_MAX || o->n_listeners)
		return error_set(e, STATUS_CALLER, "'--door' takes at most %d listeners, and all of them", FD_PASS_MAX);
	if (n && !door_receive(o->door, o->lifeline, fds, n, e))
		return false;
	for (size_t i = 0; i < n; i++)
		o->listeners[o->n_listeners++] = (struct inherited){ alloc_copy(names[i], strlen(names[i])), fds[i] };
	return true;
}

/* Give each daemon its listening sockets: inherited ones, or bound here. Inherited ones of nobody are closed. */
static bool open_listeners(struct options *o, const struct roster *r, struct daemon *daemons, struct error *e)
{
	for (size_t i = 0; i < r->count; i++) {
		for (size_t k = 0; k < r->list[i].n_listeners; k++) {
			const struct listener_spec *spec = &r->list[i].listeners[k];
			int *fd = &daemons[i].listeners[k];

			for (size_t l = 0; l < o->n_listeners; l++)
				if (strcmp(o->listeners[l].name, spec->name) == 0)
					*fd = fd_steal(&o->listeners[l].fd);
			if (*fd < 0 && !o->bind)
				return error_set(e, STATUS_CALLER,
						 "no socket for the listener '%s'; give '--listener %s=FD' or '--bind'",
						 spec->name, spec->name);
			if (*fd < 0)
				*fd = listener_bind(o->bind, spec->port, spec->name, e);
			if (*fd < 0 || !listener_check(*fd, spec->name, e))
				return false;
			daemons[i].listener_flags[k] = fcntl(*fd, F_GETFL);
		}
	}
	for (size_t l = 0; l < o->n_listeners; l++) {
		if (!roster_has_listener(r, o->listeners[l].name))
			return error_set(e, STATUS_CALLER, "no daemon has a listener '%s'", o->listeners[l].name);
		fd_close(&o->listeners[l].fd);
	}
	return true;
}

static bool prepare_daemons(const struct roster *r, struct daemon *daemons, struct error *e)
{
	for (size_t i = 0; i < r->count; i++)
		if (!daemon_init(&daemons[i], &r->list[i], e))
			return false;
	return true;
}

static bool furnish_daemons(const struct roster *r, struct error *e)
{
	for (size_t i = 0; i < r->count; i++)
		if (!daemon_furnish(&r->list[i], e))
			return false;
	return true;
}

/* From options to the end of the last daemon; returns the exit status, with an error set when the fault is ours. */
static int run(struct options *o, struct error *e)
{
	AUTO_ROSTER roster = ROSTER_INIT;
	AUTO_SECRETS secrets = SECRET_SET_INIT;
	AUTO_FREE char *dir = NULL;
	AUTO_FREE char *bin = own_directory(e);
	AUTO_FREE struct daemon *daemons = NULL;
	AUTO_FD lock = -1;
	AUTO_AUDIT audit = AUDIT_INIT;
	struct peers peers;
	struct warden_options warden = { o->grace_ms, o->ready_ms, o->ready, o->lifeline, -1, &peers,
					 o->audit ? &audit : NULL };
	int status;

	if (o->input && !delivery_read(STDIN_FILENO, &o->document, &o->secrets, e))
		return (int)e->status;
	if (!bin || (o->audit && !audit_open(&audit, o->audit, e)) || (lock = enter_directory(o->dir, &dir, e)) < 0 ||
	    !roster_load(&roster, o->document, dir, bin, getenv(SUBSET_VARIABLE), e) ||
	    !take_secrets(o->secrets, &roster, &secrets, e) || (o->door && !take_from_door(o, &roster, e)))
		return (int)e->status;
	daemons = alloc_zero(roster.count, sizeof(*daemons));
	if (!prepare_daemons(&roster, daemons, e) || !open_listeners(o, &roster, daemons, e) ||
	    !furnish_daemons(&roster, e) || (warden.health = health_listen(e)) < 0 || !peers_listen(&peers, e))
		return (int)e->status;
	fd_close(&o->document);
	fd_close(&o->secrets);
	status = warden_run(daemons, roster.count, &secrets, &warden, e);
	for (size_t i = 0; i < roster.count; i++)
		daemon_release(&daemons[i]);
	fd_close(&warden.health);
	unlink(HEALTH_SOCKET);
	peers_release(&peers);
	return status;
}

/* The verb "health". */
static int ask_health(int argc, char **argv)
{
	struct error e = ERROR_INIT;
	const char *dir = NULL;
	enum status status;

	if (program_start(&health_program, argc, argv, take_health_option, &dir) != argc)
		return program_usage("unexpected argument");
	if (!dir)
		return program_usage("option '--dir' is missing");
	document_seed();
	status = health_ask(dir, &e);
	if (status == STATUS_YES || status == STATUS_NO)
		return program_flush(&e) ? (int)status : program_fail(&e);
	return program_fail(&e);
}

/* The verb "reload". */
static int ask_reload(int argc, char **argv)
{
	struct reload_options o = { NULL, NULL };
	struct error e = ERROR_INIT;
	AUTO_BUF report = BUF_INIT;
	bool ok;

	if (program_start(&reload_program, argc, argv, take_reload_option, &o) != argc)
		return program_usage("unexpected argument");
	if (!o.dir)
		return program_usage("option '--dir' is missing");
	document_seed();
	ok = reload_ask(o.dir, o.sha256, &report, &e);
	if (report.len)
		puts(buf_str(&report));
	if (ok)
		return program_flush(&e) ? STATUS_YES : program_fail(&e);
	error_wrap(&e, "the reload failed");
	return program_fail(&e);
}

int main(int argc, char **argv)
{
	AUTO_OPTIONS o = { .document = -1,
			   .secrets = -1,
			   .ready = -1,
			   .lifeline = -1,
			   .grace_ms = GRACE_SECONDS * 1000,
			   .ready_ms = READY_SECONDS * 1000 };
	struct error e = ERROR_INIT;
	int status, first;

	if (argc > 1 && strcmp(argv[1], "health") == 0)
		return ask_health(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "reload") == 0)
		return ask_reload(argc - 1, argv + 1);
	first = program_start(&program, argc, argv, take_option, &o);
	if (first < argc)
		return program_usage("unexpected argument '%s'", argv[first]);
	if ((o.document < 0 && !o.input) || !o.dir)
		return program_usage("option '%s' is missing", o.dir ? "--document" : "--dir");
	if (o.input && (o.document >= 0 || o.secrets >= 0 || o.lifeline >= 0))
		return program_usage("'--stdin' stands for '--document', '--secrets' and '--lifeline'");
	if (o.input)
		o.lifeline = STDIN_FILENO;
	if (!warden_block_signals(&e) ||
	    !confine(&e)) /* first the signals: an early HUP must neither kill nor be lost */
		return program_fail(&e);
	document_seed();
	digest_init();
	status = run(&o, &e);
	return e.status == STATUS_YES ? status : program_fail(&e);
}
