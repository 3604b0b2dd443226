/* The upstream, taken over; see orders.h. */
#include "cmd/egress/role.h"

int orderly_upstream_main(int argc, char **argv);
#define upstream_main orderly_upstream_main
#include "cmd/egress/upstream.c"
#undef upstream_main

#include "orders.h"

int upstream_main(int argc, char **argv)
{
	static struct upstream u;
	const struct peer front = { "front", &u.front };
	struct error e = ERROR_INIT;

	role_start("upstream", argc, argv, &u.options);
	if (!prepare(&u, &e) || !confine_upstream(&u, &e))
		return program_fail(&e);
	introduce(&u);
	orders_obey(&front, 1, -1);
}
