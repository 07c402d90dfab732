"""One contract, two wires: whatever a wire in epoll promises, a stream wire promises too."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest
from tornado.iostream import IOStream

from realtime.transport import wire as wires
from realtime.transport.epoll_wire import EpollConnections, EpollWire
from realtime.transport.stream_wire import StreamWire
from realtime.transport.upgrade import wire_of
from realtime.transport.wire import Wire
from tests.serving import until

MOST = 65_536


@dataclass
class Heard:
    """A listener that writes down what it is told."""

    data: bytes = b""
    is_lost: bool = False
    is_overrun: bool = False
    at_overrun: Callable[[], None] | None = field(default=None)

    def received(self, data: bytes) -> None:
        self.data += data

    def lost(self) -> None:
        assert not self.is_lost
        self.is_lost = True

    def overrun(self) -> None:
        self.is_overrun = True
        if self.at_overrun:
            self.at_overrun()


@dataclass
class Line:
    """Our end, what it heard, and the peer's bare socket."""

    wire: Wire
    heard: Heard
    peer: socket.socket

    async def read(self, size: int) -> bytes:
        loop = asyncio.get_running_loop()
        got = b""
        async with asyncio.timeout(5):
            while len(got) < size and (part := await loop.sock_recv(self.peer, 65_536)):
                got += part
        return got

    async def read_all(self) -> bytes:
        return await self.read(1 << 30)


@pytest.fixture(params=["epoll", "stream"])
async def connect(request: pytest.FixtureRequest) -> AsyncIterator[Callable[..., Line]]:
    """Makes lines of one kind; small kernel buffers, so that a reader that rests is soon felt."""
    epoll = EpollConnections(MOST) if request.param == "epoll" else None
    peers: list[socket.socket] = []

    def line(most: int = MOST) -> Line:
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
            peer = socket.socket()
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
            peer.connect(server.getsockname())
            ours, _ = server.accept()
        peer.setblocking(False)
        peers.append(peer)
        heard = Heard()
        wire = wire_of(IOStream(ours), heard, epoll, most)
        assert isinstance(wire, EpollWire if epoll else StreamWire)
        return Line(wire, heard, peer)

    yield line
    for peer in peers:
        peer.close()
    await asyncio.sleep(0.02)
    if epoll:
        epoll.close()


Connect = Callable[..., Line]


async def test_what_is_sent_arrives_in_order(connect: Connect) -> None:
    line = connect()
    said = [f"{number};".encode() for number in range(200)]
    for word in said:
        assert line.wire.send(word)
    assert await line.read(len(b"".join(said))) == b"".join(said)


async def test_what_the_peer_says_is_heard(connect: Connect) -> None:
    line = connect()
    line.peer.send(b"halo")
    await until(lambda: _is(line.heard.data == b"halo"))
    line.peer.send(b" lagi")
    await until(lambda: _is(line.heard.data == b"halo lagi"))


async def test_nothing_overtakes_what_waits(connect: Connect) -> None:
    """The kernel has room again, and the loop has not heard of it yet."""
    line = connect()
    said = await fill(line)
    got = b""
    while len(got) < len(said) - unsent(line.wire):
        try:
            got += line.peer.recv(65_536)
        except BlockingIOError:
            break
    assert line.wire.send(b"last")
    assert got + await line.read(len(said) + 4 - len(got)) == said + b"last"


async def test_what_does_not_fit_waits_and_arrives_whole(connect: Connect) -> None:
    line = connect(most=MOST)
    said = b""
    for number in range(1000):
        if unsent(line.wire) > MOST - 2000:
            break
        said += (word := bytes([number % 251]) * 1000)
        assert line.wire.send(word)
    assert unsent(line.wire) > 0
    assert await line.read(len(said)) == said
    await until(lambda: _is(unsent(line.wire) == 0))
    assert line.wire.send(b"end") and await line.read(3) == b"end"


