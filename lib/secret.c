#include "secret.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "alloc.h"
#include "fd.h"

#define READ_CHUNK 16384 /* bytes of one read */

/* Keep a value out of swap and core dumps; where the limits forbid it, it stays usable. */
static void guard_memory(struct buf *b)
{
	long page = sysconf(_SC_PAGESIZE);
	uintptr_t start = (uintptr_t)b->ptr & ~((uintptr_t)page - 1);
	size_t len = (uintptr_t)b->ptr + b->cap - start;

	if (!b->ptr || mlock(b->ptr, b->cap) < 0)
		return;
#ifdef MADV_DONTDUMP
	if (madvise((void *)start, len, MADV_DONTDUMP) < 0)
		return;
#endif
}

void secret_set_release(struct secret_set *s)
{
	for (size_t i = 0; i < s->count; i++)
		buf_wipe(&s->list[i].value);
	free(s->list);
	*s = (struct secret_set)SECRET_SET_INIT;
}

bool secret_set_find(const struct secret_set *s, const char *name, struct slice *value)
{
	for (size_t i = 0; i < s->count; i++) {
		if (strcmp(s->list[i].name, name) != 0)
			continue;
		*value = buf_slice(&s->list[i].value);
		return true;
	}
	return false;
}

bool secret_set_add(struct secret_set *s, const char *name, struct slice value, struct error *e)
{
	struct slice found;
	struct secret *slot;

	if (!*name || strlen(name) > SECRET_NAME_MAX)
		return error_set(e, STATUS_CALLER, "the name of a secret is empty or longer than %d bytes",
				 SECRET_NAME_MAX);
	if (value.len > SECRET_VALUE_MAX)
		return error_set(e, STATUS_CALLER, "the secret '%s' is larger than %d bytes", name, SECRET_VALUE_MAX);
	if (s->count >= SECRET_COUNT_MAX)
		return error_set(e, STATUS_CALLER, "more than %d secrets", SECRET_COUNT_MAX);
	if (secret_set_find(s, name, &found))
		return error_set(e, STATUS_CALLER, "the secret '%s' is given twice", name);
	s->list = alloc_resize(s->list, s->count + 1, sizeof(*s->list));
	slot = &s->list[s->count++];
	*slot = (struct secret){ .value = BUF_INIT };
	memcpy(slot->name, name, strlen(name) + 1);
	buf_reserve(&slot->value, value.len);
	guard_memory(&slot->value);
	buf_add_slice(&slot->value, value);
	return true;
}

/* Take one netstring of at most max bytes off the front of *rest. */
static bool take_netstring(struct slice *rest, size_t max, struct slice *out)
{
	struct slice digits = slice_cut(rest, ':');
	uint64_t len;

	if (!slice_to_u64(digits, &len) || len > max || rest->len < len + 1 || rest->ptr[len] != ',')
		return false;
	*out = slice_sub(*rest, 0, len);
	*rest = slice_sub(*rest, len + 1, rest->len);
	return true;
}

/* Read to the end; a buffer that grows is wiped behind, which realloc(3) does not do. */
static bool read_text(int fd, size_t max, struct buf *text, struct error *e)
{
	for (;;) {
		ssize_t n;

		if (text->cap - text->len <= READ_CHUNK) {
			struct buf larger = BUF_INIT;

			buf_reserve(&larger, 2 * text->cap + READ_CHUNK);
			buf_add_slice(&larger, buf_slice(text));
			buf_wipe(text);
			*text = larger;
			guard_memory(text);
		}
		n = read(fd, text->ptr + text->len, READ_CHUNK);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_sys(e, "unable to read the secrets");
		if (n == 0)
			return true;
		text->len += (size_t)n;
		text->ptr[text->len] = '\0';
		if (text->len > max)
			return error_set(e, STATUS_CALLER, "the secrets are larger than %zu bytes", max);
	}
}

bool secret_set_read(int fd, struct secret_set *s, struct error *e)
{
	enum { TEXT_MAX = SECRET_COUNT_MAX * (SECRET_NAME_MAX + 64) + 4 * 1024 * 1024 };
	struct buf text = BUF_INIT;
	struct slice rest;
	bool ok;

	(void)lseek(fd, 0, SEEK_SET); /* fails on a pipe, which is read from where it is */
	ok = read_text(fd, TEXT_MAX, &text, e);
	rest = buf_slice(&text);
	while (ok && rest.len) {
		struct slice name, value;

		if (!take_netstring(&rest, SECRET_NAME_MAX, &name) || memchr(name.ptr, 0, name.len) ||
		    !take_netstring(&rest, SECRET_VALUE_MAX, &value)) {
			ok = error_set(e, STATUS_CALLER, "the secrets are not pairs of netstrings");
		} else {
			AUTO_FREE char *key = alloc_copy(name.ptr, name.len);

			ok = secret_set_add(s, key, value, e);
		}
	}
	buf_wipe(&text);
	return ok;
}

/* Append the listed pairs as netstrings. */
static bool format_pairs(const struct secret_set *s, const char *const *names, size_t n, struct buf *out,
			 struct error *e)
{
	for (size_t i = 0; i < n; i++) {
		struct slice value;

		if (!secret_set_find(s, names[i], &value))
			return error_set(e, STATUS_CALLER, "there is no secret '%s'", names[i]);
		buf_reserve(out, value.len + SECRET_NAME_MAX + 64);
		buf_add_format(out, "%zu:%s,%zu:", strlen(names[i]), names[i], value.len);
		buf_add_slice(out, value);
		buf_add_char(out, ',');
	}
	return true;
}

bool secret_set_write(const struct secret_set *s, const char *const *names, size_t n, int fd, struct error *e)
{
	struct buf text = BUF_INIT;
	bool ok = format_pairs(s, names, n, &text, e) && fd_write_all(fd, buf_slice(&text), "the secrets", e);

	buf_wipe(&text);
	return ok;
}
