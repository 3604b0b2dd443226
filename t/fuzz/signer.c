/*
 * Any bytes of a front to the signer: it ends by its word or answers, and never signs
 * what is not a well-formed name that it was asked for, nor anything but a leaf.
 */
#include <openssl/x509v3.h>

#include "cmd/egress/role.h"

int orderly_signer_main(int argc, char **argv);
#define signer_main orderly_signer_main
#include "cmd/egress/signer.c"
#undef signer_main

#include "t/fuzz/role.h"
#include "tls.h"

static struct signer s;
static int front;

/* A new channel; the CA stays. */
static void open_channel(void)
{
	struct error e = ERROR_INIT;
	int ends[2];

	MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
	MUST(fd_set_nonblocking(ends[1], true, &e));
	channel_init(&s.clients[0].channel, ends[1], HOST_MAX + 512);
	front = ends[0];
}

static void start(void)
{
	struct error e = ERROR_INIT;

	MUST(loop_init(&s.loop, &e) && (s.ca = ca_make(&e)));
	s.n_clients = 1;
}

/* The key that fronts have, as the first message. */
static void put_key(struct channel *c)
{
	static struct buf der = BUF_INIT;
	static struct tls_server *t;
	struct error e = ERROR_INIT;

	if (!t) {
		MUST((t = tls_server_new(&e)) != NULL);
		tls_server_key(t, &der);
	}
	channel_put(c, MESSAGE_KEY, 0, buf_slice(&der));
}

/* A certificate has to be a leaf for the name that was asked for, in an ordinary spelling. */
static void check_leaf(struct slice der, struct slice host)
{
	const unsigned char *at = (const unsigned char *)der.ptr;
	X509 *x = d2i_X509(NULL, &at, (long)der.len);
	AUTO_FREE char *name = alloc_copy(host.ptr, host.len);

	MUST(x && at == (const unsigned char *)der.ptr + der.len && der.len <= LEAF_MAX);
	MUST(strlen(name) == host.len && !strchr(name, '*') && X509_check_ca(x) == 0);
	MUST(X509_check_ip_asc(x, name, 0) == 1 ||
	     X509_check_host(x, name, host.len, X509_CHECK_FLAG_NO_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT,
			     NULL) == 1 ||
	     host.ptr[0] == '[');
	X509_free(x);
}

/* Read what the signer has said to what it was asked. */
static void check_answers(struct slice asked)
{
	struct channel answers, questions;
	struct message a, q;

	channel_init(&answers, front, LEAF_MAX);
	channel_init(&questions, -1, HOST_MAX + 512);
	buf_add_slice(&questions.in, asked);
	role_drain(front, &answers.in);
	while (channel_next(&answers, &a) == CHANNEL_DONE) {
		do
			MUST(channel_next(&questions, &q) == CHANNEL_DONE);
		while (q.type != MESSAGE_SIGN);
		MUST(a.stream == q.stream && (a.type == MESSAGE_LEAF || a.type == MESSAGE_NO_LEAF));
		if (a.type == MESSAGE_LEAF)
			check_leaf(a.body, q.body);
	}
	MUST(answers.in_at == answers.in.len);
	channel_release(&answers);
	channel_release(&questions);
}

/* Have it all read by the signer. */
static void *take(void *input)
{
	struct slice bytes = *(struct slice *)input;

	while (bytes.len) {
		ssize_t n = send(front, bytes.ptr, bytes.len < 4096 ? bytes.len : 4096, 0);

		MUST(n > 0);
		bytes = slice_sub(bytes, (size_t)n, bytes.len);
		serve(&s, &s.clients[0]);
	}
	return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_BUF all = BUF_INIT;
	struct channel key = { .out = BUF_INIT };
	struct slice input;

	if (size > 16 << 10)
		return 0;
	if (!s.ca)
		start();
	open_channel();
	s.clients[0].tokens = 3;
	s.clients[0].counted_at = s.loop.now = loop_clock();
	if (size && data[0] != 0xff) { /* else it has to bring its own */
		put_key(&key);
		buf_add_slice(&all, buf_slice(&key.out));
	}
	if (size)
		buf_add(&all, data + 1, size - 1);
	input = buf_slice(&all);
	role_run(take, &input);
	check_answers(buf_slice(&all));
	leaf_key_release(STEAL(s.clients[0].key));
	channel_release(&s.clients[0].channel);
	buf_release(&key.out);
	return 0;
}
