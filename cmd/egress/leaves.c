/* Certificates for the names of this front's clients, made by the signer and kept for a while. */
#include "front.h"

#include <stdio.h>

#include "alloc.h"

struct leaf {
	char host[HOST_MAX + 3];
	struct tls_certificate *certificate; /* NULL while the signer is asked */
	bool asked;
	int64_t made, used;
};

void leaf_name(const struct client *c, char name[HOST_MAX + 3])
{
	const char *why;
	struct authority a;

	/* The name that the client asked for, even if it will get a 421: that it can read. */
	if (*c->tls.name && !c->tls.bad_name && host_parse(slice_str(c->tls.name), &a, &why))
		snprintf(name, HOST_MAX + 3, "%s", c->tls.name);
	else
		snprintf(name, HOST_MAX + 3, c->tunnel.kind == HOST_IPV6 ? "[%s]" : "%s", c->tunnel.host);
}

/* The place of a host, if it has one. */
static struct leaf *find(struct front *f, const char *host)
{
	for (size_t i = 0; i < f->n_leaves; i++)
		if (strcmp(f->leaves[i].host, host) == 0)
			return &f->leaves[i];
	return NULL;
}

/*
 * A place for a new host: a fresh one, or that of the leaf that was not used for longest. NULL when the signer is asked
 * for all.
 */
static struct leaf *claim(struct front *f)
{
	struct leaf *oldest = NULL;

	if (f->n_leaves < LEAVES_MAX) {
		f->leaves = alloc_resize(f->leaves, f->n_leaves + 1, sizeof(*f->leaves));
		oldest = &f->leaves[f->n_leaves++];
		*oldest = (struct leaf){ .asked = false };
		return oldest;
	}
	for (size_t i = 0; i < f->n_leaves; i++)
		if (!f->leaves[i].asked && (!oldest || f->leaves[i].used < oldest->used))
			oldest = &f->leaves[i];
	return oldest;
}

struct tls_certificate *leaf_get(struct front *f, const char *host)
{
	struct leaf *leaf = find(f, host);

	if (!leaf) {
		leaf = claim(f);
		if (!leaf)
			return NULL; /* the handshake's time will run out */
		tls_certificate_release(leaf->certificate);
		*leaf = (struct leaf){ .asked = false };
		snprintf(leaf->host, sizeof(leaf->host), "%s", host);
	}
	leaf->used = f->loop.now;
	if (leaf->certificate && f->loop.now - leaf->made < LEAF_AGE)
		return leaf->certificate;
	if (!leaf->asked) {
		leaf->asked = true;
		channel_put(&f->signer, MESSAGE_SIGN, (uint32_t)(leaf - f->leaves), slice_str(host));
	}
	return NULL;
}

/* Tell everyone who waits for this host. */
static void announce(struct front *f, const char *host, struct tls_certificate *certificate, const char *why)
{
	char name[HOST_MAX + 3];

	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		struct client *c = &f->clients[i];

		if (c->state != CLIENT_HANDSHAKE || !c->waits_for_leaf)
			continue;
		leaf_name(c, name);
		if (strcmp(name, host) == 0)
			client_leaf_came(f, c, certificate, why);
	}
}

void leaf_take(struct front *f, const struct message *m)
{
	AUTO_FREE char *why = NULL;
	struct error e = ERROR_INIT;
	struct leaf *leaf;

	if (m->stream >= f->n_leaves || !f->leaves[m->stream].asked)
		role_peer_broke("signer", "a certificate that nobody asked for");
	leaf = &f->leaves[m->stream];
	leaf->asked = false;
	tls_certificate_release(STEAL(leaf->certificate));
	if (m->type == MESSAGE_LEAF) {
		leaf->certificate = tls_certificate_new(f->tls, m->body, &e);
		leaf->made = f->loop.now;
		why = alloc_copy(e.text, strlen(e.text));
	} else if (m->type == MESSAGE_NO_LEAF) {
		why = alloc_copy(m->body.ptr, m->body.len);
	} else {
		role_peer_broke("signer", "an unknown message");
	}
	announce(f, leaf->host, leaf->certificate, why);
}
