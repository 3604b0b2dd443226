/* The bottom of lib/: slices, buffers, errors, documents, secrets, escaping. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "buf.h"
#include "document.h"
#include "escape.h"
#include "fd.h"
#include "file.h"
#include "t/lib/tap.h"
#include "secret.h"
#include "spawn.h"

static void test_slices(void)
{
	struct slice rest = SLICE("a,b,,c");
	uint64_t v = 7;

	ok(slice_eq(slice_cut(&rest, ','), SLICE("a")), "cut takes what is before the separator");
	ok(slice_eq(slice_cut(&rest, ','), SLICE("b")), "and goes on behind it");
	ok(slice_eq(slice_cut(&rest, ','), SLICE("")), "an empty part is a part");
	ok(slice_eq(slice_cut(&rest, ','), SLICE("c")) && rest.len == 0, "the last part takes all");
	ok(slice_to_u64(SLICE("18446744073709551615"), &v) && v == UINT64_MAX, "the largest number is read");
	ok(!slice_to_u64(SLICE("18446744073709551616"), &v), "one more is refused");
	ok(!slice_to_u64(SLICE("+1"), &v) && !slice_to_u64(SLICE(""), &v) && !slice_to_u64(SLICE("1 "), &v),
	   "signs, nothing and spaces are no numbers");
	ok(slice_eq(slice_trim(SLICE(" \tx y "), " \t"), SLICE("x y")), "trim takes blanks off both ends");
	ok(slice_is_utf8(SLICE("\xC3\xA9\xF0\x9F\x98\x80")), "two- and four-byte sequences are UTF-8");
	ok(!slice_is_utf8(SLICE("\xC0\x80")) && !slice_is_utf8(SLICE("\xED\xA0\x80")) &&
	   !slice_is_utf8(SLICE("\xE2\x82")),
	   "overlong forms, surrogates and cut sequences are not");
}

static void test_buffers(void)
{
	AUTO_BUF b = BUF_INIT;

	is_str(buf_str(&b), "", "an empty buffer is an empty string");
	for (int i = 0; i < 1000; i++)
		buf_add_format(&b, "%d,", i % 10);
	is_int(b.len, 2000, "a thousand appends are all there");
	buf_consume(&b, 1998);
	is_str(buf_str(&b), "9,", "consume drops from the front");
	buf_consume(&b, 5);
	is_int(b.len, 0, "consuming more than there is leaves nothing");
}

static void test_errors(void)
{
	static char text[2 * ERROR_TEXT_MAX];
	struct error e = ERROR_INIT;

	memset(text, 'x', sizeof(text) - 1);
	error_set(&e, STATUS_CALLER, "no '%s'", "key");
	error_wrap(&e, "while reading '%s'", "f");
	is_str(e.text, "while reading 'f': no 'key'", "context goes in front");
	is_int(e.status, STATUS_CALLER, "and the status stays");
	error_set(&e, STATUS_WORLD, "%s", text);
	ok(strlen(e.text) == ERROR_TEXT_MAX - 1 && strcmp(e.text + ERROR_TEXT_MAX - 4, "...") == 0,
	   "a long text shows its cut");
}

static void test_documents(void)
{
	static const struct doc_field fields[] = { { "name", DOC_STR, true }, { "n", DOC_INT, false },
						   { NULL, 0, false } };
	static const char *const bad[] = { "",         "{",         "{\"a\":1,\"a\":2}", "[1] 2", "\"\\u0000\"",
					   "\"\xC0\x80\"", "{\"a\":01}", "nul",            "1e999" };
	struct error e = ERROR_INIT;
	AUTO_BUF deep = BUF_INIT;
	AUTO_BUF text = BUF_INIT;
	AUTO_DOC *d = doc_parse(SLICE("{\"kind\":\"x\",\"v\":1,\"name\":\"n\",\"n\":5,\"list\":[1,2]}"), &e);

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct error refused = ERROR_INIT;

		ok(!doc_parse(slice_str(bad[i]), &refused) && refused.status == STATUS_CALLER, "refused as JSON: %zu",
		   i);
	}
	for (int i = 0; i <= DOCUMENT_DEPTH_MAX; i++)
		buf_add_char(&deep, '[');
	ok(!doc_parse(buf_slice(&deep), &e) && strstr(e.text, "nested deeper"), "too deep is refused by name");
	ok(doc_is(d, "x", 1, &e) && !doc_is(d, "y", 1, &e) && !doc_is(d, "x", 2, &e), "kind and version are compared");
	ok(!doc_check(d, "x", fields, &e), "an unknown key is refused");
	is_str(e.text, "'x' has the unknown key 'list'", "by name");
	ok(doc_remove(d, "list") && doc_check(d, "x", fields, &e), "without it the object passes");
	is_int(doc_get_int(d, "n"), 5, "a number is read");
	ok(doc_get(d, "none") == NULL && doc_get_str(d, "none").len == 0, "absent reads as nothing");
	doc_put_str(d, "name", "m\n");
	doc_format(d, false, &text);
	is_str(buf_str(&text), "{\"kind\":\"x\",\"v\":1,\"name\":\"m\\n\",\"n\":5}", "members keep their order");
}

static void test_secrets(void)
{
	static const char *const names[] = { "b" };
	AUTO_SECRETS all = SECRET_SET_INIT;
	AUTO_SECRETS some = SECRET_SET_INIT;
	struct error e = ERROR_INIT;
	struct slice v;
	int fd;

	ok(secret_set_add(&all, "a", SLICE("1"), &e) && secret_set_add(&all, "b", SLICE("2\0,3"), &e),
	   "two secrets are added");
	ok(!secret_set_add(&all, "a", SLICE("x"), &e) && !strstr(e.text, "x"),
	   "a second value is refused and not shown");
	fd = secret_set_memfd(&all, names, 1, &e);
	ok(fd >= 0 && secret_set_read(fd, &some, &e), "one of them crosses a descriptor");
	ok(some.count == 1 && secret_set_find(&some, "b", &v) && slice_eq(v, SLICE("2\0,3")), "with every byte");
	ok(write(fd, "x", 1) < 0, "the memory file is sealed");
	secret_set_release(&some);
	ok(secret_set_read(fd, &some, &e) && some.count == 1, "a second reader reads it from the start");
	close(fd);
	fd = open(".", O_TMPFILE | O_RDWR, 0600);
	ok(fd >= 0 && write(fd, "1:a,9:short,", 12) == 12 && !secret_set_read(fd, &some, &e),
	   "a lying length is refused");
	close(fd);
}

static void test_escaping(void)
{
	AUTO_BUF b = BUF_INIT;

	escape_line(&b, SLICE("a\x1b[31m\n\xE2\x80\xAE\xC2\x9B\\\xFF\xC3\xA9"));
	is_str(buf_str(&b), "a\\x1B[31m\\n\\u{202E}\\u{9B}\\\\\\xFF\xC3\xA9", "controls, bidi and bad bytes are shown");
	buf_truncate(&b, 0);
	escape_cut(&b, SLICE("0123456789abcdefXYZ"), 16);
	is_str(buf_str(&b), "0123456789abc...", "a cut is marked and within the bound");
}

static void test_spawn(void)
{
	static const char *const argv[] = { "sh", "-c", "ls /proc/self/fd | wc -l; exit 3", NULL };
	static const char *const missing[] = { "no-such-program-here", NULL };
	struct spawn s = { .path = "sh", .argv = argv };
	struct error e = ERROR_INIT;
	AUTO_BUF out = BUF_INIT;
	int leaked = dup(0);

	is_int(spawn_capture(&s, 100, &out, &e), 3, "the exit status comes back");
	is_str(buf_str(&out), "4\n", "the child has 0, 1, 2 and what ls itself opened");
	close(leaked);
	s = (struct spawn){ .path = missing[0], .argv = missing };
	ok(spawn_start(&s, &e) == -1 && e.status == STATUS_NOTFOUND, "a missing program is reported, not started");
}

static void test_files(void)
{
	char dir[] = "/tmp/bb-foundation.XXXXXX";
	struct error e = ERROR_INIT;
	AUTO_BUF path = BUF_INIT;
	AUTO_BUF text = BUF_INIT;

	ok(mkdtemp(dir) != NULL, "a directory to work in");
	buf_add_format(&path, "%s/a/b", dir);
	ok(file_make_dirs(buf_str(&path), 0700, &e), "parents are made");
	buf_add_str(&path, "/f");
	ok(file_replace(buf_str(&path), SLICE("one"), 0600, &e) && file_replace(buf_str(&path), SLICE("two"), 0600, &e),
	   "a file is written and replaced");
	ok(file_read(buf_str(&path), 3, &text, &e), "and read");
	is_str(buf_str(&text), "two", "as it was written last");
	ok(!file_read(buf_str(&path), 2, &text, &e) && strstr(e.text, "larger than 2"), "too large is refused by name");
	ok(symlink("f", "/tmp/bb-foundation-link") == 0 && !file_read_at(AT_FDCWD, "/tmp/bb-foundation-link", 9, &text,
									 &e),
	   "a link is not followed");
	unlink("/tmp/bb-foundation-link");
	ok(file_remove_tree(dir, &e) && access(dir, F_OK) < 0, "the tree is removed");
	ok(file_remove_tree(dir, &e), "removing it again is fine");
}

/* Whoever owns a tree may put a link in a directory's place at any moment of its removal: armed, at the worst one. */
static bool swap_when_full;

