"""Every door at which a password is set: weak ones are refused, and links die in time."""

from __future__ import annotations

import pytest

from tests.client import Browser
from tests.serving import PASSWORD, Serving, serving


async def link_for(site: Serving, member_id: str) -> str:
    return (await site.store.password_links.make(member_id)).partition("#")[2]


async def use(browser: Browser, token: str, password: str = "kuda di tepi air") -> int:
    body = {"token": token, "password": password}
    return (await browser.post("/api/auth/set-password", body)).status


@pytest.mark.parametrize("weak", ["pendek", "password123", "budi1990", "081234567890", "12345678"])
async def test_a_weak_password_is_refused_at_every_door(environment, weak: str) -> None:
    who = {"name": "Budi Santoso", "phone": "+62 812-3456-7890"}
    async with serving(environment) as site:
        budi = await site.member("budi", **who)
        admin = await site.logged_in(await site.member("kepala", role="admin"))
        own = await site.logged_in(budi)
        token = await link_for(site, budi.id)
        new = {"email": "budi.lain@jaga.test", "password": weak, **who}
        here = f"/api/admin/members/{budi.id}"
        body = b'{"password": "%s", "name": "Budi S."}' % weak.encode()
        answers = [
            await admin.post("/api/admin/members", new),
            await admin.send("PATCH", here, body, {"Content-Type": "application/json"}),
            await own.post("/password", {"current": PASSWORD, "new": weak}),
            await own.post("/api/auth/set-password", {"token": token, "password": weak}),
        ]
        said = [(answer.status, answer.json["type"]) for answer in answers]
        assert said == [(400, "WEAK_PASSWORD")] * 4
        assert all(answer.json["message"] for answer in answers)
        after = await site.store.members.get(budi.id)
        assert (after.name, after.password) == (budi.name, budi.password)
        # and the link was not used up by what was refused
        assert await use(own, token) == 200


async def test_the_first_password_of_a_buyer_and_old_hashes_go_on(environment) -> None:
    async with serving(environment) as site:
        hashed = await site.store.passwords.hash("081234567890")
        await site.store.members.create(
            email="dewi@jaga.test", password_hash=hashed, phone="081234567890", must_change=True
        )
        browser = site.browser()
        assert (await browser.login("dewi@jaga.test", "0812 3456 7890")).status == 200
        changed = {"current": "081234567890", "new": "kuda di tepi air"}
        assert (await browser.post("/password", changed)).status == 200
        assert (await site.browser().login("dewi@jaga.test", "081234567890")).status == 401


async def test_a_newer_link_kills_an_older_one(environment) -> None:
    async with serving(environment) as site:
        budi = await site.member("budi")
        browser = site.browser()
        first, second = await link_for(site, budi.id), await link_for(site, budi.id)
        assert await use(browser, first) == 404
        assert await use(browser, second) == 200
        assert await use(browser, second) == 404


@pytest.mark.parametrize("how", ["own", "admin", "link"])
async def test_a_new_password_kills_the_link(environment, how: str) -> None:
    """A link in an old mailbox took over an account whose password had been changed since."""
    async with serving(environment) as site:
        budi = await site.member("budi")
        old = await link_for(site, budi.id)
        new = "padi di sawah utara"
        if how == "own":
            browser = await site.logged_in(budi)
            done = await browser.post("/password", {"current": PASSWORD, "new": new})
            assert done.status == 200
        elif how == "admin":
            await site.store.members.set_password(budi.id, new)
        else:
            assert await use(site.browser(), await link_for(site, budi.id), new) == 200
        assert await use(site.browser(), old) == 404
        assert (await site.browser().login("budi@jaga.test", new)).status == 200


async def test_a_link_of_somebody_who_is_gone_is_over(environment) -> None:
    async with serving(environment) as site:
        budi = await site.member("budi")
        token = await link_for(site, budi.id)
        await site.store.members.delete(budi.id, by="test")
        assert await use(site.browser(), token) == 404
