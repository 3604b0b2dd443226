#include "injection.h"

#include <stdlib.h>

#include "alloc.h"
#include "decode.h"
#include "normal.h"
#include "scan.h"
#include "words.h"

/* --- the phrases --- */

enum kind { JAILBREAK, DISCLOSURE, CREDENTIAL, HINT, KINDS };

static const struct slice kind_names[KINDS] = { SLICE("jailbreak-"), SLICE("disclosure-"), SLICE("credential-"),
						SLICE("hint-") };

/* What a phrase of each kind adds to the score of its page. */
static const unsigned points[KINDS] = { [JAILBREAK] = 2, [DISCLOSURE] = 0, [CREDENTIAL] = 0, [HINT] = 1 };

/* The kind that a rule's id begins with; KINDS for none. */
static enum kind kind_of(const struct rule *rule)
{
	unsigned k = 0;

	while (k < KINDS && !slice_starts(slice_str(rule->id), kind_names[k]))
		k++;
	return (enum kind)k;
}

bool injection_load(struct rules *rules, struct slice yaml, const char *file, struct problems *problems)
{
	struct normal normal = { .fold = true };
	AUTO_BUF text = BUF_INIT;

	normal_feed(&normal, yaml, &text);
	normal_finish(&normal, &text);
	if (!rules_load(rules, buf_slice(&text), file, problems))
		return false;
	for (size_t i = 0; i < rules_count(rules); i++)
		if (kind_of(rule_at(rules, i)) == KINDS)
			return problems_add(problems, file, 0, 0,
					    "rule '%s' is of no kind: its id begins with jailbreak-, disclosure-, "
					    "credential- or hint-",
					    rule_at(rules, i)->id);
	return rules_count(rules) <= INJECTION_RULES_MAX ||
	       problems_add(problems, file, 0, 0, "more than %d phrases", INJECTION_RULES_MAX);
}

/* --- looking --- */

enum { ODD = 64 }; /* bytes from one beyond ASCII on that are read character by character */

/* One view: its text, and where each phrase was seen last. */
struct look {
	struct injection *stream;
	struct normal normal;
	struct words words;
	struct buf text; /* a piece of it that does not read as it is */
	struct scan scan;
	uint64_t *seen;        /* by rule: 1 + end of what it matched last, 0: never */
};

struct injection {
	const struct rules *rules;
	struct decode *decode;
	struct look *whole; /* view 0, which outlives the stream */
	enum injection_verdict verdict;
	struct buf names;
};

/* Raise the verdict; other may be NULL. */
static void decide(struct injection *i, enum injection_verdict verdict, const char *name, const char *other)
{
	if (verdict <= i->verdict)
		return;
	i->verdict = verdict;
	buf_truncate(&i->names, 0);
	buf_add_str(&i->names, name);
	if (other)
		buf_add_format(&i->names, ", %s", other);
}

/* Was a phrase seen so near in front of a place? */
static bool is_near(const struct look *l, size_t rule, uint64_t start, uint64_t reach)
{
	return l->seen[rule] && start <= l->seen[rule] - 1 + reach;
}

/* Something is to be handed out and something worth it is near: the one that was seen of the two. */
static const struct rule *other_half(const struct look *l, enum kind kind, uint64_t start)
{
	const struct rules *rules = l->stream->rules;
	enum kind wanted = kind == DISCLOSURE ? CREDENTIAL : kind == CREDENTIAL ? DISCLOSURE : KINDS;

	for (size_t i = 0; wanted != KINDS && i < rules_count(rules); i++)
		if (kind_of(rule_at(rules, i)) == wanted && is_near(l, i, start, INJECTION_NEAR))
			return rule_at(rules, i);
	return NULL;
}

/* Add up what a page says, up to a phrase that is on it, and decide. */
static void weigh(struct look *l, const struct finding *f)
{
	const struct rules *rules = l->stream->rules;
	struct injection *stream = l->stream;
	AUTO_BUF names = BUF_INIT;
	enum injection_verdict verdict;
	unsigned score = 0;

	for (size_t i = 0; i < rules_count(rules); i++) {
		const struct rule *rule = rule_at(rules, i);
		unsigned p = points[kind_of(rule)];

		if (!p || !(rule == f->rule || is_near(l, i, f->start, INJECTION_FAR)))
			continue;
		score += p;
		buf_add_format(&names, "%s%s", names.len ? ", " : "", rule->id);
	}
	verdict = score >= INJECTION_BLOCKS  ? INJECTION_BLOCK
		  : score >= INJECTION_WARNS ? INJECTION_WARN
					     : INJECTION_PASS;
	decide(stream, verdict, buf_str(&names), NULL);
}

