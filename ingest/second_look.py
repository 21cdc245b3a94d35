"""A second look at what was rejected: which of it is asked for, what today's code and registry make of it, and what of that is written.

Pure. A message is decided again as it came (topic or door, retained or not, at the time it was received), so a second replay makes the
same rows with the same instants. What is old by now is marked late and rings nobody (law 10).
"""

from __future__ import annotations

import re
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from heapq import heappush, heappushpop
from typing import Final, TypeVar

from ingest.dialects.catalogue import Stream
from ingest.dialects.claims import Dialect, Reason, Unreadable
from ingest.dialects.native import mask
from ingest.dialects.observation import Decoding, Entry, Message
from ingest.events import Call, Decoded, Lapse, Mark, Presence, Reading, Rejected, Report, Sighting, digest
from ingest.gateway import RAW_KEPT, Gateway, carries_call

_TOPIC_KEPT: Final = 1024
_BURIED_KEPT: Final = 300_000  # what a dead letter keeps (`streams.applier`)
_CUT: Final = re.compile(r"^the first \d+ of \d+ bytes: | \(first \d+ of \d+ bytes\)$")
_IDENT: Final = re.compile(r"(\d{1,9}):(\d{1,19})", re.ASCII)
_AGO: Final = re.compile(r"(\d{1,9})(s|m|h|d)", re.ASCII)
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_REMEMBERED: Final = 10_000  # one message's rejections stand side by side
_MQTT: Final = "mqtt"
_PUSHED: Final = "/api/v1/push/"
_TEXT: Final = 2000  # characters of a text that are shown
_HEX: Final = 512  # bytes that are shown as hex
_LINE: Final = 32

MakeGateway = Callable[[tuple[Dialect, ...], Stream], Gateway]
_Dated = TypeVar("_Dated", bound=Reading | Sighting | Call | Report | Presence)


class Fate(StrEnum):
    """What became of a message when it was looked at again."""

    UNDERSTOOD = "understood"
    PARTLY = "partly"  # some of it; the rest is still rejected
    SILENT = "silent"  # understood, and it says nothing that is kept
    REJECTED = "rejected"
    REPEATED = "repeated"  # another rejection of a message that was looked at just before
    CUT = "cut"  # only its beginning was kept: never read as if it were whole
    SEALED = "sealed"  # a resident's call: never unsealed for this


@dataclass(frozen=True, slots=True)
class Kept:
    """A rejected message where it stands in the log."""

    partition: int
    offset: int
    rejected: Rejected

    @property
    def ident(self) -> str:
        """How people name it: `partition:offset`."""
        return f"{self.partition}:{self.offset}"

    @property
    def sealed(self) -> bool:
        """Whether it is a resident's call (law 14)."""
        return carries_call(self.rejected.topic)

    @property
    def cut(self) -> bool:
        """Whether the log has less of it than came, of its bytes or of its topic."""
        said, size = self.rejected, len(self.rejected.raw)
        limit = _BURIED_KEPT if said.reason == "undigested" else RAW_KEPT
        return _CUT.search(said.detail) is not None or size >= limit or len(said.topic) >= _TOPIC_KEPT


def place_of(ident: str) -> tuple[int, int]:
    """Partition and offset of an id. Raises `ValueError`."""
    found = _IDENT.fullmatch(ident.strip())
    if found is None:
        raise ValueError(f"{ident[:40]!r} is no id: write partition:offset, as `tocsin rejects list` shows it")
    return int(found[1]), int(found[2])


