"""The parts of payments, wired: what `store.payments` is."""

from __future__ import annotations

from dataclasses import dataclass

from store.changes import Changes
from store.database import Database
from store.hotspot.parts import Hotspot
from store.limits import Limits
from store.mails import Mails
from store.members import Members
from store.payments.inbox import Inbox
from store.payments.intake import Intake
from store.payments.licences import Licences
from store.payments.order_desk import OrderDesk
from store.payments.owned import OwnedLicences
from store.payments.pages import OrderPages
from store.payments.spool import Spool
from store.settings import Settings


@dataclass(frozen=True, slots=True)
class Payments:
    """Everything about payments."""

    spool: Spool
    intake: Intake
    licences: Licences
    owned: OwnedLicences
    inbox: Inbox
    pages: OrderPages
    desk: OrderDesk


def wire(
    changes: Changes,
    settings: Settings,
    database: Database,
    limits: Limits,
    members: Members,
    hotspot: Hotspot,
    mails: Mails,
) -> Payments:
    """Build them."""
    spool = Spool(settings.jaga_home)
    licences = Licences(changes, limits)
    inbox = Inbox(changes, settings, database)
    return Payments(
        spool=spool,
        intake=Intake(changes, settings, limits, spool),
        licences=licences,
        owned=OwnedLicences(database, licences),
        inbox=inbox,
        pages=OrderPages(changes),
        desk=OrderDesk(changes, database, members, hotspot, licences, inbox, mails),
    )
