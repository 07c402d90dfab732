"""The live board: rows as they come, for teachers alone, closed with their session."""

from __future__ import annotations

import asyncio
import time

import pytest

from realtime.channels.attendance_board import MOST_WAITING, Boards
from realtime.channels.attendance_lanes import Lane
from realtime.presence.roles import Roles
from realtime.transport.messages import Message
from store.attendance.meetings import By
from store.events import Event
from tests.client import Browser
from tests.pupils import (
    TEACHER,
    TEACHER_PASSWORD,
    Phone,
    board_of,
    day_at,
    delete,
    iso,
    meeting_of,
    patch,
    teacher_at,
)
from tests.stopwatch import Stopwatch


@pytest.fixture
async def place(product, store):
    web = await product()
    teacher = await teacher_at(store, web.settings.port)
    return web.settings.port, teacher, await meeting_of(teacher)


async def test_a_row_appears_as_it_is_filled_in(place):
    port, teacher, meeting = place
    async with board_of(teacher, meeting) as board:
        assert board.status == 200 and "text/event-stream" in board.head
        hello = await board.until("connected")
        assert hello["meeting_id"] == meeting
        began = Stopwatch()
        answer = await Phone(port).fill(meeting, "Budi", "10A")
        [row] = await board.new_rows(1)
        assert began.seconds < 0.5
    assert row["id"] == answer.json["attendance"]["id"]
    assert (row["student_name"], row["class"], row["status"]) == ("Budi", "10A", "HADIR")


async def test_changes_and_revocations_are_updates(place):
    port, teacher, meeting = place
    given = (await Phone(port).fill(meeting)).json["attendance"]["id"]
    async with board_of(teacher, meeting) as board:
        await board.until("connected")
        await patch(teacher, f"/api/admin/attendance/{given}", {"status": "IZIN"})
        [row] = (await board.until("message"))["changes"]["updated_attendances"]
        assert (row["id"], row["status"]) == (given, "IZIN")
        await delete(teacher, f"/api/admin/attendance/{given}")
        [row] = (await board.until("message"))["changes"]["updated_attendances"]
        assert (row["id"], row["revoked"]) == (given, True)


async def test_refused_attempts_go_to_a_lane_of_their_own(place):
    port, teacher, meeting = place
    phone = Phone(port)
    await phone.fill(meeting, "Budi", "10A")
    phone.cookies.clear()
    async with board_of(teacher, meeting) as board:
        await board.until("connected")
        await phone.fill(meeting, "Siti", "10A")
        changes = (await board.until("message"))["changes"]
    assert changes["new_attendances"] == changes["updated_attendances"] == []
    [refused] = changes["refused_attempts"]
    assert (refused["type"], refused["name"]) == ("DEVICE_DUPLICATE", "Siti")
    assert refused["winner"] == "Budi (10A)" and refused["flags"] == ["shared_device"]
    assert phone.device not in str(refused)


async def test_two_hundred_rows_fill_boards_at_two_processes(product, store):
    here, there = await product(), await product()
    teacher = await teacher_at(store, here.settings.port)
    meeting = await meeting_of(teacher)
    ports = (here.settings.port, there.settings.port)
    async with (
        board_of(teacher, meeting, port=ports[0]) as one,
        board_of(teacher, meeting, port=ports[1]) as two,
    ):
        for board in (one, two):
            await board.until("connected")
        answers = await asyncio.gather(
            *(Phone(ports[n % 2]).fill(meeting, f"Siswa {n}") for n in range(200))
        )
        assert [answer.status for answer in answers] == [201] * 200
        for board in (one, two):
            rows = await board.new_rows(200)
            assert len({row["id"] for row in rows}) == len(rows) == 200


