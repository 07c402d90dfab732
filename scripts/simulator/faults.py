"""What can be made to go wrong, and what RouterOS's documentation leaves open."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any

from scripts.simulator.menus import READ

KINDS = (
    "close",
    "half_word",
    "trap_without_message",
    "two_traps",
    "fatal",
    "unknown_word",
    "control_byte",
    "lose_reply",
    "freeze",
    "trap",
)
"""What may happen instead of an answer: `close` before the command is carried out, `lose_reply`
after it was, and `freeze` too, but then the connection stays open and silent, and carries out
nothing more; the others say something odd in place of the reply."""

CARRIED_OUT = frozenset({"lose_reply", "freeze"})

ANY_WRITE = "write"
"""As a shot's `command`: whatever changes something in a hotspot menu, by any verb."""


class BadFault(Exception):
    """A fault that does not exist, or a value it cannot have."""


@dataclass
class Switches:
    """Behaviour that is undocumented or differs between versions: each is tested both ways."""

    rejudge_on_binding_change: bool = False
    """Whether a changed or deleted binding is applied to a host row that is there already."""

    rejudge_on_host_removal: bool = True
    """Whether a removed host row is judged anew when its device sends again."""

    user_removal_drops_session: bool = False
    active_removal_drops_all_of_user: bool = False
    cookies_survive_reboot: bool = True
    bypassed_hosts_listed: bool = True
    multi_set_is_atomic: bool = False
    bare_argument_accepted: bool = True
    """`=comment` without a second `=`: taken as empty and noted, or refused."""

    bare_login_challenges: bool = False
    """What a router that knows no challenge login any more answers to a bare `/login`."""

    no_such_item_number: bool = True
    no_such_item_category: str = ""
    unset_shown: bool = False
    """Whether `print` shows a user's fields that are not set, as the manual writes their defaults,
    or leaves them out."""

    logout_erases_mac_cookie: bool = True
    """Whether the logout page takes the mac-cookie away; a browser's goes with `erase-cookie`."""

    bypassed_says_logged_in: bool = True
    """What `$(logged-in)` is on the servlet's pages, `api.json` among them, for a bypassed host."""


@dataclass
class Shot:
    """One thing that happens to commands that begin with `command` (`write`: to any write of the
    hotspot's menus): skips `after`, then `times`."""

    kind: str
    command: str = ""
    after: int = 0
    times: int = 1
    message: str = "failure: simulated"

    def strikes(self, command: str) -> bool:
        """Whether it happens to this command; counts it."""
        if not self._means(command) or self.times <= 0:
            return False
        if self.after > 0:
            self.after -= 1
            return False
        self.times -= 1
        return True

    def _means(self, command: str) -> bool:
        return is_write(command) if self.command == ANY_WRITE else command.startswith(self.command)


@dataclass
class Faults:
    """Everything that is wrong at the moment."""

    version: str = "7.18.2"
    delay_seconds: float = 0.0
    byte_seconds: float = 0.0
    """Above 0 an answer leaves one byte at a time, this far apart."""

    close_after_bytes: int = 0
    """Above 0 a connection is closed when this many bytes have been sent on it."""

    away: bool = False
    """Nobody reaches the API, as when the line to the router is cut; its devices go on."""

    read_only: bool = False
    max_sessions: int = 20
    """RouterOS's own default for a service."""

    prelogin_sentences: int = 16
    clock_jump_seconds: float = 0.0
    shuffle_tags: bool = False
    eager_devices: bool = False
    """Whether every device that is there sends a packet after each API command; `passages` of the
    state then says what became of it. This is how a gap between two calls is seen."""

    switches: Switches = field(default_factory=Switches)
    shots: list[Shot] = field(default_factory=list)
    struck: list[str] = field(default_factory=list)
    """What shots have done so far, each as its kind and the command it struck."""

    def set(self, wishes: dict[str, Any]) -> None:
        """Take `{name: value}`, `kind` (with `command`, `after`, `times`) or `clear`.

        Raises BadFault, and then nothing of it is set.
        """
        wishes = dict(wishes)
        if wishes.pop("clear", False):
            self.__init__()  # type: ignore[misc]
        if "kind" in wishes:
            self.shots.append(_shot(wishes))
            return
        checked = [(self._owner(name), name, value) for name, value in wishes.items()]
        for owner, name, value in checked:
            _check(owner, name, value)
        for owner, name, value in checked:
            setattr(owner, name, value)

    def _owner(self, name: str) -> Any:
        if name in _names(self.switches):
            return self.switches
        if name in _names(self) - {"switches", "shots", "struck"}:
            return self
        raise BadFault(f"there is no fault {name!r}")

    def strike(self, command: str) -> Shot | None:
        """Return what happens to this command, None for nothing."""
        for shot in self.shots:
            if shot.strikes(command):
                self.shots = [other for other in self.shots if other.times > 0]
                self.struck.append(f"{shot.kind} {command}")
                return shot
        return None

    @property
    def release(self) -> tuple[int, int]:
        """Major and minor version."""
        major, minor = self.version.split(".")[:2]
        return int(major), int(minor)

    def as_dict(self) -> dict[str, Any]:
        """Return it all, for the state."""
        return asdict(self)


def is_write(command: str) -> bool:
    """Whether a command changes something in one of the hotspot's menus, by its verb alone."""
    path, _, verb = command.rpartition("/")
    return f"{path}/".startswith("/ip/hotspot/") and verb not in READ


def _shot(wishes: dict[str, Any]) -> Shot:
    if wishes.get("kind") not in KINDS:
        raise BadFault(f"kind must be one of {', '.join(KINDS)}")
    unknown = wishes.keys() - {field.name for field in fields(Shot)}
    if unknown:
        raise BadFault(f"a {wishes['kind']} has no {', '.join(sorted(unknown))}")
    return Shot(**wishes)


def _names(owner: Any) -> set[str]:
    return {field.name for field in fields(owner)}


def _check(owner: Any, name: str, value: Any) -> None:
    kind = type(getattr(owner, name))
    fits = type(value) is kind or (kind is float and type(value) is int)
    if not fits:
        raise BadFault(f"{name} must be {kind.__name__}")
