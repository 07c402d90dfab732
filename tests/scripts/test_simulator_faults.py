"""What the simulator does wrong when asked to, and each switch of its behaviour, both ways.

The switches are tried through the wire and the control API, as a test of the product would.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, fields
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from scripts.simulator.codec import SentenceReader, encode_sentence
from scripts.simulator.faults import Switches, is_write
from scripts.simulator.furnishing import PROFILES
from scripts.simulator.part import RouterPart

PHONE, LAPTOP = "AA:BB:CC:00:00:01", "AA:BB:CC:00:00:02"

Sentences = list[list[bytes]]


class Wire:
    """A logged-in connection that says bytes and hears bytes."""

    def __init__(self, router: RouterPart) -> None:
        self.socket = socket.create_connection(("127.0.0.1", router.port), timeout=0.4)
        self._reader = SentenceReader()
        name, password = router.username.encode(), router.password.encode()
        self.ask("/login", b"=name=" + name, b"=password=" + password)

    def ask(self, *words: str | bytes) -> Sentences:
        """Send a sentence; return what comes until its `!done`, the end, or a silence."""
        return self.ask_all([words])

    def ask_all(self, sentences: list[tuple[str | bytes, ...]]) -> Sentences:
        """The same for several at once."""
        packed = [[w.encode() if isinstance(w, str) else w for w in words] for words in sentences]
        self.socket.sendall(b"".join(map(encode_sentence, packed)))
        found: Sentences = []
        with contextlib.suppress(TimeoutError, ConnectionError):
            while sum(sentence[0] == b"!done" for sentence in found) < len(sentences):
                data = self.socket.recv(65536)
                if not data:
                    break
                found += self._reader.feed(data)
        return found


@pytest.fixture
def wire(router: RouterPart) -> Iterator[Wire]:
    wire = Wire(router)
    yield wire
    wire.socket.close()


def rows(router: RouterPart, path: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = router.read("state")["tables"][f"/ip/hotspot/{path}"]
    return found


def passes(router: RouterPart, mac: str = PHONE) -> bool:
    return bool(router.control("traffic", mac=mac, bytes_in=1, bytes_out=1)["passed"])


# Shots


@pytest.mark.parametrize(
    ("command", "is_one"),
    [
        ("/ip/hotspot/user/add", True),
        ("/ip/hotspot/ip-binding/set", True),
        ("/ip/hotspot/active/login", True),
        ("/ip/hotspot/host/remove", True),
        ("/ip/hotspot/user/reset-counters", True),
        ("/ip/hotspot/walled-garden/enable", True),
        ("/ip/hotspot/set", True),
        ("/ip/hotspot/user/print", False),
        ("/ip/hotspot/user/listen", False),
        ("/ip/hotspot/active/get", False),
        ("/ip/firewall/address-list/add", False),
        ("/system/identity/set", False),
    ],
)
def test_a_write_is_known_by_its_verb_and_its_menu(command: str, is_one: bool) -> None:
    assert is_write(command) is is_one


def test_a_shot_at_any_write_counts_writes_of_every_kind(router: RouterPart, wire: Wire) -> None:
    router.control("fault", kind="lose_reply", command="write", after=2)
    wire.ask("/ip/hotspot/user/add", "=name=a")
    wire.ask("/ip/hotspot/user/print")
    wire.ask("/ip/firewall/address-list/add", "=list=x", "=address=10.0.0.1")
    wire.ask("/ip/hotspot/ip-binding/add", f"=mac-address={PHONE}")
    assert router.read("state")["faults"]["struck"] == []
    assert wire.ask("/ip/hotspot/user/disable", "=.id=*1") == []
    assert wire.socket.recv(1) == b""  # it closed
    assert rows(router, "user")[0]["disabled"] == "true"
    said = router.read("state")["faults"]
    assert said["struck"] == ["lose_reply /ip/hotspot/user/disable"] and said["shots"] == []


def test_a_frozen_connection_has_carried_out_that_write_and_says_nothing_more(
    router: RouterPart, wire: Wire
) -> None:
    router.control("fault", kind="freeze", command="write", after=1)
    adds: list[tuple[str | bytes, ...]] = [
        ("/ip/hotspot/user/add", f"=name=u{n}", f".tag={n}") for n in range(4)
    ]
    assert wire.ask_all(adds) == [[b"!done", b".tag=0", b"=ret=*1"]]
    assert [row["name"] for row in rows(router, "user")] == ["u0", "u1"]
    assert wire.ask("/ip/hotspot/user/print") == []
    with pytest.raises(TimeoutError):
        wire.socket.recv(1)  # open, and silent
    other = Wire(router)
    assert len(other.ask("/ip/hotspot/user/print")) == 3
    other.socket.close()


def test_the_calls_are_counted_with_a_shot_as_without(router: RouterPart, wire: Wire) -> None:
    router.forget_calls()
    router.control("fault", kind="freeze", command="write")
    wire.ask("/ip/hotspot/user/print")
    wire.ask("/ip/hotspot/user/add", "=name=a")
    assert router.read("calls") == {"/ip/hotspot/user/print": 1, "/ip/hotspot/user/add": 1}


def _is_cut(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True


def test_a_router_that_is_away_cuts_what_is_open_and_takes_nobody(
    router: RouterPart, wire: Wire
) -> None:
    router.control("join", mac=PHONE, ip="192.168.200.10")
    wire.ask("/ip/hotspot/ip-binding/add", f"=mac-address={PHONE}", "=type=bypassed")
    wire.ask("/ip/hotspot/host/remove", "=.id=*1")
    router.control("fault", away=True)
    assert wire.ask("/system/identity/print") == []
    with socket.create_connection(("127.0.0.1", router.port), timeout=2) as refused:
        assert _is_cut(refused)
    assert passes(router), "its devices go on"
    router.control("fault", away=False)
    back = Wire(router)
    assert back.ask("/system/identity/print")[0][0] == b"!re"
    back.socket.close()


@pytest.mark.parametrize("origin", ["http://evil.test", "null", ""])
def test_pages_of_others_change_nothing(router: RouterPart, origin: str) -> None:
    """A browser on this machine may have any page open, and loopback is in its reach."""
    body = json.dumps({"mac": PHONE, "ip": "192.168.200.10"}).encode()
    request = Request(f"{router.control_url}/join", body)  # noqa: S310
    if origin:
        request.add_header("Origin", origin)
        with pytest.raises(HTTPError, match="403"):
            urlopen(request, timeout=5)  # noqa: S310
        request.add_header("Origin", router.control_url)
        assert router.read("state")["devices"] == []
    with urlopen(request, timeout=5) as answer:  # noqa: S310
        assert answer.status == 200


# Switches, each both ways


def a_user(wire: Wire, *more: str) -> None:
    words = ["/ip/hotspot/user/add", "=name=siti", "=password=x", "=profile=profile-aktif", *more]
    assert wire.ask(*words)[-1][0] == b"!done"


def log_in(router: RouterPart, mac: str = PHONE, ip: str = "192.168.200.10") -> None:
    router.control("join", mac=mac, ip=ip)
    assert router.control("login", mac=mac, username="siti", password="x") == {"ok": True}


def binding_change(router: RouterPart, wire: Wire) -> bool:
    router.control("join", mac=PHONE, ip="192.168.200.10")
    wire.ask("/ip/hotspot/ip-binding/add", f"=mac-address={PHONE}", "=type=bypassed")
    return passes(router)


def host_removal(router: RouterPart, wire: Wire) -> bool:
    binding_change(router, wire)
    wire.ask("/ip/hotspot/host/remove", f"=.id={rows(router, 'host')[0]['.id']}")
    return passes(router)


def user_removal(router: RouterPart, wire: Wire) -> bool:
    a_user(wire)
    log_in(router)
    wire.ask("/ip/hotspot/user/remove", "=.id=*1")
    return rows(router, "active") == []


def active_removal(router: RouterPart, wire: Wire) -> bool:
    a_user(wire)
    log_in(router)
    log_in(router, LAPTOP, "192.168.200.11")
    wire.ask("/ip/hotspot/active/remove", "=.id=*C0A8C80A")
    return rows(router, "active") == []


def cookies(router: RouterPart, wire: Wire) -> bool:
    a_user(wire)
    log_in(router)
    router.control("reboot")
    return len(rows(router, "cookie")) == 1


def listed(router: RouterPart, wire: Wire) -> bool:
    wire.ask("/ip/hotspot/ip-binding/add", f"=mac-address={PHONE}", "=type=bypassed")
    router.control("join", mac=PHONE, ip="192.168.200.10")
    return len(rows(router, "host")) == 1


def atomic(router: RouterPart, wire: Wire) -> bool:
    a_user(wire)
    answer = wire.ask("/ip/hotspot/user/set", "=.id=*1,*99", "=comment=half")
    assert answer[0][0] == b"!trap"
    return "comment" not in rows(router, "user")[0]


def bare(router: RouterPart, wire: Wire) -> bool:
    a_user(wire, "=comment=old")
    accepted = wire.ask("/ip/hotspot/user/set", "=.id=*1", "=comment")[0] == [b"!done"]
    assert ("comment" in rows(router, "user")[0]) is not accepted
    assert len(router.read("state")["flagged"]) == accepted
    return accepted


def challenge(router: RouterPart, wire: Wire) -> bool:
    (first, *_) = wire.ask("/login")
    return first[0] == b"!done" and len(first[1]) == len("=ret=") + 32


def gone_number(router: RouterPart, wire: Wire) -> bool:
    trap = wire.ask("/ip/hotspot/user/remove", "=.id=*99")[0]
    assert trap[-1].startswith(b"=message=no such item")
    return trap[-1].endswith(b"(4)")


def gone_category(router: RouterPart, wire: Wire) -> bool:
    return b"=category=0" in wire.ask("/ip/hotspot/user/remove", "=.id=*99")[0]


def logged_out(router: RouterPart, wire: Wire) -> bool:
    a_user(wire)
    log_in(router)
    with urlopen(f"{router.control_url}/device/{PHONE}/logout", timeout=5) as page:  # noqa: S310
        assert b"Anda sudah keluar" in page.read()
    return not passes(router)


def bypassed_captive(router: RouterPart, wire: Wire) -> bool:
    listed(router, wire)
    return not router.read(f"device/{PHONE}/api.json")["captive"]


def unset(router: RouterPart, wire: Wire) -> bool:
    a_user(wire)
    return b"=mac-address=00:00:00:00:00:00" in wire.ask("/ip/hotspot/user/print")[0]


TRIALS: dict[str, Callable[[RouterPart, Wire], bool]] = {
    "rejudge_on_binding_change": binding_change,
    "rejudge_on_host_removal": host_removal,
    "user_removal_drops_session": user_removal,
    "active_removal_drops_all_of_user": active_removal,
    "cookies_survive_reboot": cookies,
    "bypassed_hosts_listed": listed,
    "multi_set_is_atomic": atomic,
    "bare_argument_accepted": bare,
    "bare_login_challenges": challenge,
    "no_such_item_number": gone_number,
    "no_such_item_category": gone_category,
    "unset_shown": unset,
    "logout_erases_mac_cookie": logged_out,
    "bypassed_says_logged_in": bypassed_captive,
}


def test_every_switch_has_a_trial() -> None:
    assert TRIALS.keys() == {field.name for field in fields(Switches)}


def test_the_guide_asks_for_every_switch_and_makes_every_profile() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "mikrotik.md").read_text()
    assert [name for name in TRIALS if f"`{name}`" not in guide] == []
    block = guide.partition("/ip hotspot user profile")[2].partition("```")[0]
    assert set(re.findall(r"add name=(\S+)", block)) == set(PROFILES)


@pytest.mark.parametrize("way", [False, True])
@pytest.mark.parametrize("name", TRIALS)
def test_a_switch_decides_what_it_says(
    router: RouterPart, wire: Wire, name: str, way: bool
) -> None:
    is_text = isinstance(asdict(Switches())[name], str)
    router.control("fault", **{name: ("0" if way else "") if is_text else way})
    assert TRIALS[name](router, wire) is way


def test_a_silence_is_bounded_by_the_client_alone(router: RouterPart, wire: Wire) -> None:
    """Half a word, and nothing for as long as the client stays."""
    router.control("fault", kind="half_word", command="/system")
    began = time.monotonic()
    assert wire.ask("/system/identity/print") == []
    assert time.monotonic() - began > 0.3
    assert router.read("state")["connections"] == 1


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("join", {"mac": 5, "ip": "10.0.0.1"}, "5"),
        ("join", {"mac": "A4:BB:CC:00:00:01", "ip": 7}, "7"),
        ("join", {"mac": "A4:BB:CC:00:00:01"}, "missing: ip"),
        ("leave", {"mac": "A4:BB:CC:00:00:09"}, "unknown: A4:BB:CC:00:00:09"),
        ("traffic", {"mac": "A4:BB:CC:00:00:09"}, "unknown"),
        ("traffic", {}, "missing: mac"),
        ("rotate", {"mac": "A4:BB:CC:00:00:09", "new_mac": "A4:BB:CC:00:00:08"}, "unknown"),
        ("login", {"mac": ["x"], "username": "a", "password": "b"}, "x"),
        ("http", {"mac": None}, "None"),
        ("advance", {"seconds": "soon"}, "soon"),
        ("state", {}, "Not Allowed"),
        ("nowhere", {}, "Not Found"),
    ],
)
def test_what_the_control_api_cannot_do_is_said_in_json(
    router: RouterPart, path: str, body: dict[str, object], words: str
) -> None:
    assert words in router.control(path, **body)["error"]
