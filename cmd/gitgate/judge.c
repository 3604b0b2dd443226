#include "judge.h"

#include <errno.h>
#include <fnmatch.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "alloc.h"
#include "confine.h"
#include "fd.h"
#include "inspect.h"
#include "limits.h"
#include "objects.h"
#include "program.h"

struct judge {
	const struct push_request *request;
	const struct doc *report; /* of gitleaks, or NULL */
	bool walk; /* what is new is found by walking, not by where it lies */
	struct gitstore *store;
	struct inspector *inspector;
	struct objects objects;
	struct doc *verdict, *problems, *suppressed;
	uint64_t bytes, work; /* of the texts; with what was decoded of them */
	/* What is being looked at: */
	const struct object *object;
	const char *place;
	struct slice path;
	bool refs_hide, paths_hide; /* a name holds what must not be shown: none of its kind is */
};

struct judge *judge_open(const struct push_request *r, bool walk, struct fingerprints *known, struct error *e)
{
	struct judge *j = alloc_zero(1, sizeof(*j));

	j->request = r;
	j->walk = walk;
	j->inspector = inspector_new(r->rules, known, PUSH_WORK_MAX, e);
	j->store = j->inspector ? gitstore_open(r->fresh, r->known, e) : NULL;
	if (j->store)
		return j;
	judge_release(j);
	return NULL;
}

void judge_release(struct judge *j)
{
	gitstore_release(j->store);
	inspector_release(j->inspector);
	objects_release(&j->objects);
	doc_release(j->verdict);
	free(j);
}

/* Text of the bottle's for a document: what is no UTF-8 or NUL is replaced by '?'. */
static void put_text(struct doc *d, const char *key, struct slice text)
{
	AUTO_BUF clean = BUF_INIT;

	if (slice_is_utf8(text) && slice_find(text, '\0') == SLICE_NONE) {
		doc_put_slice(d, key, text);
		return;
	}
	for (size_t i = 0; i < text.len; i++)
		buf_add_char(&clean, (unsigned char)text.ptr[i] < 128 && text.ptr[i] ? text.ptr[i] : '?');
	doc_put_slice(d, key, buf_slice(&clean));
}

/* Whether a history holds a commit: the slow way, for the few that are found wanting. */
static bool ref_holds(struct judge *j, const struct ref_update *u, const struct git_id *id)
{
	struct error ignored = ERROR_INIT;
	bool yes = false;

	return git_id_eq(&u->new, id) || (gitstore_descends(j->store, &u->new, id, &yes, &ignored) && yes);
}

/* Name the ref through which an object would become part of the remote. */
static void put_ref(struct judge *j, struct doc *problem, const struct object *x)
{
	const struct object *commit = x ? objects_commit(&j->objects, x) : NULL;
	char hex[GIT_ID_HEX];

	if (commit) {
		git_id_format(&commit->id, hex);
		doc_put_str(problem, "commit", hex);
	}
	for (size_t i = 0; i < j->request->n_refs && !j->refs_hide; i++) {
		const struct ref_update *u = &j->request->refs[i];

		if (u->deletes || (j->request->n_refs > 1 &&
				   !ref_holds(j, u, commit ? &commit->id : x ? &x->id : &u->new)))
			continue;
		doc_put_str(problem, "ref", u->name);
		return;
	}
}

/* Add a problem of a ref, or of the whole push. */
static void refuse(struct judge *j, const char *ref, const char *rule, const char *text)
{
	struct doc *problem;

	if (doc_count(j->problems) == PUSH_FINDINGS_MAX)
		return;
	problem = doc_append(j->problems, doc_new_object());
	if (ref && !j->refs_hide)
		put_text(problem, "ref", slice_str(ref));
	doc_put_str(problem, "rule", rule);
	if (text)
		put_text(problem, "place", slice_str(text));
}

