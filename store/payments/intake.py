"""Taking deliveries in: each is judged, and kept somewhere lasting before "success" is answered.

There are three tiers, each with a deadline: Redis, when it proves in the same step that it will not
forget; else Postgres; else a file. All lead to the same row of `lynk_inbox`, so a delivery that two
tiers kept counts once.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import secrets
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
from redis.exceptions import RedisError

from store.changes import Changes, Part
from store.clock import now_ms
from store.database import statement
from store.errors import NothingKept, RateLimited, Unavailable
from store.limits import AddressLimit, Limit, Limits, TurnsHere
from store.payments.delivery import Delivery, as_ref, fingerprint
from store.payments.pages import ORDER_SECONDS
from store.payments.spool import Spool
from store.settings import Settings
from store.sharing import is_for_stranger

REDIS_SECONDS = 0.3
POSTGRES_SECONDS = 0.8
SPOOL_SECONDS = 0.6
"""The tiers' deadlines; together within the 2 s in which every delivery is answered."""

REMEMBERED_SECONDS = 3600
"""How long the same bytes are only counted by Redis; Postgres knows them for good."""

QUARANTINE_BYTES = 32 * 1024
"""Ten times a real delivery; more than that is not kept for a sender who proved nothing."""

QUARANTINE_PER_ADDRESS = AddressLimit("quarantine:address", 20, 3600)
QUARANTINE_IN_ALL = Limit("quarantine", 300, 3600)
"""What strangers may have kept. A stale key of ours shows within twenty deliveries."""

HELD_DAYS = 30
"""How long a delivery is held for a key: who has set none after a month does not sell here."""

_HELD_SECONDS = HELD_DAYS * 86_400

HELD_PER_ADDRESS = AddressLimit("held:address", 2_000, _HELD_SECONDS)
HELD_IN_ALL = Limit("held", 10_000, _HELD_SECONDS)
HELD_BYTES_PER_ADDRESS = AddressLimit("held:bytes:address", 16 << 20, _HELD_SECONDS)
HELD_BYTES_IN_ALL = Limit("held:bytes", 64 << 20, _HELD_SECONDS)
"""What may be kept for senders of whom nothing can be known, because production has no key: the
orders of a shop's first month. More is answered 503, so that what is genuine comes again."""

AWAY_SECONDS = 3600
HELD_AWAY_PER_ADDRESS = AddressLimit("held:away:address", 50, AWAY_SECONDS)
HELD_AWAY_IN_ALL = Limit("held:away", 200, AWAY_SECONDS)
HELD_BYTES_AWAY = Limit("held:away:bytes", 4 << 20, AWAY_SECONDS)
"""And what one process may have kept of them in an hour in which Redis, which counts, is away."""

DRAIN_SECONDS = 2.0
"""How often the spool is looked at."""

DRAINED_SECONDS = 2.5
"""How long Redis may take to keep what it holds. Nobody waits for the answer, so Redis has the time
to say that it lasts (`store.durability`)."""

