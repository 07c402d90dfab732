"""Bodies: read only where one is taken, and only as much; and an answer never fails to encode."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.serving import Serving, serving


@pytest.fixture
async def site(environment: dict[str, str]) -> AsyncIterator[Serving]:
    async with serving(environment) as site:
        yield site


async def head_alone(site: Serving, method: str, path: str, *headers: str) -> tuple[int, bytes]:
    """Send a request without its body; returns the status and all that came."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *headers, "", ""]
    return await answer_to(site, "\r\n".join(lines).encode())


async def answer_to(site: Serving, sent: bytes) -> tuple[int, bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    try:
        writer.write(sent)
        async with asyncio.timeout(5):
            said = await reader.read(65_536)
        return int(said.split()[1]), said
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("method", "path", "length", "status"),
    [
        ("POST", "/nowhere", 10, 404),
        ("POST", "/api/auth/logni", 200_000, 404),
        ("POST", "/healthz", 10, 405),
        ("PUT", "/api/auth/login", 10, 405),
        ("GET", "/login", 10, 415),
        ("GET", "/healthz", 10, 415),
        ("HEAD", "/login", 10, 415),
        ("POST", "/api/auth/login", 64 * 1024 + 1, 413),
        ("POST", "/cekfingerprint", 200_000, 413),
        ("POST", "/webhook/lynk", 256 * 1024 + 1, 413),
        ("POST", "/api/admin/meetings/x/students", 256 * 1024 + 1, 413),
    ],
)
async def test_it_is_judged_before_the_body(
    site: Serving, method: str, path: str, length: int, status: int
) -> None:
    said, text = await head_alone(site, method, path, f"Content-Length: {length}")
    assert said == status, text
    assert b'"success":false' in text and b"Connection: close" in text
    if status == 405:
        assert b"\r\nAllow: " in text


async def test_one_in_chunks_is_held_to_the_same(site: Serving) -> None:
    head = (
        b"POST /api/auth/login HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n"
        b"Content-Type: application/json\r\n\r\n"
    )
    chunk = b"8000\r\n" + b" " * 0x8000 + b"\r\n"
    status, text = await answer_to(site, head + 3 * chunk)
    assert (status, b"TOO_LARGE" in text) == (413, True)
    status, _ = await answer_to(site, head.replace(b"/login ", b"/logni ") + 3 * chunk)
    assert status == 404


async def test_as_much_as_is_taken_is_read(site: Serving) -> None:
    answer = await site.browser().send(
        "POST", "/webhook/lynk", b"{" + b" " * 200_000 + b"}", {"Content-Type": "application/json"}
    )
    assert answer.status == 200
    answer = await site.browser().post("/api/auth/login", {"email": "x" * 60_000})
    assert (answer.status, answer.json["type"]) == (400, "INVALID_REQUEST")


FORM = 'multipart/form-data; boundary="x"'


@pytest.mark.parametrize("body", [b"", b"--x", b"--x\r\n\r\n", b"--x\r\nno: disposition\r\n\r\n1"])
async def test_a_foreign_page_is_refused_before_its_multipart_is_read(
    site: Serving, body: bytes
) -> None:
    for path in ("/auth/authenticate", "/api/auth/login", "/password"):
        foreign = {"Content-Type": FORM, "Origin": "https://evil.example"}
        answer = await site.browser().send("POST", path, body or b"-", foreign)
        assert (answer.status, answer.json["type"]) == (403, "CROSS_ORIGIN")
        own = {"Content-Type": FORM, "Origin": site.browser().origin}
        answer = await site.browser().send("POST", path, body or b"-", own)
        assert 400 <= answer.status < 500 and answer.json["success"] is False


@pytest.mark.parametrize("path", ["/cekfingerprint", "/api/auth/login", "/auth/authenticate"])
async def test_half_a_character_is_named_and_breaks_no_answer(
    site: Serving, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    for body in (b'{"\\ud800": 5}', b'{"username": "\\udfff", "\\ud800": []}', b'{"a\\udc80": {}}'):
        answer = await site.browser().send("POST", path, body, {"Content-Type": "application/json"})
        assert answer.status == 400 and answer.json["type"] == "INVALID_REQUEST"
    assert "Traceback" not in caplog.text
