/* The state directory: who owns it, what is kept, what is swept away. */
#include "state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "file.h"
#include "lib/tap.h"

static char home[] = "/tmp/bb-state.XXXXXX";

/* Names seen by a walk, each followed by a space and, in brackets, what is special about it. */
static bool note(void *ctx, const struct state_entry *entry, struct error *e)
{
	(void)e;
	buf_add_format(ctx, "%s%s%s%s ", entry->identity, entry->active ? "[active]" : "",
		       entry->preserved ? "[preserved]" : "", entry->metadata ? "" : "[bare]");
	return true;
}

static void is_all(const char *want, const char *name)
{
	struct error e = ERROR_INIT;
	AUTO_BUF seen = BUF_INIT;

	ok(state_each(home, note, &seen, &e), "all are visited");
	is_str(buf_str(&seen), want, "%s", name);
}

static void is_swept(bool dry_run, const char *want, const char *name)
{
	struct error e = ERROR_INIT;
	AUTO_BUF seen = BUF_INIT;

	ok(state_sweep(home, "native", dry_run, note, &seen, &e), "a sweep goes through");
	is_str(buf_str(&seen), want, "%s", name);
}

/* Write metadata that names a backend. */
static bool describe(const struct state *s, const char *backend)
{
	AUTO_DOC *d = doc_new("metadata", 1);
	struct error e = ERROR_INIT;

	doc_put_str(d, "backend", backend);
	return state_write(s, "metadata.json", d, &e);
}

static void test_names(void)
{
	static const char *const good[] = { "a", "web-x1", "0", "a-b-c" };
	static const char *const bad[] = { "", "-a", "a-", "a--b", "A", "a_b", "a/b", "..", ".", "a b", "\xc3\xa9" };
	char long_name[STATE_IDENTITY_MAX + 2];

	for (size_t i = 0; i < COUNT_OF(good); i++)
		ok(state_is_identity(slice_str(good[i])), "'%s' names a bottle", good[i]);
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		ok(!state_is_identity(slice_str(bad[i])), "'%s' does not", bad[i]);
	memset(long_name, 'a', sizeof(long_name));
	ok(state_is_identity(slice_of(long_name, STATE_IDENTITY_MAX)), "a name of the greatest length does");
	ok(!state_is_identity(slice_of(long_name, STATE_IDENTITY_MAX + 1)), "a longer one does not");
}

static void test_life(void)
{
	struct error e = ERROR_INIT;
	AUTO_STATE s = STATE_INIT;
	AUTO_STATE other = STATE_INIT;
	struct stat st;

	is_all("", "a home without state has no bottle");
	ok(state_create(&s, home, "one", false, &e), "a state is made");
	ok(stat(s.dir, &st) == 0 && (st.st_mode & 07777) == 0700, "for nobody else");
	is_all("one[active][bare] ", "it is active");
	is_swept(false, "", "and is not swept away");
	ok(!state_create(&other, home, "one", false, &e) && e.status == STATUS_CALLER, "nobody else gets it: %s",
	   e.text);
	state_release(&other);
	ok(!state_create(&other, home, "one", true, &e) && e.status == STATUS_CALLER, "not to resume it either: %s",
	   e.text);
	state_release(&other);
	ok(describe(&s, "native"), "it is described");
	is_all("one[active] ", "which is seen");
	state_release(&s);
	is_all("one ", "when its owner is gone it is not active");
	is_swept(true, "one ", "a dry sweep names it");
	is_all("one ", "and leaves it");
	is_swept(false, "one ", "a sweep names it");
	is_all("", "and removes it");
}

static void test_keeping(void)
{
	struct error e = ERROR_INIT;
	AUTO_STATE s = STATE_INIT;

	ok(state_create(&s, home, "two", false, &e) && describe(&s, "native"), "a second state");
	ok(!state_is_kept(&s), "is not kept by itself");
	ok(state_preserve(&s, STATE_FAILED, &e) && !state_is_kept(&s), "after a failure neither");
	ok(state_preserve(&s, "committed", &e) && state_is_kept(&s), "but by someone's will");
	state_release(&s);
	is_all("two[preserved] ", "it is preserved");
	is_swept(false, "", "and not swept away");
	ok(!state_create(&s, home, "two", false, &e) && e.status == STATUS_CALLER, "nor overwritten: %s", e.text);
	state_release(&s);
	ok(state_create(&s, home, "two", true, &e), "it can be resumed");
	ok(state_remove(&s, &e), "and removed");
	is_all("", "then it is gone");
	state_release(&s);
	ok(!state_create(&s, home, "two", true, &e) && e.status == STATUS_CALLER, "and cannot be resumed: %s", e.text);
}

static void test_others(void)
{
	AUTO_FREE char *link = alloc_format("%s/state/link", home);
	AUTO_FREE char *odd = alloc_format("%s/state/Odd", home);
	AUTO_FREE char *victim = alloc_format("%s/victim", home);
	struct error e = ERROR_INIT;
	AUTO_STATE s = STATE_INIT;

	ok(state_create(&s, home, "docker-1", false, &e) && describe(&s, "docker"), "a state of another backend");
	state_release(&s);
	ok(state_create(&s, home, "half", false, &e), "one that was never described");
	state_release(&s);
	ok(mkdir(victim, 0700) == 0 && symlink(victim, link) == 0 && mkdir(odd, 0700) == 0,
	   "a link and a name that is none");
	is_swept(false, "half[bare] ", "a sweep takes its own and the undescribed, no link, no odd name");
	ok(access(victim, F_OK) == 0 && access(odd, F_OK) == 0, "which are still there");
	is_all("docker-1 ", "as is the other backend's");
	ok(!state_create(&s, "relative", "a", false, &e) && e.status == STATUS_CALLER, "a home has to be absolute: %s",
	   e.text);
	state_release(&s);
	ok(!state_create(&s, home, "../x", false, &e) && e.status == STATUS_CALLER, "a name has to be one: %s", e.text);
}

int main(void)
{
	struct error e = ERROR_INIT;

	document_seed();
	if (!mkdtemp(home))
		return 1;
	test_names();
	test_life();
	test_keeping();
	test_others();
	ok(file_remove_tree(home, &e), "all can be removed");
	return tap_done();
}
