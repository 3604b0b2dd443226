#include "network-linux.h"

#include <unistd.h>

#include "file.h"

#define PROC_NET_MAX (4u << 20) /* bytes of one table: far more than a fresh bottle has */

/* Read a table of /proc/net; an unreadable one leaves the check unknown. A kernel without IPv6 has no tables of it. */
static bool read_table(const char *path, enum check check, struct buf *text, struct verdict *v)
{
	struct error e = ERROR_INIT;

	if (file_read(path, PROC_NET_MAX, text, &e))
		return true;
	if (strchr(path, '6') && access(path, F_OK) != 0 && access("/proc/net/dev", F_OK) == 0) {
		verdict_set(v, check, RESULT_HELD, "there is no IPv6");
		return false;
	}
	verdict_set(v, check, RESULT_UNKNOWN, "%s", e.text);
	return false;
}

/* The next field of a line, separated by white space. */
static struct slice next_field(struct slice *line)
{
	while (line->len && (*line->ptr == ' ' || *line->ptr == '\t'))
		*line = slice_sub(*line, 1, line->len);
	return slice_cut(line, ' ');
}

/* Field number n (from 0) of a line. */
static struct slice field(struct slice line, int n)
{
	struct slice f = next_field(&line);

	while (n-- > 0)
		f = next_field(&line);
	return f;
}

/* Every interface is lo. /proc/net/dev: two lines of heading, then "  name: counters". */
static void judge_interfaces(struct verdict *v)
{
	AUTO_BUF text = BUF_INIT;
	struct slice rest;

	if (!read_table("/proc/net/dev", CHECK_INTERFACES, &text, v))
		return;
	rest = buf_slice(&text);
	slice_cut(&rest, '\n');
	slice_cut(&rest, '\n');
	while (rest.len) {
		struct slice line = slice_cut(&rest, '\n');
		struct slice name = slice_trim(slice_cut(&line, ':'), " ");

		verdict_judge(v, CHECK_INTERFACES, !slice_eq(name, SLICE("lo")), "interface %.*s", SLICE_ARG(name));
	}
}

/* Every route is over lo: the interface is the first field for IPv4, the last one for IPv6. */
static void judge_routes(const char *path, bool last, struct verdict *v)
{
	AUTO_BUF text = BUF_INIT;
	struct slice rest;

	if (!read_table(path, CHECK_INTERFACES, &text, v))
		return;
	rest = buf_slice(&text);
	while (rest.len) {
		struct slice line = slice_trim(slice_cut(&rest, '\n'), " ");
		struct slice name = slice_trim(last ? field(line, 9) : slice_cut(&line, '\t'), " ");

		verdict_judge(v, CHECK_INTERFACES,
			      name.len && !slice_eq(name, SLICE("Iface")) && !slice_eq(name, SLICE("lo")),
			      "a route over %.*s", SLICE_ARG(name));
	}
}

/* Number of a port in a hexadecimal "ADDRESS:PORT". */
static int port_of(struct slice endpoint)
{
	int port = 0;

	slice_cut(&endpoint, ':');
	for (size_t i = 0; i < endpoint.len; i++)
		port = port * 16 + ascii_hex(endpoint.ptr[i]);
	return port;
}

/* No TCP socket of IPv6 is in this network namespace, by the count that the kernel keeps: "TCP6: inuse 0". */
static bool has_no_tcp6(void)
{
	AUTO_BUF text = BUF_INIT;
	struct error e = ERROR_INIT;

	return file_read("/proc/net/sockstat6", PROC_NET_MAX, &text, &e) &&
	       slice_starts(buf_slice(&text), SLICE("TCP6: inuse 0\n"));
}

/* Every listener is a service of the bottle. A listening TCP socket has state 0A, an unconnected UDP one 07. */
static void judge_listeners(const struct probe *p, const char *path, struct slice state, struct verdict *v)
{
	AUTO_BUF text = BUF_INIT;
	struct slice rest;

	if (!read_table(path, CHECK_NEIGHBOURS, &text, v))
		return;
	rest = buf_slice(&text);
	slice_cut(&rest, '\n');
	while (rest.len) {
		struct slice line = slice_cut(&rest, '\n');
		int port = port_of(field(line, 1));

		if (slice_eq(field(line, 3), state))
			verdict_judge(v, CHECK_NEIGHBOURS, !probe_has_service(p, port),
				      "%s shows a listener on port %d", path, port);
	}
}

/* No Unix socket of this network namespace has a name, but for those that the probe lists: "… state inode path". */
static void judge_unix(const struct probe *p, struct verdict *v)
{
	const struct doc *known = doc_get(p->document, "abstract");
	AUTO_BUF text = BUF_INIT;
	struct slice rest;

	if (!read_table("/proc/net/unix", CHECK_NEIGHBOURS, &text, v))
		return;
	rest = buf_slice(&text);
	slice_cut(&rest, '\n');
	while (rest.len) {
		struct slice name = field(slice_cut(&rest, '\n'), 7);
		bool expected = name.len == 0;

		for (size_t i = 0; i < doc_count(known); i++)
			expected |= name.len && slice_eq(slice_sub(name, 1, name.len), doc_str(doc_at(known, i)));
		verdict_judge(v, CHECK_NEIGHBOURS, !expected, "the socket %.*s is in this network namespace",
			      SLICE_ARG(name));
	}
}

void neighbours_prove(const struct probe *p, struct verdict *v)
{
	verdict_clear(v, CHECK_NEIGHBOURS);
	judge_interfaces(v);
	judge_routes("/proc/net/route", false, v);
	judge_routes("/proc/net/ipv6_route", true, v);
	judge_listeners(p, "/proc/net/tcp", SLICE("0A"), v);
	if (!has_no_tcp6()) /* for each table of TCP the kernel walks all connections of the machine: milliseconds */
		judge_listeners(p, "/proc/net/tcp6", SLICE("0A"), v);
	judge_listeners(p, "/proc/net/udp", SLICE("07"), v);
	judge_listeners(p, "/proc/net/udp6", SLICE("07"), v);
	judge_unix(p, v);
}
