"""`scripts/bench`: measures the product, and a peer beside it, and says which goals are met.

It starts the product on parts of its own in a scratch directory, or is pointed at a running one,
fills it with real sessions' tabs from several client processes and measures from outside. It
prints a table and writes JSON and a plot on demand.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from scripts.benchmark import machine
from scripts.benchmark.clients import Clients, ClientsFailed
from scripts.benchmark.figures import Figures
from scripts.benchmark.measures import crowd, logins, mass, staying
from scripts.benchmark.product import Product
from scripts.benchmark.report import table
from scripts.benchmark.run import Run
from scripts.benchmark.screen import Screen
from scripts.benchmark.subject import TRANSPORTS
from scripts.embedded.postgres_server import PostgresServer
from scripts.embedded.redis_server import RedisServer
from scripts.embedded.supervisor import StartError, Supervisor
from scripts.migrate import migrate
from store.settings import Settings

CROWD = ("memory", "connects", "push", "all")
SINGLY: dict[str, Callable[[Run], Awaitable[None]]] = {
    "swap": logins.measure_swap,
    "login": logins.measure_login,
    "stall": logins.measure_stall,
    "mass": mass.measure,
    "cpu": staying.measure_cpu,
    "storm": staying.measure_storm,
    "churn": staying.measure_churn,
}
NAMES = (*CROWD, *SINGLY)


def main(arguments: list[str]) -> int:
    """Measure what the arguments ask for; returns the exit status."""
    asked = _asked(arguments)
    screen = Screen()
    try:
        asyncio.run(_measure(asked, screen))
    except (StartError, ClientsFailed) as error:
        screen.say(f"bench: {error}")
        return 1
    return 0


def _asked(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--connections", type=int, default=10_000, metavar="N")
    parser.add_argument("--tabs", type=int, default=3, metavar="T", help="tabs of each device")
    parser.add_argument("--clients", type=int, default=2, metavar="P", help="client processes")
    parser.add_argument("--only", default=",".join(NAMES), metavar="NAME,…")
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    asked = parser.parse_args(arguments)
    asked.only = frozenset(asked.only.split(","))
    return asked


async def _measure(asked: argparse.Namespace, screen: Screen) -> None:
    cores = machine.Cores.divided()
    machine.raise_descriptor_limit()
    here = machine.Machine.here()
    screen.say(f"{here}")
    screen.say(f"{cores}")
    machine.pin(0, cores.clients)
    figures = Figures()
    with Supervisor() as supervisor, tempfile.TemporaryDirectory(prefix="jaga-bench-") as scratch:
        async with _product(supervisor, cores, Path(scratch)) as product:
            devices = max(1, asked.connections // asked.tabs)
            await product.populate(
                devices, lambda done, total: screen.progress("members", done, total)
            )
            with Clients(asked.clients, cores) as clients:
                run = Run(
                    clients, product, [product], devices, asked.tabs, figures, screen, asked.quick
                )
                if asked.only & set(CROWD):
                    for transport in TRANSPORTS:
                        await crowd.measure(run, transport, asked.only)
                for name, measure in SINGLY.items():
                    if name in asked.only:
                        screen.say(f"{name} …")
                        await measure(run)
            await product.stop()
    print(table(figures, "jaga", []))


@asynccontextmanager
async def _product(
    supervisor: Supervisor, cores: machine.Cores, home: Path
) -> AsyncIterator[Product]:
    redis = RedisServer(home / "redis", supervisor)
    postgres = PostgresServer(home / "postgres", supervisor, durable=False)
    redis.start()
    postgres.start()
    migrate(postgres.url)
    env = {
        "JAGA_ENV": "production",
        "JAGA_HOME": str(home),
        "BIND": "127.0.0.1",
        "SECRET_KEY": secrets.token_urlsafe(32),
        "REDIS_URL": redis.url,
        "REDIS_PREFIX": "bench",
        "DATABASE_URL": postgres.url,
    }
    Settings.from_environment(env)
    product = Product(supervisor, env, cores, home)
    await product.open()
    try:
        yield product
    finally:
        await product.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
