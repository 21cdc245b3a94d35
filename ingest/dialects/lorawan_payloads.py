"""FRMPayloads of LoRaWAN devices when the network server has no codec for them, and Milesight payloads that come by themselves.

Which decoder reads a device's bytes is configuration: patterns of device profile names. Bytes that no decoder reads are kept.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Final

from ingest.dialects.cayenne import read_cayenne
from ingest.dialects.claims import Reason, Unreadable
from ingest.dialects.milesight import PORT, is_smoke_alarm, model_of, read_milesight
from ingest.dialects.named_values import Origin, Said, kept, observed
from ingest.dialects.observation import Attributes, Decoding, Entry, Fit, Kind, Message, Observation
from ingest.dialects.parts import Parts
from ingest.events import IDENT_LENGTH, digest

LONGEST: Final = 1024  # bytes of a payload; LoRaWAN carries 242
_FRAMES: Final = 64  # payloads of one text
_HEX: Final = frozenset(string.hexdigits)
_BINARY: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")  # what no text has in it
_BETWEEN: Final = frozenset(",:-\u200b\u200c\u200d\ufeff")


@dataclass(frozen=True, slots=True)
class Payload:
    """What some bytes say, what the device says of itself, the model they were read as, and the bytes that were not understood."""

    said: tuple[Said, ...]
    attributes: Attributes = field(default_factory=dict)
    model: str = ""
    rest: bytes = b""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What stands behind the last channel that is known: padding, or something new."""
        return () if not self.rest else ("unknown_channel",) if self.rest.strip(b"\0") else ("trailing_zeros",)

    @property
    def facts(self) -> Attributes:
        """What the device says of itself, and the bytes that were not understood."""
        return {**self.attributes, "rest_hex": self.rest.hex()} if self.rest.strip(b"\0") else self.attributes


def _milesight(raw: bytes, profile: str) -> Payload:
    frame = read_milesight(raw, profile)
    return Payload(frame.said, frame.attributes, model=frame.model, rest=frame.rest)


def _cayenne(raw: bytes, _profile: str) -> Payload:
    said, rest = read_cayenne(raw)
    return Payload(said, rest=rest)


DECODERS: Final[Mapping[str, Callable[[bytes, str], Payload]]] = {"milesight": _milesight, "cayenne_lpp": _cayenne}
# Patterns of device profile names in lower case, and the decoder. A profile that names a Milesight model, and port 85, need no line here.
DEFAULTS: Final[Mapping[str, str]] = {"*milesight*": "milesight", "*cayenne*": "cayenne_lpp", "*lpp*": "cayenne_lpp"}


def read_payload(raw: bytes, profile: str, port: int, choices: Mapping[str, str] = DEFAULTS) -> Payload:
    """What the bytes say by the decoder that `choices` names for the profile; else they are kept whole with the warning `no_codec`."""
    name = next((decoder for pattern, decoder in choices.items() if fnmatchcase(profile.lower(), pattern.lower())), "")
    if not name and (model_of(profile) or port == PORT):
        name = "milesight"
    read = DECODERS.get(name)
    payload = read(raw, profile) if read and len(raw) <= LONGEST else None
    if payload is None or not (payload.said or payload.attributes):
        return Payload((kept("payload", raw, "no_codec"),))
    return payload if payload.said else replace(payload, said=(Said(Kind.HEARTBEAT, ""),))


@dataclass(frozen=True, slots=True)
class _Wrapped:
    """The NB-IoT frame around a payload: `02`, id, length, flag, count, versions, sn, IMEI, IMSI, ICCID, signal, length, payload."""

    sn: str
    imei: str
    count: int
    signal: int
    payload: bytes
    warnings: tuple[str, ...]


_HEADER: Final = 86  # bytes before the payload
_COUNTED_FROM: Final = 5  # the first byte that the length counts


def unwrap(raw: bytes) -> _Wrapped | None:
    """The payload and its sender when the bytes are an NB-IoT frame, else None."""
    if (
        len(raw) < _HEADER
        or raw[:3] != b"\x02\x00\x01"
        or not (raw[17:33] + raw[33:63]).isalnum()
        or not raw[33:48].isdigit()
    ):
        return None
    size = int.from_bytes(raw[84:86], "big")
    whole = int.from_bytes(raw[3:5], "big") == len(raw) - _COUNTED_FROM and _HEADER + size == len(raw)
    return _Wrapped(
        sn=raw[17:33].decode("ascii"),
        imei=raw[33:48].decode("ascii"),
        count=int.from_bytes(raw[6:8], "big"),
        signal=raw[83],
        payload=raw[_HEADER : _HEADER + size],
        warnings=() if whole else ("length_mismatch",),
    )


