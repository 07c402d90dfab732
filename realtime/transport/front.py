"""The front of the server: sees a request's head before the application does.

Live addresses are answered here, by their endpoints: so nothing is built for them that an idle
connection would keep. Everything else goes on to the application as it came.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, cast

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

from realtime.transport.refusal import ClientStream, say_last
from realtime.transport.upgrade import Head, Upgrade
from store.errors import BodyTooLarge, JagaError, Unavailable

log = logging.getLogger("jaga.front")

LARGEST_BODY = 256 * 1024
"""CONTRACT §3; most addresses take less."""

MostOfBody = Callable[[RequestStartLine, HTTPHeaders], int]
"""Return how many bytes of a body an address reads. Raises a JagaError for an address that reads
none."""


class Endpoint(Protocol):
    """What answers one live address (presence.opening)."""

    def matches(self, path: str) -> bool:
        """Whether this path is its own."""

    async def accept(self, head: Head, upgrade: Upgrade) -> None:
        """Take the connection over and open it, or raise a JagaError."""


class Front(HTTPServerConnectionDelegate):
    """Goes before the application."""

    def __init__(
        self,
        application: HTTPServerConnectionDelegate,
        endpoints: list[Endpoint],
        refused: Callable[[int], None] = lambda status: None,
        most_of_body: MostOfBody = lambda start, headers: LARGEST_BODY,
        seen: Callable[[HTTPHeaders], None] = lambda headers: None,
    ) -> None:
        """`refused` is told the status of each refusal that is made here, `seen` of each head."""
        self._application = application
        self._endpoints = endpoints
        self._refused = refused
        self.most_of_body = most_of_body
        self.seen = seen

    def start_request(
        self, server_conn: object, request_conn: HTTPConnection
    ) -> HTTPMessageDelegate:
        return _Request(self, server_conn, request_conn)

    def on_close(self, server_conn: object) -> None:
        self._application.on_close(server_conn)

    def endpoint_of(self, path: str) -> Endpoint | None:
        """Return who answers this path here, None for the application."""
        bare = path.partition("?")[0]
        return next((one for one in self._endpoints if one.matches(bare)), None)

    def refuse(self, upgrade: Upgrade, error: JagaError) -> None:
        """Take the connection for the last word on it."""
        if upgrade.is_open:
            self._refused(error.status)
            stream = upgrade.take()
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
        start = _with_path(cast(RequestStartLine, start_line), headers)
        connection = cast(HTTP1Connection, self._connection)
        self._front.seen(headers)
        if isinstance(self._stream, ClientStream):
            self._stream.begins()
        endpoint = self._front.endpoint_of(start.path)
        if endpoint is not None:
            self._is_served()
            return self._let_in(endpoint, start, headers, connection)
        if _has_body(headers):
            try:
                connection.set_max_body_size(self._body_allowed(start, headers))
            except JagaError as error:
                self._front.refuse(Upgrade(connection), error)
                return None
        self._inner = self._front.pass_on(self._server_conn, self._connection)
        return self._inner.headers_received(start, headers)

    def _body_allowed(self, start: RequestStartLine, headers: HTTPHeaders) -> int:
        """Return how many bytes may come, before one is read. Raises a JagaError."""
        most = self._front.most_of_body(start, headers)
        if _is_longer(headers, most):
            raise BodyTooLarge(most)
        return most

    def _is_served(self) -> None:
        if isinstance(self._stream, ClientStream):
            self._stream.served()

    async def _let_in(
        self,
        endpoint: Endpoint,
        start: RequestStartLine,
        headers: HTTPHeaders,
        connection: HTTP1Connection,
    ) -> None:
        context: Any = connection.context
        upgrade = Upgrade(connection)
        try:
            await endpoint.accept(Head(start, headers, context.remote_ip), upgrade)
        except JagaError as error:
            self._front.refuse(upgrade, error)
        except (RedisError, OSError) as error:
            log.warning("refused: %s", type(error).__name__)
            self._front.refuse(upgrade, Unavailable())

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        return self._inner.data_received(chunk) if self._inner else None

    def finish(self) -> None:
        self._is_served()
        if self._inner:
            self._inner.finish()

    def on_connection_close(self) -> None:
        if self._inner:
            self._inner.on_connection_close()


def _with_path(start: RequestStartLine, headers: HTTPHeaders) -> RequestStartLine:
    """Return the start line with the path alone where the target is a whole address, as proxies
    send it; its host is the one that counts then (RFC 9112 §3.2.2)."""
    whole = _ABSOLUTE.fullmatch(start.path)
    if whole is None:
        return start
    headers["Host"] = whole["host"]
    path = whole["rest"]
    return start._replace(path=path if path.startswith("/") else f"/{path}")


_ABSOLUTE = re.compile(r"https?://(?P<host>[^/?#]+)(?P<rest>.*)", re.IGNORECASE)


def _has_body(headers: HTTPHeaders) -> bool:
    return "Transfer-Encoding" in headers or headers.get("Content-Length", "0") != "0"


def _is_longer(headers: HTTPHeaders, most: int) -> bool:
    """Whether the announced length is too large. Tornado refuses an invalid length, and a chunked
    body that turns out longer."""
    length = headers.get("Content-Length", "0")
    return length.isascii() and length.isdigit() and len(length) < 20 and int(length) > most
