"""`scripts/bench`: measures the product, and a peer beside it, and says which goals are met.

It starts the product on parts of its own in a scratch directory, or is pointed at one that runs,
fills it with real sessions' tabs from several client processes, and measures from outside.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from scripts.benchmark import machine, peers
from scripts.benchmark.clients import Clients, ClientsFailed
from scripts.benchmark.figures import Figures
from scripts.benchmark.machine import Cores, Machine
from scripts.benchmark.measures import (
    approvals,
    attendance,
    crowd,
    durability,
    flood,
    hotspot,
    logins,
    mass,
    payments,
    profile,
    staying,
)
from scripts.benchmark.peers.installed import NotInstalled
from scripts.benchmark.product import Product
from scripts.benchmark.report import Measured, Report
from scripts.benchmark.run import Run
from scripts.benchmark.running import Running, environment_for, environment_of
from scripts.benchmark.screen import Screen
from scripts.benchmark.subject import TRANSPORTS
from scripts.embedded.ports import free_port
from scripts.embedded.postgres_server import PostgresServer
from scripts.embedded.redis_server import RedisServer
from scripts.embedded.supervisor import StartError, Supervisor, last_lines
from scripts.migrate import MigrationError, migrate
from store.settings import SettingsError

CROWD = ("memory", "connects", "push", "all")
"""Measured of everybody, while a full house stays."""

ALONE: dict[str, Callable[[Run], Awaitable[None]]] = {
    "logout": logins.measure_logout,
    "swap": logins.measure_swap,
    "login": logins.measure_login,
    "stall": logins.measure_stall,
    "approval": approvals.measure,
    "attendance": attendance.measure,
    "payments": payments.measure,
    "durability": durability.measure,
    "hotspot": hotspot.measure,
    "flood": flood.measure,
    "mass": mass.measure,
    "cpu": staying.measure_cpu,
    "storm": staying.measure_storm,
    "churn": staying.measure_churn,
}
"""Measured of the product alone, each on a fresh process."""

NEED_OWN_PROCESS = frozenset({"durability", "hotspot", "flood", "storm", "churn"})
NAMES = (*CROWD, *ALONE)

MOST_TABS = 20
"""More of one device are closed by the product (MAX_TABS_PER_DEVICE)."""

SPARE_DESCRIPTORS = 300
"""What a process needs besides its connections."""


def main(arguments: list[str]) -> int:
    """Measure what the arguments ask for; returns the exit status."""
    asked = _asked(arguments)
    screen = Screen()
    try:
        asyncio.run(_bench(asked, screen))
    except NotInstalled as error:
        screen.say(f"bench: the peer is not installed here: {error}")
        return 1
    except (StartError, ClientsFailed, SettingsError, MigrationError) as error:
        screen.say(f"bench: {error}")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _asked(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    add = parser.add_argument
    add("--connections", default="10000", metavar="N[,N…]", help="tabs in a full house (10000)")
    add("--tabs", type=int, default=3, metavar="T", help="tabs of each device (3)")
    add("--clients", type=int, default=2, metavar="P", help="client processes (2)")
    add("--only", default=",".join(NAMES), metavar="NAME[,…]", help=f"of {', '.join(NAMES)}")
    add("--against", default="", metavar="PEER[,…]", help=f"of {', '.join(peers.NAMES)}")
    add("--json", type=Path, metavar="FILE", help="write everything measured")
    add("--plot", type=Path, metavar="FILE.svg", help="draw it")
    add("--run-json", type=Path, metavar="FILE", help="measure the product of this run.json")
    add("--url", metavar="URL", help="measure the product there; the environment has its settings")
    add("--profile", action="store_true", help="only show where memory and time go")
    add("--quick", action="store_true", help="few rounds: see that it works")
    asked = parser.parse_args(arguments)
    asked.connections = [_whole(parser, text) for text in asked.connections.split(",")]
    asked.only = _chosen(parser, "--only", asked.only, NAMES)
    asked.against = _chosen(parser, "--against", asked.against, peers.NAMES)
    if not 1 <= asked.tabs <= MOST_TABS or asked.clients < 1:
        parser.error(f"--tabs takes 1 to {MOST_TABS}, --clients at least 1")
    return asked


def _whole(parser: argparse.ArgumentParser, text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        parser.error(f"--connections takes whole numbers from 1, not {text!r}")
    return int(text)


def _chosen(
    parser: argparse.ArgumentParser, option: str, text: str, known: Sequence[str]
) -> list[str]:
    words = [word for word in text.split(",") if word]
    for word in words:
        if word not in known:
            parser.error(f"{option} takes {', '.join(known)}, not {word!r}")
    return words


async def _bench(asked: argparse.Namespace, screen: Screen) -> None:
    """Everything, from the machine to the last file."""
    limit = machine.raise_descriptor_limit()
    cores = Cores.divided()
    is_ours = not (asked.run_json or asked.url)
    where = str(cores) if is_ours else f"{cores}; jaga where it was started"
    report = Report(Machine.here(), where)
    screen.say(f"{report.machine}\n{where}")
    _require_descriptors(asked, limit)
    machine.pin(0, cores.clients)
    with Supervisor() as supervisor, tempfile.TemporaryDirectory(prefix="jaga-bench-") as scratch:
        async with _product(asked, supervisor, cores, Path(scratch)) as product:
            url = product.settings.redis_url
            others = [
                peers.make(name, supervisor, url, cores, Path(scratch)) for name in asked.against
            ]
            try:
                for connections in asked.connections:
                    with Clients(asked.clients, cores) as clients:
                        run = Run(
                            clients,
                            product,
                            [product, *others],
                            max(1, connections // asked.tabs),
                            asked.tabs,
                            Figures(),
                            screen,
                            asked.quick,
                        )
                        await _one_size(run, asked, report)
            finally:
                # also when it broke off: what was measured until then is worth having
                report.write(asked.json, asked.plot)


async def _one_size(run: Run, asked: argparse.Namespace, report: Report) -> None:
    """Fill a house of one size and measure it, or show where its memory and time go."""
    run.screen.say(f"{run.connections:,} connections")
    # some of a smaller house were put out by what was measured there
    await run.product.restore(list(range(len(run.product.opened))))
    await _populate(run)
    if asked.profile:
        print(await profile.measure(run))
        return
    measured = Measured(run.connections, run.figures)
    report.runs.append(measured)
    try:
        await _measure(run, asked.only)
    except (StartError, ClientsFailed):
        run.figures.remark("it broke off here: see what was said at the end")
        raise
    finally:
        print(report.table(measured))


def _require_descriptors(asked: argparse.Namespace, limit: int) -> None:
    most = max(asked.connections)
    share = most * (1 + len(asked.against)) // asked.clients
    if most + SPARE_DESCRIPTORS > limit or share + SPARE_DESCRIPTORS > limit:
        raise StartError(
            f"{most:,} connections need more descriptors than the {limit:,} a process may have "
            "here: raise the hard limit (ulimit -Hn), take more --clients, or fewer --connections"
        )


@asynccontextmanager
async def _product(
    asked: argparse.Namespace, supervisor: Supervisor, cores: Cores, home: Path
) -> AsyncIterator[Product]:
    if asked.run_json or asked.url:
        found = environment_of(asked.run_json) if asked.run_json else environment_for(asked.url)
        product: Product = Running(supervisor, found[0], cores, home, found[1])
    else:
        product = Product(supervisor, await _parts(supervisor, home), cores, home)
    await product.open()
    try:
        yield product
    except ClientsFailed as error:
        # the log's directory is about to be removed
        raise ClientsFailed(f"{error}{last_lines(home / 'web.log')}") from error
    finally:
        await product.stop()
        await product.close()


async def _parts(supervisor: Supervisor, home: Path) -> dict[str, str]:
    """Start Redis and Postgres; returns the settings of a product on them."""
    redis = RedisServer(home / "redis", supervisor)
    postgres = PostgresServer(home / "postgres", supervisor, durable=False)
    await asyncio.gather(asyncio.to_thread(redis.start), asyncio.to_thread(postgres.start))
    await asyncio.to_thread(migrate, postgres.url)
    port = str(free_port())
    return {
        "JAGA_ENV": "production",
        "JAGA_HOME": str(home),
        "BIND": "127.0.0.1",
        "PORT": port,
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "SECRET_KEY": secrets.token_urlsafe(32),
        "REDIS_URL": redis.url,
        "REDIS_PREFIX": "bench",
        "DATABASE_URL": postgres.url,
    }


async def _populate(run: Run) -> None:
    for subject in run.subjects:
        await subject.populate(
            run.devices,
            lambda done, total: run.screen.progress("members logged in", done, total),
        )
        run.figures.remark(subject.remark)


async def _measure(run: Run, names: Sequence[str]) -> None:
    """The crowd first, side by side with the peers; then the product alone."""
    if set(names) & set(CROWD):
        for transport in TRANSPORTS:
            run.screen.say(f"{', '.join(name for name in CROWD if name in names)}: {transport}")
            await crowd.measure(run, transport, frozenset(names))
    for name, measure in ALONE.items():
        if name not in names:
            continue
        if name in NEED_OWN_PROCESS and not run.product.is_ours:
            run.figures.remark(f"{name} needs a product that is started here: not measured")
            continue
        run.screen.say(name)
        await measure(run)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
