"""What an order asks for, read from a payment's data. Pure.

A payload that cannot be used raises Unusable: a person looks at it, and nothing is granted.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from store.payments.addresses import clean_email
from store.payments.delivery import Delivery, storable
from store.site import is_address

MOST_UNITS = 50
"""Units of one order; above it somebody has to look (reference/lynk.md W3)."""

MOST_ADDONS = 20
"""Add-ons of one item that are looked at."""

ADDONS_BEGIN = 1_000
"""Where the places of add-ons begin, so that none is an item's."""

WIB = timezone(timedelta(hours=7), "WIB")
"""The zone of `createdAt`, which names none."""

LONGEST_TITLE = 300
LONGEST_NAME = 100
LONGEST_UUID = 200

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufffd]+")
_INVISIBLE = re.compile(r"[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]+")
_QUANTITY = re.compile(r"[1-9][0-9]{0,3}")
_MONEY = re.compile(r"[0-9]{1,12}(\.0+)?")


class Unusable(ValueError):
    """A payment that nothing can be granted for; the text is one word of why."""


@dataclass(frozen=True, slots=True)
class Product:
    """A row of `lynk_product`: what a product grants."""

    uuid: str
    grants: str
    policy: str = "last_wins"
    package_id: str = ""


@dataclass(frozen=True, slots=True)
class Unit:
    """One licence that is due: which item of the order, which unit of it (0 = first)."""

    item: int
    unit: int
    uuid: str
    title: str
    policy: str


@dataclass(frozen=True, slots=True)
class Quota:
    """One hotspot package that is due: which item of the order, which unit of it (0 = first)."""

    item: int
    unit: int
    package_id: str


@dataclass(frozen=True, slots=True)
class Order:
    """What is due for one payment."""

    email: str
    name: str
    phone: str
    paid_at: datetime
    units: tuple[Unit, ...]
    quotas: tuple[Quota, ...]
    membership: bool
    total: int | None
    """What the buyer paid, in rupiah; None when the payload does not say."""

    addons: tuple[str, ...] = ()
    """The names of the add-ons that were bought with the items."""


def order_of(
    delivery: Delivery,
    products: Mapping[str, Product],
    member_product: str,
    corrected: str = "",
) -> Order:
    """Return what a delivery asks for.

    Takes the products by uuid, the title that stands for membership, and the address that an
    operator put in the place of the buyer's. Raises Unusable.
    """
    data = delivery.data
    customer = data.get("customer")
    customer = customer if isinstance(customer, dict) else {}
    if not delivery.ref:
        raise Unusable("no refId")
    units: list[Unit] = []
    quotas: list[Quota] = []
    addons: list[str] = []
    membership = False
    for place, item in enumerate(_items(data)):
        uuid, title = clean_uuid(item.get("uuid")), line(item.get("title"), 10_000)
        product = products.get(uuid) or _default(uuid, title, member_product)
        count = _quantity(item.get("qty", "1"))
        wanted = [(place, product, uuid, title)]
        for number, (id, name) in enumerate(_addons(item)):
            addons.append(name)
            # only one that was mapped grants something by itself
            if id in products:
                wanted.append((addon_place(place, number), products[id], id, name))
        for at, product, id, name in wanted:
            if product.grants == "membership":
                membership = True
            elif product.grants == "hotspot":
                quotas += [Quota(at, unit, product.package_id) for unit in range(count)]
            elif product.grants == "licence":
                short = name[:LONGEST_TITLE] or "-"
                units += [Unit(at, unit, id, short, product.policy) for unit in range(count)]
        if len(units) + len(quotas) > MOST_UNITS:
            raise Unusable("too many units")
    return Order(
        email=usable_email(corrected or customer.get("email")),
        name=line(customer.get("name"), LONGEST_NAME),
        phone=line(customer.get("phone"), 10_000),
        paid_at=paid_at(data.get("createdAt")),
        units=tuple(units),
        quotas=tuple(quotas),
        membership=membership,
        total=_total(data),
        addons=tuple(addons),
    )


def _items(data: dict[str, Any]) -> list[dict[str, Any]]:
    items = data.get("items")
    if not isinstance(items, list) or not items:
        raise Unusable("no items")
    if len(items) > MOST_UNITS or not all(isinstance(item, dict) for item in items):
        raise Unusable("odd items")
    return items


