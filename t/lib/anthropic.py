#!/usr/bin/env python3
"""A stand-in of the Anthropic Messages API, as far as Claude Code needs one.

usage: anthropic.py --cert FILE --key FILE --record FILE {--command TEXT | --steps FILE}
                    [--final TEXT] [--release FILE] [--ready FD]

The first request that offers a shell tool is answered with a call of it that
runs --command; when its result comes back the answer is --final. With --steps it
is one call after the other: FILE is a list of objects with the tool's name and its
input, or with input_file, a file that holds the input and is waited for. Requests
without a shell tool get a short text. GET /hold is answered when the file named
by --release is there, so that a test can look at the agent while it waits.
Everything else is 404, which Claude Code copes with. Each request is one JSON line of the record: method, target, the
headers that carry credentials, and the results of tools that came with it.

It chooses its port and writes it to the ready descriptor once it listens.
"""
import argparse
import http.server
import json
import os
import re
import ssl
import threading
import time

SHELL_TOOL = "Bash"
CREDENTIAL_HEADERS = ("authorization", "x-api-key", "proxy-authorization", "cookie")


def blocks_of(message):
    """The content blocks of a message, whose short form is a string."""
    content = message.get("content", [])
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def text_of(block):
    """What a tool_result says, as one string."""
    content = block.get("content", "")
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content)


def tool_results(request):
    return [text_of(b) for m in request.get("messages", []) for b in blocks_of(m) if b.get("type") == "tool_result"]


def steps_of(options):
    """The calls that the model makes."""
    if not options.steps:
        return [{"name": SHELL_TOOL, "input": {"command": options.command, "description": "Do what the test asks for"}}]
    with open(options.steps, encoding="utf-8") as f:
        return json.load(f)


def input_of(step):
    if "input" in step:
        return step["input"]
    wait_for(step["input_file"])
    with open(step["input_file"], encoding="utf-8") as f:
        return json.load(f)


def choose(request, options):
    """The content blocks and the stop reason of the answer."""
    done, steps = len(tool_results(request)), steps_of(options)
    if done >= len(steps):
        return [{"type": "text", "text": options.final}], "end_turn"
    if done or SHELL_TOOL in [t.get("name") for t in request.get("tools", [])]:
        use = {"type": "tool_use", "id": f"toolu_{done:02}standin", "name": steps[done]["name"],
               "input": input_of(steps[done])}
        return [{"type": "text", "text": "I will do it."}, use], "tool_use"
    return [{"type": "text", "text": "A short title"}], "end_turn"


def events(model, blocks, stop):
    """The server-sent events of one answer, as (name, data)."""
    message = {"id": "msg_01standin", "type": "message", "role": "assistant", "model": model, "content": [],
               "stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 10, "output_tokens": 1}}
    yield "message_start", {"type": "message_start", "message": message}
    for i, block in enumerate(blocks):
        if block["type"] == "text":
            start, piece = {"type": "text", "text": ""}, "text_delta"
            parts = [{"type": piece, "text": w} for w in re.findall(r"\s*\S+", block["text"])]
        else:
            start, piece = dict(block, input={}), "input_json_delta"
            text = json.dumps(block["input"])
            parts = [{"type": piece, "partial_json": text[k:k + 40]} for k in range(0, len(text), 40)]
        yield "content_block_start", {"type": "content_block_start", "index": i, "content_block": start}
        for part in parts:
            yield "content_block_delta", {"type": "content_block_delta", "index": i, "delta": part}
        yield "content_block_stop", {"type": "content_block_stop", "index": i}
    yield "message_delta", {"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": None},
                            "usage": {"output_tokens": 20}}
    yield "message_stop", {"type": "message_stop"}


def wait_for(path):
    """Whether a file came to be within a minute."""
    end = time.monotonic() + 60
    while not os.path.exists(path) and time.monotonic() < end:
        time.sleep(0.02)
    return os.path.exists(path)


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

    def record(self, request):
        line = {"method": self.command, "target": self.path, "host": self.headers.get("host"),
                "credentials": {h: self.headers.get_all(h) for h in CREDENTIAL_HEADERS if h in self.headers},
                "tools": [t.get("name") for t in request.get("tools", [])], "results": tool_results(request)}
        with self.lock, open(self.options.record, "a", encoding="utf-8") as f:
            f.write(json.dumps(line) + "\n")

    def answer(self, status, value):
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def stream(self, model, blocks, stop):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Cache-Control", "no-cache")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for name, data in events(model, blocks, stop):
            event = f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def serve(self):
        raw = self.body()
        path = self.path.split("?")[0]
        try:
            request = json.loads(raw) if raw and path.startswith("/v1/") else {}
        except ValueError:
            request = {}
        self.record(request)
        model = request.get("model", "claude")
        if path == "/v1/messages" and self.command == "POST":
            blocks, stop = choose(request, self.options)
            if request.get("stream"):
                return self.stream(model, blocks, stop)
            return self.answer(200, {"id": "msg_01standin", "type": "message", "role": "assistant", "model": model,
                                     "content": blocks, "stop_reason": stop, "stop_sequence": None,
                                     "usage": {"input_tokens": 10, "output_tokens": 20}})
        if path == "/hold" and self.options.release:
            return self.answer(200 if wait_for(self.options.release) else 504, {})
        if path == "/v1/messages/count_tokens":
            return self.answer(200, {"input_tokens": 10})
        return self.answer(404, {"type": "error", "error": {"type": "not_found_error", "message": "not here"}})

    do_GET = do_POST = do_HEAD = do_PUT = do_DELETE = serve


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--cert", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--record", required=True)
    parser.add_argument("--command")
    parser.add_argument("--steps")
    parser.add_argument("--final", default="All done.")
    parser.add_argument("--release")
    parser.add_argument("--ready", type=int, default=1)
    parser.add_argument("--bind", default="127.0.0.1")
    Handler.options = parser.parse_args()
    server = http.server.ThreadingHTTPServer((Handler.options.bind, 0), Handler)
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(Handler.options.cert, Handler.options.key)
    # The handshake belongs to the thread of the connection, so that one slow client does not hold the others up.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    os.write(Handler.options.ready, b"%d\n" % server.server_address[1])
    os.close(Handler.options.ready)
    server.serve_forever()


if __name__ == "__main__":
    main()
