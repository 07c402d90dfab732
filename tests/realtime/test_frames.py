"""RFC 6455 as bytes: its own examples, its limits, and whatever a hostile peer can think of."""

from __future__ import annotations

import os
import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from realtime.transport.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    LARGEST,
    PING,
    PONG,
    TEXT,
    FrameReader,
    ProtocolError,
    accept_key,
    close_code,
    close_frame,
    frame,
    unmask,
)


def masked(opcode: int, payload: bytes, *, final: bool = True, bits: int = 0) -> bytes:
    """A frame as a client sends it, with its length in the shortest form."""
    head = bytes([(0x80 if final else 0) | bits | opcode])
    if len(payload) < 126:
        head += bytes([0x80 | len(payload)])
    elif len(payload) < 65536:
        head += struct.pack("!BH", 0x80 | 126, len(payload))
    else:
        head += struct.pack("!BQ", 0x80 | 127, len(payload))
    mask = os.urandom(4)
    return head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


def error_of(data: bytes) -> int:
    with pytest.raises(ProtocolError) as caught:
        FrameReader().feed(data)
    return caught.value.code


class TestTheExamplesOfTheStandard:
    """RFC 6455 §1.3, §5.7."""

    def test_handshake_key(self):
        assert accept_key("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

    def test_unmasked_hello_is_what_a_server_sends(self):
        assert frame(TEXT, b"Hello") == bytes.fromhex("810548656c6c6f")

    def test_masked_hello(self):
        hello = bytes.fromhex("818537fa213d7f9f4d5158")
        assert FrameReader().feed(hello) == [(TEXT, b"Hello")]

    def test_ping_and_masked_pong(self):
        assert frame(PING, b"Hello") == bytes.fromhex("890548656c6c6f")
        pong = bytes.fromhex("8a8537fa213d7f9f4d5158")
        assert FrameReader().feed(pong) == [(PONG, b"Hello")]

    def test_lengths_of_256_bytes_and_64_kilobytes(self):
        assert frame(BINARY, bytes(256))[:4] == bytes.fromhex("827e0100")
        assert frame(BINARY, bytes(65536))[:10] == bytes.fromhex("827f0000000000010000")

    @pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536])
    def test_own_lengths_are_the_shortest(self, size: int):
        whole = frame(TEXT, bytes(size))
        head = 2 if size < 126 else 4 if size < 65536 else 10
        assert len(whole) == head + size


@pytest.mark.parametrize(
    "key", ["", "short", "dGhlIHNhbXBsZSBub25jZQ", "!" * 24, "AAAA" * 20, "\xff" * 24]
)
def test_odd_handshake_keys_are_none(key: str):
    assert accept_key(key) is None


class TestFragments:
    def test_three_parts_are_one_message(self):
        parts = (
            masked(TEXT, b"sa", final=False)
            + masked(CONTINUATION, b"t", final=False)
            + masked(CONTINUATION, b"u")
        )
        reader = FrameReader()
        assert reader.feed(parts) == [(TEXT, b"satu")]
        assert reader.is_idle

    def test_a_ping_between_them_comes_first(self):
        parts = masked(TEXT, b"sa", final=False) + masked(PING, b"?") + masked(CONTINUATION, b"tu")
        assert FrameReader().feed(parts) == [(PING, b"?"), (TEXT, b"satu")]

    def test_a_character_may_be_cut_between_them(self):
        text = "é".encode()
        parts = masked(TEXT, text[:1], final=False) + masked(CONTINUATION, text[1:])
        assert FrameReader().feed(parts) == [(TEXT, text)]

    def test_a_message_half_sent_is_not_idle(self):
        reader = FrameReader()
        assert reader.feed(masked(TEXT, b"sa", final=False)) == []
        assert not reader.is_idle

    def test_a_second_message_inside_one_is_refused(self):
        assert error_of(masked(TEXT, b"a", final=False) + masked(TEXT, b"b")) == 1002

    def test_a_continuation_of_nothing_is_refused(self):
        assert error_of(masked(CONTINUATION, b"a")) == 1002

    def test_after_a_whole_message_nothing_is_continued(self):
        assert error_of(masked(TEXT, b"a") + masked(CONTINUATION, b"b")) == 1002

    def test_their_sum_is_bounded(self):
        part = masked(TEXT, bytes(LARGEST - 1), final=False)
        assert FrameReader().feed(part + masked(CONTINUATION, b"1"))[0][1][-1:] == b"1"
        assert error_of(part + masked(CONTINUATION, b"12")) == 1009

    def test_endless_empty_fragments_keep_nothing(self):
        reader = FrameReader()
        reader.feed(masked(TEXT, b"", final=False))
        for _ in range(1000):
            assert reader.feed(masked(CONTINUATION, b"", final=False)) == []
        assert reader.feed(masked(CONTINUATION, b"x")) == [(TEXT, b"x")]


