"""Who was refused, where and when, and never what was typed; and an attack is a few lines."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from jobs.persist.reader import LogReader
from store.audit import MOST_LINES
from store.errors import WrongCode
from tests.serving import PASSWORD, Serving, serving

SECRET = "kuda yang tidak ada"


async def written(site: Serving, act: str = "") -> list[dict[str, Any]]:
    await LogReader(site.store).run()
    admin = await site.logged_in(await site.member(role="admin"))
    answer = await admin.get(f"/api/admin/audit?limit=200&act={act}")
    assert SECRET not in answer.body.decode()
    return list(answer.json["audit"])


async def test_a_wrong_password_is_written_with_who_and_where(environment) -> None:
    async with serving(environment, PROXYFIX_X_FOR="1") as site:
        budi = await site.member("budi")
        from_there = {"X-Forwarded-For": "203.0.113.7", "Content-Type": "application/json"}
        for name in ("budi@jaga.test", SECRET):
            body = b'{"username": "%s", "pass": "%s"}' % (name.encode(), SECRET.encode())
            answer = await site.browser().send("POST", "/cekfingerprint", body, from_there)
            assert answer.status == 401
        entries = await written(site, "login.refused")
        assert {entry["subject"] for entry in entries} == {budi.id, ""}
        assert {entry["ip"] for entry in entries} == {"203.0.113.7"}
        assert all(entry["detail"]["count"] == 1 and entry["at"] for entry in entries)


async def test_a_lockout_is_written(environment) -> None:
    async with serving(environment) as site:
        budi = await site.member("budi")
        for _ in range(12):
            await site.browser().login("budi@jaga.test", SECRET)
        locked = await written(site, "login.locked")
        assert [entry["subject"] for entry in locked] == [budi.id]
        refused = await written(site, "login.refused")
        # the first and the tenth of ten
        assert sorted(entry["detail"]["count"] for entry in refused) == [1, 10]


async def test_a_wrong_code_is_written(environment) -> None:
    async with serving(environment) as site:
        member = await site.member("siti", phone="081234567890")
        await site.store.redis.hset(site.store.keys.hotspot_phones(), "6281234567890", member.id)
        try:
            await site.store.hotspot.otp.use("6281234567890", "000000", "203.0.113.9", opens=True)
        except WrongCode:
            pass
        entries = await written(site, "otp.refused")
        assert [(entry["subject"], entry["ip"]) for entry in entries] == [
            (member.id, "203.0.113.9")
        ]


async def test_an_attack_is_a_few_lines_that_say_how_large_it_is(environment) -> None:
    async with serving(environment) as site:
        audit = site.store.audit
        for number in range(300):
            address = f"203.0.{number // 250}.{number % 250}"
            await audit.refused("login.refused", "", ip=address)
        await asyncio.gather(
            *(audit.refused("login.refused", "", ip="198.51.100.1") for _ in range(1000))
        )
        entries = await written(site)
        acts = Counter(entry["act"] for entry in entries)
        assert acts["login.refused"] == MOST_LINES
        most = [entry["detail"]["count"] for entry in entries if entry["act"] == "refused.many"]
        assert sorted(most) == [1, 10, 100, 1000]


async def test_a_change_of_role_and_a_new_password_are_acts(environment) -> None:
    async with serving(environment) as site:
        budi = await site.member("budi")
        admin = await site.logged_in(await site.member("kepala", role="admin"))
        json = {"Content-Type": "application/json"}
        path = f"/api/admin/members/{budi.id}"
        assert (await admin.send("PATCH", path, b'{"role": "teacher"}', json)).status == 200
        own = await site.logged_in(budi)
        body = {"current": PASSWORD, "new": SECRET}
        assert (await own.post("/password", body)).status == 200
        token = (await site.store.password_links.make(budi.id)).partition("#")[2]
        await own.post("/api/auth/set-password", {"token": token, "password": SECRET + " lagi"})
        (role,) = await written(site, "member.role")
        assert role["subject"] == budi.id and role["detail"] == {"from": "member", "to": "teacher"}
        passwords = await written(site, "password.change")
        assert [entry["detail"]["by"] for entry in passwords] == ["link", "member"]
        assert {entry["actor"] for entry in passwords} == {budi.id}
