/* The front, taken over; see orders.h. */
#include "cmd/egress/role.h"

int orderly_front_main(int argc, char **argv);
#define front_main orderly_front_main
#include "cmd/egress/front.c"
#undef front_main

#include "orders.h"

int front_main(int argc, char **argv)
{
	static struct front f;
	const struct peer peers[] = { { "upstream", &f.upstream }, { "signer", &f.signer } };
	struct error e = ERROR_INIT;

	role_start("front", argc, argv, &f.options);
	if (!prepare(&f, &e) || !confine_front(&e) || !introduce(&f, &e))
		return program_fail(&e);
	orders_obey(peers, COUNT_OF(peers), f.options.listeners[0]);
}
