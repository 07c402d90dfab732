"""What a block leaves besides: queues, entries of address lists and static leases that a member's
tag or phone alone marks. Each may be a way past, or hold an address that is. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jobs.hotspot.tags import legacy_phone, legacy_user, tag_of
from jobs.mikrotik import Ask, Row, Write
from store.hotspot.account import Account

QUEUE = "/queue/simple"
LISTED = "/ip/firewall/address-list"
LEASE = "/ip/dhcp-server/lease"

ASKS = (
    Ask(QUEUE, (".id", "name", "comment", "dynamic")),
    Ask(LISTED, (".id", "comment", "dynamic")),
    Ask(LEASE, (".id", "comment", "dynamic")),
)


def is_barred(account: Account) -> bool:
    """Whether nothing of theirs may stay: blocked or switched off, or to be deleted."""
    return account.is_leaving or account.status != "active"


def plan_leftovers(barred: Sequence[Account], rows: Mapping[str, Sequence[Row]]) -> list[Write]:
    """Return what takes the rows of these members away; dynamic rows go by themselves, and what
    anything else marks is somebody else's."""
    members = {account.member for account in barred}
    phones = {account.phone for account in barred if account.phone}

    def is_theirs(path: str, row: Row) -> bool:
        comment = row.get("comment", "")
        if tag := tag_of(comment):
            return tag.member in members
        name = row.get("name", "") if path == QUEUE else ""
        return (legacy_phone(comment) or legacy_user(name, comment)) in phones

    return [
        Write(path, "remove", row["id"])
        for path, some in rows.items()
        for row in some
        if row.get("dynamic") != "true" and is_theirs(path, row)
    ]
