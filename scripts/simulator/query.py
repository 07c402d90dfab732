"""The query words of `print`: a stack of truths that begins as endless true."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from scripts.simulator.values import duration_seconds

_STEP = re.compile(r"(\d+)|([!&|.])")
_SAME = {"yes": "true", "no": "false"}

Row = Mapping[str, str]


class BadQuery(Exception):
    """A query word that means nothing."""


def matches(words: Sequence[str], row: Row) -> bool:
    """Whether a row passes the query words (each without its `?`), in their order.

    Raises BadQuery.
    """
    stack: list[bool] = []
    for word in words:
        if word.startswith("#"):
            _operate(stack, word[1:])
        else:
            stack.append(_holds(word, row))
    return all(stack)


def _holds(word: str, row: Row) -> bool:
    if word.startswith("-"):
        return word[1:] not in row
    if word[:1] in ("<", ">"):
        name, equals, value = word[1:].partition("=")
        if not equals:
            raise BadQuery(word)
        return name in row and _order(row[name], value) == (-1 if word[0] == "<" else 1)
    name, equals, value = word.removeprefix("=").partition("=")
    if not name:
        raise BadQuery(word)
    if not equals:
        return name in row
    return name in row and row[name] in (value, _SAME.get(value))


def _order(one: str, other: str) -> int:
    """-1, 0 or 1: numbers and durations by size, everything else as text."""
    try:
        left, right = duration_seconds(one), duration_seconds(other)
    except ValueError:
        return (one > other) - (one < other)
    return (left > right) - (left < right)


def _operate(stack: list[bool], operations: str) -> None:
    at = 0
    after_index = False
    while at < len(operations):
        step = _STEP.match(operations, at)
        if step is None:
            raise BadQuery(operations)
        at = step.end()
        if step[1]:
            value = _from_top(stack, int(step[1]))
            if at == len(operations):
                stack[:] = [value]
            else:
                stack.append(value)
        elif step[2] == "!":
            stack.append(not _pop(stack))
        elif step[2] == ".":
            if not after_index:
                stack.append(_from_top(stack, 0))
        else:
            right, left = _pop(stack), _pop(stack)
            stack.append((left and right) if step[2] == "&" else (left or right))
        after_index = bool(step[1])


def _pop(stack: list[bool]) -> bool:
    return stack.pop() if stack else True


def _from_top(stack: list[bool], index: int) -> bool:
    return stack[-1 - index] if index < len(stack) else True
