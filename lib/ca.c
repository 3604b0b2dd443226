#include "ca.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "alloc.h"

struct ca {
	EVP_PKEY *key;
	X509 *certificate;
};

struct leaf_key {
	EVP_PKEY *key;
};

enum {
	SERIAL_BITS = 159,     /* positive in 20 octets, RFC 5280 §4.1.2.2 */
	COMMON_NAME_MAX = 64,  /* RFC 5280, ub-common-name */
};

static void free_x509(X509 **x)
{
	X509_free(*x);
}

static void free_bio(BIO **b)
{
	BIO_free(*b);
}

#define AUTO_X509 __attribute__((cleanup(free_x509))) X509
#define AUTO_BIO __attribute__((cleanup(free_bio))) BIO

/* Report what OpenSSL's queue says last, and empty the queue. */
static bool fail(struct error *e, const char *what)
{
	char reason[256] = "unknown reason";
	unsigned long code = ERR_peek_last_error();

	if (code)
		ERR_error_string_n(code, reason, sizeof(reason));
	ERR_clear_error();
	return error_set(e, STATUS_WORLD, "%s: %s", what, reason);
}

/* Give a certificate a random serial number. */
static bool set_serial(X509 *x)
{
	BIGNUM *n = BN_new();
	bool ok = n && BN_rand(n, SERIAL_BITS, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) &&
		  BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x));

	BN_free(n);
	return ok;
}

/* Add one extension in the notation of x509v3_config(5). */
static bool add_extension(X509 *x, X509V3_CTX *ctx, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, ctx, nid, value);
	bool ok = extension && X509_add_ext(x, extension, -1);

	X509_EXTENSION_free(extension);
	return ok;
}

/* What every certificate of ours has: version, serial, validity, subject. */
static bool set_common(X509 *x, const char *common_name, int days)
{
	X509_NAME *name = X509_get_subject_name(x);

	return X509_set_version(x, X509_VERSION_3) && set_serial(x) &&
	       X509_time_adj_ex(X509_getm_notBefore(x), -1, 0, NULL) &&
	       X509_time_adj_ex(X509_getm_notAfter(x), days, 0, NULL) &&
	       X509_NAME_add_entry_by_txt(name, "O", MBSTRING_ASC, (const unsigned char *)"bot-bottle", -1, -1, 0) &&
	       (!*common_name || X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
							    (const unsigned char *)common_name, -1, -1, 0));
}

/* Fill in and sign the CA's own certificate. */
static bool build_ca(struct ca *ca)
{
	X509V3_CTX ctx;
	X509 *x = ca->certificate;
	unsigned char tag[4];
	char name[64];

	/* Names differ, so that a client which trusts several of our CAs never tries the wrong one. */
	if (RAND_bytes(tag, sizeof(tag)) != 1)
		return false;
	snprintf(name, sizeof(name), "bot-bottle CA %02x%02x%02x%02x", tag[0], tag[1], tag[2], tag[3]);
	if (!set_common(x, name, CA_DAYS) || !X509_set_issuer_name(x, X509_get_subject_name(x)) ||
	    !X509_set_pubkey(x, ca->key))
		return false;
	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
	return add_extension(x, &ctx, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
	       add_extension(x, &ctx, NID_key_usage, "critical,keyCertSign,cRLSign") &&
	       add_extension(x, &ctx, NID_subject_key_identifier, "hash") &&
	       add_extension(x, &ctx, NID_authority_key_identifier, "keyid:always") &&
	       X509_sign(x, ca->key, EVP_sha256());
}

struct ca *ca_make(struct error *e)
{
	struct ca *ca = alloc_zero(1, sizeof(*ca));

	ca->key = EVP_EC_gen("P-256");
	ca->certificate = X509_new();
	if (ca->key && ca->certificate && build_ca(ca))
		return ca;
	fail(e, "unable to make a certificate authority");
	ca_release(ca);
	return NULL;
}

struct ca *ca_load(struct slice store, struct error *e)
{
	AUTO_BIO *bio = BIO_new_mem_buf(store.ptr, (int)store.len);
	struct ca *ca = alloc_zero(1, sizeof(*ca));

	ca->key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
	ca->certificate = ca->key ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	if (!ca->certificate || !X509_check_private_key(ca->certificate, ca->key))
		fail(e, "the store of the certificate authority does not hold a key and its certificate");
	else if (X509_check_ca(ca->certificate) != 1)
		error_set(e, STATUS_WORLD,
			  "the certificate in the store of the certificate authority is not one of a CA");
	else if (X509_cmp_current_time(X509_get0_notAfter(ca->certificate)) < 0)
		error_set(e, STATUS_WORLD, "the certificate authority has expired");
	else
		return ca;
	ca_release(ca);
	return NULL;
}

void ca_release(struct ca *ca)
{
	if (!ca)
		return;
	EVP_PKEY_free(ca->key); /* clears the private number */
	X509_free(ca->certificate);
	free(ca);
}

/* Append what a memory BIO holds and wipe it. */
static void take_bio(BIO *bio, struct buf *out)
{
	char *bytes;
	long len = BIO_get_mem_data(bio, &bytes);

	buf_add(out, bytes, (size_t)len);
	alloc_wipe(bytes, (size_t)len);
}

void ca_store(const struct ca *ca, struct buf *pem)
{
	AUTO_BIO *bio = BIO_new(BIO_s_secmem());

	buf_reserve(pem, 4096); /* so that no copy of the key is left behind by growing */
	if (bio && PEM_write_bio_PKCS8PrivateKey(bio, ca->key, NULL, NULL, 0, NULL, NULL) &&
	    PEM_write_bio_X509(bio, ca->certificate))
		take_bio(bio, pem);
}

void ca_certificate(const struct ca *ca, struct buf *pem)
{
	AUTO_BIO *bio = BIO_new(BIO_s_mem());

	if (bio && PEM_write_bio_X509(bio, ca->certificate))
		take_bio(bio, pem);
}

bool ca_link_name(struct slice pem, char name[CA_LINK_NAME_SIZE], struct error *e)
{
	AUTO_BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
	AUTO_X509 *x = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	int ok = 0;
	unsigned long hash = x ? X509_NAME_hash_ex(X509_get_subject_name(x), NULL, NULL, &ok) : 0;

	if (!ok)
		return fail(e, "unable to read the certificate of the CA");
	snprintf(name, CA_LINK_NAME_SIZE, "%08lx.0", hash & 0xffffffff);
	return true;
}

struct leaf_key *leaf_key_new(struct slice der, struct error *e)
{
	const unsigned char *at = (const unsigned char *)der.ptr;
	EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)der.len);
	char group[32] = "";
	struct leaf_key *k;

	if (!key || at != (const unsigned char *)der.ptr + der.len ||
	    !EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) || strcmp(group, "prime256v1") != 0) {
		EVP_PKEY_free(key);
		ERR_clear_error();
		error_set(e, STATUS_CALLER, "the leaf key is not a public key on P-256");
		return NULL;
	}
	k = alloc_zero(1, sizeof(*k));
	k->key = key;
	return k;
}

