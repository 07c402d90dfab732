"""The simulator's servlet: what a browser is shown, is refused, and is told by api.json."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import jinja2
import pytest

from scripts.embedded.supervisor import Supervisor
from scripts.simulator.part import RouterPart
from scripts.simulator.template import BadTemplate, fill
from tests.hotspot import foreign_client

PHONE, LAPTOP = "AA:BB:CC:00:00:01", "AA:BB:CC:00:00:02"
PORTAL = "http://portal.test/hotspot/login"
ROOT = Path(__file__).parents[2]


@dataclass
class Answer:
    status: int
    to: str
    kind: str
    body: str

    @property
    def forwards_to(self) -> str:
        """Where a meta refresh leads."""
        found = re.search(r'http-equiv="refresh" content="0; url=([^"]*)"', self.body)
        return unescape(found[1]) if found else ""


def open_page(router: RouterPart, path: str, form: dict[str, str] | None = None) -> Answer:
    """As the phone's browser does, which follows nothing by itself here."""
    wire = http.client.HTTPConnection("127.0.0.1", router.control_port, timeout=5)
    kind = {"Content-Type": "application/x-www-form-urlencoded"} if form else {}
    body = urlencode(form) if form else None
    wire.request("POST" if form else "GET", f"/device/{PHONE}/{path}", body, kind)
    answer = wire.getresponse()
    got = Answer(
        answer.status,
        answer.getheader("Location") or "",
        answer.getheader("Content-Type") or "",
        answer.read().decode(),
    )
    wire.close()
    return got


@pytest.fixture
def siti(router: RouterPart, tell: Callable[..., None]) -> RouterPart:
    """A router that knows Siti, whose phone is in the air."""
    tell("/ip/hotspot/user/add", "name=siti", "password= x y", "profile=profile-aktif")
    router.control("join", mac=PHONE, ip="192.168.200.10")
    return router


@pytest.fixture
def tell(router: RouterPart) -> Callable[..., None]:
    """Has an operator say something to the router."""

    def say(command: str, *words: str) -> None:
        with foreign_client(router) as api:
            list(api.rawCmd(command, *(f"={word}" for word in words)))

    return say


def log_in(router: RouterPart, **more: str) -> Answer:
    return open_page(router, "login", {"username": "siti", "password": " x y", **more})


# The way to the portal


def test_whatever_a_stranger_opens_leads_to_the_portal(siti: RouterPart) -> None:
    answer = open_page(siti, f"?url={quote('http://news.test/a?b=c&d', safe='')}")
    assert answer.status == 302 and answer.to.startswith(f"{PORTAL}?")
    assert parse_qs(urlsplit(answer.to).query) == {
        "mac": [PHONE],
        "ip": ["192.168.200.10"],
        "link-login-only": [f"{siti.control_url}/device/{PHONE}/login"],
        "link-orig": ["http://news.test/a?b=c&d"],
    }
    assert siti.control("http", mac=PHONE)["redirected_to"].startswith(f"{PORTAL}?")


def test_the_login_page_says_the_same_as_the_one_that_operators_install(siti: RouterPart) -> None:
    """login.html of the product, carried out as a router does, and the simulator's own."""
    dst = "http://news.test/?q=a b&c=\"'<"
    at = f"login?dst={quote(dst, safe='')}"
    own = open_page(siti, at)
    source = (ROOT / "web/templates/hotspot_router.html").read_text()
    installed = jinja2.Environment(autoescape=True).from_string(source).render(portal=PORTAL)
    assert siti.control("install", name="login.html", text=installed) == {"ok": True}
    theirs = open_page(siti, at)
    told = [parse_qs(urlsplit(page.forwards_to).query) for page in (own, theirs)]
    assert told[0] == {
        "mac": [PHONE],
        "ip": ["192.168.200.10"],
        "link-login-only": [f"{siti.control_url}/device/{PHONE}/login"],
        "link-orig": [dst],
    }
    assert {name: told[1].get(name) for name in told[0]} == told[0]
    assert "$(" not in theirs.body
    to_login = open_page(siti, f"?url={quote(dst, safe='')}")
    assert to_login.to == f"{siti.control_url}/device/{PHONE}/{at}"


