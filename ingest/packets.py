"""Cutting whole PUBLISH packets out of a buffer (MQTT 5, section 3.3). Pure: bytes in, messages out.

Only what is common is cut here: QoS 0 and 1 with a remaining length below 2 MiB. Anything else, and anything
malformed, is left where it stands, for the library to read in its own way and to judge.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

# topic, payload, first byte of the packet (type and flags), acknowledgement to send later (None for QoS 0)
Deliver = Callable[[bytes, bytes, int, bytes | None], None]

RETAIN: Final = 0x01
DUP: Final = 0x08
PUBLISH: Final = 0x30
_PUBACK: Final = b"\x40\x02"
_TOPIC_ALIAS: Final = 0x23
_FIXED: Final = {0x01: 1, 0x02: 4, _TOPIC_ALIAS: 2}
_SIZED: Final = {0x03: 1, 0x08: 1, 0x09: 1, 0x26: 2}  # length-prefixed texts or bytes, and how many of them
_SUBSCRIPTION: Final = 0x0B


def is_publish(first: int) -> bool:
    """Whether a packet that starts with this byte is one that `cut` may take: PUBLISH of QoS 0 or 1."""
    return first & 0xF4 == PUBLISH


def cut(buffer: bytes, start: int, aliases: dict[int, bytes], deliver: Deliver) -> int:
    """Delivers every whole PUBLISH from `start` on and returns where it stopped: the buffer's end, a packet that is
    not whole yet, or one that is not ours. `aliases` are this connection's topic aliases.
    """
    at, end = start, len(buffer)
    while at + 2 <= end:
        first = buffer[at]
        if first & 0xF4 != PUBLISH:
            break
        length, body = buffer[at + 1], at + 2
        if length > 127:
            length, body = _remaining(buffer, at + 1, end)
            if length < 0:
                break
        stop = body + length
        if stop > end or length < 3:
            break
        behind = body + 2 + (buffer[body] << 8 | buffer[body + 1])
        topic = buffer[body + 2 : behind]
        if first & 0x06:
            acknowledgement: bytes | None = _PUBACK + buffer[behind : behind + 2]
            behind += 2
        else:
            acknowledgement = None
        if behind >= stop:
            break
        properties = buffer[behind]
        behind += 1
        if properties or not topic:
            found = _behind_properties(buffer, behind - 1, stop, aliases, topic)
            if found is None:
                break
            topic, behind = found
        deliver(topic, buffer[behind:stop], first, acknowledgement)
        at = stop
    return at


def _remaining(buffer: bytes, at: int, end: int) -> tuple[int, int]:
    """A remaining length of two or three bytes and where it ends; -1 when it is not all there, or longer: not ours."""
    length = 0
    for shift in (0, 7, 14):
        if at >= end:
            return -1, at
        byte = buffer[at]
        length |= (byte & 127) << shift
        at += 1
        if byte < 128:
            return length, at
    return -1, at


def _behind_properties(
    buffer: bytes, at: int, stop: int, aliases: dict[int, bytes], topic: bytes
) -> tuple[bytes, int] | None:
    """The topic, found by its alias if need be, and where the payload begins; None for anything malformed."""
    length, at = _remaining(buffer, at, stop)
    behind = at + length
    if length < 0 or behind > stop:
        return None
    alias = 0
    while at < behind:
        kind = buffer[at]
        at += 1
        if kind == _TOPIC_ALIAS and at + 2 <= behind:
            alias = buffer[at] << 8 | buffer[at + 1]
        if kind in _FIXED:
            at += _FIXED[kind]
        elif kind == _SUBSCRIPTION:
            while at < behind and buffer[at] > 127:
                at += 1
            at += 1
        elif kind in _SIZED:
            for _ in range(_SIZED[kind]):
                if at + 2 > behind:
                    return None
                at += 2 + (buffer[at] << 8 | buffer[at + 1])
        else:
            return None
    if at != behind:
        return None
    found = resolve(topic, alias, aliases)
    return None if found is None else (found, behind)


def resolve(topic: bytes, alias: int, aliases: dict[int, bytes]) -> bytes | None:
    """The topic of a message with an alias (MQTT 5, 3.3.2.3.4): a given topic is remembered, an empty one is looked
    up.
    """
    if alias and topic:
        aliases[alias] = topic
    return topic or aliases.get(alias)
