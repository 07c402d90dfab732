"""A backup is made beside running servers, and put back: Redis alone, Postgres alone, or both."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from jobs.persist.reader import LogReader
from store.opening import Store
from store.settings import SETTING_NAMES
from tests.faults.ledger import Ledger
from tests.forkserver import ForkServer
from tests.lynk import KEY
from tests.orders import settle
from tests.serving import serving
from tests.working import working


async def command(
    fork_server: ForkServer, environment: dict[str, str], name: str, *words: str
) -> tuple[int, str, str]:
    clean = {key: value for key, value in os.environ.items() if key not in SETTING_NAMES}
    done = await asyncio.to_thread(
        fork_server.run, "-m", f"scripts.{name}", *words, env=clean | environment, timeout=40
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("what", ["redis", "postgres", "both"])
async def test_what_each_order_of_restoring_gives(
    environment: dict[str, str], fork_server: ForkServer, tmp_path: Path, what: str
) -> None:
    """Redis older: nothing acknowledged is lost. Postgres older: nor is it, by the log. Both: it is
    as it was when the backup was made."""
    folder = str(tmp_path / "backup")
    only = () if what == "both" else ("--only", what)
    async with serving(environment, LYNK_MERCHANT_KEYS=KEY, GRACE_SECONDS="0") as site:
        async with working(environment | {"LYNK_MERCHANT_KEYS": KEY}):
            ledger = await Ledger.open(site)
            await ledger.prepare()
            await ledger.balance()
        inside = await site.logged_in(await site.member())
        await settle(site.store)
        assert (await command(fork_server, environment, "backup", folder))[0] == 0
        assert (tmp_path / "backup").stat().st_mode & 0o077 == 0
        late = await site.member("late")
        if what != "both":
            await ledger.leave(inside)
            await ledger.act()
        await settle(site.store)
        status, said, wrong = await command(
            fork_server, environment, "restore", "--from", folder, *only
        )
        assert status == 0, wrong + said
        await settle(site.store)
        await ledger.balance()
        if what == "both":
            assert (await inside.get("/api/session")).status == 200
            assert await site.store.members.find(late.email) is None
        assert await site.store.set_aside.waiting() is None


async def test_a_folder_that_is_there_and_one_that_is_no_backup_are_refused(
    environment: dict[str, str], fork_server: ForkServer, tmp_path: Path, store: Store
) -> None:
    await LogReader(store).run()
    status, _, wrong = await command(fork_server, environment, "backup", str(tmp_path))
    assert status == 1 and "is there already" in wrong
    status, _, wrong = await command(fork_server, environment, "restore", "--from", str(tmp_path))
    assert status == 1 and "holds no whole backup" in wrong
    assert await store.redis.exists(store.keys.built())
