#include "keys.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alloc.h"
#include "fd.h"
#include "file.h"
#include "git.h"
#include "limits.h"
#include "spawn.h"

#define AGENT_SOCKET "ssh/agent"
#define PUBLIC_KEY_MAX 16384 /* bytes of a public key: RSA of 16384 bits has 2800 */

/* What ssh is told; what is not said here is the default of a user without configuration. */
static const char configuration[] = "BatchMode yes\n"
				    "StrictHostKeyChecking yes\n"
				    "GlobalKnownHostsFile /dev/null\n"
				    "UpdateHostKeys no\n"
				    "VerifyHostKeyDNS no\n"
				    "CanonicalizeHostname no\n"
				    "IdentitiesOnly yes\n"
				    "IdentityAgent " AGENT_SOCKET "\n"
				    "PreferredAuthentications publickey\n"
				    "ConnectTimeout 10\n"
				    "ServerAliveInterval 15\n"
				    "ServerAliveCountMax 4\n"
				    "ForwardAgent no\n"
				    "ClearAllForwardings yes\n"
				    "PermitLocalCommand no\n"
				    "ControlMaster no\n"
				    "ControlPath none\n"
				    "ProxyCommand none\n"
				    "RequestTTY no\n"
				    "LogLevel ERROR\n";

const char *keys_lacking(const struct repo *r)
{
	if (r->ssh && !r->host_key)
		return "its 'host_key' is not in the manifest, so nobody can tell who answers; ssh-keyscan prints it";
	if (r->ssh && !r->key)
		return "it has no 'key' in the manifest";
	return NULL;
}

/* "PATH=…" as we have it. */
static char *path_variable(void)
{
	const char *path = getenv("PATH");

	return alloc_format("PATH=%s", path ? path : "/usr/local/bin:/usr/bin:/bin");
}

/* Run one of ssh's programs with a key on its standard input; what it prints goes to out. */
static int run_with_key(const char *const *argv, struct slice key, struct buf *out, struct error *e)
{
	AUTO_FREE char *path = path_variable();
	const char *const env[] = { "HOME=/nonexistent", "LC_ALL=C", "SSH_AUTH_SOCK=" AGENT_SOCKET, "SSH_ASKPASS=false",
				    "SSH_ASKPASS_REQUIRE=force", path, NULL };
	struct spawn_fd fds[2];
	struct spawn s = { .path = argv[0], .argv = argv, .env = env, .fds = fds, .n_fds = 1, .new_session = true,
			   .death_signal = SIGKILL };
	AUTO_FD read_end = -1;
	AUTO_FD write_end = -1;
	int ends[2];

	if (!fd_pipe(ends, e))
		return -1;
	read_end = ends[0];
	write_end = ends[1];
	/* A key is smaller than a pipe (64 KiB), so that it can be written before there is a reader. */
	if (!fd_write_all(write_end, key, "a pipe", e))
		return -1;
	if (key.len && key.ptr[key.len - 1] != '\n' && !fd_write_all(write_end, SLICE("\n"), "a pipe", e))
		return -1;
	fd_close(&write_end);
	fds[0] = (struct spawn_fd){ read_end, STDIN_FILENO };
	return spawn_capture(&s, PUBLIC_KEY_MAX, out, e);
}

/* Write one file of ssh/. */
static bool write_file(const struct repo *r, const char *suffix, struct slice text, struct error *e)
{
	AUTO_FREE char *path = alloc_format("ssh/%s.%s", r->name, suffix);

	return file_replace(path, text, 0600, e);
}

/* Give a key to the agent and write its public half. */
static bool add_key(const struct gate *g, const struct repo *r, struct error *e)
{
	static const char *const add[] = { "ssh-add", "-q", "-", NULL };
	static const char *const derive[] = { "ssh-keygen", "-y", "-f", "/dev/stdin", NULL };
	AUTO_BUF public = BUF_INIT;
	AUTO_BUF said = BUF_INIT;
	struct slice key;
	int code;

	if (!secret_set_find(&g->secrets, r->key, &key))
		return error_set(e, STATUS_CALLER, "the key of '%s' ('%s') was not handed over", r->name, r->key);
	if (key.len >= 60000)
		return error_set(e, STATUS_CALLER, "the key of '%s' is no private key of ssh: it has %zu bytes",
				 r->name, key.len);
	code = run_with_key(derive, key, &public, e);
	if (code == 0)
		code = run_with_key(add, key, &said, e);
	if (code < 0)
		return false;
	if (code != 0)
		return error_set(e, STATUS_CALLER,
				 "the key of '%s' cannot be used: it is no private key of ssh, or it has a passphrase; "
				 "make one "
				 "without for the gate (ssh-keygen -t ed25519 -N '')",
				 r->name);
	return write_file(r, "pub", buf_slice(&public), e);
}