void leaf_key_release(struct leaf_key *k)
{
	if (!k)
		return;
	EVP_PKEY_free(k->key);
	free(k);
}

/* Is this text an IP address rather than a name? */
static bool is_address(const char *host)
{
	unsigned char address[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

/* Fill in a leaf up to its signature. */
static bool build_leaf(const struct ca *ca, X509 *x, const struct leaf_key *key, const char *host)
{
	AUTO_FREE char *names = alloc_format("%s:%s", is_address(host) ? "IP" : "DNS", host);
	X509V3_CTX ctx;

	if (!set_common(x, strlen(host) <= COMMON_NAME_MAX ? host : "", LEAF_DAYS) ||
	    !X509_set_issuer_name(x, X509_get_subject_name(ca->certificate)) || !X509_set_pubkey(x, key->key))
		return false;
	if (ASN1_TIME_compare(X509_get0_notAfter(x), X509_get0_notAfter(ca->certificate)) > 0 &&
	    !X509_set1_notAfter(x, X509_get0_notAfter(ca->certificate)))
		return false;
	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, ca->certificate, x, NULL, NULL, 0);
	return add_extension(x, &ctx, NID_basic_constraints, "critical,CA:FALSE") &&
	       add_extension(x, &ctx, NID_key_usage, "critical,digitalSignature") &&
	       add_extension(x, &ctx, NID_ext_key_usage, "serverAuth") &&
	       add_extension(x, &ctx, NID_subject_key_identifier, "hash") &&
	       add_extension(x, &ctx, NID_authority_key_identifier, "keyid:always") &&
	       add_extension(x, &ctx, NID_subject_alt_name, names);
}

bool ca_sign(const struct ca *ca, const struct leaf_key *key, const char *host, struct buf *der, struct error *e)
{
	AUTO_X509 *x = X509_new();
	unsigned char *at;
	int len;

	if (strpbrk(host, ",;\"\\ ")) /* would mean something in the notation of add_extension */
		return error_set(e, STATUS_CALLER, "the name for a certificate is not a host name");
	if (!x || !build_leaf(ca, x, key, host) || !X509_sign(x, ca->key, EVP_sha256()))
		return fail(e, "unable to make a certificate");
	len = i2d_X509(x, NULL);
	if (len <= 0)
		return fail(e, "unable to encode a certificate");
	buf_reserve(der, (size_t)len);
	at = (unsigned char *)der->ptr + der->len;
	i2d_X509(x, &at);
	der->len += (size_t)len;
	der->ptr[der->len] = '\0';
	return true;
}
