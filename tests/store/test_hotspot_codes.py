"""Login codes by phone: one at a time, none twice within a minute, alike for known and unknown."""

from __future__ import annotations

import pytest

from store.errors import RateLimited, WrongCode
from store.hotspot.otp import WRONG_CODES
from store.opening import Store

PHONE, HOME = "6281200000001", "203.0.113.1"


async def test_a_fresh_code_is_not_replaced(store: Store) -> None:
    first = await store.hotspot.otp.issue(PHONE, HOME)
    assert len(first.code) == 6 and (first.expires_in, first.resend_in) == (300, 60)
    again = await store.hotspot.otp.issue(PHONE, HOME)
    assert again.code == "" and 58 <= again.resend_in <= 60 and 298 <= again.expires_in <= 300
    await store.hotspot.otp.use(PHONE, first.code, HOME, opens=True)


async def test_after_a_minute_there_is_a_new_one_and_the_old_one_is_dead(store: Store) -> None:
    first = await store.hotspot.otp.issue(PHONE, HOME)
    await store.redis.pexpire(store.keys.otp(PHONE), 240_000)
    second = await store.hotspot.otp.issue(PHONE, HOME)
    assert second.code
    if second.code != first.code:
        with pytest.raises(WrongCode):
            await store.hotspot.otp.use(PHONE, first.code, HOME, opens=True)
    await store.hotspot.otp.use(PHONE, second.code, HOME, opens=True)


async def test_a_code_that_is_used_dead_or_was_not_sent_delays_no_other(store: Store) -> None:
    used = await store.hotspot.otp.issue(PHONE, HOME)
    await store.hotspot.otp.use(PHONE, used.code, HOME, opens=True)
    killed = await store.hotspot.otp.issue(PHONE, HOME)
    assert killed.code
    for _ in range(WRONG_CODES):
        with pytest.raises(WrongCode):
            await store.hotspot.otp.use(
                PHONE, f"{(int(killed.code) + 1) % 1_000_000:06d}", HOME, opens=True
            )
    unsent = await store.hotspot.otp.issue(PHONE, HOME)
    assert unsent.code
    await store.hotspot.otp.withdraw(PHONE, unsent.code)
    assert (await store.hotspot.otp.issue(PHONE, HOME)).code


async def test_five_codes_an_hour_and_only_those_that_were_sent(store: Store) -> None:
    for number in range(4):
        issued = await store.hotspot.otp.issue(PHONE, HOME)
        assert issued.code, number
        assert not (await store.hotspot.otp.issue(PHONE, HOME)).code  # the button, pressed again
        unsent = await _another(store)
        await store.hotspot.otp.withdraw(PHONE, unsent)  # the gateway said no
    assert (await store.hotspot.otp.issue(PHONE, HOME)).code
    with pytest.raises(RateLimited):
        await _another(store)


async def _another(store: Store) -> str:
    """A code in the place of the one before, which is used up."""
    await store.redis.delete(store.keys.otp(PHONE))
    return (await store.hotspot.otp.issue(PHONE, HOME)).code


async def test_a_code_that_was_replaced_is_not_withdrawn_any_more(store: Store) -> None:
    late = (await store.hotspot.otp.issue(PHONE, HOME)).code
    now = await _another(store)
    if late != now:
        await store.hotspot.otp.withdraw(PHONE, late)
    await store.hotspot.otp.use(PHONE, now, HOME, opens=True)
