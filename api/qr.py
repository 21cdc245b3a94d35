"""A QR code of an address, for a poster (ISO/IEC 18004): bytes, error correction M, versions 1 to 10. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from itertools import groupby
from typing import Final

MOST: Final = 213  # bytes that version 10 holds
_PER_BLOCK: Final = (10, 16, 26, 18, 24, 16, 18, 22, 22, 26)  # error correction codewords of a block, by version
_BLOCKS: Final = (1, 1, 1, 2, 2, 4, 4, 4, 5, 5)
_LEVEL_M: Final = 0b00
_PADS: Final = (0xEC, 0x11)
_FORMAT: Final = (0x537, 0x5412)  # generator of the format's check bits, and what it is masked with
_VERSION: Final = 0x1F25
_MASKS: Final[tuple[Callable[[int, int], bool], ...]] = (
    lambda x, y: (x + y) % 2 == 0,
    lambda x, y: y % 2 == 0,  # noqa: ARG005
    lambda x, y: x % 3 == 0,  # noqa: ARG005
    lambda x, y: (x + y) % 3 == 0,
    lambda x, y: (x // 3 + y // 2) % 2 == 0,
    lambda x, y: x * y % 2 + x * y % 3 == 0,
    lambda x, y: (x * y % 2 + x * y % 3) % 2 == 0,
    lambda x, y: ((x + y) % 2 + x * y % 3) % 2 == 0,
)

Square = list[list[bool]]


def qr(text: str) -> Square:
    """The dark modules of a text's code, row by row, without the quiet zone. Raises `ValueError` for more than `MOST` bytes."""
    data = text.encode()
    version = next((v for v in range(1, 11) if len(data) + _overhead(v) <= _data_codewords(v)), None)
    if version is None:
        raise ValueError(f"{len(data)} bytes do not fit into a code of at most {MOST}: shorten notify.public_url")
    drawn, fixed = _patterns(version)
    _fill(drawn, fixed, _codewords(data, version))
    return min((_masked(drawn, fixed, mask) for mask in range(8)), key=_penalty)


def svg(text: str) -> str:
    """The code as an SVG with its quiet zone of four modules; it takes the size that it is given."""
    square = qr(text)
    size = len(square) + 8
    dark = "".join(f"M{x + 4},{y + 4}h1v1h-1z" for y, row in enumerate(square) for x, on in enumerate(row) if on)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" shape-rendering="crispEdges">'
        f'<rect width="{size}" height="{size}" fill="#fff"/><path d="{dark}" fill="#000"/></svg>'
    )


def _overhead(version: int) -> int:
    return 2 if version < 10 else 3  # mode, length and end of the bytes


def _modules(version: int) -> int:
    """How many modules of a version carry data and error correction."""
    found = (16 * version + 128) * version + 64
    if version > 1:
        aligned = version // 7 + 2
        found -= (25 * aligned - 10) * aligned - 55
    return found - 36 if version > 6 else found


def _data_codewords(version: int) -> int:
    return _modules(version) // 8 - _PER_BLOCK[version - 1] * _BLOCKS[version - 1]


def _codewords(data: bytes, version: int) -> bytes:
    """Mode, length, bytes and padding in blocks with their error correction, interleaved."""
    count = 8 if version < 10 else 16
    bits = f"{0b0100:04b}{len(data):0{count}b}" + "".join(f"{byte:08b}" for byte in data) + "0000"
    words = bytearray(int(bits[at : at + 8].ljust(8, "0"), 2) for at in range(0, len(bits), 8))
    room = _data_codewords(version)
    words = words[:room] + bytes(_PADS[n % 2] for n in range(room - len(words)))
    blocks, checks = _BLOCKS[version - 1], _PER_BLOCK[version - 1]
    short, longer = divmod(room, blocks)
    parts, at = [], 0
    for number in range(blocks):
        length = short + (number >= blocks - longer)
        parts.append(bytes(words[at : at + length]))
        at += length
    ecc = [_remainder(part, checks) for part in parts]
    woven = [part[n] for n in range(short + 1) for part in parts if n < len(part)]
    return bytes(woven + [check[n] for n in range(checks) for check in ecc])


def _times(x: int, y: int) -> int:
    """The product in GF(256) under x^8 + x^4 + x^3 + x^2 + 1."""
    found = 0
    for bit in range(7, -1, -1):
        found = (found << 1) ^ ((found >> 7) * 0x11D) ^ ((y >> bit & 1) * x)
    return found


@cache
def _divisor(degree: int) -> tuple[int, ...]:
    found, root = [0] * (degree - 1) + [1], 1
    for _ in range(degree):
        found = [_times(c, root) ^ (found[n + 1] if n + 1 < degree else 0) for n, c in enumerate(found)]
        root = _times(root, 2)
    return tuple(found)


