/* load: put load on an origin, directly or through a proxy, and print what it was like. See load.h. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "document.h"
#include "load.h"
#include "program.h"

static const struct option_def defs[] = {
	{ "connect", 0, "HOST:PORT", "dial this address instead of the URL's" },
	{ "proxy", 0, "HOST:PORT", "go through this proxy" },
	{ "ca", 0, "FILE", "trust the certificates in FILE" },
	{ "header", 0, "LINE", "send this header line too; may be repeated" },
	{ "connections", 0, "N", "connections kept busy (1)" },
	{ "requests", 0, "N", "end after N requests" },
	{ "ms", 0, "N", "or after N milliseconds (5000)" },
	{ "warm-up", 0, "N", "milliseconds before counting starts (0)" },
	{ "limit", 0, "N", "milliseconds that one request may take (30000)" },
	{ "post", 0, "BYTES", "POST a body of BYTES" },
	{ "expect", 0, "BYTES", "every answer must be the first BYTES of the pattern" },
	{ "fresh", 0, NULL, "a new connection for each request" },
	{ "events", 0, NULL, "measure the delay of each event of origin's /sse" },
	{ NULL, 0, NULL, NULL },
};

static const struct program self = {
	.name = "load",
	.purpose = "put load on origin, check every answer, print figures as JSON",
	.usage = "[OPTION]... URL",
	.options = defs,
};

/* The option that a number belongs to. */
static bool take_number(struct load_options *o, const char *name, const char *arg, struct error *e)
{
	uint64_t v;

	if (!slice_to_u64(slice_str(arg), &v) || v > UINT32_MAX)
		return error_set(e, STATUS_CALLER, "'%s' of --%s is not a number below 2^32", arg, name);
	if (strcmp(name, "connections") == 0) {
		o->connections = (unsigned)v;
	} else if (strcmp(name, "requests") == 0) {
		o->requests = v;
	} else if (strcmp(name, "ms") == 0) {
		o->milliseconds = (unsigned)v;
	} else if (strcmp(name, "warm-up") == 0) {
		o->warm_up = (unsigned)v;
	} else if (strcmp(name, "limit") == 0) {
		o->limit = (unsigned)v;
	} else if (strcmp(name, "post") == 0) {
		o->body = v;
	} else {
		o->expect = v;
		o->check_body = true;
	}
	return true;
}

static bool take_option(void *options, const char *name, const char *arg, struct error *e)
{
	struct load_options *o = options;

	if (strcmp(name, "connect") == 0)
		o->connect = arg;
	else if (strcmp(name, "proxy") == 0)
		o->proxy = arg;
	else if (strcmp(name, "ca") == 0)
		o->ca_file = arg;
	else if (strcmp(name, "fresh") == 0)
		o->fresh = true;
	else if (strcmp(name, "events") == 0)
		o->events = true;
	else if (strcmp(name, "header") != 0)
		return take_number(o, name, arg, e);
	else if (o->n_headers == HEADERS_EXTRA_MAX)
		return error_set(e, STATUS_CALLER, "more than %d headers", HEADERS_EXTRA_MAX);
	else
		o->headers[o->n_headers++] = arg;
	return true;
}

/* Put the percentiles of some durations into the document. */
static void put_samples(struct doc *d, const char *name, struct samples *s)
{
	struct doc *o;

	if (s->count == 0)
		return;
	o = doc_put(d, name, doc_new_object());
	doc_put_int(o, "count", (int64_t)s->count);
	doc_put_int(o, "mean", samples_mean(s));
	doc_put_int(o, "p50", samples_at(s, 500));
	doc_put_int(o, "p90", samples_at(s, 900));
	doc_put_int(o, "p99", samples_at(s, 990));
	doc_put_int(o, "max", samples_at(s, 1000));
}

/* Print the figures as one document. */
static bool print_figures(struct figures *f, struct error *e)
{
	int64_t ns = f->ended > f->started ? f->ended - f->started : 1;
	double seconds = (double)ns / 1e9;
	AUTO_DOC *d = doc_new("load", 1);

	doc_put_int(d, "requests", (int64_t)f->requests);
	doc_put_int(d, "errors", (int64_t)f->errors);
	doc_put_int(d, "milliseconds", ns / 1000000);
	doc_put_int(d, "requests_per_second", (int64_t)((double)f->requests / seconds + 0.5));
	doc_put_int(d, "bytes_in_per_second", (int64_t)((double)f->bytes_in / seconds));
	doc_put_int(d, "bytes_out_per_second", (int64_t)((double)f->bytes_out / seconds));
	doc_put_int(d, "connection_requests_least", (int64_t)f->served_least);
	doc_put_int(d, "connection_requests_most", (int64_t)f->served_most);
	put_samples(d, "latency_ns", &f->latency);
	put_samples(d, "first_byte_ns", &f->first_byte);
	put_samples(d, "handshake_ns", &f->handshake);
	put_samples(d, "event_delay_ns", &f->event_delay);
	if (f->first_error[0])
		doc_put_str(d, "first_error", f->first_error);
	return doc_write(d, STDOUT_FILENO, e);
}

/* Forget the samples when main is left. */
static void figures_release(struct figures *f)
{
	samples_release(&f->latency);
	samples_release(&f->first_byte);
	samples_release(&f->handshake);
	samples_release(&f->event_delay);
}

int main(int argc, char **argv)
{
	struct load_options o = { .connections = 1, .milliseconds = 5000, .limit = 30000 };
	__attribute__((cleanup(figures_release))) struct figures f = { 0 };
	struct error e = ERROR_INIT;
	int first;

	document_seed();
	first = program_start(&self, argc, argv, take_option, &o);
	if (argc - first != 1)
		return program_usage("give one URL");
	o.url = argv[first];
	if (o.connections == 0 || o.connections > CONNECTIONS_MAX)
		return program_usage("--connections is a number from 1 to %d", CONNECTIONS_MAX);
	if (o.events && o.check_body)
		return program_usage("--events and --expect exclude each other");
	if (!client_run(&o, &f, &e) || !print_figures(&f, &e))
		return program_fail(&e);
	return f.errors || f.requests == 0 ? STATUS_NO : STATUS_YES;
}
