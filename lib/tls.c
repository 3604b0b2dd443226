#include "tls.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "alloc.h"
#include "escape.h"

struct tls_server {
	SSL_CTX *ctx;
	EVP_PKEY *key;
};

struct tls_client {
	SSL_CTX *ctx;
};

struct tls_certificate {
	X509 *x509;
};

const struct confine_call tls_trust_calls[] = {
	CONFINE_ALLOW(__NR_openat),
	CONFINE_ALLOW(__NR_read),
	CONFINE_ALLOW(__NR_lseek),
	CONFINE_ALLOW(__NR_newfstatat),
	CONFINE_ALLOW(__NR_fstat),
	CONFINE_END,
};

const char *const tls_trust_paths[] = {
	"/etc/ssl/certs",
	"/usr/share/ca-certificates",
	"/usr/local/share/ca-certificates",
	"/etc/ca-certificates",
	"/etc/pki",
	"/etc/ssl/cert.pem",
	NULL,
};

/* Files that hold all that a system trusts, for systems without hashed names. */
static const char *const trust_bundles[] = {
	"/etc/ssl/certs/ca-certificates.crt",
	"/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/ssl/cert.pem",
};

static BIO_METHOD *link_method;

/*
 * Records on their way to the kernel. A call of the kernel for each record costs
 * more than its encryption; four at once are a fifth cheaper. Shared by all
 * streams: it is empty whenever tls_write returns.
 */
/* RFC 8446 §5.2: expansion and header; a nonce in TLS 1.2 */
enum { GATHERED_RECORDS = 4, RECORD_EXTRA = 256 + 5 + 16 };
static char gathered[GATHERED_RECORDS * (TLS_RECORD_MAX + RECORD_EXTRA)];
static size_t gathered_len;

/* Report what OpenSSL's queue says last, and empty the queue. */
static bool fail(struct error *e, const char *what)
{
	unsigned long code = ERR_peek_last_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;

	ERR_clear_error();
	return error_set(e, STATUS_WORLD, "%s: %s", what, reason ? reason : "unknown reason");
}

/* --- a BIO over a link --- */

static int bio_read(BIO *bio, char *bytes, int len)
{
	struct tls *t = BIO_get_data(bio);
	ssize_t n = link_read(&t->link, bytes, (size_t)len);

	BIO_clear_retry_flags(bio);
	if (n == LINK_WAIT)
		BIO_set_retry_read(bio);
	return n > 0 ? (int)n : n == LINK_END ? 0 : -1;
}

/* Send what the kernel did not take before: 0, LINK_WAIT or LINK_ERROR. */
static ssize_t send_rest(struct tls *t)
{
	while (tls_unsent(t)) {
		ssize_t n = link_write(&t->link, t->unsent.ptr + t->unsent_at, t->unsent.len - t->unsent_at);

		if (n < 0)
			return n;
		t->unsent_at += (size_t)n;
		if (t->unsent_at < t->unsent.len)
			continue;
		buf_release(&t->unsent);
		t->unsent_at = 0;
	}
	return 0;
}

/* Send the records that were put together; what the kernel does not take stays with the stream. */
static void send_gathered(struct tls *t)
{
	size_t at = 0;

	while (at < gathered_len) {
		ssize_t n = link_write(&t->link, gathered + at, gathered_len - at);

		if (n < 0)
			break; /* of an error the next write hears */
		at += (size_t)n;
	}
	if (at < gathered_len && !t->link.broken)
		buf_add(&t->unsent, gathered + at, gathered_len - at);
	gathered_len = 0;
}

static int bio_write(BIO *bio, const char *bytes, int len)
{
	struct tls *t = BIO_get_data(bio);
	ssize_t n;

	BIO_clear_retry_flags(bio);
	if (t->gathering) {
		if ((size_t)len > sizeof(gathered) - gathered_len)
			return -1; /* longer than a record can be */
		memcpy(gathered + gathered_len, bytes, (size_t)len);
		gathered_len += (size_t)len;
		return len;
	}
	n = send_rest(t);
	if (n == 0)
		n = link_write(&t->link, bytes, (size_t)len);
	if (n == LINK_WAIT)
		BIO_set_retry_write(bio);
	return n >= 0 ? (int)n : -1;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
	struct tls *t = BIO_get_data(bio);

	(void)number;
	(void)pointer;
	switch (command) {
	case BIO_CTRL_FLUSH:
		return 1;
	case BIO_CTRL_EOF:
		return t->link.ended && !t->link.readable;
	default:
		return 0;
	}
}