/* Configuration and known host of one remote. HostKeyAlias makes the pinned key hold whatever the host is called. */
static bool write_configuration(const struct repo *r, struct error *e)
{
	AUTO_BUF text = BUF_INIT;
	AUTO_BUF hosts = BUF_INIT;

	buf_add_str(&text, configuration);
	buf_add_format(&text, "UserKnownHostsFile ssh/%s.hosts\nHostKeyAlias gate\nIdentityFile ssh/%s.pub\n", r->name,
		       r->name);
	buf_add_format(&hosts, "gate %s\n", r->host_key ? r->host_key : "");
	return write_file(r, "conf", buf_slice(&text), e) && write_file(r, "hosts", buf_slice(&hosts), e);
}

/* Start ssh-agent; it says where it is once it can be reached. */
static bool start_agent(struct gate *g, struct error *e)
{
	static const char *const argv[] = { "ssh-agent", "-D", "-a", AGENT_SOCKET, NULL };
	AUTO_FREE char *path = path_variable();
	const char *const env[] = { "HOME=/nonexistent", "LC_ALL=C", path, NULL };
	struct spawn_fd fds[1];
	struct spawn s = { .path = argv[0], .argv = argv, .env = env, .fds = fds, .n_fds = 1, .new_session = true,
			   .death_signal = SIGKILL };
	AUTO_FD read_end = -1;
	AUTO_FD write_end = -1;
	int ends[2];
	char c;
	ssize_t n;

	if (unlink(AGENT_SOCKET) < 0 && errno != ENOENT)
		return error_sys(e, "unable to remove '%s'", AGENT_SOCKET);
	if (!fd_pipe(ends, e))
		return false;
	read_end = ends[0];
	write_end = ends[1];
	fds[0] = (struct spawn_fd){ write_end, STDOUT_FILENO };
	g->agent = spawn_start(&s, e);
	if (g->agent < 0) {
		g->agent = 0;
		return error_wrap(e, "ssh remotes need ssh-agent of openssh-client");
	}
	fd_close(&write_end);
	do {
		n = read(read_end, &c, 1);
	} while (n < 0 && errno == EINTR);
	return n == 1 || error_set(e, STATUS_WORLD, "ssh-agent did not start");
}

/* Of the secrets keep the tokens only. */
static bool forget_keys(struct gate *g, struct error *e)
{
	struct secret_set tokens = SECRET_SET_INIT;
	bool ok = true;

	for (size_t i = 0; ok && i < g->settings.n_repos; i++) {
		const char *name = g->settings.repos[i].token;
		struct slice value, known;

		if (name && secret_set_find(&g->secrets, name, &value) && !secret_set_find(&tokens, name, &known))
			ok = secret_set_add(&tokens, name, value, e);
		else if (name && !secret_set_find(&g->secrets, name, &value))
			ok = error_set(e, STATUS_CALLER, "the token of '%s' ('%s') was not handed over",
				       g->settings.repos[i].name, name);
	}
	secret_set_release(&g->secrets);
	g->secrets = tokens;
	return ok;
}

bool keys_start(struct gate *g, struct error *e)
{
	if (mkdir("ssh", 0700) < 0 && errno != EEXIST)
		return error_sys(e, "unable to make the directory 'ssh'");
	for (size_t i = 0; i < g->settings.n_repos; i++) {
		const struct repo *r = &g->settings.repos[i];

		if (!r->ssh || keys_lacking(r))
			continue;
		if (!g->agent && !start_agent(g, e))
			return false;
		if (!write_configuration(r, e) || !add_key(g, r, e))
			return false;
	}
	return forget_keys(g, e);
}

void keys_end(struct gate *g)
{
	if (g->agent > 0) {
		kill(g->agent, SIGKILL);
		while (waitpid(g->agent, NULL, 0) < 0 && errno == EINTR)
			;
		unlink(AGENT_SOCKET);
	}
	g->agent = 0;
}
