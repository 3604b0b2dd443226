#include "chain.h"

#include <inttypes.h>
#include <stdlib.h>

#include "alloc.h"
#include "digest.h"
#include "log.h"

#define HASH_KEY ",\"hash\":\""
#define SIGNATURE_KEY ",\"signature\":\""
#define END_OF_LINE "\"}"

bool chain_is_word(struct slice text)
{
	if (!text.len || text.len > CHAIN_WORD_MAX)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		if (c != '-' && !ascii_is_digit(c) && !(c >= 'a' && c <= 'z'))
			return false;
	}
	return true;
}

/* --- making --- */

/* Add a text, cut where it is too long; nothing when it is empty. */
static void add_text(struct buf *out, const char *key, struct slice text)
{
	AUTO_BUF cut = BUF_INIT;

	if (!text.len)
		return;
	buf_add_format(out, ",\"%s\":", key);
	if (text.len > CHAIN_TEXT_MAX) {
		size_t end = CHAIN_TEXT_MAX - 3;

		while (end && ((unsigned char)text.ptr[end] & 0xC0) == 0x80)
			end--; /* not in the middle of a character */
		buf_add(&cut, text.ptr, end);
		buf_add_str(&cut, "...");
		text = buf_slice(&cut);
	}
	log_json_string(out, text);
}

/* Add an object. */
static void add_object(struct buf *out, const char *key, const struct doc *d)
{
	if (!d)
		return;
	buf_add_format(out, ",\"%s\":", key);
	doc_format(d, false, out);
}

void chain_digest(struct slice bytes, struct buf *out)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t digest[DIGEST_SIZE];

	digest_sha256(&bytes, 1, digest);
	for (size_t i = 0; i < DIGEST_SIZE; i++) {
		buf_add_char(out, digits[digest[i] >> 4]);
		buf_add_char(out, digits[digest[i] & 15]);
	}
}

/* Add the detail; of one that is too long for a line its size and digest. */
static void add_detail(struct buf *body, const struct doc *detail)
{
	AUTO_BUF json = BUF_INIT;
	AUTO_BUF ascii = BUF_INIT;

	add_object(&json, "detail", detail);
	doc_ascii(buf_slice(&json), &ascii);
	if (body->len + ascii.len + 4 * CHAIN_HASH <= CHAIN_LINE_MAX) {
		buf_add_slice(body, buf_slice(&ascii));
		return;
	}
	buf_add_format(body, ",\"detail\":{\"omitted_bytes\":%zu,\"sha256\":\"", json.len);
	chain_digest(buf_slice(&json), body);
	buf_add_str(body, "\"}");
}

void chain_body(const char *identity, const struct chain_entry *entry, struct buf *body)
{
	AUTO_BUF json = BUF_INIT;

	buf_add_str(&json, "\"time\":\"");
	log_time(&json);
	buf_add_char(&json, '"');
	log_str(&json, "identity", identity);
	log_str(&json, "component", entry->component);
	log_str(&json, "event", entry->event);
	add_text(&json, "action", slice_str(entry->action));
	add_text(&json, "justification", entry->justification);
	add_text(&json, "notes", entry->notes);
	add_text(&json, "difference", entry->difference);
	add_object(&json, "hashes", entry->hashes);
	doc_ascii(buf_slice(&json), body);
	add_detail(body, entry->detail);
}

/* Append what every line begins with at its place. */
static void add_start(const struct chain *c, struct buf *line)
{
	buf_add_format(line, "{\"seq\":%" PRIu64 ",\"prev\":\"%s\",", c->seq + 1, c->hash);
}

/* Move behind an entry with these bytes in front of its hash. */
static void advance(struct chain *c, struct slice hashed)
{
	AUTO_BUF hex = BUF_INIT;

	chain_digest(hashed, &hex);
	memcpy(c->hash, buf_str(&hex), CHAIN_HASH);
	c->seq++;
}

void chain_link(struct chain *c, struct slice body, struct buf *line)
{
	size_t start = line->len;

	add_start(c, line);
	buf_add_slice(line, body);
	advance(c, slice_sub(buf_slice(line), start, line->len));
	buf_add_format(line, HASH_KEY "%s" END_OF_LINE "\n", c->hash);
}