/* The kind of BIO that reads and writes a link; made once. */
static BIO_METHOD *get_link_method(void)
{
	if (link_method)
		return link_method;
	link_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "link");
	if (!link_method)
		return NULL;
	BIO_meth_set_read(link_method, bio_read);
	BIO_meth_set_write(link_method, bio_write);
	BIO_meth_set_ctrl(link_method, bio_ctrl);
	return link_method;
}

/* Put a new session of this context on the stream's link. */
static bool attach(struct tls *t, SSL_CTX *ctx, struct error *e)
{
	BIO_METHOD *method = get_link_method();
	BIO *bio = method ? BIO_new(method) : NULL;
	SSL *ssl = bio ? SSL_new(ctx) : NULL;

	if (!ssl) {
		BIO_free(bio);
		return fail(e, "unable to start TLS");
	}
	BIO_set_data(bio, t);
	BIO_set_init(bio, 1);
	SSL_set_bio(ssl, bio, bio);
	SSL_set_app_data(ssl, t);
	t->ssl = ssl;
	return true;
}

/* What both kinds of context have in common. */
static SSL_CTX *context_new(const SSL_METHOD *method)
{
	SSL_CTX *ctx = SSL_CTX_new(method);

	if (!ctx || !SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION)) {
		SSL_CTX_free(ctx);
		return NULL;
	}
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
				      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	return ctx;
}

/* --- server side --- */

/* The name in a server_name extension: one entry of type host_name. Source: RFC 6066 §3. */
static bool parse_server_name(const unsigned char *p, size_t len, char name[TLS_NAME_MAX + 1])
{
	size_t list, n;

	if (len < 5)
		return false;
	list = (size_t)p[0] << 8 | p[1];
	n = (size_t)p[3] << 8 | p[4];
	if (list != len - 2 || p[2] != TLSEXT_NAMETYPE_host_name || n != list - 3)
		return false;
	if (n == 0 || n > TLS_NAME_MAX || memchr(p + 5, 0, n))
		return false;
	for (size_t i = 0; i < n; i++)
		name[i] = ascii_lower((char)p[5 + i]);
	name[n] = '\0';
	return true;
}

/* Remember the name that the client asks for; it is the same for a resumed session. */
static int on_client_hello(SSL *ssl, int *alert, void *unused)
{
	struct tls *t = SSL_get_app_data(ssl);
	const unsigned char *extension;
	size_t len;

	(void)unused;
	(void)alert;
	if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &extension, &len))
		t->bad_name = !parse_server_name(extension, len, t->name);
	return SSL_CLIENT_HELLO_SUCCESS;
}

/* Hold the handshake until there is a certificate. */
static int on_certificate(SSL *ssl, void *context)
{
	struct tls_server *s = context;
	struct tls *t = SSL_get_app_data(ssl);

	if (!t->certificate)
		return -1;
	return SSL_use_cert_and_key(ssl, t->certificate->x509, s->key, NULL, 1);
}

