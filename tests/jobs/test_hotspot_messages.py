"""Messages of the hotspot: once for each verified change, not at night, again after a failure."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from jobs import messages
from jobs.messages.outbox import TEXTS
from jobs.persist.reader import LogReader
from scripts.embedded.ports import free_port
from store.hotspot.leases import Lease
from store.opening import Store


@pytest.fixture
def surroundings(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(messages, "is_quiet", lambda hour: False)
    return environment


async def settled(store: Store, *statuses: str) -> str:
    found = await store.members.find("s@jaga.test")
    member = found or await store.members.create(
        email="s@jaga.test", password_hash="x", phone="081234567890"
    )
    async with store.hotspot.leases.taken("utama") as lease:
        assert isinstance(lease, Lease)
        for at, status in enumerate(statuses):
            await store.hotspot.ledger.settle("utama", member.id, status, at, lease)
    return member.id


def sent(environment: dict[str, str]) -> list[str]:
    folder = Path(environment["JAGA_HOME"]) / "messages"
    files = sorted(folder.glob("[!.]*.json"))
    return [json.loads(file.read_text())["text"] for file in files]


async def test_each_change_is_told_once(store: Store, surroundings: dict[str, str]) -> None:
    await settled(store, "aktif", "habis", "habis")
    await LogReader(store).run()
    await messages.deliver()
    await messages.deliver()
    assert sent(surroundings) == [TEXTS["habis"]], "the first status is no change"


async def test_the_first_router_that_agrees_has_the_member_told_and_old_news_do_not(
    store: Store, surroundings: dict[str, str]
) -> None:
    member = await settled(store, "aktif")
    async with store.hotspot.leases.taken("utara") as lease:
        assert isinstance(lease, Lease)
        settle = store.hotspot.ledger.settle
        await settle("utama", member, "habis", 10, await taken(store))
        await settle("utara", member, "habis", 11, lease)
        # what was decided before that, and is only seen now
        await settle("utara", member, "aktif", 9, lease)
        await settle("utara", member, "habis", 12, lease)
    await LogReader(store).run()
    await messages.deliver()
    assert sent(surroundings) == [TEXTS["habis"]]
    rows = await store.database.fetch(b"SELECT router, status FROM hotspot_settled ORDER BY 1")
    assert [tuple(row.values()) for row in rows] == [("utama", "habis"), ("utara", "habis")]


async def taken(store: Store) -> Lease:
    """A lease as a run has it, of which only the number counts here."""
    key, fence = store.keys.hotspot_lease("utama"), store.keys.hotspot_fence("utama")
    token = await store.redis.incr(fence)
    await store.redis.set(key, token)
    return Lease(key, fence, "", token)


async def test_notices_are_told_once_for_each_package(
    store: Store, surroundings: dict[str, str]
) -> None:
    member = await settled(store)
    for key in ("1000", "1000", "2000"):
        await store.hotspot.ledger.notice(member, "quota_low", key)
    await LogReader(store).run()
    rows = await store.database.fetch(b"SELECT kind FROM message_outbox")
    assert [row["kind"] for row in rows] == ["quota_low"] * 2


async def test_nobody_gets_more_than_three_a_minute(
    store: Store, surroundings: dict[str, str]
) -> None:
    await settled(store, *("aktif", "habis") * 5)
    await LogReader(store).run()
    await messages.deliver()
    await messages.deliver()
    assert len(sent(surroundings)) == 3


async def test_nothing_rings_at_night(
    store: Store, surroundings: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    await settled(store, "aktif", "habis")
    await LogReader(store).run()
    monkeypatch.undo()
    assert [messages.is_quiet(hour) for hour in (6, 7, 20, 21)] == [True, False, False, True]


async def test_a_gateway_gets_its_form_and_is_asked_again(
    store: Store, surroundings: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    monkeypatch.setenv("OTP_SENDER", "http")
    monkeypatch.setenv("OTP_HTTP_URL", f"http://127.0.0.1:{port}/send")
    monkeypatch.setenv("OTP_HTTP_TOKEN", "a-token")
    await settled(store, "aktif", "habis")
    await LogReader(store).run()
    await messages.deliver()
    (row,) = await store.database.fetch(b"SELECT attempts, sent_at FROM message_outbox")
    # a gateway that is away is nobody's fault: the outbox rests, and no attempt is used up
    assert (row["attempts"], row["sent_at"]) == (0, None)
    assert await store.messages.trouble() is not None

    heads: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        size = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        heads.append(head + await reader.readexactly(size))
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"status":true}')
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", port)
    async with server, store.database.connection() as connection:
        await connection.execute(b"UPDATE outbox_pause SET until = now()")
        await connection.commit()
        await messages.deliver()
    (request,) = heads
    assert b"Authorization: a-token" in request and b"target=6281234567890&message=Kuota" in request
