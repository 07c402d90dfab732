"""A cookie's value and a bearer are two kinds: neither opens what the other does (CONTRACT §3)."""

from __future__ import annotations

import hashlib
import json

import pytest

from store.sessions import Credential
from tests.serving import PASSWORD, Serving, open_session, serving


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_the_value_of_a_cookie_is_no_bearer_in_any_form(environment) -> None:
    async with serving(environment) as site:
        browser = await site.logged_in(await site.member("budi"))
        device = await browser.device_id()
        program = site.browser()
        for text in (browser.session, f"jat_{browser.session}", f" {browser.session}"):
            answer = await program.get("/api/session", **bearer(text))
            assert (answer.status, answer.json["type"]) == (401, "UNAUTHENTICATED")
            async with program.tab(device, Authorization=f"Bearer {text}", Origin="") as tab:
                assert (await tab.event())["code"] == 4401
            said = f"bearer, {text.strip()}"
            async with program.tab(device, Sec_WebSocket_Protocol=said, Origin="") as tab:
                assert (await tab.event())["code"] == 4401
        assert (await browser.get("/api/session")).status == 200


async def test_a_bearer_is_no_cookie(environment) -> None:
    async with serving(environment) as site:
        await site.member("budi")
        body = {"email": "budi@jaga.test", "password": PASSWORD, "device_type": "mobile"}
        tokens = (await site.browser().post("/api/auth/login", body)).json
        access = tokens["access_token"]
        assert access.startswith("jat_")
        assert (await site.browser().get("/api/session", **bearer(access))).status == 200
        for text in (access, access.removeprefix("jat_")):
            browser = site.browser()
            browser.cookies["jaga_session"] = text
            assert (await browser.get("/api/session")).status == 401
        # the next pair is of the same kind
        asked = {"refresh_token": tokens["refresh_token"]}
        renewed = (await site.browser().post("/api/auth/refresh", asked)).json["access_token"]
        assert renewed.startswith("jat_")
        assert (await site.browser().get("/api/session", **bearer(renewed))).status == 200


async def test_a_remember_cookie_brings_no_bearer_and_a_refresh_token_no_cookie(
    environment,
) -> None:
    async with serving(environment) as site:
        await site.member("budi")
        browser = site.browser()
        await browser.login("budi@jaga.test", PASSWORD, remember="1")
        asked = {"refresh_token": browser.cookies["jaga_remember"]}
        assert (await browser.post("/api/auth/refresh", asked)).status == 401
        body = {"email": "budi@jaga.test", "password": PASSWORD, "device_type": "mobile"}
        phone = site.browser()
        tokens = (await phone.post("/api/auth/login", body)).json
        phone.cookies["jaga_remember"] = tokens["refresh_token"]
        assert (await phone.get("/api/session")).status == 401


async def test_a_session_that_both_carry_has_two_secrets(environment) -> None:
    async with serving(environment) as site:
        opened = await open_session(site.store, await site.member("budi"), carrier="both")
        cookie, token = Credential.parse(opened.credential), Credential.parse(opened.bearer)
        assert (cookie.is_bearer, token.is_bearer) == (False, True)
        assert cookie.sid == token.sid and cookie.secret != token.secret
        browser = site.browser()
        browser.cookies["jaga_session"] = opened.credential
        assert (await browser.get("/api/session")).status == 200
        assert (await site.browser().get("/api/session", **bearer(opened.bearer))).status == 200
        # both at once are one session
        assert (await browser.get("/api/session", **bearer(opened.bearer))).status == 200


@pytest.fixture
async def upgraded(environment):
    async with serving(environment) as site:
        yield site


async def test_cookies_in_the_wild_go_on(upgraded: Serving) -> None:
    """What a record kept before there were two kinds: the plain digest of the secret."""
    site = upgraded
    member = await site.member("budi")
    opened = await open_session(site.store, member)
    kept = json.loads(
        str(await site.store.redis.hget(site.store.keys.sessions(member.id), opened.session.sid))
    )
    secret = opened.credential.split(".")[2]
    assert kept["secret"] == hashlib.sha256(secret.encode()).hexdigest()
