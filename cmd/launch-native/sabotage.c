#include "sabotage.h"

#ifdef BB_SABOTAGE
#include <stdlib.h>
#include <string.h>

#include "alloc.h"

static char *layer_left_out, *programs;

void sabotage_init(void)
{
	const char *layer = getenv("BB_SABOTAGE"), *dir = getenv("BB_SABOTAGE_PROGRAMS");

	layer_left_out = alloc_copy(layer ? layer : "", layer ? strlen(layer) : 0);
	programs = alloc_copy(dir ? dir : "", dir ? strlen(dir) : 0);
}

bool sabotaged(const char *layer)
{
	return layer_left_out && strcmp(layer_left_out, layer) == 0;
}

const char *sabotage_programs(void)
{
	return programs;
}
#else
/* ISO C wants a translation unit to declare something. */
typedef int sabotage_is_not_built_in;
#endif
