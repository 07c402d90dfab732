"""The second half of a run: what was planned is written, looked at once more, and noted.

Phase by phase, a chunk at a time, and before every chunk the lease is asked for: who lost it writes
nothing more.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from jobs.hotspot.plan import Actual, Conflict, Obstacle, Phase, Plan, Step, Wanted, plan
from jobs.hotspot.report import Report
from jobs.hotspot.snapshot import RouterReader
from jobs.mikrotik import Receipt, RouterLink, Row
from store.clock import redis_ms
from store.errors import NotFound
from store.hotspot.deciding import Policy, decide, why
from store.hotspot.leases import Lease
from store.opening import Store

CHUNK = 32
CHUNK_SECONDS = 10.0
"""Writes between two looks at the lease; they are done or cut off well before it could run out."""

RETURN_SECONDS = 1.0
"""How long a device that is in use takes to send again, and so to be a host again."""


LONGEST_REFUSAL = 200
"""Of what a router says; it is kept with the member."""


class GivesWay(Exception):
    """Somebody in a hurry waits for the router: the rest is another run's."""


@dataclass
class Writer:
    """Writes for one run, while it holds its router's lease."""

    store: Store
    policy: Policy
    report: Report
    lease: Lease
    link: RouterLink
    reader: RouterReader
    refused: dict[str, Conflict] = field(default_factory=dict)
    """Member → what the router refused in this run."""

    async def make_true(self, made: Plan, wanted: Sequence[Wanted], hosts: Sequence[Row]) -> None:
        """Write the plan, and note who agrees; `hosts` are those of the picture it was made from.

        Raises RouterAway, TimeoutError, LeaseLost, GivesWay, and Trap when no step can succeed.
        """
        failed = await self._apply(made.steps, wanted)
        touched = {step.member for step in made.steps}
        if touched and self.reader.is_spent:
            # seen by the next run, which has its six prints to itself
            self.report.is_spent = True
            failed |= touched
        elif touched:
            hosts = await self._look_again(made, wanted)
        await self._note(made, wanted, failed, hosts)

    async def _apply(self, planned: Sequence[Step], wanted: Sequence[Wanted]) -> set[str]:
        """Write the steps, phase by phase; returns the members with one that failed."""
        steps = self._allowed(planned, wanted)
        self.report.pending = len(planned) - len(steps)
        failed = {step.member for step in planned} - {step.member for step in steps}
        for phase in Phase:
            part = [step for step in steps if step.phase == phase]
            for at in range(0, len(part), CHUNK):
                # the barrier between phases: commands with different tags may overtake each other
                failed |= await self._apply_chunk(part[at : at + CHUNK])
        return failed

    async def _apply_chunk(self, steps: Sequence[Step]) -> set[str]:
        is_wanted = await self.store.hotspot.leases.keep(self.lease)
        async with asyncio.timeout(CHUNK_SECONDS):
            receipts = await self.link.write([step.write for step in steps])
        self.report.writes += len(steps)
        failed = self._check(steps, receipts)
        if is_wanted and not self.report.only:
            # after a chunk, so that a run always gets on, however many are in a hurry
            raise GivesWay
        return failed

    def _allowed(self, steps: Sequence[Step], wanted: Sequence[Wanted]) -> Sequence[Step]:
        """In test mode everybody is planned, and written are only those that are named."""
        settings = self.store.settings
        if not settings.sync_test_mode_enabled:
            return steps
        named = settings.sync_test_phone_numbers
        members = {one.member for one in wanted if one.phone in named}
        return [step for step in steps if step.member in members]

    def _check(self, steps: Sequence[Step], receipts: Sequence[Receipt]) -> set[str]:
        """The members whose step was refused; raises Trap when no step can succeed."""
        failed = set()
        for step, receipt in zip(steps, receipts, strict=True):
            trap = receipt.trap
            if trap is None or (trap.is_gone and step.write.verb == "remove"):
                continue
            if trap.is_forbidden:
                raise trap
            if step.phase is Phase.LOGIN and trap.is_of_the_moment:
                continue
            self.refused[step.member] = Conflict(
                Obstacle.REFUSED, trap.message[:LONGEST_REFUSAL], step.write.path
            )
            self.report.errors.append(f"{step.member} {step.write.path}: {trap.message}")
            failed.add(step.member)
        return failed

    async def _look_again(self, made: Plan, wanted: Sequence[Wanted]) -> Sequence[Row]:
        """The hosts after the writes. A device that went from a binding to a login is out until
        it is logged in: it is given a moment to send, and let in again."""
        dropped = {step.member for step in made.steps if step.phase is Phase.GRANT_HOST}
        waiting = [
            one
            for one in wanted
            if one.member in dropped
            and one.status is not None
            and self.policy.access(one.status) == "session"
        ]
        if waiting:
            await asyncio.sleep(RETURN_SECONDS)
        hosts: Sequence[Row] = await self.reader.hosts()
        if waiting:
            again = plan(waiting, Actual([], [], [], hosts), self.policy)
            logins = [step for step in again.steps if step.phase is Phase.LOGIN]
            hosts = await self._log_in(logins, hosts)
        return hosts

    async def _log_in(self, logins: Sequence[Step], hosts: Sequence[Row]) -> Sequence[Row]:
        """Log devices in, note who is refused; returns the hosts as they are then."""
        await self.store.hotspot.leases.keep(self.lease)
        receipts = await self.link.write([step.write for step in logins])
        self._check(logins, receipts)
        is_in = {receipt.write.values["ip"] for receipt in receipts if receipt.trap is None}
        return [
            {**row, "authorized": "true"} if row.get("address") in is_in else row for row in hosts
        ]

    async def _note(
        self, made: Plan, wanted: Sequence[Wanted], failed: set[str], hosts: Sequence[Row]
    ) -> None:
        through = {
            row["mac-address"]: row.get("bypassed") == "true" or row.get("authorized") == "true"
            for row in hosts
        }
        agreeing = []
        for one in wanted:
            found = self.refused.get(one.member) or made.conflicts.get(one.member)
            await self._note_obstacle(one, found)
            if one.member in failed or found is not None:
                self.report.pending += self._is_news(one)
                if self.report.only:
                    self.report.stuck = self._stuck(one, made, failed, through)
            elif one.status is None:
                await self._gone(one, through)
            elif self._is_news(one):
                if self._agrees(one, through):
                    agreeing.append(one)
                else:
                    self.report.pending += 1
        await self._settle(agreeing)

    def _stuck(
        self, one: Wanted, made: Plan, failed: set[str], through: Mapping[str, bool]
    ) -> list[str]:
        """Their devices that are not as they should be: all, unless what is in the way is a binding
        that decides about one of them."""
        found = made.conflicts.get(one.member)
        is_about_one = found is not None and found.kind in (Obstacle.BINDING, Obstacle.ADDRESS)
        if one.member in failed or one.member in self.refused or not is_about_one:
            return [device.mac for device in one.devices]
        return [
            device.mac
            for device in one.devices
            if device.mac in made.stuck or not through.get(device.mac, True)
        ]

    async def _note_obstacle(self, one: Wanted, found: Conflict | None) -> None:
        """Keep what is in the way of a member, and that nothing is any more."""
        if found is not None:
            self.report.conflicts[one.member] = str(found)
        text = json.dumps(found.as_dict()) if found is not None else ""
        if text != one.obstacle:
            await self.store.hotspot.ledger.note_obstacle(
                self.report.router, one.member, text, self.lease
            )

    def _is_news(self, one: Wanted) -> bool:
        return one.status != one.settled or not one.is_settled

    def _agrees(self, one: Wanted, through: Mapping[str, bool]) -> bool:
        """Whether packets of their devices go where they should: past the router or not. A device
        that has no row there sends none."""
        if one.status is None:
            return True
        is_let_in = self.policy.access(one.status) != "none"
        return all(through.get(device.mac, is_let_in) == is_let_in for device in one.devices)

    async def _settle(self, agreeing: Sequence[Wanted]) -> None:
        """Note who agrees. A member whose status was decided anew meanwhile is left out: the next
        run makes the router agree with the new one, and nobody is told of the old one."""
        now = await redis_ms(self.store.redis)  # by which the run has decided
        accounts = await self.store.hotspot.accounts.of([one.member for one in agreeing])
        fresh = {account.member: account for account in accounts}
        for one in agreeing:
            account = fresh.get(one.member)
            if account is None or decide(account.terms(now), now, self.policy) != one.status:
                self.report.pending += 1
                continue
            status = str(one.status)
            if await self.store.hotspot.ledger.settle(
                self.report.router, one.member, status, now, self.lease, one.device_set
            ) and (one.settled != one.status):
                change = {"member": one.member, "from": one.settled or "", "to": status}
                self.report.changes.append(
                    change | {"why": why(account.terms(now), now, self.policy)}
                )

    async def _gone(self, one: Wanted, through: Mapping[str, bool]) -> None:
        """This router has no trace of them; when none has, the row may go."""
        if any(through.get(device.mac) for device in one.devices):
            return
        if not await self.store.hotspot.ledger.clean(self.report.router, one.member, self.lease):
            return
        try:
            await self.store.members.forget(one.member)
        except NotFound:
            await self.store.hotspot.accounts.forget(one.member)