async def test_a_reader_that_rests_costs_no_more_than_the_bound(connect: Connect) -> None:
    slow, brisk = connect(), connect()
    slow.heard.at_overrun = slow.wire.abort
    sent = 0
    while slow.wire.send(bytes(4000)):
        sent += 4000
        assert unsent(slow.wire) <= MOST
        assert sent < 4_000_000
        await asyncio.sleep(0)
    assert slow.heard.is_overrun and not slow.heard.is_lost
    assert not slow.wire.send(b"x")
    assert brisk.wire.send(b"undisturbed") and await brisk.read(11) == b"undisturbed"
    assert not brisk.heard.is_overrun


async def test_silence_for_too_long_is_stuck(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wires, "OLDEST_UNSENT_SECONDS", 0.1)
    line = connect()
    line.heard.at_overrun = line.wire.abort
    assert not line.wire.is_stuck
    await fill(line)
    assert not line.wire.is_stuck
    await asyncio.sleep(0.15)
    assert line.wire.is_stuck
    assert not line.wire.send(b"one byte more")
    assert line.heard.is_overrun


async def test_a_slow_reader_that_takes_something_is_not_stuck(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wires, "OLDEST_UNSENT_SECONDS", 0.3)
    line = connect()
    await fill(line)
    for _ in range(6):
        await asyncio.sleep(0.1)
        try:
            while line.peer.recv(65_536):
                pass
        except BlockingIOError:
            pass
        line.wire.send(bytes(4000))
        assert not line.heard.is_overrun


