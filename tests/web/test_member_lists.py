"""Members by list: shown first, made once, nobody altered; files that read again as they were."""

from __future__ import annotations

import pytest

from jobs.persist.reader import LogReader
from tests.client import unchunked as whole
from tests.serving import serving

PATH = "/api/admin/members/import"

LIST = (
    "DAFTAR PELANGGAN\r\n"
    "No;Nama Lengkap;No. HP/WA;E-mail\r\n"
    "1;Siti Aminah;+62 812\u20113456\u20117890;siti@contoh.id\r\n"
    "2;Nur’aini;0813/1111/2222;\r\n"
    "3;Budi;;budi@contoh.id\r\n"
    "4;Budi Lagi;;BUDI@contoh.id\r\n"
    "5;Salah;0812o;\r\n"
    "6;Tanpa;;\r\n"
    "7;Lama;0857 0000 1234;lain@contoh.id\r\n"
    "Jumlah;;;7\r\n"
)


@pytest.fixture
async def office(environment):
    async with serving(environment) as site:
        admin = await site.logged_in(await site.member("bos", role="admin"))
        yield site, admin


async def test_a_list_is_shown_then_made_once_and_alters_nobody(office):
    site, admin = office
    old = await site.member("lama", name="Nama Lama", phone="085700001234")
    waiting = await site.store.members.register("6281311112222", "Aini")
    data = LIST.encode("cp1252", "replace").replace(b"?", b"-")
    shown = await admin.send("POST", f"{PATH}?dry_run=1", data)
    assert shown.status == 200, shown.body
    said = {name: shown.json[name] for name in ("people", "new", "taken_over", "known", "created")}
    assert said == {"people": 4, "new": 2, "taken_over": 1, "known": 1, "created": 0}
    assert shown.json["columns"]["phone"] == "No. HP/WA" and shown.json["without_phone"] == 1
    assert [one["line"] for one in shown.json["skipped"]] == [6, 7, 8, 10]
    assert await site.store.members.find("siti@contoh.id") is None
    made = await admin.send("POST", PATH, data)
    assert (made.status, made.json["created"]) == (200, 3), made.body
    siti = await site.store.members.find("siti@contoh.id")
    assert (siti.name, siti.phone) == ("Siti Aminah", "6281234567890")
    assert await site.store.hotspot.accounts.member_of("6281234567890") == siti.id
    aini = await site.store.hotspot.accounts.get(
        await site.store.hotspot.accounts.member_of("6281311112222")
    )
    assert aini.approved and aini.name == "Nur’aini" and aini.member != waiting
    assert (await site.store.members.get(old.id)).name == "Nama Lama"
    assert await site.store.hotspot.accounts.member_of("6285700001234") == old.id
    # nobody has a password from a list
    for password in ("081234567890", "6281234567890", "!list", ""):
        assert (await site.browser().login("siti@contoh.id", password)).status in (400, 401)
    again = await admin.send("POST", PATH, data)
    assert (again.json["created"], again.json["new"], again.json["known"]) == (0, 0, 4)


async def test_an_odd_list_is_refused_and_makes_nobody(office):
    _, admin = office
    for odd in (
        b"Nama;Kelas\nBudi;10A\n",
        b"Nama;HP;WA\nBudi;0812345678;0812345679\n",
        b'Nama;HP\n"Budi;081234567890\n',
        b"Nama;HP\nBudi;tidak ada\n",
        b"Siti;081234567890\n",
        b"",
    ):
        refused = await admin.send("POST", PATH, odd)
        assert (refused.status, refused.json["type"]) == (400, "INVALID_REQUEST"), odd
    many = "Nama;Email\n" + "\n".join(f"A;a{n}@contoh.id" for n in range(2_001))
    assert (await admin.post(PATH, {"csv": many})).status == 400


async def test_members_are_asked_for_by_an_admin_only(office):
    site, admin = office
    teacher = await site.logged_in(await site.member("ratna", role="teacher"))
    for browser, status in ((teacher, 403), (site.browser(), 401)):
        assert (await browser.post(PATH, {"csv": LIST})).status == status
        assert (await browser.get("/api/admin/members/export.csv")).status == status
    assert (await admin.get("/admin/members/import")).status == 200


async def test_an_export_read_again_is_the_same_members(office):
    site, admin = office
    listed = "Nama;Telepon;Email\n=Siti;+62 812 3456 7890;siti@contoh.id\n-Budi;;budi@contoh.id\n"
    listed += "Aini;0813 1111 2222;\nKen;+81 90 1234 5678;\n"
    assert (await admin.post(PATH, {"csv": listed})).json["created"] == 4
    await LogReader(site.store).run()
    for file in ("csv", "csv?flavour=excel", "csv?flavour=rfc4180", "xlsx"):
        data = whole(await admin.get(f"/api/admin/members/export.{file}"))
        again = await admin.send("POST", f"{PATH}?dry_run=1", data)
        assert again.status == 200, again.body
        assert (again.json["known"], again.json["new"]) == (5, 0), again.body
        read = {(one["name"], one["phone"], one["email"]) for one in again.json["first"]}
        assert read >= {
            ("=Siti", "6281234567890", "siti@contoh.id"),
            ("-Budi", "", "budi@contoh.id"),
            ("Aini", "6281311112222", ""),
            ("Ken", "+819012345678", ""),
        }
