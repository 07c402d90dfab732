"""How a message gateway is asked: a request written as templates, and what in its answer says yes.

The defaults of the settings are Fonnte's form; any other that speaks HTTP and JSON is written the
same way. Values are escaped as the place they stand in needs it, so that no text of a message ends
a field or begins another.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape

from store.phones import local_form

VALUES = ("phone", "phone_local", "phone_plus", "text", "token")
"""What a template may name: `628…`, `08…`, `+628…`, the message, OTP_HTTP_TOKEN."""

_PLACE = re.compile(r"\{([a-z_]+)\}")

Escape = Callable[[str], str]


def _in_json(value: str) -> str:
    return json.dumps(value)[1:-1]


def _in_xml(value: str) -> str:
    return escape(value, {'"': "&quot;", "'": "&apos;"})


_ESCAPES: Mapping[str, Escape] = {
    "application/json": _in_json,
    "application/x-www-form-urlencoded": quote_plus,
    "application/xml": _in_xml,
    "text/xml": _in_xml,
    "text/plain": str,
}


@dataclass(frozen=True, slots=True)
class Success:
    """Where an answer says that it took the message: `status=true`, `messages.0.id`."""

    path: tuple[str, ...]
    value: Any
    """What has to stand there; None for anything that is not empty, 0 or false."""

    def find(self, body: Any) -> Any:
        """Return what stands there. Raises LookupError when the answer has no such place."""
        for step in self.path:
            if isinstance(body, list) and step.isascii() and step.isdigit():
                body = body[int(step)]
            elif isinstance(body, dict):
                body = body[step]
            else:
                raise LookupError(step)
        return body

    def is_said_by(self, found: Any) -> bool:
        """Whether this is the word for success."""
        if self.value is None:
            return bool(found)
        return type(found) is type(self.value) and bool(found == self.value)


@dataclass(frozen=True, slots=True)
class Request:
    """One filled request."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: str | None


@dataclass(frozen=True, slots=True)
class Form:
    """The templates of a request, checked."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: str
    success: Success
    token: str

    def fill(self, phone: str, text: str) -> Request:
        """Return the request that sends `text` to `phone` (`628…`)."""
        values = {
            "phone": phone,
            "phone_local": local_form(phone),
            "phone_plus": f"+{phone}",
            "text": text,
            "token": self.token,
        }
        return Request(
            self.method,
            _fill(self.url, values, lambda value: quote(value, safe="")),
            {name: _fill(value, values, str) for name, value in self.headers.items()},
            None if self.method == "GET" else _fill(self.body, values, _ESCAPES[self._kind]),
        )

    @property
    def _kind(self) -> str:
        named = {name.lower(): value for name, value in self.headers.items()}
        return named.get("content-type", "text/plain").partition(";")[0].strip().lower()

    def check(self) -> Form:
        """Return itself. Raises ValueError with what is wrong with it."""
        body = "" if self.method == "GET" else self.body
        for template in (self.url, body, *self.headers.values()):
            for name in _PLACE.findall(template):
                if name not in VALUES:
                    raise ValueError(f"{{{name}}} is none of {', '.join(VALUES)}")
        named = set(_PLACE.findall(self.url + body))
        if "text" not in named or not named & {"phone", "phone_local", "phone_plus"}:
            raise ValueError("the address or the body must name {phone} and {text}")
        if _PLACE.search(self.url.partition("?")[0].partition("//")[2].partition("/")[0]):
            raise ValueError("the address's host must be written out")
        if any("{text}" in value for value in self.headers.values()):
            raise ValueError("a header cannot hold {text}")
        if body and self._kind not in _ESCAPES:
            raise ValueError(f"Content-Type must be one of {', '.join(_ESCAPES)}")
        filled = self.fill("6281234567890", 'uji "kutip" \\ & <\n>').body
        if body and self._kind == "application/json":
            try:
                json.loads(filled or "")
            except ValueError:
                raise ValueError("the body is no JSON once it is filled") from None
        return self


def read_form(*, method: str, url: str, headers: str, body: str, success: str, token: str) -> Form:
    """Return a form from what stands in the settings; `headers` is a JSON object of texts.

    Raises ValueError with what is wrong.
    """
    if any(ord(sign) < 32 or ord(sign) > 126 for sign in token):
        raise ValueError("the token holds what no header can")
    return Form(method, url, _headers(headers), body, _success(success), token).check()


def _headers(text: str) -> dict[str, str]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise ValueError('the headers must be a JSON object, as {"Authorization": "{token}"}')
    if len({name.lower() for name in found}) < len(found):
        raise ValueError("a header is named twice")
    for name, value in found.items():
        if not re.fullmatch(r"[A-Za-z0-9-]+", name) or not re.fullmatch(r"[ -~]*", value):
            raise ValueError(f"{name!r} is no header")
    return found


def _success(text: str) -> Success:
    path, equals, value = (part.strip() for part in text.partition("="))
    if not path or not all(path.split(".")):
        raise ValueError("success must name a field, as status=true")
    return Success(tuple(path.split(".")), _value(value) if equals else None)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _fill(template: str, values: Mapping[str, str], escaped: Escape) -> str:
    return _PLACE.sub(lambda found: escaped(values[found[1]]), template)
