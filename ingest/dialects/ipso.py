"""LwM2M resources by number (object_instance_resource): the IPSO Smart Objects that sensors on NB-IoT use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ingest.dialects.named_values import TEXT_LENGTH, Said
from ingest.dialects.observation import Kind, Quality, Value

_VALUE: Final = 5700
# Objects whose resource 5700 is their measurement. Its unit may be told by resource 5701; without it the object's usual one is meant.
_OBJECTS: Final[Mapping[int, tuple[str, str]]] = {
    3300: ("generic_sensor", ""),
    3301: ("illuminance", "lx"),
    3303: ("temperature", "°C"),
    3304: ("humidity", "%"),
    3305: ("power", "W"),
    3315: ("barometer", ""),
    3316: ("voltage", "V"),
    3317: ("current", "A"),
    3318: ("frequency", "Hz"),
    3319: ("depth", "m"),
    3320: ("percentage", "%"),
    3321: ("altitude", "m"),
    3322: ("load", "kg"),
    3323: ("pressure", ""),
    3324: ("loudness", "dB"),
    3325: ("concentration", ""),
    3326: ("acidity", "pH"),
    3327: ("conductivity", ""),
    3328: ("power_factor", ""),
    3330: ("distance", "m"),
    3332: ("direction", "°"),
    3346: ("rate", ""),
}
_RESOURCES: Final[Mapping[tuple[int, int], tuple[str, str, bool]]] = {  # metric, unit, whether it is a yes or no
    (3, 7): ("voltage", "mV", False),
    (3, 9): ("battery", "%", False),
    (3200, 5500): ("digital_input", "", True),
    (3302, 5500): ("occupancy", "", True),
    (3311, 5850): ("light", "", True),
    (3312, 5850): ("power_switch", "", True),
    (3342, 5500): ("switch", "", True),
    (3347, 5500): ("button", "", True),
}
_ALARM: Final = (3338, 5850)  # a buzzer that sounds is an actuator's state and no alarm of a sensor


def read_resource(ds_id: str, value: Value) -> Said | None:
    """What `3303_0_5700` says, or None when it is no resource's number. The instance is in the name when it is not the first."""
    parts = ds_id.replace("/", "_").strip("_").split("_")
    if len(parts) != 3 or not all(part.isdigit() and len(part) <= 5 for part in parts):
        return None
    obj, instance, resource = (int(part) for part in parts)
    attributes = {"ds_id": ds_id}
    metric, unit, flag = _RESOURCES.get((obj, resource), ("", "", False))
    if not metric and resource == _VALUE and obj in _OBJECTS:
        metric, unit = _OBJECTS[obj]
    if not metric:
        metric = "buzzer" if (obj, resource) == _ALARM else ds_id
    name = f"{metric}_{instance}" if instance and metric != ds_id else metric
    if flag and value in {0, 1}:
        return Said(Kind.STATE, name, bool(value), attributes=attributes)
    if isinstance(value, bool) or not isinstance(value, int | float):
        text = value[:TEXT_LENGTH] if isinstance(value, str) else value
        quality = Quality.GOOD if value is not None else Quality.BAD
        return Said(Kind.STATE, name, text, quality=quality, attributes=attributes)
    return Said(Kind.TELEMETRY, name, value, unit, attributes=attributes)
