"""The way in: one answer for both ignorances, the throttle, the conflict question, tickets."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import pytest

from store.errors import (
    AccountBlocked,
    JagaError,
    RateLimited,
    SessionConflict,
    Unavailable,
    WrongPassword,
)
from store.logins import TICKET_SECONDS, WRONG_PER_ADDRESS, WRONG_PER_NAME
from store.members import Member
from store.opening import Store
from store.passwords import Verdict, hash_password, verify
from store.sessions import Device, Opened
from tests.serving import HASH, PASSWORD


@pytest.fixture
async def budi(store: Store) -> Member:
    return await store.members.create(
        email="budi@jaga.test", username="budi", password_hash=HASH, name="Budi"
    )


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords without their cost: PASSWORD is right for everybody there is."""

    def verify(password: str, stored: str | None) -> Verdict:
        return Verdict(stored is not None and password == PASSWORD)

    monkeypatch.setattr("store.passwords.verify", verify)


def device(name: str, *, fp: str = "", known: bool = True):
    def of(member: str) -> Device:
        return Device(id=f"{name}-{member}", name=name, fp=fp, known=known)

    return of


async def open_login(store: Store, name: str = "one", password: str = PASSWORD, **how) -> Opened:
    given: dict[str, Any] = {
        "keep": False,
        "remember": False,
        "ticket": "",
        "address": "10.0.0.1",
    } | how
    login = given.pop("login", "budi")
    fp, known = given.pop("fp", ""), given.pop("known", True)
    return await store.logins.open(login, password, device(name, fp=fp, known=known), **given)


async def ask(store: Store, name: str = "one", password: str = PASSWORD, **how) -> str | None:
    given: dict[str, Any] = {"keep": False, "address": "10.0.0.1"} | how
    fp, known = given.pop("fp", ""), given.pop("known", True)
    answer = await store.logins.ask(
        given.pop("login", "budi"), password, device(name, fp=fp, known=known), **given
    )
    return answer.ticket


async def wrong(store: Store, login: str = "budi", address: str = "10.0.0.1") -> JagaError:
    with pytest.raises(JagaError) as caught:
        await ask(store, login=login, password="salah", address=address)
    return caught.value