/* Choose http/1.1 when it is offered; a client that offers only others goes without. */
static int on_alpn(SSL *ssl, const unsigned char **chosen, unsigned char *chosen_len, const unsigned char *offered,
		   unsigned offered_len, void *unused)
{
	/* Who offers h2 and not http/1.1 gets it, to be told there that it is not served. */
	static const unsigned char ours[] = "\x08http/1.1\x02h2";
	unsigned char *match;

	(void)ssl;
	(void)unused;
	if (SSL_select_next_proto(&match, chosen_len, ours, sizeof(ours) - 1, offered, offered_len) !=
	    OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK;
	*chosen = match;
	return SSL_TLSEXT_ERR_OK;
}

struct tls_server *tls_server_new(struct error *e)
{
	struct tls_server *s = alloc_zero(1, sizeof(*s));

	s->ctx = context_new(TLS_server_method());
	s->key = EVP_EC_gen("P-256");
	if (!s->ctx || !s->key) {
		fail(e, "unable to make a TLS server");
		tls_server_release(s);
		return NULL;
	}
	SSL_CTX_set_client_hello_cb(s->ctx, on_client_hello, NULL);
	SSL_CTX_set_cert_cb(s->ctx, on_certificate, s);
	SSL_CTX_set_alpn_select_cb(s->ctx, on_alpn, NULL);
	SSL_CTX_set_num_tickets(s->ctx, 1);
	return s;
}

void tls_server_release(struct tls_server *s)
{
	if (!s)
		return;
	SSL_CTX_free(s->ctx);
	EVP_PKEY_free(s->key);
	free(s);
}

void tls_server_key(const struct tls_server *s, struct buf *der)
{
	unsigned char *bytes = NULL;
	int len = i2d_PUBKEY(s->key, &bytes);

	if (len > 0)
		buf_add(der, bytes, (size_t)len);
	OPENSSL_free(bytes);
}

struct tls_certificate *tls_certificate_new(const struct tls_server *s, struct slice der, struct error *e)
{
	const unsigned char *at = (const unsigned char *)der.ptr;
	X509 *x509 = d2i_X509(NULL, &at, (long)der.len);
	struct tls_certificate *c;

	if (!x509 || at != (const unsigned char *)der.ptr + der.len || !X509_check_private_key(x509, s->key)) {
		X509_free(x509);
		fail(e, "unable to use a certificate");
		return NULL;
	}
	c = alloc_zero(1, sizeof(*c));
	c->x509 = x509;
	return c;
}

void tls_certificate_release(struct tls_certificate *c)
{
	if (!c)
		return;
	X509_free(c->x509);
	free(c);
}

bool tls_accept(struct tls *t, struct tls_server *s, struct error *e)
{
	if (!attach(t, s->ctx, e))
		return false;
	SSL_set_accept_state(t->ssl);
	return true;
}

void tls_use_certificate(struct tls *t, struct tls_certificate *c)
{
	t->certificate = c;
}

/* --- client side --- */

/* Has a directory names as c_rehash(1) makes them, XXXXXXXX.N? */
static bool is_hashed(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	bool found = false;

	if (!dir)
		return false;
	while (!found && (entry = readdir(dir)))
		found = strspn(entry->d_name, "0123456789abcdef") == 8 && entry->d_name[8] == '.' &&
			ascii_is_digit(entry->d_name[9]);
	closedir(dir);
	return found;
}

/* Trust what the operator named. */
static bool trust_path(SSL_CTX *ctx, const char *path, struct error *e)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return error_sys(e, "unable to read trusted certificates from '%s'", path);
	if (S_ISDIR(st.st_mode) ? SSL_CTX_load_verify_dir(ctx, path) : SSL_CTX_load_verify_file(ctx, path))
		return true;
	fail(e, "not a file of certificates");
	return error_wrap(e, "unable to read trusted certificates from '%s'", path);
}

/*
 * Trust what the system trusts. A directory is preferred: it costs memory only
 * for what is met. A system that trusts nothing is no error here; every
 * verification will be one.
 */
static void trust_system(SSL_CTX *ctx)
{
	static int hashed = -1; /* looked at once: after confinement directories cannot be listed */

	if (hashed < 0)
		hashed = is_hashed(tls_trust_paths[0]);
	if (hashed && SSL_CTX_load_verify_dir(ctx, tls_trust_paths[0]))
		return;
	for (size_t i = 0; i < COUNT_OF(trust_bundles); i++)
		if (SSL_CTX_load_verify_file(ctx, trust_bundles[i]))
			break;
	ERR_clear_error();
}

/* Trust every certificate in PEM text. */
static bool trust_text(SSL_CTX *ctx, struct slice pem, struct error *e)
{
	BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
	X509 *x;
	int count = 0;

	while (bio && (x = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
		count += X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), x);
		X509_free(x);
	}
	BIO_free(bio);
	ERR_clear_error();
	return count ? true : error_set(e, STATUS_CALLER, "there is no certificate in PEM form");
}

struct tls_client *tls_client_new(const char *path, struct slice extra, struct error *e)
{
	static const unsigned char protocols[] = "\x08http/1.1";
	struct tls_client *c = alloc_zero(1, sizeof(*c));
	bool ok = true;

	c->ctx = context_new(TLS_client_method());
	if (!c->ctx || SSL_CTX_set_alpn_protos(c->ctx, protocols, sizeof(protocols) - 1) != 0) {
		fail(e, "unable to make a TLS client");
		tls_client_release(c);
		return NULL;
	}
	SSL_CTX_set_verify(c->ctx, SSL_VERIFY_PEER, NULL);
	if (path)
		ok = trust_path(c->ctx, path, e);
	else
		trust_system(c->ctx);
	if (ok && extra.len)
		ok = trust_text(c->ctx, extra, e);
	if (ok)
		return c;
	tls_client_release(c);
	return NULL;
}

