"""The webhook over real sockets: what is answered, what is kept, what is granted for it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from jobs.payments.judging import Judging
from store.payments.delivery import sign
from store.payments.intake import QUARANTINE_BYTES, QUARANTINE_PER_ADDRESS
from tests.lynk import EBOOK, KEY, MEMBERSHIP, deliver, encode, payment, signature_of
from tests.orders import SUCCESS, admin_of, count, rows, settle, signed, states
from tests.serving import serving


async def test_a_payment_is_answered_kept_and_granted(environment) -> None:
    async with signed(environment) as site:
        body = payment(
            "f" * 32, items=[EBOOK | {"qty": 2}, EBOOK | {"title": "Kelas", "uuid": "k"}]
        )
        answer = await deliver(site.browser(), body)
        assert (answer.status, answer.body) == (200, SUCCESS)
        assert site.store.payments.intake.taken == {"received:redis": 1}
        await settle(site.store)
        (delivery,) = await rows(site.store, "SELECT * FROM lynk_inbox")
        assert bytes(delivery["body"]) == encode(body)
        assert (delivery["state"], delivery["verified"], delivery["tier"]) == (
            "done",
            True,
            "redis",
        )
        licences = await rows(site.store, "SELECT * FROM lynk_webhook ORDER BY id")
        assert [row["title"] for row in licences] == [EBOOK["title"]] * 2 + ["Kelas"]
        assert {row["trx_lynk_id"] for row in licences} == {"f" * 32}
        assert len({row["key_license"] for row in licences}) == 3
        assert len({row["id_order"] for row in licences}) == 1
        (mail,) = await rows(site.store, "SELECT * FROM email_outbox")
        assert mail["template"] == "license" and len(mail["payload"]["licences"]) == 3


@pytest.mark.parametrize("path", ["/webhook/lynk", "/webhook/lynk/"])
async def test_the_address_is_there_for_whoever_looks(environment, path: str) -> None:
    async with signed(environment) as site:
        for method in ("GET", "HEAD"):
            answer = await site.browser().send(method, path, b"")
            assert answer.status == 200
        test = encode({"event": "test_event", "data": {"message": "This is a test"}})
        answer = await site.browser().send("POST", path, test)
        assert (answer.status, answer.body) == (200, SUCCESS)
        await settle(site.store)
        assert await states(site.store) == [("test", "")]
        assert await count(site.store, "lynk_order") == 0


async def test_a_foreign_page_may_post_to_it(environment) -> None:
    async with signed(environment) as site:
        body = payment()
        headers = {
            "Origin": "https://lynk.id",
            "Sec-Fetch-Site": "cross-site",
            "X-Lynk-Signature": signature_of(body),
        }
        answer = await site.browser().send("POST", "/webhook/lynk", encode(body), headers)
        assert answer.status == 200


@pytest.mark.parametrize(
    "body",
    [b"", b"no json", b"[]", b"\xff", encode(payment()), encode({"event": "something.else"})],
)
async def test_what_proves_nothing_is_401_and_put_aside(environment, body: bytes) -> None:
    async with signed(environment) as site:
        for signature in ("", "0" * 64, "x"):
            answer = await deliver(site.browser(), body, signature)
            assert answer.status == 401
            assert answer.json["type"] == "INVALID_SIGNATURE"
        await settle(site.store)
        assert set(await states(site.store)) == {("quarantined", "signature")}
        assert await count(site.store, "lynk_order") == 0


async def test_two_signatures_are_none(environment) -> None:
    async with signed(environment) as site:
        body = payment()
        one = signature_of(body)
        head = f"X-Lynk-Signature: {one}\r\nX-Lynk-Signature: {one}"
        answer = await site.browser().send(
            "POST", "/webhook/lynk", encode(body), {"X": f"1\r\n{head}"}
        )
        assert answer.status == 401


async def test_a_site_may_answer_200_as_the_document_says(environment) -> None:
    async with signed(environment, WEBHOOK_BAD_SIGNATURE_STATUS="200") as site:
        answer = await deliver(site.browser(), payment(), "0" * 64)
        assert (answer.status, answer.body) == (200, SUCCESS)
        await settle(site.store)
        assert await states(site.store) == [("quarantined", "signature")]


async def test_an_old_key_still_fits_while_both_are_set(environment) -> None:
    async with serving(environment, LYNK_MERCHANT_KEYS=f"the new one,{KEY}") as site:
        assert (await deliver(site.browser(), payment())).status == 200
        other = payment()
        assert (
            await deliver(site.browser(), other, signature_of(other, "the new one"))
        ).status == 200
        await settle(site.store)
        found = await rows(site.store, "SELECT DISTINCT signed_with FROM lynk_inbox")
        assert len(found) == 2


async def test_without_a_key_development_grants_and_says_that_it_is_unverified(
    environment,
) -> None:
    async with serving(environment) as site:
        assert (await deliver(site.browser(), payment(), "")).status == 200
        assert (await deliver(site.browser(), b"no json", "")).status == 200
        await settle(site.store)
        assert await states(site.store) == [("done", ""), ("review", "malformed")]
        (first, _) = await rows(site.store, "SELECT verified FROM lynk_inbox ORDER BY place")
        assert not first["verified"]


async def test_without_a_key_production_holds_until_there_is_one(environment) -> None:
    body = payment()
    production = environment | {"JAGA_ENV": "production"}
    async with serving(production) as site:
        assert (await deliver(site.browser(), body)).body == SUCCESS
        forged = payment()
        assert (await deliver(site.browser(), forged, "0" * 64)).body == SUCCESS
        await settle(site.store)
        assert await states(site.store) == [("held", "no key")] * 2
        ids = [
            row["id"] for row in await rows(site.store, "SELECT id FROM lynk_inbox ORDER BY place")
        ]
        assert not (await site.store.payments.inbox.replay(ids[0], dry_run=False)).possible
    async with signed(production) as site:
        plan = await site.store.payments.inbox.replay(ids[0], dry_run=True)
        assert (plan.possible, plan.licences, plan.mails) == (True, 1, 1)
        assert await count(site.store, "lynk_order") == 0
        await site.store.payments.inbox.replay(ids[0], dry_run=False)
        assert not (await site.store.payments.inbox.replay(ids[1], dry_run=False)).possible
        await settle(site.store)
        assert await states(site.store) == [("done", ""), ("held", "no key")]
        assert await count(site.store, "lynk_webhook") == 1


async def test_what_was_put_aside_for_a_stale_key_counts_when_it_comes_again(environment) -> None:
    body = payment()
    async with serving(environment, LYNK_MERCHANT_KEYS="a stale one") as site:
        assert (await deliver(site.browser(), body)).status == 401
        await settle(site.store)
    async with signed(environment) as site:
        assert (await deliver(site.browser(), body)).status == 200
        await settle(site.store)
        assert await states(site.store) == [("done", "")]
        (row,) = await rows(site.store, "SELECT deliveries, verified FROM lynk_inbox")
        assert (row["deliveries"], row["verified"]) == (2, True)


async def test_the_quarantine_is_bounded(environment) -> None:
    async with signed(environment) as site:
        big = payment(name="x" * QUARANTINE_BYTES)
        assert (await deliver(site.browser(), big, "0" * 64)).status == 401
        for _ in range(QUARANTINE_PER_ADDRESS.most + 5):
            assert (await deliver(site.browser(), payment(), "0" * 64)).status == 401
        await settle(site.store)
        assert await count(site.store, "lynk_inbox") == QUARANTINE_PER_ADDRESS.most
        taken = site.store.payments.intake.taken
        assert taken["quarantined:dropped"] == 6


async def test_the_same_delivery_is_one_row_and_a_counter(environment) -> None:
    async with signed(environment) as site:
        body = payment()
        for _ in range(3):
            assert (await deliver(site.browser(), body)).body == SUCCESS
        await settle(site.store)
        assert (await deliver(site.browser(), body)).body == SUCCESS
        await settle(site.store)
        (row,) = await rows(site.store, "SELECT state, deliveries FROM lynk_inbox")
        assert (row["state"], row["deliveries"]) == ("done", 4)
        assert await count(site.store, "lynk_webhook") == 1
        assert await count(site.store, "email_outbox") == 1


async def test_another_body_for_an_order_is_kept_and_never_applied(environment) -> None:
    async with signed(environment) as site:
        first = payment("a" * 32)
        await deliver(site.browser(), first)
        # a retry with a new message id, an edit under the same signature, a new signature
        retry = payment("a" * 32, message_id="API_CALL_1774145999_1")
        edited = payment("a" * 32, email="maling@example.com")
        signed_anew = payment("a" * 32, total=1, email="maling@example.com")
        spaced = json.dumps(first, indent=1).encode()
        await deliver(site.browser(), retry)
        await deliver(site.browser(), edited, signature_of(first))
        await deliver(site.browser(), signed_anew)
        await deliver(site.browser(), spaced, signature_of(first))
        await settle(site.store)
        assert await states(site.store) == [
            ("done", ""),
            ("ignored", "duplicate"),
            ("review", "known signature"),
            ("conflict", "other content"),
            ("ignored", "duplicate"),
        ]
        licences = await rows(site.store, "SELECT email FROM lynk_webhook")
        assert [row["email"] for row in licences] == ["siti.rahma@example.com"]


async def test_what_comes_later_never_turns_a_page_back(environment) -> None:
    async with signed(environment) as site:
        await deliver(site.browser(), payment("a" * 32))
        await settle(site.store)
        await deliver(site.browser(), payment("a" * 32, total=1, email="not an address"))
        await settle(site.store)
        assert [state for state, _ in await states(site.store)] == ["done", "review"]
        page = await site.store.payments.pages.look("a" * 32)
        assert page is not None and page["state"] == "done"


async def test_failed_edited_to_success_grants_nothing(environment) -> None:
    async with signed(environment) as site:
        failed = payment("b" * 32, action="FAILED")
        assert (await deliver(site.browser(), failed)).body == SUCCESS
        edited = payment("b" * 32)
        assert (await deliver(site.browser(), edited, signature_of(failed))).body == SUCCESS
        await settle(site.store)
        assert await states(site.store) == [
            ("review", "unknown event"),
            ("review", "known signature"),
        ]
        assert await count(site.store, "lynk_webhook") == 0
        assert await count(site.store, "email_outbox") == 0


async def test_however_a_captured_signature_is_cut_it_is_one_order(environment) -> None:
    """Every cut of the signed characters into amount, refId and message_id."""
    async with signed(environment) as site:
        genuine = payment("0f3c9a7be1d24586", total=96000, message_id="API_CALL_17_5")
        characters = "960000f3c9a7be1d24586API_CALL_17_5"
        signature = sign(characters, "", "", KEY)
        assert signature == signature_of(genuine)
        cuts = [
            (characters[:i], characters[i:j], characters[j:])
            for i in range(1, len(characters) - 1)
            for j in range(i + 1, len(characters))
        ]
        browser = site.browser()
        for start in range(0, len(cuts), 50):
            answers = await asyncio.gather(
                *(
                    deliver(browser, payment(ref, total=amount, message_id=rest), signature)
                    for amount, ref, rest in cuts[start : start + 50]
                )
            )
            assert {answer.status for answer in answers} == {200}
        await settle(site.store)
        assert await count(site.store, "lynk_inbox") == len(cuts)
        assert await count(site.store, "lynk_order") == 1
        assert await count(site.store, "lynk_webhook") == 1


@pytest.mark.parametrize(
    "change",
    [
        {"email": "not an address"},
        {"items": [EBOOK | {"qty": 99}]},
        {"items": [{"title": "\ud800\0"} | {"qty": []}]},
        {"name": "a\0b", "email": ""},
    ],
)
async def test_what_cannot_be_used_is_looked_at(environment, change: dict[str, Any]) -> None:
    async with signed(environment) as site:
        body = payment("c" * 32, **change)
        assert (await deliver(site.browser(), body)).body == SUCCESS
        await settle(site.store)
        (row,) = await rows(site.store, "SELECT * FROM lynk_inbox")
        assert row["state"] == "review" and row["reason"]
        assert bytes(row["body"]) == encode(body)
        assert await count(site.store, "lynk_order") == 0
        assert (await site.store.payments.pages.look("c" * 32)) == {"state": "review"}


async def test_poison_in_a_usable_payment_is_archived_and_granted_in_clean_text(
    environment,
) -> None:
    async with signed(environment) as site:
        item = EBOOK | {"title": "Judul\0\ud800 <b>" + "x" * 90_000, "uuid": "u\0\ud800"}
        body = payment(items=[item], name="Siti\0\r\nBcc: x")
        assert (await deliver(site.browser(), body)).body == SUCCESS
        await settle(site.store)
        assert await states(site.store) == [("done", "")]
        (licence,) = await rows(site.store, "SELECT * FROM lynk_webhook")
        assert licence["title"].startswith("Judul ? <b>xxx") and len(licence["title"]) == 300
        assert bytes((await rows(site.store, "SELECT body FROM lynk_inbox"))[0]["body"]) == encode(
            body
        )


@pytest.mark.parametrize("size", [300_000])
async def test_a_body_that_is_too_large_is_refused(environment, size: int) -> None:
    async with signed(environment) as site:
        answer = await deliver(site.browser(), b"x" * size, "0" * 64)
        assert answer.status in (400, 413)


async def test_what_was_taken_and_what_waits_can_be_seen(environment) -> None:
    async with signed(environment) as site:
        await deliver(site.browser(), payment())
        await deliver(site.browser(), payment(), "0" * 64)
        await site.store.payments.spool.keep("1", {"id": "odd"})
        assert (await site.browser().get("/readyz")).json["spool"]["waiting"] == 1
        figures = (await site.browser().get("/metrics")).body.decode()
        assert 'jaga_payments_taken_total{state="received",tier="redis"} 1.0' in figures
        assert 'jaga_payments_taken_total{state="quarantined",tier="kept"} 1.0' in figures
        assert "jaga_payments_spooled 1.0" in figures


# Members


async def test_a_membership_makes_a_member_who_must_change_the_password(environment) -> None:
    async with signed(environment) as site:
        await deliver(
            site.browser(),
            payment(
                items=[MEMBERSHIP | {"qty": 2}], phone="085700001234", email="Dewi@example.com"
            ),
        )
        await settle(site.store)
        member = await site.store.members.find("dewi@example.com")
        assert member is not None
        assert (member.role, member.username, member.phone) == (
            "member",
            "Dewi@example.com",
            "085700001234",
        )
        assert member.must_change
        assert (await site.store.passwords.check("085700001234", member.password)).fits
        assert await count(site.store, "lynk_webhook") == 0
        (mail,) = await rows(site.store, "SELECT * FROM email_outbox")
        assert mail["template"] == "pendaftaran_member"
        assert mail["payload"]["password"] == "085700001234"


@pytest.mark.parametrize("phone", ["", "12", "8" * 80])
async def test_a_member_without_a_phone_gets_a_random_password(environment, phone: str) -> None:
    async with signed(environment) as site:
        await deliver(site.browser(), payment(items=[MEMBERSHIP], phone=phone))
        await settle(site.store)
        member = await site.store.members.find("siti.rahma@example.com")
        assert member is not None and member.must_change
        assert not (await site.store.passwords.check(phone, member.password)).fits
        (mail,) = await rows(site.store, "SELECT * FROM email_outbox")
        assert mail["payload"]["password"] == ""


async def test_a_member_who_exists_is_never_altered(environment) -> None:
    async with signed(environment) as site:
        before = await site.member("korban", name="Korban", role="admin")
        await deliver(
            site.browser(),
            payment(items=[MEMBERSHIP], email="KORBAN@jaga.test", phone="081111111111", name="X"),
        )
        await settle(site.store)
        assert await site.store.members.get(before.id) == before
        (mail,) = await rows(site.store, "SELECT * FROM email_outbox")
        assert mail["template"] == "sudah_terdaftar"


async def test_a_member_who_came_a_moment_before_is_not_altered_either(
    environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with signed(environment) as site:
        before = await site.member("korban")

        async def drawn(*_: object) -> str:
            return "a hash that was drawn while there was no such member"

        monkeypatch.setattr(Judging, "_new_hash", drawn)
        await deliver(site.browser(), payment(items=[MEMBERSHIP], email="korban@jaga.test"))
        await settle(site.store)
        assert await site.store.members.get(before.id) == before
        (mail,) = await rows(site.store, "SELECT * FROM email_outbox")
        assert mail["template"] == "sudah_terdaftar"
        (order,) = await rows(site.store, "SELECT member_id FROM lynk_order")
        assert order["member_id"] == ""


# Pages


async def test_the_buyers_page_waits_and_never_shows_a_key(environment) -> None:
    async with signed(environment) as site:
        browser = site.browser()
        page = await browser.get(f"/order/{'d' * 32}", Accept="text/html")
        assert page.status == 200 and b"Menunggu" in page.body
        await deliver(browser, payment("d" * 32))
        assert (await browser.get(f"/api/order/{'d' * 32}")).json["order"]["state"] == "received"
        await settle(site.store)
        order = (await browser.get(f"/api/order/{'d' * 32}")).json["order"]
        assert (order["state"], order["email"]) == ("done", "s•••@e•••.com")
        page = await browser.get(f"/order/{'d' * 32}", Accept="text/html")
        (licence,) = await rows(site.store, "SELECT key_license FROM lynk_webhook")
        assert page.status == 200
        assert licence["key_license"].encode() not in page.body
        assert b"siti.rahma" not in page.body


async def test_the_buyers_page_is_known_again_after_redis_was_emptied(environment) -> None:
    async with signed(environment) as site:
        await deliver(site.browser(), payment("e" * 32))
        await settle(site.store)
        await site.store.redis.delete(site.store.keys.payment_order("e" * 32))
        order = (await site.browser().get(f"/api/order/{'e' * 32}")).json["order"]
        assert (order["state"], order["licences"]) == ("done", 1)


@pytest.mark.parametrize("ref", ["a%0a", "x" * 129, "%3Cscript%3E", "a b"])
async def test_an_odd_ref_is_not_found(environment, ref: str) -> None:
    async with signed(environment) as site:
        assert (await site.browser().get(f"/order/{ref}")).status in (400, 404)


async def test_a_mailed_link_sets_a_password_once(environment) -> None:
    async with signed(environment) as site:
        member = await site.member("budi")
        inside = await site.logged_in(member)
        link = await site.store.password_links.make(member.id)
        token = link.partition("#")[2]
        browser = site.browser()
        assert (await browser.get("/atur-password")).status == 200
        short = await browser.post("/api/auth/set-password", {"token": token, "password": "x"})
        assert short.status == 400
        body = {"token": token, "password": "kalimat baru saya"}
        answers = await asyncio.gather(
            *(browser.post("/api/auth/set-password", body) for _ in range(4))
        )
        assert sorted(answer.status for answer in answers) == [200, 404, 404, 404]
        assert (await inside.get("/api/session")).status == 401
        again = await site.store.members.get(member.id)
        assert (await site.store.passwords.check("kalimat baru saya", again.password)).fits
        for odd in ({}, {"token": 5}, {"token": "x" * 500, "password": "abcdefgh"}):
            assert (await browser.post("/api/auth/set-password", odd)).status == 400


# The operator's side


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/admin/webhooks"),
        ("GET", f"/api/admin/webhooks/{'0' * 32}"),
        ("POST", f"/api/admin/webhooks/{'0' * 32}/replay"),
        ("GET", "/api/admin/licenses"),
        ("PATCH", "/api/admin/licenses/1"),
        ("GET", "/api/admin/products"),
        ("POST", "/api/admin/products"),
        ("DELETE", "/api/admin/products/1"),
        ("GET", "/admin/webhooks"),
    ],
)
async def test_only_admins_see_payments(environment, method: str, path: str) -> None:
    async with signed(environment) as site:
        body = b"" if method == "GET" else b"{}"
        assert (await site.browser().send(method, path, body)).status == 401
        member = await site.logged_in(await site.member())
        assert (await member.send(method, path, body)).status == 403


async def test_an_admin_sees_what_came_and_replays_it(environment) -> None:
    async with signed(environment) as site:
        admin = await admin_of(site)
        await deliver(site.browser(), payment())
        await deliver(site.browser(), payment(email="x"))
        await deliver(site.browser(), payment(), "0" * 64)
        await settle(site.store)
        found = (await admin.get("/api/admin/webhooks")).json
        assert [row["state"] for row in found["webhooks"]] == ["quarantined", "review", "done"]
        assert [row["verified"] for row in found["webhooks"]] == [False, True, True]
        assert found["counts"]["review"] == 1 and found["counts"]["done"] == 1
        assert found["next"] is None
        paged = (await admin.get("/api/admin/webhooks?limit=1")).json
        second = (await admin.get(f"/api/admin/webhooks?limit=1&before={paged['next']}")).json
        assert second["webhooks"][0]["state"] == "review"
        done = found["webhooks"][2]["id"]
        one = (await admin.get(f"/api/admin/webhooks/{done}")).json["webhook"]
        assert one["order"]["licences"] == 1 and '"refId"' in one["body"]
        path = f"/api/admin/webhooks/{done}/replay"
        plan = (await admin.post(path, {"dry_run": True})).json["plan"]
        assert (plan["possible"], plan["licences"], plan["mails"]) == (True, 0, 0)
        assert (await admin.post(path, {})).status == 200
        assert (await admin.post(path, {"dry_run": "x"})).status == 400
        await settle(site.store)
        assert await count(site.store, "lynk_webhook") == 1
        assert await count(site.store, "email_outbox") == 1
        page = await admin.get("/admin/webhooks", Accept="text/html")
        assert page.status == 200
        for odd in ("?state=x", "?before=x", "?limit=0", "/" + "0" * 32):
            assert (await admin.get(f"/api/admin/webhooks{odd}")).status in (400, 404)


async def test_a_product_is_mapped_and_forgotten(environment) -> None:
    async with signed(environment) as site:
        admin = await admin_of(site)
        mapped = {"uuid": EBOOK["uuid"], "title": "E-Book", "grants": "membership"}
        made = await admin.post("/api/admin/products", mapped)
        assert made.status == 201
        await deliver(site.browser(), payment())
        await settle(site.store)
        assert await site.store.members.find("siti.rahma@example.com") is not None
        assert await count(site.store, "lynk_webhook") == 0
        path = f"/api/admin/products/{made.json['product']['id']}"
        assert (await admin.send("DELETE", path, b"")).status == 200
        assert (await admin.send("DELETE", path, b"")).status == 404
        assert (await admin.get("/api/admin/products")).json["products"] == []
        unknown = {"uuid": "x", "grants": "hotspot", "package_id": "0" * 16}
        for odd in ({}, {"uuid": "x"}, {"uuid": "x", "grants": "hotspot"}, unknown, {"uuid": 5}):
            assert (await admin.post("/api/admin/products", odd)).status == 400


async def test_products_that_were_sold_are_named_the_last_one_first(environment) -> None:
    async with signed(environment) as site:
        admin = await admin_of(site)
        await deliver(site.browser(), payment())
        await deliver(site.browser(), payment(items=[EBOOK, MEMBERSHIP]))
        await deliver(site.browser(), payment(items=[EBOOK | {"uuid": ""}]))
        await site.browser().post("/webhook/lynk", payment(items=[EBOOK | {"uuid": "forged"}]))
        await settle(site.store)
        sold = (await admin.get("/api/admin/products")).json["sold"]
        assert [(one["title"], one["payments"]) for one in sold] == [
            (EBOOK["title"], 2),
            (MEMBERSHIP["title"], 1),
        ]
        assert sold[0]["uuid"] == EBOOK["uuid"] and sold[0]["last_at"] > 0
