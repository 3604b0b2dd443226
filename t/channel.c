/* Messages between processes: in whatever pieces they come, up to the maximum, to the end of the peer. */
#include <sys/socket.h>
#include <unistd.h>

#include "channel.h"
#include "fd.h"
#include "t/lib/tap.h"

enum { MAX = 300000 };

/* Both ends of a channel that does not wait. */
static void open_pair(struct channel *a, struct channel *b)
{
	struct error e = ERROR_INIT;
	int ends[2];

	ok(fd_socketpair(SOCK_STREAM, ends, &e) && fd_set_nonblocking(ends[0], true, &e) &&
	   fd_set_nonblocking(ends[1], true, &e),
	   "there is a channel");
	channel_init(a, ends[0], MAX);
	channel_init(b, ends[1], MAX);
}

static void test_messages(void)
{
	AUTO_BUF large = BUF_INIT;
	struct channel a, b;
	struct message m;
	unsigned rounds = 0;

	open_pair(&a, &b);
	ok(channel_fill(&b) == CHANNEL_WAIT && channel_next(&b, &m) == CHANNEL_WAIT,
	   "nothing is there before something is sent");
	for (size_t i = 0; i < MAX; i++)
		buf_add_char(&large, (char)i);
	channel_put(&a, 7, 1, SLICE("first"));
	buf_add_str(channel_open(&a, 8, 2), "sec");
	buf_add_str(&a.out, "ond");
	channel_close(&a);
	channel_put(&a, 9, 3, SLICE(""));
	channel_put(&a, 10, 4, buf_slice(&large));
	ok(channel_flush(&a) == CHANNEL_WAIT && channel_queued(&a) > 0, "the kernel does not take all at once");
	ok(channel_fill(&b) == CHANNEL_DONE, "a part arrives");
	ok(channel_next(&b, &m) == CHANNEL_DONE && m.type == 7 && m.stream == 1 && slice_eq(m.body, SLICE("first")),
	   "the first message is whole");
	ok(channel_next(&b, &m) == CHANNEL_DONE && m.type == 8 && slice_eq(m.body, SLICE("second")),
	   "and one that was written in parts");
	ok(channel_next(&b, &m) == CHANNEL_DONE && m.type == 9 && m.body.len == 0, "and one without a body");
	while (channel_next(&b, &m) == CHANNEL_WAIT && rounds++ < 100) {
		channel_flush(&a);
		channel_fill(&b);
	}
	ok(m.type == 10 && slice_eq(m.body, buf_slice(&large)), "one of the maximum comes in pieces, and is whole");
	ok(channel_queued(&a) == 0 && channel_next(&b, &m) == CHANNEL_WAIT, "that was all");
	ok(a.out.cap == 0 && b.in.cap == 0, "what was large is given back");
	channel_release(&a);
	ok(channel_fill(&b) == CHANNEL_CLOSED, "the end of the peer is seen");
	channel_put(&b, 1, 1, SLICE("x"));
	ok(channel_flush(&b) == CHANNEL_CLOSED, "and nothing can be sent to it");
	channel_release(&b);
}

static void test_limit(void)
{
	const uint32_t header[] = { MAX + 1, 7, 1 };
	struct channel a, b;
	struct message m;

	open_pair(&a, &b);
	buf_add(&a.out, header, sizeof(header));
	ok(channel_flush(&a) == CHANNEL_DONE && channel_fill(&b) == CHANNEL_DONE && channel_next(&b, &m) == CHANNEL_BAD,
	   "one byte more than the maximum is refused before it comes");
	channel_release(&a);
	channel_release(&b);
	ok(channel_fill(&b) == CHANNEL_CLOSED, "a descriptor that is none has nothing");
	channel_release(&b);
}

int main(void)
{
	test_messages();
	test_limit();
	return tap_done();
}