def test_files_that_a_router_would_not_understand_are_refused(router: RouterPart) -> None:
    assert "$(endif)" in router.control("install", name="login.html", text="$(if error)x")["error"]
    assert "must be one of" in router.control("install", name="../x", text="")["error"]


# Logging in


def test_a_form_logs_the_device_in_and_leads_on(siti: RouterPart) -> None:
    answer = log_in(siti, dst="http://news.test/back")
    assert (answer.status, answer.to) == (302, "http://news.test/back")
    (session,) = siti.read("state")["tables"]["/ip/hotspot/active"]
    assert (session["user"], session["login-by"]) == ("siti", "http-pap")
    assert "sampai di sana" in open_page(siti, "").body
    assert open_page(siti, "login").to.endswith("/status")


def test_an_address_logs_in_too(siti: RouterPart) -> None:
    query = urlencode({"username": "siti", "password": " x y"})
    assert open_page(siti, f"login?{query}").to.endswith(f"/device/{PHONE}/status")
    status = open_page(siti, "status").body
    assert "siti" in status and "192.168.200.10" in status and PHONE in status


@pytest.mark.parametrize(
    ("form", "user", "wording"),
    [
        ({"password": "wrong"}, (), "invalid username or password"),
        ({"username": "nobody"}, (), "invalid username or password"),
        ({}, ("disabled=yes",), "invalid username or password"),
        (
            {},
            (f"mac-address={LAPTOP}",),
            "user siti is not allowed to log in from this MAC address",
        ),
    ],
)
def test_refusals_are_in_the_routers_words(
    siti: RouterPart,
    tell: Callable[..., None],
    form: dict[str, str],
    user: tuple[str, ...],
    wording: str,
) -> None:
    if user:
        tell("/ip/hotspot/user/set", ".id=*1", *user)
    answer = log_in(siti, **form)
    assert answer.status == 200 and wording in answer.body
    assert parse_qs(urlsplit(answer.forwards_to).query)["error"] == [wording]
    assert siti.read("state")["tables"]["/ip/hotspot/active"] == []


def test_a_password_in_clear_needs_http_pap(siti: RouterPart, tell: Callable[..., None]) -> None:
    tell("/ip/hotspot/profile/set", ".id=*1", "login-by=cookie,http-chap")
    assert "did not send challenge response" in log_in(siti).body
    refused = siti.control("login", mac=PHONE, username="siti", password=" x y")
    assert "did not send challenge response" in refused["error"]
    tell("/ip/hotspot/profile/set", ".id=*1", "login-by=http-pap")
    assert log_in(siti).status == 302
    tell("/ip/hotspot/active/remove", ".id=*C0A8C80A")
    assert not siti.control("traffic", mac=PHONE)["passed"], "mac-cookie is no way in now"


def test_what_was_typed_is_text_on_the_page(supervisor: Supervisor, tmp_path: Path) -> None:
    part = RouterPart(supervisor, tmp_path / "router.log")
    part.start()
    try:
        part.control("join", mac=PHONE, ip="192.168.200.10")
        answer = open_page(part, "login", {"username": "<b>x", "password": "y", "dst": '"><i>'})
        assert answer.body.startswith("<!doctype html>") and "/page/servlet.css" in answer.body
        assert "<b>" not in answer.body and "<i>" not in answer.body
        assert "&lt;b&gt;x" in answer.body and "invalid username" in answer.body
        form = re.search(r'action="([^"]+)"', answer.body)
        assert form and form[1] == f"{part.control_url}/device/{PHONE}/login"
    finally:
        part.stop()


def test_whoever_logs_out_is_a_stranger_again(siti: RouterPart) -> None:
    log_in(siti)
    said = open_page(siti, "logout?erase-cookie=on").body
    assert "Anda sudah keluar" in said and "siti" in said
    tables = siti.read("state")["tables"]
    assert tables["/ip/hotspot/active"] == tables["/ip/hotspot/cookie"] == []
    assert open_page(siti, "").to.startswith(PORTAL)
    assert open_page(siti, "status").to.endswith("/login")
    assert open_page(siti, "logout").to.endswith("/login")


