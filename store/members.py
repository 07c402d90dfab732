"""Members: who may log in, and as what. The row lives in Redis; Postgres keeps the lasting copy."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Required, TypedDict, Unpack

from store.changes import Changes, Part, only
from store.clock import redis_ms
from store.errors import Conflict, InvalidRequest, MemberExists, NotFound, Unavailable
from store.hotspot.accounts import Accounts
from store.hotspot.newcomers import APPROVED, NO_PASSWORD, TRIES, WAITING, Merged
from store.letters import Letter
from store.names import fold as fold
from store.names import fold_before
from store.passwords import Passwords
from store.phones import normal_phone
from store.sessions import Logout, Sessions, new_id
from store.weak_passwords import strong_password

ROLES = ("member", "teacher", "admin")
STATUSES = ("active", "blocked", "inactive")

NAMES = ("email", "username", "name", "phone")
"""What a member is called; none of it is a password."""

_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,190}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Member:
    """A member's row. `created_at`, `updated_at` are unix milliseconds."""

    id: str
    email: str
    username: str
    name: str
    phone: str
    role: str
    password: str
    status: str
    must_change: bool
    fingerprint_device: str
    action: str
    links: str
    """The stamp that a mailed link to set a password has to bear: the newest one alone does, and
    none that is older than the password."""
    created_at: int
    updated_at: int

    @classmethod
    def from_hash(cls, row: Mapping[Any, Any]) -> Member:
        """Read the Redis hash; a field it lacks is empty."""
        text = {name: row.get(name, "") for name in cls.__slots__}
        typed: dict[str, Any] = text | {
            "must_change": text["must_change"] == "1",
            "created_at": int(text["created_at"] or 0),
            "updated_at": int(text["updated_at"] or 0),
        }
        return cls(**typed)

    @property
    def has_password(self) -> bool:
        """Whether some password opens the account: a mark (`!…`) stands for none that fits, of who
        came by a code or by a list."""
        return not self.password.startswith("!")

    @property
    def names(self) -> tuple[str, ...]:
        """What the member is called: no password may be one of them."""
        return (self.email, self.username, self.name, self.phone)

    def as_user(self) -> dict[str, str]:
        """Return what a client may know of the member it is logged in as."""
        return {
            "id": self.id,
            "email": self.email,
            "username": self.username,
            "name": self.name,
            "role": self.role,
        }

    def public(self) -> dict[str, Any]:
        """Return what an admin's answer may hold: never the password."""
        return {
            "id": self.id,
            "email": self.email,
            "username": self.username,
            "name": self.name,
            "phone": self.phone,
            "role": self.role,
            "status": self.status,
            "must_change": self.must_change,
            "created_at": self.created_at / 1000,
            "updated_at": self.updated_at / 1000,
        }


@dataclass(frozen=True, slots=True)
class Added:
    """A member just made; whether the phone is theirs to log in by, and which newcomer had it."""

    member: Member
    has_phone: bool
    merged: Merged | None


class NewMember(TypedDict, total=False):
    """What a member may be made of: a password or a ready hash of one, and what they are called."""

    email: Required[str]
    password: str
    password_hash: str
    name: str
    phone: str
    role: str
    username: str
    must_change: bool


