"""The secret key is changed in two steps: phones, remembered browsers and marks live on."""

from __future__ import annotations

import pytest

from store.attendance.proofs import Proofs
from store.payments.numbers import make_licence_key
from store.settings import Settings, SettingsError
from tests.client import Browser
from tests.serving import PASSWORD, serving

OLD, NEW = "a key that only tests know", "another that only tests know"
DEVICE = "0f8fad5b-d9cb-469f-a165-70867728950e"


async def phone_of(browser: Browser, email: str) -> dict[str, str]:
    body = {"email": email, "password": PASSWORD, "device_type": "mobile", "device_name": "HP"}
    return dict((await browser.post("/api/auth/login", body | {"browser_id": "b" * 16})).json)


async def refreshed(browser: Browser, token: str) -> tuple[int, dict[str, str]]:
    answer = await browser.post("/api/auth/refresh", {"refresh_token": token})
    return answer.status, answer.json


async def test_phones_and_browsers_live_on_through_a_new_key(environment) -> None:
    env = environment | {"SECRET_KEY": OLD}
    async with serving(env) as site:
        member = await site.member()
        phone = await phone_of(site.browser(), member.email)
        remembered = site.browser()
        await remembered.login(member.email, PASSWORD, remember="1")
    token, cookie = phone["refresh_token"], remembered.cookies["jaga_remember"]
    for keys in (f"{OLD},{NEW}", f"{NEW},{OLD}", NEW):
        async with serving(env, SECRET_KEYS=keys) as site:
            remembered.port = site.port
            remembered.origin = site.url
            bearer = {"Authorization": f"Bearer {phone['access_token']}"}
            assert (await site.browser().get("/api/devices", **bearer)).status == 200
            status, phone = await refreshed(site.browser(), token)
            assert status == 200, keys
            token = phone["refresh_token"]
            del remembered.cookies["jaga_session"]
            assert (await remembered.get("/api/session")).status == 200, keys
            assert remembered.cookies["jaga_remember"] != cookie
    async with serving(env, SECRET_KEYS="a third that only tests know") as site:
        assert (await refreshed(site.browser(), token))[0] == 401


def test_marks_of_an_older_key_are_known_and_new_ones_are_the_first_keys() -> None:
    old, both, new = Proofs([OLD]), Proofs([NEW, OLD]), Proofs([NEW])
    mark = old.mark("m1", DEVICE, "a1", "2026-11-30")
    assert both.marked(mark, "m1", DEVICE, "2026-11-30") == "a1"
    assert new.marked(mark, "m1", DEVICE, "2026-11-30") == ""
    assert both.device_of(old.device_mark(DEVICE)) == DEVICE
    assert both.device_mark(DEVICE) == new.device_mark(DEVICE)
    assert both.is_shown(old.code("m1", 60_000), "m1", 60_000)
    assert not new.is_shown(old.code("m1", 60_000), "m1", 60_000)
    ticket = old.ticket("m1", DEVICE, "2026-11-30", 60_000)
    assert both.is_present(ticket, "m1", DEVICE, "2026-11-30", 60_001)
    assert not new.is_present(ticket, "m1", DEVICE, "2026-11-30", 60_001)


def test_what_was_mailed_is_derived_from_the_kept_one() -> None:
    before = Settings.from_environment({"JAGA_ENV": "dev", "SECRET_KEY": OLD})
    after = Settings.from_environment(
        {"JAGA_ENV": "dev", "SECRET_KEY": OLD, "SECRET_KEYS": f"{NEW},{OLD}"}
    )
    assert before.secret_keys == (OLD,) and after.secret_keys == (NEW, OLD)
    keys = {make_licence_key(one.secret_key, "ref", 0, 0) for one in (before, after)}
    assert len(keys) == 1


def test_a_key_with_a_comma_stays_one() -> None:
    key = "a,b c,d e,f g,h i"
    settings = Settings.from_environment({"SECRET_KEY": key})
    assert settings.secret_keys == (key,)


@pytest.mark.parametrize("keys", ["short,and-long-enough-to-be-one", "aaaaaaaaaaaaaaaaaaaaaaaa"])
def test_each_is_as_strong_as_the_one(keys: str) -> None:
    with pytest.raises(SettingsError, match="^SECRET_KEYS"):
        Settings.from_environment({"SECRET_KEY": OLD, "SECRET_KEYS": keys})
