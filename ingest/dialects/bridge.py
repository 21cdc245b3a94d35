"""From what a decoder observed to what the gateway places and dates. Pure.

Numbers, states, alarms and faults become readings under their metric (an alarm is 1, its end 0), so that the same rules, holds and
repeats apply to every source; sightings, calls and comings and goings become what they are. What registers a device is kept nowhere yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import Final

from ingest.dialects.claims import Claim, Fault, Measured, Reason, Seen, Spoken, Stood
from ingest.dialects.native import is_metric, mask
from ingest.dialects.observation import Attribute, Attributes, Kind, Quality
from ingest.dialects.settling import Settled
from ingest.events import Mark, Point, Standing
from ingest.orders import order_of

# What an observation without a metric of its own is called.
_NAMES: Final = {
    Kind.ALARM: "alarm",
    Kind.CLEAR: "alarm",
    Kind.FAULT: "fault",
    Kind.TEST: "test",
    Kind.NOTICE: "notice",
}
_SAID: Final = {Kind.ALARM: 1.0, Kind.CLEAR: 0.0, Kind.FAULT: 1.0, Kind.TEST: 1.0, Kind.NOTICE: 1.0}
_STANDS: Final = {Kind.ONLINE: Standing.ONLINE, Kind.HEARTBEAT: Standing.ONLINE, Kind.OFFLINE: Standing.OFFLINE}
_SINGLE: Final = frozenset({*_STANDS, Kind.SIGHTING, Kind.CALL, Kind.ORDER})  # what becomes a claim of its own
_NO_READING: Final = _SINGLE | {Kind.REGISTER}
_LONGEST: Final = 4000


def claims(settled: Sequence[Settled]) -> tuple[Claim, ...]:
    """What the observations of one message claim; those that cannot be placed in a reading are faults."""
    return (
        *_measured(settled),
        *(claim for one in settled if one.observation.kind in _SINGLE for claim in _single(one)),
    )


def _measured(settled: Iterable[Settled]) -> Iterator[Claim]:
    """One claim for neighbours of one device, instant and kind of mark."""
    numbers = [(one, number) for one in settled if (number := _number(one)) is not None]
    for (device, gateway, at, point, marks), found in groupby(numbers, lambda pair: _origin(pair[0])):
        values = tuple((_name(one), number) for one, number in found)
        good = tuple((name, number) for name, number in values if is_metric(name))
        if good:
            yield Measured(device, good, gateway, at, point, marks)
        if len(good) < len(values):
            yield Fault(Reason.BAD_VALUE, f"{len(values) - len(good)} metrics of {device} have no usable name")


def _origin(one: Settled) -> tuple[str, str, datetime, Point | None, Mark]:
    said = one.observation
    marks = one.marks | Mark.TEST if said.kind is Kind.TEST else one.marks
    return said.device, printable(said.gateway), one.observed_at, said.point, marks


def printable(name: str) -> str:
    """A gateway's name without what cannot be shown, as frames want it."""
    return name if name.isprintable() and len(name) <= 128 else "".join(filter(str.isprintable, name))[:128]


def _name(one: Settled) -> str:
    return one.observation.metric or _NAMES.get(one.observation.kind, "state")


def _number(one: Settled) -> float | None:
    """The reading's value, or None when the observation is none. A bad value is not kept as if it were one."""
    said = one.observation
    if said.kind in _NO_READING or said.quality is Quality.BAD:
        return None
    if said.kind in _SAID:
        told = said.value
        return _SAID[said.kind] if isinstance(told, str) or told is None else float(told)
    return float(said.value) if isinstance(said.value, int | float) else None  # a boolean is an int


def _single(one: Settled) -> Iterator[Claim]:
    said, at, marks = one.observation, one.observed_at, one.marks
    about = said.attributes
    match said.kind:
        case Kind.ONLINE | Kind.OFFLINE | Kind.HEARTBEAT:
            yield Stood(said.device, _STANDS[said.kind], printable(said.gateway), at, marks)
        case Kind.SIGHTING:
            score = about.get("score", said.value)  # without one, the camera is taken at its word
            yield Seen(
                said.device, _text(about.get("ident")) or said.key or said.device, _text(about.get("label")) or said.metric,
                float(score) if isinstance(score, int | float) else 1.0, printable(said.gateway), at, said.point,
                ended=about.get("ended") is True, marks=marks,
            )  # fmt: skip
        case Kind.CALL | Kind.ORDER:
            yield _spoken(one)
        case _:
            return


def _spoken(one: Settled) -> Spoken:
    """The matter as a call: its order's number makes it the same one, however often and in whatever state it comes.

    Every state of an order is one, also the last: whether there is anything left to do about it is for whoever has the case.
    """
    said, about = one.observation, one.observation.attributes
    title, content = (
        _first(about, "title"),
        _first(about, "content", "text", "description") or _word(said.value, said.metric),
    )
    return Spoken(
        _first(about, "ident") or said.device, mask("\n".join(filter(None, (title, content))))[:_LONGEST], printable(said.gateway),
        one.observed_at, said.point,
        category=_first(about, "category", "category_3", "category_2", "category_1", "appeal_type", "service_name", "service_code")[:200],
        channel=_first(about, "channel", "source_channel")[:64] or "phone",
        address=_first(about, "address", "address_string")[:500], caller=said.caller[:64], marks=one.marks,
        order=order_of(said.device, _text(said.value), one.observed_at, printable(said.gateway), about)
        if said.kind is Kind.ORDER else None,
    )  # fmt: skip


def _word(value: object, metric: str) -> str:
    return value if isinstance(value, str) and metric == "text" else ""


def _first(about: Attributes, *names: str) -> str:
    return next((found for name in names if (found := _text(about.get(name)))), "")


def _text(value: Attribute) -> str:
    return "" if value is None or isinstance(value, bool) else str(value)
