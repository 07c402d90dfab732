"""What has to be written so that the router is as it should be. Pure: two pictures, one diff.

A denial goes user, binding, cookie, session, host: the other way round a cookie logs the device in
again behind the session that was removed, and a host row that comes back is judged by the binding
that is still there. A grant goes user, binding, host, and then logs in. Denials go first.

Every step follows from what is, never from what was done: a run that was killed anywhere is made
whole by the next.
"""

from __future__ import annotations

from collections.abc import Iterable

from jobs.hotspot.plan.denying import remove_member, take_bindings_away, throw_out
from jobs.hotspot.plan.granting import give_bindings, let_in
from jobs.hotspot.plan.parts import Actual, Phase, Plan, Wanted
from jobs.hotspot.plan.users import plan_user
from jobs.hotspot.plan.view import Draft, View
from store.hotspot.deciding import Policy


def plan(wanted: Iterable[Wanted], actual: Actual, policy: Policy) -> Plan:
    """Return the difference, in the order in which it is to be written."""
    made = Plan()
    view = View(actual, policy)
    known = set()
    for one in wanted:
        known.add(one.member)
        _plan_member(Draft(made, one, view))
    made.strangers = sorted(view.tagged_members - known)
    made.steps.sort(key=lambda step: step.phase)  # stable: members keep their order in a phase
    return made


def _plan_member(draft: Draft) -> None:
    status = draft.one.status
    if status is None:
        remove_member(draft)
        return
    access = draft.view.policy.access(status)
    deny = access == "none"
    plan_user(draft, Phase.DENY_USER if deny else Phase.GRANT_USER)
    if deny:
        take_bindings_away(draft)
        throw_out(draft)
    else:
        give_bindings(draft, access)
        let_in(draft, access)