def since_of(text: str, now: datetime) -> datetime:
    """The instant that `1h`, `30m`, `2d` or ISO 8601 with an offset means. Raises `ValueError`."""
    ago = _AGO.fullmatch(text.strip())
    try:
        found = now - timedelta(seconds=int(ago[1]) * _SECONDS[ago[2]]) if ago else datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text[:40]!r} is no time: write 30m, 1h or 2d, or ISO 8601 with its offset") from error
    if found.tzinfo is None:
        raise ValueError(f"{text[:40]} must carry its offset, for example +08:00")
    return found


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rejected messages are meant; an empty field means all."""

    reason: str = ""
    source: str = ""
    since: datetime | None = None

    def fits(self, rejected: Rejected) -> bool:
        """Whether this one is."""
        return (
            (not self.reason or rejected.reason == self.reason)
            and (not self.source or rejected.source == self.source)
            and (self.since is None or rejected.at >= self.since)
        )


class Listing:
    """The newest of many, without their bytes, and the counts of all of them."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._newest: list[tuple[datetime, int, int, int, Rejected]] = []
        self.counts: Counter[tuple[str, str]] = Counter()

    def add(self, kept: Kept) -> None:
        """One more."""
        said = kept.rejected
        self.counts[said.source, said.reason] += 1
        row = (said.at, kept.partition, kept.offset, len(said.raw), replace(said, raw=b""))
        if len(self._newest) < self._limit:
            heappush(self._newest, row)
        elif self._newest:
            heappushpop(self._newest, row)

    def rows(self) -> list[tuple[Kept, int]]:
        """The newest with the size of their bytes, newest last."""
        return [(Kept(part, offset, said), size) for _, part, offset, size, said in sorted(self._newest, key=_by_place)]


def _by_place(row: tuple[datetime, int, int, int, Rejected]) -> tuple[datetime, int, int]:
    return row[:3]


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one of them. `decoded` is what is to be written: no numbers, no replies, nothing rejected."""

    kept: Kept
    fate: Fate
    why: str = ""
    decoded: Decoded = field(default_factory=Decoded)

    @property
    def readings(self) -> int:
        """How many readings it comes to."""
        return len(self.decoded.readings)

    @property
    def events(self) -> int:
        """How many single events it comes to."""
        return len(self.decoded.events)

    @property
    def late(self) -> int:
        """Readings and events that are old by now."""
        return sum(bool(said.marks & Mark.LATE) for said in (*self.decoded.readings, *_dated(self.decoded)))


@dataclass(frozen=True, slots=True)
class Way:
    """How a message came: over which wire or door, read as what (None: its topic decides), and with what around it."""

    door: str
    dialect: str | None
    message: Message


@dataclass(frozen=True, slots=True)
class Ways:
    """What messages are read with: every dialect, the plain readers of the MQTT wire, the push doors' dialects, the shards of topics."""

    known: Sequence[Entry]
    plain: tuple[Dialect, ...] = ()
    pushes: Mapping[str, str] | None = None
    shards: tuple[str, ...] = ()
    stream: Callable[[str], Stream] | None = None  # what reads a door's messages, where its settings say how

    def opened(self, door: str) -> Stream:
        """What reads a door's messages."""
        return self.stream(door) if self.stream else Stream(self.known)

    def of(self, rejected: Rejected) -> Way:
        """The way it came. Raises `Unreadable` when there is no such way any more."""
        topic, source = rejected.topic, rejected.source
        message = Message(topic, rejected.raw, rejected.at, rejected.retained, rejected.content_type)
        if not topic:
            dialect, _, peer = source.partition(":")
            if dialect not in {entry.name for entry in self.known}:
                raise Unreadable(Reason.UNKNOWN_TOPIC, f"it came without a topic, and no dialect is called {dialect!r}")
            return Way(f"tcp {dialect}", dialect, replace(message, peer=peer))
        if source and topic.endswith(_PUSHED + source):
            dialect = (self.pushes or {}).get(source, "")
            if dialect not in {entry.name for entry in self.known}:
                raise Unreadable(Reason.UNKNOWN_TOPIC, f"api.push names no door {source} with a dialect that exists")
            return Way(f"push {source}", dialect, message)
        shard, _, rest = topic.partition("/")
        if not source and shard in self.shards:  # kept before anything of it was read, its shard included
            message = replace(message, topic=rest)
        return Way(_MQTT, None, message)


