/*
 * JSON documents: what the programs hand each other.
 *
 * A document is one JSON object with "kind" (the word of the manual) and "v" (a
 * whole number). Reading is strict: UTF-8 without NUL, no duplicate key, nothing
 * after the value but white space, no unknown key, no wrong type. Duplicates,
 * order and depth are settled here so that two readers never see two documents.
 *
 * A doc is a value of a tree. doc_read and the doc_new_* functions return one
 * that the caller owns and ends with doc_release; doc_get and the accessors
 * return views that live as long as the tree does. doc_put and doc_append take
 * ownership of what they are given.
 *
 * Accessors are for documents that doc_check accepted: an absent optional member
 * reads as NULL, the empty slice, 0 or false.
 *
 * Memory is bounded by the text's size (DOCUMENT_MAX). Reading from a descriptor
 * blocks; everything else is pure and may be called after confinement, provided
 * that document_seed was called before it.
 *
 * Source: RFC 8259; I-JSON (RFC 7493) for duplicates and numbers.
 */
#ifndef BB_DOCUMENT_H
#define BB_DOCUMENT_H

#include <stdint.h>

#include "buf.h"
#include "error.h"

#define DOCUMENT_MAX (64u << 20) /* bytes of one document's text: a plan that carries files */
#define DOCUMENT_DEPTH_MAX 64    /* nesting; ours need ten */

struct doc;

enum doc_type {
	DOC_NULL = 1,
	DOC_BOOL = 2,
	DOC_INT = 4,
	DOC_REAL = 8,
	DOC_STR = 16,
	DOC_ARRAY = 32,
	DOC_OBJECT = 64,
};

/* One member of an object; a table of them ends with { .name = NULL }. */
struct doc_field {
	const char *name;
	unsigned types; /* doc_type values ORed */
	bool required;
};

/* Draw the hash seed from the kernel. Call before confinement and before anything else here. */
void document_seed(void);
/* The same with a seed that the caller drew: for a program that may not ask the kernel. */
void document_seed_with(uint32_t seed);

/* Parse text as any JSON value. Returns NULL with "line L, column C: …" on error. */
struct doc *doc_parse(struct slice text, struct error *e);

/* Read a whole descriptor as a document of this kind and version. */
struct doc *doc_read(int fd, const char *kind, int64_t version, struct error *e);

/* Check kind and version of a parsed value; an object of another kind is an error. */
bool doc_is(const struct doc *d, const char *kind, int64_t version, struct error *e);

/*
 * Check an object against its table: unknown, missing and wrongly typed members
 * are errors that name path ("plan.bottle") and member. "kind" and "v" are always allowed.
 */
bool doc_check(const struct doc *d, const char *path, const struct doc_field *fields, struct error *e);

void doc_release(struct doc *d);
/* Another owner of the same tree. */
struct doc *doc_retain(const struct doc *d);
/* A tree of its own. */
struct doc *doc_copy(const struct doc *d);
bool doc_equal(const struct doc *a, const struct doc *b);

#define AUTO_DOC __attribute__((cleanup(doc_auto_release))) struct doc
void doc_auto_release(struct doc **d);

/* DOC_NULL for NULL. */
enum doc_type doc_type_of(const struct doc *d);

/* Member of an object; NULL when absent, null, or d is NULL. */
const struct doc *doc_get(const struct doc *d, const char *key);
/* Text of a member, a string without NUL, "" when absent; doc_get_cstr gives NULL when absent. */
struct slice doc_get_str(const struct doc *d, const char *key);
const char *doc_get_cstr(const struct doc *d, const char *key);
int64_t doc_get_int(const struct doc *d, const char *key);
bool doc_get_bool(const struct doc *d, const char *key);

/* The value itself. */
struct slice doc_str(const struct doc *d);
const char *doc_cstr(const struct doc *d);
int64_t doc_int(const struct doc *d);
bool doc_bool(const struct doc *d);

/* Elements of an array; 0 for anything else, so that absent lists are empty ones. */
size_t doc_count(const struct doc *d);
const struct doc *doc_at(const struct doc *d, size_t index);

/* Members of an object in the order they were written: call fn until it returns false. */
typedef bool doc_member_fn(void *ctx, const char *key, const struct doc *value);
bool doc_each(const struct doc *d, doc_member_fn *fn, void *ctx);

/*
 * Making documents. Text must be UTF-8 without NUL; doc_new_str ends the program otherwise: check foreign text first.
 */
struct doc *doc_new(const char *kind, int64_t version);
struct doc *doc_new_object(void);
struct doc *doc_new_array(void);
struct doc *doc_new_str(struct slice s);
struct doc *doc_new_int(int64_t v);
struct doc *doc_new_bool(bool v);
struct doc *doc_new_null(void);

/* Set a member (replacing one of that name); value is consumed. Returns value as a view of the tree. */
struct doc *doc_put(struct doc *object, const char *key, struct doc *value);
void doc_put_str(struct doc *object, const char *key, const char *s);
void doc_put_slice(struct doc *object, const char *key, struct slice s);
void doc_put_int(struct doc *object, const char *key, int64_t v);
void doc_put_bool(struct doc *object, const char *key, bool v);
struct doc *doc_append(struct doc *array, struct doc *value);
void doc_append_str(struct doc *array, const char *s);
/* Remove a member; false when there was none. */
bool doc_remove(struct doc *object, const char *key);

/* Append as text: on one line, or indented by two with pretty. No newline at the end. */
void doc_format(const struct doc *d, bool pretty, struct buf *out);

/*
 * Append the text of a document with every character that is not visible ASCII as \uXXXX, as
 * such characters stand in strings only: for documents that a terminal may show.
 */
void doc_ascii(struct slice json, struct buf *out);

/* Write to a descriptor in one go, with a newline. Blocks. */
bool doc_write(const struct doc *d, int fd, struct error *e);

#endif
