"""The rules of DESIGN §3 and §4, read from the sources: who imports whom, one door per thing."""

from __future__ import annotations

import ast
import re
from graphlib import CycleError, TopologicalSorter

import pytest

from scripts.tools import architecture
from tests.sources import PACKAGES, ROOT, imports_of, sources

ALLOWED = {
    "store": {"store"},
    "web": {"store", "web"},
    "realtime": {"store", "realtime"},
    "jobs": {"store", "jobs"},
    "scripts": {"store", "jobs", "realtime", "scripts"},
}
ALLOWED_BESIDE = {"realtime/server.py": {"web"}}


@pytest.mark.parametrize("package", PACKAGES)
def test_who_may_import_whom(package: str) -> None:
    wrong = []
    for name, tree in sources(package):
        allowed = ALLOWED[package] | ALLOWED_BESIDE.get(name, set())
        for imported in imports_of(tree):
            top = imported.partition(".")[0]
            if top in (*PACKAGES, "tests") and top not in allowed:
                wrong.append(f"{name} imports {imported}")
    assert wrong == []


def test_realtime_has_the_rooms_and_arrows_of_its_picture() -> None:
    real: dict[str, set[str]] = {}
    for name, tree in sources("realtime"):
        room = name.removesuffix(".py").split("/")[1]
        targets = {
            imported.split(".")[1]
            for imported in imports_of(tree)
            if imported.startswith("realtime.")
        }
        real.setdefault(room, set()).update(targets - {room})
    del real["__init__"]
    picture = architecture.read("realtime")
    drawn = {name: set[str]() for name in picture["rooms"]}
    for arrows in (picture["imports"], picture["wires"]):
        for room, targets in arrows.items():
            drawn[room] |= set(targets)
    assert real == drawn


def test_no_arrow_of_realtime_goes_up_and_it_stays_small() -> None:
    picture = architecture.read("realtime")
    floor = {name: row for name, (_, row, _) in picture["rooms"].items()}
    arrows = [
        (room, target)
        for kind in ("imports", "wires")
        for room, targets in picture[kind].items()
        for target in targets
    ]
    assert [arrow for arrow in arrows if floor[arrow[0]] >= floor[arrow[1]]] == []
    assert len(floor) <= 9 and len(set(floor.values())) <= 6


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_imports_itself_through_others(package: str) -> None:
    """Rooms keep no secret circles: inside a room modules lie above each other as well."""
    modules = {name.removesuffix(".py").replace("/", "."): tree for name, tree in sources(package)}
    arrows = {
        name: {
            found
            for imported in imports_of(tree)
            for found in (imported, imported.rpartition(".")[0])
            if found in modules and found != name
        }
        for name, tree in modules.items()
    }
    try:
        tuple(TopologicalSorter(arrows).static_order())
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


def test_an_operators_command_needs_no_house_of_scripts() -> None:
    """A deployment has what requirements.txt brings, and the houses need more than that."""
    houses = {path.parent.name for path in (ROOT / "scripts").glob("*/__init__.py")}
    assert {"tools", "simulator", "benchmark"} <= houses
    wrong = []
    for name, tree in sources("scripts"):
        if name.count("/") == 1 and name != "scripts/router_simulator.py":
            wrong += [
                f"{name} imports {imported}"
                for imported in imports_of(tree)
                if imported.startswith("scripts.") and imported.split(".")[1] in houses
            ]
    assert wrong == []


def test_nothing_is_imported_from_a_module_of_tests() -> None:
    """Else its fixtures come along, and tests cannot be moved or taken out by themselves."""
    wrong = []
    for name, tree in sources("tests"):
        for imported in imports_of(tree):
            if imported.startswith("tests.") and ".test_" in imported:
                wrong.append(f"{name} imports {imported}")
    assert wrong == []


@pytest.mark.parametrize("package", ["store", "web", "realtime", "jobs"])
def test_the_environment_is_read_in_one_file(package: str) -> None:
    wrong = []
    for name, tree in sources(package):
        for node in ast.walk(tree):
            named = isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv")
            if named and name not in ("store/settings.py",):
                wrong.append(f"{name}:{getattr(node, 'lineno', 0)}")
    assert wrong == []


REDIS_NAME = re.compile(r"\{?(self\.)?_?prefix\}?:|:\{m:|^jaga:\S")


