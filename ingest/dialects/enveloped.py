"""Bodies inside an IoT platform's envelope: JSON, base64 or hex, which may hide a fire panel's frame or a station's text.

The envelope's dialect does not know the others: it is given a function that does. When nobody knows the bytes, they are kept.
"""

from __future__ import annotations

import base64
import binascii
import string
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import orjson

from ingest.dialects.named_values import Origin, Said, kept, observed, read_named
from ingest.dialects.observation import Decoding, Kind, Message, Observation, Verdict, accepted

HandOn = Callable[[Message], Decoding | None]
_HEX: Final = frozenset(string.hexdigits)
_SURELY_HEX: Final = 24  # digits; base64 of so many characters that happens to have hex digits only is not met
_SCALARS: Final = (str, int, float, bool, type(None))


def nobody(_message: Message) -> Decoding | None:
    """Hands on to nobody: what is not a map of names and values is kept as bytes."""
    return None


def unhidden(text: str, *, base64_first: bool = False) -> bytes:
    """The bytes that a text stands for: JSON as it is, else hex digits, else base64 (which may hold hex digits again), else the text."""
    bare = text.strip()
    if bare.startswith(("{", "[", "##")):
        return bare.encode()
    if len(bare) >= _SURELY_HEX and _HEX.issuperset(bare):
        base64_first = False
    for read in (_from_base64, _from_hex) if base64_first else (_from_hex, _from_base64):
        found = read(bare)
        if found is not None:
            return (
                _from_hex(found.decode("ascii")) or found
                if read is _from_base64 and found.isalnum() and found.isascii()
                else found
            )
    return bare.encode()


def hides_a_frame(value: str) -> bool:
    """A fire panel's or a station's frame in hex or base64, known by its start; a number in words is no frame."""
    return len(value) >= 40 and unhidden(value).startswith((b"@@", b"##", b"\x02\x00\x01"))


def _from_hex(text: str) -> bytes | None:
    return bytes.fromhex(text) if text and not len(text) % 2 and _HEX.issuperset(text) else None


def _from_base64(text: str) -> bytes | None:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True) if text else None
    except (binascii.Error, ValueError):
        return None


def read_inner(raw: bytes, message: Message, origin: Origin, hand_on: HandOn) -> Decoding:
    """What the bytes say: by the dialect that knows them, else as a map of names and values, else they are kept as `not_decoded`.

    Whoever speaks inside keeps his own name, time and key; the envelope stands in for what he leaves out, and for the gateway. A refusal
    or a reply of the inner dialect is a refusal of the whole; replies cannot go back through a platform and are dropped.
    """
    if not raw:
        return accepted(*observed(origin, (Said(Kind.HEARTBEAT, ""),)))
    decoding = hand_on(replace(message, topic="", payload=raw, content_type=""))
    if decoding is None:
        return accepted(*observed(origin, _names(raw) or (kept("payload", raw, "not_decoded"),)))
    if decoding.verdict is not Verdict.ACCEPTED:
        return replace(decoding, reply=None, reply_topic="")
    return accepted(*(_dressed(one, origin) for one in decoding.observations), faults=decoding.faults)


def _names(raw: bytes) -> tuple[Said, ...]:
    """A flat map says what it says; one with lists in it is a protocol of its own."""
    if raw.lstrip()[:1] != b"{":
        return ()
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return ()
    return (
        read_named(found)
        if isinstance(found, dict) and all(isinstance(one, _SCALARS) for one in found.values())
        else ()
    )


def _dressed(one: Observation, origin: Origin) -> Observation:
    return replace(
        one,
        device=origin.device if "no_address" in one.warnings else one.device,
        gateway=one.gateway or origin.device,
        server_at=one.server_at or origin.server_at,
        key=one.key or origin.key,
        warnings=origin.warnings + tuple(word for word in one.warnings if word != "no_address"),
        attributes={**origin.attributes, **one.attributes},
        point=one.point or origin.point,
        marks=one.marks | origin.marks,
    )
