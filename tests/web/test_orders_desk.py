"""What an operator does about an order: the right address, mails once more, a refund."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from store.hotspot.stack import MOST
from store.members import Members
from store.payments.addresses import clean_email
from tests.client import Browser
from tests.lynk import EBOOK, KEY, MEMBERSHIP, deliver, payment, signature_of
from tests.orders import REF, RIGHT, WRONG, admin_of, count, refund, rows, settle, signed, states
from tests.serving import Serving, serving


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("Siti Rahma <siti@gmail.com>", RIGHT),
        ("<siti@gmail.com>", RIGHT),
        ("mailto:siti@gmail.com", RIGHT),
        ("MAILTO:siti@gmail.com?subject=Halo", RIGHT),
        ("siti@gmail.com.", RIGHT),
        ("siti@gmail.com,", RIGHT),
        ("\u200bsiti@gmail.com\ufeff", RIGHT),
        ("siti@\u00adgmail.com", RIGHT),
        (" siti @ gmail.com\r\n", RIGHT),
        ("ｓｉｔｉ＠ｇｍａｉｌ．ｃｏｍ", RIGHT),
        ('"siti@gmail.com"', RIGHT),
        ("siti@gmail。com", RIGHT),
        ("<mailto:siti@gmail.com>", RIGHT),
    ],
)
def test_what_is_obviously_meant_is_taken(typed: str, meant: str) -> None:
    assert clean_email(typed) == meant


@pytest.mark.parametrize(
    "typed", ["a@b.id, c@d.id", "<a@b.id> <c@d.id>", "a@b.id\nBcc: c@d.id", "siti rahma@gmail.com"]
)
def test_what_is_not_obvious_stays_as_it_is(typed: str) -> None:
    assert clean_email(typed) != "a@b.id" and " " in clean_email(typed)


async def test_what_a_buyer_pasted_is_their_address(environment) -> None:
    async with signed(environment) as site:
        await deliver(site.browser(), payment(REF, email="<siti@gmail.com>."))
        await settle(site.store)
        assert await states(site.store) == [("done", "")]
        (mail,) = await rows(site.store, "SELECT recipient FROM email_outbox")
        assert mail["recipient"] == RIGHT


async def bought(site: Serving, *items: dict[str, Any], **how: Any) -> Browser:
    """An order that was worked off; returns an admin's browser."""
    await deliver(site.browser(), payment(REF, items=list(items), email=WRONG, **how))
    await settle(site.store)
    return await admin_of(site)


async def correct(admin: Browser, email: Any = RIGHT, ref: str = REF) -> Any:
    return await admin.post(f"/api/admin/orders/{ref}/email", {"email": email})


async def test_the_right_address_reaches_licences_member_and_mails(environment) -> None:
    async with signed(environment) as site:
        admin = await bought(site, EBOOK, MEMBERSHIP)
        member = await site.store.members.find(WRONG)
        assert member is not None
        link = await site.store.password_links.make(member.id)
        await rows(site.store, "UPDATE email_outbox SET state = 'sent' RETURNING id")
        before = await rows(site.store, "SELECT id, turn FROM email_outbox ORDER BY id")
        answer = await correct(admin, f" <{RIGHT}>. ")
        assert (answer.status, answer.json["changed"]["mails"]) == (200, 2)
        order = answer.json["order"]
        assert (order["email"], order["member"]["email"]) == (RIGHT, RIGHT)
        assert await rows(site.store, "SELECT DISTINCT email FROM lynk_webhook") == [
            {"email": RIGHT}
        ]
        mails = await rows(site.store, "SELECT * FROM email_outbox ORDER BY id")
        assert [(mail["recipient"], mail["state"]) for mail in mails] == [(RIGHT, "queued")] * 2
        assert [mail["turn"] - old["turn"] for mail, old in zip(mails, before, strict=True)] == [
            1,
            1,
        ], "another Message-ID"
        assert all(WRONG not in str(mail["payload"]) for mail in mails)
        found = await site.store.members.find(RIGHT)
        assert found and (found.id, found.username) == (member.id, RIGHT)
        assert await site.store.members.find(WRONG) is None
        used = {"token": link.partition("#")[2], "password": "kata sandi baru 7"}
        stranger = await site.browser().post("/api/auth/set-password", used)
        assert stranger.status == 404, "the link that went astray opens nothing"
        page = (await site.browser().get(f"/api/order/{REF}")).json["order"]
        assert page["email"] == "s•••@g•••.com"
        await settle(site.store)
        acts = (await admin.get("/api/admin/audit")).json
        assert any(one["act"] == "order.email" for one in acts["audit"])
        assert (await correct(admin)).status == 200, "once more is no harm"
        assert await count(site.store, "email_outbox") == 2


