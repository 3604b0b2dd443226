#include "keypair.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include "alloc.h"
#include "base64.h"

#define KEY_SIZE 32 /* bytes of either half, RFC 8032 §5.1.5 */
#define KEY_TYPE "ssh-ed25519"
#define BLOCK 8 /* what the private part is padded to when it is not encrypted */
#define LINE 70 /* characters of base64 in one line, as ssh-keygen writes */
#define ROOM 1024 /* more than any of the buffers with the key needs: growing would leave a copy behind */

/* A number of four bytes, and a string behind its length: RFC 4251 §5. */
static void put_number(struct buf *b, uint32_t n)
{
	for (int shift = 24; shift >= 0; shift -= 8)
		buf_add_char(b, (char)(n >> shift & 0xff));
}

static void put_string(struct buf *b, struct slice s)
{
	put_number(b, (uint32_t)s.len);
	buf_add_slice(b, s);
}

/* The public key as it is sent. */
static void put_public(struct buf *b, struct slice public)
{
	put_string(b, SLICE(KEY_TYPE));
	put_string(b, public);
}

/* The private part: a number twice, by which a decryption would be checked, the key, padding. */
static void put_private(struct buf *b, uint32_t check, struct slice private, struct slice public)
{
	put_number(b, check);
	put_number(b, check);
	put_public(b, public);
	put_number(b, 2 * KEY_SIZE);
	buf_add_slice(b, private);
	buf_add_slice(b, public);
	put_string(b, SLICE("")); /* a comment */
	for (char pad = 1; b->len % BLOCK; pad++)
		buf_add_char(b, pad);
}

/* Append the file of a private key. */
static void store(struct buf *out, uint32_t check, struct slice private, struct slice public)
{
	struct buf whole = BUF_INIT, part = BUF_INIT, text = BUF_INIT;

	buf_reserve(&whole, ROOM);
	buf_reserve(&part, ROOM);
	buf_reserve(&text, ROOM);
	buf_reserve(out, ROOM);
	buf_add(&whole, "openssh-key-v1", 15); /* with its NUL */
	put_string(&whole, SLICE("none"));     /* cipher, key derivation, its options */
	put_string(&whole, SLICE("none"));
	put_string(&whole, SLICE(""));
	put_number(&whole, 1);
	put_public(&part, public);
	put_string(&whole, buf_slice(&part));
	buf_truncate(&part, 0);
	put_private(&part, check, private, public);
	put_string(&whole, buf_slice(&part));
	base64_encode(&text, buf_slice(&whole));
	buf_add_str(out, "-----BEGIN OPENSSH PRIVATE " "KEY-----\n");
	for (size_t at = 0; at < text.len; at += LINE) {
		buf_add_slice(out, slice_sub(buf_slice(&text), at, at + LINE));
		buf_add_char(out, '\n');
	}
	buf_add_str(out, "-----END OPENSSH PRIVATE " "KEY-----\n");
	buf_wipe(&whole);
	buf_wipe(&part);
	buf_wipe(&text);
}

bool keypair_make(struct buf *private, struct buf *public, struct error *e)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	unsigned char secret[KEY_SIZE], shown[KEY_SIZE];
	size_t secret_len = sizeof(secret), shown_len = sizeof(shown);
	AUTO_BUF sent = BUF_INIT;
	uint32_t check;
	bool ok = key && EVP_PKEY_get_raw_private_key(key, secret, &secret_len) == 1 &&
		  EVP_PKEY_get_raw_public_key(key, shown, &shown_len) == 1 &&
		  RAND_bytes((unsigned char *)&check, sizeof(check)) == 1;

	EVP_PKEY_free(key);
	if (!ok)
		return error_set(e, STATUS_WORLD, "unable to make a key");
	store(private, check, slice_of(secret, sizeof(secret)), slice_of(shown, sizeof(shown)));
	alloc_wipe(secret, sizeof(secret));
	put_public(&sent, slice_of(shown, sizeof(shown)));
	buf_add_str(public, KEY_TYPE " ");
	base64_encode(public, buf_slice(&sent));
	return true;
}
