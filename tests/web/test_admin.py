"""Administration over real sockets: who may, what it does at once, what is written down."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from jobs.persist.reader import LogReader
from scripts.embedded.ports import free_port
from store import admin as admin_module
from store.members import Member
from store.opening import Store, open_store
from store.sessions import Device
from store.settings import Settings
from tests.client import Answer, Browser
from web.application import make_application

PASSWORD = "rahasia sekali"
_HASH: list[str] = []


@dataclass
class Site:
    """A server on a free port, with an admin who is logged in."""

    store: Store
    port: int
    admin: Browser
    admin_id: str

    async def member(self, username: str, **more: Any) -> Member:
        """A member who can log in by the username, or as `<username>@jaga.test`, and PASSWORD."""
        email = f"{username}@jaga.test"
        if not _HASH:  # made once: the cost of a hash is tested elsewhere
            _HASH.append(await self.store.passwords.hash(PASSWORD))
        return await self.store.members.create(
            email=email, username=username, password_hash=_HASH[0], **more
        )

    async def browser(self, name: str) -> Browser:
        """A new browser in which the member is logged in."""
        member = await self.store.members.find(name)
        assert member is not None
        browser = Browser(self.port)
        device = Device(id=secrets.token_hex(12), name="Chrome - Linux", ip="127.0.0.1")
        opened = await self.store.sessions.open(member.id, device, method="password", keep=True)
        browser.cookies["jaga_session"] = opened.credential
        return browser

    async def phone(self, name: str) -> str:
        """A phone's bearer."""
        body = {"email": name, "password": PASSWORD, "device_type": "mobile"}
        answer = await Browser(self.port).post("/api/auth/login", body)
        assert answer.status == 200
        return str(answer.json["access_token"])

    async def ask(self, method: str, path: str, body: Any = None) -> Answer:
        """A request of the admin, with JSON when there is something to send."""
        data = b"" if body is None else json.dumps(body).encode()
        return await self.admin.send(method, f"/api/admin{path}", data)

    async def persist(self) -> None:
        """Have Postgres hold what the log holds."""
        await LogReader(self.store).run()

    async def audited(self) -> list[dict[str, Any]]:
        """What was written down, newest first."""
        await self.persist()
        return list((await self.ask("GET", "/audit")).json["audit"])


@pytest.fixture
async def site(store: Store) -> AsyncIterator[Site]:
    async with _serving(store) as site:
        yield site


@pytest.fixture
async def site_without_postgres(settings: Settings) -> AsyncIterator[Site]:
    away = replace(settings, database_url=f"postgresql://jaga@127.0.0.1:{free_port()}/jaga")
    async with open_store(away) as store:
        await store.redis.set(store.keys.built(), "1")
        async with _serving(store) as site:
            yield site


@asynccontextmanager
async def _serving(store: Store) -> AsyncIterator[Site]:
    server = HTTPServer(make_application(store, []))
    sockets = bind_sockets(0, "127.0.0.1")
    server.add_sockets(sockets)
    port = sockets[0].getsockname()[1]
    site = Site(store, port, Browser(port), "")
    site.admin_id = (await site.member("bos", role="admin")).id
    site.admin = await site.browser("bos")
    yield site
    server.stop()
    await server.close_all_connections()


ADDRESSES = [
    ("GET", "/members"),
    ("POST", "/members"),
    ("GET", "/members/0123456789abcdef"),
    ("PATCH", "/members/0123456789abcdef"),
    ("DELETE", "/members/0123456789abcdef"),
    ("POST", "/members/0123456789abcdef/block"),
    ("POST", "/members/0123456789abcdef/unblock"),
    ("POST", "/members/0123456789abcdef/deactivate"),
    ("POST", "/members/0123456789abcdef/activate"),
    ("POST", "/members/0123456789abcdef/force-logout"),
    ("POST", "/force-logout"),
    ("GET", "/audit"),
]


async def test_only_an_admin_may(site: Site) -> None:
    await site.member("ani")
    await site.member("guru", role="teacher")
    member, teacher = await site.browser("ani"), await site.browser("guru")
    for method, path in ADDRESSES:
        stranger = await Browser(site.port).send(method, f"/api/admin{path}", b"{}")
        assert (stranger.status, stranger.json["type"]) == (401, "UNAUTHENTICATED"), path
        for browser in (member, teacher):
            refused = await browser.send(method, f"/api/admin{path}", b"{}")
            assert (refused.status, refused.json["type"]) == (403, "FORBIDDEN"), path


