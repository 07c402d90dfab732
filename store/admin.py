"""What an admin does beyond one member: lists, ending sessions by a filter, the audit.

Lists and the audit are read from Postgres. Who is logged in is asked of Redis alone, so that
nobody escapes a filter because the copy lags behind.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from store.database import Row, statement
from store.errors import InvalidRequest
from store.members import ROLES, STATUSES, Member, fold, valid_choice, valid_text
from store.opening import Store
from store.phones import digits_within, is_within
from store.sessions import Session

MOST_ROWS = 200
"""Rows of a page, at most: a screenful several times over, some 60 KB of JSON."""

HISTORY_ROWS = 20

SCAN = 500
"""Keys per step of a walk through Redis: about a millisecond of its time."""

AT_ONCE = 32
"""Ends under way at the same time: as many as the pool has connections."""

WALK_SECONDS = 20.0
"""How long one request walks; a site too large for that is told to ask again."""

KINDS = ("web", "mobile")


@dataclass(frozen=True, slots=True)
class Filter:
    """Which sessions are meant; what is empty does not narrow. All of it must fit."""

    members: frozenset[str] = frozenset()
    role: str = ""
    status: str = ""
    kind: str = ""
    search: str = ""
    device: str = ""
    ip: str = ""
    opened_before: float | None = None

    @classmethod
    def from_json(cls, body: object) -> Filter:
        """Read `{members, role, status, kind, search, device, ip, opened_before}`, each optional.

        `search` is a part of the e-mail, username, name or phone, `device` of the device's name;
        `opened_before` is in unix seconds. Raises InvalidRequest naming the field, also for one
        that is not known: a misspelt filter must not mean everybody.
        """
        if not isinstance(body, dict):
            raise InvalidRequest("filter")
        for name in body:
            if name not in cls.__slots__:
                raise InvalidRequest(f"filter.{name}"[:80])
        return cls(
            members=_ids(body.get("members", [])),
            role=valid_choice("role", body["role"], ROLES) if "role" in body else "",
            status=valid_choice("status", body["status"], STATUSES) if "status" in body else "",
            kind=valid_choice("kind", body["kind"], KINDS) if "kind" in body else "",
            search=fold(valid_text("search", body.get("search", ""), 100)),
            device=fold(valid_text("device", body.get("device", ""), 100)),
            ip=valid_text("ip", body.get("ip", ""), 64),
            opened_before=_moment(body["opened_before"]) if "opened_before" in body else None,
        )

    def fits_member(self, member: Member) -> bool:
        """Whether this member's sessions may be meant."""
        texts = (member.email, member.username, member.name)
        return (
            (not self.members or member.id in self.members)
            and (not self.role or member.role == self.role)
            and (not self.status or member.status == self.status)
            and (
                not self.search
                or is_within(self.search, member.phone)
                or any(self.search in fold(text) for text in texts)
            )
        )

    def fits_session(self, session: Session) -> bool:
        """Whether this session of such a member is meant."""
        return (
            (not self.kind or session.kind == self.kind)
            and (not self.device or self.device in fold(session.device_name))
            and (not self.ip or session.ip == self.ip)
            and (self.opened_before is None or session.opened_at / 1000 < self.opened_before)
        )


@dataclass(slots=True)
class Count:
    """How many sessions of how many members; not `complete` when the walk was cut short."""

    members: int = 0
    sessions: int = 0
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Page:
    """Rows, and the cursor of those that follow (None at the end)."""

    rows: list[dict[str, Any]]
    next: str | None