@pytest.mark.parametrize("cut", ["before", "after"])
async def test_a_correction_that_was_cut_off_is_done_by_the_next(
    environment, monkeypatch: pytest.MonkeyPatch, cut: str
) -> None:
    """Between Redis and Postgres, wherever the process was ended."""
    async with signed(environment) as site:
        admin = await bought(site, EBOOK, MEMBERSHIP)
        member = await site.store.members.find(WRONG)
        assert member is not None
        link = await site.store.password_links.make(member.id)
        whole = Members.move

        async def cut_off(self: Members, *args: Any, **more: Any) -> None:
            if cut == "after":
                await whole(self, *args, **more)
            raise asyncio.CancelledError

        with monkeypatch.context() as patched, pytest.raises(asyncio.CancelledError):
            patched.setattr(Members, "move", cut_off)
            await site.store.payments.desk.correct_email(REF, RIGHT)
        assert (await correct(admin)).status == 200
        (order,) = await rows(site.store, "SELECT email FROM lynk_order")
        found = await site.store.members.find(RIGHT)
        assert order["email"] == RIGHT and found and found.id == member.id
        used = {"token": link.partition("#")[2], "password": "kata sandi baru 7"}
        assert (await site.browser().post("/api/auth/set-password", used)).status == 404


async def test_an_order_in_review_for_its_address_is_worked_off(environment) -> None:
    async with signed(environment) as site:
        await deliver(site.browser(), payment(REF, email="siti"))
        await settle(site.store)
        assert await states(site.store) == [("review", "no usable e-mail")]
        admin = await admin_of(site)
        shown = (await admin.get(f"/api/admin/orders/{REF}")).json["order"]
        assert (shown["email"], shown["licences"]) == ("", [])
        answer = await correct(admin)
        assert (answer.status, answer.json["changed"]["replayed"]) == (200, True)
        await settle(site.store)
        assert [state for state, _ in await states(site.store)] == ["done"]
        (mail,) = await rows(site.store, "SELECT recipient, payload FROM email_outbox")
        assert mail["recipient"] == mail["payload"]["email"] == RIGHT
        assert (await site.browser().get(f"/api/order/{REF}")).json["order"]["state"] == "done"


async def test_an_address_of_another_member_changes_nothing(environment) -> None:
    async with signed(environment) as site:
        other = await site.store.members.create(email=RIGHT, password_hash="x")
        admin = await bought(site, EBOOK, MEMBERSHIP)
        answer = await correct(admin)
        assert answer.status == 409
        (order,) = await rows(site.store, "SELECT email, member_id FROM lynk_order")
        assert order["email"] == WRONG
        # the account that was made by mistake is deleted: the buyer is the member who was there
        await site.store.members.delete(order["member_id"], by="admin")
        assert (await correct(admin)).status == 200
        templates = await rows(site.store, "SELECT template FROM email_outbox ORDER BY id")
        assert [row["template"] for row in templates] == ["license", "sudah_terdaftar"]
        found = await site.store.members.get(other.id)
        assert found.password == "x", "who was there is not altered"


async def test_bad_corrections_are_named(environment) -> None:
    async with signed(environment) as site:
        admin = await bought(site, EBOOK)
        wrongs: list[Any] = ["", "siti", None, 5, "a@b.id, c@d.id", []]
        for bad in wrongs:
            assert (await correct(admin, bad)).status == 400, bad
        assert (await correct(admin, ref="0" * 32)).status == 404
        assert (await site.browser().post(f"/api/admin/orders/{REF}/email", {})).status == 401
        for path in (f"orders/{REF}", f"orders/{REF}/deactivate", f"orders/{REF}/email"):
            member = await site.logged_in(await site.member())
            method, body = ("GET", b"") if path.endswith(REF) else ("POST", b"{}")
            assert (await member.send(method, f"/api/admin/{path}", body)).status == 403


async def test_a_buyer_has_the_mails_sent_again_to_the_known_address_alone(environment) -> None:
    async with signed(environment) as site:
        await bought(site, EBOOK)
        await rows(site.store, "UPDATE email_outbox SET state = 'dead' RETURNING id")
        buyer = site.browser()
        path = f"/api/order/{REF}/resend"
        answer = await buyer.post(path, {"email": "dieb@example.com"})
        assert (answer.status, answer.json["email"]) == (200, "s•••@g•••.com")
        (mail,) = await rows(site.store, "SELECT recipient, state, turn FROM email_outbox")
        assert tuple(mail.values()) == (WRONG, "queued", 1)
        again = await buyer.post(path, {})
        assert again.status == 429 and "retry-after" in again.headers
        assert (await buyer.post(f"/api/order/{'0' * 32}/resend", {})).status == 409


