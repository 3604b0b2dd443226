/*
 * Making a tar archive (pax) of files, directories and links, in the order that they are given.
 *
 * Nothing depends on the time or on who makes it: times are 0 unless a tree is
 * packed, whose files keep theirs; owners are the caller's to say. The same things
 * in the same order give the same bytes.
 *
 * Names are below the root of the archive: a leading slash is dropped. Blocks on
 * the descriptors. Source: pax(1), libarchive.
 */
#ifndef BB_PACK_H
#define BB_PACK_H

#include <sys/types.h>

#include "error.h"
#include "slice.h"

#define PACK_BYTES_MAX ((off_t)16 << 30) /* of one tree: a workspace */
#define PACK_FILES_MAX 2000000u

struct pack;

struct pack_owner {
	unsigned uid, gid;
};

/* Write an archive to a descriptor, which stays the caller's. NULL with an error. */
struct pack *pack_open(int fd, struct error *e);
/* End it; the archive is not whole before that. Releases p, also on failure. */
bool pack_close(struct pack *p, struct error *e);
/* Release without ending it; NULL is fine. */
void pack_drop(struct pack *p);

bool pack_directory(struct pack *p, const char *name, mode_t mode, struct pack_owner owner, struct error *e);
bool pack_file(struct pack *p, const char *name, mode_t mode, struct pack_owner owner, struct slice bytes,
	       struct error *e);
bool pack_link(struct pack *p, const char *name, const char *text, struct pack_owner owner, struct error *e);

/* One file of the host, under a name; links are followed. */
bool pack_copy(struct pack *p, const char *name, const char *source, mode_t mode, struct pack_owner owner,
	       struct error *e);

/*
 * A directory of the host with all below it, in the order of names: files, directories and links with their
 * permissions, without set-id bits; sockets, devices and pipes are left out. Nothing is followed.
 */
bool pack_tree(struct pack *p, const char *name, const char *source, struct pack_owner owner, struct error *e);

#endif
