#include "signature.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>

#include "alloc.h"
#include "base64.h"

#define SIGNATURE_BYTES 64 /* RFC 8032 §5.1.6 */

struct signature_key {
	EVP_PKEY *pkey;
};

/* Wrap a key of the library, which is ours from now on; NULL with an error when it is none of Ed25519. */
static struct signature_key *wrap(EVP_PKEY *pkey, struct error *e)
{
	struct signature_key *k;

	if (!pkey || EVP_PKEY_get_base_id(pkey) != EVP_PKEY_ED25519) {
		EVP_PKEY_free(pkey);
		error_set(e, STATUS_CALLER, "this is not an Ed25519 key in PEM");
		return NULL;
	}
	k = alloc_zero(1, sizeof(*k));
	k->pkey = pkey;
	return k;
}

struct signature_key *signature_make(struct error *e)
{
	EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");

	if (!pkey) {
		error_set(e, STATUS_WORLD, "unable to make a key");
		return NULL;
	}
	return wrap(pkey, e);
}

/* An encrypted key would make the library ask the terminal: refuse instead. */
static int no_password(char *text, int size, int writing, void *ctx)
{
	(void)text;
	(void)size;
	(void)writing;
	(void)ctx;
	return -1;
}

struct signature_key *signature_load(struct slice pem, struct error *e)
{
	BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
	EVP_PKEY *pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL) : NULL;

	BIO_free(bio);
	return wrap(pkey, e);
}

struct signature_key *signature_load_public(struct slice pem, struct error *e)
{
	BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
	EVP_PKEY *pkey = bio ? PEM_read_bio_PUBKEY(bio, NULL, no_password, NULL) : NULL;

	BIO_free(bio);
	return wrap(pkey, e);
}

void signature_release(struct signature_key *k)
{
	if (!k)
		return;
	EVP_PKEY_free(k->pkey);
	free(k);
}

/* Move what a memory BIO holds into a buf. */
static void take(BIO *bio, bool ok, struct buf *out)
{
	char *text;
	long n = ok ? BIO_get_mem_data(bio, &text) : 0;

	if (n <= 0)
		abort(); /* only for want of memory: half a key must not be stored */
	buf_add(out, text, (size_t)n);
	alloc_wipe(text, (size_t)n);
	BIO_free(bio);
}

void signature_store(const struct signature_key *k, struct buf *pem)
{
	BIO *bio = BIO_new(BIO_s_mem());

	take(bio, bio && PEM_write_bio_PKCS8PrivateKey(bio, k->pkey, NULL, NULL, 0, NULL, NULL) == 1, pem);
}

void signature_store_public(const struct signature_key *k, struct buf *pem)
{
	BIO *bio = BIO_new(BIO_s_mem());

	take(bio, bio && PEM_write_bio_PUBKEY(bio, k->pkey) == 1, pem);
}

void signature_sign(const struct signature_key *k, struct slice bytes, struct buf *text)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char out[SIGNATURE_BYTES];
	size_t n = sizeof(out);
	bool ok = ctx && EVP_DigestSignInit(ctx, NULL, NULL, NULL, k->pkey) == 1 &&
		  EVP_DigestSign(ctx, out, &n, (const unsigned char *)bytes.ptr, bytes.len) == 1 && n == sizeof(out);

	EVP_MD_CTX_free(ctx);
	if (!ok)
		abort(); /* for want of memory or of a private key: nothing may pass for a signature */
	base64_encode(text, slice_of(out, sizeof(out)));
}

bool signature_check(const struct signature_key *k, struct slice bytes, struct slice text)
{
	unsigned char raw[SIGNATURE_TEXT];
	AUTO_BUF again = BUF_INIT;
	EVP_MD_CTX *ctx;
	bool ok;

	if (text.len != SIGNATURE_TEXT ||
	    EVP_DecodeBlock(raw, (const unsigned char *)text.ptr, SIGNATURE_TEXT) < SIGNATURE_BYTES)
		return false;
	base64_encode(&again, slice_of(raw, SIGNATURE_BYTES));
	if (!slice_eq(buf_slice(&again), text))
		return false;
	ctx = EVP_MD_CTX_new();
	ok = ctx && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, k->pkey) == 1 &&
	     EVP_DigestVerify(ctx, raw, SIGNATURE_BYTES, (const unsigned char *)bytes.ptr, bytes.len) == 1;
	EVP_MD_CTX_free(ctx);
	return ok;
}
