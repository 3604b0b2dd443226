/*
 * Front matter: the YAML between two "---" lines at the top of a Markdown file.
 *
 * The first line is "---", the next line that is "---" ends it (blanks behind the
 * dashes are fine); what follows is the body. The whole file is UTF-8 without
 * control characters; a byte order mark at its start is skipped; CRLF is a line
 * end. Pure; may be called after confinement.
 */
#ifndef BB_FRONT_H
#define BB_FRONT_H

#include "yaml.h"

struct front {
	struct slice yaml; /* view of the file's text */
	unsigned line;     /* of the file in which it begins */
	struct slice body; /* view; from the line behind the second "---" */
};

/* Split a file. False with a problem added where it has no front matter or bytes that it may not have. */
bool front_split(struct slice text, const char *file, struct front *front, struct problems *problems);

/* Append a body without white space at its ends and with LF as line end: the prompt of an agent. */
void front_body(const struct front *front, struct buf *out);

#endif
