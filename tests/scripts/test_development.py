"""scripts/development, piece by piece; test_run.py starts the whole of it."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from jobs.payments.processing import Processing
from jobs.persist.reader import LogReader
from scripts.development import run_file
from scripts.development.__main__ import _port_for
from scripts.development.home import Home
from scripts.development.parts import PARTS
from scripts.development.screen import Screen
from scripts.embedded.ports import free_port, is_free
from scripts.embedded.supervisor import StartError, Supervisor
from scripts.seed import ORDER, accounts, seed
from store.opening import Store, open_store
from store.routers import Router
from store.settings import Settings
from tests.stopwatch import Stopwatch


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.open(print)
    return home


def test_a_home_is_closed_to_others_and_keeps_its_key(home: Home) -> None:
    assert stat.S_IMODE(home.path.stat().st_mode) == 0o700
    key = home.secret_key()
    assert len(key) >= 32 and Home(home.path).secret_key() == key
    assert stat.S_IMODE((home / "secret_key").stat().st_mode) == 0o600


def test_a_home_is_for_one_run_at_a_time(home: Home) -> None:
    with pytest.raises(StartError, match=rf"process {os.getpid()}\) is using"):
        Home(home.path).open(print)
    os.close(home.lock)
    second = Home(home.path)
    second.open(print)
    os.close(second.lock)


def test_a_home_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartError, match="choose another JAGA_HOME"):
        Home(tmp_path / "file").open(print)


def test_every_setting_survives_the_way_through_the_environment(settings: Settings) -> None:
    changed = replace(
        settings,
        reveal_unknown_user=True,
        grace_seconds=0.75,
        web_login=("qr",),
        allowed_origins=frozenset({"https://satu.id", "https://dua.id:8443"}),
        lynk_merchant_keys=("one", "two"),
        smtp_url="smtp://127.0.0.1:2525",
        mikrotik_ca="/etc/ca.pem",
        mikrotik_routers=(
            Router("utara", "10.0.0.2", 8729, "jaga", "a,b@c:d/é%2C", True, "/etc/ca.pem"),
            Router("barat", "fd00::1", 8728, "u:x", "", False, "/etc/ca.pem"),
        ),
    )
    assert Settings.from_environment(run_file.as_environment(changed)) == changed


def test_hosts_of_login_pages_that_were_named_stay_named(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = next(part for part in PARTS if part.name == "router")
    with Supervisor() as supervisor:
        server = part.make(home, supervisor, {"PORT": "8000"})
        assert part.settings_for(server)["HOTSPOT_LOGIN_HOSTS"] == "hotspot.lan,127.0.0.1"
        monkeypatch.setenv("HOTSPOT_LOGIN_HOSTS", "wifi.rumah")
        found = part.settings_for(server)["HOTSPOT_LOGIN_HOSTS"]
        assert found == "wifi.rumah,hotspot.lan,127.0.0.1"


def test_the_run_file_is_what_the_contract_says(home: Home, settings: Settings) -> None:
    run_file.write(home, settings, accounts(settings), {"web": 11, "redis": 12}, {})
    written = json.loads(home.run_file.read_text())
    assert list(written) == [
        *("url", "env", "redis_url", "database_url", "router", "smtp_url", "mail_dir"),
        *("messages_dir", "accounts", "pids"),
    ]
    assert written["url"] == f"http://127.0.0.1:{settings.port}"
    assert written["env"]["DATABASE_URL"] == written["database_url"] == settings.database_url
    assert set(written["pids"]) == {
        *("web", "worker", "scheduler", "redis", "postgres", "router", "mail")
    }
    assert written["pids"]["redis"] == 12 and written["pids"]["router"] is None
    assert set(written["accounts"]["admin"]) == {"email", "password"}
    assert stat.S_IMODE(home.run_file.stat().st_mode) == 0o600


def test_a_part_knows_to_itself_in_the_run_file(home: Home, settings: Settings) -> None:
    router = {"host": "127.0.0.1", "port": 8728}
    run_file.write(home, settings, accounts(settings), {}, {"router": router})
    assert json.loads(home.run_file.read_text())["router"] == router


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_a_part_is_replaced_by_its_setting(part: object) -> None:
    part = next(known for known in PARTS if known is part)
    assert part.is_replaced({part.setting: "something://elsewhere"})
    assert not part.is_replaced({part.setting: " "})
    assert not part.is_replaced({})


def test_a_part_tells_all_its_settings(home: Home) -> None:
    with Supervisor() as supervisor:
        part = replace(PARTS[0], more_settings=lambda server: {"MIKROTIK_PORT": "8728"})
        server = part.make(home, supervisor, {"PORT": "8000"})
        assert part.settings_for(server) == {"REDIS_URL": server.url, "MIKROTIK_PORT": "8728"}


def test_a_port_that_nobody_chose_gives_way(settings: Settings) -> None:
    said: list[str] = []
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", free_port()))
        taken.listen()
        held = replace(settings, port=taken.getsockname()[1])
        port = _port_for(held, is_chosen=False, say=said.append)
        assert port != held.port and is_free(port)
        assert said == [f"Port {held.port} is taken: listening on {port}. PORT says which, if it "
                        "matters."]  # fmt: skip
        with pytest.raises(StartError, match=f"port {held.port} is taken"):
            _port_for(held, is_chosen=True, say=said.append)
    assert _port_for(settings, is_chosen=False, say=said.append) == settings.port


def test_a_pipe_that_nobody_reads_holds_up_nobody() -> None:
    reading, writing = os.pipe()
    screen = Screen(["web"], output=open(writing, "w"))
    began = Stopwatch()
    for _ in range(20_000):
        screen.line("web", b"a line that fills the pipe, and then the queue\n")
    assert began.seconds < 5
    said = b""
    while b"lines were not shown)" not in said:
        said = said[-100:] + os.read(reading, 65536)
    os.close(reading)
    screen.say("nobody looks any more, and nothing happens")
    screen.flush()


def test_lines_come_out_in_order_behind_their_name(tmp_path: Path) -> None:
    with open(tmp_path / "out", "w") as output:
        screen = Screen(["web", "scheduler"], output=output)
        screen.say("first")
        screen.line("web", "zweite \N{SNOWMAN}\n".encode())
        screen.say("Jaga is ready: http://127.0.0.1:8000")
        screen.flush()
    first, second, last = (tmp_path / "out").read_text().splitlines()
    assert first == "first" and last == "Jaga is ready: http://127.0.0.1:8000"
    assert second.endswith(" web       | zweite \N{SNOWMAN}")


def test_a_seed_without_redis_is_one_line(environment: dict[str, str]) -> None:
    away = {"JAGA_ENV": "dev", "REDIS_URL": f"redis://127.0.0.1:{free_port()}/0"}
    run = subprocess.run(
        [sys.executable, "-m", "scripts.seed"],
        env=os.environ | environment | away,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert run.returncode == 1 and run.stderr.startswith("seed: Redis does not answer: ")
    assert run.stderr.count("\n") == 1


async def test_the_demo_accounts_are_made_once_and_left_alone(store: Store) -> None:
    emails = [account.email for account in accounts(store.settings).values()]
    assert await seed(store) == emails
    admin = await store.members.find("admin@jaga.test")
    assert admin is not None and admin.role == "admin"
    await store.members.change(admin.id, name="Somebody else")
    assert await seed(store) == []
    admin = await store.members.find("admin@jaga.test")
    assert admin is not None and admin.name == "Somebody else"


async def test_every_page_has_something_to_look_at(store: Store) -> None:
    await seed(store)
    teacher = await store.members.find("guru@jaga.test")
    assert teacher is not None and teacher.role == "teacher"
    (lesson,) = await store.attendance.meetings.newest(teacher.id)
    now = await store.attendance.meetings.now()
    today = lesson.today(now).on
    assert lesson.state(now) == "open"
    register = await store.attendance.records.rows(lesson, today, today, now)
    assert [row.status for row in register] == ["HADIR", "TERLAMBAT", "IZIN"]

    await LogReader(store).run()
    await Processing(store).run()
    page = await store.payments.pages.look(ORDER)
    assert page is not None and (page["state"], page["licences"]) == ("done", 1)
    member = await store.members.find("member@jaga.test")
    assert member is not None and await store.hotspot.accounts.of([member.id])


async def test_a_second_start_adds_nothing_and_a_later_one_another_lesson(store: Store) -> None:
    await seed(store)
    length = await store.redis.xlen(store.keys.events())
    await seed(store)
    assert await store.redis.xlen(store.keys.events()) == length
    teacher = await store.members.find("guru@jaga.test")
    assert teacher is not None
    (lesson,) = await store.attendance.meetings.newest(teacher.id)
    await store.redis.hset(store.keys.meeting(lesson.id), "ends_at", "1")
    await seed(store)
    assert len(await store.attendance.meetings.newest(teacher.id)) == 2


@pytest.mark.parametrize("keys", ["", "a merchant key"])
async def test_the_demo_order_is_a_delivery_that_is_taken(
    environment: dict[str, str], keys: str
) -> None:
    settings = Settings.from_environment(environment | {"LYNK_MERCHANT_KEYS": keys})
    async with open_store(settings) as store:
        await store.redis.set(store.keys.built(), "1")
        await seed(store)
        events = await store.events.read("0-0", 10_000)
        (told,) = [event.data for event in events if event.type == "payment.received"]
        assert told["state"] == "received"


async def test_the_first_admin_of_the_environment_is_the_demo_admin(settings: Settings) -> None:
    named = replace(settings, admin_email="kepala@sekolah.test", admin_password="rahasia-sekali")
    assert accounts(named)["admin"].email == "kepala@sekolah.test"
    assert accounts(named)["admin"].password == "rahasia-sekali"
