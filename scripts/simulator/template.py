"""The servlet's pages as RouterOS fills them in: `$(name)`, `$(name-esc)` and `$(if …)`. No I/O.

An operator installs `login.html` and `api.json` on the router; here they are carried out, so a
file that a router would not understand is seen before it is on one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

_TAG = re.compile(r"\$\(([^()]*)\)")
_CONDITION = re.compile(r"([\w-]+)\s*(?:(==|!=)\s*(.*?))?\s*")
_KEYWORDS = frozenset({"if", "elif", "else", "endif"})


class BadTemplate(Exception):
    """A page that a router would not understand."""


@dataclass
class _Choice:
    """One `$(if)` that is open."""

    outside: bool
    """Whether it is shown at all where it stands."""

    shows: bool
    """Whether the branch that is being read is shown."""

    is_over: bool
    """Whether a branch was taken already."""


def fill(text: str, variables: Mapping[str, str]) -> str:
    """Return the page with its variables filled in and its conditions decided; a variable that
    does not exist is empty. Raises BadTemplate."""
    parts: list[str] = []
    choices: list[_Choice] = []
    at = 0
    for tag in _TAG.finditer(text):
        shows = choices[-1].shows if choices else True
        if shows:
            parts.append(text[at : tag.start()])
        at = tag.end()
        word, _, rest = tag[1].strip().partition(" ")
        if word in _KEYWORDS:
            _decide(choices, word, rest, variables)
        elif shows:
            parts.append(_value(word, variables))
    if choices:
        raise BadTemplate("an $(if) without its $(endif)")
    return "".join([*parts, text[at:]])


def _decide(choices: list[_Choice], word: str, rest: str, variables: Mapping[str, str]) -> None:
    if word == "if":
        outside = choices[-1].shows if choices else True
        holds = _holds(rest, variables)
        choices.append(_Choice(outside, outside and holds, holds))
        return
    if not choices:
        raise BadTemplate(f"$({word}) without its $(if)")
    if word == "endif":
        choices.pop()
        return
    choice = choices[-1]
    holds = not choice.is_over and (word == "else" or _holds(rest, variables))
    choice.shows = choice.outside and holds
    choice.is_over = choice.is_over or holds


def _holds(condition: str, variables: Mapping[str, str]) -> bool:
    found = _CONDITION.fullmatch(condition)
    if found is None:
        raise BadTemplate(f"$(if {condition})")
    value = variables.get(found[1], "")
    if found[2] is None:
        return value != ""
    return (value == found[3].strip("'\"")) == (found[2] == "==")


def _value(name: str, variables: Mapping[str, str]) -> str:
    if name not in variables and name.endswith("-esc"):
        return quote(variables.get(name.removesuffix("-esc"), ""), safe="")
    return variables.get(name, "")