@pytest.mark.parametrize("package", ["store", "web", "realtime", "jobs"])
def test_names_of_redis_are_spelled_in_one_file(package: str) -> None:
    wrong = []
    for name, tree in sources(package):
        if name == "store/keys.py":
            continue
        docs = {
            id(node.value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                text = ast.unparse(node)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = node.value if id(node) not in docs else ""
            else:
                continue
            # rq's own namespace is rq's, and named after the prefix where queue.py speaks to it
            if REDIS_NAME.search(text) and not text.startswith(("f'rq:", 'f"rq:')):
                wrong.append(f"{name}:{node.lineno} {text[:60]}")
    assert wrong == []


OPENING = {"from_url", "from_pool", "ConnectionPool", "BlockingConnectionPool"}


@pytest.mark.parametrize("package", ["store", "web", "realtime", "jobs"])
def test_connections_to_redis_are_opened_in_one_file(package: str) -> None:
    """Else one of them knows nothing of Sentinels, of REDIS_CA, or of deadlines."""
    wrong = [
        f"{name}:{node.lineno} {ast.unparse(node.func)}"
        for name, tree in sources(package)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and name != "store/redis_servers.py"
        if ast.unparse(node.func).rpartition(".")[2] in {*OPENING, "Redis"}
    ]
    assert wrong == []


def test_scripts_take_every_name_through_keys() -> None:
    """No Lua file spells a Redis name, nor makes one that its caller did not pass."""
    wrong = []
    for path in sorted((ROOT / "store" / "lua").glob("*.lua")):
        lines = path.read_text().splitlines()
        code = "\n".join(line.split("--")[0] for line in lines)
        for called in re.finditer(r"redis\.p?call\(\s*'(\w+)'\s*,\s*('[^']*')", code):
            if called[1] not in ("TIME", "INFO"):
                wrong.append(f"{path.name}: {called[0]}")
        head = "\n".join(line for line in lines if line.startswith("--"))
        if not path.stem.endswith("_rules") and "KEYS" in code and "KEYS" not in head:
            wrong.append(f"{path.name}: its head names no KEYS")
    assert wrong == []


BLOCKING = {
    "time.sleep",
    "requests",
    "subprocess.run",
    "subprocess.check_output",
    "urllib.request.urlopen",
    "sqlite3",
    "smtplib.SMTP",
}
ON_THE_LOOP = ("web", "realtime")
AT_START = {"web/assets.py"}
"""Reads its files once, before the first request."""


@pytest.mark.parametrize("package", ON_THE_LOOP)
def test_nothing_blocking_on_the_event_loop(package: str) -> None:
    wrong = []
    for name, tree in sources(package):
        for imported in imports_of(tree):
            top = imported.partition(".")[0]
            sync_redis = top == "redis" and not imported.startswith(("redis.asyncio", "redis.exc"))
            if imported in BLOCKING or top in BLOCKING or sync_redis or top == "bcrypt":
                wrong.append(f"{name} imports {imported}")
        awaited = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Await)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and id(node) not in awaited:
                called = ast.unparse(node.func)
                reads = called == "open" or called.endswith((".read_text", ".read_bytes"))
                if called in BLOCKING or (reads and name not in AT_START):
                    wrong.append(f"{name}:{node.lineno} {called}")
    assert wrong == []


def test_bcrypt_is_called_in_one_file() -> None:
    users = [
        name
        for package in PACKAGES
        for name, tree in sources(package)
        if any(imported.partition(".")[0] == "bcrypt" for imported in imports_of(tree))
    ]
    assert users == ["store/passwords.py"]


@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_begins_with_a_sentence(package: str) -> None:
    mute = [name for name, tree in sources(package) if not (ast.get_docstring(tree) or "").strip()]
    assert [name for name in mute if (ROOT / name).read_text().strip()] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_no_failure_is_swallowed_whole(package: str) -> None:
    """No bare `except`, and no `except Exception: pass`."""
    wrong = []
    for name, tree in sources(package):
        for node in ast.walk(tree):
            if isinstance(node, ast.ExceptHandler):
                kind = ast.unparse(node.type) if node.type else ""
                silent = all(isinstance(line, ast.Pass) for line in node.body)
                if not kind or (kind in ("Exception", "BaseException") and silent):
                    wrong.append(f"{name}:{node.lineno}")
    assert wrong == []