/* Where a finding is, in words. */
static void put_place(const struct judge *j, struct doc *d, const struct inspect_finding *f)
{
	AUTO_BUF text = BUF_INIT;

	if (j->path.len) {
		buf_add_slice(&text, j->paths_hide ? SLICE("a file whose name is not shown") : j->path);
		if (f->line)
			buf_add_format(&text, ":%u", f->line);
	} else {
		buf_add_str(&text, j->place);
	}
	if (f->form)
		buf_add_format(&text, " (%s)", f->form);
	put_text(d, "place", buf_slice(&text));
}

/* Take one finding of the inspector's. */
static void take_finding(struct judge *j, const struct inspect_finding *f)
{
	bool may_pass = f->allowed && j->object && j->object->type == GIT_BLOB && !f->limit;
	struct doc *list = may_pass ? j->suppressed : j->problems, *d;
	char hex[GIT_ID_HEX];

	if (doc_count(list) == PUSH_FINDINGS_MAX) {
		if (may_pass)
			refuse(j, NULL, "too many suppressed findings (PUSH_FINDINGS_MAX)", NULL);
		return;
	}
	d = doc_append(list, doc_new_object());
	doc_put_str(d, "rule", f->rule);
	doc_put_bool(d, "finding", true);
	put_place(j, d, f);
	put_ref(j, d, j->object);
	if (j->object) {
		git_id_format(&j->object->id, hex);
		doc_put_str(d, "object", hex);
	}
	doc_put_int(d, "line", f->line);
	doc_put_int(d, "offset", (int64_t)f->offset);
	if (!f->limit)
		put_text(d, "excerpt", f->excerpt);
}

/* How many findings there are. */
static size_t found(const struct judge *j)
{
	return doc_count(j->problems) + doc_count(j->suppressed);
}

/* Look through one text. */
static void look(struct judge *j, struct slice text, const char *place)
{
	const struct inspect_finding *findings;
	size_t n = inspect(j->inspector, text, j->path, &findings);

	j->place = place;
	j->bytes += text.len;
	j->work += inspect_work(j->inspector);
	for (size_t i = 0; i < n; i++)
		take_finding(j, &findings[i]);
}

/* --- refs --- */

/* Does a branch match a name of the manifest's, perhaps with '*' at its end? */
static bool matches(const char *branch, const char *pattern)
{
	size_t len = strlen(pattern);

	if (len && pattern[len - 1] == '*')
		return strncmp(branch, pattern, len - 1) == 0 && strlen(branch) > len - 1;
	return strcmp(branch, pattern) == 0;
}

/* May this branch be pushed? */
static bool branch_is_listed(const struct push_policy *p, const char *branch)
{
	for (size_t i = 0; i < doc_count(p->branches); i++)
		if (matches(branch, doc_cstr(doc_at(p->branches, i))))
			return true;
	return !p->branches;
}

/* A name that git and a remote read in the one way that it looks. Source: git-check-ref-format(1). */
static bool is_ref_name(struct slice name)
{
	struct slice rest = name;

	for (size_t i = 0; i < name.len; i++)
		if ((unsigned char)name.ptr[i] <= ' ' || strchr("~^:?*[\\\x7f", name.ptr[i]))
			return false;
	while (rest.len) {
		struct slice part = slice_cut(&rest, '/');

		if (!part.len || part.ptr[0] == '.' || part.ptr[0] == '-' || slice_ends(part, SLICE(".lock")) ||
		    slice_ends(part, SLICE(".")))
			return false;
	}
	return !slice_ends(name, SLICE("/")) && slice_search(name, SLICE("..")) == SLICE_NONE &&
	       slice_search(name, SLICE("@{")) == SLICE_NONE && slice_is_utf8(name);
}

