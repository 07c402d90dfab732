"""`python -m scripts.lynk`: the command itself, on real servers."""

from __future__ import annotations

import asyncio
import os
import subprocess
from functools import partial
from pathlib import Path
from typing import Protocol

import pytest

from jobs.payments.processing import Processing
from jobs.persist.reader import LogReader
from store.opening import Store
from store.payments.delivery import read
from store.payments.intake import _record
from store.payments.spool import Spool
from store.settings import SETTING_NAMES
from tests.forkserver import ForkServer
from tests.lynk import KEY, deliver, encode, payment, signature_of
from tests.serving import serving

Done = subprocess.CompletedProcess[str]


class Run(Protocol):
    async def __call__(self, environment: dict[str, str], *words: str, **changes: str) -> Done: ...


@pytest.fixture
def run(fork_server: ForkServer) -> Run:
    async def run(environment: dict[str, str], *words: str, **changes: str) -> Done:
        clean = {name: value for name, value in os.environ.items() if name not in SETTING_NAMES}
        env = {**clean, **environment, "LYNK_MERCHANT_KEYS": KEY, **changes}
        command = partial(fork_server.run, "-m", "scripts.lynk", *words, env=env, timeout=40)
        done = await asyncio.to_thread(command)
        # no secret is ever printed
        assert KEY not in done.stdout + done.stderr
        return done

    return run


async def settle(store: Store) -> None:
    await LogReader(store).run()
    await Processing(store).run()


async def states(store: Store) -> list[str]:
    rows = await store.database.fetch(b"SELECT state FROM lynk_inbox ORDER BY place")
    return [str(row["state"]) for row in rows]


async def test_what_came_is_listed_and_shown(environment: dict[str, str], run: Run) -> None:
    assert (await run(environment, "list")).stdout == "empty\n"
    async with serving(environment, LYNK_MERCHANT_KEYS=KEY) as site:
        body = payment("a" * 32)
        await deliver(site.browser(), body)
        await deliver(site.browser(), payment(email="x"))
        await settle(site.store)
        (first, _) = await site.store.database.fetch(b"SELECT id FROM lynk_inbox ORDER BY place")
        listed = (await run(environment, "list")).stdout
        assert f"{first['id']}  " in listed and "a" * 32 in listed
        assert listed.endswith("1 done, 1 review\n")
        assert (await run(environment, "list", "--status", "review")).stdout.count("\n") == 2
        assert "a" * 32 in (await run(environment, "list", "--ref", "a" * 32)).stdout
        shown = (await run(environment, "show", first["id"])).stdout
        assert "order licences       1" in shown and "state                done" in shown
        raw = await run(environment, "show", first["id"], "--body")
        assert raw.stdout.encode() == encode(body)
        missing = await run(environment, "show", "0" * 32)
        assert missing.returncode == 1 and missing.stderr.startswith("lynk: ")


async def test_held_deliveries_are_replayed_after_a_look(
    environment: dict[str, str], run: Run
) -> None:
    production = environment | {"JAGA_ENV": "production"}
    async with serving(production) as site:
        await deliver(site.browser(), payment())
        await deliver(site.browser(), payment(), "0" * 64)
        await settle(site.store)
        assert await states(site.store) == ["held", "held"]
        dry = await run(production, "replay", "--status", "held", "--dry-run")
        assert "would create 1 licences, 0 members, 1 e-mails" in dry.stdout
        assert "nothing to do, no merchant key fits its signature" in dry.stdout
        assert dry.stdout.endswith("1 of 2 would be replayed\n")
        await settle(site.store)
        assert await states(site.store) == ["held", "held"]
        assert (await run(production, "replay", "--status", "held")).returncode == 0
        await settle(site.store)
        assert await states(site.store) == ["done", "held"]
        audit = await site.store.database.fetch(b"SELECT act, actor FROM audit")
        assert [(row["act"], row["actor"]) for row in audit] == [("webhook.replay", "operator")]
        assert (await run(production, "replay")).returncode == 1


