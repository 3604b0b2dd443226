/*
 * A connection that may be secured: TLS 1.2 and 1.3 over a link, both sides.
 *
 * A stream starts in the clear; tls_accept or tls_connect secures it, after
 * which tls_handshake is called again whenever the link is ready until it is
 * done, and tls_read and tls_write carry the plain text. All of them work
 * without waiting and return LINK_WAIT when the link has to become ready first.
 *
 * The server side answers for any name: its certificates come from outside
 * (TLS_NEED_CERTIFICATE while the handshake is held), all for the one key pair
 * that the server made. The client side verifies the peer's name and chain, or
 * fails; there is no way to have it not verify.
 *
 * Buffers of idle connections are given back. An end of stream without the
 * peer's close_notify is an error (truncation), never an end.
 *
 * The only file that includes OpenSSL's SSL interface. Nothing blocks but reading
 * trusted certificates when a context is made, or, from a directory of hashed
 * names, when a chain is verified: its path must be readable after confinement
 * (tls_trust_calls). Sources: RFC 8446, RFC 5246, RFC 6066 §3, RFC 7301, RFC 9525.
 */
#ifndef BB_TLS_H
#define BB_TLS_H

#include "error.h"
#include "link.h"

#define TLS_NAME_MAX 255   /* bytes of a host name, RFC 1035 §2.3.4 */
#define TLS_RECORD_MAX 16384 /* bytes of plain text in one record, RFC 8446 §5.1 */

struct tls_server;
struct tls_client;
struct tls_certificate;

struct tls {
	struct link link;
	void *ssl;                          /* NULL: in the clear */
	struct tls_certificate *certificate; /* of the server side, not owned */
	char name[TLS_NAME_MAX + 1];        /* server side: the name the client asked for, "" if none */
	bool bad_name;                      /* the client's name was not a name */
	bool established;
	bool gathering;                     /* records are put together and sent at once */
	struct buf unsent;                  /* records that the kernel did not take yet */
	size_t unsent_at;
};

enum tls_step { TLS_DONE, TLS_WAIT, TLS_NEED_CERTIFICATE, TLS_FAILED };

/* A stream over a connected non-blocking socket, which it owns. */
void tls_init(struct tls *t, int fd);
/* Close; with an established session the peer is told (close_notify) as far as that goes without waiting. */
void tls_release(struct tls *t);

/* --- server side --- */

/* Make a key pair and a context. ALPN: http/1.1 where the client offers it, else h2 if that is offered. */
struct tls_server *tls_server_new(struct error *e);
void tls_server_release(struct tls_server *s);
/* Append the public key in DER (SubjectPublicKeyInfo). */
void tls_server_key(const struct tls_server *s, struct buf *der);

/* A certificate in DER for the server's key; NULL with an error when it is for another. */
struct tls_certificate *tls_certificate_new(const struct tls_server *s, struct slice der, struct error *e);
void tls_certificate_release(struct tls_certificate *c);

bool tls_accept(struct tls *t, struct tls_server *s, struct error *e);
/* Give the held handshake its certificate, which must outlive it. */
void tls_use_certificate(struct tls *t, struct tls_certificate *c);

/* --- client side --- */

/*
 * Trust what is at path (a PEM file, or a directory of hashed names that is read
 * as needed; NULL: the system's) and the certificates in extra (PEM, may be empty).
 * The first call with NULL must come before confinement; it lists a directory.
 */
struct tls_client *tls_client_new(const char *path, struct slice extra, struct error *e);
void tls_client_release(struct tls_client *c);

/* Places where a system keeps what it trusts; for tls_client_new and for confinement. Ends with NULL. */
extern const char *const tls_trust_paths[];

/* Secure the stream to host (a DNS name, or an IP address without brackets), which the peer has to prove to be. */
bool tls_connect(struct tls *t, struct tls_client *c, const char *host, struct error *e);

/* --- both --- */

/* Go on with the handshake. On TLS_FAILED, e says why. */
enum tls_step tls_handshake(struct tls *t, struct error *e);

/*
 * Like link_read and link_write. A write may take a part; the next may begin with
 * other memory but must continue the bytes. What was taken may still be in here
 * (tls_unsent): write again, if only nothing, until it is not.
 */
ssize_t tls_read(struct tls *t, void *bytes, size_t len);
ssize_t tls_write(struct tls *t, const void *bytes, size_t len);

/* Are there bytes that tls_write took and the kernel did not? */
static inline bool tls_unsent(const struct tls *t)
{
	return t->unsent.len != 0;
}

/* Plain text or bytes are waiting in memory, for which no event will come. */
bool tls_pending(const struct tls *t);

/* Say that no more will be written. */
void tls_finish(struct tls *t);

/* What verification from a directory needs beside link_calls. */
extern const struct confine_call tls_trust_calls[];

#endif