/* Is what a ref shall point to of the right kind, and does it keep what was there? */
static void judge_change(struct judge *j, const struct ref_update *u, bool branch)
{
	struct error e = ERROR_INIT;
	enum git_type type;
	uint64_t size;
	bool keeps = false;

	if (!gitstore_look(j->store, &u->new, &type, &size, &e)) {
		refuse(j, u->name, "unreadable", e.text);
		return;
	}
	if (branch && type != GIT_COMMIT)
		refuse(j, u->name, "ref-policy", "a branch that does not point to a commit");
	else if (!u->creates && branch && !j->request->policy.force) {
		if (!gitstore_descends(j->store, &u->new, &u->old, &keeps, &e))
			refuse(j, u->name, "unreadable", e.text);
		else if (!keeps)
			refuse(j, u->name, "ref-policy",
			       "a push that rewrites history; the manifest does not allow it (push.force)");
	} else if (!u->creates && !branch && !j->request->policy.force) {
		refuse(j, u->name, "ref-policy", "a tag that moves; the manifest does not allow it (push.force)");
	}
}

/* Namespaces, deletion, tags, force. */
static void judge_ref(struct judge *j, const struct ref_update *u)
{
	const struct push_policy *p = &j->request->policy;
	bool branch = strncmp(u->name, "refs/heads/", 11) == 0, tag = strncmp(u->name, "refs/tags/", 10) == 0;

	if (!is_ref_name(slice_str(u->name)))
		refuse(j, u->name, "ref-policy", "a name that git does not permit");
	else if (!branch && !tag)
		refuse(j, u->name, "ref-policy",
		       "only branches (refs/heads/) and, where the manifest allows it, tags are pushed");
	else if (tag && !p->tags)
		refuse(j, u->name, "ref-policy", "a tag; the manifest does not allow it (push.tags)");
	else if (branch && !branch_is_listed(p, u->name + 11))
		refuse(j, u->name, "ref-policy", "a branch that the manifest does not list (push.branches)");
	else if (u->deletes && !p->delete)
		refuse(j, u->name, "ref-policy", "a deletion; the manifest does not allow it (push.delete)");
	else if (!u->deletes)
		judge_change(j, u, branch);
}

/* --- objects --- */

/* A blob, under its path. */
static void judge_blob(struct judge *j, struct slice text)
{
	AUTO_BUF path = BUF_INIT;

	objects_path(&j->objects, j->object, &path);
	j->path = buf_slice(&path);
	look(j, text, "a file without a name");
	j->path = slice_of(NULL, 0);
}

/* The names in a tree, each below the path of the tree. */
static void judge_tree(struct judge *j, struct slice text)
{
	AUTO_BUF names = BUF_INIT;
	AUTO_BUF path = BUF_INIT;
	struct tree_entry entry;
	size_t before;

	objects_path(&j->objects, j->object, &path);
	if (path.len)
		buf_add_char(&path, '/');
	while (tree_next(&text, &entry)) {
		buf_add_slice(&names, entry.name);
		buf_add_char(&names, '\n');
		if (path.len) {
			buf_add_slice(&names, buf_slice(&path));
			buf_add_slice(&names, entry.name);
			buf_add_char(&names, '\n');
		}
	}
	if (text.len)
		refuse(j, NULL, "unreadable", "a malformed tree");
	before = found(j);
	look(j, buf_slice(&names), "a file name");
	j->paths_hide = j->paths_hide || found(j) != before;
}

/* A commit or tag: its header, where names and signatures are, and its message. */
static void judge_message(struct judge *j, struct slice text, bool tag)
{
	size_t end = slice_search(text, SLICE("\n\n"));

	look(j, slice_sub(text, 0, end), tag ? "the tag's header" : "the commit's header (author, committer)");
	if (end != SLICE_NONE)
		look(j, slice_sub(text, end + 2, text.len), tag ? "the tag's message" : "the commit message");
}