int unlinkat(int dirfd, const char *name, int flags)
{
	int r = (int)syscall(SYS_unlinkat, dirfd, name, flags);

	if (r < 0 && swap_when_full && strcmp(name, "directory") == 0) {
		swap_when_full = renameat(dirfd, name, dirfd, "moved") < 0 || symlinkat("../target", dirfd, name) < 0;
		errno = ENOTEMPTY;
	}
	return r;
}

static void test_swapped_for_a_link(void)
{
	char dir[] = "/tmp/bb-foundation.XXXXXX";
	struct error e = ERROR_INIT;
	struct stat st;

	ok(mkdtemp(dir) != NULL && chdir(dir) == 0 && mkdir("target", 0755) == 0 && chmod("target", 0751) == 0,
	   "a directory that a link leads to");
	ok(mkdir("tree", 0755) == 0 && mkdir("tree/directory", 0755) == 0 && mkdir("tree/directory/below", 0755) == 0,
	   "a tree with a directory that is not empty");
	swap_when_full = true;
	ok(!file_remove_tree("tree", &e), "the directory becomes that link while it is removed: an error");
	ok(!swap_when_full && lstat("tree/directory", &st) == 0 && S_ISLNK(st.st_mode), "it was swapped");
	is_int(stat("target", &st) == 0 ? st.st_mode & 0777 : 0, 0751, "where it leads has the mode that it had");
	ok(chdir("/") == 0 && file_remove_tree(dir, &e), "the test leaves nothing");
}

static void test_within(void)
{
	ok(file_is_within("/a/b", "/a") && file_is_within("/a", "/a") && file_is_within("/a", "/"),
	   "what is below a directory, and the directory itself, is within it");
	ok(!file_is_within("/ab", "/a") && !file_is_within("/a", "/a/b") && !file_is_within("/b", "/a"),
	   "a longer name, what is above and what is beside are not");
}

int main(void)
{
	document_seed();
	test_slices();
	test_buffers();
	test_errors();
	test_documents();
	test_secrets();
	test_escaping();
	test_spawn();
	test_files();
	test_swapped_for_a_link();
	test_within();
	return tap_done();
}