void tls_client_release(struct tls_client *c)
{
	if (!c)
		return;
	SSL_CTX_free(c->ctx);
	free(c);
}

bool tls_connect(struct tls *t, struct tls_client *c, const char *host, struct error *e)
{
	unsigned char address[sizeof(struct in6_addr)];
	bool literal = inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
	bool ok;

	if (!attach(t, c->ctx, e))
		return false;
	SSL_set_connect_state(t->ssl);
	/* A name stands in subjectAltName or nowhere, RFC 9110 §4.3.4. */
	SSL_set_hostflags(t->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
	if (literal)
		ok = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(t->ssl), host);
	else
		ok = SSL_set1_host(t->ssl, host) && SSL_set_tlsext_host_name(t->ssl, host);
	return ok ? true : fail(e, "unable to start TLS");
}

/* --- both --- */

void tls_init(struct tls *t, int fd)
{
	*t = (struct tls){ .unsent = BUF_INIT };
	link_init(&t->link, fd);
}

void tls_release(struct tls *t)
{
	if (t->ssl) {
		if (t->established && !t->link.broken)
			SSL_shutdown(t->ssl);
		SSL_free(t->ssl);
		ERR_clear_error();
	}
	t->ssl = NULL;
	buf_release(&t->unsent);
	link_release(&t->link);
}

/* Say why a handshake did not succeed: the certificate, the peer's alert, or the connection. */
static void explain(const struct tls *t, int ssl_error, struct error *e)
{
	long verdict = SSL_get_verify_result(t->ssl);

	if (!SSL_is_server(t->ssl) && verdict != X509_V_OK) {
		error_set(e, STATUS_WORLD, "%s", X509_verify_cert_error_string(verdict));
		ERR_clear_error();
	} else if (ssl_error == SSL_ERROR_SSL) {
		fail(e, "the TLS handshake failed");
	} else {
		error_set(e, STATUS_WORLD, "the connection was closed during the TLS handshake");
	}
}

enum tls_step tls_handshake(struct tls *t, struct error *e)
{
	int r, error;

	ERR_clear_error();
	r = SSL_do_handshake(t->ssl);
	if (r == 1) {
		t->established = true;
		return TLS_DONE;
	}
	error = SSL_get_error(t->ssl, r);
	switch (error) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return TLS_WAIT;
	case SSL_ERROR_WANT_X509_LOOKUP:
		return TLS_NEED_CERTIFICATE;
	default:
		explain(t, error, e);
		return TLS_FAILED;
	}
}

/* Turn what SSL_read or SSL_write returned into a link's answer. */
static ssize_t answer(struct tls *t, int r)
{
	switch (SSL_get_error(t->ssl, r)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return LINK_WAIT;
	case SSL_ERROR_ZERO_RETURN:
		return LINK_END;
	default:
		ERR_clear_error();
		t->link.broken = true;
		return LINK_ERROR;
	}
}

ssize_t tls_read(struct tls *t, void *bytes, size_t len)
{
	int n;

	if (!t->ssl)
		return link_read(&t->link, bytes, len);
	ERR_clear_error();
	n = SSL_read(t->ssl, bytes, len > INT32_MAX ? INT32_MAX : (int)len);
	return n > 0 ? n : answer(t, n);
}

ssize_t tls_write(struct tls *t, const void *bytes, size_t len)
{
	size_t done = 0;
	ssize_t result;
	int n = 1;

	if (!t->ssl)
		return link_write(&t->link, bytes, len);
	result = send_rest(t);
	if (result < 0 || len == 0)
		return result;
	if (len > GATHERED_RECORDS * TLS_RECORD_MAX)
		len = GATHERED_RECORDS * TLS_RECORD_MAX;
	ERR_clear_error();
	t->gathering = true;
	while (done < len && n > 0) {
		n = SSL_write(t->ssl, (const char *)bytes + done, (int)(len - done));
		done += n > 0 ? (size_t)n : 0;
	}
	result = n > 0 ? 0 : answer(t, n);
	t->gathering = false;
	send_gathered(t);
	return done ? (ssize_t)done : result;
}

bool tls_pending(const struct tls *t)
{
	return t->link.held.len || (t->ssl && SSL_has_pending(t->ssl));
}

void tls_finish(struct tls *t)
{
	if (t->ssl && t->established && !t->link.broken) {
		SSL_shutdown(t->ssl);
		ERR_clear_error();
	}
	link_finish(&t->link);
}
