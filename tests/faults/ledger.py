"""The ledger: every act that was acknowledged, and whether each is there once afterwards.

Acts of all five systems are done through the product's own addresses, and written down only when
the answer said that they were done. `faults` asks for each whether it took effect once, in
Postgres and in what the product answers: nothing lost, nothing doubled, and nothing that was taken
away answering 200.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import Any

from redis.exceptions import RedisError

from store.attendance.meetings import By
from store.attendance.students import Student
from store.errors import JagaError
from store.hotspot import Package
from store.members import Member
from tests.client import Answer, Browser
from tests.flows.people import Desk
from tests.licences import act
from tests.lynk import deliver, payment
from tests.orders import SUCCESS
from tests.pupils import Phone, meeting_of
from tests.serving import PASSWORD, Serving, open_session, until

Check = Callable[[], Awaitable[str]]
"""Looks at one act: "" when it is there once, else what is wrong."""

_numbers = itertools.count(1)


class Ledger:
    """Acts of one site, and what became of them."""

    def __init__(self, site: Serving, admin: Browser, teacher: Browser) -> None:
        self.site = site
        self._admin = admin
        self._teacher = teacher
        self._meeting = ""
        self._key = ""
        self._checks: list[tuple[str, Check]] = []
        self._orders: list[dict[str, Any]] = []

    @classmethod
    async def open(cls, site: Serving) -> Ledger:
        """Begin one, with an admin and a teacher of its own."""
        people = [
            await site.logged_in(await site.member(role=role), method="mobile")
            for role in ("admin", "teacher")
        ]
        return cls(site, *people)

    def __len__(self) -> int:
        return len(self._checks)

    async def faults(self) -> list[str]:
        """Return a line for each act that is not there once."""
        found = [(name, await _looked(check)) for name, check in self._checks]
        return [f"{name}: {wrong}" for name, wrong in found if wrong]

    async def balance(self, seconds: float = 20.0) -> None:
        """Wait until there is no fault; raises AssertionError with those that stay."""
        left: list[str] = []

        async def none_left() -> bool:
            left[:] = await self.faults()
            return not left

        try:
            await until(none_left, seconds)
        except AssertionError:
            raise AssertionError("\n".join(left)) from None

    def note(self, name: str, check: Check) -> None:
        """Write an act down that was acknowledged."""
        self._checks.append((f"{name} {next(_numbers)}", check))

    # Acts

    async def prepare(self) -> None:
        """Make what later acts are about: a meeting, and a licence."""
        self._meeting = await meeting_of(self._teacher)
        await self.pay()
        await until(self._has_licence, 20, "a licence was granted")

    async def act(self) -> None:
        """One act of each kind."""
        await self.log_out()
        await self.block()
        await self.change_password()
        await self.pay()
        await self.attend()
        await self.move_licence()
        await self.redeem()
        await self.bind()
        await self.purge()

    async def log_out(self) -> None:
        browser = await self.site.logged_in(await self.site.member())
        await self.leave(browser)

    async def leave(self, browser: Browser) -> None:
        """Log a browser out that was logged in before."""
        dead = browser.copy()
        answer = await _answered(lambda: browser.post("/logout"))
        assert answer.status == 302, answer.body
        self.note("logout", lambda: self._is_out(dead))

    async def block(self, member: Member | None = None) -> None:
        member = member or await self.site.member()
        inside = await self.site.logged_in(member)
        path = f"/api/admin/members/{member.id}/block"
        answer = await _answered(lambda: self._admin.post(path))
        assert answer.status == 200, answer.body
        self.note("block", lambda: self._is_blocked(member, inside))

    async def change_password(self) -> None:
        member = await self.site.member()
        await self.site.store.members.set_password(member.id, "sandi yang lain")
        self.note("password", lambda: self._has_password(member, "sandi yang lain"))

    async def pay(self) -> None:
        body = payment(email=f"pembeli{next(_numbers)}@example.com")
        answer = await _answered(lambda: deliver(self.site.browser(), body))
        assert (answer.status, answer.body) == (200, SUCCESS)
        self._orders.append(body)
        ref = body["data"]["message_data"]["refId"]
        self.note("payment", lambda: self._is_granted(ref))

    async def redeliver(self) -> None:
        """Have Lynk.id send everything again, as it does when it is asked to."""
        for body in self._orders:
            assert (await deliver(self.site.browser(), body)).status == 200

    async def attend(self) -> None:
        phone, name = Phone(self.site.port), f"Siswa {next(_numbers)}"
        answer = await phone.fill(self._meeting, name)
        assert answer.status == 201, answer.body
        record = answer.json["attendance"]["id"]
        self.note("attendance", lambda: self._is_in(record, name))

    async def move_licence(self) -> None:
        fingerprint = f"gawai-{next(_numbers)}"
        answer = await _answered(
            lambda: act(self.site.browser(), "activate", self._key, fingerprint=fingerprint)
        )
        assert answer.status == 200 and answer.json["activated"], answer.body
        instance = answer.json["instance"]["id"]
        # the next move takes it away again: only the last one is to hold it
        self._checks = [one for one in self._checks if not one[0].startswith("licence ")]
        self.note("licence", lambda: self._holds(instance))

    async def redeem(self) -> None:
        """A phone lets a browser in; it is in once."""
        member = await self.site.member()
        opened = await open_session(self.site.store, member, method="mobile")
        bearer: Any = {"Authorization": f"Bearer {opened.credential}"}
        desk, phone = Desk(self.site.port), self.site.browser()
        await desk.ask()
        assert (
            await phone.post("/api/auth/qr/scan", {"token": desk.token}, **bearer)
        ).status == 200
        body = {"token": desk.token, "approved": True}
        assert (await phone.post("/api/auth/qr/approve", body, **bearer)).status == 200
        again = desk.copy_of_me()
        answer = await desk.redeem()
        assert answer.status == 200, answer.body
        self.note("QR redeem", lambda: self._is_redeemed(member, again))

    async def bind(self) -> None:
        number = next(_numbers)
        member = await self.site.member(phone=f"0812{number:08d}")
        mac = f"AA:BB:CC:00:{number // 256:02X}:{number % 256:02X}"
        await self.site.store.hotspot.devices.bind(member.id, mac, "192.168.200.10")
        self.note("bind", lambda: self._is_bound(member, mac))

    async def purge(self) -> None:
        member = await self.site.member(phone=f"0813{next(_numbers):08d}")
        inside = await self.site.logged_in(member)
        path = f"/api/admin/members/{member.id}"
        answer = await _answered(lambda: self._admin.send("DELETE", path, b""))
        # asked again after a 503, it may be gone already
        assert answer.status in (200, 404), answer.body
        self.note("purge", lambda: self._is_gone(member, inside))

    async def buy(self) -> None:
        """A member gets a package, which then goes off the shelf."""
        member = await self.site.member(phone=f"0814{next(_numbers):08d}")
        hotspot = self.site.store.hotspot
        package = await hotspot.packages.make("Harian", 100, 1, False, None)
        await hotspot.quota.give(member.id, package.id)
        await hotspot.packages.remove(package.id)
        self.note("purchase", lambda: self._has_bought(member, package))
        self.note("package", lambda: self._is_off_the_shelf(package.id))

    async def rename(self) -> None:
        """A pupil is in under a wrong name, and a teacher puts it right."""
        number = next(_numbers)
        wrong, right = (Student(f"{word} {number}", "10A") for word in ("Bodi", "Budi"))
        answer = await Phone(self.site.port).fill(self._meeting, wrong.name, wrong.class_)
        assert answer.status == 201, answer.body
        record = answer.json["attendance"]["id"]
        await self.site.store.attendance.renaming.rename(wrong.id, right, By("", ""))
        self.note("rename", lambda: self._is_in(record, right.name))

    # What became of them

    async def _is_out(self, browser: Browser) -> str:
        status = (await browser.copy().get("/api/session")).status
        return "" if status == 401 else f"its cookie is answered {status}"

    async def _is_blocked(self, member: Member, inside: Browser) -> str:
        if wrong := await self._is_out(inside):
            return wrong
        if (await self.site.browser().login(member.email, PASSWORD)).status == 200:
            return "logs in"
        rows = await self._rows("SELECT status FROM member WHERE id = %(id)s", id=member.id)
        return "" if rows == [("blocked",)] else f"Postgres has {rows}"

    async def _has_password(self, member: Member, password: str) -> str:
        here = (await self.site.store.members.get(member.id)).password
        if not await self.site.store.passwords.check(password, here):
            return "Redis has another"
        rows = await self._rows("SELECT password FROM member WHERE id = %(id)s", id=member.id)
        return "" if rows == [(here,)] else "Postgres has another"

    async def _is_granted(self, ref: str) -> str:
        orders = await self._rows("SELECT count(*) FROM lynk_order WHERE ref_id = %(ref)s", ref=ref)
        licences = await self._rows(
            "SELECT count(*) FROM lynk_webhook WHERE trx_lynk_id = %(ref)s", ref=ref
        )
        made = [orders[0][0], licences[0][0]]
        return "" if made == [1, 1] else f"{made[0]} orders, {made[1]} licences"

    async def _is_in(self, record: str, name: str) -> str:
        again = await Phone(self.site.port).fill(self._meeting, name)
        if again.status != 409:
            return f"the gate answers {again.status}"
        rows = await self._rows(
            "SELECT count(*) FROM attendances AS a JOIN students AS s ON s.id = a.student_id"
            " WHERE a.id = %(id)s AND s.name = %(name)s",
            id=record,
            name=name,
        )
        return "" if rows == [(1,)] else f"Postgres has {rows[0][0]}"

    async def _holds(self, instance: str) -> str:
        answer = await act(self.site.browser(), "validate", self._key, instance_id=instance)
        if not answer.json.get("valid"):
            return "the device does not hold it"
        rows = await self._rows(
            "SELECT device_active FROM lynk_webhook WHERE key_license = %(key)s", key=self._key
        )
        return "" if rows == [(instance,)] else f"Postgres has {rows}"

    async def _is_redeemed(self, member: Member, again: Desk) -> str:
        if (await again.redeem()).status == 200:
            return "redeemed twice"
        rows = await self._rows(
            "SELECT count(*) FROM session_history WHERE member_id = %(id)s AND method = 'qr'",
            id=member.id,
        )
        return "" if rows == [(1,)] else f"{rows[0][0]} sessions"

    async def _is_bound(self, member: Member, mac: str) -> str:
        if await self.site.store.hotspot.devices.owner_of(mac) != member.id:
            return "Redis does not have it"
        rows = await self._rows(
            "SELECT count(*) FROM hotspot_device WHERE member_id = %(id)s AND mac = %(mac)s",
            id=member.id,
            mac=mac,
        )
        return "" if rows == [(1,)] else f"Postgres has {rows[0][0]}"

    async def _has_bought(self, member: Member, package: Package) -> str:
        rows = await self._rows(
            "SELECT package FROM hotspot_purchase WHERE member_id = %(id)s", id=member.id
        )
        return "" if rows == [(package.name,)] else f"Postgres has {rows}"

    async def _is_off_the_shelf(self, package: str) -> str:
        if package in {one.id for one in await self.site.store.hotspot.packages.all()}:
            return "it is on the shelf"
        query = "SELECT removed_at IS NOT NULL FROM hotspot_package WHERE id = %(id)s"
        rows = await self._rows(query, id=package)
        return "" if rows == [(True,)] else f"Postgres has {rows}"

    async def _is_gone(self, member: Member, inside: Browser) -> str:
        if wrong := await self._is_out(inside):
            return wrong
        if await self.site.store.members.find(member.email):
            return "logs in by name"
        rows = await self._rows(
            "SELECT (SELECT count(*) FROM member WHERE id = %(id)s)"
            " + (SELECT count(*) FROM hotspot_account WHERE member_id = %(id)s)",
            id=member.id,
        )
        return "" if rows == [(0,)] else "Postgres has it"

    async def _has_licence(self) -> bool:
        rows = await self._rows("SELECT key_license FROM lynk_webhook ORDER BY id LIMIT 1")
        self._key = str(rows[0][0]) if rows else ""
        return bool(self._key)

    async def _rows(self, query: str, **params: Any) -> list[tuple[Any, ...]]:
        rows = await self.site.store.database.fetch(query.encode(), params)
        return [tuple(row.values()) for row in rows]


async def is_whole(site: Serving) -> bool:
    """Whether people are let in, and nothing is broken."""
    try:
        built = await site.store.redis.exists(site.store.keys.built())
        return bool(built) and await site.store.continuity.broken() is None
    except (RedisError, OSError):
        return False


async def _looked(check: Check) -> str:
    try:
        return await check()
    except (JagaError, RedisError) as error:
        return repr(error)


async def _answered(ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """Ask as a client does that is told to come again: what is refused was not acknowledged."""
    while True:
        answer = await ask()
        if answer.status != 503:
            return answer
        await asyncio.sleep(0.1)
