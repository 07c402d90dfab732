"""One run over one router: read what it has, plan the differences, write them, note what agrees.

A run holds the router's lease, reads at most six prints, writes only differences, in their order,
and checks before every chunk that the lease is still its own. It may be killed anywhere: the next
run plans from what the router shows then.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from urllib.parse import urlsplit

from jobs.hotspot.garden import plan_garden, plan_portal
from jobs.hotspot.leftovers import ASKS, plan_leftovers
from jobs.hotspot.plan import Device, Plan, Wanted, plan
from jobs.hotspot.report import Report, preview_of, say
from jobs.hotspot.snapshot import WHOLE_MEMBERS, RouterReader
from jobs.hotspot.usage import Look, Reading, count, reading_of
from jobs.hotspot.writing import GivesWay, Writer
from jobs.mikrotik import (
    LoginRefused,
    RouterAway,
    RouterLink,
    Row,
    Trap,
    open_link,
)
from store.clock import redis_ms
from store.hotspot.account import Account, Counted
from store.hotspot.deciding import STATUSES, Policy, Status, decide
from store.hotspot.leases import Lease, LeaseLost
from store.opening import Store
from store.routers import Router

RUN_SECONDS = 90.0
"""A run over everybody: ten times what 10,000 members take, and below the interval."""

MEMBER_SECONDS = 8.0
"""A run for one member: a router that is slower than this is left to the run over everybody."""

BUSY_SECONDS = 20.0
"""How long a run for one member waits for another run's lease. A run over everybody gives way
after its next chunk of writes."""

PASS_SECONDS = 2.0
"""How long a run over everybody waits for the router's lease: long enough for one member's run to
end. Any other holder is a run over everybody too, and does this one's work."""

MOST_STRANGERS = 0.05
"""Members that only the router knows are put out, unless they are so many that rather our own
knowledge must be wrong: 5 %, three at least."""

log = logging.getLogger("jaga.hotspot")

T = TypeVar("T")


class NotReady(Exception):
    """The router is not as it must be before the first write: nothing was written."""


