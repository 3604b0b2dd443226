/* The hook of receive-pack: see hook.c. */
#ifndef BB_GITGATE_HOOK_H
#define BB_GITGATE_HOOK_H

/* The verb: hook pre-receive. Also what a link called "pre-receive" to this program does. Return the exit status. */
int hook_main(int argc, char **argv);
int hook_pre_receive(void);

#endif
