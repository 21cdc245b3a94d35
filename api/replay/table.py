"""Recorded tables as rows of cells: CSV (also compressed, any usual delimiter) and Parquet. Reads files.

A cell is a string, a number, an instant or None, as the file has it; what it means is for `mapping` to say.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

Cell = str | float | datetime | None
Row = tuple[Cell, ...]

_DELIMITERS: Final = ",;\t|"
_NUMBER: Final = re.compile(r"\s*[-+]?(\d+([.,]\d*)?|[.,]\d+)([eE][-+]?\d+)?\s*")
_LOOK: Final = 65536  # bytes of a text file that decide its encoding and its delimiter


class BadTable(ValueError):
    """A file that cannot be read as a table; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Table:
    """A named table whose rows can be read as often as needed. Header names are unique; every row has as many cells as the header."""

    name: str
    header: tuple[str, ...]
    rows: Callable[[], Iterator[Row]]


def open_table(path: Path) -> Table:
    """The table in a file, by its ending: `.parquet`, else CSV in UTF-8 or GB18030, with or without `.gz`. Raises `BadTable`."""
    if not path.is_file():
        raise BadTable(f"{path}: there is no such file; give the path of a CSV or Parquet table")
    if path.suffix.lower() in {".parquet", ".pq"}:
        return _parquet(path)
    return _csv(path)


def unique(names: list[str]) -> tuple[str, ...]:
    """Header names without blanks around them, made different: an empty one is called after its position, a repeated one is numbered."""
    seen: dict[str, int] = {}
    found = []
    for position, raw in enumerate(names, start=1):
        name = raw.strip() or f"column {position}"
        seen[name] = seen.get(name, 0) + 1
        found.append(name if seen[name] == 1 else f"{name} #{seen[name]}")
    return tuple(found)


def _csv(path: Path) -> Table:
    packed = path.suffix.lower() == ".gz"
    name = path.name.removesuffix(path.suffix) if packed else path.name
    try:
        with gzip.open(path, "rb") if packed else path.open("rb") as file:
            head = file.read(_LOOK)
    except (OSError, EOFError) as error:
        raise BadTable(f"{path}: cannot be read: {error}") from error
    if b"\x00" in head[:1024] and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise BadTable(f"{path}: this is no text table; save it as CSV or Parquet")
    encoding = _encoding(path, head)
    delimiter = _delimiter(head.decode(encoding, errors="replace"))

    def lines() -> Iterator[list[str]]:
        with gzip.open(path, "rb") if packed else path.open("rb") as file:
            text = io.TextIOWrapper(file, encoding=encoding, errors="replace", newline="")
            for cells in csv.reader((line.replace("\0", "") for line in text), delimiter=delimiter):
                if any(map(str.strip, cells)):
                    yield cells

    first = next(lines(), None)
    if first is None:
        raise BadTable(f"{path}: the file is empty")
    headless = all(_NUMBER.fullmatch(cell) for cell in first if cell.strip())
    header = unique([""] * len(first) if headless else first)
    return Table(Path(name).stem, header, lambda: _rows(lines(), len(header), skip_first=not headless))


def _rows(lines: Iterator[list[str]], width: int, *, skip_first: bool) -> Iterator[Row]:
    if skip_first:
        next(lines)
    for cells in lines:
        yield (*cells[:width], *([None] * (width - len(cells))))


def _encoding(path: Path, head: bytes) -> str:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    whole = head if len(head) < _LOOK else head[: head.rfind(b"\n") + 1] or head
    for encoding in ("utf-8-sig", "gb18030", "latin-1"):
        try:
            whole.decode(encoding)
        except UnicodeDecodeError:
            continue
        return encoding
    raise BadTable(f"{path}: neither UTF-8 nor GB18030; save it in one of them")


def _delimiter(head: str) -> str:
    """The delimiter that splits the first lines into the most columns, the same number in each."""
    lines = [line for line in head.splitlines()[:6] if line.strip()][:5]

    def score(delimiter: str) -> tuple[bool, int]:
        counts = [len(cells) for cells in csv.reader(lines, delimiter=delimiter)]
        return len(set(counts)) == 1, min(counts, default=0)

    return max(_DELIMITERS, key=lambda d: (score(d)[1] > 1, *score(d)))


def _parquet(path: Path) -> Table:
    import pyarrow.parquet as pq

    try:
        header = unique(list(pq.ParquetFile(path).schema_arrow.names))
    except (OSError, ValueError) as error:
        raise BadTable(f"{path}: cannot be read as Parquet: {error}") from error

    def rows() -> Iterator[Row]:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(4096):
                for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    yield tuple(map(_cell, row))

    return Table(path.stem, header, rows)


def _cell(value: Any) -> Cell:
    if value is None or isinstance(value, str | float | datetime):
        return value
    if isinstance(value, bool | int):
        return float(value)
    return str(value)
