"""Administration of members (CONTRACT §10), for role `admin` only. The audit keeps every act."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, UnsetType

from store.admin import MOST_ROWS, Admin, Filter, Page
from store.errors import Conflict, InvalidRequest, Unavailable
from store.members import NAMES, ROLES, STATUSES, Member, valid_choice, valid_text
from store.phones import is_same_phone, valid_phone
from store.sessions import CurrentSession, Logout
from store.weak_passwords import strong_password
from web import fields
from web.fields import Flag, NewPassword, as_sent, one_of
from web.handler import Handler

ROWS = 50

CHANGEABLE = ("email", "username", "name", "phone", "role")


class AdminHandler(Handler):
    """What these handlers share: who may, and that it is written down."""

    @property
    def admin(self) -> Admin:
        """The store as admins see it."""
        return Admin(self.store)

    async def require_admin(self) -> CurrentSession:
        """Return the admin who asks. Raises Unauthenticated, SessionExpired, Forbidden."""
        return await self.require_role("admin")

    async def note(self, current: CurrentSession, act: str, subject: str, **detail: Any) -> None:
        """Write the act down; no detail may be a secret."""
        await self.admin.note(current.member, act, subject, ip=self.address, detail=detail)

    def query(self, name: str, longest: int = 100) -> str:
        """Return a query argument as clean text, "" when absent. Raises InvalidRequest."""
        return valid_text(name, self.get_query_argument(name, ""), longest)

    def chosen(self, name: str, allowed: tuple[str, ...]) -> str | None:
        """Return a query argument that is one of a few words, None when absent."""
        value = self.query(name)
        return valid_choice(name, value, allowed) if value else None

    def rows(self) -> int:
        """Return how many rows were asked for (`limit`). Raises InvalidRequest."""
        return self.number("limit", MOST_ROWS) or ROWS

    def number(self, name: str, most: int) -> int | None:
        """Return a query argument as a number from 1, None when absent. Raises InvalidRequest."""
        text = self.query(name)
        if not text:
            return None
        if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= most:
            raise InvalidRequest(name, f"Isian '{name}' harus angka 1 sampai {most}.")
        return int(text)

    def before(self) -> int | None:
        """Return the number that the page asked for ends before, None when absent. Raises
        InvalidRequest."""
        text = self.query("before")
        if text and not (text.isascii() and text.isdigit() and len(text) <= 18):
            raise InvalidRequest("before")
        return int(text) if text else None

    def respond_page(self, name: str, page: Page) -> None:
        """Write a page of a list."""
        self.respond({"success": True, name: page.rows, "next": page.next})


class Home(AdminHandler):
    """`/admin`: the first of the operators' pages, which asks who may."""

    def get(self) -> None:
        self._go("/admin/meetings")


def _phone(field: str, value: object) -> str:
    return valid_phone(field, value)


Phone = Annotated[str, fields.read_by(_phone, examples=["081234567890", "+6531234567"])]
"""A number of any country, kept as its digits alone; it may be empty."""

Role = Annotated[str, one_of(ROLES)]
Name = Annotated[Any, as_sent(type="string", maxLength=190)]


class MemberList(AdminHandler):
    """`/api/admin/members`."""

    class Body(fields.Body):
        null_is_absent = True

        password: NewPassword
        email: Name = ""
        username: Name = ""
        name: Name = ""
        phone: Phone = ""
        role: Role = "member"
        must_change: Flag = False

    async def get(self) -> None:
        await self.require_admin()
        page = await self.admin.list_members(
            search=self.query("q") or self.query("search"),
            role=self.chosen("role", ROLES),
            status=self.chosen("status", STATUSES),
            after=self.query("after"),
            count=self.rows(),
        )
        self.respond_page("members", page)

    async def post(self) -> None:
        current = await self.require_admin()
        added = await self.store.members.add(**self.body(self.Body).given())
        member, merged = added.member, added.merged
        await self.note(current, "member.create", member.id, email=member.email, role=member.role)
        self.respond(
            {
                "success": True,
                "member": member.public(),
                "logs_in_by_phone": added.has_phone,
                "merged": merged.public() if merged else None,
            },
            201,
        )


