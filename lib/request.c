#include "request.h"

#include <stdarg.h>
#include <stdio.h>

/* Write the text. */
__attribute__((format(printf, 2, 0))) static void say(struct refusal *no, const char *fmt, va_list ap)
{
	vsnprintf(no->text, sizeof(no->text), fmt, ap);
	for (char *p = no->text; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
}

bool refuse(struct refusal *no, unsigned status, const char *rule, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(no, fmt, ap);
	va_end(ap);
	no->status = status;
	no->rule = rule;
	no->askable = false;
	return false;
}

bool refuse_askable(struct refusal *no, const char *rule, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(no, fmt, ap);
	va_end(ap);
	no->status = 403;
	no->rule = rule;
	no->askable = true;
	return false;
}

/* The Host field as an authority; a missing one is a refusal. */
static bool parse_host_field(const struct http_head *h, struct authority *a, struct refusal *no)
{
	const char *why = NULL;

	if (!h->host.ptr)
		return refuse(no, 400, "host-field", "malformed request: no Host header");
	if (!authority_parse(h->host, a, &why))
		return refuse(no, 400, "host-field", "malformed Host header: %s", why);
	return true;
}

/* Inside a tunnel, every name must be that of the tunnel. */
static bool agree_with_tunnel(const struct authority *tunnel, const struct target *t, const struct authority *host,
			      struct refusal *no)
{
	if (t->form == TARGET_ABSOLUTE &&
	    (t->scheme != SCHEME_HTTPS || !authority_equal(&t->authority, tunnel, SCHEME_HTTPS)))
		return refuse(no, 421, "authority",
			      "the request's URL is not of '%s', which this connection was opened for", tunnel->host);
	if (!authority_equal(host, tunnel, SCHEME_HTTPS))
		return refuse(no, 421, "authority", "the Host header is not '%s', which this connection was opened for",
			      tunnel->host);
	return true;
}

bool request_gather(const struct http_head *h, const struct authority *tunnel, struct request_facts *f,
		    struct refusal *no)
{
	const char *why = NULL;
	struct authority host;
	struct target t;

	if (slice_eq(h->method, SLICE("CONNECT")))
		return refuse(no, 400, "target", "CONNECT is not accepted here");
	if (!target_parse(h->method, h->target, &t, &why))
		return refuse(no, 400, "target", "malformed request: %s", why);
	if (!parse_host_field(h, &host, no))
		return false;
	*f = (struct request_facts){
		.scheme = tunnel ? SCHEME_HTTPS : t.scheme,
		.authority = tunnel ? *tunnel : t.form == TARGET_ABSOLUTE ? t.authority : host,
		.method = h->method,
		.path = t.path,
		.query = t.query,
		.has_query = t.has_query,
		.fields = h->fields,
		.n_fields = h->n_fields,
	};
	f->authority.port = authority_port(&f->authority, f->scheme);
	if (tunnel)
		return agree_with_tunnel(tunnel, &t, &host, no);
	if (t.form == TARGET_ORIGIN && strcmp(host.host, HOST_INTROSPECTION) != 0)
		return refuse(no, 400, "target", "this is a proxy: send the whole URL, or CONNECT for https");
	if (!authority_equal(&host, &f->authority, f->scheme))
		return refuse(no, 421, "authority", "the Host header does not name the host and port of the URL");
	return true;
}

void request_target(struct buf *out, const struct request_facts *f)
{
	buf_add_slice(out, f->path);
	if (f->has_query) {
		buf_add_char(out, '?');
		buf_add_slice(out, f->query);
	}
}
