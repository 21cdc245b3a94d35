"""Cases that were given to people: what is asked before somebody else is sent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, literal, or_, select

from alerts.ledger import tables

_A: Final = tables.alert.c
MOST: Final = 1000


def given_to(people: Sequence[str], since: datetime) -> Select[Any]:
    """Cases given to one of these people that are open, or were raised at or after an instant; the newest first."""
    # Said in the words of the partial index, so that both databases use it.
    given = _A.assignee != literal("", literal_execute=True)
    wanted = or_(_A.is_open == 1, _A.raised_at >= since)
    newest = (_A.raised_at.desc(), _A.id)
    return select(tables.alert).where(given, _A.assignee.in_(people), wanted).order_by(*newest).limit(MOST)
