"""How times are written in recorded tables, and what instants they are. Pure."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Final

from api.replay.table import Cell

# Seconds in one unit. Relative times start at the mapping's origin, epochs in 1970 (UTC).
RELATIVE: Final = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "min": 60.0, "h": 3600.0, "d": 86400.0}
EPOCHS: Final = {"epoch_s": 1.0, "epoch_ms": 1e-3, "epoch_us": 1e-6, "epoch_ns": 1e-9}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ELAPSED: Final = re.compile(r"(?:(\d+):)?(\d{1,3}):(\d{2}(?:\.\d*)?)")
_OFFSET: Final = re.compile(r"([+-])(\d{2}):?(\d{2})")


def zone_of(offset: str) -> tzinfo:
    """The zone of an offset such as +08:00 or Z. Raises `ValueError` with what was wrong."""
    if offset in {"Z", "UTC"}:
        return UTC
    found = _OFFSET.fullmatch(offset)
    if found is None or int(found[2]) > 14 or int(found[3]) > 59:
        raise ValueError(f"{offset!r} is no offset: write it like +08:00, or Z")
    minutes = int(found[2]) * 60 + int(found[3])
    return timezone(timedelta(minutes=-minutes if found[1] == "-" else minutes))


def number(cell: Cell) -> float | None:
    """The finite number in a cell, a decimal comma included; None for anything else (empty, NaN, words)."""
    if isinstance(cell, datetime) or cell is None:
        return None
    try:
        value = float(cell if isinstance(cell, float) else cell.strip().replace(",", "."))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


@dataclass(frozen=True, slots=True)
class Instants:
    """Reads cells of one time column: `unit` as in a mapping, `origin` where relative ones begin, `zone` of those that name none."""

    unit: str
    origin: datetime
    zone: tzinfo

    def read(self, cell: Cell) -> datetime | None:
        """The instant in a cell; None when there is none to be read."""
        if isinstance(cell, datetime):
            return cell if cell.tzinfo else cell.replace(tzinfo=self.zone)
        try:
            return self._numeric(cell) if self.unit in RELATIVE or self.unit in EPOCHS else self._written(cell)
        except (ValueError, OverflowError):
            return None

    def _numeric(self, cell: Cell) -> datetime | None:
        value = number(cell)
        if value is None:
            return None
        if self.unit in RELATIVE:
            return self.origin + timedelta(seconds=value * RELATIVE[self.unit])
        return _EPOCH + timedelta(seconds=value * EPOCHS[self.unit])

    def _written(self, cell: Cell) -> datetime | None:
        text = str(cell).strip() if cell is not None else ""
        if not text:
            return None
        if self.unit == "elapsed":
            found = _ELAPSED.fullmatch(text)
            hours, minutes, seconds = (float(part or 0) for part in found.groups()) if found else (math.nan,) * 3
            return self.origin + timedelta(seconds=hours * 3600 + minutes * 60 + seconds) if found else None
        at = datetime.fromisoformat(text) if self.unit == "iso" else datetime.strptime(text, self.unit)  # noqa: DTZ007
        return at if at.tzinfo else at.replace(tzinfo=self.zone)
