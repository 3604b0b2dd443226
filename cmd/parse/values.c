#include "cmd/parse/values.h"

#include "alloc.h"
#include "cmd/parse/home.h"

#define NAME_PATTERN "^[a-z][a-z0-9-]*$"
#define VARIABLE_PATTERN "^[A-Za-z_][A-Za-z0-9_]*$"
#define MEMORY_MIN (16ll << 20) /* bytes: less is a slip of the unit, nothing starts in it */
#define SIZE_MAX_BYTES (1ll << 50)
#define PIDS_MAX 4194304        /* the kernel's own limit of process ids */
#define WALL_MAX (366ll * 86400)

const struct shape value_bool = { .type = SHAPE_BOOL };

/* --- names and lines --- */

/* Name of a bottle or agent. */
static bool check_name(struct slice text, struct buf *out, const char **why)
{
	if (!home_is_name(text))
		return *why = "lower-case letters, digits and '-', a letter first", false;
	buf_add_slice(out, text);
	return true;
}

const struct shape value_name = { .type = SHAPE_STRING, .wanted = "a name", .text = check_name,
				  .pattern = NAME_PATTERN };
static const struct shape name_list = { .type = SHAPE_LIST, .wanted = "a name or a list of names", .item = &value_name,
					.min = 1, .max = 64 };

/* A name, or a list of them: a list. */
static struct doc *read_names(struct shape_reader *r, const struct shape *s, const struct yaml_node *n)
{
	struct doc *one, *list;

	(void)s;
	if (n->type != YAML_SCALAR)
		return shape_read(r, &name_list, n);
	one = shape_read(r, &value_name, n);
	if (!one)
		return NULL;
	list = doc_new_array();
	doc_append(list, one);
	return list;
}

const struct shape value_names = {
	.type = SHAPE_CUSTOM, .read = read_names,
	.schema = "{\"anyOf\":[{\"type\":\"string\",\"pattern\":\"" NAME_PATTERN "\"},"
		  "{\"type\":\"array\",\"minItems\":1,\"items\":{\"type\":\"string\","
		  "\"pattern\":\"" NAME_PATTERN "\"}}]}",
};

bool value_check_line(struct slice text, struct buf *out, const char **why)
{
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7F)
			return *why = "it holds a line break or a control character", false;
	buf_add_slice(out, text);
	return true;
}

const struct shape value_line = { .type = SHAPE_STRING, .wanted = "one line of text", .text = value_check_line };

/* --- variables --- */

bool value_is_variable(struct slice s)
{
	if (!s.len || ascii_is_digit(s.ptr[0]))
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!ascii_is_alpha(s.ptr[i]) && !ascii_is_digit(s.ptr[i]) && s.ptr[i] != '_')
			return false;
	return true;
}

/* Name of a variable of the host. */
static bool check_variable(struct slice text, struct buf *out, const char **why)
{
	if (!value_is_variable(text))
		return *why = "letters, digits and '_', and no digit first", false;
	buf_add_slice(out, text);
	return true;
}

const struct shape value_variable = { .type = SHAPE_STRING, .wanted = "the name of an environment variable",
				      .text = check_variable, .pattern = VARIABLE_PATTERN, .hide = true };

bool value_is_owned_variable(const char *name)
{
	static const char *const owned[] = {
		/* the way out */
		"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "FTP_PROXY", "NO_PROXY", "http_proxy", "https_proxy",
		"all_proxy", "ftp_proxy", "no_proxy", "NODE_USE_ENV_PROXY",
		/* whom to trust */
		"NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
		"GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "PIP_CERT", "CARGO_HTTP_CAINFO", "CODEX_CA_CERTIFICATE",
		/* who and where the agent is, and which programs it finds */
		"PATH", "HOME", "USER", "LOGNAME", "PWD", "OLDPWD", "HOSTNAME", "LD_PRELOAD", "LD_LIBRARY_PATH",
		"LD_AUDIT",
		/* the prompt of providers that take it from a variable */
		"BOT_BOTTLE_PROMPT",
	};

	for (size_t i = 0; i < COUNT_OF(owned); i++)
		if (strcmp(owned[i], name) == 0)
			return true;
	return false;
}

bool value_check_env_name(struct slice text, struct buf *out, const char **why)
{
	AUTO_FREE char *name = alloc_copy(text.ptr, text.len);

	if (!value_is_variable(text))
		return *why = "letters, digits and '_', and no digit first", false;
	if (value_is_owned_variable(name))
		return *why = "another one: the launcher sets this itself", false;
	buf_add_slice(out, text);
	return true;
}

/* The name in "${NAME}", or the empty slice. */
static struct slice whole_reference(struct slice text)
{
	struct slice name = slice_sub(text, 2, text.len ? text.len - 1 : 0);

	return slice_starts(text, SLICE("${")) && slice_ends(text, SLICE("}")) && value_is_variable(name) ? name
													  : SLICE("");
}

