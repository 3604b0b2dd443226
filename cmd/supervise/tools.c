#include "tools.h"

const char tools_instructions[] =
	"This machine reaches only the hosts and paths that its operator has allowed. list-egress-routes shows them. "
	"When you "
	"know that you will need another one, call allow; when a request was refused (HTTP 403 of bot-bottle), call "
	"egress-block. Both take the whole routes file as you would like it to be and a justification that a person "
	"reads "
	"before deciding; ask for as little as will do. Credentials are added outside: never ask for them to be put "
	"in.";

/* What a person needs to know to write routes; bb-routes(5) has the rest. */
static const char routes_help[] =
	"The whole routes file, YAML, as it should be: start from what list-egress-routes gives and add to it, e.g. "
	"routes: [{host: api.example.com, matches: [{paths: [{value: /v1}], methods: [GET]}]}]";

static const char justification_help[] =
	"Why this is needed, for the operator: what you are doing, which request it is for, why nothing smaller will "
	"do.";

static const struct {
	const char *name, *title, *description;
} texts[] = {
	{ "allow", "Ask for routes",
	  "Ask the operator to allow hosts or paths that you will need. Waits a while for the decision; when it says "
	  "that the "
	  "proposal is still pending, go on and call it again later with the same routes_yaml." },
	{ "egress-block", "Ask after a refusal",
	  "Ask the operator to allow what was just refused: call it after a request failed with 403. Otherwise like "
	  "allow." },
	{ "list-egress-routes", "Show the routes in force",
	  "Show which hosts, paths and methods are allowed now, as a routes file in JSON." },
};

enum tool tools_find(struct slice name, enum queue_tool *asked)
{
	if (slice_eq(name, SLICE("list-egress-routes")))
		return TOOL_LISTS;
	for (enum queue_tool t = QUEUE_ALLOW; t <= QUEUE_EGRESS_BLOCK; t++) {
		if (slice_eq(name, slice_str(queue_tool_names[t]))) {
			*asked = t;
			return TOOL_ASKS;
		}
	}
	return TOOL_UNKNOWN;
}

/* Add one string argument to a schema. */
static void add_argument(struct doc *schema, const char *name, const char *help)
{
	struct doc *argument = doc_put((struct doc *)doc_get(schema, "properties"), name, doc_new_object());

	doc_put_str(argument, "type", "string");
	doc_put_str(argument, "description", help);
	doc_append_str((struct doc *)doc_get(schema, "required"), name);
}

struct doc *tools_list(void)
{
	struct doc *result = doc_new_object(), *list = doc_put(result, "tools", doc_new_array());

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct doc *tool = doc_append(list, doc_new_object()), *schema, *hints;
		enum queue_tool asked;
		bool asks = tools_find(slice_str(texts[i].name), &asked) == TOOL_ASKS;

		doc_put_str(tool, "name", texts[i].name);
		doc_put_str(tool, "title", texts[i].title);
		doc_put_str(tool, "description", texts[i].description);
		schema = doc_put(tool, "inputSchema", doc_new_object());
		doc_put_str(schema, "type", "object");
		doc_put(schema, "properties", doc_new_object());
		if (asks) {
			doc_put(schema, "required", doc_new_array());
			add_argument(schema, "routes_yaml", routes_help);
			add_argument(schema, "justification", justification_help);
		}
		doc_put_bool(schema, "additionalProperties", false);
		hints = doc_put(tool, "annotations", doc_new_object());
		doc_put_bool(hints, "readOnlyHint", !asks);
		doc_put_bool(hints, "destructiveHint", false);
		doc_put_bool(hints, "idempotentHint", true);
		doc_put_bool(hints, "openWorldHint", false);
	}
	return result;
}