class Engine:
    """Runs for one router."""

    def __init__(self, store: Store, router: Router, policy: Policy) -> None:
        self._store = store
        self.router = router
        self._policy = policy

    async def run(self, only: str = "") -> Report:
        """Make the router agree with everybody, or with one member.

        A run for one member skips a router that was found to be away a moment ago, and keeps no
        line of it: five hundred such runs must neither wait for the router nor fill the list of
        runs.

        A run whose prints are spent before it could look at what it wrote is followed by another.
        """
        report = await self._once(only)
        if report.is_spent:
            report = await self._once(only)
        if report.is_spent:
            await self._store.hotspot.routers.sync_all()
        return report

    async def _once(self, only: str) -> Report:
        began = time.monotonic()
        report = Report(self.router.name, only)
        if only and await self._store.hotspot.ledger.is_away(self.router.name):
            report.state = "away"
            return report
        try:
            await self._leased(report, only)
        except (RouterAway, TimeoutError) as error:
            report.state = "away"
            report.errors.append(str(error) or "a chunk of writes took too long")
        except (LoginRefused, NotReady, Trap) as error:
            report.state = "refused"
            report.errors.append(str(error))
        except LeaseLost:
            report.state = "overtaken"
        except GivesWay:
            report.state = "yielded"
            await self._store.hotspot.routers.sync_all()
        say(report)
        await self._store.hotspot.ledger.note_run(report.as_dict(began))
        return report

    async def preview(self, policy: Policy) -> dict[str, Any]:
        """Return what a run would write and why, and whom this policy would move; writes nothing.

        Raises RouterAway, LoginRefused, Trap.
        """
        accounts = await self._accounts("")
        now = await redis_ms(self._store.redis)
        async with open_link(self.router, RUN_SECONDS) as link:
            reader = RouterReader(link)
            actual = await reader.picture()
            wanted = self._wanted(accounts, now, policy)
            made = plan(wanted, actual, policy)
            if made.needs_cookies:
                made = plan(wanted, await reader.with_cookies(actual), policy)
        return preview_of(made, accounts, self._policy, policy, now, reader.prints)

    async def keep_garden(self) -> int:
        """Have what those without Internet may open all the same: our own pages, shops and banks.

        Returns how many rows were written. Raises RouterAway, LoginRefused, Trap.
        """
        settings = self._store.settings
        ours = urlsplit(settings.public_url).hostname or ""
        if settings.sync_test_mode_enabled:
            return 0
        async with self._store.hotspot.leases.taken(self.router.name, BUSY_SECONDS) as lease:
            if lease is None:
                return 0
            async with open_link(self.router, MEMBER_SECONDS) as link:
                reader = RouterReader(link)
                hosts = [ours, *settings.site.hosts, *settings.hotspot_walled_garden]
                writes = plan_garden(hosts, await reader.garden())
                writes += plan_portal(settings.public_url, await reader.ip_garden())
                await self._store.hotspot.leases.keep(lease)
                for receipt in await link.write(writes):
                    if receipt.trap is not None:
                        raise receipt.trap
        return len(writes)

    async def sweep(self, barred: Sequence[Account]) -> int:
        """Take away what a block leaves besides: queues, list entries, leases; returns how many.

        Raises RouterAway, LoginRefused, Trap, LeaseLost.
        """
        store = self._store
        name = self.router.name
        if store.settings.sync_test_mode_enabled or await store.hotspot.ledger.is_away(name):
            return 0
        async with store.hotspot.leases.taken(name, BUSY_SECONDS) as lease:
            if lease is None:
                return 0
            async with open_link(self.router, MEMBER_SECONDS) as link:
                rows = await link.read_all(*ASKS)
                there = {ask.path: some for ask, some in zip(ASKS, rows, strict=True)}
                writes = plan_leftovers(barred, there)
                await store.hotspot.leases.keep(lease)
                for receipt in await link.write(writes):
                    if receipt.trap is not None and not receipt.trap.is_gone:
                        log.warning("left over on %s: %s", name, receipt.trap.message)
        return len(writes)

    async def note_away(self, error: RouterAway) -> None:
        """Note that nobody answered outside a run; every page says so."""
        await self._store.hotspot.ledger.note_away(self.router.name, str(error))

    # The run

    async def _leased(self, report: Report, only: str) -> None:
        name = self.router.name
        wait = BUSY_SECONDS if only else PASS_SECONDS
        async with self._store.hotspot.leases.taken(name, wait, in_hurry=bool(only)) as lease:
            if lease is None:
                report.state = "busy"
                return
            seconds = MEMBER_SECONDS if only else RUN_SECONDS
            async with open_link(self.router, seconds) as link:
                await self._synchronise(report, only, lease, link)

    async def _synchronise(self, report: Report, only: str, lease: Lease, link: RouterLink) -> None:
        now = await redis_ms(self._store.redis)
        profiles: list[str] | None = None
        if only:
            accounts = await self._accounts(only)
            if not accounts:
                return
            known = await self._store.hotspot.ledger.members_on(self.router.name)
            (one,) = self._wanted(accounts, now, self._policy)
            reader = RouterReader(link, one if known > WHOLE_MEMBERS else None)
            actual = await reader.picture()
        else:
            reader = RouterReader(link)
            # while the router prints, Redis is asked
            async with _alongside(self._accounts(only)) as reading:
                actual, profiles = await reader.everything()
                accounts = await reading
        accounts = await self._count_usage(report, accounts, actual.hosts, lease)
        for account in accounts:
            for kind, key in account.notices(now, self._policy):
                if account.noticed.get(kind) != key:
                    await self._store.hotspot.ledger.notice(account.member, kind, key)
        wanted = self._wanted(accounts, now, self._policy)
        made = plan(wanted, actual, self._policy)
        if made.adoptions:
            wanted = await self._adopt(made, only, now)
        if not only:
            wanted += await self._strangers(report, made, len(accounts))
        if made.adoptions or len(wanted) != len(accounts):
            made = plan(wanted, actual, self._policy)
        if made.needs_cookies:
            actual = await reader.with_cookies(actual)
            made = plan(wanted, actual, self._policy)
        report.members = len(wanted)
        await self._preflight(reader, profiles, bool(made.steps))
        writer = Writer(self._store, self._policy, report, lease, link, reader)
        await writer.make_true(made, wanted, actual.hosts)
        report.prints = reader.prints

    async def _accounts(self, only: str) -> list[Account]:
        members = [only] if only else await self._store.hotspot.accounts.members()
        accounts = await self._store.hotspot.accounts.of(members, self.router.name)
        return [account for account in accounts if self._concerns(account)]

    def _concerns(self, account: Account) -> bool:
        """Whether the router has to know of an account."""
        if account.is_leaving:
            return True
        is_unknown = account.is_untouched and not account.settled[self.router.name]
        return bool(account.phone) and not is_unknown

    def _wanted(self, accounts: Sequence[Account], now: int, policy: Policy) -> list[Wanted]:
        return [
            Wanted(
                member=account.member,
                phone=account.phone,
                status=None if account.is_leaving else decide(account.terms(now), now, policy),
                devices=tuple(Device(slot.id, slot.mac, slot.ip) for slot in account.slots),
                former=account.former(),
                former_phone=account.former_phone,
                settled=_status(account.settled[self.router.name]),
                device_set=account.device_set,
                is_settled=account.settled_sets[self.router.name] == account.device_set,
                password=self._store.hotspot.routers.password(account.member),
                taken=account.taken(self.router.name),
                obstacle=account.obstacles[self.router.name],
                is_refused=account.is_refused(self.router.name),
            )
            for account in accounts
        ]

    async def _count_usage(
        self, report: Report, accounts: list[Account], hosts: Sequence[Row], lease: Lease
    ) -> list[Account]:
        """Add what each member used since the last look; returns the accounts as they are then."""
        rows: dict[str, list[Reading]] = {}
        for row in hosts:
            reading = reading_of(row)
            rows.setdefault(reading.mac, []).append(reading)
        counted = []
        for account in accounts:
            macs = [slot.mac for slot in account.slots]
            before = Look.parse(account.look)
            used, look = count(before, macs, [r for mac in macs for r in rows.get(mac, ())])
            if used or not look.is_like(before):
                counted.append(Counted(account.member, account.look, look.text(), used))
        added = await self._store.hotspot.ledger.count(self.router.name, counted, lease)
        if not added:
            return accounts
        again = await self._store.hotspot.accounts.of(added, self.router.name)
        newer = {one.member: one for one in again}
        report.counted = sum(one.used for one in counted if one.member in newer)
        return [newer.get(account.member, account) for account in accounts]

    async def _adopt(self, made: Plan, only: str, now: int) -> list[Wanted]:
        """Take devices in that only a phone number marked; returns everybody anew."""
        for found in made.adoptions:
            verdict, _ = await self._store.hotspot.devices.bind(
                found.member, found.mac, found.ip, name="Perangkat lama"
            )
            log.info("adopted a binding of member=%s: %s", found.member, verdict)
        return self._wanted(await self._accounts(only), now, self._policy)

    async def _strangers(self, report: Report, made: Plan, known: int) -> list[Wanted]:
        """Members that only the router knows, to be put out."""
        report.strangers = len(made.strangers)
        if len(made.strangers) > max(3, int(known * MOST_STRANGERS)):
            report.errors.append(f"{len(made.strangers)} unknown members on the router: left alone")
            return []
        exists = self._store.redis.exists
        keys = self._store.keys
        return [
            Wanted(member, "", None)
            for member in made.strangers
            if not await exists(keys.member(member), keys.hotspot(member))
        ]

    async def _preflight(
        self, reader: RouterReader, names: list[str] | None, will_write: bool
    ) -> None:
        """Every profile is there, by its exact name: a run over everybody has looked now (`names`),
        one for a member goes by the last look. Raises NotReady before the first write."""
        ledger = self._store.hotspot.ledger
        kept = await ledger.profiles(self.router.name)
        if names is None:
            names = kept if kept is not None else await reader.profiles()
        self._require_profiles(names)
        if kept is not None and set(kept) == set(names):
            return
        if not will_write and await reader.uses_radius():
            raise NotReady("the hotspot asks a RADIUS server: its own users are ignored")
        await ledger.note_profiles(self.router.name, names)

    def _require_profiles(self, names: Sequence[str]) -> None:
        missing = sorted(set(self._policy.profiles.values()) - set(names))
        if missing:
            raise NotReady(f"profiles missing on the router: {', '.join(missing)}")


@asynccontextmanager
async def _alongside(work: Coroutine[Any, Any, T]) -> AsyncIterator[asyncio.Task[T]]:
    """Have something done meanwhile; it does not outlive the block."""
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _status(text: str) -> Status | None:
    return next((status for status in STATUSES if status == text), None)
