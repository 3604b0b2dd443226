/*
 * The chain of an audit log: entries that name the one before them.
 *
 * An entry is one line of JSON in ASCII:
 *
 *	{"seq":7,"prev":"HEX","time":"…","identity":"web-x1","component":"egress","event":"refuse",…,"hash":"HEX"}
 *
 * hash is the SHA-256 of all bytes of the line in front of ,"hash" and prev is the
 * hash of the entry before, 64 zeros for the first; so who knows the last hash
 * knows that nothing before it was changed, dropped, moved or put in. A head says
 * what the last hash is and is signed by the operator's key:
 *
 *	{"kind":"audit-head","v":1,"identity":"web-x1","seq":7,"hash":"HEX","bytes":2048,"time":"…",
 *	 "signature":"BASE64"}
 *
 * What foreign text an entry holds stands in strings, every byte of it that is not
 * visible ASCII as \uXXXX: a line cannot be forged in it and a terminal not be led.
 *
 * Nothing here blocks or touches a file (audit.h does); everything may be called
 * after confinement. Needs document_seed, and digest_init in programs without TLS.
 */
#ifndef BB_CHAIN_H
#define BB_CHAIN_H

#include "document.h"
#include "signature.h"

#define CHAIN_LINE_MAX (2u << 20)  /* bytes of an entry: three texts of CHAIN_TEXT_MAX, all of it escaped, and more */
/* bytes of notes, justification or difference; longer ones are cut, ending in "..." */
#define CHAIN_TEXT_MAX (64u << 10)
#define CHAIN_WORD_MAX 32	   /* bytes of a component or an event: a-z, 0-9 and dashes */
#define CHAIN_HASH 64		   /* hexadecimal digits */
#define CHAIN_HEAD_MAX 4096	   /* bytes of a head */

/* A place in the chain: behind its entry number seq. */
struct chain {
	uint64_t seq;
	char hash[CHAIN_HASH + 1];
};

/* In front of the first entry. */
#define CHAIN_INIT { 0, "0000000000000000000000000000000000000000000000000000000000000000" }

/* What an entry says; what is NULL or empty is left out. */
struct chain_entry {
	const char *component, *event;
	const char *action;	     /* of the operator: approved, modified, rejected, … */
	struct slice notes;	     /* of the operator */
	struct slice justification;  /* of the agent */
	struct slice difference;     /* what a decision changes */
	const struct doc *hashes;    /* object of names and hexadecimal digits */
	const struct doc *detail;    /* object; whatever else the component has to say */
};

bool chain_is_word(struct slice text);

/* Append the SHA-256 of bytes as CHAIN_HASH hexadecimal digits, as "hashes" has them. */
void chain_digest(struct slice bytes, struct buf *out);

/*
 * Append the middle of an entry, from the time (which is now) to the last member
 * in front of the hash. Component and event must be words.
 */
void chain_body(const char *identity, const struct chain_entry *entry, struct buf *body);

/* Append the line of a body, newline included, that follows on c; c is behind it then. */
void chain_link(struct chain *c, struct slice body, struct buf *line);

/*
 * Judge a line, without its newline, that is to follow on c; c is behind it then,
 * and *entry, if wanted, is the caller's. False with an error (and c as it was)
 * when it is another line than chain_link made there.
 */
bool chain_follow(struct chain *c, const char *identity, struct slice line, struct doc **entry, struct error *e);

/* Append the head for c, the log being bytes long. */
void chain_head(const struct chain *c, const char *identity, uint64_t bytes, const struct signature_key *key,
		struct buf *out);
/* Read a head. False with an error when it is none, of another identity, or not signed by key. */
bool chain_head_read(struct slice text, const char *identity, const struct signature_key *key, struct chain *c,
		     uint64_t *bytes, struct error *e);

/* Judging a whole log: one chain_take for each line in turn, then chain_end. */
struct chain_walk {
	const char *identity;
	struct chain at;
	struct chain head; /* of the signed head; seq 0: there is none */
	bool meets_head;   /* the entry that the head names was there */
	uint64_t repairs;  /* entries that say that something had to be repaired */
};

/* Begin. head is the text of the head file, empty when there is none. */
bool chain_begin(struct chain_walk *w, const char *identity, struct slice head, const struct signature_key *key,
		 struct error *e);
bool chain_take(struct chain_walk *w, struct slice line, struct doc **entry, struct error *e);
/* The log has ended, rest being what follows its last newline. */
bool chain_end(const struct chain_walk *w, struct slice rest, struct error *e);

#endif
