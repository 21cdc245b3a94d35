"""What a decoder says of a message: a verdict, observations, and what the standard makes us answer. Values only.

`Message` is what arrived, `Decoding` what it turned out to be. Decoders know neither the registry nor any policy: whether an observation
rings is decided downstream, by its kind, its marks and its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Final, Protocol

from ingest.dialects.claims import LARGEST, Reason, Unreadable
from ingest.dialects.making import maker
from ingest.events import Mark, Point

MOST: Final = 4096  # observations of one message

Value = float | int | bool | str | None
Attribute = str | int | float | bool | None
Attributes = Mapping[str, Attribute]


class Kind(StrEnum):
    """What an observation is."""

    TELEMETRY = "telemetry"  # a number
    STATE = "state"  # how something stands, also a snapshot of it
    ALARM = "alarm"  # the source itself says that something is wrong here
    CLEAR = "clear"  # and that it is over
    HEARTBEAT = "heartbeat"
    FAULT = "fault"  # a device, line or power supply is out of order
    ONLINE = "online"
    OFFLINE = "offline"
    TEST = "test"
    SIGHTING = "sighting"
    CALL = "call"
    ORDER = "order"  # a work order and its status
    REGISTER = "register"  # a device says what it is
    NOTICE = "notice"  # an alert, warning or event of another system


class Quality(StrEnum):
    """How far a value may be trusted."""

    GOOD = "good"
    SUSPECT = "suspect"
    BAD = "bad"


class TimeFrom(StrEnum):
    """Whose clock an observation goes by."""

    DEVICE = "device"
    SERVER = "server"  # the platform or gateway between
    RECEIVED = "received"


class Verdict(StrEnum):
    """What became of a message."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    IGNORED = "ignored"  # understood, and deliberately without an observation


@dataclass(frozen=True, slots=True)
class Message:
    """What arrived. `topic` is the MQTT topic, the path of an HTTP request, or empty; `peer` who sent it over TCP or HTTP."""

    topic: str
    payload: bytes
    received_at: datetime
    retained: bool = False
    content_type: str = ""
    properties: Mapping[str, str] = field(
        default_factory=dict
    )  # MQTT 5 user properties or HTTP headers, names in lower case
    peer: str = ""


@dataclass(frozen=True, slots=True)
class Observation:
    """One thing that a message says.

    `device_at` and `server_at` are the claims of the device and of the platform between, aware, or None when they said nothing usable.
    `key` is the source's own rule for what is the same message again, empty when it has none. An alarm or clear has its class in
    `metric` (`fire_alarm`, `gas_alarm`, `water_alarm`, `tilt_alarm`, `power_alarm`, `intrusion_alarm`, `sos_alarm`, or the source's own
    name).
    """

    kind: Kind
    device: str
    metric: str = ""
    value: Value = None
    unit: str = ""
    gateway: str = ""
    device_at: datetime | None = None
    server_at: datetime | None = None
    quality: Quality = Quality.GOOD
    key: str = ""
    warnings: tuple[str, ...] = ()
    attributes: Attributes = field(default_factory=dict)
    point: Point | None = None
    marks: Mark = Mark.NONE
    caller: str = field(
        default="", repr=False
    )  # a resident's plain number, for whoever seals it; never shown, never logged (law 14)


@dataclass(frozen=True, slots=True)
class Decoding:
    """What a message turned out to be. `reply` goes back over the connection, or to `reply_topic` over MQTT.

    `faults` are the parts of an accepted message that could not be read: it is kept as rejected besides.
    """

    verdict: Verdict
    observations: tuple[Observation, ...] = ()
    reason: str = ""
    reply: bytes | None = None
    reply_topic: str = ""
    faults: tuple[Unreadable, ...] = ()

    @property
    def fault(self) -> Unreadable:
        """Why it was rejected."""
        reason, _, detail = self.reason.partition(": ")
        return Unreadable(Reason(reason), detail)


# The same as the class, and quicker: for whoever says much.
observed: Final = maker(Observation)
_decoded: Final = maker(Decoding)


def accepted(
    *observations: Observation, reply: bytes | None = None, reply_topic: str = "", faults: Iterable[Unreadable] = ()
) -> Decoding:
    """A message that says something. Its reason tells of the parts that could not be read."""
    if faults:
        bad = tuple(faults)
        return Decoding(Verdict.ACCEPTED, observations, _parts(bad), reply, reply_topic, bad)
    return _decoded(Verdict.ACCEPTED, observations, "", reply, reply_topic)


def _parts(bad: tuple[Unreadable, ...]) -> str:
    """One sentence for all of them, in the form of a rejection: the first one's reason, and what was wrong with the first few."""
    what = "; ".join(dict.fromkeys(f"{fault.reason}: {fault.detail}"[:120] for fault in bad[:8]))
    return f"{bad[0].reason}: {len(bad)} of its parts cannot be read: {what}"[:500]


def ignored(reason: str, reply: bytes | None = None, reply_topic: str = "") -> Decoding:
    """A message that was understood and says nothing that is kept."""
    return Decoding(Verdict.IGNORED, reason=reason, reply=reply, reply_topic=reply_topic)


def rejected(reason: Reason, detail: str, reply: bytes | None = None) -> Decoding:
    """A message that cannot be used; its bytes are kept."""
    return Decoding(Verdict.REJECTED, reason=f"{reason}: {detail}"[:500], reply=reply)


class Fit(IntEnum):
    """How sure a dialect is that a message is its own; the surest one reads it."""

    NO = 0
    CONTENT = 1  # it looks like ours
    MARKED = 2  # the content names our format (a namespace, a start mark with a fitting length …)
    TOPIC = 3  # the topic, path or content type is ours


class Decoder(Protocol):
    """One stream of one dialect. It may keep state between messages, within bounds, and reads no clock but `received_at`."""

    def decode(self, message: Message) -> Decoding:
        """Raises `Unreadable` for what cannot be used; anything else that escapes is a fault of ours and rejects the message."""
        ...


@dataclass(frozen=True, slots=True)
class Entry:
    """A dialect in the registry."""

    name: str
    standard: str  # the document it follows
    topics: tuple[str, ...]  # where it comes from, for people: MQTT topics, `TCP`, `POST /path`
    fits: Callable[[Message], Fit]
    open: Callable[[], Decoder]  # a decoder with a state of its own
    largest: int = LARGEST  # bytes of a message; more where pictures come along


def decode_safely(decoder: Decoder, message: Message, largest: int = LARGEST) -> Decoding:
    """The decoder's word, or a rejection: nothing a sender can write comes out as an exception (law 2)."""
    if len(message.payload) > largest:
        return rejected(Reason.TOO_BIG, f"{len(message.payload)} bytes; at most {largest} are read")
    try:
        decoding = decoder.decode(message)
    except Unreadable as error:
        return rejected(error.reason, error.detail)
    except Exception as error:  # a fault of ours: the message is kept, the others go on
        return rejected(Reason.FAULT, repr(error))
    if len(decoding.observations) > MOST:
        return rejected(
            Reason.TOO_BIG, f"{len(decoding.observations)} observations; at most {MOST} are taken of one message"
        )
    return decoding
