"""The only door to a MikroTik: `routeros-api` on a wire of our own, one connection per job.

The library writes word by word and reads byte by byte, waits per `recv` and not per call, and goes
on with a connection that has said something odd. Here a sentence leaves in one piece with
TCP_NODELAY (44 ms per call become a quarter of one), everything that the job does with the router
shares one deadline, and a connection that does anything unexpected is closed and not used again.

RouterError
 ├── RouterAway     not reached, too slow, cut off, or it spoke nonsense; nothing more will work
 ├── LoginRefused   wrong user or password
 └── Trap           the router refused this one command; the connection goes on

No error's text holds what was sent: a refused login would carry the password into the log. TLS,
which the router's `use_ssl` asks for, is `jobs.mikrotik_tls`.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from routeros_api import base_api, exceptions
from routeros_api.api import RouterOsApi
from routeros_api.api_communicator import ApiCommunicator

from jobs.mikrotik_tls import TlsFailed, encrypt, ends_at
from store.routers import Router

CONNECT_SECONDS = 3.0

HANDSHAKE_SECONDS = 5.0
"""A small router signs with a big RSA key for a second or two, and longer while it is busy."""

SILENCE_SECONDS = 10.0
"""Longest wait for the next bytes. A router that thinks about 10,000 rows begins to answer within
a second or two; one that was unplugged would otherwise be waited for to the job's deadline."""

WINDOW = 64
"""Writes on their way at once: a slow link costs one round trip per window, not per write."""

RECEIVE_BYTES = 1 << 16

TLS_ALERT = b"\x15\x03"
"""How a TLS server that says anything answers to words in clear."""

LARGEST_WORD_BYTES = 1 << 22
"""No word of a router is near this; one that announces more is not waited for."""

Row = dict[str, str]
"""A printed row: the router's names, text values, unset fields absent; `.id` is `id`."""

T = TypeVar("T")


class RouterError(Exception):
    """Something about the router; see the tree above."""


class RouterAway(RouterError):
    """The connection is over."""


class LoginRefused(RouterError):
    """Wrong user or password."""


FORBIDDEN = ("not enough permissions", "not allowed by device-mode", "std failure: not allowed")
"""How a router begins to say that no command of ours can succeed."""