async def test_a_member_that_is_not_there_is_404_everywhere(site: Site) -> None:
    for method, path in ADDRESSES:
        if "0123456789abcdef" in path:
            answer = await site.ask(method, path, {"name": "x"})
            assert (answer.status, answer.json["type"]) == (404, "NOT_FOUND"), path
    for odd in ("/members/1", "/members/0123456789ABCDEF", "/members/0123456789abcdef/promote"):
        assert (await site.ask("POST", odd)).status == 404
    assert await site.audited() == []


async def test_another_sites_page_may_not(site: Site) -> None:
    for headers in ({"Origin": "https://evil.test"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = await site.admin.send("POST", "/api/admin/force-logout", b"{}", headers)
        assert (answer.status, answer.json["type"]) == (403, "CROSS_ORIGIN")


async def test_the_short_address_leads_to_the_first_page(site: Site) -> None:
    for path in ("/admin", "/admin/"):
        led = await site.admin.get(path, Accept="text/html")
        assert (led.status, led.headers["location"]) == (302, "/admin/meetings")
    assert (await site.admin.get("/admin/meetings", Accept="text/html")).status == 200
    nobody = await Browser(site.port).get("/admin/meetings", Accept="text/html")
    assert (nobody.status, nobody.headers["location"]) == (302, "/login")


async def test_a_member_is_created_and_can_log_in(site: Site) -> None:
    body = {"email": "ani@jaga.test", "password": PASSWORD, "name": "Ani", "phone": "0812-3456-789"}
    made = await site.ask("POST", "/members", body)
    assert made.status == 201
    member = made.json["member"]
    assert member["role"] == "member" and member["username"] == "ani@jaga.test"
    assert (await Browser(site.port).login("ani@jaga.test", PASSWORD)).status == 200
    again = await site.ask("POST", "/members", body | {"email": "ANI@jaga.test"})
    assert (again.status, again.json["type"]) == (409, "MEMBER_EXISTS")
    (entry,) = await site.audited()
    assert (entry["act"], entry["subject"], entry["actor"]) == (
        "member.create",
        member["id"],
        site.admin_id,
    )
    assert (entry["actor_name"], entry["subject_name"]) == ("bos", "ani@jaga.test")


WRONG_MEMBERS: dict[str, tuple[dict[str, Any], str]] = {
    "no e-mail": ({"password": PASSWORD}, "email"),
    "an e-mail that is none": ({"email": "ani", "password": PASSWORD}, "email"),
    "an e-mail that is a list": ({"email": ["a@b.id"], "password": PASSWORD}, "email"),
    "no password": ({"email": "a@b.id"}, "password"),
    "a short password": ({"email": "a@b.id", "password": "12345"}, "password"),
    "a password that is a number": ({"email": "a@b.id", "password": 123456789}, "password"),
    "an unknown role": ({"email": "a@b.id", "password": PASSWORD, "role": "root"}, "role"),
    "a name with a line break": ({"email": "a@b.id", "password": PASSWORD, "name": "a\nb"}, "name"),
    "half a character": ({"email": "a@b.id", "password": PASSWORD, "name": "\ud800"}, "name"),
    "a phone of letters": ({"email": "a@b.id", "password": PASSWORD, "phone": "abc"}, "phone"),
    "a phone of a list": ({"email": "a@b.id", "password": PASSWORD, "phone": ["0812"]}, "phone"),
    "a flag that is text": ({"email": "a@b.id", "password": PASSWORD, "must_change": "0"}, "must_"),
}


@pytest.mark.parametrize("name", WRONG_MEMBERS)
async def test_a_wrong_member_is_refused_with_its_field(site: Site, name: str) -> None:
    body, field = WRONG_MEMBERS[name]
    answer = await site.ask("POST", "/members", body)
    kind = "WEAK_PASSWORD" if "short" in name else "INVALID_REQUEST"
    assert (answer.status, answer.json["type"]) == (400, kind)
    assert answer.json["field"].startswith(field)


async def test_a_phone_is_a_number_or_nothing(site: Site) -> None:
    ani = await site.member("ani")
    for phone, kept in (
        ("081234567890", "6281234567890"),
        ("\u202d+62 (0) 812\u20113456\u20117890\u202c", "6281234567890"),
        ("https://wa.me/6281234567890?text=Halo", "6281234567890"),
        ("(021) 555.1234", "62215551234"),
        ("+1 202 555 0100", "+12025550100"),
        ("", ""),
    ):
        answer = await site.ask("PATCH", f"/members/{ani.id}", {"phone": phone})
        assert (answer.status, answer.json["member"]["phone"]) == (200, kept)
    for odd in ("abc", "0812", "08123456789o", "\u202e", "+", 8123, None, "\u0660" * 8):
        answer = await site.ask("PATCH", f"/members/{ani.id}", {"phone": odd})
        assert (answer.status, answer.json["field"]) == (400, "phone"), odd


async def test_a_body_that_is_no_object_is_400_at_every_address_that_reads_one(site: Site) -> None:
    ani = await site.member("ani")
    for data in (b"", b"{", b"[]", b"\xff", b"[" * 100_000):
        for method, path in (
            ("POST", "/members"),
            ("PATCH", f"/members/{ani.id}"),
            ("POST", "/force-logout"),
        ):
            answer = await site.admin.send(method, f"/api/admin{path}", data)
            assert (answer.status, answer.json["type"]) == (400, "INVALID_REQUEST"), (path, data)


async def test_members_are_listed_newest_first_page_by_page(site: Site) -> None:
    for number in range(7):
        await site.member(f"ani{number}")
        await asyncio.sleep(0.002)  # members of one millisecond have no order of their own
    await site.persist()
    names, after = [], ""
    for _ in range(3):
        page = (await site.ask("GET", f"/members?limit=3&after={after}")).json
        names += [member["username"] for member in page["members"]]
        after = page["next"]
    assert names == [*(f"ani{number}" for number in reversed(range(7))), "bos"]
    assert after is None


async def test_members_are_searched_by_what_is_known_of_them(site: Site) -> None:
    ani = await site.member("ani", name="Ani Lestari", phone="081234567", role="teacher")
    await site.member("budi_x", name="Budi 100%")
    await site.store.members.block(ani.id, by="bos")
    await site.persist()

    async def found(query: str) -> list[str]:
        answer = await site.ask("GET", f"/members?{query}")
        return [member["username"] for member in answer.json["members"]]

    assert await found("q=LESTARI") == await found("q=234567") == await found("q=ani@") == ["ani"]
    assert await found("q=100%25") == await found("q=i_x") == ["budi_x"]
    assert await found("q=b%25i") == await found("q=nobody") == []
    assert await found("role=teacher") == await found("status=blocked") == ["ani"]
    assert await found("role=teacher&status=active") == []


@pytest.mark.parametrize(
    "query",
    [
        *("limit=0", "limit=201", "limit=x", "limit=-1", "role=root", "status=gone"),
        *("after=x", "after=1x.y", f"after={'9' * 30}.a", "q=%ff", f"q={'x' * 101}"),
    ],
)
async def test_an_odd_query_is_400(site: Site, query: str) -> None:
    answer = await site.ask("GET", f"/members?{query}")
    assert (answer.status, answer.json["type"]) == (400, "INVALID_REQUEST")
    for query in ("after=x", "limit=0"):
        assert (await site.ask("GET", f"/audit?{query}")).status == 400


async def test_no_answer_holds_a_password(site: Site) -> None:
    ani = await site.member("ani")
    await site.browser("ani")
    await site.persist()
    for method, path, body in (
        ("GET", "/members", None),
        ("GET", f"/members/{ani.id}", None),
        ("PATCH", f"/members/{ani.id}", {"password": "lain lagi", "name": "Ani"}),
        ("POST", f"/members/{ani.id}/block", None),
        ("GET", "/audit", None),
    ):
        answer = await site.ask(method, path, body)
        assert answer.status == 200
        text = answer.body.decode()
        assert "$2" not in text and PASSWORD not in text and "lain lagi" not in text
        for member in [answer.json.get("member", {}), *answer.json.get("members", [])]:
            assert "password" not in member and "fingerprint_device" not in member


async def test_a_members_page_tells_of_the_sessions(site: Site) -> None:
    ani = await site.member("ani")
    await site.browser("ani")
    await site.browser("ani")
    await site.persist()
    answer = (await site.ask("GET", f"/members/{ani.id}")).json
    assert answer["member"]["email"] == "ani@jaga.test"
    assert [session["reason"] for session in answer["sessions"]] == [None, "replaced"]
    assert answer["sessions"][1]["ended_at"] >= answer["sessions"][1]["opened_at"]


async def test_without_postgres_lists_are_503_and_acts_go_on(site_without_postgres: Site) -> None:
    site = site_without_postgres
    for path in ("/members", "/audit"):
        answer = await site.ask("GET", path)
        assert (answer.status, answer.json["type"]) == (503, "UNAVAILABLE")
        assert int(answer.headers["retry-after"]) > 0
    ani = await site.member("ani")
    browser = await site.browser("ani")
    answer = await site.ask("GET", f"/members/{ani.id}")
    assert answer.status == 200 and answer.json["sessions"] is None
    assert (await site.ask("POST", f"/members/{ani.id}/block")).status == 200
    assert (await browser.get("/api/session")).status == 401
    ended = await site.ask("POST", "/force-logout", {"filter": {}})
    assert ended.status == 200


async def test_a_change_is_kept_and_written_down_with_both_values(site: Site) -> None:
    ani = await site.member("ani", name="Ani")
    answer = await site.ask("PATCH", f"/members/{ani.id}", {"name": "Ani L", "role": "teacher"})
    assert answer.status == 200 and answer.json["member"]["name"] == "Ani L"
    assert (await site.store.members.get(ani.id)).role == "teacher"
    written = {entry["act"]: entry["detail"] for entry in await site.audited()}
    assert written["member.change"] == {"name": ["Ani", "Ani L"], "role": ["member", "teacher"]}
    # a role by itself as well, so that it is found among all changes
    assert set(written) == {"member.change", "member.role"}


async def test_a_wrong_change_changes_nothing(site: Site) -> None:
    ani = await site.member("ani")
    await site.member("budi")
    for body, status in (
        ({}, 400),
        ({"status": "blocked"}, 400),
        ({"id": "x"}, 400),
        ({"role": "root"}, 400),
        ({"name": 7}, 400),
        ({"username": " "}, 400),
        ({"name": "Baru", "password": "1"}, 400),
        ({"must_change": True}, 400),
        ({"name": "Baru", "email": "budi@jaga.test"}, 409),
    ):
        assert (await site.ask("PATCH", f"/members/{ani.id}", body)).status == status, body
    assert await site.store.members.get(ani.id) == ani
    assert await site.audited() == []


async def test_a_new_password_ends_every_session_and_is_asked_for(site: Site) -> None:
    ani = await site.member("ani")
    browser, phone = await site.browser("ani"), await site.phone("ani")
    body = {"password": "baru sekali", "must_change": True}
    assert (await site.ask("PATCH", f"/members/{ani.id}", body)).status == 200
    assert (await browser.get("/api/session")).json["reason"] == "password_changed"
    assert (await Browser(site.port).get("/api/session", **_bearer(phone))).status == 401
    assert (await Browser(site.port).login("ani", PASSWORD)).status == 401
    assert (await Browser(site.port).login("ani", "baru sekali")).status == 200
    assert (await site.store.members.get(ani.id)).must_change
    written = {entry["act"]: entry["detail"] for entry in await site.audited()}
    assert written["member.change"] == {"password": "changed"}
    assert not any(secret in str(written) for secret in (PASSWORD, "baru sekali"))


async def test_a_block_puts_everybody_out_and_lets_nobody_in_until_lifted(site: Site) -> None:
    ani = await site.member("ani")
    browser, phone = await site.browser("ani"), await site.phone("ani")
    answer = await site.ask("POST", f"/members/{ani.id}/block")
    assert answer.status == 200 and answer.json["ended"] == 2
    assert answer.json["member"]["status"] == "blocked"
    for place in (await browser.get("/api/session"), await _as_phone(site, phone)):
        assert (place.status, place.json["type"]) == (401, "ACCOUNT_BLOCKED")
    assert (await Browser(site.port).login("ani", PASSWORD)).json["type"] == "ACCOUNT_BLOCKED"

    answer = await site.ask("POST", f"/members/{ani.id}/unblock")
    assert answer.json["member"]["status"] == "active"
    assert (await browser.get("/api/session")).status == 401
    assert (await browser.login("ani", PASSWORD)).status == 200
    acts = [(entry["act"], entry["detail"]) for entry in await site.audited()]
    assert acts == [("member.unblock", {}), ("member.block", {"sessions": 2})]


async def test_a_deactivated_member_is_out_until_activated(site: Site) -> None:
    ani = await site.member("ani")
    browser = await site.browser("ani")
    assert (await site.ask("POST", f"/members/{ani.id}/deactivate")).json["ended"] == 1
    assert (await browser.get("/api/session")).json["reason"] == "inactive"
    assert (await Browser(site.port).login("ani", PASSWORD)).status == 401
    assert (await site.ask("POST", f"/members/{ani.id}/activate")).status == 200
    assert (await browser.login("ani", PASSWORD)).status == 200


async def test_a_deleted_member_is_gone_with_the_name(site: Site) -> None:
    ani = await site.member("ani")
    browser = await site.browser("ani")
    assert (await site.ask("DELETE", f"/members/{ani.id}")).json["ended"] == 1
    assert (await browser.get("/api/session")).status == 401
    assert (await site.ask("GET", f"/members/{ani.id}")).status == 404
    assert (await site.member("ani")).id != ani.id
    (entry,) = await site.audited()
    assert entry["detail"] == {"email": "ani@jaga.test", "username": "ani", "sessions": 1}


async def test_force_logout_ends_sessions_and_bars_nobody(site: Site) -> None:
    ani = await site.member("ani")
    browser = await site.browser("ani")
    assert (await site.ask("POST", f"/members/{ani.id}/force-logout")).json["ended"] == 1
    assert (await browser.get("/api/session")).json["reason"] == "admin"
    assert (await browser.login("ani", PASSWORD)).status == 200


async def test_an_admin_cannot_bar_himself_and_keeps_the_session_that_asks(site: Site) -> None:
    own = f"/members/{site.admin_id}"
    for method, path, body in (
        ("DELETE", own, None),
        ("POST", f"{own}/block", None),
        ("POST", f"{own}/deactivate", None),
        ("PATCH", own, {"role": "member"}),
    ):
        answer = await site.ask(method, path, body)
        assert (answer.status, answer.json["type"]) == (409, "CONFLICT"), path
    phone = await site.phone("bos")
    assert (await site.ask("POST", f"{own}/force-logout")).json["ended"] == 1
    assert (await _as_phone(site, phone)).status == 401
    assert (await site.ask("PATCH", own, {"name": "Bos", "password": "ganti dulu"})).status == 200
    assert (await site.admin.get("/api/session")).status == 200


async def test_a_dry_run_counts_and_the_run_ends_just_those(site: Site) -> None:
    names = ("ani", "budi", "cici")
    for name in names:
        await site.member(name)
    await site.member("guru", role="teacher")
    browsers = {name: await site.browser(name) for name in (*names, "guru")}
    phone = await site.phone("ani")
    cases: list[tuple[dict[str, Any], int, int]] = [
        ({"role": "member"}, 3, 4),
        ({"role": "member", "kind": "web"}, 3, 3),
        ({"kind": "mobile"}, 1, 1),
        ({"search": "UDI@"}, 1, 1),
        ({"device": "chrome"}, 4, 5),
        ({"device": "safari"}, 0, 0),
        ({"ip": "127.0.0.1", "status": "active"}, 4, 5),
        ({"status": "blocked"}, 0, 0),
        ({"opened_before": 1}, 0, 0),
        ({}, 4, 5),
    ]
    for which, members, sessions in cases:
        answer = await site.ask("POST", "/force-logout", {"filter": which, "dry_run": True})
        counted = answer.json
        assert answer.status == 200 and counted["dry_run"] and counted["complete"]
        assert (counted["members"], counted["sessions"]) == (members, sessions), which
    for browser in browsers.values():
        assert (await browser.get("/api/session")).status == 200

    body = {"filter": {"role": "member", "kind": "web"}, "dry_run": False}
    done = (await site.ask("POST", "/force-logout", body)).json
    assert (done["members"], done["sessions"]) == (3, 3)
    for name in names:
        assert (await browsers[name].get("/api/session")).json["reason"] == "admin"
    assert (await browsers["guru"].get("/api/session")).status == 200
    assert (await _as_phone(site, phone)).status == 200

    done = (await site.ask("POST", "/force-logout", {"filter": {}})).json
    assert (done["members"], done["sessions"]) == (2, 2)
    assert (await site.admin.get("/api/session")).status == 200
    assert [entry["act"] for entry in await site.audited()] == ["force-logout", "force-logout"]


async def test_members_may_be_named(site: Site) -> None:
    ani, budi = await site.member("ani"), await site.member("budi")
    one, two = await site.browser("ani"), await site.browser("budi")
    body = {"filter": {"members": [ani.id, "0123456789abcdef"]}}
    assert (await site.ask("POST", "/force-logout", body)).json["sessions"] == 1
    assert (await one.get("/api/session")).status == 401
    assert (await two.get("/api/session")).status == 200
    assert budi.id != ani.id


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"filter": None},
        {"filter": "all"},
        {"filter": {"roll": "member"}},
        {"filter": {"role": "root"}},
        {"filter": {"kind": ["web"]}},
        {"filter": {"opened_before": "now"}},
        {"filter": {"opened_before": float("inf")}},
        {"filter": {"members": "all"}},
        {"filter": {"members": [7]}},
        {"filter": {"members": ["a"] * 501}},
        {"filter": {}, "dry_run": "yes"},
    ],
)
async def test_a_filter_that_is_not_understood_ends_nothing(site: Site, body: Any) -> None:
    await site.member("ani")
    browser = await site.browser("ani")
    answer = await site.ask("POST", "/force-logout", body)
    assert (answer.status, answer.json["type"]) == (400, "INVALID_REQUEST")
    assert (await browser.get("/api/session")).status == 200


