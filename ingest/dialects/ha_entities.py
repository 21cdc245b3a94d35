"""Home Assistant's MQTT discovery: what a `config` message says of its entities, abbreviated or not, single or as a device's bundle.

https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery. Templates are text from the wire and never evaluated: only a plain way
into the JSON (`{{ value_json.x.y }}`) is followed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ingest.dialects.claims import Reason, Unreadable
from ingest.dialects.makers import named, scalar
from ingest.dialects.observation import Attribute
from ingest.events import IDENT_LENGTH

MOST_COMPONENTS: Final = 256  # of one bundle
MOST_TOPICS: Final = 8  # of availability
COMPONENTS: Final = frozenset({
    "alarm_control_panel", "binary_sensor", "button", "camera", "climate", "cover", "device_automation", "device_tracker", "event", "fan",
    "humidifier", "image", "lawn_mower", "light", "lock", "notify", "number", "scene", "select", "sensor", "siren", "switch", "tag", "text",
    "update", "vacuum", "valve", "water_heater", "device",
})  # fmt: skip
_ABBREVIATED: Final = {
    "stat_t": "state_topic", "dev_cla": "device_class", "val_tpl": "value_template", "stat_val_tpl": "value_template",
    "state_value_template": "value_template", "uniq_id": "unique_id", "unit_of_meas": "unit_of_measurement", "pl_on": "payload_on",
    "pl_off": "payload_off", "stat_on": "state_on", "stat_off": "state_off", "avty": "availability", "avty_t": "availability_topic",
    "avty_mode": "availability_mode", "avty_tpl": "availability_template", "pl_avail": "payload_available",
    "pl_not_avail": "payload_not_available", "exp_aft": "expire_after", "off_dly": "off_delay", "dev": "device", "cmps": "components",
    "p": "platform", "t": "topic", "obj_id": "object_id", "def_ent_id": "default_entity_id", "ent_cat": "entity_category",
    "ids": "identifiers", "cns": "connections", "mf": "manufacturer", "mdl": "model", "mdl_id": "model_id", "sw": "sw_version",
    "sn": "serial_number", "sa": "suggested_area",
}  # fmt: skip
_SHARED: Final = (
    "availability", "availability_topic", "availability_mode", "availability_template", "payload_available",
    "payload_not_available", "state_topic", "device",
)  # fmt: skip
_TEMPLATE: Final = re.compile(
    r"\{\{-?\s*value(_json((?:\.[A-Za-z_]\w{0,63}|\['[^'\\\]]{1,64}'\]|\[\"[^\"\\\]]{1,64}\"\]|\[\d{1,3}\]){0,32}))?\s*-?\}\}"
)
_STEP: Final = re.compile(r"\.(\w+)|\['([^']+)'\]|\[\"([^\"]+)\"\]|\[(\d+)\]")
Way = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Available:
    """A topic that says whether the device is there."""

    topic: str
    way: Way | None  # None: the payload itself
    yes: object = "online"
    no: object = "offline"


@dataclass(frozen=True, slots=True)
class Entity:
    """One entity: where its state comes from and what its words mean."""

    component: str
    device: str
    name: str
    metric: str = ""
    state_topic: str = ""
    way: Way | None = None
    readable: bool = True  # whether its template is one that we follow
    device_class: str = ""
    unit: str = ""
    on: object = "ON"
    off: object = "OFF"
    availability: tuple[Available, ...] = ()
    mode: str = "latest"
    noted: tuple[tuple[str, Attribute], ...] = ()


def place_of(topic: str) -> tuple[str, str, str] | None:
    """Component, node and object of a discovery topic: `{prefix}/{component}/[{node}/]{object}/config`."""
    parts = topic.split("/")
    if parts[-1] != "config":
        return None
    for at in (-4, -3):
        if len(parts) > -at and parts[at] in COMPONENTS:
            return parts[at], parts[-3] if at == -4 else "", parts[-2]
    return None


def long_form(body: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with its abbreviations written out and `~` replaced by the base topic."""
    base = body.get("~")
    found: dict[str, Any] = {}
    for key, value in body.items():
        name = _ABBREVIATED.get(key, key)
        if isinstance(value, dict) and name != "components":
            value = {_ABBREVIATED.get(k, k): v for k, v in value.items()}  # noqa: PLW2901
        elif isinstance(value, list) and name == "availability":
            value = [long_form({"~": base, **v}) if isinstance(v, dict) else v for v in value]  # noqa: PLW2901
        if (
            isinstance(base, str)
            and isinstance(value, str)
            and name.endswith("topic")
            and len(value) + len(base) < 1000
        ):
            value = base + value[1:] if value.startswith("~") else value[:-1] + base if value.endswith("~") else value  # noqa: PLW2901
        found[name] = value
    return found


