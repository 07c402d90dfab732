"""The addresses of CONTRACT §4: the exact answers, the cookies, and what a page may know."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime

import pytest

from store.members import Member
from tests.client import Answer
from tests.serving import PASSWORD, Serving, open_session, serving


@pytest.fixture
async def site(environment: dict[str, str]) -> AsyncIterator[Serving]:
    async with serving(environment) as site:
        yield site


@pytest.fixture
async def budi(site: Serving) -> Member:
    return await site.member("budi", name="Budi", phone="081234500000")


def cookie_of(answer: Answer, name: str) -> str:
    (found,) = [text for text in answer.set_cookies if text.startswith(f"{name}=")]
    return found.lower()


def asked(action: object = "", password: object = PASSWORD) -> dict[str, object]:
    return {"username": "budi@jaga.test", "pass": password, "action": action}


class TestTheTwoAddresses:
    async def test_free_then_in(self, site: Serving, budi: Member) -> None:
        browser = site.browser()
        page = await browser.get("/login")
        assert page.status == 200 and b'id="formLogin"' in page.body
        device = cookie_of(page, "jaga_device")
        assert "httponly" in device and "samesite=lax" in device and "max-age=31536000" in device
        checked = await browser.post("/cekfingerprint", asked())
        assert set(checked.json) == {"status", "valid", "login", "ticket"}
        assert checked.json["status"] == "sama" and checked.json["valid"] is True
        assert checked.json["login"] == "/auth/authenticate" and not browser.session
        opened = await browser.login(
            "budi@jaga.test", PASSWORD, keep=False, ticket=checked.json["ticket"]
        )
        assert opened.status == 200
        assert opened.json == {"status": "successful", "redirect": "/dashboard"}
        session = cookie_of(opened, "jaga_session")
        assert "httponly" in session and "samesite=lax" in session and "path=/" in session
        assert "no-store" in opened.headers["cache-control"]

    async def test_a_conflict_is_beda_and_409(self, site: Serving, budi: Member) -> None:
        await site.logged_in(budi)
        browser = site.browser()
        answer = await browser.post("/cekfingerprint", asked())
        assert (answer.status, answer.json) == (200, {"status": "beda", "valid": False})
        refused = await browser.login(budi.email, PASSWORD, keep=False)
        assert refused.status == 409 and not browser.session
        assert refused.json["type"] == "SESSION_CONFLICT"
        assert refused.json["status"] == "beda" and refused.json["valid"] is False

    async def test_wrong_is_the_same_for_both_addresses(self, site: Serving, budi: Member) -> None:
        for username in ("budi@jaga.test", "nobody"):
            browser = site.browser()
            check = await browser.post(
                "/cekfingerprint", asked(password="x") | {"username": username}
            )
            login = await browser.login(username, "x")
            for answer in (check, login):
                assert answer.status == 401
                assert answer.json["status"] == "invalid"
                assert answer.json["message"] == "Username atau Password salah."
            assert check.json == login.json

    async def test_too_many_is_429_with_when_to_return(self, site: Serving, budi: Member) -> None:
        answers = await asyncio.gather(
            *(site.browser().post("/cekfingerprint", asked(password="x")) for _ in range(16))
        )
        late = await site.browser().login(budi.email, PASSWORD)
        assert late.status == 429 and late.json["type"] == "RATE_LIMIT"
        assert 0 < int(late.headers["retry-after"]) <= 61
        assert {answer.status for answer in answers} == {401, 429}

    async def test_each_login_is_a_new_session(self, site: Serving, budi: Member) -> None:
        browser = site.browser()
        browser.cookies["jaga_session"] = f"{budi.id}.{'0' * 16}.chosen"
        await browser.login(budi.email, PASSWORD)
        first = browser.session
        await browser.login(budi.email, PASSWORD)
        assert len({first, browser.session, f"{budi.id}.{'0' * 16}.chosen"}) == 3

    async def test_remember_is_asked_for(self, site: Serving, budi: Member) -> None:
        for said, kept in (("1", True), ("on", True), ("0", False), ("", False), ("false", False)):
            browser = site.browser()
            answer = await browser.login(budi.email, PASSWORD, remember=said)
            assert ("jaga_remember" in browser.cookies) is kept, said
            if kept:
                cookie = cookie_of(answer, "jaga_remember")
                assert "httponly" in cookie and "max-age=43200" in cookie

    async def test_cekaction(self, site: Serving, budi: Member) -> None:
        browser = site.browser()
        assert (await browser.get("/cekaction")).json == {"valid": False, "action": None}
        await browser.login(budi.email, PASSWORD)
        assert (await browser.get("/cekaction")).json == {"valid": True, "action": "keep"}
        await open_session(site.store, budi)
        await asyncio.sleep(0.25)
        assert (await browser.get("/cekaction")).json == {"valid": False, "action": None}


class TestSecureCookies:
    async def test_on_https_they_say_so(self, environment: dict[str, str]) -> None:
        async with serving(environment, PUBLIC_URL="https://jaga.test") as site:
            member = await site.member("budi")
            browser = site.browser()
            page = await browser.get("/login")
            answer = await browser.login(member.email, PASSWORD, remember="1")
            for found in (
                cookie_of(page, "__Host-jaga_device"),
                cookie_of(answer, "__Host-jaga_session"),
                cookie_of(answer, "__Host-jaga_remember"),
            ):
                assert "; secure" in found and "httponly" in found and "domain" not in found
            assert (await browser.get("/api/session")).status == 200

    async def test_a_password_is_taken_as_it_was_sent(self, site: Serving) -> None:
        for number, password in enumerate(
            ("  spasi  ", "a\x01b\x00cdef", "kata\tsandi", "äö😀" * 3)
        ):
            email = f"aneh{number}@jaga.test"
            await site.store.members.create(email=email, password=password)
            assert (await site.browser().login(email, password)).status == 200, password
        broken = {"Content-Type": "application/x-www-form-urlencoded"}
        odd = await site.browser().send(
            "POST", "/auth/authenticate", b"username=a&password=%ff", broken
        )
        assert (odd.status, odd.json["type"]) == (400, "INVALID_REQUEST")

    async def test_every_refusal_has_the_documents_status(
        self, site: Serving, budi: Member
    ) -> None:
        """A page of the document reads nothing else."""
        for path, field in (("/cekfingerprint", "pass"), ("/auth/authenticate", "password")):
            browser = site.browser()
            for body in ({}, {"username": budi.email}, {"username": 3, field: []}):
                answer = await browser.post(path, body)
                assert (answer.status, answer.json["status"]) == (400, "invalid")
            assert (await browser.get(path)).json["status"] == "invalid"
            far = await browser.post(path, {}, Origin="https://evil.test")
            assert (far.status, far.json["status"]) == (403, "invalid")
            await site.store.members.block(budi.id, by="admin")
            barred = await browser.post(path, {"username": budi.email, field: PASSWORD})
            assert (barred.json["type"], barred.json["status"]) == ("ACCOUNT_BLOCKED", "invalid")


class TestLogout:
    async def test_it_ends_this_session_and_takes_the_cookies(
        self, site: Serving, budi: Member
    ) -> None:
        for method in ("GET", "POST"):
            browser = site.browser()
            await browser.get("/login")
            await browser.login(budi.email, PASSWORD, remember="1")
            old = browser.copy()
            answer = await browser.send(method, "/logout", b"")
            assert (answer.status, answer.headers["location"]) == (302, "/login")
            assert set(browser.cookies) == {"jaga_device"}
            for name in ("jaga_session", "jaga_remember"):
                taken = cookie_of(answer, name)
                gone = parsedate_to_datetime(taken.split("expires=")[1].split(";")[0])
                assert gone.timestamp() < time.time() and "httponly" in taken
            assert (await old.get("/api/session")).json["type"] == "SESSION_REVOKED"
            again = await browser.send(method, "/logout", b"")
            assert (again.status, again.headers["location"]) == (302, "/login")

    async def test_another_site_gets_a_question(self, site: Serving, budi: Member) -> None:
        browser = await site.logged_in(budi)
        page = await browser.get("/logout", Sec_Fetch_Site="cross-site")
        assert page.status == 200 and b"<form" in page.body
        assert (await browser.get("/api/session")).status == 200
        refused = await browser.send("POST", "/logout", b"", {"Origin": "https://evil.test"})
        assert refused.status == 403
        assert (await browser.get("/api/session")).status == 200


class TestWhatIsTold:
    async def test_the_members_place(self, site: Serving, budi: Member) -> None:
        browser = await site.logged_in(budi)
        body = (await browser.get("/api/session")).json
        assert set(body) == {"success", "member", "session"}
        assert set(body["member"]) == {"id", "username", "name", "email", "role"}
        text = str(body)
        assert "081234500000" not in text and "bcrypt" not in text and "$2b$" not in text
        assert browser.session.split(".")[2] not in text

    async def test_pages_send_nobody_away_with_words(self, site: Serving, budi: Member) -> None:
        nobody = site.browser()
        away = await nobody.get("/dashboard", Accept="text/html")
        assert (away.status, away.headers["location"]) == (302, "/login")
        assert (await nobody.get("/dashboard")).status == 401
        browser = await site.logged_in(budi)
        await site.store.members.block(budi.id, by="admin")
        barred = await browser.get("/dashboard", Accept="text/html")
        assert (barred.status, barred.headers["location"]) == (302, "/akun-diblokir")
        told = await browser.get("/api/session")
        assert (told.status, told.json["type"]) == (401, "ACCOUNT_BLOCKED")
        assert told.json["force_logout"] is True

    async def test_the_reason_on_the_login_page_is_one_of_ours(self, site: Serving) -> None:
        page = (await site.browser().get("/login?reason=replaced")).body.decode()
        assert "Session digantikan oleh login baru" in page
        odd = (await site.browser().get("/login?reason=replaced2&kick=%22%3E")).body.decode()
        assert "replaced2" not in odd
        assert (await site.browser().get("/login?reason=%ff")).status in (200, 400)


class TestFirstPassword:
    async def test_nothing_else_before_it_is_changed(self, site: Serving) -> None:
        member = await site.store.members.create(
            email="baru@jaga.test", password="081234500000", must_change=True
        )
        browser = site.browser()
        await browser.login(member.email, "081234500000")
        refused = await browser.get("/dashboard")
        assert (refused.status, refused.json["type"]) == (403, "PASSWORD_CHANGE_REQUIRED")
        away = await browser.get("/dashboard", Accept="text/html")
        assert (away.status, away.headers["location"]) == (302, "/password")
        assert (await browser.get("/password")).status == 200
        other = await open_session(site.store, member, method="mobile")
        for body, field in (
            ({"current": "081234500000"}, "new"),
            ({"current": "081234500000", "new": "081234500000"}, "new"),
            ({"current": "081234500000", "new": "+62 812 3450 0000"}, "new"),
            ({"current": 5, "new": "yang baru"}, "current"),
        ):
            odd = await browser.post("/password", body)
            assert (odd.status, odd.json["field"]) == (400, field)
        wrong = await browser.post("/password", {"current": "salah", "new": "yang baru"})
        assert wrong.status == 401
        done = await browser.post("/password", {"current": "081234500000", "new": "yang baru"})
        assert done.status == 200 and done.json["redirect"] == "/dashboard"
        assert (await browser.get("/dashboard")).status == 200
        program = site.browser()
        ended = await program.get("/api/session", Authorization=f"Bearer {other.credential}")
        assert (ended.status, ended.json["reason"]) == (401, "password_changed")
        assert (await program.login(member.email, "081234500000")).status == 401
        assert (await program.login(member.email, "yang baru")).status == 200

    async def test_single_session_holds_there_too(self, site: Serving) -> None:
        member = await site.member("baru")
        await site.store.members.set_password(member.id, "awal sekali", must_change=True)
        first, second = site.browser(), site.browser()
        await first.login(member.email, "awal sekali")
        await second.login(member.email, "awal sekali")
        late = await first.post("/password", {"current": "awal sekali", "new": "milik saya"})
        assert late.status == 401 and late.json["type"] == "SESSION_REPLACED"


async def test_the_stand_in_for_another_device_is_for_development_only(
    environment: dict[str, str],
) -> None:
    async with serving(environment, JAGA_ENV="production", COOKIE_SECURE="never") as site:
        browser = await site.logged_in(await site.member())
        assert (await browser.post("/api/dev/other-login")).status == 404
    async with serving(environment) as site:
        other = await site.logged_in(await site.member())
        async with other.tab() as tab:
            await tab.event()
            assert (await other.post("/api/dev/other-login")).json == {"success": True}
            told = await tab.event()
            assert told["event"] == "force_logout" and told["by"] == "Firefox - Android"


async def test_logging_out_with_the_remember_cookie_alone_ends_that_session(
    site: Serving, budi: Member
) -> None:
    """A browser that was closed and opened again has lost the other cookie."""
    browser = site.browser()
    assert (await browser.login("budi@jaga.test", PASSWORD, remember="1")).status == 200
    kept = browser.copy()
    del browser.cookies["jaga_session"]
    assert (await browser.post("/logout")).status == 302
    assert "jaga_session" not in browser.cookies and "jaga_remember" not in browser.cookies
    assert (await kept.get("/api/session")).status == 401


async def test_members_of_a_hotspot_are_shown_their_own_way_in(environment) -> None:
    link = b'href="/hotspot/login"'
    async with serving(environment) as site:
        assert link not in (await site.browser().get("/login")).body
    async with serving({**environment, "MIKROTIK_HOST": "10.0.0.1"}) as site:
        assert link in (await site.browser().get("/login")).body
