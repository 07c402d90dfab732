"""A request on a connection of its own, as somebody makes who was not here before."""

from __future__ import annotations

import asyncio

JSON = "application/json"


async def request(port: int, line: str, body: bytes = b"", **headers: str) -> int:
    """Send a request and read its whole answer; returns the status.

    `line` is the method and the path; `X_Name` among the headers is `X-Name`. Raises OSError and
    IncompleteReadError.
    """
    sent = {"Host": f"127.0.0.1:{port}", "Connection": "close", "Content-Length": str(len(body))}
    head = "".join(
        f"{name.replace('_', '-')}: {value}\r\n" for name, value in (sent | headers).items()
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"{line} HTTP/1.1\r\n{head}\r\n".encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        await reader.read()
        return int(answer.split()[1])
    finally:
        writer.close()
