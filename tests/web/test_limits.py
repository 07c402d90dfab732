"""Every limit by address, through its door: who is behind it is told apart in one way.

A limit that is added needs a row here: the last test looks for all there are.
"""

from __future__ import annotations

import asyncio
import dataclasses
import importlib
import itertools
import pkgutil
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

import store as store_package
import web as web_package
from store import passwords
from store.attendance.meetings import By
from store.contacts import Contacts
from store.limits import AddressLimit
from store.payments.delivery import read
from store.payments.inbox import Inbox
from tests.lynk import KEY, encode, payment
from tests.serving import Serving, serving

MOST = 3

AT_ONCE = 24

_numbers = itertools.count(1)

Knock = Callable[[Serving, str, int], Awaitable[bool]]
"""Comes once from an address, with whatever it may name itself new each time; returns whether it
was let through."""


@dataclass(frozen=True)
class Row:
    module: str
    limit: str
    knock: Knock
    has_key: bool = True
    """Whether LYNK_MERCHANT_KEYS is set."""

    @property
    def name(self) -> str:
        return f"{self.module}.{self.limit}"


def post(path: str, body: Callable[[int], dict[str, object]]) -> Knock:
    async def knock(site: Serving, address: str, number: int) -> bool:
        answer = await site.browser().post(path, body(number), X_Forwarded_For=address)
        assert answer.status in (200, 202, 400, 401, 404, 409, 410, 429), (
            answer.status,
            answer.body,
        )
        return answer.status != 429

    return knock


_looked: set[str] = set()


async def ask_for_an_address(site: Serving, address: str, number: int) -> bool:
    """Each time another member from the same place."""
    members = site.store.members
    member = await members.register(f"62813{number:08d}", "Sri")
    await members.approve(member, True, by="test")
    browser = await site.logged_in(await members.get(member))
    body = {"email": f"baru{number}@jaga.test"}
    answer = await browser.post("/api/me/email", body, X_Forwarded_For=address)
    assert answer.status in (200, 429), answer.body
    return answer.status == 200


async def look_at_an_order(site: Serving, address: str, number: int) -> bool:
    """Answered alike whether Postgres was asked or not."""
    await site.browser().get(f"/api/order/{number}", X_Forwarded_For=address)
    return str(number) in _looked


async def deliver_without_key(site: Serving, address: str, number: int) -> bool:
    headers = {"X-Forwarded-For": address}
    body = encode(payment(f"{number:032x}"))
    answer = await site.browser().send("POST", "/webhook/lynk", body, headers)
    assert answer.status in (200, 503)
    return answer.status == 200


async def deliver_unsigned(site: Serving, address: str, number: int) -> bool:
    """Answered alike whether it is kept or not."""
    body, signature = encode(payment(f"{number:032x}")), "0" * 64
    headers = {"X-Lynk-Signature": signature, "X-Forwarded-For": address}
    await site.browser().send("POST", "/webhook/lynk", body, headers)
    kept = site.store.keys.payment(read(body, [signature]).id, "quarantined")
    return bool(await site.store.redis.exists(kept))


def fill(path: str, meeting: str = "") -> Knock:
    """A pupil's form, from a new device each time."""

    async def knock(site: Serving, address: str, number: int) -> bool:
        body = {"name": f"Siswa {number}", "class": "X", "deviceId": str(uuid.uuid4())}
        body |= {"meeting_id": meeting or await _meeting(site), "code": "AAAA"}
        answer = await site.browser().post(path, body, X_Forwarded_For=address)
        assert answer.status in (201, 403, 404, 429), (answer.status, answer.body)
        return answer.status != 429

    return knock


async def _meeting(site: Serving) -> str:
    found = await site.store.redis.zrange(site.store.keys.meetings(), 0, -1)
    if found:
        return str(found[0])
    now = datetime.now(UTC)
    wish = {
        "title": "Kelas",
        "starts_at": (now - timedelta(hours=1)).isoformat(),
        "ends_at": (now + timedelta(hours=1)).isoformat(),
    }
    return (await site.store.attendance.meetings.create(wish, By("guru", "10.0.0.1"))).id


def phone(number: int) -> str:
    return f"0812{number:08d}"


