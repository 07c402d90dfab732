"""Framing of the binary API: a sentence is words, a word is its length and its bytes. No I/O."""

from __future__ import annotations

from collections.abc import Sequence

LARGEST_WORD_BYTES = 1 << 20
"""Far above any word of ours; a client that announces more is refused, not waited for."""

_SHORTEST = ((0x80, 1, 0x00), (0x4000, 2, 0x80), (0x200000, 3, 0xC0), (0x10000000, 4, 0xE0))
"""Per form: the first length that does not fit, its bytes, and the mark in the first byte."""


class Malformed(Exception):
    """The bytes are no sentence: a control byte, or a word beyond all measure."""


def encode_length(length: int) -> bytes:
    """Return a length as RouterOS writes it, in one to five bytes, most significant first."""
    for limit, size, mark in _SHORTEST:
        if length < limit:
            return (length | mark << 8 * (size - 1)).to_bytes(size, "big")
    return b"\xf0" + length.to_bytes(4, "big")


def encode_sentence(words: Sequence[bytes]) -> bytes:
    """Return a whole sentence, the empty word at its end included."""
    return b"".join([part for word in words for part in (encode_length(len(word)), word)]) + b"\0"


def decode_length(data: bytes | bytearray, at: int) -> tuple[int, int] | None:
    """Read a length that begins at `at`: the length and the place after it; None while bytes lack.

    Raises Malformed for a control byte (0xF8 and above).
    """
    if at >= len(data):
        return None
    first = data[at]
    if first >= 0xF8:
        raise Malformed(f"control byte {first:#x}")
    size = 1 + (first >= 0x80) + (first >= 0xC0) + (first >= 0xE0) + (first >= 0xF0)
    if at + size > len(data):
        return None
    kept = 0 if size == 5 else first & (0xFF >> size)
    return int.from_bytes(bytes([kept]) + data[at + 1 : at + size], "big"), at + size


class SentenceReader:
    """Takes bytes as they come and gives whole sentences."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._words: list[bytes] = []

    def feed(self, data: bytes) -> list[list[bytes]]:
        """Take bytes; return the sentences that are complete now, empty ones left out.

        Raises Malformed.
        """
        self._data += data
        sentences = []
        at = 0
        while (found := decode_length(self._data, at)) is not None:
            length, start = found
            if length > LARGEST_WORD_BYTES:
                raise Malformed(f"a word of {length} bytes")
            if start + length > len(self._data):
                break
            at = start + length
            if length:
                self._words.append(bytes(self._data[start:at]))
            elif self._words:
                sentences.append(self._words)
                self._words = []
        del self._data[:at]
        return sentences
