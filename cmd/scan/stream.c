#include "stream.h"

#include "alloc.h"

/* Remember where lines end. */
static void count_lines(struct stream *s, struct slice bytes)
{
	const char *at = bytes.ptr, *end = bytes.ptr + bytes.len;

	while (at < end && (at = memchr(at, '\n', (size_t)(end - at)))) {
		s->ends[s->lines++ % STREAM_LINES] = s->length + (uint64_t)(at - bytes.ptr);
		at++;
	}
	s->length += bytes.len;
}

/*
 * Line and column, from 1, of a byte of the text; of one that is too far back, those of the oldest place that is known.
 */
static void place_of(const struct stream *s, uint64_t at, int64_t *line, int64_t *column)
{
	uint64_t n = s->lines, oldest = n > STREAM_LINES ? n - STREAM_LINES : 0, before;

	while (n > oldest && s->ends[(n - 1) % STREAM_LINES] >= at)
		n--;
	before = n > oldest ? s->ends[(n - 1) % STREAM_LINES] + 1 : 0;
	*line = (int64_t)n + 1;
	*column = (int64_t)(at - before) + 1;
}

/* Fill in the places of a finding of at least one byte and report it. */
static void report(struct stream *s, struct report_finding *f, uint64_t start, uint64_t end)
{
	f->path = s->path;
	f->commit = s->commit;
	place_of(s, start, &f->line, &f->column);
	place_of(s, end > start ? end - 1 : start, &f->end_line, &f->end_column);
	report_add(s->report, f);
}

/* What a rule found. */
static bool take_finding(void *context, const struct finding *f)
{
	struct stream *s = context;
	struct report_finding found = { .rule = "too-much-work",
					.description = "the text takes too much work to judge" };

	if (!f->rule) {
		found.match = slice_str(f->why);
		report(s, &found, f->start, f->end);
		return true;
	}
	if (!s->no_allow && slice_search(f->line, SLICE("gitleaks:allow")) != SLICE_NONE)
		return true;
	found.rule = f->rule->id;
	found.description = f->rule->description;
	found.match = f->match;
	found.secret = f->secret;
	found.entropy = rule_entropy(f->secret);
	report(s, &found, f->start, f->end);
	return true;
}

/* A secret that is known, in any of its forms. */
static bool take_known(void *context, const struct detection *d)
{
	struct stream *s = context;
	AUTO_FREE char *description = d->why ? NULL : alloc_format("value of the variable %s", s->names[d->number]);
	struct report_finding found = { .rule = d->why ? "too-much-work" : "known-secret",
					.description =
						d->why ? "the encodings take too much work to judge" : description };
	int64_t line, column;

	found.match = slice_str(d->why ? d->why : description);
	place_of(s, d->placed ? d->start : s->length, &line, &column);
	if (!d->why && s->told[d->number] == line)
		return true;
	if (!d->why)
		s->told[d->number] = line;
	report(s, &found, d->placed ? d->start : s->length, d->placed ? d->end : s->length);
	return true;
}

void stream_begin(struct stream *s, const char *path, const struct githistory_commit *commit)
{
	const struct detect_set set = { .known = s->known };

	s->path = path;
	s->commit = commit;
	s->length = s->lines = 0;
	memset(s->told, 0, sizeof(s->told));
	scan_init(&s->scan, s->rules, slice_str(path), take_finding, s);
	s->detect = s->known ? detect_new(set, take_known, s) : NULL;
}

void stream_feed(struct stream *s, struct slice bytes)
{
	count_lines(s, bytes);
	scan_feed(&s->scan, bytes);
	if (s->detect)
		detect_feed(s->detect, bytes);
}

void stream_end(struct stream *s)
{
	scan_finish(&s->scan);
	scan_release(&s->scan);
	if (s->detect) {
		detect_finish(s->detect);
		detect_release(s->detect);
	}
	s->detect = NULL;
}
