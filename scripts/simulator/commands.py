"""The commands: what `print`, `add`, `set`, `remove` and the others do, and how they refuse."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass, field
from itertools import islice

from scripts.simulator.faults import Faults
from scripts.simulator.furnishing import furnish
from scripts.simulator.heard import Heard
from scripts.simulator.hotspot import Hotspot, Refused
from scripts.simulator.menus import MENUS, NAMED, READ, USER_UNSET, Menu
from scripts.simulator.query import BadQuery, matches
from scripts.simulator.records import Clock, Device, Usage
from scripts.simulator.rows import active_rows, cookie_rows, host_rows, user_rows
from scripts.simulator.tables import Row, Table
from scripts.simulator.values import duration_text

_OPTIONS = frozenset(
    {".proplist", "detail", "stats", "count-only", "value-list", "terse", "brief", ".id"}
)


class Trap(Exception):
    """A `!trap`: its message, and its category when the router gives one."""

    def __init__(self, message: str, category: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.category = category


@dataclass(frozen=True)
class Reply:
    """What a command answers: rows, then `!done` with `ret` when there is one."""

    rows: Sequence[Row] = ()
    ret: str | None = None
    is_print: bool = False


@dataclass
class Command:
    """One command, taken apart."""

    path: str
    verb: str
    arguments: dict[str, str]
    bare: list[str] = field(default_factory=list)
    queries: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Path and verb, as it was sent."""
        return f"{self.path}/{self.verb}"

    @classmethod
    def of(cls, words: Sequence[str]) -> Command:
        """Take the words of a sentence apart; `.tag` is the connection's and not among them."""
        path, _, verb = words[0].rpartition("/")
        command = cls(path, verb, {})
        for word in words[1:]:
            if word.startswith("?"):
                command.queries.append(word[1:])
            elif word.startswith("="):
                name, equals, value = word[1:].partition("=")
                command.arguments[name] = value
                if not equals:
                    command.bare.append(name)
        return command


