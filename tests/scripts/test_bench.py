"""scripts/bench, tiny: that it measures with real tabs, writes what it measured, and says no."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from xml.etree import ElementTree

import pytest

from scripts.benchmark.client import Plan
from scripts.benchmark.clients import Clients
from scripts.benchmark.figures import FIGURES, Figures, percentile
from scripts.benchmark.machine import Cores, Machine
from scripts.benchmark.peers import installed
from scripts.benchmark.product import Product as Bench
from scripts.benchmark.report import Measured, Report
from scripts.benchmark.run import Run
from scripts.benchmark.screen import Screen
from scripts.benchmark.subject import address_of
from store.opening import Store
from tests.parts import ROOT, Product

RUN_SECONDS = 100.0


@dataclass(frozen=True)
class Done:
    status: int
    out: str
    err: str


async def bench(*arguments: str) -> Done:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "scripts.benchmark",
        *arguments,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(RUN_SECONDS):
            out, err = await process.communicate()
    except TimeoutError:
        # asked, so that it ends what it started
        process.terminate()
        out, err = await process.communicate()
        raise AssertionError(f"not done after {RUN_SECONDS:g} s:\n{err.decode()}") from None
    return Done(process.returncode or 0, out.decode(), err.decode())


@pytest.mark.slow
@pytest.mark.timeout(RUN_SECONDS + 20)
async def test_each_durability_is_measured_in_one_run(tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    done = await bench(
        *("--connections", "30", "--clients", "1", "--quick", "--only", "durability"),
        *("--json", str(file)),
    )
    assert done.status == 0, done.err
    ours = json.loads(file.read_text())["runs"][0]["figures"]["jaga"]
    assert len([key for key in ours if key.startswith("durability.")]) == 5 * 3 * 2 + 2
    assert ours["durability.waits"] < 32


@pytest.mark.slow
@pytest.mark.timeout(RUN_SECONDS + 20)
async def test_a_tiny_run_measures_ours_and_a_peer_and_writes_table_json_and_plot(
    tmp_path: Path,
) -> None:
    file, picture = tmp_path / "bench.json", tmp_path / "bench.svg"
    done = await bench(
        *("--connections", "30", "--quick", "--only", "memory,connects,push,all,swap,mass,churn"),
        *("--against", "tornado", "--json", str(file), "--plot", str(picture)),
    )
    assert done.status == 0, done.err
    run = json.loads(file.read_text())["runs"][0]
    ours, theirs = run["figures"]["jaga"], run["figures"]["tornado"]
    side_by_side = {
        f"{name}.{transport}{part}"
        for transport in ("sse", "ws")
        for name, part in (("connects", ""), ("push", ".p50"), ("push", ".p99"), ("all", ""))
    }
    assert all(ours[key] > 0 and theirs[key] > 0 for key in side_by_side), run
    assert ours["swap.p50"] > 0 and ours["mass.all"] > 0, run
    assert ours["churn.descriptors"] == ours["churn.tasks"] == 0, run
    assert run["remarks"] == [], "every tab was told everything"
    assert "tornado" in done.out and "÷ jaga" in done.out
    texts = [
        element.text
        for element in ElementTree.parse(picture).iter()  # noqa: S314
        if element.text
    ]
    assert "30 connections, one process" in texts


@pytest.mark.slow
@pytest.mark.timeout(RUN_SECONDS + 20)
async def test_a_restart_brings_everybody_back_and_a_login_is_told_on_both_servers(
    tmp_path: Path,
) -> None:
    file = tmp_path / "bench.json"
    only = "login,stall,storm"
    done = await bench("--connections", "12", "--quick", "--only", only, "--json", str(file))
    assert done.status == 0, done.err
    run = json.loads(file.read_text())["runs"][0]
    ours = run["figures"]["jaga"]
    assert ours["storm.all"] is not None, run
    assert 0 < ours["login.p50"] < 20_000 and ours["stall.max"] > 0, run
    assert run["remarks"] == []


@pytest.mark.slow
@pytest.mark.timeout(RUN_SECONDS + 20)
async def test_a_running_product_is_filled_and_left_as_it_was(
    product: Callable[..., Awaitable[Product]], store: Store, tmp_path: Path
) -> None:
    running = await product()
    run_file, file = tmp_path / "run.json", tmp_path / "bench.json"
    run_file.write_text(json.dumps({"env": dict(running.env), "pids": {"web": running.web.pid}}))
    done = await bench(
        *("--connections", "12", "--quick", "--only", "connects,push,storm"),
        *("--run-json", str(run_file), "--json", str(file)),
    )
    assert done.status == 0, done.err
    run = json.loads(file.read_text())["runs"][0]
    assert run["figures"]["jaga"]["push.ws.p50"] > 0
    assert "storm needs a product that is started here: not measured" in run["remarks"]
    assert running.web.returncode is None
    pattern = f"{store.settings.redis_prefix}:login:bench-*"
    assert [name async for name in store.redis.scan_iter(pattern)] == []


async def test_a_measure_or_peer_that_is_unknown_is_named() -> None:
    done = await bench("--only", "speed")
    assert done.status == 2 and "'speed'" in done.err
    done = await bench("--against", "apache")
    assert done.status == 2 and "'apache'" in done.err


async def test_more_connections_than_descriptors_are_refused_before_anything_starts() -> None:
    done = await bench("--connections", "900000000")
    assert done.status == 1 and "ulimit -Hn" in done.err


def test_a_peer_that_is_missing_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installed, "PLACE", tmp_path)
    with pytest.raises(installed.NotInstalled, match="pip install"):
        installed.python_with("starlette")
    with pytest.raises(installed.NotInstalled, match="npm install"):
        installed.node()


async def test_a_refused_tab_is_counted_with_the_servers_reason() -> None:
    answer = b'HTTP/1.1 503 x\r\nContent-Length: 18\r\n\r\n{"message":"penuh"}'

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        connected = await asyncio.to_thread(_open_three, port)
    assert connected.count == 0
    assert connected.failures == {"503 penuh": 3}


async def test_who_is_hung_up_on_tries_again_and_the_report_says_so() -> None:
    asked = 0

    async def hang_up_twice(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        number = asked
        await reader.readuntil(b"\r\n\r\n")
        if number > 2:
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n: ok\n\n")
            await reader.read()
        writer.close()

    server = await asyncio.start_server(hang_up_twice, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        figures = Figures()
        first = await asyncio.to_thread(_open_three_patiently, port, figures)
    assert first.count == 1
    assert figures.remarks == ["some came in at the second try only (tabs): 2 × hung up"]


def _open_three(port: int):
    with Clients(1, _everywhere()) as clients:
        return clients.open(_three_plans(port), 2)


def _open_three_patiently(port: int, figures: Figures):
    with Clients(1, _everywhere()) as clients:
        nobody = cast(Bench, None)
        return Run(clients, nobody, [], 3, 1, figures, Screen()).open(_three_plans(port), "tabs")


def _three_plans(port: int) -> list[Plan]:
    request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    return [
        Plan(number, number, ("127.0.0.1", port), address_of(number), request, b"ok", "sse")
        for number in range(3)
    ]


def _everywhere() -> Cores:
    cores = frozenset(os.sched_getaffinity(0))
    return Cores(cores, cores)


def test_each_device_has_a_loopback_address_of_its_own() -> None:
    addresses = [address_of(device) for device in range(100_000)]
    assert len(set(addresses)) == len(addresses)
    assert all(0 <= int(part) <= 255 for address in addresses[::97] for part in address.split("."))


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(number) for number in range(1, 101)]
    assert percentile(values, 0.5) == 50
    assert percentile(values, 0.99) == 99
    assert percentile([7.0], 0.99) == 7


def test_the_table_marks_goals_and_divides_the_peer_by_ours() -> None:
    figures = Figures()
    figures.put("jaga", "memory.sse", 0.5)
    figures.put("jaga", "connects.sse", 3000)
    figures.put("nchan", "memory.sse", 11)
    table = Report(Machine.here(), "").table(Measured(10, figures))
    lines = {line.split("  ")[0]: line.split() for line in table.splitlines()}
    labels = {figure.key: figure.label for figure in FIGURES}
    assert "✓" in lines[labels["memory.sse"]] and lines[labels["memory.sse"]][-1] == "22"
    assert "✗" in lines[labels["connects.sse"]]
