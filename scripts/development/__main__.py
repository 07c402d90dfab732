"""The run, from an empty directory to the ready line, and back to nothing left.

One thread starts everything while this one waits for what happens: a signal, a process that ended,
the start being done or having failed. To stop is to refuse new processes and end those there are,
so a stop in the middle of the start needs nothing of its own.
"""

from __future__ import annotations

import http.client
import os
import queue
import shlex
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from honcho.environ import parse_procfile

from scripts.development import run_file
from scripts.development.home import Home
from scripts.development.parts import PARTS, Part, Server
from scripts.development.screen import Screen
from scripts.embedded.ports import free_port, is_free
from scripts.embedded.supervisor import Child, StartError, Supervisor, last_lines
from scripts.seed import ORDER, Account, accounts
from scripts.simulator.part import RouterPart
from store.settings import Settings, SettingsError

ROOT = Path(__file__).resolve().parents[2]

STEP_SECONDS = 120.0
"""The longest a step such as a migration may take."""

READY_SECONDS = 60.0
"""From starting the processes to /readyz 200; it takes 1 to 2 s on an idle machine."""

STOP_SECONDS = 8.0
"""Time for connections to be closed and for a job to come to its end; then SIGKILL."""

RESTART_SECONDS = 1.0
"""How long a part stays away after it died: long enough to see how the product bears it."""


@dataclass(frozen=True)
class Signalled:
    """Somebody asked us to stop."""

    name: str


@dataclass(frozen=True)
class Ended:
    """A process ended."""

    child: Child


@dataclass(frozen=True)
class Failed:
    """The start, or the restart of a part, did not succeed."""

    reason: str


@dataclass(frozen=True)
class Ready:
    """Everything runs."""


@dataclass(frozen=True)
class Back:
    """A part that died runs again."""

    name: str


Event = Signalled | Ended | Failed | Ready | Back


