"""Opening a live connection: one way for all addresses, on either transport."""

from __future__ import annotations

import os
import socket

import pytest

from realtime.presence.opening import DEAF_BEATS, LiveEndpoint
from realtime.transport.connection import Connection
from realtime.transport.epoll_wire import EpollWire
from tests.serving import serving, until


async def test_every_endpoint_takes_the_same_first_steps(environment) -> None:
    """GET, the handshake, room: no endpoint has an order of its own."""
    async with serving(environment) as site:
        endpoints = site.server._http.request_callback._endpoints  # type: ignore[union-attr]
        assert len(endpoints) == 7
        for endpoint in endpoints:
            assert isinstance(endpoint, LiveEndpoint)
            assert type(endpoint).accept is LiveEndpoint.accept
            assert type(endpoint).matches is LiveEndpoint.matches


async def test_both_transports_give_a_dead_client_the_same_time(environment) -> None:
    async with serving(environment, HEARTBEAT_SECONDS="10") as site:
        browser = await site.logged_in(await site.member())
        async with browser.tab() as tab, browser.stream() as stream:
            await tab.event()
            await stream.next()
            patience = {one.transport: patience_ms(one) for one in site.hub.connections()}
    assert patience == dict.fromkeys(("sse", "ws"), DEAF_BEATS * 10_000)


def patience_ms(connection: Connection) -> int:
    """How long the kernel waits for the peer to acknowledge a byte."""
    assert isinstance(connection.wire, EpollWire)
    with socket.socket(fileno=os.dup(connection.wire._fd)) as copy:
        return copy.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)


async def test_who_is_being_let_in_hears_once_of_a_logout(
    environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its event when there is one; and when the sweep finds it, by the sweep."""
    async with serving(environment, SWEEP_SECONDS="300", GRACE_SECONDS="0.5") as site:
        member = await site.member()
        browser = await site.logged_in(member)
        told: list[str] = []
        overtaken = site.hub.overtaken

        def note(sid: str) -> None:
            told.append(sid)
            overtaken(sid)

        monkeypatch.setattr(site.hub, "overtaken", note)
        async with browser.tab() as tab:
            await tab.event()
            sid = browser.session.split(".")[1]
            await site.store.members.block(member.id, by="admin")
            assert (await tab.event())["event"] == "force_logout"
            assert told == [sid]
            with site.hub.expect(sid) as expected:
                site.server._sweep.soon()
                await until(lambda: _is(expected.overtaken))
            assert told == [sid, sid]


async def _is(true: bool) -> bool:
    return true
