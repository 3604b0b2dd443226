/*
 * The roster: what the sidecar document says about each daemon, checked and
 * ready to be run.
 *
 * A daemon finds the descriptors it is given at fixed numbers: listeners from 3
 * on, then what is kept, then the secrets, then readiness. They depend on the
 * document only, so arguments are expanded once and hold for every restart.
 *
 * In an argument these are replaced; any other brace is an error:
 *	{dir}             the daemon's own directory
 *	{listener:NAME}   descriptor of a listener
 *	{keep:NAME}       descriptor of a memory file that outlives the daemon
 *	{secrets}         descriptor of a sealed memory file with its secrets
 *	{ready}           descriptor to write one newline to when ready, before it a '+' when its files are written
 *
 * A roster is loaded once and only read afterwards. Nothing here blocks.
 */
#ifndef BB_SIDECAR_ROSTER_H
#define BB_SIDECAR_ROSTER_H

#include "document.h"
#include "error.h"

#define DAEMONS_MAX	16 /* daemons of one bottle; there are three */
#define LISTENERS_MAX	8  /* of one daemon */
#define KEEPS_MAX	8  /* memory files of one daemon */
#define ARGUMENTS_MAX	256
#define FILES_MAX	64 /* files that one daemon finds in its directory */
#define NAME_LENGTH_MAX 32
#define FILE_NAME_MAX	64

#define FD_FIRST 3 /* number of the first descriptor that is passed */

struct listener_spec {
	const char *name;
	uint16_t port;
};

struct daemon_spec {
	const char *name;
	char *path; /* of the program, absolute */
	char *dir;  /* DIR/NAME */
	char **argv;
	char **env; /* "NAME=VALUE" */
	struct listener_spec listeners[LISTENERS_MAX];
	size_t n_listeners;
	const char *keeps[KEEPS_MAX];
	size_t n_keeps;
	const char **secrets;
	size_t n_secrets;
	const struct doc *files; /* list of {path, mode, content} */
	bool takes_secrets;	 /* {secrets} is among the arguments */
	bool tells_ready;	 /* {ready} is */
	bool reload;		 /* wants SIGHUP */
};

struct roster {
	struct doc *doc; /* owns the texts that the specs view */
	struct daemon_spec *list;
	size_t count;
};

#define ROSTER_INIT                                                                                                    \
	{                                                                                                              \
		NULL, NULL, 0                                                                                          \
	}
#define AUTO_ROSTER __attribute__((cleanup(roster_release))) struct roster
void roster_release(struct roster *r);

/*
 * Read the document from fd. dir is where the daemons' directories are, absolute;
 * programs without a slash are those in bin. subset, when not NULL and not empty,
 * lists the names of the daemons to run, separated by commas or spaces; all
 * listeners of the document stay known. Errors are the caller's fault.
 */
bool roster_load(struct roster *r, int fd, const char *dir, const char *bin, const char *subset, struct error *e);

/* True when the document, the left-out daemons included, has a listener of that name. */
bool roster_has_listener(const struct roster *r, const char *name);

static inline int spec_listener_fd(size_t index)
{
	return FD_FIRST + (int)index;
}

static inline int spec_keep_fd(const struct daemon_spec *d, size_t index)
{
	return FD_FIRST + (int)(d->n_listeners + index);
}

static inline int spec_secrets_fd(const struct daemon_spec *d)
{
	return FD_FIRST + (int)(d->n_listeners + d->n_keeps);
}

static inline int spec_ready_fd(const struct daemon_spec *d)
{
	return spec_secrets_fd(d) + 1;
}

#endif