class Run:
    """One run of everything, in one home."""

    def __init__(self, env: dict[str, str], home: Home, screen: Screen) -> None:
        """`env` is the environment for the processes, still without the parts' addresses."""
        self._env = env
        self._home = home
        self._screen = screen
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._servers: dict[str, Server] = {}
        self._processes: dict[str, Child] = {}
        self._began = time.monotonic()
        self._is_ready = False
        self._stopping = False
        self._supervisor = Supervisor(
            run_file=home.run_file,
            keep_open=[home.lock],
            on_exit=lambda child: self._events.put(Ended(child)),
        )

    def run(self) -> int:
        """Start, stay until something ends it, stop; returns the exit status."""
        for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(signum, self._on_signal)
        starting = threading.Thread(target=self._start, name="start", daemon=True)
        starting.start()
        try:
            return self._watch()
        finally:
            self._stop()
            starting.join(STOP_SECONDS)

    def _start(self) -> None:
        try:
            self._start_parts()
            self._step("migrate", "scripts.migrate")
            self._start_processes()
            self._step("seed", "scripts.seed")
            self._await_ready()
        except (StartError, SettingsError, TimeoutError) as error:
            self._events.put(Failed(str(error)))
        else:
            self._events.put(Ready())

    def _start_parts(self) -> None:
        """All at the same time; each takes a few tenths of a second."""
        parts = [part for part in PARTS if not part.is_replaced(self._env)]
        self._servers = {
            part.name: part.make(self._home, self._supervisor, self._env) for part in parts
        }
        with ThreadPoolExecutor(len(PARTS)) as threads:
            list(threads.map(self._start_part, parts))
        for part in parts:
            self._env |= part.settings_for(self._servers[part.name])
        # From here on everybody gets every setting, so nobody has a default of his own.
        self._env |= run_file.as_environment(Settings.from_environment(self._env))

    def _start_part(self, part: Part) -> None:
        server = self._servers[part.name]
        began = time.monotonic()
        server.start()
        self._say(f"{part.name} is up after {time.monotonic() - began:.1f} s")

    def _step(self, name: str, module: str) -> None:
        """Run a module to its end; raises StartError with what it said when that is a bad one."""
        log = self._home / f"{name}.log"
        command = [sys.executable, "-m", module]
        child = self._supervisor.start(name, command, env=self._env, cwd=ROOT, log=log)
        if child.wait(STEP_SECONDS) != 0:
            raise StartError(f"{name} failed{last_lines(log)}")
        self._say(" ".join(log.read_text(errors="replace").splitlines()[-1:]) or f"{name}: done")

    def _start_processes(self) -> None:
        """What the Procfile names; `release` is the migration, done by now."""
        procfile = parse_procfile((ROOT / "Procfile").read_text())
        for name, command in procfile.processes.items():
            if name != "release":
                self._processes[name] = self._supervisor.start(
                    name,
                    shlex.split(command),
                    env=self._env,
                    cwd=ROOT,
                    on_line=partial(self._screen.line, name),
                )

    def _await_ready(self) -> None:
        settings = Settings.from_environment(self._env)
        web = self._processes["web"]
        deadline = time.monotonic() + READY_SECONDS
        answer = "nothing"
        while time.monotonic() < deadline and web.returncode is None:
            status, answer = _ask(settings, "/readyz")
            if status == 200:
                return
            time.sleep(0.03)
        raise StartError(f"the server did not get ready; /readyz last said {answer}")

    def _watch(self) -> int:
        """Wait for events; returns the exit status as soon as one means the end."""
        while True:
            match self._events.get():
                case Signalled(name):
                    self._screen.say(f"\n{name}: stopping everything.")
                    return 0
                case Failed(reason):
                    self._screen.say(f"Jaga could not start: {reason}")
                    return 1
                case Ready():
                    self._is_ready = True
                    self._describe()
                    self._greet()
                case Back(name):
                    self._describe()
                    self._screen.say(f"{name} is back.")
                case Ended(child) if self._is_needed(child):
                    self._screen.say(
                        f"{child.name} ended {_how(child)}: stopping everything."
                        f"{last_lines(child.log)}"
                    )
                    return 1
                case Ended(child) if child.name in self._servers:
                    self._restart(child)

    def _is_needed(self, child: Child) -> bool:
        """Ours must run; a part may die once everything is ready, as it may in production."""
        if self._is_ready:
            return child.name in self._processes
        return child.name in self._processes or child.name in self._servers

    def _restart(self, child: Child) -> None:
        """Bring a part back at the same address after a moment, with what it kept."""
        self._screen.say(f"{child.name} ended {_how(child)}: starting it again.")
        server = self._servers[child.name]

        def start() -> None:
            time.sleep(RESTART_SECONDS)
            try:
                server.start()
            except StartError as error:
                self._events.put(Failed(str(error)))
            else:
                self._events.put(Back(child.name))

        threading.Thread(target=start, name=f"restart-{child.name}", daemon=True).start()

    def _describe(self) -> None:
        """Write run.json."""
        facts: dict[str, object] = {}
        for part in PARTS:
            if part.name in self._servers:
                facts |= part.facts(self._servers[part.name])
        servers = {name: server.child for name, server in self._servers.items()}
        children = {**self._processes, **servers}
        run_file.write(
            self._home,
            Settings.from_environment(self._env),
            self._accounts(),
            {name: child.pid for name, child in children.items() if child is not None},
            facts,
        )

    def _greet(self) -> None:
        url = f"http://127.0.0.1:{self._env['PORT']}"
        who = [
            f"  {name:8}{account.email:22}{account.password}"
            for name, account in self._accounts().items()
        ]
        self._screen.say(
            "\n".join(
                [
                    "",
                    "Accounts to try it with:",
                    *who,
                    "",
                    "See the main thing happen:",
                    f"  1. Open {url} and log in as the member.",
                    "  2. Open it again in a private window, log in as the same member and choose",
                    '     "Tetap gunakan di sini".',
                    "  3. Look at the first window: it has left, and says why.",
                    "",
                    "More to look at:",
                    f"  {url}/admin/meetings as the teacher: a lesson that is going on, its board",
                    f"  {url}/admin/webhooks as the admin: the member's order, and /admin/hotspot",
                    f"  {url}/order/{ORDER} as its buyer",
                    f"  {url}/hotspot as the member: a package, its quota",
                    "",
                    *self._invite_to_router(),
                    f"Mails land in {self._home.mail}. Ctrl-C stops everything.",
                    f"Started in {time.monotonic() - self._began:.1f} s.",
                    f"Jaga is ready: {url}",
                ]
            )
        )

    def _invite_to_router(self) -> list[str]:
        router = self._servers.get("router")
        if not isinstance(router, RouterPart):
            return []
        return [
            f"The hotspot's router, with phones to play with: {router.control_url}",
            "",
        ]

    def _accounts(self) -> dict[str, Account]:
        return accounts(Settings.from_environment(self._env))

    def _stop(self) -> None:
        """Ours first, while what they need is still there; then the parts."""
        self._stopping = True
        self._supervisor.refuse_new()
        self._supervisor.end(list(self._processes.values()), STOP_SECONDS)
        self._supervisor.close(STOP_SECONDS)
        self._screen.say("Stopped.")
        self._screen.flush()

    def _on_signal(self, signum: int, frame: object) -> None:
        if self._stopping:  # Asked again: no more patience.
            self._supervisor.kill()
        self._events.put(Signalled(signal.Signals(signum).name))

    def _say(self, text: str) -> None:
        self._screen.say(f"  {text}")


