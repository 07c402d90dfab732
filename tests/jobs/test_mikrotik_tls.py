"""The door to the router over TLS: who is believed, what is said when nobody is, and no hang."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

import jobs.mikrotik as door
from jobs.mikrotik import RouterAway, Write, open_link
from scripts.embedded.supervisor import Supervisor
from scripts.router_check import check
from scripts.simulator.part import Certificate, RouterPart
from store.opening import open_store
from store.routers import Router
from store.settings import Settings
from tests.jobs.house import House
from tests.stopwatch import Stopwatch

USERS = "/ip/hotspot/user"
HERE = "127.0.0.1"
PHONE = "AA:BB:CC:00:00:01"

Start = Callable[..., RouterPart]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def start(supervisor: Supervisor, tmp_path: Path, authority: trustme.CA) -> Iterator[Start]:
    """Starts a router whose certificate is for these names, until this many days from now."""
    parts: list[RouterPart] = []

    def begin(*names: str, days: float = 365.0, since: float = -1.0) -> RouterPart:
        now = datetime.now(UTC)
        leaf = authority.issue_cert(
            *(names or (HERE,)),
            not_before=now + timedelta(days=since),
            not_after=now + timedelta(days=days),
        )
        chain, key = tmp_path / "router.pem", tmp_path / "router.key"
        leaf.cert_chain_pems[0].write_to_path(chain)
        leaf.private_key_pem.write_to_path(key)
        part = RouterPart(supervisor, tmp_path / "tls.log", certificate=Certificate(chain, key))
        part.start()
        parts.append(part)
        return part

    yield begin
    for part in parts:
        part.stop()


def text_of(authority: trustme.CA) -> str:
    return authority.cert_pem.bytes().decode()


def over_tls(router: RouterPart, ca: str) -> Router:
    account = (router.username, router.password)
    return Router("test", HERE, router.ssl_port, *account, use_ssl=True, ca=ca)


async def refusal(router: Router, seconds: float = 10.0) -> str:
    """What the door says when it does not open, which has to be soon."""
    began = Stopwatch()
    with pytest.raises(RouterAway) as away:
        async with open_link(router, seconds) as link:
            await link.read("/system/identity")
    assert began.seconds < 4
    assert router.password not in repr(away.value)
    return str(away.value)


# Who is believed


@pytest.mark.parametrize("form", ["text", "one line", "file"])
async def test_the_named_authority_is_believed(
    start: Start, authority: trustme.CA, tmp_path: Path, form: str
) -> None:
    pem = text_of(authority)
    (tmp_path / "ca.pem").write_text(pem)
    ca = {"text": pem, "one line": pem.replace("\n", "\\n"), "file": str(tmp_path / "ca.pem")}
    router = start()
    async with open_link(over_tls(router, ca[form]), 10.0) as link:
        assert await link.read("/system/identity") == [{"name": "jaga-simulator"}]
        new = await link.do(Write(USERS, "add", values={"name": "siti", "comment": "Café ☕"}))
        assert await link.read(USERS, "id", "comment") == [{"comment": "Café ☕"}]
        await link.do(Write(USERS, "remove", new))
        ends_at = link.certificate_ends_at
        assert ends_at is not None and abs(ends_at - time.time() - 365 * 86_400) < 60


async def test_the_routers_own_certificate_may_be_named(start: Start, tmp_path: Path) -> None:
    router = start()
    async with open_link(over_tls(router, str(tmp_path / "router.pem")), 10.0) as link:
        assert await link.read("/system/identity")


async def test_a_name_is_checked_as_an_address_is(start: Start, authority: trustme.CA) -> None:
    router = over_tls(start("localhost"), text_of(authority))
    async with open_link(replace(router, host="localhost"), 10.0) as link:
        assert await link.read("/system/identity")
    assert "for another address" in await refusal(router)


async def test_nobody_else_is_believed(start: Start, authority: trustme.CA) -> None:
    router = start()
    system = await refusal(over_tls(router, ""))
    stranger = await refusal(over_tls(router, text_of(trustme.CA())))
    assert "not trusted" in system and "not trusted" in stranger
    assert router.read("calls") == {}


@pytest.mark.parametrize(
    ("names", "days", "since", "reason"),
    [
        (("10.9.9.9",), 365, -1, "for another address"),
        (("router.test",), 365, -1, "for another address"),
        ((HERE,), -1, -9, "expired"),
        ((HERE,), 9, 2, "not valid yet"),
    ],
)
async def test_a_certificate_that_does_not_hold_is_refused_and_named(
    start: Start,
    authority: trustme.CA,
    names: tuple[str, ...],
    days: float,
    since: float,
    reason: str,
) -> None:
    router = over_tls(start(*names, days=days, since=since), text_of(authority))
    assert reason in await refusal(router)


async def test_another_name_is_named(start: Start, authority: trustme.CA) -> None:
    router = over_tls(start("router.test"), text_of(authority))
    assert "for another name" in await refusal(replace(router, host="localhost"))


async def test_an_authority_that_cannot_be_read_is_named(start: Start, tmp_path: Path) -> None:
    router = start()
    assert "MIKROTIK_CA is not readable" in await refusal(over_tls(router, "/nowhere/ca.pem"))
    (tmp_path / "empty.pem").write_text("nothing")
    for ca in (str(tmp_path / "empty.pem"), "-----BEGIN CERTIFICATE-----\nx"):
        assert "MIKROTIK_CA holds no certificate" in await refusal(over_tls(router, ca))


# The wrong port


async def test_tls_at_a_port_in_clear_ends_soon_and_says_so(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "HANDSHAKE_SECONDS", 1.0)
    router = start()
    said = await refusal(replace(over_tls(router, ""), port=router.port))
    assert "no TLS is spoken there" in said or "is that an api-ssl port?" in said


async def test_words_in_clear_at_a_tls_port_end_soon_and_say_so(start: Start) -> None:
    said = await refusal(replace(over_tls(start(), ""), use_ssl=False))
    assert "TLS is spoken there" in said


# Servers that only do one thing


@pytest.fixture
def answering() -> Iterator[Callable[[bytes, float], int]]:
    """Starts a server that answers whatever it hears with these bytes, one at a time with a pause
    when there is one, and then stays silent; returns its port."""
    over = threading.Event()
    listeners: list[socket.socket] = []

    def begin(answer: bytes, pause: float = 0.0) -> int:
        listener = socket.create_server((HERE, 0))
        listeners.append(listener)
        threading.Thread(target=_serve, args=(listener, answer, pause, over)).start()
        return int(listener.getsockname()[1])

    yield begin
    over.set()
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _serve(listener: socket.socket, answer: bytes, pause: float, over: threading.Event) -> None:
    with contextlib.suppress(OSError):
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            for byte in [bytes([b]) for b in answer] if pause else [answer]:
                connection.sendall(byte)
                over.wait(pause)
            over.wait(30)


Answering = Callable[..., int]


async def test_an_answer_in_clear_to_a_handshake_is_no_tls(answering: Answering) -> None:
    port = answering(b"\x06!fatal\x0dnot logged in\x00")
    assert "no TLS is spoken there" in await refusal(Router("x", HERE, port, "a", "geheim", True))


async def test_an_alert_to_words_in_clear_is_tls(answering: Answering) -> None:
    port = answering(b"\x15\x03\x03\x00\x02\x02\x0a")
    assert "TLS is spoken there" in await refusal(Router("x", HERE, port, "a", "geheim"))


@pytest.mark.parametrize("answer", [b"", b"\x16\x03\x03\x10\x00" + bytes(900)])
async def test_a_handshake_that_stalls_is_over_with_the_deadline(
    answering: Answering, answer: bytes
) -> None:
    """Silent from the start, or one byte of a long record every 20 ms."""
    router = Router("x", HERE, answering(answer, 0.02), "a", "geheim", True)
    began = time.monotonic()
    assert "the handshake took too long" in await refusal(router, seconds=0.7)
    assert 0.6 < time.monotonic() - began < 1.5


async def test_a_handshake_has_its_own_bound_under_a_long_deadline(
    answering: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "HANDSHAKE_SECONDS", 0.5)
    router = Router("x", HERE, answering(b""), "a", "geheim", True)
    began = Stopwatch()
    assert "the handshake took too long" in await refusal(router, seconds=60)
    assert began.seconds < 1.5


# As in clear, so under TLS


@pytest.fixture(params=["in clear", "over TLS"])
def either(
    request: pytest.FixtureRequest, start: Start, authority: trustme.CA
) -> Iterator[tuple[RouterPart, Router]]:
    """A router and the way to it, in clear and over TLS."""
    part = start()
    secure = over_tls(part, text_of(authority))
    clear = replace(secure, port=part.port, use_ssl=False)
    yield part, secure if request.param == "over TLS" else clear


async def test_ten_thousand_rows_come_whole(start: Start, authority: trustme.CA) -> None:
    router = start()
    async with open_link(over_tls(router, text_of(authority)), 50.0) as link:
        await link.write(
            [Write(USERS, "add", values={"name": f"u{n}", "comment": "x"}) for n in range(10_000)]
        )
        began = time.monotonic()
        rows = await link.read(USERS, ".id", "name", "profile", "disabled", "comment")
        took = time.monotonic() - began
    assert [row["name"] for row in rows] == [f"u{n}" for n in range(10_000)]
    print(f"\n10,000 rows over TLS: {took:.2f} s")
    assert took < 10


async def test_a_router_that_falls_silent_is_given_up(
    either: tuple[RouterPart, Router], monkeypatch: pytest.MonkeyPatch
) -> None:
    part, router = either
    monkeypatch.setattr(door, "SILENCE_SECONDS", 0.5)
    for kind in ("half_word", "freeze"):
        async with open_link(router, 60.0) as link:
            part.control("fault", kind=kind, command="/system")
            began = time.monotonic()
            with pytest.raises(RouterAway, match="the router fell silent"):
                await link.read("/system/identity")
            assert 0.4 < time.monotonic() - began < 1.5


async def test_a_router_that_is_slow_but_speaks_is_not(
    either: tuple[RouterPart, Router], monkeypatch: pytest.MonkeyPatch
) -> None:
    part, router = either
    monkeypatch.setattr(door, "SILENCE_SECONDS", 0.3)
    async with open_link(router, 20.0) as link:
        part.control("fault", byte_seconds=0.02)
        began = time.monotonic()
        assert await link.read("/system/identity") == [{"name": "jaga-simulator"}]
        assert time.monotonic() - began > 0.5


async def test_the_deadline_holds_however_slowly_bytes_come(
    either: tuple[RouterPart, Router],
) -> None:
    part, router = either
    async with open_link(router, 1.0) as link:
        part.control("fault", byte_seconds=0.15)
        began = Stopwatch()
        with pytest.raises(RouterAway, match="took too long"):
            await link.read(f"{USERS}/profile")
        assert began.seconds < 1.5


async def test_a_call_that_is_given_up_leaves_no_thread_and_no_connection(
    either: tuple[RouterPart, Router],
) -> None:
    part, router = either
    part.control("fault", kind="half_word", command="/system")

    async def ask() -> None:
        async with open_link(router, 60.0) as link:
            await link.read("/system/identity")

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.7):
            await ask()
    await _until(lambda: not _link_threads() and part.read("state")["connections"] == 0, 2)


async def test_a_connection_that_nobody_waited_for_is_given_back(answering: Answering) -> None:
    router = Router("x", HERE, answering(b""), "a", "geheim", True)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2), open_link(router, 1.0):
            pass
    await _until(lambda: not _link_threads(), 3)


async def _until(holds: Callable[[], bool], seconds: float) -> None:
    began = Stopwatch()
    while not await asyncio.to_thread(holds):
        assert began.seconds < seconds
        await asyncio.sleep(0.02)


def _link_threads() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name.startswith("jaga-router")]


# The whole engine


@pytest.fixture
async def house(
    start: Start, authority: trustme.CA, environment: dict[str, str], tmp_path: Path
) -> AsyncIterator[House]:
    router = start()
    (tmp_path / "ca.pem").write_text(text_of(authority))
    more = {
        **router.settings,
        "MIKROTIK_HOST": HERE,
        "MIKROTIK_PORT": str(router.ssl_port),
        "MIKROTIK_USE_SSL": "1",
        "MIKROTIK_CA": str(tmp_path / "ca.pem"),
    }
    async with open_store(Settings.from_environment({**environment, **more})) as store:
        await store.redis.set(store.keys.built(), "1")
        yield House(store, router)


async def test_the_engine_runs_over_tls(house: House) -> None:
    member = await house.person(1, PHONE)
    house.router.control("join", mac=PHONE, ip="192.168.200.10")
    report = await house.sync()
    assert report.state == "done", report
    assert house.send()
    assert (await house.sync()).writes == 0
    await house.store.members.block(member, by="admin")
    assert (await house.sync(member)).state == "done"
    assert not house.send() and house.rows("ip-binding") == []


async def test_a_run_cut_after_each_of_its_writes_is_made_whole_over_tls(house: House) -> None:
    """The k-th write of a run, whatever it is: carried out, its reply lost. Then the next one."""
    member = await house.person(1, PHONE)
    house.router.control("join", mac=PHONE, ip="192.168.200.10")
    await house.sync()
    turns = ((house.store.members.block, False), (house.store.members.admit, True))
    cuts: list[str] = []
    for after in itertools.count():
        struck: list[str] = []
        for turn, passes in turns:
            await turn(member, by="admin")
            house.router.control("fault", kind="lose_reply", command="write", after=after)
            report = await house.sync()
            found = house.router.read("state")["faults"]["struck"]
            house.router.control("fault", clear=True)
            assert (report.state == "away") is bool(found), (report, found)
            for _ in range(3):
                report = await house.sync()
            assert (report.state, report.writes) == ("done", 0), (after, found, report)
            assert house.send() is passes
            struck += found
        if not struck:
            break
        cuts += struck
    assert len(cuts) >= 3 and len(set(cuts)) >= 3, cuts


async def test_the_self_test_passes_over_tls(house: House) -> None:
    found = await check(house.store.settings)
    assert [one.what for one in found if not one.holds] == []
