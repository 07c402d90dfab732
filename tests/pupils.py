"""Who fills in attendance, and who looks at it: pupils with phones, a teacher, a meeting."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from store.opening import Store
from tests.client import ANSWER_SECONDS, Answer, Browser

TEACHER, TEACHER_PASSWORD = "ratna@jaga.test", "rahasia ratna"

DUPLICATE_USER = "Anda sudah mengisi absensi untuk meeting ini hari ini"


class Phone(Browser):
    """A pupil's phone: its cookies, and the device id in its localStorage."""

    def __init__(self, port: int, device: str = "") -> None:
        super().__init__(port, "Mozilla/5.0 (Linux; Android 14) Chrome/150 Mobile")
        self.device = device or str(uuid.uuid4())

    async def fill(
        self, meeting: str, name: Any = "Budi", class_: Any = "10A", **more: Any
    ) -> Answer:
        body = {"meeting_id": meeting, "name": name, "class": class_, "deviceId": self.device}
        return await self.post("/api/attendance/submit", body | more)

    async def excuse(
        self, meeting: str, name: str, reason: Any, class_: str = "10A", **more: Any
    ) -> Answer:
        body = {"meeting_id": meeting, "name": name, "class": class_, "deviceId": self.device}
        return await self.post("/api/attendance/permission", body | {"reason": reason} | more)


async def teacher_at(
    store: Store, port: int, email: str = TEACHER, role: str = "teacher"
) -> Browser:
    """A teacher who is logged in."""
    if await store.members.find(email) is None:
        await store.members.create(
            email=email, password=TEACHER_PASSWORD, name="Ibu Ratna", role=role
        )
    browser = Browser(port)
    assert (await browser.login(email, TEACHER_PASSWORD)).status == 200
    return browser


def iso(hours: float) -> str:
    """A moment so many hours from now."""
    return (datetime.now(UTC) + timedelta(hours=hours)).isoformat()


def noon_zone() -> str:
    """A zone that is hours from midnight on either side, so that no test runs across one."""
    ahead = 12 - datetime.now(UTC).hour
    return f"Etc/GMT{-ahead:+d}"  # their signs are the other way round


async def meeting_of(teacher: Browser, **changes: Any) -> str:
    """A meeting that is going on, in a zone where it is about noon; returns its id."""
    wish = {"title": "Fisika 10A", "starts_at": iso(-0.05), "ends_at": iso(2), "is_active": True}
    wish["timezone"] = noon_zone()
    answer = await teacher.post("/api/admin/meetings", wish | changes)
    assert answer.status == 201, answer.body
    return str(answer.json["meeting"]["id"])


def kind(answer: Answer) -> tuple[int, str]:
    """The status and, of a refusal, its type."""
    return answer.status, answer.json.get("type", "")


async def patch(browser: Browser, path: str, body: Any) -> Answer:
    kind = {"Content-Type": "application/json"}
    return await browser.send("PATCH", path, json.dumps(body).encode(), kind)


async def delete(browser: Browser, path: str) -> Answer:
    return await browser.send("DELETE", path, b"")


async def day_at(teacher: Browser, meeting: str, query: str = "") -> Any:
    """What the teacher's list says."""
    answer = await teacher.get(f"/api/admin/meetings/{meeting}/attendance{query}")
    assert answer.status == 200, answer.body
    return answer.json


class Board:
    """A board's event stream."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.head = ""

    @property
    def status(self) -> int:
        return int(self.head.split()[1])

    async def event(self) -> tuple[str, Any]:
        """The next event as (name, data); ("end", None) at the end."""
        while True:
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    block = (await self.reader.readuntil(b"\n\n")).decode()
            except (asyncio.IncompleteReadError, ConnectionError):
                return "end", None
            fields = dict(line.split(": ", 1) for line in block.strip().split("\n"))
            if "data" in fields:
                data = fields["data"]
                name = fields.get("event", "message")
                return name, json.loads(data) if data[:1] in "{[" else data

    async def until(self, name: str) -> Any:
        """The data of the next event of that name."""
        while True:
            found, data = await self.event()
            if found == name:
                return data
            assert found != "end", f"the stream ended before {name}"

    async def new_rows(self, count: int) -> list[dict[str, Any]]:
        """Rows of `new_attendances` until there are that many."""
        rows: list[dict[str, Any]] = []
        while len(rows) < count:
            rows += (await self.until("message"))["changes"].get("new_attendances", [])
        return rows


@asynccontextmanager
async def board_of(
    teacher: Browser, meeting: str, query: str = "", port: int = 0
) -> AsyncIterator[Board]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port or teacher.port)
    board = Board(reader, writer)
    try:
        jar = "; ".join(f"{name}={value}" for name, value in teacher.cookies.items())
        writer.write(
            f"GET /api/realtime/board-stream?meeting_id={meeting}{query} HTTP/1.1\r\n"
            f"Host: 127.0.0.1:{teacher.port}\r\nCookie: {jar}\r\n\r\n".encode()
        )
        async with asyncio.timeout(ANSWER_SECONDS):
            board.head = (await reader.readuntil(b"\r\n\r\n")).decode()
        yield board
    finally:
        writer.close()
