"""From messages to what goes to the log: frames by partition and single events, gathered in a batch. Pure.

Plain telemetry, which is nearly everything, takes a short way: the topic's route is remembered and the numbers go
straight into the frame. Whatever is odd in any respect takes `Gateway.decide`; both make the same rows.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
import orjson

from ingest.counts import GatewayCounts
from ingest.dialects.claims import LARGEST, USABLE_FROM, Fault, Reason, Unreadable
from ingest.dialects.native import RESERVED, Native, is_ident, is_metric
from ingest.dialects.observation import Message
from ingest.events import Decoded, Event, Mark, Rejected
from ingest.frames import Frame, FrameBuilder, Origin, from_micros, to_micros
from ingest.gateway import Gateway
from ingest.registry import Registry
from ingest.sequence import Numbered, is_numbered
from ingest.topics import partition_of
from ingest.unknown import UNKNOWN, UnknownDevices

_SECOND: Final = 1_000_000
_USABLE: Final = to_micros(USABLE_FROM)
_FAR: Final = to_micros(datetime.fromisoformat("9000-01-01T00:00:00+00:00"))
_NUMBERS: Final = frozenset({float, int, bool})
_NAMED: Final = RESERVED - {"at", "test"}
_REMEMBERED: Final = 200_000  # topics and metric names: invented ones must not fill the memory
_LARGEST_FRAME: Final = 640 * 1024  # bytes; a record of the log holds a megabyte
_LATE: Final = int(Mark.LATE)
_ZERO: Final = int(Mark.ZERO_TIME)


class Batch:
    """What was decoded between two flushes. `full` once a frame has been closed for its size."""

    __slots__ = ("_builders", "_frames", "_rows", "events", "full", "messages", "numbers", "replies")

    def __init__(self, frame_rows: int) -> None:
        self._rows = frame_rows
        self._builders: dict[int, FrameBuilder] = {}
        self._frames: list[tuple[int, Frame]] = []
        self.events: list[Event] = []
        self.numbers: list[Numbered] = []
        self.replies: list[tuple[str, bytes]] = []  # what is to be said back over MQTT
        self.messages = 0
        self.full = False

    def builder(self, partition: int) -> FrameBuilder:
        """The open frame of a partition, with room for one more message."""
        builder = self._builders.get(partition)
        if builder is None:
            builder = self._builders[partition] = FrameBuilder()
        elif builder.size >= self._rows:
            self._frames.append((partition, builder.close()))
            self.full = True
        return builder

    def frames(self) -> list[tuple[int, bytes]]:
        """Every frame as (partition, bytes), in order; the batch has none afterwards."""
        closed = self._frames + [(p, b.close()) for p, b in self._builders.items() if b.size]
        self._frames, self._builders = [], {}
        return [(partition, raw) for partition, frame in closed for raw in _encoded(frame)]


def _encoded(frame: Frame) -> Sequence[bytes]:
    """The frame as bytes, in halves when long names make it too large for one record."""
    raw = frame.encode()
    if len(raw) <= _LARGEST_FRAME or len(frame) == 1:
        return (raw,)
    half = len(frame) // 2
    return (*_encoded(_own_names(frame.take(slice(half)))), *_encoded(_own_names(frame.take(slice(half, None)))))


def _own_names(frame: Frame) -> Frame:
    """The frame with only the names its rows use."""
    device, which = np.unique(frame.device, return_inverse=True)
    metric, what = np.unique(frame.metric, return_inverse=True)
    return Frame(
        tuple(frame.devices[i] for i in device),
        tuple(frame.metrics[i] for i in metric),
        which.astype("<i4"),
        what.astype("<i2"),
        frame.marks,
        frame.observed_at,
        frame.received_at,
        frame.value,
    )


@dataclass(frozen=True, slots=True)
class Route:
    """What a telemetry topic of one device comes to, as long as the registry stays the same."""

    origin: Origin
    partition: int
    marks: int
    gateway: str
    unknown: str = ""  # the topic again, where the device is not in the registry and somebody wants to know


class Packer:
    """Packs messages into a batch with one `Gateway`; a changed registry makes a new one.

    With `shards`, topics begin with one of them; only what follows is read. `unknown` hears of devices that are not in
    the registry.
    """

    def __init__(
        self, gateway: Gateway, partitions: int, counts: GatewayCounts, shards: Collection[str] = (),
        unknown: UnknownDevices | None = None,
    ) -> None:  # fmt: skip
        self._gateway, self._partitions, self.counts = gateway, partitions, counts
        self._shards, self._unknown = frozenset(shards), unknown
        self._late = round(gateway.settings.late_after * _SECOND)
        self._ahead = -round(gateway.settings.ahead_limit * _SECOND)
        self._routes: dict[bytes, Route | None] = {}
        self._metrics: set[str] = set()

    @property
    def registry(self) -> Registry:
        """The registry it goes by."""
        return self._gateway.registry

    def take(self, topic: bytes, payload: bytes, retained: bool, received: int, batch: Batch) -> None:
        """One message, received at `received` microseconds. Never raises for anything a sender wrote."""
        self.counts.received += 1
        batch.messages += 1
        if topic in self._routes:
            route = self._routes[topic]
            if route is not None and not retained and self._quickly(route, payload, received, batch):
                return
        else:
            self._remember(topic)
        name = self._without_shard(topic.decode("utf-8", errors="replace"))
        self.put(self._gateway.decide(name, payload, retained, from_micros(received)), received, batch, name)

    def put(self, decoded: Decoded, received: int, batch: Batch, source: str = "") -> None:
        """What a message from `source` (a topic or a dialect) turned out to be, into the batch."""
        strange = 0
        for r in decoded.readings:
            marks = int(r.marks)
            strange |= marks
            builder = batch.builder(partition_of(r.place.township, self._partitions))
            builder.add(Origin.of(r), r.metric, marks, to_micros(r.observed_at), received, r.value)
        batch.numbers += decoded.numbers
        batch.replies += decoded.replies
        self.counts.readings += len(decoded.readings)
        for event in decoded.events:
            batch.events.append(event)
            if isinstance(event, Rejected):
                self.counts.reject(event.source, event.reason)
            else:
                strange |= UNKNOWN  # it may be one's: a look is cheap beside an event
                self.counts.events += 1
        if strange & UNKNOWN and self._unknown is not None:
            self._unknown.look(decoded, source, received)

    def faulty(self, topic: bytes, payload: bytes, retained: bool, at: datetime, error: Exception) -> Rejected:
        """A message that a fault of ours kept from being read: its bytes for later, sealed where they may be a resident's."""
        name = self._without_shard(topic.decode("utf-8", errors="replace"))
        fault = Fault(Reason.FAULT, repr(error)[:500])
        return self._gateway.rejected(fault, Message(name, payload, at, retained), "")

    def _quickly(self, route: Route, payload: bytes, received: int, batch: Batch) -> bool:
        """The message's rows, if it is as plain as they come; otherwise False, and nothing has happened."""
        if len(payload) > LARGEST:
            return False
        try:
            body = orjson.loads(payload)
        except orjson.JSONDecodeError:
            return False
        if type(body) is not dict:
            return False
        marks, at = route.marks, body.pop("at", None)
        seq = body.pop("seq", None)
        boot = body.pop("boot", None) if seq is not None else None
        if seq is not None and not is_numbered(boot, seq):
            return False
        if body.pop("test", False) is not False or not self._plain(body):
            return False
        observed = received if at is None else _micros(at)
        age = received - observed
        if age < self._ahead or observed < _USABLE:
            return False
        if age > self._late:
            marks |= _LATE
        elif at is None:
            marks |= _ZERO
        builder, origin = batch.builder(route.partition), route.origin
        for metric, value in body.items():
            builder.add(origin, metric, marks, observed, received, float(value))
        if boot is not None:
            batch.numbers.append(Numbered(route.gateway, boot, seq))
        if route.unknown and self._unknown is not None:
            self._unknown.hear(origin.device, route.gateway, route.unknown, body, received)
        self.counts.readings += len(body)
        return True

    def _plain(self, body: dict[str, Any]) -> bool:
        """Whether there is nothing but numbers under names that metrics can have."""
        if not body or not _NUMBERS.issuperset(map(type, body.values())):
            return False
        if self._metrics.issuperset(body):
            return True
        if not _NAMED.isdisjoint(body) or not all(map(is_metric, body)):
            return False
        if len(self._metrics) < _REMEMBERED:
            self._metrics.update(body)
        return True

    def _remember(self, topic: bytes) -> None:
        """The route of a telemetry topic with the device in it; None for every other topic."""
        if len(self._routes) >= _REMEMBERED:
            self._routes.clear()
        self._routes[topic] = None
        name = self._without_shard(topic.decode("utf-8", errors="replace"))
        parts = name.split("/")
        if len(parts) != 4 or parts[3] != "telemetry" or not all(map(is_ident, parts[1:3])):
            return
        if isinstance(self._gateway.spoken_by(name)[0], Native):
            with contextlib.suppress(Unreadable):
                self._routes[topic] = self._route(parts[2], parts[1], name)

    def _without_shard(self, topic: str) -> str:
        """The topic as the dialects know it."""
        if self._shards:
            shard, _, rest = topic.partition("/")
            return rest if shard in self._shards else topic
        return topic

    def _route(self, device: str, gateway: str, topic: str) -> Route:
        stand = self._gateway.stand(device, gateway, None)
        point, place = stand.place.point, stand.place
        origin = Origin(
            device, stand.kind, place.grid, place.township, gateway,
            point.lat if point else None, point.lon if point else None,
        )  # fmt: skip
        unknown = topic if self._unknown is not None and int(stand.marks) & UNKNOWN else ""
        return Route(origin, partition_of(place.township, self._partitions), int(stand.marks), gateway, unknown)


def _micros(at: object) -> int:
    """Microseconds of a time as gateways usually write it; 0 for anything else."""
    if type(at) is int:
        return at * 1000 if at < _FAR // 1000 else 0
    if type(at) is not str:
        return 0
    try:
        found = datetime.fromisoformat(at)
        return to_micros(found) if found.tzinfo is not None else 0
    except (ValueError, OverflowError):
        return 0
