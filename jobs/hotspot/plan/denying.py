"""Taking access away: bindings, cookies, sessions, hosts; and everything of who is deleted."""

from __future__ import annotations

from collections.abc import Iterable

from jobs.hotspot.plan.parts import (
    ACTIVE,
    BINDING,
    COOKIE,
    HOST,
    USER,
    Adoption,
    Obstacle,
    Phase,
    Reason,
)
from jobs.hotspot.plan.view import Draft
from jobs.mikrotik import Row, Write


def take_bindings_away(draft: Draft) -> None:
    """No device of theirs gets past any more; rows that only a phone marks go as well."""
    one = draft.one
    rows = _going(draft)
    # taken in before they are taken away: who is killed in between still knows their MACs
    adopt(draft, rows)
    for device in one.devices:
        for row in _foreign(draft, device.mac):
            if row.get("type") == "bypassed" and row.get("disabled") != "true":
                if draft.in_the_way(Obstacle.PASSES, BINDING, row):
                    continue
                rows.append(row)
    for row in rows:
        draft.step(Phase.DENY_BINDING, Reason.BARRED, Write(BINDING, "remove", row["id"]))


def _going(draft: Draft) -> list[Row]:
    """The bindings that are theirs: by their tag, or by their phone alone."""
    one, view = draft.one, draft.view
    rows = [row for row, _ in view.bindings_of.get(one.member, [])]
    return rows + (view.legacy_of.get(one.phone, []) if one.phone else [])


def _foreign(draft: Draft, mac: str) -> list[Row]:
    """The bindings of somebody else's that a device of theirs is judged by."""
    view = draft.view
    at = view.binding_at.get(mac)
    rows = [at] if at is not None and draft.is_foreign(at) else []
    for host in view.hosts_of.get(mac, []):
        rows += view.foreign_at(host.get("address", ""))
    return rows


def throw_out(draft: Draft) -> None:
    """Nobody is logged in by their name, or could be by a cookie, and no host gets past."""
    one, view = draft.one, draft.view
    for name in draft.names():
        for row in view.cookies_of.get(name, []):
            _end(draft, Phase.DENY_COOKIE, Reason.COOKIE, COOKIE, row)
        for row in view.actives_of.get(name, []):
            _end(draft, Phase.DENY_ACTIVE, Reason.LOGGED_IN, ACTIVE, row)
    if one.status == "blocked":
        _end_others(draft)
    for mac in sorted({device.mac for device in one.devices}):
        for row in view.hosts_of.get(mac, []):
            if row.get("bypassed") == "true" or row.get("authorized") == "true":
                _end(draft, Phase.DENY_HOST, Reason.GETS_PAST, HOST, row)
    going = _going(draft)
    for mac in draft.former(going):
        drop_hosts(draft, mac)
    known = {device.mac for device in one.devices}
    for host in (host for row in going for host in view.hosts_in(row)):
        if host.get("bypassed") == "true" and host.get("mac-address") not in known:
            _end(draft, Phase.DENY_HOST, Reason.GETS_PAST, HOST, host)


def _end_others(draft: Draft) -> None:
    """A blocked member's devices are in by nobody's name, a voucher's for example."""
    one, view = draft.one, draft.view
    macs, names = {device.mac for device in one.devices}, set(draft.names())
    if not macs:
        return
    for phase, path, rows in (
        (Phase.DENY_COOKIE, COOKIE, view.cookies_of),
        (Phase.DENY_ACTIVE, ACTIVE, view.actives_of),
    ):
        for row in (row for name in rows.keys() - names for row in rows[name]):
            if row.get("mac-address") in macs:
                _end(draft, phase, Reason.LOGGED_IN, path, row)


def _end(draft: Draft, phase: Phase, reason: Reason, path: str, row: Row) -> None:
    draft.step(phase, reason, Write(path, "remove", row["id"]))


def drop_hosts(draft: Draft, mac: str) -> None:
    """A device that is theirs no more is judged anew."""
    view = draft.view
    for row in view.hosts_of.get(mac, []):
        if row.get("bypassed") == "true":
            draft.step(Phase.DENY_HOST, Reason.NO_LONGER, Write(HOST, "remove", row["id"]))


def remove_member(draft: Draft) -> None:
    """Everything with the member's tag goes, and what their phone alone marks, in the order of a
    denial."""
    one, view = draft.one, draft.view
    users = list(view.users_of.get(one.member, []))
    if one.phone:
        users += view.legacy_users.get(one.phone, [])
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
        found = [(mac, row.get("address", ""))] if mac else _behind(draft, row)
        for mac, ip in found:
            if mac not in known:
                known.add(mac)
                draft.made.adoptions.append(Adoption(one.member, mac, ip))


def _behind(draft: Draft, row: Row) -> list[tuple[str, str]]:
    """The devices, with their addresses, that a binding by address alone is about now; a range
    says nothing about whose they are."""
    hosts = draft.view.hosts_in(row)
    return [(host["mac-address"], host.get("address", "")) for host in hosts][:1]
