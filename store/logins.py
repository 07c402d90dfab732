"""Logging in: the password, the throttle, the conflict question, and the swap that follows.

Two addresses ask (`/cekfingerprint`, then `/auth/authenticate`) and one rule answers both. A
ticket lets the second skip the password's cost, not its check.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from store.audit import Audit
from store.changes import Changes, Part
from store.devices import Devices
from store.errors import AccountBlocked, JagaError, RateLimited, SessionConflict, WrongPassword
from store.limits import AddressLimit, Bound, Limit, Limits
from store.members import Member, Members, fold
from store.passwords import Passwords, Verdict
from store.phones import is_same_phone, normal_phone
from store.sessions import Carrier, Device, Method, Opened, Session, Sessions, digest
from store.settings import Settings

DeviceOf = Callable[[str], Device]
"""The device that asks, for a member's id: its own id is a digest of both."""

WRONG_PER_NAME = Limit("login", 10, 300)
"""Of a name as it was typed, whether or not it is anybody's: one counter for all names of a member
would tell that they are one's, and that there is such a member."""

WRONG_PER_ADDRESS = AddressLimit("login:address", 50, 300)

WRONG_PER_FAMILIAR_DEVICE = Limit("login:device", 10, 300)
"""Of a browser that has been this member's before, whatever strangers do to name and address."""

WRONG_PER_MEMBER_WITHIN = Limit("prove", 10, 300)
"""Of a member who is logged in, and proves the password once more."""

TICKET_SECONDS = 60
"""A checked password may be used for a minute (CONTRACT §4)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What `/cekfingerprint` says: a ticket when the way is free, none when another device holds
    the session."""

    ticket: str | None
    is_familiar: bool
    """Whether the member was logged in on this browser before."""


