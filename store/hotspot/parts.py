"""The parts of the hotspot, wired: what `store.hotspot` is."""

from __future__ import annotations

from dataclasses import dataclass

from store.audit import Audit
from store.awaiting import Awaiting
from store.changes import Changes
from store.hotspot.accounts import Accounts
from store.hotspot.captive import Captive
from store.hotspot.devices import HotspotDevices
from store.hotspot.handovers import Handovers
from store.hotspot.leases import Leases
from store.hotspot.ledger import Ledger
from store.hotspot.newcomers import Newcomers
from store.hotspot.otp import Otp
from store.hotspot.packages import Packages
from store.hotspot.presences import Presences
from store.hotspot.questions import Questions
from store.hotspot.quota import Quota
from store.hotspot.registrations import Registrations
from store.hotspot.routers import RouterRequests
from store.limits import Limits
from store.members import Members
from store.queue import Queue
from store.sessions import Sessions
from store.settings import Settings


@dataclass(frozen=True, slots=True)
class Hotspot:
    """Everything about the hotspot."""

    accounts: Accounts
    quota: Quota
    devices: HotspotDevices
    newcomers: Newcomers
    registrations: Registrations
    packages: Packages
    routers: RouterRequests
    questions: Questions
    leases: Leases
    ledger: Ledger
    otp: Otp
    handovers: Handovers
    presences: Presences
    captive: Captive


def wire(
    changes: Changes,
    settings: Settings,
    queue: Queue,
    awaiting: Awaiting,
    limits: Limits,
    audit: Audit,
    sessions: Sessions,
    accounts: Accounts,
    members: Members,
) -> Hotspot:
    """Build them, around the accounts that members need."""
    routers = accounts.routers
    packages = Packages(changes)
    return Hotspot(
        accounts=accounts,
        quota=Quota(changes, accounts, packages, routers, settings.timezone),
        devices=HotspotDevices(changes, routers),
        newcomers=accounts.newcomers,
        registrations=Registrations(changes, members),
        packages=packages,
        routers=routers,
        questions=Questions(changes.keys, queue, awaiting),
        leases=Leases(changes),
        ledger=Ledger(changes, settings),
        otp=Otp(changes, settings, limits, audit),
        handovers=Handovers(changes, sessions),
        presences=Presences(changes),
        captive=Captive(changes, awaiting),
    )
