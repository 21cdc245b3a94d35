"""A picture as it may be kept: whole JPEG or PNG, checked by its content, and without what a telephone writes into it beside the picture.

Where it was taken, when, by which telephone and what it looked like before it was cut stand in APP1 to APP15 and comments of a JPEG
(ISO/IEC 10918-1, Exif 2.32) and in the ancillary chunks of a PNG (ISO/IEC 15948). Only what a viewer needs stays; of Exif that is which
side is up. Nothing is decoded or pressed again. Pure.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

SIDE: Final = 16_384  # pixels
AREA: Final = 64_000_000  # pixels: a viewer needs four bytes for each
_JPEG: Final = b"\xff\xd8"
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_SOS: Final = 0xDA
_EOI: Final = 0xD9
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # begin with the size of the picture
# Tables, restart intervals, JFIF (APP0), and Adobe's word on colours (APP14), without which they come out wrong.
_KEPT: Final = _FRAMES | {0xC4, 0xCC, 0xDB, 0xDD, 0xE0, 0xEE}
_CHUNKS: Final = frozenset(
    {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"sBIT", b"bKGD", b"pHYs"}
)
_EXIF: Final = b"Exif\0\0"
_ORIENTATION: Final = 0x0112
_SHORT: Final = 3  # Exif's word for a number of two bytes
_HEADER: Final = 13  # bytes of a PNG's first chunk
_MOST: Final = 20_000  # segments or chunks of one picture


class NotAPicture(ValueError):
    """Bytes that are no whole JPEG or PNG of a size that can be shown. The message says what is wrong with them."""


@dataclass(frozen=True, slots=True)
class Plain:
    """A picture without anything beside it, and its type."""

    type: str
    data: bytes = field(repr=False)


def plain(data: bytes) -> Plain:
    """The picture in some bytes, whatever they were said to be. Raises `NotAPicture`."""
    try:
        if data.startswith(_JPEG):
            return Plain("image/jpeg", _jpeg(data))
        if data.startswith(_PNG):
            return Plain("image/png", _png(data))
    except (struct.error, IndexError) as error:
        raise NotAPicture("it ends in the middle: send it again whole") from error
    raise NotAPicture("it is neither a JPEG nor a PNG: send one of these")


def _sized(width: int, height: int) -> None:
    if not (0 < width <= SIDE and 0 < height <= SIDE and width * height <= AREA):
        raise NotAPicture(
            f"it is {width} × {height} pixels, and at most {SIDE} a side and {AREA // 10**6} million can be shown"
        )


def _jpeg(data: bytes) -> bytes:
    kept, up, sized, scanned = bytearray(_JPEG), b"", False, False
    for marker, body, scan in _segments(data):
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", body, 1)
            _sized(width, height)
            sized = True
        if marker == 0xE1 and not up:
            up = _upright(body)
        if marker == _SOS and not sized:
            raise NotAPicture("its first scan comes before its size")
        if marker in _KEPT or marker == _SOS:
            kept += b"\xff" + bytes([marker]) + struct.pack(">H", len(body) + 2) + body + scan
            scanned = scanned or marker == _SOS
    if not scanned:
        raise NotAPicture("there is no picture in it")
    head = 2 + _length_of_jfif(kept)
    return bytes(kept[:head] + up + kept[head:]) + b"\xff\xd9"


def _segments(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Marker, content and what is scanned after it, up to the end of the picture. What follows that is not looked at."""
    at = 2
    for _ in range(_MOST):
        if data[at] != 0xFF:
            raise NotAPicture("something that belongs to no segment is in it")
        while data[at] == 0xFF:  # may be filled up with any number of them
            at += 1
        marker = data[at]
        at += 1
        if marker == _EOI:
            return
        (length,) = struct.unpack_from(">H", data, at)
        body = data[at + 2 : at + length]
        if length < 2 or len(body) != length - 2:
            raise NotAPicture("it ends in the middle: send it again whole")
        at += length
        end = _scan_end(data, at) if marker == _SOS else at
        yield marker, body, data[at:end]
        at = end
    raise NotAPicture(f"it has more than {_MOST} segments")


def _scan_end(data: bytes, at: int) -> int:
    """Where the next marker begins: within a scan 0xFF is followed by 0, by a restart marker, or by itself."""
    while True:
        at = data.find(b"\xff", at)
        if at < 0 or at + 1 >= len(data):
            raise NotAPicture("it ends in the middle: send it again whole")
        following = data[at + 1]
        if following not in (0x00, 0xFF) and not 0xD0 <= following <= 0xD7:
            return at
        at += 1 if following == 0xFF else 2


def _length_of_jfif(kept: bytes | bytearray) -> int:
    return 2 + struct.unpack_from(">H", kept, 4)[0] if kept[2:4] == b"\xff\xe0" else 0


def _upright(body: bytes) -> bytes:
    """An Exif segment that says which side is up and nothing else; empty where it is the first one, or is not said."""
    side = _orientation(body)
    if not 2 <= side <= 8:
        return b""
    entry = struct.pack(">HHIHH", _ORIENTATION, _SHORT, 1, side, 0)
    exif = _EXIF + b"MM\0*" + struct.pack(">IH", 8, 1) + entry + struct.pack(">I", 0)
    return b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif


def _orientation(body: bytes) -> int:
    tiff = body[len(_EXIF) :]
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if not body.startswith(_EXIF) or order is None:
        return 0
    try:
        (at,) = struct.unpack_from(order + "I", tiff, 4)
        (count,) = struct.unpack_from(order + "H", tiff, at)
        for number in range(count):
            tag, kind, _, value = struct.unpack_from(order + "HHIH", tiff, at + 2 + 12 * number)
            if (tag, kind) == (_ORIENTATION, _SHORT):
                return int(value)
    except struct.error:
        return 0  # what a telephone wrote wrongly is left out as well
    return 0


def _png(data: bytes) -> bytes:
    kept, at, first, pictured = bytearray(_PNG), len(_PNG), True, False
    for _ in range(_MOST):
        length, name = struct.unpack_from(">I4s", data, at)
        body, end = data[at + 8 : at + 8 + length], at + 12 + length
        (said,) = struct.unpack_from(">I", data, end - 4)
        if zlib.crc32(name + body) != said:
            raise NotAPicture(f"a part of it ({name.decode('ascii', 'replace')}) was changed on its way: send it again")
        if first and (name != b"IHDR" or length != _HEADER):
            raise NotAPicture("it does not begin with its size")
        if first:
            _sized(*struct.unpack_from(">II", body))
        first, pictured = False, pictured or name == b"IDAT"
        if name in _CHUNKS:
            kept += data[at:end]
        if name == b"IEND":
            break
        at = end
    else:
        raise NotAPicture(f"it has more than {_MOST} parts")
    if not pictured:
        raise NotAPicture("there is no picture in it")
    return bytes(kept)
