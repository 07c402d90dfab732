"""The RouterOS simulator, asked by clients that are not ours and by bytes that are agreed on."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time

import librouteros
import pytest
import routeros_api
from hypothesis import given
from hypothesis import strategies as st
from librouteros.exceptions import FatalError, LibRouterosError, TrapError
from librouteros.login import plain, token
from librouteros.query import Key
from routeros_api.exceptions import RouterOsApiCommunicationError

from scripts.simulator.api import response_to
from scripts.simulator.codec import (
    Malformed,
    SentenceReader,
    decode_length,
    encode_length,
    encode_sentence,
)
from scripts.simulator.part import RouterPart
from scripts.simulator.query import matches
from scripts.simulator.values import active_id, duration_seconds, duration_text
from tests.hotspot import foreign_client
from tests.stopwatch import Stopwatch

VECTORS = {
    0: "00",
    127: "7f",
    130: "80 82",
    0x87: "80 87",
    256: "81 00",
    300: "81 2c",
    17000: "c0 42 68",
    0x4321: "c0 43 21",
    2097140: "df ff f4",
    0x2ACDEF: "e0 2a cd ef",
    268435440: "ef ff ff f0",
    0x10000000: "f0 10 00 00 00",
    0x10000080: "f0 10 00 00 80",
}

PHONE = "AA:BB:CC:00:00:01"
LAPTOP = "AA:BB:CC:00:00:02"


# Framing


@pytest.mark.parametrize(("length", "vector"), VECTORS.items())
def test_lengths_are_the_agreed_bytes(length: int, vector: str) -> None:
    data = bytes.fromhex(vector)
    assert encode_length(length) == data
    assert decode_length(data, 0) == (length, len(data))
    assert all(decode_length(data[:cut], 0) is None for cut in range(len(data)))


@given(
    st.lists(st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=5), max_size=5),
    st.integers(1, 7),
)
def test_sentences_survive_any_cut(sentences: list[list[bytes]], size: int) -> None:
    data = b"\0".join(map(encode_sentence, sentences))
    reader = SentenceReader()
    found = []
    for at in range(0, len(data), size):
        found += reader.feed(data[at : at + size])
    assert found == sentences


@pytest.mark.parametrize("first", range(0xF8, 0x100))
def test_a_control_byte_is_refused(first: int) -> None:
    with pytest.raises(Malformed):
        SentenceReader().feed(bytes([first]))


@pytest.mark.parametrize(
    ("password", "challenge", "response"),
    [
        ("passTest", "abc123", "0021277bff9ac7caf06aa608e46616d47f"),
        ("", "856780b7411eefd3abadee2058c149a3", "005062f7a5ef124d34675bf3e81f56c556"),
        ("", "93b438ec9b80057c06dd9fe67d56aa9a", "00e134102a9d330dd7b1849fedfea3cb57"),
    ],
)
def test_challenges_are_answered_as_routers_expect(
    password: str, challenge: str, response: str
) -> None:
    assert response_to(password, bytes.fromhex(challenge)) == response


def test_durations_and_active_ids() -> None:
    assert duration_text(788_645) == "1w2d3h4m5s"
    assert duration_text(0) == "0s"
    assert [duration_seconds(text) for text in ("1w2d3h4m5s", "00:05:00", "90", "1d 01:00:00")] == [
        788_645,
        300,
        90,
        90_000,
    ]
    assert active_id("192.168.10.8") == "*C0A80A08"


# The query stack


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["name"], "abc"),
        (["-comment"], "b"),
        (["type=ether", "type=vlan", "#|"], "ab"),
        ([">comment="], "ac"),
        (["name=a", "name=b", "name=c", "#||"], "abc"),
        (["type=ether", "disabled=yes"], ""),
        (["type=ether", "#!"], "bc"),
        (["=type=ether"], "a"),
        (["<mtu=200"], "a"),
        ([">mtu=200"], "c"),
        (["type=ether", "type=vlan", "#0"], "b"),
        (["type=ether", "type=vlan", "#1."], ""),
        (["disabled=no"], "abc"),
    ],
)
def test_queries_are_a_stack(words: list[str], expected: str) -> None:
    rows = [
        {"name": "a", "type": "ether", "comment": "x", "mtu": "90", "disabled": "false"},
        {"name": "b", "type": "vlan", "mtu": "200", "disabled": "false"},
        {"name": "c", "type": "ppp", "comment": "y", "mtu": "1000", "disabled": "false"},
    ]
    assert "".join(row["name"] for row in rows if matches(words, row)) == expected


# librouteros: a client that shares no line with ours


def test_a_foreign_client_reads_and_writes(router: RouterPart) -> None:
    with foreign_client(router) as api:
        users = api.path("ip", "hotspot", "user")
        first = users.add(name="081234", password="Café", profile="profile-aktif", comment="Siti")
        assert first == "*1"
        users.update(**{".id": first, "disabled": True, "comment": ""})
        rows = list(users.select(Key("name"), Key("disabled"), Key("comment")))
        assert rows == [{"name": "081234", "disabled": True}]
        with pytest.raises(TrapError, match="already have user with this name for this server"):
            users.add(name="081234")
        with pytest.raises(TrapError, match="input does not match any value of profile"):
            users.add(name="2", profile="nowhere")
        users.remove(first)
        assert list(users) == []
        with pytest.raises(TrapError, match=r"no such item \(4\)"):
            users.remove(first)


async def test_the_foreign_client_agrees_when_it_is_async(router: RouterPart) -> None:
    api = await librouteros.async_connect(
        "127.0.0.1",
        router.username,
        router.password,
        port=router.port,
        encoding="utf-8",
        login_method=librouteros.login.async_plain,
    )
    added = api.path("ip", "hotspot", "ip-binding")
    new = await added.add(**{"mac-address": PHONE, "type": "bypassed", "comment": "62812"})
    assert new == "*1"
    rows = [row async for row in added]
    assert rows[0]["mac-address"] == PHONE and rows[0]["type"] == "bypassed"
    await api.close()


def test_an_old_router_knows_challenges_only(router: RouterPart) -> None:
    router.control("fault", version="6.42.12")
    with foreign_client(router, token) as api:
        assert list(api.path("system", "identity"))[0]["name"] == "jaga-simulator"
    router.control("fault", version="7.16.1")
    with pytest.raises((TrapError, KeyError)), foreign_client(router, token):
        pass


def test_wrong_passwords_and_strangers_are_refused(router: RouterPart) -> None:
    with pytest.raises(TrapError, match=r"invalid user name or password \(6\)"):
        librouteros.connect("127.0.0.1", "jaga", "wrong", port=router.port, login_method=plain)
    assert talk(router, [b"/ip/hotspot/user/print"])[-1] == [b"!fatal", b"not logged in"]


# Bytes


def talk(router: RouterPart, *sentences: list[bytes], login: bool = False) -> list[list[bytes]]:
    """Send sentences; return everything that comes until half a second of silence or the end."""
    if login:
        name, password = router.username.encode(), router.password.encode()
        sentences = ([b"/login", b"=name=" + name, b"=password=" + password], *sentences)
    reader = SentenceReader()
    found: list[list[bytes]] = []
    with socket.create_connection(("127.0.0.1", router.port), timeout=0.5) as wire:
        wire.sendall(b"".join(map(encode_sentence, sentences)))
        with contextlib.suppress(TimeoutError, ConnectionError):
            while data := wire.recv(65536):
                found += reader.feed(data)
    return found[1:] if login else found


def test_replies_are_the_documented_sentences(router: RouterPart) -> None:
    users = b"/ip/hotspot/user/"
    found = talk(
        router,
        [users + b"print", b".tag=a"],
        [users + b"add", b"=name=a=b", b".tag=b", b"=comment="],
        [users + b"print", b"=.proplist=name,nothing"],
        [users + b"print", b"=.proplist=nothing"],
        [users + b"print", b"=count-only="],
        [users + b"nothing"],
        [b"/ip/nowhere/print"],
        [users + b"add", b"=name=x", b"=wrong=1"],
        [users + b"add"],
        [users + b"remove", b"?name=a=b"],
        [b"/ip/hotspot/ip-binding/add", b"=address=nonsense"],
        [b"/quit"],
        login=True,
    )
    assert found == [
        [b"!empty", b".tag=a"],
        [b"!done", b".tag=a"],
        [b"!done", b".tag=b", b"=ret=*1"],
        [b"!re", b"=name=a=b"],
        [b"!done"],
        [b"!re"],
        [b"!done"],
        [b"!done", b"=ret=1"],
        [b"!trap", b"=category=0", b"=message=no such command"],
        [b"!done"],
        [b"!trap", b"=category=0", b"=message=no such command prefix"],
        [b"!done"],
        [b"!trap", b"=category=1", b"=message=unknown parameter wrong"],
        [b"!done"],
        [b"!trap", b"=category=1", b"=message=missing value(s) of argument(s) name"],
        [b"!done"],
        [b"!done"],
        [b"!trap", b"=category=1", b"=message=value of address expects range of ip addresses"],
        [b"!done"],
        [b"!fatal", b"session terminated on request"],
    ]


def test_empty_is_said_since_7_18_only(router: RouterPart) -> None:
    router.control("fault", version="7.17")
    assert talk(router, [b"/ip/hotspot/user/print"], login=True) == [[b"!done"]]


def test_listen_tells_of_changes_until_it_is_cancelled(router: RouterPart) -> None:
    found = talk(
        router,
        [b"/ip/hotspot/ip-binding/listen", b".tag=9"],
        [b"/ip/hotspot/ip-binding/add", b"=mac-address=aa:bb:cc:00:00:01"],
        [b"/ip/hotspot/ip-binding/remove", b"=.id=*1"],
        [b"/cancel", b"=tag=9", b".tag=7"],
        login=True,
    )
    assert [b"!re", b".tag=9", b"=.id=*1", b"=.dead=yes"] in found
    assert found[-3:] == [
        [b"!trap", b".tag=9", b"=category=2", b"=message=interrupted"],
        [b"!done", b".tag=9"],
        [b"!done", b".tag=7"],
    ]


def test_a_group_that_may_only_read_writes_nothing(router: RouterPart) -> None:
    router.control("fault", read_only=True)
    found = talk(router, [b"/ip/hotspot/user/add", b"=name=x"], login=True)
    assert found == [[b"!trap", b"=message=not enough permissions (9)"], [b"!done"]]


def test_sessions_are_capped(router: RouterPart) -> None:
    router.control("fault", max_sessions=2)
    with foreign_client(router), foreign_client(router):
        with pytest.raises(FatalError, match="too many sessions"), foreign_client(router):
            pass
    assert talk(router, [b"/system/identity/print"], login=True)[-1] == [b"!done"]


@pytest.mark.parametrize(
    ("sentence", "last"),
    [
        (b"/quit", b"session terminated on request"),
        (b"/ip/hotspot/user/print", b"not logged in"),
    ],
)
def test_a_last_word_is_heard_by_who_still_speaks(
    router: RouterPart, sentence: bytes, last: bytes
) -> None:
    """Bytes that lie unread when a connection is closed make the kernel take the last word back."""
    more = [[b"/system/identity/print", b"=%s=" % (b"x" * 1000)]] * 3000
    assert talk(router, [sentence], *more, login=last.startswith(b"session"))[-1] == [
        b"!fatal",
        last,
    ]


def test_a_last_word_is_heard_at_a_full_router(router: RouterPart) -> None:
    router.control("fault", max_sessions=0)
    more = [[b"/system/identity/print", b"=%s=" % (b"x" * 1000)]] * 3000
    assert talk(router, *more) == [[b"!fatal", b"too many sessions"]]


def test_who_does_not_hang_up_after_the_last_word_is_cut_off(router: RouterPart) -> None:
    with socket.create_connection(("127.0.0.1", router.port), timeout=10) as wire:
        wire.sendall(encode_sentence([b"/quit"]))
        assert wire.recv(1000) and wire.recv(1000) == b""
        with pytest.raises(ConnectionError):
            while True:
                wire.sendall(b"more" * 10_000)


def test_a_router_that_is_reset_is_as_new(router: RouterPart) -> None:
    new = router.read("state")["tables"]
    with foreign_client(router) as api:
        api.path("/ip/hotspot/user").add(name="budi")
        router.control("join", mac=PHONE, ip="192.168.10.5")
        router.control("fault", max_sessions=1, read_only=True)
        router.control("install", name="login.html", text="<p>ours</p>")
        router.reset()
        with pytest.raises((ConnectionError, LibRouterosError)):
            tuple(api.path("/ip/hotspot/user"))
    state = router.read("state")
    assert (state["tables"], state["connections"], router.read("calls")) == (new, 0, {})
    assert router.read("fault")["max_sessions"] == 20
    assert router.control("traffic", mac=PHONE, bytes_in=1)["error"] == f"unknown: {PHONE}"


# Faults


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("trap_without_message", [[b"!trap"], [b"!done"]]),
        ("fatal", [[b"!fatal", b"simulated end"]]),
        ("unknown_word", [[b"!strange", b"=what=this"], [b"!done"]]),
        ("close", []),
        ("half_word", []),
    ],
)
def test_faults_strike_once(router: RouterPart, kind: str, answer: list[list[bytes]]) -> None:
    router.control("fault", kind=kind, command="/ip/hotspot/user/print")
    assert talk(router, [b"/ip/hotspot/user/print"], login=True) == answer
    assert talk(router, [b"/ip/hotspot/user/print"], login=True) == [[b"!empty"], [b"!done"]]


def test_a_lost_reply_was_carried_out(router: RouterPart) -> None:
    router.control("fault", kind="lose_reply", command="/ip/hotspot/user/add")
    assert talk(router, [b"/ip/hotspot/user/add", b"=name=x"], login=True) == []
    assert len(router.read("state")["tables"]["/ip/hotspot/user"]) == 1


def test_tags_may_come_out_of_order_and_each_stays_whole(router: RouterPart) -> None:
    router.control("fault", shuffle_tags=True)
    prints = [[b"/ip/hotspot/user/profile/print", b".tag=%d" % tag] for tag in range(8)]
    found = talk(router, *prints, login=True)
    tags = [sentence[1] for sentence in found]
    assert tags != sorted(tags)
    for tag in set(tags):
        assert [s[0] for s in found if s[1] == tag] == [b"!re"] * 7 + [b"!done"]


def test_unknown_faults_are_named(router: RouterPart) -> None:
    assert "no fault" in router.control("fault", nonsense=1)["error"]
    assert "must be bool" in router.control("fault", read_only="yes")["error"]


# What happens between the calls


def state(router: RouterPart, path: str) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = router.read("state")["tables"][f"/ip/hotspot/{path}"]
    return rows


def test_a_stranger_is_redirected_and_a_bypassed_device_is_not(router: RouterPart) -> None:
    router.control("join", mac=PHONE, ip="192.168.200.10")
    target = router.control("http", mac=PHONE)["redirected_to"]
    assert target.startswith("http://portal.test/hotspot/login?mac=AA%3ABB%3ACC%3A00%3A00%3A01")
    assert not router.control("traffic", mac=PHONE, bytes_in=1, bytes_out=1)["passed"]
    with foreign_client(router) as api:
        api.path("ip", "hotspot", "ip-binding").add(**{"mac-address": PHONE, "type": "bypassed"})
        assert not router.control("traffic", mac=PHONE, bytes_in=1, bytes_out=1)["passed"]
        (host,) = api.path("ip", "hotspot", "host")
        api.path("ip", "hotspot", "host").remove(host[".id"])
    assert router.control("traffic", mac=PHONE, bytes_in=5, bytes_out=7)["passed"]
    assert router.control("http", mac=PHONE)["redirected_to"] is None
    (row,) = state(router, "host")
    assert (row["bypassed"], row["bytes-in"], row["bytes-out"]) == ("true", "5", "7")
    assert state(router, "active") == []


def test_a_binding_is_judged_at_once_when_the_switch_says_so(router: RouterPart) -> None:
    router.control("fault", rejudge_on_binding_change=True)
    router.control("join", mac=PHONE, ip="192.168.200.10")
    talk(
        router,
        [b"/ip/hotspot/ip-binding/add", b"=mac-address=" + PHONE.encode(), b"=type=bypassed"],
        login=True,
    )
    assert router.control("traffic", mac=PHONE, bytes_in=1, bytes_out=1)["passed"]


def test_a_block_for_all_servers_wins(router: RouterPart) -> None:
    mac = b"=mac-address=" + PHONE.encode()
    talk(
        router,
        [b"/ip/hotspot/ip-binding/add", mac, b"=type=bypassed", b"=server=hotspot1"],
        [b"/ip/hotspot/ip-binding/add", b"=address=192.168.200.0/24", b"=type=blocked"],
        login=True,
    )
    assert not router.control("join", mac=PHONE, ip="192.168.200.10")["online"]


def add_user(router: RouterPart, *more: bytes, profile: bytes = b"profile-aktif") -> None:
    words = [b"/ip/hotspot/user/add", b"=name=siti", b"=password=x", b"=profile=" + profile, *more]
    assert talk(router, words, login=True)[-1][0] == b"!done"


def test_removing_the_session_alone_lets_a_mac_cookie_back_in(router: RouterPart) -> None:
    add_user(router)
    router.control("join", mac=PHONE, ip="192.168.200.10")
    assert router.control("login", mac=PHONE, username="siti", password="x") == {"ok": True}
    (session,) = state(router, "active")
    assert session[".id"] == "*C0A8C80A"
    talk(router, [b"/ip/hotspot/active/remove", b"=.id=*C0A8C80A"], login=True)
    assert state(router, "active") == []
    assert router.control("traffic", mac=PHONE, bytes_in=1, bytes_out=1)["passed"]
    assert state(router, "active")[0]["login-by"] == "mac-cookie"


def test_logins_are_refused_in_the_routers_words(router: RouterPart) -> None:
    add_user(router, b"=limit-bytes-total=100", profile=b"default")
    for number, mac in enumerate((PHONE, LAPTOP)):
        router.control("join", mac=mac, ip=f"192.168.200.{10 + number}")
    said = router.control("login", mac=PHONE, username="siti", password="wrong")["error"]
    assert said == "invalid username or password"
    router.control("login", mac=PHONE, username="siti", password="x")
    said = router.control("login", mac=LAPTOP, username="siti", password="x")["error"]
    assert said == "no more sessions are allowed for user siti"
    router.control("traffic", mac=PHONE, bytes_in=60, bytes_out=60)
    assert state(router, "active") == []
    said = router.control("login", mac=PHONE, username="siti", password="x")["error"]
    assert said == "user siti has reached traffic limit"


def test_a_changed_profile_waits_for_the_next_login(router: RouterPart) -> None:
    talk(
        router,
        [b"/ip/hotspot/user/profile/add", b"=name=slow", b"=address-list=slow"],
        login=True,
    )
    add_user(router, profile=b"slow")
    router.control("join", mac=PHONE, ip="192.168.200.10")
    router.control("login", mac=PHONE, username="siti", password="x")
    listed = "/ip/firewall/address-list"
    assert router.read("state")["tables"][listed][0]["list"] == "slow"
    talk(router, [b"/ip/hotspot/user/set", b"=.id=*1", b"=profile=profile-aktif"], login=True)
    assert len(router.read("state")["tables"][listed]) == 1
    talk(router, [b"/ip/hotspot/active/remove", b"=.id=*C0A8C80A"], login=True)
    router.control("traffic", mac=PHONE, bytes_in=1, bytes_out=1)
    assert router.read("state")["tables"][listed] == []


def test_an_address_and_its_session_id_pass_to_the_next_device(router: RouterPart) -> None:
    add_user(router)
    router.control("join", mac=PHONE, ip="192.168.200.10")
    router.control("login", mac=PHONE, username="siti", password="x")
    router.control("leave", mac=PHONE)
    router.control("join", mac=LAPTOP, ip="192.168.200.10")
    assert state(router, "active") == []
    router.control("login", mac=LAPTOP, username="siti", password="x")
    (session,) = state(router, "active")
    assert (session[".id"], session["mac-address"]) == ("*C0A8C80A", LAPTOP)


def test_time_and_a_reboot_take_what_they_take_on_a_router(router: RouterPart) -> None:
    add_user(router)
    for number, mac in enumerate((PHONE, LAPTOP)):
        router.control("join", mac=mac, ip=f"192.168.200.{10 + number}")
    router.control("login", mac=PHONE, username="siti", password="x")
    router.control("leave", mac=PHONE)
    router.control("advance", seconds=121)
    assert state(router, "active") == []
    router.control("advance", seconds=200)
    assert state(router, "host") == []
    router.control("traffic", mac=LAPTOP, bytes_in=9, bytes_out=9)
    talk(
        router,
        [b"/ip/hotspot/ip-binding/add", b"=mac-address=" + PHONE.encode()],
        [b"/ip/hotspot/ip-binding/add", b"=mac-address=" + LAPTOP.encode()],
        [b"/ip/hotspot/ip-binding/remove", b"=.id=*1"],
        login=True,
    )
    router.control("reboot")
    assert state(router, "host") == []
    assert [row[".id"] for row in state(router, "ip-binding")] == ["*1"]
    assert len(state(router, "cookie")) == 1
    router.control("fault", cookies_survive_reboot=False)
    router.control("reboot")
    assert state(router, "cookie") == []


def test_a_random_mac_is_a_stranger_again(router: RouterPart) -> None:
    talk(
        router,
        [b"/ip/hotspot/ip-binding/add", b"=mac-address=" + PHONE.encode(), b"=type=bypassed"],
        login=True,
    )
    assert router.control("join", mac=PHONE, ip="192.168.200.10")["online"]
    assert not router.control("rotate", mac=PHONE, new_mac=LAPTOP)["online"]


def test_the_walled_garden_is_open_to_strangers(router: RouterPart) -> None:
    talk(router, [b"/ip/hotspot/walled-garden/add", b"=dst-host=*.bank.test"], login=True)
    router.control("join", mac=PHONE, ip="192.168.200.10")
    packet = {"mac": PHONE, "bytes_in": 1, "bytes_out": 1}
    assert router.control("traffic", **packet, to="www.bank.test")["passed"]
    assert not router.control("traffic", **packet, to="example.com")["passed"]


# routeros-api: the client the product uses


def test_the_products_client_reads_ten_thousand_rows(router: RouterPart) -> None:
    adds = [[b"/ip/hotspot/user/add", b"=name=u%d" % n, b".tag=%d" % n] for n in range(10_000)]
    assert len(talk(router, *adds, login=True)) == 10_000
    pool = routeros_api.RouterOsApiPool(
        "127.0.0.1", router.username, router.password, port=router.port, plaintext_login=True
    )
    began = time.thread_time()
    users = pool.get_api().get_resource("/ip/hotspot/user")
    rows = users.call("print", {".proplist": ".id,name,profile,disabled,comment"})
    assert len(rows) == 10_000 and rows[0]["name"] == "u0"
    assert time.thread_time() - began < 10
    with pytest.raises(RouterOsApiCommunicationError, match="no such item"):
        users.remove(id="*FFFFFF")
    pool.disconnect()
    assert router.read("calls")["/ip/hotspot/user/add"] == 10_000


async def test_a_delayed_router_delays_nobody_else(router: RouterPart) -> None:
    router.control("fault", delay_seconds=0.3)
    began = Stopwatch()
    await asyncio.gather(
        *(
            asyncio.to_thread(talk, router, [b"/system/identity/print"], login=True)
            for _ in range(4)
        )
    )
    assert began.seconds < 2
