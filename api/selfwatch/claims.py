"""Who of several APIs tells people: one row per part in the outbox, taken over in a transaction. Pure.

The row is never sent from there: it is a record of what a process tells people by itself. Whoever claims it has `ASKED` to get through,
then another may try: maybe twice is better than never.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from alerts import canary
from alerts.alert import Notice, NoticeState, Reason
from api.selfwatch.parts import Grade, Part, Trouble
from ingest.events import digest
from streams.signal import Level

OWN: Final = "own-"  # begins the key of a notice that the outbox knows nothing of: receipts and key presses for it change nothing
ASKED: Final = timedelta(seconds=30)
_LEVELS: Final = {Grade.STOPPED: Level.RED, Grade.WEAKENED: Level.ORANGE}


def key_of(part: Part) -> str:
    """The key of a part's row."""
    return digest("selfwatch", part)


def level_of(trouble: Trouble) -> Level:
    """How bad a trouble is, on the scale of notices."""
    return _LEVELS[trouble.grade]


def claim(known: Notice | None, trouble: Trouble, by: str, now: datetime) -> Notice | None:
    """The row with which `by` may tell people now, or None: somebody has told them, or is about to."""
    level = level_of(trouble)
    stands = known is not None and known.reason is not Reason.RESOLVED
    if known is not None and stands and known.due_at > now and known.person != by and known.level.rank >= level.rank:
        return None
    reason = Reason.FIRST
    if known is not None and stands and known.sent_at is not None:
        reason = Reason.WORSE if level.rank > known.level.rank else Reason.REPEAT
    return Notice(
        key=key_of(trouble.part),
        alert="",
        person=by,
        name=trouble.part,
        role="selfwatch",
        grid="",
        channel=canary.SINK,
        reason=reason,
        level=level,
        text=trouble.why,
        created_at=trouble.since,
        due_at=now + ASKED,
        state=NoticeState.CANCELLED,  # nothing for the sender
        sent_at=known.sent_at if known is not None and stands else None,
    )


def told(claimed: Notice, now: datetime, repeat: timedelta) -> Notice:
    """The row once people have been told: nobody tells them again before `repeat` is over."""
    return replace(claimed, due_at=now + repeat, sent_at=now)


def well_again(known: Notice | None, now: datetime) -> Notice | None:
    """The row with which people may be told that it is over, or None: they were not told of it, or heard the end already."""
    if known is None or known.reason is Reason.RESOLVED or known.sent_at is None:
        return None
    return replace(known, reason=Reason.RESOLVED, due_at=now, finished_at=now)
