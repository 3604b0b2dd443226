#!/usr/bin/python3
"""A Docker engine that fails at one call: a relay before the real one.

usage: enginefaults.py LISTEN ENGINE KIND CALL

CALL is a regular expression over "METHOD PATH". The first call that it matches is
  refuse   answered with status 500 and a message
  cut      not answered: the connection is closed
  slow     passed on, two seconds late
and says so on standard output; all others, and every later one, are passed on as they are.
"""
import re
import socket
import sys
import threading
import time

listen, engine, kind, call = sys.argv[1:]
once = threading.Lock()
done = False


def fails(line):
    global done
    method, target = line.split(" ")[:2]
    if not re.search(call, method + " " + target):
        return False
    with once:
        if done:
            return False
        done = True
    print("failed", method, target, flush=True)
    return True


def pump(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def serve(client):
    head = b""
    while b"\r\n\r\n" not in head:
        data = client.recv(65536)
        if not data:
            client.close()
            return
        head += data
    top, rest = head.split(b"\r\n\r\n", 1)
    if fails(top.decode("latin-1")):
        if kind == "slow":
            time.sleep(2)
        else:
            if kind == "refuse":
                body = b'{"message":"no space left on device"}'
                client.sendall(b"HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\nConnection: close\r\n"
                               b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
            client.close()
            return
    # One call for each connection, so that each is looked at; a stream stays one.
    if b"\r\nUpgrade:" not in top:
        top += b"\r\nConnection: close"
    upstream = socket.socket(socket.AF_UNIX)
    upstream.connect(engine)
    upstream.sendall(top + b"\r\n\r\n" + rest)
    threading.Thread(target=pump, args=(client, upstream), daemon=True).start()
    pump(upstream, client)
    client.close()


server = socket.socket(socket.AF_UNIX)
server.bind(listen)
server.listen(64)
print("ready", flush=True)
while True:
    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
