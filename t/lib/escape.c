/* Escape standard input as one line, for comparing other implementations with lib/escape.c. */
#include "escape.h"
#include "fd.h"
#include "program.h"

static const struct program program = { "escape", "escape standard input as lib/escape.c does", "", NULL };

int main(int argc, char **argv)
{
	AUTO_BUF in = BUF_INIT;
	AUTO_BUF out = BUF_INIT;
	struct error e = ERROR_INIT;

	program_start(&program, argc, argv, NULL, NULL);
	if (!fd_read_all(0, 64 << 20, "standard input", &in, &e))
		return program_fail(&e);
	escape_line(&out, buf_slice(&in));
	return fd_write_all(1, buf_slice(&out), "standard output", &e) ? STATUS_YES : program_fail(&e);
}