async def test_the_last_word_arrives_and_then_the_end(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    # the end that is read is the half-close, not the cut that follows it
    monkeypatch.setattr(wires, "LINGER_SECONDS", 600.0)
    line = connect()
    line.wire.send(b"before ")
    line.wire.finish(b"goodbye")
    assert not line.wire.send(b"no more")
    assert await line.read_all() == b"before goodbye"


async def test_the_last_word_waits_for_what_is_unsent(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    # the end that is read is the half-close, not the cut that follows it
    monkeypatch.setattr(wires, "LINGER_SECONDS", 600.0)
    line = connect()
    said = await fill(line)
    line.wire.finish(b"goodbye")
    assert await line.read_all() == said + b"goodbye"


async def test_the_last_word_arrives_though_the_peer_has_unread_words_under_way(
    connect: Connect,
) -> None:
    line = connect()
    line.peer.send(b"!" * 3000)
    line.wire.finish(b"goodbye")
    for _ in range(20):
        try:
            line.peer.send(b"?" * 100)
        except OSError:
            break
        await asyncio.sleep(0.005)
    assert await line.read_all() == b"goodbye"
    assert line.heard.data in (b"", b"!" * 3000)


async def test_who_does_not_hang_up_is_cut_off(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wires, "LINGER_SECONDS", 0.2)
    lines = [connect(), connect()]
    for line in lines:
        line.wire.finish(b"goodbye")
        await asyncio.sleep(0.05)
    for line in lines:
        assert await line.read_all() == b"goodbye"
        await until(lambda line=line: _is_refused(line.peer))  # type: ignore[misc]
    assert not any(line.heard.is_lost for line in lines)


async def test_a_peer_that_goes_is_noticed_once(connect: Connect) -> None:
    line = connect()
    line.peer.close()
    await until(lambda: _is(line.heard.is_lost))
    assert not line.wire.send(b"anybody?")
    line.wire.finish(b"nobody")
    line.wire.abort()


async def test_a_peer_that_resets_is_noticed(connect: Connect) -> None:
    line = connect()
    line.peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    line.peer.close()
    await until(lambda: _is(line.heard.is_lost))
    assert not line.wire.send(b"anybody?")


async def test_a_peer_that_goes_while_it_is_written_to_is_noticed(connect: Connect) -> None:
    line = connect()
    line.peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    line.peer.close()
    for _ in range(100):
        if not line.wire.send(b"hello?"):
            break
        await asyncio.sleep(0.005)
    await until(lambda: _is(line.heard.is_lost))


async def test_after_an_abort_nothing_is_heard(connect: Connect) -> None:
    line = connect()
    line.wire.send(b"first")
    assert await line.read(5) == b"first"
    line.wire.abort()
    line.wire.abort()
    assert not line.wire.send(b"second")
    try:
        assert await line.read_all() == b""
    except ConnectionResetError:
        pass
    assert not line.heard.is_lost and not line.heard.is_overrun


async def test_a_descriptor_that_is_used_again_is_another_line(connect: Connect) -> None:
    for _ in range(50):
        old = connect()
        old.wire.abort()
        new = connect()
        old.wire.abort()
        assert not old.wire.send(b"ghost")
        old.wire.finish(b"ghost")
        assert new.wire.send(b"mine") and await new.read(4) == b"mine"
        new.peer.send(b"yours")
        await until(lambda new=new: _is(new.heard.data == b"yours"))  # type: ignore[misc]
        assert old.heard.data == b"" and not new.heard.is_lost
        new.wire.abort()


async def test_lines_that_close_each_other_in_one_round_do_no_harm(connect: Connect) -> None:
    """Every line that hears something ends all the others: the round goes on over the gaps."""
    lines = [connect() for _ in range(20)]
    for line in lines:
        others = [other.wire for other in lines if other is not line]

        def end(data: bytes, others: list[Wire] = others) -> None:
            for wire in others:
                wire.abort()

        line.heard.received = end  # type: ignore[method-assign]
    for line in lines:
        line.peer.send(b"x")
    await asyncio.sleep(0.05)
    alive = [line for line in lines if line.wire.send(b"still here")]
    assert len(alive) == 1


async def test_ten_megabytes_of_rubbish_are_read_and_not_kept(connect: Connect) -> None:
    line = connect()
    heard = 0

    def count(data: bytes) -> None:
        nonlocal heard
        heard += len(data)
        assert len(data) <= wires.READ_BYTES

    line.heard.received = count  # type: ignore[method-assign]
    await asyncio.get_running_loop().sock_sendall(line.peer, bytes(10_000_000))
    await until(lambda: _is(heard == 10_000_000))


async def test_the_epoll_is_empty_when_all_are_gone() -> None:
    epoll = EpollConnections(MOST)
    assert len(epoll) == 0
    ours, peer = _tcp()
    wire = wire_of(IOStream(ours), Heard(), epoll, MOST)
    assert len(epoll) == 1
    wire.abort()
    assert len(epoll) == 0
    epoll.close()
    peer.close()


async def test_no_descriptor_stays_open(connect: Connect) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for number in range(30):
        line = connect()
        if number % 3 == 0:
            line.wire.abort()
        elif number % 3 == 1:
            line.wire.finish(b"bye")
        line.peer.close()
    await until(lambda: _is(len(os.listdir("/proc/self/fd")) <= before))


async def fill(line: Line) -> bytes:
    """Send until a good part of it is our side's to keep; returns what was sent."""
    said = b""
    while unsent(line.wire) < 20_000:
        said += (word := os.urandom(4000))
        assert line.wire.send(word)
        await asyncio.sleep(0.001)
    return said


def unsent(wire: Wire) -> int:
    """Return how many bytes wait to be sent, as the wire counts them for itself."""
    if isinstance(wire, EpollWire):
        return len(wire._unsent)
    assert isinstance(wire, StreamWire)
    return wire._writing


def _tcp() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        peer = socket.create_connection(server.getsockname())
        return server.accept()[0], peer


async def _is(true: bool) -> bool:
    return true


async def _is_refused(peer: socket.socket) -> bool:
    """Whether the other end is closed altogether: the kernel answers our bytes with a reset."""
    try:
        peer.send(b"?")
    except OSError:
        return True
    return False
