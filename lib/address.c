#include "address.h"

#include <arpa/inet.h>

/* A range of IPv4 addresses: base and the number of leading bits that count. */
struct range_v4 {
	uint32_t base;
	unsigned bits;
	enum address_class class;
	const char *name;
};

#define V4(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

/* First match wins. Source: IANA IPv4 special-purpose registry; the metadata addresses are the clouds' own words. */
static const struct range_v4 ranges_v4[] = {
	{ V4(169, 254, 169, 254), 32, ADDRESS_METADATA, "metadata" },  /* AWS, Azure, GCP, OpenStack, … */
	{ V4(169, 254, 170, 2), 32, ADDRESS_METADATA, "metadata" },    /* AWS ECS task credentials */
	{ V4(169, 254, 170, 23), 32, ADDRESS_METADATA, "metadata" },   /* AWS EKS pod identity */
	{ V4(100, 100, 100, 200), 32, ADDRESS_METADATA, "metadata" },  /* Alibaba */
	{ V4(168, 63, 129, 16), 32, ADDRESS_METADATA, "metadata" },    /* Azure's wire server */
	{ V4(192, 0, 0, 192), 32, ADDRESS_METADATA, "metadata" },      /* Oracle, first generation */
	{ V4(0, 0, 0, 0), 32, ADDRESS_FORBIDDEN, "unspecified" },
	{ V4(0, 0, 0, 0), 8, ADDRESS_FORBIDDEN, "this network" },
	{ V4(127, 0, 0, 0), 8, ADDRESS_PRIVATE, "loopback" },
	{ V4(10, 0, 0, 0), 8, ADDRESS_PRIVATE, "private" },
	{ V4(172, 16, 0, 0), 12, ADDRESS_PRIVATE, "private" },
	{ V4(192, 168, 0, 0), 16, ADDRESS_PRIVATE, "private" },
	{ V4(100, 64, 0, 0), 10, ADDRESS_PRIVATE, "carrier-grade NAT" },
	{ V4(169, 254, 0, 0), 16, ADDRESS_PRIVATE, "link-local" },
	{ V4(198, 18, 0, 0), 15, ADDRESS_PRIVATE, "benchmarking" },
	{ V4(192, 0, 0, 0), 24, ADDRESS_FORBIDDEN, "protocol assignments" },
	{ V4(192, 0, 2, 0), 24, ADDRESS_FORBIDDEN, "documentation" },
	{ V4(198, 51, 100, 0), 24, ADDRESS_FORBIDDEN, "documentation" },
	{ V4(203, 0, 113, 0), 24, ADDRESS_FORBIDDEN, "documentation" },
	{ V4(192, 88, 99, 0), 24, ADDRESS_FORBIDDEN, "6to4 relay" },
	{ V4(224, 0, 0, 0), 4, ADDRESS_FORBIDDEN, "multicast" },
	{ V4(255, 255, 255, 255), 32, ADDRESS_FORBIDDEN, "broadcast" },
	{ V4(240, 0, 0, 0), 4, ADDRESS_FORBIDDEN, "reserved" },
};

struct address_verdict address_judge_v4(struct in_addr a)
{
	uint32_t host = ntohl(a.s_addr);

	for (size_t i = 0; i < sizeof(ranges_v4) / sizeof(ranges_v4[0]); i++) {
		const struct range_v4 *r = &ranges_v4[i];

		if ((host ^ r->base) >> (32 - r->bits) == 0)
			return (struct address_verdict){ r->class, r->name };
	}
	return (struct address_verdict){ ADDRESS_PUBLIC, "public" };
}

/* A range of IPv6 addresses; inner says where an IPv4 address stands in it, or -1. */
struct range_v6 {
	unsigned char base[16];
	unsigned bits;
	enum address_class class;
	const char *name;
	int inner;
	bool inverted; /* the inner address is stored with every bit flipped (Teredo) */
};

/*
 * First match wins. A range that carries an IPv4 address has the class public
 * when only that address decides. Source: IANA IPv6 special-purpose registry.
 */
