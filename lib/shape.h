/*
 * Shapes: what a tree of YAML must look like, and what document it becomes.
 *
 * A format is a table of shapes. From it come the check of every key and value,
 * the list of allowed keys and the "did you mean" of an unknown one, the text of
 * old spellings, the normalised document, the place each value came from, and
 * the JSON Schema for editors: nothing is said twice.
 *
 * Shapes are const data. shape_read adds a problem for everything that is wrong
 * ("file:line:column: subject: key.path: found …, wanted …") and returns a new
 * document owned by the caller, or NULL when it or anything below was wrong.
 * Nothing here blocks. May be called after confinement.
 */
#ifndef BB_SHAPE_H
#define BB_SHAPE_H

#include "document.h"
#include "yaml.h"

enum shape_type {
	SHAPE_ANY,    /* anything, dropped: the key may be there for other programs */
	SHAPE_STRING, /* a string */
	SHAPE_TEXT,   /* any scalar but null, as it is written: 0755 stays "0755" */
	SHAPE_BOOL,   /* true or false */
	SHAPE_INT,    /* a whole number from min to max */
	SHAPE_WORD,   /* one of words */
	SHAPE_LIST,   /* of items */
	SHAPE_MAP,    /* of names that the file chooses to items */
	SHAPE_OBJECT, /* of fields */
	SHAPE_CUSTOM, /* what read makes of it */
};

struct shape;
struct shape_reader;

/* Make a document of a node, or add a problem and return NULL. */
typedef struct doc *shape_read_fn(struct shape_reader *r, const struct shape *s, const struct yaml_node *n);

/* Check, or put into canonical form (append to out), a text; false with *why ("not a host name"). */
typedef bool shape_text_fn(struct slice text, struct buf *out, const char **why);

/* Look at a complete object or list once its parts are right; add problems with shape_problem; false when it did. */
typedef bool shape_check_fn(struct shape_reader *r, const struct yaml_node *n, struct doc *d);

struct shape_field {
	const char *name;          /* as in the file */
	const struct shape *shape; /* NULL for an old spelling */
	bool required;
	const char *as;            /* its name in the document; NULL: the same */
	const char *help;          /* one line for the schema */
	const char *instead;       /* of an old or misplaced key: what to write; such a key is always an error */
};

struct shape {
	enum shape_type type;
	const char *wanted;               /* ends the sentence "found …, wanted …" */
	bool hide;                        /* the text may be a pasted secret: messages do not show it */
	int64_t min, max;                 /* SHAPE_INT; of a list, the fewest and most items (0: no most) */
	const char *const *words;         /* SHAPE_WORD, ends with NULL; matched exactly */
	shape_text_fn *text;              /* SHAPE_STRING, SHAPE_TEXT; may be NULL */
	shape_text_fn *name;              /* SHAPE_MAP: check of its names */
	const struct shape *item;         /* SHAPE_LIST, SHAPE_MAP */
	const struct shape_field *fields; /* SHAPE_OBJECT; ends with { .name = NULL } */
	shape_check_fn *check;            /* SHAPE_OBJECT, SHAPE_LIST, SHAPE_MAP; may be NULL */
	shape_read_fn *read;              /* SHAPE_CUSTOM */
	const char *pattern;              /* regular expression of a string or of a map's names, for the schema */
	const char *schema;               /* SHAPE_CUSTOM: its JSON Schema */
};

/* One reading of one file. Zero it, fill in the first group, end with shape_reader_release. */
struct shape_reader {
	const char *file;
	const char *subject;        /* "bottle 'web'", or NULL */
	struct problems *problems;
	struct problems *notes;     /* for what is not wrong; may be NULL */
	struct doc *origin;         /* object that gets the places of all values, or NULL; see below */

	struct buf path;            /* where the reading is: "egress.routes[0].host" */
};

/*
 * Origins are a tree like the document's: the place of a scalar is the string
 * "file:line:column", that of a list or mapping an object with its own place
 * under "at" and those of its members, by their names in the document or in
 * order, under "in".
 */

void shape_reader_release(struct shape_reader *r);
#define AUTO_SHAPE_READER __attribute__((cleanup(shape_reader_release))) struct shape_reader

struct doc *shape_read(struct shape_reader *r, const struct shape *s, const struct yaml_node *n);

/*
 * Add a problem at a value: "subject: path: …". Returns false. key (may be NULL) is a member of it to name and point
 * at.
 */
bool shape_problem(struct shape_reader *r, const struct yaml_node *n, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* The same for something that is not wrong. */
void shape_note(struct shape_reader *r, const struct yaml_node *n, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* The one of names nearest to text by edits, when it is near enough to be a slip; else NULL. names ends with NULL. */
const char *shape_nearest(struct slice text, const char *const *names);

/* The JSON Schema (draft 2020-12) of a shape, a new document. */
struct doc *shape_schema(const struct shape *s);

#endif
