/* Which addresses are the public Internet's: every registry row, its edges, and what IPv6 can carry. */
#include <arpa/inet.h>

#include "address.h"
#include "alloc.h"
#include "t/lib/tap.h"

/* Judge an address written as text. */
static struct address_verdict judge(const char *text)
{
	struct in_addr v4;
	struct in6_addr v6;

	if (inet_pton(AF_INET, text, &v4) == 1)
		return address_judge_v4(v4);
	if (inet_pton(AF_INET6, text, &v6) != 1)
		ok(false, "'%s' is an address", text);
	return address_judge_v6(&v6);
}

static void test_ranges(void)
{
	static const struct {
		const char *text;
		enum address_class class;
		const char *range;
	} cases[] = {
		{ "8.8.8.8", ADDRESS_PUBLIC, "public" },
		{ "1.0.0.0", ADDRESS_PUBLIC, "public" },
		{ "0.0.0.0", ADDRESS_FORBIDDEN, "unspecified" },
		{ "0.255.255.255", ADDRESS_FORBIDDEN, "this network" },
		{ "9.255.255.255", ADDRESS_PUBLIC, "public" },
		{ "10.0.0.0", ADDRESS_PRIVATE, "private" },
		{ "10.255.255.255", ADDRESS_PRIVATE, "private" },
		{ "11.0.0.0", ADDRESS_PUBLIC, "public" },
		{ "100.63.255.255", ADDRESS_PUBLIC, "public" },
		{ "100.64.0.0", ADDRESS_PRIVATE, "carrier-grade NAT" },
		{ "100.127.255.255", ADDRESS_PRIVATE, "carrier-grade NAT" },
		{ "100.128.0.0", ADDRESS_PUBLIC, "public" },
		{ "100.100.100.200", ADDRESS_METADATA, "metadata" },
		{ "126.255.255.255", ADDRESS_PUBLIC, "public" },
		{ "127.0.0.1", ADDRESS_PRIVATE, "loopback" },
		{ "127.255.255.255", ADDRESS_PRIVATE, "loopback" },
		{ "128.0.0.0", ADDRESS_PUBLIC, "public" },
		{ "169.253.255.255", ADDRESS_PUBLIC, "public" },
		{ "169.254.0.0", ADDRESS_PRIVATE, "link-local" },
		{ "169.254.169.254", ADDRESS_METADATA, "metadata" },
		{ "169.254.170.2", ADDRESS_METADATA, "metadata" },
		{ "169.254.170.23", ADDRESS_METADATA, "metadata" },
		{ "169.255.0.0", ADDRESS_PUBLIC, "public" },
		{ "168.63.129.16", ADDRESS_METADATA, "metadata" },
		{ "172.15.255.255", ADDRESS_PUBLIC, "public" },
		{ "172.16.0.0", ADDRESS_PRIVATE, "private" },
		{ "172.31.255.255", ADDRESS_PRIVATE, "private" },
		{ "172.32.0.0", ADDRESS_PUBLIC, "public" },
		{ "192.0.0.1", ADDRESS_FORBIDDEN, "protocol assignments" },
		{ "192.0.0.192", ADDRESS_METADATA, "metadata" },
		{ "192.0.1.0", ADDRESS_PUBLIC, "public" },
		{ "192.0.2.1", ADDRESS_FORBIDDEN, "documentation" },
		{ "192.88.99.1", ADDRESS_FORBIDDEN, "6to4 relay" },
		{ "192.167.255.255", ADDRESS_PUBLIC, "public" },
		{ "192.168.0.0", ADDRESS_PRIVATE, "private" },
		{ "192.169.0.0", ADDRESS_PUBLIC, "public" },
		{ "198.17.255.255", ADDRESS_PUBLIC, "public" },
		{ "198.18.0.0", ADDRESS_PRIVATE, "benchmarking" },
		{ "198.19.255.255", ADDRESS_PRIVATE, "benchmarking" },
		{ "198.51.100.1", ADDRESS_FORBIDDEN, "documentation" },
		{ "203.0.113.1", ADDRESS_FORBIDDEN, "documentation" },
		{ "223.255.255.255", ADDRESS_PUBLIC, "public" },
		{ "224.0.0.0", ADDRESS_FORBIDDEN, "multicast" },
		{ "239.255.255.255", ADDRESS_FORBIDDEN, "multicast" },
		{ "240.0.0.0", ADDRESS_FORBIDDEN, "reserved" },
		{ "255.255.255.254", ADDRESS_FORBIDDEN, "reserved" },
		{ "255.255.255.255", ADDRESS_FORBIDDEN, "broadcast" },

		{ "2606:4700::1111", ADDRESS_PUBLIC, "public" },
		{ "2000::", ADDRESS_PUBLIC, "public" },
		{ "3fff:ffff::", ADDRESS_PUBLIC, "public" },
		{ "4000::", ADDRESS_FORBIDDEN, "reserved" },
		{ "1fff::1", ADDRESS_FORBIDDEN, "reserved" },
		{ "::", ADDRESS_FORBIDDEN, "unspecified" },
		{ "::1", ADDRESS_PRIVATE, "loopback" },
		{ "::2", ADDRESS_FORBIDDEN, "IPv4-compatible" },
		{ "::127.0.0.1", ADDRESS_FORBIDDEN, "IPv4-compatible" },
		{ "::8.8.8.8", ADDRESS_FORBIDDEN, "IPv4-compatible" },
		{ "::169.254.169.254", ADDRESS_METADATA, "metadata" },
		{ "::ffff:8.8.8.8", ADDRESS_PUBLIC, "public" },
		{ "::ffff:127.0.0.1", ADDRESS_PRIVATE, "loopback" },
		{ "::ffff:169.254.169.254", ADDRESS_METADATA, "metadata" },
		{ "::ffff:224.0.0.1", ADDRESS_FORBIDDEN, "multicast" },
		{ "::ffff:0:8.8.8.8", ADDRESS_FORBIDDEN, "IPv4-translated" },
		{ "64:ff9b::8.8.8.8", ADDRESS_PUBLIC, "public" },
		{ "64:ff9b::10.0.0.1", ADDRESS_PRIVATE, "private" },
		{ "64:ff9b::169.254.169.254", ADDRESS_METADATA, "metadata" },
		{ "64:ff9b:1::8.8.8.8", ADDRESS_PRIVATE, "local-use NAT64" },
		{ "64:ff9b:1::169.254.169.254", ADDRESS_METADATA, "metadata" },
		{ "64:ff9b:1::224.0.0.1", ADDRESS_FORBIDDEN, "multicast" },
		{ "64:ff9b:2::1", ADDRESS_FORBIDDEN, "reserved" },
		{ "100::1", ADDRESS_FORBIDDEN, "discard-only" },
		{ "100:0:0:1::", ADDRESS_FORBIDDEN, "reserved" },
		{ "2001::1", ADDRESS_FORBIDDEN, "Teredo" },
		{ "2001:0:1::5601:5601", ADDRESS_METADATA, "metadata" }, /* 169.254.169.254, flipped */
		{ "2001:2::1", ADDRESS_PRIVATE, "benchmarking" },
		{ "2001:20::1", ADDRESS_FORBIDDEN, "protocol assignments" },
		{ "2001:1ff:ffff::", ADDRESS_FORBIDDEN, "protocol assignments" },
		{ "2001:200::1", ADDRESS_PUBLIC, "public" },
		{ "2001:db8::1", ADDRESS_FORBIDDEN, "documentation" },
		{ "3fff::1", ADDRESS_FORBIDDEN, "documentation" },
		{ "3fff:0fff::1", ADDRESS_FORBIDDEN, "documentation" },
		{ "3fff:1000::1", ADDRESS_PUBLIC, "public" },
		{ "2002:808:808::1", ADDRESS_FORBIDDEN, "6to4" },
		{ "2002:a9fe:a9fe::1", ADDRESS_METADATA, "metadata" },
		{ "2003::1", ADDRESS_PUBLIC, "public" },
		{ "5f00::1", ADDRESS_FORBIDDEN, "segment routing" },
		{ "fbff::1", ADDRESS_FORBIDDEN, "reserved" },
		{ "fc00::1", ADDRESS_PRIVATE, "unique-local" },
		{ "fdff::1", ADDRESS_PRIVATE, "unique-local" },
		{ "fd00:ec2::254", ADDRESS_METADATA, "metadata" },
		{ "fd00:ec2::23", ADDRESS_METADATA, "metadata" },
		{ "fd20:ce::254", ADDRESS_METADATA, "metadata" },
		{ "fe00::1", ADDRESS_FORBIDDEN, "reserved" },
		{ "fe80::1", ADDRESS_PRIVATE, "link-local" },
		{ "febf::1", ADDRESS_PRIVATE, "link-local" },
		{ "fec0::1", ADDRESS_PRIVATE, "site-local" },
		{ "ff02::1", ADDRESS_FORBIDDEN, "multicast" },
		{ "2606:4700::5efe:8.8.8.8", ADDRESS_FORBIDDEN, "ISATAP" },
		{ "2606:4700::200:5efe:169.254.169.254", ADDRESS_METADATA, "metadata" },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct address_verdict v = judge(cases[i].text);

		ok(v.class == cases[i].class && strcmp(v.range, cases[i].range) == 0, "%s is %s (%d, %s)",
		   cases[i].text,
		   cases[i].range, (int)v.class, v.range);
	}
}

