"""Who is at the scene of a case, and when they were last heard of. A value; what becomes of it is `alerts.dispatch.on_scene`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Scene:
    """Somebody is there. `person` is an id on the roster, empty where only the name `by` is known.

    With `company` nobody is alone and no word is waited for. `asked` and `missed` say what this silence has led to so far: that the
    person was asked for a word, and that the level above was told that none came.
    """

    by: str
    arrived_at: datetime
    heard_at: datetime
    person: str = ""
    company: bool = False
    asked: bool = False
    missed: bool = False
