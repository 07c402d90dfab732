"""A login elsewhere, as the tabs of the logged-in device see it: a question, for a moment."""

from __future__ import annotations

from collections.abc import Callable

from realtime.presence.hub import Hub
from realtime.transport.messages import Message
from store.events import Event


class LoginAttempts:
    """Tells the question and its answer to every tab of the live session."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def listeners(self) -> dict[str, Callable[[Event], None]]:
        """Return who hears of each event type."""
        return {"login.attempted": self._asked, "login.answered": self._answered}

    def _asked(self, event: Event) -> None:
        said = event.data
        body = {
            "attempt_id": said["attempt"],
            "message": f"Login dari {said['device_name']}: izinkan atau tolak?",
            "device_name": said["device_name"],
            "ip": said["ip"],
            "at": said["at"] / 1000,
            "in": round((said["until_at"] - said["at"]) / 1000),
        }
        self._tell(event, Message("login_attempt", body, event.id))

    def _answered(self, event: Event) -> None:
        """Tell the other tabs that they need not ask any more."""
        body = {"attempt_id": event.data["attempt"], "allowed": event.data["allowed"]}
        self._tell(event, Message("login_attempt_over", body, event.id))

    def _tell(self, event: Event, message: Message) -> None:
        self._hub.tell(str(event.data["sid"]), message)