USAGE = """\
scripts/run starts everything on this machine and stays until Ctrl-C. It takes no arguments; what
can be set is set in the environment, as in:

    PORT=8001 JAGA_HOME=var-two scripts/run"""


def main(arguments: list[str]) -> int:
    """Run the product until it is told to stop; returns the exit status."""
    if arguments:
        print(USAGE)
        return 0 if arguments[0] in ("-h", "--help") else 2
    screen = Screen(["web", "worker", "scheduler"])
    try:
        env, home = _prepare(os.environ, screen)
        return Run(env, home, screen).run()
    except (StartError, SettingsError) as error:
        screen.say(f"Jaga could not start: {error}")
        return 1
    finally:
        screen.flush()


def _prepare(environ: Mapping[str, str], screen: Screen) -> tuple[dict[str, str], Home]:
    """The environment for the processes and the open home; raises StartError, SettingsError."""
    env = {**environ, "JAGA_ENV": "dev", "PYTHONUNBUFFERED": "1"}
    # Also when started without scripts/enter, the Procfile's `python` is this one.
    env["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), env.get("PATH", os.defpath)])
    settings = Settings.from_environment(env)
    home = Home(ROOT / settings.jaga_home)
    home.open(screen.say)
    env["JAGA_HOME"] = str(home.path)
    env["SECRET_KEY"] = env.get("SECRET_KEY", "").strip() or home.secret_key()
    env["PORT"] = str(
        _port_for(settings, is_chosen=bool(env.get("PORT", "").strip()), say=screen.say)
    )
    screen.say(f"Starting Jaga in {home.path}")
    return env, home


def _port_for(settings: Settings, *, is_chosen: bool, say: Callable[[str], None]) -> int:
    """Where to listen; raises StartError when the port that somebody chose is taken."""
    if is_free(settings.port, _host(settings)):
        return settings.port
    if is_chosen:
        raise StartError(
            f"port {settings.port} is taken: stop what listens there, or choose another one, "
            f"as PORT={settings.port + 1} scripts/run"
        )
    port = free_port()
    say(f"Port {settings.port} is taken: listening on {port}. PORT says which, if it matters.")
    return port


def _host(settings: Settings) -> str:
    """Where to reach the server from here."""
    return "127.0.0.1" if settings.bind in ("0.0.0.0", "::", "localhost") else settings.bind  # noqa: S104


def _ask(settings: Settings, path: str) -> tuple[int, str]:
    """GET a path; returns the status, 0 when nobody answers, and the body."""
    connection = http.client.HTTPConnection(_host(settings), settings.port, timeout=5)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return 0, f"nothing ({error})"
    finally:
        connection.close()


def _how(child: Child) -> str:
    code = child.returncode
    return f"with {signal.Signals(-code).name}" if code and code < 0 else f"with status {code}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
