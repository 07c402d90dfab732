"""A phone approves: how soon the browser on the desktop hears of it, 1,000 others idle.

From the request being sent, over HTTP and with the number chosen, to `approved` on its WebSocket.
"""

from __future__ import annotations

import asyncio
import json

from scripts.benchmark.client import Plan
from scripts.benchmark.clients import ClientsFailed
from scripts.benchmark.figures import percentile
from scripts.benchmark.run import Run
from scripts.benchmark.subject import Caller, address_of, key_of
from store.qr import Asked, Asking
from store.sessions import Device, Session

IDLE = 1_000
APPROVALS = 300

MARKER = b'"event":"approved"'
TOLD_SECONDS = 20.0


async def measure(run: Run) -> None:
    """One phone, one desktop after the other."""
    await run.fill("ws", min(IDLE, run.connections))
    phone = await run.product.store.sessions.open(
        run.product.members[0],
        Device("bench-phone", "Bench - Android"),
        method="mobile",
        carrier="cookie",
    )
    caller = Caller(run.product.settings.port, f"jaga_session={phone.credential}")
    times = []
    wanted = run.rounds(APPROVALS)
    for number in range(wanted):
        times.append(await _approve(run, caller, phone.session, number))
        run.screen.progress("approvals", number + 1, wanted)
    caller.close()
    for share in (50, 99):
        run.figures.put("jaga", f"approval.p{share}", percentile(times, share / 100))


async def _approve(run: Run, caller: Caller, phone: Session, number: int) -> float:
    """Milliseconds from the answer being sent to the browser being told."""
    qr = run.product.store.qr
    device = Device("", "Bench - Linux", ip=f"10.9.{number // 250}.{number % 250}")
    asked = await qr.create(Asking(f"bench-{number}", device), "cookie")
    key = key_of(0, run.devices + number, 0)
    run.open([_plan(run, asked, key, number)], "browsers")
    await qr.scan(asked.code, phone, "10.9.0.1")
    request = await qr.bound(asked.code, [asked.secret])
    if request is None:
        raise ClientsFailed("a request for a login was gone before it was answered")
    answer = {"token": asked.code, "approved": True, "match": request.number}

    run.clients.watch(MARKER, frozenset({key}))
    began = caller.send(
        "POST", "/api/auth/qr/approve", json.dumps(answer).encode(), "application/json"
    )
    seen = run.clients.seen(TOLD_SECONDS)
    status, body = await asyncio.to_thread(caller.answer)
    if status != 200 or seen.missing:
        raise ClientsFailed(f"an approval was answered {status}: {body[:200]!r}")
    run.clients.close(frozenset({key}))
    return (seen.last - began) / 1e6


def _plan(run: Run, asked: Asked, key: int, number: int) -> Plan:
    port = run.product.settings.port
    head = (
        f"GET /api/auth/qr/ws/{asked.code} HTTP/1.1\r\n"
        f"Host: 127.0.0.1:{port}\r\nOrigin: http://127.0.0.1:{port}\r\n"
        f"Cookie: jaga_qr={asked.secret}\r\n"
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    return Plan(
        key=key,
        device=run.devices + number,
        address=("127.0.0.1", port),
        source=address_of(number),
        request=head.encode(),
        ready=b'"event":"connected"',
        dialect="ws",
    )