@pytest.mark.parametrize("rounds", [1, 2])
async def test_at_two_processes_one_still_wins(product, store, rounds):
    here, there = await product(), await product()
    teacher = await teacher_at(store, here.settings.port)
    meeting = await meeting_of(teacher)
    ports = (here.settings.port, there.settings.port)
    answers = await asyncio.gather(*(Phone(ports[n % 2]).fill(meeting) for n in range(200)))
    statuses = [answer.status for answer in answers]
    assert (statuses.count(201), statuses.count(409)) == (1, 199)
    device = Phone(0).device
    answers = await asyncio.gather(
        *(Phone(ports[n % 2], device).fill(meeting, f"Siswa {n}") for n in range(200))
    )
    statuses = [answer.status for answer in answers]
    assert (statuses.count(201), statuses.count(409), statuses.count(429)) == (1, 4, 195)
    assert (await day_at(teacher, meeting))["counts"]["total"] == 2


async def test_a_board_that_returns_is_told_what_it_missed(place):
    port, teacher, meeting = place
    await Phone(port).fill(meeting, "Budi")
    ago = int(time.time() * 1000) - 60_000
    async with board_of(teacher, meeting, f"&last_event_id={ago}-0") as board:
        [row] = await board.new_rows(1)
        assert row["student_name"] == "Budi"
    soon = int(time.time() * 1000) + 60_000
    async with board_of(teacher, meeting, f"&last_event_id={soon}-0") as board:
        await board.until("connected")
        await Phone(port).fill(meeting, "Siti")
        assert [row["student_name"] for row in await board.new_rows(1)] == ["Siti"]


async def test_only_a_teacher_of_the_meeting_gets_a_board(place, store):
    port, teacher, meeting = place
    await store.members.create(email="m@jaga.test", password=TEACHER_PASSWORD, name="M")
    member, nobody = Browser(port), Browser(port)
    await member.login("m@jaga.test", TEACHER_PASSWORD)
    colleague = await teacher_at(store, port, "lain@jaga.test")
    admin = await teacher_at(store, port, "kepala@jaga.test", "admin")
    for browser, status in ((nobody, 401), (member, 403), (colleague, 404), (admin, 200)):
        async with board_of(browser, meeting) as board:
            assert board.status == status
            assert ("text/event-stream" in board.head) == (status == 200)
    for odd, status in (("", 400), ("unknown", 404), ("..%2Fx", 404), ("%00", 404)):
        async with board_of(teacher, odd) as board:
            assert board.status == status
    assert (await teacher.post(f"/api/realtime/board-stream?meeting_id={meeting}")).status == 405


async def test_the_board_closes_with_its_session_and_shows_no_logout_as_attendance(place):
    port, teacher, meeting = place
    async with board_of(teacher, meeting) as board:
        await board.until("connected")
        elsewhere = Browser(port)
        await elsewhere.login(TEACHER, TEACHER_PASSWORD)
        name, data = await board.event()
        assert name == "force_logout" and data["reason"] == "Session digantikan oleh login baru"
        assert (await board.event())[0] == "end"
    async with board_of(teacher, meeting) as board:
        assert board.status == 401


async def test_the_member_stream_carries_no_attendance(place):
    port, teacher, meeting = place
    async with teacher.stream() as own, board_of(teacher, meeting) as board:
        assert (await own.next())[0] == "connected"
        await Phone(port).fill(meeting, "Budi")
        await board.new_rows(1)
        await teacher.post("/logout")
        assert (await own.next())[2]["changes"]["updated_attendances"][0]["username"] == TEACHER


async def test_the_board_hears_of_its_meeting(place):
    _, teacher, meeting = place
    async with board_of(teacher, meeting) as board:
        await board.until("connected")
        await patch(teacher, f"/api/admin/meetings/{meeting}", {"title": "Kimia"})
        assert (await board.until("meeting"))["title"] == "Kimia"
        await teacher.post(f"/api/admin/meetings/{meeting}/students", {"csv": "Budi,10A"})
        assert await board.until("roster") == {"id": meeting}
        await delete(teacher, f"/api/admin/meetings/{meeting}")
        assert (await board.until("meeting"))["deleted"] is True
        assert (await board.event())[0] == "end"


