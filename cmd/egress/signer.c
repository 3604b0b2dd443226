/*
 * The signer: the one process that holds the CA's key. It knows one verb: make a
 * leaf for a well-formed host name and the key that the front gave at its start,
 * at a bounded rate. It has no network and no files.
 */
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ca.h"
#include "fd.h"
#include "limits.h"
#include "loop.h"
#include "message.h"
#include "program.h"
#include "role.h"
#include "target.h"

enum ref { REF_CONTROL, REF_FRONT };

/* One front: its channel, its key, how many certificates it may still have. */
struct client {
	struct channel channel;
	struct leaf_key *key;
	int64_t tokens;     /* certificates that may be made now */
	int64_t counted_at; /* when tokens was last right */
};

struct signer {
	struct loop loop;
	struct channel control;
	struct ca *ca;
	struct client clients[WORKERS_MAX];
	size_t n_clients;
};

/* Read the store, or make a CA and write it there. */
static struct ca *open_ca(int store, struct error *e)
{
	struct buf text = BUF_INIT;
	struct ca *ca = NULL;

	buf_reserve(&text, STORE_MAX);
	if (lseek(store, 0, SEEK_SET) < 0) {
		error_sys(e, "unable to read the store of the certificate authority");
	} else if (fd_read_all(store, STORE_MAX, "the store of the certificate authority", &text, e)) {
		if (text.len) {
			ca = ca_load(buf_slice(&text), e);
		} else if ((ca = ca_make(e))) {
			ca_store(ca, &text);
			if (!fd_write_all(store, buf_slice(&text), "the store of the certificate authority", e)) {
				ca_release(ca);
				ca = NULL;
			}
		}
	}
	buf_wipe(&text);
	return ca;
}

/* Take one from the front's bucket; false when it is empty. */
static bool take_token(struct client *c, int64_t now)
{
	int64_t gained = (now - c->counted_at) / SIGN_EVERY;

	c->counted_at += gained * SIGN_EVERY;
	c->tokens += gained;
	if (c->tokens > SIGN_BURST)
		c->tokens = SIGN_BURST;
	if (c->tokens == 0)
		return false;
	c->tokens--;
	return true;
}

/* Answer one request for a certificate. */
static void sign(struct signer *s, struct client *c, const struct message *m)
{
	AUTO_BUF der = BUF_INIT;
	struct error e = ERROR_INIT;
	struct authority host;
	const char *why;

	if (!host_parse(m->body, &host, &why))
		channel_put(&c->channel, MESSAGE_NO_LEAF, m->stream, slice_str(why));
	else if (!take_token(c, s->loop.now))
		channel_put(&c->channel, MESSAGE_NO_LEAF, m->stream,
			    SLICE("too many new hosts at once; try again in a moment"));
	else if (!ca_sign(s->ca, c->key, host.host, &der, &e))
		channel_put(&c->channel, MESSAGE_NO_LEAF, m->stream, slice_str(e.text));
	else
		channel_put(&c->channel, MESSAGE_LEAF, m->stream, buf_slice(&der));
}

/* Serve what a front has sent. */
static void serve(struct signer *s, struct client *c)
{
	enum channel_result r = channel_fill(&c->channel);
	struct error e = ERROR_INIT;
	struct message m;

	if (r == CHANNEL_CLOSED)
		role_peer_gone();
	while ((r = channel_next(&c->channel, &m)) == CHANNEL_DONE) {
		if (m.type == MESSAGE_KEY && !c->key) {
			c->key = leaf_key_new(m.body, &e);
			if (!c->key)
				role_peer_broke("front", e.text);
		} else if (m.type == MESSAGE_SIGN && c->key) {
			sign(s, c, &m);
		} else {
			role_peer_broke("front", "an unknown message");
		}
	}
	if (r == CHANNEL_BAD)
		role_peer_broke("front", "a message that is too large");
	role_send(&c->channel);
}

/* Everything that needs power: the store, the loop. */
static bool prepare(struct signer *s, struct role_options *o, struct error *e)
{
	if (!loop_init(&s->loop, e))
		return false;
	s->ca = open_ca(o->store, e);
	if (!s->ca)
		return false;
	fd_close(&o->store);
	channel_init(&s->control, o->control, 0);
	if (!loop_add(&s->loop, o->control, LOOP_READ, (struct loop_ref){ REF_CONTROL, 0, 0 }, e))
		return false;
	s->n_clients = o->n_peers;
	for (size_t i = 0; i < o->n_peers; i++) {
		s->clients[i].tokens = SIGN_BURST;
		s->clients[i].counted_at = s->loop.now;
		channel_init(&s->clients[i].channel, o->peers[i], HOST_MAX + 512);
		if (!loop_add(&s->loop, o->peers[i], LOOP_READ, (struct loop_ref){ REF_FRONT, 0, (uint32_t)i }, e))
			return false;
	}
	return true;
}

static bool confine_signer(struct error *e)
{
	static const struct confine_call *const calls[] = { loop_calls, channel_calls, role_calls, NULL };
	static const struct confinement c = {
		.role = "signer",
		.tied = true,
		.uid = UID_SIGNER,
		.descriptors = 64,
		.calls = calls,
	};

	return confine(&c, e);
}

/* Tell main that leaves can be had, and give it the certificate to hand out. */
static void report(struct signer *s)
{
	AUTO_BUF pem = BUF_INIT;

	ca_certificate(s->ca, &pem);
	channel_put(&s->control, MESSAGE_READY, 0, buf_slice(&pem));
	role_send(&s->control);
}

int signer_main(int argc, char **argv)
{
	static struct signer s;
	struct loop_event events[LOOP_EVENTS_MAX];
	struct role_options o;
	struct error e = ERROR_INIT;
	int n;

	role_start("signer", argc, argv, &o);
	if (!prepare(&s, &o, &e) || !confine_signer(&e))
		return program_fail(&e);
	report(&s);
	while ((n = loop_wait(&s.loop, -1, events, &e)) >= 0) {
		for (int i = 0; i < n; i++) {
			if (events[i].ref.type == REF_CONTROL) /* main says nothing to the signer: it is gone */
				role_peer_gone();
			serve(&s, &s.clients[events[i].ref.index]);
		}
	}
	return program_fail(&e);
}
