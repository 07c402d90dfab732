"""From a delivery to what it grants, step by step; each step leaves a mark and can be run again.

    received ── judge ──► processing ── enrol, grant ──► granted ── publish ──► done
                   └────► ignored | review | conflict

`judge` derives every id, hashes the new member's password, and writes them down. `enrol` makes the
member in Redis; by that hash it knows its own work again; and it adds hotspot packages, each known
by its order, item and unit. `grant` writes licences and mails in one transaction. `publish` makes
the licences known to Redis and turns the order's page. Killed between any
two, the next run goes on from the mark, and nothing is granted twice.

One run at a time: what came first is judged first.
"""

from __future__ import annotations

import json
import logging
import time
from typing import Any

import psycopg
from redis.exceptions import RedisError

from store.changes import Changes, Part
from store.database import Connection, Database, Row, statement
from store.errors import InvalidRequest, MemberExists, NotFound, Unavailable
from store.hotspot.parts import Hotspot
from store.hotspot.stack import StackFull
from store.locks import Lock, locked
from store.mails import owe
from store.members import Member, Members
from store.outboxes import Backoff
from store.passwords import Passwords
from store.payments import numbers, orders
from store.payments.delivery import Delivery, as_ref, read
from store.payments.intake import ORDER_SECONDS
from store.payments.licences import Licences
from store.payments.orders import Order, Product, Unusable
from store.phones import normal_phone
from store.queue import Queue
from store.settings import Settings

RUN_SECONDS = 30.0

RETRY = Backoff((5, 30, 120, 600, 3_600, 21_600, 86_400))
"""After a failure that is nobody's outage; then `dead`, and a person looks at it."""

MOST_DRAWS = 8
"""How often an id is drawn again before `id_transaction` is widened."""

log = logging.getLogger("jaga.payments")