ROWS = [
    Row(
        "web.hotspot.entry",
        "REGISTRATIONS",
        post("/api/auth/register", lambda n: {"phone_number": phone(n), "name": f"Budi {n}"}),
    ),
    Row(
        "store.hotspot.otp",
        "REQUESTS_PER_ADDRESS",
        post("/api/auth/request-otp", lambda n: {"phone_number": phone(n)}),
    ),
    Row(
        "store.hotspot.otp",
        "WRONG_PER_ADDRESS",
        post("/api/auth/verify-otp", lambda n: {"phone_number": phone(n), "otp": "123456"}),
    ),
    Row(
        "store.qr",
        "REQUESTS_PER_ADDRESS",
        post("/api/auth/qr/generate", lambda n: {"browser_id": f"b{n}", "fingerprint": f"f{n}"}),
    ),
    Row(
        "store.payments.licences",
        "WRONG_PER_ADDRESS",
        post(
            "/api/license/activate",
            lambda n: {"license_key": f"KEI-ABCD-{n:08X}", "fingerprint": f"f{n}"},
        ),
    ),
    Row(
        "store.payments.licences",
        "TRIES_PER_ADDRESS",
        post(
            "/api/license/validate",
            lambda n: {"license_key": f"KEI-ABCD-{n:08X}", "fingerprint": f"f{n}"},
        ),
    ),
    Row(
        "store.payments.licences",
        "TRIES_PER_DEVICE",
        post(
            "/api/license/deactivate",
            lambda n: {"license_key": f"KEI-ABCD-{n:08X}", "fingerprint": "the same"},
        ),
    ),
    Row(
        "store.logins",
        "WRONG_PER_ADDRESS",
        post("/cekfingerprint", lambda n: {"username": f"nobody{n}", "pass": "salah"}),
    ),
    Row("store.contacts", "ASKED_PER_ADDRESS", ask_for_an_address),
    Row(
        "web.passwords",
        "LINKS_TRIED",
        post("/api/auth/set-password", lambda n: {"token": f"{n:032d}", "password": "rahasia 1"}),
    ),
    Row(
        "store.forgotten",
        "ASKED_PER_ADDRESS",
        post("/api/auth/forgot", lambda n: {"username": f"nobody{n}@jaga.test"}),
    ),
    Row("store.attendance.submissions", "TURNS_PER_ADDRESS", fill("/api/attendance/submit")),
    Row("store.attendance.submissions", "SCANS_PER_ADDRESS", fill("/api/attendance/presence")),
    Row(
        "store.attendance.submissions",
        "UNKNOWN_PER_ADDRESS",
        fill("/api/attendance/submit", "nowhere"),
    ),
    Row(
        "web.payments.orders",
        "RESENDS_ASKED",
        lambda site, address, n: post(f"/api/order/{n}/resend", lambda _: {})(site, address, n),
    ),
    Row("web.payments.orders", "UNKNOWN_ORDERS", look_at_an_order),
    Row("store.payments.intake", "QUARANTINE_PER_ADDRESS", deliver_unsigned),
    Row("store.payments.intake", "HELD_PER_ADDRESS", deliver_without_key, has_key=False),
    Row(
        "web.hotspot.presence",
        "TRIES_PER_ADDRESS",
        post("/api/hotspot/proof", lambda n: {"token": f"{n:024d}"}),
    ),
    Row(
        "web.hotspot.handover",
        "TRIES_PER_ADDRESS",
        post("/api/hotspot/handover/redeem", lambda n: {"token": f"{n:024d}"}),
    ),
]


@pytest.fixture
async def site(
    environment: dict[str, str], row: Row, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Serving]:
    """A server behind one proxy, where nothing costs much."""

    async def order_page(self: object, ref: str) -> None:
        _looked.add(ref)

    async def prove(self: object, member: str, password: str, address: str) -> None:
        """A password has a limit of its own."""

    monkeypatch.setattr(Inbox, "order_page", order_page)
    monkeypatch.setattr(Contacts, "prove", prove)
    # a machine that is busy is no Redis that is away
    monkeypatch.setattr("store.payments.intake.REDIS_SECONDS", 10.0)
    monkeypatch.setattr(passwords, "verify", lambda given, stored: passwords.Verdict(False))
    keyed = {"LYNK_MERCHANT_KEYS": KEY} if row.has_key else {"JAGA_ENV": "production"}
    router = {"MIKROTIK_HOST": "127.0.0.1", "MIKROTIK_PORT": "1"}  # without one nobody registers
    async with serving(environment, PROXYFIX_X_FOR="1", **router, **keyed) as site:
        yield site


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
async def test_who_is_behind_an_address(
    site: Serving, row: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = importlib.import_module(row.module)
    few = dataclasses.replace(getattr(module, row.limit), most=MOST)
    monkeypatch.setattr(module, row.limit, few)

    async def knock(address: str) -> bool:
        return await row.knock(site, address, next(_numbers))

    # an IPv4 address is one, whatever port it comes from and however it is written
    one = ("203.0.113.7", "203.0.113.7:5123", "::ffff:203.0.113.7")
    assert [await knock(address) for address in one] == [True] * MOST
    assert not await knock("203.0.113.7:6000")
    assert await knock("203.0.113.8")
    # of IPv6 a whole /64 is
    network = ("2001:db8:0:7::1", "[2001:db8:0:7::2]", "[2001:DB8:0:7:ffff:1:2:3]:5123")
    assert [await knock(address) for address in network] == [True] * MOST
    assert not await knock("2001:db8:0:7:abcd::9")
    assert await knock("2001:db8:0:8::1")
    # what is no address is the proxy's own
    odd = ("unknown", "_hidden", "203.0.113.300")
    assert [await knock(address) for address in odd] == [True] * MOST
    assert not await knock("another")
    # and many at once are no more than as many in a row
    answers = await asyncio.gather(
        *(knock(f"2001:db8:0:9::{number:x}") for number in range(1, AT_ONCE))
    )
    assert answers.count(True) == MOST


ELSEWHERE = {
    "store.payments.intake.HELD_AWAY_PER_ADDRESS",
    "store.attendance.submissions.PACE",
    "store.payments.intake.HELD_BYTES_PER_ADDRESS",
}
"""These count no turns, or not in Redis: test_attendance_floods.py, test_payments_held.py and
faults/test_payments.py have them."""


def test_no_limit_by_address_is_left_out() -> None:
    found = set()
    for package in (store_package, web_package):
        for part in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            module = importlib.import_module(part.name)
            found |= {
                f"{part.name}.{name}"
                for name, value in vars(module).items()
                if isinstance(value, AddressLimit)
            }
    assert found - ELSEWHERE == {row.name for row in ROWS}
