/* Certificates: a throw-away authority, and a leaf for whatever name is asked for. */
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "file.h"
#include "origin.h"

#define LEAVES_MAX 256      /* names remembered; a test asks for a handful */
#define NAME_MAX_DNS 253    /* RFC 1035 §2.3.4 */
#define DEFAULT_NAME "localhost"

struct leaf {
	char name[NAME_MAX_DNS + 1];
	X509 *cert;
};

struct tls_identity {
	pthread_mutex_t lock;
	EVP_PKEY *ca_key, *leaf_key;
	X509 *ca;
	struct leaf leaves[LEAVES_MAX];
	size_t n_leaves;
};

/* Set an error with what OpenSSL says. */
static bool tls_error(struct error *e, const char *what)
{
	char text[256];

	ERR_error_string_n(ERR_get_error(), text, sizeof(text));
	return error_set(e, STATUS_WORLD, "unable to %s: %s", what, text);
}

/* Add one X.509v3 extension from its configuration text. */
static bool add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;
	bool ok;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ok = ext && X509_add_ext(cert, ext, -1) == 1;
	X509_EXTENSION_free(ext);
	return ok;
}

/* A certificate without extensions: random serial, a common name, valid from yesterday for a year. */
static X509 *new_cert(EVP_PKEY *key, const char *name)
{
	X509 *cert = X509_new();
	X509_NAME *subject = cert ? X509_get_subject_name(cert) : NULL;
	BIGNUM *serial = BN_new();

	if (!cert || !serial || X509_set_version(cert, 2) != 1 || BN_rand(serial, 120, 0, 0) != 1 ||
	    !BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(cert)) ||
	    !X509_gmtime_adj(X509_getm_notBefore(cert), -86400) ||
	    !X509_gmtime_adj(X509_getm_notAfter(cert), 365L * 86400) || X509_set_pubkey(cert, key) != 1 ||
	    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0) != 1) {
		X509_free(cert);
		cert = NULL;
	}
	BN_free(serial);
	return cert;
}

