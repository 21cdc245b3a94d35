"""Devices that speak and are not in the registry: heard, counted and shown to those who may enrol them. Pure, and bounded everywhere.

Their readings go the same way as everybody's, and their alarms to the catcher where no grid is known (law 11); this is only the list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final

from ingest.events import Decoded, Mark, Presence, Sighting

MOST: Final = 10_000  # devices that are remembered; names are cheap to invent
SAMPLED: Final = 16  # metrics of a sample
AT_ONCE: Final = 1000  # devices handed on together
UNKNOWN: Final = int(Mark.UNKNOWN_DEVICE)
_LONGEST: Final = 200  # characters of a source
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Sample = Mapping[str, float | str]


@dataclass(frozen=True, slots=True)
class UnknownDevice:
    """One device, and what it said last. `count` is in messages; `source` is their topic, or the dialect where there is none.

    The instants are the gateway's: what a stranger's clock says proves nothing.
    """

    device: str
    gateway: str
    count: int
    first_seen: datetime
    last_seen: datetime
    source: str = ""
    sample: Sample = field(default_factory=dict)


Note = Callable[[Sequence[UnknownDevice]], object]


def together(one: UnknownDevice, other: UnknownDevice) -> UnknownDevice:
    """The same device, heard both times: counts are added, and the later word is the sample."""
    later = one if one.last_seen > other.last_seen else other
    return replace(later, count=one.count + other.count, first_seen=min(one.first_seen, other.first_seen))


def each_once(heard: Iterable[UnknownDevice]) -> list[UnknownDevice]:
    """Every device once, by name: whoever writes several rows at once takes them in one order."""
    found: dict[str, UnknownDevice] = {}
    for one in heard:
        found[one.device] = together(found[one.device], one) if one.device in found else one
    return [found[name] for name in sorted(found)]


@dataclass(slots=True)
class _Heard:
    first: int
    last: int
    gateway: str
    source: str
    sample: Mapping[str, object]
    count: int = 0


class UnknownDevices:
    """What was heard since it was last handed on. Readings under `ours` are the system's own and are passed over.

    When it is full, devices it does not hold yet are passed over until there is room; they will speak again.
    """

    def __init__(self, *, ours: frozenset[str] = frozenset(), most: int = MOST) -> None:
        self._ours, self._most = ours, most
        self._heard: dict[str, _Heard] = {}

    def __len__(self) -> int:
        return len(self._heard)

    def hear(self, device: str, gateway: str, source: str, sample: Mapping[str, object], at: int) -> None:
        """One message of a device, received at `at` microseconds. `sample` is kept and must not be changed afterwards."""
        if len(sample) > SAMPLED:
            sample = dict(islice(sample.items(), SAMPLED))
        held = self._heard.get(device)
        if held is None:
            if len(self._heard) >= self._most:
                return
            held = self._heard[device] = _Heard(at, at, gateway, source, sample)
        held.last, held.gateway, held.source, held.sample = at, gateway, source, sample
        held.count += 1

    def look(self, decoded: Decoded, source: str, at: int) -> None:
        """Those devices in a decoded message that are not in the registry."""
        found: dict[str, tuple[str, dict[str, object]]] = {}
        for r in decoded.readings:
            if int(r.marks) & UNKNOWN and r.metric not in self._ours:
                found.setdefault(r.device, (r.gateway, {}))[1][r.metric] = r.value
        for event in decoded.events:
            if isinstance(event, Sighting) and int(event.marks) & UNKNOWN:
                found.setdefault(event.camera, (event.gateway, {}))[1][event.label] = event.score
            elif isinstance(event, Presence) and int(event.marks) & UNKNOWN:
                found.setdefault(event.device, (event.gateway, {}))[1]["state"] = str(event.standing)
        for device, (gateway, sample) in found.items():
            self.hear(device, gateway, source, sample, at)

    def taken(self, most: int = AT_ONCE) -> list[UnknownDevice]:
        """Those heard of for longest, at most so many; they are not held any more."""
        names = list(islice(self._heard, most))
        return [_shown(name, self._heard.pop(name)) for name in names]

    def restore(self, heard: Iterable[UnknownDevice]) -> None:
        """Put back what could not be handed on."""
        for one in heard:
            held = self._heard.get(one.device)
            if held is not None:
                held.count += one.count
                held.first = min(held.first, _micros(one.first_seen))
            elif len(self._heard) < self._most:
                self._heard[one.device] = _Heard(
                    _micros(one.first_seen), _micros(one.last_seen), one.gateway, one.source, one.sample, one.count
                )


def _shown(name: str, held: _Heard) -> UnknownDevice:
    sample = {metric: _plain(value) for metric, value in held.sample.items()}
    return UnknownDevice(
        name, _printable(held.gateway), held.count, _instant(held.first), _instant(held.last), _printable(held.source), sample
    )  # fmt: skip


def _plain(value: object) -> float | str:
    return float(value) if isinstance(value, int | float) else str(value)[:_LONGEST]


def _printable(text: str) -> str:
    """What a terminal and every database can take."""
    return (text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text))[:_LONGEST]


def _instant(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)
