/*
 * Paths of requests: which have one meaning, and the form in which they are compared.
 *
 * A server behind the proxy may decode a path once, twice or not at all, take a
 * backslash for a slash, drop what follows a semicolon, or stop at a NUL. A path
 * for which that makes a difference that matters is refused; what is left can be
 * compared as text.
 *
 * Pure, and but for path_of_rule without allocation; may be called after confinement.
 */
#ifndef BB_PATH_H
#define BB_PATH_H

#include "buf.h"

#define PATH_BYTES_MAX 32768 /* bytes of a path that will be judged: servers stop at 8 KiB */
#define PATH_DECODE_MAX 3    /* rounds of decoding that are looked at */

struct path_forms {
	/*
	 * For comparing: %XX of unreserved characters decoded, other %XX in upper
	 * case, so that every spelling of a path has the same form (RFC 3986 §6.2.2).
	 * "%2F" stays a character of its element.
	 */
	size_t canonical_len;
	char canonical[PATH_BYTES_MAX];
	/* Decoded until nothing changes or PATH_DECODE_MAX rounds: for looking, never for comparing with a rule. */
	size_t decoded_len;
	char decoded[PATH_BYTES_MAX];
};

/*
 * Make both forms of a path (from '/', without the query). False, with a static
 * text, when decoding it up to three times gives a "." or ".." element (between
 * slashes, a parameter behind ';' not counted), a backslash, a control character
 * or invalid UTF-8; when a '.' or '/' is encoded more than once; when it is too
 * long or a '%' is not followed by two hexadecimal digits.
 */
bool path_parse(struct slice path, struct path_forms *p, const char **why);

/*
 * Append the canonical form of a path as a route writes it: what a request-target
 * could not hold as it is (a space, '[', "é") is percent-encoded first. False, with a
 * static text, for what can match no request: a query, a dot element, a backslash.
 */
bool path_of_rule(struct slice value, struct buf *out, const char **why);

/* Whether c may stand in a path as it is: RFC 3986 §3.3 pchar without '%', and '/'. */
bool path_is_plain(char c);

/* Decode %XX in place once; a '%' without two digits stays. Returns the new length. */
size_t path_decode(char *text, size_t len);

#endif
