"""The operator's side of payments (CONTRACT §10): inbox, replay, licences, products."""

from __future__ import annotations

from typing import Any

from store.errors import InvalidRequest
from store.members import valid_choice, valid_text
from store.payments.inbox import GRANTS, STATES
from store.payments.licences import POLICIES, STATUSES
from store.payments.order_desk import GRANTED
from store.payments.orders import line
from web.admin import AdminHandler
from web.sessions import member_of, session_of

PREVIEW_BYTES = 16_384
"""How much of a body is shown; all of it is kept."""


class PaymentHandler(AdminHandler):
    """What these handlers share: paging by number."""

    def before(self) -> int | None:
        """Return the number that the page asked for ends before. Raises InvalidRequest."""
        text = self.query("before")
        if text and not (text.isascii() and text.isdigit() and len(text) <= 18):
            raise InvalidRequest("before")
        return int(text) if text else None


class Deliveries(PaymentHandler):
    """`/api/admin/webhooks`: the newest first, with how many are in each state."""

    async def get(self) -> None:
        await self.require_admin()
        inbox = self.store.payments.inbox
        count = self.rows()
        rows = await inbox.deliveries(
            state=self.chosen("state", STATES) or "",
            ref=self.query("ref", 128),
            search=self.query("q", 190),
            before=self.before(),
            count=count,
        )
        self.respond(
            {
                "success": True,
                "webhooks": rows,
                "counts": await inbox.counts(),
                "next": rows[-1]["place"] if len(rows) == count else None,
            }
        )


class Delivery(PaymentHandler):
    """`/api/admin/webhooks/{id}`: one of them, with its body as far as it can be read."""

    async def get(self, delivery_id: str) -> None:
        await self.require_admin()
        row, body = await self.store.payments.inbox.show(delivery_id)
        text = body[:PREVIEW_BYTES].decode("utf-8", "replace")
        self.respond({"success": True, "webhook": row | {"body": text}})


class Replay(PaymentHandler):
    """`/api/admin/webhooks/{id}/replay {dry_run}`: work it off again, or say what that would do."""

    async def post(self, delivery_id: str) -> None:
        place = await self.require_admin()
        body = self.json_body() if self.request.body else {}
        dry_run = body.get("dry_run", False)
        if not isinstance(dry_run, bool):
            raise InvalidRequest("dry_run", "Isian 'dry_run' harus true atau false.")
        plan = await self.store.payments.inbox.replay(delivery_id, dry_run=dry_run)
        if plan.possible and not dry_run:
            await self.note(place, "webhook.replay", delivery_id, state=plan.state)
        self.respond({"success": True, "dry_run": dry_run, "plan": plan.as_json()})


class OneOrder(PaymentHandler):
    """`/api/admin/orders/{refId}`: an order with all that it gave."""

    async def get(self, ref: str) -> None:
        await self.require_admin()
        self.respond({"success": True, "order": await self.store.payments.desk.show(ref)})


class OrderEmail(PaymentHandler):
    """`/api/admin/orders/{refId}/email {email}`: the right address, and the mails anew."""

    async def post(self, ref: str) -> None:
        place = await self.require_admin()
        desk = self.store.payments.desk
        changed = await desk.correct_email(ref, self.json_body().get("email"))
        told = {name: changed[name] for name in ("before", "email", "member", "mails")}
        await self.note(place, "order.email", changed["ref_id"], **told)
        order = await desk.show(ref)
        self.respond({"success": True, "changed": changed, "order": order})


class OrderResend(PaymentHandler):
    """`/api/admin/orders/{refId}/resend`: its mails once more, to the address it has."""

    async def post(self, ref: str) -> None:
        place = await self.require_admin()
        desk = self.store.payments.desk
        mails = await desk.resend(ref)
        await self.note(place, "order.resend", ref[:128], mails=mails)
        self.respond({"success": True, "mails": mails, "order": await desk.show(ref)})


class OrderOff(PaymentHandler):
    """`/api/admin/orders/{refId}/deactivate {what?}`: switch off what it gave, all or a part."""

    async def post(self, ref: str) -> None:
        place = await self.require_admin()
        body = self.json_body() if self.request.body else {}
        what = body.get("what", list(GRANTED))
        if not isinstance(what, list) or not what or any(one not in GRANTED for one in what):
            raise InvalidRequest("what", f"Isian 'what' berisi: {', '.join(GRANTED)}.")
        desk = self.store.payments.desk
        done = await desk.switch_off(ref, what, by=place.member)
        await self.note(place, "order.deactivate", ref[:128], **done)
        self.respond({"success": True, "done": done, "order": await desk.show(ref)})


class Reviewed(PaymentHandler):
    """`/api/admin/webhooks/{id}/reviewed`: somebody has looked at it."""

    async def post(self, delivery_id: str) -> None:
        place = await self.require_admin()
        await self.store.payments.desk.reviewed(delivery_id)
        await self.note(place, "webhook.reviewed", delivery_id)
        self.respond({"success": True})