class SecondLook:
    """Decides rejected messages again, in the order given; decoders keep state from one to the next, each door its own."""

    def __init__(self, ways: Ways, gateway: MakeGateway) -> None:
        self._ways, self._make = ways, gateway
        self._open: dict[str, Gateway] = {}
        self._seen: OrderedDict[str, None] = OrderedDict()

    @property
    def gateway(self) -> Gateway:
        """The one that reads the MQTT wire."""
        return self._of(_MQTT)

    def look(self, kept: Kept, now: datetime) -> Finding:
        """What it comes to. Asking again makes the same rows with the same instants; only their lateness goes by `now`."""
        if kept.sealed:
            return Finding(kept, Fate.SEALED, "a call is kept sealed, and is not unsealed for this")
        if kept.cut:
            return Finding(
                kept, Fate.CUT, f"only the first {len(kept.rejected.raw)} bytes, or a part of its topic, were kept"
            )
        if self._again(kept.rejected):
            return Finding(kept, Fate.REPEATED, "the same message as just before")
        try:
            decoded = self._decided(self._ways.of(kept.rejected), kept.rejected.source)
        except Unreadable as error:
            return Finding(kept, Fate.REJECTED, str(error))
        still = "; ".join(_why(event) for event in decoded.events if isinstance(event, Rejected))
        aged = self._aged(decoded, now)
        anything = bool(aged.readings or aged.events)
        if still:
            return Finding(kept, Fate.PARTLY if anything else Fate.REJECTED, still[:500], aged)
        return Finding(kept, Fate.UNDERSTOOD if anything else Fate.SILENT, "", aged)

    def said(self, kept: Kept) -> tuple[str, Decoding, Message]:
        """The dialect, its word and the message, before anything is placed. Raises `Unreadable`. Keeps no state."""
        way = self._ways.of(kept.rejected)
        return *self._ways.opened(way.door).decode(way.message, way.dialect), way.message

    def _again(self, rejected: Rejected) -> bool:
        """Every part of a message that was wrong is a rejection of its own, and may hold all of its bytes."""
        key = digest(rejected.topic, rejected.source, rejected.at.isoformat(), rejected.raw.hex())
        if key in self._seen:
            return True
        self._seen[key] = None
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return False

    def _of(self, door: str) -> Gateway:
        if door not in self._open:
            plain = self._ways.plain if door == _MQTT else ()
            self._open[door] = self._make(plain, self._ways.opened(door))
        return self._open[door]

    def _decided(self, way: Way, source: str) -> Decoded:
        gateway, message = self._of(way.door), way.message
        if way.dialect is None or gateway.stream is None:
            return gateway.decide(message.topic, message.payload, message.retained, message.received_at)
        _, decoding = gateway.stream.decode(message, way.dialect)
        return gateway.understood(source, decoding, message)

    def _aged(self, decoded: Decoded, now: datetime) -> Decoded:
        """What is to be written. Its numbers were counted when it was rejected, and nobody waits for an answer any more."""
        before = now - timedelta(seconds=self.gateway.settings.late_after)
        readings = tuple(_late(one, before) for one in decoded.readings)
        return Decoded(readings, tuple(_late(one, before) for one in _dated(decoded)))


def _why(rejected: Rejected) -> str:
    said = rejected.detail
    return said if said.startswith(f"{rejected.reason}: ") else f"{rejected.reason}: {said}"


def _dated(decoded: Decoded) -> list[Sighting | Call | Report | Presence]:
    return [one for one in decoded.events if not isinstance(one, Rejected | Lapse)]


def _late(said: _Dated, before: datetime) -> _Dated:
    return replace(said, marks=said.marks | Mark.LATE) if said.observed_at < before else said


def counted(findings: Mapping[Fate, int]) -> str:
    """How many met which fate, as a sentence's part."""
    return ", ".join(f"{findings[fate]} {fate}" for fate in Fate if findings.get(fate))


def printable(text: str, most: int = 200) -> str:
    """One line of what a sender wrote: nothing in it moves a cursor, and people's numbers are masked (law 14)."""
    line = "".join(c if c.isprintable() else "·" for c in mask(text))
    return line if len(line) <= most else line[: most - 1] + "…"


def readable(raw: bytes) -> tuple[str, str]:
    """Bytes for people: `text` or `hex`, and so much of it as may be shown, with people's numbers masked."""
    try:
        text = raw.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError:
        text = "\0"
    if all(c.isprintable() or c in "\n\t" for c in text):
        text = mask(text)
        rest = len(text) - _TEXT
        return "text", text[:_TEXT] + (f"\n… {rest} more characters" if rest > 0 else "")
    shown = raw[:_HEX]
    lines = [shown[at : at + _LINE].hex(" ") for at in range(0, len(shown), _LINE)]
    if len(raw) > _HEX:
        lines.append(f"… {len(raw) - _HEX} more bytes")
    return "hex", "\n".join(lines)
