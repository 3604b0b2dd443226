/*
 * Names below which anybody can have a host.
 *
 * "*.example.com" trusts whoever owns example.com. "*.co.uk" or "*.github.io"
 * would trust everybody who has registered a name there, an attacker among them:
 * such names are public suffixes. So are, in effect, the few names that the list
 * of public suffixes does not name itself because the shared part stands at
 * different depths below them (amazonaws.com).
 *
 * The list is the one that libpsl was built with: no file is read, nothing
 * blocks, and it may be called after confinement. The only file that includes
 * libpsl. Source: https://publicsuffix.org/list/.
 */
#ifndef BB_SUFFIX_H
#define BB_SUFFIX_H

#include "slice.h"

/*
 * Why a wildcard over name (lower case, at most HOST_MAX bytes) would cover hosts of
 * strangers, as a static text; NULL when one owner has all of them. Without a list
 * that is not known, which is a reason, too.
 */
const char *suffix_shared(struct slice name);

#endif
