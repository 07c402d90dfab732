"""Our own forms work in every browser, and nobody is logged out unasked (CONTRACT §3, §4)."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import pytest

from tests.client import Answer, Browser
from tests.serving import Serving, serving

FIELD = re.compile(r'name="form_token" value="([^"]+)"')


async def token_on(browser: Browser, path: str) -> str:
    found = FIELD.search((await browser.get(path)).body.decode())
    assert found, path
    return found[1]


async def send_form(browser: Browser, token: str, **headers: str) -> Answer:
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    body = urlencode({"form_token": token}).encode()
    return await browser.send("POST", "/logout", body, kind | headers)


async def is_in(browser: Browser) -> bool:
    return (await browser.get("/api/session")).status == 200


@pytest.fixture
async def site(environment):
    async with serving(environment) as site:
        yield site


@pytest.mark.parametrize("path", ["/dashboard", "/produk/contoh", "/devices"])
async def test_a_form_of_ours_works_where_a_browser_says_nothing_of_it(
    site: Serving, path: str
) -> None:
    """Plain http, or an old browser: no Fetch Metadata, and `Origin: null` by our own policy."""
    browser = await site.logged_in(await site.member())
    answer = await send_form(browser, await token_on(browser, path), Origin="null")
    assert (answer.status, answer.headers["location"]) == (302, "/login")
    assert not await is_in(browser)


async def test_a_foreign_or_sandboxed_form_is_refused(site: Serving) -> None:
    browser = await site.logged_in(await site.member())
    stranger = await site.logged_in(await site.member())
    own, others = await token_on(browser, "/dashboard"), await token_on(stranger, "/dashboard")
    for token in ("", "x", others, own[:-1]):
        refused = await send_form(browser, token, Origin="null")
        assert (refused.status, refused.json["type"]) == (403, "CROSS_ORIGIN"), token
    for headers in (
        {"Origin": "null", "Sec_Fetch_Site": "cross-site"},
        {"Origin": "null", "Sec_Fetch_Site": "same-site"},
        {"Origin": "https://evil.test"},
        {"Sec_Fetch_Site": "cross-site"},
    ):
        # a sandboxed frame of whatever it could read is foreign where the browser says so
        assert (await send_form(browser, own, **headers)).status == 403, headers
    without_device = browser.copy()
    del without_device.cookies["jaga_device"]
    assert (await send_form(without_device, own, Origin="null")).status == 403
    assert await is_in(browser)


async def test_a_neighbours_cookie_makes_no_form_of_ours(environment) -> None:
    """On https a sibling site may set a cookie of the bare name, of a device that it chose."""
    async with serving(environment, COOKIE_SECURE="always") as site:
        theirs = site.browser()
        await theirs.get("/login")
        device = theirs.cookies["__Host-jaga_device"]
        browser = site.browser()
        browser.cookies["jaga_device"] = device
        page = await theirs.get("/logout", Sec_Purpose="prefetch")
        token = FIELD.search(page.body.decode())[1]  # type: ignore[index]
        assert (await send_form(browser, token, Origin="null")).status == 403
        assert (await send_form(theirs, token, Origin="null")).status == 302


NOT_OPENED = {
    "a prefetch": {"Sec_Purpose": "prefetch"},
    "a prerender": {"Sec_Purpose": "prefetch;prerender", "Sec_Fetch_Dest": "document"},
    "an old prefetch": {"Purpose": "prefetch"},
    "an old Firefox's": {"X_Moz": "prefetch"},
    "an old Safari's preview": {"X_Purpose": "preview"},
    "a same-site image": {"Sec_Fetch_Site": "same-site", "Sec_Fetch_Dest": "image"},
    "an image of our own": {"Sec_Fetch_Site": "same-origin", "Sec_Fetch_Dest": "image"},
    "a frame": {"Sec_Fetch_Site": "same-origin", "Sec_Fetch_Dest": "iframe"},
    "a same-site link": {"Sec_Fetch_Site": "same-site", "Sec_Fetch_Dest": "document"},
    "another site's link": {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Dest": "document"},
    "an image on plain http": {"Accept": "image/avif,image/webp,*/*;q=0.8"},
    "a style on plain http": {"Accept": "text/css,*/*;q=0.1"},
    "a link on plain http": {"Accept": "text/html", "Referer": "http://evil.test/x"},
}


@pytest.mark.parametrize("what", NOT_OPENED)
async def test_what_nobody_opened_logs_nobody_out(site: Serving, what: str) -> None:
    browser = await site.logged_in(await site.member())
    answer = await browser.get("/logout", **NOT_OPENED[what])
    assert answer.status == 200 and b"Ya, keluar" in answer.body
    assert await is_in(browser)
    # who really wanted to go presses the button
    token = FIELD.search(answer.body.decode())
    assert token and (await send_form(browser, token[1], Origin="null")).status == 302
    assert not await is_in(browser)


OPENED = {
    "location.href": {"Sec_Fetch_Site": "same-origin", "Sec_Fetch_Dest": "document"},
    "typed": {"Sec_Fetch_Site": "none", "Sec_Fetch_Dest": "document"},
    "fetch": {"Sec_Fetch_Site": "same-origin", "Sec_Fetch_Dest": "empty"},
    "location.href on plain http": {"Accept": "text/html,image/avif,*/*;q=0.8"},
    "fetch on plain http": {"Accept": "*/*"},
    "a program": {},
}


@pytest.mark.parametrize("how", OPENED)
async def test_the_documented_get_still_logs_out(site: Serving, how: str) -> None:
    browser = await site.logged_in(await site.member())
    answer = await browser.get("/logout", **OPENED[how])
    assert (answer.status, answer.headers["location"]) == (302, "/login")
    assert not await is_in(browser)


async def test_a_form_that_was_open_when_the_secret_key_changed_still_works(environment) -> None:
    old = {"SECRET_KEYS": "a key that only tests know"}
    async with serving(environment, **old) as site:
        browser = await site.logged_in(await site.member())
        token = await token_on(browser, "/dashboard")
    async with serving(environment, SECRET_KEYS=f"another that is new,{old['SECRET_KEYS']}"):
        assert await token_on(browser, "/dashboard") != token
        assert (await send_form(browser, token, Origin="null")).status == 302