class Logins(Part):
    """The way in."""

    def __init__(
        self,
        changes: Changes,
        settings: Settings,
        limits: Limits,
        passwords: Passwords,
        members: Members,
        sessions: Sessions,
        devices: Devices,
        audit: Audit,
    ) -> None:
        super().__init__(changes)
        self._settings = settings
        self._limits = limits
        self._passwords = passwords
        self._members = members
        self._sessions = sessions
        self._devices = devices
        self._audit = audit

    async def ask(
        self, login: str, password: str, device: DeviceOf, *, keep: bool, address: str
    ) -> Answer:
        """Check a login and change nothing.

        Takes the device as a function of the member's id. Raises WrongPassword, RateLimited,
        AccountBlocked, LoginRefused, Unavailable.
        """
        member = await self._checked(login, password, device, address)
        asking = device(member.id)
        familiar = await self._sessions.has_been(member.id, asking)
        holder, epoch = await self._sessions.holder(member.id)
        if holder and not is_same(asking, holder):
            await self._devices.require_welcome(member.id, asking)
            if not keep:
                await self._devices.announce_attempt(member.id, asking)
                return Answer(None, familiar)
        return Answer(await self._ticket(member, password, asking, epoch), familiar)

    async def open(
        self,
        login: str,
        password: str,
        device: DeviceOf,
        *,
        keep: bool,
        remember: bool,
        ticket: str,
        address: str,
        method: Method = "password",
        carrier: Carrier | None = None,
    ) -> Opened:
        """Check a login and take the place.

        Returns when the old device has been told and its grace is over, so that the outside sees
        the documented order. Raises what `ask` raises, and SessionConflict, LoginSuperseded.
        """
        take_place = partial(
            self._take_place,
            device,
            method=method,
            keep=keep,
            remember=remember,
            ticket=digest(ticket),
            carrier=carrier,
        )
        member = await self._known_by(ticket, login, password, device, address)
        try:
            opened = await take_place(member)
        except WrongPassword:
            # another password by now, or another hash of this one
            opened = await take_place(await self._checked(login, password, device, address))
        await self._sessions.settle(opened)
        return opened

    async def _take_place(self, device: DeviceOf, member: Member, **how: Any) -> Opened:
        """Open the session of a member whose password fitted their row's hash; `how` as in
        `Sessions.open`. Raises what that raises."""
        asking = device(member.id)
        try:
            return await self._sessions.open(member.id, asking, fits=member.password, **how)
        except SessionConflict:
            await self._devices.announce_attempt(member.id, asking)
            raise

    async def prove(self, member_id: str, password: str, *, address: str) -> None:
        """Check the password of a member who is logged in, before something that needs it again.

        Raises WrongPassword, RateLimited.
        """
        member = await self._members.get(member_id)
        within = WRONG_PER_MEMBER_WITHIN.of(member_id)
        bounds = [within, WRONG_PER_ADDRESS.of(address)]
        await self._noting(member.email, password, bounds, address)

    async def _known_by(
        self, ticket: str, login: str, password: str, device: DeviceOf, address: str
    ) -> Member:
        """The member a good ticket was given to for this very password; else the full check."""
        member = await self._members.find(login) if ticket else None
        if member and member.status == "active":
            kept = await self._redis.get(self._keys.ticket(member.id, digest(ticket)))
            proof = self._proof(ticket, member, password)
            if kept and hmac.compare_digest(str(json.loads(kept)["proof"]), proof):
                return member
        return await self._checked(login, password, device, address)

    async def _checked(self, login: str, password: str, device: DeviceOf, address: str) -> Member:
        """The member with this name and password, at the same cost whether there is one or not."""
        bounds = await self._bounds(login, device, address)
        return await self._noting(login, password, bounds, address)

    async def _noting(self, login: str, password: str, bounds: list[Bound], address: str) -> Member:
        try:
            return await self._within(login, password, bounds)
        except (WrongPassword, RateLimited) as refusal:
            await self._write_down(refusal, login, address)
            raise

    async def _write_down(self, refusal: JagaError, login: str, address: str) -> None:
        """Write a refused login to the audit: the member it was meant for, never the text that was
        typed."""
        member = await self._members.find(login)
        act = "login.refused" if isinstance(refusal, WrongPassword) else "login.locked"
        await self._audit.refused(act, member.id if member else "", ip=address)

    async def _bounds(self, login: str, device: DeviceOf, address: str) -> list[Bound]:
        """What counts wrong passwords here: name and address; or, of a browser that has logged in
        as this member before, that browser alone, so that no stranger locks its owner out."""
        member = await self._members.find(login)
        whose = member.id if member else ""
        asking = device(whose)
        if await self._sessions.has_been(whose, asking):
            return [WRONG_PER_FAMILIAR_DEVICE.of(asking.id)]
        name = digest(fold(login))[:32]
        return [WRONG_PER_NAME.of(name), WRONG_PER_ADDRESS.of(address)]

    async def _within(self, login: str, password: str, bounds: list[Bound]) -> Member:
        """Check a password inside these limits, of which the first is forgiven when it fits."""
        # asked before the line as well, so that nobody stands in it for a Redis that is away
        await self._limits.require_open(*bounds)
        # and counted when the thread is ours: a burst that waits in line is refused with the rest
        async with self._passwords.turn(), self._limits.attempt(*bounds) as attempt:
            member = await self._members.find(login)
            verdict, fitting = await self._compared(password, member)
            if member is None or not verdict.fits:
                attempt.fail(*bounds)
            else:
                attempt.forgive(bounds[0])
        if member is None or not verdict.fits:
            if member is None and self._settings.reveal_unknown_user:
                raise WrongPassword("Username tidak ada.")
            raise WrongPassword()
        if member.status != "active":
            raise AccountBlocked(member.status)
        if verdict.renew:
            return await self._members.renew_hash(member, fitting)
        return member

    async def _compared(self, password: str, member: Member | None) -> tuple[Verdict, str]:
        """Whether the password fits, and the text that did.

        A member whose first password is the phone may write it in any of its forms until it is
        changed. What that costs is decided by what was typed and by nothing else: a phone is
        compared twice, for everybody.
        """
        verdict = await self._passwords.check(password, member.password if member else None)
        if normal_phone(password) is None:
            return verdict, password
        phone = member.phone if member and member.must_change else ""
        kept = member.password if member and is_same_phone(phone, password) else None
        second = await self._passwords.check(phone, kept)
        return (second, phone) if second.fits else (verdict, password)

    async def _ticket(self, member: Member, password: str, device: Device, epoch: int) -> str:
        ticket = secrets.token_urlsafe(24)
        kept = {
            "device": device.id,
            "epoch": epoch,
            "proof": self._proof(ticket, member, password),
        }
        name = self._keys.ticket(member.id, digest(ticket))
        await self._redis.set(name, json.dumps(kept), ex=TICKET_SECONDS)
        return ticket

    def _proof(self, ticket: str, member: Member, password: str) -> str:
        """That this password was checked: worthless without the ticket, which is not kept."""
        key = f"{self._settings.secret_keys[0]}|{ticket}".encode("utf-8", "surrogatepass")
        words = f"{member.id}|{member.password}|{password}".encode("utf-8", "surrogatepass")
        return hmac.new(key, words, hashlib.sha256).hexdigest()


def is_same(device: Device, holder: Session) -> bool:
    """Whether the device that asks is the one that holds the session (CONTRACT §4)."""
    if device.known:
        return device.id == holder.device
    return bool(device.fp) and device.fp == holder.fp
