"""Cases that people have, or are at the scene of: what is asked before somebody is sent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, and_, literal, or_, select

from alerts.ledger import tables

_A: Final = tables.alert.c
MOST: Final = 1000


def given_to(people: Sequence[str], since: datetime) -> Select[Any]:
    """Cases of these people that are open, or were raised at or after an instant; the newest first."""
    # Said in the words of the partial indexes, so that both databases use them.
    theirs = (
        and_(column != literal("", literal_execute=True), column.in_(people)) for column in (_A.assignee, _A.at_scene)
    )
    wanted = or_(_A.is_open == 1, _A.raised_at >= since)
    newest = (_A.raised_at.desc(), _A.id)
    return select(tables.alert).where(or_(*theirs), wanted).order_by(*newest).limit(MOST)
