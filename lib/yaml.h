/*
 * YAML as bot-bottle accepts it: a strict subset of YAML 1.2, read into a tree
 * that knows the place of every key and value.
 *
 * The root is a mapping; keys are scalars. Refused, each with its place:
 * duplicate, empty, explicit ("? ") and non-scalar keys, anchors, aliases, merge
 * keys, tags, directives, several documents, an empty document, a tab in
 * indentation, control characters (also NEL and the Unicode line separators),
 * carriage returns that end no CRLF, bytes that are not UTF-8, a byte order mark
 * anywhere but at byte 0, and what the named limits below exclude. yes, no, on
 * and off are strings. What libyaml lets through although YAML 1.2 does not is
 * refused here: comments without a space before them, continuation lines that
 * are not indented. One leniency: a closing bracket may stand under its key.
 *
 * A tree is made by yaml_load and ended by yaml_release; nodes and their texts
 * are views that live as long as the tree. Nothing here blocks. May be called
 * after confinement. Memory is at most about 12 MiB for the largest text
 * accepted, and is bounded before it is used.
 *
 * This is the only file that includes libyaml. Source: YAML 1.2.2.
 */
#ifndef BB_YAML_H
#define BB_YAML_H

#include <stdint.h>

#include "document.h"
#include "problems.h"

#define YAML_BYTES_MAX (1u << 20)  /* one file: a manifest is written by hand */
#define YAML_DEPTH_MAX 32          /* nesting; ours need seven */
#define YAML_NODES_MAX (1u << 16)  /* keys with their values and list items: 10,000 routes have 50,000 */

enum yaml_type { YAML_SCALAR, YAML_LIST, YAML_MAP };

struct yaml_node {
	enum yaml_type type;
	bool plain;                 /* a scalar without quotes, so it may be a number, true, false or null */
	unsigned line, column;      /* of the value, from 1 */
	unsigned key_line, key_column;
	struct slice key;           /* of a member of a mapping; else the key of nothing, empty */
	struct slice text;          /* of a scalar: UTF-8 without NUL, as meant (escapes undone) */
	struct yaml_node *first;    /* members in the order written */
	struct yaml_node *next;     /* after this one in its parent */
	size_t count;               /* members */
};

struct yaml;

/*
 * Load one document. file is the name for messages and is copied; line is the
 * number of the text's first line (1, or more for text out of a larger file).
 * Returns NULL with at least one problem added when the text is refused.
 */
struct yaml *yaml_load(struct slice text, const char *file, unsigned line, struct problems *problems);
void yaml_release(struct yaml *y);

#define AUTO_YAML __attribute__((cleanup(yaml_auto_release))) struct yaml
void yaml_auto_release(struct yaml **y);

/* The mapping at the top; const char * as it was given. */
const struct yaml_node *yaml_root(const struct yaml *y);
const char *yaml_file(const struct yaml *y);

/* Member of a mapping, or NULL. */
const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key);

/*
 * What a scalar means by the core schema (YAML 1.2.2 §10.3): exactly one of
 * these is true of any scalar. Quoted ones are strings. yaml_is_int is about
 * the form; yaml_int is false when the value does not fit.
 */
bool yaml_is_null(const struct yaml_node *n);
bool yaml_is_bool(const struct yaml_node *n);
bool yaml_is_int(const struct yaml_node *n);
bool yaml_is_float(const struct yaml_node *n);
bool yaml_is_string(const struct yaml_node *n);

bool yaml_bool(const struct yaml_node *n);
bool yaml_int(const struct yaml_node *n, int64_t *value);

/*
 * Append what was found, for people: "a list", "true", "the number 8080", "the string 'on'", "nothing".
 * Long texts are cut; with hide the text is not shown.
 */
void yaml_describe(const struct yaml_node *n, bool hide, struct buf *out);

/* Append a text as it is, cut to about 60 bytes between characters: for messages, which are escaped when printed. */
void yaml_add_cut(struct slice text, struct buf *out);

/* Add a problem at the first byte that is not UTF-8; line is the number of the text's first line. True when all is. */
bool yaml_check_utf8(struct slice text, const char *file, unsigned line, struct problems *problems);

#endif
