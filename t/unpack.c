/* Unpacking archives that someone else has made: what comes out, and what never does. */
#include "unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "fd.h"
#include "file.h"
#include "lib/tap.h"

static char top[] = "/tmp/bb-unpack.XXXXXX";
static const struct unpack_limits large = { 1 << 20, 100 };

/* One entry of an archive in a table. type: f file, d directory, s symbolic link, h hard link, c device, p FIFO. */
struct member {
	char type;
	const char *name;
	const char *text; /* contents, or where a link leads */
	unsigned mode;
};

/* Write the members as an archive; returns a descriptor to read it from. */
static int pack(const struct member *members, int (*filter)(struct archive *))
{
	AUTO_FREE char *path = alloc_format("%s/archive", top);
	struct archive *a = archive_write_new();

	archive_write_set_format_pax_restricted(a);
	filter(a);
	archive_write_open_filename(a, path);
	for (const struct member *m = members; m->name; m++) {
		struct archive_entry *entry = archive_entry_new();
		bool file = m->type == 'f';

		archive_entry_set_pathname(entry, m->name);
		archive_entry_set_filetype(entry, m->type == 'd' ? AE_IFDIR : m->type == 's' ? AE_IFLNK :
					   m->type == 'c' ? AE_IFCHR :
						  m->type == 'p' ? AE_IFIFO : AE_IFREG);
		archive_entry_set_perm(entry, (mode_t)m->mode);
		archive_entry_set_uid(entry, 4711);
		if (m->type == 's')
			archive_entry_set_symlink(entry, m->text);
		if (m->type == 'h')
			archive_entry_set_hardlink(entry, m->text);
		archive_entry_set_size(entry, file ? (la_int64_t)strlen(m->text) : 0);
		archive_write_header(a, entry);
		if (file)
			archive_write_data(a, m->text, strlen(m->text));
		archive_entry_free(entry);
	}
	archive_write_close(a);
	archive_write_free(a);
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* An empty directory to unpack into; the caller frees its path. */
static char *fresh(void)
{
	char *dir = alloc_format("%s/out", top);
	struct error e = ERROR_INIT;

	if (!file_remove_tree(dir, &e) || mkdir(dir, 0755) < 0) {
		printf("Bail out! no directory to unpack into\n");
		exit(1);
	}
	return dir;
}

static bool unpack_members(const struct member *members, const struct unpack_limits *limits, struct error *e)
{
	AUTO_FREE char *dir = fresh();
	AUTO_FD fd = pack(members, archive_write_add_filter_none);

	*e = (struct error)ERROR_INIT;
	return unpack(fd, dir, limits, e);
}

/* What is at a path of the result: its mode and contents, or where it leads. */
static const char *what(const char *name)
{
	static char text[256];
	AUTO_FREE char *path = alloc_format("%s/out/%s", top, name);
	struct stat st;
	ssize_t n = 0;

	if (lstat(path, &st) < 0)
		return "nothing";
	if (S_ISLNK(st.st_mode)) {
		n = readlink(path, text, sizeof(text) - 1);
		text[n < 0 ? 0 : n] = '\0';
		return text;
	}
	n = snprintf(text, sizeof(text), "%o ", (unsigned)st.st_mode & 07777);
	if (S_ISREG(st.st_mode)) {
		AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
		ssize_t more = read(fd, text + n, sizeof(text) - 1 - (size_t)n);

		text[n + (more < 0 ? 0 : more)] = '\0';
	}
	return text;
}

/* Members that are what they should be, in every packing. */
static void test_good(void)
{
	static const struct member good[] = {
		{ 'd', "./", "", 0700 },          { 'd', "./a/", "", 0555 },        { 'f', "./a/file", "text", 0640 },
		{ 'f', "b/c/deep", "x", 0 },      { 's', "link", "/etc/passwd", 0 }, { 's', "up", "../../..", 0 },
		{ 'h', "hard", "./a/file", 0640 }, { 'f', "su", "root?", 06755 },    { 'd', "sticky", "", 03777 },
		{ 'c', "null", "", 0666 },        { 'p', "fifo", "", 0666 },        { 'f', "again", "one", 0644 },
		{ 'f', "again", "two", 0644 },    { 0, NULL, NULL, 0 },
	};
	static const struct {
		const char *name;
		int (*filter)(struct archive *);
	} packings[] = { { "plain", archive_write_add_filter_none },   { "gzip", archive_write_add_filter_gzip },
			 { "bzip2", archive_write_add_filter_bzip2 }, { "xz", archive_write_add_filter_xz },
			 { "zstd", archive_write_add_filter_zstd } };

	for (size_t i = 0; i < COUNT_OF(packings); i++) {
		AUTO_FREE char *dir = fresh();
		AUTO_FD fd = pack(good, packings[i].filter);
		struct error e = ERROR_INIT;

		ok(unpack(fd, dir, &large, &e), "%s: unpacked %s", packings[i].name, e.text);
		is_str(what("a/file"), "640 text", "%s: a file with its mode", packings[i].name);
	}
	is_str(what("a"), "755 ", "a directory stays open for its owner");
	is_str(what("b/c/deep"), "400 x", "a file as well, in directories that the archive does not name");
	is_str(what("link"), "/etc/passwd", "a symbolic link is what it was");
	is_str(what("up"), "../../..", "also one that leads out");
	is_str(what("hard"), "640 text", "a hard link is the same file");
	is_str(what("su"), "755 root?", "no set-id bits");
	is_str(what("sticky"), "777 ", "no sticky bit");
	is_str(what("null"), "nothing", "no devices");
	is_str(what("fifo"), "nothing", "no FIFOs");
	is_str(what("again"), "644 two", "the later one of two counts");
}

/* Members that are refused: the last of each list. */
static void test_bad(void)
{
	static const struct {
		const char *name, *says;
		struct member members[4];
	} bad[] = {
		{ "an absolute name", "absolute", { { 'f', "/tmp/bb-unpack-x", "x", 0644 } } },
		{ "..", "leads out of it", { { 'f', "../x", "x", 0644 } } },
		{ ".. in the middle", "leads out of it", { { 'f', "a/../../x", "x", 0644 } } },
		{ ".. at the end", "leads out of it", { { 'd', "a/..", "", 0755 } } },
		{ "a way through a link", "not a directory", { { 's', "l", "..", 0 }, { 'f', "l/x", "x", 0644 } } },
		{ "a way through a link inside", "not a directory", { { 'd', "d", "", 0755 }, { 's', "l", "d", 0 },
								      { 'f', "l/x", "x", 0644 } } },
		{ "a way through a file", "not a directory", { { 'f', "l", "x", 0644 }, { 'f', "l/x", "x", 0644 } } },
		{ "a hard link out of it", "leads out of it", { { 'h', "h", "../archive", 0644 } } },
		{ "a hard link to an absolute name", "absolute", { { 'h', "h", "/etc/passwd", 0644 } } },
		{ "a hard link through a link", "not there",
		  { { 's', "l", "..", 0 }, { 'h', "h", "l/archive", 0644 } } },
		{ "a hard link to nothing", "not there", { { 'h', "h", "nothing", 0644 } } },
		{ "a hard link to a directory", "not there", { { 'd', "d", "", 0755 }, { 'h', "h", "d", 0644 } } },
		{ "a file over a directory", "unable to unpack 'd'",
		  { { 'd', "d", "", 0755 }, { 'f', "d", "x", 0644 } } },
		{ "a directory over a file", "unable to unpack 'd'",
		  { { 'f', "d", "x", 0644 }, { 'd', "d", "", 0755 } } },
	};

	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct error e;

		ok(!unpack_members(bad[i].members, &large, &e), "%s is refused", bad[i].name);
		ok(strstr(e.text, bad[i].says) != NULL, "... and said: %s", e.text);
	}
	ok(access("/tmp/bb-unpack-x", F_OK) < 0 && strcmp(what("../x"), "nothing") == 0, "nothing came to lie outside");
}

