"""The lasting copy of devices: one primary phone, as the store has it."""

from __future__ import annotations

from jobs.persist.reader import LogReader
from store.opening import Store
from store.sessions import Device, Opened


async def phone(store: Store, member: str, number: int) -> Opened:
    device = Device(id=f"hp{number}", name=f"HP {number}", ip="127.0.0.1")
    return await store.sessions.open(member, device, method="mobile")


async def primaries(store: Store, member: str) -> list[str]:
    await LogReader(store).run()
    async with store.database.connection() as connection:
        found = await connection.execute(
            "SELECT id FROM user_device WHERE member_id = %s AND is_primary", [member]
        )
        return [row["id"] for row in await found.fetchall()]


async def test_there_is_one_primary_phone_and_it_passes_on(store: Store) -> None:
    member = (await store.members.create(email="a@jaga.test", password="rahasia a", name="A")).id
    await phone(store, member, 1)
    await phone(store, member, 2)
    assert await primaries(store, member) == ["hp1"]
    again = await phone(store, member, 1)
    assert await primaries(store, member) == ["hp1"]
    await store.sessions.end(member, again.session.sid, reason="logged_out", by="HP 1")
    assert await primaries(store, member) == ["hp2"]
    assert [card.id for card in await store.devices.of(member) if card.is_primary] == ["hp2"]
    await phone(store, member, 1)
    assert await primaries(store, member) == ["hp2"]


async def test_ever_new_phones_leave_ten_and_the_primary_among_them(store: Store) -> None:
    member = (await store.members.create(email="a@jaga.test", password="rahasia a", name="A")).id
    for number in range(60):
        await phone(store, member, number)
    cards = await store.devices.of(member)
    active = [card.id for card in cards if card.is_active]
    assert len(active) == 10 and "hp0" in active and "hp59" in active
    assert len(cards) <= 51
    assert await primaries(store, member) == ["hp0"]
