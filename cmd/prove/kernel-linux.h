/*
 * The system calls that lead out of a bottle, each tried once.
 *
 * Source: the manual pages of section 2, and for the order in which the kernel
 * checks rights and arguments: kernel/{fork,nsproxy,reboot,kexec,module}.c,
 * fs/{namespace,open,fhandle}.c, kernel/time/{time,ntp}.c of Linux 6.x.
 */
#ifndef BB_PROVE_KERNEL_H
#define BB_PROVE_KERNEL_H

#include "probe.h"
#include "verdict.h"

/* Report on all checks of the system-call kind. Blocks for at most a second; a bottle that holds takes under 1 ms. */
void kernel_prove(const struct probe *p, struct verdict *v);

#endif
