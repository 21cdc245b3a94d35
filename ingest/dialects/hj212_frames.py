"""Packets of HJ 212-2017 and HJ/T 212-2005 in a stream of bytes, and packets to answer with.

    ## | length, four digits | segment | CRC, four hex digits | CR LF

A packet is found by its length and its CRC. One whose length is wrong is found by the end of its line or the start of the next packet,
when the CRC says that it is whole. `Splitter` takes the stream as it comes and holds less than one packet of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

START: Final = b"##"
_FRONT: Final = 6  # the start mark and the length
_CRC: Final = 4
LONGEST: Final = _FRONT + 9999 + _CRC  # four digits say no more; the standard allows segments of 1024
_LINE_END: Final = re.compile(rb"[\r\n]|##\d{4}")
_HEX: Final = re.compile(rb"[0-9A-Fa-f]{4}")
_FRONT_OF: Final = re.compile(rb"##\d{0,4}")


def _turned(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ 0xA001 if byte & 1 else byte >> 1
    return byte


_TURNED: Final = tuple(_turned(byte) for byte in range(256))


def crc(segment: bytes) -> int:
    """The check of appendix A. It is not CRC-16/MODBUS: the register is shifted before the byte comes in, so its low half is lost."""
    register = 0xFFFF
    for byte in segment:
        register = _TURNED[register >> 8 ^ byte]
    return register


def encode(segment: str) -> bytes:
    """The packet with that segment."""
    raw = segment.encode("utf-8")
    return b"##%04d%s%04X\r\n" % (len(raw), raw, crc(raw))


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet. `whole` when its CRC fits; `mismatched` when its length does not."""

    segment: bytes
    given: str
    whole: bool = True
    mismatched: bool = False


@dataclass(frozen=True, slots=True)
class Rubbish:
    """Bytes that belong to no packet."""

    raw: bytes


class Splitter:
    """Cuts one stream into packets, whatever the size of its parts, and finds its feet again after rubbish."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> list[Packet | Rubbish]:
        """The packets that are complete with these bytes. Less than one packet is held back."""
        self._held += data
        return self._cut(last=False)

    def __len__(self) -> int:
        """Bytes that are held back."""
        return len(self._held)

    def finish(self) -> list[Packet | Rubbish]:
        """What the bytes held back amount to, now that no more will come."""
        return self._cut(last=True)

    def _cut(self, *, last: bool) -> list[Packet | Rubbish]:
        held, pieces, at, clean = self._held, list[Packet | Rubbish](), 0, 0
        while True:
            at = held.find(START, at)
            if at < 0:
                at = len(held) - (1 if held[-1:] == START[:1] and not last else 0)
                break
            packet, size = self._packet(at, last)
            if size == 0 and not last:
                break
            if packet is None:
                at += 1
                continue
            _tell(pieces, held[clean:at])
            pieces.append(packet)
            at = clean = at + size
        _tell(pieces, held[clean:at])
        del held[: len(held) if last else at]
        return pieces

    def _packet(self, at: int, last: bool) -> tuple[Packet | None, int]:
        """What begins at `at` and its size: (None, 0) more bytes are needed, (None, 1) nothing begins here."""
        held = self._held
        front = _FRONT_OF.match(held, at)
        if front is None or front.end() - at < _FRONT:
            return None, 0 if front is not None and front.end() == len(held) else 1
        close = at + _FRONT + int(held[at + 2 : at + _FRONT])
        by_length = self._read(at, close)
        if by_length is not None and by_length.whole:
            return by_length, close + _CRC - at
        end = _LINE_END.search(held, at + _FRONT, at + LONGEST)
        if end is None and not last:
            if by_length is not None:
                return by_length, close + _CRC - at
            return None, 0 if len(held) - at < LONGEST else 1
        stop = end.start() if end is not None else len(held)
        by_line = self._read(at, at + _FRONT + len(held[at + _FRONT : stop].rstrip()) - _CRC)
        if by_line is not None and by_line.whole:
            return Packet(by_line.segment, by_line.given, mismatched=True), stop - at
        if by_length is not None:
            return by_length, close + _CRC - at
        return (by_line, stop - at) if by_line is not None else (None, 1)

    def _read(self, at: int, close: int) -> Packet | None:
        """The packet whose segment ends at `close`: with a CRC that fits, or at least one that stands behind the end of the items."""
        held = self._held
        given = bytes(held[close : close + _CRC])
        if close <= at + _FRONT or not _HEX.fullmatch(given):
            return None
        segment = bytes(held[at + _FRONT : close])
        whole = int(given, 16) == crc(segment)
        return Packet(segment, given.decode("ascii"), whole) if whole or b"&&" in segment[-4:] else None


def _tell(pieces: list[Packet | Rubbish], raw: bytearray) -> None:
    if raw.strip():  # what stands between two lines is no rubbish
        pieces.append(Rubbish(bytes(raw)))


def reply(cn: int, *, qn: str, pw: str, mn: str, flag: int, items: str = "") -> bytes:
    """An answer of system 91: 9011 request taken, 9012 done, 9013 notice taken, 9014 data taken.

    `flag` is that of the answer: the version of the standard, with neither an answer nor a packet number asked for. In the version of
    2005 the request that is answered stands among the items, so it does there as well.
    """
    head = [f"QN={qn}"] if qn else []
    head += ["ST=91", f"CN={cn}", f"PW={pw}", f"MN={mn}", f"Flag={flag}"]
    if flag >> 2 == 0 and qn:
        items = f"QN={qn}{';' if items else ''}{items}"
    return encode(f"{';'.join(head)};CP=&&{items}&&")


def request_taken(qn: str, pw: str, mn: str, flag: int, code: int = 1) -> bytes:
    """9011: whether a request will be carried out (1), or why not."""
    return reply(9011, qn=qn, pw=pw, mn=mn, flag=flag, items=f"QnRtn={code}")


def request_done(qn: str, pw: str, mn: str, flag: int, code: int = 1) -> bytes:
    """9012: how carrying out a request ended; 1 is well."""
    return reply(9012, qn=qn, pw=pw, mn=mn, flag=flag, items=f"ExeRtn={code}")


def notice_taken(qn: str, pw: str, mn: str, flag: int) -> bytes:
    """9013: a notice has arrived."""
    return reply(9013, qn=qn, pw=pw, mn=mn, flag=flag)


def data_taken(qn: str, pw: str, mn: str, flag: int) -> bytes:
    """9014: data have arrived."""
    return reply(9014, qn=qn, pw=pw, mn=mn, flag=flag)
