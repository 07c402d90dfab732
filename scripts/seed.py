"""`python -m scripts.seed`: what a development machine has to look at; safe to repeat.

The demo accounts; an order and a hotspot package for the member; for the teacher a lesson that is
going on, a new one at each start once the last is over. What is there is left as it is. Production
refuses: its first administrator comes from ADMIN_EMAIL and ADMIN_PASSWORD.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from redis import RedisError

from store.attendance.meetings import By
from store.attendance.students import Student
from store.errors import MemberExists, Unavailable
from store.opening import Store, open_store
from store.payments.delivery import read, sign
from store.payments.orders import WIB
from store.settings import Settings, SettingsError

WAIT_SECONDS = 30.0
"""How long to wait for a Redis that is still being rebuilt from Postgres."""


MEMBER_PHONE = "081234567890"
"""The demo member's; its login codes land in the home's `messages`."""

ORDER = "de30" * 8
"""The refId of the demo member's order: what its buyer's page is found by."""

LESSON = "Matematika 10A"
BEGAN_MINUTES_AGO = 20
LESSON_HOURS = 4

PRESENT = (
    ("Siti Aminah", "HADIR", ""),
    ("Rizky Pratama", "TERLAMBAT", ""),
    ("Dewi Lestari", "IZIN", "Sakit, surat dokter menyusul"),
)
"""Who is in the register already."""


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
        "teacher": Account("guru@jaga.test", "jaga-guru", "Pak Hendra", "teacher"),
    }


async def seed(store: Store, wait_seconds: float = WAIT_SECONDS) -> list[str]:
    """Create the demo accounts that are missing, and what they have; returns their addresses.

    Raises Unavailable when the store takes no members within `wait_seconds`.
    """
    created = []
    for account in accounts(store.settings).values():
        if await _create(store, account, time.monotonic() + wait_seconds):
            created.append(account.email)
    if created:
        await _give_internet(store)
        await _place_order(store)
    await _begin_lesson(store)
    return created


async def _give_internet(store: Store) -> None:
    """A phone and a package for the member, to try the hotspot with."""
    member = await store.members.find(accounts(store.settings)["member"].email)
    if member is not None and not member.phone:
        await store.members.change(member.id, phone=MEMBER_PHONE)
        package = await store.hotspot.packages.make("Harian 2 GB", 2048, 30, False, None)
        await store.hotspot.quota.give(member.id, package.id)


async def _place_order(store: Store) -> None:
    """An order of the member's as Lynk.id would send it: a licence comes of it, and a mail."""
    if await store.payments.pages.look(ORDER) is None:
        body = json.dumps(_payment(accounts(store.settings)["member"])).encode()
        unsigned = read(body)
        keys = store.settings.lynk_merchant_keys
        signature = sign(unsigned.amount, ORDER, unsigned.message_id, keys[0]) if keys else ""
        await store.payments.intake.take(read(body, [signature] if keys else []), "127.0.0.1")


def _payment(buyer: Account) -> dict[str, object]:
    item = {"title": "E-Book Panduan Ekspor Pemula", "uuid": "contoh-ebook", "qty": 1}
    data = {
        "createdAt": datetime.now(WIB).strftime("%Y-%m-%dT%H:%M:%S"),
        "customer": {"email": buyer.email, "name": buyer.name, "phone": MEMBER_PHONE},
        "items": [item | {"price": 99_000}],
        "refId": ORDER,
        "totals": {"grandTotal": 96_000, "totalPrice": 99_000, "customerPay": 100_500},
    }
    return {
        "event": "payment.received",
        "data": {"message_action": "SUCCESS", "message_id": "CONTOH", "message_data": data},
    }


async def _begin_lesson(store: Store) -> None:
    """A meeting of the teacher's that is open now, with a few students in it."""
    teacher = await store.members.find(accounts(store.settings)["teacher"].email)
    if teacher is None:
        return
    now = await store.attendance.meetings.now()
    if any(one.state(now) == "open" for one in await store.attendance.meetings.newest(teacher.id)):
        return
    by = By(teacher.id, "")
    begins = now - BEGAN_MINUTES_AGO * 60_000
    wish = {"title": LESSON, "starts_at": _iso(begins)}
    wish |= {"ends_at": _iso(begins + LESSON_HOURS * 3_600_000)}
    lesson = await store.attendance.meetings.create(wish, by)
    today = lesson.today(now).on
    for name, status, reason in PRESENT:
        student = Student(name, "10A")
        await store.attendance.records.mark(lesson, today, student, status, reason, by)


def _iso(moment: int) -> str:
    return datetime.fromtimestamp(moment // 1000, UTC).isoformat()


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
    except RedisError as error:
        return f"seed: Redis does not answer: {error}"
    print(f"seed: created {', '.join(created)}" if created else "seed: nothing to do")
    return None


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
