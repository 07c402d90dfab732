"""A request for a live connection: its head, and its connection taken over from HTTP."""

from __future__ import annotations

import os
import socket
from urllib.parse import parse_qs, unquote, urlsplit

from tornado.http1connection import HTTP1Connection
from tornado.httputil import HTTPHeaders, RequestStartLine
from tornado.iostream import IOStream, SSLIOStream

from realtime.transport.epoll_wire import EpollConnections
from realtime.transport.frames import accept_key
from realtime.transport.refusal import ClientStream
from realtime.transport.stream_wire import StreamWire
from realtime.transport.wire import Listener, Wire
from store.errors import InvalidRequest, OtherVersion, WrongMethod


class Head:
    """A request's head: all that is known before a live connection is opened."""

    __slots__ = ("headers", "method", "path", "query", "remote_ip")

    def __init__(self, start: RequestStartLine, headers: HTTPHeaders, remote_ip: str) -> None:
        parts = urlsplit(start.path)
        self.method = start.method
        self.path = unquote(parts.path)
        self.query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        self.headers = headers
        self.remote_ip = remote_ip


class Upgrade:
    """The connection of one request, which an endpoint may take over from HTTP, once."""

    def __init__(self, connection: HTTP1Connection) -> None:
        self._connection = connection
        self.is_taken = False

    @property
    def is_open(self) -> bool:
        """Whether the client is still there, and the connection not yet taken."""
        return not self.is_taken and not self._connection.stream.closed()

    def take(self) -> IOStream:
        """Return the bare stream; Tornado has nothing more to do with it."""
        self.is_taken = True
        return self._connection.detach()


def require_get(head: Head) -> None:
    """Raise the 405 of every method but GET."""
    if head.method != "GET":
        raise WrongMethod()


def switching_protocols(head: Head) -> bytes:
    """Return the answer that completes a WebSocket handshake (RFC 6455 §4.2.2).

    Raises InvalidRequest for a request that is no WebSocket handshake, OtherVersion for one of
    another version than 13.
    """
    headers = head.headers
    upgrade = headers.get("Upgrade", "").lower() == "websocket"
    wants = "upgrade" in headers.get("Connection", "").lower()
    if upgrade and wants and headers.get("Sec-WebSocket-Version") != "13":
        raise OtherVersion()
    accept = accept_key(headers.get("Sec-WebSocket-Key", ""))
    if not (upgrade and wants and accept):
        raise InvalidRequest("Upgrade", "Alamat ini hanya untuk WebSocket (versi 13).")
    # a browser's script can set no header: it sends its token as the second protocol of
    # `bearer, <token>`, and expects the first to be chosen
    chosen = headers.get("Sec-WebSocket-Protocol", "").partition(",")[0].strip().lower()
    protocol = "Sec-WebSocket-Protocol: bearer\r\n" if chosen == "bearer" else ""
    return (
        "HTTP/1.1 101 Switching Protocols\r\n"
        "Upgrade: websocket\r\nConnection: Upgrade\r\n"
        f"{protocol}Sec-WebSocket-Accept: {accept}\r\n\r\n"
    ).encode()


def wire_of(
    stream: IOStream, listener: Listener, connections: EpollConnections | None, most: int
) -> Wire:
    """Give a stream that was taken its wire: a descriptor in epoll where that is possible.

    The descriptor is duplicated and the stream closed, so that nothing of Tornado's stays. `most`
    is how many bytes may be unsent. `connections` None asks for a stream wire (tests, systems
    without epoll).
    """
    set_socket_options(stream.socket)
    if connections is None or isinstance(stream, SSLIOStream):
        return StreamWire(stream, listener, most)
    # a copy: closing the stream closes its own descriptor, and lets all its buffers go
    fd = os.dup(stream.socket.fileno())
    os.set_blocking(fd, False)
    guest = stream.hand_over() if isinstance(stream, ClientStream) else None
    stream.close()
    return connections.add(fd, listener, guest)


def set_socket_options(connection: socket.socket) -> None:
    """Let small messages leave at once."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def give_up_after(connection: socket.socket, seconds: float) -> None:
    """Let the kernel end a connection whose peer acknowledges nothing for so long (Linux only).

    This finds a dead SSE client: it never answers us, but its TCP must.
    """
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        connection.setsockopt(
            socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, max(1, int(seconds * 1000))
        )
