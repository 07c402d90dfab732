"""Long-lived tokens: what is recognised as ours, and what a token brings."""

from __future__ import annotations

import pytest

from store.errors import SessionEnded, SessionExpired, Unauthenticated
from store.members import Member
from store.opening import Store
from store.sessions import Opened
from store.sessions.tokens import LongTokens
from tests.serving import HASH, open_session


def token_of(opened: Opened) -> str:
    assert opened.remember
    return opened.remember


@pytest.fixture
async def budi(store: Store) -> Member:
    return await store.members.create(email="budi@jaga.test", password_hash=HASH)


async def test_a_token_says_its_generation_and_brings_one_successor(store, budi) -> None:
    opened = await open_session(store, budi, remember=True)
    tokens = LongTokens(store.settings.secret_keys, store.redis, store.keys)
    read = [await tokens.read(token_of(opened)) for _ in range(2)]
    assert read[0] == read[1] and read[0].generation == 1
    assert (read[0].successor.member, read[0].successor.sid) == (budi.id, opened.session.sid)
    rotated = await store.sessions.rotate(token_of(opened), opened.session.device)
    assert rotated.credential == str(read[0].successor)
    assert rotated.remember and rotated.remember.split(".")[2] == "2"
    assert (await store.sessions.check(rotated.credential, touch=False)).member == budi.id


async def test_what_was_altered_is_not_ours(store, budi) -> None:
    opened = await open_session(store, budi, remember=True)
    member, sid, generation, mac = token_of(opened).split(".")
    forged = mac[:-1] + ("0" if mac[-1] != "0" else "1")
    for text in (
        f"{member}.{sid}.2.{mac}",
        f"{member}.{sid}.{generation}.{forged}",
        f"{member}.web.{generation}.{mac}",
        f"{member}.{sid}.-1.{mac}",
        f"{member}.{sid}.{'9' * 10}.{mac}",
        f"{member}.{sid}.{generation}.{mac}.",
        f"{member}.{sid}.{generation}",
        f"{member}.{sid}.{generation}.{'a' * 200}",
        f"m:{member}.{sid}.{generation}.{mac}",
        "",
    ):
        with pytest.raises(Unauthenticated) as caught:
            await store.sessions.rotate(text, opened.session.device)
        assert caught.value.type == "UNAUTHENTICATED", text


async def test_with_another_key_every_token_is_foreign(store, budi) -> None:
    opened = await open_session(store, budi, remember=True)
    tokens = LongTokens("another key altogether", store.redis, store.keys)
    with pytest.raises(Unauthenticated):
        await tokens.read(token_of(opened))


async def test_a_session_without_one_has_none(store, budi) -> None:
    opened = await open_session(store, budi)
    assert opened.remember is None
    with pytest.raises(Unauthenticated):
        await store.sessions.rotate(f"{budi.id}.{opened.session.sid}.1.{'a' * 43}", "x")


async def test_after_the_end_a_token_still_hears_why(store, budi) -> None:
    opened = await open_session(store, budi, remember=True)
    await store.sessions.end(budi.id, "all", reason="admin", by="admin")
    with pytest.raises(SessionEnded) as caught:
        await store.sessions.rotate(token_of(opened), opened.session.device)
    assert not isinstance(caught.value, SessionExpired) and caught.value.reason == "admin"
