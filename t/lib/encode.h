/*
 * The ways in which the tests write a text so that a scanner may overlook it:
 * the declared transforms of known_secrets, as an attacker would apply them.
 * Each appends to out. Written independently of the decoders.
 */
#ifndef BB_T_ENCODE_H
#define BB_T_ENCODE_H

#include <brotli/encode.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include "buf.h"

typedef void encode_fn(struct slice in, struct buf *out);

static void encode_raw(struct slice in, struct buf *out)
{
	buf_add_slice(out, in);
}

static void base64_with(struct slice in, struct buf *out, const char *alphabet, bool pad, size_t line, const char *end)
{
	size_t column = 0;

	for (size_t i = 0; i < in.len; i += 3) {
		size_t left = in.len - i;
		unsigned b = (unsigned)(unsigned char)in.ptr[i] << 16;

		if (left > 1)
			b |= (unsigned)(unsigned char)in.ptr[i + 1] << 8;
		if (left > 2)
			b |= (unsigned char)in.ptr[i + 2];
		for (size_t k = 0; k < 4; k++) {
			if (k > left && !pad)
				break;
			if (line && column == line) {
				buf_add_str(out, end);
				column = 0;
			}
			buf_add_char(out, k > left ? '=' : alphabet[b >> (18 - 6 * k) & 63]);
			column++;
		}
	}
}

static const char alphabet64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char alphabet64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void encode_base64(struct slice in, struct buf *out)
{
	base64_with(in, out, alphabet64, true, 0, "");
}

static void encode_base64url(struct slice in, struct buf *out)
{
	base64_with(in, out, alphabet64url, false, 0, "");
}

static void encode_base64lines(struct slice in, struct buf *out)
{
	base64_with(in, out, alphabet64, true, 64, "\r\n");
}

/* At the second and third alignment: other bytes stand in front. */
static void encode_base64_at1(struct slice in, struct buf *out)
{
	AUTO_BUF text = BUF_INIT;

	buf_add_str(&text, "~");
	buf_add_slice(&text, in);
	buf_add_str(&text, "~~");
	encode_base64(buf_slice(&text), out);
}

static void encode_base64_at2(struct slice in, struct buf *out)
{
	AUTO_BUF text = BUF_INIT;

	buf_add_str(&text, "~~");
	buf_add_slice(&text, in);
	encode_base64url(buf_slice(&text), out);
}

static void encode_base32(struct slice in, struct buf *out)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
	unsigned long long bits = 0;
	unsigned n = 0;
	size_t count = 0;

	for (size_t i = 0; i < in.len; i++) {
		bits = bits << 8 | (unsigned char)in.ptr[i];
		for (n += 8; n >= 5; count++) {
			n -= 5;
			buf_add_char(out, alphabet[bits >> n & 31]);
		}
	}
	if (n) {
		buf_add_char(out, alphabet[bits << (5 - n) & 31]);
		count++;
	}
	while (count++ % 8)
		buf_add_char(out, '=');
}

static void bytes_as(struct slice in, struct buf *out, const char *format)
{
	for (size_t i = 0; i < in.len; i++) {
		char text[32];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(text, sizeof(text), format, (unsigned char)in.ptr[i]);
#pragma GCC diagnostic pop
		buf_add_str(out, text);
	}
}

static void encode_hex(struct slice in, struct buf *out)
{
	bytes_as(in, out, "%02x");
}

static void encode_HEX(struct slice in, struct buf *out)
{
	bytes_as(in, out, "%02X");
}

static void encode_hexcolons(struct slice in, struct buf *out)
{
	bytes_as(in, out, "%02x:");
}

static void encode_hexarray(struct slice in, struct buf *out)
{
	bytes_as(in, out, "0x%02X, ");
}

static void encode_percent(struct slice in, struct buf *out)
{
	bytes_as(in, out, "%%%02x");
}

static void encode_unicode(struct slice in, struct buf *out)
{
	bytes_as(in, out, "\\u%04x");
}

static void encode_backslash(struct slice in, struct buf *out)
{
	bytes_as(in, out, "\\x%02X");
}

static void encode_entities(struct slice in, struct buf *out)
{
	bytes_as(in, out, "&#%u;");
}

static void encode_hexentities(struct slice in, struct buf *out)
{
	bytes_as(in, out, "&#x%x;");
}

static void encode_quoted(struct slice in, struct buf *out)
{
	for (size_t i = 0; i < in.len; i++) {
		if (i % 25 == 24)
			buf_add_str(out, "=\r\n");
		buf_add_format(out, "=%02X", (unsigned char)in.ptr[i]);
	}
}

static void encode_utf16le(struct slice in, struct buf *out)
{
	for (size_t i = 0; i < in.len; i++) {
		buf_add_char(out, in.ptr[i]);
		buf_add_char(out, '\0');
	}
}

static void encode_utf16be(struct slice in, struct buf *out)
{
	for (size_t i = 0; i < in.len; i++) {
		buf_add_char(out, '\0');
		buf_add_char(out, in.ptr[i]);
	}
}

