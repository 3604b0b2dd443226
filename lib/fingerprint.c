#include "fingerprint.h"

#include <stdlib.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

#include "alloc.h"

enum {
	FILTER_BITS = 14,
	FILTER_WORDS = 1 << FILTER_BITS, /* 128 KiB: stays in the second-level cache; 20 secrets have 20,000 windows */
	/* one of so many windows in a row lies within every fragment */
	STRIDE = FINGERPRINT_FRAGMENT - FINGERPRINT_WINDOW + 1,
	SHORT_FILTER_BITS = 17,
	SHORT_FILTER_BYTES = 1 << (SHORT_FILTER_BITS - 3),
	SHORT_STRIDE = 4,
	/* one of four in a row lies within the shortest secret */
	SHORT_WINDOW = FINGERPRINT_SHORT_MIN - SHORT_STRIDE + 1,
	FORMAT = 2,
};

/* A window of a long secret. */
struct window {
	uint64_t hash; /* 0: an empty slot of the table */
	uint32_t index;
};

/* A short secret, compared whole. */
struct whole {
	uint64_t hash;
	uint32_t index;
	uint32_t len;
};

struct fingerprints {
	unsigned char key[FINGERPRINT_KEY];
	uint64_t sip[2], mix[2]; /* the key in words */
	struct window *table;    /* open addressing, at most half full */
	size_t slots, n_windows;
	struct whole *wholes;
	size_t n_wholes;
	uint32_t *lengths; /* of the short secrets: which ones occur, each once */
	size_t n_lengths;
	uint64_t filter[FILTER_WORDS];
	uint8_t short_filter[SHORT_FILTER_BYTES];
};

