"""`python -m scripts.member`: members by hand, as an admin has them in the browser.

    add EMAIL [--name N] [--username U] [--phone P] [--role R] [--password P] [--must-change]
    list [SEARCH] [--role R] [--status S]
    block | unblock | deactivate | activate | logout | delete LOGIN
    password LOGIN [--password P] [--must-change]

LOGIN is an e-mail or username. Without `--password` it is asked for, or read from standard input,
so that it stands in no process list. Every act is written to the audit.
"""

from __future__ import annotations

import argparse
import asyncio
import getpass
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from redis import RedisError

from store.admin import MOST_ROWS, Admin
from store.errors import JagaError, NotFound
from store.members import ROLES, STATUSES, Member
from store.opening import Store, open_store
from store.restoring import restore_if_needed
from store.sessions import Logout
from store.settings import Settings, SettingsError

BY = "operator"
"""Who did it, in the audit and in what a member's tabs are told."""

Act = Callable[[Store, argparse.Namespace], Awaitable[None]]


def main(words: list[str] | None = None) -> int:
    """Do what the words say; returns the process's exit status."""
    asked = _parser().parse_args(words)
    try:
        asyncio.run(_act(Settings.from_environment(), asked))
    except (SettingsError, JagaError, RedisError, OSError) as error:
        cause = error.__cause__ or error
        print(f"member: {' '.join(str(cause).split())}", file=sys.stderr)
        return 1
    return 0


async def _act(settings: Settings, asked: argparse.Namespace) -> None:
    async with open_store(settings) as store:
        await restore_if_needed(store)
        act: Act = asked.act
        await act(store, asked)


async def _add(store: Store, asked: argparse.Namespace) -> None:
    member = await store.members.create(
        email=asked.email,
        password=_password(asked),
        name=asked.name,
        username=asked.username,
        phone=asked.phone,
        role=asked.role,
        must_change=asked.must_change,
    )
    await _note(store, "member.create", member, role=member.role)
    print(f"member: added {member.username} ({member.role}), id {member.id}")


async def _list(store: Store, asked: argparse.Namespace) -> None:
    """Page after page: a site may have more members than one answer holds."""
    after: str | None = ""
    while after is not None:
        page = await Admin(store).list_members(
            search=asked.search, role=asked.role, status=asked.status, after=after, count=MOST_ROWS
        )
        for row in page.rows:
            print("  ".join(_column(row, name) for name in ("id", "role", "status", "username")))
        after = page.next


async def _block(store: Store, member: Member, asked: argparse.Namespace) -> Logout:
    return await store.members.block(member.id, by=BY)


async def _deactivate(store: Store, member: Member, asked: argparse.Namespace) -> Logout:
    return await store.members.deactivate(member.id, by=BY)


async def _admit(store: Store, member: Member, asked: argparse.Namespace) -> None:
    await store.members.admit(member.id, by=BY)


async def _logout(store: Store, member: Member, asked: argparse.Namespace) -> Logout:
    return await store.sessions.end(member.id, "all", reason="admin", by=BY)


async def _delete(store: Store, member: Member, asked: argparse.Namespace) -> Logout:
    return await store.members.delete(member.id, by=BY)


async def _new_password(store: Store, member: Member, asked: argparse.Namespace) -> Logout:
    """A new password; whoever knew the old one is logged out."""
    await store.members.set_password(member.id, _password(asked), must_change=asked.must_change)
    return await store.sessions.end(member.id, "all", reason="password_changed", by=BY)


@dataclass(frozen=True)
class Change:
    """What is done to one member: its name in the audit, how, and what it is for."""

    audit: str
    act: Callable[[Store, Member, argparse.Namespace], Awaitable[Logout | None]]
    help: str

    async def __call__(self, store: Store, asked: argparse.Namespace) -> None:
        """Find the member, do it, write it down, and say what became of it."""
        member = await store.members.find(asked.login)
        if member is None:
            raise NotFound(f"nobody logs in as {asked.login}")
        logout = await self.act(store, member, asked)
        ended = {} if logout is None else {"sessions": len(logout.ended)}
        await _note(store, f"member.{self.audit}", member, **ended)
        count = len(logout.ended) if logout else 0
        said = f", {count} session{'s' * (count != 1)} ended" if logout else ""
        print(f"member: {self.audit} {member.username}: done{said}")


CHANGES = {
    "block": Change("block", _block, "log out everywhere and let in no more"),
    "unblock": Change("unblock", _admit, "lift a block"),
    "deactivate": Change("deactivate", _deactivate, "switch the account off"),
    "activate": Change("activate", _admit, "switch it on again"),
    "logout": Change("force-logout", _logout, "log out everywhere"),
    "delete": Change("delete", _delete, "delete the member"),
    "password": Change("password", _new_password, "give a new password, and log out everywhere"),
}


async def _note(store: Store, act: str, member: Member, **detail: Any) -> None:
    said = {"username": member.username, **detail}
    await Admin(store).note(BY, act, member.id, ip="", detail=said)


def _password(asked: argparse.Namespace) -> str:
    if asked.password is not None:
        return str(asked.password)
    if sys.stdin.isatty():
        return getpass.getpass("Password: ")
    return sys.stdin.readline().rstrip("\n")


def _column(row: dict[str, Any], name: str) -> str:
    return f"{row[name]:<8}" if name in ("role", "status") else str(row[name])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m scripts.member", description="Members by hand")
    acts = parser.add_subparsers(required=True, metavar="ACT")

    add = acts.add_parser("add", help="create a member")
    add.add_argument("email")
    for name in ("name", "username", "phone"):
        add.add_argument(f"--{name}", default="")
    add.add_argument("--role", choices=ROLES, default="member")
    _add_password(add)
    add.set_defaults(act=_add)

    listing = acts.add_parser("list", help="list members, newest first")
    listing.add_argument("search", nargs="?", default="")
    listing.add_argument("--role", choices=ROLES)
    listing.add_argument("--status", choices=STATUSES)
    listing.set_defaults(act=_list)

    for name, change in CHANGES.items():
        one = acts.add_parser(name, help=change.help)
        one.add_argument("login")
        one.set_defaults(act=change)
        if name == "password":
            _add_password(one)
    return parser


def _add_password(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--password", help="asked for, or read from standard input, when missing")
    parser.add_argument("--must-change", action="store_true", help="ask for a new one at login")


if __name__ == "__main__":
    sys.exit(main())