log = logging.getLogger("jaga.payments")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a delivery is when it comes: the state its row begins in."""

    state: str
    reason: str = ""
    signed_with: str = ""

    @property
    def verified(self) -> bool:
        return bool(self.signed_with)


class Intake(Part):
    """The webhook's way in."""

    def __init__(self, changes: Changes, settings: Settings, limits: Limits, spool: Spool) -> None:
        super().__init__(changes)
        self._settings = settings
        self._changes = changes
        self._limits = limits
        self._spool = spool
        self._keep = changes.script("payment_keep", {"unproven": Unavailable}, lasting=True)
        self._turns_here = TurnsHere(AWAY_SECONDS)
        self._abandoned: set[asyncio.Task[Any]] = set()
        self.taken: dict[str, int] = {}
        """Deliveries by `state:tier`, for the metrics."""

    def judge(self, delivery: Delivery) -> Verdict:
        """Say what a delivery is (reference/lynk.md §10). Pure but for the settings."""
        keys = self._settings.lynk_merchant_keys
        if delivery.is_test:
            return Verdict("test")
        if keys:
            signed_with = delivery.key_that_signed(keys)
            if signed_with is None:
                return Verdict("quarantined", "signature")
            return Verdict("received", signed_with=signed_with)
        if not self._settings.is_dev:
            return Verdict("held", "no key" if delivery.is_object else "malformed")
        if not delivery.is_object:
            return Verdict("review", "malformed")
        return Verdict("received", "unverified")

    async def take(self, delivery: Delivery, address: str) -> Verdict:
        """Keep a delivery; returns what it is. Raises NothingKept when no tier could.

        What proved nothing (a wrong signature, a test) is kept when that is cheap, and refused or
        answered all the same when not.
        """
        verdict = self.judge(delivery)
        if verdict.verified:
            is_for_stranger.set(False)
        record = _record(delivery, verdict, address)
        if verdict.state in ("quarantined", "test"):
            await self._set_aside(record, len(delivery.body), address)
        else:
            if verdict.state == "held":
                await self._require_room(verdict, len(delivery.body), address)
            await self._keep_somewhere(record)
        if verdict.verified and verdict.signed_with != fingerprint(
            self._settings.lynk_merchant_keys[0]
        ):
            log.warning("signed under an older merchant key: %s", verdict.signed_with)
        return verdict

    async def _require_room(self, verdict: Verdict, size: int, address: str) -> None:
        """Raise NothingKept when as much is held as may be. Redis counts; while it is away, this
        process does, for far less."""
        try:
            if not await self._within(REDIS_SECONDS, self._count_held(size, address)):
                self._turns_here.take(HELD_AWAY_PER_ADDRESS.of(address), HELD_AWAY_IN_ALL.of())
                self._turns_here.take(HELD_BYTES_AWAY.of(), amount=size)
        except RateLimited:
            self._count(verdict.state, "dropped")
            raise NothingKept() from None

    async def _count_held(self, size: int, address: str) -> bool:
        await self._limits.take(HELD_PER_ADDRESS.of(address), HELD_IN_ALL.of())
        await self._limits.take(
            HELD_BYTES_PER_ADDRESS.of(address), HELD_BYTES_IN_ALL.of(), amount=size
        )
        return True

    async def _set_aside(self, record: dict[str, Any], size: int, address: str) -> None:
        if size > QUARANTINE_BYTES:
            return self._count(record["state"], "dropped")
        kept = await self._within(REDIS_SECONDS, self._is_welcome(address)) and (
            await self._within(REDIS_SECONDS, self._keep_in_redis(record))
            or await self._within(
                POSTGRES_SECONDS, self._keep_in_postgres(record | {"tier": "postgres"})
            )
        )
        self._count(record["state"], "kept" if kept else "dropped")

    async def _is_welcome(self, address: str) -> bool:
        try:
            await self._limits.take(QUARANTINE_PER_ADDRESS.of(address), QUARANTINE_IN_ALL.of())
        except RateLimited:
            return False
        return True

    async def _keep_somewhere(self, record: dict[str, Any]) -> None:
        tiers = (
            ("redis", REDIS_SECONDS, self._keep_in_redis),
            ("postgres", POSTGRES_SECONDS, self._keep_in_postgres),
            ("spool", SPOOL_SECONDS, self._keep_in_spool),
        )
        for tier, seconds, keep in tiers:
            if await self._within(seconds, keep(record | {"tier": tier})):
                return self._count(record["state"], tier)
        self._count(record["state"], "nothing")
        log.error("a delivery was kept by nothing: refused with 503")
        raise NothingKept()

    async def _within(self, seconds: float, keeping: Coroutine[Any, Any, bool]) -> bool:
        """Whether it was kept in time. One that hangs is let go, not waited for: telling a server
        that does not answer to stop takes as long as the answer."""
        task = asyncio.ensure_future(keeping)
        await asyncio.wait({task}, timeout=seconds)
        if not task.done():
            self._abandoned.add(task)
            task.add_done_callback(self._gone)
            task.cancel()
            return False
        try:
            return task.result()
        except (RedisError, psycopg.Error, OSError, Unavailable) as error:
            log.warning("a tier is away: %s", _words(error))
            return False

    def _gone(self, task: asyncio.Task[Any]) -> None:
        self._abandoned.discard(task)
        if not task.cancelled():
            task.exception()

    async def _keep_in_redis(self, record: dict[str, Any]) -> bool:
        claims = record["state"] == "received" and record["ref"]
        page = json.dumps({"state": "received", "at": record["at"]}) if claims else ""
        await self._keep(
            [
                self._keys.events(),
                # what was put aside yesterday for a wrong key of ours is no repetition today
                self._keys.payment(record["id"], record["state"]),
                self._keys.payment_order(record["ref"]),
            ],
            [
                REMEMBERED_SECONDS,
                json.dumps(record),
                json.dumps({name: record[name] for name in ("id", "receipt", "at")}),
                ORDER_SECONDS,
                page,
            ],
        )
        return True

    async def _keep_in_postgres(self, record: dict[str, Any]) -> bool:
        async with self._changes.in_postgres() as connection:
            # a server may be set up to say "committed" before it is on the disk; this one is not
            await connection.execute(b"SET LOCAL synchronous_commit = on")
            await connection.execute(statement("payments", "receive"), row_of(record))
        return True

    async def _keep_in_spool(self, record: dict[str, Any]) -> bool:
        await self._spool.keep(f"{time.time_ns()}-{record['id']}", record)
        return True

    def _count(self, state: str, tier: str) -> None:
        name = f"{state}:{tier}"
        self.taken[name] = self.taken.get(name, 0) + 1

    async def drain(self) -> None:
        """Carry what the spool holds to Redis or Postgres, for ever."""
        if not self._settings.lynk_merchant_keys and not self._settings.is_dev:
            log.warning("LYNK_MERCHANT_KEYS is not set: payments are held until it is")
        while True:
            try:
                if drained := await self.drain_once():
                    log.info("drained %s deliveries from the spool", drained)
            except (OSError, Unavailable) as error:
                log.warning("the spool cannot be drained: %s", _words(error))
            await asyncio.sleep(DRAIN_SECONDS)

    async def drain_once(self) -> int:
        """Carry what can be carried now; returns how many. Raises OSError, Unavailable."""
        return await self._spool.drain(self._keep_from_spool)

    async def _keep_from_spool(self, record: dict[str, Any]) -> bool:
        """Raises ValueError for a record that is none of ours."""
        row_of(record)
        return await self._within(DRAINED_SECONDS, self._keep_in_redis(record)) or (
            await self._within(POSTGRES_SECONDS, self._keep_in_postgres(record))
        )

    async def waiting(self) -> int:
        """Return how many deliveries wait in the spool. Raises OSError, Unavailable."""
        return await self._spool.count()

    async def room(self) -> int:
        """Return how many bytes the spool's disk has left. Raises OSError, Unavailable."""
        return await self._spool.room()


