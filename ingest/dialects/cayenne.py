"""CayenneLPP: repeated (channel, type, value), big-endian, with the common extensions of its IPSO types.

A table of our own and not `pycayennelpp`: its packets turn numbers into rounded floats and raise on the first unknown type, while a frame
here stands up to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ingest.dialects.named_values import Said, place
from ingest.dialects.observation import Kind


@dataclass(frozen=True, slots=True)
class Form:
    """One type: `raw / by`, or several such numbers, one for each of `axes`."""

    metric: str
    unit: str
    size: int
    by: int = 1
    signed: bool = False
    axes: str = ""


_FORMS: Final[Mapping[int, Form]] = {
    0: Form("digital_input", "", 1),
    1: Form("digital_output", "", 1),
    2: Form("analog_input", "", 2, 100, signed=True),
    3: Form("analog_output", "", 2, 100, signed=True),
    100: Form("generic", "", 4),
    101: Form("illuminance", "lx", 2),
    102: Form("occupancy", "", 1),
    103: Form("temperature", "°C", 2, 10, signed=True),
    104: Form("humidity", "%", 1, 2),
    113: Form("acceleration", "g", 6, 1000, signed=True, axes="xyz"),
    115: Form("pressure", "hPa", 2, 10),
    116: Form("voltage", "V", 2, 100),
    117: Form("current", "A", 2, 1000),
    118: Form("frequency", "Hz", 4),
    120: Form("percentage", "%", 1),
    121: Form("altitude", "m", 2, signed=True),
    125: Form("concentration", "ppm", 2),
    128: Form("power", "W", 2),
    130: Form("distance", "m", 4, 1000),
    131: Form("energy", "kWh", 4, 1000),
    132: Form("direction", "°", 2),
    134: Form("rotation", "°/s", 6, 100, signed=True, axes="xyz"),
    142: Form("switch", "", 1),
}
_STATES: Final = frozenset({0, 1, 102, 142})  # ones that are or are not
_LOCATION: Final = 136


def read_cayenne(raw: bytes) -> tuple[tuple[Said, ...], bytes]:
    """What a frame says, and its rest from the first type on that is not known or not whole."""
    said: list[Said] = []
    taken: set[str] = set()
    at = 0
    while at + 2 <= len(raw):
        channel, kind = raw[at], raw[at + 1]
        form = _FORMS.get(kind)
        size = 9 if kind == _LOCATION else form.size if form else 0
        body = raw[at + 2 : at + 2 + size]
        if not size or len(body) < size:
            break
        if kind == _LOCATION:
            said.append(_location(channel, body))
        elif form:
            said += _numbers(channel, kind, form, body, taken)
        at += 2 + size
    return tuple(said), raw[at:]


def _numbers(channel: int, kind: int, form: Form, body: bytes, taken: set[str]) -> list[Said]:
    width = form.size // (len(form.axes) or 1)
    said = []
    for n, axis in enumerate(form.axes or " "):
        raw = int.from_bytes(body[n * width : (n + 1) * width], "big", signed=form.signed)
        name = f"{form.metric}_{axis}" if form.axes else form.metric
        metric = f"{name}_{channel}" if name in taken else name  # the second thermometer has its channel in its name
        taken.add(name)
        where = {"channel": channel}
        if kind in _STATES and raw in {0, 1}:
            said.append(Said(Kind.STATE, metric, bool(raw), attributes=where))
        else:
            said.append(
                Said(Kind.TELEMETRY, metric, raw if form.by == 1 else raw / form.by, form.unit, attributes=where)
            )
    return said


def _location(channel: int, body: bytes) -> Said:
    lat, lon, up = (int.from_bytes(body[n : n + 3], "big", signed=True) for n in (0, 3, 6))
    point = place(lat / 10_000, lon / 10_000)
    return Said(Kind.STATE, "location", None, attributes={"channel": channel, "altitude": up / 100}, point=point)
