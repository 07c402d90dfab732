"""The site as its visitors know it: its name, its logo, whom to ask and where to buy.

`read_contact` and `read_mailbox` take what an operator writes into a setting and raise ValueError,
with what they take, for what they cannot read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

from store.phones import local_form, normal_phone

WHATSAPP_HOSTS = ("wa.me", "api.whatsapp.com", "chat.whatsapp.com", "whatsapp.com")

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
_MAILBOX = re.compile(r"(?P<name>[^<>]*)<(?P<address>[^<>\s]+)>|(?P<bare>[^<>\s]+)")


@dataclass(frozen=True, slots=True)
class Site:
    """What a page or a mail says of the site; "" for what is not set."""

    name: str
    logo_url: str
    contact_url: str
    """`https://wa.me/628…`, `mailto:…` or any page."""

    shop_url: str

    @property
    def hosts(self) -> tuple[str, ...]:
        """Whose pages must open without Internet, so that a package can be bought: the shop's, and
        the contact's where that is a page. WhatsApp is not among them: that would be a gift to all
        who never pay, and is the operator's to make (HOTSPOT_WALLED_GARDEN)."""
        urls = [urlsplit(url) for url in (self.shop_url, self.logo_url, self.contact_url)]
        hosts = (parts.hostname or "" for parts in urls)
        return tuple(host for host in hosts if host and host not in WHATSAPP_HOSTS)

    @property
    def contact_label(self) -> str:
        """What a link to the contact says: `WhatsApp 0812…`, the address, or the page's host."""
        parts = urlsplit(self.contact_url)
        if parts.scheme == "mailto":
            return unquote(parts.path)
        host = (parts.hostname or "").removeprefix("www.")
        if host in WHATSAPP_HOSTS:
            phone = normal_phone(parts.path.strip("/"))
            return f"WhatsApp {local_form(phone)}" if phone else "WhatsApp"
        return host

    @property
    def contact_address(self) -> str:
        """The mail address to answer to, "" when the contact is none."""
        is_mail = self.contact_url.startswith("mailto:")
        return unquote(urlsplit(self.contact_url).path) if is_mail else ""


def is_address(text: str) -> bool:
    """Whether a text is a mail address as servers take it: ASCII, no quotes, no comment, and no
    encoded word, which some readers would decode into another address."""
    if len(text) > 254 or not _ADDRESS.fullmatch(text) or "=?" in text:
        return False
    local, _, domain = text.partition("@")
    labels = domain.split(".")
    return (
        ".." not in local
        and not local.startswith(".")
        and not local.endswith(".")
        and all(label and label[0] != "-" and label[-1] != "-" for label in labels)
    )


def read_contact(text: str) -> str:
    """Return the address of a contact, as a link: a page's, `mailto:…`, or a WhatsApp number's."""
    if phone := normal_phone(text):
        return f"https://wa.me/{phone}"
    address = text.removeprefix("mailto:").partition("?")[0]
    if is_address(address):
        return f"mailto:{quote(address, safe='@+')}"
    if text.startswith(("https://", "http://")) and urlsplit(text).hostname:
        return text
    raise ValueError("it must be a WhatsApp number or link, a mail address, or a page")


def read_mailbox(text: str) -> tuple[str, str]:
    """Return `(name, address)` of `Name <address>` or of an address alone."""
    found = _MAILBOX.fullmatch(text.strip())
    address = (found["address"] or found["bare"]) if found else ""
    if not found or not is_address(address):
        raise ValueError("it must be a mail address, as Jaga <halo@jaga.example>")
    return (found["name"] or "").strip().strip('"').strip(), address
