"""Taking access away: bindings, cookies, sessions, hosts; and everything of who is deleted."""

from __future__ import annotations

from collections.abc import Iterable

from jobs.hotspot.plan.parts import ACTIVE, BINDING, COOKIE, HOST, USER, Adoption, Phase, Reason
from jobs.hotspot.plan.view import Draft
from jobs.mikrotik import Row, Write


def take_bindings_away(draft: Draft) -> None:
    """No device of theirs gets past any more; rows that only a phone marks go as well."""
    one, view = draft.one, draft.view
    rows = [row for row, _ in view.bindings_of.get(one.member, [])]
    rows += view.legacy_of.get(one.phone, []) if one.phone else []
    # taken in before they are taken away: who is killed in between still knows their MACs
    adopt(draft, rows)
    for row in rows:
        draft.step(Phase.DENY_BINDING, Reason.BARRED, Write(BINDING, "remove", row["id"]))


def throw_out(draft: Draft) -> None:
    """Nobody is logged in by their name, or could be by a cookie, and no host gets past."""
    one, view = draft.one, draft.view
    for name in draft.names():
        for row in view.cookies_of.get(name, []):
            write = Write(COOKIE, "remove", row["id"])
            draft.step(Phase.DENY_COOKIE, Reason.COOKIE, write)
        for row in view.actives_of.get(name, []):
            write = Write(ACTIVE, "remove", row["id"])
            draft.step(Phase.DENY_ACTIVE, Reason.LOGGED_IN, write)
    for mac in sorted({device.mac for device in one.devices}):
        for row in view.hosts_of.get(mac, []):
            if row.get("bypassed") == "true" or row.get("authorized") == "true":
                write = Write(HOST, "remove", row["id"])
                draft.step(Phase.DENY_HOST, Reason.GETS_PAST, write)
    going = [row for row, _ in view.bindings_of.get(one.member, [])]
    for mac in draft.former(going):
        drop_hosts(draft, mac)


def drop_hosts(draft: Draft, mac: str) -> None:
    """A device that is theirs no more is judged anew."""
    view = draft.view
    for row in view.hosts_of.get(mac, []):
        if row.get("bypassed") == "true":
            draft.step(Phase.DENY_HOST, Reason.NO_LONGER, Write(HOST, "remove", row["id"]))


def remove_member(draft: Draft) -> None:
    """Everything with the member's tag goes, in the order of a denial."""
    one, view = draft.one, draft.view
    users = list(view.users_of.get(one.member, []))
    named = view.user_named.get(one.name) if one.phone else None
    if named is not None and named not in users and not named.get("comment"):
        users.append(named)
    take_bindings_away(draft)
    throw_out(draft)
    for row in users:
        draft.step(Phase.DENY_USER, Reason.DELETED, Write(USER, "remove", row["id"]))


def adopt(draft: Draft, rows: Iterable[Row]) -> None:
    """Name the devices of rows that are taken over, so that they become the member's."""
    one = draft.one
    known = {device.mac for device in one.devices} | set(one.former)
    for row in rows:
        mac = row.get("mac-address", "")
        if mac and mac not in known:
            draft.made.adoptions.append(Adoption(one.member, mac, row.get("address", "")))