class Processing(Part):
    """Works off the inbox."""

    def __init__(
        self,
        changes: Changes,
        settings: Settings,
        queue: Queue,
        database: Database,
        members: Members,
        passwords: Passwords,
        licences: Licences,
        hotspot: Hotspot,
    ) -> None:
        super().__init__(changes)
        self._settings = settings
        self._queue = queue
        self._database = database
        self._members = members
        self._passwords = passwords
        self._licences = licences
        self._hotspot = hotspot
        self._turn_page = changes.script("payment_turn")

    async def ring(self) -> None:
        """Have a worker do what is due, payments and mails; called whenever the log was applied.

        Raises Unavailable.
        """
        due = await self._database.fetch_one(statement("payments", "is_due"))
        if due and due["payments"]:
            await self._queue.enqueue("jobs.payments.process", unique="payments")
        if due and due["mails"]:
            await self._queue.enqueue("jobs.mail.send", unique="mail")

    async def run(self, seconds: float = RUN_SECONDS) -> int:
        """Work until nothing is due; returns how many deliveries came to an end.

        Ends early when another run is at work, or Redis or Postgres away.
        """
        deadline = time.monotonic() + seconds
        done = 0
        try:
            async with locked(self._database, Lock.PAYMENTS, self._keys.prefix) as connection:
                while connection and time.monotonic() < deadline:
                    row = await self._next(connection)
                    if row is None:
                        break
                    await self._work_off(connection, row)
                    done += 1
            if connection:
                # not by one that found the turn taken: it would be called again and again until
                # the other is done
                await self.ring()
        except (Unavailable, RedisError, OSError) as error:
            log.warning("payments wait: %s", type(error.__cause__ or error).__name__)
        return done

    async def _next(self, connection: Connection) -> Row | None:
        async with connection.transaction():
            found = await connection.execute(statement("payments", "next_due"))
            return await found.fetchone()

    async def _work_off(self, connection: Connection, row: Row) -> None:
        """Take one delivery as far as it goes. What fails is tried again, later each time."""
        try:
            await self._advance(connection, row)
        except (Unavailable, RedisError, OSError, psycopg.OperationalError):
            raise
        except (Unusable, RecursionError, psycopg.DataError) as error:
            log.warning("delivery %s cannot be used: %s", row["id"], type(error).__name__)
            params = {"id": row["id"], "state": "review", "reason": str(error)[:200]}
            await self._run(connection, "move", params)
        except Exception as error:
            # whatever it was must not keep the orders behind it waiting
            log.exception("delivery %s failed", row["id"])
            await self._postpone(connection, row, f"{type(error).__name__}")

    async def _postpone(self, connection: Connection, row: Row, reason: str) -> None:
        seconds = RETRY.after(int(row["attempts"]))
        if seconds is None:
            log.error("delivery %s is dead after %s attempts", row["id"], row["attempts"])
        await self._run(
            connection, "postpone", {"id": row["id"], "reason": reason, "seconds": seconds}
        )

    async def _advance(self, connection: Connection, row: Row) -> None:
        delivery = read(bytes(row["body"]), [row["header"]])
        state = str(row["state"])
        if state == "received":
            state = await self._judge(connection, row, delivery)
        if state == "processing":
            await self._enrol(connection, delivery)
            await self._grant(connection, row, delivery)
            state = "granted"
        if state == "granted":
            await self._publish(connection, delivery)
            await self._move(connection, row, "done")

    # Judge

    async def _judge(self, connection: Connection, row: Row, delivery: Delivery) -> str:
        """Decide whether this is an order, and write down all that will be drawn for it."""
        reason, order, password_hash = "", None, ""
        if not delivery.is_payment:
            state, reason = await self._judge_other(connection, row, delivery)
        else:
            state = "processing"
            try:
                order = await self._order_of(connection, delivery)
                password_hash = await self._new_hash(order)
            except (Unusable, RecursionError) as error:
                state, reason = "review", str(error) or "malformed"
        async with connection.transaction():
            if refused := await self._claim_signature(connection, row, delivery):
                state, reason = refused
            elif order is not None:
                state, reason = await self._claim_order(
                    connection, row, delivery, order, password_hash
                )
            await connection.execute(
                statement("payments", "move"), {"id": row["id"], "state": state, "reason": reason}
            )
        if state == "review" and delivery.is_payment and reason != "known signature":
            await self._turn_order(as_ref(delivery.ref), {"state": "review"})
        if state in ("review", "conflict"):
            log.warning("delivery %s needs a look: %s, %s", row["id"], state, reason)
        return state

    async def _judge_other(
        self, connection: Connection, row: Row, delivery: Delivery
    ) -> tuple[str, str]:
        """What says something else than "paid" (money given back, a subscription over) is looked
        at by a person when Lynk.id has signed it; nothing follows from it by itself."""
        if not delivery.event:
            return "review", "malformed"
        if not row["verified"]:
            return "ignored", "no payment"
        async with connection.transaction():
            known = await self._order_row(connection, delivery)
        return "review", "other event" if known else "unknown event"

    async def _order_of(self, connection: Connection, delivery: Delivery) -> Order:
        products = await self._products(connection, delivery)
        async with connection.transaction():
            found = await connection.execute(
                statement("payments", "correction"), {"ref_id": as_ref(delivery.ref)}
            )
            row = await found.fetchone()
        member_product = self._settings.lynk_member_product
        return orders.order_of(delivery, products, member_product, row["email"] if row else "")

    async def _products(self, connection: Connection, delivery: Delivery) -> dict[str, Product]:
        uuids = orders.uuids_of(delivery)
        async with connection.transaction():
            found = await connection.execute(statement("payments", "products"), {"uuids": uuids})
            return {row["uuid"]: Product(**row) for row in await found.fetchall()}

    async def _new_hash(self, order: Order) -> str:
        """The hash that a new member gets; drawn before anything is written, because it is slow."""
        if not order.membership or await self._members.find(order.email):
            return ""
        password, _ = orders.initial_password(order.phone, self._settings.member_initial_password)
        return await self._passwords.hash(password)

    async def _claim_signature(
        self, connection: Connection, row: Row, delivery: Delivery
    ) -> tuple[str, str] | None:
        """A signature belongs to the first body that came with it; what else bears it is looked
        at by a person. None when it is this one's."""
        if not delivery.signature:
            return None
        params = {"signature": delivery.signature, "id": row["id"]}
        await connection.execute(statement("payments", "claim_signature"), params)
        found = await connection.execute(statement("payments", "owner_of_signature"), params)
        owner = await found.fetchone()
        if owner is None or owner["inbox_id"] == row["id"]:
            return None
        known = await self._order_row(connection, delivery)
        if known and delivery.is_payment and known["content"] == delivery.content:
            return "ignored", "duplicate"
        return "review", "known signature"

    async def _claim_order(
        self,
        connection: Connection,
        row: Row,
        delivery: Delivery,
        order: Order,
        password_hash: str,
    ) -> tuple[str, str]:
        """The first body of a refId is the order; the e-mail in a later one is unsigned."""
        ref, secret = as_ref(delivery.ref), self._settings.secret_key
        fields = {
            "ref_id": ref,
            "inbox_id": row["id"],
            "content": delivery.content,
            "email": order.email,
            "name": order.name,
            "paid_at": order.paid_at,
            "member_hash": password_hash,
        }
        for draw in range(MOST_DRAWS * 2):
            known = await self._order_row(connection, delivery)
            if known is not None:
                if known["inbox_id"] == row["id"]:
                    return "processing", ""
                same = known["content"] == delivery.content
                return ("ignored", "duplicate") if same else ("conflict", "other content")
            drawn = {
                "id_order": numbers.make_order_number(secret, ref, draw),
                "id_transaction": numbers.make_transaction_number(
                    secret, ref, draw, widen=draw // MOST_DRAWS
                ),
            }
            await connection.execute(statement("payments", "add_order"), fields | drawn)
        raise RuntimeError("no free order id was drawn")

    async def _order_row(self, connection: Connection, delivery: Delivery) -> Row | None:
        found = await connection.execute(
            statement("payments", "order_by_ref"), {"ref_id": as_ref(delivery.ref)}
        )
        return await found.fetchone()

    # Enrol

    async def _enrol(self, connection: Connection, delivery: Delivery) -> None:
        """Make the member that was paid for, then give the hotspot packages.

        A member that exists is never altered by a payment: it would take a victim's address and a
        phone of one's own to take the account over. A package only adds.
        """
        order = await self._order_of(connection, delivery)
        await self._enrol_member(connection, delivery, order)
        await self._give_packages(order, as_ref(delivery.ref))

    async def _enrol_member(self, connection: Connection, delivery: Delivery, order: Order) -> None:
        async with connection.transaction():
            row = await self._order_row(connection, delivery)
        if not order.membership or row is None or not row["member_hash"] or row["member_id"]:
            return
        member = await self._created(order, str(row["member_hash"]))
        if member is not None and member.password == row["member_hash"]:
            await self._run(
                connection, "set_member", {"ref_id": row["ref_id"], "member_id": member.id}
            )

    async def _give_packages(self, order: Order, ref: str) -> None:
        """Each unit once, by what it is known by, however often this is repeated."""
        if not order.quotas:
            return
        member = await self._members.find(order.email)
        phone = normal_phone(order.phone)
        receiver = member.id if member else phone and await self._hotspot.accounts.member_of(phone)
        if not receiver:
            raise Unusable("no member for the hotspot package")
        for quota in order.quotas:
            once = f"{ref}:{quota.item}:{quota.unit}"
            try:
                await self._hotspot.quota.give(receiver, quota.package_id, once=once)
            except NotFound as error:
                raise Unusable("no such hotspot package") from error
            except StackFull as error:
                raise Unusable("too many hotspot packages") from error

    async def _created(self, order: Order, password_hash: str) -> Member | None:
        try:
            return await self._members.create(
                email=order.email,
                password_hash=password_hash,
                name=order.name,
                phone=order.phone[:32],
                must_change=True,
            )
        except MemberExists:
            return await self._members.find(order.email)
        except InvalidRequest as error:
            raise Unusable(f"no member: {error.field}") from error

    # Grant

    async def _grant(self, connection: Connection, row: Row, delivery: Delivery) -> None:
        """Licences and mails, in one transaction."""
        order = await self._order_of(connection, delivery)
        async with connection.transaction():
            known = await self._order_row(connection, delivery)
            if known is None:
                raise RuntimeError("the order is gone")
            for unit in order.units:
                await self._add_licence(connection, known, unit)
            await self._owe_mails(connection, known, order)
            await connection.execute(
                statement("payments", "move"), {"id": row["id"], "state": "granted", "reason": ""}
            )

    async def _add_licence(self, connection: Connection, known: Row, unit: orders.Unit) -> None:
        params = {
            "email": known["email"],
            "uuid": unit.uuid,
            "id_order": known["id_order"],
            "id_transaction": known["id_transaction"],
            "ref_id": known["ref_id"],
            "item": unit.item,
            "unit": unit.unit,
            "title": unit.title,
            "policy": unit.policy,
        }
        for draw in range(MOST_DRAWS):
            key = numbers.make_licence_key(
                self._settings.secret_key, known["ref_id"], unit.item, unit.unit, draw
            )
            drawn = {"key_license": key}
            await connection.execute(statement("payments", "add_licence"), params | drawn)
            found = await connection.execute(statement("payments", "licences_of"), params)
            there = {(row["item"], row["unit"]) for row in await found.fetchall()}
            if (unit.item, unit.unit) in there:
                return
        raise RuntimeError("no free licence key was drawn")

    async def _owe_mails(self, connection: Connection, known: Row, order: Order) -> None:
        found = await connection.execute(
            statement("payments", "licences_of"), {"ref_id": known["ref_id"]}
        )
        keys = [
            {"key": row["key_license"], "title": row["title"]} for row in await found.fetchall()
        ]
        said = {
            "id_order": known["id_order"],
            "id_transaction": known["id_transaction"],
            "ref_id": known["ref_id"],
            "email": known["email"],
            "name": known["name"],
            "paid_at": order.paid_at.isoformat(),
            "total": order.total,
            "addons": list(order.addons),
        }
        if keys:
            await self._owe(connection, known, "license", said | {"licences": keys})
        if order.membership:
            policy = self._settings.member_initial_password
            password, is_phone = orders.initial_password(order.phone, policy)
            # a random one is known to nobody: the link in the mail is the way in
            new = {"username": known["email"], "password": password if is_phone else ""}
            template = "pendaftaran_member" if known["member_id"] else "sudah_terdaftar"
            await self._owe(connection, known, template, said | new)

    async def _owe(
        self, connection: Connection, known: Row, template: str, payload: dict[str, Any]
    ) -> None:
        await owe(
            connection,
            key=f"lynk-{known['ref_id']}-{template}",
            template=template,
            recipient=known["email"],
            payload=payload,
            ref_id=known["ref_id"],
        )

    # Publish

    async def _publish(self, connection: Connection, delivery: Delivery) -> None:
        """Let Redis know the licences, then turn the page of whoever waits for them."""
        async with connection.transaction():
            known = await self._order_row(connection, delivery)
            if known is None:
                raise RuntimeError("the order is gone")
            found = await connection.execute(
                statement("payments", "licences_of"), {"ref_id": known["ref_id"]}
            )
            rows = await found.fetchall()
        for row in rows:
            await self._licences.publish(row)
        order = await self._order_of(connection, delivery)
        page = {
            "state": "done",
            "id_order": known["id_order"],
            "email": orders.masked(known["email"]),
            "licences": len(rows),
            "packages": len(order.quotas),
            "member": bool(known["member_id"]),
        }
        await self._turn_order(str(known["ref_id"]), page)

    async def _turn_order(self, ref: str, page: dict[str, Any]) -> None:
        await self._turn_page(
            [self._keys.payment_order(ref), self._keys.events()],
            [ORDER_SECONDS, json.dumps(page), json.dumps({"ref": ref} | page)],
        )

    async def _move(self, connection: Connection, row: Row, state: str) -> None:
        await self._run(connection, "move", {"id": row["id"], "state": state, "reason": ""})

    async def _run(self, connection: Connection, name: str, params: dict[str, Any]) -> None:
        async with connection.transaction():
            await connection.execute(statement("payments", name), params)
