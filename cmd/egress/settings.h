/*
 * What the operator asked for, and the things outside the process that main
 * touches for it: the routes file, the state directory, listening sockets,
 * credentials in its own environment.
 *
 * All of it blocks. Only routes_read may be called after main is confined.
 */
#ifndef BB_EGRESS_SETTINGS_H
#define BB_EGRESS_SETTINGS_H

#include "digest.h"
#include "document.h"
#include "role.h"
#include "secret.h"

struct settings {
	const char *routes;      /* --routes: path of the routes file */
	const char *directory;   /* directory that holds it, for relative ca_file paths */
	bool alone;              /* without --secrets: credentials come from our own environment */
	int listeners[LISTENERS_MAX];
	size_t n_listeners;
	const char *state;       /* --state: directory, NULL when a store is kept for us */
	int store;               /* --ca-store, or the file in state */
	bool new_store;          /* the file in state is new and has still to get its name */
	const char *ca_cert;     /* --ca-cert: where else the CA's certificate goes */
	int secrets;             /* --secrets, or made from the environment */
	int ready;               /* --ready, or -1 */
	enum log_level level;
	size_t workers;
	const char *trust;       /* --trust */
	const char *rules, *phrases; /* --rules, --phrases, or the files that come with the program */
	const char *proxy;       /* --upstream-proxy, or NULL */
	int proxy_password;      /* --upstream-proxy-password, read and put into a sealed memory file; or -1 */
	const char *queue;       /* --queue: where questions to the operator go; NULL: nobody is asked */
	const char *bottle;      /* --bottle: whose questions they are */
	int permits;             /* --permits: file of what was approved, or -1 */
	int ask_seconds;         /* that a request is held for an answer */
};

/* Parse the options of bb-egress itself; ends the process when they are wrong. */
void settings_parse(struct settings *s, int argc, char **argv);

/*
 * The routes as they are on disk: an object {"routes":[…]} that the caller owns, or NULL with all problems in e.
 * hash gets the digest of the file's bytes, also when they do not load; "" when there are none.
 */
struct doc *routes_read(const struct settings *s, char hash[DIGEST_HEX], struct error *e);

/* Read the ca_file of a route; path as written there. */
bool ca_file_read(const struct settings *s, const char *path, struct buf *pem, struct error *e);
/* The path that is opened for it. */
void ca_file_path(const struct settings *s, const char *path, struct buf *out);

/*
 * Move the credentials that the routes name with token_env from our environment
 * to a sealed memory file (s->secrets), and wipe them where they were. One that
 * is not set is an error. Does nothing when --secrets was given.
 */
bool credentials_take(struct settings *s, const struct doc *routes, struct error *e);

/* Check the URL of the proxy on the way, and take its password from where it is to be read. */
bool proxy_take(struct settings *s, struct error *e);

/* Open the store of the CA: what was handed over, or the file in the state directory. */
bool store_open(struct settings *s, struct error *e);

/*
 * Put the CA's certificate where it was asked for; in a state directory also the other files that "bb-egress env"
 * names.
 */
bool certificate_publish(struct settings *s, struct slice pem, struct error *e);

/* bb-egress env: print the variables that send a program's traffic through the proxy. Returns the exit status. */
int env_main(int argc, char **argv);
/* bb-egress check: say what the proxy would decide about a request. Returns the exit status. */
int check_main(int argc, char **argv);
/* bb-egress routes: show the routes of a file as they would be in force. Returns the exit status. */
int routes_main(int argc, char **argv);

#endif
