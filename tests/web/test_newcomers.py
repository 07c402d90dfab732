"""Who is proven by a phone, and approved by nobody yet: a place in the portal, and nowhere else."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping

import pytest
from tornado.web import RequestHandler

from jobs.payments.processing import Processing
from jobs.persist.reader import LogReader
from realtime.server import Server
from store.errors import NotFound, PasswordNeeded
from store.hotspot.newcomers import Holder
from store.hotspot.otp import WRONG_PER_PHONE
from store.sessions import Device
from tests.client import Answer, Browser, Events
from tests.lynk import KEY, MEMBERSHIP, deliver, payment
from tests.serving import HASH, Serving, serving

PHONE, NUMBER = "6281200000005", "0812-0000-0005"
HOUSE = {"MIKROTIK_HOST": "127.0.0.1", "MIKROTIK_PORT": "1"}

PORTAL = {
    "/hotspot",
    "/api/hotspot",
    "/api/hotspot/handover",
    "/api/hotspot/stream",
    # leave what they have; as nobody's cookie would
    "/logout",
    # says 404 of any cookie that nobody put out, a newcomer's or not
    "/api/auth/not-me",
    # greets whoever comes: nobody with the form, a newcomer with the waiting view
    "/hotspot/login",
}
"""The portal's own addresses, which serve a newcomer."""


@pytest.fixture
async def house(environment: Mapping[str, str]) -> AsyncIterator[Serving]:
    async with serving(environment, **HOUSE) as house:
        yield house


async def register(house: Serving, browser: Browser, number: str = NUMBER) -> Answer:
    body = {"phone_number": number, "name": "Rina"}
    return await browser.post("/api/auth/register", body)


async def verify(house: Serving, browser: Browser, phone: str = PHONE) -> Answer:
    """Prove the phone with a fresh code: the one that was sent is known to a job only."""
    await house.store.redis.delete(house.store.keys.otp(phone))
    code = (await house.store.hotspot.otp.issue(phone, "192.0.2.1")).code
    return await browser.post("/api/auth/verify-otp", {"phone_number": phone, "otp": code})


async def newcomer(house: Serving) -> tuple[Browser, str]:
    """A browser of who waits, and their bearer."""
    browser = house.browser()
    await register(house, browser)
    answer = await verify(house, browser)
    assert answer.status == 200, answer.body
    return browser, str(answer.json["access_token"])


async def id_of(house: Serving) -> str:
    found = await house.store.hotspot.accounts.member_of(PHONE)
    assert found
    return found


async def test_registering_gives_nothing_by_itself(house: Serving) -> None:
    member = await house.member(phone="081200000001")
    browser = house.browser()
    answers = [await register(house, browser, number) for number in (NUMBER, "081200000001")]
    assert [answer.status for answer in answers] == [200, 200]
    unsaid = {"phone_number": "", "ticket": ""}  # what was sent, in the form that people write
    assert answers[0].json | unsaid == answers[1].json | unsaid
    assert not browser.session
    assert await house.store.hotspot.accounts.member_of(PHONE) is None
    assert await house.store.members.find(NUMBER) is None
    assert await house.store.hotspot.accounts.members() == [member.id]


async def test_a_proven_phone_waits_in_the_portal(house: Serving) -> None:
    browser = house.browser()
    await register(house, browser)
    answer = await verify(house, browser)
    assert answer.status == 200
    assert (answer.json["approved"], answer.json["waiting"]) == (False, "/hotspot")
    assert "refresh_token" not in answer.json
    assert await house.store.hotspot.accounts.member_of(PHONE)
    page = await browser.get("/hotspot", Accept="text/html")
    assert page.status == 200 and "Menunggu persetujuan" in page.body.decode()
    assert (await browser.get("/api/hotspot")).json["approved"] is False
    dashboard = await browser.get("/dashboard", Accept="text/html")
    assert (dashboard.status, dashboard.headers["location"]) == (302, "/hotspot")
    refused = await browser.get("/api/session")
    assert refused.status == 403
    assert (refused.json["type"], refused.json["waiting"]) == ("NOT_APPROVED", "/hotspot")
    assert (await browser.get("/cekaction")).json == {"valid": False, "action": None}
    bound = await browser.post("/api/hotspot/bind", {"mac": "AA:BB:CC:00:00:01", "ip": "10.0.0.1"})
    assert (bound.status, bound.json["type"]) == (403, "NOT_APPROVED")


