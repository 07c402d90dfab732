"""Opening the store: connections and parts, wired once, closed in the opposite order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from redis.asyncio import Redis

from store.attendance.parts import AttendanceParts
from store.attendance.parts import wire as parts_of_attendance
from store.audit import Audit
from store.awaiting import Awaiting
from store.changes import Changes
from store.contacts import Contacts
from store.continuity import Continuity
from store.database import Database
from store.devices import Devices
from store.durability import DISK_MS, GROUPS, REPLICA_MS, Durability
from store.events import EventLog
from store.forgotten import Forgotten
from store.hotspot.accounts import Accounts
from store.hotspot.newcomers import Newcomers
from store.hotspot.parts import Hotspot
from store.hotspot.parts import wire as parts_of_hotspot
from store.hotspot.routers import RouterRequests
from store.keys import Keys
from store.letters import Letters
from store.limits import Limits
from store.lists.reading import ListReader
from store.logins import Logins
from store.mails import Mails
from store.member_lists import MemberLists
from store.members import Members
from store.messages import Messages
from store.own import Own
from store.password_links import PasswordLinks
from store.passwords import Passwords
from store.payments.parts import Payments
from store.payments.parts import wire as parts_of_payments
from store.qr import Qr
from store.queue import Queue
from store.redis_servers import leave_old_masters, open_redis
from store.sessions import Sessions
from store.set_aside import SetAside
from store.settings import Settings
from store.sharing import Shared

POOL_CONNECTIONS = 32
"""More than the requests that one process has between two awaits; the rest waits a moment."""

REPLY_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Store:
    """Everything that is known, and every way it may change."""

    settings: Settings
    keys: Keys
    redis: Redis
    database: Database
    durability: Durability
    events: EventLog
    continuity: Continuity
    set_aside: SetAside
    audit: Audit
    queue: Queue
    awaiting: Awaiting
    limits: Limits
    passwords: Passwords
    password_links: PasswordLinks
    forgotten: Forgotten
    members: Members
    sessions: Sessions
    logins: Logins
    contacts: Contacts
    letters: Letters
    own: Own
    devices: Devices
    qr: Qr
    attendance: AttendanceParts
    payments: Payments
    hotspot: Hotspot
    mails: Mails
    messages: Messages
    lists: ListReader
    member_lists: MemberLists

    @property
    def is_crowded(self) -> bool:
        """Whether more strangers ask at once than can be answered in time."""
        return isinstance(pool := self.redis.connection_pool, Shared) and pool.is_crowded

    def blocking_connection(self, seconds: float) -> Redis:
        """Return a Redis of its own for a read that waits up to `seconds`; the caller closes it."""
        return _redis(self.settings, seconds + REPLY_SECONDS, connections=1)

    async def leave_old_masters(self, *others: Redis) -> None:
        """Follow a failover at once, for ever, for this store and its blocking connections."""
        await leave_old_masters(self.redis, self.durability.line, *others)


@asynccontextmanager
async def open_store(settings: Settings) -> AsyncIterator[Store]:
    """Open every part; nothing is contacted before it is used, so an absent Redis or Postgres
    makes calls fail, not the start."""
    redis = _redis(settings, REPLY_SECONDS, POOL_CONNECTIONS)
    queue = Queue(settings)
    database = Database(settings)
    passwords = Passwords()
    try:
        await database.open()
        store = _wire(settings, redis, queue, database, passwords)
        try:
            yield store
        finally:
            store.awaiting.close()
            store.payments.spool.close()
            store.lists.close()
            await store.durability.line.aclose()
    finally:
        passwords.close()
        await database.close()
        await queue.close()
        await redis.aclose()


def _wire(
    settings: Settings, redis: Redis, queue: Queue, database: Database, passwords: Passwords
) -> Store:
    keys = Keys(settings.redis_prefix)
    line = _redis(settings, REPLY_SECONDS + (REPLICA_MS + DISK_MS) / 1000, GROUPS)
    durability = Durability(settings.durability, redis, line, keys)
    kept = durability.kept if durability.is_asked else None
    changes = Changes(redis, keys, database, queue, kept)
    awaiting = Awaiting(changes)
    limits = Limits(changes)
    audit = Audit(changes)
    sessions = Sessions(changes, settings)
    accounts = Accounts(changes, Newcomers(changes), RouterRequests(settings, queue))
    members = Members(changes, passwords, sessions, accounts)
    devices = Devices(changes, sessions)
    hotspot = parts_of_hotspot(
        changes, settings, queue, awaiting, limits, audit, sessions, accounts, members
    )
    mails = Mails(database, queue)
    logins = Logins(changes, settings, limits, passwords, members, sessions, devices, audit)
    return Store(
        settings=settings,
        keys=keys,
        redis=redis,
        database=database,
        durability=durability,
        events=EventLog(changes),
        continuity=Continuity(changes),
        set_aside=SetAside(changes, database),
        audit=audit,
        queue=queue,
        awaiting=awaiting,
        limits=limits,
        passwords=passwords,
        password_links=PasswordLinks(changes, settings, members, sessions),
        forgotten=Forgotten(changes, limits, members, sessions),
        members=members,
        sessions=sessions,
        logins=logins,
        contacts=Contacts(changes, settings, limits, members, logins, accounts, hotspot.otp, audit),
        letters=Letters(changes),
        own=Own(settings, database, hotspot),
        devices=devices,
        qr=Qr(changes, settings, limits, sessions, audit),
        attendance=parts_of_attendance(changes, settings, database, limits),
        payments=parts_of_payments(changes, settings, database, limits, members, hotspot, mails),
        hotspot=hotspot,
        mails=mails,
        messages=Messages(database),
        lists=ListReader(),
        member_lists=MemberLists(changes, members, hotspot),
    )


def _redis(settings: Settings, reply_seconds: float, connections: int) -> Redis:
    return open_redis(settings.redis_url, settings.redis_ca, reply_seconds, connections)
