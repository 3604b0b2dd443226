#include "engine.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "alloc.h"
#include "digest.h"
#include "fd.h"
#include "file.h"

#define CONFIG_MAX (1u << 20) /* bytes of a configuration file of docker's */
#define HEAD_MAX 8192         /* bytes of the reply that opens a stream */
#define PIECE_HEAD 8
#define DEFAULT_SOCKET "/var/run/docker.sock"

/* --- which engine --- */

/* A file of docker's configuration as a document; NULL when it is not there or none. */
static struct doc *read_config(const char *name)
{
	const char *dir = getenv("DOCKER_CONFIG"), *home = getenv("HOME");
	AUTO_FREE char *path = dir && *dir ? alloc_format("%s/%s", dir, name) :
					     alloc_format("%s/.docker/%s", home ? home : "", name);
	struct error ignored = ERROR_INIT;
	AUTO_BUF text = BUF_INIT;

	return file_read(path, CONFIG_MAX, &text, &ignored) ? doc_parse(buf_slice(&text), &ignored) : NULL;
}

/* The address that a context stands for; NULL with an error when there is no such context. */
static char *context_host(const char *context, struct error *e)
{
	char hex[DIGEST_HEX];
	AUTO_FREE char *name = NULL;
	AUTO_DOC *meta = NULL;
	const char *host;

	digest_text(slice_str(context), hex);
	name = alloc_format("contexts/meta/%s/meta.json", hex);
	meta = read_config(name);
	host = doc_get_cstr(doc_get(doc_get(meta, "Endpoints"), "docker"), "Host");
	if (!host) {
		error_set(e, STATUS_CALLER, "there is no Docker context '%s'; see 'docker context ls'", context);
		return NULL;
	}
	return alloc_copy(host, strlen(host));
}

/* The engine's address as a URL: of the environment, of the context in use, or the usual one. NULL with an error. */
static char *find_host(struct error *e)
{
	const char *host = getenv("DOCKER_HOST"), *context = getenv("DOCKER_CONTEXT");
	AUTO_DOC *config = NULL;

	if (host && *host)
		return alloc_copy(host, strlen(host));
	if (!context || !*context) {
		config = read_config("config.json");
		context = doc_get_cstr(config, "currentContext");
	}
	if (!context || !*context || strcmp(context, "default") == 0)
		return alloc_format("unix://" DEFAULT_SOCKET);
	return context_host(context, e);
}

