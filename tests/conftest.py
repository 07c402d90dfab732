"""Fixtures for every test. Tests and fixtures may be `async def`.

All tests of a worker run in one loop, so that they can share a browser; what a test leaves running
in it is cancelled behind it.

The product's outside, real ones throughout:

* `redis_server`, `postgres_server`  the session's servers, started when first asked for
* `router`       a RouterOS simulator, as new for each test: `port`, `control(path, **body)`
* `utara`        a second one; `tests.hotspot.routers_of` makes the settings of both
* `own_redis`    a Redis for this test alone, to `kill`, `start` again, `pause` and `resume`
* `sink`         a mail server for this test alone, which keeps what it is given in `directory`
* `chromium`     the session's headless Chromium, Playwright's async `Browser`; each `new_context`
                 is a browser of its own, and is closed when the test is over
* `playwright`, `chromium_path`  for a test that needs a Chromium of its own;
                 `whole_chromium_path` is one with a window and a profile, where there is one

What a test works on, apart from every other test's: a Redis database and a prefix of its own, and
a Postgres database as the migrations left it (`tests.databases`; its schema may be changed too):

* `environment`  the settings as environment variables, to be changed before they are used
* `settings`     the same as `store.settings.Settings`
* `database_url` the Postgres database alone
* `store`        an open store on them, ready to take members
* `serve`        serves all of it from this process (`tests.serving`), with a worker's jobs on
                 threads where one is asked for: `web = await serve(worker=True, GRACE_SECONDS="0")`
* `product`      the same as real processes, for a test where a process dies, starts or speaks to
                 another; called twice it starts two web processes on the same state

And `supervisor`, which starts any other process so that it is gone when the tests are, and
`fork_server`, which runs a command of ours to its end (`tests.forkserver`).
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis
from jinja2 import Environment
from playwright.async_api import Browser, Playwright, async_playwright

from scripts.embedded.mail_sink import MailSink
from scripts.embedded.ports import free_port
from scripts.embedded.postgres_server import PostgresServer
from scripts.embedded.redis_server import DATABASES, RedisServer
from scripts.embedded.supervisor import Supervisor
from scripts.simulator.part import RouterPart
from scripts.tools import chromium as chromium_program
from store import passwords
from store.opening import Store, open_store
from store.settings import Settings
from tests.chromium import launched
from tests.compiled import Compiled
from tests.databases import Databases
from tests.forkserver import ForkServer
from tests.parts import Product, start_product
from tests.serving import Serving, end, serving
from tests.working import working
from web import pages

pytest_plugins = ["tests.reporting"]

_numbers = itertools.cycle(range(1, DATABASES))


class OnDemand(Environment):
    """Templates that a server reads when a page needs them, not all at its start."""

    def list_templates(self, *args: Any, **kwargs: Any) -> list[str]:
        return []


@pytest.fixture(scope="session", autouse=True)
def templates_are_compiled_once() -> Iterator[None]:
    """Compiling them is nineteen parts in twenty of what the start of a server costs, and loading
    what is compiled half of the rest."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages, "Environment", partial(OnDemand, bytecode_cache=Compiled()))
        yield


@pytest.fixture(scope="session", autouse=True)
def passwords_are_cheap() -> Iterator[None]:
    """Hash at bcrypt's lowest cost: the product's own takes 0.1 s of a core for each password."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "COST", 4)
        yield


@pytest.fixture(scope="session")
def fork_server(pytestconfig: pytest.Config) -> Iterator[ForkServer]:
    reporting: Any = pytestconfig.pluginmanager.get_plugin("jaga-reporting")
    reporting.count_at(ForkServer, "_fork", "forks")
    server = ForkServer()
    yield server
    server.close()


@pytest.fixture(scope="session")
def supervisor(fork_server: ForkServer) -> Iterator[Supervisor]:
    with Supervisor(popen=fork_server.popen) as supervisor:
        yield supervisor


@pytest.fixture(scope="session")
def redis_server(
    supervisor: Supervisor, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"), supervisor)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def postgres_server(
    supervisor: Supervisor, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PostgresServer]:
    server = PostgresServer(tmp_path_factory.mktemp("pg") / "data", supervisor, durable=False)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def own_redis(supervisor: Supervisor, tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path / "redis", supervisor)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def sink(supervisor: Supervisor, tmp_path: Path) -> Iterator[MailSink]:
    sink = MailSink(tmp_path / "mails", supervisor, tmp_path / "mail.log")
    sink.start()
    yield sink
    sink.stop()


@pytest.fixture(scope="session")
def routers(
    supervisor: Supervisor, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str, str], RouterPart]]:
    """The session's, by name and portal, as new: to start one costs more than most tests take."""
    place = tmp_path_factory.mktemp("routers")
    known: dict[str, RouterPart] = {}

    def as_new(name: str, portal: str) -> RouterPart:
        if name not in known:
            known[name] = RouterPart(supervisor, place / f"{name}.log", portal)
        part = known[name]
        if part.child is None or part.child.returncode is not None:
            part.start()
        part.resume()
        part.reset()
        return part

    yield as_new
    for part in known.values():
        part.stop()