static void test_sockaddr(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x08080808) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct sockaddr un = { .sa_family = AF_UNIX };

	inet_pton(AF_INET6, "::1", &in6.sin6_addr);
	is_int(address_judge((const struct sockaddr *)&in, sizeof(in)).class, ADDRESS_PUBLIC, "an IPv4 socket address");
	is_int(address_judge((const struct sockaddr *)&in6, sizeof(in6)).class, ADDRESS_PRIVATE, "an IPv6 one");
	is_int(address_judge((const struct sockaddr *)&in, sizeof(in) - 1).class, ADDRESS_FORBIDDEN, "a short one");
	is_int(address_judge((const struct sockaddr *)&in6, sizeof(in)).class, ADDRESS_FORBIDDEN, "a short IPv6 one");
	is_int(address_judge(&un, sizeof(un)).class, ADDRESS_FORBIDDEN, "one of another family");
}

static void test_permission(void)
{
	ok(address_permitted(judge("8.8.8.8"), false), "public addresses are permitted");
	ok(!address_permitted(judge("10.0.0.1"), false) && address_permitted(judge("10.0.0.1"), true),
	   "private ones where the route says so");
	ok(!address_permitted(judge("169.254.169.254"), true) && !address_permitted(judge("::ffff:169.254.169.254"),
										    true),
	   "metadata never");
	ok(!address_permitted(judge("224.0.0.1"), true) && !address_permitted(judge("0.0.0.0"), true),
	   "nor what is nobody's");
}