/* --- judging --- */

/* Are the members there, of their types, and no others? */
static bool check_members(const struct doc *d, const char *identity, struct error *e)
{
	static const struct doc_field fields[] = {
		{ "seq", DOC_INT, true },	   { "prev", DOC_STR, true },	    { "time", DOC_STR, true },
		{ "identity", DOC_STR, true },	   { "component", DOC_STR, true },  { "event", DOC_STR, true },
		{ "action", DOC_STR, false },	   { "notes", DOC_STR, false },	    { "justification", DOC_STR, false },
		{ "difference", DOC_STR, false },  { "hashes", DOC_OBJECT, false }, { "detail", DOC_OBJECT, false },
		{ "hash", DOC_STR, true },	   { .name = NULL },
	};

	if (doc_type_of(d) != DOC_OBJECT)
		return error_set(e, STATUS_NO, "it is not an object");
	if (!doc_check(d, "the entry", fields, e)) {
		e->status = STATUS_NO;
		return false;
	}
	if (!slice_eq(doc_get_str(d, "identity"), slice_str(identity)))
		return error_set(e, STATUS_NO, "it belongs to the log of '%s'", doc_get_cstr(d, "identity"));
	if (!chain_is_word(doc_get_str(d, "component")) || !chain_is_word(doc_get_str(d, "event")))
		return error_set(e, STATUS_NO, "its component or event is no word");
	return true;
}

/* Cut "KEY" and the text up to the end off a line that ends with them. */
static bool cut_end(struct slice line, struct slice key, size_t text_len, struct slice *front, struct slice *text)
{
	size_t tail = key.len + text_len + strlen(END_OF_LINE);

	if (line.len < tail || !slice_ends(line, SLICE(END_OF_LINE)))
		return false;
	*front = slice_sub(line, 0, line.len - tail);
	*text = slice_sub(line, front->len + key.len, front->len + key.len + text_len);
	return slice_starts(slice_sub(line, front->len, line.len), key);
}

/* The same as chain_follow, the error without the number. */
static bool follow(struct chain *c, const char *identity, struct slice line, struct doc **entry, struct error *e)
{
	AUTO_BUF start = BUF_INIT;
	struct slice hashed, hash;
	struct chain next = *c;
	AUTO_DOC *d = NULL;

	if (line.len > CHAIN_LINE_MAX)
		return error_set(e, STATUS_NO, "it is longer than %u bytes", CHAIN_LINE_MAX);
	if (!cut_end(line, SLICE(HASH_KEY), CHAIN_HASH, &hashed, &hash))
		return error_set(e, STATUS_NO, "it does not end with a hash");
	add_start(c, &start);
	if (!slice_starts(hashed, buf_slice(&start)))
		return error_set(e, STATUS_NO, "it does not follow on the one before it");
	advance(&next, hashed);
	if (!slice_eq(hash, slice_str(next.hash)))
		return error_set(e, STATUS_NO, "it was changed: its hash is not that of its bytes");
	d = doc_parse(line, e);
	if (!d) {
		e->status = STATUS_NO;
		return false;
	}
	if (!check_members(d, identity, e))
		return false;
	*c = next;
	if (entry)
		*entry = STEAL(d);
	return true;
}

bool chain_follow(struct chain *c, const char *identity, struct slice line, struct doc **entry, struct error *e)
{
	return follow(c, identity, line, entry, e) || error_wrap(e, "entry %" PRIu64, c->seq + 1);
}

/* --- heads --- */

void chain_head(const struct chain *c, const char *identity, uint64_t bytes, const struct signature_key *key,
		struct buf *out)
{
	size_t start = out->len;
	AUTO_BUF text = BUF_INIT;

	buf_add_str(out, "{\"kind\":\"audit-head\",\"v\":1");
	log_str(out, "identity", identity);
	buf_add_format(out, ",\"seq\":%" PRIu64 ",\"hash\":\"%s\",\"bytes\":%" PRIu64 ",\"time\":\"", c->seq, c->hash,
		       bytes);
	log_time(out);
	buf_add_char(out, '"');
	signature_sign(key, slice_sub(buf_slice(out), start, out->len), &text);
	buf_add_format(out, SIGNATURE_KEY "%s" END_OF_LINE "\n", buf_str(&text));
}

