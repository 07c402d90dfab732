"""Names in Redis: one prefix, one tag for what belongs to one member, no two alike."""

from __future__ import annotations

import inspect

from store.keys import TOMBSTONE_SECONDS, Keys


def names(keys: Keys) -> dict[str, str]:
    """Every name there is, each argument standing for itself."""
    found = {}
    for name, method in inspect.getmembers(keys, inspect.ismethod):
        if not name.startswith("_"):
            arguments = [f"<{parameter}>" for parameter in inspect.signature(method).parameters]
            found[name] = method(*arguments)
    return found


def test_all_begin_with_the_prefix_and_differ() -> None:
    found = names(Keys("one"))
    assert len(found) > 10 and all(name.startswith("one:") for name in found.values())
    assert len(set(found.values())) == len(found)
    assert not set(found.values()) & set(names(Keys("two")).values())


def test_what_belongs_to_a_member_carries_its_tag() -> None:
    keys = Keys("p")
    for name in (keys.member("a"), keys.sessions("a"), keys.ended("a"), keys.ticket("a", "x")):
        assert "{m:a}" in name


def test_each_says_its_type_and_how_long_it_lives() -> None:
    for name, method in inspect.getmembers(Keys, inspect.isfunction):
        if not name.startswith("_"):
            doc = (method.__doc__ or "").split()
            assert doc and doc[0].rstrip(":") in (
                "Stream", "String", "Hash", "Set", "Sorted", "List", "Channel",
            ), name  # fmt: skip


def test_reasons_are_kept_a_day_at_least() -> None:
    assert TOMBSTONE_SECONDS >= 24 * 3600