static void test_parsing(void)
{
	static const char *const bad4[] = { "",        "1",         "1.2.3",    "1.2.3.4.5", "1.2.3.256", "01.2.3.4",
					    "1.2.3.04",
					    "0x1.2.3.4", "1.2.3.4 ", " 1.2.3.4", "1..3.4",    "1.2.3.",    "+1.2.3.4",
					    "1.2.3.0004",
					    "127.1",    "2130706433", "1.2.3.4/8", "1.2.3.a" };
	static const char *const bad6[] = { "", ":", "::1%lo", "[::1]", "1::2::3", "12345::", "::1.2.3", "::1 ",
					    "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000" };
	struct in_addr v4;
	struct in6_addr v6;

	ok(address_parse_v4(SLICE("192.0.2.255"), &v4) && ntohl(v4.s_addr) == 0xC00002FF, "a dotted quad is read");
	ok(address_parse_v4(SLICE("0.0.0.0"), &v4) && v4.s_addr == 0, "zero has its zeros");
	for (size_t i = 0; i < COUNT_OF(bad4); i++)
		ok(!address_parse_v4(slice_str(bad4[i]), &v4), "no dotted quad: '%s'", bad4[i]);
	ok(address_parse_v6(SLICE("::ffff:1.2.3.4"), &v6) && v6.s6_addr[15] == 4, "an IPv6 address is read");
	for (size_t i = 0; i < COUNT_OF(bad6); i++)
		ok(!address_parse_v6(slice_str(bad6[i]), &v6), "no IPv6 address: '%s'", bad6[i]);
	ok(!address_parse_v6(SLICE("::1\0"), &v6), "nor one with a NUL");
}

int main(void)
{
	test_ranges();
	test_sockaddr();
	test_permission();
	test_parsing();
	return tap_done();
}
