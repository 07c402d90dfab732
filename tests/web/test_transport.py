"""On https: cookies that no neighbour can set, and to come back by https only."""

from __future__ import annotations

import pytest

from tests.serving import PASSWORD, serving

HTTPS = {"PUBLIC_URL": "https://jaga.test"}


def names(answer) -> set[str]:
    return {text.partition("=")[0] for text in answer.set_cookies}


async def test_every_cookie_of_ours_has_the_host_prefix_on_https(environment) -> None:
    async with serving(environment, **HTTPS) as site:
        member = await site.member("budi")
        browser = site.browser()
        page = await browser.get("/login")
        login = await browser.login("budi@jaga.test", PASSWORD, remember="1")
        body = {"browser_id": "b1", "fingerprint": "f1", "delivery": "cookie"}
        asked = await browser.post("/api/auth/qr/generate", body)
        found = names(page) | names(login) | names(asked)
        assert found == {f"__Host-jaga_{name}" for name in ("session", "device", "remember", "qr")}
        for text in page.set_cookies + login.set_cookies + asked.set_cookies:
            said = text.lower()
            assert "; secure" in said and "; path=/" in said and "domain" not in said
        status = await browser.get(f"/api/auth/qr/status/{asked.json['token']}")
        assert status.json["status"] == "pending"
        del browser.cookies["__Host-jaga_session"]
        assert (await browser.get("/api/session")).json["member"]["id"] == member.id
        gone = await browser.post("/logout")
        assert gone.status == 302 and set(browser.cookies) == {
            "__Host-jaga_device",
            "__Host-jaga_qr",
        }


async def test_a_device_of_before_is_not_forgotten_and_moves(environment) -> None:
    async with serving(environment, **HTTPS) as site:
        await site.member("budi")
        browser = site.browser()
        await browser.get("/login")
        device = browser.cookies.pop("__Host-jaga_device")
        browser.cookies["jaga_device"] = device
        again = await browser.get("/login")
        assert f"__Host-jaga_device={device}" in again.set_cookies[0]
        # but what would let somebody in has to have the prefix
        await browser.login("budi@jaga.test", PASSWORD, remember="1")
        other = browser.copy()
        for name in ("session", "remember"):
            other.cookies[f"jaga_{name}"] = other.cookies.pop(f"__Host-jaga_{name}")
        assert (await other.get("/api/session")).status == 401


@pytest.mark.parametrize(("url", "is_https"), [("https://jaga.test", True), ("", False)])
async def test_answers_bind_browsers_to_https_and_keep_our_resources(
    environment, url: str, is_https: bool
) -> None:
    async with serving(environment, PUBLIC_URL=url) as site:
        browser = site.browser()
        for path, policy in (
            ("/login", "same-origin"),
            ("/api/session", "same-origin"),
            ("/nowhere", "same-origin"),
            ("/static/css/jaga.css", "same-origin"),
            ("/static/nothing", "same-origin"),
            ("/js/realtime.js", "cross-origin"),
            ("/static/js/licence.js", "cross-origin"),
        ):
            headers = (await browser.get(path)).headers
            assert headers["cross-origin-resource-policy"] == policy, path
            assert ("strict-transport-security" in headers) is is_https, path