bool engine_open(struct engine *en, struct error *e)
{
	AUTO_FREE char *host = find_host(e);

	if (!host)
		return false;
	if (strncmp(host, "unix:///", 8) != 0)
		return error_set(e, STATUS_CALLER,
				 "the engine '%s' is not on a Unix socket of this machine, where a bottle's files are; "
				 "set DOCKER_HOST=unix:///PATH",
				 host);
	if (strlen(host + 7) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return error_set(e, STATUS_CALLER, "the path of the engine's socket is too long: '%s'", host + 7);
	en->socket = alloc_copy(host + 7, strlen(host + 7));
	if (curl_global_init(CURL_GLOBAL_NOTHING) != CURLE_OK || !(en->curl = curl_easy_init()))
		return error_set(e, STATUS_WORLD, "unable to prepare libcurl");
	return true;
}

void engine_close(struct engine *en)
{
	if (en->curl)
		curl_easy_cleanup(en->curl);
	en->curl = NULL;
	free(STEAL(en->socket));
}

/* --- calls --- */

/* One call under way. */
struct call {
	struct buf reply;     /* all of it; with a line function, the line that is not yet complete */
	int from;             /* bytes to send, or -1 */
	int to;               /* where the reply goes, or -1 */
	engine_line_fn *line;
	void *ctx;
	long *status;
	struct engine *en;
	struct error *e;
	bool failed;          /* the error is set */
};

/* Hand the complete lines over. */
static bool take_lines(struct call *c)
{
	size_t end;

	while ((end = slice_find(buf_slice(&c->reply), '\n')) != SLICE_NONE) {
		struct slice text = slice_trim(slice_sub(buf_slice(&c->reply), 0, end), " \r");
		AUTO_DOC *line = text.len ? doc_parse(text, c->e) : NULL;

		if (text.len && (!line || !c->line(c->ctx, line, c->e)))
			return false;
		buf_consume(&c->reply, end + 1);
	}
	return true;
}

/* libcurl has bytes of the reply. */
static size_t take_reply(char *bytes, size_t size, size_t n, void *ctx)
{
	struct call *c = ctx;
	long status = 0;

	curl_easy_getinfo(c->en->curl, CURLINFO_RESPONSE_CODE, &status);
	if (c->to >= 0 && status < 400) {
		c->failed = !fd_write_all(c->to, slice_of(bytes, size * n), "the engine's archive", c->e);
		return c->failed ? 0 : size * n;
	}
	if (size * n > ENGINE_REPLY_MAX - c->reply.len) {
		error_set(c->e, STATUS_WORLD, "the engine's reply is larger than %u bytes", ENGINE_REPLY_MAX);
		c->failed = true;
		return 0;
	}
	buf_add(&c->reply, bytes, size * n);
	if (c->line && status < 400 && !take_lines(c))
		c->failed = true;
	return c->failed ? 0 : size * n;
}

/* libcurl wants bytes to send. */
static size_t give_body(char *bytes, size_t size, size_t n, void *ctx)
{
	const struct call *c = ctx;
	ssize_t got;

	do
		got = read(c->from, bytes, size * n);
	while (got < 0 && errno == EINTR);
	return got < 0 ? CURL_READFUNC_ABORT : (size_t)got;
}

/* What went wrong below HTTP. */
static bool fail_transport(const struct engine *en, CURLcode code, struct error *e)
{
	if (code == CURLE_COULDNT_CONNECT)
		return error_set(e, STATUS_WORLD,
				 "unable to reach the Docker engine at '%s'; start it, join the group that may use it, "
				 "or set "
				 "DOCKER_HOST",
				 en->socket);
	if (code == CURLE_OPERATION_TIMEDOUT)
		return error_set(e, STATUS_WORLD, "the Docker engine at '%s' has not answered within %d seconds",
				 en->socket, ENGINE_MS / 1000);
	return error_set(e, STATUS_WORLD, "the Docker engine at '%s' broke off: %s; see its log", en->socket,
			 curl_easy_strerror(code));
}

/* What the engine says when it refuses: {"message":"…"}. */
static bool fail_refused(const struct call *c, struct error *e)
{
	struct error ignored = ERROR_INIT;
	AUTO_DOC *d = doc_parse(buf_slice(&c->reply), &ignored);
	struct slice text = doc_type_of(d) == DOC_OBJECT ? doc_get_str(d, "message") : buf_slice(&c->reply);

	return error_set(e, STATUS_WORLD, "the Docker engine refuses (status %ld): %.*s", c->en->status,
			 SLICE_ARG(slice_sub(slice_trim(text, " \r\n"), 0, ERROR_TEXT_MAX / 2)));
}

/* Do what has been set up. */
static bool perform(struct engine *en, const char *method, const char *path, struct call *c, struct error *e)
{
	AUTO_FREE char *url = alloc_format("http://docker%s", path);
	CURLcode code;

	c->en = en;
	c->e = e;
	en->status = 0;
	curl_easy_setopt(en->curl, CURLOPT_UNIX_SOCKET_PATH, en->socket);
	curl_easy_setopt(en->curl, CURLOPT_URL, url);
	curl_easy_setopt(en->curl, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(en->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(en->curl, CURLOPT_PROXY, ""); /* whatever the environment says */
	curl_easy_setopt(en->curl, CURLOPT_CONNECTTIMEOUT_MS, 5000L);
	curl_easy_setopt(en->curl, CURLOPT_WRITEFUNCTION, take_reply);
	curl_easy_setopt(en->curl, CURLOPT_WRITEDATA, c);
	code = curl_easy_perform(en->curl);
	curl_easy_getinfo(en->curl, CURLINFO_RESPONSE_CODE, &en->status);
	curl_easy_reset(en->curl);
	if (c->failed)
		return false;
	if (code != CURLE_OK)
		return fail_transport(en, code, e);
	return en->status < 400 || fail_refused(c, e);
}

bool engine_call(struct engine *en, const char *method, const char *path, const struct doc *body, struct doc **out,
		 struct error *e)
{
	struct call c = { .reply = BUF_INIT, .from = -1, .to = -1 };
	struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
	AUTO_BUF text = BUF_INIT;
	bool ok;

	if (body)
		doc_format(body, false, &text);
	if (body || strcmp(method, "POST") == 0) {
		curl_easy_setopt(en->curl, CURLOPT_POSTFIELDS, buf_str(&text));
		curl_easy_setopt(en->curl, CURLOPT_POSTFIELDSIZE, (long)text.len);
	}
	curl_easy_setopt(en->curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(en->curl, CURLOPT_TIMEOUT_MS, (long)ENGINE_MS);
	ok = perform(en, method, path, &c, e);
	curl_slist_free_all(headers);
	if (ok && out) {
		*out = doc_parse(buf_slice(&c.reply), e);
		ok = *out || error_wrap(e, "the Docker engine's reply to '%s'", path);
	}
	buf_release(&c.reply);
	return ok;
}

bool engine_call_unless(struct engine *en, long status, const char *method, const char *path, struct error *e)
{
	struct error refused = ERROR_INIT;

	if (engine_call(en, method, path, NULL, NULL, &refused) || en->status == status)
		return true;
	*e = refused;
	return false;
}

bool engine_upload(struct engine *en, const char *method, const char *path, int fd, engine_line_fn *fn, void *ctx,
		   struct error *e)
{
	struct call c = { .reply = BUF_INIT, .from = fd, .to = -1, .line = fn, .ctx = ctx };
	struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/x-tar");
	bool ok;

	if (lseek(fd, 0, SEEK_SET) < 0) {
		curl_slist_free_all(headers);
		return error_sys(e, "unable to rewind an archive");
	}
	headers = curl_slist_append(headers, "Transfer-Encoding: chunked");
	headers = curl_slist_append(headers, "Expect:");
	curl_easy_setopt(en->curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(en->curl, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(en->curl, CURLOPT_READFUNCTION, give_body);
	curl_easy_setopt(en->curl, CURLOPT_READDATA, &c);
	ok = perform(en, method, path, &c, e);
	curl_slist_free_all(headers);
	buf_release(&c.reply);
	return ok;
}

bool engine_download(struct engine *en, const char *path, int fd, struct error *e)
{
	struct call c = { .reply = BUF_INIT, .from = -1, .to = fd };
	bool ok = perform(en, "GET", path, &c, e);

	buf_release(&c.reply);
	return ok;
}

/* --- streams --- */

/* Connect to the socket, with the time-out of a call on what is read and written. Returns -1 with an error. */
static int dial(const struct engine *en, struct error *e)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval limit = { ENGINE_MS / 1000, 0 };
	AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path, en->socket, strlen(en->socket) + 1);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0 ||
	    connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		fail_transport(en, CURLE_COULDNT_CONNECT, e);
		return -1;
	}
	return fd_steal(&fd);
}

/* Read the head of the reply, byte by byte since the stream follows; its status, or -1. */
static long read_head(int fd, struct buf *head, struct error *e)
{
	uint64_t status;
	struct slice rest;
	char c;

	while (head->len < HEAD_MAX && slice_search(buf_slice(head), SLICE("\r\n\r\n")) == SLICE_NONE) {
		ssize_t n = read(fd, &c, 1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			error_set(e, STATUS_WORLD,
				  "the Docker engine has broken off, or has not answered within %d seconds",
				  ENGINE_MS / 1000);
			return -1;
		}
		buf_add_char(head, c);
	}
	rest = buf_slice(head);
	slice_cut(&rest, ' ');
	return slice_to_u64(slice_cut(&rest, ' '), &status) ? (long)status : 0;
}

int engine_ask(const struct engine *en, const char *path, struct error *e)
{
	AUTO_BUF request = BUF_INIT;
	AUTO_FD fd = dial(en, e);

	buf_add_format(&request, "POST %s HTTP/1.1\r\nHost: docker\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
		       path);
	return fd >= 0 && fd_write_all(fd, buf_slice(&request), "the Docker engine", e) ? fd_steal(&fd) : -1;
}

bool engine_answer(struct engine *en, int *fd, struct error *e)
{
	struct call c = { .reply = BUF_INIT, .en = en };
	struct error ignored = ERROR_INIT;
	AUTO_BUF head = BUF_INIT;
	bool ok;

	en->status = read_head(*fd, &head, e);
	ok = en->status > 0 && en->status < 400;
	if (en->status >= 400) {
		fd_read_all(*fd, ENGINE_REPLY_MAX, "the engine's reply", &c.reply, &ignored);
		fail_refused(&c, e);
	} else if (en->status == 0) {
		error_set(e, STATUS_WORLD, "the Docker engine's reply is not understood");
	}
	buf_release(&c.reply);
	fd_close(fd);
	return ok;
}

int engine_attach(struct engine *en, const char *id, struct error *e)
{
	struct timeval none = { 0, 0 };
	AUTO_BUF request = BUF_INIT;
	AUTO_BUF head = BUF_INIT;
	AUTO_FD fd = dial(en, e);

	if (fd < 0)
		return -1;
	buf_add_format(&request, "POST /containers/%s/attach?stream=1&stdin=1&stdout=1&stderr=1 HTTP/1.1\r\n", id);
	buf_add_str(&request, "Host: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n");
	if (!fd_write_all(fd, buf_slice(&request), "the Docker engine", e))
		return -1;
	en->status = read_head(fd, &head, e);
	if (en->status < 0)
		return -1;
	if (en->status != 101 && en->status != 200) {
		error_set(e, STATUS_WORLD, "the Docker engine refuses to attach (status %ld)", en->status);
		return -1;
	}
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &none, sizeof(none)) < 0) {
		error_sys(e, "unable to use the engine's stream");
		return -1;
	}
	return fd_steal(&fd);
}

int engine_piece(struct slice in, int *stream, struct slice *bytes, size_t *consumed)
{
	const unsigned char *p = (const unsigned char *)in.ptr;
	size_t len;

	if (in.len < PIECE_HEAD)
		return 0;
	if (p[0] < 1 || p[0] > 2 || p[1] || p[2] || p[3])
		return -1;
	len = (size_t)p[4] << 24 | (size_t)p[5] << 16 | (size_t)p[6] << 8 | p[7];
	if (len > ENGINE_REPLY_MAX)
		return -1;
	if (in.len - PIECE_HEAD < len)
		return 0;
	*stream = p[0];
	*bytes = slice_sub(in, PIECE_HEAD, PIECE_HEAD + len);
	*consumed = PIECE_HEAD + len;
	return 1;
}

void engine_quote(struct buf *out, struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		if (ascii_is_alpha(c) || ascii_is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~')
			buf_add_char(out, c);
		else
			buf_add_format(out, "%%%02X", (unsigned char)c);
	}
}
