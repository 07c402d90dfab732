"""The operator's side of payments (CONTRACT §10): inbox, replay, licences, products."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType, field

from store.errors import InvalidRequest
from store.payments.inbox import GRANTS, STATES
from store.payments.licences import POLICIES, STATUSES
from store.payments.order_desk import GRANTED
from store.payments.orders import line
from web import fields
from web.admin import AdminHandler
from web.fields import Flag, as_sent, one_of, text

PREVIEW_BYTES = 16_384
"""How much of a body is shown; all of it is kept."""


class Deliveries(AdminHandler):
    """`/api/admin/webhooks`: deliveries, the newest first, and the number of each state."""

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


class Delivery(AdminHandler):
    """`/api/admin/webhooks/{id}`: one delivery, with as much of its body as can be read."""

    async def get(self, delivery_id: str) -> None:
        await self.require_admin()
        row, body = await self.store.payments.inbox.show(delivery_id)
        text = body[:PREVIEW_BYTES].decode("utf-8", "replace")
        self.respond({"success": True, "webhook": row | {"body": text}})


class Replay(AdminHandler):
    """`/api/admin/webhooks/{id}/replay {dry_run}`: process it again, or say what that would do."""

    class Body(fields.Body):
        may_be_missing = True

        dry_run: Flag = False

    async def post(self, delivery_id: str) -> None:
        current = await self.require_admin()
        dry_run = self.body(self.Body).dry_run
        plan = await self.store.payments.inbox.replay(delivery_id, dry_run=dry_run)
        if plan.possible and not dry_run:
            await self.note(current, "webhook.replay", delivery_id, state=plan.state)
        self.respond({"success": True, "dry_run": dry_run, "plan": plan.as_json()})


class OneOrder(AdminHandler):
    """`/api/admin/orders/{refId}`: an order with all that it gave."""

    async def get(self, ref: str) -> None:
        await self.require_admin()
        self.respond({"success": True, "order": await self.store.payments.desk.show(ref)})


class OrderEmail(AdminHandler):
    """`/api/admin/orders/{refId}/email {email}`: correct the address, and send the mails again."""

    class Body(fields.Body):
        email: Annotated[Any, as_sent(type="string", format="email")]

    async def post(self, ref: str) -> None:
        current = await self.require_admin()
        desk = self.store.payments.desk
        changed = await desk.correct_email(ref, self.body(self.Body).email)
        told = {name: changed[name] for name in ("before", "email", "member", "mails")}
        await self.note(current, "order.email", changed["ref_id"], **told)
        order = await desk.show(ref)
        self.respond({"success": True, "changed": changed, "order": order})


class OrderResend(AdminHandler):
    """`/api/admin/orders/{refId}/resend`: send its mails again, to the same address."""

    async def post(self, ref: str) -> None:
        current = await self.require_admin()
        desk = self.store.payments.desk
        mails = await desk.resend(ref)
        await self.note(current, "order.resend", ref[:128], mails=mails)
        self.respond({"success": True, "mails": mails, "order": await desk.show(ref)})


def _granted(field: str, value: object) -> list[str]:
    if not isinstance(value, list) or not value or any(one not in GRANTED for one in value):
        raise InvalidRequest(field, f"Isian '{field}' berisi: {', '.join(GRANTED)}.")
    return value


class OrderOff(AdminHandler):
    """`/api/admin/orders/{refId}/deactivate {what?}`: switch off what it gave, all or a part."""

    class Body(fields.Body):
        may_be_missing = True

        what: Annotated[
            list[Annotated[str, Meta(extra_json_schema={"enum": list(GRANTED)})]],
            fields.read_by(_granted, minItems=1),
        ] = field(default_factory=lambda: list(GRANTED))

    async def post(self, ref: str) -> None:
        current = await self.require_admin()
        what = self.body(self.Body).what
        desk = self.store.payments.desk
        done = await desk.switch_off(ref, what, by=current.member)
        await self.note(current, "order.deactivate", ref[:128], **done)
        self.respond({"success": True, "done": done, "order": await desk.show(ref)})


class Reviewed(AdminHandler):
    """`/api/admin/webhooks/{id}/reviewed`: somebody has looked at it."""

    async def post(self, delivery_id: str) -> None:
        current = await self.require_admin()
        await self.store.payments.desk.reviewed(delivery_id)
        await self.note(current, "webhook.reviewed", delivery_id)
        self.respond({"success": True})


class LicenceList(AdminHandler):
    """`/api/admin/licenses`: the newest first."""

    async def get(self) -> None:
        await self.require_admin()
        count = self.rows()
        rows = await self.store.payments.inbox.licences(
            search=self.query("q", 190), before=self.before(), count=count
        )
        last = rows[-1]["id"] if len(rows) == count else None
        self.respond({"success": True, "licenses": rows, "next": last})


class OneLicence(AdminHandler):
    """`/api/admin/licenses/{id} {status?, policy?}`: a disabled licence is lost at once."""

    class Body(fields.Body, forbid_unknown_fields=True):
        status: Annotated[str, one_of(STATUSES)] | UnsetType = UNSET
        policy: Annotated[str, one_of(POLICIES)] | UnsetType = UNSET

    async def patch(self, licence_id: str) -> None:
        current = await self.require_admin()
        changes = self.body(self.Body).changes()
        await self.store.payments.licences.change(licence_id, **changes)
        await self.note(current, "licence.change", licence_id, **changes)
        self.respond({"success": True, "license": {"id": int(licence_id)} | changes})


def _uuid(field: str, value: object) -> str:
    if not (uuid := line(value, 200)):
        raise InvalidRequest(field, "UUID produk harus diisi.")
    return uuid


class Products(AdminHandler):
    """`/api/admin/products`: what a Lynk product grants, by its uuid."""

    class Body(fields.Body):
        uuid: Annotated[str, fields.read_by(_uuid, maxLength=200)]
        grants: Annotated[str, one_of(GRANTS)]
        title: Annotated[str, text(300)] = ""
        policy: Annotated[str, one_of(POLICIES)] = "last_wins"
        package_id: Annotated[str, text(32)] = ""

    async def get(self) -> None:
        await self.require_admin()
        inbox = self.store.payments.inbox
        products, sold = await inbox.products(), await inbox.sold()
        self.respond({"success": True, "products": products, "sold": sold})

    async def post(self) -> None:
        current = await self.require_admin()
        body = self.body(self.Body)
        package = body.package_id if body.grants == "hotspot" else ""
        if package:
            await self._require_package(package)
        row = await self.store.payments.inbox.save_product(
            uuid=body.uuid,
            title=body.title,
            grants=body.grants,
            policy=body.policy,
            package_id=package,
        )
        await self.note(
            current, "product.save", str(row["id"]), uuid=body.uuid, grants=row["grants"]
        )
        self.respond({"success": True, "product": row}, 201)

    async def _require_package(self, package_id: str) -> None:
        """Refuse a product whose package does not exist: a purchase could not be given."""
        if all(package.id != package_id for package in await self.store.hotspot.packages.all()):
            raise InvalidRequest("package_id", "Paket hotspot itu tidak ada.")


class OneProduct(AdminHandler):
    """`/api/admin/products/{id}`."""

    async def delete(self, product_id: str) -> None:
        current = await self.require_admin()
        await self.store.payments.inbox.delete_product(int(product_id))
        await self.note(current, "product.delete", product_id)
        self.respond({"success": True})


class InboxPage(AdminHandler):
    """`/admin/webhooks`: the same for a person."""

    async def get(self) -> None:
        current = await self.require_admin()
        self.member_page(
            "payments_inbox.html",
            current,
            states=STATES,
            has_key=bool(self.store.settings.lynk_merchant_keys) or self.store.settings.is_dev,
        )


class ProductsPage(AdminHandler):
    """`/admin/products`: the same for a person."""

    async def get(self) -> None:
        current = await self.require_admin()
        self.member_page(
            "products.html",
            current,
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
