"""Pages of other sites: what ALLOWED_ORIGINS opens to them, and nothing beside that."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping

import pytest

from store.settings import Settings, SettingsError
from tests.client import Answer, Browser, Events
from tests.serving import PASSWORD, Serving, serving

SITE = "https://kelas.example:8443"
STRANGER = "https://jahat.example"
STREAM = "/api/realtime/attendance-stream"

OPEN = [
    ("GET", "/api/session"),
    ("GET", "/api/auth/check"),
    ("POST", "/api/update-activity"),
    ("POST", "/api/devices/attempts/x"),
    ("POST", "/api/license/validate"),
    ("POST", "/api/license/activate"),
    ("POST", "/api/license/deactivate"),
]
CLOSED = [("GET", "/api/devices"), ("POST", "/logout"), ("POST", "/api/auth/not-me")]


@pytest.fixture
async def site(environment: Mapping[str, str]) -> AsyncIterator[Serving]:
    async with serving(environment, ALLOWED_ORIGINS=f"{SITE}, https://lain.example/") as site:
        yield site


async def asked(browser: Browser, method: str, path: str, origin: str, **more: str) -> Answer:
    headers = {"Origin": origin, "Sec-Fetch-Site": "cross-site", **more}
    body = json.dumps({"allow": True}).encode() if method == "POST" else b""
    return await browser.send(method, path, body, {"Content-Type": "application/json"} | headers)


@pytest.mark.parametrize(("method", "path"), OPEN)
async def test_an_allowed_site_may_ask_and_read(site: Serving, method: str, path: str) -> None:
    browser = await site.logged_in(await site.member())
    answer = await asked(browser, method, path, SITE)
    assert answer.headers["access-control-allow-origin"] == SITE
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert answer.headers["vary"] == "Origin"
    assert answer.status != 403
    before = await asked(
        browser, "OPTIONS", path, SITE, **{"Access-Control-Request-Method": method}
    )
    assert before.status == 204 and method in before.headers["access-control-allow-methods"]
    # also an error is read, and nobody else reads anything
    nobody = await asked(site.browser(), method, path, SITE)
    assert nobody.headers["access-control-allow-origin"] == SITE
    for origin in (STRANGER, "https://kelas.example", "null", "*"):
        other = await asked(browser, method, path, origin)
        assert "access-control-allow-origin" not in other.headers
        assert method == "GET" or other.json["type"] == "CROSS_ORIGIN"
        assert (await asked(browser, "OPTIONS", path, origin)).status == 405


@pytest.mark.parametrize(("method", "path"), CLOSED)
async def test_everything_else_stays_closed(site: Serving, method: str, path: str) -> None:
    browser = await site.logged_in(await site.member())
    answer = await asked(browser, method, path, SITE)
    assert "access-control-allow-origin" not in answer.headers
    assert method == "GET" or answer.json["type"] == "CROSS_ORIGIN"
    assert (await browser.get("/api/session")).status == 200


async def test_its_pages_hear_the_stream_and_the_socket(site: Serving) -> None:
    browser = await site.logged_in(await site.member())
    device = await browser.device_id()
    for origin, reads in ((SITE, True), (STRANGER, False)):
        if reads:
            stream = await opened(browser, origin)
            assert stream.headers["access-control-allow-origin"] == origin
            stream.writer.close()
        else:
            refused = await asked(browser, "GET", STREAM, origin)
            assert (refused.status, refused.json["type"]) == (403, "CROSS_ORIGIN")
        async with browser.tab(device, Origin=origin) as tab:
            event = await tab.event()
            assert event.get("event") == ("connected" if reads else "close"), event
    # a login page's code is for our own pages alone
    async with browser.tab("/api/auth/qr/ws/x", Origin=SITE) as tab:
        assert (await tab.event()).get("code") == 4403


async def opened(browser: Browser, origin: str) -> Events:
    cookies = dict(browser.cookies)
    # the client's streams carry cookies alone; a header more goes in behind one
    browser.cookies = {**cookies, "x": f"y\r\nOrigin: {origin}"}
    try:
        return await Events.open(browser, "", browser.port)
    finally:
        browser.cookies = cookies


@pytest.mark.parametrize(
    "text", ["*", "https://*.kelas.example", "https://kelas.example/x", "kelas.example", "null"]
)
def test_an_origin_is_named_exactly(environment: Mapping[str, str], text: str) -> None:
    with pytest.raises(SettingsError, match="ALLOWED_ORIGINS"):
        Settings.from_environment({**environment, "ALLOWED_ORIGINS": text})


@pytest.mark.parametrize(
    ("samesite", "said"),
    [("lax", "SameSite=Lax"), ("none", "SameSite=None"), ("partitioned", "Partitioned")],
)
async def test_cookies_cross_sites_where_a_deployment_says_so(
    environment: Mapping[str, str], samesite: str, said: str
) -> None:
    https = {"PUBLIC_URL": "https://jaga.test", "COOKIE_SAMESITE": samesite}
    async with serving(environment, **https) as site:
        await site.member("budi")
        login = await site.browser().login("budi@jaga.test", PASSWORD)
        for cookie in login.set_cookies:
            assert said in cookie and "Secure" in cookie and cookie.startswith("__Host-")
            assert samesite == "lax" or "SameSite=None" in cookie


def test_such_cookies_need_https(environment: Mapping[str, str]) -> None:
    with pytest.raises(SettingsError, match="https only"):
        Settings.from_environment({**environment, "COOKIE_SAMESITE": "none"})