def _words(error: Exception) -> str:
    """The kind of a failure, and what the system says of it ("No space left on device")."""
    said = getattr(error, "strerror", None)
    return f"{type(error).__name__} ({said})" if said else type(error).__name__


def _record(delivery: Delivery, verdict: Verdict, address: str) -> dict[str, Any]:
    """A delivery as it travels: plain JSON, the body in base64, no secret of ours."""
    return {
        "id": delivery.id,
        "receipt": secrets.token_hex(8),
        "body": base64.b64encode(delivery.body).decode(),
        "header": delivery.signature,
        "address": address,
        "tier": "redis",
        "ref": as_ref(delivery.ref),
        "verified": verdict.verified,
        "signed_with": verdict.signed_with,
        "state": verdict.state,
        "reason": verdict.reason,
        "at": now_ms(),
    }


def row_of(record: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters of the statement `receive`.

    Raises ValueError for a record that is none of ours.
    """
    try:
        return _row(record)
    except (KeyError, TypeError, OverflowError, OSError) as error:
        raise ValueError(f"no delivery: {error}") from error


def _row(record: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": str(record["id"]),
        "receipt": str(record["receipt"]),
        "body": base64.b64decode(record["body"], validate=True),
        "header": str(record["header"]),
        "address": str(record["address"]),
        "tier": str(record["tier"]),
        "ref_id": str(record["ref"]),
        "verified": record["verified"] is True,
        "signed_with": str(record["signed_with"]),
        "state": str(record["state"]),
        "reason": str(record["reason"]),
        "at": datetime.fromtimestamp(record["at"] / 1000, UTC),
    }
