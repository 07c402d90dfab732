"""The second step: the member that was paid for is made, and hotspot packages are given."""

from __future__ import annotations

from jobs.payments.work import Work
from store.errors import InvalidRequest, MemberExists, NotFound, StackFull
from store.members import Member
from store.opening import Store
from store.payments.orders import Order, Unusable
from store.phones import normal_phone


class Enrolling:
    """Makes and gives, in Redis."""

    def __init__(self, store: Store) -> None:
        self._members = store.members
        self._hotspot = store.hotspot

    async def enrol(self, work: Work) -> None:
        """Make the member that was paid for, then give the hotspot packages.

        A member that exists is never altered by a payment: it would take a victim's address and a
        phone of one's own to take the account over. A package only adds. Raises Unusable.
        """
        order = await work.order()
        await self._enrol_member(work, order)
        await self._give_packages(order, work.ref)

    async def _enrol_member(self, work: Work, order: Order) -> None:
        async with work.connection.transaction():
            row = await work.known()
        if not order.membership or row is None or not row["member_hash"] or row["member_id"]:
            return
        member = await self._created(order, str(row["member_hash"]))
        if member is not None and member.password == row["member_hash"]:
            async with work.connection.transaction():
                await work.execute("set_member", {"ref_id": work.ref, "member_id": member.id})

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
