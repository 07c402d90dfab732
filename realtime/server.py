"""The server process: the one file that knows every part. It builds, wires, runs and stops them."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import AsyncIterator, Callable, Collection, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from tornado.httpserver import HTTPServer

from realtime.channels.announcements import Announcements
from realtime.channels.attendance_board import Boards
from realtime.channels.attendance_endpoint import BoardEndpoint
from realtime.channels.hotspot import HotspotNews, PortalEndpoint
from realtime.channels.login_attempts import LoginAttempts
from realtime.channels.payments import LicenceEndpoint, OrderEndpoint, PaymentNews
from realtime.channels.qr import QrEndpoint, QrNews
from realtime.channels.session_socket import DeviceEndpoint, websocket_stats
from realtime.channels.session_stream import StreamEndpoint
from realtime.first_admin import FirstAdmin
from realtime.health.addresses import routes
from realtime.health.inspectors import Inspectors
from realtime.health.report import Health
from realtime.metrics import Metrics
from realtime.presence.broadcast import broadcast
from realtime.presence.expiry import Expiry
from realtime.presence.handshake import Handshake
from realtime.presence.heartbeat import Heartbeat
from realtime.presence.hub import Hub
from realtime.presence.logouts import Logouts
from realtime.presence.opening import jitter_ms
from realtime.presence.receipts import Receipts
from realtime.presence.roles import Roles
from realtime.presence.sweep import Sweep
from realtime.relay import Relay
from realtime.transport import codes
from realtime.transport.epoll_wire import EpollConnections
from realtime.transport.front import LARGEST_BODY, Endpoint, Front
from realtime.transport.reception import Reception, sockets_that_fit
from realtime.transport.refusal import LARGEST_HEAD
from store.door import Door, Forwards
from store.events import Event
from store.opening import Store, open_store
from store.settings import Settings
from store.weak_settings import weaknesses
from web.application import make_application
from web.bodies import Bodies

log = logging.getLogger("jaga.server")

HEAD_SECONDS = 30.0
BODY_SECONDS = 15.0
"""How long a client may take to send a request: enough for a phone on a bad line."""

SETTLE_SECONDS = 2.0
"""How long the start waits for Redis. Then it listens without."""

LEAVE_SECONDS = 20.0
"""From SIGTERM to the last answer, grace included: within the 25 s of DESIGN §5 and the 30 s of a
PaaS."""

CANCEL_SECONDS = 0.2
"""After this, a background part that missed its cancellation is cancelled once more."""

RETURN_PER_SECOND = 2_000
"""How many clients may come back a second after a restart. Each is given a random delay within the
time that this takes, three seconds at least."""


class Server:
    """One process's parts, wired."""

    def __init__(self, store: Store) -> None:
        settings = store.settings
        self._store = store
        self._settings = settings
        self._heartbeat = Heartbeat(settings.heartbeat_seconds)
        self._metrics = Metrics()
        self._hub = Hub(self._heartbeat)
        self._receipts = Receipts(store.sessions)
        self._logouts = Logouts(self._hub, self._receipts, self._metrics, settings.grace_seconds)
        self._expiry = Expiry(self._hub, store.sessions, self._logouts)
        self._roles = Roles(store.members)
        self._sweep = Sweep(store, self._hub, self._logouts, self._roles)
        self._announcements = Announcements(self._hub)
        self._qr = QrNews(self._hub, store)
        self._boards = Boards(self._hub, store, self._roles)
        self._payments = PaymentNews(self._hub, store)
        self._relay = Relay(store, self._listeners(), on_return=self._sweep.soon)
        self._connections = EpollConnections(settings.send_buffer_bytes)
        self._handshake = Handshake(
            store,
            Door(settings),
            self._hub,
            self._relay,
            self._logouts,
            self._expiry,
            self._connections,
            self._roles,
        )
        self._first_admin = FirstAdmin(store)
        self._http = self._http_server(store)
        most = sockets_that_fit()
        # behind a proxy all come from its address
        most_of_one = None if settings.proxyfix_x_for else most // 2
        self._reception = Reception(self._http.handle_stream, most, most_of_one)
        self.has_failed = False

    def _listeners(self) -> dict[str, Callable[[Event], None]]:
        """Who hears of each event type of the log."""
        return {
            "session.ended": self._logouts.ended,
            "announced": self._announcements.announced,
            "member.changed": self._roles.changed,
            "member.deleted": self._roles.changed,
            **self._qr.listeners(),
            **LoginAttempts(self._hub).listeners(),
            **self._boards.listeners(),
            **self._payments.listeners(),
            **HotspotNews(self._hub).listeners(),
        }

    def _http_server(self, store: Store) -> HTTPServer:
        """The application of web/, with the live addresses in front of it."""
        forwards = Forwards(self._settings)
        application = make_application(
            store,
            routes(self._health(store, forwards), Inspectors(self._settings, self._handshake.door)),
            partial(websocket_stats, self._hub),
            answered=self._metrics.answered,
        )
        bodies = Bodies(application, self._handshake.door)
        front = Front(application, self._endpoints(), self._refused, bodies.most, forwards.seen)
        return HTTPServer(
            front,
            idle_connection_timeout=HEAD_SECONDS,
            body_timeout=BODY_SECONDS,
            max_body_size=LARGEST_BODY,
            max_header_size=LARGEST_HEAD,
        )

    def _health(self, store: Store, forwards: Forwards) -> Health:
        return Health(
            store,
            self._hub,
            self._relay,
            self._sweep,
            self._handshake,
            self._metrics,
            self._first_admin,
            forwards.warnings,
        )

    def _endpoints(self) -> list[Endpoint]:
        return [
            StreamEndpoint(self._handshake),
            PortalEndpoint(self._handshake),
            DeviceEndpoint(self._handshake),
            QrEndpoint(self._handshake, self._qr),
            BoardEndpoint(self._handshake, self._boards),
            LicenceEndpoint(self._handshake),
            OrderEndpoint(self._handshake),
        ]

    def _refused(self, status: int) -> None:
        self._metrics.refused.labels(str(status)).inc()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Listen and serve. On leaving, send every client away in order."""
        background = [
            self._relay.run(),
            self._store.leave_old_masters(self._relay.redis),
            self._sweep.run(),
            self._expiry.watch(),
            self._receipts.write(),
            self._boards.rotate(),
            self._payments.watch(),
            self._store.payments.intake.drain(),
            self._beat(),
            self._first_admin.make(),
        ]
        tasks = [asyncio.create_task(_for_ever(part, self._failed)) for part in background]
        await self._ready_or_late()
        self._listen()
        try:
            yield
        finally:
            await self._leave()
            await _end(tasks)
            self._connections.close()
            await self._relay.close()

    async def _ready_or_late(self) -> None:
        """Wait until the log is followed, so that nobody who returns after a restart is refused.

        When Redis is away, listen all the same; /readyz says so.
        """
        try:
            async with asyncio.timeout(SETTLE_SECONDS):
                await self._relay.following.wait()
                await self._sweep.built.wait()
        except TimeoutError:
            log.warning("listening before Redis was heard of")

    def _listen(self) -> None:
        """Accept connections, each as a stream whose refusals are ours."""
        settings = self._settings
        self._reception.listen(settings.port, settings.bind)
        log.info("listening on %s:%s", settings.bind, settings.port)

    async def _beat(self) -> None:
        """Turn the heartbeat wheel. How late it turns shows how busy the loop is."""
        turn = self._heartbeat.turn_seconds
        due = time.monotonic() + turn
        while True:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            self._metrics.loop_lag.observe(max(0.0, time.monotonic() - due))
            self._heartbeat.turn()
            due = max(due + turn, time.monotonic())

    async def _leave(self) -> None:
        """Leave in order: say so on /readyz, go on serving until a load balancer has noticed, then
        answer the requests that have begun and send the open lines away."""
        deadline = asyncio.get_running_loop().time() + LEAVE_SECONDS
        self._handshake.is_closing = True
        self._http.conn_params.no_keep_alive = True
        await asyncio.sleep(self._settings.shutdown_grace_seconds)
        self._reception.stop()
        await self._send_away()
        try:
            async with asyncio.timeout_at(deadline):
                await self._reception.until_empty()
        except TimeoutError:
            log.warning("%d connections were cut off", self._reception.count)
            await self._http.close_all_connections()

    async def _send_away(self) -> None:
        """Tell every client to come back, each after a delay of its own."""
        count = self._hub.count
        spread = max(3_000, count * 1000 // RETURN_PER_SECOND)
        await broadcast(
            self._hub.connections(),
            lambda connection: connection.close(codes.SHUTDOWN, retry_ms=jitter_ms(500, spread)),
        )
        log.info("sent %s connections away", count)

    def _failed(self) -> None:
        """End the process in its orderly way, with a status that has it started again."""
        self.has_failed = True
        signal.raise_signal(signal.SIGTERM)


async def serve(settings: Settings) -> int:
    """Run until SIGTERM or SIGINT. Return the exit status: 1 when a part of ours has failed, so
    that a supervisor starts the process again."""
    for weakness in weaknesses(settings):
        log.warning("weak setting: %s", weakness)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with open_store(settings) as store:
        server = Server(store)
        async with server.running():
            await stop.wait()
    return 1 if server.has_failed else 0


async def _end(tasks: Collection[asyncio.Task[None]]) -> None:
    """Cancel until all have ended.

    Before Python 3.12, `asyncio.wait_for` loses a cancellation that comes in the moment it is done.
    redis-py writes with it, so a part could go on for ever.
    """
    while tasks:
        for task in tasks:
            task.cancel()
        _, tasks = await asyncio.wait(tasks, timeout=CANCEL_SECONDS)


async def _for_ever(part: Coroutine[Any, Any, None], failed: Callable[[], None]) -> None:
    """Run a background part; one that fails must be seen."""
    try:
        await part
    except asyncio.CancelledError:
        raise
    except Exception:
        log.critical("a background part failed", exc_info=True)
        failed()