static inline uint64_t load64(const char *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint64_t load32(const char *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* --- SipHash-2-4 --- */

static inline uint64_t rotate(uint64_t x, int n)
{
	return x << n | x >> (64 - n);
}

static void sip_rounds(uint64_t v[4], int n)
{
	while (n--) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = rotate(v[1], 13) ^ v[0];
		v[3] = rotate(v[3], 16) ^ v[2];
		v[0] = rotate(v[0], 32);
		v[2] += v[1];
		v[0] += v[3];
		v[1] = rotate(v[1], 17) ^ v[2];
		v[3] = rotate(v[3], 21) ^ v[0];
		v[2] = rotate(v[2], 32);
	}
}

/* Hash of len bytes; never 0. */
static uint64_t sip(const struct fingerprints *f, const char *p, size_t len)
{
	uint64_t v[4] = { f->sip[0] ^ 0x736f6d6570736575u, f->sip[1] ^ 0x646f72616e646f6du,
			  f->sip[0] ^ 0x6c7967656e657261u,
			  f->sip[1] ^ 0x7465646279746573u };
	uint64_t last = (uint64_t)len << 56, hash;
	size_t i;

	for (i = 0; i + 8 <= len; i += 8) {
		uint64_t m = load64(p + i);

		v[3] ^= m;
		sip_rounds(v, 2);
		v[0] ^= m;
	}
	for (size_t k = 0; i + k < len; k++)
		last |= (uint64_t)(unsigned char)p[i + k] << 8 * k;
	v[3] ^= last;
	sip_rounds(v, 2);
	v[0] ^= last;
	v[2] ^= 0xFF;
	sip_rounds(v, 4);
	hash = v[0] ^ v[1] ^ v[2] ^ v[3];
	return hash ? hash : 1;
}

/* --- the filters --- */

/* Fold a product of two words to one. */
static inline uint64_t mix(uint64_t a, uint64_t b)
{
	__uint128_t product = (__uint128_t)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* What the filter asks of a window: two bits of one word. */
struct filter_bits {
	size_t word;
	uint64_t bits;
};

/* Those of the FINGERPRINT_WINDOW bytes at p. */
static inline struct filter_bits filter_bits(const struct fingerprints *f, const char *p)
{
	uint64_t hash = mix(load64(p) ^ f->mix[0], load32(p + 8) ^ f->mix[1]);

	return (struct filter_bits){
		.word = (size_t)(hash >> (64 - FILTER_BITS)),
		.bits = (uint64_t)1 << (hash & 63) | (uint64_t)1 << (hash >> 6 & 63),
	};
}

/* May the bytes at p be a window of a long secret? For 20 secrets one in a thousand others passes. */
static inline bool filter_test(const struct fingerprints *f, const char *p)
{
	struct filter_bits b = filter_bits(f, p);

	return (~f->filter[b.word] & b.bits) == 0;
}

static void filter_add(struct fingerprints *f, const char *p)
{
	struct filter_bits b = filter_bits(f, p);

	f->filter[b.word] |= b.bits;
}

/* Place in the short filter of the SHORT_WINDOW bytes at p; eight are readable. */
static inline uint32_t short_bit(const struct fingerprints *f, const char *p)
{
	uint64_t bytes = load64(p) & (((uint64_t)1 << 8 * SHORT_WINDOW) - 1);

	return (uint32_t)(mix(bytes ^ f->mix[0], f->mix[1]) >> (64 - SHORT_FILTER_BITS));
}

static inline unsigned is_set(const uint8_t *filter, uint32_t bit)
{
	return (unsigned)filter[bit >> 3] >> (bit & 7) & 1u;
}

static void set(uint8_t *filter, uint32_t bit)
{
	filter[bit >> 3] = (uint8_t)(filter[bit >> 3] | 1u << (bit & 7));
}

/* --- making --- */

/* Take the key apart, kept in words for speed. */
static void use_key(struct fingerprints *f, const char *key)
{
	memcpy(f->key, key, FINGERPRINT_KEY);
	f->sip[0] = load64(key);
	f->sip[1] = load64(key + 8);
	f->mix[0] = load64(key + 16);
	f->mix[1] = load64(key + 24) | 1;
}

struct fingerprints *fingerprints_new(const unsigned char *key)
{
	struct fingerprints *f = alloc_zero(1, sizeof(*f));

	use_key(f, (const char *)key);
	return f;
}

void fingerprints_release(struct fingerprints *f)
{
	if (!f)
		return;
	free(f->table);
	free(f->wholes);
	free(f->lengths);
	alloc_wipe(f, sizeof(*f));
	free(f);
}

size_t fingerprints_count(const struct fingerprints *f)
{
	return f->n_windows + f->n_wholes;
}

/* The slot of a hash: where it is, or the empty one where it belongs. */
static struct window *slot_of(const struct fingerprints *f, uint64_t hash)
{
	size_t at = (size_t)hash & (f->slots - 1);

	while (f->table[at].hash && f->table[at].hash != hash)
		at = (at + 1) & (f->slots - 1);
	return &f->table[at];
}

/* Enter a window's hash; the first secret that has it keeps it. */
static void enter(struct fingerprints *f, uint64_t hash, uint32_t index)
{
	struct window *slot;

	if (2 * (f->n_windows + 1) > f->slots) {
		struct window *old = f->table;
		size_t n = f->slots;

		f->slots = n ? 2 * n : 256;
		f->table = alloc_zero(f->slots, sizeof(*f->table));
		for (size_t i = 0; i < n; i++)
			if (old[i].hash)
				*slot_of(f, old[i].hash) = old[i];
		free(old);
	}
	slot = slot_of(f, hash);
	if (slot->hash)
		return;
	*slot = (struct window){ hash, index };
	f->n_windows++;
}

static void enter_whole(struct fingerprints *f, struct whole whole)
{
	f->wholes = alloc_resize(f->wholes, f->n_wholes + 1, sizeof(*f->wholes));
	f->wholes[f->n_wholes++] = whole;
	for (size_t i = 0; i < f->n_lengths; i++)
		if (f->lengths[i] == whole.len)
			return;
	f->lengths = alloc_resize(f->lengths, f->n_lengths + 1, sizeof(*f->lengths));
	f->lengths[f->n_lengths++] = whole.len;
}

/* Add letters and digits in one direction; p has eight readable bytes behind it. */
static void add_text(struct fingerprints *f, const char *p, size_t len, uint32_t index)
{
	if (len < FINGERPRINT_FRAGMENT) {
		enter_whole(f, (struct whole){ sip(f, p, len), index, (uint32_t)len });
		for (size_t i = 0; i < SHORT_STRIDE; i++)
			set(f->short_filter, short_bit(f, p + i));
		return;
	}
	for (size_t i = 0; i + FINGERPRINT_WINDOW <= len; i++) {
		enter(f, sip(f, p + i, FINGERPRINT_WINDOW), index);
		filter_add(f, p + i);
	}
}

bool fingerprints_add(struct fingerprints *f, struct slice secret, size_t skip, uint32_t index)
{
	char text[FINGERPRINT_LENGTH_MAX + 16] = { 0 };
	size_t len = fingerprint_squeeze(slice_sub(secret, skip, skip + FINGERPRINT_LENGTH_MAX), text);

	if (len >= FINGERPRINT_SHORT_MIN) {
		add_text(f, text, len, index);
		for (size_t i = 0; i < len / 2; i++) {
			char c = text[i];

			text[i] = text[len - 1 - i];
			text[len - 1 - i] = c;
		}
		add_text(f, text, len, index);
	}
	alloc_wipe(text, sizeof(text));
	return len >= FINGERPRINT_SHORT_MIN;
}

/* --- on the way to another process --- */

static void put(struct buf *out, uint64_t v)
{
	buf_add(out, &v, sizeof(v));
}

void fingerprints_write(const struct fingerprints *f, struct buf *out)
{
	put(out, FORMAT);
	buf_add(out, f->key, sizeof(f->key));
	put(out, f->n_windows);
	for (size_t i = 0; i < f->slots; i++)
		if (f->table[i].hash) {
			put(out, f->table[i].hash);
			put(out, f->table[i].index);
		}
	put(out, f->n_wholes);
	for (size_t i = 0; i < f->n_wholes; i++) {
		put(out, f->wholes[i].hash);
		put(out, (uint64_t)f->wholes[i].len << 32 | f->wholes[i].index);
	}
	buf_add(out, f->filter, sizeof(f->filter));
	buf_add(out, f->short_filter, sizeof(f->short_filter));
}

/* Take n bytes off the front; NULL when they are not there. */
static const char *take(struct slice *rest, size_t n)
{
	const char *p = rest->ptr;

	if (rest->len < n)
		return NULL;
	*rest = slice_sub(*rest, n, rest->len);
	return p;
}

static bool take_word(struct slice *rest, uint64_t *v)
{
	const char *p = take(rest, sizeof(*v));

	if (p)
		*v = load64(p);
	return p != NULL;
}

/* Read the windows and the short secrets. */
static bool read_entries(struct fingerprints *f, struct slice *rest)
{
	uint64_t n, hash, word;

	if (!take_word(rest, &n) || n > rest->len / 16)
		return false;
	for (; n; n--) {
		if (!take_word(rest, &hash) || !take_word(rest, &word) || !hash || word >= FINGERPRINT_SECRETS_MAX)
			return false;
		enter(f, hash, (uint32_t)word);
	}
	if (!take_word(rest, &n) || n > rest->len / 16)
		return false;
	for (; n; n--) {
		struct whole whole;

		if (!take_word(rest, &hash) || !take_word(rest, &word))
			return false;
		whole = (struct whole){ hash, (uint32_t)word, (uint32_t)(word >> 32) };
		if (whole.index >= FINGERPRINT_SECRETS_MAX || whole.len < FINGERPRINT_SHORT_MIN ||
		    whole.len >= FINGERPRINT_FRAGMENT)
			return false;
		enter_whole(f, whole);
	}
	return true;
}

struct fingerprints *fingerprints_read(struct slice bytes, struct error *e)
{
	struct fingerprints *f = alloc_zero(1, sizeof(*f));
	const char *key = NULL, *filter = NULL, *short_filter = NULL;
	uint64_t format;
	bool ok = take_word(&bytes, &format) && format == FORMAT && (key = take(&bytes, FINGERPRINT_KEY));

	if (ok)
		use_key(f, key);
	ok = ok && read_entries(f, &bytes) && (filter = take(&bytes, sizeof(f->filter))) &&
	     (short_filter = take(&bytes, sizeof(f->short_filter))) && bytes.len == 0;
	if (!ok) {
		fingerprints_release(f);
		error_set(e, STATUS_CALLER, "these bytes are no set of fingerprints");
		return NULL;
	}
	memcpy(f->filter, filter, sizeof(f->filter));
	memcpy(f->short_filter, short_filter, sizeof(f->short_filter));
	return f;
}

/* --- looking --- */

/* Whether the window at p belongs to a secret, and to which; with same to that one, in any of its forms. */
static bool is_window(const struct fingerprints *f, const char *p, uint32_t *index, bool same)
{
	const struct window *w;

	if (!f->slots || !filter_test(f, p))
		return false;
	w = slot_of(f, sip(f, p, FINGERPRINT_WINDOW));
	if (!w->hash || (same && w->index / FINGERPRINT_FORMS != *index / FINGERPRINT_FORMS))
		return false;
	*index = w->index;
	return true;
}

/* The run around a window at text[at]: as far as neighbouring windows are of the same secret. */
static struct fingerprint_hit run_around(const struct fingerprints *f, struct slice text, size_t at, uint32_t index)
{
	struct fingerprint_hit hit = { index, at, at + FINGERPRINT_WINDOW };

	while (hit.start > 0 && is_window(f, text.ptr + hit.start - 1, &index, true))
		hit.start--;
	while (hit.end < text.len && is_window(f, text.ptr + hit.end + 1 - FINGERPRINT_WINDOW, &index, true))
		hit.end++;
	return hit;
}

/* Long secrets: fragments of them. */
static bool scan_windows(const struct fingerprints *f, struct slice text, size_t from, fingerprint_hit_fn *fn,
			 void *ctx)
{
	size_t at = from > FINGERPRINT_FRAGMENT ? from - FINGERPRINT_FRAGMENT : 0;

	while (at + FINGERPRINT_WINDOW <= text.len) {
		struct fingerprint_hit hit;
		uint32_t index;

		if (__builtin_expect(!filter_test(f, text.ptr + at), 1) ||
		    !is_window(f, text.ptr + at, &index, false)) {
			at += STRIDE;
			continue;
		}
		hit = run_around(f, text, at, index);
		if (hit.end - hit.start >= FINGERPRINT_FRAGMENT && hit.end > from && !fn(ctx, &hit))
			return false;
		at = hit.end - FINGERPRINT_WINDOW + STRIDE;
	}
	return true;
}

/* Report the short secrets that have a window at text[at]. */
static bool look_closer(const struct fingerprints *f, struct slice text, size_t at, size_t from, fingerprint_hit_fn *fn,
			void *ctx)
{
	for (size_t k = 0; k < f->n_lengths; k++) {
		uint32_t len = f->lengths[k];

		for (size_t offset = 0; offset < SHORT_STRIDE; offset++) {
			size_t start = at - offset;
			uint64_t hash;

			if (offset > at || len > text.len - start || start + len <= from)
				continue;
			hash = sip(f, text.ptr + start, len);
			for (size_t i = 0; i < f->n_wholes; i++) {
				struct fingerprint_hit hit = { f->wholes[i].index, start, start + len };

				if (f->wholes[i].hash == hash && f->wholes[i].len == len && !fn(ctx, &hit))
					return false;
			}
		}
	}
	return true;
}

/* Short secrets: whole ones. */
static bool scan_shorts(const struct fingerprints *f, struct slice text, size_t from, fingerprint_hit_fn *fn, void *ctx)
{
	size_t at = from > FINGERPRINT_FRAGMENT ? (from - FINGERPRINT_FRAGMENT) & ~(size_t)(SHORT_STRIDE - 1) : 0;

	for (; at + 8 <= text.len; at += SHORT_STRIDE)
		if (is_set(f->short_filter, short_bit(f, text.ptr + at)) && !look_closer(f, text, at, from, fn, ctx))
			return false;
	if (at + SHORT_WINDOW <= text.len) {
		char tail[8] = { 0 };

		memcpy(tail, text.ptr + at, text.len - at);
		if (is_set(f->short_filter, short_bit(f, tail)))
			return look_closer(f, text, at, from, fn, ctx);
	}
	return true;
}

bool fingerprints_scan(const struct fingerprints *f, struct slice text, size_t from, fingerprint_hit_fn *fn, void *ctx)
{
	return scan_windows(f, text, from, fn, ctx) && (!f->n_wholes || scan_shorts(f, text, from, fn, ctx));
}

/* --- squeezing --- */

static size_t squeeze_bytes(struct slice in, char *out)
{
	static const uint8_t keep[256] = {
		['0' ... '9'] = 1, ['A' ... 'Z'] = 1, ['a' ... 'z'] = 1,
	};
	size_t n = 0;

	for (size_t i = 0; i < in.len; i++) {
		out[n] = in.ptr[i];
		n += keep[(unsigned char)in.ptr[i]];
	}
	return n;
}

#ifdef __x86_64__

/* For each set of places among eight, the places in order, one in each byte. */
#define PLACE(set, i) ((set) >> (i) & 1 ? (uint64_t)(i) << 8 * __builtin_popcount((set) & ((1u << (i)) - 1)) : 0)
#define PLACES_OF_HALF(set, i) (PLACE(set, i) | PLACE(set, (i) + 1) | PLACE(set, (i) + 2) | PLACE(set, (i) + 3))
#define PLACES(set) (PLACES_OF_HALF(set, 0) | PLACES_OF_HALF(set, 4))
#define PLACES_4(set) PLACES(set), PLACES((set) + 1), PLACES((set) + 2), PLACES((set) + 3)
#define PLACES_16(set) PLACES_4(set), PLACES_4((set) + 4), PLACES_4((set) + 8), PLACES_4((set) + 12)
#define PLACES_64(set) PLACES_16(set), PLACES_16((set) + 16), PLACES_16((set) + 32), PLACES_16((set) + 48)
static const uint64_t places[256] = { PLACES_64(0), PLACES_64(64), PLACES_64(128), PLACES_64(192) };

/* Move the kept ones of eight bytes to the front and store all eight. */
__attribute__((target("ssse3"))) static inline void store_kept(char *out, const char *in, unsigned kept)
{
	__m128i order = _mm_loadl_epi64((const __m128i *)&places[kept]);

	_mm_storel_epi64((__m128i *)out, _mm_shuffle_epi8(_mm_loadl_epi64((const __m128i *)in), order));
}

/* Are the bytes between two others? Signed, which does no harm to ASCII. */
__attribute__((target("ssse3"))) static inline __m128i between(__m128i v, char low, char high)
{
	return _mm_and_si128(_mm_cmpgt_epi8(v, _mm_set1_epi8((char)(low - 1))),
			     _mm_cmplt_epi8(v, _mm_set1_epi8((char)(high + 1))));
}

/* The same for processors that can shuffle bytes, sixteen at once. */
__attribute__((target("ssse3,popcnt"))) static size_t squeeze_shuffled(struct slice in, char *out)
{
	size_t n = 0, i = 0;

	for (; i + 16 <= in.len; i += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(in.ptr + i));
		__m128i letter = between(_mm_or_si128(v, _mm_set1_epi8(0x20)), 'a', 'z');
		unsigned kept = (unsigned)_mm_movemask_epi8(_mm_or_si128(letter, between(v, '0', '9')));

		store_kept(out + n, in.ptr + i, kept & 0xFF);
		n += (size_t)__builtin_popcount(kept & 0xFF);
		store_kept(out + n, in.ptr + i + 8, kept >> 8);
		n += (size_t)__builtin_popcount(kept >> 8);
	}
	return n + squeeze_bytes(slice_sub(in, i, in.len), out + n);
}

size_t fingerprint_squeeze(struct slice in, char *out)
{
	bool shuffles = __builtin_cpu_supports("ssse3") && __builtin_cpu_supports("popcnt");

	return shuffles ? squeeze_shuffled(in, out) : squeeze_bytes(in, out);
}

#else

size_t fingerprint_squeeze(struct slice in, char *out)
{
	return squeeze_bytes(in, out);
}

#endif
