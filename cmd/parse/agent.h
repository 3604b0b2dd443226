/*
 * Agents: finding and reading their files. One of the operator's home goes
 * before one of the same name that the repository ships.
 */
#ifndef BB_PARSE_AGENT_H
#define BB_PARSE_AGENT_H

#include "cmd/parse/bottle.h"
#include "front.h"

extern const struct shape agent_shape;

/* An agent's file as it was read. Zero it, end with agent_release. */
struct agent {
	char *name, *file;
	bool repository;    /* it is the repository's */
	struct buf text;
	struct front front; /* views of text */
	struct yaml *yaml;  /* NULL when it could not be loaded */
	struct doc *doc;    /* bottle, skills, git_gate; NULL when something in it is wrong */
	struct doc *origin;
};

void agent_release(struct agent *a);
#define AUTO_AGENT __attribute__((cleanup(agent_release))) struct agent

/* Read the agent of a name, "./NAME" for the repository's. False with problems added; what could be read is there. */
bool agent_read(const struct load *l, const char *name, struct agent *a);

/* Warn about what a repository has but may not contribute. */
void agent_check_repository(const struct load *l);

/* Refuse configuration of versions that are no more, where it lies about; or one such file. Returns false then. */
bool agent_check_old(const struct load *l);
bool agent_refuse_old(const struct load *l, const char *file);

#endif
