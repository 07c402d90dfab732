"""Everything odd, at every address there is: always a 4xx in the shape of CONTRACT §3, never a
500, never a hang, and no secret in any answer.

The addresses are read from the running application, so that a new one is swept from its first day.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from store import logins, passwords
from store.errors import InvalidRequest
from store.limits import Limit
from store.sessions import new_id
from tests.client import Answer, Browser, spoken
from tests.serving import HASH, PASSWORD, Serving, serving

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "FOO")

STREAMS = (
    "/api/realtime/attendance-stream",
    "/api/devices/ws/x",
)
"""Answered before the application is asked."""

ODD: list[Any] = [
    None,
    True,
    0,
    -1,
    1e308,
    [],
    {},
    ["keep"],
    {"a": {"b": []}},
    "",
    " ",
    "\x00",
    "a\n\ndata: x",
    "\ud800",
    "\u202e\u200b",
    "x" * 5000,
    "<script>alert(1)</script>",
    "' OR 1=1 --",
    "../../etc/passwd",
]

FIELDS = (
    "username", "pass", "password", "action", "ticket", "remember", "email", "name", "phone",
    "role", "device_type", "device_name", "browser_id", "refresh_token", "current", "new", "token",
    "approved", "match", "fingerprint", "delivery", "meeting_id", "class", "deviceId", "reason",
    "title", "starts_at", "ends_at", "is_active", "timezone", "filter", "dry_run", "status",
    "quota_mb", "days", "unlimited", "fup_percent", "package_id", "phone_number", "otp", "mac",
    "ip", "license_key", "policy", "text", "replace", "link_login_only",
)  # fmt: skip

SOUND: dict[str, Any] = dict.fromkeys(FIELDS, "x") | {
    "email": "baru@jaga.test",
    "username": "baru@jaga.test",
    "pass": "salah sekali",
    "password": "salah sekali",
    "action": "",
    "device_type": "mobile",
    "role": "member",
}
"""A body in which each field in turn is made odd."""


def bodies() -> Iterator[tuple[str, bytes, str]]:
    """Bodies no handler may stumble over: what they are, the bytes, the content type."""
    kind = "application/json"
    yield "nothing", b"", kind
    yield "cut JSON", b'{"username": "a", "pass', kind
    yield "a list", b"[]", kind
    yield "a string", b'"x"', kind
    yield "null", b"null", kind
    yield "NaN", b"NaN", kind
    yield "deep lists", b"[" * 100_000, kind
    yield "deep objects", b'{"a":' * 20_000 + b"1" + b"}" * 20_000, kind
    yield "a long number", b'{"username": ' + b"9" * 10_000 + b"}", kind
    yield "no UTF-8", b'{"username": "\xff\xfe"}', kind
    yield "UTF-16", '{"username": "a"}'.encode("utf-16"), kind
    yield "a form as JSON", b"username=a&password=b", kind
    yield "JSON as a form", b'{"username": "a"}', "application/x-www-form-urlencoded"
    yield (
        "a form of bad escapes",
        b"username=%ff%fe&password=%zz&=&&;",
        "application/x-www-form-urlencoded",
    )
    yield "a form of many fields", b"a=1&" * 5000, "application/x-www-form-urlencoded"
    yield "multipart without a boundary", b"--x\r\n\r\n", "multipart/form-data"
    yield "broken multipart", b"--x\r\nContent-Disposition: form", "multipart/form-data; boundary=x"
    yield "an odd type", b"\x00\x01\x02", "x/y;;;charset=%%"
    yield "a coded body", b"\x1f\x8b\x08\x00rubbish", "application/json; charset=gzip"


class Sweep:
    """Asks, and notes every answer that breaks a rule."""

    def __init__(self, secrets: list[str]) -> None:
        self.faults: list[str] = []
        self._secrets = secrets
        self.count = 0

    async def ask(
        self, who: Browser, method: str, path: str, body: bytes = b"", **headers: str
    ) -> Answer | None:
        what = f"{method} {path} {body[:60]!r} {headers}"[:300]
        self.count += 1
        try:
            answer = await who.copy().send(method, path, body, headers)
        except (TimeoutError, asyncio.IncompleteReadError, ConnectionError) as error:
            self.faults.append(f"{what}: {type(error).__name__}")
            return None
        self.judge(what, method, path, answer, headers)
        return answer

    def judge(
        self, what: str, method: str, path: str, answer: Answer, headers: dict[str, str]
    ) -> None:
        fault = self.faults.append
        if answer.status >= 500:
            fault(f"{what}: {answer.status}")
        text = answer.body.decode("utf-8", "replace") + str(answer.headers)
        for secret in self._secrets:
            if secret in text:
                fault(f"{what}: tells {secret!r}")
        if "Traceback" in text or "site-packages" in text:
            fault(f"{what}: shows its code")
        kind = answer.headers.get("content-type", "")
        if answer.status >= 400 and method != "HEAD":
            if "text/html" in headers.get("Accept", "") and not path.startswith("/api/"):
                return
            if not kind.startswith("application/json"):
                fault(f"{what}: {answer.status} as {kind!r}")
                return
            body = answer.json
            if body.get("success") is not False or not body.get("type") or not body.get("message"):
                fault(f"{what}: {answer.status} {body}")
        if kind.startswith("text/html"):
            self._judge_page(what, answer)

    def _judge_page(self, what: str, answer: Answer) -> None:
        policy = answer.headers.get("content-security-policy", "")
        wrong = [
            name
            for name, good in {
                "csp": policy and "unsafe-inline" not in policy and "frame-ancestors" in policy,
                "nosniff": answer.headers.get("x-content-type-options") == "nosniff",
                "referrer": answer.headers.get("referrer-policy") == "no-referrer",
                "no-store": "no-store" in answer.headers.get("cache-control", ""),
                "lang": b'lang="id"' in answer.body or not answer.body,
                "server": "server" not in answer.headers,
            }.items()
            if not good
        ]
        if wrong:
            self.faults.append(f"{what}: page without {wrong}")


def addresses(site: Serving) -> list[str]:
    """Every address of the application, with an id nobody has in each variable place."""
    application: Any = site.server._http.request_callback
    application = application._application
    paths = []
    for rule in application.wildcard_router.rules:
        pattern = rule.matcher.regex.pattern.rstrip("$")
        path = re.sub(r"\((?:[^()]|\([^()]*\))*\)\??", "0123456789abcdef", pattern)
        paths.append(path.replace("\\", "").replace("/?", ""))
    return [*dict.fromkeys(paths)]


@pytest.fixture
async def site(environment: dict[str, str]) -> AsyncIterator[Serving]:
    async with serving(environment) as site:
        yield site


@pytest.fixture
async def people(site: Serving) -> dict[str, Browser]:
    member = await site.member("budi", name="Budi", phone="081234500000")
    admin = await site.member("admin", role="admin")
    return {
        "nobody": site.browser(),
        "member": await site.logged_in(member),
        "admin": await site.logged_in(admin),
    }


@pytest.fixture
async def sweep(site: Serving, people: dict[str, Browser]) -> AsyncIterator[Sweep]:
    secrets = [HASH, HASH.removeprefix("jaga1"), site.store.settings.secret_key, PASSWORD]
    sweep = Sweep(secrets)
    yield sweep
    assert sweep.count
    assert not sweep.faults, "\n".join(sweep.faults[:30])


async def test_every_method_at_every_address(
    site: Serving, people: dict[str, Browser], sweep: Sweep
) -> None:
    for path in [*addresses(site), *STREAMS, "/nowhere", "/api/nowhere", "/static/nowhere"]:
        for name, who in people.items():
            for method in METHODS:
                if method == "GET" and path in STREAMS and name != "nobody":
                    continue
                if (name, method) == ("admin", "DELETE") or "logout" in path:
                    continue  # it would be somebody's end, and the rest would be swept as nobody
                await sweep.ask(who, method, path)
            await sweep.ask(who, "GET", path, Accept="text/html") if path not in STREAMS else None


async def test_every_body_at_every_address(
    site: Serving, people: dict[str, Browser], sweep: Sweep
) -> None:
    await site.store.redis.config_set("slowlog-max-len", 1)
    for path in addresses(site):
        for name in ("nobody", "member"):
            for _, body, kind in bodies():
                await sweep.ask(people[name], "POST", path, body, Content_Type=kind)
                if len(body) > 2000 and not path.startswith("/api/auth"):
                    break
            for _, body, kind in list(bodies())[:2]:
                await sweep.ask(people[name], "PATCH", path, body, Content_Type=kind)


LOGIN_FIELDS = (
    "username", "email", "pass", "password", "action", "ticket", "remember", "device_type",
    "device_name", "browser_id", "refresh_token", "current", "new",
)  # fmt: skip
LOGIN = ("/cekfingerprint", "/auth/authenticate", "/api/auth/login", "/api/auth/refresh")


@pytest.mark.parametrize("path", [*LOGIN, "/password"])
async def test_every_field_made_odd_at_the_way_in(
    site: Serving, people: dict[str, Browser], sweep: Sweep, path: str, monkeypatch
) -> None:
    generous = Limit("generous", 10_000, 300)
    monkeypatch.setattr(logins, "WRONG_PER_NAME", generous)
    monkeypatch.setattr(logins, "WRONG_PER_ADDRESS", generous)
    monkeypatch.setattr(passwords, "verify", lambda given, stored: passwords.Verdict(False))
    sound = SOUND | {"username": "budi@jaga.test", "current": PASSWORD, "new": "x" * 8}
    for field in LOGIN_FIELDS:
        for odd in ODD:
            body = json.dumps(sound | {field: odd}).encode()
            await sweep.ask(people["member"], "POST", path, body, Content_Type="application/json")


@pytest.mark.parametrize("path", LOGIN)
async def test_a_wrong_type_names_its_field(site: Serving, path: str) -> None:
    sound = {"username": "a", "email": "a", "pass": "b", "password": "b", "refresh_token": "c"}
    wanted = {
        "/cekfingerprint": ["username", "pass"],
        "/auth/authenticate": ["username", "password"],
        "/api/auth/login": ["email", "password"],
        "/api/auth/refresh": ["refresh_token"],
    }[path]
    for field in wanted:
        odd: Any
        for odd in (None, 5, [], {}, "", "x" * 2000):
            if field == "refresh_token" and odd == "":
                continue
            answer = await site.browser().post(path, sound | {field: odd})
            assert (answer.status, answer.json.get("field")) == (400, field), (field, odd)
            assert answer.json["type"] == "INVALID_REQUEST"


class TestSizes:
    async def test_a_megabyte_is_refused_before_it_is_read(self, site: Serving) -> None:
        for path in ("/cekfingerprint", "/api/nowhere", "/static/x"):
            answer = await site.browser().send("POST", path, bytes(1_000_000))
            assert answer.status in (404, 405, 413) and answer.json["success"] is False

    async def test_64_kib_is_the_bound_of_a_login(self, site: Serving) -> None:
        body = b'{"username": "a", "pass": "' + b"x" * (64 * 1024 - 29) + b'"}'
        assert len(body) == 64 * 1024
        assert (await site.browser().send("POST", "/cekfingerprint", body)).json["field"] == "pass"
        assert (await site.browser().send("POST", "/cekfingerprint", body + b" ")).status == 413

    async def test_a_length_that_lies_is_no_way_round(self, site: Serving) -> None:
        for length in ("99999999999999999999999", "-1", "0x10", "1e3", "+5", "5, 6", "\u00b2"):
            head = f"POST /cekfingerprint HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n"
            answer = await spoken(site.port, head.encode("latin-1") + b"{}")
            assert answer.split()[1] in (b"400", b"413"), (length, answer)

    async def test_a_body_in_pieces_is_bounded_too(self, site: Serving) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        writer.write(
            b"POST /cekfingerprint HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        piece = b"%x\r\n" % 65536 + bytes(65536) + b"\r\n"
        sent = 0
        try:
            for _ in range(64):
                writer.write(piece)
                await writer.drain()
                sent += 65536
                if reader._buffer or reader.at_eof():  # type: ignore[attr-defined]
                    break
                await asyncio.sleep(0.002)
        except ConnectionError:
            pass
        assert sent < 4_000_000
        async with asyncio.timeout(5):
            try:
                answer = await reader.read(2000)
            except ConnectionError:
                answer = b""
        writer.close()
        assert answer == b"" or answer.split()[1] in (b"400", b"413")

    async def test_a_small_body_in_pieces_is_read(self, site: Serving) -> None:
        body = b'{"username":1}'
        answer = await spoken(
            site.port,
            b"POST /cekfingerprint HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body),
        )
        assert b" 400 " in answer and b'"field":"username"' in answer

    async def test_long_heads_are_refused(self, site: Serving) -> None:
        for head in (
            b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
            b"GET / HTTP/1.1\r\nX: " + b"a" * 70_000 + b"\r\n\r\n",
            b"GET / HTTP/1.1\r\n" + b"X: a\r\n" * 20_000 + b"\r\n",
        ):
            answer = await spoken(site.port, head)
            assert answer.split()[1] == b"431"


class TestFromElsewhere:
    @pytest.mark.parametrize(
        "headers",
        [
            {"Origin": "https://evil.test"},
            {"Origin": "null"},
            {"Origin": ""},
            {"Origin": "http://127.0.0.1"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
            {"Sec-Fetch-Site": "rubbish"},
            {"Sec-Fetch-Site": "cross-site", "Origin": "{own}"},
            {"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.test"},
        ],
    )
    async def test_unsafe_methods_are_refused(
        self, site: Serving, people: dict[str, Browser], headers: dict[str, str]
    ) -> None:
        own = site.store.settings.public_url
        named = {name: value.replace("{own}", own) for name, value in headers.items()}
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            for path in addresses(site):
                if path.startswith(
                    ("/webhook", "/static", "/js", "/healthz", "/readyz", "/metrics")
                ):
                    continue
                answer = await people["admin"].copy().send(method, path, b"{}", named)
                assert answer.status in (403, 404, 405), (method, path, answer.status)
                if answer.status == 403:
                    assert answer.json["type"] == "CROSS_ORIGIN", path
        assert (await people["admin"].get("/api/session")).status == 200

    async def test_our_own_pages_may(self, site: Serving, people: dict[str, Browser]) -> None:
        own = {"Origin": site.store.settings.public_url, "Sec-Fetch-Site": "same-origin"}
        for headers in (own, {"Sec-Fetch-Site": "none"}, {}):
            answer = await people["member"].send("POST", "/api/update-activity", b"", headers)
            assert answer.status == 200


class TestCookies:
    @pytest.mark.parametrize("fp", ["x" * 4096, "a b", "a\u00e9", "<x>", "'", "%0d%0a"])
    async def test_an_odd_fingerprint_is_400(self, site: Serving, fp: str) -> None:
        member = await site.member()
        browser = site.browser()
        browser.cookies["device_fp"] = fp
        asked = {"username": member.email, "pass": PASSWORD, "action": ""}
        for answer in (
            await browser.post("/cekfingerprint", asked),
            await browser.login(member.email, PASSWORD),
        ):
            assert (answer.status, answer.json["field"]) == (400, "device_fp")
        assert (await browser.get("/login")).status == 200

    async def test_odd_cookies_hide_nothing_and_break_nothing(
        self, site: Serving, people: dict[str, Browser], sweep: Sweep
    ) -> None:
        session = people["member"].session
        for odd in (
            "=", ";;;", "a", "$Version=1", '"', "jaga_device=" + "x" * 3000, "jaga_remember=....",
            "jaga_remember=a.epoch.1.b", "jaga_remember=a.web.1.b", "xjaga_session=evil", "k=\xe9",
        ):  # fmt: skip
            answer = await sweep.ask(
                site.browser(), "GET", "/api/session", Cookie=f"{odd}; jaga_session={session}; z"
            )
            assert answer and answer.status in (200, 400), odd
            await sweep.ask(site.browser(), "GET", "/login", Cookie=odd)
            await sweep.ask(site.browser(), "GET", "/dashboard", Cookie=odd)

    async def test_an_odd_credential_is_nobody(self, site: Serving, sweep: Sweep) -> None:
        for odd in ("a", "a.b", "a.b.c.d", "..", "*.*.*", "a:b.c.d", "{m:x}.y.z", "x" * 300,
                    f"{new_id()}.web.x", f"{new_id()}.epoch.x", "a.b:seen.c"):  # fmt: skip
            browser = site.browser()
            browser.cookies["jaga_session"] = odd
            for path in ("/api/session", "/api/update-activity"):
                method = "GET" if path == "/api/session" else "POST"
                answer = await sweep.ask(browser, method, path)
                assert answer and answer.status == 401, odd
            bearer = await sweep.ask(
                site.browser(), "GET", "/api/session", Authorization=f"Bearer {odd}"
            )
            assert bearer and bearer.status == 401, odd

    async def test_fields_of_the_sessions_hash_are_no_sessions(
        self, site: Serving, people: dict[str, Browser]
    ) -> None:
        member, sid, secret = people["member"].session.split(".")
        for name in ("web", "epoch", "told", sid.upper(), "device"):
            browser = site.browser()
            browser.cookies["jaga_session"] = f"{member}.{name}.{secret}"
            assert (await browser.get("/api/session")).status == 401, name
            browser = site.browser()
            browser.cookies["jaga_remember"] = f"{member}.{name}.1.{secret}"
            assert (await browser.get("/api/session")).status == 401, name

    async def test_cookie_and_bearer_of_two_sessions_are_400(
        self, site: Serving, people: dict[str, Browser]
    ) -> None:
        answer = await people["member"].get(
            "/api/session", Authorization=f"Bearer {people['admin'].session}"
        )
        assert (answer.status, answer.json["type"]) == (400, "INVALID_REQUEST")


async def test_names_cannot_break_out_of_what_is_sent(site: Serving) -> None:
    for name in ("a\n\ndata: x", "a\r\nevent: x", "a\u2028b", "a\x00b", "a\x7fb"):
        with pytest.raises(InvalidRequest):
            await site.member(new_id(), name=name)
    for agent in ("a\tdata: x", "<script>", "\u00e9" * 200, "", "event: x", "x" * 5000):
        member = await site.member()
        browser = Browser(site.port, agent=agent)
        assert (await browser.login(member.email, PASSWORD)).status == 200
        async with browser.stream() as events:
            await events.next()
            other = site.browser()
            await other.login(member.email, PASSWORD)
            text = (await events.rest()).decode()
        assert text.count("data: ") == 2 and text.count("event: ") == 1


async def test_rubbish_on_the_line_is_answered_or_closed(site: Serving) -> None:
    for rubbish in (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\r\n\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET http://evil.test/ HTTP/1.1\r\nHost: evil.test\r\n\r\n",
        b"GET //evil.test/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /%00 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /api/devices/ws/%ff%00?tab_id=%ff HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /api/devices/ws/[x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /login HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /login HTTP/1.1\r\n\r\n",
        b"GET /login HTTP/1.1\r\nHost: x\r\n folded\r\nConnection: close\r\n\r\n",
        b"POST /logout HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n",
        b"GET /login HTTP/1.1\r\nHost: x\r\nCookie: \x01=\x02\r\n\r\n",
        b"POST /logout HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"POST /logout HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        writer.write(rubbish)
        writer.write_eof()
        async with asyncio.timeout(5):
            answer = await reader.read()
        writer.close()
        status = answer.split(b"\r\n")[0].split()[1:2]
        assert not status or int(status[0]) < 500, (rubbish, answer)
    assert (await site.browser().get("/healthz")).status == 200
