"""A member's own e-mail and phone: a new one counts when a code that was sent to it comes back, and
the old one is told.

A code by mail is made when the mail goes out, by MAC: neither the log nor the outbox holds it, and
a mail that is sent twice brings the same one. Codes to a phone are `store.hotspot.otp`'s.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Sequence
from typing import Any

from store.audit import Audit
from store.changes import Changes, Part
from store.errors import Conflict, InvalidRequest, MemberExists, PasswordNeeded, WrongCode
from store.hotspot.accounts import Accounts
from store.hotspot.otp import Otp
from store.letters import Letter, Letters
from store.limits import AddressLimit, Limit, Limits
from store.logins import Logins
from store.members import Member, Members, valid_email
from store.names import fold
from store.payments.orders import masked
from store.phones import is_same_phone, local_form, normal_phone
from store.settings import Settings

CODE_SECONDS = 1800
"""A mail may take some minutes, and its reader as many."""

ASKED_PER_MEMBER = Limit("contact", 5, 3600)
ASKED_PER_ADDRESS = AddressLimit("contact:address", 30, 3600)
ASKED_PER_BOX = Limit("contact:box", 3, 3600)
"""Of the new address, whoever asks: nobody's box is filled by a member."""

WRONG_PER_MEMBER = Limit("contact:wrong", 5, 3600)
"""Five tries at six digits: a chance of 1 in 200,000."""

MAKE_ONE = (
    "Buat password dulu lewat Lupa password: tulis email atau nomor HP Anda yang sekarang, "
    "caranya kami kirim ke sana."
)