def hex_frames(payload: bytes) -> tuple[bytes, ...]:
    """The payloads in a message: raw bytes, hex text, or a text whose first line and comment lines hold hex."""
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError:
        return (payload,)
    if _BINARY.search(text):
        return (payload,)
    frames: list[bytes] = []
    for n, line in enumerate(text.splitlines()):
        bare = line.strip()
        comment = bare.startswith(("//", "#"))
        if n and not comment:
            continue
        # what people paste has spaces of every width in it, and some that have none
        digits = "".join(c for c in bare.lstrip("/#").replace("0x", "") if not c.isspace() and c not in _BETWEEN)
        if len(digits) >= 2 and not len(digits) % 2 and _HEX.issuperset(digits):
            frames.append(bytes.fromhex(digits))
        if len(frames) > _FRAMES:
            raise Unreadable(Reason.TOO_BIG, f"more than {_FRAMES} payloads in one text")
    return tuple(frames)


class BarePayloads:
    """Milesight payloads without a network server around them, one or several in a message, one device's."""

    def __init__(self, profile: str = "") -> None:
        self.profile = profile

    def decode(self, message: Message) -> Decoding:
        """Everything that the payloads say. Raises `Unreadable` when there is none, or nothing in it is known."""
        frames = hex_frames(message.payload)
        if not frames:
            raise Unreadable(Reason.BAD_FRAME, "neither bytes nor hex digits")
        device, profile, parts = _device_of(message.topic), self.profile or message.topic, Parts()
        for raw in frames:
            nb = unwrap(raw)
            body = nb.payload if nb else raw
            payload = _milesight(body, profile) if len(body) <= LONGEST else Payload(())
            parts.read(_observations, payload, device, nb, body)
            profile = self.profile or payload.model or message.topic
        return parts.decoding()


def _observations(payload: Payload, device: str, nb: _Wrapped | None, body: bytes) -> tuple[Observation, ...]:
    if not (payload.said or payload.attributes):
        raise Unreadable(Reason.BAD_FRAME, f"no channel of a Milesight device at the start of {body[:16].hex()}")
    return observed(_origin(device, nb, payload), payload.said or (Said(Kind.HEARTBEAT, ""),))


def _device_of(topic: str) -> str:
    last = topic.rsplit("/", 1)[-1]
    return last if last.isprintable() and " " not in last and len(last) <= IDENT_LENGTH else ""


def _origin(device: str, nb: _Wrapped | None, payload: Payload) -> Origin:
    attributes = {**payload.facts, **({"model": payload.model} if payload.model else {})}
    if nb:
        return Origin(
            nb.sn,
            key=f"milesight:{nb.sn}:{nb.count}:{digest(nb.payload.hex())}",
            warnings=nb.warnings + payload.warnings,
            attributes={**attributes, "imei": nb.imei, "csq": nb.signal, "frame_count": nb.count},
        )
    name = device or str(payload.attributes.get("sn") or "")
    unnamed = () if name else ("no_address",)
    return Origin(name or "unaddressed", warnings=unnamed + payload.warnings, attributes=attributes)


def fits_milesight(message: Message) -> Fit:
    """By the topic, the NB-IoT frame's header, or the look of a first channel."""
    if "milesight" in message.topic.lower():
        return Fit.TOPIC
    frames = hex_frames(message.payload.split(b"\n", 1)[0][:512])
    head = frames[0] if frames else b""
    if unwrap(head):
        return Fit.MARKED
    begins = head[:2] in _STARTS and (head[:2] != b"\x01\x75" or head[2:3] <= b"\x64")
    return Fit.CONTENT if (begins and len(head) > 2) or is_smoke_alarm(head) else Fit.NO


_STARTS: Final = frozenset(
    bytes.fromhex(pair)
    for pair in (
        "0175",
        "20ce",
        "ff0b",
        "ff01",
        "0367",
        "0267",
        "8367",
        "8482",
        "8498",
        "8967",
        "0498",
        "0397",
        "03cf",
        "03d4",
        "0500",
    )
)
ENTRIES: Final[tuple[Entry, ...]] = (
    Entry(
        name="milesight",
        standard="Milesight SensorDecoders: TLV payloads, GS524N, NB-IoT frame",
        topics=("*milesight*", "FRMPayload (bytes or hex)"),
        fits=fits_milesight,
        open=BarePayloads,
    ),
)
