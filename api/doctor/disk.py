"""Is there room where this machine writes? Touches the file system."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from api.doctor.finding import Finding
from api.settings import Settings

LEAST: Final = 1 << 30
LEAST_PART: Final = 0.05  # of the whole disk


def folders(settings: Settings) -> list[Path]:
    """Where something of ours is kept on this machine, each disk once; the folder we are in where nothing is."""
    kept = []
    if settings.ledger.url.startswith("sqlite:///"):
        kept.append(Path(settings.ledger.url.removeprefix("sqlite:///")).parent)
    if settings.series.store == "embedded":
        kept.append(settings.series.path.parent)
    found: dict[int, Path] = {}
    for folder in [k for k in kept if k.exists()] or [Path()]:
        found.setdefault(folder.stat().st_dev, folder)
    return list(found.values())


def disk(settings: Settings) -> Iterator[Finding]:
    """Room on each disk."""
    for folder in folders(settings):
        usage = shutil.disk_usage(folder)
        well = usage.free >= LEAST and usage.free >= LEAST_PART * usage.total
        found = f"{usage.free / (1 << 30):.1f} GiB of {usage.total / (1 << 30):.1f} free at {folder.absolute()}"
        yield Finding("disk", well, found, "" if well else "make room: a full disk stops ledger and log")