@pytest.mark.usefixtures("cheap", "budi")
class TestTheThrottle:
    async def test_ten_wrong_ones_lock_the_account(self, store: Store) -> None:
        for number in range(10):
            assert isinstance(await wrong(store, address=f"10.0.1.{number}"), WrongPassword)
        locked = await wrong(store, address="10.0.1.99")
        assert isinstance(locked, RateLimited)
        assert 30 < (locked.retry_after or 0) <= 61
        with pytest.raises(RateLimited):
            await open_login(store)

    async def test_a_name_is_one_however_it_is_written(self, store: Store) -> None:
        names = ("budi", "BUDI ", "Budi", " budi", "\uff42udi")
        for number in range(10):
            assert isinstance(await wrong(store, login=names[number % 5]), WrongPassword)
        for name in names:
            assert isinstance(await wrong(store, login=name), RateLimited), name

    async def test_the_lock_tells_nothing_of_a_members_other_name(self, store: Store) -> None:
        """Two names of one member answer as two names of nobody do."""
        said = []
        for first, second in (("budi", "budi@jaga.test"), ("nobody", "nobody@jaga.test")):
            answers = [type(await wrong(store, login=first)) for _ in range(11)]
            said.append([*answers, type(await wrong(store, login=second))])
        assert said[0] == said[1]

    async def test_a_familiar_browser_goes_past_the_locks(self, store: Store) -> None:
        """Strangers lock the name and the address; the browser that was hers gets in."""
        await open_login(store, "laptop")
        for number in range(50):
            await wrong(store, login="budi" if number < 10 else f"nobody{number}")
        assert isinstance(await wrong(store), RateLimited)
        with pytest.raises(RateLimited):
            await open_login(store, "stranger", keep=True)
        assert await open_login(store, "laptop")

    async def test_which_has_a_counter_of_its_own(self, store: Store) -> None:
        await open_login(store, "laptop")
        for _ in range(10):
            with pytest.raises(WrongPassword):
                await ask(store, "laptop", password="salah")
        with pytest.raises(RateLimited):
            await open_login(store, "laptop")
        assert await open_login(store, "another", keep=True)

    async def test_and_is_familiar_to_its_own_member_alone(self, store: Store) -> None:
        await store.members.create(email="tini@jaga.test", password_hash=HASH)
        await open_login(store, "laptop")
        for _ in range(10):
            await wrong(store, login="tini@jaga.test")
        with pytest.raises(RateLimited):
            await open_login(store, "laptop", login="tini@jaga.test")

    async def test_who_is_logged_in_is_locked_out_of_nothing(
        self, store: Store, budi: Member
    ) -> None:
        for _ in range(10):
            await wrong(store)
        await store.logins.prove(budi.id, PASSWORD, address="10.0.0.1")
        for _ in range(10):
            with pytest.raises(WrongPassword):
                await store.logins.prove(budi.id, "salah", address="10.0.0.2")
        with pytest.raises(RateLimited):
            await store.logins.prove(budi.id, PASSWORD, address="10.0.0.1")

    async def test_a_name_nobody_has_is_locked_alike(self, store: Store) -> None:
        for _ in range(10):
            assert isinstance(await wrong(store, login="nobody"), WrongPassword)
        known, unknown = [await wrong(store, login="nobody"), await wrong(store, login="nobody")]
        assert isinstance(unknown, RateLimited) and known.body().keys() == unknown.body().keys()

    async def test_fifty_wrong_ones_lock_the_address(self, store: Store) -> None:
        for number in range(50):
            assert isinstance(await wrong(store, login=f"nobody{number}"), WrongPassword)
        with pytest.raises(RateLimited):
            await open_login(store)
        assert await open_login(store, address="10.0.0.2")

    async def test_the_wait_grows(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        waits = []
        redis, keys = store.redis, store.keys
        for _ in range(7):
            for _ in range(10):
                assert isinstance(await wrong(store), WrongPassword)
                await redis.delete(*await redis.keys(f"{keys.prefix}:limit:*address*") or ["-"])
            waits.append(round(((await wrong(store)).retry_after or 0) / 30) * 30)
            await redis.delete(*await redis.keys(f"{keys.prefix}:limit:*:locked"))
        assert waits == [60, 120, 240, 480, 900, 900, 900]

    async def test_success_forgives(self, store: Store) -> None:
        for _ in range(3):
            for _ in range(9):
                await wrong(store)
            await open_login(store)

    async def test_a_conflict_is_no_wrong_password(self, store: Store) -> None:
        await open_login(store, "one")
        for _ in range(15):
            assert await ask(store, "two") is None
            with pytest.raises(SessionConflict):
                await open_login(store, "two")
        assert await ask(store, "two", keep=True)

    async def test_a_burst_cannot_overshoot(self, store: Store) -> None:
        answers = await asyncio.gather(*(wrong(store) for _ in range(60)))
        let_through = sum(isinstance(answer, WrongPassword) for answer in answers)
        assert let_through == 10
        assert all(isinstance(answer, WrongPassword | RateLimited) for answer in answers)

    async def test_it_is_counted_in_a_window(self, store: Store) -> None:
        await wrong(store)
        names = await store.redis.keys(f"{store.keys.prefix}:limit:*:tries")
        assert len(names) == 2
        for name in names:
            assert 290 < await store.redis.ttl(name) <= 300


class TestOneAnswer:
    async def test_unknown_and_wrong_are_answered_alike(self, store: Store, budi: Member) -> None:
        known, unknown = await wrong(store), await wrong(store, login="nobody")
        assert known.body() == unknown.body() and known.status == unknown.status == 401
        assert known.message == "Username atau Password salah."

    async def test_a_blocked_member_is_told_only_with_the_right_password(
        self, store: Store, budi: Member
    ) -> None:
        await store.members.block(budi.id, by="admin")
        assert isinstance(await wrong(store), WrongPassword)
        with pytest.raises(AccountBlocked) as caught:
            await open_login(store)
        assert caught.value.type == "ACCOUNT_BLOCKED"

    async def test_a_hash_of_the_old_site_is_renewed_by_the_login(self, store: Store) -> None:
        php = "$2y$07$BCryptRequires22Chrcte/VlQH0piJtjXl.0t1XkA8pw9dMXTpOq"
        member = await store.members.create(email="lama@jaga.test", password_hash=php)
        await open_login(store, login="lama@jaga.test", password="rasmuslerdorf")
        renewed = (await store.members.get(member.id)).password
        assert renewed.startswith("jaga1$2b$")
        await open_login(store, login="lama@jaga.test", password="rasmuslerdorf")
        assert (await store.members.get(member.id)).password == renewed

    async def test_a_broken_hash_is_a_wrong_password(self, store: Store) -> None:
        await store.members.create(email="rusak@jaga.test", password_hash="$2y$rusak")
        with pytest.raises(WrongPassword):
            await open_login(store, login="rusak@jaga.test")

    async def test_nobody_is_asked_before_redis_is_rebuilt(self, store: Store, budi) -> None:
        await store.redis.delete(store.keys.built())
        for login in ("budi", "nobody"):
            with pytest.raises(Unavailable):
                await open_login(store, login=login)


@pytest.mark.usefixtures("cheap", "budi")
class TestWhichDevice:
    async def test_the_cookie_decides_when_there_is_one(self, store: Store) -> None:
        await open_login(store, "one", fp="same")
        assert await ask(store, "one", fp="another")
        assert await ask(store, "two", fp="same") is None
        with pytest.raises(SessionConflict):
            await open_login(store, "two", fp="same")

    async def test_without_one_the_fingerprint_does(self, store: Store) -> None:
        await open_login(store, "one", fp="same")
        assert await ask(store, "two", fp="same", known=False)
        assert await ask(store, "two", fp="other", known=False) is None
        assert await ask(store, "two", fp="", known=False) is None
        opened = await open_login(store, "two", fp="same", known=False)
        assert opened.replaced is not None

    async def test_two_without_any_are_two(self, store: Store) -> None:
        await open_login(store, "one", known=False)
        with pytest.raises(SessionConflict):
            await open_login(store, "two", known=False)

    async def test_asking_changes_nothing(self, store: Store, budi: Member) -> None:
        await open_login(store, "one", fp="f1")
        before = await store.members.get(budi.id)
        epoch = (await store.sessions.holder(budi.id))[1]
        for keep in (False, True):
            await ask(store, "two", fp="f2", keep=keep)
        assert await store.members.get(budi.id) == before
        assert before.fingerprint_device == "f1"
        assert (await store.sessions.holder(budi.id))[1] == epoch

    async def test_the_fingerprint_is_never_emptied_by_a_login(
        self, store: Store, budi: Member
    ) -> None:
        await open_login(store, "one", fp="f1")
        opened = await open_login(store, "two", fp="", keep=True)
        assert (await store.members.get(budi.id)).fingerprint_device == opened.session.device
        await store.sessions.end(budi.id, opened.session.sid, reason="logged_out", by="x")
        assert (await store.members.get(budi.id)).fingerprint_device == ""


@pytest.mark.usefixtures("cheap", "budi")
class TestTickets:
    async def test_one_from_keep_takes_the_place_once(self, store: Store) -> None:
        await open_login(store, "one")
        ticket = await ask(store, "two", keep=True) or ""
        assert (await open_login(store, "two", ticket=ticket)).replaced
        assert await store.redis.keys(f"{store.keys.prefix}:*ticket*") == []
        await open_login(store, "three", keep=True)
        with pytest.raises(SessionConflict):
            await open_login(store, "two", ticket=ticket)

    async def test_one_without_keep_takes_nothing(self, store: Store) -> None:
        ticket = await ask(store, "two") or ""
        await open_login(store, "one")
        with pytest.raises(SessionConflict):
            await open_login(store, "two", ticket=ticket)

    async def test_it_is_no_use_on_another_device(self, store: Store) -> None:
        await open_login(store, "one")
        ticket = await ask(store, "two", keep=True) or ""
        with pytest.raises(SessionConflict):
            await open_login(store, "three", ticket=ticket)

    async def test_it_speaks_of_the_holder_it_was_asked_about(self, store: Store) -> None:
        await open_login(store, "one")
        ticket = await ask(store, "two", keep=True) or ""
        await open_login(store, "three", keep=True)
        with pytest.raises(SessionConflict):
            await open_login(store, "two", ticket=ticket)

    async def test_who_was_told_sama_by_its_fingerprint_gets_in(self, store: Store) -> None:
        """Its device cookie was issued with that answer, and now tells it apart from the holder."""
        await open_login(store, "one", fp="same")
        ticket = await ask(store, "two", fp="same", known=False) or ""
        assert (await open_login(store, "two", fp="same", ticket=ticket)).replaced

    async def test_it_is_no_password(self, store: Store) -> None:
        ticket = await ask(store, "one", keep=True) or ""
        with pytest.raises(WrongPassword):
            await open_login(store, "one", password="salah", ticket=ticket)

    async def test_nor_somebody_elses(self, store: Store) -> None:
        await store.members.create(email="tini@jaga.test", password_hash=HASH)
        await open_login(store, "one", login="tini@jaga.test")
        ticket = await ask(store, "two", keep=True) or ""
        with pytest.raises(SessionConflict):
            await open_login(store, "two", login="tini@jaga.test", ticket=ticket)

    async def test_it_lives_a_minute_and_is_not_kept_in_clear(
        self, store: Store, budi: Member
    ) -> None:
        ticket = await ask(store, "one", keep=True) or ""
        (name,) = await store.redis.keys(f"{store.keys.prefix}:*ticket*")
        assert ticket not in name and 55 < await store.redis.ttl(name) <= TICKET_SECONDS
        kept = str(json.loads(await store.redis.get(name) or "{}"))
        assert ticket not in kept and PASSWORD not in kept

    async def test_a_new_password_ends_it(self, store: Store, budi: Member) -> None:
        await open_login(store, "one")
        ticket = await ask(store, "two", keep=True) or ""
        await store.members.set_password(budi.id, "yang baru sekali")
        with pytest.raises(WrongPassword):
            await open_login(store, "two", password="yang baru sekali", ticket="")
        # the old one's proof is void: it goes the long way, and is checked again
        opened = await open_login(store, "two", ticket=ticket)
        assert opened.replaced


PHONE_FORMS = (
    "0812-3456-7890",
    "081234567890",
    "6281234567890",
    "+62 812 3456 7890",
    "81234567890",
)


class TestAPhoneAsTheFirstPassword:
    """MEMBER_INITIAL_PASSWORD: `phone`; nobody remembers how it was typed at the shop."""

    @pytest.fixture
    def compared(self, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str | None]]:
        """Every comparison that is made; a hash is `hash of` its text."""
        made: list[tuple[str, str | None]] = []

        def verify(password: str, stored: str | None) -> Verdict:
            made.append((password, stored))
            return Verdict(stored == f"hash of {password}")

        monkeypatch.setattr("store.passwords.verify", verify)
        return made

    async def buyer(self, store: Store, phone: str, **more: Any) -> Member:
        made: dict[str, Any] = {
            "must_change": True,
            "password_hash": f"hash of {phone}",
            "phone": phone,
        } | more
        return await store.members.create(email="dewi@jaga.test", **made)

    @pytest.mark.usefixtures("compared")
    @pytest.mark.parametrize("sent", PHONE_FORMS)
    async def test_any_of_its_forms_opens(self, store: Store, sent: str) -> None:
        await self.buyer(store, sent)
        for form in PHONE_FORMS:
            ticket = await ask(store, login="dewi@jaga.test", password=form)
            assert await open_login(store, login="dewi@jaga.test", password=form, ticket=ticket)
            assert await open_login(store, login="dewi@jaga.test", password=form)

    @pytest.mark.usefixtures("compared")
    async def test_only_until_it_is_changed_and_only_that_phone(self, store: Store) -> None:
        member = await self.buyer(store, "081234567890")
        for other in ("081234567891", "62812345678900", "812345678"):
            with pytest.raises(WrongPassword):
                await ask(store, login="dewi@jaga.test", password=other)
        await store.redis.hset(store.keys.member(member.id), "must_change", "0")
        assert await ask(store, login="dewi@jaga.test", password="081234567890")
        for form in ("6281234567890", "+6281234567890"):
            with pytest.raises(WrongPassword):
                await ask(store, login="dewi@jaga.test", password=form)

    @pytest.mark.usefixtures("compared")
    async def test_another_first_password_is_not_loosened(self, store: Store) -> None:
        await self.buyer(store, "081234567890", password_hash="hash of rahasia")
        for form in PHONE_FORMS:
            with pytest.raises(WrongPassword):
                await ask(store, login="dewi@jaga.test", password=form)
        assert await ask(store, login="dewi@jaga.test", password="rahasia")

    async def test_what_it_costs_says_nothing_of_the_account(self, store: Store, compared) -> None:
        await self.buyer(store, "081234567890")
        await store.members.create(email="lain@jaga.test", password_hash="hash of rahasia")
        for typed, times in (("rahasia", 1), ("6281234567890", 2), ("081234567890", 2)):
            for login in ("dewi@jaga.test", "lain@jaga.test", "nobody@jaga.test"):
                compared.clear()
                with contextlib.suppress(WrongPassword):
                    await ask(store, login=login, password=typed)
                assert len(compared) == times, (login, typed)

    async def test_it_is_the_kept_form_that_gets_a_new_hash(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        old = hash_password("0812-3456-7890", cost=5)
        member = await self.buyer(store, "0812-3456-7890", password_hash=old)
        await open_login(store, login="dewi@jaga.test", password="6281234567890")
        renewed = (await store.members.get(member.id)).password
        assert renewed != old and verify("0812-3456-7890", renewed).fits


def meanwhile(store: Store, monkeypatch: pytest.MonkeyPatch, act) -> None:
    """Have something done once, between a login's check and its place."""
    within, left = store.logins._within, [act]

    async def checked(*args: Any) -> Member:
        member = await within(*args)
        if left:
            await left.pop()()
        return member

    monkeypatch.setattr(store.logins, "_within", checked)


async def test_a_login_under_way_does_not_outlast_a_new_password(
    store: Store, budi: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def reset() -> None:
        await store.members.set_password(budi.id, "kuda di tepi air")
        await store.sessions.end(budi.id, "all", reason="password_changed", by="tautan email")

    meanwhile(store, monkeypatch, reset)
    with pytest.raises(WrongPassword):
        await open_login(store)
    assert await store.sessions.holder(budi.id) == (None, 0)


async def test_a_login_under_way_goes_on_when_its_hash_is_renewed(
    store: Store, budi: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def renew() -> None:
        await store.members.renew_hash(budi, PASSWORD)

    meanwhile(store, monkeypatch, renew)
    assert (await open_login(store)).session.member == budi.id


async def test_no_secret_enters_the_log(store: Store, budi: Member) -> None:
    opened = await open_login(store, remember=True)
    await open_login(store, "two", keep=True)
    text = str(await store.redis.xrange(store.keys.events()))
    record = await store.redis.hgetall(store.keys.sessions(budi.id))
    secret = opened.credential.split(".")[2]
    for hidden in (secret, PASSWORD, HASH, opened.remember or "-", "seed", "budi@jaga.test"):
        assert hidden not in text
    assert secret not in str(record) and (opened.remember or "-") not in str(record)


def test_the_limits_are_those_of_the_contract() -> None:
    assert (WRONG_PER_NAME.most, WRONG_PER_NAME.seconds) == (10, 300)
    assert (WRONG_PER_ADDRESS.most, WRONG_PER_ADDRESS.seconds) == (50, 300)