class TestRefused:
    @pytest.mark.parametrize("bit", [0x40, 0x20, 0x10])
    def test_reserved_bits(self, bit: int):
        assert error_of(masked(TEXT, b"a", bits=bit)) == 1002

    @pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 0xB, 0xC, 0xD, 0xE, 0xF])
    def test_reserved_opcodes(self, opcode: int):
        assert error_of(masked(opcode, b"")) == 1002

    def test_frames_without_a_mask(self):
        assert error_of(frame(TEXT, b"Hello")) == 1002
        assert error_of(frame(CLOSE, b"")) == 1002

    def test_binary(self):
        assert error_of(masked(BINARY, b"a")) == 1003

    def test_more_than_four_kibibytes_before_they_are_read(self):
        assert FrameReader().feed(masked(TEXT, bytes(LARGEST))) == [(TEXT, bytes(LARGEST))]
        assert error_of(struct.pack("!BBH", 0x81, 0x80 | 126, LARGEST + 1)) == 1009
        assert error_of(struct.pack("!BBQ", 0x81, 0x80 | 127, 1 << 40)) == 1009

    @pytest.mark.parametrize(
        "head",
        [
            struct.pack("!BBH", 0x81, 0x80 | 126, 125),
            struct.pack("!BBH", 0x81, 0x80 | 126, 0),
            struct.pack("!BBQ", 0x81, 0x80 | 127, 125),
            struct.pack("!BBQ", 0x81, 0x80 | 127, 65535),
            struct.pack("!BBQ", 0x81, 0x80 | 127, 1 << 63),
        ],
    )
    def test_lengths_not_in_the_shortest_form(self, head: bytes):
        assert error_of(head) == 1002

    @pytest.mark.parametrize("opcode", [CLOSE, PING, PONG])
    def test_control_frames_that_are_long_or_cut(self, opcode: int):
        assert FrameReader().feed(masked(PING, bytes(125)))
        assert error_of(masked(opcode, bytes(126))) == 1002
        assert error_of(masked(opcode, b"", final=False)) == 1002

    @pytest.mark.parametrize(
        "text", [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xc0\x80"]
    )
    def test_what_is_no_utf8(self, text: bytes):
        assert error_of(masked(TEXT, text)) == 1007


class TestCloseCodes:
    @pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1011, 1014, 3000, 4001, 4999])
    def test_allowed(self, code: int):
        assert close_code(struct.pack("!H", code) + b"sudah") == code

    @pytest.mark.parametrize(
        "code", [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535]
    )
    def test_forbidden(self, code: int):
        with pytest.raises(ProtocolError) as caught:
            close_code(struct.pack("!H", code))
        assert caught.value.code == 1002

    def test_none_given(self):
        assert close_code(b"") == 1005

    def test_half_a_code(self):
        with pytest.raises(ProtocolError) as caught:
            close_code(b"\x03")
        assert caught.value.code == 1002

    def test_a_reason_that_is_no_utf8(self):
        with pytest.raises(ProtocolError) as caught:
            close_code(struct.pack("!H", 1000) + b"\xff")
        assert caught.value.code == 1007

    def test_own_reason_fits_a_control_frame(self):
        whole = close_frame(4001, "a" * 500)
        assert whole[1] == 125 and len(whole) == 127


@given(st.binary(min_size=4, max_size=4), st.binary(max_size=300))
def test_masking_twice_is_nothing(mask: bytes, payload: bytes):
    assert unmask(mask, unmask(mask, payload)) == payload
    assert unmask(mask, payload) == bytes(b ^ mask[n % 4] for n, b in enumerate(payload))


FRAMES = st.builds(
    masked,
    st.sampled_from([CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG, 3]),
    st.one_of(st.binary(max_size=130), st.text(max_size=40).map(str.encode)),
    final=st.booleans(),
    bits=st.sampled_from([0, 0, 0, 0, 0x40]),
)
RUBBISH = st.one_of(st.binary(max_size=200), st.lists(FRAMES, max_size=6).map(b"".join))


def outcome(parts: list[bytes]) -> tuple[list[tuple[int, bytes]], int | None]:
    """What came of it: the messages, and the error's code if there was one."""
    reader = FrameReader()
    messages = []
    for part in parts:
        try:
            messages += reader.feed(part)
        except ProtocolError as error:
            return messages, error.code
    return messages, None


@given(RUBBISH, st.lists(st.integers(0, 600), max_size=12))
@example(masked(TEXT, b"sa", final=False) + masked(CONTINUATION, b"tu"), [1, 3, 7, 8, 9])
def test_however_it_is_cut_it_says_the_same(data: bytes, places: list[int]):
    whole, error = outcome([data])
    marks = [0, *sorted(min(place, len(data)) for place in places), len(data)]
    cut, cut_error = outcome([data[a:b] for a, b in zip(marks, marks[1:], strict=False)])
    slow, slow_error = outcome([bytes([byte]) for byte in data])
    assert cut_error == slow_error == error
    if error is None:
        assert cut == slow == whole
    else:
        # what was whole before the error may have been heard already
        assert slow[: len(cut)] == cut


@given(RUBBISH)
def test_what_is_kept_is_bounded(data: bytes):
    reader = FrameReader()
    try:
        reader.feed(data)
    except ProtocolError:
        return
    assert len(reader._buffer) <= LARGEST + 14 and len(reader._message) <= LARGEST
