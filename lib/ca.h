/*
 * A certificate authority for one bottle: its key, its certificate, leaves.
 *
 * The key is EC P-256; certificates are signed with SHA-256, carry random
 * serial numbers of 159 bits, are valid from a day ago (clocks differ), and have
 * what strict verifiers ask for: critical basicConstraints and keyUsage, Subject
 * and Authority Key Identifiers, subjectAltName, extendedKeyUsage.
 *
 * A store is what a CA keeps between restarts: the private key and the
 * certificate in PEM. It is a secret; the certificate alone is not.
 *
 * Life: ca_make or ca_load, any number of ca_sign, ca_release (which wipes).
 * Nothing blocks; everything may be called after confinement.
 * Sources: RFC 5280; OpenSSL's X509_V_FLAG_X509_STRICT; RFC 6125.
 */
#ifndef BB_CA_H
#define BB_CA_H

#include "buf.h"
#include "error.h"

#define CA_DAYS 3650  /* validity of a CA: longer than any bottle lives */
#define LEAF_DAYS 90  /* validity of a leaf: well below what clients accept at most */

struct ca;
/* The public half of the key that a front uses for all of its leaves. */
struct leaf_key;

/* Make a CA with a new key. NULL on failure. */
struct ca *ca_make(struct error *e);
/* Read a store: one key, one certificate that belongs to it, still valid. NULL with an error otherwise. */
struct ca *ca_load(struct slice store, struct error *e);
void ca_release(struct ca *ca);

/* Append the store; release the buf with buf_wipe. */
void ca_store(const struct ca *ca, struct buf *pem);
/* Append the certificate as PEM. */
void ca_certificate(const struct ca *ca, struct buf *pem);

/*
 * The name under which OpenSSL looks for this certificate in a directory (SSL_CERT_DIR): the hash of its subject and
 * ".0". pem is one certificate.
 * Source: openssl-rehash(1).
 */
#define CA_LINK_NAME_SIZE sizeof("01234567.0")
bool ca_link_name(struct slice pem, char name[CA_LINK_NAME_SIZE], struct error *e);

/* Take a public key in DER (SubjectPublicKeyInfo); only EC P-256 is accepted. NULL on failure. */
struct leaf_key *leaf_key_new(struct slice der, struct error *e);
void leaf_key_release(struct leaf_key *k);

/*
 * Append a certificate in DER for host and key. host is a lower-case DNS name,
 * or an IP address (v6 without brackets); the caller has checked that it is well formed.
 */
bool ca_sign(const struct ca *ca, const struct leaf_key *key, const char *host, struct buf *der, struct error *e);

#endif
