#include "certificates.h"

#include <errno.h>
#include <unistd.h>

#include "alloc.h"
#include "file.h"

/* Where distributions keep all roots in one file: Debian, Fedora, openSUSE, Alpine. */
static const char *const stores[] = { "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
				      "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem" };

/* The host's roots; a host without any trusts nobody, and so does the bottle. */
static bool read_roots(struct buf *bundle, struct error *e)
{
	for (size_t i = 0; i < COUNT_OF(stores); i++)
		if (access(stores[i], R_OK) == 0)
			return file_read(stores[i], CERTIFICATES_MAX, bundle, e);
	return true;
}

bool certificates_read(const struct plan *p, const struct state *s, struct buf *ca, struct buf *bundle, struct error *e)
{
	AUTO_FREE char *path = state_path(s, "egress/ca.pem");

	if (!read_roots(bundle, e))
		return false;
	if (!plan_has_daemon(p, "egress"))
		return true;
	if (!file_read(path, CERTIFICATES_MAX, ca, e))
		return error_wrap(e, "the proxy has made no CA");
	if (bundle->len && bundle->ptr[bundle->len - 1] != '\n')
		buf_add_char(bundle, '\n');
	buf_add_slice(bundle, buf_slice(ca));
	return true;
}
