"""What a setting can be: each kind reads its text from the environment, holds it to its bounds, and
knows what the table in docs/settings.md says of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_network
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from store.phones import normal_phone


class SettingsError(Exception):
    """A setting that cannot be used; the text is one line that names it and says what it may be."""


Above = SimpleNamespace
"""The settings that are declared above one, by their fields' names."""


@dataclass(frozen=True, slots=True)
class Known:
    """A default that depends on the settings declared above it, and how the table puts it."""

    of: Callable[[Above], object]
    shown: str


Read = Callable[[str, str, Above], Any]
"""Takes a setting's name, its text, and the settings above it. Raises SettingsError."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: how it is read, and its line of the table."""

    read: Read
    default: object
    shown: str
    """The default as the table has it."""
    takes: str
    doc: str
    """What it means; "" for what only `scripts/run` sets."""

    def value(self, name: str, environ: Mapping[str, str], above: Above) -> Any:
        """Return what the environment says, or the default; an empty text counts as not set.
        Raises SettingsError."""
        default = self.default.of(above) if isinstance(self.default, Known) else self.default
        text = environ.get(name, "").strip() or _text_of(default)
        return self.read(name, text, above)


def declared(
    read: Read, default: object, doc: str, takes: str = "", shown: str | None = None
) -> Any:
    """Declare a setting as a field of a dataclass, in a way of its own; the kinds below are the
    usual ones."""
    if shown is None:
        shown = default.shown if isinstance(default, Known) else _shown(default)
    return field(metadata={"setting": Setting(read, default, shown, takes, doc)})


def text(default: str | Known, doc: str, shown: str | None = None) -> Any:
    """Any text."""
    return declared(lambda name, text, above: text, default, doc, shown=shown)


def understood(
    default: str,
    doc: str,
    reader: Callable[[str], str],
    takes: str,
    shown: str | None = None,
) -> Any:
    """A text as `reader` gives it back; a ValueError of that says what it takes."""

    def read(name: str, text: str, above: Above) -> str:
        try:
            return reader(text) if text else ""
        except ValueError as error:
            raise SettingsError(f"{name}: {error}") from None

    return declared(read, default, doc, takes, shown)


def choice(default: str, doc: str, *allowed: str) -> Any:
    """One of a few words."""

    def read(name: str, text: str, above: Above) -> str:
        if text not in allowed:
            raise SettingsError(f"{name} is {text!r}: it must be one of {', '.join(allowed)}")
        return text

    return declared(read, default, doc, ", ".join(f"`{word}`" for word in allowed))


def flag(default: bool | Known, doc: str) -> Any:
    """Yes or no."""

    def read(name: str, text: str, above: Above) -> bool:
        if text.lower() in ("1", "true", "yes", "on"):
            return True
        if text.lower() in ("0", "false", "no", "off"):
            return False
        raise SettingsError(f"{name} is {text.lower()!r}: it must be 1 or 0")

    return declared(read, default, doc, "1 or 0")


def whole(default: int | Known, doc: str, least: int, most: int | None = None) -> Any:
    """A whole number."""
    return _bounded(int, "a whole number", default, doc, least, most)


def number(default: float | Known, doc: str, least: float, most: float) -> Any:
    """A number, with a point where it needs one."""
    return _bounded(float, "a number", default, doc, least, most)


def _bounded(
    convert: Callable[[str], float],
    kind: str,
    default: float | Known,
    doc: str,
    least: float,
    most: float | None,
) -> Any:
    bounds = f"at least {least}" if most is None else f"from {least} to {most}"

    def read(name: str, text: str, above: Above) -> float:
        try:
            value = convert(text)
        except ValueError:
            raise SettingsError(f"{name} is {text!r}: it must be {kind}") from None
        if not (least <= value and (most is None or value <= most)):
            raise SettingsError(f"{name} is {text}: it must be {kind}, {bounds}")
        return value

    takes = f"from {least}" if most is None else f"{least} to {most}"
    return declared(read, default, doc, takes)


def url(default: str | Known, doc: str, *schemes: str, shown: str | None = None) -> Any:
    """A whole address."""

    def read(name: str, text: str, above: Above) -> str:
        return valid_url(name, text, schemes)

    return declared(read, default, doc, _or(schemes), shown)


def valid_url(name: str, text: str, schemes: tuple[str, ...]) -> str:
    """Return an address of one of the schemes, "" for none. Raises SettingsError, which does not
    show it: it may hold a password."""
    if not text:
        return ""
    try:
        parts = urlsplit(text)
        needs_host = ("http", "https", "smtp", "smtps")
        lacks_host = not parts.hostname and parts.scheme in needs_host
        is_odd = lacks_host or parts.port == 0
    except ValueError:  # a bracket without its other half, a port that is no number
        is_odd = True
    if is_odd or parts.scheme not in schemes:
        begin = " or ".join(f"{scheme}://" for scheme in schemes)
        raise SettingsError(f"{name} must begin with {begin} and be a whole address")
    return text


def words(default: str, doc: str, *allowed: str) -> Any:
    """A comma list; of these words only, where some are named."""

    def read(name: str, text: str, above: Above) -> tuple[str, ...]:
        found = words_of(text)
        for word in found:
            if allowed and word not in allowed:
                raise SettingsError(f"{name} has {word!r}: it takes {', '.join(allowed)}")
        return found

    of = f" of {', '.join(f'`{word}`' for word in allowed)}" if allowed else ""
    return declared(read, default, doc, f"comma list{of}")


def words_of(text: str) -> tuple[str, ...]:
    """Return the words of a comma list."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


def phones(doc: str) -> Any:
    """Indonesian mobile numbers, in any form, kept as `628…`."""

    def read(name: str, text: str, above: Above) -> tuple[str, ...]:
        found = {word: normal_phone(word) for word in words_of(text)}
        for word, phone in found.items():
            if phone is None:
                raise SettingsError(f"{name} has {word!r}: it takes numbers, as 081234567890")
        return tuple(phone for phone in found.values() if phone)

    return declared(read, "", doc, "comma list of phones")


def networks(doc: str) -> Any:
    """Networks, as 10.5.50.0/24."""

    def read(name: str, text: str, above: Above) -> tuple[str, ...]:
        for word in words_of(text):
            try:
                ip_network(word, strict=False)
            except ValueError:
                raise SettingsError(
                    f"{name} has {word!r}: it takes networks, as 10.5.50.0/24"
                ) from None
        return words_of(text)

    return declared(read, "", doc, "comma list of networks")


def _text_of(default: object) -> str:
    return str(int(default)) if isinstance(default, bool) else str(default)


def _shown(default: object) -> str:
    if isinstance(default, str):
        return f"`{default}`" if default else "–"
    return _text_of(default)


def _or(schemes: tuple[str, ...]) -> str:
    return ", ".join(f"`{scheme}://`" for scheme in schemes)
