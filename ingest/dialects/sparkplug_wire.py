"""Sparkplug on the wire: topics, the payload in protobuf or protobuf's JSON form, and the request for a rebirth."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from google.protobuf import json_format
from google.protobuf.message import DecodeError

from ingest.dialects import sparkplug_b_pb2
from ingest.dialects.claims import DEEPEST, Reason, Unreadable, read_json
from ingest.dialects.observation import MOST, Message
from ingest.dialects.sparkplug_sniff import is_control
from ingest.dialects.sparkplug_values import BOOLEAN
from ingest.events import IDENT_LENGTH

Payload: Final[Any] = sparkplug_b_pb2.Payload  # type: ignore[attr-defined]
SPACE: Final = "spBv1.0"
ONLINE: Final[dict[bytes, bool]] = {b"ONLINE": True, b"OFFLINE": False}  # the state of a host before version 3
_NODE_VERBS: Final = frozenset({"NBIRTH", "NDATA", "NDEATH", "NCMD"})
_DEVICE_VERBS: Final = frozenset({"DBIRTH", "DDATA", "DDEATH", "DCMD"})


@dataclass(frozen=True, slots=True)
class Address:
    """Who a topic is about. `root` is all of it before the group."""

    root: str
    group: str
    verb: str
    edge: str
    device: str = ""

    @property
    def node(self) -> str:
        """`{group}/{edge}`, as the edge node is known by."""
        return f"{self.group}/{self.edge}"

    @property
    def name(self) -> str:
        """`{group}/{edge}` or `{group}/{edge}/{device}`."""
        return f"{self.node}/{self.device}" if self.device else self.node


def parse(raw: bytes) -> Any:
    """The payload in protobuf, or in protobuf's JSON form. Raises `Unreadable`."""
    payload = Payload()
    try:
        if raw.startswith(b"{"):
            json_format.ParseDict(read_json(raw), payload, ignore_unknown_fields=True, max_recursion_depth=DEEPEST)
        else:
            payload.ParseFromString(raw)
    except (DecodeError, json_format.ParseError, ValueError, TypeError, AttributeError) as error:
        if isinstance(error, Unreadable):
            raise
        raise Unreadable(Reason.BAD_PROTOBUF, str(error)[:200]) from error
    if not payload.ListFields():
        raise Unreadable(Reason.BAD_PROTOBUF, "nothing of a Sparkplug payload in it")
    for metric in payload.metrics:
        if not isinstance(metric.name, str):  # not UTF-8: a metric without a name, which its alias may still explain
            metric.name = ""
    if len(payload.metrics) > MOST - 8:
        raise Unreadable(Reason.TOO_BIG, f"{len(payload.metrics)} metrics; at most {MOST - 8} are read")
    return payload


def rebirth_request(now: datetime) -> bytes:
    """The NCMD payload that asks an edge node for its births."""
    request = Payload(timestamp=int(now.timestamp() * 1000))
    request.metrics.add(name="Node Control/Rebirth", timestamp=request.timestamp, datatype=BOOLEAN, boolean_value=True)
    return bytes(request.SerializeToString(deterministic=True))


def host_of(message: Message) -> str:
    """The host application whose state this is, or empty."""
    parts = message.topic.split("/")
    if len(parts) < 2 or parts[-2] != "STATE" or not (SPACE in parts[:-2] or is_old_state(message)):
        return ""
    if not 0 < len(parts[-1]) <= IDENT_LENGTH or not parts[-1].isprintable():
        raise Unreadable(Reason.NO_DEVICE, "the topic names no host")
    return parts[-1]


def is_old_state(message: Message) -> bool:
    """Whether this is the state of a host in the form before version 3: a word on `STATE/{host}`."""
    return message.topic.startswith("STATE/") and message.topic.count("/") == 1 and message.payload in ONLINE


@lru_cache(maxsize=4096)
def address_of(topic: str) -> Address | None:
    """Who the topic is about; None for no topic. Raises `Unreadable` for one that is not Sparkplug's or names nobody."""
    if not topic:
        return None
    before, found, rest = f"/{topic}".partition(f"/{SPACE}/")
    parts = rest.split("/")
    verb = parts[1] if len(parts) > 1 else ""
    if not found or verb not in {3: _NODE_VERBS, 4: _DEVICE_VERBS}.get(len(parts), ()):
        raise Unreadable(Reason.UNKNOWN_TOPIC, f"not a topic of Sparkplug B: {topic[:100]!r}")
    address = Address((before + found)[1:], parts[0], verb, *parts[2:])
    if not all(parts) or len(address.name) > IDENT_LENGTH or not address.name.isprintable() or {"+", "#"} & set(rest):
        raise Unreadable(Reason.NO_DEVICE, f"the topic names no edge node or device: {topic[:150]!r}")
    return address


def measuring(payload: Any) -> list[Any]:
    """The metrics without those that steer the session."""
    return [metric for metric in payload.metrics if metric.name != "bdSeq" and not is_control(metric.name)]


def bd_seq_of(payload: Any) -> int | None:
    """The number of the session that a birth opens and a death ends."""
    for metric in payload.metrics:
        if metric.name == "bdSeq" and metric.WhichOneof("value") in {"int_value", "long_value"}:
            return int(metric.long_value or metric.int_value)
    return None
