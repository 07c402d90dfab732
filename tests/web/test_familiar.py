"""What a browser that was its member's before may do while strangers use up everybody's tries."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping

import pytest
import rq
from rq.serializers import JSONSerializer

from store import passwords
from store.hotspot.otp import REQUESTS_PER_ADDRESS, REQUESTS_PER_PHONE, WRONG_PER_PHONE
from store.logins import WRONG_PER_ADDRESS, WRONG_PER_NAME
from store.members import Member
from store.queue import queue_redis
from tests.client import Browser
from tests.serving import PASSWORD, Serving, serving

NUMBER, PHONE = "0812-3456-7890", "6281234567890"


@pytest.fixture
async def house(environment: Mapping[str, str]) -> AsyncIterator[Serving]:
    changes = {"MIKROTIK_HOST": "127.0.0.1", "MIKROTIK_PORT": "1", "PROXYFIX_X_FOR": "1"}
    async with serving(environment, **changes) as house:
        yield house


@pytest.fixture
async def siti(house: Serving) -> Member:
    return await house.member("siti", phone=NUMBER)


def sent(house: Serving) -> list[str]:
    """The codes that were given to a worker, the newest last."""
    connection = queue_redis(house.settings)
    jobs = rq.Queue("urgent", connection=connection, serializer=JSONSerializer).jobs
    connection.close()
    return [str(job.args[1]) for job in jobs if job.func_name == "jobs.messages.send_code"]


async def ask(browser: Browser, address: str = "203.0.113.1") -> int:
    body = {"phone_number": NUMBER}
    return (await browser.post("/api/auth/request-otp", body, X_Forwarded_For=address)).status


async def show(browser: Browser, code: str, address: str = "203.0.113.1") -> int:
    body = {"phone_number": NUMBER, "otp": code}
    return (await browser.post("/api/auth/verify-otp", body, X_Forwarded_For=address)).status


async def hers(house: Serving) -> Browser:
    """A browser in which she was logged in by a code, and is no more."""
    browser = house.browser()
    assert await ask(browser) == 200
    assert await show(browser, sent(house)[-1]) == 200
    await browser.post("/logout")
    browser.cookies.pop("jaga_remember", None)
    await house.store.redis.delete(house.store.keys.otp(PHONE))
    return browser


async def use_up(house: Serving, browser: Browser) -> None:
    """A stranger asks for all of a phone's codes, and guesses until nobody may any more."""
    for number in range(REQUESTS_PER_PHONE.most + 1):
        await house.store.redis.delete(house.store.keys.otp(PHONE))
        status = await ask(browser, f"198.51.100.{number}")
    assert status == 429
    await house.store.redis.hset(house.store.keys.otp(PHONE), "code", "another")
    for number in range(WRONG_PER_PHONE.most + 1):
        await house.store.redis.hset(house.store.keys.otp(PHONE), "tries", "0")
        status = await show(browser, "000000", f"198.51.100.{number}")
    assert status == 429


@pytest.mark.usefixtures("siti")
async def test_strangers_who_use_up_a_phones_codes_keep_its_owner_out_of_nothing(
    house: Serving,
) -> None:
    mine, stranger = await hers(house), house.browser()
    await use_up(house, stranger)
    assert await ask(mine) == 200
    code = sent(house)[-1]
    # and what they guess is not tried against her code
    for number in range(6):
        await show(stranger, f"{(int(code) + 1 + number) % 1_000_000:06d}", "198.51.100.99")
    assert await show(stranger, code, "198.51.100.99") == 429
    assert await show(mine, code) == 200


@pytest.mark.usefixtures("siti")
async def test_nor_do_those_who_use_up_her_address(house: Serving) -> None:
    mine = await hers(house)
    limits, limit = house.store.limits, REQUESTS_PER_ADDRESS
    await limits.take(limit.of("203.0.113.1"), amount=limit.most - 1)
    assert await ask(house.browser()) == 429
    assert await ask(mine) == 200


@pytest.mark.usefixtures("siti")
async def test_her_browser_has_bounds_of_its_own(house: Serving) -> None:
    mine = await hers(house)
    for number in range(REQUESTS_PER_PHONE.most + 1):
        for name in await house.store.redis.keys(f"{house.store.keys.prefix}:otp:*"):
            await house.store.redis.delete(name)
        status = await ask(mine, f"198.51.100.{number}")
    assert status == 429
    assert await ask(house.browser()) == 200


@pytest.mark.usefixtures("siti")
async def test_a_code_that_was_asked_for_elsewhere_fits_in_her_browser(house: Serving) -> None:
    mine = await hers(house)
    assert await ask(house.browser()) == 200
    assert await show(mine, sent(house)[-1]) == 200


async def test_who_was_another_member_there_is_a_stranger(house: Serving, siti: Member) -> None:
    theirs = await house.logged_in(await house.member("budi"))
    await use_up(house, house.browser())
    assert await ask(theirs) == 429


@pytest.mark.parametrize(
    ("browser_id", "status"),
    [("5f2b6a2e-3c1d-4e8f-9a7b-0c1d2e3f4a5b", 200), ("android-12", 429), ("1" * 36, 429)],
)
async def test_a_phone_that_names_itself_is_familiar_by_what_nobody_guesses(
    house: Serving, monkeypatch: pytest.MonkeyPatch, browser_id: str, status: int
) -> None:
    def verify(password: str, stored: str | None) -> passwords.Verdict:
        return passwords.Verdict(stored is not None and password == PASSWORD)

    monkeypatch.setattr(passwords, "verify", verify)
    await house.member("siti")

    async def login(password: str, name: str, address: str) -> int:
        body = {"email": "siti@jaga.test", "password": password, "browser_id": name}
        answer = await house.browser().post("/api/auth/login", body, X_Forwarded_For=address)
        return answer.status

    assert await login(PASSWORD, browser_id, "203.0.113.1") == 200
    for number in range(WRONG_PER_NAME.most):
        assert await login("salah", "another", f"198.51.100.{number}") == 401
    assert await login(PASSWORD, browser_id, "203.0.113.1") == status


async def test_two_names_are_all_that_multiplies_the_tries_at_a_password(
    house: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However a name is written, and whatever a client says it is."""
    monkeypatch.setattr(passwords, "verify", lambda given, stored: passwords.Verdict(False))
    member = await house.member("siti", username="siti", phone=NUMBER)
    await house.logged_in(member, device="d")
    tried = 0
    names = ["siti", "siti@jaga.test", "SITI", " Siti ", "ſiti", "\uff53iti", "SITI@JAGA.TEST "]
    for number in range(WRONG_PER_ADDRESS.most * 2):
        name, address = names[number % len(names)], f"198.51.{number}.1"
        browser = house.browser()
        browser.cookies["jaga_device"] = f"{number:020d}"
        if number % 2:
            body = {"email": name, "password": "salah", "browser_id": f"{number}"}
            path = "/api/auth/login"
        else:
            body, path = {"username": name, "pass": "salah"}, "/cekfingerprint"
        answer = await browser.send(
            "POST",
            path,
            json.dumps(body).encode(),
            {"Content-Type": "application/json", "X-Forwarded-For": address},
        )
        tried += answer.status == 401
        assert answer.status in (401, 429), answer.body
    assert tried == 2 * WRONG_PER_NAME.most
