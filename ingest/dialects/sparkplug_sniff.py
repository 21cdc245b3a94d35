"""Sparkplug payloads whose topic is not known, such as files: whether bytes are one, and which of the messages it most likely is.

Only what arrives without any topic is looked at here: over MQTT the topic says it all.
"""

from __future__ import annotations

from typing import Any, Final

from ingest.dialects.sparkplug_session import Birth, Node

_EARLIEST, _LATEST = 946_684_800_000, 4_102_444_800_000  # 2000 to 2100, in milliseconds
_MOST_FIELDS: Final = 5000
_WIRE: Final = {1: 0, 2: 2, 3: 0, 4: 2, 5: 2}  # the fields of a payload and how they are written
_METRIC_STARTS: Final = frozenset(
    {0x0A, 0x10, 0x18, 0x20}
)  # name, alias, timestamp, datatype: the first field of a metric


def looks_like_payload(raw: bytes) -> bool:
    """Whether the bytes are whole protobuf fields of a Sparkplug payload and nothing else. Never raises."""
    if raw.startswith(b"{"):
        return b'"metrics"' in raw and (b'"datatype"' in raw or b'"seq"' in raw) and b'"timestamp"' in raw
    at, metrics, timestamp, seq = 0, 0, False, False
    for _ in range(_MOST_FIELDS):
        if at == len(raw):
            return (timestamp and (metrics > 0 or seq)) or (metrics == 1 and b"\x0a\x05bdSeq" in raw)
        tag, at = _varint(raw, at)
        number = tag >> 3
        if at < 0 or _WIRE.get(number) != tag & 7:
            return False
        value, at = _varint(raw, at)
        if at < 0:
            return False
        if number == 1:
            timestamp = _EARLIEST <= value <= _LATEST
            if not timestamp:
                return False
        elif number == 3:
            seq = value < 256
            if not seq:
                return False
        else:
            if at + value > len(raw) or (number == 2 and (value == 0 or raw[at] not in _METRIC_STARTS)):
                return False
            metrics += number == 2
            at += value
    return False


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    """The number at a place and the place after it, or a negative place."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(raw):
            return 0, -1
        byte = raw[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    return 0, -1


def guess(payload: Any, node: Node | None) -> tuple[str, str]:
    """The message type and the device of a payload without a topic, from what it holds and from the births before it."""
    metrics = payload.metrics
    names = [metric.name for metric in metrics]
    if not payload.HasField("seq") and metrics:
        if all(name == "bdSeq" for name in names):
            return "NDEATH", ""
        if any(is_control(name) for name in names) and "bdSeq" not in names:
            return "NCMD", ""
    if "bdSeq" in names:
        return "NBIRTH", ""
    births: list[tuple[str, Birth]] = list(reversed(node.devices.items())) if node else []
    if not metrics:
        return "DDEATH", births[0][0] if births else "1"
    if node and node.birth:
        births.insert(0, ("", node.birth))
    aliased = any(metric.HasField("alias") for metric in metrics)
    if not all(names) or not aliased:
        for device, birth in births:
            if all(birth.of(metric.name, metric.alias if metric.HasField("alias") else None) for metric in metrics):
                return ("DDATA" if device else "NDATA"), device
        if not all(names):
            last = births[-1][0] if births else ""
            return ("DDATA" if last else "NDATA"), last
    for device, birth in births:
        if device and set(birth.names) == set(names):
            return "DBIRTH", device
    return "DBIRTH", str(len(node.devices) + 1 if node else 1)


def is_control(name: str) -> bool:
    """Whether a metric steers the node and measures nothing."""
    return name.startswith(("Node Control/", "Device Control/"))