def _addons(item: dict[str, Any]) -> list[tuple[str, str]]:
    """Id and name of each add-on of an item; what is none is passed over, for the item is paid."""
    addons = item.get("addons")
    some = addons[:MOST_ADDONS] if isinstance(addons, list) else []
    found = [
        (clean_uuid(one.get("id")), line(one.get("name"), LONGEST_TITLE))
        for one in some
        if isinstance(one, dict)
    ]
    return [(id, name or id) for id, name in found if id or name]


def addon_place(item: int, number: int) -> int:
    """Return the place of an item's add-on (0 = first) among the items: behind all of them."""
    return ADDONS_BEGIN + item * MOST_ADDONS + number


def _default(uuid: str, title: str, member_product: str) -> Product:
    """Nothing is mapped: the documented title is the membership, anything else a licence."""
    is_member = title_folded(title) == title_folded(member_product)
    return Product(uuid, "membership" if is_member else "licence")


def title_folded(title: str) -> str:
    """Return the form in which titles are compared: sellers type blanks and wide letters."""
    return " ".join(unicodedata.normalize("NFKC", title).split()).casefold()


def _quantity(value: Any) -> int:
    """A whole number of at least one; a float that is whole is taken for what it means."""
    text = value.removesuffix(".0") if isinstance(value, str) else ""
    if not _QUANTITY.fullmatch(text) or int(text) > MOST_UNITS:
        raise Unusable("odd quantity")
    return int(text)


def usable_email(value: Any) -> str:
    """Return an address that a mail can be sent to, as it is obviously meant. Raises Unusable.

    With a domain that has a dot: a payment comes from anywhere.
    """
    text = clean_email(value[:400]) if isinstance(value, str) else ""
    if len(text) > 190 or "." not in text.rpartition("@")[2] or not is_address(text):
        raise Unusable("no usable e-mail")
    return text


def paid_at(value: Any) -> datetime:
    """Return `createdAt` as a moment; now when it is none."""
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return datetime.now(UTC)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=WIB)
    return moment if 2000 <= moment.year <= 2200 else datetime.now(UTC)


def _total(data: dict[str, Any]) -> int | None:
    totals = data.get("totals")
    for name in ("customerPay", "totalPrice"):
        value = totals.get(name) if isinstance(totals, dict) else None
        if isinstance(value, str) and _MONEY.fullmatch(value):
            return int(value.partition(".")[0])
    return None


def uuids_of(delivery: Delivery) -> list[str]:
    """Return the uuids of the products a delivery names."""
    items = delivery.data.get("items")
    some = items[:MOST_UNITS] if isinstance(items, list) else []
    known = [item for item in some if isinstance(item, dict)]
    addons = [id for item in known for id, _ in _addons(item) if id]
    return [*(clean_uuid(item.get("uuid")) for item in known), *addons]


def titles_of(delivery: Delivery) -> dict[str, str]:
    """Return the title of each product a delivery names, by its uuid."""
    items = delivery.data.get("items")
    some = items[:MOST_UNITS] if isinstance(items, list) else []
    named = {
        clean_uuid(item.get("uuid")): line(item.get("title"), LONGEST_TITLE)
        for item in some
        if isinstance(item, dict)
    }
    for item in some:
        if isinstance(item, dict):
            named |= {id: f"{name} (tambahan)" for id, name in _addons(item)}
    return {uuid: title for uuid, title in named.items() if uuid}


def clean_uuid(value: Any) -> str:
    """Return a product's uuid as it is compared and stored."""
    return line(value, LONGEST_UUID)


def line(value: Any, longest: int) -> str:
    """Return one line of text that any column, header and page takes; "" for what is no text."""
    if not isinstance(value, str):
        return ""
    text = _INVISIBLE.sub("", _CONTROL.sub(" ", storable(value)))
    return " ".join(text.split())[:longest].strip()


def initial_password(phone: str, policy: str) -> tuple[str, bool]:
    """Return a new member's first password, and whether it is the phone number.

    The phone as it was sent when the policy says so and it can be one: 8 digits to 72 bytes.
    Otherwise 16 random characters; never an empty one.
    """
    digits = sum(character.isdigit() for character in phone)
    if policy == "phone" and digits >= 8 and len(phone.encode()) <= 72:
        return phone, True
    return secrets.token_urlsafe(12), False


def masked(email: str) -> str:
    """Return an address as anybody may see it: `s•••@e•••.com`."""
    local, _, domain = email.rpartition("@")
    name, _, ending = domain.rpartition(".")
    return f"{local[:1]}•••@{name[:1]}•••.{ending}"
