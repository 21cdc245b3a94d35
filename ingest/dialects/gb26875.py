"""GB/T 26875.3-2011: what the transmission devices of fire alarm systems send, and the answers the standard demands.

A payload holds one frame or several, raw or as hex text (from MQTT or an NB-IoT platform). The device of an observation is
`{source}` for the transmission device itself, `{source}/{system type}-{address}` for a system and `{source}/{zone}-{position}` for a
part. Times are Beijing's: `device_at` is the object's own, `server_at` that of the frame.

A fire with bit 0 unset is by the book a test and in the field a fire: it is an alarm with the warning `test_bit`, and the maintenance
window of the site decides.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from ingest.dialects.claims import Reason, Unreadable
from ingest.dialects.gb26875_frames import (
    AROUND,
    BEIJING,
    HEAD,
    LONGEST_BODY,
    REPLIES,
    START,
    VENDOR_COMMANDS,
    Command,
    Damaged,
    Frame,
    Head,
    Splitter,
    plausible,
    read_head,
    reply_to,
    stamp,
    time_sync,
    unstamp,
)
from ingest.dialects.gb26875_objects import Said, missing, observations
from ingest.dialects.gb26875_tables import DOWNWARD
from ingest.dialects.observation import Decoding, Entry, Fit, Message, Observation, accepted, ignored, rejected

_TIME_REQUESTS: Final = {28: 28, 88: 28, 90: 90}  # asked with, answered with
_SOURCES: Final = 1024  # whose clocks we remember to have set
_SYNC_EVERY: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What one frame came to."""

    observations: tuple[Observation, ...] = ()
    reply: bytes = b""
    ignored: str = ""
    problem: tuple[Reason, str] | None = None


class Gb26875:
    """One stream of frames.

    `sync_beyond` also sets the clock of a transmission device that is further off than that, or was never set, at most once an hour.
    """

    def __init__(self, sync_beyond: timedelta | None = None) -> None:
        self._sync_beyond = sync_beyond
        self._synced: OrderedDict[str, datetime] = OrderedDict()
        self._serial = 0

    def decode(self, message: Message) -> Decoding:
        """Every frame in the payload: observations and replies one after the other. Raises `Unreadable` when there is no frame."""
        raw = unhex(message.payload)
        splitter = Splitter()
        pieces = [*splitter.feed(raw), *splitter.finish()]
        outcomes = [self._outcome(p, message.received_at) for p in pieces if isinstance(p, Frame | Damaged)]
        if not outcomes:
            return self._unframed(raw, message.received_at)
        reply = b"".join(o.reply for o in outcomes) or None
        said = [observation for o in outcomes for observation in o.observations]
        faults = [Unreadable(*outcome.problem) for outcome in outcomes if outcome.problem]
        if said:
            return accepted(*said, reply=reply, faults=faults)
        if faults:
            return rejected(faults[0].reason, faults[0].detail, reply=reply)
        return ignored("; ".join(dict.fromkeys(o.ignored for o in outcomes))[:500], reply=reply)

    def _unframed(self, raw: bytes, now: datetime) -> Decoding:
        """A payload that begins as a frame, and whose length and sum are not those of one, is denied like a bad one."""
        if raw[:2] == START and len(raw) >= HEAD and plausible(head := read_head(raw)):
            why = f"{len(raw)} bytes, and neither length nor sum fits them"
            return rejected(Reason.BAD_LENGTH, why, reply=_deny(head, now) or None)
        raise Unreadable(Reason.BAD_FRAME, f"no frame of GB/T 26875.3 in {len(raw)} bytes")

    def _outcome(self, piece: Frame | Damaged, now: datetime) -> _Outcome:
        head = piece.head
        if isinstance(piece, Damaged):
            return _Outcome(reply=_deny(head, now), problem=(piece.reason, piece.detail))
        if head.command in REPLIES:
            return _Outcome(ignored=f"{Command(head.command).name.lower()} of the serial {head.serial}")
        kind = piece.body[0] if piece.body else 0
        if head.command == Command.CONTROL:
            return _Outcome(ignored=f"control of a centre: {DOWNWARD.get(kind, f'type {kind}')}")
        if head.command == Command.REQUEST:
            return _requested(head, kind, now)
        if head.command != Command.SEND and head.command not in VENDOR_COMMANDS:
            problem = (Reason.BAD_FRAME, f"the command {head.command} is reserved")
            return _Outcome(reply=_deny(head, now), problem=problem)
        confirm = reply_to(head, Command.CONFIRM, now) + self._sync(head, now)
        if head.command == Command.SEND and kind in DOWNWARD:
            return _Outcome(reply=confirm, ignored=f"order of a centre: {DOWNWARD[kind]}")
        lost = missing(piece.body)
        short = (Reason.BAD_LENGTH, f"{lost} objects fewer than the body says") if lost else None
        return _Outcome(tuple(observations(_said(piece), piece.body)), confirm, problem=short)

    def _sync(self, head: Head, now: datetime) -> bytes:
        if self._sync_beyond is None:
            return b""
        theirs, _ = unstamp(head.sent)
        before = self._synced.get(head.source)
        if theirs is not None and abs(theirs - now) <= self._sync_beyond:
            return b""
        if before is not None and timedelta() <= now - before < _SYNC_EVERY:
            return b""
        self._synced[head.source] = now
        self._synced.move_to_end(head.source)
        if len(self._synced) > _SOURCES:
            self._synced.popitem(last=False)
        self._serial = (self._serial + 1) & 0xFFFF
        return time_sync(head, self._serial, now)


