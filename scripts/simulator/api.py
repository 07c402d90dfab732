"""A connection of the binary API: logging in, taking commands, answering, going wrong on demand."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import random
import secrets
from collections.abc import Sequence

from scripts.simulator.codec import Malformed, SentenceReader, encode_sentence
from scripts.simulator.commands import Command, Reply, Router, Trap
from scripts.simulator.faults import CARRIED_OUT, Shot
from scripts.simulator.menus import MENUS
from scripts.simulator.tables import Row

LINGER_SECONDS = 2.0
LINGER_BYTES = 1 << 22
"""How long, and for how many bytes, a client may go on sending after our last word. Closing with
bytes of its own unread would make the kernel reset the connection and take that word back."""

log = logging.getLogger("jaga.router")

Words = list[str]


class Gone(Exception):
    """The connection is to be closed."""


class Api:
    """The API's port: takes connections, up to the service's cap."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self._open: set[Connection] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client to its end."""
        if self._router.faults.away:
            writer.transport.abort()
            return
        if len(self._open) >= self._router.faults.max_sessions:
            writer.write(encode_sentence([b"!fatal", b"too many sessions"]))
        else:
            await self._converse(Connection(self._router, reader, writer))
        await _end_in_order(reader, writer)

    async def _converse(self, connection: Connection) -> None:
        self._open.add(connection)
        try:
            await connection.run()
        finally:
            self._open.discard(connection)

    def drop_all(self) -> None:
        """Cut every connection, as a reboot does."""
        for connection in list(self._open):
            connection.cut()

    def forget_all(self) -> None:
        """Cut every connection, and count them no more while they end."""
        self.drop_all()
        self._open = set()

    @property
    def count(self) -> int:
        """How many are connected."""
        return len(self._open)


