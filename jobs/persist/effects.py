"""What an event does to Postgres, as plain data: an effect is a statement with its parameters.

Effects are made by pure functions, one module per capability, and run by the reader. Each is
harmless when it is run again, and when an older event comes after a newer one: that happens when
Redis was replaced by an older copy of itself, and the log with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from store.events import Event

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Effect:
    """One statement, ready to be run."""

    statement: bytes
    params: dict[str, Any]


EffectOf = Callable[[Event], Effect | None]
"""What an event asks for. Raises ValueError for an event that is not as it must be."""


def text(event: Event, field: str, default: str | None = None) -> str:
    """Return a field that is text. Raises ValueError when it is missing or something else."""
    value = event.data.get(field, default)
    if not isinstance(value, str):
        raise ValueError(f"{field} is no text")
    return value


def whole(event: Event, field: str) -> int:
    """Return a field that is a whole number. Raises ValueError."""
    value = event.data.get(field)
    if isinstance(value, float) and value.is_integer():
        return int(value)  # Lua has one kind of number
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{field} is no whole number")
    return value


def moment(event: Event, field: str = "at") -> datetime:
    """Return a field that holds unix milliseconds. Raises ValueError."""
    return moment_of(whole(event, field))


def moment_of(milliseconds: int) -> datetime:
    """Return the moment. Raises ValueError beyond the calendar."""
    try:
        return EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        raise ValueError(f"{milliseconds} is beyond the calendar") from None
