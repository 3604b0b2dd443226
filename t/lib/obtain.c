/* Obtain the secrets of a list on standard input and write them to standard output as netstrings. */
#include <unistd.h>

#include "alloc.h"
#include "fd.h"
#include "obtain.h"
#include "program.h"

/* Read the list, obtain, write. */
static bool run(struct error *e)
{
	const char *names[SECRET_COUNT_MAX];
	AUTO_SECRETS set = SECRET_SET_INIT;
	AUTO_BUF text = BUF_INIT;
	AUTO_DOC *list = NULL;

	if (!fd_read_all(STDIN_FILENO, DOCUMENT_MAX, "the list", &text, e))
		return false;
	list = doc_parse(buf_slice(&text), e);
	if (!list || !obtain_secrets(list, &set, e))
		return false;
	for (size_t i = 0; i < set.count; i++)
		names[i] = set.list[i].name;
	return secret_set_write(&set, names, set.count, STDOUT_FILENO, e);
}

int main(void)
{
	struct error e = ERROR_INIT;

	document_seed();
	return run(&e) ? STATUS_YES : program_fail(&e);
}
