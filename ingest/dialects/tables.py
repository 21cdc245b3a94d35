"""Tables in text: CSV and tab-separated values with a header row, in the encodings that Chinese and American offices export."""

from __future__ import annotations

import csv
import io
from typing import Final

from ingest.dialects.claims import Reason, Unreadable
from ingest.dialects.observation import MOST

LARGEST_TABLE: Final = 4 * 1024 * 1024


def is_utf8(raw: bytes) -> bool:
    """Whether all of it is UTF-8."""
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def csv_rows(payload: bytes) -> list[dict[str, str]]:
    """The rows of a CSV or tab-separated table by its header, in UTF-8 or GB18030. Raises `Unreadable`."""
    if is_utf8(payload):
        text = payload.decode("utf-8-sig")
    else:
        try:
            text = payload.decode("gb18030")
        except UnicodeDecodeError as error:
            raise Unreadable(Reason.BAD_TEXT, "neither UTF-8 nor GB18030") from error
    if "\x00" in text:
        raise Unreadable(Reason.BAD_TEXT, "zero bytes in a table")
    head = text.partition("\n")[0]
    delimiter = "\t" if "\t" in head and "," not in head else ";" if ";" in head and "," not in head else ","
    rows: list[dict[str, str]] = []
    try:
        reader = csv.reader(io.StringIO(text), delimiter=delimiter)
        names = [name.strip() for name in next(reader, [])]
        for row in reader:
            if not any(row):
                continue
            if len(rows) >= MOST:
                raise Unreadable(Reason.TOO_BIG, f"more than {MOST} rows in one message")
            rows.append(dict(zip(names, row, strict=False)))
    except csv.Error as error:
        raise Unreadable(Reason.BAD_FRAME, f"not a table: {error}") from error
    return rows
