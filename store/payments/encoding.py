"""The body of a webhook as it was before somebody packed it. Pure.

What comes out is bounded, not only what goes in: a megabyte of packed zeros is a gigabyte. The
signature is over parts of the body (reference/lynk.md §3), so that the unpacked one is what counts.
"""

from __future__ import annotations

import zlib

from store.errors import BodyTooLarge, InvalidRequest, UnknownEncoding

LARGEST_BODY = 256 * 1024
"""The same bound as for a body that comes as it is (CONTRACT §3)."""


def unpacked(body: bytes, encoding: str) -> bytes:
    """Return the body behind a `Content-Encoding`; "" means none.

    Raises UnknownEncoding, BodyTooLarge, and InvalidRequest for a body that is not in its encoding.
    """
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return body
    if name in ("gzip", "x-gzip"):
        return _inflated(body, zlib.MAX_WBITS | 16)
    if name == "deflate":
        # by the standard with zlib's head (RFC 1950 §2.2); some send it without
        head = int.from_bytes(body[:2], "big")
        has_head = len(body) >= 2 and head >> 8 & 15 == 8 and head % 31 == 0
        return _inflated(body, zlib.MAX_WBITS if has_head else -zlib.MAX_WBITS)
    raise UnknownEncoding()


def _inflated(body: bytes, form: int) -> bytes:
    stream = zlib.decompressobj(form)
    try:
        plain = stream.decompress(body, LARGEST_BODY + 1)
    except zlib.error:
        raise InvalidRequest("body", "Isi permintaan tidak bisa dibuka.") from None
    if len(plain) > LARGEST_BODY:
        raise BodyTooLarge(LARGEST_BODY)
    if not stream.eof or stream.unused_data:
        raise InvalidRequest("body", "Isi permintaan tidak utuh.")
    return plain
