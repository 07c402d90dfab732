"""The door to the router: fast, bounded, silent about secrets, closed after anything odd."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from jobs.mikrotik import (
    AnyOf,
    Ask,
    LoginRefused,
    RouterAway,
    RouterLink,
    Trap,
    Write,
    open_link,
)
from scripts.embedded.ports import free_port
from scripts.simulator.part import RouterPart
from store.routers import Router
from tests.stopwatch import Stopwatch

USERS = "/ip/hotspot/user"
SITI = AnyOf((("name", "siti"),))


def router_of(router: RouterPart) -> Router:
    return Router("test", "127.0.0.1", router.port, router.username, router.password)


@asynccontextmanager
async def linked(router: RouterPart, seconds: float = 10.0) -> AsyncIterator[RouterLink]:
    async with open_link(router_of(router), seconds) as link:
        yield link


async def test_rows_are_read_and_changed(router: RouterPart) -> None:
    async with linked(router) as link:
        new = await link.do(
            Write(USERS, "add", values={"name": "siti", "comment": "Café = ☕", "disabled": True})
        )
        assert new == "*1"
        assert await link.read(USERS, ".id", "name", "comment", "disabled") == [
            {"id": "*1", "name": "siti", "comment": "Café = ☕", "disabled": "true"}
        ]
        await link.do(Write(USERS, "set", new, {"comment": "", "disabled": False}))
        assert await link.read(USERS, "comment", "disabled", any_of=SITI) == [{"disabled": "false"}]
        assert await link.read(USERS, "name", any_of=AnyOf((("name", "budi"),))) == []
        assert await link.read(USERS, "name", any_of=AnyOf(())) == []
        either = AnyOf((("name", "budi"), ("name", "siti"), ("name", "tono")))
        assert await link.read(USERS, "name", any_of=either) == [{"name": "siti"}]
        await link.do(Write(USERS, "remove", new))
        assert link.calls[f"{USERS}/print"] == 4
    assert router.read("state")["flagged"] == []


async def test_refusals_are_traps_with_their_words_and_category(router: RouterPart) -> None:
    async with linked(router) as link:
        await link.do(Write(USERS, "add", values={"name": "siti"}))
        with pytest.raises(Trap) as duplicate:
            await link.do(Write(USERS, "add", values={"name": "siti"}))
        assert "already have" in duplicate.value.message and duplicate.value.category is None
        with pytest.raises(Trap, match="input does not match any value of profile") as profile:
            await link.do(Write(USERS, "set", "*1", {"profile": "nowhere"}))
        assert profile.value.category == 1
        with pytest.raises(Trap) as gone:
            await link.do(Write(USERS, "remove", "*99"))
        assert gone.value.is_gone
        router.control("fault", kind="two_traps", command=USERS, message="failure: the first")
        with pytest.raises(Trap, match="the first"):
            await link.do(Write(USERS, "remove", "*1"))
        router.control("fault", kind="trap_without_message", command=USERS)
        with pytest.raises(Trap, match="no reason given"):
            await link.read(USERS)
        assert len(await link.read(USERS)) == 1


async def test_many_writes_share_their_round_trips(router: RouterPart) -> None:
    async with linked(router) as link:
        adds = [Write(USERS, "add", values={"name": f"u{n % 900}"}) for n in range(1000)]
        began = time.monotonic()
        receipts = await link.write(adds)
        took = time.monotonic() - began
        assert sum(receipt.trap is None for receipt in receipts) == 900
        assert receipts[0].id == "*1" and receipts[950].trap is not None
        assert took < 3, f"1,000 writes took {took:.2f} s"


async def test_several_menus_are_read_in_one_go_and_each_gets_its_own_rows(
    router: RouterPart,
) -> None:
    router.control("fault", shuffle_tags=True)
    async with linked(router) as link:
        await link.do(Write(USERS, "add", values={"name": "siti"}))
        users, nobody, profiles, users_again = await link.read_all(
            Ask(USERS, ("name",), SITI),
            Ask(USERS, ("name",), AnyOf(())),
            Ask("/ip/hotspot/user/profile", ("name",)),
            Ask(USERS, (".id", "name"), SITI),
        )
        assert users == [{"name": "siti"}] and nobody == []
        assert {"name": "profile-aktif"} in profiles
        assert [row["name"] for row in users_again] == ["siti"] and "id" in users_again[0]
        with pytest.raises(Trap):
            await link.read_all(Ask("/ip/nowhere"), Ask(USERS, ("name",)))
        assert await link.read(USERS, "name", any_of=SITI) == [{"name": "siti"}], "it goes on"


async def test_a_call_does_not_stall(router: RouterPart) -> None:
    async with linked(router) as link:
        began = time.monotonic()
        for _ in range(50):
            await link.read("/system/identity")
        assert (time.monotonic() - began) / 50 < 0.02  # 0.044 when Nagle waits for an ACK


@pytest.mark.parametrize(
    "kind", ["close", "fatal", "unknown_word", "control_byte", "lose_reply", "half_word"]
)
async def test_anything_odd_ends_the_connection(router: RouterPart, kind: str) -> None:
    router.control("fault", kind=kind, command="/system/identity")
    async with linked(router, seconds=1.0) as link:
        with pytest.raises(RouterAway):
            await link.read("/system/identity")
        with pytest.raises(RouterAway):
            await link.read("/system/identity")
    async with linked(router) as link:
        assert (await link.read("/system/identity"))[0]["name"] == "jaga-simulator"


async def test_the_deadline_holds_however_slowly_bytes_come(router: RouterPart) -> None:
    router.control("fault", byte_seconds=0.15)
    began = Stopwatch()
    with pytest.raises(RouterAway, match="too long|Timeout"):
        async with linked(router, seconds=1.0) as link:
            await link.read(f"{USERS}/profile")
    assert began.seconds < 1.5


async def test_replies_may_come_mixed(router: RouterPart) -> None:
    router.control("fault", shuffle_tags=True)
    async with linked(router) as link:
        receipts = await link.write(
            [Write(USERS, "add", values={"name": f"u{n}"}) for n in range(60)]
        )
        ids = {row["name"]: row["id"] for row in await link.read(USERS, ".id", "name")}
    assert {receipt.write.values["name"]: receipt.id for receipt in receipts} == ids


async def test_a_refused_login_says_nothing_of_the_password(router: RouterPart) -> None:
    wrong = replace(router_of(router), password="rahasia-sekali")
    with pytest.raises(LoginRefused) as refused:
        async with open_link(wrong, 5.0):
            pass
    assert "rahasia" not in "".join(map(repr, _chain(refused.value)))
    assert router.read("state")["connections"] == 0


async def test_no_error_tells_what_was_written(router: RouterPart) -> None:
    async with linked(router) as link:
        for kind in ("trap", "two_traps", "unknown_word"):
            router.control("fault", kind=kind, command=USERS)
            with pytest.raises((Trap, RouterAway)) as odd:
                await link.do(Write(USERS, "add", values={"name": "a", "password": "rahasia"}))
            assert "rahasia" not in "".join(map(repr, _chain(odd.value)))


def _chain(error: BaseException | None) -> list[BaseException]:
    found = []
    while error is not None:
        found.append(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return found


async def test_a_router_that_is_not_there_is_away() -> None:
    with pytest.raises(RouterAway, match="not reached"):
        async with open_link(Router("x", "127.0.0.1", free_port(), "a", "b"), 2.0):
            pass


async def test_the_loop_goes_on_while_a_router_thinks(router: RouterPart) -> None:
    router.control("fault", delay_seconds=0.5)
    async with linked(router) as link:
        reading = asyncio.create_task(link.read("/system/identity"))
        turns = 0
        while not reading.done():
            await asyncio.sleep(0.01)
            turns += 1
        assert turns > 10