/* Read the members of a head whose signature holds. */
static bool head_members(const struct doc *d, const char *identity, struct chain *c, uint64_t *bytes, struct error *e)
{
	static const struct doc_field fields[] = {
		{ "identity", DOC_STR, true }, { "seq", DOC_INT, true },  { "hash", DOC_STR, true },
		{ "bytes", DOC_INT, true },    { "time", DOC_STR, true }, { "signature", DOC_STR, true },
		{ .name = NULL },
	};
	struct slice hash;

	if (!d || !doc_is(d, "audit-head", 1, e) || !doc_check(d, "the head", fields, e))
		return false;
	hash = doc_get_str(d, "hash");
	if (hash.len != CHAIN_HASH || doc_get_int(d, "seq") < 0 || doc_get_int(d, "bytes") < 0)
		return error_set(e, STATUS_NO, "the head is malformed");
	if (!slice_eq(doc_get_str(d, "identity"), slice_str(identity)))
		return error_set(e, STATUS_NO, "the head belongs to the log of '%s'", doc_get_cstr(d, "identity"));
	c->seq = (uint64_t)doc_get_int(d, "seq");
	memcpy(c->hash, hash.ptr, CHAIN_HASH);
	c->hash[CHAIN_HASH] = '\0';
	*bytes = (uint64_t)doc_get_int(d, "bytes");
	return true;
}

bool chain_head_read(struct slice text, const char *identity, const struct signature_key *key, struct chain *c,
		     uint64_t *bytes, struct error *e)
{
	struct slice line = text, signed_part, signature;
	AUTO_DOC *d = NULL;

	if (!slice_ends(line, SLICE("\n")))
		return error_set(e, STATUS_NO, "the head is cut off");
	line.len--;
	if (!cut_end(line, SLICE(SIGNATURE_KEY), SIGNATURE_TEXT, &signed_part, &signature))
		return error_set(e, STATUS_NO, "the head does not end with a signature");
	if (!signature_check(key, signed_part, signature))
		return error_set(e, STATUS_NO, "the head is not signed by the operator's key");
	d = doc_parse(line, e);
	if (d && doc_type_of(d) == DOC_OBJECT && head_members(d, identity, c, bytes, e))
		return true;
	e->status = STATUS_NO;
	return false;
}

/* --- a whole log --- */

bool chain_begin(struct chain_walk *w, const char *identity, struct slice head, const struct signature_key *key,
		 struct error *e)
{
	uint64_t bytes;

	*w = (struct chain_walk){ .identity = identity, .at = CHAIN_INIT, .head = CHAIN_INIT };
	w->meets_head = !head.len;
	return !head.len || chain_head_read(head, identity, key, &w->head, &bytes, e);
}

bool chain_take(struct chain_walk *w, struct slice line, struct doc **entry, struct error *e)
{
	AUTO_DOC *d = NULL;

	if (!chain_follow(&w->at, w->identity, line, &d, e))
		return false;
	if (w->at.seq == w->head.seq && strcmp(w->at.hash, w->head.hash) != 0)
		return error_set(e, STATUS_NO, "entry %" PRIu64 ": it is not the one that was signed", w->at.seq);
	if (w->at.seq == w->head.seq)
		w->meets_head = true;
	if (slice_eq(doc_get_str(d, "component"), SLICE("audit")))
		w->repairs++;
	if (entry)
		*entry = STEAL(d);
	return true;
}

bool chain_end(const struct chain_walk *w, struct slice rest, struct error *e)
{
	if (rest.len)
		return error_set(e, STATUS_NO, "entry %" PRIu64 ": it is cut off", w->at.seq + 1);
	if (!w->meets_head)
		return error_set(e, STATUS_NO, "the log ends at entry %" PRIu64 ", but %" PRIu64 " were signed",
				 w->at.seq, w->head.seq);
	if (w->at.seq > w->head.seq)
		return error_set(e, STATUS_NO, "entry %" PRIu64 ": nobody has signed it, or what follows it",
				 w->head.seq + 1);
	return true;
}
