#include "gitstore.h"

#include <git2.h>
#include <git2/sys/odb_backend.h>
#include <git2/sys/repository.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include "alloc.h"

/* Linux only: what libgit2 asks of the kernel to read packs and loose objects. */
const struct confine_call gitstore_calls[] = {
	CONFINE_ALLOW(__NR_openat),	CONFINE_ALLOW(__NR_read),    CONFINE_ALLOW(__NR_pread64),
	CONFINE_ALLOW(__NR_fstat),	CONFINE_ALLOW(__NR_newfstatat), CONFINE_ALLOW(__NR_lseek),
	CONFINE_ALLOW(__NR_getdents64), CONFINE_ALLOW(__NR_readlinkat), CONFINE_ALLOW(__NR_fcntl),
	CONFINE_ALLOW(__NR_getcwd),	CONFINE_ALLOW(__NR_faccessat),
#ifdef __NR_open
	CONFINE_ALLOW(__NR_open),	CONFINE_ALLOW(__NR_stat),    CONFINE_ALLOW(__NR_lstat),
	CONFINE_ALLOW(__NR_access),	CONFINE_ALLOW(__NR_readlink),
#endif
#ifdef __NR_faccessat2
	CONFINE_ALLOW(__NR_faccessat2),
#endif
	CONFINE_END,
};

struct gitstore {
	git_odb *fresh, *known, *all; /* fresh and known may be NULL */
	git_repository *repo;         /* of all: for walking */
};

/* Set an error from the library's. */
static bool fail(struct error *e, const char *what)
{
	const git_error *last = git_error_last();

	return error_set(e, STATUS_WORLD, "%s: %s", what, last && last->message ? last->message : "unknown reason");
}

/* Add the packs and loose objects of a directory. */
static bool add_directory(git_odb *odb, const char *dir, int priority, struct error *e)
{
	git_odb_backend *backend;

	if (git_odb_backend_pack(&backend, dir) < 0 || git_odb_add_backend(odb, backend, priority) < 0 ||
	    git_odb_backend_loose(&backend, dir, -1, 0, 0, 0) < 0 ||
	    git_odb_add_backend(odb, backend, priority - 1) < 0)
		return fail(e, "unable to open the objects");
	return true;
}

/* One database over one directory; NULL stays NULL. */
static bool open_one(git_odb **odb, const char *dir, struct error *e)
{
	if (!dir)
		return true;
	return git_odb_new(odb) == 0 ? add_directory(*odb, dir, 2, e) : fail(e, "unable to open the objects");
}

struct gitstore *gitstore_open(const char *fresh, const char *known, struct error *e)
{
	struct gitstore *s = alloc_zero(1, sizeof(*s));

	git_libgit2_init();
	if (!open_one(&s->fresh, fresh, e) || !open_one(&s->known, known, e))
		goto failed;
	if (git_odb_new(&s->all) < 0) {
		fail(e, "unable to open the objects");
		goto failed;
	}
	if ((fresh && !add_directory(s->all, fresh, 4, e)) || (known && !add_directory(s->all, known, 2, e)))
		goto failed;
	if (git_repository_wrap_odb(&s->repo, s->all) < 0) {
		fail(e, "unable to open the objects");
		goto failed;
	}
	return s;
failed:
	gitstore_release(s);
	return NULL;
}

void gitstore_release(struct gitstore *s)
{
	if (!s)
		return;
	git_repository_free(s->repo);
	git_odb_free(s->all);
	git_odb_free(s->fresh);
	git_odb_free(s->known);
	git_libgit2_shutdown();
	free(s);
}

struct each {
	struct gitstore *store;
	gitstore_fn *fn;
	void *ctx;
	struct error *e;
};

/* libgit2's form of the callback. */
static int take_object(const git_oid *oid, void *ctx)
{
	struct each *each = ctx;
	struct git_id id;

	memcpy(id.bytes, oid->id, GIT_ID_SIZE);
	if (gitstore_is_known(each->store, &id))
		return 0;
	return each->fn(each->ctx, &id, each->e) ? 0 : GIT_EUSER;
}

bool gitstore_each(struct gitstore *s, gitstore_fn *fn, void *ctx, struct error *e)
{
	struct each each = { s, fn, ctx, e };
	int r = s->fresh ? git_odb_foreach(s->fresh, take_object, &each) : 0;

	if (r == GIT_EUSER)
		return false;
	return r == 0 || fail(e, "unable to list the objects");
}

static git_oid to_oid(const struct git_id *id)
{
	git_oid oid = { 0 };

	memcpy(oid.id, id->bytes, GIT_ID_SIZE);
	return oid;
}

bool gitstore_is_known(struct gitstore *s, const struct git_id *id)
{
	git_oid oid = to_oid(id);

	return s->known && git_odb_exists_ext(s->known, &oid, GIT_ODB_LOOKUP_NO_REFRESH);
}

/* Our name for a type; false when it is none that can be pushed. */
static bool take_type(git_object_t t, enum git_type *type)
{
	*type = (enum git_type)t;
	return t == GIT_OBJECT_COMMIT || t == GIT_OBJECT_TREE || t == GIT_OBJECT_BLOB || t == GIT_OBJECT_TAG;
}

/* Say which object could not be read. */
static bool fail_object(const struct git_id *id, struct error *e)
{
	char hex[GIT_ID_HEX];

	git_id_format(id, hex);
	fail(e, "unable to read it");
	return error_wrap(e, "object %s", hex);
}

bool gitstore_look(struct gitstore *s, const struct git_id *id, enum git_type *type, uint64_t *size, struct error *e)
{
	git_oid oid = to_oid(id);
	git_object_t t;
	size_t len;

	if (git_odb_read_header(&len, &t, s->all, &oid) < 0 || !take_type(t, type))
		return fail_object(id, e);
	*size = len;
	return true;
}

bool gitstore_read(struct gitstore *s, const struct git_id *id, enum git_type *type, struct buf *out, struct error *e)
{
	git_oid oid = to_oid(id);
	git_odb_object *object = NULL;

	if (git_odb_read(&object, s->all, &oid) < 0 || !take_type(git_odb_object_type(object), type)) {
		git_odb_object_free(object);
		return fail_object(id, e);
	}
	buf_truncate(out, 0);
	buf_add(out, git_odb_object_data(object), git_odb_object_size(object));
	git_odb_object_free(object);
	return true;
}

bool gitstore_descends(struct gitstore *s, const struct git_id *commit, const struct git_id *ancestor, bool *yes,
		       struct error *e)
{
	git_oid a = to_oid(commit), b = to_oid(ancestor);
	int r = git_graph_descendant_of(s->repo, &a, &b);

	if (r < 0)
		return fail_object(commit, e);
	*yes = r == 1;
	return true;
}

bool git_id_parse(struct slice text, struct git_id *id)
{
	if (text.len != 2 * GIT_ID_SIZE)
		return false;
	for (size_t i = 0; i < GIT_ID_SIZE; i++) {
		int high = ascii_hex(text.ptr[2 * i]), low = ascii_hex(text.ptr[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		id->bytes[i] = (uint8_t)(high * 16 + low);
	}
	return true;
}

void git_id_format(const struct git_id *id, char out[GIT_ID_HEX])
{
	for (size_t i = 0; i < GIT_ID_SIZE; i++)
		snprintf(out + 2 * i, 3, "%02x", id->bytes[i]);
}

bool git_id_is_zero(const struct git_id *id)
{
	static const struct git_id zero;

	return git_id_eq(id, &zero);
}