def _deny(head: Head, now: datetime) -> bytes:
    return b"" if head.command in REPLIES else reply_to(head, Command.DENY, now)


def _requested(head: Head, kind: int, now: datetime) -> _Outcome:
    """A device that asks for the time gets it; everything else that is asked is for a device to answer."""
    answer = _TIME_REQUESTS.get(kind)
    if answer is None:
        return _Outcome(ignored=f"request of a centre: {DOWNWARD.get(kind, f'type {kind}')}")
    body = bytes((answer, 1)) + stamp(now)
    return _Outcome(reply=reply_to(head, Command.ANSWER, now, body), ignored="request for the time")


def _said(frame: Frame) -> Said:
    head = frame.head
    sent_at, wrong = unstamp(head.sent)
    warnings = [wrong] if wrong else []
    if head.version[0] != 1:
        warnings.append("version_unexpected")
    if not frame.ended:
        warnings.append("end_mark")
    if head.source == "000000000000":
        warnings.append("source_zero")
    # Without a time the serial says too little: devices that always send 0 would have all but their first alarm taken for repeats.
    key = ""
    if sent_at is not None:
        key = f"gb26875:{head.source}:{head.serial}:{sent_at.astimezone(BEIJING):%Y%m%d%H%M%S}"
    return Said(head, sent_at, key, tuple(warnings))


def unhex(payload: bytes) -> bytes:
    """The bytes that hex text stands for, and anything else as it is."""
    text = payload.strip(b' \t\r\n"')
    if payload[:2] == START or len(text) < 2 * HEAD or text[0] not in b"0123456789abcdefABCDEF":
        return payload
    try:
        return bytes.fromhex(text.decode("ascii"))
    except ValueError:
        return payload


def fits(message: Message) -> Fit:
    """Whether a message is of this dialect: by a topic level `gb26875`, or a start mark with a length that fits.

    What begins as a frame and is none is still ours to refuse.
    """
    if "gb26875" in message.topic.lower().split("/"):
        return Fit.TOPIC
    payload = message.payload
    raw = unhex(payload)
    at = raw.find(START, 0, 256)
    begun = Fit.CONTENT if at == 0 and len(raw) >= HEAD and plausible(read_head(raw)) else Fit.NO
    if at < 0 or len(raw) - at < AROUND - 2:
        return begun
    length = raw[at + 24] | raw[at + 25] << 8
    if length > LONGEST_BODY or len(raw) - at < length + AROUND - 2:
        return begun
    return Fit.MARKED if at == 0 else Fit.CONTENT


ENTRIES: Final[tuple[Entry, ...]] = (
    Entry("gb26875", "GB/T 26875.3-2011", ("TCP", "UDP", "…/gb26875/…"), fits, Gb26875),
)
