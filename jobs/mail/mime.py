"""A mail as bytes: exactly our headers, one recipient, two parts, whatever a stranger wrote.

Standard library only and no state, so that any Python can be asked (`tests/jobs/mime_check.py`).
Headers are written here, not by the policies of `email`: those parse what they are given, and so
decode an encoded word in a name into commas and addresses. What was written is read back with them
before it may leave.
"""

from __future__ import annotations

import base64
import email
import email.policy
import hashlib
import quopri
import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from email.parser import BytesHeaderParser
from email.utils import format_datetime

MOST_NAME = 60
"""Letters of a display name; people's names are shorter, and a longer one is something else."""

MOST_WORDS = 39
"""Bytes in one encoded word: its line, with the header's name, has 76 characters at most (RFC 2047
§2)."""

MOST_PLAIN = 66
"""Characters of a header that is written as it is; with its name it fits one line of 78."""

_PLAIN_NAME = re.compile(r"[A-Za-z0-9]+( [A-Za-z0-9]+)*")
_PLAIN_TEXT = re.compile(r"[!-~]+( [!-~]+)*")
_RECIPIENT = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+")
_LINKS = re.compile(
    r"\S*(@|://|\bwww\.)\S*"
    r"|\b[\w-]+(\.[\w-]+)*\.(com|net|org|id|info|biz|xyz|io|me|co|my|sg|site|link|shop|store|online"
    r"|top|app|dev|click|club|live|vip|win|ly|gl|gd|to|cc|tk|ru|cn)\b(/\S*)?",
    re.IGNORECASE,
)


class Unwritable(Exception):
    """A mail that would not be exactly what was meant; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Mail:
    """What one mail says. Names and subject may be any text; addresses are checked."""

    sender_name: str
    sender: str
    reply_to: str
    """An address, "" for none."""

    name: str
    recipient: str
    subject: str
    at: datetime
    message_id: str
    """Without its angle brackets."""

    text: str
    html: str


def write(letter: Mail) -> bytes:
    """Return the mail, with CRLF. Raises Unwritable."""
    headers = _headers(letter)
    boundary = "=_" + hashlib.sha256(letter.message_id.encode()).hexdigest()[:32]
    headers["Content-Type"] = f'multipart/alternative;\r\n boundary="{boundary}"'
    lines = [f"{name}: {value}" for name, value in headers.items()]
    for kind, body in (("plain", letter.text), ("html", letter.html)):
        lines += ["", f"--{boundary}", f'Content-Type: text/{kind}; charset="utf-8"']
        lines += ["Content-Transfer-Encoding: quoted-printable", "", _quoted(body)]
    lines += [f"--{boundary}--", ""]
    data = "\r\n".join(lines).encode("ascii")
    _check(data, letter, list(headers))
    return data


def _headers(letter: Mail) -> dict[str, str]:
    addresses = [letter.sender, letter.recipient, *([letter.reply_to] if letter.reply_to else [])]
    for address in addresses:
        if not _RECIPIENT.fullmatch(address) or "=?" in address:
            raise Unwritable(f"{address!r} cannot be written to")
    if not re.fullmatch(r"[!-;=?-~]+@[A-Za-z0-9.-]+", letter.message_id):
        raise Unwritable("odd Message-ID")
    return {
        "From": _mailbox(letter.sender_name, letter.sender),
        "To": _mailbox(letter.name, letter.recipient),
        **({"Reply-To": letter.reply_to} if letter.reply_to else {}),
        "Subject": _words(one_line(letter.subject, 200), _PLAIN_TEXT),
        "Date": format_datetime(letter.at),
        "Message-ID": f"<{letter.message_id}>",
        "MIME-Version": "1.0",
        "Content-Language": "id",
        "Auto-Submitted": "auto-generated",
        # services that send by API keep it for a day and drop a repetition
        "Resend-Idempotency-Key": letter.message_id,
    }


def _mailbox(name: str, address: str) -> str:
    name = shown_name(name)
    if not name:
        return address
    words = _words(name, _PLAIN_NAME)
    return (
        f"{words}\r\n <{address}>"
        if len(words) + len(address) > MOST_PLAIN
        else f"{words} <{address}>"
    )


def _words(text: str, plain: re.Pattern[str]) -> str:
    """A text as a header's value: as it is, or in encoded words (RFC 2047) that nobody but we
    wrote."""
    if plain.fullmatch(text) and len(text) <= MOST_PLAIN and "=?" not in text:
        return text
    chunks = [""]
    for sign in text:
        if len((chunks[-1] + sign).encode()) > MOST_WORDS:
            chunks.append("")
        chunks[-1] += sign
    words = [base64.b64encode(chunk.encode()).decode() for chunk in chunks]
    return "\r\n ".join(f"=?utf-8?b?{word}?=" for word in words)


def _quoted(body: str) -> str:
    """A body in lines of 76 characters at most; what cannot be UTF-8 is left out."""
    lines = body.encode("utf-8", "ignore").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return quopri.encodestring(lines).decode("ascii").replace("\n", "\r\n")


def _check(data: bytes, letter: Mail, names: list[str]) -> None:
    """Read the mail as its receivers will: these headers, this recipient, these parts."""
    read = BytesHeaderParser(policy=email.policy.default).parsebytes(data)
    if read.keys() != names:
        raise Unwritable("other headers than ours")
    headers = dict(read.items())
    if [address.addr_spec for address in headers["To"].addresses] != [letter.recipient]:
        raise Unwritable("another recipient than ours")
    # the other reader: this one reads a header anew, in milliseconds, whenever it is looked at
    parts = list(email.message_from_bytes(data).walk())
    kinds = [part.get_content_type() for part in parts]
    if kinds != ["multipart/alternative", "text/plain", "text/html"]:
        raise Unwritable("other parts than ours")
    if any(part.defects for part in parts) or any(value.defects for value in headers.values()):
        raise Unwritable("a defect")


def shown_name(text: str) -> str:
    """Return a person's or a device's name as a mail shows it: one line, without what is an
    address or a link, MOST_NAME characters at most."""
    whole = one_line(text, 1_000)
    kept = _LINKS.sub(" ", whole)
    return one_line(whole if kept == whole else kept.strip(" <>()[],;:"), MOST_NAME)


def one_line(text: str, most: int) -> str:
    """Return a text without anything that is not seen or turns the writing around, on one line of
    `most` characters."""
    seen = "".join(_seen(sign) for sign in unicodedata.normalize("NFKC", text[: 4 * most]))
    line = " ".join(seen.split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def _seen(sign: str) -> str:
    """A sign, a blank for a kind of line or blank, nothing for what cannot be seen."""
    kind = unicodedata.category(sign)
    if kind in ("Zs", "Zl", "Zp") or sign in "\t\n\r\v\f\x85":
        return " "
    return "" if kind in ("Cc", "Cf", "Cs", "Cn", "Co") else sign