/* Make the authority's certificate. */
static X509 *make_ca(EVP_PKEY *key)
{
	X509 *ca = new_cert(key, "throw-away test authority");

	if (ca && X509_set_issuer_name(ca, X509_get_subject_name(ca)) == 1 &&
	    add_extension(ca, ca, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
	    add_extension(ca, ca, NID_key_usage, "critical,keyCertSign,cRLSign") &&
	    add_extension(ca, ca, NID_subject_key_identifier, "hash") && X509_sign(ca, key, EVP_sha256()) > 0)
		return ca;
	X509_free(ca);
	return NULL;
}

/* Make a server certificate for one DNS name; the default one also has the loopback addresses. */
static X509 *make_leaf(struct tls_identity *id, const char *name)
{
	bool is_default = strcmp(name, DEFAULT_NAME) == 0;
	AUTO_FREE char *san = alloc_format("DNS:%s%s", name, is_default ? ",IP:127.0.0.1,IP:::1" : "");
	X509 *cert = new_cert(id->leaf_key, strlen(name) < 64 ? name : "long name");

	if (cert && X509_set_issuer_name(cert, X509_get_subject_name(id->ca)) == 1 &&
	    add_extension(cert, id->ca, NID_basic_constraints, "critical,CA:FALSE") &&
	    add_extension(cert, id->ca, NID_key_usage, "critical,digitalSignature") &&
	    add_extension(cert, id->ca, NID_ext_key_usage, "serverAuth") &&
	    add_extension(cert, id->ca, NID_subject_key_identifier, "hash") &&
	    add_extension(cert, id->ca, NID_authority_key_identifier, "keyid:always") &&
	    add_extension(cert, id->ca, NID_subject_alt_name, san) && X509_sign(cert, id->ca_key, EVP_sha256()) > 0)
		return cert;
	X509_free(cert);
	return NULL;
}

/* Whether a name from a ClientHello may go into a certificate's configuration text. */
static bool is_host_name(const char *name)
{
	size_t n = strlen(name);

	return n > 0 && n <= NAME_MAX_DNS &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._") == n;
}

/* The leaf for a name, remembered or made now. */
static X509 *find_leaf(struct tls_identity *id, const char *name)
{
	X509 *cert = NULL;

	pthread_mutex_lock(&id->lock);
	for (size_t i = 0; i < id->n_leaves && !cert; i++)
		if (strcasecmp(id->leaves[i].name, name) == 0)
			cert = id->leaves[i].cert;
	if (!cert && id->n_leaves < LEAVES_MAX && (cert = make_leaf(id, name))) {
		struct leaf *l = &id->leaves[id->n_leaves++];

		snprintf(l->name, sizeof(l->name), "%s", name);
		l->cert = cert;
	}
	pthread_mutex_unlock(&id->lock);
	return cert;
}

/* OpenSSL asks for the certificate of this handshake. */
static int choose_cert(SSL *ssl, void *arg)
{
	struct tls_identity *id = arg;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	X509 *cert = find_leaf(id, name && is_host_name(name) ? name : DEFAULT_NAME);

	return cert && SSL_use_certificate(ssl, cert) == 1 && SSL_use_PrivateKey(ssl, id->leaf_key) == 1;
}

/* Read ca.key and ca.pem. */
static bool read_ca(struct tls_identity *id, const char *key_path, const char *cert_path, struct error *e)
{
	AUTO_BUF key = BUF_INIT, cert = BUF_INIT;
	BIO *bio;

	if (!file_read(key_path, 65536, &key, e) || !file_read(cert_path, 65536, &cert, e))
		return false;
	bio = BIO_new_mem_buf(key.ptr, (int)key.len);
	id->ca_key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	BIO_free(bio);
	bio = BIO_new_mem_buf(cert.ptr, (int)cert.len);
	id->ca = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	BIO_free(bio);
	if (!id->ca_key || !id->ca || X509_check_private_key(id->ca, id->ca_key) != 1)
		return tls_error(e, "use the authority's files");
	return true;
}

/* Write what OpenSSL put into a memory BIO. */
static bool write_bio(BIO *bio, const char *path, mode_t mode, struct error *e)
{
	char *bytes;
	long n = BIO_get_mem_data(bio, &bytes);

	return file_replace(path, slice_of(bytes, (size_t)n), mode, e);
}

/* Make the authority and write its files. */
static bool make_authority(struct tls_identity *id, const char *key_path, const char *cert_path, struct error *e)
{
	BIO *bio = BIO_new(BIO_s_mem());
	bool ok;

	id->ca_key = EVP_EC_gen("P-256");
	id->ca = id->ca_key ? make_ca(id->ca_key) : NULL;
	if (!bio || !id->ca || PEM_write_bio_PrivateKey(bio, id->ca_key, NULL, NULL, 0, NULL, NULL) != 1) {
		BIO_free(bio);
		return tls_error(e, "make an authority");
	}
	ok = write_bio(bio, key_path, 0600, e);
	BIO_reset(bio);
	ok = ok && PEM_write_bio_X509(bio, id->ca) == 1 && write_bio(bio, cert_path, 0644, e);
	BIO_free(bio);
	return ok;
}

struct tls_identity *identity_open(const char *dir, struct error *e)
{
	struct tls_identity *id = alloc_zero(1, sizeof(*id));
	AUTO_FREE char *key_path = alloc_format("%s/ca.key", dir), *cert_path = alloc_format("%s/ca.pem", dir);
	struct stat st;
	bool ok;

	pthread_mutex_init(&id->lock, NULL);
	id->leaf_key = EVP_EC_gen("P-256");
	if (stat(key_path, &st) == 0)
		ok = read_ca(id, key_path, cert_path, e);
	else
		ok = file_make_dirs(dir, 0755, e) && make_authority(id, key_path, cert_path, e);
	if (ok && id->leaf_key)
		return id;
	if (ok)
		tls_error(e, "make a key");
	identity_release(id);
	return NULL;
}

SSL_CTX *identity_context(struct tls_identity *id, const char *cert, const char *key, struct error *e)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	if (!ctx) {
		tls_error(e, "make a TLS context");
		return NULL;
	}
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
	if (!cert) {
		SSL_CTX_set_cert_cb(ctx, choose_cert, id);
		return ctx;
	}
	if (SSL_CTX_use_certificate_chain_file(ctx, cert) == 1 &&
	    SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) == 1)
		return ctx;
	tls_error(e, "use the certificate and its key");
	SSL_CTX_free(ctx);
	return NULL;
}

void identity_release(struct tls_identity *id)
{
	if (!id)
		return;
	for (size_t i = 0; i < id->n_leaves; i++)
		X509_free(id->leaves[i].cert);
	EVP_PKEY_free(id->ca_key);
	EVP_PKEY_free(id->leaf_key);
	X509_free(id->ca);
	pthread_mutex_destroy(&id->lock);
	free(id);
}