class Members(Part):
    """Every way a member may change."""

    def __init__(
        self, changes: Changes, passwords: Passwords, sessions: Sessions, accounts: Accounts
    ) -> None:
        super().__init__(changes)
        self._passwords = passwords
        self._sessions = sessions
        self._accounts = accounts
        self._create = changes.script(
            "member_create", {"exists": MemberExists}, wrote=only("created", "taken")
        )
        self._change = changes.script(
            "member_change",
            {"exists": MemberExists, "moved": Conflict, "gone": NotFound},
            lasting=True,
        )
        self._delete = changes.script("member_delete", lasting=True)

    async def get(self, member_id: str) -> Member:
        """Return a member. Raises NotFound."""
        member = await self.find_by_id(member_id)
        if member is None:
            raise NotFound()
        return member

    async def needs_password(self, member_id: str) -> bool:
        """Return whether a code by phone is not enough to log in: for everybody with a role."""
        role = await self._redis.hget(self._keys.member(member_id), "role")
        return role is not None and role != "member"

    async def roles(self, member_ids: Sequence[str]) -> list[str]:
        """Return each member's role, "" for one that is gone or barred."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for member_id in member_ids:
                pipe.hmget(self._keys.member(member_id), ["role", "status"])
            rows = await pipe.execute()
        return [str(role) if role and status == "active" else "" for role, status in rows]

    async def username(self, member_id: str) -> str:
        """Return a member's username, "" for one that is gone."""
        return str(await self._redis.hget(self._keys.member(member_id), "username") or "")

    async def find(self, login: str) -> Member | None:
        """Return the member with this e-mail or username, None when there is none.

        Raises Unavailable after Redis was emptied: "nobody" would be a lie until it is rebuilt.
        """
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.exists(self._keys.built())
            for name in dict.fromkeys((fold(login), fold_before(login))):
                pipe.get(self._keys.login(name))
            built, *found = await pipe.execute()
        if not built:
            raise Unavailable()
        member_id = next(filter(None, found), None)
        row = member_id and await self._redis.hgetall(self._keys.member(member_id))
        return Member.from_hash(row) if row else None

    async def find_by_id(self, member_id: str) -> Member | None:
        """Return a member, None when there is none."""
        row = await self._redis.hgetall(self._keys.member(member_id))
        return Member.from_hash(row) if row else None

    async def create(self, **fields: Unpack[NewMember]) -> Member:
        """Create a member, as `add` does; returns the row."""
        return (await self.add(**fields)).member

    async def add(self, *, in_hurry: bool = True, **new: Unpack[NewMember]) -> Added:
        """Create a member with a password or a ready hash (exactly one of the two).

        The username is the e-mail unless given. An unapproved newcomer with the same phone is
        merged into the member in the same step; a phone that is another member's stays theirs.
        Unless `in_hurry`, routers hear of it with their next pass. Raises InvalidRequest (field
        named), WeakPassword and MemberExists.
        """
        fields = {
            "email": valid_email(new["email"]),
            "username": valid_text("username", new.get("username") or new["email"], 190),
            "name": valid_text("name", new.get("name", ""), 100),
            "phone": valid_text("phone", new.get("phone", ""), 32),
            "role": valid_choice("role", new.get("role", "member"), ROLES),
            "status": "active",
            "must_change": "1" if new.get("must_change") else "0",
        }
        fields["password"] = new.get("password_hash") or await self._passwords.hash(
            strong_password(new.get("password", ""), *(fields[name] for name in NAMES))
        )
        verdict, member, merged = await self._made(fields, APPROVED, in_hurry=in_hurry)
        return Added(member, verdict == "created" and bool(normal_phone(member.phone)), merged)

    async def register(self, phone: str, name: str) -> str:
        """Make a newcomer, a member who waits for approval, of somebody who has proven their phone
        (`628…`).

        Returns their id, or the id of the member who got the phone meanwhile.
        """
        # the address is there because every member has one; nobody else could want it
        email = f"{phone}@hotspot.invalid"
        fields = {
            "email": email,
            "username": email,
            "name": name,
            "phone": phone,
            "role": "member",
            "password": NO_PASSWORD,
            "status": "active",
            "must_change": "0",
        }
        try:
            verdict, member, _ = await self._made(fields, WAITING)
        except MemberExists:
            # a member who had the phone before has the address that was made of it
            email = f"{phone}.{new_id()}@hotspot.invalid"
            fields |= {"email": email, "username": email}
            verdict, member, _ = await self._made(fields, WAITING)
        if verdict != "held":
            return member.id
        return (await self._accounts.newcomers.holder(phone)).id or await self.register(phone, name)

    async def _made(
        self, fields: dict[str, str], approved: str, *, in_hurry: bool = True
    ) -> tuple[str, Member, Merged | None]:
        """Run the script that creates; returns its verdict, the member, and who was merged."""
        now = str(await redis_ms(self._redis))
        fields |= {"fingerprint_device": "", "action": "", "created_at": now, "updated_at": now}
        member_id = new_id()
        phone = normal_phone(fields["phone"])
        keys = self._keys
        for _ in range(TRIES):
            holder = await self._accounts.newcomers.holder(phone)
            verdict, merged = await self._create(
                [
                    keys.member(member_id),
                    keys.events(),
                    keys.built(),
                    keys.login(fold(fields["email"])),
                    keys.login(fold(fields["username"])),
                    keys.hotspot(member_id),
                    keys.hotspot_accounts(),
                    keys.hotspot_phones(),
                    keys.clocks(),
                    *holder.newcomer_keys,
                ],
                [member_id, phone or "", *holder.words(), approved, *_flat(fields)],
            )
            if verdict != "moved":
                break
        else:
            raise Conflict()
        await self._accounts.heard(member_id, verdict, fields["phone"], in_hurry=in_hurry)
        return verdict, Member.from_hash(fields | {"id": member_id}), Merged.parse(merged)

    async def change(
        self, member_id: str, *, letter: Letter | None = None, **changes: str
    ) -> Member:
        """Change `email username name phone role` of a member, and owe a letter that tells of it;
        returns the row after it. Links to set a password that went to another address are dead.

        Raises NotFound, InvalidRequest, MemberExists; Conflict when somebody else changed the
        same row at the same moment.
        """
        member = await self.get(member_id)
        fields = {name: _valid_field(name, value) for name, value in changes.items()}
        if fields.get("email", member.email) != member.email:
            fields["links"] = new_id()
        await self._write(member, fields, letter)
        if "phone" in fields:
            await self._accounts.enrol(member_id, fields["phone"])
        return await self.get(member_id)

    async def move(self, member_id: str, email: str, letter: Letter | None = None) -> Member:
        """Give a member another address, under which they also log in if they did so under the old
        one; links to set a password that went there are dead. Raises NotFound, InvalidRequest,
        MemberExists, Conflict."""
        member = await self.get(member_id)
        fields = {"email": valid_email(email), "links": new_id()}
        if fold(member.username) == fold(member.email):
            fields["username"] = fields["email"]
        await self._write(member, fields, letter)
        return await self.get(member_id)

    async def set_password(
        self, member_id: str, password: str, *, must_change: bool = False
    ) -> None:
        """Give a member a new password, and tell them by mail. Ending sessions is the caller's
        decision.

        Raises NotFound, WeakPassword.
        """
        member = await self.get(member_id)
        fields = {
            "password": await self._passwords.hash(strong_password(password, *member.names)),
            "must_change": "1" if must_change else "0",
            "links": new_id(),
        }
        await self._write(member, fields, Letter("password_diganti"))

    async def stamp_links(self, member_id: str) -> str:
        """Return a new stamp for a link to set the password; older links are dead. Raises
        NotFound."""
        stamp = new_id()
        await self._write(await self.get(member_id), {"links": stamp})
        return stamp

    async def renew_hash(self, member: Member, password: str) -> Member:
        """Keep the same password under today's scheme (a login with a hash of the old site);
        returns the row with it."""
        renewed = await self._passwords.hash(password)
        await self._write(member, {"password": renewed})
        return replace(member, password=renewed)

    async def _write(
        self, member: Member, fields: dict[str, str], letter: Letter | None = None
    ) -> None:
        keys = self._keys
        names = {"email": member.email, "username": member.username} | fields
        await self._change(
            [
                keys.member(member.id),
                keys.events(),
                keys.login(fold(member.email)),
                keys.login(fold(member.username)),
                keys.login(fold(names["email"])),
                keys.login(fold(names["username"])),
            ],
            [
                member.id,
                member.email,
                member.username,
                letter.as_json() if letter else "",
                *_flat(fields),
            ],
        )

    async def block(self, member_id: str, *, by: str) -> Logout:
        """Block: every session ends in the same step, and no login is let in."""
        return await self._bar(member_id, "blocked", "blocked", by)

    async def deactivate(self, member_id: str, *, by: str) -> Logout:
        """Switch the account off; like a block, with another reason."""
        return await self._bar(member_id, "inactive", "inactive", by)

    async def admit(self, member_id: str, *, by: str) -> None:
        """Lift a block or a deactivation; nobody is logged in by it."""
        await self.get(member_id)
        await self._sessions.end(member_id, "-", reason="admin", by=by, status="active")
        await self._accounts.routers.sync(member_id)

    async def approve(self, member_id: str, approved: bool, *, by: str) -> None:
        """Approve a newcomer, or take the approval back: who is known by a phone alone is out then,
        and has the portal again and nothing else. Raises NotFound."""
        member = await self.get(member_id)
        await self._accounts.approve(member_id, approved)
        if not approved and member.password == NO_PASSWORD:
            await self._sessions.end(member_id, "all", reason="admin", by=by)

    async def _bar(self, member_id: str, status: str, reason: str, by: str) -> Logout:
        await self.get(member_id)
        logout = await self._sessions.end(member_id, "all", reason=reason, by=by, status=status)
        await self._accounts.routers.sync(member_id)
        return logout

    async def delete(self, member_id: str, *, by: str) -> Logout:
        """End every session, then delete the row and its login names.

        A member with a hotspot account keeps the row, unusable, until the router was seen to have
        no trace of them (`forget`).
        """
        logout = await self._bar(member_id, "inactive", "deleted", by)
        if not await self._accounts.begin_leaving(member_id):
            await self.forget(member_id)
        return logout

    async def forget(self, member_id: str) -> None:
        """Delete the row and its login names. Raises NotFound."""
        member = await self.get(member_id)
        keys = self._keys
        logins = [keys.login(fold(member.email)), keys.login(fold(member.username))]
        await self._delete(
            [keys.member(member_id), keys.events(), *logins, keys.sessions(member_id)], [member_id]
        )
        await self._accounts.forget(member_id)


