"""The front of the server: sees a request's head before the application does.

The long-lived addresses are answered right here, so that nothing is built for them that an idle
connection would keep: the check, the handshake, the wire. Everything else goes on to the
application as it came.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, cast
from urllib.parse import parse_qs, unquote, urlsplit

from redis.exceptions import RedisError
from tornado.http1connection import HTTP1Connection
from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerConnectionDelegate,
    RequestStartLine,
    ResponseStartLine,
)
from tornado.iostream import IOStream

from realtime.transport.refusal import BodyTooLarge, ClientStream, say_last
from store.errors import JagaError, Unavailable, WrongMethod

log = logging.getLogger("jaga.front")

LARGEST_BODY = 256 * 1024
"""CONTRACT §3; most addresses take less."""

MostOfBody = Callable[[RequestStartLine, HTTPHeaders], int]
"""How many bytes of a body an address reads. Raises a JagaError for one that reads none."""


class Head:
    """A request's head: all that a handshake may be judged by."""

    __slots__ = ("headers", "method", "path", "query", "remote_ip")

    def __init__(self, start: RequestStartLine, headers: HTTPHeaders, remote_ip: str) -> None:
        parts = urlsplit(start.path)
        self.method = start.method
        self.path = unquote(parts.path)
        self.query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        self.headers = headers
        self.remote_ip = remote_ip


class Acceptor(Protocol):
    """One long-lived address."""

    def matches(self, path: str) -> bool:
        """Whether this path is its own."""

    async def accept(self, head: Head, door: Doorway) -> None:
        """Let the client in through the doorway, or raise a JagaError."""


class Doorway:
    """What an acceptor does to the connection: take it, once."""

    def __init__(self, connection: HTTP1Connection) -> None:
        self._connection = connection
        self.is_taken = False

    @property
    def is_open(self) -> bool:
        """Whether the client is still there."""
        return not self.is_taken and not self._connection.stream.closed()

    def take(self) -> IOStream:
        """Return the bare stream; Tornado has nothing more to do with it."""
        self.is_taken = True
        return self._connection.detach()


class Front(HTTPServerConnectionDelegate):
    """Goes before the application."""

    def __init__(
        self,
        application: HTTPServerConnectionDelegate,
        acceptors: list[Acceptor],
        refused: Callable[[int], None] = lambda status: None,
        most_of_body: MostOfBody = lambda start, headers: LARGEST_BODY,
        seen: Callable[[HTTPHeaders], None] = lambda headers: None,
    ) -> None:
        """`refused` is told the status of each refusal that is made here, `seen` of each head."""
        self._application = application
        self._acceptors = acceptors
        self._refused = refused
        self.most_of_body = most_of_body
        self.seen = seen

    def start_request(
        self, server_conn: object, request_conn: HTTPConnection
    ) -> HTTPMessageDelegate:
        return _Request(self, server_conn, request_conn)

    def on_close(self, server_conn: object) -> None:
        self._application.on_close(server_conn)

    def acceptor_of(self, path: str) -> Acceptor | None:
        """Return who answers this path here, None for the application."""
        bare = path.partition("?")[0]
        return next((one for one in self._acceptors if one.matches(bare)), None)

    def refuse(self, door: Doorway, error: JagaError) -> None:
        """Take the connection for the last word on it."""
        if door.is_open:
            self._refused(error.status)
            stream = door.take()
            stream.set_close_callback(None)
            say_last(stream, error)

    def pass_on(self, server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:
        """Return the application's own delegate for a request."""
        return self._application.start_request(server_conn, request_conn)


class _Request(HTTPMessageDelegate):
    """One request, until it is known whose it is."""

    def __init__(self, front: Front, server_conn: object, connection: HTTPConnection) -> None:
        self._front = front
        self._server_conn = server_conn
        self._connection = connection
        self._inner: HTTPMessageDelegate | None = None
        self._stream = cast(HTTP1Connection, connection).stream
        if isinstance(self._stream, ClientStream):
            self._stream.waits()

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        # a server is sent requests, and Tornado has no connection but HTTP/1.1's
        start = cast(RequestStartLine, start_line)
        connection = cast(HTTP1Connection, self._connection)
        self._front.seen(headers)
        if isinstance(self._stream, ClientStream):
            self._stream.begins()
        acceptor = self._front.acceptor_of(start.path)
        if acceptor is not None:
            self._is_served()
            return self._let_in(acceptor, start, headers, connection)
        if _has_body(headers):
            try:
                connection.set_max_body_size(self._body_allowed(start, headers))
            except JagaError as error:
                self._front.refuse(Doorway(connection), error)
                return None
        self._inner = self._front.pass_on(self._server_conn, self._connection)
        return self._inner.headers_received(start_line, headers)

    def _body_allowed(self, start: RequestStartLine, headers: HTTPHeaders) -> int:
        """Judged before a byte of the body is read. Raises a JagaError."""
        most = self._front.most_of_body(start, headers)
        if _is_longer(headers, most):
            raise BodyTooLarge(most)
        return most

    def _is_served(self) -> None:
        if isinstance(self._stream, ClientStream):
            self._stream.served()

    async def _let_in(
        self,
        acceptor: Acceptor,
        start: RequestStartLine,
        headers: HTTPHeaders,
        connection: HTTP1Connection,
    ) -> None:
        context: Any = connection.context
        door = Doorway(connection)
        try:
            await acceptor.accept(Head(start, headers, context.remote_ip), door)
        except JagaError as error:
            self._front.refuse(door, error)
        except (RedisError, OSError) as error:
            log.warning("refused: %s", type(error).__name__)
            self._front.refuse(door, Unavailable())

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        return self._inner.data_received(chunk) if self._inner else None

    def finish(self) -> None:
        self._is_served()
        if self._inner:
            self._inner.finish()

    def on_connection_close(self) -> None:
        if self._inner:
            self._inner.on_connection_close()


def require_get(head: Head) -> None:
    """Raise the 405 of every method but GET."""
    if head.method != "GET":
        raise WrongMethod()


def _has_body(headers: HTTPHeaders) -> bool:
    return "Transfer-Encoding" in headers or headers.get("Content-Length", "0") != "0"


def _is_longer(headers: HTTPHeaders, most: int) -> bool:
    """An odd length is Tornado's to refuse, and so is a body in chunks that turns out longer."""
    length = headers.get("Content-Length", "0")
    return length.isascii() and length.isdigit() and len(length) < 20 and int(length) > most
