"""Every address of the application, taken from its own route table: a new one is in every test that
walks it, without being added anywhere."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tornado.routing import PathMatches
from tornado.web import RequestHandler

from store.opening import Store
from web.application import make_application
from web.handler import Handler

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

SAMPLES = ("js/realtime.js", *("0" * length for length in (16, 1, 8, 12, 20, 24, 32, 43)))
"""What stands for a part that varies: a file, and ids that nobody has. A part that is one of a few
words is the first of them."""


@dataclass(frozen=True)
class Address:
    """A path that the table leads to its handler."""

    path: str
    handler: type[RequestHandler]

    @property
    def methods(self) -> list[str]:
        """The methods that the handler has; every other one is 405."""
        return [name for name in METHODS if _has(self.handler, name.lower())]

    @property
    def is_ours(self) -> bool:
        """Whether it has the store behind it: files and health have not."""
        return issubclass(self.handler, Handler)


def addresses(store: Store) -> Iterator[Address]:
    """Every address of the web layer, with a sample for each part that varies."""
    for rule in make_application(store, []).wildcard_router.rules:
        if isinstance(rule.matcher, PathMatches) and issubclass(rule.target, RequestHandler):
            yield Address(sample_of(rule.matcher), rule.target)


def sample_of(matcher: Any) -> str:
    """Return a path that this pattern takes. Raises AssertionError: SAMPLES lacks one."""
    pattern = matcher.regex.pattern.rstrip("$").replace("\\", "").replace("/?", "")
    whole, groups = _apart(pattern)
    choices = [(group.removeprefix("?:").split("|")[0], *SAMPLES) for group in groups]
    for words in itertools.product(*choices):
        path = whole.format(*words)
        if matcher.regex.match(path):
            return path
    raise AssertionError(f"no sample for {matcher.regex.pattern}: add one to SAMPLES")


def _apart(pattern: str) -> tuple[str, list[str]]:
    """The pattern with a `{}` for each outer group, and what is in those groups."""
    whole, groups, depth = "", [""], 0
    for letter in pattern:
        depth -= letter == ")"
        if depth:
            groups[-1] += letter
        elif letter == ")":
            whole, groups = whole + "{}", [*groups, ""]
        elif letter != "(":
            whole += letter
        depth += letter == "("
    return whole, groups[:-1]


def _has(handler: type[RequestHandler], name: str) -> bool:
    return getattr(handler, name) is not getattr(RequestHandler, name)
