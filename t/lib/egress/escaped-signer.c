/* The signer, taken over; see orders.h. */
#include "cmd/egress/role.h"

int orderly_signer_main(int argc, char **argv);
#define signer_main orderly_signer_main
#include "cmd/egress/signer.c"
#undef signer_main

#include "orders.h"

int signer_main(int argc, char **argv)
{
	static struct signer s;
	const struct peer front = { "front", &s.clients[0].channel };
	struct role_options o;
	struct error e = ERROR_INIT;

	role_start("signer", argc, argv, &o);
	if (!prepare(&s, &o, &e) || !confine_signer(&e))
		return program_fail(&e);
	report(&s);
	orders_obey(&front, 1, -1);
}
