"""Giving access: a binding for each device, hosts judged anew, logins where a profile counts."""

from __future__ import annotations

from jobs.hotspot.plan.denying import adopt, drop_hosts
from jobs.hotspot.plan.parts import (
    ACTIVE,
    BINDING,
    COOKIE,
    HOST,
    Device,
    Obstacle,
    Phase,
    Reason,
    Wanted,
)
from jobs.hotspot.plan.users import sent
from jobs.hotspot.plan.view import Draft, View
from jobs.hotspot.tags import comment_of
from jobs.mikrotik import Row, Write
from store.hotspot.deciding import Access


def give_bindings(draft: Draft, access: Access) -> None:
    """Have a binding for each of their devices, and none for what is theirs no more."""
    one, view = draft.one, draft.view
    kind = "bypassed" if access == "bypassed" else "regular"
    bound = {tag.device: row for row, tag in view.bindings_of.get(one.member, [])}
    legacy = {
        row.get("mac-address", ""): row
        for row in view.legacy_of.get(one.phone, [])
        if one.phone and "mac-address" in row
    }
    kept: set[str] = set()
    for device in one.devices:
        row = bound.get(device.id) or legacy.pop(device.mac, None)
        if row is not None:
            kept.add(row["id"])
        _give_binding(draft, device, row, kind)
    spare = [row for row, _ in view.bindings_of.get(one.member, []) if row["id"] not in kept]
    for row in spare:
        write = Write(BINDING, "remove", row["id"])
        draft.step(Phase.DENY_BINDING, Reason.NO_LONGER, write)
    adopt(draft, legacy.values())
    _replace_addresses(draft, access)
    for mac in draft.former(spare):
        _log_out(draft, mac)
        drop_hosts(draft, mac)


def _replace_addresses(draft: Draft, access: Access) -> None:
    """A row that has their phone and an address alone goes once the device behind it has a binding
    of its own; until the device is seen, it may stay where it does no more than they may."""
    one, view = draft.one, draft.view
    known = {device.mac for device in one.devices}
    for row in view.legacy_of.get(one.phone, []) if one.phone else ():
        if row.get("mac-address"):
            continue
        adopt(draft, [row])
        hosts = view.hosts_in(row)
        is_right = row.get("type", "regular") == access
        if any(host.get("mac-address") in known for host in hosts) or not (hosts or is_right):
            write = Write(BINDING, "remove", row["id"])
            draft.step(Phase.DENY_BINDING, Reason.NO_LONGER, write)


def _log_out(draft: Draft, mac: str) -> None:
    view = draft.view
    for name in draft.names():
        for phase, path, rows in (
            (Phase.DENY_COOKIE, COOKIE, view.cookies_of.get(name, [])),
            (Phase.DENY_ACTIVE, ACTIVE, view.actives_of.get(name, [])),
        ):
            for row in rows:
                if row.get("mac-address") == mac:
                    draft.step(phase, Reason.NO_LONGER, Write(path, "remove", row["id"]))


def _give_binding(draft: Draft, device: Device, row: Row | None, kind: str) -> None:
    one, view = draft.one, draft.view
    should = {
        "mac-address": device.mac,
        "type": kind,
        "disabled": "false",
        "comment": comment_of(one.phone, one.member, device.id),
    }
    other = view.binding_at.get(device.mac)
    if other is not None and (row is None or other["id"] != row["id"]) and draft.is_foreign(other):
        if draft.in_the_way(Obstacle.BINDING, BINDING, other):
            draft.made.stuck.add(device.mac)
            return
        draft.step(Phase.DENY_BINDING, Reason.NO_LONGER, Write(BINDING, "remove", other["id"]))
    _clear_address(draft, device, kind)
    if row is None:
        values = {name: value for name, value in should.items() if name != "disabled"}
        write = Write(BINDING, "add", values=values)
        draft.step(Phase.GRANT_BINDING, Reason.NO_BINDING, write, kind)
        return
    found = {"type": "regular", **row}
    wrong = {name: value for name, value in should.items() if found.get(name, "") != value}
    # an address would pin the device to a lease that is over tomorrow
    if row.get("address"):
        wrong["address"] = ""
    if wrong:
        reason = Reason.BINDING_TYPE if "type" in wrong else Reason.BINDING_DIFFERS
        write = Write(BINDING, "set", row["id"], sent(wrong))
        draft.step(Phase.GRANT_BINDING, reason, write, ", ".join(wrong))


def _clear_address(draft: Draft, device: Device, kind: str) -> None:
    """Somebody else's binding for the address that a device has, or had last, may decide instead
    of ours."""
    hosts = draft.view.hosts_of.get(device.mac, [])
    for address in [host.get("address", "") for host in hosts] or [device.ip]:
        for row in draft.view.foreign_at(address):
            if row.get("type", "regular") == kind:
                continue
            if draft.in_the_way(Obstacle.ADDRESS, BINDING, row):
                draft.made.stuck.add(device.mac)
                continue
            write = Write(BINDING, "remove", row["id"])
            draft.step(Phase.DENY_BINDING, Reason.NO_LONGER, write)


def let_in(draft: Draft, access: Access) -> None:
    """Plan what lets a member's devices through: wrong host rows are removed, so that the router
    decides on them again, and devices that need a login get one."""
    one, view = draft.one, draft.view
    kicked = _kick(draft) if access == "session" else frozenset()
    for device in one.devices:
        if device.mac in draft.made.stuck:
            continue
        for host in view.hosts_of.get(device.mac, []):
            is_bypassed = host.get("bypassed") == "true"
            if is_bypassed != (access == "bypassed") or host.get("blocked") == "true":
                write = Write(HOST, "remove", host["id"])
                draft.step(Phase.GRANT_HOST, Reason.OLD_VERDICT, write)
            elif access == "session" and _is_out(host, view, kicked) and not draft.lacks_user:
                draft.step(Phase.LOGIN, Reason.LOGIN, _login(one, host))


def _kick(draft: Draft) -> frozenset[str]:
    """End sessions that may have another profile; returns their addresses."""
    one, profiles = draft.one, draft.view.policy.profiles
    if one.settled is None:
        is_right = one.member in draft.made.conflicts
    else:
        is_right = one.status is None or profiles[one.settled] == profiles[one.status]
    if is_right:
        return frozenset()
    rows = [row for name in draft.names() for row in draft.view.actives_of.get(name, [])]
    for row in rows:
        write = Write(ACTIVE, "remove", row["id"])
        draft.step(Phase.KICK, Reason.PROFILE_AT_LOGIN, write)
    return frozenset(row.get("address", "") for row in rows)


def _is_out(host: Row, view: View, kicked: frozenset[str]) -> bool:
    address = host.get("address", "")
    return address in kicked or address not in view.active_at


def _login(one: Wanted, host: Row) -> Write:
    values = {
        "user": one.name,
        "password": one.password,
        "mac-address": host["mac-address"],
        "ip": host.get("address", ""),
    }
    return Write(ACTIVE, "login", values=values)
