"""A picture keeps nothing but itself: what a telephone writes into it goes, and what is no picture is said so."""

from __future__ import annotations

import base64
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.pictures import NotAPicture, plain

# One grey pixel of a baseline JPEG, as encoders write it: JFIF, tables, frame, scan, end.
PIXEL = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAMCAgICAgMCAgIDAwMDBAYEBAQEBAgGBgUGCQgKCgkICQkKDA8MCgsOCwkJDRENDg8QEBEQCgwSExIQEw8QEBD/wAALCAAB"
    "AAEBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAACf/EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAIAQEAAD8AVN//2Q=="
)
HEAD = PIXEL[:20]  # up to the end of JFIF
SECRET = b"GPS 30.1 103.2 Telephone X"


def segment(marker: int, body: bytes) -> bytes:
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(body) + 2) + body


def exif(side: int, order: str = "<") -> bytes:
    entry = struct.pack(order + "HHIHH", 0x0112, 3, 1, side, 0) + struct.pack(
        order + "HHII", 0x010F, 2, len(SECRET), 38
    )
    ifd = struct.pack(order + "H", 2) + entry + struct.pack(order + "I", 0)
    return b"Exif\0\0" + (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8) + ifd + SECRET


def jpeg(*segments: bytes) -> bytes:
    return HEAD + b"".join(segments) + PIXEL[20:]


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(*extra: bytes, size: tuple[int, int] = (1, 1)) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, 8, 0, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + chunk(b"IDAT", zlib.compress(b"\0\x80")) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("says", "given", "kept"),
    [
        ("a plain one stays as it is", PIXEL, PIXEL),
        ("a place in Exif goes", jpeg(segment(0xE1, exif(1))), PIXEL),
        ("XMP goes", jpeg(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + SECRET)), PIXEL),
        ("a maker's own block goes", jpeg(segment(0xED, SECRET)), PIXEL),
        ("a comment goes", jpeg(segment(0xFE, SECRET)), PIXEL),
        ("what follows the end goes: a telephone hangs a film there", PIXEL + SECRET, PIXEL),
        ("filling between segments goes", HEAD + b"\xff\xff\xff" + PIXEL[20:], PIXEL),
        ("Adobe's word on colours stays", jpeg(segment(0xEE, b"Adobe\0d\0\0\0\0\1")), jpeg(segment(0xEE, b"Adobe\0d\0\0\0\0\1"))),
        ("a text in a PNG goes", png(chunk(b"tEXt", b"Comment\0" + SECRET)), png()),
        ("Exif in a PNG goes", png(chunk(b"eXIf", SECRET)), png()),
        ("a profile's name in a PNG goes", png(chunk(b"iCCP", SECRET)), png()),
        ("what follows a PNG goes", png() + SECRET, png()),
        ("how large a PNG's pixels are stays", png(chunk(b"pHYs", bytes(9))), png(chunk(b"pHYs", bytes(9)))),
    ],
)  # fmt: skip
def test_only_the_picture_stays(says: str, given: bytes, kept: bytes) -> None:
    found = plain(given)
    assert found.data == kept, says
    assert SECRET not in found.data
    assert plain(found.data) == found, "and there is nothing left to take away"


@pytest.mark.parametrize("order", ["<", ">"])
def test_which_side_is_up_is_all_that_stays_of_exif(order: str) -> None:
    found = plain(jpeg(segment(0xE1, exif(6, order)))).data
    assert SECRET not in found
    assert found.count(b"Exif\0\0") == 1
    assert plain(found).data == found, "the side is read again from what was written"
    assert found[:20] == HEAD, "JFIF comes first, as it must"
    assert struct.unpack(">HHIHH", found[40:52])[3] == 6


@pytest.mark.parametrize(
    ("says", "given", "why"),
    [
        ("nothing", b"", "neither"),
        ("a page", b"<html><script>alert(1)</script></html>", "neither"),
        ("a drawing that runs scripts", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "neither"),
        ("another kind of picture", b"GIF89a" + bytes(20), "neither"),
        ("half a JPEG", PIXEL[:-30], "in the middle"),
        ("a JPEG without its end", PIXEL[:-2], "in the middle"),
        ("a beginning and nothing more", PIXEL[:2], "in the middle"),
        ("tables without a picture", HEAD + b"\xff\xd9", "no picture"),
        ("a page behind a JPEG's beginning", b"\xff\xd8<script>", "no segment"),
        ("half a PNG", png()[:-20], "in the middle"),
        ("a PNG that was changed on its way", png().replace(b"IDAT", b"IDAU"), "changed"),
        (
            "a PNG without a picture",
            png().split(b"\0\0\0\nIDAT", maxsplit=1)[0][:33] + chunk(b"IEND", b""),
            "no picture",
        ),
        ("a PNG too large to be shown", png(size=(16_384, 16_384)), "pixels"),
        ("a PNG of no size", png(size=(0, 1)), "pixels"),
    ],
)
def test_what_is_no_picture_is_said_so(says: str, given: bytes, why: str) -> None:
    with pytest.raises(NotAPicture) as caught:
        plain(given)
    assert why in str(caught.value), says


@given(st.sampled_from([PIXEL, jpeg(segment(0xE1, exif(6))), png()]), st.data())
def test_nothing_that_was_broken_on_its_way_raises_anything_else(whole: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(whole) - 1))
    broken = (
        whole[:at] + bytes([data.draw(st.integers(0, 255))]) + whole[at + 1 : data.draw(st.integers(at, len(whole)))]
    )
    try:
        found = plain(broken)
    except NotAPicture:
        return
    assert plain(found.data) == found
