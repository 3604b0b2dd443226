/*
 * What the gate bounds, each with its reason. A push that meets one of them is
 * refused with its name.
 */
#ifndef BB_GITGATE_LIMITS_H
#define BB_GITGATE_LIMITS_H

/* Connections. */
#define CONNECTIONS_MAX 32     /* at once; each is up to four processes. Others wait */
#define HEAD_SECONDS 30        /* for a whole request: a client sends it at once */
#define KEEP_ALIVE_SECONDS 60  /* between two requests of one connection */
#define STILL_SECONDS 1200     /* without a byte in either direction: longer than the longest wait for a person */
#define DRAIN_SECONDS 60       /* for a client to see that its push has failed */
#define DRAIN_PIECE (1u << 20) /* bytes that are thrown away at once */
#define REPLY_MAX 1024         /* bytes of what the steward tells the door */

/* Upstream. */
#define REFRESH_SECONDS 900    /* of one refresh: a first copy of a large repository */
#define FORWARD_SECONDS 900    /* of one push upstream */
#define SAID_MAX 16384         /* bytes of what git says that are read to explain a failure */

/* What arrives in one push. */
#define PUSH_BYTES_MAX (512u << 20)  /* of the pack: forges refuse more than about 2 GiB, people push a few MiB */
#define PUSH_REFS_MAX 256            /* refs of one push: they become arguments of one git push */
#define PUSH_OPTIONS_MAX 32          /* push options */
#define PUSH_OPTION_BYTES_MAX 4096   /* bytes of one */
#define PUSH_REQUEST_MAX (256u << 10) /* bytes of the hook's request: refs and options together */
#define PUSH_OBJECTS_MAX 1000000     /* objects: a large repository's whole history */
#define PUSH_OBJECT_MAX (100u << 20) /* bytes of one object: read whole to be looked at; GitHub's limit for a file */
#define PUSH_SCAN_MAX (4ull << 30)   /* bytes looked at, unpacked: about a minute */
#define PUSH_WORK_MAX (32ull << 30)  /* the same with what is decoded, each try counted as 2 KiB: some minutes */
/* of the fingerprints of known secrets: 256 of 8 KiB in all their forms are 50 MB */
#define KNOWN_BYTES_MAX (64u << 20)
#define PUSH_FINDINGS_MAX 50         /* that one refusal lists: nobody reads more */
#define ASK_SECONDS 300              /* that a push waits for a person, unless the environment says otherwise */
#define ASK_SECONDS_MAX 900          /* what it may say: STILL_SECONDS is longer */
#define APPROVED_BYTES_MAX (1u << 20) /* of what is remembered for one repository: 12,000 findings */
#define JUDGE_SECONDS 600            /* of judging one push */
#define GITLEAKS_REPORT_MAX (16 << 20)   /* bytes of what gitleaks reports: 30,000 findings */
#define TREE_DEPTH_MAX 1000          /* directories in each other: a path is at most 4096 bytes anyway */

/* git, in its jail. */
#define GIT_MEMORY_MAX (1536u << 20) /* bytes of memory: index-pack with threads on a large pack takes 500 MiB */
#define GIT_CPU_SECONDS 900          /* of processor time: a delta bomb takes for ever */
#define GIT_FILES_MAX 1024           /* descriptors */

#endif