async def test_what_kept_the_browser_logged_in_opens_nothing_more(house: Serving) -> None:
    browser, _ = await newcomer(house)
    remembered = browser.cookies["jaga_remember"]
    refused = await browser.post("/api/auth/refresh", {"refresh_token": remembered})
    assert (refused.status, refused.json["type"]) == (403, "NOT_APPROVED")
    browser.cookies.pop("jaga_session")
    assert (await browser.get("/api/session")).status == 403
    assert (await browser.get("/hotspot")).status == 200 and browser.session


@pytest.mark.parametrize("carried_by", ["cookie", "bearer"])
async def test_every_address_but_the_portals_treats_them_as_nobody(
    house: Serving, carried_by: str
) -> None:
    """Walks the route table, so that a new address is in it without being added."""
    browser, bearer = await newcomer(house)
    nobody = house.browser()
    nobody.cookies = {"jaga_device": browser.cookies["jaga_device"]}
    session, served = browser.session, set()
    for path, method in addresses(house.server):
        newly = Browser(house.port)
        newly.cookies = dict(nobody.cookies)
        shown: dict[str, str] = {}
        if carried_by == "cookie":
            newly.cookies["jaga_session"] = session
        else:
            shown["Authorization"] = f"Bearer {bearer}"
        theirs = await asked(newly, method, path, shown)
        other = nobody.copy()
        nobodys = await asked(other, method, path, {})
        refused = theirs.status == 403 and theirs.json["type"] == "NOT_APPROVED"
        if not refused and theirs.status != nobodys.status:
            served.add(path)
        if path == "/logout" and carried_by == "cookie":
            session = (await renewed(house)).session
    assert served <= PORTAL, served - PORTAL
    assert {"/hotspot", "/api/hotspot", "/api/hotspot/handover"} <= served


async def renewed(house: Serving) -> Browser:
    browser = house.browser()
    await verify(house, browser)
    return browser


async def asked(browser: Browser, method: str, path: str, headers: dict[str, str]) -> Answer:
    body = b"{}" if method != "GET" else b""
    kind = {"Content-Type": "application/json", "Sec-Fetch-Site": "same-origin"}
    return await browser.send(method, path, body, headers | kind)


def addresses(server: Server) -> list[tuple[str, str]]:
    """Every address and method of the application, with something in each of its gaps."""
    application = server._http.request_callback._application  # type: ignore[union-attr]
    found = []
    for rule in application.wildcard_router.rules:
        path = example_of(rule.matcher.regex.pattern)
        assert rule.matcher.regex.match(path), (rule.matcher.regex.pattern, path)
        for method in ("GET", "POST", "PATCH", "DELETE", "PUT"):
            if getattr(rule.target, method.lower()) is not RequestHandler.get:
                found.append((path, method))
    assert len(found) > 80
    return found


def example_of(pattern: str) -> str:
    """A path that a route's pattern takes."""
    filled = pattern.removesuffix("$").replace("/?", "")
    for gap, size in re.findall(r"(\[[^]]+\]\{(?:\d+,)?(\d+)\})", filled):
        filled = filled.replace(gap, "0" * int(size))
    filled = re.sub(r"\(\?:([^|()]*)\|[^()]*\)", r"\1", filled)
    filled = re.sub(r"\(([^|()]+)\|[^()]*\)", r"\1", filled)
    filled = re.sub(r"\((0+)\)", r"\1", filled)
    filled = re.sub(r"\([^()]*\)", "x1", filled)
    return filled.replace("\\", "")


LINES = {
    "StreamEndpoint": "/api/realtime/attendance-stream",
    "PortalEndpoint": "/api/hotspot/stream",
    "DeviceEndpoint": "/api/devices/ws/0123456789abcdef01234567",
    "QrEndpoint": "/api/auth/qr/ws/x1",
    "BoardEndpoint": "/api/realtime/board-stream?meeting_id=x1",
    "LicenceEndpoint": "/api/realtime/licence-stream?license_key=x&instance_id=x",
    "OrderEndpoint": "/api/realtime/order-stream?ref=x1",
}
"""A path of each long-lived address."""