/*
 * A value of env: "?text" is asked for, exactly "${NAME}" is copied from the
 * host, anything else is meant as it is written.
 */
static struct doc *read_env_value(struct shape_reader *r, const struct shape *s, const struct yaml_node *n)
{
	static const struct shape text = { .type = SHAPE_TEXT, .wanted = "a string", .hide = true };
	AUTO_DOC *value = shape_read(r, &text, n);
	struct slice reference;
	struct doc *d;

	(void)s;
	if (!value)
		return NULL;
	d = doc_new_object();
	reference = whole_reference(n->text);
	if (slice_starts(n->text, SLICE("?"))) {
		struct slice prompt = slice_trim(slice_sub(n->text, 1, n->text.len), " \t\n");
		struct slice path = buf_slice(&r->path);

		if (!prompt.len) /* the variable's name, as it stands behind the last dot of "env.NAME" */
			prompt = slice_sub(path, strlen("env."), path.len);
		doc_put_str(d, "source", "prompt");
		doc_put_slice(d, "prompt", prompt);
	} else if (reference.len) {
		doc_put_str(d, "source", "host");
		doc_put_slice(d, "host", reference);
	} else {
		doc_put_str(d, "source", "literal");
		doc_put(d, "value", STEAL(value));
		if (slice_search(n->text, SLICE("${")) != SLICE_NONE)
			shape_note(r, n, NULL, "taken as it is written: only a value that is exactly '${NAME}' is "
					       "copied from the host");
	}
	return d;
}

static const struct shape env_value = {
	.type = SHAPE_CUSTOM, .read = read_env_value,
	.schema = "{\"type\":[\"string\",\"number\",\"boolean\"],"
		  "\"description\":\"the value; '?TEXT' is asked for at start, exactly '${NAME}' is copied from the "
		  "host\"}",
};
const struct shape value_env = { .type = SHAPE_MAP, .wanted = "a mapping of names to strings",
				 .name = value_check_env_name,
				 .item = &env_value, .pattern = VARIABLE_PATTERN };

/* --- egress.log --- */

/* 0, 1, 2 or the word for it: the word. */
static struct doc *read_log(struct shape_reader *r, const struct shape *s, const struct yaml_node *n)
{
	static const char *const words[] = { "off", "blocks", "full", NULL };
	static const struct shape word = { .type = SHAPE_WORD, .words = words };
	int64_t level;

	(void)s;
	if (yaml_is_int(n)) {
		if (yaml_int(n, &level) && level >= 0 && level <= 2)
			return doc_new_str(slice_str(words[level]));
		shape_problem(r, n, NULL, "found the number %.*s, wanted 0, 1 or 2 (or off, blocks, full)",
			      (int)(n->text.len < 20 ? n->text.len : 20), n->text.ptr);
		return NULL;
	}
	return shape_read(r, &word, n);
}

const struct shape value_log = { .type = SHAPE_CUSTOM, .read = read_log,
				 .schema = "{\"enum\":[0,1,2,\"off\",\"blocks\",\"full\"]}" };

/* --- limits --- */

/* The factor of a unit: the first of its letters counts, "b" or "ib" may follow. 0 when there is no such unit. */
static int64_t size_unit(struct slice unit)
{
	static const char letters[] = "kmgt";
	const char *letter;

	if (slice_eq_fold(unit, SLICE("")) || slice_eq_fold(unit, SLICE("b")))
		return 1;
	letter = strchr(letters, ascii_lower(unit.ptr[0]));
	unit = slice_sub(unit, 1, unit.len);
	if (!letter ||
	    !(slice_eq_fold(unit, SLICE("")) || slice_eq_fold(unit, SLICE("b")) || slice_eq_fold(unit, SLICE("ib"))))
		return 0;
	return (int64_t)1 << (10 * (letter - letters + 1));
}

/* Take a decimal number below 10^12 off the front. */
static bool take_number(struct slice *s, int64_t *value)
{
	size_t n = 0;

	*value = 0;
	for (; n < s->len && ascii_is_digit(s->ptr[n]) && n < 13; n++)
		*value = *value * 10 + (s->ptr[n] - '0');
	*s = slice_sub(*s, n, s->len);
	return n > 0 && n < 13;
}

/* The scalar of a limit, as it is written; NULL with a problem for anything else. */
static const struct yaml_node *limit_text(struct shape_reader *r, const struct shape *s, const struct yaml_node *n)
{
	AUTO_BUF found = BUF_INIT;

	if (n->type == YAML_SCALAR && !yaml_is_null(n) && !yaml_is_bool(n))
		return n;
	yaml_describe(n, false, &found);
	shape_problem(r, n, NULL, "found %s, wanted %s", buf_str(&found), s->wanted);
	return NULL;
}

/* Refuse a limit. */
static struct doc *refuse_limit(struct shape_reader *r, const struct shape *s, const struct yaml_node *n)
{
	AUTO_BUF found = BUF_INIT;