@pytest.fixture
def router(routers: Callable[[str, str], RouterPart]) -> RouterPart:
    return routers("router", "http://portal.test/hotspot/login")


@pytest.fixture
def utara(routers: Callable[[str, str], RouterPart]) -> RouterPart:
    return routers("utara", "http://portal.test/")


@pytest.fixture
def redis_url(redis_server: RedisServer) -> Iterator[str]:
    url = redis_server.url_of(next(_numbers))
    yield url
    with redis.Redis.from_url(url) as connection:
        connection.flushdb()


@pytest.fixture(scope="session")
def databases(postgres_server: PostgresServer) -> Iterator[Databases]:
    databases = Databases(postgres_server)
    yield databases
    databases.close()


@pytest.fixture
def database_url(databases: Databases) -> Iterator[str]:
    yield databases.lend()
    databases.take_back()


@pytest.fixture
def environment(redis_url: str, database_url: str, tmp_path: Path) -> dict[str, str]:
    return {
        "JAGA_ENV": "dev",
        "JAGA_HOME": str(tmp_path / "home"),
        "BIND": "127.0.0.1",
        "PORT": str(free_port()),
        "SECRET_KEY": "a key that only tests know",
        "REDIS_URL": redis_url,
        "REDIS_PREFIX": f"t{secrets.token_hex(4)}",
        "DATABASE_URL": database_url,
    }


@pytest.fixture
def settings(environment: dict[str, str]) -> Settings:
    return Settings.from_environment(environment)


@pytest.fixture
async def store(settings: Settings) -> AsyncIterator[Store]:
    async with open_store(settings) as store:
        await store.redis.set(store.keys.built(), "1")
        yield store


@pytest.fixture
async def serve(environment: dict[str, str]) -> AsyncIterator[Callable[..., Awaitable[Serving]]]:
    async with AsyncExitStack() as stack:
        started = 0

        async def start(*, worker: bool = False, **changes: str) -> Serving:
            nonlocal started
            port = str(free_port()) if started else environment["PORT"]
            started += 1
            env = {**environment, "PORT": port, **changes}
            site = await stack.enter_async_context(serving(env))
            if worker:
                await stack.enter_async_context(working(env))
            return site

        yield start


@pytest.fixture
async def product(
    supervisor: Supervisor, environment: dict[str, str], tmp_path: Path
) -> AsyncIterator[Callable[..., Awaitable[Product]]]:
    started: list[Product] = []

    async def start(*, worker: bool = False, scheduler: bool = False, **changes: str) -> Product:
        port = environment["PORT"] if not started else str(free_port())
        env = {**environment, "PORT": port, **changes}
        product = await start_product(supervisor, env, tmp_path, worker=worker, scheduler=scheduler)
        started.append(product)
        return product

    yield start
    for product in started:
        await product.stop()


@pytest.fixture(scope="session")
def chromium_path() -> Path:
    path = chromium_program.find()
    if path is None:
        pytest.fail("no Chromium: run scripts/test, which brings it, or set CHROMIUM")
    return path


@pytest.fixture(scope="session")
def whole_chromium_path(chromium_path: Path) -> Path:
    return chromium_program.whole() or chromium_path


@pytest.fixture(scope="session")
async def playwright() -> AsyncIterator[Playwright]:
    before = asyncio.all_tasks()
    async with async_playwright() as playwright:
        _of_the_session.update(asyncio.all_tasks() - before)
        yield playwright


@pytest.fixture(scope="session")
async def browsers(
    playwright: Playwright, chromium_path: Path
) -> AsyncIterator[Callable[[], Awaitable[Browser]]]:
    """The session's Chromium; another one when it has crashed."""
    running: list[Browser] = []

    async with AsyncExitStack() as stack:

        async def one() -> Browser:
            if not running or not running[-1].is_connected():
                browser = launched(playwright, chromium_path)
                running.append(await stack.enter_async_context(browser))
            return running[-1]

        yield one


@pytest.fixture
async def chromium(browsers: Callable[[], Awaitable[Browser]]) -> AsyncIterator[Browser]:
    browser = await browsers()
    yield browser
    for context in browser.contexts:
        await context.close()


_of_the_session: set[asyncio.Task[object]] = set()


@pytest.fixture(autouse=True)
async def nothing_goes_on() -> AsyncIterator[None]:
    """Cancel what a test left running or due, as the end of a loop of its own would."""
    due = _due()
    before = asyncio.all_tasks()
    yield
    for timer in _due() - due:
        timer.cancel()
    left = asyncio.all_tasks() - before - _of_the_session
    await end({task for task in left if task is not asyncio.current_task()})


def _due() -> set[asyncio.TimerHandle]:
    """What `call_later` is to call: a server's clocks outlive it in a loop that goes on."""
    return set(vars(asyncio.get_running_loop())["_scheduled"])