static void encode_reversed(struct slice in, struct buf *out)
{
	for (size_t i = in.len; i-- > 0;)
		buf_add_char(out, in.ptr[i]);
}

static void encode_separated(struct slice in, struct buf *out)
{
	for (size_t i = 0; i < in.len; i++) {
		buf_add_char(out, in.ptr[i]);
		buf_add_str(out, i % 3 ? " " : ".");
	}
}

static void deflate_with(struct slice in, struct buf *out, int window)
{
	z_stream z = { .next_in = (Bytef *)(uintptr_t)in.ptr, .avail_in = (uInt)in.len };

	if (deflateInit2(&z, 9, Z_DEFLATED, window, 9, Z_DEFAULT_STRATEGY) != Z_OK)
		abort();
	buf_reserve(out, in.len + in.len / 2 + 100);
	z.next_out = (Bytef *)out->ptr + out->len;
	z.avail_out = (uInt)(in.len + in.len / 2 + 100);
	if (deflate(&z, Z_FINISH) != Z_STREAM_END)
		abort();
	out->len += z.total_out;
	deflateEnd(&z);
}

static void encode_gzip(struct slice in, struct buf *out)
{
	deflate_with(in, out, 31);
}

static void encode_zlib(struct slice in, struct buf *out)
{
	deflate_with(in, out, 15);
}

static void encode_deflate(struct slice in, struct buf *out)
{
	deflate_with(in, out, -15);
}

static void encode_brotli(struct slice in, struct buf *out)
{
	size_t n = BrotliEncoderMaxCompressedSize(in.len) + 100;

	buf_reserve(out, n);
	if (!BrotliEncoderCompress(9, 22, BROTLI_MODE_TEXT, in.len, (const uint8_t *)in.ptr, &n,
				   (uint8_t *)out->ptr + out->len))
		abort();
	out->len += n;
}

static void encode_zstd(struct slice in, struct buf *out)
{
	size_t room = ZSTD_compressBound(in.len), n;

	buf_reserve(out, room);
	n = ZSTD_compress(out->ptr + out->len, room, in.ptr, in.len, 3);
	if (ZSTD_isError(n))
		abort();
	out->len += n;
}

/* A member of a zip archive whose sizes stand behind it, as archivers that write to a pipe make it. */
static void encode_zip(struct slice in, struct buf *out)
{
	static const unsigned char head[] = { 'P', 'K', 3, 4, 20, 0, 8, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
					      0, 0, 0, 5, 0, 4, 0 };

	buf_add(out, (const char *)head, sizeof(head));
	buf_add(out, "a.txt\x99\x99\0", 9); /* name, extra field */
	deflate_with(in, out, -15);
	buf_add(out, "PK\7\10\1\2\3\4\5\6\7\10\11\12\13\14", 16);
}

enum encode_kind {
	ENCODE_TEXT,   /* the result is text */
	ENCODE_BINARY, /* the result is not: it can be carried in a body only, or encoded again */
	ENCODE_PACKED, /* and it is compressed */
};

static const struct encoding {
	const char *name;
	encode_fn *encode;
	enum encode_kind kind;
} encodings[] = {
	{ "raw", encode_raw, ENCODE_TEXT },
	{ "base64", encode_base64, ENCODE_TEXT },
	{ "base64url", encode_base64url, ENCODE_TEXT },
	{ "base64 in lines", encode_base64lines, ENCODE_TEXT },
	{ "base64 at 1", encode_base64_at1, ENCODE_TEXT },
	{ "base64 at 2", encode_base64_at2, ENCODE_TEXT },
	{ "base32", encode_base32, ENCODE_TEXT },
	{ "hex", encode_hex, ENCODE_TEXT },
	{ "HEX", encode_HEX, ENCODE_TEXT },
	{ "hex with colons", encode_hexcolons, ENCODE_TEXT },
	{ "hex array", encode_hexarray, ENCODE_TEXT },
	{ "percent", encode_percent, ENCODE_TEXT },
	{ "\\u", encode_unicode, ENCODE_TEXT },
	{ "\\x", encode_backslash, ENCODE_TEXT },
	{ "entities", encode_entities, ENCODE_TEXT },
	{ "hex entities", encode_hexentities, ENCODE_TEXT },
	{ "quoted-printable", encode_quoted, ENCODE_TEXT },
	{ "reversed", encode_reversed, ENCODE_TEXT },
	{ "separated", encode_separated, ENCODE_TEXT },
	{ "UTF-16LE", encode_utf16le, ENCODE_BINARY },
	{ "UTF-16BE", encode_utf16be, ENCODE_BINARY },
	{ "gzip", encode_gzip, ENCODE_PACKED },
	{ "zlib", encode_zlib, ENCODE_PACKED },
	{ "deflate", encode_deflate, ENCODE_PACKED },
	{ "brotli", encode_brotli, ENCODE_PACKED },
	{ "zstd", encode_zstd, ENCODE_PACKED },
	{ "zip", encode_zip, ENCODE_PACKED },
};

enum { ENCODINGS = sizeof(encodings) / sizeof(encodings[0]) };

#endif
