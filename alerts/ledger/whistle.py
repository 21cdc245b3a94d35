"""Cases with an open whistle: what is asked for them. The whistles themselves are part of a case's work."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Select, literal, select

from alerts.ledger import tables

_A: Final = tables.alert.c


def whistled(limit: int) -> Select[Any]:
    """Every case with an open whistle, the oldest case first."""
    # Said in the words of the partial index, so that both databases use it.
    there = _A.whistling == literal(1, literal_execute=True)
    return select(tables.alert).where(there).order_by(_A.raised_at, _A.id).limit(limit)
