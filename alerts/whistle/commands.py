"""What people say about a whistle of a case (吹哨报到). `plan` is the policy of whistles: put in by the conductor."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from alerts.moves import Move
from alerts.whistle.policy import SHIPPED, WhistlePolicy


@dataclass(frozen=True, slots=True)
class Blow:
    """The township whistles. `matter` is the key of a standard matter, or what is to be done in words, which the units read."""

    move: ClassVar[Move] = Move.WHISTLE
    by: str
    matter: str
    note: str = ""
    deadline: datetime | None = None
    plan: WhistlePolicy = SHIPPED


@dataclass(frozen=True, slots=True)
class NameUnits:
    """The county centre names units, or further ones; `lead` is the unit that leads, the first named where nothing else is said."""

    move: ClassVar[Move] = Move.WHISTLE
    by: str
    units: tuple[str, ...] = ()
    lead: str = ""
    deadline: datetime | None = None
    plan: WhistlePolicy = SHIPPED


@dataclass(frozen=True, slots=True)
class Attend:
    """A unit reports for duty (报到)."""

    move: ClassVar[Move] = Move.WHISTLE
    by: str
    unit: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """A unit says what it has done."""

    move: ClassVar[Move] = Move.WHISTLE
    by: str
    unit: str
    text: str


@dataclass(frozen=True, slots=True)
class AcceptReport:
    """A unit's report is good; `score` is 1 to 5."""

    move: ClassVar[Move] = Move.WHISTLE
    by: str
    unit: str
    score: int | None = None
    note: str = ""

    def __post_init__(self) -> None:
        if self.score is not None and not 1 <= self.score <= 5:
            raise ValueError(f"a score is 1 to 5, got {self.score}; give another, or none")


@dataclass(frozen=True, slots=True)
class SendBack:
    """A unit's report is not good enough, with the reason."""

    move: ClassVar[Move] = Move.WHISTLE
    by: str
    unit: str
    note: str


@dataclass(frozen=True, slots=True)
class RemindUnits:
    """Whoever owes something is reminded; the same `key` reminds once."""

    move: ClassVar[Move] = Move.WHISTLE
    by: str
    key: str


@dataclass(frozen=True, slots=True)
class CallOff:
    """The whistle is not needed any more, with the reason."""

    move: ClassVar[Move] = Move.WHISTLE
    by: str
    note: str


WhistleCommand = Blow | NameUnits | Attend | Report | AcceptReport | SendBack | RemindUnits | CallOff
