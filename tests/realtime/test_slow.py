"""A client that does not read is told so, if it reads again in time."""

from __future__ import annotations

from realtime.transport.messages import Message
from tests.serving import serving


async def test_a_slow_socket_hears_4008_behind_what_it_was_owed(environment) -> None:
    async with serving(environment) as site:
        browser = await site.logged_in(await site.member())
        async with browser.tab() as tab:
            await tab.event()
            (line,) = site.hub.connections()
            sent = 0
            while line.is_open and sent < 2_000:
                line.tell(Message("announcement", {"text": "x" * 20_000}))
                sent += 1
            assert not line.is_open and site.hub.count == 0
            heard = 0
            while (event := await tab.event())["event"] == "announcement":
                heard += 1
            assert event == {"event": "close", "code": 4008}
            assert heard == sent