def valid_email(value: object) -> str:
    """Return an e-mail address. Raises InvalidRequest."""
    text = valid_text("email", value, 190)
    if not _EMAIL.fullmatch(text):
        raise InvalidRequest("email", "Alamat email tidak valid.")
    return text


def valid_text(field: str, value: object, longest: int) -> str:
    """Return trimmed text without control characters. Raises InvalidRequest naming the field."""
    if not isinstance(value, str):
        raise InvalidRequest(field)
    text = value.strip()
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidRequest(field) from None
    if len(text) > longest or _CONTROL.search(text):
        raise InvalidRequest(field)
    return text


def valid_choice(field: str, value: object, allowed: tuple[str, ...]) -> str:
    """Return one of the allowed words. Raises InvalidRequest naming them."""
    if not isinstance(value, str) or value not in allowed:
        raise InvalidRequest(field, f"Isian '{field}' harus salah satu dari: {', '.join(allowed)}.")
    return value


def _valid_field(name: str, value: object) -> str:
    if name == "email":
        return valid_email(value)
    if name == "role":
        return valid_choice("role", value, ROLES)
    if name not in ("username", "name", "phone"):
        raise InvalidRequest(name)
    text = valid_text(name, value, 190)
    if name == "username" and not text:
        raise InvalidRequest("username")
    return text


def _flat(fields: Mapping[str, str]) -> list[str]:
    return [word for pair in fields.items() for word in pair]