def entities(body: Mapping[str, Any], component: str, node: str, name: str) -> Iterator[tuple[str, Entity | None]]:
    """Each entity of a configuration by its name; None for one that a bundle takes away. Raises `Unreadable`."""
    config = long_form(body)
    components = config.get("components")
    if not isinstance(components, dict):
        yield "", _entity(config, component, node, name)
        return
    shared: dict[str, Any] = {k: config[k] for k in _SHARED if k in config}
    base = config.get("~")
    for own, part in list(components.items())[:MOST_COMPONENTS]:
        if not isinstance(part, dict):
            continue
        written = long_form({"~": base, **part} if base is not None else part)
        if set(written) <= {"platform", "~"}:
            yield own, None
        else:
            yield own, _entity({**shared, **written}, str(written.get("platform", ""))[:64], name, own)


def _entity(config: Mapping[str, Any], component: str, node: str, name: str) -> Entity:
    about = config.get("device")
    about = about if isinstance(about, dict) else {}
    unique = config.get("unique_id")
    device = _device(about) or node or (unique if isinstance(unique, str) else "") or name
    device_class = config.get("device_class")
    device_class = device_class if isinstance(device_class, str) else ""
    readable, way = _way(config.get("value_template"))
    topic = config.get("state_topic")
    unit = config.get("unit_of_measurement")
    binary = component == "binary_sensor"
    noted = {
        "component": component,
        "device_class": device_class,
        "name": config.get("name"),
        "unique_id": unique,
        "state_topic": topic,
        "manufacturer": about.get("manufacturer"),
        "model": about.get("model"),
        "device_name": about.get("name"),
        "expire_after": config.get("expire_after"),
        "off_delay": config.get("off_delay"),
    }
    return Entity(
        component,
        named(device),
        _plain_name(name, unique, config.get("name")),
        "",
        topic if isinstance(topic, str) and len(topic) <= 1000 else "",
        way,
        readable,
        device_class[:64],
        unit[:16] if isinstance(unit, str) else "",
        config.get("payload_on" if binary else "state_on", config.get("payload_on", "ON")),
        config.get("payload_off" if binary else "state_off", config.get("payload_off", "OFF")),
        tuple(_availability(config)),
        str(config.get("availability_mode", "latest"))[:10],
        tuple((k, scalar(v)) for k, v in noted.items() if v is not None and v != ""),
    )


def _device(about: Mapping[str, Any]) -> str:
    """The device's first identifier, its serial number, or the first address it is connected by."""
    ids = about.get("identifiers")
    first = ids[0] if isinstance(ids, list) and ids else ids
    if not isinstance(first, str) or not first:
        first = about.get("serial_number")
    links = about.get("connections")
    if not first and isinstance(links, list) and links and isinstance(links[0], list) and len(links[0]) == 2:
        first = links[0][1]
    return first if isinstance(first, str) else ""


def _plain_name(*names: object) -> str:
    """The first of them that can be a metric's name."""
    found = (n for n in names if isinstance(n, str) and 0 < len(n) <= 64 and n.isprintable())
    return next(found, "entity")


def _way(template: object) -> tuple[bool, Way | None]:
    """Whether a template is a plain way into the JSON, and that way; None for the payload itself."""
    if template is None or template == "":
        return True, None
    found = _TEMPLATE.fullmatch(template.strip()) if isinstance(template, str) and len(template) <= 1000 else None
    if found is None:
        return False, None
    if found[1] is None:
        return True, None
    steps = _STEP.finditer(found[2] or "")
    return True, tuple(int(s[4]) if s[4] else s[1] or s[2] or s[3] for s in steps)


def _availability(config: Mapping[str, Any]) -> Iterator[Available]:
    several = config.get("availability")
    entries = several if isinstance(several, list) else [several] if isinstance(several, dict) else []
    own = config.get("availability_topic")
    if isinstance(own, str):
        entries = [{**config, "topic": own, "value_template": config.get("availability_template")}]
    for entry in entries[:MOST_TOPICS]:
        topic = entry.get("topic") if isinstance(entry, dict) else None
        if not isinstance(topic, str) or not topic:
            continue
        readable, way = _way(entry.get("value_template"))
        if readable:
            yes = entry.get("payload_available", "online")
            yield Available(topic, way, yes, entry.get("payload_not_available", "offline"))


def follow(body: object, way: Way) -> object:
    """What stands at a way into the JSON. Raises `Unreadable` where there is nothing."""
    for step in way:
        inside = (
            step in body
            if isinstance(body, dict)
            else isinstance(body, list) and isinstance(step, int) and step < len(body)
        )
        if not inside:
            raise Unreadable(Reason.MISSING_FIELD, f"no {step!r} in it"[:IDENT_LENGTH])
        body = body[step]  # type: ignore[index]
    return body


def same(value: object, word: object) -> bool:
    """Whether a value is a configured word, as Home Assistant compares them: by what they are written as."""
    return _written(value) == _written(word)


def _written(value: object) -> str:
    return ("True" if value else "False") if isinstance(value, bool) else str(value)
