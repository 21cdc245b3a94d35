"""One partition's watch over its townships: detectors, sightings and calls, and how far into each topic they have read.

Everything of a township meets in the same partition number of every topic, so one `Ward` per number holds all that may depend on one
another. It is pure: the shell (`streams.state`) reads the log, keeps the offsets in order, and writes what the ward says.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

import orjson

from ingest.events import Call, InvalidEvent, Lapse, Presence, Report, Sighting, decode
from ingest.frames import Frame
from ingest.registry import Registry
from ingest.topics import Topic, partition_of
from streams.calls import RULE as HOTLINE
from streams.calls import Calls, Keywords
from streams.detectors.pack import BrokenSnapshot
from streams.detectors.registry import Detectors
from streams.lapses import RULE as LAPSE
from streams.lapses import signal_of
from streams.orders import OrderRules
from streams.reports import RULE as REPORT
from streams.reports import ReportRules, load_report_rules
from streams.reports import signal_of as reported
from streams.rules import Rules, Section
from streams.sightings import Sightings
from streams.signal import VERSION, Signal
from streams.surges import RULE as SURGE
from streams.surges import Surges

INPUTS: Final = (Topic.READINGS, Topic.SIGHTINGS, Topic.CALLS, Topic.PRESENCE)
_E = TypeVar("_E")
_MAGIC: Final = b"TW1\n"
_FEWEST: Final = 3  # parts of the snapshots that the first version wrote


class Ward:
    """The state of one partition.

    `applied` holds the last offset applied per topic (-1: read from the start, nothing yet). `take` wants offsets in order and without
    holes; that is the caller's duty. A row at or below `applied` must not be given again.
    """

    def __init__(
        self, number: int, partitions: int, rules: Rules, keywords: Keywords, reports: ReportRules | None = None,
        orders: OrderRules | None = None,
    ) -> None:  # fmt: skip
        self.number, self._partitions = number, partitions
        self.applied: dict[Topic, int] = {}
        self.detectors = Detectors(rules)
        self.sightings = Sightings(rules.sightings)
        self.calls, self._keywords = Calls(keywords, orders), keywords
        self.surges = Surges(self.calls.orders)
        self._reports = reports or load_report_rules()
        self._digest: Mapping[Topic, Callable[[bytes], list[Signal]]] = {
            Topic.READINGS: lambda raw: self.detectors.update(Frame.decode(raw)),
            Topic.SIGHTINGS: lambda raw: self.sightings.update(_is(decode(raw), Sighting)),
            Topic.CALLS: self._said,
            Topic.PRESENCE: self._presence,
        }

    def take(self, topic: Topic, offset: int, raw: bytes) -> list[Signal]:
        """Apply one record and return what it gave away. Whatever is raised, the record counts as applied: it would be raised again."""
        try:
            return self._stamped(self._digest[topic](raw))
        finally:
            self.applied[topic] = offset

    def take_frames(self, last: int, frames: Sequence[Frame]) -> list[Signal]:
        """Apply frames that follow one another up to the offset `last`, at the cost of one: cutting rows into frames changes nothing.

        When something is raised they do not count as applied; taking them one by one then is safe.
        """
        said = self.detectors.update(Frame.join(frames))
        self.applied[Topic.READINGS] = last
        return self._stamped(said)

    def _said(self, raw: bytes) -> list[Signal]:
        event = decode(raw)
        if isinstance(event, Report):
            return [reported(event, self._reports, self.calls.listener)]
        call = _is(event, Call)
        said = self.calls.update(call)
        return said + self.surges.update(call, said)

    def _presence(self, raw: bytes) -> list[Signal]:
        event = decode(raw)
        if isinstance(event, Lapse):
            return [signal_of(event, self.detectors.rules.lapses)]
        return self.detectors.presence(_is(event, Presence))

    def enrol(self, registry: Registry, now: datetime) -> list[Signal]:
        """Take note of who should speak in this ward's townships, and of which grid lies in which."""
        self.surges.enrol(registry)
        return self._stamped(self.detectors.enrol(
            registry, now, lambda township: partition_of(township, self._partitions) == self.number
        ))  # fmt: skip

    def due_at(self) -> datetime | None:
        """When `on_due` wants to be called next."""
        return min((due for part in self._parts() if (due := part.due_at()) is not None), default=None)

    def on_due(self, now: datetime) -> list[Signal]:
        """What has become due by `now`. Only for a ward that is read up to the log's end."""
        return self._stamped([signal for part in self._parts() for signal in part.on_due(now)])

    def _stamped(self, said: list[Signal]) -> list[Signal]:
        """Signals with the version of the rule that gave each away."""
        rules = self._rules() if said else {}
        for signal in said:
            if (rule := rules.get(signal.rule)) is not None:
                signal.evidence[VERSION] = rule.version
        return said

    def _rules(self) -> Mapping[str, Section]:
        rules, orders = self.detectors.rules, self.calls.orders
        others: dict[str, Section] = {
            rules.sightings.id: rules.sightings, LAPSE: rules.lapses, HOTLINE: self._keywords, REPORT: self._reports, SURGE: orders
        }  # fmt: skip
        return others | rules.by_id

    def under(self, rules: Rules) -> None:
        """Go on under other rules; the state of rules that stay the same is kept."""
        self.detectors = self.detectors.under(rules)
        sightings = Sightings(rules.sightings)
        if rules.sightings == self.sightings.rule:
            sightings.restore(self.sightings.snapshot())
        self.sightings = sightings

    def _parts(self) -> tuple[Any, ...]:
        return self.detectors, self.sightings, self.calls, self.surges

    def snapshot(self) -> bytes:
        """State and applied offsets as bytes."""
        blobs = [part.snapshot() for part in self._parts()]
        head = orjson.dumps(
            {"applied": {str(t): at for t, at in self.applied.items()}, "sizes": [len(b) for b in blobs]}
        )
        return _MAGIC + zlib.compress(b"".join((struct.pack("<I", len(head)), head, *blobs)), 1)

    def restore(self, raw: bytes) -> None:
        """Become what `snapshot` described. Raises `BrokenSnapshot`, and then nothing has changed."""
        applied, blobs = _unpack(raw)
        fresh = Ward(
            self.number, self._partitions, self.detectors.rules, self._keywords, self._reports, self.calls.orders
        )
        parts = fresh._parts()
        if len(blobs) < _FEWEST:
            raise BrokenSnapshot(f"a ward's snapshot of {len(blobs)} parts instead of {len(parts)}")
        for part, blob in zip(parts, blobs, strict=False):  # a later version may have more, an earlier one had fewer
            part.restore(blob)
        fresh.surges.like(self.surges)
        self.detectors, self.sightings = fresh.detectors, fresh.sightings
        self.calls, self.surges = fresh.calls, fresh.surges
        self.applied = applied


def _unpack(raw: bytes) -> tuple[dict[Topic, int], list[bytes]]:
    if not raw.startswith(_MAGIC):
        raise BrokenSnapshot(f"not a ward's snapshot: it starts with {raw[:4]!r}")
    try:
        body = zlib.decompress(raw[len(_MAGIC) :])
        (length,) = struct.unpack_from("<I", body)
        head, at, blobs = orjson.loads(body[4 : 4 + length]), 4 + length, []
        for size in head["sizes"]:
            blobs.append(body[at : at + size])
            at += size
        known = set(map(str, Topic))  # a later version may read more topics
        return {Topic(name): int(offset) for name, offset in head["applied"].items() if name in known}, blobs
    except (zlib.error, struct.error, KeyError, TypeError, ValueError) as error:
        raise BrokenSnapshot(f"a broken ward's snapshot of {len(raw)} bytes: {error}") from error


def _is(event: Any, kind: type[_E]) -> _E:
    if not isinstance(event, kind):
        raise InvalidEvent(f"a {type(event).__name__.lower()} on the topic of {kind.__name__.lower()}s")
    return event