class LicenceList(PaymentHandler):
    """`/api/admin/licenses`: the newest first."""

    async def get(self) -> None:
        await self.require_admin()
        count = self.rows()
        rows = await self.store.payments.inbox.licences(
            search=self.query("q", 190), before=self.before(), count=count
        )
        last = rows[-1]["id"] if len(rows) == count else None
        self.respond({"success": True, "licenses": rows, "next": last})


class OneLicence(PaymentHandler):
    """`/api/admin/licenses/{id} {status?, policy?}`; a disabled one is lost at once."""

    async def patch(self, licence_id: str) -> None:
        place = await self.require_admin()
        body = self.json_body()
        allowed = {"status": STATUSES, "policy": POLICIES}
        for name in body.keys() - allowed.keys():
            raise InvalidRequest(name[:80])
        changes = {name: valid_choice(name, body[name], allowed[name]) for name in body}
        if not changes:
            raise InvalidRequest("body", "Tidak ada yang diubah.")
        await self.store.payments.licences.change(licence_id, **changes)
        await self.note(place, "licence.change", licence_id, **changes)
        self.respond({"success": True, "license": {"id": int(licence_id)} | changes})


class Products(PaymentHandler):
    """`/api/admin/products`: what a Lynk product grants, by its uuid."""

    async def get(self) -> None:
        await self.require_admin()
        inbox = self.store.payments.inbox
        products, sold = await inbox.products(), await inbox.sold()
        self.respond({"success": True, "products": products, "sold": sold})

    async def post(self) -> None:
        place = await self.require_admin()
        body = self.json_body()
        uuid = line(body.get("uuid"), 200)
        if not uuid:
            raise InvalidRequest("uuid", "UUID produk harus diisi.")
        grants = valid_choice("grants", body.get("grants"), GRANTS)
        package = valid_text("package_id", body.get("package_id", ""), 32)
        if grants == "hotspot" and package:
            await self._require_package(package)
        row = await self.store.payments.inbox.save_product(
            uuid=uuid,
            title=valid_text("title", body.get("title", ""), 300),
            grants=grants,
            policy=valid_choice("policy", body.get("policy", "last_wins"), POLICIES),
            package_id=package if grants == "hotspot" else "",
        )
        await self.note(place, "product.save", str(row["id"]), uuid=uuid, grants=row["grants"])
        self.respond({"success": True, "product": row}, 201)

    async def _require_package(self, package_id: str) -> None:
        """A purchase of a package that is not there could not be given. Raises InvalidRequest."""
        if all(package.id != package_id for package in await self.store.hotspot.packages.all()):
            raise InvalidRequest("package_id", "Paket hotspot itu tidak ada.")


class OneProduct(PaymentHandler):
    """`/api/admin/products/{id}`."""

    async def delete(self, product_id: str) -> None:
        place = await self.require_admin()
        await self.store.payments.inbox.delete_product(int(product_id))
        await self.note(place, "product.delete", product_id)
        self.respond({"success": True})


class InboxPage(PaymentHandler):
    """`/admin/webhooks`: the same for a person."""

    async def get(self) -> None:
        place = await self.require_admin()
        self.page(
            "payments_inbox.html",
            member=member_of(place),
            session=session_of(place),
            states=STATES,
            has_key=bool(self.store.settings.lynk_merchant_keys) or self.store.settings.is_dev,
        )


class ProductsPage(PaymentHandler):
    """`/admin/products`: the same for a person."""

    async def get(self) -> None:
        place = await self.require_admin()
        self.page(
            "products.html",
            member=member_of(place),
            session=session_of(place),
            member_product=self.store.settings.lynk_member_product,
        )


ROUTES: list[tuple[Any, ...]] = [
    (r"/api/admin/webhooks", Deliveries),
    (r"/api/admin/webhooks/([0-9a-f]{32})", Delivery),
    (r"/api/admin/webhooks/([0-9a-f]{32})/replay", Replay),
    (r"/api/admin/webhooks/([0-9a-f]{32})/reviewed", Reviewed),
    (r"/api/admin/orders/([^/]+)", OneOrder),
    (r"/api/admin/orders/([^/]+)/email", OrderEmail),
    (r"/api/admin/orders/([^/]+)/resend", OrderResend),
    (r"/api/admin/orders/([^/]+)/deactivate", OrderOff),
    (r"/api/admin/licenses", LicenceList),
    (r"/api/admin/licenses/([0-9]{1,18})", OneLicence),
    (r"/api/admin/products", Products),
    (r"/api/admin/products/([0-9]{1,18})", OneProduct),
    (r"/admin/webhooks", InboxPage),
    (r"/admin/products", ProductsPage),
]
