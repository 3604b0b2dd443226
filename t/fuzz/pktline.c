/*
 * Git's packet lengths and requests: what is accepted names one plain repository; lengths are those that pkt_add
 * writes.
 */
#include <stdio.h>
#include <stdlib.h>

#include "pktline.h"

#define MUST(condition)                                                           \
	do {                                                                      \
		if (!(condition)) {                                               \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                  \
		}                                                                 \
	} while (0)

/* The repository becomes a directory's name and part of an argument. */
static void check_request(const struct git_request *r, struct slice within)
{
	MUST(r->repo.len > 0 && r->repo.len <= GIT_REPO_NAME_MAX);
	MUST(r->repo.ptr >= within.ptr && r->repo.ptr + r->repo.len <= within.ptr + within.len);
	for (size_t i = 0; i < r->repo.len; i++) {
		char c = r->repo.ptr[i];

		MUST((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
		     c == '_' || c == '-');
	}
	MUST(r->repo.ptr[0] != '-' && !slice_eq(r->repo, SLICE(".")) && !slice_eq(r->repo, SLICE("..")));
	MUST(r->version <= 2 && r->service <= GIT_RECEIVE_PACK && r->phase <= GIT_RPC);
}

/* A length that is accepted is a special one, or that of a packet which pkt_add writes with the same four digits. */
static void check_length(struct slice head)
{
	static const char zeros[PKT_MAX];
	AUTO_BUF packet = BUF_INIT;
	size_t len;

	if (head.len < PKT_HEAD || !pkt_length(slice_sub(head, 0, PKT_HEAD), &len))
		return;
	MUST(len <= 2 || (len >= PKT_HEAD && len <= PKT_MAX));
	if (len < PKT_HEAD)
		return;
	pkt_add(&packet, slice_of(zeros, len - PKT_HEAD));
	MUST(packet.len == len &&
	     slice_eq_fold(slice_sub(buf_slice(&packet), 0, PKT_HEAD), slice_sub(head, 0, PKT_HEAD)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice all = slice_of((const char *)data, size), rest = all, method, target;
	struct git_request r;
	const char *why = NULL;

	check_length(all);
	if (git_request_parse(all, &r, &why)) {
		check_request(&r, all);
		MUST(r.phase == GIT_WHOLE);
	} else {
		MUST(why != NULL);
	}
	method = slice_cut(&rest, '\n');
	target = slice_cut(&rest, '\n');
	why = NULL;
	if (git_request_parse_http(method, target, rest, &r, &why)) {
		check_request(&r, target);
		MUST(r.phase != GIT_WHOLE);
	} else {
		MUST(why != NULL);
	}
	return 0;
}
