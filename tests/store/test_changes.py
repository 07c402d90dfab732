"""What every change does, whoever makes it: refuse what is not rebuilt, say no, wake persist."""

from __future__ import annotations

import ast
from unittest.mock import Mock

import pytest

from store.changes import Change, Changes, but, only
from store.errors import Conflict, NotFound, Unavailable
from store.opening import Store
from store.scripts import LUA, Script, SharedScript
from tests.sources import sources


def change(reply, **more) -> tuple[Change, Mock]:
    async def script(keys, args):
        return reply

    woken = Mock()
    refusals = {"gone": NotFound, "held": lambda said: Conflict(said[1]), 0: NotFound}
    return Change(script, refusals, more.get("wrote"), woken), woken  # type: ignore[arg-type]


@pytest.mark.parametrize("reply", ["saved", ["saved", "more"], 1])
async def test_who_has_changed_something_has_woken_persist(reply) -> None:
    run, woken = change(reply)
    assert await run([], []) == reply
    woken.assert_called_once_with()


@pytest.mark.parametrize("reply", [None, "", []])
async def test_nothing_is_nothing_to_wake_for(reply) -> None:
    run, woken = change(reply)
    assert await run([], []) == reply
    woken.assert_not_called()


@pytest.mark.parametrize(
    ("reply", "error"), [("gone", NotFound), (["held", "by Siti"], Conflict), (0, NotFound)]
)
async def test_a_no_is_an_error_and_wakes_nobody(reply, error) -> None:
    run, woken = change(reply)
    with pytest.raises(error) as raised:
        await run([], [])
    woken.assert_not_called()
    if error is Conflict:
        assert raised.value.message == "by Siti"


async def test_a_no_that_was_written_down_wakes_as_well() -> None:
    run, woken = change("gone", wrote=only("gone"))
    with pytest.raises(NotFound):
        await run([], [])
    woken.assert_called_once_with()


async def test_a_yes_that_wrote_nothing_wakes_nobody() -> None:
    run, woken = change(["moved", ""], wrote=but("moved", "full"))
    await run([], [])
    woken.assert_not_called()


@pytest.mark.parametrize("kind", [Script, SharedScript])
async def test_what_is_not_rebuilt_is_refused_by_every_script(store: Store, kind) -> None:
    look = kind(store.redis, "session_holder")
    await store.redis.delete(store.keys.built())
    with pytest.raises(Unavailable):
        await look([store.keys.sessions("x"), store.keys.built()], [])


async def test_several_commands_are_one_change(store: Store) -> None:
    queue = Mock()
    changes = Changes(store.redis, store.keys, store.database, queue)
    with pytest.raises(RuntimeError):
        async with changes.in_redis() as pipe:
            pipe.set(store.keys.qr("x"), "1")
            raise RuntimeError
    assert not await store.redis.exists(store.keys.qr("x"))
    queue.wake_persist.assert_not_called()
    async with changes.in_redis() as pipe:
        pipe.set(store.keys.qr("x"), "1")
    assert await store.redis.get(store.keys.qr("x")) == "1"
    queue.wake_persist.assert_called_once_with()


# The rule, read from the sources

WAKERS = {
    "store/changes.py",
    "store/queue.py",
    "jobs/persist/reader.py",
    "jobs/persist/refilling.py",
}
"""The piece itself, the door, and the persist job, which goes on by itself, or from the start."""


@pytest.mark.parametrize("package", ["store", "web", "realtime", "jobs"])
def test_nobody_else_wakes_persist_or_knows_of_what_is_not_rebuilt(package: str) -> None:
    wrong = []
    for name, tree in sources(package):
        for node in ast.walk(tree):
            wakes = isinstance(node, ast.Attribute) and node.attr == "wake_persist"
            says = isinstance(node, ast.Constant) and node.value == "unbuilt"
            if (wakes and name not in WAKERS) or (says and name != "store/scripts.py"):
                wrong.append(f"{name}:{getattr(node, 'lineno', 0)}")
    assert wrong == []


def test_every_script_that_is_given_the_log_is_a_change() -> None:
    """So that none of them can forget what follows."""
    given = {path.stem for path in LUA.glob("*.lua") if "events" in _keys_of(path.read_text())}
    assert len(given) > 30
    plain = set()
    for package in ("store", "web", "realtime", "jobs"):
        for _, tree in sources(package):
            for node in ast.walk(tree):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                    if node.func.id in ("Script", "SharedScript"):
                        plain |= {one.value for one in node.args if isinstance(one, ast.Constant)}
    assert plain & given == set()


def _keys_of(text: str) -> str:
    """The lines of a script's head that name its KEYS."""
    head = text.partition("-- KEYS:")[2].partition("-- ARGV:")[0]
    return head
