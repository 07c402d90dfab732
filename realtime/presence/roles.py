"""What a role opened: when a member loses it, their boards are closed and their tabs are told.

The log says that a member changed; the store says which role they have now. The sweep asks for
everybody again and again, so that nothing stays open when the log was trimmed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection

from redis.exceptions import RedisError

from realtime.presence.background import Background
from realtime.transport import codes
from realtime.transport.connection import Connection
from realtime.transport.messages import Message
from store.events import Event
from store.members import Members

log = logging.getLogger("jaga.roles")

MOST_ASKED = 500
"""Members asked about at once: a millisecond or two of Redis's time."""


Gone = Callable[[Connection, str], object]
"""What is done to a connection; takes the role that its member has now ("" for none)."""


def close(connection: Connection, role: str) -> None:
    """Close what only the role opened."""
    connection.close(codes.NOT_YOURS)


def tell(connection: Connection, role: str) -> None:
    """Tell a tab: its page loads again and shows what the role allows."""
    if role:
        connection.tell(Message("role_changed", {"role": role}))


class Roles:
    """Which connections are open by which role."""

    def __init__(self, members: Members) -> None:
        self._members = members
        self._guarded: dict[str, dict[Connection, tuple[frozenset[str], Gone]]] = {}
        """By member: the roles that keep each connection open. Closed ones are dropped when their
        member is next looked at."""
        self._background = Background()

    def guard(
        self, connection: Connection, member: str, roles: Collection[str], gone: Gone = close
    ) -> None:
        """Close a connection (or do what `gone` does) as soon as its member has no such role."""
        held = self._guarded.setdefault(member, {})
        for closed in [one for one in held if not one.is_open]:
            del held[closed]
        held[connection] = frozenset(roles), gone

    def changed(self, event: Event) -> None:
        """Take a `member.changed` or `member.deleted` event of the log."""
        member = str(event.data.get("member", ""))
        if member in self._guarded:
            self._background.start(self._look([member]))

    async def check(self) -> None:
        """Look at everybody (the sweep)."""
        members = list(self._guarded)
        for start in range(0, len(members), MOST_ASKED):
            await self._ask(members[start : start + MOST_ASKED])

    async def _look(self, members: list[str]) -> None:
        try:
            await self._ask(members)
        except (RedisError, OSError) as error:
            log.warning("roles wait for the sweep: %s", type(error).__name__)

    async def _ask(self, members: list[str]) -> None:
        for member, role in zip(members, await self._members.roles(members), strict=True):
            # taken out and put back one by one, so that closed ones are dropped on the way
            held = self._guarded.pop(member, {})
            for connection, (roles, gone) in held.items():
                if not connection.is_open:
                    continue
                if role in roles:
                    self._guarded.setdefault(member, {})[connection] = roles, gone
                else:
                    gone(connection, role)
