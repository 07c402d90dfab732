"""The hub by itself: sessions, topics, beats, and removing the right one whatever the order."""

from __future__ import annotations

from typing import Any

from realtime.presence.hub import Hub
from realtime.transport.connection import SessionTabs, Stream


class Pulse:
    """Whoever beats: remembers who is in."""

    def __init__(self) -> None:
        self.members: list[Any] = []

    def add(self, connection: Any) -> None:
        self.members.append(connection)

    def remove(self, connection: Any) -> None:
        self.members.remove(connection)

    def everybody(self) -> list[Any]:
        return list(self.members)


def new(sid: str = "s") -> SessionTabs:
    return SessionTabs(sid, "m", "d", "budi")


def build() -> tuple[Hub, Pulse]:
    pulse = Pulse()
    return Hub(pulse), pulse  # type: ignore[arg-type]


def stream(hub: Hub, name: str) -> Stream:
    return Stream(hub, name, f"tab_{name}")


def test_a_session_has_its_tabs_in_their_order() -> None:
    hub, pulse = build()
    one, two = stream(hub, "1"), stream(hub, "2")
    first = hub.join(one, new())
    assert hub.join(two, new()) is first is hub.of("s")
    assert first.connections == [one, two] and hub.count == 2
    hub.remove(one, "left")
    assert hub.of("s") is first and first.connections == [two]
    hub.remove(two, "lost")
    assert hub.of("s") is None and hub.count == 0 and pulse.members == []
    assert hub.left == {"left": 1, "lost": 1}


def test_a_late_end_never_removes_the_tab_that_came_back() -> None:
    hub, _ = build()
    old, later = stream(hub, "1"), stream(hub, "1")
    hub.join(old, new())
    hub.remove(old, "lost")
    hub.join(later, new())
    for _ in range(3):
        hub.remove(old, "lost")
    back = hub.of("s")
    assert back is not None and back.connections == [later] and hub.count == 1


def test_old_tabs_that_are_gone_leave_the_new_ones() -> None:
    hub, _ = build()
    old = stream(hub, "1")
    hub.join(old, new())
    hub._sessions["s"] = newer = new()
    hub.remove(old, "lost")
    assert hub.of("s") is newer


def test_who_is_let_in_hears_of_an_end_and_others_do_not() -> None:
    hub, _ = build()
    with hub.expect("s") as one, hub.expect("s") as two, hub.expect("t") as other:
        hub.overtaken("s")
        assert one.overtaken and two.overtaken and not other.overtaken
    with hub.expect("s") as later:
        assert not later.overtaken
    assert hub._expected == {}


def test_topics_are_heard_by_who_listens_and_left_with_it() -> None:
    hub, _ = build()
    tab, loose = stream(hub, "1"), stream(hub, "2")
    hub.join(tab, new())
    hub.subscribe(tab, "qr:a")
    hub.subscribe(loose, "qr:a")
    assert hub.count == 2 and hub.listeners("qr:a") == [tab, loose]
    assert hub.topics("qr:") == ["qr:a"] and hub.topics("board:") == []
    hub.remove(tab, "left")
    assert hub.listeners("qr:a") == [loose] and hub.of("s") is None
    hub.remove(loose, "left")
    assert hub.topics("") == [] and hub.count == 0 and hub.counts == {"sse": 0, "ws": 0}
