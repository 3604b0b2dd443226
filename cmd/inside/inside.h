/*
 * The first process of an agent's container, from its start to the agent's end.
 *
 * It speaks frames (frame.h) with the launcher over standard input and output.
 * It makes the sockets of the services and hands them out, gives up every power,
 * runs bb-prove and the setup commands, then the agent, and passes bytes on. It
 * is the agent's user from the beginning, but nothing that the agent runs can
 * read it, trace it or send it a signal that it minds. When its input ends, so
 * does everything in the container.
 */
#ifndef BB_INSIDE_H
#define BB_INSIDE_H

#include <sys/types.h>

#include "cmd/launch-native/agent.h"
#include "cmd/launch-native/plan.h"
#include "document.h"
#include "frame.h"
#include "secret.h"

struct inside {
	struct buf in;        /* what the launcher has sent and nobody has taken */
	struct buf out;       /* what it has not yet read */
	struct doc *document;
	struct plan plan;     /* views of the document: only what agent.h looks at */
	struct agent agent;
	int children;         /* signalfd for SIGCHLD */
	int master, slave;    /* the agent's terminal, or -1 */
	pid_t pid;            /* the agent's */
};

/* Wait for the next frame; a view of in->in until inside_drop. False with an error at the end of the input. */
bool inside_receive(struct inside *in, struct frame *f, struct error *e);
void inside_drop(struct inside *in, const struct frame *f);
/* Wait for a frame of this kind; any other is an error. */
bool inside_expect(struct inside *in, enum frame_kind kind, struct frame *f, struct error *e);
/* Make the terminal, if there is one, as large as a SIZE says; false when it says nothing. */
bool inside_resize(struct inside *in, struct slice payload);
/* Write all that is in in->out. */
bool inside_flush(struct inside *in, struct error *e);

/* Start the agent and pass bytes on until it has ended and all that it wrote is on its way (attend.c). */
bool inside_attend(struct inside *in, struct error *e);

#endif
