"""Members: created and changed once whatever the concurrency, and never more told than may be."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from store.errors import Conflict, InvalidRequest, MemberExists, NotFound, Unavailable
from store.members import fold
from store.opening import Store
from tests.serving import HASH, open_session


async def made(store: Store, email: str = "budi@jaga.test", **more: Any):
    return await store.members.create(email=email, password_hash=HASH, **more)


async def test_one_of_many_at_once_is_made(store: Store) -> None:
    answers = await asyncio.gather(
        *(made(store, email) for email in ("Budi@jaga.test", "budi@JAGA.test ") * 10),
        return_exceptions=True,
    )
    assert sum(not isinstance(answer, Exception) for answer in answers) == 1
    assert all(isinstance(a, MemberExists) for a in answers if isinstance(a, Exception))


async def test_a_username_is_nobody_elses_e_mail(store: Store) -> None:
    await made(store)
    for taken in ({"username": "budi@jaga.test"}, {"username": " BUDI@jaga.test"}):
        with pytest.raises(MemberExists):
            await made(store, "tini@jaga.test", **taken)
    tini = await made(store, "tini@jaga.test", username="tini")
    with pytest.raises(MemberExists):
        await store.members.change(tini.id, username="budi@jaga.test")
    assert await store.members.find("tini@jaga.test") == await store.members.find("TINI")


async def test_a_changed_name_frees_the_old_one(store: Store) -> None:
    budi = await made(store, username="budi")
    await store.members.change(budi.id, username="bud", email="b@jaga.test")
    assert await store.members.find("budi") is None
    assert await store.members.find("budi@jaga.test") is None
    for name in ("bud", "b@jaga.test"):
        found = await store.members.find(name)
        assert found and found.id == budi.id
    await made(store, "budi@jaga.test", username="budi")


async def test_changes_at_once_leave_names_that_lead_somewhere(store: Store) -> None:
    budi = await made(store, username="budi")
    await asyncio.gather(
        *(store.members.change(budi.id, username=f"budi{number}") for number in range(20)),
        return_exceptions=True,
    )
    now = await store.members.get(budi.id)
    names = await store.redis.keys(f"{store.keys.prefix}:login:*")
    assert sorted(names) == sorted([store.keys.login(now.username), store.keys.login(now.email)])


async def test_a_change_read_too_early_is_a_conflict(store: Store) -> None:
    budi = await made(store, username="budi")
    await store.members.change(budi.id, username="other")
    with pytest.raises(Conflict):
        await store.members._write(budi, {"name": "x"})


@pytest.mark.parametrize(
    "fields",
    [
        {"email": "no address"},
        {"email": "a@"},
        {"email": "x" * 300 + "@jaga.test"},
        {"name": "a\nb"},
        {"name": "x" * 101},
        {"name": "\ud800"},
        {"phone": "0" * 33},
        {"role": "owner"},
        {"username": "x" * 191},
    ],
)
async def test_odd_fields_are_named(store: Store, fields: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await made(store, **({"email": "budi@jaga.test"} | fields))
    assert caught.value.field == next(iter(fields))


async def test_deleting_ends_everything_and_frees_the_names(store: Store) -> None:
    budi = await made(store, username="budi")
    await open_session(store, budi)
    kick = await store.members.delete(budi.id, by="admin")
    assert [end.reason for end in kick.ended] == ["deleted"]
    with pytest.raises(NotFound):
        await store.members.get(budi.id)
    assert await store.redis.keys(f"{store.keys.prefix}:login:*") == []
    assert (await made(store, username="budi")).id != budi.id


async def test_nobody_is_made_before_redis_is_rebuilt(store: Store) -> None:
    await store.redis.delete(store.keys.built())
    with pytest.raises(Unavailable):
        await made(store)


async def test_what_an_admin_sees_holds_no_hash(store: Store) -> None:
    assert "$2b$" not in str((await made(store)).public())


def test_names_are_compared_as_people_read_them() -> None:
    assert fold(" \uff22UDI@Jaga.test ") == "budi@jaga.test" == fold("Budi@jaga.test")
