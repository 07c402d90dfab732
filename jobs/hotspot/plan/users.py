"""The member's hotspot user: one row, by their phone, with the profile of their status."""

from __future__ import annotations

from collections.abc import Mapping

from jobs.hotspot.plan.parts import USER, Obstacle, Phase, Reason
from jobs.hotspot.plan.view import Draft
from jobs.hotspot.tags import comment_of
from jobs.hotspot.usage import seconds_of
from jobs.mikrotik import Row, Write

EMPTY: Mapping[str, str] = {
    "server": "all",
    "mac-address": "00:00:00:00:00:00",
    "address": "0.0.0.0",  # noqa: S104 - no socket is bound: it is how the router writes "none"
    "limit-uptime": "0s",
    "limit-bytes-in": "0",
    "limit-bytes-out": "0",
    "limit-bytes-total": "0",
    "email": "",
}
"""What another tool may have left on a user, and how the router's manual writes that it is not set:
each would refuse or end the login of a member who may log in."""


def plan_user(draft: Draft, phase: Phase) -> None:
    """Have one user of theirs, as their status wants it."""
    one, view = draft.one, draft.view
    status = one.status
    if status is None or not one.phone:
        return
    should = {
        "name": one.name,
        "profile": view.policy.profiles[status],
        "disabled": "true" if status in ("blocked", "inactive") else "false",
        "comment": comment_of(one.phone, one.member),
    }
    row = _own_user(draft)
    if one.member in draft.made.conflicts:
        should.pop("name")  # the row that has it is somebody else's
    if row is None:
        if one.member not in draft.made.conflicts:
            write = Write(USER, "add", values={**sent(should), "password": one.password})
            draft.step(phase, Reason.NO_USER, write)
        return
    wrong = {name: value for name, value in should.items() if row.get(name, "") != value}
    wrong |= {name: value for name, value in EMPTY.items() if not _is_empty(name, row)}
    named = ", ".join(f"{name} {row.get(name, '-')} → {value}" for name, value in wrong.items())
    if wrong.keys() & {"comment", *EMPTY} or one.is_refused:
        # a user that was made by hand, or that somebody changed, has a password of its own
        wrong["password"] = one.password
        named = named or "the router refused it"
    if wrong:
        draft.step(phase, _most_telling(wrong), Write(USER, "set", row["id"], sent(wrong)), named)


def _is_empty(name: str, row: Row) -> bool:
    value = row.get(name, "")
    if name == "limit-uptime":
        return seconds_of(value) == 0
    return value in ("", EMPTY[name])


def _most_telling(wrong: Mapping[str, str]) -> Reason:
    if "profile" in wrong:
        return Reason.USER_PROFILE
    return Reason.USER_SWITCH if "disabled" in wrong else Reason.USER_MARK


def _own_user(draft: Draft) -> Row | None:
    """The member's user row, or one that only their phone marks (adopted by its set); every other
    of these goes, for each is a way in."""
    one, view = draft.one, draft.view
    legacy = view.legacy_users.get(one.phone, [])
    rows = [
        *view.users_of.get(one.member, []),
        *sorted(legacy, key=lambda row: row["name"] != one.name),
    ]
    named = view.user_named.get(one.name)
    if named is not None and named not in rows and _may_take(draft, named):
        rows.append(named)
    for spare in rows[1:]:
        draft.step(Phase.DENY_USER, Reason.SPARE_USER, Write(USER, "remove", spare["id"]))
    return rows[0] if rows else None


def _may_take(draft: Draft, named: Row) -> bool:
    """Whether a user of the member's name that is somebody else's was given to them."""
    return not draft.in_the_way(Obstacle.USER, USER, named)


def sent(values: Mapping[str, str]) -> dict[str, str | bool]:
    """Return values as they are written: flags are read as true and false, sent as yes and no."""
    return {
        name: value == "true" if value in ("true", "false") else value
        for name, value in values.items()
    }
