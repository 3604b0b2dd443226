/*
 * Sessions of MCP clients, without a table of them.
 *
 * A session's id carries the protocol version that was negotiated and is signed
 * with a key that outlives the daemon (--session-key), so an id that we gave out
 * is known again after a restart, and a client that makes ids fills no memory.
 * Sessions that were ended (DELETE) are remembered, the last SESSIONS_ENDED_MAX.
 *
 * The id guards nothing: there is one bottle on the other side. It is what the
 * protocol asks for. May be called after confinement, but for sessions_open.
 */
#ifndef BB_SUPERVISE_SESSION_H
#define BB_SUPERVISE_SESSION_H

#include "digest.h"
#include "error.h"
#include "limits.h"

#define SESSION_ID_SIZE 68 /* version, "-", 32 and 32 hexadecimal digits, and NUL; with room */

/* Oldest first; a version is compared by its place here. */
enum mcp_version { MCP_2024_11_05, MCP_2025_03_26, MCP_2025_06_18, MCP_2025_11_25, MCP_VERSIONS };
extern const char *const mcp_version_names[MCP_VERSIONS];

struct sessions {
	uint8_t key[DIGEST_SIZE];
	char ended[SESSIONS_ENDED_MAX][SESSION_ID_SIZE];
	unsigned next; /* place in ended that is overwritten next */
};

/* Take the key from a descriptor, drawing one if it holds none; from nowhere with -1. */
bool sessions_open(struct sessions *s, int key, struct error *e);

/* Make an id. */
bool session_new(const struct sessions *s, enum mcp_version version, char id[SESSION_ID_SIZE], struct error *e);

/* Whether the id is one of ours and not ended; its version. */
bool session_find(const struct sessions *s, struct slice id, enum mcp_version *version);

void session_end(struct sessions *s, struct slice id);

/* Whether text names a version. */
bool mcp_version_find(struct slice text, enum mcp_version *version);

#endif
