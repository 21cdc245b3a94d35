"""Cutting PUBLISH packets: the same messages whatever the pieces they come in."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.packets import cut
from tests.ingest import wire

LONG = wire.user_property(b"k", b"v" * 300)  # 306 bytes: its length takes two bytes
STREAM = b"".join([
    wire.publish("a/b", b"one", mid=7),
    wire.publish("a/b", b"", mid=8),
    wire.publish("q/0", b"zero"),
    wire.publish("p", b"two", mid=9, properties=LONG + wire.alias(3)),
    wire.publish("", b"three", mid=10, properties=wire.alias(3)),
    wire.publish("big", b"x" * 20_000, mid=11, flags=0x09),
])  # fmt: skip
MESSAGES = [
    (b"a/b", b"one", 0x32, b"\x40\x02\x00\x07"),
    (b"a/b", b"", 0x32, b"\x40\x02\x00\x08"),
    (b"q/0", b"zero", 0x30, None),
    (b"p", b"two", 0x32, b"\x40\x02\x00\x09"),
    (b"p", b"three", 0x32, b"\x40\x02\x00\x0a"),
    (b"big", b"x" * 20_000, 0x3B, b"\x40\x02\x00\x0b"),
]


def cut_pieces(pieces: list[bytes]) -> tuple[list[tuple[bytes, bytes, int, bytes | None]], bytes]:
    got: list[tuple[bytes, bytes, int, bytes | None]] = []
    rest, aliases = b"", dict[int, bytes]()
    for piece in pieces:
        rest += piece
        rest = rest[cut(rest, 0, aliases, lambda *m: got.append(m)) :]
    return got, rest


def test_a_stream_in_one_piece_is_cut_whole() -> None:
    assert cut_pieces([STREAM]) == (MESSAGES, b"")


def test_a_split_at_any_byte_changes_nothing() -> None:
    for at in [*range(400), *range(400, len(STREAM), 97)]:
        assert cut_pieces([STREAM[:at], STREAM[at:]]) == (MESSAGES, b""), f"split at {at}"


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_any_pieces_change_nothing(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(STREAM)]
    assert cut_pieces([STREAM[a:b] for a, b in pairwise(edges)]) == (MESSAGES, b"")


@pytest.mark.parametrize(
    ("what", "raw"),
    [
        ("QoS 2 is the library's business", wire.publish("t", b"x", mid=1, qos=2)),
        ("PINGRESP is the library's business", wire.PINGRESP),
        ("2 MiB and more is the library's business", wire.publish("t", b"x" * (1 << 21))),
        ("an unknown property is for the library to judge", wire.publish("t", b"x", properties=b"\x7f\x00")),
        ("an unknown alias is for the library to judge", wire.publish("", b"x", properties=wire.alias(9))),
        ("a topic that is longer than its packet", b"\x30\x04\x00\x09ab"),
        ("properties that are longer than their packet", b"\x30\x05\x00\x01t\x09x"),
        ("a packet too short for a topic", b"\x30\x01\x00"),
    ],
)
def test_what_is_not_ours_is_left_where_it_stands(what: str, raw: bytes) -> None:
    got, rest = cut_pieces([wire.publish("mine", b"1") + raw])
    assert [m[0] for m in got] == [b"mine"], what
    assert rest == raw, what


@given(st.binary(max_size=200))
def test_no_bytes_make_it_raise_or_run_past_the_end(raw: bytes) -> None:
    assert 0 <= cut(raw, 0, {}, lambda *_: None) <= len(raw)