async def test_a_rotating_meeting_takes_only_those_who_see_the_code(place, store):
    port, teacher, _ = place
    meeting = await meeting_of(teacher, rotating=True)
    phone = Phone(port)

    async def scan(code: object, device: str = phone.device):
        body = {"meeting_id": meeting, "deviceId": device, "code": code}
        return await Phone(port).post("/api/attendance/presence", body)

    bare = await phone.fill(meeting)
    assert (bare.status, bare.json["type"]) == (403, "PRESENCE_REQUIRED")
    async with board_of(teacher, meeting) as board:
        shown = await board.until("code")
    assert shown["url"].endswith(f"/attendance/{meeting}#k={shown['code']}")
    assert shown["image"].startswith("data:image/svg+xml") and len(shown["code"]) >= 15
    assert 0 < shown["valid_seconds"] <= 15
    for odd in ("", shown["code"][:-1], 7, None, "\ud800"):
        assert (await scan(odd)).status in (400, 403)
    admitted = await scan(shown["code"], Phone(port).device)
    stolen = await phone.fill(meeting, ticket=admitted.json["ticket"])
    assert stolen.json["type"] == "PRESENCE_REQUIRED"  # another device's ticket
    mine = await scan(shown["code"], phone.device.upper())
    # five scans were this device's already
    assert mine.status == 429
    ticket, _ = await store.attendance.submissions.admit(meeting, Phone(0).device, shown["code"])
    assert ticket
    other = Phone(port)
    good = await scan(shown["code"], other.device)
    assert (await other.fill(meeting, "Budi", ticket=good.json["ticket"])).status == 201
    excused = await Phone(port).excuse(meeting, "Siti", "Sakit demam sejak pagi")
    assert excused.status == 201  # who is not there cannot scan


async def test_codes_and_tickets_run_out(store, place):
    _, teacher, _ = place
    meeting = await meeting_of(teacher, rotating=True)
    proofs, device = store.attendance.submissions.proofs, Phone(0).device
    now = 1_795_000_000_000 // 15_000 * 15_000
    code = proofs.code(meeting, now)
    assert all(proofs.is_shown(code, meeting, now + ms) for ms in (0, 14_999, 15_000, 29_999))
    assert not any(proofs.is_shown(code, meeting, now + ms) for ms in (-1, 30_000))
    assert not proofs.is_shown(code, "another", now)
    ticket = proofs.ticket(meeting, device, "2026-11-18", now)
    good = (meeting, device, "2026-11-18")
    assert proofs.is_present(ticket, *good, now + 119_999)
    assert not proofs.is_present(ticket, *good, now + 120_000)
    assert not proofs.is_present(ticket, meeting, device, "2026-11-19", now)
    assert not proofs.is_present(ticket, "another", device, "2026-11-18", now)


class _Board:
    """A board that keeps what it is told."""

    def __init__(self) -> None:
        self.is_open = True
        self.told: list[bytes] = []

    def tell(self, message: Message) -> bool:
        self.told.append(message.sse)
        return True


class _Hub:
    def __init__(self, boards: list[_Board]) -> None:
        self.boards = boards

    def listeners(self, topic: str) -> list[_Board]:
        return self.boards


async def test_a_burst_travels_in_few_messages_and_a_flood_asks_boards_to_look_anew(store):
    made = await store.attendance.meetings.create(
        {"starts_at": iso(-1), "ends_at": iso(1)}, By("t", "")
    )
    board = _Board()
    boards = Boards(_Hub([board]), store, Roles(store.members))  # type: ignore[arg-type]
    boards._lanes[made.id] = lane = Lane(made)
    record = {"meeting": made.id, "class": "10A", "at": 0, "changed_at": 0, "name": "Budi"}

    def recorded(count: int) -> None:
        for number in range(count):
            event = Event(f"1-{number}", "attendance.recorded", record | {"id": str(number)})
            boards.listeners()["attendance.recorded"](event)

    recorded(120)
    assert lane.task is not None
    await lane.task
    assert [message.count(b'"student_name"') for message in board.told] == [50, 50, 20]
    board.told.clear()
    recorded(MOST_WAITING + 1)
    await asyncio.sleep(0.05)
    assert [message for message in board.told if b"event: roster" in message]
    assert sum(message.count(b'"student_name"') for message in board.told) == 0