async def test_no_line_but_the_portals_serves_them(house: Serving) -> None:
    browser, _ = await newcomer(house)
    nobody = house.browser()
    endpoints = house.server._http.request_callback._endpoints  # type: ignore[union-attr]
    served = []
    for endpoint in endpoints:
        path = LINES[type(endpoint).__name__]
        assert endpoint.matches(path.partition("?")[0])
        theirs, others = await opened(browser, path), await opened(nobody, path)
        if theirs not in (403, 4403, others):
            served.append(path)
    assert served == ["/api/hotspot/stream"]
    assert await opened(browser, LINES["StreamEndpoint"]) == 403
    assert await opened(browser, LINES["DeviceEndpoint"]) == 4403


async def opened(browser: Browser, path: str) -> int:
    """What opening a line comes to: a status, or the code a WebSocket is closed with."""
    if "/ws/" in path:
        async with browser.tab(path) as tab:
            return int((await tab.event()).get("code", 101))
    events = await Events.open(browser, "", browser.port, path=path)
    events.writer.close()
    return events.status


async def test_approval_opens_it_at_once(house: Serving) -> None:
    browser, bearer = await newcomer(house)
    events = await Events.open(browser, "", browser.port, path="/api/hotspot/stream")
    first = await events.next()
    assert first and first[0] == "connected"
    member = await id_of(house)
    await house.store.members.approve(member, True, by="admin")
    async with asyncio.timeout(2):
        told = await events.next()
    events.writer.close()
    assert told and told[0] == "hotspot"
    assert (await browser.get("/api/session")).status == 200
    assert (await browser.get("/api/hotspot")).json["approved"] is True
    shown = await Browser(house.port).get("/api/session", Authorization=f"Bearer {bearer}")
    assert shown.status == 200

    await house.store.members.approve(member, False, by="admin")
    assert (await browser.get("/api/session")).status == 401
    again = house.browser()
    assert (await verify(house, again)).json["approved"] is False
    assert (await again.get("/api/session")).status == 403


async def test_no_router_no_registration(environment: Mapping[str, str]) -> None:
    async with serving(environment) as house:
        browser = house.browser()
        assert (await register(house, browser)).status == 404
        page = (await browser.get("/hotspot/login")).body.decode()
        assert "register" not in page
    async with serving(environment, **HOUSE) as house:
        assert 'data-go="register"' in (await house.browser().get("/hotspot/login")).body.decode()


# Nobody's way


async def admin(house: Serving) -> Browser:
    return await house.logged_in(await house.member(role="admin"))


async def test_an_admins_new_member_takes_the_phone_of_who_waits(house: Serving) -> None:
    waiting, _ = await newcomer(house)
    stub = await id_of(house)
    desk = await admin(house)
    body = {"email": "rina@jaga.test", "password": "rahasia-sekali", "name": "Rina"}
    made = await desk.post("/api/admin/members", body | {"phone": "+62 812 0000 0005"})
    assert made.status == 201, made.body
    assert made.json["merged"] | {"registered_at": 0} == {
        "id": stub,
        "name": "Rina",
        "phone": PHONE,
        "registered_at": 0,
    }
    assert made.json["logs_in_by_phone"] is True
    member = made.json["member"]["id"]
    assert await id_of(house) == member != stub
    assert await house.store.hotspot.accounts.members() == [member]
    ended = await waiting.get("/api/hotspot")
    assert (ended.status, ended.json["reason"]) == (401, "merged")
    again = house.browser()
    assert (await verify(house, again)).json["user"]["id"] == member
    assert (await again.get("/api/session")).status == 200


async def test_a_purchase_takes_the_phone_of_who_waits(environment: Mapping[str, str]) -> None:
    async with serving(environment, LYNK_MERCHANT_KEYS=KEY, **HOUSE) as house:
        waiting, _ = await newcomer(house)
        stub = await id_of(house)
        order = payment(items=[MEMBERSHIP], email="siti@jaga.test", phone=NUMBER)
        assert (await deliver(house.browser(), order)).status == 200
        await LogReader(house.store).run()
        await Processing(house.store).run()
        buyer = await house.store.members.find("siti@jaga.test")
        assert buyer and await id_of(house) == buyer.id != stub
        assert (await house.store.hotspot.accounts.get(buyer.id)).approved
        assert (await waiting.get("/api/hotspot")).json["reason"] == "merged"
        again = house.browser()
        assert (await verify(house, again)).json["user"]["id"] == buyer.id