static const struct range_v6 ranges_v6[] = {
	{ { 0 }, 128, ADDRESS_FORBIDDEN, "unspecified", -1, false },
	{ { [15] = 1 }, 128, ADDRESS_PRIVATE, "loopback", -1, false },
	{ { [10] = 0xFF, [11] = 0xFF }, 96, ADDRESS_PUBLIC, "IPv4-mapped", 12, false },          /* RFC 4291 §2.5.5.2 */
	{ { [8] = 0xFF, [9] = 0xFF }, 96, ADDRESS_FORBIDDEN, "IPv4-translated", 12, false },      /* RFC 2765 */
	{ { 0 }, 96, ADDRESS_FORBIDDEN, "IPv4-compatible", 12, false },
	/* RFC 4291 §2.5.5.1 */
	{ { 0, 0x64, 0xFF, 0x9B }, 96, ADDRESS_PUBLIC, "NAT64", 12, false },                      /* RFC 6052 */
	{ { 0, 0x64, 0xFF, 0x9B, 0, 1 }, 48, ADDRESS_PRIVATE, "local-use NAT64", 12, false },     /* RFC 8215 */
	{ { 0 }, 8, ADDRESS_FORBIDDEN, "reserved", -1, false },
	{ { 1 }, 64, ADDRESS_FORBIDDEN, "discard-only", -1, false },                              /* RFC 6666 */
	{ { 0x20, 1 }, 32, ADDRESS_FORBIDDEN, "Teredo", 12, true },                               /* RFC 4380 */
	{ { 0x20, 1, 0, 2 }, 48, ADDRESS_PRIVATE, "benchmarking", -1, false },                    /* RFC 5180 */
	{ { 0x20, 1 }, 23, ADDRESS_FORBIDDEN, "protocol assignments", -1, false },                /* RFC 2928 */
	{ { 0x20, 1, 0x0D, 0xB8 }, 32, ADDRESS_FORBIDDEN, "documentation", -1, false },           /* RFC 3849 */
	{ { 0x3F, 0xFF }, 20, ADDRESS_FORBIDDEN, "documentation", -1, false },                    /* RFC 9637 */
	{ { 0x20, 2 }, 16, ADDRESS_FORBIDDEN, "6to4", 2, false },                                 /* RFC 3056 */
	{ { 0x5F }, 16, ADDRESS_FORBIDDEN, "segment routing", -1, false },                        /* RFC 9602 */
	{ { 0xFD, 0, 0x0E, 0xC2, [15] = 0x54 }, 112, ADDRESS_METADATA, "metadata", -1, false },
	/* AWS fd00:ec2::254 */
	{ { 0xFD, 0x20, 0, 0xCE, [15] = 0x54 }, 112, ADDRESS_METADATA, "metadata", -1, false },   /* GCP fd20:ce::254 */
	{ { 0xFC }, 7, ADDRESS_PRIVATE, "unique-local", -1, false },
	{ { 0xFE, 0x80 }, 10, ADDRESS_PRIVATE, "link-local", -1, false },
	{ { 0xFE, 0xC0 }, 10, ADDRESS_PRIVATE, "site-local", -1, false },
	{ { 0xFF }, 8, ADDRESS_FORBIDDEN, "multicast", -1, false },
};

/* Whether the first bits of two addresses agree. */
static bool same_prefix(const unsigned char *a, const unsigned char *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	if (memcmp(a, b, whole) != 0)
		return false;
	return !rest || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

/* The IPv4 address that stands at a byte of an IPv6 one. */
static struct in_addr inner_v4(const struct in6_addr *a, int at, bool inverted)
{
	struct in_addr inner;

	memcpy(&inner, &a->s6_addr[at], sizeof(inner));
	if (inverted)
		inner.s_addr = ~inner.s_addr;
	return inner;
}

/* The worse of two verdicts: what names a danger wins over what only names an envelope. */
static struct address_verdict worse(struct address_verdict carrier, struct address_verdict carried)
{
	if (carried.class == ADDRESS_METADATA || carrier.class == ADDRESS_PUBLIC)
		return carried;
	return carried.class > carrier.class ? carried : carrier;
}

struct address_verdict address_judge_v6(const struct in6_addr *a)
{
	/* ISATAP: any prefix, then 0000:5efe or 0200:5efe and an IPv4 address (RFC 5214 §6.1). */
	if ((a->s6_addr[8] & 0xFD) == 0 && a->s6_addr[9] == 0 && a->s6_addr[10] == 0x5E && a->s6_addr[11] == 0xFE)
		return worse((struct address_verdict){ ADDRESS_FORBIDDEN, "ISATAP" },
			     address_judge_v4(inner_v4(a, 12, false)));
	for (size_t i = 0; i < sizeof(ranges_v6) / sizeof(ranges_v6[0]); i++) {
		const struct range_v6 *r = &ranges_v6[i];
		struct address_verdict v = { r->class, r->name };

		if (!same_prefix(a->s6_addr, r->base, r->bits))
			continue;
		return r->inner < 0 ? v : worse(v, address_judge_v4(inner_v4(a, r->inner, r->inverted)));
	}
	/* Global unicast is 2000::/3; the rest of the space is unassigned. */
	if ((a->s6_addr[0] & 0xE0) != 0x20)
		return (struct address_verdict){ ADDRESS_FORBIDDEN, "reserved" };
	return (struct address_verdict){ ADDRESS_PUBLIC, "public" };
}

struct address_verdict address_judge(const struct sockaddr *sa, socklen_t len)
{
	if (sa->sa_family == AF_INET && len >= sizeof(struct sockaddr_in)) {
		struct sockaddr_in in;

		memcpy(&in, sa, sizeof(in));
		return address_judge_v4(in.sin_addr);
	}
	if (sa->sa_family == AF_INET6 && len >= sizeof(struct sockaddr_in6)) {
		struct sockaddr_in6 in6;

		memcpy(&in6, sa, sizeof(in6));
		return address_judge_v6(&in6.sin6_addr);
	}
	return (struct address_verdict){ ADDRESS_FORBIDDEN, "not an Internet address" };
}

bool address_parse_v4(struct slice text, struct in_addr *a)
{
	uint32_t value = 0;

	for (int i = 0; i < 4; i++) {
		size_t dot = slice_find(text, '.');
		struct slice part = slice_sub(text, 0, i < 3 ? dot : text.len);
		uint64_t n;

		if ((i < 3 && dot == SLICE_NONE) || part.len > 3 || !slice_to_u64(part, &n) || n > 255 ||
		    (part.len > 1 && part.ptr[0] == '0'))
			return false;
		value = value << 8 | (uint32_t)n;
		text = slice_sub(text, part.len + 1, text.len);
	}
	a->s_addr = htonl(value);
	return true;
}

bool address_parse_v6(struct slice text, struct in6_addr *a)
{
	char copy[INET6_ADDRSTRLEN];

	if (text.len >= sizeof(copy) || memchr(text.ptr, 0, text.len))
		return false;
	memcpy(copy, text.ptr, text.len);
	copy[text.len] = '\0';
	return inet_pton(AF_INET6, copy, a) == 1;
}
