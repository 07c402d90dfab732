"""`python -m scripts.seed`: the demo accounts of a development machine; safe to repeat.

An account that is there already is left as it is. Production refuses: its first administrator
comes from ADMIN_EMAIL and ADMIN_PASSWORD.
"""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import dataclass

from store.errors import MemberExists, Unavailable
from store.opening import Store, open_store
from store.settings import Settings, SettingsError

WAIT_SECONDS = 30.0
"""How long to wait for a Redis that is still being rebuilt from Postgres."""


MEMBER_PHONE = "081234567890"
"""The demo member's; its login codes land in the home's `messages`."""


@dataclass(frozen=True)
class Account:
    """Somebody who can log in at once; the password is known to everybody who reads this."""

    email: str
    password: str
    name: str
    role: str


def accounts(settings: Settings) -> dict[str, Account]:
    """The demo accounts by name; the administrator is the one set in the environment, if any."""
    email = settings.admin_email or "admin@jaga.test"
    password = settings.admin_password or "jaga-admin"
    return {
        "admin": Account(email, password, "Ibu Ratna", "admin"),
        "member": Account("member@jaga.test", "jaga-member", "Budi Santoso", "member"),
    }


async def seed(store: Store, wait_seconds: float = WAIT_SECONDS) -> list[str]:
    """Create the demo accounts that are missing; returns their addresses.

    Raises Unavailable when the store takes no members within `wait_seconds`.
    """
    created = []
    for account in accounts(store.settings).values():
        if await _create(store, account, time.monotonic() + wait_seconds):
            created.append(account.email)
    if created:
        await _give_internet(store)
    return created


async def _give_internet(store: Store) -> None:
    """A phone and a package for the member, to try the hotspot with."""
    member = await store.members.find(accounts(store.settings)["member"].email)
    if member is not None and not member.phone:
        await store.members.change(member.id, phone=MEMBER_PHONE)
        package = await store.hotspot.save_package("Harian 2 GB", 2048, 30, False, None)
        await store.hotspot.give(member.id, package.id)


async def _create(store: Store, account: Account, deadline: float) -> bool:
    while True:
        try:
            # Looking first saves the cost of hashing a password at every start.
            if await store.members.find(account.email) is not None:
                return False
            await store.members.create(
                email=account.email,
                password=account.password,
                name=account.name,
                role=account.role,
            )
        except MemberExists:
            return False
        except Unavailable:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.05)
        else:
            return True


async def main() -> str | None:
    """Seed what the environment points at; returns what went wrong, in a line."""
    try:
        settings = Settings.from_environment()
        if not settings.is_dev:
            return "seed: only for development (JAGA_ENV=dev); these passwords are public"
        async with open_store(settings) as store:
            created = await seed(store)
    except (SettingsError, Unavailable) as error:
        return f"seed: {error}"
    print(f"seed: created {', '.join(created)}" if created else "seed: nothing to do")
    return None


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