class Contacts(Part):
    """Every way a member changes where they are reached."""

    def __init__(
        self,
        changes: Changes,
        settings: Settings,
        limits: Limits,
        members: Members,
        logins: Logins,
        accounts: Accounts,
        otp: Otp,
        audit: Audit,
    ) -> None:
        super().__init__(changes)
        self._settings = settings
        self._limits = limits
        self._members = members
        self._logins = logins
        self._accounts = accounts
        self._otp = otp
        self._audit = audit
        self._letters = Letters(changes)

    async def prove(self, member_id: str, password: str, address: str) -> None:
        """Have a member prove by the password that it is them, before they are reached elsewhere.
        Who has none makes one first, by a code or a mail to what is theirs until now: an open
        session alone, on a phone that was lent, moves nobody's account. Raises WrongPassword,
        RateLimited, PasswordNeeded."""
        member = await self._members.get(member_id)
        if not member.has_password:
            raise PasswordNeeded(MAKE_ONE)
        await self._logins.prove(member_id, password, address=address)

    # E-mail

    async def ask_email(self, member_id: str, email: str, address: str) -> None:
        """Send a code to a new address, also to one that is another member's: only who reads it is
        told that. Raises InvalidRequest, RateLimited."""
        email = valid_email(email)
        member = await self._members.get(member_id)
        if email == member.email or email.endswith(".invalid"):
            raise InvalidRequest("email", "Itu alamat email Anda yang sekarang.")
        await self._limits.take(
            ASKED_PER_MEMBER.of(member_id),
            ASKED_PER_ADDRESS.of(address),
            ASKED_PER_BOX.of(hashlib.sha256(fold(email).encode()).hexdigest()[:32]),
        )
        asked = {"value": email, "nonce": secrets.token_hex(8)}
        key = self._keys.contact(member_id, "email")
        await self._redis.set(key, json.dumps(asked), ex=CODE_SECONDS)
        await self._letters.owe(
            member_id, Letter("kode_email", to=email, said={"nonce": asked["nonce"]})
        )

    async def confirm_email(self, member_id: str, code: str, address: str) -> Member:
        """Take the code that came to the new address; once. The old address is told, or the phone
        where there is none, and links to set a password that went there are dead. Raises
        WrongCode, RateLimited, MemberExists."""
        key = self._keys.contact(member_id, "email")
        asked = await self._asked(key)
        async with self._limits.attempt(WRONG_PER_MEMBER.of(member_id)) as attempt:
            known = email_codes(self._settings.secret_keys, member_id, asked)
            if not any([hmac.compare_digest(code, one) for one in known]):
                attempt.fail(WRONG_PER_MEMBER.of(member_id))
                raise WrongCode()
        if not await self._redis.delete(key):
            raise WrongCode()
        member = await self._members.get(member_id)
        try:
            after = await self._members.move(member_id, asked["value"], self._told(member, asked))
        except MemberExists:
            raise MemberExists("Alamat email itu dipakai akun lain.") from None
        await self._note(member_id, "email.change", address)
        return after

    def _told(self, member: Member, asked: dict[str, str]) -> Letter:
        """To the old address; to the phone for who has none, and came by a code."""
        phone = normal_phone(member.phone) if member.email.endswith(".invalid") else None
        said = {"new": masked(asked["value"])}
        return Letter("email_diganti", to=member.email, phone=phone or "", said=said)

    async def _asked(self, key: str) -> dict[str, str]:
        found: dict[str, str] = json.loads(await self._redis.get(key) or "{}")
        return found or {"value": "", "nonce": secrets.token_hex(8)}

    # Phone

    async def ask_phone(self, member_id: str, phone: str) -> None:
        """Remember the phone (`628…`) that a member wishes to have; its code is sent by the caller,
        as any code is. Raises InvalidRequest, RateLimited."""
        member = await self._members.get(member_id)
        if is_same_phone(member.phone, phone):
            raise InvalidRequest("phone_number", "Itu nomor Anda yang sekarang.")
        await self._limits.take(ASKED_PER_MEMBER.of(member_id))
        key = self._keys.contact(member_id, "phone")
        await self._redis.set(key, phone, ex=self._settings.otp_ttl_seconds)

    async def confirm_phone(self, member_id: str, code: str, address: str, line: str) -> Member:
        """Take the code that came to the new phone; `line` as in `Otp.use`. The old one is told,
        and so is the e-mail. Raises WrongCode, RateLimited, Conflict."""
        key = self._keys.contact(member_id, "phone")
        phone = str(await self._redis.get(key) or "")
        if not phone:
            raise WrongCode()
        await self._otp.use(phone, code, address, line, opens=True)
        holder = await self._accounts.newcomers.holder(phone)
        if holder.id not in ("", member_id) and not holder.is_newcomer:
            raise Conflict("Nomor itu dipakai akun lain. Hubungi pengelola bila itu akun Anda.")
        await self._redis.delete(key)
        member = await self._members.get(member_id)
        told = Letter(
            "nomor_diganti",
            phone=normal_phone(member.phone) or "",
            said={"new": _masked_phone(phone)},
        )
        after = await self._members.change(member_id, letter=told, phone=local_form(phone))
        await self._note(member_id, "phone.change", address)
        return after

    async def asked_phone(self, member_id: str) -> str:
        """Return the phone (`628…`) a code was asked for, "" for none."""
        return str(await self._redis.get(self._keys.contact(member_id, "phone")) or "")

    async def _note(self, member_id: str, act: str, address: str) -> None:
        detail: dict[str, Any] = {"by": "member"}
        await self._audit.note(member_id, act, member_id, ip=address, detail=detail)


def email_codes(secret_keys: Sequence[str], member: str, asked: dict[str, str]) -> list[str]:
    """Return the code for a new address `{value, nonce}` by each secret key; the first signs."""
    words = f"contact|{member}|{asked['value']}|{asked['nonce']}".encode()
    macs = [hmac.new(key.encode(), words, hashlib.sha256).digest() for key in secret_keys]
    return [f"{int.from_bytes(mac[:8], 'big') % 1_000_000:06d}" for mac in macs]


def _masked_phone(phone: str) -> str:
    local = local_form(phone)
    return f"{local[:4]}•••{local[-3:]}"