class Router:
    """One router: its tables, its hotspot, and what is wrong with it."""

    def __init__(
        self, username: str = "admin", password: str = "", portal: str = "", base: str = ""
    ) -> None:
        self._made_of = username, password, portal, base
        self.reset()

    def reset(self) -> None:
        """Be as when it was made: nothing written, nobody there, nothing wrong."""
        username, password, portal, base = self._made_of
        self.faults = Faults()
        self.clock = Clock()
        self.tables = {
            path: Table(("name", *menu.unique)) for path, menu in MENUS.items() if not menu.live
        }
        self.hotspot = Hotspot(self.tables, self.faults, self.clock, portal, base)
        self.hotspot.booted = self.clock.now()
        self.heard = Heard()
        self.files: dict[str, str] = {}
        """Pages that an operator put on the router in place of its own."""

        self.flagged: list[str] = []
        """Commands with a bare argument: harmless here, unknown on a real router."""

        furnish(self.tables, username, password)
        self._live: Mapping[str, Callable[[Hotspot], Iterator[Row]]] = {
            "/ip/hotspot/host": host_rows,
            "/ip/hotspot/active": active_rows,
            "/ip/hotspot/cookie": cookie_rows,
            "/ip/hotspot/user": user_rows,
        }

    # Carrying out

    def run(self, command: Command, policies: frozenset[str]) -> Reply:
        """Carry out a command with these policies. Raises Trap."""
        menu = MENUS.get(command.path)
        if menu is None:
            raise Trap("no such command prefix", "0")
        if command.verb not in menu.verbs:
            raise Trap("no such command", "0")
        is_write = command.verb not in READ
        if is_write and (self.faults.read_only or "write" not in policies):
            raise Trap("not enough permissions (9)")
        if command.bare:
            self._take_bare(command, menu)
        if not is_write:
            return self._read(menu, command)
        action = getattr(self, f"_{command.verb.replace('-', '_')}")
        reply: Reply = action(menu, command)
        if command.path == "/ip/hotspot/ip-binding":
            self.hotspot.binding_changed()
        return reply

    def _take_bare(self, command: Command, menu: Menu) -> None:
        odd = [name for name in command.bare if name in menu.fields]
        if odd and not self.faults.switches.bare_argument_accepted:
            raise Trap(f"missing value(s) of argument(s) {odd[0]}", self._argument_category)
        self.flagged += [f"{command.name} ={name}" for name in odd][: 1000 - len(self.flagged)]

    @property
    def _argument_category(self) -> str:
        """Versions since 7 put a category before a message about an argument."""
        return "1" if self.faults.release >= (7, 0) else ""

    # Reading

    def _read(self, menu: Menu, command: Command) -> Reply:
        arguments = command.arguments
        if command.verb == "get":
            return self._get(command)
        for name in arguments:
            if name not in _OPTIONS:
                raise Trap(f"unknown parameter {name}", self._argument_category)
        rows = self._chosen(self.rows_of(command.path), command)
        if "count-only" in arguments:
            return Reply(ret=str(len(rows)))
        if proplist := arguments.get(".proplist"):
            names = proplist.split(",")
            rows = [{name: row[name] for name in names if name in row} for row in rows]
        return Reply(rows, is_print=True)

    def _chosen(self, rows: list[Row], command: Command) -> list[Row]:
        if wanted := command.arguments.get(".id"):
            ids = set(wanted.split(","))
            rows = [row for row in rows if row.get(".id") in ids]
        try:
            return [row for row in rows if matches(command.queries, row)]
        except BadQuery as error:
            raise Trap(f"invalid query {error}", self._argument_category) from None

    def _get(self, command: Command) -> Reply:
        wanted = command.arguments.get(".id") or command.arguments.get("numbers", "")
        for row in self.rows_of(command.path):
            if not wanted or row.get(".id") == wanted:
                name = command.arguments.get("value-name", "name")
                return Reply(ret=row.get(name, ""))
        raise self._no_such_item()

    def rows_of(self, path: str) -> list[Row]:
        """Return the rows of a menu as they are now."""
        if path in self._live:
            return list(self._live[path](self.hotspot))
        if path == "/system/resource":
            return [self._resource()]
        if path == "/system/clock":
            return [self._clock()]
        rows = list(self.tables[path])
        if MENUS[path].single:
            return [{name: value for name, value in row.items() if name != ".id"} for row in rows]
        return rows

    def first_rows(self, path: str, most: int) -> list[Row]:
        """Return the first of a menu's rows, without making the others."""
        rows = self._live[path](self.hotspot) if path in self._live else self.tables[path]
        return list(islice(rows, most))

    def count_of(self, path: str) -> int:
        """Return about how many rows a menu has, hidden ones included."""
        live: Mapping[str, Sized] = {
            "/ip/hotspot/host": self.hotspot.hosts,
            "/ip/hotspot/active": self.hotspot.sessions,
            "/ip/hotspot/cookie": self.hotspot.cookies,
        }
        return len(live[path] if path in live else self.tables[path])

    def _resource(self) -> Row:
        return {
            "uptime": duration_text(self.clock.now() - self.hotspot.booted),
            "version": f"{self.faults.version} (stable)",
            "cpu-load": "3",
            "board-name": "simulator",
            "platform": "MikroTik",
        }

    def _clock(self) -> Row:
        now = time.gmtime(self.clock.wall() + self.faults.clock_jump_seconds)
        return {
            "time": time.strftime("%H:%M:%S", now),
            "date": time.strftime("%Y-%m-%d", now),
            "time-zone-name": "UTC",
            "gmt-offset": "+00:00",
        }

    # Writing

    def _add(self, menu: Menu, command: Command) -> Reply:
        values = self._checked(menu, command)
        missing = [name for name in menu.required if not values.get(name)]
        if missing:
            text = f"missing value(s) of argument(s) {' '.join(missing)}"
            raise Trap(text, self._argument_category)
        if command.path == "/ip/hotspot/ip-binding" and not values.keys() & {
            "mac-address",
            "address",
        }:
            raise Trap("failure: mac-address or address must be specified")
        row = dict(menu.defaults) | values
        self._require_unique(menu, command.path, row, "")
        return Reply(ret=self.tables[command.path].add(row))

    def _set(self, menu: Menu, command: Command) -> Reply:
        table = self.tables[command.path]
        values = self._checked(menu, command)
        for row_id in self._ids(menu, command):
            row = table.rows.get(row_id)
            if row is None:
                raise self._no_such_item()
            self._require_unique(menu, command.path, row | values, row_id)
            if command.path == "/ip/hotspot/user" and values.get("name", "") not in (
                "",
                row["name"],
            ):
                self.hotspot.usage[values["name"]] = self.hotspot.usage.pop(row["name"], Usage())
            table.change(row_id, values)
        return Reply()

    def _ids(self, menu: Menu, command: Command) -> list[str]:
        """The rows a command names; a set that is atomic looks at all of them first."""
        if menu.single:
            return list(self.tables[command.path].rows)
        text = command.arguments.get(".id") or command.arguments.get("numbers", "")
        if not text:
            if command.verb == "remove":
                return []  # a query is not for `remove`: it answers and removes nothing
            raise Trap("missing value(s) of argument(s) .id", self._argument_category)
        ids = [self._id_of(command.path, word) for word in text.split(",")]
        known = {row[".id"] for row in self.rows_of(command.path)} if len(ids) > 1 else set(ids)
        if self.faults.switches.multi_set_is_atomic and not known.issuperset(ids):
            raise self._no_such_item()
        return ids

    def _id_of(self, path: str, word: str) -> str:
        """A row may be addressed by its name as well as by its id."""
        if word.startswith("*"):
            return word
        row = self.tables[path].named(word) if path in self.tables else None
        return row[".id"] if row else word

    def _unset(self, menu: Menu, command: Command) -> Reply:
        name = command.arguments.get("value-name", "")
        if name not in menu.fields:
            raise Trap(f"unknown parameter {name}", self._argument_category)
        return self._switch(menu, command, {name: ""})

    def _enable(self, menu: Menu, command: Command) -> Reply:
        return self._switch(menu, command, {"disabled": "false"})

    def _disable(self, menu: Menu, command: Command) -> Reply:
        return self._switch(menu, command, {"disabled": "true"})

    def _switch(self, menu: Menu, command: Command, values: Row) -> Reply:
        for row_id in self._ids(menu, command):
            if row_id not in self.tables[command.path].rows:
                raise self._no_such_item()
            self.tables[command.path].change(row_id, values)
        return Reply()

    def _remove(self, menu: Menu, command: Command) -> Reply:
        for row_id in self._ids(menu, command):
            if not self._remove_one(command.path, row_id):
                raise self._no_such_item()
        return Reply()

    def _remove_one(self, path: str, row_id: str) -> bool:
        if path == "/ip/hotspot/active":
            return self.hotspot.close(row_id)
        if path == "/ip/hotspot/host":
            return self.hotspot.remove_host(row_id)
        if path == "/ip/hotspot/cookie":
            return self.hotspot.cookies.pop(row_id, None) is not None
        row = self.tables[path].remove(row_id)
        if row is not None and path == "/ip/hotspot/user":
            self.hotspot.user_removed(row["name"])
        return row is not None

    def _reset_counters(self, menu: Menu, command: Command) -> Reply:
        for row_id in self._ids(menu, command):
            row = self.tables[command.path].rows.get(row_id)
            if row is None:
                raise self._no_such_item()
            self.hotspot.usage.pop(row["name"], None)
        return Reply()

    def _login(self, menu: Menu, command: Command) -> Reply:
        """`active/login`: log a device in from here."""
        arguments = command.arguments
        for name in ("ip", "user"):
            if name not in arguments:
                raise Trap(f"missing value(s) of argument(s) {name}", self._argument_category)
        host = next((h for h in self.hotspot.hosts.values() if h.address == arguments["ip"]), None)
        mac = arguments.get("mac-address", "").upper()
        if host is None or mac not in ("", host.mac):
            raise Trap("failure: unknown host IP")
        device = self.hotspot.devices.get(host.mac, Device(host.mac, host.address))
        password = arguments.get("password", "")
        try:
            self.hotspot.open(device, arguments["user"], password, "admin")
        except Refused as refusal:
            raise Trap(f"failure: {refusal}") from None
        return Reply()

    def _make_binding(self, menu: Menu, command: Command) -> Reply:
        table = self.tables["/ip/hotspot/ip-binding"]
        for row_id in self._ids(menu, command):
            host = self.hotspot.hosts.get(row_id)
            if host is None:
                raise self._no_such_item()
            values = {"mac-address": host.mac, "address": host.address, "type": "bypassed"}
            binding = MENUS["/ip/hotspot/ip-binding"]
            self._require_unique(binding, "/ip/hotspot/ip-binding", values, "")
            table.add(dict(binding.defaults) | values)
        self.hotspot.binding_changed()
        return Reply()

    def _make_static(self, menu: Menu, command: Command) -> Reply:
        return self._switch(menu, command, {"dynamic": "false"})

    def _checked(self, menu: Menu, command: Command) -> Row:
        """The fields a command writes, as the router keeps them."""
        values = {}
        for name, value in command.arguments.items():
            if name in (".id", "numbers"):
                continue
            check = menu.fields.get(name)
            if check is None:
                raise Trap(f"unknown parameter {name}", self._argument_category)
            try:
                values[name] = check(value) if value else ""
            except ValueError:
                raise Trap(self._complaint(command.path, name), self._argument_category) from None
        if command.path == "/ip/hotspot/user":
            values |= {name: "" for name, none in USER_UNSET.items() if values.get(name) == none}
        self._require_named(command.path, values)
        return values

    def _complaint(self, path: str, name: str) -> str:
        if path == "/ip/hotspot/ip-binding" and name in ("address", "to-address"):
            return f"value of {name} expects range of ip addresses"
        return f"invalid value for argument {name}"

    def _require_named(self, path: str, values: Row) -> None:
        """What names a row of another menu names one that is there."""
        for name, menu, more in NAMED.get(path, ()):
            value = values.get(name, "")
            if value and value not in more and self.tables[menu].named(value) is None:
                raise Trap(f"input does not match any value of {name}", self._argument_category)

    def _require_unique(self, menu: Menu, path: str, row: Row, own_id: str) -> None:
        for name in menu.unique:
            for other in self.tables[path].having(name, row[name]) if row.get(name) else ():
                same_server = other.get("server", "all") == row.get("server", "all")
                if other[".id"] != own_id and (same_server or path != "/ip/hotspot/user"):
                    raise Trap(menu.duplicate)
        if menu.pair:
            said = [row.get(name) for name in menu.pair]
            for other in self.tables[path]:
                if other[".id"] != own_id and [other.get(name) for name in menu.pair] == said:
                    raise Trap(menu.duplicate)

    def _no_such_item(self) -> Trap:
        switches = self.faults.switches
        number = " (4)" if switches.no_such_item_number else ""
        return Trap(f"no such item{number}", switches.no_such_item_category)