# Refunds and other news -------------------------------------------------------------------------


async def test_a_refund_is_looked_at_and_switches_nothing_off_by_itself(environment) -> None:
    async with signed(environment) as site:
        package = await site.store.hotspot.packages.make("Bulanan", 1000, 30, False, None)
        ticket = EBOOK | {"uuid": "paket", "title": "Paket"}
        admin = await admin_of(site)
        mapped = {"uuid": "paket", "grants": "hotspot", "package_id": package.id}
        assert (await admin.post("/api/admin/products", mapped)).status == 201
        items = [EBOOK, EBOOK, MEMBERSHIP, ticket]
        await deliver(site.browser(), payment(REF, items=items, email=WRONG))
        await settle(site.store)
        await deliver(site.browser(), refund())
        await settle(site.store)
        await settle(site.store)
        assert await states(site.store) == [("done", ""), ("review", "other event")]
        order = (await admin.get(f"/api/admin/orders/{REF}")).json["order"]
        assert [row["status"] for row in order["licences"]] == ["active"] * 2
        assert order["member"]["status"] == "active"
        assert [(row["package"], row["status"]) for row in order["packages"]] == [
            ("Bulanan", "active")
        ]

        path = f"/api/admin/orders/{REF}/deactivate"
        only = await admin.post(path, {"what": ["licences"]})
        assert only.json["done"] == {"licences": 2}
        assert (await site.store.members.find(WRONG)).status == "active"
        everything = await admin.post(path, {})
        assert everything.json["done"] == {"licences": 0, "member": 1, "packages": 1}
        order = everything.json["order"]
        assert [row["status"] for row in order["licences"]] == ["disabled"] * 2
        assert (order["member"]["status"], order["packages"][0]["status"]) == (
            "inactive",
            "disabled",
        )
        wrongs: list[Any] = [[], "licences", ["x"], None]
        for bad in wrongs:
            assert (await admin.post(path, {"what": bad})).status == 400

        news = (await admin.get("/api/admin/webhooks?state=review")).json["webhooks"]
        done = f"/api/admin/webhooks/{news[0]['id']}/reviewed"
        assert (await admin.post(done, {})).status == 200
        assert (await admin.post(done, {})).status == 404
        assert (await states(site.store))[1] == ("ignored", "reviewed")


async def test_signed_news_of_an_unknown_order_or_kind_is_shown(environment) -> None:
    async with signed(environment) as site:
        await deliver(site.browser(), refund("9" * 32))
        odd = refund("8" * 32)
        odd["event"] = "subscription.renewed"
        await deliver(site.browser(), odd)
        await deliver(site.browser(), refund("7" * 32), "0" * 64)
        await settle(site.store)
        assert await states(site.store) == [
            ("review", "unknown event"),
            ("review", "unknown event"),
            ("quarantined", "signature"),
        ]
        assert await count(site.store, "lynk_order") == 0


async def test_unsigned_news_is_no_work_for_anybody(environment) -> None:
    async with serving(environment) as site:
        await deliver(site.browser(), refund(), signature_of(refund(), KEY))
        await settle(site.store)
        assert await states(site.store) == [("ignored", "no payment")]


async def test_a_package_for_a_full_stack_waits_for_a_person_and_not_for_a_day(environment) -> None:
    async with signed(environment) as site:
        hotspot = site.store.hotspot
        member = await site.store.members.create(email=RIGHT, password_hash="x")
        package = await hotspot.packages.make("Voucher", 1000, 30, False, None)
        for _ in range(MOST):
            await hotspot.quota.give(member.id, package.id)
        admin = await admin_of(site)
        mapped = {"uuid": EBOOK["uuid"], "grants": "hotspot", "package_id": package.id}
        assert (await admin.post("/api/admin/products", mapped)).status == 201
        await deliver(site.browser(), payment(REF, email=RIGHT))
        await settle(site.store)
        assert await states(site.store) == [("review", "too many hotspot packages")]
        path = f"/api/admin/members/{member.id}/package"
        for more in ({}, {"dry_run": True}):
            answer = await admin.post(path, {"package_id": package.id} | more)
            assert answer.status == 409 and "terlalu banyak" in answer.json["message"]
        await hotspot.quota.correct(member.id, used=1000 << 20)
        (waiting,) = (await admin.get("/api/admin/webhooks?state=review")).json["webhooks"]
        await admin.post(f"/api/admin/webhooks/{waiting['id']}/replay", {})
        await settle(site.store)
        assert await states(site.store) == [("done", "")]
