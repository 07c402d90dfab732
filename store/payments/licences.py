"""Licences: which device holds each, decided in Redis; Postgres keeps the lasting copy.

A hash for each licence: id, status (active|disabled), policy (last_wins|first_wins), title, the
`instance` that holds it now ("" for none) with its `device`, `device_name` and `session`, and
`version`, which every change moves. The key itself is in no name and no field: a digest of it is
where the licence is found.

An instance is named by a random id of ours, because a browser's fingerprint is shared by every
phone of the same make. A client that lost that id is known again by what else it shows.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from store.changes import Changes, Part, Refusals
from store.clock import now_ms
from store.errors import LicenceInUse, LicenceUnknown, NotFound
from store.limits import AddressLimit, Limits
from store.payments.numbers import licence_key
from store.scripts import SharedScript

POLICIES = ("last_wins", "first_wins")
STATUSES = ("active", "disabled")

NAMED = "name:"
"""What a device begins with that is told apart by its own word alone."""

TRIES_PER_DEVICE = AddressLimit("licence:device", 5, 60)
WRONG_PER_ADDRESS = AddressLimit("licence:wrong", 5, 60)
"""Tries a minute of one device at an address, and wrong keys of the address (CONTRACT §8)."""

TRIES_PER_ADDRESS = AddressLimit("licence", 300, 60)
"""Of an address, whatever its devices call themselves: five of sixty devices in one house."""

PATIENCE_SECONDS = 1.0
"""How long a right key waits where many are asked about at once: a class opens its products."""


@dataclass(frozen=True, slots=True)
class Claimant:
    """The device that asks: what it names itself, and where it asks from."""

    instance: str
    device: str
    name: str
    address: str
    session: str = ""


@dataclass(frozen=True, slots=True)
class Licence:
    """A licence as its client sees it."""

    status: str
    policy: str
    title: str
    instance: str
    device: str
    name: str
    session: str

    @property
    def is_held(self) -> bool:
        return bool(self.instance)

    def is_held_by(self, claimant: Claimant) -> bool:
        """Whether this device holds the licence: by its id, or, when it names none, by what it is.

        Under `first_wins` nobody else can have taken the licence, so the right device with an
        outdated id still holds it. Under `last_wins` an outdated id means that the device has lost
        it.
        """
        if not self.instance:
            return False
        if claimant.instance and secrets.compare_digest(
            claimant.instance.encode(), self.instance.encode()
        ):
            return True
        if claimant.instance and not self._tells_apart(claimant):
            return False
        return bool(claimant.device) and claimant.device == self.device

    def _tells_apart(self, claimant: Claimant) -> bool:
        """Whether what the device shows outweighs a stale id: a name alone does not."""
        return self.policy == "first_wins" and not claimant.device.startswith("name:")


class Licences(Part):
    """Every way a licence may change hands."""

    def __init__(self, changes: Changes, limits: Limits) -> None:
        super().__init__(changes)
        self._limits = limits
        self._grant = SharedScript(changes.redis, "licence_grant")
        self._activate = changes.script("licence_activate", HANDING, lasting=True)
        self._deactivate = changes.script("licence_deactivate", HANDING, lasting=True)
        self._change = changes.script("licence_change", {"": NotFound}, lasting=True)

    async def publish(self, row: Mapping[str, Any]) -> None:
        """Make a licence of Postgres known to Redis, unless it is known as new or newer."""
        digest = digest_of(str(row["key_license"]))
        fields = {
            "id": row["id"],
            "status": row["status"],
            "policy": row["policy"],
            "title": row["title"],
            "instance": row.get("device_active") or "",
            "device": row.get("fingerprint") or "",
            "device_name": row.get("device_name") or "",
            "session": "",
            "version": row["version"],
        }
        await self._grant(
            [self._keys.licence(digest), self._keys.licence_by_id(row["id"])],
            [digest, *(word for pair in fields.items() for word in pair)],
        )

    async def look(self, digest: str) -> Licence | None:
        """Return a licence, None when there is none."""
        found = await self._redis.hgetall(self._keys.licence(digest))
        if not found:
            return None
        row = {str(name): str(value) for name, value in found.items()}
        return Licence(
            status=row["status"],
            policy=row["policy"],
            title=row["title"],
            instance=row.get("instance", ""),
            device=row.get("device", ""),
            name=row.get("device_name", ""),
            session=row.get("session", ""),
        )

    async def holders(self, digests: list[str]) -> list[str]:
        """Return the instance that holds each licence, "" for none."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for digest in digests:
                pipe.hget(self._keys.licence(digest), "instance")
            return [str(found or "") for found in await pipe.execute()]

    async def statuses(self, keys: list[str]) -> list[str]:
        """Return the status of each key as it is now, "" for one that is not known yet."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.hget(self._keys.licence(digest_of(key)), "status")
            return [str(found or "") for found in await pipe.execute()]

    async def activate(self, key: str, claimant: Claimant) -> Licence:
        """Make a device the holder; the one before loses it at once, or keeps it (`first_wins`).

        Raises LicenceUnknown (also for a disabled one), LicenceInUse, RateLimited.
        """
        digest, _ = await self._admit(key, claimant)
        reply = await self._activate(
            [self._keys.licence(digest), self._keys.events()],
            [
                secrets.token_urlsafe(16),
                claimant.instance,
                claimant.device,
                claimant.name,
                claimant.session,
                now_ms(),
            ],
        )
        return _handed(reply, claimant)

    async def validate(self, key: str, claimant: Claimant) -> tuple[Licence, bool]:
        """Return a licence, and whether this device holds it. A name alone is no device: anybody
        may say one. Raises LicenceUnknown, RateLimited."""
        _, licence = await self._admit(key, claimant)
        is_known = bool(claimant.instance) or not claimant.device.startswith(NAMED)
        return licence, is_known and licence.is_held_by(claimant)

    async def deactivate(self, key: str, claimant: Claimant) -> Licence:
        """Take the licence from this device. Raises LicenceUnknown, LicenceInUse (another holds
        it), RateLimited; one that nobody holds is deactivated already."""
        digest, _ = await self._admit(key, claimant)
        reply = await self._deactivate(
            [self._keys.licence(digest), self._keys.events()],
            [claimant.instance, claimant.device, now_ms()],
        )
        return _handed(reply, claimant)

    async def require(self, key: str, claimant: Claimant) -> tuple[str, Licence]:
        """Return a licence with its digest, for its stream. Raises as `validate` does."""
        return await self._admit(key, claimant)

    async def _admit(self, key: str, claimant: Claimant) -> tuple[str, Licence]:
        """Look a key up, and count the try: the holder's own id is no try, because nobody guesses
        it. An address that names wrong keys waits, each time longer."""
        digest = digest_of(key)
        if claimant.instance and (held := await self._held(digest, claimant)):
            return digest, held
        device = hashlib.sha256((claimant.device or claimant.instance).encode()).hexdigest()[:16]
        await self._limits.take(
            TRIES_PER_ADDRESS.of(claimant.address), TRIES_PER_DEVICE.of(claimant.address, device)
        )
        wrong = WRONG_PER_ADDRESS.of(claimant.address)
        async with self._limits.attempt(wrong, patience=PATIENCE_SECONDS) as attempt:
            licence = await self.look(digest)
            if licence is None or licence.status != "active":
                attempt.fail(wrong)
                raise LicenceUnknown()
        return digest, licence

    async def _held(self, digest: str, claimant: Claimant) -> Licence | None:
        """The licence when this device proves to hold it; nobody guesses the id that proves it."""
        licence = await self.look(digest)
        holds = licence is not None and licence.is_held_by(claimant)
        return licence if licence and holds and licence.status == "active" else None

    async def change(self, licence_id: str, *, status: str = "", policy: str = "") -> None:
        """Set a licence's status or policy, "" to leave one; disabled, its device loses it.

        Raises NotFound.
        """
        digest = await self._redis.get(self._keys.licence_by_id(licence_id))
        if not digest:
            raise NotFound()
        keys = [self._keys.licence(str(digest)), self._keys.events()]
        await self._change(keys, [status, policy, now_ms()])


HANDING: Refusals = {
    "unknown": LicenceUnknown,
    "disabled": LicenceUnknown,
    "held": LicenceInUse,
}


def _handed(reply: list[str], claimant: Claimant) -> Licence:
    _, instance, title, policy, status, name = reply
    return Licence(status, policy, title, instance, claimant.device, name, claimant.session)


def digest_of(key: str) -> str:
    """Return the name under which a key's licence is found, however the key was pasted; what is no
    key has one as well."""
    text = licence_key(key) or key.strip().upper()
    return hashlib.sha256(b"licence " + text.encode("utf-8", "replace")).hexdigest()[:40]
