"""A stand-in for the deploy key APIs of Gitea and GitHub.

usage: forge.py CERTIFICATE KEY TOKEN-FILE AUTHORIZED-FILE LOG PORT-FILE

Serves https on a free port of loopback. It knows one repository, team/app, whose keys it writes to
AUTHORIZED-FILE in sshd's form, each with the command in ./serve. What it does is set by the file ./mode:

    (absent)   all goes well
    NNN        it answers every request with this status and changes nothing
    lost       it makes the key, then closes the connection without an answer
    kept       it answers 403 to DELETE
    away       it redirects to ./away's address

While there is a file ./look, each request adds to ./look-found the names of the processes that have the token
in their arguments or their environment.
"""

import http.server
import json
import os
import ssl
import sys

certificate, key, token_file, authorized, log, port_file = sys.argv[1:]
token = open(token_file).read().strip()
keys = {}
numbers = iter(range(41, 10**6))


def mode():
    try:
        return open("mode").read().strip()
    except FileNotFoundError:
        return ""


def write_keys():
    with open(authorized + ".new", "w") as f:
        for k in keys.values():
            print(f'command="{os.getcwd()}/serve",restrict {k["key"]}', file=f)
    os.rename(authorized + ".new", authorized)


def look():
    if not os.path.exists("look"):
        return
    with open("look-found", "a") as found:
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                seen = open(f"/proc/{pid}/cmdline", "rb").read() + open(f"/proc/{pid}/environ", "rb").read()
                if token.encode() in seen:
                    print(open(f"/proc/{pid}/comm").read().strip(), file=found)
            except OSError:
                pass


class Forge(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def reply(self, status, body=None, **fields):
        with open(log, "a") as f:
            print(self.command, self.path, status, file=f)
        text = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def route(self):
        """The part of the path behind the list of keys, or None when a reply was sent."""
        look()
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path, _, self.query = self.path.partition("?")
        github = path.startswith("/api/v3/") or path.startswith("/repos/")
        wanted = ("Bearer " if github else "token ") + token
        if mode().isdigit():
            self.reply(int(mode()), {"message": "as told"})
        elif mode() == "away":
            self.reply(307, Location=open("away").read().strip() + self.path)
        elif self.headers.get("Authorization") != wanted:
            self.reply(401, {"message": "Bad credentials"})
        else:
            for prefix in ("/api/v1/repos/team/app/keys", "/api/v3/repos/team/app/keys", "/repos/team/app/keys"):
                if path == prefix or path.startswith(prefix + "/"):
                    self.body = json.loads(body) if body else None
                    return path[len(prefix) :]
            self.reply(404, {"message": "Not Found"})
        return None

    def do_POST(self):
        if self.route() != "":
            return
        if any(k["title"] == self.body["title"] or k["key"] == self.body["key"] for k in keys.values()):
            return self.reply(422, {"message": "Key title has been used"})
        number = next(numbers)
        keys[number] = {"id": number, "title": self.body["title"], "key": self.body["key"],
                        "read_only": self.body["read_only"]}
        write_keys()
        if mode() == "lost":
            self.close_connection = True
            return self.connection.close()
        self.reply(201, keys[number])

    def do_GET(self):
        if self.route() != "":
            return
        query = dict(p.split("=") for p in self.query.split("&") if p)
        size, page = int(query.get("limit") or query.get("per_page") or 30), int(query.get("page", 1))
        self.reply(200, list(keys.values())[(page - 1) * size : page * size])

    def do_DELETE(self):
        rest = self.route()
        if rest is None:
            return
        if mode() == "kept":
            return self.reply(403, {"message": "Must have admin rights"})
        if keys.pop(int(rest[1:]), None) is None:
            return self.reply(404, {"message": "Not Found"})
        write_keys()
        self.reply(204)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Forge)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
server.socket = context.wrap_socket(server.socket, server_side=True)
write_keys()
with open(port_file + ".new", "w") as f:
    f.write(str(server.server_port))
os.rename(port_file + ".new", port_file)
server.serve_forever()
