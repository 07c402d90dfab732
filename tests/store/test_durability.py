"""What must never come back is answered when it is kept: at a real replica, on the disk, or in
Postgres; and refused when nothing says so."""

from __future__ import annotations

import ast
import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from jobs.persist.reader import LogReader
from scripts.embedded.redis_server import RedisServer
from scripts.embedded.supervisor import Supervisor
from store import durability
from store.durability import Durability, Means
from store.errors import NotKept
from store.opening import Store, open_store
from store.settings import Settings
from tests.sentinels import follow
from tests.serving import HASH, open_session, serving, until
from tests.sources import sources


@pytest.fixture
async def replica(
    own_redis: RedisServer, supervisor: Supervisor, tmp_path: Path
) -> AsyncIterator[RedisServer]:
    server = RedisServer(tmp_path / "replica", supervisor)
    server.start()
    await follow(server, own_redis)
    yield server
    server.kill()


@pytest.fixture
def briefly(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(durability, "KEPT_SECONDS", 0.3)
    monkeypatch.setattr(durability, "REPLICA_MS", 50)
    yield


@pytest.fixture
def open_on(environment: dict[str, str], own_redis: RedisServer) -> Any:
    """Opens a store on a Redis of its own: `async with open_on("replica") as store`."""

    def opened(asked: str) -> Any:
        env = environment | {"REDIS_URL": own_redis.url, "DURABILITY": asked}
        return open_store(Settings.from_environment(env))

    return opened


async def a_member(store: Store) -> str:
    await store.redis.set(store.keys.built(), "1")
    email = "siti@jaga.test"
    return (await store.members.create(email=email, password_hash=HASH)).id


async def waits(store: Store) -> int:
    """How many WAITs the server has served."""
    stats = await store.redis.info("commandstats")
    return int(stats.get("cmdstat_wait", {}).get("calls", 0))


# A replica


async def test_what_was_answered_is_at_the_replica(open_on, replica: RedisServer) -> None:
    async with open_on("replica") as store, Redis(port=replica.port) as other:
        member = await a_member(store)
        for status in ("blocked", "active") * 10:
            acts = {"blocked": store.members.block, "active": store.members.admit}
            await acts[status](member, by="admin")
            assert await other.hget(store.keys.member(member), "status") == status.encode()


async def test_a_replica_that_hangs_makes_it_no_answer(
    open_on, replica: RedisServer, briefly: None
) -> None:
    async with open_on("replica") as store:
        member = await a_member(store)
        replica.pause()
        with pytest.raises(NotKept):
            await store.members.block(member, by="admin")
        # it is done all the same: who asks again hears it when it is kept
        assert (await store.members.get(member)).status == "blocked"
        replica.resume()
        await store.members.block(member, by="admin")


async def test_postgres_says_it_where_the_replica_does_not(
    open_on, replica: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durability, "REPLICA_MS", 50)
    monkeypatch.setattr(durability, "KEPT_SECONDS", 10.0)
    async with open_on("replica") as store:
        member = await a_member(store)
        replica.pause()
        blocking = asyncio.create_task(store.members.block(member, by="admin"))
        await asyncio.sleep(0.1)
        assert not blocking.done()
        await LogReader(store).run()
        await blocking
        query = b"SELECT status FROM member WHERE id = %(id)s"
        row = await store.database.fetch_one(query, {"id": member})
        assert row == {"status": "blocked"}


async def test_one_wait_serves_all_that_came_before_it(open_on, replica: RedisServer) -> None:
    async with open_on("replica") as store:
        await a_member(store)
        before = await waits(store)
        acts = (store.sessions.end(f"m{n}", "all", reason="x", by="x") for n in range(40))
        await asyncio.gather(*acts)
        assert 1 <= await waits(store) - before <= 15


async def test_auto_waits_for_a_replica_once_there_is_one(
    open_on, own_redis: RedisServer, supervisor: Supervisor, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(durability, "SURE_SECONDS", 0.0)
    async with open_on("auto") as store:
        member = await a_member(store)
        await store.members.block(member, by="admin")
        assert await waits(store) == 0
        server = RedisServer(tmp_path / "replica", supervisor)
        server.start()
        try:
            await follow(server, own_redis)
            await until(lambda: _has_replica(store))
            await store.members.admit(member, by="admin")
            assert await waits(store) == 1
        finally:
            server.stop()


async def _has_replica(store: Store) -> bool:
    return (await store.durability.means()).replicas == 1


async def test_a_server_that_has_not_the_change_confirms_nothing(
    open_on, replica: RedisServer, briefly: None
) -> None:
    """As one that was promoted without it: its replica says yes to our tick, not to the change."""
    async with open_on("replica") as store:
        await a_member(store)
        await store.durability.kept(await store.events.last_id())
        await store.redis.set(store.keys.persisted(), "9999999999999-0")
        with pytest.raises(NotKept):
            await store.durability.kept("9000000000000-0")


async def test_none_waits_for_nothing(open_on, replica: RedisServer) -> None:
    async with open_on("none") as store:
        member = await a_member(store)
        replica.pause()
        await store.members.block(member, by="admin")
        assert await waits(store) == 0


async def test_no_more_wait_than_may(open_on, briefly: None, monkeypatch: Any) -> None:
    monkeypatch.setattr(durability, "MOST_WAITING", 3)
    async with open_on("replica") as store:
        await a_member(store)
        acts = (store.sessions.end("x", "all", reason="x", by="x") for _ in range(5))
        refused = await asyncio.gather(*acts, return_exceptions=True)
        assert {type(one) for one in refused} == {NotKept}
        assert not store.durability._waiting


# The disk


async def test_a_disk_that_is_synced_always_says_so_by_the_answer(open_on) -> None:
    async with open_on("disk") as store:
        await store.redis.config_set("appendfsync", "always")
        member = await a_member(store)
        await store.members.block(member, by="admin")
        assert not store.durability._tasks


@pytest.mark.parametrize("change", [("appendfsync", "everysec"), ("appendonly", "no")])
async def test_a_disk_that_cannot_say_is_waited_for_in_postgres(
    open_on, briefly: None, monkeypatch: pytest.MonkeyPatch, change: tuple[str, str]
) -> None:
    async with open_on("disk") as store:
        await store.redis.config_set(*change)
        member = await a_member(store)
        with pytest.raises(NotKept):
            await store.members.block(member, by="admin")
        monkeypatch.setattr(durability, "KEPT_SECONDS", 10.0)
        blocking = asyncio.create_task(store.members.block(member, by="admin"))
        await until(lambda: _is_in_log(store, blocking))
        await LogReader(store).run()
        await blocking


async def _is_in_log(store: Store, task: asyncio.Task[Any]) -> bool:
    return bool(store.durability._waiting) and not task.done()


class Line:
    """A connection to a Redis that has WAITAOF, which the machine of the tests need not have."""

    def __init__(self, on_disk: int, *, has: bool = True) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self._replies = ["OK", [("1-1", {})] if has else [], [on_disk, 0]]

    def pipeline(self, transaction: bool) -> Line:
        return self

    async def __aenter__(self) -> Line:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    def set(self, *words: Any) -> None:
        self.asked.append(("SET", *words))

    def xrange(self, *words: Any) -> None:
        self.asked.append(("XRANGE", *words))

    def execute_command(self, *words: Any) -> None:
        self.asked.append(words)

    async def execute(self) -> list[Any]:
        return self._replies


NEW = Means(version="8.0.1", has_aof=True, fsync="everysec", replicas=0)


@pytest.mark.parametrize(
    ("line", "is_kept"), [(Line(1), True), (Line(0), False), (Line(1, has=False), False)]
)
async def test_waitaof_is_asked_behind_a_write_of_the_same_connection(
    store: Store, briefly: None, monkeypatch: Any, line: Line, is_kept: bool
) -> None:
    waiting = Durability("disk", store.redis, line, store.keys)  # type: ignore[arg-type]

    async def means() -> Means:
        return NEW

    monkeypatch.setattr(waiting, "means", means)
    if is_kept:
        await waiting.kept("1-1")
    else:
        with pytest.raises(NotKept):
            await waiting.kept("1-1")
    assert [words[0] for words in line.asked[:3]] == ["SET", "XRANGE", "WAITAOF"]
    assert line.asked[2] == ("WAITAOF", 1, 0, durability.DISK_MS)


# What a server can confirm


@pytest.mark.parametrize(
    ("means", "asked", "said"),
    [
        (NEW, "disk", []),
        (NEW, "auto", []),
        (NEW, "both", ["no replica"]),
        (replace(NEW, version="6.2.14"), "auto", []),
        (replace(NEW, version="7.2.4"), "disk", []),
        (replace(NEW, version="7.4.2"), "disk", ["Redis 7.4.2 with everysec"]),
        (replace(NEW, version=""), "disk", ["this server with everysec"]),
        (replace(NEW, version=""), "auto", []),
        (replace(NEW, version="6.2.14"), "disk", ["Redis 6.2.14 with everysec"]),
        (replace(NEW, version="6.2.14", fsync="always"), "disk", []),
        (replace(NEW, version="7.0.15", fsync=""), "disk", ["an unknown appendfsync"]),
        (replace(NEW, has_aof=False), "disk", ["no append-only file"]),
        (replace(NEW, has_aof=False), "replica", ["no replica"]),
        (replace(NEW, has_aof=False), "both", ["no append-only file", "no replica"]),
        (replace(NEW, replicas=1), "both", []),
        (replace(NEW, has_aof=False), "none", []),
    ],
)
def test_what_a_server_never_confirms_is_named(means: Means, asked: str, said: list[str]) -> None:
    lines = means.lacks(asked)
    assert len(lines) == len(said)
    assert all(word in line for word, line in zip(said, lines, strict=True))
    weak = means.weaknesses(asked)
    assert bool(weak) == (asked == "auto" and means.confirmed == set())


async def test_a_redis_that_hides_its_configuration_is_not_taken_for_always(
    open_on, own_redis: RedisServer
) -> None:
    async with open_on("disk") as store:
        await store.redis.config_set("appendfsync", "always")
        assert (await store.durability.means()).fsync == "always"
        await store.redis.config_set("no-appendfsync-on-rewrite", "yes")
        assert "always" != (await store.durability.means()).fsync
        await store.redis.config_set("no-appendfsync-on-rewrite", "no")
        await store.redis.execute_command("ACL", "SETUSER", "default", "-config")
        assert (await store.durability.means()).fsync == ""


# What a browser sees


async def test_a_logout_that_is_not_kept_is_refused_and_asked_again(
    environment, own_redis: RedisServer, replica: RedisServer, briefly: None
) -> None:
    env = environment | {"REDIS_URL": own_redis.url, "DURABILITY": "replica"}
    async with serving(env) as site:
        browser = await site.logged_in(await site.member())
        replica.pause()
        for _ in range(2):  # the second time there is nothing left to end, and no more is known
            answer = await browser.post("/logout", {})
            assert (answer.status, answer.json["type"]) == (503, "UNAVAILABLE")
            assert int(answer.headers["retry-after"]) > 0
        assert (await browser.get("/readyz")).json["redis"]["confirms"] == ["replica"]
        replica.resume()
        assert (await browser.post("/logout", {})).status == 302
        replica.stop()
        await until(lambda: _is_named(browser))


async def _is_named(browser: Any) -> bool:
    lines = (await browser.get("/readyz")).json["degraded"]
    return any(line.startswith("redis: DURABILITY=replica: no replica") for line in lines)


# The list (CONTRACT §16)

LASTING = {
    "logout": {"session_end", "device_end", "device_freeze"},
    "block": {"session_end"},
    "password change": {"member_change"},
    "purge": {"member_delete"},
    "payment": {"payment_keep"},
    "attendance": {"attendance_take"},
    "licence move": {"licence_activate", "licence_deactivate", "licence_change"},
    "QR redeem": {"qr_redeem"},
}
"""What must never come back, and the scripts that do it."""


def test_what_must_last_is_declared_and_in_the_contract() -> None:
    declared = set()
    for _, tree in sources("store"):
        for node in ast.walk(tree):
            words = {word.arg for word in node.keywords} if isinstance(node, ast.Call) else set()
            if "lasting" in words and isinstance(node.args[0], ast.Constant):  # type: ignore[attr-defined]
                declared.add(node.args[0].value)  # type: ignore[attr-defined]
    assert declared == set().union(*LASTING.values())
    contract = Path("docs/contract.md").read_text().partition("## 16.")[2]
    promised = contract.partition("Lasting acts: ")[2].partition(".")[0]
    assert [word.strip() for word in promised.replace("\n", " ").split("·")] == list(LASTING)


async def test_opening_a_session_is_not_waited_for(open_on, briefly: None) -> None:
    """Whoever loses it logs in again: nothing comes back."""
    async with open_on("replica") as store:
        await store.redis.set(store.keys.built(), "1")
        member = await store.members.create(email="budi@jaga.test", password_hash=HASH)
        await open_session(store, member)
