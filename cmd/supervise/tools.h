/*
 * The tools that an agent is offered, and how it is told to use them. Pure; may
 * be called after confinement.
 */
#ifndef BB_SUPERVISE_TOOLS_H
#define BB_SUPERVISE_TOOLS_H

#include "queue.h"

/* Value of initialize's "instructions". */
extern const char tools_instructions[];

/* The result of tools/list, a new document. */
struct doc *tools_list(void);

enum tool { TOOL_ASKS, TOOL_LISTS, TOOL_UNKNOWN };

/* Which tool a name is; with TOOL_ASKS, the one of the queue. */
enum tool tools_find(struct slice name, enum queue_tool *asked);

#endif
