"""Passwords: old hashes, long ones, broken ones, odd ones, and what they cost the event loop."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass

import bcrypt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store import passwords
from store.errors import Unavailable
from store.hotspot.newcomers import NO_PASSWORD
from store.member_lists import NO_PASSWORD_YET
from store.passwords import COST, LONGEST_BYTES, THREADS, Passwords, hash_password, verify

CHEAP = 4

# what `crypt` of the C library says of the salt and password in the PHP manual
PHP_HASH = "$2y$07$BCryptRequires22Chrcte/VlQH0piJtjXl.0t1XkA8pw9dMXTpOq"


def legacy(password: bytes, mark: str = "$2y$") -> str:
    return mark + bcrypt.hashpw(password[:72], bcrypt.gensalt(CHEAP)).decode()[4:]


def test_a_hash_of_the_php_manual_is_accepted_and_renewed() -> None:
    assert verify("rasmuslerdorf", PHP_HASH) == passwords.Verdict(fits=True, renew=True)
    assert not verify("rasmuslerdorg", PHP_HASH).fits


@pytest.mark.parametrize("mark", ["$2y$", "$2a$", "$2b$"])
def test_the_old_sites_marks_are_accepted(mark: str) -> None:
    assert verify("081234567890", legacy(b"081234567890", mark)).fits
    assert not verify("081234567891", legacy(b"081234567890", mark)).fits


def test_the_old_sites_72_bytes_still_open_and_are_renewed() -> None:
    long = "a" * 100
    verdict = verify(long, legacy(long.encode()))
    assert verdict.fits and verdict.renew


def test_ours_tells_what_follows_the_72nd_byte_apart() -> None:
    kept = hash_password("a" * 72 + "b", CHEAP)
    assert verify("a" * 72 + "b", kept).fits
    assert not verify("a" * 72 + "c", kept).fits
    assert not verify("a" * 72, kept).fits


@pytest.mark.parametrize(
    "password",
    ["a" * LONGEST_BYTES, "\u00e9" * 512, "\x00", "a\x00b", "\ud800", " ", "\U0001f512" * 20],
)
def test_any_text_up_to_1024_bytes_is_a_password(password: str) -> None:
    kept = hash_password(password, CHEAP)
    assert verify(password, kept).fits
    assert not verify(password + "x", kept).fits
    assert not verify(password[:-1], kept).fits


def test_longer_ones_fit_nothing() -> None:
    assert not verify("a" * 1_000_000, hash_password("a" * 72, CHEAP)).fits
    assert not verify("a" * (LONGEST_BYTES + 1), legacy(b"a" * 72)).fits


@pytest.fixture
def own_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    """The product's own, as it was before `passwords_are_cheap` of conftest.py."""
    monkeypatch.setattr(passwords, "COST", COST)


def test_a_password_is_kept_at_two_to_the_eleventh_rounds(own_cost: None) -> None:
    assert hash_password("rahasia").startswith("jaga1$2b$11$")


def test_todays_scheme_is_not_renewed_and_another_cost_is(own_cost: None) -> None:
    assert verify("rahasia", hash_password("rahasia")) == passwords.Verdict(True, renew=False)
    assert verify("rahasia", hash_password("rahasia", CHEAP)) == passwords.Verdict(True, renew=True)
    assert not verify("salah", hash_password("rahasia", CHEAP)).renew


@pytest.mark.parametrize(
    "broken",
    [
        "",
        "jaga1",
        "jaga1$2b$",
        "jaga1$2b$11$short",
        "jaga1$2b$99$" + "a" * 53,
        "jaga1$2b$00$" + "a" * 53,
        "jaga1" + "\ud800" * 60,
        "jaga1$2b$04$" + "\u00e9" * 53,
        "$2y$",
        "$2y$04$",
        "$2y$xx$" + "a" * 53,
        "$2y$04$" + "!" * 53,
        "$2y$04$" + "\x00" * 53,
        "$argon2id$v=19$m=65536",
        "5f4dcc3b5aa765d61d8327deb882cf99",
        "password",
        "jaga2$2b$11$" + "a" * 53,
    ],
)
def test_a_broken_hash_fits_nothing_and_breaks_nothing(broken: str) -> None:
    for password in ("", "password", "a" * 100, "\x00"):
        assert verify(password, broken).fits is False


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=70), st.sampled_from(["jaga1$2b$04$", "$2y$04$", "jaga1", "$2a$0", ""]))
def test_no_stored_rubbish_breaks_it(rubbish: str, start: str) -> None:
    assert verify("rahasia", start + rubbish).fits is False


