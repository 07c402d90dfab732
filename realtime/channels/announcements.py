"""One message to every tab there is: an operator's announcement."""

from __future__ import annotations

from realtime.presence.background import Background
from realtime.presence.broadcast import broadcast
from realtime.presence.hub import Hub
from realtime.transport.messages import Message
from store.events import Event


class Announcements:
    """Writes the same bytes to everybody."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._background = Background()

    def announced(self, event: Event) -> None:
        """Carry an `announced {text}` event of the log."""
        message = Message("announcement", {"text": str(event.data.get("text", ""))}, event.id)
        self._background.start(self._say(message))

    async def _say(self, message: Message) -> None:
        await broadcast(self._hub.connections(), lambda connection: connection.tell(message))
