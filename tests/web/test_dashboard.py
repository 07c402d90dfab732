"""The dashboard leads everywhere: a member to what is theirs, an administrator to every desk."""

from __future__ import annotations

import re

import pytest

from tests.serving import serving

DESKS = {"hotspot", "webhooks", "products", "mails", "members/import", "meetings"}

ROUTER = {"MIKROTIK_HOST": "127.0.0.1", "MIKROTIK_PORT": "1"}


@pytest.mark.parametrize(
    ("role", "desks"), [("admin", DESKS), ("teacher", {"meetings"}), ("member", set())]
)
async def test_everybody_is_led_to_their_own(
    environment: dict[str, str], role: str, desks: set[str]
) -> None:
    async with serving(environment, **ROUTER) as site:
        browser = await site.logged_in(await site.member("ratna", role=role))
        page = (await browser.get("/dashboard", Accept="text/html")).body.decode()
        links = set(re.findall(r'<a href="([^"#]+)"', page))
        assert {"/hotspot", "/devices", "/password"} <= links
        assert {link for link in links if "/admin" in link} == {f"/admin/{desk}" for desk in desks}
        for link in links:
            assert (await browser.get(link, Accept="text/html")).status == 200, link


async def test_the_desks_are_those_of_the_pages_own_navigation(
    environment: dict[str, str],
) -> None:
    async with serving(environment) as site:
        browser = await site.logged_in(await site.member("ratna", role="admin"))
        page = (await browser.get("/admin/mails", Accept="text/html")).body.decode()
        nav = page.partition('class="operator-nav"')[2].partition("</nav>")[0]
        named = set(re.findall(r'href="/admin/([^"]+)"', nav))
        assert named == DESKS
        for desk in DESKS:
            page = (await browser.get(f"/admin/{desk}", Accept="text/html")).body.decode()
            here = re.findall(r'href="([^"]+)" aria-current="page"', page)
            assert here == [f"/admin/{desk}"]


async def test_without_a_router_nobody_is_led_to_a_hotspot(environment: dict[str, str]) -> None:
    async with serving(environment) as site:
        browser = await site.logged_in(await site.member("siti"))
        page = (await browser.get("/dashboard", Accept="text/html")).body.decode()
        assert 'href="/hotspot"' not in page