/* A phrase: alone, and with those seen before. */
static bool take_phrase(void *ctx, const struct finding *f)
{
	struct look *l = ctx;
	const struct rules *rules = l->stream->rules;
	const struct rule *other;
	enum kind kind;

	if (!f->rule) {
		decide(l->stream, INJECTION_WARN, f->why, NULL);
		return true;
	}
	kind = kind_of(f->rule);
	other = other_half(l, kind, f->start);
	if (other)
		decide(l->stream, INJECTION_BLOCK, other->id, f->rule->id);
	else if (kind == DISCLOSURE)
		decide(l->stream, INJECTION_WARN, f->rule->id, NULL);
	if (points[kind])
		weigh(l, f);
	for (size_t i = 0; i < rules_count(rules); i++)
		if (rule_at(rules, i) == f->rule)
			l->seen[i] = 1 + f->end;
	return true;
}

/* Look at the words of what a piece reads as. */
static void look_at(struct look *l, struct slice text)
{
	scan_feed(&l->scan, words_feed(&l->words, text));
}

/* Look at a piece, of which most is plain. */
static void look_at_all(struct look *l, struct slice bytes)
{
	while (bytes.len) {
		size_t plain = normal_plain(&l->normal, bytes);

		if (plain)
			look_at(l, slice_sub(bytes, 0, plain));
		bytes = slice_sub(bytes, plain, bytes.len);
		normal_feed(&l->normal, slice_sub(bytes, 0, ODD), &l->text);
		look_at(l, buf_slice(&l->text));
		buf_truncate(&l->text, 0);
		bytes = slice_sub(bytes, ODD, bytes.len);
	}
}

/* Begin a text again. */
static void look_reset(struct look *l)
{
	l->normal = (struct normal){ .fold = true };
	words_end(&l->words);
	scan_reset(&l->scan);
	memset(l->seen, 0, (rules_count(l->stream->rules) + 1) * sizeof(*l->seen));
}

static bool take_bytes(void *ctx, struct decode_view *view, struct slice bytes)
{
	struct injection *i = ctx;
	struct look *l = view->user;

	if (i->verdict == INJECTION_BLOCK)
		return true;
	if (!l) {
		view->user = l = alloc_zero(1, sizeof(*l));
		*l = (struct look){ .stream = i, .normal = { .fold = true }, .text = BUF_INIT };
		scan_init(&l->scan, i->rules, SLICE(""), take_phrase, l);
		l->seen = alloc_zero(rules_count(i->rules) + 1, sizeof(*l->seen));
		if (!view->parent)
			i->whole = l;
	}
	look_at_all(l, bytes);
	return true;
}

static bool take_end(void *ctx, struct decode_view *view)
{
	struct injection *i = ctx;
	struct look *l = view->user;

	if (!l || i->verdict == INJECTION_BLOCK)
		return true;
	normal_finish(&l->normal, &l->text);
	look_at(l, buf_slice(&l->text));
	buf_truncate(&l->text, 0);
	scan_feed(&l->scan, words_end(&l->words));
	scan_finish(&l->scan);
	look_reset(l);
	return true;
}

/* Nothing is replaced, so nothing needs to be held back. */
static uint64_t take_held(void *ctx, const struct decode_view *view)
{
	(void)ctx;
	(void)view;
	return 0;
}

static void take_release(void *ctx, struct decode_view *view)
{
	struct look *l = view->user;

	(void)ctx;
	if (!l)
		return;
	scan_release(&l->scan);
	words_release(&l->words);
	buf_release(&l->text);
	free(l->seen);
	free(l);
}

/* --- the stream --- */

struct injection *injection_new(const struct rules *rules)
{
	static const struct decode_sink sink = { take_bytes, take_end, take_held, take_release };
	struct injection *i = alloc_zero(1, sizeof(*i));

	*i = (struct injection){ .rules = rules, .names = BUF_INIT };
	i->decode = decode_new(&sink, i);
	return i;
}

void injection_release(struct injection *i)
{
	if (!i)
		return;
	decode_release(i->decode);
	buf_release(&i->names);
	free(i);
}

void injection_reset(struct injection *i)
{
	decode_reset(i->decode);
	if (i->whole)
		look_reset(i->whole);
	i->verdict = INJECTION_PASS;
	buf_truncate(&i->names, 0);
}

/* What the decoder could not judge is a signal, no more: a response is not a way out. */
static enum injection_verdict verdict_of(struct injection *i)
{
	const char *limit = decode_limit(i->decode);

	if (limit)
		decide(i, INJECTION_WARN, limit, NULL);
	return i->verdict;
}

enum injection_verdict injection_feed(struct injection *i, struct slice bytes)
{
	if (i->verdict != INJECTION_BLOCK)
		decode_feed(i->decode, bytes);
	return verdict_of(i);
}

enum injection_verdict injection_finish(struct injection *i)
{
	if (i->verdict != INJECTION_BLOCK)
		decode_finish(i->decode);
	return verdict_of(i);
}

const char *injection_names(const struct injection *i)
{
	return buf_str(&i->names);
}
