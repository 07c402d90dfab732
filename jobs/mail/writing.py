"""Writes the mails that are owed: templates and what they are filled with, made safe to show."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from jobs.mail.mime import Mail, one_line, shown_name, write
from store.contacts import email_codes
from store.database import Row
from store.indonesian import moment_in_letter, rupiah
from store.settings import Settings
from store.site import read_mailbox

JAKARTA = ZoneInfo("Asia/Jakarta")

SUBJECTS = {
    "license": "Pembayaran Berhasil - Order #{id_order}",
    "pendaftaran_member": "Pendaftaran Member Berhasil - Order #{id_order}",
    "sudah_terdaftar": "Anda sudah terdaftar - Order #{id_order}",
    "ponsel_baru": "Ponsel baru masuk ke akun Anda",
    "lupa_password": "Buat password baru",
    "kode_email": "Kode untuk alamat email baru Anda",
    "email_diganti": "Alamat email akun Anda diganti",
    "nomor_diganti": "Nomor HP akun Anda diganti",
    "minta_hapus": "Seorang anggota minta akunnya dihapus",
    "hapus_diterima": "Permintaan hapus akun kami terima",
    "password_diganti": "Password akun Anda baru saja diganti",
    "router_mati": "Router {router} tidak terjangkau",
    "router_hidup": "Router {router} terjangkau lagi",
}

FILES = {
    "license": "email_license",
    "pendaftaran_member": "email_pendaftaran",
    "sudah_terdaftar": "email_terdaftar",
    "ponsel_baru": "email_ponsel_baru",
    "lupa_password": "email_lupa_password",
    "kode_email": "email_kode",
    "email_diganti": "email_alamat_diganti",
    "nomor_diganti": "email_nomor_diganti",
    "minta_hapus": "email_minta_hapus",
    "hapus_diterima": "email_hapus_diterima",
    "password_diganti": "email_password_diganti",
    "router_mati": "email_router_mati",
    "router_hidup": "email_router_hidup",
}
"""Template files by the kind of mail; the documents' names where they have one."""

PAGES = {
    "login": "/login",
    "devices": "/devices",
    "new_password": "/password",
    "forgotten": "/lupa-password",
    "account": "/akun",
    "desk": "/admin/hotspot",
}
"""Our pages that a mail may lead to, by the variable that a template has for each."""

NAMES = ("name", "device")
"""What strangers choose to be called: no address and no link may stand in it."""

MOST_TEXT = 500
"""Characters of anything else that a stranger wrote; a title has 300."""


class MailTemplates:
    """Writes mails from templates: text first, then the same as HTML."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._site = settings.site
        self._sender_name, self.sender = read_mailbox(settings.mail_from)
        folder = FileSystemLoader(Path(__file__).parent / "templates")
        options: dict[str, Any] = {
            "loader": folder,
            "undefined": StrictUndefined,
            "trim_blocks": True,
            "lstrip_blocks": True,
        }
        self._texts = Environment(**options)  # noqa: S701 (plain text; HTML has its own)
        self._pages = Environment(autoescape=True, **options)
        for environment in (self._texts, self._pages):
            environment.filters |= {"moment": in_words, "rupiah": rupiah, "shown": shown}

    def write(self, row: Row, link: str) -> bytes:
        """Return the mail of an outbox row. Raises whatever a broken payload leads to."""
        template, said = str(row["template"]), _safe(row["payload"])
        variables = said | {"link": link, "code": self._code(row)} | self._everywhere(said)
        file = FILES[template]
        return write(
            Mail(
                sender_name=self._sender_name or self._site.name,
                sender=self.sender,
                reply_to=self._site.contact_address,
                name=said.get("name") or "",
                recipient=row["recipient"],
                subject=SUBJECTS[template].format_map(said),
                at=row["created_at"],
                message_id=self._stable(str(row["dedupe_key"]), row["turn"]),
                text=self._texts.get_template(f"{file}.txt").render(variables),
                html=self._pages.get_template(f"{file}.html").render(variables),
            )
        )

    def _code(self, row: Row) -> str:
        """The code that proves a new address: made here, kept nowhere."""
        if row["template"] != "kode_email":
            return ""
        said = row["payload"]
        asked = {"value": row["recipient"], "nonce": said["nonce"]}
        return email_codes(self._settings.secret_keys, said["member"], asked)[0]

    def _everywhere(self, said: Mapping[str, Any]) -> dict[str, Any]:
        """What every template has: the site, and our pages."""
        base = self._settings.public_url
        pages = {name: base + path for name, path in PAGES.items()}
        order = f"{base}/order/{quote(str(said.get('ref_id', '')), safe='')}"
        logo = urljoin(f"{base}/", self._site.logo_url) if self._site.logo_url else ""
        return pages | {"order_page": order, "home": base, "site": self._site, "logo_url": logo}

    def _stable(self, key: str, turn: int) -> str:
        """The same for the same turn of a mail, however often it is tried; a refId may hold
        anything, but no dot."""
        domain = self.sender.rpartition("@")[2]
        safe = all(sign.isascii() and (sign.isalnum() or sign in "-_") for sign in key)
        name = key if safe and len(key) <= 150 else hashlib.sha256(key.encode()).hexdigest()
        return f"{name}.{turn}@{domain}" if turn else f"{name}@{domain}"


def _safe(payload: Mapping[str, Any]) -> dict[str, Any]:
    """What a mail says, on one line each."""
    said = {name: _line(value) for name, value in payload.items()}
    names = {name: shown_name(said[name]) for name in NAMES if isinstance(said.get(name), str)}
    return said | names


def _line(value: Any) -> Any:
    if isinstance(value, str):
        return one_line(value, MOST_TEXT)
    if isinstance(value, Mapping):
        return {name: _line(part) for name, part in value.items()}
    return [_line(part) for part in value] if isinstance(value, list) else value


def in_words(moment: str) -> str:
    """Return a moment (ISO 8601) as people write it: `22 Maret 2026 pukul 09.15 WIB`."""
    return moment_in_letter(datetime.fromisoformat(moment).astimezone(JAKARTA))


def shown(value: object) -> object:
    """Return a value, or a dash where there is none."""
    return value or "-"
