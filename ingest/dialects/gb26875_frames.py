"""Frames of GB/T 26875.3-2011 in a stream of bytes, and frames to answer with.

    40 40 | serial u16 | version main, user | time 6 | source 6 | target 6 | length u16 | command | body | sum | 23 23

Everything is little-endian. The sum is that of the bytes 3 to 27 and the body, modulo 256. A frame is found by its length and its sum and
never by its end mark: 23 23 occurs in bodies. `Splitter` takes the stream as it comes and holds less than one frame of it. `cut_objects`
goes on within a body.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from enum import IntEnum
from typing import Final

from ingest.dialects.claims import Reason

START: Final = b"@@"
END: Final = b"##"
HEAD: Final = 27  # bytes before the body
AROUND: Final = 30  # bytes of a frame without its body
LONGEST_BODY: Final = 1024
BEIJING: Final = timezone(timedelta(hours=8))
TAG: Final = 6  # bytes of a time
# Where a frame may begin: a start mark and a small main version behind the serial, or the end of what has come.
_BEGIN: Final = re.compile(rb"@@(?:..[\x00-\x1f]|.{0,2}\Z)|@\Z", re.DOTALL)
_MAIN_VERSIONS: Final = (1, 2)  # the standard has 1; 2 is met in the field


class Command(IntEnum):
    """What a frame is for."""

    CONTROL = 1
    SEND = 2
    CONFIRM = 3
    REQUEST = 4
    ANSWER = 5
    DENY = 6


REPLIES: Final = frozenset({Command.CONFIRM, Command.ANSWER, Command.DENY})  # these are never answered
VENDOR_COMMANDS: Final = range(128, 256)


@dataclass(frozen=True, slots=True)
class Head:
    """The control unit of a frame. Addresses are twelve hex digits, the most significant first; `sent` are the six bytes of the time."""

    serial: int
    version: tuple[int, int]
    sent: bytes
    source: str
    target: str
    command: int


@dataclass(frozen=True, slots=True)
class Frame:
    """A whole frame with a good sum. `ended` says whether the end mark was where the length puts it."""

    head: Head
    body: bytes
    ended: bool = True


@dataclass(frozen=True, slots=True)
class Damaged:
    """What began as a frame and cannot be used: its sum is wrong, it is too long, or it was cut short."""

    head: Head
    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Rubbish:
    """Bytes that belong to no frame."""

    raw: bytes


Piece = Frame | Damaged | Rubbish


def read_head(raw: bytes | bytearray, at: int = 0) -> Head:
    """The head of the frame that begins at `at`; `HEAD` bytes must be there."""
    return Head(
        serial=raw[at + 2] | raw[at + 3] << 8,
        version=(raw[at + 4], raw[at + 5]),
        sent=bytes(raw[at + 6 : at + 12]),
        source=bytes(raw[at + 12 : at + 18])[::-1].hex(),
        target=bytes(raw[at + 18 : at + 24])[::-1].hex(),
        command=raw[at + 26],
    )


def encode(head: Head, body: bytes = b"") -> bytes:
    """The frame with that head and body."""
    if len(body) > LONGEST_BODY:
        raise ValueError(f"a body has at most {LONGEST_BODY} bytes, got {len(body)}")
    control = (
        head.serial.to_bytes(2, "little")
        + bytes(head.version)
        + head.sent
        + bytes.fromhex(head.source)[::-1]
        + bytes.fromhex(head.target)[::-1]
        + len(body).to_bytes(2, "little")
        + bytes((head.command,))
        + body
    )
    return START + control + bytes((sum(control) & 0xFF,)) + END


def reply_to(head: Head, command: Command, at: datetime, body: bytes = b"") -> bytes:
    """An answer: the same serial and version, the addresses exchanged, dated `at`."""
    return encode(Head(head.serial, head.version, stamp(at), head.target, head.source, command), body)


def time_sync(head: Head, serial: int, at: datetime) -> bytes:
    """The control frame (type 90) that sets the clock of whoever sent a frame with this head."""
    body = bytes((90, 1)) + stamp(at)
    return encode(Head(serial, head.version, stamp(at), head.target, head.source, Command.CONTROL), body)


def stamp(at: datetime) -> bytes:
    """Six bytes of a time: second, minute, hour, day, month, year since 2000, in binary and in Beijing."""
    local = at.astimezone(BEIJING)
    return bytes((local.second, local.minute, local.hour, local.day, local.month, max(0, local.year - 2000) & 0xFF))


def unstamp(six: bytes) -> tuple[datetime | None, str]:
    """The instant that six bytes say, or None and the name of what is wrong with them.

    The year 2000 is a clock that was never set: the standard is eleven years younger.
    """
    second, minute, hour, day, month, year = six
    if year == 0:
        return None, "zero_time"
    try:
        return datetime(2000 + year, month, day, hour, minute, second, tzinfo=BEIJING).astimezone(UTC), ""
    except ValueError:
        return None, "bad_time"


class Splitter:
    """Cuts one stream into frames, whatever the size of its parts, and finds its feet again after rubbish."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> list[Piece]:
        """The pieces that are complete with these bytes. Less than one frame is held back."""
        self._held += data
        return self._cut(last=False)

    def __len__(self) -> int:
        """Bytes that are held back."""
        return len(self._held)

    def finish(self) -> list[Piece]:
        """What the bytes held back amount to, now that no more will come."""
        return self._cut(last=True)

    def _cut(self, *, last: bool) -> list[Piece]:
        held, pieces, at, clean = self._held, list[Piece](), 0, 0  # bytes before `clean` have been told of
        cut_short: Head | None = None
        while True:
            begin = _BEGIN.search(held, at)
            if begin is None:
                at = len(held)
                break
            at = begin.start()
            piece, size = self._piece(at, last)
            if size == 0 and not last:
                ahead = self._frame_after(at)  # what began here may be rubbish: it must not hold a frame up
                if ahead < 0:
                    break
                at = ahead
                continue
            if size == 0:
                cut_short = cut_short or (read_head(held, at) if len(held) - at >= HEAD else None)
            if piece is None:
                at += 1
                continue
            if at > clean:
                pieces.append(Rubbish(bytes(held[clean:at])))
            pieces.append(piece)
            at = clean = at + size
        if cut_short is not None and plausible(cut_short):
            pieces.append(Damaged(cut_short, Reason.BAD_LENGTH, "the frame is cut short"))
        elif at > clean:
            pieces.append(Rubbish(bytes(held[clean:at])))
        del held[: len(held) if last else at]
        return pieces

    def _piece(self, at: int, last: bool) -> tuple[Piece | None, int]:
        """What begins at `at` and its size: (None, 0) more bytes are needed, (None, 1) nothing begins here."""
        held = self._held
        there = len(held) - at
        if there < HEAD:
            return None, 0
        length = held[at + 24] | held[at + 25] << 8
        if length > LONGEST_BODY:
            head = read_head(held, at)
            if not plausible(head):
                return None, 1
            return Damaged(
                head, Reason.BAD_LENGTH, f"a body of {length} bytes; at most {LONGEST_BODY} are allowed"
            ), HEAD
        whole = length + AROUND
        if there < (whole - len(END) if last else whole):
            return None, 0
        return self._whole(at, length)

    def _frame_after(self, at: int) -> int:
        """Where a whole and ended frame begins behind `at`, or -1."""
        held = self._held
        while (at := held.find(START, at + 1)) >= 0 and len(held) - at >= AROUND:
            length = held[at + 24] | held[at + 25] << 8
            if length + AROUND <= min(len(held) - at, LONGEST_BODY + AROUND):
                piece, _ = self._whole(at, length)
                if isinstance(piece, Frame) and piece.ended:
                    return at
        return -1

    def _whole(self, at: int, length: int) -> tuple[Piece | None, int]:
        held = self._held
        close = at + HEAD + length  # where the sum is
        head = read_head(held, at)
        good = sum(memoryview(held)[at + 2 : close]) & 0xFF == held[close]
        ended = held[close + 1 : close + 3] == END
        if good and ended:
            return Frame(head, bytes(held[at + HEAD : close])), length + AROUND
        if good and plausible(head):  # a sum of eight bits alone fits once in 256 times by chance
            return Frame(head, bytes(held[at + HEAD : close]), ended=False), length + AROUND - len(END)
        if ended:
            return Damaged(head, Reason.BAD_SUM, f"the sum is {held[close]:02x}"), length + AROUND
        return None, 1