class OneMember(AdminHandler):
    """`/api/admin/members/{id}`."""

    class Body(fields.Body, forbid_unknown_fields=True):
        email: Name = UNSET
        username: Name = UNSET
        name: Name = UNSET
        phone: Phone | UnsetType = UNSET
        role: Role | UnsetType = UNSET
        password: NewPassword | UnsetType = UNSET
        must_change: Flag | UnsetType = UNSET

    async def get(self, member_id: str) -> None:
        await self.require_admin()
        member = await self.store.members.get(member_id)
        history: list[dict[str, Any]] | None
        mails: list[dict[str, Any]] | None
        try:
            history = await self.admin.history(member_id)
            mails = await self.store.mails.list(recipient=member.email)
        except Unavailable:
            history = mails = None  # the member is known without Postgres, the past is not
        said = {"member": member.public(), "sessions": history, "mails": mails}
        self.respond({"success": True, **said})

    async def patch(self, member_id: str) -> None:
        current = await self.require_admin()
        changes = self.body(self.Body).changes()
        before = await self.store.members.get(member_id)
        must_change = changes.get("must_change", False)
        password = _new_password(changes, before)
        row = {name: value for name, value in changes.items() if name in CHANGEABLE}
        if "phone" in row:
            row["phone"] = _phone_after(before, row["phone"])
        if member_id == current.member and row.get("role", before.role) != before.role:
            raise _own_account("mengubah peran")
        if must_change and password is None:
            raise InvalidRequest("must_change", "must_change memerlukan password baru.")
        if row:
            await self.store.members.change(member_id, **row)
        if password is not None:
            await self._give_password(current, member_id, password, must_change)
        after = await self.store.members.get(member_id)
        await self.note(current, "member.change", member_id, **_difference(before, after, password))
        if before.role != after.role:
            roles = {"from": before.role, "to": after.role}
            await self.note(current, "member.role", member_id, **roles)
        self.respond({"success": True, "member": after.public()})

    async def _give_password(
        self, current: CurrentSession, member_id: str, password: str, must_change: bool
    ) -> None:
        """Whoever knew the old password is put out; the admin's own session stays."""
        await self.store.members.set_password(member_id, password, must_change=must_change)
        await self.store.sessions.end(
            member_id,
            "all",
            keep=current.session.sid,
            reason="password_changed",
            by=current.username,
        )

    async def delete(self, member_id: str) -> None:
        current = await self.require_admin()
        if member_id == current.member:
            raise _own_account("menghapus")
        member = await self.store.members.get(member_id)
        logout = await self.store.members.delete(member_id, by=current.username)
        said = {"email": member.email, "username": member.username, "sessions": len(logout.ended)}
        await self.note(current, "member.delete", member_id, **said)
        self.respond({"success": True, **_kick_of(logout)})


class BarMember(AdminHandler):
    """`…/{id}/block` and `…/{id}/deactivate`: the member is logged out at once, and stays out."""

    async def post(self, member_id: str, act: str) -> None:
        current = await self.require_admin()
        if member_id == current.member:
            raise _own_account("memblokir" if act == "block" else "menonaktifkan")
        bar = self.store.members.block if act == "block" else self.store.members.deactivate
        logout = await bar(member_id, by=current.username)
        await self.note(current, f"member.{act}", member_id, sessions=len(logout.ended))
        member = await self.store.members.get(member_id)
        self.respond({"success": True, "member": member.public(), **_kick_of(logout)})


