"""The add-on that makes mitmdump do what bb-egress does with one route.

Environment: PEER_HOST, the only host that is let through; PEER_DIAL, ADDRESS:PORT
to dial for it; PEER_TOKEN, the credential to put into its requests. Bodies are
streamed, as bb-egress streams them.
"""
import os

from mitmproxy import http

HOST = os.environ["PEER_HOST"]
ADDRESS, PORT = os.environ["PEER_DIAL"].rsplit(":", 1)
TOKEN = os.environ["PEER_TOKEN"]


def server_connect(data):
    """Dial the origin of the measurement, whatever the name."""
    data.server.address = (ADDRESS, int(PORT))
    data.server.sni = HOST


def requestheaders(flow: http.HTTPFlow):
    """Judge by host, take the agent's credential out, put the real one in."""
    if flow.request.pretty_host != HOST:
        flow.response = http.Response.make(403, b"host is not allowed\n")
        return
    flow.request.headers.pop("authorization", None)
    flow.request.headers["authorization"] = "Bearer " + TOKEN
    flow.request.stream = True


def responseheaders(flow: http.HTTPFlow):
    """Hand bodies on as they come."""
    flow.response.headers.pop("alt-svc", None)
    flow.response.stream = True
