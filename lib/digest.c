#include "digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

void digest_init(void)
{
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
}

/* Digest of the parts with a method that writes as many bytes as out has. */
static void digest_with(const EVP_MD *method, const struct slice *parts, size_t n, uint8_t *out)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx && EVP_DigestInit_ex(ctx, method, NULL) == 1;

	for (size_t i = 0; ok && i < n; i++)
		ok = EVP_DigestUpdate(ctx, parts[i].ptr ? parts[i].ptr : "", parts[i].len) == 1;
	ok = ok && EVP_DigestFinal_ex(ctx, out, NULL) == 1;
	EVP_MD_CTX_free(ctx);
	if (!ok)
		abort(); /* only for want of memory: a digest of nothing in particular must not be used */
}

void digest_sha256(const struct slice *parts, size_t n, uint8_t out[DIGEST_SIZE])
{
	digest_with(EVP_sha256(), parts, n, out);
}

void digest_sha1(const struct slice *parts, size_t n, uint8_t out[DIGEST_SHA1_SIZE])
{
	digest_with(EVP_sha1(), parts, n, out);
}

void digest_text(struct slice text, char out[DIGEST_HEX])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t bytes[DIGEST_SIZE];

	digest_sha256(&text, 1, bytes);
	for (size_t i = 0; i < DIGEST_SIZE; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
	out[DIGEST_HEX - 1] = '\0';
}

bool digest_file(int fd, const char *path, char out[DIGEST_HEX], struct error *e)
{
	struct stat st;
	void *bytes;

	if (fstat(fd, &st) < 0)
		return error_sys(e, "unable to look at '%s'", path);
	if (!S_ISREG(st.st_mode) || st.st_size == 0)
		return error_set(e, STATUS_CALLER, "'%s' is not an archive", path);
	bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (bytes == MAP_FAILED)
		return error_sys(e, "unable to read '%s'", path);
	digest_text(slice_of(bytes, (size_t)st.st_size), out);
	munmap(bytes, (size_t)st.st_size);
	return true;
}