async def test_a_phone_given_to_a_member_is_taken_from_who_waits(house: Serving) -> None:
    await newcomer(house)
    stub = await id_of(house)
    package = await house.store.hotspot.packages.make("Harian", 100, 30, False, None)
    await house.store.hotspot.quota.give(stub, package.id)
    budi = await house.member("budi")
    await house.store.hotspot.quota.give(budi.id, package.id)
    desk = await admin(house)
    changed = await desk.send(
        "PATCH",
        f"/api/admin/members/{budi.id}",
        json.dumps({"phone": NUMBER}).encode(),
        {"Content-Type": "application/json"},
    )
    assert changed.status == 200, changed.body
    assert await id_of(house) == budi.id
    account = await house.store.hotspot.accounts.get(budi.id)
    assert account.approved and [one.quota for one in account.stack.purchases] == [100 << 20] * 2
    with pytest.raises(NotFound):
        await house.store.members.get(stub)


async def test_a_phone_of_somebody_approved_stays_theirs(house: Serving) -> None:
    await newcomer(house)
    rina = await id_of(house)
    await house.store.members.approve(rina, True, by="admin")
    desk = await admin(house)
    body = {"email": "x@jaga.test", "password": "rahasia-sekali", "phone": NUMBER}
    made = await desk.post("/api/admin/members", body)
    assert made.status == 201
    assert made.json["merged"] is None and made.json["logs_in_by_phone"] is False
    assert await id_of(house) == rina


async def test_of_many_who_want_the_phone_of_who_waits_one_gets_it(house: Serving) -> None:
    await newcomer(house)
    stub = await id_of(house)
    adding = [
        house.store.members.add(email=f"m{n}@jaga.test", password_hash=HASH, phone=NUMBER)
        for n in range(20)
    ]
    added = await asyncio.gather(*adding)
    (winner,) = [one for one in added if one.has_phone]
    assert [one.merged.id for one in added if one.merged] == [stub]
    assert await id_of(house) == winner.member.id
    assert await house.store.hotspot.accounts.members() == [winner.member.id]


async def test_an_approval_that_comes_first_keeps_the_phone(house: Serving) -> None:
    """The script finds the phone otherwise than it was seen, and is asked again."""
    await newcomer(house)
    stub = await id_of(house)
    newcomers = house.store.hotspot.newcomers
    seen: list[Holder] = []
    look = newcomers.holder

    async def late(phone: str | None) -> Holder:
        holder = await look(phone)
        if not seen:
            await house.store.members.approve(stub, True, by="admin")
        seen.append(holder)
        return holder

    newcomers.holder = late  # type: ignore[method-assign]
    added = await house.store.members.add(email="a@jaga.test", password_hash=HASH, phone=NUMBER)
    assert (len(seen), added.has_phone, added.merged) == (2, False, None)
    assert await id_of(house) == stub


async def test_a_name_typed_by_a_newcomer_is_no_name_to_log_in_by(house: Serving) -> None:
    """What a newcomer holds is an address that nobody else could want."""
    await newcomer(house)
    desk = await admin(house)
    body = {"email": "b@jaga.test", "password": "rahasia-sekali", "username": "081200000005"}
    assert (await desk.post("/api/admin/members", body)).status == 201


# A code is not enough


@pytest.mark.parametrize("role", ["admin", "teacher"])
async def test_a_code_opens_nobody_with_a_role(house: Serving, role: str) -> None:
    boss = await house.member(phone=NUMBER, role=role)
    browser = house.browser()
    answer = await verify(house, browser)
    assert (answer.status, answer.json["type"]) == (403, "PASSWORD_NEEDED")
    assert not browser.session
    with pytest.raises(PasswordNeeded):
        await house.store.sessions.open(
            boss.id, Device(id="d", name=""), method="password", by_code=True
        )


async def test_codes_of_who_needs_a_password_count_as_wrong_ones(house: Serving) -> None:
    await house.member(phone=NUMBER, role="admin")
    subject = house.store.keys.tries(WRONG_PER_PHONE.of(PHONE).subject)
    for tries in (1, 2):
        await verify(house, house.browser())
        assert await house.store.redis.hget(subject, "wrong") == str(tries)


async def test_a_role_that_comes_later_ends_what_a_code_opened(house: Serving) -> None:
    member = await house.member(phone=NUMBER)
    browser = house.browser()
    assert (await verify(house, browser)).status == 200
    assert (await browser.get("/api/session")).status == 200
    await house.store.members.change(member.id, role="admin")
    assert (await browser.get("/api/session")).status == 401
    assert (await browser.get("/api/admin/members")).status == 401
