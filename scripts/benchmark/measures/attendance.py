"""A school fills in: 2,000 pupils in ten seconds while 1,000 boards look on.

Each pupil is a phone of its own: a new connection, one request, at its moment of the ten seconds
whether the one before was answered or not.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta

from scripts.benchmark.client import Plan
from scripts.benchmark.clients import ClientsFailed
from scripts.benchmark.figures import percentile
from scripts.benchmark.machine import cpu_seconds
from scripts.benchmark.product import PASSWORD
from scripts.benchmark.requests import JSON, request
from scripts.benchmark.run import Run
from scripts.benchmark.subject import address_of, key_of
from store.attendance.meetings import By
from store.sessions import Device

BOARDS = 1_000
PUPILS = 2_000
PER_SECOND = 200

ANSWER_SECONDS = 10.0
SHOWN_SECONDS = 20.0


async def measure(run: Run) -> None:
    """Open the boards, let the school in, and look when the last board shows the last pupil."""
    await run.empty()
    meeting = await _meeting(run)
    boards = min(BOARDS, run.connections)
    plans = await _plans(run, meeting, boards)
    run.open(plans, "boards")
    await run.settle(run.product)
    pupils = run.rounds(PUPILS)
    run.clients.watch(f'"student_name":"{_name(pupils - 1)}"'.encode())
    used, started = cpu_seconds(run.product.pids()), time.monotonic()
    answers = await asyncio.gather(*(_fill_in(run, meeting, number) for number in range(pupils)))
    seen = run.clients.seen(SHOWN_SECONDS)
    used = cpu_seconds(run.product.pids()) - used
    if seen.missing:
        raise ClientsFailed(f"{seen.missing} boards never showed the last pupil")
    statuses = Counter(status for status, _, _ in answers)
    times = [took for _, took, _ in answers]
    detail = {"pupils": pupils, "boards": boards, "statuses": dict(statuses)}
    run.figures.put("jaga", "attendance.p50", percentile(times, 0.5), detail)
    run.figures.put("jaga", "attendance.p99", percentile(times, 0.99))
    run.figures.put("jaga", "attendance.refused", pupils - statuses[201])
    run.figures.put("jaga", "attendance.boards", (seen.last - answers[-1][2]) / 1e6)
    busy = 100 * used / (time.monotonic() - started)
    run.figures.put("jaga", "attendance.cpu", busy)
    run.clients.close()


async def _meeting(run: Run) -> str:
    """A meeting that goes on for as long as anybody measures."""
    now = datetime.now(UTC)
    first, last = (now + timedelta(hours=hours) for hours in (-1, 24))
    wish = {"title": "Bench", "starts_at": first.isoformat(), "ends_at": last.isoformat()}
    meeting = await run.product.store.attendance.meetings.create(wish, By("bench", ""))
    return meeting.id


async def _plans(run: Run, meeting: str, boards: int) -> list[Plan]:
    """Boards of one school, all with the same administrator's session."""
    store, port = run.product.store, run.product.settings.port
    email = f"bench-{uuid.uuid4().hex}@example.org"
    admin = await store.members.create(email=email, password=PASSWORD, role="admin")
    opened = await store.sessions.open(admin.id, Device("bench", "Bench"), method="password")
    request = (
        f"GET /api/realtime/board-stream?meeting_id={meeting} HTTP/1.1\r\n"
        f"Host: 127.0.0.1:{port}\r\nAccept: text/event-stream\r\n"
        f"Cookie: jaga_session={opened.credential}\r\n\r\n"
    ).encode()
    return [
        Plan(
            key=key_of(0, run.devices + number, 0),
            device=run.devices + number,
            address=("127.0.0.1", port),
            source=address_of(number),
            request=request,
            ready=b"event: connected",
            dialect="sse",
        )
        for number in range(boards)
    ]


async def _fill_in(run: Run, meeting: str, number: int) -> tuple[int, float, int]:
    """Fill in at this pupil's moment; returns the status, how long it took (ms), and when it
    was sent (ns)."""
    await asyncio.sleep(number / PER_SECOND)
    began = time.perf_counter_ns()
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            status = await post(run.product.settings.port, meeting, number)
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        status = 0
    return status, (time.perf_counter_ns() - began) / 1e6, began


async def post(port: int, meeting: str, number: int) -> int:
    """Fill in as one pupil, on a connection of its own; returns the status."""
    pupil = {"meeting_id": meeting, "name": _name(number), "class": "10A"}
    body = json.dumps(pupil | {"deviceId": str(uuid.uuid4())}).encode()
    return await request(port, "POST /api/attendance/submit", body, Content_Type=JSON)


def _name(number: int) -> str:
    return f"Bench {number:04}"