/* Both limits, at them and past them; holes count. */
static void test_limits(void)
{
	static const struct member three[] = { { 'f', "a", "1234", 0644 }, { 'f', "b", "5678", 0644 },
					       { 'd', "c", "", 0755 }, { 0, NULL, NULL, 0 } };
	struct error e;

	ok(unpack_members(three, &(struct unpack_limits){ 8, 3 }, &e), "as many bytes and files as permitted");
	ok(!unpack_members(three, &(struct unpack_limits){ 7, 3 }, &e) && strstr(e.text, "more than 7 bytes"),
	   "one byte more: %s", e.text);
	ok(!unpack_members(three, &(struct unpack_limits){ 8, 2 }, &e) && strstr(e.text, "more than 2 files"),
	   "one file more: %s", e.text);
}

/* Archives that end early or are none. */
static void test_damage(void)
{
	static const struct member one[] = { { 'f', "a", "1234", 0644 }, { 0, NULL, NULL, 0 } };
	AUTO_FREE char *dir = fresh();
	AUTO_FREE char *path = alloc_format("%s/archive", top);
	AUTO_FD empty = open("/dev/null", O_RDONLY | O_CLOEXEC);
	AUTO_FD fd = -1;
	struct error e = ERROR_INIT;

	ok(!unpack(empty, dir, &large, &e), "nothing is no archive: %s", e.text);
	fd_close(&fd);
	fd = pack(one, archive_write_add_filter_gzip);
	if (truncate(path, 60) < 0)
		printf("Bail out! unable to cut the archive\n");
	e = (struct error)ERROR_INIT;
	ok(!unpack(fd, dir, &large, &e) && e.status == STATUS_CALLER, "half an archive: %s", e.text);
}

int main(void)
{
	struct error e = ERROR_INIT;

	if (!mkdtemp(top))
		return 1;
	test_good();
	test_bad();
	test_limits();
	test_damage();
	file_remove_tree(top, &e);
	return tap_done();
}
