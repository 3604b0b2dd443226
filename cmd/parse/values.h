/*
 * Values of a manifest that are more than a scalar: names, variables, sizes,
 * durations, and the shapes of them. Shared by bottles, agents and providers.
 * Pure.
 */
#ifndef BB_PARSE_VALUES_H
#define BB_PARSE_VALUES_H

#include "shape.h"

extern const struct shape value_bool;
extern const struct shape value_name;     /* of a bottle or agent */
extern const struct shape value_names;    /* a name or a list of them; becomes a list */
extern const struct shape value_line;     /* a string of one line */
extern const struct shape value_variable; /* name of a variable of the host; the text is not shown in messages */
extern const struct shape value_env;      /* NAME → what the bottle's variable is: env of a bottle */
extern const struct shape value_log;      /* egress.log */
extern const struct shape value_limits;

/* Whether the launcher sets a variable itself, so that a manifest may not. */
bool value_is_owned_variable(const char *name);

/* Whether a text is a variable's name: ^[A-Za-z_][A-Za-z0-9_]*$. */
bool value_is_variable(struct slice s);

/* shape_text_fn: one line without control characters, not empty. */
bool value_check_line(struct slice text, struct buf *out, const char **why);

/* shape_text_fn: name of a variable of the bottle that the launcher does not own. */
bool value_check_env_name(struct slice text, struct buf *out, const char **why);

#endif
