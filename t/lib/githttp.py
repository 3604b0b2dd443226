#!/usr/bin/env python3
"""Repositories over smart HTTPS: git http-backend behind a TLS server.

usage: githttp.py --cert FILE --key FILE --root DIR --record FILE [--ready FD]

Each request is one JSON line of the record: method, target, host, authorization
header. It chooses its port and writes it to the ready descriptor once it
listens.
"""
import argparse
import http.server
import json
import os
import ssl
import subprocess
import threading


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    options = None
    lock = threading.Lock()

    def log_message(self, *args):
        pass

    def body(self):
        if "chunked" in self.headers.get("transfer-encoding", ""):
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("content-length", 0)))

    def environment(self, length):
        path, _, query = self.path.partition("?")
        return {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": self.options.root,
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "REMOTE_USER": "someone",
            "REMOTE_ADDR": "127.0.0.1",
            "CONTENT_TYPE": self.headers.get("content-type", ""),
            "CONTENT_LENGTH": str(length),
            "HTTP_CONTENT_ENCODING": self.headers.get("content-encoding", ""),
            "GIT_PROTOCOL": self.headers.get("git-protocol", ""),
        }

    def serve(self):
        body = self.body()
        line = {"method": self.command, "target": self.path, "host": self.headers.get("host"),
                "authorization": self.headers.get("authorization")}
        with self.lock, open(self.options.record, "a", encoding="utf-8") as f:
            f.write(json.dumps(line) + "\n")
        result = subprocess.run(["git", "http-backend"], input=body, env=self.environment(len(body)),
                                stdout=subprocess.PIPE, check=False)
        head, _, content = result.stdout.partition(b"\r\n\r\n")
        fields = [h.split(": ", 1) for h in head.decode("latin-1").split("\r\n") if ": " in h]
        status = next((int(v.split()[0]) for n, v in fields if n == "Status"), 200)
        self.send_response(status)
        for name, value in fields:
            if name not in ("Status", "Content-Length"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = serve


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--cert", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--root", required=True)
    parser.add_argument("--record", required=True)
    parser.add_argument("--ready", type=int, default=1)
    Handler.options = parser.parse_args()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(Handler.options.cert, Handler.options.key)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    os.write(Handler.options.ready, b"%d\n" % server.server_address[1])
    os.close(Handler.options.ready)
    server.serve_forever()


if __name__ == "__main__":
    main()
