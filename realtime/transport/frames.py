"""WebSocket frames (RFC 6455 §5), bytes in and bytes out; no I/O of its own.

A member's tab sends little: acks, pings, pongs. A message larger than LARGEST is refused, only text
is taken, and compression is never offered.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct

from realtime.transport import codes

LARGEST = 4096
"""Bytes of one message, all its fragments together."""

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class ProtocolError(Exception):
    """The peer broke the protocol; `code` is what its connection is closed with."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def accept_key(key: str) -> str | None:
    """Return the answer to a handshake's key (RFC 6455 §4.2.2), None for an invalid key."""
    try:
        if len(base64.b64decode(key, validate=True)) != 16:
            return None
    except (binascii.Error, ValueError):
        return None
    return base64.b64encode(
        hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest()
    ).decode()


def frame(opcode: int, payload: bytes) -> bytes:
    """Return one whole, unmasked frame: what a server sends."""
    size = len(payload)
    if size < 126:
        return bytes((0x80 | opcode, size)) + payload
    if size < 65536:
        return struct.pack("!BBH", 0x80 | opcode, 126, size) + payload
    return struct.pack("!BBQ", 0x80 | opcode, 127, size) + payload


def close_frame(code: int, reason: str = "") -> bytes:
    """Return the frame that closes with this code."""
    return frame(CLOSE, struct.pack("!H", code) + reason.encode()[:123])


class FrameReader:
    """Takes bytes as they come, returns whole messages. Kept only while one is unfinished."""

    __slots__ = ("_buffer", "_message", "_opcode")

    def __init__(self) -> None:
        self._buffer = b""
        self._message = b""
        self._opcode = CONTINUATION

    @property
    def is_idle(self) -> bool:
        """Whether nothing is half read, so that the reader may be forgotten."""
        return not self._buffer and self._opcode == CONTINUATION

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """Return the messages that `data` completes, as (opcode, payload).

        Raises ProtocolError for whatever RFC 6455 or our bounds forbid.
        """
        if self._opcode == CLOSE:
            return []
        buffer = self._buffer + data
        messages = []
        at = 0
        while (step := _frame_at(buffer, at)) is not None:
            final, opcode, payload, at = step
            message = self._message_of(final, opcode, payload)
            if message is not None:
                messages.append(message)
            if opcode == CLOSE:
                # what follows is not read (RFC 6455 §5.5.1)
                self._opcode, self._buffer = CLOSE, b""
                return messages
        self._buffer = buffer[at:]
        return messages

    def _message_of(self, final: bool, opcode: int, payload: bytes) -> tuple[int, bytes] | None:
        if opcode >= CLOSE:
            return _control(final, opcode, payload)
        if (opcode == CONTINUATION) != (self._opcode != CONTINUATION):
            raise ProtocolError(codes.PROTOCOL_ERROR)
        if opcode == BINARY:
            raise ProtocolError(codes.NOT_TEXT)
        self._opcode = self._opcode or opcode
        self._message += payload
        if len(self._message) > LARGEST:
            raise ProtocolError(codes.TOO_BIG)
        if not final:
            return None
        whole, self._message, self._opcode = self._message, b"", CONTINUATION
        _require_text(whole)
        return TEXT, whole


def close_code(payload: bytes) -> int:
    """Return the code of a Close that was received, 1005 for an empty one.

    Raises ProtocolError for a code that may not be sent (RFC 6455 §7.4).
    """
    if not payload:
        return 1005
    if len(payload) == 1:
        raise ProtocolError(codes.PROTOCOL_ERROR)
    code = int(struct.unpack("!H", payload[:2])[0])
    if not (1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999):
        raise ProtocolError(codes.PROTOCOL_ERROR)
    _require_text(payload[2:])
    return code


def _frame_at(buffer: bytes, at: int) -> tuple[bool, int, bytes, int] | None:
    """One frame that begins at `at`: final, opcode, payload, where it ends; None when cut short."""
    if len(buffer) - at < 2:
        return None
    first, second = buffer[at], buffer[at + 1]
    opcode = first & 0x0F
    if first & 0x70 or opcode not in (CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG):
        raise ProtocolError(codes.PROTOCOL_ERROR)
    if not second & 0x80:
        raise ProtocolError(codes.PROTOCOL_ERROR)
    found = _length_at(buffer, at + 2, second & 0x7F)
    if found is None:
        return None
    size, body = found
    if size > LARGEST:
        raise ProtocolError(codes.TOO_BIG)
    if len(buffer) < body + 4 + size:
        return None
    mask, payload = buffer[body : body + 4], buffer[body + 4 : body + 4 + size]
    return bool(first & 0x80), opcode, unmask(mask, payload), body + 4 + size


def _length_at(buffer: bytes, at: int, short: int) -> tuple[int, int] | None:
    """A frame's length and where its mask begins; the shortest form is the only one allowed."""
    if short < 126:
        return short, at
    width = 2 if short == 126 else 8
    if len(buffer) < at + width:
        return None
    size = int.from_bytes(buffer[at : at + width], "big")
    if size < 126 or (width == 8 and (size < 65536 or size >> 63)):
        raise ProtocolError(codes.PROTOCOL_ERROR)
    return size, at + width


def unmask(mask: bytes, payload: bytes) -> bytes:
    """XOR a payload with its mask. The same call masks it (clients and tests)."""
    size = len(payload)
    pad = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(pad, "big")).to_bytes(size, "big")


def _control(final: bool, opcode: int, payload: bytes) -> tuple[int, bytes]:
    if not final or len(payload) > 125:
        raise ProtocolError(codes.PROTOCOL_ERROR)
    return opcode, payload


def _require_text(payload: bytes) -> None:
    try:
        payload.decode()
    except UnicodeDecodeError:
        raise ProtocolError(codes.BAD_TEXT) from None
