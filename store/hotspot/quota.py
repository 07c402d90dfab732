"""What a member may use: packages laid on top of each other, given, corrected and taken back."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from store.changes import Changes, Part, only
from store.clock import now_ms
from store.errors import NotFound, Unavailable
from store.hotspot.account import Account
from store.hotspot.accounts import Accounts, account_keys
from store.hotspot.package import Package
from store.hotspot.packages import Packages
from store.hotspot.routers import RouterRequests
from store.hotspot.stack import STACK_FIELDS, Stack
from store.sessions import new_id

PREVIEW = "preview"
"""The id of a purchase that is only looked at."""

RESTACKS = 20
"""How often a stack is changed anew because another change came first: two runs count for one
member at most, and a buyer buys one thing at a time."""


class Quota(Part):
    """Every way a member's packages may change, but for being used (`ledger`)."""

    def __init__(
        self,
        changes: Changes,
        accounts: Accounts,
        packages: Packages,
        routers: RouterRequests,
        timezone: str,
    ) -> None:
        """`timezone` is where a day begins."""
        super().__init__(changes)
        self._accounts = accounts
        self._packages = packages
        self._routers = routers
        self._timezone = timezone
        self._stack = changes.script("hotspot_stack", {"gone": NotFound}, wrote=only("written"))

    async def give(self, member: str, package_id: str, *, once: str = "") -> Package:
        """Lay a package on top of a member's others, whose terms stay as they are.

        `once` is what a purchase is known by: given again, it adds nothing. Raises NotFound,
        StackFull.
        """
        package = await self._packages.get(package_id)
        purchase = once or new_id()
        await self._restack(
            member,
            lambda stack: stack.give(package, purchase, now_ms()),
            once=once,
            given=purchase,
        )
        return package

    async def preview(self, member: str, package_id: str) -> Account:
        """Return the account as it would be with a package more, whose id is PREVIEW; nothing is
        changed by it.

        Raises NotFound, StackFull.
        """
        package = await self._packages.get(package_id)
        account = await self._accounts.get(member)
        return replace(account, stack=account.stack.give(package, PREVIEW, now_ms()))

    async def take_back(self, member: str, purchase: str) -> bool:
        """Take one purchase out of a member's packages, whatever is left of it; returns whether
        it was there. Raises NotFound."""
        account = await self._accounts.get(member)
        if all(one.id != purchase for one in account.stack.purchases):
            return False
        await self._restack(member, lambda stack: stack.without(purchase), taken=purchase)
        return True

    async def correct(self, member: str, **terms: Any) -> None:
        """Set terms of the package in use outright (`store.hotspot.stack.Purchase`); an account
        without one is given one of these terms. Raises NotFound."""
        await self._restack(member, lambda stack: stack.changed(now_ms(), **terms))

    async def _restack(
        self,
        member: str,
        change: Callable[[Stack], Stack],
        *,
        once: str = "",
        given: str = "",
        taken: str = "",
    ) -> None:
        """Change a member's stack; anew when somebody else changed it meanwhile.

        Raises NotFound, Unavailable.
        """
        keys = [*account_keys(self._keys, member), self._keys.member(member)]
        for _ in range(RESTACKS):
            fields = await self._redis.hmget(self._keys.hotspot(member), STACK_FIELDS)
            kept = dict(zip(STACK_FIELDS, fields, strict=True))
            after = change(Stack.read(kept))
            given_row = next((asdict(one) for one in after.purchases if one.id == given), {})
            verdict = await self._stack(
                keys,
                [
                    member,
                    now_ms(),
                    str(kept["stack"] or ""),
                    after.text(),
                    once,
                    json.dumps(given_row) if given else "",
                    taken,
                ],
            )
            if verdict == "written":
                await self._routers.sync(member)
            if verdict != "changed":
                return
        raise Unavailable()

    async def days(self, member: str, most: int = 14) -> list[tuple[str, int]]:
        """Return the bytes of each of the last days, today's last; a day without any is 0."""
        kept = await self._redis.hgetall(self._keys.hotspot_days(member))
        last = date.fromisoformat(today(self._timezone))
        names = [str(last - timedelta(days=back)) for back in reversed(range(most))]
        return [(name, int(kept.get(name, 0))) for name in names]


def today(timezone: str) -> str:
    """Return the day it is there, `YYYY-MM-DD`."""
    return str(datetime.now(ZoneInfo(timezone)).date())