@dataclass
class Bcrypt:
    """Stands before the real one and keeps what it did: rounds, and in which thread."""

    rounds: list[int]
    threads: list[int]
    gensalt = staticmethod(bcrypt.gensalt)

    def hashpw(self, password: bytes, salt: bytes) -> bytes:
        made = bcrypt.hashpw(password, salt)
        self._note(salt)
        return made

    def checkpw(self, password: bytes, hashed: bytes) -> bool:
        fits = bcrypt.checkpw(password, hashed)
        self._note(hashed)
        return fits

    def _note(self, salt: bytes) -> None:
        self.rounds.append(2 ** int(salt[4:6]))
        self.threads.append(threading.get_ident())


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Bcrypt:
    counting = Bcrypt([], [])
    monkeypatch.setattr(passwords, "bcrypt", counting)
    return counting


def test_nobody_costs_what_somebody_costs(counted: Bcrypt, own_cost: None) -> None:
    """One answer and one cost for unknown users. Counted, for a clock would also tell what others
    do on this machine: bcrypt's rounds are all of the cost."""
    kept = hash_password("rahasia")
    for password, stored in (
        ("rahasia", kept),
        ("salah", kept),
        ("salah", None),
        ("", None),
        ("x" * 2000, kept),
        ("salah", "jaga1$2b$11$short"),
        ("salah", "$argon2id$v=19$m=65536"),
    ):
        counted.rounds.clear()
        verify(password, stored)
        assert counted.rounds == [2**COST], (password[:8], stored)


async def test_eight_checks_at_once_do_not_stall_the_loop(counted: Bcrypt) -> None:
    hashing = Passwords()
    kept = hash_password("rahasia", CHEAP + 5)
    counted.threads.clear()
    turns = 0

    async def watch() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0.001)
            turns += 1

    async def check() -> None:
        async with hashing.turn():
            await hashing.check("rahasia", kept)

    watching = asyncio.create_task(watch())
    await asyncio.gather(*(check() for _ in range(8)))
    watching.cancel()
    hashing.close()
    assert len(counted.threads) == 8 and len(set(counted.threads)) <= THREADS
    assert threading.get_ident() not in counted.threads
    # were the interpreter held while bcrypt works, the loop would turn between two checks only
    assert turns > 4 * 8


async def test_the_line_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "WAITING", 3)
    hashing = Passwords()
    leave = asyncio.Event()

    async def hold() -> None:
        async with hashing.turn():
            await leave.wait()

    holding = [asyncio.create_task(hold()) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        async with hashing.turn():
            pass
    leave.set()
    await asyncio.gather(*holding)
    async with hashing.turn():
        pass
    hashing.close()


async def test_a_caller_that_goes_gives_its_place_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "WAITING", 3)
    hashing = Passwords()

    async def hold() -> None:
        async with hashing.turn():
            await asyncio.sleep(10)

    for _ in range(3):
        holding = [asyncio.create_task(hold()) for _ in range(3)]
        await asyncio.sleep(0)
        for task in holding:
            task.cancel()
        await asyncio.gather(*holding, return_exceptions=True)
    async with asyncio.timeout(1), hashing.turn():
        pass
    hashing.close()


@pytest.mark.parametrize("kept", [NO_PASSWORD, NO_PASSWORD_YET])
def test_who_has_no_password_is_no_error_in_the_log(
    kept: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Anybody can try one: a newcomer's, or that of who came by a list."""
    for typed in (kept, "", "rahasia"):
        assert not verify(typed, kept).fits
    assert caplog.records == []
