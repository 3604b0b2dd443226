/*
 * Unpacking a tar archive that someone else has made.
 *
 * Formats: ustar, pax, GNU tar; plain or packed by gzip, bzip2, xz or zstd.
 * What comes out is files, directories, symbolic and hard links, all of them the
 * caller's: no owners, no set-id or sticky bits, no extended attributes. Devices,
 * sockets and FIFOs are left out. The caller can always read what is his.
 *
 * An absolute name, one with "..", one that leads through a symbolic link, and a
 * hard link to something that the archive did not bring are errors. Every path is
 * looked up by the kernel below the directory and never out of it (openat2(2) with
 * RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS). A symbolic link may say anything: it
 * is not followed.
 *
 * The archive is read by a child process that confines itself first: it can make
 * things below the directory and do nothing else. Errors leave what was unpacked
 * until then for the caller to remove. Blocks. Not for use after confinement.
 *
 * Sources: tar(5), openat2(2).
 */
#ifndef BB_UNPACK_H
#define BB_UNPACK_H

#include <stdint.h>

#include "error.h"

#define UNPACK_BYTES_MAX ((uint64_t)64 << 30) /* of all files: a full desktop root has 20 GB */
#define UNPACK_FILES_MAX 4000000u             /* entries: Debian's largest packages have a hundred thousand */
#define UNPACK_PATH_MAX  4095u                /* bytes of a name: PATH_MAX without its end */

struct unpack_limits {
	uint64_t bytes;
	uint64_t files;
};

/* Unpack what is read from the descriptor into the directory, which exists and is empty. */
bool unpack(int from, const char *dir, const struct unpack_limits *limits, struct error *e);

/*
 * The same with an archive of layer.h, by and for the user uid (0: who calls). The directory holds an empty one for
 * each first part of a name that is allowed, and they stay directories. Taken over as well: times of files,
 * attributes of user.*, whiteouts and opaque directories. A name that comes twice is an error.
 */
bool unpack_layer(int from, const char *dir, unsigned uid, const struct unpack_limits *limits, struct error *e);

#endif
