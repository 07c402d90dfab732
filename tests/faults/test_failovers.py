"""A master that holds what was just acknowledged is killed, and the ledger is asked on the replica.

With replication cut before, Postgres has to have all of it; with replication intact, the replica
has, which nobody has applied to Postgres yet. `pytest --slow -s tests/faults/test_failovers.py`
does each ten times at one site, whose two servers take turns, and prints the seconds without
service.
"""

from __future__ import annotations

import time
from contextlib import AsyncExitStack

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from store.errors import JagaError
from tests.client import Browser
from tests.faults.ledger import Ledger, is_whole
from tests.lynk import KEY
from tests.sentinels import NAME, Watched, follow
from tests.serving import Serving, serving, until
from tests.working import working

TURNS = 10

HOW = pytest.mark.parametrize("is_cut", [True, False], ids=["cut", "intact"])


@HOW
async def test_what_was_acknowledged_outlives_the_master(
    environment: dict[str, str], watched: Watched, is_cut: bool
) -> None:
    await outlive_failovers(environment, watched, is_cut=is_cut)


@pytest.mark.slow
@pytest.mark.timeout(300)
@HOW
async def test_ten_masters_in_a_row(
    environment: dict[str, str], watched: Watched, is_cut: bool
) -> None:
    seconds = await outlive_failovers(environment, watched, turns=TURNS, is_cut=is_cut)
    print(f"without service: {', '.join(f'{one:.1f}' for one in sorted(seconds))} s")


async def outlive_failovers(
    environment: dict[str, str], watched: Watched, *, turns: int = 1, is_cut: bool
) -> list[float]:
    """Lose the master `turns` times, with acts of each kind before each; returns for each turn the
    seconds without service. Whoever has a tab open all the time is in, and hears."""
    env = environment | {
        "REDIS_URL": watched.url,
        "DURABILITY": "replica",
        "LYNK_MERCHANT_KEYS": KEY,
        "GRACE_SECONDS": "0",
    }
    seconds = []
    async with serving(env) as site, AsyncExitStack() as stack:
        async with working(env):
            ledger = await Ledger.open(site)
            await ledger.prepare()
        staying = await site.logged_in(await site.member())
        tab = await stack.enter_async_context(staying.tab())
        assert (await tab.event())["event"] == "connected"
        for turn in range(turns):
            tab.say(event="pong")  # as a page answers each beat
            await (act_unseen_by if is_cut else act_seen_by)(watched, ledger, env)
            seconds.append(await fail_over(site, watched))
            await bring_back(watched)
            async with working(env):
                await until(lambda: is_whole(site), 20)
                await ledger.balance()
            print(f"{turn + 1}: {len(ledger)} acts kept, {seconds[-1]:.1f} s without service")
        assert (await staying.post("/logout")).status == 302
        assert (await tab.until("force_logout"))["event"] == "force_logout"
    return seconds


async def act_unseen_by(watched: Watched, ledger: Ledger, env: dict[str, str]) -> None:
    """Cut the replication, then do an act of each kind."""
    inside = await _inside_at_both(ledger.site)
    async with working(env):
        watched.replica.pause()
        async with Redis(port=watched.master.port) as master:
            await master.execute_command("CLIENT", "KILL", "TYPE", "replica")
        await ledger.leave(inside)
        await ledger.act()


async def act_seen_by(watched: Watched, ledger: Ledger, env: dict[str, str]) -> None:
    """Do an act of each kind of which Postgres hears nothing: there is no worker."""
    inside = await _inside_at_both(ledger.site)
    await ledger.leave(inside)
    await ledger.act()


async def _inside_at_both(site: Serving) -> Browser:
    browser = await site.logged_in(await site.member())
    await site.store.redis.execute_command("WAIT", 1, 1000)
    return browser


async def fail_over(site: Serving, watched: Watched) -> float:
    """Kill the master, have the replica in its place; returns the seconds without service."""
    watched.master.kill()
    began = time.monotonic()
    watched.replica.resume()

    async def is_served() -> bool:
        try:
            await site.logged_in(await site.member())
        except (RedisError, OSError, JagaError):
            return False
        return True

    await until(lambda: _leads(site, watched), 30)
    await until(is_served, 30)
    return time.monotonic() - began


async def _leads(site: Serving, watched: Watched) -> bool:
    try:
        info = await site.store.redis.info("server")
    except (RedisError, OSError):
        return False
    return int(info["tcp_port"]) == watched.replica.port


async def bring_back(watched: Watched) -> None:
    """Start the one that was killed, as the replica of the other, and have the Sentinel know both
    anew: for twice its failover-timeout it would not fail over again."""
    watched.master, watched.replica = watched.replica, watched.master
    watched.replica.start()
    await follow(watched.replica, watched.master)
    async with Redis(port=watched.sentinel.port) as sentinel:
        await sentinel.execute_command("SENTINEL", "RESET", NAME)

        async def knows_both() -> bool:
            known = await sentinel.sentinel_slaves(NAME)
            return [one["master-link-status"] for one in known] == ["ok"]

        await until(knows_both, 20)
