"""Whose fault it is that a mail was not taken: what a server's answer means (RFC 5321, RFC 3463).

An answer about the recipient is final. An answer about us (our address, quota or password) would
come for every mail, so no single mail is marked as failed for it. Anything else is about this mail,
and is tried again.
"""

from __future__ import annotations

import re
from enum import Enum


class Blame(Enum):
    """What follows from an answer."""

    RECIPIENT = "recipient"
    """Nobody there, or not for us: dead at once."""

    FULL = "full"
    """The recipient's box is full: tried again over days, then dead."""

    MAIL = "mail"
    """This mail, now: its own schedule."""

    OURS = "ours"
    """Us: the run rests, no mail's attempts are used up."""


class Stage(Enum):
    """What was being done when the server answered."""

    CONNECT = "connect"
    """Reaching it, its greeting, TLS, the login."""

    SENDER = "MAIL"
    RECIPIENT = "RCPT"
    CONTENT = "DATA"


_ENHANCED = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")


def _any(*phrases: str) -> re.Pattern[str]:
    return re.compile("|".join(rf"\b{phrase}" for phrase in phrases), re.IGNORECASE)


_ABOUT_US = _any(
    # may we send at all
    *(r"relay(ing|ed)?\b", r"rcpthosts", r"auth", r"not authenticated", r"not allowed to send"),
    # as whom
    *(r"sender", r"(mail )?from address", r"mail from", r"envelope from", r"from header"),
    *(r"identity", r"verified", r"domain not", r"spf\b", r"dkim\b", r"dmarc\b"),
    # from where
    *(r"client\b", r"(helo|ehlo)\b", r"reverse (dns|hostname)", r"ptr\b", r"ip address"),
    *(
        r"spamhaus",
        r"block(ed|ing)? ?(list|by|using|for|due)",
        r"(black|deny) ?list",
        r"reputation",
    ),
    *(r"(dns|s)?[rb]bl\b", r"has been blocked", r"your (ip|domain|account|server|network)"),
    *(r"service unavailable", r"connections?\b", r"tls\b", r"encrypt"),
    # how much
    *(r"too (many|fast|much)", r"rate\b", r"limit", r"quota", r"exceed", r"throttl", r"slow down"),
    *(r"per (second|minute|hour|day)", r"suspended", r"credit", r"billing", r"subscription"),
)
_ABOUT_RECIPIENT = _any(r"recipient", r"mailbox", r"user\b", r"no such\b")
_RECIPIENT_IS_OUT = _any(
    r"(recipient|mailbox|user)\b[^;]{0,60}?\b(is|was|has been) (blocked|suspended|disabled)\b"
    r"(?! (from|by|due|for|using))"
)
"""What is said of a recipient in words that would otherwise be about us."""

_FULL = _any(r"(mail)?box (is )?full", r"over ?quota", r"mailbox quota", r"storage")
_GREY = _any(r"gr[ea]y ?list")

_BARE_REFUSALS = (550, 551, 553)
"""What a server without enhanced codes says at RCPT of somebody it does not know."""

_SENDERS_OWN = (7, 8)
"""X.1.7 and X.1.8 are about the sender's address, though they stand among the recipient's."""


def judge(stage: Stage, code: int, text: str, recipient: str) -> Blame:
    """Return what an answer means: `code` with `text` at a `stage`, about a mail to `recipient`."""
    if stage in (Stage.CONNECT, Stage.SENDER) or code == 421:
        return Blame.OURS
    found = _ENHANCED.search(text)
    subject, detail = (int(found[2]), int(found[3])) if found else (None, 0)
    if subject == 2:
        return _about_the_box(code, detail)
    if subject == 1:
        return _about_the_address(code, detail, text)
    if subject == 7:
        return _about_permission(code, text, recipient)
    if subject == 6 or (subject, detail) == (3, 4):
        return Blame.MAIL  # what is in it, or how long it is
    return _in_plain_words(stage, code, text, has_subject=subject is not None)


def _about_the_box(code: int, detail: int) -> Blame:
    if detail == 2:
        return Blame.FULL
    return Blame.RECIPIENT if detail == 1 and code >= 500 else Blame.MAIL


def _about_the_address(code: int, detail: int, text: str) -> Blame:
    """Postfix says "User unknown in relay recipient table": here no other words count."""
    if detail in _SENDERS_OWN or (detail == 0 and _ABOUT_US.search(text)):
        return Blame.OURS
    return Blame.RECIPIENT if code >= 500 else Blame.MAIL


def _about_permission(code: int, text: str, recipient: str) -> Blame:
    if _GREY.search(text):
        return Blame.MAIL
    if _ABOUT_US.search(_RECIPIENT_IS_OUT.sub("", text.replace(recipient, ""))):
        return Blame.OURS
    names = recipient.casefold() in text.casefold() or bool(_ABOUT_RECIPIENT.search(text))
    if code >= 500:
        return Blame.RECIPIENT if names else Blame.OURS
    return Blame.MAIL


def _in_plain_words(stage: Stage, code: int, text: str, *, has_subject: bool) -> Blame:
    if _FULL.search(text) or (code == 552 and stage is Stage.RECIPIENT):
        return Blame.FULL
    if _GREY.search(text):
        return Blame.MAIL
    if _ABOUT_US.search(text) or code in (530, 535, 538):
        return Blame.OURS
    is_bare = stage is Stage.RECIPIENT and code in _BARE_REFUSALS and not has_subject
    return Blame.RECIPIENT if is_bare else Blame.MAIL
