"""A second look at dead letters: what a worker could not digest goes back to where it stood, once today's code can read it. Pure.

A record goes back as it was, to its own topic and partition, so that a second replay writes the same again and keys fold it (law 3). What
is old by now is marked late and rings nobody (law 10). A lapse goes back only where it says that it is over, for one that began may have
been told and ended since.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np

from ingest.events import InvalidEvent, Lapse, Mark, Rejected, decode, encode
from ingest.frames import Frame, to_micros
from ingest.second_look import Fate, Kept
from ingest.topics import Topic
from streams import signal


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to be written, and where."""

    topic: str
    partition: int
    value: bytes
    key: bytes | None = None


@dataclass(frozen=True, slots=True)
class Letter:
    """What became of one of them. `entry` is to be written, so many readings and events, of which `late` are old by now."""

    kept: Kept
    fate: Fate
    why: str = ""
    entry: Entry | None = None
    readings: int = 0
    events: int = 0
    late: int = 0


def look(kept: Kept, partitions: int, now: datetime, late_after: timedelta) -> Letter:
    """What today's code makes of a dead letter. Asking again gives the same record; only lateness goes by `now`."""
    if kept.cut:
        return Letter(kept, Fate.CUT, f"only the first {len(kept.rejected.raw)} bytes were kept")
    topic, _, number = kept.rejected.topic.rpartition("/")
    if topic not in _READ:
        return Letter(kept, Fate.REJECTED, f"{kept.rejected.topic[:60]!r} is no topic that a worker reads")
    if not number.isdecimal() or int(number) >= partitions:
        return Letter(
            kept, Fate.REJECTED, f"partition {number[:10]} of {topic} is not there: log.partitions is {partitions}"
        )
    try:
        return _READ[topic](kept, Entry(topic, int(number), kept.rejected.raw), now - late_after)
    except InvalidEvent as error:
        return Letter(kept, Fate.REJECTED, str(error)[:500])


def _frame(kept: Kept, entry: Entry, before: datetime) -> Letter:
    frame = Frame.decode(kept.rejected.raw)
    old = frame.observed_at < to_micros(before)
    marked = replace(
        frame, marks=np.where(old, frame.marks | np.uint16(Mark.LATE), frame.marks).astype(frame.marks.dtype)
    )
    late, written = int(old.sum()), replace(entry, value=marked.encode())
    return Letter(kept, Fate.UNDERSTOOD, "", written, readings=len(frame), late=late)


def _event(kept: Kept, entry: Entry, before: datetime) -> Letter:
    event: Any = decode(kept.rejected.raw)
    if isinstance(event, Lapse) and not event.over:
        return Letter(kept, Fate.SILENT, "the beginning of a lapse is not told again: it may have ended since")
    if isinstance(event, Rejected):
        return Letter(kept, Fate.REJECTED, "a rejected message is replayed from where it was rejected")
    township = event.place.township.encode()
    return _marked(kept, event, getattr(event, "observed_at", None), before, replace(entry, key=township), encode)


def _signal(kept: Kept, entry: Entry, before: datetime) -> Letter:
    said = signal.decode(kept.rejected.raw)
    when = said.event_at if said.active else None  # an end is never late: it takes back what was told
    return _marked(kept, said, when, before, replace(entry, key=said.place.township.encode()), signal.encode)


def _marked(
    kept: Kept, said: Any, when: datetime | None, before: datetime, entry: Entry, written: Callable[[Any], bytes]
) -> Letter:
    late = when is not None and when < before
    if late:
        said = replace(said, marks=said.marks | Mark.LATE)
    return Letter(kept, Fate.UNDERSTOOD, "", replace(entry, value=written(said)), events=1, late=int(late))


_READ: Final[dict[str, Callable[[Kept, Entry, datetime], Letter]]] = {
    Topic.READINGS: _frame,
    Topic.SIGHTINGS: _event,
    Topic.CALLS: _event,
    Topic.PRESENCE: _event,
    Topic.SIGNALS: _signal,
}