class AdmitMember(AdminHandler):
    """`…/{id}/unblock` and `…/{id}/activate`: may log in again."""

    async def post(self, member_id: str, act: str) -> None:
        current = await self.require_admin()
        await self.store.members.admit(member_id, by=current.username)
        await self.note(current, f"member.{act}", member_id)
        member = await self.store.members.get(member_id)
        self.respond({"success": True, "member": member.public()})


class LogOutMember(AdminHandler):
    """`…/{id}/force-logout`: out everywhere, and free to log in again."""

    async def post(self, member_id: str) -> None:
        current = await self.require_admin()
        await self.store.members.get(member_id)
        logout = await self.store.sessions.end(
            member_id, "all", keep=current.session.sid, reason="admin", by=current.username
        )
        await self.note(current, "member.force-logout", member_id, sessions=len(logout.ended))
        self.respond({"success": True, **_kick_of(logout)})


class LogOutMany(AdminHandler):
    """`/api/admin/force-logout`: a dry run only counts.

    The session that asks stays: its owner has to see what happened.
    """

    class Body(fields.Body):
        filter: Annotated[Any, as_sent(type="object")]
        """`members role status kind search device ip opened_before`, each of which narrows."""
        dry_run: Flag = False

    async def post(self) -> None:
        current = await self.require_admin()
        body = self.body(self.Body)
        which = Filter.from_json(body.filter)
        keep = current.session.sid
        if dry_run := body.dry_run:
            found = await self.admin.count(which, keep=keep)
        else:
            found = await self.admin.end(which, keep=keep, by=current.username)
            said = {"members": found.members, "sessions": found.sessions}
            await self.note(current, "force-logout", "", filter=body.filter, **said)
        self.respond(
            {
                "success": True,
                "dry_run": dry_run,
                "members": found.members,
                "sessions": found.sessions,
                "complete": found.complete,
            }
        )


class Audit(AdminHandler):
    """`/api/admin/audit`."""

    async def get(self) -> None:
        await self.require_admin()
        page = await self.admin.list_audit(
            actor=self.query("actor") or None,
            subject=self.query("subject") or None,
            act=self.query("act") or None,
            after=self.query("after"),
            count=self.rows(),
        )
        self.respond_page("audit", page)


def _new_password(body: dict[str, Any], before: Member) -> str | None:
    """Set a new password, which must not contain the member's own names. Raises WeakPassword."""
    if "password" not in body:
        return None
    names = [body.get(name, getattr(before, name)) for name in NAMES]
    return strong_password(body["password"], *(name for name in names if isinstance(name, str)))


def _kick_of(logout: Logout) -> dict[str, Any]:
    return {"ended": len(logout.ended), "kick_id": logout.id}


def _difference(before: Member, after: Member, password: str | None) -> dict[str, Any]:
    """Return what the audit keeps of a change: both values; of a password only that it changed."""
    old, new = before.public(), after.public()
    changed = {name: [old[name], new[name]] for name in CHANGEABLE if old[name] != new[name]}
    return changed | ({"password": "changed"} if password is not None else {})


def _own_account(act: str) -> Conflict:
    """Refuse it to an admin who would lock out himself: nobody might be left to undo it."""
    return Conflict(f"Anda tidak dapat {act} akun Anda sendiri.")


def _phone_after(before: Member, phone: str) -> str:
    """Return the phone as it is kept. One that is not changed stays as it was sent, because that
    text may still be the first password."""
    return before.phone if before.must_change and is_same_phone(before.phone, phone) else phone


MEMBER = r"/api/admin/members/([0-9a-f]{16})"


def routes() -> list[tuple[Any, ...]]:
    """The addresses of this file."""
    return [
        (r"/admin/?", Home),
        (r"/api/admin/members", MemberList),
        (MEMBER, OneMember),
        (MEMBER + r"/(block|deactivate)", BarMember),
        (MEMBER + r"/(unblock|activate)", AdmitMember),
        (MEMBER + r"/force-logout", LogOutMember),
        (r"/api/admin/force-logout", LogOutMany),
        (r"/api/admin/audit", Audit),
    ]
