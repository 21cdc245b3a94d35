"""What a person says from the scene, or on behalf of whoever is there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from alerts.moves import Move


@dataclass(frozen=True, slots=True)
class Arrive:
    """Somebody is on the scene (到场). `person` is their id where it is known; with `company` they are not alone."""

    move: ClassVar[Move] = Move.ARRIVE
    by: str
    note: str = ""
    company: bool = False
    via: str = ""
    person: str = ""


@dataclass(frozen=True, slots=True)
class CheckIn:
    """Whoever is at the scene is well (报平安): said by themselves, or by somebody who has spoken to them."""

    move: ClassVar[Move] = Move.CHECK_IN
    by: str
    via: str = ""
    note: str = ""