async def test_a_walk_through_many_members_finds_everybody(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin_module, "SCAN", 10)
    members = [
        await site.store.members.create(email=f"m{number}@jaga.test", password_hash="x")
        for number in range(120)
    ]
    for member in members:
        await _open(site.store, member.id)
    done = (await site.ask("POST", "/force-logout", {"filter": {"role": "member"}})).json
    assert (done["members"], done["sessions"], done["complete"]) == (120, 120, True)
    left = (await site.ask("POST", "/force-logout", {"filter": {}, "dry_run": True})).json
    assert left["sessions"] == 0


async def test_a_walk_that_takes_too_long_says_so(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin_module, "SCAN", 10)
    monkeypatch.setattr(admin_module, "WALK_SECONDS", 0.0)
    for number in range(60):
        member = await site.store.members.create(email=f"m{number}@jaga.test", password_hash="x")
        await _open(site.store, member.id)
    done = (await site.ask("POST", "/force-logout", {"filter": {}})).json
    assert done["complete"] is False and done["sessions"] < 60


async def test_the_audit_is_paged_and_narrowed(site: Site) -> None:
    ani, budi = await site.member("ani"), await site.member("budi")
    for member in (ani, budi, ani):
        await site.ask("POST", f"/members/{member.id}/force-logout")
    await site.ask("POST", f"/members/{ani.id}/block")
    await site.persist()

    async def acts(query: str) -> list[tuple[str, str]]:
        entries = (await site.ask("GET", f"/audit?{query}")).json["audit"]
        return [(entry["act"], entry["subject_name"]) for entry in entries]

    assert await acts(f"subject={budi.id}") == [("member.force-logout", "budi")]
    assert await acts("act=member.block") == [("member.block", "ani")]
    assert len(await acts(f"actor={site.admin_id}")) == 4
    assert await acts("actor=0123456789abcdef") == []
    first = (await site.ask("GET", "/audit?limit=3")).json
    rest = (await site.ask("GET", f"/audit?limit=3&after={first['next']}")).json
    ids = [entry["id"] for entry in first["audit"] + rest["audit"]]
    assert len(ids) == 4 and ids == sorted(ids, reverse=True) and rest["next"] is None
    assert first["audit"][0]["ip"] == "127.0.0.1"


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def _as_phone(site: Site, token: str) -> Answer:
    return await Browser(site.port).get("/api/session", **_bearer(token))


async def _open(store: Store, member_id: str) -> None:
    device = Device(id=f"d{member_id}", name="Chrome - Linux")
    await store.sessions.open(member_id, device, method="password")