/* Every object of one kind, in the order of the list. */
static bool judge_objects(struct judge *j, bool blobs, struct error *e)
{
	AUTO_BUF text = BUF_INIT;
	enum git_type type;

	for (size_t i = 0; i < j->objects.count; i++) {
		j->object = &j->objects.list[i];
		if ((j->object->type == GIT_BLOB) != blobs)
			continue;
		if (!gitstore_read(j->store, &j->object->id, &type, &text, e))
			return false;
		if (type == GIT_BLOB)
			judge_blob(j, buf_slice(&text));
		else if (type == GIT_TREE)
			judge_tree(j, buf_slice(&text));
		else
			judge_message(j, buf_slice(&text), type == GIT_TAG);
		if (j->work > PUSH_WORK_MAX)
			return error_set(e, STATUS_NO,
					 "decoding is more work than one push may cause (PUSH_WORK_MAX); push in "
					 "parts");
	}
	j->object = NULL;
	return true;
}

/* --- what gitleaks has found --- */

/* The line of a text, from 1. */
static struct slice line_of(struct slice text, int64_t number)
{
	struct slice line = slice_cut(&text, '\n');

	while (--number > 0 && text.len)
		line = slice_cut(&text, '\n');
	return number > 0 ? slice_of(NULL, 0) : line;
}

/* One finding of its report: in a file that is named by the object's id. */
static bool take_leak(struct judge *j, const struct doc *leak, struct error *e)
{
	const char *rule = doc_type_of(leak) == DOC_OBJECT ? doc_get_cstr(leak, "RuleID") : NULL;
	struct slice file = rule ? doc_get_str(leak, "File") : slice_of(NULL, 0);
	AUTO_FREE char *name = alloc_format("gitleaks:%s", rule ? rule : "");
	struct inspect_finding f = { .rule = name };
	AUTO_BUF text = BUF_INIT;
	AUTO_BUF path = BUF_INIT;
	enum git_type type;
	struct git_id id;
	int64_t line = rule ? doc_get_int(leak, "StartLine") : 0;

	while (slice_find(file, '/') != SLICE_NONE)
		slice_cut(&file, '/');
	j->object = rule && git_id_parse(file, &id) ? objects_find(&j->objects, &id) : NULL;
	if (!j->object)
		return error_set(e, STATUS_WORLD, "gitleaks reports what is no object of this push");
	if (!gitstore_read(j->store, &j->object->id, &type, &text, e))
		return false;
	f.line = line > 0 && line <= UINT32_MAX ? (unsigned)line : 0;
	f.allowed = slice_search(line_of(buf_slice(&text), line), SLICE("gitleaks:allow")) != SLICE_NONE;
	if (type == GIT_BLOB)
		objects_path(&j->objects, j->object, &path);
	j->path = buf_slice(&path);
	j->place = type == GIT_BLOB ? "a file without a name" : type == GIT_TAG ? "the tag" : "the commit";
	take_finding(j, &f);
	j->path = slice_of(NULL, 0);
	j->object = NULL;
	return true;
}

/* The whole report, which must say what the exit status said. */
static bool take_report(struct judge *j, struct error *e)
{
	if (!j->report)
		return true;
	if (doc_type_of(j->report) != DOC_ARRAY || (doc_count(j->report) > 0) != doc_bool(j->request->leaks))
		return error_set(e, STATUS_WORLD, "the report of gitleaks is not what its exit status says");
	for (size_t i = 0; i < doc_count(j->report); i++)
		if (!take_leak(j, doc_at(j->report, i), e))
			return false;
	return true;
}

void judge_report(struct judge *j, const struct doc *report)
{
	j->report = report;
}

/* Find out what is new. */
static bool list_objects(struct judge *j, struct error *e)
{
	const struct push_request *r = j->request;

	if (!j->walk)
		return objects_list(&j->objects, j->store, e) && objects_connect(&j->objects, j->store, e);
	if (r->refs[0].deletes)
		return true;
	return objects_walk(&j->objects, j->store, &r->refs[0].new, &r->refs[0].old, e) &&
	       objects_connect(&j->objects, j->store, e);
}

struct doc *judge_run(struct judge *j, struct error *e)
{
	struct error why = ERROR_INIT;
	struct doc *verdict = doc_new("verdict", 1);