class Trap(RouterError):
    """One command was refused. `category` is None when the router gave none, as most do."""

    def __init__(self, message: str, category: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.category = category

    @property
    def is_gone(self) -> bool:
        """The row is not there any more."""
        return self.message.startswith("no such item")

    @property
    def is_forbidden(self) -> bool:
        """Our account on the router, or its device-mode, lets nobody do this. `user … is not
        allowed to log in from this MAC address` is about one member."""
        return self.message.removeprefix("failure: ").startswith(FORBIDDEN)

    @property
    def is_of_the_moment(self) -> bool:
        """A login found its device gone, or on its way in."""
        return "unknown host" in self.message or "already authorizing" in self.message


@dataclass(frozen=True, slots=True)
class AnyOf:
    """A question to `print`: rows where one of these fields has this value.

    One object, because the library keeps several in a set and loses their order.
    """

    pairs: tuple[tuple[str, str], ...]

    def get_api_format(self) -> list[bytes]:
        """Return the query words: every equality, then as many ORs as are needed."""
        words = [f"?{name}={value}".encode() for name, value in self.pairs]
        return words + ([b"?#" + b"|" * (len(words) - 1)] if len(words) > 1 else [])


@dataclass(frozen=True, slots=True)
class Ask:
    """A menu to be printed: these fields (all when none is named), of rows where `any_of` holds."""

    path: str
    fields: tuple[str, ...] = ()
    any_of: AnyOf | None = None

    @property
    def is_void(self) -> bool:
        """Whether no row can be meant."""
        return self.any_of is not None and not self.any_of.pairs

    @property
    def options(self) -> dict[str, bytes]:
        """Return the command's arguments."""
        return {"proplist": ",".join(self.fields).encode()} if self.fields else {}

    @property
    def queries(self) -> tuple[AnyOf, ...]:
        """Return the question, if there is one."""
        return () if self.any_of is None else (self.any_of,)


@dataclass(frozen=True, slots=True)
class Write:
    """One change: `verb` is add, set or remove; `values` without the id."""

    path: str
    verb: str
    id: str = ""
    values: Mapping[str, str | bool | int] = field(default_factory=dict)

    def arguments(self) -> dict[str, bytes]:
        """Return what is sent: text only, flags as yes and no."""
        named = {name: _text(value).encode() for name, value in self.values.items()}
        return ({"id": self.id.encode()} if self.id else {}) | named


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a write: the new id of an add, or the trap."""

    write: Write
    id: str = ""
    trap: Trap | None = None


class RouterLink:
    """One open connection; every method raises RouterAway."""

    def __init__(self, wire: Wire, api: RouterOsApi, thread: ThreadPoolExecutor) -> None:
        self._wire = wire
        self._api = api
        self._thread = thread
        self.calls: Counter[str] = Counter()
        """Sentences sent, by command: what a run costs the router."""

    @property
    def certificate_ends_at(self) -> float | None:
        """When the router's certificate ends, in Unix seconds; None without TLS."""
        return self._wire.certificate_ends_at

    async def read(self, path: str, *fields: str, any_of: AnyOf | None = None) -> list[Row]:
        """Print a menu: these fields (all when none is named), of the rows where one of `any_of`
        holds (of all rows without it). Raises Trap."""
        (rows,) = await self.read_all(Ask(path, fields, any_of))
        return rows

    async def read_all(self, *asks: Ask) -> list[list[Row]]:
        """Print several menus. All are asked for at once: the router prepares the next answer
        while we read one, and a slow link costs one round trip. Raises Trap."""
        for ask in asks:
            self.calls[f"{ask.path}/print"] += not ask.is_void
        paths = ", ".join(ask.path for ask in asks)
        return await self._in_thread(lambda: self._read_all(asks), f"{paths} print")

    def _read_all(self, asks: Sequence[Ask]) -> list[list[Row]]:
        promises = [
            None
            if ask.is_void
            else self._resource(ask.path).call_async("print", ask.options, None, ask.queries)
            for ask in asks
        ]
        return [
            [_decoded(row) for row in promise.get()] if promise is not None else []
            for promise in promises
        ]

    async def write(self, writes: Sequence[Write]) -> list[Receipt]:
        """Make changes in their order, WINDOW on their way at a time; a trap is in its receipt
        and stops nothing."""
        for write in writes:
            self.calls[f"{write.path}/{write.verb}"] += 1
        return await self._in_thread(lambda: self._write_all(writes), "write")

    async def do(self, write: Write) -> str:
        """Make one change; returns the id of a new row. Raises Trap."""
        (receipt,) = await self.write([write])
        if receipt.trap is not None:
            raise receipt.trap
        return receipt.id

    def _write_all(self, writes: Sequence[Write]) -> list[Receipt]:
        receipts: list[Receipt] = []
        for at in range(0, len(writes), WINDOW):
            chunk = writes[at : at + WINDOW]
            promises = [
                self._resource(write.path).call_async(write.verb, write.arguments())
                for write in chunk
            ]
            receipts += [
                self._receipt(write, promise)
                for write, promise in zip(chunk, promises, strict=True)
            ]
        return receipts

    def _receipt(self, write: Write, promise: Any) -> Receipt:
        try:
            done = promise.get().done_message
        except exceptions.RouterOsApiCommunicationError as error:
            return Receipt(write, trap=_trap_of(error))
        return Receipt(write, id=_unbyte(done.get("ret", b"")))

    def _resource(self, path: str) -> Any:
        return self._api.get_binary_resource(path)

    async def _in_thread(self, call: Callable[[], T], what: str) -> T:
        """The link's own thread: the library is neither async nor safe for two."""
        loop = asyncio.get_running_loop()
        running = loop.run_in_executor(self._thread, _guarded, self._wire, call, what)
        try:
            return await running
        except asyncio.CancelledError:
            self._wire.cut()  # or the thread would go on writing
            raise


class Wire(base_api.Connection):  # type: ignore[misc]
    """The library's sentences, whole and buffered, until the deadline or the first oddity."""

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        super().__init__(connection)
        self._connection = connection
        self._deadline = deadline
        self._data = bytearray()
        self._at = 0
        self._is_trapped: set[bytes] = set()
        self._has_heard = False

    @property
    def certificate_ends_at(self) -> float | None:
        """When the router's certificate ends, in Unix seconds; None without TLS."""
        return ends_at(self._connection)

    def send_sentence(self, words: Sequence[bytes]) -> None:
        """Send a sentence in one piece; `=name` without a value becomes `=name=`, which is the
        documented form."""
        mended = [
            word + b"=" if word[:1] == b"=" and b"=" not in word[1:] else word for word in words
        ]
        data = b"".join([base_api.encode_length(len(word)) + word for word in (*mended, b"")])
        self._connection.settimeout(self._left())
        self._connection.sendall(data)

    def receive_sentence(self) -> list[bytes]:
        """Return the next sentence; of two traps for one command the first is kept.

        Raises RouterAway for a `!fatal` and for anything that is no reply.
        """
        words = list(iter(self._word, b""))
        if not words:
            return words
        if words[0] == b"!fatal":
            raise RouterAway(f"the router ended it: {_unbyte(b' '.join(words[1:]))[:100]}")
        if words[0] not in (b"!re", b"!done", b"!trap", b"!empty"):
            raise RouterAway("a reply that is none")
        return self._first_trap(words) if words[0] in (b"!trap", b"!done") else words

    def _first_trap(self, words: list[bytes]) -> list[bytes]:
        """The library needs a message and drops the category: the message carries both."""
        tag = next((word for word in words if word.startswith(b".tag=")), b"")
        if words[0] == b"!done":
            self._is_trapped.discard(tag)
            return words
        if tag in self._is_trapped:
            return []
        self._is_trapped.add(tag)
        named = dict(word[1:].partition(b"=")[::2] for word in words if word[:1] == b"=")
        text = named.get(b"category", b"") + b"|" + named.get(b"message", b"(no reason given)")
        return [b"!trap", b"=message=" + text, *([tag] if tag else [])]

    def _word(self) -> bytes:
        """The next word. Nearly every word is short and here whole, and read by a slice: a third
        of a print's time, measured over 10,000 members."""
        data, at = self._data, self._at
        if at < len(data) and (end := at + 1 + data[at]) <= len(data) and data[at] < 0x80:
            self._at = end
            return bytes(data[at + 1 : end])
        length = base_api.decode_length(self._take)
        if length > LARGEST_WORD_BYTES:
            raise RouterAway("a word beyond all measure")
        return self._take(length) if length else b""

    def _take(self, count: int) -> bytes:
        while len(self._data) - self._at < count:
            if self._at > RECEIVE_BYTES:
                del self._data[: self._at]
                self._at = 0
            self._data += self._receive()
        taken = bytes(self._data[self._at : self._at + count])
        self._at += count
        return taken

    def _receive(self) -> bytes:
        left = self._left()
        self._connection.settimeout(min(left, SILENCE_SECONDS))
        try:
            received = self._connection.recv(RECEIVE_BYTES)
        except TimeoutError:
            silent = left > SILENCE_SECONDS
            reason = "the router fell silent" if silent else "the router took too long"
            raise RouterAway(reason) from None
        except ConnectionError:
            received = b""
        if not received and not self._has_heard:
            raise RouterAway(
                "closed before a word: TLS is spoken there, our address is not allowed, or its "
                "sessions are full"
            )
        if not received:
            raise RouterAway("the router closed the connection")
        if not self._has_heard and received.startswith(TLS_ALERT):
            raise RouterAway("TLS is spoken there")
        self._has_heard = True
        return received

    def _left(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise RouterAway("the router took too long")
        return left

    def cut(self) -> None:
        """End it from any thread: whoever waits for the router wakes, and nothing works afterwards.

        Closing alone would wake nobody, and might hand the number of the socket to another one
        while TLS still reads from it. TLS is not told either: it would let the next write pass
        unencrypted.
        """
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self._connection, socket.SHUT_RDWR)

    def close(self) -> None:
        """Give the socket back; only in the link's own thread."""
        self._connection.close()


@asynccontextmanager
async def open_link(router: Router, seconds: float) -> AsyncIterator[RouterLink]:
    """Connect and log in; everything done with the link is over after `seconds`.

    Raises RouterAway, LoginRefused.
    """
    thread = ThreadPoolExecutor(1, thread_name_prefix="jaga-router")
    loop = asyncio.get_running_loop()
    deadline = time.monotonic() + seconds
    connecting = thread.submit(_connect, router, deadline)
    wire: Wire | None = None
    try:
        wire = await asyncio.wrap_future(connecting)
        api = RouterOsApi(ApiCommunicator(wire))
        await loop.run_in_executor(thread, _log_in, wire, api, router)
        yield RouterLink(wire, api, thread)
    finally:
        if wire is not None:
            wire.cut()
        thread.submit(_close, connecting)
        thread.shutdown(wait=False)


def _close(connecting: Future[Wire]) -> None:
    """The last thing in the link's thread; also of a connection that nobody waited for."""
    if not connecting.cancelled() and connecting.exception() is None:
        connecting.result().close()


def _connect(router: Router, deadline: float) -> Wire:
    try:
        connection = socket.create_connection(
            (router.host, router.port), timeout=_at_most(CONNECT_SECONDS, deadline)
        )
    except OSError as error:
        raise RouterAway(f"not reached: {error.strerror or error}") from None
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if router.use_ssl:
        wait = _at_most(HANDSHAKE_SECONDS, deadline)
        try:
            connection = encrypt(connection, router.host, router.ca, wait)
        except TlsFailed as error:
            raise RouterAway(f"TLS: {error}") from None
    return Wire(connection, deadline)


def _at_most(seconds: float, deadline: float) -> float:
    """What is left of the time, but no more than this; a socket takes 0 for no limit at all."""
    return max(0.01, min(seconds, deadline - time.monotonic()))


def _log_in(wire: Wire, api: RouterOsApi, router: Router) -> None:
    def enter() -> None:
        api.login(router.username, router.password, True)

    try:
        _guarded(wire, enter, "login")
    except Trap as trap:
        raise LoginRefused(trap.message) from None


def _guarded(wire: Wire, call: Callable[[], T], what: str) -> T:
    """Run a call of the library; what is no trap ends the connection.

    `from None` everywhere: the library's errors quote the command, passwords included.
    """
    try:
        return call()
    except exceptions.RouterOsApiCommunicationError as error:
        raise _trap_of(error) from None
    except RouterAway as error:
        wire.close()
        raise RouterAway(f"{what}: {error}") from None
    except Exception as error:
        # a parse error, a KeyError, a broken pipe, an unknown tag: none of it can be trusted on
        wire.close()
        raise RouterAway(f"{what}: {type(error).__name__}") from None


def _trap_of(error: exceptions.RouterOsApiCommunicationError) -> Trap:
    category, _, message = _unbyte(error.original_message).partition("|")
    return Trap(message, int(category) if category.isdigit() else None)


def _decoded(row: Mapping[str, bytes]) -> Row:
    return {name: _unbyte(value) for name, value in row.items()}


def _unbyte(value: bytes) -> str:
    return value.decode("utf-8", "backslashreplace")


def _text(value: str | bool | int) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
