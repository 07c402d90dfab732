"""`python -m scripts.member`: the command itself, on real servers."""

from __future__ import annotations

import asyncio
import os
import subprocess
from functools import partial
from typing import Any, Protocol

import pytest

from jobs.persist.reader import LogReader
from scripts.embedded.ports import free_port
from store.opening import Store
from store.sessions import Device
from store.settings import SETTING_NAMES
from tests.forkserver import ForkServer

Done = subprocess.CompletedProcess[str]


class Run(Protocol):
    async def __call__(self, environment: dict[str, str], *words: str, typed: str = "") -> Done: ...


@pytest.fixture
def run(fork_server: ForkServer) -> Run:
    """Run the command with `typed` on its standard input."""

    async def run(environment: dict[str, str], *words: str, typed: str = "") -> Done:
        clean = {name: value for name, value in os.environ.items() if name not in SETTING_NAMES}
        command = partial(fork_server.run, "-m", "scripts.member", *words, env=clean | environment)
        return await asyncio.to_thread(command, typed=typed, timeout=30)

    return run


async def audit_of(store: Store) -> list[tuple[str, str]]:
    """The acts written down, oldest first, each with who did it."""
    await LogReader(store).run()
    rows = await store.database.fetch(b"SELECT act, actor FROM audit ORDER BY id")
    return [(row["act"], row["actor"]) for row in rows]


async def test_a_member_is_added_listed_blocked_and_admitted(
    store: Store, environment: dict[str, str], run: Run
) -> None:
    words = ("add", "ani@jaga.test", "--name", "Ani", "--username", "ani", "--role", "teacher")
    added = await run(environment, *words, typed="rahasia sekali\n")
    assert (added.returncode, added.stderr) == (0, "")
    member = await store.members.find("ani")
    assert member is not None
    assert added.stdout == f"member: added ani (teacher), id {member.id}\n"
    assert (await store.passwords.check("rahasia sekali", member.password)).fits

    await LogReader(store).run()
    listed = await run(environment, "list", "jaga.test")
    assert listed.stdout.split() == [member.id, "teacher", "active", "ani"]
    assert (await run(environment, "list", "--role", "admin")).stdout == ""

    await store.sessions.open(member.id, Device(id="d1", name="Chrome"), method="password")
    blocked = await run(environment, "block", "ANI@jaga.test")
    assert blocked.stdout == "member: block ani: done, 1 session ended\n"
    assert (await store.members.get(member.id)).status == "blocked"
    assert (await run(environment, "unblock", "ani")).stdout == "member: unblock ani: done\n"
    assert (await store.members.get(member.id)).status == "active"
    acts = [("member.create", "operator"), ("member.block", "operator")]
    assert await audit_of(store) == [*acts, ("member.unblock", "operator")]


async def test_a_new_password_a_logout_and_an_end(
    store: Store, environment: dict[str, str], run: Run
) -> None:
    member = await store.members.create(email="ani@jaga.test", username="ani", password_hash="x")
    device: Any = Device(id="d1", name="Chrome")
    await store.sessions.open(member.id, device, method="password")
    assert "1 session ended" in (await run(environment, "logout", "ani")).stdout
    words = ("password", "ani", "--password", "lain sekali", "--must-change")
    assert (await run(environment, *words)).returncode == 0
    changed = await store.members.get(member.id)
    assert changed.must_change
    assert (await store.passwords.check("lain sekali", changed.password)).fits
    assert (await run(environment, "deactivate", "ani")).returncode == 0
    assert (await store.members.get(member.id)).status == "inactive"
    assert (await run(environment, "activate", "ani")).returncode == 0
    assert (await store.members.get(member.id)).status == "active"
    assert (await run(environment, "delete", "ani")).returncode == 0
    assert await store.members.find("ani") is None


async def test_what_goes_wrong_is_one_line(
    store: Store, environment: dict[str, str], run: Run
) -> None:
    await store.members.create(email="ani@jaga.test", password_hash="x")
    for words, said in (
        (("block", "nobody"), "member: nobody logs in as nobody\n"),
        (
            ("add", "ani@jaga.test", "--password", "rahasia sekali"),
            "member: Email atau username sudah",
        ),
        (("add", "ani", "--password", "rahasia sekali"), "member: Alamat email tidak valid."),
        (("add", "b@jaga.test", "--password", "1"), "member: Password minimal 8 karakter."),
    ):
        done = await run(environment, *words)
        assert done.returncode == 1
        assert done.stderr.startswith(said) and len(done.stderr.splitlines()) == 1
    environment["REDIS_URL"] = f"redis://127.0.0.1:{free_port()}/0"
    done = await run(environment, "list")
    assert done.returncode == 1
    assert done.stderr.startswith("member: ") and len(done.stderr.splitlines()) == 1


async def test_an_emptied_redis_is_rebuilt_first(
    store: Store, environment: dict[str, str], run: Run
) -> None:
    await store.members.create(email="ani@jaga.test", username="ani", password_hash="x")
    await LogReader(store).run()
    await store.redis.flushdb()
    assert (await run(environment, "block", "ani")).returncode == 0
    found = await store.members.find("ani")
    assert found is not None and found.status == "blocked"