class Admin:
    """An admin's view of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    # Lists

    async def list_members(
        self, *, search: str, role: str | None, status: str | None, after: str, count: int
    ) -> Page:
        """Return members, newest first: as `Member.public` shows them.

        `search` is a part of the e-mail, username, name or phone; `after` a page's `next`. Raises
        Unavailable without Postgres, InvalidRequest for a cursor that is none.
        """
        at, _, before_id = after.partition(".")
        params = {
            "like": _like(search),
            "digits": _like(digits_within(search)),
            "role": role,
            "status": status,
            "before_at": _timestamp(at) if after else None,
            "before_id": before_id,
            "count": count + 1,
        }
        rows = await self._store.database.fetch(statement("admin", "list_members"), params)
        last = rows[count - 1] if len(rows) > count else None
        following = f"{last['created_at']}.{last['id']}" if last else None
        return Page([_seconds(row, "created_at", "updated_at") for row in rows[:count]], following)

    async def history(self, member_id: str) -> list[dict[str, Any]]:
        """Return a member's last sessions, newest first. Raises Unavailable without Postgres."""
        params = {"member": member_id, "count": HISTORY_ROWS}
        return await self._store.database.fetch(statement("admin", "list_history"), params)

    async def list_audit(
        self,
        *,
        actor: str | None,
        subject: str | None,
        act: str | None,
        after: str,
        count: int,
    ) -> Page:
        """Return audit entries, newest first. Raises as `list_members` does."""
        params = {
            "actor": actor,
            "subject": subject,
            "act": act,
            "before_id": _number(after) if after else None,
            "count": count + 1,
        }
        rows = await self._store.database.fetch(statement("admin", "list_audit"), params)
        following = str(rows[count - 1]["id"]) if len(rows) > count else None
        return Page(list(rows[:count]), following)

    # The audit

    async def note(
        self, actor: str, act: str, subject: str, *, ip: str, detail: Mapping[str, Any]
    ) -> None:
        """Write down who did what to whom; `detail` holds no secret."""
        await self._store.audit.note(actor, act, subject, ip=ip, detail=detail)

    # Ending by a filter

    async def count(self, which: Filter, *, keep: str) -> Count:
        """Return what `end` would end. `keep` is the sid of the asking session, which stays."""
        found = Count()
        async for step in self._matching(which, keep, found):
            found.members += len(step)
            found.sessions += sum(len(sessions) for sessions in step)
        return found

    async def end(self, which: Filter, *, keep: str, by: str) -> Count:
        """End every session the filter means, each with its tabs told; returns what was ended."""
        found = Count()
        turns = asyncio.Semaphore(AT_ONCE)

        async def end_all(sessions: Sequence[Session]) -> None:
            async with turns:
                ended = [await self._end(session, by) for session in sessions]
            found.members += any(ended)
            found.sessions += sum(ended)

        async for step in self._matching(which, keep, found):
            await asyncio.gather(*(end_all(sessions) for sessions in step))
        return found

    async def _end(self, session: Session, by: str) -> bool:
        logout = await self._store.sessions.end(session.member, session.sid, reason="admin", by=by)
        return bool(logout.ended)

    async def _matching(
        self, which: Filter, keep: str, found: Count
    ) -> AsyncIterator[list[list[Session]]]:
        """The meant sessions of each member, some members at a time.

        A member may come twice while Redis grows its table: a count is then a little high.
        """
        deadline = time.monotonic() + WALK_SECONDS
        async for ids in self._members(which):
            meant = [
                [one for one in sessions if one.sid != keep and which.fits_session(one)]
                for member, sessions in await self._read(ids)
                if which.fits_member(member)
            ]
            yield [sessions for sessions in meant if sessions]
            if time.monotonic() >= deadline:
                found.complete = False
                return

    async def _members(self, which: Filter) -> AsyncIterator[list[str]]:
        """Ids of the members that have sessions, or had, some at a time."""
        if which.members:
            yield sorted(which.members)
            return
        head, _, tail = self._store.keys.sessions("*").partition("*")
        # braces are letters to SCAN, brackets and stars in the prefix would not be
        pattern = f"{_glob(head)}*{_glob(tail)}"
        cursor = 0
        while True:
            cursor, names = await self._store.redis.scan(cursor, match=pattern, count=SCAN)
            yield [str(name)[len(head) : -len(tail)] for name in names]
            if not cursor:
                return

    async def _read(self, ids: Sequence[str]) -> list[tuple[Member, list[Session]]]:
        keys = self._store.keys
        async with self._store.redis.pipeline(transaction=False) as pipe:
            for member_id in ids:
                pipe.hgetall(keys.member(member_id))
                pipe.hgetall(keys.sessions(member_id))
            replies = await pipe.execute()
        pairs = zip(replies[::2], replies[1::2], strict=True)
        return [(Member.from_hash(row), _sessions_of(hash)) for row, hash in pairs if row]


def _sessions_of(hash: Mapping[str, str]) -> list[Session]:
    """The live sessions of a member's hash (`Keys.sessions`): the fields that are a bare sid."""
    return [
        Session.from_json(text)
        for field, text in hash.items()
        if ":" not in field and field not in ("web", "epoch")
    ]


def _ids(value: object) -> frozenset[str]:
    if not isinstance(value, list) or len(value) > SCAN:
        raise InvalidRequest("members", f"Isian 'members' harus daftar, paling banyak {SCAN}.")
    return frozenset(valid_text("members", word, 32) for word in value)


def _moment(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e12:
        raise InvalidRequest("opened_before")
    return float(value)


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise InvalidRequest("after")
    return int(text)


def _timestamp(text: str) -> str:
    """Unix milliseconds as Postgres reads a moment, to the millisecond."""
    seconds, milliseconds = divmod(_number(text), 1000)
    moment = time.gmtime(min(seconds, 253_402_300_799))  # the last second of the year 9999
    return time.strftime("%Y-%m-%dT%H:%M:%S", moment) + f".{milliseconds:03d}Z"


def _like(search: str) -> str | None:
    """A pattern for LIKE that finds the text itself, its own `%` and `_` included."""
    text = fold(search).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{text}%" if text else None


def _glob(text: str) -> str:
    """Text that a Redis pattern takes as it is."""
    return "".join(f"\\{letter}" if letter in "*?[]\\^" else letter for letter in text)


def _seconds(row: Row, *fields: str) -> dict[str, Any]:
    return row | {field: row[field] / 1000 for field in fields}
