"""The figures as Prometheus reads them: names, types, units, and labels of a few words each."""

from __future__ import annotations

import re

from prometheus_client.parser import text_string_to_metric_families

from realtime.metrics import Metrics, Snapshot
from tests.client import Browser
from tests.serving import Serving, open_session, serving

UNITS = ("_seconds", "_bytes")
NOTHING = Snapshot(
    serving=False,
    degraded=0,
    up={"redis": False},
    connections={"sse": 0},
    ended={},
    sessions=0,
    payments={},
    spooled=None,
    log_lag_seconds=None,
    routers={},
    outboxes={},
    resting={},
    processes={},
)


async def figures(site: Serving) -> dict[str, float]:
    """Every sample by its name and labels."""
    text = (await site.browser().get("/metrics")).body.decode()
    return {
        line.rpartition(" ")[0]: float(line.rpartition(" ")[2])
        for line in text.splitlines()
        if not line.startswith("#")
    }


async def test_each_has_help_a_type_and_a_name_by_the_conventions(environment) -> None:
    async with serving(environment) as site:
        browser = await site.logged_in(await site.member())
        async with browser.tab() as tab:
            await tab.event()
            answer = await site.browser().get("/metrics")
        assert answer.headers["content-type"].startswith("text/plain")
        text = answer.body.decode()
    families = list(text_string_to_metric_families(text))
    assert len(families) > 12
    for family in families:
        assert family.documentation and f"# TYPE {family.name}" in text, family.name
        assert re.fullmatch(r"(jaga|process)_[a-z_]+", family.name)
        for sample in family.samples:
            if family.type == "counter":
                assert sample.name.endswith("_total"), sample.name
            if family.type == "histogram":
                assert family.name.endswith(UNITS), family.name
            assert not sample.name.endswith("_created")
            assert set(sample.labels) <= {"le", "code", "why", "reason", "transport", "state"} | {
                "tier",
                "dependency",
                "router",
                "outbox",
                "role",
            }


async def test_what_happens_is_counted(environment) -> None:
    async with serving(environment) as site:
        member = await site.member()
        browser = await site.logged_in(member)
        async with browser.tab() as tab:
            await tab.event()
            before = await figures(site)
            assert before['jaga_connections{transport="ws"}'] == 1
            assert before["jaga_sessions"] == before["jaga_ready"] == 1
            await open_session(site.store, member)
            assert (await tab.event())["event"] == "force_logout"
            assert (await tab.event())["code"] == 4501
        refused = await site.browser().get("/api/realtime/attendance-stream")
        assert refused.status == 401
        await site.browser().get("/nowhere")
        after = await figures(site)
        assert after['jaga_kicked_tabs_total{reason="replaced"}'] == 1
        assert after["jaga_kick_seconds_count"] == 1
        assert after['jaga_connections_ended_total{why="4501"}'] == 1
        assert after['jaga_refused_connections_total{code="401"}'] == 1
        assert after['jaga_http_requests_total{code="404"}'] == 1
        assert after["jaga_http_request_duration_seconds_count"] > 1
        assert after["jaga_loop_lag_seconds_count"] > 0
        assert after['jaga_up{dependency="redis"}'] == after['jaga_up{dependency="postgres"}'] == 1
        assert after["process_resident_memory_bytes"] > 1_000_000


async def test_what_a_client_chooses_is_no_label(environment) -> None:
    async with serving(environment) as site:
        await site.browser().get("/metrics")
        before = len(await figures(site))
        for number in range(20):
            stranger = Browser(site.port, agent=f"agent {number}")
            await stranger.send("GET", f"/odd/{number}", b"")
            await stranger.send(f"M{number}", "/login", b"")
        assert len(await figures(site)) <= before + 2  # 404 and 405


async def test_without_postgres_it_says_so_and_is_ready(environment) -> None:
    away = {"DATABASE_URL": "postgresql://127.0.0.1:1/none"}
    async with serving(environment, **away) as site:
        found = await figures(site)
        assert found['jaga_up{dependency="postgres"}'] == 0 and found["jaga_ready"] == 1


def test_what_could_not_be_asked_has_no_sample() -> None:
    text = Metrics().text(NOTHING).decode()
    assert "# TYPE jaga_event_log_lag_seconds gauge" in text
    assert "\njaga_event_log_lag_seconds " not in text and "NaN" not in text
    assert "\njaga_payments_spooled " not in text and "\njaga_ready 0.0" in text


def test_a_reason_that_nobody_wrote_is_another() -> None:
    metrics = Metrics()
    for reason in ("idle", "x" * 1_000, "y"):
        metrics.kicked(reason, 1, 0.01)
    text = metrics.text(NOTHING).decode()
    assert 'jaga_kicked_tabs_total{reason="idle"} 1.0' in text
    assert 'jaga_kicked_tabs_total{reason="other"} 2.0' in text and "xxx" not in text


async def test_not_ready_says_which_part_is_not(environment) -> None:
    async with serving(environment) as site:
        site.server._sweep.built.clear()
        answer = await site.browser().get("/readyz")
        assert (answer.status, answer.json["members"]["restored"]) == (503, False)
        site.server._sweep.built.set()
        site.server._handshake.is_closing = True
        answer = await site.browser().get("/readyz")
        assert (answer.status, answer.json["closing"]) == (503, True)


async def test_routers_are_as_their_last_runs_saw_them(environment) -> None:
    more = {"MIKROTIK_HOST": "10.0.0.1", "MIKROTIK_ROUTERS": "utara=api://10.0.0.2,baru=api://h"}
    run = {"router": "utama", "only": "", "state": "done", "at": 5.0, "errors": [], "members": 9}
    run |= {"took_ms": 1500, "prints": 4, "writes": 0, "pending": 2, "conflicts": {}}
    async with serving({**environment, **more}) as site:
        await site.store.hotspot.ledger.note_run(run)
        await site.store.hotspot.ledger.note_run(
            run | {"router": "utara", "state": "away", "at": 7.0}
        )
        seen = await figures(site)
        ready = await site.browser().get("/readyz")
    assert seen['jaga_router_up{router="utama"}'] == 1
    assert seen['jaga_router_up{router="utara"}'] == 0
    assert seen['jaga_router_pass_seconds{router="utama"}'] == 1.5
    assert seen['jaga_router_pending{router="utama"}'] == 2
    assert not any("baru" in name for name in seen)
    assert ready.status == 200, "a router that is away keeps nobody from logging in"
    assert ready.json["routers"]["utara"]["away_since"] == 7.0
    assert ready.json["routers"]["baru"]["state"] == "unknown"
    assert "10.0.0" not in ready.body.decode()