def test_a_browser_keeps_its_cookie_unless_it_is_told_otherwise(siti: RouterPart) -> None:
    log_in(siti)
    open_page(siti, "logout")
    assert siti.read("state")["tables"]["/ip/hotspot/active"] == []
    assert "sampai di sana" in open_page(siti, "").body
    (session,) = siti.read("state")["tables"]["/ip/hotspot/active"]
    assert session["login-by"] == "cookie"


# Whom nobody answers


def test_the_blocked_the_absent_and_the_unknown_get_no_page(
    siti: RouterPart, tell: Callable[..., None]
) -> None:
    siti.control("leave", mac=PHONE)
    assert open_page(siti, "").status == 504
    siti.control("join", mac=PHONE, ip="192.168.200.10")
    tell("/ip/hotspot/ip-binding/add", f"mac-address={PHONE}", "type=blocked")
    tell("/ip/hotspot/host/remove", f".id={_host(siti)}")
    for page in ("", "login", "status", "api.json"):
        answer = open_page(siti, page)
        assert answer.status == 504 and "diblokir" in answer.body
    siti.control("rotate", mac=PHONE, new_mac=LAPTOP)
    assert open_page(siti, "").status == 404


def _host(router: RouterPart) -> str:
    return str(router.read("state")["tables"]["/ip/hotspot/host"][0][".id"])


# api.json


def test_the_captive_status_follows_the_device(siti: RouterPart, tell: Callable[..., None]) -> None:
    answer = open_page(siti, "api.json")
    assert answer.kind == "application/captive+json"
    login = f"{siti.control_url}/device/{PHONE}/login"
    stranger = {"captive": True, "user-portal-url": login, "can-extend-session": True}
    assert json.loads(answer.body) == stranger
    tell("/ip/hotspot/user/profile/set", ".id=*2", "session-timeout=1h")
    tell("/ip/hotspot/user/set", ".id=*1", "limit-bytes-total=1000")
    log_in(siti)
    siti.control("traffic", mac=PHONE, bytes_in=100, bytes_out=200)
    told = json.loads(open_page(siti, "api").body)
    assert told["captive"] is False and told["bytes-remaining"] == 700
    assert 3590 <= told["seconds-remaining"] <= 3600


def test_an_installed_api_json_is_carried_out(siti: RouterPart) -> None:
    text = '{"captive": $(if logged-in == \'yes\')false$(else)true$(endif), "mac": "$(mac)"}'
    siti.control("install", name="api.json", text=text)
    assert json.loads(open_page(siti, "api.json").body) == {"captive": True, "mac": PHONE}
    siti.control("install", name="api.json", text="")
    assert "user-portal-url" in open_page(siti, "api.json").body


# How pages are filled in


@pytest.mark.parametrize(
    ("page", "filled"),
    [
        ("$(name)!", "a b!"),
        ("$(name-esc)", "a%20b"),
        ("[$(nothing)]", "[]"),
        ("$(if name)1$(else)2$(endif)", "1"),
        ("$(if empty)1$(else)2$(endif)", "2"),
        ("$(if name == 'a b')1$(endif)", "1"),
        ("$(if name != 'a b')1$(endif)", ""),
        ("$(if zero != 0)1$(endif)", ""),
        ("$(if empty)1$(elif zero == 0)2$(elif name)3$(else)4$(endif)", "2"),
        ("$(if empty)1$(if name)2$(else)3$(endif)4$(else)5$(endif)", "5"),
        ("$(if name)$(if empty)1$(else)2$(endif)$(endif)", "2"),
        ("a (b) $c", "a (b) $c"),
    ],
)
def test_variables_and_conditions(page: str, filled: str) -> None:
    assert fill(page, {"name": "a b", "empty": "", "zero": "0"}) == filled


@pytest.mark.parametrize("page", ["$(if a)", "$(else)", "$(endif)", "$(if a ~ b)$(endif)"])
def test_a_page_that_makes_no_sense_is_refused(page: str) -> None:
    with pytest.raises(BadTemplate):
        fill(page, {})
