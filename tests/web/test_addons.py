"""Add-ons of an order: named in its mail, and granting what they are mapped to."""

from __future__ import annotations

from email import message_from_bytes, policy
from typing import Any

from jobs.mail import send
from tests.lynk import EBOOK, deliver, payment
from tests.orders import admin_of, count, rows, settle, signed

TEMPLATE = {"id": 77, "name": "Template Kontrak\u200b <b>", "price": "50,000"}
CLASS = {"id": "kelas-1", "name": "Kelas Daring", "price": "75,000"}
ODD: list[Any] = [None, 5, {}, {"id": [], "name": {}}, {"price": "1"}]


async def test_addons_are_in_the_mail_and_grant_what_they_are_mapped_to(
    environment, monkeypatch
) -> None:
    async with signed(environment) as site:
        admin = await admin_of(site)
        mapped = {"uuid": "77", "grants": "licence", "title": "Template Kontrak"}
        assert (await admin.post("/api/admin/products", mapped)).status == 201
        item = EBOOK | {"qty": 2, "addons": [TEMPLATE, CLASS, *ODD]}
        await deliver(site.browser(), payment("3f" * 16, items=[item]))
        await settle(site.store)
        licences = await rows(
            site.store, "SELECT title, item, unit FROM lynk_webhook ORDER BY item, unit"
        )
        assert [tuple(row.values()) for row in licences] == [
            (EBOOK["title"], 0, 0),
            (EBOOK["title"], 0, 1),
            ("Template Kontrak <b>", 1_000, 0),
            ("Template Kontrak <b>", 1_000, 1),
        ]
        sold = (await admin.get("/api/admin/products")).json["sold"]
        assert {row["uuid"]: row["title"] for row in sold} == {
            EBOOK["uuid"]: EBOOK["title"],
            "77": "Template Kontrak <b> (tambahan)",
            "kelas-1": "Kelas Daring (tambahan)",
        }
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        await send()
        (file,) = (site.store.settings.jaga_home / "outbox").glob("*.eml")
        mail = message_from_bytes(file.read_bytes(), policy=policy.default)
        for kind in ("plain", "html"):
            part = mail.get_body((kind,))
            assert part is not None
            text = part.get_content()
            assert "Kelas Daring" in text, kind
        assert "<b>" not in text.partition("Template Kontrak")[2][:8]


async def test_addons_that_nobody_mapped_grant_nothing(environment) -> None:
    async with signed(environment) as site:
        await deliver(site.browser(), payment(items=[EBOOK | {"addons": [CLASS] * 300}]))
        await deliver(site.browser(), payment(items=[EBOOK | {"addons": "x"}]))
        await settle(site.store)
        assert await count(site.store, "lynk_webhook") == 2
