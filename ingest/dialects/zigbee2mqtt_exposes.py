"""How Zigbee2MQTT describes its devices: `bridge/devices` with `definition.exposes`, from which units and words are taken.

https://www.zigbee2mqtt.io/guide/usage/exposes.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ingest.dialects.claims import DEEPEST
from ingest.dialects.makers import named, scalar
from ingest.dialects.observation import MOST, Attribute, Kind, Observation

MOST_PROPERTIES: Final = 256  # of one device
_UNITS: Final = {"lqi": "", "LEL": "%LEL", "% LEL": "%LEL", "C": "°C", "F": "°F", "µg/m³": "µg/m³", "ug/m3": "µg/m³"}


@dataclass(frozen=True, slots=True)
class Exposed:
    """One property as its maker describes it."""

    property: str
    kind: str = ""  # binary, numeric, enum, text …
    unit: str = ""
    on: object = None
    off: object = None

    def attributes(self) -> dict[str, Attribute]:
        kept: dict[str, Attribute] = {"type": self.kind[:64]}
        if self.on is not None or self.off is not None:
            kept |= {"value_on": scalar(self.on), "value_off": scalar(self.off)}
        return kept


def exposed(entries: object) -> dict[str, Exposed]:
    """The properties in a list of exposes, those inside `features` included. What is not as it should be is passed over."""
    found: dict[str, Exposed] = {}
    _collect(entries, "", found, 0)
    return found


def _collect(entries: object, prefix: str, found: dict[str, Exposed], level: int) -> None:
    if not isinstance(entries, list) or level > DEEPEST:
        return
    for entry in entries:
        if not isinstance(entry, dict) or len(found) >= MOST_PROPERTIES:
            continue
        name = entry.get("property")
        own = f"{prefix}{name}" if isinstance(name, str) and name else ""
        if isinstance(entry.get("features"), list):  # a light, a lock, or a composite with an object of its own
            _collect(entry["features"], own + "." if own else prefix, found, level + 1)
        elif own and len(own) <= 64 and own.isprintable():
            unit = entry.get("unit")
            unit = unit if isinstance(unit, str) and len(unit) <= 16 else ""
            kind = entry.get("type")
            found[own] = Exposed(
                own,
                kind if isinstance(kind, str) else "",
                _UNITS.get(unit, unit),
                _plain(entry.get("value_on")),
                _plain(entry.get("value_off")),
            )


def _plain(value: object) -> object:
    return value if isinstance(value, bool | int | float | str) else None


def is_exposes(body: object) -> bool:
    """Whether a list is a bare `exposes`: entries with a type, and properties or features."""
    return (
        isinstance(body, list)
        and bool(body)
        and all(isinstance(e, dict) and "type" in e and ("property" in e or "features" in e) for e in body)
    )


def register(base: str, body: list[Any]) -> Iterator[tuple[str, dict[str, Exposed], Mapping[str, Attribute]]]:
    """Name, properties and attributes of every device that a `bridge/devices` lists. Raises `Unreadable` for an unusable name."""
    for entry in body[:MOST]:
        if not isinstance(entry, dict):
            continue
        address = entry.get("ieee_address")
        device = named(base if entry.get("type") == "Coordinator" else entry.get("friendly_name") or address)
        definition = entry.get("definition")
        definition = definition if isinstance(definition, dict) else {}
        noted = {
            "ieee_address": address,
            "vendor": definition.get("vendor") or entry.get("manufacturer"),
            "model": definition.get("model") or entry.get("model_id"),
            "description": definition.get("description"),
            "power_source": entry.get("power_source"),
            "type": entry.get("type"),
            "disabled": entry.get("disabled"),
        }
        properties = exposed(definition.get("exposes"))
        yield device, properties, {k: scalar(v) for k, v in noted.items() if v is not None}


def registrations(
    base: str, devices: Mapping[str, tuple[dict[str, Exposed], Mapping[str, Attribute]]]
) -> list[Observation]:
    """The devices first, then their properties as far as one message may say them."""
    rows = [
        Observation(Kind.REGISTER, device, gateway=base, attributes=noted) for device, (_, noted) in devices.items()
    ]
    for device, (properties, _) in devices.items():
        rows += [
            Observation(Kind.REGISTER, device, p.property, unit=p.unit, gateway=base, attributes=p.attributes())
            for p in properties.values()
        ]
    return rows[:MOST]
