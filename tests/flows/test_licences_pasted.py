"""Licences through their doors: keys as people paste them, orders that are worked off anew."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from tests.client import Answer, Browser
from tests.licences import PASTED, act, activated, admin_sets, bought, only_key
from tests.lynk import KEY, deliver, payment
from tests.orders import settle
from tests.serving import serving

REF = "3f" * 16


@pytest.mark.parametrize("text", PASTED[:10:3])
async def test_a_pasted_key_is_the_key_at_every_door(
    environment: dict[str, str], text: str
) -> None:
    async with bought(environment) as (site, key):
        _, first, second = key.split("-")
        pasted = text.upper().replace("AB12", first).replace("CD34EF56", second)
        answer = await act(site.browser(), "activate", pasted, fingerprint="a")
        assert (answer.status, answer.json["license_key"]["key"]) == (200, key)
        assert (await act(site.browser(), "validate", pasted, fingerprint="a")).json["valid"]
        admin = await admin_of(site)
        found = await admin.get(f"/api/admin/licenses?q={quote(pasted.strip())}")
        assert [row["key_license"] for row in found.json["licenses"]] == [key]
        released = await act(site.browser(), "deactivate", pasted, fingerprint="a")
        assert released.json["deactivated"]


async def admin_of(site: Any) -> Browser:
    return await site.logged_in(await site.member("admin", role="admin"))  # type: ignore[no-any-return]


async def test_an_operator_finds_an_order_by_any_of_its_numbers(environment) -> None:
    async with serving(environment, LYNK_MERCHANT_KEYS=KEY) as site:
        await deliver(site.browser(), payment(REF))
        await deliver(site.browser(), payment())
        await settle(site.store)
        admin = await admin_of(site)
        (order,) = await site.store.database.fetch(
            b"SELECT id_order, id_transaction FROM lynk_order WHERE ref_id = %s", [REF]
        )
        for text in (
            REF.upper(),
            f" {REF} ",
            f"Order #{order['id_order']}".lower(),
            order["id_transaction"],
        ):
            answer = await admin.get(f"/api/admin/webhooks?ref={quote(text)}")
            assert [row["ref_id"] for row in answer.json["webhooks"]] == [REF], text
        assert (await admin.get("/api/admin/webhooks?ref=zz%20zz")).json["webhooks"] == []
        page = await site.browser().get(f"/api/order/{quote(f' {REF.upper()}')}")
        assert page.json["order"]["state"] == "done"


async def test_an_order_that_is_worked_off_anew_has_the_keys_that_were_mailed(environment) -> None:
    """Postgres came back from a backup that knew nothing of the order; Lynk sends it again."""
    async with serving(environment, LYNK_MERCHANT_KEYS=KEY) as site:
        body = payment(REF)
        tables = b"lynk_webhook", b"lynk_order", b"lynk_signature", b"lynk_inbox", b"email_outbox"
        seen = []
        for _ in range(2):
            await deliver(site.browser(), body)
            await settle(site.store)
            numbers = await site.store.database.fetch(
                b"SELECT id_order, id_transaction FROM lynk_order"
            )
            seen.append((await only_key(site.store), [tuple(row.values()) for row in numbers]))
            async with site.store.database.connection() as connection:
                for table in tables:
                    await connection.execute(b"DELETE FROM " + table)
            await site.store.redis.flushdb()
            await site.store.redis.set(site.store.keys.built(), "1")
        assert seen[0] == seen[1]


async def test_where_the_first_keeps_it_a_stale_id_of_the_right_device_is_that_device(
    environment,
) -> None:
    async with bought(environment) as (site, key):
        held = await activated(site, key, "a")
        await admin_sets(site, policy="first_wins")
        stale: dict[str, Any] = {"fingerprint": "a", "instance_id": "of-former-days"}

        async def ask(name: str, **more: Any) -> Answer:
            return await act(site.browser(), name, key, **stale | more)

        answer = await ask("activate")
        assert (answer.status, answer.json["instance"]["id"]) == (200, held)
        assert (await ask("validate")).json["valid"]
        assert (await ask("activate", fingerprint="b")).status == 409
        assert not (await ask("validate", fingerprint="b")).json["valid"]
        nameless = {"fingerprint": "", "device_name": "Laptop"}
        assert (await ask("activate", **nameless)).status == 409
        assert (await ask("deactivate")).json["deactivated"]


async def test_where_the_last_takes_it_a_stale_id_is_of_the_device_that_lost_it(
    environment,
) -> None:
    """Two phones of one make share a fingerprint."""
    async with bought(environment) as (site, key):
        lost = await activated(site, key, "a")
        await activated(site, key, "b")
        await act(site.browser(), "activate", key, fingerprint="a", instance_id="new")
        answer = await act(site.browser(), "validate", key, fingerprint="a", instance_id=lost)
        assert not answer.json["valid"]