	(void)e;
	doc_release(j->verdict);
	j->verdict = verdict;
	j->problems = doc_put(verdict, "problems", doc_new_array());
	j->suppressed = doc_put(verdict, "suppressed", doc_new_array());
	j->refs_hide = true; /* until all names are known to hold nothing */
	for (size_t i = 0; i < j->request->n_refs; i++)
		look(j, slice_str(j->request->refs[i].name), "a ref's name");
	j->refs_hide = found(j) > 0;
	for (size_t i = 0; i < j->request->n_refs; i++)
		judge_ref(j, &j->request->refs[i]);
	for (size_t i = 0; i < doc_count(j->request->options); i++)
		look(j, doc_str(doc_at(j->request->options, i)), "a push option");
	/* Names before files: a name that holds a secret is not shown with what else is found. */
	if (!list_objects(j, &why) || !judge_objects(j, false, &why) || !judge_objects(j, true, &why) ||
	    !take_report(j, &why))
		refuse(j, NULL, why.status == STATUS_NO ? "limit" : "unreadable", why.text);
	doc_put_int(verdict, "objects", (int64_t)j->objects.count);
	doc_put_int(verdict, "bytes", (int64_t)j->bytes);
	j->verdict = NULL;
	return verdict;
}

/* The fingerprints of what may not be pushed; NULL with an error. */
static struct fingerprints *read_known(struct error *e)
{
	AUTO_BUF bytes = BUF_INIT;

	if (!fd_read_all(JUDGE_KNOWN, KNOWN_BYTES_MAX, "the fingerprints of known secrets", &bytes, e))
		return NULL;
	return fingerprints_read(buf_slice(&bytes), e);
}

/* The report of gitleaks; NULL with an error. */
static struct doc *read_report(struct error *e)
{
	AUTO_BUF bytes = BUF_INIT;

	if (!fd_read_all(JUDGE_REPORT, GITLEAKS_REPORT_MAX, "the report of gitleaks", &bytes, e))
		return NULL;
	return doc_parse(buf_slice(&bytes), e);
}

enum { UID_JUDGE = 0 }; /* it stays who it is: the objects are readable for that user only */

int judge_main(int argc, char **argv)
{
	static const struct confine_call own_calls[] = {
		{ __NR_write, 0, ~(uint64_t)0, STDOUT_FILENO },
		CONFINE_ALLOW(__NR_sysinfo), /* qsort asks how much memory there is, for more than 256 objects */
		CONFINE_END,
	};
	static const struct confine_call *const calls[] = { gitstore_calls, own_calls, NULL };
	struct push_request r;
	struct error e = ERROR_INIT;
	const char *readable[3] = { NULL };
	struct confinement c = { .role = "judge", .uid = UID_JUDGE, .readable = readable, .tied = true,
				 .calls = calls };
	struct judge *j;
	AUTO_DOC *verdict = NULL;
	AUTO_DOC *report = NULL;
	struct fingerprints *known;
	size_t n = 0;

	(void)argv;
	if (argc != 1)
		return STATUS_CALLER;
	document_seed();
	if (!push_request_read(&r, doc_read(STDIN_FILENO, "push", 1, &e), &e))
		return program_fail(&e);
	if (r.fresh)
		readable[n++] = r.fresh;
	if (r.known)
		readable[n++] = r.known;
	alarm(JUDGE_SECONDS); /* ends this process, which is no yes */
	known = read_known(&e);
	j = known ? judge_open(&r, false, known, &e) : NULL;
	if (!j || !confine(&c, &e))
		return program_fail(&e);
	if (r.leaks) {
		report = read_report(&e);
		if (!report)
			return program_fail(&e);
		judge_report(j, report);
	}
	verdict = judge_run(j, &e);
	if (!verdict || !doc_write(verdict, STDOUT_FILENO, &e))
		return program_fail(&e);
	return STATUS_YES;
}
