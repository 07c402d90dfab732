"""The member's hotspot user: one row, by their phone, with the profile of their status."""

from __future__ import annotations

from collections.abc import Mapping

from jobs.hotspot.plan.parts import USER, Phase, Reason
from jobs.hotspot.plan.view import Draft
from jobs.hotspot.tags import comment_of, legacy_phone
from jobs.mikrotik import Row, Write


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
    if row is None:
        if one.member not in draft.made.conflicts:
            write = Write(USER, "add", values={**sent(should), "password": one.password})
            draft.step(phase, Reason.NO_USER, write)
        return
    wrong = {name: value for name, value in should.items() if row.get(name, "") != value}
    if wrong:
        named = ", ".join(f"{name} {row.get(name, '-')} → {value}" for name, value in wrong.items())
        if "comment" in wrong:
            wrong["password"] = one.password  # a user that was made by hand has one of its own
        write = Write(USER, "set", row["id"], sent(wrong))
        draft.step(phase, _most_telling(wrong), write, named)


def _most_telling(wrong: Mapping[str, str]) -> Reason:
    if "profile" in wrong:
        return Reason.USER_PROFILE
    return Reason.USER_SWITCH if "disabled" in wrong else Reason.USER_MARK


def _own_user(draft: Draft) -> Row | None:
    """The member's user row, or one of its name that only a phone marks (adopted by its set)."""
    one, view = draft.one, draft.view
    own = view.users_of.get(one.member, [])
    for spare in own[1:]:
        draft.step(Phase.DENY_USER, Reason.SPARE_USER, Write(USER, "remove", spare["id"]))
    if own:
        return own[0]
    for name in (one.name, one.phone, f"+{one.phone}"):
        row = view.user_named.get(name)
        if row is None:
            continue
        comment = row.get("comment", "")
        if not comment or legacy_phone(comment) == one.phone:
            return row
        draft.made.conflicts[one.member] = f"the user {name} on the router belongs to somebody else"
    return None


def sent(values: Mapping[str, str]) -> dict[str, str | bool]:
    """Return values as they are written: flags are read as true and false, sent as yes and no."""
    return {
        name: value == "true" if value in ("true", "false") else value
        for name, value in values.items()
    }
