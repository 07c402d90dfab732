"""Packages on top of one another: the rules, held against a model that keeps no rules but days,
bytes and the words of CONTRACT §9, one byte at a time."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.errors import StackFull
from store.hotspot.deciding import DAY_MS
from store.hotspot.package import Package
from store.hotspot.stack import MOST, Purchase, Stack

NOW = 1_800_000_000_000


def package(
    name: str = "A",
    quota: int = 0,
    days: int = 0,
    unlimited: bool = False,
    fup_percent: int | None = None,
    fup_remaining: int | None = None,
) -> Package:
    return Package(name, name, quota, days, unlimited, fup_percent, fup_remaining)


def stack_of(*packages: Package, now: int = NOW) -> Stack:
    stack = Stack()
    for number, one in enumerate(packages):
        stack = stack.give(one, f"{number}", now)
    return stack


# The plain model -------------------------------------------------------------------------------


@dataclass
class Bought:
    """One purchase of the model: `day` it was bought on, `days` it lasts (0: none of its own)."""

    name: str
    day: int
    days: int
    bytes: int
    unlimited: bool
    fup: int | None
    until: float = 0
    rides: bool = False
    used: int = 0


class Model:
    """What CONTRACT §9 says, as plainly as it can be written; days instead of milliseconds."""

    def __init__(self) -> None:
        self.all: list[Bought] = []

    def running(self, day: float) -> list[Bought]:
        return [one for one in self.all if one.until > day]

    def buy(self, one: Bought) -> None:
        dated = [other for other in self.running(one.day) if other.until < float("inf")]
        if one.days:
            one.until = one.day + one.days
            for other in dated:
                if other.rides:
                    other.until = max(other.until, one.until)
        elif dated:
            one.until, one.rides = max(other.until for other in dated), True
        else:
            one.until = float("inf")
        self.all.append(one)

    def in_use(self, day: float) -> Bought | None:
        found: Bought | None = None
        for one in self.running(day):
            if not one.unlimited and one.used >= one.bytes:
                continue
            if found is None or (not one.unlimited, one.until) < (not found.unlimited, found.until):
                found = one
        return found

    def use(self, count: int, day: float) -> None:
        for _ in range(count):
            if one := self.in_use(day):
                one.used += 1


STEPS = st.one_of(
    st.tuples(
        st.just("buy"),
        st.integers(0, 4),  # days
        st.integers(0, 6),  # bytes
        st.booleans(),
        st.one_of(st.none(), st.integers(1, 100)),
    ),
    st.tuples(st.just("use"), st.integers(1, 9)),
    st.tuples(st.just("wait"), st.integers(1, 3)),
)


@given(st.lists(STEPS, max_size=40))
@settings(max_examples=400, deadline=None)
def test_any_purchases_usage_and_time_agree_with_the_plain_model(steps: list[tuple]) -> None:  # type: ignore[type-arg]
    stack, model, day = Stack(), Model(), 0
    for number, (what, *more) in enumerate(steps):
        now = NOW + day * DAY_MS
        if what == "buy":
            days, quota, unlimited, fup = more
            name = f"p{number}"
            before = {one.id: terms(one) for one in stack.purchases}
            stack = stack.give(package(name, quota, days, unlimited, fup), name, now)
            for one in stack.purchases[:-1]:
                assert terms(one) == before[one.id], "no terms leak"
            model.buy(Bought(name, day, days, quota, unlimited, fup))
        elif what == "use":
            stack = stack.pour(more[0], now)
            model.use(more[0], day)
        else:
            day += more[0]
            now = NOW + day * DAY_MS
        stack = Stack.read({"stack": stack.text()})  # as it is kept between two steps
        agree(stack, model, now, day)


def terms(one: Purchase) -> tuple[object, ...]:
    """What no other purchase may change; of one that has days of its own, its end as well."""
    return (one.package, one.quota, one.unlimited, one.fup_percent, one.used) + (
        () if one.follows else (one.ends_at,)
    )


def agree(stack: Stack, model: Model, now: int, day: int) -> None:
    found, right = stack.in_use(now), model.in_use(day)
    assert (found and found.id) == (right and right.name)
    if found and right:
        assert (found.fup_percent, found.quota) == (right.fup, right.bytes)
    ends = {one.id: one.ends_at for one in stack.live(now)}
    kept = {one.id: one.used for one in stack.live(now)}
    for one in model.running(day):
        if one.name in ends:
            end = None if one.until == float("inf") else NOW + int(one.until) * DAY_MS
            assert ends[one.name] == end
            # what no purchase had room for is added to the one that is shown
            assert kept[one.name] == one.used or kept[one.name] > one.used >= one.bytes
        else:
            assert one.until == float("inf") and one.used >= one.bytes and not one.unlimited
    order = [turn.purchase.id for turn in stack.turns(now) if turn.state in ("in_use", "next")]
    assert order[:1] == ([found.id] if found else [])
    assert len(stack.purchases) <= MOST


# What an operator fears, one by one ------------------------------------------------------------


def test_a_top_up_keeps_the_end_and_is_used_when_the_package_is_used_up() -> None:
    stack = stack_of(package("Bulanan", 10, 30), package("Tambahan", 5))
    assert [one.ends_at for one in stack.purchases] == [NOW + 30 * DAY_MS] * 2
    assert [(turn.purchase.package, turn.state) for turn in stack.turns(NOW)] == [
        ("Bulanan", "in_use"),
        ("Tambahan", "next"),
    ]
    stack = stack.pour(12, NOW)
    assert [one.used for one in stack.purchases] == [10, 2]
    assert stack.shown(NOW).package == "Tambahan"
    assert stack.in_use(NOW + 30 * DAY_MS) is None


def test_a_top_up_of_a_package_that_is_used_up_ends_with_it_all_the_same() -> None:
    stack = stack_of(package("Bulanan", 10, 30)).pour(10, NOW)
    stack = stack.give(package("Tambahan", 5), "t", NOW + DAY_MS)
    assert stack.shown(NOW + DAY_MS).ends_at == NOW + 30 * DAY_MS


def test_what_lasts_for_good_is_ended_by_no_later_one() -> None:
    stack = stack_of(package("Selamanya", 10), package("Harian", 1, 1))
    assert stack.shown(NOW).package == "Harian"
    later = NOW + 2 * DAY_MS
    assert stack.shown(later).package == "Selamanya" and stack.shown(later).ends_at is None


def test_unlimited_goes_first_and_no_top_up_shortens_it() -> None:
    stack = stack_of(package("Bebas", 0, 30, True), package("Harian", 5, 1), package("Besar", 9))
    assert [(turn.purchase.package, turn.state) for turn in stack.turns(NOW)] == [
        ("Bebas", "in_use"),
        ("Harian", "unused"),
        ("Besar", "unused"),
    ]
    assert stack.shown(NOW).ends_at == NOW + 30 * DAY_MS
    assert [one.used for one in stack.pour(10**15, NOW).purchases] == [10**15, 0, 0]


def test_a_counted_package_waits_for_the_unlimited_ones_end() -> None:
    stack = stack_of(package("Bulanan", 10, 30), package("Bebas", 0, 7, True))
    first, second = stack.turns(NOW)
    assert (first.purchase.package, first.state) == ("Bebas", "in_use")
    assert (second.state, second.begins_at) == ("next", NOW + 7 * DAY_MS)


def test_fair_use_is_each_ones_own() -> None:
    stack = stack_of(package("A", 10, 1, fup_percent=50), package("B", 10, 2, fup_remaining=3))
    assert (stack.shown(NOW).fup_percent, stack.shown(NOW).fup_remaining) == (50, None)
    stack = stack.pour(10, NOW)
    assert (stack.shown(NOW).fup_percent, stack.shown(NOW).fup_remaining) == (None, 3)


def test_a_top_up_that_outlived_its_package_is_not_raised_from_the_dead() -> None:
    stack = stack_of(package("Bulanan", 1, 30), package("Tambahan", 5))
    later = NOW + 31 * DAY_MS
    stack = stack.give(package("Bulanan", 1, 30), "baru", later)
    assert [one.id for one in stack.purchases] == ["baru"]


def test_one_is_taken_back_and_the_others_stay() -> None:
    stack = stack_of(package("Bulanan", 10, 30), package("Tambahan", 5))
    rest = stack.without("0")
    assert [(one.package, one.ends_at) for one in rest.purchases] == [
        ("Tambahan", NOW + 30 * DAY_MS)
    ]


def test_the_stack_is_bounded_and_what_is_used_up_makes_room() -> None:
    stack = stack_of(*[package("Voucher", 1, 30)] * MOST)
    with pytest.raises(StackFull):
        stack.give(package("Voucher", 1, 30), "more", NOW)
    used_up = stack.pour(MOST, NOW).give(package("Tambahan", 1), "more", NOW)
    assert [one.id for one in used_up.purchases] == ["0", "more"]
    assert used_up.purchases[-1].ends_at == NOW + 30 * DAY_MS, "the end it follows was kept"


def test_what_an_account_held_before_is_one_purchase() -> None:
    fields = {"purchased": "1000", "used": "7", "unlimited": "0", "expires_at": str(NOW + 1)}
    (one,) = Stack.read(fields | {"package": "Lama", "fup_percent": "80"}).purchases
    assert (one.package, one.quota, one.used, one.fup_percent) == ("Lama", 1000, 7, 80)
    assert one.ends_at == NOW + 1
    assert Stack.read({"purchased": "0", "used": "9", "package": ""}).purchases == ()