def plausible(head: Head) -> bool:
    """Whether a head looks like one: a version and a command of the standard."""
    return head.version[0] in _MAIN_VERSIONS and Command.CONTROL <= head.command <= Command.DENY


@dataclass(frozen=True, slots=True)
class Layout:
    """How objects of one type lie in a body: their size without the time, whether a time follows, how many bytes must be there at least."""

    size: int
    timed: bool
    least: int


def cut_objects(body: bytes, count: int, layout: Layout) -> tuple[list[tuple[bytes, bytes]], str]:
    """The objects of a body with their times, and the name of the breach. An object whose place is not certain is not taken."""
    size, full = layout.size, layout.size + (TAG if layout.timed else 0)
    if count and len(body) == count * full:
        return [(body[at : at + size], body[at + size : at + full]) for at in range(0, len(body), full)], ""
    if layout.timed and count and len(body) == count * size:
        return [(body[at : at + size], b"") for at in range(0, len(body), size)], "no_time_tag"
    if count == 1:
        if len(body) < layout.least:
            return [], "length_mismatch"
        tag = body[size:full]
        return [(body[:size], tag if len(tag) == TAG and _believable(tag) else b"")], "length_mismatch"
    if not layout.timed:  # nothing but the count says where the next one begins
        return [], "length_mismatch"
    step = len(body) // count if count and len(body) % count == 0 and len(body) // count > full else full
    cuts: list[tuple[bytes, bytes]] = []
    for at in range(0, len(body) - full + 1, step):
        tag = body[at + size : at + full]
        if not _believable(tag) or (count and len(cuts) == count):
            break
        cuts.append((body[at : at + size], tag))
    return cuts, "length_mismatch"


def _believable(tag: bytes) -> bool:
    """Whether six bytes are a time, or the zeros of a clock that was never set."""
    return unstamp(tag)[1] == "" or not any(tag)