async def test_quarantined_ones_likewise(environment: dict[str, str], run: Run) -> None:
    async with serving(environment, LYNK_MERCHANT_KEYS="stale") as site:
        await deliver(site.browser(), payment())
        await settle(site.store)
        done = await run(environment, "replay", "--status", "quarantine")
        assert done.stdout.endswith("1 of 1 replayed\n")
        await settle(site.store)
        assert await states(site.store) == ["done"]
        (row,) = await site.store.database.fetch(b"SELECT verified FROM lynk_inbox")
        assert row["verified"]


async def test_samples_are_sent_as_lynk_sends_them(environment: dict[str, str], run: Run) -> None:
    async with serving(environment, LYNK_MERCHANT_KEYS=KEY) as site:
        for words in (["01"], ["03"], ["05"], ["01", "--new"], ["01"]):
            sent = await run(environment, "send-sample", *words)
            assert sent.returncode == 0 and '200 {"status":"success"}' in sent.stdout, sent
        await settle(site.store)
        assert await states(site.store) == ["done", "done", "test", "done"]
        wrong = await run(environment, "send-sample", "--key", "wrong")
        assert wrong.returncode == 1 and " 401 " in wrong.stdout
        odd = await run(environment, "send-sample", "--url", "file:///etc/passwd")
        assert odd.returncode == 1
    away = await run(environment, "send-sample")
    assert away.returncode == 1 and "Traceback" not in away.stderr


async def test_a_signature_is_verified(
    environment: dict[str, str], tmp_path: Path, run: Run
) -> None:
    body = payment("b" * 32)
    file = tmp_path / "body.json"
    file.write_bytes(encode(body))
    right = await run(environment, "verify", str(file), "--signature", signature_of(body))
    assert right.returncode == 0 and "b" * 32 in right.stdout
    wrong = await run(environment, "verify", str(file), "--signature", "0" * 64)
    assert wrong.returncode == 1
    unset = await run(
        environment, "verify", str(file), "--signature", "0" * 64, LYNK_MERCHANT_KEYS=""
    )
    assert unset.returncode == 1 and "LYNK_MERCHANT_KEYS" in unset.stderr
    missing = await run(environment, "verify", str(tmp_path / "x"), "--signature", "0")
    assert missing.returncode == 1 and "Traceback" not in missing.stderr


async def test_orders_that_never_came_are_found(
    environment: dict[str, str], tmp_path: Path, run: Run
) -> None:
    async with serving(environment, LYNK_MERCHANT_KEYS=KEY) as site:
        await deliver(site.browser(), payment("a" * 32))
        await deliver(site.browser(), payment("b" * 32, email="x"))
        await settle(site.store)
        export = tmp_path / "orders.csv"
        lines = ["Tanggal,Order ID,Produk"]
        lines += [f'2026-03-22,{ref * 32},"E-Book, Panduan"' for ref in "abca"]
        export.write_text("\ufeff" + "\n".join(lines))
        found = await run(environment, "reconcile", str(export))
        assert found.returncode == 1
        assert found.stdout.splitlines() == [
            f"missing  {'c' * 32}",
            f"review   {'b' * 32}",
            "3 orders: 1 missing, 1 not done",
        ]
        export.write_text("x,y\n")
        assert (await run(environment, "reconcile", str(export))).returncode == 1


async def test_a_spool_is_drained_by_hand(
    environment: dict[str, str], store: Store, run: Run
) -> None:
    intake = store.payments.intake
    body = payment("a" * 32)
    delivery = read(encode(body), [signature_of(body)])
    record = _record(delivery, intake.judge(delivery), "203.0.113.7")
    files = Spool(store.settings.jaga_home)
    await files.keep("1", record)
    files.close()
    drained = await run(environment, "drain-spool")
    assert drained.stdout == "1 drained, 0 still wait\n"
    await settle(store)
    assert await states(store) == ["done"]