	yaml_describe(n, false, &found);
	shape_problem(r, n, NULL, "found %s, wanted %s", buf_str(&found), s->wanted);
	return NULL;
}

/* A size: bytes. */
static struct doc *read_size(struct shape_reader *r, const struct shape *s, const struct yaml_node *n)
{
	struct slice rest = n->text;
	int64_t value, unit;

	if (!limit_text(r, s, n))
		return NULL;
	if (!take_number(&rest, &value))
		return refuse_limit(r, s, n);
	unit = size_unit(slice_trim(rest, " "));
	if (!unit || value > SIZE_MAX_BYTES / unit || value * unit < s->min)
		return refuse_limit(r, s, n);
	return doc_new_int(value * unit);
}

/* A number of processors with at most three decimals: its text. */
static struct doc *read_cpus(struct shape_reader *r, const struct shape *s, const struct yaml_node *n)
{
	struct slice rest = n->text, whole, fraction;
	int64_t units, parts = 0;
	bool point;

	if (!limit_text(r, s, n))
		return NULL;
	point = slice_find(rest, '.') != SLICE_NONE;
	whole = slice_cut(&rest, '.');
	fraction = rest;
	if (!take_number(&whole, &units) || whole.len || units > 1024)
		return refuse_limit(r, s, n);
	if (point && (fraction.len > 3 || !take_number(&fraction, &parts) || fraction.len))
		return refuse_limit(r, s, n);
	return units || parts ? doc_new_str(n->text) : refuse_limit(r, s, n);
}

/* A duration, "90s", "1h30m": seconds. */
static struct doc *read_duration(struct shape_reader *r, const struct shape *s, const struct yaml_node *n)
{
	static const char letters[] = "smhd";
	static const int64_t seconds[] = { 1, 60, 3600, 86400 };
	struct slice rest = n->text;
	int64_t total = 0, value;

	if (!limit_text(r, s, n))
		return NULL;
	while (rest.len) {
		const char *letter;

		if (!take_number(&rest, &value) || !rest.len || value > WALL_MAX)
			return refuse_limit(r, s, n);
		letter = rest.ptr[0] ? strchr(letters, ascii_lower(rest.ptr[0])) : NULL;
		if (!letter)
			return refuse_limit(r, s, n);
		total += value * seconds[letter - letters];
		rest = slice_sub(rest, 1, rest.len);
	}
	return total > 0 && total <= WALL_MAX ? doc_new_int(total) : refuse_limit(r, s, n);
}

#define SIZE_SCHEMA "{\"anyOf\":[{\"type\":\"integer\",\"minimum\":1},"						\
		    "{\"type\":\"string\",\"pattern\":\"^[0-9]+ *([kKmMgGtT]([iI]?[bB])?|[bB])?$\"}]}"
static const struct shape memory_shape = { .type = SHAPE_CUSTOM, .read = read_size, .min = MEMORY_MIN,
					   .schema = SIZE_SCHEMA,
					   .wanted = "a size of at least 16m with its unit, like 512m or 4g" };
static const struct shape disk_shape = { .type = SHAPE_CUSTOM, .read = read_size, .min = MEMORY_MIN,
					 .schema = SIZE_SCHEMA,
					 .wanted = "a size of at least 16m with its unit, like 512m or 10g" };
static const struct shape cpus_shape = { .type = SHAPE_CUSTOM, .read = read_cpus,
					 .wanted = "a number of processors, like 2 or 1.5, at most 1024",
					 .schema = "{\"anyOf\":[{\"type\":\"number\",\"exclusiveMinimum\":0,"
						   "\"maximum\":1024},"
						   "{\"type\":\"string\",\"pattern\":\"^[0-9]+([.][0-9]{1,3})?$\"}]}" };
static const struct shape pids_shape = { .type = SHAPE_INT, .wanted = "a number of processes from 1 to 4194304",
					 .min = 1,
					 .max = PIDS_MAX };
static const struct shape wall_shape = { .type = SHAPE_CUSTOM, .read = read_duration,
					 .wanted = "a time with its unit, like 90s, 30m, 1h30m or 2d, at most 366d",
					 .schema = "{\"type\":\"string\",\"pattern\":\"^([0-9]+[smhdSMHD])+$\"}" };
static const struct shape_field limits_fields[] = {
	{ .name = "memory", .shape = &memory_shape, .help = "of all processes: 512m, 4g" },
	{ .name = "cpus", .shape = &cpus_shape, .help = "processors: 2, 1.5" },
	{ .name = "pids", .shape = &pids_shape, .help = "processes and threads" },
	{ .name = "disk", .shape = &disk_shape, .help = "what the agent may write: 10g" },
	{ .name = "wall", .shape = &wall_shape, .help = "time until the bottle is stopped: 30m, 2h" },
	{ .name = NULL },
};
const struct shape value_limits = { .type = SHAPE_OBJECT, .wanted = "a mapping of limits", .fields = limits_fields };
