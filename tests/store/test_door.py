"""Who knocks: addresses through trusted proxies, origins, credentials, fingerprints."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tornado.httputil import HTTPHeaders

from store.door import Door, bearer_of, cookies_of
from store.errors import CrossOrigin, InvalidRequest
from store.settings import Settings


def door(**environ: str) -> Door:
    base = {"SECRET_KEY": "a key that only tests know", "PUBLIC_URL": "https://jaga.test"}
    return Door(Settings.from_environment(base | environ))


def headers(*pairs: tuple[str, str]) -> HTTPHeaders:
    found = HTTPHeaders()
    for name, value in pairs:
        found.add(name, value)
    return found


@pytest.mark.parametrize(
    ("hops", "forwarded", "address"),
    [
        ("0", ["6.6.6.6"], "10.0.0.1"),
        ("1", [], "10.0.0.1"),
        ("1", ["1.1.1.1"], "1.1.1.1"),
        ("1", ["6.6.6.6, 1.1.1.1"], "1.1.1.1"),
        ("1", ["6.6.6.6", "1.1.1.1"], "1.1.1.1"),
        ("2", ["6.6.6.6, 1.1.1.1, 2.2.2.2"], "1.1.1.1"),
        ("2", ["1.1.1.1"], "10.0.0.1"),
        ("1", [""], "10.0.0.1"),
        ("1", ["6.6.6.6,"], "10.0.0.1"),
        ("1", ["x" * 500], "10.0.0.1"),
        ("1", ["unknown"], "10.0.0.1"),
        ("1", ["_hidden"], "10.0.0.1"),
        ("1", ["1.1.1.1:51234"], "1.1.1.1"),
        ("1", ["6.6.6.6, 1.1.1.1:51234"], "1.1.1.1"),
        ("1", ["1.1.1.1:x:y"], "10.0.0.1"),
        ("1", ["2001:DB8:0::1"], "2001:db8::1"),
        ("1", ["[2001:db8::1]"], "2001:db8::1"),
        ("1", ["[2001:db8::1]:51234"], "2001:db8::1"),
        ("1", ['"[2001:db8::1]:51234"'], "2001:db8::1"),
        ("1", ["[2001:db8::1"], "10.0.0.1"),
        ("1", ["[2001:db8::1]evil"], "10.0.0.1"),
        ("1", ["fe80::1%eth0"], "fe80::1"),
        ("1", ["::ffff:1.1.1.1"], "1.1.1.1"),
        ("1", ["127.0.0.1.evil"], "10.0.0.1"),
    ],
)
def test_the_address_is_counted_from_the_right(hops: str, forwarded, address: str) -> None:
    said = headers(*(("X-Forwarded-For", value) for value in forwarded), ("X-Real-Ip", "7.7.7.7"))
    assert door(PROXYFIX_X_FOR=hops).address(said, "10.0.0.1") == address


@pytest.mark.parametrize(
    ("pairs", "passes"),
    [
        ([], True),
        ([("Origin", "https://jaga.test")], True),
        ([("Origin", "HTTPS://JAGA.TEST")], True),
        ([("Sec-Fetch-Site", "same-origin")], True),
        ([("Sec-Fetch-Site", "none")], True),
        ([("Sec-Fetch-Site", "same-site")], False),
        ([("Sec-Fetch-Site", "cross-site")], False),
        ([("Sec-Fetch-Site", "")], False),
        ([("Origin", "null")], False),
        ([("Origin", "http://jaga.test")], False),
        ([("Origin", "https://jaga.test:8443")], False),
        ([("Origin", "https://jaga.test.evil.test")], False),
        ([("Origin", "https://evil.test"), ("Sec-Fetch-Site", "same-origin")], False),
        ([("Origin", "https://jaga.test"), ("Origin", "https://evil.test")], False),
        ([("Sec-Fetch-Site", "none"), ("Sec-Fetch-Site", "cross-site")], False),
    ],
)
def test_only_our_own_pages_may_send(pairs, passes: bool) -> None:
    if passes:
        door().require_own_origin(headers(*pairs))
    else:
        with pytest.raises(CrossOrigin):
            door().require_own_origin(headers(*pairs))


def test_the_session_cookie_is_host_only_on_https() -> None:
    assert door().session_cookie == "__Host-jaga_session"
    assert door(PUBLIC_URL="http://jaga.test").session_cookie == "jaga_session"
    plain = headers(("Cookie", "jaga_session=a.b.c"))
    assert door().credential(plain)[0] == ""


def test_cookie_or_bearer_and_not_two() -> None:
    cookie = ("Cookie", "__Host-jaga_session=a.b.c")
    assert door().credential(headers(cookie)) == ("a.b.c", True)
    bearer = ("Authorization", "Bearer jat_a.b.d")
    assert door().credential(headers(bearer)) == ("jat_a.b.d", False)
    assert door().credential(headers(cookie, bearer)) == ("jat_a.b.d", False)
    for other in ("jat_a.c.d", "a.b.c", "a.b.d", "x"):
        with pytest.raises(InvalidRequest):
            door().credential(headers(cookie, ("Authorization", f"Bearer {other}")))


def test_neither_kind_of_credential_is_taken_for_the_other() -> None:
    assert door().credential(headers(("Authorization", "Bearer a.b.c"))) == ("?", False)
    assert door().credential(headers(("Sec-WebSocket-Protocol", "bearer, a.b.c"))) == ("?", False)
    in_cookie = ("Cookie", "__Host-jaga_session=jat_a.b.c")
    assert door().credential(headers(in_cookie)) == ("a.b.c", True)


@pytest.mark.parametrize(
    ("name", "value", "token"),
    [
        ("Authorization", "Bearer abc", "abc"),
        ("Authorization", "BEARER abc", "abc"),
        ("Authorization", "Basic abc", ""),
        ("Authorization", "Bearer", ""),
        ("Authorization", "", ""),
        ("Sec-WebSocket-Protocol", "bearer, abc", "abc"),
        ("Sec-WebSocket-Protocol", "bearer", ""),
        ("Sec-WebSocket-Protocol", "chat, bearer", ""),
    ],
)
def test_where_a_bearer_is_found(name: str, value: str, token: str) -> None:
    assert bearer_of(headers((name, value))) == token


@pytest.mark.parametrize("fp", ["1a2b3c", "A-Z_09", "x" * 128])
def test_a_sound_fingerprint_is_taken(fp: str) -> None:
    assert door().fingerprint(headers(("Cookie", f"device_fp={fp}"))) == fp
    assert door().fingerprint(headers(("Cookie", f"xdevice_fp={fp}"))) == ""


@pytest.mark.parametrize("fp", ["x" * 129, "a b", "a\u00e9", "<", "a\n"])
def test_an_odd_one_is_refused(fp: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        door().fingerprint(headers(("Cookie", f"device_fp={fp}")) if fp != "a\n" else _raw(fp))
    assert caught.value.field == "device_fp"


def _raw(fp: str) -> HTTPHeaders:
    return headers(("Cookie", 'device_fp="a\\012"'))


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=60))
def test_an_odd_cookie_hides_none(odd: str) -> None:
    found = headers(("Cookie", f"{odd.replace('jaga_session', '')}; jaga_session=a.b.c"))
    assert cookies_of(found)["jaga_session"] == "a.b.c"
