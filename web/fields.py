"""What JSON bodies are made of: a struct a body, and a kind for each field.

A handler declares its body beside itself and reads it by one line:

    class Body(fields.Body):
        phone_number: Phone
        name: Annotated[str, text(100, needed="Nama harus diisi.")]

    body = self.body(self.Body)

A kind folds what people send, once, and refuses what it cannot understand with InvalidRequest,
which names the field. Its schema stands beside it, so that `msgspec.json.schema(Register.Body)`
describes the address. What is judged later (after a limit was counted, or in the store's own words)
is declared `as_sent`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from types import NoneType
from typing import Annotated, Any, ClassVar, Literal, TypeVar, get_args

from msgspec import NODEFAULT, UNSET, Meta, Struct, ValidationError, convert, structs

from store.errors import InvalidRequest
from store.members import valid_choice, valid_text
from store.passwords import LONGEST_BYTES
from store.weak_passwords import strong_password

Read = Callable[[str, object], Any]
"""Takes a field's name and what was sent in it; returns it folded, or raises InvalidRequest."""


class Body(Struct):
    """What an address takes. A field without a default has to be sent. Unknown fields are ignored,
    unless the struct says `forbid_unknown_fields`."""

    null_is_absent: ClassVar[bool] = False
    """Whether `null` counts as a missing field: programs send it for what they do not know."""

    may_be_missing: ClassVar[bool] = False
    """Whether a request without a body is one with nothing in it."""

    def given(self) -> dict[str, Any]:
        """Return the fields by their names in the struct, without those left out (UNSET)."""
        fields = {name: getattr(self, name) for name in self.__struct_fields__}
        return {name: value for name, value in fields.items() if value is not UNSET}

    def changes(self) -> dict[str, Any]:
        """Return what is to be changed, of a body whose fields may all be left out. Raises
        InvalidRequest for nothing."""
        if not (given := self.given()):
            raise InvalidRequest("body", "Tidak ada yang diubah.")
        return given


B = TypeVar("B", bound=Body)


def read(kind: type[B], sent: Mapping[str, Any]) -> B:
    """Return a body of this kind, its fields read in the order in which it names them. Raises
    InvalidRequest, which names the first that will not do."""
    if kind.null_is_absent:
        sent = {name: value for name, value in sent.items() if value is not None}
    fields = fields_of(kind)
    if kind.__struct_config__.forbid_unknown_fields:
        known = {field.name for field in fields}
        for name in sent:
            if name not in known:
                raise InvalidRequest(name[:80])
    wanted = [field for field in fields if field.is_required or field.name in sent]
    return kind(**{field.attribute: field.read(sent.get(field.name)) for field in wanted})


def decoded(body: bytes) -> dict[str, Any]:
    """Return a JSON object. Raises InvalidRequest.

    The standard library's reading, which also takes the byte order marks that Windows writes.
    """
    try:
        sent = json.loads(body)
    except (ValueError, RecursionError):
        raise InvalidRequest("body", "Isi permintaan bukan JSON yang valid.") from None
    if not isinstance(sent, dict):
        raise InvalidRequest("body", "Isi permintaan harus berupa objek JSON.")
    return sent


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a body: how it is called on the line and in the struct, and how it is read."""

    name: str
    attribute: str
    type: Any
    is_required: bool
    extra: Mapping[str, Any]

    def read(self, value: object) -> Any:
        """Return what was sent as the body holds it. Raises InvalidRequest."""
        if value is None and NoneType in get_args(self.type):
            return None
        if "read" in self.extra:
            return self.extra["read"](self.name, value)
        try:
            return convert(value, self.type)
        except (ValidationError, UnicodeEncodeError):  # the second: half a character
            raise self.refused() from None

    def refused(self) -> InvalidRequest:
        """Return the refusal, in the words of the field's kind."""
        return InvalidRequest(self.name, self.extra.get("words", "").format(field=self.name))


@cache
def fields_of(kind: type[Body]) -> tuple[Field, ...]:
    """Return the fields of a body, in their order."""
    return tuple(
        Field(
            name=field.encode_name,
            attribute=field.name,
            type=field.type,
            is_required=field.default is NODEFAULT and field.default_factory is NODEFAULT,
            extra=_extra_of(field.type),
        )
        for field in structs.fields(kind)
    )


def _extra_of(hint: Any) -> Mapping[str, Any]:
    """What a kind brings along, also where the field may be null or left out besides."""
    for part in (hint, *get_args(hint)):
        for meta in getattr(part, "__metadata__", ()):
            if isinstance(meta, Meta) and meta.extra:
                return meta.extra
    return {}


# Kinds


def read_by(read: Read, **schema: Any) -> Meta:
    """A kind that a function reads; `schema` is what JSON Schema says of it besides its type."""
    return Meta(extra={"read": read}, extra_json_schema=schema)


def as_sent(**schema: Any) -> Meta:
    """What is judged behind the handler: it gets the value as it was sent, None for no value."""
    return Meta(extra_json_schema=schema)


def refusing(words: str, **schema: Any) -> Meta:
    """What msgspec judges by the type alone; `words` are the refusal, with a `{field}` in them."""
    return Meta(extra={"words": words}, **schema)


def text(longest: int, needed: str | None = None) -> Meta:
    """Trimmed text of one line; it may be empty unless there are words for that, "" for ours."""
    return read_by(partial(_text, longest, needed), maxLength=longest)


def _text(longest: int, needed: str | None, field: str, value: object) -> str:
    found = valid_text(field, value, longest)
    if needed is not None and not found:
        raise InvalidRequest(field, needed)
    return found


def one_of(allowed: tuple[str, ...]) -> Meta:
    """One of a few words."""
    return read_by(lambda field, value: valid_choice(field, value, allowed), enum=list(allowed))


def whole(least: int, most: int) -> Meta:
    """A whole number within its bounds."""
    return refusing(f"Isian '{{field}}' harus angka {least} sampai {most}.", ge=least, le=most)


def _password(field: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise InvalidRequest(field)
    if len(value.encode("utf-8", "surrogatepass")) > LONGEST_BYTES:
        raise InvalidRequest(field, "Password terlalu panjang.")
    return value


Flag = Annotated[bool, refusing("Isian '{field}' harus true atau false.")]

Password = Annotated[str, read_by(_password, format="password", maxLength=LONGEST_BYTES)]
"""A password that is to be proven, exactly as it was typed."""

PasswordOrNone = Annotated[
    str, read_by(lambda field, value: _password(field, value) if value else "", format="password")
]
"""The same, "" of a member who has none."""

NewPassword = Annotated[
    str,
    read_by(lambda field, value: strong_password(value, field=field), format="password"),
]
"""A password that may be set, as far as it can be said without its owner's names."""

LoginName = Annotated[str, text(190, needed="")]
"""What a member logs in by: an e-mail, a username."""

Delivery = Annotated[Literal["token", "cookie"], one_of(("token", "cookie"))]
"""How a login is carried: tokens for a program, a cookie for our own pages."""
