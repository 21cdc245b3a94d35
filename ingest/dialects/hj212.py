"""HJ 212-2017 and HJ/T 212-2005: what the loggers of water, air and noise stations send, and the answers the standard demands.

A payload holds one packet or several. `device` and `gateway` are the MN. `device_at` is the SampleTime of a factor, else the DataTime,
which is the start of the period for minutes, hours and days (`period_s`). Times are Beijing's.
Key: `hj212:{MN}:{QN}`, without a QN `hj212:{MN}:{CN}:{DataTime}`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ingest.dialects.claims import Reason, Unreadable
from ingest.dialects.hj212_frames import START, Packet, Splitter, data_taken, notice_taken
from ingest.dialects.hj212_observations import BARE, observations, said_of
from ingest.dialects.hj212_segment import Parts, Segment, parse, sections
from ingest.dialects.observation import Decoding, Entry, Fit, Message, Observation, accepted, ignored, rejected

_LIKE: Final = re.compile(rb"##\d{4}[^\r\n]{0,400}?CP=&&")
_BEGUN: Final = re.compile(rb"##\d{4}(?:QN|ST|CN|PW|MN)=")
_ASKED_WITH: Final = frozenset({"polid", "infoid", "begintime", "endtime", "overtime", "recount", "qn"})

_NOTICES: Final = frozenset({"1013"})  # answered with 9013
_FROM_CENTRE: Final = frozenset(
    {"1000", "1012", "1022", "1032", "1042", "1062", "1064", "1072", "2012", "2022"}
    | {"3011", "3012", "3013", "3014", "3016", "3021"}
)
_REPLIES: Final = frozenset({"9011", "9012", "9013", "9014", "9022"})


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What one packet came to."""

    observations: tuple[Observation, ...] = ()
    reply: bytes = b""
    ignored: str = ""


class Hj212:
    """One stream of packets. Parts of split packets are kept until all have come, within bounds.

    `accept_bad_crc` reads a packet whose CRC is wrong, with the warning `crc_bad_accepted`: for a source known to count it otherwise.
    """

    def __init__(self, *, accept_bad_crc: bool = False) -> None:
        self._accept_bad_crc = accept_bad_crc
        self._parts = Parts()

    def decode(self, message: Message) -> Decoding:
        """Every packet in the payload: observations and replies one after the other. Raises `Unreadable` when none can be used."""
        splitter = Splitter()
        pieces = [*splitter.feed(message.payload), *splitter.finish()]
        outcomes: list[_Outcome] = []
        problems: list[Unreadable] = []
        for packet in (piece for piece in pieces if isinstance(piece, Packet)):
            try:
                outcomes.append(self._outcome(packet, message.received_at))
            except Unreadable as error:
                problems.append(error)
        reply = b"".join(o.reply for o in outcomes) or None
        said = [observation for o in outcomes for observation in o.observations]
        if said:
            return accepted(*said, reply=reply, faults=problems)
        if problems:
            return rejected(problems[0].reason, problems[0].detail, reply=reply)
        if not outcomes:
            raise Unreadable(Reason.BAD_FRAME, f"no packet of HJ 212 in {len(message.payload)} bytes")
        return ignored("; ".join(dict.fromkeys(o.ignored for o in outcomes))[:500], reply=reply)

    def _outcome(self, packet: Packet, now: datetime) -> _Outcome:
        warnings = ["length_mismatch"] if packet.mismatched else []
        if not packet.whole:
            if not self._accept_bad_crc:
                raise Unreadable(Reason.BAD_SUM, f"the CRC is {packet.given}")
            warnings.append("crc_bad_accepted")
        segment = parse(packet.segment)
        head = segment.head
        mn, cn, qn = (head.get(name, "") for name in ("MN", "CN", "QN"))
        if not mn or len(mn) > 128 or not mn.isprintable():
            raise Unreadable(Reason.NO_DEVICE, f"the MN is {mn[:40]!r}")
        if len(qn) > 32 or not (qn.isprintable() and cn.isprintable()):
            raise Unreadable(Reason.BAD_FRAME, "a QN or CN that is none")
        if not cn:
            raise Unreadable(Reason.MISSING_FIELD, "a segment without CN")
        if cn in _REPLIES:
            return _Outcome(ignored=f"answer {cn}")
        if cn in _FROM_CENTRE:
            return _Outcome(ignored=f"command {cn} of a centre")
        items, note = segment.items, ""
        if part := self._parts.take((mn, qn or cn), segment, now):
            items, note = part[0], f"part {part[1]} of {part[2]} waits for the others"
        found = sections(items)
        reply = _reply(segment, qn, mn, cn)
        if note and not items:
            return _Outcome(reply=reply, ignored=note)
        if cn not in BARE and all(not s.factors and set(s.plain) <= _ASKED_WITH for s in found):
            return _Outcome(ignored=f"request {cn} of a centre")
        said = said_of(segment, mn, cn, qn, warnings)
        read = tuple(o for section in found for o in observations(said, section))
        return _Outcome(read, reply, "" if read else f"{cn} without a value")


def _reply(segment: Segment, qn: str, mn: str, cn: str) -> bytes:
    flag = segment.flag
    if flag is None or not flag & 1:
        return b""
    answer: Callable[[str, str, str, int], bytes] = notice_taken if cn in _NOTICES else data_taken
    return answer(qn, segment.head.get("PW", "")[:64], mn, flag & ~3)


def fits(message: Message) -> Fit:
    """Whether a message is of this dialect: by a topic level `hj212`, or a start mark with a length and a `CP=&&` behind it.

    What begins as a packet and is none is still ours to refuse.
    """
    if "hj212" in message.topic.lower().split("/"):
        return Fit.TOPIC
    at = message.payload.find(START, 0, 256)
    if at < 0 or _LIKE.match(message.payload, at) is None:
        return Fit.CONTENT if _BEGUN.match(message.payload) else Fit.NO
    return Fit.CONTENT if message.payload[:at].strip() else Fit.MARKED


ENTRIES: Final[tuple[Entry, ...]] = (Entry("hj212", "HJ 212-2017, HJ/T 212-2005", ("TCP", "…/hj212/…"), fits, Hj212),)