async def _end_in_order(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say that no more will come, read on until the client hangs up, and close."""
    try:
        async with asyncio.timeout(LINGER_SECONDS):
            await writer.drain()
            if writer.can_write_eof():
                writer.write_eof()
                left = LINGER_BYTES
                while left > 0 and (data := await reader.read(1 << 16)):
                    left -= len(data)
    except (TimeoutError, OSError):
        log.debug("it did not hang up by itself")
    finally:
        writer.close()


class Connection:
    """One client."""

    def __init__(
        self, router: Router, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._router = router
        self._reader = reader
        self._writer = writer
        self._sentences = SentenceReader()
        self._policies: frozenset[str] | None = None
        self._challenge = b""
        self._seen = 0
        self._sent = 0
        self._listening: dict[str, Listening] = {}

    async def run(self) -> None:
        """Read sentences and answer them until somebody has had enough."""
        try:
            while data := await self._reader.read(1 << 16):
                await self._take(self._sentences.feed(data))
        except (Gone, Malformed, ConnectionError):
            log.debug("connection over")
        finally:
            for listening in self._listening.values():
                listening.stop()

    def cut(self) -> None:
        """Close it without a word."""
        self._writer.transport.abort()

    async def _take(self, sentences: list[list[bytes]]) -> None:
        """Answer what came in together; with shuffled tags the answers come out mixed."""
        answers: list[list[bytes]] = []
        mix = self._router.faults.shuffle_tags
        for sentence in sentences:
            words = [word.decode("utf-8", "surrogateescape") for word in sentence]
            tag = next((word[5:] for word in words if word.startswith(".tag=")), "")
            words = [word for word in words if not word.startswith(".tag=")]
            replies = await self._answer(words, tag)
            packed = [encode_sentence(_bytes(reply, tag)) for reply in replies]
            if mix and tag:
                answers.append(packed)
            else:
                await self._send(b"".join(packed))
        while answers:
            queue = random.choice(answers)  # noqa: S311
            await self._send(queue.pop(0))
            answers = [queue for queue in answers if queue]

    async def _answer(self, words: Words, tag: str) -> list[Words]:
        """The reply sentences of one command. Raises Gone."""
        router = self._router
        command = Command.of(words)
        name = command.name
        self._seen += 1
        if name == "/quit":
            await self._end("session terminated on request")
        if name == "/login":
            return await self._login(command)
        if self._policies is None:
            await self._end("not logged in")
        if name == "/cancel":
            return await self._cancel(command)
        router.heard.note(name, router.clock.wall())
        if router.faults.delay_seconds:
            await asyncio.sleep(router.faults.delay_seconds)
        shot = router.faults.strike(name)
        if shot is not None and shot.kind not in CARRIED_OUT:
            return await self._go_wrong(shot)
        replies = self._carry_out(command, tag)
        router.hotspot.packets(name)
        if shot is not None:
            return await self._go_wrong(shot)
        return replies

    def _carry_out(self, command: Command, tag: str) -> list[Words]:
        self._router.hotspot.tick()
        try:
            reply = self._router.run(command, self._policies or frozenset())
        except Trap as trap:
            self._router.heard.note_refusal()
            return [_trap(trap.message, trap.category), ["!done"]]
        if command.verb == "listen":
            self._listening[tag] = Listening(self, command.path, tag)
            return []
        return self._told(reply)

    def _told(self, reply: Reply) -> list[Words]:
        sentences = [["!re", *(f"={name}={value}" for name, value in row.items())]
                     for row in reply.rows]  # fmt: skip
        if reply.is_print and not reply.rows and self._router.faults.release >= (7, 18):
            sentences.append(["!empty"])
        done = ["!done"] if reply.ret is None else ["!done", f"=ret={reply.ret}"]
        return [*sentences, done]

    # Logging in

    async def _login(self, command: Command) -> list[Words]:
        if self._seen > self._router.faults.prelogin_sentences and self._policies is None:
            raise Gone
        arguments = command.arguments
        old = self._router.faults.release < (6, 43)
        if "response" in arguments:
            return self._enter(arguments.get("name", ""), response=arguments["response"])
        if "password" in arguments and not old:
            return self._enter(arguments.get("name", ""), password=arguments["password"])
        if old or self._router.faults.switches.bare_login_challenges:
            self._challenge = secrets.token_bytes(16)
            return [["!done", f"=ret={self._challenge.hex()}"]]
        return self._refuse()

    def _enter(self, name: str, password: str = "", response: str = "") -> list[Words]:
        user = self._router.tables["/user"].named(name)
        if user is None or user["disabled"] == "true":
            return self._refuse()
        kept = user.get("password", "")
        if response:
            fits = bool(self._challenge) and hmac.compare_digest(
                response, response_to(kept, self._challenge)
            )
        else:
            fits = hmac.compare_digest(password.encode(errors="surrogateescape"), kept.encode())
        if not fits:
            return self._refuse()
        group = self._router.tables["/user/group"].named(user["group"])
        self._policies = frozenset((group or {}).get("policy", "").split(","))
        return [["!done"]]

    def _refuse(self) -> list[Words]:
        wording = (
            "cannot log in"
            if self._router.faults.release < (6, 43)
            else "invalid user name or password (6)"
        )
        return [_trap(wording), ["!done"]]

    # Listening

    async def _cancel(self, command: Command) -> list[Words]:
        tag = command.arguments.get("tag", "")
        tags = [tag] if tag else list(self._listening)
        for name in tags:
            if listening := self._listening.pop(name, None):
                listening.stop()
                interrupted = [_trap("interrupted", "2"), ["!done"]]
                for sentence in interrupted:
                    await self._send(encode_sentence(_bytes(sentence, name)))
        return [["!done"]]

    def tell(self, tag: str, row: Row, gone: bool) -> None:
        """Send a listener the row that changed."""
        shown = {".id": row[".id"], ".dead": "yes"} if gone else row
        words = ["!re", *(f"={name}={value}" for name, value in shown.items())]
        self._writer.write(encode_sentence(_bytes(words, tag)))

    # Going wrong

    async def _go_wrong(self, shot: Shot) -> list[Words]:
        match shot.kind:
            case "trap":
                return [_trap(shot.message), ["!done"]]
            case "trap_without_message":
                return [["!trap"], ["!done"]]
            case "two_traps":
                return [_trap(shot.message), _trap("failure: and another"), ["!done"]]
            case "unknown_word":
                return [["!strange", "=what=this"], ["!done"]]
            case "fatal":
                await self._end("simulated end")
            case "half_word":
                await self._send(b"\x05!do")
                await self._stay_silent()
            case "freeze":
                await self._stay_silent()
            case "control_byte":
                await self._send(b"\xf8\x00")
        raise Gone

    async def _stay_silent(self) -> None:
        """Until the client has had enough."""
        while await self._reader.read(1 << 16):
            continue

    async def _end(self, reason: str) -> None:
        await self._send(encode_sentence([b"!fatal", reason.encode()]))
        raise Gone

    async def _send(self, data: bytes) -> None:
        faults = self._router.faults
        if faults.close_after_bytes and self._sent + len(data) >= faults.close_after_bytes:
            self._writer.write(data[: faults.close_after_bytes - self._sent])
            await self._writer.drain()
            raise Gone
        self._sent += len(data)
        if not faults.byte_seconds:
            self._writer.write(data)
            await self._writer.drain()
            return
        for byte in data:
            self._writer.write(bytes([byte]))
            await self._writer.drain()
            await asyncio.sleep(faults.byte_seconds)


class Listening:
    """One `listen` that runs."""

    def __init__(self, connection: Connection, path: str, tag: str) -> None:
        self._connection = connection
        self._tag = tag
        # live menus have no table to listen to: such a listener waits until it is cancelled
        self._table = None if MENUS[path].live else connection._router.tables[path]
        if self._table is not None:
            self._table.listeners.append(self._changed)

    def _changed(self, row: Row, gone: bool) -> None:
        self._connection.tell(self._tag, row, gone)

    def stop(self) -> None:
        """Hear no more."""
        if self._table is not None:
            self._table.listeners.remove(self._changed)
            self._table = None


def response_to(password: str, challenge: bytes) -> str:
    """Return what a client before 6.43 answers to a challenge."""
    digest = hashlib.md5(b"\0" + password.encode() + challenge, usedforsecurity=False)
    return f"00{digest.hexdigest()}"


def _trap(message: str, category: str = "") -> Words:
    return ["!trap", *([f"=category={category}"] if category else []), f"=message={message}"]


def _bytes(words: Sequence[str], tag: str) -> list[bytes]:
    first, *rest = [word.encode("utf-8", "surrogateescape") for word in words]
    return [first, *([f".tag={tag}".encode()] if tag else []), *rest]
