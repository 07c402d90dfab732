"""Devices in the store: what is kept of them, and what comes back."""

from __future__ import annotations

import pytest

from jobs.persist.reader import LogReader
from store.errors import NotFound
from store.opening import Store
from store.restoring import restore_if_needed
from store.sessions import Device, Session


async def opened(store: Store, member: str, device: str, method: str = "password") -> Session:
    named = Device(id=device, name=f"Browser {device}", ip="10.0.0.1")
    kind = "mobile" if method == "mobile" else "password"
    made = await store.sessions.open(member, named, method=kind, keep=True)  # type: ignore[arg-type]
    return made.session


async def member_of(store: Store) -> str:
    return (await store.members.create(email="a@jaga.test", password_hash="x", name="A")).id


async def test_devices_come_back_after_redis_was_emptied_with_nobody_on_them(store: Store) -> None:
    member = await member_of(store)
    for number in range(25):
        await opened(store, member, f"d{number}")
    await opened(store, member, "hp", "mobile")
    before = {card.id: card for card in await store.devices.of(member)}
    await LogReader(store).run()
    await store.redis.flushdb()
    assert await restore_if_needed(store) is True
    after = await store.devices.of(member)
    assert len(after) == 20 and "hp" in {card.id for card in after}
    assert not any(card.is_active or card.is_primary for card in after)
    for card in after:
        old = before[card.id]
        same = (old.type, old.name, old.ip, old.created_at)
        assert (card.type, card.name, card.ip, card.created_at) == same
    # and the next login finds them as its own
    await opened(store, member, "d24")
    assert [card.id for card in await store.devices.of(member) if card.is_active] == ["d24"]


async def test_a_card_tells_when_somebody_was_last_there(store: Store) -> None:
    member = await member_of(store)
    first = await opened(store, member, "d1")
    second = await opened(store, member, "d2")
    cards = {card.id: card for card in await store.devices.of(member)}
    assert cards["d1"].seen_at == first.opened_at and not cards["d1"].is_active
    assert cards["d2"].seen_at == second.opened_at and cards["d2"].is_active


async def test_an_ended_session_ends_no_device(store: Store) -> None:
    member = await member_of(store)
    gone = await opened(store, member, "d1")
    await opened(store, member, "d2")
    with pytest.raises(NotFound):
        await store.devices.end(gone, "d2")
    assert [card.id for card in await store.devices.of(member) if card.is_active] == ["d2"]
