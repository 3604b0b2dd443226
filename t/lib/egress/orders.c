#include "orders.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "cmd/egress/role.h"

enum { ORDERS_MAX = 1 << 20 };

struct orders {
	volatile int32_t number;
	char line[ORDERS_MAX];
};

static const struct orders *orders;

__attribute__((constructor)) static void map_orders(void)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - sizeof(".orders"));
	void *at;
	int fd;

	if (n < 0)
		abort();
	memcpy(path + n, ".orders", sizeof(".orders"));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	at = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(struct orders), PROT_READ, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		abort();
	close(fd);
	orders = at;
}

/* Make a system call by its name; most do not return. */
static long make_call(int listener, const char *name, const char *arg)
{
	static char *const argv[] = { NULL, NULL };
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)strtol(arg, NULL, 10)) };
	char bytes[16];
	struct iovec io = { bytes, sizeof(bytes) };
	int pair[2];

	if (strcmp(name, "open") == 0)
		return open(arg, O_RDONLY);
	if (strcmp(name, "create") == 0)
		return open(arg, O_CREAT | O_WRONLY, 0600);
	if (strcmp(name, "exec") == 0)
		return execve(arg, argv, argv);
	if (strcmp(name, "fork") == 0)
		return syscall(__NR_clone, SIGCHLD, 0, 0, 0, 0);
	if (strcmp(name, "kill") == 0)
		return kill((int)strtol(arg, NULL, 10), SIGKILL);
	if (strcmp(name, "ptrace") == 0)
		return ptrace(PTRACE_SEIZE, (int)strtol(arg, NULL, 10), 0, 0);
	if (strcmp(name, "read-memory") == 0)
		return process_vm_readv((int)strtol(arg, NULL, 10), &io, 1, &io, 1, 0);
	if (strcmp(name, "take-descriptor") == 0)
		return syscall(__NR_pidfd_open, (int)strtol(arg, NULL, 10), 0);
	if (strcmp(name, "socket") == 0)
		return socket(AF_INET, SOCK_STREAM, 0);
	if (strcmp(name, "listen") == 0)
		return listen(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), 1);
	if (strcmp(name, "raw") == 0)
		return socket(AF_INET, SOCK_RAW, 1);
	if (strcmp(name, "netlink") == 0)
		return socket(AF_NETLINK, SOCK_RAW, 0);
	if (strcmp(name, "pair") == 0)
		return socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
	if (strcmp(name, "connect") == 0) { /* a listener is a socket, too */
		to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		return connect(listener, (struct sockaddr *)&to, sizeof(to));
	}
	if (strcmp(name, "bpf") == 0)
		return syscall(__NR_bpf, 0, NULL, 0);
	if (strcmp(name, "io_uring") == 0)
		return syscall(__NR_io_uring_setup, 1, NULL);
	if (strcmp(name, "unshare") == 0)
		return syscall(__NR_unshare, 0x10000000);
	if (strcmp(name, "memfd") == 0)
		return syscall(__NR_memfd_create, "x", 0);
	if (strcmp(name, "getpid") == 0) /* one that is allowed: the test sees that results arrive */
		return syscall(__NR_getpid);
	return -2;
}

/* Say it where the test looks. */
static void say(const struct buf *text)
{
	if (write(STDERR_FILENO, text->ptr, text->len) < 0)
		_exit(1);
}

/* Take what a hexadecimal digit stands for. */
static unsigned digit(char c)
{
	return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a' + 10);
}

/* Write bytes to a channel as they are, so many times. */
static void send_raw(struct channel *c, unsigned times, const char *hex)
{
	AUTO_BUF bytes = BUF_INIT;

	for (; hex[0] && hex[1]; hex += 2)
		buf_add_char(&bytes, (char)(digit(hex[0]) << 4 | digit(hex[1])));
	while (times--) {
		buf_add_slice(&c->out, buf_slice(&bytes));
		role_send(c);
	}
}

/* Carry out one order. */
static void obey(const struct peer *peers, size_t n, int listener, const char *line)
{
	AUTO_BUF text = BUF_INIT;
	char verb[16] = "", object[32] = "";
	unsigned times = 1;
	int at = 0;

	sscanf(line, "%15s %31s %n", verb, object, &at);
	if (strcmp(verb, "repeat") == 0) {
		times = (unsigned)strtoul(object, NULL, 10);
		line += at;
		sscanf(line, "%15s %31s %n", verb, object, &at);
	}
	for (size_t i = 0; i < n; i++)
		if (strcmp(verb, "send") == 0 && strcmp(object, peers[i].name) == 0)
			send_raw(peers[i].channel, times, line + at);
	if (strcmp(verb, "call") != 0)
		return;
	buf_add_format(&text, "call %s %ld\n", object, make_call(listener, object, line + at));
	say(&text);
}

/* Say that an order was carried out. */
static void report(int32_t number)
{
	AUTO_BUF text = BUF_INIT;

	buf_add_format(&text, "done %d\n", number);
	say(&text);
}

/* Tell every message that a peer has sent. False when it is closed. */
static bool tell(const struct peer *peer)
{
	struct message m;

	if (channel_fill(peer->channel) == CHANNEL_CLOSED)
		return false;
	while (channel_next(peer->channel, &m) == CHANNEL_DONE) {
		AUTO_BUF text = BUF_INIT;

		buf_add_format(&text, "%s %u %u ", peer->name, m.type, m.stream);
		for (size_t i = 0; i < m.body.len; i++)
			buf_add_format(&text, "%02x", (unsigned char)m.body.ptr[i]);
		buf_add_char(&text, '\n');
		say(&text);
	}
	return true;
}

void orders_obey(const struct peer *peers, size_t n, int listener)
{
	struct pollfd p[PEERS_MAX];
	int32_t done = 0;

	for (;;) {
		for (size_t i = 0; i < n; i++)
			p[i] = (struct pollfd){ .fd = peers[i].channel->fd, .events = POLLIN };
		poll(p, n, 5);
		for (size_t i = 0; i < n; i++)
			if (p[i].revents && !tell(&peers[i]))
				role_peer_gone();
		if (orders->number == done)
			continue;
		done = orders->number;
		obey(peers, n, listener, orders->line);
		report(done);
	}
}
