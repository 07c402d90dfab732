"""A message gateway that says what a test wants it to, and keeps what it was asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.serving import Serving, serving


@dataclass
class Gateway:
    """Answers in turn, the last one for good, and keeps what it was asked."""

    answers: list[tuple[int, Any]]
    port: int = 0
    asked: list[tuple[str, dict[str, str], str]] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.strip().split("\r\n")
        headers = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in lines)
        }
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        self.asked.append((first, headers, body.decode()))
        status, said = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        text = said if isinstance(said, str) else json.dumps(said)
        writer.write(
            f"HTTP/1.1 {status} X\r\nContent-Length: {len(text.encode())}\r\n\r\n{text}".encode()
        )
        await writer.drain()
        writer.close()


@asynccontextmanager
async def gateway(*answers: Any) -> AsyncIterator[Gateway]:
    found = Gateway([one if isinstance(one, tuple) else (200, one) for one in answers])
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    async with server:
        yield found


def with_gateway(environment: dict[str, str], port: int, **more: str) -> dict[str, str]:
    return environment | {
        "OTP_SENDER": "http",
        "OTP_HTTP_URL": f"http://127.0.0.1:{port}/send",
        "OTP_HTTP_TOKEN": "a-secret-token",
        **more,
    }


@asynccontextmanager
async def refusing(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, words: str
) -> AsyncIterator[tuple[Serving, Gateway]]:
    """A server whose gateway refuses every code with these words. Siti, whose phone is
    081234567890, may use the hotspot."""
    async with gateway({"status": False, "reason": words}) as asked:
        changed = with_gateway(environment, asked.port)
        for name, value in changed.items():
            monkeypatch.setenv(name, value)
        async with serving(changed) as site:
            member = await site.member("siti", phone="081234567890")
            await site.store.hotspot.accounts.approve(member.id, True)
            yield site, asked