def _remainder(data: bytes, degree: int) -> bytes:
    rest = [0] * degree
    for byte in data:
        factor = byte ^ rest[0]
        rest = [r ^ _times(c, factor) for r, c in zip([*rest[1:], 0], _divisor(degree), strict=True)]
    return bytes(rest)


def _aligned(version: int) -> list[int]:
    if version == 1:
        return []
    count, size = version // 7 + 2, version * 4 + 17
    step = (version * 4 + count * 2 + 1) // (count * 2 - 2) * 2
    return [6, *(size - 7 - step * n for n in range(count - 2, -1, -1))]


def _patterns(version: int) -> tuple[Square, Square]:
    """What every code of a version has, and where it stands."""
    size = version * 4 + 17
    dark, fixed = ([[False] * size for _ in range(size)] for _ in range(2))

    def put(x: int, y: int, on: bool) -> None:
        if 0 <= x < size and 0 <= y < size:
            dark[y][x], fixed[y][x] = on, True

    for n in range(size):
        put(6, n, n % 2 == 0)
        put(n, 6, n % 2 == 0)
    for left, top in ((3, 3), (size - 4, 3), (3, size - 4)):
        for dx, dy in _around(4):
            put(left + dx, top + dy, max(abs(dx), abs(dy)) not in (2, 4))
    places = _aligned(version)
    corners = {(6, 6), (6, size - 7), (size - 7, 6)}
    for middle in ((x, y) for x in places for y in places if (x, y) not in corners):
        for dx, dy in _around(2):
            put(middle[0] + dx, middle[1] + dy, max(abs(dx), abs(dy)) != 1)
    for x, y, _ in _format_places(size):
        put(x, y, False)
    put(8, size - 8, True)
    if version > 6:
        check = _checked(version, _VERSION, 12)
        for bit in range(18):
            near, far = bit // 3, size - 11 + bit % 3
            put(far, near, bool(check >> bit & 1))
            put(near, far, bool(check >> bit & 1))
    return dark, fixed


def _around(reach: int) -> Iterator[tuple[int, int]]:
    return ((dx, dy) for dx in range(-reach, reach + 1) for dy in range(-reach, reach + 1))


def _checked(value: int, generator: int, bits: int) -> int:
    """A value with its check bits behind it (BCH)."""
    rest = value
    for _ in range(bits):
        rest = (rest << 1) ^ ((rest >> (bits - 1)) * generator)
    return value << bits | rest


def _format_places(size: int) -> Iterator[tuple[int, int, int]]:
    """Where each bit of the format stands, twice."""
    for bit in range(15):
        down = bit if bit < 6 else bit + 1 if bit < 8 else size - 15 + bit
        along = size - 1 - bit if bit < 8 else 15 - bit if bit == 8 else 14 - bit
        yield 8, down, bit
        yield along, 8, bit


def _fill(dark: Square, fixed: Square, words: bytes) -> None:
    """Codewords go up and down in pairs of columns, from the right."""
    size, at = len(dark), 0
    for right in range(size - 1, 0, -2):
        right -= right <= 6  # noqa: PLW2901  the column of the timing pattern is passed over
        for step in range(size):
            y = size - 1 - step if (right + 1) & 2 == 0 else step
            for x in (right, right - 1):
                if not fixed[y][x] and at < len(words) * 8:
                    dark[y][x] = bool(words[at >> 3] >> (7 - (at & 7)) & 1)
                    at += 1


def _masked(dark: Square, fixed: Square, mask: int) -> Square:
    found = [[on ^ (not fixed[y][x] and _MASKS[mask](x, y)) for x, on in enumerate(row)] for y, row in enumerate(dark)]
    said = _checked(_LEVEL_M << 3 | mask, _FORMAT[0], 10) ^ _FORMAT[1]
    for x, y, bit in _format_places(len(found)):
        found[y][x] = bool(said >> bit & 1)
    return found


def _penalty(square: Square) -> int:
    """How hard a code is to read: long runs, blocks, what looks like a corner, and too much of one colour."""
    lines = [*square, *(list(column) for column in zip(*square, strict=True))]
    runs = sum(length - 2 for line in lines for length in (len(list(g)) for _, g in groupby(line)) if length >= 5)
    size = len(square)
    blocks = sum(
        square[y][x] == square[y][x + 1] == square[y + 1][x] == square[y + 1][x + 1]
        for y in range(size - 1) for x in range(size - 1)
    )  # fmt: skip
    texts = ["".join("1" if on else "0" for on in line) for line in lines]
    corners = sum(
        text.startswith(like, at) for text in texts for like in ("10111010000", "00001011101") for at in range(size)
    )
    part = 100 * sum(map(sum, square)) / size**2
    return runs + 3 * blocks + 40 * corners + 10 * int(abs(part - 50) / 5)
