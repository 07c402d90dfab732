"""Lists of pupils through the door: what is read is shown first, and what is odd is refused."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.pupils import Phone, meeting_of
from tests.serving import serving

ODD = "Nama;Kelas\n\"Nur'aini Ma'ruf;X IPA 1\nBudi Santoso;X IPA 1\n"


@pytest.fixture
async def desk(environment):
    async with serving(environment) as site:
        teacher = await site.logged_in(await site.member("ratna", role="teacher"))
        meeting = await meeting_of(teacher)
        yield site, teacher, f"/api/admin/meetings/{meeting}/students", meeting


async def test_a_list_is_shown_before_it_is_written(desk):
    _, teacher, path, _ = desk
    text = "SMA 1;;\nNo;Nama Siswa;Rombel\n1;Nur’aini;X IPA 1\n2;Budi;X IPA 2\n;Jumlah;2\n"
    shown = await teacher.send("POST", f"{path}?dry_run=1", text.encode("utf-16"))
    assert shown.status == 200, shown.body
    assert shown.json["dry_run"] is True
    assert shown.json["columns"] == {"name": "Nama Siswa", "class": "Rombel"}
    assert (shown.json["imported"], shown.json["classes"]) == (2, 2)
    assert shown.json["first"][0] == {"name": "Nur’aini", "class": "X IPA 1"}
    assert shown.json["skipped"] == [{"line": 5, "reason": "Baris jumlah, bukan nama."}]
    assert (await teacher.get(path)).json["count"] == 0
    also = await teacher.post(path, {"csv": text, "dry_run": True})
    assert also.json["dry_run"] is True and (await teacher.get(path)).json["count"] == 0
    written = await teacher.send("POST", path, text.encode("utf-16"))
    assert (written.json["dry_run"], written.json["count"]) == (False, 2)


async def test_an_odd_list_is_refused_and_changes_nothing(desk):
    site, teacher, path, meeting = desk
    await teacher.post(path, {"csv": "Nama;Kelas\nBudi;10A\n"})
    for odd in (ODD.encode(), b"Nama\nBudi\n", b"PK\x03\x04broken", b"\x00\x01", b""):
        refused = await teacher.send("POST", path, odd)
        assert (refused.status, refused.json["type"]) == (400, "INVALID_REQUEST"), odd
        assert refused.json["field"] == "file" and len(refused.json["message"]) > 30
    assert [one["name"] for one in (await teacher.get(path)).json["students"]] == ["Budi"]
    assert (await Phone(site.port).fill(meeting, "Budi", "10A")).status == 201


async def test_reading_a_long_list_keeps_nobody_waiting(desk):
    site, teacher, path, _ = desk
    school = "Nama;Kelas\n" + "\n".join(f"Nur'aini Al-{n};X-IPA-{n % 9}" for n in range(5_000))
    sending = asyncio.create_task(teacher.post(f"{path}?dry_run=1", {"csv": school}))
    slowest = 0.0
    while not sending.done():
        began = time.monotonic()
        assert (await site.browser().get("/healthz")).status == 200
        slowest = max(slowest, time.monotonic() - began)
    assert sending.result().json["imported"] == 5_000
    # the thread and the loop share the interpreter; a second would be a list on the loop
    assert slowest < 1.0
