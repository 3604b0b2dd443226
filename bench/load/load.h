/*
 * A client that keeps a number of connections busy and measures: each sends a
 * request, takes the whole answer, checks it, and sends the next. Closed loop,
 * one thread.
 */
#ifndef BB_LOAD_H
#define BB_LOAD_H

#include <openssl/ssl.h>

#include "bench/body.h"
#include "buf.h"
#include "error.h"
#include "loop.h"

#define CONNECTIONS_MAX 4096
#define HEADERS_EXTRA_MAX 16
#define ERRORS_MAX 1000 /* failed requests after which measuring is pointless */

struct load_options {
	const char *url;
	const char *connect; /* HOST:PORT to dial instead of the URL's */
	const char *proxy;   /* HOST:PORT of a proxy */
	const char *ca_file;
	const char *headers[HEADERS_EXTRA_MAX];
	size_t n_headers;
	unsigned connections;
	uint64_t requests;   /* end after so many; 0: by time */
	unsigned milliseconds, warm_up;
	uint64_t body;       /* bytes to POST; 0: GET */
	uint64_t expect;     /* bytes of the pattern in each answer */
	bool check_body;     /* expect was given */
	bool fresh;          /* a connection for each request */
	bool events;         /* measure the delay of each server-sent event */
	unsigned limit;      /* milliseconds that one request may take */
};

/* --- samples.c: many durations, and what is to be said about them --- */

struct samples {
	uint32_t *list; /* units of 100 ns, so that one sample is small: up to 429 s */
	size_t count, room;
	bool sorted;
};

void samples_add(struct samples *s, int64_t nanoseconds);
/* Nanoseconds below which this many thousandths of the samples lie; 0 when there are none. */
int64_t samples_at(struct samples *s, unsigned thousandths);
int64_t samples_mean(const struct samples *s);
void samples_release(struct samples *s);

struct figures {
	uint64_t requests, errors, bytes_in, bytes_out; /* bytes of bodies */
	uint64_t served_least, served_most; /* requests of one connection */
	int64_t started, ended; /* nanoseconds of CLOCK_MONOTONIC */
	struct samples latency, first_byte, handshake, event_delay;
	char first_error[256];
};

/* --- client.c --- */

/* Nanoseconds of CLOCK_MONOTONIC. */
int64_t clock_ns(void);

/* Run the load to its end. False only when it could not be run at all; failed requests are counted. */
bool client_run(const struct load_options *o, struct figures *f, struct error *e);

#endif
