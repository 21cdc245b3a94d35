"""The code of an address: as a reader of another make (ZXing) read each of these, and no longer than it can be."""

from __future__ import annotations

import hashlib

import pytest

from api.qr import MOST, qr, svg

TOCSIN = """
#######....##.#######
#.....#.#..#..#.....#
#.###.#..####.#.###.#
#.###.#..#....#.###.#
#.###.#.#.###.#.###.#
#.....#..#.#..#.....#
#######.#.#.#.#######
.....................
#.#.#.#...#.#...#..#.
..###.....##.#.#..##.
#..#.###.#.#.###.#.##
####.#..##.###.##..#.
..#.###..###.###..###
........###...##.#...
#######.....#...##.##
#.....#..##...###..##
#.###.#.#...#.##.####
#.###.#..###.#.#.#.#.
#.###.#.#..#.#####..#
#.....#...####.....#.
#######.####.##...###
"""


def drawn(text: str) -> str:
    return "\n".join("".join("#" if on else "." for on in row) for row in qr(text))


def test_a_short_text_looks_as_the_reader_read_it() -> None:
    assert drawn("TOCSIN") == TOCSIN.strip()


@pytest.mark.parametrize(
    ("says", "text", "size", "read"),
    [
        ("one block", "https://a.example/r", 25, "b996502fa5bf1e21"),
        (
            "blocks that are woven into one another",
            "https://tocsin.example/r/place/990101/30.05000,103.05000/7Lrh9P4SVRiKdudP",
            37,
            "3eafa63302c7e950",
        ),
        ("a version that says its number", "x" * 150, 49, "1336208e16162851"),
        ("the longest, in Chinese: a longer length, blocks of two sizes", "网" * 71, 57, "7a8306f858a370c8"),
    ],
)
def test_longer_ones_are_what_the_reader_read(says: str, text: str, size: int, read: str) -> None:
    modules = "".join("1" if on else "0" for row in qr(text) for on in row)
    assert (len(qr(text)), hashlib.sha256(modules.encode()).hexdigest()[:16]) == (size, read), says


@pytest.mark.parametrize(
    "length", [14, 15, 26, 27, 42, 43, 62, 63, 84, 85, 106, 107, 122, 123, 152, 153, 180, 181, MOST]
)
def test_every_length_finds_the_smallest_version_that_holds_it(length: int) -> None:
    held = (14, 26, 42, 62, 84, 106, 122, 152, 180, 213)  # bytes at level M, from the standard's table
    version = next(n for n, most in enumerate(held, start=1) if length <= most)
    assert len(qr("a" * length)) == 17 + 4 * version


def test_what_does_not_fit_says_so() -> None:
    with pytest.raises(ValueError, match="shorten"):
        qr("a" * (MOST + 1))


def test_the_drawing_has_its_quiet_zone() -> None:
    assert 'viewBox="0 0 29 29"' in svg("TOCSIN")
    assert svg("TOCSIN").count("h1v1h-1z") == TOCSIN.count("#")
