"""The operator's outboxes over real sockets: what is listed, counted, and sent again."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.mail.outbox import MailSender
from jobs.persist.reader import LogReader
from store.database import statement
from store.mails import owe
from tests.client import Browser
from tests.mail_server import mail_server
from tests.serving import Serving, serving

ORDER = "f" * 32


async def owed(site: Serving, key: str, recipient: str) -> None:
    payload: dict[str, Any] = {"name": "Siti", "device": "HP", "ip": "", "is_primary": False}
    payload |= {"at": "2026-03-22T09:15:20+07:00", "id_order": "KEI-1", "email": recipient}
    async with site.store.database.connection() as connection:
        await owe(
            connection,
            key=key,
            template="ponsel_baru",
            recipient=recipient,
            payload=payload,
            ref_id=ORDER,
        )


async def admin(site: Serving) -> Browser:
    return await site.logged_in(await site.member("kepala", role="admin"))


async def figures(site: Serving) -> str:
    return (await site.browser().get("/metrics")).body.decode()


async def test_a_dead_mail_is_listed_with_its_reason_counted_and_sent_again(environment) -> None:
    async with (
        mail_server(answers={"RCPT": ["550 5.1.1 User unknown"]}) as mails,
        serving(environment, SMTP_URL=mails.url) as site,
    ):
        await owed(site, "one", "salah@example.com")
        await owed(site, "two", "siti@example.com")
        assert await MailSender(site.store).run() == 1
        operator = await admin(site)
        listed = (await operator.get("/api/admin/mails?state=dead")).json
        (dead,) = listed["mails"]
        assert (dead["state"], dead["to"], dead["order"]) == ("dead", "salah@example.com", ORDER)
        assert (dead["attempts"], dead["last_error"]) == (1, "550 5.1.1 User unknown")
        assert listed["counts"] == {"queued": 0, "sent": 1, "dead": 1}
        assert listed["trouble"] is None
        for query, found in (
            ("q=SALAH", 1),
            ("q=kei-1", 2),
            (f"order={ORDER}", 2),
            ("q=nobody", 0),
        ):
            answer = (await operator.get(f"/api/admin/mails?{query}")).json
            assert len(answer["mails"]) == found, query
        assert 'jaga_mails{state="dead"} 1.0' in await figures(site)
        answer = await operator.post(f"/api/admin/mails/{dead['id']}/resend")
        assert answer.status == 202
        assert await MailSender(site.store).run() == 1
        first, again = (str(mail["Message-ID"]) for mail in mails.got)
        assert first != again and again.endswith(".1@localhost>")
        assert 'jaga_mails{state="dead"} 0.0' in await figures(site)
        await LogReader(site.store).run()
        audit = (await operator.get("/api/admin/audit?act=mail.resend")).json["audit"]
        assert [row["subject"] for row in audit] == [str(dead["id"])]


async def test_all_dead_ones_go_at_once_and_a_rest_is_shown_and_ended(environment) -> None:
    async with (
        mail_server(answers={"RCPT": ["550 5.1.1 no"] * 3}) as mails,
        serving(environment, SMTP_URL=mails.url) as site,
    ):
        for number in range(3):
            await owed(site, f"k{number}", f"k{number}@example.com")
        await MailSender(site.store).run()
        await site.store.mails.rest("554 5.7.0 quota")
        operator = await admin(site)
        body = (await operator.get("/api/admin/mails?limit=2")).json
        assert [mail["to"] for mail in body["mails"]] == ["k2@example.com", "k1@example.com"]
        older = (await operator.get(f"/api/admin/mails?limit=2&before={body['next']}")).json
        assert [mail["to"] for mail in older["mails"]] == ["k0@example.com"]
        assert older["next"] is None
        assert body["trouble"]["words"] == "554 5.7.0 quota"
        assert 'jaga_outbox_resting{outbox="mails"} 1.0' in await figures(site)
        ready = (await site.browser().get("/readyz")).json
        assert ready["outboxes"]["mails"]["words"] == "554 5.7.0 quota"
        assert (await operator.post("/api/admin/mails/resend")).json["count"] == 3
        assert await MailSender(site.store).run() == 3, "whoever asks by hand is not made to wait"
        assert (await operator.get("/api/admin/mails")).json["trouble"] is None
        log = await site.store.events.read("0-0", 100)
        acts = [(event.data["act"], event.data["detail"]) for event in log if event.type == "audit"]
        assert ("mail.resend", {"count": 3}) in acts


async def test_a_members_page_has_their_mails(environment) -> None:
    async with serving(environment) as site:
        operator, siti = await admin(site), await site.member("siti")
        await owed(site, "theirs", siti.email.upper())
        await owed(site, "another's", "budi@example.com")
        shown = (await operator.get(f"/api/admin/members/{siti.id}")).json
        assert [mail["to"] for mail in shown["mails"]] == [siti.email.upper()]


async def test_messages_are_listed_and_sent_again_too(environment) -> None:
    async with serving(environment) as site:
        member = await site.member("siti", phone="081234567890")
        async with site.store.database.connection() as connection:
            params = {"key": "k", "member": member.id, "kind": "habis", "at": "2026-03-22T09:00Z"}
            await connection.execute(statement("messages", "add_message"), params)
            await connection.execute(
                b"UPDATE message_outbox SET state = 'dead', error = 'target invalid'"
            )
        operator = await admin(site)
        (dead,) = (await operator.get("/api/admin/messages?state=dead")).json["messages"]
        assert (dead["kind"], dead["last_error"]) == ("habis", "target invalid")
        assert (await operator.post(f"/api/admin/messages/{dead['id']}/resend")).status == 202
        assert (await operator.get("/api/admin/messages")).json["counts"]["queued"] == 1
        assert 'jaga_messages{state="queued"} 1.0' in await figures(site)
        assert (await operator.post("/api/admin/messages/resend")).json["count"] == 0


@pytest.mark.parametrize(
    "path",
    [
        *("/api/admin/mails?state=lost", "/api/admin/mails?before=x", "/api/admin/mails?limit=0"),
        *("/api/admin/messages?state=x", "/api/admin/messages?before=-1"),
    ],
)
async def test_what_is_odd_is_400(environment, path: str) -> None:
    async with serving(environment) as site:
        assert (await (await admin(site)).get(path)).status == 400


async def test_only_an_admin_sees_them(environment) -> None:
    async with serving(environment) as site:
        somebody = await site.logged_in(await site.member("siti"))
        for path in ("/api/admin/mails", "/api/admin/messages", "/admin/mails"):
            assert (await somebody.get(path)).status == 403
            assert (await site.browser().get(path)).status in (302, 401)
        for path in ("mails/resend", "mails/1/resend", "messages/resend", "messages/1/resend"):
            assert (await somebody.post(f"/api/admin/{path}")).status == 403
        operator = await admin(site)
        assert (await operator.post("/api/admin/mails/1/resend")).status == 404
        assert (await operator.post("/api/admin/messages/1/resend")).status == 404
